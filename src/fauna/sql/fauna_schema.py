"""The system database `fauna`: what a FaunaDB has that MySQL has not, as tables.

    fauna.shards        the shards: their slots, rows and bytes, and how much is committed on them
    fauna.follower      of a follower: how far each shard is, and its source; else without rows
    fauna.checkpoints   the latest signed checkpoints of the chains, oldest first

and what the chains have, as rows that are made while they are read (see `fauna.changes.chain_rows`); times are UTC:

    fauna.blocks         the headers of all blocks
    fauna.transactions   what was committed, with its blocks on all shards
    fauna.changes        what was changed, row by row, as change streams tell it
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import BIGINT_TYPE, BOOL_TYPE, DEFAULT_COLLATION, Kind, SqlType, datetime_type, varchar
from fauna.session.result import ResultColumn, Row

if TYPE_CHECKING:
    from fauna.chain.checkpoint import Checkpoint

SCHEMA: Final = "fauna"


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """rows, bytes of its user tables, and of its file with its log; commits since `seconds` ago."""

    rows: int
    bytes: int
    commits: int
    seconds: float


def _columns(table: str, *columns: tuple[str, SqlType], nullable: Sequence[str] = ()) -> tuple[ResultColumn, ...]:
    return tuple(
        [ResultColumn(name, sql_type, name in nullable, SCHEMA, table, table, name) for name, sql_type in columns]
    )


_LONGTEXT: Final = SqlType(Kind.LONGTEXT, 4_294_967_295, collation=DEFAULT_COLLATION)
GTRID_COLLATION: Final = "utf8mb4_bin"
"""Names of transactions are told apart by every byte."""
STREAMED: Final = frozenset({"blocks", "changes", "transactions"})
"""Those whose rows are not made before they are read."""
COLUMNS: Final[dict[str, tuple[ResultColumn, ...]]] = {
    "checkpoints": _columns(
        "checkpoints",
        ("made_at", datetime_type(6)),  # UTC
        ("shards", BIGINT_TYPE),
        ("blocks", BIGINT_TYPE),
        ("key_id", varchar(16)),
        ("exported", BOOL_TYPE),  # NULL: not tried since the start
        ("problem", varchar(1024)),
        ("checkpoint", _LONGTEXT),
        nullable=("exported", "problem"),
    ),
    "blocks": _columns(
        "blocks",
        ("shard", BIGINT_TYPE),
        ("height", BIGINT_TYPE),
        ("time", datetime_type(6)),
        ("hash", varchar(64)),
        ("previous", varchar(64)),
        ("root", varchar(64)),
        ("changes", BIGINT_TYPE),
        ("transaction", varchar(128)),
        ("user", varchar(255)),
        ("epoch", BIGINT_TYPE),
        ("schema", BIGINT_TYPE),
    ),
    "changes": _columns(
        "changes",
        ("shard", BIGINT_TYPE),
        ("block", BIGINT_TYPE),
        ("position", varchar(40)),
        ("database", varchar(64)),
        ("table", varchar(64)),
        ("op", varchar(3)),
        ("key", _LONGTEXT),
        ("before", _LONGTEXT),
        ("after", _LONGTEXT),
        ("time", datetime_type(6)),
        ("user", varchar(255)),
        ("transaction", varchar(128)),
        nullable=("key", "before", "after"),
    ),
    "transactions": _columns(
        "transactions",
        ("gtrid", varchar(128, GTRID_COLLATION)),
        ("shards", varchar(1024)),
        ("blocks", varchar(4096)),
        ("time", datetime_type(6)),
        ("user", varchar(255)),
        ("changes", BIGINT_TYPE),
    ),
    "follower": _columns(
        "follower",
        ("shard", BIGINT_TYPE),
        ("height", BIGINT_TYPE),
        ("source_height", BIGINT_TYPE),
        ("blocks_behind", BIGINT_TYPE),
        ("latest_block_at", datetime_type(6)),  # UTC
        ("state", varchar(16)),
        ("problem", varchar(1024)),
        nullable=("latest_block_at", "problem"),
    ),
    "shards": _columns(
        "shards",
        ("shard", BIGINT_TYPE),
        ("engine", varchar(16)),
        ("slots", BIGINT_TYPE),
        ("slot_ranges", varchar(1024)),
        ("rows", BIGINT_TYPE),
        ("bytes", BIGINT_TYPE),
        ("commits", BIGINT_TYPE),
        ("commits_per_s", SqlType(Kind.DOUBLE, 22, 31)),
    ),
}


def shards(slots: SlotMap, facts: Callable[[int], ShardFacts]) -> Iterable[Row]:
    """The rows of `shards`."""
    for shard in range(slots.shards):
        owned: Sequence[range] = slots.owned_by(shard)
        ranges = ", ".join(f"{run.start}-{run.stop - 1}" for run in owned)
        fact = facts(shard)
        rate = round(fact.commits / fact.seconds, 3) if fact.seconds else 0.0
        yield (shard, "sqlite", sum(map(len, owned)), ranges, fact.rows, fact.bytes, fact.commits, rate)


def checkpoints(kept: Sequence[Checkpoint], outcomes: Mapping[int, str]) -> Iterable[Row]:
    """The rows of `checkpoints`.  outcomes: of exporting, by the checkpoint's time: why it has failed, or ""."""
    for each in kept:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=each.made_us)
        problem = outcomes.get(each.made_us)
        yield (
            f"{moment:%Y-%m-%d %H:%M:%S.%f}", len(each.shards), sum([head.height for head in each.shards]), each.key_id,
            None if problem is None else int(not problem), problem or None, each.to_text(),
        )  # fmt: skip
