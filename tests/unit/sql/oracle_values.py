"""Read the columns and sources of the recorded MariaDB cases (tools/store_cases.py) as types and stored values."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

from fauna.catalog.charsets import must_charset as charset_named
from fauna.catalog.types import (
    BIGINT_TYPE,
    BLOBS,
    TEXTS,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    time_type,
    varbinary,
    varchar,
)
from fauna.catalog.values import from_python, text_of

Value = tuple[SqlType, Stored]
_COLUMN = re.compile(r"(\w+)(?:\(([^)]*)\))?( unsigned)?( zerofill)?(?: character set (\w+))?")
_COLLATIONS = {"latin1": "latin1_swedish_ci", "ascii": "ascii_general_ci", None: "utf8mb4_general_ci"}


def column_type(text: str) -> SqlType:
    """'decimal(4,2) unsigned' as a SqlType."""
    match = _COLUMN.fullmatch(text)
    assert match, text
    name, arguments, unsigned, zerofill, charset = match.groups()
    kind = Kind[name.upper()]
    collation = _COLLATIONS.get(charset) or charset_named(charset).default_collation
    if kind in (Kind.ENUM, Kind.SET):
        return SqlType(kind, collation=collation, members=tuple(part.strip("'") for part in arguments.split(",")))
    numbers = [int(part) for part in arguments.split(",")] if arguments else []
    first = numbers[0] if numbers else 0
    if kind is Kind.DECIMAL:
        return decimal_type(first, numbers[1], unsigned=bool(unsigned))
    if kind in (Kind.FLOAT, Kind.DOUBLE):
        return SqlType(kind, first, numbers[1] if numbers else 31, bool(unsigned))
    if kind in (Kind.DATETIME, Kind.TIMESTAMP, Kind.TIME):
        return SqlType(kind, 0, first)
    if kind in (Kind.CHAR, Kind.VARCHAR) or kind in TEXTS:
        return SqlType(kind, first, collation=collation)
    if kind in (Kind.BINARY, Kind.VARBINARY) or kind in BLOBS:
        return SqlType(kind, first, collation="binary")
    return SqlType(kind, first, unsigned=bool(unsigned or zerofill), zerofill=bool(zerofill))


def cast_type(text: str) -> SqlType:
    """The target of CAST(… AS text)."""
    if text in ("signed", "unsigned"):
        return SqlType(Kind.BIGINT, 20, unsigned=text == "unsigned")
    if text == "double":
        return SqlType(Kind.DOUBLE, 22, 31)
    if text.startswith("char"):
        return varchar(int(text[5:-1]) if "(" in text else 0)
    return column_type(text)


def source_value(text: str) -> Value:
    """A literal of the recorded cases as a typed value."""
    if text.startswith("'"):
        content = text[1:-1].replace("''", "'")
        return varchar(len(content)), content
    if text.startswith("x'"):
        data = bytes.fromhex(text[2:-1])
        return varbinary(len(data)), data
    if text.startswith("b'"):
        return varbinary(1), bytes([int(text[2:-1], 2)])
    if text.startswith("REPEAT"):
        return varchar(300), "a" * 300
    if text.startswith("CONCAT"):
        return varchar(301), "a" + " " * 300
    if text == "TRUE":
        return BIGINT_TYPE, 1
    if text == "NULL":
        return BIGINT_TYPE, None
    return _temporal(text) or _number(text)


def _temporal(text: str) -> Value | None:
    content = text[text.find("'") + 1 : -1]
    if text.startswith("DATE"):
        return from_python(datetime.date.fromisoformat(content))
    digits = len(content.partition(".")[2])
    if text.startswith("TIMESTAMP"):
        return datetime_type(digits), content
    if text.startswith("TIME"):
        sign = -1 if content.startswith("-") else 1
        hours, minutes, seconds = content.lstrip("-").split(":")
        return time_type(digits), sign * round(((int(hours) * 60 + int(minutes)) * 60 + float(seconds)) * 1_000_000)
    return None


def _number(text: str) -> Value:
    if "e" in text:
        return from_python(float(text))
    if "." in text:
        return from_python(Decimal(text))
    return from_python(int(text))


def shown(sql_type: SqlType, stored: Stored) -> str | None:
    """A stored value as the recorded cases show it."""
    if stored is None:
        return None
    text = text_of(sql_type)(stored)
    if sql_type.kind is Kind.BIT:
        assert isinstance(text, bytes)
        return str(int.from_bytes(text, "big"))
    return text.hex().upper() if isinstance(text, bytes) else text
