"""When waiting ends: one thread refuses the tickets of a lock table whose time is up (error 1205).

The heap keeps tickets that were granted long ago until their time comes; beyond a bound it is swept.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from fauna.clock import Clock

_HEAP_SWEEP_MIN: Final = 1024


class Waiting(Protocol):
    """A place in a queue.  `deadline_s` is on the clock's monotonic scale."""

    deadline_s: float

    @property
    def is_waiting(self) -> bool: ...


T = TypeVar("T", bound=Waiting)


class Deadlines(Generic[T]):
    """Calls `refuse(ticket)` once a ticket's time is up, outside of its own lock; `refuse` looks again whether it still waits."""

    def __init__(self, refuse: Callable[[T], None], clock: Clock, *, timer: bool = True) -> None:
        """With `timer` False nobody watches but `expire`: for tests with a clock of their own."""
        self._refuse = refuse
        self._clock = clock
        self._lock = threading.Lock()
        self._heap: list[tuple[float, int, T]] = []
        self._serial = 0
        self._sweep_at = _HEAP_SWEEP_MIN
        self._timer = _Timer(self.expire, clock) if timer else None

    def add(self, ticket: T) -> None:
        with self._lock:
            heap = self._heap
            if len(heap) >= self._sweep_at:
                heap[:] = [entry for entry in heap if entry[2].is_waiting]
                heapq.heapify(heap)
                self._sweep_at = max(_HEAP_SWEEP_MIN, 4 * len(heap))
            self._serial += 1
            heapq.heappush(heap, (ticket.deadline_s, self._serial, ticket))
        if self._timer is not None:
            self._timer.watch(ticket.deadline_s)

    def __len__(self) -> int:
        return len(self._heap)

    def expire(self) -> float | None:
        """Refuse every waiter whose time is up; returns when the next one's will be."""
        now = self._clock.monotonic_s()
        late: list[T] = []
        with self._lock:
            heap = self._heap
            while heap and (heap[0][0] <= now or not heap[0][2].is_waiting):
                ticket = heapq.heappop(heap)[2]
                if ticket.is_waiting:
                    late.append(ticket)
            following = heap[0][0] if heap else None
        for ticket in late:
            self._refuse(ticket)
        return following

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()


class _Timer:
    """The thread, started when somebody first waits."""

    def __init__(self, expire: Callable[[], float | None], clock: Clock) -> None:
        self._expire = expire
        self._clock = clock
        self._changed = threading.Condition()
        self._next_s: float | None = None
        self._runner: threading.Thread | None = None
        self._stopping = False

    def watch(self, deadline_s: float) -> None:
        with self._changed:
            if self._runner is None and not self._stopping:
                self._runner = threading.Thread(target=self._run, name="fauna-lock-timer", daemon=True)
                self._runner.start()
            if self._next_s is None or deadline_s < self._next_s:
                self._next_s = deadline_s
                self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._runner is not None and self._runner is not threading.current_thread():
            self._runner.join()

    def _run(self) -> None:
        while not self._stopping:
            if self._is_time():
                following = self._expire()
                if following is not None:
                    self.watch(following)

    def _is_time(self) -> bool:
        """Wait until something may have changed; True: a deadline has come."""
        with self._changed:
            if self._stopping:
                return False
            pause_s = None if self._next_s is None else self._next_s - self._clock.monotonic_s()
            if pause_s is None or pause_s > 0:
                self._changed.wait(pause_s)
                return False
            self._next_s = None
            return True
