"""Who may write which row: locks that a transaction keeps to its end, while the shard's write lock is held only for moments.

A key is a tuple that begins with a table's name: (table, rowid) is a row, (table, index, values…) a value in a unique key.
Locks are exclusive, or shared (FOR SHARE, the parent of a foreign key).  Waiters of a key are served in their order, and own
it when their ticket is done.  Waiting that could never end, because those waited for wait for oneself, is error 1213.

Who has the write lock and changes rows without locking each bars their tables meanwhile (`bar`): nobody else locks rows there
until it ends.

    T1 takes (t, 1)         T2 takes (t, 2)
    T1 wants (t, 2): waits  T2 wants (t, 1): it waits for T1, which waits for T2: error 1213 for T2
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from enum import Enum

from fauna.clock import Clock, SystemClock
from fauna.errors import FaunaError, error
from fauna.ticket import OneShot
from fauna.txn.deadlines import Deadlines
from fauna.txn.wait_graph import Owner, WaitGraph

Key = tuple[Hashable, ...]


class _State(Enum):
    WAITING = 1
    GRANTED = 2
    GONE = 3  # timed out, interrupted, or given up


class RowTicket(OneShot):
    """A place among those who wait for a key.  Done when the key is ours (`check` passes) or never will be (1205, 1317)."""

    __slots__ = ("_locks", "_state", "deadline_s", "key", "owner", "shared")

    def __init__(self, locks: RowLocks, owner: Owner, key: Key, *, shared: bool, deadline_s: float) -> None:
        super().__init__()
        self._locks = locks
        self._state = _State.WAITING
        self.owner = owner
        self.key = key
        self.shared = shared
        self.deadline_s = deadline_s

    @property
    def is_waiting(self) -> bool:
        return self._state is _State.WAITING

    def abandon(self) -> None:
        """Give the place up.  A key that has just been granted stays its owner's until `release_all`."""
        self._locks._end(self, error("LOCK_WAIT_TIMEOUT"))

    def interrupt(self) -> None:
        """KILL QUERY: wait no longer, fail with 1317.  Does nothing once the key is granted."""
        self._locks._end(self, error("QUERY_INTERRUPTED"))

    def sacrifice(self) -> None:
        """As `interrupt`, with 1213: whoever has to end waits for its owner."""
        self._locks._end(self, error("LOCK_DEADLOCK"))


class _Lock:
    """One key.  `owners`: exclusively one, or several who share."""

    __slots__ = ("exclusive", "owners", "waiting")

    def __init__(self, owner: Owner, *, exclusive: bool) -> None:
        self.owners: set[Owner] = {owner}
        self.exclusive = exclusive
        self.waiting: deque[RowTicket] = deque()

    def admits(self, owner: Owner, *, shared: bool) -> bool:
        """Whether `owner` may have it now, as far as other owners go."""
        if shared and not self.exclusive:
            return True
        return not self.owners or self.owners == {owner}


class RowLocks:
    """The row locks of one shard.  Any thread may call."""

    def __init__(self, clock: Clock | None = None, *, timer: bool = True, waits: WaitGraph | None = None) -> None:
        """With `timer` False nobody watches the time-outs but `expire`: for tests with a clock of their own.
        waits: shared by all shards of a node."""
        self._clock = clock or SystemClock()
        self._graph = waits or WaitGraph()
        self._mutex = self._graph.mutex
        self._locks: dict[Key, _Lock] = {}
        self._owned: dict[Owner, dict[Key, None]] = {}
        self._barred: dict[Hashable, Owner] = {}
        self._deadlines: Deadlines[RowTicket] = Deadlines(self._refuse, self._clock, timer=timer)

    def __bool__(self) -> bool:
        """Whether anything is locked."""
        return bool(self._locks)

    def take(self, owner: Owner, keys: Iterable[Key], *, shared: bool = False) -> Key | None:
        """Lock `keys` in their order; returns the first that others have, or whose table they barred, where it stopped."""
        with self._mutex:
            locks = self._locks
            owned = self._owned.setdefault(owner, {})
            barred = self._barred
            for key in keys:
                if barred and barred.get(key[0], owner) != owner:
                    return key
                lock = locks.get(key)
                if lock is None:
                    locks[key] = _Lock(owner, exclusive=not shared)
                elif key in owned and (shared or lock.exclusive):
                    continue
                elif lock.admits(owner, shared=shared) and (not lock.waiting or key in owned):
                    lock.owners.add(owner)
                    lock.exclusive = lock.exclusive or not shared
                else:
                    return key
                owned[key] = None
        return None

    def count(self, owner: Owner) -> int:
        """How many keys it has."""
        return len(self._owned.get(owner, ()))

    def keys_of(self, owner: Owner) -> list[Key]:
        """What it has locked."""
        with self._mutex:
            return list(self._owned.get(owner, ()))

    def blocked(self, owner: Owner, keys: Iterable[Key], *, shared: bool = False) -> Key | None:
        """The first of `keys` that `take` would not get; takes nothing."""
        with self._mutex:
            for key in keys:
                lock = self._locks.get(key)
                if lock is not None and not lock.admits(owner, shared=shared):
                    return key
        return None

    def bar(self, owner: Owner, tables: Iterable[str]) -> None:
        """By the holder of the write lock: until `unbar` or `release_all` nobody else locks rows of `tables`."""
        with self._mutex:
            for table in tables:
                self._barred[table] = owner

    def unbar(self, owner: Owner) -> None:
        """The owner has undone what it did to the tables it barred."""
        with self._mutex:
            self._unbar(owner)

    def _unbar(self, owner: Owner) -> None:
        if self._barred:
            for table in [table for table, by in self._barred.items() if by == owner]:
                del self._barred[table]

    def held_by_others(self, owner: Owner, tables: Iterable[str] | None = None) -> Key | None:
        """A key of one of `tables` (None: of any) that somebody else has."""
        wanted = None if tables is None else set(tables)
        with self._mutex:
            for other, keys in self._owned.items():
                if other != owner:  # who asks may have locked many
                    for key in keys:
                        if wanted is None or key[0] in wanted:
                            return key
        return None

    def wait_for(self, owner: Owner, key: Key, timeout_s: float, *, shared: bool = False) -> RowTicket:
        """Queue up for a key that others have; the ticket may be done on return.  Error 1213 where the wait would never end."""
        ticket = RowTicket(self, owner, key, shared=shared, deadline_s=self._clock.monotonic_s() + timeout_s)
        with self._mutex:
            lock = self._locks.get(key)
            if lock is None or lock.admits(owner, shared=shared):
                self._grant(ticket)
            elif timeout_s <= 0:
                ticket._state = _State.GONE
            elif not self._graph.wait(owner, lambda: lock.owners - {owner}, ticket):
                raise error("LOCK_DEADLOCK")
            elif owner in lock.owners:
                lock.waiting.appendleft(ticket)  # it shares the key and wants it alone: the others wait for it as well
            else:
                lock.waiting.append(ticket)
        if ticket._state is _State.GRANTED:
            ticket.complete()
        elif ticket._state is _State.GONE:
            ticket.complete(error("LOCK_WAIT_TIMEOUT"))
        else:
            self._deadlines.add(ticket)
        return ticket

    def release_all(self, owner: Owner) -> None:
        """The owner's transaction is over."""
        granted: list[RowTicket] = []
        with self._mutex:
            self._unbar(owner)
            for key in self._owned.pop(owner, ()):
                lock = self._locks[key]
                lock.owners.discard(owner)
                self._serve(key, lock, granted)
        for ticket in granted:
            ticket.complete()

    def expire(self) -> float | None:
        """Refuse every waiter whose time is up; returns when the next one's will be."""
        return self._deadlines.expire()

    def close(self) -> None:
        self._deadlines.close()

    def _serve(self, key: Key, lock: _Lock, granted: list[RowTicket]) -> None:
        while lock.waiting:
            ticket = lock.waiting[0]
            if ticket._state is _State.WAITING:
                if not lock.admits(ticket.owner, shared=ticket.shared):
                    return
                self._grant(ticket)
                granted.append(ticket)
            lock.waiting.popleft()
        if not lock.owners:
            del self._locks[key]

    def _grant(self, ticket: RowTicket) -> None:
        ticket._state = _State.GRANTED
        self._graph.stop(ticket.owner, ticket)
        lock = self._locks.get(ticket.key)
        if lock is None:
            self._locks[ticket.key] = _Lock(ticket.owner, exclusive=not ticket.shared)
        else:
            lock.exclusive = not ticket.shared or lock.exclusive and bool(lock.owners)
            lock.owners.add(ticket.owner)
        self._owned.setdefault(ticket.owner, {})[ticket.key] = None

    def _refuse(self, ticket: RowTicket) -> None:
        self._end(ticket, error("LOCK_WAIT_TIMEOUT"))

    def _end(self, ticket: RowTicket, reason: FaunaError) -> None:
        granted: list[RowTicket] = []
        with self._mutex:
            if ticket._state is not _State.WAITING:
                return
            ticket._state = _State.GONE
            self._graph.stop(ticket.owner, ticket)
            lock = self._locks.get(ticket.key)
            if lock is not None:
                self._serve(ticket.key, lock, granted)
        ticket.complete(reason)
        for other in granted:
            other.complete()
