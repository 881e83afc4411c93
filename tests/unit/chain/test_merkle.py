"""Merkle trees: what is proved agrees with the definitions of RFC 9162, and nothing else is believed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha256

import pytest

from fauna.chain import merkle
from fauna.chain.merkle import (
    EMPTY_ROOT,
    GROUP,
    SUBTREE_LEVEL,
    Frontier,
    consistency_path,
    grouped,
    in_memory,
    includes,
    inclusion_path,
    is_consistent,
    leaf_hash,
    node_hash,
    root_at,
    root_of,
)

SMALL = 130
LARGE = [255, 256, 257, 511, 512, 513, 1000, 4096, 5000]
LEAVES = [leaf_hash(b"%d" % number) for number in range(max(LARGE))]


# ── the definitions, as the RFC writes them ──


def naive_root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


ROOTS = {size: naive_root(LEAVES[:size]) for size in [*range(SMALL + 1), *LARGE]}


# ── roots ──


def test_roots() -> None:
    frontier = Frontier()
    for size in range(SMALL + 1):
        subtree = in_memory(LEAVES[:size])
        assert root_of(LEAVES[:size]) == frontier.root() == root_at(size, subtree) == ROOTS[size]
        frontier.add(LEAVES[size])
    for size in LARGE:
        assert root_at(size, in_memory(LEAVES)) == ROOTS[size]


def test_known_vectors() -> None:
    """The tree of Certificate Transparency's own tests: eight leaves, the roots after each, and proofs."""
    data = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [leaf_hash(bytes.fromhex(each)) for each in data]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    assert [root_of(leaves[:size]).hex() for size in range(1, 9)] == roots
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [each.hex() for each in inclusion_path(5, 8, in_memory(leaves))] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in consistency_path(6, 8, in_memory(leaves))] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_a_frontier_goes_on_where_a_tree_ended_and_names_what_is_complete() -> None:
    stored: dict[tuple[int, int], bytes] = {}
    growing = Frontier()
    for number, leaf in enumerate(LEAVES[:1100]):
        for level, index, found in growing.grow(leaf):
            stored[level, index] = found
        if number in (0, 254, 255, 256, 1023, 1099):
            subtree = grouped(number + 1, lambda first, end: LEAVES[first:end], lambda level, index: stored[level, index])
            resumed = Frontier.of(number + 1, subtree)
            assert resumed.root() == growing.root() == root_of(LEAVES[: number + 1])
            resumed.add(LEAVES[number + 1])
            assert resumed.root() == root_of(LEAVES[: number + 2])
    assert sorted(stored) == [(8, 0), (8, 1), (8, 2), (8, 3), (9, 0), (9, 1), (10, 0)]
    assert all(found == root_of(LEAVES[index << level : index + 1 << level]) for (level, index), found in stored.items())


# ── inclusion ──


def test_inclusion_in_every_small_tree() -> None:
    for size in range(1, SMALL + 1):
        subtree = in_memory(LEAVES[:size])
        for index in range(size):
            path = inclusion_path(index, size, subtree)
            assert path == naive_path(index, LEAVES[:size])
            assert includes(LEAVES[index], index, size, path, ROOTS[size])


@pytest.mark.parametrize("size", LARGE)
def test_inclusion_in_large_trees(size: int) -> None:
    for index in random.Random(size).sample(range(size), 20):
        path = inclusion_path(index, size, in_memory(LEAVES))
        assert path == naive_path(index, LEAVES[:size])
        assert includes(LEAVES[index], index, size, path, ROOTS[size])


def test_another_leaf_place_size_or_root_is_not_included() -> None:
    for size in range(1, 34):
        for index in range(size):
            path = inclusion_path(index, size, in_memory(LEAVES))
            others = [each for each in range(size + 2) if each != index]
            assert not any(includes(LEAVES[index], other, size, path, ROOTS[size]) for other in others)
            assert not any(includes(LEAVES[other], index, size, path, ROOTS[size]) for other in others)
            assert not any(includes(LEAVES[index], index, size, path, ROOTS[other]) for other in range(40) if other != size)
    assert not includes(LEAVES[0], -1, 1, [], LEAVES[0])
    assert not includes(LEAVES[0], 0, 0, [], EMPTY_ROOT)


def test_an_inclusion_path_that_is_changed_anywhere_is_refused() -> None:
    for size in (2, 3, 7, 8, 13, 130):
        for index in range(0, size, 3):
            path = inclusion_path(index, size, in_memory(LEAVES))
            for changed in mutations(path):
                assert not includes(LEAVES[index], index, size, changed, ROOTS[size])


def mutations(path: Sequence[bytes]) -> list[list[bytes]]:
    """Each bit of it flipped, each hash left out, doubled, cut, swapped with the next; one more at either end."""
    changed: list[list[bytes]] = []
    for place, each in enumerate(path):
        for bit in range(256):
            flipped = (int.from_bytes(each) ^ 1 << bit).to_bytes(32)
            changed.append([*path[:place], flipped, *path[place + 1 :]])
        changed.append([*path[:place], *path[place + 1 :]])
        changed.append([*path[:place], each, *path[place:]])
        changed.append([*path[:place], each[:31], *path[place + 1 :]])
        changed.append([*path[:place], each + b"\x00", *path[place + 1 :]])
        if place + 1 < len(path):
            changed.append([*path[:place], path[place + 1], each, *path[place + 2 :]])
    changed += [[*path, bytes(32)], [bytes(32), *path], [*path, EMPTY_ROOT]]
    return changed


# ── consistency ──


def test_consistency_of_every_pair_of_small_trees() -> None:
    for second in range(SMALL + 1):
        subtree = in_memory(LEAVES[:second])
        for first in range(second + 1):
            path = consistency_path(first, second, subtree)
            if first:
                assert path == naive_subproof(first, LEAVES[:second], True)
            assert is_consistent(first, second, path, ROOTS[first], ROOTS[second])


@pytest.mark.parametrize("second", LARGE)
def test_consistency_of_large_trees(second: int) -> None:
    for first in [1, second // 2, second - 1, *random.Random(second).sample(range(1, second), 12)]:
        path = consistency_path(first, second, in_memory(LEAVES))
        assert path == naive_subproof(first, LEAVES[:second], True)
        assert is_consistent(first, second, path, root_of(LEAVES[:first]), ROOTS[second])


def test_trees_that_do_not_begin_alike_are_not_consistent() -> None:
    for second in range(1, 34):
        for first in range(second + 1):
            path = consistency_path(first, second, in_memory(LEAVES))
            for place in range(first):  # an earlier tree in which one leaf was another
                other = [*LEAVES[:place], leaf_hash(b"other"), *LEAVES[place + 1 : first]]
                assert not is_consistent(first, second, path, root_of(other), ROOTS[second])
            assert not any(
                is_consistent(other, second, path, ROOTS[first], ROOTS[second]) for other in range(40) if other != first
            )
            if first:  # every tree begins with the empty one
                assert not any(
                    is_consistent(first, second, path, ROOTS[first], ROOTS[other]) for other in range(40) if other != second
                )
    assert not is_consistent(3, 2, [], ROOTS[3], ROOTS[2])
    assert not is_consistent(-1, 2, [], ROOTS[0], ROOTS[2])


def test_a_consistency_path_that_is_changed_anywhere_is_refused() -> None:
    for first, second in [(1, 2), (2, 3), (3, 7), (4, 7), (6, 8), (7, 13), (64, 130), (100, 130), (5, 5), (0, 4)]:
        path = consistency_path(first, second, in_memory(LEAVES))
        for changed in mutations(path):
            assert not is_consistent(first, second, changed, ROOTS[first], ROOTS[second])
    assert not is_consistent(3, 7, [], ROOTS[3], ROOTS[7])


@pytest.mark.parametrize("call", [lambda: inclusion_path(3, 3, in_memory(LEAVES)), lambda: inclusion_path(-1, 3, in_memory(LEAVES)),
                                  lambda: consistency_path(4, 3, in_memory(LEAVES)), lambda: consistency_path(-1, 3, in_memory(LEAVES))])  # fmt: skip
def test_there_is_no_proof_of_what_is_not_there(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


# ── what a proof reads ──


def test_a_proof_in_a_long_chain_reads_two_groups_of_leaves() -> None:
    """A million leaves: those of a group are alike, so that a model of the tree has one subtree of each level."""
    size = 1_000_003
    same = leaf_hash(b"same")
    level_roots = [same]
    for _ in range(20):
        level_roots.append(node_hash(level_roots[-1], level_roots[-1]))
    read: list[int] = []
    asked: list[int] = []

    def leaves(first: int, end: int) -> list[bytes]:
        assert first % GROUP == 0 and end <= size
        read.append(end - first)
        return [same] * (end - first)

    def stored(level: int, index: int) -> bytes:
        assert level >= SUBTREE_LEVEL and index + 1 << level <= size
        asked.append(level)
        return level_roots[level]

    root = root_at(size, grouped(size, leaves, stored))
    for index in (0, 12_345, 524_287, 524_288, 999_935, 999_936, 1_000_002):
        read.clear()
        asked.clear()
        path = inclusion_path(index, size, grouped(size, leaves, stored))
        assert includes(same, index, size, path, root)
        assert sum(read) <= 2 * GROUP and len(asked) <= 40
    for first in (1, 255, 256, 257, 524_288, 777_777, 999_999, 1_000_002):
        first_root = root_at(first, grouped(first, leaves, stored))
        read.clear()
        asked.clear()
        path = consistency_path(first, size, grouped(size, leaves, stored))
        assert is_consistent(first, size, path, first_root, root)
        assert sum(read) <= 2 * GROUP and len(asked) <= 40
        assert len(path) <= merkle.PATH_MAX


def test_a_source_that_has_less_than_it_should_is_noticed() -> None:
    with pytest.raises(ValueError, match="3 hashes were asked for, 2 are there"):
        inclusion_path(0, 3, grouped(3, lambda first, end: LEAVES[:2], lambda level, index: b""))
