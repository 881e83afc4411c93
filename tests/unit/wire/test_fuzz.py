"""Arbitrary bytes at every phase: an error packet or a closed connection, never an exception out of data_received."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fauna.settings import Settings
from fauna.wire.backend import ClientInfo
from fauna.wire.command_phase import CommandPhase
from fauna.wire.connection import Connection
from fauna.wire.framing import Compression, frame
from fauna.wire.handshake import parse_handshake_response
from fauna.wire.protocol import CLIENT_SSL, SERVER_CAPABILITIES
from fauna.wire.server import WireServer
from tests.unit.wire.memory_backend import MemoryBackend
from tests.unit.wire.raw_client import BASE


class Transport(asyncio.Transport):
    """Keeps what is written; closes like a socket does, later."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Connection) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self._loop = loop
        self._protocol = protocol

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Bench:
    """A server without a port, and connections without sockets."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.problems: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: self.problems.append(context))
        self.backend = MemoryBackend()
        self.backend.add_user("root", "secret")
        self.server = WireServer(self.backend, Settings(data=directory, port=0))
        self.loop.run_until_complete(self.server.start())

    def connection(self) -> tuple[Connection, Transport]:
        connection = Connection(self.server, 1)
        transport = Transport(self.loop, connection)
        connection.connection_made(transport)
        return connection, transport

    def logged_in(self) -> tuple[Connection, Transport]:
        connection, transport = self.connection()
        session = self.backend.open_session(ClientInfo(1, "root", "localhost", None, multi_statements=True))
        capabilities = SERVER_CAPABILITIES
        connection.start_commands(CommandPhase(connection, session, capabilities), 1 << 20, False)
        connection._drained()
        return connection, transport

    def settle(self) -> None:
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))
        assert not self.problems, self.problems

    def close(self) -> None:
        self.loop.run_until_complete(self.server.shutdown(0.1))
        self.loop.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Bench(tmp_path_factory.mktemp("keys"))
    logging.getLogger("fauna").setLevel(logging.CRITICAL)
    yield made
    logging.getLogger("fauna").setLevel(logging.NOTSET)
    made.close()


FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.lists(st.binary(max_size=80), max_size=5)
PAYLOADS = st.binary(max_size=80)


@FUZZ
@given(pieces=PIECES)
def test_any_bytes_instead_of_a_handshake(bench: Bench, pieces: list[bytes]) -> None:
    connection, transport = bench.connection()
    for piece in pieces:
        if not transport.closed:
            connection.data_received(piece)
    connection.close()
    bench.settle()


@FUZZ
@given(body=PAYLOADS, flags=st.integers(0, 2**32 - 1))
def test_any_handshake_response(bench: Bench, body: bytes, flags: int) -> None:
    connection, transport = bench.connection()
    connection.data_received(frame((flags | BASE).to_bytes(4, "little") + bytes(28) + body, 1))
    if not transport.closed:
        connection.data_received(frame(body, 3))
    connection.close()
    bench.settle()


@FUZZ
@given(body=st.binary(max_size=200))
def test_handshake_parser(body: bytes) -> None:
    from fauna.errors import SqlError

    try:
        parse_handshake_response(body, SERVER_CAPABILITIES | CLIENT_SSL)
    except SqlError:
        pass


@FUZZ
@given(pieces=PIECES)
def test_any_bytes_instead_of_tls(bench: Bench, pieces: list[bytes]) -> None:
    connection, transport = bench.connection()
    connection.data_received(frame((BASE | CLIENT_SSL).to_bytes(4, "little") + bytes(28), 1) + b"".join(pieces[:1]))
    bench.settle()
    for piece in pieces[1:]:
        if not transport.closed:
            connection.data_received(piece)
    connection.close()
    bench.settle()


@FUZZ
@given(pieces=PIECES)
def test_any_bytes_instead_of_commands(bench: Bench, pieces: list[bytes]) -> None:
    connection, transport = bench.logged_in()
    for piece in pieces:
        if not transport.closed:
            connection.data_received(piece)
    connection.close()
    bench.settle()


COMMANDS = st.sampled_from([*range(0x20), 0x16, 0x17, 0x18, 0x1C, 0x03, 0x11])


@FUZZ
@given(commands=st.lists(st.tuples(COMMANDS, PAYLOADS | st.just(b"\x01\0\0\0\0\x01\0\0\0\0\x01")), max_size=8))
def test_any_commands(bench: Bench, commands: list[tuple[int, bytes]]) -> None:
    connection, transport = bench.logged_in()
    connection.data_received(frame(b"\x16SELECT ?, ?", 0))
    for code, body in commands:
        if not transport.closed:
            before = len(transport.written)
            connection.data_received(frame(bytes((code,)) + body, 0))
            answered = len(transport.written) > before or transport.closed or connection.busy
            assert answered or code in (0x01, 0x18, 0x19) or not connection.straight
    connection.close()
    bench.settle()


@FUZZ
@given(pieces=PIECES)
def test_any_bytes_instead_of_compressed_packets(bench: Bench, pieces: list[bytes]) -> None:
    connection, transport = bench.logged_in()
    connection._start_compression()
    connection.data_received(Compression().wrap(frame(b"\x0e", 0)))
    for piece in pieces:
        if not transport.closed:
            connection.data_received(piece)
    connection.close()
    bench.settle()
