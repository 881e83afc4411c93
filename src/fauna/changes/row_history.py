"""The versions of one row, found by its primary key: what it was, from when to when, and which transaction made it so.

A table that ALTER makes anew has another number and another layout, and its columns keep theirs: versions are found in all of
them, and shown in the columns that the table has had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fauna.catalog import store
from fauna.catalog.placement import SINGLE_SHARD, placement_of
from fauna.catalog.rebuild import keeps_values
from fauna.catalog.schema import Column, Table
from fauna.catalog.types import BYTES, Kind, SqlType, Stored
from fauna.catalog.values import text_of
from fauna.chain.encoding import Header
from fauna.errors import SqlError, error
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.versions import CURRENT, Layout
from fauna.sql.convert import StoreLabel, store_conversion
from fauna.txn.past import Past

_NAMED: Final = (
    "SELECT definition, row_start, row_end FROM h_catalog_entries "
    "WHERE kind = 'table' AND schema = ?1 AND name = ?2 ORDER BY row_start"
)
_NUMBERED: Final = (
    "SELECT schema, name, definition, row_start, row_end FROM h_catalog_entries "
    "WHERE kind = 'table' AND json_extract(definition, '$.id') = ?1 ORDER BY row_start"
)
_BEFORE: Final = (
    "SELECT definition FROM h_catalog_entries WHERE kind = 'table' AND schema = ?1 AND name = ?2 AND row_end = ?3"
)
_TEXT: Final = SqlType(Kind.LONGTEXT, 4_294_967_295, collation="utf8mb4_general_ci")
_INSERT: Final = "INSERT"
_UPDATE: Final = "UPDATE"
_DELETE: Final = "DELETE"
_ALTER: Final = "ALTER"

Key = Sequence[tuple[SqlType, Stored]]


@dataclass(frozen=True, slots=True)
class Version:
    """row_end_us: None while it is current.  op: INSERT, UPDATE, ALTER (a change of definitions made the row anew), or DELETE,
    whose values are the key alone."""

    op: str
    row_start_us: int
    row_end_us: int | None
    transaction: str
    user: str
    values: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class RowHistory:
    """columns: names and types of the values; versions: newest first."""

    columns: tuple[tuple[str, SqlType], ...]
    versions: Sequence[Version]


@dataclass(frozen=True, slots=True)
class _Definition:
    table: Table
    row_start: int
    row_end: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A version as it is stored.  values: by column number."""

    row_start: int
    row_end: int
    shard: int
    values: Mapping[int, tuple[SqlType, Stored]]


def row_history(shards: Sequence[SqliteShard], past: Past, schema: str, name: str, key: Key) -> RowHistory:
    """Error 1146 for a table that there never was, 1105 for a key that does not fit the primary key, 1032 for a row that there
    never was.  It may take long."""
    past.catch_up(past.now_us())
    definitions = _definitions(shards[SINGLE_SHARD], schema, name)
    latest = next(each.table for each in reversed(definitions) if (each.table.schema, each.table.name) == (schema, name))
    names = _key_columns(latest, key)
    found: list[_Found] = []
    for shard in shards if placement_of(latest).kind == "HASH" else shards[:1]:
        for each in {each.table.id: each.table for each in definitions}:
            for layout in shard.versions.layouts(f"t{each}"):
                table = _table_at(definitions, each, layout.row_start)
                found += _versions(shard, layout, table, latest, names, key)
    if not found:
        shown = ", ".join([str(value) for _, value in key])
        raise error("NO_SUCH_ROW", f"{schema}.{name}", shown)
    columns = _columns(latest, definitions)
    return RowHistory(tuple([(column.name, sql_type) for column, sql_type in columns]), _told(shards, found, columns, names))


def _definitions(first: SqliteShard, schema: str, name: str) -> list[_Definition]:
    """What the table has been, under this name and others; oldest first.  Of several that had the name one after another, the
    last: each is a table of its own."""
    rows = first.versions.rows
    named = rows(_NAMED, (schema, name))
    if not named:
        raise error("NO_SUCH_TABLE", schema, name)
    waiting = {_number(named[-1][0])}
    found: list[_Definition] = []
    seen: set[int] = set()
    while waiting:
        number = waiting.pop()
        seen.add(number)
        of_number = [
            _Definition(store.load_table(of_schema, of_name, text), int(row_start), int(row_end))
            for of_schema, of_name, text, row_start, row_end in rows(_NUMBERED, (number,))
        ]
        found += of_number
        began = of_number[0]
        before = rows(_BEFORE, (began.table.schema, began.table.name, began.row_start))
        waiting |= {_number(row[0]) for row in before} - seen  # made anew, it has another number
    return sorted(found, key=lambda each: each.row_start)


def _number(definition: str) -> int:
    return int(json.loads(definition)["id"])


def _table_at(definitions: Sequence[_Definition], number: int, time_us: int) -> Table:
    of_number = [each for each in definitions if each.table.id == number]
    return next((each.table for each in of_number if each.row_start <= time_us < each.row_end), of_number[0].table)


def _key_columns(table: Table, key: Key) -> list[Column]:
    """The columns that the key's values are of; none: the number of the row itself."""
    primary = table.primary_key
    columns = [table.by_name[part.column.lower()] for part in primary.parts] if primary is not None else []
    if len(key) != max(1, len(columns)):
        what = ", ".join([column.name for column in columns]) or "none, so that one value is expected, the number of the row"
        raise error("UNKNOWN_ERROR", f"the primary key of {table.schema}.{table.name} is: {what}; {len(key)} values were given")
    return columns


def _versions(
    shard: SqliteShard, layout: Layout, table: Table, latest: Table, names: Sequence[Column], key: Key
) -> Iterator[_Found]:
    """Those of one layout."""
    by_number = {column.physical: column for column in table.columns}
    if not names:
        number = store_conversion(key[0][0], SqlType(Kind.BIGINT, 20), StoreLabel(latest.schema, latest.name, "_rowid"))
        wanted = [key[0][1] if number is None else number(key[0][1])]
        conditions = ['"_rowid" = ?'] if "_rowid" in layout.columns else []
    else:
        wanted, conditions = [], []
        for column, (source, value) in zip(names, key, strict=True):
            there = by_number.get(column.physical)
            if there is None or column.physical not in layout.columns:
                return
            try:
                wanted.append(_stored(source, value, there.sql_type, latest, column))
            except SqlError:
                if there.sql_type == column.sql_type:
                    raise
                return  # no row can have had that key then
            conditions.append(f'"{column.physical}" = ?')
    if not conditions:
        return
    columns = ", ".join([f'"{name}"' for name in layout.columns])
    sql = f"SELECT {columns}, row_start, row_end FROM {layout.table} WHERE {' AND '.join(conditions)} AND row_start >= ?"
    sql += " AND row_start < ?"
    for *row, row_start, row_end in shard.versions.rows(sql, [*wanted, layout.row_start, layout.row_end]):
        values = {
            by_number[name].number: (by_number[name].sql_type, value)
            for name, value in zip(layout.columns, row, strict=True) if name in by_number
        }  # fmt: skip
        yield _Found(int(row_start), int(row_end), shard.number, values)


def _stored(source: SqlType, value: Stored, target: SqlType, table: Table, column: Column) -> Stored:
    convert = store_conversion(source, target, StoreLabel(table.schema, table.name, column.name))
    return value if value is None or convert is None else convert(value)


def _columns(latest: Table, definitions: Sequence[_Definition]) -> list[tuple[Column, SqlType]]:
    """The columns that the table has and, after them, those that it has had.  One whose old values do not fit its type is
    text."""
    columns = {column.number: column for column in latest.columns}
    types = {column.number: column.sql_type for column in latest.columns}
    for each in reversed(definitions):
        for column in each.table.columns:
            known = types.get(column.number)
            if known is None:
                if column.name.lower() not in {other.name.lower() for other in columns.values()}:
                    columns[column.number], types[column.number] = column, column.sql_type
            elif known is not _TEXT and not keeps_values(column.sql_type, known):
                types[column.number] = _TEXT
    return [(column, types[number]) for number, column in columns.items() if not column.generated or column.stored]


def _told(
    shards: Sequence[SqliteShard], found: list[_Found], columns: Sequence[tuple[Column, SqlType]], names: Sequence[Column]
) -> list[Version]:
    """The versions as they follow one another, newest first."""
    told: list[Version] = []
    for each in sorted(found, key=lambda version: (version.row_start, version.row_end)):
        values = tuple([_value(each.values.get(column.number), sql_type) for column, sql_type in columns])
        end = None if each.row_end == CURRENT else each.row_end
        before = told[-1] if told else None
        follows = before is not None and before.row_end_us == each.row_start
        if before is not None and follows and before.values == values:
            told[-1] = replace(before, row_end_us=end)  # it has only gone elsewhere
            continue
        if before is not None and before.row_end_us is not None and not follows:
            told.append(_deleted(shards, found, before, each.row_start, columns, names))
        header = _header(shards[each.shard], each.row_start)
        op = _INSERT if not follows else _ALTER if header.schema == header.height else _UPDATE
        told.append(Version(op, each.row_start, end, header.transaction, header.user, values))
    if told[-1].row_end_us is not None:
        told.append(_deleted(shards, found, told[-1], None, columns, names))
    told.reverse()
    return told


def _deleted(
    shards: Sequence[SqliteShard], found: Sequence[_Found], last: Version, until_us: int | None,
    columns: Sequence[tuple[Column, SqlType]], names: Sequence[Column],
) -> Version:  # fmt: skip
    at_us = last.row_end_us
    assert at_us is not None
    shard = next(each.shard for each in found if each.row_end == at_us)
    header = _header(shards[shard], at_us)
    keys = {column.number for column in names}
    values = tuple([
        value if column.number in keys else None for (column, _), value in zip(columns, last.values, strict=True)
    ])  # fmt: skip
    return Version(_DELETE, at_us, until_us, header.transaction, header.user, values)


def _header(shard: SqliteShard, time_us: int) -> Header:
    chain = shard.open_chain()
    try:
        return chain.must_get_header(chain.height_at(time_us))
    finally:
        chain.close()


def _value(found: tuple[SqlType, Stored] | None, shown_as: SqlType) -> Stored:
    if found is None or found[1] is None:
        return None
    sql_type, value = found
    if shown_as is not _TEXT or sql_type == _TEXT:
        return value
    text = _text(sql_type)(value)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _text(sql_type: SqlType) -> Callable[[Any], Any]:
    return bytes if sql_type.kind in BYTES else text_of(sql_type)
