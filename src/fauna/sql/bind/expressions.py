"""Expressions: one method per kind of syntax node, found by the node's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fauna.catalog.charsets import RAW_BYTES, must_charset
from fauna.catalog.schema import Sequence
from fauna.catalog.types import (
    BIGINT_TYPE,
    BOOL_TYPE,
    BYTES,
    CHARS,
    DATETIMES,
    DECIMAL_LARGEST,
    DOUBLE_TYPE,
    FLOATS,
    INT64_MAX,
    INTEGERS,
    NULL_TYPE,
    STRINGS,
    TEXTS,
    UBIGINT_TYPE,
    UINT64_MAX,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    time_type,
    to_unsigned,
    to_wide,
    varbinary,
)
from fauna.errors import error, unsupported
from fauna.sql import ast
from fauna.sql.bind import functions as core
from fauna.sql.bind.aggregates import bind_aggregate
from fauna.sql.bind.coerce import converted, quoted, retyped, shown, template_text, to_boolean, to_bytes, to_text
from fauna.sql.bind.context import BindContext
from fauna.sql.bind.expression_text import told_apart
from fauna.sql.bind.merge import aggregate_collation, merge_types
from fauna.sql.bind.operators import (
    all_of,
    any_of,
    arithmetic,
    between,
    bitwise,
    compare,
    complement,
    in_list,
    is_test,
    like,
    logic,
    negated,
    not_,
)
from fauna.sql.bind.scope import Scope
from fauna.sql.convert import Mode, conversion
from fauna.sql.typed import (
    AggregateOp,
    BoundQuery,
    BoundSelect,
    BoundValues,
    ColumnRef,
    Const,
    Convert,
    Op,
    OrderKey,
    QueryOp,
    SessionValue,
    Slot,
    TableSource,
    Typed,
    WindowOp,
)
from fauna.sql.user_variables import UNDEFINED, assignment_type, type_in_variable

STORED_CLAUSE = "GENERATED ALWAYS AS"  # of generated columns and CHECKs
_ARITHMETIC = frozenset({"+", "-", "*", "/", "DIV", "%"})
_COMPARISON = frozenset({"=", "<=>", "<>", "<", "<=", ">", ">="})
_LOGIC = frozenset({"AND", "OR", "XOR"})
_BITWISE = frozenset({"|", "&", "^", "<<", ">>"})
_SWAPPED = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

BindQuery = Callable[[ast.Query, Scope | None], BoundQuery]


class ExpressionBinder:
    """Binds expressions within one scope.

    context       of the statement
    scope         names in sight
    bind_query    binds a subquery inside a scope
    aliases       select aliases that may be used (HAVING, ORDER BY, GROUP BY), lower case
    aggregates    None: aggregates are refused here (1111); else the list that collects them
    """

    def __init__(
        self,
        context: BindContext,
        scope: Scope,
        bind_query: BindQuery,
        *,
        aliases: dict[str, Typed] | None = None,
        aliases_first: bool = False,
        aggregates: list[Typed] | None = None,
        windows: dict[str, ast.WindowSpec] | None = None,
    ) -> None:
        self.context = context
        self.scope = scope
        self.bind_query = bind_query
        self.aliases = aliases or {}
        self.aliases_first = aliases_first
        self.aggregates = aggregates
        self.windows = windows or {}
        self.inserted: Callable[[str], Typed] | None = None
        self.default_of: Callable[[str], Typed] | None = None
    # ── entry ──

    def bind(self, node: ast.Expr) -> Typed:
        """The typed form of `node`; SqlError for whatever is wrong with it."""
        method: Callable[[Any, Any], Typed] | None = _METHODS.get(type(node))
        if method is None:
            raise unsupported(type(node).__name__)
        return method(self, node)

    def constant(self, node: ast.Expr) -> Stored:
        """The value of a literal, pinning it; None when `node` is not a literal."""
        if isinstance(node, ast.Unary) and node.op == "-":
            value = self.constant(node.operand)
            return -value if isinstance(value, (int, float)) else None
        if isinstance(node, ast.Literal):
            self.pin(node)
            if node.kind is ast.LiteralKind.TRUE:
                return 1
            if node.kind is ast.LiteralKind.FALSE:
                return 0
            return node.value
        return None

    def pin(self, node: ast.Literal) -> None:
        if node.index is not None:
            self.context.slots.pinned.add(node.index)

    # ── leaves ──

    def literal(self, node: ast.Literal) -> Typed:
        kind = node.kind
        k = ast.LiteralKind
        if kind is k.NULL:
            return Const(NULL_TYPE, True, None)
        if kind in (k.TRUE, k.FALSE):
            return Const(BOOL_TYPE, False, 1 if kind is k.TRUE else 0)
        if kind in (k.DATE, k.TIME, k.TIMESTAMP):
            return self._temporal_literal(node)
        sql_type, value = literal_value(node, self.context.scope.collation)
        slots = self.context.slots
        if slots.literals and node.index is not None:
            slots.used.add(node.index)
            return Slot(sql_type, False, node.index, literal_convert(node, sql_type))
        return Const(sql_type, False, value)

    def _temporal_literal(self, node: ast.Literal) -> Typed:
        text = str(node.value)
        digits = min(len(text.partition(".")[2]), 6) if "." in text else 0
        source = SqlType(Kind.VARCHAR, len(text), collation=self.context.scope.collation)
        target = {ast.LiteralKind.DATE: SqlType(Kind.DATE), ast.LiteralKind.TIME: time_type(digits)}.get(
            node.kind, datetime_type(digits)
        )
        convert = conversion(source, target, Mode.IMPLICIT)
        self.pin(node)
        value = convert(text) if convert else text
        if value is None:
            raise error("WRONG_TEMPORAL_LITERAL", {Kind.DATE: "DATE", Kind.TIME: "TIME"}.get(target.kind, "DATETIME"), text)
        return Const(target, False, value)

    def marker(self, node: ast.Marker) -> Typed:
        markers = self.context.slots.markers
        sql_type = markers[node.index] if node.index < len(markers) else NULL_TYPE
        if sql_type.kind is Kind.NULL:
            return (
                Const(NULL_TYPE, True, None)
                if markers
                else Slot(SqlType(Kind.VARCHAR, 0, collation=self.context.scope.collation), True, node.index, (), False)
            )
        return Slot(sql_type, True, node.index, (), False)

    def name(self, node: ast.Name) -> Typed:
        if len(node.parts) == 1 and self.aliases_first:
            alias = self.aliases.get(node.parts[0].lower())
            if alias is not None:
                return alias
        found = self.scope.lookup_here(node.parts)
        if found is None and len(node.parts) == 1:
            alias = self.aliases.get(node.parts[0].lower())
            if alias is not None:
                return alias
        if found is None:
            found = self.scope.resolve(node.parts)
        return self.loaded(found)

    def loaded(self, node: Typed) -> Typed:
        """A TIMESTAMP column as the session's time zone shows it."""
        zone = self.context.scope.time_zone
        if zone != "UTC" and node.type.kind is Kind.TIMESTAMP and isinstance(node, ColumnRef) and node.table is not None:
            return Op(node.type, node.nullable, "TIMESTAMP", (node,), f"tsl({{0}}, {quoted(zone)}, {node.type.scale})")
        return node

    def user_variable(self, node: ast.UserVariable) -> Typed:
        context = self.context
        context.volatile = True
        name = node.name.lower()
        if name not in context.assigning():
            return SessionValue(context.variable_type(name), True, "@" + name)
        sql_type = context.assigned.get(name) or context.variable_type(name)
        if sql_type == UNDEFINED:
            sql_type = SqlType(Kind.LONGTEXT, (1 << 32) - 1, collation=context.scope.collation)
        text = f"uv_get({template_text(quoted(name))}, {quoted(type_key(sql_type))})"
        return Op(sql_type, True, "@", (), text, deterministic=False)

    def assign_variable(self, node: ast.AssignVariable) -> Typed:
        context = self.context
        value = shown(self.bind(node.value))
        if value.type.kind in (Kind.ENUM, Kind.SET):
            value = to_text(value, value.type.collation)
        context.volatile = True
        name = node.name.lower()
        context.assigned[name] = type_in_variable(value.type)
        context.assignments += 1
        text = f"uv_set({template_text(quoted(name))}, {{0}}, {quoted(type_key(value.type))})"
        return Op(assignment_type(value.type), value.nullable, ":=", (value,), text, deterministic=False)

    def system_variable(self, node: ast.SystemVariable) -> Typed:
        self.context.volatile = True
        value = self.context.system_variable(node.name, node.scope)
        return session_constant(value, self.context.scope.collation)

    def default_value(self, node: ast.DefaultValue) -> Typed:
        if node.column is None or self.default_of is None and not self.scope.sources:
            raise error("PARSE", "DEFAULT", 1)
        if self.default_of is not None:
            return self.default_of(node.column.parts[-1])
        column = self.scope.resolve(node.column.parts)
        if not isinstance(column, ColumnRef) or column.column is None:
            raise error("BAD_FIELD", node.column.parts[-1], "field list")
        if not column.column.has_default and not column.column.nullable and not column.column.auto_increment:
            raise error("NO_DEFAULT_FOR_FIELD", column.column.name)
        if column.column.auto_increment:
            return Const(column.type, False, 0)
        return Const(column.type, True, column.column.default)

    def inserted_value(self, node: ast.InsertedValue) -> Typed:
        if self.inserted is None:
            return Const(NULL_TYPE, True, None)
        return self.inserted(node.column.parts[-1])

    def next_value(self, node: ast.NextValue) -> Typed:
        number = self._sequence(node.sequence)
        function = "seq_last" if node.previous else "seq_next"
        return Op(BIGINT_TYPE, True, "NEXTVAL", (), f"{function}({number})", deterministic=False)

    def set_value(self, node: ast.SetValue) -> Typed:
        number = self._sequence(node.sequence)
        value = converted(self.scalar(node.value), BIGINT_TYPE)
        used = converted(self.scalar(node.used), BIGINT_TYPE) if node.used is not None else Const(BIGINT_TYPE, False, 1)
        return Op(BIGINT_TYPE, True, "SETVAL", (value, used), f"seq_set({number}, {{0}}, {{1}})", deterministic=False)

    def _sequence(self, name: ast.TableName) -> int:
        """The id of a sequence, whose values the statement will take."""
        self.context.volatile = True
        schema = name.schema or self.context.scope.database
        if schema is None:
            raise error("NO_DB")
        relation = self.context.catalog.relation(schema, name.name)
        if relation is None:
            raise error("UNKNOWN_SEQUENCES", name.name)
        if not isinstance(relation, Sequence):
            raise error("WRONG_OBJECT", schema, name.name, "SEQUENCE")
        if relation.id not in self.context.sequences:
            self.context.sequences.append(relation.id)
        return relation.id

    # ── operators ──

    def unary(self, node: ast.Unary) -> Typed:
        if node.op in ("NOT", "!"):
            return not_(self.scalar(node.operand))
        if node.op == "-":
            operand_ = node.operand
            if isinstance(operand_, ast.Literal) and isinstance(operand_.value, int) and operand_.value > INT64_MAX + 1:
                # Past BIGINT a negative integer literal is a DECIMAL.
                self.pin(operand_)
                digits = len(str(operand_.value))
                return Const(decimal_type(digits, 0, wide=True), False, to_wide(-operand_.value))
            return self._told_apart(negated(self.context, self.scalar(node.operand)), node)
        if node.op == "+":
            return self.scalar(node.operand)
        if node.op == "~":
            return complement(self.scalar(node.operand))
        if node.op == "BINARY":
            operand = self.scalar(node.operand)
            return to_bytes(shown(operand)) if operand.type.kind is not Kind.NULL else Const(varbinary(0), True, None)
        raise unsupported(node.op)

    def _told_apart(self, bound: Typed, node: ast.Expr) -> Typed:
        """Error 1690 is to name this expression.  Those of a table are kept in SQLite's schema, where names would grow old."""
        if self.scope.clause == STORED_CLAUSE:
            return bound
        return told_apart(bound, node, self.scope, self.context.slots)

    def scalar(self, node: ast.Expr) -> Typed:
        """As bind, refusing rows."""
        if isinstance(node, ast.RowExpr):
            raise error("OPERAND_COLUMNS", 1)
        return self.bind(node)

    def binary(self, node: ast.Binary) -> Typed:
        op = node.op
        if op in ("AND", "OR"):
            return self._chain(node)
        if op in _COMPARISON:
            if isinstance(node.left, ast.RowExpr) or isinstance(node.right, ast.RowExpr):
                return self._row_comparison(node)
            return compare(self.context, op, self.scalar(node.left), self.scalar(node.right))
        left, right = self.scalar(node.left), self.scalar(node.right)
        if op in _ARITHMETIC:
            return self._told_apart(arithmetic(self.context, op, left, right), node)
        if op in _LOGIC:
            return logic(op, left, right)
        if op in _BITWISE:
            return bitwise(op, left, right)
        if op == "REGEXP":
            return core.call(self.context, "REGEXP_LIKE", [left, right], [node.left, node.right], self)
        if op == "SOUNDS LIKE":
            sounds = [core.call(self.context, "SOUNDEX", [n], [node.left], self) for n in (left, right)]
            return compare(self.context, "=", sounds[0], sounds[1])
        raise unsupported(op)

    def _chain(self, node: ast.Binary) -> Typed:
        """a OR b OR c …: flat, so that thousands of terms do not nest."""
        terms: list[ast.Expr] = []
        stack: list[ast.Expr] = [node]
        while stack:
            item = stack.pop()
            if isinstance(item, ast.Binary) and item.op == node.op:
                stack.extend((item.right, item.left))
            else:
                terms.append(item)
        bound = [to_boolean(self.scalar(t)) for t in terms]
        return any_of(bound) if node.op == "OR" else all_of(bound)

    def _row_comparison(self, node: ast.Binary) -> Typed:
        left, right = node.left, node.right
        if isinstance(right, ast.Subquery) and isinstance(left, ast.RowExpr):
            if node.op == "=":
                return self.in_query(ast.InQuery(left, right.query))
            raise unsupported("a row compared with a subquery other than by =")
        if not (isinstance(left, ast.RowExpr) and isinstance(right, ast.RowExpr)) or len(left.items) != len(right.items):
            raise error("OPERAND_COLUMNS", len(left.items) if isinstance(left, ast.RowExpr) else 1)
        pairs = [
            compare(
                self.context, "=" if node.op in ("=", "<>", "<", "<=", ">", ">=") else node.op, self.scalar(a), self.scalar(b)
            )
            for a, b in zip(left.items, right.items, strict=True)
        ]
        if node.op in ("=", "<=>"):
            return all_of(pairs)
        if node.op == "<>":
            return not_(all_of(pairs))
        return self._row_order(node.op, left.items, right.items)

    def _row_order(self, op: str, left: tuple[ast.Expr, ...], right: tuple[ast.Expr, ...]) -> Typed:
        if len(left) == 1:
            return compare(self.context, op, self.scalar(left[0]), self.scalar(right[0]))
        first = compare(self.context, op[0], self.scalar(left[0]), self.scalar(right[0]))
        same = compare(self.context, "=", self.scalar(left[0]), self.scalar(right[0]))
        return any_of([first, all_of([same, self._row_order(op, left[1:], right[1:])])])

    def is_test(self, node: ast.IsTest) -> Typed:
        return is_test(self.scalar(node.operand), node.what, node.negated)

    def between(self, node: ast.Between) -> Typed:
        return between(self.context, self.scalar(node.operand), self.scalar(node.low), self.scalar(node.high), node.negated)

    def in_list(self, node: ast.InList) -> Typed:
        if isinstance(node.operand, ast.RowExpr):
            tests: list[Typed] = []
            for item in node.items:
                if not isinstance(item, ast.RowExpr) or len(item.items) != len(node.operand.items):
                    raise error("OPERAND_COLUMNS", len(node.operand.items))
                tests.append(self._row_comparison(ast.Binary("=", node.operand, item)))
            result = any_of(tests)
            return not_(result) if node.negated else result
        return in_list(self.context, self.scalar(node.operand), [self.scalar(i) for i in node.items], node.negated)

    def like(self, node: ast.Like) -> Typed:
        escape = self.scalar(node.escape) if node.escape is not None else None
        return like(self.context, self.scalar(node.operand), self.scalar(node.pattern), escape, node.negated)

    def case(self, node: ast.Case) -> Typed:
        conditions: list[Typed] = []
        for when, _ in node.whens:
            if node.operand is None:
                conditions.append(to_boolean(self.scalar(when)))
            else:
                conditions.append(compare(self.context, "=", self.scalar(node.operand), self.scalar(when)))
        values = [self.scalar(then) for _, then in node.whens]
        if node.default is not None:
            values.append(self.scalar(node.default))
        values, sql_type = self.unified(values, "CASE")
        nullable = node.default is None or any(v.nullable for v in values)
        count = len(conditions)
        text = "".join(f" WHEN {{{i}}} THEN {{{count + i}}}" for i in range(count))
        if node.default is not None:
            text += f" ELSE {{{2 * count}}}"
        return Op(sql_type, nullable, "CASE", (*conditions, *values), f"CASE{text} END")

    def unified(self, values: list[Typed], operation: str) -> tuple[list[Typed], SqlType]:
        return unified(self.context, values, operation)

    def cast(self, node: ast.Cast) -> Typed:
        operand = self.scalar(node.operand)
        return core.cast(self.context, operand, node.to)

    def convert_using(self, node: ast.ConvertUsing) -> Typed:
        return core.convert_using(self.context, self.scalar(node.operand), node.charset)

    def collate(self, node: ast.Collate) -> Typed:
        return core.collate(self.context, self.scalar(node.operand), node.collation)

    def call(self, node: ast.Call) -> Typed:
        return self._told_apart(core.bind_call(self, node), node)

    # ── aggregates and windows ──

    def aggregate(self, node: ast.AggregateCall) -> Typed:
        if self.aggregates is None:
            raise error("INVALID_GROUP_FUNC_USE")
        bound = self._bind_aggregate(node)
        self.aggregates.append(bound)
        return bound

    def _bind_aggregate(self, node: ast.AggregateCall) -> Typed:
        outer, self.aggregates = self.aggregates, None
        try:
            args = [self.scalar(a) for a in node.args]
            order = tuple(self.order_key(item) for item in node.order_by)
        finally:
            self.aggregates = outer
        return bind_aggregate(self.context, node, args, order)

    def order_key(self, item: ast.OrderItem) -> OrderKey:
        expr = self.scalar(item.expr)
        collation = expr.type.collation if expr.type.kind in CHARS else ""
        return OrderKey(expr, 0, item.descending, collation)

    def window(self, node: ast.WindowCall) -> Typed:
        if self.scope.clause not in ("SELECT", "ORDER"):
            raise error("WRONG_PLACEMENT_OF_WINDOW_FUNCTION")
        spec_ = self._window_spec(node.window)
        if isinstance(node.function, ast.AggregateCall):
            function = self._window_aggregate(node.function)
        else:
            function = core.window_function(self, node.function)
        partition = tuple(self.scalar(p) for p in spec_.partition_by)
        order = tuple(self.order_key(item) for item in spec_.order_by)
        extra = getattr(function, "extra_scale", 0)
        return WindowOp(function.type, True, function, partition, order, self._frame(spec_.frame), extra)

    def _window_aggregate(self, node: ast.AggregateCall) -> Typed:
        if node.distinct:
            raise unsupported("DISTINCT in a window function")
        args = [self.scalar(a) for a in node.args]
        return bind_aggregate(self.context, node, args, ())

    def _window_spec(self, window: ast.WindowSpec) -> ast.WindowSpec:
        if window.name is None:
            return window
        base = self.windows.get(window.name.lower())
        if base is None:
            raise error("WRONG_WINDOW_SPEC_NAME", window.name)
        base = self._window_spec(base)
        return ast.WindowSpec(
            None, window.partition_by or base.partition_by, window.order_by or base.order_by, window.frame or base.frame
        )

    def _frame(self, frame: ast.Frame | None) -> str:
        if frame is None:
            return ""
        start = self._bound(frame.start)
        if frame.end is None:
            return f"{frame.unit} {start}"
        return f"{frame.unit} BETWEEN {start} AND {self._bound(frame.end)}"

    def _bound(self, bound: ast.FrameBound) -> str:
        if bound.offset is None:
            return bound.kind
        value = self.constant(bound.offset)
        if not isinstance(value, (int, float)):
            raise unsupported("a frame bound that is not a literal")
        return f"{value} {bound.kind}"

    # ── subqueries ──

    def subquery(self, node: ast.Subquery) -> Typed:
        query = self.bind_query(node.query, self.scope)
        if len(query.outputs) != 1:
            raise error("OPERAND_COLUMNS", 1)
        output = query.outputs[0]
        if at_most_one_row(query):
            return QueryOp(output.expr.type, True, "SUBQUERY", (), "({query})", query)
        template = f"(SELECT onerow(count(*), {output.alias}) FROM ({{query:2}}))"
        return QueryOp(output.expr.type, True, "SUBQUERY", (), template, query)

    def exists(self, node: ast.Exists) -> Typed:
        query = self.bind_query(node.query, self.scope)
        return QueryOp(BOOL_TYPE, False, "EXISTS", (), "EXISTS ({query})", query)

    def in_query(self, node: ast.InQuery) -> Typed:
        operands = list(node.operand.items) if isinstance(node.operand, ast.RowExpr) else [node.operand]
        query = self.bind_query(node.query, self.scope)
        if len(query.outputs) != len(operands):
            raise error("OPERAND_COLUMNS", len(operands))
        alias = self.context.new_alias()
        left, right = [], []
        plain = True
        for operand, output in zip(operands, query.outputs, strict=True):
            column = ColumnRef(output.expr.type, output.expr.nullable, alias, output.alias, output.name)
            test = compare(self.context, "=", self.scalar(operand), column)
            assert isinstance(test, Op)
            collation = test.template.partition(" COLLATE ")[2].split(")")[0].split(" ")[0]
            left.append((test.args[0], collation))
            right.append(test.args[1])
            plain = plain and test.args[1] is column
        word = "NOT IN" if node.negated else "IN"
        places = ", ".join(f"{{{i}}}" + (f" COLLATE {c}" if c else "") for i, (_, c) in enumerate(left))
        if len(left) > 1:
            places = f"({places})"
        args: tuple[Typed, ...] = tuple(n for n, _ in left)
        if plain:
            template = f"({places} {word} ({{query}}))"
        else:
            outputs = ", ".join(f"{{{len(left) + i}}}" for i in range(len(right)))
            template = f"({places} {word} (SELECT {outputs} FROM ({{query}}) AS {alias}))"
            args = (*args, *right)
        return QueryOp(BOOL_TYPE, True, word, args, template, query)

    def quantified(self, node: ast.Quantified) -> Typed:
        if node.op == "=" and node.quantifier == "ANY":
            return self.in_query(ast.InQuery(node.left, node.query))
        if node.op == "<>" and node.quantifier == "ALL":
            return self.in_query(ast.InQuery(node.left, node.query, True))
        if node.quantifier == "ALL":
            return not_(self.quantified(ast.Quantified(_SWAPPED[node.op], node.left, "ANY", node.query)))
        query = self.bind_query(node.query, self.scope)
        if len(query.outputs) != 1:
            raise error("OPERAND_COLUMNS", 1)
        alias = self.context.new_alias()
        output = query.outputs[0]
        column = ColumnRef(output.expr.type, True, alias, output.alias, output.name)
        test = compare(self.context, node.op, self.scalar(node.left), column)
        source = f"FROM ({{query}}) AS {alias}"
        template = (
            f"CASE WHEN EXISTS (SELECT 1 {source} WHERE {{0}}) THEN 1 "
            f"WHEN EXISTS (SELECT 1 {source} WHERE ({{0}}) IS NULL) THEN NULL ELSE 0 END"
        )
        return QueryOp(BOOL_TYPE, True, "ANY", (test,), template, query)

    def refused(self, node: ast.Expr) -> Typed:
        if isinstance(node, ast.RowExpr):
            raise error("OPERAND_COLUMNS", 1)
        raise unsupported({"Match": "MATCH … AGAINST", "Star": "*"}.get(type(node).__name__, type(node).__name__))


_METHODS: dict[type, Callable[[Any, Any], Typed]] = {
    ast.Literal: ExpressionBinder.literal,
    ast.Marker: ExpressionBinder.marker,
    ast.Name: ExpressionBinder.name,
    ast.UserVariable: ExpressionBinder.user_variable,
    ast.AssignVariable: ExpressionBinder.assign_variable,
    ast.SystemVariable: ExpressionBinder.system_variable,
    ast.DefaultValue: ExpressionBinder.default_value,
    ast.InsertedValue: ExpressionBinder.inserted_value,
    ast.NextValue: ExpressionBinder.next_value,
    ast.SetValue: ExpressionBinder.set_value,
    ast.Unary: ExpressionBinder.unary,
    ast.Binary: ExpressionBinder.binary,
    ast.IsTest: ExpressionBinder.is_test,
    ast.Between: ExpressionBinder.between,
    ast.InList: ExpressionBinder.in_list,
    ast.InQuery: ExpressionBinder.in_query,
    ast.Like: ExpressionBinder.like,
    ast.Case: ExpressionBinder.case,
    ast.Cast: ExpressionBinder.cast,
    ast.ConvertUsing: ExpressionBinder.convert_using,
    ast.Collate: ExpressionBinder.collate,
    ast.Call: ExpressionBinder.call,
    ast.AggregateCall: ExpressionBinder.aggregate,
    ast.WindowCall: ExpressionBinder.window,
    ast.Subquery: ExpressionBinder.subquery,
    ast.Exists: ExpressionBinder.exists,
    ast.Quantified: ExpressionBinder.quantified,
    ast.RowExpr: ExpressionBinder.refused,
    ast.Match: ExpressionBinder.refused,
    ast.Star: ExpressionBinder.refused,
}


# ── literals ─────────────────────────────────────────────────────────────────────────────────────────────────────


def literal_value(node: ast.Literal, collation: str) -> tuple[SqlType, Stored]:
    """Type and stored value of a number, string, hex or bit literal."""
    value = node.value
    if node.kind is ast.LiteralKind.INTEGER:
        assert isinstance(value, int)
        length = len(str(value))
        if length < 10:
            return SqlType(Kind.INT, length), value
        if value <= INT64_MAX:
            return SqlType(Kind.BIGINT, length), value
        if value <= UINT64_MAX:
            return UBIGINT_TYPE, to_unsigned(value)
        return decimal_type(length, 0, wide=True), _wide_literal(value)
    if node.kind is ast.LiteralKind.DECIMAL:
        sql_type = decimal_literal_type(str(value))
        return sql_type, decimal_text_value(str(value), sql_type)
    if node.kind is ast.LiteralKind.FLOAT:
        number = float(value)  # type: ignore[arg-type]
        if number in (float("inf"), float("-inf")):
            raise error("ILLEGAL_VALUE_FOR_TYPE", "double", value)
        return DOUBLE_TYPE, number
    if node.kind in (ast.LiteralKind.HEX, ast.LiteralKind.BIT):
        assert isinstance(value, bytes)
        if node.charset and node.charset != "binary":
            text = value.decode(_codec(node.charset), "replace")
            return SqlType(Kind.VARCHAR, len(text), collation=_charset_collation(node.charset, collation)), text
        return SqlType(Kind.VARBINARY, len(value), unsigned=not node.charset, collation="binary"), value
    text = str(value)
    if node.charset == "binary":
        return SqlType(Kind.VARBINARY, len(text), collation="binary"), text.encode("utf-8", RAW_BYTES)
    own = _charset_collation(node.charset, collation) if node.charset else collation
    return SqlType(Kind.VARCHAR, len(text), collation=own), text


def _codec(charset: str) -> str:
    return must_charset(charset).codec


def _charset_collation(charset: str, collation: str) -> str:
    if collation.startswith(charset + "_"):
        return collation
    return must_charset(charset).default_collation


def decimal_literal_type(text: str) -> SqlType:
    whole, _, fraction = text.partition(".")
    scale = len(fraction)
    return decimal_type(max(len(whole.lstrip("0")), 1 if not scale else 0) + scale, scale)


def decimal_text_value(text: str, sql_type: SqlType) -> int | bytes:
    whole, _, fraction = text.partition(".")
    scaled = int(whole + fraction[: sql_type.scale] or "0")
    return _wide_literal(scaled) if sql_type.wide else scaled


def _wide_literal(scaled: int) -> bytes:
    """As MySQL reads a literal of more digits than a DECIMAL has: the largest one."""
    return to_wide(max(-DECIMAL_LARGEST, min(scaled, DECIMAL_LARGEST)))


def literal_convert(node: ast.Literal, sql_type: SqlType) -> tuple[Convert, ...]:
    """What turns a lifted literal of this class into its stored form."""
    if node.kind is ast.LiteralKind.DECIMAL:
        if sql_type.wide:
            return (lambda value: decimal_text_value(str(value), sql_type),)
        return (lambda value: int(str(value).replace(".", "")),)
    if node.kind is ast.LiteralKind.INTEGER and sql_type.kind is Kind.DECIMAL:
        return (lambda value: _wide_literal(int(str(value))),)
    if node.kind is ast.LiteralKind.INTEGER and sql_type.is_big_unsigned:
        return (lambda value: to_unsigned(int(str(value))),)
    if sql_type.kind is Kind.VARBINARY and node.kind is ast.LiteralKind.STRING:
        return (lambda value: str(value).encode("utf-8", RAW_BYTES),)
    if sql_type.kind is Kind.VARCHAR and node.kind in (ast.LiteralKind.HEX, ast.LiteralKind.BIT):
        codec = _codec(node.charset or "utf8mb4")
        return (lambda value: value.decode(codec, "replace") if isinstance(value, bytes) else value,)
    return ()


def session_constant(value: object, collation: str) -> Typed:
    """A system variable's value as a constant."""
    if value is None:
        return Const(SqlType(Kind.VARCHAR, 0, collation=collation), True, None)
    if isinstance(value, bool):
        return Const(SqlType(Kind.BIGINT, 1), False, int(value))
    if isinstance(value, int):
        return Const(UBIGINT_TYPE if value >= 0 else BIGINT_TYPE, False, to_unsigned(value) if value >= 0 else value)
    if isinstance(value, float):
        return Const(SqlType(Kind.DOUBLE, 17, 6), False, value)
    text = str(value)
    return Const(SqlType(Kind.VARCHAR, len(text), collation=collation), False, text)


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def type_key(sql_type: SqlType) -> str:
    """A compact text of a type, understood by `uv_set`."""
    kind, unsigned, wide = int(sql_type.kind), int(sql_type.unsigned), int(sql_type.wide)
    return f"{kind}:{sql_type.length}:{sql_type.scale}:{unsigned}:{sql_type.collation}:{wide}"


def unified(context: BindContext, values: list[Typed], operation: str) -> tuple[list[Typed], SqlType]:
    """`values` all as their common type."""
    values = [shown(v) for v in values]
    collation = aggregate_collation(values, operation, context.scope.collation)
    target = merge_types([v.type for v in values], collation)
    if (
        target.kind in STRINGS
        and target.kind in (Kind.ENUM, Kind.SET)
        and any(v.type != target and v.type.kind is not Kind.NULL for v in values)
    ):
        target = SqlType(Kind.VARCHAR, target.length, collation=collation)
    if target.kind in (Kind.ENUM, Kind.SET) and operation != "UNION":
        target = merge_types([SqlType(Kind.VARCHAR, max(len(m) for m in target.members), collation=collation)], collation)
    return [unify(v, target) for v in values], target


def unify(value: Typed, target: SqlType) -> Typed:
    """`value` in the stored form of `target`."""
    source = value.type
    if source.kind is Kind.NULL or source == target:
        return value
    if source.kind in INTEGERS and target.kind in INTEGERS and source.is_big_unsigned == target.is_big_unsigned:
        return retyped(value, target)
    if source.kind in CHARS and target.kind in CHARS:
        return retyped(value, target)
    if source.kind in BYTES and target.kind in BYTES:
        return retyped(value, target)
    if source.kind in FLOATS and target.kind in FLOATS:
        return retyped(value, target)
    if (
        source.kind in (Kind.DATETIME, Kind.TIMESTAMP)
        and target.kind in (Kind.DATETIME, Kind.TIMESTAMP)
        and source.scale == target.scale
    ):
        return retyped(value, target)
    if target.kind in (Kind.VARCHAR, Kind.CHAR) or target.kind in TEXTS or target.kind is Kind.JSON:
        if source.kind in DATETIMES:
            return retyped(value, target)
        return retyped(to_text(value, target.collation), target)
    if target.kind in BYTES:
        return retyped(to_bytes(value), target)
    return converted(value, target)


def at_most_one_row(query: BoundQuery) -> bool:
    """Whether `query` cannot give a second row: an aggregate without GROUP BY, LIMIT 1, no FROM, or a whole unique key fixed."""
    if isinstance(query, BoundValues):
        return len(query.rows) == 1
    if isinstance(query.limit, Const) and query.limit.value in (0, 1):
        return True
    if not isinstance(query, BoundSelect):
        return False
    if query.source is None or query.aggregate and not query.group_by:
        return True
    return _unique_lookup(query)


def _unique_lookup(query: BoundSelect) -> bool:
    if not isinstance(query.source, TableSource) or query.where is None:
        return False
    fixed = set()
    for term in conjuncts(query.where):
        if isinstance(term, Op) and term.name == "=":
            for one, other in ((term.args[0], term.args[1]), (term.args[1], term.args[0])):
                if isinstance(one, ColumnRef) and one.source == query.source.alias and not mentions(other, query.source.alias):
                    fixed.add(one.name.lower())
    return any(
        index.unique and all(p.length is None and p.column.lower() in fixed for p in index.parts)
        for index in query.source.table.indexes
    )


def conjuncts(node: Typed) -> list[Typed]:
    """The terms of a conjunction."""
    if isinstance(node, Op) and node.name == "AND":
        return [term for arg in node.args for term in conjuncts(arg)]
    return [node]


def mentions(node: Typed, source: str) -> bool:
    """Whether `node` reads a column of the row source with that SQL alias (subqueries count as yes)."""
    if isinstance(node, ColumnRef):
        return node.source == source
    if isinstance(node, QueryOp):
        return True
    if isinstance(node, (Op, AggregateOp)):
        return any(mentions(a, source) for a in node.args)
    return isinstance(node, WindowOp)
