"""Hidden row ids of tables that are on several shards: given by the node, so that no two rows of a table have the same.

The engine, left to itself, numbers the rows of each file from 1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fauna.catalog.schema import Table
from fauna.shard.shard import Shard


class RowIds:
    """The next id of each table, by table id, in memory; what a transaction does not use is a gap."""

    def __init__(self, shards: Callable[[], Sequence[Shard]]) -> None:
        self._shards = shards
        self._lock = threading.Lock()
        self._next: dict[int, int] = {}

    def next(self, table: Table) -> int:
        """An id that no row of the table has, or will get from another call."""
        with self._lock:
            # Read once, when nobody has been given one yet: what is not committed then is no row of ours.
            number = self._next.get(table.id) or self._highest(table) + 1
            self._next[table.id] = number + 1
            return number

    def _highest(self, table: Table) -> int:
        sql = f"SELECT coalesce(max(_rowid_), 0) FROM {table.physical}"
        return max(int(rows[0][0]) for shard in self._shards() if (rows := list(shard.autocommit_query(sql, (), inline=False))))  # type: ignore[arg-type]
