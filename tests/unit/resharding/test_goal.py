"""Which slots go where: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.catalog.slot_map import SLOTS, SlotMap
from fauna.errors import SqlError
from fauna.resharding import goal
from fauna.resharding.goal import Goal


def sizes(slots: SlotMap) -> list[int]:
    return [sum(map(len, slots.owned_by(shard))) for shard in range(slots.shards)]


@given(st.integers(1, 12), st.integers(1, 12))
def test_added_shards_get_their_share_and_nothing_else_moves(shards: int, count: int) -> None:
    before = SlotMap.even(shards)
    made = goal.add(before, count)
    assert max(sizes(made.target)) - min(sizes(made.target)) <= 1 + (count > 1)
    for (source, target), slots in made.left(before).items():
        assert source < shards <= target
        assert all(before.owners[slot] == source for slot in slots)


def test_a_shard_is_split_in_the_middle() -> None:
    made = goal.split(SlotMap.even(4), 1)
    assert made.left(SlotMap.even(4).grown(5)) == {(1, 4): list(range(6144, 8192))}
    with pytest.raises(SqlError, match="There is no shard 4"):
        goal.split(SlotMap.even(4), 4)
    almost = SlotMap.even(2).moved(range(1, SLOTS // 2), 1)
    with pytest.raises(SqlError, match="cannot be split: it has 1 slot$"):
        goal.split(almost, 0)


def test_slots_are_named_by_ranges() -> None:
    assert goal.slots_of("0-2, 7,5-5") == [0, 1, 2, 5, 7]
    made = goal.move(SlotMap.even(2), "0-2,9000", 1)
    assert made.left(SlotMap.even(2)) == {(0, 1): [0, 1, 2]}
    for wrong in ("", "a", "1-", "-1", "1--2", "0x1", "1;2"):
        with pytest.raises(SqlError, match="Slots are given as"):
            goal.slots_of(wrong)
    for wrong in ("5-4", "16384", "0-20000"):
        with pytest.raises(SqlError, match="There are no slots"):
            goal.slots_of(wrong)
    with pytest.raises(SqlError, match="There is no shard 2: they are numbered from 0 to 1"):
        goal.move(SlotMap.even(2), "0-2", 2)


@pytest.mark.parametrize("count", [0, -1, 1023])
def test_so_many_shards_cannot_be_added(count: int) -> None:
    with pytest.raises(SqlError, match="cannot be added"):
        goal.add(SlotMap.even(2), count)


def test_a_goal_comes_back_from_where_it_is_kept() -> None:
    made = goal.add(SlotMap.even(3), 2)
    assert Goal.load(made.dump()) == made
    assert Goal.load(b"") is None


def test_a_batch_has_so_many_rows_and_one_slot_at_least() -> None:
    rows = [10, 0, 0, 5, 100, 3, 0]
    assert goal.batch(range(7), rows, 15) == [0, 1, 2, 3]
    assert goal.batch(range(4, 7), rows, 15) == [4]
    assert goal.batch(range(5, 7), rows, 15) == [5, 6]
    assert goal.batch([], rows, 15) == []
