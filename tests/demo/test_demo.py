"""`faunadb demo`, as a user runs it, and its scenarios on MariaDB, which shows that they ask for nothing special."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fauna.client import database
from fauna.demo.runner import SCENARIOS, run_all
from tests.servers import Server
from tests.servers.faunadb import environment


def run_demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fauna", "demo", *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        timeout=120, env=environment(),
    )  # fmt: skip


def test_the_demo_runs_and_leaves_nothing(tmp_path: Path) -> None:
    done = run_demo(cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for name, _, _ in SCENARIOS:
        assert f"\n{name}: " in done.stdout
    assert "checks held" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json(tmp_path: Path) -> None:
    done = run_demo("--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    scenarios = json.loads(done.stdout)["scenarios"]
    assert [scenario["scenario"] for scenario in scenarios] == [name for name, _, _ in SCENARIOS]
    assert all(scenario["checks"] > 0 for scenario in scenarios)


def test_on_mariadb(mariadb_server: Server) -> None:
    mariadb_server.query("SET GLOBAL innodb_snapshot_isolation = ON")  # without it MariaDB loses updates, and the demo says so
    try:
        results = run_all(
            lambda name: database.connect(
                host=mariadb_server.host, port=mariadb_server.port, user="root", password=mariadb_server.password, database=name
            ),
            lambda line: None,
        )
    finally:
        mariadb_server.query("SET GLOBAL innodb_snapshot_isolation = OFF")
    assert len(results) == len(SCENARIOS)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readmes_example_runs(page: str, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / page).read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment()
    )
    assert (done.stdout, done.stderr) == ("A1 4 9.90\n", "")


def test_embedded(tmp_path: Path) -> None:
    with database.connect(path=tmp_path):  # keeps the node open between the scenarios' connections
        results = run_all(lambda name: database.connect(path=tmp_path, database=name), lambda line: None)
    assert len(results) == len(SCENARIOS)
