"""Row versions: what each row was, and when, for reads of the past.  Derived from the chain, in a file beside the shard's.

    h<id>_<k>   the versions of the rows of t<id> while it had k stored columns: those columns, row_start, row_end
    h_<name>    the same of one of the engine's own tables
    fauna_layouts(name, columns, names, row_start, row_end)   which of them there are, and when rows went there
    fauna_schema(statement)                                   the definitions so far
    fauna_indexed(height, hash, time_us)                      the block up to which this is so
    fauna_subtrees(level, place, hash)                        of the Merkle tree over the blocks, those that were asked for
    fauna_lost(name, until_us)                                tables whose past before a time could not be found again

A version is valid from row_start, the time of the commit that made it, until before row_end: `CURRENT` if nothing has ended it.
Nothing is lost with the file: it is made anew from the chain, also when it belongs to another one.  Where retention has taken
changes of a table out of the chain (pruning.py), its versions begin with its state after the last of them, which is found
backwards: the rows that there are now, with all later changes undone.  If the table has been dropped since, there are none to
begin with: its past is lost up to then, and `lost_until` says so.

Blocks are taken in when somebody asks for a time that they may concern, and while nothing is committed; a commit does not wait
for it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    PRUNED,
    RESET,
    REWRITE,
    SCHEMA,
    UPDATE,
    Change,
    Header,
    Malformed,
    block_hash,
    decode_change,
    decode_row,
    encode_row,
)
from fauna.directories import remove_database
from fauna.shard.engines.sqlite.blocks import Block, BlockReader
from fauna.shard.engines.sqlite.columns import read_columns
from fauna.shard.engines.sqlite.connection import Configure
from fauna.shard.engines.sqlite.sealer import IN_PARTS

CURRENT: Final = (1 << 63) - 1
"""row_end of a version that nothing has ended."""
_FORMAT: Final = 2
_CATALOG: Final = "catalog_meta"
_CHANGES_AT_ONCE: Final = 5_000
_CACHE_KIB: Final = 16 * 1024
_BUSY_TIMEOUT_MS: Final = 10_000
_FORGOTTEN_AT_ONCE: Final = 10_000
_LATEST: Final = (1 << 63) - 1
_LAST_PRUNED: Final = "SELECT height FROM fauna_pruned WHERE name = ?1"
# What came first to each row after a time: the row that was there before, or NULL: there was none.
_TOUCHED: Final = "CREATE TEMP TABLE IF NOT EXISTS touched (key INTEGER PRIMARY KEY, row BLOB)"
_TOUCH: Final = "INSERT OR IGNORE INTO temp.touched VALUES (?1, ?2)"
_IS_TOUCHED: Final = "SELECT 1 FROM temp.touched WHERE key = ?1"
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS fauna_layouts (name TEXT, columns INTEGER, names TEXT, row_start INTEGER, row_end INTEGER, "
    "PRIMARY KEY (name, row_start)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fauna_schema (id INTEGER PRIMARY KEY, statement TEXT)",
    "CREATE TABLE IF NOT EXISTS fauna_indexed "
    "(id INTEGER PRIMARY KEY CHECK (id = 1), height INTEGER, hash BLOB, time_us INTEGER)",
    "CREATE TABLE IF NOT EXISTS fauna_subtrees (level INTEGER, place INTEGER, hash BLOB, "
    "PRIMARY KEY (level, place)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fauna_lost (name TEXT PRIMARY KEY, until_us INTEGER) WITHOUT ROWID",
    "INSERT OR IGNORE INTO fauna_indexed VALUES (1, 0, x'', 0)",
)  # fmt: skip
_TABLE: Final = re.compile(r"\s*(CREATE|ALTER|DROP) TABLE (?:IF (?:NOT )?EXISTS )?\"?(\w+)")
_INDEX: Final = re.compile(r"\s*CREATE UNIQUE INDEX \"?(\w+)\"? ON \"?(\w+)")
_INDEX_GOES: Final = re.compile(r"\s*DROP INDEX \"?(\w+)")


def versions_file(shard_file: Path) -> Path:
    return shard_file.with_name(shard_file.stem + ".history.db")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's columns during a time.  name: the engine's name of the table; columns: of its versions, in order; row_start,
    row_end: the time, the latter `CURRENT` if it is not over."""

    name: str
    columns: tuple[str, ...]
    row_start: int
    row_end: int

    @property
    def table(self) -> str:
        """Where the versions are."""
        return versions_table(self.name, len(self.columns))


def versions_table(name: str, columns: int) -> str:
    return f"h{name[1:]}_{columns}" if _is_user_table(name) else f"h_{name}"


def _is_user_table(name: str) -> bool:
    return name[0] == "t" and name[1:].isdigit()


@dataclass(slots=True)
class _Target:
    """How to write the versions of one layout.  key: names the rows; None: by all of `keys`."""

    insert: str
    close: str
    forget: str  # of one that was made at the same time
    close_all: str
    forget_all: str
    key_positions: tuple[int, ...]  # of `keys` among the columns; empty: the change's own key


class Versions:
    """Any thread may call; one at a time works."""

    def __init__(self, shard_file: Path, open_blocks: Callable[[], apsw.Connection], configure: Configure) -> None:
        """open_blocks: a connection on the shard's file, which is this one's from then on; not called before it is needed.
        configure: registers the functions and collations that definitions name."""
        self.path = versions_file(shard_file)
        self._open_blocks = open_blocks
        self._configure = configure
        self._lock = threading.Lock()
        self._blocks: BlockReader | None = None
        self._blocks_connection: apsw.Connection | None = None
        self._targets: dict[str, _Target] = {}
        self._current: dict[str, _Target] = {}  # of each table's latest layout
        self._layouts: dict[str, list[Layout]] = {}
        self._lost: dict[str, int] = {}
        self._connection = self._open()
        self._execute = self._connection.cursor().execute
        self._shadow = self._open_shadow()
        self.height, self.time_us = 0, 0
        self.catalogs = 0
        """Goes up with each block that has another version of the catalog."""
        self._read_place()

    # -- asking

    def layouts(self, name: str) -> Sequence[Layout]:
        """The layouts that a table has had, as far as blocks are taken in, oldest first."""
        with self._lock:
            return tuple(self._layouts.get(name, ()))

    def have_tables_of(self, other: Versions, layouts: Sequence[Layout]) -> None:
        """Have what those layouts' versions are in, empty where this shard came after them: they are named on all shards."""
        wanted = [layout.table for layout in layouts]
        with self._lock:
            missing = [table for table in wanted if not self._connection.table_exists("main", table)]
        for table in missing:
            definitions = other.rows("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))
            with self._lock:
                for (statement,) in definitions:
                    self._connection.execute(str(statement).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))

    def catch_up(self, height: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Take in the blocks up to `height`, unless `stop` says so between two transactions."""
        while self.height < height and not stop():
            with self._lock:
                if self.height < height:
                    self._take_in(height)

    def catch_up_to(self, time_us: int) -> None:
        """Take in the blocks that were made at `time_us` or before, and are visible."""
        if time_us > self.time_us:
            with self._lock:
                height = self._chain().height_at(time_us)
            self.catch_up(height)

    def define(self, definitions: Iterable[tuple[str, int]]) -> None:
        """Take in statements and the times at which they were run, without the blocks that they were in."""
        with self._lock, self._connection:
            for statement, time_us in definitions:
                self._define(statement, time_us)

    def rows(self, sql: str, params: Sequence[Stored] = ()) -> list[tuple[Any, ...]]:
        """What a query on this file gives."""
        with self._lock:
            return self._connection.execute(sql, tuple(params)).fetchall()

    def subtree(self, level: int, place: int) -> bytes | None:
        """A subtree of the Merkle tree over the blocks, if it is kept."""
        for (found,) in self.rows("SELECT hash FROM fauna_subtrees WHERE level = ? AND place = ?", (level, place)):
            return bytes(found)
        return None

    def keep_subtree(self, level: int, place: int, found: bytes) -> None:
        self.rows("INSERT OR REPLACE INTO fauna_subtrees VALUES (?, ?, ?)", (level, place, found))

    def lost_until(self, name: str) -> int:
        """The time before which the table's past could not be found again; 0: none of it is lost."""
        return self._lost.get(name, 0)

    def forget(self, name: str, until_us: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Delete the versions of a table's rows that ended at that time or before, unless `stop` says so between two
        transactions."""
        for layout in self.layouts(name) if until_us else ():
            after, more = 0, True
            while more and not stop():
                with self._lock:
                    after, more = self._forget_some(layout.table, after, until_us)

    def _forget_some(self, table: str, after: int, until_us: int) -> tuple[int, bool]:
        """The row to go on after, and whether to.  Rows are in the order of their row_start."""
        ends: list[Any] = self._connection.execute(
            f"SELECT rowid, row_start FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1 OFFSET ?",
            (after, _FORGOTTEN_AT_ONCE - 1),
        ).fetchall()
        end, start = ends[0] if ends else (_LATEST, CURRENT)
        self._connection.execute(
            f"DELETE FROM {table} WHERE rowid > ? AND rowid <= ? AND row_end <= ?", (after, end, until_us)
        )
        return int(end), int(start) < until_us

    def close(self) -> None:
        with self._lock:
            for connection in (self._connection, self._shadow, self._blocks_connection):
                if connection is not None:
                    connection.close(True)

    # -- opening

    def _open(self) -> apsw.Connection:
        connection = self._connect()
        try:
            version = connection.execute("PRAGMA user_version").get
            known = not version or version == _FORMAT
            if known:
                with connection:  # whoever reads the file meanwhile sees all of it or nothing
                    for statement in _CREATE:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {_FORMAT}")
        except apsw.Error:
            known = False
        if not known:
            connection.close(True)
            self._remove()
            return self._open()
        return connection

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        self._configure(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection

    def _remove(self) -> None:
        remove_database(self.path)

    def _open_shadow(self) -> apsw.Connection:
        """The tables as they are defined, without rows."""
        shadow = apsw.Connection(":memory:")
        self._configure(shadow)
        for (statement,) in self._connection.execute("SELECT statement FROM fauna_schema ORDER BY id"):
            shadow.execute(str(statement))
        return shadow

    def _read_place(self) -> None:
        height: Any
        time_us: Any
        height, found, time_us = self._connection.execute("SELECT height, hash, time_us FROM fauna_indexed").fetchall()[0]
        header = self._chain().header(int(height)) if height else None
        if height and (header is None or block_hash(header) != found):
            self._begin_anew()
            return
        self.height, self.time_us = int(height), int(time_us)
        self._lost = {str(name): int(until) for name, until in self._connection.execute("SELECT name, until_us FROM fauna_lost")}
        self._layouts.clear()
        for name, names, row_start, row_end in self._connection.execute(
            "SELECT name, names, row_start, row_end FROM fauna_layouts ORDER BY row_start"
        ):
            layout = Layout(str(name), tuple(json.loads(str(names))), int(row_start), int(row_end))
            self._layouts.setdefault(layout.name, []).append(layout)

    def _begin_anew(self) -> None:
        """What is here is of another chain.  Connections that have it attached keep the file, so it is emptied, not removed."""
        with self._connection:
            for (name,) in self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                self._connection.execute(f'DROP TABLE "{name}"')
            for statement in _CREATE:
                self._connection.execute(statement)
        self._shadow.close(True)
        self._shadow = self._open_shadow()
        self._targets.clear()
        self._current.clear()
        self._layouts.clear()
        self._lost = {}
        self.height = self.time_us = 0

    def _chain(self) -> BlockReader:
        if self._blocks is None:
            self._blocks_connection = self._open_blocks()
            self._blocks = BlockReader(self._blocks_connection)
        return self._blocks

    # -- taking blocks in

    def _take_in(self, height: int) -> None:
        """Some of the blocks that are next, in one transaction."""
        try:
            with self._connection:
                last, time_us = self._take_some(height)
                self._connection.execute(
                    "UPDATE fauna_indexed SET height = ?, hash = ?, time_us = ?", (last.height, last.hash, time_us)
                )
        except BaseException:  # what is known here may be ahead of the file now
            self._targets.clear()
            self._current.clear()
            self._shadow.close(True)
            self._shadow = self._open_shadow()
            self._read_place()
            raise
        self.height, self.time_us = last.height, time_us

    def _take_some(self, height: int) -> tuple[Block, int]:
        """The last one that was taken in, and its time."""
        chain = self._chain()
        changes = time_us = 0
        last: Block | None = None
        for block in chain.blocks(self.height + 1, height):
            header = block.decoded()
            time_us = header.time_us
            once = block.payload != IN_PARTS and header.schema != header.height  # each row changes once
            pruned: set[str] = set()
            for encoded in chain.changes(block):
                change = decode_change(encoded)
                if change.kind == PRUNED:
                    pruned.add(change.table)
                else:
                    self._apply(change, time_us, once)
            for name in sorted(pruned):
                self._begin_after_pruned(name, header)
            changes += header.changes
            last = block
            if changes >= _CHANGES_AT_ONCE:
                break
        if last is None:
            raise Malformed(f"block {self.height + 1} is not in the chain")
        return last, time_us

    def _apply(self, change: Change, time_us: int, once: bool) -> None:
        kind = change.kind
        if kind == SCHEMA:
            self._define(change.statement, time_us)
            return
        if kind == RESET:
            for layout in self._layouts.get(change.table, ()):
                ended = self._target(layout)
                self._connection.execute(ended.forget_all, (time_us, CURRENT))
                self._connection.execute(ended.close_all, (time_us, CURRENT))
            return
        if change.table == _CATALOG:
            self.catalogs += 1
        target = self._current.get(change.table)
        if target is None:
            layouts = self._layouts.get(change.table)
            if not layouts:
                return  # a table whose making retention has taken out of the chain
            target = self._current[change.table] = self._target(layouts[-1])
        execute = self._execute
        if kind == UPDATE or kind == DELETE:
            before = change.row_before
            assert before is not None
            keys = [before[i] for i in target.key_positions] if target.key_positions else [change.key]
            if not once:
                execute(target.forget, (time_us, CURRENT, *keys))
            execute(target.close, (time_us, CURRENT, *keys))
        if kind in (INSERT, UPDATE, REWRITE):
            after = change.row_after
            assert after is not None
            execute(target.insert, (*after, time_us, CURRENT))

    # -- where retention has taken changes out

    def _begin_after_pruned(self, name: str, header: Header) -> None:
        """Changes of the table are missing in this block: if it is the last such, its versions begin here, with all its rows."""
        assert self._blocks_connection is not None
        found = self._blocks_connection.execute(_LAST_PRUNED, (name,)).fetchall()
        if not found:
            raise Malformed(f"block {header.height} lacks changes of table {name}, of which nothing is known to be pruned")
        if int(found[0][0]) != header.height:  # type: ignore[arg-type]
            return
        layouts = self._layouts.get(name, [])
        for table in {layout.table for layout in layouts}:
            self._connection.execute(f"DELETE FROM {table}")
        if not layouts or layouts[-1].row_end != CURRENT:
            return
        layout = layouts[-1]
        self._connection.execute(_TOUCHED)
        self._connection.execute("DELETE FROM temp.touched")
        dropped_us = self._touch(name, header.height, len(layout.columns))
        if dropped_us:
            self._lost[name] = dropped_us
            self._connection.execute("INSERT OR REPLACE INTO fauna_lost VALUES (?, ?)", (name, dropped_us))
            return
        self._connection.executemany(
            self._target(layout).insert, ((*row, header.time_us, CURRENT) for row in self._rows_then(layout))
        )

    def _touch(self, name: str, after: int, columns: int) -> int:
        """Note what was first done to each row in the blocks after that one.  The time at which the table was dropped; 0: it was
        not.  columns: how many it had then; ALTER adds some at the end, and writes every row anew."""
        chain = self._chain()
        for block in chain.blocks(after + 1, _LATEST):
            altered = False
            for encoded in chain.changes(block):
                change = decode_change(encoded)
                if change.kind == SCHEMA:
                    found = _TABLE.match(change.statement)
                    if found is not None and found[2] == name:
                        if found[1] == "DROP":
                            return block.decoded().time_us
                        altered = True
                elif change.table == name and change.kind != RESET:
                    before: bytes | None = change.before or None
                    if change.kind == REWRITE and altered:
                        row = change.row_after
                        assert row is not None
                        before = encode_row(row[:columns])
                    self._connection.execute(_TOUCH, (change.key, before))
        return 0

    def _rows_then(self, layout: Layout) -> Iterator[tuple[Stored, ...]]:
        """The rows of the table before everything that `_touch` has noted."""
        assert self._blocks_connection is not None
        columns = ", ".join(f'"{column}"' for column in layout.columns)
        for row in self._blocks_connection.cursor().execute(f'SELECT rowid, {columns} FROM "{layout.name}"'):
            if not self._connection.cursor().execute(_IS_TOUCHED, (row[0],)).fetchall():
                yield tuple(row[1:])
        for (encoded,) in self._connection.cursor().execute("SELECT row FROM temp.touched WHERE row IS NOT NULL"):
            yield decode_row(bytes(encoded))[0]

    # -- definitions

    def _define(self, statement: str, time_us: int) -> None:
        table, index, goes = _TABLE.match(statement), _INDEX.match(statement), _INDEX_GOES.match(statement)
        self._current.clear()
        if table is not None and not table[2].endswith("_guard"):
            self._remember(statement)
            verb, name = table.groups()
            known = self._layouts.setdefault(name, [])
            if known and known[-1].row_end == CURRENT and verb != "CREATE":
                self._end_layout(known, time_us)
            if verb != "DROP" and not (known and known[-1].row_end == CURRENT):
                self._begin_layout(name, known, time_us)
        elif index is not None:
            self._remember(statement)
            self._index(index[1], index[2])
        elif goes is not None and self._has_index(goes[1]):
            self._remember(statement)  # another may have its name; that of the versions stays, for they are found by it

    def _has_index(self, name: str) -> bool:
        """Whether it is one of those that are remembered: only unique ones are."""
        return bool(self._shadow.execute("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?", (name,)).fetchall())

    def _remember(self, statement: str) -> None:
        self._shadow.execute(statement)
        self._connection.execute("INSERT INTO fauna_schema (statement) VALUES (?)", (statement,))

    def _end_layout(self, known: list[Layout], time_us: int) -> None:
        layout = known[-1]
        known[-1] = Layout(layout.name, layout.columns, layout.row_start, time_us)
        self._connection.execute(
            "UPDATE fauna_layouts SET row_end = ? WHERE name = ? AND row_start = ?", (time_us, layout.name, layout.row_start)
        )

    def _begin_layout(self, name: str, known: list[Layout], time_us: int) -> None:
        stored = read_columns(self._shadow.execute, name).stored
        layout = Layout(name, tuple(column.name for column in stored), time_us, CURRENT)
        known.append(layout)
        self._connection.execute(
            "INSERT OR REPLACE INTO fauna_layouts VALUES (?, ?, ?, ?, ?)",
            (name, len(layout.columns), json.dumps(layout.columns), time_us, CURRENT),
        )
        columns = []
        for column in stored:
            collation = self._shadow.column_metadata("main", name, column.name)[1]
            collate = f" COLLATE {collation}" if collation != "BINARY" else ""
            columns.append(f'"{column.name}" {column.declared or "ANY"}{collate}')
        text = ", ".join([*columns, "row_start INTEGER NOT NULL", "row_end INTEGER NOT NULL"])
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {layout.table} ({text}) STRICT")
        keys = self._keys(layout)
        self._make_index(layout.table, keys)
        for row in self._shadow.execute(f'PRAGMA index_list("{name}")').fetchall():
            if row[3] == "c" and row[2]:
                self._index(str(row[1]), name)

    def _index(self, index: str, table: str) -> None:
        layouts = self._layouts.get(table)
        if not layouts:
            return
        columns = self._shadow.execute(f'PRAGMA index_xinfo("{index}")').fetchall()
        parts = [f'"{row[2]}"' for row in columns if row[5] and row[1] is not None and int(row[1]) >= 0]
        if len(parts) == sum(1 for row in columns if row[5]) and all(part.strip('"') in layouts[-1].columns for part in parts):
            self._make_index(layouts[-1].table, parts)

    def _make_index(self, table: str, parts: Sequence[str]) -> None:
        """Named by its columns: an index of the table may get the name that one of other columns had."""
        name = "_".join([table, *(part.strip('"') for part in parts)])
        columns = ", ".join([*parts, "row_end", "row_start"])
        self._connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ({columns})')

    def _keys(self, layout: Layout) -> list[str]:
        """The columns that name a row: the rowid's, or the primary key's; all, when it has neither."""
        return [f'"{name}"' for name in read_columns(self._shadow.execute, layout.name).key or layout.columns]

    def _target(self, layout: Layout) -> _Target:
        target = self._targets.get(layout.table)
        if target is None:
            keys = self._keys(layout) if layout.row_end == CURRENT else []
            table = layout.table
            condition = " AND ".join([f"{key} IS ?" for key in keys]) or "0"
            marks = ", ".join("?" * (len(layout.columns) + 2))
            rowid = read_columns(self._shadow.execute, layout.name).rowid
            positions = () if rowid else tuple(layout.columns.index(key.strip('"')) for key in keys)
            target = _Target(
                f"INSERT INTO {table} VALUES ({marks})",
                f"UPDATE {table} SET row_end = ? WHERE row_end = ? AND {condition}",
                f"DELETE FROM {table} WHERE row_start = ? AND row_end = ? AND {condition}",
                f"UPDATE {table} SET row_end = ? WHERE row_end = ?",
                f"DELETE FROM {table} WHERE row_start = ? AND row_end = ?",
                positions,
            )
            if layout.row_end == CURRENT:
                self._targets[table] = target
        return target
