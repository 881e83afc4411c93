"""Files of prepared transactions: whole or not there, any gtrid, damage is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fauna.errors import SqlError, StartError
from fauna.shard.engines.sqlite.prepared import Prepared, PreparedStore


@pytest.fixture
def store(tmp_path: Path) -> PreparedStore:
    return PreparedStore(tmp_path / "prepared")


def test_round_trip(store: PreparedStore) -> None:
    assert store.all() == []
    kept = [Prepared.new(gtrid, b"changes of " + gtrid.encode()) for gtrid in ("a", "", "../x", "é\0" * 100)]
    for prepared in kept:
        store.put(prepared)
        assert store.get(prepared.gtrid) == prepared
    assert sorted(store.all(), key=lambda each: each.gtrid) == sorted(kept, key=lambda each: each.gtrid)
    for prepared in kept:
        assert store.remove(prepared.gtrid) == prepared.token
        assert store.remove(prepared.gtrid) == ""
    assert store.all() == []


def test_same_gtrid_twice(store: PreparedStore) -> None:
    store.put(Prepared.new("a", b"1"))
    with pytest.raises(SqlError) as raised:
        store.put(Prepared.new("a", b"2"))
    assert raised.value.errno == 1440
    with pytest.raises(SqlError) as raised:
        store.get("b")
    assert raised.value.errno == 1397


def test_half_written_files_are_removed(store: PreparedStore, tmp_path: Path) -> None:
    store.put(Prepared.new("a", b"1"))
    (tmp_path / "prepared" / "half.tmp").write_bytes(b"half")
    assert [prepared.gtrid for prepared in store.all()] == ["a"]
    assert not (tmp_path / "prepared" / "half.tmp").exists()


@pytest.mark.parametrize("position", [0, 10, 30, -1])
def test_damage_is_found(store: PreparedStore, tmp_path: Path, position: int) -> None:
    store.put(Prepared.new("a", b"changes"))
    [path] = (tmp_path / "prepared").iterdir()
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(StartError, match="damaged"):
        store.all()
