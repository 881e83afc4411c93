"""The shard interface: what `txn` and `session` may ask of one shard, whatever its engine.

Everything is synchronous and may be called from any thread, but one branch by one thread at a time.  A call
that cannot go on without waiting raises `MustWait(ticket)`, having done nothing; call it again once the
ticket is done.  A call with `inline=True` that turns out long raises `MustMove`, having done nothing; call
it again in a worker thread with `inline=False`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import Stored
from fauna.errors import SqlError, error
from fauna.session.result import MustWait, Row, Ticket

Params = Sequence[Stored]


class Isolation(IntEnum):
    READ_UNCOMMITTED = 0  # behaves as READ COMMITTED
    READ_COMMITTED = 1
    REPEATABLE_READ = 2  # snapshot isolation, first committer wins
    SERIALIZABLE = 3


@dataclass(frozen=True, slots=True)
class TableAccess:
    """What a query may read of a table: a rowid range, inclusive; None is open, both None the whole table."""

    table: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class MatchCheck:
    """The rows that a write (or a locking read) aims at: `sql` selects their rowids in `table`.

    It has the same conditions as the write.  Asked of the transaction's snapshot it tells which rows the
    client means, though at the latest state they may match no more.
    """

    sql: str
    params: Params
    table: str


@dataclass(frozen=True, slots=True)
class Written:
    """changes: rows inserted, updated or deleted, without those of triggers; rows: of a RETURNING clause."""

    changes: int
    last_rowid: int
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that a commit changed.  `op` is INSERT, UPDATE or DELETE; `rowid` None: any row of the table."""

    position: int
    table: str
    op: str
    rowid: int | None


class Watch:
    """How a statement is stopped from outside.  One per session; handed to every call that may run long."""

    __slots__ = ("deadline_s", "interrupted", "stop_waiting")

    def __init__(self) -> None:
        self.interrupted = False
        self.deadline_s = 0.0  # on time.monotonic(); 0: none
        self.stop_waiting: Callable[[], None] | None = None  # while a lock is waited for

    def interrupt(self) -> None:
        """Stop the running statement, or its wait for a lock, with error 1317.  Any thread may call it."""
        self.interrupted = True
        stop_waiting = self.stop_waiting
        if stop_waiting is not None:
            stop_waiting()

    def clear(self, *, max_statement_time_s: float = 0.0) -> None:
        """A new statement starts."""
        self.interrupted = False
        self.stop_waiting = None
        self.deadline_s = time.monotonic() + max_statement_time_s if max_statement_time_s else 0.0

    def stop_reason(self) -> SqlError | None:
        if self.interrupted:
            return error("QUERY_INTERRUPTED")
        if self.deadline_s and time.monotonic() > self.deadline_s:
            return error("STATEMENT_TIMEOUT")
        return None


class Homes(Protocol):
    """Which rows are whose, while rows move from shard to shard.  version: higher with each move."""

    @property
    def version(self) -> int: ...
    def key_query(self, table: str) -> tuple[str, Callable[[Row], int]] | None:
        """Of a table whose rows are spread: what selects the shard key of the row with `_rowid_ = ?1`, and the key's shard."""
        ...


class Rows(Protocol):
    """A result: an iterator of tuples of stored values, to be closed unless read to its end.

    ready  all rows are in memory: reading them does not block
    """

    @property
    def ready(self) -> bool: ...
    def __iter__(self) -> Iterator[Row]: ...
    def __next__(self) -> Row: ...
    def fetch(self, rows_max: int) -> list[Row]:
        """The next rows, at most `rows_max`; an empty list at the end."""
        ...

    def close(self) -> None: ...


class Transaction(Protocol):
    """A transaction, on however many shards.  A branch is one on a single shard."""

    lock_wait_timeout_s: float  # for the next wait

    @property
    def is_open(self) -> bool:
        """False after commit, after rollback, and after an error that took the whole transaction with it."""
        ...

    @property
    def holds_lock(self) -> bool:
        """Whether this transaction has a shard's write lock."""
        ...

    @property
    def has_written(self) -> bool:
        """Whether there is anything to commit."""
        ...

    @property
    def spans_shards(self) -> bool:
        """False: it is on the only shard that there was when it began."""
        ...

    @property
    def slots(self) -> SlotMap | None:
        """Where the rows are in what it reads; None: where they are now."""
        ...

    @property
    def reads_latest(self) -> bool:
        """READ COMMITTED: each statement reads the state of its own time, not all of them one snapshot."""
        ...

    def reader(self, shard: int) -> Branch:
        """The branch to read on."""
        ...

    def writer(self, shard: int) -> Branch:
        """The branch to write on, or to read the latest state on once it is locked."""
        ...

    def lock(self) -> None:
        """Take every shard's write lock, or raise MustWait: for one, or for the row that an earlier call waited for."""
        ...

    def pause(self) -> None:
        """Between two statements: others may write rows that this transaction has not locked.  Optional, and never an error;
        the transaction goes on with its next call."""
        ...

    def open_snapshot(self) -> None:
        """From REPEATABLE READ on: fix the state that is read from now on, if it is not fixed yet."""
        ...

    def savepoint(self, name: str) -> None: ...
    def rollback_to(self, name: str) -> None: ...
    def release(self, name: str) -> None: ...
    def begin_statement(self) -> None:
        """Several writes that are one statement follow: `end_statement` keeps them or undoes them all."""
        ...

    def end_statement(self, *, keep: bool) -> None: ...
    def define(self, published: Callable[[], None]) -> None:
        """It has DDL: `published` is called by `commit`, when others can see it and before they can write."""
        ...

    def hold(self) -> Mapping[int, Branch]:
        """For XA PREPARE: the branches to prepare, by shard, which are the caller's from now on.  May raise MustWait.  Needs
        begin(two_phase=True)."""
        ...

    def retreat(self) -> None:
        """After MustWait: undo what has been done on the shards that are not waited for, and have nothing locked there."""
        ...

    def commit(self) -> Ticket:
        """Visible to others and durable once the ticket is done; on one shard visible on return."""
        ...

    def rollback(self) -> None:
        """Undo everything, free every lock, give up waiting.  Does nothing when the transaction is closed."""
        ...


class Siblings(Protocol):
    """The branches of a transaction over several shards.  Their snapshots are of one moment: they move together."""

    def open_snapshot(self) -> None:
        """Open those that are not open yet."""
        ...

    def moved(self) -> bool:
        """Move them to now, if nothing that any has read is different then; whether that was done."""
        ...

    def give_places_up(self, branch: Branch) -> None:
        """`branch` is going to wait for its shard's write lock: the others are to wait for theirs no more, nor to have one that
        they were given meanwhile and do not use yet.  Who goes on takes the locks in order, and so waits for nobody behind."""
        ...

    def let_go(self, branch: Branch) -> None:
        """`branch` is going to wait for a row: undo what the others have done of the statement, and let others write there."""
        ...


class Branch(Transaction, Protocol):
    """A transaction on this shard."""

    @property
    def has_snapshot(self) -> bool: ...
    @property
    def is_waiting(self) -> bool:
        """Whether an earlier call waits for a lock or a row, or has been granted it and was not called again yet."""
        ...

    @property
    def awaits_lock(self) -> bool:
        """Whether an earlier call waits for the write lock, or has been granted it and was not called again yet."""
        ...

    def lock_if_free(self) -> bool:
        """As `lock`, when nobody has the write lock; else False, and nothing is waited for."""
        ...

    def give_place_up(self) -> None:
        """Wait for the write lock no more, or hand it on if it has been granted and is not used yet."""
        ...

    def may_move(self) -> bool:
        """Whether nothing that it has read is different now."""
        ...

    def move(self) -> None:
        """Read the state of now from here on, if it has a snapshot."""
        ...

    @property
    def keeps_lock(self) -> bool:
        """Whether it will have the write lock until its end: row locks are not enough for what it did."""
        ...

    def keep_lock(self) -> None:
        """Have the write lock, which it holds, until its end, prepared or not."""
        ...

    def query(self, sql: str, params: Params, reads: Sequence[TableAccess], *, inline: bool) -> Rows: ...
    def lock_query(
        self,
        sql: str,
        params: Params,
        reads: Sequence[TableAccess],
        *,
        match: MatchCheck | None = None,
        inline: bool,
        shared: bool = False,
    ) -> Rows:
        """FOR UPDATE / FOR SHARE: lock the rows of `match` (None: whatever the tables hold), then read the latest state; 1213 if
        it names a row that others have changed since the snapshot."""
        ...

    def read_row(self, table: str, rowid: int, sql: str, params: Params, *, inline: bool) -> Sequence[Row] | None:
        """Lock one row, whether it exists or not, and run `sql`, which reads nothing else, at the latest state; 1213 if others
        have changed the row since the snapshot.  None: not now, use `lock` and `write`.  May raise MustWait."""
        ...

    def write_row(self, op: str, table: str, rowid: int, sql: str, params: Params) -> None:
        """After `read_row` of that row: INSERT, UPDATE or DELETE it at the transaction's end.  `sql` does so, cannot fail then,
        and has no effect but that (no triggers, no keys but the rowid); until then reads see it done."""
        ...

    def write(self, sql: str, params: Params, *, match: MatchCheck | None = None, inline: bool = False) -> Written: ...
    def write_many(self, sql: str, rows: Iterable[Params]) -> Written: ...
    def execute_ddl(self, script: Sequence[tuple[str, Params]], tables: Iterable[str] = ()) -> None:
        """All or nothing, in this transaction.  `tables` are taken to be changed in every row."""
        ...

    def exchange(self, script: Iterable[tuple[str, Params]], tables: Iterable[str]) -> int:
        """Run statements that change rows of `tables`, as one, and without what foreign keys would do or say about it; how many
        rows they have changed.  The branch keeps its shard's write lock to its end.  May raise MustWait."""
        ...

    def commit(self, at_us: int = 0) -> Ticket:
        """at_us: the time of the commit, when that is the same on several shards; 0: now."""
        ...

    def prepare(self, gtrid: str, shards: Sequence[int] = ()) -> Ticket:
        """First phase: once the ticket is done the effects are durable and can be redone.  The rows stay locked; the shard's
        write lock does not, where row locks are enough.  Then `commit` or `undo`.  Needs begin(two_phase=True); 1197 when it has
        changed more rows than it keeps track of.  May raise MustWait.  shards: of all that will commit together."""
        ...

    def claim(self, keys: Sequence[tuple[Hashable, ...]]) -> None:
        """Lock values of unique keys, whether a row has them or not.  A key: (table, index, values …) or (table, rowid)."""
        ...

    def finds(self, keys: Sequence[tuple[Hashable, ...]], sql: str, params: Params, *, inline: bool) -> bool:
        """Whether the query has a row at the latest state, this transaction's own included, once nobody else has `keys`."""
        ...

    def has_written_to(self, tables: Collection[str]) -> bool:
        """Whether it may have changed a row of one of these."""
        ...

    @property
    def has_locked(self) -> bool:
        """Whether others must wait for it, be it for rows that it has only read."""
        ...

    def undo(self) -> Ticket:
        """As `rollback`, prepared or not; what was prepared is durably gone once the ticket is done."""
        ...


class ChangeWatch(Protocol):
    def news(self) -> dict[str, set[int] | None] | None:
        """The rows that were changed since it was asked last, by table; None: any row of it.  None for all: it is not known any
        more.  What was told may be told again."""
        ...

    def close(self) -> None: ...


class Shard(Protocol):
    @property
    def time_us(self) -> int:
        """Of the latest block; 0 without one."""
        ...

    def autocommit_query(self, sql: str, params: Params, *, inline: bool, watch: Watch | None = None) -> Rows:
        """Read the latest committed state, without a transaction.  Inline: from one thread only, the loop's."""
        ...

    def begin(
        self,
        isolation: Isolation,
        *,
        read_only: bool = False,
        lock_wait_timeout_s: float = 50.0,
        watch: Watch | None = None,
        consistent_snapshot: bool = False,
        two_phase: bool = False,
        alone: bool = False,
        owner: Hashable = None,
        siblings: Siblings | None = None,
        user: str = "",
    ) -> Branch:
        """alone: the transaction is one statement, which the caller commits at once.  owner: stands for the transaction of which
        this is one branch; what a branch of it has locked, another of the same owner has.  snapshots: of all of them.
        user: in whose name it is sealed."""
        ...

    def recover(self) -> list[str]:
        """The gtrids that are prepared and undecided.  Whoever wants to write what they have written waits."""
        ...

    def prepared_branch(self, gtrid: str) -> Branch:
        """The one that is prepared under this name; 1397 for an unknown one."""
        ...

    def commit_prepared(self, gtrid: str, at_us: int = 0) -> Ticket:
        """Second phase, for whoever has the name alone; 1397 for an unknown one.  May raise MustWait.  at_us: as of `commit`."""
        ...

    def sealed_at(self, gtrid: str) -> int:
        """The time at which a transaction of this name was committed here; 0: it has not been."""
        ...

    def rollback_prepared(self, gtrid: str) -> None: ...
    def prepared_rows(self) -> list[tuple[str, Mapping[str, Stored]]]:
        """The rows that prepared transactions will leave here: table, and its columns but the computed ones.  By the holder of
        the write lock."""
        ...

    def check_writable(self) -> None:
        """Error 1180 when nothing may be written any more until the shard is opened again."""
        ...

    def refuse_writes(self, reason: str) -> None:
        """From now on `check_writable` fails, and whoever wants to write with it."""
        ...

    def sync_pending(self) -> None:
        """Everything committed so far is on disk.  Error 1180 when that is not known any more."""
        ...

    def watch_changes(self) -> ChangeWatch:
        """Remember what is committed from now on."""
        ...

    def changes(self, from_position: int) -> list[RowChange]:
        """Row changes of the commits after `from_position`, oldest first, as far as they are remembered."""
        ...

    def close(self) -> None: ...


def lock_now(branch: Branch) -> None:
    """Take the shard's write lock; this thread waits for it."""
    while True:
        try:
            branch.lock()
            return
        except MustWait as waiting:
            waiting.ticket.wait()


def locked(shard: Shard) -> Branch:
    """A transaction of its own that has the shard's write lock; this thread waits for it."""
    branch = shard.begin(Isolation.READ_COMMITTED, alone=True)
    lock_now(branch)
    return branch
