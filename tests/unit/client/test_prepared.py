"""The binary protocol's values, byte for byte."""

from __future__ import annotations

import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.client import prepared
from fauna.client.exceptions import ProgrammingError


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "kind", "data"),
    [
        (None, prepared.NULL, b""),
        (1, prepared.LONGLONG, (1).to_bytes(8, "little")),
        (-1, prepared.LONGLONG, b"\xff" * 8),
        (True, prepared.LONGLONG, (1).to_bytes(8, "little")),
        (Colour.RED, prepared.LONGLONG, (3).to_bytes(8, "little")),
        ((1 << 64) - 1, prepared.LONGLONG | 0x8000, b"\xff" * 8),
        (1 << 64, prepared.NEWDECIMAL, b"\x1418446744073709551616"),
        (Decimal("-1.50"), prepared.NEWDECIMAL, b"\x05-1.50"),
        (Decimal("1E+3"), prepared.NEWDECIMAL, b"\x041000"),
        (1.5, prepared.DOUBLE, struct.pack("<d", 1.5)),
        ("é", prepared.VAR_STRING, b"\x02\xc3\xa9"),
        (b"\0\xff", prepared.BLOB, b"\x02\0\xff"),
        (bytearray(b"a"), prepared.BLOB, b"\x01a"),
        (date(2026, 1, 2), prepared.DATE, b"\x04\xea\x07\x01\x02"),
        (datetime(2026, 1, 2, 3, 4, 5), prepared.DATETIME, b"\x07\xea\x07\x01\x02\x03\x04\x05"),
        (datetime(2026, 1, 2, 3, 4, 5, 6), prepared.DATETIME, b"\x0b\xea\x07\x01\x02\x03\x04\x05\x06\0\0\0"),
        (timedelta(days=1, hours=2), prepared.TIME, b"\x08\x00\x01\0\0\0\x02\0\0"),
        (-timedelta(seconds=1), prepared.TIME, b"\x08\x01\0\0\0\0\0\0\x01"),
        (time(1, 2, 3, 4), prepared.TIME, b"\x0c\x00\0\0\0\0\x01\x02\x03\x04\0\0\0"),
        (UUID(int=0), prepared.VAR_STRING, b"\x2400000000-0000-0000-0000-000000000000"),
    ],
)
def test_parameters(value: Any, kind: int, data: bytes) -> None:
    assert prepared.encode(value) == (kind, data)


@pytest.mark.parametrize(
    "value", [object(), {"a": 1}, float("nan"), float("inf"), Decimal("NaN"), 1j, datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))]
)
def test_what_has_no_form_in_sql_is_refused(value: Any) -> None:
    with pytest.raises(ProgrammingError):
        prepared.encode(value)


def test_the_null_bitmap_and_types() -> None:
    payload = prepared.execute_payload(7, [None, 1, *[None] * 7])
    assert payload[:9] == struct.pack("<IBI", 7, 0, 1)
    assert payload[9:11] == bytes((0b11111101, 0b1))
    assert payload[11] == 1


@given(st.binary(max_size=70_000))
def test_length_encoded_strings_read_back(data: bytes) -> None:
    assert prepared._bytes_at(prepared.lenenc(data), 0)[0] == data


def test_a_row_with_nulls() -> None:
    readers = [prepared.reader(prepared.LONG, 0, 63, 0), prepared.reader(prepared.VAR_STRING, 0, 45, 0)] * 2
    data = b"\0" + bytes((0b00001000,)) + struct.pack("<i", -5) + struct.pack("<i", 6) + b"\x01z"
    assert prepared.read_row(data, readers) == (-5, None, 6, "z")


def test_zero_dates_come_as_text() -> None:
    assert prepared.reader(prepared.DATE, 0, 63, 0)(b"\0", 0) == ("0000-00-00", 1)
    assert prepared.reader(prepared.DATETIME, 0, 63, 3)(b"\0", 0) == ("0000-00-00 00:00:00.000", 1)
    assert prepared.reader(prepared.DATE, 0, 63, 0)(b"\x04\xea\x07\x00\x05", 0) == ("2026-00-05", 5)
