"""The change stream of a server under load: a consumer in another process, killed again and again, has the tables in the end."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.cluster.mirror import kept, selected
from tests.cluster.worker import Worker
from tests.servers import Server, faunadb
from tests.servers.faunadb import environment

WRITERS = 4
TABLES = ("test.stock", "test.names", "test.journal", "test.altered")
RETRYABLE = frozenset({1205, 1213, 1020, 1402})  # the last: an XA transaction was rolled back
_END_S = 120


def command(server: Server, *options: str) -> list[str]:
    return [sys.executable, "-m", "fauna", "changes", "--port", str(server.port), "--user", "root", "--json", *options]


@pytest.fixture(params=[1, 4], ids=["1 shard", "4 shards"])
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with faunadb.start("--shards", str(request.param), data=tmp_path / "data") as server:
        server.query("CREATE DATABASE test")
        with server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE stock (id INT PRIMARY KEY, n INT, at TIMESTAMP(6) NULL, cost DECIMAL(10,3))")
            cursor.execute("CREATE TABLE names (name VARCHAR(20) PRIMARY KEY, n INT, data BLOB)")
            cursor.execute("CREATE TABLE journal (writer INT, n INT, kind ENUM('a','b'), PRIMARY KEY (writer, n))")
            cursor.execute("CREATE TABLE altered (id INT PRIMARY KEY, n INT)")
            cursor.execute("CREATE TABLE marker (id INT PRIMARY KEY)")
            cursor.execute("INSERT INTO stock VALUES " + ",".join(f"({n},0,NULL,{n}.5)" for n in range(200)))
            cursor.execute("INSERT INTO altered VALUES " + ",".join(f"({n},0)" for n in range(50)))
            connection.commit()
        yield server


@dataclass
class Writer(Worker):
    """Changes of all kinds, over several shards, some by XA."""

    server: Server
    number: int
    seed: int
    done: int = 0
    wrong: list[str] = field(default_factory=list)

    def _run(self) -> None:
        dice = random.Random(f"{self.seed} {self.number} {self.done}")
        while not self.stopping and not self.wrong:
            with self.server.connect(database="test", autocommit=True) as connection:
                try:
                    while not self.stopping:
                        self._once(connection, dice)
                        self.done += 1
                except pymysql.MySQLError as problem:  # with a new connection there is no transaction to get out of
                    if problem.args[0] not in RETRYABLE:
                        self.wrong.append(str(problem))

    def _once(self, connection: Any, dice: random.Random) -> None:
        a, b = dice.sample(range(200), 2)
        name, other = f"name {dice.randrange(40)}", f"name {dice.randrange(40)}"
        choice = dice.randrange(7)
        with connection.cursor() as cursor:
            if choice == 0:
                cursor.execute("UPDATE stock SET n = n + 1, at = NOW(6) WHERE id = %s", (a,))
            elif choice == 1:
                cursor.execute("REPLACE INTO names VALUES (%s, %s, %s)", (name, self.done, bytes([a, b])))
            elif choice == 2:
                cursor.execute("DELETE FROM stock WHERE id = %s", (a,))
                cursor.execute("INSERT IGNORE INTO stock VALUES (%s, 0, NULL, 1)", (b,))
            elif choice == 3:
                self._transaction(cursor, name, other, a, b)
            elif choice == 4:
                xid = f"'w{self.number}.{self.seed}.{self.done}.{dice.randrange(1 << 30)}'"
                cursor.execute(f"XA START {xid}")
                cursor.execute("UPDATE stock SET n = n - 1 WHERE id IN (%s, %s)", (a, b))
                cursor.execute("INSERT INTO journal VALUES (%s, %s, 'b')", (self.number, self.done))
                cursor.execute(f"XA END {xid}")
                cursor.execute(f"XA PREPARE {xid}")
                cursor.execute(f"XA {'COMMIT' if dice.random() < 0.8 else 'ROLLBACK'} {xid}")
            elif choice == 5:
                cursor.execute("UPDATE IGNORE names SET name = %s WHERE name = %s", (name, other))
            else:
                cursor.execute("UPDATE altered SET n = n + 1 WHERE id = %s", (dice.randrange(50),))

    def _transaction(self, cursor: Any, name: str, other: str, a: int, b: int) -> None:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE stock SET n = n + 1 WHERE id IN (%s, %s)", (a, b))
        cursor.execute("DELETE FROM names WHERE name = %s", (name,))
        cursor.execute("REPLACE INTO names VALUES (%s, -1, NULL), (%s, %s, 'x')", (other, name, a))
        cursor.execute("INSERT INTO journal VALUES (%s, %s, 'a')", (self.number, self.done))
        cursor.execute("COMMIT")


class Definer(Worker):
    """Alters a table that others write to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.done = 0
        self.wrong: list[str] = []

    def _run(self) -> None:
        statements = (
            "ALTER TABLE altered ADD COLUMN extra{n} INT DEFAULT {n}",
            "ALTER TABLE altered MODIFY n BIGINT NOT NULL",
            "ALTER TABLE altered DROP COLUMN extra{m}",
            "TRUNCATE TABLE altered",
            "INSERT INTO altered (id, n) VALUES ({n} % 40, 1), (49, 2)",
            "ALTER TABLE altered MODIFY n INT",
        )
        pause = threading.Event()
        with contextlib.suppress(OSError), self.server.connect(database="test", autocommit=True) as connection:
            while not self.stopping:
                number, turn = divmod(self.done, len(statements))
                try:
                    connection.query(statements[turn].format(n=number, m=number))
                    self.done += 1
                except pymysql.MySQLError as problem:
                    if problem.args[0] not in RETRYABLE:
                        self.wrong.append(str(problem))
                        return
                pause.wait(0.05)


class Consumer:
    """A process that keeps the tables in a file."""

    def __init__(self, file: Path, feed: list[str]) -> None:
        arguments = [sys.executable, "-m", "tests.cluster.mirror", str(file), "--", *feed]
        env = environment()
        env["FAUNADB_PASSWORD"] = env["FAUNADB_ROOT_PASSWORD"]
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env=env, cwd=Path(__file__).parents[2], start_new_session=True
        )

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield line.strip()

    def kill(self) -> None:
        """It and the command that feeds it, without a word."""
        import os

        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.long)])
def test_a_consumer_that_is_killed_has_the_tables_in_the_end(loaded: Server, kills: int, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    file = tmp_path / "mirror.db"
    workers = [*[Writer(loaded, number, seed) for number in range(WRITERS)], Definer(loaded)]
    for worker in workers:
        worker.start()
    for _ in range(kills):
        consumer = Consumer(file, command(loaded, "--follow"))
        wanted = dice.randrange(1, 6)
        for line in consumer.lines():
            wanted -= line.startswith("progress")
            if not wanted:
                break
        assert not wanted, "the consumer has ended"
        consumer.kill()
    for worker in workers:
        worker.join()
    assert [worker.wrong for worker in workers] == [[]] * len(workers)  # type: ignore[attr-defined]
    loaded.query("INSERT INTO test.marker VALUES (1)")
    consumer = Consumer(file, command(loaded, "--follow"))
    assert "marker 1" in consumer.lines()
    consumer.kill()
    assert min(worker.done for worker in workers) > kills // 5  # type: ignore[attr-defined]
    found = kept(file)
    expected = selected(loaded.query, TABLES)
    for name in TABLES:
        assert found.get(name, {}) == expected[name], name


def test_the_command_tells_of_everything_and_leaves(loaded: Server) -> None:
    ran = subprocess.run(command(loaded), capture_output=True, text=True, env=_with_password(), timeout=_END_S)
    assert (ran.returncode, ran.stderr) == (0, "")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [e["op"] for e in events].count("c") == 250
    some = subprocess.run(
        [*command(loaded, "--table", "altered", "--database", "test", "--from", events[-10]["source"]["sequence"])],
        capture_output=True, text=True, env=_with_password(), timeout=_END_S,
    )  # fmt: skip
    assert [json.loads(line) for line in some.stdout.splitlines()] == [
        e for e in events[-9:] if e["source"]["table"] == "altered"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "yesterday"], "expected is a position that an event had"),
        (["--from", "2999-01-01"], "that is in the future"),
        (["--from", "17.3"], "no transaction of this database was committed then"),
        (["--from", "0:99999999"], "shard 0 has the blocks 1 to"),
        (["--table", "test.nothing"], "Table 'test.nothing' doesn't exist"),
        (["--table", "nothing"], "which database is table 'nothing' in?"),
    ],
)
def test_the_command_says_what_it_expected(faunadb_server: Server, options: list[str], message: str) -> None:
    ran = subprocess.run(command(faunadb_server, *options), capture_output=True, text=True, env=_with_password(), timeout=_END_S)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert message in ran.stderr and "Traceback" not in ran.stderr and ran.stderr.count("\n") == 1


def test_follow_ends_with_ctrl_c_and_with_its_reader(loaded: Server) -> None:
    for end in ("interrupt", "close"):
        follower = subprocess.Popen(
            command(loaded, "--follow", "--from", "start"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=_with_password(),
        )  # fmt: skip
        assert follower.stdout is not None and follower.stderr is not None
        for _ in range(250):
            assert json.loads(follower.stdout.readline())
        if end == "interrupt":
            follower.send_signal(signal.SIGINT)
            follower.communicate(timeout=_END_S)
            assert follower.returncode == 130
        else:
            follower.stdout.close()  # nothing more happens in the database: it notices by itself
            assert follower.wait(_END_S) == 0
        follower.stderr.close()


def test_a_waiting_call_is_ended_by_kill_and_holds_no_thread(loaded: Server) -> None:
    """More of them than there are worker threads, and others are answered meanwhile."""
    waiting = [loaded.connect() for _ in range(40)]
    failed: list[int] = []

    def wait(connection: Any) -> None:
        try:
            connection.query("CALL fauna.changes('now', 10, 600000)")
        except pymysql.MySQLError as problem:
            failed.append(problem.args[0])

    threads = [threading.Thread(target=wait, args=(connection,)) for connection in waiting]
    for thread in threads:
        thread.start()
    with loaded.connect() as other, other.cursor() as cursor:
        for _ in range(400):
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query'")
            cursor.execute("SELECT COUNT(*) FROM test.stock JOIN test.altered USING (id)")
            assert cursor.fetchone() == (50,)
        for connection in waiting:
            cursor.execute(f"KILL QUERY {connection.thread_id()}")
    for thread in threads:
        thread.join(_END_S)
    assert failed == [1317] * 40
    for connection in waiting:
        connection.close()


def _with_password() -> dict[str, str]:
    env = environment()
    return env | {"FAUNADB_PASSWORD": env["FAUNADB_ROOT_PASSWORD"]}
