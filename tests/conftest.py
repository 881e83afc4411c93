"""What all tests share: one MariaDB and one FaunaDB for the whole session, started when first asked for.

`server` runs a test twice, once on each.  On MariaDB it shows that the test is right, on FaunaDB that the product is.
Without MariaDB those halves are skipped, and the summary says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.servers import NotAvailable, Server, faunadb, mariadb
from tools.compile import stale

# The same examples each time: a failure is the change's.  HYPOTHESIS_PROFILE=default looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    try:
        server = mariadb.start()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture(scope="session")
def _faunadb_session() -> Iterator[list[Server]]:
    """Holds the current server, so that a test which brought it down does not fail all those after it."""
    holder = [faunadb.start()]
    yield holder
    holder[0].close()


@pytest.fixture
def faunadb_server(_faunadb_session: list[Server]) -> Server:
    if not _faunadb_session[0].alive():
        _faunadb_session[0] = faunadb.start()
    return _faunadb_session[0]


@pytest.fixture(params=["mariadb", "faunadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Modules compiled from older sources would be tested instead of the sources."""
    old = stale()
    if old:
        raise pytest.UsageError(f"compiled before {old[0].name} changed: run `make install` (or tools/compile.py --remove)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on the real MariaDB is marked `oracle`."""
    for item in items:
        if "mariadb_server" in getattr(item, "fixturenames", ()) or "[mariadb" in item.name:
            item.add_marker(pytest.mark.oracle)
