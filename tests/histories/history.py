"""What clients asked and what they were told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Outcome(Enum):
    OK = "ok"
    FAILED = "failed"  # for certain
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Append:
    key: int
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """`seen`: the whole list `key`."""

    key: int
    seen: tuple[int, ...]


Op = Append | Read


@dataclass(frozen=True, slots=True)
class Transaction:
    """`begun_s` is before it was sent anything, `ended_s` after its answer, both on one clock.  No value is appended twice."""

    number: int
    ops: tuple[Op, ...]
    outcome: Outcome
    begun_s: float = 0.0
    ended_s: float = 0.0


def save(history: Iterable[Transaction], path: Path) -> None:
    """One transaction a line: [number, outcome, begun, ended, [["a", key, value] or ["r", key, [values]], …]]."""
    with path.open("w") as file:
        for t in history:
            ops = [["a", op.key, op.value] if isinstance(op, Append) else ["r", op.key, op.seen] for op in t.ops]
            file.write(json.dumps([t.number, t.outcome.value, t.begun_s, t.ended_s, ops]) + "\n")


def load(path: Path) -> list[Transaction]:
    history = []
    for line in path.read_text().splitlines():
        number, outcome, begun_s, ended_s, ops = json.loads(line)
        made = tuple(Append(key, what) if kind == "a" else Read(key, tuple(what)) for kind, key, what in ops)
        history.append(Transaction(number, made, Outcome(outcome), begun_s, ended_s))
    return history
