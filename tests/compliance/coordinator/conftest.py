"""The implementations that the suite holds to the interface.  A new one is one more `Kind` in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fauna.clock import ManualClock
from fauna.coordinator.local import LocalCoordinator
from fauna.coordinator.protocol import Coordinator

Open = Callable[[], Coordinator]


@dataclass(frozen=True)
class Kind:
    """open: connect (again) to the one coordinator of this test; `let_pass` makes time pass for its leases."""

    name: str
    open: Callable[[Path, ManualClock], Coordinator]
    let_pass: Callable[[ManualClock, float], None]


KINDS = [
    Kind("local", lambda path, clock: LocalCoordinator(path, clock=clock), lambda clock, seconds: clock.advance(seconds)),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_coordinator(kind: Kind, clock: ManualClock, tmp_path: Path) -> Iterator[Open]:
    """Open the test's coordinator; again after a close."""
    opened: list[Coordinator] = []

    def open_again() -> Coordinator:
        while opened:
            opened.pop().close()
        opened.append(kind.open(tmp_path, clock))
        return opened[-1]

    yield open_again
    while opened:
        opened.pop().close()


@pytest.fixture
def coordinator(open_coordinator: Open) -> Coordinator:
    return open_coordinator()


@pytest.fixture
def let_pass(kind: Kind, clock: ManualClock) -> Callable[[float], None]:
    return lambda seconds: kind.let_pass(clock, seconds)
