"""A cut through the chains of all shards: the blocks up to one moment that no earlier commit can join any more.

What is given to others is always such a cut.  It is durable, for nobody is to have what a crash could take from the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fauna.chain.encoding import block_hash, decode_header, genesis
from fauna.shard.engines.sqlite.blocks import BlockReader

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard
    from fauna.txn.past import Past


@dataclass(frozen=True, slots=True)
class Head:
    """The latest block of a shard within a cut.  height 0: it has none, and hash is what the first one has before it."""

    shard: int
    height: int
    hash: bytes
    time_us: int


@dataclass(frozen=True, slots=True)
class Cut:
    """time_us: everything that was, or is yet to be, committed up to then is in it, and nothing else."""

    time_us: int
    heads: tuple[Head, ...]

    @property
    def latest_us(self) -> int:
        """Of the latest block."""
        return max([head.time_us for head in self.heads], default=0)


class Cuts:
    """Any thread may ask; it may wait for a commit that is becoming visible, and for the disk."""

    def __init__(self, database: str, shards: Callable[[], Sequence[SqliteShard]], past: Past) -> None:
        self._database = database
        self._shards = shards
        self._past = past

    def now(self) -> Cut:
        """The latest one.  Error 1180 when a shard does not know what is on disk."""
        time_us = self._past.now_us()
        self._past.settle(time_us)
        shards = tuple(self._shards())  # after the time: what is older may speak of a shard that was new then
        for shard in shards:
            shard.sync_pending()
        return Cut(time_us, tuple([self._head(shard, time_us) for shard in shards]))

    def _head(self, shard: SqliteShard, time_us: int) -> Head:
        with shard.reading() as connection:
            reader = BlockReader(connection)
            height = reader.height_at(time_us)
            encoded = reader.header(height) if height else None
        if encoded is None:
            return Head(shard.number, 0, genesis(self._database, shard.number), 0)
        return Head(shard.number, height, block_hash(encoded), decode_header(encoded).time_us)
