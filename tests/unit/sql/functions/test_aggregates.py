"""The aggregates, as plain aggregates and over sliding windows; expectations are MariaDB 10.11's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import apsw
import pytest

from fauna.catalog.types import SqlType, from_wide, to_wide
from fauna.sql.context import StatementContext, using
from fauna.sql.functions.aggregates import divide_rounded
from fauna.sql.functions.registry import AGGREGATES, ArgInfo
from fauna.sql.functions.sqlite import register_all


@pytest.fixture
def connection() -> apsw.Connection:
    found = apsw.Connection(":memory:")
    register_all(found)
    found.execute("CREATE TABLE n (id INTEGER PRIMARY KEY, i, d, s, w)")
    rows = [
        (1, 5, 125, "x", to_wide(10**30)),
        (2, None, 250, "é", None),
        (3, 7, -375, "X", to_wide(-1)),
        (4, 9, None, None, to_wide(3)),
    ]
    found.executemany("INSERT INTO n VALUES (?,?,?,?,?)", rows)
    return found


def _value(connection: apsw.Connection, expression: str, where: str = "") -> Any:
    return connection.execute(f"SELECT {expression} FROM n {where}").get


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a_group_concat(s, ',')", "x,é,X"),
        ("a_group_concat(s, '-')", "x-é-X"),
        ("a_group_concat(i, ',' ORDER BY i DESC)", None),
        ("a_bit_and(i)", 1),
        ("a_bit_or(i)", 15),
        ("a_bit_xor(i)", 11),
        ("a_var_pop(CAST(i AS REAL))", 2.6666666666666665),
        ("a_std(CAST(i AS REAL))", 1.632993161855452),
        ("a_var_samp(CAST(i AS REAL))", 4.0),
        ("a_stddev_samp(CAST(i AS REAL))", 2.0),
        ("a_json_arrayagg(i, 'i')", "[5,null,7,9]"),
        ("a_json_arrayagg(s, 's')", '["x","é","X",null]'),
        ("a_json_objectagg(s, i, 'si')", '{"x":5, "é":null, "X":7}'),
        ("a_decimal_avg(d, 4, 0)", 0),
        ("a_decimal_avg(i, 4, 0)", 70000),
    ],
)
def test_aggregates(connection: apsw.Connection, expression: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(TypeError):
            _value(connection, expression)  # the binder converts to text first
        return
    assert _value(connection, expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a_group_concat(s, ',')", None),
        ("a_bit_and(i)", b"\xff" * 8),
        ("a_bit_or(i)", 0),
        ("a_bit_xor(i)", 0),
        ("a_std(i)", None),
        ("a_var_samp(i)", None),
        ("a_json_arrayagg(i, 'i')", None),
        ("a_json_objectagg(s, i, 'si')", None),
        ("a_decimal_sum(d)", None),
        ("a_decimal_avg(d, 4, 0)", None),
    ],
)
def test_no_rows(connection: apsw.Connection, expression: str, expected: Any) -> None:
    assert _value(connection, expression, "WHERE id < 0") == expected


def test_exact_sums(connection: apsw.Connection) -> None:
    assert from_wide(_value(connection, "a_decimal_sum(d)")) == 0
    assert from_wide(_value(connection, "a_decimal_sum(w)")) == 10**30 + 2
    assert from_wide(_value(connection, "a_decimal_avg(w, 4, 1)")) == divide_rounded((10**30 + 2) * 10**4, 3)
    assert (
        from_wide(connection.execute("SELECT a_ubigint_sum(x) FROM (SELECT x'ffffffffffffffff' x UNION ALL SELECT 1)").get)
        == 2**64
    )


def test_windows(connection: apsw.Connection) -> None:
    """Rows leave a sliding window one by one; the answers are those of the rows that are left."""
    for expression in ("a_bit_or(i)", "a_bit_and(i)", "a_group_concat(s, ',')", "a_json_arrayagg(s, 's')", "a_decimal_sum(d)"):
        sliding = [
            row[0]
            for row in connection.execute(
                f"SELECT {expression} OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM n ORDER BY id"
            )
        ]
        for index, value in enumerate(sliding):
            assert value == _value(connection, expression, f"WHERE id BETWEEN {index} AND {index + 1}"), (expression, index)


def test_deviation_in_a_window(connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM n WHERE i IS NULL")
    rows = connection.execute("SELECT a_std(CAST(i AS REAL)) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM n")
    assert [row[0] for row in rows] == pytest.approx([0.0, 1.0, 1.0])


def test_group_concat_is_cut(connection: apsw.Connection) -> None:
    context = StatementContext(group_concat_max_len=3)
    with using(context):
        assert _value(connection, "a_group_concat(s, ',')") == "x,"
    assert [(w.errno, w.message) for w in context.warnings] == [(1260, "Row 2 was cut by GROUP_CONCAT()")]


@pytest.mark.parametrize(
    ("number", "divisor", "expected"), [(5, 2, 3), (-5, 2, -3), (4, 3, 1), (-4, 3, -1), (7, -2, -4), (0, 5, 0)]
)
def test_halves_round_away_from_zero(number: int, divisor: int, expected: int) -> None:
    assert divide_rounded(number, divisor) == expected
    assert divide_rounded(number, divisor) == int((Decimal(number) / divisor).quantize(Decimal(1), "ROUND_HALF_UP"))


def test_every_aggregate_has_a_type() -> None:
    from fauna.catalog.types import Kind

    for aggregate in AGGREGATES.values():
        infos = [ArgInfo(SqlType(Kind.INT, 11), True, lambda: None)] * len(aggregate.args)
        assert isinstance(aggregate.result(infos), SqlType)
