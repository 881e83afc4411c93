"""SELECT @n := @n + 1, … ORDER BY …: the variable counts the rows in the order of the result.

SQLite computes what is selected before it sorts. Where that sets a user variable, the sorted rows become a derived table and
the select list is computed over it, as MySQL computes it when it sends the rows.
"""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.types import BOOL_TYPE
from fauna.sql.bind.context import BindContext
from fauna.sql.typed import BoundSelect, ColumnRef, Const, DerivedSource, Op, OutputColumn, SessionValue, Slot, Typed


def sorted_first(context: BindContext, select: BoundSelect) -> BoundSelect:
    """`select`, or when its list sets variables and it sorts, the same in two steps; subqueries in the list stay as they are."""
    if not select.order_by or select.aggregate or select.distinct or select.source is None:
        return select
    if not any(_assigns(o.expr) for o in select.outputs) or any(k.expr is None or _assigns(k.expr) for k in select.order_by):
        return select
    if not all(_is_plain(o.expr) for o in select.outputs):
        return select
    carried: dict[ColumnRef, OutputColumn] = {}
    alias = context.new_alias()
    outputs = tuple(replace(o, expr=_over(o.expr, alias, carried)) for o in select.outputs)
    columns = tuple(carried.values()) or (OutputColumn("", "k1", Const(BOOL_TYPE, False, 1)),)
    order_by = tuple(replace(key, position=0) for key in select.order_by)
    inner = replace(select, outputs=columns, order_by=order_by)
    return BoundSelect(outputs, DerivedSource(inner, alias, materialized=True))


def _assigns(node: Typed) -> bool:
    return isinstance(node, Op) and (node.name == ":=" or any(_assigns(a) for a in node.args))


def _is_plain(node: Typed) -> bool:
    if isinstance(node, Op):
        return all(_is_plain(a) for a in node.args)
    return isinstance(node, (ColumnRef, Const, Slot, SessionValue))


def _over(node: Typed, alias: str, carried: dict[ColumnRef, OutputColumn]) -> Typed:
    """`node` with its columns read from the derived table, which is to carry them."""
    if isinstance(node, Op):
        return replace(node, args=tuple(_over(a, alias, carried) for a in node.args))
    if not isinstance(node, ColumnRef) or node.outer:
        return node
    output = carried.setdefault(node, OutputColumn(node.name, f"k{len(carried) + 1}", node))
    return replace(node, source=alias, physical=output.alias)
