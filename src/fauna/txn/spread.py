"""A transaction over several shards: a branch on each that it touches, one snapshot, one end.

    begin      nothing; a branch begins when its shard is first read or written
    read       from REPEATABLE READ on, the first read opens a snapshot on every shard, all of the same moment
    COMMIT     one shard written: its branch commits by itself, for the price of a transaction on one shard;
               more: handed to the `Committer`, which answers when all of them show it
    XA PREPARE all that have written or locked are handed to the `Committer`, to be prepared and then wait for their client

What only read is let go at the commit; at SERIALIZABLE only after it has been made sure that what was read is still so, and
with the shard locked until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from fauna.catalog.slot_map import ONE_SHARD, SlotMap
from fauna.clock import HybridClock
from fauna.errors import FaunaError, error
from fauna.session.result import Ticket
from fauna.shard.shard import Branch, Isolation, Shard, Watch
from fauna.ticket import done_ticket
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import COMMIT_WAIT_S, Committer, Shown


class SpreadTransaction:
    """Implements `shard.Transaction`, and `shard.Siblings` for its branches.  One thread at a time."""

    def __init__(
        self,
        shards: Callable[[], Sequence[Shard]],
        gate: CommitGate,
        committer: Committer,
        clock: HybridClock,
        isolation: Isolation,
        *,
        read_only: bool = False,
        lock_wait_timeout_s: float = 50.0,
        watch: Watch | None = None,
        slots: Callable[[], SlotMap] = lambda: ONE_SHARD,
        user: str = "",
    ) -> None:
        """slots: where rows are now; it changes with the gate in hand."""
        self._shards = shards
        self._slots_now: Final = slots
        self.slots: SlotMap | None = None  # as of the snapshot
        self._gate: Final = gate
        self._committer: Final = committer
        self._clock: Final = clock
        self._isolation: Final = isolation
        self._read_only: Final = read_only
        self._watch: Final = watch
        self._user: Final = user
        self._branches: dict[int, Branch] = {}
        self._lock_wait_timeout_s = lock_wait_timeout_s
        self._savepoints: list[str] = []
        self._bracketed: list[int] | None = None  # shards whose branch knows of the statement that is going on
        self._has_snapshot = False
        self._published: Callable[[], None] | None = None
        self._shown: Shown | None = None
        self._ended = False

    # ── branches ──

    def reader(self, shard: int) -> Branch:
        """The branch to read on.  From REPEATABLE READ on the snapshot of all shards is there on return."""
        if self._isolation >= Isolation.REPEATABLE_READ and not self._has_snapshot:
            self.open_snapshot()
        return self._branch(shard)

    def writer(self, shard: int) -> Branch:
        """The branch to write on; it takes the shard's write lock with the first write, or when `lock` is called."""
        branch = self._branch(shard)
        bracketed = self._bracketed
        if bracketed is not None and shard not in bracketed:
            branch.begin_statement()
            bracketed.append(shard)
        return branch

    def _branch(self, shard: int) -> Branch:
        branch = self._branches.get(shard)
        if branch is None:
            branch = self._branches[shard] = self._shards()[shard].begin(
                self._isolation,
                read_only=self._read_only,
                lock_wait_timeout_s=self._lock_wait_timeout_s,
                watch=self._watch,
                two_phase=True,
                owner=self,
                siblings=self,
                user=self._user,
            )
            for name in self._savepoints:
                branch.savepoint(name)
        return branch

    def open_snapshot(self) -> None:
        """Fix the state of all shards that is read from now on."""
        if self._has_snapshot:
            return
        branches = [self._branch(shard) for shard in range(len(self._shards()))]
        with self._gate.snapshot(inline=False):
            for branch in branches:
                if not branch.has_snapshot:
                    branch.open_snapshot()
            self.slots = self._slots_now()
        self._has_snapshot = True

    def moved(self) -> bool:
        branches = self._branches.values()
        # With the gate in hand: a commit that one shard shows and another does not yet would be moved to, but not asked about.
        with self._gate.snapshot(inline=False):
            if self._is_left_behind:
                return False  # what it has read may be on another shard now, where nobody would notice its changes
            if not all(branch.may_move() for branch in branches):
                return False
            for branch in branches:
                branch.move()
        return True

    @property
    def spans_shards(self) -> bool:
        return True

    @property
    def _is_left_behind(self) -> bool:
        """Whether rows have moved to other shards since its snapshot."""
        return self.slots is not None and self.slots is not self._slots_now()

    def give_places_up(self, branch: Branch) -> None:
        for other in self._branches.values():
            if other is not branch:
                other.give_place_up()

    def let_go(self, branch: Branch) -> None:
        self.give_places_up(branch)
        for shard, other in self._branches.items():
            if other is branch:
                continue
            if self._bracketed is not None and shard in self._bracketed:
                other.end_statement(keep=False)
                self._bracketed.remove(shard)
            other.pause()

    @property
    def is_open(self) -> bool:
        """False also when one branch has ended by itself (a deadlock): then the others are rolled back here."""
        if self._ended:
            return False
        if all(branch.is_open for branch in self._branches.values()):
            return True
        self.rollback()
        return False

    @property
    def holds_lock(self) -> bool:
        return any(branch.holds_lock for branch in self._branches.values())

    @property
    def has_written(self) -> bool:
        return any(branch.has_written for branch in self._branches.values())

    @property
    def reads_latest(self) -> bool:
        return self._isolation <= Isolation.READ_COMMITTED

    @property
    def lock_wait_timeout_s(self) -> float:
        return self._lock_wait_timeout_s

    @lock_wait_timeout_s.setter
    def lock_wait_timeout_s(self, seconds: float) -> None:
        self._lock_wait_timeout_s = seconds
        for branch in self._branches.values():
            branch.lock_wait_timeout_s = seconds

    def lock(self) -> None:
        """Every shard's write lock, in the order of their numbers; MustWait leaves those before it in hand."""
        for shard in range(len(self._shards())):
            self._branch(shard).lock()

    def pause(self) -> None:
        if any(branch.awaits_lock for branch in self._branches.values()):
            return  # the statement is not over: it waits for one more lock, and would never have all if it let the others go
        if self._isolation is Isolation.REPEATABLE_READ and not self._has_snapshot and self.holds_lock:
            self.open_snapshot()  # a branch that has found rows would take one by itself
        for branch in self._branches.values():
            branch.pause()

    def define(self, published: Callable[[], None]) -> None:
        """It has DDL, on every shard: see `definitions`."""
        self._published = published

    def retreat(self) -> None:
        self._published = None
        for shard, branch in list(self._branches.items()):
            if not branch.is_waiting:
                del self._branches[shard]
                branch.rollback()

    def show(self, shown: Shown) -> None:
        """Call this at the end, just before others see what it has written on several shards, which stay locked until then; and
        what it gives, when that could not be."""
        self._shown = shown

    # ── savepoints ──

    def savepoint(self, name: str) -> None:
        for branch in self._branches.values():
            branch.savepoint(name)
        if name in self._savepoints:
            self._savepoints.remove(name)
        self._savepoints.append(name)

    def rollback_to(self, name: str) -> None:
        for branch in self._branches.values():
            branch.rollback_to(name)
        del self._savepoints[self._savepoints.index(name) + 1 :]

    def release(self, name: str) -> None:
        for branch in self._branches.values():
            branch.release(name)
        del self._savepoints[self._savepoints.index(name) :]

    def begin_statement(self) -> None:
        self._bracketed = []

    def end_statement(self, *, keep: bool) -> None:
        bracketed, self._bracketed = self._bracketed, None
        for shard in bracketed or ():
            self._branches[shard].end_statement(keep=keep)

    # ── the end ──

    def commit(self) -> Ticket:
        """Visible on all shards or on none.  Once the ticket is done it is visible to others and durable, or it has failed
        with the reason why it was rolled back."""
        if not self.is_open:
            raise error("UNKNOWN_ERROR", "the transaction has ended")
        if self._published is not None:
            return self._commit_definition(self._published)
        written = {shard: branch for shard, branch in sorted(self._branches.items()) if branch.has_written}
        serializable = self._isolation is Isolation.SERIALIZABLE
        # If one has its shard to itself until the end, so have all: who waits for a lock has none that others wait for.
        keep = len(written) > 1 and (
            serializable or self._shown is not None or any(branch.keeps_lock for branch in written.values())
        )
        for shard, branch in sorted(self._branches.items()):
            branch.lock_wait_timeout_s = COMMIT_WAIT_S
            if shard in written:
                if keep or len(written) == 1:
                    branch.lock()
                if keep:
                    branch.keep_lock()
            elif written and serializable:
                branch.lock()
        if serializable and written and self._is_left_behind:
            self.rollback()
            raise error("LOCK_DEADLOCK")
        self._ended = True
        branches, self._branches = self._branches, {}
        # What it only read may be locked: a parent row must stay until its child is there.
        held = [branch for shard, branch in branches.items() if shard not in written]
        if not written:
            for branch in held:
                branch.rollback()
            return done_ticket()
        if len(written) > 1:
            if not keep:
                # Their rows stay locked.  With their write locks in hand it would wait for those who want them: 1213 for these.
                for branch in held:
                    branch.pause()
            return self._committer.commit(written, held, self._shown)
        try:
            with self._gate.commit():
                if self._shown is None:
                    return branches[next(iter(written))].commit()
                take_back = self._shown()
                try:
                    branches[next(iter(written))].commit().wait()  # nobody is to rely on it before it lasts
                except FaunaError:
                    take_back()
                    raise
                return done_ticket()
        finally:
            for branch in held:
                branch.rollback()

    def hold(self) -> dict[int, Branch]:
        """For XA PREPARE: the branches that must outlive the client, by shard, the caller's from now on.  MustWait as `commit`.

        Besides those that have written these are the ones that keep others from rows: a parent row must stay."""
        if not self.is_open:
            raise error("UNKNOWN_ERROR", "the transaction has ended")
        serializable = self._isolation is Isolation.SERIALIZABLE
        held = {
            shard: branch for shard, branch in sorted(self._branches.items())
            if serializable or branch.has_written or branch.has_locked
        }
        if len(held) > 1 and (serializable or any(branch.keeps_lock for branch in held.values())):  # as in `commit`
            for branch in held.values():
                branch.lock_wait_timeout_s = COMMIT_WAIT_S
                branch.lock()
                branch.keep_lock()
        self._ended = True
        branches, self._branches = self._branches, {}
        for shard, branch in branches.items():
            if shard not in held:
                branch.rollback()
        return held

    def _commit_definition(self, published: Callable[[], None]) -> Ticket:
        """The first shard's commit decides, so it must be durable before the others'; nobody sees some of them.

        On an error no shard stays locked.  Error 1180 also when it is decided and a shard could not follow: that one is written
        no more until the next start, which has it follow."""
        self._ended = True
        branches, self._branches = self._branches, {}
        shards = self._shards()
        try:
            for shard in branches:
                shards[shard].check_writable()  # its turn to say so comes after the decision
            branches[0].define(published)  # before others have its lock; the other shards are locked longer
            with self._gate.commit():
                at_us = self._clock.next_us()
                branches[0].commit(at_us).wait()
                for shard, branch in branches.items():
                    if shard:
                        _follow(shards[shard], branch, at_us)
        finally:
            for branch in branches.values():
                branch.rollback()
        for shard in branches:
            with suppress(FaunaError):  # the others are to have it on disk all the same
                shards[shard].sync_pending()
        for shard in branches:
            shards[shard].check_writable()
        return done_ticket()

    def rollback(self) -> None:
        self._ended = True
        self._bracketed = None
        branches, self._branches = self._branches, {}
        for branch in branches.values():
            branch.rollback()


def _follow(shard: Shard, branch: Branch, at_us: int) -> None:
    """Commit a definition that the first shard has decided.  Where that fails nothing may be written any more: the tables are
    not those that the catalog says, and a start makes up for one definition alone."""
    try:
        branch.commit(at_us)
    except FaunaError as problem:
        shard.refuse_writes(f"a definition could not be made there: {problem}")
