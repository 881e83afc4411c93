"""The write lock of one shard: first come, first served, with MySQL's lock-wait time-out (error 1205).

The holder hands the lock to the longest waiter when it releases, so that a waiter that is told "granted" owns the
lock already; there is nothing to race for.  Waiters block no thread: they hold a `LockTicket`, which a thread may
wait for and an event loop may be called back by.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from enum import Enum
from typing import Final

from fauna.clock import Clock, SystemClock
from fauna.errors import error
from fauna.ticket import OneShot

# The heap of time-outs keeps tickets that were granted long ago; beyond this many it is swept.
_HEAP_SWEEP_MIN: Final = 1024


class _State(Enum):
    WAITING = 1
    GRANTED = 2
    GONE = 3  # timed out, or given up


class LockTicket(OneShot):
    """A place in the queue.  Done when the lock is ours (`check` passes) or will never be (`check` raises 1205)."""

    __slots__ = ("_queue", "_state", "deadline_s")

    def __init__(self, queue: WriteQueue, deadline_s: float) -> None:
        super().__init__()
        self._queue = queue
        self._state = _State.WAITING
        self.deadline_s = deadline_s

    def abandon(self) -> None:
        """Give the place up, or the lock if it has been granted meanwhile.  For clients that went away."""
        self._queue.abandon(self)

    def interrupt(self) -> None:
        """KILL QUERY: wait no longer, fail with 1317.  Does nothing once the lock is granted."""
        self._queue.interrupt(self)


class WriteQueue:
    """A first-in-first-out mutual exclusion lock that anyone may release and any thread may use."""

    def __init__(self, clock: Clock | None = None, *, timer: bool = True) -> None:
        """With `timer` False nobody watches the time-outs but `expire`: for tests with a clock of their own."""
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[LockTicket] = deque()
        self._deadlines: list[tuple[float, int, LockTicket]] = []
        self._serial = 0
        self._timer = _Timer(self) if timer else None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; never waits.  Free implies that nobody is queued."""
        with self._lock:
            if self._held:
                return False
            self._held = True
            return True

    def enqueue(self, timeout_s: float) -> LockTicket:
        """Queue up.  The ticket may be done on return: granted, or refused when `timeout_s` is 0."""
        now = self._clock.monotonic_s()
        ticket = LockTicket(self, now + timeout_s)
        with self._lock:
            if not self._held:
                self._held = True
                ticket._state = _State.GRANTED
            elif timeout_s <= 0:
                ticket._state = _State.GONE
            else:
                self._waiting.append(ticket)
                self._remember_deadline(ticket)
        if ticket._state is _State.GRANTED:
            ticket.complete()
        elif ticket._state is _State.GONE:
            ticket.complete(error("LOCK_WAIT_TIMEOUT"))
        elif self._timer is not None:
            self._timer.watch(ticket.deadline_s)
        return ticket

    def release(self) -> None:
        """Hand the lock to the longest waiter, or free it."""
        with self._lock:
            assert self._held, "released a write lock that nobody holds"
            granted = self._grant_next()
        if granted is not None:
            granted.complete()

    def abandon(self, ticket: LockTicket) -> None:
        granted: LockTicket | None = None
        with self._lock:
            if ticket._state is _State.GRANTED:
                granted = self._grant_next()
            ticket._state = _State.GONE
        ticket.complete(error("LOCK_WAIT_TIMEOUT"))
        if granted is not None:
            granted.complete()

    def interrupt(self, ticket: LockTicket) -> None:
        with self._lock:
            if ticket._state is not _State.WAITING:
                return
            ticket._state = _State.GONE
        ticket.complete(error("QUERY_INTERRUPTED"))

    def expire(self) -> float | None:
        """Refuse every waiter whose time is up; returns when the next one's will be."""
        now = self._clock.monotonic_s()
        refused: list[LockTicket] = []
        with self._lock:
            heap = self._deadlines
            while heap and (heap[0][0] <= now or heap[0][2]._state is not _State.WAITING):
                ticket = heapq.heappop(heap)[2]
                if ticket._state is _State.WAITING:
                    ticket._state = _State.GONE
                    refused.append(ticket)
            following = heap[0][0] if heap else None
        for ticket in refused:
            ticket.complete(error("LOCK_WAIT_TIMEOUT"))
        return following

    @property
    def held(self) -> bool:
        return self._held

    @property
    def waiting(self) -> int:
        """How many wait now: for SHOW ENGINE STATUS, metrics and tests."""
        with self._lock:
            return sum(1 for ticket in self._waiting if ticket._state is _State.WAITING)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    def _grant_next(self) -> LockTicket | None:
        while self._waiting:
            ticket = self._waiting.popleft()
            if ticket._state is _State.WAITING:
                ticket._state = _State.GRANTED
                return ticket
        self._held = False
        return None

    def _remember_deadline(self, ticket: LockTicket) -> None:
        heap = self._deadlines
        if len(heap) > _HEAP_SWEEP_MIN and len(heap) > 4 * len(self._waiting):
            heap[:] = [entry for entry in heap if entry[2]._state is _State.WAITING]
            heapq.heapify(heap)
        self._serial += 1
        heapq.heappush(heap, (ticket.deadline_s, self._serial, ticket))


class _Timer:
    """One thread for all time-outs of a queue, started when somebody first waits."""

    def __init__(self, queue: WriteQueue) -> None:
        self._queue = queue
        self._changed = threading.Condition()
        self._next_s: float | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    def watch(self, deadline_s: float) -> None:
        with self._changed:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="fauna-lock-timer", daemon=True)
                self._thread.start()
            if self._next_s is None or deadline_s < self._next_s:
                self._next_s = deadline_s
                self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                pause_s = None if self._next_s is None else self._next_s - self._queue._clock.monotonic_s()
                if pause_s is None or pause_s > 0:
                    self._changed.wait(pause_s)
                    continue
                self._next_s = None
            following = self._queue.expire()
            if following is not None:
                self.watch(following)
