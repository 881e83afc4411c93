"""The past of all shards: what is asked of it, and up to when it is known.

A time is a moment of the hybrid logical clock.  Once `catch_up` has returned for it, no commit with that time or an earlier one
is still to come, so that all shards show one instant, and always the same.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from fauna.catalog import store
from fauna.catalog.schema import Catalog
from fauna.clock import HybridClock, shown
from fauna.errors import error
from fauna.shard.engines.sqlite.versions import Layout
from fauna.txn.commit_gate import CommitGate

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard

_LOG = logging.getLogger(__name__)
_CATALOGS_MAX: Final = 64
_REST_S: Final = 1.0
_STARTS: Final = "SELECT row_start FROM h_catalog_meta ORDER BY row_start"
_META: Final = "SELECT version, next_id FROM h_catalog_meta WHERE row_start <= ?1 AND row_end > ?1"
_ENTRIES: Final = "SELECT kind, schema, name, definition FROM h_catalog_entries WHERE row_start <= ?1 AND row_end > ?1"


class Past:
    """Any thread may ask."""

    def __init__(
        self, shards: Callable[[], Sequence[SqliteShard]], clock: HybridClock, gate: Callable[[], CommitGate | None]
    ) -> None:
        self._shards = shards
        self._clock = clock
        self._gate = gate
        self._lock = threading.Lock()
        self.known_us: Callable[[], int] | None = None
        """Of a follower: up to when it has all that its source has."""
        self._first_us = 0
        self._starts: list[int] = []  # when catalogs began, as far as they are known
        self._known_us = 0
        self._seen = 0
        self._catalogs: dict[int, Catalog] = {}  # by their start

    def check(self, time_us: int) -> None:
        """Error 1525 for a time before the first block, or in the future."""
        if not self._first_us:
            header = self._shards()[0].header(1)
            self._first_us = header.time_us if header is not None else 0
        if not self._first_us:
            raise error("WRONG_SYSTEM_TIME", shown(time_us), "the database has no chain")
        if time_us < self._first_us:
            raise error("WRONG_SYSTEM_TIME", shown(time_us), f"the first block is of {shown(self._first_us)} UTC")
        if not self._clock.has_come(time_us):
            now = shown(self._clock.now_us())
            raise error("WRONG_SYSTEM_TIME", shown(time_us), f"that is in the future: it is {now} UTC")
        if self.known_us is not None and time_us > self.known_us():
            known = shown(self.known_us())
            raise error("WRONG_SYSTEM_TIME", shown(time_us), f"this follower has what was committed up to {known} UTC")

    def check_kept(self, table_id: int, time_us: int) -> None:
        """Error 1525 when retention has taken away what the table's rows were at that time."""
        kept_us = max([shard.pruning.kept_from(f"t{table_id}") for shard in self._shards()])
        if time_us < kept_us:
            raise error("WRONG_SYSTEM_TIME", shown(time_us), f"the past of this table is kept from {shown(kept_us)} UTC on")

    def now_us(self) -> int:
        """A time that everything committed so far is not later than."""
        return self.known_us() if self.known_us is not None else self._clock.now_us()

    def is_ready(self, time_us: int) -> bool:
        """Whether `catch_up` would return at once.  Never waits."""
        if not self._clock.has_come(time_us):
            return True  # `check` says why not
        self._clock.observe(time_us)
        gate = self._gate()
        if gate is not None and gate.is_taken:
            return False
        return all(shard.past_is_known(time_us) for shard in self._shards())

    def catch_up(self, time_us: int) -> None:
        """Know the versions of all rows at `time_us`.  It may take long; error 1525 as `check`."""
        self.check(time_us)
        self.settle(time_us)
        for shard in self._shards():
            shard.know_past(time_us)

    def settle(self, time_us: int) -> None:
        """Return once all commits of that time and before are visible, on all shards, and none is still to come.

        It waits for commits that are becoming visible just now, and for nobody else."""
        self._clock.observe(time_us)
        gate = self._gate()
        if gate is not None:
            gate.pass_through(inline=False)
        for shard in self._shards():
            shard.settle()

    def instant(self) -> tuple[int, Sequence[SqliteShard]]:
        """A time of now, and the shards there are then.  On return whatever was committed at that time or before can be read on
        all of them, and is on disk."""
        time_us = self._clock.next_us() if self.known_us is None else self.known_us()
        self.settle(time_us)
        shards = tuple(self._shards())
        for shard in shards:
            shard.sync()
        return time_us, shards

    def catalog_at(self, time_us: int) -> Catalog:
        """The catalog of that time; the same object for all times between two definitions.  Error 1525 as `check`.  It may take
        long, unless `is_ready`."""
        self.check(time_us)
        with self._lock:
            versions = self._shards()[0].versions
            if time_us > self._known_us:
                self.catch_up(time_us)
                if self._seen != versions.catalogs or not self._starts:
                    self._seen = versions.catalogs
                    self._starts = [int(row[0]) for row in versions.rows(_STARTS)]
                self._known_us = time_us
            place = bisect_right(self._starts, time_us)
            if not place:
                raise error("WRONG_SYSTEM_TIME", shown(time_us), "there were no definitions yet")
            start = self._starts[place - 1]
            catalog = self._catalogs.pop(start, None)
            if catalog is None:
                meta = versions.rows(_META, (start,))[0]
                catalog = store.load(meta, versions.rows(_ENTRIES, (start,)))
                if len(self._catalogs) >= _CATALOGS_MAX:
                    del self._catalogs[next(iter(self._catalogs))]
            self._catalogs[start] = catalog
            return catalog

    def layouts(self, table_id: int) -> Sequence[Layout]:
        """The layouts that a table has had, oldest first.  Every shard has what they are in."""
        first, *others = self._shards()
        layouts = first.versions.layouts(f"t{table_id}")
        for shard in others:
            shard.versions.have_tables_of(first.versions, layouts)
        return layouts


class Indexer:
    """A thread that takes blocks into the row versions of shards on which nothing is committed just now."""

    def __init__(self, shards: Callable[[], Sequence[SqliteShard]]) -> None:
        self._shards = shards
        self._stopping = threading.Event()
        self._runner = threading.Thread(target=self._run, name="fauna-row-versions", daemon=True)
        self._runner.start()

    def close(self) -> None:
        self._stopping.set()
        self._runner.join()

    def _run(self) -> None:
        seen: dict[int, int] = {}
        while not self._stopping.wait(_REST_S):
            for shard in self._shards():
                height = shard.height
                if seen.get(shard.number) == height:
                    try:
                        shard.know_past_at_rest(height, self._stopping.is_set)
                    except Exception:  # noqa: BLE001 (it is asked again when somebody wants to read)
                        _LOG.exception("shard %d: its row versions cannot be kept; `faunadb verify` says more", shard.number)
                        return
                seen[shard.number] = height
