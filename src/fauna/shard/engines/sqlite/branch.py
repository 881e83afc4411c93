"""A transaction on the embedded engine.

    READ COMMITTED            each statement reads the latest state, with the transaction's own writes over it
    REPEATABLE READ           a reader connection holds the snapshot of the first read; writes go to the latest state, and a row
                              that others have changed since the snapshot is moved past (when nothing that was read has
                              changed) or is error 1213: first committer wins
    SERIALIZABLE              as REPEATABLE READ, but the first write keeps the write lock to the end, and asks `txn.conflict`
                              whether all that was read is still so, or the transaction must end with error 1213

The write lock is for moments, except at SERIALIZABLE and for large transactions.  Between statements (`pause`) a transaction
offers it: whoever takes it makes the engine undo what this one has written, which is kept as a write set and done again at its
next statement, or at its commit.  Its rows stay its own by row locks, which others wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NoReturn

from fauna.catalog.slot_map import SlotMap
from fauna.errors import SqlError, StartError, error
from fauna.session.result import MustWait, Row, Ticket
from fauna.shard.engine_errors import EngineError, UniqueViolation
from fauna.shard.engines.sqlite.connection import Handle, Mode
from fauna.shard.engines.sqlite.history import SOMETHING
from fauna.shard.engines.sqlite.mixed import MixedMode
from fauna.shard.engines.sqlite.prepared import Prepared
from fauna.shard.engines.sqlite.readers import AnyRows, StreamRows, run_inline, run_streamed
from fauna.shard.engines.sqlite.savepoints import Savepoints
from fauna.shard.engines.sqlite.sealer import BY_ITSELF, Stamp
from fauna.shard.engines.sqlite.write_set import STATEMENT, Change, size_of
from fauna.shard.shard import Homes, Isolation, MatchCheck, Params, Siblings, TableAccess, Watch, Written
from fauna.ticket import done_ticket
from fauna.txn.conflict import Decision, Place, ReadSet, decide, is_changed, place_of
from fauna.txn.locks import LockTicket
from fauna.txn.row_locks import Key, RowTicket
from fauna.txn.wait_graph import Owner

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard

# write_many looks whether it should stop every so many rows.
_LOOK_ROWS: Final = 64
_DEADLOCK: Final = 1213
# A commit waits for the write lock as long as it takes; KILL ends the wait.
_COMMIT_WAIT_S: Final = 365.0 * 24 * 3600
# A locking read that finds more rows keeps the write lock instead of locking each.
_LOCKED_ROWS_MAX: Final = 1_000
# So does one whose transaction has locked more already.
_OWNED_KEYS_MAX: Final = 10_000


class SqliteBranch:
    __slots__ = (
        "_alone", "_barred", "_base", "_changed", "_changed_to", "_changes", "_found_rows", "_isolation", "_keeps_lock",
        "_locked", "_may_wait_for_rows", "_mixed", "_offered", "_pausable", "_pinned", "_placed", "_published", "_read_only",
        "_reader", "_reads", "_savepoints", "_shard", "_snapshot", "_siblings", "_streams", "_ticket", "_two_phase", "_user",
        "_writer",
        "gtrid", "is_open", "lock_wait_timeout_s", "owner", "prepared", "watch",
    )  # fmt: skip

    def __init__(
        self, shard: SqliteShard, isolation: Isolation, *, read_only: bool, lock_wait_timeout_s: float, watch: Watch | None,
        two_phase: bool, alone: bool, owner: Owner = None, siblings: Siblings | None = None, user: str = "",
    ) -> None:
        self._shard = shard
        self._user = user
        self._siblings = siblings
        self.owner: Owner = owner if owner is not None else self  # in whose name it locks and waits
        self._writer = shard.writer
        self._placed = _version(shard.homes)  # of the homes by which its rows have been placed, or of older ones
        self._isolation = isolation
        self._read_only = read_only
        self.lock_wait_timeout_s = lock_wait_timeout_s
        self.watch = watch
        self._two_phase = two_phase
        self._alone = alone
        self._pausable = not alone and isolation < Isolation.SERIALIZABLE
        self.is_open = True
        self.gtrid = ""  # set once prepared
        self.prepared: Prepared | None = None
        self._locked = False
        self._offered = False  # the write lock is ours until somebody comes
        self._keeps_lock = False  # what was done cannot be done again from the write set
        self._barred: frozenset[str] = frozenset()  # tables whose rows only we write, see `_lock_keys`
        self._found_rows = False  # by conditions, at the latest state, to write or lock them
        self._pinned = False  # the snapshot does not move
        self._may_wait_for_rows = True  # what was found under the write lock is among `_reads`
        self._ticket: LockTicket | RowTicket | None = None
        self._changes: list[Change] = []  # the write set, frozen, while the writer has it not
        self._base = 0  # how many changes there were when the statement began
        self._reader: Handle | None = None
        self._snapshot = 0
        self._reads: ReadSet | None = None
        self._changed: dict[str, set[int] | None] = {}  # by others, from the snapshot up to `_changed_to`
        self._changed_to = 0
        self._mixed: MixedMode | None = None
        self._savepoints = Savepoints(shard.writer)
        self._streams: list[StreamRows] = []
        self._published: Callable[[], None] | None = None

    @property
    def holds_lock(self) -> bool:
        return self._locked

    @property
    def has_written(self) -> bool:
        writer = self._writer
        if self._offered:
            found = self._shard.queue.while_offered(self._give_up, lambda: bool(writer.changes or writer.whole))
            if found is not None:
                return found
        return bool(self._changes or self._locked and (writer.changes or writer.whole) or self.prepared is not None)

    @property
    def keeps_lock(self) -> bool:
        return self._keeps_lock or not self._pausable and self.holds_lock

    def keep_lock(self) -> None:
        self._keeps_lock = True

    @property
    def spans_shards(self) -> bool:
        return False

    @property
    def slots(self) -> SlotMap | None:
        return None

    @property
    def has_locked(self) -> bool:
        return self.keeps_lock or self._shard.row_locks.count(self.owner) > 0

    @property
    def reads_latest(self) -> bool:
        return self._isolation <= Isolation.READ_COMMITTED

    @property
    def has_snapshot(self) -> bool:
        return self._reader is not None

    def reader(self, shard: int) -> SqliteBranch:
        return self

    def writer(self, shard: int) -> SqliteBranch:
        return self

    def define(self, published: Callable[[], None]) -> None:
        self._published = published

    # -- reading

    def query(self, sql: str, params: Params, reads: Sequence[TableAccess], *, inline: bool) -> AnyRows:
        self._must_be_open()
        if not self._locked and self._has_written(reads):
            self.lock()
        if self._isolation <= Isolation.READ_COMMITTED:
            if self._locked:
                return self.read_on(self._writer.handle, sql, params, inline=inline)
            return self._shard.autocommit_query(sql, params, inline=inline, watch=self.watch)
        if self._mixed is not None:
            return self._mixed.query(self, sql, params, reads, inline=inline)
        if self._locked and not self._pausable:
            self._remember(reads)
            return self.read_on(self._writer.handle, sql, params, inline=inline)
        reader = self._reader or self._open_readers()
        mixed = self._mix(reads) if self._locked else None
        self._remember(reads)
        if mixed is not None:
            return mixed.query(self, sql, params, reads, inline=inline)
        return self.read_on(self._writer.handle if self._locked else reader, sql, params, inline=inline)

    def _remember(self, reads: Sequence[TableAccess]) -> None:
        if self._reads is None:
            self._reads = ReadSet()
        for access in reads:
            self._reads.add(access)

    def _mix(self, reads: Sequence[TableAccess]) -> MixedMode | None:
        """How to read at the snapshot though the lock is held; None: the latest state is as good."""
        changed = self._changed_by_others()
        if not changed:
            return None
        written = {change[0] for change in self._writer.changes} | self._writer.whole
        if place_of([access.table for access in reads], written, changed) is Place.BOTH and self._moved():
            return None
        assert self._reader is not None
        return MixedMode(self._shard, self._reader, changed, written)

    def _has_written(self, reads: Sequence[TableAccess]) -> bool:
        """Whether this transaction may have written what is read; not asked while it has the write lock."""
        changes: Sequence[Change] | None = None
        if self._offered:
            changes = self._shard.queue.while_offered(self._give_up, self._writer.changes.copy)
        if changes is None:
            changes = self._changes
        if not changes:
            return False
        for table, low, high in ((access.table, access.low, access.high) for access in reads):
            for change in changes:
                if change[0] == table and (low is None or low <= change[3]) and (high is None or change[2] <= high):
                    return True
        return False

    def has_written_to(self, tables: Collection[str]) -> bool:
        if self._locked:
            return any(change[0] in tables for change in self._writer.changes) or not self._writer.whole.isdisjoint(tables)
        return self._has_written([TableAccess(table) for table in tables])

    def open_snapshot(self) -> None:
        """Fix the state that this transaction reads (START TRANSACTION WITH CONSISTENT SNAPSHOT, or the first read)."""
        if self._reader is None and self._isolation >= Isolation.REPEATABLE_READ:
            self._open_reader()

    def _open_readers(self) -> Handle:
        """With siblings, whose snapshots are of the same moment."""
        if self._siblings is not None:
            self._siblings.open_snapshot()
        return self._reader or self._open_reader()

    def _open_reader(self) -> Handle:
        shard = self._shard
        reader = shard.pool.take()
        try:
            self._snapshot = shard.open_snapshot(reader)
        except BaseException:
            shard.pool.give(reader)
            raise
        self._reader = reader
        self._changed = {}
        self._changed_to = self._snapshot
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
        self, sql: str, params: Params, reads: Sequence[TableAccess], *, match: MatchCheck | None = None, inline: bool,
        shared: bool = False,
    ) -> AnyRows:
        self.lock()
        self._base = len(self._writer.changes)
        if self._mixed is not None and match is not None:
            self._or_deadlock(
                self._mixed.may_write(self, match, inline=inline) and self._mixed.may_lock(self, match, inline=inline)
            )
        if not self._pausable:
            self._remember(reads)
        if match is None:
            self._keeps_lock = True
            self._wait_while_others_hold({access.table for access in reads})
        else:
            self._check_meant(match, inline=inline)
            self._lock_matching(match, shared=shared, inline=inline)
        return self.read_on(self._writer.handle, sql, params, inline=inline)

    # -- one row, by its rowid

    def read_row(self, table: str, rowid: int, sql: str, params: Params, *, inline: bool) -> Sequence[Row] | None:
        if self._locked or self._offered or not self._pausable or self._keeps_lock or isinstance(self._ticket, LockTicket):
            return None
        shard = self._shard
        if len(self._changes) >= shard.settings.write_set_rows_max or shard.row_locks.count(self.owner) >= _OWNED_KEYS_MAX:
            return None
        self._must_be_open()
        shard.check_writable()
        key = (table, rowid)
        ticket = self._ticket
        if ticket is not None:
            self._await(ticket)
        blocked = shard.row_locks.take(self.owner, (key,))
        if blocked is not None:
            self._wait_for_row(key)
            return None
        done = self._done_to(key)
        if done:
            return () if done == "DELETE" else None
        if self._reader is not None:
            changed = self._changed_by_others()
            if is_changed(table, rowid, changed):
                self._or_deadlock(self._moved())
        return shard.read_latest(sql, params, inline=inline, watch=self.watch)

    def _wait_for_row(self, key: Key) -> None:
        """Return at once where its table is barred: whoever has the write lock is at it."""
        locks = self._shard.row_locks
        if locks.blocked(self.owner, (key,)) is None:
            return
        try:
            if self._siblings is not None:
                self._siblings.let_go(self)
            ticket = locks.wait_for(self.owner, key, self.lock_wait_timeout_s)
        except SqlError:
            self.rollback()
            raise
        if self._siblings is not None and ticket.done():
            self._ticket = ticket  # the others have undone the statement: it must be run again, though nobody is in its way
            raise MustWait(ticket)
        self._await(ticket)

    def _done_to(self, key: Key) -> str:
        """What this transaction did to a row last; "" for nothing."""
        for change in reversed(self._changes):
            if change[0] == key[0] and (change[2] == key[1] or change[3] == key[1]):
                return change[1]
        return ""

    def write_row(self, op: str, table: str, rowid: int, sql: str, params: Params) -> None:
        self._changes.append((table, op, rowid, rowid, sql, params))
        self._savepoints.kept = self._base = len(self._changes)

    def _lock_matching(self, match: MatchCheck, *, shared: bool, inline: bool) -> None:
        """Lock the rows that match at the latest state; a row that others have changed since the snapshot is a conflict."""
        self._found_rows = True
        if not self._pausable and not self._shard.row_locks:
            return
        rows = self.read_on(self._writer.handle, match.sql, match.params, inline=inline)
        try:
            rowids = [row[0] for row in islice(rows, _LOCKED_ROWS_MAX + 1)]
        finally:
            rows.close()
        if len(rowids) > _LOCKED_ROWS_MAX or self._shard.row_locks.count(self.owner) > _OWNED_KEYS_MAX:
            self._keeps_lock = True
            self._wait_while_others_hold({match.table})
            return
        self._lock_keys([(match.table, rowid) for rowid in rowids], shared=shared)
        changed = self._changed_by_others() if self._reader is not None and self._pausable else {}
        if match.table in changed and any(is_changed(match.table, int(rowid), changed) for rowid in rowids):  # type: ignore[arg-type]
            self._or_deadlock(self._moved())

    # -- the write lock

    def lock(self) -> None:
        if self._locked or self._taken_back():
            return
        self._must_be_open()
        try:
            self._shard.check_writable()
        except SqlError:
            self.give_place_up()  # for nobody goes on with it
            raise
        ticket, queue = self._ticket, self._shard.queue
        if isinstance(ticket, RowTicket):
            self._await(ticket)
            ticket = None
        if self.prepared is not None and self._keeps_lock:
            self._start_writing()
            return
        if ticket is None and not queue.try_acquire(self.owner):
            if self._siblings is not None:
                self._siblings.give_places_up(self)
            # What is prepared has to end: in a deadlock it is never the one to give way.
            ticket = queue.enqueue(self.lock_wait_timeout_s, self.owner, must_have=self.prepared is not None)
        if ticket is not None:
            self._await(ticket)
        self._start_writing()

    def lock_if_free(self) -> bool:
        if self._locked or self._taken_back():
            return True
        self._must_be_open()
        self._shard.check_writable()
        has_it = self.prepared is not None and self._keeps_lock
        if not has_it and not self._shard.queue.try_acquire(self.owner):
            return False
        self._start_writing()
        return True

    def _await(self, ticket: LockTicket | RowTicket) -> None:
        """Go on when it is done; raises MustWait, or what it failed with."""
        self._ticket = ticket
        if not ticket.done():
            self._let_watch_stop(ticket)
            raise MustWait(ticket)
        self._ticket = None
        try:
            ticket.check()
        except SqlError as failed:
            if failed.errno == _DEADLOCK:
                self.rollback()
            raise

    def _let_watch_stop(self, ticket: LockTicket | RowTicket) -> None:
        watch = self.watch
        if watch is not None and self.prepared is None:  # from there on its client has no say
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
            if self.prepared is not None:
                self._writer.redo(self.gtrid, self.prepared)
                self._locked = True
                return
            self._savepoints.begin(self._changes, images=self._pausable or self._two_phase, every_row=self._two_phase)
        except BaseException as failed:
            self._writer.rollback()
            if self.prepared is None or not self._keeps_lock:
                self._shard.queue.release()
            if isinstance(failed, SqlError) and self._changes:
                self.rollback()
            raise
        self._changes = []
        self._base = len(self._writer.changes)
        self._locked = True
        if self._reader is not None and not self._pausable:
            self._settle_snapshot()

    def _settle_snapshot(self) -> None:
        """Now that nobody else can commit: does the snapshot move, stay behind, or end the transaction?"""
        changed = self._changed_by_others()
        decision = Decision.MOVE if not changed else decide(self._isolation, self._reads or ReadSet(), changed)
        self._or_deadlock(decision is not Decision.ABORT)
        if decision is Decision.MOVE:
            if changed and self._siblings is not None:
                self._or_deadlock(self._siblings.moved())
            self._close_snapshot()
        else:
            assert self._reader is not None
            self._mixed = MixedMode(self._shard, self._reader, changed)

    # -- giving the write lock away between statements

    def pause(self) -> None:
        """The statement is over and the client's next one may take its time: others may write meanwhile."""
        if self.prepared is not None:
            self._let_go_of_prepared()
            return
        if not self._locked or not self._pausable:
            return
        if not self._can_be_repeated():
            self._keeps_lock = True
            return
        if self._found_rows and self._isolation >= Isolation.REPEATABLE_READ:
            # What it found is to stay so: the snapshot is that of now at the latest, and does not move any more.
            if self._siblings is None:
                self.open_snapshot()
            self._pinned = self._reader is not None  # with siblings it opens with theirs, unless the statement is undone
        self._base = len(self._writer.changes)
        self._locked = False
        self._offered = True
        self._shard.queue.offer(self._give_up)

    def _let_go_of_prepared(self) -> None:
        """What is decided cannot be done here yet, because another shard is busy."""
        if self._locked:
            self._writer.rollback()
            self._locked = False
            if not self._keeps_lock:
                self._shard.queue.release()

    def _can_be_repeated(self) -> bool:
        writer, settings = self._writer, self._shard.settings
        if self._keeps_lock or writer.whole or not writer.complete or len(writer.changes) > settings.write_set_rows_max:
            return False
        if any(stream.reads_from(writer.handle) for stream in self._streams):
            return False
        return size_of(writer.changes[self._base :]) <= settings.write_set_bytes_max

    def _give_up(self) -> None:
        """Called by whoever takes the write lock from us, in that one's thread: the write set is all that stays of what was
        written.  Our own thread finds `_offered` set until that is done, and asks the queue, which makes it wait."""
        self._undo_to_base()
        self._offered = False

    def _undo_to_base(self) -> None:
        """Undo all in the engine; the changes of earlier statements stay as the write set."""
        writer = self._writer
        del writer.changes[self._base :]
        self._changes = writer.freeze() if self._pausable else []
        writer.rollback()
        self._savepoints.give_up(len(self._changes))

    def _taken_back(self) -> bool:
        """Whether the write lock is ours again, because nobody else wanted it."""
        if self._offered and self._shard.queue.take_back(self._give_up):
            self._offered = False
            self._locked = True
        return self._locked

    # -- row locks

    def _lock_written(self, mark: int) -> None:
        """Lock what the statement has changed from `mark` on, and what it relies on; or undo it and wait for who has that."""
        shard, writer = self._shard, self._writer
        changes = writer.changes
        self._found_rows = True
        if not self._pausable:
            self._bar({change[0] for change in islice(changes, mark, None)})
            if not shard.row_locks and not writer.whole:
                return
        keys: list[Key] = []
        for index in range(mark, len(changes)):
            change = changes[index]
            if change[0] == STATEMENT:
                continue
            if change[1] == "INSERT":
                self._find_free_rowid(index)
                change = changes[index]
            keys.append((change[0], change[2]))
            if change[2] != change[3]:
                keys.append((change[0], change[3]))
            if change[1] != "DELETE":
                if self._pausable:
                    self._add_unique_keys(change, keys)
                elif shard.row_locks:  # it locks none, but may not have what others have put into their keys
                    keys += writer.shapes.key_values_now(change[0], change[3])
        self._lock_keys(keys)
        if writer.relied_on:
            self._lock_keys(list(writer.relied_on), shared=True)
        if writer.whole:
            self._wait_while_others_hold(writer.whole)

    def _add_unique_keys(self, change: Change, keys: list[Key]) -> None:
        if change[5] is None:
            return
        values = self._writer.shapes.key_values(change)
        if values is None:
            self._keeps_lock = True
        else:
            keys += values

    def _find_free_rowid(self, index: int) -> None:
        """Two transactions that insert at the same time get the same next rowid: one of them another, where nobody sees it."""
        locks, writer = self._shard.row_locks, self._writer
        table, _, rowid = writer.changes[index][:3]
        if locks.blocked(self.owner, [(table, rowid)]) is None or not writer.shapes.of(table).hidden:
            return
        while locks.blocked(self.owner, [(table, rowid)]) is not None:
            rowid += 1
        writer.give_new_rowid(table, index, rowid)

    def _lock_keys(self, keys: Sequence[Key], *, shared: bool = False) -> None:
        """For ourselves; or, keeping the write lock to the end, see that nobody has them or gets them."""
        locks = self._shard.row_locks
        if self._pausable:
            blocked = locks.take(self.owner, keys, shared=shared)
        else:
            self._bar({str(key[0]) for key in keys})
            blocked = locks.blocked(self.owner, keys, shared=shared) if locks else None
        if blocked is not None:
            self._yield_for(blocked, shared=shared)

    def _bar(self, tables: set[str]) -> None:
        """Nobody else is to lock rows of these while we have the write lock."""
        if not tables <= self._barred:
            self._shard.row_locks.bar(self.owner, tables)
            self._barred |= tables

    def _wait_while_others_hold(self, tables: Iterable[str]) -> None:
        """Any row of these may have been changed: nobody else may have locked one."""
        tables = set(tables)
        self._bar(tables)
        key = self._shard.row_locks.held_by_others(self.owner, tables)
        if key is not None:
            self._yield_for(key)

    def _yield_for(self, key: Key, *, shared: bool = False) -> NoReturn:
        """The statement needs what another transaction has: undo it, let the write lock go, wait."""
        if not self._may_yield():
            self._or_deadlock(False)
        if self._siblings is not None:
            self._siblings.let_go(self)
        if not self._pausable and self._reads and self._reader is None:
            self._open_readers()  # nobody else can commit just now: what was read is still so
        self._undo_to_base()
        self._locked = False
        self._mixed = None
        self._shard.row_locks.unbar(self.owner)
        self._barred = frozenset()
        # First let the lock go: whoever wants it meanwhile does not wait for one who waits.
        self._shard.queue.release()
        try:
            ticket = self._shard.row_locks.wait_for(self.owner, key, self.lock_wait_timeout_s, shared=shared)
        except SqlError:
            self.rollback()
            raise
        self._await(ticket)
        raise MustWait(ticket)

    def _may_yield(self) -> bool:
        if self._alone or (self._pausable and not self._keeps_lock):
            return True
        return self._base == 0 and self._may_wait_for_rows

    # -- first committer wins

    def _changed_by_others(self) -> dict[str, set[int] | None]:
        """What others have committed since the snapshot.  Error 1213 when that is no longer known."""
        history = self._shard.history
        if self._changed_to != history.position:
            commits = history.since(self._changed_to)
            if commits is None:
                self.rollback()
                raise error("LOCK_DEADLOCK")
            for commit in commits:
                commit.add_to(self._changed)
                self._changed_to = commit.position
        return self._changed

    def _moved(self) -> bool:
        """Read the latest state from now on, if nothing that was read is different there."""
        if self._siblings is not None:
            return self._siblings.moved()
        if not self.may_move():
            return False
        self.move()
        return True

    def retreat(self) -> None:
        """It has undone what it did when it began to wait."""

    @property
    def is_waiting(self) -> bool:
        return self._ticket is not None

    @property
    def awaits_lock(self) -> bool:
        return isinstance(self._ticket, LockTicket)

    def give_place_up(self) -> None:
        if isinstance(self._ticket, LockTicket):
            self._ticket.abandon()
            self._ticket = None

    def may_move(self) -> bool:
        return not self._pinned and (self._reads is None or not self._reads.touched_by(self._changed_by_others()))

    def move(self) -> None:
        if self._reader is not None:
            self._close_snapshot()
            self.open_snapshot()

    def _check_meant(self, match: MatchCheck, *, inline: bool) -> None:
        """A row that the client means, by the snapshot, must not have been changed by others, even if it matches no more."""
        if self._reader is None or not self._pausable:
            return
        changed = self._changed_by_others()
        if match.table in changed:
            mixed = MixedMode(self._shard, self._reader, changed)
            if not mixed.may_write(self, match, inline=inline):
                self._or_deadlock(self._moved())

    def _check_written(self, mark: int) -> None:
        """The rows just written must not have been changed by others."""
        if self._reader is None or not self._pausable:
            return
        changed = self._changed_by_others()
        if not changed:
            return
        writer = self._writer
        for change in islice(writer.changes, mark, None):
            if is_changed(change[0], change[2], changed) or is_changed(change[0], change[3], changed):
                self._or_deadlock(self._moved())
                return
        if not writer.whole.isdisjoint(changed):
            self._or_deadlock(self._moved())

    # -- writing

    def write(self, sql: str, params: Params, *, match: MatchCheck | None = None, inline: bool = False) -> Written:
        if not self._locked:
            self.lock_to_write()
        if self._streams:
            self._detach_streams()
        if not self._savepoints.in_statement:
            self._base = len(self._writer.changes)
        if match is not None:
            if self._isolation is Isolation.SERIALIZABLE:
                self._remember((TableAccess(match.table),))  # which of its rows match is known from now on
            if self._mixed is not None:
                self._or_deadlock(self._mixed.may_write(self, match, inline=inline))
            else:
                self._check_meant(match, inline=inline)
        return self._write(sql, params, self.watch, inline=inline)

    def _write(self, sql: str, params: Params, watch: Watch | None, *, inline: bool) -> Written:
        writer, mixed = self._writer, self._mixed
        mark = len(writer.changes)
        lasting = self._savepoints.wrote and not (self._pausable and not self._keeps_lock and mark == self._base)
        try:
            written = writer.write(sql, params, watch, inline=inline, mode=Mode.LATER_WRITE if lasting else Mode.FIRST_WRITE)
        except BaseException as failed:
            self._after_failure()
            if isinstance(failed, UniqueViolation) and self.is_open:
                if self._shard.row_locks:
                    self._wait_for_who_stands_in_the_way(sql, params)
                self._may_wait_for_rows = self._pausable or self._alone
            raise
        self._savepoints.written()
        if mixed is not None:
            self._or_deadlock(mixed.are_mine(writer.changes, mark, writer.whole))
        self._lock_written(mark)
        self._check_written(mark)
        return written

    def claim(self, keys: Sequence[Key]) -> None:
        self.lock_to_write()
        if not self._savepoints.in_statement:
            self._base = len(self._writer.changes)
        self._lock_keys(keys)

    def finds(self, keys: Sequence[Key], sql: str, params: Params, *, inline: bool) -> bool:
        self._must_be_open()
        ticket = self._ticket
        if isinstance(ticket, RowTicket):
            self._await(ticket)
        blocked = self._shard.row_locks.take(self.owner, keys, shared=True)
        if blocked is not None:
            self._wait_for_row(blocked)
            self.lock()  # the table is somebody's who has the write lock
        if self._locked or self.has_written:
            self.lock()
            return bool(self.read_on(self._writer.handle, sql, params, inline=False).fetch(1))
        rows = self._shard.autocommit_query(sql, params, inline=inline)
        try:
            return bool(rows.fetch(1))
        finally:
            rows.close()

    def _wait_for_who_stands_in_the_way(self, sql: str, params: Params) -> None:
        """A key is taken by a row that another transaction is changing or removing: it may be free when that one ends."""
        key = self._shard.row_locks.blocked(self.owner, self._writer.standing_in_the_way(sql, params))
        if key is not None:
            self._yield_for(key)

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
        self.begin_statement()
        try:
            # A trigger that is made now has not seen what open transactions have written, whatever their tables.
            if any("TRIGGER" in sql for sql, _ in script):
                key = self._shard.row_locks.held_by_others(self.owner)
                if key is not None:
                    self._yield_for(key)
            self._wait_while_others_hold(tables)
            self._keeps_lock = True
            self._placed = _version(self._shard.homes)  # it was planned with the lock in hand
            self._writer.shapes.forget()
            self._writer.defining(True)
            for sql, params in script:
                self.write(sql, params)
                self._writer.define(sql)
        except BaseException:
            self.end_statement(keep=False)
            raise
        finally:
            self._writer.defining(False)
            self._writer.shapes.forget()
        self.end_statement(keep=True)
        self._writer.whole.add(SOMETHING)
        self._writer.whole.update(tables)

    def exchange(self, script: Iterable[tuple[str, Params]], tables: Iterable[str]) -> int:
        self.begin_statement()
        guard = self._writer.handle.guard
        changes = 0
        try:
            self._wait_while_others_hold(tables)
            self._keeps_lock = True
            guard.replaying = True
            for done, (sql, params) in enumerate(script):
                if done % _LOOK_ROWS == 0:
                    self._stop_between_rows()
                changes += self._write(sql, params, None, inline=False).changes
        except BaseException:
            self.end_statement(keep=False)
            raise
        finally:
            guard.replaying = False
        self.end_statement(keep=True)
        return changes

    def _after_failure(self) -> None:
        """A statement failed.  SQLite may have undone the whole transaction with it."""
        if self._writer.in_transaction:
            return
        if self._pausable and not self._keeps_lock:
            self._undo_to_base()  # and what earlier statements did is done again
        elif self._savepoints.wrote:
            self._end()
            return
        # Nothing but this statement is lost: begin again, the lock is still ours.
        try:
            self._savepoints.begin(self._changes, images=self._pausable or self._two_phase, every_row=self._two_phase)
            self._changes = []
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
        self._taken_back()
        self._savepoints.set(name)

    def rollback_to(self, name: str) -> None:
        self._must_be_open()
        self._taken_back()
        self._detach_streams()
        kept = self._savepoints.rollback_to(name)
        if not self._locked:
            del self._changes[kept:]
        self._base = kept

    def release(self, name: str) -> None:
        self._must_be_open()
        self._taken_back()
        self._savepoints.release(name)

    def begin_statement(self) -> None:
        self.lock_to_write()
        if self._streams:
            self._detach_streams()
        if not self._savepoints.in_statement:
            self._base = len(self._writer.changes)
        self._savepoints.begin_statement()

    def end_statement(self, *, keep: bool) -> None:
        """Does nothing when the statement's failure has ended the transaction."""
        if self.is_open:
            self._savepoints.end_statement(keep=keep)

    def _must_be_open(self) -> None:
        if not self.is_open:
            raise _closed()

    # -- the end

    def hold(self) -> dict[int, SqliteBranch]:
        return {0: self}  # the only shard's number

    def prepare(self, gtrid: str, shards: Sequence[int] = ()) -> Ticket:
        self._must_be_open()
        if not self._two_phase or self.gtrid:
            raise error("XAER_RMFAIL", "PREPARED" if self.gtrid else "ACTIVE")
        self.lock_wait_timeout_s = _COMMIT_WAIT_S
        self.lock()
        writer, shard = self._writer, self._shard
        if writer.whole:
            self.rollback()
            raise error("TRANS_CACHE_FULL")
        if self._mixed is not None:
            self._or_deadlock(self._mixed.are_mine(writer.changes, 0, writer.whole))
        self._or_deadlock(self._is_at_home())
        self._detach_streams()
        rows, statements, counters = writer.effects()
        changes = tuple((change[0], change[1], change[2], change[3]) for change in writer.changes if change[0] != STATEMENT)
        keeps_lock = self._keeps_lock or not self._pausable
        keys = tuple(shard.row_locks.keys_of(self.owner))
        prepared = Prepared(tuple(rows), tuple(statements), changes, keys, keeps_lock, self._user, tuple(shards))
        try:
            shard.announce(gtrid, self)
            ticket = writer.put_prepared(gtrid, prepared, counters)
        except BaseException:
            shard.forget_prepared(gtrid)
            writer.rollback()
            self._end()
            raise
        self.gtrid, self.prepared = gtrid, prepared
        self.watch = None  # its end is no statement of the client's any more, which KILL could stop
        self._close_snapshot()
        self._keeps_lock = keeps_lock
        self._locked = False
        if not keeps_lock:
            shard.queue.release()
        return ticket

    def adopt(self, gtrid: str, prepared: Prepared) -> None:
        """After a start: be the transaction that was prepared then; nobody else has locked anything yet."""
        self.gtrid, self.prepared, self._keeps_lock = gtrid, prepared, prepared.keeps_lock
        self._shard.row_locks.take(self.owner, prepared.keys)
        if prepared.keeps_lock and not self._shard.queue.try_acquire(self.owner):
            raise StartError(f"two prepared transactions have the whole of '{self._shard.path}'", "restore it from a backup")

    def commit(self, at_us: int = 0) -> Ticket:
        self._must_be_open()
        self.lock_wait_timeout_s = _COMMIT_WAIT_S
        if self.prepared is not None or not self._locked and not self._taken_back() and self._changes:
            self.lock()
        if self._locked and self.prepared is None:
            self._or_deadlock(self._is_at_home())
        return self._finish(at_us)

    def _is_at_home(self) -> bool:
        """Whether what it has written still belongs here: rows may have been given to another shard meanwhile."""
        homes = self._shard.homes
        if homes is None or homes.version == self._placed:
            return True
        writer = self._writer
        if not writer.whole <= {SOMETHING}:
            return False  # which rows, nobody knows
        for change in writer.changes:
            found = homes.key_query(change[0]) if change[0] != STATEMENT and change[1] != "DELETE" else None
            if found is not None:
                sql, shard_of = found
                rows = self.read_on(writer.handle, sql, (change[3],), inline=False).fetch(1)
                if rows and shard_of(rows[0]) != self._shard.number:
                    return False
        return True

    def _finish(self, at_us: int) -> Ticket:
        """Commit; what was prepared has been done again."""
        if self._streams:
            self._detach_streams()
        if not self._locked:
            self._end()
            return done_ticket()
        try:
            if self.prepared is not None:
                ticket = self._writer.commit(Stamp(at_us, self.prepared.user, self.gtrid, self.prepared.shards))
            else:
                ticket = self._writer.commit(Stamp(at_us, self._user) if at_us or self._user else BY_ITSELF)
            if self._published is not None:
                self._published()
        except BaseException:
            if self.prepared is None:
                self._end()
            else:
                self._let_go_of_prepared()  # it is decided elsewhere: as long as it is not done, its rows are locked
            raise
        self._end()
        return ticket

    def rollback(self) -> None:
        """A prepared branch is left as it is: only `undo` ends it, as when a client goes away."""
        if self.is_open and not self.gtrid:
            self.undo()

    def undo(self) -> Ticket:
        if not self.is_open:
            return done_ticket()
        if self._streams:
            self._detach_streams(keep=False)
        if self.prepared is not None:
            return self._undo_prepared()
        try:
            if self._locked or self._taken_back():
                self._writer.rollback()
        finally:
            self._end()
        return done_ticket()

    def _undo_prepared(self) -> Ticket:
        if self._locked:
            self._writer.rollback()
        elif not self._keeps_lock:
            queue, ticket = self._shard.queue, self._ticket
            assert not isinstance(ticket, RowTicket)
            if ticket is None and not queue.try_acquire(self.owner):
                ticket = queue.enqueue(_COMMIT_WAIT_S, self.owner, must_have=True)
            if ticket is not None:
                self._await(ticket)
        self._locked = True
        try:
            return self._writer.drop_prepared(self.gtrid)
        finally:
            self._end()

    def _end(self) -> None:
        """Let go of everything.  The writer's transaction is over already."""
        self.is_open = False
        self._changes = []
        self._savepoints.give_up(0)
        if self.gtrid:
            self._shard.forget_prepared(self.gtrid)
        if self._ticket is not None:
            self._ticket.abandon()
            self._ticket = None
        if self._locked:
            self._locked = False
            self._shard.row_locks.release_all(self.owner)
            self._shard.queue.release()
        else:
            self._shard.row_locks.release_all(self.owner)
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


def _version(homes: Homes | None) -> int:
    return homes.version if homes is not None else 0


def _closed() -> SqlError:
    return error("UNKNOWN_ERROR", "the transaction has ended")
