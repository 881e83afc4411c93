"""Histories with an anomaly planted in each: it is found, and named.  And ones that have none."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.histories.checker import anomalies
from tests.histories.generator import Shape, transactions
from tests.histories.history import Append, Op, Outcome, Read, Transaction, load, save

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN


def a(key: int, value: int) -> Op:
    return Append(key, value)


def r(key: int, *seen: int) -> Op:
    return Read(key, seen)


def history(*what: tuple[Outcome, list[Op]], serial: bool = False) -> list[Transaction]:
    """All at the same time, or one after the other."""
    return [
        Transaction(number, tuple(ops), outcome, number * 10.0 if serial else 0.0, number * 10.0 + 5 if serial else 100.0)
        for number, (outcome, ops) in enumerate(what, 1)
    ]


def kinds(found: list[Transaction]) -> list[str]:
    return sorted(anomaly.kind for anomaly in anomalies(found))


def test_a_serial_history_has_none() -> None:
    assert not anomalies(
        history(
            (OK, [a(1, 1), a(2, 2)]), (OK, [r(1, 1), a(1, 3), r(1, 1, 3)]), (FAILED, [r(1, 1), a(1, 4)]),
            (UNKNOWN, [a(2, 5)]), (UNKNOWN, [a(3, 6)]), (OK, [r(1, 1, 3), r(2, 2, 5), r(3)]), serial=True,
        )
    )  # fmt: skip


PLANTED = {
    "G0": history((OK, [a(1, 1), a(2, 2)]), (OK, [a(1, 3), a(2, 4)]), (OK, [r(1, 1, 3), r(2, 4, 2)])),
    "G1a": history((FAILED, [a(1, 1)]), (OK, [r(1, 1)])),
    "G1b": history((OK, [a(1, 1), a(1, 2)]), (OK, [r(1, 1)]), (OK, [r(1, 1, 2)])),
    "G1c": history((OK, [a(1, 1), r(2, 2)]), (OK, [a(2, 2), r(1, 1)])),
    "G-single": history((OK, [r(1), r(2, 2)]), (OK, [a(1, 1), a(2, 2)]), (OK, [r(1, 1)])),
    "lost update": history((OK, [r(1), a(1, 1)]), (OK, [r(1), a(1, 2)]), (OK, [r(1, 1, 2)])),
    "G2-item": history((OK, [r(1), a(2, 1)]), (OK, [r(2), a(1, 2)]), (OK, [r(1, 2), r(2, 1)])),
    "G0-realtime": history((OK, [a(1, 1)]), (OK, [a(1, 2)]), (OK, [r(1, 2, 1)]), serial=True),
    "G1c-realtime": history((OK, [r(1, 1)]), (OK, [a(1, 1)]), serial=True),
    "G-single-realtime": history((OK, [a(1, 1)]), (OK, [r(1)]), (OK, [r(1, 1)]), serial=True),
    "incompatible order": history((OK, [a(1, 1)]), (OK, [a(1, 2)]), (OK, [r(1, 1)]), (OK, [r(1, 2)])),
    "internal": history((OK, [a(1, 1), r(1)]), (OK, [r(1, 1)])),
    "unwritten": history((OK, [r(1, 7)])),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_found(kind: str) -> None:
    assert kind in kinds(PLANTED[kind])


@pytest.mark.parametrize("kind", sorted(set(PLANTED) - {"G1b", "incompatible order"}))
def test_and_nothing_else(kind: str) -> None:
    """These two make a cycle besides: a reader missed an append."""
    assert kinds(PLANTED[kind]) == [kind]


def test_a_value_twice() -> None:
    assert "duplicate" in kinds(history((OK, [a(1, 1)]), (OK, [r(1, 1, 1)])))


def test_reads_of_two_moments_in_one_transaction() -> None:
    assert "internal" in kinds(history((OK, [r(1), r(1, 1)]), (OK, [a(1, 1)])))


def test_an_acknowledged_append_that_is_gone() -> None:
    """Nobody has ever read it, so no list has it in its order: the reader that began later tells."""
    (lost,) = anomalies(history((OK, [a(1, 1)]), (OK, [r(1)]), serial=True))
    assert str(lost) == "G-single-realtime: T2 did not read T1's 1 of 1; T2 began when T1 had ended"


def test_two_appends_after_the_same_read_of_which_one_is_gone() -> None:
    assert kinds(history((OK, [r(1), a(1, 1)]), (OK, [r(1), a(1, 2)]), (OK, [r(1, 2)]))) == ["lost update"]


def test_an_append_of_unknown_outcome_counts_once_it_was_read() -> None:
    assert kinds(history((UNKNOWN, [a(1, 1)]), (OK, [r(1, 1)]), (OK, [r(1)]), serial=True)) == ["G-single-realtime"]


def test_three_transactions_in_a_circle_of_reads() -> None:
    ring = history((OK, [r(1), a(2, 1)]), (OK, [r(2), a(3, 2)]), (OK, [r(3), a(1, 3)]), (OK, [r(1, 3), r(2, 1), r(3, 2)]))
    (skew,) = anomalies(ring)
    assert skew.kind == "G2-item"
    assert "T1 did not read T3's 3 of 1" in skew.story
    assert "T2 did not read T1's 1 of 2" in skew.story
    assert "T3 did not read T2's 2 of 3" in skew.story


def test_several_apart_are_all_told() -> None:
    both = history(
        (OK, [r(1), a(2, 1)]), (OK, [r(2), a(1, 2)]), (OK, [r(3), r(4, 4)]), (OK, [a(3, 3), a(4, 4)]),
        (OK, [r(1, 2), r(2, 1), r(3, 3)]),
    )  # fmt: skip
    assert kinds(both) == ["G-single", "G2-item"]


# ── a database that is a Python dictionary ──


def _serial(seed: int, count: int) -> list[Transaction]:
    """Random transactions, one after the other, some of them rolled back and some without an answer."""
    dice = random.Random(seed)
    lists: dict[int, tuple[int, ...]] = {}
    made: list[Transaction] = []
    for number, intents in zip(range(1, count + 1), transactions(seed, Shape()), strict=False):
        outcome = dice.choices([OK, FAILED, UNKNOWN], [8, 1, 1])[0]
        now, ops = dict(lists), list[Op]()
        for intent in intents:
            if isinstance(intent, Append):
                now[intent.key] = (*now.get(intent.key, ()), intent.value)
                ops.append(intent)
            else:
                ops += [Read(key, now.get(key, ())) for key in intent.keys]
        made.append(Transaction(number, tuple(ops), outcome, number - dice.random(), number + dice.random()))
        if outcome is OK or outcome is UNKNOWN and dice.random() < 0.5:
            lists = now
    return made


@pytest.mark.parametrize("seed", range(10))
def test_random_serial_histories_have_none(seed: int) -> None:
    assert not anomalies(_serial(seed, 500))


@pytest.mark.parametrize("seed", range(10))
def test_two_that_change_places_are_noticed(seed: int) -> None:
    """One reads, long before, what another appended."""
    made = _serial(seed, 500)
    late = next(t for t in made[250:] if t.outcome is OK and any(isinstance(op, Read) and op.seen for op in t.ops))
    made[late.number - 1] = Transaction(late.number, late.ops, OK, 0.0, 0.5)
    assert {kind.removesuffix("-realtime") for kind in kinds(made)} & {"G1c", "G-single"}


def test_the_same_seed_gives_the_same_transactions() -> None:
    first, second, other = (transactions(seed, Shape()) for seed in (1, 1, 2))
    one, same, different = ([next(each) for _ in range(100)] for each in (first, second, other))
    assert one == same
    assert one != different


def test_a_history_survives_a_file_and_is_checked_from_it(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    save(PLANTED["G2-item"], path)
    assert load(path) == PLANTED["G2-item"]
    run = subprocess.run([sys.executable, "-m", "tests.histories", str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stdout.startswith("G2-item: ")
