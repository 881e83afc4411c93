"""What the tests of followers share: waiting by position, comparing two databases, and changes of every kind."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pymysql

from fauna.catalog.ddl_plan import TEMPORARY_IDS
from fauna.node import configure
from tests.cluster.worker import Worker
from tests.servers import Server

CATCH_UP_S = 60.0
_UNSEALED = ("definition_count", "definition_script")


def heads(server: Server) -> dict[int, tuple[int, str, int]]:
    """Height, hash and time of the latest block, by shard."""
    return {row[0]: (row[1], row[2], row[3]) for row in server.query("CALL fauna.chain_heads()")}


def caught_up(source: Server, follower: Server) -> dict[int, tuple[int, str, int]]:
    """Return when the follower has everything that the source has now."""
    wanted = heads(source)
    deadline = time.monotonic() + CATCH_UP_S
    with contextlib.closing(follower.connect()) as connection, connection.cursor() as cursor:
        after = 0
        while time.monotonic() < deadline:
            cursor.execute("CALL fauna.chain_heads(%s, 1000)", (after,))
            found = {row[0]: row for row in cursor.fetchall()}
            if all(shard in found and found[shard][1] >= height for shard, (height, _, _) in wanted.items()):
                return wanted
            after = max(row[3] for row in found.values())
            if not follower.alive():
                break
        cursor.execute("SHOW SLAVE STATUS")
        raise AssertionError(f"the follower is not there after {CATCH_UP_S:g} s: {cursor.fetchall()}\n{follower.last_words()}")


def contents(path: Path) -> dict[str, Any]:
    """All that is sealed in a shard's file, its definitions, and its chain."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        configure(connection)
        schema = sorted(
            (str(name), str(sql)) for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
            if not str(name).startswith("sqlite_") and not _is_temporary(str(name))
        )  # fmt: skip
        found: dict[str, Any] = {"schema": schema}
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            if not str(name).startswith(("fauna_", "sqlite_")) and name not in _UNSEALED and not _is_temporary(str(name)):
                found[str(name)] = connection.execute(f'SELECT * FROM "{name}" NOT INDEXED').fetchall()
        found["chain"] = connection.execute("SELECT header FROM fauna_blocks ORDER BY height").fetchall()
        found["transactions"] = connection.execute("SELECT gtrid, height FROM fauna_transactions ORDER BY 1, 2").fetchall()
        return found
    finally:
        connection.close(True)


def _is_temporary(name: str) -> bool:
    number = "".join(letter for letter in name[1:].split("_")[0] if letter.isdigit())
    return bool(number) and int(number) >= TEMPORARY_IDS


def must_be_equal(source: Server, follower: Server) -> None:
    """Nobody writes to the source any more: every row, definition and block is the same."""
    for shard in caught_up(source, follower):
        ours, theirs = (contents(server.directory / f"shard-{shard}.db") for server in (source, follower))
        assert ours.keys() == theirs.keys()
        for name, rows in ours.items():
            assert theirs[name] == rows, f"shard {shard}, {name}"


@dataclass
class Changes(Worker):
    """Statements of every kind that changes something, one after another, until it is stopped or has done `count`."""

    server: Server
    seed: int
    prefix: str = "r"
    count: int = 1 << 30
    done: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    tables: int = 0

    def _run(self) -> None:
        dice = random.Random(self.seed)
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self.work(dice)

    def work(self, dice: random.Random) -> None:
        with contextlib.closing(self.server.connect(database="test")) as connection, connection.cursor() as cursor:
            while not self.stopping and self.done + self.refused < self.count:
                try:
                    self._step(cursor, dice)
                    self.done += 1
                except pymysql.MySQLError as problem:
                    if not self.server.alive() or problem.args[0] in (2006, 2013):
                        raise
                    self.refused += 1
                    self.problems.append(str(problem))
                    with contextlib.suppress(pymysql.MySQLError):
                        cursor.execute("ROLLBACK")

    def _table(self, dice: random.Random) -> str:
        return f"{self.prefix}{dice.randrange(max(self.tables, 1))}"

    def _step(self, cursor: Any, dice: random.Random) -> None:
        if self.tables < 4:
            self._create(cursor, dice)
            return
        dice.choices(
            (self._rows, self._transaction, self._define, self._create, self._xa, self._many, self._sequence),
            (30, 12, 6, 1, 3, 2, 2),
        )[0](cursor, dice)

    def _create(self, cursor: Any, dice: random.Random) -> None:
        kind = dice.choice((
            "id INT PRIMARY KEY AUTO_INCREMENT, a INT, s VARCHAR(200), d DECIMAL(20,4), UNIQUE KEY (id, s)",
            "id BIGINT PRIMARY KEY, a INT, s VARCHAR(200), d DOUBLE, v INT AS (a * 2) VIRTUAL, w INT AS (a + 1) STORED, KEY (v)",
            "id INT, a INT, s TEXT, d DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), KEY (a)",
            "id INT PRIMARY KEY, a INT UNIQUE, s VARCHAR(200) COLLATE utf8mb4_bin, d BLOB",
            "id VARCHAR(20) PRIMARY KEY, a INT, s JSON, d TIME",
        ))  # fmt: skip
        placed = dice.choice(("", "", "", " BROADCAST", " SINGLE"))
        cursor.execute(f"CREATE TABLE {self.prefix}{self.tables} ({kind}){placed}")
        self.tables += 1

    def _rows(self, cursor: Any, dice: random.Random) -> None:
        table, number, other = self._table(dice), dice.randrange(300), dice.randrange(300)
        text = dice.choice(("'x'", "'ÄÖ ß'", "'\"quoted\"'", "NULL", f"'{number}'", "'\"" + "long" * 40 + "\"'"))
        cursor.execute(dice.choice((
            f"INSERT INTO {table} (id, a, s) VALUES ({number}, {other}, {text})",
            f"INSERT INTO {table} (id, a) VALUES ({number}, {number}), ({other + 300}, {other + 300}), ({number + 600}, NULL)",
            f"INSERT INTO {table} (id, a) VALUES ({number}, {other}) ON DUPLICATE KEY UPDATE a = a + 1",
            f"REPLACE INTO {table} (id, a, s) VALUES ({number}, {other}, {text})",
            f"UPDATE {table} SET a = a + 1000 WHERE id = {number}",
            f"UPDATE {table} SET s = {text} WHERE id < {number}",
            f"UPDATE {table} SET id = id + 1000 WHERE id = {number}",
            f"DELETE FROM {table} WHERE id = {number}",
            f"DELETE FROM {table} WHERE a > {other * 5} LIMIT 3",
        )))  # fmt: skip

    def _transaction(self, cursor: Any, dice: random.Random) -> None:
        cursor.execute("BEGIN")
        for step in range(dice.randint(1, 6)):
            self._rows(cursor, dice)
            if dice.random() < 0.2:
                cursor.execute(f"SAVEPOINT s{step}")
                self._rows(cursor, dice)
                cursor.execute(f"ROLLBACK TO s{step}")
        cursor.execute(dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))

    def _xa(self, cursor: Any, dice: random.Random) -> None:
        xid = f"'{self.prefix}{self.done}'"
        cursor.execute(f"XA START {xid}")
        try:
            for _ in range(3):
                self._rows(cursor, dice)
            cursor.execute(f"XA END {xid}")
            cursor.execute(f"XA PREPARE {xid}")
        except pymysql.MySQLError:
            for end in ("END", "ROLLBACK"):
                with contextlib.suppress(pymysql.MySQLError):
                    cursor.execute(f"XA {end} {xid}")
            raise
        cursor.execute(f"XA {dice.choice(('COMMIT', 'COMMIT', 'ROLLBACK'))} {xid}")

    def _many(self, cursor: Any, dice: random.Random) -> None:
        table, first = self._table(dice), 10_000 + 400 * self.done
        cursor.execute(f"INSERT INTO {table} (id, a) VALUES " + ", ".join(f"({first + i}, {first + i})" for i in range(400)))

    def _sequence(self, cursor: Any, dice: random.Random) -> None:
        cursor.execute(f"CREATE SEQUENCE IF NOT EXISTS {self.prefix}_q")
        cursor.execute(f"SELECT NEXTVAL({self.prefix}_q)")

    def _define(self, cursor: Any, dice: random.Random) -> None:
        table, number = self._table(dice), dice.randrange(5)
        cursor.execute(dice.choice((
            f"ALTER TABLE {table} ADD COLUMN n{number} INT DEFAULT {number}",
            f"ALTER TABLE {table} DROP COLUMN n{number}",
            f"ALTER TABLE {table} MODIFY a BIGINT",
            f"ALTER TABLE {table} RENAME COLUMN n{number} TO n{number + 5}",
            f"CREATE INDEX i{number} ON {table} (a, id)",
            f"DROP INDEX i{number} ON {table}",
            f"CREATE OR REPLACE VIEW {self.prefix}_view AS SELECT id, a FROM {table}",
            f"TRUNCATE TABLE {table}",
            f"RENAME TABLE {table} TO {table}_x, {table}_x TO {table}",
            f"CREATE TABLE IF NOT EXISTS {table}_copy AS SELECT id, a FROM {table}",
            f"DROP TABLE IF EXISTS {table}_copy",
            f"ALTER TABLE {table} ADD CONSTRAINT CHECK (a IS NULL OR a < 1000000000)",
            f"CREATE TEMPORARY TABLE t_{self.prefix}{self.done} (a INT)",
        )))  # fmt: skip
