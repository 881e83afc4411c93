"""Merkle trees as in RFC 9162 §2.1 (SHA-256): leaves are hashed with a 0x00 before them, nodes with a 0x01."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: enough to know its root after each leaf, in space that grows with its height."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # the roots of the complete subtrees, largest first: one for each 1 in `size`

    def add(self, leaf: bytes) -> None:
        """leaf: the hash of the next leaf, as `leaf_hash` gives it."""
        size = self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            size >>= 1
        self._peaks.append(leaf)

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = sha256(b"\x01" + peak + root).digest()
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()
