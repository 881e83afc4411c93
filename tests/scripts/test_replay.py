"""The chain of all golden scripts, fed to an empty database, gives the same rows byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import run, script
from tests.servers import faunadb
from tests.servers.replay import differences


@pytest.mark.parametrize("shards", [1, 4])
def test_the_golden_suite(tmp_path: Path, shards: int) -> None:
    with faunadb.start("--shards", str(shards), data=tmp_path / "data") as server:
        for name in script.names():
            if not name.startswith("transactions/"):  # they wait for each other, and change a few rows
                run.differences(server, script.load(name), shards=shards)
    found, blocks = differences(tmp_path / "data", tmp_path / "copy")
    assert found == []
    assert blocks > 500
