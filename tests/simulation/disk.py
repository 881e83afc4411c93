"""The files of a database, and what a crash leaves of them.

A write-ahead log is on disk as it was when it was last synced.  What was written since may be there after a crash, or its
beginning, or nothing; after a mere end of the process all of it is there, and still not on disk.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

_ALL = 1 << 30


class Crash(BaseException):
    """Nothing happens any more."""


class Disk:
    """The directories of one seed, one for each life of the database."""

    def __init__(self, root: Path, template: Path, dice: random.Random, say: Callable[[str], None]) -> None:
        self._root = root
        self._dice = dice
        self._say = say
        self._lives = 0
        self._durable: dict[str, bytes] = {}  # by log: what no crash takes
        self.failing: set[str] = set()  # logs whose syncs fail
        self.chance = 0.0  # of a crash at a point where one can be
        self.crashed = False
        self.path = self._following = self._next()
        for file in template.iterdir():
            shutil.copyfile(file, self.path / file.name)
            if file.name.endswith("-wal"):
                self._durable[file.name] = file.read_bytes()

    def _next(self) -> Path:
        self._lives += 1
        path = self._root / f"life-{self._lives}"
        path.mkdir()
        return path

    @property
    def lives(self) -> int:
        return self._lives

    def point(self, where: str, weight: float = 3.0) -> None:
        """A crash may come here."""
        if not self.crashed and self._dice.random() < self.chance * weight:
            self._say(f"CRASH {where}")
            self.crash()

    def crash(self) -> None:
        """What is there now is what the next life finds."""
        self.crashed = True
        following = self._next()
        power = self._dice.random() < 0.7
        self._say("the machine loses power" if power else "the process is killed")
        for file in sorted(self.path.iterdir()):
            name = file.name
            if name.endswith("-wal"):
                left = file.read_bytes()
                if power:
                    left = self._durable[name] = self._torn(name, left)
                (following / name).write_bytes(left)
            elif name.endswith(".db"):
                shutil.copyfile(file, following / name)
        self._following = following
        raise Crash

    def _torn(self, name: str, now: bytes) -> bytes:
        durable = self._durable.get(name, b"")
        if now == durable:
            return now
        what = self._dice.randrange(3)
        self._say(f"what is not synced of {name} is {('kept', 'lost', 'cut')[what]}")
        if what < 2:
            return durable if what else now
        same = next((i for i, (a, b) in enumerate(zip(now, durable, strict=False)) if a != b), min(len(now), len(durable)))
        at = self._dice.randint(same, max(same, len(now)))
        return now[:at] + durable[at:]

    def start_again(self) -> None:
        """The next life, after a crash."""
        shutil.rmtree(self.path)
        self.path = self._following
        self.failing.clear()
        self.crashed = False

    def sync(self, name: str) -> Callable[[int], None]:
        """What syncs the log `name`."""

        def sync(descriptor: int) -> None:
            self.point(f"before the sync of {name}")
            if name in self.failing:
                self._say(f"the sync of {name} fails")
                raise OSError(errno.EIO, "Input/output error")
            if not self.crashed:
                self._durable[name] = os.pread(descriptor, _ALL, 0)
                self._say(f"{name} is synced")
            self.point(f"after the sync of {name}")

        return sync

    def checkpoint(self, name: str, run: Callable[[], None]) -> None:
        """Run a checkpoint of the database `name`, or get half-way: some pages are moved and some are not."""
        log = self.path / f"{name}-wal"
        if log.name in self.failing:
            return
        file = self.path / name
        before = file.read_bytes()
        run()
        after = file.read_bytes()
        if self._dice.random() < self.chance:
            mixed = bytearray(after)
            for at in range(0, len(after), 512):
                if self._dice.random() < 0.5:
                    mixed[at : at + 512] = before[at : at + 512].ljust(len(after[at : at + 512]), b"\0")
            file.write_bytes(mixed)
            self._durable[log.name] = log.read_bytes()
            self._say(f"CRASH in the checkpoint of {name}")
            self.crash()
        self._durable[log.name] = log.read_bytes()  # SQLite has synced it

    def close(self) -> None:
        """Nothing of this life has a file open any more."""
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{descriptor}")
            except OSError:
                continue
            if target.startswith(str(self.path)):
                os.close(int(descriptor))
