"""The data directory: one process at a time, never half opened, never a newer format by mistake."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

import apsw

from fauna.directories import remove_database
from fauna.errors import StartError
from fauna.shard.engines.sqlite import prepared, sealer

FORMAT_VERSION: Final = 2
"""2: commits are sealed.  A file of format 1 has rows that no block has."""
LOCK_FILE: Final = "LOCK"
FOLLOWER_FILE: Final = "follower.db"
"""That it is there makes a directory a follower's: see `fauna.follow.inbox`."""
CREATE_META: Final = "CREATE TABLE IF NOT EXISTS fauna_meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID"
ENGINE_TABLES: Final = (CREATE_META, prepared.CREATE, *sealer.CREATE)
"""The engine's own tables."""


class DataDirectory:
    """An open data directory.  `LOCK` holds the pid of the process that has it, which also holds an flock on it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        _make(self.path)
        self._descriptor = _lock(self.path)

    def shard_file(self, number: int) -> Path:
        return self.path / f"shard-{number}.db"

    def remove_shard_file(self, number: int) -> None:
        """The shard's file, with its log, if there is one: it must not be open."""
        remove_database(self.shard_file(number))

    def shard_files(self) -> int:
        """How many there are, without a gap."""
        number = 0
        while self.shard_file(number).exists():
            number += 1
        return number

    def close(self) -> None:
        """Let others open the directory.  Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise StartError(f"'{path}' is not a directory", "give another data directory") from None
    except OSError as failed:
        raise StartError(f"cannot create data directory '{path}': {failed.strerror}",
                         "create it and make it writable, or give another one") from None


def _lock(path: Path) -> int:
    """The descriptor that holds the lock.  Opening it for writing also shows that the directory is writable."""
    try:
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as failed:
        raise StartError(f"cannot write to data directory '{path}': {failed.strerror}",
                         "make the directory and the files in it writable for this user") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        verifying = _is_shared(descriptor)
        os.close(descriptor)
        if verifying:
            raise StartError(f"data directory '{path}' is being verified", "wait until that is done") from None
        raise StartError(f"data directory '{path}' is in use by process {pid}",
                         "stop that process, or give another data directory") from None
    with contextlib.suppress(OSError):  # a full disk: the lock is held, only its owner's name is missing
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return descriptor


def _is_shared(descriptor: int) -> bool:
    """Whether those who hold the lock share it: `faunadb verify` does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_format(connection: apsw.Connection, path: Path) -> None:
    """Create the engine's own tables in a new file; refuse one of another format, and leave it as it is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _check_version(connection, path)
        for statement in ENGINE_TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO fauna_meta VALUES ('format', ?) ON CONFLICT DO NOTHING", (FORMAT_VERSION,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_version(connection: apsw.Connection, path: Path) -> None:
    if not connection.table_exists("main", "fauna_meta"):
        return  # it is new
    version = connection.execute("SELECT value FROM fauna_meta WHERE key = 'format'").get
    if version == FORMAT_VERSION or version is None:
        return
    written = f"'{path}' was written by {{}} version of FaunaDB (format {version}; this one knows {FORMAT_VERSION})"
    if isinstance(version, int) and version < FORMAT_VERSION:
        raise StartError(written.format("an older"), "start that version, dump with mariadb-dump, and load the dump here")
    raise StartError(written.format("a newer"), "install that version, or give another data directory")
