"""Moving the write-ahead log into the file, in a thread of its own.

Passive checkpoints wait for nobody and nobody waits for them.  When they have copied all of the log, the next writer that
meets a moment without readers in it starts it over.  When there was no such moment and the log has grown large, the write
lock is taken and readers get a little while to leave the log; those that come then read the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import apsw

from fauna.errors import SqlError
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.group_commit import GroupCommit
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.txn.locks import LockTicket, WriteQueue

# How long readers are waited for, with the write lock held, when the log has grown large.
_READERS_LEAVE_MS: Final = 100
_LOCK_WAIT_S: Final = 60.0


class Checkpointer:
    def __init__(
        self, handle: Handle, queue: WriteQueue, group: GroupCommit, settings: EngineSettings, *, threads: bool = True
    ) -> None:
        """threads: False: only `checkpoint` moves anything."""
        self._connection = handle.connection
        self._queue = queue
        self._group = group
        self._settings = settings
        self._wanted = threading.Event()
        self._stopping = False
        # Makes the writing connection leave the log; called with the write lock held.
        self.rest: Callable[[], None] = lambda: None
        self._ticket: LockTicket | None = None
        self._pages = 0
        self._done_pages = 0
        self._start_over_at = settings.truncate_pages
        # What went wrong last, for whoever asks; a full disk passes, and the log holds everything meanwhile.
        self.failed: str = ""
        self._connection.set_busy_timeout(0)
        self._runner: threading.Thread | None = None
        if threads:
            self._runner = threading.Thread(target=self._run, name="fauna-checkpointer", daemon=True)
            self._runner.start()

    def log_has(self, pages: int) -> None:
        """A commit was made, `pages` are in the log now."""
        if pages < self._pages:  # it has been started over
            self._done_pages = 0
            self._start_over_at = self._settings.truncate_pages
        self._pages = pages
        if pages - self._done_pages >= self._settings.checkpoint_pages:
            self._done_pages = pages
            self._wanted.set()

    def close(self, *, last: bool) -> None:
        """Stop; with `last`, and everybody else gone, empty the log."""
        self._stopping = True
        self._wanted.set()
        if self._ticket is not None:
            self._ticket.interrupt()
        if self._runner is not None:
            self._runner.join()
        if last:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close(True)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            self.checkpoint()
            if self._pages >= self._start_over_at:
                self._start_over()

    def _start_over(self) -> None:
        # A reader that stays for long must not make everybody stop again and again.
        self._start_over_at = self._pages + self._settings.truncate_pages
        self._ticket = self._queue.enqueue(_LOCK_WAIT_S)
        if self._stopping:
            self._ticket.interrupt()
        try:
            self._ticket.wait()
        except SqlError:
            return
        try:
            self.rest()
            self._connection.set_busy_timeout(_READERS_LEAVE_MS)
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._connection.set_busy_timeout(0)
            self._queue.release()

    def checkpoint(self) -> None:
        """Move what nobody reads in the log any more."""
        self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        if self._group.failed:
            return  # what is in the log may not be what was committed
        try:
            self._connection.wal_checkpoint(mode=mode)
            self.failed = ""
        except apsw.BusyError:
            pass  # readers are still in the old part of the log: next time
        except apsw.Error as raised:
            self.failed = str(raised)
            if getattr(raised, "extendedresult", 0) == apsw.SQLITE_IOERR_FSYNC:
                self._group.fail(self.failed)
