"""Who waits for whom: a circle is found when it closes, also over several locks of several shards."""

from __future__ import annotations

from collections.abc import Callable

from fauna.txn.locks import WriteQueue
from fauna.txn.row_locks import RowLocks
from fauna.txn.wait_graph import Owner, Place, WaitGraph
from tests.compliance.engine.actors import refused


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
    assert refused(lambda: here.wait_for("t2", ("t", 1), 10)) == 1213


def test_a_row_of_one_shard_and_the_write_lock_of_another() -> None:
    graph = WaitGraph()
    rows, queue = RowLocks(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("t1", [("t", 1)])
    assert queue.try_acquire("t2")
    assert not queue.enqueue(10, "t1").done()
    assert refused(lambda: rows.wait_for("t2", ("t", 1), 10)) == 1213


def test_a_wait_that_is_over_closes_no_circle() -> None:
    graph = WaitGraph()
    rows, queue = RowLocks(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("t1", [("t", 1)])
    assert queue.try_acquire("t2")
    ticket = queue.enqueue(10, "t1")
    queue.release()
    assert ticket.done()
    assert not rows.wait_for("t2", ("t", 1), 10).done()


def test_one_that_waits_at_two_places_waits_at_the_other_still() -> None:
    graph = WaitGraph()
    rows = RowLocks(timer=False, waits=graph)
    here, there = WriteQueue(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("t1", [("t", 1)])
    assert here.try_acquire("t2")
    assert there.try_acquire("t3")
    waiting = [here.enqueue(10, "t1"), there.enqueue(10, "t1")]
    there.release()
    assert [ticket.done() for ticket in waiting] == [False, True]
    assert refused(lambda: rows.wait_for("t2", ("t", 1), 10)) == 1213


def test_a_lock_that_is_granted_while_a_circle_is_found_is_had() -> None:
    """Its holder has let it go meanwhile: it cannot be refused, nor handed on, any more."""

    class Graph(WaitGraph):
        def wait(self, owner: Owner, holders: Callable[[], set[Owner]], place: Place | None = None) -> bool:
            queue.release()
            return False

    queue = WriteQueue(timer=False, waits=Graph())
    assert queue.try_acquire("t1")
    ticket = queue.enqueue(10, "t2")
    assert ticket.done()
    ticket.check()
    assert queue.held
    queue.release()
    assert not queue.held


def test_who_must_have_a_lock_is_not_the_one_to_give_way() -> None:
    graph = WaitGraph()
    rows, queue = RowLocks(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    rows.take("decided", [("t", 1)])
    assert queue.try_acquire("other")
    others = rows.wait_for("other", ("t", 1), 10)
    ticket = queue.enqueue(10, "decided", must_have=True)
    assert others.done()
    assert refused(others.check) == 1213
    assert not ticket.done()
    queue.release()
    ticket.check()
    assert ticket.done()


def test_who_shares_a_key_and_wants_it_alone_waits_behind_nobody_who_waits_for_it() -> None:
    rows = RowLocks(timer=False)
    for owner in ("t1", "t2"):
        rows.take(owner, [("t", 1)], shared=True)
    behind = rows.wait_for("t3", ("t", 1), 10)
    ahead = rows.wait_for("t1", ("t", 1), 10)
    rows.release_all("t2")
    assert ahead.done()
    assert not behind.done()
    rows.release_all("t1")
    assert behind.done()


def test_two_that_must_have_their_locks_both_wait() -> None:
    """Each has been granted one that the other wants, and lets it go without the other's doing: no wait is refused."""
    graph = WaitGraph()
    here, there = WriteQueue(timer=False, waits=graph), WriteQueue(timer=False, waits=graph)
    assert here.try_acquire("first")
    assert there.try_acquire("second")
    waiting = [there.enqueue(10, "first", must_have=True), here.enqueue(10, "second", must_have=True)]
    assert [ticket.done() for ticket in waiting] == [False, False]
    here.release()
    there.release()
    for ticket in waiting:
        assert ticket.done()
        ticket.check()
