"""Copying a shard's file while it is written to, and what makes of the copy a file of another database directory.

A copy is as one read transaction sees the file; its rows and blocks are of one moment.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from fauna.catalog import store
from fauna.directories import open_private
from fauna.shard.engines.sqlite import prepared
from fauna.txn.definitions import NO_SCRIPT

_PAGES_AT_ONCE: Final = 1024
_FREE_BYTES_MIN: Final = 64 << 20


def must_have_room(path: Path, directory: Path) -> None:
    """OSError with what is missing, unless a copy of the file fits into the directory."""
    needed = path.stat().st_size + _FREE_BYTES_MIN
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise OSError(f"'{directory}' has {free >> 20:,} MiB free, {needed >> 20:,} MiB are needed")


def copy_pages(connection: apsw.Connection, copy: Path, told: Callable[[int, int], None]) -> None:
    """Copy what the open read transaction of the connection sees to a new file, which nobody else may read.

    told: is called often with the bytes that are done and all of them, and may raise.  apsw.Error when it cannot be read or
    written."""
    open_private(copy).close()
    target = apsw.Connection(str(copy))
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            target.execute(f"PRAGMA {pragma}")
        (size,) = connection.execute("PRAGMA page_size").fetchall()[0]
        assert isinstance(size, int)
        with target.backup("main", connection, "main") as pages:
            while not pages.done:
                pages.step(_PAGES_AT_ONCE)
                told((pages.page_count - pages.remaining) * size, pages.page_count * size)
    finally:
        target.close(True)


def leave_behind(copy: Path) -> int:
    """Drop what belongs to transactions and sessions of the moment when the file was copied; how many were prepared."""
    connection = apsw.Connection(str(copy))
    try:
        (count,) = connection.execute(f"SELECT count(*) FROM {prepared.TABLE}").fetchall()[0]
        connection.execute(f"DELETE FROM {prepared.TABLE}")
        for (name,) in connection.execute(store.FIND_LEFT_TEMPORARIES).fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        assert isinstance(count, int)
        return count
    finally:
        connection.close(True)


def complete(path: Path) -> None:
    """What no block has: how many definitions a shard has run, which is the same on all of them."""
    connection = apsw.Connection(str(path))
    try:
        connection.execute("INSERT OR REPLACE INTO definition_count VALUES (1, 0)")
        connection.execute("INSERT OR REPLACE INTO definition_script VALUES (1, ?)", (NO_SCRIPT,))
    finally:
        connection.close(True)
