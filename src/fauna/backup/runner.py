"""Backups that a server takes: those that it is asked for, and those that it takes by itself.  One at a time.

Threads: one for each backup that is asked for, and one that archives, if that is set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fauna.backup.manifest import BLOCKS, Taken, shown_utc
from fauna.backup.problems import BackupError, Stopped
from fauna.backup.progress import Step, stopping
from fauna.backup.secrets import Secret, passphrase, read_key, read_passphrase
from fauna.backup.taking import Source, take
from fauna.errors import FaunaError

_LOG = logging.getLogger(__name__)
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
STOPPED: Final = "stopped"
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the latest backup is.

    what, done, total, unit   of the step that it is at
    number, at, files, blocks, bytes   of what it has added, once it is done
    problem                   why it has failed
    """

    state: str = NONE
    target: str = ""
    what: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    number: int = 0
    at: str = ""
    files: int = 0
    blocks: int = 0
    bytes: int = 0
    seconds: float = 0.0
    problem: str = ""


def secret_of(passphrase_file: str, key_file: str, default_passphrase: str = "", default_key_file: str = "") -> Secret | None:
    """What to encrypt with: what is named, else the defaults, else nothing."""
    if passphrase_file and key_file:
        raise BackupError("a passphrase and a key file exclude each other: give one of them")
    if passphrase_file:
        return read_passphrase(Path(passphrase_file))
    if key_file or default_key_file:
        return read_key(Path(key_file or default_key_file))
    return passphrase(default_passphrase, "FAUNADB_BACKUP_PASSPHRASE") if default_passphrase else None


class _Told:
    """How far one kind of backup is, for any thread."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._began = 0.0

    def begin(self, target: Path) -> None:
        self._began = time.monotonic()
        self._progress = Progress(RUNNING, str(target))

    def look(self, step: Step) -> None:
        self._progress = replace(self._progress, what=step.what, done=step.done, total=step.total, unit=step.unit)

    def end(self, state: str, problem: str = "", taken: Taken | None = None) -> None:
        ended = replace(self.now(), state=state, problem=problem)
        if taken is not None:
            blocks = sum(each.last - each.first + 1 for each in taken.elements if each.kind == BLOCKS)
            size = sum(each.size for each in taken.elements)
            ended = replace(
                ended, number=taken.number, at=shown_utc(taken.at_us), files=len(taken.elements), blocks=blocks, bytes=size
            )
        self._progress = ended

    def now(self) -> Progress:
        progress = self._progress
        return replace(progress, seconds=time.monotonic() - self._began) if progress.state == RUNNING else progress


class Backups:
    def __init__(self, source: Callable[[], Source]) -> None:
        self._source = source
        self._turn = threading.Lock()  # one backup at a time
        self._lock = threading.Lock()
        self._told = _Told()
        self._archive_told = _Told()
        self._stop = threading.Event()
        self._closing = threading.Event()
        self._asked: threading.Thread | None = None
        self._archiver: threading.Thread | None = None

    def start(self, target: Path, secret: Secret | None, *, full: bool) -> None:
        """Begin a backup.  BackupError when one that was asked for is running, or the directory cannot be meant."""
        if not target.is_absolute():
            raise BackupError(f"'{target}' is relative: a directory on the server's disk was expected, beginning with /")
        with self._lock:
            if self._asked is not None and self._asked.is_alive():
                raise BackupError(f"a backup to '{self._told.now().target}' is running")
            if self._closing.is_set():
                raise BackupError("the server is stopping")
            self._stop.clear()
            self._told.begin(target)
            self._asked = threading.Thread(
                target=self._run, args=(target, secret, full), name="fauna-backup", daemon=True
            )  # fmt: skip
            self._asked.start()

    def stop(self) -> None:
        """Have what was asked for go no further; the backup stays what it was."""
        self._stop.set()

    def progress(self) -> Progress:
        """Of what was asked for last."""
        return self._told.now()

    def archive_progress(self) -> Progress:
        """Of what the server has taken by itself last."""
        return self._archive_told.now()

    def archive(self, target: Path, interval_s: float, secret: Secret | None) -> None:
        """From now on, add to a backup each so many seconds, when anything has been committed."""
        self._archiver = threading.Thread(
            target=self._archive, args=(target, interval_s, secret), name="fauna-archiver", daemon=True
        )
        self._archiver.start()

    def close(self) -> None:
        """Stop, and wait for it.  Idempotent."""
        self._closing.set()
        for thread in (self._asked, self._archiver):
            if thread is not None:
                thread.join()

    # -- threads

    def _run(self, target: Path, secret: Secret | None, full: bool) -> None:
        with self._turn:
            self._take(self._told, target, secret, full=full, stopped=lambda: self._stop.is_set() or self._closing.is_set())

    def _take(
        self, told: _Told, target: Path, secret: Secret | None, *, full: bool, stopped: Callable[[], bool]
    ) -> None:  # fmt: skip
        try:
            taken = take(self._source(), target, secret, full=full, watcher=stopping(told.look, stopped))
        except Stopped:
            told.end(STOPPED, "it was stopped; the backup is as it was")
        except FaunaError as problem:
            told.end(FAILED, str(problem))
        except Exception as problem:  # noqa: BLE001
            # A server does not end with a backup that cannot be taken.
            _LOG.exception("a backup failed")
            told.end(FAILED, f"internal error, {type(problem).__name__}: {problem}")
        else:
            told.end(DONE, taken=taken)

    def _archive(self, target: Path, interval_s: float, secret: Secret | None) -> None:
        saved: tuple[int, ...] = ()
        told = self._archive_told
        while True:
            with self._turn:
                heights = self._heights()
                if heights != saved:
                    told.begin(target)
                    self._take(told, target, secret, full=False, stopped=self._closing.is_set)
                    found = told.now()
                    if found.state == DONE:
                        saved = heights
                    elif found.state == FAILED:
                        _LOG.error("archiving failed, and is tried again in %g s: %s", interval_s, found.problem)
            if self._closing.wait(interval_s):
                return

    def _heights(self) -> tuple[int, ...]:
        return tuple([shard.height for shard in self._source().shards()])

