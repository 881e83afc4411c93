"""No seed tears a transaction, leaks a lock, or leaves a prepared branch or a record behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.txn import two_phase
from fauna.txn.committer import Committer
from tests.simulation import engine
from tests.simulation.disk import Crash, Disk
from tests.simulation.model import Torn, simulate

ENGINE_SEEDS = 400


@pytest.fixture(scope="module", autouse=True)
def _templates() -> Iterator[None]:
    yield
    engine.remove_templates()


@pytest.mark.parametrize("seeds", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_seeds(seeds: int) -> None:
    for seed in range(seeds):
        simulate(seed)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seeds", [ENGINE_SEEDS, pytest.param(10_000, marks=pytest.mark.long)])
def test_seeds_on_the_engine(seeds: int) -> None:
    for seed in range(seeds):
        engine.simulate(seed)


def test_a_seed_of_the_engine_always_tells_the_same_story() -> None:
    for seed in range(20):
        assert engine.simulate(seed) == engine.simulate(seed)


def test_a_protocol_that_answers_before_the_decision_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator would notice: with a `step` that commits without a record some seed is torn."""
    _commit_without_a_record(monkeypatch)
    with pytest.raises(Torn) as caught:
        for seed in range(500):
            simulate(seed)
    assert "replay: python -m tests.simulation --seed" in caught.value.__notes__[0]


def test_so_it_is_on_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    _commit_without_a_record(monkeypatch)
    with pytest.raises(engine.Torn) as caught:
        for seed in range(500):
            engine.simulate(seed)
    assert "replay: python -m tests.simulation --engine sqlite --seed" in caught.value.__notes__[0]


def test_a_recovery_that_forgets_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it what was prepared keeps its rows locked after a start."""
    monkeypatch.setattr(Committer, "recover", lambda self, shards: None)
    with pytest.raises(engine.Torn, match="left"):
        for seed in range(500):
            engine.simulate(seed)


def _commit_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    right = two_phase._all_prepared

    def wrong(state: two_phase.State) -> two_phase.Step:
        return right(state) if state.waiting else two_phase._commit(state)

    monkeypatch.setattr(two_phase, "_all_prepared", wrong)


# ── what a crash leaves ──


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "a.db-wal").write_bytes(b"synced")
    return Disk(tmp_path, tmp_path / "template", random.Random(1), lambda text: None)


def test_a_crash_never_takes_what_was_synced_and_leaves_the_rest_or_not(disk: Disk) -> None:
    left = set()
    for _ in range(50):
        log = disk.path / "a.db-wal"
        log.write_bytes(b"synced, and not")
        with pytest.raises(Crash):
            disk.crash()
        disk.start_again()
        left.add((disk.path / "a.db-wal").read_bytes())
        disk._durable["a.db-wal"] = b"synced"
    assert all(found.startswith(b"synced") for found in left)
    assert {b"synced", b"synced, and not"} < left


def test_what_is_synced_stays(disk: Disk) -> None:
    for number in range(20):
        log = disk.path / "a.db-wal"
        log.write_bytes(b"synced" + b"!" * number)
        with log.open("rb") as file:
            disk.sync("a.db-wal")(file.fileno())
        with pytest.raises(Crash):
            disk.crash()
        disk.start_again()
        assert (disk.path / "a.db-wal").read_bytes() == b"synced" + b"!" * number


def test_the_engine_of_the_simulation_has_no_threads(tmp_path: Path) -> None:
    """So that nothing happens but what the seed says."""
    import threading

    from fauna.shard.engines.sqlite.data_directory import DataDirectory

    before = threading.active_count()
    directory = DataDirectory(tmp_path)
    shard = SqliteShard(directory, threads=False)
    assert threading.active_count() == before
    shard.close()
    directory.close()
