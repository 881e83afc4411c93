create table t1(id int auto_increment primary key, a tinyint unsigned zerofill, b smallint(3), c mediumint unsigned, d bigint not null default 5, e bigint unsigned, f decimal(10,2) not null default 1.5, g decimal, h float, i double, j float(7,3), k double(10,2) unsigned, l bit, m bit(8) default b'101', n year, p bool default true, q float(30), r decimal(20,0) zerofill)
show create table t1
show columns from t1

create table t2(a char, b char(10) default 'it''s', c varchar(20) not null default '', d text, e tinytext not null, f mediumtext, g longtext character set latin1, h binary, i binary(5) default 'a', j varbinary(10) default x'0041', k blob, l tinyblob, m enum('a','b','it''s') default 'b', n set('x','y') default 'x,y', o json, p varchar(10) collate utf8mb4_bin, q varchar(10) character set latin1, r text default 'abc', s char(3) binary, t national varchar(5), u varchar(10) character set binary, v text character set binary, w enum('a') character set latin1, x text(100), y blob(70000), z long varchar)
show create table t2
show columns from t2

create table t3(a date default '2020-01-02', b time(3) default '10:11', c datetime(6) default current_timestamp(6) on update current_timestamp(6), d timestamp, e timestamp, f timestamp null, g datetime default now(), h timestamp not null default current_timestamp on update current_timestamp, i date default (curdate()), j int default (1+2), k varchar(36) default (uuid()), l int default null, m datetime not null, n timestamp default 0)
show create table t3

create table t4(a int, b int generated always as (a+1) virtual, c int as (a*2) stored, d int as (a+b) persistent unique, e varchar(10) as (concat('x',a,'é')) comment 'hi''there', f int invisible default 3, check (a>0), constraint cc check (a<100 and b is not null), g int check (g>1), unique(a,b), key (a), key kk (a desc, c) using btree comment 'kc', index(a), unique key (b))
show create table t4
show index from t4

create table p(id int primary key, x int, y varchar(10), unique(x), key(y))
create table c(a int, b int references p(id), c varchar(10), foreign key (a) references p(id) on delete cascade on update set null, constraint foo foreign key fkix (c) references p(y) on delete no action on update restrict, foreign key (b) references p(x))
show create table c

create table u(a serial, b int, primary key(b)) comment='it''s' auto_increment=55 default charset=latin1 row_format=dynamic
show create table u

create table u2(a varchar(10), b varchar(10) charset utf8mb4, c varchar(10) collate latin1_bin) collate latin1_swedish_ci
show create table u2

create table u3(a varchar(10)) charset utf8
show create table u3

create table u4(a varchar(10), b varchar(10) collate utf8mb4_general_ci) collate utf8mb4_unicode_ci
show create table u4

create table e(a int auto_increment)
show create table e

create table e(a int, a int)
show create table e

create table e(a int primary key, b int primary key)
show create table e

create table e(a int, primary key(a), primary key(a))
show create table e

create table e(a int, key k(a), key K(a))
show create table e

create table e(a int, key (b))
show create table e

create table e(a int auto_increment primary key, b int auto_increment unique)
show create table e

create table e(a text, key(a))
show create table e

create table e(a text primary key)
show create table e

create table e(a int null primary key)
show create table e

create table e(a int null, primary key(a))
show create table e

create table e(a varchar(100000))
show create table e

create table e(a varchar(16384))
show create table e

create table e(a varchar(16383))
show create table e

create table e(a char(256))
show create table e

create table e(a binary(256))
show create table e

create table e(a varbinary(65536))
show create table e

create table e(a decimal(66,2))
show create table e

create table e(a decimal(10,39))
show create table e

create table e(a decimal(5,6))
show create table e

create table e(a float(256,3))
show create table e

create table e(a double(10,32))
show create table e

create table e(a int(256))
show create table e

create table e(a bit(65))
show create table e

create table e(a datetime(7))
show create table e

create table e(a time(7))
show create table e

create table e(a timestamp(7))
show create table e

create table e(a year(3))
show create table e

create table e(`a ` int)
show create table e

create table e(`` int)
show create table e

create table `e ` (a int)

create table `` (a int)

create table aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345 (a int)

create table e(aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345 int)
show create table e

create table e(a int, key aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345 (a))
show create table e

create table e()
show create table e

create table e(a int default 'x')
show create table e

create table e(a int default 300000000000)
show create table e

create table e(a tinyint not null default null)
show create table e

create table e(a int auto_increment primary key default 5)
show create table e

create table e(a varchar(10) auto_increment primary key)
show create table e

create table e(a decimal(10,0) auto_increment primary key)
show create table e

create table e(a double auto_increment primary key)
show create table e

create table e(a enum('a','a'))
show create table e

create table e(a enum('a','A'))
show create table e

create table e(a set('a,b'))
show create table e

create table e(a enum('a') default 'c')
show create table e

create table e(a date default '2020-13-01')
show create table e

create table e(a varchar(2) default 'abc')
show create table e

create table e(a int on update current_timestamp)
show create table e

create table e(a datetime default current_timestamp(3))
show create table e

create table e(a datetime(3) default current_timestamp)
show create table e

create table e(a datetime(3) default current_timestamp(2))
show create table e

create table e(a datetime on update current_timestamp(3))
show create table e

create table e(a int default b)
show create table e

create table e(a int default (b+1), b int)
show create table e

create table e(a int as (z+1))
show create table e

create table e(a int as (a+1))
show create table e

create table e(a int as (b+1), b int as (a+1))
show create table e

create table e(a int, b int as ((select 1)))
show create table e

create table e(a int check (z>1))
show create table e

create table e(a int check ((select 1)>1))
show create table e

create table e(a int, constraint x check(a>1), constraint x check(a>2))
show create table e

create table e(a int, constraint x check(a>1), constraint x unique(a))
show create table e

create table e(a varchar(800) primary key)
show create table e

create table e(a varchar(768) primary key)
show create table e

create table e(a varchar(800), key(a))
show create table e

create table e(a varchar(800), unique(a))
show create table e

create table e(a text, unique(a))
show create table e

create table e(a varchar(10), key(a(20)))
show create table e

create table e(a int, key(a(2)))
show create table e

create table e(a varchar(10), key(a(10)))
show create table e

create table e(a varchar(10), key(a(0)))
show create table e

create table e(a text, key(a(800)))
show create table e

create table e(a text, unique(a(800)))
show create table e

create table e(a varchar(500), b varchar(500), key(a,b))
show create table e

create table e(a varchar(500), b varchar(500), unique(a,b))
show create table e

create table e(a int, key(a,a))
show create table e

create table e(a int) engine=foo
show create table e

create table e(a int) engine=myisam
show create table e

create table e(a int) engine=memory
show create table e

create table e(a int) charset foo
show create table e

create table e(a int) charset latin1 collate utf8mb4_bin
show create table e

create table e(a varchar(10) charset latin1 collate utf8mb4_bin)
show create table e

create table e(a varchar(10) collate foo)
show create table e

create table if not exists e(a int)
create table if not exists e(a int)

create table e(a int)
create table nodb.e(a int)
show create table e

drop table nope
drop table if exists nope
drop table e, nope
show tables

drop table nodb.e
drop table if exists nodb.e
drop table nope, nope2
drop table if exists nope, nope2

create table e(a varchar(10000), b varchar(10000))
show create table e

create table e(a enum('x') not null, b set('y') not null default '')
show create table e

create table e(a int unsigned default -1)
show create table e

create table e(a bit(2) default 5)
show create table e

create table e(a text auto_increment)
show create table e

create table e(a int collate latin1_bin)
show create table e

create table e(a int, b int, c int, index x (a), constraint y unique z (b), constraint w primary key (c))
show create table e

create table e(a int, constraint y unique (a))
show create table e

create table e(a text primary key)

create table e(a int null primary key)

create table e(a int null, primary key(a))
show create table e

create table e(a int default null, primary key(a))

create table e(a int, primary key(a))
show create table e

create table e(a varchar(16384))

create table e(a varbinary(65536))

create table e(a varbinary(65535))

create table e(a varbinary(65533), b tinyint)

create table e(a year(3))
show create table e

create table e(a int default b)

create table e(a int default (b+1), b int)
show create table e

create table e(a datetime default current_timestamp(3))

create table e(a datetime on update current_timestamp(3))

create table e(a int as (1))
show create table e

create table e(a int as (1) stored, primary key(a))

create table e(a int as (1) virtual, primary key(a))

create table e(a int, b int, c int not null, index x (a), constraint y unique z (b), constraint w primary key (c))
show create table e

create table e(a int collate latin1_bin)

create table e(a int auto_increment, key(a))
show create table e

create table e(a int auto_increment, b int, key(b,a))

create table e(a int auto_increment null unique)
show create table e

create table e(a int primary key auto_increment comment 'x' , b int not null unique, c int unique)
show create table e

create table e(a int, b int not null, c int not null, key(a), unique(c), primary key(b), unique(a), unique u(b,c))
show create table e

create table e(a text, b json not null default '{}', c json check (json_valid(c)), d json default (json_array()))
show create table e
show columns from e

create table e(a serial)
show create table e

create table e(a bit(4) default 5, b bit(8) default b'0', c bit(3) default '1')
show create table e

create table e(a enum('a ','b') , b set('x ') )
show create table e

create table e(a decimal(5,2) default 1.24, b int default 1.6, c float default 1.5, d double default 1e10, e decimal(3,1) default '7', f varchar(10) default 12, g datetime default '2020-01-01', h datetime(2) default '2020-01-01 10:11:12.345', i time default 101112, j year default 2020, k int default '5', l int default true, m date default 20200101, n char(5) default 'ab  ', o int default -5, p varchar(10) default '', q double default 0.1, r float default 0.1, s bigint unsigned default 18446744073709551615, t decimal(30,10) default 1, u enum('1','2') default 1, v int default 0x41, w varchar(10) default 0x41, x int default +3, y int zerofill default 7, z set('a','b') default 'b,a')
show create table e
show columns from e

create table e(a decimal(3,1) default 1000)

create table e(a int default (1), b int default (b+1))

create table e(c1 int, c2 int default (c1 + 1) on update current_timestamp)

create table e(a timestamp(3) default now(3) on update now(3), b timestamp default '2020-01-01 10:00:00' on update now(), c timestamp(6) null on update now(6), d datetime not null on update now(), e timestamp not null)
show create table e
show columns from e

create table e(a int comment '1234567')comment='a\nb\\c''d"'
show create table e

create table e(a varchar(10) default 'a\nb\\c''d"\0x\tz\Z\r', b enum('a\nb','c\\d','é') default 'a\nb')
show create table e
show columns from e

create table e(`a``b` int, `c d` int check(`c d`>1), key `x``y`(`a``b`))
show create table e

create table e(a int, check(a>1), constraint CONSTRAINT_1 check(a>2))
show create table e

create table p(id int primary key, x int, y varchar(10), key(x), key(y), z bigint, u int unsigned, w varchar(20) collate utf8mb4_bin)
create table c(a int, foreign key(a) references nope(id))
create table c(a int, foreign key(a) references p(nope))
create table c(a int, foreign key(a) references p(z))
create table c(a bigint, foreign key(a) references p(id))
create table c(a int unsigned, foreign key(a) references p(id))
create table c(a varchar(50), foreign key(a) references p(y))
show create table c
drop table c
create table c(a varchar(50) collate utf8mb4_bin, foreign key(a) references p(y))
create table c(a int, foreign key(b) references p(id))
create table c(a int, foreign key(a) references p(id, x))
create table c(a int not null, foreign key(a) references p(id) on delete set null)
create table c(a int, constraint f foreign key(a) references p(id), constraint f foreign key (a) references p(x))
create table c(a text, foreign key(a) references p(y))
create table c(a int, foreign key(a) references p(id) on delete set default)
create table c(a int references p)
create table c(a int references p(id))
show create table c
drop table p
truncate table p
alter table c drop index a
alter table c drop column a
alter table p drop column id
alter table p drop primary key
alter table p modify id bigint
alter table c modify a bigint
alter table p rename column id to id2
show create table c
rename table p to p2
show create table c
alter table c rename to z.c2
show create table c2
alter table c2 drop foreign key c2_ibfk_1
alter table c2 drop foreign key c_ibfk_1
alter table c2 add foreign key (a) references p2(id2)
show create table c2
alter table c2 add foreign key (a) references p2(x)
alter table c2 drop constraint c2_ibfk_2
alter table c2 drop constraint nope
alter table c2 drop foreign key nope
drop table if exists p2
drop database z

create table a(id int primary key)
create table b(id int, constraint bb foreign key(id) references a(id))
create table b2(id int, constraint bb foreign key(id) references a(id))
create table s(id int primary key, p int, foreign key(p) references s(id) on delete cascade)
show create table s
drop table a,b
drop table if exists a,b
show tables

set foreign_key_checks=0
create table c(a int, foreign key(a) references p(id) on delete cascade)
create table p(id bigint primary key)
create table p(id int)
create table p(id int primary key)
set foreign_key_checks=1
set foreign_key_checks=0
drop table p
set foreign_key_checks=1
show create table c

create table p(id int, k int, primary key(id,k))
create table c(a int, b int, c int, foreign key fk1 (a) references p(id), constraint f2 foreign key (a,b) references p(id,k) on update cascade, key(c))
show create table c
create table d(a int, foreign key (a) references p(k))
drop table c
create table c(a int, b int, key zz (a,b), foreign key (a) references p(id))
show create table c
alter table c drop key zz
alter table c drop key zz, add key yy(a)
show create table c
alter table c add key xx(a,b), add foreign key (a,b) references p(id,k)
show create table c

create table e(a int)
alter table e modify a tinyint
alter table e modify a int not null
alter table e add b int not null
alter table e add unique(b)
alter table e add b int
alter table e add column if not exists b int
alter table e drop zz
alter table e drop if exists zz
alter table e drop a, drop b
alter table e change zz y int
alter table e modify zz int
alter table e modify if exists zz int
alter table e rename column zz to y
alter table e rename column a to b
alter table e alter zz set default 5
alter table e alter a set default 'x'
alter table e alter a set default 7
alter table e alter a drop default
show create table e
alter table e drop key zz
alter table e drop key if exists zz
alter table e drop primary key
alter table e add primary key(a)
alter table e add key(b), add key(b), add index zz(b), add index zz(a)
alter table e add key(b), add key(b), add index zz(b)
show create table e
alter table e rename key zz to b
alter table e rename key zz to yy
alter table e rename key nope to yy
alter table e add c int first, add d int after b, add f int after nope
alter table e add c int first, add d int after b
show create table e
alter table e modify d int first, modify c int after a
show create table e
alter table e add g int auto_increment primary key
show create table e
alter table e auto_increment=100
show create table e
alter table e auto_increment=1
show create table e
alter table e convert to character set latin1
alter table e default charset utf8mb4, comment='x', engine=innodb
show create table e
alter table e add constraint ck check (g>2)
alter table e add constraint ck check (g>0)
alter table e drop constraint ck
alter table e drop constraint ck
alter table e add check (g>0)
alter table e drop constraint CONSTRAINT_1
alter table e drop column g, add key(c,d)
alter table e drop column c
show create table e
alter table nope add a int
alter table if exists nope add a int
alter table e rename to e
alter table e rename nodb.e
alter table e disable keys
alter table e add z varchar(5) default 'abc', add zz datetime not null, add zzz enum('q','r') not null
alter table e add z datetime not null default current_timestamp
alter table e add z2 int as (a+1), add z3 int as (a+2) stored
alter table e add key(z2)
alter table e modify z2 int as (a+5)
alter table e modify z2 int
show create table e
alter table e drop a
alter table e drop z3, drop z2
alter table e order by a

create table e(a varchar(5))
alter table e modify a varchar(2)
alter table e modify a int
alter table e add unique(a)
alter table e add unique(a)
alter table e modify a date
alter table e modify a enum('abc','12')
alter table e drop a
create unique index x on e(a)
create index x on e(a)
create index x on e(a)
create index if not exists x on e(a)
create index y on e(zz)
drop index x on e
drop index x on e
drop index if exists x on e

create table e(id int auto_increment primary key)
alter table e modify id bigint
alter table e modify id int
show create table e
alter table e change id k int auto_increment
show create table e
alter table e add key (k), drop primary key
show create table e
alter table e drop key k
alter table e modify b int
show create table e
alter table e add c int check(c>1)
alter table e change c d int check (d>2)
show create table e
alter table e rename column d to f
show create table e
alter table e drop bb
alter table e change bb bbb int
show create table e

create table e(a int, b int as (a+1), key(b), check(a>1 and b>2), check (a>1))
alter table e change a c int
show create table e
alter table e rename column a to d
show create table e
alter table e drop a
alter table e drop b
show create table e
alter table e drop a
show create table e

create table a(x int, y int)
create table b(z int, x varchar(10) not null, primary key(x))
create table f like b
show create table f
create table a(x int)
create table b like a
create table if not exists b like a
create table g like nope
create or replace table a(q int)
show create table a
rename table a to b
rename table nope to n
rename table a to a2, b to a, a2 to b
show create table a
show tables
truncate nope
truncate a
drop table a
create sequence s start with 5 increment 2
show create table s
create sequence s
create sequence s3 increment -1
show create table s3
create sequence s4 minvalue 5 maxvalue 3
drop sequence s2
drop sequence b
drop sequence if exists s2
show tables
drop table s
create temporary table tt(a int)
show create table tt
show tables
drop temporary table b
drop temporary table tt
show create database z
create database if not exists z charset latin1 comment 'hey'
create or replace database z charset latin1 comment 'hey'
use z
show create database z
create table t(a varchar(5))
show create table t

create table x1(a int unique primary key)
show create table x1
create table x2(a int primary key unique)
show create table x2
create table x3(a tinytext, b text, c blob, d tinytext charset latin1, key(a), key(b), key(c), key(d), key kk(a,d))
show create table x3
create table x4(a int unique, b int unique)
show create table x4
create table x5(a varchar(20), unique(a) using hash, key(a) using hash)
show create table x5
alter table x5 modify a varchar(30)
show create table x5
create table x6(a int, b int, check (a>1 and a<5), check (a>b), constraint z check (b>1))
alter table x6 drop column b
alter table x6 drop column a
show create table x6
create table x7(a text, b int, unique u(b, a desc), unique(a desc))
show create table x7

create table k1(a int primary key, b int) comment 'x' partition by key (a)
show create table k1
create table k2 like k1
show create table k2
alter table k1 partition by key (a)
alter table k1 change a c int
show create table k1
alter table k1 drop primary key
alter table k1 drop column c
alter table k1 modify c text
show create table k1
alter table k2 add d int, comment = 'y'
rename table k2 to k3
show create table k3

create table k1(a int, b int) row_format=dynamic partition by key (b, a)
show create table k1
alter table k1 drop column a
alter table k1 modify b bigint
show create table k1

create table k(a int) partition by key (zz)
create table k(a int) partition by key ()
create table k(a int, b int) partition by key (a, A)
create table k(a text) partition by key (a)
create table k(a blob) partition by key (a)
create table k(a json) partition by key (a)
create table k(a int) partition by key (a) partitions 0
create table k(a int) partition by key (a) partitions 8193
create temporary table k(a int) partition by key (a)
create table k(a int) partition by key (a) comment 'x'
create table k(a int) partition by key (a) partition by key (a)
create table k(a int) partition by key a
create table k(a int) partition by key (a desc)
create table k(a varchar(10)) partition by key (a(5))
create table k(a int, partition by key (a))
create table k(a int, b int as (a+1) virtual) partition by key (b)
create table f(a float) partition by key (a)

create table k(a enum('x'), b set('y'), c bit(3), d year, e time(3), f decimal(30,2), g varbinary(3), h char(4), i timestamp) partition by key (a,b,c,d,e,f,g,h,i)
show create table k

create table ke(a int primary key, b int) partition by key ()
show create table ke
create table k2(a int, b int not null, unique (a), unique (b)) partition by key ()
create table k3(a int primary key, b int) partition by key (a) partitions 4
show create table k3
create table k4(a int primary key, b int) partition by key (b)
show create table k4
create table k5(a int) /*!50100 PARTITION BY KEY (a) */
show create table k5
create table k6(a int) /*!999999 BROADCAST */
show create table k6
create table k7(a int, foreign key (a) references ke(a)) partition by key (a)

create table k(a01 int,a02 int,a03 int,a04 int,a05 int,a06 int,a07 int,a08 int,a09 int,a10 int,a11 int,a12 int,a13 int,a14 int,a15 int,a16 int,a17 int,a18 int,a19 int,a20 int,a21 int,a22 int,a23 int,a24 int,a25 int,a26 int,a27 int,a28 int,a29 int,a30 int,a31 int,a32 int,a33 int) partition by key (a01,a02,a03,a04,a05,a06,a07,a08,a09,a10,a11,a12,a13,a14,a15,a16,a17,a18,a19,a20,a21,a22,a23,a24,a25,a26,a27,a28,a29,a30,a31,a32,a33)
create table k(a01 int,a02 int,a03 int,a04 int,a05 int,a06 int,a07 int,a08 int,a09 int,a10 int,a11 int,a12 int,a13 int,a14 int,a15 int,a16 int,a17 int) partition by key (a01,a02,a03,a04,a05,a06,a07,a08,a09,a10,a11,a12,a13,a14,a15,a16,a17)
