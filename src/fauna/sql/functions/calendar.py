"""Day numbers and calendar sums on MySQL's calendar, which has a year 0 and zero dates."""

from __future__ import annotations

from datetime import date
from typing import Final

from fauna.sql.functions.temporal_parse import Fields, is_leap, month_days

DAY_NUMBER_MAX: Final = 3652424  # 9999-12-31
US_PER_SECOND: Final = 1_000_000
US_PER_DAY: Final = 86_400 * US_PER_SECOND


def day_number(year: int, month: int, day: int) -> int:
    """TO_DAYS: day 1 of year 1 is 366.  Months and days may be zero."""
    if year >= 1 and month >= 1 and 1 <= day <= 28:
        return date(year, month, day).toordinal() + 365
    if year == 0 and month == 0:
        return 0
    days = 365 * year + 31 * (month - 1) + day
    if month <= 2:
        year -= 1
    else:
        days -= (month * 4 + 23) // 10
    if year < 0:
        return days
    return days + year // 4 - ((year // 100 + 1) * 3) // 4


def date_of(number: int) -> tuple[int, int, int]:
    """The date of a day number; days of year 0 and beyond 9999 give the zero date."""
    if number <= 365 or number > DAY_NUMBER_MAX:
        return 0, 0, 0
    found = date.fromordinal(number - 365)
    return found.year, found.month, found.day


def weekday(number: int, *, sunday_first: bool = False) -> int:
    """0 for Monday, or for Sunday."""
    return (number + 5 + (1 if sunday_first else 0)) % 7


def days_in_year(year: int) -> int:
    return 366 if is_leap(year) else 365


def week_of(year: int, month: int, day: int, mode: int) -> tuple[int, int]:
    """(week, its year) by WEEK()'s mode 0 … 7, which is three flags: Monday first, years apart, first weekday decides."""
    flags = mode & 7
    if not flags & 1:
        flags ^= 4
    monday_first, week_year, first_weekday = bool(flags & 1), bool(flags & 2), bool(flags & 4)
    today = day_number(year, month, day)
    first_day = day_number(year, 1, 1)
    first = weekday(first_day, sunday_first=not monday_first)
    if month == 1 and day <= 7 - first:
        if not week_year and ((first_weekday and first != 0) or (not first_weekday and first >= 4)):
            return 0, year
        week_year = True
        year -= 1
        length = days_in_year(year)
        first_day -= length
        first = (first + 53 * 7 - length) % 7
    if (first_weekday and first != 0) or (not first_weekday and first >= 4):
        days = today - (first_day + (7 - first))
    else:
        days = today - (first_day - first)
    if week_year and days >= 52 * 7:
        first = (first + days_in_year(year)) % 7
        if (not first_weekday and first < 4) or (first_weekday and first == 0):
            return 1, year + 1
    return days // 7 + 1, year


def microseconds_of(fields: Fields) -> int:
    """Microseconds since day 0."""
    return day_number(fields.year, fields.month, fields.day) * US_PER_DAY + fields.time_us()


def set_from_microseconds(fields: Fields, total: int) -> bool:
    """Fill `fields` from microseconds since day 0; False when that is outside the years 1 to 9999."""
    days, rest = divmod(total, US_PER_DAY)
    fields.year, fields.month, fields.day = date_of(days)
    if fields.month == 0:
        return False
    seconds, fields.microsecond = divmod(rest, US_PER_SECOND)
    minutes, fields.second = divmod(seconds, 60)
    fields.hour, fields.minute = divmod(minutes, 60)
    return True


def add_months(fields: Fields, months: int) -> bool:
    """Add months, clipping the day to the month's last; False when out of range."""
    period = fields.year * 12 + fields.month - 1 + months
    if not 0 <= period < 120_000:
        return False
    fields.year, month = divmod(period, 12)
    fields.month = month + 1
    fields.day = min(fields.day, month_days(fields.year, fields.month))
    return True


def last_day(text: str) -> str:
    year, month = int(text[:4]), int(text[5:7])
    return f"{text[:8]}{month_days(year, month):02d}"
