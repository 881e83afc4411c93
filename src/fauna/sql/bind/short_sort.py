"""Which queries are sorted at the query node when their result is short: those that sort columns of text, without LIMIT."""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.types import CHARS
from fauna.plan.plan import ShardStatement, ShortSort, SortKey, parameters
from fauna.sql.bind.context import BindContext
from fauna.sql.collation import is_supported, sort_key
from fauna.sql.emit.sqlite import SqliteEmitter, indexed
from fauna.sql.typed import BoundQuery, BoundSelect, ColumnRef, OrderKey, Typed


def short_sort(context: BindContext, query: BoundQuery) -> ShortSort | None:
    """None: the engine sorts."""
    if not isinstance(query, BoundSelect) or not query.order_by or context.assignments:
        return None
    grouped = query.aggregate or query.group_by or query.having is not None or query.rollup
    if grouped or query.ctes or query.limit is not None or query.source is None:
        return None
    if query.distinct and len(query.outputs) > 1:
        return None
    keys = []
    for key in query.order_by:
        position = _position(query, key)
        if position is None or not _is_text(query.outputs[position].expr):
            return None
        expr = query.outputs[position].expr
        keys.append(SortKey(position, sort_key(expr.type.collation), expr.nullable, key.descending))
    emitter = SqliteEmitter()
    text = emitter.query(replace(query, order_by=(), distinct=False))
    return ShortSort(ShardStatement(text, parameters(emitter.params)), tuple(keys), query.distinct)


def _position(query: BoundSelect, key: OrderKey) -> int | None:
    """Of the output that it sorts by."""
    if key.expr is None:
        return key.position - 1
    return next((i for i, output in enumerate(query.outputs) if output.expr == key.expr), None)


def _is_text(node: Typed) -> bool:
    if not isinstance(node, ColumnRef) or node.table is None or node.type.kind not in CHARS or indexed(node):
        return False
    return bool(node.type.collation) and is_supported(node.type.collation)
