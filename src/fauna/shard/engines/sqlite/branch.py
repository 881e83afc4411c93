"""A transaction on the embedded engine.

    READ COMMITTED            each statement reads the latest state; from the first write on, the writer connection
    REPEATABLE READ,          a reader connection holds the snapshot of the first read; the first write asks
    SERIALIZABLE              `txn.conflict` whether the snapshot may move to the latest state, must stay behind
                              (mixed mode, see `mixed.py`), or the transaction must end with error 1213
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from fauna.errors import SqlError, error
from fauna.session.result import MustWait, Ticket
from fauna.shard.engine_errors import EngineError
from fauna.shard.engines.sqlite.connection import Handle, Mode
from fauna.shard.engines.sqlite.history import SOMETHING
from fauna.shard.engines.sqlite.mixed import MixedMode
from fauna.shard.engines.sqlite.readers import AnyRows, StreamRows, run_inline, run_streamed
from fauna.shard.engines.sqlite.savepoints import Savepoints
from fauna.shard.shard import Isolation, MatchCheck, Params, TableAccess, Watch, Written
from fauna.ticket import done_ticket
from fauna.txn.conflict import Decision, ReadSet, decide
from fauna.txn.locks import LockTicket

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard

# write_many looks whether it should stop every so many rows.
_LOOK_ROWS: Final = 64


class SqliteBranch:
    __slots__ = (
        "_isolation", "_locked", "_mixed", "_read_only", "_reader", "_reads", "_savepoints", "_shard", "_snapshot", "_streams",
        "_ticket", "_two_phase", "_writer", "gtrid", "is_open", "lock_wait_timeout_s", "watch",
    )  # fmt: skip

    def __init__(
        self, shard: SqliteShard, isolation: Isolation, *, read_only: bool, lock_wait_timeout_s: float, watch: Watch | None,
        two_phase: bool,
    ) -> None:
        self._shard = shard
        self._writer = shard.writer
        self._isolation = isolation
        self._read_only = read_only
        self.lock_wait_timeout_s = lock_wait_timeout_s
        self.watch = watch
        self._two_phase = two_phase
        self.is_open = True
        self.gtrid = ""  # set once prepared
        self._locked = False
        self._ticket: LockTicket | None = None
        self._reader: Handle | None = None
        self._snapshot = 0
        self._reads: ReadSet | None = None
        self._mixed: MixedMode | None = None
        self._savepoints = Savepoints(shard.writer)
        self._streams: list[StreamRows] = []

    @property
    def holds_lock(self) -> bool:
        return self._locked

    # -- reading

    def query(self, sql: str, params: Params, reads: Sequence[TableAccess], *, inline: bool) -> AnyRows:
        self._must_be_open()
        if self._locked:
            if self._mixed is not None:
                return self._mixed.query(self, sql, params, reads, inline=inline)
            return self.read_on(self._writer.handle, sql, params, inline=inline)
        if self._isolation <= Isolation.READ_COMMITTED:
            return self._shard.autocommit_query(sql, params, inline=inline, watch=self.watch)
        reader = self._reader or self.open_snapshot()
        if self._reads is None:
            self._reads = ReadSet()
        for access in reads:
            self._reads.add(access)
        return self.read_on(reader, sql, params, inline=inline)

    def open_snapshot(self) -> Handle:
        """Fix the state that this transaction reads (START TRANSACTION WITH CONSISTENT SNAPSHOT, or the first read)."""
        shard = self._shard
        reader = shard.pool.take()
        try:
            self._snapshot = shard.open_snapshot(reader)
        except BaseException:
            shard.pool.give(reader)
            raise
        self._reader = reader
        return reader

    def read_on(self, handle: Handle, sql: str, params: Params, *, inline: bool) -> AnyRows:
        handle.guard.start(self.watch, inline=inline)
        settings = self._shard.settings
        if inline:
            return run_inline(handle, sql, params, settings.inline_rows)
        rows = run_streamed(handle, sql, params, settings.prefetch_rows, self._stream_finished)
        if isinstance(rows, StreamRows):
            self._streams.append(rows)
        return rows

    def lock_query(
        self, sql: str, params: Params, reads: Sequence[TableAccess], *, match: MatchCheck | None = None, inline: bool
    ) -> AnyRows:
        self.lock()
        if self._mixed is not None and match is not None:
            self._or_deadlock(
                self._mixed.may_write(self, match, inline=inline) and self._mixed.may_lock(self, match, inline=inline)
            )
        return self.read_on(self._writer.handle, sql, params, inline=inline)

    # -- the write lock

    def lock(self) -> None:
        if self._locked:
            return
        self._must_be_open()
        self._shard.check_writable()
        ticket, queue = self._ticket, self._shard.queue
        if ticket is None and not queue.try_acquire():
            ticket = queue.enqueue(self.lock_wait_timeout_s)
        if ticket is not None:
            self._ticket = ticket
            if not ticket.done():
                self._let_watch_stop(ticket)
                raise MustWait(ticket)
            self._ticket = None
            ticket.check()
        self._start_writing()

    def _let_watch_stop(self, ticket: LockTicket) -> None:
        watch = self.watch
        if watch is not None:
            watch.stop_waiting = ticket.interrupt
            if watch.interrupted:  # just before we said how
                ticket.interrupt()

    def lock_to_write(self) -> None:
        """As `lock`, which locking reads use also in READ ONLY transactions."""
        if self._read_only:
            raise error("READ_ONLY_TRANSACTION")
        self.lock()

    def _start_writing(self) -> None:
        try:
            self._shard.check_writable()  # again: the sync may have failed while we waited
            self._savepoints.begin()
        except BaseException:
            self._writer.rollback()
            self._shard.queue.release()
            raise
        self._locked = True
        if self._two_phase:
            self._writer.follow_with_session()
        if self._reader is not None:
            self._settle_snapshot()

    def _settle_snapshot(self) -> None:
        """Now that nobody else can commit: does the snapshot move, stay behind, or end the transaction?"""
        changed = self._shard.history.changed_since(self._snapshot)
        decision = Decision.MOVE
        if changed is None or changed:
            decision = decide(self._isolation, self._reads or ReadSet(), changed)
        self._or_deadlock(decision is not Decision.ABORT)
        if decision is Decision.MOVE:
            self._close_snapshot()
        else:
            assert self._reader is not None
            assert changed is not None
            self._mixed = MixedMode(self._shard, self._reader, changed)

    # -- writing

    def write(self, sql: str, params: Params, *, match: MatchCheck | None = None, inline: bool = False) -> Written:
        if not self._locked:
            self.lock_to_write()
        if self._streams:
            self._detach_streams()
        mixed = self._mixed
        if mixed is not None and match is not None:
            self._or_deadlock(mixed.may_write(self, match, inline=inline))
        return self._write(sql, params, self.watch, inline=inline)

    def _write(self, sql: str, params: Params, watch: Watch | None, *, inline: bool) -> Written:
        writer, mixed = self._writer, self._mixed
        mark = len(writer.changes)
        mode = Mode.LATER_WRITE if self._savepoints.wrote else Mode.FIRST_WRITE
        try:
            written = writer.write(sql, params, watch, inline=inline, mode=mode)
        except BaseException:
            self._after_failure()
            raise
        self._savepoints.written()
        if mixed is not None:
            self._or_deadlock(mixed.are_mine(writer.changes, mark, writer.whole))
        return written

    def _stop_between_rows(self) -> None:
        """An ordinary error undoes one statement; SQLite's own interrupt would undo the transaction."""
        reason = self.watch.stop_reason() if self.watch is not None else None
        if reason is not None:
            raise reason

    def write_many(self, sql: str, rows: Iterable[Params]) -> Written:
        """`sql` once per row, as one statement: all or nothing."""
        self.begin_statement()
        changes = last_rowid = done = 0
        try:
            for params in rows:
                if done % _LOOK_ROWS == 0:
                    self._stop_between_rows()
                written = self._write(sql, params, None, inline=False)
                changes += written.changes
                last_rowid = written.last_rowid
                done += 1
        except BaseException as failed:
            if isinstance(failed, EngineError):
                failed.row = done + 1
            self.end_statement(keep=False)
            raise
        self.end_statement(keep=True)
        return Written(changes, last_rowid)

    def execute_ddl(self, script: Sequence[tuple[str, Params]], tables: Iterable[str] = ()) -> None:
        if self._two_phase:
            raise error("XAER_RMFAIL", "ACTIVE")
        self.begin_statement()
        try:
            for sql, params in script:
                self.write(sql, params)
        except BaseException:
            self.end_statement(keep=False)
            raise
        self.end_statement(keep=True)
        self._writer.whole.add(SOMETHING)
        self._writer.whole.update(tables)

    def _after_failure(self) -> None:
        """A statement failed.  SQLite may have undone the whole transaction with it."""
        if self._writer.in_transaction:
            return
        if self._savepoints.wrote:
            self._end()
            return
        # Nothing but this statement is lost: begin again, the lock is still ours.
        try:
            self._savepoints.begin()
        except BaseException:
            self._end()
            raise

    def _or_deadlock(self, passed: bool) -> None:
        if not passed:
            self.rollback()
            raise error("LOCK_DEADLOCK")

    # -- savepoints

    def savepoint(self, name: str) -> None:
        self._must_be_open()
        self._savepoints.set(name)

    def rollback_to(self, name: str) -> None:
        self._must_be_open()
        self._detach_streams()
        self._savepoints.rollback_to(name)

    def release(self, name: str) -> None:
        self._must_be_open()
        self._savepoints.release(name)

    def begin_statement(self) -> None:
        self.lock_to_write()
        if self._streams:
            self._detach_streams()
        self._savepoints.begin_statement()

    def end_statement(self, *, keep: bool) -> None:
        """Does nothing when the statement's failure has ended the transaction."""
        if self.is_open:
            self._savepoints.end_statement(keep=keep)

    def _must_be_open(self) -> None:
        if not self.is_open:
            raise _closed()

    # -- the end

    def prepare(self, gtrid: str) -> None:
        self._must_be_open()
        if not self._two_phase:
            raise error("XAER_RMFAIL", "ACTIVE")
        self.lock()
        writer = self._writer
        changeset = writer.take_changeset()
        if self._mixed is not None:
            self._or_deadlock(self._mixed.are_mine(writer.changes, 0, writer.whole))
        self._detach_streams()
        self._shard.prepare(gtrid, changeset, self)
        self.gtrid = gtrid
        self._close_snapshot()

    def commit(self) -> Ticket:
        self._must_be_open()
        if self.gtrid:
            return self._shard.commit_prepared(self.gtrid)
        return self.finish()

    def finish(self) -> Ticket:
        """Commit, prepared or not."""
        if self._streams:
            self._detach_streams()
        if not self._locked:
            self._end()
            return done_ticket()
        try:
            ticket = self._writer.commit()
        finally:
            self._end()
        return ticket

    def rollback(self) -> None:
        """A prepared branch is left as it is: only `Shard.rollback_prepared` ends it, as when a client goes away."""
        if self.is_open and not self.gtrid:
            self.undo()

    def undo(self) -> None:
        """Roll back, prepared or not."""
        if self._streams:
            self._detach_streams(keep=False)
        try:
            if self._locked:
                self._writer.rollback()
        finally:
            self._end()

    def _end(self) -> None:
        """Let go of everything.  The writer's transaction is over already."""
        self.is_open = False
        self._savepoints.forget_statements()
        if self._ticket is not None:
            self._ticket.abandon()
            self._ticket = None
        if self._locked:
            self._locked = False
            if self._two_phase:
                self._writer.stop_session()
            self._shard.queue.release()
        self._close_snapshot()

    def _close_snapshot(self) -> None:
        self._mixed = None
        reader, self._reader = self._reader, None
        if reader is not None:
            self._detach_streams()
            self._shard.close_snapshot(reader, self._snapshot)

    # -- open results

    def _stream_finished(self, stream: StreamRows) -> None:
        if stream in self._streams:
            self._streams.remove(stream)

    def _detach_streams(self, *, keep: bool = True) -> None:
        """Their connection is about to move on."""
        for stream in tuple(self._streams):
            stream.detach(self._shard.settings.stream_buffer_rows_max if keep else 0)
        self._streams.clear()


def _closed() -> SqlError:
    return error("UNKNOWN_ERROR", "the transaction has ended")


