"""A private FaunaDB server, started by its command as a user would."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.server import PASSWORD, Server, free_port

ROOT = Path(__file__).resolve().parents[2]
READY = "ready for connections"
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_the_tests() -> None:
    """In the new process: be killed when the one that started it is, so that an interrupted run leaves no server."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def command(data: Path, port: int, *options: str) -> list[str]:
    serve = [sys.executable, "-m", "fauna", "serve", "--data", str(data), "--port", str(port), "--http-port", "0"]
    return [*serve, *options]


def environment() -> dict[str, str]:
    """The caller's, with the root password, and the source tree first on the path."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "FAUNADB_ROOT_PASSWORD": PASSWORD,
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "PYTHONUNBUFFERED": "1",
    }


def start(*options: str, data: Path | None = None, port: int | None = None) -> Server:
    """Start one; `options` are further flags of `faunadb serve`.  With `data` given that directory is kept."""
    directory = data or Path(tempfile.mkdtemp(prefix="fauna-faunadb-"))
    port = port or free_port()
    run = functools.partial(
        subprocess.Popen, command(directory, port, *options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=environment(), cwd="/", preexec_fn=_end_with_the_tests,
    )  # fmt: skip
    server = Server("faunadb", port, run(), directory, run, _said_ready, keep_directory=data is not None)
    return server.wait_ready()


def follow(
    source: Server, *options: str, data: Path | None = None, port: int | None = None, ready: bool = True, uri: str = ""
) -> Server:
    """Start a follower of `source`; `options` are further flags of `faunadb follow`.  ready False: without waiting for it."""
    directory = data or Path(tempfile.mkdtemp(prefix="fauna-follower-"))
    port = port or free_port()
    uri = uri or f"mysql://{source.user}:{source.password}@{source.host}:{source.port}"
    line = [
        sys.executable,
        "-m",
        "fauna",
        "follow",
        uri,
        "--data",
        str(directory),
        "--port",
        str(port),
        "--http",
        "off",
        *options,
    ]
    run = functools.partial(
        subprocess.Popen, line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(), cwd="/", preexec_fn=_end_with_the_tests,
    )  # fmt: skip
    server = Server("faunadb", port, run(), directory, run, _said_ready, keep_directory=data is not None)
    return server.wait_ready() if ready else server


def http_port(server: Server) -> int:
    """The port of HTTPS, as the server told it."""
    ready = next(line for line in server.output if READY in line)
    found = re.search(r"https://\S+:(\d+)", ready)
    assert found, ready
    return int(found[1])


def _said_ready(server: Server) -> bool:
    return any(READY in line for line in server.output)
