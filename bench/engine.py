"""What one call to the embedded engine costs: `python bench/engine.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

import apsw

from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, TableAccess

ROWS = 100_000


def measure(label: str, count: int, call: Callable[[int], object]) -> None:
    for index in range(count // 10):
        call(index)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for index in range(count):
            call(index)
        best = min(best, (time.perf_counter() - start) / count)
    print(f"{label:58} {best * 1e6:8.2f} µs")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as path:
        directory = DataDirectory(path)
        shard = SqliteShard(directory, sync=lambda descriptor: None)
        branch = shard.begin(Isolation.READ_COMMITTED)
        branch.execute_ddl(
            [
                ("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 INTEGER NOT NULL, c2 TEXT NOT NULL) STRICT", ()),
                ("CREATE INDEX i1 ON t1 (c1)", ()),
            ]
        )
        branch.write_many("INSERT INTO t1 VALUES (?, ?, ?)", ((row, row % 1000, "x" * 120) for row in range(ROWS)))
        branch.commit().wait()
        point = "SELECT c2 FROM t1 WHERE c0 = ?"
        update = "UPDATE t1 SET c1 = c1 + 1 WHERE c0 = ?"

        raw = apsw.Connection(str(shard.path)).cursor().execute
        measure("apsw alone: point query", 50_000, lambda i: raw(point, (i,)).fetchall())
        measure("point query, inline", 50_000, lambda i: shard.autocommit_query(point, (i,), inline=True))
        measure("point query, pooled", 50_000, lambda i: shard.autocommit_query(point, (i,), inline=False))
        measure(
            "range of 100 rows, inline",
            10_000,
            lambda i: shard.autocommit_query("SELECT c2 FROM t1 WHERE c0 BETWEEN ? AND ?", (i, i + 99), inline=True),
        )

        def autocommit_write(i: int) -> None:
            branch = shard.begin(Isolation.READ_COMMITTED)
            branch.write(update, (i,), inline=True)
            branch.commit().wait()

        measure("autocommit update, no sync", 5_000, autocommit_write)

        def read_transaction(i: int) -> None:
            branch = shard.begin(Isolation.REPEATABLE_READ)
            for step in range(10):
                branch.query(point, (i + step,), [TableAccess("t1", i + step, i + step)], inline=True)
            branch.commit()

        measure("REPEATABLE READ: 10 point queries and commit", 5_000, read_transaction)

        def write_transaction(i: int) -> None:
            branch = shard.begin(Isolation.REPEATABLE_READ)
            for step in range(10):
                branch.query(point, (i + step,), [TableAccess("t1", i + step, i + step)], inline=True)
            for step in range(4):
                branch.write(update, (i + step,), inline=True)
            branch.commit().wait()

        measure("REPEATABLE READ: 10 point queries, 4 updates, no sync", 2_000, write_transaction)
        shard.close()

        synced = SqliteShard(directory)
        shard = synced
        measure("autocommit update, synced", 500, autocommit_write)
        shard.close()
        directory.close()


if __name__ == "__main__":
    main()
