"""Savepoints, statement atomicity, the write lock between branches, and the end of transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fauna.session.result import MustMove, MustWait
from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, TableAccess, Watch
from tests.compliance.engine.actors import Actor, latest, make_tables, refused, waits
from tests.compliance.engine.conftest import OpenShard

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
ALL = pytest.mark.parametrize("level", list(Isolation), ids=lambda level: level.name)


class TestSavepoints:
    @ALL
    def test_rollback_to_undoes_what_came_after(self, shard: SqliteShard, level: Isolation) -> None:
        t1 = Actor(shard, level)
        t1.put(1, 11)
        t1.branch.savepoint("a")
        t1.put(2, 22)
        t1.branch.savepoint("b")
        t1.insert(3, 33)
        t1.branch.rollback_to("a")
        assert t1.all() == [(1, 11), (2, 20)]
        assert refused(lambda: t1.branch.rollback_to("b")) == 1305
        t1.branch.rollback_to("a")
        t1.commit()
        assert latest(shard) == {1: 11, 2: 20}

    def test_set_before_the_first_write(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RR)
        t1.branch.savepoint("a")
        t1.get(1)
        t1.branch.savepoint("b")
        t1.put(1, 11)
        t1.branch.rollback_to("b")
        assert t1.get(1) == 10
        t1.put(1, 12)
        t1.branch.rollback_to("a")
        t1.commit()
        assert latest(shard)[1] == 10

    def test_same_name_again_moves_it(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        t1.branch.savepoint("a")
        t1.put(1, 12)
        t1.branch.savepoint("a")
        t1.put(1, 13)
        t1.branch.rollback_to("a")
        assert t1.get(1) == 12
        t1.branch.release("a")
        assert refused(lambda: t1.branch.rollback_to("a")) == 1305
        t1.commit()
        assert latest(shard)[1] == 12

    def test_release_drops_later_ones(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        for name in ("a", "b", "c"):
            t1.branch.savepoint(name)
            t1.put(1, ord(name))
        t1.branch.release("b")
        assert refused(lambda: t1.branch.release("c")) == 1305
        t1.branch.rollback_to("a")
        assert t1.get(1) == 10
        t1.rollback()

    def test_undone_changes_are_not_in_the_history(self, shard: SqliteShard) -> None:
        start = shard.position
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        t1.branch.savepoint("a")
        t1.put(2, 22)
        t1.branch.rollback_to("a")
        t1.commit()
        assert [(change.table, change.op, change.rowid) for change in shard.changes(start)] == [("t1", "UPDATE", 1)]


class TestStatements:
    def test_failed_statement_undoes_only_itself(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        with pytest.raises(UniqueViolation) as raised:
            t1.branch.write("INSERT INTO t1 VALUES (3, 30), (2, 0)", ())
        assert (raised.value.table, raised.value.columns, raised.value.primary) == ("t1", ("c0",), True)
        assert t1.all() == [(1, 11), (2, 20)]
        t1.commit()
        assert latest(shard) == {1: 11, 2: 20}

    def test_write_many_is_one_statement(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        assert t1.branch.write_many("INSERT INTO t1 VALUES (?, ?)", [(row, row) for row in range(10, 15)]).changes == 5
        with pytest.raises(UniqueViolation) as raised:
            t1.branch.write_many("INSERT INTO t1 VALUES (?, ?)", [(20, 1), (21, 1), (20, 1)])
        assert raised.value.row == 3
        assert len(t1.all()) == 7
        t1.commit()
        assert len(latest(shard)) == 7

    def test_several_writes_as_one_statement(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.branch.begin_statement()
        t1.put(1, 11)
        t1.put(2, 22)
        t1.branch.end_statement(keep=False)
        assert t1.all() == [(1, 10), (2, 20)]
        t1.branch.begin_statement()
        t1.put(1, 11)
        t1.branch.end_statement(keep=True)
        t1.commit()
        assert latest(shard) == {1: 11, 2: 20}

    def test_statement_within_a_statement(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.branch.begin_statement()
        t1.put(1, 11)
        with pytest.raises(UniqueViolation):
            t1.branch.write_many("INSERT INTO t1 VALUES (?, ?)", [(3, 3), (3, 3)])
        assert t1.all() == [(1, 11), (2, 20)]
        t1.branch.write_many("INSERT INTO t1 VALUES (?, ?)", [(3, 3), (4, 4)])
        t1.branch.end_statement(keep=False)
        assert t1.all() == [(1, 10), (2, 20)]
        t1.commit()
        assert latest(shard) == {1: 10, 2: 20}

    def test_returning(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        written = t1.branch.write("DELETE FROM t1 RETURNING c0, c1", ())
        assert (written.changes, list(written.rows)) == (2, [(1, 10), (2, 20)])
        t1.rollback()

    def test_ddl_is_part_of_the_transaction(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.branch.execute_ddl([("CREATE TABLE t3 (c0 INTEGER PRIMARY KEY) STRICT", ()), ("INSERT INTO t3 VALUES (?)", (5,))])
        t1.rollback()
        t2 = Actor(shard, RC)
        with pytest.raises(Exception, match="no such table"):
            t2.branch.query("SELECT * FROM t3", (), [], inline=False)

    def test_ddl_conflicts_with_who_read_the_table(self, shard: SqliteShard) -> None:
        t1, t2 = Actor(shard, SER), Actor(shard, RC)
        t1.get(1)
        t2.branch.execute_ddl([("ALTER TABLE t1 ADD COLUMN c2 INTEGER", ())], ["t1"])
        t2.commit()
        assert refused(lambda: t1.insert(1, 1, "t2")) == 1213

    def test_big_transactions_count_as_whole_tables(self, open_shard: OpenShard) -> None:
        shard = open_shard(EngineSettings(tracked_rows_max=10))
        make_tables(shard)
        t1, t2 = Actor(shard, RR), Actor(shard, RC)
        assert t1.get(1) == 10
        t2.branch.write_many("INSERT INTO t1 VALUES (?, ?)", [(row, row) for row in range(10, 50)])
        t2.commit()
        t1.insert(1, 1, "t2")  # mixed mode, no conflict
        assert t1.get(1) == 10
        assert refused(lambda: t1.put(1, 11)) == 1213


class TestLock:
    def test_waits_and_is_handed_over(self, shard: SqliteShard) -> None:
        t1, t2, t3 = (Actor(shard, RC) for _ in range(3))
        t1.put(1, 11)
        second = waits(lambda: t2.put(1, 12)).ticket
        assert waits(lambda: t2.put(1, 12)).ticket is second
        third = waits(lambda: t3.put(1, 13)).ticket
        t1.commit()
        assert (second.done(), third.done()) == (True, False)
        t2.put(1, 12)
        t2.rollback()
        assert third.done()
        t3.put(1, 13)
        t3.commit()
        assert latest(shard)[1] == 13

    def test_timeout_leaves_the_transaction_open(self, shard: SqliteShard) -> None:
        t1, t2 = Actor(shard, RC), Actor(shard, RR, lock_wait_timeout_s=0.05)
        t1.put(1, 11)
        assert t2.get(2) == 20
        ticket = waits(lambda: t2.put(2, 22)).ticket
        assert refused(ticket.wait) == 1205
        assert refused(lambda: t2.put(2, 22)) == 1205
        assert t2.branch.is_open
        assert t2.get(2) == 20
        t1.commit()
        t2.put(2, 22)
        t2.commit()
        assert latest(shard) == {1: 11, 2: 22}

    def test_timeout_zero(self, shard: SqliteShard) -> None:
        t1, t2 = Actor(shard, RC), Actor(shard, RC, lock_wait_timeout_s=0)
        t1.put(1, 11)
        assert refused(lambda: t2.put(1, 12)) == 1205

    def test_client_that_vanishes_while_waiting(self, shard: SqliteShard) -> None:
        t1, t2, t3 = (Actor(shard, RC) for _ in range(3))
        t1.put(1, 11)
        waits(lambda: t2.put(1, 12))
        third = waits(lambda: t3.put(1, 13)).ticket
        t2.rollback()
        t1.commit()
        assert third.done()
        t3.rollback()
        assert not shard.queue.held

    def test_client_that_vanishes_when_just_granted(self, shard: SqliteShard) -> None:
        t1, t2, t3 = (Actor(shard, RC) for _ in range(3))
        t1.put(1, 11)
        waits(lambda: t2.put(1, 12))
        third = waits(lambda: t3.put(1, 13)).ticket
        t1.commit()
        assert not third.done()
        t2.rollback()
        assert third.done()
        t3.rollback()

    def test_kill_query_ends_the_wait(self, shard: SqliteShard) -> None:
        watch = Watch()
        t1, t2 = Actor(shard, RC), Actor(shard, RC, watch=watch)
        t1.put(1, 11)
        ticket = waits(lambda: t2.put(1, 12)).ticket
        threading.Timer(0.02, watch.interrupt).start()
        assert refused(lambda: ticket.wait(5)) == 1317
        assert refused(lambda: t2.put(1, 12)) == 1317
        watch.clear()
        t1.commit()
        t2.put(1, 12)
        t2.commit()

    def test_readers_never_wait(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, SER)
        t1.put(1, 11)
        for level in Isolation:
            reader = Actor(shard, level)
            assert reader.all() == [(1, 10), (2, 20)]
            reader.commit()
        assert latest(shard) == {1: 10, 2: 20}
        t1.rollback()

    def test_read_only(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RR, read_only=True)
        assert t1.get(1) == 10
        assert refused(lambda: t1.put(1, 11)) == 1792
        assert refused(lambda: t1.branch.execute_ddl([("CREATE TABLE x (a)", ())])) == 1792
        assert t1.get(1) == 10
        t1.commit()

    def test_locking_read_without_a_snapshot_sees_the_latest(self, shard: SqliteShard) -> None:
        t1, t2 = Actor(shard, RR), Actor(shard, RR)
        t2.put(1, 11)
        t2.commit()
        assert t1.get_locked(1) == 11
        t3 = Actor(shard, RC)
        waits(lambda: t3.put(1, 14))
        t1.put(1, 13)
        t1.commit()
        t3.put(1, 14)
        t3.commit()
        assert latest(shard)[1] == 14


class TestEnd:
    def test_closed_branch_refuses(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        t1.commit()
        assert not t1.branch.is_open
        for call in (t1.commit, lambda: t1.get(1), lambda: t1.put(1, 1), lambda: t1.branch.savepoint("a")):
            assert refused(call) == 1105
        t1.rollback()

    def test_nothing_is_left_behind(self, shard: SqliteShard) -> None:
        for level in Isolation:
            for end in ("commit", "rollback"):
                t1 = Actor(shard, level)
                t1.get(1)
                t1.put(1, 10)
                getattr(t1, end)()
        assert shard.history.open_snapshots == 0
        assert not shard.queue.held
        assert shard.pool.open <= 2

    def test_too_many_snapshots(self, open_shard: OpenShard) -> None:
        shard = open_shard(EngineSettings(readers_max=3))
        make_tables(shard)
        actors = [Actor(shard, RR) for _ in range(4)]
        for actor in actors[:3]:
            actor.get(1)
        assert refused(lambda: actors[3].get(1)) == 1637
        assert latest_one(shard) == 10  # the loop's reader is not of the pool
        actors[0].rollback()
        assert actors[3].get(1) == 10
        for actor in actors:
            actor.rollback()


def big_table(shard: SqliteShard, rows: int = 30_000) -> None:
    t1 = shard.begin(RC)
    sql = "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO t1 SELECT i, i FROM n"
    t1.write(sql, (rows + 99,))
    t1.commit().wait()


class TestLimits:
    SCAN = "SELECT count(*) FROM t1 WHERE c1 % 7 = 3"

    @pytest.fixture(autouse=True)
    def _big(self, shard: SqliteShard) -> None:
        big_table(shard)

    def test_short_query_stays_inline(self, shard: SqliteShard) -> None:
        for _ in range(5_000):
            assert list(shard.autocommit_query("SELECT c1 FROM t1 WHERE c0 = ?", (1,), inline=True)) == [(10,)]

    def test_long_query_must_move(self, shard: SqliteShard) -> None:
        with pytest.raises(MustMove):
            shard.autocommit_query(self.SCAN, (), inline=True)
        assert list(shard.autocommit_query(self.SCAN, (), inline=False)) == [(4287,)]
        assert latest_one(shard) == 10

    def test_many_rows_must_move(self, shard: SqliteShard) -> None:
        with pytest.raises(MustMove):
            shard.autocommit_query("SELECT * FROM t1 LIMIT 501", (), inline=True)
        assert len(list(shard.autocommit_query("SELECT * FROM t1 LIMIT 500", (), inline=True))) == 500
        # What was left unread must not keep an old snapshot open.
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        t1.commit()
        assert latest_one(shard) == 11

    def test_large_rows_must_move(self, shard: SqliteShard) -> None:
        sql = "SELECT zeroblob(?) FROM t1 LIMIT ?"
        with pytest.raises(MustMove):
            shard.autocommit_query(sql, (20_000, 100), inline=True)
        assert len(list(shard.autocommit_query(sql, (20_000, 30), inline=True))) == 30
        assert len(list(shard.autocommit_query(sql, (100, 400), inline=True))) == 400

    def test_interrupted_write_many_undoes_only_itself(self, shard: SqliteShard) -> None:
        watch = Watch()
        t1 = Actor(shard, RC, watch=watch)
        t1.put(1, 11)

        def rows() -> Iterator[tuple[int, int]]:
            for row in range(100_000, 200_000):
                if row == 101_000:
                    watch.interrupt()
                yield (row, row)

        assert refused(lambda: t1.branch.write_many("INSERT INTO t1 VALUES (?, ?)", rows())) == 1317
        watch.clear()
        assert t1.branch.is_open
        assert t1.all("c0 >= 100000 OR c0 = 1") == [(1, 11)]
        t1.commit()

    def test_long_query_in_a_transaction_must_move(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RR)
        with pytest.raises(MustMove):
            t1.branch.query(self.SCAN, (), [TableAccess("t1")], inline=True)
        assert list(t1.branch.query(self.SCAN, (), [TableAccess("t1")], inline=False)) == [(4287,)]
        t1.put(1, 11)
        with pytest.raises(MustMove):
            t1.branch.query(self.SCAN, (), [TableAccess("t1")], inline=True)
        t1.commit()
        assert latest_one(shard) == 11

    def test_long_first_write_must_move_and_leaves_nothing(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.branch.savepoint("a")
        with pytest.raises(MustMove):
            t1.branch.write("UPDATE t1 SET c1 = c1 + 1", (), inline=True)
        assert t1.branch.is_open
        assert t1.get(1) == 10
        assert t1.branch.write("UPDATE t1 SET c1 = c1 + 1", (), inline=False).changes == 30_002
        t1.branch.rollback_to("a")
        t1.put(1, 11)
        t1.commit()
        assert latest_one(shard) == 11

    def test_long_later_write_must_move_and_loses_nothing(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RC)
        t1.put(1, 11)
        with pytest.raises(MustMove):
            t1.branch.write("UPDATE t1 SET c1 = c1 + 1 WHERE c0 > 1", (), inline=True)
        assert t1.get(1) == 11
        t1.commit()
        assert latest_one(shard) == 11

    def test_long_later_write_moves_only_where_it_ticks(self, shard: SqliteShard) -> None:
        """What keeps the write lock to its end cannot be done again."""
        t1 = Actor(shard, Isolation.SERIALIZABLE)
        t1.put(1, 11)
        with pytest.raises(MustMove):
            t1.branch.write("UPDATE t1 SET c1 = c1 + 1 WHERE fauna_tick() AND c0 > 1", (), inline=True)
        assert t1.get(1) == 11
        assert t1.branch.write("UPDATE t1 SET c1 = c1 + 1 WHERE c0 > 1", (), inline=True).changes == 30_001
        with pytest.raises(MustMove):  # once bitten
            t1.branch.write("UPDATE t1 SET c1 = c1 + 1 WHERE c0 > 1", (), inline=True)
        t1.commit()
        assert latest_one(shard) == 11

    @pytest.mark.parametrize("inline", [True, False])
    def test_interrupted_query(self, shard: SqliteShard, inline: bool) -> None:
        watch = Watch()
        watch.interrupt()
        assert refused(lambda: shard.autocommit_query(self.SCAN, (), inline=inline, watch=watch)) == 1317
        watch.clear()
        assert latest_one(shard) == 10

    def test_interrupted_by_another_thread(self, shard: SqliteShard) -> None:
        watch = Watch()
        threading.Timer(0.05, watch.interrupt).start()
        endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        assert refused(lambda: shard.autocommit_query(endless, (), inline=False, watch=watch)) == 1317

    def test_statement_timeout(self, shard: SqliteShard) -> None:
        watch = Watch()
        watch.clear(max_statement_time_s=0.03)
        endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        t1 = Actor(shard, RR, watch=watch)
        assert refused(lambda: t1.branch.query(endless, (), [], inline=False)) == 1969
        watch.clear()
        assert t1.get(1) == 10
        t1.commit()

    def test_interrupted_write_that_ticks_undoes_only_itself(self, shard: SqliteShard) -> None:
        watch = Watch()
        t1 = Actor(shard, RC, watch=watch)
        t1.put(1, 11)
        watch.interrupt()
        assert refused(lambda: t1.branch.write("UPDATE t1 SET c1 = 0 WHERE fauna_tick()", ())) == 1317
        watch.clear()
        assert t1.branch.is_open
        assert t1.all("c0 < 100") == [(1, 11), (2, 20)]
        t1.commit()
        assert latest_one(shard) == 11

    def test_interrupted_later_write_undoes_only_itself(self, shard: SqliteShard) -> None:
        watch = Watch()
        t1 = Actor(shard, RC, watch=watch)
        t1.put(1, 11)
        watch.interrupt()
        assert refused(lambda: t1.branch.write("UPDATE t1 SET c1 = 0", ())) == 1317
        watch.clear()
        assert t1.branch.is_open
        t1.commit()
        assert latest_one(shard) == 11

    def test_interrupted_later_write_takes_a_serializable_transaction_with_it(self, shard: SqliteShard) -> None:
        """The known limit of statements that do not tick: `is_open` tells, and nothing is half done."""
        watch = Watch()
        t1 = Actor(shard, Isolation.SERIALIZABLE, watch=watch)
        t1.put(1, 11)
        watch.interrupt()
        assert refused(lambda: t1.branch.write("UPDATE t1 SET c1 = 0", ())) == 1317
        assert not t1.branch.is_open
        assert latest_one(shard) == 10
        assert not shard.queue.held


def latest_one(shard: SqliteShard) -> object:
    return list(shard.autocommit_query("SELECT c1 FROM t1 WHERE c0 = 1", (), inline=True))[0][0]


class TestStreams:
    @pytest.fixture(autouse=True)
    def _big(self, shard: SqliteShard) -> None:
        big_table(shard, 5_000)

    def test_read_in_batches(self, shard: SqliteShard) -> None:
        rows = shard.autocommit_query("SELECT c0 FROM t1", (), inline=False)
        assert not rows.ready
        sizes = []
        while batch := rows.fetch(1000):
            sizes.append(len(batch))
        assert sizes == [1000] * 5 + [2]
        assert rows.fetch(10) == []
        assert shard.pool.open == 1

    def test_iterated(self, shard: SqliteShard) -> None:
        assert len(list(shard.autocommit_query("SELECT c0 FROM t1", (), inline=False))) == 5002

    def test_closed_half_way(self, shard: SqliteShard) -> None:
        for _ in range(5):
            rows = shard.autocommit_query("SELECT c0 FROM t1", (), inline=False)
            assert next(rows) == (1,)
            rows.close()
            rows.close()
        assert shard.pool.open == 1

    def test_forgotten(self, shard: SqliteShard) -> None:
        for _ in range(5):
            next(shard.autocommit_query("SELECT c0 FROM t1", (), inline=False))
        assert shard.pool.open == 1

    def test_two_at_once_in_one_transaction(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RR)
        first = t1.branch.query("SELECT c0 FROM t1", (), [TableAccess("t1")], inline=False)
        second = t1.branch.query("SELECT c0 FROM t1 ORDER BY c0 DESC", (), [TableAccess("t1")], inline=False)
        assert (next(first), next(second)) == ((1,), (5099,))
        assert (len(list(first)), len(list(second))) == (5001, 5001)
        t1.commit()

    @ALL
    def test_survives_a_write_and_the_commit(self, shard: SqliteShard, level: Isolation) -> None:
        t1 = Actor(shard, level)
        rows = t1.branch.query("SELECT c1 FROM t1", (), [TableAccess("t1")], inline=False)
        assert next(rows) == (10,)
        t1.branch.write("UPDATE t1 SET c1 = 0", ())
        later = t1.branch.query("SELECT c1 FROM t1", (), [TableAccess("t1")], inline=False)
        t1.commit()
        assert next(rows) == (20,)
        assert len(list(rows)) == 5000
        assert set(later) == {(0,)}

    def test_after_rollback_it_fails_or_ends(self, shard: SqliteShard) -> None:
        t1 = Actor(shard, RR)
        rows = t1.branch.query("SELECT c1 FROM t1", (), [TableAccess("t1")], inline=False)
        t1.rollback()
        assert len(rows.fetch(10)) == 10
        assert refused(lambda: list(rows)) == 1041

    def test_error_in_the_middle(self, shard: SqliteShard) -> None:
        from fauna.shard.engine_errors import Overflow

        rows = shard.autocommit_query("SELECT abs(iif(c0 = 3000, -9223372036854775808, c0)) FROM t1", (), inline=False)
        with pytest.raises(Overflow):
            list(rows)
        assert shard.pool.open == 1
        assert latest_one(shard) == 10


def test_must_wait_does_nothing(shard: SqliteShard) -> None:
    t1, t2 = Actor(shard, RC), Actor(shard, RR)
    t1.put(1, 11)
    with pytest.raises(MustWait):
        t2.branch.write_many("INSERT INTO t2 VALUES (?, ?)", [(1, 1)])
    t1.commit()
    t2.branch.write_many("INSERT INTO t2 VALUES (?, ?)", [(1, 1)])
    t2.commit()
    assert latest(shard, "t2") == {1: 1}
