"""The one writing connection: begins, commits and undoes, and notes every row that changes.

Used only by the holder of the write lock.  SQLite's pre-update hook names each row before it changes, also rows that
REPLACE removes and that triggers touch; it does not tell of rollbacks, so whoever undoes something cuts the notes back.
"""

from __future__ import annotations

import apsw

from fauna.errors import error
from fauna.shard.engines.sqlite.connection import Handle, Mode
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.group_commit import CommitTicket, GroupCommit
from fauna.shard.engines.sqlite.history import SOMETHING, Change, History
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.shard import Params, Watch, Written
from fauna.txn.ticket import OneShot, done_ticket


class Writer:
    def __init__(self, handle: Handle, history: History, group: GroupCommit, settings: EngineSettings) -> None:
        self.handle = handle
        self.history = history
        self._group = group
        self._untracked = settings.untracked
        self._changes_max = settings.tracked_rows_max
        self._connection = handle.connection
        # What the open transaction has changed, in order; beyond the limit, and for DDL, whole tables.
        self.changes: list[Change] = []
        self.whole: set[str] = set()
        # Set while the writer pretends: changes that will be undone before anybody sees them are not noted.
        self.pretending = False
        self.session: apsw.Session | None = None
        self._connection.preupdate_hook(self._note)

    # -- transactions

    def begin(self) -> None:
        self.changes = []
        self.whole = set()
        try:
            self.handle.execute("BEGIN IMMEDIATE")
        except apsw.Error as raised:
            raise translate(raised) from None

    def commit(self) -> OneShot:
        """The open transaction is visible on return, and durable when the ticket is done; on an error it is undone."""
        if not self.changes and not self.whole:
            self._execute_or_undo("COMMIT")
            return done_ticket()
        if self._group.failed is not None:
            self.rollback()
            raise self._group.failed
        history = self.history
        history.committing = True
        try:
            self._execute_or_undo("COMMIT")
        except BaseException:
            history.committing = False
            raise
        history.append(self.changes, frozenset(self.whole))
        ticket: CommitTicket = self._group.ticket()
        return ticket

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self.handle.execute("ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def _execute_or_undo(self, sql: str) -> None:
        self.handle.guard.start(None, inline=False)
        try:
            self.handle.execute(sql)
        except apsw.Error as raised:
            failed = translate(raised)
            self.rollback()
            raise failed from None

    # -- statements

    def write(self, sql: str, params: Params, watch: Watch | None, *, inline: bool, mode: Mode) -> Written:
        """Run one statement.  When it fails it has changed nothing, or `in_transaction` is False."""
        handle = self.handle
        handle.guard.start(watch, inline=inline, mode=mode)
        mark = len(self.changes)
        try:
            rows = handle.execute(sql, params).fetchall()
        except apsw.Error as raised:
            del self.changes[mark:]
            raise translate(raised) from None
        except BaseException:
            del self.changes[mark:]
            raise
        connection = self._connection
        return Written(connection.changes(), connection.last_insert_rowid(), rows)

    def savepoint(self, name: str) -> int:
        """The mark to hand to `rollback_to`."""
        self._run(f"SAVEPOINT {name}")
        return len(self.changes)

    def rollback_to(self, name: str, mark: int) -> None:
        self._run(f"ROLLBACK TO {name}")
        del self.changes[mark:]

    def release(self, name: str) -> None:
        self._run(f"RELEASE {name}")

    def _run(self, sql: str) -> None:
        self.handle.guard.start(None, inline=False)
        try:
            self.handle.execute(sql)
        except apsw.Error as raised:
            raise translate(raised) from None

    # -- what changes

    def _note(self, update: apsw.PreUpdate) -> None:
        if self.pretending:
            return
        table = update.table_name
        if table in self._untracked:
            self.whole.add(SOMETHING)
        elif len(self.changes) < self._changes_max:
            self.changes.append((table, update.op, update.rowid, update.rowid_new))
        else:
            self.whole.add(table)

    def follow_with_session(self) -> None:
        """Record a changeset of the transaction that has just begun.

        The session extension needs the pre-update hook for itself (apsw: having both crashes the process), so meanwhile the
        update hook notes the changes; what that one does not see is taken from the changeset, see `add_changeset`.
        """
        connection = self._connection
        connection.preupdate_hook(None)
        connection.set_update_hook(self._note_updated)
        self.session = apsw.Session(connection, "main")
        self.session.attach()

    def stop_session(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None
            self._connection.set_update_hook(None)
            self._connection.preupdate_hook(self._note)

    def take_changeset(self) -> bytes:
        """The open transaction's effect.  Rows it changed that the hook missed are noted from it."""
        if self.session is None:
            raise error("XAER_RMFAIL", "ACTIVE")
        changeset = self.session.changeset()
        noted = {(table, rowid) for table, _, rowid, _ in self.changes}
        for change in apsw.Changeset.iter(changeset):
            rowid = _rowid_of(change)
            if rowid is None:
                self.whole.add(change.name)
            elif change.name in self._untracked:
                self.whole.add(SOMETHING)
            elif (change.name, rowid) not in noted:
                self.changes.append((change.name, change.op, rowid, rowid))
        return changeset

    def _note_updated(self, operation: int, database: str, table: str, rowid: int) -> None:
        if self.pretending:
            return
        if table in self._untracked:
            self.whole.add(SOMETHING)
        elif len(self.changes) < self._changes_max:
            self.changes.append((table, _OPERATIONS[operation], rowid, rowid))
        else:
            self.whole.add(table)


_OPERATIONS = {apsw.SQLITE_INSERT: "INSERT", apsw.SQLITE_UPDATE: "UPDATE", apsw.SQLITE_DELETE: "DELETE"}


def _rowid_of(change: apsw.TableChange) -> int | None:
    """The row's INTEGER PRIMARY KEY, when the table has one."""
    values = change.old if change.old is not None else change.new
    if values is None or len(change.pk_columns) != 1:
        return None
    key = values[next(iter(change.pk_columns))]
    return key if isinstance(key, int) else None


