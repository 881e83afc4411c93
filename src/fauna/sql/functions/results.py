"""Type rules: what a function returns, given what its arguments are.

Lengths are those that MariaDB 10.11 reports in a column definition; they decide the wire type of a string (VARCHAR up
to 65,535 bytes, then the TEXT families), so drivers see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fauna.catalog.types import (
    BYTES,
    BYTES_MAX,
    CHARS,
    DATE_TYPE,
    INT_WIDTHS,
    INTEGERS,
    STRINGS,
    Kind,
    SqlType,
    decimal_type,
)
from fauna.sql.functions.registry import ArgInfo, TypeRule

BLOB_WIDTH: Final = 16_777_216  # MariaDB's MAX_BLOB_WIDTH: "as long as it gets"
FRACTION_MAX: Final = 6
NOT_FIXED: Final = 31


def bytes_per_char(collation: str) -> int:
    """The most bytes one character takes in the character set of `collation`; '' is taken for utf8mb4."""
    charset = collation.partition("_")[0]
    if charset in ("utf8mb4", ""):
        return 4
    if charset in ("utf8", "utf8mb3"):
        return 3
    return 4 if charset in ("utf16", "utf16le", "utf32") else 2 if charset == "ucs2" else 1


def width(sql_type: SqlType) -> int:
    """Characters that a value of this type takes as text, at most."""
    kind = sql_type.kind
    if kind in INTEGERS:
        return sql_type.length or INT_WIDTHS[kind][sql_type.unsigned]
    if kind is Kind.DECIMAL:
        return sql_type.length + (sql_type.scale > 0) + (not sql_type.unsigned)
    if kind is Kind.ENUM:
        return max((len(member) for member in sql_type.members), default=0)
    if kind is Kind.SET:
        return sum(len(member) + 1 for member in sql_type.members) - 1 if sql_type.members else 0
    if kind in STRINGS:
        if sql_type.length or kind not in BYTES_MAX:
            return sql_type.length
        return BYTES_MAX[kind] // bytes_per_char(sql_type.collation)
    if kind is Kind.TIME:
        return 10 + (sql_type.scale + 1 if sql_type.scale else 0)
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return 19 + (sql_type.scale + 1 if sql_type.scale else 0)
    return {Kind.NULL: 0, Kind.FLOAT: 12, Kind.DOUBLE: 22, Kind.YEAR: 4, Kind.DATE: 10, Kind.BIT: (sql_type.length + 7) // 8}[
        kind
    ]


def collation_of(args: Sequence[ArgInfo]) -> str:
    """'binary' when any argument is a byte string; else '': the binder takes the arguments' common collation."""
    return "binary" if any(arg.type.kind in BYTES for arg in args) else ""


def string_type(chars: int, collation: str = "") -> SqlType:
    """A string of up to `chars` characters (bytes, when binary), of the smallest family that MariaDB would take."""
    chars = min(chars, BLOB_WIDTH)
    size = chars * bytes_per_char(collation)
    binary = collation == "binary"
    if size >= 16_777_216:
        kind = Kind.LONGBLOB if binary else Kind.LONGTEXT
    elif size >= 65_536:
        kind = Kind.MEDIUMBLOB if binary else Kind.MEDIUMTEXT
    elif size == 65_535:
        kind = Kind.BLOB if binary else Kind.TEXT
    else:
        kind = Kind.VARBINARY if binary else Kind.VARCHAR
    return SqlType(kind, chars, collation=collation)


def fixed(sql_type: SqlType) -> TypeRule:
    """Always this type."""
    return lambda _args: sql_type


def int_type(length: int) -> TypeRule:
    return fixed(SqlType(Kind.INT, length))


def bigint_type(length: int, *, unsigned: bool = False) -> TypeRule:
    return fixed(SqlType(Kind.BIGINT, length, unsigned=unsigned))


def double_rule(_args: Sequence[ArgInfo]) -> SqlType:
    return SqlType(Kind.DOUBLE, 23, NOT_FIXED)


def text_of(chars: int) -> TypeRule:
    """A string of a fixed most length in the connection's collation."""
    return fixed(string_type(chars))


def bytes_of(size: int) -> TypeRule:
    return fixed(string_type(size, "binary"))


def same_width(factor: int = 1, extra: int = 0) -> TypeRule:
    """As long as the first argument, times `factor`, plus `extra`."""
    return lambda args: string_type(width(args[0].type) * factor + extra, collation_of(args[:1]))


def sum_of_widths(first: int = 0, *, separator: bool = False) -> TypeRule:
    """As long as all arguments from `first` on together."""

    def rule(args: Sequence[ArgInfo]) -> SqlType:
        chars = sum(width(arg.type) for arg in args[first:])
        if separator and len(args) > 2:
            chars += width(args[0].type) * (len(args) - 2)
        return string_type(chars, collation_of(args))

    return rule


def constant_int(arg: ArgInfo) -> int | None:
    """The argument's value as an integer when it is a constant, else None."""
    if arg.type.kind not in INTEGERS:
        return None
    value = arg.constant()
    return value if isinstance(value, int) else None


def date_rule(_args: Sequence[ArgInfo]) -> SqlType:
    return DATE_TYPE


def fraction_of(arg: ArgInfo, *, as_time: bool = False) -> int:
    """Digits of a second of `arg` taken as a datetime (or a time), at most 6: a string that is not constant may have 6."""
    kind = arg.type.kind
    if kind in (Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP, Kind.DECIMAL):
        return min(arg.type.scale, FRACTION_MAX)
    if kind in STRINGS:
        return fraction_of_constant(arg.constant(), as_time=as_time)
    return FRACTION_MAX if kind in (Kind.FLOAT, Kind.DOUBLE) else 0


def fraction_of_constant(value: object, *, as_time: bool) -> int:
    from fauna.sql.functions.temporal_parse import datetime_fields, time_fields

    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return FRACTION_MAX
    if as_time:
        time = time_fields(value)
        return time.digits if time else FRACTION_MAX
    parsed = datetime_fields(value)
    return parsed.digits if parsed else FRACTION_MAX


def decimals_of(arg: ArgInfo) -> int:
    """Digits after the point of `arg` taken as a number; 31 or more: not fixed."""
    kind = arg.type.kind
    if kind in (Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE):
        return arg.type.scale
    return NOT_FIXED if kind in STRINGS else 0


def integer_or_decimal(digits: int, scale: int, length: int) -> SqlType:
    """A number of seconds: BIGINT when whole, else DECIMAL (always narrow: it is a scaled int)."""
    if scale == 0:
        return SqlType(Kind.BIGINT, length)
    return decimal_type(digits + scale, scale, wide=False)


# Calls whose result is JSON to the functions that build JSON: it goes in as it is, not as a quoted string.
JSON_RESULTS: Final = frozenset(
    {
        "JSON_EXTRACT",
        "JSON_QUERY",
        "JSON_OBJECT",
        "JSON_ARRAY",
        "JSON_SET",
        "JSON_INSERT",
        "JSON_REPLACE",
        "JSON_REMOVE",
        "JSON_ARRAY_APPEND",
        "JSON_ARRAY_INSERT",
        "JSON_MERGE",
        "JSON_MERGE_PRESERVE",
        "JSON_MERGE_PATCH",
        "JSON_COMPACT",
        "JSON_LOOSE",
        "JSON_DETAILED",
        "JSON_PRETTY",
        "JSON_NORMALIZE",
        "JSON_ARRAYAGG",
        "JSON_OBJECTAGG",
        "JSON_SEARCH",
    }
)


def type_letter(sql_type: SqlType, made_by: str = "", *, boolean: bool | None = None) -> str:
    """The letter of one argument for functions with `pass_types`.

    made_by   the function that the argument is a call of, upper case
    boolean   whether it is a comparison, a logical expression, TRUE or FALSE; None: not known, so an INT(1) is taken for one
    """
    kind = sql_type.kind
    if boolean or (boolean is None and kind is Kind.INT and sql_type.length == 1):
        return "b"
    if kind in INTEGERS:
        return "i"
    if kind in CHARS or kind in (Kind.ENUM, Kind.SET):
        return "j" if kind is Kind.JSON or made_by in JSON_RESULTS else "s"
    if kind in BYTES:
        return "x"
    return {
        Kind.NULL: "n",
        Kind.YEAR: "i",
        Kind.BIT: "i",
        Kind.DECIMAL: "d",
        Kind.FLOAT: "r",
        Kind.DOUBLE: "r",
        Kind.DATE: "D",
        Kind.DATETIME: "T",
        Kind.TIMESTAMP: "T",
        Kind.TIME: "t",
    }[kind]
