"""One client's socket: bytes in to payloads, bytes out, flow control, time-outs.

A connection is in one of three phases, each a function in `on_payload`: logging in (`login`), commands
(`command_phase`), or the file of a LOAD DATA LOCAL (`command_phase` too).  No task is made for a packet: what a client
sends is handled inside `data_received`, and what must wait comes back by a callback.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from fauna.errors import SqlError, error
from fauna.wire import replies
from fauna.wire.auth import new_nonce
from fauna.wire.charset import UTF8MB4
from fauna.wire.command_phase import CommandPhase
from fauna.wire.framing import Compression, PacketReader, frame
from fauna.wire.login import Login
from fauna.wire.tls import TlsLayer

if TYPE_CHECKING:
    from fauna.wire.server import WireServer

log = logging.getLogger("fauna")

PIPELINE_BYTES_MAX: Final = 1024 * 1024  # kept while a command runs; reading pauses beyond it
COMMANDS_PER_TURN: Final = 32  # of one client, before the others get their turn
WRITE_BUFFER_HIGH: Final = 512 * 1024
LOGIN_PACKET_BYTES_MAX: Final = 128 * 1024  # nobody is asked for more before we know who they are


def host_of(transport: asyncio.BaseTransport) -> str:
    """Where the client is: 'localhost' for a loopback address, else the numeric address."""
    peer = transport.get_extra_info("peername")
    host = str(peer[0]) if isinstance(peer, tuple) and peer else "localhost"
    return "localhost" if host in ("127.0.0.1", "::1", "::ffff:127.0.0.1") else host


class Connection(asyncio.Protocol):
    """The protocol object of one socket.

    straight   an idle client in the command phase with nothing buffered: a packet may go straight to its command
    busy       a command, or a check of a password, is under way: payloads wait
    """

    def __init__(self, server: WireServer, connection_id: int) -> None:
        self.server = server
        self.connection_id = connection_id
        self.nonce = new_nonce()
        self.peer_host = ""
        self.straight = False
        self.busy = False
        self.lost = False
        self.closing = False
        self.close_when_done = False
        self.write_paused = False
        self.on_writable: Callable[[], None] | None = None
        self.on_payload: Callable[[bytes], None] = self._ignore
        self.commands = 0
        self.reader = PacketReader(LOGIN_PACKET_BYTES_MAX)
        self.phase: CommandPhase | None = None
        self._dispatch: Callable[[bytes], None] = self._ignore
        self._straight_bytes_max = 0
        self._unwrap: Callable[[bytes], bytes] | None = None
        self._tls: TlsLayer | None = None
        self._compression: Compression | None = None
        self._reading_paused = False
        self._received = 0  # chunks that did not complete a command: progress inside a packet
        self._since = server.loop.time()  # of the state that `sweep` watches
        self._watched: tuple[int, int] = (-1, -1)
        self._unsent = 0
        self._pumping = False

    # --- the socket ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.write = cast(Callable[[bytes], None], self.transport.write)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_HIGH)
        self.peer_host = host_of(self.transport)
        try:
            refusal = self.server.admit(self)
            if refusal is not None:
                self.write(replies.err(0, refusal, before_handshake=True))
                self.close()
                return
            Login(self).greet()
        except Exception as problem:  # noqa: BLE001 (logged; the client is told 1105)
            self.broken(problem)

    def data_received(self, data: bytes) -> None:
        try:
            if self._unwrap is not None:
                data = self._unwrap(data)
            size = len(data) - 4
            if self.straight and 0 < size <= self._straight_bytes_max and int.from_bytes(data[:4], "little") == size:
                self.commands += 1
                self._dispatch(data[4:])
            elif data:
                self._feed(data)
        except SqlError as problem:
            self.fail(problem)
        except ssl.SSLError:
            self.abort()
        except Exception as problem:  # noqa: BLE001 (logged; the client is told 1105)
            self.broken(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.straight = False
        self.on_writable = None
        self.on_payload = self._ignore
        self._dispatch = self._ignore
        self.server.forget(self)
        if self.phase is not None:
            self.phase.vanished()

    def pause_writing(self) -> None:
        """The client reads too slowly: no further command of its is run, so that its replies cannot pile up."""
        self.write_paused = True
        self.straight = False
        self._since = self.server.loop.time()

    def resume_writing(self) -> None:
        self.write_paused = False
        self._since = self.server.loop.time()
        resume, self.on_writable = self.on_writable, None
        if resume is not None:
            resume()
        else:
            self.server.loop.call_soon(self._pump_again)

    # --- bytes in --------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        self.straight = False
        self._received += 1
        self.reader.feed(data)
        if self.busy or self.write_paused:
            if self.reader.buffered() > PIPELINE_BYTES_MAX:
                self.pause_reading()
        else:
            self.pump()

    def pump(self) -> None:
        """Handle what has come in, until something is under way or there is nothing more."""
        if self._pumping:
            return  # a command inside the loop below ended by a callback: the loop goes on by itself
        self._pumping = True
        try:
            for _ in range(COMMANDS_PER_TURN):
                if self.busy or self.closing or self.write_paused:
                    return
                payload = self.reader.next()
                if payload is None:
                    self._drained()
                    return
                self.on_payload(payload)
        except SqlError as problem:
            self.fail(problem)
            return
        finally:
            self._pumping = False
        self.server.loop.call_soon(self._pump_again)

    def _pump_again(self) -> None:
        if self.lost:
            return
        try:
            self.pump()
        except Exception as problem:  # noqa: BLE001 (logged; the client is told 1105)
            self.broken(problem)

    def _drained(self) -> None:
        self.straight = self.phase is not None and self.phase.idle and not self.reader.inside_packet()
        self.resume_reading()

    def command_done(self) -> None:
        """The reply to a command that had to wait is written: go on with what has come in meanwhile."""
        self.busy = False
        if self.close_when_done:
            self.close()
        elif not self._pumping:
            self.pump()

    def pause_reading(self) -> None:
        if not self._reading_paused and not self.closing:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and not self.closing:
            self._reading_paused = False
            self.transport.resume_reading()

    def _ignore(self, payload: bytes) -> None:
        """Where payloads go when nobody is interested any more."""

    def start_login(self, sequence: int) -> None:
        """COM_CHANGE_USER: the user is to be known anew; `sequence` is the reply's."""
        self.straight = False
        self.phase = None
        self._dispatch = self._ignore
        self.reader.sequence = sequence
        self.reader.expect(sequence)
        self._since = self.server.loop.time()

    # --- phases ----------------------------------------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        return self._tls is not None

    @property
    def tls_cipher(self) -> str:
        return self._tls.cipher() if self._tls is not None else ""

    @property
    def tls_version(self) -> str:
        return self._tls.version() if self._tls is not None else ""

    def start_tls(self) -> None:
        """The client's next bytes are TLS; those it has sent already are in the reader."""
        early = self.reader.take_rest()
        self._tls = TlsLayer(self.server.keys.context)
        self._unwrap = self._decrypt
        self.write = self._write_encrypted
        if early:
            self.server.loop.call_soon(self._early_tls, early)

    def _early_tls(self, early: bytes) -> None:
        if not self.lost:
            self.data_received(early)

    def _decrypt(self, data: bytes) -> bytes:
        tls = self._tls
        assert tls is not None
        try:
            plain = tls.receive(data)
        finally:
            pending = tls.pending()
            if pending:
                self.transport.write(pending)
        if plain is None:
            self.close()
            return b""
        return plain if self._compression is None else self._compression.unwrap(plain)

    def _write_encrypted(self, data: bytes) -> None:
        assert self._tls is not None
        self.transport.write(self._tls.encrypt(data))

    def start_commands(self, phase: CommandPhase, payload_bytes_max: int, compress: bool) -> None:
        """The client is logged in."""
        self.phase = phase
        self.on_payload = phase.payload
        self._dispatch = phase.straight
        self.reader.payload_bytes_max = payload_bytes_max
        self._straight_bytes_max = min(payload_bytes_max, 0xFFFFFE)
        self.reader.start_command()
        if compress and self._compression is None:
            self._start_compression()

    def _start_compression(self) -> None:
        compression = self._compression = Compression()
        self.reader.check_sequence = False
        below = self.write
        if self._tls is None:
            self._unwrap = compression.unwrap
        self.write = lambda data: below(compression.wrap(data))
        early = self.reader.take_rest()
        if early:
            self.reader.feed(compression.unwrap(early))

    # --- ends ------------------------------------------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """One packet in answer to the last payload, for the phases outside commands."""
        self.write(frame(payload, self.reader.sequence))

    def fail(self, problem: SqlError) -> None:
        """Tell the client what was wrong and end the connection."""
        if not self.closing and not self.lost:
            charset = self.phase.error_charset() if self.phase is not None else UTF8MB4
            try:
                self.write(replies.err(self.reader.sequence, problem, charset))
            except ssl.SSLError:  # TLS is not established or already over: there is no way to tell
                self.abort()
        self.close()

    def broken(self, problem: Exception) -> None:
        """A fault of ours: logged here, told without details, and the connection ends."""
        log.error("connection %d failed", self.connection_id, exc_info=problem)
        try:
            self.fail(error("UNKNOWN_ERROR", "Internal error; see the server's log"))
        except Exception:  # noqa: BLE001 (logged; the client is told 1105)
            log.exception("connection %d could not be closed in order", self.connection_id)
            self.abort()

    def close(self) -> None:
        """End the connection once what is written has gone out."""
        self.straight = False
        if not self.closing:
            self.closing = True
            self._since = self.server.loop.time()
            self.transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self.straight = False
        self.closing = True
        self.transport.abort()

    def finish_and_close(self) -> None:
        """End the connection after the running command, or at once when there is none."""
        self.close_when_done = True
        if not self.busy and not self.closing:
            self.close()

    def kill(self) -> None:
        """KILL CONNECTION: stop what runs and end."""
        if self.busy and self.phase is not None:
            self.phase.session.interrupt()
        self.finish_and_close()

    # --- time-outs -------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Called once a second by the server: end the connection when a time-out has run out."""
        settings = self.server.settings
        if self.write_paused or self.closing:
            unsent = self.transport.get_write_buffer_size()
            if unsent != self._unsent:
                self._unsent = unsent
                self._since = now
            if now - self._since > self._write_timeout():
                log.info("connection %d: the client does not read; closed", self.connection_id)
                self.abort()
            return
        if self.phase is None:
            if now - self._since > settings.connect_timeout:
                self.abort()
            return
        watched = (self.commands, self._received)
        if self.busy or watched != self._watched:
            self._watched = watched
            self._since = now
        elif not self.straight:
            if now - self._since > self._timeout("net_read_timeout", settings.net_read_timeout):
                self.fail(error("NET_READ_INTERRUPTED"))
        elif self.phase.session.killed or now - self._since > self.phase.idle_timeout_s():
            self.close()

    def _write_timeout(self) -> float:
        return self._timeout("net_write_timeout", self.server.settings.net_write_timeout)

    def _timeout(self, name: str, default: int) -> float:
        return default if self.phase is None else self.phase.number(name, default)
