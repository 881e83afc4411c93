"""kill -9 during a backup leaves the backup before it; during a restore it leaves nothing; both can be run again."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fauna.backup.taking import take
from fauna.backup.verifying import verify
from fauna.node import configure
from tests.backup.workload import Content, Workload, content, differences, opened, restored
from tests.servers import faunadb

POINTS_MAX = 400


def run(number: int, directory: Path, *arguments: str) -> int:
    """Run the command, killed at the n-th file operation; its exit code."""
    command = [sys.executable, "-m", "tests.backup.killed", str(number), str(directory), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=faunadb.ROOT, env=faunadb.environment()
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.fixture
def database(tmp_path: Path) -> Callable[[int], tuple[Path, Path, Content]]:
    """A data directory that has gone on since its backup; and what it holds."""

    def make(shards: int) -> tuple[Path, Path, Content]:
        data, target = tmp_path / "data", tmp_path / "backup"
        workload = Workload(data, shards, 3)
        try:
            workload.wait_for_commits(100)
            take(workload.node.backup_source(), target)
            workload.wait_for_commits(100)
            workload.stop()
            expected = content(workload.node)
        finally:
            workload.close()
        return data, target, expected

    return make


def points(seed: int, times: int) -> list[int]:
    """At which operations: the first ones in any case."""
    return sorted({1, 2, 3, *random.Random(seed).sample(range(4, 60), times)})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.long)])
def test_a_backup_that_is_killed(tmp_path: Path, database: Callable[[int], tuple[Path, Path, Content]], times: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    data, before, expected = database(2)
    target = tmp_path / "target"
    killed = 0
    for number in points(seed, times):
        shutil.copytree(before, target)
        manifest = (target / "manifest.json").read_bytes()
        killed += run(number, target, "backup", str(target), "--data", str(data), "--full") != 0
        assert verify(target, configure).problems == []
        complete = (target / "manifest.json").read_bytes() != manifest
        assert run(POINTS_MAX, target, "backup", str(target), "--data", str(data)) == 0
        assert verify(target, configure).problems == []
        assert complete or not list(target.glob("full-2"))
        shutil.rmtree(target)
    assert killed >= 3
    # The first one to a directory, too.
    assert run(4, target, "backup", str(target), "--data", str(data)) != 0
    assert run(POINTS_MAX, target, "backup", str(target), "--data", str(data)) == 0
    restored(target, tmp_path / "restored")
    with opened(tmp_path / "restored") as node:
        assert differences(content(node), expected) == []
    assert not list(data.glob("backup-copy-*"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.long)])
def test_a_restore_that_is_killed(tmp_path: Path, database: Callable[[int], tuple[Path, Path, Content]], times: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    data, source, expected = database(2)
    assert run(POINTS_MAX, tmp_path, "backup", str(source), "--data", str(data)) == 0
    target = tmp_path / "restored"
    killed = 0
    for number in points(seed, times):
        died = run(number, target, "restore", str(source), "--data", str(target)) != 0
        killed += died
        if not target.exists():
            assert died
            assert run(POINTS_MAX, target, "restore", str(source), "--data", str(target)) == 0
        with opened(target) as node:
            assert differences(content(node), expected) == []
        shutil.rmtree(target)
    assert killed >= 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data"]


@pytest.mark.timeout(300)
def test_a_server_that_is_killed_while_it_backs_up(tmp_path: Path) -> None:
    """Under load, at random moments; what it takes after that goes on from where it was."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    target = tmp_path / "backup"
    server = faunadb.start("--shards", "2", "--archive-target", str(target), "--archive-interval", "1", data=tmp_path / "data")
    try:
        server.query("CREATE DATABASE shop")
        server.query("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100))", database="shop")
        acknowledged = 0
        for _ in range(4):
            killer = threading.Timer(dice.uniform(0.2, 1.5), server.kill)
            killer.start()
            try:
                with server.connect(database="shop") as connection, connection.cursor() as cursor:
                    while True:
                        cursor.execute("INSERT INTO t (v) VALUES (REPEAT('x', 100)), (REPEAT('y', 100))")
                        acknowledged += 2
            except Exception as problem:  # the server is gone
                assert "syntax" not in str(problem)
            killer.join()
            server.restart()
        (there,) = server.query("SELECT COUNT(*) FROM t", database="shop")
        assert there[0] >= acknowledged
        done = subprocess.run(
            [sys.executable, "-m", "fauna", "backup", str(target), "--port", str(server.port)],
            capture_output=True, text=True, check=False, timeout=60, env=faunadb.environment() | {"FAUNADB_PASSWORD": server.password},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    finally:
        server.close()
    assert verify(target, configure).problems == []
    restored(target, tmp_path / "restored")
    with opened(tmp_path / "restored") as node:
        rows = sum(int(list(shard.autocommit_query("SELECT count(*) FROM t1", (), inline=False))[0][0]) for shard in node.shards)  # type: ignore[call-overload]
        assert rows == there[0]
