"""Listening: accepts clients, bounds them, gives them worker threads, sweeps time-outs, shuts down in order."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from fauna.errors import SqlError, StartError, error
from fauna.session.counters import Counters
from fauna.settings import Settings
from fauna.wire.auth import Authenticator
from fauna.wire.backend import Backend
from fauna.wire.connection import Connection
from fauna.wire.tls import Keys, load_keys

log = logging.getLogger("fauna")

BACKLOG: Final = 1024
SWEEP_S: Final = 1.0
VERIFY_THREADS: Final = 2  # password hashing is CPU: more threads would only take the loop's turn
INFILE_THREADS: Final = 8  # each is held while its client sends, so they are not the statements' threads


class Wakeups:
    """Callbacks handed to the loop from any thread; those that come together cost one wake-up (group commit)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._posted: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def post(self, callback: Callable[[], None]) -> None:
        self._posted.append(callback)
        if not self._scheduled:
            self._scheduled = True
            if threading.get_ident() == self._thread:
                # A lock handed on within the loop: no system call is needed to wake it.
                self._loop.call_soon(self._run)
                return
            try:
                self._loop.call_soon_threadsafe(self._run)
            except RuntimeError:  # the loop is closed: the server has shut down
                self._posted.clear()

    def _run(self) -> None:
        # Cleared first: a post that still sees it set has already appended, and is taken below.
        self._scheduled = False
        posted = self._posted
        for _ in range(len(posted)):
            callback = posted.popleft()
            try:
                callback()
            except Exception:  # noqa: BLE001 (logged or handed on)
                log.exception("a callback failed")
        if posted and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)


class WireServer:
    """The MySQL port of one server.

        server = WireServer(backend, settings)
        await server.start()                    # raises StartError when the port or the keys cannot be had
        ...                                     # server.port is the port, also when 0 was asked for
        await server.shutdown(grace_s=10)

    It runs on the loop that `start` was called on (uvloop in production; any asyncio loop works).
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.settings = settings
        self.port = settings.port
        self.require_secure_transport = settings.require_secure_transport or not settings.loopback
        self.loop: asyncio.AbstractEventLoop
        self.wakeups: Wakeups
        self.keys: Keys
        self.authenticator: Authenticator
        self._connections: set[Connection] = set()
        self._next_id = 1
        self._listening: asyncio.Server | None = None
        self._shutting_down = False
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._statements = ThreadPoolExecutor(settings.worker_threads, "fauna-worker")
        self._verifies = ThreadPoolExecutor(VERIFY_THREADS, "fauna-auth")
        self._infiles = ThreadPoolExecutor(INFILE_THREADS, "fauna-infile")
        self.connections_refused = 0
        self.counters: Counters = getattr(backend, "counters", None) or Counters()  # the backend's, which shows them

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    # --- start and end ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load or make the keys, listen.  Returns once clients are accepted."""
        settings = self.settings
        self.loop = asyncio.get_running_loop()
        self.wakeups = Wakeups(self.loop)
        self.keys = load_keys(settings.data, settings.tls_cert, settings.tls_key)
        self.authenticator = Authenticator(self.backend.account, self.keys.rsa_key, settings.default_authentication_plugin)
        try:
            self._listening = await self.loop.create_server(self._accept, settings.host, settings.port, backlog=BACKLOG)
        except OSError as problem:
            raise StartError(
                f"cannot listen on {settings.host}:{settings.port}: {problem.strerror or problem}", "choose another port"
            ) from None
        self.port = self._listening.sockets[0].getsockname()[1]
        self._sweep_timer = self.loop.call_later(SWEEP_S, self._sweep)

    async def shutdown(self, grace_s: float = 10.0) -> None:
        """Stop accepting, let running statements finish for `grace_s`, then interrupt them; close every session."""
        self._shutting_down = True
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._connections):
            connection.finish_and_close()
        await self._until_empty(grace_s)
        for connection in list(self._connections):
            connection.kill()
        await self._until_empty(min(grace_s, 2.0))
        for connection in list(self._connections):
            connection.abort()
        await self._until_empty(2.0)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for pool in (self._statements, self._verifies, self._infiles):
            await self.loop.run_in_executor(None, pool.shutdown)

    async def _until_empty(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._connections and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    # --- connections -----------------------------------------------------------------------------------------------

    def _accept(self) -> Connection:
        connection = Connection(self, self._next_id)
        self._next_id = self._next_id % 0xFFFFFFFF + 1
        return connection

    def admit(self, connection: Connection) -> SqlError | None:
        """Count a new connection in; the error for one too many, which is not kept."""
        self.counters.connections += 1
        if self._shutting_down:
            return error("SERVER_SHUTDOWN")
        if len(self._connections) >= self.settings.max_connections:
            self.connections_refused += 1
            return error("CON_COUNT")
        self._connections.add(connection)
        self.counters.connections_max = max(self.counters.connections_max, len(self._connections))
        return None

    def forget(self, connection: Connection) -> None:
        if connection.phase is None:
            self.counters.aborted_connects += 1
        self._connections.discard(connection)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self._connections):
            try:
                connection.sweep(now)
            except Exception:  # noqa: BLE001 (logged or handed on)
                log.exception("connection %d could not be swept", connection.connection_id)
                connection.abort()
        self._sweep_timer = self.loop.call_later(SWEEP_S, self._sweep)

    # --- threads ---------------------------------------------------------------------------------------------------

    def submit(self, work: Callable[..., None], *args: Any) -> None:
        """Run `work` in a statement's worker thread; it posts its own outcome."""
        _submit(self._statements, work, *args)

    def submit_infile(self, work: Callable[..., None], *args: Any) -> None:
        _submit(self._infiles, work, *args)

    def verify(self, check: Callable[[], bool], then: Callable[[bool | Exception], None]) -> None:
        """Check a password in a thread and bring the verdict back to the loop."""

        def work() -> None:
            verdict: bool | Exception
            try:
                verdict = check()
            except Exception as problem:  # noqa: BLE001 (logged or handed on)
                verdict = problem
            self.wakeups.post(lambda: then(verdict))

        _submit(self._verifies, work)


def _submit(pool: ThreadPoolExecutor, work: Callable[..., None], *args: Any) -> None:
    try:
        pool.submit(work, *args)
    except RuntimeError:
        raise error("SERVER_SHUTDOWN") from None


