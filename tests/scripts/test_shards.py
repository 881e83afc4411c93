"""The golden scripts with 2, 4 and 7 shards: the same answers as with one, but for what `DIFFERENT` lists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scripts import run, script
from tests.servers import Server, faunadb

_ROWS_BY_SHARD = "each shard numbers, and meets, the rows that it copies by itself"
_NUMBERED = "1235: an AUTO_INCREMENT column is added to a table with rows"

# (script, line) -> why
DIFFERENT = {
    ("collation/default", 212): "the duplicate that is named is the first of a shard",
    ("ddl/alter_table", 21): _ROWS_BY_SHARD,
    ("ddl/alter_table", 39): _ROWS_BY_SHARD,
    ("ddl/alter_table", 162): _ROWS_BY_SHARD,
    **{("ddl/alter_table", line): _NUMBERED for line in (173, 175, 180, 199)},
    ("ddl/foreign_keys", 197): "1235: ON DUPLICATE KEY UPDATE of a shard key",
    ("query/select", 203): "warnings come in the order of the shards",
}
NOT_COMPARED = {"transactions/isolation_serializable": "who waits for whom depends on the shards that the rows are on"}


@pytest.fixture(scope="module", params=[2, 4, 7])
def spread_server(request: pytest.FixtureRequest) -> Iterator[tuple[Server, int]]:
    with faunadb.start("--shards", str(request.param)) as server:
        yield server, request.param


@pytest.mark.parametrize("name", [name for name in script.names() if name not in NOT_COMPARED])
def test_script(spread_server: tuple[Server, int], name: str) -> None:
    server, shards = spread_server
    found = run.differences(server, script.load(name), shards=shards)
    unexpected = [each for each in found if (name, each.line) not in DIFFERENT]
    assert not unexpected, "\n\n".join(map(str, unexpected[:8]))
