from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import Server

NODE = Path(__file__).parent / "node"


def test_story(database: Server) -> None:
    if not shutil.which("node") or not (NODE / "node_modules" / "mysql2").is_dir():
        pytest.skip("Node or its package mysql2 is not installed (make test installs it)")
    told = subprocess.run(
        ["node", "story.js", database.host, str(database.port), database.user, database.password, "drivers"],
        cwd=NODE, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "told"
