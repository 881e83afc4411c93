"""Clients that change rows and definitions, and a way to make all of them pause and to note what the database holds then."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fauna import database
from fauna.backup.restoring import LATEST, Restored, Until, restore
from fauna.client.database import Database
from fauna.client.exceptions import Error
from fauna.node import Node, open_shard
from fauna.settings import Settings

ACCOUNTS = 40
AMOUNT = 100
WRITERS = 3
KEEPS = 1000  # rows of `note` at most

Content = dict[str, Any]


def content(node: Node) -> Content:
    """All rows and definitions of all shards, as the engine has them."""
    found: Content = {}
    for shard in node.shards:

        def rows(sql: str, shard: Any = shard) -> list[Any]:
            return list(shard.autocommit_query(sql, (), inline=False))

        for name, kind, sql in rows("SELECT name, type, sql FROM sqlite_schema"):
            if name.startswith(("fauna_", "sqlite_", "definition_")):
                continue
            found[f"{shard.number} {name}"] = sql
            if kind == "table":
                without_rowid = rows(f"SELECT 1 FROM pragma_table_list('{name}') WHERE wr")
                what = "*" if without_rowid else "rowid, *"
                found[f"{shard.number} {name} rows"] = sorted(rows(f'SELECT {what} FROM "{name}"'), key=repr)
    return found


def heads(node: Node) -> list[tuple[int, bytes]]:
    return [(shard.writer.sealer.height, shard.writer.sealer.hash) for shard in node.shards if shard.writer.sealer is not None]


@dataclass
class Noted:
    """What the database held at a moment."""

    time_us: int
    content: Content = field(repr=False)
    heads: list[tuple[int, bytes]]


class Workload:
    """An embedded database with clients that write until `close`."""

    def __init__(self, path: Path, shards: int, seed: int) -> None:
        self.path = path
        self.seed = seed
        settings = Settings(data=path, shards=shards)
        self.db = database.connect(path=path, settings=settings)
        self.db.execute("CREATE DATABASE shop")
        self.db.execute("USE shop")
        self.db.execute("CREATE TABLE account (id INT PRIMARY KEY, amount INT NOT NULL)")
        self.db.execute_many("INSERT INTO account VALUES (%s, %s)", [(n, AMOUNT) for n in range(ACCOUNTS)])
        self.db.execute(
            "CREATE TABLE note (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(200), n DOUBLE, twice INT AS (id * 2) VIRTUAL, "
            "KEY (text))"
        )
        self.db.execute("CREATE TABLE tag (name VARCHAR(20) PRIMARY KEY, uses DECIMAL(30, 2), data BLOB)")
        self.db.execute("CREATE TABLE log (what VARCHAR(20), n INT)")  # its rows have no key
        self._turns = [threading.Lock() for _ in range(WRITERS + 1)]
        self._closing = threading.Event()
        self.problems: list[BaseException] = []
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]
        self._threads.append(threading.Thread(target=self._define))
        for thread in self._threads:
            thread.start()

    @property
    def node(self) -> Node:
        node: Node = self.db._link._session.node  # type: ignore[attr-defined]
        return node

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for turn in self._turns:
                stack.enter_context(turn)
            yield

    def note(self) -> Noted:
        with self.paused():
            noted = Noted(time.time_ns() // 1000, content(self.node), heads(self.node))
        # Whatever comes next has a later time.
        assert noted.time_us >= max(
            shard.header(height).time_us for shard, (height, _) in zip(self.node.shards, noted.heads, strict=True)
        )  # type: ignore[union-attr]
        return noted

    def wait_for_commits(self, count: int) -> None:
        """Return when so many blocks more are there."""
        wanted = sum(shard.height for shard in self.node.shards) + count
        while sum(shard.height for shard in self.node.shards) < wanted and not self.problems:
            time.sleep(0.002)

    def stop(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.db.close()

    def _write(self, number: int) -> None:
        dice = random.Random(self.seed + number)
        self._run(number, lambda db: self._transaction(db, dice))

    def _define(self) -> None:
        dice = random.Random(self.seed - 1)
        made = iter(range(1 << 30))

        def once(db: Database) -> None:
            name = f"extra{next(made) % 3}"
            db.execute(f"DROP TABLE IF EXISTS {name}")
            db.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(10) DEFAULT 'x', UNIQUE KEY (v, id))")
            db.execute_many(f"INSERT INTO {name} (id) VALUES (%s)", [(n,) for n in range(dice.randrange(1, 30))])
            db.execute(f"ALTER TABLE {name} ADD COLUMN w INT NOT NULL DEFAULT {dice.randrange(100)}")

        self._run(WRITERS, once)

    def _run(self, number: int, once: Any) -> None:
        try:
            db = database.connect(path=self.path, database="shop")
            try:
                while not self._closing.is_set():
                    with self._turns[number]:
                        try:
                            once(db)
                        except Error as problem:
                            if problem.errno not in (1205, 1213, 1412):
                                raise
                            db.execute("ROLLBACK")
                    time.sleep(0)  # let the one that wants a pause have the lock
            finally:
                db.close()
        except BaseException as problem:
            self.problems.append(problem)

    def _transaction(self, db: Database, dice: random.Random) -> None:
        match dice.randrange(6):
            case 0 | 1:
                a, b = dice.sample(range(ACCOUNTS), 2)
                with db.transaction() as transaction:
                    transaction.execute("UPDATE account SET amount = amount - 1 WHERE id = %s", (a,))
                    transaction.execute("UPDATE account SET amount = amount + 1 WHERE id = %s", (b,))
            case 2:
                rows = [("ä" * dice.randrange(60), dice.random()) for _ in range(dice.randrange(1, 20))]
                db.execute_many("INSERT INTO note (text, n) VALUES (%s, %s)", rows)
                db.execute(f"DELETE FROM note ORDER BY id LIMIT {dice.randrange(15)}")
            case 3:
                db.execute(
                    "UPDATE note SET n = n + 1, text = CONCAT('b', LEFT(text, 20)) WHERE id %% %s = 0", (dice.randrange(1, 9),)
                )
            case 4:
                name = f"tag{dice.randrange(30)}"
                db.execute(
                    "INSERT INTO tag VALUES (%s, 1.25, %s) ON DUPLICATE KEY UPDATE uses = uses * 2.5, data = VALUES(data)",
                    (name, dice.randbytes(dice.randrange(200))),
                )
                if dice.random() < 0.3:
                    db.execute("DELETE FROM tag WHERE name = %s", (name,))
            case _:
                db.execute("INSERT INTO log VALUES (%s, %s)", ("x", dice.randrange(5)))
                if dice.random() < 0.2:
                    db.execute("DELETE FROM log WHERE n = %s", (dice.randrange(5),))


def opens(directory: Path) -> None:
    Node.open(directory, Settings(data=directory)).close()


def restored(source: Path, data: Path, until: Until = LATEST, **options: Any) -> Restored:
    return restore(source, data, open_shard, opens, until=until, **options)


@contextlib.contextmanager
def opened(data: Path) -> Iterator[Node]:
    node = Node.open(data, Settings(data=data))
    try:
        yield node
    finally:
        node.close()


def differences(found: Content, expected: Content) -> list[str]:
    return [
        f"{key}: {found.get(key)!r:.300} != {expected.get(key)!r:.300}"
        for key in sorted({*found, *expected})
        if found.get(key) != expected.get(key)
    ]
