"""Comparisons with columns of types that are kept as other types: a UUID is found however it is written."""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.types import CHARS
from fauna.sql.bind.coerce import mapped
from fauna.sql.declared import TEXTUAL, compared
from fauna.sql.typed import ColumnRef, Op, Typed


def in_declared_form(nodes: list[Typed]) -> list[Typed]:
    """The operands of a comparison, texts in the form of the declared type that one of them is of."""
    word = next((found for node in nodes if (found := _declared(node)) in TEXTUAL), "")
    return [_formed(node, word) for node in nodes] if word else nodes


def _declared(node: Typed) -> str:
    return node.column.declared if isinstance(node, ColumnRef) and node.column is not None else ""


def _formed(node: Typed, word: str) -> Typed:
    if _declared(node) == word or node.type.kind not in CHARS:
        return node
    formed = mapped(node, node.type, compared(word), "DECLARED", f"declared_form({{0}}, '{word}')")
    return replace(formed, nullable=True) if isinstance(formed, Op) else formed
