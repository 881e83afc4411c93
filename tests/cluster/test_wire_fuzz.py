"""Broken packets against a real server: it answers, or ends that one connection, and serves everybody else."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from tests.servers import Server

COMMANDS = range(0, 32)


class Relay:
    """Stands between a client and the server, and spoils what the client sends."""

    def __init__(self, server: Server, dice: random.Random, start: int) -> None:
        self.server, self.dice, self.left = server, dice, start
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError), self.listener:
            client, _ = self.listener.accept()
            with client, socket.create_connection((self.server.host, self.server.port), timeout=5) as there:
                back = threading.Thread(target=self._back, args=(there, client), daemon=True)
                back.start()
                client.settimeout(5)
                while data := client.recv(65536):
                    there.sendall(self._spoiled(data))
                there.shutdown(socket.SHUT_WR)
                back.join(5)

    @staticmethod
    def _back(there: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := there.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _spoiled(self, data: bytes) -> bytes:
        self.left -= 1
        if self.left >= 0:
            return data
        spoiled = bytearray(data)
        for _ in range(self.dice.randint(1, 4)):
            spoiled[self.dice.randrange(len(spoiled))] ^= 1 << self.dice.randrange(8)
        return bytes(spoiled[: self.dice.randint(1, len(spoiled))]) if self.dice.random() < 0.1 else bytes(spoiled)


def conversation(server: Server, port: int) -> None:
    """What a driver says, over the relay; whatever happens to it is an error of PyMySQL's."""
    with contextlib.suppress(Exception):
        options = server.connect_options() | {"port": port, "read_timeout": 0.5, "write_timeout": 0.5, "connect_timeout": 1}
        with pymysql.connect(database="test", ssl_disabled=True, **options) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1, 'two'")
            cursor.execute("INSERT INTO spoiled VALUES (%s)", ("x" * 100,))
            cursor.execute("SELECT * FROM spoiled LIMIT 3")
            connection.ping(reconnect=False)
            connection.select_db("test")


def raw_packets(dice: random.Random) -> Iterator[bytes]:
    """Packets with sound headers and nonsense in them, after the header of any command."""
    for _ in range(dice.randint(1, 6)):
        body = bytes((dice.choice(COMMANDS),)) + dice.randbytes(dice.choice((0, 1, 4, 9, 10, 40, 300)))
        yield len(body).to_bytes(3, "little") + b"\0" + body


def logged_in(server: Server) -> pymysql.Connection:
    return server.connect(database="test", read_timeout=2)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [15, pytest.param(180, marks=pytest.mark.long)])
def test_broken_conversations(own_server: Server, seconds: float) -> None:
    seed = random.randrange(1 << 30) if seconds > 60 else 20261121  # make test sends the same bytes each time
    print(f"seed {seed}")
    dice = random.Random(seed)
    own_server.query("CREATE TABLE spoiled (v TEXT)", database="test")
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rounds += 1
        kind = rounds % 3
        if kind == 0:  # a real conversation with bits turned over, from the login on or later
            relay = Relay(own_server, dice, dice.randint(0, 6))
            conversation(own_server, relay.port)
        elif kind == 1:  # nonsense in place of a login
            with socket.create_connection((own_server.host, own_server.port), timeout=5) as raw:
                raw.recv(4096)
                with contextlib.suppress(OSError):
                    raw.sendall(dice.randbytes(dice.choice((1, 3, 4, 5, 36, 200, 5000))))
        else:  # nonsense in place of commands
            connection = logged_in(own_server)
            with contextlib.suppress(OSError):
                for packet in raw_packets(dice):
                    connection._sock.sendall(packet)  # type: ignore[attr-defined]
                connection._sock.settimeout(0.02)  # type: ignore[attr-defined]
                connection._sock.recv(65536)  # type: ignore[attr-defined]
            connection._force_close()  # type: ignore[attr-defined]
        if rounds % 50 == 0:
            assert own_server.query("SELECT 1") == ((1,),)
    print(f"{rounds} conversations")
    assert own_server.alive()
    assert own_server.query("SELECT 1") == ((1,),)
    assert "Traceback" not in "".join(own_server.output), own_server.last_words()
