"""Transactions over shards on the real engine, one thread, with a seed: which of the clients, the committer, a sync, a checkpoint
goes on next, and between which two of them the process is killed or the machine loses power.

The database is the product's own shards, coordinator, committer and transactions on real files.  After each crash it is opened
again, and must have all of what was acknowledged, all or nothing of what was not, and nothing that holds anybody up.
"""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from fauna.catalog.slot_map import SlotMap
from fauna.clock import HybridClock
from fauna.coordinator.local import FILE_NAME, LocalCoordinator
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, Watch
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import Committer
from fauna.txn.spread import SpreadTransaction
from fauna.txn.wait_graph import WaitGraph
from tests.simulation.clients import ACCOUNTS, ITEMS, START_AMOUNT, SUM, Client, Fate, Record, Torn, read
from tests.simulation.disk import Crash, Disk

_SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, worth INTEGER NOT NULL);
CREATE UNIQUE INDEX item_name ON item (name);
CREATE TABLE mark (id INTEGER PRIMARY KEY);
CREATE TABLE counter (id INTEGER PRIMARY KEY, top INTEGER NOT NULL);
INSERT INTO counter VALUES (1, 0);
"""
_PAGE = 512
_MEMORY = Path("/dev/shm")
_QUIET_STEPS = 5_000


class Story(logging.Handler):
    """What happens, line by line, with what the product logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.faults: list[str] = []
        self.half_visible = False  # a known limit: a shard failed when it was to show what is decided

    def say(self, text: str) -> None:
        self.lines.append(text)

    def emit(self, record: logging.LogRecord) -> None:
        self.say(f"log: {self.format(record)}")
        self.half_visible |= "not visible on all shards" in record.msg
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, AssertionError):
            self.faults.append(str(fault))


@cache
def _template(shards: int) -> Path:
    path = Path(tempfile.mkdtemp(prefix="fauna-simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
    directory = DataDirectory(path)
    for number in range(shards):
        shard = SqliteShard(directory, number, settings=EngineSettings(page_size=_PAGE), threads=False)
        shard.writer.handle.connection.execute(_SCHEMA)
        rows = [(shards * each + number, START_AMOUNT) for each in range(ACCOUNTS)]
        shard.writer.handle.connection.executemany("INSERT INTO account VALUES (?, ?)", rows)
        shard.close()
    LocalCoordinator(path, threads=False).close()
    directory.close()
    return path


def remove_templates() -> None:
    for shards in (2, 3, 4):
        shutil.rmtree(_template(shards))
    _template.cache_clear()


class World:
    def __init__(self, seed: int, root: Path) -> None:
        self.dice = dice = random.Random(seed)
        self.story = Story()
        self.number_of_shards = dice.randint(2, 4)
        self.disk = Disk(root, _template(self.number_of_shards), dice, self.story.say)
        self.settings = EngineSettings(
            page_size=_PAGE, write_set_rows_max=dice.choice([3, 64]), untracked=frozenset({"counter"})
        )  # fmt: skip
        self.slots = SlotMap.even(self.number_of_shards)  # rows stay where they are
        self.books: list[Record] = []
        self.ticks = count(1)
        self.clients: list[Client] = []
        self.connections: list[apsw.Connection] = []
        self.mishaps = dice.random() < 0.15  # syncs fail
        self.failed = False  # one has, in this life, or a COMMIT
        self.disk_full = False  # for the next COMMIT

    # ── a life of the database ──

    def open(self) -> None:
        """As a node does.  Crash: it may come here, too."""
        disk, path = self.disk, self.disk.path
        self.failed = self.disk_full = self.story.half_visible = False
        self.directory = DataDirectory(path)
        self.graph, self.clock = WaitGraph(), HybridClock()
        self.shards: list[SqliteShard] = []
        for number in range(self.number_of_shards):
            file = self.directory.shard_file(number).name
            self.shards.append(
                SqliteShard(
                    self.directory, number, configure=self._watch_commits(file), settings=self.settings,
                    sync=disk.sync(f"{file}-wal"), waits=self.graph, clock=self.clock, threads=False,
                )
            )  # fmt: skip
        self.gate = CommitGate()
        self.coordinator = LocalCoordinator(path, sync=disk.sync(f"{FILE_NAME}-wal"), threads=False)
        coordinators = self.coordinator._file._connection
        self.connections.append(coordinators)
        self._watch_commits(FILE_NAME)(coordinators)
        self.committer = Committer(self.coordinator, self.gate, self.clock, threads=False)
        self.committer._start = f"{disk.lives:04}"
        self.committer.recover(self.shards)
        self.clients = [
            Client(number, self.number_of_shards, self.dice, self.story.say, self.ticks, self._begin, self._check_sum, self.books)
            for number in range(self.dice.randint(2, 5))
        ]

    def _watch_commits(self, file: str) -> Callable[[apsw.Connection], None]:
        def committing() -> bool:
            self.disk.point(f"before a COMMIT in {file}")
            if self.disk_full:
                self.disk_full = False
                self.story.say(f"the disk is full for a COMMIT in {file}")
                raise apsw.FullError("database or disk is full")
            return False

        def configure(connection: apsw.Connection) -> None:
            self.connections.append(connection)
            connection.set_commit_hook(committing)

        return configure

    def _begin(self, isolation: Isolation, lock_wait_timeout_s: float, watch: Watch) -> SpreadTransaction:
        return SpreadTransaction(
            lambda: self.shards,
            self.gate,
            self.committer,
            self.clock,
            isolation,
            lock_wait_timeout_s=lock_wait_timeout_s,
            watch=watch,
            slots=lambda: self.slots,
        )

    def drop(self) -> None:
        """The process is gone: nothing is finished or told."""
        for shard in getattr(self, "shards", []):
            self.connections.append(shard._checkpointer._connection)
        for connection in self.connections:
            connection.close(True)
        self.connections.clear()
        self.disk.close()
        self.clients = []

    # ── what can happen ──

    def step(self) -> bool:
        """Something happens; False when nobody can go on."""
        choices: list[tuple[Callable[[], object], int]] = [
            (client.go_on, 2 if client.is_idle else 6) for client in self.clients if client.can_go_on
        ]
        choices += self._background()
        if not choices:
            return False
        waiting = [client for client in self.clients if client.waits_for_lock]
        choices += [(client.interrupt, 1) for client in waiting if self.dice.random() < 0.05]
        chance = self.dice.random()
        if chance < 0.02:
            choices = [(self._add_up, 1)]
        elif chance < 0.03:
            choices = [(self.dice.choice(self.clients).leave, 1)]
        elif chance < 0.04:
            choices = [(self._checkpoint, 1)]
        elif self.mishaps and chance < 0.045:
            choices = [(self._fail, 1)]
        self.disk.point("between two actions", 1.0)
        self.dice.choices([act for act, _ in choices], [weight for _, weight in choices])[0]()
        if self.story.faults:
            raise Torn(f"in the committer: {self.story.faults[0]}")
        return True

    def _background(self) -> list[tuple[Callable[[], object], int]]:
        """What goes on by itself, where anybody waits for it."""
        choices: list[tuple[Callable[[], object], int]] = []
        if not self.committer._work.empty():
            choices.append((self.committer.work, 8))
        choices += [(shard._group.sync, 2) for shard in self.shards if shard._group._pending]
        if self.coordinator._decisions._waiting:
            choices.append((self.coordinator.write_decisions, 3))
        return choices

    def _checkpoint(self) -> None:
        number = self.dice.randrange(self.number_of_shards)
        shard = self.shards[number]
        self.story.say(f"checkpoint of shard {number}")
        self.disk.checkpoint(shard.path.name, shard._checkpointer.checkpoint)

    def _fail(self) -> None:
        logs = [f"{shard.path.name}-wal" for shard in self.shards] + [f"{FILE_NAME}-wal"]
        log = self.dice.choice(logs)
        self.failed = True
        if self.dice.random() < 0.6:
            self.disk_full = True
        else:
            self.story.say(f"from now on {log} cannot be synced")
            self.disk.failing.add(log)

    def _add_up(self) -> None:
        """A reader comes by: it sees all of a commit or nothing of it."""
        reader = self._begin(Isolation.REPEATABLE_READ, 0.0, Watch())
        total = sum(read(reader.reader(shard), SUM)[0][0] for shard in range(self.number_of_shards))
        reader.rollback()
        self._check_sum("a reader", total)

    def _check_sum(self, who: str, total: int) -> None:
        if total != START_AMOUNT * ACCOUNTS * self.number_of_shards and not self.story.half_visible:
            raise Torn(f"{who} sees {total}")

    def quiet(self) -> None:
        """Nobody begins anything new: everything ends, and nothing is left that holds anybody up."""
        self._end_what_goes_on()
        unfinished = [client.number for client in self.clients if not client.is_idle]
        if self.failed:
            self._end_after_failure()
        elif unfinished:
            self._say_who_waits()
            raise Torn(f"clients {unfinished} wait for ever")
        else:
            self.check_nothing_is_held()

    def _say_who_waits(self) -> None:
        names: dict[object, object] = {client.transaction: client.record.number for client in self.clients}
        for shard in self.shards:
            queue, file = self._named(names, shard.queue._waiting), shard.path.name
            self.story.say(f"{file}: {names.get(shard.queue._holder, shard.queue._holder)} has the write lock, {queue} wait")
            for key, lock in shard.row_locks._locks.items():
                if lock.waiting:
                    owners = [names.get(owner, owner) for owner in lock.owners]
                    how = "exclusively" if lock.exclusive else "shared"
                    self.story.say(f"{file}: {owners} have {key} {how}, {self._named(names, lock.waiting)} wait")

    @staticmethod
    def _named(names: dict[object, object], tickets: Iterable[Any]) -> list[object]:
        return [names.get(ticket.owner, ticket.owner) for ticket in tickets if ticket.is_waiting]

    def _end_what_goes_on(self) -> None:
        for _ in range(_QUIET_STEPS):
            choices = [client.go_on for client in self.clients if client.can_go_on and not client.is_idle]
            background = [act for act, _ in self._background()]
            if not choices and not background:
                return
            self.disk.point("between two actions", 1.0)
            self.dice.choice([*choices, *background])()
            if self.story.faults:
                raise Torn(f"in the committer: {self.story.faults[0]}")
        raise Torn("it does not become quiet")

    def _end_after_failure(self) -> None:
        """What is decided may have to wait for the next start, with its locks; nobody else holds one."""
        while waiting := [client for client in self.clients if client.waits_for_lock]:
            waiting[0].leave()
            self._end_what_goes_on()
        for shard in self.shards:
            keeps = any(branch.keeps_lock for branch in shard._prepared.values())
            if shard.queue.held and not keeps and not shard._group.failed:
                raise Torn(f"the write lock of {shard.path.name} is held after the sync of another file failed")
        if any(client.commits for client in self.clients):
            locked = any(branch.keeps_lock for shard in self.shards for branch in shard._prepared.values())
            if not locked:
                raise Torn("a client waits for ever for what became of its commit")

    # ── what must be ──

    def check_nothing_is_held(self) -> None:
        for shard in self.shards:
            name, locks = shard.path.name, shard.row_locks
            left = {
                "write lock": shard.queue.held,
                "queue": shard.queue.waiting,
                "row locks": locks._locks,
                "owners": {owner: keys for owner, keys in locks._owned.items() if keys},
                "barred tables": locks._barred,
                "prepared": shard.recover(),
                "snapshots": shard.history.open_snapshots,
                "prepared rows": shard._inline.connection.execute("SELECT gtrid FROM fauna_prepared").fetchall(),
            }
            for what, found in left.items():
                if found:
                    raise Torn(f"{name}: {what} left: {found}")
        if self.graph._waits:
            raise Torn(f"somebody waits still: {self.graph._waits}")
        if self.coordinator.decisions():
            raise Torn(f"decisions are left: {self.coordinator.decisions()}")

    def check(self, *, last: bool = False) -> None:
        """After a start: the books are right, nothing is held, everything can be written."""
        shards = self.number_of_shards
        rows = [self._rows(number) for number in range(shards)]
        for record in self.books:
            self._settle(record, [record.number in rows[shard]["mark"] for shard in record.shards])
        here = [record for record in self.books if record.fate is Fate.PRESENT]
        amounts = dict.fromkeys(range(ACCOUNTS * shards), START_AMOUNT)
        items: dict[int, tuple[int, Any]] = {}
        tops = dict.fromkeys(range(shards), 0)
        for record in here:
            for account, delta in record.effects.deltas.items():
                amounts[account] += delta
            for item, written in record.effects.items.items():
                items[item] = max(written, items.get(item, written), key=lambda each: each[0])
            for shard, top in record.effects.tops.items():
                tops[shard] = max(top, tops[shard])
        expected = {item: value for item, (_, value) in items.items() if value is not None}
        for number in range(shards):
            self._same(f"accounts of shard {number}", rows[number]["account"], _of(amounts, number, shards))
            self._same(f"items of shard {number}", rows[number]["item"], _of(expected, number, shards))
            self._same(f"counter of shard {number}", rows[number]["counter"], {1: tops[number]})
        names = [name for number in range(shards) for name, _ in rows[number]["item"].values() if name is not None]
        self._same("names that are there twice", {name for name in names if names.count(name) > 1}, set())
        self.check_nothing_is_held()
        if last or self.dice.random() < 0.3:  # it syncs all, and so hides what was not
            self._write_everything()

    def _rows(self, shard: int) -> dict[str, Any]:
        connection = self.shards[shard]._inline.connection
        return {
            "account": dict(connection.execute("SELECT id, amount FROM account")),
            "item": {item: (name, worth) for item, name, worth in connection.execute("SELECT id, name, worth FROM item")},
            "counter": dict(connection.execute("SELECT id, top FROM counter")),
            "mark": {number for (number,) in connection.execute("SELECT id FROM mark")},
        }

    @staticmethod
    def _same(what: str, found: object, expected: object) -> None:
        if found != expected:
            raise Torn(f"{what}: {found}, not {expected}")

    def _settle(self, record: Record, there: list[bool]) -> None:
        """What became of a transaction; from now on it stays so."""
        if any(there) and not all(there):
            raise Torn(f"{record.number} is there in part: {dict(zip(record.shards, there, strict=True))}")
        if record.fate is Fate.RUNNING:
            record.fate = Fate.ABSENT
        if record.fate in (Fate.COMMITTING, Fate.UNKNOWN):
            record.fate = Fate.PRESENT if any(there) else Fate.ABSENT
            self.story.say(f"{record.number} is {record.fate.name.lower()}")
        if any(there) and record.fate is Fate.ABSENT:
            raise Torn(f"{record.number} was rolled back, and is there")
        if record.shards and not any(there) and record.fate is Fate.PRESENT:
            raise Torn(f"{record.number} was acknowledged, and is gone")

    def _write_everything(self) -> None:
        """Every row can be written, in one transaction, without a wait."""
        with self._no_crash():
            transaction = self._begin(Isolation.REPEATABLE_READ, 0.0, Watch())
            for number in range(self.number_of_shards):
                branch = transaction.writer(number)
                branch.write("UPDATE account SET amount = amount", ())
                branch.write("UPDATE item SET worth = worth", ())
                branch.write("UPDATE counter SET top = top", ())
                for item in range(ITEMS, ITEMS + 3):
                    branch.write("INSERT INTO item VALUES (?1, ?2, 0)", (item, f"n{item}"))
                    branch.write("DELETE FROM item WHERE id = ?1", (item,))
            ticket = transaction.commit()
            while background := self._background():
                background[0][0]()
            if not ticket.done():
                raise Torn("a commit after the start does not end")
            ticket.check()
            self.check_nothing_is_held()

    @contextmanager
    def _no_crash(self) -> Iterator[None]:
        chance, self.disk.chance = self.disk.chance, 0.0
        try:
            yield
        finally:
            self.disk.chance = chance


def _of(rows: dict[int, Any], shard: int, shards: int) -> dict[int, Any]:
    return {key: value for key, value in rows.items() if key % shards == shard}


def _live(world: World, crash_at_the_end: bool) -> None:
    """One life: from the start to a crash."""
    try:
        world.open()
        world.check()
        for _ in range(world.dice.randint(20, 150)):
            if not world.step():
                break
        world.quiet()
        if crash_at_the_end:
            world.disk.crash()
    except Crash:
        pass


def simulate(seed: int) -> list[str]:
    """Some lives of one database, the last of which ends in peace.  Its story; raises Torn with it."""
    with tempfile.TemporaryDirectory(prefix="fauna-simulation-", dir=_MEMORY if _MEMORY.is_dir() else None) as root:
        world = World(seed, Path(root))
        story = world.story
        logger = logging.getLogger("fauna")
        propagates, logger.propagate = logger.propagate, False
        logger.addHandler(story)
        try:
            for _ in range(world.dice.randint(1, 4)):
                world.disk.chance = world.dice.choice([0.0, 0.003, 0.01, 0.02, 0.04])
                _live(world, crash_at_the_end=True)
                world.drop()
                world.disk.start_again()
            world.disk.chance = 0.0
            world.open()
            world.check(last=True)
        except BaseException as torn:
            torn.add_note("\n".join([*story.lines, f"replay: python -m tests.simulation --engine sqlite --seed {seed}"]))
            raise
        finally:
            logger.removeHandler(story)
            logger.propagate = propagates
            world.drop()
    return story.lines
