"""What tables there are at a block, and in which order their columns are stored.

Both are read from the chains themselves: the catalog is rows on the first shard, and each shard's blocks have the statements
that made its tables.  A header names the latest block that changed definitions, so that those blocks are found one from another,
without looking at those between.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

import apsw

from fauna.catalog import store
from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Table
from fauna.chain.encoding import DELETE, INSERT, RESET, SCHEMA, UPDATE, Change, decode_change
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.columns import read_columns

TableName = tuple[str, str]
_ENTRIES: Final = "catalog_entries"
_LAYOUTS_MAX: Final = 4096
_TABLE: Final = re.compile(r"\s*(CREATE|ALTER|DROP) TABLE (?:IF (?:NOT )?EXISTS )?\"?(t\d+)\b", re.ASCII)
_ADDED: Final = re.compile(r"\s*ALTER TABLE \"?\w+\"? ADD COLUMN \"?(\w+)", re.ASCII)
_TEXTS: Final = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True)
class Definitions:
    """Never changed; a block makes the next one.

    entries   the tables, by database and name
    layouts   the stored columns of a table on a shard, in order, by shard and engine's name
    """

    entries: Mapping[TableName, Table] = field(default_factory=dict)
    layouts: Mapping[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """By the engine's name."""
        return {table.physical: table for table in self.entries.values()}


class Layouts:
    """Finds the stored columns in a CREATE TABLE of ours, by making the table in memory.  Any thread may ask."""

    def __init__(self, configure: Callable[[apsw.Connection], None]) -> None:
        """configure: registers the functions and collations that definitions name."""
        self._configure = configure
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self.of = lru_cache(maxsize=_LAYOUTS_MAX)(self._read)

    def _read(self, statement: str, table: str) -> tuple[str, ...]:
        with self._lock:
            if self._connection is None:
                self._connection = apsw.Connection(":memory:")
                self._configure(self._connection)
            run = self._connection.execute
            run(statement)
            try:
                return tuple([column.name for column in read_columns(run, table).stored])
            finally:
                run(f'DROP TABLE "{table}"')

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close(True)
                self._connection = None


def defining(changes: Iterable[bytes]) -> list[Change]:
    """Those of a block's changes that are about definitions, in order."""
    return [
        change for change in map(decode_change, changes)
        if change.kind in (RESET, SCHEMA) or (change.table == _ENTRIES and change.kind in (INSERT, UPDATE, DELETE))
    ]


def after(before: Definitions, shard: int, changes: Sequence[Change], layouts: Layouts) -> Definitions:
    """The definitions once these changes, of one block, have been made.  The catalog is the first shard's."""
    entries, stored = dict(before.entries), dict(before.layouts)
    _apply(entries, stored, shard, changes, layouts)
    return Definitions(entries, stored)


def _apply(
    entries: dict[TableName, Table], stored: dict[tuple[int, str], tuple[str, ...]], shard: int, changes: Sequence[Change],
    layouts: Layouts,
) -> None:  # fmt: skip
    for change in changes:
        if change.kind == SCHEMA:
            _define(stored, shard, change.statement, layouts)
        elif change.table == _ENTRIES and shard == SINGLE_SHARD:
            row = change.row_before
            if row is not None and row[0] == "table":
                entries.pop((str(row[1]), str(row[2])), None)
            row = change.row_after
            if row is not None and row[0] == "table":
                schema, name = str(row[1]), str(row[2])
                entries[schema, name] = store.load_table(schema, name, str(row[3]))


def _define(stored: dict[tuple[int, str], tuple[str, ...]], shard: int, statement: str, layouts: Layouts) -> None:
    found = _TABLE.match(statement)
    if found is None:
        return
    verb, name = found.groups()
    if verb == "CREATE":
        stored[shard, name] = layouts.of(statement, name)
    elif verb == "DROP":
        stored.pop((shard, name), None)
    else:
        added = _ADDED.match(statement)
        # Only a generated column that is not stored is ever added as a generated one.
        if added is not None and " GENERATED ALWAYS AS " not in _TEXTS.sub("", statement):
            stored[shard, name] = (*stored[shard, name], added[1])


def defining_heights(chain: BlockReader, height: int) -> tuple[int, ...]:
    """The blocks up to `height` that changed definitions, the latest first."""
    found: list[int] = []
    while height > 0:
        header = chain.must_get_header(height)
        if not header.schema:
            break
        found.append(header.schema)
        height = header.schema - 1
    return tuple(found)


def at(chains: Sequence[BlockReader], heights: Sequence[int], layouts: Layouts) -> Definitions:
    """The definitions once each shard has the blocks up to its height."""
    places = []
    for shard, (chain, height) in enumerate(zip(chains, heights, strict=True)):
        places += [(chain.must_get_header(each).time_us, shard, each) for each in defining_heights(chain, height)]
    entries: dict[TableName, Table] = {}
    stored: dict[tuple[int, str], tuple[str, ...]] = {}
    for _, shard, height in sorted(places):
        chain = chains[shard]
        _apply(entries, stored, shard, defining(chain.changes(chain.must_get_block(height))), layouts)
    return Definitions(entries, stored)
