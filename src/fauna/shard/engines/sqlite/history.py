"""What recent commits changed, and which snapshots are open.

Commits are numbered from 1 in this process.  A snapshot at position p sees the commits 1..p.  What a commit changed
is kept while a snapshot older than it is open, and the last few in any case, for `changes`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.write_set import Change

# "Some table that never conflicts was changed": makes a commit count as one that changed something.
SOMETHING: Final = ""


@dataclass(frozen=True, slots=True)
class Commit:
    position: int
    changes: Sequence[Change]
    whole: frozenset[str]  # tables any row of which may have changed

    def add_to(self, changed: dict[str, set[int] | None]) -> None:
        """Add what this commit changed to what others did."""
        for change in self.changes:
            rowids = changed.setdefault(change[0], set())
            if rowids is not None:
                rowids.add(change[2])
                rowids.add(change[3])
        for table in self.whole:
            if table != SOMETHING:
                changed[table] = None


class History:
    """Appended to by whoever holds the write lock; asked by anyone."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._commits: deque[Commit] = deque()
        self._rows = 0
        self._snapshots: dict[int, int] = {}  # position -> how many are open
        self.position = 0
        # True from before a COMMIT until it is in here: a snapshot opened meanwhile may or may not see it.
        self.committing = False

    def append(self, changes: Sequence[Change], whole: frozenset[str]) -> None:
        """The commit in progress is done."""
        with self._lock:
            position = self.position + 1
            self._commits.append(Commit(position, changes, whole))
            self._rows += len(changes) + 1
            self._trim()
            self.position = position
            self.committing = False

    def pin(self) -> int:
        """A snapshot is about to be opened: remember everything from here on.  Give the result to `unpin`."""
        with self._lock:
            position = self.position
            self._snapshots[position] = self._snapshots.get(position, 0) + 1
            return position

    def unpin(self, position: int) -> None:
        with self._lock:
            left = self._snapshots[position] - 1
            if left:
                self._snapshots[position] = left
            else:
                del self._snapshots[position]

    def since(self, position: int) -> list[Commit] | None:
        """The commits after `position`; None when they are no longer known."""
        with self._lock:
            missing = self.position - position
            if missing > len(self._commits):
                return None
            return [self._commits[index] for index in range(-missing, 0)]

    def remembered(self, position: int) -> list[Commit]:
        """The commits after `position` that are still known, oldest first."""
        with self._lock:
            return [commit for commit in self._commits if commit.position > position]

    def watch(self) -> HistoryWatch:
        return HistoryWatch(self)

    @property
    def open_snapshots(self) -> int:
        return sum(self._snapshots.values())

    def _trim(self) -> None:
        commits = self._commits
        oldest = min(self._snapshots) if self._snapshots else self.position
        settings = self._settings
        while commits and (
            self._rows > settings.history_rows_max
            or (len(commits) > settings.history_commits and commits[0].position <= oldest)
        ):
            self._rows -= len(commits.popleft().changes) + 1


class HistoryWatch:
    """Implements `shard.ChangeWatch`."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._position = history.pin()

    def news(self) -> dict[str, set[int] | None] | None:
        history, before = self._history, self._position
        self._position = history.pin()
        commits = history.since(before)
        history.unpin(before)
        if commits is None:
            return None
        changed: dict[str, set[int] | None] = {}
        for commit in commits:
            commit.add_to(changed)
        return changed

    def close(self) -> None:
        self._history.unpin(self._position)
