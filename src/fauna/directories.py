"""Directories and files as the disk has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def sync_directory(path: Path) -> None:
    """Put the names in a directory on disk: a file that was made or renamed is there after a crash only then."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_private(path: Path) -> IO[bytes]:
    """A new file that nobody else may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def remove_database(path: Path) -> None:
    """A file of SQLite's, with its log, if there is one: nobody has it open."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)
