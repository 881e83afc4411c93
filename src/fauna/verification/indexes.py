"""Whether indexes say what the rows do.

SQLite's own `integrity_check` looks up each row in each index.  That is quick where keys are compared by bytes; a collation of
ours costs a call of Python for each of some twenty comparisons, a minute for a few million rows.  So a table with such an index
is looked at otherwise: the entries of the index and what the rows should have as entries are the same multiset (`fold`), and
each entry is not less than the one before it.  Where an index cannot be read alone (an index on an expression, say), it is
`integrity_check` after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from fauna.errors import SqlError
from fauna.shard.engines.sqlite.columns import read_columns
from fauna.sql.collation import Compare, compare
from fauna.verification.fold import Hashes, P, add_entries, row_hash_of

_BINARY: Final = "BINARY"
_KINDS: Final = {type(None): 0, int: 1, float: 1, str: 2, bytes: 3}


@dataclass(frozen=True, slots=True)
class _Index:
    """columns: quoted, and the rowid; collations and descending: of each column."""

    name: str
    unique: bool
    columns: tuple[str, ...]
    collations: tuple[str, ...]
    descending: tuple[bool, ...]


def problems(connection: apsw.Connection, table: str, hashes: Hashes) -> Iterator[str]:
    """What is wrong with the indexes of a table."""
    indexes = _readable(connection, table)
    if indexes is None or all(name == _BINARY for index in indexes for name in index.collations):
        for (line,) in connection.execute(f'PRAGMA integrity_check("{table}")'):
            if line != "ok":
                yield str(line)
        return
    wanted = sorted({column for index in indexes for column in index.columns})
    places = [tuple([wanted.index(column) for column in index.columns]) for index in indexes]
    rows = connection.cursor().execute(f'SELECT {", ".join(wanted)} FROM "{table}" NOT INDEXED')
    of_rows = add_entries(hashes, table, rows, places)
    for index, expected in zip(indexes, of_rows, strict=True):
        orders = [compare_by(name) for name in index.collations]
        before: Sequence[Any] | None = None
        total = unordered = 0
        base = hashes.of_table(table.encode("utf-8", "surrogatepass"))
        for entry in connection.cursor().execute(_scan(table, index)):
            total += row_hash_of(base, entry)
            if before is not None and not _in_order(index, before, entry, orders):
                unordered += 1
            before = entry
        if total % P != expected % P:
            yield f"the entries of index {index.name} are not those of the rows of {table}"
        if unordered:
            yield f"{unordered} entries of index {index.name} are not in order, or not unique"


def _scan(table: str, index: _Index) -> str:
    return f'SELECT {", ".join(index.columns)} FROM "{table}" INDEXED BY "{index.name}"'


def _readable(connection: apsw.Connection, table: str) -> list[_Index] | None:
    """The indexes of a table; None when one of them cannot be read without the table."""
    found: list[_Index] = []
    # A column that is the rowid is read from the rowid, whatever the index has in its place.
    rowid = read_columns(connection.execute, table).rowid or None
    for row in connection.execute(f'PRAGMA index_list("{table}")').fetchall():
        name, unique, partial = str(row[1]), bool(row[2]), bool(row[4])
        parts = connection.execute(f'PRAGMA index_xinfo("{name}")').fetchall()
        named = [part for part in parts if part[1] != -1]
        known = all(part[1] != -2 and part[2] != rowid and _is_known(str(part[4])) for part in named)
        if partial or not known or len(named) == len(parts):
            return None
        columns = tuple(["rowid" if part[1] == -1 else f'"{part[2]}"' for part in parts])
        index = _Index(name, unique, columns, tuple([str(part[4]) for part in parts]), tuple([bool(part[3]) for part in parts]))
        plan = connection.execute(f"EXPLAIN QUERY PLAN {_scan(table, index)}").fetchall()
        if not any(f"USING COVERING INDEX {name}" in str(step[3]) for step in plan):
            return None
        found.append(index)
    return found


def _is_known(collation: str) -> bool:
    try:
        compare_by(collation)
    except SqlError:
        return False
    return True


def compare_by(collation: str) -> Compare:
    """-1, 0 or 1, as the index orders two texts."""
    return _compare_bytes if collation == _BINARY else compare(collation)


def _compare_bytes(a: str, b: str) -> int:
    left, right = a.encode("utf-8", "surrogatepass"), b.encode("utf-8", "surrogatepass")
    return (left > right) - (left < right)


def _in_order(index: _Index, before: Sequence[Any], entry: Sequence[Any], orders: Sequence[Compare]) -> bool:
    """Whether an entry may come after another."""
    last = len(entry) - 1  # the rowid
    for i in range(last):
        a, b = before[i], entry[i]
        if a is b:
            continue
        kind = type(a)
        if kind is type(b):
            if a == b:
                continue
            order = orders[i](a, b) if kind is str else (a > b) - (a < b)
        else:
            left, right = _KINDS[kind], _KINDS[type(b)]
            order = (left > right) - (left < right) or (a > b) - (a < b)
        if order:
            return (order < 0) != index.descending[i]
    if index.unique and None not in entry:
        return False
    return bool(before[last] < entry[last])
