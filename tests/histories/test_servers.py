"""What a server answered: at SERIALIZABLE no anomaly, at REPEATABLE READ write skew at most, and what READ COMMITTED lets through is
found.  On one shard and on four."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.histories.checker import anomalies
from tests.histories.clients import Layout, RowLists, TextLists, Workload
from tests.histories.generator import Shape
from tests.histories.history import Outcome, Transaction, save
from tests.servers import Server, faunadb

TEXTS, ROWS = (TextLists(), 1500), (RowLists(), 500)
SHORT = pytest.mark.parametrize(("layout", "count"), [TEXTS, ROWS], ids=["texts", "rows"])
NEVER = {"G0", "G1a", "G1b", "G1c", "incompatible order", "duplicate", "unwritten"}
"""What READ COMMITTED does not allow either.  ('internal' it does: each statement reads its own moment.)"""
LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", params=[1, 4], ids=["1-shard", "4-shards"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with faunadb.start("--shards", str(request.param)) as started:
        started.query("CREATE DATABASE IF NOT EXISTS test")
        yield started


class Recorded:
    """A history, its anomalies, and the file that it was written to if it has any."""

    def __init__(self, history: list[Transaction], isolation: str, seed: int, directory: Path) -> None:
        self.history = history
        outcomes = Counter(transaction.outcome.value for transaction in self.history)
        print(f"seed {seed}, {isolation}: {dict(outcomes)}")
        found = anomalies(self.history)
        self.kinds = Counter(anomaly.kind for anomaly in found)
        if found:
            path = directory / "history.jsonl"
            save(self.history, path)
            print(f"{path}: {dict(self.kinds)}", *found[:5], f"python -m tests.histories {path}", sep="\n  ")

    def committed(self) -> list[Transaction]:
        return [transaction for transaction in self.history if transaction.outcome is Outcome.OK]


def _record(
    server: Server, layout: Layout, isolation: str, count: int, directory: Path, *, shape: Shape | None = None
) -> Recorded:
    seed = random.randrange(1 << 30)
    history = Workload(server, layout, isolation, seed=seed, count=count, shape=shape).run()
    recorded = Recorded(history, isolation, seed, directory)
    assert len(recorded.committed()) > count / 4
    return recorded


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        pytest.param(*TEXTS, id="texts"),
        pytest.param(*ROWS, id="rows"),
        pytest.param(TextLists(), 100_000, marks=LONG, id="texts-long"),
        pytest.param(RowLists(), 20_000, marks=LONG, id="rows-long"),
    ],
)
def test_serializable(server: Server, layout: Layout, count: int, tmp_path: Path) -> None:
    assert not _record(server, layout, "SERIALIZABLE", count, tmp_path).kinds


@SHORT
def test_repeatable_read(server: Server, layout: Layout, count: int, tmp_path: Path) -> None:
    """Snapshot isolation: two transactions may each miss what the other wrote, and nothing else."""
    kinds = _record(server, layout, "REPEATABLE READ", count, tmp_path).kinds
    assert set(kinds) <= {"G2-item", "G2-item-realtime"}


CROWDED = Shape(lists=3, ops_max=6)


@pytest.mark.parametrize(("layout", "count"), [(TextLists(by_client=False), 1500), ROWS], ids=["texts", "rows"])
def test_read_committed(server: Server, layout: Layout, count: int, tmp_path: Path) -> None:
    """The checker sees what this level lets through, and nothing that it does not."""
    kinds = _record(server, layout, "READ COMMITTED", count, tmp_path, shape=CROWDED).kinds
    assert {"lost update", "G-single", "G2-item"} & set(kinds)
    assert not NEVER & set(kinds)


def test_read_committed_loses_what_clients_overwrite(server: Server, tmp_path: Path) -> None:
    """Two write what they have read and one more: a third may read the first's, and then never again."""
    kinds = _record(server, TextLists(), "READ COMMITTED", 1500, tmp_path, shape=CROWDED).kinds
    assert {"lost update", "incompatible order"} & set(kinds)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("count", "kills"), [(1500, 2), pytest.param(20_000, 15, marks=pytest.mark.long)], ids=["short", "long"])
def test_serializable_while_the_server_is_killed(count: int, kills: int, tmp_path: Path) -> None:
    """What was acknowledged stays, what was refused does not come back, and the time of a crash makes no difference."""
    seed = random.randrange(1 << 30)
    with faunadb.start("--shards", "4") as server, ThreadPoolExecutor(1) as beside:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        workload = Workload(server, TextLists(), "SERIALIZABLE", seed=seed, count=count)
        running = beside.submit(workload.run)
        for number in range(1, kills + 1):
            _wait_until(workload, count * number // (kills + 1), running)
            server.kill()
            server.restart()
        recorded = Recorded(running.result(), workload.isolation, seed, tmp_path)
    assert len(recorded.committed()) > count / 8
    assert not recorded.kinds


def _wait_until(workload: Workload, done: int, running: Future[list[Transaction]]) -> None:
    while workload.done < done:
        assert not running.done(), running.exception() or "the clients were done before the server was killed"
        time.sleep(0.01)
