"""The text of an expression for error 1690, as MariaDB prints it: `shop`.`item`.`price` * 1000.

A plan serves every text of its shape, so arguments are marked (`\\x01integer:0\\x02`) and filled in by `with_arguments` when
the error has happened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Final

from fauna.catalog.types import BYTES, CHARS, SqlType, Stored
from fauna.catalog.values import text_of
from fauna.errors import SqlError
from fauna.sql import ast
from fauna.sql.bind.coerce import quoted, template_text
from fauna.sql.bind.context import SlotTypes
from fauna.sql.bind.scope import Scope
from fauna.sql.deparse import deparse, quote_string
from fauna.sql.typed import ColumnRef, Op, Typed

LENGTH_MAX: Final = 400  # MariaDB cuts its messages at 512 bytes
_CHECKED: Final = re.compile(
    r"(ck|ckr|i_abs|s_sub|u_(?:add|sub|mul|div|neg)|dec_(?:add|sub|mul|intdiv)|idiv|rdiv|rintdiv)\((.*)\)", re.DOTALL
)
_ARGUMENT: Final = re.compile("\x01(\\w+):(\\d+)\x02")
_MARKER: Final = "marker"
_OUT_OF_RANGE: Final = 1690


def told_apart(bound: Typed, node: ast.Expr, scope: Scope, slots: SlotTypes) -> Typed:
    """`bound`, made from `node`, with its text as one more argument of the function that may raise 1690.

    What has it is in parentheses, so that it does not get another: ROUND of an integer, say, is that integer.
    """
    if not isinstance(bound, Op) or not (match := _CHECKED.fullmatch(bound.template)):
        return bound
    text = deparse(_shown(node, scope, slots))[:LENGTH_MAX]  # type: ignore[arg-type]
    return replace(bound, template=f"({match[1]}({match[2]}, {template_text(quoted(text))}))")


def _shown(node: object, scope: Scope, slots: SlotTypes) -> object:
    """The tree with columns by their full names and arguments as marks."""
    if isinstance(node, ast.Name):
        return _full_name(node, scope)
    if isinstance(node, ast.Literal) and node.index is not None and slots.literals:
        return ast.Literal(ast.LiteralKind.INTEGER, f"\x01{node.kind.value}:{node.index}\x02")
    if isinstance(node, ast.Marker):
        return ast.Literal(ast.LiteralKind.INTEGER, f"\x01{_MARKER}:{node.index}\x02")
    if isinstance(node, tuple):
        return tuple([_shown(item, scope, slots) for item in node])
    if isinstance(node, ast.Query) or not is_dataclass(node) or isinstance(node, type):
        return node
    changes = {}
    for each in fields(node):
        before = getattr(node, each.name)
        if isinstance(before, tuple) or is_dataclass(before):
            after = _shown(before, scope, slots)
            if after is not before:
                changes[each.name] = after
    return replace(node, **changes) if changes else node


def _full_name(node: ast.Name, scope: Scope) -> ast.Name:
    found: Scope | None = scope
    column = None
    while found is not None and column is None:
        column = found.lookup_here(node.parts)
        found = found.parent
    while isinstance(column, Op) and len(column.args) == 1:  # a TIMESTAMP in the session's zone
        column = column.args[0]
    if not isinstance(column, ColumnRef):
        return node
    if column.table is not None:
        return ast.Name((column.table.schema, column.source_name, column.name))
    return ast.Name((column.source_name, column.name)) if column.source_name else node


def with_arguments(problem: SqlError, arguments: Callable[[], Sequence[Stored]], types: Sequence[SqlType] = ()) -> SqlError:
    """A 1690 with the statement's arguments in the places of their marks, any other error as it is; types: of the markers."""
    if problem.errno != _OUT_OF_RANGE:
        return problem
    args = arguments()

    def shown(match: re.Match[str]) -> str:
        index = int(match[2])
        if index >= len(args):
            return "?"
        value = args[index]
        if match[1] != _MARKER:
            return deparse(ast.Literal(ast.LiteralKind(match[1]), value))
        return _marker_text(value, types[index]) if index < len(types) else "?"

    return SqlError(problem.errno, problem.sqlstate, _ARGUMENT.sub(shown, problem.message))


def _marker_text(value: Stored, sql_type: SqlType) -> str:
    if value is None:
        return "NULL"
    text = text_of(sql_type)(value)
    if isinstance(text, bytes):
        return f"0x{text.hex().upper()}"
    return quote_string(text) if sql_type.kind in CHARS or sql_type.kind in BYTES else text
