"""A link to a session in this process: no server, no protocol, one directory.

One process at a time opens a directory; the second gets a StartError.  Within a process the connections to one
directory share one open node, which is closed when the last of them is (or when Python exits).
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from fauna.catalog.values import text_of
from fauna.client.exceptions import Error, InterfaceError, OperationalError, error_of, from_sql_error
from fauna.client.link import Answer, Column, Guard, Shape
from fauna.client.placeholders import arrange, statement_of
from fauna.client.stored_values import TYPE_CODES, Decode, bind, decoder
from fauna.errors import SqlError, StartError
from fauna.session.result import LocalInfile, MustWait, Result, ResultColumn
from fauna.settings import Settings

if TYPE_CHECKING:
    from fauna.node import Node

SHAPES_MAX: Final = 1024
IN_TRANSACTION: Final = 1  # SERVER_STATUS_IN_TRANS
UNKNOWN_DATABASE: Final = 1049
INFILE_BATCH_BYTES: Final = 1 << 16


@dataclass(slots=True)
class _Shared:
    node: Node
    users: int


_nodes: dict[Path, _Shared] = {}
_lock = threading.Lock()
_connection_ids = itertools.count(1)
_links: weakref.WeakSet[EmbeddedLink] = weakref.WeakSet()


def _acquire(path: Path, settings: Settings) -> Node:
    from fauna.node import Node

    with _lock:
        shared = _nodes.get(path)
        if shared is None:
            shared = _nodes[path] = _Shared(Node.open(path, settings), 0)
        shared.users += 1
        return shared.node


def _release(path: Path) -> None:
    with _lock:
        shared = _nodes.get(path)
        if shared is None:
            return
        shared.users -= 1
        if shared.users == 0:
            del _nodes[path]
            shared.node.close()


@atexit.register
def _close_all() -> None:
    for link in list(_links):
        link.close()


def _forget_in_child() -> None:
    # SQLite's files must not be used on both sides of a fork: the child's connections are dead, the parent's go on.
    _nodes.clear()
    for link in list(_links):
        link.abandon()


os.register_at_fork(after_in_child=_forget_in_child)


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What is kept for a tuple of result columns, found again by identity: a cached plan always answers the same tuple."""

    columns: tuple[ResultColumn, ...]
    shape: Shape
    decode: Decode | None


class EmbeddedLink:
    """One session on an embedded database."""

    def __init__(self, path: Path, database: str | None, settings: Settings, *, local_infile: bool = False) -> None:
        from fauna.wire.backend import ClientInfo

        self._path = path.expanduser().resolve()
        self._guard = Guard()
        self._decodings: dict[int, _Decoding] = {}
        self._local_infile = local_infile
        self._session: Any = None
        node = _acquire(self._path, settings)
        self._held = True
        try:
            info = ClientInfo(
                connection_id=next(_connection_ids), user="root", host="localhost", database=None, local_infile=local_infile,
                attributes={"_client_name": "fauna", "_pid": str(os.getpid())},
            )  # fmt: skip
            self._session = node.open_session(info)
            _links.add(self)
            if database is not None:
                self._use(database)
        except SqlError as problem:
            self.close()
            raise from_sql_error(problem) from None
        except BaseException:
            self.close()
            raise

    def _use(self, database: str) -> None:
        """Choose the database, making it when it does not exist.

        As a file is made when SQLite opens it: a program that brings its database along needs no setup step.  It is
        looked for first, because making one needs the write lock, which another connection may hold.
        """
        try:
            self._session.use(database)
        except SqlError as problem:
            if problem.errno != UNKNOWN_DATABASE:
                raise
            self._execute(f"CREATE DATABASE IF NOT EXISTS `{database.replace('`', '``')}`")
            self._session.use(database)

    def run(self, sql: str, params: Any = None, *, stream: bool = False, as_text: bool = False) -> Answer:
        session = self._session
        if session is None:
            raise InterfaceError(0, "the connection is closed")
        with self._guard:
            try:
                if params is None:
                    result = self._execute(sql)
                else:
                    text, values = arrange(statement_of(sql), params)
                    result = session.run(text, [bind(value) for value in values])
                return self._text_answer(result, stream) if as_text else self._answer(result, stream)
            except SqlError as problem:
                raise from_sql_error(problem) from None

    def _execute(self, sql: str) -> Result:
        """A text without parameters: its literals are lifted, so that texts which differ only in those share a plan."""
        while True:
            try:
                result = self._session.execute(sql, inline=False)
            except MustWait as waiting:
                with contextlib.suppress(SqlError):  # the statement itself is told, when it is called again
                    waiting.ticket.wait()
                continue
            if isinstance(result, LocalInfile):
                result = self._load_file(result)
            if result.durable is not None:
                result.durable.wait()
            return cast(Result, result)

    def _answer(self, result: Result, stream: bool) -> Answer:
        columns = result.columns
        if columns is None:
            return Answer(None, [], result.affected_rows, result.insert_id, result.warnings, result.info)
        decoding = self._decodings.get(id(columns))
        if decoding is None or decoding.columns is not columns:
            decoding = self._remember(columns)
        decode = decoding.decode
        rows: Any = result.rows if decode is None else decode(result.rows)
        if stream:
            return self._streamed(result, decoding.shape, rows)
        return Answer(decoding.shape, list(rows), result.affected_rows, result.insert_id, result.warnings, result.info)

    def _text_answer(self, result: Result, stream: bool) -> Answer:
        if result.columns is None:
            return self._answer(result, stream)
        shape = Shape.of(_description(column) for column in result.columns)
        printers = [text_of(column.sql_type) for column in result.columns]
        rows = (
            tuple(None if value is None else text(value) for value, text in zip(row, printers, strict=True))
            for row in result.rows
        )
        if stream:
            return self._streamed(result, shape, rows)
        return Answer(shape, list(rows), result.affected_rows, result.insert_id, result.warnings, result.info)

    def _remember(self, columns: tuple[ResultColumn, ...]) -> _Decoding:
        if len(self._decodings) >= SHAPES_MAX:
            self._decodings.clear()
        found = _Decoding(columns, Shape.of(_description(column) for column in columns), decoder(columns))
        self._decodings[id(columns)] = found
        return found

    def _streamed(self, result: Result, shape: Shape, rows: Iterator[tuple[Any, ...]]) -> Answer:
        self._guard.streaming = True
        closed = False

        def close() -> None:
            nonlocal closed
            if not closed:  # once only: by then another stream may be open
                closed, self._guard.streaming = True, False
                result.close()

        return Answer(shape, _reading(rows, close), result.affected_rows, result.insert_id, result.warnings, result.info, close)

    def _load_file(self, request: LocalInfile) -> Result:
        if not self._local_infile:
            raise error_of(3948, "Loading local data is disabled; connect with local_infile=True to allow it", "42000")
        try:
            with open(request.filename, "rb") as file:
                return request.load(iter(lambda: file.read(INFILE_BATCH_BYTES), b""))
        except OSError as problem:
            raise error_of(2, f"File '{request.filename}' cannot be read ({problem.strerror})") from None

    def next_answer(self) -> Answer | None:
        return None

    @property
    def in_transaction(self) -> bool:
        return self._session is not None and bool(self._session.status & IN_TRANSACTION)

    @property
    def open(self) -> bool:
        return self._session is not None

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def ping(self) -> None:
        if self._session is None:
            raise InterfaceError(0, "the connection is closed")

    def abandon(self) -> None:
        """Forget the session without touching its files (after a fork)."""
        self._session, self._held = None, False

    def close(self) -> None:
        """Roll back what is open and let go of the directory; again is no error."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        if self._held:
            self._held = False
            _links.discard(self)
            _release(self._path)


def _reading(rows: Iterator[tuple[Any, ...]], close: Callable[[], None]) -> Iterator[tuple[Any, ...]]:
    """`rows`, with the session's errors as ours, and `close` called when they end."""
    try:
        yield from rows
    except SqlError as problem:
        raise from_sql_error(problem) from None
    finally:
        close()


def _description(column: ResultColumn) -> Column:
    sql_type = column.sql_type
    return Column(
        column.name, TYPE_CODES[sql_type.kind], None, sql_type.length or None, sql_type.length or None, sql_type.scale,
        column.nullable,
    )  # fmt: skip


def open_link(path: Path, database: str | None, settings: Settings, *, local_infile: bool = False) -> EmbeddedLink:
    """A link to the embedded database in `path`; StartError when it cannot be opened."""
    try:
        return EmbeddedLink(path, database, settings, local_infile=local_infile)
    except (Error, StartError):
        raise
    except OSError as problem:
        raise OperationalError(0, f"{path}: {problem.strerror}") from None
