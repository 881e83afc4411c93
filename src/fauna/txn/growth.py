"""Waiting for further blocks: tickets that are done when something has been committed, or when their time is up."""

from __future__ import annotations

import threading
from typing import Final

from fauna.clock import Clock, SystemClock
from fauna.errors import error
from fauna.ticket import OneShot
from fauna.txn.deadlines import Deadlines

_SWEEP_FROM: Final = 1024


class News(OneShot):
    """Done when something has been committed since it was asked for, or at `deadline_s`; error 1317 when it was interrupted."""

    __slots__ = ("deadline_s",)

    def __init__(self, deadline_s: float) -> None:
        super().__init__()
        self.deadline_s = deadline_s

    @property
    def is_waiting(self) -> bool:
        return not self.done()

    def interrupt(self) -> None:
        self.complete(error("QUERY_INTERRUPTED"))


class Growth:
    """Any thread may call."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Final = clock if clock is not None else SystemClock()
        self._lock = threading.Lock()
        self._waiting: list[News] = []
        self._sweep_at = _SWEEP_FROM
        self._closed = False
        self._deadlines: Deadlines[News] = Deadlines(News.complete, self._clock)

    def now_s(self) -> float:
        return self._clock.monotonic_s()

    def news(self, deadline_s: float) -> News:
        """A ticket for what is committed from now on: ask for it first, then look, then wait."""
        ticket = News(deadline_s)
        with self._lock:
            if self._closed:
                ticket.complete()
                return ticket
            if len(self._waiting) >= self._sweep_at:
                self._waiting = [each for each in self._waiting if each.is_waiting]
                self._sweep_at = max(_SWEEP_FROM, 2 * len(self._waiting))
            self._waiting.append(ticket)
        self._deadlines.add(ticket)
        return ticket

    def happened(self) -> None:
        """Something has been committed."""
        if not self._waiting:
            return  # who asks from now on looks after that
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            ticket.complete()

    @property
    def is_over(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nobody waits any more.  Idempotent."""
        with self._lock:
            self._closed = True
        self.happened()
        self._deadlines.close()
