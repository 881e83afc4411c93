"""Foreign keys hold row by row, with MariaDB's actions and messages."""

from __future__ import annotations

import pytest

from fauna.errors import SqlError
from tests.unit.catalog.ddl_harness import Server, error_of


@pytest.fixture
def server() -> Server:
    made = Server()
    made.ddl("create table p(id int primary key, x int, unique(x), name varchar(20), key(name))")
    return made


def fails(server: Server, sql: str, *tables: str) -> tuple[int, str]:
    with pytest.raises(SqlError) as caught:
        server.run(sql, *tables)
    return caught.value.errno, caught.value.message


def test_a_child_needs_a_parent(server: Server) -> None:
    server.ddl("create table c(a int, foreign key (a) references p(id))")
    with pytest.raises(SqlError) as caught:
        server.insert("c", a=1)
    assert caught.value.errno == 1452
    assert caught.value.message == (
        "Cannot add or update a child row: a foreign key constraint fails (`d`.`c`, CONSTRAINT `c_ibfk_1` "
        "FOREIGN KEY (`a`) REFERENCES `p` (`id`))"
    )
    server.insert("p", id=1)
    server.insert("c", a=1)
    server.insert("c", a=None)
    assert fails(server, "update {c} set {c.a} = 2", "c")[0] == 1452


def test_restrict_keeps_the_parent(server: Server) -> None:
    server.ddl("create table c(a int, foreign key (a) references p(id))")
    server.insert("p", id=1)
    server.insert("c", a=1)
    assert fails(server, "delete from {p}", "p")[0] == 1451
    assert fails(server, "update {p} set {p.id} = 2", "p")[0] == 1451
    server.run("update {p} set {p.x} = 2", "p")


def test_cascade_and_set_null(server: Server) -> None:
    server.ddl(
        "create table c(a int, b int, foreign key (a) references p(id) on delete cascade on update cascade, "
        "foreign key (b) references p(x) on delete set null on update set null)"
    )
    server.insert("p", id=1, x=10)
    server.insert("p", id=2, x=20)
    server.insert("c", a=1, b=20)
    server.run("update {p} set {p.id} = 7 where {p.id} = 1", "p")
    assert server.rows("c") == [(7, 20)]
    server.run("update {p} set {p.x} = 21 where {p.id} = 2", "p")
    assert server.rows("c") == [(7, None)]
    server.run("delete from {p} where {p.id} = 7", "p")
    assert server.rows("c") == []


def test_self_reference(server: Server) -> None:
    server.ddl("create table s(id int primary key, parent int, foreign key (parent) references s(id) on delete cascade)")
    server.insert("s", id=1, parent=1)
    for number in range(2, 40):
        server.insert("s", id=number, parent=number - 1)
    with pytest.raises(SqlError):
        server.insert("s", id=100, parent=99)
    server.run("delete from {s} where {s.id} = 2", "s")
    assert server.rows("s") == [(1, 1)]
    server.run("delete from {s}", "s")


def test_several_columns_and_nulls(server: Server) -> None:
    server.ddl("create table q(a int, b int, primary key (a, b))")
    server.ddl("create table r(x int, y int, foreign key (x, y) references q(a, b) on delete cascade)")
    server.insert("q", a=1, b=2)
    server.insert("r", x=1, y=2)
    server.insert("r", x=9, y=None)
    with pytest.raises(SqlError):
        server.insert("r", x=1, y=3)
    server.run("delete from {q}", "q")
    assert server.rows("r") == [(9, None)]


def test_strings_match_by_their_collation(server: Server) -> None:
    server.ddl("create table c(n varchar(30), foreign key (n) references p(name))")
    server.insert("p", id=1, name="Äbc")
    server.insert("c", n="ABC")
    assert fails(server, "delete from {p}", "p")[0] == 1451


def test_checks_can_be_switched_off(server: Server) -> None:
    server.ddl("create table c(a int, foreign key (a) references p(id) on delete cascade)")
    server.foreign_key_checks = False
    server.insert("c", a=1)
    server.insert("p", id=1)
    server.run("delete from {p}", "p")
    assert server.rows("c") == [(1,)]


def test_parent_made_later(server: Server) -> None:
    server.foreign_key_checks = False
    server.ddl("create table c(a int, foreign key (a) references late(id))")
    server.foreign_key_checks = True
    with pytest.raises(SqlError):
        server.insert("c", a=1)
    server.ddl("create table late(id int primary key)")
    server.insert("late", id=1)
    server.insert("c", a=1)
    server.foreign_key_checks = False
    server.ddl("drop table late")
    server.foreign_key_checks = True
    with pytest.raises(SqlError):
        server.insert("c", a=2)


def test_keys_survive_renames_and_rebuilds(server: Server) -> None:
    server.ddl("create table c(a int, foreign key (a) references p(id) on delete cascade)")
    server.insert("p", id=1)
    server.insert("c", a=1)
    server.ddl("alter table p add column z int not null default 5 first, modify name text")
    server.ddl("alter table c modify a int comment 'x', add column k bigint auto_increment primary key")
    server.ddl("rename table p to parent, c to child")
    server.ddl("alter table parent rename column id to key_")
    with pytest.raises(SqlError) as caught:
        server.insert("child", k=9, a=3)
    assert (
        "`d`.`child`, CONSTRAINT `child_ibfk_1` FOREIGN KEY (`a`) REFERENCES `parent` (`key_`) ON DELETE CASCADE"
        in caught.value.message
    )
    server.run("delete from {parent}", "parent")
    assert server.rows("child") == []


def test_truncate_of_a_self_referencing_table(server: Server) -> None:
    server.ddl("create table s(id int primary key auto_increment, parent int, foreign key (parent) references s(id))")
    server.insert("s", id=1, parent=1)
    server.ddl("truncate table s")
    assert server.rows("s") == []
    with pytest.raises(SqlError):
        server.insert("s", id=2, parent=1)


def test_rows_without_parent_stop_add_foreign_key(server: Server) -> None:
    server.ddl("create table c(a int)")
    server.insert("c", a=5)
    errno, message = error_of(server, "alter table c add constraint fk foreign key (a) references p(id)")
    assert errno == 1452 and "CONSTRAINT `fk`" in message
    server.insert("p", id=5)
    server.ddl("alter table c add constraint fk foreign key (a) references p(id)")
    assert fails(server, "delete from {p}", "p")[0] == 1451


def test_dropping_leaves_no_trigger_behind(server: Server) -> None:
    server.ddl("create table c(a int, foreign key (a) references p(id))")
    server.ddl("alter table c drop foreign key c_ibfk_1")
    server.insert("c", a=77)
    server.ddl("drop table c")
    server.ddl("drop table p")
    assert list(server.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")) == []


def test_across_databases(server: Server) -> None:
    server.ddl("create database other")
    server.ddl("create table other.c(a int, foreign key (a) references d.p(id))")
    assert error_of(server, "drop database d")[0] == 1451
    server.ddl("drop database other")
    server.ddl("drop database d")
    assert [name for (name,) in server.connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 't%'")] == []
