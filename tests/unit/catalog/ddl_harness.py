"""DDL planned and run on a SQLite database in memory, with stand-ins for what the session and the binder hand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apsw

from fauna.catalog import store
from fauna.catalog.ddl import plan_ddl
from fauna.catalog.ddl_plan import DdlContext, DdlPlan
from fauna.catalog.schema import Catalog, Database, Table
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, Stored, decimal_type, varbinary, varchar
from fauna.catalog.violations import duplicate_queries, explain_violation
from fauna.errors import SqlError, error
from fauna.sql import ast
from fauna.sql.collation import register_collations
from fauna.sql.context import StatementContext, using
from fauna.sql.convert import Mode, StoreLabel, register_conversions, spec, store_conversion
from fauna.sql.deparse import deparse
from fauna.sql.parse import parse, parse_expression


def literal_value(expr: ast.Expr) -> tuple[SqlType, Stored]:
    if isinstance(expr, ast.Unary):
        sql_type, value = literal_value(expr.operand)
        assert isinstance(value, (int, float))
        return sql_type, -value if expr.op == "-" else value
    assert isinstance(expr, ast.Literal)
    value: Any = expr.value
    if expr.kind is ast.LiteralKind.INTEGER:
        return BIGINT_TYPE.with_(unsigned=value > 2**63 - 1), value if value < 2**63 else value.to_bytes(8, "big")
    if expr.kind is ast.LiteralKind.DECIMAL:
        whole, _, fraction = value.partition(".")
        return decimal_type(len(whole) + len(fraction), len(fraction)), int(whole + fraction)
    if expr.kind is ast.LiteralKind.FLOAT:
        return SqlType(Kind.DOUBLE, 22, 31), value
    if expr.kind in (ast.LiteralKind.TRUE, ast.LiteralKind.FALSE):
        return BIGINT_TYPE, int(expr.kind is ast.LiteralKind.TRUE)
    if isinstance(value, bytes):
        return varbinary(len(value)), value
    return varchar(len(value)), value


def convert_constant(expr: ast.Expr, sql_type: SqlType) -> Stored:
    source, value = literal_value(expr)
    if isinstance(value, bytes) and expr.kind is ast.LiteralKind.HEX and sql_type.kind in (Kind.INT, Kind.BIT, Kind.BIGINT):
        source, value = BIGINT_TYPE, int.from_bytes(value, "big")
    if isinstance(value, bytes) and sql_type.kind is Kind.BIT:
        source, value = BIGINT_TYPE, int.from_bytes(value, "big")
    with using(StatementContext(strict=True, storing=True)):
        convert = store_conversion(source, sql_type, StoreLabel("", "", ""))
        return convert(value) if convert is not None else value


_WORDS = {"json_valid": "json_valid", "concat": "concat", "octet_length": "length"}


def compile_expression(table: Table, expr: ast.Expr) -> tuple[str, SqlType]:
    """SQLite text by MariaDB's own: enough for the expressions of these tests."""
    text = deparse(expr)
    for column in table.columns:
        text = text.replace(f"`{column.name}`", column.physical)
    return text, BIGINT_TYPE if "concat" not in text else varchar(20)


def store_expression(source: SqlType, target: SqlType, sql: str, label: str) -> str:
    text = spec(source, target, Mode.STORE, StoreLabel("d", "t", label))
    return f"cv('{text}', {sql})"


class Server:
    """One shard and its catalog."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.foreign_key_checks = True
        self.connection.create_scalar_function("fk_checks", lambda: int(self.foreign_key_checks), 0)
        self.connection.create_scalar_function("fauna_replaying", lambda: 0, 0)
        self.connection.create_scalar_function("fauna_hold", lambda table, rowid: 1, 2)
        register_collations(self.connection)
        register_conversions(self.connection)
        self.connection.execute("PRAGMA recursive_triggers = ON")
        for sql, parameters in store.SYSTEM_TABLES:
            self.connection.execute(sql, parameters)
        self.catalog = Catalog().with_database(Database("d"))
        for sql, parameters in store.save_statements(Catalog(), self.catalog):
            self.connection.execute(sql, parameters)
        self.temporaries: Any = {}
        self.database: str | None = "d"
        self.sql_mode = frozenset({"STRICT_TRANS_TABLES"})
        self.plan: DdlPlan | None = None
        self.selected: Sequence[tuple[str, SqlType, bool]] = ()

    def context(self) -> DdlContext:
        return DdlContext(
            self.database,
            compile_expression,
            deparse,
            parse_expression,
            convert_constant,
            store_expression,
            lambda query: self.selected,
            self.sql_mode,
            "2026-11-21 10:11:12.131415",
            "2026-11-21 12:11:12.131415",
            self.foreign_key_checks,
            temporaries=self.temporaries,
        )

    def ddl(self, text: str) -> DdlPlan:
        """Plan, run and store; the catalog moves on only when all went well."""
        plan = plan_ddl(parse(text), self.catalog, self.context())
        saved = store.save_statements(self.catalog, plan.catalog)
        try:
            with self.connection, using(StatementContext(strict=True, storing=True)):
                for sql, parameters in (*plan.script, *saved):
                    self._run(sql, parameters, plan.catalog, altering=True)
        except apsw.ConstraintError as problem:
            raise AssertionError(f"unexplained: {problem}") from problem
        self.catalog, self.temporaries, self.plan, self.database = plan.catalog, plan.temporaries, plan, plan.database
        return plan

    def _run(self, sql: str, parameters: Sequence[Any], catalog: Catalog, *, altering: bool) -> list[Any]:
        try:
            return list(self.connection.execute(sql, parameters))
        except apsw.ConstraintError as problem:
            violation = explain_violation(catalog, str(problem))
            if violation is None:
                raise
            values: Sequence[Stored] = ()
            for query in duplicate_queries(violation, self.catalog):
                values = next(iter(self.connection.execute(query)), ()) or values
            raise violation.to_error(values, altering=altering) from None

    def table(self, name: str, schema: str = "d") -> Table:
        relation = self.temporaries.get((schema, name)) or self.catalog.relation(schema, name)
        assert isinstance(relation, Table), name
        return relation

    def insert(self, name: str, /, **values: Any) -> None:
        """A row, by column names, of stored values."""
        table = self.table(name)
        columns = [table.column(key).physical for key in values]  # type: ignore[union-attr]
        marks = ", ".join("?" for _ in columns)
        sql = f"INSERT INTO {table.physical}({', '.join(columns)}) VALUES ({marks})"
        self._run(sql, tuple(values.values()), self.catalog, altering=False)

    def run(self, sql: str, *tables: str) -> list[Any]:
        """SQLite text with {name} for a table and {name.column} for a column."""
        for name in tables:
            table = self.table(name)
            for column in table.columns:
                sql = sql.replace(f"{{{name}.{column.name}}}", column.physical)
            sql = sql.replace(f"{{{name}}}", table.physical)
        return self._run(sql, (), self.catalog, altering=False)

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        table = self.table(name)
        columns = ", ".join(column.physical for column in table.columns)
        return list(self.connection.execute(f"SELECT {columns} FROM {table.physical} ORDER BY rowid"))

    def reload(self) -> Catalog:
        """The catalog as it would be after a restart."""
        meta = next(self.connection.execute(store.LOAD_META))
        return store.load(meta, list(self.connection.execute(store.LOAD_ENTRIES)))

    def next_auto_increment(self, table: Table) -> int:
        found = list(self.connection.execute("SELECT next FROM auto_increment WHERE table_id = ?", (table.id,)))
        return int(found[0][0]) if found else 0


def error_of(server: Server, text: str) -> tuple[int, str]:
    try:
        server.ddl(text)
    except SqlError as problem:
        return problem.errno, problem.message
    raise AssertionError(f"no error: {text}")


__all__ = ["Server", "error", "error_of", "replace"]
