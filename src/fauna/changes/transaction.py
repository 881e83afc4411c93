"""The events of one transaction, from its blocks.

They come in this order, and are numbered from 1:

    1  op ddl: what it has done to definitions, all in one event
    2  op t: tables that are empty from here on, by TRUNCATE or because an ALTER makes their rows anew (which follow, with op r)
    3  the rows of each shard's block
    4  rows that were removed in one place and put in another, brought together by primary key

The same blocks always give the same events, so that a number is a place to go on from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fauna.catalog.placement import SINGLE_SHARD, placement_of
from fauna.catalog.schema import Table
from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    PRUNED,
    RESET,
    REWRITE,
    UPDATE,
    Change,
    Header,
    Malformed,
    decode_change,
    decode_row,
    encode_row,
)
from fauna.changes import event as events
from fauna.changes.definitions import Definitions
from fauna.changes.event import TableChange, Values
from fauna.changes.json_values import Convert, to_json
from fauna.changes.netting import Netting

GONE: Final = "gone"
"""In the place of the op of an event that cannot be told any more: retention has removed the change."""
_OPS: Final = {INSERT: events.CREATE, UPDATE: events.UPDATE, DELETE: events.DELETE, REWRITE: events.READ, PRUNED: GONE}
_ROW_ID: Final = "_rowid"


@dataclass(frozen=True, slots=True)
class Part:
    """A transaction's block on one shard.  changes: gives its encoded changes, each time it is called."""

    header: Header
    changes: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is not written yet.  number: in its transaction; of_table: among those of its table; rows: decoded when asked
    for, for most are filtered out or skipped."""

    op: str
    table: Table
    header: Header
    number: int = 0
    of_table: int = 0
    transaction: str = ""
    definition: Sequence[TableChange] = ()
    shape: _Shape | None = None
    row_id: int = 0
    before: bytes = b""
    after: bytes = b""

    def json(self, database: str, position: str) -> str | None:
        """None: it says nothing, because the row looks as it did."""
        if self.definition:
            return events.ddl_envelope(database, self.transaction, self.header, position, self.number, self.definition)
        before = after = key = None
        shape = self.shape
        if shape is not None:
            before = shape.values(self.before) if self.before else None
            after = shape.values(self.after) if self.after else None
            if self.op == events.UPDATE and before == after:
                return None
            key = shape.key(after if after is not None else before, self.row_id)
        order = (self.number, self.of_table)
        return events.envelope(
            database, self.transaction, self.header, position, order, self.op, self.table, key, before, after
        )


class Transaction:
    """before, after: the definitions around it; resets: what its blocks reset on the first shard."""

    def __init__(self, parts: Sequence[Part], before: Definitions, after: Definitions, resets: frozenset[str]) -> None:
        self._parts = parts
        self._before = before
        self._after = after
        self._resets = resets
        self._shapes: dict[tuple[int, str], _Shape | None] = {}
        self._anew: set[str] = set()  # tables whose rows this transaction has made anew

    def told(self) -> Iterator[Told]:
        """Its events, in order."""
        of_table: dict[str, int] = {}
        name = self._parts[0].header.transaction
        number = 0
        for each in self._unnumbered():
            number += 1
            place = of_table[each.table.physical] = of_table.get(each.table.physical, 0) + 1
            yield replace(each, number=number, of_table=place, transaction=name)

    def _unnumbered(self) -> Iterator[Told]:
        yield from self._definitions()
        netted = self._netted()
        if not netted:
            for part in self._parts:
                for change, table, shape in self._rows(part):
                    yield self._told(part.header, change, table, shape)
            return
        netting = Netting()
        try:
            for place, part in enumerate(self._parts):
                for change, table, shape in self._rows(part):
                    if change.table in netted and change.kind != PRUNED:
                        _net(netting, place, change, shape)
                    else:
                        yield self._told(part.header, change, table, shape)
            yield from self._brought_together(netting)
        finally:
            netting.close()

    # -- definitions

    def _definitions(self) -> Iterator[Told]:
        if self._before is self._after:
            return
        header = self._parts[0].header
        changes, empty = table_changes(self._before, self._after)
        if changes:
            yield Told(events.DDL, changes[0].table, header, definition=changes)
        known = {table.id for table in empty}
        empty += [
            table for table in self._after.tables.values()
            if table.physical in self._resets and table.id not in known and table.physical in self._before.tables
        ]
        self._anew = {table.physical for table in empty}
        for table in empty:
            yield Told(events.TRUNCATE, table, header)

    # -- rows

    def _rows(self, part: Part) -> Iterator[tuple[Change, Table, _Shape]]:
        """The changes of rows that users know of."""
        shard = part.header.shard
        for encoded in part.changes():
            change = decode_change(encoded)
            if change.kind not in _OPS:
                continue
            shape = self._shape(shard, change.table)
            if shape is not None:
                yield change, shape.table, shape

    def _told(self, header: Header, change: Change, table: Table, shape: _Shape) -> Told:
        op = events.READ if change.kind == INSERT and table.physical in self._anew else _OPS[change.kind]
        return Told(op, table, header, shape=shape, row_id=change.key, before=change.before, after=change.after)

    def _shape(self, shard: int, name: str) -> _Shape | None:
        """None: the table is none of a user's, it is gone when the transaction ends, or another shard tells of it."""
        place = shard, name
        if place not in self._shapes:
            table = self._after.tables.get(name)
            if table is None or (shard != SINGLE_SHARD and placement_of(table).kind == "BROADCAST"):
                self._shapes[place] = None
            else:
                self._shapes[place] = _Shape(table, self._after.layouts.get(place, ()))
        return self._shapes[place]

    def _netted(self) -> set[str]:
        """The tables of which the same key may have been removed in one place and put in another."""
        removed: set[str] = set()
        added: set[str] = set()
        for part in self._parts:
            for change, table, shape in self._rows(part):
                if len(self._parts) == 1 and shape.is_keyed_by_row_id:
                    continue  # the engine has brought them together
                name = table.physical
                kind = change.kind
                if kind == PRUNED:
                    continue
                if kind == UPDATE:
                    if name in removed and name in added:
                        continue
                    if not shape.is_keyed_by_row_id and shape.key_of(change.before) != shape.key_of(change.after):
                        removed.add(name)
                        added.add(name)
                elif kind == DELETE:
                    removed.add(name)
                else:
                    added.add(name)
        return removed & added

    def _brought_together(self, netting: Netting) -> Iterator[Told]:
        for net in netting.rows():
            header = self._parts[net.part].header
            shape = self._shape(header.shard, net.table)
            assert shape is not None
            op = events.DELETE if net.after is None else events.CREATE if net.before is None else events.UPDATE
            row_id = shape.row_id(net.after or net.before or b"")
            yield Told(
                op, shape.table, header, shape=shape, row_id=row_id, before=net.before or b"", after=net.after or b""
            )


def _net(netting: Netting, part: int, change: Change, shape: _Shape) -> None:
    before = shape.key_of(change.before, change.key) if change.before else None
    after = shape.key_of(change.after, change.key) if change.after else None
    if before == after and before is not None:
        netting.add(change.table, before, part, change.before, change.after)
        return
    if before is not None:
        netting.add(change.table, before, part, change.before, None)
    if after is not None:
        netting.add(change.table, after, part, None, change.after)


class _Shape:
    """How the stored rows of a table on a shard are read."""

    __slots__ = ("_columns", "_key", "_row_id", "_width", "is_keyed_by_row_id", "table")

    def __init__(self, table: Table, layout: tuple[str, ...]) -> None:
        place = {name: at for at, name in enumerate(layout)}
        self.table = table
        self._width = len(layout)
        self._columns: list[tuple[str, int, Convert]] = [
            (column.name, place[column.physical], to_json(column.sql_type))
            for column in table.columns if column.physical in place
        ]  # fmt: skip
        key = table.primary_key
        names = [part.column.lower() for part in key.parts] if key is not None else []
        columns = [table.by_name[name] for name in names]
        self._key = [(column.name, place[column.physical]) for column in columns if column.physical in place]
        self._row_id = place.get(_ROW_ID, -1)
        self.is_keyed_by_row_id = key is None or table.rowid_column is not None

    def row(self, encoded: bytes) -> tuple[Stored, ...]:
        row, _ = decode_row(encoded)
        if len(row) != self._width:
            raise Malformed(f"a row of {self.table.physical} has {len(row)} columns, {self._width} were expected")
        return row

    def values(self, encoded: bytes) -> dict[str, Any]:
        row = self.row(encoded)
        return {name: None if (value := row[at]) is None else convert(value) for name, at, convert in self._columns}

    def key(self, values: Values | None, row_id: int) -> Mapping[str, Any]:
        """What names the row: its primary key, or the number that the engine has given it."""
        assert values is not None
        return {name: values[name] for name, _ in self._key} if self._key else {_ROW_ID: row_id}

    def key_of(self, encoded: bytes, row_id: int = 0) -> bytes:
        """The same as bytes, equal for the same key alone."""
        if not self._key:
            return encode_row((row_id,))
        row = self.row(encoded)
        return encode_row([row[at] for _, at in self._key])

    def row_id(self, encoded: bytes) -> int:
        value = self.row(encoded)[self._row_id] if self._row_id >= 0 else 0
        return value if isinstance(value, int) else 0


def table_changes(before: Definitions, after: Definitions) -> tuple[list[TableChange], list[Table]]:
    """What became of the tables, and which of them have lost all rows or get them anew.

    A table is the same as long as its number is; a new number under an old name is that table made anew."""
    gone = {table.id: table for table in before.entries.values()}
    new = {table.id: table for table in after.entries.values()}
    changes: list[TableChange] = []
    empty: list[Table] = []
    for number in sorted(gone.keys() & new.keys()):
        was, now = gone.pop(number), new.pop(number)
        if was is not now and was != now:
            changes.append(TableChange(was, now))
    by_name = {(table.schema, table.name): table for table in gone.values()}
    for _, made in sorted(new.items()):
        replaced = by_name.pop((made.schema, made.name), None)
        if replaced is not None:
            empty.append(made)
        if replaced is None or not _is_alike(replaced, made):
            changes.append(TableChange(replaced, made))
    changes += [TableChange(dropped, None) for _, dropped in sorted(by_name.items())]
    return changes, empty


def _is_alike(one: Table, other: Table) -> bool:
    """Whether the two differ only in how the engine knows them."""

    def plain(table: Table) -> Table:
        return replace(table, id=0, indexes=tuple([replace(index, physical="") for index in table.indexes]))

    return plain(one) == plain(other)


def resets_of(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(change.table for change in changes if change.kind == RESET)
