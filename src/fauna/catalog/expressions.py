"""Looking into expression trees: which columns they name, and the same tree with other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Final

from fauna.errors import error
from fauna.sql import ast

# Calls that the normalised text writes as operators, so that a default made of one needs parentheses.
_OPERATOR_CALLS: Final = frozenset({"DATE_ADD", "DATE_SUB"})


def walk(node: object) -> Iterator[object]:
    """Every node under `node`, itself first."""
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from walk(item)
    elif is_dataclass(node) and not isinstance(node, type):
        for each in fields(node):
            yield from walk(getattr(node, each.name))


def names_in(expr: ast.Expr) -> list[str]:
    """The columns an expression names, in order, with repeats."""
    return [node.parts[-1] for node in walk(expr) if isinstance(node, ast.Name)]


def has_subquery(expr: ast.Expr) -> bool:
    return any(isinstance(node, ast.Query) for node in walk(expr))


def rename_columns(expr: ast.Expr, names: Mapping[str, str]) -> ast.Expr:
    """The expression with columns renamed; `names` maps lower-case old names to new ones."""

    def change(node: object) -> object:
        if isinstance(node, ast.Name):
            return ast.Name((*node.parts[:-1], names.get(node.parts[-1].lower(), node.parts[-1])))
        return node

    changed = _transform(expr, change)
    assert isinstance(changed, ast.Expr)
    return changed


def _transform(node: object, change: Callable[[object], object]) -> object:
    if isinstance(node, tuple):
        return tuple(_transform(item, change) for item in node)
    if is_dataclass(node) and not isinstance(node, type):
        changes = {}
        for each in fields(node):
            before = getattr(node, each.name)
            after = _transform(before, change)
            if after is not before:
                changes[each.name] = after
        node = replace(node, **changes) if changes else node
    return change(node)


def expression_default_text(expr: ast.Expr, deparsed: str) -> str:
    """How DEFAULT prints an expression: a function call bare, all else in parentheses."""
    bare = isinstance(expr, ast.Call) and expr.name not in _OPERATOR_CALLS
    return deparsed if bare else f"({deparsed})"


def check_names(expr: ast.Expr, columns: Mapping[str, object], clause: str) -> None:
    """Error 1054 for a column that the table does not have."""
    for name in names_in(expr):
        if name.lower() not in columns:
            raise error("BAD_FIELD", name, clause)


# Functions whose value is not decided by their arguments: neither a generated column nor a CHECK may call them.
_CHANGING: Final = frozenset(
    """
    RAND UUID UUID_SHORT SYS_GUID RANDOM_BYTES NOW CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP SYSDATE CURDATE
    CURRENT_DATE CURTIME CURRENT_TIME UTC_DATE UTC_TIME UTC_TIMESTAMP CONNECTION_ID USER CURRENT_USER SESSION_USER
    SYSTEM_USER CURRENT_ROLE DATABASE SCHEMA VERSION LAST_INSERT_ID ROW_COUNT FOUND_ROWS SLEEP GET_LOCK
    RELEASE_LOCK IS_FREE_LOCK IS_USED_LOCK BENCHMARK LOAD_FILE
    """.split()
)
_CHANGING_NODES: Final = (
    ast.UserVariable, ast.AssignVariable, ast.SystemVariable, ast.NextValue, ast.AggregateCall, ast.WindowCall,
)


def find_changing(expr: ast.Expr) -> ast.Expr | None:
    """The first part of an expression that may give another value the next time."""
    for node in walk(expr):
        if isinstance(node, ast.Call) and (node.name in _CHANGING or (node.name == "UNIX_TIMESTAMP" and not node.args)):
            return node
        if isinstance(node, _CHANGING_NODES):
            return node
    return None
