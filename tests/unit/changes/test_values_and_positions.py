"""Values as JSON, and positions as text."""

from __future__ import annotations

import json
import random
import struct

import pytest

from fauna.catalog.types import BIGINT_TYPE, UBIGINT_TYPE, Kind, SqlType, decimal_type, to_unsigned, to_wide
from fauna.changes.json_values import shortest_single, to_json
from fauna.changes.position import BEGINNING, BlockName, Position, parse
from fauna.errors import SqlError


@pytest.mark.parametrize(
    ("sql_type", "stored", "expected"),
    [
        (BIGINT_TYPE, -(1 << 63), -(1 << 63)),
        (UBIGINT_TYPE, to_unsigned((1 << 64) - 1), (1 << 64) - 1),
        (SqlType(Kind.INT, 5, zerofill=True), 42, 42),
        (decimal_type(10, 2), -5, "-0.05"),
        (decimal_type(10, 2).with_(zerofill=True), 5, "0.05"),
        (decimal_type(65, 30), to_wide(10**64), "1" + "0" * 34 + "." + "0" * 30),
        (SqlType(Kind.DOUBLE, 22, 31), 0.1, 0.1),
        (SqlType(Kind.BIT, 64), to_unsigned((1 << 64) - 1), (1 << 64) - 1),
        (SqlType(Kind.BIT, 3), 5, 5),
        (SqlType(Kind.YEAR), 2026, 2026),
        (SqlType(Kind.TIME, 0, 3), -3_723_500_000, "-01:02:03.500"),
        (SqlType(Kind.ENUM, members=("x", "y")), 2, "y"),
        (SqlType(Kind.SET, members=("a", "b", "c")), 5, "a,c"),
        (SqlType(Kind.VARBINARY, 3), b"\x00\xff", "AP8="),
        (SqlType(Kind.JSON), '{"a": 1}', '{"a": 1}'),
    ],
)
def test_a_value_as_json(sql_type: SqlType, stored: object, expected: object) -> None:
    found = to_json(sql_type)(stored)
    assert found == expected and type(found) is type(expected)
    assert json.loads(json.dumps(found)) == expected


def test_a_float_has_the_fewest_digits_that_give_it_back() -> None:
    assert shortest_single(struct.unpack("f", struct.pack("f", 0.1))[0]) == 0.1
    assert shortest_single(16_777_215.0) == 16_777_215.0
    dice = random.Random(7)
    for _ in range(2000):
        (value,) = struct.unpack("f", struct.pack("I", dice.randrange(1 << 32) & 0xBF7FFFFF))
        assert struct.pack("f", shortest_single(value)) == struct.pack("f", value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start", BEGINNING),
        ("NOW", None),
        ("1796098190815125.3", Position(1796098190815125, 3)),
        (" 2:17 ", BlockName(2, 17)),
        ("1970-01-02", Position(86_400_000_000)),
        ("1970-01-01 00:00:01.5", Position(1_500_000)),
        ("1970-01-01T01:00:00+01:00", Position(0)),
        ("1960-01-01", Position(0)),
    ],
)
def test_where_to_begin(text: str, expected: object) -> None:
    assert parse(text) == expected
    if isinstance(expected, Position):
        assert parse(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "x", "1", "1.", ".1", "-1.0", "1.2.3", "1:", "a:b", "2026-13-01", "٣.١", "1" * 30 + ".0"])
def test_what_is_no_place_is_told_what_would_be(text: str) -> None:
    with pytest.raises(SqlError, match="expected is a position that an event had") as caught:
        parse(text)
    assert caught.value.errno == 1236
