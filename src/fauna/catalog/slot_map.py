"""Which shard has which hash slot.

    >>> slots = SlotMap.even(4)
    >>> slots.owners[5000]
    1
    >>> slots.grown(5).moved(range(4096, 4200), 4).owned_by(1)
    (range(4200, 8192),)

A row's slot never changes (`shard_slots`); resharding gives slots to other shards, one version of the map after another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Any, Final

from fauna.errors import StartError, error

SLOT_BITS: Final = 14
SLOTS: Final = 1 << SLOT_BITS
SHARDS_MAX: Final = 1024
HASH_FORMAT: Final = 1  # which function from keys to slots (`shard_slots`) the rows were spread by


@dataclass(frozen=True, slots=True)
class SlotMap:
    """shards   how many there are, numbered from 0; one may own no slot
    owners      the shard of each slot
    version     one higher with each change"""

    shards: int
    owners: tuple[int, ...] = field(repr=False)
    version: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= SHARDS_MAX:
            raise error("UNKNOWN_ERROR", f"The number of shards must be from 1 to {SHARDS_MAX}, not {self.shards}")
        assert len(self.owners) == SLOTS and 0 <= min(self.owners) and max(self.owners) < self.shards

    def __hash__(self) -> int:
        return hash((self.version, self.shards))  # the owners are 16,384 numbers

    @classmethod
    def even(cls, shards: int) -> SlotMap:
        """The first map: each shard has one run of slots, and none has two more than another."""
        return cls(shards, tuple([slot * shards // SLOTS for slot in range(SLOTS)]))

    def grown(self, shards: int) -> SlotMap:
        """With further shards, which own nothing yet."""
        if shards < self.shards:
            raise error("UNKNOWN_ERROR", f"There are {self.shards} shards already")
        return SlotMap(shards, self.owners, self.version + 1)

    def moved(self, slots: Iterable[int], to: int) -> SlotMap:
        """With these slots at the shard `to`."""
        self.must_have(to)
        owners = list(self.owners)
        for slot in slots:
            if not 0 <= slot < SLOTS:
                raise error("UNKNOWN_ERROR", f"There is no slot {slot}: they are numbered from 0 to {SLOTS - 1}")
            owners[slot] = to
        return SlotMap(self.shards, tuple(owners), self.version + 1)

    def must_have(self, shard: int) -> None:
        """Error 1105 when there is no such shard."""
        if not 0 <= shard < self.shards:
            raise error("UNKNOWN_ERROR", f"There is no shard {shard}: they are numbered from 0 to {self.shards - 1}")

    def owned_by(self, shard: int) -> tuple[range, ...]:
        """A shard's slots, as runs in ascending order."""
        return tuple(run for run, owner in self.runs() if owner == shard)

    def runs(self) -> tuple[tuple[range, int], ...]:
        """All slots as runs of one owner each."""
        grouped = [(owner, len(list(slots))) for owner, slots in groupby(self.owners)]
        ends = accumulate(size for _, size in grouped)
        return tuple((range(end - size, end), owner) for (owner, size), end in zip(grouped, ends, strict=True))

    def to_json(self) -> dict[str, Any]:
        """runs: [first slot, shard] of each run, which goes on to the next one's first slot."""
        runs = [[run.start, owner] for run, owner in self.runs()]
        return {"hash": HASH_FORMAT, "slots": SLOTS, "version": self.version, "shards": self.shards, "runs": runs}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> SlotMap:
        if (saved.get("hash"), saved.get("slots")) != (HASH_FORMAT, SLOTS):
            raise StartError("The rows were spread over shards by another version's rule", "start it with that version")
        shards, runs = saved["shards"], saved["runs"]
        if not (1 <= shards <= SHARDS_MAX and _covers(runs) and all(0 <= owner < shards for _, owner in runs)):
            raise StartError(f"The slot map is damaged: {json.dumps(saved)[:200]}", "restore it from a backup")
        ends = [first for first, _ in runs[1:]] + [SLOTS]
        owners = [owner for (first, owner), end in zip(runs, ends, strict=True) for _ in range(first, end)]
        return cls(shards, tuple(owners), saved["version"])


def _covers(runs: list[list[int]]) -> bool:
    """Whether each slot is in one run."""
    starts = [first for first, _ in runs]
    return starts[:1] == [0] and starts == sorted({*starts}) and starts[-1] < SLOTS


ONE_SHARD: Final = SlotMap.even(1)
