"""The function library: one entry per MySQL function, found by name.

A `Function` says how many arguments it takes, in which form it wants them, what type it returns, and how it is
computed: in Python (`call`, registered with SQLite as `f_<name>`) or as SQLite text (`sql`).

Arguments reach `call` as plain values according to their `Arg` form; conversion to that form is the binder's work.  A NULL in any
argument gives NULL without a call, unless `null_aware`.  Functions never see stored encodings such as scaled integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fauna.catalog.types import SqlType


class Arg(Enum):
    """The form of an argument as `call` receives it."""

    STRING = "string"  # str; of a byte string: bytes when the function has `bytes_too`, else str decoded as latin-1
    BYTES = "bytes"  # bytes: a character string arrives UTF-8 encoded
    INTEGER = "integer"  # int, -2**63 … 2**64-1; DECIMAL and DOUBLE are rounded half away from zero; strings convert as in MySQL
    REAL = "real"  # float
    DECIMAL = "decimal"  # decimal.Decimal, exact; a float or string argument arrives as float
    DATETIME = "datetime"  # 'YYYY-MM-DD HH:MM:SS[.ffffff]' (any digits); NULL when it is no datetime (a warning was given)
    DATE = "date"  # 'YYYY-MM-DD'; likewise
    TIME = "time"  # int, microseconds
    TEMPORAL = "temporal"  # DATE/DATETIME text or TIME int, whichever it is; a string arrives unparsed; a number as int or float
    JSON = "json"  # str
    ANY = "any"  # as its own type's plain value: int, float, Decimal, str, bytes, date/datetime text, time in microseconds
    KEYWORD = "keyword"  # ast.UnitArg: str


@dataclass(frozen=True, slots=True)
class ArgInfo:
    """What a type rule may know of an argument.  value is set for constants whose value is known when binding (and
    asking for it pins the literal)."""

    type: SqlType
    nullable: bool
    constant: Callable[[], Any]  # the plain value, or None when not constant


TypeRule = Callable[[Sequence[ArgInfo]], SqlType]


@dataclass(frozen=True, slots=True)
class Function:
    """name          upper case
    args             forms of the arguments, in order; the last one repeats for further arguments
    min_args, max_args   max_args None: no limit
    result           type rule; lengths and scales as MariaDB reports them
    call             Python implementation over plain values
    sql              SQLite text from argument texts, in place of `call`, only where exactly equal
    null_aware       `call` is called with None for NULL arguments
    nullable         the result may be NULL even when no argument is
    deterministic    same arguments, same result (may be used in generated columns, folded, pushed)
    session          names of hidden session values appended to the arguments, a subset of: 'now' and 'utc_now'
                     ('YYYY-MM-DD HH:MM:SS.ffffff', statement start), 'time_zone' (as set: 'SYSTEM', '+02:00', 'Europe/Berlin'),
                     'connection_id', 'user', 'current_user', 'database', 'version', 'last_insert_id', 'row_count', 'found_rows',
                     'collation_connection', 'lc_time_names', 'default_week_format', 'sql_mode', 'max_allowed_packet',
                     'block_encryption_mode', 'div_precision_increment', 'timestamp' (unix seconds, float)
    pass_scale       the result's scale (digits of a second, or DECIMAL scale) is appended as one more argument (after the
                     session values)
    bytes_too        STRING arguments may arrive as bytes
    collate_args     STRING arguments are compared/searched under one collation: its name is appended as a last argument
    pass_types       a string with one letter per argument (`results.type_letter`) is appended, after all the above: i integer,
                     b boolean, d DECIMAL, r float, s string, x bytes, j JSON, D date, T datetime, t time, n NULL.  For ANY and
                     TEMPORAL arguments, whose values alone do not tell; there a DECIMAL arrives as its text.
    blocking         may wait on purpose (SLEEP, GET_LOCK): the statement must not run on the event loop
    sql_for          like `sql`, from the argument texts as loaded, before conversion to their `Arg` forms, and their types;
                     None: not for these types.  Asked first; session values, scale and type letters are not passed.

    `sql` is meant for character strings: where an argument or the result is a byte string the binder uses `call`,
    unless the function has `bytes_too`.
    """

    name: str
    args: tuple[Arg, ...]
    min_args: int
    max_args: int | None
    result: TypeRule
    call: Callable[..., Any] | None = None
    sql: Callable[[Sequence[str]], str] | None = None
    null_aware: bool = False
    nullable: bool = True
    deterministic: bool = True
    session: tuple[str, ...] = ()
    pass_scale: bool = False
    bytes_too: bool = False
    collate_args: bool = False
    pass_types: bool = False
    blocking: bool = False
    sql_for: Callable[[Sequence[str], Sequence[SqlType]], str | None] | None = None

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.min_args <= count and (self.max_args is None or count <= self.max_args)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate computed in Python: `factory()` gives an object with step(*args), final() and, when it may be
    used as a window function, inverse(*args) and value().  NULL handling is its own."""

    name: str
    args: tuple[Arg, ...]
    result: TypeRule
    factory: Callable[[], Any]
    pass_scale: bool = False
    pass_types: bool = False


FUNCTIONS: Final[dict[str, Function]] = {}
AGGREGATES: Final[dict[str, Aggregate]] = {}


def register(function: Function, *synonyms: str) -> None:
    """Add `function` to the library under its name and its synonyms."""
    for name in (function.name, *synonyms):
        assert name not in FUNCTIONS, name
        FUNCTIONS[name] = function


def register_aggregate(aggregate: Aggregate, *synonyms: str) -> None:
    for name in (aggregate.name, *synonyms):
        assert name not in AGGREGATES, name
        AGGREGATES[name] = aggregate
