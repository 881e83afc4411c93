"""One-row writes by rowid: the row is locked when the statement runs, the shard's write lock is taken by COMMIT."""

from __future__ import annotations

import pytest

from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest, refused, waits

RC, RR, SERIALIZABLE = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
LEVELS = pytest.mark.parametrize("level", [RC, RR], ids=lambda level: level.name)


def client(shard: SqliteShard, level: Isolation) -> Actor:
    return Actor(shard, level, by_rowid=True)


@LEVELS
def test_nobody_has_the_write_lock_before_commit(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = client(shard, level), client(shard, level)
    assert t1.put(1, 11) == 1
    assert t2.put(2, 22) == 1
    assert t1.insert(3, 33) == 1
    assert not shard.queue.held
    t2.commit()
    assert latest(shard) == {1: 10, 2: 22}
    t1.commit()
    assert latest(shard) == {1: 11, 2: 22, 3: 33}
    assert not shard.queue.held and not shard.row_locks


@LEVELS
def test_it_reads_what_it_wrote(shard: SqliteShard, level: Isolation) -> None:
    t1 = client(shard, level)
    t1.put(1, 11)
    assert t1.get(2) == 20  # none of its rows: no write lock for that
    assert not shard.queue.held
    assert t1.get(1) == 11
    assert t1.all() == [(1, 11), (2, 20)]
    t1.pause()
    t1.remove(2)
    assert t1.all() == [(1, 11)]
    t1.rollback()
    assert latest(shard) == {1: 10, 2: 20}


def test_a_row_is_written_again(shard: SqliteShard) -> None:
    t1 = client(shard, RC)
    assert t1.put(1, 11) == 1
    assert t1.change("c1 = c1 + 1", "c0 = 1") == 1
    t1.pause()
    assert t1.remove(1) == 1
    t1.pause()
    assert t1.remove(1) == 0
    assert t1.insert(1, 100) == 1
    assert t1.remove(2) == 1
    assert t1.put(2, 5) == 0
    t1.commit()
    assert latest(shard) == {1: 100}


def test_a_row_removed_and_inserted_again(shard: SqliteShard) -> None:
    t1 = client(shard, RR)
    assert t1.remove(2) == 1
    assert t1.insert(2, 200) == 1
    assert not shard.queue.held
    with pytest.raises(UniqueViolation):
        t1.insert(2, 201)
    t1.commit()
    assert latest(shard) == {1: 10, 2: 200}


@LEVELS
def test_the_same_row_waits_for_the_first(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = client(shard, level), client(shard, level)
    t1.put(1, 11)
    waiting = waits(lambda: t2.put(1, 12))
    t1.commit()
    assert waiting.ticket.done()
    assert t2.put(1, 12) == 1
    t2.commit()
    assert latest(shard)[1] == 12


def test_a_row_that_is_not_there_is_locked_as_well(shard: SqliteShard) -> None:
    t1, t2 = client(shard, RR), client(shard, RR)
    assert t1.put(7, 70) == 0
    waiting = waits(lambda: t2.insert(7, 71))
    assert t1.insert(7, 72) == 1
    t1.commit()
    assert waiting.ticket.done()
    with pytest.raises(UniqueViolation):
        t2.insert(7, 71)
    t2.rollback()
    assert latest(shard)[7] == 72


def test_a_circle_of_waits_has_a_victim(shard: SqliteShard) -> None:
    t1, t2 = client(shard, RC), client(shard, RC)
    t1.put(1, 11)
    t2.put(2, 22)
    waiting = waits(lambda: t1.put(2, 12))
    assert refused(lambda: t2.put(1, 21)) == 1213
    assert waiting.ticket.done()
    assert t1.put(2, 12) == 1
    t1.commit()
    assert latest(shard) == {1: 11, 2: 12}


def test_waiting_too_long_fails_the_statement_alone(shard: SqliteShard) -> None:
    t1, t2 = client(shard, RC), client(shard, RC)
    t1.put(1, 11)
    t2.put(2, 22)
    t2.branch.lock_wait_timeout_s = 0
    assert refused(lambda: t2.put(1, 5)) == 1205
    assert t2.branch.is_open
    t2.commit()
    t1.commit()
    assert latest(shard) == {1: 11, 2: 22}


def test_no_update_is_lost(shard: SqliteShard) -> None:
    t1, t2 = client(shard, RR), client(shard, RR)
    assert t1.get(1) == 10
    t2.put(1, 11)
    t2.commit()
    assert refused(lambda: t1.put(1, 12)) == 1213
    assert latest(shard)[1] == 11


def test_savepoints(shard: SqliteShard) -> None:
    t1 = client(shard, RR)
    t1.put(1, 11)
    t1.branch.savepoint("a")
    t1.put(2, 22)
    t1.insert(3, 33)
    t1.branch.rollback_to("a")
    assert t1.get(2) == 20
    t1.insert(4, 44)
    t1.branch.release("a")
    t1.commit()
    assert latest(shard) == {1: 11, 2: 20, 4: 44}


def test_who_has_written_without_row_locks_is_waited_for(shard: SqliteShard) -> None:
    """Such a writer's rows are not known: nobody writes its tables at the latest committed state meanwhile."""
    t1, t2 = Actor(shard, SERIALIZABLE), client(shard, RC)
    t1.change("c1 = c1 + 1", "c0 = 1")
    waiting = waits(lambda: t2.put(1, 100))
    t1.commit()
    assert waiting.ticket.done()
    assert t2.change("c1 = c1 + 100", "c0 = 1") == 1
    t2.commit()
    assert latest(shard)[1] == 111


def test_a_statement_on_its_own_waits_for_the_row(shard: SqliteShard) -> None:
    t1, alone = client(shard, RC), Actor(shard, RC, alone=True)
    t1.put(1, 11)
    waits(lambda: alone.change("c1 = c1 + 1", "1"))
    assert not shard.queue.held
    t1.commit()
    assert alone.change("c1 = c1 + 1", "1") == 2
    alone.commit()
    assert latest(shard) == {1: 12, 2: 21}


def test_a_new_definition_waits_for_the_rows(shard: SqliteShard) -> None:
    t1, ddl = client(shard, RC), Actor(shard, RC, alone=True)
    t1.put(1, 11)
    script = [("ALTER TABLE t1 ADD COLUMN c2 INTEGER", ())]
    waits(lambda: ddl.branch.execute_ddl(script, ["t1"]))
    t1.commit()
    ddl.branch.execute_ddl(script, ["t1"])
    waits(lambda: client(shard, RC).put(2, 22))
    ddl.commit()
    assert latest(shard) == {1: 11, 2: 20}


def test_a_client_that_goes_away_leaves_nothing(shard: SqliteShard) -> None:
    t1, t2 = client(shard, RC), client(shard, RC)
    t1.put(1, 11)
    waiting = waits(lambda: t2.put(1, 12))
    t1.rollback()
    assert waiting.ticket.done()
    t2.rollback()
    assert latest(shard) == {1: 10, 2: 20}
    assert not shard.row_locks and not shard.queue.held


def test_a_large_transaction_takes_the_write_lock(shard: SqliteShard) -> None:
    """Doing everything again at COMMIT is for few rows."""
    t1 = client(shard, RC)
    for row in range(100, 100 + 2 * shard.settings.write_set_rows_max):
        t1.insert(row, row)
        t1.pause()
    assert shard.queue.held
    t1.commit()
    assert len(latest(shard)) == 2 + 2 * shard.settings.write_set_rows_max
    assert not shard.queue.held
