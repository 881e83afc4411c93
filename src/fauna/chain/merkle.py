"""Merkle trees as in RFC 9162 §2.1 (SHA-256): leaves are hashed with a 0x00 before them, nodes with a 0x01.

A proof is made from the hashes of complete subtrees, which never change once they are complete:

    subtree(level, index)    the root over the leaves index * 2^level up to (index + 1) * 2^level, that one excluded

A store keeps those of `SUBTREE_LEVEL` and above; `grouped` computes the lower ones from the leaf hashes of one group, so a
proof reads at most two groups of 256 leaf hashes and a few dozen stored ones, however long the chain.

Leaves are counted from 0 here, as in the RFC; blocks from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""
HASH_BYTES: Final = 32
SUBTREE_LEVEL: Final = 8
"""From this level on the hashes of complete subtrees are stored: one for each 256 leaves, and half as many above."""
GROUP: Final = 1 << SUBTREE_LEVEL
PATH_MAX: Final = 64
"""No path is longer: heights are numbers of 63 bits, and a consistency proof has one hash more than the tree has levels."""
_GROUPS_KEPT: Final = 2

Subtree = Callable[[int, int], bytes]


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

    @classmethod
    def of(cls, size: int, subtree: Subtree) -> Frontier:
        """That of a tree which has `size` leaves already."""
        frontier = cls()
        frontier.size = size
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                frontier._peaks.append(subtree(level, (size >> level) - 1))
        return frontier

    def add(self, leaf: bytes) -> None:
        """leaf: the hash of the next leaf, as `leaf_hash` gives it."""
        size = self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            size >>= 1
        self._peaks.append(leaf)

    def grow(self, leaf: bytes, lowest: int = SUBTREE_LEVEL) -> list[tuple[int, int, bytes]]:
        """As `add`; returns the subtrees that the leaf has completed, from level `lowest` on: level, index, hash."""
        size, level = self.size, 0
        self.size = size + 1
        found: list[tuple[int, int, bytes]] = []
        while True:
            if level >= lowest:
                found.append((level, size, leaf))
            if not size & 1:
                break
            leaf = sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            size >>= 1
            level += 1
        self._peaks.append(leaf)
        return found

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


# ── where hashes come from ──


def in_memory(leaves: Sequence[bytes]) -> Subtree:
    """The subtrees over leaf hashes that are all at hand, each computed when it is asked for."""

    def subtree(level: int, index: int) -> bytes:
        return leaves[index] if level == 0 else root_of(leaves[index << level : index + 1 << level])

    return subtree


def grouped(size: int, leaves: Callable[[int, int], Sequence[bytes]], stored: Subtree) -> Subtree:
    """The subtrees of a tree with `size` leaves whose higher ones are stored.

    leaves   (first, end) -> the hashes of the leaves from `first` up to `end`, that one excluded
    stored   asked for levels from `SUBTREE_LEVEL` on

    Made for one proof: it keeps the groups of leaf hashes that it has read last.
    """
    groups: dict[int, list[Sequence[bytes]]] = {}

    def levels_of(group: int) -> list[Sequence[bytes]]:
        found = groups.get(group)
        if found is None:
            first, end = group * GROUP, min(size, (group + 1) * GROUP)
            below = leaves(first, end)
            if len(below) != end - first:
                raise ValueError(f"{end - first} hashes were asked for, {len(below)} are there")
            found = [below]
            while len(below) > 1:
                below = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
                found.append(below)
            if len(groups) >= _GROUPS_KEPT:
                del groups[next(iter(groups))]
            groups[group] = found
        return found

    def subtree(level: int, index: int) -> bytes:
        if level >= SUBTREE_LEVEL:
            return stored(level, index)
        above = SUBTREE_LEVEL - level
        return levels_of(index >> above)[level][index & (1 << above) - 1]

    return subtree


def root_at(size: int, subtree: Subtree) -> bytes:
    """The root over the first `size` leaves: MTH(D_size), RFC 9162 §2.1.1."""
    return Frontier.of(size, subtree).root()


# ── making proofs ──


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D_size), RFC 9162 §2.1.3.1: that the leaf is in the tree over the first `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, within = 0, index
    while size > 1:
        left = _left(size)
        if within < left:
            path.append(_range_root(start + left, size - left, subtree))
            size = left
        else:
            path.append(_range_root(start, left, subtree))
            start, within, size = start + left, within - left, size - left
    path.reverse()
    return path


def consistency_path(first: int, second: int, subtree: Subtree) -> list[bytes]:
    """PROOF(first, D_second), RFC 9162 §2.1.4.1: that the tree of `second` leaves begins with that of `first`.

    Empty for trees of one size, and for an empty first tree, with which every tree begins.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} cannot begin with one of {first}")
    path: list[bytes] = []
    if first == 0:
        return path
    start, whole = 0, True
    while first != second:
        left = _left(second)
        if first <= left:
            path.append(_range_root(start + left, second - left, subtree))
            second = left
        else:
            path.append(_range_root(start, left, subtree))
            start, first, second, whole = start + left, first - left, second - left, False
    if not whole:
        path.append(_range_root(start, first, subtree))
    path.reverse()
    return path


def _left(size: int) -> int:
    """How many of `size` leaves are in the left subtree: the largest power of two that is smaller."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(start: int, size: int, subtree: Subtree) -> bytes:
    """The root over leaves of which the first is where a subtree of at least `size` begins."""
    level = size.bit_length() - 1
    if size == 1 << level:
        return subtree(level, start >> level)
    left = 1 << level
    return node_hash(subtree(level, start >> level), _range_root(start + left, size - left, subtree))


# ── checking proofs ──


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf with this hash is number `index` of the `size` under `root`: RFC 9162 §2.1.3.2."""
    if not 0 <= index < size or any(len(each) != HASH_BYTES for each in path):
        return False
    number, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(each, found)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            found = node_hash(found, each)
        number >>= 1
        last >>= 1
    return last == 0 and found == root


def is_consistent(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether `path` proves that the tree of `second` leaves begins with that of `first`: RFC 9162 §2.1.4.2.

    The RFC leaves out two cases in which there is nothing to prove: one size, and nothing before.
    """
    if not 0 <= first <= second or any(len(each) != HASH_BYTES for each in path):
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    if not path:
        return False
    hashes = [first_root, *path] if first & first - 1 == 0 else path
    number, last = first - 1, second - 1
    while number & 1:
        number >>= 1
        last >>= 1
    found_first = found_second = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            found_first = node_hash(each, found_first)
            found_second = node_hash(each, found_second)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            found_second = node_hash(found_second, each)
        number >>= 1
        last >>= 1
    return last == 0 and found_first == first_root and found_second == second_root
