"""Listening: accepts clients, bounds them, sweeps time-outs, shuts down in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from fauna.errors import StartError
from fauna.settings import Settings
from fauna.web.app import App
from fauna.web.change_stream import HEARTBEAT_S, ChangeStreams
from fauna.web.changes import ChangeSource
from fauna.web.connection import Connection
from fauna.web.login import Logins
from fauna.wire.auth import Authenticator
from fauna.wire.tls import Keys

log = logging.getLogger("fauna")

BACKLOG: Final = 128
SWEEP_S: Final = 1.0


class Backend(Protocol):
    """The server behind the web."""

    def change_source(self) -> ChangeSource | None:
        """Where changes are read; None when there is no such thing.  Called on the event loop, and must not block."""
        ...


class WebServer:
    """The HTTPS port of one server.

        server = WebServer(backend, settings, keys, authenticator)
        await server.start()                    # raises StartError when the port cannot be had
        ...                                     # server.port is the port, also when 0 was asked for
        await server.shutdown(grace_s=2)

    keys, authenticator  the MySQL port's: one certificate, one set of accounts
    """

    def __init__(
        self, backend: Backend, settings: Settings, keys: Keys, authenticator: Authenticator, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.port = settings.http_port
        self.loop: asyncio.AbstractEventLoop
        self._logins = Logins(authenticator)
        self.streams = ChangeStreams(backend.change_source, settings.change_streams_max, heartbeat_s=heartbeat_s)
        self.app = App(self._logins, self.streams)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._listening: asyncio.Server | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._shutting_down = False

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        """Listen.  Returns once clients are accepted."""
        host, port = self.settings.host, self.settings.http_port
        self.loop = asyncio.get_running_loop()
        try:
            self._listening = await self.loop.create_server(lambda: Connection(self), host, port, backlog=BACKLOG)
        except OSError as problem:
            raise StartError(
                f"cannot listen on {host}:{port} for HTTPS: {problem.strerror or problem}",
                "choose another port with --http-port, or none with --http off",
            ) from None
        self.port = self._listening.sockets[0].getsockname()[1]
        self._sweep_timer = self.loop.call_later(SWEEP_S, self._sweep)

    async def shutdown(self, grace_s: float = 2.0) -> None:
        """Stop accepting, end streams, let requests be answered for `grace_s`, then close every connection."""
        self._shutting_down = True
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._connections):
            connection.finish()
        await self._until_empty(grace_s)
        for connection in list(self._connections):
            connection.abort()
        await self._until_empty(grace_s)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in (self._logins.close, self.streams.close):
            await asyncio.get_running_loop().run_in_executor(None, close)

    async def _until_empty(self, seconds: float) -> None:
        if self._connections:
            self._emptied.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._emptied.wait()
            except TimeoutError:
                pass

    # --- for its connections ---------------------------------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Count a new connection in; False for one too many, which is not kept."""
        if self._shutting_down or len(self._connections) >= self.settings.http_connections_max:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()

    def start_task(self, answer: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(answer)
        self._tasks.add(task)  # the loop itself keeps no reference to it
        task.add_done_callback(self._tasks.discard)
        return task

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self._connections):
            try:
                connection.sweep(now)
            except Exception:  # noqa: BLE001 (logged)
                log.exception("a connection could not be swept")
                connection.abort()
        self._sweep_timer = self.loop.call_later(SWEEP_S, self._sweep)
