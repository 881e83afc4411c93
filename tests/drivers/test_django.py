from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Server

PROJECT = Path(__file__).parent / "django_shop"


def test_story(database: Server, tmp_path: Path) -> None:
    pytest.importorskip("django")
    pytest.importorskip("MySQLdb", reason="Django's MySQL back end needs mysqlclient")
    project = shutil.copytree(PROJECT, tmp_path / "django_shop", ignore=shutil.ignore_patterns("migrations", "__pycache__"))
    told = subprocess.run(
        [sys.executable, "story.py", database.host, str(database.port), database.user, database.password, "drivers"],
        cwd=project, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-6000:]
    assert told.stdout.strip().endswith("told")
