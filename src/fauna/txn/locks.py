"""The write lock of one shard: first come, first served, with MySQL's lock-wait time-out (error 1205).

The holder hands the lock to the longest waiter when it releases, so that a waiter that is told "granted" owns the
lock already; there is nothing to race for.  Waiters block no thread: they hold a `LockTicket`, which a thread may
wait for and an event loop may be called back by.

A holder that needs the lock no more for a while, but would rather keep what it built under it, *offers* it: the next who
wants the lock calls the holder's `give_up` and has it; if nobody came, the holder takes it back for nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from fauna.clock import Clock, SystemClock
from fauna.errors import FaunaError, error
from fauna.ticket import OneShot
from fauna.txn.deadlines import Deadlines
from fauna.txn.wait_graph import Owner, WaitGraph

_T = TypeVar("_T")


class _State(Enum):
    WAITING = 1
    GRANTED = 2
    GONE = 3  # timed out, or given up


class LockTicket(OneShot):
    """A place in the queue.  Done when the lock is ours (`check` passes) or will never be (`check` raises 1205)."""

    __slots__ = ("_must_have", "_queue", "_state", "deadline_s", "owner")

    def __init__(self, queue: WriteQueue, owner: Owner, deadline_s: float, *, must_have: bool = False) -> None:
        super().__init__()
        self._must_have = must_have
        self.owner = owner
        self._queue = queue
        self._state = _State.WAITING
        self.deadline_s = deadline_s

    @property
    def is_waiting(self) -> bool:
        return self._state is _State.WAITING

    def abandon(self) -> None:
        """Give the place up, or the lock if it has been granted meanwhile.  For clients that went away."""
        self._queue.abandon(self)

    def interrupt(self) -> None:
        """KILL QUERY: wait no longer, fail with 1317.  Does nothing once the lock is granted."""
        self._queue.interrupt(self)

    def sacrifice(self) -> None:
        """As `interrupt`, with 1213, unless it must be had: whoever has to end waits for its owner."""
        if not self._must_have:
            self._queue._end(self, error("LOCK_DEADLOCK"))


class WriteQueue:
    """A first-in-first-out mutual exclusion lock that anyone may release and any thread may use."""

    def __init__(self, clock: Clock | None = None, *, timer: bool = True, waits: WaitGraph | None = None) -> None:
        """With `timer` False nobody watches the time-outs but `expire`: for tests with a clock of their own.
        waits: shared by all shards of a node."""
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._held = False
        self._holder: Owner = None  # who has it, when that is a transaction
        self._graph = waits or WaitGraph()
        self._offer: Callable[[], None] | None = None
        self._waiting: deque[LockTicket] = deque()
        self._deadlines: Deadlines[LockTicket] = Deadlines(self._refuse, self._clock, timer=timer)

    def try_acquire(self, owner: Owner = None) -> bool:
        """Take the lock if it is free or on offer; never waits.  Free implies that nobody is queued."""
        with self._lock:
            return self._take(owner)

    def acquire_if_free(self) -> bool:
        """Take the lock if nobody has it, not even on offer; never waits."""
        with self._lock:
            if self._held:
                return False
            self._held = True
            self._holder = None
            return True

    def enqueue(self, timeout_s: float, owner: Owner = None, *, must_have: bool = False) -> LockTicket:
        """Queue up.  The ticket may be done on return: granted, or refused when `timeout_s` is 0, or because the wait of `owner`
        would never end (1213).  must_have: then the holder's wait is refused, not this one."""
        ticket = LockTicket(self, owner, self._clock.monotonic_s() + timeout_s, must_have=must_have)
        with self._lock:
            if self._take(owner):
                ticket._state = _State.GRANTED
            elif timeout_s <= 0:
                ticket._state = _State.GONE
            else:
                self._waiting.append(ticket)
        if ticket._state is _State.GRANTED:
            ticket.complete()
        elif ticket._state is _State.GONE:
            ticket.complete(error("LOCK_WAIT_TIMEOUT"))
        elif must_have and owner is not None:
            self._graph.must_wait(owner, self._holders, ticket)
            if not ticket.is_waiting:
                self._stop_waiting(ticket)
        elif owner is not None and not self._graph.wait(owner, self._holders, ticket):
            # Unless it has been granted just now: whoever granted it says so, and then it is ours.
            self._end(ticket, error("LOCK_DEADLOCK"))
        else:
            if owner is not None and not ticket.is_waiting:
                self._stop_waiting(ticket)  # it was granted just now
            self._deadlines.add(ticket)
        return ticket

    def _holders(self) -> set[Owner]:
        holder = self._holder
        return set() if holder is None else {holder}

    def _give_place_up(self, ticket: LockTicket) -> None:
        granted: LockTicket | None = None
        with self._lock:
            if ticket._state is _State.GRANTED:
                granted = self._grant_next()
            ticket._state = _State.GONE
        if granted is not None:
            granted.complete()

    def offer(self, give_up: Callable[[], None]) -> None:
        """By the holder: whoever comes next has the lock after `give_up()`, called in that one's thread.  When somebody waits
        already, it is called, and the lock handed over, before this returns."""
        with self._lock:
            assert self._held, "offered a write lock that nobody holds"
            if not any(ticket.is_waiting for ticket in self._waiting):
                self._offer = give_up
                return
        give_up()
        self.release()

    def take_back(self, give_up: Callable[[], None]) -> bool:
        """By who made the offer: True when nobody came, the lock is held as before; False: it is gone."""
        with self._lock:
            if self._offer != give_up:
                return False
            self._offer = None
            return True

    def while_offered(self, give_up: Callable[[], None], look: Callable[[], _T]) -> _T | None:
        """By who made the offer: what `look` gives, with nobody coming meanwhile; None when somebody came before."""
        with self._lock:
            return look() if self._offer == give_up else None

    def release(self) -> None:
        """Hand the lock to the longest waiter, or free it."""
        with self._lock:
            assert self._held, "released a write lock that nobody holds"
            granted = self._grant_next()
        if granted is not None:
            granted.complete()

    def abandon(self, ticket: LockTicket) -> None:
        self._give_place_up(ticket)
        self._stop_waiting(ticket)
        ticket.complete(error("LOCK_WAIT_TIMEOUT"))

    def _stop_waiting(self, ticket: LockTicket) -> None:
        if ticket.owner is not None:
            self._graph.stop(ticket.owner, ticket)

    def interrupt(self, ticket: LockTicket) -> None:
        self._end(ticket, error("QUERY_INTERRUPTED"))

    def expire(self) -> float | None:
        """Refuse every waiter whose time is up; returns when the next one's will be."""
        return self._deadlines.expire()

    def _refuse(self, ticket: LockTicket) -> None:
        self._end(ticket, error("LOCK_WAIT_TIMEOUT"))

    def _end(self, ticket: LockTicket, reason: FaunaError) -> None:
        """It waits in vain; nothing happens when it has been granted."""
        with self._lock:
            if ticket._state is not _State.WAITING:
                return
            ticket._state = _State.GONE
        self._stop_waiting(ticket)
        ticket.complete(reason)

    @property
    def held(self) -> bool:
        return self._held

    @property
    def waiting(self) -> int:
        """How many wait now: for SHOW ENGINE STATUS, metrics and tests."""
        with self._lock:
            return sum(1 for ticket in self._waiting if ticket._state is _State.WAITING)

    def close(self) -> None:
        self._deadlines.close()

    def _take(self, owner: Owner) -> bool:
        """Under the mutex: whether the lock is ours now.  Who had offered it gives up before the mutex is free again, and so
        before it can find out that the lock is gone: it never sees its own giving up half done."""
        if not self._held:
            self._held = True
            self._holder = owner
            return True
        give_up, self._offer = self._offer, None
        if give_up is None:
            return False
        self._holder = owner
        give_up()
        return True

    def _grant_next(self) -> LockTicket | None:
        while self._waiting:
            ticket = self._waiting.popleft()
            if ticket._state is _State.WAITING:
                ticket._state = _State.GRANTED
                self._holder = ticket.owner
                self._stop_waiting(ticket)
                return ticket
        self._held = False
        self._holder = None
        return None
