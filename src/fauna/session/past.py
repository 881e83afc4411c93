"""Time travel, the session's part: which times a statement names, and whether what was then can be read yet."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fauna.catalog.past import History, Layout
from fauna.catalog.schema import Catalog
from fauna.catalog.types import Stored
from fauna.errors import error
from fauna.plan.plan import CachedPlan, Moment, Plan
from fauna.session.result import MustMove
from fauna.sql.convert.timestamp import TIMESTAMP_MAX, is_zero, timestamp_from_utc, timestamp_to_utc

if TYPE_CHECKING:
    from fauna.session.session import Session

DEFAULT: Final = "DEFAULT"
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_LATEST: Final = 1 << 62  # what is later than a TIMESTAMP can be


class PastReader:
    """What binding asks of the past, for a run with these arguments.  args: None when there are none yet (PREPARE): then every
    time is now, and nothing is waited for.  Implements `bind.context.Past`."""

    __slots__ = ("_args", "_history", "_present", "_session", "times")

    def __init__(self, session: Session, history: History, present: Catalog, args: Sequence[Stored] | None) -> None:
        self._session = session
        self._history = history
        self._args = args
        self._present = present
        self.times: list[int | None] = []

    def resolve(self, moment: Moment) -> tuple[int, Catalog]:
        if self._args is None:
            return self._history.now_us(), self._present
        return _reached(self._session, self._history, moment, self._taken(moment, self._args))

    def start(self, moment: Moment) -> None:
        if self._args is not None:
            self._taken(moment, self._args)

    def _taken(self, moment: Moment, args: Sequence[Stored]) -> int | None:
        self._session.times = self.times
        us = _time(self._session, moment, args)
        self.times.append(us)
        return us

    def catalog_at(self, us: int) -> Catalog:
        return self._history.catalog_at(us)

    def layouts(self, table_id: int) -> Sequence[Layout]:
        return self._history.layouts(table_id)

    def check_kept(self, table_id: int, us: int) -> None:
        if self._args is not None:
            self._history.check_kept(table_id, us)
            self._session.past_states.append((table_id, us))


def kept_plan(session: Session, kept: Sequence[CachedPlan], args: Sequence[Stored]) -> Plan | None:
    """The plan among these that was made for the catalogs of the times that the arguments come to."""
    history = session.node.history
    if history is None:
        return None
    for cached in kept:
        if cached.serves(args):
            times = _times(session, history, cached.moments, args)
            if times is not None:
                session.times = times
                session.past_states += _states(cached.moments, times)
                return cached.plan
    return None


def _states(moments: Sequence[Moment], times: Sequence[int | None]) -> list[tuple[int, int]]:
    """The tables that are read as of one time, each with that time."""
    return [(table, us) for moment, us in zip(moments, times, strict=True) if us is not None for table in moment.tables]


def must_be_kept(session: Session, states: Sequence[tuple[int, int]]) -> None:
    """Error 1525 when retention has removed what tables were at some times (`Session.past_states`).  Asked once rows are open, or
    have been read: then none of them was missing."""
    history = session.node.history
    for table, us in states:
        assert history is not None
        history.check_kept(table, us)


def _times(
    session: Session, history: History, moments: Sequence[Moment], args: Sequence[Stored]
) -> list[int | None] | None:
    times = []
    for moment in moments:
        us = _time(session, moment, args)
        if us is not None:
            for table_id in moment.tables:
                history.check_kept(table_id, us)
        times.append(us)
        if moment.kind != "START" and _reached(session, history, moment, us)[1].version != moment.version:
            return None
    return times


def _reached(session: Session, history: History, moment: Moment, us: int | None) -> tuple[int, Catalog]:
    """See `bind.context.Past.resolve`.  The history has been written up to then; MustMove when it has not been."""
    if us is None or moment.kind != "POINT":
        now = history.now_us()
        us = now if us is None else min(us, now)
    if not history.is_ready(us):
        if session.inline:
            raise MustMove
        history.catch_up(us)
    return us, history.catalog_at(us)


def _time(session: Session, moment: Moment, args: Sequence[Stored]) -> int | None:
    """None for NULL.  Error 1525 for what is no time."""
    if moment.kind == "NOW":
        return None
    if moment.make is not None:
        text = moment.make(args, session.supply)
    else:
        assert moment.statement is not None
        session.new_context(storing=False)
        params = moment.statement.params.build(args, session.supply)
        text = next(iter(session.node.shard.autocommit_query(moment.statement.sql, params, inline=False)))[0]
    if text is None:
        given = moment.given(args, session.supply) if moment.given is not None else None
        if given is not None:
            raise error("WRONG_TEMPORAL_LITERAL", "DATETIME", given)
        return None
    return microseconds(str(text), moment.zone)


def microseconds(text: str, zone: str) -> int:
    """Since 1970 in UTC, of a local time 'YYYY-MM-DD HH:MM:SS[.ffffff]'.  What no TIMESTAMP can be is the beginning of time, or
    far in the future."""
    utc = timestamp_to_utc(text, zone)
    if utc is None or is_zero(utc):
        return 0 if text < TIMESTAMP_MAX else _LATEST
    passed = datetime.datetime.fromisoformat(utc) - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds


# ── system_versioning_asof ───────────────────────────────────────────────────────────────────────────────────────


def as_of_value(name: str, value: Any, zone: str) -> str:
    """What is kept of a value for `system_versioning_asof`: 'DEFAULT', or a time in UTC.  zone: the session's."""
    if isinstance(value, str) and value.upper() == DEFAULT:
        return DEFAULT
    if isinstance(value, (int, float)):
        raise error("WRONG_TYPE_FOR_VAR", name)
    text = _time_text(value)
    utc = timestamp_to_utc(text, zone) if text else None
    if utc is None or is_zero(utc):
        raise error("WRONG_VALUE_FOR_VAR", name, "NULL" if value is None else value)
    return utc


def _time_text(value: Any) -> str | None:
    from fauna.catalog.types import datetime_type, varchar
    from fauna.sql.convert import Mode, conversion

    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, datetime.date):
        return value.isoformat() + " 00:00:00.000000"
    if not isinstance(value, str):
        return None
    convert = conversion(varchar(len(value)), datetime_type(6), Mode.IMPLICIT)
    found = convert(value) if convert is not None else value
    return str(found) if found is not None else None


def as_of_shown(value: str, zone: str) -> str:
    """The variable as the session sees it."""
    return value if value == DEFAULT else timestamp_from_utc(value, zone, 6)


