"""Many threads at once: money is neither made nor lost, and nobody is forgotten in the queue."""

from __future__ import annotations

import random
import threading
import time

import pytest

from fauna.errors import SqlError
from fauna.session.result import MustWait
from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, TableAccess, Watch
from tests.compliance.engine.actors import Actor, latest, waiting

ACCOUNTS = 20
TOTAL = ACCOUNTS * 100


def transfer(shard: SqliteShard, level: Isolation, chance: random.Random) -> bool:
    actor = Actor(shard, level)
    giver, taker = chance.sample(range(ACCOUNTS), 2)
    try:
        if level <= Isolation.READ_COMMITTED:
            balance, other = waiting(lambda: actor.get_locked(giver)), waiting(lambda: actor.get_locked(taker))
        else:
            balance, other = actor.get(giver), actor.get(taker)
        amount = chance.randrange(10)
        waiting(lambda: actor.put(giver, balance - amount))
        waiting(lambda: actor.put(taker, other + amount))
        actor.commit()
    except SqlError as failed:
        assert failed.errno in (1205, 1213)
        actor.rollback()
        return False
    return True


@pytest.mark.parametrize(
    "level", [Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE], ids=lambda level: level.name
)
def test_bank(shard: SqliteShard, level: Isolation) -> None:
    setup = Actor(shard, level)
    setup.branch.write("DELETE FROM t1", ())
    setup.branch.write_many("INSERT INTO t1 VALUES (?, 100)", [(account,) for account in range(ACCOUNTS)])
    setup.commit()
    until = time.monotonic() + 2
    done, tried, failures = [0] * 64, [0] * 64, []

    def work(number: int) -> None:
        chance = random.Random(number)
        try:
            while time.monotonic() < until:
                tried[number] += 1
                if number % 8 == 0:
                    actor = Actor(shard, Isolation.REPEATABLE_READ, read_only=True)
                    parts = [actor.get(account) or 0 for account in range(ACCOUNTS)]
                    [(total,)] = actor.branch.query("SELECT sum(c1) FROM t1", (), [TableAccess("t1")], inline=False)
                    actor.commit()
                    assert sum(parts) == total == TOTAL
                    done[number] += 1
                else:
                    done[number] += transfer(shard, level, chance)
        except BaseException as failed:
            failures.append(failed)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    assert sum(latest(shard).values()) == TOTAL
    assert min(tried) >= 1  # nobody is forgotten
    assert sum(done) > 50
    assert shard.history.open_snapshots == 0
    assert not shard.queue.held
    assert shard.integrity_errors() == []


def test_chaos_leaves_nothing_behind(shard: SqliteShard) -> None:
    """Clients that vanish while they wait, are killed, time out, leave results half read: nobody's lock or snapshot stays."""
    until = time.monotonic() + 2
    watches = [Watch() for _ in range(16)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        chance, watch = random.Random(number), watches[number]
        while time.monotonic() < until:
            watch.clear()
            level = chance.choice(list(Isolation))
            actor = Actor(shard, level, watch=watch, lock_wait_timeout_s=chance.choice([0, 0.002, 1]))
            try:
                for _ in range(chance.randrange(1, 6)):
                    one_call(actor, chance)
                if chance.random() < 0.7:
                    actor.commit()
            except MustWait as wait:
                if chance.random() < 0.3:
                    wait.ticket.on_done(lambda: None)
            except (SqlError, UniqueViolation) as failed:
                if isinstance(failed, SqlError):
                    assert failed.errno in (1205, 1213, 1317), failed
            except BaseException as failed:
                failures.append(failed)
                raise
            finally:
                actor.rollback()

    def kill() -> None:
        chance = random.Random(99)
        while time.monotonic() < until:
            chance.choice(watches).interrupt()
            time.sleep(0.0005)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)] + [threading.Thread(target=kill)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    assert shard.queue.waiting == 0
    assert not shard.queue.held
    assert shard.history.open_snapshots == 0
    assert shard.pool.open == len(shard.pool._idle)
    assert shard.integrity_errors() == []


def one_call(actor: Actor, chance: random.Random) -> None:
    row = chance.randrange(50)
    match chance.randrange(7):
        case 0:
            actor.get(row)
        case 1:
            waiting(lambda: actor.put(row, row))
        case 2:
            actor.put(row, row)
        case 3:
            rows = [(row + step, 1) for step in range(3)]
            waiting(lambda: actor.branch.write_many("INSERT INTO t1 VALUES (?, ?)", rows))
        case 4:
            sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) SELECT i FROM n, t1"
            next(actor.branch.query(sql, (), [TableAccess("t1")], inline=False), None)
        case 5:
            waiting(lambda: actor.delete(f"c0 > {row}"))
        case _:
            waiting(lambda: actor.get_locked(row))


def test_reader_never_waits_for_a_writer(shard: SqliteShard) -> None:
    """While a transaction holds the lock, and while a large one commits, reads take no longer than usual."""
    writer = Actor(shard, Isolation.READ_COMMITTED)
    sql = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) INSERT INTO t1 SELECT i, i FROM n"
    finished = threading.Event()

    def write() -> None:
        writer.branch.write(sql, ())
        writer.commit()
        finished.set()

    thread = threading.Thread(target=write)
    thread.start()
    slowest, reads = 0.0, 0
    while not finished.is_set():
        start = time.perf_counter()
        assert list(shard.autocommit_query("SELECT c1 FROM t1 WHERE c0 = 1", (), inline=True)) == [(10,)]
        reader = Actor(shard, Isolation.REPEATABLE_READ)
        assert reader.get(2) == 20
        reader.commit()
        slowest = max(slowest, time.perf_counter() - start)
        reads += 1
    thread.join()
    assert reads > 50
    assert slowest < 0.25


def test_no_commit_is_lost_when_the_lock_is_taken_that_very_moment(shard: SqliteShard) -> None:
    """A transaction that pauses offers its write lock; whoever takes it undoes what it wrote, in a thread of its own.  A COMMIT
    that comes in the middle of that must wait for its end, or it would find nothing to commit."""
    undoing, go_on = threading.Event(), threading.Event()

    def look(cursor: object, sql: str, bindings: object) -> bool:
        if "table_xinfo" in sql and not undoing.is_set():
            undoing.set()
            assert go_on.wait(10)
        return True

    actor = Actor(shard, Isolation.READ_COMMITTED)
    actor.insert(3, 30)
    actor.branch.pause()
    writer = shard.writer
    writer.shapes.forget()  # so that undoing asks the engine for the table's columns, where it can be stopped
    writer.handle.connection.exec_trace = look
    taking = threading.Thread(target=shard.queue.try_acquire)
    taking.start()
    assert undoing.wait(10)
    committing = threading.Thread(target=lambda: waiting(actor.branch.commit))
    committing.start()
    committing.join(0.2)
    go_on.set()
    taking.join()
    writer.handle.connection.exec_trace = None
    shard.queue.release()
    committing.join()
    assert latest(shard) == {1: 10, 2: 20, 3: 30}
