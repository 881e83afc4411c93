"""CALL fauna.changes and CALL fauna.history: change streams, and the versions of a row, for clients of SQL.

    fauna.changes('position', limit, wait_ms [, 'db.table, db.table'])     position, event
    fauna.history('db.table', key, …)     op, row_start, row_end, transaction, user, and the columns of the table

`fauna.changes` answers with the events after the position, at most `limit`.  When there are none it waits for up to `wait_ms`;
then it answers with one row, whose event is NULL and whose position says how far it has looked.  While it waits it holds no
thread, and KILL ends it.  The session keeps its place, so that the next call with the position that it was given goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fauna.catalog.types import Kind, SqlType, Stored, datetime_type, varchar
from fauna.changes import row_history
from fauna.changes.reader import ChangeReader
from fauna.clock import shown
from fauna.errors import error, unsupported
from fauna.session.result import MustWait, Result, ResultColumn, Row
from fauna.sql.convert.timestamp import timestamp_from_utc
from fauna.txn.growth import News

if TYPE_CHECKING:
    from fauna.session.session import Session

Args = Sequence[tuple[SqlType, Stored]]
LIMIT_MAX: Final = 10_000
WAIT_MS_MAX: Final = 600_000
TABLES_MAX: Final = 64
_LONGTEXT: Final = SqlType(Kind.LONGTEXT, 4_294_967_295, collation="utf8mb4_general_ci")
_COLUMNS: Final = (ResultColumn("position", varchar(40), False), ResultColumn("event", _LONGTEXT))
_VERSION_COLUMNS: Final = (
    ResultColumn("op", varchar(6), False),
    ResultColumn("row_start", datetime_type(6), False),
    ResultColumn("row_end", datetime_type(6)),
    ResultColumn("transaction", varchar(128), False),
    ResultColumn("user", varchar(255), False),
)


class OpenStream:
    """A session's place in the change stream, between two calls and during one that waits."""

    def __init__(self, reader: ChangeReader, begin: str | None, tables: Sequence[str]) -> None:
        self._reader = reader
        self._begin = begin
        self._tables = tables
        self._ticket: News | None = None
        self._deadline_s = 0.0

    def serves(self, begin: str | None, tables: Sequence[str]) -> bool:
        """Whether it is where that call wants to read: it is that call's, or was left there by the one before."""
        return self._tables == tables and self._begin == begin and (begin is not None or self._ticket is not None)

    def read(self, session: Session, limit: int, wait_ms: int) -> list[Row]:
        """The next events; MustWait to be called again when there may be some."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            self._deadline_s = time.monotonic() + wait_ms / 1000
        else:
            ticket.complete()
            ticket.check()
        while True:
            events = self._reader.fetch(limit)
            if events:
                self._begin = events[-1].position
                return [(event.position, event.json) for event in events]
            reason = session.watch.stop_reason()
            if reason is not None:
                raise reason
            if self._reader.is_behind:
                continue
            if time.monotonic() >= self._deadline_s:
                self._begin = self._reader.position
                return [(self._begin, None)]
            self._ticket = ticket = self._reader.news(self._deadline_s)
            session.watch.stop_waiting = ticket.interrupt
            raise MustWait(ticket)

    def close(self) -> None:
        if self._ticket is not None:
            self._ticket.complete()
        self._reader.close()


def changes(session: Session, args: Args) -> Result:
    """CALL fauna.changes."""
    if not 3 <= len(args) <= 4:
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", "fauna.changes", "3 or 4", len(args))
    begin = args[0][1]
    begin = None if begin is None else str(begin)
    limit = _number("limit", args[1][1], 1, LIMIT_MAX)
    wait_ms = _number("wait_ms", args[2][1], 0, WAIT_MS_MAX)
    tables = _tables(args[3][1] if len(args) == 4 else None)
    stream = session.change_stream
    if stream is None or not stream.serves(begin, tables):
        close(session)
        source = session.node.change_source()
        if source is None:
            raise unsupported("fauna.changes in a database without a chain")
        reader = source.open(begin, tables)
        session.change_stream = stream = OpenStream(reader, begin, tables)
    try:
        rows = stream.read(session, limit, wait_ms)
    except MustWait:
        raise
    except BaseException:
        close(session)
        raise
    return Result(_COLUMNS, iter(rows), status=session.status, ready=True)


def close(session: Session) -> None:
    """Let go of the session's place in the stream, if it has one."""
    stream, session.change_stream = session.change_stream, None
    if stream is not None:
        stream.close()


def _number(name: str, value: Stored, least: int, most: int) -> int:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if not isinstance(value, int) or not least <= value <= most:
        raise error("UNKNOWN_ERROR", f"fauna.changes: {name} is a number from {least} to {most}, not {value!r}")
    return value


def _tables(value: Stored) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(dict.fromkeys([name.strip() for name in str(value).split(",") if name.strip()]))
    if len(names) > TABLES_MAX:
        raise error("UNKNOWN_ERROR", f"fauna.changes takes at most {TABLES_MAX} tables, {len(names)} were given")
    return names


def history(session: Session, args: Args) -> Result:
    """CALL fauna.history."""
    if len(args) < 2:
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", "fauna.history", "2 or more", len(args))
    schema, name = _table(session, args[0][1])
    node = session.node
    if node.past is None:
        raise unsupported("fauna.history in a database without a chain")
    found = row_history.row_history(node.shards, node.past, schema, name, args[1:])
    zone = session.scope().time_zone
    columns = (*_VERSION_COLUMNS, *[ResultColumn(name, sql_type) for name, sql_type in found.columns])
    rows: list[Row] = []
    for each in found.versions:
        values = [_local(value, sql_type, zone) for value, (_, sql_type) in zip(each.values, found.columns, strict=True)]
        end = None if each.row_end_us is None else timestamp_from_utc(shown(each.row_end_us), zone, 6)
        start = timestamp_from_utc(shown(each.row_start_us), zone, 6)
        rows.append((each.op, start, end, each.transaction, each.user, *values))
    return Result(columns, iter(rows), status=session.status, ready=True)


def _local(value: Stored, sql_type: SqlType, zone: str) -> Stored:
    """As a SELECT in that time zone gives it."""
    if sql_type.kind is Kind.TIMESTAMP and isinstance(value, str):
        return timestamp_from_utc(value, zone, sql_type.scale)
    return value


def _table(session: Session, value: Stored) -> tuple[str, str]:
    schema, dot, name = str(value).partition(".")
    if not dot:
        schema, name = session.database or "", schema
    if not schema:
        raise error("NO_DB")
    if not name:
        raise error("WRONG_TABLE_NAME", str(value))
    return schema, name
