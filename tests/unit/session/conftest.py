"""A database in memory of the test's own directory, and sessions on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fauna.node import Node
from fauna.session.session import Session
from fauna.wire.backend import ClientInfo

Open = Callable[[], Session]


@pytest.fixture
def open_session(tmp_path: Path) -> Iterator[Open]:
    node = Node.open(tmp_path / "data")
    numbers = iter(range(1, 1000))

    def open_() -> Session:
        return node.open_session(ClientInfo(next(numbers), "root", "localhost", None, False, False, True, 45, {}))

    first = open_()
    first.run("CREATE DATABASE d")
    first.close()

    def open_in_database() -> Session:
        session = open_()
        session.use("d")
        return session

    yield open_in_database
    node.close()


@pytest.fixture
def session(open_session: Open) -> Session:
    return open_session()


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    return list(session.run(text).rows)
