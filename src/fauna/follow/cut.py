"""A cut through the chains of all shards: the blocks up to one moment that no earlier commit can join any more.

What is given to others is always such a cut.  It is durable, for nobody is to have what a crash could take from the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fauna.chain.encoding import block_hash, decode_header, genesis
from fauna.clock import HybridClock
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.txn.commit_gate import CommitGate

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard


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

    def __init__(
        self,
        database: str,
        shards: Callable[[], Sequence[SqliteShard]],
        clock: HybridClock,
        gate: Callable[[], CommitGate | None],
    ) -> None:
        self._database = database
        self._shards = shards
        self._clock = clock
        self._gate = gate
        self.known_us: Callable[[], int] | None = None
        """Of a follower: up to when it has all that its source has."""

    def now(self) -> Cut:
        """The latest one.  Error 1180 when a shard does not know what is on disk."""
        time_us = self.known_us() if self.known_us is not None else self._settled()
        shards = tuple(self._shards())  # after the time: what is older may speak of a shard that was new then
        for shard in shards:
            shard.settle()
        return Cut(time_us, tuple([self._head(shard, time_us) for shard in shards]))

    def _settled(self) -> int:
        time_us = self._clock.now_us()
        self._clock.observe(time_us)
        gate = self._gate()
        if gate is not None:
            gate.pass_through(inline=False)
        for shard in self._shards():
            with shard.writer.showing:
                pass  # whoever has an earlier time is visible now
        return time_us

    def _head(self, shard: SqliteShard, time_us: int) -> Head:
        with shard.reading() as connection:
            reader = BlockReader(connection)
            height = reader.height_at(time_us)
            encoded = reader.header(height) if height else None
        if encoded is None:
            return Head(shard.number, 0, genesis(self._database, shard.number), 0)
        return Head(shard.number, height, block_hash(encoded), decode_header(encoded).time_us)
