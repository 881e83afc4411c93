"""One client in one Python process: point SELECT and autocommit INSERT, the same statements three ways."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.servers import Server

ROWS: Final = 10_000
CREATE: Final = "CREATE TABLE kv (id INT PRIMARY KEY, v VARCHAR(100) NOT NULL, n INT NOT NULL)"
VALUE: Final = "x" * 100


@dataclass(frozen=True)
class Loop:
    """How often one statement ran in a second, and the median and 99th percentile of one run of it."""

    name: str
    statement: str
    per_s: float
    p50_us: float
    p99_us: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _timed(name: str, statement: str, seconds: float, once: Callable[[int], object]) -> Loop:
    times: list[float] = []
    end = time.perf_counter() + seconds
    count = 0
    while (start := time.perf_counter()) < end:
        once(count)
        times.append(time.perf_counter() - start)
        count += 1
    times.sort()
    return Loop(
        name, statement, round(count / seconds, 1), round(times[count // 2] * 1e6, 1), round(times[count * 99 // 100] * 1e6, 1)
    )


def pymysql_on(server: Server, seconds: float) -> list[Loop]:
    name = f"PyMySQL on {server.name}"
    with server.database("loops"), server.connect(database="loops") as connection, connection.cursor() as cursor:
        cursor.execute(CREATE)
        cursor.executemany("INSERT INTO kv VALUES (%s, %s, %s)", [(i, VALUE, i) for i in range(ROWS)])

        def select(_: int) -> None:
            cursor.execute("SELECT v FROM kv WHERE id = %s", (random.randrange(ROWS),))
            assert cursor.fetchone()

        def insert(i: int) -> None:
            cursor.execute("INSERT INTO kv VALUES (%s, %s, %s)", (ROWS + i, VALUE, i))

        return [_timed(name, "point select", seconds, select), _timed(name, "insert", seconds, insert)]


def fauna_embedded(seconds: float) -> list[Loop]:
    from fauna import database

    with tempfile.TemporaryDirectory(prefix="fauna-bench-") as directory:
        db = database.connect(path=f"{directory}/data", database="loops")
        try:
            db.query(CREATE)
            with db.transaction() as tx:
                for i in range(ROWS):
                    tx.query("INSERT INTO kv VALUES (%s, %s, %s)", (i, VALUE, i))

            def select(_: int) -> None:
                assert list(db.query("SELECT v FROM kv WHERE id = %s", (random.randrange(ROWS),)))

            def insert(i: int) -> None:
                db.query("INSERT INTO kv VALUES (%s, %s, %s)", (ROWS + i, VALUE, i))

            return [
                _timed("fauna embedded", "point select", seconds, select),
                _timed("fauna embedded", "insert", seconds, insert),
            ]
        finally:
            db.close()


def raw_sqlite(seconds: float) -> list[Loop]:
    """apsw without anything of ours; WAL, synchronous=FULL, so that each commit is on disk."""
    import apsw

    with tempfile.TemporaryDirectory(prefix="fauna-bench-") as directory:
        connection = apsw.Connection(str(Path(directory) / "raw.db"))
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL").fetchall()
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("CREATE TABLE kv (id INTEGER PRIMARY KEY, v TEXT NOT NULL, n INTEGER NOT NULL) STRICT")
            with connection:
                cursor.executemany("INSERT INTO kv VALUES (?, ?, ?)", [(i, VALUE, i) for i in range(ROWS)])

            def select(_: int) -> None:
                assert cursor.execute("SELECT v FROM kv WHERE id = ?", (random.randrange(ROWS),)).fetchall()

            def insert(i: int) -> None:
                cursor.execute("INSERT INTO kv VALUES (?, ?, ?)", (ROWS + i, VALUE, i))

            return [
                _timed("raw SQLite", "point select", seconds, select),
                _timed("raw SQLite", "insert", seconds, insert),
            ]
        finally:
            connection.close()
