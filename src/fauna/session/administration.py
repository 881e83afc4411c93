"""Statements that are neither queries nor changes of rows: transactions, SET, SHOW, PREPARE, KILL, LOCK …"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fauna.catalog.ddl import DDL_STATEMENTS
from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, Stored, varchar
from fauna.catalog.values import to_python
from fauna.errors import SqlError, error, unsupported
from fauna.execute import over_shards, writing
from fauna.plan.plan import DeletePlan, Distribution, Gather, Plan, QueryPlan, ShardStatement, UpdatePlan
from fauna.session import definition, flashback, load_data, passwords, past, procedures, reading, xa
from fauna.session.evaluation import evaluate
from fauna.session.explain import EXPLAIN_COLUMNS, Step, Tables, analyzed, explained, merge_row, noted
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, ResultColumn, Row
from fauna.session.variables import must_variable
from fauna.shard.engine_errors import EngineError
from fauna.sql import ast
from fauna.sql.bind.context import SlotTypes
from fauna.sql.bind.dml import bind_statement
from fauna.sql.bind.query import find_relation
from fauna.sql.user_variables import kept

if TYPE_CHECKING:
    from fauna.session.session import Session

Params = Sequence[tuple[SqlType, Stored]]
# SHOW statements that open the table they are about.
_OPENS_TABLE = frozenset({"COLUMNS", "INDEX", "CREATE TABLE", "CREATE VIEW"})


def run(session: Session, statement: ast.Statement, params: Params, inline: bool) -> Result | LocalInfile:
    """Answer `statement`; error 1235 for what is not supported."""
    session.params = params
    handler = _HANDLERS.get(type(statement))
    if handler is not None:
        if handler is not _show:
            session.new_context(storing=False)
        return handler(session, statement)
    if isinstance(statement, DDL_STATEMENTS):
        return session.guarded(lambda: definition.run(session, statement, inline))  # it may run a SELECT
    session.new_context(storing=False)
    worker = _IN_WORKER.get(type(statement))
    if worker is not None:
        if inline:
            raise MustMove
        return worker(session, statement)
    if isinstance(statement, ast.ExecuteStatement):
        return _execute(session, statement, inline)
    if isinstance(statement, ast.ExecuteImmediate):
        return _execute_immediate(session, statement, inline)
    if isinstance(statement, ast.SetForStatement):
        return _set_for(session, statement, params, inline)
    if isinstance(statement, ast.CallProcedure):
        return procedures.call(session, statement, params, inline)
    if isinstance(statement, ast.Unsupported):
        raise unsupported(statement.what)
    raise unsupported(type(statement).__name__)


def columns_of(session: Session, statement: ast.Statement) -> tuple[ResultColumn, ...] | None:
    """Result columns of a SHOW and the like, for the binary protocol's prepare."""
    if isinstance(statement, (ast.Show, ast.Describe)):
        return _show(session, statement).columns
    return None


def table_result(names: Sequence[str], rows: list[Row], session: Session) -> Result:
    """A small result of texts and integers."""
    columns = []
    for i, name in enumerate(names):
        values = [r[i] for r in rows if r[i] is not None]
        number = bool(values) and all(isinstance(v, int) for v in values)
        if name == "Msg_text":
            columns.append(ResultColumn(name, SqlType(Kind.MEDIUMTEXT, collation="utf8mb3_general_ci")))
            continue
        columns.append(ResultColumn(name, BIGINT_TYPE if number else varchar(max([64, *(len(str(v)) for v in values)]))))
    return Result(tuple(columns), iter(rows), status=session.status, ready=True)


# ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────────


def _start(session: Session, statement: ast.StartTransaction) -> Result:
    ticket = session.transactions.commit()
    if ticket is not None and not ticket.done() and statement.consistent_snapshot and session.node.gate is not None:
        raise MustWait(ticket)  # over several shards it is visible only then
    session.transactions.begin(read_only=statement.read_only, consistent_snapshot=statement.consistent_snapshot)
    result = session.done()
    result.durable = ticket
    return result


def _commit(session: Session, statement: ast.Commit) -> Result:
    ticket = session.transactions.commit()
    if statement.chain:
        session.transactions.begin()
    result = session.done()
    result.durable = ticket
    if statement.release:
        session.client.disconnect()
    return result


def _rollback(session: Session, statement: ast.Rollback) -> Result:
    if statement.savepoint is not None:
        session.transactions.rollback_to(statement.savepoint)
        return session.done()
    session.transactions.rollback()
    if statement.chain:
        session.transactions.begin()
    if statement.release:
        session.client.disconnect()
    return session.done()


def _savepoint(session: Session, statement: ast.Savepoint) -> Result:
    session.transactions.savepoint(statement.name)
    return session.done()


def _release(session: Session, statement: ast.ReleaseSavepoint) -> Result:
    session.transactions.release(statement.name)
    return session.done()


def _set_transaction(session: Session, statement: ast.SetTransaction) -> Result:
    if statement.scope is None:
        session.transactions.set_next(statement.isolation, statement.read_only)
        return session.done()
    target: Any = session.node.variables if statement.scope == "GLOBAL" else session.variables
    if statement.isolation is not None:
        target.set("transaction_isolation", statement.isolation.replace(" ", "-"))
    if statement.read_only is not None:
        target.set("transaction_read_only", statement.read_only)
    return session.done()


# ── SET ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _set(session: Session, statement: ast.SetStatement) -> Result:
    """All assignments or none: values are computed and checked before the first takes effect."""
    before = dict(session.variables.values), dict(session.user_variables), dict(session.node.variables.values)
    ticket = None
    try:
        for item in statement.items:
            if isinstance(item, ast.SetNames):
                _set_names(session, item)
            elif isinstance(item, ast.SetUserVariable):
                session.user_variables[item.name.lower()] = kept(*evaluate(session, item.value))
            else:
                ticket = _set_variable(session, item) or ticket
    except BaseException:
        session.variables.values, session.user_variables, session.node.variables.values = before
        raise
    session.scope_changed()
    result = session.done()
    result.durable = ticket
    return result


def _set_names(session: Session, item: ast.SetNames) -> None:
    if item.character_set_only:
        charset = item.charset or "utf8mb4"
        session.variables.names(charset, None)
        session.variables.values["collation_connection"] = session.variables.values["collation_database"]
        return
    session.variables.names(item.charset or "utf8mb4", item.collation)


def _set_variable(session: Session, item: ast.SetSystemVariable) -> Any:
    name = must_variable(item.name).name
    given = item.name
    variables = session.variables
    if item.value is None:
        value = variables.default(name, of_global=item.scope == "GLOBAL")
    else:
        value = _variable_value(session, item.value)
        if name == "system_versioning_asof":
            value = past.as_of_value(given, value, str(variables.values["time_zone"]))
    if item.scope == "GLOBAL":
        if name == "read_only" and session.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        session.node.variables.set(given, value)
        return None
    if name in ("transaction_isolation", "transaction_read_only") and item.scope is None and session.transactions.explicit:
        raise error("CANT_CHANGE_TX_CHARACTERISTICS")
    was_auto = variables.values["autocommit"]
    variables.set(given, value)
    if name == "autocommit" and variables.values["autocommit"] and not was_auto:
        return session.transactions.commit()
    if name == "character_set_connection":
        variables.names_connection()
    elif name == "collation_connection":
        variables.values["character_set_connection"] = variables.values[name].partition("_")[0]
    elif name == "last_insert_id":
        session.last_insert_id = int(variables.values[name])
    return None


def _variable_value(session: Session, expr: ast.Expr) -> Any:
    if isinstance(expr, ast.Name) and len(expr.parts) == 1:
        return expr.parts[0]
    if isinstance(expr, ast.Literal) and expr.kind is ast.LiteralKind.STRING and expr.charset is None:
        return expr.value
    sql_type, value = session.params[expr.index] if isinstance(expr, ast.Marker) else evaluate(session, expr)
    if value is None:
        return None
    plain = to_python(sql_type)(value)
    if sql_type.kind is Kind.DECIMAL:
        return float(plain)
    return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain


# ── SHOW, DESCRIBE, EXPLAIN ──────────────────────────────────────────────────────────────────────────────────────


def _show(session: Session, statement: ast.Show | ast.Describe) -> Result:
    from fauna.sql import show

    if isinstance(statement, ast.Show) and statement.what in ("WARNINGS", "ERRORS", "COUNT WARNINGS", "COUNT ERRORS"):
        return _show_warnings(session, statement)
    if isinstance(statement, ast.Describe) or statement.what in _OPENS_TABLE:
        session.transactions.must_open_tables()
    context = session.node.show_context(session)
    session.new_context(storing=False)
    result = show.show(statement, context)
    rows = result.rows
    if result.filter is not None:
        kept = session.run_statement(ast.QueryStatement(result.filter), (), False)
        assert isinstance(kept, Result)
        rows = result.kept([int(position) for (position,) in kept.rows])  # type: ignore[arg-type]
    columns = tuple(replace(c, org_name=c.org_name or c.name) for c in result.columns)  # columns of tables, not expressions
    return Result(columns, iter(rows), status=session.status, ready=True)


def _show_warnings(session: Session, statement: ast.Show) -> Result:
    wanted = [w for w in session.context.warnings if statement.what.endswith("WARNINGS") or w.level == "Error"]
    if statement.what.startswith("COUNT"):
        column = ResultColumn(
            f"@@session.{'warning' if statement.what.endswith('WARNINGS') else 'error'}_count",
            SqlType(Kind.BIGINT, 21, unsigned=True),
        )
        return Result((column,), iter([(len(wanted),)]), status=session.status, ready=True)
    rows: list[Row] = [(w.level, w.errno, w.message) for w in wanted]
    if statement.limit is not None:
        count = getattr(statement.limit.count, "value", len(rows))
        offset = getattr(statement.limit.offset, "value", 0) if statement.limit.offset is not None else 0
        rows = rows[offset : offset + count]
    columns = (
        ResultColumn("Level", varchar(7), False),
        ResultColumn("Code", SqlType(Kind.INT, 4, unsigned=True), False),
        ResultColumn("Message", varchar(512), False),
    )
    return Result(columns, iter(rows), warnings=len(session.context.warnings), status=session.status, ready=True)


def _explain(session: Session, statement: ast.Explain) -> Result:
    """The engine's own plan in EXPLAIN's columns."""
    if statement.format.upper() not in ("", "TRADITIONAL"):
        raise unsupported(f"EXPLAIN FORMAT={statement.format}")
    context = session.bind_context(SlotTypes())
    plan = bind_statement(context, statement.statement)
    if not isinstance(plan, QueryPlan) or plan.tables:
        session.transactions.must_open_tables()
    if statement.analyze:
        return _explain_analyze(session, plan)
    source = getattr(plan, "statement", None) or getattr(plan, "select", None) or getattr(plan, "query", None)
    distribution: Distribution | None = getattr(plan, "distribution", None)
    shard = over_shards.home(distribution, (), session.supply)
    if distribution is not None and shard is None:
        rows = [
            (number, *row[1:])
            for number, gather in enumerate(distribution.gathers, 1)
            for row in _explained_gather(session, gather, context.tables)
        ]
        rows.append(merge_row(distribution))
    else:
        rows = explained(_steps(session, source, shard or SINGLE_SHARD), context.tables)
        if distribution is not None and session.slots.shards > 1:
            rows = noted(rows, _where((shard or SINGLE_SHARD,)))
        elif isinstance(plan, (UpdatePlan, DeletePlan)) and plan.spread:
            rows = noted(rows, _where(writing.shards_of(plan, (), session.supply, session.slots.shards)))
    return Result(EXPLAIN_COLUMNS, iter(rows), status=session.status, ready=True)


def _steps(session: Session, source: ShardStatement | None, shard: int) -> list[Step]:
    if source is None:
        return []
    params = source.params.build((), session.supply)
    found = session.node.shards[shard].autocommit_query(f"EXPLAIN QUERY PLAN {source.sql}", params, inline=False)
    return [Step(int(number), int(parent), str(detail)) for number, parent, _, detail in found]  # type: ignore[arg-type]


def _explained_gather(session: Session, gather: Gather, tables: Tables) -> list[Row]:
    shards = over_shards.shards_of(gather, (), session.supply, session.slots.shards)
    rows = explained(_steps(session, gather.statement, shards[0]), tables)
    return noted(rows, _where(shards) + (f"; pushed: {gather.shows}" if gather.shows else ""))


def _where(shards: Sequence[int]) -> str:
    return f"Shard{'s' if len(shards) > 1 else ''} {', '.join(map(str, shards))}"


def _explain_analyze(session: Session, plan: Plan) -> Result:
    """EXPLAIN ANALYZE: the query is run; rows and time of each step, as MySQL's tree."""
    if not isinstance(plan, QueryPlan) or plan.locking:
        raise unsupported("EXPLAIN ANALYZE of anything but a SELECT without locks")
    session.new_context(storing=False)
    fetched: list[over_shards.Fetched] = []
    started, count = time.perf_counter(), 0
    transaction = session.transactions.for_reading()
    reads = plan.reads((), session.supply)
    rows = reading.read(session, transaction, plan.statement, plan.distribution, (), reads, inline=False, noted=fetched)
    while batch := rows.fetch(256):
        count += len(batch)
    home = over_shards.home(plan.distribution, (), session.supply)
    text = analyzed(plan.distribution if session.slots.shards > 1 else None, home, fetched, count, started)
    return Result((ResultColumn("EXPLAIN", SqlType(Kind.LONGTEXT)),), iter([(text,)]), status=session.status, ready=True)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _use(session: Session, statement: ast.Use) -> Result:
    session.use(statement.database)
    return session.done()


def _kill(session: Session, statement: ast.Kill) -> Result:
    _, value = evaluate(session, statement.connection)
    if not isinstance(value, int):
        raise error("NO_SUCH_THREAD", value)
    session.kill(value, query_only=statement.query_only)
    return session.done()


def _prepare(session: Session, statement: ast.PrepareStatement) -> Result:
    _, text = evaluate(session, statement.source)
    session.prepared.name(statement.name, "" if text is None else str(text))
    return session.done(info="Statement prepared")


def _execute(session: Session, statement: ast.ExecuteStatement, inline: bool) -> Result | LocalInfile:
    prepared = session.prepared.must_named(statement.name, "EXECUTE")
    if len(statement.using) != prepared.param_count:
        raise error("WRONG_ARGUMENTS", "EXECUTE")
    params = [evaluate(session, e) for e in statement.using]
    return session.run_prepared(prepared, params, inline=inline)


def _execute_immediate(session: Session, statement: ast.ExecuteImmediate, inline: bool) -> Result | LocalInfile:
    _, text = evaluate(session, statement.source)
    prepared = session.prepared.once("" if text is None else str(text))
    if len(statement.using) != prepared.param_count:
        raise error("WRONG_ARGUMENTS", "EXECUTE")
    return session.run_prepared(prepared, [evaluate(session, e) for e in statement.using], inline=inline)


def _set_for(session: Session, statement: ast.SetForStatement, params: Params, inline: bool) -> Result | LocalInfile:
    with holding(session, statement.settings):
        return session.run_inner(statement.statement, params, inline)


@contextmanager
def holding(session: Session, settings: Sequence[ast.SetSystemVariable]) -> Iterator[None]:
    """SET STATEMENT … FOR: the settings hold inside."""
    before = dict(session.variables.values)
    try:
        for item in settings:
            _set_variable(session, item)
        session.scope_changed()
        session.scope()
        session.watch.clear(max_statement_time_s=session.variables.values["max_statement_time"])
        yield
    finally:
        session.variables.values = before
        session.scope_changed()


def _deallocate(session: Session, statement: ast.DeallocateStatement) -> Result:
    session.prepared.drop(statement.name)
    return session.done()


def _do(session: Session, statement: ast.Do) -> Result:
    for expr in statement.exprs:
        evaluate(session, expr)
    return session.done()


def _lock_tables(session: Session, statement: ast.LockTables) -> Result:
    """Ends the open transaction, as MySQL does.  Single statements are atomic and writers queue anyway; a note says
    that other sessions are not kept out between them."""
    session.transactions.must_be_ordinary()
    for table, _ in statement.tables:
        schema = table.table.schema or session.database
        if schema is None:
            raise error("NO_DB")
        if (schema.lower(), table.table.name.lower()) not in session.node.info_tables:
            find_relation(session.catalog, schema, table.table.name)
    ticket = session.transactions.commit()
    session.context.warn("UNKNOWN_ERROR", "LOCK TABLES does not keep other sessions out; use a transaction", level="Note")
    result = session.done()
    result.durable = ticket
    return result


def _unlock_tables(session: Session, statement: ast.UnlockTables) -> Result:
    return session.done()


def _flush(session: Session, statement: ast.Flush) -> Result:
    session.transactions.must_be_ordinary()
    return session.done()


def _admin_tables(session: Session, statement: ast.AdminTables) -> Result:
    """ANALYZE gathers the engine's statistics; CHECK reads the whole file's structure."""
    session.transactions.must_be_ordinary()
    if statement.action == "CHECKSUM":
        raise unsupported("CHECKSUM TABLE")
    rows: list[Row] = []
    for name in statement.tables:
        schema = name.schema or session.database
        if schema is None:
            raise error("NO_DB")
        label = f"{schema}.{name.name}"
        verb = statement.action.lower()
        try:
            relation = find_relation(session.catalog, schema, name.name)
        except SqlError as problem:
            rows.append((label, verb, "Error", problem.message))
            rows.append((label, verb, "status", "Operation failed"))
            continue
        rows.extend(_admin_rows(session, statement.action, label, verb, getattr(relation, "physical", "")))
    return table_result(("Table", "Op", "Msg_type", "Msg_text"), rows, session)


def _admin_rows(session: Session, action: str, label: str, verb: str, physical: str) -> Iterator[Row]:
    if action == "ANALYZE" and physical.startswith("t") and session.node.read_only:
        yield (label, verb, "note", "Not on a read-only server")
    elif action == "ANALYZE" and physical.startswith("t"):
        transaction = session.transactions.for_writing()
        transaction.lock()
        for shard in range(len(session.node.shards)):
            transaction.writer(shard).execute_ddl([(f"ANALYZE {physical}", ())], ())
        session.transactions.end_statement()
        yield (label, verb, "status", "OK")
    elif action == "CHECK" and physical.startswith("t"):
        try:
            check = f"PRAGMA integrity_check({physical})"
            found = [row for shard in session.node.shards for row in shard.autocommit_query(check, (), inline=False)]
            found = [row for row in found if row != ("ok",)] or [("ok",)]
        except EngineError as problem:
            found = [(problem.text,)]
        if found == [("ok",)]:
            yield (label, verb, "status", "OK")
        else:
            for (text,) in found[:10]:
                yield (label, verb, "error", text)
    elif action == "REPAIR":
        yield (label, verb, "note", "The storage engine for the table doesn't support repair")
    else:
        if action == "OPTIMIZE":
            yield (label, verb, "note", "Table does not support optimize, doing recreate + analyze instead")
        yield (label, verb, "status", "OK")


_HANDLERS: dict[type, Callable[[Session, Any], Result]] = {
    ast.StartTransaction: _start,
    ast.Commit: _commit,
    ast.Rollback: _rollback,
    ast.Savepoint: _savepoint,
    ast.ReleaseSavepoint: _release,
    ast.SetTransaction: _set_transaction,
    ast.XaStart: xa.start,
    ast.XaEnd: xa.end,
    ast.XaRecover: xa.recover,
    ast.SetStatement: _set,
    ast.Use: _use,
    ast.Kill: _kill,
    ast.PrepareStatement: _prepare,
    ast.DeallocateStatement: _deallocate,
    ast.LockTables: _lock_tables,
    ast.UnlockTables: _unlock_tables,
    ast.Flush: _flush,
    ast.Show: _show,
    ast.Describe: _show,
    ast.LoadData: load_data.start,
}
_IN_WORKER: dict[type, Callable[[Session, Any], Result]] = {
    ast.Do: _do,
    ast.AdminTables: _admin_tables,
    ast.Explain: _explain,
    ast.FlashbackTable: flashback.table,
    ast.FlashbackTransaction: flashback.transaction,
    ast.SetPassword: passwords.change_password,
    ast.XaPrepare: xa.prepare,
    ast.XaCommit: xa.commit,
    ast.XaRollback: xa.rollback,
}

__all__ = ["columns_of", "run"]
