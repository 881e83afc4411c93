"""Waiting, flow control, limits and clients that vanish."""

from __future__ import annotations

import resource
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fauna.catalog.types import BIGINT_TYPE, INT_TYPE, varchar
from fauna.errors import error
from fauna.session.result import Result, Row
from fauna.wire.protocol import CLIENT_LOCAL_FILES, CLIENT_MULTI_STATEMENTS
from tests.unit.wire.conftest import Running
from tests.unit.wire.memory_backend import (
    TestTicket,
    column,
    counted,
    moving,
    rows_of,
    slow,
    table_of,
    waiting,
)
from tests.unit.wire.raw_client import RawClient, ServerError, fields

WIDE = (column("i", INT_TYPE), column("s", varchar(300)))
COM_PING = 0x0E


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def session_of(running: Running, client: RawClient) -> Any:
    """The newest session: tests open their clients one by one."""
    return running.backend.sessions[max(running.backend.sessions)]


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_statement_moves_to_a_worker(running: Running) -> None:
    running.backend.answers["MOVE"] = moving(lambda: rows_of([1, 2], INT_TYPE))
    with RawClient(running.port) as client:
        assert client.query("MOVE") == [b"\x011", b"\x012"]
        assert client.query("SELECT 3") == [b"\x013"]


def test_a_lock_is_waited_for_without_a_thread(running: Running) -> None:
    ticket = TestTicket()
    running.backend.answers["LOCK"] = waiting(ticket, lambda: rows_of([1], INT_TYPE))
    with RawClient(running.port) as client, RawClient(running.port) as other:
        client.command(3, b"LOCK")
        assert other.query("SELECT 1") == [b"\x011"]
        assert running.server._statements._work_queue.qsize() == 0
        ticket.complete()
        assert client.rows(client.read()) == [b"\x011"]


def test_a_lock_wait_that_fails_is_the_statement_s_error(running: Running) -> None:
    ticket = TestTicket(error("LOCK_WAIT_TIMEOUT"))
    running.backend.answers["LOCK"] = waiting(ticket, lambda: Result())
    with RawClient(running.port) as client:
        client.command(3, b"LOCK")
        eventually(lambda: running.backend.statements_run == ["LOCK"])
        ticket.complete()
        with pytest.raises(ServerError) as caught:
            client.check(client.read())
        assert caught.value.errno == 1205
        assert client.query("SELECT 1") == [b"\x011"]


def test_success_is_told_only_when_it_is_durable(running: Running) -> None:
    ticket = TestTicket()
    running.backend.answers["COMMIT IT"] = lambda session, inline: Result(affected_rows=1, durable=ticket)
    with RawClient(running.port) as client, RawClient(running.port) as other:
        client.command(3, b"COMMIT IT")
        assert other.query("SELECT 1") == [b"\x011"]
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(10)
        ticket.complete()
        assert client.read()[:2] == b"\0\x01"


def test_a_failed_sync_is_the_commit_s_error(running: Running) -> None:
    ticket = TestTicket(error("DISK_FULL", "/data"))
    running.backend.answers["COMMIT IT"] = lambda session, inline: Result(durable=ticket)
    with RawClient(running.port) as client:
        client.command(3, b"COMMIT IT")
        ticket.complete()
        with pytest.raises(ServerError) as caught:
            client.check(client.read())
        assert caught.value.errno == 1021


def test_pipelined_commands_are_answered_in_order(running: Running) -> None:
    running.backend.answers["MOVE"] = moving(lambda: rows_of([0], INT_TYPE))
    with RawClient(running.port) as client:
        texts = ["MOVE" if i % 5 == 0 else f"SELECT {i}" for i in range(200)]
        client.socket.sendall(b"".join(struct.pack("<I", len(t) + 1) + b"\x03" + t.encode() for t in texts))
        for i in range(200):
            expected = str(0 if i % 5 == 0 else i).encode()
            assert client.rows(client.check(client.read())) == [bytes((len(expected),)) + expected]


def test_pipelined_bytes_are_bounded(running: Running) -> None:
    ticket = TestTicket()
    running.backend.answers["LOCK"] = waiting(ticket, lambda: Result())
    with RawClient(running.port) as client:
        client.command(3, b"LOCK")
        client.socket.settimeout(0.5)
        sent = 0
        ping = struct.pack("<I", 1) + b"\x0e"
        try:
            while sent < 100 << 20:
                sent += client.socket.send(ping * 10_000)
        except TimeoutError:
            pass
        assert sent < 30 << 20  # ours and the kernel's buffers
        connection = next(iter(running.server._connections))
        assert connection.reader.buffered() < 3 << 20
        ticket.complete()


def test_replies_nobody_reads_do_not_pile_up(running: Running) -> None:
    big = "x" * 200_000
    running.backend.answers["BIG"] = lambda session, inline: rows_of([big], varchar(300))
    query = struct.pack("<I", 4) + b"\x03BIG"
    with RawClient(running.port) as client:
        client.socket.sendall(query * 2000)
        time.sleep(0.5)
        run = len(running.backend.statements_run)
        assert run < 100
        time.sleep(0.2)
        assert len(running.backend.statements_run) == run
        for _ in range(2000):
            assert len(client.rows(client.check(client.read()))) == 1


# --- rows ------------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_with_a_slow_reader(running: Running) -> None:
    made = [0]

    def rows() -> Iterator[Row]:
        for i in range(1_000_000):
            made[0] = i
            yield (i, "x" * 200)

    running.backend.answers["SCAN"] = moving(lambda: Result(columns=WIDE, rows=rows()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with RawClient(running.port) as client, RawClient(running.port) as other:
        client.command(3, b"SCAN")
        time.sleep(0.5)
        stopped = made[0]
        assert stopped < 200_000
        longest = 0.0
        for _ in range(50):
            begun = time.monotonic()
            other.ask(COM_PING)
            longest = max(longest, time.monotonic() - begun)
        assert longest < 0.5
        assert made[0] == stopped  # the client did not read, so no row was made
        assert len(client.rows(client.check(client.read()))) == 1_000_000
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 600_000  # the list of rows above is this test's own


def test_an_error_in_the_middle_of_rows(running: Running) -> None:
    def rows(good: int) -> Iterator[Row]:
        for i in range(good):
            yield (i, "x" * 200)
        raise error("QUERY_INTERRUPTED")

    running.backend.answers["FAIL LATE"] = moving(lambda: Result(columns=WIDE, rows=rows(5000)))
    running.backend.answers["FAIL EARLY"] = moving(lambda: Result(columns=WIDE, rows=rows(0)))
    with RawClient(running.port) as client:
        for text in ("FAIL LATE", "FAIL EARLY"):
            with pytest.raises(ServerError) as caught:
                client.query(text)
            assert caught.value.errno == 1317
            assert client.query("SELECT 1") == [b"\x011"]


def test_a_long_ready_result_is_sent_in_turns(running: Running) -> None:
    running.backend.answers["READY"] = lambda session, inline: table_of(WIDE, [(i, "y" * 200) for i in range(20_000)])
    with RawClient(running.port) as client:
        assert len(client.query("READY")) == 20_000
        assert client.query("SELECT 1") == [b"\x011"]


def test_a_row_over_16_mb(running: Running) -> None:
    text = "z" * (17 << 20)
    running.backend.answers["BIG"] = lambda session, inline: rows_of([text], varchar(1))
    with RawClient(running.port) as client:
        rows = client.query("BIG")
        assert fields(rows[0], 1) == [text.encode()]


# --- prepared statements and cursors -----------------------------------------------------------------------------------


def _execute(statement_id: int, flags: int = 0, params: bytes = b"") -> bytes:
    return struct.pack("<IBI", statement_id, flags, 1) + params


@pytest.mark.parametrize("count", [0, 3, 50_000])
def test_cursor(running: Running, count: int) -> None:
    columns = (column("n", BIGINT_TYPE), column("s", varchar(300)))
    running.backend.columns["SELECT rows"] = columns
    running.backend.answers["SELECT rows"] = moving(lambda: counted(count, (7, "x" * 100), columns))
    with RawClient(running.port) as client:
        statement_id = client.prepare("SELECT rows")
        head = client.ask(0x17, _execute(statement_id, 1))
        assert head == b"\x02"
        client.read(), client.read()
        assert struct.unpack_from("<H", client.read(), 3)[0] & 64
        got = 0
        while True:
            got += len(client.rows_fetch(statement_id, 20_000))
            if client.status & 128:
                break
        assert got == count
        with pytest.raises(ServerError) as caught:
            client.rows_fetch(statement_id, 1)
        assert caught.value.errno == 1421


def test_long_data_and_types_sent_once(running: Running) -> None:
    running.backend.answers["INSERT ?, ?"] = lambda session, inline: Result(affected_rows=1)
    with RawClient(running.port) as client:
        statement_id = client.prepare("INSERT ?, ?")
        for piece in (b"hello ", b"w\xc3\xb6rld"):
            client.command(0x18, struct.pack("<IH", statement_id, 0) + piece)
        client.ask(0x17, _execute(statement_id, 0, b"\0\x01\xfd\0\x03\0" + struct.pack("<i", 5)))
        client.ask(0x17, _execute(statement_id, 0, b"\0\0" + b"\x02hi" + struct.pack("<i", 6)))
        client.ask(0x17, _execute(statement_id, 0, b"\x01\0" + struct.pack("<i", 7)))
        values = [[value for _, value in params] for params in running.backend.params_run]
        assert values == [["hello wörld", 5], ["hi", 6], [None, 7]]
        client.ask(0x1A, struct.pack("<I", statement_id))
        client.command(0x19, struct.pack("<I", statement_id))
        with pytest.raises(ServerError) as caught:
            client.ask(0x17, _execute(statement_id))
        assert caught.value.errno == 1243


@pytest.mark.parametrize("params", [b"", b"\0", b"\0\x01", b"\0\x01\x03\0\x03\0\x01", b"\0\x01\x63\0\x03\0", b"\0\0"])
def test_truncated_parameters_are_an_error_and_the_end(running: Running, params: bytes) -> None:
    with RawClient(running.port) as client:
        statement_id = client.prepare("INSERT ?, ?")
        with pytest.raises(ServerError) as caught:
            client.ask(0x17, _execute(statement_id, 0, params))
        assert caught.value.errno == 1835
        assert client.closed()


# --- other commands, broken packets ------------------------------------------------------------------------------------


def test_unknown_commands_are_1047(running: Running) -> None:
    with RawClient(running.port) as client:
        for code in (0x00, 0x05, 0x06, 0x07, 0x08, 0x0A, 0x0D, 0x12, 0x20, 0xFF):
            with pytest.raises(ServerError) as caught:
                client.ask(code)
            assert caught.value.errno == 1047
        client.ask(COM_PING)


def test_commands_of_the_manual(running: Running) -> None:
    with RawClient(running.port) as client:
        assert client.ask(0x09) == b"Uptime: 1  Threads: 1"
        assert client.ask(0x1F)[0] == 0
        assert client.ask(0x1B, b"\0\0")[0] == 0xFE
        assert client.query("SELECT 1; SELECT 2") == [b"\x011"]
        assert client.status & 8
        assert client.rows(client.read()) == [b"\x012"]
        assert client.ask(0x1B, b"\1\0")[0] == 0xFE
        client.command(0x04, b"t\0%")
        assert len(client.until_eof()) == 2
        assert client.ask(0x02, b"shop")[0] == 0
        with RawClient(running.port) as victim:
            client.ask(0x0C, struct.pack("<I", max(running.backend.sessions)))
            assert victim.closed()


def test_a_wrong_sequence_id_ends_the_connection(running: Running) -> None:
    with RawClient(running.port) as client:
        client.sequence = 7
        client.write(b"\x0e")
        with pytest.raises(ServerError) as caught:
            client.check(client.read())
        assert caught.value.errno == 1156
        assert client.closed()


def test_an_empty_command_ends_the_connection(running: Running) -> None:
    with RawClient(running.port) as client:
        client.sequence = 0
        client.write(b"")
        with pytest.raises(ServerError) as caught:
            client.check(client.read())
        assert caught.value.errno == 1835
        assert client.closed()


# --- clients that vanish -----------------------------------------------------------------------------------------------


def _vanish_after(running: Running, text: str, wait: Callable[[Any], object]) -> Any:
    client = RawClient(running.port)
    session = session_of(running, client)
    client.command(3, text.encode())
    eventually(lambda: text in running.backend.statements_run)
    wait(session)
    client.socket.close()
    eventually(lambda: session.closed)
    eventually(lambda: running.server.connection_count == 0)
    return session


def test_vanish_while_a_worker_runs(running: Running) -> None:
    running.backend.answers["SLOW"] = slow(30, lambda: Result())
    session = _vanish_after(running, "SLOW", lambda session: None)
    assert session.interrupted.is_set()


def test_vanish_while_a_lock_is_waited_for(running: Running) -> None:
    ticket = TestTicket()
    running.backend.answers["LOCK"] = waiting(ticket, lambda: Result())
    _vanish_after(running, "LOCK", lambda session: None)
    ticket.complete()  # and nothing happens


def test_vanish_while_a_commit_is_not_yet_durable(running: Running) -> None:
    ticket = TestTicket()
    running.backend.answers["COMMIT IT"] = lambda session, inline: Result(durable=ticket)
    _vanish_after(running, "COMMIT IT", lambda session: None)
    ticket.complete()


def test_vanish_in_the_middle_of_rows(running: Running) -> None:
    closed: list[str] = []
    running.backend.answers["SCAN"] = moving(lambda: counted(1_000_000, (1, "x" * 200), WIDE, closed))
    _vanish_after(running, "SCAN", lambda session: time.sleep(0.2))
    eventually(lambda: closed == ["closed"])


def test_vanish_in_a_transaction_and_in_half_a_packet(running: Running) -> None:
    client = RawClient(running.port)
    session = session_of(running, client)
    client.ask(3, b"BEGIN")
    client.socket.sendall(b"\x10\x00\x00\x00\x03SEL")
    client.socket.close()
    eventually(lambda: session.closed)


def test_vanish_in_the_middle_of_local_infile(running: Running) -> None:
    from fauna.session.result import LocalInfile

    problems: list[Exception] = []

    def load(pieces: Any) -> Result:
        try:
            for _ in pieces:
                pass
        except Exception as problem:
            problems.append(problem)
            raise
        return Result()

    running.backend.answers["LOAD"] = lambda session, inline: LocalInfile("x", load)
    client = RawClient(running.port, capabilities=CLIENT_LOCAL_FILES)
    session = session_of(running, client)
    client.command(3, b"LOAD")
    assert client.read() == b"\xfbx"
    client.write(b"1,2,3\n")
    client.socket.close()
    eventually(lambda: session.closed)
    assert len(problems) == 1


def test_vanish_before_and_during_login(running: Running) -> None:
    for data in (b"", b"\x20", b"\x20\x00\x00\x01" + b"\0" * 10):
        client = RawClient(running.port, login=False)
        client.read()
        client.socket.sendall(data)
        client.socket.close()
    eventually(lambda: running.server.connection_count == 0)


# --- time-outs and the end ---------------------------------------------------------------------------------------------


def test_connect_timeout(start: Callable[..., Running]) -> None:
    running = start(connect_timeout=2)
    with RawClient(running.port, login=False) as client:
        assert client.closed()


def test_wait_timeout(running: Running) -> None:
    running.backend.variables["wait_timeout"] = 1
    with RawClient(running.port) as client:
        assert client.closed()
    assert len(running.backend.closed) == 1


def test_net_read_timeout(running: Running) -> None:
    running.backend.variables["net_read_timeout"] = 1
    with RawClient(running.port) as client:
        client.socket.sendall(b"\x10\x00\x00\x00\x03")
        with pytest.raises(ServerError) as caught:
            client.check(client.read())
        assert caught.value.errno == 1159


def test_net_write_timeout(running: Running) -> None:
    running.backend.variables["net_write_timeout"] = 1
    closed: list[str] = []
    running.backend.answers["SCAN"] = moving(lambda: counted(1_000_000, (1, "x" * 200), WIDE, closed))
    with RawClient(running.port) as client:
        client.command(3, b"SCAN")
        eventually(lambda: running.server.connection_count == 0, 8)
        assert closed == ["closed"]


def test_shutdown_lets_a_running_statement_finish(start: Callable[..., Running]) -> None:
    running = start()
    running.backend.answers["SLOW"] = slow(0.5, lambda: rows_of([1], INT_TYPE))
    running.backend.answers["FOREVER"] = slow(60, lambda: rows_of([1], INT_TYPE))
    with RawClient(running.port) as busy, RawClient(running.port) as idle, RawClient(running.port) as endless:
        busy.command(3, b"SLOW")
        endless.command(3, b"FOREVER")
        eventually(lambda: {"SLOW", "FOREVER"} <= set(running.backend.statements_run))
        stop = threading.Thread(target=running.call, args=(running.server.shutdown(1.5),))
        stop.start()
        assert busy.rows(busy.check(busy.read())) == [b"\x011"]
        assert busy.closed()
        assert idle.closed()
        with pytest.raises(ServerError) as caught:
            endless.check(endless.read())
        assert caught.value.errno == 1317
        assert endless.closed()
        stop.join(10)
        assert not stop.is_alive()
    assert sorted(running.backend.closed) == [1, 2, 3]


def test_many_statements_in_one_packet(running: Running) -> None:
    with RawClient(running.port, capabilities=CLIENT_MULTI_STATEMENTS) as client:
        client.command(3, ";".join(f"SELECT {i}" for i in range(2000)).encode())
        for i in range(2000):
            expected = str(i).encode()
            assert client.rows(client.check(client.read())) == [bytes((len(expected),)) + expected]
        assert not client.status & 8


def test_a_thousand_idle_connections(start: Callable[..., Running]) -> None:
    running = start(max_connections=1100)
    clients = [RawClient(running.port) for _ in range(1000)]
    try:
        assert clients[500].query("SELECT 1") == [b"\x011"]
        assert running.server.connection_count == 1000
    finally:
        for client in clients:
            client.socket.close()
    eventually(lambda: running.server.connection_count == 0)


def test_wakeups_from_many_threads_are_all_run(running: Running) -> None:
    ran: list[int] = []

    def post(base: int) -> None:
        for i in range(1000):
            running.server.wakeups.post(lambda i=i: ran.append(base + i))  # type: ignore[misc]

    threads = [threading.Thread(target=post, args=(base,)) for base in range(0, 8000, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(ran) == 8000)
    assert sorted(ran) == list(range(8000))
