"""CREATE TABLE: from its elements, LIKE another table, AS SELECT; IF NOT EXISTS and OR REPLACE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fauna.catalog import drop, foreign_keys, keys, sqlite_schema
from fauna.catalog.collation_clause import resolve
from fauna.catalog.column_definition import define_column
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.draft import Draft, finish
from fauna.catalog.literals import quote_name
from fauna.catalog.placement_clause import place
from fauna.catalog.retention import FOREVER, retention_of
from fauna.catalog.schema import Check, Column, Table
from fauna.catalog.types import CHARS, DEFAULT_COLLATION, Kind, SqlType, decimal_type
from fauna.errors import error, unsupported
from fauna.sql import ast

# What other engines' names are taken for: tables are ours in any case, and SHOW CREATE TABLE says what was asked for.
ENGINES: Final = {"innodb": "InnoDB", "myisam": "MyISAM", "aria": "Aria", "memory": "MEMORY", "heap": "MEMORY"}
TABLE_COMMENT_MAX: Final = 2048


def create_table(work: DdlWork, statement: ast.CreateTable) -> None:
    schema = work.writable_schema(statement.table)
    work.check_name(statement.table.name)
    if not _make_room(work, statement, schema):
        return
    if statement.like is not None:
        table, first = _like(work, statement, schema), 1
    else:
        table, first = _defined(work, statement, schema)
    work.put(table)
    work.script += sqlite_schema.create_whole(table, work.context, first)


def _make_room(work: DdlWork, statement: ast.CreateTable, schema: str) -> bool:
    """Whether to go on: nothing of that name is left in the way."""
    name = statement.table.name
    existing = work.temporaries.get((schema, name)) if statement.temporary else work.catalog.relation(schema, name)
    if existing is None:
        return True
    if statement.if_not_exists:
        work.notes.add("TABLE_EXISTS", name)
        return False
    if not statement.or_replace:
        raise error("TABLE_EXISTS", name)
    if not isinstance(existing, Table):
        raise error("TABLE_NAME_NOT_BASE", schema, name)
    drop.check_unreferenced(work, existing, ())
    work.drop(existing)
    return True


def _like(work: DdlWork, statement: ast.CreateTable, schema: str) -> Table:
    assert statement.like is not None
    model = work.must_get_table(statement.like)
    number = work.new_id(temporary=statement.temporary)
    indexes = tuple(
        replace(index, physical=f"i{number}_{at}" if index.physical else "") for at, index in enumerate(model.indexes, 1)
    )
    made = replace(
        model, schema=schema, name=statement.table.name, id=number, indexes=indexes, foreign_keys=(),
        temporary=statement.temporary, created=work.context.now_utc[:19],
    )
    return replace(made, shard_key=(), placement="", retention=FOREVER) if statement.temporary else made


def _defined(work: DdlWork, statement: ast.CreateTable, schema: str) -> tuple[Table, int]:
    database = work.catalog.databases[schema]
    options = statement.options
    collation = resolve(options.charset, options.collation, database.collation)
    base = Table(
        schema, statement.table.name, 0, (), collation=collation, temporary=statement.temporary,
        created=work.context.now_utc[:19],
    )
    draft = Draft(with_options(base, options))
    add_elements(work, draft, statement.elements)
    if statement.query is not None:
        _add_selected(work, draft, statement)
    if not draft.columns:
        raise error("TABLE_MUST_HAVE_COLUMNS")
    draft.table = replace(draft.table, id=work.new_id(temporary=statement.temporary))
    place(draft, options, work.notes)
    return finish(draft, work.catalog, work.context, work.notes), options.auto_increment or 1


def with_options(table: Table, options: ast.TableOptions) -> Table:
    """The table with what its options say, but for AUTO_INCREMENT, character sets and placement."""
    changes: dict[str, object] = {}
    if options.engine is not None:
        changes["engine"] = _engine(options.engine)
    if options.comment is not None:
        if len(options.comment) > TABLE_COMMENT_MAX:
            raise error("TOO_LONG_TABLE_COMMENT", table.name, TABLE_COMMENT_MAX)
        changes["comment"] = options.comment
    if options.row_format is not None:
        changes["row_format"] = "" if options.row_format.upper() == "DEFAULT" else options.row_format.upper()
    if options.retention is not None:
        if table.temporary:
            raise unsupported("SYSTEM_VERSIONING_RETENTION of a temporary table, which has no past")
        changes["retention"] = retention_of(options.retention)
    return replace(table, **changes) if changes else table  # type: ignore[arg-type]


def _engine(written: str) -> str:
    name = ENGINES.get(written.lower())
    if name is None:
        raise error("UNKNOWN_STORAGE_ENGINE", written)
    return name


# ── elements ─────────────────────────────────────────────────────────────────────────────────────────────────────


def add_elements(work: DdlWork, draft: Draft, elements: Iterable[ast.TableElement]) -> None:
    for element in elements:
        if isinstance(element, ast.ColumnDef):
            add_column(work, draft, element, len(draft.columns))
        elif isinstance(element, ast.KeyDef):
            draft.keys.append(keys.define_key(element, work.notes))
        elif isinstance(element, ast.ForeignKeyDef):
            add_foreign_key(draft, element)
        else:
            draft.checks.append(Check(element.name or "", work.context.deparse(element.expr)))


def add_column(work: DdlWork, draft: Draft, definition: ast.ColumnDef, at: int) -> Column:
    """Put a new column at a position, with the keys, checks and references of its own attributes."""
    column = define_column(definition, draft.next_number(), draft.table.collation, work.context, work.notes)
    draft.columns.insert(at, column)
    add_attributes(work, draft, definition)
    return column


def add_attributes(work: DdlWork, draft: Draft, definition: ast.ColumnDef) -> None:
    draft.keys += keys.column_key(definition)
    draft.checks += column_checks(work, definition)
    if definition.references is not None:
        add_foreign_key(draft, ast.ForeignKeyDef(None, (definition.name,), definition.references))


def column_checks(work: DdlWork, definition: ast.ColumnDef) -> list[Check]:
    """A column's own CHECK; JSON brings one along unless another is given."""
    checks = [Check(definition.name, work.context.deparse(check.expr), definition.name) for check in definition.checks]
    if definition.type.name == "JSON" and not checks and definition.generated is None:
        checks.append(Check(definition.name, f"json_valid({quote_name(definition.name)})", definition.name))
    return checks


def add_foreign_key(draft: Draft, definition: ast.ForeignKeyDef) -> None:
    key = foreign_keys.define_foreign_key(definition, draft.table.schema)
    draft.foreign_keys.append(key)
    draft.keys.append(foreign_keys.key_for(key, key.name))


# ── AS SELECT ────────────────────────────────────────────────────────────────────────────────────────────────────


def _add_selected(work: DdlWork, draft: Draft, statement: ast.CreateTable) -> None:
    """The columns of the SELECT, after those that are only defined; and the INSERT that fills the table."""
    assert statement.query is not None
    selected = work.context.select_columns(statement.query)
    names = [name for name, _, _ in selected]
    folded = {name.lower() for name in names}
    defined = draft.by_name()
    columns = [column for column in draft.columns if column.name.lower() not in folded]
    number = draft.next_number()
    for name, sql_type, nullable in selected:
        column = defined.get(name.lower())
        if column is None:
            column = selected_column(name, number, sql_type, nullable)
            number += 1
        columns.append(column)
    draft.columns = columns
    target = ast.TableName(statement.table.name, draft.table.schema)
    work.fill = ast.Insert(
        target, tuple(names), query=statement.query, replace=statement.query_duplicates == "REPLACE",
        ignore=statement.query_duplicates == "IGNORE",
    )


def selected_column(name: str, number: int, sql_type: SqlType, nullable: bool) -> Column:
    """A column that holds an expression's values."""
    if sql_type.kind is Kind.NULL:
        sql_type = SqlType(Kind.BINARY, 0, collation="binary")
    elif sql_type.kind is Kind.DECIMAL:
        sql_type = decimal_type(sql_type.length, sql_type.scale, unsigned=sql_type.unsigned)
    elif sql_type.kind is Kind.JSON:
        sql_type = SqlType(Kind.LONGTEXT, 4_294_967_295, collation="utf8mb4_bin")
    elif sql_type.kind in (Kind.VARCHAR, Kind.CHAR) and sql_type.length > 16_383:
        sql_type = SqlType(Kind.LONGTEXT, 4_294_967_295, collation=sql_type.collation)
    elif sql_type.kind in CHARS and not sql_type.collation:
        sql_type = sql_type.with_(collation=DEFAULT_COLLATION)
    if nullable:
        return Column(name, number, sql_type, True, has_default=True, default_text="NULL")
    return Column(name, number, sql_type, False)


