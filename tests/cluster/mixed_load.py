"""A data directory with a bit of everything in it: types, collations, keys, definitions that change, several shards, XA, accounts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from fauna.client import embedded_link
from fauna.client.database import Database
from fauna.client.exceptions import Error
from fauna.node import Node
from fauna.settings import Settings

TABLES = (
    "CREATE TABLE people (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL, city VARCHAR(40) COLLATE utf8mb4_bin, "
    "born DATE, score DOUBLE, balance DECIMAL(12,2) NOT NULL DEFAULT 0, wide DECIMAL(40,10), note TEXT, "
    "loud VARCHAR(80) AS (UPPER(name)) VIRTUAL, KEY by_name (name), UNIQUE KEY by_city (city, id))",
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, person INT, total DECIMAL(10,2), state ENUM('new','paid','sent'), at DATETIME(3), "
    "qty INT, price FLOAT, cost DOUBLE AS (qty * price) STORED, KEY by_state (state, at), CHECK (qty >= 0))",
    "CREATE TABLE tags (word VARCHAR(20) PRIMARY KEY, n INT UNSIGNED, big BIGINT UNSIGNED, raw VARBINARY(30), bits BIT(9), j JSON)",
    "CREATE TABLE loose (a INT, b VARCHAR(10), c TIME(2), d YEAR) SINGLE",
    "CREATE TABLE everywhere (id INT PRIMARY KEY, v DOUBLE, w VARCHAR(10)) BROADCAST",
)
WORDS = ("Ann", "ann", "ÄRGER", "straße", "日本", "😀", "", "zebra", "O'Neil", "x" * 50, "Ω", "new\nline")


class Load:
    """What clients do, by dice; statements that fail are part of it."""

    def __init__(self, directory: Path, dice: random.Random, shards: int = 1) -> None:
        self.dice = dice
        self.settings = Settings(data=directory, shards=shards)
        self.directory = directory
        self.columns = 0
        self.names = 0
        self.open()

    def open(self) -> None:
        self.database = Database(embedded_link.open_link(self.directory, "shop", self.settings))

    @property
    def node(self) -> Node:
        link = self.database._link
        assert isinstance(link, embedded_link.EmbeddedLink)
        node: Node = link._session.node
        return node

    def close(self) -> None:
        self.database.close()

    def begin(self) -> None:
        for sql in TABLES:
            self.database.execute(sql)
        self.node.set_password("ann", "%", "secret")
        self.node.set_password("root", "%", "other")

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        dice = self.dice
        what: Callable[[], None] = dice.choices(
            (self._transaction, self._statement, self._xa, self._define, self._past, self._reopen, self._account, self._large),
            (30, 40, 5, 6, 5, 1, 1, 1),
        )[0]
        try:
            what()
        except Error:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")

    def know_past(self) -> None:
        """Row versions up to now."""
        node = self.node
        for shard in node.shards:
            shard.know_past(shard.time_us)

    def _transaction(self) -> None:
        self.database.execute("START TRANSACTION")
        for _ in range(self.dice.randint(1, 6)):
            if self.dice.random() < 0.15:
                self.database.execute("SAVEPOINT s")
                self._attempt()
                self.database.execute("ROLLBACK TO s")
            self._attempt()
        self.database.execute(self.dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))

    def _attempt(self) -> None:
        try:
            self._statement()
        except Error:
            pass

    def _statement(self) -> None:
        self.database.execute(self._sql())

    def _xa(self) -> None:
        self.names += 1
        name = f"'x{self.names if self.dice.random() < 0.8 else 1}'"
        self.database.execute(f"XA START {name}")
        for _ in range(self.dice.randint(0, 4)):
            self._attempt()
        self.database.execute(f"XA END {name}")
        self.database.execute(f"XA PREPARE {name}")
        self.database.execute(f"XA {self.dice.choice(('COMMIT', 'COMMIT', 'ROLLBACK'))} {name}")

    def _define(self) -> None:
        self.columns += 1
        n, table = self.columns, self.dice.choice(("people", "orders", "tags", "loose", "everywhere"))
        self.database.execute(self.dice.choice((
            f"ALTER TABLE {table} ADD COLUMN n{n} INT DEFAULT {n}",
            f"ALTER TABLE {table} ADD COLUMN f{n} DOUBLE NOT NULL DEFAULT {n}",
            f"ALTER TABLE {table} ADD COLUMN s{n} VARCHAR(9) DEFAULT 'ä' FIRST",
            f"ALTER TABLE {table} ADD COLUMN v{n} INT AS ({n} + 1) VIRTUAL",
            f"CREATE INDEX k{n} ON people (name(3), balance)",
            f"CREATE TABLE copy{n} AS SELECT * FROM {table}",
            f"DROP TABLE IF EXISTS copy{n - 1}",
            f"CREATE VIEW view{n} AS SELECT * FROM {table}",
            f"CREATE TEMPORARY TABLE temp{n} (a INT PRIMARY KEY, b VARCHAR(10), KEY (b))",
            f"CREATE SEQUENCE seq{n}",
            "TRUNCATE TABLE loose",
            "ANALYZE TABLE people",
            "ALTER TABLE people MODIFY note VARCHAR(300)",
            "RENAME TABLE loose TO looser, looser TO loose",
        )))  # fmt: skip

    def _past(self) -> None:
        self.know_past()

    def _reopen(self) -> None:
        if not self.database.in_transaction:
            self.close()
            self.open()

    def _account(self) -> None:
        self.node.set_password(f"user{self.dice.randint(1, 3)}", "%", str(self.dice.random()))

    def _large(self) -> None:
        self.database.execute(
            "INSERT INTO loose VALUES " + ", ".join(f"({i}, 'r{i % 7}', '10:11:12.5', 2000)" for i in range(3000))
        )
        self.database.execute("DELETE FROM loose WHERE a > 40")

    def _sql(self) -> str:
        dice = self.dice
        key, other, word = dice.randint(1, 60), dice.randint(1, 60), dice.choice(WORDS).replace("'", "''")
        number = dice.choice(("0", "-0.0", "1", "2.5", "1e300", "-7", "NULL", "0.1"))
        return dice.choice((
            f"INSERT INTO people (name, city, born, score, balance, wide, note) VALUES ('{word}', '{word}', '2001-02-03', {number}, {key}.25, "
            f"12345678901234567890.{other}, '{word * dice.choice((1, 40))}'), ('{word}', NULL, NULL, 3, 1, NULL, NULL)",
            f"INSERT INTO orders (id, person, total, state, at, qty, price) VALUES ({key}, {other}, {key}.5, 'paid', '2024-01-02 03:04:05.678', {other}, {number})",
            f"REPLACE INTO orders (id, person, qty, price) VALUES ({key}, {other}, {key}, 1)",
            f"UPDATE orders SET state = 'sent', qty = qty - 5 WHERE id BETWEEN {min(key, other)} AND {max(key, other)}",
            f"UPDATE orders SET id = {other} WHERE id = {key}",
            f"UPDATE orders SET price = {number} WHERE id = {key}",
            f"UPDATE orders SET qty = qty WHERE id = {key}",
            f"DELETE FROM orders WHERE id = {key}",
            f"UPDATE people SET name = '{word}', balance = balance + 1, score = {number} WHERE id = {key}",
            f"UPDATE people SET balance = balance * 1 WHERE id > {key}",
            f"DELETE FROM people WHERE id = {key}",
            f"INSERT INTO tags VALUES ('{word[:9]}{key}', {key}, 18446744073709551615, x'00ff{key:02d}', b'1', '{{\"a\": {key}}}') "
            f"ON DUPLICATE KEY UPDATE n = n + 1, big = {other}",
            f"DELETE FROM tags WHERE n > {key}",
            f"INSERT INTO loose VALUES ({key}, '{word[:10]}', '11:12:13.25', 2024), ({key}, '{word[:10]}', '11:12:13.25', 2024)",
            f"UPDATE loose SET b = '{word[:10]}' WHERE a = {key}",
            f"REPLACE INTO everywhere VALUES ({key}, {number}, '{word[:10]}')",
            f"UPDATE everywhere SET v = v + 1 WHERE id > {key}",
        ))  # fmt: skip
