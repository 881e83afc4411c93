"""What a server with 4 shards answered: at SERIALIZABLE no anomaly, at REPEATABLE READ write skew at most, and what READ COMMITTED
allows is found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.histories.checker import Outcome, Transaction, anomalies
from tests.histories.workload import Workload
from tests.servers import Server, faunadb

CLIENTS = 8


@pytest.fixture(scope="module", params=[1, 4], ids=["1-shard", "4-shards"])
def spread_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with faunadb.start("--shards", str(request.param)) as server:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        yield server


def _run(server: Server, isolation: str, transactions: int) -> list[Transaction]:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    history = Workload(server, isolation, seed=seed, clients=CLIENTS, transactions=transactions).run()
    print(f"{isolation}: {Counter(t.outcome.value for t in history)}")
    assert sum(t.outcome is Outcome.OK for t in history) > transactions / 4
    return history


def _kinds(history: list[Transaction]) -> Counter[str]:
    found = anomalies(history)
    for anomaly in found[:3]:
        print(anomaly.kind, anomaly.story)
    return Counter(anomaly.kind for anomaly in found)


@pytest.mark.parametrize("transactions", [2000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
def test_serializable(spread_server: Server, transactions: int) -> None:
    assert not _kinds(_run(spread_server, "SERIALIZABLE", transactions))


def test_repeatable_read(spread_server: Server) -> None:
    """Snapshot isolation: two transactions may each miss what the other wrote, and nothing else."""
    kinds = _kinds(_run(spread_server, "REPEATABLE READ", 2000))
    assert set(kinds) <= {"G2", "G2-realtime"}


def test_read_committed(spread_server: Server) -> None:
    """The checker sees what this level lets through."""
    kinds = _kinds(_run(spread_server, "READ COMMITTED", 2000))
    assert kinds
    assert not {"G0", "G1a", "G1b", "G1c", "incompatible order", "duplicate"} & set(kinds)
