selct 1
select
select from t
select 1 from
select 1,
select * from t where
select * from t where a =
select * from t where a = 1 and
select * from t order
select * from t order by
select * from t group a
select * from t limit
select * from t limit 1,
select * from t limit -1
select * from (select 1
select (1 + 2
select 1 + 2)
select 'abc
select "abc
select `abc
select /* abc
select a b c from t
select 1 1
select a.b.c.d from t
select 1 from t t2 t3
select * from t join
select * from t left join u
select * from t join u on
select * from t join u using id
insert into t values
insert into t values (1
insert into t values 1, 2
insert into t (a,b values (1,2)
insert t set a
insert into t () value
insert into values (1)
update t set
update t a = 1
update t set a 1
update t set a = 1 where
delete t where a = 1
delete from
delete from t where a in ()
delete from t limit 1,2
create table
create table t (a)
create table t (a int,)
create table t (a int b int)
create table t (a int(x))
create table t (a varchar(10) foo)
create table t (a int primary)
create table t (a enum())
create table t (primary key a)
create table t (select int)
create table select (a int)
create tabel t (a int)
create index on t (a)
create index i t (a)
alter table t add
alter table t drop
alter table t foo bar
alter table t add column a
alter table t modify a
drop table
drop t
drop table t,
show
show foo
show tables foo
show create
show columns
set
set a
set @a
set a =
set names
set global
set transaction isolation level foo
use
begin foo
start
commit foo
rollback to
savepoint
explain
explain foo bar baz
select case a when 1 end
select case when 1 then end
select case 1 else 2 end
select a in 1
select a not 1
select a between 1
select a between 1 or 2
select a is 1
select count(*
select count(distinct)
select cast(a)
select if(1,2
select exists 1
select not
select - 
select 1 = = 2
select 1 ** 2
select a..b
select @@
select 0xzz 1 2
select x'4'
select interval 1 foo
select date_add(a, interval 1)
select date_add(a, 1 day)
select extract(foo from a)
select a as from t
select * from t as
select a as 1
select 1 union
select 1 union select
select 1 union all order by 1
(select 1
(select 1) (select 2)
with a as select 1 select 2
with a (select 1) select 2
select row_number() over
select sum(a) over (partition a)
select sum(a) over (order by a rows)
select sum(a) over (rows between 1 preceding)
select 1; foo
truncate
rename t to u
rename table t u
kill
call
do
prepare
prepare a
execute
lock t
lock tables t
unlock
load data infile
load data infile 'x' table t
foo
1
;select 1
select 1 as order
select group from t
select key from t
select * from order
create table t (order int)
create table t (a int) engine
insert into t values (1),
insert into t values (1) on duplicate
insert into t values (1) on duplicate key
insert into t select
replace into t
replace t values (1) on duplicate key update a=1
select a from t for
select * from t use index
select * from t use index (
select timestampdiff(foo, a, b)
select trim(both from)
select substring(a from)
select position(a)
select convert(a using)
select match(a) against
select group_concat(a order b)
select group_concat(a separator)
select 1 from dual dual
select * from t natural u
select * from t cross u
select * from (t
select * from ()
select a from t having
select a,,b from t
select ,a from t
select a from t where (a = 1
select a from t where a = 1)
select 1 limit 1 order by 1
select 1 where 1 group by
select * * from t
select distinct
select high_priority
create view v
create view v as
create view v as select
create view as select 1
create database
drop database
create or replace
create unique t
analyze
check table
optimize t
flush
update t, set a=1
update set a = 1
update t set a = 1 limit 1,2
select 1 from t, 
select 1 from , t
