"""The binary protocol's values: COM_STMT_EXECUTE's parameters out, binary rows in.  Pure functions over bytes.

https://mariadb.com/kb/en/com_stmt_execute/ and https://mariadb.com/kb/en/resultset-row/ (binary) have the layouts.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from fauna.client.exceptions import ProgrammingError
from fauna.client.stored_values import refuse_zone

# Column types, as the protocol numbers them.
DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24 = range(10)
DATE, TIME, DATETIME, YEAR = 10, 11, 12, 13
BIT, JSON, NEWDECIMAL, BLOB, VAR_STRING = 16, 245, 246, 252, 253
UNSIGNED_FLAG: Final = 32
BINARY_CHARSET: Final = 63
_UNSIGNED_PARAM: Final = 0x80

Param = tuple[int, bytes]  # type (low byte) and flags (high byte), value


def lenenc(data: bytes) -> bytes:
    """A length-encoded string."""
    size = len(data)
    if size < 251:
        return bytes((size,)) + data
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + data
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + data
    return b"\xfe" + size.to_bytes(8, "little") + data


# ── parameters ─────────────────────────────────────────────────────────────────────────────────────────────────


def _int(value: int) -> Param:
    if -(1 << 63) <= value < 1 << 63:
        return LONGLONG, value.to_bytes(8, "little", signed=True)
    if 0 <= value < 1 << 64:
        return LONGLONG | _UNSIGNED_PARAM << 8, value.to_bytes(8, "little")
    return NEWDECIMAL, lenenc(b"%d" % value)


def _decimal(value: Decimal) -> Param:
    if not value.is_finite():
        raise ProgrammingError(0, f"{value} has no form in SQL")
    return NEWDECIMAL, lenenc(f"{value:f}".encode())


def _float(value: float) -> Param:
    if not math.isfinite(value):
        raise ProgrammingError(0, f"{value} has no form in SQL")
    return DOUBLE, struct.pack("<d", value)


def _date(value: date) -> Param:
    return DATE, struct.pack("<BHBB", 4, value.year, value.month, value.day)


def _datetime(value: datetime) -> Param:
    refuse_zone(value)
    fields = (value.year, value.month, value.day, value.hour, value.minute, value.second)
    if value.microsecond:
        return DATETIME, struct.pack("<BHBBBBBI", 11, *fields, value.microsecond)
    return DATETIME, struct.pack("<BHBBBBB", 7, *fields)


def _timedelta(value: timedelta) -> Param:
    size = abs(value)
    minutes, second = divmod(size.seconds, 60)
    hour, minute = divmod(minutes, 60)
    fields = (value < timedelta(0), size.days, hour, minute, second)
    if size.microseconds:
        return TIME, struct.pack("<BBIBBBI", 12, *fields, size.microseconds)
    return TIME, struct.pack("<BBIBBB", 8, *fields)


def _time(value: time) -> Param:
    return _timedelta(timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond))


_ENCODERS: Final[dict[type, Callable[[Any], Param]]] = {
    type(None): lambda value: (NULL, b""),
    bool: lambda value: (LONGLONG, int(value).to_bytes(8, "little")),
    int: _int,
    float: _float,
    Decimal: _decimal,
    str: lambda value: (VAR_STRING, lenenc(value.encode())),
    bytes: lambda value: (BLOB, lenenc(value)),
    bytearray: lambda value: (BLOB, lenenc(bytes(value))),
    memoryview: lambda value: (BLOB, lenenc(bytes(value))),
    datetime: _datetime,  # before date, of which it is a subclass
    date: _date,
    time: _time,
    timedelta: _timedelta,
    UUID: lambda value: (VAR_STRING, lenenc(str(value).encode())),
}


def encode(value: Any) -> Param:
    """One parameter; ProgrammingError for a type that has no form in SQL."""
    encoder = _ENCODERS.get(value.__class__)
    if encoder is not None:
        return encoder(value)
    if isinstance(value, Enum):
        return encode(value.value)
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder(value)
    raise ProgrammingError(0, f"A value of type {type(value).__name__} cannot be a parameter")


def execute_payload(statement_id: int, values: Sequence[Any]) -> bytes:
    """The body of COM_STMT_EXECUTE (no cursor, types sent along)."""
    head = struct.pack("<IBI", statement_id, 0, 1)
    if not values:
        return head
    params = [encode(value) for value in values]
    nulls = bytearray((len(params) + 7) // 8)
    for position, (kind, _) in enumerate(params):
        if kind == NULL:
            nulls[position >> 3] |= 1 << (position & 7)
    types = struct.pack(f"<{len(params)}H", *[kind for kind, _ in params])
    return b"".join((head, nulls, b"\x01", types, *[data for _, data in params]))


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────

Read = Callable[[bytes, int], tuple[Any, int]]  # (data, position) -> (value, position after it)


def _fixed(layout: str) -> Read:
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        return unpack(data, at)[0], at + size

    return read


def _bytes_at(data: bytes, at: int) -> tuple[bytes, int]:
    size = data[at]
    at += 1
    if size > 250:
        width = {0xFC: 2, 0xFD: 3, 0xFE: 8}[size]
        size = int.from_bytes(data[at : at + width], "little")
        at += width
    return data[at : at + size], at + size


def _text_at(data: bytes, at: int) -> tuple[str, int]:
    value, at = _bytes_at(data, at)
    return value.decode("utf-8", "replace"), at


def _decimal_at(data: bytes, at: int) -> tuple[Decimal, int]:
    value, at = _bytes_at(data, at)
    return Decimal(value.decode("ascii")), at


def _float_at(data: bytes, at: int) -> tuple[float, int]:
    # Six digits, as the text protocol prints a FLOAT, so that both answer the same number.
    return float(f"{_FLOAT.unpack_from(data, at)[0]:.6g}"), at + 4


_FLOAT: Final = struct.Struct("<f")


def _date_at(data: bytes, at: int) -> tuple[date | str, int]:
    size = data[at]
    year, month, day = struct.unpack_from("<HBB", data, at + 1) if size else (0, 0, 0)
    try:
        return date(year, month, day), at + 1 + size
    except ValueError:
        return f"{year:04d}-{month:02d}-{day:02d}", at + 1 + size


def _datetime_reader(decimals: int) -> Read:
    def read(data: bytes, at: int) -> tuple[datetime | str, int]:
        size = data[at]
        body = data[at + 1 : at + 1 + size].ljust(11, b"\0")
        fields = struct.unpack("<HBBBBBI", body)
        try:
            return datetime(*fields), at + 1 + size
        except ValueError:
            year, month, day, hour, minute, second, fraction = fields
            text = f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
            return text + (f".{fraction:06d}"[: 1 + decimals] if 0 < decimals <= 6 else ""), at + 1 + size

    return read


def _time_at(data: bytes, at: int) -> tuple[timedelta, int]:
    size = data[at]
    negative, days, hours, minutes, seconds, micros = struct.unpack("<BIBBBI", data[at + 1 : at + 1 + size].ljust(12, b"\0"))
    value = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    return -value if negative else value, at + 1 + size


_INTEGERS: Final = {TINY: ("<b", "<B"), SHORT: ("<h", "<H"), LONG: ("<i", "<I"), INT24: ("<i", "<I"), LONGLONG: ("<q", "<Q"),
                    YEAR: ("<H", "<H")}  # fmt: skip


def reader(type_code: int, flags: int, charset: int, decimals: int) -> Read:
    """How a column of this definition is read from a binary row, as the Python type PyMySQL gives from a text row."""
    if type_code in _INTEGERS:
        return _fixed(_INTEGERS[type_code][bool(flags & UNSIGNED_FLAG)])
    if type_code == DOUBLE:
        return _fixed("<d")
    if type_code == FLOAT:
        return _float_at
    if type_code in (DECIMAL, NEWDECIMAL):
        return _decimal_at
    if type_code == DATE:
        return _date_at
    if type_code in (DATETIME, TIMESTAMP):
        return _datetime_reader(decimals)
    if type_code == TIME:
        return _time_at
    if type_code == JSON:
        return _text_at
    return _bytes_at if charset == BINARY_CHARSET or type_code == BIT else _text_at


def read_row(data: bytes, readers: Sequence[Read]) -> tuple[Any, ...]:
    """One binary row (without its packet header)."""
    at = 1 + (len(readers) + 9) // 8
    values: list[Any] = []
    for position, read in enumerate(readers, 2):
        if data[1 + (position >> 3)] >> (position & 7) & 1:
            values.append(None)
        else:
            value, at = read(data, at)
            values.append(value)
    return tuple(values)
