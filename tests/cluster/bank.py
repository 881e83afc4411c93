"""Clients that move money and insert rows, and remember which commits were acknowledged."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

import pymysql

from tests.cluster.worker import Worker
from tests.servers import Server

ACCOUNTS = 50
START_AMOUNT = 1000


def open_bank(server: Server) -> None:
    with server.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE account (id INT PRIMARY KEY, amount DECIMAL(12,2) NOT NULL)")
        cursor.executemany("INSERT INTO account VALUES (%s, %s)", [(i, START_AMOUNT) for i in range(ACCOUNTS)])
        cursor.execute("CREATE TABLE journal (client INT, n INT, a INT, b INT, PRIMARY KEY (client, n))")
        cursor.execute("CREATE TABLE log (client INT, n INT, PRIMARY KEY (client, n))")


@dataclass
class Client(Worker):
    """`moved` and `logged`: the highest n whose commit the server acknowledged; `begun`: the highest that was tried."""

    server: Server
    number: int
    seed: int
    moved: set[int] = field(default_factory=set)
    logged: set[int] = field(default_factory=set)
    begun: int = 0
    refused: int = 0
    first: int = 0

    def _run(self) -> None:
        dice = random.Random(self.seed + self.begun)
        with (
            contextlib.suppress(pymysql.MySQLError, OSError),
            self.server.connect(database="test", autocommit=False) as connection,
        ):
            while not self.stopping:
                self.begun += 1
                self._once(connection, dice, self.begun)

    def _once(self, connection: Any, dice: random.Random, n: int) -> None:
        a, b = dice.sample(range(ACCOUNTS), 2)
        with connection.cursor() as cursor:
            try:
                cursor.execute("INSERT INTO journal VALUES (%s, %s, %s, %s)", (self.number, n, a, b))
                cursor.execute("UPDATE account SET amount = amount - 1 WHERE id = %s", (a,))
                cursor.execute("UPDATE account SET amount = amount + 1 WHERE id = %s", (b,))
                connection.commit()
                self.moved.add(n)
                cursor.execute("INSERT INTO log VALUES (%s, %s)", (self.number, n))
                connection.commit()
                self.logged.add(n)
            except pymysql.MySQLError as problem:
                if problem.args[0] not in (1205, 1213, 1020):
                    raise
                self.refused += 1
                connection.rollback()


def run_for(clients: list[Client], seconds: float) -> None:
    for client in clients:
        client.start()
    time.sleep(seconds)


def audit(server: Server, clients: list[Client]) -> None:
    """Every acknowledged commit is there, no half of one, and no money came or went."""
    with server.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT SUM(amount), COUNT(*) FROM account")
        assert cursor.fetchone() == (ACCOUNTS * START_AMOUNT, ACCOUNTS)
        cursor.execute("SELECT id, amount FROM account ORDER BY id")
        amounts = {row[0]: int(row[1]) for row in cursor.fetchall()}
        cursor.execute("SELECT client, n, a, b FROM journal")
        journal = cursor.fetchall()
        cursor.execute("SELECT client, n FROM log")
        logged = set(cursor.fetchall())
    expected = dict.fromkeys(range(ACCOUNTS), START_AMOUNT)
    for _, _, a, b in journal:
        expected[a] -= 1
        expected[b] += 1
    assert amounts == expected, "a transaction is there in part"
    there = {(row[0], row[1]) for row in journal}
    for client in clients:
        lost = [n for n in client.moved if (client.number, n) not in there]
        assert not lost, f"client {client.number}: acknowledged, then lost: {lost[:5]}"
        lost = [n for n in client.logged if (client.number, n) not in logged]
        assert not lost, f"client {client.number}: acknowledged, then lost: {lost[:5]}"
        assert all(n <= client.begun for c, n in there if c == client.number)
