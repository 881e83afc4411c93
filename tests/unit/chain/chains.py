"""Chains in lists, made with the functions of `encoding`: what the proofs are tried on."""

from __future__ import annotations

from collections.abc import Sequence

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    UPDATE,
    Header,
    block_hash,
    encode_change,
    encode_pruned,
    encode_row,
    genesis,
    text,
)
from fauna.chain.merkle import GROUP, SUBTREE_LEVEL, Frontier, leaf_hash, root_of
from fauna.chain.proof import change_leaf

DATABASE = "00112233445566778899aabbccddeeff"
START_US = 1_790_000_000_000_000
Row = Sequence[Stored]


def insert(table: str, key: int, after: Row) -> bytes:
    return encode_change(INSERT, text(table), key, b"", encode_row(after))


def update(table: str, key: int, before: Row, after: Row) -> bytes:
    return encode_change(UPDATE, text(table), key, encode_row(before), encode_row(after))


def delete(table: str, key: int, before: Row) -> bytes:
    return encode_change(DELETE, text(table), key, encode_row(before), b"")


class ListChain:
    """A ChainSource whose blocks are in memory."""

    def __init__(self, shard: int = 0, database: str = DATABASE) -> None:
        self._shard = shard
        self._headers: list[bytes] = []
        self._changes: list[list[bytes]] = []
        self._hashes: list[bytes] = []
        self._subtrees: dict[tuple[int, int], bytes] = {}
        self._frontier = Frontier()
        self._genesis = genesis(database, shard)

    def seal(self, *changes: bytes, user: str = "root@localhost", gtrid: str = "", shards: tuple[int, ...] = ()) -> int:
        """A block of these changes; its height."""
        height = len(self._headers) + 1
        previous = self._hashes[-1] if self._hashes else self._genesis
        root = root_of([leaf_hash(each) for each in changes])
        header = Header(self._shard, height, previous, root, len(changes), START_US + height, gtrid, shards, user, 1, 1).encode()
        self._headers.append(header)
        self._changes.append(list(changes))
        self._hashes.append(block_hash(header))
        for level, index, found in self._frontier.grow(self._hashes[-1]):
            self._subtrees[level, index] = found
        return height

    def fill(self, blocks: int) -> ListChain:
        """So many further blocks of one INSERT each."""
        for _ in range(blocks):
            key = len(self._headers) + 1
            self.seal(insert("t1", key, (key, f"row {key}")))
        return self

    def prune(self, height: int, index: int) -> None:
        """As retention leaves a change: its leaf hash alone."""
        changes = self._changes[height - 1]
        changes[index] = encode_pruned(text("t1"), change_leaf(changes[index]))

    # ── ChainSource ──

    @property
    def shard(self) -> int:
        return self._shard

    def height(self) -> int:
        return len(self._headers)

    def header(self, height: int) -> bytes:
        return self._headers[height - 1]

    def changes(self, height: int) -> Sequence[bytes]:
        return self._changes[height - 1]

    def hashes(self, first: int, last: int) -> Sequence[bytes]:
        assert 1 <= first <= last <= len(self._hashes)
        assert last - first < GROUP
        return self._hashes[first - 1 : last]

    def subtree(self, level: int, index: int) -> bytes:
        assert level >= SUBTREE_LEVEL
        return self._subtrees[level, index]
