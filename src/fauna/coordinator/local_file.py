"""The local coordinator's file: one SQLite connection, one writer at a time, one sync for each transaction."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.coordinator import local_rows
from fauna.coordinator.protocol import CoordinatorClosed, OutcomeUnknown
from fauna.directories import sync_directory
from fauna.errors import CONDITIONS, SqlError, StartError, error

_BUSY_TIMEOUT_MS: Final = 10_000


class LocalFile:
    """Whatever is read under the lock is durable: a writer keeps the lock until its sync is done.

    After a failure that leaves open what is on disk, nothing is read or written any more until the file is opened again.
    """

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        self._lock = threading.Lock()
        self._sync = sync
        self._failed = ""
        self._closed = False
        self._connection, self._wal = _open(path, sync)

    @contextmanager
    def locked(self) -> Iterator[apsw.Connection]:
        with self._lock:
            self._check()
            yield self._connection

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[apsw.Connection]:
        """All or nothing; on disk at the end.  A failure before the COMMIT, or a full disk, is nothing for certain."""
        with self.locked() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                self._commit(connection)
            except BaseException as failed:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(failed, apsw.Error):
                    raise _not_written(failed) from None
                raise
            if durable:
                self._sync_now()

    def _commit(self, connection: apsw.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except apsw.FullError:
            raise
        except apsw.Error as raised:
            # The log may hold the whole transaction already, for whoever opens it next.
            self._failed = str(raised)
            raise self._unknown() from None

    def _sync_now(self) -> None:
        try:
            self._sync(self._wal)
        except OSError as failed:
            self._failed = f'{failed.errno} "{failed.strerror}"'
            raise self._unknown() from None

    def _check(self) -> None:
        if self._failed:
            raise self._unknown()
        if self._closed:
            raise CoordinatorClosed("the coordinator is closed")

    def _unknown(self) -> OutcomeUnknown:
        errno, sqlstate, template = CONDITIONS["ERROR_DURING_COMMIT"]
        advice = "the coordinator's file could not be synced. Start the server again: it will find out what was committed"
        return OutcomeUnknown(errno, sqlstate, template.format(f"{self._failed}; {advice}"))

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close(True)
                os.close(self._wal)


def select(connection: apsw.Connection, sql: str, params: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    return connection.execute(sql, params).fetchall()


def _not_written(raised: apsw.Error) -> SqlError:
    return error("DISK_FULL" if isinstance(raised, apsw.FullError) else "UNKNOWN_ERROR", f"coordinator: {raised}")


def _open(path: Path, sync: Callable[[int], None]) -> tuple[apsw.Connection, int]:
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as raised:
        raise _cannot_open(path, raised) from None
    try:
        _prepare_file(connection, path)
        # Held open for good: SQLite keeps the same file until its last connection closes.
        wal = os.open(f"{path}-wal", os.O_RDWR | os.O_CLOEXEC)
    except (apsw.Error, UnicodeDecodeError) as raised:
        connection.close(True)
        raise _cannot_open(path, raised) from None
    except BaseException:
        connection.close(True)
        raise
    try:
        # A process that was killed may have left a record in the log that is not on disk.  It is acted upon from now on.
        sync(wal)
        sync_directory(path.parent)
    except OSError as failed:
        connection.close(True)
        os.close(wal)
        raise StartError(f"cannot sync '{path}': {failed.strerror}", "see to the disk") from None
    return connection, wal


def _prepare_file(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    with connection:
        for table, statement in local_rows.TABLES.items():
            if not connection.table_exists("main", table):
                connection.execute(statement)
        connection.execute("INSERT INTO coordinator_meta VALUES ('format', ?) ON CONFLICT DO NOTHING", (local_rows.FORMAT,))
        _check_format(connection, path)
        # Written in any case, so that there is a log to sync.
        connection.execute("REPLACE INTO coordinator_meta SELECT key, value FROM coordinator_meta")
    for table, what in local_rows.problems(connection):
        raise StartError(f"'{path}' was changed by somebody else: {table}: {what}",
                         "`faunadb verify` says more; restore the data directory from a backup")


def _check_format(connection: apsw.Connection, path: Path) -> None:
    version = connection.execute("SELECT value FROM coordinator_meta WHERE key = 'format'").get
    if version == 1:
        for table in (local_rows.ENTRIES, local_rows.LEASES, local_rows.DECISIONS):
            local_rows.renew(connection, table)
        connection.execute("UPDATE coordinator_meta SET value = ? WHERE key = 'format'", (local_rows.FORMAT,))
    elif version != local_rows.FORMAT:
        known = local_rows.FORMAT
        raise StartError(f"'{path}' was written by a newer version of FaunaDB (format {version}; this one knows {known})",
                         "install that version, or give another data directory")


def _cannot_open(path: Path, raised: apsw.Error | UnicodeDecodeError) -> StartError:
    if isinstance(raised, (apsw.NotADBError, apsw.CorruptError, UnicodeDecodeError)):
        return StartError(f"'{path}' is damaged or not a FaunaDB file: {raised}",
                          "restore it from a backup; it has not been changed")
    return StartError(f"cannot open '{path}': {raised}", "make the directory and the files in it writable")
