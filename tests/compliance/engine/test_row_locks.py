"""Two clients write different rows at once; the same row one after the other."""

from __future__ import annotations

import pytest

from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest, refused, waits

RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ
LEVELS = pytest.mark.parametrize("level", [RC, RR], ids=lambda level: level.name)


def paused(shard: SqliteShard, level: Isolation, row: int, value: int) -> Actor:
    """A client that has written one row and has not ended its transaction."""
    actor = Actor(shard, level)
    actor.put(row, value)
    actor.pause()
    return actor


@LEVELS
def test_different_rows_do_not_wait(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = paused(shard, level, 1, 11), paused(shard, level, 2, 22)
    assert t1.get(1) == 11
    t1.pause()
    assert t2.get(2) == 22
    t2.pause()
    t2.commit()
    assert latest(shard) == {1: 10, 2: 22}
    t1.commit()
    assert latest(shard) == {1: 11, 2: 22}
    assert not shard.queue.held and not shard.row_locks


def test_same_row_waits_for_the_first(shard: SqliteShard) -> None:
    t1 = paused(shard, RC, 1, 11)
    t2 = Actor(shard, RC)
    waiting = waits(lambda: t2.change("c1 = c1 + 100", "c0 = 1"))
    assert not waiting.ticket.done()
    t1.commit()
    assert waiting.ticket.done()
    assert t2.change("c1 = c1 + 100", "c0 = 1") == 1
    t2.commit()
    assert latest(shard)[1] == 111


def test_statement_on_its_own_waits_too(shard: SqliteShard) -> None:
    t1 = paused(shard, RC, 1, 11)
    alone = Actor(shard, RC, alone=True)
    waits(lambda: alone.change("c1 = c1 + 1", "1"))
    assert not shard.queue.held
    t1.rollback()
    assert alone.change("c1 = c1 + 1", "1") == 2
    alone.commit()
    assert latest(shard) == {1: 11, 2: 21}


def test_circle_of_waits_has_a_victim(shard: SqliteShard) -> None:
    t1, t2 = paused(shard, RC, 1, 11), paused(shard, RC, 2, 22)
    waiting = waits(lambda: t1.put(2, 12))
    assert refused(lambda: t2.put(1, 21)) == 1213
    assert not t2.branch.is_open
    assert waiting.ticket.done()
    assert t1.put(2, 12) == 1
    t1.commit()
    assert latest(shard) == {1: 11, 2: 12}


def test_wait_that_takes_too_long_fails_alone(shard: SqliteShard) -> None:
    t1 = paused(shard, RC, 1, 11)
    t2 = paused(shard, RC, 2, 22)
    t2.branch.lock_wait_timeout_s = 0
    assert refused(lambda: t2.put(1, 5)) == 1205
    assert t2.branch.is_open
    t2.commit()
    t1.commit()
    assert latest(shard) == {1: 11, 2: 22}


def test_first_committer_wins(shard: SqliteShard) -> None:
    t2 = Actor(shard, RR)
    assert t2.get(1) == 10
    t2.pause()
    t1 = paused(shard, RR, 1, 11)
    waits(lambda: t2.put(1, 12))
    t1.commit()
    assert refused(lambda: t2.put(1, 12)) == 1213
    assert latest(shard)[1] == 11


def test_key_that_is_being_removed_is_waited_for(shard: SqliteShard) -> None:
    t1 = Actor(shard, RC)
    t1.delete("c0 = 1")
    t1.pause()
    t2 = Actor(shard, RC)
    waits(lambda: t2.insert(1, 99))
    t1.rollback()
    with pytest.raises(UniqueViolation):
        t2.insert(1, 99)
    t2.rollback()


def test_unique_value_that_is_being_inserted_is_waited_for(shard: SqliteShard) -> None:
    made = shard.begin(RC)
    made.execute_ddl(
        [("CREATE TABLE u (_rowid INTEGER PRIMARY KEY, k INTEGER) STRICT", ()), ("CREATE UNIQUE INDEX uk ON u (k)", ())]
    )
    made.commit().wait()
    t1, t2, t3 = (Actor(shard, RC) for _ in range(3))
    t1.branch.write("INSERT INTO u (k) VALUES (7)", ())
    t1.pause()
    t3.branch.write("INSERT INTO u (k) VALUES (8)", ())  # the same next rowid, which nobody sees
    t3.pause()
    waits(lambda: t2.branch.write("INSERT INTO u (k) VALUES (7)", ()))
    t1.commit()
    with pytest.raises(UniqueViolation):
        t2.branch.write("INSERT INTO u (k) VALUES (7)", ())
    t2.rollback()
    t3.commit()
    assert sorted(shard.autocommit_query("SELECT k FROM u", (), inline=False)) == [(7,), (8,)]


@LEVELS
def test_savepoints_outlive_the_write_lock(shard: SqliteShard, level: Isolation) -> None:
    t1 = paused(shard, level, 1, 11)
    t1.branch.savepoint("a")
    t1.pause()
    other = paused(shard, level, 2, 22)
    t1.put(1, 12)
    t1.pause()
    other.commit()
    t1.branch.rollback_to("a")
    assert t1.get(1) == 11
    t1.pause()
    t1.commit()
    assert latest(shard) == {1: 11, 2: 22}


def test_schema_change_waits_for_who_has_written_the_table(shard: SqliteShard) -> None:
    t1 = paused(shard, RC, 1, 11)
    ddl = Actor(shard, RC, alone=True)
    waits(lambda: ddl.branch.execute_ddl([("DROP TABLE t1", ())], ["t1"]))
    t1.commit()
    ddl.branch.execute_ddl([("DROP TABLE t1", ())], ["t1"])
    ddl.commit()


def test_large_transaction_keeps_the_write_lock(shard: SqliteShard) -> None:
    t1 = Actor(shard, RC)
    t1.branch.write_many("INSERT INTO t1 VALUES (?, 0)", [(row,) for row in range(100, 400)])
    t1.pause()
    assert t1.branch.holds_lock
    t2 = Actor(shard, RC)
    waits(lambda: t2.put(1, 11))
    t1.commit()
    t2.put(1, 11)
    t2.commit()
    assert len(latest(shard)) == 302


@pytest.mark.parametrize("prepared", [False, True], ids=["open", "prepared"])
@pytest.mark.parametrize("level", [RC, RR, Isolation.SERIALIZABLE, None], ids=["RC", "RR", "SERIALIZABLE", "on its own"])
def test_a_value_in_a_unique_key_waits_for_who_has_put_it_there(
    shard: SqliteShard, level: Isolation | None, prepared: bool
) -> None:
    """However the one who waits locks its rows; what is prepared must fit, since nobody can refuse it any more."""
    setup = shard.begin(RC)
    setup.execute_ddl([("CREATE TABLE k (a INTEGER PRIMARY KEY, b TEXT UNIQUE) STRICT", ())])
    setup.write("INSERT INTO k VALUES (1, 'one'), (2, 'two')", ())
    setup.commit().wait()
    first = shard.begin(RC, two_phase=prepared)
    first.write("INSERT INTO k VALUES (3, 'x')", ())
    first.write("UPDATE k SET b = 'y' WHERE a = 1", ())
    if prepared:
        first.prepare("g1").wait()
    else:
        first.pause()
    for sql in ("INSERT INTO k VALUES (4, 'x')", "UPDATE k SET b = 'y' WHERE a = 2"):
        other = shard.begin(level or RC, alone=level is None)
        waiting = waits(lambda other=other, sql=sql: other.write(sql, ()))
        assert not waiting.ticket.done()
        other.rollback()
    free = shard.begin(RC, alone=True)
    free.write("INSERT INTO k VALUES (4, 'z')", ())
    free.commit().wait()
    first.commit().wait()
    last = shard.begin(RC, alone=True)
    with pytest.raises(UniqueViolation):
        last.write("INSERT INTO k VALUES (5, 'x')", ())
    last.rollback()
    assert not shard.queue.held and not shard.row_locks
