"""Retention over all shards: what each table keeps, and the thread that prunes.

A table that was dropped, or that ALTER has copied under another id, keeps what it has as long as its retention said then, counted
from its end; then all of it goes at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fauna.catalog.retention import limit_us
from fauna.catalog.schema import Catalog
from fauna.clock import HybridClock
from fauna.shard.engines.sqlite.versions import CURRENT

if TYPE_CHECKING:
    from fauna.shard.engines.sqlite.shard import SqliteShard
    from fauna.shard.shard import Watch

_LOG = logging.getLogger(__name__)
# Between two transactions of the background: so that those of clients come first.
_REST_S: Final = 0.02
_ENDED: Final = (
    "SELECT json_extract(definition, '$.id'), json_extract(definition, '$.retention'), schema, name, max(row_end) "
    f"FROM h_catalog_entries WHERE kind = 'table' AND row_end < {CURRENT} GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that does not keep everything.  physical: the engine's name; limit_us: the time up to which its changes go."""

    physical: str
    schema: str
    name: str
    limit_us: int


@dataclass(frozen=True, slots=True)
class PrunedTable:
    """changes: so many have been taken out of the shard's blocks; kept_from_us: its past is known from then on."""

    shard: int
    schema: str
    name: str
    changes: int
    kept_from_us: int


class Retention:
    """Any thread may call."""

    def __init__(
        self, shards: Callable[[], Sequence[SqliteShard]], catalog: Callable[[], Catalog], clock: HybridClock
    ) -> None:
        self._shards = shards
        self._catalog = catalog
        self._clock = clock
        self._done: set[tuple[int, str]] = set()  # tables that ended, and of which nothing is left

    def tables(self, *, at_once: bool = True, stop: Callable[[], bool] = lambda: False) -> list[Kept]:
        """Those that do not keep everything, now.  at_once False: of tables that have ended, those that the row versions know
        already, so that a server which has much to do need not take all blocks in for this.  stop: asked while blocks are taken
        in; then only those that are known by then."""
        now_us = self._clock.now_us()
        catalog = self._catalog()
        found = [
            Kept(table.physical, table.schema, table.name, limit)
            for table in catalog.tables()
            if (limit := limit_us(table.retention, now_us))
        ]
        present = {table.id for table in catalog.tables()}
        first = self._shards()[0]
        if at_once:
            first.versions.catch_up(first.height, stop=stop)
        if first.versions.layouts("catalog_entries"):
            for number, retention, schema, name, ended_us in first.versions.rows(_ENDED):
                if number not in present and retention and int(ended_us) <= limit_us(str(retention), now_us):
                    found.append(Kept(f"t{number}", str(schema), str(name), int(ended_us)))
        return found

    def prune(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        rest: Callable[[], None] = lambda: None,
        at_once: bool = True,
        watch: Watch | None = None,
    ) -> list[PrunedTable]:
        """Take out what no table keeps any more, on all shards; the tables of which there was something.

        at_once: as for `tables`; stop: asked between two transactions; rest: called there; watch: ends the wait for a shard's
        write lock.  Error 1205 when that was not to be had."""
        pruned: list[PrunedTable] = []
        tables = self.tables(at_once=at_once, stop=stop)
        ended = {table.physical for table in tables} - {table.physical for table in self._catalog().tables()}
        for shard in self._shards():
            limits = {t.physical: t.limit_us for t in tables if (shard.number, t.physical) not in self._done}
            if not limits:
                continue
            changes = shard.pruning.prune(limits, stop=stop, rest=rest, watch=watch)
            pruned += [
                PrunedTable(shard.number, t.schema, t.name, changes[t.physical], shard.pruning.kept_from(t.physical))
                for t in tables
                if changes.get(t.physical)
            ]
            if stop():
                break
            self._done |= {(shard.number, name) for name in limits if name in ended}
        return pruned


class Pruner:
    """A thread that prunes every so many seconds, when it may, in small transactions with rests between them."""

    def __init__(self, retention: Retention, every_s: float, may: Callable[[], bool]) -> None:
        self._retention = retention
        self._may = may
        self._every_s = every_s
        self._stopping = threading.Event()
        self._runner = threading.Thread(target=self._run, name="fauna-pruner", daemon=True)
        self._runner.start()

    def close(self) -> None:
        """Stop after the transaction that is under way, if any is."""
        self._stopping.set()
        self._runner.join()

    def _rest(self) -> None:
        self._stopping.wait(_REST_S)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            if not self._may():
                continue
            try:
                self._retention.prune(stop=self._stopping.is_set, rest=self._rest, at_once=False)
            except Exception:  # noqa: BLE001 (a busy shard, a full disk: it is tried again)
                _LOG.exception("what is older than the retention of its table could not be removed; it is tried again")
