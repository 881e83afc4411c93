"""How a query is answered when its tables are on several shards: what is done there, what is fetched, what is done then.  Pure.

A SELECT whose rows can be made on each shard by itself (`_Local`: one spread table, or several joined by their shard keys, and
copies) is run there, with its groups, its order and its limit as far as that goes, and put together at the query node.  Anything
else is run at the query node on the tables it reads, of which only the rows and columns that it can need are fetched.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.sqlite_schema import collate_clause, storage_class
from fauna.catalog.types import BIGINT_TYPE, CHARS, INTEGERS, Kind, SqlType
from fauna.plan.plan import Distribution, Gather, Route, ShardStatement, parameters
from fauna.sql.bind.expressions import conjuncts
from fauna.sql.bind.place import is_spread
from fauna.sql.bind.routes import equal_columns, everywhere, first, route_of_source, terms_of, together
from fauna.sql.emit.sqlite import SqliteEmitter, has_window
from fauna.sql.typed import (
    AggregateOp,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundValues,
    ColumnRef,
    CteSource,
    DerivedSource,
    GatheredSource,
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

_ROWID: Final = "_rowid_"
_NOT_PARTS: Final = ("table", "column", "type", "convert", "past")  # fields of a bound query that no query is in
_MOVED: Final = -1  # no version of a slot map


def distribute(catalog: Catalog, query: BoundQuery, *, past: bool = False) -> Distribution | None:
    """None: the first shard has all that the query reads.  past: some of that may be as it was."""
    if catalog.slots.shards == 1 and not past:
        return None
    mentions = list(mentions_of(query))
    apart = _apart(catalog, query) if any(source.past is not None for source, _ in mentions) else None
    if not any(is_spread(catalog, source.table) for source, _ in mentions):
        return Distribution(first, (), None, apart=apart) if apart is not None else None
    distributor = _Distributor(catalog, query)
    if isinstance(query, BoundSelect) and distributor.pushed:
        home = _route_of_rows(catalog, query)
    else:
        home = together([route_of_source(catalog, source, terms) for source, terms in mentions])
    gathers, final = distributor.distribute()
    return Distribution(home, gathers, final, distributor.by_row, apart)


def _apart(catalog: Catalog, query: BoundQuery) -> Distribution:
    distributor = _Distributor(catalog, query)
    distributor.pushed = False
    return Distribution(everywhere, *distributor.distribute())


def _route_of_rows(catalog: Catalog, select: BoundSelect) -> Route:
    """Where the rows of a SELECT are that is pushed: what its subqueries read is on the same shards."""
    assert select.source is not None
    where = conjuncts(select.where) if select.where is not None else []
    return together([route_of_source(catalog, source, terms) for source, terms in terms_of(select.source, where)])


def statement_of(query: BoundQuery) -> ShardStatement:
    emitter = SqliteEmitter()
    text = emitter.query(query)
    return ShardStatement(text, parameters(emitter.params))


# ── what a query reads ───────────────────────────────────────────────────────────────────────────────────────────


def mentions_of(query: BoundQuery, outer: Sequence[Typed] = ()) -> Iterator[tuple[TableSource, list[Typed]]]:
    """Every mention of a table, with the equalities that hold for it.  outer: those of the query around a correlated one."""
    for cte in query.ctes:
        yield from mentions_of(cte.query)
    if isinstance(query, BoundSetOperation):
        yield from mentions_of(query.left, outer)
        yield from mentions_of(query.right, outer)
        return
    if isinstance(query, BoundValues):
        for row in query.rows:
            for node in row:
                yield from _mentions_in(node, outer)
        return
    terms = [*outer, *(conjuncts(query.where) if query.where is not None else ())]
    if query.source is not None:
        yield from terms_of(query.source, terms)
        for source in _sources(query.source):
            if isinstance(source, DerivedSource):
                yield from mentions_of(source.query)
            elif isinstance(source, JoinSource) and source.on is not None:
                yield from _mentions_in(source.on, terms)
    for node in _expressions(query):
        yield from _mentions_in(node, terms)


def _mentions_in(node: Any, terms: Sequence[Typed]) -> Iterator[tuple[TableSource, list[Typed]]]:
    for inner in _nodes(node):
        if isinstance(inner, QueryOp):
            yield from mentions_of(inner.query, terms)


def _sources(source: Source) -> Iterator[Source]:
    yield source
    if isinstance(source, JoinSource):
        yield from _sources(source.left)
        yield from _sources(source.right)


def _expressions(select: BoundSelect) -> Iterator[Typed]:
    for output in select.outputs:
        yield output.expr
    for node in (select.where, select.having, select.limit, select.offset):
        if node is not None:
            yield node
    for key in (*select.group_by, *select.order_by):
        if key.expr is not None:
            yield key.expr


def _nodes(node: Any) -> Iterator[Typed]:
    """`node` and all expressions in it; a subquery is one, what is in it is not."""
    if isinstance(node, OrderKey):
        node = node.expr
    if not isinstance(node, Typed):
        return
    yield node
    if isinstance(node, (Op, QueryOp)):
        children: Sequence[Any] = node.args
    elif isinstance(node, AggregateOp):
        children = (*node.args, *node.order_by)
    elif isinstance(node, WindowOp):
        children = (node.function, *node.partition_by, *node.order_by)
    else:
        return
    for child in children:
        yield from _nodes(child)


def _everything(tree: Any) -> Iterator[Any]:
    """Every part of a bound query, however deep."""
    yield tree
    if isinstance(tree, tuple):
        for item in tree:
            yield from _everything(item)
    elif is_dataclass(tree) and not isinstance(tree, (Table, SqlType)):
        for field in fields(tree):
            if field.name not in _NOT_PARTS:
                yield from _everything(getattr(tree, field.name))


# ── what can be done on each shard by itself ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Local:
    """A row source whose rows each shard can make alone.  keys: lists of columns, each of which is equal to the shard key that
    the rows are spread by; empty when every shard makes the same rows.  slots: the version of the map that says which of them is
    where; two that differ never meet."""

    keys: tuple[tuple[ColumnRef, ...], ...]
    slots: int = _MOVED

    def meets(self, other: _Local, terms: Sequence[Typed]) -> bool:
        """Whether rows that fit together by `terms` are on one shard."""
        return self.slots == other.slots != _MOVED and _meet(self.keys, other.keys, terms)


class _Distributor:
    def __init__(self, catalog: Catalog, query: BoundQuery) -> None:
        self.catalog = catalog
        self.query = query
        self.gathers: list[Gather] = []
        self.fetched: dict[str, GatheredSource] = {}
        self.by_row = False
        self.ordered = not _is_indifferent(query)
        self.pushed = isinstance(query, BoundSelect) and not query.ctes and self._is_pushed(query)

    def distribute(self) -> tuple[tuple[Gather, ...], ShardStatement | None]:
        query = self.query
        if isinstance(query, BoundSelect) and self.pushed:
            if self._is_concatenation(query):
                part = query
                if isinstance(query.source, TableSource) and not query.group_by:
                    # In the order of their numbers, as one shard would give them.
                    rowid = ColumnRef(BIGINT_TYPE, True, query.source.alias, _ROWID, _ROWID)
                    part = replace(query, outputs=(*query.outputs, OutputColumn("", "r", rowid)), order_by=(OrderKey(rowid),))
                    self.by_row = True
                self._gather(part, [f"c{i}" for i in range(len(part.outputs))])
                return tuple(self.gathers), None
            final: BoundQuery = self._merged(query)
        else:
            final = self._query(query)
        return tuple(self.gathers), statement_of(final)

    def _local(self, source: Source | None, where: Sequence[Typed]) -> _Local | None:
        if isinstance(source, TableSource):
            placement = placement_of(source.table)
            if source.table.temporary or placement.kind == "SINGLE":
                return None
            slots = self.catalog.slots if source.past is None else source.past.slots
            if placement.kind == "BROADCAST":
                return _Local(()) if self._is_on_all(source) else None
            if slots is None:  # a row may have been on one shard first and then on another
                return _Local(((ColumnRef(BIGINT_TYPE, True, source.alias, "", ""),),))
            columns = [ColumnRef(c.sql_type, True, source.alias, c.physical, c.name) for c in placement.columns]
            return _Local((tuple(columns or [ColumnRef(BIGINT_TYPE, True, source.alias, _ROWID, _ROWID)]),), slots.version)
        if not isinstance(source, JoinSource):
            return None
        on = conjuncts(source.on) if source.on is not None else []
        inner = source.kind == "INNER"
        # Below an outer join's other side, WHERE says nothing about which rows find a partner.
        left = self._local(source.left, [*where, *on] if inner else ())
        right = self._local(source.right, [*where, *on] if inner else ())
        if left is None or right is None:
            return None
        if not left.keys and not right.keys:
            return left
        if inner:
            if not left.keys or not right.keys:
                return left if left.keys else right
            return _Local(left.keys + right.keys, left.slots) if left.meets(right, [*where, *on]) else None
        kept, other = (left, right) if source.kind == "LEFT" else (right, left)
        if not kept.keys:
            return None  # each shard would let the same rows through
        return kept if not other.keys or kept.meets(other, on) else None

    def _is_on_all(self, source: TableSource) -> bool:
        """Whether every shard has a copy of the table, which is BROADCAST: a shard that came later has none of what was."""
        return source.past is None or source.past.slots is not None and source.past.slots.shards == self.catalog.slots.shards

    def _is_pushed(self, select: BoundSelect) -> bool:
        """Whether each shard can run it on its own rows, and something is gained from that."""
        if select.source is None or select.rollup or has_window(select):
            return False
        if select.having is not None and not select.group_by:
            return False
        where = conjuncts(select.where) if select.where is not None else []
        local = self._local(select.source, where)
        if local is None or not local.keys:
            return False
        if not self._is_computed_there(select, self._semi_joins(where, local)):
            return False
        for source in _sources(select.source):
            if isinstance(source, JoinSource) and source.on is not None:
                for inner in _nodes(source.on):
                    if isinstance(inner, QueryOp) or isinstance(inner, Op) and not inner.deterministic:
                        return False
        if self._groups_are_local(select, local):
            return True
        if not select.aggregate and not select.group_by:
            return True
        return _can_be_merged(select) and (bool(select.group_by) or not _has_bare_columns(select))

    def _semi_joins(self, where: Sequence[Typed], local: _Local) -> set[int]:
        """The EXISTS and IN of WHERE whose rows, for each row of `local`, are on that row's shard: they are joined by the shard
        keys.  By their identity."""
        found = set()
        for term in where:
            for inner in _nodes(term):
                if isinstance(inner, QueryOp) and self._is_local_test(inner, local, is_term=inner is term):
                    found.add(id(inner))
        return found

    def _is_local_test(self, test: QueryOp, local: _Local, *, is_term: bool) -> bool:
        query = test.query
        if not isinstance(query, BoundSelect) or query.ctes or query.limit is not None or query.source is None:
            return False
        if query.group_by or query.aggregate or query.having is not None or has_window(query):
            return False
        terms = conjuncts(query.where) if query.where is not None else []
        if test.name == "IN" and is_term and len(test.args) == len(query.outputs) == 1:
            # Whether it is false or NULL makes no difference here: for NOT IN it would.
            terms = [*terms, Op(BIGINT_TYPE, True, "=", (test.args[0], query.outputs[0].expr), "({0} = {1})")]
        elif test.name != "EXISTS":
            return False
        if not self._is_computed_there(query, set()):
            return False
        there = self._local(query.source, terms)
        return there is not None and bool(there.keys) and local.meets(there, terms)

    def _is_computed_there(self, select: BoundSelect, semi_joins: Container[int]) -> bool:
        """Whether the expressions of `select` have on each shard the values that they have anywhere."""
        for expression in _expressions(select):
            for node in _nodes(expression):
                if isinstance(node, QueryOp) and id(node) not in semi_joins and not self._reads_copies_only(node.query):
                    return False
                if isinstance(node, Op) and not node.deterministic:
                    return False
        return True

    def _reads_copies_only(self, query: BoundQuery) -> bool:
        """Whether a subquery reads nothing that is not whole on every shard."""
        for part in _everything(query):
            if isinstance(part, (InfoSource, CteSource)) or isinstance(part, Op) and not part.deterministic:
                return False
            if isinstance(part, TableSource) and (part.table.temporary or placement_of(part.table).kind != "BROADCAST"):
                return False
            if isinstance(part, TableSource) and not self._is_on_all(part):
                return False
        return True

    def _groups_are_local(self, select: BoundSelect, local: _Local) -> bool:
        """Whether the rows of each group are on one shard: the shard key is among what they are grouped by."""
        grouped = [key.expr for key in select.group_by]
        return bool(grouped) and any(all(_is_among(column, grouped) for column in key) for key in local.keys)

    def _is_concatenation(self, select: BoundSelect) -> bool:
        """Whether the shards' rows, one shard after another, are the answer."""
        if select.order_by or select.distinct or select.limit is not None:
            return False
        if not select.aggregate and not select.group_by and select.having is None:
            return True
        where = conjuncts(select.where) if select.where is not None else []
        local = self._local(select.source, where)
        return local is not None and self._groups_are_local(select, local)

    # ── the rest of a pushed SELECT, on what the shards gave ──

    def _merged(self, select: BoundSelect) -> BoundSelect:
        where = conjuncts(select.where) if select.where is not None else []
        local = self._local(select.source, where)
        assert local is not None
        whole_groups = self._groups_are_local(select, local) or not (select.aggregate or select.group_by)
        return self._ordered(select) if whole_groups else self._regrouped(select)

    def _ordered(self, select: BoundSelect) -> BoundSelect:
        """Groups, if any, are whole: what is left is DISTINCT, the order, and the limit."""
        if _is_distinct_texts(select):
            # Of texts that are equal the first one is shown: as of a group.
            return self._regrouped(replace(select, distinct=False, group_by=tuple([OrderKey(o.expr) for o in select.outputs])))
        outputs = [OutputColumn("", f"c{i}", o.expr) for i, o in enumerate(select.outputs)]
        order: list[OrderKey] = []
        for key in select.order_by:
            expr = select.outputs[key.position - 1].expr if key.expr is None else key.expr
            position = next((i for i, o in enumerate(outputs) if o.expr == expr), len(outputs))
            if position == len(outputs):
                outputs.append(OutputColumn("", f"c{position}", expr))
            order.append(replace(key, expr=_column(position, expr), position=0))
        limited = select.limit is not None and not select.distinct
        first_row = -1
        if limited and not order and _has_row_numbers(select.source) and not select.group_by:
            assert isinstance(select.source, TableSource)
            # Without an order the first rows are those that one shard would give first.
            first_row = len(outputs)
            outputs.append(OutputColumn("", f"c{first_row}", ColumnRef(BIGINT_TYPE, True, select.source.alias, _ROWID, _ROWID)))
        part = replace(
            select,
            outputs=tuple(outputs),
            # The first rows of the answer are among the first of the shards.
            order_by=select.order_by if limited else (),
            limit=_first_rows(select) if limited else None,
            offset=None,
            distinct=select.distinct and len(outputs) == len(select.outputs),
        )
        source = self._gather(part, [o.alias for o in outputs], first_row)
        named = tuple(OutputColumn(o.name, o.alias, _column(i, o.expr)) for i, o in enumerate(select.outputs))
        return BoundSelect(
            named, source, order_by=tuple(order), limit=select.limit, offset=select.offset, distinct=select.distinct
        )

    def _regrouped(self, select: BoundSelect) -> BoundSelect:
        """Each shard groups its rows; groups of the same key become one."""
        source = select.source
        numbered = isinstance(source, TableSource) and self.ordered and _has_row_numbers(source)
        merge = _Merge(select, source.alias if numbered and isinstance(source, TableSource) else "")
        outputs = tuple(replace(o, expr=merge.expr(o.expr)) for o in select.outputs)
        having = merge.expr(select.having) if select.having is not None else None
        order = tuple(
            replace(key, expr=merge.expr(select.outputs[key.position - 1].expr if key.expr is None else key.expr), position=0)
            for key in select.order_by
        )
        # Each shard tells the values that are counted once: it groups by them, too.
        finer = (*select.group_by, *[OrderKey(arg) for arg in merge.distinct])
        part = replace(
            select, outputs=tuple(merge.outputs), group_by=finer, having=None, order_by=(), limit=None, offset=None,
            distinct=False,
        )  # fmt: skip
        gathered = self._gather(part, [o.alias for o in merge.outputs], merge.first_row)
        group_by = tuple(replace(key, expr=merge.expr(key.expr)) for key in select.group_by if key.expr is not None)
        tail = (order, select.limit, select.offset, select.distinct)
        return BoundSelect(outputs, gathered, None, group_by, having, *tail, aggregate=select.aggregate)

    def _gather(self, part: BoundSelect, columns: Sequence[str], key: int = -1) -> GatheredSource:
        """Have `part` run on the shards, its rows in a table of these columns, in the order of column `key`."""
        number = len(self.gathers)
        table = f"g{number}"
        part = replace(part, outputs=tuple(replace(o, alias=c) for o, c in zip(part.outputs, columns, strict=True)))
        route = _route_of_rows(self.catalog, part)
        definitions = tuple(
            f"{name} INTEGER PRIMARY KEY" if i == key else f"{name} ANY{collate_clause(o.expr.type)}"
            for i, (name, o) in enumerate(zip(columns, part.outputs, strict=True))
        )
        self.gathers.append(Gather(table, definitions, statement_of(part), route, _shown(part)))
        return GatheredSource(table, table)

    # ── a query that is run at the query node, on what it reads ──

    def _query(self, query: BoundQuery) -> BoundQuery:
        replaced: BoundQuery = self._with_tables(query, self._needed(query))
        return replaced

    def _needed(self, query: BoundQuery) -> dict[str, dict[str, ColumnRef]]:
        """The columns that are named, by the SQL alias of their source."""
        needed: dict[str, dict[str, ColumnRef]] = {}
        for part in _everything(query):
            if isinstance(part, ColumnRef):
                needed.setdefault(part.source, {})[part.physical] = part
        return needed

    def _with_tables(self, query: BoundQuery, needed: dict[str, dict[str, ColumnRef]]) -> Any:
        filters = {source.alias: terms for source, terms in _filters_of(query)}
        # What is tested where the rows are need not be tested again, nor warn again.
        tested = {id(term) for terms in filters.values() for term in terms}
        routes = {source.alias: terms for source, terms in mentions_of(query)}

        def change(tree: Any) -> Any:
            if isinstance(tree, TableSource):
                return self._fetched(tree, needed.get(tree.alias, {}), filters.get(tree.alias, []), routes.get(tree.alias, []))
            if isinstance(tree, BoundSelect) and tree.where is not None:
                tree = replace(tree, where=_untested(tree.where, tested))
            elif isinstance(tree, JoinSource) and tree.on is not None:
                tree = replace(tree, on=_untested(tree.on, tested))
            if isinstance(tree, tuple):
                new = tuple([change(item) for item in tree])
                return new if any(a is not b for a, b in zip(new, tree, strict=True)) else tree
            if is_dataclass(tree) and not isinstance(tree, (Table, SqlType, type)):
                changes = {
                    field.name: new
                    for field in fields(tree)
                    if field.name not in _NOT_PARTS
                    and (new := change(old := getattr(tree, field.name))) is not old
                }
                return replace(tree, **changes) if changes else tree
            return tree

        return change(query)

    def _fetched(
        self, source: TableSource, columns: dict[str, ColumnRef], filters: Sequence[Typed], terms: Sequence[Typed]
    ) -> GatheredSource:
        table, alias = source.table, source.alias
        if alias in self.fetched:  # an expression that is written twice: in the select list and in ORDER BY
            return self.fetched[alias]
        chosen = [column for column in table.columns if column.physical in columns and column is not table.rowid_column]
        definitions = [f"{c.physical} {storage_class(c.sql_type)}{collate_clause(c.sql_type)}" for c in chosen]
        outputs = [OutputColumn("", c.physical, ColumnRef(c.sql_type, True, alias, c.physical, c.name)) for c in chosen]
        rowid = table.rowid_column.physical if table.rowid_column is not None else _ROWID
        if not _has_row_numbers(source):
            if not chosen:
                definitions, outputs = ["r ANY"], [OutputColumn("", "r", ColumnRef(BIGINT_TYPE, True, alias, _ROWID, _ROWID))]
        elif self.ordered or not chosen or rowid in columns:
            # In the order of their numbers the rows are read as they would be from one shard.
            definitions.insert(0, f"{rowid} INTEGER PRIMARY KEY")
            outputs.insert(0, OutputColumn("", rowid, ColumnRef(BIGINT_TYPE, True, alias, _ROWID, _ROWID)))
        where = None
        if filters:
            where = filters[0] if len(filters) == 1 else _all_of(filters)
        part = BoundSelect(tuple(outputs), source, where)
        name = f"g{len(self.gathers)}"
        route = route_of_source(self.catalog, source, terms)
        past = source.past is not None
        self.gathers.append(Gather(name, tuple(definitions), statement_of(part), route, _shown(part), past))
        self.fetched[alias] = GatheredSource(name, alias)
        return self.fetched[alias]


def _has_row_numbers(source: Source | None) -> bool:
    """Whether it is a table of which each row is there once: of a range of time there may be several versions."""
    return isinstance(source, TableSource) and (source.past is None or source.past.slots is not None)


def _meet(here: tuple[tuple[ColumnRef, ...], ...], there: tuple[tuple[ColumnRef, ...], ...], terms: Sequence[Typed]) -> bool:
    """Whether `terms` say that the one shard key is equal to the other, column by column."""
    equal = {_pair(*columns) for term in terms if (columns := equal_columns(term)) is not None}
    return any(
        len(one) == len(other) and all(_pair(a, b) in equal for a, b in zip(one, other, strict=True))
        for one in here
        for other in there
    )


def _pair(one: ColumnRef, other: ColumnRef) -> frozenset[tuple[str, str]]:
    return frozenset([(one.source, one.physical), (other.source, other.physical)])


def _is_among(column: ColumnRef, grouped: Sequence[Typed | None]) -> bool:
    return any(isinstance(g, ColumnRef) and (g.source, g.physical) == (column.source, column.physical) for g in grouped)


def _column(position: int, node: Typed) -> ColumnRef:
    return ColumnRef(node.type, node.nullable, "g0", f"c{position}", f"c{position}")


def _first_rows(select: BoundSelect) -> Typed | None:
    """How many rows of each shard may be among those that LIMIT and OFFSET leave."""
    if select.limit is None or select.offset is None:
        return select.limit
    # Both may be larger than 64 bits can add.
    text = "iif({0} < 0 OR {0} > 9223372036854775807 - {1}, -1, {0} + {1})"
    return Op(BIGINT_TYPE, False, "+", (select.limit, select.offset), text)


def _untested(condition: Typed, tested: set[int]) -> Typed | None:
    """What of a conjunction is left to be tested."""
    terms = conjuncts(condition)
    left = [term for term in terms if id(term) not in tested]
    if len(left) == len(terms):
        return condition
    return _all_of(left) if len(left) > 1 else left[0] if left else None


def _all_of(terms: Sequence[Typed]) -> Op:
    places = " AND ".join(f"{{{i}}}" for i in range(len(terms)))
    return Op(BIGINT_TYPE, True, "AND", tuple(terms), f"({places})")


def _shown(part: BoundSelect) -> str:
    """For EXPLAIN: what is pushed down."""
    done = ["filter"] if part.where is not None else []
    if part.where is not None and any(isinstance(node, QueryOp) for node in _nodes(part.where)):
        done.append("semi-join")
    if isinstance(part.source, JoinSource):
        done.append("join")
    if part.aggregate or part.group_by:
        done.append("aggregate")
    if part.distinct:
        done.append("distinct")
    if part.limit is not None:
        done.append("limit")
    return ", ".join(done)


# ── filters of the tables that a query at the query node reads ───────────────────────────────────────────────────


def _filters_of(query: BoundQuery) -> Iterator[tuple[TableSource, list[Typed]]]:
    """Every mention of a table, with the conditions on it alone that may be tested where its rows are."""
    for part in _everything(query):
        if isinstance(part, BoundSelect) and part.source is not None:
            yield from _filters(part.source, conjuncts(part.where) if part.where is not None else [])


def _filters(source: Source, terms: Sequence[Typed]) -> Iterator[tuple[TableSource, list[Typed]]]:
    if isinstance(source, TableSource):
        yield source, [term for term in terms if _is_about(term, source.alias)]
    elif isinstance(source, JoinSource):
        on = conjuncts(source.on) if source.on is not None else []
        inner = source.kind == "INNER"
        left = [*terms, *on] if inner else terms if source.kind == "LEFT" else on
        right = [*terms, *on] if inner else terms if source.kind == "RIGHT" else on
        yield from _filters(source.left, left)
        yield from _filters(source.right, right)


def _is_about(term: Typed, alias: str) -> bool:
    """Whether a condition reads this mention alone, and may be tested any number of times."""
    named = False
    for node in _nodes(term):
        if isinstance(node, (QueryOp, AggregateOp, WindowOp)) or isinstance(node, Op) and not node.deterministic:
            return False
        if isinstance(node, ColumnRef):
            if node.source != alias:
                return False
            named = True
    return named


# ── aggregates in two steps ──────────────────────────────────────────────────────────────────────────────────────

_COUNT_OF: Final = "count({0}){over}"
_MERGED_COUNT: Final = "coalesce(sum({0}){over}, 0)"


def _has_bare_columns(select: BoundSelect) -> bool:
    """Whether a column is named outside aggregates: a shard without rows has no value for it."""

    def bare(node: Any) -> bool:
        if isinstance(node, ColumnRef):
            return True
        return isinstance(node, (Op, QueryOp)) and any(bare(arg) for arg in node.args)

    return any(bare(node) for node in _expressions(replace(select, where=None)))


def _can_be_merged(select: BoundSelect) -> bool:
    return all(
        _is_two_step(node)
        for expression in _expressions(select)
        for node in _nodes(expression)
        if isinstance(node, AggregateOp)
    )


def _is_two_step(node: AggregateOp) -> bool:
    if node.distinct:
        return node.name == "COUNT" and len(node.args) == 1 and isinstance(node.args[0], ColumnRef)
    if node.name in ("MIN", "MAX"):
        # Of texts that are equal, the one that came first is shown.
        return node.type.kind not in CHARS
    # A sum of DOUBLEs depends on the order in which they are added.
    exact = node.type.kind is Kind.DECIMAL
    return node.name == "COUNT" or exact and (node.name == "SUM" or node.name == "AVG" and _COUNT_OF in node.template)


def _is_distinct_texts(select: BoundSelect) -> bool:
    """Whether it is SELECT DISTINCT of plain columns of one table, of which some are texts, in the order of nothing else."""
    columns = [o.expr for o in select.outputs]
    ordered = [key.expr for key in select.order_by if key.expr is not None]
    return (
        select.distinct
        and not select.group_by
        and not select.aggregate
        and isinstance(select.source, TableSource)
        and all(isinstance(expr, ColumnRef) for expr in columns)
        and all(expr in columns for expr in ordered)
        and any(expr.type.kind in CHARS for expr in columns)
    )


_ALIKE: Final = INTEGERS | {Kind.DECIMAL, Kind.YEAR, Kind.DATE}
"""Kinds of columns whose values are the same to the bit when they are equal."""


def _is_indifferent(query: BoundQuery) -> bool:
    """Whether the answer is the same in whatever order the rows of its tables are read: exact aggregates, for groups of columns
    whose equal values are alike, and nothing that warns of a row's value."""
    if not isinstance(query, BoundSelect) or query.ctes or query.source is None or query.rollup or has_window(query):
        return False
    if not (query.aggregate or query.group_by) or not _can_be_merged(query):
        return False
    sources = list(_sources(query.source))
    if not all(isinstance(source, (TableSource, JoinSource)) for source in sources):
        return False
    conditions = [source.on for source in sources if isinstance(source, JoinSource) and source.on is not None]
    for expression in (*_expressions(query), *conditions):
        for node in _nodes(expression):
            if isinstance(node, QueryOp) or isinstance(node, Op) and not node.deterministic:
                return False
            if isinstance(node, (ColumnRef, AggregateOp)) and node.type.kind not in _ALIKE:
                return False
    keys = [key.expr for key in query.group_by]

    def shows_a_row(node: Any) -> bool:
        if isinstance(node, ColumnRef):
            return node not in keys
        return isinstance(node, Op) and any(map(shows_a_row, node.args))

    # WHERE is about rows; everything else is about groups.
    of_groups = _expressions(replace(query, where=None))
    return all(isinstance(key, ColumnRef) for key in keys) and not any(map(shows_a_row, of_groups))


class _Merge:
    """Splits a grouping SELECT: `outputs` are computed on each shard, `expr` says the rest in terms of them."""

    def __init__(self, select: BoundSelect, table: str) -> None:
        """table: the SQL alias of the only table that is read, or ""."""
        self.outputs: list[OutputColumn] = []
        self.distinct: list[Typed] = []  # what COUNT(DISTINCT …) counts
        self.first_row = -1  # the output that is the number of a group's first row, in whose words the group is shown
        self._keys = [key.expr for key in select.group_by]
        if table and self._keys:
            self.first_row = 0
            rowid = ColumnRef(BIGINT_TYPE, True, table, _ROWID, _ROWID)
            self._place(AggregateOp(BIGINT_TYPE, True, "MIN", (rowid,), "min({0}){over}"))
        for key in self._keys:
            assert key is not None
            self._place(key)

    def _place(self, node: Typed) -> ColumnRef:
        for position, output in enumerate(self.outputs):
            if output.expr == node:
                return _column(position, node)
        self.outputs.append(OutputColumn("", f"c{len(self.outputs)}", node))
        return _column(len(self.outputs) - 1, node)

    def expr(self, node: Typed | None) -> Any:
        if node is None:
            return None
        if node in self._keys or isinstance(node, ColumnRef):
            return self._place(node)
        if isinstance(node, AggregateOp):
            return self._aggregate(node)
        if isinstance(node, Op):
            if not has_aggregate(node) and any(isinstance(inner, ColumnRef) for inner in _nodes(node)):
                return self._place(node)
            return replace(node, args=tuple(self.expr(arg) for arg in node.args))
        if isinstance(node, QueryOp):
            return self._place(node)
        return node

    def _aggregate(self, node: AggregateOp) -> Typed:
        if node.distinct:
            (counted,) = node.args
            if counted not in self.distinct:
                self.distinct.append(counted)
            return replace(node, args=(self._place(counted),))
        if node.name == "COUNT":
            return replace(node, args=(self._place(node),), template=_MERGED_COUNT)
        if node.name != "AVG":
            return replace(node, args=(self._place(node),), template=node.template)
        counted = self._place(AggregateOp(BIGINT_TYPE, False, "COUNT", node.args, _COUNT_OF))
        word = "dec_sum" if "dec_sum(" in node.template else "sum"
        total = self._place(replace(node, name="SUM", template=f"{word}({{0}}){{over}}"))
        return replace(node, args=(total, counted), template=node.template.replace(_COUNT_OF, "sum({1}){over}"))

