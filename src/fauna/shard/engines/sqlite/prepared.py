"""Two-phase commit's first phase on disk: one small file per prepared transaction, beside the shard's file.

A file appears complete or not at all (written aside, synced, renamed, directory synced).  It holds the changeset of a transaction
that may be committed later by whoever knows the gtrid, also after a crash.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fauna.directories import sync_directory
from fauna.errors import StartError, error

_SUFFIX: Final = ".changeset"
_MAGIC: Final = b"FAUNA2PC"
_TOKEN_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """token: names this very preparation; the shard remembers it in the commit, so that it is not applied twice.

    The gtrid would not do: a client may use it again once the first one is finished.
    """

    gtrid: str
    token: str
    changeset: bytes

    @staticmethod
    def new(gtrid: str, changeset: bytes) -> Prepared:
        return Prepared(gtrid, os.urandom(_TOKEN_BYTES).hex(), changeset)


class PreparedStore:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def all(self) -> list[Prepared]:
        """Half-written files, which nobody was told of, are removed."""
        if not self._directory.exists():
            return []
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink()
        return [self._read(path) for path in sorted(self._directory.glob("*" + _SUFFIX))]

    def put(self, prepared: Prepared) -> None:
        """On disk when this returns."""
        try:
            if not self._directory.exists():
                self._directory.mkdir(mode=0o700)
                sync_directory(self._directory.parent)
            path = self._path(prepared.gtrid)
            if path.exists():
                raise error("XAER_DUPID")
            aside = path.with_suffix(".tmp")
            name = prepared.gtrid.encode()
            body = _MAGIC + bytes.fromhex(prepared.token) + len(name).to_bytes(4, "big") + name + prepared.changeset
            with open(aside, "wb") as file:
                file.write(body + hashlib.sha256(body).digest())
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
            sync_directory(self._directory)
        except OSError as failed:
            raise error("DISK_FULL", failed.strerror) from None

    def get(self, gtrid: str) -> Prepared:
        path = self._path(gtrid)
        if not path.exists():
            raise error("XAER_NOTA")
        return self._read(path)

    def remove(self, gtrid: str) -> str:
        """Gone for good when this returns.  Its token, or "" when there was none."""
        path = self._path(gtrid)
        if not path.exists():
            return ""
        token = self._read(path).token
        path.unlink()
        sync_directory(self._directory)
        return token

    def _path(self, gtrid: str) -> Path:
        # A gtrid may hold anything; its digest is a safe file name.
        return self._directory / (hashlib.sha256(gtrid.encode()).hexdigest()[:40] + _SUFFIX)

    @staticmethod
    def _read(path: Path) -> Prepared:
        data = path.read_bytes()
        body, digest = data[:-32], data[-32:]
        if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
            raise StartError(f"prepared transaction '{path}' is damaged", "restore it from a backup")
        token_end = len(_MAGIC) + _TOKEN_BYTES
        start = token_end + 4
        end = start + int.from_bytes(body[token_end:start], "big")
        return Prepared(body[start:end].decode(), body[len(_MAGIC):token_end].hex(), body[end:])
