"""What the transactions of a workload are to do.  Pure: the same seed gives the same transactions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tests.histories.history import Append


@dataclass(frozen=True, slots=True)
class Look:
    """Read these lists in one statement."""

    keys: tuple[int, ...]


Intent = Append | Look


@dataclass(frozen=True, slots=True)
class Shape:
    """`lists` are in use at a time; one that got `appends_max` gives way to a new one, so that none grows long."""

    lists: int = 8
    appends_max: int = 40
    ops_max: int = 4
    append_share: float = 0.5
    statement_keys_max: int = 3


def transactions(seed: int, shape: Shape) -> Iterator[tuple[Intent, ...]]:
    """Without end."""
    dice = random.Random(seed)
    lists = list(range(shape.lists))
    left = dict.fromkeys(lists, shape.appends_max)
    values, keys = count(1), count(shape.lists)
    while True:
        intents: list[Intent] = []
        for _ in range(dice.randint(1, shape.ops_max)):
            if dice.random() >= shape.append_share:
                intents.append(Look(tuple(dice.sample(lists, dice.randint(1, min(shape.statement_keys_max, len(lists)))))))
                continue
            place = dice.randrange(len(lists))
            key = lists[place]
            intents.append(Append(key, next(values)))
            left[key] -= 1
            if not left[key]:
                lists[place] = next(keys)
                left[lists[place]] = shape.appends_max
        yield tuple(intents)
