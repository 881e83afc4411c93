"""The write queue: order, hand-over, time-outs, giving up; with a clock that the test moves, and with threads."""

from __future__ import annotations

import random
import threading
import time

import pytest

from fauna.clock import ManualClock
from fauna.errors import SqlError
from fauna.ticket import OneShot, done_ticket
from fauna.txn.locks import LockTicket, WriteQueue


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> WriteQueue:
    return WriteQueue(clock, timer=False)


def errno_of(ticket: LockTicket) -> int:
    assert ticket.done()
    with pytest.raises(SqlError) as raised:
        ticket.check()
    return raised.value.errno


def granted(ticket: LockTicket) -> bool:
    if ticket.done():
        ticket.check()
    return ticket.done()


def test_free_lock_is_taken_at_once(queue: WriteQueue) -> None:
    assert queue.try_acquire()
    assert not queue.try_acquire()
    queue.release()
    assert granted(queue.enqueue(1))


def test_first_come_first_served(queue: WriteQueue) -> None:
    queue.try_acquire()
    tickets = [queue.enqueue(1) for _ in range(5)]
    for index in range(5):
        queue.release()
        assert [granted(ticket) for ticket in tickets] == [True] * (index + 1) + [False] * (4 - index)
        assert not queue.try_acquire()  # handed over, never free in between
    queue.release()
    assert queue.try_acquire()


def test_timeouts(queue: WriteQueue, clock: ManualClock) -> None:
    queue.try_acquire()
    slow, quick = queue.enqueue(50), queue.enqueue(1)
    assert queue.expire() == pytest.approx(clock.monotonic_s() + 1)
    clock.advance(1)
    queue.expire()
    assert errno_of(quick) == 1205
    assert not slow.done()
    queue.release()
    assert granted(slow)
    clock.advance(100)
    assert queue.expire() is None
    assert granted(slow)


def test_timeout_zero_does_not_wait(queue: WriteQueue) -> None:
    queue.try_acquire()
    assert errno_of(queue.enqueue(0)) == 1205
    assert queue.waiting == 0


def test_who_gave_up_is_passed_over(queue: WriteQueue) -> None:
    queue.try_acquire()
    gone, next_one = queue.enqueue(9), queue.enqueue(9)
    gone.abandon()
    assert queue.waiting == 1
    queue.release()
    assert granted(next_one)


def test_giving_up_a_granted_lock_hands_it_on(queue: WriteQueue) -> None:
    queue.try_acquire()
    first, second = queue.enqueue(9), queue.enqueue(9)
    queue.release()
    first.abandon()
    assert granted(second)
    first.abandon()  # the second time does nothing
    assert not queue.try_acquire()
    second.abandon()
    assert queue.try_acquire()


def test_interrupt_ends_a_wait_but_not_a_grant(queue: WriteQueue) -> None:
    queue.try_acquire()
    waiting, behind = queue.enqueue(9), queue.enqueue(9)
    waiting.interrupt()
    assert errno_of(waiting) == 1317
    queue.release()
    behind.interrupt()
    assert granted(behind)


def test_callbacks_run_once_and_outside_the_queue(queue: WriteQueue) -> None:
    queue.try_acquire()
    calls: list[int] = []
    ticket = queue.enqueue(9)
    ticket.on_done(lambda: calls.append(queue.waiting))  # would block for ever under the queue's lock
    queue.release()
    ticket.on_done(lambda: calls.append(-1))
    assert calls == [0, -1]


def test_heap_of_timeouts_stays_small(queue: WriteQueue) -> None:
    queue.try_acquire()
    for _ in range(20_000):
        ticket = queue.enqueue(50)
        queue.release()
        assert granted(ticket)
    assert len(queue._deadlines) < 5_000


def test_timer_thread() -> None:
    queue = WriteQueue()
    queue.try_acquire()
    start = time.monotonic()
    late, early = queue.enqueue(0.3), queue.enqueue(0.05)
    with pytest.raises(SqlError):
        early.wait()
    assert 0.04 < time.monotonic() - start < 0.25
    with pytest.raises(SqlError):
        late.wait()
    queue.close()


def test_wait_returns_false_when_its_own_time_is_up() -> None:
    queue = WriteQueue()
    queue.try_acquire()
    assert queue.enqueue(9).wait(0.02) is False
    queue.close()


def test_threads_exclude_each_other() -> None:
    queue = WriteQueue()
    inside = 0
    counts = [0] * 16
    until = time.monotonic() + 1

    def work(number: int) -> None:
        nonlocal inside
        chance = random.Random(number)
        while time.monotonic() < until:
            if not queue.try_acquire():
                ticket = queue.enqueue(chance.choice([0.0005, 5]))
                if chance.random() < 0.1:
                    ticket.abandon()
                    continue
                try:
                    ticket.wait()
                except SqlError:
                    continue
            inside += 1
            assert inside == 1
            counts[number] += 1
            inside -= 1
            queue.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == 0
    assert min(counts) > 0
    assert queue.try_acquire()
    queue.close()


def test_done_ticket() -> None:
    assert done_ticket().done()
    assert done_ticket().wait(0)


def test_one_shot_is_completed_once() -> None:
    ticket, calls = OneShot(), []
    ticket.on_done(lambda: calls.append(1))
    ticket.complete()
    ticket.complete(SqlError(1, "HY000", "too late"))
    ticket.check()
    assert calls == [1]
