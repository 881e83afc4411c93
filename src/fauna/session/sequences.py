"""Sequences: values handed out from memory, reserved in the file a cache's worth at a time (gaps after a crash, never repeats)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fauna.catalog.schema import Catalog, Sequence
from fauna.errors import error
from fauna.session.accounts import locked
from fauna.shard.shard import Shard


class Sequences:
    def __init__(self, shard: Shard, catalog: Callable[[], Catalog]) -> None:
        self._shard = shard
        self._catalog = catalog
        self._lock = threading.Lock()
        self._reserved: dict[int, tuple[int, int]] = {}  # id -> next value, values left

    def reserve(self, number: int) -> None:
        """See that values are in memory before a statement starts that takes some.  May wait for the write lock."""
        with self._lock:
            if self._reserved.get(number, (0, 0))[1] >= 1000:
                return
            sequence = self._must_get(number)
            branch = locked(self._shard)
            try:
                ((next_, _),) = list(branch.query(f"SELECT next, cycles FROM {sequence.physical}", (), (), inline=False))
                start, left = self._reserved.get(number, (int(next_), 0))  # type: ignore[arg-type]
                wanted = max(sequence.cache, 1000) if sequence.cache != 0 else 1000
                end = int(next_) + wanted * sequence.increment  # type: ignore[arg-type]
                branch.write(f"UPDATE {sequence.physical} SET next = ?1", (end,))
                branch.commit().wait()
            except BaseException:
                branch.rollback()
                raise
            self._reserved[number] = (start, left + wanted)

    def take(self, number: int) -> int:
        """The next value; error 4084 at the end of a sequence that does not cycle."""
        with self._lock:
            sequence = self._must_get(number)
            value, left = self._reserved.get(number, (0, 0))
            if left < 1:
                raise error("UNKNOWN_ERROR", "one statement took more than 1000 values of a sequence")
            if not sequence.minimum <= value <= sequence.maximum:
                if not sequence.cycle:
                    raise error("SEQUENCE_RUN_OUT", sequence.schema, sequence.name)
                value = sequence.minimum if sequence.increment > 0 else sequence.maximum
            self._reserved[number] = (value + sequence.increment, left - 1)
            return value

    def _must_get(self, number: int) -> Sequence:
        for database in self._catalog().databases.values():
            for relation in database.relations.values():
                if isinstance(relation, Sequence) and relation.id == number:
                    return relation
        raise error("UNKNOWN_SEQUENCES", number)

    def forget(self) -> None:
        """DDL may have changed or restarted any of them."""
        with self._lock:
            self._reserved.clear()
