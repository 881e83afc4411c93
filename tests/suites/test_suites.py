"""What passes on MariaDB passes on FaunaDB; what does not is listed with its reason in reasons.toml."""

from __future__ import annotations

import pytest

from tests.servers import NotAvailable, Server, faunadb, mariadb
from tests.suites import compare, run

# suite -> the least share, of the tests that pass on MariaDB, that must pass on FaunaDB
LEAST = {"sqlalchemy": 0.97, "mysqlclient": 1.0}
NEEDS = {"sqlalchemy": "sqlalchemy", "mysqlclient": "MySQLdb"}


def outcomes(server: Server, suite: str) -> run.Outcomes:
    with server:
        found = run.SUITES[suite](server)
        run.save(suite, server.name, found)
        return found


@pytest.mark.long
@pytest.mark.oracle
@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", run.SUITES)
def test_suite(suite: str) -> None:
    pytest.importorskip(NEEDS[suite])
    try:
        compared = compare.compare(suite, outcomes(mariadb.start(), suite), outcomes(faunadb.start(), suite))
    except NotAvailable as reason:
        pytest.skip(str(reason))
    print(compared)
    assert compared.passed_on_mariadb > 100, "the suite did not run"
    assert compared.share >= LEAST[suite], str(compared)
    unexplained = set(compared.missing) - set(compare.reasons(suite))
    assert not unexplained, f"add to reasons.toml, or mend: {sorted(unexplained)}"
