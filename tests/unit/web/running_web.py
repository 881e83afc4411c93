"""A running WebServer on a loop in its own thread, and clients that verify its certificate."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop

from fauna.session.accounts import StoredAccount
from fauna.settings import Settings
from fauna.web.server import WebServer
from fauna.wire.auth import Authenticator, stored_password
from fauna.wire.tls import CERTIFICATE_FILE, Keys
from tests.unit.web.list_source import ListSource

CLIENT_TIMEOUT_S = 20


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def errno(self) -> int:
        error = self.json["error"]
        assert set(error) == {"errno", "sqlstate", "message"}
        assert self.headers["Content-Type"] == "application/json"
        return int(error["errno"])


class WebAccounts:
    """The node, as far as the web sees it: accounts, and where changes come from."""

    def __init__(self, source: ListSource | None) -> None:
        self.source = source
        self.accounts: dict[str, StoredAccount] = {}
        self.looked_up: Callable[[], None] = lambda: None

    def add(self, user: str, password: str, plugin: str = "caching_sha2_password") -> None:
        self.accounts[user] = StoredAccount(user, "%", plugin, stored_password(plugin, password))

    def account(self, user: str, host: str) -> StoredAccount | None:
        self.looked_up()
        return self.accounts.get(user)

    def change_source(self) -> ListSource | None:
        return self.source


class RunningWeb:
    """A server and the thread its loop runs in."""

    def __init__(self, backend: WebAccounts, settings: Settings, keys: Keys, heartbeat_s: float) -> None:
        self.backend = backend
        self.settings = settings
        self.certificate = settings.data / CERTIFICATE_FILE
        authenticator = Authenticator(backend.account, keys.rsa_key, settings.default_authentication_plugin)
        self.loop = uvloop.new_event_loop()
        self.loop_errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._open: list[socket.socket] = []
        self._stopped = False

        async def make() -> WebServer:
            server = WebServer(backend, settings, keys, authenticator, heartbeat_s=heartbeat_s)
            await server.start()
            return server

        self.server: WebServer = self.call(make())

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def on_loop(self, function: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return function()

        return self.call(run())

    def until(self, true: Callable[[], bool]) -> None:
        """Return once `true` holds, looked at whenever the loop has run."""

        async def wait() -> None:
            async with asyncio.timeout(CLIENT_TIMEOUT_S):
                while not true():
                    await asyncio.sleep(0.005)

        self.call(wait())

    # --- clients

    def plain_socket(self, *, receive_buffer: int = 0) -> socket.socket:
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(CLIENT_TIMEOUT_S)
        raw.connect(("127.0.0.1", self.server.port))
        self._open.append(raw)
        return raw

    def tls_socket(self, *, receive_buffer: int = 0) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        secure = context.wrap_socket(self.plain_socket(receive_buffer=receive_buffer), server_hostname="localhost")
        self._open.append(secure)
        return secure

    def connection(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, timeout=CLIENT_TIMEOUT_S)

    def get(self, target: str, *, method: str = "GET", user: tuple[str, str] | None = None, **headers: str) -> Answer:
        connection = self.connection()
        try:
            connection.request(method, target, headers=basic(user) | headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def exchange(self, sent: bytes) -> bytes:
        """All that comes back for these bytes, until the server closes."""
        with self.tls_socket() as client:
            client.sendall(sent)
            return read_all(client)

    def stream(self, target: str = "/changes", **headers: str) -> Stream:
        return Stream(self, target, headers)

    def shutdown(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.call(self.server.shutdown(1.0))

    def stop(self) -> None:
        for client in self._open:
            client.close()
        self.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
        assert not self.loop_errors, self.loop_errors


class Stream:
    """A client of GET /changes: events as dictionaries of their fields, as a browser would parse them."""

    def __init__(self, web: RunningWeb, target: str, headers: dict[str, str]) -> None:
        self._connection = web.connection()
        self._connection.request("GET", target, headers=basic(("root", "secret")) | headers)
        self.response = self._connection.getresponse()
        assert self.response.status == 200, self.response.read()

    def block(self) -> dict[str, str] | None:
        """The next block, comments included under ''; None at the end."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        return None

    def event(self) -> dict[str, str]:
        """The next block with data."""
        while True:
            block = self.block()
            assert block is not None
            if "data" in block:
                return block

    def close(self) -> None:
        self._connection.close()
        self.response.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def basic(user: tuple[str, str] | None) -> dict[str, str]:
    if user is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode()}


def read_all(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)
