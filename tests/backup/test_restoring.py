"""What is restored is what was there, at whatever moment is asked for, while clients write and definitions change."""

from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path

import pytest

from fauna import database
from fauna.backup.restoring import AtBlock, AtTime, Latest
from fauna.backup.taking import take
from fauna.backup.verifying import verify
from fauna.node import configure
from fauna.verification.verify import verify as verify_directory
from tests.backup.workload import ACCOUNTS, AMOUNT, Noted, Workload, differences, heads, opened, restored
from tests.backup.workload import content as content_of


def filled(tmp_path: Path, shards: int, seed: int, moments: int) -> tuple[Path, list[Noted]]:
    """A backup taken bit by bit while clients write, and what there was at some moments."""
    dice = random.Random(seed)
    target = tmp_path / "backup"
    noted: list[Noted] = []
    workload = Workload(tmp_path / "data", shards, seed)
    try:
        for moment in range(moments):
            workload.wait_for_commits(dice.randrange(20, 120))
            noted.append(workload.note())
            if moment == 1 or dice.random() < 0.4:
                source = workload.node.backup_source()
                # Beside the writers: the next moments may fall into it.
                backup = threading.Thread(target=take, args=(source, target), kwargs={"full": dice.random() < 0.2})
                backup.start()
                workload.wait_for_commits(dice.randrange(5, 60))
                noted.append(workload.note())
                backup.join()
        workload.stop()
        noted.append(workload.note())
        take(workload.node.backup_source(), target)
        noted.append(workload.note())
    finally:
        workload.close()
    return target, noted


def check(source: Path, data: Path, moment: Noted) -> None:
    found = restored(source, data, AtTime(moment.time_us))
    assert found.time_us == moment.time_us
    report = verify_directory(data, configure)
    assert report.findings == [] and report.clean
    with opened(data) as node:
        assert heads(node) == moment.heads
        assert differences(content_of(node), moment.content) == []
    shutil.rmtree(data)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.long)])
def test_any_moment_comes_back_as_it_was(tmp_path: Path, shards: int, times: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    source, noted = filled(tmp_path, shards, seed, 8 if times < 10 else 25)
    assert verify(source, configure).problems == []
    last = noted[-2]  # the last before the backup ended; the first is before its first copy
    for moment in [last, noted[0], *random.Random(seed).choices(noted[:-1], k=times - 2)]:
        check(source, tmp_path / "restored", moment)


def test_between_moments_no_money_is_lost(tmp_path: Path) -> None:
    """At a moment that nobody has prepared, each transaction is there on all shards or on none."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    source, noted = filled(tmp_path, 4, seed, 5)
    for number in range(5):
        time_us = dice.randrange(noted[0].time_us, noted[-2].time_us)
        data = tmp_path / f"restored{number}"
        restored(source, data, AtTime(time_us))
        db = database.connect(path=data, database="shop")
        try:
            assert tuple(db.query("SELECT COUNT(*), SUM(amount) FROM account")[0]) == (ACCOUNTS, ACCOUNTS * AMOUNT)
        finally:
            db.close()


@pytest.mark.parametrize("shards", [1, 4])
def test_the_chain_goes_on_from_there(tmp_path: Path, shards: int) -> None:
    """A restored database takes new commits, and increments to the same backup; an older state of it is another history."""
    source, noted = filled(tmp_path, shards, 7, 3)
    data = tmp_path / "restored"
    restored(source, data, Latest())
    db = database.connect(path=data, database="shop")
    try:
        db.execute("CREATE TABLE later (id INT AUTO_INCREMENT PRIMARY KEY)")
        db.execute("INSERT INTO later VALUES (), (), ()")
        node = db._link._session.node  # type: ignore[attr-defined]
        take(node.backup_source(), source)
        expected = content_of(node)
    finally:
        db.close()
    assert verify(source, configure).problems == []
    again = tmp_path / "again"
    restored(source, again)
    with opened(again) as node:
        assert differences(content_of(node), expected) == []


def test_a_block_names_a_moment(tmp_path: Path) -> None:
    source, noted = filled(tmp_path, 4, 8, 3)
    for number, height in enumerate((noted[0].heads[2][0], noted[-2].heads[2][0])):
        data = tmp_path / f"restored{number}"
        restored(source, data, AtBlock(2, height))
        with opened(data) as node:
            assert node.shards[2].height == height
            time_us = node.shards[2].header(height).time_us  # type: ignore[union-attr]
            assert max(shard.time_us for shard in node.shards) == time_us
