"""XA with real clients and kill -9: a transaction manager that keeps its decisions finds every transaction as it decided."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.cluster import bank
from tests.cluster.test_crash import integrity
from tests.cluster.worker import Worker
from tests.servers import Server, faunadb

CLIENTS = 6
TOTAL = bank.ACCOUNTS * bank.START_AMOUNT
UNKNOWN_XID = 1397


@pytest.fixture(params=[1, 4])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    started = faunadb.start("--shards", str(request.param), data=tmp_path / "data")
    started.query("CREATE DATABASE test")
    bank.open_bank(started)
    yield started
    started.close()


def run(connection: Any, *statements: str) -> Any:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_prepared_transaction_outlives_its_client_and_the_server(server: Server, end: str, tmp_path: Path) -> None:
    client = server.connect(database="test")
    run(client, "XA START 'order-7', 'bank', 3", "UPDATE account SET amount = amount + 1", "DELETE FROM account WHERE id = 49",
        "INSERT INTO log VALUES (1, 1)", "XA END 'order-7', 'bank', 3", "XA PREPARE 'order-7', 'bank', 3")  # fmt: skip
    for _ in range(2):
        server.kill()
        integrity(tmp_path / "data")
        server.restart()
        other = server.connect(database="test")
        assert run(other, "XA RECOVER") == ((3, 7, 4, b"order-7bank"),)
        assert run(other, "SELECT SUM(amount), COUNT(*) FROM account") == ((TOTAL, bank.ACCOUNTS),)
        run(other, "SET innodb_lock_wait_timeout = 0")
        for statement in ("UPDATE account SET amount = 0 WHERE id = 7", "INSERT INTO log VALUES (1, 1)"):
            with pytest.raises(pymysql.MySQLError) as caught:
                run(other, statement)
            assert caught.value.args[0] == 1205
        run(other, "INSERT INTO log VALUES (2, 2)", "DELETE FROM log WHERE client = 2")
    run(other, f"XA {end} 'order-7', 'bank', 3")
    server.kill()
    server.restart()
    other = server.connect(database="test")
    assert run(other, "XA RECOVER") == ()
    expected = (TOTAL + bank.ACCOUNTS - 1 - bank.START_AMOUNT, bank.ACCOUNTS - 1) if end == "COMMIT" else (TOTAL, bank.ACCOUNTS)
    assert run(other, "SELECT SUM(amount), COUNT(*) FROM account") == (expected,)
    run(other, "UPDATE account SET amount = amount + 1")


@dataclass
class Manager(Worker):
    """A client that moves money in XA transactions.  decided: each one's name -> whether to commit, noted before it is asked for;
    what has no entry is to be rolled back."""

    server: Server
    number: int
    dice: random.Random
    decided: dict[int, bool] = field(default_factory=dict)
    begun: int = 0

    def _run(self) -> None:
        with contextlib.suppress(pymysql.MySQLError, OSError), self.server.connect(database="test") as connection:
            while not self.stopping:
                self.begun += 1
                self._once(connection, self.begun)

    def _once(self, connection: Any, n: int) -> None:
        a, b = self.dice.sample(range(bank.ACCOUNTS), 2)
        xid = f"'{self.number}-{n}'"
        try:
            run(connection, f"XA START {xid}", f"INSERT INTO journal VALUES ({self.number}, {n}, {a}, {b})",
                f"UPDATE account SET amount = amount - 1 WHERE id = {a}", f"UPDATE account SET amount = amount + 1 WHERE id = {b}",
                f"XA END {xid}", f"XA PREPARE {xid}")  # fmt: skip
        except pymysql.MySQLError as problem:
            if problem.args[0] not in (1205, 1213):
                raise
            with contextlib.suppress(pymysql.err.OperationalError):
                run(connection, f"XA END {xid}")
            run(connection, f"XA ROLLBACK {xid}")
            return
        commit = self.dice.random() < 0.8
        self.decided[n] = commit
        run(connection, f"XA {'COMMIT' if commit else 'ROLLBACK'} {xid}")

    def finish(self, connection: Any) -> int:
        """After a crash: end what is prepared as it was decided; returns how many there were."""
        left = [data.decode() for *_, data in run(connection, "XA RECOVER")]
        mine = [int(data.split("-")[1]) for data in left if data.startswith(f"{self.number}-")]
        for n in mine:
            run(connection, f"XA {'COMMIT' if self.decided.get(n) else 'ROLLBACK'} '{self.number}-{n}'")
        return len(mine)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kills", "seconds"), [(4, 6.0), pytest.param(30, 60.0, marks=pytest.mark.long)], ids=["short", "long"])
def test_every_transaction_ends_as_its_manager_decided(server: Server, kills: int, seconds: float, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    managers = [Manager(server, number, random.Random(seed + number)) for number in range(CLIENTS)]
    left = 0
    for _ in range(kills):
        for manager in managers:
            manager.start()
        time.sleep(seconds / kills * dice.uniform(0.5, 1.5))
        server.kill()
        for manager in managers:
            manager.join()
        integrity(tmp_path / "data")
        server.restart()
        with server.connect(database="test") as connection:
            left += sum(manager.finish(connection) for manager in managers)
            assert run(connection, "XA RECOVER") == ()
        _audit(server, managers)
    ended = sum(len(manager.decided) for manager in managers)
    print(f"{ended} transactions decided, {left} found prepared after a crash")
    assert ended > 5 * kills
    assert left


def _audit(server: Server, managers: list[Manager]) -> None:
    """What is in the journal is exactly what was decided to commit, and every account is what the journal makes of it."""
    found = server.query("SELECT client, n, a, b FROM journal", database="test")
    expected = {(manager.number, n) for manager in managers for n, commit in manager.decided.items() if commit}
    assert {(client, n) for client, n, _, _ in found} == expected
    amounts = dict.fromkeys(range(bank.ACCOUNTS), bank.START_AMOUNT)
    for _, _, a, b in found:
        amounts[a] -= 1
        amounts[b] += 1
    assert dict(server.query("SELECT id, amount FROM account", database="test")) == amounts
