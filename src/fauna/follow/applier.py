"""Applying blocks to the shards of a follower, so that its state is always one that the source had, over all shards.

    group   the blocks of one time: the parts of one transaction
    batch   some groups, in order of time; others see all of a batch at once

With several shards a batch goes to the inbox first.  A crash between the commits of two shards is mended by applying what is
there again, before anybody reads.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from fauna.catalog import store
from fauna.catalog.schema import Catalog
from fauna.errors import FaunaError
from fauna.follow.blocks import Block
from fauna.follow.inbox import Inbox
from fauna.shard.engines.sqlite.replay import Applying, DoesNotFit, Replay
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.txn.commit_gate import CommitGate

_LOG: Final = logging.getLogger(__name__)
_BATCH_BYTES: Final = 4 << 20
_BATCH_CHANGES: Final = 20_000
_CATALOG: Final = frozenset({"catalog_meta", "catalog_entries"})
Group = list[Block]


@dataclass(frozen=True, slots=True)
class Applied:
    """What has become visible.  time_us: of the last block; catalog: not None: it has changed; changed: tables of the first
    shard, of which rows have."""

    time_us: int
    blocks: int
    changes: int
    catalog: Catalog | None
    changed: frozenset[str]


class HalfApplied(FaunaError):
    """Some shards have a batch and others have not, because one could not be written: nobody may read until that is mended."""


class Applier:
    """One thread at a time.

    shards     by number; it opens further ones as blocks come for them
    gate       of the node, once there is one
    published  called when others see a batch, with the gate in hand
    stuck      called when a batch is on some shards alone; it returns when nobody reads any more"""

    def __init__(
        self,
        shards: Sequence[SqliteShard],
        open_shard: Callable[[int], SqliteShard],
        inbox: Inbox,
        gate: Callable[[], CommitGate | None] = lambda: None,
        published: Callable[[Applied], None] = lambda applied: None,
        stuck: Callable[[FaunaError], None] = lambda problem: None,
    ) -> None:
        self.shards: Final = list(shards)
        self._open_shard = open_shard
        self._inbox = inbox
        self._gate = gate
        self._published = published
        self._stuck = stuck
        self._replays: dict[int, Replay] = {}

    def shard(self, number: int) -> SqliteShard:
        """Opened, and made, when it is not there yet."""
        while len(self.shards) <= number:
            self.shards.append(self._open_shard(len(self.shards)))
        return self.shards[number]

    def finish(self) -> None:
        """After a start: apply what a crash may have left half applied.  DoesNotFit when that cannot be."""
        found = sorted(self._inbox.pending(), key=_time)
        left = [block for block in found if block.height > self.shard(block.shard).height]
        if left:
            self._apply([list(group) for _, group in groupby(left, _time)])
        self._inbox.clear()

    def apply(self, groups: Sequence[Group]) -> None:
        """Apply a batch: visible and durable on return.  DoesNotFit: what was before the block in question has been applied, and
        nothing else."""
        if len(self.shards) > 1 or any(block.shard for group in groups for block in group):
            self._inbox.put([block for group in groups for block in group])
        try:
            self._apply(groups)
        except DoesNotFit:
            self._inbox.clear()  # the source is asked for it again, after the next start
            raise

    def _apply(self, groups: Sequence[Group]) -> None:
        applying: dict[int, Applying] = {}
        done = 0
        try:
            for group in groups:
                for block in group:
                    self._add(applying, block)
                done += 1
        except DoesNotFit:
            _rollback(applying)
            if done:
                self._apply(groups[:done])
            raise
        except BaseException:
            _rollback(applying)
            raise
        self._commit(applying, groups)
        for number in applying:
            self.shards[number].sync_pending()
        for block in (block for group in groups for block in group if block.is_in_parts):
            self._inbox.drop_parts(block.shard, block.height)

    def _add(self, applying: dict[int, Applying], block: Block) -> None:
        found = applying.get(block.shard)
        if found is None:
            shard = self.shard(block.shard)
            replay = self._replays.get(block.shard)
            if replay is None:
                replay = self._replays[block.shard] = Replay(shard)
            found = applying[block.shard] = replay.begin()
        found.add(block.header, lambda: block.changes(self._inbox.parts))

    def _commit(self, applying: dict[int, Applying], groups: Sequence[Group]) -> None:
        first = applying.get(0)
        changed = frozenset(first.changed) if first is not None else frozenset()
        catalog: Catalog | None = None
        if first is not None and changed & _CATALOG:
            meta = first.read(store.LOAD_META)
            catalog = store.load(meta[0], first.read(store.LOAD_ENTRIES)) if meta else None
        blocks = [block for group in groups for block in group]
        applied = Applied(
            groups[-1][0].time_us, len(blocks), sum([block.changes_count for block in blocks]), catalog, changed
        )
        gate = self._gate()
        with gate.commit() if gate is not None else nullcontext():
            waiting = list(applying.values())
            try:
                while waiting:
                    waiting[0].commit()
                    waiting.pop(0)
            except FaunaError as problem:
                _rollback(dict(enumerate(waiting[1:])))
                if len(waiting) == len(applying):
                    raise  # nobody has seen anything
                _LOG.critical("blocks are applied on some shards alone: %s", problem)
                self._stuck(problem)  # with the gate in hand: nobody reads half of it
                raise HalfApplied(str(problem)) from None
            self._published(applied)


def _rollback(applying: dict[int, Applying]) -> None:
    for each in applying.values():
        each.rollback()


def _time(block: Block) -> int:
    return block.time_us


def batches(streams: Iterable[Iterator[Block]]) -> Iterator[list[Group]]:
    """Blocks of several shards, each in its order, as batches."""
    batch: list[Group] = []
    size = changes = 0
    for _, found in groupby(heapq.merge(*streams, key=_time), _time):
        group = list(found)
        batch.append(group)
        size += sum([len(block.header) + len(block.payload) for block in group])
        changes += sum([block.changes_count for block in group])
        if size >= _BATCH_BYTES or changes >= _BATCH_CHANGES:
            yield batch
            batch, size, changes = [], 0, 0
    if batch:
        yield batch
