"""A private database for one query of the query node: what came from shards is put here, and asked again.

It is a file without a name, of which SQLite keeps in memory what fits in its cache: a large intermediate result takes disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import apsw

from fauna.session.result import Row
from fauna.shard.engines.sqlite.connection import Configure, Guard, Handle
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.readers import AnyRows, StreamRows, run_streamed
from fauna.shard.shard import Params, Watch

_CACHE_KIB: Final = 64 * 1024
_STEPS: Final = 20_000
_PREFETCH_ROWS: Final = 256
# So many rows, and values, are written by one INSERT: a row by itself costs twice as much.
_INSERT_ROWS: Final = 64
_INSERT_VALUES: Final = 1024


class Scratch:
    """Several threads may add rows; one asks, when they are done."""

    def __init__(self, configure: Configure) -> None:
        connection = apsw.Connection("")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA temp_store = FILE")
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        guard = Guard()
        configure(connection)
        connection.set_progress_handler(guard.look, _STEPS)
        self._handle = Handle(connection, guard)
        self._lock = threading.Lock()
        self._tables: list[str] = []

    def make(self, table: str, columns: Sequence[str]) -> None:
        """A table of these columns, as CREATE TABLE has them."""
        self._run(f"CREATE TABLE {table} ({', '.join(columns)}) STRICT")
        self._tables.append(table)

    def add(self, table: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        width = len(rows[0])
        places = f"({', '.join('?' * width)})"
        at_once = min(_INSERT_ROWS, _INSERT_VALUES // width)
        together = len(rows) - len(rows) % at_once if at_once > 1 else 0
        with self._lock:
            self._handle.guard.start(None, inline=False)
            execute = self._handle.connection.execute
            try:
                execute("BEGIN")
                if together:
                    insert = f"INSERT INTO {table} VALUES {', '.join([places] * at_once)}"
                    for first in range(0, together, at_once):
                        execute(insert, tuple(chain.from_iterable(rows[first : first + at_once])))
                if together < len(rows):
                    self._handle.connection.executemany(f"INSERT INTO {table} VALUES {places}", rows[together:])
                execute("COMMIT")
            except apsw.Error as raised:
                raise translate(raised) from None

    def query(self, sql: str, params: Params, watch: Watch | None, finish: Callable[[], None]) -> AnyRows:
        """`finish` is called once, when the rows have been read or closed."""
        handle = self._handle
        handle.guard.start(watch, inline=False)
        rows = run_streamed(handle, sql, params, _PREFETCH_ROWS, lambda stream: finish())
        if not isinstance(rows, StreamRows):
            finish()
        return rows

    def clear(self) -> None:
        """Forget all tables."""
        while self._tables:
            self._run(f"DROP TABLE {self._tables.pop()}")

    def close(self) -> None:
        self._handle.close()

    def _run(self, sql: str) -> None:
        self._handle.guard.start(None, inline=False)
        self._handle.connection.execute(sql)


class ScratchPool:
    """Scratch databases that nobody uses now, made on demand."""

    def __init__(self, configure: Configure, idle_max: int = 4) -> None:
        self._configure = configure
        self._idle_max = idle_max
        self._idle: list[Scratch] = []

    def take(self) -> Scratch:
        try:
            return self._idle.pop()
        except IndexError:
            return Scratch(self._configure)

    def give(self, scratch: Scratch) -> None:
        try:
            scratch.clear()
        except apsw.Error:  # a statement is still open on it
            scratch.close()
            return
        if len(self._idle) < self._idle_max:
            self._idle.append(scratch)
        else:
            scratch.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
