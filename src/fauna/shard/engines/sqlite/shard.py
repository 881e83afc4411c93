"""The embedded shard: one SQLite file, one writer, many readers."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import Change, Header, decode_change, decode_header
from fauna.clock import HybridClock
from fauna.directories import sync_directory
from fauna.errors import FaunaError, StartError, error
from fauna.session.result import Row, Ticket
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.branch import SqliteBranch
from fauna.shard.engines.sqlite.checkpoint import Checkpointer
from fauna.shard.engines.sqlite.connection import Configure, Handle, open_connection
from fauna.shard.engines.sqlite.data_directory import DataDirectory, check_format
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.group_commit import GroupCommit
from fauna.shard.engines.sqlite.history import History, HistoryWatch
from fauna.shard.engines.sqlite.prepared import SELECT, Prepared
from fauna.shard.engines.sqlite.pruning import Pruning
from fauna.shard.engines.sqlite.readers import AnyRows, ReaderPool, StreamRows, run_inline, run_streamed
from fauna.shard.engines.sqlite.sealer import Sealer
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.versions import Versions, versions_file
from fauna.shard.engines.sqlite.write_set import EqualKey, binary_equal_key
from fauna.shard.engines.sqlite.writer import Writer
from fauna.shard.shard import Homes, Isolation, Params, RowChange, Siblings, Watch
from fauna.txn.locks import WriteQueue
from fauna.txn.row_locks import RowLocks
from fauna.txn.wait_graph import Owner, WaitGraph

# How often opening a snapshot is tried again when a commit falls into it.
_SNAPSHOT_TRIES: Final = 4
_HEIGHT_OF: Final = "SELECT height FROM fauna_transactions WHERE gtrid = ?1 ORDER BY height DESC LIMIT 1"
_SEALED_AT: Final = (
    "SELECT header FROM fauna_transactions JOIN fauna_blocks USING (height) WHERE gtrid = ?1 ORDER BY height DESC LIMIT 1"
)


class SqliteShard:
    """`configure` is called with every new connection, to register functions and collations on it; `equal_key` knows when two
    texts are equal by such a collation; `waits` and `clock` are shared by all shards of a node; `grown` is called after each
    commit, when others see it.  `threads` False: it has none of its own; who waits for a commit syncs it, and nothing else
    happens by itself: for tests that say what happens when."""

    def __init__(
        self,
        directory: DataDirectory,
        number: int = 0,
        *,
        configure: Configure = lambda connection: None,
        settings: EngineSettings | None = None,
        equal_key: EqualKey = binary_equal_key,
        sync: Callable[[int], None] = os.fdatasync,
        waits: WaitGraph | None = None,
        clock: HybridClock | None = None,
        grown: Callable[[], None] | None = None,
        threads: bool = True,
    ) -> None:
        self.settings = settings or EngineSettings()
        self.number = number
        self.path = directory.shard_file(number)
        self.homes: Homes | None = None  # with several shards
        self._configure = configure
        self._closed = False
        self._refusal = ""  # why nothing is written any more
        self._prepared_lock = threading.Lock()
        self.history = History(self.settings)
        waits = waits or WaitGraph()
        self.queue = WriteQueue(timer=threads, waits=waits)
        self.row_locks = RowLocks(timer=threads, waits=waits)
        writer = self._open_writer(self.path)
        self._group = GroupCommit(Path(str(self.path) + "-wal"), sync, threads=threads)
        checkpointing = open_connection(self.path, lambda connection: None, self.settings, writer=True)
        self._checkpointer = Checkpointer(checkpointing, self.queue, self._group, self.settings, threads=threads)
        self._committed: Handle | None = None
        self._versions: Versions | None = None
        self._versions_lock = threading.Lock()
        self._sealer: Sealer | None = None
        if self.settings.chain:
            self._sealer = Sealer(writer, number, clock or HybridClock(), self.settings, self._read_committed)
        self.writer = Writer(
            writer, self.history, self._group, self._checkpointer, self.settings, equal_key, self._sealer
        )
        self.writer.grown = grown
        self.pool = ReaderPool(self._open_reader, self.settings.readers_max, self.settings.readers_idle_max)
        self._inline = self._open_reader(busy=True)
        self.pruning = Pruning(self, self._inline.connection)
        self._prepared: dict[str, SqliteBranch] = {}
        try:
            sync_directory(directory.path)  # the files' names, when they are new
            # A process that was killed may have left commits in the log that are not on disk.  They are acted upon from now on.
            self._group.must_sync()
            self._find_prepared()
        except BaseException:
            self.close()
            raise

    # -- reading

    def autocommit_query(self, sql: str, params: Params, *, inline: bool, watch: Watch | None = None) -> AnyRows:
        if inline:
            handle = self._inline
            handle.guard.start(watch, inline=True)
            return run_inline(handle, sql, params, self.settings.inline_rows)
        handle = self.pool.take()
        handle.guard.start(watch, inline=False)
        try:
            rows = run_streamed(handle, sql, params, self.settings.prefetch_rows, lambda stream: self.pool.give(handle))
        except BaseException:
            self.pool.give(handle)
            raise
        if not isinstance(rows, StreamRows):
            self.pool.give(handle)
        return rows

    def read_latest(self, sql: str, params: Params, *, inline: bool, watch: Watch | None) -> Sequence[Row]:
        """A few rows of the latest committed state: on the writing connection when that is free, which is cheapest."""
        queue = self.queue
        if not queue.acquire_if_free():
            return list(self.autocommit_query(sql, params, inline=inline, watch=watch))
        try:
            return self.writer.read(sql, params, watch, inline=inline)
        finally:
            queue.release()

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
        owner: Owner = None,
        siblings: Siblings | None = None,
        user: str = "",
    ) -> SqliteBranch:
        branch = SqliteBranch(self, isolation, read_only=read_only, lock_wait_timeout_s=lock_wait_timeout_s, watch=watch,
                              two_phase=two_phase, alone=alone, owner=owner, siblings=siblings, user=user)
        if consistent_snapshot and isolation >= Isolation.REPEATABLE_READ:
            branch.open_snapshot()
        return branch

    def open_snapshot(self, reader: Handle) -> int:
        """Begin a read transaction; returns its position in the history, which is pinned.

        A commit that happens just now may or may not be seen; then we look again.  When commits keep falling in, the position
        is taken too early rather than too late: that can make a false conflict, never hide one.
        """
        history = self.history
        for attempt in range(_SNAPSHOT_TRIES):
            position = history.pin()
            try:
                reader.guard.start(None, inline=False)
                reader.execute("BEGIN")
                reader.execute("SELECT 1 FROM fauna_meta").fetchall()
            except BaseException as failed:
                history.unpin(position)
                self._end_read(reader)
                if isinstance(failed, apsw.Error):
                    raise translate(failed) from None
                raise
            exact = history.position == position and not history.committing
            if exact or attempt == _SNAPSHOT_TRIES - 1:
                return position
            self._end_read(reader)
            history.unpin(position)
        raise AssertionError("unreachable")

    def close_snapshot(self, reader: Handle, position: int) -> None:
        self._end_read(reader)
        self.pool.give(reader)
        self.history.unpin(position)

    @staticmethod
    def _end_read(reader: Handle) -> None:
        if reader.connection.in_transaction:
            reader.guard.start(None, inline=False)
            reader.execute("COMMIT")

    # -- writing

    def check_writable(self) -> None:
        self._group.check()
        if self._refusal:
            raise error("ERROR_DURING_COMMIT", self._refusal)
        if self._closed:
            raise error("UNKNOWN_ERROR", "the shard is closed")

    def refuse_writes(self, reason: str) -> None:
        self._refusal = f"on shard {self.number}: {reason}. Its writes are refused until the server is started again"

    # -- the chain

    @property
    def height(self) -> int:
        """Of the latest block."""
        return self._sealer.height if self._sealer is not None else 0

    @property
    def time_us(self) -> int:
        """Of the latest block."""
        return self._sealer.time_us if self._sealer is not None else 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A reader's connection for a while, outside of any transaction."""
        handle = self.pool.take()
        try:
            handle.guard.start(None, inline=False)
            yield handle.connection
        finally:
            self.pool.give(handle)

    def blocks_of(self, name: str) -> list[int]:
        """The heights of the blocks of a transaction: of the latest that has this gtrid, or, named shard:height, that block."""
        shard, _, height = name.partition(":")
        if shard == str(self.number) and height.isdigit() and 0 < int(height) <= self.height:
            return [int(height)]
        rows = list(self.autocommit_query(_HEIGHT_OF, (name,), inline=False))
        return [int(rows[0][0])] if rows else []  # type: ignore[arg-type]

    def changes_of(self, height: int) -> Iterator[tuple[Change, int]]:
        """The changes of a block, with its time."""
        with self.reading() as connection:
            reader = BlockReader(connection)
            for block in reader.blocks(height, height):
                time_us = block.decoded().time_us
                for change in reader.changes(block):
                    yield decode_change(change), time_us

    def header(self, height: int) -> Header | None:
        """Of a block."""
        rows = list(self.autocommit_query("SELECT header FROM fauna_blocks WHERE height = ?1", (height,), inline=False))
        return decode_header(rows[0][0]) if rows else None  # type: ignore[arg-type]

    def know_past_at_rest(self, height: int, stop: Callable[[], bool]) -> None:
        """Take in what there is up to that block, as long as no other is made and `stop` does not say so."""
        self.versions.catch_up(height, stop=lambda: self.height != height or stop())

    @property
    def versions(self) -> Versions:
        """What rows were; opened when it is first asked for."""
        with self._versions_lock:
            if self._versions is None:
                if self._closed:
                    raise error("UNKNOWN_ERROR", "the shard is closed")
                self._versions = Versions(self.path, lambda: self._open_reader().connection, self._configure)
            return self._versions

    def past_is_known(self, time_us: int) -> bool:
        """Whether `know_past` has nothing to do.  The clock has been shown that time."""
        versions = self.versions
        # In this order: a commit that ends between the two looks must not go unseen by both.
        return time_us <= versions.time_us or (not self.writer.showing.locked() and versions.height == self.height)

    def know_past(self, time_us: int) -> None:
        """Have the versions of all rows up to `time_us`, which the clock has been shown.  It may take long."""
        self.settle()
        if self.versions.height != self.height:
            self.versions.catch_up_to(time_us)

    def settle(self) -> None:
        """Return once whoever has its time already is visible."""
        with self.writer.showing:
            pass

    def open_chain(self) -> BlockReader:
        """A reader of the blocks with a connection of its own: close it."""
        try:
            handle = open_connection(self.path, lambda connection: None, self.settings, writer=False)
        except apsw.Error as raised:
            raise translate(raised) from None
        return BlockReader(handle.connection)

    def _read_committed(self) -> Handle:
        """A connection that sees what was committed last, for the holder of the write lock."""
        if self._committed is None:
            self._committed = self._open_reader()
        return self._committed

    def sealed_at(self, gtrid: str) -> int:
        rows = list(self.autocommit_query(_SEALED_AT, (gtrid,), inline=False))
        return decode_header(rows[0][0]).time_us if rows else 0  # type: ignore[arg-type]

    # -- two-phase commit

    def announce(self, gtrid: str, branch: SqliteBranch) -> None:
        """The branch is being prepared under this name; 1440 when there is one of that name."""
        with self._prepared_lock:
            if gtrid in self._prepared:
                raise error("XAER_DUPID")
            self._prepared[gtrid] = branch

    def forget_prepared(self, gtrid: str) -> None:
        with self._prepared_lock:
            self._prepared.pop(gtrid, None)

    def recover(self) -> list[str]:
        with self._prepared_lock:
            return sorted(self._prepared)

    def commit_prepared(self, gtrid: str, at_us: int = 0) -> Ticket:
        return self.prepared_branch(gtrid).commit(at_us)

    def rollback_prepared(self, gtrid: str) -> None:
        self.prepared_branch(gtrid).undo()

    def prepared_rows(self) -> list[tuple[str, Mapping[str, Stored]]]:
        with self._prepared_lock:
            prepared = [branch.prepared for branch in self._prepared.values() if branch.prepared is not None]
        found: list[tuple[str, Mapping[str, Stored]]] = []
        for each in prepared:
            for table, rowid, values in each.rows:
                if values is not None:
                    shape = self.writer.shapes.of(table)
                    names = [name for i, name in enumerate(shape.columns) if i not in shape.computed]
                    found.append((table, {"_rowid_": rowid, **dict(zip(names, values, strict=True))}))
        return found

    def prepared_branch(self, gtrid: str) -> SqliteBranch:
        with self._prepared_lock:
            branch = self._prepared.get(gtrid)
        if branch is None:
            raise error("XAER_NOTA")
        return branch

    def _find_prepared(self) -> None:
        """After a start: what was prepared and neither committed nor rolled back has its locks again."""
        for gtrid, record in self._inline.connection.execute(SELECT).fetchall():
            branch = self._prepared[str(gtrid)] = self.begin(Isolation.READ_COMMITTED, two_phase=True)
            try:
                branch.adopt(str(gtrid), Prepared.load(str(record)))
            except (ValueError, KeyError, TypeError):
                problem = f"prepared transaction '{gtrid}' in '{self.path}' is damaged"
                raise StartError(problem, "restore it from a backup") from None

    # -- the rest

    @property
    def position(self) -> int:
        """Of the latest commit, for `changes`."""
        return self.history.position

    def watch_changes(self) -> HistoryWatch:
        return self.history.watch()

    def changes(self, from_position: int) -> list[RowChange]:
        changes: list[RowChange] = []
        for commit in self.history.remembered(from_position):
            changes += [RowChange(commit.position, table, "UPDATE", None) for table in sorted(commit.whole) if table]
            changes += [RowChange(commit.position, change[0], change[1], change[3]) for change in commit.changes]
        return changes

    def sync(self) -> None:
        """Put everything committed so far on disk."""
        self._group.must_sync()

    def sync_pending(self) -> None:
        self._group.sync()
        self._group.check()

    def integrity_errors(self) -> list[str]:
        """What SQLite's own check finds wrong in the file; reads all of it."""
        handle = self.pool.take()
        try:
            handle.guard.start(None, inline=False)
            found = [str(row[0]) for row in handle.connection.execute("PRAGMA integrity_check")]
        except apsw.Error as raised:
            found = [str(raised)]
        finally:
            self.pool.give(handle)
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Idempotent.  Open transactions are lost; what was committed is on disk and in the file."""
        if self._closed:
            return
        self._closed = True
        self.queue.close()
        self.row_locks.close()
        with contextlib.suppress(FaunaError):
            self._group.must_sync()
        self._group.close()
        self.pool.close()
        self._inline.close()
        if self._committed is not None:
            self._committed.close()
        if self._versions is not None:
            self._versions.close()
        self.writer.handle.close()
        self._checkpointer.close(last=not self._group.failed)

    def _open_reader(self, *, busy: bool = False) -> Handle:
        try:
            past = versions_file(self.path)
            return open_connection(self.path, self._configure, self.settings, writer=False, busy=busy, past=past)
        except apsw.Error as raised:
            raise translate(raised) from None

    def _open_writer(self, path: Path) -> Handle:
        """The first connection: recovers the log after a crash, and finds out whether the file can be used at all."""
        try:
            past = versions_file(path)
            handle = open_connection(path, self._configure, self.settings, writer=True, busy=True, past=past)
        except apsw.Error as raised:
            raise _cannot_start(path, raised) from None
        try:
            check_format(handle.connection, path)
            return handle
        except apsw.Error as raised:
            handle.close()
            raise _cannot_start(path, raised) from None
        except BaseException:
            handle.close()
            raise


def _cannot_start(path: Path, raised: apsw.Error) -> StartError:
    text = str(raised)
    if isinstance(raised, (apsw.NotADBError, apsw.CorruptError)):
        return StartError(f"'{path}' is damaged or not a FaunaDB file: {text}",
                          "restore it from a backup; it has not been changed")
    if isinstance(raised, (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError)):
        return StartError(f"cannot open '{path}' for writing: {text}", "make the directory and the files in it writable")
    if isinstance(raised, (apsw.BusyError, apsw.LockedError)):
        return StartError(f"'{path}' is locked by another program", "close the program that has it open")
    return StartError(f"cannot open '{path}': {text}")
