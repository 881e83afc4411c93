"""DATE_FORMAT, TIME_FORMAT, STR_TO_DATE and GET_FORMAT: the % formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fauna.sql.context import current
from fauna.sql.functions.calendar import date_of, day_number, week_of, weekday
from fauna.sql.functions.temporal_parse import Fields

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_SHORT: Final = tuple(name[:3] for name in MONTHS)
_DAYS_SHORT: Final = tuple(name[:3] for name in DAYS)

# Characters that each specifier may take, at most: MariaDB's own table, for the result's length.
_WIDTHS: Final = {
    **dict.fromkeys("MW", 64),
    **dict.fromkeys("DYxX", 4),
    **dict.fromkeys("ab", 32),
    "j": 3,
    **dict.fromkeys("uUvVymdhiIlpSsce", 2),
    **dict.fromkeys("kH", 7),
    "r": 11,
    "T": 8,
    "f": 6,
}
DATE_PARTS: Final = frozenset("MVUXYWDabcdejmvuxyw")
TIME_PARTS: Final = frozenset("HISThiklrsp")

GET_FORMATS: Final = {
    ("DATE", "USA"): "%m.%d.%Y",
    ("DATE", "JIS"): "%Y-%m-%d",
    ("DATE", "ISO"): "%Y-%m-%d",
    ("DATE", "EUR"): "%d.%m.%Y",
    ("DATE", "INTERNAL"): "%Y%m%d",
    ("DATETIME", "USA"): "%Y-%m-%d %H.%i.%s",
    ("DATETIME", "JIS"): "%Y-%m-%d %H:%i:%s",
    ("DATETIME", "ISO"): "%Y-%m-%d %H:%i:%s",
    ("DATETIME", "EUR"): "%Y-%m-%d %H.%i.%s",
    ("DATETIME", "INTERNAL"): "%Y%m%d%H%i%s",
    ("TIME", "USA"): "%h:%i:%s %p",
    ("TIME", "JIS"): "%H:%i:%s",
    ("TIME", "ISO"): "%H:%i:%s",
    ("TIME", "EUR"): "%H.%i.%s",
    ("TIME", "INTERNAL"): "%H%i%s",
}


def format_width(pattern: str) -> int:
    total = position = 0
    while position < len(pattern):
        if pattern[position] == "%" and position + 1 < len(pattern):
            position += 1
            total += _WIDTHS.get(pattern[position], 1)
        else:
            total += 1
        position += 1
    return total


class _Missing(Exception):
    """A part that the value does not have: the whole result is NULL."""


def _suffix(day: int) -> str:
    return "th" if 10 <= day <= 19 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _weekday(f: Fields) -> int:
    if not (f.month or f.year):
        raise _Missing
    return weekday(day_number(f.year, f.month, f.day))


def _month_name(f: Fields, names: tuple[str, ...]) -> str:
    if not 1 <= f.month <= 12:
        raise _Missing
    return names[f.month - 1]


def _day_of_year(f: Fields) -> str:
    if not (f.month or f.year):
        raise _Missing
    return f"{day_number(f.year, f.month, f.day) - day_number(f.year, 1, 1) + 1:03d}"


def _hour12(f: Fields) -> int:
    return (f.hour % 24 + 11) % 12 + 1


def _clock(f: Fields) -> str:
    return f"{f.hour:02d}:{f.minute:02d}:{f.second:02d}"


def _half(f: Fields) -> str:
    return "AM" if f.hour % 24 < 12 else "PM"


def _week(f: Fields, mode: int) -> tuple[int, int]:
    if not (f.month or f.year):
        raise _Missing
    return week_of(f.year, f.month, f.day, mode)


_FORMATS: Final[dict[str, Callable[[Fields], str]]] = {
    "M": lambda f: _month_name(f, MONTHS),
    "b": lambda f: _month_name(f, _MONTHS_SHORT),
    "W": lambda f: DAYS[_weekday(f)],
    "a": lambda f: _DAYS_SHORT[_weekday(f)],
    "D": lambda f: f"{f.day}{_suffix(f.day)}",
    "Y": lambda f: f"{f.year:04d}",
    "y": lambda f: f"{f.year % 100:02d}",
    "m": lambda f: f"{f.month:02d}",
    "c": lambda f: str(f.month),
    "d": lambda f: f"{f.day:02d}",
    "e": lambda f: str(f.day),
    "f": lambda f: f"{f.microsecond:06d}",
    "H": lambda f: f"{f.hour:02d}",
    "h": lambda f: f"{_hour12(f):02d}",
    "I": lambda f: f"{_hour12(f):02d}",
    "i": lambda f: f"{f.minute:02d}",
    "j": _day_of_year,
    "k": lambda f: str(f.hour),
    "l": lambda f: str(_hour12(f)),
    "p": _half,
    "r": lambda f: f"{_hour12(f):02d}:{f.minute:02d}:{f.second:02d} {_half(f)}",
    "S": lambda f: f"{f.second:02d}",
    "s": lambda f: f"{f.second:02d}",
    "T": _clock,
    "U": lambda f: f"{_week(f, 0)[0]:02d}",
    "u": lambda f: f"{_week(f, 1)[0]:02d}",
    "V": lambda f: f"{_week(f, 2)[0]:02d}",
    "v": lambda f: f"{_week(f, 3)[0]:02d}",
    "X": lambda f: f"{_week(f, 2)[1]:04d}",
    "x": lambda f: f"{_week(f, 3)[1]:04d}",
    "w": lambda f: str((_weekday(f) + 1) % 7),
}
_DATE_ONLY: Final = frozenset("YymcdeMbWaDjUuVvXxw")


def format_fields(fields: Fields, pattern: str, *, time_only: bool = False) -> str | None:
    """`fields` in `pattern`; None when a name of a zero month or weekday is asked for, or the pattern is empty."""
    if not pattern:
        return None
    parts: list[str] = []
    pieces = iter(pattern)
    try:
        for char in pieces:
            if char != "%":
                parts.append(char)
                continue
            specifier = next(pieces, None)
            if specifier is None:
                parts.append("%")
                break
            if time_only and specifier in _DATE_ONLY:
                return None
            make = _FORMATS.get(specifier)
            parts.append(make(fields) if make else specifier)
    except _Missing:
        return None
    return "".join(parts)


class _Failed(Exception):
    """The text does not fit the pattern."""


class _Scan:
    """STR_TO_DATE's cursor and what it has gathered."""

    def __init__(self, text: str) -> None:
        self.text, self.end, self.pos = text, len(text), 0
        self.fields = Fields()
        self.half_day = 0
        self.twelve_hours = False
        self.year_day = 0
        self.weekday = 0
        self.week = -1
        self.week_sunday = self.week_strict = False
        self.week_year = -1
        self.week_year_sunday = False

    def spaces(self) -> None:
        while self.pos < self.end and self.text[self.pos].isspace():
            self.pos += 1

    def number(self, most: int) -> int:
        start = self.pos
        stop = min(self.end, start + most)
        while self.pos < stop and self.text[self.pos] in "0123456789":
            self.pos += 1
        if self.pos == start:
            raise _Failed
        return int(self.text[start : self.pos])

    def word(self, names: tuple[str, ...]) -> int:
        """The index of the name that stands here."""
        start = self.pos
        while self.pos < self.end and self.text[self.pos].isalpha():
            self.pos += 1
        found = self.text[start : self.pos].lower()
        for index, name in enumerate(names):
            if found == name.lower():
                return index
        if len(found) >= 3:
            matches = [index for index, name in enumerate(names) if name.lower().startswith(found)]
            if len(matches) == 1:
                return matches[0]
        raise _Failed

    def skip(self, kind: str) -> None:
        test = {"#": str.isdigit, "@": str.isalpha}.get(kind, lambda c: not c.isalnum() and not c.isspace())
        while self.pos < self.end and test(self.text[self.pos]):
            self.pos += 1

    def take(self, specifier: str) -> None:
        f = self.fields
        match specifier:
            case "Y":
                start = self.pos
                year = self.number(4)
                f.year = year + (2000 if year < 70 else 1900) if self.pos - start <= 2 else year
            case "y":
                year = self.number(2)
                f.year = year + (2000 if year < 70 else 1900)
            case "m" | "c":
                f.month = self.number(2)
            case "M":
                f.month = self.word(MONTHS) + 1
            case "b":
                f.month = self.word(_MONTHS_SHORT) + 1
            case "d" | "e":
                f.day = self.number(2)
            case "D":
                f.day = self.number(2)
                self.pos = min(self.end, self.pos + 2)
            case "h" | "I" | "l":
                self.twelve_hours = True
                f.hour = self.number(2)
            case "k" | "H":
                f.hour = self.number(2)
            case "i":
                f.minute = self.number(2)
            case "s" | "S":
                f.second = self.number(2)
            case "f":
                start = self.pos
                f.microsecond = self.number(6) * 10 ** (6 - (self.pos - start))
            case "p":
                self.am_pm()
            case "r":
                self.run("%I:%i:%S %p")
            case "T":
                self.run("%H:%i:%S")
            case "j":
                self.year_day = self.number(3)
            case "." | "@" | "#":
                self.skip(specifier)
            case _:
                self.take_week(specifier)

    def take_week(self, specifier: str) -> None:
        match specifier:
            case "W":
                self.weekday = self.word(DAYS) + 1
            case "a":
                self.weekday = self.word(_DAYS_SHORT) + 1
            case "w":
                self.weekday = self.number(1) or 7
                if self.weekday > 7:
                    raise _Failed
            case "U" | "u" | "V" | "v":
                self.week_sunday, self.week_strict = specifier in "UV", specifier in "Vv"
                self.week = self.number(2)
                if self.week > 53 or (self.week_strict and not self.week):
                    raise _Failed
            case "X" | "x":
                self.week_year_sunday = specifier == "X"
                self.week_year = self.number(4)
            case _:
                raise _Failed

    def am_pm(self) -> None:
        found = self.text[self.pos : self.pos + 2].upper()
        if found not in ("AM", "PM") or not self.twelve_hours:
            raise _Failed
        self.half_day = 12 if found == "PM" else 0
        self.pos += 2

    def run(self, pattern: str) -> None:
        position = 0
        while position < len(pattern) and self.pos < self.end:
            self.spaces()
            if self.pos >= self.end:
                break
            char = pattern[position]
            if char == "%" and position + 1 < len(pattern):
                position += 1
                self.take(pattern[position])
            elif not char.isspace():
                if self.text[self.pos] != char:
                    raise _Failed
                self.pos += 1
            position += 1

    def finish(self) -> Fields:
        f = self.fields
        if self.twelve_hours:
            if not 1 <= f.hour <= 12:
                raise _Failed
            f.hour = f.hour % 12 + self.half_day
        if self.year_day > 0:
            f.year, f.month, f.day = self.checked(day_number(f.year, 1, 1) + self.year_day - 1)
        if self.week >= 0 and self.weekday:
            f.year, f.month, f.day = self.checked(self.day_of_week())
        if f.month > 12 or f.day > 31 or f.hour > 23 or f.minute > 59 or f.second > 59:
            raise _Failed
        return f

    @staticmethod
    def checked(days: int) -> tuple[int, int, int]:
        date = date_of(days)
        if date == (0, 0, 0):
            raise _Failed
        return date

    def day_of_week(self) -> int:
        if self.week_strict:
            if self.week_year < 0 or self.week_year_sunday != self.week_sunday:
                raise _Failed
        elif self.week_year >= 0:
            raise _Failed
        days = day_number(self.week_year if self.week_strict else self.fields.year, 1, 1)
        first = weekday(days, sunday_first=self.week_sunday)
        if self.week_sunday:
            return days + (0 if first == 0 else 7) - first + (self.week - 1) * 7 + self.weekday % 7
        return days + (0 if first <= 3 else 7) - first + (self.week - 1) * 7 + self.weekday - 1


def parse_by_format(text: str, pattern: str, kind: str) -> Fields | None:
    """STR_TO_DATE; `kind` ('date', 'datetime', 'time') is for the warnings."""
    scan = _Scan(text)
    try:
        scan.run(pattern)
        fields = scan.finish()
    except _Failed:
        current().warn("TRUNCATED_WRONG_VALUE_FOR_TYPE", "datetime", text, "str_to_date")
        return None
    scan.spaces()
    if scan.pos < scan.end:
        current().warn("TRUNCATED_WRONG_VALUE", kind, text)
    return fields


def format_parts(pattern: str) -> tuple[bool, bool, bool]:
    """(has date parts, has time parts, has a fraction)."""
    specifiers = {pattern[i + 1] for i in range(len(pattern) - 1) if pattern[i] == "%"}
    fraction = "f" in specifiers
    return bool(specifiers & DATE_PARTS), bool(specifiers & TIME_PARTS) or fraction, fraction
