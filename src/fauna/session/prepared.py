"""Prepared statements: by number for the binary protocol, by name for PREPARE."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from fauna.catalog.types import SqlType
from fauna.errors import SqlError, error
from fauna.plan.plan import CachedPlan, InsertPlan, Plan, QueryPlan
from fauna.session.result import ResultColumn
from fauna.sql import ast
from fauna.sql.bind.context import SlotTypes
from fauna.sql.bind.dml import bind_statement
from fauna.sql.parse import parse_full

if TYPE_CHECKING:
    from fauna.session.session import Session

PLANS_MAX: Final = 32  # combinations of parameter types kept for one statement
PAST_PLANS_MAX: Final = 16  # for one of these, of those that differ in the catalogs of the times that it names
ANONYMOUS_MAX: Final = 512
INNER_MAX: Final = 64


class PreparedStatement:
    """statement_id, param_count and columns are the protocol's; plans by (scope, parameter types)."""

    __slots__ = ("columns", "param_count", "past_plans", "plans", "statement", "statement_id", "text")

    def __init__(self, statement_id: int, text: str, statement: ast.Statement, param_count: int) -> None:
        self.statement_id = statement_id
        self.text = text
        self.statement = statement
        self.param_count = param_count
        self.columns: tuple[ResultColumn, ...] | None = None
        self.plans: dict[tuple[int, tuple[SqlType, ...]], Plan] = {}
        self.past_plans: dict[tuple[int, tuple[SqlType, ...]], list[CachedPlan]] = {}  # when it names times

    def keep(self, key: tuple[int, tuple[SqlType, ...]], cached: CachedPlan) -> None:
        if not cached.moments:
            if len(self.plans) >= PLANS_MAX:
                self.plans.clear()
            self.plans[key] = cached.plan
            return
        if len(self.past_plans) >= PLANS_MAX:
            self.past_plans.clear()
        kept = self.past_plans.setdefault(key, [])
        kept[:] = [other for other in kept if other.key != cached.key][1 - PAST_PLANS_MAX :]
        kept.append(cached)


class PreparedStatements:
    """A session's prepared statements, bounded by max_prepared_stmt_count."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by_id: dict[int, PreparedStatement] = {}
        self._by_name: dict[str, PreparedStatement] = {}
        self._anonymous: OrderedDict[tuple[str, int], PreparedStatement] = OrderedDict()
        self._inner: OrderedDict[int, PreparedStatement] = OrderedDict()
        self._next = 1

    def add(self, text: str) -> PreparedStatement:
        """Parse `text`; its result columns are told when they can be known without parameters."""
        limit = self._session.variables.get("max_prepared_stmt_count")
        if len(self._by_id) >= limit:
            raise error("MAX_PREPARED_STMT_COUNT", limit)
        statement = self._parse(text, self._next)
        self._by_id[self._next] = statement
        self._next += 1
        return statement

    def _parse(self, text: str, number: int) -> PreparedStatement:
        session = self._session
        session.scope()
        parsed = parse_full(text, session._flags)
        statement = PreparedStatement(number, text, parsed.statement, parsed.markers)
        if isinstance(parsed.statement, (ast.QueryStatement, ast.Insert, ast.Update, ast.Delete)):
            statement.columns = self._columns(parsed.statement)
        elif not parsed.markers:
            from fauna.session.administration import columns_of

            statement.columns = columns_of(session, parsed.statement)
        return statement

    def _columns(self, statement: ast.Statement) -> tuple[ResultColumn, ...] | None:
        context = self._session.bind_context(SlotTypes(()), None)
        try:
            plan = bind_statement(context, statement)
        except SqlError as problem:
            # What a parameter's type would settle is asked again when it is executed.
            if problem.errno in (1267, 1210, 1582):
                return None
            # So is what there was at a time that is not known yet.
            if context.moments and problem.errno in (1146, 1054):
                return None
            raise
        if not isinstance(plan, QueryPlan) or plan.tables:
            self._session.transactions.must_open_tables()
        if isinstance(plan, QueryPlan):
            return None if plan.into else plan.columns
        return plan.returning if isinstance(plan, InsertPlan) else None

    def anonymous(self, text: str) -> PreparedStatement:
        """A statement of the in-process SDK, kept by its text."""
        key = (text, self._session.flags_now())
        statement = self._anonymous.get(key)
        if statement is None:
            parsed = parse_full(text, self._session.flags_now())
            statement = PreparedStatement(0, text, parsed.statement, parsed.markers)
            if len(self._anonymous) >= ANONYMOUS_MAX:
                self._anonymous.popitem(last=False)
            self._anonymous[key] = statement
        return statement

    def inner(self, statement: ast.Statement) -> PreparedStatement:
        """A part of another statement, kept by the very syntax tree."""
        found = self._inner.get(id(statement))
        if found is None or found.statement is not statement:
            found = PreparedStatement(0, "", statement, 0)
            if len(self._inner) >= INNER_MAX:
                self._inner.popitem(last=False)
            self._inner[id(statement)] = found
        return found

    def once(self, text: str) -> PreparedStatement:
        """EXECUTE IMMEDIATE."""
        parsed = parse_full(text, self._session.flags_now())
        return PreparedStatement(0, text, parsed.statement, parsed.markers)

    def must_get(self, statement_id: int, command: str) -> PreparedStatement:
        statement = self._by_id.get(statement_id)
        if statement is None:
            raise error("UNKNOWN_STMT_HANDLER", statement_id, command)
        return statement

    def close(self, statement_id: int) -> None:
        self._by_id.pop(statement_id, None)

    def clear(self) -> None:
        self._by_id.clear()
        self._by_name.clear()

    # ── PREPARE name FROM … ──

    def name(self, name: str, text: str) -> PreparedStatement:
        self._by_name.pop(name.lower(), None)
        statement = self._by_name[name.lower()] = self._parse(text, 0)
        return statement

    def must_named(self, name: str, command: str) -> PreparedStatement:
        statement = self._by_name.get(name.lower())
        if statement is None:
            raise error("UNKNOWN_STMT_HANDLER", name, command)
        return statement

    def drop(self, name: str) -> None:
        self.must_named(name, "DEALLOCATE PREPARE")
        del self._by_name[name.lower()]
