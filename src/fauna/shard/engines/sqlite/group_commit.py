"""Group commit: one fdatasync of the write-ahead log covers every commit that waits for it.

A commit is in the log (not yet on disk) and visible when its ticket is made.  A thread that waits for a ticket does
the sync itself, for everybody, if nobody is at it; for a ticket that is waited for by callback (the event loop), the
committer thread does.
Log order is commit order, so whatever a commit was built on is on disk before it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from fauna.errors import FaunaError, error
from fauna.ticket import OneShot


class CommitTicket(OneShot):
    """Done when the commit is on disk."""

    __slots__ = ("_group",)

    def __init__(self, group: GroupCommit) -> None:
        super().__init__()
        self._group = group

    def wait(self, timeout_s: float | None = None) -> bool:
        if not self._done and not self._group.sync(timeout_s):
            return super().wait(0)
        return super().wait(timeout_s)

    def on_done(self, callback: Callable[[], None]) -> None:
        super().on_done(callback)
        if not self._done:
            self._group.wake()


class GroupCommit:
    """After a failed sync nobody knows what is on disk: the shard must refuse writes until it is opened again."""

    def __init__(self, wal: Path, sync: Callable[[int], None] = os.fdatasync, *, threads: bool = True) -> None:
        """threads: False: nobody syncs but who waits or calls `sync`."""
        self._sync = sync
        # Held open for good. SQLite keeps the same file until the last connection closes.
        self._descriptor = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
        self._pending: list[CommitTicket] = []
        self._syncing = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = False
        self._failed = ""
        self._runner: threading.Thread | None = None
        if threads:
            self._runner = threading.Thread(target=self._run, name="fauna-committer", daemon=True)
            self._runner.start()

    def ticket(self) -> CommitTicket:
        """For a commit that has just been made."""
        ticket = CommitTicket(self)
        self._pending.append(ticket)
        return ticket

    def wake(self) -> None:
        self._wanted.set()

    def sync(self, timeout_s: float | None = None) -> bool:
        """Everything committed before this call is on disk, or known not to be.  False: the time ran out."""
        if not self._syncing.acquire(timeout=-1 if timeout_s is None else max(timeout_s, 0)):
            return False
        try:
            # Tickets are appended without the lock: swapping the list first would lose one appended in between.
            batch = self._pending[:]
            if batch:
                self._sync_now()
                del self._pending[: len(batch)]
        finally:
            self._syncing.release()
        for ticket in batch:
            ticket.complete(self.failure())
        return True

    def must_sync(self) -> None:
        """Put the log as it is on disk; for those that rest on it without a commit of their own (prepare)."""
        with self._syncing:
            self._sync_now()
        self.check()

    def failure(self) -> FaunaError | None:
        """Made anew each time: an exception that is raised in many places gathers their traces."""
        if not self._failed:
            return None
        return error("ERROR_DURING_COMMIT", f"{self._failed}; the write-ahead log could not be synced, the last changes may be "
                     "lost. Writes are refused until the server is started again")

    def check(self) -> None:
        """Raise when a sync has failed."""
        if self._failed:
            failure = self.failure()
            assert failure is not None
            raise failure

    @property
    def failed(self) -> bool:
        return bool(self._failed)

    def close(self) -> None:
        self._stopping = True
        self._wanted.set()
        if self._runner is not None:
            self._runner.join()
        self.sync()
        os.close(self._descriptor)

    def _sync_now(self) -> None:
        if self._failed:
            return
        try:
            self._sync(self._descriptor)
        except OSError as failed:
            self.fail(f"{failed.errno} \"{failed.strerror}\"")

    def fail(self, reason: str) -> None:
        """A sync of the log failed, here or in a checkpoint: what the system had not written yet may be lost for good."""
        self._failed = reason

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait()
            self._wanted.clear()
            self.sync()
