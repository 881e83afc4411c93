"""Retention: changes that are older than their table keeps them are taken out of the blocks.

A change becomes a PRUNED entry, which has the table's name and the hash that the change had as a leaf.  So the Merkle root over
the block's changes comes out as before: headers, links, checkpoints and proofs of other changes hold.  Only rows of users' tables
are pruned: INSERT, UPDATE, DELETE, REWRITE.  Definitions, RESET and the server's own tables stay for good.

    fauna_pruned(name, until_us, height, looked, changes)
        until_us, height   the last block out of which something of the table was taken: from then on its past is known
        looked             up to which block its changes have been looked for
        changes            how many have been taken out

It is derived: each PRUNED entry names its table, and its block has the time.  It is in no block itself; verification compares it.

What is done in one transaction is small; it has the write lock, like any writer's.  First it is noted up to when the past is not
known any more, in the transaction that removes it; only after that row versions are deleted.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import DELETE, INSERT, REWRITE, UPDATE, encode_pruned, read_bytes, split_payload, text, varint
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.sealer import IN_PARTS, Packer
from fauna.shard.shard import Isolation, Watch, lock_now

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard

LOCK_WAIT_S: Final = 5.0
"""So long a batch waits for the write lock; error 1205 then, and it is tried again another time."""
_LOOK_S: Final = 0.1  # so often it is asked whether to stop, while somebody else prunes
_BLOCKS_AT_ONCE: Final = 2_000
_REWRITTEN_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 1 << 20
_ROW_KINDS: Final = frozenset({INSERT, UPDATE, DELETE, REWRITE})
READ: Final = "SELECT name, until_us, height, looked, changes FROM fauna_pruned"
_PUT: Final = "INSERT OR REPLACE INTO fauna_pruned VALUES (?1, ?2, ?3, ?4, ?5)"
_SET_BLOCK: Final = "UPDATE fauna_blocks SET payload = ?1 WHERE height = ?2"
_SET_PART: Final = "UPDATE fauna_block_parts SET payload = ?1 WHERE height = ?2 AND part = ?3"


@dataclass(slots=True)
class Pruned:
    """What has been taken out of a table's changes.

    until_us, height   the last block that this concerned: the table's past is known from that time on; 0: all of it is
    looked             the block up to which changes have been looked for
    """

    until_us: int = 0
    height: int = 0
    looked: int = 0
    changes: int = 0


@dataclass(slots=True)
class _Batch:
    """Blocks up to `last` have been looked through.  found: what there was of each table: how many changes, and the last block
    with some, its height and time."""

    last: int
    script: list[tuple[str, Sequence[Stored]]] = field(default_factory=list)
    found: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    size: int = 0


class Pruning:
    """Of one shard.  Any thread may call; one at a time prunes."""

    def __init__(self, shard: SqliteShard, connection: apsw.Connection) -> None:
        """connection: on the shard's file, read here alone."""
        self._shard = shard
        self._lock = threading.Lock()
        self._packer = Packer()
        self._known: dict[str, Pruned] = {}
        for name, until_us, height, looked, changes in connection.execute(READ):
            self._known[str(name)] = Pruned(int(until_us), int(height), int(looked), int(changes))

    def kept_from(self, name: str) -> int:
        """The time from which on the past of a table is known: of the commit after which nothing of it is missing; 0: always."""
        known = self._known.get(name)
        return max(known.until_us if known is not None else 0, self._shard.versions.lost_until(name))

    def looked(self, name: str) -> int:
        known = self._known.get(name)
        return known.looked if known is not None else 0

    def prune(
        self,
        limits: Mapping[str, int],
        *,
        stop: Callable[[], bool] = lambda: False,
        rest: Callable[[], None] = lambda: None,
        watch: Watch | None = None,
    ) -> dict[str, int]:
        """Take out what was committed at the table's limit or before, of each table named; how many changes that were.

        stop: asked between two transactions; rest: called there.  watch: ends the wait for the write lock.  Error 1205 when
        that was not to be had."""
        pruned: dict[str, int] = {}
        with self._alone(stop) as alone:
            if not alone:
                return pruned
            heights = self._heights(limits)
            if heights:
                last = max(heights.values())
                # Row versions are made from blocks: those that are still to be taken in must be whole.
                self._shard.versions.catch_up(last, stop=stop)
                at = min(self.looked(name) for name in heights) + 1
                part = 0
                while at <= last and not stop():
                    batch, at, part = self._next(at, part, last, heights)
                    self._write(batch, heights, watch, finished=at > last)
                    for name, (changes, _, _) in batch.found.items():
                        pruned[name] = pruned.get(name, 0) + changes
                    if at <= last:
                        rest()
                for name in heights:
                    if not stop():
                        self._shard.versions.forget(name, self._known[name].until_us, stop=stop)
        return pruned

    @contextlib.contextmanager
    def _alone(self, stop: Callable[[], bool]) -> Iterator[bool]:
        """Once nobody else prunes; False when `stop` has said so before that."""
        while not (alone := self._lock.acquire(timeout=_LOOK_S)) and not stop():
            pass
        try:
            yield alone
        finally:
            if alone:
                self._lock.release()

    def _heights(self, limits: Mapping[str, int]) -> dict[str, int]:
        """Up to which block each table is to be pruned, where there is something to look at."""
        found: dict[str, int] = {}
        at_time: dict[int, int] = {}
        with self._shard.reading() as connection:
            reader = BlockReader(connection)
            for name, limit in limits.items():
                if limit not in at_time:
                    at_time[limit] = reader.height_at(limit)
                if at_time[limit] > self.looked(name):
                    found[name] = at_time[limit]
        return found

    def _next(self, first: int, part: int, last: int, heights: Mapping[str, int]) -> tuple[_Batch, int, int]:
        """What to do in the next transaction; the block, and the part of it, with which the one after that begins."""
        wanted = {text(name): (name, self.looked(name), height) for name, height in heights.items()}
        batch = _Batch(first - 1)
        end = min(last, first + _BLOCKS_AT_ONCE - 1)
        with self._shard.reading() as connection:
            reader = BlockReader(connection)
            with contextlib.closing(reader.blocks(first, end)) as blocks:
                for block in blocks:
                    height, time_us = block.height, block.decoded().time_us
                    here = {key: name for key, (name, looked, until) in wanted.items() if looked < height <= until}
                    large = block.payload == IN_PARTS
                    for number, payload in enumerate(reader.payloads(height, block.payload)) if here else ():
                        if height == first and number < part:
                            continue
                        if batch.size >= _BYTES_AT_ONCE:
                            return batch, height, number
                        self._look(batch, here, height, time_us, number if large else None, payload)
                    batch.last = height
                    if batch.size >= _BYTES_AT_ONCE or len(batch.script) >= _REWRITTEN_AT_ONCE:
                        break
        return batch, batch.last + 1, 0

    def _look(
        self, batch: _Batch, here: Mapping[bytes, str], height: int, time_us: int, part: int | None, payload: bytes
    ) -> None:
        """Rewrite one piece of a block, if it has changes of these tables."""
        kept: list[bytes] = []
        changed = False
        for change in split_payload(payload):
            name = here.get(_table(change)) if change[0] in _ROW_KINDS else None
            if name is not None:
                changed = True
                change = encode_pruned(text(name), sha256(b"\x00" + change).digest())
                count = batch.found[name][0] if name in batch.found else 0
                batch.found[name] = count + 1, height, time_us
            kept.append(varint(len(change)))
            kept.append(change)
        if changed:
            batch.size += len(payload)
            new = self._packer.pack(b"".join(kept))
            if part is None:
                batch.script.append((_SET_BLOCK, (new, height)))
            else:
                batch.script.append((_SET_PART, (new, height, part)))

    def _write(self, batch: _Batch, heights: Mapping[str, int], watch: Watch | None, *, finished: bool) -> None:
        """In one transaction: the blocks, and what is known of them.  That nothing was found is noted at the end alone."""
        noted: dict[str, Pruned] = {}
        for name, height in heights.items():
            known = self._known.get(name, Pruned())
            count, at, time_us = batch.found.get(name, (0, known.height, known.until_us))
            looked = max(known.looked, min(batch.last, height))
            if count or finished:
                noted[name] = Pruned(max(known.until_us, time_us), max(known.height, at), looked, known.changes + count)
            else:
                known.looked = looked
                self._known[name] = known
        if not batch.script and not finished:
            return
        puts: list[tuple[str, Sequence[Stored]]] = [
            (_PUT, (name, known.until_us, known.height, known.looked, known.changes)) for name, known in noted.items()
        ]
        branch = self._shard.begin(Isolation.READ_COMMITTED, alone=True, lock_wait_timeout_s=LOCK_WAIT_S, watch=watch)
        try:
            lock_now(branch)
            self._shard.writer.keep_house([*batch.script, *puts])
            ticket = branch.commit()
        except BaseException:
            branch.rollback()
            raise
        # Nobody may rely on what is gone, not even if the machine should bring it back by losing this commit.
        self._known |= noted
        ticket.wait()


def _table(change: bytes) -> bytes:
    """The table's name, encoded."""
    name, end = read_bytes(change, 1)
    return change[1:end] if name else b""
