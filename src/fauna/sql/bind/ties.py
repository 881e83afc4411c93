"""FETCH FIRST n ROWS WITH TIES: as many rows as LIMIT gives, and those after them that sort equal to the last.

The query without its limit becomes a derived table; `rank()` and `row_number()` over its sort keys say which rows stay.
"""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.types import BOOL_TYPE, Kind, SqlType
from fauna.errors import error, unsupported
from fauna.sql.bind.context import BindContext
from fauna.sql.typed import (
    BoundQuery,
    BoundSelect,
    ColumnRef,
    Const,
    DerivedSource,
    Op,
    OrderKey,
    OutputColumn,
    Typed,
    WindowOp,
)

_NUMBER = SqlType(Kind.BIGINT, 21)


def with_ties(context: BindContext, query: BoundQuery) -> BoundQuery:
    """`query`, whose limit is one WITH TIES, as a query without."""
    if not query.order_by:
        raise error("WITH_TIES_NEEDS_ORDER")
    assert query.limit is not None
    keys, hidden = _keys(query)
    inner = context.new_alias()
    plain = replace(query, outputs=(*query.outputs, *hidden), order_by=(), limit=None, offset=None)
    order = tuple(replace(key, expr=_column(inner, output), position=0) for key, output in zip(query.order_by, keys, strict=True))
    places = (OutputColumn("", "rank", _window("rank()", order)), OutputColumn("", "number", _window("row_number()", order)))
    columns = tuple(replace(o, expr=_column(inner, o)) for o in query.outputs)
    ranked = BoundSelect((*columns, *places), DerivedSource(plain, inner))
    outer = context.new_alias()
    rank, number = (_column(outer, place) for place in places)
    first = query.offset if query.offset is not None else Const(_NUMBER, False, 0)
    stays = Op(
        BOOL_TYPE, False, "TIES", (query.limit, first, rank, number), "({0} > 0 AND {3} > {1} AND {2} <= {0} + {1})"
    )
    shown = tuple(replace(o, expr=_column(outer, o)) for o in query.outputs)
    return BoundSelect(shown, DerivedSource(ranked, outer), stays, order_by=(OrderKey(number),))


def _keys(query: BoundQuery) -> tuple[list[OutputColumn], list[OutputColumn]]:
    """The output that holds each sort key, and those among them that are not the query's own."""
    keys: list[OutputColumn] = []
    hidden: list[OutputColumn] = []
    for number, key in enumerate(query.order_by):
        if key.position:
            keys.append(query.outputs[key.position - 1])
            continue
        if not isinstance(query, BoundSelect) or query.distinct or key.expr is None:
            raise unsupported("WITH TIES by what is not selected")
        keys.append(OutputColumn("", f"h{number}", key.expr))
        hidden.append(keys[-1])
    return keys, hidden


def _window(function: str, order: tuple[OrderKey, ...]) -> Typed:
    return WindowOp(_NUMBER, False, Op(_NUMBER, False, function, (), function + "{over}"), (), order, "")


def _column(source: str, output: OutputColumn) -> Typed:
    """The output as a column of the derived table; it stays the base table's column for the client."""
    expr = output.expr
    if isinstance(expr, ColumnRef):
        return replace(expr, source=source, physical=output.alias, outer=False)
    return ColumnRef(expr.type, expr.nullable, source, output.alias, output.name)
