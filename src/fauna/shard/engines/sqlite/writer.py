"""The one writing connection: begins, commits and undoes, notes every row that changes, and does noted changes again.

Used only by the holder of the write lock.  SQLite's pre-update hook names each row before it changes, also rows that
REPLACE removes and that triggers touch; it does not tell of rollbacks, so whoever undoes something cuts the notes back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import apsw

from fauna.errors import FaunaError, error
from fauna.session.result import MustMove, Row
from fauna.shard.engines.sqlite.checkpoint import Checkpointer
from fauna.shard.engines.sqlite.connection import Handle, Mode
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.group_commit import GroupCommit
from fauna.shard.engines.sqlite.history import SOMETHING, History
from fauna.shard.engines.sqlite.prepared import DELETE, INSERT, Prepared, RowEffect
from fauna.shard.engines.sqlite.readers import run_inline
from fauna.shard.engines.sqlite.sealer import BY_ITSELF, NOT_FETCHED, Sealer, Stamp
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.write_set import STATEMENT, Change, EqualKey, Shapes
from fauna.shard.shard import Params, Watch, Written
from fauna.ticket import OneShot, done_ticket

Statement = tuple[str, Params]
_OVERRAN_MAX: Final = 1_000
_READ_ROWS_MAX: Final = 16
_TRIAL: Final = "fauna_trial"


class Writer:
    def __init__(
        self, handle: Handle, history: History, group: GroupCommit, checkpointer: Checkpointer, settings: EngineSettings,
        equal_key: EqualKey, sealer: Sealer | None,
    ) -> None:
        """sealer: None: commits are not sealed in blocks."""
        self.handle = handle
        self.sealer = sealer
        # Held from before a commit has its time until others see it.
        self.showing = threading.Lock()
        self.grown: Callable[[], None] | None = None  # told of each commit, when others see it
        self._checkpointer = checkpointer
        self.history = history
        self._group = group
        self._untracked = settings.untracked
        self._counters = settings.counters
        self._tracked_max = self._changes_max = settings.tracked_rows_max
        self._prepared_max = settings.prepared_rows_max
        self._images_max = settings.images_max
        self._connection = handle.connection
        self.shapes = Shapes(handle, settings.hidden_rowid, equal_key)
        self._again = handle.connection.cursor().execute
        # What the open transaction has changed, in order; beyond the limit, and for DDL, whole tables.
        self.changes: list[Change] = []
        self.whole: set[str] = set()
        # Whether changes are noted with the rows' values, and whether all so far could be.
        self._images = False
        self.complete = True
        self._ran_untracked = ""  # the table that the running statement has changed
        # The rows whose presence foreign keys have relied on, in the running statement.
        self.relied_on: list[tuple[object, ...]] = []
        # Set while the writer pretends: such changes are not noted.
        self.pretending = False
        # Set while it does again, or for itself, what is known already: such changes are only sealed.
        self._repeating = False
        self._overran: set[str] = set()
        self._log_written = False
        checkpointer.rest = self.rest
        self._connection.set_wal_hook(self._after_commit)
        self._connection.preupdate_hook(self._note)
        self._connection.create_scalar_function("fauna_hold", self._rely_on, 2)

    # -- transactions

    def begin(self, *, images: bool = False, every_row: bool = False) -> None:
        """every_row: know each row that changes, because the transaction may be prepared."""
        self._changes_max = self._prepared_max if every_row else self._tracked_max
        self.changes = []
        self.whole = set()
        self.complete = True
        self._images = images
        if self.sealer is not None:
            self.sealer.begin()
        if not self._connection.in_transaction:
            self._run("BEGIN IMMEDIATE")

    def read(self, sql: str, params: Params, watch: Watch | None, *, inline: bool) -> list[Row]:
        """Read the latest committed state, by the holder of the write lock, who has begun nothing.

        What is read here is in this connection's cache, which no commit empties.  The transaction stays open, and empty, for the
        next read or the next to begin: nobody else writes the file, so its snapshot is the latest until then.
        """
        if not self._connection.in_transaction:
            self._run("BEGIN IMMEDIATE")
        self.handle.guard.start(watch, inline=inline)
        return run_inline(self.handle, sql, params, _READ_ROWS_MAX).rows

    def rest(self) -> None:
        """End the empty transaction that `read` leaves: by the holder of the write lock, who wants the log to himself."""
        self.rollback()

    def repeat(self, changes: Sequence[Change]) -> None:
        """Do frozen changes again.  They fit, because their rows are locked: error 1213 if one does not after all."""
        guard = self.handle.guard
        guard.start(None, inline=False)
        connection = self._connection
        self._repeating = guard.replaying = True
        try:
            for table, _, _, _, sql, params in changes:
                self._again(sql, params)
                if table != STATEMENT and connection.changes() != 1:
                    raise error("LOCK_DEADLOCK")
        except apsw.ConstraintError:
            raise error("LOCK_DEADLOCK") from None
        except apsw.Error as raised:
            raise translate(raised) from None
        finally:
            self._repeating = guard.replaying = False
        self.changes += changes

    def freeze(self) -> list[Change]:
        """The changes so far, as they can be repeated."""
        self.changes = [self.shapes.freeze(change) for change in self.changes]
        return self.changes

    def effects(self) -> tuple[list[RowEffect], list[Statement], list[Statement]]:
        """What the open transaction has done: each row that it touched, as it is now; what it ran on tables whose rows nobody
        locks; and what on counters."""
        rows: dict[tuple[str, int], RowEffect] = {}
        statements: list[Statement] = []
        counters: list[Statement] = []
        for change in self.changes:
            table, op, rowid, rowid_new = change[:4]
            if table == STATEMENT:
                (counters if op in self._counters else statements).append((change[4], change[5]))
                continue
            for number in (rowid, rowid_new):
                if (table, number) not in rows:
                    rows[table, number] = (table, number, self.shapes.row(table, number))
        return list(rows.values()), statements, counters

    def put_prepared(self, gtrid: str, prepared: Prepared, counters: Sequence[Statement]) -> OneShot:
        """Undo what is open, and commit in its place the record of what it will do, and already now what it did to counters: a
        number that it has used is nobody else's, also after a restart, however long it stays prepared."""
        self.rollback()
        self.begin()
        return self._commit_own([*counters, (INSERT, (gtrid, prepared.dump()))])

    def drop_prepared(self, gtrid: str) -> OneShot:
        """The prepared transaction is rolled back."""
        self.begin()
        return self._commit_own([(DELETE, (gtrid,))])

    def _commit_own(self, script: Sequence[Statement]) -> OneShot:
        self._repeating = True
        try:
            for sql, params in script:
                self._own(sql, params)
        except BaseException:
            self.rollback()
            raise
        finally:
            self._repeating = False
        return self.commit()

    def keep_house(self, script: Iterable[Statement]) -> None:
        """Change what is the engine's own, in the open transaction: it is noted nowhere and in no block."""
        self.pretending = True
        try:
            for sql, params in script:
                self._own(sql, params)
        finally:
            self.pretending = False

    def _own(self, sql: str, params: Params) -> None:
        self.handle.guard.start(None, inline=False)
        try:
            self.handle.execute(sql, params)
        except apsw.Error as raised:
            raise translate(raised) from None

    def redo(self, gtrid: str, prepared: Prepared) -> None:
        """Begin a transaction that does what was prepared and forgets the record.  The engine refusing it would be a fault of
        ours: whoever relied on these rows and keys has kept everybody else from them."""
        self.begin()
        guard = self.handle.guard
        guard.start(None, inline=False)
        self._repeating = guard.replaying = True
        try:
            for table, rowid, _ in prepared.rows:
                self._again(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))
            for table, rowid, values in prepared.rows:
                if values is not None:
                    self._again(*self.shapes.insertion(table, rowid, values))
            for sql, params in prepared.statements:
                self._again(sql, params)
            self._again(DELETE, (gtrid,))
        except BaseException as failed:
            self.rollback()
            if isinstance(failed, apsw.Error):
                raise translate(failed) from None
            raise
        finally:
            self._repeating = guard.replaying = False
        self.changes = [(*change, None, None) for change in prepared.changes]
        if prepared.statements:
            self.whole.add(SOMETHING)

    def commit(self, stamp: Stamp = BY_ITSELF) -> OneShot:
        """The open transaction is visible on return, and durable when the ticket is done; on an error it is undone."""
        if self._group.failed:
            self.rollback()
            self._group.check()
        history = self.history
        history.committing = True
        self._log_written = False
        try:
            with self.showing:
                if self.sealer is not None:
                    self._seal(self.sealer, stamp)
                self._run("COMMIT")
                if self.sealer is not None:
                    self.sealer.committed()  # whoever has waited for us knows of the block
        except BaseException:
            history.committing = False
            self.rollback()
            raise
        if self.handle.has_past:
            self.handle.detach_past()
        if not self._log_written:  # nothing has changed
            history.committing = False
            return done_ticket()
        if self._images:
            self._forget_images()
        if len(self.changes) > self._tracked_max:
            self.whole.update([change[0] for change in self.changes])
            self.changes = []
        history.append(self.changes, frozenset(self.whole))
        ticket = self._group.ticket()
        if self.grown is not None:
            self.grown()
        return ticket

    def _seal(self, sealer: Sealer, stamp: Stamp) -> None:
        self.pretending = True
        try:
            sealer.seal(stamp)
        except apsw.Error as raised:
            raise translate(raised) from None
        finally:
            self.pretending = False

    def replaying(self, begins: bool) -> None:
        """Changes are noted nowhere, and no trigger does anything, from here on; or they are again."""
        self.pretending = self.handle.guard.replaying = begins
        self.handle.guard.start(None, inline=False)
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(not begins))

    def define(self, sql: str) -> None:
        """A statement of a definition has run."""
        if self.sealer is not None:
            self.sealer.define(sql)

    def defining(self, begins: bool) -> None:
        """Definitions are being changed from here on, or are no more."""
        if self.sealer is not None:
            self.sealer.defining = begins

    def _forget_images(self) -> None:
        """The history keeps which rows changed, not what they held."""
        if any(change[0] == STATEMENT for change in self.changes):
            self.whole.add(SOMETHING)
        self.changes = [(*change[:4], None, None) for change in self.changes if change[0] != STATEMENT]

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._run("ROLLBACK")
        if self.handle.has_past:
            self.handle.detach_past()

    def _after_commit(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """SQLite's WAL hook: a commit has written to the log, which has `pages` now."""
        self._log_written = True
        self._checkpointer.log_has(pages)
        return apsw.SQLITE_OK

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    # -- statements

    def write(self, sql: str, params: Params, watch: Watch | None, *, inline: bool, mode: Mode) -> Written:
        """Run one statement.  When it fails it has changed nothing, or `in_transaction` is False."""
        handle = self.handle
        if inline and mode is Mode.LATER_WRITE and sql in self._overran:
            raise MustMove
        handle.guard.start(watch, inline=inline, mode=mode)
        mark = len(self.changes)
        sealed = self.sealer.mark if self.sealer is not None else 0
        self.relied_on.clear()
        try:
            rows = handle.execute(sql, params).fetchall()
        except BaseException as failed:
            self._ran_untracked = ""
            del self.changes[mark:]
            if self.sealer is not None:
                self.sealer.cut_back(sealed)
            if isinstance(failed, apsw.Error):
                if handle.attach_past(failed):
                    return self.write(sql, params, watch, inline=inline, mode=mode)
                raise translate(failed) from None
            raise
        if self._ran_untracked:
            self.changes.append((STATEMENT, self._ran_untracked, 0, 0, sql, params))
            self._ran_untracked = ""
        if handle.guard.overran:
            self._remember_overrun(sql)
        connection = self._connection
        return Written(connection.changes(), connection.last_insert_rowid(), rows)

    def _remember_overrun(self, sql: str) -> None:
        """It ran long on the loop, where it could not be stopped without losing its transaction: not again."""
        self.handle.guard.overran = False
        if len(self._overran) >= _OVERRAN_MAX:
            self._overran.clear()
        self._overran.add(sql)

    def savepoint(self, name: str) -> int:
        """The mark to hand to `rollback_to`."""
        self._run(f"SAVEPOINT {name}")
        if self.sealer is not None:
            self.sealer.savepoint(name)
        return len(self.changes)

    def rollback_to(self, name: str, mark: int) -> None:
        self._run(f"ROLLBACK TO {name}")
        del self.changes[mark:]
        if self.sealer is not None:
            self.sealer.rollback_to(name)

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
        new = NOT_FETCHED
        if self.sealer is not None:
            new = self.sealer.capture(update, table)
        if self._repeating:
            return
        if table in self._untracked:
            if self._images:
                self._ran_untracked = table
            else:
                self.whole.add(SOMETHING)
        elif len(self.changes) >= self._changes_max:
            self.whole.add(table)
        elif self._images and len(self.changes) < self._images_max:
            self._note_images(update, table, new)
        else:
            self.changes.append((table, update.op, update.rowid, update.rowid_new, None, None))

    def _note_images(self, update: apsw.PreUpdate, table: str, new: Any) -> None:
        op = update.op
        if new is NOT_FETCHED:
            try:
                new = update.update if op == "UPDATE" else update.new  # None for a DELETE
            except apsw.RangeError:  # SQLite miscounts the columns of a table that has VIRTUAL ones
                new = None
                self.complete = False
        self.changes.append((table, op, update.rowid, update.rowid_new, None, new))

    def _rely_on(self, *arguments: object) -> int:
        """fauna_hold(table, rowid): 1; the row must stay as it is until the transaction ends."""
        self.relied_on.append(arguments)
        return 1

    def standing_in_the_way(self, sql: str, params: Params) -> list[tuple[str, int]]:
        """The rows with whose unique keys an INSERT or UPDATE has collided: those that it would replace."""
        verb, _, rest = sql.partition(" ")
        if verb not in ("INSERT", "UPDATE"):
            return []
        found: list[tuple[str, int]] = []

        def look(update: apsw.PreUpdate) -> None:
            if update.op == "DELETE":
                found.append((update.table_name, update.rowid))

        self.savepoint(_TRIAL)
        self._connection.preupdate_hook(look)
        try:
            self.handle.guard.start(None, inline=False)
            self.handle.execute(f"{verb} OR REPLACE {rest}", params).fetchall()
        except (apsw.Error, FaunaError):
            pass  # it fails for another reason as well: nobody is known to stand in the way
        finally:
            self._connection.preupdate_hook(self._note)
            self.rollback_to(_TRIAL, len(self.changes))
            self.release(_TRIAL)
        return found

    def give_new_rowid(self, table: str, index: int, rowid: int) -> None:
        """The row inserted by change number `index` gets another rowid, which nobody sees."""
        name, op, old_rowid, _, _, new = self.changes[index]
        shape = self.shapes.of(table)
        self.handle.guard.start(None, inline=False)
        self._repeating = True
        try:
            self.handle.execute(f'UPDATE "{table}" SET rowid = ? WHERE rowid = ?', (rowid, old_rowid))
        except apsw.Error as raised:
            raise translate(raised) from None
        finally:
            self._repeating = False
        if new is not None:
            new = (*new[: shape.rowid], rowid, *new[shape.rowid + 1 :])
        self.changes[index] = (name, op, rowid, rowid, None, new)
