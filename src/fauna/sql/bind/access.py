"""What a bound query reads: tables, and rowid ranges where its conditions fix them.

Conflict detection and, later, routing to shards read this."""

from __future__ import annotations

from collections.abc import Iterator

from fauna.plan.plan import AccessRule
from fauna.sql.bind.expressions import conjuncts
from fauna.sql.typed import (
    AggregateOp,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    ColumnRef,
    Const,
    DerivedSource,
    JoinSource,
    Op,
    QueryOp,
    SessionValue,
    Slot,
    Source,
    TableSource,
    Typed,
    WindowOp,
)

_Bounds = tuple[Slot | Const | SessionValue | None, Slot | Const | SessionValue | None]


def access_rules(query: BoundQuery) -> list[AccessRule]:
    """One rule for every mention of a table as it is: what was does not change any more."""
    return list(_rules(query))


def tables_of(query: BoundQuery) -> set[str]:
    """Physical names of the tables `query` reads."""
    return {rule.table for rule in _rules(query)}


def _rules(query: BoundQuery) -> Iterator[AccessRule]:
    for cte in query.ctes:
        yield from _rules(cte.query)
    if isinstance(query, BoundSetOperation):
        yield from _rules(query.left)
        yield from _rules(query.right)
        return
    if isinstance(query, BoundSelect):
        terms = conjuncts(query.where) if query.where is not None else []
        if query.source is not None:
            yield from _source_rules(query.source, terms)
        for node in _expressions(query):
            yield from _subqueries(node)
        return
    for row in query.rows:
        for node in row:
            yield from _subqueries(node)


def _source_rules(source: Source, terms: list[Typed]) -> Iterator[AccessRule]:
    if isinstance(source, TableSource):
        if source.past is not None:
            return
        low, high = _bounds(source, terms)
        yield AccessRule(source.table.physical, low, high)
    elif isinstance(source, DerivedSource):
        yield from _rules(source.query)
    elif isinstance(source, JoinSource):
        if source.kind == "INNER" and source.on is not None:
            terms = terms + conjuncts(source.on)
        yield from _source_rules(source.left, terms if source.kind != "RIGHT" else [])
        yield from _source_rules(source.right, terms if source.kind != "LEFT" else [])
        if source.on is not None:
            yield from _subqueries(source.on)


def _bounds(source: TableSource, terms: list[Typed]) -> _Bounds:
    """Rowid bounds from `key = ?`, `key BETWEEN ? AND ?`, `key >= ?` …"""
    key = source.table.rowid_column
    low: Slot | Const | SessionValue | None = None
    high: Slot | Const | SessionValue | None = None
    if key is None:
        return None, None
    for term in terms:
        if not isinstance(term, Op) or not term.args:
            continue
        column, *others = term.args
        op = term.name
        if not _is(column, source, key.name) and len(others) == 1 and _is(others[0], source, key.name):
            column, others = others[0], [column]
            op = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(op, op)
        if not _is(column, source, key.name) or not all(isinstance(o, (Slot, Const, SessionValue)) for o in others):
            continue
        if op == "=":
            return others[0], others[0]  # type: ignore[return-value]
        if op == "BETWEEN":
            return others[0], others[1]  # type: ignore[return-value]
        if op in (">", ">="):
            low = others[0]  # type: ignore[assignment]
        elif op in ("<", "<="):
            high = others[0]  # type: ignore[assignment]
    return low, high


def _is(node: Typed, source: TableSource, name: str) -> bool:
    return isinstance(node, ColumnRef) and node.source == source.alias and node.name == name


def _expressions(select: BoundSelect) -> Iterator[Typed]:
    for output in select.outputs:
        yield output.expr
    for node in (select.where, select.having, select.limit, select.offset):
        if node is not None:
            yield node
    for key in (*select.group_by, *select.order_by):
        if key.expr is not None:
            yield key.expr


def _subqueries(node: Typed) -> Iterator[AccessRule]:
    if isinstance(node, QueryOp):
        yield from _rules(node.query)
    if isinstance(node, (Op, AggregateOp, QueryOp)):
        for arg in node.args:
            yield from _subqueries(arg)
    elif isinstance(node, WindowOp):
        yield from _subqueries(node.function)
