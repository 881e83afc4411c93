"""A Backend that answers from memory: the seam the wire's tests stand on.

`MemorySession` is a small but real Session: statements are Python functions found by the statement's text, rows come
from the functions, locks and commits are tickets the test completes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fauna.catalog.types import BIGINT_TYPE, INT_TYPE, SqlType, varchar
from fauna.errors import error
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, ResultColumn, Row
from fauna.wire.auth import stored_password
from fauna.wire.backend import ClientInfo, Param
from fauna.wire.charset import COLLATION_NAMES, charset_of_collation

IN_TRANS, AUTOCOMMIT = 1, 2


class TestTicket:
    """A ticket the test completes by hand, from any thread."""

    __test__ = False

    def __init__(self, problem: Exception | None = None) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.problem = problem

    def complete(self) -> None:
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def done(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        happened = self._event.wait(timeout_s)
        if happened:
            self.check()
        return happened

    def on_done(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def check(self) -> None:
        if self.problem is not None:
            raise self.problem


@dataclass
class MemoryAccount:
    user: str
    host: str
    plugin: str
    authentication_string: str


@dataclass
class MemoryPrepared:
    statement_id: int
    param_count: int
    columns: tuple[ResultColumn, ...] | None
    text: str = ""


@dataclass
class MemoryBackend:
    """Accounts, canned answers and everything the sessions did."""

    accounts: dict[str, MemoryAccount] = field(default_factory=dict)
    answers: dict[str, Callable[[MemorySession, bool], Result | LocalInfile]] = field(default_factory=dict)
    sessions: dict[int, MemorySession] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)
    variables: dict[str, object] = field(default_factory=dict)
    columns: dict[str, tuple[ResultColumn, ...]] = field(default_factory=dict)
    server_version: str = "10.11.14-MariaDB-FaunaDB"
    statements_run: list[str] = field(default_factory=list)
    params_run: list[list[Param]] = field(default_factory=list)

    def add_user(self, user: str, password: str, plugin: str = "caching_sha2_password") -> None:
        self.accounts[user] = MemoryAccount(user, "%", plugin, stored_password(plugin, password))

    def account(self, user: str, host: str) -> MemoryAccount | None:
        return self.accounts.get(user)

    def open_session(self, client: ClientInfo) -> MemorySession:
        if client.database == "missing":
            raise error("BAD_DB", client.database)
        session = MemorySession(self, client)
        self.sessions[client.connection_id] = session
        return session


class MemorySession:
    def __init__(self, backend: MemoryBackend, client: ClientInfo) -> None:
        self.backend = backend
        self.client = client
        self.connection_id = client.connection_id
        self.database = client.database
        self.killed = False
        self.status = AUTOCOMMIT
        charset = charset_of_collation(client.charset_collation_id).name
        self.variables: dict[str, object] = {
            "character_set_client": charset,
            "character_set_results": charset,
            "max_allowed_packet": 64 << 20,
            "net_write_timeout": 60,
            "net_read_timeout": 30,
            "wait_timeout": 28800,
            "interactive_timeout": 28800,
            "collation_connection": COLLATION_NAMES[client.charset_collation_id],
            **backend.variables,
        }
        self.prepared: dict[int, MemoryPrepared] = {}
        self.interrupted = threading.Event()
        self.closed = False
        self.busy = threading.Lock()  # a session must never be used by two threads at once
        self.multi = client.multi_statements

    def split(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(";") if part.strip()]

    def execute(self, text: str, *, inline: bool) -> Result | LocalInfile:
        assert self.busy.acquire(blocking=False), "two threads in one session"
        try:
            assert not self.closed
            self.backend.statements_run.append(text)
            return self._execute(text, inline)
        finally:
            self.busy.release()

    def _execute(self, text: str, inline: bool) -> Result | LocalInfile:
        answer = self.backend.answers.get(text)
        if answer is not None:
            return answer(self, inline)
        words = text.split()
        upper = [word.upper() for word in words]
        if upper[:2] == ["SET", "NAMES"]:
            name = words[2].strip("'\"")
            self.variables["character_set_client"] = self.variables["character_set_results"] = name
        elif upper[:1] == ["SET"] and "=" in text:
            name, _, value = text[4:].partition("=")
            self.variables[name.strip().lower()] = value.strip(" '")
        elif upper[:1] == ["KILL"]:
            self.kill(int(words[1]), query_only=False)
        elif upper[:1] == ["BEGIN"]:
            self.status |= IN_TRANS
        elif upper[:1] in (["COMMIT"], ["ROLLBACK"]):
            self.status &= ~IN_TRANS
        elif upper[:1] == ["ECHO"]:
            return rows_of([text[5:]], varchar(1000))
        elif upper[:1] == ["SELECT"] and len(words) == 2 and words[1].isdigit():
            return rows_of([int(words[1])], BIGINT_TYPE)
        elif upper[:1] == ["SELECT"] and words[1].lower() in ("@@max_allowed_packet", "database()"):
            return rows_of([self.variables["max_allowed_packet"] if "packet" in words[1] else self.database], varchar(64))
        elif not upper:
            raise error("EMPTY_QUERY")
        else:
            raise error("PARSE", text[:80], 1)
        return Result()

    def prepare(self, text: str) -> MemoryPrepared:
        statement_id = len(self.prepared) + 1
        made = MemoryPrepared(statement_id, text.count("?"), self.backend.columns.get(text), text)
        self.prepared[statement_id] = made
        return made

    def execute_prepared(self, statement_id: int, params: Sequence[Param], *, inline: bool) -> Result | LocalInfile:
        self.backend.params_run.append(list(params))
        return self.execute(self.prepared[statement_id].text, inline=inline)

    def close_prepared(self, statement_id: int) -> None:
        self.prepared.pop(statement_id)

    def use(self, database: str) -> None:
        if database == "missing":
            raise error("BAD_DB", database)
        self.database = database

    def field_list(self, table: str, wild: str) -> tuple[ResultColumn, ...]:
        if table != "t":
            raise error("NO_SUCH_TABLE", self.database or "", table)
        return (ResultColumn("a", INT_TYPE, table="t"), ResultColumn("b", varchar(10), table="t"))

    def statistics(self) -> str:
        return "Uptime: 1  Threads: 1"

    def kill(self, connection_id: int, *, query_only: bool) -> None:
        victim = self.backend.sessions.get(connection_id)
        if victim is None or victim.closed:
            raise error("NO_SUCH_THREAD", connection_id)
        victim.killed = True
        victim.client.disconnect()

    def reset(self) -> None:
        self.status = AUTOCOMMIT
        self.prepared.clear()

    def set_option(self, multi_statements: bool) -> None:
        self.multi = multi_statements

    def variable(self, name: str) -> object:
        return self.variables[name]

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        assert self.busy.acquire(blocking=False), "closed while a thread is in it"
        self.closed = True
        self.backend.closed.append(self.connection_id)
        self.busy.release()


def column(name: str, sql_type: SqlType, **more: object) -> ResultColumn:
    return ResultColumn(name, sql_type, **more)  # type: ignore[arg-type]


def rows_of(values: Sequence[object], sql_type: SqlType) -> Result:
    """One column, one row per value, in memory."""
    rows = [(value,) for value in values]
    return Result(columns=(column("value", sql_type),), rows=iter(rows), ready=True)  # type: ignore[arg-type]


def table_of(columns: tuple[ResultColumn, ...], rows: Sequence[Row], *, ready: bool = True) -> Result:
    return Result(columns=columns, rows=iter(rows), ready=ready)


def counted(count: int, row: Row, columns: tuple[ResultColumn, ...], closed: list[str] | None = None) -> Result:
    """`count` rows made one by one, as a scan makes them."""

    def rows() -> Iterator[Row]:
        for _ in range(count):
            yield row

    def close() -> None:
        if closed is not None:
            closed.append("closed")

    return Result(columns=columns, rows=rows(), close=close)


def moving(answer: Callable[[], Result]) -> Callable[[MemorySession, bool], Result]:
    """An answer that never runs on the loop."""

    def run(session: MemorySession, inline: bool) -> Result:
        if inline:
            raise MustMove
        return answer()

    return run


def waiting(ticket: TestTicket, answer: Callable[[], Result]) -> Callable[[MemorySession, bool], Result]:
    """An answer that waits for a lock."""

    def run(session: MemorySession, inline: bool) -> Result:
        if not ticket.done():
            raise MustWait(ticket)
        ticket.check()
        return answer()

    return run


def slow(seconds: float, answer: Callable[[], Result]) -> Callable[[MemorySession, bool], Result]:
    """An answer that computes for a while in a worker thread, and can be interrupted."""

    def run(session: MemorySession, inline: bool) -> Result:
        if inline:
            raise MustMove
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if session.interrupted.wait(0.01):
                raise error("QUERY_INTERRUPTED")
        return answer()

    return run
