"""A YEAR column against constants: 99 and '99' are 1999, as they would be stored."""

from __future__ import annotations

from fauna.catalog.types import CHARS, INTEGERS, Kind, Stored
from fauna.sql.bind.coerce import mapped
from fauna.sql.typed import ColumnRef, Const, Slot, Typed

_TWO_DIGITS = 2
_FIRST_OF_1900 = 70


def with_years(operands: list[Typed]) -> list[Typed]:
    """`operands` of a comparison, constants of two digits as years when the only other operand is a YEAR column."""
    if not any(n.type.kind is Kind.YEAR and isinstance(n, ColumnRef) for n in operands):
        return operands
    if not all(n.type.kind is Kind.YEAR or isinstance(n, (Slot, Const)) for n in operands):
        return operands
    return [_as_year(n) if isinstance(n, (Slot, Const)) else n for n in operands]


def _as_year(node: Typed) -> Typed:
    if node.type.kind in CHARS:
        return mapped(node, node.type, _year_of_text, "YEAR", "{0}")
    if node.type.kind in INTEGERS:
        return mapped(node, node.type.with_(kind=Kind.INT), _year_of_number, "YEAR", "{0}")
    return node


def _year_of_text(value: Stored) -> Stored:
    text = value.strip() if isinstance(value, str) else ""
    if not text.isdecimal() or not text.isascii() or len(text) > _TWO_DIGITS:
        return value
    return str(_full(int(text)))


def _year_of_number(value: Stored) -> Stored:
    return _full(value) if isinstance(value, int) and 0 < value < 100 else value


def _full(year: int) -> int:
    return year + (1900 if year >= _FIRST_OF_1900 else 2000)
