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

from fauna.backup.manifest import shown_utc
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


class Backups:
    def __init__(self, source: Callable[[], Source]) -> None:
        self._source = source
        self._turn = threading.Lock()  # one backup at a time
        self._lock = threading.Lock()
        self._progress = Progress()
        self._began = 0.0
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
                raise BackupError(f"a backup to '{self._progress.target}' is running")
            if self._closing.is_set():
                raise BackupError("the server is stopping")
            self._stop.clear()
            self._begin(target)
            self._asked = threading.Thread(
                target=self._run, args=(target, secret, full), name="fauna-backup", daemon=True
            )  # fmt: skip
            self._asked.start()

    def stop(self) -> None:
        """Have what is running go no further; the backup stays what it was."""
        self._stop.set()

    def progress(self) -> Progress:
        progress = self._progress
        if progress.state == RUNNING:
            return replace(progress, seconds=time.monotonic() - self._began)
        return progress

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

    def _begin(self, target: Path) -> None:
        self._began = time.monotonic()
        self._progress = Progress(RUNNING, str(target))

    def _look(self, step: Step) -> None:
        self._progress = replace(self._progress, what=step.what, done=step.done, total=step.total, unit=step.unit)

    def _run(self, target: Path, secret: Secret | None, full: bool) -> None:
        with self._turn:
            self._begin(target)
            self._take(target, secret, full=full)

    def _is_stopped(self) -> bool:
        return self._closing.is_set() or self._stop.is_set()

    def _take(self, target: Path, secret: Secret | None, *, full: bool) -> None:
        source = self._source()
        try:
            taken = take(source, target, secret, full=full, watcher=stopping(self._look, self._is_stopped))
        except Stopped:
            self._end(STOPPED, "it was stopped; the backup is as it was")
        except FaunaError as problem:
            self._end(FAILED, str(problem))
        except Exception as problem:  # noqa: BLE001
            # A server does not end with a backup that cannot be taken.
            _LOG.exception("a backup failed")
            self._end(FAILED, f"internal error, {type(problem).__name__}: {problem}")
        else:
            blocks = sum(each.last - each.first + 1 for each in taken.elements if each.kind == "blocks")
            size = sum(each.size for each in taken.elements)
            self._progress = replace(
                self.progress(), state=DONE, number=taken.number, at=shown_utc(taken.at_us), files=len(taken.elements),
                blocks=blocks, bytes=size,
            )  # fmt: skip

    def _end(self, state: str, problem: str) -> None:
        self._progress = replace(self.progress(), state=state, problem=problem)

    def _archive(self, target: Path, interval_s: float, secret: Secret | None) -> None:
        saved: tuple[int, ...] = ()
        while True:
            with self._turn:
                self._stop.clear()
                heights = self._heights()
                if heights != saved:
                    self._begin(target)
                    self._take(target, secret, full=False)
                    if self._progress.state == DONE:
                        saved = heights
                    elif self._progress.state == FAILED:
                        _LOG.error("archiving failed, and is tried again in %g s: %s", interval_s, self._progress.problem)
            if self._closing.wait(interval_s):
                return

    def _heights(self) -> tuple[int, ...]:
        return tuple([shard.height for shard in self._source().shards()])

