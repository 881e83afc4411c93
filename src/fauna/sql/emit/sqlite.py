"""Typed statements to SQLite text and a list of parameter sources.

Nothing is decided here: types, conversions and collations were settled when binding.  Parameters are numbered `?N`, so that
one used twice is bound once.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Final

from fauna.catalog.types import BYTES, CHARS, Kind, SqlType, Stored
from fauna.sql import fauna_schema
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
    GatheredSource,
    InfoSource,
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
    WindowOp,
    has_aggregate,
)

ParamSource = Slot | SessionValue | Const
LITERAL_MAX: Final = 4096  # a longer constant is bound


def sql_literal(value: Stored) -> str | None:
    """A constant as SQLite text, or None when it is better bound."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    if isinstance(value, bytes) and len(value) <= LITERAL_MAX:
        return f"x'{value.hex()}'"
    if isinstance(value, str) and len(value) <= LITERAL_MAX and "\0" not in value:
        return "'" + value.replace("'", "''") + "'"
    return None


# An integer, or what SQLite's parser makes one: a test of a constant for NULL.
_BARE_INTEGER: Final = re.compile(r"[\s()+-]*[0-9]+[\s()]*|.*IS (?:NOT )?NULL[\s()]*", re.DOTALL)


def _no_position(text: str, node: Typed) -> str:
    """`text` as a sort or group key; SQLite would read an integer alone as the number of a column, and makes 0 of `0 AND x`."""
    bare = _BARE_INTEGER.fullmatch(text) or isinstance(node, Op) and node.name == "AND"
    return f"({text})+0" if bare else text


class SqliteEmitter:
    """Collects parameters while it writes one statement.  `params` is in the order of ?1, ?2 …"""

    def __init__(self) -> None:
        self.params: list[ParamSource] = []
        self._numbers: dict[ParamSource, int] = {}
        self._hidden: dict[str, str] = {}

    def place(self, source: ParamSource) -> str:
        """The `?N` under which `source` will be bound."""
        number = self._numbers.get(source)
        if number is None:
            self.params.append(source)
            number = self._numbers[source] = len(self.params)
        return f"?{number}"

    # ── expressions ──

    def expr(self, node: Typed, over: str = "") -> str:
        if isinstance(node, ColumnRef):
            return f"{node.source}.{node.physical}" if node.source else node.physical
        if isinstance(node, Const):
            text = sql_literal(node.value)
            return text if text is not None else self.place(node)
        if isinstance(node, (Slot, SessionValue)):
            return self.place(node)
        if isinstance(node, Op):
            args = [self.expr(a) for a in node.args]
            return node.template.format(*args, over=over)
        if isinstance(node, AggregateOp):
            return self._aggregate(node, over)
        if isinstance(node, WindowOp):
            return self.expr(node.function, " OVER (" + self._window(node) + ")")
        if isinstance(node, QueryOp):
            return self._query_op(node)
        raise AssertionError(type(node).__name__)

    def _aggregate(self, node: AggregateOp, over: str) -> str:
        args = [self.expr(a) for a in node.args]
        order = " ORDER BY " + ", ".join(self.key(k) for k in node.order_by) if node.order_by else ""
        return node.template.format(*args, over=over, order=order)

    def _window(self, node: WindowOp) -> str:
        parts = []
        if node.partition_by:
            parts.append("PARTITION BY " + ", ".join(self._collated(p) for p in node.partition_by))
        if node.order_by:
            parts.append("ORDER BY " + ", ".join(self.key(k) for k in node.order_by))
        if node.frame:
            parts.append(node.frame)
        return " ".join(parts)

    def _query_op(self, node: QueryOp) -> str:
        args = [self.expr(a) for a in node.args]
        text = node.template
        if "{query:2}" in text:
            query = node.query
            if query.limit is None and not isinstance(query, BoundValues):
                query = replace(query, limit=Const(SqlType(Kind.BIGINT), False, 2))
            text = text.replace("{query:2}", "{query}")
            return text.format(*args, query=self.query(query))
        return text.format(*args, query=self.query(node.query))

    def _collated(self, node: Typed) -> str:
        text = self.expr(node)
        if node.type.kind in CHARS and node.type.collation and not (isinstance(node, ColumnRef) and node.table is not None):
            return f"{text} COLLATE {node.type.collation}"
        return text

    def _sort_key(self, node: Typed) -> str:
        """Text by its sort key: computed once per row, where a collation's comparison would be called n log n times."""
        if node.type.kind in CHARS and node.type.collation and not indexed(node):
            return f"sk('{node.type.collation}', {self.expr(node)})"
        return self._collated(node)

    def key(self, key: OrderKey) -> str:
        """One term of ORDER BY."""
        if key.expr is not None and key.collation and not indexed(key.expr):
            text = self._sort_key(key.expr)
        elif key.position:
            text = str(key.position)
            if key.collation:
                text += f" COLLATE {key.collation}"
        else:
            assert key.expr is not None
            text = self._collated(key.expr)
            if isinstance(key.expr, Const):
                text = f"({text})+0" if key.expr.value is not None else "NULL"
            else:
                text = _no_position(text, key.expr)
        return text + (" DESC" if key.descending else "")

    # ── row sources ──

    def source(self, source: Source) -> str:
        if isinstance(source, TableSource):
            if source.past is not None:
                return f"({source.past.select.format(*[self.place(t) for t in source.past.times])}) AS {source.alias}"
            return f"{source.table.physical} AS {source.alias}"
        if isinstance(source, InfoSource):
            rows = self.place(SessionValue(SqlType(Kind.LONGTEXT), False, f"info:{source.name}"))
            if source.name in fauna_schema.STREAMED:
                names = [column.name for column in fauna_schema.COLUMNS[source.name]]
                columns = ", ".join([f'"{name}" AS {c}' for name, c in zip(names, source.columns, strict=True)])
                return f"(SELECT {columns} FROM chain_{source.name}({rows})) AS {source.alias}"
            columns = ", ".join(f"json_extract(value, '$[{i}]') AS {c}" for i, c in enumerate(source.columns))
            return f"(SELECT {columns} FROM json_each({rows})) AS {source.alias}"
        if isinstance(source, CteSource):
            return f"{source.cte} AS {source.alias}"
        if isinstance(source, GatheredSource):
            return f"{source.table} AS {source.alias}"
        if isinstance(source, DerivedSource):
            return f"({self._derived(source)}) AS {source.alias}"
        return self._join(source)

    def _derived(self, source: DerivedSource) -> str:
        text = self.query(source.query)
        return f"WITH m AS MATERIALIZED ({text}) SELECT * FROM m" if source.materialized else text

    def _join(self, join: JoinSource) -> str:
        right = self.source(join.right)
        if isinstance(join.right, JoinSource):
            right = f"({right})"
        left = self.source(join.left)
        word = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN"}[join.kind]
        on = f" ON {self.expr(join.on)}" if join.on is not None else " ON 1" if join.kind != "INNER" else ""
        return f"{left} {word} {right}{on}"

    # ── queries ──

    def query(self, query: BoundQuery) -> str:
        """The text of a query whose output columns are named by their aliases."""
        with_ = self._ctes(query.ctes)
        if isinstance(query, BoundSelect):
            return with_ + (self._rollup(query) if query.rollup and query.group_by else self._select(query))
        if isinstance(query, BoundSetOperation):
            return with_ + self._set_operation(query)
        return with_ + self._values(query)

    def _ctes(self, ctes: tuple[BoundCte, ...]) -> str:
        if not ctes:
            return ""
        texts = [f"{c.name}({', '.join(c.columns)}) AS ({self.query(c.query)})" for c in ctes]
        return "WITH RECURSIVE " + ", ".join(texts) + " "

    def _select(self, select: BoundSelect) -> str:
        grouped = select.distinct and not select.aggregate and self._distinct_by_key(select)
        distinct = select.distinct and not grouped
        outputs = ", ".join(self._output(o, distinct) for o in self._first_of_group(select))
        if select.having is not None and not select.group_by and not any(has_aggregate(o.expr) for o in select.outputs):
            outputs = self._made_aggregate(select)
        text = f"SELECT {'DISTINCT ' if distinct else ''}{outputs}"
        if select.source is not None:
            text += f" FROM {self.source(select.source)}"
        if select.where is not None:
            text += f" WHERE {self.expr(select.where)}"
        if grouped:
            text += " GROUP BY " + ", ".join(self._group_key(OrderKey(o.expr)) for o in select.outputs)
        if select.group_by:
            text += " GROUP BY " + ", ".join(self._group_key(k) for k in select.group_by)
        if select.having is not None:
            text += f" HAVING {self.expr(select.having)}"
        return text + self._tail(select)

    def _made_aggregate(self, select: BoundSelect) -> str:
        """The select list of a query whose only aggregates are in HAVING: SQLite wants one here, which is not NULL."""
        first, *rest = select.outputs
        texts = [f"iif(count(*) IS NULL, NULL, {self.expr(first.expr)}) AS {first.alias}"]
        return ", ".join(texts + [self._output(o, False) for o in rest])

    def _first_of_group(self, select: BoundSelect) -> tuple[OutputColumn, ...]:
        """Beside MIN or MAX, SQLite takes a group's other columns from the row of the extreme; the text that a group is
        shown by must be that of its first row."""
        keys = [k.expr for k in select.group_by]
        if not keys or not any(has_extreme(o.expr) for o in select.outputs):
            return select.outputs
        return tuple(
            replace(o, expr=Op(o.expr.type, o.expr.nullable, "FIRST", (o.expr,), "first_({0})"))
            if o.expr in keys and o.expr.type.kind in CHARS
            else o
            for o in select.outputs
        )

    def _distinct_by_key(self, select: BoundSelect) -> bool:
        """DISTINCT over text is done as GROUP BY of sort keys."""
        if any(isinstance(o.expr, (WindowOp, QueryOp)) for o in select.outputs) or select.source is None:
            return False
        return any(o.expr.type.kind in CHARS and not indexed(o.expr) for o in select.outputs) and not has_window(select)

    def _group_key(self, key: OrderKey) -> str:
        assert key.expr is not None
        text = self._sort_key(key.expr)
        return f"({text})+0" if isinstance(key.expr, Const) and isinstance(key.expr.value, int) else _no_position(text, key.expr)

    def _tail(self, query: BoundQuery) -> str:
        text = ""
        if query.order_by:
            text += " ORDER BY " + ", ".join(self.key(k) for k in query.order_by)
        if query.limit is not None:
            text += f" LIMIT {self.expr(query.limit)}"
            if query.offset is not None:
                text += f" OFFSET {self.expr(query.offset)}"
        return text

    def _output(self, output: OutputColumn, distinct: bool) -> str:
        text = self._collated(output.expr) if distinct else self.expr(output.expr)
        return f"{text} AS {output.alias}"

    def _member(self, query: BoundQuery, op: str, first: bool) -> str:
        plain = isinstance(query, BoundSelect) and not (query.order_by or query.limit or query.ctes or query.rollup)
        chained = first and isinstance(query, BoundSetOperation) and query.limit is None and not query.order_by and not query.ctes
        if chained:
            return self.query(query)
        if plain:
            assert isinstance(query, BoundSelect)
            # Rows are told apart under the first member's collations.
            return self._select(replace(query, outputs=query.outputs)) if op == "UNION ALL" else self._select_collated(query)
        return f"SELECT * FROM ({self.query(query)})"

    def _select_collated(self, select: BoundSelect) -> str:
        outputs = tuple(
            replace(o, expr=Op(o.expr.type, o.expr.nullable, "COLLATE", (o.expr,), f"{{0}} COLLATE {o.expr.type.collation}"))
            if o.expr.type.kind in CHARS and o.expr.type.kind not in BYTES and o.expr.type.collation else o
            for o in select.outputs
        )
        return self._select(replace(select, outputs=outputs))

    def _union(self, query: BoundSetOperation) -> str:
        """UNION over text keeps the first of equal rows, as MySQL does; SQLite's own keeps the last."""
        both = f"{self._member(query.left, 'UNION ALL', True)} UNION ALL {self._member(query.right, 'UNION ALL', False)}"
        names = ", ".join(o.alias for o in query.outputs)
        keys = ", ".join(self._sort_key(o.expr) for o in query.outputs)
        return f"SELECT {names} FROM ({both}) GROUP BY {keys}"

    def _counted(self, query: BoundSetOperation) -> str:
        """EXCEPT ALL and INTERSECT ALL: equal rows are told apart by their number among their equals."""
        names = ", ".join(o.alias for o in query.outputs)
        keys = ", ".join(self._sort_key(o.expr) for o in query.outputs)
        shown = ", ".join(f"{self._collated(o.expr)} AS {o.alias}" for o in query.outputs)
        sides = [
            f"SELECT {shown}, row_number() OVER (PARTITION BY {keys}) AS rn FROM ({self.query(q)})"
            for q in (query.left, query.right)
        ]
        return f"SELECT {names} FROM ({sides[0]} {query.op.removesuffix(' ALL')} {sides[1]})"

    def _set_operation(self, query: BoundSetOperation) -> str:
        if query.op in ("EXCEPT ALL", "INTERSECT ALL"):
            return f"SELECT * FROM ({self._counted(query)}){self._tail(query)}"
        if query.op == "UNION" and any(o.expr.type.kind in CHARS for o in query.outputs):
            return f"SELECT * FROM ({self._union(query)}){self._tail(query)}"
        text = f"{self._member(query.left, query.op, True)} {query.op} {self._member(query.right, query.op, False)}"
        if any(not k.position or k.collation for k in query.order_by):
            return f"SELECT * FROM ({text}){self._tail(query)}"
        return text + self._tail(query)

    def _values(self, query: BoundValues) -> str:
        names = [o.alias for o in query.outputs]
        first, *rest = query.rows
        texts = ["SELECT " + ", ".join(f"{self.expr(v)} AS {n}" for v, n in zip(first, names, strict=True))]
        texts += ["SELECT " + ", ".join(self.expr(v) for v in row) for row in rest]
        return " UNION ALL ".join(texts) + self._tail(query)

    def _rollup(self, select: BoundSelect) -> str:
        """GROUP BY … WITH ROLLUP: one SELECT per level, groups before their totals."""
        levels = []
        keys = [k.expr for k in select.group_by]
        count = len(keys)
        for level in range(count, -1, -1):
            gone = keys[level:]
            outputs = [replace(o, expr=without(o.expr, gone)) for o in select.outputs]
            for i, key in enumerate(keys):
                assert key is not None
                rolled = i >= level
                outputs.append(OutputColumn("", f"r{i}", Const(SqlType(Kind.INT), False, int(rolled))))
                value: Typed = Const(key.type, True, None) if rolled else key
                outputs.append(OutputColumn("", f"v{i}", value))
            having = without(select.having, gone) if select.having is not None else None
            part = replace(
                select,
                outputs=tuple(outputs),
                group_by=select.group_by[:level] or (OrderKey(Const(SqlType(Kind.NULL), True, None)),),
                having=having,
                order_by=(),
                limit=None,
                offset=None,
                rollup=False,
                distinct=False,
                ctes=(),
            )
            text = self._select(part)
            levels.append(f"SELECT * FROM ({text})")
        order = ", ".join(
            f"r{i}, v{i}" + (f" COLLATE {k.collation}" if k.collation else "") + (" DESC" if k.descending else "")
            for i, k in enumerate(select.group_by)
        )
        names = ", ".join(o.alias for o in select.outputs)
        distinct = "DISTINCT " if select.distinct else ""
        tail = self._tail(replace(select, order_by=()))
        return f"SELECT {distinct}{names} FROM ({' UNION ALL '.join(levels)}) ORDER BY {order}{tail}"


def has_window(select: BoundSelect) -> bool:
    def inside(node: Typed) -> bool:
        return isinstance(node, WindowOp) or isinstance(node, Op) and any(inside(a) for a in node.args)

    return any(inside(o.expr) for o in select.outputs)


def has_extreme(node: Typed) -> bool:
    """Whether MIN or MAX is in `node`."""
    if isinstance(node, AggregateOp):
        return node.name in ("MIN", "MAX")
    return isinstance(node, Op) and any(has_extreme(a) for a in node.args)


def indexed(node: Typed) -> bool:
    """Whether an index might give the rows in the order of this column."""
    if not isinstance(node, ColumnRef) or node.table is None:
        return node.type.kind not in CHARS or not isinstance(node, (ColumnRef, Op, Const, Slot, SessionValue))
    return any(index.parts[0].column.lower() == node.name.lower() for index in node.table.indexes)


def without(node: Typed, gone: list[Typed | None]) -> Typed:
    """`node` with the group keys in `gone` as NULL, outside aggregates."""
    if node in gone:
        return Const(node.type, True, None)
    if isinstance(node, Op):
        return replace(node, args=tuple(without(a, gone) for a in node.args))
    return node
