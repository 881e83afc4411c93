"""Arguments of any type taken as a datetime, a date or a time, with the warnings that MySQL gives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fauna.catalog.values import format_double
from fauna.sql.context import current
from fauna.sql.functions.temporal_parse import (
    Fields,
    TimeFields,
    datetime_fields,
    fields_from_number,
    fields_of,
    time_fields,
    time_from_number,
)


def warn_incorrect(what: str, value: object) -> None:
    """Warning 1292 "Incorrect datetime value: '…'"."""
    current().warn("WRONG_VALUE", what, value)


def warn_truncated(what: str, value: object) -> None:
    """Warning 1292 "Truncated incorrect datetime value: '…'"."""
    current().warn("TRUNCATED_WRONG_VALUE", what, value)


def split_number(value: int | float | str) -> tuple[int, int]:
    """(whole, microseconds) of a number; fractions beyond six digits are cut."""
    if isinstance(value, int):
        return value, 0
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    whole = int(number)
    return whole, int(abs(number - whole) * 1_000_000)


def as_text(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def as_datetime(value: Any, letter: str, today: str = "", *, zero_ok: bool = False) -> Fields | None:
    """`value` as a datetime; None (with a warning) when it is none.

    letter    its type, as `pass_types` gives it
    today     the date that a TIME is of
    zero_ok   dates with zero parts pass
    """
    if letter in "DT":
        found: Fields | None = fields_of(value)
    elif letter == "t":
        return time_as_datetime(value, today)
    elif letter in "sxj":
        value = as_text(value)
        found = datetime_fields(value)
        if found is not None and (found.truncated or found.cut):
            current().warn(
                "TRUNCATED_WRONG_VALUE",
                "datetime" if found.has_time else "date",
                value,
                level="Warning" if found.truncated else "Note",
            )
    else:
        found = fields_from_number(*split_number(value))
        if found is not None:
            if found.microsecond and not found.has_time:
                found.microsecond = found.digits = 0
                current().warn("TRUNCATED_WRONG_VALUE", "date", value, level="Note")
            value = found.text(found.digits)
        elif isinstance(value, float):
            value = format_double(value)
    if found is None or (not zero_ok and (found.month == 0 or found.day == 0)):
        warn_incorrect("datetime", value)
        return None
    return found


def time_as_datetime(microseconds: int, today: str) -> Fields | None:
    from fauna.sql.functions.calendar import day_number, set_from_microseconds

    fields = fields_of(today[:10])
    total = day_number(fields.year, fields.month, fields.day) * 86_400_000_000 + microseconds
    fields.has_time = True
    return fields if set_from_microseconds(fields, total) else None


def as_time(value: Any, letter: str, what: str = "time") -> int | None:
    """`value` as a time in microseconds; None (with a warning that calls it `what`) when it is none."""
    if letter == "t":
        return int(value)
    if letter == "D":
        return 0
    if letter == "T":
        return fields_of(value).time_us()
    found: TimeFields | None
    if letter in "sxj":
        value = as_text(value)
        found = time_fields(value)
    else:
        whole, microsecond = split_number(value)
        found = time_from_number(whole, microsecond)
    if found is None:
        warn_incorrect(what, value)
        return None
    if found.truncated or found.out_of_range or found.cut:
        level = "Note" if found.cut and not (found.truncated or found.out_of_range) else "Warning"
        current().warn("TRUNCATED_WRONG_VALUE", "time", value, level=level)
    return found.microseconds
