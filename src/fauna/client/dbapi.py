"""`fauna` as a PEP 249 module: `fauna.connect`, cursors, type objects.

    connection = fauna.connect(path="./shop-data", database="shop")     # or uri=, host= … as database.connect
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, total FROM orders WHERE user_id = %s", (7,))
        for order_id, total in cursor: ...
    # leaving the block without an exception has committed

As PEP 249 has it, a connection begins with autocommit off (`autocommit=True` turns it on).  Threads may share the
module, not connections (threadsafety 1).  Statements go to the server when they are executed, one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from fauna.client import exceptions
from fauna.client.database import open_link
from fauna.client.exceptions import InterfaceError, OperationalError, ProgrammingError, not_supported
from fauna.client.link import Answer, Column, Link
from fauna.client.many import run_many
from fauna.errors import StartError
from fauna.settings import Settings

apilevel: Final = "2.0"
threadsafety: Final = 1
paramstyle: Final = "pyformat"

_CANNOT_CONNECT: Final = 2002


# ── type objects and constructors ──────────────────────────────────────────────────────────────────────────────


class TypeObject(frozenset[int]):
    """PEP 249's type object: equal to each of its type codes."""

    def __eq__(self, other: object) -> bool:
        return other in self if isinstance(other, int) else frozenset.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = frozenset.__hash__


STRING: Final = TypeObject((247, 253, 254))
BINARY: Final = TypeObject((249, 250, 251, 252))
NUMBER: Final = TypeObject((0, 1, 2, 3, 4, 5, 8, 9, 13, 246))
DATE: Final = TypeObject((10, 14))
TIME: Final = TypeObject((11,))
TIMESTAMP: Final = TypeObject((7, 12))
DATETIME: Final = TypeObject((7, 10, 11, 12, 14))
ROWID: Final = TypeObject(())

Date = date
Time = time_of_day
Timestamp = datetime
TimeDelta = timedelta
Binary = bytes


def DateFromTicks(ticks: float) -> date:  # noqa: N802
    return date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> time_of_day:  # noqa: N802
    return time_of_day(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802
    return datetime(*time.localtime(ticks)[:6])


# ── connections ────────────────────────────────────────────────────────────────────────────────────────────────


def connect(
    uri: str | None = None,
    *,
    path: str | Path | None = None,
    host: str | None = None,
    port: int | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    autocommit: bool = False,
    settings: Settings | None = None,
    **options: Any,
) -> Connection:
    """A PEP 249 connection; the arguments are those of `database.connect`, and `autocommit`."""
    given = {"host": host, "port": port, "user": user, "password": password}
    try:
        link = open_link(uri, path, given, database, settings, options)
    except StartError as problem:
        raise OperationalError(_CANNOT_CONNECT, str(problem)) from None
    return Connection(link, autocommit=autocommit)


class Connection:
    """A connection; one thread at a time."""

    # PEP 249's optional extension: the exceptions as attributes, for code that has only the connection.
    Warning = exceptions.Warning
    Error = exceptions.Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError

    def __init__(self, link: Link, *, autocommit: bool = False) -> None:
        self._link: Link | None = link
        self._autocommit = True
        if not autocommit:
            self.autocommit = False

    @property
    def link(self) -> Link:
        """The open link; InterfaceError when the connection is closed."""
        if self._link is None:
            raise InterfaceError(0, "the connection is closed")
        return self._link

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits by itself."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, on: bool) -> None:
        self.link.run(f"SET autocommit = {int(on)}")
        self._autocommit = bool(on)

    @property
    def open(self) -> bool:
        return self._link is not None and self._link.open

    def cursor(self) -> Cursor:
        return Cursor(self)

    def begin(self) -> None:
        """Start a transaction (an extension: with autocommit off one starts by itself)."""
        self.link.run("START TRANSACTION")

    def commit(self) -> None:
        self.link.run("COMMIT")

    def rollback(self) -> None:
        self.link.run("ROLLBACK")

    def ping(self) -> None:
        """Raise when the server does not answer."""
        self.link.ping()

    def close(self) -> None:
        """Close; what is not committed is rolled back.  Every later call raises; a second close does not."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        """Commit, or roll back when the block raised; the connection is closed either way (as PyMySQL does)."""
        try:
            if self._link is not None and self._link.open:
                self.rollback() if kind else self.commit()
        finally:
            self.close()


class Cursor:
    """A cursor.  Its rows are read in full when the statement is executed, so cursors do not disturb each other."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection = connection
        self.description: tuple[Column, ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.rownumber = 0
        self.warning_count = 0
        self._rows: list[tuple[Any, ...]] | None = None
        self._closed = False

    # ── running ────────────────────────────────────────────────────────────────────────────────────────────────

    def execute(self, operation: str, parameters: Any = None) -> Cursor:
        """Run one statement; returns the cursor, so that `for row in cursor.execute(…)` reads well."""
        self._take(self._link().run(operation, parameters))
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Any]) -> Cursor:
        """Run one statement for each row of parameters; INSERT … VALUES goes in statements of many rows."""
        self._take(run_many(self._link(), operation, seq_of_parameters))
        return self

    def callproc(self, procname: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        self._link()
        raise not_supported("CALL")

    def nextset(self) -> bool | None:
        """Go on to the next result of the statement; None when there is none."""
        answer = self._link().next_answer()
        if answer is None:
            return None
        self._take(answer)
        return True

    def _take(self, answer: Answer) -> None:
        self.rownumber = 0
        self.warning_count = answer.warnings
        self.lastrowid = answer.insert_id or None
        if answer.shape is None:
            self.description, self._rows, self.rowcount = None, None, answer.affected_rows
        else:
            rows = answer.rows
            self._rows = rows if isinstance(rows, list) else list(rows)
            self.description, self.rowcount = answer.shape.columns, len(self._rows)

    # ── fetching ───────────────────────────────────────────────────────────────────────────────────────────────

    def fetchone(self) -> tuple[Any, ...] | None:
        rows = self._fetchable()
        if self.rownumber >= len(rows):
            return None
        self.rownumber += 1
        return rows[self.rownumber - 1]

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        rows = self._fetchable()[self.rownumber : self.rownumber + (self.arraysize if size is None else size)]
        self.rownumber += len(rows)
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows = self._fetchable()[self.rownumber :]
        self.rownumber += len(rows)
        return rows

    def scroll(self, value: int, mode: str = "relative") -> None:
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(0, f"unknown scroll mode {mode!r}")
        position = value + (self.rownumber if mode == "relative" else 0)
        if not 0 <= position < len(self._fetchable()):
            raise IndexError("out of range")
        self.rownumber = position

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def _fetchable(self) -> list[tuple[Any, ...]]:
        self._link()
        if self._rows is None:
            raise ProgrammingError(0, "no rows to fetch: the last statement answered none, or none was executed")
        return self._rows

    # ── the rest ───────────────────────────────────────────────────────────────────────────────────────────────

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Does nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing, as PEP 249 allows."""

    def close(self) -> None:
        self._closed = True
        self._rows = None

    def _link(self) -> Link:
        if self._closed:
            raise ProgrammingError(0, "the cursor is closed")
        return self.connection.link

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
