"""What a running statement may look at and report to, while SQLite calls back into us.

User-defined functions run deep inside SQLite and get only values.  Whatever else they need, strictness and where
warnings go, is in `current()`, which the executor sets for the thread before each batch of work (`using`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from fauna.errors import CONDITIONS, SqlError

WARNINGS_MAX: Final = 64  # MySQL's max_error_count


@dataclass(frozen=True, slots=True)
class Warning_:
    """One row of SHOW WARNINGS; level is 'Note', 'Warning' or 'Error'."""

    level: str
    errno: int
    message: str


class SequenceValues(Protocol):
    """NEXTVAL, LASTVAL and SETVAL of the sequence with this id, as one session sees it."""

    def next(self, number: int) -> int: ...
    def last(self, number: int) -> int | None: ...
    def set(self, number: int, value: int, used: bool) -> int | None: ...


@dataclass(slots=True)
class StatementContext:
    """strict           a bad value for a column is an error rather than a warning (sql_mode, no IGNORE)
    division_by_zero    ERROR_FOR_DIVISION_BY_ZERO: warn, and fail while storing under strict
    storing             the statement writes rows (MySQL raises some conditions only then)
    row                 1-based number of the row being stored, for messages
    warnings_count      counts past WARNINGS_MAX too"""

    strict: bool = True
    division_by_zero: bool = True
    no_zero_date: bool = False
    no_zero_in_date: bool = False
    allow_invalid_dates: bool = False
    storing: bool = False
    row: int = 1
    user_variables: dict[str, Any] = field(default_factory=dict)
    warnings: list[Warning_] = field(default_factory=list)
    warnings_count: int = 0
    foreign_key_checks: bool = True
    group_concat_max_len: int = 1048576
    max_allowed_packet: int = 16777216
    matched: int = 0  # rows an UPDATE matched, and of these changed
    changed: int = 0
    insert_id: int | None = None  # set by LAST_INSERT_ID(n)
    null_fails: bool = True  # NULL for a NOT NULL column is an error, not a warning
    row_muting: bool = False
    loading: bool = False  # LOAD DATA, which has words of its own for NULL in a NOT NULL column
    muted: bool = False  # what a row is worth a warning for has been said: its expressions are computed once more
    sequences: SequenceValues | None = None  # None where no statement can have sequences
    now_of: Callable[[], str] = lambda: ""
    interrupted: Callable[[], bool] | None = None  # asked while a function waits: True once the statement is to stop
    scratch: dict[object, object] = field(default_factory=dict)  # what a function keeps between its calls in one statement

    @property
    def now(self) -> str:
        """The statement's start in the session's time zone, with six digits; '' outside a statement."""
        return self.now_of()

    def warn(self, condition: str, *args: object, level: str = "Warning") -> None:
        """Add a warning: `condition` is a key of errors.CONDITIONS."""
        if self.muted:
            return
        self.warnings_count += 1
        if len(self.warnings) < WARNINGS_MAX:
            errno, _, template = CONDITIONS[condition]
            self.warnings.append(Warning_(level, errno, template.format(*args)))

    def warn_error(self, err: SqlError, level: str = "Warning") -> None:
        self.warnings_count += 1
        if len(self.warnings) < WARNINGS_MAX:
            self.warnings.append(Warning_(level, err.errno, err.message))


_local = threading.local()
_idle: Final = StatementContext()


def current() -> StatementContext:
    """The context of the statement that this thread is running."""
    return getattr(_local, "context", _idle)


def set_current(context: StatementContext | None) -> None:
    _local.context = context if context is not None else _idle


@contextmanager
def using(context: StatementContext) -> Iterator[None]:
    before = current()
    _local.context = context
    try:
        yield
    finally:
        _local.context = before
