"""A link: one connection, to a server or to a session in this process, as the SDK and the DB-API module see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from fauna.client.exceptions import ProgrammingError
from fauna.client.row import Row, row_class


class Column(NamedTuple):
    """PEP 249's description of a column; type_code is MySQL's (see dbapi.STRING, NUMBER …)."""

    name: str
    type_code: int
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What rows look like: their columns, names, and the class of the SDK's rows."""

    columns: tuple[Column, ...]
    names: tuple[str, ...]
    row: type[Row]

    @classmethod
    def of(cls, columns: Iterable[Column]) -> Shape:
        columns = tuple(columns)
        names = tuple(column.name for column in columns)
        return cls(columns, names, row_class(names))


@dataclass(slots=True)
class Answer:
    """One statement's answer, its values already Python's.

    shape   None when the statement answers no rows
    rows    tuples; a list, or for a streamed answer an iterator that reads on from the server
    close   ends a streamed answer early; the link is busy until then
    """

    shape: Shape | None
    rows: list[tuple[Any, ...]] | Iterator[tuple[Any, ...]]
    affected_rows: int
    insert_id: int
    warnings: int
    info: str = ""
    close: Callable[[], None] = lambda: None


class Link(Protocol):
    """`run` raises the exceptions of `fauna.client.exceptions` and nothing else."""

    def run(self, sql: str, params: Any = None, *, stream: bool = False, as_text: bool = False) -> Answer:
        """Run one statement; with `params` not None its placeholders are bound to them.

        `as_text` (without params): values as the server prints them, str or bytes, for the shell.
        """
        ...

    def next_answer(self) -> Answer | None:
        """The next result of a statement that has several (CALL, multi-statements), else None."""
        ...

    @property
    def in_transaction(self) -> bool: ...
    @property
    def open(self) -> bool: ...
    def interrupt(self) -> None:
        """Stop the running statement; safe from another thread (KILL QUERY)."""
        ...

    def ping(self) -> None: ...
    def close(self) -> None: ...


class Guard:
    """Refuses a second thread, and a statement while a stream is open, instead of mixing up two answers.

    A connection is for one thread at a time; what would follow from breaking that rule is a wrong answer, so the
    second caller gets an error at once.
    """

    __slots__ = ("_lock", "streaming")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.streaming = False

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ProgrammingError(2014, "this connection is in use by another thread; open one for each")
        if self.streaming:
            self._lock.release()
            raise ProgrammingError(2014, "a streamed result is open on this connection; read it to its end or close it first")

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()
