"""What a scenario is given: connections, a voice, and a place for what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fauna.client.database import Database
from fauna.errors import FaunaError


class DemoError(FaunaError):
    """Something did not come out as the scenario says it must."""


@dataclass(slots=True)
class Story:
    """One scenario as it runs.

    connect   a new connection to the server, with this database chosen (None: none yet)
    say       prints a line of progress
    facts     what the summary shows: name -> value
    checks    how many statements about the outcome were found true
    """

    title: str
    database: str
    connect: Callable[[str | None], Database]
    say: Callable[[str], None]
    facts: dict[str, Any] = field(default_factory=dict)
    checks: int = 0
    begun: float = field(default_factory=time.perf_counter)

    def fresh(self) -> Database:
        """A connection to the scenario's own, empty database."""
        with self.connect(None) as db:
            db.execute(f"DROP DATABASE IF EXISTS {self.database}")
            db.execute(f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4")
        return self.connect(self.database)

    def again(self) -> Database:
        """One more connection to the same database: another client."""
        return self.connect(self.database)

    def step(self, text: str) -> None:
        self.say(f"  {text}")

    def check(self, what: str, found: object, expected: object) -> None:
        """State what must be so; DemoError when it is not."""
        if found != expected:
            raise DemoError(f"{self.title}: {what}: expected {expected!r}, found {found!r}")
        self.checks += 1
        self.say(f"    ok  {what}")

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.begun
