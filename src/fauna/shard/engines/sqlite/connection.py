"""Opening connections to the shard's file, and stopping the statements that run on them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from fauna.session.result import MustMove
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.shard import Watch

Configure = Callable[[apsw.Connection], None]

PAST_SCHEMA: Final = "hist"
"""What the file of row versions is called on the shard's connections."""

# A writer meets a lock only while a checkpoint resets the log, for a moment.
_BUSY_TIMEOUT_MS: Final = 10_000
# Looks at the clock that an inline statement survives.  Two, because SQLite's count goes on from one run of a
# cached statement to the next: the first look may come after a single step.
_INLINE_LOOKS: Final = 2


class Mode(IntEnum):
    """What stopping costs.  SQLite rolls the whole transaction back when it interrupts a statement that writes."""

    READ = 0  # nothing
    FIRST_WRITE = 1  # nothing: there is nothing else in the transaction
    LATER_WRITE = 2  # the transaction


class Guard:
    """Stops the statement on one connection: inline budget, KILL QUERY, max_statement_time.

    A long UPDATE or DELETE that calls `fauna_tick()` in its WHERE is stopped there, by an ordinary error, which
    undoes that statement alone.  Any other writing statement is stopped by SQLite's interrupt, see `Mode`.
    """

    __slots__ = ("_pending", "_ticked", "looks_left", "mode", "overran", "replaying", "watch")

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.looks_left = 0
        self.mode = Mode.READ
        self.overran = False
        self.replaying = False  # changes that have happened once are made again
        self._ticked = False
        self._pending: Exception | None = None

    def start(self, watch: Watch | None, *, inline: bool, mode: Mode = Mode.READ) -> None:
        self.watch = watch
        self.looks_left = _INLINE_LOOKS if inline else 0
        self.mode = mode
        self._ticked = False
        self._pending = None

    def look(self) -> bool:
        """SQLite's progress handler: raising stops the statement."""
        watch = self.watch
        reason: Exception | None = watch.stop_reason() if watch is not None else None
        if reason is None and self.looks_left:
            self.looks_left -= 1
            if not self.looks_left:
                if self._ticked or self.mode is not Mode.LATER_WRITE:
                    reason = MustMove()
                else:
                    self.overran = True  # let it finish; whoever asks can keep it off the loop next time
        if reason is None:
            return False
        if self._ticked and self.mode is not Mode.READ:
            self._pending = reason
            return False
        raise reason

    def tick(self, *arguments: object) -> int:
        """fauna_tick(): 1, or the error that stops the statement."""
        self._ticked = True
        if self._pending is not None:
            reason, self._pending = self._pending, None
            raise reason
        return 1

    def is_replaying(self, *arguments: object) -> int:
        """fauna_replaying(): 1 while what has happened before is done again."""
        return int(self.replaying)


class Handle:
    """One connection with its guard and a cursor that is used again and again."""

    __slots__ = ("_past", "connection", "cursor", "execute", "guard", "has_past")

    def __init__(self, connection: apsw.Connection, guard: Guard, past: Path | None = None) -> None:
        """past: the file of row versions, which a statement may need."""
        self.connection = connection
        self.guard = guard
        self._past = past
        self.has_past = False  # that file is attached
        self.cursor = connection.cursor()
        self.execute = self.cursor.execute

    def attach_past(self, failed: apsw.Error) -> bool:
        """Whether a statement failed because it reads row versions, whose file was not attached: now it is; run it again.

        Not before, because a transaction that begins, and a commit, look at every file that is attached."""
        if self.has_past or self._past is None or f"no such table: {PAST_SCHEMA}." not in str(failed):
            return False
        if not self._past.exists():
            return False
        name = quote(str(self._past))
        self.connection.cursor().execute(f"ATTACH 'file:{name}?mode=ro' AS {PAST_SCHEMA}")
        self.has_past = True
        return True

    def detach_past(self) -> None:
        """No transaction is open."""
        self.connection.cursor().execute(f"DETACH {PAST_SCHEMA}")
        self.has_past = False

    def renew_cursor(self) -> apsw.Cursor:
        """The cursor in use, which is the caller's from now on."""
        cursor = self.cursor
        self.cursor = self.connection.cursor()
        self.execute = self.cursor.execute
        return cursor

    def close(self) -> None:
        self.connection.close(True)


def open_connection(
    path: Path, configure: Configure, settings: EngineSettings, *, writer: bool, busy: bool = False, past: Path | None = None
) -> Handle:
    """A connection as all of ours are: WAL, no sync at commit, no checkpoint of its own.

    `busy`: it runs what many sessions ask, so it keeps more prepared statements and pages.  `past`: see Handle.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI | (apsw.SQLITE_OPEN_CREATE if writer else 0)
    statements = settings.statement_cache if busy else settings.reader_statement_cache
    connection = apsw.Connection(str(path), flags=flags, statementcachesize=statements)
    try:
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        _set_pragmas(connection, settings, writer=writer, busy=busy)
        guard = Guard()
        connection.create_scalar_function("fauna_tick", guard.tick, 0)
        connection.create_scalar_function("fauna_replaying", guard.is_replaying, 0)
        configure(connection)
        connection.set_progress_handler(guard.look, settings.inline_steps)
        if not writer:
            connection.execute("PRAGMA query_only = ON")
        return Handle(connection, guard, past)
    except BaseException:
        connection.close(True)
        raise


def _set_pragmas(connection: apsw.Connection, settings: EngineSettings, *, writer: bool, busy: bool) -> None:
    if writer:
        connection.execute(f"PRAGMA page_size = {settings.page_size}")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    # What a long statement would undo, and sorts, spill to files: memory stays bounded.
    connection.execute("PRAGMA temp_store = FILE")
    connection.execute(f"PRAGMA mmap_size = {settings.mmap_bytes}")
    cache_kib = settings.reader_cache_kib
    if busy:
        cache_kib = settings.writer_cache_kib if writer else settings.inline_cache_kib
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute(f"PRAGMA journal_size_limit = {settings.truncate_pages * settings.page_size}")
    connection.wal_autocheckpoint(0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0)
