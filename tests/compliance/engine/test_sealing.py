"""Every commit is a block that says what it changed: replaying the chain gives the rows."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from fauna.chain.encoding import (
    Header,
    decode_change,
    decode_header,
)
from fauna.shard.engines.sqlite.blocks import Block
from fauna.shard.engines.sqlite.replay import DoesNotFit, Replay
from tests.compliance.engine.sealed import RC, Database, Rows, make_three_tables, write_at_random


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "data")
    database.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT, c2 REAL, c3 BLOB) STRICT", ddl=True)
    return database


def test_a_commit_is_a_block_and_says_each_row_once(database: Database) -> None:
    database.run(
        "INSERT INTO t1 VALUES (1, 'ä', 0.5, x'00ff'), (2, NULL, NULL, NULL), (3, 'gone', 1, NULL)",
        "UPDATE t1 SET c1 = 'b' WHERE c0 = 1",
        "DELETE FROM t1 WHERE c0 = 3",
    )
    assert database.told(2) == [
        ("INSERT", "t1", 1, None, (1, "b", 0.5, b"\x00\xff")),
        ("INSERT", "t1", 2, None, (2, None, None, None)),
    ]
    database.run(
        "UPDATE t1 SET c1 = 'c' WHERE c0 = 1", "UPDATE t1 SET c0 = 9 WHERE c0 = 2", "REPLACE INTO t1 VALUES (1, 'd', 2, x'')"
    )
    assert database.told(3) == [
        ("UPDATE", "t1", 1, (1, "b", 0.5, b"\x00\xff"), (1, "d", 2.0, b"")),
        ("DELETE", "t1", 2, (2, None, None, None), None),
        ("INSERT", "t1", 9, None, (9, None, None, None)),
    ]
    assert database.replayed() == database.stored()


def test_what_changes_nothing_in_the_end_is_no_block(database: Database) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a', 0, NULL)")
    height = database.shard.height
    database.run("UPDATE t1 SET c1 = 'a'")
    database.run("INSERT INTO t1 VALUES (2, 'b', 0, NULL)", "DELETE FROM t1 WHERE c0 = 2")
    branch = database.shard.begin(RC)
    branch.write("DELETE FROM t1", ())
    branch.rollback()
    assert database.shard.height == height


def test_savepoints_and_failed_statements_leave_no_trace(database: Database) -> None:
    branch = database.shard.begin(RC)
    branch.write("INSERT INTO t1 VALUES (1, 'a', 0, NULL)", ())
    branch.savepoint("s")
    branch.write("INSERT INTO t1 VALUES (2, 'b', 0, NULL)", ())
    branch.rollback_to("s")
    with pytest.raises(Exception, match="UNIQUE"):
        branch.write("INSERT INTO t1 VALUES (3, 'c', 0, NULL), (1, 'd', 0, NULL)", ())
    branch.commit().wait()
    assert [change[:3] for change in database.told(2)] == [("INSERT", "t1", 1)]


def test_between_statements_others_may_write(database: Database) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a', 0, NULL), (2, 'b', 0, NULL)")
    first = database.shard.begin(RC)
    first.write("UPDATE t1 SET c2 = 1 WHERE c0 = 1", ())
    first.pause()
    database.run("UPDATE t1 SET c2 = 2 WHERE c0 = 2")
    first.commit().wait()
    assert [change[2] for change in database.told(3)] == [2]
    assert [change[2] for change in database.told(4)] == [1]
    assert database.replayed() == database.stored()


def test_virtual_columns_are_left_out(database: Database) -> None:
    database.run(
        "CREATE TABLE t2 (c0 INTEGER PRIMARY KEY, c1 TEXT, c2 TEXT AS (c1 || '!') VIRTUAL, c3 TEXT AS (c1 || '?') STORED)",
        ddl=True,
    )
    database.run("INSERT INTO t2 (c0, c1) VALUES (1, 'a'), (2, 'b')")
    database.run(
        "UPDATE t2 SET c1 = 'z' WHERE c0 = 1",
        "DELETE FROM t2 WHERE c0 = 2",
        "INSERT INTO t2 (c0, c1) VALUES (3, 'c')",
        "DELETE FROM t2 WHERE c0 = 3",
    )
    assert database.told(4) == [("UPDATE", "t2", 1, (1, "a", "a?"), (1, "z", "z?")), ("DELETE", "t2", 2, (2, "b", "b?"), None)]
    assert database.replayed() == database.stored()


def test_rows_with_virtual_columns_that_a_definition_makes_anew(database: Database) -> None:
    database.run("INSERT INTO t1 (c0, c1) VALUES (1, 'a')")
    columns = "c0 INTEGER PRIMARY KEY, c1 TEXT, c2 TEXT AS (c1 || '!') VIRTUAL"
    database.run(f"CREATE TABLE t2 ({columns})", "INSERT INTO t2 (c0, c1) SELECT c0, c1 FROM t1", "DROP TABLE t1", ddl=True)
    database.run("INSERT INTO t2 (c0, c1) VALUES (2, 'b')")
    assert [change[:3] for change in database.told(3)][-1] == ("REWRITE", "t2", 1)
    assert [change[:3] for change in database.told(4)] == [("INSERT", "t2", 2)]
    assert database.replayed() == database.stored()


def test_definitions_and_the_rows_they_leave(database: Database) -> None:
    database.run("INSERT INTO t1 VALUES (1, 'a', 0, NULL)")
    database.run("ALTER TABLE t1 ADD COLUMN c4 INTEGER DEFAULT 7", ddl=True)
    assert database.told(3) == [
        ("SCHEMA", "sqlite", 0, "ALTER TABLE t1 ADD COLUMN c4 INTEGER DEFAULT 7", None),
        ("RESET", "t1", 0, None, None),
        ("REWRITE", "t1", 1, None, (1, "a", 0.0, None, 7)),
    ]
    database.run("CREATE TABLE t2 (c0 INTEGER PRIMARY KEY) STRICT", "INSERT INTO t2 SELECT c0 FROM t1", "DROP TABLE t1", ddl=True)
    assert [change[:3] for change in database.told(4)][1:] == [("REWRITE", "t2", 1), ("SCHEMA", "sqlite", 0), ("RESET", "t1", 0)]
    header: Header = decode_header(database.reader.header(4) or b"")
    assert header.schema == 4
    database.run("CREATE TABLE t1099511627777 (c0)", "CREATE INDEX i1099511627777_0 ON t1099511627777 (c0)", ddl=True)
    database.run("INSERT INTO t1099511627777 VALUES (1)")
    database.run("DROP TABLE t1099511627777", ddl=True)
    assert database.shard.height == 4
    assert database.replayed() == database.stored()


def test_the_default_of_a_real_column_in_an_older_row_is_a_float(database: Database) -> None:
    """SQLite shows the pre-update hook an integer there, when it is a whole number: a row that nobody ever sees."""
    database.run("INSERT INTO t1 VALUES (1, 'a', 0, NULL), (2, 'b', 0, NULL)")
    database.run("ALTER TABLE t1 ADD COLUMN c4 REAL NOT NULL DEFAULT 5", "UPDATE t1 SET c1 = 'y' WHERE c0 = 2", ddl=True)
    database.run("UPDATE t1 SET c1 = 'z' WHERE c0 = 1", "DELETE FROM t1 WHERE c0 = 2")
    block = next(database.reader.blocks(4, 4))
    before = [decode_change(change).row_before for change in database.reader.changes(block)]
    assert [(row, type(row[4])) for row in before if row] == [
        ((1, "a", 0.0, None, 5.0), float),
        ((2, "y", 0.0, None, 5.0), float),
    ]


def test_a_transaction_of_several_shards_is_a_block_on_each(tmp_path: Path) -> None:
    """Also where it has changed nothing in the end: else the others' blocks would speak of one that is not there."""
    database = Database(tmp_path / "data")
    database.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT) STRICT", ddl=True)
    database.run("INSERT INTO t1 VALUES (1, 'a')")
    branch = database.shard.begin(RC, two_phase=True)
    branch.write("UPDATE t1 SET c1 = 'a' WHERE c0 = 1", ())
    branch.prepare("gx", (0, 1)).wait()
    branch.commit(77 + (1 << 60)).wait()
    header = decode_header(database.reader.header(3) or b"")
    assert (header.gtrid, header.shards, header.changes, header.time_us) == ("gx", (0, 1), 0, 77 + (1 << 60))
    assert database.shard.sealed_at("gx") == header.time_us
    assert database.replayed() == database.stored()


def test_a_prepared_transaction_is_sealed_when_it_commits(tmp_path: Path) -> None:
    database = Database(tmp_path / "data")
    database.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT) STRICT", ddl=True)
    database.run("INSERT INTO t1 VALUES (1, 'a'), (2, 'b')")
    branch = database.shard.begin(RC, two_phase=True, user="ann@%")
    branch.write("UPDATE t1 SET c1 = 'z' WHERE c0 = 1", ())
    branch.write("DELETE FROM t1 WHERE c0 = 2", ())
    branch.prepare("gx", (0, 1)).wait()
    assert database.shard.height == 2
    database.close()
    database = Database(tmp_path / "data")
    database.shard.commit_prepared("gx").wait()
    header = decode_header(database.reader.header(3) or b"")
    assert (header.gtrid, header.shards, header.user) == ("gx", (0, 1), "ann@%")
    assert database.told(3) == [("UPDATE", "t1", 1, (1, "a"), (1, "z")), ("DELETE", "t1", 2, (2, "b"), None)]
    assert database.shard.sealed_at("gx") == header.time_us and database.shard.sealed_at("gy") == 0
    assert database.replayed() == database.stored()


@pytest.mark.parametrize("seed", range(12))
def test_replaying_the_chain_gives_the_rows(tmp_path: Path, seed: int) -> None:
    """Also when nearly every transaction is too large for memory."""
    dice = random.Random(seed)
    limits = {"sealer_rows_max": 3} if seed % 2 else {}
    database = Database(tmp_path / "data", **limits)
    make_three_tables(database)
    states: list[tuple[int, Rows]] = []
    for _ in range(60):
        branch = database.shard.begin(RC, two_phase=dice.random() < 0.3)
        points = 0
        for _ in range(dice.randint(1, 6)):
            write_at_random(branch, dice)
            if dice.random() < 0.2:
                branch.savepoint(f"s{points}")
                points += 1
            elif points and dice.random() < 0.3:
                branch.rollback_to(f"s{dice.randrange(points)}")
                points = 0
            if dice.random() < 0.3:
                branch.pause()
                branch.lock()
        if dice.random() < 0.2:
            branch.rollback()
        else:
            branch.commit().wait()
        if dice.random() < 0.05:
            database.run(f"ALTER TABLE t{dice.randint(1, 3)} ADD COLUMN d{database.shard.height} TEXT DEFAULT 'new'", ddl=True)
        states.append((database.shard.time_us, database.stored()))
        if dice.random() < 0.2:
            database.shard.know_past(database.shard.time_us)
    assert database.replayed() == database.stored()
    assert database.shard.height > 20
    database.shard.know_past(database.shard.time_us)
    assert len(states) == 60
    for time_us, rows in states:
        assert database.past(time_us) == rows
    copy = Database(tmp_path / "copy", **limits)
    copy.take_from(database)
    assert copy.stored() == database.stored()
    assert [block.header for block in copy.blocks()] == [block.header for block in database.blocks()]
    assert copy.replayed() == database.replayed()
    copy.run("INSERT INTO t1 (c0) VALUES (100)")  # the chain goes on
    assert copy.replayed() == copy.stored()


def test_a_block_that_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    source, copy, other = Database(tmp_path / "source"), Database(tmp_path / "copy"), Database(tmp_path / "other")
    for database in (source, other):
        database.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT UNIQUE) STRICT", ddl=True)
        database.run("INSERT INTO t1 VALUES (1, 'a'), (2, 'b')")
        database.run("UPDATE t1 SET c1 = CASE c1 WHEN 'a' THEN 'x' ELSE 'a' END")
    blocks = source.blocks()
    replay = Replay(copy.shard)

    def apply(block: Block, changes: list[bytes] | None = None, header: bytes = b"") -> None:
        found = changes if changes is not None else list(source.reader.changes(block))
        replay.apply(header or block.header, lambda: found).wait()

    with pytest.raises(DoesNotFit, match="block 2, .*block 1 was expected"):
        apply(blocks[1])
    apply(blocks[0])
    with pytest.raises(DoesNotFit, match="of another history"):
        apply(other.blocks()[1], list(other.reader.changes(other.blocks()[1])))
    with pytest.raises(DoesNotFit, match="not those that its header was made for"):
        apply(blocks[1], list(source.reader.changes(blocks[1]))[:1])
    with pytest.raises(DoesNotFit, match="version 7"):
        apply(blocks[1], header=b"\x07" + blocks[1].header[1:])
    assert copy.stored() == {} and copy.shard.height == 1
    apply(blocks[1])
    apsw.Connection(str(copy.directory.shard_file(0))).execute("UPDATE t1 SET c1 = 'z' WHERE c0 = 2")
    with pytest.raises(DoesNotFit, match=r"block 3, .*table t1, row 2: it is \(2, 'z'\), \(2, 'b'\) was expected"):
        apply(blocks[2])
    again = Database(tmp_path / "again")
    again.take_from(source)
    assert again.stored() == source.stored() == {"t1": {1: (1, "x"), 2: (2, "a")}}


def test_values_that_rows_exchange_can_be_replayed(tmp_path: Path) -> None:
    source, copy = Database(tmp_path / "source"), Database(tmp_path / "copy")
    source.run("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT UNIQUE) STRICT", ddl=True)
    source.run("INSERT INTO t1 VALUES (1, 'a'), (2, 'b')")
    source.run(
        "UPDATE t1 SET c1 = 'c' WHERE c0 = 1", "UPDATE t1 SET c1 = 'a' WHERE c0 = 2", "UPDATE t1 SET c1 = 'b' WHERE c0 = 1"
    )
    copy.take_from(source)
    assert copy.stored() == source.stored() == {"t1": {1: (1, "b"), 2: (2, "a")}}


def test_who_stops_reading_blocks_sees_what_comes_after(database: Database) -> None:
    """Also while the rest of them is still to be had."""
    database.run("INSERT INTO t1 VALUES (1, 'a', 0, NULL)")
    left = database.reader.blocks(1, 1 << 40)
    assert next(left).height == 1
    database.run("UPDATE t1 SET c1 = 'b'")
    head = database.reader.head()
    assert head is not None and head.height == 3
    assert [block.height for block in left] == [2]
