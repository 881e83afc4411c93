"""Sequences: values handed out from memory, reserved in the file a thousand at a time (gaps after a crash, never repeats).

Reserving needs the write lock, which no function inside a running query can wait for: the session reserves before a
statement starts, and again (`NoValuesLeft`) when it turns out to take more than there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Catalog, Sequence
from fauna.catalog.types import INT64_MAX
from fauna.errors import error
from fauna.shard.shard import Branch, Shard, Transaction, locked

RESERVED_MIN: Final = 1000  # values reserved at a time; CACHE of the sequence when that is more
READY_MIN: Final = 100  # fewer than this in memory: reserve before a statement starts


class NoValuesLeft(Exception):
    """The statement wants more values of sequence `number` than are in memory.  Reserve, then run it again."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class _Pool:
    """next: the value that comes next.  left: how many may be given before the file has to be told."""

    next: int
    left: int


class Sequences:
    """The node's pools.  What a transaction reserves under its own lock stays with its session until it has committed."""

    def __init__(self, shard: Shard, catalog: Callable[[], Catalog]) -> None:
        self._shard = shard
        self._catalog = catalog
        self._lock = threading.Lock()
        self._pools: dict[int, _Pool] = {}

    def ready(self, number: int) -> bool:
        pool = self._pools.get(number)
        return pool is not None and pool.left >= READY_MIN

    def reserve(self, number: int, wanted: int = 0) -> None:
        """Have values in memory, in a transaction of its own.  May wait for the write lock: never with it in hand."""
        branch = locked(self._shard)
        try:
            with self._lock:
                pool = self._advance(number, branch, wanted)
                branch.commit().wait()
                pool.left = pool.left + max(wanted, self._chunk(number))
        except BaseException:
            branch.rollback()
            raise

    def reserve_privately(self, number: int, branch: Branch, wanted: int = 0) -> _Pool:
        """The same inside the transaction of `branch`, which holds the lock: a pool for it alone."""
        with self._lock:
            pool = self._advance(number, branch, wanted)
            count = pool.left + max(wanted, self._chunk(number))
            private = _Pool(pool.next, count)
            pool.next, pool.left = self._after(number, pool.next, count), 0
            return private

    def give_back(self, number: int, private: _Pool, *, committed: bool) -> None:
        """What a transaction did not use; after a rollback the file does not know that it was reserved."""
        with self._lock:
            pool = self._pools.get(number)
            if pool is not None and not pool.left and pool.next == self._after(number, private.next, private.left):
                pool.next, pool.left = private.next, private.left if committed else 0

    def take(self, number: int, private: _Pool | None = None) -> int:
        """The next value; error 4084 at the end of a sequence that does not cycle."""
        with self._lock:
            sequence = self.must_get(number)
            pool = private or self._pools.get(number)
            if pool is None or pool.left < 1:
                raise NoValuesLeft(number)
            value = pool.next
            if not sequence.minimum <= value <= sequence.maximum:
                if not sequence.cycle:
                    raise error("SEQUENCE_RUN_OUT", sequence.schema, sequence.name)
                value = sequence.minimum if sequence.increment > 0 else sequence.maximum
            pool.next = value + (sequence.increment or 1)
            pool.left -= 1
            return value

    def set(self, number: int, value: int, used: bool) -> int | None:
        """SETVAL: only ever forward.  The caller reserves afterwards, which writes it down."""
        with self._lock:
            sequence = self.must_get(number)
            pool = self._pools[number]
            step = sequence.increment or 1
            following = value + step if used else value
            if not sequence.minimum <= value <= sequence.maximum or (following - pool.next) * step < 0:
                return None
            pool.next, pool.left = following, 0
            return value

    def forget(self, number: int) -> None:
        """DDL has changed or restarted it."""
        with self._lock:
            self._pools.pop(number, None)

    def must_get(self, number: int) -> Sequence:
        for database in self._catalog().databases.values():
            for relation in database.relations.values():
                if isinstance(relation, Sequence) and relation.id == number:
                    return relation
        raise error("UNKNOWN_SEQUENCES", number)

    def _chunk(self, number: int) -> int:
        return max(self.must_get(number).cache, RESERVED_MIN)

    def _after(self, number: int, start: int, count: int) -> int:
        return max(min(start + count * (self.must_get(number).increment or 1), INT64_MAX), -INT64_MAX)

    def _advance(self, number: int, branch: Branch, wanted: int) -> _Pool:
        """Write that more values are taken; memory, where it knows, is ahead of the file."""
        physical = self.must_get(number).physical
        pool = self._pools.get(number)
        if pool is None:
            rows = list(branch.query(f"SELECT next FROM {physical}", (), (), inline=False))
            pool = self._pools[number] = _Pool(int(rows[0][0]), 0)  # type: ignore[arg-type]
        end = self._after(number, pool.next, pool.left + max(wanted, self._chunk(number)))
        branch.write(f"UPDATE {physical} SET next = ?1", (end,))
        return pool


class SessionSequences:
    """What NEXTVAL, LASTVAL and SETVAL of one session see."""

    def __init__(self, shared: Sequences) -> None:
        self._shared = shared
        self._private: dict[int, _Pool] = {}
        self._last: dict[int, int] = {}
        self.moved: list[int] = []  # SETVAL has to be written down

    def next(self, number: int) -> int:
        value = self._last[number] = self._shared.take(number, self._private.get(number))
        return value

    def last(self, number: int) -> int | None:
        return self._last.get(number)

    def set(self, number: int, value: int, used: bool) -> int | None:
        moved = self._shared.set(number, value, used)
        if moved is not None:
            self._private.pop(number, None)
            self.moved.append(number)
        return moved

    def ready(self, number: int) -> bool:
        private = self._private.get(number)
        return private.left >= READY_MIN if private is not None else self._shared.ready(number)

    def reserve(self, number: int, transaction: Transaction | None, wanted: int = 0) -> None:
        """transaction: that holds the write lock, when this session does."""
        branch = transaction.writer(SINGLE_SHARD) if transaction is not None else None
        if branch is not None and not branch.holds_lock:
            branch = None
        if branch is None:
            self._shared.reserve(number, wanted)
        else:
            self._private[number] = self._shared.reserve_privately(number, branch, wanted)

    def transaction_ended(self, *, committed: bool) -> None:
        for number, private in self._private.items():
            self._shared.give_back(number, private, committed=committed)
        self._private.clear()
