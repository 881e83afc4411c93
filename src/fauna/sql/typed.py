"""The bound, typed form of a statement: names resolved, every expression with its MySQL type.

This is what planning and emission read.  An expression that SQLite can compute is an `Op` with the SQLite text of
its own form as a template; its name and arguments stay readable for rules and for another emitter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fauna.catalog.schema import Column, Table
from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import Kind, SqlType, Stored

Convert = Callable[[Stored], Stored]


@dataclass(frozen=True, slots=True)
class Typed:
    """Any expression.  extra_scale: digits that a DECIMAL quotient carries beyond its declared scale, because MySQL
    computes with words of nine digits and rounds only what it shows."""

    type: SqlType
    nullable: bool


@dataclass(frozen=True, slots=True)
class Slot(Typed):
    """Argument number `index` of the statement (a lifted literal or a marker), passed through `convert` in order."""

    index: int
    convert: tuple[Convert, ...] = ()
    literal: bool = True


@dataclass(frozen=True, slots=True)
class Const(Typed):
    value: Stored


@dataclass(frozen=True, slots=True)
class SessionValue(Typed):
    """A value the session supplies when the statement starts: 'now', 'user', '@name' …"""

    name: str
    convert: tuple[Convert, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnRef(Typed):
    """source: the SQL alias of the row source; physical: the column's name there.  table, column: the base table's,
    when the reference goes straight to one.  source_name, name: as the user sees them."""

    source: str
    physical: str
    name: str
    source_name: str = ""
    table: Table | None = None
    column: Column | None = None
    outer: bool = False


@dataclass(frozen=True, slots=True)
class Op(Typed):
    """name: the operator or function; template: SQLite text with {0}, {1} … for the arguments."""

    name: str
    args: tuple[Typed, ...]
    template: str
    extra_scale: int = 0
    deterministic: bool = True


@dataclass(frozen=True, slots=True)
class AggregateOp(Typed):
    name: str
    args: tuple[Typed, ...]
    template: str  # {0} … for arguments; {order} for the ORDER BY inside, {distinct}
    distinct: bool = False
    order_by: tuple[OrderKey, ...] = ()
    extra_scale: int = 0


@dataclass(frozen=True, slots=True)
class WindowOp(Typed):
    function: Typed  # an AggregateOp or an Op
    partition_by: tuple[Typed, ...]
    order_by: tuple[OrderKey, ...]
    frame: str
    extra_scale: int = 0


@dataclass(frozen=True, slots=True)
class QueryOp(Typed):
    """A subquery as a value, an EXISTS test or an IN test; template has {query} and {0} … for operands."""

    name: str
    args: tuple[Typed, ...]
    template: str
    query: BoundQuery
    correlated: bool = True


@dataclass(frozen=True, slots=True)
class OrderKey:
    """expr, or the 1-based position of an output column."""

    expr: Typed | None
    position: int = 0
    descending: bool = False
    collation: str = ""


# ── row sources ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PastRows:
    """Where versions of a table's rows are, in place of the rows themselves.

    select  the columns of the table, and `_rowid_`, from history tables; {0} and {1} for `times`
    times   of the statement: see `plan.Moment`
    slots   which shard had which rows; None: rows of a range of time, of which some may have moved within it, and of which
            one row may be there several times
    """

    select: str
    times: tuple[SessionValue, ...]
    slots: SlotMap | None


@dataclass(frozen=True, slots=True)
class TableSource:
    """past: the table as it was; None: as it is."""

    table: Table
    alias: str
    name: str
    past: PastRows | None = None


@dataclass(frozen=True, slots=True)
class InfoSource:
    """A table of information_schema; its rows come as one JSON parameter."""

    name: str
    alias: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CteSource:
    cte: str  # SQL name
    alias: str


@dataclass(frozen=True, slots=True)
class DerivedSource:
    """materialized: its rows are made before the query around it begins, because they set user variables, or keep
    the order in which that query is to read them."""

    query: BoundQuery
    alias: str
    materialized: bool = False


@dataclass(frozen=True, slots=True)
class GatheredSource:
    """A table of the query node's scratch database, with rows that came from shards."""

    table: str
    alias: str


@dataclass(frozen=True, slots=True)
class JoinSource:
    left: Source
    right: Source
    kind: str  # INNER, LEFT, RIGHT
    on: Typed | None


Source = TableSource | InfoSource | CteSource | DerivedSource | GatheredSource | JoinSource


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """name as the client sees it; alias: the SQL name within a derived table."""

    name: str
    alias: str
    expr: Typed


@dataclass(frozen=True, slots=True)
class BoundCte:
    name: str  # SQL name
    columns: tuple[str, ...]
    query: BoundQuery


@dataclass(frozen=True, slots=True)
class BoundSelect:
    outputs: tuple[OutputColumn, ...]
    source: Source | None = None
    where: Typed | None = None
    group_by: tuple[OrderKey, ...] = ()
    having: Typed | None = None
    order_by: tuple[OrderKey, ...] = ()
    limit: Typed | None = None
    offset: Typed | None = None
    distinct: bool = False
    ctes: tuple[BoundCte, ...] = ()
    rollup: bool = False
    aggregate: bool = False


@dataclass(frozen=True, slots=True)
class BoundSetOperation:
    op: str  # UNION, UNION ALL, EXCEPT, INTERSECT
    left: BoundQuery
    right: BoundQuery
    outputs: tuple[OutputColumn, ...]
    order_by: tuple[OrderKey, ...] = ()
    limit: Typed | None = None
    offset: Typed | None = None
    ctes: tuple[BoundCte, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundValues:
    rows: tuple[tuple[Typed, ...], ...]
    outputs: tuple[OutputColumn, ...]
    order_by: tuple[OrderKey, ...] = ()
    limit: Typed | None = None
    offset: Typed | None = None
    ctes: tuple[BoundCte, ...] = ()


BoundQuery = BoundSelect | BoundSetOperation | BoundValues


def extra_scale(node: Typed) -> int:
    """Digits beyond the declared scale that the running value of `node` has."""
    if isinstance(node, (Op, AggregateOp, WindowOp)) and node.type.kind is Kind.DECIMAL:
        return node.extra_scale
    return 0


def runtime_scale(node: Typed) -> int:
    """Scale of the integer that carries an exact number: 0 for integers."""
    return node.type.scale + extra_scale(node) if node.type.kind is Kind.DECIMAL else 0


def has_aggregate(node: Typed) -> bool:
    """Whether an aggregate is in `node`, outside windows and subqueries."""
    return isinstance(node, AggregateOp) or isinstance(node, Op) and any(has_aggregate(a) for a in node.args)
