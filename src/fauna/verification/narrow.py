"""Which rows it is, when the sums of a table differ.

First the sums are taken again in many buckets, by the row's hash; then all rows in some of the buckets that differ are put
side by side, from the chain and from the file.  Both passes read the whole chain; memory is bounded by the buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    RESET,
    REWRITE,
    UPDATE,
    decode_change,
    decode_header,
    decode_row,
    encode_row,
)
from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.verification.fold import CURRENT, Hashes, P, row_hash

BUCKETS: Final = 1 << 14
BUCKETS_SHOWN: Final = 64
TABLES_MAX: Final = 16

Place = tuple[int, str]
"""A block's height, and its transaction."""
RowsOf = Callable[[str], Iterator[tuple[Any, ...]]]
"""By a table's name."""


@dataclass(slots=True)
class Difference:
    """Of a row: as the chain says, and as it is stored.  None: not there.  place: the block that says so."""

    place: Place
    sealed: tuple[Any, ...] | None
    stored: tuple[Any, ...] | None


@dataclass(slots=True)
class _Suspect:
    table: str
    base: Any
    alive: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    versions: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    differ: frozenset[int] = frozenset()
    rows: dict[bytes, int] = field(default_factory=dict)
    places: dict[bytes, Place] = field(default_factory=dict)
    spans: dict[bytes, list[list[int]]] = field(default_factory=dict)


class Narrowing:
    """Of the tables of one shard, whose rows or row versions differ."""

    def __init__(self, blocks: apsw.Connection, hashes: Hashes, tables: Iterable[str], height: int) -> None:
        """height: up to which the chain is compared."""
        self._reader = BlockReader(blocks)
        self._hashes = hashes
        self._height = height
        names = list(tables)[:TABLES_MAX]
        self._suspects = {name: _Suspect(name, hashes.of_table(name.encode("utf-8", "surrogatepass"))) for name in names}
        self.more: set[str] = set()
        """Tables of which more rows differ than are told."""

    def rows(self, stored: RowsOf, keys: Callable[[str], Sequence[int]]) -> Iterator[tuple[str, Difference]]:
        """stored: a table's rows; keys: which columns name a row."""
        self._sum()
        for suspect in self._suspects.values():
            sums = suspect.alive
            for _, value in self._hashed(suspect, stored(suspect.table)):
                sums[value % BUCKETS] -= value
            self._choose(suspect, sums)
        self._collect()
        for suspect in self._suspects.values():
            there: dict[bytes, int] = {}
            for row, value in self._hashed(suspect, stored(suspect.table)):
                if value % BUCKETS in suspect.differ:
                    there[row] = there.get(row, 0) + 1
            yield from self._rows_apart(suspect, there, keys(suspect.table))

    def rows_beside(
        self, known: RowsOf, stored: RowsOf, keys: Callable[[str], Sequence[int]]
    ) -> Iterator[tuple[str, Difference]]:
        """The same where not the chain says which rows there must be, but `known` does."""
        for suspect in self._suspects.values():
            sums = suspect.alive
            for rows, sign in ((known, 1), (stored, -1)):
                for _, value in self._hashed(suspect, rows(suspect.table)):
                    sums[value % BUCKETS] += sign * value
            self._choose(suspect, sums)
            there: dict[bytes, int] = {}
            for rows, counts in ((known, suspect.rows), (stored, there)):
                for row, value in self._hashed(suspect, rows(suspect.table)):
                    if value % BUCKETS in suspect.differ:
                        counts[row] = counts.get(row, 0) + 1
            yield from self._rows_apart(suspect, there, keys(suspect.table))

    def versions(self, stored: RowsOf) -> Iterator[tuple[str, Difference]]:
        """stored: a table's row versions.  The differences have row_start and row_end as their last columns."""
        self._sum()
        weight = self._hashes.weight
        for suspect in self._suspects.values():
            sums = suspect.versions
            for row in _with_spans(stored(suspect.table)):
                value = row_hash(suspect.base, encode_row(row[:-2]))
                span = weight(row[-2]) - (weight(row[-1]) if row[-1] != CURRENT else 0)
                sums[value % BUCKETS] = (sums[value % BUCKETS] - value * span) % P
            self._choose(suspect, sums)
        self._collect()
        for suspect in self._suspects.values():
            found: dict[bytes, list[list[int]]] = {}
            for row in _with_spans(stored(suspect.table)):
                encoded = encode_row(row[:-2])
                if row_hash(suspect.base, encoded) % BUCKETS in suspect.differ and row[-2] != row[-1]:
                    found.setdefault(encoded, []).append([row[-2], row[-1]])
            yield from self._versions_apart(suspect, found)

    # -- passes

    def _hashed(self, suspect: _Suspect, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[bytes, int]]:
        for row in rows:
            encoded = encode_row(row)
            yield encoded, row_hash(suspect.base, encoded)

    def _choose(self, suspect: _Suspect, sums: list[int]) -> None:
        differ = [i for i, value in enumerate(sums) if value % P]
        if len(differ) > BUCKETS_SHOWN:
            self.more.add(suspect.table)
        suspect.differ = frozenset(differ[:BUCKETS_SHOWN])

    def _events(self) -> Iterator[tuple[_Suspect, Place, int, int, bytes, bytes]]:
        """Of each change of a suspect: it, the block, the block's time, the kind, the row before and after."""
        for height in range(1, self._height + 1):
            try:
                for block in self._reader.blocks(height, height):
                    header = decode_header(block.header)
                    place = (height, header.transaction)
                    for encoded in self._reader.changes(block):
                        change = decode_change(encoded)
                        suspect = self._suspects.get(change.table)
                        if suspect is not None:
                            yield suspect, place, header.time_us, change.kind, change.before, change.after
            except (apsw.Error, FaunaError, TypeError, UnicodeDecodeError):
                continue  # it has been told

    def _sum(self) -> None:
        weight = self._hashes.weight
        for suspect, _, time_us, kind, before, after in self._events():
            g = weight(time_us)
            alive, versions = suspect.alive, suspect.versions
            if kind == RESET:
                for i in range(BUCKETS):
                    versions[i] = (versions[i] - alive[i] * g) % P
                suspect.alive = [0] * BUCKETS
            if kind in (UPDATE, DELETE):
                value = row_hash(suspect.base, before)
                alive[value % BUCKETS] -= value
                versions[value % BUCKETS] = (versions[value % BUCKETS] - value * g) % P
            if kind in (INSERT, UPDATE, REWRITE):
                value = row_hash(suspect.base, after)
                alive[value % BUCKETS] += value
                versions[value % BUCKETS] = (versions[value % BUCKETS] + value * g) % P

    def _collect(self) -> None:
        for suspect, place, time_us, kind, before, after in self._events():
            if kind == RESET:
                suspect.rows.clear()
                for spans in suspect.spans.values():
                    while _end(spans, time_us):
                        pass
            if kind in (UPDATE, DELETE) and row_hash(suspect.base, before) % BUCKETS in suspect.differ:
                suspect.rows[before] = suspect.rows.get(before, 0) - 1
                suspect.places[before] = place
                _end(suspect.spans.setdefault(before, []), time_us)
            if kind in (INSERT, UPDATE, REWRITE) and row_hash(suspect.base, after) % BUCKETS in suspect.differ:
                suspect.rows[after] = suspect.rows.get(after, 0) + 1
                suspect.places[after] = place
                suspect.spans.setdefault(after, []).append([time_us, CURRENT])

    # -- side by side

    def _rows_apart(self, suspect: _Suspect, there: dict[bytes, int], keys: Sequence[int]) -> Iterator[tuple[str, Difference]]:
        sealed: dict[tuple[Any, ...], tuple[bytes, Place]] = {}
        stored: dict[tuple[Any, ...], bytes] = {}
        for row in {**suspect.rows, **there}:
            count = suspect.rows.get(row, 0) - there.get(row, 0)
            values = decode_row(row)[0]
            key = tuple([values[i] for i in keys if i < len(values)])
            if count > 0:
                sealed[key] = row, suspect.places.get(row, (0, ""))
            elif count < 0:
                stored[key] = row
        for key in {**sealed, **stored}:
            was, now = sealed.get(key), stored.get(key)
            place = was[1] if was is not None else suspect.places.get(now, (0, "")) if now is not None else (0, "")
            yield suspect.table, Difference(place, _decoded(was[0]) if was else None, _decoded(now) if now is not None else None)

    def _versions_apart(self, suspect: _Suspect, found: dict[bytes, list[list[int]]]) -> Iterator[tuple[str, Difference]]:
        for row in {**suspect.spans, **found}:
            wanted = sorted(span for span in suspect.spans.get(row, []) if span[0] != span[1])
            there = sorted(found.get(row, []))
            place = suspect.places.get(row, (0, ""))
            values = _decoded(row)
            missing = [span for span in wanted if span not in there]
            extra = [span for span in there if span not in wanted]
            for i in range(max(len(missing), len(extra))):
                yield (
                    suspect.table,
                    Difference(
                        place,
                        (*values, *missing[i]) if i < len(missing) else None,
                        (*values, *extra[i]) if i < len(extra) else None,
                    ),
                )


def _with_spans(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Without those whose time is damaged."""
    return (row for row in rows if isinstance(row[-2], int) and isinstance(row[-1], int))


def _end(spans: list[list[int]], time_us: int) -> bool:
    """End the version that has not ended, if there is one."""
    for span in reversed(spans):
        if span[1] == CURRENT:
            span[1] = time_us
            return True
    return False


def _decoded(row: bytes) -> tuple[Stored, ...]:
    return decode_row(row)[0]
