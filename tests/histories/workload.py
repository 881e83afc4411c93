"""Clients that append to lists and read them, in transactions, and note what they were told."""

from __future__ import annotations

import random
import threading
import time
from itertools import count
from typing import Any

import pymysql

from tests.histories.checker import Op, Outcome, Transaction
from tests.servers import Server

LISTS_AT_ONCE = 6
APPENDS_PER_LIST = 40
OPS_MAX = 4
_RETRYABLE = (1205, 1213, 1020)


class Workload:
    """`transactions` of `clients`, from a seed: each appends to or reads up to four of a few lists; full lists give way to new."""

    def __init__(self, server: Server, isolation: str, *, seed: int, clients: int, transactions: int) -> None:
        self.server = server
        self.isolation = isolation
        self.seed = seed
        self.clients = clients
        self.transactions = transactions
        self.history: list[Transaction] = []
        self._numbers = count(1)
        self._values = count(1)
        self._lock = threading.Lock()

    def run(self) -> list[Transaction]:
        """The history, with a last transaction that reads every list."""
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS lists")
            cursor.execute("CREATE TABLE lists (k INT PRIMARY KEY, v MEDIUMTEXT NOT NULL)")
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            begun = time.monotonic()
            cursor.execute("SELECT k, v FROM lists")
            ops = [Op(key, None, _parsed(text)) for key, text in cursor.fetchall()]
        self.history.append(Transaction(next(self._numbers), ops, Outcome.OK, begun, time.monotonic()))
        return self.history

    def _client(self, number: int) -> None:
        dice = random.Random(f"{self.seed}/{number}")
        connection = self.server.connect(database="test", autocommit=False)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {self.isolation}")
            while (done := next(self._numbers)) <= self.transactions:
                self._once(connection, dice, done)
        finally:
            connection.close()

    def _once(self, connection: Any, dice: random.Random, number: int) -> None:
        first = number * 2 // APPENDS_PER_LIST  # lists that are in use move on with the appends there have been
        ops: list[Op] = []
        begun, outcome = time.monotonic(), Outcome.FAILED
        try:
            with connection.cursor() as cursor:
                for _ in range(dice.randint(1, OPS_MAX)):
                    key = first + dice.randrange(LISTS_AT_ONCE)
                    if dice.random() < 0.5:
                        value = next(self._values)
                        ops.append(Op(key, value))
                        cursor.execute(
                            "INSERT INTO lists VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = CONCAT(v, ',', VALUES(v))",
                            (key, value),
                        )
                    else:
                        cursor.execute("SELECT v FROM lists WHERE k = %s", (key,))
                        row = cursor.fetchone()
                        ops.append(Op(key, None, _parsed(row[0]) if row else ()))
            outcome = Outcome.UNKNOWN
            connection.commit()
            outcome = Outcome.OK
        except pymysql.MySQLError as problem:
            if problem.args[0] not in _RETRYABLE:
                raise
            outcome = Outcome.FAILED
            connection.rollback()
        with self._lock:
            self.history.append(Transaction(number, ops, outcome, begun, time.monotonic()))


def _parsed(text: str) -> tuple[int, ...]:
    return tuple(int(value) for value in text.split(","))
