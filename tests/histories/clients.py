"""Clients that append to lists and read them on a server, in transactions, and note what they were told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import pymysql

from tests.histories.generator import Intent, Shape, transactions
from tests.histories.history import Append, Op, Outcome, Read, Transaction
from tests.servers import Server

# Deadlock, lock wait, changed since it was read, and a key that another has inserted meanwhile: rolled back, nothing else.
_REFUSED: Final = (1213, 1205, 1020, 1062)
_OPEN: Final = 1180  # the server cannot say whether it is committed
_CONNECTION_LOST: Final = (0, 2006, 2013, 2014, 2055)
_RECONNECT_S_MAX: Final = 60.0


class Layout(Protocol):
    """How a list is kept in a table."""

    create: str
    whole: str

    def append(self, cursor: Any, key: int, value: int) -> list[Op]: ...
    def read(self, cursor: Any, keys: Sequence[int]) -> list[Op]: ...


class TextLists:
    """One row each.  Appended to in turn by an upsert, by an UPDATE or else an INSERT, and, if `by_client`, by a client that writes
    what it has read and one more, which loses others' where the isolation is too weak."""

    def __init__(self, *, by_client: bool = True) -> None:
        self.ways = 3 if by_client else 2

    create = "CREATE TABLE lists (k INT PRIMARY KEY, v MEDIUMTEXT NOT NULL)"
    whole = "SELECT k, v FROM lists"

    def append(self, cursor: Any, key: int, value: int) -> list[Op]:
        match value % self.ways:
            case 0:
                cursor.execute(
                    "INSERT INTO lists VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = CONCAT(v, ',', VALUES(v))", (key, value)
                )
            case 1:
                if not cursor.execute("UPDATE lists SET v = CONCAT(v, ',', %s) WHERE k = %s", (value, key)):
                    cursor.execute("INSERT INTO lists VALUES (%s, %s)", (key, value))
            case _:
                (read,) = self.read(cursor, (key,))
                assert isinstance(read, Read)
                text = ",".join(map(str, (*read.seen, value)))
                cursor.execute("INSERT INTO lists VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = VALUES(v)", (key, text))
                return [read, Append(key, value)]
        return [Append(key, value)]

    def read(self, cursor: Any, keys: Sequence[int]) -> list[Op]:
        cursor.execute("SELECT k, v FROM lists WHERE k IN %s", (tuple(keys),))
        found = {key: tuple(map(int, text.split(","))) for key, text in cursor.fetchall()}
        return [Read(key, found.get(key, ())) for key in keys]


class RowLists:
    """One row for each value: those of a list are on all shards, and a read is of a range into which others insert."""

    create = "CREATE TABLE lists (k INT, n INT, v INT NOT NULL, PRIMARY KEY (k, n))"
    whole = "SELECT k, GROUP_CONCAT(v ORDER BY n) FROM lists GROUP BY k"

    def append(self, cursor: Any, key: int, value: int) -> list[Op]:
        cursor.execute("INSERT INTO lists SELECT %s, COALESCE(MAX(n), 0) + 1, %s FROM lists WHERE k = %s", (key, value, key))
        return [Append(key, value)]

    def read(self, cursor: Any, keys: Sequence[int]) -> list[Op]:
        cursor.execute("SELECT k, v FROM lists WHERE k IN %s ORDER BY k, n", (tuple(keys),))
        rows = cursor.fetchall()
        return [Read(key, tuple(value for k, value in rows if k == key)) for key in keys]


class Workload:
    """`count` transactions of a seed, done by `clients` side by side.  Clients outlive a crash of the server."""

    def __init__(
        self,
        server: Server,
        layout: Layout,
        isolation: str,
        *,
        seed: int,
        count: int,
        clients: int = 8,
        shape: Shape | None = None,
    ) -> None:
        self.server = server
        self.layout = layout
        self.isolation = isolation
        self.clients = clients
        self.history: list[Transaction] = []
        self._left: Iterator[tuple[int, tuple[Intent, ...]]] = enumerate(
            islice(transactions(seed, shape or Shape()), count), start=1
        )
        self._lock = threading.Lock()
        self._problems: list[BaseException] = []

    def run(self) -> list[Transaction]:
        """The history; its last transaction reads every list."""
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS lists")
            cursor.execute(self.layout.create)
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._problems:
            raise self._problems[0]
        self.history.append(self._read_all(len(self.history) + 1))
        return self.history

    @property
    def done(self) -> int:
        return len(self.history)

    def _read_all(self, number: int) -> Transaction:
        begun = time.monotonic()
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION group_concat_max_len = 1000000")
            cursor.execute(self.layout.whole)
            ops = tuple(Read(key, tuple(map(int, text.split(",")))) for key, text in cursor.fetchall())
        return Transaction(number, ops, Outcome.OK, begun, time.monotonic())

    def _client(self) -> None:
        try:
            connection = self._connect()
            while (following := self._next()) is not None:
                transaction, lost = self._once(connection, *following)
                with self._lock:
                    self.history.append(transaction)
                if lost:
                    connection = self._connect()
            connection.close()
        except BaseException as problem:
            with self._lock:
                self._problems.append(problem)

    def _next(self) -> tuple[int, tuple[Intent, ...]] | None:
        with self._lock:
            return None if self._problems else next(self._left, None)

    def _connect(self) -> Any:
        deadline = time.monotonic() + _RECONNECT_S_MAX
        while True:
            try:
                connection = self.server.connect(database="test", autocommit=False)
                with connection.cursor() as cursor:
                    cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {self.isolation}")
                return connection
            except (pymysql.MySQLError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.02, 0.1))  # nobody says when the port will be there again

    def _once(self, connection: Any, number: int, intents: Sequence[Intent]) -> tuple[Transaction, bool]:
        """What came of it, and whether the connection is lost."""
        ops: list[Op] = []
        begun = time.monotonic()
        outcome, lost = Outcome.FAILED, False
        try:
            with connection.cursor() as cursor:
                for intent in intents:
                    if isinstance(intent, Append):
                        ops += self.layout.append(cursor, intent.key, intent.value)
                    else:
                        ops += self.layout.read(cursor, intent.keys)
            outcome = Outcome.UNKNOWN
            connection.commit()
            outcome = Outcome.OK
        except (pymysql.MySQLError, OSError) as problem:
            code = problem.args[0]
            if code in _REFUSED:
                outcome = Outcome.FAILED
            elif _is_lost(problem):
                lost = True
            elif code != _OPEN:
                raise
        if outcome is not Outcome.OK and not lost:
            lost = _rolled_back_or_lost(connection)
        return Transaction(number, tuple(ops), outcome, begun, time.monotonic()), lost


def _is_lost(problem: Exception) -> bool:
    return isinstance(problem, OSError) or problem.args[0] in _CONNECTION_LOST


def _rolled_back_or_lost(connection: Any) -> bool:
    """True when the connection is gone, and the transaction with it."""
    try:
        connection.rollback()
    except (pymysql.MySQLError, OSError) as problem:
        if not _is_lost(problem):
            raise
        return True
    return False
