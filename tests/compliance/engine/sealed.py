"""A shard by itself, what its chain says, and what it holds."""

from __future__ import annotations

import random
from pathlib import Path

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    KINDS,
    RESET,
    REWRITE,
    SCHEMA,
    UPDATE,
    decode_change,
    genesis,
)
from fauna.chain.merkle import leaf_hash, root_of
from fauna.shard.engines.sqlite.blocks import Block, BlockReader
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.replay import Replay
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Branch, Isolation, lock_now

Rows = dict[str, dict[int, tuple[Stored, ...]]]
RC = Isolation.READ_COMMITTED


_opened: list[Database] = []


class Database:
    """`close_all` closes it."""

    def __init__(self, path: Path, **settings: int) -> None:
        _opened.append(self)
        self.directory = DataDirectory(path)
        self.shard = SqliteShard(self.directory, settings=EngineSettings(**settings), threads=False)  # type: ignore[arg-type]
        self._connection = apsw.Connection(str(self.directory.shard_file(0)))
        self.reader = BlockReader(self._connection)

    def run(self, *statements: str, ddl: bool = False) -> None:
        branch = self.shard.begin(RC)
        lock_now(branch)
        if ddl:
            branch.execute_ddl([(sql, ()) for sql in statements])
        else:
            for sql in statements:
                branch.write(sql, ())
        branch.commit().wait()

    def blocks(self) -> list[Block]:
        return list(self.reader.blocks(1, 1 << 40))

    def told(self, height: int) -> list[tuple[str, str, int, object, object]]:
        """The changes of a block: kind, table, key, before, after."""
        block = next(self.reader.blocks(height, height))
        changes = [decode_change(change) for change in self.reader.changes(block)]
        return [(KINDS[c.kind], c.table, c.key, c.row_before or c.statement or None, c.row_after) for c in changes]

    def replayed(self) -> Rows:
        """What the chain says the rows are, having checked hashes, links, roots and that each change fits."""
        rows: Rows = {}
        previous = genesis("", 0)
        time_us = 0
        for block in self.blocks():
            header = block.decoded()
            assert header.previous == previous and header.height == block.height and header.time_us > time_us
            previous, time_us = block.hash, header.time_us
            changes = list(self.reader.changes(block))
            assert header.changes == len(changes) and header.root == root_of([leaf_hash(change) for change in changes])
            for each in changes:
                change = decode_change(each)
                table = rows.setdefault(change.table, {})
                if change.kind in (UPDATE, DELETE):
                    assert table.pop(change.key) == change.row_before
                if change.kind in (INSERT, UPDATE, REWRITE):
                    assert change.key not in table and change.row_after is not None
                    table[change.key] = change.row_after
                if change.kind == RESET:
                    table.clear()
                assert change.kind <= SCHEMA
        rows.pop("sqlite", None)
        return {table: found for table, found in rows.items() if found}

    def stored(self) -> Rows:
        rows: Rows = {}
        connection = apsw.Connection(str(self.directory.shard_file(0)))
        names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in names:
            if not name.startswith(("fauna_", "sqlite_")):
                columns = ", ".join(str(row[1]) for row in connection.execute(f"PRAGMA table_xinfo({name})") if row[6] != 2)
                found = connection.execute(f"SELECT rowid, {columns} FROM {name}").fetchall()
                rows[name] = {int(row[0]): tuple(row[1:]) for row in found}  # type: ignore[arg-type]
        return {table: found for table, found in rows.items() if found}

    def take_from(self, other: Database) -> None:
        replay = Replay(self.shard)
        for block in other.blocks():
            replay.apply(block.header, lambda block=block: other.reader.changes(block))  # type: ignore[misc]

    def past(self, time_us: int) -> Rows:
        """What the row versions say the rows were; keys from the first column."""
        versions = self.shard.versions
        rows: Rows = {}
        for name in ("t1", "t2", "t3"):
            for layout in versions.layouts(name):
                if layout.row_start <= time_us < layout.row_end:
                    columns = ", ".join(layout.columns)
                    sql = f"SELECT {columns} FROM {layout.table} WHERE row_start <= ?1 AND row_end > ?1"
                    found = versions.rows(sql, (time_us,))
                    rows[name] = {row[0]: row for row in found}
                    assert len(rows[name]) == len(found)
        return {table: found for table, found in rows.items() if found}

    def close(self) -> None:
        self._connection.close(True)
        self.shard.close()
        self.directory.close()


def close_all() -> None:
    """Close what a test has opened."""
    while _opened:
        _opened.pop().close()


def make_three_tables(database: Database) -> tuple[int, ...]:
    """t1, t2 with a unique column, t3 with a VIRTUAL one: what `write_at_random` writes to.  Their numbers."""
    tables = {1: "c1 TEXT, c2 TEXT", 2: "c1 TEXT UNIQUE, c2 TEXT", 3: "c1 TEXT, c2 TEXT, c3 TEXT AS (c1 || 'x')"}
    for number, columns in tables.items():
        database.run(f"CREATE TABLE t{number} (c0 INTEGER PRIMARY KEY, {columns})", ddl=True)
    return tuple(tables)


def write_at_random(branch: Branch, dice: random.Random) -> None:
    """One statement; it may fail, by a unique column."""
    table, key, other = f"t{dice.randint(1, 3)}", dice.randint(1, 9), dice.randint(1, 9)
    word = dice.choice(["a", "b", "c", "d" * 300])
    sql = dice.choice([
        f"INSERT INTO {table} (c0, c1) VALUES ({key}, '{word}{key}'), ({other}, '{word}{other}')",
        f"REPLACE INTO {table} (c0, c1) VALUES ({key}, '{word}')",
        f"UPDATE {table} SET c2 = '{word}' WHERE c0 >= {key}",
        f"UPDATE {table} SET c0 = {other} WHERE c0 = {key}",
        f"DELETE FROM {table} WHERE c0 = {key}",
    ])  # fmt: skip
    try:
        branch.write(sql, ())
    except Exception as failed:
        assert "UNIQUE" in str(failed), failed
