"""Expressions outside any query: what SET, DO, CALL, KILL and the like are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fauna.catalog.types import SqlType, Stored
from fauna.errors import error
from fauna.plan.plan import QueryPlan
from fauna.session import reading
from fauna.sql import ast

if TYPE_CHECKING:
    from fauna.session.session import Session

_REPLANS_MAX: Final = 8


def evaluate(session: Session, expr: ast.Expr) -> tuple[SqlType, Stored]:
    """Type and value of an expression outside any query; its markers are the parameters of the running statement."""
    for _ in range(_REPLANS_MAX):
        try:
            return _evaluated(session, expr)
        except reading.RowsMoved:
            session.scope_changed()  # slots have moved since the statement began
    return _evaluated(session, expr)


def _evaluated(session: Session, expr: ast.Expr) -> tuple[SqlType, Stored]:
    query = ast.Select((ast.SelectItem(expr, "v", ""),))
    args = [value for _, value in session.params]
    plan = session.bind(ast.QueryStatement(query), tuple([sql_type for sql_type, _ in session.params]), args)
    assert isinstance(plan, QueryPlan)
    transaction = session.transactions.for_reading() if plan.tables else None
    reads = plan.reads(args, session.supply)
    rows = list(reading.read(session, transaction, plan.statement, plan.distribution, args, reads, inline=False))
    if len(rows) > 1:
        raise error("SUBQUERY_NO_1_ROW")
    return plan.columns[0].sql_type, rows[0][0] if rows else None
