"""The chain of an embedded shard, for proofs and checkpoints: implements `fauna.chain.source.ChainSource`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import apsw

from fauna.chain.encoding import Malformed, block_hash
from fauna.chain.merkle import SUBTREE_LEVEL, node_hash, root_of
from fauna.shard.engines.sqlite.blocks import BlockReader

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard


class SqliteChain:
    """Subtrees are computed when they are first asked for, and kept beside the row versions; nothing rests on them but the speed
    of proofs, whose roots are checked against what checkpoints say."""

    def __init__(self, shard: SqliteShard) -> None:
        self._shard = shard

    @property
    def shard(self) -> int:
        return self._shard.number

    def height(self) -> int:
        height = self._shard.height
        self._shard.sync()
        return height

    def header(self, height: int) -> bytes:
        with self._shard.reading() as connection:
            header = BlockReader(connection).header(height)
        if header is None:
            raise Malformed(f"block {height} of shard {self.shard} is missing")
        return header

    def changes(self, height: int) -> Sequence[bytes]:
        with self._shard.reading() as connection:
            reader = BlockReader(connection)
            for block in reader.blocks(height, height):
                return list(reader.changes(block))
        raise Malformed(f"block {height} of shard {self.shard} is missing")

    def hashes(self, first: int, last: int) -> Sequence[bytes]:
        with self._shard.reading() as connection:
            return _hashes(connection, self.shard, first, last)

    def subtree(self, level: int, index: int) -> bytes:
        kept = self._shard.versions.subtree(level, index)
        if kept is not None:
            return kept
        if level == SUBTREE_LEVEL:
            size = 1 << level
            found = root_of(self.hashes(index * size + 1, (index + 1) * size))
        else:
            found = node_hash(self.subtree(level - 1, 2 * index), self.subtree(level - 1, 2 * index + 1))
        self._shard.versions.keep_subtree(level, index, found)
        return found


def _hashes(connection: apsw.Connection, shard: int, first: int, last: int) -> list[bytes]:
    found = [block_hash(header) for header in BlockReader(connection).headers(first, last)]
    if len(found) != last - first + 1:
        raise Malformed(f"of the blocks {first} to {last} of shard {shard} only {len(found)} are there")
    return found
