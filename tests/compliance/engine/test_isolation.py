"""The known anomalies, as two-session scripts: the Hermitage cases (github.com/ept/hermitage) and the classic names.

level             prevents
READ COMMITTED    G0 G1a G1b G1c (dirty write, dirty read, ...), OTV
REPEATABLE READ   and PMP, P4 (lost update), G-single (read skew, fuzzy read)      = snapshot isolation
SERIALIZABLE      and G2-item, G2 (write skew, also through predicates)
"""

from __future__ import annotations

import pytest

from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest, refused, waits

RU, RC, RR, SER = Isolation.READ_UNCOMMITTED, Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
ALL = pytest.mark.parametrize("level", list(Isolation), ids=lambda level: level.name)
SNAPSHOT = pytest.mark.parametrize("level", [RR, SER], ids=lambda level: level.name)


def pair(shard: SqliteShard, level: Isolation) -> tuple[Actor, Actor]:
    return Actor(shard, level), Actor(shard, level)


@ALL
def test_g0_dirty_write(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    t1.put(1, 11)
    ticket = waits(lambda: t2.put(1, 12)).ticket
    t1.put(2, 21)
    t1.commit()
    assert ticket.done()
    t2.put(1, 12)
    t2.put(2, 22)
    t2.commit()
    assert latest(shard) == {1: 12, 2: 22}


@ALL
def test_g1a_aborted_read(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    t1.put(1, 101)
    assert t2.get(1) == 10
    t1.rollback()
    assert t2.get(1) == 10
    t2.commit()


@ALL
def test_g1b_intermediate_read(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    t1.put(1, 101)
    assert t2.get(1) == 10
    t1.put(1, 11)
    t1.commit()
    assert t2.get(1) == (11 if level <= RC else 10)
    t2.commit()


@ALL
def test_g1c_circular_information_flow(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    t1.put(1, 11)
    waits(lambda: t2.put(2, 22))
    assert t1.get(2) == 20
    t1.commit()
    t2.put(2, 22)
    t2.commit()


@ALL
def test_otv_observed_transaction_vanishes(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    t3 = Actor(shard, level)
    t1.put(1, 11)
    t1.put(2, 19)
    waits(lambda: t2.put(1, 12))
    t1.commit()
    t2.put(1, 12)
    first = t3.get(1)
    t2.put(2, 18)
    second = t3.get(2)
    assert (first, second) == (11, 19)
    t2.commit()
    assert (t3.get(2), t3.get(1)) == ((18, 12) if level <= RC else (19, 11))
    t3.commit()


@SNAPSHOT
def test_pmp_predicate_many_preceders(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.all("c1 = 30") == []
    t2.insert(3, 30)
    t2.commit()
    assert t1.all("c1 % 3 = 0") == []  # no phantom
    t1.commit()


def test_pmp_read_committed_sees_phantoms(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, RC)
    assert t1.all("c1 = 30") == []
    t2.insert(3, 30)
    t2.commit()
    assert t1.all("c1 = 30") == [(3, 30)]


@SNAPSHOT
def test_pmp_write_predicate(shard: SqliteShard, level: Isolation) -> None:
    """T2 means to delete the row that is 20 in its snapshot; T1 has made it 30 meanwhile."""
    t1, t2 = pair(shard, level)
    assert t2.all() == [(1, 10), (2, 20)]
    t1.change("c1 = c1 + 10", "1")
    t1.commit()
    assert refused(lambda: t2.delete("c1 = 20")) == 1213
    assert not t2.branch.is_open
    assert latest(shard) == {1: 20, 2: 30}


def test_pmp_write_predicate_read_committed(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, RC)
    t2.all()
    t1.change("c1 = c1 + 10", "1")
    t1.commit()
    assert t2.delete("c1 = 20") == 1  # sees the latest state: row 1
    t2.commit()
    assert latest(shard) == {2: 30}


@SNAPSHOT
def test_p4_lost_update(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.get(1) == t2.get(1) == 10
    t1.put(1, 11)
    waits(lambda: t2.put(1, 12))
    t1.commit()
    assert refused(lambda: t2.put(1, 12)) == 1213
    assert latest(shard) == {1: 11, 2: 20}


def test_p4_read_committed_loses_updates(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, RC)
    assert t1.get(1) == t2.get(1) == 10
    t1.put(1, 11)
    t1.commit()
    t2.put(1, 12)
    t2.commit()
    assert latest(shard)[1] == 12


@SNAPSHOT
def test_lost_update_through_select_for_update(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.get(1) == t2.get(1) == 10
    t1.put(1, 11)
    t1.commit()
    assert refused(lambda: t2.get_locked(1)) == 1213


@SNAPSHOT
def test_g_single_read_skew(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.get(1) == 10
    assert (t2.get(1), t2.get(2)) == (10, 20)
    t2.put(1, 12)
    t2.put(2, 18)
    t2.commit()
    assert t1.get(2) == 20
    t1.commit()


@SNAPSHOT
def test_fuzzy_read(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.get(1) == 10
    t2.put(1, 12)
    t2.commit()
    assert t1.get(1) == 10
    t1.commit()


@SNAPSHOT
def test_g_single_predicate_dependencies(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.all("c1 % 5 = 0") == [(1, 10), (2, 20)]
    t2.change("c1 = 12", "c1 = 10")
    t2.commit()
    assert t1.all("c1 % 3 = 0") == []
    t1.commit()


@SNAPSHOT
def test_g_single_write_predicate(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert t1.get(1) == 10
    assert len(t2.all()) == 2
    t2.put(1, 12)
    t2.put(2, 18)
    t2.commit()
    assert refused(lambda: t1.delete("c1 = 20")) == 1213


def test_g2_item_write_skew_is_possible_at_repeatable_read(shard: SqliteShard) -> None:
    """Snapshot isolation, as in every database that has it: each writes what the other has only read."""
    t1, t2 = pair(shard, RR)
    assert (t1.get(1), t1.get(2)) == (t2.get(1), t2.get(2)) == (10, 20)
    t1.put(1, 11)
    t1.commit()
    t2.put(2, 21)
    assert t2.get(1) == 10  # mixed mode: still the snapshot
    t2.commit()
    assert latest(shard) == {1: 11, 2: 21}


def test_g2_item_write_skew(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, SER)
    assert (t1.get(1), t1.get(2)) == (t2.get(1), t2.get(2)) == (10, 20)
    t1.put(1, 11)
    waits(lambda: t2.put(2, 21))
    t1.commit()
    assert refused(lambda: t2.put(2, 21)) == 1213
    assert latest(shard) == {1: 11, 2: 20}


def test_g2_anti_dependency_cycle(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, SER)
    assert t1.all("c1 % 3 = 0") == t2.all("c1 % 3 = 0") == []
    t1.insert(3, 30)
    waits(lambda: t2.insert(4, 42))
    t1.commit()
    assert refused(lambda: t2.insert(4, 42)) == 1213


def test_g2_two_edges(shard: SqliteShard) -> None:
    """Fekete's read-only anomaly: the reader in the middle forces an order that the writers must keep."""
    t1 = Actor(shard, SER)
    assert t1.all() == [(1, 10), (2, 20)]
    t2 = Actor(shard, SER)
    t2.change("c1 = c1 + 5", "c0 = 2")
    t2.commit()
    t3 = Actor(shard, SER, read_only=True)
    assert t3.all() == [(1, 10), (2, 25)]
    t3.commit()
    assert refused(lambda: t1.put(1, 0)) == 1213


@ALL
def test_no_abort_for_different_rows_and_tables(shard: SqliteShard, level: Isolation) -> None:
    t1, t2 = pair(shard, level)
    assert (t1.get(1), t2.get(2)) == (10, 20)
    t1.put(1, 11)
    t1.commit()
    t2.put(2, 21)
    t2.insert(1, 1, "t2")
    t2.commit()
    t3, t4 = pair(shard, level)
    assert t3.all(table="t2") == [(1, 1)]
    assert len(t4.all()) == 2
    t4.put(1, 12)
    t4.commit()
    t3.insert(2, 2, "t2")
    t3.commit()
    assert latest(shard) == {1: 12, 2: 21}
    assert latest(shard, "t2") == {1: 1, 2: 2}


def test_whole_table_read_and_different_rows_written_is_fine_at_repeatable_read(shard: SqliteShard) -> None:
    t1, t2 = pair(shard, RR)
    assert len(t1.all()) == len(t2.all()) == 2
    t1.put(1, 11)
    t1.commit()
    t2.put(2, 21)
    t2.commit()
    assert latest(shard) == {1: 11, 2: 21}


class TestMixedMode:
    """T1 has read what T2 changed; its writes go to the latest state, its reads stay at its snapshot."""

    def start(self, shard: SqliteShard) -> Actor:
        t1, t2 = pair(shard, RR)
        assert t1.all() == [(1, 10), (2, 20)]
        assert t1.all(table="t2") == []
        t2.put(1, 99)
        t2.insert(5, 50)
        t2.commit()
        return t1

    def test_own_writes_over_the_snapshot(self, shard: SqliteShard) -> None:
        t1 = self.start(shard)
        t1.put(2, 21)
        assert t1.all() == [(1, 10), (2, 21)]
        t1.insert(7, 70)
        assert t1.all() == [(1, 10), (2, 21), (7, 70)]
        t1.commit()
        assert latest(shard) == {1: 99, 2: 21, 5: 50, 7: 70}

    def test_table_not_written_comes_from_the_snapshot(self, shard: SqliteShard) -> None:
        t1 = self.start(shard)
        t1.insert(1, 1, "t2")
        assert t1.all() == [(1, 10), (2, 20)]
        assert t1.all(table="t2") == [(1, 1)]
        t1.commit()

    def test_row_deleted_by_others_is_still_there(self, shard: SqliteShard) -> None:
        t1, t2 = pair(shard, RR)
        t1.all()
        t2.delete("c0 = 1")
        t2.commit()
        t1.put(2, 21)
        assert t1.all() == [(1, 10), (2, 21)]
        t1.commit()
        assert latest(shard) == {2: 21}

    def test_savepoints(self, shard: SqliteShard) -> None:
        t1 = self.start(shard)
        t1.branch.savepoint("a")
        t1.put(2, 21)
        assert t1.all() == [(1, 10), (2, 21)]
        t1.branch.rollback_to("a")
        assert t1.all() == [(1, 10), (2, 20)]
        t1.commit()
        assert latest(shard) == {1: 99, 2: 20, 5: 50}

    def test_inserting_what_others_inserted(self, shard: SqliteShard) -> None:
        from fauna.shard.engine_errors import UniqueViolation

        t1 = self.start(shard)
        with pytest.raises(UniqueViolation):
            t1.insert(5, 51)
        assert t1.branch.is_open
        t1.put(2, 22)
        t1.commit()

    def test_writing_a_new_row_of_others(self, shard: SqliteShard) -> None:
        t1 = self.start(shard)
        assert refused(lambda: t1.change("c1 = 0", "c1 = 50")) == 1213

    def test_locking_read_of_changed_row(self, shard: SqliteShard) -> None:
        t1 = self.start(shard)
        assert t1.get_locked(2) == 20
        assert refused(lambda: t1.get_locked(1)) == 1213


def test_consistent_snapshot_is_taken_at_once(shard: SqliteShard) -> None:
    t1 = Actor(shard, RR, consistent_snapshot=True)
    t2 = Actor(shard, RR)
    t2.put(1, 11)
    t2.commit()
    assert t1.get(1) == 10
    t1.commit()


def test_reads_after_own_write_see_it(shard: SqliteShard) -> None:
    for level in Isolation:
        t1 = Actor(shard, level)
        t1.get(1)
        t1.put(1, 77)
        assert t1.get(1) == 77
        t1.rollback()
    assert latest(shard)[1] == 10


def test_snapshot_left_behind_by_the_history(open_shard, shard: SqliteShard) -> None:  # type: ignore[no-untyped-def]
    from fauna.shard.engines.sqlite.settings import EngineSettings

    shard = open_shard(EngineSettings(history_rows_max=10))
    t1 = Actor(shard, RR)
    t1.get(2)
    for value in range(30):
        t2 = Actor(shard, RC)
        t2.put(1, value)
        t2.commit()
    assert t1.get(2) == 20
    assert refused(lambda: t1.put(2, 21)) == 1213
