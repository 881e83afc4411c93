"""A history store for tests: real history tables in a file beside each shard, written when the test says that time has passed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import apsw

from fauna.catalog.schema import Catalog, Table
from fauna.catalog.sqlite_schema import ROWID, collate_clause, storage_class
from fauna.errors import error
from fauna.node import Node, configure
from fauna.session.past import microseconds
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.sql.convert.timestamp import timestamp_to_utc

FOREVER = (1 << 63) - 1


@dataclass(frozen=True)
class RecordedLayout:
    """Implements `catalog.past.Layout`."""

    table: str
    columns: tuple[str, ...]
    row_start: int
    row_end: int


def us(text: str) -> int:
    """A time of day of 1 July 2024, in UTC."""
    assert timestamp_to_utc(f"2024-07-01 {text}", "UTC")
    return microseconds(f"2024-07-01 {text}", "UTC")


def kept_columns(table: Table) -> list[tuple[str, str]]:
    """Names and definitions of what a history table has of it."""
    columns = [] if table.rowid_column is not None else [(ROWID, f"{ROWID} INTEGER")]
    return columns + [
        (c.physical, f"{c.physical} {storage_class(c.sql_type)}{collate_clause(c.sql_type)}")
        for c in table.columns
        if not c.generated or c.stored
    ]


def names_of(table: Table) -> tuple[str, ...]:
    return tuple(name for name, _ in kept_columns(table))


class RecordedHistory:
    """Implements `catalog.past.History`.  behind: `is_ready` says no until `catch_up` has been called."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.behind = False
        self.caught_up: list[int] = []
        self._catalogs: list[tuple[int, Catalog]] = []
        self._layouts: dict[int, list[RecordedLayout]] = {}
        self._files = []
        for shard in node.shards:
            path = str(shard.path).replace(".db", ".recorded.db")
            self._files.append(apsw.Connection(path))
            self._files[-1].execute("PRAGMA journal_mode = WAL")
            configure(self._files[-1])
            self._attach_to(shard, path)
        node.history = self

    def _attach_to(self, shard: SqliteShard, path: str) -> None:
        def attached(handle: Handle) -> Handle:
            handle.connection.execute("ATTACH ? AS hist", (f"file:{path}?mode=ro",))  # BEGIN IMMEDIATE would lock it
            return handle

        attached(shard._inline)
        attached(shard.writer.handle)
        for handle in shard.pool._idle:
            attached(handle)
        open_reader = shard.pool._open_reader
        shard.pool._open_reader = lambda: attached(open_reader())

    def close(self) -> None:
        for file in self._files:
            file.close()

    def record(self, time: str) -> None:
        """What has been committed since the last time was committed at that time."""
        now = us(time)
        catalog = self.node.catalog
        if not self._catalogs or self._catalogs[-1][1].version != catalog.version:
            self._catalogs.append((now, catalog))
        live = {table.id: table for table in catalog.tables()}
        for table in live.values():
            self._add_layout(table, now)
        for table_id, layouts in self._layouts.items():
            table = live.get(table_id)
            for at, layout in enumerate(layouts):
                current = table is not None and layout.columns == names_of(table)
                if not current and layout.row_end == FOREVER:
                    layouts[at] = replace(layout, row_end=now)
                for number in range(len(self._files)):
                    self._compare(number, table_id, layout, now, current=current)

    def _add_layout(self, table: Table, now: int) -> None:
        columns = kept_columns(table)
        layouts = self._layouts.setdefault(table.id, [])
        if layouts and layouts[-1].columns == names_of(table):
            return
        definitions = ", ".join([text for _, text in columns] + ["row_start INTEGER", "row_end INTEGER"])
        key = table.rowid_column.physical if table.rowid_column is not None else ROWID
        name = f"h{table.id}_{len(columns)}"
        layouts.append(RecordedLayout(name, names_of(table), now, FOREVER))
        for file in self._files:
            file.execute(f"CREATE TABLE {name} ({definitions})")
            file.execute(f"CREATE INDEX {name}_key ON {name}({key}, row_end)")

    def _compare(self, number: int, table_id: int, layout: RecordedLayout, now: int, *, current: bool) -> None:
        file, names = self._files[number], ", ".join(layout.columns)
        name = layout.table
        rows = []
        if current:
            rows = list(self.node.shards[number].autocommit_query(f"SELECT {names} FROM t{table_id}", (), inline=False))
        kept = list(file.execute(f"SELECT {names}, rowid FROM {name} WHERE row_end = {FOREVER}"))
        for *values, rowid in kept:
            if tuple(values) not in rows:
                file.execute(f"UPDATE {name} SET row_end = ? WHERE rowid = ?", (now, rowid))
        known = {tuple(row[:-1]) for row in kept}
        for row in rows:
            if tuple(row) not in known:
                places = ", ".join("?" * (len(row) + 2))
                file.execute(f"INSERT INTO {name} VALUES ({places})", (*row, now, FOREVER))

    # ── what the node asks ──

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def catalog_at(self, time_us: int) -> Catalog:
        if time_us > self.last:
            raise error("UNKNOWN_ERROR", "a time in the future")
        found = [catalog for start, catalog in self._catalogs if start <= time_us]
        if not found:
            raise error("UNKNOWN_ERROR", "a time before the first block")
        return found[-1]

    last = FOREVER

    def layouts(self, table_id: int) -> list[RecordedLayout]:
        return self._layouts.get(table_id, [])

    def check_kept(self, table_id: int, time_us: int) -> None:
        """Everything is."""

    def is_ready(self, time_us: int) -> bool:
        return not self.behind

    def catch_up(self, time_us: int) -> None:
        self.behind = False
        self.caught_up.append(time_us)
