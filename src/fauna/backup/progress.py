"""How far something long is, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fauna.backup.problems import Stopped


@dataclass(frozen=True, slots=True)
class Step:
    """what    in words, of what is being done
    done, total   in `unit`; total 0: nobody knows"""

    what: str
    done: int
    total: int
    unit: str = "bytes"


class Watcher(Protocol):
    """Is told of each step, often; may raise `Stopped`."""

    def __call__(self, step: Step) -> None: ...


def unwatched(step: Step) -> None:
    """Nobody looks."""


def stopping(watcher: Watcher, asked: Callable[[], bool]) -> Watcher:
    """The same watcher, which stops when that is asked."""

    def look(step: Step) -> None:
        if asked():
            raise Stopped("it was stopped")
        watcher(step)

    return look
