"""DDL in a session: planned against the catalog under every shard's lock, run with the catalog's own rows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fauna.catalog.ddl import plan_ddl
from fauna.catalog.ddl_plan import DdlContext, DdlPlan, ScriptLine
from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Catalog
from fauna.catalog.schema import Sequence as SqlSequence
from fauna.catalog.store import save_statements
from fauna.catalog.types import SqlType, Stored
from fauna.catalog.violations import altering_error, duplicate_queries, explain_violation
from fauna.errors import SqlError, error
from fauna.plan.plan import InsertPlan, QueryPlan
from fauna.session import keys_over_shards, replacing, running, temporaries
from fauna.session.result import MustMove, MustWait, Result
from fauna.session.table_expressions import compile_expression, convert_constant, fresh_context, parse_expression
from fauna.shard.engine_errors import EngineError
from fauna.shard.shard import Branch, Transaction, lock_now
from fauna.sql import ast
from fauna.sql.bind.coerce import quoted
from fauna.sql.bind.context import SlotTypes
from fauna.sql.convert import Mode, StoreLabel, spec, store_conversion
from fauna.sql.deparse import deparse
from fauna.txn import definitions

if TYPE_CHECKING:
    from fauna.session.session import Session


def run(session: Session, statement: ast.Statement, inline: bool) -> Result:
    """A DDL statement: commits the open transaction, then all of it or nothing."""
    if inline:
        raise MustMove
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    temporary = _temporary(session, statement)
    if temporary:
        session.transactions.must_repeat()
    else:
        session.transactions.must_be_ordinary()
        if session.transactions.explicit:
            ended = session.transactions.commit()
            if ended is not None:
                ended.wait()
        elif session.transactions.read_only_next:
            raise error("READ_ONLY_TRANSACTION")
    transaction = session.transactions.for_writing() if temporary else session.transactions.for_definition()
    transaction.lock()
    temporaries.make_missing(session, transaction.writer(SINGLE_SHARD))
    context = session.new_context(storing=True)
    plan = plan_ddl(statement, session.node.catalog, ddl_context(session))
    context.warnings.extend(plan.warnings)
    context.warnings_count += len(plan.warnings)
    shards = range(len(session.node.shards)) if plan.commits else (SINGLE_SHARD,)

    def publish() -> None:
        """With the locks in hand: else it might put this catalog in the place of a later one."""
        session.node.auto_increments.forget(session.node.catalog, plan.catalog)
        session.node.set_catalog(plan.catalog)
        if isinstance(statement, ast.CreateSequence) and statement.alter:
            changed = plan.catalog.relation(statement.sequence.schema or session.database or "", statement.sequence.name)
            if isinstance(changed, SqlSequence):
                session.node.sequences.forget(changed.id)

    if plan.commits:
        transaction.define(publish)
    keys_over_shards.check(session.node.catalog, plan.catalog)
    try:
        _execute(session, transaction, plan, shards)
        keys_over_shards.find_duplicates(session, transaction, plan.catalog)
        keys_over_shards.find_orphans(session, transaction, plan.catalog)
    except MustWait:
        transaction.retreat()  # nothing of it is to be there when it is begun anew
        raise
    affected = plan.affected_rows
    if plan.count_rows:
        counts = [list(transaction.writer(shard).query(plan.count_rows, (), (), inline=False)) for shard in shards]
        affected = sum([int(rows[0][0]) for rows in counts])  # type: ignore[arg-type, misc]
    if plan.fill is not None and len(shards) > 1:
        return _fill_over_shards(session, statement, plan)
    if plan.fill is not None:
        affected = _fill(session, transaction, plan)
    if not plan.commits:
        publish()  # only the version is another
    durable = (
        session.transactions.commit() if plan.commits and session.transactions.explicit else session.transactions.end_statement()
    )
    session.temporaries = dict(plan.temporaries)
    session.database = plan.database
    session.scope_changed()
    result = session.done(
        affected=affected, info=f"Records: {affected}  Duplicates: 0  Warnings: {context.warnings_count}" if affected else ""
    )
    result.durable = durable
    return result


def _fill_over_shards(session: Session, statement: ast.Statement, plan: DdlPlan) -> Result:
    """CREATE TABLE … SELECT with several shards: the table first, then its rows in a transaction of their own; when that fails
    the table goes again.  A crash in between leaves the table, empty."""
    assert isinstance(statement, ast.CreateTable)
    session.transactions.commit() if session.transactions.explicit else session.transactions.end_statement()
    session.database = plan.database
    session.scope_changed()
    try:
        transaction = session.transactions.for_writing()
        transaction.lock()
        affected = _fill(session, transaction, plan)
        durable = session.transactions.commit() if session.transactions.explicit else session.transactions.end_statement()
    except BaseException:
        session.transactions.rollback()
        run(session, ast.DropTable((statement.table,)), False)
        raise
    info = f"Records: {affected}  Duplicates: 0  Warnings: {session.context.warnings_count}"
    result = session.done(affected=affected, info=info)
    result.durable = durable
    return result


def _temporary(session: Session, statement: ast.Statement) -> bool:
    """Whether the statement is about the session's own tables alone, and so commits nothing."""
    if isinstance(statement, ast.CreateTable):
        return statement.temporary
    if isinstance(statement, ast.DropTable):
        return statement.temporary or bool(statement.tables) and all(_is_temporary(session, t) for t in statement.tables)
    named = getattr(statement, "table", None)
    return isinstance(named, ast.TableName) and _is_temporary(session, named)


def _is_temporary(session: Session, name: ast.TableName) -> bool:
    return ((name.schema or session.database or ""), name.name.lower()) in session.temporaries


def _execute(session: Session, transaction: Transaction, plan: DdlPlan, shards: Sequence[int]) -> None:
    before, after = session.node.catalog, plan.catalog
    changed = {t.physical for t in before.tables() if after.table_by_id(t.id) is not t}
    if len(session.node.shards) == 1 or not plan.commits:
        _run_script(transaction.writer(SINGLE_SHARD), [*plan.script, *save_statements(before, after)], changed, before, after)
        return
    elsewhere = definitions.of_other_shards(plan.script)
    for shard in shards:
        _run_script(transaction.writer(shard), plan.script if shard == SINGLE_SHARD else elsewhere, changed, before, after)
    moves = replacing.moves(before, after, transaction, len(shards))
    for shard in shards:
        script = [*moves.get(shard, ()), definitions.COUNTED]
        if shard == SINGLE_SHARD:
            script += [*save_statements(before, after), definitions.decision(elsewhere, moves)]
        _run_script(transaction.writer(shard), script, changed, before, after)


def _run_script(
    branch: Branch, script: Sequence[ScriptLine], changed: set[str], before: Catalog, after: Catalog
) -> None:
    try:
        branch.execute_ddl(script, changed)
    except SqlError as problem:
        raise altering_error(problem) from None
    except EngineError as problem:
        violation = explain_violation(after, problem.text) or explain_violation(before, problem.text)
        if violation is None:
            raise problem.sql_error() from None
        values: list[Stored] = []
        if violation.index is not None:
            values = _duplicate(branch, duplicate_queries(violation, before))
        raise violation.to_error(values, altering=True) from None


def _duplicate(branch: Branch, queries: list[str]) -> list[Stored]:
    for query in queries:
        try:
            rows = list(branch.query(query, (), (), inline=False))
        except (EngineError, SqlError):
            continue
        if rows:
            return list(rows[0])
    return []


def _fill(session: Session, transaction: Transaction, plan: DdlPlan) -> int:
    """The INSERT of CREATE TABLE … SELECT, against the catalog to be."""
    from fauna.execute import writing
    from fauna.sql.bind.dml import InsertBinder

    assert plan.fill is not None
    catalog = plan.catalog.with_temporaries(plan.temporaries)
    context = session.bind_context(SlotTypes())
    context.catalog = catalog
    insert = InsertBinder(context, plan.fill).bind()
    assert isinstance(insert, InsertPlan)
    statement = session.new_context(storing=True)
    if insert.ignore:
        statement.strict = False
    statement.null_fails = statement.strict
    return writing.insert(running.run_of(session, transaction, statement, False), [(insert, ((),))], ()).affected


def ddl_context(session: Session) -> DdlContext:
    """What planning may ask of this session."""
    return DdlContext(
        session.database,
        lambda table, expr: compile_expression(session, table, expr),
        deparse,
        parse_expression,
        lambda expr, sql_type: convert_constant(session, expr, sql_type),
        _store_expression(session),
        lambda query: select_columns(session, query),
        sql_mode=session.scope().sql_mode,
        now_utc=session.now(utc=True),
        now_local=session.now(),
        foreign_key_checks=bool(session.variables.values["foreign_key_checks"]),
        user=(session.user, session.host),
        temporaries=session.temporaries,
    )


def _store_expression(session: Session) -> Callable[[SqlType, SqlType, str, str], str]:
    def text(source: SqlType, target: SqlType, sql: str, column: str) -> str:
        label = StoreLabel("", "", column)
        if store_conversion(source, target, label) is None:
            return sql
        return f"cv({quoted(spec(source, target, Mode.STORE, label))}, {sql})"

    return text


def select_columns(session: Session, query: ast.Query) -> list[tuple[str, SqlType, bool]]:
    """Names, types and nullability of a query's columns."""
    from fauna.sql.bind.dml import bind_query_plan

    plan = bind_query_plan(fresh_context(session), query)
    assert isinstance(plan, QueryPlan)
    return [(c.name, c.sql_type, c.nullable) for c in plan.columns]


def drop_temporaries(session: Session) -> None:
    """At the session's end its temporary tables go."""
    if not session.temporaries or session.node.closing:
        return
    branch = session.transactions.for_writing().writer(SINGLE_SHARD)
    tables = list(session.temporaries.values())
    session.temporaries = {}
    try:
        lock_now(branch)
        branch.execute_ddl([(f"DROP TABLE IF EXISTS {t.physical}", ()) for t in tables], [t.physical for t in tables])
        session.transactions.commit() if session.transactions.explicit else session.transactions.end_statement()
    except (SqlError, EngineError):
        session.transactions.rollback()
