"""INTERVAL expressions: reading the quantity, and adding it to a date, a datetime or a time."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from fauna.catalog.types import INT64_MAX, INT64_MIN
from fauna.sql.context import current
from fauna.sql.functions.calendar import (
    US_PER_DAY,
    add_months,
    microseconds_of,
    set_from_microseconds,
)
from fauna.sql.functions.temporal_arguments import as_text
from fauna.sql.functions.temporal_parse import TIME_MAX_US, Fields

# unit -> microseconds of each of its parts, in the order they are written
_DAY, _HOUR, _MINUTE, _SECOND, _US = US_PER_DAY, 3_600_000_000, 60_000_000, 1_000_000, 1
SIMPLE: Final = {"MICROSECOND": _US, "SECOND": _SECOND, "MINUTE": _MINUTE, "HOUR": _HOUR, "DAY": _DAY, "WEEK": 7 * _DAY}
MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
COMPOUND: Final = {
    "DAY_HOUR": (_DAY, _HOUR),
    "DAY_MINUTE": (_DAY, _HOUR, _MINUTE),
    "DAY_SECOND": (_DAY, _HOUR, _MINUTE, _SECOND),
    "DAY_MICROSECOND": (_DAY, _HOUR, _MINUTE, _SECOND, _US),
    "HOUR_MINUTE": (_HOUR, _MINUTE),
    "HOUR_SECOND": (_HOUR, _MINUTE, _SECOND),
    "HOUR_MICROSECOND": (_HOUR, _MINUTE, _SECOND, _US),
    "MINUTE_SECOND": (_MINUTE, _SECOND),
    "MINUTE_MICROSECOND": (_MINUTE, _SECOND, _US),
    "SECOND_MICROSECOND": (_SECOND, _US),
}
DATE_UNITS: Final = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH"})
TIME_UNITS: Final = frozenset({*SIMPLE, *COMPOUND} - {"WEEK"})

_SECONDS_DIGITS_MAX: Final = 20
_INTEGER_DIGITS_MAX: Final = 30
_DIGITS = re.compile(r"\d+", re.ASCII)
_INTEGER_PREFIX = re.compile(r"\s*[-+]?\d*", re.ASCII)
_NUMBER_PREFIX = re.compile(r"\s*(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,6})?)?", re.ASCII)


def interval_of(value: Any, letter: str, unit: str) -> tuple[int, int] | None:
    """(months, microseconds) of `value` units; one of them is zero.  None when the text has too many parts."""
    if unit in COMPOUND or unit == "YEAR_MONTH":
        parts = _parts(_text_of(value), len(COMPOUND.get(unit, (0, 0))), fraction=unit.endswith("MICROSECOND"))
        if parts is None:
            return None
        sign, numbers = parts
        if unit == "YEAR_MONTH":
            return sign * (numbers[0] * 12 + numbers[1]), 0
        return 0, sign * sum(number * size for number, size in zip(numbers, COMPOUND[unit], strict=True))
    if unit == "SECOND":
        return 0, _seconds_us(value, letter)
    number = integer_of(value, letter)
    return (number * MONTHS[unit], 0) if unit in MONTHS else (0, number * SIMPLE[unit])


def _text_of(value: Any) -> str:
    value = as_text(value)
    return value if isinstance(value, str) else str(value)


def integer_of(value: Any, letter: str) -> int:
    """`value` as MySQL's val_int takes it: text up to its digits, numbers rounded half away from zero."""
    if isinstance(value, int):
        return value
    if letter in "sxjDT":
        text = _text_of(value)
        match = _INTEGER_PREFIX.match(text)
        found = match.group() if match else ""
        if len(found) < len(text.rstrip()) or not found.strip():
            current().warn("TRUNCATED_WRONG_VALUE", "INTEGER", text)
        digits = found.strip()[:_INTEGER_DIGITS_MAX]
        return min(max(int(digits), INT64_MIN), INT64_MAX) if digits.lstrip("+-") else 0
    return rounded(value)


def rounded(value: float | str | Decimal) -> int:
    """A number (a DECIMAL as its text) as an integer, half away from zero, within 64 bits."""
    whole = int(Decimal(str(value)).to_integral_value(ROUND_HALF_UP))
    return min(max(whole, INT64_MIN), INT64_MAX)


def _seconds_us(value: Any, letter: str) -> int:
    if isinstance(value, int):
        return value * _SECOND
    text = _text_of(value)
    match = _NUMBER_PREFIX.match(text)
    found = match.group().strip() if match else ""
    if letter in "sxj" and (not found or len(found) < len(text.strip())):
        current().warn("TRUNCATED_WRONG_VALUE", "DECIMAL", text)
    number = Decimal(found) if found else Decimal(0)
    if number.adjusted() > _SECONDS_DIGITS_MAX:
        return TIME_MAX_US * US_PER_DAY  # more than any date can take
    return int(number * _SECOND)


def _parts(text: str, count: int, *, fraction: bool) -> tuple[int, list[int]] | None:
    stripped = text.lstrip()
    sign = -1 if stripped.startswith("-") else 1
    found = _DIGITS.findall(stripped)
    if len(found) > count:
        return None
    numbers = [int(number[:_INTEGER_DIGITS_MAX]) for number in found]
    if fraction and numbers:
        short = 6 - len(found[-1])
        if short > 0:
            numbers[-1] *= 10**short
    return sign, [0] * (count - len(numbers)) + numbers


def add_interval(fields: Fields, months: int, microseconds: int) -> bool:
    """Add to a datetime in place; False (with a warning) when the result is out of range."""
    done = add_months(fields, months) if months else True
    if done and microseconds:
        done = set_from_microseconds(fields, microseconds_of(fields) + microseconds)
    if not done or fields.year > 9999:
        current().warn("DATETIME_FUNCTION_OVERFLOW", "datetime")
        return False
    return True


def add_to_time(time: int, microseconds: int) -> int | None:
    total = time + microseconds
    if abs(total) > TIME_MAX_US:
        current().warn("DATETIME_FUNCTION_OVERFLOW", "time")
        return None
    return total
