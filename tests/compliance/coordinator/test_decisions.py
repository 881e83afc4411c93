"""Decision records: the first one stands, what is told is durable, forgotten is gone."""

from __future__ import annotations

import threading

import pytest

from fauna.coordinator.protocol import GTRID_BYTES_MAX, Coordinator, Decision, Verdict
from tests.compliance.coordinator.conftest import Open

COMMIT = Decision(Verdict.COMMIT, (0, 2))
ABORT = Decision(Verdict.ABORT, (0, 2))
THREADS, EACH = 8, 20


def decided(coordinator: Coordinator, gtrid: str, decision: Decision) -> Decision:
    ticket = coordinator.decide(gtrid, decision)
    assert ticket.wait(60)
    return ticket.standing


def test_none_at_first(coordinator: Coordinator) -> None:
    assert coordinator.decisions() == {}


@pytest.mark.parametrize(("first", "second"), [(COMMIT, ABORT), (ABORT, COMMIT), (COMMIT, Decision(Verdict.COMMIT, (1,)))])
def test_the_first_stands(coordinator: Coordinator, first: Decision, second: Decision) -> None:
    assert decided(coordinator, "g1", first) == first
    assert decided(coordinator, "g1", second) == first
    assert coordinator.decisions() == {"g1": first}


def test_the_first_stands_also_when_both_wait(coordinator: Coordinator) -> None:
    first, second = coordinator.decide("g1", ABORT), coordinator.decide("g1", COMMIT)
    assert second.wait(60) and first.wait(60)
    assert first.standing == second.standing == ABORT


def test_it_calls_back(coordinator: Coordinator) -> None:
    told = threading.Event()
    ticket = coordinator.decide("g1", COMMIT)
    ticket.on_done(told.set)
    assert told.wait(60)
    assert ticket.done() and ticket.standing == COMMIT
    ticket.check()


def test_decisions_outlive_the_coordinator(open_coordinator: Open) -> None:
    coordinator = open_coordinator()
    decided(coordinator, "g1", COMMIT)
    decided(coordinator, "with/odd\0characters é", ABORT)
    coordinator = open_coordinator()
    assert coordinator.decisions() == {"g1": COMMIT, "with/odd\0characters é": ABORT}
    assert decided(coordinator, "g1", ABORT) == COMMIT


def test_forgotten_is_gone(open_coordinator: Open) -> None:
    coordinator = open_coordinator()
    for gtrid in ("g1", "g2"):
        decided(coordinator, gtrid, COMMIT)
    coordinator.forget("g1")
    coordinator.forget("never was")
    assert coordinator.decisions() == {"g2": COMMIT}
    decided(coordinator, "g3", COMMIT)
    assert open_coordinator().decisions() == {"g2": COMMIT, "g3": COMMIT}


def test_from_many_threads(coordinator: Coordinator) -> None:
    """Each decides its own, and races for one gtrid of all: one verdict stands, the same for everybody."""
    standing: list[Decision] = []

    def decide(number: int) -> None:
        for serial in range(EACH):
            decided(coordinator, f"{number}-{serial}", COMMIT)
        standing.append(decided(coordinator, "contended", Decision(Verdict.COMMIT, (number,))))

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(coordinator.decisions()) == THREADS * EACH + 1
    assert len(standing) == THREADS and set(standing) == {coordinator.decisions()["contended"]}


def test_what_is_too_long_is_refused(coordinator: Coordinator) -> None:
    with pytest.raises(ValueError, match="a name has"):
        coordinator.decide("x" * (GTRID_BYTES_MAX + 1), COMMIT)
    assert coordinator.decisions() == {}


def test_close_is_repeatable_and_final(coordinator: Coordinator) -> None:
    waiting = coordinator.decide("g1", COMMIT)
    coordinator.close()
    coordinator.close()
    assert waiting.done() and waiting.standing == COMMIT
