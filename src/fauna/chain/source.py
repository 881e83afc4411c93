"""Where proofs and checkpoints read a chain: what a store must offer, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fauna.chain.merkle import Subtree, grouped


class ChainSource(Protocol):
    """The chain of one shard.  Safe to use from any thread; blocks are only ever added, so what was read stays true.

    Heights count from 1.  Callers ask for no block above `height()`.
    """

    @property
    def shard(self) -> int: ...

    def height(self) -> int:
        """How many blocks there are that every reader may see and that are on disk."""
        ...

    def header(self, height: int) -> bytes:
        """The encoded header of a block."""
        ...

    def changes(self, height: int) -> Sequence[bytes]:
        """The encoded changes of a block, in order; of those that retention has removed, PRUNED with the leaf hash."""
        ...

    def hashes(self, first: int, last: int) -> Sequence[bytes]:
        """The hashes of blocks `first` to `last`, both included.  At most 256 are asked for at once."""
        ...

    def subtree(self, level: int, index: int) -> bytes:
        """The root over the complete subtree `index` of `level`, 8 or more: over the hashes of the blocks
        index * 2^level + 1 to (index + 1) * 2^level.  Only complete ones are asked for."""
        ...


def subtrees(source: ChainSource, size: int) -> Subtree:
    """The subtrees of the tree over the first `size` blocks, for one proof."""
    return grouped(size, lambda first, end: source.hashes(first + 1, end), source.subtree)
