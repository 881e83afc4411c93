"""Reading the blocks of a shard's file, on a connection that may be anybody's: a server's reader, or one of a file at rest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import apsw
import zstandard

from fauna.chain.encoding import Header, Malformed, block_hash, decode_header, split_payload
from fauna.shard.engines.sqlite.sealer import IN_PARTS, RAW, ZSTD

_PAYLOAD_BYTES_MAX: Final = 1 << 31
_HEADERS_AT_ONCE: Final = 512
_HEAD: Final = "SELECT header FROM fauna_blocks ORDER BY height DESC LIMIT 1"
_BLOCKS_AT_ONCE: Final = 32  # of at most a part each, and one change
_RANGE: Final = "SELECT height, header, payload FROM fauna_blocks WHERE height BETWEEN ?1 AND ?2 ORDER BY height LIMIT ?3"
_HEADERS: Final = "SELECT header FROM fauna_blocks WHERE height BETWEEN ?1 AND ?2 ORDER BY height"
HEADERS_OF: Final = "SELECT header FROM fauna_transactions JOIN fauna_blocks USING (height) WHERE gtrid = ?1"
"""Of the blocks whose transaction has that name."""
_COUNT_PARTS: Final = "SELECT count(*) FROM fauna_block_parts WHERE height = ?1"
_PARTS: Final = "SELECT payload FROM fauna_block_parts WHERE height = ?1 ORDER BY part"
_PART: Final = "SELECT part, payload FROM fauna_block_parts WHERE height = ?1 AND part >= ?2 ORDER BY part LIMIT 1"


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it is stored.  header: encoded; payload: with its codec byte."""

    height: int
    header: bytes
    payload: bytes

    def decoded(self) -> Header:
        return decode_header(self.header)

    @property
    def hash(self) -> bytes:
        return block_hash(self.header)


def unpacked(payload: bytes, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """The changes of a payload, or of a part of one, from how it is stored.  Malformed when that cannot be."""
    codec, data = payload[:1], payload[1:]
    if codec == RAW:
        return data
    if codec != ZSTD:
        raise Malformed(f"there is no way of packing {payload[:1].hex()!r}")
    try:
        found: bytes = decompressor.decompress(data, max_output_size=_PAYLOAD_BYTES_MAX)
    except zstandard.ZstdError as failed:
        raise Malformed(f"its changes cannot be unpacked: {failed}") from None
    return found


class BlockReader:
    """Each call reads what is committed when it is made, or what the connection's open transaction sees.  Only while `blocks` is
    being read is a transaction open that was not: whoever may be slow asks for one block after another.

    Nothing is held back: memory is bounded by the largest part of a block (about 1 MiB, or one change)."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._decompressor = zstandard.ZstdDecompressor()

    def head(self) -> Header | None:
        """Of the latest block; None: the chain is empty."""
        for (header,) in self._rows(_HEAD):
            return decode_header(header)
        return None

    def header(self, height: int) -> bytes | None:
        for (header,) in self._rows(_HEADERS, height, height):
            return bytes(header)
        return None

    def must_get_header(self, height: int) -> Header:
        """Malformed when there is no such block."""
        header = self.header(height)
        if header is None:
            raise Malformed(f"block {height} is missing")
        return decode_header(header)

    def must_get_block(self, height: int) -> Block:
        """Malformed when there is no such block."""
        for _, header, payload in self._rows(_RANGE, height, height, 1):
            return Block(height, bytes(header), bytes(payload))
        raise Malformed(f"block {height} is missing")

    def headers(self, first: int, last: int) -> Iterator[bytes]:
        """Encoded, of the blocks `first` to `last`, both included, as far as they are there."""
        while first <= last:
            found = [bytes(row[0]) for row in self._rows(_HEADERS, first, min(last, first + _HEADERS_AT_ONCE - 1))]
            yield from found
            first += _HEADERS_AT_ONCE

    def headers_of(self, gtrid: str) -> list[bytes]:
        """Encoded, of the blocks whose transaction has that name."""
        return [bytes(row[0]) for row in self._rows(HEADERS_OF, gtrid)]

    def blocks(self, first: int, last: int) -> Generator[Block, None, None]:
        """The blocks `first` to `last`, both included, in order, as far as they are there; who has had enough may stop.

        A few at a time, and no statement is left open between: one that is open keeps the connection at what it saw first, and
        nobody can say when a generator that was left is closed."""
        while first <= last:
            rows = self._rows(_RANGE, first, last, _BLOCKS_AT_ONCE)
            for height, header, payload in rows:
                yield Block(int(height), bytes(header), bytes(payload))
            if len(rows) < _BLOCKS_AT_ONCE:
                return
            first = int(rows[-1][0]) + 1

    def changes(self, block: Block) -> Iterator[bytes]:
        """The encoded changes of a block, in order.  Malformed when they cannot be read."""
        for piece in self.payloads(block.height, block.payload):
            yield from split_payload(piece)

    def payloads(self, height: int, payload: bytes) -> Iterator[bytes]:
        """The payload of a block, unpacked, in one piece or in as many as it is stored in; each has whole changes.  Malformed
        when they cannot be read."""
        if payload != IN_PARTS:
            yield self._unpacked(payload)
            return
        expected = 0
        while rows := self._rows(_PART, height, expected):
            part, packed = rows[0]
            if part != expected:
                raise Malformed(f"part {expected} of its changes is missing")
            expected += 1
            yield self._unpacked(bytes(packed))

    def height_at(self, time_us: int) -> int:
        """The height of the latest block that was committed at `time_us` or before; 0: none was."""
        head = self.head()
        if head is None or head.time_us <= time_us:
            return head.height if head is not None else 0
        low, high = 0, head.height
        while low < high:
            middle = (low + high + 1) // 2
            if self.must_get_header(middle).time_us <= time_us:
                low = middle
            else:
                high = middle - 1
        return low

    def stored(self, block: Block) -> Iterator[bytes]:
        """The payload as it is stored, each part with its codec byte."""
        if block.payload != IN_PARTS:
            yield block.payload
            return
        for (payload,) in self._connection.cursor().execute(_PARTS, (block.height,)):
            yield bytes(payload)

    def parts(self, block: Block) -> int:
        """How many parts `stored` gives."""
        return 1 if block.payload != IN_PARTS else int(self._rows(_COUNT_PARTS, block.height)[0][0])

    def close(self) -> None:
        """Close the connection, if it was this reader's own."""
        self._connection.close(True)

    def _unpacked(self, payload: bytes) -> bytes:
        return unpacked(payload, self._decompressor)

    def _rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self._connection.cursor().execute(sql, params).fetchall()
