"""The system database `fauna`: what a FaunaDB has that MySQL has not, as tables.

    fauna.shards    the shards: their slots, rows and bytes, and how much is committed on them
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, varchar
from fauna.session.result import ResultColumn, Row

SCHEMA: Final = "fauna"


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """rows, bytes of its user tables, and of its file with its log; commits since `seconds` ago."""

    rows: int
    bytes: int
    commits: int
    seconds: float


def _columns(*columns: tuple[str, SqlType]) -> tuple[ResultColumn, ...]:
    return tuple(
        [ResultColumn(name, sql_type, False, SCHEMA, "shards", "shards", name) for name, sql_type in columns]
    )


COLUMNS: Final[dict[str, tuple[ResultColumn, ...]]] = {
    "shards": _columns(
        ("shard", BIGINT_TYPE),
        ("engine", varchar(16)),
        ("slots", BIGINT_TYPE),
        ("slot_ranges", varchar(1024)),
        ("rows", BIGINT_TYPE),
        ("bytes", BIGINT_TYPE),
        ("commits", BIGINT_TYPE),
        ("commits_per_s", SqlType(Kind.DOUBLE, 22, 31)),
    )
}


def shards(slots: SlotMap, facts: Callable[[int], ShardFacts]) -> Iterable[Row]:
    """The rows of `shards`."""
    for shard in range(slots.shards):
        owned: Sequence[range] = slots.owned_by(shard)
        ranges = ", ".join(f"{run.start}-{run.stop - 1}" for run in owned)
        fact = facts(shard)
        rate = round(fact.commits / fact.seconds, 3) if fact.seconds else 0.0
        yield (shard, "sqlite", sum(map(len, owned)), ranges, fact.rows, fact.bytes, fact.commits, rate)
