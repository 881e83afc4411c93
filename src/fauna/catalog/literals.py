"""Names and constants as SHOW CREATE TABLE writes them, and as SQLite reads them."""

from __future__ import annotations

from typing import Final

from fauna.catalog.types import FLOATS, INTEGERS, Kind, SqlType, Stored, from_unsigned
from fauna.catalog.values import text_of

_ESCAPES: Final = str.maketrans({"'": "''", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z"})
_UNQUOTED: Final = INTEGERS | FLOATS | {Kind.DECIMAL, Kind.YEAR}


def quote_name(name: str) -> str:
    """`name`, with backticks inside it doubled."""
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    return "'" + text.translate(_ESCAPES) + "'"


def plain_text(value: Stored, sql_type: SqlType) -> str:
    """A stored value (not NULL) in the characters a client would read, without quotes."""
    text = text_of(sql_type)(value)
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace").replace("\ufffd", "?")
    return text


def bit_text(value: Stored) -> str:
    assert isinstance(value, (int, bytes))
    return f"b'{from_unsigned(value):b}'"


def constant_text(value: Stored, sql_type: SqlType) -> str:
    """A stored constant as the DEFAULT clause prints it."""
    if value is None:
        return "NULL"
    if sql_type.kind is Kind.BIT:
        return bit_text(value)
    text = plain_text(value, sql_type)
    return text if sql_type.kind in _UNQUOTED else quote_text(text)


def sqlite_literal(value: Stored) -> str:
    """A stored value as SQLite text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def sqlite_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
