"""Time zones: 'SYSTEM', offsets such as '+05:30', and names from the time zone database."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from fauna.sql.functions.calendar import US_PER_DAY, set_from_microseconds
from fauna.sql.functions.temporal_parse import Fields

UNIX_EPOCH_DAY: Final = 719528  # TO_DAYS('1970-01-01')
UNIX_SECONDS_MAX: Final = 2_147_483_647  # MariaDB 10.11's TIMESTAMP ends in 2038
EPOCH_US: Final = UNIX_EPOCH_DAY * US_PER_DAY
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")
_NAME = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*")


class SystemZone(tzinfo):
    """The machine's own zone, as the C library knows it."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        if when is None:
            return timedelta(0)
        local = time.localtime(time.mktime((*when.timetuple()[:6], 0, 0, 0 if when.fold else -1)))
        return timedelta(seconds=local.tm_gmtoff)

    def fromutc(self, when: datetime) -> datetime:
        seconds = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        return when + timedelta(seconds=time.localtime(seconds).tm_gmtoff)

    def dst(self, _when: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, _when: datetime | None) -> str:
        return "SYSTEM"


_SYSTEM: Final = SystemZone()


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo | None:
    """The zone called `name`, or None.  Offsets run from -12:59 to +13:00 as in MariaDB."""
    if name.upper() == "SYSTEM":
        return UTC if time.timezone == 0 and not time.daylight else _SYSTEM
    match = _OFFSET.fullmatch(name)
    if match:
        minutes = int(match[2]) * 60 + int(match[3])
        signed = -minutes if match[1] == "-" else minutes
        if int(match[3]) > 59 or not -780 < signed <= 780:
            return None
        return timezone(timedelta(minutes=signed))
    if name.upper() == "UTC":
        return UTC
    return _named(name)


def _named(name: str) -> tzinfo | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        known = _names().get(name.lower())
        return None if known is None else ZoneInfo(known)


@cache
def _names() -> dict[str, str]:
    """Zone names by their lower case: MySQL does not mind how they are written."""
    return {name.lower(): name for name in available_timezones()}


def local_from_unix(seconds: int, microsecond: int, zone: tzinfo) -> Fields:
    """The local datetime of a moment, 0 … UNIX_SECONDS_MAX."""
    when = datetime.fromtimestamp(seconds, zone)
    return Fields(when.year, when.month, when.day, when.hour, when.minute, when.second, microsecond, 0, True)


def unix_from_local(fields: Fields, zone: tzinfo) -> int | None:
    """Seconds since 1970 of a local datetime, or None outside TIMESTAMP's range.

    A time that occurs twice is the earlier one; one that a change of clocks skips is the moment of the change.
    """
    if not 1969 <= fields.year <= 2038 or fields.month == 0 or fields.day == 0:
        return None
    naive = datetime(fields.year, fields.month, fields.day, fields.hour, fields.minute, fields.second)
    seconds = _seconds(naive) - _offset(naive, zone)
    if zone is not UTC and not isinstance(zone, timezone) and _offset_at(seconds, zone) != _offset(naive, zone):
        seconds = _change_before(seconds, zone)
    return seconds if 0 <= seconds <= UNIX_SECONDS_MAX else None


def _seconds(naive: datetime) -> int:
    return (naive - datetime(1970, 1, 1)) // timedelta(seconds=1)


def _offset(naive: datetime, zone: tzinfo) -> int:
    offset = zone.utcoffset(naive)
    return 0 if offset is None else offset // timedelta(seconds=1)


def _offset_at(seconds: int, zone: tzinfo) -> int:
    when = datetime.fromtimestamp(seconds, zone)
    return _seconds(when.replace(tzinfo=None)) - seconds


def _change_before(seconds: int, zone: tzinfo) -> int:
    """The first second of the offset that holds at `seconds`, which began less than a day before."""
    low, high, offset = seconds - 86_400, seconds, _offset_at(seconds, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, zone) == offset:
            high = middle
        else:
            low = middle
    return high


def convert(fields: Fields, source: tzinfo, target: tzinfo) -> Fields:
    """The same moment on another clock; datetimes outside TIMESTAMP's range stay as they are."""
    seconds = unix_from_local(fields, source)
    if not seconds:
        return fields
    converted = local_from_unix(seconds, fields.microsecond, target)
    converted.digits = fields.digits
    return converted


def utc_now_fields() -> Fields:
    fields = Fields(has_time=True, digits=6)
    set_from_microseconds(fields, EPOCH_US + time.time_ns() // 1000)
    return fields


def to_time_zone(text: str, source: str, target: str) -> str | None:
    """A stored DATETIME moved between zones; None when a zone is unknown.  For TIMESTAMP columns."""
    from fauna.sql.functions.temporal_parse import fields_of

    source_zone, target_zone = zone_of(source), zone_of(target)
    if source_zone is None or target_zone is None:
        return None
    fields = fields_of(text)
    return convert(fields, source_zone, target_zone).text(fields.digits)
