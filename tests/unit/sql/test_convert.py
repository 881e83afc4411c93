"""Conversions answer as MariaDB 10.11 does: recorded stores and casts (tools/store_cases.py), and the rest by rule."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from fauna.catalog.types import (
    BIGINT_TYPE,
    DOUBLE_TYPE,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    from_wide,
    time_type,
    to_unsigned,
    to_wide,
    varchar,
)
from fauna.errors import SqlError
from fauna.sql import arithmetic
from fauna.sql.context import StatementContext, using
from fauna.sql.convert import (
    Mode,
    StoreLabel,
    conversion,
    conversion_of,
    register_conversions,
    spec,
    store_conversion,
    store_timestamp,
    temporal,
    timestamp_from_utc,
    timestamp_to_utc,
)
from tests.unit.sql.oracle_values import cast_type, column_type, shown, source_value

DATA = Path(__file__).parent / "data"
LABEL = StoreLabel("oracle", "t", "c")
WARNINGS_RECORDED = 5

# (column, source) where we differ on purpose, and why.
STORE_DIFFERENCES = {
    (
        "varchar(20) character set ascii",
        "x'E4'",
    ): "MariaDB stores bytes above 127 in ascii columns unchecked; we refuse them (1366)",
    ("varchar(20) character set ascii", "x'E4BDA0'"): "the same",
}
# b'101' is a number to numeric columns: the binder's work, a conversion sees a byte string.
HYBRID = "b'101'"


def load(name: str) -> list[Any]:
    return list(json.loads((DATA / name).read_text(encoding="utf-8")))


def by_first(cases: list[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for case in cases:
        groups.setdefault(case[0], []).append(case)
    return groups


STORES = by_first(load("store_cases.json"))
CASTS = by_first(load("cast_cases.json"))
COLUMNS: dict[str, list[Any]] = {}
for case in load("column_cases.json"):
    COLUMNS.setdefault(case[1], []).append(case)
# (target column, source column) where we differ, and why.
COLUMN_DIFFERENCES: dict[tuple[str, str], str] = {}


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "today", lambda: datetime.date(2020, 9, 13))


def warnings_of(context: StatementContext) -> list[list[Any]]:
    return [[warning.level, warning.errno, warning.message] for warning in context.warnings][:WARNINGS_RECORDED]


def stored(column: str, source: str, *, strict: bool) -> list[Any]:
    return stored_value(column_type(column), *source_value(source), strict=strict)


def stored_value(target: SqlType, source_type: SqlType, value: Stored, *, strict: bool) -> list[Any]:
    context = StatementContext(strict=strict, storing=True)
    with using(context):
        try:
            convert = store_conversion(source_type, target, LABEL)
            result = value if convert is None else convert(value)
            if target.kind is Kind.TIMESTAMP and result is not None:
                result = store_timestamp(str(result), "+00:00", LABEL)
        except SqlError as failure:
            return [failure.errno, failure.message, []]
        return [0, shown(target, result), warnings_of(context)]


@pytest.mark.parametrize("column", STORES)
def test_stores_as_mariadb(column: str) -> None:
    different = []
    for _, source, strict, lax in STORES[column]:
        numeric = (
            column.startswith(("tiny", "small", "medium", "int", "big", "dec", "float", "double", "year"))
            and "text" not in column
        )
        if (column, source) in STORE_DIFFERENCES or (source == HYBRID and numeric and "blob" not in column):
            continue
        if stored(column, source, strict=True) != strict:
            different.append((source, stored(column, source, strict=True), strict))
        if stored(column, source, strict=False) != lax:
            different.append((source, stored(column, source, strict=False), lax))
    assert different == []


def column_value(source: str, text: str) -> tuple[SqlType, Stored]:
    """What a column of type `source` holds after `text` was stored in it."""
    source_type = column_type(source)
    number = text.isdigit() and source.startswith(("bit", "year"))
    convert = store_conversion(BIGINT_TYPE if number else varchar(len(text)), source_type, LABEL)
    value: Stored = int(text) if number else text
    with using(StatementContext(strict=False)):
        return source_type, value if convert is None else convert(value)


@pytest.mark.parametrize("source", COLUMNS)
def test_columns_into_columns_as_mariadb(source: str) -> None:
    different = []
    for column, _, text, strict, lax in COLUMNS[source]:
        source_type, value = column_value(source, text)
        for is_strict, answer in ((True, strict), (False, lax)):
            got = stored_value(column_type(column), source_type, value, strict=is_strict)
            if got != answer and (column, source) not in COLUMN_DIFFERENCES:
                different.append((column, text, got, answer))
    assert different == []


def without_column(warnings: list[list[Any]]) -> list[list[Any]]:
    """MariaDB names the whole CAST expression as the column; we do not know its text."""
    return [[level, errno, re.sub(r"'CAST\(.*' at", "'CAST' at", message)] for level, errno, message in warnings]


@pytest.mark.parametrize("target", CASTS)
def test_casts_as_mariadb(target: str) -> None:
    different = []
    for _, source, value, warnings in CASTS[target]:
        if source == HYBRID and not target.startswith(("char", "binary", "date", "time")):
            continue
        source_type, stored_value = source_value(source)
        context = StatementContext()
        with using(context):
            convert = conversion(source_type, cast_type(target), Mode.CAST)
            result = stored_value if convert is None else convert(stored_value)
        got = [shown(cast_type(target), result), without_column(warnings_of(context))]
        if got != [value, without_column(warnings)]:
            different.append((source, got, [value, warnings]))
    assert different == []


ODD_TEXTS = [
    "", " ", "7", "1e9999", "1e-9999", "--1", "1.", "+5", "１２", "²", "\ud800", "\0", "9" * 500, "0." + "1" * 500, "2020-02-30", "24:00:00",
    "2020-01-01 00:00:00.1234567", "-838:59:59.9", "1 1", "😀", "1_0", "inf", "nan", "0x1F", "2020-01-01T", "::", "1e+", "2020-W01-1", "0" * 400 + "1",
]  # fmt: skip
ODD_VALUES: list[tuple[SqlType, Stored]] = [
    *((varchar(len(text)), text) for text in ODD_TEXTS),
    *((SqlType(Kind.BLOB, collation="binary"), text.encode("utf-8", "surrogatepass") + b"\xff") for text in ODD_TEXTS),
    *((DOUBLE_TYPE, value) for value in (1e308, -1e308, 1e-320, -0.0, 20200101.0)),
    *((time_type(6), value) for value in (-1, 0, 3020399999999, -3020399000000)),
    *(
        (datetime_type(6), value)
        for value in ("0000-00-00 00:00:00.000000", "9999-12-31 23:59:59.999999", "2020-00-00 00:00:00.000001")
    ),
    (decimal_type(65, 30), to_wide(10**65 - 1)),
    (UBIGINT_TYPE, to_unsigned(2**64 - 1)),
    (SqlType(Kind.ENUM, members=("a", "")), 0),
]


@pytest.mark.parametrize(
    "column", [*STORES, "varchar(3) character set gbk", "varchar(3) character set swe7", "varchar(3) character set utf8mb3"]
)
def test_odd_values_give_a_value_or_an_sql_error(column: str) -> None:
    target = column_type(column)
    for source_type, value in ODD_VALUES:
        for strict in (True, False):
            with using(StatementContext(strict=strict, storing=True)):
                convert = store_conversion(source_type, target, LABEL)
                try:
                    shown(target, value if convert is None else convert(value))
                except SqlError:
                    assert strict


def test_identity_is_none() -> None:
    assert conversion(BIGINT_TYPE, BIGINT_TYPE, Mode.IMPLICIT) is None
    assert store_conversion(SqlType(Kind.INT), BIGINT_TYPE, LABEL) is None
    assert store_conversion(decimal_type(5, 2), decimal_type(10, 2), LABEL) is None
    assert store_conversion(BIGINT_TYPE, SqlType(Kind.INT), LABEL) is not None


def test_null_stays_null() -> None:
    for target in (SqlType(Kind.TINYINT), varchar(3), decimal_type(30, 3), datetime_type(2), SqlType(Kind.ENUM, members=("a",))):
        convert = store_conversion(varchar(10), target, LABEL)
        assert convert is not None and convert(None) is None


@pytest.mark.parametrize(
    ("source", "value", "target", "expected"),
    [
        (decimal_type(10, 2), 12345, DOUBLE_TYPE, 123.45),
        (decimal_type(30, 3), to_wide(10**29 + 5), decimal_type(40, 1), to_wide(10**27)),
        (UBIGINT_TYPE, to_unsigned(2**64 - 1), decimal_type(20, 0), to_wide(2**64 - 1)),
        (UBIGINT_TYPE, to_unsigned(2**63), DOUBLE_TYPE, 2.0**63),
        (DOUBLE_TYPE, 0.1, decimal_type(30, 20), to_wide(10**19)),
        (SqlType(Kind.DATE), "2020-01-02", datetime_type(3), "2020-01-02 00:00:00.000"),
        (datetime_type(6), "2020-01-02 03:04:05.999999", datetime_type(2), "2020-01-02 03:04:05.99"),
        (time_type(6), -3_723_500_000, BIGINT_TYPE, -10203),
        (SqlType(Kind.ENUM, members=("x", "y")), 2, varchar(1), "y"),
        (SqlType(Kind.SET, members=("x", "y")), 3, varchar(3), "x,y"),
        (SqlType(Kind.YEAR), 7, varchar(4), "0007"),
        (SqlType(Kind.INT, 5, unsigned=True, zerofill=True), 42, varchar(5), "00042"),
        (varchar(5), "12.5", DOUBLE_TYPE, 12.5),
    ],
)
def test_implicit(source: SqlType, value: Stored, target: SqlType, expected: Stored) -> None:
    convert = conversion(source, target, Mode.IMPLICIT)
    assert convert is not None
    assert convert(value) == expected


def test_operand_warnings_are_errors_while_storing() -> None:
    convert = conversion(varchar(3), DOUBLE_TYPE, Mode.IMPLICIT)
    assert convert is not None
    context = StatementContext()
    with using(context):
        assert convert("1a") == 1.0
    assert warnings_of(context) == [["Warning", 1292, "Truncated incorrect DOUBLE value: '1a'"]]
    with using(StatementContext(storing=True)), pytest.raises(SqlError) as failure:
        convert("1a")
    assert failure.value.errno == 1292


def test_zero_date_modes() -> None:
    convert = store_conversion(varchar(10), SqlType(Kind.DATE), LABEL)
    assert convert is not None
    for text, context in (
        ("0000-00-00", StatementContext(no_zero_date=True)),
        ("2020-00-01", StatementContext(no_zero_in_date=True)),
    ):
        with using(context), pytest.raises(SqlError) as failure:
            convert(text)
        assert failure.value.errno == 1292
    with using(StatementContext()):
        assert convert("2020-00-01") == "2020-00-01"


def test_members_are_found_by_collation() -> None:
    target = SqlType(Kind.ENUM, collation="utf8mb4_unicode_ci", members=("straße", "b"))
    convert = store_conversion(varchar(10), target, LABEL)
    assert convert is not None
    assert convert("STRASSE") == 1
    assert convert("B  ") == 2


def test_latin1_takes_its_characters_only() -> None:
    convert = store_conversion(varchar(10), varchar(10, "latin1_swedish_ci"), LABEL)
    assert convert is not None
    assert convert("naïve €") == "naïve €"
    with pytest.raises(SqlError) as failure, using(StatementContext()):
        convert("a你b")
    assert failure.value.message == r"Incorrect string value: '\xE4\xBD\xA0b' for column `oracle`.`t`.`c` at row 1"
    lax = StatementContext(strict=False)
    with using(lax):
        assert convert("a你b") == "a?b"


def test_spec_round_trip() -> None:
    enum = SqlType(Kind.ENUM, collation="utf8mb4_bin", members=("a'b", "c,d;e/f", "", "~.%"))
    label = StoreLabel("my.db", "t;1", "c~%'")
    text = spec(varchar(20), enum, Mode.STORE, label)
    assert "'" not in text
    convert = conversion_of(text)
    assert [convert(member) for member in enum.members] == [1, 2, 3, 4]
    with using(StatementContext()), pytest.raises(SqlError) as failure:
        convert("none")
    assert failure.value.message == "Data truncated for column 'c~%'' at row 1"
    assert spec(BIGINT_TYPE, decimal_type(20, 2), Mode.IMPLICIT) == "i;5,20,0,,,;6,20,2,w,,"


def test_cv_in_sqlite() -> None:
    connection = apsw.Connection(":memory:")
    register_conversions(connection)
    text = spec(varchar(5), BIGINT_TYPE, Mode.CAST)
    assert connection.execute("SELECT cv(?, '12'), cv(?, NULL)", (text, text)).fetchall() == [(12, None)]


def test_timestamps_and_time_zones() -> None:
    assert timestamp_to_utc("2020-07-01 12:00:00.5", "Europe/Berlin") == "2020-07-01 10:00:00.5"
    assert timestamp_to_utc("2020-07-01 12:00:00", "-03:30") == "2020-07-01 15:30:00"
    assert timestamp_to_utc("1970-01-01 00:00:01", "+00:00") == "1970-01-01 00:00:01"
    assert timestamp_to_utc("1970-01-01 00:00:00", "+00:00") is None
    assert timestamp_to_utc("2038-01-19 03:14:08", "+00:00") is None
    assert timestamp_to_utc("2038-01-19 03:14:08", "+01:00") == "2038-01-19 02:14:08"
    assert timestamp_to_utc("0000-00-00 00:00:00", "Europe/Berlin") == "0000-00-00 00:00:00"
    assert timestamp_to_utc("2021-03-28 02:30:00", "Europe/Berlin") == "2021-03-28 01:00:00"  # clocks skip 02:00 … 03:00
    assert timestamp_to_utc("2021-10-31 02:30:00", "Europe/Berlin") == "2021-10-31 00:30:00"  # the earlier of two
    assert timestamp_from_utc("2020-07-01 10:00:00.50", "Europe/Berlin", 2) == "2020-07-01 12:00:00.50"
    assert timestamp_from_utc("0000-00-00 00:00:00", "Europe/Berlin", 0) == "0000-00-00 00:00:00"
    with pytest.raises(SqlError) as failure:
        timestamp_to_utc("2020-07-01 12:00:00", "Nowhere/Land")
    assert failure.value.errno == 1298
    with using(StatementContext()), pytest.raises(SqlError) as gap:
        store_timestamp("2021-03-28 02:30:00", "Europe/Berlin", LABEL)
    assert gap.value.errno == 1292


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_decimal_arithmetic_is_exact() -> None:
    a, b = to_wide(10**60 + 1), to_wide(-7)
    assert from_wide(arithmetic.dec_add(a, b)) == 10**60 - 6
    assert from_wide(arithmetic.dec_sub(a, b)) == 10**60 + 8
    assert from_wide(arithmetic.dec_mul(10**17, 10**17)) == 10**34
    assert from_wide(arithmetic.dec_div(1, 0, 3, 0, 9)) == 333333333
    assert from_wide(arithmetic.dec_div(-20, 1, 3, 0, 4)) == -6666
    assert from_wide(arithmetic.dec_mod(-7, 3)) == -1
    assert arithmetic.dec_intdiv(-7, 2) == -3
    assert arithmetic.dec_cmp(a, b) == 1
    assert from_wide(arithmetic.dec_round(-12345, 2, 1, 1)) == -1235
    assert from_wide(arithmetic.dec_round(15500, 2, -2, 0)) == 200
    assert from_wide(arithmetic.dec_truncate(-12349, 2, 1, 1)) == -1234
    assert (from_wide(arithmetic.dec_ceil(-150, 2)), from_wide(arithmetic.dec_floor(-150, 2))) == (-1, -2)
    assert arithmetic.dec_add(None, b) is None
    with pytest.raises(SqlError) as failure:
        arithmetic.dec_mul(to_wide(10**60), to_wide(10**60))
    assert failure.value.errno == 1690


def test_large_decimals() -> None:
    for seed in range(1, 300):
        a, b = (seed * 7919**5) % 10**30 - 5 * 10**29, (seed * 104729**4) % 10**20 + 1
        assert from_wide(arithmetic.dec_add(to_wide(a), to_wide(b))) == a + b
        assert from_wide(arithmetic.dec_mul(to_wide(a), to_wide(b))) == a * b


def test_division_by_zero() -> None:
    context = StatementContext()
    with using(context):
        assert arithmetic.dec_div(1, 0, 0, 0, 4) is None
        assert arithmetic.u_div(1, 0) is None
    assert [warning.errno for warning in context.warnings] == [1365, 1365]
    with using(StatementContext(storing=True)), pytest.raises(SqlError) as failure:
        arithmetic.dec_mod(1, 0)
    assert failure.value.errno == 1365


def test_unsigned_arithmetic() -> None:
    top = to_unsigned(2**64 - 1)
    assert arithmetic.u_add(2**63 - 1, 1) == to_unsigned(2**63)
    assert arithmetic.u_sub(top, to_unsigned(2**63)) == 2**63 - 1
    assert arithmetic.u_neg(to_unsigned(2**63)) == -(2**63)
    assert arithmetic.u_not(0) == top
    assert arithmetic.u_or(-1, 0) == top
    assert arithmetic.u_shl(1, 63) == to_unsigned(2**63)
    assert arithmetic.u_shl(1, 64) == 0
    assert arithmetic.u_shr(top, 1) == 2**63 - 1
    assert arithmetic.u_mod(top, 10) == 5
    for call, a, b in ((arithmetic.u_add, top, 1), (arithmetic.u_sub, 1, 2), (arithmetic.u_mul, top, 2)):
        with pytest.raises(SqlError) as failure:
            call(a, b)
        assert failure.value.message == "BIGINT UNSIGNED value is out of range in 'the expression'"


def test_registered_in_sqlite() -> None:
    connection = apsw.Connection(":memory:")
    arithmetic.register_arithmetic(connection)
    row = connection.execute(
        "SELECT dec_sum(a) FROM (SELECT 1 AS a UNION ALL SELECT NULL UNION ALL SELECT ?)", (to_wide(10**40),)
    ).get
    assert from_wide(row) == 10**40 + 1
    assert connection.execute("SELECT dec_sum(a) FROM (SELECT NULL AS a)").get is None
