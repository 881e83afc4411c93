"""A block on its way from the source to the follower's shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard

from fauna.chain.encoding import Header, decode_header, split_payload
from fauna.shard.engines.sqlite.blocks import unpacked
from fauna.shard.engines.sqlite.sealer import IN_PARTS

Parts = Callable[[int, int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Block:
    """header: encoded; payload: with its codec byte, or IN_PARTS: then the inbox has it."""

    shard: int
    height: int
    time_us: int
    changes_count: int
    header: bytes
    payload: bytes

    @classmethod
    def of(cls, header: bytes, payload: bytes) -> Block:
        """Malformed when the header is none."""
        decoded: Header = decode_header(header)
        return cls(decoded.shard, decoded.height, decoded.time_us, decoded.changes, header, payload)

    @property
    def is_in_parts(self) -> bool:
        return self.payload == IN_PARTS

    def changes(self, parts: Parts) -> Iterator[bytes]:
        """The encoded changes.  Malformed when they cannot be read.  parts: of a shard and height, as the inbox gives them."""
        decompressor = zstandard.ZstdDecompressor()
        if not self.is_in_parts:
            yield from split_payload(unpacked(self.payload, decompressor))
            return
        for part in parts(self.shard, self.height):
            yield from split_payload(unpacked(part, decompressor))
