"""AS OF is the state that was recorded at that moment: random times and queries, beside writers and definitions."""

from __future__ import annotations

import random
import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.servers import Server, faunadb

WRITERS = 4
READERS = 2
DEFINITIONS = (
    "ALTER TABLE {0} ADD COLUMN c INT DEFAULT 7",
    "ALTER TABLE {0} DROP COLUMN c",
    "ALTER TABLE {0} MODIFY a BIGINT",
    "ALTER TABLE {0} ADD UNIQUE KEY (b)",
    "ALTER TABLE {0} DROP KEY b",
    "TRUNCATE TABLE {0}",
)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Moment:
    """From `since` to `until` the table has had these rows."""

    since: datetime
    until: datetime
    rows: tuple[Row, ...]

    def any_time(self, dice: random.Random) -> datetime:
        return self.since + timedelta(microseconds=dice.randint(0, round((self.until - self.since) / timedelta(microseconds=1))))


@dataclass
class Book:
    """What a table's only writer has seen, in the order of time."""

    table: str
    moments: list[Moment] = field(default_factory=list)

    def at(self, time: datetime) -> Moment | None:
        """The moment that includes a time; None: something was being written just then."""
        place = bisect_right([each.since for each in self.moments], time)
        found = self.moments[place - 1] if place else None
        return found if found is not None and time <= found.until else None


def write(server: Server, book: Book, steps: int, seed: int) -> None:
    dice = random.Random(seed)
    table = book.table
    with server.connect(database="d", autocommit=True) as connection, connection.cursor() as cursor:

        def ask(sql: str) -> list[Row]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        def attempt(sql: str) -> None:
            try:
                ask(sql)
            except Exception as problem:
                assert problem.args[0] in (1062, 1060, 1061, 1091), problem  # the state is read again in any case

        ask(f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT, b VARCHAR(20))")
        for step in range(steps):
            key = dice.randint(1, 20)
            if step % 12 == 11:
                attempt(dice.choice(DEFINITIONS).format(table))
            else:
                attempt(dice.choice([
                    f"INSERT INTO {table} (id, a, b) VALUES ({key}, {step}, 'b{step}') ON DUPLICATE KEY UPDATE a = {step}",
                    f"INSERT INTO {table} (id, a, b) VALUES ({key + 20}, {step}, 'é{step}')",
                    f"REPLACE INTO {table} (id, a, b) VALUES ({key}, {step}, 'r{step}'), ({key + 1}, {step}, NULL)",
                    f"UPDATE {table} SET a = a + 1 WHERE id < {key}",
                    f"DELETE FROM {table} WHERE id = {key}",
                ]))  # fmt: skip
            [(since,)] = ask("SELECT NOW(6)")
            rows = ask(f"SELECT * FROM {table} ORDER BY id")
            [(until,)] = ask("SELECT NOW(6)")
            book.moments.append(Moment(since, until, tuple(rows)))


def check(server: Server, books: list[Book], pairs: int, seed: int, asked: list[int]) -> None:
    """Compare so many random (time, query) pairs; raises where an answer is another."""
    dice = random.Random(seed)
    with server.connect(database="d", autocommit=True) as connection, connection.cursor() as cursor:

        def ask(sql: str) -> list[Row]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        while asked[0] < pairs:
            book, other = dice.sample(books, 2)
            if not book.moments:
                continue
            moment = dice.choice(book.moments)
            time = moment.any_time(dice)
            clause = f"FOR SYSTEM_TIME AS OF TIMESTAMP '{time:%Y-%m-%d %H:%M:%S.%f}'"
            past, rows = f"{book.table} {clause}", moment.rows
            beside = other.at(time)
            kind = dice.randrange(6)
            if kind == 0:
                sql, expected = f"SELECT * FROM {past} ORDER BY id", list(rows)
            elif kind == 1:
                key = dice.randint(1, 40)
                sql, expected = f"SELECT * FROM {past} WHERE id = {key}", [row for row in rows if row[0] == key]
            elif kind == 2:
                sql, expected = f"SELECT COUNT(*), COUNT(b), MAX(id) FROM {past}", [
                    (len(rows), sum(row[2] is not None for row in rows), max((row[0] for row in rows), default=None))
                ]  # fmt: skip
            elif kind == 3:
                word = dice.choice([row[2] for row in rows] or ["x"]) or "x"
                sql, expected = (
                    f"SELECT id FROM {past} WHERE b = '{word}' ORDER BY id",
                    [(row[0],) for row in rows if row[2] == word],
                )
            elif kind == 4 and beside is not None:
                sql = f"SELECT x.id, y.a FROM {book.table} {clause} x JOIN {other.table} {clause} y ON y.id = x.id ORDER BY x.id"
                values = {row[0]: row[1] for row in beside.rows}
                expected = [(row[0], values[row[0]]) for row in rows if row[0] in values]
            else:
                variable = f"system_versioning_asof = '{time:%Y-%m-%d %H:%M:%S.%f}'"
                sql, expected = f"SET STATEMENT {variable} FOR SELECT * FROM {book.table} ORDER BY id DESC", list(rows[::-1])
            found = ask(sql)
            assert found == expected, f"{sql}\nfound    {found}\nexpected {expected}\nfrom {moment.since} to {moment.until}"
            asked[0] += 1


def run(shards: int, steps: int, pairs: int) -> None:
    books = [Book(f"w{number}") for number in range(WRITERS)]
    problems: list[BaseException] = []

    def guarded(work: Any, *args: Any) -> threading.Thread:
        def body() -> None:
            try:
                work(*args)
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    with faunadb.start("--shards", str(shards)) as server:
        server.query("CREATE DATABASE d")
        writers = [guarded(write, server, book, steps, seed) for seed, book in enumerate(books)]
        counts = [[0] for _ in range(READERS)]
        readers = [guarded(check, server, books, pairs // 2, 100 + i, counts[i]) for i in range(READERS)]
        for thread in writers + readers:
            thread.join()
        if problems:
            raise problems[0]
        assert sum(len(book.moments) for book in books) == WRITERS * steps
        server.kill()  # what was is on disk
        server.restart()
        check(server, books, pairs // 4, 7, [0])


@pytest.mark.parametrize("shards", [1, 4])
def test_as_of_is_what_was(shards: int) -> None:
    run(shards, steps=40, pairs=200)


@pytest.mark.long
@pytest.mark.parametrize("shards", [1, 4])
def test_as_of_is_what_was_long(shards: int) -> None:
    run(shards, steps=600, pairs=8_000)
