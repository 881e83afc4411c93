"""KEY_COLUMN_USAGE, TABLE_CONSTRAINTS, REFERENTIAL_CONSTRAINTS, CHECK_CONSTRAINTS."""

from __future__ import annotations

from collections.abc import Iterator

from fauna.catalog.schema import ForeignKey, Table
from fauna.session.result import Row
from fauna.sql.information_schema.info_context import InfoContext
from fauna.sql.information_schema.objects import CATALOG, relations


def _tables(context: InfoContext) -> Iterator[Table]:
    for relation in relations(context):
        if isinstance(relation, Table) and not relation.temporary:
            yield relation


def _sorted_keys(table: Table) -> list[ForeignKey]:
    return sorted(table.foreign_keys, key=lambda key: key.name)


def key_column_usage(context: InfoContext) -> Iterator[Row]:
    for table in _tables(context):
        for index in table.indexes:
            if index.unique:
                for at, part in enumerate(index.parts, 1):
                    yield (
                        CATALOG, table.schema, index.name, CATALOG, table.schema, table.name, part.column, at, None, None, None,
                        None,
                    )
        for key in _sorted_keys(table):
            for at, (name, target) in enumerate(zip(key.columns, key.ref_columns, strict=True), 1):
                yield (
                    CATALOG, table.schema, key.name, CATALOG, table.schema, table.name, name, at, at, key.ref_schema,
                    key.ref_table, target,
                )


def table_constraints(context: InfoContext) -> Iterator[Row]:
    for table in _tables(context):
        for check in table.checks:
            yield CATALOG, table.schema, check.name, table.schema, table.name, "CHECK"
        for index in table.indexes:
            if index.unique:
                kind = "PRIMARY KEY" if index.kind == "PRIMARY" else "UNIQUE"
                yield CATALOG, table.schema, index.name, table.schema, table.name, kind
        for key in _sorted_keys(table):
            yield CATALOG, table.schema, key.name, table.schema, table.name, "FOREIGN KEY"


def referential_constraints(context: InfoContext) -> Iterator[Row]:
    for table in _tables(context):
        for key in _sorted_keys(table):
            yield (
                CATALOG, table.schema, key.name, CATALOG, key.ref_schema, _parent_key(context, key), "NONE", key.on_update,
                key.on_delete, table.name, key.ref_table,
            )


def _parent_key(context: InfoContext, key: ForeignKey) -> str | None:
    """The parent's index that the key refers to."""
    parent = context.catalog.relation(key.ref_schema, key.ref_table)
    if not isinstance(parent, Table):
        return None
    wanted = sorted(name.lower() for name in key.ref_columns)
    for index in parent.indexes:
        if sorted(part.column.lower() for part in index.parts[: len(wanted)]) == wanted:
            return index.name
    return None


def check_constraints(context: InfoContext) -> Iterator[Row]:
    for table in _tables(context):
        for check in table.checks:
            yield CATALOG, table.schema, table.name, check.name, "Column" if check.column else "Table", check.text
