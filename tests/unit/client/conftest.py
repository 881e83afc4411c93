"""The three things a client can be connected to: MariaDB (which shows that a test is right), FaunaDB over the protocol,
and FaunaDB embedded.  `target` runs a test on each; `connect_args` are what `database.connect` and `fauna.connect` take.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fauna.client import database
from tests.servers import Server

_names = (f"client_{number}" for number in itertools.count())


@pytest.fixture(params=["mariadb", "faunadb", "embedded"])
def connect_args(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    name = next(_names)
    if request.param == "embedded":
        yield {"path": tmp_path / "data", "database": name}
        return
    server: Server = request.getfixturevalue(f"{request.param}_server")
    with server.database(name):
        if request.param == "mariadb":
            server.query(f"ALTER DATABASE {name} CHARACTER SET utf8mb4")
        yield {"host": server.host, "port": server.port, "user": server.user, "password": server.password, "database": name}


@pytest.fixture
def db(connect_args: dict[str, Any]) -> Iterator[database.Database]:
    with database.connect(**connect_args) as connection:
        yield connection
