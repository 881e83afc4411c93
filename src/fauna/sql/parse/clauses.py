"""ORDER BY and LIMIT, which queries, aggregates and DML share."""

from __future__ import annotations

from fauna.sql.ast import Expr, Limit, Literal, LiteralKind, Marker, OrderItem
from fauna.sql.lexer import INTEGER
from fauna.sql.parse.core import UNARY, Stream


def order_items(p: Stream) -> tuple[OrderItem, ...]:
    """expr [ASC|DESC], …"""
    return p.list_of(lambda: order_item(p))


def order_item(p: Stream) -> OrderItem:
    expr = p.expression()
    return OrderItem(expr, p.accept_any("ASC", "DESC") == "DESC")


def order_by(p: Stream) -> tuple[OrderItem, ...]:
    """[ORDER BY …]"""
    return order_items(p) if p.accept_by("ORDER") else ()


def limit_clause(p: Stream) -> Limit | None:
    """[LIMIT n | LIMIT offset, n | LIMIT n OFFSET offset], [OFFSET n ROWS] [FETCH FIRST n ROWS ONLY|WITH TIES]"""
    if p.accept("LIMIT"):
        if p.at("ROWS"):
            return _rows_examined(p, None)
        first = _limit_value(p)
        if p.accept(","):
            found = Limit(_limit_value(p), first)
        elif p.accept("OFFSET"):
            found = Limit(first, _limit_value(p))
        else:
            found = Limit(first)
        return _rows_examined(p, found)
    if p.token.key in ("OFFSET", "FETCH"):
        return _fetch(p)
    return None


def row_limit(p: Stream) -> Limit | None:
    """[LIMIT n] of UPDATE and DELETE"""
    return Limit(_limit_value(p)) if p.accept("LIMIT") else None


def _rows_examined(p: Stream, limit: Limit | None) -> Limit | None:
    """ROWS EXAMINED n: accepted; nothing is cut short because of it."""
    if p.accept("ROWS"):
        p.expect("EXAMINED")
        _limit_value(p)
    return limit


def _fetch(p: Stream) -> Limit:
    offset: Expr | None = None
    if p.accept("OFFSET"):
        offset = _limit_value(p)
        p.expect_any("ROW", "ROWS")
    if not p.accept("FETCH"):
        return Limit(Literal(LiteralKind.INTEGER, 2**64 - 1), offset)
    p.expect_any("FIRST", "NEXT")
    count: Expr = Literal(LiteralKind.INTEGER, 1) if p.token.key in ("ROW", "ROWS") else _limit_value(p)
    p.expect_any("ROW", "ROWS")
    if p.accept("WITH"):
        p.expect("TIES")
        return Limit(count, offset, ties=True)
    p.expect("ONLY")
    return Limit(count, offset)


def _limit_value(p: Stream) -> Expr:
    """A number, a marker or a variable; MySQL takes no expression here, and no variable outside a procedure."""
    at = p.token
    if at.kind != INTEGER and at.key != "?":
        p.fail()
    value = p.operation(p, UNARY)
    if not isinstance(value, Literal | Marker):
        p.fail(at)
    return value
