"""Queries: FROM, WHERE, GROUP BY, HAVING, ORDER BY, set operations, CTEs, views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fauna.catalog.schema import Catalog, Sequence, Table, View
from fauna.catalog.types import CHARS, INTEGERS, Kind, SqlType, integer_range
from fauna.errors import SqlError, error, unsupported
from fauna.sql import ast
from fauna.sql.bind.coerce import quoted, shown, template_text, to_boolean, to_integer
from fauna.sql.bind.context import BindContext, Period, SlotTypes
from fauna.sql.bind.expressions import ExpressionBinder, unified, unify
from fauna.sql.bind.merge import aggregate_collation, merge_types
from fauna.sql.bind.operators import all_of, compare
from fauna.sql.bind.past import bind_period, past_table, session_period
from fauna.sql.bind.scope import Scope, ScopeSource
from fauna.sql.bind.sorted_first import sorted_first
from fauna.sql.bind.ties import with_ties
from fauna.sql.typed import (
    AggregateOp,
    BoundCte,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundValues,
    ColumnRef,
    Const,
    CteSource,
    DerivedSource,
    InfoSource,
    JoinSource,
    Op,
    OrderKey,
    OutputColumn,
    QueryOp,
    Source,
    TableSource,
    Typed,
    WindowOp,
    has_aggregate,
)

VIEW_DEPTH_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class CteInSight:
    """cte, ctes: its definition and what was in sight there, to read it as of another time; None if it is recursive."""

    sql_name: str
    columns: tuple[OutputColumn, ...]
    cte: ast.Cte | None = None
    ctes: Mapping[str, CteInSight] = field(default_factory=dict)


@dataclass(slots=True)
class QueryBinder:
    """Binds queries of one statement; `ctes` are the common table expressions in sight, by lower-case name."""

    context: BindContext
    ctes: dict[str, CteInSight] = field(default_factory=dict)

    # ── entry ──

    def bind(self, query: ast.Query, parent: Scope | None = None) -> BoundQuery:
        """The typed form of `query`, inside `parent` when it is a subquery."""
        with_: ast.With | None = getattr(query, "with_", None)
        if with_ is not None:
            return self._bind_with(with_, query, parent)
        if not isinstance(query, (ast.Select, ast.SetOperation, ast.ValuesQuery)):
            raise unsupported(type(query).__name__)
        bound = self._bind_body(query, parent)
        return with_ties(self.context, bound) if query.limit is not None and query.limit.ties else bound

    def _bind_body(self, query: ast.Select | ast.SetOperation | ast.ValuesQuery, parent: Scope | None) -> BoundQuery:
        if isinstance(query, ast.Select):
            return self._bind_select(query, parent)
        if isinstance(query, ast.SetOperation):
            return self._bind_set_operation(query, parent)
        return self._bind_values(query, parent)

    def _bind_with(self, with_: ast.With, query: ast.Query, parent: Scope | None) -> BoundQuery:
        inner = QueryBinder(self.context, dict(self.ctes))
        bound: list[BoundCte] = []
        for position, cte in enumerate(with_.ctes):
            if any(other.name.lower() == cte.name.lower() for other in with_.ctes[:position]):
                raise error("DUP_QUERY_NAME", cte.name)
            sql_name = f"w{self.context.new_alias()}"
            if with_.recursive and isinstance(cte.query, ast.SetOperation) and _names_table(cte.query.right, cte.name):
                body, outputs = inner._bind_recursive(cte, sql_name, parent)
                in_sight = CteInSight(sql_name, outputs)
            else:
                body = inner.bind(cte.query, parent)
                outputs = _renamed(body.outputs, cte.columns)
                in_sight = CteInSight(sql_name, outputs, cte, dict(inner.ctes))
            bound.append(BoundCte(sql_name, tuple(o.alias for o in outputs), body))
            inner.ctes[cte.name.lower()] = in_sight
        result = inner.bind(replace(query, with_=None), parent)  # type: ignore[call-arg]
        return replace(result, ctes=(*bound, *result.ctes))

    def _bind_recursive(self, cte: ast.Cte, sql_name: str, parent: Scope | None) -> tuple[BoundQuery, tuple[OutputColumn, ...]]:
        assert isinstance(cte.query, ast.SetOperation)
        seed = self.bind(cte.query.left, parent)
        # The seed decides the types; strings may grow in the recursion.
        outputs = tuple(replace(o, expr=_nullable(o.expr)) for o in _renamed(seed.outputs, cte.columns))
        self.ctes[cte.name.lower()] = CteInSight(sql_name, outputs)
        step = self.bind(cte.query.right, parent)
        if len(step.outputs) != len(seed.outputs):
            raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
        exprs = [
            _in_range(unify(o.expr, s.expr.type), s.name) if s.expr.type.kind is not Kind.NULL else o.expr
            for o, s in zip(step.outputs, outputs, strict=True)
        ]
        step = _with_outputs(self.context, step, exprs)
        op = "UNION ALL" if cte.query.all else "UNION"
        body = BoundSetOperation(op, seed, step, seed.outputs)
        if cte.query.limit is not None:
            limit, offset = self._limit(cte.query.limit, Scope(parent=parent))
            body = replace(body, limit=limit, offset=offset)
        return body, outputs

    # ── SELECT ──

    def _bind_select(self, select: ast.Select, parent: Scope | None) -> BoundQuery:
        scope = Scope(parent=parent)
        source = self.source(select.source, scope) if select.source is not None else None
        windows = {name.lower(): spec for name, spec in select.windows}
        aggregates: list[Typed] = []
        where = None
        if select.where is not None:
            scope.clause = "WHERE"
            where = to_boolean(ExpressionBinder(self.context, scope, self.subquery).scalar(select.where))
        scope.clause = "SELECT"
        items = ExpressionBinder(self.context, scope, self.subquery, aggregates=aggregates, windows=windows)
        outputs = self._outputs(select.items, scope, items)
        aliases = {o.name.lower(): o.expr for o in reversed(outputs)}
        declared = {
            i.alias.lower(): o.expr
            for i, o in zip(_expanded(select.items, outputs), outputs, strict=False)
            if i is not None and i.alias
        }
        group_by = tuple(self._group_key(item, scope, outputs, declared) for item in select.group_by)
        having = None
        if select.having is not None:
            scope.clause = "HAVING"
            binder = ExpressionBinder(
                self.context, scope, self.subquery, aliases=aliases, aliases_first=True, aggregates=aggregates, windows=windows
            )
            having = to_boolean(binder.scalar(select.having))
        scope.clause = "ORDER"
        order = ExpressionBinder(self.context, scope, self.subquery, aliases=declared, aggregates=aggregates, windows=windows)
        order_by = tuple(self._order_key(item, order, outputs, declared) for item in select.order_by)
        limit, offset = self._limit(select.limit, scope)
        aggregate = bool(aggregates) or bool(group_by)
        if having is not None and not aggregate:
            where = having if where is None else all_of([where, having])
            having = None
        self._check_group_mode(select, outputs, group_by, aggregates)
        if select.rollup:
            if order_by:
                raise error("WRONG_USAGE", "CUBE/ROLLUP", "ORDER BY")
        bound = BoundSelect(
            tuple(outputs),
            source,
            where,
            group_by,
            having,
            order_by,
            limit,
            offset,
            select.distinct,
            (),
            select.rollup,
            aggregate,
        )
        return sorted_first(self.context, bound) if self.context.assignments else bound

    def _check_group_mode(
        self, select: ast.Select, outputs: list[OutputColumn], group_by: tuple[OrderKey, ...], aggregates: list[Typed]
    ) -> None:
        if "ONLY_FULL_GROUP_BY" not in self.context.scope.sql_mode or not (aggregates or group_by):
            return
        keys = [k.expr for k in group_by]
        for output in outputs:
            column = _bare_column(output.expr, keys)
            if column is not None:
                if not group_by:
                    raise error("MIX_OF_GROUP_FUNC_AND_FIELDS")
                name = f"{column.table.schema}.{column.source_name}.{column.name}" if column.table else column.name
                raise error("WRONG_FIELD_WITH_GROUP", name)

    def subquery(self, query: ast.Query, scope: Scope | None) -> BoundQuery:
        return self.bind(query, scope)

    def _outputs(self, items: tuple[ast.SelectItem, ...], scope: Scope, binder: ExpressionBinder) -> list[OutputColumn]:
        outputs: list[OutputColumn] = []
        for item in items:
            if isinstance(item.expr, ast.Star):
                found = expand_star(item.expr, scope)
                if not found:
                    raise error("NO_TABLES_USED")
                outputs.extend(
                    OutputColumn(name, f"k{len(outputs) + i + 1}", binder.loaded(node)) for i, (name, node) in enumerate(found)
                )
                continue
            if item.alias is None and isinstance(item.expr, (ast.Literal, ast.Unary, ast.Binary, ast.Call, ast.Case, ast.Cast)):
                pin_all(item.expr, binder)
            expr = shown(binder.scalar(item.expr))
            name = item.alias if item.alias is not None else _column_name(item)
            outputs.append(OutputColumn(name, f"k{len(outputs) + 1}", expr))
        return outputs

    def _group_key(self, item: ast.OrderItem, scope: Scope, outputs: list[OutputColumn], aliases: dict[str, Typed]) -> OrderKey:
        scope.clause = "GROUP"
        if isinstance(item.expr, ast.Literal) and item.expr.kind is ast.LiteralKind.INTEGER:
            binder = ExpressionBinder(self.context, scope, self.subquery)
            expr = self._at_position(binder.constant(item.expr), outputs, "GROUP BY")
        else:
            binder = ExpressionBinder(self.context, scope, self.subquery, aliases=aliases)
            expr = binder.scalar(item.expr)
        if has_aggregate(expr):
            raise error("WRONG_GROUP_FIELD", next((o.name for o in outputs if o.expr == expr), "expression"))
        return OrderKey(expr, 0, item.descending, expr.type.collation if expr.type.kind in CHARS else "")

    def _at_position(self, position: object, outputs: list[OutputColumn], clause: str) -> Typed:
        if not isinstance(position, int) or not 1 <= position <= len(outputs):
            raise error("BAD_FIELD", position, clause)
        return outputs[position - 1].expr

    def _order_key(
        self, item: ast.OrderItem, binder: ExpressionBinder, outputs: list[OutputColumn], aliases: dict[str, Typed]
    ) -> OrderKey:
        position = 0
        expr: Typed | None = None
        if isinstance(item.expr, ast.Literal) and item.expr.kind is ast.LiteralKind.INTEGER:
            value = binder.constant(item.expr)
            expr = self._at_position(value, outputs, "ORDER BY")
            position = int(value)  # type: ignore[arg-type]
        elif isinstance(item.expr, ast.Name) and len(item.expr.parts) == 1 and item.expr.parts[0].lower() in aliases:
            expr = aliases[item.expr.parts[0].lower()]
        else:
            expr = binder.scalar(item.expr)
        if not position:
            position = next((i for i, o in enumerate(outputs, 1) if o.expr == expr), 0)
        collation = expr.type.collation if expr.type.kind in CHARS else ""
        if expr.type.kind is Kind.NULL or isinstance(expr, Const):
            position = position or 0
        return OrderKey(expr, position, item.descending, collation)

    def _limit(self, limit: ast.Limit | None, scope: Scope) -> tuple[Typed | None, Typed | None]:
        if limit is None:
            return None, None
        binder = ExpressionBinder(self.context, scope, self.subquery)
        count = to_integer(binder.scalar(limit.count))
        offset = to_integer(binder.scalar(limit.offset)) if limit.offset is not None else None
        if isinstance(limit.count, ast.Literal) and limit.count.value in (0, 1):
            binder.pin(limit.count)
            count = Const(count.type, False, limit.count.value)
        elif isinstance(limit.count, ast.Literal) and isinstance(limit.count.value, int) and limit.count.value > (1 << 63) - 1:
            binder.pin(limit.count)
            count = Const(SqlType(Kind.BIGINT, 20), False, -1)
        return count, offset

    # ── VALUES and set operations ──

    def _bind_values(self, query: ast.ValuesQuery, parent: Scope | None) -> BoundQuery:
        scope = Scope(parent=parent)
        binder = ExpressionBinder(self.context, scope, self.subquery)
        rows = [[shown(binder.scalar(v)) for v in row] for row in query.rows]
        if len({len(r) for r in rows}) != 1:
            raise error("WRONG_NUMBER_OF_VALUES_IN_TVC")
        columns = [unified(self.context, [row[i] for row in rows], "VALUES") for i in range(len(rows[0]))]
        typed_rows = tuple(tuple(columns[c][0][r] for c in range(len(columns))) for r in range(len(rows)))
        outputs = []
        for i, (_, sql_type) in enumerate(columns):
            first = query.rows[0][i]
            if isinstance(first, ast.Literal):
                binder.pin(first)
            name = str(first.value) if isinstance(first, ast.Literal) else f"col{i + 1}"
            nullable = any(row[i].nullable for row in typed_rows)
            outputs.append(OutputColumn(name, f"k{i + 1}", Op(sql_type, nullable, "VALUE", (), f"k{i + 1}")))
        order_by = tuple(self._output_order(item, outputs, binder) for item in query.order_by)
        limit, offset = self._limit(query.limit, scope)
        return BoundValues(typed_rows, tuple(outputs), order_by, limit, offset)

    def _bind_set_operation(self, query: ast.SetOperation, parent: Scope | None) -> BoundQuery:
        """A chain of set operations: the types of all its members are merged at once, as MySQL does."""
        members, operators = _chain(query)
        bound = [self.bind(member, parent) for member in members]
        if len({len(b.outputs) for b in bound}) != 1:
            raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
        types = []
        for position in range(len(bound[0].outputs)):
            exprs = [b.outputs[position].expr for b in bound]
            collation = aggregate_collation(exprs, "UNION", self.context.scope.collation)
            types.append(merge_types([e.type for e in exprs], collation))
        bound = [_with_outputs(self.context, b, [unify(o.expr, t) for o, t in zip(b.outputs, types, strict=True)]) for b in bound]
        result = bound[0]
        for operator, member in zip(operators, bound[1:], strict=True):
            outputs = tuple(
                OutputColumn(o.name, f"k{i + 1}", Op(t, a.expr.nullable or b.expr.nullable, "UNION", (), f"k{i + 1}"))
                for i, (o, a, b, t) in enumerate(zip(bound[0].outputs, result.outputs, member.outputs, types, strict=True))
            )
            result = BoundSetOperation(operator, result, member, outputs)
        assert isinstance(result, BoundSetOperation)
        scope = Scope(parent=parent, clause="ORDER")
        binder = ExpressionBinder(self.context, scope, self.subquery)
        order_by = tuple(self._output_order(item, list(result.outputs), binder) for item in query.order_by)
        limit, offset = self._limit(query.limit, scope)
        return replace(result, order_by=order_by, limit=limit, offset=offset)

    def _output_order(self, item: ast.OrderItem, outputs: list[OutputColumn], binder: ExpressionBinder) -> OrderKey:
        """ORDER BY of a set operation: only its output columns can be named; expressions over them are sorted outside."""
        position = 0
        if isinstance(item.expr, ast.Literal) and item.expr.kind is ast.LiteralKind.INTEGER:
            value = binder.constant(item.expr)
            self._at_position(value, outputs, "ORDER BY")
            position = int(value)  # type: ignore[arg-type]
        elif isinstance(item.expr, ast.Name):
            wanted = item.expr.parts[-1].lower()
            position = next((i for i, o in enumerate(outputs, 1) if o.name.lower() == wanted), 0)
            if not position:
                raise error("BAD_FIELD", item.expr.parts[-1], "ORDER BY")
        else:
            columns: list[tuple[str, Typed]] = [
                (o.name, ColumnRef(o.expr.type, o.expr.nullable, "", o.alias, o.name)) for o in outputs
            ]
            scope = Scope([ScopeSource("", "", "", columns)], binder.scope.parent, clause="ORDER")
            expr = ExpressionBinder(self.context, scope, self.subquery).scalar(item.expr)
            return OrderKey(expr, 0, item.descending, expr.type.collation if expr.type.kind in CHARS else "")
        expr = outputs[position - 1].expr
        return OrderKey(expr, position, item.descending, expr.type.collation if expr.type.kind in CHARS else "")

    # ── FROM ──

    def source(self, ref: ast.TableRef, scope: Scope) -> Source:
        """The row source of one item of FROM, its columns added to `scope`."""
        if isinstance(ref, ast.NamedTable):
            return self._named(ref, scope)
        if isinstance(ref, ast.DerivedTable):
            return self._derived(ref, scope)
        if isinstance(ref, ast.Join):
            return self._join(ref, scope)
        raise unsupported(type(ref).__name__)

    def _named(self, ref: ast.NamedTable, scope: Scope) -> Source:
        if ref.partitions:
            raise unsupported("PARTITION selection")
        name = ref.table.name
        if ref.table.schema is None and name.lower() in self.ctes:
            cte = self.ctes[name.lower()]
            if ref.system_time is not None:
                return self._past_cte(cte, ref, scope)
            return self._add_columns(scope, ref.alias or name, "", cte.columns, lambda alias: CteSource(cte.sql_name, alias))
        schema = ref.table.schema or self.context.scope.database
        if schema is None:
            raise error("NO_DB")
        info = self.context.info_tables.get((schema.lower(), name.lower()))
        if info is not None:
            if ref.system_time is not None:
                raise error("VERS_NOT_VERSIONED", name.lower())
            outputs = tuple(OutputColumn(c.name, f'"{c.name}"', Op(c.sql_type, c.nullable, "INFO", (), c.name)) for c in info)
            self.context.volatile = True
            columns = tuple(o.alias for o in outputs)
            return self._add_columns(
                scope, ref.alias or name, schema, outputs, lambda alias: InfoSource(name.lower(), alias, columns)
            )
        temporary = self._is_temporary(schema, name)
        if temporary and ref.system_time is not None:
            raise error("VERS_NOT_VERSIONED", name)
        period = self._period(ref.system_time) if not temporary else None
        relation = find_relation(self.context.catalog if period is None else period.catalog, schema, name)
        if isinstance(relation, View):
            return self._view(relation, ref, scope, period)
        if isinstance(relation, Sequence):
            return self._sequence(relation, ref, scope)
        _check_hints(relation, ref)
        if ref.system_time is None and period is not None:
            self.context.period_uses += 1
        return self._table(relation, ref.alias or name, scope, period)

    def _period(self, clause: ast.SystemTime | None) -> Period | None:
        """What a table with this clause is read as of; None: as it is."""
        context = self.context
        if clause is None:
            if context.period is None and context.as_of:
                context.period = session_period(context)
            return context.period
        return bind_period(self.context, clause, self.subquery)

    def _is_temporary(self, schema: str, name: str) -> bool:
        relation = self.context.catalog.relation(schema, name)
        return isinstance(relation, Table) and relation.temporary

    def _past_cte(self, cte: CteInSight, ref: ast.NamedTable, scope: Scope) -> Source:
        """A common table expression as of another time: bound once more, for its tables of then."""
        if cte.cte is None:
            raise unsupported("FOR SYSTEM_TIME of a recursive common table expression")
        derived = ast.DerivedTable(cte.cte.query, ref.alias or ref.table.name, cte.cte.columns, system_time=ref.system_time)
        return QueryBinder(self.context, dict(cte.ctes))._derived(derived, scope)

    def _sequence(self, sequence: Sequence, ref: ast.NamedTable, scope: Scope) -> Source:
        raise unsupported("SELECT from a sequence")

    def _table(self, table: Table, name: str, scope: Scope, period: Period | None) -> Source:
        alias = self.context.new_alias()
        past = None
        if period is not None:
            table, past = past_table(self.context, table, period, alias)
        columns: list[tuple[str, Typed]] = [
            (c.name, ColumnRef(c.sql_type, c.nullable, alias, c.physical, c.name, name, table, c)) for c in table.columns
        ]
        invisible = {c.name.lower() for c in table.columns if c.invisible}
        scope.add(ScopeSource(name, table.schema, alias, columns, invisible=invisible))
        self.context.tables[alias] = table, name
        return TableSource(table, alias, name, past)

    def _view(self, view: View, ref: ast.NamedTable, scope: Scope, period: Period | None) -> Source:
        context = self.context
        if context.view_depth >= VIEW_DEPTH_MAX:
            raise error("VIEW_INVALID", view.schema, view.name)
        inner = replace(
            context, scope=replace(context.scope, database=view.schema), slots=SlotTypes(), view_depth=context.view_depth + 1,
            period=period, as_of=False,
        )  # fmt: skip
        try:
            query = QueryBinder(inner).bind(context.parse_view(view.text))
        except SqlError as err:
            if err.errno in (1146, 1054, 1049, 1356):
                raise error("VIEW_INVALID", view.schema, view.name) from err
            raise
        if ref.system_time is not None and inner.period_uses == context.period_uses:
            raise error("VERS_NOT_VERSIONED", view.name)
        context.alias_count, context.period_uses = inner.alias_count, inner.period_uses
        context.volatile = context.volatile or inner.volatile
        context.tables.update(inner.tables)
        outputs = _renamed(query.outputs, view.columns)
        query = replace(query, outputs=tuple(replace(o, alias=f"k{i + 1}") for i, o in enumerate(query.outputs)))
        return self._add_columns(
            scope, ref.alias or view.name, view.schema, outputs, lambda alias: DerivedSource(query, alias), keep_origin=True
        )

    def _derived(self, ref: ast.DerivedTable, scope: Scope) -> Source:
        if ref.alias is None:
            raise error("DERIVED_MUST_HAVE_ALIAS")
        assignments = self.context.assignments
        query = self._derived_query(ref, scope)
        assigns = self.context.assignments > assignments
        if ref.columns and len(ref.columns) != len(query.outputs):
            raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
        outputs = _renamed(query.outputs, ref.columns)
        seen: set[str] = set()
        for output in outputs:
            if output.name.lower() in seen:
                raise error("DUP_FIELDNAME", output.name)
            seen.add(output.name.lower())
        return self._add_columns(scope, ref.alias, "", outputs, lambda alias: DerivedSource(query, alias, assigns))

    def _derived_query(self, ref: ast.DerivedTable, scope: Scope) -> BoundQuery:
        context = self.context
        period, uses = context.period, context.period_uses
        context.period = self._period(ref.system_time)
        try:
            query = self.bind(ref.query, scope if ref.lateral else scope.parent)
        finally:
            context.period = period
        if ref.system_time is not None and context.period_uses == uses:
            raise error("VERS_NOT_VERSIONED", ref.alias)
        return query

    def _add_columns(
        self,
        scope: Scope,
        name: str,
        schema: str,
        outputs: tuple[OutputColumn, ...],
        make: Callable[[str], Source],
        *,
        keep_origin: bool = False,
    ) -> Source:
        alias = self.context.new_alias()
        columns: list[tuple[str, Typed]] = []
        for output in outputs:
            origin = output.expr if keep_origin and isinstance(output.expr, ColumnRef) else None
            column = origin.column if origin else None
            columns.append(
                (
                    output.name,
                    ColumnRef(output.expr.type, output.expr.nullable, alias, output.alias, output.name, name, None, column),
                )
            )
        scope.add(ScopeSource(name, schema, alias, columns))
        return make(alias)

    def _join(self, join: ast.Join, scope: Scope) -> Source:
        left_start = len(scope.sources)
        left = self.source(join.left, scope)
        right_start = len(scope.sources)
        right = self.source(join.right, scope)
        lefts, rights = scope.sources[left_start:right_start], scope.sources[right_start:]
        if join.kind == "LEFT":
            _make_nullable(rights)
        elif join.kind == "RIGHT":
            _make_nullable(lefts)
        on = None
        using = join.using or (_common_columns(lefts, rights) if join.natural else ())
        if using:
            on = self._using(using, scope, lefts, rights, join.kind)
        elif join.on is not None:
            inner = Scope([*lefts, *rights], scope.parent, dict(scope.merged), "ON")
            on = to_boolean(ExpressionBinder(self.context, inner, self.subquery).scalar(join.on))
        return JoinSource(left, right, join.kind, on)

    def _using(
        self, names: tuple[str, ...], scope: Scope, lefts: list[ScopeSource], rights: list[ScopeSource], kind: str
    ) -> Typed:
        tests = []
        for name in names:
            a, b = _only(lefts, name, scope.merged), _only(rights, name, {})
            tests.append(compare(self.context, "=", a, b))
            for source in (*lefts, *rights):
                if source.find(name) is not None:
                    source.hidden.add(name.lower())
            scope.merged[name.lower()] = b if kind == "RIGHT" else a
        if kind == "RIGHT":
            # A RIGHT JOIN is the LEFT JOIN with its sides changed, which `*` shows.
            first = scope.sources.index(lefts[0])
            scope.sources[first:] = [*rights, *lefts]
        return all_of(tests)


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _chain(query: ast.SetOperation) -> tuple[list[ast.Query], list[str]]:
    """The members of a left-deep chain and the operators between them."""
    members: list[ast.Query] = [query.right]
    operators = [query.op + (" ALL" if query.all else "")]
    left = query.left
    while isinstance(left, ast.SetOperation) and not left.order_by and left.limit is None and left.with_ is None:
        members.append(left.right)
        operators.append(left.op + (" ALL" if left.all else ""))
        left = left.left
    members.append(left)
    return members[::-1], operators[::-1]


def find_relation(catalog: Catalog, schema: str, name: str) -> Table | View | Sequence:
    """The relation of that name; error 1146."""
    relation = catalog.relation(schema, name)
    if relation is None:
        if schema.lower() == "information_schema":
            raise error("UNKNOWN_TABLE", name, "information_schema")
        raise error("NO_SUCH_TABLE", schema, name)
    return relation


def _only(sources: list[ScopeSource], name: str, merged: dict[str, Typed]) -> Typed:
    if name.lower() in merged and any(s.find(name) is not None for s in sources):
        return merged[name.lower()]
    found = [node for s in sources if (node := s.find(name)) is not None]
    if not found:
        raise error("BAD_FIELD", name, "FROM")
    if len(found) > 1:
        raise error("NON_UNIQ", name, "FROM")
    return found[0]


def _common_columns(lefts: list[ScopeSource], rights: list[ScopeSource]) -> tuple[str, ...]:
    right_names = {n.lower() for s in rights for n, _ in s.columns}
    seen: list[str] = []
    for source in lefts:
        for name, _ in source.columns:
            if name.lower() in right_names and name.lower() not in [s.lower() for s in seen]:
                seen.append(name)
    return tuple(seen)


def _make_nullable(sources: list[ScopeSource]) -> None:
    for source in sources:
        source.columns[:] = [(name, _nullable(node)) for name, node in source.columns]


def _nullable(node: Typed) -> Typed:
    return node if node.nullable else replace(node, nullable=True)


def _in_range(node: Typed, name: str) -> Typed:
    """An integer that a recursion computes, which must stay in the type that its seed gave: error 1264."""
    if node.type.kind not in INTEGERS or node.type.is_big_unsigned or isinstance(node, (ColumnRef, Const)):
        return node
    low, high = integer_range(node.type)
    template = f"in_range({{0}}, {low}, {high}, {template_text(quoted(name))})"
    return Op(node.type, node.nullable, "RANGE", (node,), template)


def _renamed(outputs: tuple[OutputColumn, ...], names: tuple[str, ...]) -> tuple[OutputColumn, ...]:
    if not names:
        return outputs
    if len(names) != len(outputs):
        raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
    return tuple(replace(o, name=n) for o, n in zip(outputs, names, strict=True))


def _with_outputs(context: BindContext, query: BoundQuery, exprs: list[Typed]) -> BoundQuery:
    """`query` giving `exprs` (made from its own output expressions) instead."""
    if all(e is o.expr for e, o in zip(exprs, query.outputs, strict=True)):
        return query
    if isinstance(query, BoundSelect):
        outputs = tuple(replace(o, expr=e) for o, e in zip(query.outputs, exprs, strict=True))
        return replace(
            query, outputs=outputs, order_by=tuple(replace(k, position=0) if k.expr is not None else k for k in query.order_by)
        )
    alias = context.new_alias()
    columns = {id(o.expr): ColumnRef(o.expr.type, o.expr.nullable, alias, o.alias, o.name) for o in query.outputs}
    rebuilt = []
    for output, expr in zip(query.outputs, exprs, strict=True):
        column = columns[id(output.expr)]
        rebuilt.append(replace(output, expr=column if expr is output.expr else unify(column, expr.type)))
    return BoundSelect(tuple(rebuilt), DerivedSource(query, alias))


def expand_star(star: ast.Star, scope: Scope) -> list[tuple[str, Typed]]:
    """Columns of `*` or `t.*`, USING columns first and once."""
    if star.parts:
        for source in scope.sources:
            if source.name == star.parts[-1] and (len(star.parts) == 1 or source.schema == star.parts[0]):
                return [(n, c) for n, c in source.columns if n.lower() not in source.invisible]
        raise error("BAD_TABLE", star.parts[-1])
    found: list[tuple[str, Typed]] = []
    for name, node in scope.merged.items():
        shown_name = next((n for s in scope.sources for n, _ in s.columns if n.lower() == name), name)
        found.append((shown_name, node))
    for source in scope.sources:
        found.extend((n, c) for n, c in source.columns if n.lower() not in source.hidden and n.lower() not in source.invisible)
    return found


def _expanded(items: tuple[ast.SelectItem, ...], outputs: list[OutputColumn]) -> list[ast.SelectItem | None]:
    """The select item of each output; None for those of a star."""
    if not any(isinstance(i.expr, ast.Star) for i in items):
        return list(items)
    plain = [i for i in items if not isinstance(i.expr, ast.Star)]
    stars = len(items) - len(plain)
    extra = len(outputs) - len(plain)
    out: list[ast.SelectItem | None] = []
    for item in items:
        if isinstance(item.expr, ast.Star):
            count = extra if stars == 1 else 0
            if stars > 1:
                return [None] * len(outputs) if not plain else _by_alias(plain, outputs)
            out.extend([None] * count)
        else:
            out.append(item)
    return out


def _by_alias(plain: list[ast.SelectItem], outputs: list[OutputColumn]) -> list[ast.SelectItem | None]:
    wanted = {i.alias: i for i in plain if i.alias}
    return [wanted.get(o.name) for o in outputs]


def _column_name(item: ast.SelectItem) -> str:
    if isinstance(item.expr, ast.Name):
        return item.expr.parts[-1]
    if isinstance(item.expr, ast.Literal) and item.expr.kind is ast.LiteralKind.STRING:
        return str(item.expr.value)
    if isinstance(item.expr, ast.Literal) and item.expr.kind is ast.LiteralKind.NULL:
        return "NULL"
    return item.text


def pin_all(node: object, binder: ExpressionBinder) -> None:
    """Pin every literal below `node`: the text is the column's name."""
    if isinstance(node, ast.Literal):
        binder.pin(node)
    elif isinstance(node, ast.Query):
        return
    elif isinstance(node, tuple):
        for item in node:
            pin_all(item, binder)
    elif isinstance(node, ast.Expr):
        for name in node.__dataclass_fields__:
            pin_all(getattr(node, name), binder)


def _check_hints(table: Table, ref: ast.NamedTable) -> None:
    """USE, FORCE and IGNORE INDEX have no effect, but error 1176 tells of an index that is not there."""
    for hint in ref.index_hints:
        if not any(index.name.lower() == hint.lower() for index in table.indexes):
            raise error("KEY_DOES_NOT_EXIST", hint, ref.alias or table.name)


def _names_table(node: object, name: str) -> bool:
    """Whether a query's FROM mentions `name`."""
    if isinstance(node, ast.NamedTable):
        return node.table.schema is None and node.table.name.lower() == name.lower()
    if isinstance(node, tuple):
        return any(_names_table(item, name) for item in node)
    if isinstance(node, (ast.Query, ast.TableRef, ast.Expr)):
        return any(_names_table(getattr(node, f), name) for f in node.__dataclass_fields__)
    return False


def _bare_column(node: Typed, keys: list[Typed | None]) -> ColumnRef | None:
    """A column used outside aggregates and group keys."""
    if node in keys or isinstance(node, (AggregateOp, WindowOp, QueryOp)):
        return None
    if isinstance(node, ColumnRef):
        return None if node.outer or _dependent(node, keys) else node
    if isinstance(node, Op):
        for arg in node.args:
            found = _bare_column(arg, keys)
            if found is not None:
                return found
    return None


def _dependent(node: ColumnRef, keys: list[Typed | None]) -> bool:
    """Whether the primary key of the column's table is grouped by."""
    if node.table is None or node.table.primary_key is None:
        return False
    grouped = {k.name.lower() for k in keys if isinstance(k, ColumnRef) and k.source == node.source}
    return all(p.column.lower() in grouped for p in node.table.primary_key.parts)
