"""A node in a temporary directory with a few tables, for tests of the binder and the emitter."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from typing import Any

from fauna.catalog.types import Kind, SqlType, scaled_of
from fauna.node import Node
from fauna.plan.plan import Plan, QueryPlan
from fauna.session.session import Session
from fauna.sql import ast
from fauna.sql.bind.context import SlotTypes
from fauna.sql.bind.query import QueryBinder
from fauna.sql.parse import parse
from fauna.sql.shape import Lifted, lift
from fauna.sql.typed import BoundQuery
from fauna.wire.backend import ClientInfo

TABLES = (
    "CREATE DATABASE shop",
    "USE shop",
    """CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_general_ci, code VARCHAR(20) COLLATE utf8mb4_unicode_ci,
       price DECIMAL(10,2), big DECIMAL(18,6), huge DECIMAL(40,10), n BIGINT, u BIGINT UNSIGNED, small SMALLINT, r DOUBLE, d DATE,
       at DATETIME(3), kind ENUM('a','b'), KEY by_code (code))""",
    "CREATE TABLE part (id INT PRIMARY KEY, item INT, w INT)",
)


class Bench:
    """Binds and runs statements in one session."""

    def __init__(self, node: Node) -> None:
        self.node = node
        info = ClientInfo(connection_id=1, user="root", host="localhost", database=None)
        self.session: Session = node.open_session(info)
        for text in TABLES:
            self.run(text)

    def run(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, as stored values."""
        result: Any = self.session.execute(text, inline=False)
        rows = [tuple(row) for row in result.rows] if result.columns else []
        return rows

    def query(self, text: str) -> BoundQuery:
        statement = parse(text, 0)
        assert isinstance(statement, ast.QueryStatement)
        return QueryBinder(self.session.bind_context(SlotTypes())).bind(statement.query)

    def type(self, expression: str) -> SqlType:
        """Of an expression over the tables above."""
        return self.query(f"SELECT {expression} FROM item").outputs[0].expr.type

    def plan(self, text: str) -> Plan:
        return self.session.bind(parse(text, 0))

    def sql(self, text: str) -> str:
        """SQLite's text of a SELECT, tables by their names and columns by theirs."""
        plan = self.plan(text)
        assert isinstance(plan, QueryPlan)
        found = plan.statement.sql
        for table in self.node.catalog.tables():
            for alias in re.findall(rf"\b{table.physical} AS (\w+)", found):
                for column in reversed(table.columns):
                    found = found.replace(f"{alias}.{column.physical}", f"{alias}.{column.name}")
            found = found.replace(f"{table.physical} AS", f"{table.name} AS")
        return found

    def lifted(self, text: str) -> tuple[Lifted, Plan | None]:
        """The shape of a text and the plan that is kept for it, if one serves it."""
        lifted = lift(text, 0)
        assert lifted is not None
        return lifted, self.node.plans.find(lifted.shape, self.session._scope_key, lifted.literals)

    def decimal(self, expression: str, table: str = "item") -> tuple[Decimal | None, SqlType]:
        """A DECIMAL or integer value as the client would see it, and its type."""
        result: Any = self.session.execute(f"SELECT {expression} FROM {table}", inline=False)
        sql_type = result.columns[0].sql_type
        [(value,)] = list(result.rows)
        if value is None:
            return None, sql_type
        with localcontext() as context:
            context.prec = 100
            return Decimal(scaled_of(value)).scaleb(-sql_type.scale if sql_type.kind is Kind.DECIMAL else 0), sql_type
