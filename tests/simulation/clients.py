"""Clients of the engine's simulation: each runs one transaction after the other, a statement at a time, and notes what it did.

Statements are run as a session runs them: again after a wait, undone when they fail, with a pause after each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any

from fauna.errors import FaunaError, SqlError
from fauna.session.result import MustWait, Ticket
from fauna.shard.shard import Branch, Isolation, MatchCheck, Params, TableAccess, Watch
from fauna.txn.spread import SpreadTransaction

ACCOUNTS = 3  # on each shard
START_AMOUNT = 100
ITEMS = 12
NAMES = 8
SUM = "SELECT (SELECT SUM(amount) FROM account) + (SELECT COALESCE(SUM(worth), 0) FROM item)"
_ALL = (TableAccess("account"), TableAccess("item"))
_UNSURE = 1180  # the client is not told whether it was committed
_EXPECTED = {1021, 1205, 1213, 1317, _UNSURE}


class Fate(Enum):
    """running, committing  not answered yet      present, absent    what it must be from now on
    unknown                 all of it, or nothing"""

    RUNNING = 1
    COMMITTING = 2
    UNKNOWN = 3
    PRESENT = 4
    ABSENT = 5


class Torn(AssertionError):
    """Something that must never be."""


@dataclass
class Effects:
    """deltas: by account.  items: (when it was written, (name, worth) or None: gone).  tops: by shard's counter."""

    deltas: dict[int, int] = field(default_factory=dict)
    items: dict[int, tuple[int, tuple[str, int] | None]] = field(default_factory=dict)
    tops: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Effects:
        return Effects(dict(self.deltas), dict(self.items), dict(self.tops))

    def move(self, account: int, amount: int) -> None:
        self.deltas[account] = self.deltas.get(account, 0) + amount

    def shards(self, shards: int) -> list[int]:
        return sorted({key % shards for key in (*self.deltas, *self.items)} | set(self.tops))


@dataclass
class Record:
    """A transaction, for the books."""

    number: int
    effects: Effects = field(default_factory=Effects)
    shards: Sequence[int] = ()  # where it leaves its mark
    fate: Fate = Fate.RUNNING


class Refused(Exception):
    """The statement fails: what it wants to write is taken."""


Statement = Callable[[SpreadTransaction, Effects], None]


class Client:
    def __init__(
        self, number: int, shards: int, dice: random.Random, say: Callable[[str], None], ticks: count[int],
        begin: Callable[[Isolation, float, Watch], SpreadTransaction], check_sum: Callable[[str, int], None],
        books: list[Record],
    ) -> None:  # fmt: skip
        self.number = number
        self._shards = shards
        self._dice = dice
        self._say = say
        self._ticks = ticks
        self._begin = begin
        self._check_sum = check_sum
        self._books = books
        self._watch = Watch()
        self.transaction: SpreadTransaction | None = None
        self._isolation = Isolation.READ_COMMITTED
        self.record = Record(0)
        self._savepoints: list[tuple[str, Effects]] = []
        self._statement: tuple[str, Statement] | None = None  # to be run again
        self._ending = False  # the rest is its marks, and COMMIT
        self._awaited: Ticket | None = None  # a lock, or its commit
        self._commit: Ticket | None = None

    # ── what can happen to it ──

    @property
    def can_go_on(self) -> bool:
        return self._awaited is None or self._awaited.done()

    @property
    def is_idle(self) -> bool:
        return self.transaction is None

    @property
    def waits_for_lock(self) -> bool:
        return self._awaited is not None and self._commit is None and not self._awaited.done()

    @property
    def commits(self) -> bool:
        return self._commit is not None

    def interrupt(self) -> None:
        self._say(f"client {self.number} is interrupted")
        self._watch.interrupt()

    def leave(self) -> None:
        """Its connection is gone."""
        if self._commit is not None:
            self._say(f"client {self.number} leaves while {self.record.number} commits")
            return self._over(Fate.UNKNOWN)
        if self.transaction is not None:
            self._say(f"client {self.number} leaves {self.record.number}")
            self.transaction.rollback()
            self._over(Fate.ABSENT)
        return None

    def go_on(self) -> None:
        """The next thing that it does."""
        if self._commit is not None:
            return self._answered(self._commit)
        self._awaited = None
        if self.transaction is None:
            return self._start()
        if self._statement is None:
            self._watch.clear()
            self._statement = self._next()
        what, statement = self._statement
        transaction = self.transaction
        effects = self.record.effects.copy()
        try:
            statement(transaction, effects)
        except MustWait as waiting:
            self._say(f"{self.record.number}: {what} waits")
            self._awaited = waiting.ticket
        except (Refused, FaunaError) as problem:
            self._failed(what, problem)
        else:
            self._say(f"{self.record.number}: {what}")
            self.record.effects = effects
            self._statement = None
        if self.transaction is transaction and self._commit is None:
            transaction.pause()
        return None

    def _failed(self, what: str, problem: Exception) -> None:
        self._statement = None
        self._say(f"{self.record.number}: {what} fails: {problem or type(problem).__name__}")
        if isinstance(problem, SqlError) and problem.errno not in _EXPECTED:
            raise Torn(f"{what}: {problem}") from problem
        assert self.transaction is not None
        if not self.transaction.is_open or self._ending or self._dice.random() < 0.3:
            self.transaction.rollback()
            self._over(Fate.ABSENT)

    def _answered(self, ticket: Ticket) -> None:
        try:
            ticket.check()
        except FaunaError as problem:
            self._say(f"{self.record.number} is told: {problem}")
            unsure = not isinstance(problem, SqlError) or problem.errno == _UNSURE
            self._over(Fate.UNKNOWN if unsure else Fate.ABSENT)
        else:
            self._say(f"{self.record.number} is told: committed")
            self._over(Fate.PRESENT)

    def _over(self, fate: Fate) -> None:
        self.record.fate = fate
        self.transaction = self._statement = self._awaited = self._commit = None

    # ── what it does ──

    def _start(self) -> None:
        dice = self._dice
        self._isolation = dice.choice([Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE])
        patience_s = 0.0 if dice.random() < 0.1 else 50.0
        self.transaction = self._begin(self._isolation, patience_s, self._watch)
        self.record = Record(len(self._books))
        self._books.append(self.record)
        self._savepoints, self._ending = [], False
        self._say(f"client {self.number} begins {self.record.number} at {self._isolation.name}")

    def _next(self) -> tuple[str, Statement]:
        dice = self._dice
        if self._ending:
            return "COMMIT", self._commit_it
        chance = dice.random()
        if chance < 0.03:
            return "ROLLBACK", self._roll_back
        if chance < 0.33 and self.record.effects != Effects() or chance < 0.06:
            self._ending = True
            return "its marks", self._mark
        if chance < 0.40 or chance < 0.46 and not self._savepoints:
            return self._set_savepoint()
        if chance < 0.46:
            return self._use_savepoint()
        make = dice.choices(
            [self._transfer, self._in_one_write, self._buy, self._sell, self._top_up, self._count_up, self._look, self._lock],
            [6, 2, 3, 3, 3, 1, 3, 2],
        )[0]
        return make()

    def _account(self) -> int:
        return self._dice.randrange(ACCOUNTS * self._shards)

    def _set_savepoint(self) -> tuple[str, Statement]:
        name = self._dice.choice("st")

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            transaction.savepoint(name)
            self._savepoints = [each for each in self._savepoints if each[0] != name] + [(name, effects.copy())]

        return f"SAVEPOINT {name}", run

    def _use_savepoint(self) -> tuple[str, Statement]:
        at = self._dice.randrange(len(self._savepoints))
        name, saved = self._savepoints[at]
        back = self._dice.random() < 0.7

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            if back:
                transaction.rollback_to(name)
                del self._savepoints[at + 1 :]
                was = saved.copy()
                effects.deltas, effects.items, effects.tops = was.deltas, was.items, was.tops
            else:
                transaction.release(name)
                del self._savepoints[at:]

        return f"{'ROLLBACK TO' if back else 'RELEASE'} {name}", run

    def _transfer(self) -> tuple[str, Statement]:
        first, second = self._account(), self._account()
        amount, by_point = self._dice.randint(1, 9), self._dice.random() < 0.4

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            if by_point:
                # Two statements of the session; between them it is as if there had been a pause.
                self._add_to_row(transaction, effects, first, -amount, second, amount)
                return
            with _Statement(transaction):
                self._add(transaction, effects, first, -amount)
                self._add(transaction, effects, second, amount)

        return f"{amount} from {first} to {second}{' by rowid' if by_point else ''}", run

    def _add(self, transaction: SpreadTransaction, effects: Effects, account: int, amount: int) -> None:
        branch = transaction.writer(account % self._shards)
        branch.lock()
        match = MatchCheck("SELECT rowid FROM account WHERE id = ?1", (account,), "account")
        sql = "UPDATE account SET amount = amount + ?2 WHERE id = ?1"
        if branch.write(sql, (account, amount), match=match).changes != 1:
            raise Torn(f"account {account} is not there")
        effects.move(account, amount)

    def _add_to_row(
        self, transaction: SpreadTransaction, effects: Effects, first: int, less: int, second: int, more: int
    ) -> None:
        rows = []
        for account in (first, second):
            branch = transaction.writer(account % self._shards)
            found = branch.read_row("account", account, "SELECT amount FROM account WHERE id = ?1", (account,), inline=False)
            if found is None or first == second:
                with _Statement(transaction):
                    self._add(transaction, effects, first, less)
                    self._add(transaction, effects, second, more)
                return
            rows.append((branch, account, found[0][0]))
        for (branch, account, amount), change in zip(rows, (less, more), strict=True):
            sql = "UPDATE account SET amount = ?1 WHERE id = ?2"
            branch.write_row("UPDATE", "account", account, sql, (_int(amount) + change, account))
            effects.move(account, change)

    def _in_one_write(self) -> tuple[str, Statement]:
        shard, amount = self._dice.randrange(self._shards), self._dice.randint(1, 9)
        first, second = (self._shards * each + shard for each in self._dice.sample(range(ACCOUNTS), 2))

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            branch = transaction.writer(shard)
            branch.lock()
            params = (first, second, amount)
            match = MatchCheck("SELECT rowid FROM account WHERE id IN (?1, ?2)", (first, second), "account")
            sql = "UPDATE account SET amount = amount + CASE id WHEN ?1 THEN -?3 ELSE ?3 END WHERE id IN (?1, ?2)"
            if branch.write(sql, params, match=match).changes != 2:
                raise Torn(f"accounts {first} and {second} are not there")
            effects.move(first, -amount)
            effects.move(second, amount)

        return f"{amount} from {first} to {second} at once", run

    def _buy(self) -> tuple[str, Statement]:
        item, account, worth = self._dice.randrange(ITEMS), self._account(), self._dice.randint(1, 9)
        name = f"n{self._dice.randrange(NAMES)}"
        key = ("item", "item_name", name)

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            home = item % self._shards
            with _Statement(transaction):
                transaction.writer(home).claim([key])
                for shard in range(self._shards):
                    find = "SELECT 1 FROM item WHERE name = ?1"
                    if shard != home and transaction.writer(shard).finds([key], find, (name,), inline=False):
                        raise Refused
                transaction.writer(home).write("INSERT INTO item VALUES (?1, ?2, ?3)", (item, name, worth))
                self._add(transaction, effects, account, -worth)
            effects.items[item] = next(self._ticks), (name, worth)

        return f"item {item} '{name}' from {account} for {worth}", run

    def _sell(self) -> tuple[str, Statement]:
        item, account = self._dice.randrange(ITEMS), self._account()

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            with _Statement(transaction):
                branch = transaction.writer(item % self._shards)
                branch.lock()
                match = MatchCheck("SELECT rowid FROM item WHERE id = ?1", (item,), "item")
                written = branch.write("DELETE FROM item WHERE id = ?1 RETURNING worth", (item,), match=match)
                if written.rows:
                    self._add(transaction, effects, account, _int(written.rows[0][0]))
                    effects.items[item] = next(self._ticks), None

        return f"item {item} sold to {account}", run

    def _top_up(self) -> tuple[str, Statement]:
        item, account, more = self._dice.randrange(ITEMS), self._account(), self._dice.randint(1, 9)

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            with _Statement(transaction):
                branch = transaction.writer(item % self._shards)
                branch.lock()
                sql = "INSERT INTO item VALUES (?1, NULL, ?2) ON CONFLICT (id) DO UPDATE SET worth = worth + ?2 RETURNING name, worth"
                (row,) = branch.write(sql, (item, more)).rows
                self._add(transaction, effects, account, -more)
            effects.items[item] = next(self._ticks), (row[0], _int(row[1]))  # type: ignore[assignment]

        return f"item {item} gets {more} from {account}", run

    def _count_up(self) -> tuple[str, Statement]:
        shard, top = self._dice.randrange(self._shards), next(self._ticks)

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            branch = transaction.writer(shard)
            branch.lock()
            branch.write("UPDATE counter SET top = max(top, ?1)", (top,))
            effects.tops[shard] = max(top, effects.tops.get(shard, 0))

        return f"counter of shard {shard} to {top}", run

    def _lock(self) -> tuple[str, Statement]:
        account, shared = self._account(), self._dice.random() < 0.5

        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            sql, low = "SELECT rowid FROM account WHERE id = ?1", (account,)
            branch = transaction.writer(account % self._shards)
            match = MatchCheck(sql, low, "account")
            reads = [TableAccess("account", account, account)]
            branch.lock_query(sql, low, reads, match=match, inline=False, shared=shared).close()

        return f"account {account} is locked{' shared' if shared else ''}", run

    def _look(self) -> tuple[str, Statement]:
        def run(transaction: SpreadTransaction, effects: Effects) -> None:
            if not transaction.reads_latest:
                branches: Callable[[int], Branch] = transaction.reader
            elif transaction.has_written:
                transaction.lock()
                branches = transaction.writer
            else:
                return
            total = sum(read(branches(shard), SUM)[0][0] for shard in range(self._shards))
            self._check_sum(f"{self.record.number} at {self._isolation.name}", total)

        return "adds all up", run

    def _mark(self, transaction: SpreadTransaction, effects: Effects) -> None:
        with _Statement(transaction):
            for shard in effects.shards(self._shards):
                transaction.writer(shard).write("INSERT INTO mark VALUES (?1)", (self.record.number,))
        self.record.shards = effects.shards(self._shards)

    def _commit_it(self, transaction: SpreadTransaction, effects: Effects) -> None:
        ticket = transaction.commit()
        self.record.fate = Fate.COMMITTING
        self._commit = self._awaited = ticket

    def _roll_back(self, transaction: SpreadTransaction, effects: Effects) -> None:
        transaction.rollback()
        self._over(Fate.ABSENT)


class _Statement:
    """Several writes that are one statement."""

    def __init__(self, transaction: SpreadTransaction) -> None:
        self.transaction = transaction

    def __enter__(self) -> None:
        self.transaction.begin_statement()

    def __exit__(self, failed: object, *_: object) -> None:
        self.transaction.end_statement(keep=failed is None)


def read(branch: Branch, sql: str, params: Params = ()) -> list[Any]:
    rows = branch.query(sql, params, _ALL, inline=False)
    try:
        return list(rows)
    finally:
        rows.close()


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
