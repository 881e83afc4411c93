"""What a server answered: at SERIALIZABLE no anomaly, at REPEATABLE READ write skew at most, and what READ COMMITTED lets through is
found.  On one shard and on four."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.checker import anomalies
from tests.histories.clients import Layout, RowLists, TextLists, Workload
from tests.histories.generator import Shape
from tests.histories.history import Outcome, Transaction, save
from tests.servers import Server, faunadb

LAYOUTS = pytest.mark.parametrize("layout", [TextLists(), RowLists()], ids=["texts", "rows"])
NEVER = {"G0", "G1a", "G1b", "G1c", "internal", "incompatible order", "duplicate", "unwritten"}
"""What READ COMMITTED does not allow either, but for 'internal': its statements read each their own moment."""
MANY = pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)], id="long")


@pytest.fixture(scope="module", params=[1, 4], ids=["1-shard", "4-shards"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with faunadb.start("--shards", str(request.param)) as started:
        started.query("CREATE DATABASE IF NOT EXISTS test")
        yield started


class Recorded:
    """A history, its anomalies, and the file that it was written to if it has any."""

    def __init__(self, workload: Workload, seed: int, directory: Path) -> None:
        self.history = workload.run()
        self.kinds: Counter[str] = Counter()
        outcomes = Counter(transaction.outcome.value for transaction in self.history)
        print(f"seed {seed}, {workload.isolation}: {dict(outcomes)}")
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
    recorded = Recorded(Workload(server, layout, isolation, seed=seed, count=count, shape=shape), seed, directory)
    assert len(recorded.committed()) > count / 4
    return recorded


@LAYOUTS
@pytest.mark.parametrize("count", [pytest.param(1500, id="short"), MANY])
def test_serializable(server: Server, layout: Layout, count: int, tmp_path: Path) -> None:
    assert not _record(server, layout, "SERIALIZABLE", count, tmp_path).kinds


@LAYOUTS
def test_repeatable_read(server: Server, layout: Layout, tmp_path: Path) -> None:
    """Snapshot isolation: two transactions may each miss what the other wrote, and nothing else."""
    kinds = _record(server, layout, "REPEATABLE READ", 1500, tmp_path).kinds
    assert set(kinds) <= {"G2-item", "G2-item-realtime"}


@LAYOUTS
def test_read_committed(server: Server, layout: Layout, tmp_path: Path) -> None:
    """The checker sees what this level lets through."""
    crowded = Shape(lists=3, ops_max=6)
    kinds = _record(server, layout, "READ COMMITTED", 1500, tmp_path, shape=crowded).kinds
    assert {"lost update", "G-single", "G2-item"} & set(kinds)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("count", "kills"), [(1500, 2), pytest.param(20_000, 15, marks=pytest.mark.long)], ids=["short", "long"])
def test_serializable_while_the_server_is_killed(count: int, kills: int, tmp_path: Path) -> None:
    """What was acknowledged stays, what was refused does not come back, and the time of a crash makes no difference."""
    with faunadb.start("--shards", "4") as server:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        seed = random.randrange(1 << 30)
        workload = Workload(server, TextLists(), "SERIALIZABLE", seed=seed, count=count)
        over = threading.Event()
        killed: list[int] = []
        killer = threading.Thread(target=_kill, args=(server, workload, count, kills, over, killed), daemon=True)
        killer.start()
        try:
            recorded = Recorded(workload, seed, tmp_path)
        finally:
            over.set()
            killer.join()
    assert len(killed) == kills
    assert len(recorded.committed()) > count / 8
    assert not recorded.kinds


def _kill(server: Server, workload: Workload, count: int, kills: int, over: threading.Event, killed: list[int]) -> None:
    """At equal distances on the way to `count` transactions."""
    for number in range(1, kills + 1):
        while workload.done < count * number // (kills + 1):
            if over.wait(0.01):
                return
        server.kill()
        server.restart()
        killed.append(workload.done)
