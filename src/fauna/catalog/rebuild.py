"""How SQLite gets from one form of a table to another: in place where that is possible, else by a copy.

In place: names, defaults, comments and order (the catalog alone); columns added at the end of the SQLite table; indexes;
types whose stored values are the same.  All else makes t<new id>, copies the rows with their values converted as strict
assignment does, and drops the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fauna.catalog import sqlite_schema
from fauna.catalog.column_definition import implicit_default
from fauna.catalog.ddl_plan import ScriptLine
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.drop import with_new_id
from fauna.catalog.expressions import rename_columns
from fauna.catalog.foreign_keys import at_query_node, is_self_reference
from fauna.catalog.literals import sqlite_literal
from fauna.catalog.schema import Check, Column, ForeignKey, Table
from fauna.catalog.types import BYTES, CHARS, INTEGERS, Kind, SqlType, integer_range

_NOW: Final = "current_timestamp("


def apply(
    work: DdlWork, old: Table, new: Table, *, renames: Mapping[str, str], auto_increment: int | None, ignore: bool
) -> Table:
    """Add to the script what makes SQLite's table fit `new`; gives `new` with the id it ends up with."""
    if _in_place(work, old, new, renames):
        _change_in_place(work, old, new)
        if auto_increment is not None and new.auto_column is not None:
            work.script += sqlite_schema.raise_auto_increment(new, auto_increment)
        if _retyped(old, new):
            work.count_rows = f"SELECT count(*) FROM {new.physical}"
        return new
    instant = _only_drops(old, new)
    new = with_new_id(new, work.new_id(temporary=new.temporary))
    if not instant:
        work.count_rows = f"SELECT count(*) FROM {new.physical}"
    _copy(work, old, new, ignore=ignore)
    if new.auto_column is not None:
        before = old if old.auto_column is not None and auto_increment is None else None
        work.script += sqlite_schema.raise_auto_increment(new, auto_increment or 1, before)
    work.script += sqlite_schema.drop_table(old)
    work.script += sqlite_schema.create_indexes(new)
    return new


def _retyped(old: Table, new: Table) -> bool:
    """Whether a column changed in a way for which MariaDB copies the table, and says how many rows that were."""
    before = {column.number: column.sql_type for column in old.columns}
    return any(
        before[column.number].kind is not column.sql_type.kind or before[column.number].unsigned != column.sql_type.unsigned
        for column in new.columns if column.number in before
    )


def _only_drops(old: Table, new: Table) -> bool:
    """Whether columns without a key went and nothing else happened: MariaDB then touches no row."""
    left = {column.number: column for column in new.columns}
    same = all(left[column.number].sql_type == column.sql_type for column in old.columns if column.number in left)
    return same and len(left) < len(old.columns) and new.indexes == old.indexes and new.checks == old.checks


# ── in place ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_place(work: DdlWork, old: Table, new: Table, renames: Mapping[str, str]) -> bool:
    after = {column.number: column for column in new.columns}
    if any(column.number not in after for column in old.columns):
        return False
    if (old.rowid_column and old.rowid_column.number) != (new.rowid_column and new.rowid_column.number):
        return False
    before = {column.number: column for column in old.columns}
    for column in new.columns:
        previous = before.get(column.number)
        if previous is None:
            if not _addable(column):
                return False
        elif not _same_storage(work, previous, column, renames):
            return False
    return _same_checks(work, old, new, renames)


def _addable(column: Column) -> bool:
    if column.generated:
        return not column.stored
    return not column.auto_increment and (not column.default_expr or column.default_expr.startswith(_NOW))


def _same_storage(work: DdlWork, old: Column, new: Column, renames: Mapping[str, str]) -> bool:
    if sqlite_schema.storage_class(old.sql_type) != sqlite_schema.storage_class(new.sql_type):
        return False
    if sqlite_schema.collate_clause(old.sql_type) != sqlite_schema.collate_clause(new.sql_type):
        return False
    if old.nullable != new.nullable or bool(old.generated) != bool(new.generated) or old.stored != new.stored:
        return False
    if new.auto_increment and not old.auto_increment:
        return False
    if new.generated and (_renamed(work, old.generated, renames) != new.generated or old.sql_type != new.sql_type):
        return False
    return keeps_values(old.sql_type, new.sql_type)


def _renamed(work: DdlWork, text: str, renames: Mapping[str, str]) -> str:
    if not renames:
        return text
    return work.context.deparse(rename_columns(work.context.parse_expression(text), renames))


def keeps_values(old: SqlType, new: SqlType) -> bool:
    """Whether every stored value of one type is a stored value of the other, with the same meaning."""
    if old == new:
        return True
    if old.kind in INTEGERS and new.kind in INTEGERS:
        (low, high), (new_low, new_high) = integer_range(old), integer_range(new)
        return new_low <= low and high <= new_high
    if old.kind in CHARS and new.kind in CHARS:
        same = old.collation == new.collation and new.length >= old.length
        return same and (old.kind is new.kind or Kind.CHAR not in (old.kind, new.kind))
    if old.kind in BYTES and new.kind in BYTES:
        return Kind.BINARY not in (old.kind, new.kind) and new.length >= old.length
    if old.kind is not new.kind:
        return False
    if old.kind in (Kind.ENUM, Kind.SET):
        return new.members[: len(old.members)] == old.members and old.collation == new.collation
    if old.kind is Kind.DECIMAL:
        return (
            old.scale == new.scale and new.length >= old.length and old.wide == new.wide and (old.unsigned or not new.unsigned)
        )
    return old.kind is Kind.BIT and new.length >= old.length and old.is_big_unsigned == new.is_big_unsigned


def _same_checks(work: DdlWork, old: Table, new: Table, renames: Mapping[str, str]) -> bool:
    """Table checks and those of old columns are as they were; a new column brings its own."""
    numbers = {column.number for column in old.columns}

    def key(table: Table, check: Check, text: str) -> tuple[object, str]:
        column = table.column(check.column) if check.column else None
        return (column.number if column is not None else check.name), text

    before = {key(old, check, _renamed(work, check.text, renames)) for check in old.checks}
    after = {key(new, check, check.text) for check in new.checks}
    return {item for item in after if not isinstance(item[0], int) or item[0] in numbers} == before


def _change_in_place(work: DdlWork, old: Table, new: Table) -> None:
    before = {index.physical: sqlite_schema.create_index(old, index) for index in old.indexes if index.physical}
    after = {index.physical: sqlite_schema.create_index(new, index) for index in new.indexes if index.physical}
    work.script += [(f"DROP INDEX {name}", ()) for name, line in before.items() if after.get(name) != line]
    numbers = {column.number for column in old.columns}
    for column in sorted(new.columns, key=lambda each: each.number):
        if column.number not in numbers:
            value = None if column.generated else _value_for_old_rows(work, column)
            work.script.append(sqlite_schema.add_column(new, column, value, work.context))
    made = [line for name, line in after.items() if before.get(name) != line]
    work.script += reversed(made)


def _value_for_old_rows(work: DdlWork, column: Column) -> int | float | str | bytes | None:
    """What an added column holds in the rows that are there."""
    if column.default_expr.startswith(_NOW):
        now = work.context.now_utc if column.sql_type.kind is Kind.TIMESTAMP else work.context.now_local or work.context.now_utc
        scale = column.sql_type.scale
        return now[:19] + ("." + now[20:20 + scale].ljust(scale, "0") if scale else "")
    if column.has_default and not column.default_expr:
        return column.default
    return None if column.nullable else implicit_default(column.sql_type)


# ── copy ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _copy(work: DdlWork, old: Table, new: Table, *, ignore: bool) -> None:
    before = {column.number: column for column in old.columns}
    targets: list[str] = []
    values: list[str] = []
    if new.rowid_column is None:
        targets.append(sqlite_schema.ROWID)
        values.append("rowid")
    for column in new.columns:
        if not column.generated:
            targets.append(column.physical)
            values.append(_copied_value(work, old, new, column, before.get(column.number)))
    verb = "INSERT OR IGNORE" if ignore else "INSERT"
    work.script += _null_guard(work, old, new, before)
    work.script.append(sqlite_schema.create_table(new, work.context))
    work.script.append(
        (f"{verb} INTO {new.physical}({', '.join(targets)}) SELECT {', '.join(values)} FROM {old.physical}{_order(old)}", ())
    )


def _order(old: Table) -> str:
    """Rows are numbered and checked in the order InnoDB would read them: by the primary key."""
    key = old.primary_key
    if key is None or old.rowid_column is not None:
        return " ORDER BY rowid"
    columns = [old.column(part.column) for part in key.parts]
    return " ORDER BY " + ", ".join(column.physical for column in columns if column is not None)


def _null_guard(work: DdlWork, old: Table, new: Table, before: Mapping[int, Column]) -> list[ScriptLine]:
    """Stop at the first NULL in a column that becomes NOT NULL, saying in which row it is.

    For the rowid it is needed besides: SQLite would give a NULL there a number."""
    script: list[ScriptLine] = []
    if not work.context.strict:
        return script
    for column in new.columns:
        previous = before.get(column.number)
        if previous is None or column.nullable or not previous.nullable or column.auto_increment or previous.generated:
            continue
        guard = f"null{new.id}_{column.number}_guard"
        numbered = f"SELECT row_number() OVER ({_order(old).strip()}) AS at, {previous.physical} AS value FROM {old.physical}"
        script += [
            (f"CREATE TABLE {guard} (at INTEGER) STRICT", ()),
            (
                f"CREATE TRIGGER {guard}_t BEFORE INSERT ON {guard} BEGIN "
                f"SELECT RAISE(ABORT, 'null:{new.id}.{column.physical}:' || NEW.at); END",
                (),
            ),
            (f"INSERT INTO {guard} SELECT min(at) FROM ({numbered}) WHERE value IS NULL HAVING min(at) IS NOT NULL", ()),
            (f"DROP TABLE {guard}", ()),
        ]
    return script


def _copied_value(work: DdlWork, old: Table, new: Table, column: Column, previous: Column | None) -> str:
    if previous is None:
        return _added_value(work, old, new, column)
    text = previous.physical
    if not keeps_values(previous.sql_type, column.sql_type):
        text = work.context.store_expression(previous.sql_type, column.sql_type, text, column.name)
    if column.declared and column.declared != previous.declared:
        place = ", ".join(str(sqlite_literal(part)) for part in (column.declared, new.schema, new.name, column.name))
        text = f"declared({text}, {place})"
    if column.auto_increment and not previous.auto_increment and column is new.rowid_column:
        return f"nullif({text}, 0)"
    if previous.nullable and not column.nullable and not work.context.strict:
        return f"coalesce({text}, {sqlite_literal(implicit_default(column.sql_type))})"
    return text


def _added_value(work: DdlWork, old: Table, new: Table, column: Column) -> str:
    if column.auto_increment:
        return f"row_number() OVER ({_order(old).strip()})"
    if column.default_expr and not column.default_expr.startswith(_NOW):
        expr = work.context.parse_expression(column.default_expr)
        sql, source = work.context.compile_expression(new, expr)
        return work.context.store_expression(source, column.sql_type, sql, column.name)
    return sqlite_literal(_value_for_old_rows(work, column))


# ── foreign keys added to a table with rows ──────────────────────────────────────────────────────────────────────


def check_new_foreign_keys(work: DdlWork, old: Table, new: Table) -> None:
    """After the triggers are made: fail with the trigger's own message when a row has no parent.

    RAISE exists in triggers only, hence the one-row table with a trigger of its own."""
    if not work.context.foreign_key_checks:
        return
    had = {key.number for key in old.foreign_keys}
    for key in new.foreign_keys:
        if key.number not in had:
            work.count_rows = f"SELECT count(*) FROM {new.physical}"
            work.late_script += _orphan_check(work, new, key)


def _orphan_check(work: DdlWork, table: Table, key: ForeignKey) -> list[ScriptLine]:
    parent = table if is_self_reference(table, key) else work.catalog.relation(key.ref_schema, key.ref_table)
    if not isinstance(parent, Table) or at_query_node(work.catalog, table, key):
        return []
    pairs = [
        (child.physical, target.physical)
        for child, target in ((table.column(a), parent.column(b)) for a, b in zip(key.columns, key.ref_columns, strict=True))
        if child is not None and target is not None
    ]
    present = " AND ".join(f"child.{child} IS NOT NULL" for child, _ in pairs)
    found = " AND ".join(f"parent.{target} = child.{child}" for child, target in pairs)
    guard = f"fk{table.id}_{key.number}_guard"
    return [
        (f"CREATE TABLE {guard} (orphan INTEGER) STRICT", ()),
        (
            f"CREATE TRIGGER {guard}_t BEFORE INSERT ON {guard} BEGIN "
            f"SELECT RAISE(ABORT, 'fk:child:{table.id}.{key.number}'); END",
            (),
        ),
        (
            f"INSERT INTO {guard} SELECT 1 FROM {table.physical} AS child WHERE {present} "
            f"AND NOT EXISTS (SELECT 1 FROM {parent.physical} AS parent WHERE {found}) LIMIT 1",
            (),
        ),
        (f"DROP TABLE {guard}", ()),
    ]


