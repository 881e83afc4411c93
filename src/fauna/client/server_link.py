"""A link to a server over the MySQL protocol.

PyMySQL does the connecting: handshake, TLS, authentication, packets.  It has no prepared statements (it pastes escaped
values into the text), so those are here, on its packet methods: a statement with parameters is prepared once per
connection and text, and its values travel in the binary protocol, apart from the text.  Statements without parameters
go as text.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pymysql  # type: ignore[import-untyped]
import pymysql.connections  # type: ignore[import-untyped]
from pymysql.constants import CLIENT, COMMAND, SERVER_STATUS  # type: ignore[import-untyped]
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket  # type: ignore[import-untyped]

from fauna.client.exceptions import InterfaceError, OperationalError, ProgrammingError, error_of
from fauna.client.link import Answer, Column, Guard, Shape
from fauna.client.placeholders import arrange, statement_of
from fauna.client.prepared import Read, execute_payload, read_row, reader

STATEMENTS_MAX: Final = 256  # prepared statements kept open per connection; the least used is closed first
_SECURE_TRANSPORT_REQUIRED: Final = 3159
_SERVER_LOST: Final = 2013


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect and how.

    tls  'off', 'prefer' (encrypt when the server can, do not check its certificate), 'require', or 'verify' (check the
         certificate and its host name against `tls_ca` or the system's authorities); '' is 'off' for loopback, where
         nobody can listen, and 'prefer' for the rest
    """

    host: str = "127.0.0.1"
    port: int = 3306
    user: str = "root"
    password: str = ""
    database: str | None = None
    tls: str = ""
    tls_ca: str | None = None
    connect_timeout: float = 10
    read_timeout: float | None = None
    local_infile: bool = False
    found_rows: bool = False
    multi_statements: bool = False

    @property
    def tls_mode(self) -> str:
        if self.tls:
            return self.tls
        if self.tls_ca:
            return "verify"
        try:
            loopback = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            loopback = self.host == "localhost"
        return "off" if loopback else "prefer"


@dataclass(slots=True)
class _Prepared:
    statement_id: int
    param_count: int
    definitions: bytes = b""  # of the columns, as last received
    shape: Shape | None = None
    readers: tuple[Read, ...] = ()


class ServerLink:
    """One connection to a server."""

    def __init__(self, address: Address) -> None:
        if address.tls_mode not in ("off", "prefer", "require", "verify"):
            raise InterfaceError(0, f"tls={address.tls!r}: it is one of off, prefer, require, verify")
        self._address = address
        self._guard = Guard()
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()
        self._connection: Any = _connect(address)

    # ── one statement ──────────────────────────────────────────────────────────────────────────────────────────

    def run(self, sql: str, params: Any = None, *, stream: bool = False, as_text: bool = False) -> Answer:
        if self._connection is None:
            raise InterfaceError(0, "the connection is closed")
        with self._guard:
            try:
                if as_text:
                    return self._run_undecoded(sql, stream)
                if params is None:
                    return self._run_text(sql, stream)
                text, values = arrange(statement_of(sql), params)
                if not values:
                    return self._run_text(text, stream)
                return self._run_prepared(text, values, stream)
            except pymysql.err.Error as problem:
                raise _translated(problem) from None

    def _run_text(self, sql: str, stream: bool) -> Answer:
        connection = self._connection
        connection.query(sql, unbuffered=stream)
        return self._text_answer(connection._result, stream)

    def _run_undecoded(self, sql: str, stream: bool) -> Answer:
        connection = self._connection
        decoders, connection.decoders = connection.decoders, {}
        try:
            return self._run_text(sql, stream)
        finally:
            connection.decoders = decoders

    def _text_answer(self, result: Any, stream: bool) -> Answer:
        if result.description is None:
            return Answer(None, [], result.affected_rows, result.insert_id, result.warning_count, _text(result.message))
        shape = Shape.of(Column(*described) for described in result.description)
        if stream:
            return self._streamed(shape, lambda: _next_unbuffered(result))
        return Answer(shape, list(result.rows), len(result.rows), 0, result.warning_count)

    def next_answer(self) -> Answer | None:
        connection = self._connection
        if connection is None or connection._result is None or not connection._result.has_next:
            return None
        try:
            connection.next_result()
        except pymysql.err.Error as problem:
            raise _translated(problem) from None
        return self._text_answer(connection._result, False)

    # ── prepared statements ────────────────────────────────────────────────────────────────────────────────────

    def _run_prepared(self, text: str, values: Any, stream: bool) -> Answer:
        prepared = self._statement(text)
        if prepared.param_count != len(values):
            # A '?' that the server does not count, or counts and we do not: better no statement than a wrong one.
            raise ProgrammingError(0, f"the server finds {prepared.param_count} placeholders, {len(values)} values were given")
        connection = self._connection
        connection._execute_command(COMMAND.COM_STMT_EXECUTE, execute_payload(prepared.statement_id, values))
        packet = connection._read_packet()
        if packet.is_ok_packet():
            return self._ok_answer(packet)
        self._read_shape(prepared, packet.read_length_encoded_integer())
        assert prepared.shape is not None
        if stream:
            return self._streamed(prepared.shape, self._binary_rows(prepared).__next__)
        rows = list(self._binary_rows(prepared))
        return Answer(prepared.shape, rows, len(rows), 0, self._warnings)

    def _ok_answer(self, packet: Any) -> Answer:
        result = pymysql.connections.MySQLResult(self._connection)
        result._read_ok_packet(packet)
        self._connection.server_status = result.server_status
        return Answer(None, [], result.affected_rows or 0, result.insert_id or 0, result.warning_count, _text(result.message))

    def _statement(self, text: str) -> _Prepared:
        found = self._prepared.get(text)
        if found is not None:
            self._prepared.move_to_end(text)
            return found
        if len(self._prepared) >= STATEMENTS_MAX:
            _, oldest = self._prepared.popitem(last=False)
            self._connection._execute_command(COMMAND.COM_STMT_CLOSE, struct.pack("<I", oldest.statement_id))
        self._prepared[text] = made = self._prepare(text)
        return made

    def _prepare(self, text: str) -> _Prepared:
        connection = self._connection
        connection._execute_command(COMMAND.COM_STMT_PREPARE, text.encode())
        data = connection._read_packet().get_all_data()
        statement_id, columns, params = struct.unpack_from("<IHH", data, 1)
        for count in (params, columns):
            for _ in range(count + 1 if count else 0):  # the definitions, and the EOF packet after them
                connection._read_packet()
        return _Prepared(statement_id, params)

    def _read_shape(self, prepared: _Prepared, count: int) -> None:
        connection = self._connection
        packets = [connection._read_packet() for _ in range(count)]
        connection._read_packet()  # EOF
        definitions = b"".join(packet.get_all_data() for packet in packets)
        if prepared.definitions == definitions:
            return
        fields = [FieldDescriptorPacket(packet.get_all_data(), "utf8") for packet in packets]
        prepared.shape = Shape.of(Column(*field.description()) for field in fields)
        prepared.readers = tuple(reader(f.type_code, f.flags, f.charsetnr, f.scale) for f in fields)
        prepared.definitions = definitions

    def _binary_rows(self, prepared: _Prepared) -> Iterator[tuple[Any, ...]]:
        read_packet: Callable[[], MysqlPacket] = self._connection._read_packet
        readers = prepared.readers
        while True:
            packet = read_packet()
            data = packet.get_all_data()
            if data[0] == 0xFE and len(data) < 9:
                self._warnings, self._connection.server_status = struct.unpack_from("<HH", data, 1)
                return
            yield read_row(data, readers)

    _warnings = 0  # of the last statement whose rows were read to the end

    # ── streams ────────────────────────────────────────────────────────────────────────────────────────────────

    def _streamed(self, shape: Shape, read: Callable[[], tuple[Any, ...] | None]) -> Answer:
        self._guard.streaming = True
        rows = self._reading(read)

        def close() -> None:
            for _ in rows:
                pass

        return Answer(shape, rows, 0, 0, 0, close=close)

    def _reading(self, read: Callable[[], tuple[Any, ...] | None]) -> Iterator[tuple[Any, ...]]:
        row: tuple[Any, ...] | None = ()
        try:
            while (row := _next(read)) is not None:
                yield row
        finally:
            # Left early: what the server has begun to send must be read off before anything else can be sent.
            while row is not None and self.open:
                row = _next(read)
            self._guard.streaming = False

    # ── the connection ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_transaction(self) -> bool:
        connection = self._connection
        return connection is not None and bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    @property
    def open(self) -> bool:
        return self._connection is not None and bool(self._connection.open)

    def interrupt(self) -> None:
        connection = self._connection
        if connection is not None:
            killer = _connect(self._address)
            try:
                killer.query(f"KILL QUERY {connection.thread_id()}")
            except pymysql.err.Error as problem:
                raise _translated(problem) from None
            finally:
                killer.close()

    def ping(self) -> None:
        if self._connection is None:
            raise InterfaceError(0, "the connection is closed")
        with self._guard:
            try:
                self._connection.ping()
            except pymysql.err.Error as problem:
                raise _translated(problem) from None

    def abandon(self) -> None:
        """End the connection from another thread: what is running on it fails with error 2013.  `close` is still to be called."""
        connection = self._connection
        sock = connection._sock if connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye; the server rolls back what is open.  Again is no error."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()


def _next_unbuffered(result: Any) -> tuple[Any, ...] | None:
    try:
        row: tuple[Any, ...] | None = result._read_rowdata_packet_unbuffered()
    except BaseException:
        result.unbuffered_active = False  # there is nothing more to read off, which PyMySQL would try when it forgets the result
        raise
    return row


def _next(read: Callable[[], tuple[Any, ...] | None]) -> tuple[Any, ...] | None:
    try:
        return read()
    except StopIteration:
        return None
    except pymysql.err.Error as problem:
        raise _translated(problem) from None


def _connect(address: Address) -> Any:
    try:
        return _connect_with(address, address.tls_mode)
    except pymysql.err.Error as problem:
        if problem.args and problem.args[0] == _SECURE_TRANSPORT_REQUIRED and not address.tls:
            try:
                return _connect_with(address, "require")
            except pymysql.err.Error as again:
                raise _translated(again) from None
        raise _translated(problem) from None


def _connect_with(address: Address, tls: str) -> Any:
    options: dict[str, Any] = {"ssl_disabled": True} if tls == "off" else {}
    if tls == "require":
        options = {"ssl": {"verify_mode": "none"}}
    elif tls == "verify":
        options = {"ssl": {"ca": address.tls_ca, "check_hostname": True, "verify_mode": "required"}}
    flags = (CLIENT.FOUND_ROWS if address.found_rows else 0) | (CLIENT.MULTI_STATEMENTS if address.multi_statements else 0)
    connection = pymysql.connections.Connection(
        host=address.host, port=address.port, user=address.user, password=address.password,
        database=address.database, connect_timeout=address.connect_timeout, read_timeout=address.read_timeout,
        charset="utf8mb4", autocommit=None, local_infile=address.local_infile, client_flag=flags, program_name="fauna",
        **options,
    )  # fmt: skip
    if tls in ("require", "verify") and not connection._secure:
        connection.close()
        raise OperationalError(2026, "the server does not offer TLS, and this connection requires it")
    return connection


def _text(message: bytes | str | None) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else message or ""


def _translated(problem: pymysql.err.Error) -> Exception:
    if len(problem.args) >= 2 and isinstance(problem.args[0], int):
        errno, message = problem.args[0], str(problem.args[1])
        if isinstance(problem, pymysql.err.InterfaceError) or errno == 0:
            return OperationalError(_SERVER_LOST, message or "the connection to the server is lost", "08S01")
        return error_of(errno, message, getattr(problem, "sqlstate", None))
    return OperationalError(0, str(problem))
