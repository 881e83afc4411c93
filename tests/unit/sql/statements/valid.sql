select 1 from dual where 1 limit 1
select sql_no_cache distinct a from t
select a.*, p.a.*, b from p.a join b
select a as `x y`, a 'x', a "y", a as 'z' from t
select * from t as x use index (i) ignore index for join (primary, k) where x.a = 1
select * from t force index (primary)
select * from t partition (p0, p1) as x
select * from (t, u)
select * from (t join u on t.a=u.a) left join v on 1
select * from ((t))
select * from {oj t left join u on t.a = u.a}
select * from t inner join u using (a, b) natural join v natural left join w
select * from t straight_join u on t.a=u.a
select * from t cross join u on t.a=u.a
select * from (select 1 as a) as x, (select 2) y
select * from (select 1 union select 2) x
select * from ((select 1) union (select 2)) x
select * from ((select 1 as a) x join (select 2 as b) y)
((select 1))
((select 1) union all (select 2)) order by 1
(select 1) union (select 2) limit 1
select 1 union select 2 union all select 3 except select 4 intersect select 1
select 1 union distinct select 2
with a as (select 1 x), b(y) as (select * from a) select * from b
with recursive n(i) as (select 1 union all select i+1 from n where i<5) select * from n
with a as (select 1) select * from a union select 2 order by 1
select * from (with a as (select 1) select * from a) x
select (with a as (select 1) select * from a)
select * from t where a in (with x as (select 1) select * from x)
with x as (select 1) select 1 from t where exists (select * from x)
select exists(select 1 from t), not exists (select * from t where a=1)
select a from t where (a,b) in (select 1,2)
select a from t where a in ((select 1), 2)
select a from t where a in ((select 1))
select a from t where (select 1) = 1 and (select 1) in (1)
select ((select 1) + 1)
select a from t where a > any (select 1) and a <= all (select 2) and a = some (select 1)
select row_number() over (partition by a order by b desc rows between 1 preceding and 1 following) from t
select sum(a) over w, avg(a) over (w order by b) from t window w as (partition by a)
select lag(a, 1, 0) over (order by b), first_value(a) over (order by b range between unbounded preceding and current row) from t
select count(*) over (), rank() over (order by a), dense_rank() over (order by a), ntile(4) over (order by a), percent_rank() over (order by a), cume_dist() over (order by a), nth_value(a,2) over (order by a) from t
select group_concat(distinct a order by b desc separator '; ') from t
select group_concat(a,b order by 1 separator '') from t group by c with rollup having count(*) > 1
select count(distinct a, b), count(all a), sum(distinct a) from t
select sql_calc_found_rows a from t limit 5 offset 10
select a from t limit 5,10
select a from t offset 5 rows fetch next 10 rows only
select a from t order by a fetch first row only
select a from t for update
select a from t where a=1 for update nowait
select a from t for update skip locked
select a from t for update wait 5
select a from t lock in share mode
select a into @x from t limit 1
select a, b into @x, @y from t where c=1
select a from t into @x
select a from t limit 1 into @x
select straight_join high_priority a from t
select a from t group by a, b desc
select a from t group by 1 order by null
select case when a then 1 else 2 end as x, case a when 1 then 'x' end from t
select cast(a as signed), cast(a as unsigned integer), cast(a as char(10) character set utf8mb4), cast(a as decimal(10,2)), cast(a as datetime(6)), convert(a, char), convert(a using utf8mb4), cast(a as double), cast(a as binary(10)), cast(a as time), cast(a as date) from t
select date_add(now(), interval 1 day), adddate(a, 5), subdate(a, interval 1 week), now() + interval '1 2:3' day_minute, date_sub(a, interval b hour) from t
select extract(year_month from a), timestampdiff(second, a, b), timestampadd(sql_tsi_day, 1, a) from t
select trim(a), trim(both 'x' from a), trim(leading from a), trim(trailing 'x' from a), trim('x' from a) from t
select substring(a, 1), substring(a from 2), substring(a from 2 for 3), substr(a, 1, 2), mid(a, 1, 2), position('a' in b), locate('a', b) from t
select if(a,b,c), ifnull(a,b), nullif(a,b), coalesce(a,b), left(a,1), right(a,1), repeat(a,2), replace(a,'x','y'), insert(a,1,2,'x'), mod(a,2), char(65,66 using utf8mb4), truncate(a,2), format(a,2) from t
select current_timestamp, current_timestamp(), current_timestamp(3), current_date, current_date(), current_time, current_user, current_user(), localtime, localtimestamp, utc_date, utc_time(), utc_timestamp(3), now(6), sysdate()
select database(), schema(), user(), version(), connection_id(), last_insert_id(), found_rows(), row_count()
select @@version, @@global.max_connections, @@session.sql_mode, @a, @`a b`, @'q', @a := 1
select 'a' 'b' "c"
select _utf8mb4'x' collate utf8mb4_bin, N'x', x'41', 0x41, b'01', 0b01, 1.5, .5, 5., 1e5, 1.5e-3, true, false, null, \N
select date'2020-01-01', time '10:00:00', timestamp '2020-01-01 00:00:00', {d '2020-01-01'}
select a collate utf8mb4_general_ci like 'x%' escape '|' from t
select not a, !a, -a, +a, ~a, binary a, a xor b, a and b or c, a && b || c from t
select a between 1 and 2 and b, a not between 1 and 2, a in (1), a not in (1,2), a like b, a not like b, a regexp b, a not rlike b, a is null, a is not null, a is true, a is not false, a is unknown, a sounds like b, a <=> b, a div b, a mod b, a % b, a ^ b, a | b, a & b, a << b, a >> b from t
select match(a,b) against ('x' in boolean mode) from t
select match a against ('x') from t
select default(a), values(a) from t
select interval(a,1,2), interval 1 day + a from t
select get_format(date, 'EUR')
select next value for s, nextval(s), previous value for s, lastval(s), setval(s, 5)
select year(a), month(a), day(a), date(a), time(a), timestamp(a), quarter(a), week(a,1), hour(a), minute(a), second(a), microsecond(a), user(), password('x') from t
select json_object('a', 1), json_extract(a, '$.x'), json_arrayagg(a order by b limit 2), json_objectagg(a, b) from t
select p.f(1), f(a), f() from t
select count from t
select t.select from t
select a from t where b = ? and c in (?, ?) limit ?
select a /* c */ from t -- x
select a from t # x
select /*! straight_join */ a from t
select 1 /*!50000 + 1 */
select 1 /*!99999 + foo bar */
select /*+ MAX_EXECUTION_TIME(1000) */ 1
select value, status, type, name, date, time, key_block_size, position, text, comment, user, role, level, action, data, year, month, day, hour, end, offset_ from t
select a from `p`.`t` `x`
select a from .t
values (1,2),(3,4) order by 1 limit 1
select * from (values (1,2)) x
select 1 where 1
select a from t having a > 1
select * from t1 left outer join t2 on t1.a=t2.a right outer join t3 on t2.a=t3.a
select * from t1 left join (t2 cross join t3) on t2.a=t1.a and t3.b=t1.b
select * from t1 left join t2 inner join t3 on t2.a=t3.a on t1.a=t2.a
select * from t for system_time as of timestamp '2020-01-01'
select * from t for system_time all
select std(a), stddev_pop(a), var_samp(a), variance(a), bit_and(a), bit_or(a), bit_xor(a) from t
insert into t values (1,2),(3,4)
insert into t value (1)
insert t (a,b) values (1, default), (default, default(a))
insert into t () values ()
insert into t () values (),()
insert into t set a=1, b=default
insert low_priority ignore into t values (1)
insert delayed into t values (1)
insert high_priority into t values (1)
insert into p.t (t.a, p.t.b) values (1,2)
insert into t select * from u
insert into t (a) (select a from u)
insert into t (a) select 1 union select 2
insert into t with x as (select 1) select * from x
insert into t (a,b) values (1,2) on duplicate key update a=values(a), b=b+1, t.c = value(c)
insert into t select a from u on duplicate key update t.a=u.a
insert into t set a=1 on duplicate key update a=2
insert into t values (1) returning *, a, b as c
insert into t partition (p0) values (1)
replace into t values (1,2)
replace t (a) values (1)
replace into t set a=1
replace into t select * from u
replace delayed into t values (1) returning *
insert into t values (now(), (select 1), 1+1, 'a' 'b', -1, null, @x, ?)
update t set a=1
update low_priority ignore t set a=1, t.b=default, c=b+1 where a=1 order by b desc limit 5
update t as x set x.a=1
update t, u set t.a=u.a where t.id=u.id
update t left join u on t.id=u.id set t.a=null, u.b=1 where u.a is null
update t join (select 1 as id) x using(id) set a=1
update p.t set p.t.a=1
delete from t
delete low_priority quick ignore from t where a=1 order by b limit 3
delete from t where a in (select 1) returning a
delete t from t where a=1
delete t, u from t join u using(id) where t.a=1
delete t.*, p.u.* from t join u using(id)
delete from t, u using t join u using(id) where t.a=1
delete from t.* using t join u
delete x from t as x left join u on x.id=u.id where u.id is null
delete quick from t
delete from p.t
load data local infile 'x.csv' into table t fields terminated by ',' optionally enclosed by '"' escaped by '\\' lines terminated by '\n' ignore 1 lines (a, @b, c) set d=@b+1
load data infile 'x' replace into table p.t character set utf8mb4
load data concurrent local infile 'x' ignore into table t columns terminated by 0x09 lines starting by 'x' ignore 2 rows
create table t (a int)
create table if not exists p.t (a int(11) unsigned zerofill not null default '0' auto_increment primary key comment 'x')
create or replace table t (a int)
create temporary table t (a int) engine=memory
create table t like u
create table t (like u)
create table t select 1 as a
create table t as select 1 as a
create table t (a int) select 1 as a
create table t (a int) engine=innodb as select 1 a union select 2
create table t (a int) ignore select 1 as a
create table t (a int) replace as select 1 as a
create table t (a tinyint, b smallint, c mediumint, d int, e bigint, f integer, g int1, h int2, i int3, j int4, k int8, l middleint, m bool, n boolean, o bit, p bit(8), q serial)
create table t (a decimal, b decimal(10), c decimal(10,2), d numeric(5,1), e dec, f fixed(4,2), g float, h float(10), i float(30), j float(7,4), k double, l double precision, m real, n double(10,2), o float4, p float8, q decimal unsigned)
create table t (a char, b char(10), c varchar(10), d character varying(10), e varchar(10) binary, f char(10) character set latin1 collate latin1_bin, g nchar(5), h nvarchar(5), i national char(5), j national varchar(5), k varchar(5) charset utf8mb4, l char byte, m char ascii, n nchar varying(5), o national character varying(5), p varchar(10) unicode, q character(5))
create table t (a tinytext, b text, c text(100), d mediumtext, e longtext, f tinyblob, g blob, h blob(100), i mediumblob, j longblob, k binary(10), l varbinary(10), m binary, n long, o long varchar, p long varbinary, q json, r uuid, s inet6, t long char varying)
create table t (a date, b time, c time(3), d datetime, e datetime(6), f timestamp, g timestamp(3) null, h year, i year(4))
create table t (a enum('x','y') character set utf8mb4 default 'x', b set('a','b','c') not null)
create table t (a timestamp not null default current_timestamp on update current_timestamp, b datetime(3) default now(3) on update now(3), c datetime default current_timestamp(), d timestamp default '0000-00-00 00:00:00', e date default (curdate()), f int default (1+1), g varchar(36) default uuid(), h int default -1, i float default 1.5, j bit default b'1', k int default null, l bool default false, m varchar(5) default 'x' collate utf8mb4_bin)
create table t (a int, b int as (a+1), c int generated always as (a*2) virtual, d int as (a) persistent, e int as (a) stored, f int generated always as (a+b) stored unique comment 'x', g int as (a) virtual not null)
create table t (a int check (a > 0), b int, constraint c1 check (a<b), check (b>0), constraint check (a > 1))
create table t (a int invisible, b int unique, c int unique key, d int key)
create table t (a int references u(id) on delete cascade on update set null, b int, foreign key (b) references u (id) on delete set default on update no action, constraint fk1 foreign key k (a,b) references p.u (x,y) match full on delete restrict)
create table t (a int, b varchar(100), primary key (a), key (b), index i (b(10)), unique (a,b), unique key uk (b), unique index ui using btree (a desc), fulltext key ft (b), key k2 (a) using hash comment 'x' key_block_size=8, constraint pk unique (a), fulltext (b) with parser p)
create table t (a int, b geometry not null, spatial index (b))
create table t (a int, constraint primary key (a))
create table t (a int, constraint pk primary key using btree (a asc))
create table t (a int) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_unicode_ci auto_increment=5 comment='x' row_format=dynamic key_block_size=8 stats_persistent=1 avg_row_length 10 checksum 1 pack_keys default max_rows=10, min_rows=1 delay_key_write=1
create table t (a int) engine innodb, default character set utf8mb4 collate utf8mb4_bin, comment 'x'
create table t (a int) charset utf8mb4
create table t (a int) partition by key (a)
create table t (a int) partition by hash (a) partitions 4
create table t (a int) partition by range (a) (partition p0 values less than (10), partition p1 values less than maxvalue)
create table t (a int) partition by list (a) (partition p0 values in (1,2))
create table t (`a b` int, `c``d` int, `select` int)
create index i on t (a)
create unique index i on t (a, b(10) desc) using btree comment 'x' algorithm=inplace lock=none
create index if not exists i using btree on p.t (a)
create or replace index i on t (a)
create fulltext index i on t (a)
drop index i on t
drop index if exists i on t algorithm=copy
drop index `primary` on t
alter table t add a int
alter table t add column a int first, add column if not exists b int after a, add (c int, d int, key (c))
alter table t drop column a, drop if exists b, drop primary key, drop index i, drop key if exists k, drop foreign key f, drop constraint c, drop constraint if exists d, drop c cascade
alter table t change a b int not null, change column if exists c d varchar(10) after e, modify a bigint first, modify column if exists b int
alter table t alter a set default 1, alter column b drop default, alter c set default (now())
alter table t rename u
alter table t rename to p.u
alter table t rename as u
alter table t rename column a to b, rename index i to j, rename key k to l
alter table t add primary key (a), add unique u (b), add index (c), add key k (d), add fulltext (e), add constraint fk foreign key (a) references u(a), add foreign key (b) references u(b), add constraint check (a>0), add constraint c check (b>0), add check (c>0), add unique index if not exists ui (a), add constraint pk primary key (a), add index if not exists i2 (a)
alter table t engine=innodb, auto_increment=5, comment='x'
alter table t convert to character set utf8mb4 collate utf8mb4_unicode_ci
alter table t default character set utf8mb4
alter table t character set = utf8mb4, collate = utf8mb4_bin
alter table t order by a desc, b
alter table t disable keys
alter table t enable keys
alter table t force
alter table t algorithm=inplace, lock=none, add column a int
alter table if exists t add a int
alter ignore table t add unique (a)
alter online table t add a int
alter table t add column a int, algorithm=instant
alter table t add a int default 1 not null unique comment 'x' after b
alter table t
drop table t
drop table if exists t, p.u cascade
drop temporary table if exists t
drop tables t
truncate t
truncate table p.t
rename table t to u, p.a to p.b
rename tables t to u
create view v as select 1
create or replace algorithm=merge definer=`root`@`localhost` sql security invoker view p.v (a,b) as select 1,2 with cascaded check option
create view if not exists v as select * from t where a > 1 with check option
create definer=current_user view v as (select 1) union (select 2)
alter view v as select 2
alter algorithm=temptable definer=root@localhost sql security definer view v as select 1 with local check option
drop view v
drop view if exists v, p.w restrict
create database d
create database if not exists d character set utf8mb4 collate utf8mb4_bin
create schema d default charset=utf8mb4 comment 'x'
create or replace database d
alter database d character set = utf8mb4
alter schema d collate utf8mb4_bin
drop database d
drop schema if exists d
create sequence s
create or replace sequence s start with 1 increment by 2 minvalue 1 maxvalue 100 cache 10 cycle
create sequence if not exists s start 5 increment 1 nominvalue no maxvalue nocache nocycle engine=innodb
alter sequence s restart 5
alter sequence if exists s increment by 3
drop sequence s
drop sequence if exists s
begin
begin work
start transaction
start transaction read only
start transaction with consistent snapshot, read write
commit
commit work and chain no release
commit and no chain
rollback
rollback work
rollback and chain
rollback release
rollback to s
rollback to savepoint s
rollback work to savepoint s
savepoint s
release savepoint s
set @a = 1
set @a := 1, @b = (select 1), @c = @a + 1
set autocommit = 0
set session sql_mode = ''
set global max_connections = 100, session autocommit = 1
set @@session.sql_mode = 'ANSI', @@global.a = default, @@b = 1
set local autocommit = on
set sql_mode = ansi
set names utf8mb4
set names 'utf8mb4' collate 'utf8mb4_bin'
set names default
set character set utf8
set charset utf8mb4
set charset default
set character_set_client = binary
set foreign_key_checks = 0, unique_checks = 0
set transaction isolation level read committed
set session transaction isolation level repeatable read, read only
set global transaction read write
set transaction isolation level serializable
set transaction isolation level read uncommitted
set password = password('x')
set password for 'a'@'b' = password('x')
set password for a@localhost = 'x'
set statement max_statement_time=1 for select 1
set time_zone = '+00:00', @old = @@time_zone
set sql_mode = concat(@@sql_mode, ',x')
set global general_log = off
set x = default
set session_track_schema = 1
set profiling=1
set role none
use p
use `p`
show databases
show schemas like 'x%'
show databases where `Database` = 'x'
show tables
show full tables from p like 'x'
show tables in p where Table_type = 'BASE TABLE'
show full tables
show table status
show table status from p like 'x'
show columns from t
show full columns from t from p like 'x'
show fields in p.t
show extended columns from t
show index from t
show indexes from t from p
show keys in t where Key_name = 'x'
show create table p.t
show create view v
show create database p
show create schema if not exists p
show create sequence s
show create trigger x
show create procedure x
show create function x
show create user
show create user root@localhost
show variables
show global variables like 'x'
show session variables where Variable_name = 'x'
show local variables
show status
show global status like 'x'
show warnings
show warnings limit 1
show warnings limit 1, 2
show errors
show count(*) warnings
show count(*) errors
show processlist
show full processlist
show engines
show storage engines
show engine innodb status
show character set
show charset like 'utf8%'
show collation
show collation where Charset = 'utf8mb4'
show grants
show grants for root@localhost
show grants for current_user
show grants for current_user()
show privileges
show plugins
show triggers
show triggers from p like 'x'
show full triggers
show events
show events from p
show procedure status
show function status where Db = 'p'
show package status
show master status
show binlog status
show binary logs
show master logs
show slave status
show all slaves status
show replica status
show slave hosts
show open tables
show open tables from p
show profiles
show profile
show profile for query 1
show authors
show contributors
show relaylog events
show binlog events
show explain for 5
describe t
desc t a
describe p.t 'a%'
explain t
explain select 1
explain extended select 1
explain partitions select 1
explain format=json select 1
explain update t set a=1
explain delete from t
explain insert into t values (1)
explain replace into t values (1)
describe select 1
desc format=json select 1
analyze select 1
analyze format=json select 1
explain with a as (select 1) select * from a
explain (select 1) union (select 2)
explain for connection 5
xa start 'x'
xa recover
grant all on *.* to a@b
revoke all on p.* from a@b
create user a@b identified by 'x'
alter user a@b identified by 'x'
drop user a@b
drop user if exists a
create role r
drop role r
rename user a to b
create trigger x before insert on t for each row set @a=1
create procedure x() select 1
create function x() returns int return 1
create definer=root@localhost procedure x() select 1
create event x on schedule every 1 day do select 1
create or replace procedure x() begin end
drop trigger x
drop trigger if exists p.x
drop procedure x
drop procedure if exists x
drop function if exists p.x
drop event x
lock tables t read
lock tables t as x write, u read local
lock table t low_priority write
unlock tables
unlock table
flush tables
flush tables with read lock
flush tables t, u with read lock
flush privileges
flush logs
flush no_write_to_binlog tables
flush status
flush local hosts
analyze table t
analyze local table t, u
check table t quick
checksum table t extended
optimize table t
optimize no_write_to_binlog table t
repair table t
kill 5
kill query 5
kill connection 5
kill hard query 5
kill ?
do 1
do sleep(0), 1+1
call p()
call x.y(1, @a)
call p
handler t open
handler t read first
prepare s from 'select 1'
prepare s from @x
execute s
execute s using @a, @b
execute s using 1, 'x'
deallocate prepare s
drop prepare s
execute immediate 'select 1'
help 'x'
change master to master_host='x'
reset master
purge binary logs to 'x'
stop slave
install plugin x soname 'y'
shutdown
create server s foreign data wrapper mysql options (host 'x')
signal sqlstate '45000'
get diagnostics @a = number
begin not atomic select 1; end
cache index t in x
backup stage start
select * from t for system_time between '2020-01-01' and now() - interval 1 day x
select * from t for system_time from timestamp '2020-01-01' to timestamp current_timestamp(6) as x join s for system_time as of @x using (a)
select * from (select * from t) for system_time as of timestamp '2020-01-01' + interval 1 hour x
create table t (a int, b int with system versioning) with system versioning
alter table t add system versioning, add column c int
