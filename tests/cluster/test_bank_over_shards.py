"""16 clients move money between rows on 4 shards while the server is killed with kill -9, and readers add everything up."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pymysql
import pytest

from tests.cluster import bank
from tests.cluster.test_crash import integrity
from tests.cluster.worker import Worker
from tests.servers import Server, faunadb

CLIENTS = 16
READERS = 2
SHARDS = 4
TOTAL = bank.ACCOUNTS * bank.START_AMOUNT


@dataclass
class Reader(Worker):
    """Adds everything up, in one statement and over several of one REPEATABLE READ transaction, until it is stopped."""

    server: Server
    sums: list[int] = field(default_factory=list)

    def _run(self) -> None:
        with (
            contextlib.suppress(pymysql.MySQLError, OSError),
            self.server.connect(database="test", autocommit=False) as connection,
            connection.cursor() as cursor,
        ):
            while not self.stopping:
                cursor.execute("SELECT SUM(amount) FROM account")
                self.sums.append(int(cursor.fetchone()[0]))
                by_row = 0
                for account in range(bank.ACCOUNTS):
                    cursor.execute("SELECT amount FROM account WHERE id = %s", (account,))
                    by_row += int(cursor.fetchone()[0])
                self.sums.append(by_row)
                connection.commit()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kills", "seconds"), [(3, 9.0), pytest.param(20, 60.0, marks=pytest.mark.long)], ids=["short", "long"])
def test_no_money_comes_or_goes(kills: int, seconds: float, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    data = tmp_path / "data"
    server = faunadb.start("--shards", str(SHARDS), data=data)
    try:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        bank.open_bank(server)
        clients = [bank.Client(server, number, seed + number) for number in range(CLIENTS)]
        readers = [Reader(server) for _ in range(READERS)]
        for _ in range(kills):
            for actor in (*clients, *readers):
                actor.start()
            time.sleep(seconds / kills * dice.uniform(0.5, 1.5))
            server.kill()
            for actor in (*clients, *readers):
                actor.join()
            integrity(data)
            server.restart()
            bank.audit(server, clients)
    finally:
        server.close()
    moved, sums = sum(len(client.moved) for client in clients), sum(len(reader.sums) for reader in readers)
    print(f"{moved} transfers acknowledged, {sum(client.refused for client in clients)} refused, {sums} sums")
    assert moved > 20 * kills
    assert sums > kills
    assert {total for reader in readers for total in reader.sums} == {TOTAL}
