"""Copies of a shard's file: one at a time, nothing left behind."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest
import zstandard

from fauna.follow.file_copies import PART_BYTES, CannotCopy, FileCopies
from fauna.shard.engines.sqlite.data_directory import CREATE_META


@pytest.fixture
def shard(tmp_path: Path) -> SimpleNamespace:
    path = tmp_path / "shard-0.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(CREATE_META)
    connection.execute("CREATE TABLE t (a BLOB)")
    for _ in range(3):
        connection.execute("INSERT INTO t VALUES (randomblob(?1))", (PART_BYTES,))
    connection.close(True)
    return SimpleNamespace(number=0, path=path)


def test_what_is_read_is_the_file(shard: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "follower-copy-7").write_bytes(b"left by a process that was killed")
    told: list[tuple[int, int]] = []
    copy = FileCopies(tmp_path).make(shard, lambda done, total: told.append((done, total)))
    assert not list(tmp_path.glob("follower-copy-*")), "it has a name, though it is open"
    *parts, (count, size, nothing, digest) = copy.parts()
    content = b"".join(zstandard.ZstdDecompressor().decompress(part[2]) for part in parts)
    assert [part[0] for part in parts] == list(range(count)) and nothing == b""
    assert len(content) == size == told[-1][0] == told[-1][1] > 3 * PART_BYTES and sha256(content).hexdigest() == digest
    (tmp_path / "copy.db").write_bytes(content)
    sums = [
        apsw.Connection(str(path)).execute("SELECT count(*), sum(length(a)), group_concat(hex(substr(a, 1, 9))) FROM t").fetchall()
        for path in (shard.path, tmp_path / "copy.db")
    ]
    assert sums[0] == sums[1] and sums[0][0][0] == 3


def test_one_at_a_time(shard: SimpleNamespace, tmp_path: Path) -> None:
    copies = FileCopies(tmp_path)
    first = copies.make(shard, lambda done, total: None)
    with pytest.raises(CannotCopy, match="another copy"):
        copies.make(shard, lambda done, total: None)
    first.close()
    first.close()
    second = copies.make(shard, lambda done, total: None)
    with pytest.raises(CannotCopy, match="another copy"):
        copies.make(shard, lambda done, total: None)
    list(second.parts())  # to its end
    copies.make(shard, lambda done, total: None).close()


def test_it_is_stopped_meanwhile(shard: SimpleNamespace, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    copies = FileCopies(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        copies.make(shard, stop)
    assert not list(tmp_path.glob("follower-copy-*"))
    shard.path.write_bytes(b"this is no database" * 300)
    with pytest.raises(CannotCopy, match="shard 0 cannot be copied"):
        copies.make(shard, lambda done, total: None)
    assert not list(tmp_path.glob("follower-copy-*"))
