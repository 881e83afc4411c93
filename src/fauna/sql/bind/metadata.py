"""Result columns: what a client is told about each output."""

from __future__ import annotations

from fauna.catalog.schema import Column, Table
from fauna.session.result import ResultColumn
from fauna.sql.typed import ColumnRef, Op, OutputColumn, Typed


def result_columns(outputs: tuple[OutputColumn, ...]) -> tuple[ResultColumn, ...]:
    return tuple(result_column(o) for o in outputs)


def result_column(output: OutputColumn) -> ResultColumn:
    """Metadata of one output; columns of base tables carry their origin and key flags."""
    column = _origin(output.expr)
    expr = output.expr
    if column is None:
        return ResultColumn(output.name, expr.type, expr.nullable)
    table, base = column.table, column.column
    if table is None or base is None:
        return ResultColumn(output.name, expr.type, expr.nullable, table=column.source_name, org_name=column.name)
    primary, unique, multiple = key_flags(table, base)
    return ResultColumn(
        output.name,
        expr.type,
        expr.nullable,
        table.schema,
        column.source_name,
        table.name,
        base.name,
        primary,
        unique,
        multiple,
        base.auto_increment,
        base.on_update_now,
        not base.has_default and not base.nullable and not base.auto_increment and not base.default_expr,
    )


def _origin(node: Typed) -> ColumnRef | None:
    if isinstance(node, ColumnRef):
        return node
    if isinstance(node, Op) and node.name == "TIMESTAMP" and isinstance(node.args[0], ColumnRef):
        return node.args[0]
    return None


def key_flags(table: Table, column: Column) -> tuple[bool, bool, bool]:
    """PRI_KEY, UNIQUE_KEY and MULTIPLE_KEY flags of a column."""
    primary = unique = multiple = False
    for index in table.indexes:
        names = [p.column.lower() for p in index.parts]
        if column.name.lower() not in names:
            continue
        if index.kind == "PRIMARY":
            primary = True
        elif index.kind == "UNIQUE" and len(names) == 1:
            unique = True
        elif names[0] == column.name.lower():
            multiple = True
    return primary, unique, multiple
