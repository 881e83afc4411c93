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
_RANGE: Final = "SELECT height, header, payload FROM fauna_blocks WHERE height BETWEEN ?1 AND ?2 ORDER BY height"
_HEADERS: Final = "SELECT header FROM fauna_blocks WHERE height BETWEEN ?1 AND ?2 ORDER BY height"
_PARTS: Final = "SELECT part, payload FROM fauna_block_parts WHERE height = ?1 ORDER BY part"


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


class BlockReader:
    """Each call reads what is committed when it is made, or what the connection's open transaction sees.

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

    def headers(self, first: int, last: int) -> Iterator[bytes]:
        """Encoded, of the blocks `first` to `last`, both included, as far as they are there."""
        while first <= last:
            found = [bytes(row[0]) for row in self._rows(_HEADERS, first, min(last, first + _HEADERS_AT_ONCE - 1))]
            yield from found
            first += _HEADERS_AT_ONCE

    def blocks(self, first: int, last: int) -> Generator[Block, None, None]:
        """The blocks `first` to `last`, both included, in order."""
        cursor = self._connection.cursor()
        for height, header, payload in cursor.execute(_RANGE, (first, last)):
            yield Block(int(height), bytes(header), bytes(payload))

    def changes(self, block: Block) -> Iterator[bytes]:
        """The encoded changes of a block, in order.  Malformed when they cannot be read."""
        for _, payload in self.pieces(block):
            yield from split_payload(payload)

    def pieces(self, block: Block) -> Iterator[tuple[int | None, bytes]]:
        """The changes as they are stored, but unpacked: the number of each part of a large block, and None for that of another.
        Malformed when they cannot be read."""
        if block.payload != IN_PARTS:
            yield None, self._unpacked(block.payload)
            return
        expected = 0
        for part, payload in self._connection.cursor().execute(_PARTS, (block.height,)):
            if part != expected:
                raise Malformed(f"part {expected} of its changes is missing")
            expected += 1
            yield expected - 1, self._unpacked(bytes(payload))

    def height_at(self, time_us: int) -> int:
        """The height of the latest block that was committed at `time_us` or before; 0: none was."""
        head = self.head()
        if head is None or head.time_us <= time_us:
            return head.height if head is not None else 0
        low, high = 0, head.height
        while low < high:
            middle = (low + high + 1) // 2
            header = self.header(middle)
            if header is None:
                raise Malformed(f"block {middle} is missing")
            if decode_header(header).time_us <= time_us:
                low = middle
            else:
                high = middle - 1
        return low

    def _unpacked(self, payload: bytes) -> bytes:
        codec, data = payload[:1], payload[1:]
        if codec == RAW:
            return data
        if codec != ZSTD:
            raise Malformed(f"there is no way of packing {payload[:1].hex()!r}")
        try:
            unpacked: bytes = self._decompressor.decompress(data, max_output_size=_PAYLOAD_BYTES_MAX)
        except zstandard.ZstdError as failed:
            raise Malformed(f"its changes cannot be unpacked: {failed}") from None
        return unpacked

    def _rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self._connection.cursor().execute(sql, params).fetchall()
