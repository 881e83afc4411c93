"""Histories with an anomaly planted in each: it is found, and named."""

from __future__ import annotations

import pytest

from tests.histories.checker import Op, Outcome, Transaction, anomalies

OK, FAILED = Outcome.OK, Outcome.FAILED


def a(key: int, value: int) -> Op:
    return Op(key, value)


def r(key: int, *seen: int) -> Op:
    return Op(key, None, seen)


def history(*transactions: tuple[Outcome, list[Op]], serial: bool = False) -> list[Transaction]:
    """All at the same time, or one after the other."""
    return [
        Transaction(number, ops, outcome, number * 10.0 if serial else 0.0, number * 10.0 + 5 if serial else 100.0)
        for number, (outcome, ops) in enumerate(transactions, 1)
    ]


def kinds(found: list[Transaction]) -> set[str]:
    return {anomaly.kind for anomaly in anomalies(found)}


def test_a_serial_history_has_none() -> None:
    assert not anomalies(
        history((OK, [a(1, 1), a(2, 1)]), (OK, [r(1, 1), a(1, 2)]), (FAILED, [a(1, 3)]), (OK, [r(1, 1, 2), r(2, 1)]), serial=True)
    )


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("G0", history((OK, [a(1, 1), a(2, 1)]), (OK, [a(1, 2), a(2, 2)]), (OK, [r(1, 1, 2), r(2, 2, 1)]))),
        ("G1a", history((FAILED, [a(1, 1)]), (OK, [r(1, 1)]))),
        ("G1b", history((OK, [a(1, 1), a(1, 2)]), (OK, [r(1, 1)]), (OK, [r(1, 1, 2)]))),
        ("G1c", history((OK, [a(1, 1), r(2, 1)]), (OK, [a(2, 1), r(1, 1)]))),
        ("G-single", history((OK, [r(1), r(2, 1)]), (OK, [a(1, 1), a(2, 1)]), (OK, [r(1, 1)]))),
        ("G2", history((OK, [r(1), a(2, 1)]), (OK, [r(2), a(1, 1)]), (OK, [r(1, 1), r(2, 1)]))),
        ("G-single-realtime", history((OK, [a(1, 1)]), (OK, [r(1)]), (OK, [r(1, 1)]), serial=True)),
        ("incompatible order", history((OK, [a(1, 1)]), (OK, [a(1, 2)]), (OK, [r(1, 1)]), (OK, [r(1, 2)]), (OK, [r(1, 1, 2)]))),
        ("internal", history((OK, [a(1, 1), r(1)]), (OK, [r(1, 1)]))),
        ("duplicate", history((OK, [a(1, 1)]), (OK, [r(1, 1, 1)]))),
    ],
)
def test_what_is_planted_is_found(kind: str, found: list[Transaction]) -> None:
    assert kind in kinds(found)


def test_the_story_names_the_transactions() -> None:
    (skew,) = anomalies(history((OK, [r(1), a(2, 1)]), (OK, [r(2), a(1, 1)]), (OK, [r(1, 1), r(2, 1)])))
    assert "T1 did not read T2's 1 of 1" in skew.story
    assert "T2 did not read T1's 1 of 2" in skew.story
