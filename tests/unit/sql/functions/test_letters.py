"""The letters of bound arguments: what JSON_ARRAY makes of each."""

from __future__ import annotations

from fauna.catalog.schema import Column
from fauna.catalog.types import BOOL_TYPE, DATE_TYPE, NULL_TYPE, Kind, SqlType, decimal_type, time_type, varchar
from fauna.sql.functions import load
from fauna.sql.functions.letters import letters_of
from fauna.sql.typed import ColumnRef, Const, Op, Slot

load()
ONE = SqlType(Kind.INT, 1)


def test_booleans_are_not_small_numbers() -> None:
    comparison = Op(BOOL_TYPE, False, "=", (), "")
    quarter = Op(ONE, False, "QUARTER", (), "")
    valid = Op(ONE, False, "JSON_VALID", (), "")
    assert letters_of([Slot(ONE, False, 0), comparison, Const(BOOL_TYPE, False, 1), quarter, valid]) == "ibbib"


def test_json_is_not_a_string() -> None:
    text = SqlType(Kind.LONGTEXT, collation="utf8mb4_bin")
    declared = Column("j", 1, text, declared_json=True)
    plain = Column("t", 2, text)
    refs = [ColumnRef(text, True, "t1", "c1", name, column=column) for name, column in (("j", declared), ("t", plain))]
    made = [Op(varchar(10), True, name, (), "") for name in ("JSON_OBJECT", "JSON_EXTRACT", "JSON_UNQUOTE", "CONCAT")]
    assert letters_of([*refs, *made]) == "jsjjss"


def test_other_types() -> None:
    types = [
        decimal_type(5, 2),
        SqlType(Kind.DOUBLE),
        DATE_TYPE,
        time_type(3),
        SqlType(Kind.TIMESTAMP),
        NULL_TYPE,
        SqlType(Kind.YEAR),
    ]
    assert letters_of([Slot(sql_type, True, index) for index, sql_type in enumerate(types)]) == "drDtTni"
