"""Random statements: an error or an answer, never a dead connection, never a traceback to the client."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

import pymysql
import pytest

from tests.cluster.statements import Grammar, Library, mutated
from tests.scripts import script
from tests.servers import Server

# What a client may never see, whatever it sends.
FORBIDDEN = (
    "Traceback",
    'File "',
    "internal error",
    "Internal error",
    "apsw",
    "sqlite",
    "SQLite",
    "NoneType",
    "KeyError",
    "AttributeError",
)
GONE = (2006, 2013, 2055)
STATEMENT_TIMEOUT_S = 15
STATEMENTS_PER_CONNECTION = 50
STATEMENTS_PER_SCHEMA = 200  # then t and u are made anew, whatever became of them
BAD_MAX = 40


SEED = 20261121
STATEMENTS = 3000  # in `make test`


class Fuzzer:
    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.dice = random.Random(seed)
        self.grammar = Grammar(self.dice)
        self.counts = {"answers": 0, "errors": 0}
        self.bad: list[str] = []
        self.sent = 0
        self.connection: Any = None
        self._connect()

    def _connect(self) -> None:
        self.connection = self.server.connect(database="test", read_timeout=STATEMENT_TIMEOUT_S, conv={})
        with self.connection.cursor() as cursor:
            cursor.execute("SET max_statement_time = 2, innodb_lock_wait_timeout = 1")

    def _tables(self) -> None:
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            for sql in (*RESET, *SETUP):
                with contextlib.suppress(pymysql.MySQLError):
                    cursor.execute(sql)

    def send(self, sql: str) -> None:
        self.sent += 1
        if self.sent % STATEMENTS_PER_CONNECTION == 0:  # what a statement did to its session does not colour all that follow
            self.connection.close()
            if self.sent % STATEMENTS_PER_SCHEMA == 0:
                self._tables()
            self._connect()
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql)
                cursor.fetchmany(1000)
                while cursor.nextset():
                    pass
            self.counts["answers"] += 1
        except pymysql.MySQLError as problem:
            self.counts["errors"] += 1
            errno, message = (*problem.args, 0, "")[:2]
            if errno in GONE:
                self.bad.append(f"the connection died ({message}): {sql}")
                try:
                    self._connect()
                except pymysql.MySQLError as refused:
                    raise AssertionError(f"no new connection ({refused}) after: {sql}") from None
            elif errno == 1105 or any(word in str(message) for word in FORBIDDEN):
                self.bad.append(f"{errno} {message}: {sql}")
        except (UnicodeDecodeError, ValueError):
            self.counts["answers"] += 1


RESET = (
    "SET foreign_key_checks = 0",
    "DROP VIEW IF EXISTS test.t, test.u",
    "DROP TABLE IF EXISTS test.t, test.u, test.z1, test.z2, test.z3",
)
SETUP = (
    "CREATE DATABASE IF NOT EXISTS test",
    "CREATE TABLE test.t (a INT PRIMARY KEY AUTO_INCREMENT, b VARCHAR(20), c DECIMAL(10,2), d DATETIME, e DOUBLE, f ENUM('x','y'), KEY (b))",
    "CREATE TABLE test.u (a INT, b TEXT, c BIGINT UNSIGNED, d DATE, e TIME, f BLOB, UNIQUE (a))",
    "INSERT INTO test.t (b, c, d, e, f) VALUES ('one', 1.5, '2024-01-01', 0.5, 'x'), ('two', NULL, NULL, 1e10, NULL)",
    "INSERT INTO test.u VALUES (1, 'x', 18446744073709551615, '2024-02-29', '10:00:00', x'00ff'), (NULL, '', 0, NULL, NULL, NULL)",
)


@pytest.fixture
def fuzzer(own_server: Server) -> Fuzzer:
    for sql in SETUP:
        own_server.query(sql)
    return Fuzzer(own_server, SEED)


class Until:
    """How far a test goes.  `make test` sends the same statements each time, so that a failure is the change's; the long
    versions look for new ones, from a seed that they print, for as long as they are given."""

    def __init__(self, fuzzer: Fuzzer, seconds: float) -> None:
        self._fuzzer = fuzzer
        self._end = time.monotonic() + seconds if seconds else 0.0
        if seconds:
            seed = random.randrange(1 << 30)
            print(f"seed {seed}")
            fuzzer.dice.seed(seed)

    def going_on(self) -> bool:
        fuzzer = self._fuzzer
        if len(fuzzer.bad) >= BAD_MAX:
            return False
        return time.monotonic() < self._end if self._end else fuzzer.sent < STATEMENTS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [0, pytest.param(240, marks=pytest.mark.long)])
def test_random_statements(fuzzer: Fuzzer, seconds: float) -> None:
    until = Until(fuzzer, seconds)
    while until.going_on():
        fuzzer.send(fuzzer.grammar.statement())
    _verdict(fuzzer)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [0, pytest.param(240, marks=pytest.mark.long)])
def test_mutated_statements(fuzzer: Fuzzer, seconds: float) -> None:
    """Statements of the golden scripts with pieces cut out, doubled and swapped."""
    texts = [
        s.sql for name in script.names() for s in script.load(name).statements if "SLEEP" not in s.sql and "KILL" not in s.sql
    ]
    until = Until(fuzzer, seconds)
    while until.going_on():
        sql = mutated(fuzzer.dice, fuzzer.dice.choice(texts), texts)
        if not any(word in sql.upper() for word in ("SLEEP", "KILL", "BENCHMARK", "DROP DATABASE", "GLOBAL", "SHUTDOWN")):
            fuzzer.send(sql)
    _verdict(fuzzer)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [0, pytest.param(240, marks=pytest.mark.long)])
def test_library_functions(fuzzer: Fuzzer, seconds: float) -> None:
    library = Library(fuzzer.dice)
    until = Until(fuzzer, seconds)
    while until.going_on():
        fuzzer.send(library.statement())
    _verdict(fuzzer)


def _verdict(fuzzer: Fuzzer) -> None:
    print(fuzzer.counts)
    assert fuzzer.server.alive()
    assert fuzzer.server.query("SELECT 1") == ((1,),)
    shown = "\n".join(fuzzer.bad[:15])
    assert not fuzzer.bad, f"{len(fuzzer.bad)} statements, of them:\n{shown}"
    assert "Traceback" not in "".join(fuzzer.server.output), fuzzer.server.last_words()
    assert fuzzer.counts["answers"] > 50, "the grammar makes nothing that works"
