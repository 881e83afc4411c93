"""The thread that brings the slots where the goal wants them, a few at a time.

    1  lock the first shard (it has the catalog), the one that the slots leave and the one that they go to
    2  find the rows on these slots, and lock them: whoever has written one is waited for, and the batch begun anew
    3  insert them there, delete them here, write the new slot map: one transaction over shards
    4  visible: first the new map, then the rows, with the commit gate in hand
    5  rest for as long as that took, so that clients have at least half of the time; the next has as many rows as BATCH_S allows

Whoever writes to these shards waits for a batch, some tens of milliseconds; nobody else does.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.slot_map import SLOTS, SlotMap
from fauna.catalog.store import save_statements
from fauna.coordinator.protocol import Coordinator
from fauna.errors import FaunaError, SqlError, error
from fauna.execute.unique_keys import EqualKey, lock_key
from fauna.plan.plan import RowsMove
from fauna.resharding import goal as goals
from fauna.resharding.candidates import Candidates
from fauna.resharding.goal import Goal
from fauna.session.result import MustWait
from fauna.shard.shard import MatchCheck, Shard, lock_now
from fauna.sql.bind.place import rows_move, spread_keys, spread_tables
from fauna.txn.spread import SpreadTransaction

_LOG = logging.getLogger(__name__)
NAME: Final = "resharding"
BATCH_S: Final = 0.05
"""How long a batch is to take: so long those wait who write to its shards."""
_BATCH_ROWS: Final = 100  # the first has so many
_BATCH_ROWS_MAX: Final = 2_000
LOCK_WAIT_S: Final = 0.2
_RETRY_S: Final = 0.05
_FAILED_RETRY_S: Final = 2.0
_LOCK_ERRORS: Final = frozenset({1205, 1213})
_REST_MAX_S: Final = 1.0


class Node(Protocol):
    """What the mover needs of the node."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def equal_key(self) -> EqualKey: ...
    def all_shards(self) -> Sequence[Shard]: ...
    def begin_move(self, lock_wait_timeout_s: float) -> SpreadTransaction: ...
    def slots_moved(self, slots: SlotMap) -> Callable[[], None]:
        """The catalog has this slot map from now on; with the commit gate in hand, like what it gives, which takes it back."""
        ...

    def may_have_shards(self, shards: int) -> None:
        """Error 1235 when it cannot."""
        ...

    def add_shards(self, shards: int) -> None:
        """Have so many, all of them; those that are new own nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reshard is.

    state      'none' so far, 'adding' shards, 'reading' which rows are to move, 'moving', 'waiting' for other transactions,
               'failed' for now (it is tried again), 'stopped', 'done'
    what       in words
    slots_total, slots_moved, rows_moved   since it began, or since the server was started
    seconds    since then, or that it took
    problem    why it waits, or failed
    """

    state: str = "none"
    what: str = ""
    slots_total: int = 0
    slots_moved: int = 0
    rows_moved: int = 0
    seconds: float = 0.0
    problem: str = ""


class _Busy(Exception):
    """Others have what the batch needs; it has been rolled back."""


class Mover:
    """One for each node with several shards."""

    def __init__(self, node: Node, coordinator: Coordinator) -> None:
        self._node: Final = node
        self._coordinator: Final = coordinator
        self._lock = threading.Lock()  # of who starts and stops
        self._stopping = threading.Event()
        self._runner: threading.Thread | None = None
        self._state = Progress()
        self._started = 0.0
        self._finished = threading.Event()

    # ── what others ask ──

    def progress(self) -> Progress:
        """How far it is."""
        state = self._state
        if self._runner is None:
            return state
        return replace(state, seconds=time.monotonic() - self._started)

    def start(self, make: Callable[[SlotMap], Goal]) -> None:
        """Begin a reshard to the goal that `make` gives for the map as it is.  Error 1105 when one is going on."""
        with self._lock:
            saved = self._coordinator.read(NAME)
            if self._runner is not None or saved is not None and Goal.load(saved.value) is not None:
                state = self._state
                how_far = f"{state.what}, {state.slots_moved} of {state.slots_total}"
                raise error("UNKNOWN_ERROR", f"Slots are being moved already ({how_far}): wait, or CALL fauna.shards_stop()")
            goal = make(self._node.catalog.slots)
            self._node.may_have_shards(goal.target.shards)
            if self._coordinator.compare_and_set(NAME, saved, goal.dump()) is None:
                raise error("UNKNOWN_ERROR", "Slots are being moved already, by somebody else")
            self._run_in_thread(goal)

    def resume(self) -> None:
        """After a start: go on with what a former process has not finished."""
        with self._lock:
            saved = self._coordinator.read(NAME)
            goal = Goal.load(saved.value) if saved is not None else None
            if goal is not None and self._runner is None:
                self._run_in_thread(goal)

    def stop(self) -> None:
        """Give the goal up, after the batch that is under way: slots stay where they are then."""
        with self._lock:
            self._end_thread()
            saved = self._coordinator.read(NAME)
            if saved is None or Goal.load(saved.value) is None:
                raise error("UNKNOWN_ERROR", "No slots are being moved")
            self._coordinator.compare_and_set(NAME, saved, b"")
            self._state = replace(self._state, state="stopped", problem="")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return when it is done or has been stopped; False when the time ran out first."""
        return self._runner is None or self._finished.wait(timeout_s)

    def close(self) -> None:
        """Stop after the batch that is under way; the next start goes on."""
        with self._lock:
            self._end_thread()

    def _end_thread(self) -> None:
        runner = self._runner
        if runner is not None:
            self._stopping.set()
            runner.join()
            self._runner = None

    def _run_in_thread(self, goal: Goal) -> None:
        self._stopping.clear()
        self._finished.clear()
        self._started = time.monotonic()
        self._state = Progress("adding", goal.what, sum(map(len, goal.left(self._node.catalog.slots).values())))
        self._runner = threading.Thread(target=self._run, args=(goal,), name="fauna-resharding", daemon=True)
        self._runner.start()

    # ── the thread ──

    def _run(self, goal: Goal) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    if self._reach(goal):
                        self._done()
                        return
                except Exception as problem:  # noqa: BLE001 (it is tried again, and shown)
                    _LOG.exception("resharding failed; it is tried again")
                    self._state = replace(self._state, state="failed", problem=str(problem)[:255])
                    self._stopping.wait(_FAILED_RETRY_S)
        finally:
            self._state = replace(self._state, seconds=time.monotonic() - self._started)
            self._finished.set()

    def _done(self) -> None:
        saved = self._coordinator.read(NAME)
        self._coordinator.compare_and_set(NAME, saved, b"")
        self._state = replace(self._state, state="done", seconds=time.monotonic() - self._started, problem="")
        self._runner = None

    def _reach(self, goal: Goal) -> bool:
        """False when it was stopped before."""
        node = self._node
        if goal.target.shards > len(node.all_shards()):
            self._add_shards(goal.target.shards)
        for (source, target), slots in goal.left(node.catalog.slots).items():
            leaving = [False] * SLOTS
            for slot in slots:
                leaving[slot] = True
            candidates = Candidates(node.all_shards()[source], leaving, self._stopping.wait)
            try:
                self._move_all(source, target, slots, candidates)
            finally:
                candidates.close()
            if self._stopping.is_set():
                return False
        return not goal.left(node.catalog.slots)

    def _add_shards(self, shards: int) -> None:
        while True:
            try:
                self._node.add_shards(shards)
                return
            except SqlError as problem:
                if problem.errno not in _LOCK_ERRORS or self._stopping.is_set():
                    raise
                self._state = replace(self._state, state="waiting", problem="for transactions that have written copied tables")
                self._stopping.wait(_RETRY_S)

    def _move_all(self, source: int, target: int, slots: Sequence[int], candidates: Candidates) -> None:
        left = list(slots)
        busy, rows_max = 0, _BATCH_ROWS
        while left and not self._stopping.is_set():
            if not candidates.knows(self._node.catalog):
                self._state = replace(self._state, state="reading")
                candidates.read(self._node.catalog)
                continue
            candidates.catch_up()
            # What was in the way is tried alone, so that the rest is not held up by it.
            chosen = left[:1] if busy else goals.batch(left, candidates.rows_on, rows_max)
            begun = time.monotonic()
            try:
                rows = self._batch(source, target, chosen, candidates)
            except _Busy:
                busy += 1
                left = left[1:] + left[:1]
                if busy > len(left):
                    self._state = replace(self._state, state="waiting", problem="for transactions that have written the rows")
                self._stopping.wait(min(_RETRY_S * busy, _REST_MAX_S))
                continue
            busy = 0
            moved = set(chosen)
            left = [slot for slot in left if slot not in moved]
            candidates.forget(chosen)
            state = self._state
            self._state = replace(
                state, state="moving", slots_moved=state.slots_moved + len(chosen), rows_moved=state.rows_moved + rows, problem=""
            )
            took_s = time.monotonic() - begun
            if rows:
                rows_max = min(max(1, int(rows * min(BATCH_S / took_s, 2.0))), _BATCH_ROWS_MAX)
            self._stopping.wait(min(took_s, _REST_MAX_S))

    # ── one batch ──

    def _batch(self, source: int, target: int, slots: Sequence[int], candidates: Candidates) -> int:
        """Move these slots; returns how many rows were on them.  Raises _Busy."""
        transaction = self._node.begin_move(LOCK_WAIT_S)
        try:
            for shard in sorted({SINGLE_SHARD, source, target}):
                lock_now(transaction.writer(shard))
            return self._locked_batch(transaction, source, target, slots, candidates)
        except MustWait as waiting:
            with suppress(FaunaError):  # it took too long, or would have taken for ever
                waiting.ticket.wait()
            raise _Busy from None
        except SqlError as problem:
            if problem.errno in _LOCK_ERRORS:
                raise _Busy from None
            raise
        finally:
            transaction.rollback()

    def _locked_batch(
        self, transaction: SpreadTransaction, source: int, target: int, slots: Sequence[int], candidates: Candidates
    ) -> int:
        node = self._node
        catalog, wanted = node.catalog, frozenset(slots)
        candidates.catch_up()
        if not candidates.knows(catalog):
            raise _Busy
        self._none_is_prepared(catalog, source, wanted)
        moved = 0
        for table, move, rowids in candidates.rows_of(catalog, slots):
            moved += self._move_rows(transaction, source, target, catalog, table, move, rowids, wanted)
        after = catalog.with_slots(catalog.slots.moved(slots, target))
        first = transaction.writer(SINGLE_SHARD)
        for sql, params in save_statements(catalog, after):
            first.write(sql, params)
        transaction.show(lambda: node.slots_moved(after.slots))
        transaction.commit().wait()
        return moved

    def _none_is_prepared(self, catalog: Catalog, source: int, wanted: frozenset[int]) -> None:
        """A transaction that is past its vote, and not visible yet, may leave a row on these slots."""
        moves = {table.physical: rows_move(table) for table in spread_tables(catalog)}
        for table, row in self._node.all_shards()[source].prepared_rows():
            move = moves.get(table)
            if move is not None:
                key = [row.get(name) for name in ("_rowid_", *move.key_columns)]
                if any(name not in row for name in move.key_columns) or move.slot_of(key) in wanted:
                    raise _Busy

    def _move_rows(
        self, transaction: SpreadTransaction, source: int, target: int, catalog: Catalog, table: Table, move: RowsMove,
        rowids: Sequence[int], wanted: frozenset[int],
    ) -> int:  # fmt: skip
        here, there = transaction.writer(source), transaction.writer(target)
        asked = json.dumps(rowids)
        match = MatchCheck(f"SELECT _rowid_ FROM {move.table} WHERE {move.chosen}", (asked,), move.table)
        found = here.lock_query(move.rows_of, (asked,), (), match=match, inline=False)
        rows = [row for row in found if move.slot_of(row) in wanted]
        if not rows:
            return 0
        asked = json.dumps([row[0] for row in rows])
        for key in spread_keys(catalog, table):
            # Whoever looks for the key on that shard finds it locked, or the row.
            columns = ", ".join(table.by_name[name].physical for name in key.columns)
            selected = here.query(f"SELECT {columns} FROM {move.table} WHERE {move.chosen}", (asked,), (), inline=False)
            values = [each for each in selected if None not in each]
            locks = [lock_key(table, key, each, self._node.equal_key) for each in values]
            there.claim([lock for lock in locks if lock is not None])
        there.write_many(move.insert, [row[move.width :] for row in rows])
        here.write(move.delete, (asked,))
        return len(rows)
