"""Dates, datetimes and times: reading one from a value of any type, and giving it a number of fraction digits.

Reading gives `Fields` or `TimeFields` of temporal_parse, or None when the value is none.  What is lost (a time when a
date is wanted, leftover text) is marked, and reported by the caller in its own way.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any, Final

from fauna.catalog.types import BYTES, Kind, SqlType, from_unsigned
from fauna.catalog.values import format_double, format_scaled, format_time, member_text, set_text
from fauna.sql.context import current
from fauna.sql.convert.numbers import exact_of_double, exact_reader, is_exact, is_float, text_of_bytes
from fauna.sql.functions.temporal_parse import (
    TIME_MAX_US,
    Fields,
    TimeFields,
    datetime_fields,
    fields_from_number,
    fields_of,
    time_fields,
    time_from_number,
)

ZERO_DATE: Final = "0000-00-00"
ZERO_DATETIME: Final = "0000-00-00 00:00:00"
SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
NUMBER_MAX: Final = 10**30
TIME_NUMBER_MAX: Final = 8_385_959  # 838:59:59 as a number; a larger one may be a date
DATE_NUMBER_MIN: Final = 10_000_101
DATE_NUMBER_MAX: Final = 99_991_231
TIMESTAMP_NUMBER_MIN: Final = 10_000_000_000
TIMESTAMP_NUMBER_MAX: Final = 99_991_231_235_959
_THREE_PARTS: Final = re.compile(r"\s*(?:\d+[^\w\s]+\d+[^\w\s]+\d|\d{5})", re.ASCII)
_NO_TIME: Final = re.compile(r"\s*-?(?:\.|\d+(?:\.\d*)?[eE][-+]?\d)", re.ASCII)
_LEADING_NUMBER: Final = re.compile(r"\s*-?(\d{10,})", re.ASCII)
_DATE_AND_TIME: Final = re.compile(r"\s*\d+-\d+-\d+[ T]\d", re.ASCII)
UINT32_MAX: Final = (1 << 32) - 1

ReadDatetime = Callable[[Any], Fields | None]
ReadTime = Callable[[Any], TimeFields | None]


def zero_datetime(digits: int) -> str:
    return with_digits(ZERO_DATETIME, digits)


def with_digits(text: str, digits: int) -> str:
    """A datetime's text with exactly `digits` fraction digits; what is too much is cut."""
    size = 20 + digits if digits else 19
    if len(text) == size:
        return text
    if len(text) > size:
        return text[:size]
    return (text + "." if len(text) == 19 else text).ljust(size, "0")


def cut_time(microseconds: int, digits: int) -> int:
    """A time with no more than `digits` fraction digits."""
    unit: int = 10 ** (6 - digits)
    size = abs(microseconds) // unit * unit
    return -size if microseconds < 0 else size


def today() -> datetime.date:
    """The date that a TIME becomes a DATETIME of: the statement's, when the context knows it."""
    now = current().now
    if now:
        return datetime.date.fromisoformat(now[:10])
    return datetime.datetime.now(datetime.UTC).date()


def _datetime_of_time(microseconds: int) -> Fields | None:
    base = datetime.datetime.combine(today(), datetime.time())
    return fields_of((base + datetime.timedelta(microseconds=microseconds)).isoformat(" ", "microseconds"))


def split_number(scaled: int, scale: int) -> tuple[int, int, bool]:
    """(whole part, microseconds, whether there was any fraction); the whole part keeps the sign."""
    whole, fraction = divmod(abs(scaled), 10**scale)
    whole = min(whole, NUMBER_MAX)
    micros = fraction * SECOND_US // int(10**scale)
    return (-whole if scaled < 0 else whole), micros, fraction != 0


def _datetime_of_number(scaled: int, scale: int) -> Fields | None:
    if scaled < 0:
        return None
    whole, micros, _ = split_number(scaled, scale)
    return fields_from_number(whole, micros)


def _time_of_number(scaled: int, scale: int) -> TimeFields | None:
    whole, micros, _ = split_number(scaled, scale)
    if abs(whole) > TIMESTAMP_NUMBER_MAX:
        return TimeFields(-TIME_MAX_US if scaled < 0 else TIME_MAX_US, out_of_range=True)
    if TIME_NUMBER_MAX < abs(whole) < TIMESTAMP_NUMBER_MIN:
        return _time_of_date(whole)
    if scaled < 0 and whole == 0:
        return TimeFields(-micros)
    return time_from_number(whole, micros)


def _time_of_date(whole: int) -> TimeFields | None:
    """A number too large for a time may still be a date, whose time is midnight; days are not checked against the month."""
    month, day = whole // 100 % 100, whole % 100
    if DATE_NUMBER_MIN <= whole <= DATE_NUMBER_MAX and month <= 12 and day <= 31:
        return TimeFields(0)
    fields = fields_from_number(whole) if whole > DATE_NUMBER_MAX else None
    return None if fields is None else TimeFields(fields.time_us())


def is_plain_date(text: str) -> bool:
    """Whether the text is exactly 'YYYY-MM-DD', and a date with no zero part."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_plain_datetime(text: str) -> bool:
    """Whether the text is exactly 'YYYY-MM-DD HH:MM:SS' or that with '.ffffff', with no zero part in the date."""
    if len(text) != 19 and not (len(text) == 26 and text[19] == "." and text[20:].isdigit()):
        return False
    if text[4] + text[7] + text[10] + text[13] + text[16] != "-- ::" or text[11:13] > "23":
        return False
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def datetime_of_text(text: str) -> Fields | None:
    """A datetime needs three parts at least: '2020-10' and '12' are none."""
    fields = datetime_fields(text)
    if fields is not None and not fields.day and _THREE_PARTS.match(text) is None:
        return None
    return fields


def time_of_text(text: str) -> TimeFields | None:
    """No time: '.5', '1e2', a number past 32 bits, a datetime whose parts are out of range."""
    if _NO_TIME.match(text) is not None:
        return None
    fields = time_fields(text)
    if fields is None or not (fields.truncated or fields.out_of_range):
        return fields
    if _DATE_AND_TIME.match(text) is not None and datetime_fields(text) is None:
        return None
    number = _LEADING_NUMBER.match(text)
    if number is not None and int(number[1][:20]) > UINT32_MAX:
        return None
    if fields.out_of_range:
        fields.microseconds = -TIME_MAX_US if fields.microseconds < 0 else TIME_MAX_US
    return fields


def datetime_reader(source: SqlType) -> ReadDatetime:
    kind = source.kind
    if kind in (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP):
        return fields_of
    if kind is Kind.TIME:
        return _datetime_of_time
    text = text_reader(source)
    if text is not None:
        return lambda value: datetime_of_text(text(value))
    return _number_reader(source, _datetime_of_number)


def time_reader(source: SqlType) -> ReadTime:
    kind = source.kind
    if kind is Kind.TIME:
        return TimeFields
    if kind is Kind.DATE:
        return lambda value: TimeFields(0)
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return lambda value: TimeFields(fields_of(value).time_us())
    text = text_reader(source)
    if text is not None:
        return lambda value: time_of_text(text(value))
    return _number_reader(source, _time_of_number)


def _number_reader(source: SqlType, of_number: Callable[[int, int], Any]) -> Callable[[Any], Any]:
    if is_float(source):
        return lambda value: of_number(*exact_of_double(value)) if math.isfinite(value) else None
    exact, scale = exact_reader(source)
    return lambda value: of_number(exact(value), scale)


def text_reader(source: SqlType) -> Callable[[Any], str] | None:
    """How to get the text of a string-like value; None for other types."""
    kind = source.kind
    if kind in BYTES:
        return text_of_bytes
    members = source.members
    if kind is Kind.ENUM:
        return lambda value: member_text(members, value)
    if kind is Kind.SET:
        return lambda value: set_text(members, value)
    if is_exact(source) or is_float(source):
        return None
    return _str


def _str(value: Any) -> str:
    # An operand declared a character string may still hold bytes (a parameter of the binary protocol).
    return value if isinstance(value, str) else text_of_bytes(value) if isinstance(value, bytes) else str(value)


def message_text(source: SqlType) -> Callable[[Any], str | bytes]:
    """How a value of this type is quoted in a message about a temporal value."""
    kind = source.kind
    if kind in BYTES:
        return lambda value: value
    if kind is Kind.TIME:
        digits = 6 if source.scale else 0
        return lambda value: format_time(value, digits)
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        digits = 6 if source.scale else 0
        return lambda value: with_digits(value, digits)
    if kind is Kind.DATE:
        return _str
    if is_float(source):
        return format_double
    if kind is Kind.DECIMAL:
        exact, scale = exact_reader(source)
        return lambda value: format_scaled(exact(value), scale)
    text = text_reader(source)
    if text is not None:
        return text
    return lambda value: str(from_unsigned(value))
