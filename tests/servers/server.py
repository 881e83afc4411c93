"""One running server process, whichever make it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pymysql
import pymysql.cursors

PASSWORD = "test-Pass_word1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class NotAvailable(Exception):
    """The server cannot be started on this machine because something is not installed; tests are skipped."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port of a loopback address that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """`name` is "mariadb" or "faunadb"; `process` is ours to stop; `directory` goes when the server is closed."""

    name: str
    port: int
    process: subprocess.Popen[str]
    directory: Path
    restart_command: Callable[[], subprocess.Popen[str]]
    ready: Callable[[Server], bool]
    host: str = "127.0.0.1"
    user: str = "root"
    password: str = PASSWORD
    keep_directory: bool = False
    output: list[str] = field(default_factory=list)

    # --- talking to it

    def connect(self, **options: Any) -> pymysql.Connection:
        """A PyMySQL connection as root; options as PyMySQL's."""
        return pymysql.connect(**(self.connect_options() | options))

    def connect_options(self) -> dict[str, Any]:
        return {
            "host": self.host, "port": self.port, "user": self.user, "password": self.password,
            "charset": "utf8mb4", "autocommit": True, "connect_timeout": 10,
        }  # fmt: skip

    def query(self, sql: str, args: Any = None, **options: Any) -> tuple[tuple[Any, ...], ...]:
        """Rows of one statement on a connection of its own."""
        with contextlib.closing(self.connect(**options)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, args)
            return tuple(cursor.fetchall())

    def url(self, scheme: str = "mysql+pymysql", database: str = "test") -> str:
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{database}?charset=utf8mb4"

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A fresh, empty database of that name; dropped afterwards if the server still answers."""
        self.query(f"DROP DATABASE IF EXISTS `{name}`")
        self.query(f"CREATE DATABASE `{name}`")
        try:
            yield name
        finally:
            with contextlib.suppress(pymysql.MySQLError):
                self.query(f"DROP DATABASE IF EXISTS `{name}`")

    # --- its life

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Return when clients can connect; RuntimeError with what the server said when it never gets there."""
        threading.Thread(target=self._collect, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.alive():
                time.sleep(0.2)  # let the collector read the last words
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.last_words()}")
            if self.ready(self):
                return self
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"{self.name} was not ready after {timeout_s:g} s:\n{self.last_words()}")

    def _collect(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is not None:
            for line in process.stdout:
                self.output.append(line)
                del self.output[:-2000]

    def last_words(self) -> str:
        return "".join(self.output[-40:])

    def kill(self) -> None:
        """As a crash would: SIGKILL, no goodbye."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """SIGTERM and wait; SIGKILL when that does not help.  Returns the exit code."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def restart(self) -> Self:
        """Start again on the same directory and port."""
        if self.alive():
            self.stop()
        self.output.clear()
        self.process = self.restart_command()
        return self.wait_ready()

    def close(self) -> None:
        self.stop()
        if not self.keep_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- its needs

    def memory_mib(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu_s(self) -> float:
        """CPU time used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
