"""From the conditions of a query to the shards that can have its rows.  Pure.

A shard key that is equal to constants, by `=` or IN, also by way of other columns that are equal to it, fixes the shard.  Where
anything is in doubt (a value of another type than the column's, a comparison by other rules) every shard may have the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from fauna.catalog.placement import SINGLE_SHARD, placement_of
from fauna.catalog.schema import Catalog, Column, Table
from fauna.catalog.shard_slots import comparison_class, slot_function
from fauna.catalog.types import CHARS, INTEGERS, Kind, Stored
from fauna.plan.plan import BuildOne, ParamSource, Route, Supply, value_of
from fauna.sql.bind.expressions import conjuncts
from fauna.sql.collation import casefold_key
from fauna.sql.typed import ColumnRef, Const, JoinSource, Op, SessionValue, Slot, Source, TableSource, Typed

KEYS_MAX: Final = 64
"""More keys than this (of IN lists, multiplied) go to every shard."""

_FIRST: Final = frozenset({SINGLE_SHARD})
_NONE: Final[frozenset[int]] = frozenset()
Place = tuple[str, str]  # SQL alias, physical column


def everywhere(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
    """The route of what any shard may have."""
    return None


def first(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
    """The route of what is not spread."""
    return _FIRST


def nowhere(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
    """The route of what every shard has."""
    return _NONE


def route_of(catalog: Catalog, table: Table, alias: str, terms: Sequence[Typed]) -> Route:
    """Where the rows of the mention `alias` of `table` are for which all of `terms` hold."""
    placement = placement_of(table)
    if table.temporary or placement.kind == "SINGLE":
        return first
    if placement.kind == "BROADCAST":
        return nowhere
    if not placement.columns:
        return everywhere
    alternatives: list[list[BuildOne]] = []
    for column in placement.columns:
        values = _values(terms, (alias, column.physical), column)
        if values is None:
            return everywhere
        alternatives.append([value_of(value) for value in values])
    fits = [_fits(column) for column in placement.columns]
    owners, slot = catalog.slots.owners, slot_function(placement.columns, casefold_key)
    if all(len(values) == 1 for values in alternatives):
        return _one_key([values[0] for values in alternatives], fits, owners, slot)
    return _keys(alternatives, fits, owners, slot)


def route_of_source(catalog: Catalog, source: TableSource, terms: Sequence[Typed]) -> Route:
    """The same for a mention of a table as it is, or as it was: then by what was where at that time."""
    past = source.past
    if past is None:
        return route_of(catalog, source.table, source.alias, terms)
    if past.slots is None:
        return {"SINGLE": first, "BROADCAST": nowhere}.get(placement_of(source.table).kind, everywhere)
    found = route_of(replace(catalog, slots=past.slots), source.table, source.alias, terms)
    if past.slots.shards == catalog.slots.shards:
        return found
    those = frozenset(range(past.slots.shards))

    def route(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
        shards = found(args, supply)
        return those if shards is None else shards

    return route


def _one_key(
    makers: Sequence[BuildOne], fits: Sequence[Callable[[Stored], bool]], owners: Sequence[int],
    slot: Callable[[Sequence[Stored]], int],
) -> Route:  # fmt: skip
    shards = [frozenset({shard}) for shard in range(max(owners) + 1)]
    if len(makers) == 1:
        (make,), (fit,) = makers, fits

        def route_of_one(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
            # `route` without its loops: this runs for every statement by key.
            value = make(args, supply)
            if value is None:
                return _NONE
            return shards[owners[slot((value,))]] if fit(value) else None

        return route_of_one

    def route(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
        key = [make(args, supply) for make in makers]
        for value, fit in zip(key, fits, strict=True):
            if value is None:
                return _NONE
            if not fit(value):
                return None
        return shards[owners[slot(key)]]

    return route


def _keys(
    alternatives: Sequence[Sequence[BuildOne]], fits: Sequence[Callable[[Stored], bool]], owners: Sequence[int],
    slot: Callable[[Sequence[Stored]], int],
) -> Route:  # fmt: skip
    def route(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
        columns = []
        count = 1
        for makers, fit in zip(alternatives, fits, strict=True):
            values = [value for make in makers if (value := make(args, supply)) is not None]
            if not all(fit(value) for value in values):
                return None
            columns.append(values)
            count *= len(values)
        if count > KEYS_MAX:
            return None
        return frozenset([owners[slot(key)] for key in product(*columns)])

    return route


def together(routes: Iterable[Route]) -> Route:
    """Where all that these routes lead to is."""
    routes = tuple(routes)
    if everywhere in routes:
        return everywhere
    if len(routes) == 1:
        return routes[0]

    def route(args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
        shards: frozenset[int] = _NONE
        for each in routes:
            found = each(args, supply)
            if found is None:
                return None
            shards |= found
        return shards

    return route


# ── which constants a column is equal to ─────────────────────────────────────────────────────────────────────────


def _values(terms: Sequence[Typed], place: Place, column: Column) -> Sequence[ParamSource] | None:
    """The constants of which the column is equal to one; None when there are none."""
    best: Sequence[ParamSource] | None = None
    for same, sample in _equal_places(terms, place, column).items():
        for term in terms:
            found = _constants(term, same, sample)
            if found is not None and (best is None or len(found) < len(best)):
                best = found
    return best


def _equal_places(terms: Sequence[Typed], place: Place, column: Column) -> dict[Place, Column]:
    """The columns that are equal to this one, where equal values have equal hashes."""
    found = {place: column}
    again = True
    while again:
        again = False
        for term in terms:
            pair = equal_columns(term)
            if pair is None:
                continue
            for one, other in (pair, pair[::-1]):
                if _place(one) in found and _place(other) not in found:
                    assert other.column is not None
                    found[_place(other)] = other.column
                    again = True
    return found


def _place(ref: ColumnRef) -> Place:
    return ref.source, ref.physical


def equal_columns(term: Typed) -> tuple[ColumnRef, ColumnRef] | None:
    """The two columns of tables that `term` says are equal, in the sense of their hashes."""
    if not isinstance(term, Op) or term.name != "=" or term.template != "({0} = {1})":
        return None
    one, other = term.args
    if not isinstance(one, ColumnRef) or not isinstance(other, ColumnRef) or one.column is None or other.column is None:
        return None
    if one.table is None or other.table is None or comparison_class(one.column) != comparison_class(other.column):
        return None
    return (one, other) if _is_exact(one.column) and _is_exact(other.column) else None


def _is_exact(column: Column) -> bool:
    """Whether stored values are compared as they are."""
    kind = column.sql_type.kind
    return not column.declared and (kind in INTEGERS or kind in (Kind.DATE, Kind.DATETIME, Kind.DECIMAL) or kind in CHARS)


def _constants(term: Typed, place: Place, column: Column) -> Sequence[ParamSource] | None:
    if not isinstance(term, Op) or not term.args:
        return None
    if term.name == "=" and term.template == "({0} = {1})":
        one, other = term.args
        if isinstance(one, ColumnRef) and _place(one) == place and _serves(other, column):
            return (other,)  # type: ignore[return-value]
        if isinstance(other, ColumnRef) and _place(other) == place and _serves(one, column):
            return (one,)  # type: ignore[return-value]
        return None
    if term.name == "IN":
        one, *others = term.args
        plain = "({0} IN (" + ", ".join(f"{{{i + 1}}}" for i in range(len(others))) + "))"
        if term.template == plain and isinstance(one, ColumnRef) and _place(one) == place:
            return tuple(others) if all(_serves(other, column) for other in others) else None  # type: ignore[arg-type]
        return None
    if term.name == "OR":
        found = [_constants(each, place, column) for arg in term.args for each in [arg]]
        return tuple([v for values in found for v in values]) if all(v is not None for v in found) else None  # type: ignore[union-attr]
    return None


def _serves(node: Typed, column: Column) -> bool:
    """Whether the value of `node`, if it is one of the column's (`_fits`), is in the form in which the column stores it."""
    if not isinstance(node, (Slot, Const, SessionValue)) or column.declared:
        return False
    sql_type, kind = column.sql_type, column.sql_type.kind
    if kind in INTEGERS:
        return not sql_type.is_big_unsigned and node.type.kind in INTEGERS
    if kind is Kind.DECIMAL:
        return node.type.kind is Kind.DECIMAL and (node.type.scale, node.type.wide) == (sql_type.scale, sql_type.wide)
    if kind in (Kind.DATE, Kind.DATETIME):
        return node.type.kind is kind
    return kind in CHARS and kind not in (Kind.ENUM, Kind.SET) and node.type.kind in CHARS


def _fits(column: Column) -> Callable[[Stored], bool]:
    """Whether a value may be hashed as one of the column's."""
    kind = column.sql_type.kind
    if kind in INTEGERS:
        return lambda value: type(value) is int
    if kind is Kind.DECIMAL:
        return lambda value: type(value) is int or type(value) is bytes
    return lambda value: type(value) is str


# ── which terms hold for a mention ───────────────────────────────────────────────────────────────────────────────


def terms_of(source: Source, outer: Sequence[Typed]) -> list[tuple[TableSource, list[Typed]]]:
    """The mentions of tables in `source`, each with the equalities that hold for every row of it that matters.

    A row that an outer join lets through without a partner fails the equalities of WHERE, so these hold on both sides."""
    if isinstance(source, TableSource):
        return [(source, list(outer))]
    if not isinstance(source, JoinSource):
        return []
    on = conjuncts(source.on) if source.on is not None else []
    left = [*outer, *on] if source.kind != "LEFT" else outer
    right = [*outer, *on] if source.kind != "RIGHT" else outer
    return terms_of(source.left, left) + terms_of(source.right, right)
