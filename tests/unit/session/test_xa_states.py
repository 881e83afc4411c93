"""What each XA statement does in each state; `tests/scripts/sql/transactions/xa*.test` are the same on servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fauna.errors import SqlError
from fauna.session import xa_states
from fauna.session.xa_states import Ending, Own, XaState
from fauna.txn.xid import Xid

A, B = Xid(b"a"), Xid(b"b")
ACTIVE, IDLE, PREPARED, LOST = (Own(A, state, "XA_RBDEADLOCK" if state is XaState.ROLLBACK_ONLY else "") for state in XaState)
NOTA, INVAL, RMFAIL, OUTSIDE = 1397, 1398, 1399, 1400
Answer = Own | Ending | int


def answer(work: Callable[[], Own | Ending]) -> Answer:
    try:
        return work()
    except SqlError as problem:
        return problem.errno


@pytest.mark.parametrize(
    ("own", "xid", "option", "expected"),
    [
        (None, A, "", ACTIVE),
        (None, A, "JOIN", INVAL),
        (None, A, "RESUME", INVAL),
        (None, Xid(b"", b"b"), "", INVAL),
        (ACTIVE, B, "", RMFAIL),
        (ACTIVE, A, "JOIN", INVAL),
        (ACTIVE, A, "RESUME", INVAL),
        (IDLE, A, "", RMFAIL),
        (IDLE, A, "RESUME", ACTIVE),
        (IDLE, replace(A, format_id=7), "RESUME", ACTIVE),
        (IDLE, B, "RESUME", NOTA),
        (IDLE, A, "JOIN", INVAL),
        (PREPARED, A, "", RMFAIL),
        (PREPARED, A, "RESUME", INVAL),
        (LOST, A, "", RMFAIL),
        (LOST, A, "RESUME", INVAL),
    ],
)
def test_start(own: Own | None, xid: Xid, option: str, expected: Answer) -> None:
    assert answer(lambda: xa_states.start(own, xid, option, outside=own is not None)) == expected


def test_start_beside_another_transaction() -> None:
    assert answer(lambda: xa_states.start(None, A, "", outside=True)) == OUTSIDE


@pytest.mark.parametrize(
    ("own", "xid", "suspend", "expected"),
    [
        (None, A, False, RMFAIL),
        (None, A, True, INVAL),
        (ACTIVE, A, False, IDLE),
        (ACTIVE, B, False, NOTA),
        (ACTIVE, A, True, INVAL),
        (IDLE, A, False, RMFAIL),
        (IDLE, B, False, RMFAIL),
        (PREPARED, A, False, RMFAIL),
        (LOST, A, False, RMFAIL),
    ],
)
def test_end(own: Own | None, xid: Xid, suspend: bool, expected: Answer) -> None:
    assert answer(lambda: xa_states.end(own, xid, suspend=suspend)) == expected


@pytest.mark.parametrize(
    ("own", "xid", "expected"),
    [
        (None, A, RMFAIL),
        (ACTIVE, A, RMFAIL),
        (IDLE, A, PREPARED),
        (IDLE, B, NOTA),
        (PREPARED, A, RMFAIL),
        (LOST, A, RMFAIL),
    ],
)
def test_prepare(own: Own | None, xid: Xid, expected: Answer) -> None:
    assert answer(lambda: xa_states.prepare(own, xid)) == expected


@pytest.mark.parametrize(
    ("own", "xid", "one_phase", "expected"),
    [
        (None, A, False, Ending.BY_NAME),
        (None, A, True, INVAL),
        (ACTIVE, A, False, RMFAIL),
        (ACTIVE, A, True, RMFAIL),
        (ACTIVE, B, False, OUTSIDE),
        (IDLE, A, False, RMFAIL),
        (IDLE, A, True, Ending.ONE_PHASE),
        (IDLE, B, True, OUTSIDE),
        (PREPARED, A, False, Ending.PREPARED),
        (PREPARED, A, True, INVAL),
        (PREPARED, B, False, OUTSIDE),
        (LOST, A, False, Ending.FAILED),
        (LOST, A, True, Ending.FAILED),
        (LOST, B, False, OUTSIDE),
    ],
)
def test_commit(own: Own | None, xid: Xid, one_phase: bool, expected: Answer) -> None:
    assert answer(lambda: xa_states.commit(own, xid, one_phase=one_phase, outside=False)) == expected


@pytest.mark.parametrize(
    ("own", "xid", "expected"),
    [
        (None, A, Ending.BY_NAME),
        (ACTIVE, A, RMFAIL),
        (ACTIVE, B, OUTSIDE),
        (IDLE, A, Ending.OPEN),
        (IDLE, B, OUTSIDE),
        (PREPARED, A, Ending.PREPARED),
        (PREPARED, B, OUTSIDE),
        (LOST, A, Ending.OPEN),
    ],
)
def test_rollback(own: Own | None, xid: Xid, expected: Answer) -> None:
    assert answer(lambda: xa_states.rollback(own, xid, outside=False)) == expected


def test_the_name_of_another_beside_a_transaction() -> None:
    assert answer(lambda: xa_states.commit(None, A, one_phase=True, outside=True)) == OUTSIDE
    assert answer(lambda: xa_states.rollback(None, A, outside=True)) == OUTSIDE


@pytest.mark.parametrize(("errno", "reason"), [(1213, "XA_RBDEADLOCK"), (1205, "XA_RBTIMEOUT"), (1105, "XA_RBROLLBACK")])
def test_why_it_was_rolled_back(errno: int, reason: str) -> None:
    assert xa_states.failed(ACTIVE, errno) == Own(A, XaState.ROLLBACK_ONLY, reason)


def test_a_refusal_names_the_state() -> None:
    assert "in the  ROLLBACK ONLY state" in str(xa_states.refusal(LOST))
    assert "in the  NON-EXISTING state" in str(xa_states.refusal(None))
