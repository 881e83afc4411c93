"""Commits over two real shards, with nothing happening but what a test says: who waits for whom, what a failure leaves."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from fauna.catalog.slot_map import SlotMap
from fauna.clock import HybridClock
from fauna.coordinator.local import LocalCoordinator
from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import SqlError, StartError
from fauna.session.result import MustWait, Ticket
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, MatchCheck, TableAccess, Watch
from fauna.txn import definitions
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import Committer
from fauna.txn.spread import SpreadTransaction
from fauna.txn.wait_graph import WaitGraph

SHARDS = 2
SLOTS = SlotMap.even(SHARDS)
RC, RR, SERIALIZABLE = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE


class Database:
    """Two shards, or so many, each with the rows 1, 2 and 3."""

    def __init__(self, path: Path, shards: int = SHARDS) -> None:
        self.path = path
        self.failing: set[int] = set()  # shards whose log cannot be synced
        self.full: set[int] = set()  # shards that have no space for a COMMIT
        self.synced: list[int] = []
        self.directory = DataDirectory(path)
        graph, self.clock = WaitGraph(), HybridClock()
        self.shards = [
            SqliteShard(
                self.directory, number, configure=self._filling(number), sync=self._syncing(number), waits=graph, clock=self.clock,
                threads=False,
            )
            for number in range(shards)
        ]  # fmt: skip
        self.coordinator = LocalCoordinator(path, threads=False)
        self.gate = CommitGate()
        self.committer = Committer(self.coordinator, self.gate, self.clock, threads=False)
        self.committer.recover(self.shards)

    def _filling(self, number: int) -> object:
        def committing() -> bool:
            if number in self.full:
                raise apsw.FullError("database or disk is full")
            return False

        return lambda connection: connection.set_commit_hook(committing)

    def _syncing(self, number: int) -> object:
        def sync(descriptor: int) -> None:
            self.synced.append(number)
            if number in self.failing:
                raise OSError(errno.EIO, "Input/output error")

        return sync

    def begin(self, isolation: Isolation = RC, watch: Watch | None = None) -> SpreadTransaction:
        return SpreadTransaction(
            lambda: self.shards, self.gate, self.committer, self.clock, isolation, watch=watch, slots=lambda: SLOTS
        )

    def prepare(self, transaction: SpreadTransaction) -> Ticket:
        """It commits, and is decided; the next thing to be done makes it visible."""
        ticket = transaction.commit()
        while self.committer.work():
            pass
        for shard in self.shards:
            shard._group.sync()
        while self.committer.work():
            pass
        self.coordinator.write_decisions()
        return ticket

    def drain(self) -> None:
        """Everything goes on as far as it can."""
        while True:
            if self.committer.work():
                continue
            waiting = [shard for shard in self.shards if shard._group._pending]
            if not waiting and not self.coordinator._decisions._waiting:
                return
            for shard in waiting:
                shard._group.sync()
            self.coordinator.write_decisions()

    def values(self, row: int) -> list[int]:
        sql = "SELECT v FROM t WHERE id = ?1"
        return [next(iter(shard.autocommit_query(sql, (row,), inline=False)))[0] for shard in self.shards]

    def close(self) -> None:
        for shard in self.shards:
            shard.close()
        self.coordinator.close()
        self.directory.close()

    def crashed(self, path: Path) -> Database:
        """What the next process finds when this one is killed now."""
        path.mkdir()
        for file in self.path.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copyfile(file, path / file.name)
        return Database(path, len(self.shards))


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    made = Database(tmp_path / "data", getattr(request, "param", SHARDS))
    for shard in made.shards:
        shard.writer.handle.connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
        shard.writer.handle.connection.execute("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)")
    yield made
    made.close()


def write(transaction: SpreadTransaction, shard: int, row: int, value: int = 1) -> None:
    branch = transaction.writer(shard)
    branch.lock()
    match = MatchCheck("SELECT rowid FROM t WHERE id = ?1", (row,), "t")
    branch.write("UPDATE t SET v = ?2 WHERE id = ?1", (row, value), match=match)


def add_up(transaction: SpreadTransaction, row: int) -> list[object]:
    sql, reads = "SELECT v FROM t WHERE id = ?1", [TableAccess("t", row, row)]
    return [next(iter(transaction.reader(n).query(sql, (row,), reads, inline=False)))[0] for n in range(SHARDS)]


def over_both(database: Database, row: int, isolation: Isolation = RC, watch: Watch | None = None) -> SpreadTransaction:
    transaction = database.begin(isolation, watch)
    for shard in range(SHARDS):
        write(transaction, shard, row)
        transaction.pause()
    return transaction


def test_a_commit_over_two_shards(database: Database) -> None:
    ticket = over_both(database, 1).commit()
    database.drain()
    assert ticket.done()
    ticket.check()
    assert database.values(1) == [1, 1]


# ── who waits for whom ──


def test_who_has_a_write_lock_that_a_decided_transaction_needs_is_the_one_to_give_way(database: Database) -> None:
    """It keeps the lock to its end (SERIALIZABLE) and waits for a row of the decided one."""
    ticket = database.prepare(over_both(database, 1))
    other = database.begin(SERIALIZABLE)
    write(other, 1, 2)
    with pytest.raises(MustWait) as waiting:
        write(other, 0, 1)
    other.pause()
    assert not waiting.value.ticket.done()
    database.drain()
    with pytest.raises(SqlError, match="1213"):
        write(other, 0, 1)
    assert not other.is_open
    database.drain()
    assert ticket.done()
    assert database.values(1) == [1, 1]


def test_one_that_waits_for_a_decided_transaction_with_the_lock_that_this_one_wants(database: Database) -> None:
    """The other way round: the decided one waits already."""
    ticket = database.prepare(over_both(database, 1))
    other = database.begin(SERIALIZABLE)
    write(other, 1, 2)
    database.drain()
    assert not ticket.done()
    with pytest.raises(SqlError, match="1213"):
        write(other, 0, 1)
    assert not other.is_open
    database.drain()
    assert ticket.done()


@pytest.mark.parametrize("database", [3], indirect=True)
def test_a_decided_transaction_keeps_nobody_from_a_shard_that_it_has_only_locked(database: Database) -> None:
    """As an UPDATE of many rows that finds none on one of the shards."""
    transaction = over_both(database, 1)
    transaction.writer(2).lock()
    ticket = database.prepare(transaction)
    other = database.begin()
    write(other, 0, 2)
    database.drain()
    assert not ticket.done()  # it waits for the other's lock
    write(other, 2, 2)
    other.commit()
    database.drain()
    assert ticket.done()
    assert database.values(1) == [1, 1, 0]
    assert database.values(2) == [1, 0, 1]


def test_a_decided_transaction_waits_for_one_lock_with_no_other_in_hand(database: Database) -> None:
    """The other one has a lock that it wants, and waits for one that it has been given and gives back: no deadlock."""
    ticket = database.prepare(over_both(database, 1))
    first = database.begin()
    write(first, 0, 3)
    database.drain()
    assert not ticket.done()  # it waits for the first shard's
    other = database.begin()
    write(other, 1, 2)
    with pytest.raises(MustWait) as waiting:
        other.writer(0).lock()
    first.rollback()
    database.drain()
    assert waiting.value.ticket.done()
    write(other, 0, 2)
    ended = other.commit()
    database.drain()
    assert ticket.done()
    assert ended.done()
    ended.check()
    assert database.values(1) == database.values(2) == [1, 1]


def test_kill_does_not_reach_what_is_decided(database: Database) -> None:
    watch = Watch()
    ticket = database.prepare(over_both(database, 1, watch=watch))
    other = database.begin()
    write(other, 1, 2)  # has the write lock, in the middle of a statement
    database.drain()
    watch.interrupt()
    other.rollback()
    database.drain()
    assert ticket.done()
    ticket.check()
    assert database.values(1) == [1, 1]


# ── snapshots of one moment ──


def test_a_statement_that_waits_for_a_row_opens_no_snapshot_of_another_shard_alone(database: Database) -> None:
    decided = database.prepare(over_both(database, 1))
    other = database.begin(RR)
    other.begin_statement()
    write(other, 0, 2)
    with pytest.raises(MustWait):
        write(other, 1, 1)
    other.end_statement(keep=False)
    other.pause()
    database.drain()
    assert decided.done()
    assert add_up(other, 1) == [1, 1]
    other.rollback()


def test_nor_of_its_own(database: Database) -> None:
    """At SERIALIZABLE what it has read up to there is to stay so."""
    decided = database.prepare(over_both(database, 1))
    other = database.begin(SERIALIZABLE)
    with pytest.raises(MustWait):
        write(other, 1, 1)
    other.pause()
    database.drain()
    assert decided.done()
    assert add_up(other, 1) == [0, 0]
    other.rollback()


def test_a_serializable_transaction_that_writes_still_reads_one_moment(database: Database) -> None:
    """What it has read is not changed; its first write moves its snapshot on all shards, not on the one that it writes."""
    transaction = database.begin(SERIALIZABLE)
    add_up(transaction, 2)
    over_both(database, 1).commit()
    database.drain()
    write(transaction, 0, 3)
    assert add_up(transaction, 1) == [1, 1]
    transaction.rollback()


def test_what_had_changed_before_a_snapshot_moved_is_no_conflict_later(database: Database) -> None:
    transaction = database.begin(SERIALIZABLE)
    add_up(transaction, 2)
    over_both(database, 1).commit()
    database.drain()
    write(transaction, 0, 3)
    add_up(transaction, 1)
    elsewhere = database.begin()
    write(elsewhere, 1, 3)
    elsewhere.commit().wait()
    write(transaction, 1, 2, 7)
    ticket = transaction.commit()
    database.drain()
    ticket.check()
    assert database.values(2) == [0, 7]


# ── failures ──


def test_a_shard_that_fails_at_the_end_leaves_the_others_unlocked(database: Database) -> None:
    ticket = database.prepare(over_both(database, 1))
    database.shards[1]._group.fail("5")
    database.drain()
    with pytest.raises(SqlError, match="1180"):
        ticket.check()
    other = database.begin()
    write(other, 0, 2)
    other.commit().wait()
    with pytest.raises(MustWait):
        write(database.begin(), 0, 1)  # decided: nobody else has its rows


def test_a_shard_without_space_at_the_end_keeps_what_is_decided(database: Database, tmp_path: Path) -> None:
    ticket = database.prepare(over_both(database, 1))
    database.full.add(1)
    database.drain()
    assert ticket.done()
    with pytest.raises(SqlError, match="1180"):
        ticket.check()
    database.full.clear()
    with pytest.raises(MustWait):
        write(database.begin(), 1, 1, 2)
    other = database.begin()
    write(other, 1, 2)
    other.commit().wait()
    again = database.crashed(tmp_path / "again")
    assert again.values(1) == [1, 1]
    again.close()


def test_when_the_first_shard_cannot_show_it_none_does(database: Database, tmp_path: Path) -> None:
    ticket = database.prepare(over_both(database, 1))
    database.full.add(0)
    database.drain()
    assert ticket.done()
    assert database.values(1) == [0, 0]
    database.full.clear()
    other = over_both(database, 2).commit()
    database.drain()
    assert other.done()
    again = database.crashed(tmp_path / "again")
    assert [again.values(1), again.values(2)] == [[1, 1], [1, 1]]
    again.close()


def test_a_failed_sync_hands_the_write_lock_on(database: Database) -> None:
    holder, waiting = database.begin(), database.begin()
    write(holder, 0, 1)
    with pytest.raises(MustWait):
        write(waiting, 0, 2)
    database.shards[0]._group.fail("5")
    holder.rollback()
    with pytest.raises(SqlError, match="1180"):
        write(waiting, 0, 2)
    assert not database.shards[0].queue.held


# ── definitions ──

_MAKE_U = "CREATE TABLE u (id INTEGER PRIMARY KEY)"
_HAS_U = "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"


def define(database: Database, sql: str = _MAKE_U) -> SpreadTransaction:
    """A definition that has run on every shard and commits next."""
    transaction = database.begin()
    transaction.lock()
    transaction.define(lambda: None)
    for number in range(len(database.shards)):
        script: list[tuple[str, tuple[str, ...]]] = [(sql, ()), definitions.COUNTED]
        if not number:
            script.append(definitions.decision([(sql, ())], {}))
        transaction.writer(number).execute_ddl(script)
    return transaction


def shards_with_u(database: Database) -> list[int]:
    return [next(iter(shard.autocommit_query(_HAS_U, (), inline=False)))[0] for shard in database.shards]


def use_definitions(database: Database) -> None:
    for shard in database.shards:
        for sql, params in definitions.TABLES:
            shard.writer.handle.connection.execute(sql, params)


def reopened(database: Database, path: Path) -> Database:
    again = database.crashed(path)
    definitions.recover(again.shards)
    return again


@pytest.mark.parametrize(("fails", "number"), [("failing", 1180), ("full", 1021)])
@pytest.mark.parametrize("database", [3], indirect=True)
def test_a_definition_that_the_first_shard_cannot_decide_leaves_no_shard_locked(
    database: Database, fails: str, number: int
) -> None:
    use_definitions(database)
    transaction = define(database)
    getattr(database, fails).add(0)
    with pytest.raises(SqlError, match=str(number)):
        transaction.commit()
    assert not transaction.is_open
    assert not any(shard.queue.held or shard.row_locks for shard in database.shards)
    assert shards_with_u(database)[1:] == [0, 0]
    other = database.begin()
    write(other, 2, 1)
    other.commit().wait()


@pytest.mark.parametrize("database", [3], indirect=True)
def test_a_definition_is_not_decided_when_a_shard_cannot_be_written(database: Database) -> None:
    use_definitions(database)
    transaction = define(database)
    database.shards[2]._group.fail("5")
    with pytest.raises(SqlError, match="1180"):
        transaction.commit()
    assert shards_with_u(database) == [0, 0, 0]
    assert not any(shard.queue.held for shard in database.shards)


@pytest.mark.parametrize("database", [3], indirect=True)
def test_a_shard_without_space_for_a_decided_definition_has_it_at_the_next_start(database: Database, tmp_path: Path) -> None:
    use_definitions(database)
    transaction = define(database)
    database.full.add(1)
    with pytest.raises(SqlError, match="1180.*shard 1"):
        transaction.commit()
    assert shards_with_u(database) == [1, 0, 1]
    assert not any(shard.queue.held for shard in database.shards)
    database.full.clear()
    with pytest.raises(SqlError, match="1180"):  # one more, and no start could make up for it
        database.begin().lock()
    with pytest.raises(SqlError, match="1180"):
        write(database.begin(), 1, 1)
    assert database.values(1) == [0, 0, 0]
    again = reopened(database, tmp_path / "again")
    assert shards_with_u(again) == [1, 1, 1]
    again.close()


@pytest.mark.parametrize("database", [3], indirect=True)
def test_a_decided_definition_that_a_shard_cannot_sync_is_waited_for_on_the_others(database: Database) -> None:
    use_definitions(database)
    transaction = define(database)
    database.failing.add(1)
    with pytest.raises(SqlError, match="1180"):
        transaction.commit()
    assert shards_with_u(database) == [1, 1, 1]
    assert not any(shard.queue.held or shard._group._pending for shard in database.shards)


def test_a_shard_that_does_not_say_what_it_has_run_is_named_at_the_start(database: Database) -> None:
    use_definitions(database)
    database.shards[1].writer.handle.connection.execute("DELETE FROM definition_count")
    with pytest.raises(StartError, match="is gone"):
        definitions.recover(database.shards)


# ── after a crash ──


def test_what_keeps_the_write_lock_is_finished_before_what_needs_it(database: Database, tmp_path: Path) -> None:
    """Both are prepared on the same shards; the first by name waits for the second."""
    first = database.prepare(over_both(database, 1))
    second = database.prepare(over_both(database, 2, SERIALIZABLE))
    assert not first.done()
    assert not second.done()
    again = database.crashed(tmp_path / "again")
    assert [again.values(1), again.values(2)] == [[1, 1], [1, 1]]
    assert [shard.recover() for shard in again.shards] == [[], []]
    assert not any(shard.queue.held or shard.row_locks for shard in again.shards)
    again.close()


def test_the_log_of_a_killed_process_is_synced_before_it_is_relied_on(database: Database, tmp_path: Path) -> None:
    """Else a record that is forgotten, because all shards have committed, may be missed when one of them has not after all."""
    database.prepare(over_both(database, 1))
    assert database.committer.work()  # visible, and not on disk
    again = database.crashed(tmp_path / "again")
    assert again.synced == [0, 1]
    again.close()


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_times_go_on_when_a_crash_has_left_one_commit_half_visible(database: Database, tmp_path: Path, names: str) -> None:
    """One is shown by the second shard alone; another is decided, and shown by none: it comes later, on every shard."""
    half, later = names
    for gtrid, row in ((half, 1), (later, 2)):
        transaction = database.begin()
        for shard in range(SHARDS):
            write(transaction, shard, row)
        for branch in transaction.hold().values():
            branch.prepare(gtrid, (0, 1)).wait()
        database.coordinator.decide(gtrid, Decision(Verdict.COMMIT, (0, 1))).wait()
    database.shards[1].commit_prepared(half, database.clock.next_us()).wait()
    again = database.crashed(tmp_path / "again")
    times = []
    for shard in again.shards:
        headers = [shard.header(height) for height in range(1, shard.height + 1)]
        found = [header.time_us for header in headers if header is not None]
        assert found == sorted(set(found))
        times.append({header.gtrid: header.time_us for header in headers if header is not None and header.gtrid})
    assert times[0] == times[1] and times[0].keys() == {half, later}
    again.close()
