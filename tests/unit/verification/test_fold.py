"""What ranges of blocks add up to is what the whole chain does."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from fauna.chain.encoding import (
    DELETE,
    INSERT,
    UPDATE,
    Header,
    block_hash,
    encode_change,
    encode_pruned,
    encode_reset,
    encode_row,
    encode_schema,
    genesis,
    text,
    varint,
)
from fauna.chain.merkle import Frontier, leaf_hash, root_of
from fauna.verification.fold import CURRENT, Fold, Forest, Hashes, P, Sums, add_rows, add_versions

Block = tuple[int, bytes, bytes, bytes]
Row = tuple[int, str]


def chain(dice: random.Random, blocks: int) -> tuple[list[Block], dict[int, Row], list[tuple[int | str, ...]]]:
    """Blocks over one table, the rows that are left, and all row versions."""
    made: list[Block] = []
    rows: dict[int, Row] = {}
    since: dict[int, int] = {}
    versions: list[tuple[int | str, ...]] = []
    previous, schema = genesis("d", 0), 0
    for height in range(1, blocks + 1):
        time_us = height * 10
        changes: list[bytes] = []
        if dice.random() < 0.1:
            changes.append(encode_schema("sqlite", "CREATE TABLE t2 (c0)"))
            schema = height
        if dice.random() < 0.1:
            changes.append(encode_reset("t1"))
            versions += [(*rows[key], since[key], time_us) for key in rows]
            rows.clear()
        for key in dice.sample(range(20), dice.randint(1, 5)):
            row = (key, dice.choice("abc"))
            if key not in rows:
                changes.append(encode_change(INSERT, text("t1"), key, b"", encode_row(row)))
            elif dice.random() < 0.5:
                changes.append(encode_change(UPDATE, text("t1"), key, encode_row(rows[key]), encode_row(row)))
                versions.append((*rows[key], since[key], time_us))
            else:
                changes.append(encode_change(DELETE, text("t1"), key, encode_row(rows[key]), b""))
                versions.append((*rows.pop(key), since.pop(key), time_us))
                continue
            rows[key], since[key] = row, time_us
        root = root_of([leaf_hash(change) for change in changes])
        header = Header(0, height, previous, root, len(changes), time_us, schema=schema).encode()
        previous = block_hash(header)
        made.append((height, header, previous, b"".join(varint(len(change)) + change for change in changes)))
    versions += [(*rows[key], since[key], CURRENT) for key in rows]
    return made, rows, versions


def folded(hashes: Hashes, blocks: Sequence[Block], before: Block | None = None) -> Fold:
    from fauna.chain.encoding import decode_header

    header = decode_header(before[1]) if before else None
    fold = Fold(hashes, 0, before[0] if before else 0, before[2] if before else genesis("d", 0),
                header.time_us if header else 0, header.schema if header else 0)  # fmt: skip
    for height, encoded, hash_, payload in blocks:
        fold.block(height, encoded, hash_, [payload], False)
    return fold


@pytest.mark.parametrize("seed", range(20))
def test_ranges_add_up(seed: int) -> None:
    dice = random.Random(seed)
    blocks, rows, versions = chain(dice, 60)
    hashes = Hashes(dice.randbytes(32))
    sums, forest, at = Sums(), Forest(), 0
    while at < len(blocks):
        end = min(at + dice.randint(1, 20), len(blocks))
        part = folded(hashes, blocks[at:end], blocks[at - 1] if at else None)
        assert part.problems == []
        sums.follow(part.tables[b"t1"].plain())
        for tree in part.forest.trees:
            forest.add(*tree)
        at = end
    assert (sums.alive, len(rows)) == add_rows(hashes, "t1", list(rows.values()))
    assert sums.versions == add_versions(hashes, "t1", versions)[0]
    frontier = Frontier()
    for _, _, hash_, _ in blocks:
        frontier.add(hash_)
    assert forest.root() == frontier.root()


def test_what_is_not_right_is_told() -> None:
    dice = random.Random(1)
    blocks, _, _ = chain(dice, 10)
    hashes = Hashes(b"k" * 32)
    said = folded(hashes, [*blocks[:4], *blocks[5:]]).problems
    assert said[0] == (5, "", "block 5 is missing")
    height, header, hash_, payload = blocks[3]
    assert "not those" in folded(hashes, [*blocks[:3], (height, header, hash_, payload[:-1] + b"z")]).problems[0][2]
    assert (
        "not the one that it was sealed with"
        in folded(hashes, [*blocks[:3], (height, header, b"?" * 32, payload)]).problems[0][2]
    )
    assert "cannot be read" in folded(hashes, [*blocks[:3], (height, header[:-1], hash_, payload)]).problems[0][2]
    assert "ends too early" in folded(hashes, [*blocks[:3], (height, header, hash_, b"\x01\x01")]).problems[0][2]


def test_pruned_changes_keep_the_root() -> None:
    changes = [encode_change(INSERT, text("t1"), key, b"", encode_row((key, "a"))) for key in range(5)]
    leaves = [leaf_hash(change) for change in changes]
    header = Header(0, 1, genesis("d", 0), root_of(leaves), 5, 1).encode()
    stored = [*changes[:2], *[encode_pruned(text("t1"), leaf) for leaf in leaves[2:]]]
    payload = b"".join(varint(len(change)) + change for change in stored)
    fold = folded(Hashes(b"k" * 32), [(1, header, block_hash(header), payload)])
    assert fold.problems == []
    sums = fold.tables[b"t1"].plain()
    assert (sums.pruned, sums.pruned_all, sums.pruned_height, sums.whole_height) == (3, 3, 1, 1)


def test_rows_that_only_change_places_add_up_and_others_do_not() -> None:
    hashes = Hashes(b"k" * 32)
    rows = [(i, str(i)) for i in range(50)]
    total = add_rows(hashes, "t1", rows)
    assert add_rows(hashes, "t1", rows[::-1]) == total
    assert add_rows(hashes, "t2", rows) != total
    assert add_rows(hashes, "t1", [*rows[1:], rows[1]]) != total
    assert add_rows(Hashes(b"l" * 32), "t1", rows) != total
    assert 0 <= total[0] < P
