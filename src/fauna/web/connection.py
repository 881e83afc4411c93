"""One client's socket: TLS records to requests, responses to TLS records, bounds on both.

h11 reads and writes HTTP/1.1; a task is made for each request, which is answered before the next one is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import h11

from fauna.errors import FaunaError, SqlError, error
from fauna.web.messages import HttpError, Request, Response, bad_request, error_response, read_request
from fauna.wire.connection import host_of
from fauna.wire.tls import TlsLayer

if TYPE_CHECKING:
    from fauna.web.server import WebServer

log = logging.getLogger("fauna")

HEAD_BYTES_MAX: Final = 16 * 1024
BODY_BYTES_MAX: Final = 64 * 1024
PIECE_BYTES: Final = 64 * 1024  # of a body, taken by the client before the next is encrypted
LINGER_S: Final = 2.0  # how long what a refused client still sends is read, so that it can read the refusal

_ALWAYS: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class ClientGone(FaunaError):
    """The client has closed the connection, or has not read what was sent to it."""


class Connection(asyncio.Protocol):
    """The protocol object of one socket, and the `Channel` of a response that is made while it is sent.

    ending  set when the client has gone or the server shuts down
    """

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self.ending = asyncio.Event()
        self._tls = TlsLayer(server.keys.context)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._streaming = False
        self._closed = False  # nothing is read or sent any more, except what is under way
        self._lost = False
        self._writable: asyncio.Future[None] | None = None  # while the client does not take what was written
        self._deadline: float | None = None  # for a whole request, while one is waited for; later for the end
        self._peer_host = ""

    # --- the socket ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # so that a piece is gone before the next is made
        self._peer_host = host_of(self._transport)
        if not self._server.admit(self):
            self.abort()
            return
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return  # lingering
        try:
            plain = self._tls.receive(data)
        except ssl.SSLError:
            self._write_pending()  # an alert that says why
            self.abort()
            return
        self._write_pending()
        if plain is None:
            self.close()
        elif plain and not self._streaming:  # after the request of a stream nothing can follow
            self._http.receive_data(plain)
            if self._task is None:
                self._advance()

    def eof_received(self) -> None:
        """The transport closes itself."""
        self.ending.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._closed = True
        self.ending.set()
        self.resume_writing()
        self._server.forget(self)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._server.loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _write_pending(self) -> None:
        pending = self._tls.pending()
        if pending:
            self._transport.write(pending)

    def _write(self, data: bytes) -> None:
        if data:
            self._transport.write(self._tls.encrypt(data))

    # --- the end ---------------------------------------------------------------------------------------------------

    def close(self, *, linger: bool = False) -> None:
        """Send what is under way, say goodbye and close.  `linger`: read on for a moment, or the client, still sending, would get
        a reset instead of the answer."""
        if self._closed:
            return
        self._closed = True
        self.ending.set()
        with contextlib.suppress(ssl.SSLError):
            goodbye = self._tls.close()
            if goodbye:
                self._transport.write(goodbye)
        # What the client does not take is not waited for longer than this.
        self._deadline = self._server.loop.time() + (LINGER_S if linger else self._server.settings.net_write_timeout)
        if linger:
            self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()

    def abort(self) -> None:
        self._closed = True
        self.ending.set()
        self._transport.abort()

    def finish(self) -> None:
        """The server shuts down: end after the request that is being answered; a stream ends now."""
        self.ending.set()
        if self._task is None:
            self.close()

    def sweep(self, now: float) -> None:
        """Drop a client whose time is up."""
        if self._deadline is None or now < self._deadline:
            return
        if self._closed or (self._head is None and not self._http.trailing_data[0]):
            self.abort()
        else:
            self._refuse(HttpError(408, error("NET_READ_INTERRUPTED")))

    # --- a request comes in ----------------------------------------------------------------------------------------

    def _expect_request(self) -> None:
        self._head = None
        self._body.clear()
        self._deadline = self._server.loop.time() + self._server.settings.connect_timeout

    def _advance(self) -> None:
        """Read on in what has come in, until a request is whole or more is needed."""
        try:
            while self._task is None and not self._closed:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                    return
                self._take(event)
        except h11.RemoteProtocolError as problem:
            self._refuse(_protocol_error(problem))
        except HttpError as problem:
            self._refuse(problem)
        except Exception:  # noqa: BLE001 (logged)
            log.exception("a request could not be read")
            self.abort()

    def _take(self, event: h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]) -> None:
        if isinstance(event, h11.Request):
            self._head = event
            if event.http_version not in (b"1.0", b"1.1"):
                raise HttpError(505, error("UNKNOWN_ERROR", "only HTTP/1.1 and HTTP/1.0 are spoken here"))
            if len(event.target) + sum(len(name) + len(value) for name, value in event.headers) > HEAD_BYTES_MAX:
                raise _head_too_long()  # h11 bounds only what has not come in whole
            length = next((value for name, value in event.headers if name == b"content-length"), b"0")
            self._check_body_size(int(length))
        elif isinstance(event, h11.Data):
            self._check_body_size(len(self._body) + len(event.data))
            self._body += event.data
        elif isinstance(event, h11.EndOfMessage):
            self._deadline = None
            self._transport.pause_reading()
            self._task = self._server.start_task(self._answer())
        else:
            self.close()

    def _check_body_size(self, size: int) -> None:
        if size > BODY_BYTES_MAX:
            raise HttpError(413, error("UNKNOWN_ERROR", f"the body is longer than {BODY_BYTES_MAX} bytes"))

    def _refuse(self, problem: HttpError) -> None:
        """Answer what is not a request, and close."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._write(self._encoded(error_response(problem), last=True))
        self.close(linger=True)

    # --- the answer goes out ---------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        """Answer the request that has come in, and go on with the next one."""
        try:
            response = await self._response()
            if response is None:
                await self.send(self._http.send(h11.EndOfMessage()) or b"", framed=True)
            else:
                await self.send(self._encoded(response, last=self.ending.is_set()), framed=True)
        except ClientGone:
            self.abort()
            return
        except Exception:  # noqa: BLE001 (logged)
            log.exception("a response could not be sent")
            self.abort()
            return
        self._task = None
        if self._closed:
            return
        if self.ending.is_set() or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.close()
            return
        self._http.start_next_cycle()
        self._expect_request()
        self._transport.resume_reading()
        self._advance()

    async def _response(self) -> Response | None:
        """What the handler returns, or what it raises as a response; a stream that has begun cannot take its head back."""
        try:
            return await self._server.app.answer(self._request(), self)
        except (HttpError, SqlError) as problem:
            if self._streaming:
                raise
            return error_response(problem)
        except ClientGone:
            raise
        except Exception:
            if self._streaming:
                raise
            log.exception("a request could not be answered")
            return error_response(error("UNKNOWN_ERROR", "internal error; the server's log says more"))

    def _request(self) -> Request:
        head = self._head
        assert head is not None
        return read_request(head.method, head.target, head.headers, bytes(self._body), self._peer_host)

    def _head_of(self, response: Response, *more: tuple[str, str]) -> bytes:
        headers = [("Content-Type", response.content_type), ("Date", formatdate(usegmt=True)), *_ALWAYS, *response.headers, *more]
        head = h11.Response(status_code=response.status, reason=HTTPStatus(response.status).phrase, headers=headers)
        return self._http.send(head) or b""

    def _encoded(self, response: Response, *, last: bool = False) -> bytes:
        more = [("Content-Length", str(len(response.body)))] + ([("Connection", "close")] if last else [])
        head = self._head_of(response, *more)
        without_body = self._head is not None and self._head.method == b"HEAD"
        body = b"" if without_body else self._http.send(h11.Data(data=response.body)) or b""
        return head + body + (self._http.send(h11.EndOfMessage()) or b"")

    async def begin(self, response: Response) -> None:
        self._streaming = True
        head = self._head_of(response, ("Connection", "close"))
        self._transport.resume_reading()  # or the client's going would not be noticed
        await self.send(head, framed=True)

    async def send(self, data: bytes, *, framed: bool = False) -> None:
        """`framed`: as it is, not as a piece of the body.  The client has `net_write_timeout` for each PIECE_BYTES."""
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            if self._closed:
                raise ClientGone
            self._write(piece if framed else self._http.send(h11.Data(data=piece)) or b"")
            await self._drained()

    async def _drained(self) -> None:
        if self._writable is not None:
            done, _ = await asyncio.wait({self._writable}, timeout=self._server.settings.net_write_timeout)
            if not done:
                raise ClientGone
        if self._lost:
            raise ClientGone


def _protocol_error(problem: h11.RemoteProtocolError) -> HttpError:
    if problem.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return _head_too_long()
    return bad_request("this is not an HTTP/1.1 request")


def _head_too_long() -> HttpError:
    too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HttpError(too_large, error("UNKNOWN_ERROR", f"the request's head is longer than {HEAD_BYTES_MAX} bytes"))
