"""Logging in: the greeting, TLS, the authentication exchange, the session.  Also the second half of COM_CHANGE_USER.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from fauna.errors import SqlError, error
from fauna.wire import auth, replies
from fauna.wire.backend import ClientInfo
from fauna.wire.charset import DEFAULT_COLLATION_ID
from fauna.wire.command_phase import CommandPhase
from fauna.wire.handshake import HandshakeResponse, handshake_v10, parse_change_user, parse_handshake_response
from fauna.wire.protocol import (
    CLIENT_COMPRESS,
    CLIENT_FOUND_ROWS,
    CLIENT_INTERACTIVE,
    CLIENT_LOCAL_FILES,
    CLIENT_MULTI_STATEMENTS,
    CLIENT_PLUGIN_AUTH,
    CLIENT_SSL,
    SERVER_CAPABILITIES,
    SERVER_STATUS_AUTOCOMMIT,
)

if TYPE_CHECKING:
    from fauna.wire.connection import Connection

ANSWER_BYTES_MAX: Final = 1024  # no authentication answer is longer


class Login:
    """One login on one connection, from the greeting (or COM_CHANGE_USER) to a session or an end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._server = connection.server
        self._nonce = connection.nonce
        self._exchange: auth.Exchange
        self._attempt: auth.Attempt
        self._response: HandshakeResponse

    def greet(self) -> None:
        """Send handshake v10 and wait for the answer."""
        connection = self._connection
        greeting = handshake_v10(
            self._server.backend.server_version,
            connection.connection_id,
            self._nonce,
            SERVER_CAPABILITIES | CLIENT_SSL,
            DEFAULT_COLLATION_ID,
            SERVER_STATUS_AUTOCOMMIT,
            self._server.authenticator.default_plugin,
        )
        connection.reader.expect(1)
        connection.on_payload = self._handshake_response
        connection.send(greeting)

    def _handshake_response(self, payload: bytes) -> None:
        response = parse_handshake_response(payload, SERVER_CAPABILITIES | CLIENT_SSL)
        connection = self._connection
        if response.wants_tls:
            if connection.secure:
                raise error("HANDSHAKE")
            connection.start_tls()
            return
        if self._server.require_secure_transport and not connection.secure:
            raise error("INSECURE_TRANSPORT")
        self._begin(response)

    def change_user(self, payload: bytes, capabilities: int) -> None:
        """COM_CHANGE_USER.  Like MySQL and MariaDB we ask for the answer again, with the greeting's nonce: libmysqlclient
        sends none of its own accord, and libmariadb's knows no other nonce.
        """
        response = parse_change_user(payload, capabilities)
        if capabilities & CLIENT_PLUGIN_AUTH:
            response.plugin = ""
        self._begin(response)

    def _begin(self, response: HandshakeResponse) -> None:
        connection = self._connection
        self._response = response
        self._attempt = auth.Attempt(
            response.user,
            connection.peer_host,
            response.plugin,
            response.response,
            self._nonce,
            bool(response.capabilities & CLIENT_PLUGIN_AUTH),
            connection.secure,
        )
        self._exchange = self._server.authenticator.exchange(self._attempt)
        self._advance(None)

    def _advance(self, answer: bytes | bool | None) -> None:
        """Carry the exchange on until it waits for the client, for a thread, or is over."""
        connection = self._connection
        try:
            while True:
                step = self._exchange.send(answer)
                if isinstance(step, auth.Send):
                    self._send(step.payload)
                    connection.on_payload = self._answer
                    return
                if isinstance(step, auth.Verify):
                    connection.busy = True
                    self._server.verify(step.check, self._verified)
                    return
                self._send(step.payload)
                connection.reader.sequence = (connection.reader.sequence + 1) & 0xFF
                answer = None
        except StopIteration as end:
            accepted = bool(end.value)
        if accepted:
            self._open_session()
        else:
            self._refuse()

    def _send(self, payload: bytes) -> None:
        reader = self._connection.reader
        self._connection.send(payload)
        reader.expect(reader.sequence + 1)

    def _answer(self, payload: bytes) -> None:
        if len(payload) > ANSWER_BYTES_MAX:
            raise error("HANDSHAKE")
        self._advance(payload)

    def _verified(self, verdict: bool | Exception) -> None:
        """Back on the loop with a thread's verdict."""
        connection = self._connection
        if connection.lost:
            return
        connection.busy = False
        try:
            if isinstance(verdict, Exception):
                raise verdict
            self._advance(verdict)
        except SqlError as problem:
            connection.fail(problem)
        except Exception as problem:  # noqa: BLE001 (logged by broken())
            connection.broken(problem)
        else:
            if not connection.busy:
                connection.pump()

    def _refuse(self) -> None:
        attempt = self._attempt
        answer = "YES" if attempt.password_sent else "NO"
        self._connection.fail(error("ACCESS_DENIED", attempt.user, attempt.host, answer))

    def _open_session(self) -> None:
        connection, response = self._connection, self._response
        capabilities = response.capabilities
        info = ClientInfo(
            connection.connection_id,
            response.user,
            connection.peer_host,
            response.database,
            found_rows=bool(capabilities & CLIENT_FOUND_ROWS),
            multi_statements=bool(capabilities & CLIENT_MULTI_STATEMENTS),
            local_infile=bool(capabilities & CLIENT_LOCAL_FILES),
            charset_collation_id=response.collation_id,
            attributes=response.attributes,
            interactive=bool(capabilities & CLIENT_INTERACTIVE),
            disconnect=partial(self._server.wakeups.post, connection.kill),
            tls_cipher=connection.tls_cipher,
            tls_version=connection.tls_version,
        )
        session = self._server.backend.open_session(info)
        phase = CommandPhase(connection, session, capabilities)
        connection.write(replies.ok(connection.reader.sequence, 0, 0, session.status, 0))
        connection.start_commands(
            phase,
            phase.number("max_allowed_packet", self._server.settings.max_allowed_packet),
            bool(capabilities & CLIENT_COMPRESS),
        )
