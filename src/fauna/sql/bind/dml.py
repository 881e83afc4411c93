"""INSERT, REPLACE, UPDATE and DELETE: typed, with every value converted for the column that takes it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Column, Table, View
from fauna.catalog.sqlite_schema import ROWID as HIDDEN_ROWID
from fauna.catalog.types import BIGINT_TYPE, BYTES, CHARS, FLOATS, INTEGERS, NULL_TYPE, TEMPORAL, Kind, Stored, to_wide
from fauna.errors import SqlError, error, unsupported
from fauna.plan.plan import (
    ChildAction,
    DeletePlan,
    Distribution,
    InsertPlan,
    ParentCheck,
    Plan,
    QueryPlan,
    Route,
    RowPlace,
    RowProgram,
    RowwiseDeletePlan,
    RowwiseUpdatePlan,
    ShardStatement,
    SpreadKey,
    TargetDelete,
    TargetUpdate,
    UpdatePlan,
    accesses,
    parameters,
)
from fauna.session.result import ResultColumn
from fauna.sql import ast
from fauna.sql.bind.access import access_rules, tables_of
from fauna.sql.bind.coerce import mapped, quoted, retyped, shown, template_text, to_boolean
from fauna.sql.bind.context import BindContext
from fauna.sql.bind.distribute import distribute, statement_of
from fauna.sql.bind.expressions import ExpressionBinder, conjuncts
from fauna.sql.bind.metadata import result_columns
from fauna.sql.bind.place import found_place, is_spread, row_move, row_place, spread_keys, spread_of
from fauna.sql.bind.point import ROWID, point_delete, point_insert, point_update
from fauna.sql.bind.query import QueryBinder, find_relation, pin_all
from fauna.sql.bind.references import children_of, parents_of
from fauna.sql.bind.routes import route_of
from fauna.sql.bind.scope import Scope, ScopeSource
from fauna.sql.bind.short_sort import short_sort
from fauna.sql.bind.sorted_first import sorted_first
from fauna.sql.context import current
from fauna.sql.convert import Mode, StoreLabel, spec, store_conversion
from fauna.sql.convert.timestamp import store_timestamp
from fauna.sql.declared import checked
from fauna.sql.emit.sqlite import SqliteEmitter, sql_literal
from fauna.sql.typed import (
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    ColumnRef,
    Const,
    DerivedSource,
    JoinSource,
    Op,
    OrderKey,
    OutputColumn,
    QueryOp,
    SessionValue,
    Slot,
    Source,
    TableSource,
    Typed,
)

Constant = (Slot, Const, SessionValue)
PREVIEW_ROWS_MAX = 10_000


# ── values for columns ───────────────────────────────────────────────────────────────────────────────────────────


def stored(context: BindContext, node: Typed, table: Table, column: Column, *, insert: bool = False) -> Typed:
    """`node` converted as an assignment to `column` converts, with that assignment's errors and warnings."""
    node = shown(node)
    target = column.sql_type
    label = StoreLabel(table.schema, table.name, column.name)
    if node.type.kind is not Kind.NULL:
        convert = store_conversion(node.type, target, label)
        if convert is not None:
            text = template_text(quoted(spec(node.type, target, Mode.STORE, label)))
            node = mapped(node, target, convert, "STORE", f"cv({text}, {{0}})")
        else:
            node = retyped(node, target)
        if target.kind is Kind.TIMESTAMP:
            zone = context.scope.time_zone
            place = ", ".join(template_text(quoted(part)) for part in (zone, label.schema, label.table, label.column))
            node = mapped(
                node,
                target,
                lambda v: None if v is None else store_timestamp(str(v), zone, label),
                "UTC",
                f"ts_utc({{0}}, {place})",
            )
    if column.declared:
        place = ", ".join(template_text(quoted(part)) for part in (column.declared, label.schema, label.table, label.column))
        node = mapped(node, target, checked(column.declared, label), "DECLARED", f"declared({{0}}, {place})")
    if column.nullable or column.auto_increment and insert:
        return node
    return _never_null(node, column, insert=insert)


def assigned(context: BindContext, node: Typed, table: Table, column: Column) -> Typed:
    """As `stored`, of SET: a constant that does not fit is an error only when there is a row to write it to."""
    if not isinstance(node, (Slot, Const, SessionValue)):
        return stored(context, node, table, column)
    by_row = Op(node.type, node.nullable, "VALUE", (node,), "{0}")
    if context.constants_by_row:
        return stored(context, by_row, table, column)
    try:
        return stored(context, node, table, column)
    except SqlError:
        return stored(context, by_row, table, column)


def _never_null(node: Typed, column: Column, *, insert: bool) -> Typed:
    """`node` with error 1048 for NULL, or a warning and the type's zero outside strict mode."""
    if isinstance(node, Const):
        if node.value is not None:
            return node
        if insert:
            return SessionValue(node.type, False, "null", (_not_null(column),))
    elif isinstance(node, (Slot, SessionValue)):
        return replace(node, convert=(*node.convert, _not_null(column)))
    elif not node.nullable:
        return node
    zero = sql_literal(implicit_default(column)) or "NULL"
    instead = f"null_for({quoted(template_text(column.name))}, {template_text(zero)})"
    if isinstance(node, Const):
        return Op(column.sql_type, False, "NOT NULL", (), instead, deterministic=False)
    return Op(column.sql_type, False, "NOT NULL", (node,), f"coalesce({{0}}, {instead})", deterministic=False)


def _not_null(column: Column) -> Any:
    name, fallback = column.name, implicit_default(column)

    def check(value: Stored) -> Stored:
        if value is not None:
            return value
        context = current()
        if context.null_fails:
            raise error("BAD_NULL", name)
        if context.loading:
            context.warn("WARN_NULL_TO_NOTNULL", name, context.row)
        else:
            context.warn("BAD_NULL", name)
        return fallback

    return check


def implicit_default(column: Column) -> Stored:
    """What a NOT NULL column without a default gets outside strict mode."""
    sql_type = column.sql_type
    kind = sql_type.kind
    if kind in INTEGERS or kind in (Kind.BIT, Kind.YEAR, Kind.SET, Kind.TIME):
        return 0
    if kind is Kind.ENUM:
        return 1
    if kind is Kind.DECIMAL:
        return to_wide(0) if sql_type.wide else 0
    if kind in FLOATS:
        return 0.0
    if kind is Kind.DATE:
        return "0000-00-00"
    if kind in TEMPORAL:
        return "0000-00-00 00:00:00" + ("." + "0" * sql_type.scale if sql_type.scale else "")
    if kind in BYTES:
        return b"\0" * sql_type.length if kind is Kind.BINARY else b""
    return ""


def default_value(context: BindContext, table: Table, column: Column) -> Typed | None:
    """The value of DEFAULT; None when the column has none and must be given."""
    if column.default_expr:
        query = context.parse_view(f"SELECT {column.default_expr}")
        assert isinstance(query, ast.Select)
        own = replace(context, slots=type(context.slots)())
        value = ExpressionBinder(own, Scope(), QueryBinder(own).subquery).scalar(query.items[0].expr)
        return stored(context, value, table, column)
    if column.has_default:
        return Const(column.sql_type, column.nullable, column.default)
    if column.nullable or column.auto_increment:
        return Const(column.sql_type, True, None)
    if column.sql_type.kind is Kind.ENUM:
        return Const(column.sql_type, False, 1)
    return None


# ── INSERT ───────────────────────────────────────────────────────────────────────────────────────────────────────


class InsertBinder:
    """Binds one INSERT or REPLACE."""

    def __init__(self, context: BindContext, statement: ast.Insert) -> None:
        self.context = context
        self.statement = statement
        self.queries = QueryBinder(context)
        self.table = target_table(context, statement.table, "INSERT")
        self.notes: list[tuple[str, ...]] = []
        self._values: list[list[Typed]] = []  # of each row
        self.reserved = 0  # how many parameters the row itself takes
        self._parents = parents_of(context.catalog, self.table)
        self._children = children_of(context.catalog, self.table)
        self._upsert_parents: tuple[ParentCheck, ...] = ()
        self._delete_select = ""
        self.strict = bool({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & context.scope.sql_mode) and not statement.ignore

    def bind(self) -> InsertPlan:
        statement, table = self.statement, self.table
        if statement.partitions:
            raise unsupported("PARTITION selection")
        named = self._named_columns()
        # In the order of the statement: values are converted, and warned about, in that order.
        given = [c for c in named if not c.generated]
        written = given + [c for c in table.columns if not c.generated and c not in given]
        rows, query, reads_target = self._rows(named, written)
        auto_column = table.auto_column
        auto = next((i for i, c in enumerate(written) if c is auto_column), -1)
        place = row_place(self.context.catalog, table, written)
        numbers_rows = place is not None and table.rowid_column is None
        physical = [c.physical for c in written] + [HIDDEN_ROWID] * numbers_rows
        self.reserved = count = len(physical)
        names = ", ".join(physical)
        places = ", ".join(f"?{i + 1}" for i in range(count))
        insert = (
            f"INSERT INTO {table.physical} AS a0 ({names}) VALUES ({places})"
            if physical
            else f"INSERT INTO {table.physical} DEFAULT VALUES"
        )
        returning, returning_text = self._returning(count)
        upsert, upsert_params = self._upsert(insert, written) if statement.on_duplicate else ("", None)
        if upsert:
            upsert += returning_text
            if auto_column is not None:
                upsert += f"{', ' if returning_text else ' RETURNING '}{auto_column.physical}"
            if self._upsert_keys or self._upsert_parents:
                upsert += f"{', ' if ' RETURNING ' in upsert else ' RETURNING '}{ROWID}"
        delete, delete_positions = self._replace_delete(written) if statement.replace else ("", ())
        read_rules = access_rules(self._query) if self._query is not None else []
        point = None
        if len(self._values) == 1 and not (upsert or delete or returning or statement.ignore):
            point = point_insert(self.context.catalog, table, written, self._values[0], insert)
        keys = spread_keys(self.context.catalog, table)
        return InsertPlan(
            table,
            tuple(written),
            rows,
            query,
            accesses(read_rules),
            insert + returning_text,
            upsert,
            upsert_params,
            delete,
            delete_positions,
            statement.ignore,
            auto,
            returning,
            reads_target,
            point,
            tuple(self.notes),
            place=place,
            numbers_rows=numbers_rows,
            spread_keys=tuple([key for key in keys if not _is_computed(table, key)]),
            late_keys=tuple([key for key in keys if _is_computed(table, key)]),
            upsert_keys=self._upsert_keys,
            parents=self._parents,
            children=self._children,
            upsert_parents=self._upsert_parents,
            delete_select=self._delete_select,
            distribution=self._distribution,
        )

    _query: BoundQuery | None = None
    _upsert_keys: tuple[SpreadKey, ...] = ()
    _distribution: Distribution | None = None

    def _named_columns(self) -> list[Column]:
        table = self.table
        if self.statement.columns is None:
            return [c for c in table.columns if not c.invisible]
        named: list[Column] = []
        for name in self.statement.columns:
            column = table.column(name)
            if column is None:
                raise error("BAD_FIELD", name, "INSERT INTO")
            if column in named:
                raise error("FIELD_SPECIFIED_TWICE", column.name)
            named.append(column)
        return named

    def _rows(self, named: list[Column], written: list[Column]) -> tuple[tuple[RowProgram, ...], ShardStatement | None, bool]:
        if self.statement.query is not None:
            return (), *self._from_query(named, written)
        programs = []
        for number, row in enumerate(self.statement.rows, 1):
            if not row and self.statement.columns is None or not row and not named:
                row = ()
                values: dict[str, Typed] = {}
            elif len(row) != len(named):
                raise error("WRONG_VALUE_COUNT_ON_ROW", number)
            else:
                values = self._row_values(named, row)
            self._values.append([values[c.name] if c.name in values else self._default(c) for c in written])
            programs.append(self._program(self._values[-1]))
        return tuple(programs), None, False

    def _row_values(self, named: list[Column], row: tuple[ast.Expr, ...]) -> dict[str, Typed]:
        scope = Scope(clause="VALUES")
        source = ScopeSource(self.table.name, self.table.schema, "", [])
        for column in self.table.columns:
            source.columns.append((column.name, self._placeholder(column)))
        scope.add(source)
        values: dict[str, Typed] = {}
        for column, expr in zip(named, row, strict=True):
            if isinstance(expr, ast.DefaultValue) and expr.column is None:
                if not column.generated:
                    values[column.name] = self._default(column, asked=True)
                continue
            if column.generated:
                if isinstance(expr, ast.Literal) and expr.kind is ast.LiteralKind.NULL:
                    continue
                if self.strict:
                    raise error("GENERATED_COLUMN_NON_DEFAULT", column.name, self.table.name)
                self.notes.append(("GENERATED_COLUMN_NON_DEFAULT", column.name, self.table.name))
                continue
            binder = ExpressionBinder(self.context, scope, self.queries.subquery)
            binder.default_of = self._default_of
            value = stored(self.context, binder.scalar(expr), self.table, column, insert=True)
            values[column.name] = value
            for i, (name, _) in enumerate(source.columns):
                if name == column.name:
                    source.columns[i] = (name, value)
        return values

    def _default_of(self, name: str) -> Typed:
        """DEFAULT(name)."""
        column = self.table.column(name)
        if column is None:
            raise error("BAD_FIELD", name, "field list")
        return self._default(column, asked=True)

    def _placeholder(self, column: Column) -> Typed:
        """What a column means inside VALUES before it has been given: its default."""
        if column.has_default and not column.default_expr:
            return Const(column.sql_type, column.nullable, column.default)
        return Const(column.sql_type, True, None)

    def _default(self, column: Column, asked: bool = False) -> Typed:
        value = default_value(self.context, self.table, column)
        if value is not None:
            return value
        if self.strict:
            raise error("NO_DEFAULT_FOR_FIELD", column.name)
        self.notes.append(("NO_DEFAULT_FOR_FIELD", column.name))
        return Const(column.sql_type, False, implicit_default(column))

    def _program(self, values: list[Typed]) -> RowProgram:
        if all(isinstance(v, Constant) for v in values):
            return RowProgram(parameters(values), None)  # type: ignore[arg-type]
        row = BoundSelect(tuple([OutputColumn("", f"k{i + 1}", value) for i, value in enumerate(values)]))
        return RowProgram(None, statement_of(row), distribute(self.context.catalog, row, past=bool(self.context.moments)))

    def _from_query(self, named: list[Column], written: list[Column]) -> tuple[ShardStatement, bool]:
        assert self.statement.query is not None
        source, extra_names = self._with_extras(self.statement.query)
        query = self.queries.bind(source)
        if len(query.outputs) - len(extra_names) != len(named):
            raise error("WRONG_VALUE_COUNT_ON_ROW", 1)
        self._query = query
        alias = self.context.new_alias()
        values: dict[str, Typed] = {}
        # ON DUPLICATE KEY may read further names of the query, whose columns come after those inserted.
        for column, output in zip(named, query.outputs, strict=False):
            if column.generated:
                raise error("GENERATED_COLUMN_NON_DEFAULT", column.name, self.table.name)
            ref = ColumnRef(output.expr.type, output.expr.nullable, alias, output.alias, output.name)
            values[column.name] = stored(self.context, ref, self.table, column, insert=True)
        nodes = [values[c.name] if c.name in values else self._default(c) for c in written]
        for parts, output in zip(extra_names, query.outputs[len(named) :], strict=True):
            nodes.append(ColumnRef(output.expr.type, output.expr.nullable, alias, output.alias, output.name))
            self._extras.append((parts, SessionValue(output.expr.type, True, f"#row:{len(nodes) - 1}")))
        outputs = (
            OutputColumn("", "k0", Op(NULL_TYPE, True, "TICK", (), "tick()", deterministic=False)),
            *[OutputColumn("", f"k{i + 1}", node) for i, node in enumerate(nodes)],
        )
        outer = BoundSelect(outputs, DerivedSource(query, alias))
        self._distribution = distribute(self.context.catalog, outer, past=bool(self.context.moments))
        return statement_of(outer), self.table.physical in tables_of(query)

    _extras: list[tuple[tuple[str, ...], SessionValue]]

    def _with_extras(self, query: ast.Query) -> tuple[ast.Query, list[tuple[str, ...]]]:
        """`query` giving also the columns of its own tables that ON DUPLICATE KEY UPDATE names."""
        self._extras = []
        if not isinstance(query, ast.Select) or query.group_by or query.distinct:
            return query, []
        named: dict[tuple[str, ...], ast.Name] = {}
        for assignment in self.statement.on_duplicate:
            for name in _names_in(assignment.value):
                qualifier = name.parts[-2] if len(name.parts) > 1 else ""
                if qualifier != self.table.name if qualifier else self.table.column(name.parts[-1]) is None:
                    named.setdefault(name.parts, name)
        items = tuple(ast.SelectItem(name, None, ".".join(parts)) for parts, name in named.items())
        return replace(query, items=query.items + items), list(named)

    def _returning(self, count: int) -> tuple[tuple[ResultColumn, ...] | None, str]:
        if not self.statement.returning:
            return None, ""
        return returning_clause(self.context, self.queries, self.table, self.statement.returning, "")

    def _upsert(self, insert: str, written: list[Column]) -> tuple[str, Any]:
        table = self.table
        scope = Scope(clause="SET")
        columns: list[tuple[str, Typed]] = [
            (c.name, ColumnRef(c.sql_type, c.nullable, "a0", c.physical, c.name, table.name, table, c)) for c in table.columns
        ]
        own = ScopeSource(table.name, table.schema, "a0", columns)
        scope.add(own)

        def inserted(name: str) -> Typed:
            column = table.column(name)
            if column is None:
                raise error("BAD_FIELD", name, "field list")
            return ColumnRef(
                column.sql_type, column.nullable, "excluded", column.physical, column.name, table.name, table, column
            )

        if self.statement.row_alias:
            names = self.statement.row_alias_columns or [c.name for c in self._named_columns()]
            alias_columns = [(n, inserted(c.name)) for n, c in zip(names, self._named_columns(), strict=False)]
            scope.add(ScopeSource(self.statement.row_alias, "", "excluded", alias_columns))
        elif self._query is not None:
            # Columns of the SELECT's tables may be named; their values come with each row.
            for qualifier in dict.fromkeys(parts[:-1] for parts, _ in self._extras):
                of_source: list[tuple[str, Typed]] = [
                    (parts[-1], value) for parts, value in self._extras if parts[:-1] == qualifier
                ]
                schema = qualifier[-2] if len(qualifier) > 1 else ""
                scope.add(ScopeSource(qualifier[-1] if qualifier else "", schema, "", of_source))
        sets = []
        for assignment in self.statement.on_duplicate:
            column = table.column(assignment.column.parts[-1])
            if column is None:
                raise error("BAD_FIELD", assignment.column.parts[-1], "field list")
            value = self._assigned(scope, assignment.value, column, inserted)
            sets.append((column, value))
            own.columns[:] = [(n, value if n == column.name else v) for n, v in own.columns]
        changing = [pair for pair in sets if not _is_itself(*pair)]
        if _sets_shard_key(self.context, table, changing):
            raise unsupported("with several shards, ON DUPLICATE KEY UPDATE of a shard key")
        self._upsert_keys = _set_keys(self.context, table, changing)
        touched = {column.name.lower() for column, _ in changing}
        self._upsert_parents = tuple([each for each in self._parents if not touched.isdisjoint(each.columns)])
        if any(not touched.isdisjoint(each.ref_columns) for each in self._children):
            raise unsupported("with several shards, ON DUPLICATE KEY UPDATE of a column that a foreign key refers to")
        sets = with_on_update(self.context, table, sets)
        emitter = SqliteEmitter()
        emitter.params = [SessionValue(NULL_TYPE, True, f"#{i}") for i in range(self.reserved)]
        changed = changed_test(emitter, "a0", sets)
        assignments = ", ".join(f"{c.physical} = {emitter.expr(v)}" for c, v in sets)
        text = f"{insert} ON CONFLICT DO UPDATE SET {assignments} WHERE um({changed})"
        return text, parameters(emitter.params[self.reserved :])

    def _assigned(self, scope: Scope, expr: ast.Expr, column: Column, inserted: Any) -> Typed:
        if isinstance(expr, ast.DefaultValue) and expr.column is None:
            return self._default(column)
        binder = ExpressionBinder(self.context, scope, self.queries.subquery)
        binder.inserted = inserted
        binder.default_of = self._default_of
        return assigned(self.context, binder.scalar(expr), self.table, column)

    def _replace_delete(self, written: list[Column]) -> tuple[str, tuple[int, ...]]:
        """Deletes the rows that share a unique key with the values at these positions."""
        table = self.table
        positions = {c.name.lower(): i for i, c in enumerate(written)}
        used: list[int] = []
        tests = []
        for index in table.indexes:
            if not index.unique or any(p.column.lower() not in positions for p in index.parts):
                continue
            parts = []
            for part in index.parts:
                column = table.column(part.column)
                assert column is not None
                if positions[column.name.lower()] not in used:
                    used.append(positions[column.name.lower()])
                place = f"?{used.index(positions[column.name.lower()]) + 1}"
                left = f"a0.{column.physical}"
                if part.length is not None:
                    left, place = f"substr({left}, 1, {part.length})", f"substr({place}, 1, {part.length})"
                parts.append(f"{left} = {place}")
            if parts:
                tests.append("(" + " AND ".join(parts) + ")")
        if not tests:
            return "", tuple(used)
        condition = f"FROM {table.physical} AS a0 WHERE {' OR '.join(tests)}"
        kept = ", ".join(column.physical for column in table.columns if not column.generated)
        self._delete_select = f"SELECT _rowid_, {kept} {condition}"
        return f"DELETE {condition}", tuple(used)


def returning_clause(
    context: BindContext, queries: QueryBinder, table: Table, items: tuple[ast.SelectItem, ...], alias: str
) -> tuple[tuple[ResultColumn, ...], str]:
    """Columns and text of RETURNING."""
    scope = Scope()
    columns: list[tuple[str, Typed]] = [
        (c.name, ColumnRef(c.sql_type, c.nullable, alias, c.physical, c.name, table.name, table, c)) for c in table.columns
    ]
    scope.add(
        ScopeSource(table.name, table.schema, alias, columns, invisible={c.name.lower() for c in table.columns if c.invisible})
    )
    binder = ExpressionBinder(context, scope, queries.subquery)
    # Its text is part of every row's statement, whose parameters are the row: literals are constants in it.
    pin_all(tuple(item.expr for item in items), binder)
    lifted, context.slots.literals = context.slots.literals, False
    try:
        outputs = queries._outputs(items, scope, binder)
    finally:
        context.slots.literals = lifted
    emitter = SqliteEmitter()
    text = ", ".join(emitter.expr(o.expr) for o in outputs)
    if emitter.params:
        raise unsupported("an expression with parameters in RETURNING")
    return result_columns(tuple(outputs)), f" RETURNING {text}"


def changed_test(emitter: SqliteEmitter, alias: str, sets: list[tuple[Column, Typed]]) -> str:
    """SQLite text that is true when an assignment would change the row; columns set by ON UPDATE do not count."""
    tests = []
    for column, value in sets:
        if isinstance(value, SessionValue) and value.name == "on_update_now":
            continue
        collate = " COLLATE BINARY" if column.sql_type.kind in CHARS else ""
        tests.append(f"{alias}.{column.physical} IS NOT {emitter.expr(value)}{collate}")
    return " OR ".join(tests) or "0"


def with_on_update(context: BindContext, table: Table, sets: list[tuple[Column, Typed]]) -> list[tuple[Column, Typed]]:
    """`sets` with the ON UPDATE CURRENT_TIMESTAMP columns that are not assigned."""
    assigned = {c.name for c, _ in sets}
    out = list(sets)
    for column in table.columns:
        if column.on_update_now and column.name not in assigned:
            name = "utc_now" if column.sql_type.kind is Kind.TIMESTAMP else "now"
            length = 19 + (column.sql_type.scale + 1 if column.sql_type.scale else 0)
            out.append((column, SessionValue(column.sql_type, False, "on_update_now", (_now_cut(name, length),))))
    return out


def _now_cut(name: str, length: int) -> Any:
    index = 0 if name == "now" else 1
    return lambda value: str(value).split("|")[index][:length]


def target_table(context: BindContext, name: ast.TableName, verb: str) -> Table:
    """The base table that a write names; a simple view leads to its table."""
    schema = name.schema or context.scope.database
    if schema is None:
        raise error("NO_DB")
    if (schema.lower(), name.name.lower()) in context.info_tables:
        raise error("DBACCESS_DENIED", "root", "localhost", schema)
    relation = find_relation(context.catalog, schema, name.name)
    if isinstance(relation, View):
        raise unsupported(f"{verb} through a view")
    if not isinstance(relation, Table):
        raise error("NON_INSERTABLE_TABLE", name.name, verb)
    return relation


# ── UPDATE and DELETE ────────────────────────────────────────────────────────────────────────────────────────────


def bind_update(context: BindContext, statement: ast.Update) -> Plan:
    """UPDATE: in one SQLite statement where one table is changed row by row, else rows first, then writes by rowid."""
    queries = QueryBinder(context)
    if statement.with_ is not None:
        raise unsupported("WITH … UPDATE")
    scope = Scope(clause="SET")
    source = queries.source(statement.source, scope)
    binder = ExpressionBinder(context, scope, queries.subquery)
    sets: dict[str, list[tuple[Column, Typed]]] = {}
    tables = {s.alias: s for s in table_sources(source)}
    for assignment in statement.assignments:
        ref = scope.resolve(assignment.column.parts)
        if not isinstance(ref, ColumnRef) or ref.table is None or ref.column is None or ref.outer:
            raise error("NON_UPDATABLE_TABLE", assignment.column.parts[0], "UPDATE")
        if tables[ref.source].past is not None:
            raise error("TABLE_NOT_LOCKED_FOR_WRITE", ref.table.name)
        sets.setdefault(ref.source, []).append((ref.column, _update_value(context, binder, assignment.value, ref)))
        _substitute(scope, ref, sets[ref.source][-1][1], len(tables) == 1)
    scope = _fresh_scope(scope, tables)
    scope.clause = "WHERE"
    where = (
        to_boolean(ExpressionBinder(context, scope, queries.subquery).scalar(statement.where))
        if statement.where is not None
        else None
    )
    sets = {alias: with_on_update(context, tables[alias].table, s) for alias, s in sets.items()}
    single = isinstance(source, TableSource) and not statement.order_by and statement.limit is None
    # What sets a user variable is computed once a row, in the order of the rows.
    single = single and not context.assignments
    # A row whose shard key is set may have to move to another shard; a unique key may be taken on another.
    single = single and not any(_may_move(context, tables[alias].table, s) for alias, s in sets.items())
    if single and not _has_query(where) and not any(_has_query(v) for s in sets.values() for _, v in s) and not statement.ignore:
        assert isinstance(source, TableSource)
        return _direct_update(context, source, sets[source.alias], where, statement)
    scope.clause = "ORDER"
    order = tuple(queries._order_key(i, ExpressionBinder(context, scope, queries.subquery), [], {}) for i in statement.order_by)
    limit, _ = queries._limit(statement.limit, scope)
    return _rowwise_update(context, source, tables, sets, where, order, limit, statement)


def _update_value(context: BindContext, binder: ExpressionBinder, expr: ast.Expr, ref: ColumnRef) -> Typed:
    assert ref.table is not None and ref.column is not None
    if isinstance(expr, ast.DefaultValue) and expr.column is None:
        if ref.column.generated:
            return Const(ref.type, True, None)
        value = default_value(context, ref.table, ref.column)
        if value is None:
            raise error("NO_DEFAULT_FOR_FIELD", ref.column.name)
        return value
    if ref.column.generated:
        raise error("GENERATED_COLUMN_NON_DEFAULT", ref.column.name, ref.table.name)
    return assigned(context, binder.scalar(expr), ref.table, ref.column)


def _substitute(scope: Scope, ref: ColumnRef, value: Typed, single: bool) -> None:
    """Later assignments of a one-table UPDATE see the new value, as MySQL's left-to-right rule has it."""
    if not single:
        return
    for source in scope.sources:
        source.columns[:] = [
            (n, value if isinstance(c, ColumnRef) and c.source == ref.source and c.physical == ref.physical else c)
            for n, c in source.columns
        ]


def _fresh_scope(scope: Scope, tables: dict[str, TableSource]) -> Scope:
    """The scope with its columns as they were before the assignments."""
    for source in scope.sources:
        table = tables.get(source.alias)
        if table is None:
            continue
        nullable = {n: c.nullable for n, c in source.columns}
        source.columns[:] = [
            (
                c.name,
                ColumnRef(
                    c.sql_type,
                    c.nullable or nullable.get(c.name, False),
                    source.alias,
                    c.physical,
                    c.name,
                    source.name,
                    table.table,
                    c,
                ),
            )
            for c in table.table.columns
        ]
    return scope


def _names_in(node: Any) -> list[ast.Name]:
    """The columns an expression names, VALUES(…), DEFAULT(…) and subqueries left out."""
    if isinstance(node, ast.Name):
        return [node]
    if isinstance(node, (ast.InsertedValue, ast.DefaultValue, ast.Query)):
        return []
    if isinstance(node, tuple):
        return [name for item in node for name in _names_in(item)]
    if is_dataclass(node) and not isinstance(node, type):
        return [name for f in fields(node) for name in _names_in(getattr(node, f.name))]
    return []


def _is_itself(column: Column, value: Typed) -> bool:
    """Whether an assignment leaves a column as it is: `id = id`, `id = LAST_INSERT_ID(id)`."""
    if isinstance(value, Op) and value.args:
        return _is_itself(column, value.args[0]) if value.name in ("LAST_INSERT_ID", "CONVERT", "STORE", "NOT NULL") else False
    return isinstance(value, ColumnRef) and value.source == "a0" and value.physical == column.physical


def _has_query(node: Typed | None) -> bool:
    if node is None:
        return False
    if isinstance(node, QueryOp):
        return True
    return isinstance(node, Op) and any(_has_query(a) for a in node.args)


def _is_computed(table: Table, key: SpreadKey) -> bool:
    return any(table.by_name[name].generated for name in key.columns)


def _may_move(context: BindContext, table: Table, sets: list[tuple[Column, Typed]]) -> bool:
    """Whether setting these columns of a row concerns other shards."""
    if _sets_shard_key(context, table, sets) or _set_keys(context, table, sets):
        return True
    return any(_set_references(context, table, sets))


def _set_references(
    context: BindContext, table: Table, sets: list[tuple[Column, Typed]]
) -> tuple[tuple[ParentCheck, ...], tuple[ChildAction, ...]]:
    """The foreign keys kept at the query node of which columns are set: the row's own, and those that refer to it."""
    names = {column.name.lower() for column, _ in sets}
    parents = tuple([each for each in parents_of(context.catalog, table) if not names.isdisjoint(each.columns)])
    children = tuple([each for each in children_of(context.catalog, table) if not names.isdisjoint(each.ref_columns)])
    return parents, children


def _sets_shard_key(context: BindContext, table: Table, sets: list[tuple[Column, Typed]]) -> bool:
    return is_spread(context.catalog, table) and any(column in placement_of(table).columns for column, _ in sets)


def _set_keys(context: BindContext, table: Table, sets: list[tuple[Column, Typed]]) -> tuple[SpreadKey, ...]:
    """The unique keys whose other rows may be on other shards, and of which columns are set."""
    names = {column.name.lower() for column, _ in sets}
    # A generated column may change with any other.
    names |= {column.name.lower() for column in table.columns if column.generated} if sets else set()
    return tuple([key for key in spread_keys(context.catalog, table) if not names.isdisjoint(key.columns)])


def table_sources(source: Source) -> list[TableSource]:
    if isinstance(source, TableSource):
        return [source]
    if isinstance(source, JoinSource):
        return table_sources(source.left) + table_sources(source.right)
    return []


def _direct_update(
    context: BindContext, source: TableSource, sets: list[tuple[Column, Typed]], where: Typed | None, statement: ast.Update
) -> UpdatePlan:
    table, alias = source.table, source.alias
    emitter = SqliteEmitter()
    assignments = ", ".join(f"{c.physical} = {emitter.expr(v)}" for c, v in sets)
    condition = f"({emitter.expr(where)}) AND " if where is not None else ""
    if "cv(" in assignments or "null_for(" in assignments:
        condition += "um_row() AND "
    text = f"UPDATE {table.physical} AS {alias} SET {assignments} WHERE {condition}um({changed_test(emitter, alias, sets)})"
    select = BoundSelect((), source, where)
    auto_column = table.auto_column
    auto = next((i for i, (c, _) in enumerate(sets) if c is auto_column), -1)
    finder = SqliteEmitter()
    changes = f"um({changed_test(finder, alias, sets)})"
    return UpdatePlan(
        table,
        ShardStatement(text, parameters(emitter.params)),
        _match(source, where),
        accesses(access_rules(select)),
        statement.ignore,
        auto,
        *_preview(source, sets, where),
        point_update(context.catalog, source, sets, where, finder, changes),
        spread=spread_of(context.catalog, table),
        route=_route(context, source, where),
    )


def _preview(
    source: TableSource, sets: list[tuple[Column, Typed]], where: Typed | None
) -> tuple[ShardStatement | None, tuple[str, ...]]:
    """What finds the entry that error 1062 shows: the rows' new values in the columns of unique keys, and those columns."""
    table = source.table
    names = dict.fromkeys(p.column.lower() for index in table.indexes if index.unique for p in index.parts)
    assigned = {c.name.lower(): v for c, v in sets}
    if not any(n in assigned for n in names):
        return None, ()
    emitter = SqliteEmitter()
    values = []
    for name in names:
        column = table.column(name)
        assert column is not None
        values.append(emitter.expr(assigned[name]) if name in assigned else f"{source.alias}.{column.physical}")
    text = f"SELECT {source.alias}.{ROWID}, {', '.join(values)} FROM {table.physical} AS {source.alias}"
    if where is not None:
        text += f" WHERE {emitter.expr(where)}"
    return ShardStatement(f"{text} LIMIT {PREVIEW_ROWS_MAX}", parameters(emitter.params)), tuple(names)


def _route(context: BindContext, source: TableSource, where: Typed | None) -> Route | None:
    """Which shards may have the rows of a table of which each shard has some."""
    if spread_of(context.catalog, source.table) != "HASH":
        return None
    return route_of(context.catalog, source.table, source.alias, conjuncts(where) if where is not None else [])


def _match(source: TableSource, where: Typed | None) -> ShardStatement:
    emitter = SqliteEmitter()
    text = f"SELECT {source.alias}.{ROWID} FROM {source.table.physical} AS {source.alias}"
    if where is not None:
        text += f" WHERE {emitter.expr(where)}"
    return ShardStatement(text, parameters(emitter.params))


def _rowid_of(alias: str) -> Typed:
    return ColumnRef(BIGINT_TYPE, True, alias, ROWID, ROWID)


def _found_place(context: BindContext, source: TableSource, outputs: list[OutputColumn]) -> RowPlace | None:
    """Where the rows of `source` are that a select finds; what tells it is added to `outputs`."""
    table, first = source.table, len(outputs)
    place = found_place(context.catalog, table, first)
    if place is not None and not place.everywhere:
        columns = placement_of(table).columns
        keys: list[Typed] = [ColumnRef(c.sql_type, True, source.alias, c.physical, c.name) for c in columns]
        keys = keys or [_rowid_of(source.alias)]
        outputs += [OutputColumn("", f"k{first + i + 1}", key) for i, key in enumerate(keys)]
    return place


def _rowwise_update(
    context: BindContext,
    source: Source,
    tables: dict[str, TableSource],
    sets: dict[str, list[tuple[Column, Typed]]],
    where: Typed | None,
    order: tuple[OrderKey, ...],
    limit: Typed | None,
    statement: ast.Update,
) -> RowwiseUpdatePlan:
    outputs: list[OutputColumn] = []
    targets = []

    def add(node: Typed) -> None:
        outputs.append(OutputColumn("", f"k{len(outputs) + 1}", node))

    for alias, assigned in sets.items():
        first = len(outputs)
        add(_rowid_of(alias))
        for _, value in assigned:
            add(value)
        table = tables[alias].table
        tests = " OR ".join(
            f"{c.physical} IS NOT ?{i + 2}" + (" COLLATE BINARY" if c.sql_type.kind in CHARS else "")
            for i, (c, v) in enumerate(assigned)
            if not (isinstance(v, SessionValue) and v.name == "on_update_now")
        )
        settings = ", ".join(f"{c.physical} = ?{i + 2}" for i, (c, _) in enumerate(assigned))
        text = f"UPDATE {table.physical} SET {settings} WHERE {ROWID} = ?1 AND um({tests or '0'})"
        width, names = len(outputs) - first, tuple(c.name.lower() for c, _ in assigned)
        move = row_move(context.catalog, table, [c for c, _ in assigned]) if _sets_shard_key(context, table, assigned) else None
        place = _found_place(context, tables[alias], outputs)
        keys, references = _set_keys(context, table, assigned), _set_references(context, table, assigned)
        targets.append(TargetUpdate(table, text, first, width, names, place, move, keys, *references))
    select = BoundSelect(tuple(outputs), source, where, order_by=order, limit=limit)
    if context.assignments:
        order = order or tuple(OrderKey(_rowid_of(alias)) for alias in sets)
        select = sorted_first(context, replace(select, order_by=order))
    emitter = SqliteEmitter()
    text = emitter.query(select)
    return RowwiseUpdatePlan(
        ShardStatement(text, parameters(emitter.params)),
        tuple(targets),
        accesses(access_rules(select)),
        statement.ignore,
        distribution=distribute(context.catalog, select, past=bool(context.moments)),
    )


def bind_delete(context: BindContext, statement: ast.Delete) -> Plan:
    """DELETE, likewise."""
    queries = QueryBinder(context)
    if statement.with_ is not None:
        raise unsupported("WITH … DELETE")
    scope = Scope()
    source = queries.source(statement.source, scope)
    scope.clause = "WHERE"
    where = (
        to_boolean(ExpressionBinder(context, scope, queries.subquery).scalar(statement.where))
        if statement.where is not None
        else None
    )
    if isinstance(source, TableSource) and not statement.order_by and statement.limit is None and not statement.targets:
        emitter = SqliteEmitter()
        # WHERE 1 keeps SQLite from emptying the table without telling which rows went.
        text = f"DELETE FROM {source.table.physical} AS {source.alias} WHERE {emitter.expr(where) if where is not None else '1'}"
        returning, clause = None, ""
        params = parameters(emitter.params)
        if statement.returning:
            returning, clause = returning_clause(context, queries, source.table, statement.returning, "")
        reads = accesses(access_rules(BoundSelect((), source, where)))
        match = _match(source, where)
        point = None if statement.returning else point_delete(context.catalog, source, where, match)
        spread = spread_of(context.catalog, source.table)
        # With several shards a subquery cannot be asked on the shard where a row is; nor the past by who writes.
        apart = bool(spread or context.moments) and _has_query(where)
        if not apart and not children_of(context.catalog, source.table):
            shard_statement = ShardStatement(text + clause, params)
            route = _route(context, source, where)
            return DeletePlan(
                source.table, shard_statement, match, reads, returning, statement.ignore, point, spread=spread, route=route
            )
    if statement.returning:
        raise unsupported("RETURNING with ORDER BY, LIMIT or several tables")
    targets = _delete_targets(scope, source, statement)
    scope.clause = "ORDER"
    order = tuple(queries._order_key(i, ExpressionBinder(context, scope, queries.subquery), [], {}) for i in statement.order_by)
    limit, _ = queries._limit(statement.limit, scope)
    outputs: list[OutputColumn] = []
    deletes = []
    for target in targets:
        position = len(outputs)
        outputs.append(OutputColumn("", f"k{position + 1}", _rowid_of(target.alias)))
        sql = f"DELETE FROM {target.table.physical} WHERE {ROWID} = ?1"
        place = _found_place(context, target, outputs)
        deletes.append(TargetDelete(target.table, sql, position, place, children_of(context.catalog, target.table)))
    select = BoundSelect(tuple(outputs), source, where, order_by=order, limit=limit)
    emitter = SqliteEmitter()
    text = emitter.query(select)
    return RowwiseDeletePlan(
        ShardStatement(text, parameters(emitter.params)),
        tuple(deletes),
        accesses(access_rules(select)),
        statement.ignore,
        distribution=distribute(context.catalog, select, past=bool(context.moments)),
    )


def _delete_targets(scope: Scope, source: Source, statement: ast.Delete) -> list[TableSource]:
    tables = table_sources(source)
    if not statement.targets:
        return tables[:1]
    targets = []
    for name in statement.targets:
        found = [t for t in tables if t.name == name.name and (name.schema is None or t.table.schema == name.schema)]
        if not found:
            raise error("UNKNOWN_TABLE", name.name, "MULTI DELETE")
        if found[0].past is not None:
            raise error("TABLE_NOT_LOCKED_FOR_WRITE", found[0].name)
        targets.append(found[0])
    return targets


# ── SELECT as a plan ─────────────────────────────────────────────────────────────────────────────────────────────


def bind_query_plan(context: BindContext, query: ast.Query, into: tuple[str, ...] = ()) -> QueryPlan:
    """A SELECT ready to run."""
    bound = QueryBinder(context).bind(query)
    if context.scope.select_limit is not None and isinstance(bound, (BoundSelect, BoundSetOperation)) and bound.limit is None:
        bound = replace(bound, limit=Const(BIGINT_TYPE, False, context.scope.select_limit))
    emitter = SqliteEmitter()
    text = emitter.query(bound)
    locking: ast.Locking | None = getattr(query, "locking", None)
    if locking is not None and context.moments:
        raise unsupported("FOR UPDATE and FOR SHARE of rows as they were")
    tables = tuple(sorted(tables_of(bound)))
    match, match_table = None, ""
    if locking is not None and isinstance(bound, BoundSelect) and isinstance(bound.source, TableSource):
        match, match_table = _match(bound.source, bound.where), bound.source.table.physical
    count = count_distribution = None
    if isinstance(query, ast.Select) and query.calc_found_rows:
        whole = DerivedSource(replace(bound, limit=None, offset=None, order_by=()), context.new_alias())
        counting = BoundSelect((OutputColumn("", "n", Op(BIGINT_TYPE, False, "COUNT", (), "count(*)")),), whole)
        count, count_distribution = statement_of(counting), distribute(context.catalog, counting, past=bool(context.moments))
    return QueryPlan(
        ShardStatement(text, parameters(emitter.params)),
        result_columns(bound.outputs),
        accesses(access_rules(bound)),
        tables,
        (locking.wait or "WAIT") if locking is not None else "",
        match,
        match_table,
        count,
        (),
        into,
        None if locking is not None or count is not None or into else short_sort(context, bound),
        distribute(context.catalog, bound, past=bool(context.moments)),
        count_distribution,
        bool(context.moments) and not tables,
    )


def bind_statement(context: BindContext, statement: ast.Statement) -> Plan:
    """The plan of a query or a row-changing statement."""
    context.statement = statement
    context.as_of = context.scope.as_of and isinstance(statement, ast.QueryStatement)
    plan = _bound(context, statement)
    return replace(plan, sequences=tuple(context.sequences)) if context.sequences else plan


def _bound(context: BindContext, statement: ast.Statement) -> Plan:
    if isinstance(statement, ast.QueryStatement):
        query = statement.query
        return bind_query_plan(context, query, query.into_variables if isinstance(query, ast.Select) else ())
    if isinstance(statement, ast.Insert):
        return InsertBinder(context, statement).bind()
    if isinstance(statement, ast.Update):
        return bind_update(context, statement)
    if isinstance(statement, ast.Delete):
        return bind_delete(context, statement)
    raise unsupported(type(statement).__name__)
