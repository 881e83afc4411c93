"""Retention: what is taken out of the chain leaves it whole, and what is kept of the past is as it was."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import apsw
import pytest

from fauna.chain.encoding import PRUNED, decode_change, genesis
from fauna.chain.merkle import leaf_hash, root_of
from fauna.errors import SqlError
from fauna.shard.engines.sqlite import pruning
from fauna.shard.engines.sqlite.replay import DoesNotFit
from fauna.shard.engines.sqlite.versions import Versions
from fauna.shard.shard import Isolation, lock_now
from tests.compliance.engine.sealed import Database, Rows, make_three_tables, write_at_random

RC = Isolation.READ_COMMITTED
LATER = 1 << 60


def check_chain(database: Database) -> int:
    """Links and roots hold, with the hash that is left in the place of each pruned change; how many of those there are."""
    previous, pruned = genesis("", 0), 0
    for block in database.blocks():
        header = block.decoded()
        assert header.previous == previous
        previous = block.hash
        leaves = []
        for encoded in database.reader.changes(block):
            change = decode_change(encoded)
            leaves.append(change.leaf if change.kind == PRUNED else leaf_hash(encoded))
            pruned += change.kind == PRUNED
        assert header.changes == len(leaves) and header.root == root_of(leaves)
    assert previous == database.shard._sealer.hash  # type: ignore[union-attr]
    return pruned


def rebuilt(database: Database) -> None:
    """The file of row versions is lost, and made anew."""
    shard = database.shard
    shard.versions.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{shard.versions.path}{suffix}").unlink(missing_ok=True)
    shard._versions = Versions(shard.path, lambda: shard._open_reader().connection, shard._configure)
    shard.know_past(shard.time_us)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "data")
    database.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT) STRICT", ddl=True)
    database.run("CREATE TABLE t2 (c0 INTEGER PRIMARY KEY, c1 TEXT) STRICT", ddl=True)
    return database


def test_changes_of_the_table_go_and_those_of_others_stay(database: Database) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a'), (2, 'b')", "INSERT INTO t2 VALUES (1, 'x')")
    database.run("UPDATE t1 SET c1 = 'secret' WHERE c0 = 1")
    limit = database.shard.time_us
    database.run("UPDATE t1 SET c1 = 'd' WHERE c0 = 1")
    headers = [block.header for block in database.blocks()]
    assert database.shard.pruning.prune({"t1": limit}) == {"t1": 3}
    assert [block.header for block in database.blocks()] == headers
    assert check_chain(database) == 3
    assert [change[:3] for change in database.told(3)] == [("PRUNED", "t1", 0), ("PRUNED", "t1", 0), ("INSERT", "t2", 1)]
    assert [change[0] for change in database.told(5)] == ["UPDATE"]
    assert [change[0] for change in database.told(1)] == ["SCHEMA"]
    assert database.stored() == {"t1": {1: (1, "d"), 2: (2, "b")}, "t2": {1: (1, "x")}}
    assert database.shard.pruning.kept_from("t1") == limit and database.shard.pruning.kept_from("t2") == 0
    height = database.shard.height
    assert database.shard.pruning.prune({"t1": limit}) == {} and database.shard.height == height
    database.run("INSERT INTO t1 VALUES (3, 'goes on')")
    assert database.shard.pruning.prune({"t1": LATER}) == {"t1": 2}
    assert check_chain(database) == 5


def test_versions_that_ended_before_the_limit_are_deleted(database: Database) -> None:
    for word in ("a", "b", "c"):
        database.run(f"REPLACE INTO t1 VALUES (1, '{word}')")
    limit = database.shard.time_us
    database.run("UPDATE t1 SET c1 = 'd'")
    database.shard.pruning.prune({"t1": limit})
    database.shard.know_past(database.shard.time_us)
    assert database.shard.versions.rows("SELECT c1 FROM h1_2 ORDER BY row_start") == [("c",), ("d",)]
    assert database.past(limit) == {"t1": {1: (1, "c")}}


def test_versions_are_deleted_in_small_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fauna.shard.engines.sqlite.versions._FORGOTTEN_AT_ONCE", 3)
    for n in range(20):
        database.run(f"REPLACE INTO t1 VALUES ({n % 2}, '{n}')")
    limit = database.shard.time_us
    database.shard.know_past(limit)
    before = database.past(limit)
    database.shard.pruning.prune({"t1": limit})
    assert database.past(limit) == before and before
    assert database.shard.versions.rows("SELECT count(*) FROM h1_2") == [(2,)]


def test_parts_of_a_large_block_are_pruned_one_by_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ", ".join(f"({n}, '{random.Random(n).randbytes(40).hex() * 4000}')" for n in range(12))
    database.run(f"INSERT INTO t1 VALUES {rows}", "INSERT INTO t2 VALUES (1, 'x')")
    parts = "SELECT part, length(payload) FROM fauna_block_parts ORDER BY part"
    connection = apsw.Connection(str(database.shard.path))
    assert len(connection.execute(parts).fetchall()) > 2
    monkeypatch.setattr(pruning, "_BYTES_AT_ONCE", 1)
    batches: list[None] = []
    assert database.shard.pruning.prune({"t1": LATER}, rest=lambda: batches.append(None)) == {"t1": 12}
    assert len(batches) >= 3
    assert max(size for _, size in connection.execute(parts)) < 1000
    assert check_chain(database) == 12
    assert ("INSERT", "t2", 1, None, (1, "x")) in database.told(3)


def test_it_stops_where_it_is_told_to_and_goes_on_from_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(10):
        database.run(f"INSERT INTO t1 VALUES ({n}, 'a')")
    monkeypatch.setattr(pruning, "_REWRITTEN_AT_ONCE", 2)
    stopped = threading.Event()
    assert database.shard.pruning.prune({"t1": LATER}, stop=stopped.is_set, rest=stopped.set) == {"t1": 2}
    assert check_chain(database) == 2
    database.close()
    database = Database(database.directory.path)
    assert database.shard.pruning.kept_from("t1") == decode_time(database, 4)
    assert database.shard.pruning.prune({"t1": LATER}) == {"t1": 8}
    assert check_chain(database) == 10


def decode_time(database: Database, height: int) -> int:
    return next(database.reader.blocks(height, height)).decoded().time_us


def test_pruned_blocks_cannot_be_applied_elsewhere(database: Database, tmp_path: Path) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a')")
    database.shard.pruning.prune({"t1": LATER})
    copy = Database(tmp_path / "copy")
    with pytest.raises(DoesNotFit, match="retention has removed changes"):
        copy.take_from(database)


def test_a_dropped_table_whose_versions_are_lost_is_known_from_its_end_on(database: Database) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a')", "INSERT INTO t2 VALUES (1, 'a')")
    database.shard.pruning.prune({"t1": LATER, "t2": LATER})
    kept = database.shard.pruning.kept_from("t1")
    database.run("INSERT INTO t1 VALUES (2, 'b')", "INSERT INTO t2 VALUES (2, 'b')")
    database.shard.know_past(database.shard.time_us)
    whole = database.past(kept)
    database.run("DROP TABLE t1", ddl=True)
    database.shard.know_past(database.shard.time_us)
    assert database.past(kept) == whole and database.shard.pruning.kept_from("t1") == kept
    rebuilt(database)
    assert database.shard.pruning.kept_from("t1") == database.shard.time_us
    assert database.past(kept)["t2"] == whole["t2"]


@pytest.mark.parametrize("seed", range(16))
def test_the_kept_past_is_found_again_from_the_rows_that_are_there(tmp_path: Path, seed: int) -> None:
    """Random changes, definitions and limits; the versions, as kept and as made anew, show every state since the limit."""
    dice = random.Random(seed)
    database = Database(tmp_path / "data", **({"sealer_rows_max": 3} if seed % 2 else {}))
    tables = make_three_tables(database)
    states: list[tuple[int, Rows]] = []
    for step in range(70):
        branch = database.shard.begin(RC)
        for _ in range(dice.randint(1, 5)):
            write_at_random(branch, dice)
        branch.commit().wait()
        if dice.random() < 0.06:
            database.run(f"ALTER TABLE t{dice.randint(1, 3)} ADD COLUMN d{database.shard.height} TEXT DEFAULT 'new'", ddl=True)
        states.append((database.shard.time_us, database.stored()))
        if dice.random() < 0.08 or step == 35:
            limits = {f"t{n}": dice.choice(states)[0] for n in dice.sample([1, 2, 3], dice.randint(1, 3))}
            database.shard.pruning.prune(limits)
        if dice.random() < 0.04:
            rebuilt(database)
    check_chain(database)
    assert any(database.shard.pruning.kept_from(f"t{n}") for n in tables)
    database.shard.know_past(database.shard.time_us)
    for again in (False, True):
        if again:
            rebuilt(database)
        compared = 0
        for time_us, rows in states:
            past = database.past(time_us)
            for n in tables:
                if time_us >= database.shard.pruning.kept_from(f"t{n}"):
                    assert past.get(f"t{n}", {}) == rows.get(f"t{n}", {})
                    compared += 1
        assert compared
    with pytest.raises(AssertionError):
        database.replayed()


def test_an_older_file_of_row_versions_is_mended(database: Database) -> None:
    """One that ends before blocks which have been pruned since: what it has of the table is not whole, so it begins anew."""
    database.run("INSERT INTO t1 VALUES (1, 'a'), (2, 'b')")
    database.shard.know_past(database.shard.time_us)
    path = database.shard.versions.path
    database.shard.versions.close()
    old = path.read_bytes()
    database.shard._versions = None
    database.run("UPDATE t1 SET c1 = 'c' WHERE c0 = 1", "DELETE FROM t1 WHERE c0 = 2")
    database.run("INSERT INTO t1 VALUES (3, 'd')")
    limit = database.shard.time_us
    database.run("UPDATE t1 SET c1 = 'e' WHERE c0 = 3")
    database.shard.pruning.prune({"t1": limit})
    database.shard.versions.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(old)
    database.shard._versions = None
    database.shard.know_past(database.shard.time_us)
    assert database.past(limit) == {"t1": {1: (1, "c"), 3: (3, "d")}}
    assert database.past(database.shard.time_us) == {"t1": {1: (1, "c"), 3: (3, "e")}}


def test_a_busy_shard_refuses_with_1205(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fauna.shard.engines.sqlite.data_directory import DataDirectory
    from fauna.shard.engines.sqlite.shard import SqliteShard

    monkeypatch.setattr(pruning, "LOCK_WAIT_S", 0.05)
    directory = DataDirectory(tmp_path / "busy")
    shard = SqliteShard(directory)
    branch = shard.begin(RC, alone=True)
    lock_now(branch)
    branch.execute_ddl([("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY) STRICT", ())])
    branch.write("INSERT INTO t1 VALUES (1)", ())
    branch.commit().wait()
    holder = shard.begin(RC, alone=True)
    lock_now(holder)
    holder.write("INSERT INTO t1 VALUES (2)", ())
    with pytest.raises(SqlError) as refused:
        shard.pruning.prune({"t1": LATER})
    assert refused.value.errno == 1205
    holder.commit().wait()
    assert shard.pruning.prune({"t1": LATER}) == {"t1": 2}
    shard.close()
    directory.close()
