"""Stored values as Python objects and as text: what a client of either protocol, and of the SDK, finally sees.

`text_of` and `to_python` take a type once and give back a function for its values, so that nothing is decided per
value.  NULL is the caller's: no function here is called with None, except where it says so.
"""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fauna.catalog.types import (
    BIGINT_TYPE,
    BYTES,
    CHARS,
    DATE_TYPE,
    DOUBLE_TYPE,
    FLOATS,
    INT64_MAX,
    INT64_MIN,
    INT_WIDTHS,
    INTEGERS,
    NULL_TYPE,
    TEXTS,
    UBIGINT_TYPE,
    UINT64_MAX,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    from_unsigned,
    from_wide,
    time_type,
    to_unsigned,
    to_wide,
    varbinary,
    varchar,
)
from fauna.errors import error

if TYPE_CHECKING:
    from fauna.catalog.schema import Column

SCALE_NOT_FIXED: Final = 31
DOUBLE_POINT_MAX: Final = 15  # an integer of more digits than this: exponent form
DOUBLE_POINT_MIN: Final = -14  # more zeros after the point than this: exponent form
_PLAIN_BELOW: Final = 1e15
FLOAT_DIGITS: Final = 6
SECOND_US: Final = 1_000_000
DECIMAL_EXPONENT_MAX: Final = 400
FLOAT_WIDTHS: Final = {Kind.FLOAT: 12, Kind.DOUBLE: 22}

Text = Callable[[Any], Any]


# ── numbers as text ────────────────────────────────────────────────────────────────────────────────────────────


def format_double(value: float) -> str:
    """A DOUBLE as MariaDB prints it: the shortest digits that give the value back."""
    text = repr(value)
    if -_PLAIN_BELOW < value < _PLAIN_BELOW and "e" not in text:
        if not value:
            return "0"  # MariaDB shows no negative zero
        return text[:-2] if text[-2:] == ".0" else text
    return _general(text)


def format_float(value: float) -> str:
    """A FLOAT as MariaDB prints it: six digits."""
    return _general(f"{value:.{FLOAT_DIGITS - 1}e}")


def _general(text: str) -> str:
    """Python's digits with MariaDB's rule for when an exponent is written: 0.00001, 1e15, 1.5e-16."""
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    if not whole.isdigit():
        return text  # inf and nan cannot be stored
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    leading = len(digits) - len(digits.lstrip("0"))
    digits, point = digits[leading:].rstrip("0"), point - leading
    if not digits:
        return "0"
    if (point > DOUBLE_POINT_MAX and len(digits) <= point) or point < DOUBLE_POINT_MIN:
        rest = "." + digits[1:] if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def format_scaled(scaled: int, scale: int) -> str:
    """A DECIMAL from its scaled integer."""
    if not scale:
        return str(scaled)
    digits = str(abs(scaled)).zfill(scale + 1)
    return f"{'-' if scaled < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def format_time(microseconds: int, digits: int) -> str:
    """A TIME: '-01:02:03.50'; hours take at least two places."""
    size = abs(microseconds)
    seconds, fraction = divmod(size, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{'-' if microseconds < 0 else ''}{hour:02d}:{minute:02d}:{second:02d}"
    return text if not digits else f"{text}.{fraction:06d}"[: len(text) + 1 + digits]


def member_text(members: tuple[str, ...], position: int) -> str:
    """An ENUM's text; position 0 is the error value ''."""
    return members[position - 1] if 0 < position <= len(members) else ""


def set_text(members: tuple[str, ...], mask: int | bytes) -> str:
    bits = from_unsigned(mask)
    return ",".join([member for index, member in enumerate(members) if bits >> index & 1])


def bit_bytes(value: int | bytes, length: int) -> bytes:
    """A BIT as the text protocol sends it."""
    return from_unsigned(value).to_bytes((length + 7) // 8, "big")


def single(value: float) -> float:
    """The nearest FLOAT."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


# ── stored -> text ─────────────────────────────────────────────────────────────────────────────────────────────


def _same(value: Any) -> Any:
    return value


def text_of(sql_type: SqlType) -> Callable[[Any], str | bytes]:
    """What the text protocol sends for a value of this type: str for characters and numbers, bytes for byte strings."""
    plain = _plain_text(sql_type)
    return _zerofilled(sql_type, plain) if sql_type.zerofill else plain


def _plain_text(sql_type: SqlType) -> Text:
    kind = sql_type.kind
    if kind in CHARS or kind in BYTES or kind in (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP):
        return _same
    if kind is Kind.DECIMAL:
        return _decimal_text(sql_type.scale, sql_type.wide)
    if kind in FLOATS:
        return _float_text(sql_type)
    if kind is Kind.YEAR:
        return lambda value: f"{value:04d}"
    if kind is Kind.TIME:
        digits = sql_type.scale
        return lambda value: format_time(value, digits)
    if kind is Kind.BIT:
        length = sql_type.length
        return lambda value: bit_bytes(value, length)
    if kind is Kind.ENUM:
        members = sql_type.members
        return lambda value: member_text(members, value)
    if kind is Kind.SET:
        names = sql_type.members
        return lambda value: set_text(names, value)
    if sql_type.is_big_unsigned:
        return lambda value: str(from_unsigned(value))
    return str


def _decimal_text(scale: int, wide: bool) -> Text:
    if wide:
        return lambda value: format_scaled(from_wide(value), scale) if isinstance(value, bytes) else format_scaled(value, scale)
    if not scale:
        return str

    def text(value: int) -> str:
        if value < 0:
            digits = str(-value).zfill(scale + 1)
            return f"-{digits[:-scale]}.{digits[-scale:]}"
        digits = str(value).zfill(scale + 1)
        return f"{digits[:-scale]}.{digits[-scale:]}"

    return text


def _float_text(sql_type: SqlType) -> Text:
    scale = sql_type.scale
    if scale < SCALE_NOT_FIXED:
        # -0.0 is printed without its sign, as rounding leaves it.
        return lambda value: f"{value:.{scale}f}" if value else f"{0:.{scale}f}"
    return format_float if sql_type.kind is Kind.FLOAT else format_double


def _zerofilled(sql_type: SqlType, plain: Text) -> Text:
    width = sql_type.length
    if sql_type.kind in INTEGERS:
        width = width or INT_WIDTHS[sql_type.kind][1]
    elif sql_type.kind is Kind.DECIMAL:
        width += 1 if sql_type.scale else 0
    elif sql_type.kind in FLOATS:
        width = width or FLOAT_WIDTHS[sql_type.kind]
    return lambda value: plain(value).rjust(width, "0")


# ── stored -> Python ───────────────────────────────────────────────────────────────────────────────────────────


def to_python(sql_type: SqlType) -> Callable[[Any], Any]:
    """The Python object for a value of this type, the one PyMySQL would give."""
    kind = sql_type.kind
    if kind is Kind.DECIMAL:
        return _decimal_object(sql_type.scale)
    if kind is Kind.FLOAT and sql_type.scale >= SCALE_NOT_FIXED:
        return lambda value: float(f"{value:.{FLOAT_DIGITS}g}")
    if kind is Kind.DATE:
        return _date_object
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return _datetime_object
    if kind is Kind.TIME:
        return lambda value: datetime.timedelta(microseconds=value)
    if kind in (Kind.BIT, Kind.ENUM, Kind.SET):
        return _plain_text(sql_type)
    if sql_type.is_big_unsigned:
        return from_unsigned
    return _same


def _decimal_object(scale: int) -> Callable[[Any], Decimal]:
    def convert(value: int | bytes) -> Decimal:
        scaled = value if isinstance(value, int) else from_wide(value)
        return Decimal(format_scaled(scaled, scale))

    return convert


def _date_object(value: str) -> datetime.date | str:
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return value  # zero and half-zero dates have no Python object


def _datetime_object(value: str) -> datetime.datetime | str:
    try:
        if len(value) > 19:
            return datetime.datetime.fromisoformat(value[:20] + value[20:].ljust(6, "0"))
        return datetime.datetime.fromisoformat(value)
    except ValueError:
        return value


# ── Python -> stored ───────────────────────────────────────────────────────────────────────────────────────────


def from_python(value: object) -> tuple[SqlType, Stored]:
    """A client's parameter as a typed value.  Raises SqlError for what MySQL has no type for."""
    convert = _FROM_PYTHON.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, Enum):
        return from_python(value.value)
    for base, convert in _FROM_PYTHON.items():
        if isinstance(value, base):
            return convert(value)
    raise error("UNKNOWN_ERROR", f"A value of type {type(value).__name__} cannot be a parameter")


def _from_int(value: int) -> tuple[SqlType, Stored]:
    value = int(value)
    if INT64_MIN <= value <= INT64_MAX:
        return BIGINT_TYPE, value
    if 0 <= value <= UINT64_MAX:
        return UBIGINT_TYPE, to_unsigned(value)
    return from_python(Decimal(value))


def _from_float(value: float) -> tuple[SqlType, Stored]:
    if not math.isfinite(value):
        raise error("UNKNOWN_ERROR", f"{value} can not be used with MySQL")
    return DOUBLE_TYPE, float(value)


def _from_decimal(value: Decimal) -> tuple[SqlType, Stored]:
    if not value.is_finite() or not -DECIMAL_EXPONENT_MAX < value.adjusted() < DECIMAL_EXPONENT_MAX:
        raise error("UNKNOWN_ERROR", f"{value} can not be used with MySQL")
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    scaled = int("".join(map(str, digits)) or "0") * 10 ** max(0, exponent)
    sql_type = decimal_type(max(len(str(scaled)), scale), scale)
    if len(str(scaled)) > sql_type.length or scale > sql_type.scale:
        return _from_float(float(value))  # more digits than a DECIMAL has: MySQL reads such a literal as a DOUBLE
    scaled = -scaled if sign else scaled
    return sql_type, to_wide(scaled) if sql_type.wide else scaled


def _from_datetime(value: datetime.datetime) -> tuple[SqlType, Stored]:
    text = value.replace(tzinfo=None).isoformat(" ")
    return datetime_type(6 if value.microsecond else 0), text


def _from_time(value: datetime.time) -> tuple[SqlType, Stored]:
    whole = (value.hour * 60 + value.minute) * 60 + value.second
    return time_type(6 if value.microsecond else 0), whole * SECOND_US + value.microsecond


def _from_timedelta(value: datetime.timedelta) -> tuple[SqlType, Stored]:
    return time_type(6 if value.microseconds else 0), value // datetime.timedelta(microseconds=1)


_FROM_PYTHON: Final[dict[type, Callable[[Any], tuple[SqlType, Stored]]]] = {
    type(None): lambda value: (NULL_TYPE, None),
    str: lambda value: (varchar(len(value)), str(value)),
    bool: lambda value: (BIGINT_TYPE, int(value)),
    int: _from_int,
    float: _from_float,
    Decimal: _from_decimal,
    bytes: lambda value: (varbinary(len(value)), bytes(value)),
    bytearray: lambda value: (varbinary(len(value)), bytes(value)),
    memoryview: lambda value: (varbinary(value.nbytes), bytes(value)),
    datetime.datetime: _from_datetime,
    datetime.date: lambda value: (DATE_TYPE, value.isoformat()),
    datetime.time: _from_time,
    datetime.timedelta: _from_timedelta,
    UUID: lambda value: (varchar(36), str(value)),
}


# ── types as text ──────────────────────────────────────────────────────────────────────────────────────────────


def column_type_text(column: Column) -> str:
    """COLUMN_TYPE of a column, as it was declared."""
    return column.declared or type_text(column.sql_type)


def type_text(sql_type: SqlType) -> str:
    """COLUMN_TYPE of information_schema, as SHOW COLUMNS and SHOW CREATE TABLE print it."""
    kind = sql_type.kind
    name = kind.name.lower()
    if kind is Kind.JSON:
        return "longtext"
    if kind in (Kind.ENUM, Kind.SET):
        return f"{name}({','.join(_quoted(member) for member in sql_type.members)})"
    if kind is Kind.YEAR:
        return "year(4)"
    if kind in (Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP):
        return f"{name}({sql_type.scale})" if sql_type.scale else name
    if kind is Kind.NULL or kind is Kind.DATE or kind in TEXTS or (kind in BYTES and kind not in (Kind.BINARY, Kind.VARBINARY)):
        return name
    return name + _width_text(sql_type) + (" unsigned" if sql_type.unsigned else "") + (" zerofill" if sql_type.zerofill else "")


def _width_text(sql_type: SqlType) -> str:
    kind = sql_type.kind
    if kind is Kind.DECIMAL:
        return f"({sql_type.length},{sql_type.scale})"
    if kind in FLOATS:
        return f"({sql_type.length},{sql_type.scale})" if sql_type.scale < SCALE_NOT_FIXED else ""
    if kind in INTEGERS:
        return f"({sql_type.length or INT_WIDTHS[kind][1 if sql_type.unsigned else 0]})"
    return f"({max(sql_type.length, 1) if kind is Kind.BIT else sql_type.length})"


def _quoted(member: str) -> str:
    return "'" + member.replace("'", "''") + "'"
