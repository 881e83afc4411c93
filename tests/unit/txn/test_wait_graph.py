"""Who waits for whom: a circle is found when it closes, also over several locks of several shards."""

from __future__ import annotations

from fauna.errors import SqlError
from fauna.txn.locks import WriteQueue
from fauna.txn.row_locks import RowLocks
from fauna.txn.wait_graph import WaitGraph


def test_a_circle_is_found_when_it_closes() -> None:
    graph = WaitGraph()
    assert graph.wait("a", lambda: {"b"})
    assert graph.wait("b", lambda: {"c"})
    assert not graph.wait("c", lambda: {"a"})
    assert not graph.waits("c")
    graph.stop("a")
    assert graph.wait("c", lambda: {"a"})


def test_who_holds_a_lock_is_asked_when_it_matters() -> None:
    graph, holders = WaitGraph(), {"b"}
    assert graph.wait("a", lambda: set(holders))
    holders.clear()
    holders.add("c")  # b has given it to c
    assert graph.wait("b", lambda: {"a"})
    assert not graph.wait("c", lambda: {"a"})


def test_rows_of_two_shards() -> None:
    graph = WaitGraph()
    here, there = RowLocks(timer=False, waits=graph), RowLocks(timer=False, waits=graph)
    here.take("t1", [("t", 1)])
    there.take("t2", [("t", 2)])
    assert not there.wait_for("t1", ("t", 2), 10).done()
    try:
        here.wait_for("t2", ("t", 1), 10)
    except SqlError as refused:
        assert refused.errno == 1213
    else:
        raise AssertionError("the circle was not found")


def test_a_row_of_one_shard_and_the_write_lock_of_another() -> None:
    graph = WaitGraph()
    rows, queue = RowLocks(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("t1", [("t", 1)])
    assert queue.try_acquire("t2")
    assert not queue.enqueue(10, "t1").done()
    try:
        rows.wait_for("t2", ("t", 1), 10)
    except SqlError as refused:
        assert refused.errno == 1213
    else:
        raise AssertionError("the circle was not found")


def test_a_wait_that_is_over_closes_no_circle() -> None:
    graph = WaitGraph()
    rows, queue = RowLocks(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("t1", [("t", 1)])
    assert queue.try_acquire("t2")
    ticket = queue.enqueue(10, "t1")
    queue.release()
    assert ticket.done()
    assert not rows.wait_for("t2", ("t", 1), 10).done()
