"""A query over several shards: rows are fetched from them at the same time, and put together.

The caller sees to it that what is read on the shards is of one moment.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from operator import itemgetter
from threading import Lock
from typing import Final

from fauna.catalog.types import Stored
from fauna.plan.plan import Distribution, Gather, Route, Supply
from fauna.session.result import Row
from fauna.shard.engines.sqlite.readers import MemoryRows
from fauna.shard.engines.sqlite.scratch import Scratch, ScratchPool
from fauna.shard.shard import Params, Rows, Watch
from fauna.sql.context import StatementContext, current, set_current, using

BATCH_ROWS: Final = 1024
# A shard that gives rows with less work than this for each is read while the others wait: what is left is making the rows, which
# is Python's, and threads that do it at the same time only take the interpreter from each other.
_QUICK_ROW_S: Final = 4e-6
PREFETCH_ROWS: Final = 256
Read = Callable[[int, str, Params], Rows]
"""(shard, statement, parameters) -> its rows"""


@dataclass(frozen=True, slots=True)
class Means:
    """What a query over shards is done with.  workers: threads that read shards, for all queries of the node."""

    scratches: ScratchPool
    workers: ThreadPoolExecutor


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch came to, for EXPLAIN ANALYZE."""

    shard: int
    shows: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a distributed query.  noted: what was fetched is added here.  read_past: as `read`, by other connections."""

    shards: int
    read: Read
    args: Sequence[Stored]
    supply: Supply
    context: StatementContext
    watch: Watch | None = None
    locking: bool = False  # one shard after the other: who waits for a lock lets those on other shards go
    noted: list[Fetched] | None = None
    read_past: Read | None = None

    def reads(self, gather: Gather) -> Read:
        return self.read_past if gather.past and self.read_past is not None else self.read


def home(distribution: Distribution | None, args: Sequence[Stored], supply: Supply) -> int | None:
    """The one shard that has all that is read; None when there are more."""
    if distribution is None:
        return 0
    shards = routed(distribution.home, args, supply)
    if shards is None or len(shards) > 1:
        return None
    return next(iter(shards), 0)


def routed(route: Route, args: Sequence[Stored], supply: Supply) -> frozenset[int] | None:
    """Where a route leads.  Constants are converted for the statement once more, which then warns of them."""
    context = current()
    muted, context.muted = context.muted, True
    try:
        return route(args, supply)
    finally:
        context.muted = muted


def rows_of(means: Means, distribution: Distribution, run: Run, done: Callable[[], None] = lambda: None) -> Rows:
    """The answer.  `done` is called once, when it has been read or closed, or has failed."""
    try:
        if distribution.final is None:
            (gather,) = distribution.gathers
            parts = _parts(gather, run)
            rows = Merged(list(parts), done) if distribution.by_row else Chained(parts, done)
            first = rows.fetch_all(PREFETCH_ROWS)
            return rows if first is None else MemoryRows(first)
        return _put_together(means, distribution, run, done)
    except BaseException:
        done()
        raise


def shards_of(gather: Gather, args: Sequence[Stored], supply: Supply, shards: int) -> Sequence[int]:
    """Where a gather's rows are fetched from, of `shards` that there are."""
    found = routed(gather.route, args, supply)
    if found is None:
        return range(shards)
    return sorted(found) or (0,)


def _shards(gather: Gather, run: Run) -> Sequence[int]:
    return shards_of(gather, run.args, run.supply, run.shards)


def _parts(gather: Gather, run: Run) -> Iterator[Rows]:
    params = gather.statement.params.build(run.args, run.supply)
    for shard in _shards(gather, run):
        rows = run.reads(gather)(shard, gather.statement.sql, params)
        yield rows if run.noted is None else _Noting(rows, shard, gather.shows, run.noted)


class _Noting:
    """A shard's rows, of which is noted how many there were and how long they took.  Implements `shard.Rows`."""

    ready = False

    def __init__(self, rows: Rows, shard: int, shows: str, noted: list[Fetched]) -> None:
        self._rows = rows
        self._noted = noted
        self._fetched = Fetched(shard, shows, 0, 0.0)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        found = self.fetch(1)
        if not found:
            raise StopIteration
        return found[0]

    def fetch(self, rows_max: int) -> list[Row]:
        started = time.perf_counter()
        rows = self._rows.fetch(rows_max)
        before, seconds = self._fetched, time.perf_counter() - started
        self._fetched = replace(before, rows=before.rows + len(rows), seconds=before.seconds + seconds)
        if not rows:
            self._noted.append(self._fetched)
        return rows

    def close(self) -> None:
        self._rows.close()


class _Joined:
    """What results made of several have in common; a subclass says which rows come next.  Implements `shard.Rows`."""

    ready = False

    def __init__(self, done: Callable[[], None]) -> None:
        self._done: Callable[[], None] | None = done
        self._first: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        found = self.fetch(1)
        if not found:
            raise StopIteration
        return found[0]

    def fetch_all(self, rows_max: int) -> list[Row] | None:
        """All rows if they are at most so many; else None, and they are still to come."""
        rows: list[Row] = []
        while batch := self.fetch(rows_max + 1 - len(rows)):
            rows += batch
            if len(rows) > rows_max:
                self._first = rows
                return None
        return rows

    def fetch(self, rows_max: int) -> list[Row]:
        if self._first:
            rows, self._first = self._first[:rows_max], self._first[rows_max:]
            return rows
        try:
            rows = self._next(rows_max)
        except BaseException:
            self.close()
            raise
        if not rows:
            self.close()
        return rows

    def _next(self, rows_max: int) -> list[Row]:
        raise NotImplementedError

    def _close_parts(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._first = []
        done, self._done = self._done, None
        if done is not None:
            self._close_parts()
            done()

    def __del__(self) -> None:
        self.close()


class Chained(_Joined):
    """One result after another."""

    def __init__(self, parts: Iterator[Rows], done: Callable[[], None]) -> None:
        super().__init__(done)
        self._parts = parts
        self._part: Rows | None = None

    def _next(self, rows_max: int) -> list[Row]:
        while True:
            if self._part is None:
                self._part = next(self._parts, None)
                if self._part is None:
                    return []
            found = self._part.fetch(rows_max)
            if found:
                return found
            self._part = None

    def _close_parts(self) -> None:
        part, self._part, self._parts = self._part, None, iter(())
        if part is not None:
            part.close()


class Merged(_Joined):
    """Sorted results as one, in the order of the last column, without it."""

    def __init__(self, parts: list[Rows], done: Callable[[], None]) -> None:
        super().__init__(done)
        self._parts = parts
        self._rows = heapq.merge(*map(_batched, parts), key=itemgetter(-1))

    def _next(self, rows_max: int) -> list[Row]:
        return [row[:-1] for row in islice(self._rows, rows_max)]

    def _close_parts(self) -> None:
        for part in self._parts:
            part.close()


def _batched(rows: Rows) -> Iterator[Row]:
    while batch := rows.fetch(PREFETCH_ROWS):
        yield from batch


def _put_together(means: Means, distribution: Distribution, run: Run, done: Callable[[], None]) -> Rows:
    assert distribution.final is not None
    scratch = means.scratches.take()

    def finish() -> None:
        means.scratches.give(scratch)
        done()

    try:
        for gather in distribution.gathers:
            scratch.make(gather.table, gather.columns)
        fetches = _fetches(distribution.gathers, run, scratch)
        if run.locking:
            for fetch in fetches:
                fetch()
        else:
            _fetch_all(means.workers, fetches)
        params = distribution.final.params.build(run.args, run.supply)
    except BaseException:
        means.scratches.give(scratch)
        raise
    set_current(run.context)
    return scratch.query(distribution.final.sql, params, run.watch, finish)


def _fetches(gathers: Sequence[Gather], run: Run, scratch: Scratch) -> list[Callable[[], None]]:
    """What is to be done on each shard: one thing after the other there, and the shards at the same time."""
    wanted: dict[int, list[tuple[Gather, Params]]] = {}
    for gather in gathers:
        params = gather.statement.params.build(run.args, run.supply)
        for shard in _shards(gather, run):
            wanted.setdefault(shard, []).append((gather, params))

    turn = Lock()

    def fetch(shard: int) -> None:
        with using(run.context):
            for gather, params in wanted[shard]:
                started, count = time.perf_counter(), 0
                rows = run.reads(gather)(shard, gather.statement.sql, params)
                try:
                    quick = False
                    while True:
                        with turn if quick else nullcontext():
                            added, quick = _copy(rows, scratch, gather.table)
                        if not added:
                            break
                        count += added
                finally:
                    rows.close()
                if run.noted is not None:
                    run.noted.append(Fetched(shard, gather.shows, count, time.perf_counter() - started))

    return [partial(fetch, shard) for shard in sorted(wanted)]


def _copy(rows: Rows, scratch: Scratch, table: str) -> tuple[int, bool]:
    """How many rows came, and whether they came quickly."""
    started = time.thread_time()
    batch = rows.fetch(BATCH_ROWS)
    quick = time.thread_time() - started < len(batch) * _QUICK_ROW_S
    scratch.add(table, batch)
    return len(batch), quick


def _fetch_all(workers: ThreadPoolExecutor, fetches: Sequence[Callable[[], None]]) -> None:
    """All of them, the last one in this thread; the first error, once none is running any more."""
    *others, last = fetches
    running: list[Future[None]] = [workers.submit(fetch) for fetch in others]
    try:
        last()
    finally:
        wait(running)
    for each in running:
        each.result()
