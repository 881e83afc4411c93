"""The type letters of bound arguments, for functions and aggregates with `pass_types`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fauna.catalog.types import BOOL_TYPE
from fauna.sql.functions.registry import FUNCTIONS
from fauna.sql.functions.results import type_letter
from fauna.sql.typed import AggregateOp, ColumnRef, Const, Op, QueryOp, Typed

_BOOLEAN_FUNCTIONS: Final = frozenset({
    "JSON_VALID", "JSON_EXISTS", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_OVERLAPS", "JSON_EQUALS", "REGEXP_LIKE", "IS_IPV4",
    "IS_IPV6", "IS_IPV4_COMPAT", "IS_IPV4_MAPPED", "IS_FREE_LOCK",
})  # fmt: skip


def letters_of(args: Sequence[Typed]) -> str:
    """One letter per argument, as `type_letter` has them.

    What an expression is decides, not its type alone: TRUE and comparisons are booleans while 1 is a number, though both
    are INT(1); the result of a JSON function is JSON while a string that looks like it is a string.
    """
    return "".join(_letter(arg) for arg in args)


def _letter(node: Typed) -> str:
    if isinstance(node, ColumnRef) and node.column is not None and node.column.declared_json:
        return "j"
    name = node.name if isinstance(node, (Op, AggregateOp)) else ""
    return type_letter(node.type, name, boolean=_is_boolean(node))


def _is_boolean(node: Typed) -> bool:
    if isinstance(node, Op) and node.name in FUNCTIONS:
        return node.name in _BOOLEAN_FUNCTIONS
    return node.type == BOOL_TYPE and isinstance(node, (Op, QueryOp, Const))
