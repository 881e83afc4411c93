"""Opening the files of a data directory to read them, whether a server has them open or not."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from fauna.shard.engines.sqlite.connection import Configure, Guard
from fauna.shard.engines.sqlite.data_directory import LOCK_FILE
from fauna.verification.findings import CannotVerify, Stop, Stopped, never

_BUSY_TIMEOUT_MS: Final = 10_000
_STEPS_BETWEEN_LOOKS: Final = 10_000  # of SQLite's virtual machine: about a millisecond
_CACHE_KIB: Final = 4 * 1024
_SHARD_FILE: Final = re.compile(r"shard-(\d+)\.db")


def log_of(path: Path) -> Path:
    """The write-ahead log of a file."""
    return Path(f"{path}-wal")


def shard_files(directory: Path) -> dict[int, Path]:
    """By shard.  CannotVerify when there is no database."""
    try:
        found = [(name, _SHARD_FILE.fullmatch(name)) for name in os.listdir(directory)]
    except OSError as problem:
        raise CannotVerify(f"'{directory}' cannot be read: {problem.strerror}") from None
    files = {int(match[1]): directory / name for name, match in found if match}
    if not files:
        raise CannotVerify(f"there is no database in '{directory}'")
    return files


@contextmanager
def kept_at_rest(directory: Path) -> Iterator[bool]:
    """Whether nobody has the directory open; then nobody opens it inside."""
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    except OSError as problem:
        raise CannotVerify(f"'{directory / LOCK_FILE}' cannot be read: {problem.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def open_to_read(path: Path, configure: Configure, *, at_rest: bool, stop: Stop = never) -> apsw.Connection:
    """A connection that changes nothing.  at_rest: nobody else has the file open, nor opens it: then SQLite makes no files
    beside it, unless there is a log to be read.  What reads on it ends with Stopped when `stop` says so."""
    log = log_of(path)
    alone = at_rest and not (log.exists() and log.stat().st_size)
    name = f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if alone else "")
    connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA temp_store = FILE")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        register(connection, configure)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
        if stop is not never:
            connection.set_progress_handler(partial(_look, stop), _STEPS_BETWEEN_LOOKS)
        return connection
    except BaseException:
        connection.close(True)
        raise


def _look(stop: Stop) -> bool:
    if stop():
        raise Stopped
    return False


def register(connection: apsw.Connection, configure: Configure) -> None:
    """What definitions may name: `configure`'s, and the engine's own."""
    guard = Guard()
    connection.create_scalar_function("fauna_tick", guard.tick, 0)
    connection.create_scalar_function("fauna_replaying", guard.is_replaying, 0)
    configure(connection)
