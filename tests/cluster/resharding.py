"""Clients that write and read while slots move: each knows what its rows must be, and tells of every answer that is wrong.

python -m tests.cluster.resharding --rows 1000000 --kills 10     as much as wanted, with a report
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pymysql

from tests.cluster import bank
from tests.cluster.worker import Worker
from tests.servers import Server, faunadb

RETRYABLE: Final = frozenset({1205, 1213, 1020})
GONE: Final = frozenset({0, 2006, 2013, 2003, 1053})
FIRST_OWN: Final = 10_000_000
TABLES: Final = (
    "CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL, n INT NOT NULL, UNIQUE KEY (name))",
    "CREATE TABLE orders (id INT, user_id BIGINT, total DECIMAL(8,2), PRIMARY KEY (id, user_id)) PARTITION BY KEY (user_id)",
    "CREATE TABLE event (at INT, what VARCHAR(20))",
    "CREATE TABLE color (id INT PRIMARY KEY, name VARCHAR(20)) BROADCAST",
)


def fill(server: Server, rows: int) -> None:
    """`rows` items, 500 orders, 500 events, 3 colors, and a bank."""
    server.query("CREATE DATABASE test")
    bank.open_bank(server)
    with server.connect(database="test") as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(table)
        for first in range(0, rows, 1000):
            values = ",".join(f"({i},'item {i}',0)" for i in range(first, min(first + 1000, rows)))
            cursor.execute(f"INSERT INTO item VALUES {values}")
        cursor.execute("INSERT INTO orders VALUES " + ",".join(f"({i},{i % 40},{i}.50)" for i in range(500)))
        cursor.execute("INSERT INTO event VALUES " + ",".join(f"({i},'event {i}')" for i in range(500)))
        cursor.execute("INSERT INTO color VALUES (1,'red'),(2,'green'),(3,'blue')")


@dataclass
class Actor(Worker):
    """wrong: answers that cannot be; refused: retryable errors; slowest_s: of one statement."""

    server: Server
    number: int
    rows: int
    seed: int
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    done: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    begun: float = field(default_factory=time.monotonic)

    def _run(self) -> None:
        dice = random.Random(f"{self.seed} {self.done}")
        with contextlib.suppress(OSError):
            try:
                with self.server.connect(database="test", autocommit=True) as connection, connection.cursor() as cursor:
                    while not self.stopping:
                        try:
                            self.once(cursor, dice)
                            self.done += 1
                        except pymysql.MySQLError as problem:
                            if problem.args[0] not in RETRYABLE:
                                raise
                            self.refused += 1
                            connection.rollback()
            except pymysql.MySQLError as problem:
                if problem.args[0] not in GONE:
                    self.wrong.append(f"error {problem.args}")

    def ask(self, cursor: Any, sql: str, args: Any = ()) -> tuple[tuple[Any, ...], ...]:
        begun = time.monotonic()
        cursor.execute(sql, args)
        took_s = time.monotonic() - begun
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, f"{sql} {args} at {time.monotonic() - self.begun:.1f} s"
        return tuple(cursor.fetchall())

    def expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found!r}, not {expected!r}")

    def once(self, cursor: Any, dice: random.Random) -> None:
        raise NotImplementedError


@dataclass
class Writer(Actor):
    """Its own items (id % writers = its number) are counted up; its own rows come and go."""

    writers: int = 1
    counts: dict[int, int] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    unsure: dict[int, int] = field(default_factory=dict)  # id -> how many increments may or may not be there
    unsure_own: set[int] = field(default_factory=set)
    taken: int = 0

    def once(self, cursor: Any, dice: random.Random) -> None:
        mine = dice.randrange(self.number, self.rows, self.writers)
        choice = dice.randrange(6)
        if choice < 2:
            self.unsure[mine] = self.unsure.get(mine, 0) + 1
            self.ask(cursor, "UPDATE item SET n = n + 1 WHERE id = %s", (mine,))
            self.counted(mine)
        elif choice == 2:
            other = dice.randrange(self.number, self.rows, self.writers)
            self._two(cursor, mine, other, dice)
        elif choice == 3:
            self.taken += 1
            number = FIRST_OWN + self.taken * self.writers + self.number
            self.unsure_own.add(number)
            self.ask(cursor, "INSERT INTO item VALUES (%s, %s, 0)", (number, f"own {number}"))
            self.own.add(number)
            self.unsure_own.discard(number)
        elif choice == 4 and self.own:
            number = dice.choice(sorted(self.own))
            self.own.discard(number)
            self.unsure_own.add(number)
            self.ask(cursor, "DELETE FROM item WHERE id = %s", (number,))
            self.expect(f"rows deleted of item {number}", cursor.rowcount, 1)
            self.unsure_own.discard(number)
        else:
            self._names(cursor, mine)

    def counted(self, number: int) -> None:
        self.counts[number] = self.counts.get(number, 0) + 1
        self.unsure[number] -= 1

    def _two(self, cursor: Any, one: int, other: int, dice: random.Random) -> None:
        level = dice.choice(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
        self.ask(cursor, f"SET TRANSACTION ISOLATION LEVEL {level}")
        self.ask(cursor, "START TRANSACTION")
        for number in (one, other):
            self.ask(cursor, "UPDATE item SET n = n + 1 WHERE id = %s", (number,))
            self.expect(f"rows of item {number} updated in a transaction", cursor.rowcount, 1)
        for number in (one, other):
            self.unsure[number] = self.unsure.get(number, 0) + 1
        try:
            self.ask(cursor, "COMMIT")
        except pymysql.MySQLError as problem:
            if problem.args[0] in RETRYABLE:
                for number in (one, other):
                    self.unsure[number] -= 1
            raise
        for number in (one, other):
            self.counted(number)

    def _names(self, cursor: Any, number: int) -> None:
        """A name that is taken stays taken, wherever its row is."""
        new = FIRST_OWN * 2 + self.number
        try:
            self.ask(cursor, "INSERT INTO item VALUES (%s, %s, 0)", (new, f"item {number}"))
            self.wrong.append(f"the name 'item {number}' was taken twice")
        except pymysql.MySQLError as problem:
            if problem.args[0] != 1062:
                raise


@dataclass
class Reader(Actor):
    """Answers that do not depend on what is written."""

    def once(self, cursor: Any, dice: random.Random) -> None:
        number = dice.randrange(self.rows)
        found = self.ask(cursor, "SELECT name FROM item WHERE id = %s", (number,))
        self.expect(f"item {number}", found, ((f"item {number}",),))
        found = self.ask(cursor, "SELECT id FROM item WHERE name = %s", (f"item {number}",))
        self.expect(f"by name, {number}", found, ((number,),))
        first = dice.randrange(max(1, self.rows - 200))
        last = min(first + 199, self.rows - 1)
        found = self.ask(cursor, "SELECT COUNT(*), SUM(id) FROM item WHERE id BETWEEN %s AND %s", (first, last))
        self.expect(f"items {first} to {last}", found, ((last - first + 1, sum(range(first, last + 1))),))
        user = dice.randrange(40)
        found = self.ask(cursor, "SELECT COUNT(*) FROM orders WHERE user_id = %s", (user,))
        self.expect(f"orders of {user}", found, ((sum(i % 40 == user for i in range(500)),),))
        self.expect("events", self.ask(cursor, "SELECT COUNT(*), SUM(at) FROM event"), ((500, sum(range(500))),))
        self.expect("colors", self.ask(cursor, "SELECT COUNT(*) FROM color"), ((3,),))
        self.ask(cursor, "START TRANSACTION")
        total = bank.ACCOUNTS * bank.START_AMOUNT
        self.expect("the bank", self.ask(cursor, "SELECT SUM(amount) FROM account"), ((total,),))
        by_row = sum(self.ask(cursor, "SELECT amount FROM account WHERE id = %s", (i,))[0][0] for i in range(bank.ACCOUNTS))
        self.expect("the bank, row by row", by_row, total)
        self.expect("items by one and by all", self.ask(cursor, "SELECT SUM(n) FROM item WHERE id < 300"), self._by_one(cursor))
        self.ask(cursor, "COMMIT")

    def _by_one(self, cursor: Any) -> tuple[tuple[Any, ...], ...]:
        count = min(300, self.rows)
        found = [self.ask(cursor, "SELECT n FROM item WHERE id = %s", (i,)) for i in range(count)]
        return ((sum(rows[0][0] if rows else -1_000_000 for rows in found),),)


@dataclass
class Load:
    server: Server
    rows: int
    seed: int
    writers: list[Writer] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    clients: list[bank.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = 4
        self.writers = [Writer(self.server, i, self.rows, self.seed + i, writers=count) for i in range(count)]
        self.readers = [Reader(self.server, i, self.rows, self.seed + i) for i in range(2)]
        self.clients = [bank.Client(self.server, i, self.seed + i) for i in range(3)]

    @property
    def actors(self) -> list[Actor]:
        return [*self.writers, *self.readers]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        for actor in (*self.actors, *self.clients):
            actor.start()
        try:
            yield
        finally:
            for actor in (*self.actors, *self.clients):
                actor.join()

    def audit(self) -> None:
        """Nobody had a wrong answer; what was acknowledged is there, once; what was not is there whole or not at all."""
        wrong = [text for actor in self.actors for text in actor.wrong]
        assert not wrong, wrong[:10]
        bank.audit(self.server, self.clients)
        with self.server.connect(database="test") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, n FROM item WHERE n <> 0 OR id >= %s", (FIRST_OWN,))
            found = dict(cursor.fetchall())
            cursor.execute("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT name) FROM item WHERE id < %s", (FIRST_OWN,))
            assert cursor.fetchone() == (self.rows,) * 3
        for writer in self.writers:
            for number, count in writer.counts.items():
                assert count <= found.get(number, 0) <= count + writer.unsure.get(number, 0), (number, count, found.get(number))
            there = {number for number in found if number >= FIRST_OWN and number % writer.writers == writer.number}
            assert writer.own - there == set(), "acknowledged, then lost"
            assert there - writer.own <= writer.unsure_own, "deleted, and there again"

    def report(self) -> str:
        done = sum(actor.done for actor in self.actors)
        refused = sum(actor.refused for actor in self.actors) + sum(client.refused for client in self.clients)
        slowest = max(self.writers, key=lambda writer: writer.slowest_s)
        return (
            f"{done} rounds of readers and writers, {sum(len(c.moved) for c in self.clients)} transfers; "
            f"{refused} retryable errors; the slowest write took {slowest.slowest_s:.3f} s ({slowest.slowest})"
        )


def status(server: Server) -> dict[str, Any]:
    with server.connect(cursorclass=pymysql.cursors.DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute("CALL fauna.shards_status()")
        return dict(cursor.fetchone())


def await_done(server: Server, timeout_s: float) -> dict[str, Any]:
    """Poll what the server says of itself."""
    deadline = time.monotonic() + timeout_s
    while (found := status(server))["state"] not in ("done", "none"):
        assert time.monotonic() < deadline, f"not done: {found}"
        time.sleep(0.2)
    return found


def misplaced(data: Path) -> list[str]:
    """Rows that are on a shard which their slot does not belong to; no server has the directory open."""
    from fauna.node import Node
    from fauna.sql.bind.place import rows_move, spread_tables

    found = []
    node = Node.open(data)
    try:
        for table in spread_tables(node.catalog):
            move = rows_move(table)
            for shard in node.shards:
                for row in shard.autocommit_query(move.keys, (), inline=False):
                    if node.catalog.slots.owners[move.slot_of(row)] != shard.number:
                        found.append(f"{table.name} {row} on shard {shard.number}")
        assert all(not shard.recover() for shard in node.shards), "something is prepared still"
    finally:
        node.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = parser.parse_args()
    run(args.rows, args.kills, args.seed, Path(tempfile.mkdtemp(prefix="fauna-reshard-")) / "data")


def run(rows: int, kills: int, seed: int, data: Path) -> None:
    """From 2 shards to 4 under load; killed `kills` times at random moments, and started again."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    server = faunadb.start("--shards", "2", data=data)
    try:
        fill(server, rows)
        load = Load(server, rows, seed)
        begun = time.monotonic()
        with load.running():
            server.query("CALL fauna.shards_add(2)")
            if not kills:
                print(await_done(server, 60 + rows / 1000))
        for number in range(kills):
            with load.running():
                time.sleep(dice.uniform(0.0, 0.3 + rows / 5000 / kills))
                moved = status(server)
                server.kill()
            print(f"kill {number + 1}: {moved['state']}, {moved['slots_moved']} of {moved['slots_total']} slots")
            server.restart()
            load.audit()
        if kills:
            with load.running():
                print(await_done(server, 60 + rows / 1000))
        print(f"{time.monotonic() - begun:.1f} s; {load.report()}")
        load.audit()
        assert len(server.query("SELECT * FROM fauna.shards")) == 4
        assert server.stop() == 0
        assert misplaced(data) == []
    finally:
        server.close()


if __name__ == "__main__":
    main()
