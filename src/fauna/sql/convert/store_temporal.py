"""Assignment to DATE, DATETIME, TIMESTAMP and TIME columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fauna.catalog.types import (
    DATETIMES,
    Kind,
    SqlType,
)
from fauna.sql.context import current
from fauna.sql.convert.modes import Reporter
from fauna.sql.convert.numbers import (
    exact_reader,
    is_float,
)
from fauna.sql.convert.operand import Converter
from fauna.sql.convert.temporal import (
    ZERO_DATE,
    cut_time,
    datetime_reader,
    is_plain_date,
    is_plain_datetime,
    message_text,
    split_number,
    text_reader,
    time_reader,
    with_digits,
    zero_datetime,
)

# ── temporal ──────────────────────────────────────────────────────────────────────────────────────────────────────


def store_datetime(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    if source.kind in DATETIMES:
        return _checked_dates(source, target, reporter)
    is_date, digits = target.kind is Kind.DATE, target.scale
    what = "date" if is_date else "datetime"
    read, message = datetime_reader(source), message_text(source)
    zero = ZERO_DATE if is_date else zero_datetime(digits)
    numeric = text_reader(source) is None and source.kind is not Kind.TIME
    timestamp = target.kind is Kind.TIMESTAMP
    plain = is_plain_date if is_date else is_plain_datetime

    def convert(value: Any) -> str:
        if isinstance(value, str) and plain(value):
            return value if is_date else with_digits(value, digits)
        fields = read(value)
        if (
            fields is None
            or not _allowed(fields.year, fields.month, fields.day, timestamp)
            or (timestamp and not fields.month and fields.microsecond)
        ):
            reporter.incorrect_temporal(what, message(value))
            return zero
        if fields.truncated:
            reporter.incorrect_temporal(what, message(value))
        elif is_date and (fields.hour or fields.minute or fields.second or (fields.microsecond and fields.month)):
            reporter.truncated_note()
        elif numeric and fields.month and not fields.has_time and fields.microsecond:
            reporter.truncated_note()
            fields.microsecond = 0
        return fields.date_text() if is_date else fields.text(digits)

    return convert


def _allowed(year: int, month: int, day: int, timestamp: bool) -> bool:
    """Zero dates and zero parts, as sql_mode and TIMESTAMP have it."""
    if year and month and day:
        return True
    if not (year or month or day):
        return not current().no_zero_date
    return not timestamp and not current().no_zero_in_date


def _checked_dates(source: SqlType, target: SqlType, reporter: Reporter) -> Converter:
    """Between date types: digits are cut or added; what sql_mode forbids is refused."""
    is_date, digits = target.kind is Kind.DATE, target.scale
    what = "date" if is_date else "datetime"
    zero = ZERO_DATE if is_date else zero_datetime(digits)
    suffix = " 00:00:00" if source.kind is Kind.DATE and not is_date else ""
    timestamp = target.kind is Kind.TIMESTAMP

    def convert(value: str) -> str:
        if "-00" in value or value.startswith("0000"):
            if not _allowed(int(value[:4]), int(value[5:7]), int(value[8:10]), timestamp):
                reporter.incorrect_temporal(what, value)
                return zero
        if is_date:
            if len(value) > 10 and value[11:].strip("0:."):
                reporter.truncated_note()
            return value[:10]
        return with_digits(value + suffix, digits)

    return convert


def store_time(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    digits = target.scale
    if source.kind is Kind.TIME:
        return None if source.scale <= digits else lambda value: cut_time(value, digits)
    read, message = time_reader(source), message_text(source)
    noted = source.kind in DATETIMES
    numeric = text_reader(source) is None and not noted

    def convert(value: Any) -> int:
        fields = read(value)
        if fields is None:
            reporter.incorrect_temporal("time", message(value))
            return 0
        if fields.out_of_range:
            reporter.time_out_of_range(message(value))
        elif fields.truncated:
            reporter.incorrect_temporal("time", message(value))
        elif (noted and not value.startswith(ZERO_DATE)) or _has_date(value, numeric):
            reporter.truncated_note()
        return cut_time(fields.microseconds, digits)

    def _has_date(value: Any, numeric: bool) -> bool:
        if not numeric:
            return not noted and len(value) >= 12 and "-" in value[1:] or "/" in value if isinstance(value, str) else False
        return abs(_whole(value)) > 8385959

    whole = _whole_reader(source) if numeric else None

    def _whole(value: Any) -> int:
        assert whole is not None
        return whole(value)

    return convert


def _whole_reader(source: SqlType) -> Callable[[Any], int]:
    if is_float(source):
        return int
    exact, scale = exact_reader(source)
    return lambda value: split_number(exact(value), scale)[0]
