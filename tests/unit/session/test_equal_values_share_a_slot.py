"""What `=` says in a join decides what must be on one shard: columns of every type, each pair compared by the engine."""

from __future__ import annotations

from itertools import product

import pytest

from fauna.catalog.schema import Table
from fauna.catalog.shard_slots import comparison_class, slot_function
from fauna.session.session import Session
from fauna.sql.collation import casefold_key
from tests.unit.session.conftest import rows

COLUMNS = {
    "tiny": "tinyint unsigned", "small": "int", "big": "bigint", "ubig": "bigint unsigned", "bits": "bit(8)", "bits64": "bit(64)",
    "price": "decimal(10,2)", "whole": "decimal(5,0)", "wide": "decimal(40,6)", "y": "year", "t0": "time", "t3": "time(3)",
    "d": "date", "dt": "datetime", "dt6": "datetime(6)", "ts": "timestamp null", "ts3": "timestamp(3) null",
    "fixed": "char(10)", "word": "varchar(20)", "label": "enum('b','','A','2026-01-01')", "flags": "set('a','b')",
    "uword": "varchar(20) collate utf8mb4_unicode_ci", "ufixed": "char(10) collate utf8mb4_unicode_ci",
    "exact": "varchar(20) collate utf8mb4_bin", "nopad": "varchar(20) collate utf8mb4_nopad_bin",
    "raw": "varbinary(10)", "raw3": "binary(3)", "u": "uuid",
}  # fmt: skip
NUMBERS = ["0", "1", "1.00", "2", "1.5", "1.50", "200", "-1", "255"]
TIMES = ["2026-01-01", "2026-01-01 00:00:00", "2026-01-01 00:00:00.500000", "2026-01-02 10:00:00", "10:00:00", "10:00:00.5"]
WORDS = ["", "a", "A", "a ", "b", "a,b", "ä", "ß", "ss", "\0", "a\0\0", "2026-01-01", "550E8400-E29B-41D4-A716-446655440000"]


@pytest.fixture
def table(session: Session) -> Table:
    session.run("SET sql_mode = ''")  # what does not fit is stored as something that does: more values
    columns = ", ".join(f"{name} {text}" for name, text in COLUMNS.items())
    session.run(f"CREATE TABLE t (id INT PRIMARY KEY, {columns})")
    for at, value in enumerate([*NUMBERS, *TIMES, *WORDS]):
        literal = value if value in NUMBERS else "'" + value.replace("\0", "\\0") + "'"
        for name in COLUMNS:
            if name == "u" and len(value) != 36:
                continue
            number = at * len(COLUMNS) + list(COLUMNS).index(name)
            session.run(f"INSERT INTO t (id, {name}) VALUES ({number}, {literal})")
    found = session.node.catalog.relation("d", "t")
    assert isinstance(found, Table)
    return found


def test_equal_by_sql_means_one_slot(session: Session, table: Table) -> None:
    compared = unequal_slots = 0
    slots = {column.name: slot_function([column], casefold_key) for column in table.columns}
    for a, b in product(table.columns, repeat=2):
        if a.name == "id" or b.name == "id" or comparison_class(a) != comparison_class(b):
            continue
        for left, right in rows(session, f"SELECT x.{a.name}, y.{b.name} FROM t x JOIN t y ON x.{a.name} = y.{b.name}"):
            assert slots[a.name]((left,)) == slots[b.name]((right,)), (a.name, left, b.name, right)
            compared += left != right
        unequal_slots += len({slots[a.name](row) for row in rows(session, f"SELECT {a.name} FROM t")}) > 1
    assert compared > 100, "values that are stored differently and are equal were among them"
    assert unequal_slots > 50
