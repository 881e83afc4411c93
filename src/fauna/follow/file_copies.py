"""Copies of the shards' files, as the source gives them to those that begin to follow it.

A copy is made in the data directory, has no name there any more once it is whole, and is gone when it has been read or the
reader has gone: nothing is kept between two calls.  One at a time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, Protocol

import apsw
import zstandard

from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.connection import open_connection
from fauna.shard.engines.sqlite.copying import copy_pages, must_have_room
from fauna.shard.engines.sqlite.settings import EngineSettings

PART_BYTES: Final = 1 << 20
_PREFIX: Final = "follower-copy-"
_LEVEL: Final = 1


class CannotCopy(FaunaError):
    """The text says why."""


class Shard(Protocol):
    """What is copied of a shard."""

    number: int
    path: Path


class FileCopies:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._busy = threading.Lock()

    def make(self, shard: Shard, told: Callable[[int, int], None]) -> FileCopy:
        """A copy of the shard's file as it is now, which is to be closed.  CannotCopy: another one is not closed yet, there is no
        room, or the disk fails.  told: called often meanwhile, with the bytes that are done and all of them; it may raise."""
        if not self._busy.acquire(blocking=False):
            raise CannotCopy("another copy is being made or read: ask again when that is done")
        try:
            for left in self._directory.glob(f"{_PREFIX}*"):
                left.unlink(missing_ok=True)  # by a process that was killed
            return FileCopy(self._made(shard, told), self._busy.release)
        except (OSError, apsw.Error) as failed:
            self._busy.release()
            raise CannotCopy(f"shard {shard.number} cannot be copied: {failed}") from None
        except BaseException:
            self._busy.release()
            raise

    def _made(self, shard: Shard, told: Callable[[int, int], None]) -> IO[bytes]:
        must_have_room(shard.path, self._directory)
        path = self._directory / f"{_PREFIX}{shard.number}"
        handle = open_connection(shard.path, lambda connection: None, EngineSettings(), writer=False)
        try:
            handle.execute("BEGIN")  # so that all steps see one moment
            copy_pages(handle.connection, path, told)
            return path.open("rb")
        finally:
            handle.close()
            path.unlink(missing_ok=True)


class FileCopy:
    """A copied file, to be read once.  `close` may be called again."""

    def __init__(self, file: IO[bytes], closed: Callable[[], None]) -> None:
        self._file = file
        self._closed = closed
        self._lock = threading.Lock()

    def parts(self) -> Iterator[tuple[int, int, bytes, str]]:
        """Number, size of the file, content packed with zstd and "" for each part; after the last one how many there were, the
        size, b"" and the SHA-256 of the file."""
        compressor = zstandard.ZstdCompressor(level=_LEVEL)
        digest, number, size = sha256(), 0, os.fstat(self._file.fileno()).st_size
        try:
            while data := self._file.read(PART_BYTES):
                digest.update(data)
                yield number, size, compressor.compress(data), ""
                number += 1
            yield number, size, b"", digest.hexdigest()
        finally:
            self.close()

    def close(self) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self._closed()
