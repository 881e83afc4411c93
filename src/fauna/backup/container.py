"""A backup file: a header, then chunks, each compressed and, if asked, encrypted.

    8 bytes  "FAUNABK1"
    4 bytes  length of the header, big-endian; the header, JSON
    chunks   1 byte: 1 for the last, else 0;  4 bytes: length, big-endian;  that many bytes

A chunk holds a Zstandard frame of at most `CHUNK_BYTES` of content; encrypted, its AES-256-GCM with the key of the file, the
nonce 12 bytes: the chunk's number, and as associated data: SHA-256 of all before the first chunk, number (8 bytes), last or not
(1 byte).  So no chunk can be altered, moved, left out or taken from another file, nor the end be cut off.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fauna.backup.problems import BackupError, Damaged
from fauna.backup.secrets import SALT_BYTES, Key
from fauna.directories import open_private

MAGIC: Final = b"FAUNABK1"
SUFFIX: Final = ".fbk"
TEMPORARY: Final = ".tmp"
CHUNK_BYTES: Final = 1 << 20
_STORED_MAX: Final = CHUNK_BYTES + (CHUNK_BYTES >> 7) + 1024
_HEADER_MAX: Final = 1 << 16
_LEVEL: Final = 3
_LENGTH: Final = struct.Struct(">I")
_CHUNK: Final = struct.Struct(">BI")
_PLACE: Final = struct.Struct(">QB")


class FileWriter:
    """Writes one file under a temporary name; `finish` gives it its own."""

    def __init__(self, path: Path, header: dict[str, Any], key: Key | None) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + TEMPORARY)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._cipher: AESGCM | None = None
        if key is not None:
            salt = os.urandom(SALT_BYTES)
            header = header | {"salt": salt.hex()}
            self._cipher = key.cipher(salt)
        encoded = json.dumps(header, sort_keys=True).encode()
        start = MAGIC + _LENGTH.pack(len(encoded)) + encoded
        self._binding = sha256(start).digest()
        self._hash = sha256()
        self._number = 0
        self._waiting = bytearray()
        self.size = 0
        self._file = open_private(self._temporary)
        self._put(start)

    def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._chunk(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> str:
        """On disk under its name, after `sync_directory`; its SHA-256."""
        self._chunk(bytes(self._waiting), last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Idempotent."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _chunk(self, content: bytes, *, last: bool) -> None:
        stored = self._compressor.compress(content)
        if self._cipher is not None:
            stored = self._cipher.encrypt(_nonce(self._number), stored, self._binding + _PLACE.pack(self._number, last))
        self._put(_CHUNK.pack(last, len(stored)))
        self._put(stored)
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)


class FileReader:
    """Reads one file from its beginning to its end.  Damaged, naming it, when it is not whole."""

    def __init__(self, path: Path, key: Key | None) -> None:
        self.path = path
        self._hash = sha256()
        self.size = 0
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            raise Damaged(f"'{path}' is missing") from None
        except OSError as failed:
            raise BackupError(f"cannot read '{path}': {failed.strerror}") from None
        try:
            self.header = self._read_header()
            self._cipher: AESGCM | None = None
            if "salt" in self.header:
                if key is None:
                    raise Damaged(f"'{path}' is encrypted, and its backup is not")
                self._cipher = key.cipher(bytes.fromhex(str(self.header["salt"])))
            elif key is not None:
                raise Damaged(f"'{path}' is not encrypted, and its backup is")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> FileReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Of what has been read so far."""
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The contents, in order."""
        decompressor = zstandard.ZstdDecompressor()
        number, last = 0, 0
        while not last:
            last, length = _CHUNK.unpack(self._take(_CHUNK.size))
            if last > 1 or length > _STORED_MAX:
                raise Damaged(f"'{self.path}' is damaged at byte {self.size - _CHUNK.size}: no chunk begins there")
            stored = self._take(length)
            if self._cipher is not None:
                try:
                    stored = self._cipher.decrypt(_nonce(number), stored, self._binding + _PLACE.pack(number, last))
                except InvalidTag:
                    raise Damaged(f"'{self.path}': chunk {number} has been altered or is in the wrong place") from None
            try:
                yield decompressor.decompress(stored, max_output_size=CHUNK_BYTES)
            except zstandard.ZstdError as failed:
                raise Damaged(f"'{self.path}': chunk {number} cannot be unpacked: {failed}") from None
            number += 1
        if self._file.read(1):
            raise Damaged(f"'{self.path}' goes on after its last chunk, at byte {self.size}")

    def _read_header(self) -> dict[str, Any]:
        magic = self._take(len(MAGIC))
        if magic != MAGIC:
            raise Damaged(f"'{self.path}' is no file of a backup: it begins with {magic!r}, {MAGIC!r} was expected")
        packed = self._take(_LENGTH.size)
        (length,) = _LENGTH.unpack(packed)
        if length > _HEADER_MAX:
            raise Damaged(f"'{self.path}' is damaged: its header has {length:,} bytes")
        encoded = self._take(length)
        self._binding = sha256(magic + packed + encoded).digest()
        try:
            header = json.loads(encoded)
            if "salt" in header:
                bytes.fromhex(header["salt"])
        except (ValueError, TypeError):
            header = None
        if not isinstance(header, dict):
            raise Damaged(f"'{self.path}' is damaged: its header is not what it was")
        return header

    def _take(self, length: int) -> bytes:
        data = self._file.read(length)
        self._hash.update(data)
        self.size += len(data)
        if len(data) < length:
            raise Damaged(f"'{self.path}' is cut off after {self.size:,} bytes")
        return data


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
