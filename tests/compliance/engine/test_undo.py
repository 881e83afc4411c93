"""Savepoints and statements within statements, at random, against a model that copies the whole table."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from fauna.errors import SqlError
from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest

Rows = dict[int, int]


@dataclass
class Model:
    rows: Rows
    savepoints: list[tuple[str, Rows]] = field(default_factory=list)
    statements: list[Rows] = field(default_factory=list)

    def index(self, name: str) -> int | None:
        return next((index for index, (each, _) in enumerate(self.savepoints) if each == name), None)


def write(actor: Actor, model: Model, chance: random.Random) -> None:
    row, value = chance.randrange(8), chance.randrange(1000)
    kind = chance.choice(["put", "insert", "delete", "many"])
    if kind == "put":
        if actor.put(row, value):
            model.rows[row] = value
    elif kind == "delete":
        actor.delete(f"c0 = {row}")
        model.rows.pop(row, None)
    else:
        count = 1 if kind == "insert" else 3
        new = {row + step: value for step in range(count)}
        try:
            actor.branch.write_many("INSERT INTO t1 VALUES (?, ?)", list(new.items()))
        except UniqueViolation:
            assert new.keys() & model.rows.keys()
        else:
            assert not new.keys() & model.rows.keys()
            model.rows.update(new)


def step(actor: Actor, model: Model, chance: random.Random) -> None:
    branch, name = actor.branch, chance.choice("ab")
    operation = chance.choice(["write"] * 4 + ["begin", "keep", "undo"] * 2 + ["savepoint", "rollback_to", "release"])
    if operation == "write":
        write(actor, model, chance)
    elif operation == "begin" and len(model.statements) < 3:
        branch.begin_statement()
        model.statements.append(dict(model.rows))
    elif operation in ("keep", "undo") and model.statements:
        before = model.statements.pop()
        branch.end_statement(keep=operation == "keep")
        if operation == "undo":
            model.rows = before
    elif model.statements:
        return  # savepoints are set between statements only
    elif operation == "savepoint":
        branch.savepoint(name)
        model.savepoints = [kept for kept in model.savepoints if kept[0] != name] + [(name, dict(model.rows))]
    elif operation in ("rollback_to", "release"):
        index = model.index(name)
        call = getattr(branch, operation)
        if index is None:
            with pytest.raises(SqlError):
                call(name)
        elif operation == "release":
            call(name)
            del model.savepoints[index:]
        else:
            call(name)
            model.rows = dict(model.savepoints[index][1])
            del model.savepoints[index + 1 :]


@pytest.mark.parametrize("two_phase", [False, True], ids=["", "two-phase"])
@pytest.mark.parametrize("seed", range(10))
def test_undo(shard: SqliteShard, seed: int, two_phase: bool) -> None:
    chance = random.Random(seed)
    committed = latest(shard)
    for _ in range(25):
        actor, model = Actor(shard, Isolation.READ_COMMITTED, two_phase=two_phase), Model(dict(committed))
        position = shard.position
        for _ in range(chance.randrange(1, 25)):
            step(actor, model, chance)
            assert dict(actor.all()) == model.rows  # type: ignore[arg-type]
        while model.statements:
            model.statements.pop()
            actor.branch.end_statement(keep=True)
        if chance.random() < 0.2:
            actor.rollback()
        elif two_phase and chance.random() < 0.5:
            actor.branch.prepare("g")
            shard.commit_prepared("g")
            changed = {change.rowid for change in shard.changes(position)}
            assert committed.keys() ^ model.rows.keys() <= changed
            committed = model.rows
        else:
            actor.commit()
            committed = model.rows
        assert latest(shard) == committed
    assert not shard.queue.held
