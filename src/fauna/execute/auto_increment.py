"""AUTO_INCREMENT counters, as InnoDB keeps them: in memory, never going back on rollback, written with the rows.

With several shards the counter is the node's; each shard keeps what its rows have used, and the highest counts.
"""

from __future__ import annotations

import threading
from typing import Final

from fauna.catalog.placement import SINGLE_SHARD, placement_of
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import INTEGERS, UINT64_MAX, from_unsigned, integer_range
from fauna.errors import SqlError, error
from fauna.shard.shard import Branch, Transaction

DOUBLE_LIMIT: Final = 1 << 53
INTERVAL_DOUBLINGS_MAX: Final = 15


class Counter:
    """next: the value that the next generated row gets.  limit: of the column's type."""

    __slots__ = ("limit", "lock", "next")

    def __init__(self, next_: int, limit: int) -> None:
        self.next = next_
        self.limit = limit
        self.lock = threading.Lock()  # two shards' write locks may be held by two threads

    def seen(self, number: int) -> None:
        """A row was given `number` itself."""
        with self.lock:
            if self.next <= number < UINT64_MAX:
                self.next = number + 1


class Numbers:
    """The values that one statement generates.

    They are taken from the counter in intervals, as InnoDB does (innodb_autoinc_lock_mode=1): one for the rows of VALUES that
    are still to come; of 1, 2, 4 … values for a SELECT, whose rows nobody has counted.  What is left of an interval
    at the end is a gap.
    """

    __slots__ = (
        "_after",
        "_before",
        "_column",
        "_counter",
        "_end",
        "_forced",
        "_increment",
        "_intervals",
        "_offset",
        "_rows",
        "_rows_left",
        "upcoming",
    )

    def __init__(self, counter: Counter, table: Table, rows: int, increment: int, offset: int, forced: int) -> None:
        """rows: of VALUES, 0 when unknown.  forced: SET insert_id, or 0."""
        column = table.auto_column
        assert column is not None
        self._column = column.name
        self._counter = counter
        self._rows = rows
        self._rows_left = 0  # that the last interval was for
        self._increment = increment
        self._offset = offset if offset <= increment else 1
        self._forced = forced
        self._intervals = 0
        self._before = self._after = 0  # the counter, before and after the latest interval was taken
        self.upcoming = 0
        self._end = 0

    def row_begins(self) -> None:
        if self._rows_left:
            self._rows_left -= 1

    def take(self) -> int:
        """The next value; error 167, or 1467 for BIGINT UNSIGNED, when the column's type has no more."""
        if self._forced:
            number, self._forced = self._forced, 0
            self._counter.seen(number)
            return number
        if self.upcoming >= self._end:
            self._reserve()
        number = self.upcoming
        if number > self._counter.limit:
            if self._counter.limit >= UINT64_MAX - 1:
                raise error("AUTOINC_READ_FAILED")
            raise SqlError(167, "22003", f"Out of range value for column '{self._column}' at row 1")
        self.upcoming = number + self._increment
        return number

    def _reserve(self) -> None:
        counter, step = self._counter, self._increment
        if not self._rows_left:
            by_default = 1 << min(self._intervals, INTERVAL_DOUBLINGS_MAX)
            self._rows_left = self._rows if self._rows and not self._intervals else by_default
        count = self._rows_left
        with counter.lock:
            first = counter.next + (self._offset - counter.next) % step
            self._before = counter.next
            counter.next = self._after = max(counter.next, min(first + (count - 1) * step, counter.limit) + 1)
        self.upcoming = first
        self._end = first + count * step
        self._intervals += 1

    def refused(self) -> None:
        """The first row, for what MariaDB finds before InnoDB gives it a number: none has been taken."""
        counter = self._counter
        with counter.lock:
            if self._intervals == 1 and counter.next == self._after:
                counter.next = self._before

    def given(self, number: int) -> None:
        """A row brought a value of its own."""
        if number < 0:
            # InnoDB takes it for a huge unsigned one, finds it out of range, and steps on by one.
            self._counter.seen(self._counter.next)
        if number >= self.upcoming:
            self.upcoming = number + 1 + (self._offset - number - 1) % self._increment
        self._counter.seen(number)


def _is_spread(table: Table) -> bool:
    return not table.temporary and placement_of(table).kind == "HASH"


class AutoIncrement:
    """The counters of the node's tables, by table id."""

    def __init__(self) -> None:
        self._counters: dict[int, Counter] = {}
        self._lock = threading.Lock()

    def state(self, table: Table, transaction: Transaction, shards: int) -> Counter:
        """The table's counter, read from the files when it is first needed."""
        counter = self._counters.get(table.id)
        if counter is None:
            read = self._read(table, transaction, shards if _is_spread(table) else 1)
            with self._lock:
                counter = self._counters.setdefault(table.id, read)
        return counter

    def is_behind(self, table: Table, number: int) -> bool:
        """Whether a row may be given `number` without moving the counter, as far as that is known without reading."""
        counter = self._counters.get(table.id)
        return counter is not None and 0 < number < counter.next

    def _read(self, table: Table, transaction: Transaction, shards: int) -> Counter:
        column = table.auto_column
        assert column is not None
        start = 1
        for shard in range(shards):
            branch = transaction.writer(shard)
            branch.lock()
            for (kept,) in branch.query("SELECT next FROM auto_increment WHERE table_id = ?1", (table.id,), (), inline=False):
                start = max(start, int(kept))  # type: ignore[arg-type]
            start = max(start, self._highest(table, branch) + 1)
        limit = integer_range(column.sql_type)[1] if column.sql_type.kind in INTEGERS else DOUBLE_LIMIT
        return Counter(start, limit)

    def _highest(self, table: Table, branch: Branch) -> int:
        column = table.auto_column
        assert column is not None
        rows = list(branch.query(f"SELECT max({column.physical}) FROM {table.physical}", (), (), inline=False))
        top = rows[0][0]
        return 0 if top is None else from_unsigned(top) if isinstance(top, bytes) else int(top)

    def updated(self, table: Table, transaction: Transaction, shards: int) -> None:
        """UPDATE has set the column: a value above the counter moves it."""
        counter = self.state(table, transaction, shards)
        before = counter.next
        for shard in range(shards if _is_spread(table) else 1):
            counter.seen(self._highest(table, transaction.writer(shard)))
        if counter.next != before:
            self.save(table, counter, transaction.writer(SINGLE_SHARD))

    def save(self, table: Table, counter: Counter, branch: Branch) -> None:
        """Keep the counter in the same transaction as the rows, so that a restart does not use a value twice."""
        branch.write(
            "INSERT INTO auto_increment(table_id, next) VALUES (?1, ?2) "
            "ON CONFLICT(table_id) DO UPDATE SET next = excluded.next WHERE next < excluded.next",
            (table.id, min(counter.next, (1 << 63) - 1)),
        )

    def peek(self, table: Table) -> int | None:
        """The next value if it is known without reading."""
        counter = self._counters.get(table.id)
        return counter.next if counter is not None else None

    def forget(self, before: Catalog, after: Catalog) -> None:
        """Tables that DDL has changed are read anew.  The others' counters stay: open transactions have numbers of them
        that are in no file yet."""
        was = {table.id: table for table in before.tables()}
        same = {table.id for table in after.tables() if was.get(table.id) is table}
        with self._lock:
            self._counters = {number: counter for number, counter in self._counters.items() if number in same}
