"""Random interleavings of a few transactions, checked against what the level promises.

SERIALIZABLE      committed writers, replayed one after the other in commit order, read what they read here; a transaction
                  that only read agrees with one state between its begin and its end
REPEATABLE READ   there is one state between begin and commit from which every read (with the transaction's own writes over it)
                  comes, and no row it wrote was changed by others after that state
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from fauna.errors import SqlError
from fauna.session.result import MustWait
from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest

State = dict[int, int]
ROWS = 5
OPERATIONS = [
    *["get", "all", "put"] * 3,
    "insert",
    "delete",
    "locked",
    "savepoint",
    "rollback_to",
    *["commit"] * 2,
    "rollback",
]


@dataclass
class Step:
    """One thing a transaction did: a read with its answer, or a write with its effect."""

    kind: str
    row: int = 0
    value: int = 0
    answer: object = None


@dataclass
class Run:
    actor: Actor
    level: Isolation
    began: int
    steps: list[Step] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)


def replay(run: Run, state: State) -> State | None:
    """The state after `run` on top of `state`; None when it would have read something else."""
    state = dict(state)
    saved: State | None = None
    for step in run.steps:
        match step.kind:
            case "get" | "locked":
                if state.get(step.row) != step.answer:
                    return None
            case "all":
                if sorted(state.items()) != step.answer:
                    return None
            case "put":
                if (step.row in state) != bool(step.answer):
                    return None
                if step.answer:
                    state[step.row] = step.value
            case "insert":
                state[step.row] = step.value
            case "delete":
                if (state.pop(step.row, None) is not None) != bool(step.answer):
                    return None
            case "savepoint":
                saved = dict(state)
            case "rollback_to":
                assert saved is not None
                state = dict(saved)
    return state


def act(run: Run, chance: random.Random) -> str:
    """One random step; returns "open", "committed" or "gone"."""
    actor, operation, row = run.actor, chance.choice(OPERATIONS), chance.randrange(ROWS)
    value = chance.randrange(1000)
    step = Step(operation, row, value)
    match operation:
        case "get":
            step.answer = actor.get(row)
        case "all":
            step.answer = actor.all()
        case "locked":
            step.answer = actor.get_locked(row)
        case "put":
            step.answer = actor.put(row, value)
        case "delete":
            step.answer = actor.remove(row)
        case "insert":
            try:
                actor.insert(row, value)
            except UniqueViolation:
                return "open"
        case "savepoint":
            actor.branch.savepoint("s")
            run.marks["s"] = 1
        case "rollback_to":
            if not run.marks:
                return "open"
            actor.branch.rollback_to("s")
        case "commit":
            actor.commit()
            return "committed"
        case _:
            actor.rollback()
            return "gone"
    run.steps.append(step)
    return "open"


def wrote(run: Run) -> set[int]:
    return {step.row for step in run.steps if step.kind in ("put", "insert", "delete") and step.answer != 0}


def agrees_as_snapshot(run: Run, states: list[State], committed: State) -> bool:
    for position in range(run.began, len(states)):
        base = states[position]
        after = replay(run, base)
        if after is None:
            continue
        rows = wrote(run)
        untouched = all(base.get(row) == states[-1].get(row) for row in rows)
        expected = dict(states[-1])
        for row in rows:
            if row in after:
                expected[row] = after[row]
            else:
                expected.pop(row, None)
        if untouched and expected == committed:
            return True
    return False


@pytest.mark.parametrize("level", [Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE], ids=lambda level: level.name)
@pytest.mark.parametrize("writes", ["holding", "pausing", "by_rowid", "mixed"])
@pytest.mark.parametrize("seed", range(12))
def test_schedules(shard: SqliteShard, level: Isolation, seed: int, writes: str) -> None:
    """holding keeps the write lock between statements; by_rowid never has it before COMMIT; mixed has clients of each kind."""
    chance = random.Random(seed)
    states: list[State] = [latest(shard)]
    runs: list[Run] = []
    committed = aborted = 0
    for _ in range(1000):
        if len(runs) < 3:
            by_rowid = writes == "by_rowid" or writes == "mixed" and chance.random() < 0.5
            level_now = chance.choice([level, Isolation.SERIALIZABLE]) if writes == "mixed" else level
            runs.append(Run(Actor(shard, level_now, by_rowid=by_rowid), level_now, len(states) - 1))
        run = chance.choice(runs)
        try:
            outcome = act(run, chance)
        except MustWait:
            continue
        except SqlError as failed:
            assert failed.errno == 1213
            assert not run.actor.branch.is_open
            aborted += 1
            outcome = "gone"
        if writes != "holding":
            run.actor.pause()
        if outcome == "open":
            continue
        runs.remove(run)
        if outcome == "committed":
            after = latest(shard)
            if wrote(run) and run.level is Isolation.SERIALIZABLE:
                assert replay(run, states[-1]) == after
            else:
                assert agrees_as_snapshot(run, states, after), run.steps
            if wrote(run):
                states.append(after)
            committed += 1
    for run in runs:
        run.actor.rollback()
    assert committed > 20
    assert shard.history.open_snapshots == 0
    assert not shard.queue.held
