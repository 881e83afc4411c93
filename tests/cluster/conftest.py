from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server, faunadb


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A fresh FaunaDB server for one test alone, with an empty database called test."""
    with faunadb.start() as server:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        yield server
