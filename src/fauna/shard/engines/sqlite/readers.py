"""The pool of reader connections, and results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import apsw

from fauna.errors import FaunaError, error
from fauna.session.result import MustMove, Row
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.shard import Params

_NO_ROWS: Final[list[Row]] = []
# An inline result is looked at after this many rows: when the first and the last of them are large, the rest is not
# fetched on the loop.
_FEW_ROWS: Final = 32
_LARGE_ROW_BYTES: Final = 8 * 1024


class MemoryRows:
    """A result that is in memory."""

    __slots__ = ("_iterator", "rows")

    ready = True

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._iterator: Iterator[Row] | None = None

    def __iter__(self) -> Iterator[Row]:
        if self._iterator is None:
            self._iterator = iter(self.rows)
        return self._iterator

    def __next__(self) -> Row:
        return next(iter(self))

    def fetch(self, rows_max: int) -> list[Row]:
        return list(islice(iter(self), rows_max))

    def close(self) -> None:
        self.rows = _NO_ROWS
        self._iterator = iter(_NO_ROWS)


class StreamRows:
    """A result that is being read: the rows fetched already, then those of an open cursor.

    Errors may come in the middle.  `finish` is called once, when the connection is no longer needed.
    """

    __slots__ = ("_buffer", "_cursor", "_failed", "_finish")

    ready = False

    def __init__(self, first: list[Row], cursor: apsw.Cursor, finish: Callable[[StreamRows], None]) -> None:
        self._buffer: Iterator[Row] = iter(first)
        self._cursor: apsw.Cursor | None = cursor
        self._finish = finish
        self._failed: FaunaError | None = None

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        for row in self._buffer:
            return row
        batch = self._read(256)
        if not batch:
            raise StopIteration
        self._buffer = iter(batch)
        return next(self._buffer)

    def fetch(self, rows_max: int) -> list[Row]:
        rows = list(islice(self._buffer, rows_max))
        if len(rows) < rows_max:
            rows += self._read(rows_max - len(rows))
        return rows

    def reads_from(self, handle: Handle) -> bool:
        """Whether its cursor is open on that connection."""
        return self._cursor is not None and self._cursor.connection is handle.connection

    def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        self._buffer = iter(_NO_ROWS)
        if cursor is not None:
            cursor.close(True)
            self._finish(self)

    def __del__(self) -> None:
        """Somebody forgot to close: the connection must not be lost with the result."""
        if self._cursor is not None:
            self.close()

    def detach(self, rows_max: int) -> None:
        """The connection is needed for something else: read the rest into memory, or fail beyond `rows_max`."""
        if self._cursor is None:
            return
        rows = list(self._buffer)
        try:
            rows += self._read(rows_max)
            if self._cursor is not None:
                self._failed = error("OUT_OF_RESOURCES", f"an open result of more than {rows_max} rows was left behind")
        except FaunaError as failed:
            self._failed = failed
        self.close()
        self._buffer = iter(rows)

    def _read(self, rows_max: int) -> list[Row]:
        cursor = self._cursor
        if cursor is None:
            if self._failed is not None:
                raise self._failed
            return []
        try:
            rows: list[Row] = list(islice(cursor, rows_max))
        except apsw.Error as raised:
            self.close()
            raise translate(raised) from None
        except BaseException:
            self.close()
            raise
        if len(rows) < rows_max:
            self._cursor = None
            cursor.close(True)
            self._finish(self)
        return rows


AnyRows = MemoryRows | StreamRows


def run_inline(handle: Handle, sql: str, params: Params, rows_max: int) -> MemoryRows:
    """All rows of a short query, or MustMove.  The caller has started the guard."""
    try:
        cursor = handle.execute(sql, params)
        rows: list[Row] = list(islice(cursor, _FEW_ROWS))
        if len(rows) == _FEW_ROWS:
            if _size_of(rows[0]) + _size_of(rows[-1]) > 2 * _LARGE_ROW_BYTES:
                rows_max = 0
            else:
                rows += islice(cursor, rows_max + 1 - _FEW_ROWS)
    except apsw.Error as raised:
        if handle.attach_past(raised):
            return run_inline(handle, sql, params, rows_max)
        raise translate(raised) from None
    if len(rows) > rows_max:
        handle.renew_cursor().close(True)
        raise MustMove
    return MemoryRows(rows)


def _size_of(row: Row) -> int:
    return sum(len(value) for value in row if isinstance(value, (str, bytes)))


def run_streamed(
    handle: Handle, sql: str, params: Params, prefetch_rows: int, finish: Callable[[StreamRows], None]
) -> AnyRows:
    """The result; in memory when it is short.  `finish` is called only for a StreamRows."""
    try:
        rows: list[Row] = list(islice(handle.execute(sql, params), prefetch_rows + 1))
    except apsw.Error as raised:
        if handle.attach_past(raised):
            return run_streamed(handle, sql, params, prefetch_rows, finish)
        raise translate(raised) from None
    if len(rows) <= prefetch_rows:
        return MemoryRows(rows)
    return StreamRows(rows, handle.renew_cursor(), finish)


class ReaderPool:
    """Reader connections, opened on demand, last used first (its caches are warm), bounded."""

    def __init__(self, open_reader: Callable[[], Handle], readers_max: int, idle_max: int) -> None:
        self._open_reader = open_reader
        self._readers_max = readers_max
        self._idle_max = idle_max
        self._idle: list[Handle] = []
        self._open = 0
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Handle:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self._lock:
            if self._closed:
                raise error("UNKNOWN_ERROR", "the shard is closed")
            if self._open >= self._readers_max:
                raise error("TOO_MANY_CONCURRENT_TRXS", self._readers_max)
            self._open += 1
        try:
            return self._open_reader()
        except BaseException:
            with self._lock:
                self._open -= 1
            raise

    def give(self, handle: Handle) -> None:
        """Back into the pool; no statement or transaction may be open on it."""
        if len(self._idle) < self._idle_max and not self._closed:
            self._idle.append(handle)
            return
        handle.close()
        with self._lock:
            self._open -= 1

    @property
    def open(self) -> int:
        return self._open

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
            with self._lock:
                self._open -= 1
