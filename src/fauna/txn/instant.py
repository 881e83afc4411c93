"""An instant of all shards: a time at which everything has happened that ever will have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fauna.clock import HybridClock
from fauna.txn.commit_gate import CommitGate

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard


def take_instant(
    shards: Callable[[], Sequence[SqliteShard]], clock: HybridClock, gate: CommitGate | None
) -> tuple[int, Sequence[SqliteShard]]:
    """A time of now, and the shards there are then.  On return whatever was committed at that time or before can be read on all
    of them, and is on disk.  It may take as long as a commit."""
    time_us = clock.next_us()
    if gate is not None:
        gate.pass_through(inline=False)
    found = tuple(shards())
    for shard in found:
        shard.settle()
    for shard in found:
        shard.sync()
    return time_us, found
