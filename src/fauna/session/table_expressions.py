"""Expressions that belong to a table, as SQLite's text: generated columns, CHECKs, defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fauna.catalog.schema import Column, Table
from fauna.catalog.types import SqlType, Stored
from fauna.errors import error
from fauna.sql import ast
from fauna.sql.bind.context import BindContext, SlotTypes
from fauna.sql.bind.dml import stored
from fauna.sql.bind.expressions import STORED_CLAUSE, ExpressionBinder
from fauna.sql.bind.query import QueryBinder
from fauna.sql.bind.scope import Scope, ScopeSource
from fauna.sql.deparse import deparse
from fauna.sql.emit.sqlite import SqliteEmitter
from fauna.sql.parse import parse
from fauna.sql.typed import ColumnRef, Const, Typed

if TYPE_CHECKING:
    from fauna.session.session import Session


def fresh_context(session: Session) -> BindContext:
    """For binding something whose literals are constants."""
    return session.bind_context(SlotTypes())


def parse_expression(text: str) -> ast.Expr:
    """An expression as the catalog keeps it."""
    statement = parse(f"SELECT {text}", 0)
    assert isinstance(statement, ast.QueryStatement) and isinstance(statement.query, ast.Select)
    return statement.query.items[0].expr


def compile_expression(session: Session, table: Table, expr: ast.Expr) -> tuple[str, SqlType]:
    """SQLite text over the table's own columns; for generated columns and CHECKs."""
    context = fresh_context(session)
    scope = Scope(clause=STORED_CLAUSE)
    columns: list[tuple[str, Typed]] = [
        (c.name, ColumnRef(c.sql_type, c.nullable, "", c.physical, c.name, table.name, table, c)) for c in table.columns
    ]
    scope.add(ScopeSource(table.name, table.schema, "", columns))
    bound = ExpressionBinder(context, scope, QueryBinder(context).subquery).scalar(expr)
    emitter = SqliteEmitter()
    text = emitter.expr(bound)
    if emitter.params:
        raise error("GENERATED_FUNCTION_NOT_ALLOWED", deparse(expr), "CHECK or GENERATED ALWAYS AS", table.name)
    return text, bound.type


def convert_constant(session: Session, expr: ast.Expr, sql_type: SqlType) -> Stored:
    """A constant as a value of the column's type, as strictly as an assignment."""
    context = fresh_context(session)
    node = ExpressionBinder(context, Scope(), QueryBinder(context).subquery).scalar(expr)
    column = Column("c", 1, sql_type)
    value = stored(context, node, Table("", "t", 0, (column,)), column)
    if not isinstance(value, Const):
        raise error("INVALID_DEFAULT", "c")
    return value.value
