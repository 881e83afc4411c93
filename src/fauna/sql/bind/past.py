"""FOR SYSTEM_TIME: which time is meant, and where a table's rows of then are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NoReturn

from fauna.catalog.column_definition import implicit_default
from fauna.catalog.literals import sqlite_literal
from fauna.catalog.past import ROW_END, ROW_START, SCHEMA, Layout
from fauna.catalog.placement import placement_of
from fauna.catalog.rebuild import keeps_values
from fauna.catalog.schema import Catalog, Column, Table
from fauna.catalog.sqlite_schema import ROWID, collate_clause
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, datetime_type
from fauna.errors import SqlError, error, unsupported
from fauna.plan.plan import Moment, MomentKind, ShardStatement, parameters, value_of
from fauna.sql import ast
from fauna.sql.bind.coerce import converted, quoted, template_text
from fauna.sql.bind.context import BindContext, Past, Period
from fauna.sql.bind.expressions import STORED_CLAUSE, BindQuery, ExpressionBinder
from fauna.sql.bind.scope import Scope, ScopeSource
from fauna.sql.convert import Mode, StoreLabel, spec, store_conversion
from fauna.sql.emit.sqlite import SqliteEmitter
from fauna.sql.typed import ColumnRef, Const, Op, PastRows, QueryOp, SessionValue, Slot, Typed

IDS_MAX: Final = 64
"""So many earlier ids of a table are followed."""

_SHOWN_MAX: Final = 2147483647_999999  # what a TIMESTAMP(6) holds: MariaDB's row_end of a current row
_PSEUDO_NUMBER: Final = 1 << 40  # beyond every column's number
_VALID: Final = {
    "AS OF": f"{ROW_START} <= {{0}} AND {ROW_END} > {{0}}",
    "BETWEEN": f"{ROW_START} <= {{1}} AND {ROW_END} > {{0}} AND {{0}} <= {{1}}",
    "FROM": f"{ROW_START} < {{1}} AND {ROW_END} > {{0}} AND {{0}} < {{1}}",
    "ALL": "",
}
_NO_TARGETS: Final = frozenset({Kind.ENUM, Kind.SET, Kind.BIT, Kind.YEAR})


# ── the time ─────────────────────────────────────────────────────────────────────────────────────────────────────


def bind_period(context: BindContext, clause: ast.SystemTime, bind_query: BindQuery) -> Period:
    """The time that a clause names."""
    past = context.past
    if past is None:
        raise unsupported("FOR SYSTEM_TIME")
    if clause.kind == "ALL":
        _, until, catalog = _taken(context, past, Moment("NOW", context.scope.time_zone))
        return Period("ALL", (), until, catalog)
    assert clause.start is not None
    if clause.kind == "AS OF":
        return _as_of(context, past, _moment(context, clause.start, "POINT", bind_query))
    assert clause.end is not None
    first = _start(context, past, _moment(context, clause.start, "START", bind_query))
    last, until, catalog = _taken(context, past, _moment(context, clause.end, "END", bind_query))
    return Period(clause.kind, (first, last), until, catalog)


def session_period(context: BindContext) -> Period:
    """The time that `system_versioning_asof` is set to."""
    past = context.past
    if past is None:
        raise unsupported("system_versioning_asof")
    value = SessionValue(datetime_type(6), False, "as_of")
    return _as_of(context, past, Moment("POINT", "UTC", value_of(value)))


def _as_of(context: BindContext, past: Past, moment: Moment) -> Period:
    time, until, catalog = _taken(context, past, moment)
    return Period("AS OF", (time,), until, catalog)


def _start(context: BindContext, past: Past, moment: Moment) -> SessionValue:
    past.start(moment)
    return _parameter(context, moment)


def _taken(context: BindContext, past: Past, moment: Moment) -> tuple[SessionValue, int, Catalog]:
    """The parameter that is the moment in microseconds, and what it is now: see `Past.resolve`."""
    us, catalog = past.resolve(moment)
    return _parameter(context, replace(moment, version=catalog.version)), us, catalog


def _parameter(context: BindContext, moment: Moment) -> SessionValue:
    context.moments.append(moment)
    return SessionValue(BIGINT_TYPE, True, f"moment:{len(context.moments) - 1}")


def _moment(context: BindContext, expr: ast.Expr, kind: MomentKind, bind_query: BindQuery) -> Moment:
    node = ExpressionBinder(context, Scope(clause="FOR SYSTEM_TIME"), bind_query).scalar(expr)
    if _has_query(node):
        raise unsupported("a subquery in FOR SYSTEM_TIME")
    given = value_of(node) if isinstance(node, (Slot, Const, SessionValue)) else None
    text = converted(node, datetime_type(6))
    zone = context.scope.time_zone
    if isinstance(text, (Slot, Const, SessionValue)):
        return Moment(kind, zone, value_of(text), given=given)
    emitter = SqliteEmitter()
    sql = f"SELECT {emitter.expr(text)}"
    return Moment(kind, zone, statement=ShardStatement(sql, parameters(emitter.params)), given=given)


def _has_query(node: Typed) -> bool:
    return isinstance(node, QueryOp) or isinstance(node, Op) and any(_has_query(arg) for arg in node.args)


# ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def past_table(context: BindContext, table: Table, period: Period, alias: str) -> tuple[Table, PastRows]:
    """A table of the period's catalog, with the pseudo-columns that it has there, and where its rows are.  alias: of the
    mention, by which EXPLAIN knows it."""
    past = context.past
    assert past is not None
    at_once = period.kind == "AS OF"
    pseudo = [
        Column(name, _PSEUDO_NUMBER + i, SqlType(Kind.TIMESTAMP, scale=6), nullable=False, invisible=True)
        for i, name in enumerate((ROW_START, ROW_END))
        if table.column(name) is None
    ]
    if at_once:
        _note_read(context, past, table, period)
    parts = list(_parts(context, past, table, period, pseudo, alias))
    if not parts:  # nothing was ever written to it
        names = [column.physical for column in (*table.columns, *pseudo)]
        parts = [f"SELECT {', '.join(f'NULL AS {name}' for name in (*names, '_rowid_'))} WHERE 0"]
    # Of a range there may be several versions of a row: no key holds.  And there are no other indexes than those of unique keys.
    indexes = tuple([index for index in table.indexes if index.unique]) if at_once else ()
    seen = replace(table, columns=(*table.columns, *pseudo), indexes=indexes)
    return seen, PastRows(" UNION ALL ".join(parts), period.times, period.catalog.slots if at_once else None)


def _note_read(context: BindContext, past: Past, table: Table, period: Period) -> None:
    """The table is read as of the period's one time: it must be kept, in this run and in others of the plan."""
    past.check_kept(table.id, period.until)
    number = int(period.times[0].name.removeprefix("moment:"))
    moment = context.moments[number]
    if table.id not in moment.tables:
        context.moments[number] = replace(moment, tables=(*moment.tables, table.id))


def _parts(
    context: BindContext, past: Past, table: Table, period: Period, pseudo: list[Column], alias: str
) -> Iterator[str]:
    for known in _with_earlier_ids(past, table, period):
        for layout in past.layouts(known.id):
            if layout.row_start > period.until or period.kind == "AS OF" and layout.row_end <= period.until:
                continue
            values = _values(context, table, known, layout)
            rowid = known.rowid_column.physical if known.rowid_column is not None else ROWID
            columns = [f"{text} AS {name}" if text != name else text for name, text in values.items()]
            columns += [f"{_shown(column.name)} AS {column.physical}" for column in pseudo]
            columns.append(f"{rowid} AS _rowid_")
            where = f" WHERE {_VALID[period.kind]}" if _VALID[period.kind] else ""
            yield f"SELECT {', '.join(columns)} FROM {SCHEMA}.{layout.table} AS {alias}{where}"


def _shown(name: str) -> str:
    """A time as a TIMESTAMP(6) is stored."""
    us = f"min({name}, {_SHOWN_MAX})"
    return f"(strftime('%Y-%m-%d %H:%M:%S', {us} / 1000000, 'unixepoch') || printf('.%06d', {us} % 1000000))"


def _with_earlier_ids(past: Past, table: Table, period: Period) -> Iterator[Table]:
    """The table, and for a range what it was before each ALTER that copied it, newest first."""
    yield table
    if period.kind == "AS OF":
        return
    known = table
    for _ in range(IDS_MAX):
        layouts = past.layouts(known.id)
        before = _table_before(past, known, layouts[0].row_start) if layouts else None
        if before is None or placement_of(before).kind != placement_of(table).kind:
            return
        yield before
        known = before


def _table_before(past: Past, table: Table, start: int) -> Table | None:
    """What stood under the table's name just before it came, at `start`."""
    try:
        first = past.catalog_at(start).table_by_id(table.id) or table
        relation = past.catalog_at(start - 1).relation(first.schema, first.name)
    except SqlError:  # before the first block
        return None
    return relation if isinstance(relation, Table) and relation.id != table.id else None


def _values(context: BindContext, table: Table, known: Table, layout: Layout) -> dict[str, str]:
    """What a history table has for each column of `table`, as SQLite's text; in braces for a template.

    known: the table as it was when the layout's id was its own.  Columns are known by their numbers."""
    numbers = {column.number: column for column in known.columns} if known is not table else {}
    texts: dict[str, str] = {}
    nodes: list[tuple[str, Typed]] = []
    scope = Scope(clause=STORED_CLAUSE)
    scope.add(ScopeSource(table.name, table.schema, "", nodes))
    for column in table.columns:
        was = column if known is table else numbers.get(column.number)
        if column.generated and not column.stored:
            node: Typed = _generated(context, table, column, scope)
        elif was is None or was.physical not in layout.columns:
            node = _before_it_was(column)
        else:
            node = _as_now(ColumnRef(was.sql_type, True, "", was.physical, was.name, table.name, table, was), column)
        text = str(sqlite_literal(node.value)) if isinstance(node, Const) else SqliteEmitter().expr(node)
        if not isinstance(node, ColumnRef):
            text += collate_clause(column.sql_type)
        texts[column.physical] = template_text(text)
        nodes.append((column.name, node))
    return texts


def _before_it_was(column: Column) -> Const:
    """What rows have in a column that ALTER TABLE added later."""
    known = column.has_default and not column.default_expr or column.nullable
    return Const(column.sql_type, column.nullable, column.default if known else implicit_default(column.sql_type))


def _as_now(node: ColumnRef, column: Column) -> Typed:
    """A value of an earlier column as one of what it has become; NULL where that cannot be told."""
    if keeps_values(node.type, column.sql_type):
        return replace(node, type=column.sql_type)
    if column.sql_type.kind in _NO_TARGETS:
        return Const(column.sql_type, True, None)
    return converted(node, column.sql_type)


def _generated(context: BindContext, table: Table, column: Column, scope: Scope) -> Typed:
    """A VIRTUAL column, which is computed when it is read, here too."""
    query = context.parse_view(f"SELECT {column.generated}")
    assert isinstance(query, ast.Select)
    own = replace(context, slots=type(context.slots)())
    node = ExpressionBinder(own, scope, _no_query).scalar(query.items[0].expr)
    text = SqliteEmitter().expr(node)
    label = StoreLabel("", "", column.name)
    if store_conversion(node.type, column.sql_type, label) is not None:
        text = f"cv({quoted(spec(node.type, column.sql_type, Mode.STORE, label))}, {text})"
    return Op(column.sql_type, True, "GENERATED", (), template_text(f"({text})"))


def _no_query(query: ast.Query, scope: Scope | None) -> NoReturn:
    raise error("UNKNOWN_ERROR", "a generated column cannot have a subquery")

