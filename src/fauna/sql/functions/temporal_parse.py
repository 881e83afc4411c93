"""Dates, times and datetimes from text and from numbers, as relaxed as MySQL reads them.

Text is read field by field: any punctuation separates, leading and trailing spaces are skipped, years of two digits
are of 1970 … 2069, an all-digits string is YYMMDD, YYYYMMDD, YYMMDDHHMMSS or YYYYMMDDHHMMSS.  Fractions beyond
six digits are cut, not rounded, as MariaDB does by default.  Nothing here gives warnings: `truncated` says that
something was left over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fauna.sql.context import current

YEAR_PIVOT: Final = 70
TIME_MAX_US: Final = 838 * 3_600_000_000 + 59 * 60_000_000 + 59_999_999
TIMESTAMP_TEXT_MIN: Final = 12  # a string this long may be a full timestamp where a time is wanted
_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_SPACES: Final = " \t\n\v\f\r"
_DIGITS: Final = frozenset("0123456789")
# Both a date and a time: digits throughout, or a date with its punctuation and then T or a space.
_FULL = re.compile(r"[\dT]{12,}(?:\.|$)|\d+[^\w\s]\d+[^\w\s]\d+(?:T|\s+)\d")
_EXPONENT = re.compile(r"[eE][-+]?\d")
DAYS_IN_MONTH: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(slots=True)
class Fields:
    """A datetime taken apart.  `digits`: how many fraction digits were written; `has_time`: it was not only a date."""

    year: int = 0
    month: int = 0
    day: int = 0
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    digits: int = 0
    has_time: bool = False
    truncated: bool = False
    cut: bool = False  # more fraction digits were written than are kept

    def date_text(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    def text(self, digits: int | None = None) -> str:
        digits = self.digits if digits is None else digits
        text = f"{self.year:04d}-{self.month:02d}-{self.day:02d} {self.hour:02d}:{self.minute:02d}:{self.second:02d}"
        return text if not digits else f"{text}.{self.microsecond:06d}"[: 20 + digits]

    def time_us(self) -> int:
        return ((self.hour * 60 + self.minute) * 60 + self.second) * 1_000_000 + self.microsecond


def fields_of(text: str) -> Fields:
    """The parts of a stored DATE or DATETIME, which needs no checks."""
    if len(text) == 10:
        return Fields(int(text[:4]), int(text[5:7]), int(text[8:10]))
    fraction = text[20:]
    return Fields(
        int(text[:4]),
        int(text[5:7]),
        int(text[8:10]),
        int(text[11:13]),
        int(text[14:16]),
        int(text[17:19]),
        int(fraction.ljust(6, "0")) if fraction else 0,
        len(fraction),
        True,
    )


@dataclass(slots=True)
class TimeFields:
    """A time in microseconds; out_of_range: it was clipped to ±838:59:59; cut: more digits were written than are kept."""

    microseconds: int
    digits: int = 0
    truncated: bool = False
    out_of_range: bool = False
    cut: bool = False


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) and year != 0


def month_days(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else DAYS_IN_MONTH[month]


class _Reader:
    """A cursor over the text; each step says whether it failed.  A step at the end of the text succeeds."""

    __slots__ = ("end", "fields", "pos", "text", "values")

    def __init__(self, text: str) -> None:
        self.text, self.end = text, len(text)
        self.pos = 0
        self.values: list[int] = []

    def spaces(self) -> None:
        while self.pos < self.end and self.text[self.pos] in _SPACES:
            self.pos += 1

    def number(self, most: int = 20) -> bool:
        if self.pos >= self.end:
            return True
        start = self.pos
        stop = min(self.end, start + most)
        while self.pos < stop and self.text[self.pos] in _DIGITS:
            self.pos += 1
        if self.pos == start:
            return False
        self.values.append(int(self.text[start : self.pos]))
        return True

    def punctuation(self) -> bool:
        if self.pos >= self.end:
            return True
        if self.text[self.pos] in _PUNCTUATION:
            self.pos += 1
            return True
        return False

    def separator(self) -> bool:
        """Between date and time: T, spaces, or one punctuation character."""
        if self.pos >= self.end:
            return True
        if self.text[self.pos] == "T" or self.text[self.pos] in _PUNCTUATION:
            self.pos += 1
            return True
        start = self.pos
        self.spaces()
        return self.pos > start

    def maybe_t(self) -> bool:
        if self.pos < self.end and self.text[self.pos] == "T":
            self.pos += 1
        return True

    def fraction(self) -> tuple[int, int]:
        """(microseconds, digits) after a point; further digits are skipped."""
        start = self.pos
        while self.pos < self.end and self.text[self.pos] in _DIGITS:
            self.pos += 1
        digits = self.text[start : min(self.pos, start + 6)]
        return int(digits.ljust(6, "0")) if digits else 0, len(digits)


def _digits_format(reader: _Reader, digits: int) -> tuple[bool, int]:
    year_length = 4 if digits in (4, 8) or digits >= 14 else 2
    whole = (
        reader.number(year_length)
        and reader.number(2)
        and reader.number(2)
        and reader.maybe_t()
        and reader.number(2)
        and reader.number(2)
        and reader.number(2)
    )
    return whole, year_length


def _delimited_format(reader: _Reader) -> tuple[bool, int]:
    start = reader.pos
    whole = reader.number()
    year_length = reader.pos - start
    whole = whole and (
        reader.punctuation()
        and reader.number()
        and reader.punctuation()
        and reader.number()
        and reader.separator()
        and reader.number()
        and reader.punctuation()
        and reader.number()
        and reader.punctuation()
        and reader.number()
    )
    return whole, year_length


def datetime_fields(text: str) -> Fields | None:
    """`text` as a datetime, or None.  Zero parts (2024-00-00) pass; days that the month lacks do not."""
    fast = _plain(text)
    if fast is not None:
        return fast
    reader = _Reader(text)
    reader.spaces()
    start = reader.pos
    if start == reader.end or text[start] not in _DIGITS:
        return None
    pos = start
    while pos < reader.end and (text[pos] in _DIGITS or text[pos] == "T"):
        pos += 1
    if pos == reader.end or (text[pos] == "." and pos - start > 4):
        whole, year_length = _digits_format(reader, pos - start)
    else:
        whole, year_length = _delimited_format(reader)
    values = reader.values
    count = len(values)
    if count < 3:
        return None
    values += [0] * (6 - count)
    year, month, day, hour, minute, second = values[:6]
    fields = Fields(year, month, day, hour, minute, second, has_time=count > 3, truncated=not whole)
    if whole and reader.pos < reader.end and text[reader.pos] == ".":
        reader.pos += 1
        start = reader.pos
        fields.microsecond, fields.digits = reader.fraction()
        fields.cut = bool(text[start + 6 : reader.pos].strip("0"))
        fields.has_time = fields.has_time or fields.digits > 0
    if year_length == 2 and (any(values[:6]) or fields.microsecond):
        fields.year += 2000 if fields.year < YEAR_PIVOT else 1900
    reader.spaces()
    fields.truncated = fields.truncated or reader.pos < reader.end
    return fields if is_valid(fields) else None


def _plain(text: str) -> Fields | None:
    """The common form 'YYYY-MM-DD[ HH:MM:SS[.ffffff]]', quickly; None: not (surely) that."""
    size = len(text)
    if size < 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        return None
    year, month, day = text[:4], text[5:7], text[8:10]
    if not (year.isdigit() and month.isdigit() and day.isdigit()):
        return None
    if size == 10:
        fields = Fields(int(year), int(month), int(day))
        return fields if is_valid(fields) else None
    if size < 19 or text[13] != ":" or text[16] != ":" or text[10] not in " T":
        return None
    hour, minute, second = text[11:13], text[14:16], text[17:19]
    if not (hour.isdigit() and minute.isdigit() and second.isdigit()):
        return None
    digits = 0
    fraction = ""
    if size > 19:
        fraction = text[20:]
        digits = size - 20
        if text[19] != "." or not 0 < digits <= 6 or not fraction.isdigit():
            return None
    fields = Fields(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        int(second),
        int(fraction.ljust(6, "0")) if fraction else 0,
        digits,
        True,
    )
    return fields if is_valid(fields) else None


def is_valid(fields: Fields) -> bool:
    """Whether every part is within its range; zero months and days are allowed."""
    if fields.year > 9999 or fields.month > 12 or fields.day > 31:
        return False
    if fields.hour > 23 or fields.minute > 59 or fields.second > 59:
        return False
    if fields.day <= 28 or fields.month == 0:
        return True
    return fields.day <= month_days(fields.year, fields.month) or current().allow_invalid_dates


def time_fields(text: str) -> TimeFields | None:
    """`text` as a time: '[-][D ]HH:MM[:SS[.ffffff]]', 'HHMMSS', or a full datetime, of which the time part is taken."""
    stripped = text.strip(_SPACES)
    negative = stripped.startswith("-")
    body = stripped[1:] if negative else stripped
    if len(body) >= TIMESTAMP_TEXT_MIN and not negative and _FULL.match(body):
        full = datetime_fields(body)
        if full is not None and full.has_time:
            return TimeFields(full.time_us(), full.digits, full.truncated)
    if not body:
        return None
    reader = _Reader(body)
    if body[0] not in _DIGITS:
        return None
    days, clock = _days_and_clock(reader)
    found = _finish_time(reader, days, clock)
    if found is None:
        return None
    if negative:
        found.microseconds = -found.microseconds
    return found


def _days_and_clock(reader: _Reader) -> tuple[int, list[int]]:
    """(days, [hours, minutes, seconds]) at the start of the text."""
    if not reader.number(10):
        return 0, [0, 0, 0]
    value = reader.values[-1]
    after_digits = reader.pos
    reader.spaces()
    text, pos, end = reader.text, reader.pos, reader.end
    if end - pos > 1 and pos != after_digits and text[pos] in _DIGITS:
        return value, _clock(reader, [])
    if end - pos > 1 and text[pos] == ":" and text[pos + 1] in _DIGITS:
        reader.pos += 1
        return 0, _clock(reader, [value])
    return 0, [value // 10000, value // 100 % 100, value % 100]


def _clock(reader: _Reader, values: list[int]) -> list[int]:
    while len(values) < 3:
        reader.number()
        values.append(reader.values[-1])
        pos = reader.pos
        if len(values) == 3 or reader.end - pos < 2 or reader.text[pos] != ":" or reader.text[pos + 1] not in _DIGITS:
            break
        reader.pos += 1
    return values + [0] * (3 - len(values))


def _finish_time(reader: _Reader, days: int, clock: list[int]) -> TimeFields | None:
    microsecond = digits = 0
    cut = False
    if reader.pos < reader.end and reader.text[reader.pos] == ".":
        reader.pos += 1
        start = reader.pos
        microsecond, digits = reader.fraction()
        cut = bool(reader.text[start + 6 : reader.pos].strip("0"))
    if _EXPONENT.match(reader.text, reader.pos):
        return None
    hours, minutes, seconds = clock
    if minutes > 59 or seconds > 59:
        return None
    reader.spaces()
    result = TimeFields(0, digits, truncated=reader.pos < reader.end, cut=cut)
    total = ((days * 24 + hours) * 60 + minutes) * 60_000_000 + seconds * 1_000_000 + microsecond
    result.out_of_range = total > TIME_MAX_US
    result.microseconds = min(total, TIME_MAX_US)
    if result.out_of_range:
        result.microseconds = TIME_MAX_US - 999_999 if digits == 0 else TIME_MAX_US
    return result


def parse_datetime(text: str) -> tuple[str, int, bool] | None:
    """('YYYY-MM-DD HH:MM:SS[.f]', fraction digits, truncated), or None when `text` is no datetime."""
    fields = datetime_fields(text)
    return None if fields is None else (fields.text(), fields.digits, fields.truncated)


def parse_date(text: str) -> tuple[str, bool] | None:
    """('YYYY-MM-DD', truncated); a time part is dropped, which is no truncation."""
    fields = datetime_fields(text)
    return None if fields is None else (fields.date_text(), fields.truncated)


def parse_time(text: str) -> int | None:
    """Microseconds, clipped to ±838:59:59, or None when `text` is no time."""
    found = time_fields(text)
    return None if found is None else found.microseconds


def fields_from_number(number: int, microsecond: int = 0) -> Fields | None:
    """YYMMDD, YYYYMMDD, YYMMDDHHMMSS or YYYYMMDDHHMMSS as a number, or None."""
    if number < 0:
        return None
    has_time = number >= 10000101000000 or 100000000 < number
    if number != 0 and number < 10000101000000:
        if number < 101:
            return None
        if number < 1_000_000:
            number = _with_century(number, 10_000)
            if number < 0:
                return None
            number *= 1_000_000
        elif number < 10000101:
            return None
        elif number <= 99991231:
            number *= 1_000_000
        elif number < 101000000:
            return None
        elif number < 1_000_000_000_000:
            number = _with_century(number, 10_000_000_000)
            if number < 0:
                return None
    if number > 99991231235959:
        return None
    date, time = divmod(number, 1_000_000)
    fields = Fields(
        date // 10000, date // 100 % 100, date % 100, time // 10000, time // 100 % 100, time % 100, microsecond, has_time=has_time
    )
    if microsecond:
        fields.digits = 6
    return fields if is_valid(fields) else None


def _with_century(number: int, year_unit: int) -> int:
    """Add the century to a number whose year has two digits; -1 when it is none."""
    year = number // year_unit
    if year > 99:
        return -1
    return number + (2000 if year < YEAR_PIVOT else 1900) * year_unit


def datetime_from_number(number: int, microsecond: int = 0) -> tuple[str, int, bool] | None:
    """As `parse_datetime`, for a number."""
    fields = fields_from_number(number, microsecond)
    return None if fields is None else (fields.text(), fields.digits, False)


def time_from_number(number: int, microsecond: int = 0) -> TimeFields | None:
    """HHMMSS as a number (or a full datetime, of which the time part is taken); None when minutes or seconds are above 59."""
    size = abs(number)
    if size > 8385959:
        if size >= 10_000_000_000:
            fields = fields_from_number(size, microsecond)
            return None if fields is None else TimeFields(fields.time_us(), fields.digits)
        return TimeFields(-TIME_MAX_US + 999_999 if number < 0 else TIME_MAX_US - 999_999, out_of_range=True)
    if size % 100 > 59 or size // 100 % 100 > 59:
        return None
    total = (size // 10000 * 3600 + size // 100 % 100 * 60 + size % 100) * 1_000_000 + microsecond
    return TimeFields(-total if number < 0 else total)
