"""What goes wrong in the engine comes out in neutral words; what functions raise comes out unchanged."""

from __future__ import annotations

import apsw
import pytest

from fauna.errors import SqlError, error
from fauna.shard.engine_errors import (
    CheckViolation,
    EngineError,
    NoSuchObject,
    NotNullViolation,
    Overflow,
    RaisedByTrigger,
    TooBig,
    TypeViolation,
    UniqueViolation,
)
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.conftest import OpenShard

TABLES = [
    "CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 INTEGER NOT NULL CONSTRAINT positive CHECK (c1 > 0), c2 TEXT COLLATE fauna_ci, "
    "c3 INTEGER, c4 INTEGER GENERATED ALWAYS AS (fauna_double(c1)) STORED, UNIQUE (c2, c3)) STRICT",
    "CREATE UNIQUE INDEX i1 ON t1 (fauna_double(c3))",
    "CREATE TABLE t2 (c0 INTEGER PRIMARY KEY, c1 INTEGER, CHECK (fauna_double(c1) <> 14)) STRICT",
    "CREATE TRIGGER fk BEFORE INSERT ON t2 WHEN NOT EXISTS (SELECT 1 FROM t1 WHERE c0 = NEW.c1) "
    "BEGIN SELECT RAISE(ABORT, 'fk:child'); END",
]


def configure(connection: apsw.Connection) -> None:
    def double(value: object) -> object:
        if value == 13:
            raise error("DATA_OUT_OF_RANGE", "BIGINT", "double(13)")
        return None if value is None else value * 2  # type: ignore[operator]

    connection.create_scalar_function("fauna_double", double, 1, deterministic=True)
    connection.create_collation("fauna_ci", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))


@pytest.fixture
def shard(open_shard: OpenShard) -> SqliteShard:
    shard = open_shard(configure=configure)
    branch = shard.begin(Isolation.READ_COMMITTED)
    branch.execute_ddl([(sql, ()) for sql in TABLES])
    branch.write("INSERT INTO t1 (c0, c1, c2, c3) VALUES (1, 1, 'a', 1)", ())
    branch.commit().wait()
    return shard


def fails(shard: SqliteShard, sql: str) -> EngineError:
    branch = shard.begin(Isolation.READ_COMMITTED)
    with pytest.raises(EngineError) as raised:
        branch.write(sql, ())
    assert branch.is_open
    branch.rollback()
    assert isinstance(raised.value.sql_error(), SqlError)
    return raised.value


def test_unique(shard: SqliteShard) -> None:
    failed = fails(shard, "INSERT INTO t1 (c0, c1, c2, c3) VALUES (2, 1, 'A', 1)")
    assert isinstance(failed, UniqueViolation)
    # Which of two violated keys is named first is SQLite's choice.
    assert failed.index == "i1" or (failed.table, failed.columns, failed.primary) == ("t1", ("c2", "c3"), False)


def test_primary(shard: SqliteShard) -> None:
    failed = fails(shard, "INSERT INTO t1 (c0, c1) VALUES (1, 1)")
    assert isinstance(failed, UniqueViolation)
    assert (failed.table, failed.columns, failed.primary) == ("t1", ("c0",), True)


def test_unique_index_over_expression(shard: SqliteShard) -> None:
    failed = fails(shard, "INSERT INTO t1 (c0, c1, c2, c3) VALUES (2, 1, 'b', 1)")
    assert isinstance(failed, UniqueViolation)
    assert failed.index == "i1"


def test_not_null(shard: SqliteShard) -> None:
    failed = fails(shard, "INSERT INTO t1 (c0) VALUES (2)")
    assert isinstance(failed, NotNullViolation)
    assert (failed.table, failed.column) == ("t1", "c1")


def test_check(shard: SqliteShard) -> None:
    failed = fails(shard, "UPDATE t1 SET c1 = -1")
    assert isinstance(failed, CheckViolation)
    assert failed.name == "positive"


def test_check_with_function(shard: SqliteShard) -> None:
    branch = shard.begin(Isolation.READ_COMMITTED)
    branch.write("INSERT INTO t1 (c0, c1) VALUES (7, 1)", ())
    branch.commit().wait()
    assert isinstance(fails(shard, "INSERT INTO t2 VALUES (1, 7)"), CheckViolation)


def test_raise_in_trigger(shard: SqliteShard) -> None:
    failed = fails(shard, "INSERT INTO t2 VALUES (1, 99)")
    assert isinstance(failed, RaisedByTrigger)
    assert failed.text == "fk:child"


def test_strict_types(shard: SqliteShard) -> None:
    failed = fails(shard, "UPDATE t1 SET c1 = 'x'")
    assert isinstance(failed, TypeViolation)
    assert (failed.table, failed.column) == ("t1", "c1")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT sum(9223372036854775807) FROM (VALUES (1), (2))", Overflow),
        ("SELECT zeroblob(2000000000)", TooBig),
        ("SELECT * FROM nowhere", NoSuchObject),
        ("SELECT absent FROM t1", NoSuchObject),
        ('SELECT "absent"', NoSuchObject),
    ],
)
@pytest.mark.parametrize("inline", [True, False])
def test_queries(shard: SqliteShard, sql: str, kind: type[EngineError], inline: bool) -> None:
    with pytest.raises(kind):
        list(shard.autocommit_query(sql, (), inline=inline))
    assert list(shard.autocommit_query("SELECT 1", (), inline=inline)) == [(1,)]


def test_errors_of_functions_come_through_unchanged(shard: SqliteShard) -> None:
    branch = shard.begin(Isolation.READ_COMMITTED)
    branch.write("UPDATE t1 SET c3 = 5", ())
    for call in (
        lambda: branch.write("UPDATE t1 SET c1 = 13", ()),
        lambda: branch.query("SELECT fauna_double(13)", (), [], inline=False),
        lambda: shard.autocommit_query("SELECT fauna_double(13)", (), inline=True),
    ):
        with pytest.raises(SqlError) as raised:
            call()
        assert raised.value.errno == 1690
    branch.commit().wait()
    assert list(shard.autocommit_query("SELECT c1, c3, c4 FROM t1", (), inline=True)) == [(1, 5, 2)]


def test_readers_cannot_write(shard: SqliteShard) -> None:
    with pytest.raises(EngineError):
        shard.autocommit_query("DELETE FROM t1", (), inline=True)


def test_values_come_back_as_they_went_in(shard: SqliteShard) -> None:
    values = (None, 0, -(1 << 63), (1 << 63) - 1, 1.5, "", "é\0x", b"", bytes(range(256)))
    [row] = shard.autocommit_query("SELECT " + ", ".join("?" * len(values)), values, inline=True)
    assert row == values
    assert [type(value) for value in row] == [type(value) for value in values]
