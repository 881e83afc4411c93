"""From 2 shards to 4 while clients write and read, with and without kill -9."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.cluster import resharding


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("rows", "kills"),
    [(10_000, 0), (10_000, 3), pytest.param(1_000_000, 10, marks=pytest.mark.long)],
    ids=["calm", "killed", "long"],
)
def test_no_answer_is_wrong_and_nothing_is_lost(rows: int, kills: int, tmp_path: Path) -> None:
    resharding.run(rows, kills, random.randrange(1 << 30), tmp_path / "data")
