"""A shard with one table, and two-session scripts against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from tests.compliance.engine.actors import make_tables
from tests.compliance.engine.sealed import close_all

OpenShard = Callable[..., SqliteShard]


@pytest.fixture(autouse=True)
def _closed_databases() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def open_shard(tmp_path: Path) -> Iterator[OpenShard]:
    """Open (again) the shard in the test's directory; everything is closed afterwards."""
    opened: list[tuple[SqliteShard, DataDirectory]] = []

    def open_again(settings: EngineSettings | None = None, **options: object) -> SqliteShard:
        while opened:
            shard, directory = opened.pop()
            shard.close()
            directory.close()
        directory = DataDirectory(tmp_path / "data")
        shard = SqliteShard(directory, settings=settings, **options)  # type: ignore[arg-type]
        opened.append((shard, directory))
        return shard

    yield open_again
    while opened:
        shard, directory = opened.pop()
        shard.close()
        directory.close()


@pytest.fixture
def shard(open_shard: OpenShard) -> SqliteShard:
    """t1 (c0 INTEGER PRIMARY KEY, c1) holds (1, 10) and (2, 20); t2 is the same and empty."""
    shard = open_shard()
    make_tables(shard)
    return shard
