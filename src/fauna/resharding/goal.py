"""What a reshard is to come to: how many shards, and whose each slot is.  Pure.

    >>> goal = add(SlotMap.even(2), 2)
    >>> [len(goal.left(SlotMap.even(2).grown(4))[move]) for move in ((0, 2), (1, 3))]
    [4096, 4096]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fauna.catalog.slot_map import SHARDS_MAX, SLOTS, SlotMap
from fauna.errors import SqlError, error

_RANGE = re.compile(r"\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*")


@dataclass(frozen=True, slots=True)
class Goal:
    """what    in words, for whoever asks how far it is
    target     the map to come to; its version means nothing"""

    what: str
    target: SlotMap

    def left(self, now: SlotMap) -> dict[tuple[int, int], list[int]]:
        """The slots that have still to move, in ascending order, by (from, to)."""
        moves: dict[tuple[int, int], list[int]] = {}
        for slot, (here, there) in enumerate(zip(now.owners, self.target.owners, strict=True)):
            if here != there:
                moves.setdefault((here, there), []).append(slot)
        return moves

    def dump(self) -> bytes:
        return json.dumps({"what": self.what, "target": self.target.to_json()}).encode()

    @staticmethod
    def load(saved: bytes) -> Goal | None:
        """None when there is none."""
        found = json.loads(saved) if saved else None
        return Goal(found["what"], SlotMap.from_json(found["target"])) if found else None


def add(now: SlotMap, count: int) -> Goal:
    """`count` further shards, and as many slots on each as on any other; no slot moves but to a new shard."""
    shards = now.shards + count
    if count < 1 or shards > SHARDS_MAX:
        raise error("UNKNOWN_ERROR", f"{count} shards cannot be added: there are {now.shards}, and at most {SHARDS_MAX}")
    owners, fair = list(now.owners), SLOTS // shards
    giving: list[int] = []
    for shard in range(now.shards):
        mine = [slot for slot in range(SLOTS) if owners[slot] == shard]
        giving += mine[fair + (shard < SLOTS % shards) :]
    giving = giving[: sum(fair + (shard < SLOTS % shards) for shard in range(now.shards, shards))]
    for position, slot in enumerate(giving):
        owners[slot] = now.shards + position * count // len(giving)
    return Goal(f"add {count} shard{'s' * (count > 1)}", SlotMap(shards, tuple(owners)))


def move(now: SlotMap, ranges: str, to: int) -> Goal:
    """The slots of `ranges` ('0-99, 200') to the shard `to`."""
    return Goal(f"move slots {ranges} to shard {to}", now.moved(slots_of(ranges), to))


def split(now: SlotMap, shard: int) -> Goal:
    """One further shard, with the upper half of the slots of `shard`."""
    now.must_have(shard)
    mine = [slot for slot, owner in enumerate(now.owners) if owner == shard]
    if len(mine) < 2:
        raise error("UNKNOWN_ERROR", f"Shard {shard} cannot be split: it has {len(mine)} slot{'s' * (len(mine) != 1)}")
    return Goal(f"split shard {shard}", now.grown(now.shards + 1).moved(mine[len(mine) // 2 :], now.shards))


def slots_of(ranges: str) -> Sequence[int]:
    """The slots that a text such as '0-99, 200' names."""
    slots: set[int] = set()
    for part in ranges.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise error("UNKNOWN_ERROR", f"Slots are given as '0-4095' or '0-99, 200', not as '{ranges[:80]}'")
        first, last = int(found[1]), int(found[2] or found[1])
        if first > last or last >= SLOTS:
            raise _no_such_slots(part)
        slots.update(range(first, last + 1))
    return sorted(slots)


def _no_such_slots(part: str) -> SqlError:
    return error("UNKNOWN_ERROR", f"There are no slots {part.strip()}: they are numbered from 0 to {SLOTS - 1}")


def batch(slots: Iterable[int], rows_on: Sequence[int], rows_max: int) -> list[int]:
    """The first of `slots`, as many as have `rows_max` rows together, and one at least.  rows_on: of each slot."""
    chosen: list[int] = []
    rows = 0
    for slot in slots:
        rows += rows_on[slot]
        if chosen and rows > rows_max:
            break
        chosen.append(slot)
    return chosen
