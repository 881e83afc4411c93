"""Checkpoints on a schedule, to where nobody who can change the database can change them: a directory, a file, or a server.

    target                      what becomes of a checkpoint
    /mnt/witness/               a file of its own, checkpoint-20261101T120000.123456Z.json, whole or not there
    /mnt/witness/shop.jsonl     a line of that file
    https://host/path           the body of a POST; any answer 2xx is success, redirects are not followed

What fails is tried again, later each time; then the next checkpoint is due.  `state()` shows how the last one went.
"""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fauna.chain.checkpoint import Checkpoint
from fauna.chain.lines import append_line, replace_file
from fauna.clock import Clock, SystemClock
from fauna.errors import FaunaError

log = logging.getLogger("fauna.witness")

ATTEMPTS_MAX: Final = 8
"""For one checkpoint, the first attempt included."""
RETRY_FIRST_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
OUTCOMES_MAX: Final = 1000
TIMEOUT_S: Final = 20.0
"""For each step of a request: connecting, sending, the answer."""
CLOSE_WAIT_S: Final = 5.0
ANSWER_MAX: Final = 64 * 1024
"""Bytes of an answer that are read."""


class WitnessError(FaunaError):
    """A checkpoint was not exported, or cannot be to such a target.  The text says why."""


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How exporting goes.

    target       as the settings name it
    made_us      the time of the checkpoint that was exported, or tried, last; 0 before the first
    exported_us  the time of the latest checkpoint that has arrived; 0 before the first
    exported     how many have arrived since the start
    attempts     at the last one
    problem      why the last attempt failed; "" when it did not
    """

    target: str
    made_us: int = 0
    exported_us: int = 0
    exported: int = 0
    attempts: int = 0
    problem: str = ""


Export = Callable[[Checkpoint], None]


def exporter(target: str, ca_file: str = "") -> Export:
    """What brings a checkpoint to `target`; WitnessError when there can be no such target.

    ca_file  PEM; the certificate authority of an https target, instead of the system's
    """
    parts = _url(target)
    if parts is None:
        return _to_path(target)
    if parts.scheme == "https":
        return _Post(parts, _tls(ca_file)).send
    return _Post(parts, None).send


def check_target(target: str) -> None:
    """WitnessError when checkpoints cannot be exported to such a target.  Nothing is opened."""
    _url(target)


def _url(target: str) -> SplitResult | None:
    """The parts of a target that is a URL; None of a path."""
    if "://" not in target:
        return None
    try:
        parts = urlsplit(target)
        parts.port  # noqa: B018 (it raises when the port is none)
    except ValueError as problem:
        raise WitnessError(f"{target!r} is not a URL: {problem}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WitnessError(f"{target!r} must be a path, or begin with https:// and a host")
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise WitnessError(f"{target!r} has characters that a URL cannot have: write them as %XX")
    if parts.username is not None or parts.password is not None:
        raise WitnessError("a URL with a password in it is not supported: it would be shown with the settings")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise WitnessError(f"{target!r} is not encrypted: use https://, http:// is for this machine only")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)  # checks the certificate and the host's name
    except (OSError, ssl.SSLError) as problem:
        raise WitnessError(f"the certificate authority {ca_file!r} cannot be read: {problem}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _to_path(target: str) -> Export:
    path = Path(target)

    def to_directory(checkpoint: Checkpoint) -> None:
        replace_file(path / file_name(checkpoint), f"{checkpoint.to_text()}\n".encode("ascii"))

    def to_file(checkpoint: Checkpoint) -> None:
        append_line(path, checkpoint.to_text().encode("ascii"))

    def export(checkpoint: Checkpoint) -> None:
        try:
            (to_directory if target.endswith("/") or path.is_dir() else to_file)(checkpoint)
        except OSError as problem:
            raise WitnessError(f"'{path}' cannot be written: {problem.strerror}") from None

    return export


def file_name(checkpoint: Checkpoint) -> str:
    """What a checkpoint is called in a directory; in the order of their times when sorted by name."""
    seconds, microseconds = divmod(checkpoint.made_us, 1_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"checkpoint-{moment:%Y%m%dT%H%M%S}.{microseconds:06}Z.json"


class _Post:
    """A POST to a URL."""

    def __init__(self, parts: SplitResult, tls: ssl.SSLContext | None) -> None:
        self._parts = parts
        self._tls = tls
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def send(self, checkpoint: Checkpoint) -> None:
        connection = self._connection()
        body = f"{checkpoint.to_text()}\n".encode("ascii")
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json", "Connection": "close"})
            answer = connection.getresponse()
            answer.read(ANSWER_MAX)
        except (OSError, http.client.HTTPException) as problem:  # ssl.SSLError is an OSError
            raise WitnessError(f"{self._parts.geturl()}: {problem or type(problem).__name__}") from None
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise WitnessError(f"{self._parts.geturl()} answered {answer.status} {answer.reason}")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls)


def retry_delay_s(attempts: int) -> float:
    """How long to wait after so many failed attempts: 1, 2, 4 … seconds, a minute at most."""
    return min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** min(attempts - 1, 16))


class Witness:
    """A thread that makes a checkpoint at the start and then every `interval_s`, and exports it.

    make    a new checkpoint; a FaunaError counts as a failed attempt
    export  as `exporter` gives it
    wait    waits so many seconds, less when the thread is to end: then True.  Tests put a clock of theirs here
    """

    def __init__(
        self,
        make: Callable[[], Checkpoint],
        export: Export,
        target: str,
        interval_s: float,
        *,
        wait: Callable[[float], bool] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._make = make
        self._export = export
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._clock = clock or SystemClock()
        self._state = WitnessState(target)
        self._outcomes: dict[int, str] = {}
        self._arrived = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        assert self._thread is None
        self._thread = threading.Thread(target=self.run, name="fauna-witness", daemon=True)
        self._thread.start()

    def state(self) -> WitnessState:
        return self._state

    def outcomes(self) -> dict[int, str]:
        """What became of the latest checkpoints, by their time: why the last attempt failed, or ""."""
        return dict(self._outcomes)

    def wait_exported(self, timeout_s: float) -> bool:
        """Until a checkpoint has arrived since the start; False when the time ran out first."""
        return self._arrived.wait(timeout_s)

    def close(self) -> None:
        """End the thread; a request that is on its way is waited for, for a few seconds.  Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(CLOSE_WAIT_S)  # then it is left behind: it ends with its request, and has nothing else to do
            self._thread = None

    def run(self) -> None:
        """What the thread does."""
        while not self._stopping.is_set():
            due = self._clock.monotonic_s() + self._interval_s
            self.export_one()
            if self._wait(max(0.0, due - self._clock.monotonic_s())):
                return

    def export_one(self) -> bool:
        """Make a checkpoint and export it, with all attempts; False when the last of them has failed, or the thread is to end."""
        made: Checkpoint | None = None
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                made = made or self._make()
                self._export(made)
            except Exception as problem:  # noqa: BLE001 (whatever it is, the next attempt is due, and the state says what it was)
                self._failed(made, attempt, problem)
            else:
                self._done(made, attempt)
                return True
            if self._stopping.is_set() or (attempt < ATTEMPTS_MAX and self._wait(retry_delay_s(attempt))):
                return False
        log.error("checkpoint not exported to %s: %s", self._state.target, self._state.problem)
        return False

    def _failed(self, made: Checkpoint | None, attempt: int, problem: Exception) -> None:
        text = str(problem) if isinstance(problem, FaunaError) else f"{type(problem).__name__}: {problem}"
        self._state = replace(
            self._state, made_us=made.made_us if made is not None else self._state.made_us, attempts=attempt, problem=text
        )
        if made is not None:
            self._remember(made, text)
        log.warning("checkpoint, attempt %d of %d: %s", attempt, ATTEMPTS_MAX, text)

    def _done(self, made: Checkpoint, attempt: int) -> None:
        self._state = replace(
            self._state, made_us=made.made_us, exported_us=made.made_us, exported=self._state.exported + 1, attempts=attempt,
            problem="",
        )  # fmt: skip
        self._remember(made, "")
        self._arrived.set()

    def _remember(self, made: Checkpoint, problem: str) -> None:
        latest = {**self._outcomes, made.made_us: problem}
        while len(latest) > OUTCOMES_MAX:
            del latest[next(iter(latest))]
        self._outcomes = latest  # others read the one or the other
