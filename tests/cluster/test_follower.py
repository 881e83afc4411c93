"""A follower has what its source has, whatever dies between: real servers, and every kind of change."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pymysql
import pytest

from fauna.cli import main
from tests.cluster import bank
from tests.cluster.followers import Changes, caught_up, heads, must_be_equal
from tests.cluster.worker import Worker
from tests.servers import Server, faunadb

TOTAL = bank.ACCOUNTS * bank.START_AMOUNT


@contextlib.contextmanager
def running(*servers: Server) -> Iterator[None]:
    try:
        yield
    finally:
        for server in reversed(servers):
            server.close()


@pytest.fixture
def source() -> Iterator[Server]:
    with faunadb.start() as server:
        server.query("CREATE DATABASE test")
        yield server


@pytest.fixture
def source_4() -> Iterator[Server]:
    with faunadb.start("--shards", "4") as server:
        server.query("CREATE DATABASE test")
        yield server


def refused(server: Server, sql: str) -> int:
    """The number of the error."""
    with pytest.raises(pymysql.MySQLError) as caught:
        server.query(sql)
    return int(caught.value.args[0])


def defined(server: Server, table: str) -> tuple[str, int]:
    """SHOW CREATE TABLE without its next AUTO_INCREMENT number, and that."""
    text = str(server.query(f"SHOW CREATE TABLE `{table}`", database="test")[0][1])
    found = re.search(r" AUTO_INCREMENT=(\d+)", text)
    return (text.replace(found[0], ""), int(found[1])) if found else (text, 0)


def shown_us(time_us: int) -> str:
    return f"{datetime(1970, 1, 1) + timedelta(microseconds=time_us)}"


def replica(server: Server) -> dict[str, Any]:
    (row,) = server.query("SHOW REPLICA STATUS", cursorclass=pymysql.cursors.DictCursor)
    return dict(row)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("shards", "count"),
    [(1, 250), (4, 250), pytest.param(1, 5000, marks=pytest.mark.long), pytest.param(4, 5000, marks=pytest.mark.long)],
)
def test_the_follower_is_the_source(shards: int, count: int) -> None:
    """Half of the changes are there when it begins, and half come while it follows."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    with faunadb.start("--shards", str(shards)) as source:
        source.query("CREATE DATABASE test")
        changes = Changes(source, seed, count=count // 2)
        changes.work(random.Random(seed))
        with faunadb.follow(source) as follower:
            both = [Changes(source, seed + n, prefix=f"p{n}_", count=count // 4) for n in (1, 2)]
            for each in both:
                each.start()
            for each in both:
                assert each.thread is not None
                each.thread.join(240)
            assert min(each.done for each in (changes, *both)) > count // 8, [each.problems[-5:] for each in (changes, *both)]
            must_be_equal(source, follower)
            for (name,) in source.query("SHOW TABLES", database="test"):
                theirs, ours = (defined(server, str(name)) for server in (source, follower))
                assert ours[0] == theirs[0]
                assert ours[1] <= theirs[1]  # numbers of what was rolled back are in no block
            follower.restart()
            must_be_equal(source, follower)


def test_it_reads_and_does_not_write(source: Server) -> None:
    with source.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        cursor.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
        cursor.execute("CREATE SEQUENCE q")
    with faunadb.follow(source) as follower:
        assert follower.query("SELECT a FROM test.t ORDER BY id") == ((10,), (20,))
        assert follower.query("SELECT @@read_only") == ((1,),)
        for sql in (
            "INSERT INTO test.t VALUES (3, 30)", "UPDATE test.t SET a = 1", "DELETE FROM test.t", "TRUNCATE TABLE test.t",
            "CREATE TABLE test.u (a INT)", "CREATE DATABASE other", "DROP DATABASE test", "SELECT * FROM test.t FOR UPDATE",
            "SELECT NEXTVAL(test.q)", "SET PASSWORD = PASSWORD('other-Pass_1')", "SET GLOBAL read_only = 0",
            "CALL fauna.shards_add(1)", "CALL fauna.checkpoint()", "REPLACE INTO test.t VALUES (1, 1)",
            "FLASHBACK TABLE test.t TO TIMESTAMP '2100-01-01'",
        ):  # fmt: skip
            assert refused(follower, sql) == 1290, sql
        follower.query("ANALYZE TABLE test.t")
        assert heads(follower) == heads(source)
        found = replica(follower)
        assert (found["Master_Host"], found["Master_Port"]) == (source.host, source.port)
        assert (found["Slave_IO_Running"], found["Slave_SQL_Running"], found["Seconds_Behind_Master"]) == ("Yes", "Yes", 0)
        assert follower.query("SELECT state, blocks_behind FROM fauna.follower") == (("following", 0),)
        assert source.query("SELECT * FROM fauna.follower") == () and source.query("SHOW SLAVE STATUS") == ()
        with faunadb.follow(follower) as further:  # a follower can be followed
            source.query("INSERT INTO test.t VALUES (3, 30)")
            must_be_equal(source, further)


def test_it_has_the_past_of_its_source(source_4: Server) -> None:
    source = source_4
    times = []
    with source.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        cursor.executemany("INSERT INTO t VALUES (%s, 0)", [(n,) for n in range(50)])
        for step in range(3):
            cursor.execute("UPDATE t SET a = a + %s", (step + 1,))
            times.append(max(head[2] for head in heads(source).values()))
    with faunadb.follow(source) as follower:
        for expected, time_us in zip((1, 3, 6), times, strict=True):
            sql = f"SELECT DISTINCT a FROM test.t FOR SYSTEM_TIME AS OF TIMESTAMP '{shown_us(time_us)}'"
            assert follower.query(sql) == source.query(sql) == ((expected,),)
        source.kill()  # from now on nobody knows
        sql = "SELECT a FROM test.t FOR SYSTEM_TIME AS OF TIMESTAMP '{}' LIMIT 1"
        moment = follower.query("SELECT UTC_TIMESTAMP(6)")[0][0]
        assert refused(follower, sql.format(moment)) == refused(follower, sql.format("2100-01-01")) == 1525


def test_definitions_and_passwords_come_over(source: Server) -> None:
    with faunadb.follow(source) as follower, source.connect(database="test") as connection, connection.cursor() as cursor:
        reader = follower.connect(database="test")
        with contextlib.closing(reader), reader.cursor() as reading:
            for step in range(5):
                cursor.execute(f"CREATE TABLE t{step} (id INT PRIMARY KEY)")
                cursor.execute(f"INSERT INTO t{step} VALUES ({step})")
                cursor.execute(f"ALTER TABLE t{step} ADD COLUMN b INT DEFAULT 7")
                caught_up(source, follower)
                reading.execute(f"SELECT * FROM t{step}")
                assert reading.fetchall() == ((step, 7),)
        cursor.execute("SET PASSWORD = PASSWORD('another-Pass_2')")
        source.password = "another-Pass_2"
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):  # at the follower too, once it is there
            while True:
                caught_up(source, follower)
        follower.password = "another-Pass_2"
        caught_up(source, follower)


@dataclass
class Auditor(Worker):
    """Adds up all accounts, over all shards, until it is stopped."""

    server: Server
    sums: set[int] = field(default_factory=set)
    count: int = 0

    def _run(self) -> None:
        with contextlib.suppress(pymysql.MySQLError, OSError), self.server.connect(database="test") as connection:
            with connection.cursor() as cursor:
                while not self.stopping:
                    cursor.execute("SELECT SUM(amount) FROM account")
                    self.sums.add(int(cursor.fetchone()[0]))
                    cursor.execute("BEGIN")
                    cursor.execute("SELECT amount FROM account WHERE id < 25")
                    low = sum(int(row[0]) for row in cursor.fetchall())
                    cursor.execute("SELECT amount FROM account WHERE id >= 25")
                    self.sums.add(low + sum(int(row[0]) for row in cursor.fetchall()))
                    cursor.execute("COMMIT")
                    self.count += 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("rounds", "moves"), [(3, 40), pytest.param(15, 400, marks=pytest.mark.long)], ids=["short", "long"])
def test_nobody_sees_half_a_transfer(source_4: Server, rounds: int, moves: int, tmp_path: Path) -> None:
    """While the source and the follower are killed in turn."""
    source = source_4
    bank.open_bank(source)
    follower = faunadb.follow(source, data=tmp_path / "copy")
    clients = [bank.Client(source, number, number) for number in range(4)]
    with running(follower):
        for turn in range(rounds):
            auditors = [Auditor(follower), Auditor(follower)]
            for each in (*clients, *auditors):
                each.start()
            _until(source, (turn + 1) * moves)
            victim = (follower, source, None)[turn % 3]
            if victim is not None:
                victim.kill()
            for each in (*clients, *auditors):
                each.join()
            assert all(each.sums <= {TOTAL} for each in auditors), [each.sums for each in auditors]
            if victim is not None:
                victim.restart()
            caught_up(source, follower)
            assert follower.query("SELECT SUM(amount), COUNT(*) FROM test.account") == ((TOTAL, bank.ACCOUNTS),)
        must_be_equal(source, follower)
        bank.audit(follower, clients)


def _until(server: Server, moves: int) -> None:
    """Until the journal has so many rows; each look waits for a further block."""
    with contextlib.closing(server.connect(database="test")) as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT COUNT(*) FROM journal")
            if cursor.fetchone()[0] >= moves:
                return
            cursor.execute("CALL fauna.chain_heads()")
            after = max(row[3] for row in cursor.fetchall())
            cursor.execute("CALL fauna.chain_heads(%s, 1000)", (after,))


def test_it_serves_while_the_source_is_away(source: Server, tmp_path: Path) -> None:
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY)")
    source.query("INSERT INTO test.t VALUES (1)")
    with faunadb.follow(source, data=tmp_path / "copy") as follower:
        source.kill()
        follower.restart()  # without it
        assert follower.query("SELECT * FROM test.t") == ((1,),)
        assert replica(follower)["Slave_IO_Running"] == "Connecting"
        assert "onnect" in replica(follower)["Last_IO_Error"]
        assert replica(follower)["Seconds_Behind_Master"] is None
        source.restart()
        source.query("INSERT INTO test.t VALUES (2)")
        caught_up(source, follower)
        assert follower.query("SELECT * FROM test.t") == ((1,), (2,))


@pytest.mark.parametrize("times", [4, pytest.param(30, marks=pytest.mark.long)])
def test_killed_in_the_first_copy(source_4: Server, times: int, tmp_path: Path) -> None:
    """The follower, or its source, at any moment, while others write and define."""
    source, dice, data = source_4, random.Random(5), tmp_path / "copy"
    Changes(source, 5, count=150).work(random.Random(5))
    for turn in range(times):
        follower = faunadb.follow(source, data=data, ready=False)
        with running(follower):
            changes = Changes(source, 100 + turn, prefix=f"w{turn}_")
            changes.start()
            victim = source if turn % 4 == 3 else follower
            killer = threading.Timer(dice.uniform(0.3, 2.0), victim.kill)
            killer.start()
            killer.join()
            changes.join()
        if not source.alive():
            source.restart()
    with faunadb.follow(source, data=data) as follower:
        must_be_equal(source, follower)
        assert not [path.name for path in data.iterdir() if "copying" in path.name]
    assert not list(source.directory.glob("follower-copy-*"))


@pytest.mark.parametrize("shards", [1, 4])
def test_a_source_that_has_forgotten_its_early_changes(shards: int) -> None:
    """What retention has taken out of the blocks is not needed: the follower keeps what the source keeps."""
    with faunadb.start("--shards", str(shards)) as source:
        source.query("CREATE DATABASE test")
        source.query("CREATE TABLE test.t (id INT PRIMARY KEY, a INT) SYSTEM_VERSIONING_RETENTION = '1 second'")
        source.query("INSERT INTO test.t VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)")
        first_us = max(head[2] for head in heads(source).values())
        source.query("UPDATE test.t SET a = 1")
        pruned = 0
        while not pruned:
            pruned = sum(row[3] for row in source.query("CALL fauna.prune()"))
        with faunadb.follow(source) as follower:
            moment = shown_us(max(head[2] for head in heads(source).values()))
            source.query("UPDATE test.t SET a = 2 WHERE id < 4")
            must_be_equal(source, follower)
            for server in (source, follower):
                past = "FROM test.t FOR SYSTEM_TIME AS OF TIMESTAMP"
                assert server.query(f"SELECT SUM(a) {past} '{moment}'") == ((5,),)
                assert refused(server, f"SELECT * {past} '{shown_us(first_us - 1)}'") == 1525


@pytest.mark.parametrize("where", ["row", "block"])
def test_a_copy_that_is_not_what_was_sealed(source: Server, where: str, tmp_path: Path) -> None:
    """Changed behind the source's back, where no further block touches it."""
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY, a INT)")
    source.query("INSERT INTO test.t VALUES (1, 10), (2, 20)")
    (physical,) = _tables_with(source, "t")
    height = heads(source)[0][0]
    source.query("INSERT INTO test.t VALUES (3, 30)")
    source.stop()
    if where == "row":
        _execute(source, f"UPDATE {physical} SET c2 = 11 WHERE c1 = 1")
    else:
        payload = bytes(_query(source, f"SELECT payload FROM fauna_blocks WHERE height = {height}")[0][0])
        _execute(source, f"UPDATE fauna_blocks SET payload = x'{payload[:-1].hex()}07' WHERE height = {height}")
    source.restart()
    data = tmp_path / "copy"
    for _ in range(2):
        follower = faunadb.follow(source, data=data, ready=False)
        with running(follower):
            with pytest.raises(RuntimeError):
                follower.wait_ready()
            words = follower.last_words()
            assert "is not what was sealed there" in words and "Traceback" not in words
            assert "1" in words if where == "row" else f"block {height}" in words
        assert not list(data.glob("shard-*"))


def test_large_blocks(source_4: Server) -> None:
    """Larger than a packet, and in parts."""
    source = source_4
    with faunadb.follow(source) as follower:
        with source.connect(database="test", autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB) SINGLE")
            cursor.execute("CREATE TABLE u (id INT PRIMARY KEY)")
            cursor.execute("INSERT INTO t VALUES (1, %s)", (random.randbytes(18 << 20),))
            cursor.execute("INSERT INTO u VALUES (1), (2), (3)")
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(10 + n, b"b" * 50) for n in range(25_000)])
            connection.commit()
        must_be_equal(source, follower)


def test_shards_are_added_while_it_follows(source: Server) -> None:
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY, a INT)")
    source.query("CREATE TABLE test.b (id INT PRIMARY KEY) BROADCAST")
    with source.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, n) for n in range(2000)])
        cursor.execute("INSERT INTO b VALUES (1), (2)")
        with faunadb.follow(source) as follower:
            for wanted in (2, 4):
                cursor.execute(f"CALL fauna.shards_add({wanted - len(heads(source))})")
                _until_resharded(source)
                cursor.execute("UPDATE t SET a = a + 1")
                must_be_equal(source, follower)
                assert len(heads(follower)) == wanted
                expected = source.query("SELECT SUM(a), COUNT(*) FROM test.t")
                assert follower.query("SELECT SUM(a), COUNT(*) FROM test.t") == expected
                sql = "SELECT shard, slots, slot_ranges FROM fauna.shards"
                assert follower.query(sql) == source.query(sql)
            follower.restart()
            must_be_equal(source, follower)
            assert follower.query("SELECT SUM(a), COUNT(*) FROM test.t") == expected


def _until_resharded(server: Server) -> None:
    while True:
        after = max(head[2] for head in heads(server).values())
        (row,) = server.query("CALL fauna.shards_status()", cursorclass=pymysql.cursors.DictCursor)
        if row["state"] in ("done", "stopped", "none"):  # type: ignore[call-overload]
            assert row["state"] == "done", row  # type: ignore[call-overload]
            return
        server.query(f"CALL fauna.chain_heads({after}, 200)")


@pytest.mark.parametrize("where", ["payload", "row"])
def test_a_block_that_does_not_fit_is_refused(source_4: Server, where: str, tmp_path: Path) -> None:
    """Changed behind the source's back; or the follower's own rows were."""
    source = source_4
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY, a INT) SINGLE")
    source.query("INSERT INTO test.t VALUES (1, 10)")
    with faunadb.follow(source, data=tmp_path / "copy") as follower:
        caught_up(source, follower)
        (physical,) = _tables_with(follower, "t")
        follower.stop()
        if where == "row":
            _execute(follower, f"UPDATE {physical} SET c2 = 11")
        source.query("UPDATE test.t SET a = 12")
        height = heads(source)[0][0]
        source.query("UPDATE test.t SET a = 13")
        source.stop()
        if where == "payload":
            payload = _query(source, f"SELECT payload FROM fauna_blocks WHERE height = {height}")[0][0]
            assert bytes(payload[:1]) == b"\0"
            changed = bytes(payload[:-1]) + bytes([payload[-1] ^ 2])
            _execute(source, f"UPDATE fauna_blocks SET payload = x'{changed.hex()}' WHERE height = {height}")
        source.restart()
        follower.restart()
        with contextlib.closing(follower.connect()) as connection, connection.cursor() as cursor:
            state = ""
            while state != "stopped":
                cursor.execute("CALL fauna.chain_heads(0, 0)")
                cursor.execute("SELECT state FROM fauna.follower")
                state = cursor.fetchall()[0][0]
        found = replica(follower)
        assert found["Slave_SQL_Running"] == "No" and found["Last_SQL_Errno"] == 1593
        expected = "not those that its header was made for" if where == "payload" else "(1, 10) was expected"
        assert expected in found["Last_SQL_Error"] and f"shard 0, block {height}" in found["Last_SQL_Error"], found
        assert heads(follower)[0][0] == height - 1
        assert follower.query("SELECT a FROM test.t") == ((11 if where == "row" else 10,),)
        assert any("following has stopped" in line for line in follower.output)


def _file(server: Server) -> Path:
    return server.directory / "shard-0.db"


def _query(server: Server, sql: str) -> list[Any]:
    connection = apsw.Connection(str(_file(server)))
    with contextlib.closing(connection):
        return connection.execute(sql).fetchall()


def _execute(server: Server, sql: str) -> None:
    _query(server, sql)


def _tables_with(server: Server, name: str) -> list[str]:
    found = []
    for kind, entry, definition in _query(server, "SELECT kind, name, definition FROM catalog_entries"):
        if entry == name:
            found.append(f"t{json.loads(str(definition))['id']}")
        assert kind is not None
    return found


def test_who_cannot_be_followed(
    source: Server, tmp_path: Path, mariadb_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY)")
    data = tmp_path / "copy"

    def told(text: str, of: Server = source, uri: str = "", data: Path = data) -> None:
        line = ["follow", uri or f"mysql://root:{of.password}@{of.host}:{of.port}", "--data", str(data), "--port", "0"]
        assert main([*line, "--http", "off"]) == 1
        words = capsys.readouterr().err
        assert text in words and words.count("\n") <= 2, words

    told("is no FaunaDB", of=mariadb_server)
    told("Access denied", uri=f"mysql://root:wrong@127.0.0.1:{source.port}")
    told("Can't connect", uri="mysql://root:x@127.0.0.1:1")
    told("must begin with mysql://", uri="http://root:x@127.0.0.1:1")
    told("ertificate", uri=f"mysql://root:{source.password}@127.0.0.1:{source.port}?tls=verify")
    with faunadb.start("--chain", "off") as without:
        told("keeps no chain", of=without)
    assert not data.exists()
    told("holds a database that follows nobody", data=_other_database(tmp_path))
    with faunadb.follow(source, data=data) as follower:
        caught_up(source, follower)
        follower.stop()
        with faunadb.start() as other:
            told("it is another database", of=other)
        # The same name, and another history: a copy of the source that went its own way.
        with running(fork := _fork(source, tmp_path)):
            source.query("INSERT INTO test.t VALUES (1)")
            follower.restart()
            caught_up(source, follower)
            follower.stop()
            fork.query("INSERT INTO test.t VALUES (2)")
            told("its history is another one", of=fork)
            fork.query("INSERT INTO test.t VALUES (3)")
            told("its history is another one", of=fork)
        follower.restart()
        must_be_equal(source, follower)


def _other_database(tmp_path: Path) -> Path:
    path = tmp_path / "other"
    with faunadb.start(data=path) as server:
        server.query("SELECT 1")
    return path


def _fork(source: Server, tmp_path: Path) -> Server:
    source.stop()
    shutil.copytree(source.directory, tmp_path / "fork")
    source.restart()
    return faunadb.start(data=tmp_path / "fork")


def test_it_does_not_follow_itself(source: Server, tmp_path: Path) -> None:
    """Which it could only by mistake: the source's address is its own, later."""
    port = source.port
    with faunadb.follow(source, data=tmp_path / "copy") as follower:
        follower.stop()
        source.stop()
        again = faunadb.follow(source, data=tmp_path / "copy", port=port)
        with running(again):
            while replica(again)["Slave_IO_Running"] != "No":
                again.query("CALL fauna.chain_heads(0, 0)")
            assert "is this server itself" in replica(again)["Last_IO_Error"]


def test_promotion_is_asked_for(source: Server, tmp_path: Path) -> None:
    source.query("CREATE TABLE test.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT)")
    source.query("INSERT INTO test.t (a) VALUES (1), (2)")
    data = tmp_path / "copy"
    with faunadb.follow(source, data=data) as follower:
        caught_up(source, follower)
    with pytest.raises(RuntimeError, match=r"follows 127\.0\.0\.1:\d+.*--promote"):
        faunadb.start(data=data)
    with faunadb.start("--promote", data=data) as promoted:
        promoted.query("INSERT INTO test.t (a) VALUES (3)")
        promoted.query("CREATE TABLE test.u (id INT PRIMARY KEY)")
        assert promoted.query("SELECT id, a FROM test.t") == ((1, 1), (2, 2), (3, 3))
        assert heads(promoted)[0][0] == heads(source)[0][0] + 2
    with faunadb.start(data=data) as promoted:
        assert promoted.query("SELECT COUNT(*) FROM test.t") == ((3,),)


def test_waiting_for_blocks_can_be_stopped(source: Server) -> None:
    """By KILL, by its time, and by the server's end."""
    height = heads(source)[0][0]
    with contextlib.closing(source.connect()) as waiting, contextlib.closing(source.connect()) as other:
        with waiting.cursor() as cursor, other.cursor() as killer:
            cursor.execute(f"CALL fauna.blocks(0, {height + 1}, 1000, 50)")
            assert cursor.fetchall() == ()
            cursor.execute(f"CALL fauna.blocks(0, {height}, 0, 60000)")
            assert [row[:3] for row in cursor.fetchall()] == [(height, 0, 0)]
            for arguments in ("9, 1, 0, 0", "0, 0, 0, 0", "0, 1, -1, 0", "0, 1, 0, 99999999", "'x', 1, 0, 0"):
                with pytest.raises(pymysql.MySQLError):
                    cursor.execute(f"CALL fauna.blocks({arguments})")
            outcome: list[Any] = []

            def wait() -> None:
                try:
                    cursor.execute(f"CALL fauna.blocks(0, {height + 1}, 1000, 60000)")
                    outcome.append(cursor.fetchall())
                except pymysql.MySQLError as problem:
                    outcome.append(problem.args[0])

            thread = threading.Thread(target=wait)
            thread.start()
            while thread.is_alive():
                killer.execute(f"KILL QUERY {waiting.thread_id()}")
            thread.join()
            assert outcome == [1317]
            thread = threading.Thread(target=wait)
            thread.start()
            source.query("CREATE DATABASE further")
            thread.join()
            assert [row[0] for row in outcome[1]] == [height + 1]
            height += 1
            thread = threading.Thread(target=wait)
            thread.start()
            assert source.stop() == 0
            thread.join()
            assert outcome[2] == () or outcome[2] in (2006, 2013, 1053)


@pytest.mark.parametrize("cut", [pytest.param("headers", marks=pytest.mark.long), "blocks"])
def test_a_connection_that_breaks_in_the_middle(source_4: Server, cut: str, tmp_path: Path) -> None:
    """At every length, between two servers: it goes on where it was."""
    source = source_4
    Changes(source, 7, count=60).work(random.Random(7))
    with Proxy(source, first=2_000 if cut == "headers" else 20_000) as proxy:
        uri = f"mysql://root:{source.password}@127.0.0.1:{proxy.port}"
        data = tmp_path / "copy"
        for _ in range(200):
            follower = faunadb.follow(source, uri=uri, data=data, ready=False)
            with contextlib.suppress(RuntimeError):
                follower.wait_ready()
                break
            assert "Traceback" not in follower.last_words()
            follower.close()
        with running(follower):
            Changes(source, 8, prefix="s", count=60).work(random.Random(8))
            must_be_equal(source, follower)


@dataclass
class Proxy:
    """Between a follower and its source; it breaks each connection after some bytes, more each time."""

    source: Server
    first: int
    port: int = 0

    def __enter__(self) -> Proxy:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._left = self.first
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.source.port))
                self._left = int(self._left * 1.6)
                threading.Thread(target=self._pump, args=(client, server, 1 << 60), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, self._left), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket, left: int) -> None:
        with contextlib.suppress(OSError):
            while left > 0 and (data := here.recv(min(left, 65536))):
                there.sendall(data)
                left -= len(data)
        for each in (here, there):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_tls_is_verified(source: Server, tmp_path: Path) -> None:
    where = f"mysql://root:{source.password}@127.0.0.1:{source.port}"
    certificate = source.directory / "server-cert.pem"
    assert certificate.exists(), list(source.directory.iterdir())
    with faunadb.follow(source, uri=f"{where}?tls=verify&tls_ca={certificate}", data=tmp_path / "copy") as follower:
        must_be_equal(source, follower)
        assert replica(follower)["Master_SSL_Verify_Server_Cert"] == "Yes"
