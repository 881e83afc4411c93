"""All that binding may know of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal, Protocol

from fauna.catalog.past import Layout
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import DEFAULT_COLLATION, SqlType
from fauna.plan.plan import Moment
from fauna.session.result import ResultColumn
from fauna.sql import ast
from fauna.sql.typed import SessionValue


@dataclass(frozen=True, slots=True)
class SessionScope:
    """The part of a session's state that decides what a statement means; a plan is valid for one such scope.

    time_zone  canonical: 'UTC' whenever the zone never differs from it
    as_of      system_versioning_asof is set; to what, is an argument of the plan"""

    database: str | None = None
    sql_mode: frozenset[str] = frozenset()
    collation: str = DEFAULT_COLLATION
    time_zone: str = "UTC"
    div_precision_increment: int = 4
    found_rows: bool = False
    auto_is_null: bool = False
    select_limit: int | None = None
    as_of: bool = False
    version: str = ""


class SlotTypes:
    """Types of a statement's arguments: lifted literals by index, then markers."""

    __slots__ = ("literals", "markers", "pinned", "used")

    def __init__(self, markers: Sequence[SqlType] = (), *, lifted: bool = False) -> None:
        self.markers = tuple(markers)
        self.literals = lifted
        self.pinned: set[int] = set()
        self.used: set[int] = set()


class Past(Protocol):
    """What binding may ask of earlier times, with the arguments of the run that it is done for.  Each moment of the statement is
    asked for once, in the order of their numbers."""

    def start(self, moment: Moment) -> None:
        """The start of a range, which may be any time."""
        ...

    def resolve(self, moment: Moment) -> tuple[int, Catalog]:
        """The moment in this run, and the catalog of then: of now if it is NULL, or an end that is in the future."""
        ...

    def catalog_at(self, us: int) -> Catalog: ...
    def layouts(self, table_id: int) -> Sequence[Layout]: ...
    def check_kept(self, table_id: int, us: int) -> None:
        """Error 1525 when the table's rows of then are not kept any more."""
        ...


@dataclass(frozen=True, slots=True)
class Period:
    """The time that tables are read as of.

    times    its start and end, or AS OF's one time, as parameters; none for ALL
    until    its end in the run that is bound for: plans are shared among runs with the same `catalog`
    catalog  of the end
    """

    kind: Literal["AS OF", "BETWEEN", "FROM", "ALL"]
    times: tuple[SessionValue, ...]
    until: int
    catalog: Catalog


@dataclass(slots=True)
class BindContext:
    """catalog        a snapshot
    scope            see SessionScope
    slots            what the statement's arguments are
    parse_view       text of a view -> its query (the parser is handed in by the caller)
    info_tables      information_schema and fauna tables: (schema, name) -> columns
    variable_type    type of a user variable as it is now
    system_variable  (name, scope) -> value
    wide             decimals are computed in 28 bytes from the start, because an int overflowed before
    constants_by_row assigned constants are converted where a row gets them, because one of them does not fit its column
    assigned         filled while binding: type of each user variable that `:=` has set; `assignments` counts them
    statement        what is bound; None for an expression on its own
    tables           filled while binding: SQL alias -> table and the name that the statement gives it
    sequences        filled while binding: ids of those whose values the statement takes
    past             None: there is no history
    period           what tables without a FOR SYSTEM_TIME of their own are read as of; `period_uses` counts them
    as_of            that is what `system_versioning_asof` says, as soon as there is such a table
    moments          filled while binding: the times that the statement names, by the number of their parameter
    """

    catalog: Catalog
    scope: SessionScope
    slots: SlotTypes
    parse_view: Callable[[str], ast.Query]
    info_tables: Mapping[tuple[str, str], Sequence[ResultColumn]] = field(default_factory=dict)
    variable_type: Callable[[str], SqlType] = lambda name: SqlType.__call__  # type: ignore[assignment,return-value]
    system_variable: Callable[[str, str | None], object] = lambda name, scope: None
    wide: bool = False
    constants_by_row: bool = False
    volatile: bool = False  # set when the plan must not be reused (user variables, sequences)
    alias_count: int = 0
    view_depth: int = 0
    assigned: dict[str, SqlType] = field(default_factory=dict)
    assignments: int = 0
    statement: ast.Statement | None = None
    _assigning: frozenset[str] | None = None
    tables: dict[str, tuple[Table, str]] = field(default_factory=dict)
    sequences: list[int] = field(default_factory=list)
    past: Past | None = None
    period: Period | None = None
    as_of: bool = False
    period_uses: int = 0
    moments: list[Moment] = field(default_factory=list)

    def assigning(self) -> frozenset[str]:
        """Names, in lower case, of the user variables that the statement sets with `:=`."""
        if self._assigning is None:
            self._assigning = frozenset(_assigned_names(self.statement))
        return self._assigning

    def new_alias(self) -> str:
        self.alias_count += 1
        return f"a{self.alias_count}"


def _assigned_names(node: object) -> Iterator[str]:
    if isinstance(node, ast.AssignVariable):
        yield node.name.lower()
    if isinstance(node, tuple):
        for item in node:
            yield from _assigned_names(item)
    elif is_dataclass(node) and not isinstance(node, type):
        for field_ in fields(node):
            yield from _assigned_names(getattr(node, field_.name))
