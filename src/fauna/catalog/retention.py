"""SYSTEM_VERSIONING_RETENTION: how long the changes of a table are kept.

A retention is kept as it is shown: '90 days', '1 year'; '' keeps all, which is the default.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fauna.errors import error

FOREVER: Final = ""
COUNT_MAX: Final = 1_000_000_000
_WRITTEN: Final = re.compile(r"\s*(\d+)\s+([a-z]+?)s?\s*", re.IGNORECASE | re.ASCII)
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS: Final = {"month": 1, "year": 12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATE_YEARS: Final = 9_000  # more than any calendar here has


def retention_of(written: str) -> str:
    """What is kept of '<n> seconds|minutes|hours|days|weeks|months|years', or of 'forever' or ''.  Error 1231 for all else."""
    if written.strip().lower() in ("", "forever"):
        return FOREVER
    found = _WRITTEN.fullmatch(written)
    if found is None or found[2].lower() not in (*_SECONDS, *_MONTHS) or not 0 < len(found[1]) <= len(str(COUNT_MAX)):
        raise _bad(written)
    count, unit = int(found[1]), found[2].lower()
    if not 0 < count <= COUNT_MAX:
        raise _bad(written)
    return f"{count} {unit}{'s' if count > 1 else ''}"


def _bad(written: str) -> Exception:
    return error("WRONG_RETENTION", written)


def limit_us(retention: str, now_us: int) -> int:
    """The time before which nothing is kept, in microseconds since 1970 UTC; 0: everything is.

    A month before the 31st is the last day of the month before, if that is shorter."""
    if retention == FOREVER:
        return 0
    number, unit = retention.split()
    count, unit = int(number), unit.removesuffix("s")
    if unit in _SECONDS:
        return max(0, now_us - count * _SECONDS[unit] * 1_000_000)
    months = count * _MONTHS[unit]
    if months > _LATE_YEARS * 12:
        return 0
    now = _EPOCH + timedelta(microseconds=now_us)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    if year < _EPOCH.year:
        return 0
    for day in range(now.day, now.day - 4, -1):
        try:
            then = now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
        return max(0, (then - _EPOCH) // timedelta(microseconds=1))
    raise AssertionError("no month has less than 28 days")
