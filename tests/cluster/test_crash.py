"""kill -9 during a load from 8 clients, again and again."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.cluster import bank
from tests.servers import Server, faunadb

CLIENTS = 8


def integrity(directory: Path) -> None:
    """SQLite's own check of every file, by a connection that changes nothing and knows our collations and functions."""
    import apsw

    from fauna.node import configure

    files = [p for p in directory.rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    assert files
    for file in files:
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            configure(connection)
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            answer = connection.execute("PRAGMA integrity_check").fetchall()
            assert answer == [("ok",)], (file, answer)
        finally:
            connection.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("times", [10, pytest.param(50, marks=pytest.mark.long)])
def test_kill_under_load(times: int, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    data = tmp_path / "data"
    server = faunadb.start(data=data)
    try:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        bank.open_bank(server)
        clients = [bank.Client(server, number, seed + number) for number in range(CLIENTS)]
        for _ in range(times):
            bank.run_for(clients, dice.uniform(0.3, 1.0))
            server.kill()
            for client in clients:
                client.join()
            integrity(data)
            server.restart()
            bank.audit(server, clients)
        assert sum(len(c.moved) for c in clients) > times * CLIENTS, "the load did next to nothing"
    finally:
        server.close()


def test_sigterm_rolls_back_what_runs_and_ends_well(own_server: Server) -> None:
    bank.open_bank(own_server)
    clients = [bank.Client(own_server, number, number) for number in range(4)]
    hanging = own_server.connect(database="test", autocommit=False)
    with hanging.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM account")
    bank.run_for(clients, 0.5)
    assert own_server.stop() == 0
    for client in clients:
        client.join()
    own_server.keep_directory = True
    own_server.restart()
    own_server.keep_directory = False
    bank.audit(own_server, clients)


def test_ddl_is_whole_or_absent_after_a_crash(tmp_path: Path) -> None:
    server = faunadb.start(data=tmp_path / "data")
    try:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        server.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))", database="test")
        with server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(i, f"v{i}") for i in range(20_000)])
        for round_number in range(4):
            before = server.query("SHOW CREATE TABLE t", database="test")[0][1]

            def alter(n: int = round_number) -> None:
                try:
                    server.query(
                        f"ALTER TABLE t ADD COLUMN c{n} INT NOT NULL DEFAULT {n}, ADD KEY k{n} (v, c{n})", database="test"
                    )
                except Exception:
                    return

            thread = threading.Thread(target=alter, daemon=True)
            thread.start()
            thread.join(0.02 * (round_number + 1))
            server.kill()
            thread.join(10)
            server.restart()
            after = server.query("SHOW CREATE TABLE t", database="test")[0][1]
            if after != before:
                assert f"`c{round_number}`" in after
                assert f"KEY `k{round_number}`" in after
                assert server.query(f"SELECT COUNT(*), SUM(c{round_number}) FROM t", database="test") == (
                    (20_000, 20_000 * round_number),
                )
            assert server.query("SELECT COUNT(*) FROM t", database="test") == ((20_000,),)
    finally:
        server.close()
