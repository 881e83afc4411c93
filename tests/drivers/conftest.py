from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server

DATABASE = "drivers"


@pytest.fixture
def database(server: Server) -> Iterator[Server]:
    """The server, with a fresh database called `drivers`."""
    with server.database(DATABASE):
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/drivers" in str(item.path):
            item.add_marker(pytest.mark.drivers)
