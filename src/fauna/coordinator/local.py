"""The coordinator of a node that is alone: the file `coordinator.db` in its data directory, which it has for itself."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from fauna.clock import Clock, SystemClock
from fauna.coordinator import local_rows
from fauna.coordinator.local_decisions import LocalDecisions
from fauna.coordinator.local_file import LocalFile, select
from fauna.coordinator.protocol import Coordinator, Decision, DecisionTicket, Lease, Versioned

_LOG = logging.getLogger(__name__)

FILE_NAME = "coordinator.db"


class LocalCoordinator(Coordinator):
    """Epochs are on disk; who holds a lease is not, because all holders are in this process and end with it."""

    def __init__(
        self, directory: Path, *, clock: Clock | None = None, sync: Callable[[int], None] = os.fdatasync, threads: bool = True
    ) -> None:
        """threads: False: decisions are written by who waits for one, or by `write_decisions`."""
        self._clock = clock or SystemClock()
        self._file = LocalFile(directory / FILE_NAME, sync)
        self._decisions = LocalDecisions(self._file, threads=threads)
        self._lock = threading.Lock()  # of what follows
        self._leases: dict[str, tuple[Lease, float]] = {}  # with the time at which it ends
        self._watches: dict[str, list[Callable[[], None]]] = {}

    @staticmethod
    def is_there(directory: Path) -> bool:
        """Whether there has been one in this directory."""
        return (directory / FILE_NAME).exists()

    # ── values ──

    def read(self, name: str) -> Versioned | None:
        with self._file.locked() as connection:
            rows = select(connection, "SELECT value, version FROM entries WHERE name = ?", (name,))
        return Versioned(*rows[0]) if rows else None

    def _compare_and_set(self, name: str, version: int, value: bytes) -> Versioned | None:
        with self._file.transaction() as connection:
            rows = select(connection, "SELECT version FROM entries WHERE name = ?", (name,))
            if version != (rows[0][0] if rows else 0):
                return None
            local_rows.put(connection, local_rows.ENTRIES, name, version + 1, value)
        self._tell(name)
        return Versioned(value, version + 1)

    def watch(self, name: str, changed: Callable[[], None]) -> Callable[[], None]:
        with self._lock:
            self._watches.setdefault(name, []).append(changed)
        return lambda: self._unwatch(name, changed)

    def _unwatch(self, name: str, changed: Callable[[], None]) -> None:
        with self._lock:
            watching = self._watches.get(name, [])
            if changed in watching:
                watching.remove(changed)
            if not watching:
                self._watches.pop(name, None)

    def _tell(self, name: str) -> None:
        with self._lock:
            watching = tuple(self._watches.get(name, ()))
        for changed in watching:
            try:
                changed()
            except Exception:  # noqa: BLE001
                # The change has happened; the others still want to know.
                _LOG.exception("a watch of '%s' failed", name)

    # ── leases ──

    def _acquire_lease(self, name: str, holder: str, duration_s: float) -> Lease | None:
        with self._lock:
            current = self._living(name)
            if current is not None and current.holder != holder:
                return None
            with self._file.transaction() as connection:
                rows = select(connection, "SELECT epoch FROM leases WHERE name = ?", (name,))
                epoch = rows[0][0] + 1 if rows else 1
                local_rows.put(connection, local_rows.LEASES, name, epoch)
            lease = Lease(name, holder, epoch)
            self._leases[name] = (lease, self._clock.monotonic_s() + duration_s)
            return lease

    def _renew_lease(self, lease: Lease, duration_s: float) -> bool:
        with self._lock:
            if self._living(lease.name) != lease:
                return False
            self._leases[lease.name] = (lease, self._clock.monotonic_s() + duration_s)
            return True

    def release_lease(self, lease: Lease) -> None:
        with self._lock:
            if self._living(lease.name) == lease:
                del self._leases[lease.name]

    def lease(self, name: str) -> Lease | None:
        with self._lock:
            return self._living(name)

    def _living(self, name: str) -> Lease | None:
        lease, ends_s = self._leases.get(name, (None, 0.0))
        if lease is not None and self._clock.monotonic_s() >= ends_s:
            del self._leases[name]
            return None
        return lease

    # ── decisions ──

    def _decide(self, gtrid: str, decision: Decision) -> DecisionTicket:
        return self._decisions.decide(gtrid, decision)

    def decisions(self) -> Mapping[str, Decision]:
        return self._decisions.all()

    def write_decisions(self) -> None:
        """Every decision that was asked for is on disk on return, or has failed."""
        self._decisions.write_waiting()

    def forget(self, gtrid: str) -> None:
        self._decisions.forget(gtrid)

    def close(self) -> None:
        self._decisions.close()
        self._file.close()
