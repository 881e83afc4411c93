"""Runs the scenarios on a server: one of its own, started in a temporary directory, or one that is named."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fauna.client import database
from fauna.client.database import Database
from fauna.demo import blog, inventory, ledger, shop
from fauna.demo.story import DemoError, Story

SCENARIOS: Final[tuple[tuple[str, str, Callable[[Story], None]], ...]] = (
    ("blog", "a blog: users, posts, comments", blog.run),
    ("shop", "a shop: users, products, orders", shop.run),
    ("inventory", "an inventory: books in two warehouses", inventory.run),
    ("ledger", "a ledger: loans, a mistake, and the chain", ledger.run),
)
READY: Final = "ready for connections"
SHARDS: Final = 4
START_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 30

Connect = Callable[[str | None], Database]


def run_all(connect: Connect, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run every scenario; what each found.  DemoError or a database error when one fails."""
    results = []
    for name, title, scenario in SCENARIOS:
        story = Story(name, f"demo_{name}", connect, say)
        say(f"{name}: {title}")
        scenario(story)
        results.append({"scenario": name, "checks": story.checks, "seconds": round(story.seconds, 3), **story.facts})
    return results


@contextmanager
def fresh_server(say: Callable[[str], None]) -> Iterator[Connect]:
    """A server on a new temporary directory and a free port, for as long as the block runs."""
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory(prefix="faunadb-demo-") as directory:
        port = _free_port()
        server = _Server(Path(directory), port, password)
        try:
            took = server.wait_ready()
            say(f"started a fresh embedded server ({SHARDS} shards) on port {port} in {took:.2f} s")

            def connect(name: str | None) -> Database:
                return database.connect(host="127.0.0.1", port=port, user="root", password=password, database=name)

            yield connect
        finally:
            server.stop()
    say("stopped the server and removed its directory")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class _Server:
    """`faunadb serve` as a child process; what it prints is kept, to be shown when it fails."""

    def __init__(self, directory: Path, port: int, password: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FAUNADB_")}
        environment["FAUNADB_ROOT_PASSWORD"] = password
        command = [sys.executable, "-m", "fauna", "serve", "--data", "data", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--shards", str(SHARDS), "--http", "off"]
        self._begun = time.perf_counter()
        # Started in its own directory: a faunadb.toml where the user stands must not change the demo.
        self._process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip())
            if READY in line:
                self._ready.set()
        self._ready.set()

    def wait_ready(self) -> float:
        self._ready.wait(START_TIMEOUT_S)
        if not any(READY in line for line in self._lines):
            raise DemoError("the server did not start:\n" + "\n".join(self._lines[-20:]))
        return time.perf_counter() - self._begun

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise DemoError(f"the server did not stop within {STOP_TIMEOUT_S} s") from None
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._process.returncode != 0:
            raise DemoError(f"the server ended with exit code {self._process.returncode}:\n" + "\n".join(self._lines[-20:]))
