"""A running WireServer over the memory backend, on a loop in its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fauna.settings import Settings
from fauna.wire.server import WireServer
from tests.unit.wire.memory_backend import MemoryBackend


class Running:
    """A server and the thread its loop runs in."""

    def __init__(self, backend: MemoryBackend, settings: Settings) -> None:
        self.backend = backend
        self.server = WireServer(backend, settings)
        self.loop = uvloop.new_event_loop()
        self.loop_errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.call(self.server.start())

    @property
    def port(self) -> int:
        return self.server.port

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def on_loop(self, function: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return function()

        return self.call(run())

    def stop(self, grace_s: float = 1.0) -> None:
        self.call(self.server.shutdown(grace_s))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
        assert not self.loop_errors, self.loop_errors


@pytest.fixture(scope="session")
def keys_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def start(keys_directory: Path) -> Iterator[Callable[..., Running]]:
    """start(**settings) -> Running; every server is stopped at the test's end."""
    started: list[Running] = []

    def run(**settings: Any) -> Running:
        backend = MemoryBackend()
        backend.add_user("root", "secret")
        backend.add_user("old", "secret", "mysql_native_password")
        backend.add_user("nobody", "")
        chosen = replace(Settings(data=keys_directory, port=0), **settings)
        running = Running(backend, chosen)
        started.append(running)
        return running

    yield run
    for running in started:
        running.stop()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    return start()
