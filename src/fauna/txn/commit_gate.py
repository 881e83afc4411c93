"""Where commits and snapshots of a node with several shards meet: one at a time.

A commit becomes visible on shard after shard, a snapshot is taken of shard after shard; each does so with the gate in its hands,
and so a snapshot has all of a commit or nothing of it, and what was committed before another commit if it has that.  It is
held for moments: locks are taken, and rows written, before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fauna.session.result import MustMove


class CommitGate:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def commit(self) -> Iterator[None]:
        """What is committed inside becomes visible as one."""
        with self._lock:
            yield

    @contextmanager
    def snapshot(self, *, inline: bool) -> Iterator[None]:
        """Snapshots that are taken inside are of one moment.  MustMove when `inline` and somebody has the gate."""
        self._take(inline)
        try:
            yield
        finally:
            self._lock.release()

    @property
    def is_taken(self) -> bool:
        """Whether a commit is becoming visible just now."""
        return self._lock.locked()

    def pass_through(self, *, inline: bool) -> None:
        """Return when no commit is half visible: a statement that looks at one shard comes after what others have seen."""
        if self._lock.locked():
            self._take(inline)
            self._lock.release()

    def _take(self, inline: bool) -> None:
        if not self._lock.acquire(blocking=not inline):
            raise MustMove
