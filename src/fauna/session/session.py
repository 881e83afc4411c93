"""A session: text and arguments in, results out.  Read this first."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import SqlType, Stored, to_unsigned
from fauna.catalog.violations import explain_violation
from fauna.errors import SqlError, error, unsupported
from fauna.execute import writing
from fauna.plan.plan import CachedPlan, InsertPlan, Plan, QueryPlan
from fauna.session import administration, change_streams, definition, past, reading, running, statement_settings, temporaries
from fauna.session.prepared import PreparedStatement, PreparedStatements
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, ResultColumn
from fauna.session.sequences import NoValuesLeft, SessionSequences
from fauna.session.transactions import Transactions
from fauna.session.variables import SERVER_VERSION, SessionVariables
from fauna.shard.engine_errors import EngineError, NoSuchObject, Overflow
from fauna.shard.shard import Watch
from fauna.sql import ast
from fauna.sql.bind.context import BindContext, SessionScope, SlotTypes
from fauna.sql.bind.dml import bind_statement
from fauna.sql.bind.expression_text import with_arguments
from fauna.sql.context import StatementContext, set_current
from fauna.sql.convert.timestamp import zone
from fauna.sql.narrow import NarrowOverflow
from fauna.sql.parse import ParseMode, parse, parse_full
from fauna.sql.shape import Lifted, lift, split_statements
from fauna.sql.user_variables import UNDEFINED, kept, type_in_variable

if TYPE_CHECKING:
    from fauna.node import Node
    from fauna.session.change_streams import OpenStream
    from fauna.session.procedures import ProcedureCall
    from fauna.txn.growth import News
    from fauna.wire.backend import ClientInfo

STATUS_IN_TRANSACTION = 0x0001
STATUS_AUTOCOMMIT = 0x0002
STATUS_NO_BACKSLASH_ESCAPES = 0x0200
INLINE_ROWS_MAX = 16
SELECT_LIMIT_NONE = (1 << 63) - 1
REPLANS_MAX = 8
WRONG_VALUE_COUNT = 1136

Params = Sequence[tuple[SqlType, Stored]]

_PARSE_FLAGS = {
    "ANSI_QUOTES": ParseMode.ANSI_QUOTES,
    "PIPES_AS_CONCAT": ParseMode.PIPES_AS_CONCAT,
    "NO_BACKSLASH_ESCAPES": ParseMode.NO_BACKSLASH_ESCAPES,
    "HIGH_NOT_PRECEDENCE": ParseMode.HIGH_NOT_PRECEDENCE,
    "IGNORE_SPACE": ParseMode.IGNORE_SPACE,
}
CACHED = (ast.QueryStatement, ast.Insert, ast.Update, ast.Delete)


_LIFTED = ("select", "insert", "update", "delete", "replace", "with", "(")


def parse_flags_of(sql_mode: str) -> int:
    """The parser's flags under that sql_mode."""
    flags = 0
    for mode in sql_mode.split(","):
        flags |= _PARSE_FLAGS.get(mode, 0)
    return flags


class _Whole(Exception):
    """The rows of an INSERT are to be planned together."""


class Session:
    """One client.  One thread at a time, `interrupt` excepted."""

    def __init__(self, node: Node, client: ClientInfo) -> None:
        self.node = node
        self.client = client
        self.connection_id = client.connection_id
        self.user, self.host = client.user, client.host
        self.killed = False
        self.watch = Watch()
        self.variables: SessionVariables = SessionVariables(node.variables)
        self.variables.values["pseudo_thread_id"] = client.connection_id
        self.database: str | None = None
        self.user_variables: dict[str, tuple[SqlType, Stored]] = {}
        self.sequences = SessionSequences(node.sequences)
        self._begin_transaction = partial(node.begin, user=f"{self.user}@{self.host}")
        self.transactions = Transactions(self._begin_transaction, self.variables, self.watch, self._transaction_ended)
        self.prepared = PreparedStatements(self)
        self.params: Params = ()  # of the running statement, when it is no plan
        self.pending_call: ProcedureCall | None = None  # waiting for a lock in the middle
        self.awaited_news: News | None = None  # of further blocks, by the statement that is running
        self.change_stream: OpenStream | None = None
        self.inline = False  # the running statement is on the event loop
        self.context = StatementContext()
        self._context_made = True  # for the running statement
        self._reusable: StatementContext | None = None
        self.last_insert_id: int = 0
        self.row_count: int = -1
        self.found_rows: int = 0
        self.temporaries: dict[tuple[str, str], Table] = {}
        self.temporaries_missed = False
        self.started = time.monotonic()
        self.statement_text: str = ""
        self.busy = False
        self.statement_started = time.time()
        self.infile_enabled = client.local_infile
        self._scope: SessionScope | None = None
        self._scope_key = 0
        self._scope_catalog: Catalog | None = None
        self.slots = node.catalog.slots  # where plans look for rows: those of the open snapshot, if there is one
        self._reads_old_slots = False
        self.times: list[int | None] = []  # that the running statement names, if it names any
        self.past_states: list[tuple[int, int]] = []  # tables, and the times as of which the running statement reads them
        self.inline = False  # whether it may not wait, where that matters to binding
        self._wide = False
        self._constants_by_row = False
        self._flags = 0
        self._status = STATUS_AUTOCOMMIT
        self._modes = (True, True, False, False, False)
        self._now: float = 0.0
        self._closed = False
        if client.database:
            self.use(client.database)

    # ── state that plans depend on ──

    @property
    def catalog(self) -> Catalog:
        """The catalog as this session sees it."""
        return self._seen(self.node.catalog)

    def _seen(self, catalog: Catalog) -> Catalog:
        if self._reads_old_slots:
            catalog = replace(catalog, slots=self.slots)
        return catalog.with_temporaries(self.temporaries) if self.temporaries else catalog

    def scope_changed(self) -> None:
        """A variable, the database or the temporary tables changed: plans are looked up anew."""
        self._scope = None

    def scope(self) -> SessionScope:
        if self._scope is None or self._scope_catalog is not self.node.catalog:
            values = self.variables.values
            self._scope = SessionScope(
                self.database,
                frozenset(values["sql_mode"].split(",")) - {""},
                values["collation_connection"],
                self.zone(),
                values["div_precision_increment"],
                self.client.found_rows,
                select_limit=None if values["sql_select_limit"] >= SELECT_LIMIT_NONE else values["sql_select_limit"],
                as_of=values["system_versioning_asof"] != past.DEFAULT,
            )
            self._scope_catalog = catalog = self.node.catalog
            transaction = self.transactions.branch
            if transaction is not None and not transaction.spans_shards and self.node.gate is not None:
                self._left_alone()
                transaction = None
            old_slots = transaction.slots if transaction is not None else None
            self._reads_old_slots = old_slots is not None and old_slots is not catalog.slots
            self.slots = old_slots if old_slots is not None else catalog.slots
            owner = self.connection_id if self.temporaries else 0
            self._scope_key = self.node.plans.scope_key(
                (self._scope, catalog.version, self.slots.version, owner, len(self.temporaries))
            )
            self._flags = self._parse_flags()
            self._reusable = None
            self._status = STATUS_AUTOCOMMIT if values["autocommit"] else 0
            modes = self._scope.sql_mode
            if "NO_BACKSLASH_ESCAPES" in modes:
                self._status |= STATUS_NO_BACKSLASH_ESCAPES
            self._modes = (
                bool({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & modes),
                "ERROR_FOR_DIVISION_BY_ZERO" in modes,
                "NO_ZERO_DATE" in modes,
                "NO_ZERO_IN_DATE" in modes,
                "ALLOW_INVALID_DATES" in modes,
            )
        return self._scope

    def _left_alone(self) -> None:
        """There was one shard when the transaction began, and there are several now: 1213, unless the statement is all of it."""
        explicit = self.transactions.explicit
        self.transactions.rollback()
        if explicit:
            raise error("LOCK_DEADLOCK")

    def zone(self) -> str:
        """The session's time zone; UTC by that name, however it is set."""
        name = str(self.variables.values["time_zone"])
        if name == "SYSTEM" and self.node.system_zone_is_utc:
            return "UTC"
        return "UTC" if name in ("+00:00", "-00:00", "UTC") else name

    def _parse_flags(self) -> int:
        return parse_flags_of(str(self.variables.values["sql_mode"]))

    def flags_now(self) -> int:
        """The parser's flags under the present sql_mode."""
        self.scope()
        return self._flags

    @property
    def status(self) -> int:
        if self._scope is None:
            self.scope()
        return self._status | STATUS_IN_TRANSACTION if self.transactions.explicit else self._status

    # ── the text protocol ──

    def split(self, text: str) -> list[str]:
        """The statements of a multi-statement text."""
        self.scope()
        return split_statements(text, self._flags)

    def execute(self, text: str, *, inline: bool) -> Result | LocalInfile:
        """Run one statement.  MustWait and MustMove: nothing was done, call again."""
        self.inline = inline
        self._begin(text)
        lifted: Lifted | None = None
        try:
            self.scope()
            lifted = lift(text, self._flags)
            if lifted is not None and self.node.plans.find(lifted.shape, self._scope_key, lifted.literals) is not None:
                return self._run_lifted(lifted, inline)
            if lifted is not None and self.node.plans.find_past(lifted.shape, self._scope_key):
                return self._run_lifted(lifted, inline)
            return self._run_text(text, lifted, inline)
        except (MustWait, MustMove):
            raise
        except BaseException as problem:  # noqa: BLE001
            raise self.failed(problem, lambda: self._literals(lifted)) from None
        finally:
            self.busy = False
            self.transactions.pause()

    def _begin(self, text: str) -> None:
        if self.killed:
            raise error("CONNECTION_KILLED")
        self.statement_text = text
        self.busy = True
        self._wide = self._constants_by_row = False
        self._context_made = False
        if self.past_states:
            self.past_states = []
        # By the commits' clock, which never goes back: AS OF NOW(6) has all that was committed before.
        self.statement_started = self._now = self.node.clock.now_us() / 1_000_000
        limit_s = self.variables.values["max_statement_time"]
        watch = self.watch
        if limit_s:
            watch.clear(max_statement_time_s=limit_s)
        else:
            watch.interrupted = False
            watch.stop_waiting = None
            watch.deadline_s = 0.0

    @property
    def _kept_plans_serve(self) -> bool:
        """Whether the running statement needs no plan of its own kind."""
        return not (self._wide or self._constants_by_row)

    def _run_lifted(self, lifted: Lifted, inline: bool) -> Result:
        if lifted.rows > 1 or lifted.more:
            return self._run_segments(lifted, inline)
        return self.guarded(lambda: running.run(self, self._plan_lifted(lifted, inline), lifted.literals, inline))

    def _plan_lifted(self, lifted: Lifted, inline: bool) -> Plan:
        plan = self.node.plans.find(lifted.shape, self._scope_key, lifted.literals) if self._kept_plans_serve else None
        if plan is not None:
            return plan
        self.inline = inline
        if self._kept_plans_serve:
            kept = self.node.plans.find_past(lifted.shape, self._scope_key)
            plan = past.kept_plan(self, kept, lifted.literals) if kept else None
        return plan if plan is not None else self._bind_lifted(lifted)

    def _bind_lifted(self, lifted: Lifted) -> Plan:
        parsed = parse_full(lifted.text, self._flags, markers=False)
        literals = lifted.literals if lifted.rows == 1 and not lifted.more else self._row_args(lifted)[0]
        context = self.bind_context(SlotTypes(lifted=True), literals)
        statement = parsed.statement
        free: set[int] = set()
        if isinstance(statement, ast.SetForStatement):
            free = set(range(statement.literals))
            statement = statement.statement
        plan = bind_statement(context, statement)
        if not context.volatile:
            unused = set(range(parsed.literals)) - context.slots.used
            pinned = (set(context.slots.pinned) | set(parsed.structural) | unused) - free
            cached = CachedPlan(plan, tuple((i, literals[i]) for i in sorted(pinned)), tuple(context.moments))
            self.node.plans.add(lifted.shape, self._scope_key, cached)
        return plan

    def _row_args(self, lifted: Lifted) -> list[tuple[Any, ...]]:
        """The arguments of each row of a multi-row INSERT."""
        literals, tail = lifted.literals, lifted.tail
        if lifted.rows == 1:
            return [(*literals, *tail)]
        width = len(literals) // lifted.rows
        return [(*literals[i : i + width], *tail) for i in range(0, len(literals), width)] if width else [tail] * lifted.rows

    def _literals(self, lifted: Lifted | None) -> Sequence[Stored]:
        """Those of the row that the statement is at."""
        if lifted is None:
            return ()
        if lifted.rows == 1 and not lifted.more:
            return lifted.literals
        rows = [row for segment in (lifted, *lifted.more) for row in self._row_args(segment)]
        return rows[min(self.context.row, len(rows)) - 1]

    def _run_segments(self, lifted: Lifted, inline: bool) -> Result:
        """INSERT … VALUES of many rows: rows of one shape share a plan."""
        if inline and lifted.rows > INLINE_ROWS_MAX:
            raise MustMove
        self.inline = inline
        try:
            return self.guarded(lambda: running.insert(self, self._plan_segments([lifted, *lifted.more]), inline))
        except _Whole:
            return self._run_whole(parse(self.statement_text, self._flags), (), inline)

    def _plan_segments(self, segments: list[Lifted]) -> list[tuple[InsertPlan, list[tuple[Any, ...]]]]:
        """Raises _Whole when the rows do not go by plans of their own."""
        plans = []
        self.times = []
        for segment in segments:
            rows = self._row_args(segment)
            plan = self.node.plans.find(segment.shape, self._scope_key, rows[0]) if self._kept_plans_serve else None
            try:
                plan = plan or self._bind_lifted(segment)
            except SqlError as problem:
                if problem.errno == WRONG_VALUE_COUNT and len(segments) > 1:
                    raise _Whole from None  # which row is it?
                raise
            if not isinstance(plan, InsertPlan):
                raise error("UNKNOWN_ERROR", "an INSERT was expected")
            if self.times:
                raise _Whole  # which rows name the times of the statement?
            if any(not self.node.plans.serves(segment.shape, self._scope_key, plan, row) for row in rows[1:]):
                raise _Whole
            plans.append((plan, rows))
        return plans

    def _run_text(self, text: str, lifted: Lifted | None, inline: bool) -> Result | LocalInfile:
        if lifted is not None and text.lstrip()[:7].lower().startswith(_LIFTED):
            if lifted.rows > 1 or lifted.more:
                return self._run_segments(lifted, inline)
            parsed = parse_full(text, self._flags, markers=False)
            if isinstance(parsed.statement, CACHED):
                return self._run_lifted(lifted, inline)
            return self.run_statement(parsed.statement, (), inline)
        if lifted is not None and text.lstrip()[:3].lower() == "set":
            settings = statement_settings.settings_of(self, lifted)
            if settings is not None:
                self.params = ()
                self.new_context(storing=False)
                with administration.holding(self, settings):
                    return self._run_lifted(statement_settings.shape_for(lifted), inline)
        return self.run_statement(parse(text, self._flags, markers=False), (), inline)

    # ── running ──

    def run_statement(self, statement: ast.Statement, params: Params, inline: bool) -> Result | LocalInfile:
        """Any statement from its syntax tree; plans are not kept."""
        self.inline = inline
        if isinstance(statement, CACHED):
            return self._run_whole(statement, params, inline)
        return administration.run(self, statement, params, inline)

    def _run_whole(self, statement: ast.Statement, params: Params, inline: bool) -> Result:
        args = tuple([value for _, value in params])
        types = tuple([sql_type for sql_type, _ in params])
        self.inline = inline
        return self.guarded(lambda: running.run(self, self.bind(statement, types, args), args, inline))

    def bind(
        self, statement: ast.Statement, marker_types: tuple[SqlType, ...] = (), args: Sequence[Stored] = ()
    ) -> Plan:
        """A plan for a statement whose literals are constants, to be run with these arguments."""
        return bind_statement(self.bind_context(SlotTypes(marker_types), args), statement)

    def bind_context(self, slots: SlotTypes, args: Sequence[Stored] | None = ()) -> BindContext:
        """args: of the run that it is bound for; None when they are not known yet."""
        scope = self.scope()
        catalog = self._scope_catalog
        assert catalog is not None
        history = self.node.history
        return BindContext(
            self._seen(catalog),  # not a newer one: the plan is kept under this one's version
            scope,
            slots,
            self.parse_query,
            self.node.info_tables,
            self._variable_type,
            self.system_variable,
            self._wide,
            self._constants_by_row,
            volatile=self._constants_by_row,
            past=past.PastReader(self, history, catalog, args) if history is not None else None,
        )

    def parse_query(self, text: str) -> ast.Query:
        """The query of a view or of a stored expression, whose text is in the default sql_mode."""
        statement = parse(text, 0)
        assert isinstance(statement, ast.QueryStatement)
        return statement.query

    def _variable_type(self, name: str) -> SqlType:
        found = self.user_variables.get(name)
        return type_in_variable(found[0]) if found is not None else UNDEFINED

    def system_variable(self, name: str, scope: str | None) -> object:
        if name in ("last_insert_id", "identity"):
            return self.last_insert_id
        if name == "warning_count":
            return len(self.context.warnings)
        if name == "error_count":
            return sum(w.level == "Error" for w in self.context.warnings)
        if name == "in_transaction":
            return int(self.transactions.explicit)
        if name == "timestamp":
            return self.variables.values["timestamp"] or time.time()
        return self.variables.get(name, scope)

    def guarded(self, attempt: Callable[[], Result]) -> Result:
        """Plan and run; anew when the schema moved under it, a DECIMAL did not fit 64 bits, or a sequence ran short."""
        for wanted in range(REPLANS_MAX):
            if self.past_states:
                self.past_states = []
            try:
                if self.temporaries_missed:
                    temporaries.restore(self)
                return attempt()
            except reading.RowsMoved:
                self.transactions.statement_failed()
                self._scope = None
            except NoSuchObject:
                self.transactions.statement_failed()
                gate = self.node.gate
                if gate is not None and self._scope_catalog is self.node.catalog:
                    gate.pass_through(inline=False)  # one shard may show a definition of which the catalog does not tell yet
                if self._scope_catalog is self.node.catalog and not temporaries.restore(self):
                    raise
            except (NarrowOverflow, Overflow):
                if self._wide:
                    raise error("DATA_OUT_OF_RANGE", "DECIMAL", "the expression") from None
                self._wide = True
                self.transactions.statement_failed()
            except writing.ConstantRefused as refused:
                if self._constants_by_row:
                    raise refused.problem from None
                self._constants_by_row = True
                self.transactions.statement_failed()
            except NoValuesLeft as short:
                self.transactions.statement_failed()
                self.sequences.reserve(short.number, self.transactions.locked_branch, 1000 << 2 * wanted)
            self.scope()
        raise error("UNKNOWN_ERROR", "The table definition keeps changing; try again")

    def must_be_current(self) -> None:
        """The write lock is held: a plan made for an older catalog is made anew.  Error 1213 in a transaction whose snapshot has
        rows where they are no more."""
        if self._scope_catalog is not self.node.catalog:
            raise NoSuchObject("the catalog changed")
        if self._reads_old_slots:
            self.transactions.rollback()
            raise error("LOCK_DEADLOCK")

    def _transaction_ended(self, *, committed: bool) -> None:
        if self._reads_old_slots:
            self._scope = None
        self.sequences.transaction_ended(committed=committed)

    def new_context(self, *, storing: bool) -> StatementContext:
        """The context of the statement that starts now; its warnings replace the last one's."""
        self._context_made = True
        context = self._reusable
        if context is not None and context is self.context and not context.warnings_count and not context.scratch:
            # Nothing came of the last statement that SHOW WARNINGS or a function might still want.
            context.strict = self._modes[0]
            context.storing = storing
            context.row = 1
            context.matched = context.changed = 0
            context.insert_id = None
            context.null_fails = True
            context.row_muting = context.loading = context.muted = False
            context.user_variables = self.user_variables
            set_current(context)
            return context
        values = self.variables.values
        strict, by_zero, zero_date, zero_in_date, invalid_dates = self._modes
        context = StatementContext(
            strict,
            by_zero,
            zero_date,
            zero_in_date,
            invalid_dates,
            storing,
            1,
            self.user_variables,
            foreign_key_checks=values["foreign_key_checks"],
            group_concat_max_len=values["group_concat_max_len"],
            max_allowed_packet=values["max_allowed_packet"],
            sequences=self.sequences,
            interrupted=self._stopped,
            now_of=self.now,
        )
        self.context = self._reusable = context
        set_current(context)
        return context

    def keep_context(self) -> None:
        """The present context is still in use when the next statement begins."""
        self._reusable = None

    # ── values a statement may ask for ──

    def supply(self, name: str) -> Stored:
        """The value of a SessionValue."""
        if name[0] == "@":
            found = self.user_variables.get(name[1:])
            return kept(*found)[1] if found is not None else None
        if name.startswith("info:"):
            return self.node.info_rows(name[5:], self)
        supply = _SUPPLIES.get(name)
        return supply(self) if supply is not None else self.times[int(name.removeprefix("moment:"))]

    def now(self, *, utc: bool = False) -> str:
        """The statement's start, 'YYYY-MM-DD HH:MM:SS.ffffff'."""
        moment = self.variables.values["timestamp"] or self._now
        stamp = datetime.fromtimestamp(moment, UTC)
        name = str(self.variables.values["time_zone"])
        if not utc and self.zone() != "UTC":
            stamp = stamp.astimezone(zone(name))
        return stamp.strftime("%Y-%m-%d %H:%M:%S.%f")

    def _stopped(self) -> bool:
        return self.watch.stop_reason() is not None

    def sequences_ready(self, plan: Plan, inline: bool) -> None:
        """Have values of the sequences that the statement takes from."""
        if plan.sequences and self.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        for number in plan.sequences:
            if not self.sequences.ready(number):
                if inline:
                    raise MustMove
                self.sequences.reserve(number, self.transactions.locked_branch)

    def sequences_moved(self) -> None:
        """Write down what SETVAL did."""
        while self.sequences.moved:
            self.sequences.reserve(self.sequences.moved.pop(), self.transactions.locked_branch)

    # ── prepared statements ──

    def prepare(self, text: str) -> PreparedStatement:
        return self.prepared.add(text)

    def execute_prepared(self, statement_id: int, params: Params, *, inline: bool) -> Result | LocalInfile:
        statement = self.prepared.must_get(statement_id, "mysqld_stmt_execute")
        return self.run_prepared(statement, params, inline=inline)

    def run_prepared(self, statement: PreparedStatement, params: Params, *, inline: bool) -> Result | LocalInfile:
        """Execute with bound parameters."""
        self.inline = inline
        self._begin(statement.text)
        try:
            self.scope()
            if isinstance(statement.statement, CACHED):
                return self._run_kept(statement, params, inline)
            return self.run_statement(statement.statement, params, inline)
        except (MustWait, MustMove):
            raise
        except BaseException as problem:  # noqa: BLE001
            raise self.failed(problem, lambda: [value for _, value in params], [sql_type for sql_type, _ in params]) from None
        finally:
            self.busy = False
            self.transactions.pause()

    def run_inner(self, statement: ast.Statement, params: Params, inline: bool) -> Result | LocalInfile:
        """A statement that is a part of another one; its plan is kept as long as the syntax tree of that is."""
        if isinstance(statement, CACHED):
            return self._run_kept(self.prepared.inner(statement), params, inline)
        return self.run_statement(statement, params, inline)

    def _run_kept(self, statement: PreparedStatement, params: Params, inline: bool) -> Result:
        types = tuple([sql_type for sql_type, _ in params])
        args = [value for _, value in params]
        return self.guarded(lambda: running.run(self, self._plan_prepared(statement, types, args, inline), args, inline))

    def _plan_prepared(
        self, statement: PreparedStatement, types: tuple[SqlType, ...], args: Sequence[Stored], inline: bool
    ) -> Plan:
        key = (self._scope_key, types)
        plan = statement.plans.get(key) if self._kept_plans_serve else None
        if plan is not None:
            return plan
        self.inline = inline
        kept = statement.past_plans.get(key, ()) if self._kept_plans_serve else ()
        plan = past.kept_plan(self, kept, args) if kept else None
        if plan is not None:
            return plan
        context = self.bind_context(SlotTypes(types), args)
        plan = bind_statement(context, statement.statement)
        if not context.volatile:
            statement.keep(key, CachedPlan(plan, moments=tuple(context.moments)))
        return plan

    def close_prepared(self, statement_id: int) -> None:
        self.prepared.close(statement_id)

    def run(self, text: str, params: Params = ()) -> Result:
        """Run one statement with `?` markers, waiting for locks and for durability: the in-process SDK's way in."""
        statement = self.prepared.anonymous(text)
        while True:
            try:
                result = self.run_prepared(statement, params, inline=False)
            except MustWait as waiting:
                with contextlib.suppress(SqlError):  # the statement itself is told, when it is called again
                    waiting.ticket.wait()
                continue
            break
        if isinstance(result, LocalInfile):
            raise unsupported("LOAD DATA LOCAL in process")
        if result.durable is not None:
            result.durable.wait()
            result.durable = None
        return result

    # ── the rest of the protocol ──

    def use(self, database: str) -> None:
        if self.catalog.database(database) is None and database.lower() not in self.node.system_schemas:
            raise error("BAD_DB", database)
        self.database = database if self.catalog.database(database) is not None else database.lower()
        found = self.catalog.database(database)
        if found is not None:
            self.variables.values["collation_database"] = found.collation
            self.variables.values["character_set_database"] = found.collation.partition("_")[0]
        self.scope_changed()

    def field_list(self, table: str, wild: str) -> tuple[ResultColumn, ...]:
        """COM_FIELD_LIST."""
        query = ast.Select((ast.SelectItem(ast.Star(), None, "*"),), ast.NamedTable(ast.TableName(table)))
        plan = self.bind(ast.QueryStatement(query))
        assert isinstance(plan, QueryPlan)
        if not wild:
            return plan.columns
        from fauna.sql.collation import like

        matches = like("utf8mb4_general_ci", wild)
        return tuple(c for c in plan.columns if matches(c.name))

    def statistics(self) -> str:
        return self.node.statistics()

    def kill(self, connection_id: int, *, query_only: bool) -> None:
        self.node.kill(connection_id, query_only=query_only)

    def reset(self) -> None:
        """COM_RESET_CONNECTION: as just connected, the database kept."""
        self.transactions = self.transactions.leave()
        change_streams.close(self)
        self.prepared.clear()
        self.temporaries.clear()
        self.user_variables.clear()
        self.variables = SessionVariables(self.node.variables)
        self.variables.values["pseudo_thread_id"] = self.connection_id
        self.transactions = Transactions(self._begin_transaction, self.variables, self.watch, self._transaction_ended)
        self.last_insert_id = 0
        self.node.user_locks_release(self.connection_id)
        self.scope_changed()

    def set_option(self, multi_statements: bool) -> None:
        """COM_SET_OPTION: the wire splits statements; nothing to keep here."""

    def variable(self, name: str) -> object:
        return self.variables.get(name)

    def interrupt(self) -> None:
        self.watch.interrupt()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.transactions = self.transactions.leave()
        change_streams.close(self)
        definition.drop_temporaries(self)
        self.node.closed(self)

    # ── errors ──

    def failed(
        self, problem: BaseException, args: Callable[[], Sequence[Stored]] = tuple, types: Sequence[SqlType] = ()
    ) -> BaseException:
        """What the client is told, after undoing the statement; args: of the statement, for errors that quote it."""
        self.transactions.statement_failed(problem)
        if isinstance(problem, EngineError):
            found = explain_violation(self.catalog, problem.text)
            problem = found.to_error() if found is not None else problem.sql_error()
        elif isinstance(problem, OverflowError):  # an expression left 64 bits where its type said that it could not
            problem = error("DATA_OUT_OF_RANGE", "BIGINT", "the expression")
        elif isinstance(problem, UnicodeEncodeError):  # raw bytes that are no characters, where text is wanted
            raw = str(problem.object)[problem.start :][:3].encode("utf-8", "surrogateescape")
            problem = error("INVALID_CHARACTER_STRING", "utf8mb4", raw[:3].hex().upper())
        self._wide = self._constants_by_row = False
        if isinstance(problem, SqlError):
            problem = with_arguments(problem, args, types)
            self.row_count = -1
            if not self._context_made:  # it failed before it had a list of warnings of its own
                self.new_context(storing=False)
            self.context.muted = False
            if not self.context.warnings or self.context.warnings[-1].message != problem.message:
                self.context.warn_error(problem, "Error")
        return problem

    def done(self, *, affected: int = 0, info: str = "") -> Result:
        """An OK without rows, for statements that are no plan."""
        self.row_count = affected
        return Result(affected_rows=affected, warnings=self.context.warnings_count, status=self.status, info=info)


_SUPPLIES: dict[str, Callable[[Session], Stored]] = {
    "null": lambda s: None,
    "as_of": lambda s: s.variables.values["system_versioning_asof"],
    "now": lambda s: s.now(),
    "utc_now": lambda s: s.now(utc=True),
    "on_update_now": lambda s: f"{s.now()}|{s.now(utc=True)}",
    "time_zone": lambda s: s.variables.values["time_zone"],
    "connection_id": lambda s: s.connection_id,
    "user": lambda s: f"{s.user}@{s.host}",
    "current_user": lambda s: s.node.account_name(s.user, s.host),
    "database": lambda s: s.database,
    "version": lambda s: SERVER_VERSION,
    "last_insert_id": lambda s: to_unsigned(s.last_insert_id),
    "row_count": lambda s: s.row_count,
    "found_rows": lambda s: s.found_rows,
    "collation_connection": lambda s: s.variables.values["collation_connection"],
    "lc_time_names": lambda s: s.variables.values["lc_time_names"],
    "default_week_format": lambda s: s.variables.values["default_week_format"],
    "sql_mode": lambda s: s.variables.values["sql_mode"],
    "max_allowed_packet": lambda s: s.variables.values["max_allowed_packet"],
    "block_encryption_mode": lambda s: s.variables.values["block_encryption_mode"],
    "div_precision_increment": lambda s: s.variables.values["div_precision_increment"],
    "timestamp": lambda s: s.variables.values["timestamp"] or s._now,
}

__all__ = ["Session"]
