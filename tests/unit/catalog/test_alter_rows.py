"""ALTER TABLE keeps the rows: what is converted, what is refused, what happens in place."""

from __future__ import annotations

import pytest

from fauna.errors import SqlError
from tests.unit.catalog.ddl_harness import Server, error_of


@pytest.fixture
def server() -> Server:
    made = Server()
    made.ddl("create table t(id int primary key auto_increment, a int, b varchar(10))")
    for number, (a, b) in enumerate([(5, "x"), (None, "12"), (300, None)], 1):
        made.insert("t", id=number, a=a, b=b)
    return made


def in_place(server: Server, text: str) -> bool:
    before = server.table("t").id
    server.ddl(text)
    return server.table("t").id == before


@pytest.mark.parametrize(
    "action",
    [
        "rename column a to z",
        "alter a set default 7",
        "modify a int comment 'x'",
        "modify b varchar(20)",
        "modify b text",
        "modify a bigint",
        "add c int",
        "add c int not null",
        "add c varchar(3) not null default 'ab' first",
        "add key (b)",
        "add unique (a)",
        "comment = 'y'",
        "change a aa int after b",
        "add c int as (a + 1)",
        "add c datetime default now()",
        "add c int check (c > 1)",
        "add e enum('p','q') not null",
        "auto_increment = 50",
        "engine = InnoDB",
        "add c json",
    ],
)
def test_in_place(server: Server, action: str) -> None:
    rows = [row[:1] for row in server.rows("t")]
    assert in_place(server, f"alter table t {action}")
    assert len(server.rows("t")) == len(rows)
    assert server.reload() == server.catalog


@pytest.mark.parametrize(
    "action",
    [
        "modify a varchar(20)",
        "drop column a",
        "modify a int unsigned",
        "add c int as (a + 1) stored",
        "add check (a > 1)",
        "modify b varchar(10) collate utf8mb4_bin",
        "drop primary key, modify id int",
        "modify b varchar(5)",
        "convert to character set latin1",
        "modify id bigint unsigned auto_increment",
    ],
)
def test_by_copy(server: Server, action: str) -> None:
    ids = [row[0] for row in server.rows("t")]
    assert not in_place(server, f"alter table t {action}")
    assert [row[0] for row in server.rows("t")] == ids
    assert server.reload() == server.catalog


def test_values_are_converted(server: Server) -> None:
    server.ddl("alter table t modify a varchar(20)")
    assert [row[1] for row in server.rows("t")] == ["5", None, "300"]
    server.ddl("alter table t modify a decimal(10,2)")
    assert [row[1] for row in server.rows("t")] == [500, None, 30000]
    server.ddl("alter table t modify a double")
    assert [row[1] for row in server.rows("t")] == [5.0, None, 300.0]


def test_what_does_not_fit_is_refused_and_nothing_changes(server: Server) -> None:
    before, rows = server.catalog, server.rows("t")
    assert error_of(server, "alter table t modify a tinyint")[0] == 1264
    assert error_of(server, "alter table t modify a int not null")[0] == 1265
    assert error_of(server, "alter table t modify b int")[0] in (1292, 1366)
    assert error_of(server, "alter table t add check (a > 100)")[0] == 4025
    assert error_of(server, "alter table t drop primary key, modify id int, add primary key (a)")[0] == 1265
    assert server.catalog is before and server.rows("t") == rows
    assert server.reload() == before


def test_not_null_in_lax_mode(server: Server) -> None:
    server.sql_mode = frozenset()
    server.ddl("alter table t modify a int not null")
    assert [row[1] for row in server.rows("t")] == [5, 0, 300]


def test_duplicates_stop_a_unique_key(server: Server) -> None:
    server.insert("t", id=9, a=300, b="X")
    assert error_of(server, "alter table t add unique (a)") == (1062, "Duplicate entry '300' for key 'a'")
    assert error_of(server, "alter table t add unique bb (b)") == (1062, "Duplicate entry 'x' for key 'bb'")
    server.ddl("alter table t drop primary key, modify id int")
    server.run("update {t} set {t.id} = 1", "t")
    assert error_of(server, "alter table t add primary key (id)") == (1062, "Duplicate entry '1' for key 'PRIMARY'")


def test_defaults_reach_the_rows_that_are_there(server: Server) -> None:
    server.ddl("alter table t add c int not null, add d varchar(5) default 'q', add e datetime(3) default now(3), add f int")
    assert [row[3:] for row in server.rows("t")] == [(0, "q", "2026-11-21 12:11:12.131", None)] * 3
    server.ddl("alter table t add g timestamp not null default current_timestamp, add h int default (a + 1)")
    assert [row[7:] for row in server.rows("t")] == [
        ("2026-11-21 10:11:12", 6),
        ("2026-11-21 10:11:12", None),
        ("2026-11-21 10:11:12", 301),
    ]


def test_generated_columns(server: Server) -> None:
    server.ddl("alter table t add c int as (a + 1), add d int as (a * 2) stored, add key (c)")
    assert [row[3:] for row in server.rows("t")] == [(6, 10), (None, None), (301, 600)]
    server.ddl("alter table t modify a bigint, rename column a to z")
    assert [row[3:] for row in server.rows("t")] == [(6, 10), (None, None), (301, 600)]
    assert server.table("t").column("d").generated == "`z` * 2"  # type: ignore[union-attr]


def test_adding_an_auto_increment_numbers_the_rows() -> None:
    server = Server()
    server.ddl("create table t(a int)")
    for value in (7, 8, 9):
        server.insert("t", a=value)
    server.ddl("alter table t add id int auto_increment primary key first")
    assert server.rows("t") == [(1, 7), (2, 8), (3, 9)]
    assert server.next_auto_increment(server.table("t")) == 4


def test_auto_increment_counter(server: Server) -> None:
    table = server.table("t")
    server.ddl("alter table t auto_increment = 100")
    assert server.next_auto_increment(table) == 100
    server.ddl("alter table t auto_increment = 2")
    assert server.next_auto_increment(table) == 4
    server.ddl("alter table t auto_increment = 70")
    server.ddl("alter table t drop column a")
    assert server.next_auto_increment(server.table("t")) == 70
    server.ddl("truncate t")
    assert server.next_auto_increment(server.table("t")) == 1
    server.ddl("drop table t")
    assert list(server.connection.execute("SELECT * FROM auto_increment")) == []


def test_composite_key_to_rowid_and_back() -> None:
    server = Server()
    server.ddl("create table t(a int, b int, primary key (a, b))")
    server.insert("t", a=2, b=1)
    server.insert("t", a=1, b=5)
    server.ddl("alter table t drop primary key, add primary key (a)")
    assert server.rows("t") == [(1, 5), (2, 1)]
    server.ddl("alter table t drop primary key, add primary key (b, a)")
    with pytest.raises(SqlError) as caught:
        server.insert("t", a=1, b=5)
    assert caught.value.errno == 1062 and caught.value.message.endswith("for key 'PRIMARY'")


def test_unique_prefix() -> None:
    server = Server()
    server.ddl("create table t(a varchar(20), b text, unique ka (a(2)), key kb (b(3)))")
    server.insert("t", a="abc")
    with pytest.raises(SqlError) as caught:
        server.insert("t", a="ABx")
    assert caught.value.message.endswith("for key 'ka'")


def test_swapping_names(server: Server) -> None:
    server.ddl("alter table t change a b varchar(10), change b a varchar(10)")
    assert [column.name for column in server.table("t").columns] == ["id", "b", "a"]
    assert [row[1] for row in server.rows("t")] == ["5", None, "300"]


def test_sqlite_is_sound_afterwards(server: Server) -> None:
    for action in (
        "add c int",
        "drop column a",
        "modify b text",
        "add key (c)",
        "add unique (id, c)",
        "convert to character set latin1",
    ):
        server.ddl(f"alter table t {action}")
    assert list(server.connection.execute("PRAGMA integrity_check")) == [("ok",)]
    names = {
        name for (name,) in server.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 't%'")
    }
    assert names == {server.table("t").physical}
