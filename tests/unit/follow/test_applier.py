"""Applying blocks of several shards: all parts of a transaction or none, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from fauna.catalog import store
from fauna.client.server_link import Address
from fauna.clock import HybridClock, ManualClock
from fauna.errors import FaunaError, SqlError, error
from fauna.follow.applier import Applied, Applier, Group, HalfApplied, batches
from fauna.follow.blocks import Block
from fauna.follow.inbox import Inbox
from fauna.follow.status import FOLLOWING, STOPPED, ShardStatus, Status, replica
from fauna.session.accounts import CREATE as ACCOUNTS
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.replay import Applying, DoesNotFit
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.shard_files import identify
from fauna.shard.shard import locked
from fauna.ticket import OneShot
from fauna.txn.growth import Growth

DATABASE = "d"
Rows = list[list[tuple[object, ...]]]


class Shards:
    """Two shards in a directory."""

    def __init__(self, path: Path, count: int = 2) -> None:
        self.directory = DataDirectory(path)
        self.clock = HybridClock()
        self.shards = [self.open(number) for number in range(count)]

    def open(self, number: int) -> SqliteShard:
        shard = SqliteShard(self.directory, number, clock=self.clock, threads=False)
        identify(shard, DATABASE, number)
        return shard

    def run(self, *shards: int, sql: str) -> None:
        """The same on all of these, at one time."""
        at_us = self.clock.next_us()
        for number in shards:
            branch = locked(self.shards[number])
            branch.execute_ddl([(sql, ())])
            branch.commit(at_us).wait()

    def rows(self) -> Rows:
        return [list(shard.autocommit_query("SELECT a FROM t1 ORDER BY a", (), inline=False)) for shard in self.shards]

    def blocks(self) -> list[Iterator[Block]]:
        streams = []
        for shard in self.shards:
            reader = BlockReader(apsw.Connection(str(shard.path)))
            streams.append(iter([Block.of(b.header, b.payload) for b in reader.blocks(1, 1 << 40)]))
        return streams

    def close(self) -> None:
        for shard in self.shards:
            shard.close()
        self.directory.close()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Shards]:
    shards = Shards(tmp_path / "source")
    for sql, _ in [*store.SYSTEM_TABLES, (ACCOUNTS, ())]:
        if sql.startswith("CREATE"):
            shards.run(0, sql=sql)
    shards.run(0, 1, sql="CREATE TABLE t1 (a INTEGER PRIMARY KEY)")
    for number in range(1, 6):
        shards.run(0, 1, sql=f"INSERT INTO t1 VALUES ({number})")
        shards.run(number % 2, sql=f"INSERT INTO t1 VALUES ({100 + number})")
    yield shards
    shards.close()


class Copy(Shards):
    def __init__(self, path: Path) -> None:
        super().__init__(path, 0)
        self.seen: list[Applied] = []
        self.stuck: list[FaunaError] = []
        self.inbox = Inbox(path)
        self.applier = Applier((), self.open, self.inbox, published=self.seen.append, stuck=self.stuck.append)
        while self.directory.shard_file(len(self.applier.shards)).exists():
            self.applier.shard(len(self.applier.shards))
        self.shards = self.applier.shards

    def close(self) -> None:
        self.inbox.close()
        super().close()


def one_by_one(source: Shards) -> list[list[Group]]:
    return [[group] for batch in batches(source.blocks()) for group in batch]


def test_parts_of_one_time_are_one_group_in_order_of_time(source: Shards) -> None:
    groups = [group for (group,) in one_by_one(source)]
    times = [group[0].time_us for group in groups]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert [len(group) for group in groups[-10:]] == [2, 1] * 5
    assert all(len({block.time_us for block in group}) == 1 for group in groups)


def test_blocks_become_the_same_shards(source: Shards, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    for batch in batches(source.blocks()):
        copy.applier.apply(batch)
    assert copy.rows() == source.rows()
    assert [shard.height for shard in copy.shards] == [shard.height for shard in source.shards]
    assert sum(applied.blocks for applied in copy.seen) == sum(shard.height for shard in source.shards)
    assert "t1" in copy.seen[-1].changed
    copy.close()


@pytest.mark.parametrize("fails_at", range(2))
def test_a_commit_that_fails_is_finished_by_the_next_start(
    source: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """As kill -9 between two commits: on disk one shard has its part, and the other has not."""
    copy = Copy(tmp_path / "copy")
    *before, last_pair, _ = one_by_one(source)
    for batch in before:
        copy.applier.apply(batch)
    was = copy.rows()
    commits = 0
    commit = Applying.commit

    def failing(self: Applying) -> object:
        nonlocal commits
        commits += 1
        if commits > fails_at:
            self.rollback()
            raise error("DISK_FULL", "28")
        return commit(self)

    with monkeypatch.context() as patched:
        patched.setattr(Applying, "commit", failing)
        with pytest.raises(HalfApplied if fails_at else SqlError):
            copy.applier.apply(last_pair)
    assert bool(copy.stuck) == bool(fails_at)
    assert sum(before != after for before, after in zip(was, copy.rows(), strict=True)) == fails_at
    copy.close()
    copy = Copy(tmp_path / "copy")
    copy.applier.finish()
    assert [rows[4] for rows in copy.rows()] == [(5,), (5,)]
    assert not copy.inbox.pending()
    copy.applier.finish()
    copy.close()


def test_what_is_before_a_block_that_does_not_fit_is_applied(source: Shards, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    groups = [group for (group,) in one_by_one(source)]
    broken = groups[-2]
    assert len(broken) == 2
    block = broken[1]
    groups[-2] = [broken[0], Block(block.shard, block.height, block.time_us, 1, block.header, block.payload[:-1] + b"\x7f")]
    with pytest.raises(DoesNotFit, match=f"shard 1, block {block.height}"):
        copy.applier.apply(groups)
    assert copy.seen[-1].time_us == groups[-3][0].time_us
    assert copy.rows()[0][:4] == [(1,), (2,), (3,), (4,)] and (5,) not in copy.rows()[0] + copy.rows()[1]
    assert not copy.inbox.pending()
    copy.close()


def test_large_payloads_are_kept_in_parts(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    for part in range(3):
        inbox.put_part(1, 7, part, bytes([0, part]))
        inbox.put_part(1, 8, part, b"\0")
    assert list(inbox.parts(1, 7)) == [b"\0\0", b"\0\1", b"\0\2"]
    inbox.drop_parts(1, 7)
    assert list(inbox.parts(1, 7)) == [] and len(list(inbox.parts(1, 8))) == 3
    inbox.clear()
    assert list(inbox.parts(1, 8)) == []
    inbox.close()


def test_news() -> None:
    clock = ManualClock()
    growth = Growth(clock)
    first, second = growth.news(clock.monotonic_s() + 5), growth.news(clock.monotonic_s() + 5)
    first.interrupt()
    with pytest.raises(SqlError, match="1317"):
        first.check()
    assert not second.done()
    growth.happened()
    assert second.done()
    many: list[OneShot] = [growth.news(clock.monotonic_s() + 5) for _ in range(3000)]
    growth.close()
    assert all(each.done() for each in many) and growth.news(9.0).done()
    growth.close()


def test_lag_is_known_only_while_it_follows() -> None:
    shard = ShardStatus(0, 5, 1, 7)
    status = Status(FOLLOWING, Address(), (shard,), 1_000_000, 3_500_000, (0, ""), (0, ""))
    assert (status.blocks_behind, status.seconds_behind) == (2, 2.5)
    assert replica(status)["Seconds_Behind_Master"] == 2
    stopped = Status(STOPPED, Address(), (shard,), 1, 2, (0, ""), (1593, "no"))
    assert stopped.seconds_behind is None and replica(stopped)["Slave_SQL_Running"] == "No"
