"""A transaction over several shards, on shards that only remember what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from fauna.clock import HybridClock
from fauna.shard.shard import Isolation, Shard
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import Committer
from fauna.txn.spread import SpreadTransaction


class OneBranch:
    has_snapshot = False
    changed = False  # something that it has read
    moves = 0

    def open_snapshot(self) -> None:
        self.has_snapshot = True

    def may_move(self) -> bool:
        return not self.changed

    def move(self) -> None:
        self.moves += 1


class OneShard:
    def __init__(self) -> None:
        self.branch = OneBranch()

    def begin(self, *_: Any, **__: Any) -> OneBranch:
        return self.branch


class Gate(CommitGate):
    """`meanwhile` happens while a snapshot waits for a commit to be visible on all shards."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    @contextmanager
    def snapshot(self, *, inline: bool) -> Iterator[None]:
        self.meanwhile()
        with super().snapshot(inline=inline):
            yield


def _begun(shards: list[OneShard], gate: CommitGate) -> SpreadTransaction:
    transaction = SpreadTransaction(
        lambda: cast(list[Shard], shards),
        gate,
        cast(Committer, None),
        HybridClock(),
        Isolation.REPEATABLE_READ,
    )
    transaction.reader(0)
    return transaction


def test_the_snapshots_of_all_shards_move_together() -> None:
    shards = [OneShard(), OneShard()]
    assert _begun(shards, CommitGate()).moved()
    assert [shard.branch.moves for shard in shards] == [1, 1]


def test_what_one_shard_has_read_keeps_all_where_they_are() -> None:
    shards = [OneShard(), OneShard()]
    transaction = _begun(shards, CommitGate())
    shards[1].branch.changed = True
    assert not transaction.moved()
    assert [shard.branch.moves for shard in shards] == [0, 0]


def test_a_commit_that_one_shard_does_not_show_yet_counts() -> None:
    """It had reached shard 1, whose rows are what the transaction writes; on shard 0 it changes what was read."""
    shards = [OneShard(), OneShard()]

    def meanwhile() -> None:
        if shards[0].branch.has_snapshot:
            shards[0].branch.changed = True

    assert not _begun(shards, Gate(meanwhile)).moved()
    assert [shard.branch.moves for shard in shards] == [0, 0]
