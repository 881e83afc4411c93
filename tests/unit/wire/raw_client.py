"""A blocking client that speaks packets, for what the drivers do not offer: cursors, broken packets, vanishing."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

from fauna.wire import auth
from fauna.wire.framing import Reader
from fauna.wire.protocol import (
    CLIENT_CONNECT_WITH_DB,
    CLIENT_LONG_PASSWORD,
    CLIENT_PLUGIN_AUTH,
    CLIENT_PROTOCOL_41,
    CLIENT_SECURE_CONNECTION,
    CLIENT_TRANSACTIONS,
)

BASE = (
    CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH | CLIENT_TRANSACTIONS
    | CLIENT_CONNECT_WITH_DB
)  # fmt: skip


class ServerError(Exception):
    def __init__(self, payload: bytes) -> None:
        self.errno = struct.unpack_from("<H", payload, 1)[0]
        self.sqlstate = payload[4:9].decode() if payload[3:4] == b"#" else ""
        self.message = payload[9 if self.sqlstate else 3 :].decode()
        super().__init__(self.errno, self.message)


class RawClient:
    """A socket, and the sequence id of the next packet."""

    def __init__(self, port: int, user: str = "old", password: str = "secret", capabilities: int = 0, login: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.sequence = 0
        if login:
            self.greeting = self.read()
            self.login(user, password, capabilities)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.socket.close()

    def login(self, user: str, password: str, capabilities: int) -> None:
        version_end = self.greeting.index(0, 1)
        nonce = self.greeting[version_end + 5 : version_end + 13] + self.greeting[version_end + 32 : version_end + 44]
        scramble = auth.scramble_native(password, nonce)
        response = struct.pack("<IIB23x", BASE | capabilities, 1 << 24, 45) + user.encode() + b"\0"
        self.write(response + bytes((len(scramble),)) + scramble + b"\0mysql_native_password\0")
        answer = self.read()
        if answer[0] == 0xFE:
            plugin, nonce = answer[1:].split(b"\0", 1)
            assert plugin == b"mysql_native_password", plugin
            self.write(auth.scramble_native(password, nonce[:20]))
            answer = self.read()
        self.check(answer)

    def check(self, payload: bytes) -> bytes:
        if payload[:1] == b"\xff":
            raise ServerError(payload)
        return payload

    def take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        return data

    def read(self) -> bytes:
        payload = b""
        while True:
            header = self.take(4)
            size = int.from_bytes(header[:3], "little")
            self.sequence = (header[3] + 1) & 0xFF
            payload += self.take(size)
            if size < 0xFFFFFF:
                return payload

    def write(self, payload: bytes) -> None:
        self.socket.sendall(struct.pack("<I", len(payload) | self.sequence << 24) + payload)
        self.sequence = (self.sequence + 1) & 0xFF

    def command(self, code: int, body: bytes = b"") -> None:
        self.sequence = 0
        self.write(bytes((code,)) + body)

    def ask(self, code: int, body: bytes = b"") -> bytes:
        self.command(code, body)
        return self.check(self.read())

    def query(self, text: str) -> list[bytes]:
        """The row payloads of a text query."""
        return self.rows(self.ask(3, text.encode()))

    def rows(self, head: bytes) -> list[bytes]:
        if head[0] == 0:
            return []
        for _ in range(head[0]):
            self.read()
        assert self.read()[0] == 0xFE
        return self.until_eof()

    def until_eof(self) -> list[bytes]:
        rows: list[bytes] = []
        while True:
            payload = self.check(self.read())
            if payload[0] == 0xFE and len(payload) < 9:
                self.status = struct.unpack_from("<H", payload, 3)[0]
                return rows
            rows.append(payload)

    def rows_fetch(self, statement_id: int, count: int) -> list[bytes]:
        """COM_STMT_FETCH."""
        self.command(0x1C, struct.pack("<II", statement_id, count))
        return self.until_eof()

    def prepare(self, text: str) -> int:
        """The statement id."""
        reply = self.ask(0x16, text.encode())
        statement_id, columns, params = struct.unpack_from("<IHH", reply, 1)
        for count in (params, columns):
            for _ in range(count):
                self.read()
            if count:
                assert self.read()[0] == 0xFE
        return int(statement_id)

    def closed(self) -> bool:
        """Whether the server ends the connection (waits for it up to the socket's time-out)."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True


def fields(row: bytes, count: int) -> list[bytes]:
    reader = Reader(row)
    return [reader.lenenc() for _ in range(count)]
