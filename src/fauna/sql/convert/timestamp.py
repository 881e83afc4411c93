"""Between a TIMESTAMP column, which holds UTC, and the session's time zone.

Texts are 'YYYY-MM-DD HH:MM:SS[.ffffff]'.  The zero value stands for itself.  A local time that clocks skip is taken for
the first moment after the gap; one that comes twice is the earlier, as in MariaDB.
"""

from __future__ import annotations

import datetime
import os
import re
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fauna.errors import error
from fauna.sql.context import current
from fauna.sql.convert.modes import StoreLabel

TIMESTAMP_MIN: Final = "1970-01-01 00:00:01"
TIMESTAMP_MAX: Final = "2038-01-19 03:14:07"
OFFSET_HOURS_MAX: Final = 14
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):(\d{2})", re.ASCII)
_UTC_FILES: Final = frozenset(
    {"UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT"}
)
_ZERO_DIGITS: Final = str.maketrans("123456789", "000000000")
_LAST_SECOND: Final = datetime.timedelta(seconds=3599)
_NO_TIME: Final = datetime.timedelta(0)
_HOUR: Final = datetime.timedelta(hours=1)


@lru_cache(maxsize=256)
def zone(name: str) -> datetime.tzinfo:
    """The zone a session's time_zone names: 'SYSTEM', '+02:00', 'Europe/Berlin'.  Raises 1298."""
    if name.upper() == "SYSTEM":
        return _system_zone()
    if name in _UTC_FILES:
        return datetime.UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        size = datetime.timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if int(offset[3]) > 59 or size > OFFSET_HOURS_MAX * _HOUR or (offset[1] == "-" and size >= OFFSET_HOURS_MAX * _HOUR):
            raise error("UNKNOWN_TIME_ZONE", name)
        return datetime.timezone(size if offset[1] == "+" else -size)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise error("UNKNOWN_TIME_ZONE", name) from None


def _system_zone() -> datetime.tzinfo:
    """TZ of the environment, else the machine's."""
    named = os.environ.get("TZ", "").lstrip(":")
    place = os.path.realpath("/etc/localtime")
    name = named or (place.partition("/zoneinfo/")[2])
    if name in _UTC_FILES:
        return datetime.UTC
    try:
        if name:
            return ZoneInfo(name)
        with open(place, "rb") as file:
            return ZoneInfo.from_file(file)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return datetime.UTC


@lru_cache(maxsize=256)
def is_utc(tz_name: str) -> bool:
    """Whether the zone never differs from UTC."""
    tz = zone(tz_name)
    return isinstance(tz, datetime.timezone) and not tz.utcoffset(None)


def is_zero(text: str) -> bool:
    return text.startswith("0000-00-00")


def in_gap(text: str, tz_name: str) -> bool:
    """Whether the local time is one that clocks skip."""
    tz = zone(tz_name)
    if isinstance(tz, datetime.timezone):
        return False
    local = datetime.datetime.fromisoformat(text[:19])
    return local.replace(tzinfo=tz).astimezone(datetime.UTC).astimezone(tz).replace(tzinfo=None) != local


@lru_cache(maxsize=8192)
def _offset_in_utc_hour(tz_name: str, hour: str) -> datetime.timedelta | None:
    """The zone's distance from UTC, when it is one throughout the hour of UTC."""
    start = datetime.datetime.fromisoformat(hour + ":00:00").replace(tzinfo=datetime.UTC)
    offsets = {moment.astimezone(zone(tz_name)).utcoffset() for moment in (start, start + _LAST_SECOND)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=8192)
def _offset_in_local_hour(tz_name: str, hour: str) -> datetime.timedelta | None:
    """The same for an hour of the zone's own clock; None also where the hour is skipped or comes twice."""
    start = datetime.datetime.fromisoformat(hour + ":00:00")
    tz = zone(tz_name)
    offsets = {tz.utcoffset(moment.replace(fold=fold)) for moment in (start, start + _LAST_SECOND) for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def timestamp_to_utc(text: str, tz_name: str) -> str | None:
    """A session's local time in UTC; None when it is outside of what a TIMESTAMP holds."""
    if is_zero(text):
        return text
    if not is_utc(tz_name):
        try:
            offset = _offset_in_local_hour(tz_name, text[:13])
            if offset is not None:
                text = str(datetime.datetime.fromisoformat(text[:19]) - offset) + text[19:]
            else:
                text = _to_utc(text[:19], zone(tz_name)) + text[19:]
        except (ValueError, OverflowError):
            return None
    return text if TIMESTAMP_MIN <= text[:19] <= TIMESTAMP_MAX else None


def _to_utc(text: str, tz: datetime.tzinfo) -> str:
    local = datetime.datetime.fromisoformat(text)
    utc = local.replace(tzinfo=tz).astimezone(datetime.UTC)
    if not isinstance(tz, datetime.timezone) and utc.astimezone(tz).replace(tzinfo=None) != local:
        utc = _end_of_gap(local, tz)
    return utc.replace(tzinfo=None).isoformat(" ")


def _end_of_gap(local: datetime.datetime, tz: datetime.tzinfo) -> datetime.datetime:
    """The first moment after the skipped local time: where the two readings of it part, found by halving."""
    early = local.replace(tzinfo=tz, fold=1).astimezone(datetime.UTC)
    late = local.replace(tzinfo=tz, fold=0).astimezone(datetime.UTC)
    low, high = min(early, late), max(early, late)
    before = low.astimezone(tz).utcoffset()
    while high - low > datetime.timedelta(seconds=1):
        middle = low + datetime.timedelta(seconds=(high - low) // datetime.timedelta(seconds=2))
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def timestamp_from_utc(text: str, tz_name: str, digits: int) -> str:
    """A stored TIMESTAMP in the session's zone, with `digits` fraction digits."""
    if not is_utc(tz_name) and not is_zero(text):
        offset = _offset_in_utc_hour(tz_name, text[:13])
        utc = datetime.datetime.fromisoformat(text[:19])
        if offset is None:
            offset = utc.replace(tzinfo=datetime.UTC).astimezone(zone(tz_name)).utcoffset() or _NO_TIME
        text = str(utc + offset) + text[19:]
    size = 20 + digits if digits else 19
    if len(text) == size:
        return text
    return text[:size] if len(text) > size else (text + "." if len(text) == 19 else text).ljust(size, "0")


def store_timestamp(text: str, tz_name: str, label: StoreLabel) -> str:
    """`timestamp_to_utc` on assignment to a column: what cannot be is an error under strict mode, else zero with a
    warning; a time that clocks skip moves to the end of the gap under lax mode."""
    utc = timestamp_to_utc(text, tz_name)
    context = current()
    if utc is not None and (is_utc(tz_name) or is_zero(text) or not in_gap(text, tz_name)):
        return utc
    if context.strict:
        raise error("INCORRECT_VALUE", "datetime", text, label.schema, label.table, label.column, context.row)
    context.warn("WARN_DATA_OUT_OF_RANGE", label.column, context.row)
    return utc if utc is not None else "0000-00-00 00:00:00" + text[19:].translate(_ZERO_DIGITS)
