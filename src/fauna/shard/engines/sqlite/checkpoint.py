"""Moving the write-ahead log into the file, in a thread of its own.

Passive checkpoints wait for nobody and nobody waits for them.  When readers that never end have let the log grow large all the
same, the write lock is taken for the moment that it takes to start the log over.
"""

from __future__ import annotations

import threading

import apsw

from fauna.errors import SqlError
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.txn.locks import WriteQueue


class Checkpointer:
    def __init__(self, handle: Handle, queue: WriteQueue, settings: EngineSettings) -> None:
        self._connection = handle.connection
        self._connection.set_busy_timeout(0)
        self._queue = queue
        self._settings = settings
        self._wanted = threading.Event()
        self._stopping = False
        self._pages = 0
        self._done_pages = 0
        # What went wrong last, for whoever asks; a full disk passes, and the log holds everything meanwhile.
        self.failed: str = ""
        self._thread = threading.Thread(target=self._run, name="fauna-checkpointer", daemon=True)
        self._thread.start()

    def after_commit(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """SQLite's WAL hook: `pages` are in the log now."""
        if pages < self._pages:
            self._done_pages = 0
        self._pages = pages
        if pages - self._done_pages >= self._settings.checkpoint_pages:
            self._done_pages = pages
            self._wanted.set()
        return apsw.SQLITE_OK

    def close(self, *, last: bool) -> None:
        """Stop; with `last`, and everybody else gone, empty the log."""
        self._stopping = True
        self._wanted.set()
        self._thread.join()
        if last:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close(True)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            if self._pages >= self._settings.truncate_pages:
                self._start_over()

    def _start_over(self) -> None:
        ticket = self._queue.enqueue(10.0)
        try:
            ticket.wait()
        except SqlError:
            return
        try:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._queue.release()

    def _checkpoint(self, mode: int) -> None:
        try:
            self._connection.wal_checkpoint(mode=mode)
            self.failed = ""
        except apsw.BusyError:
            pass  # readers are still in the old part of the log: next time
        except apsw.Error as raised:
            self.failed = str(raised)
