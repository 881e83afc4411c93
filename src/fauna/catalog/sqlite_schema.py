"""The SQLite objects behind a table: its CREATE TABLE, its indexes, and the copy from one form to another.

    t<id>          the table, STRICT; columns c<number>, and `_rowid` when the rowid is no column of the user's
    i<id>_<n>      an index
    fk<id>_<n>_…   triggers of a foreign key (see foreign_keys)
    s<id>          a sequence
    auto_increment (table_id, next): the next AUTO_INCREMENT value of each table that has one

A CHECK is named "t<id>#<name>", a column's own "t<id>:c<number>", so that SQLite's message names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fauna.catalog.ddl_plan import DdlContext, ScriptLine
from fauna.catalog.literals import sqlite_literal, sqlite_name
from fauna.catalog.schema import Check, Column, Index, IndexPart, Table
from fauna.catalog.types import BLOBS, BYTES, CHARS, FLOATS, TEXTS, Kind, SqlType, Stored

ROWID: Final = "_rowid"


def storage_class(sql_type: SqlType) -> str:
    """The STRICT column type that holds a type's stored values."""
    kind = sql_type.kind
    if sql_type.is_big_unsigned:
        return "ANY"
    if kind is Kind.DECIMAL:
        return "BLOB" if sql_type.wide else "INTEGER"
    if kind in FLOATS:
        return "REAL"
    if kind in CHARS or kind in (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP):
        return "TEXT"
    return "BLOB" if kind in BYTES else "INTEGER"


def collate_clause(sql_type: SqlType) -> str:
    return f" COLLATE {sql_type.collation}" if sql_type.kind in CHARS and sql_type.collation else ""


def column_text(table: Table, column: Column, context: DdlContext, checks: Sequence[Check] = ()) -> str:
    """One column of a CREATE TABLE, with the checks that belong to it."""
    text = f"{column.physical} {storage_class(column.sql_type)}"
    if column is table.rowid_column:
        text += " PRIMARY KEY"
    text += collate_clause(column.sql_type)
    if column.generated:
        sql, source = context.compile_expression(table, context.parse_expression(column.generated))
        sql = context.store_expression(source, column.sql_type, sql, column.name)
        text += f" GENERATED ALWAYS AS ({sql}) {'STORED' if column.stored else 'VIRTUAL'}"
    elif not column.nullable:
        text += " NOT NULL"
    return "".join([text, *(" " + check_text(table, check, context) for check in checks)])


def check_name(table: Table, check: Check) -> str:
    if not check.column:
        return f"{table.physical}#{check.name}"
    column = table.column(check.column)
    assert column is not None
    return f"{table.physical}:{column.physical}"


def check_text(table: Table, check: Check, context: DdlContext) -> str:
    sql, _ = context.compile_expression(table, context.parse_expression(check.text))
    return f"CONSTRAINT {sqlite_name(check_name(table, check))} CHECK ({sql})"


def create_table(table: Table, context: DdlContext) -> ScriptLine:
    items = [] if table.rowid_column is not None else [f"{ROWID} INTEGER PRIMARY KEY"]
    items += [column_text(table, column, context) for column in table.columns]
    items += [check_text(table, check, context) for check in table.checks]
    return f"CREATE TABLE {table.physical} ({', '.join(items)}) STRICT", ()


def create_index(table: Table, index: Index) -> ScriptLine:
    unique = "UNIQUE " if index.unique else ""
    parts = ", ".join(_part_text(table, index, part) for part in index.parts)
    return f"CREATE {unique}INDEX {index.physical} ON {table.physical}({parts})", ()


def _part_text(table: Table, index: Index, part: IndexPart) -> str:
    column = table.column(part.column)
    assert column is not None
    text = column.physical
    if _cut(index, part, column):
        text = f"substr({text}, 1, {part.length}){collate_clause(column.sql_type)}"
    return text + " DESC" if part.descending else text


def _cut(index: Index, part: IndexPart, column: Column) -> bool:
    """Whether the index holds only the prefix: a unique key must; another may as well serve lookups of the whole value,
    as long as values are short."""
    if part.length is None:
        return False
    return index.unique or column.sql_type.kind in TEXTS or column.sql_type.kind in BLOBS


def create_indexes(table: Table) -> list[ScriptLine]:
    """Last first: SQLite checks the index made last before the others, MySQL the first."""
    return [create_index(table, index) for index in reversed(table.indexes) if index.physical]


def start_auto_increment(table: Table, first: int) -> list[ScriptLine]:
    if table.auto_column is None:
        return []
    return [("INSERT INTO auto_increment(table_id, next) VALUES (?, ?)", (table.id, max(first, 1)))]


def raise_auto_increment(table: Table, least: int, before: Table | None = None) -> list[ScriptLine]:
    """Set the next value to `least`, but no lower than one more than the largest in use, nor than that of `before`."""
    column = table.auto_column
    if column is None:
        return []
    largest = (
        f"SELECT CAST(coalesce(max({column.physical}), 0) AS INTEGER) + 1 FROM {table.physical} "
        f"WHERE typeof({column.physical}) IN ('integer', 'real')"
    )
    kept = "SELECT coalesce(max(next), 1) FROM auto_increment WHERE table_id = ?"
    return [
        (
            f"INSERT OR REPLACE INTO auto_increment(table_id, next) VALUES (?, max(?, ({largest}), ({kept})))",
            (table.id, max(least, 1), before.id if before is not None else 0),
        )
    ]


def drop_table(table: Table) -> list[ScriptLine]:
    script: list[ScriptLine] = [(f"DROP TABLE {table.physical}", ())]
    if table.auto_column is not None:
        script.append(("DELETE FROM auto_increment WHERE table_id = ?", (table.id,)))
    return script


def create_whole(table: Table, context: DdlContext, first: int = 1) -> list[ScriptLine]:
    """A new table with its indexes and AUTO_INCREMENT counter; foreign keys are the caller's."""
    return [create_table(table, context), *create_indexes(table), *start_auto_increment(table, first)]


def add_column(table: Table, column: Column, value: Stored, context: DdlContext) -> ScriptLine:
    """ALTER TABLE … ADD COLUMN; existing rows read `value`."""
    checks = [check for check in table.checks if check.column and check.column.lower() == column.name.lower()]
    text = column_text(table, column, context, checks)
    if value is not None:
        text += f" DEFAULT {sqlite_literal(value)}"
    return f"ALTER TABLE {table.physical} ADD COLUMN {text}", ()
