"""The checkpoints of a database: made, and the latest ones kept in the data directory as lines of JSON.

What is kept here is a convenience (which checkpoint a proof is for, what has been exported); who wants to notice that history was
rewritten keeps checkpoints elsewhere: `witness`.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fauna.chain import checkpoint as one
from fauna.chain.checkpoint import Checkpoint, CheckpointError, head_of
from fauna.chain.checkpoint_key import load_or_make
from fauna.chain.lines import append_line, replace_file
from fauna.chain.source import ChainSource
from fauna.clock import Clock, SystemClock

FILE: Final = "checkpoints.jsonl"
KEPT_MAX: Final = 1000
HEADS_MAX: Final = 20_000
"""Of shards, in all checkpoints that are kept: with more than 20 shards fewer than `KEPT_MAX` are."""


class Checkpoints:
    """Safe to use from any thread.

    directory   the data directory
    database    its name
    sources     the chains of all shards; [] when this database has none
    """

    def __init__(
        self, directory: Path, database: str, sources: Callable[[], Sequence[ChainSource]], clock: Clock | None = None
    ) -> None:
        self.database = database
        self._directory = directory
        self._sources = sources
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._key: Ed25519PrivateKey | None = None
        self._kept: deque[Checkpoint] | None = None  # newest last; None: not read yet
        self._lines = 0

    def public_key(self) -> bytes:
        """The 32 bytes by which others know our checkpoints; the key is made when there is none."""
        with self._lock:
            return self._must_have_key().public_key().public_bytes_raw()

    def make(self) -> Checkpoint:
        """Sign the heads of all chains as they are now, and keep that, on disk when it returns.

        CheckpointError without chains, or when the key cannot be used."""
        sources = self._sources()
        if not sources:
            raise CheckpointError("there is no chain to make a checkpoint of")
        with self._lock:
            key, kept = self._must_have_key(), self._must_have_kept()
            made = one.sign(self.database, self._now(kept), [head_of(self.database, each) for each in sources], key)
            try:
                self._keep(made, kept)
            except OSError as problem:
                raise CheckpointError(f"'{self._directory / FILE}' cannot be written: {problem.strerror}") from None
        return made

    def kept(self) -> Sequence[Checkpoint]:
        """The latest ones, oldest first; at most `KEPT_MAX`, and `HEADS_MAX` shards in them."""
        with self._lock:
            return tuple(self._must_have_kept())

    def covering(self, shard: int, height: int) -> Checkpoint | None:
        """The latest one that has the block."""
        with self._lock:
            for each in reversed(self._must_have_kept()):
                if any(head.shard == shard and head.height >= height for head in each.shards):
                    return each
        return None

    def _must_have_key(self) -> Ed25519PrivateKey:
        if self._key is None:
            self._key = load_or_make(self._directory)
        return self._key

    def _must_have_kept(self) -> deque[Checkpoint]:
        if self._kept is None:
            try:
                self._kept = self._read()
            except OSError as problem:
                raise CheckpointError(f"'{self._directory / FILE}' cannot be read: {problem.strerror}") from None
        return self._kept

    def _now(self, kept: deque[Checkpoint]) -> int:
        """The time, and later than that of the one before: they are told apart, and ordered, by it."""
        return max(self._clock.utc_us(), kept[-1].made_us + 1 if kept else 0)

    def _keep(self, made: Checkpoint, kept: deque[Checkpoint]) -> None:
        path = self._directory / FILE
        most = _kept_max(made)
        if self._lines >= 2 * most:  # time to write it anew, without those that nobody asks for any more
            latest = [*kept, made][-most:]
            replace_file(path, "".join([f"{each.to_text()}\n" for each in latest]).encode("ascii"), mode=0o600)
            self._lines = len(latest)
        else:
            append_line(path, made.to_text().encode("ascii"), mode=0o600)
            self._lines += 1
        _add(kept, made)

    def _read(self) -> deque[Checkpoint]:
        """What the file has.  A line that a crash has cut, or that somebody has changed, is passed over: it is no checkpoint of
        ours, and none that counts is kept here alone."""
        kept: deque[Checkpoint] = deque()
        self._lines = 0
        path = self._directory / FILE
        if not os.path.exists(path):
            return kept
        with path.open("rb") as file:
            for line in file:
                self._lines += 1
                try:
                    found = one.parse(line.decode("utf-8", "replace"))
                    found.verify()
                except CheckpointError:
                    continue
                if found.database == self.database:
                    _add(kept, found)
        return kept


def _kept_max(latest: Checkpoint) -> int:
    return max(1, min(KEPT_MAX, HEADS_MAX // len(latest.shards)))


def _add(kept: deque[Checkpoint], latest: Checkpoint) -> None:
    kept.append(latest)
    while len(kept) > _kept_max(latest):
        kept.popleft()
