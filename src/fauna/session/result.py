"""What a statement answers: the one value that leaves the session towards the wire, the SDK and the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from fauna.catalog.types import SqlType, Stored

Row = tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """Metadata of one result column, as the protocol's column definition carries it.

    name          the alias, or the expression's own text
    sql_type      decides the column's wire type, length, decimals and character set
    nullable      False sets NOT_NULL_FLAG
    schema, table, org_table, org_name   empty for expressions
    primary_key, unique_key, multiple_key, auto_increment, on_update_now, no_default   the other flags
    """

    name: str
    sql_type: SqlType
    nullable: bool = True
    schema: str = ""
    table: str = ""
    org_table: str = ""
    org_name: str = ""
    primary_key: bool = False
    unique_key: bool = False
    multiple_key: bool = False
    auto_increment: bool = False
    on_update_now: bool = False
    no_default: bool = False


class Ticket(Protocol):
    """Something that happens later, once: a lock granted, a commit durable.

    Safe to use from any thread.  `on_done` calls back exactly once, at once when it has already happened, from
    whatever thread completes it.
    """

    def done(self) -> bool: ...
    def wait(self, timeout_s: float | None = None) -> bool:
        """Block this thread; False when the time ran out first.  Raises the error the ticket failed with."""
        ...

    def on_done(self, callback: Callable[[], None]) -> None: ...
    def check(self) -> None:
        """Raise the error the ticket failed with (lock wait timeout, disk full), if it did."""
        ...


@dataclass(slots=True)
class Result:
    """The answer to one statement.

    columns   None for a statement without a result set
    rows      stored values; an iterator that may be long and may block: it is read in bounded batches, and
              `close()` must be called when it is not read to its end
    durable   not None: the client must not be told of success before this ticket is done
    then      another result follows: to be called, as `execute` is, once this one has been sent
    """

    columns: tuple[ResultColumn, ...] | None = None
    rows: Iterator[Row] = field(default_factory=lambda: iter(()))
    affected_rows: int = 0
    insert_id: int = 0
    warnings: int = 0
    info: str = ""
    status: int = 0
    durable: Ticket | None = None
    close: Callable[[], None] = lambda: None
    # True: `rows` is already in memory (a list iterator) and can be sent without leaving the loop.
    ready: bool = False
    then: Callable[..., Result] | None = None


class MustWait(Exception):
    """Raised by execute() when it cannot go on without waiting for `ticket`; nothing has been done.

    The caller waits (a thread blocks, the loop registers a callback) and calls execute() again with the same
    arguments, also when the ticket has failed: that call raises what it failed with, and undoes the statement.  Not an
    error: never reaches a client.
    """

    def __init__(self, ticket: Ticket) -> None:
        super().__init__("must wait")
        self.ticket = ticket


class MustMove(Exception):
    """Raised by execute(inline=True) when the statement has used up what may run on the event loop.

    Nothing has been done; the caller runs the same call again in a worker thread with inline=False.
    """


@dataclass(frozen=True, slots=True)
class LocalInfile:
    """LOAD DATA LOCAL: the wire asks the client for `filename` and feeds its bytes to `load`."""

    filename: str
    load: Callable[[Iterator[bytes]], Result]
