"""Many clients, slow ones, vanishing ones."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import statistics
import threading
import time
from pathlib import Path

import pymysql
import pymysql.cursors
import pytest

from tests.servers import Server

IDLE = 1000
BUSY = 64


@pytest.fixture
def many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open here")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def numbers(server: Server, count: int) -> None:
    """A table of `count` rows of about 200 bytes."""
    with server.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE wide (id INT PRIMARY KEY AUTO_INCREMENT, n INT, v VARCHAR(250))")
        cursor.executemany("INSERT INTO wide (n, v) VALUES (%s, %s)", [(i % 97, "x" * 180) for i in range(min(count, 10_000))])
        have = min(count, 10_000)
        while have < count:
            cursor.execute("INSERT INTO wide (n, v) SELECT n, v FROM wide LIMIT %s", (min(have, count - have),))
            have += cursor.rowcount


@pytest.mark.timeout(240)
def test_a_thousand_idle_and_64_busy(own_server: Server, many_files: None) -> None:
    numbers(own_server, 100_000)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(own_server.connect(database="test")) for _ in range(IDLE)]
        slow: list[float] = []
        problems: list[str] = []
        end = time.monotonic() + 6

        def busy(number: int) -> None:
            try:
                with own_server.connect(database="test") as connection, connection.cursor() as cursor:
                    while time.monotonic() < end:
                        start = time.perf_counter()
                        cursor.execute("SELECT v FROM wide WHERE id = %s", (number + 1,))
                        assert cursor.fetchone()
                        slow.append(time.perf_counter() - start)
            except Exception as problem:
                problems.append(repr(problem))

        def scan() -> None:
            with (
                contextlib.suppress(pymysql.MySQLError),
                own_server.connect(database="test") as connection,
                connection.cursor() as cursor,
            ):
                while time.monotonic() < end:
                    cursor.execute("SELECT COUNT(*) FROM wide a WHERE a.v LIKE '%y%' OR MD5(CONCAT(a.v, a.n)) LIKE '0000%'")
                    cursor.fetchall()

        threads = [threading.Thread(target=busy, args=(i,)) for i in range(BUSY)] + [threading.Thread(target=scan)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not problems
        assert len(slow) > BUSY * 10
        # 64 clients in one Python process wait mostly for each other; what must not be is one stuck behind the scan.
        assert max(slow) < 5, f"p50 {statistics.median(slow):.3f} s, max {max(slow):.3f} s"
        for connection in idle:
            connection.ping(reconnect=False)


def test_too_many_connections(own_server: Server, many_files: None) -> None:
    limit = int(own_server.query("SELECT @@max_connections")[0][0])
    with contextlib.ExitStack() as stack:
        with pytest.raises(pymysql.MySQLError) as caught:
            for _ in range(limit + 20):
                stack.enter_context(own_server.connect())
        assert caught.value.args[0] == 1040
    for _ in range(50):
        with contextlib.suppress(pymysql.MySQLError):
            own_server.query("SELECT 1")
            return
        time.sleep(0.1)
    raise AssertionError("the server took nobody after the crowd had gone")


@pytest.mark.timeout(240)
def test_slow_reader_of_a_million_rows_costs_no_memory(own_server: Server) -> None:
    numbers(own_server, 1_000_000)
    before = own_server.memory_mib()
    with own_server.connect(database="test", cursorclass=pymysql.cursors.SSCursor) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM wide")
        for _ in range(1000):
            cursor.fetchone()
        most = before
        for _ in range(20):
            time.sleep(0.1)
            most = max(most, own_server.memory_mib())
            # Others go on meanwhile.
            assert own_server.query("SELECT 1") == ((1,),)
        count = 1000
        while cursor.fetchone():
            count += 1
            if count % 100_000 == 0:
                most = max(most, own_server.memory_mib())
        assert count == 1_000_000
    assert most - before < 64, f"{before:.0f} MiB before, {most:.0f} MiB while one client read slowly"


def test_a_client_that_vanishes_is_rolled_back_and_frees_its_locks(own_server: Server) -> None:
    own_server.query("CREATE TABLE t (id INT PRIMARY KEY, v INT)", database="test")
    own_server.query("INSERT INTO t VALUES (1, 1)", database="test")
    for abrupt in (False, True):
        gone = own_server.connect(database="test", autocommit=False)
        with gone.cursor() as cursor:
            cursor.execute("UPDATE t SET v = 2 WHERE id = 1")
        if abrupt:  # a reset rather than an orderly end
            gone._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # type: ignore[attr-defined]
        gone._sock.close()  # type: ignore[attr-defined]
        gone._rfile.close()  # type: ignore[attr-defined]
        start = time.monotonic()
        own_server.query("UPDATE t SET v = v + 10 WHERE id = 1", database="test")
        assert time.monotonic() - start < 5
    assert own_server.query("SELECT v FROM t", database="test") == ((21,),)


def test_a_client_that_vanishes_while_its_statement_runs(own_server: Server) -> None:
    numbers(own_server, 20_000)
    gone = own_server.connect(database="test")
    gone._execute_command(3, "SELECT COUNT(*) FROM wide a JOIN wide b ON a.n < b.n AND a.v <> CONCAT(b.v, 'x')")  # type: ignore[attr-defined]
    time.sleep(0.3)
    gone._sock.close()  # type: ignore[attr-defined]
    gone._rfile.close()  # type: ignore[attr-defined]
    time.sleep(1)
    used = own_server.cpu_s()
    time.sleep(1.5)
    assert own_server.cpu_s() - used < 0.8, "its statement still runs"
    assert own_server.query("SELECT 1") == ((1,),)


def test_kill_query(own_server: Server) -> None:
    numbers(own_server, 20_000)
    running = own_server.connect(database="test")
    outcome: list[object] = []

    def run() -> None:
        try:
            with running.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM wide a JOIN wide b ON a.n < b.n AND a.v <> CONCAT(b.v, 'x')")
        except pymysql.MySQLError as problem:
            outcome.append(problem.args[0])

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    own_server.query(f"KILL QUERY {running.thread_id()}")
    thread.join(10)
    assert outcome == [1317]
    with running.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    running.close()


def workers(server: Server) -> list[int]:
    """The processes that verify for it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == server.process.pid and b"fauna.verification.worker" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


@pytest.mark.timeout(120)
def test_kill_query_of_a_verification(own_server: Server) -> None:
    with own_server.connect(database="test") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE large (id INT PRIMARY KEY, v LONGBLOB)")
        for number in range(10):
            cursor.execute("INSERT INTO large VALUES (%s, %s)", (number, os.urandom(1 << 20)))
    running = own_server.connect(database="test")
    outcome: list[object] = []

    def run() -> None:
        try:
            with running.cursor() as cursor:
                cursor.execute("CALL fauna.verify()")
                outcome.append(cursor.fetchall())
        except pymysql.MySQLError as problem:
            outcome.append(problem.args[0])

    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + 30
    while not (halted := workers(own_server)):
        assert time.monotonic() < end, "nobody verifies"
        time.sleep(0.001)
    os.kill(halted[0], signal.SIGSTOP)  # without it there is no end to it
    own_server.query(f"KILL QUERY {running.thread_id()}")
    thread.join(5)
    assert outcome == [1317]
    assert workers(own_server) == []
    with running.cursor() as cursor:
        cursor.execute("CALL fauna.verify()")
        assert [row[0] for row in cursor.fetchall()] == ["ok"]
    running.close()


def test_packets_too_large_truncated_and_nonsense(own_server: Server) -> None:
    own_server.query("SET GLOBAL max_allowed_packet = 1048576")
    with own_server.connect(database="test") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError) as caught:
            cursor.execute("SELECT LENGTH(%s)", ("x" * 3_000_000,))
        assert caught.value.args[0] in (1153, 2006, 2013)
    half = own_server.connect(database="test")
    half._sock.sendall(b"\xff\x00\x00\x00\x03SELECT 1")  # type: ignore[attr-defined]
    half._sock.close()  # type: ignore[attr-defined]
    half._rfile.close()  # type: ignore[attr-defined]
    for nonsense in (
        b"",
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 100,
        b"\x05\x00\x00\x01\x00\x00\x00\x00\x00",
        bytes(range(256)) * 20,
    ):
        with socket.create_connection((own_server.host, own_server.port), timeout=10) as raw:
            raw.recv(200)
            raw.sendall(nonsense)
    odd = own_server.connect(database="test")
    with pytest.raises(pymysql.MySQLError):
        odd._execute_command(99, b"what is this")  # type: ignore[attr-defined]
        odd._read_packet()  # type: ignore[attr-defined]
    assert own_server.query("SELECT 1") == ((1,),)
    assert own_server.alive()


@pytest.mark.timeout(240)
def test_point_selects_beside_a_long_scan(own_server: Server) -> None:
    """A GROUP BY that calls Python for each row runs in a worker thread; nobody waits behind it."""
    numbers(own_server, 200_000)
    scanned: list[float] = []

    def scan() -> None:
        with contextlib.suppress(pymysql.MySQLError), own_server.connect(database="test") as other, other.cursor() as cursor:
            while not scanned:
                cursor.execute(
                    "SELECT n, MAX(MD5(CONCAT(v, n))), MAX(DATE_FORMAT(DATE_ADD('2020-01-01', INTERVAL n DAY), '%Y')) FROM wide GROUP BY n"
                )
                cursor.fetchall()

    thread = threading.Thread(target=scan)
    thread.start()
    time.sleep(0.3)
    took: list[float] = []
    with own_server.connect(database="test") as connection, connection.cursor() as cursor:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            start = time.perf_counter()
            cursor.execute("SELECT v FROM wide WHERE id = %s", (len(took) % 1000 + 1,))
            assert cursor.fetchone()
            took.append(time.perf_counter() - start)
    scanned.append(1)
    thread.join(60)
    took.sort()
    p99 = took[int(len(took) * 0.99)]
    print(
        f"{len(took)} point selects: p50 {took[len(took) // 2] * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {took[-1] * 1e3:.1f} ms"
    )
    assert p99 < 0.1, f"p99 {p99:.3f} s beside a scan"


def test_an_idle_server_is_small(own_server: Server) -> None:
    assert own_server.memory_mib() < 80
