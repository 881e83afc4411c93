"""AUTO_INCREMENT counters, as InnoDB keeps them: in memory, never going back on rollback, written with the rows.

A counter is read and advanced only while the shard's write lock is held.
"""

from __future__ import annotations

from fauna.catalog.schema import Table
from fauna.catalog.types import INTEGERS, UINT64_MAX, from_unsigned, integer_range
from fauna.errors import error
from fauna.shard.shard import Branch


class Counter:
    """next: the value that the next generated row gets."""

    __slots__ = ("limit", "next")

    def __init__(self, next_: int, limit: int) -> None:
        self.next = next_
        self.limit = limit

    def take(self, table: Table) -> int:
        """The next value; error 1467 when the column's type has no more."""
        number = self.next
        if number > self.limit:
            raise error("AUTOINC_READ_FAILED")
        self.next = number + 1
        return number

    def seen(self, number: int) -> None:
        """A row was given `number` itself."""
        if self.next <= number < UINT64_MAX:
            self.next = number + 1


class AutoIncrement:
    """The counters of one shard's tables, by table id."""

    def __init__(self) -> None:
        self._counters: dict[int, Counter] = {}

    def state(self, table: Table, branch: Branch) -> Counter:
        """The table's counter, read from the file when it is first needed."""
        counter = self._counters.get(table.id)
        if counter is None:
            counter = self._counters[table.id] = self._read(table, branch)
        return counter

    def _read(self, table: Table, branch: Branch) -> Counter:
        column = table.auto_column
        assert column is not None
        kept = list(branch.query("SELECT next FROM auto_increment WHERE table_id = ?1", (table.id,), (), inline=False))
        highest = list(branch.query(f"SELECT max({column.physical}) FROM {table.physical}", (), (), inline=False))
        start = int(kept[0][0]) if kept else 1  # type: ignore[arg-type]
        top = highest[0][0]
        if top is not None:
            start = max(start, from_unsigned(top) + 1 if isinstance(top, bytes) else int(top) + 1)
        limit = integer_range(column.sql_type)[1] if column.sql_type.kind in INTEGERS else (1 << 53)
        return Counter(max(start, 1), limit)

    def save(self, table: Table, counter: Counter, branch: Branch) -> None:
        """Keep the counter in the same transaction as the rows, so that a restart does not use a value twice."""
        branch.write(
            "INSERT INTO auto_increment(table_id, next) VALUES (?1, ?2) ON CONFLICT(table_id) DO UPDATE SET next = excluded.next WHERE next < excluded.next",
            (table.id, min(counter.next, (1 << 63) - 1)),
        )

    def peek(self, table: Table) -> int | None:
        """The next value if it is known without reading."""
        counter = self._counters.get(table.id)
        return counter.next if counter is not None else None

    def forget(self) -> None:
        """DDL may have changed any of them."""
        self._counters.clear()
