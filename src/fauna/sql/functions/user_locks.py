"""GET_LOCK's named locks: held by a connection, counted, across all sessions of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from fauna.errors import error

POLL_S: Final = 0.1  # how soon KILL is noticed
LOCKS_MAX: Final = 100_000


class LockRegistry:
    """Names are not case-sensitive.  Safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, tuple[int, int]] = {}  # name -> (connection, times)

    def acquire(self, name: str, connection_id: int, timeout_s: float, stopped: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout_s` (negative: for ever) for the lock."""
        key = name.lower()
        deadline = None if timeout_s < 0 else time.monotonic() + timeout_s
        with self._changed:
            while True:
                owner, times = self._held.get(key, (connection_id, 0))
                if owner == connection_id:
                    if times == 0 and len(self._held) >= LOCKS_MAX:
                        raise error("OUT_OF_RESOURCES", "too many locks of GET_LOCK()")
                    self._held[key] = (connection_id, times + 1)
                    return True
                left = POLL_S if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                if stopped is not None and stopped():
                    raise error("QUERY_INTERRUPTED")
                self._changed.wait(min(left, POLL_S))

    def release(self, name: str, connection_id: int) -> int | None:
        """1: released; 0: held by another; None: not held at all."""
        key = name.lower()
        with self._changed:
            found = self._held.get(key)
            if found is None:
                return None
            if found[0] != connection_id:
                return 0
            if found[1] > 1:
                self._held[key] = (connection_id, found[1] - 1)
            else:
                del self._held[key]
                self._changed.notify_all()
            return 1

    def release_all(self, connection_id: int) -> int:
        """Free every lock of a connection; called when it ends.  The number of times they had been taken."""
        with self._changed:
            mine = [(name, times) for name, (owner, times) in self._held.items() if owner == connection_id]
            for name, _ in mine:
                del self._held[name]
            if mine:
                self._changed.notify_all()
            return sum(times for _, times in mine)

    def owner(self, name: str) -> int | None:
        with self._changed:
            found = self._held.get(name.lower())
            return None if found is None else found[0]


LOCKS: Final = LockRegistry()
