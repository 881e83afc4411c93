"""What a server answered, as the text that golden scripts compare: values, column types, errors and warnings."""

from __future__ import annotations

import re
from typing import Any, Final

import pymysql
from pymysql.constants import FIELD_TYPE, FLAG

_TYPES: Final = {
    FIELD_TYPE.DECIMAL: "DECIMAL", FIELD_TYPE.NEWDECIMAL: "DECIMAL", FIELD_TYPE.TINY: "TINYINT", FIELD_TYPE.SHORT: "SMALLINT",
    FIELD_TYPE.LONG: "INT", FIELD_TYPE.INT24: "MEDIUMINT", FIELD_TYPE.LONGLONG: "BIGINT", FIELD_TYPE.FLOAT: "FLOAT",
    FIELD_TYPE.DOUBLE: "DOUBLE", FIELD_TYPE.NULL: "NULL", FIELD_TYPE.TIMESTAMP: "TIMESTAMP", FIELD_TYPE.DATE: "DATE",
    FIELD_TYPE.TIME: "TIME", FIELD_TYPE.DATETIME: "DATETIME", FIELD_TYPE.YEAR: "YEAR", FIELD_TYPE.BIT: "BIT",
    FIELD_TYPE.JSON: "JSON", FIELD_TYPE.GEOMETRY: "GEOMETRY",
}  # fmt: skip
# name for text, name for binary
_STRINGS: Final = {
    FIELD_TYPE.VAR_STRING: ("VARCHAR", "VARBINARY"), FIELD_TYPE.VARCHAR: ("VARCHAR", "VARBINARY"),
    FIELD_TYPE.STRING: ("CHAR", "BINARY"), FIELD_TYPE.TINY_BLOB: ("TINYTEXT", "TINYBLOB"), FIELD_TYPE.BLOB: ("TEXT", "BLOB"),
    FIELD_TYPE.MEDIUM_BLOB: ("MEDIUMTEXT", "MEDIUMBLOB"), FIELD_TYPE.LONG_BLOB: ("LONGTEXT", "LONGBLOB"),
}  # fmt: skip
_NUMBERS: Final = frozenset({
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.INT24, FIELD_TYPE.LONGLONG, FIELD_TYPE.DECIMAL,
    FIELD_TYPE.NEWDECIMAL, FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE, FIELD_TYPE.YEAR,
})  # fmt: skip
_WITH_DECIMALS: Final = frozenset({
    FIELD_TYPE.NEWDECIMAL, FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.TIME, FIELD_TYPE.DATETIME,
})  # fmt: skip
_FLAGS: Final = (
    (FLAG.PRI_KEY, "PRIMARY"), (FLAG.UNIQUE, "UNIQUE"), (FLAG.MULTIPLE_KEY, "KEY"), (FLAG.ZEROFILL, "ZEROFILL"),
    (FLAG.AUTO_INCREMENT, "AUTO_INCREMENT"), (1 << 12, "NO_DEFAULT"), (1 << 13, "ON_UPDATE"),
)  # fmt: skip
BINARY_CHARSET: Final = 63
NOT_FIXED_DECIMALS: Final = 31


def column(field: Any, *, full: bool) -> str:
    """One column of a result: name and type, with `full` everything the protocol says of it."""
    text = f"{_escaped(field.name)} {_type(field)}"
    if field.type_code in _WITH_DECIMALS and field.scale not in (0, NOT_FIXED_DECIMALS, 39):
        text += f"({field.scale})"
    if field.flags & FLAG.UNSIGNED and field.type_code in _NUMBERS and field.type_code != FIELD_TYPE.YEAR:
        text += " UNSIGNED"
    if not full:
        return text
    words = [f"length={field.length}", f"decimals={field.scale}", f"charset={field.charsetnr}"]
    words += ["NOT NULL"] if field.flags & FLAG.NOT_NULL else []
    words += [word for bit, word in _FLAGS if field.flags & bit]
    if field.org_table or field.org_name:
        words.append(f"from={field.table_name}/{field.org_table}.{field.org_name}")
    return f"{text} {' '.join(words)}"


def _type(field: Any) -> str:
    if field.flags & FLAG.ENUM:
        return "ENUM"
    if field.flags & FLAG.SET:
        return "SET"
    if field.type_code in _STRINGS:
        return _STRINGS[field.type_code][field.charsetnr == BINARY_CHARSET]
    return _TYPES.get(field.type_code, f"type{field.type_code}")


def value(field: Any, raw: str | bytes | None) -> str:
    """NULL, 12.50, 'text', 0x00FF."""
    if raw is None:
        return "NULL"
    if isinstance(raw, bytes):
        return "0x" + raw.hex().upper()
    if field.type_code in _NUMBERS:
        return raw
    return f"'{_escaped(raw)}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t").replace("\0", "\\0")


def error(problem: pymysql.MySQLError, sqlstate: str) -> list[str]:
    errno, message = (*problem.args, "", "")[:2]
    # The name of the copy that ALTER TABLE fills holds process and thread numbers.
    first_line = re.sub(r"#sql-alter-[0-9a-f]+-[0-9a-f]+", "#sql-alter", str(message).split("\n", 1)[0])
    return [f"ERROR {errno} ({sqlstate}): {first_line}"]


def answer(result: Any, warnings: list[tuple[str, int, str]], *, full: bool, sort: bool) -> list[str]:
    """The lines of one result (a PyMySQL MySQLResult): rows, or what was changed."""
    lines = _rows(result, full=full, sort=sort) if result.field_count else [_changed(result)]
    return lines + [f"{level.lower()} {code}: {text}" for level, code, text in warnings]


def _rows(result: Any, *, full: bool, sort: bool) -> list[str]:
    separator = "\n    " if full else " | "
    head = separator.join(column(f, full=full) for f in result.fields)
    rows = [" | ".join(value(f, v) for f, v in zip(result.fields, row, strict=True)) for row in result.rows]
    return head.split("\n") + (sorted(rows) if sort else rows)


def _changed(result: Any) -> str:
    parts = [f"{result.affected_rows} affected"] if result.affected_rows else []
    if result.insert_id:
        parts.append(f"insert id {result.insert_id}")
    return "OK" if not parts else f"OK {', '.join(parts)}"
