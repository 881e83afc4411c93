"""Mixed mode: reads at the old snapshot, writes at the latest state, first committer wins.

Entered when a REPEATABLE READ transaction writes for the first time and something that it has read was changed meanwhile.
`changed` (what others committed since the snapshot) stays as it is: the write lock is held until the end.

A read that needs both, rows that this transaction wrote and rows that others changed, is answered by pretending:
inside a savepoint the rows that others changed are put back as the snapshot has them, the query runs, and all of
it is undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import apsw

from fauna.errors import error
from fauna.session.result import MustMove, Row
from fauna.shard.engines.sqlite.columns import read_columns
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.readers import AnyRows, MemoryRows
from fauna.shard.engines.sqlite.write_set import Change
from fauna.shard.shard import MatchCheck, Params, TableAccess
from fauna.txn.conflict import Place, is_changed, place_of

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.branch import SqliteBranch
    from fauna.shard.engines.sqlite.shard import SqliteShard

_PRETEND = "fauna_pretend"


class MixedMode:
    __slots__ = ("_changed", "_reader", "_shard", "_written")

    def __init__(
        self, shard: SqliteShard, reader: Handle, changed: dict[str, set[int] | None], written: set[str] | None = None
    ) -> None:
        self._shard = shard
        self._reader = reader
        self._changed = changed
        self._written = written if written is not None else set()

    def query(self, branch: SqliteBranch, sql: str, params: Params, reads: Sequence[TableAccess], *, inline: bool) -> AnyRows:
        tables = [access.table for access in reads]
        place = place_of(tables, self._written, self._changed)
        if place is Place.SNAPSHOT:
            return branch.read_on(self._reader, sql, params, inline=inline)
        if place is Place.LATEST:
            return branch.read_on(self._shard.writer.handle, sql, params, inline=inline)
        if inline:
            raise MustMove
        rows = self._pretend(branch, sql, params, {table for table in tables if table in self._changed})
        if rows is None:
            branch.rollback()
            raise error("LOCK_DEADLOCK")
        return MemoryRows(rows)

    def may_write(self, branch: SqliteBranch, match: MatchCheck, *, inline: bool) -> bool:
        """Whether none of the rows that the client means, by the snapshot, was changed by others."""
        return match.table not in self._changed or self._none_changed(branch, self._reader, match, inline=inline)

    def may_lock(self, branch: SqliteBranch, match: MatchCheck, *, inline: bool) -> bool:
        """Whether none of the rows that match now was changed by others."""
        if match.table not in self._changed:
            return True
        return self._none_changed(branch, self._shard.writer.handle, match, inline=inline)

    def are_mine(self, changes: Sequence[Change], start: int, whole: set[str]) -> bool:
        """Whether none of the rows just written was changed by others."""
        changed, written = self._changed, self._written
        for table, _, rowid, rowid_new, _, _ in islice(changes, start, None):
            written.add(table)
            if table in changed and (is_changed(table, rowid, changed) or is_changed(table, rowid_new, changed)):
                return False
        written |= whole
        return whole.isdisjoint(changed)

    def _none_changed(self, branch: SqliteBranch, handle: Handle, match: MatchCheck, *, inline: bool) -> bool:
        rows = branch.read_on(handle, match.sql, match.params, inline=inline)
        try:
            for row in rows:
                rowid = row[0]
                if not isinstance(rowid, int) or is_changed(match.table, rowid, self._changed):
                    return False
        finally:
            rows.close()
        return True

    # -- pretending

    def _pretend(self, branch: SqliteBranch, sql: str, params: Params, tables: set[str]) -> list[Row] | None:
        """The query's rows at the snapshot plus this transaction's writes; None when that cannot be told."""
        writer = self._shard.writer
        rows_max = self._shard.settings.mixed_read_rows_max
        if any(rowids is None or len(rowids) > rows_max for rowids in (self._changed[table] for table in tables)):
            return None
        connection = writer.handle.connection
        self._reader.guard.start(None, inline=False)
        writer.savepoint(_PRETEND)
        writer.pretending = True
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            for table in tables:
                self._put_back(table)
            writer.handle.guard.start(branch.watch, inline=False)
            rows: list[Row] = list(islice(self._run(writer.handle, sql, params), rows_max + 1))
            return rows if len(rows) <= rows_max else None
        except apsw.ConstraintError:
            return None  # a unique key that I wrote is that of a row that others removed
        except apsw.Error as raised:
            raise translate(raised) from None
        finally:
            writer.rollback_to(_PRETEND, len(writer.changes))
            writer.release(_PRETEND)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
            writer.pretending = False

    @staticmethod
    def _run(handle: Handle, sql: str, params: Params) -> apsw.Cursor:
        try:
            return handle.connection.execute(sql, params)
        except apsw.SQLError as failed:
            if not handle.attach_past(failed):
                raise
        return handle.connection.execute(sql, params)

    def _put_back(self, table: str) -> None:
        rowids = self._changed[table]
        assert rowids is not None
        connection = self._shard.writer.handle.connection
        columns = _columns(self._reader.connection, table)
        names = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" * len(columns))
        keys = [(rowid,) for rowid in rowids]
        connection.executemany(f'DELETE FROM "{table}" WHERE rowid = ?', keys)
        for key in keys:
            for row in self._reader.connection.execute(f'SELECT {names} FROM "{table}" WHERE rowid = ?', key):
                connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', row)


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    """The stored columns, with the rowid under its own name when no column is an alias of it."""
    columns = read_columns(connection.execute, table)
    written = [column.name for column in columns.columns if not column.computed]
    return written if columns.rowid else ["rowid", *written]
