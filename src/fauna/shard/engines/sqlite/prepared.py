"""Two-phase commit's first phase on disk: one small file per prepared transaction, beside the shard's file.

A file appears complete or not at all (written aside, synced, renamed, directory synced).  It holds the changeset of a transaction
that may be committed later by whoever knows the gtrid, also after a crash.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from fauna.errors import error

_SUFFIX: Final = ".changeset"
_MAGIC: Final = b"FAUNA2PC"


class PreparedStore:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def gtrids(self) -> list[str]:
        """All that are stored, sorted.  Half-written files are removed."""
        if not self._directory.exists():
            return []
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink()
        return sorted(self._read(path)[0] for path in self._directory.glob("*" + _SUFFIX))

    def put(self, gtrid: str, changeset: bytes) -> None:
        """On disk when this returns."""
        try:
            if not self._directory.exists():
                self._directory.mkdir(mode=0o700)
                _sync_directory(self._directory.parent)
            path = self._path(gtrid)
            if path.exists():
                raise error("XAER_DUPID")
            aside = path.with_suffix(".tmp")
            name = gtrid.encode()
            body = _MAGIC + len(name).to_bytes(4, "big") + name + changeset
            with open(aside, "wb") as file:
                file.write(body + hashlib.sha256(body).digest())
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
            _sync_directory(self._directory)
        except OSError as failed:
            raise error("DISK_FULL", failed.strerror) from None

    def changeset(self, gtrid: str) -> bytes:
        path = self._path(gtrid)
        if not path.exists():
            raise error("XAER_NOTA")
        return self._read(path)[1]

    def remove(self, gtrid: str) -> None:
        path = self._path(gtrid)
        if path.exists():
            path.unlink()
            _sync_directory(self._directory)

    def _path(self, gtrid: str) -> Path:
        # A gtrid may hold anything; its digest is a safe file name.
        return self._directory / (hashlib.sha256(gtrid.encode()).hexdigest()[:40] + _SUFFIX)

    @staticmethod
    def _read(path: Path) -> tuple[str, bytes]:
        data = path.read_bytes()
        body, digest = data[:-32], data[-32:]
        if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
            raise error("UNKNOWN_ERROR", f"prepared transaction '{path.name}' is damaged")
        start = len(_MAGIC) + 4
        end = start + int.from_bytes(body[len(_MAGIC):start], "big")
        return body[start:end].decode(), body[end:]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
