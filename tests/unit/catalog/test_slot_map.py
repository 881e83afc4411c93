"""The slot map: even at first, changed by versions, written down and read again."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.catalog.slot_map import ONE_SHARD, SHARDS_MAX, SLOTS, SlotMap
from fauna.errors import SqlError, StartError


@pytest.mark.parametrize("shards", [1, 2, 4, 7, 1000, SHARDS_MAX])
def test_even(shards: int) -> None:
    slots = SlotMap.even(shards)
    sizes = Counter(slots.owners)
    assert len(slots.owners) == SLOTS and sorted(sizes) == list(range(shards))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    assert all(len(slots.owned_by(shard)) == 1 for shard in range(shards))


@pytest.mark.parametrize("shards", [-1, 0, SHARDS_MAX + 1])
def test_the_number_of_shards_is_bounded(shards: int) -> None:
    with pytest.raises(SqlError, match=f"from 1 to {SHARDS_MAX}"):
        SlotMap.even(shards)
    with pytest.raises(SqlError):
        ONE_SHARD.grown(shards)


def test_moved() -> None:
    before = SlotMap.even(2)
    after = before.grown(3).moved([*range(10, 20), SLOTS - 1], 2)
    assert before == SlotMap.even(2), "a map never changes"
    assert (after.version, after.shards) == (3, 3)
    assert after.owned_by(0) == (range(0, 10), range(20, 8192))
    assert after.owned_by(1) == (range(8192, SLOTS - 1),)
    assert after.owned_by(2) == (range(10, 20), range(SLOTS - 1, SLOTS))
    assert {slot for slot in range(SLOTS) if before.owners[slot] != after.owners[slot]} == {*range(10, 20), SLOTS - 1}


def test_moves_to_nowhere_and_of_nothing_are_refused() -> None:
    slots = SlotMap.even(4)
    for to in (-1, 4):
        with pytest.raises(SqlError, match="There is no shard"):
            slots.moved([1], to)
    for slot in (-1, SLOTS):
        with pytest.raises(SqlError, match="There is no slot"):
            slots.moved([slot], 1)
    with pytest.raises(SqlError, match="4 shards already"):
        slots.grown(3)


moves = st.lists(st.tuples(st.integers(0, SLOTS - 1), st.integers(0, 300), st.integers(0, 6)), max_size=5)


@given(shards=st.integers(7, SHARDS_MAX), moves=moves)
def test_json_round_trip(shards: int, moves: list[tuple[int, int, int]]) -> None:
    slots = SlotMap.even(shards)
    for first, count, to in moves:
        slots = slots.moved(range(first, min(first + count, SLOTS)), to)
    read = SlotMap.from_json(json.loads(json.dumps(slots.to_json())))
    assert read == slots and hash(read) == hash(slots)
    assert [slot for run, _ in slots.runs() for slot in run] == list(range(SLOTS))


def test_equal_by_owners_and_version() -> None:
    slots = SlotMap.even(2)
    assert slots == SlotMap.even(2) != SlotMap.even(3)
    assert slots.moved([0], 1) != slots
    assert slots.moved([], 1) != slots, "another version is another map"


@pytest.mark.parametrize(
    "damage",
    [
        {"runs": []},
        {"runs": [[1, 0]]},
        {"runs": [[0, 0], [0, 1]]},
        {"runs": [[0, 0], [9, 1], [5, 0]]},
        {"runs": [[0, 0], [SLOTS, 1]]},
        {"runs": [[0, 0], [5, 2]]},
        {"runs": [[0, -1]]},
        {"hash": 2},
        {"slots": 4096},
        {"shards": 0},
        {"shards": SHARDS_MAX + 1},
    ],
)
def test_a_damaged_map_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(StartError):
        SlotMap.from_json({**SlotMap.even(2).to_json(), **damage})
