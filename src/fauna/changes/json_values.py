"""Stored values as JSON: nothing is lost, and what MySQL prints is what is seen.

    integers, YEAR, BIT      number (all 64 bits of them)
    DECIMAL                  text, with all its digits
    FLOAT, DOUBLE            number: the fewest digits that give the value back
    DATE, TIME, DATETIME     text, as MySQL prints it
    TIMESTAMP                the same, in UTC
    CHAR, VARCHAR, …TEXT, JSON, ENUM, SET     text
    BINARY, VARBINARY, …BLOB                  text: base64
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any, Final

from fauna.catalog.types import BYTES, INTEGERS, Kind, SqlType, from_unsigned
from fauna.catalog.values import text_of

Convert = Callable[[Any], Any]
_SINGLE: Final = struct.Struct("f")
_SINGLE_DIGITS: Final = range(6, 10)  # nine always give a FLOAT back


def to_json(sql_type: SqlType) -> Convert:
    """What makes of a stored value, not NULL, one that `json` prints."""
    kind = sql_type.kind
    if kind in BYTES:
        return lambda value: base64.b64encode(value).decode("ascii")
    if sql_type.is_big_unsigned:
        return from_unsigned
    if kind in INTEGERS or kind in (Kind.YEAR, Kind.BIT, Kind.DOUBLE):
        return _same
    if kind is Kind.FLOAT:
        return shortest_single
    return text_of(sql_type.with_(zerofill=False) if sql_type.zerofill else sql_type)


def _same(value: Any) -> Any:
    return value


def shortest_single(value: float) -> float:
    """The number with the fewest digits that is this FLOAT."""
    packed = _SINGLE.pack(value)
    for digits in _SINGLE_DIGITS:
        short = float(f"{value:.{digits}g}")
        if _SINGLE.pack(short) == packed:
            return short
    return value
