"""The checkpoints of a database: made in order, kept on disk, bounded."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fauna.chain import checkpoints as module
from fauna.chain.checkpoint import CheckpointError
from fauna.chain.checkpoint_key import KEY_FILE
from fauna.chain.checkpoints import FILE, Checkpoints
from fauna.clock import ManualClock
from tests.unit.chain.chains import DATABASE, ListChain
from tests.unit.chain.test_checkpoint import OTHER_KEY, sign


def opened(directory: Path, *chains: ListChain, clock: ManualClock | None = None) -> Checkpoints:
    return Checkpoints(directory, DATABASE, lambda: chains, clock or ManualClock())


def test_they_are_kept_over_a_restart(tmp_path: Path) -> None:
    chain, clock = ListChain(0).fill(3), ManualClock()
    checkpoints = opened(tmp_path, chain, clock=clock)
    assert checkpoints.kept() == ()
    made = [checkpoints.make()]
    chain.fill(2)
    clock.advance(1)
    made.append(checkpoints.make())
    assert [each.shards[0].height for each in made] == [3, 5]
    assert made[1].made_us - made[0].made_us == 1_000_000
    again = opened(tmp_path, chain, clock=clock)
    assert list(checkpoints.kept()) == list(again.kept()) == made
    assert again.public_key() == checkpoints.public_key() == made[0].public_key
    for each in made:
        each.verify(again.public_key())
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_each_is_later_than_the_one_before_whatever_the_clock_does(tmp_path: Path) -> None:
    chain = ListChain(0)
    first = opened(tmp_path, chain, clock=ManualClock(2_000_000)).make()
    second = opened(tmp_path, chain, clock=ManualClock(1_000_000)).make()
    assert (first.made_us, second.made_us) == (2_000_000, 2_000_001)


def test_the_latest_that_has_a_block(tmp_path: Path) -> None:
    chain = ListChain(4).fill(3)
    checkpoints = opened(tmp_path, chain)
    assert checkpoints.covering(4, 1) is None
    first = checkpoints.make()
    chain.fill(1)
    second = checkpoints.make()
    assert checkpoints.covering(4, 3) == checkpoints.covering(4, 4) == second
    assert first != second
    assert checkpoints.covering(4, 5) is None
    assert checkpoints.covering(5, 1) is None


def test_lines_that_are_no_checkpoints_of_this_database_are_passed_over(tmp_path: Path) -> None:
    chain = ListChain(0).fill(1)
    made = opened(tmp_path, chain).make()
    path = tmp_path / FILE
    good = path.read_bytes()
    foreign = sign("ff" * 16, 5, made.shards, OTHER_KEY).to_text().encode()
    path.write_bytes(b"\xff\xfe\n{}\n" + good.replace(b'"height": 1', b'"height": 2') + foreign + b"\n" + good + good[:100])
    again = opened(tmp_path, chain)
    assert list(again.kept()) == [made]
    second = again.make()  # after what was cut begins a line of its own
    assert list(opened(tmp_path, chain).kept()) == [made, second]


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MAX", 5)
    checkpoints = opened(tmp_path, ListChain(0))
    made = [checkpoints.make() for _ in range(23)]
    assert list(checkpoints.kept()) == made[-5:]
    lines = (tmp_path / FILE).read_text().splitlines()
    assert len(lines) <= 10
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(FILE)] == [FILE]
    assert list(opened(tmp_path, ListChain(0)).kept()) == made[-5:]


def test_with_many_shards_fewer_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEADS_MAX", 10)
    checkpoints = opened(tmp_path, *[ListChain(shard) for shard in range(4)])
    made = [checkpoints.make() for _ in range(5)]
    assert list(checkpoints.kept()) == made[-2:]
    assert len((tmp_path / FILE).read_text().splitlines()) <= 4


def test_what_stands_in_the_way_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no chain to make a checkpoint of"):
        opened(tmp_path).make()
    checkpoints = opened(tmp_path, ListChain(0))
    (tmp_path / FILE).mkdir()
    with pytest.raises(CheckpointError, match="checkpoints.jsonl' cannot be"):
        checkpoints.make()
    (tmp_path / FILE).rmdir()
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(CheckpointError, match="open to other users"):
        opened(tmp_path, ListChain(0)).make()
