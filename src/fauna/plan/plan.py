"""The kinds of plan, and the building of a run's parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fauna.catalog.schema import Column, Table
from fauna.catalog.types import Stored
from fauna.session.result import ResultColumn
from fauna.shard.shard import TableAccess
from fauna.sql.typed import Const, SessionValue, Slot

ParamSource = Slot | SessionValue | Const
# Of a table that is written: "" on the first shard alone, HASH any shard may have rows of it, BROADCAST each has all.
Spread = Literal["", "HASH", "BROADCAST"]
Supply = Callable[[str], Stored]
Build = Callable[[Sequence[Stored], Supply], Sequence[Stored]]
BuildOne = Callable[[Sequence[Stored], Supply], Stored]


@dataclass(frozen=True, slots=True)
class Parameters:
    """How the parameters of one SQLite statement come from a run's arguments and the session."""

    sources: tuple[ParamSource, ...]
    build: Build


def parameters(sources: Sequence[ParamSource]) -> Parameters:
    """Parameters in order; the common case, arguments passed through, costs nothing."""
    sources = tuple(sources)
    if all(isinstance(s, Slot) and not s.convert and s.index == i for i, s in enumerate(sources)):
        count = len(sources)
        return Parameters(sources, lambda args, supply: args if len(args) == count else args[:count])
    makers = [value_of(s) for s in sources]
    return Parameters(sources, lambda args, supply: [make(args, supply) for make in makers])


def value_of(source: ParamSource) -> BuildOne:
    """How one value comes from a run's arguments and the session."""
    if isinstance(source, Const):
        value = source.value
        return lambda args, supply: value
    if isinstance(source, Slot):
        return _slot_maker(source)
    name, convert = source.name, source.convert

    def session_value(args: Sequence[Stored], supply: Supply) -> Stored:
        value = supply(name)
        for function in convert:
            value = function(value)
        return value

    return session_value


def _slot_maker(source: Slot) -> BuildOne:
    index, convert = source.index, source.convert
    if not convert:
        return lambda args, supply: args[index]
    if len(convert) == 1:
        only = convert[0]
        return lambda args, supply: only(args[index])

    def converted(args: Sequence[Stored], supply: Supply) -> Stored:
        value = args[index]
        for function in convert:
            value = function(value)
        return value

    return converted


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A table a statement reads; low and high bound the rowids, when the statement fixes them."""

    table: str
    low: ParamSource | None = None
    high: ParamSource | None = None


def accesses(rules: Sequence[AccessRule]) -> Callable[[Sequence[Stored], Supply], list[TableAccess]]:
    """What a run reads, from its arguments."""
    if not any(r.low is not None or r.high is not None for r in rules):
        fixed = [TableAccess(r.table) for r in rules]
        return lambda args, supply: fixed
    makers = [
        (r.table, value_of(r.low) if r.low else None, value_of(r.high) if r.high else None, r.low == r.high) for r in rules
    ]

    def build(args: Sequence[Stored], supply: Supply) -> list[TableAccess]:
        out = []
        for table, low, high, same in makers:
            first = low(args, supply) if low else None
            last = first if same else high(args, supply) if high else None
            if isinstance(first, (int, type(None))) and isinstance(last, (int, type(None))):
                out.append(TableAccess(table, first, last))
            else:
                out.append(TableAccess(table))
        return out

    return build


@dataclass(frozen=True, slots=True)
class ShardStatement:
    """One SQLite statement with the parameters it takes."""

    sql: str
    params: Parameters


Route = Callable[[Sequence[Stored], Supply], "frozenset[int] | None"]
"""The shards that can have what is asked for, from a run's arguments; None: any may."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Rows that are fetched from shards into a table of the query node's scratch database.

    table      its name there; `columns` as CREATE TABLE has them, in the order of what `statement` gives
    statement  runs on each of the shards that `route` names
    shows      for EXPLAIN: what is done on the shards
    past       it reads rows as they were, and no others
    """

    table: str
    columns: tuple[str, ...]
    statement: ShardStatement
    route: Route
    shows: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a query is answered when there are several shards, or when it reads the past in a transaction.

    home     the shards that have all that it reads: where that is one, the query runs there as it is
    gathers  else these come first
    final    and this is run on them; None: the rows of the only one are the answer, shard after shard, or
    by_row   in the order of their last column, which is not part of the answer
    apart    within a transaction, of a query that reads the past: fetches each table for itself.  A connection that has read
             from the history file sees it as it was then until its transaction ends.
    """

    home: Route
    gathers: tuple[Gather, ...]
    final: ShardStatement | None
    by_row: bool = False
    apart: Distribution | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """of: what orders as the text in column `position` does.  NULL comes first."""

    position: int
    of: Callable[[str], bytes]
    nullable: bool
    descending: bool


@dataclass(frozen=True, slots=True)
class ShortSort:
    """A query whose result, when it is short, is sorted by us: SQLite would call back for each row's sort key and carry the
    rows through its sorter.  Measured for 100 rows of 120 characters: 65 µs instead of 180.

    statement   the query without ORDER BY and DISTINCT
    keys        most significant first; with `distinct` there is one, which is all of the row
    """

    statement: ShardStatement
    keys: tuple[SortKey, ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A SELECT.  locking: FOR UPDATE / SHARE; match selects the rowids it aims at; count: SQL_CALC_FOUND_ROWS; past: it reads
    past states alone, which are the same in every transaction."""

    statement: ShardStatement
    columns: tuple[ResultColumn, ...]
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    tables: tuple[str, ...]
    locking: str = ""
    match: ShardStatement | None = None
    match_table: str = ""
    count: ShardStatement | None = None
    sequences: tuple[int, ...] = ()
    into: tuple[str, ...] = ()
    short_sort: ShortSort | None = None
    distribution: Distribution | None = None
    count_distribution: Distribution | None = None
    past: bool = False


@dataclass(frozen=True, slots=True)
class RowProgram:
    """One row of VALUES: the columns' stored values as parameters; `evaluate` computes them first when an
    expression needs the engine."""

    values: Parameters | None
    evaluate: ShardStatement | None
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True)
class PointWrite:
    """How to write the one row that a statement fixes by its rowid, in a table without triggers, checks and other unique keys.

    rowid     the row's number; anything but an int: the statement fixes none after all
    select    finds the row: for UPDATE whether it changes (`um()`), then its new values; for INSERT and DELETE anything
    write     does it, given the new values, then (except INSERT) the rowid
    required  positions among the values that may not be NULL
    shard_of  the shard, given a tuple of the row's number; None: the first
    """

    rowid: BuildOne
    select: ShardStatement
    write: str
    required: tuple[int, ...] = ()
    shard_of: Callable[[Sequence[Stored]], int] | None = None


@dataclass(frozen=True, slots=True)
class RowPlace:
    """On which of several shards a row goes.

    everywhere  a copy on each
    positions   of the shard key among the row's values; empty: the hidden row id, which comes after the values
    shard_of    the shard, given the values of the shard key
    """

    everywhere: bool
    positions: tuple[int, ...]
    shard_of: Callable[[Sequence[Stored]], int]


@dataclass(frozen=True, slots=True)
class SpreadKey:
    """A unique key of which two rows with the same value may be on two shards.

    index     its SQLite name; "" for the rowid
    columns   lower-case names, in the order of the parameters of `find`, which selects a row of the same value
    collations  of each; "" for what is no text
    locks     whether its values are what row locks know: not for a key over prefixes
    """

    index: str
    columns: tuple[str, ...]
    collations: tuple[str, ...]
    find: str
    locks: bool


@dataclass(frozen=True, slots=True)
class ParentCheck:
    """A foreign key of a row that is written: a parent row must exist, and stay until the transaction ends.

    columns   the row's, by lower-case name
    problem   what a trigger would have raised
    parent    None: there is no such table
    find      selects the parent row's rowid in `physical`, given the values
    shards    that may have it; None: any
    """

    columns: tuple[str, ...]
    problem: str
    parent: Table | None
    physical: str
    find: str
    shards: Callable[[Sequence[Stored]], Sequence[int] | None]


@dataclass(frozen=True, slots=True)
class ChildAction:
    """What a foreign key does to rows of `table` that refer to a row which goes or changes.

    ref_columns, columns   of the parent and of the child, by lower-case name
    match, select          the child rows of a value: their rowids; rowid and `names`
    delete, update         one of them by rowid; update: with new values for `columns`
    move                   when the update may send it to another shard
    children               what refers to the child in turn
    """

    table: Table
    ref_columns: tuple[str, ...]
    columns: tuple[str, ...]
    problem: str
    on_delete: str
    on_update: str
    match: str
    select: str
    names: tuple[str, ...]
    delete: str
    update: str
    spread: Spread
    shards: Callable[[Sequence[Stored]], Sequence[int] | None]
    move: RowMove | None
    children: Callable[[], tuple[ChildAction, ...]]


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """INSERT and REPLACE.

    columns     written, in the order of the values
    insert      `INSERT INTO t(…) VALUES (?1 … ?n)`, with RETURNING when asked
    upsert      the same with ON CONFLICT DO UPDATE; its parameters after the n values
    delete      REPLACE: deletes the rows that stand in the way; its parameters are the values at delete_positions
    auto        position of the AUTO_INCREMENT column among the values, or -1
    place       None: the first shard
    spread_keys   what has to be looked for on other shards; late_keys: whose columns the engine computes; upsert_keys: those
                  that ON DUPLICATE KEY UPDATE sets, after which `upsert` returns the rowid as its last column; upsert_parents
                  likewise
    parents, children   foreign keys that are kept here; delete_select finds what `delete` would, for the children
    numbers_rows  the hidden row id is one more parameter, right after the values: with several shards the node gives it
    """

    table: Table
    columns: tuple[Column, ...]
    rows: tuple[RowProgram, ...]
    query: ShardStatement | None
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    insert: str
    upsert: str = ""
    upsert_params: Parameters | None = None
    delete: str = ""
    delete_positions: tuple[int, ...] = ()
    ignore: bool = False
    auto: int = -1
    returning: tuple[ResultColumn, ...] | None = None
    query_reads_target: bool = False
    point: PointWrite | None = None
    notes: tuple[tuple[str, ...], ...] = ()
    sequences: tuple[int, ...] = ()
    place: RowPlace | None = None
    numbers_rows: bool = False
    spread_keys: tuple[SpreadKey, ...] = ()
    upsert_keys: tuple[SpreadKey, ...] = ()
    late_keys: tuple[SpreadKey, ...] = ()
    parents: tuple[ParentCheck, ...] = ()
    children: tuple[ChildAction, ...] = ()
    upsert_parents: tuple[ParentCheck, ...] = ()
    delete_select: str = ""
    distribution: Distribution | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it only inserts: no IGNORE, REPLACE, ON DUPLICATE KEY UPDATE, RETURNING or SELECT."""
        return not (self.ignore or self.upsert or self.delete or self.query) and self.returning is None


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """UPDATE of one table in one statement: counts come from `um()`, called once per matching row.

    auto      position of the AUTO_INCREMENT column among the assignments, or -1
    preview   selects rowid and new values of `preview_columns` (lower case), to find what broke a unique key
    """

    table: Table
    statement: ShardStatement
    match: ShardStatement
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    ignore: bool = False
    auto: int = -1
    preview: ShardStatement | None = None
    preview_columns: tuple[str, ...] = ()
    point: PointWrite | None = None
    sequences: tuple[int, ...] = ()
    spread: Spread = ""
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class RowMove:
    """How a row whose shard key has been changed gets to its shard.

    select     the row's rowid and its values for `columns`, by rowid ?1
    insert     puts such a row into the other shard
    positions  of the shard key among what `select` gives
    rowid      of the changed row, its position among the values of the `TargetUpdate`
    """

    select: str
    delete: str
    insert: str
    columns: tuple[str, ...]
    rowid: int
    positions: tuple[int, ...]
    shard_of: Callable[[Sequence[Stored]], int]


@dataclass(frozen=True, slots=True)
class RowsMove:
    """How rows of one table get to another shard.

    chosen          the condition that a row's rowid is in the JSON array ?1
    keys, keys_of   select the rowid and the shard key of all rows; of those
    key_columns     of the shard key; none: the rowid is the key
    rows_of         the same, and then what `insert` wants, of those
    all_rows        what `insert` wants, of all rows
    delete          those
    slot            of a row, given what `keys` selects without the rowid, or the rowid where that is the key
    """

    table: str
    chosen: str
    keys: str
    keys_of: str
    key_columns: tuple[str, ...]
    rows_of: str
    all_rows: str
    delete: str
    insert: str
    slot: Callable[[Sequence[Stored]], int]

    @property
    def width(self) -> int:
        """How many columns `keys` selects."""
        return 1 + len(self.key_columns)

    def slot_of(self, row: Sequence[Stored]) -> int:
        """row: as `keys` gives it."""
        return self.slot(row[1 : self.width] or row[:1])


@dataclass(frozen=True, slots=True)
class TargetUpdate:
    """One table of an UPDATE by rowid.  The select gives, from column `first` on: rowid, new values of `columns`.

    place  where the rows are, as they were; its positions are in what the select gives; None: on the first shard
    move   when columns of the shard key are set
    spread_keys, parents, children   of which columns are set
    """

    table: Table
    sql: str
    first: int
    width: int
    columns: tuple[str, ...] = ()
    place: RowPlace | None = None
    move: RowMove | None = None
    spread_keys: tuple[SpreadKey, ...] = ()
    parents: tuple[ParentCheck, ...] = ()
    children: tuple[ChildAction, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetDelete:
    """One table of a DELETE by rowid, which the select gives at `position`."""

    table: Table
    sql: str
    position: int
    place: RowPlace | None = None
    children: tuple[ChildAction, ...] = ()


@dataclass(frozen=True, slots=True)
class RowwiseUpdatePlan:
    """UPDATE of several tables, or with ORDER BY/LIMIT or subqueries: rows are found first, then written by rowid."""

    select: ShardStatement
    targets: tuple[TargetUpdate, ...]
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    ignore: bool = False
    sequences: tuple[int, ...] = ()
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True)
class DeletePlan:
    table: Table
    statement: ShardStatement
    match: ShardStatement
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    returning: tuple[ResultColumn, ...] | None = None
    ignore: bool = False
    point: PointWrite | None = None
    sequences: tuple[int, ...] = ()
    spread: Spread = ""
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class RowwiseDeletePlan:
    """DELETE from several tables, or with ORDER BY/LIMIT: the select gives one rowid per target."""

    select: ShardStatement
    targets: tuple[TargetDelete, ...]
    reads: Callable[[Sequence[Stored], Supply], list[TableAccess]]
    ignore: bool = False
    sequences: tuple[int, ...] = ()
    distribution: Distribution | None = None


MomentKind = Literal["POINT", "START", "END", "NOW"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that a statement names with FOR SYSTEM_TIME.

    kind     POINT: of AS OF; START and END: of a range; NOW: the end of ALL, which nothing in the statement says
    zone     of the session
    make     its text, in the session's time zone, from a run's arguments; None: `statement` computes it
    given    what was written, for the error if that is no time; None: an expression, which may be NULL
    version  of the catalog that the plan was made for; None: any will do
    tables   the ids of those that are read as of it
    """

    kind: MomentKind
    zone: str
    make: BuildOne | None = None
    statement: ShardStatement | None = None
    given: BuildOne | None = None
    version: int | None = None
    tables: tuple[int, ...] = ()


Plan = QueryPlan | InsertPlan | UpdatePlan | RowwiseUpdatePlan | DeletePlan | RowwiseDeletePlan


@dataclass(frozen=True, slots=True)
class CachedPlan:
    """A plan and the literal values it depends on: argument number -> value; and the times whose catalogs it was made for."""

    plan: Plan
    pinned: tuple[tuple[int, object], ...] = field(default=())
    moments: tuple[Moment, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """What it was made for."""
        return self.pinned, tuple([moment.version for moment in self.moments])

    def serves(self, literals: Sequence[object]) -> bool:
        """Whether the pinned literals are these."""
        for index, value in self.pinned:
            if literals[index] != value or type(literals[index]) is not type(value):
                return False
        return True
