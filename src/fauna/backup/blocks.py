"""The blocks in a backup's files, as a stream.

    block    bytes header, then header.changes times: bytes change    (bytes: varint length, then so many; `chain.encoding`)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from fauna.backup.container import FileReader
from fauna.backup.manifest import BLOCKS, Element
from fauna.backup.problems import Damaged
from fauna.backup.secrets import Key
from fauna.chain.encoding import Header, Malformed, decode_header, read_varint, varint

_MEMORY_BYTES: Final = 8 << 20
_VARINT_BYTES: Final = 10
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """header: as it is encoded.  changes: gives the encoded changes each time it is called, until the next block is read."""

    encoded: bytes
    header: Header
    changes: Callable[[], Iterable[bytes]] = field(repr=False)


@contextmanager
def opened(directory: Path, element: Element, database: str, key: Key | None) -> Iterator[FileReader]:
    """A file of a backup, which is the one that the manifest names."""
    with FileReader(directory / element.file, key) as reader:
        found = tuple(reader.header.get(name) for name in ("database", "kind", "shard", "first", "last"))
        expected = (database, element.kind, element.shard, element.first, element.last)
        if found != expected:
            raise Damaged(f"'{reader.path}' is another file: it is {_named(found)}, {_named(expected)} was expected")
        yield reader


def check_whole(reader: FileReader, element: Element) -> None:
    """Once all chunks have been read: it is, byte by byte, what was written."""
    if reader.size != element.size or reader.sha256 != element.sha256:
        raise Damaged(
            f"'{reader.path}' has {reader.size:,} bytes with SHA-256 {reader.sha256}, {element.size:,} bytes with "
            f"{element.sha256} were expected"
        )


def _named(found: tuple[object, ...]) -> str:
    database, kind, shard, first, last = found
    what = "blocks" if kind == BLOCKS else "a copy with blocks"
    return f"{what} {first} to {last} of shard {shard} of database {database}"


def stored_blocks(reader: FileReader) -> Iterator[StoredBlock]:
    """The blocks of a file, in order.  Damaged, naming it, when they cannot be read."""
    stream = _Stream(reader.chunks())
    height = 0
    with tempfile.TemporaryFile() as spool:
        try:
            while not stream.at_end:
                encoded = stream.item()
                header = decode_header(encoded)
                height = header.height
                yield StoredBlock(encoded, header, _changes(stream, header.changes, spool))
        except Malformed as problem:
            raise Damaged(f"'{reader.path}' is damaged after block {height}: {problem}") from None


def _changes(stream: _Stream, count: int, spool: IO[bytes]) -> Callable[[], Iterable[bytes]]:
    found: list[bytes] = []
    size = 0
    for _ in range(count):
        change = stream.item()
        found.append(change)
        size += len(change)
        if size > _MEMORY_BYTES:
            break
    if len(found) == count:
        return lambda: found
    spool.seek(0)
    spool.truncate()
    for change in found:
        spool.write(varint(len(change)) + change)
    for _ in range(count - len(found)):
        change = stream.item()
        spool.write(varint(len(change)) + change)
    spool.flush()
    return lambda: _spooled(spool)


def _spooled(spool: IO[bytes]) -> Iterator[bytes]:
    """Each has a place of its own in the file: two may be read in turn."""
    stream = _Stream(_pieces(spool))
    while not stream.at_end:
        yield stream.item()


def _pieces(spool: IO[bytes]) -> Iterator[bytes]:
    at = 0
    while True:
        spool.seek(at)
        piece = spool.read(_PIECE_BYTES)
        if not piece:
            return
        at += len(piece)
        yield piece


class _Stream:
    """Items out of chunks whose bounds mean nothing."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._data = b""
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data) and not self._more(1)

    def item(self) -> bytes:
        """The next `bytes`.  Malformed when there is none."""
        if len(self._data) - self._at < _VARINT_BYTES:
            self._more(_VARINT_BYTES)
        length, at = read_varint(self._data, self._at)
        self._at = at
        end = at + length
        if end > len(self._data):
            if not self._more(length):
                raise Malformed(f"{length} bytes are announced, {len(self._data) - self._at} are there")
            end = self._at + length
        found = self._data[self._at : end]
        self._at = end
        return found

    def _more(self, wanted: int) -> bool:
        """Have so many bytes in hand; False: there are not so many."""
        parts = [self._data[self._at :]]
        size = len(parts[0])
        while size < wanted:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            size += len(chunk)
        self._data, self._at = b"".join(parts), 0
        return size >= wanted
