"""The rows of one shard that are on slots which are to leave it: found by reading every table once, then by its changes.

There may be more than there are: a row that has gone, or has another slot now, is still named.  None is missing after `catch_up`
with the shard's write lock in hand, but for what open transactions have written.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

import apsw

from fauna.catalog.schema import Catalog, Table
from fauna.catalog.slot_map import SLOTS
from fauna.plan.plan import RowsMove
from fauna.session.result import Row
from fauna.shard.engine_errors import NoSuchObject
from fauna.shard.shard import Rows, Shard
from fauna.sql.bind.place import rows_move, spread_tables

_ROWS: Final = 500
_REST_S: Final = 0.002  # after each so many rows, for the clients' sake: all of this is one interpreter


class Candidates:
    """rows_on: how many are known to be on each slot."""

    def __init__(self, shard: Shard, leaving: Sequence[bool], rest: Callable[[float], bool]) -> None:
        """leaving: whether a slot is to go elsewhere.  rest: waits so many seconds; True when everything is to stop."""
        self._shard = shard
        self._leaving = leaving
        self._rest = rest
        self._watch = shard.watch_changes()
        self._tables: dict[str, RowsMove] = {}  # by physical name, as far as they have been read
        self._numbers: dict[str, int] = {}
        # A file without a name, of which SQLite keeps in memory what fits in its cache.
        self._found = apsw.Connection("")
        self._found.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE")
        self._found.execute(
            "CREATE TABLE found (slot INTEGER, number INTEGER, rowid_ INTEGER, PRIMARY KEY (slot, number, rowid_)) "
            "STRICT, WITHOUT ROWID"
        )
        self.rows_on = array("L", bytes(array("L").itemsize * SLOTS))

    def close(self) -> None:
        self._watch.close()
        self._found.close()

    def knows(self, catalog: Catalog) -> bool:
        """Whether it has read all tables of the catalog."""
        return all(self._has_read(move) for move in _moves(catalog))

    def read(self, catalog: Catalog) -> None:
        """Read the tables that it does not know."""
        for move in _moves(catalog):
            if not self._has_read(move) and self._read(move):
                self._tables[move.table] = move

    def _has_read(self, move: RowsMove) -> bool:
        known = self._tables.get(move.table)
        return known is not None and known.keys == move.keys

    def _read(self, move: RowsMove) -> bool:
        try:
            rows = self._shard.autocommit_query(move.keys, (), inline=False)
        except NoSuchObject:
            return False  # it has just been dropped
        return self._add_all(move, rows)

    def _add_all(self, move: RowsMove, rows: Rows) -> bool:
        try:
            while batch := rows.fetch(_ROWS):
                self._add(move, batch)
                if self._rest(_REST_S):
                    return False
            return True
        finally:
            rows.close()

    def _add(self, move: RowsMove, rows: Sequence[Row]) -> None:
        number = self._numbers.setdefault(move.table, len(self._numbers))
        leaving, slot_of, on = self._leaving, move.slot_of, self.rows_on
        found = [(slot, number, row[0]) for row in rows if leaving[slot := slot_of(row)]]
        if not found:
            return
        with self._found:
            before = self._found.total_changes()
            self._found.executemany("INSERT OR IGNORE INTO found VALUES (?, ?, ?)", found)
            if self._found.total_changes() - before == len(found):
                for slot, _, _ in found:
                    on[slot] += 1
            else:
                for slot in {slot for slot, _, _ in found}:
                    (on[slot],) = next(self._found.execute("SELECT count(*) FROM found WHERE slot = ?", (slot,)))

    def catch_up(self) -> None:
        """Add what has been committed since it was called last."""
        news = self._watch.news()
        if news is None:
            self._tables.clear()  # too much: read again
            return
        for table, rowids in news.items():
            move = self._tables.get(table)
            if move is None:
                continue
            if rowids is None:
                del self._tables[table]
                continue
            for chunk in _chunks(rowids):
                self._add(move, list(self._shard.autocommit_query(move.keys_of, (json.dumps(chunk),), inline=False)))

    def rows_of(self, catalog: Catalog, slots: Sequence[int]) -> Iterator[tuple[Table, RowsMove, list[int]]]:
        """The rowids on these slots, table by table, at most some hundreds at a time."""
        wanted = json.dumps(list(slots))
        sql = "SELECT rowid_ FROM found WHERE number = ? AND slot IN (SELECT value FROM json_each(?)) ORDER BY rowid_"
        for table in spread_tables(catalog):
            number = self._numbers.get(table.physical)
            if number is not None:
                rowids = [row[0] for row in self._found.execute(sql, (number, wanted))]
                for chunk in _chunks(rowids):
                    yield table, rows_move(table), chunk

    def forget(self, slots: Sequence[int]) -> None:
        """They have moved."""
        self._found.execute("DELETE FROM found WHERE slot IN (SELECT value FROM json_each(?))", (json.dumps(list(slots)),))
        for slot in slots:
            self.rows_on[slot] = 0


def _moves(catalog: Catalog) -> list[RowsMove]:
    return [rows_move(table) for table in spread_tables(catalog)]


def _chunks(rowids: Sequence[int] | set[int]) -> Iterator[list[int]]:
    left = iter(rowids)
    while chunk := list(islice(left, _ROWS)):
        yield chunk

