"""Stored values as text, as Python objects, and back; types as information_schema prints them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from fauna.catalog.charsets import CHARSETS, COLLATIONS, COLLATIONS_BY_ID, charset_of, must_charset, must_collation, unfit_bytes
from fauna.catalog.types import Kind, SqlType, decimal_type, to_unsigned, to_wide
from fauna.catalog.values import format_double, format_float, from_python, single, text_of, to_python, type_text
from fauna.errors import SqlError

# What MariaDB 10.11 prints for `SELECT <literal> + 0e0`.
DOUBLES = {
    1e14: "100000000000000",
    999999999999999.0: "999999999999999",
    1e15: "1e15",
    1.5e15: "1.5e15",
    1234567890123456.0: "1.234567890123456e15",
    12345678901234567.0: "1.2345678901234568e16",
    9007199254740993.0: "9.007199254740992e15",
    1.7976931348623157e308: "1.7976931348623157e308",
    1e-4: "0.0001",
    1e-5: "0.00001",
    1e-15: "0.000000000000001",
    1.5e-15: "0.0000000000000015",
    1e-16: "1e-16",
    1.5e-16: "1.5e-16",
    5e-324: "5e-324",
    -1.2345678901234567e-14: "-0.000000000000012345678901234567",
    -1.5e300: "-1.5e300",
    0.1: "0.1",
    1.0: "1",
    0.0: "0",
    0.1 + 0.2: "0.30000000000000004",
}
# The same for a FLOAT column.
FLOATS = {
    1e5: "100000",
    16777216.0: "16777200",
    1234567.0: "1234570",
    1e14: "100000000000000",
    1e15: "1e15",
    0.1: "0.1",
    1.23456789: "1.23457",
    3.4e38: "3.4e38",
    1e-5: "0.00001",
    1.5e-15: "0.0000000000000015",
    1.5e-16: "1.5e-16",
    0.000123456789: "0.000123457",
    1234567e10: "1.23457e16",
    1e-40: "9.99995e-41",
    99999.95: "100000",
}


@pytest.mark.parametrize(("value", "text"), DOUBLES.items())
def test_doubles_as_mariadb(value: float, text: str) -> None:
    assert format_double(value) == text


@pytest.mark.parametrize(("value", "text"), FLOATS.items())
def test_floats_as_mariadb(value: float, text: str) -> None:
    assert format_float(single(value)) == text


CASES: list[tuple[SqlType, Any, str | bytes, Any]] = [
    (SqlType(Kind.INT), -5, "-5", -5),
    (SqlType(Kind.INT, 5, unsigned=True, zerofill=True), 42, "00042", 42),
    (SqlType(Kind.BIGINT, 20, unsigned=True), to_unsigned(2**64 - 1), "18446744073709551615", 2**64 - 1),
    (SqlType(Kind.BIGINT, 20, unsigned=True), 7, "7", 7),
    (decimal_type(10, 2), -5, "-0.05", Decimal("-0.05")),
    (decimal_type(10, 0), 12, "12", Decimal(12)),
    (decimal_type(30, 3), to_wide(-(10**20)), "-100000000000000000.000", Decimal(-(10**17)).quantize(Decimal("0.001"))),
    (SqlType(Kind.DECIMAL, 8, 2, zerofill=True), 1234, "000012.34", Decimal("12.34")),
    (SqlType(Kind.FLOAT, 7, 3), 1.5, "1.500", 1.5),
    (SqlType(Kind.DOUBLE, 10, 2), -0.0, "0.00", 0.0),
    (SqlType(Kind.FLOAT, 0, 31), single(1.1), "1.1", 1.1),
    (SqlType(Kind.YEAR, 4), 0, "0000", 0),
    (SqlType(Kind.BIT, 10), 513, b"\x02\x01", b"\x02\x01"),
    (SqlType(Kind.BIT, 64), to_unsigned(2**63), b"\x80" + b"\0" * 7, b"\x80" + b"\0" * 7),
    (SqlType(Kind.ENUM, members=("a", "b")), 2, "b", "b"),
    (SqlType(Kind.ENUM, members=("a", "b")), 0, "", ""),
    (SqlType(Kind.SET, members=("a", "b", "c")), 5, "a,c", "a,c"),
    (SqlType(Kind.DATE), "2020-01-02", "2020-01-02", datetime.date(2020, 1, 2)),
    (SqlType(Kind.DATE), "0000-00-00", "0000-00-00", "0000-00-00"),
    (
        SqlType(Kind.DATETIME, 0, 2),
        "2020-01-02 03:04:05.67",
        "2020-01-02 03:04:05.67",
        datetime.datetime(2020, 1, 2, 3, 4, 5, 670000),
    ),
    (SqlType(Kind.DATETIME), "2020-00-02 00:00:00", "2020-00-02 00:00:00", "2020-00-02 00:00:00"),
    (SqlType(Kind.TIME, 0, 2), -3_723_500_000, "-01:02:03.50", -datetime.timedelta(hours=1, minutes=2, seconds=3.5)),
    (SqlType(Kind.TIME), 838 * 3_600_000_000, "838:00:00", datetime.timedelta(hours=838)),
    (SqlType(Kind.VARCHAR, 5), "é", "é", "é"),
    (SqlType(Kind.BLOB), b"\0", b"\0", b"\0"),
    (SqlType(Kind.JSON), "{}", "{}", "{}"),
]


@pytest.mark.parametrize(("sql_type", "stored", "text", "python"), CASES)
def test_text_and_python(sql_type: SqlType, stored: Any, text: str | bytes, python: Any) -> None:
    assert text_of(sql_type)(stored) == text
    found = to_python(sql_type)(stored)
    assert found == python and type(found) is type(python)


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        (None, Kind.NULL, None),
        (True, Kind.BIGINT, 1),
        (-5, Kind.BIGINT, -5),
        (2**64 - 1, Kind.BIGINT, to_unsigned(2**64 - 1)),
        (2**64, Kind.DECIMAL, to_wide(2**64)),
        (1.5, Kind.DOUBLE, 1.5),
        (Decimal("-1.50"), Kind.DECIMAL, -150),
        (Decimal("1E+3"), Kind.DECIMAL, 1000),
        (Decimal("0.001"), Kind.DECIMAL, 1),
        (Decimal(10**20), Kind.DECIMAL, to_wide(10**20)),
        ("text", Kind.VARCHAR, "text"),
        (b"\0", Kind.VARBINARY, b"\0"),
        (bytearray(b"ab"), Kind.VARBINARY, b"ab"),
        (datetime.date(2020, 1, 2), Kind.DATE, "2020-01-02"),
        (datetime.datetime(2020, 1, 2, 3, 4, 5), Kind.DATETIME, "2020-01-02 03:04:05"),
        (datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.UTC), Kind.DATETIME, "2020-01-02 03:04:05.000006"),
        (datetime.time(1, 2, 3), Kind.TIME, 3_723_000_000),
        (-datetime.timedelta(seconds=1.5), Kind.TIME, -1_500_000),
        (UUID(int=1), Kind.VARCHAR, "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, Kind.VARCHAR, "red"),
    ],
)
def test_from_python(value: object, kind: Kind, stored: object) -> None:
    sql_type, found = from_python(value)
    assert (sql_type.kind, found) == (kind, stored)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), Decimal("NaN"), [1]])
def test_from_python_refuses(value: object) -> None:
    with pytest.raises(SqlError):
        from_python(value)


@pytest.mark.parametrize(
    ("sql_type", "text"),
    [
        (SqlType(Kind.INT), "int(11)"),
        (SqlType(Kind.INT, unsigned=True), "int(10) unsigned"),
        (SqlType(Kind.INT, 5, unsigned=True, zerofill=True), "int(5) unsigned zerofill"),
        (SqlType(Kind.TINYINT, 1), "tinyint(1)"),
        (SqlType(Kind.BIGINT, unsigned=True), "bigint(20) unsigned"),
        (decimal_type(10, 2), "decimal(10,2)"),
        (SqlType(Kind.DOUBLE, 22, 31), "double"),
        (SqlType(Kind.FLOAT, 7, 3, unsigned=True), "float(7,3) unsigned"),
        (SqlType(Kind.BIT, 1), "bit(1)"),
        (SqlType(Kind.YEAR), "year(4)"),
        (SqlType(Kind.DATETIME, 0, 3), "datetime(3)"),
        (SqlType(Kind.TIMESTAMP), "timestamp"),
        (SqlType(Kind.CHAR, 3), "char(3)"),
        (SqlType(Kind.VARCHAR, 20), "varchar(20)"),
        (SqlType(Kind.VARBINARY, 20), "varbinary(20)"),
        (SqlType(Kind.LONGTEXT), "longtext"),
        (SqlType(Kind.BLOB), "blob"),
        (SqlType(Kind.JSON), "longtext"),
        (SqlType(Kind.ENUM, members=("a", "b'c")), "enum('a','b''c')"),
        (SqlType(Kind.SET, members=("a", "b")), "set('a','b')"),
    ],
)
def test_type_text(sql_type: SqlType, text: str) -> None:
    assert type_text(sql_type) == text


def test_charsets() -> None:
    assert must_charset("UTF8").name == "utf8mb3"
    assert (COLLATIONS["utf8mb4_general_ci"].id, COLLATIONS_BY_ID[33].name) == (45, "utf8mb3_general_ci")
    assert COLLATIONS["utf8mb4_bin"].pad and not COLLATIONS["utf8mb4_nopad_bin"].pad and not COLLATIONS["binary"].pad
    assert must_collation("utf8_general_ci").name == "utf8mb3_general_ci"
    assert all(charset.default_collation in COLLATIONS for charset in CHARSETS.values())
    for find in (must_charset, must_collation):
        with pytest.raises(SqlError):
            find("klingon")


def test_unfit_characters() -> None:
    latin1, utf8mb3 = charset_of("latin1_swedish_ci"), charset_of("utf8mb3_bin")
    assert unfit_bytes(latin1, "é€ß") is None
    assert unfit_bytes(latin1, "a你") == ("a?", "你".encode())
    assert unfit_bytes(utf8mb3, "你") is None
    assert unfit_bytes(utf8mb3, "😀abcdef") == ("?abcdef", "😀ab".encode() + b"...")
