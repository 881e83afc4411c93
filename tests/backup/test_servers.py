"""The commands and CALL fauna.backup against a running server; archiving; XA, new shards and large transactions in a backup."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest

from fauna import database
from fauna.backup import manifest as manifests
from fauna.backup.problems import BackupError
from fauna.backup.restoring import AtTime
from fauna.backup.taking import take
from fauna.backup.verifying import verify
from fauna.client.database import Database
from fauna.clock import HybridClock, ManualClock
from fauna.node import Node, configure
from fauna.settings import Settings
from fauna.txn.retention import Retention
from tests.backup.workload import content, differences, opened, restored
from tests.servers import Server, faunadb

DEADLINE_S = 60.0


def faunadb_command(*arguments: str, server: Server | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = faunadb.environment() | variables
    if server is not None:
        arguments = (*arguments, "--port", str(server.port))
        environment["FAUNADB_PASSWORD"] = server.password
    done = subprocess.run(
        [sys.executable, "-m", "fauna", *arguments], capture_output=True, text=True, check=False, timeout=120, env=environment,
        stdin=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with faunadb.start("--shards", "2", data=tmp_path / "data") as started:
        started.query("CREATE DATABASE shop")
        started.query("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20))", database="shop")
        started.query("INSERT INTO t (v) VALUES ('a'), ('b'), ('c')", database="shop")
        yield started


def test_a_running_server(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    secret = tmp_path / "passphrase"
    secret.write_text("open sesame\n")
    sealed = ("--passphrase-file", str(secret))
    done = faunadb_command("backup", str(target), *sealed, server=server)
    assert done.returncode == 0, done.stderr
    assert "on the server's disk: number 1" in done.stdout
    server.query("INSERT INTO t (v) VALUES ('d')", database="shop")
    done = faunadb_command("backup", str(target), *sealed, "--json", server=server)
    assert json.loads(done.stdout)["number"] == 2
    done = faunadb_command("backup", str(target), server=server)
    assert done.returncode == 1 and "its passphrase is needed" in done.stderr and done.stderr.count("\n") == 1
    done = faunadb_command("backup", str(tmp_path / "data" / "here"), server=server)
    assert done.returncode == 1 and "is in the data directory" in done.stderr
    done = faunadb_command("backup", str(target), "--data", str(tmp_path / "data"))
    assert done.returncode == 1 and "in use by process" in done.stderr
    done = faunadb_command("backup", "verify", str(target), "--json", FAUNADB_BACKUP_PASSPHRASE="open sesame")
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True
    done = faunadb_command("backup", "verify", str(target), FAUNADB_BACKUP_PASSPHRASE="open")
    assert done.returncode == 2 and "the passphrase is wrong" in done.stderr
    spoiled = target / "blocks-2-shard-0.fbk"
    if not spoiled.exists():
        spoiled = target / "blocks-2-shard-1.fbk"
    kept = spoiled.read_bytes()
    spoiled.write_bytes(kept[:-1])
    done = faunadb_command("backup", "verify", str(target), *sealed)
    assert done.returncode == 1 and str(spoiled) in done.stdout and "1 problems" in done.stdout
    spoiled.write_bytes(kept)

    other = tmp_path / "restored"
    done = faunadb_command(
        "restore",
        str(target),
        "--data",
        str(other),
        *sealed,
        "--reset-root-password",
        "--json",
        FAUNADB_ROOT_PASSWORD="another-1",
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["heights"]) == 2
    with faunadb.start(data=other) as again:
        again.password = "another-1"
        assert again.query("SELECT v FROM t ORDER BY id", database="shop") == (("a",), ("b",), ("c",), ("d",))
        again.query("INSERT INTO t (v) VALUES ('e')", database="shop")
        assert again.query("SELECT COUNT(DISTINCT id) FROM t", database="shop") == ((5,),)


def test_a_command_for_a_directory(server: Server, tmp_path: Path) -> None:
    server.stop()
    target = tmp_path / "backup"
    key = tmp_path / "key"
    key.write_bytes(random.randbytes(32))
    sealed = ("--key-file", str(key))
    assert faunadb_command("backup", str(target), "--data", str(tmp_path / "data"), *sealed).returncode == 0
    assert "nothing is wrong" in faunadb_command("backup", "verify", str(target), *sealed).stdout
    done = faunadb_command("backup", "verify", str(target), *sealed, "--restore", "--scratch", str(tmp_path))
    assert done.returncode == 0 and "nothing is wrong" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.glob("fauna-*"))
    done = faunadb_command("restore", str(target), "--data", str(tmp_path / "restored"), *sealed, "--reset-root-password",
                           FAUNADB_ROOT_PASSWORD="")  # fmt: skip
    assert done.returncode == 0 and "root's password is" in done.stdout, done.stderr


def test_call(server: Server, tmp_path: Path) -> None:
    def refused(sql: str, errno: int) -> str:
        with pytest.raises(pymysql.MySQLError) as caught:
            server.query(sql)
        assert caught.value.args[0] == errno
        return str(caught.value.args[1])

    assert server.query("CALL fauna.backup_status()")[0][0] == "none"
    assert "relative" in refused("CALL fauna.backup('here')", 1105)
    assert "cannot read '/none'" in refused("CALL fauna.backup('/here', 0, '/none')", 1105)
    assert "exclude" in refused("CALL fauna.backup('/here', 0, '/a', '/b')", 1105)
    refused("CALL fauna.backup()", 1318)
    refused("CALL fauna.backup('/a', 0, '', '', 5)", 1318)
    refused("CALL fauna.backup(1.5)", 1105)
    refused("CALL fauna.backups('/a')", 1305)
    assert server.query("CALL fauna.backup(%s, 1)", (str(tmp_path / "backup"),))[0][0] in ("running", "done")
    assert ended(server)["state"] == "done"
    server.query("CALL fauna.backup(%s)", ("/proc/none",))
    found = ended(server)
    assert found["state"] == "failed" and "/proc/none" in found["problem"]
    server.query("CALL fauna.backup_stop()")
    assert verify(tmp_path / "backup", configure).problems == []


def ended(server: Server) -> dict[str, Any]:
    """What the backup that was asked for has come to."""
    deadline = time.monotonic() + DEADLINE_S
    with closing(server.connect(cursorclass=pymysql.cursors.DictCursor)) as connection, connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("CALL fauna.backup_status()")
            found: dict[str, Any] = cursor.fetchone()  # type: ignore[assignment]
            if found["state"] != "running":
                return found
            time.sleep(0.01)
    raise AssertionError("it does not end")


def test_it_is_for_root(tmp_path: Path) -> None:
    with faunadb.start(data=tmp_path / "data") as server:
        server.stop()
        with opened(tmp_path / "data") as node:
            node.set_password("guest", "%", server.password)
        server.restart()
        for statement in ("backup('/tmp/none')", "backup_status()", "backup_stop()", "archive_status()"):
            with pytest.raises(pymysql.MySQLError) as caught:
                server.query(f"CALL fauna.{statement}", user="guest")
            assert caught.value.args[0] == 1227


def test_archiving(tmp_path: Path) -> None:
    """The server adds to the backup by itself, when there is something to add."""
    data, target = tmp_path / "data", tmp_path / "archive"
    settings = Settings(data=data, archive_target=str(target), archive_interval=1, backup_passphrase="secret", shards=2)
    db = database.connect(path=data, settings=settings)
    secret = manifests_secret("secret")
    try:
        db.execute("CREATE DATABASE shop")
        db.execute("CREATE TABLE shop.t (id INT PRIMARY KEY)")

        def count() -> int:
            return len(manifests.read(target, secret)[0].taken) if manifests.exists(target) else 0

        for number in range(3):
            before = count()
            db.execute("INSERT INTO shop.t VALUES (%s)", (number,))
            deadline = time.monotonic() + DEADLINE_S
            while count() == before and time.monotonic() < deadline:
                time.sleep(0.05)
            assert count() > before
        (status,) = db.query("CALL fauna.archive_status()")
        assert status["target"] == str(target) and not status["problem"]
        (status,) = db.query("CALL fauna.backup_status()")
        assert status["state"] == "none"
    finally:
        db.close()
    assert verify(target, configure, secret).problems == []
    newest = count()
    Node.open(data, settings).close()  # nothing new: at most the first look at it
    assert count() - newest <= 1
    with pytest.raises(Exception, match="exclude each other"):
        Settings(backup_passphrase="a", backup_key_file="b").checked()
    with pytest.raises(Exception, match="cannot read 'none'"):
        Node.open(data, Settings(data=data, archive_target=str(target), backup_key_file="none"))
    with opened(data):
        pass  # it was left as it should be


def manifests_secret(text: str) -> Any:
    from fauna.backup.secrets import passphrase

    return passphrase(text, "the test")


@pytest.fixture(params=[1, 2])
def shards(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def db(tmp_path: Path, shards: int) -> Iterator[Database]:
    data = tmp_path / "data"
    connection = database.connect(path=data, settings=Settings(data=data, shards=shards))
    connection.execute("CREATE DATABASE shop")
    connection.execute("USE shop")
    yield connection
    connection.close()


def node_of(db: Database) -> Node:
    node: Node = db._link._session.node  # type: ignore[attr-defined]
    return node


def rows_of(data: Path, sql: str) -> list[tuple[Any, ...]]:
    db = database.connect(path=data, database="shop")
    try:
        return [tuple(row) for row in db.query(sql)]
    finally:
        db.close()


def test_prepared_transactions_are_not_restored(db: Database, tmp_path: Path) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    for statement in ("XA START 'x'", "INSERT INTO t VALUES (1), (2), (3), (4), (5)", "XA END 'x'", "XA PREPARE 'x'"):
        db.execute(statement)
    first = take(node_of(db).backup_source(), tmp_path / "backup")
    db.execute("XA COMMIT 'x'")
    take(node_of(db).backup_source(), tmp_path / "backup")
    assert restored(tmp_path / "backup", tmp_path / "before", AtTime(first.at_us)).prepared >= 1
    assert rows_of(tmp_path / "before", "SELECT * FROM t") == []
    assert rows_of(tmp_path / "before", "XA RECOVER") == []
    restored(tmp_path / "backup", tmp_path / "after")
    assert len(rows_of(tmp_path / "after", "SELECT * FROM t")) == 5


def test_temporary_tables_are_not_restored(db: Database, tmp_path: Path) -> None:
    db.execute("CREATE TEMPORARY TABLE mine (id INT PRIMARY KEY)")
    db.execute("INSERT INTO mine VALUES (1)")
    take(node_of(db).backup_source(), tmp_path / "backup")
    restored(tmp_path / "backup", tmp_path / "restored")
    with opened(tmp_path / "restored") as node:
        assert not [name for name in content(node) if "t40" in name or "mine" in name]
        assert all(
            len(list(each.autocommit_query("SELECT name FROM sqlite_schema WHERE name GLOB 't[0-9]*'", (), inline=False))) == 0
            for each in node.shards
        )


def rows_in(db: Database) -> int:
    return int(db.query("SELECT COUNT(*) FROM t")[0][0])


def test_a_large_transaction(db: Database, tmp_path: Path) -> None:
    """More than is kept in memory, when it is sealed and when it is restored."""
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARBINARY(1000))")
    db.execute_many("INSERT INTO t VALUES (%s, %s)", [(n, random.Random(n).randbytes(700)) for n in range(160)])
    take(node_of(db).backup_source(), tmp_path / "backup")
    for doubled in range(8):  # the last one has 20,480 rows and 14 MB
        db.execute("INSERT INTO t SELECT id + %s, CONCAT(id, v) FROM t", (160 << doubled,))
    assert rows_in(db) == 160 << 8
    db.execute("UPDATE t SET v = CONCAT(v, 'x') WHERE id % 3 = 0")
    expected = content(node_of(db))
    time_us = take(node_of(db).backup_source(), tmp_path / "backup").at_us
    db.execute("DELETE FROM t")
    take(node_of(db).backup_source(), tmp_path / "backup", full=True)
    assert verify(tmp_path / "backup", configure).problems == []
    restored(tmp_path / "backup", tmp_path / "restored", AtTime(time_us))
    with opened(tmp_path / "restored") as node:
        assert differences(content(node), expected) == []


def test_shards_that_were_added(db: Database, shards: int, tmp_path: Path) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    db.execute_many("INSERT INTO t VALUES (%s)", [(n,) for n in range(200)])
    node = node_of(db)
    before = content(node)
    first = take(node.backup_source(), tmp_path / "backup")
    db.query("CALL fauna.shards_add(2)")
    deadline = time.monotonic() + DEADLINE_S
    while db.query("CALL fauna.shards_status()")[0]["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.01)
    db.execute_many("INSERT INTO t VALUES (%s)", [(n,) for n in range(200, 400)])
    second = take(node.backup_source(), tmp_path / "backup")
    assert (first.shards, second.shards) == (shards, shards + 2)
    after = content(node)
    take(node.backup_source(), tmp_path / "backup", full=True)
    assert verify(tmp_path / "backup", configure).problems == []
    for name, moment, expected in (("before", first, before), ("after", second, after)):
        restored(tmp_path / "backup", tmp_path / name, AtTime(moment.at_us))
        with opened(tmp_path / name) as found:
            assert len(found.shards) == moment.shards
            assert differences(content(found), expected) == []
    # In between, slots were moving: each row is somewhere, once.
    dice = random.Random(5)
    for number in range(5):
        data = tmp_path / f"between{number}"
        restored(tmp_path / "backup", data, AtTime(dice.randrange(first.at_us, second.at_us)))
        (row,) = rows_of(data, "SELECT COUNT(*), COUNT(DISTINCT id), MIN(id) FROM t")
        assert row[0] == row[1] >= 200 and row[2] == 0


def test_what_retention_has_removed(db: Database, tmp_path: Path) -> None:
    """Blocks that were pruned before the backup had them are made up for by a copy; moments among them are refused."""
    db.execute("CREATE TABLE t (id INT PRIMARY KEY) SYSTEM_VERSIONING_RETENTION = '1 day'")
    node, target = node_of(db), tmp_path / "backup"
    db.execute("INSERT INTO t VALUES (1), (2), (3), (4)")
    first = take(node.backup_source(), target)
    before = content(node)
    db.execute("INSERT INTO t VALUES (5), (6), (7), (8)")
    between = node.clock.next_us()
    db.execute("DELETE FROM t WHERE id < 3")
    clock = HybridClock(ManualClock(node.clock.now_us() + 3 * 86_400_000_000))
    node.retention = Retention(lambda: node.shards, lambda: node.catalog, clock)
    db.query("CALL fauna.prune()")
    second = take(node.backup_source(), target)
    assert second.kind == "full"
    assert take(node.backup_source(), target).kind == "blocks"
    assert verify(target, configure).problems == []
    restored(target, tmp_path / "first", AtTime(first.at_us))
    with opened(tmp_path / "first") as found:
        assert differences(content(found), before) == []
    restored(target, tmp_path / "second", AtTime(second.at_us))
    assert sorted(rows_of(tmp_path / "second", "SELECT id FROM t")) == [(n,) for n in range(3, 9)]
    with pytest.raises(BackupError, match="retention has removed changes"):
        restored(target, tmp_path / "between", AtTime(between))
