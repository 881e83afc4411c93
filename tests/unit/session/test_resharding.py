"""Slots move while sessions are in the middle of something."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.node import Node
from fauna.session import evaluation
from fauna.session.session import Session
from fauna.sql.bind.place import rows_move, spread_tables
from tests.unit.session.test_shards import ask, connect, opened

ROWS = 600
TABLES = """
CREATE DATABASE shop; USE shop;
CREATE TABLE user (id INT PRIMARY KEY, name VARCHAR(20), n INT NOT NULL DEFAULT 0, UNIQUE KEY (name));
CREATE TABLE orders (id INT, user_id INT, PRIMARY KEY (id, user_id), FOREIGN KEY (user_id) REFERENCES user (id)) PARTITION BY KEY (user_id);
CREATE TABLE event (what VARCHAR(20), twice VARCHAR(40) AS (CONCAT(what, what)));
CREATE TABLE country (code CHAR(2) PRIMARY KEY, name VARCHAR(20)) BROADCAST;
CREATE TABLE note (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(20)) SINGLE
"""


def fill(node: Node) -> None:
    session = connect(node)
    for statement in TABLES.split(";"):
        ask(session, statement)
    ask(session, "INSERT INTO user (id, name) VALUES " + ", ".join(f"({n}, 'u{n}')" for n in range(ROWS)))
    ask(session, "INSERT INTO orders VALUES " + ", ".join(f"({n}, {n % 50})" for n in range(ROWS)))
    ask(session, "INSERT INTO event (what) VALUES " + ", ".join(f"('e{n}')" for n in range(ROWS)))
    ask(session, "INSERT INTO country VALUES ('AT', 'Austria'), ('CH', 'Switzerland')")
    ask(session, "INSERT INTO note (text) VALUES ('one'), ('two')")
    session.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = opened(tmp_path / "data", 2)
    fill(made)
    yield made
    made.close()


@pytest.fixture
def session(node: Node) -> Session:
    return connect(node, "shop")


def reshard(session: Session, call: str, *, wait: bool = True) -> None:
    ask(session, f"CALL fauna.{call}")
    mover = session.node.mover()
    if wait:
        assert mover.wait(60)
        assert mover.progress().state == "done", mover.progress()


def all_there(session: Session) -> None:
    assert ask(session, "SELECT COUNT(*), COUNT(DISTINCT name) FROM user") == [(ROWS, ROWS)]
    assert ask(session, "SELECT COUNT(*), SUM(user_id) FROM orders") == [(ROWS, sum(n % 50 for n in range(ROWS)))]
    assert ask(session, "SELECT COUNT(*) FROM orders JOIN user ON user.id = orders.user_id WHERE user_id = 7") == [(ROWS // 50,)]
    assert ask(session, "SELECT COUNT(*), COUNT(DISTINCT twice) FROM event") == [(ROWS, ROWS)]
    assert ask(session, "SELECT * FROM country") == [("AT", "Austria"), ("CH", "Switzerland")]
    assert ask(session, "SELECT COUNT(*) FROM note") == [(2,)]
    for n in range(0, ROWS, 37):
        assert ask(session, f"SELECT name FROM user WHERE id = {n}") == [(f"u{n}",)]


def misplaced(node: Node) -> list[object]:
    owners = node.catalog.slots.owners
    return [
        (table.name, row, shard.number)
        for table in spread_tables(node.catalog)
        for move in [rows_move(table)]
        for shard in node.shards
        for row in shard.autocommit_query(move.keys, (), inline=False)
        if owners[move.slot_of(row)] != shard.number
    ]


def test_shards_are_added_filled_and_split(node: Node, session: Session, tmp_path: Path) -> None:
    reshard(session, "shards_add(2)")
    assert [row[2] for row in ask(session, "SELECT * FROM fauna.shards")] == [4096] * 4
    all_there(session)
    assert misplaced(node) == []
    reshard(session, "shards_split(3)")
    reshard(session, "shards_move('0-4095', 1)")
    assert [row[2] for row in ask(session, "SELECT * FROM fauna.shards")] == [0, 8192, 4096, 2048, 2048]
    all_there(session)
    assert misplaced(node) == []
    with pytest.raises(SqlError, match="1062|Duplicate entry 'u7'"):
        ask(session, "INSERT INTO user (id, name) VALUES (9999, 'u7')")
    with pytest.raises(SqlError, match="foreign key constraint fails"):
        ask(session, "INSERT INTO orders VALUES (1, 9999)")
    ask(session, "INSERT INTO country VALUES ('DE', 'Germany')")
    ask(session, "ALTER TABLE user ADD COLUMN x INT DEFAULT 5")
    node.close()
    for shards in (0, 2, 5):  # who made it with 2 may go on naming them
        again = opened(tmp_path / "data", shards)
        assert len(again.shards) == 5
        reader = connect(again, "shop")
        assert ask(reader, "SELECT COUNT(*), SUM(x) FROM user") == [(ROWS, 5 * ROWS)]
        assert ask(reader, "SELECT COUNT(*) FROM country") == [(3,)]
        again.close()


def test_a_snapshot_reads_where_its_rows_were(node: Node, session: Session) -> None:
    reader = connect(node, "shop")
    ask(reader, "START TRANSACTION")
    assert ask(reader, "SELECT COUNT(*) FROM user") == [(ROWS,)]
    reshard(session, "shards_add(2)")
    ask(session, "DELETE FROM event")
    ask(session, "UPDATE user SET name = CONCAT('new ', name)")
    all_there(reader)
    with pytest.raises(SqlError, match="Deadlock"):
        ask(reader, "UPDATE user SET name = 'x' WHERE id = 5")
    assert ask(reader, "SELECT name FROM user WHERE id = 5") == [("new u5",)]  # the transaction is over


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_row_that_is_inserted_where_it_belongs_no_more_is_refused(node: Node, session: Session, level: str) -> None:
    """Its slot goes to another shard between the INSERT and the COMMIT."""
    writers = []
    for n in range(1000, 1020):
        writer = connect(node, "shop")
        ask(writer, f"SET TRANSACTION ISOLATION LEVEL {level}")
        ask(writer, "START TRANSACTION")
        ask(writer, f"INSERT INTO user (id, name) VALUES ({n}, 'later {n}')")
        ask(writer, f"INSERT INTO note (text) VALUES ('later {n}')")
        writers.append(writer)
    reshard(session, "shards_move('0-8191', 1)")
    outcomes = []
    for writer in writers:
        try:
            ask(writer, "COMMIT")
            outcomes.append(0)
        except SqlError as problem:
            outcomes.append(problem.errno)
    assert set(outcomes) == {0, 1213}
    assert misplaced(node) == []
    done = outcomes.count(0)
    assert ask(session, "SELECT COUNT(*) FROM user WHERE name LIKE 'later%'") == [(done,)]
    assert ask(session, "SELECT COUNT(*) FROM note WHERE text LIKE 'later%'") == [(done,)]


def test_rows_that_somebody_has_written_are_waited_for(node: Node, session: Session) -> None:
    writer = connect(node, "shop")
    ask(writer, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    ask(writer, "START TRANSACTION")
    for n in range(20):
        ask(writer, f"UPDATE user SET n = 1 WHERE id = {n}")
    reshard(session, "shards_move('0-8191', 1)", wait=False)
    assert not node.mover().wait(1.5), "it took rows that are locked"
    for n in range(20, 25):
        ask(session, f"UPDATE user SET n = 1 WHERE id = {n}")  # nobody else waits for long
    ask(writer, "COMMIT")
    assert node.mover().wait(60)
    assert ask(session, "SELECT COUNT(*) FROM user WHERE n = 1") == [(25,)]
    assert misplaced(node) == []


def test_serializable_does_not_miss_what_comes_after_a_move(node: Node, session: Session) -> None:
    """It has read that a row is not there; the slot moves, and the row comes where it has not looked."""
    writer = connect(node, "shop")
    ask(writer, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    ask(writer, "START TRANSACTION")
    for n in range(5000, 5040):
        assert ask(writer, f"SELECT * FROM user WHERE id = {n}") == []
    reshard(session, "shards_move('0-8191', 1)")
    ask(session, "INSERT INTO user (id, name) VALUES " + ", ".join(f"({n}, 'n{n}')" for n in range(5000, 5040)))
    with pytest.raises(SqlError, match="Deadlock"):
        ask(writer, "INSERT INTO note (text) VALUES ('nobody was there')")
        ask(writer, "COMMIT")
    assert ask(session, "SELECT COUNT(*) FROM note") == [(2,)]


def test_one_reshard_at_a_time_and_none_to_nowhere(node: Node, session: Session) -> None:
    before = node.catalog.slots
    for call, problem in [
        ("shards_move('0-9', 2)", "There is no shard 2: they are numbered from 0 to 1"),
        ("shards_move('9-0', 1)", "There are no slots 9-0"),
        ("shards_split(-1)", "There is no shard -1"),
        ("shards_add(0)", "0 shards cannot be added"),
        ("shards_add('x')", "fauna.shards_add wants a number, not 'x'"),
        ("shards_stop()", "No slots are being moved"),
    ]:
        with pytest.raises(SqlError, match=problem):
            ask(session, f"CALL fauna.{call}")
    assert node.catalog.slots is before
    blocker = connect(node, "shop")
    ask(blocker, "START TRANSACTION")
    ask(blocker, "UPDATE user SET n = 1")  # of many rows: it keeps the write locks
    reshard(session, "shards_add(1)", wait=False)
    with pytest.raises(SqlError, match="Slots are being moved already"):
        ask(session, "CALL fauna.shards_split(0)")
    ask(session, "CALL fauna.shards_stop()")
    ask(blocker, "ROLLBACK")
    assert ask(session, "CALL fauna.shards_status()")[0][0] == "stopped"
    reshard(session, "shards_move('0-99', 1)")
    all_there(session)


def test_definitions_change_while_slots_move(node: Node, session: Session) -> None:
    reshard(session, "shards_add(2)", wait=False)
    other = connect(node, "shop")
    for number in range(10):
        ask(other, f"CREATE TABLE late{number} (id INT PRIMARY KEY, v INT)")
        ask(other, f"INSERT INTO late{number} VALUES " + ", ".join(f"({n}, {n})" for n in range(100)))
        ask(other, f"ALTER TABLE user ADD COLUMN c{number} INT DEFAULT {number}")
        if number % 3 == 2:
            ask(other, f"DROP TABLE late{number - 1}")
    assert node.mover().wait(60)
    assert node.mover().progress().state == "done"
    assert misplaced(node) == []
    assert ask(session, "SELECT COUNT(*), SUM(c0 + c9) FROM user") == [(ROWS, 9 * ROWS)]
    assert ask(session, "SELECT SUM(v) FROM late9 WHERE id < 50") == [(1225,)]
    assert [row[2] for row in ask(session, "SELECT * FROM fauna.shards")] == [4096] * 4


def test_a_crash_at_any_moment_leaves_every_row_once_and_the_next_start_goes_on(
    node: Node, session: Session, tmp_path: Path
) -> None:
    """Copies of the files as they are at some moments of a move: with no process to close them, that is what a crash leaves."""
    copied: list[Path] = []
    done = threading.Event()

    def copy() -> None:
        while not done.is_set():
            to = tmp_path / f"crash{len(copied)}"
            to.mkdir()
            # No commit becomes visible meanwhile; the coordinator first, so that what is decided there is prepared everywhere.
            with node.gate.commit():  # type: ignore[union-attr]
                for path in sorted((tmp_path / "data").iterdir()):
                    if path.name != "LOCK" and not path.name.endswith("-shm"):
                        with contextlib.suppress(FileNotFoundError):  # the journal of a shard that is just being made
                            shutil.copy(path, to)
            copied.append(to)

    copier = threading.Thread(target=copy)
    copier.start()
    reshard(session, "shards_add(2)")
    done.set()
    copier.join()
    assert copied
    for path in copied[:: max(1, len(copied) // 8)]:
        crashed = opened(path)
        all_there(connect(crashed, "shop"))
        assert crashed.mover().wait(60)
        all_there(connect(crashed, "shop"))
        assert misplaced(crashed) == []
        assert all(shard.recover() == [] for shard in crashed.shards)
        crashed.close()


def test_the_first_shard_gets_others(tmp_path: Path) -> None:
    node = opened(tmp_path / "data", 1)
    session = connect(node)
    assert ask(session, "CALL fauna.shards_status()") == [("none", "", 0, 0, 0, 0.0, "")]
    fill(node)
    ask(session, "USE shop")
    ask(session, "CREATE TEMPORARY TABLE mine (id INT)")
    ask(session, "CREATE TABLE area (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES area (id)) SINGLE")
    reader, writer = connect(node, "shop"), connect(node, "shop")
    ask(reader, "START TRANSACTION")
    assert ask(reader, "SELECT COUNT(*) FROM user") == [(ROWS,)]
    ask(writer, "START TRANSACTION")
    ask(writer, "UPDATE user SET n = 5 WHERE id = 5")
    reshard(session, "shards_add(3)", wait=False)
    assert not node.mover().wait(1.0), "somebody has written"
    ask(session, "INSERT INTO user (id, name) VALUES (-1, 'meanwhile')")
    ask(session, "DELETE FROM user WHERE id = -1")
    ask(writer, "COMMIT")
    assert node.mover().wait(60)
    with pytest.raises(SqlError, match="Deadlock"):
        ask(reader, "SELECT COUNT(*) FROM orders")
    for each in (session, reader, writer):
        all_there(each)
    assert misplaced(node) == []
    assert [row[2] for row in ask(session, "SELECT * FROM fauna.shards")] == [4096] * 4
    ask(session, "INSERT INTO mine VALUES (1)")
    with pytest.raises(SqlError, match="foreign key constraint fails"):
        ask(writer, "INSERT INTO orders VALUES (1, 9999)")
    with pytest.raises(SqlError, match="foreign key constraint fails"):
        ask(writer, "INSERT INTO area VALUES (1, 7)")
    with pytest.raises(SqlError, match="foreign key constraint fails"):
        ask(writer, "DELETE FROM user WHERE id = 7")
    ask(writer, "ALTER TABLE user ADD COLUMN x INT DEFAULT 5")
    ask(writer, "START TRANSACTION")
    for n in range(20):
        ask(writer, f"UPDATE user SET n = 7 WHERE id = {n}")
    ask(writer, "COMMIT")
    node.close()
    again = opened(tmp_path / "data", 1)
    assert len(again.shards) == 4
    assert ask(connect(again, "shop"), "SELECT SUM(x), SUM(n) FROM user") == [(5 * ROWS, 140)]
    again.close()


def test_a_foreign_key_that_several_shards_cannot_keep_leaves_one(tmp_path: Path) -> None:
    node = opened(tmp_path / "data", 1)
    session = connect(node)
    for statement in (
        "CREATE DATABASE shop",
        "USE shop",
        "CREATE TABLE a (id INT PRIMARY KEY)",
        "CREATE TABLE b (id INT PRIMARY KEY, half INT AS (id / 2) STORED, FOREIGN KEY (half) REFERENCES a (id))",
    ):
        ask(session, statement)
    with pytest.raises(SqlError, match="1235"):
        ask(session, "CALL fauna.shards_add(1)")
    assert ask(session, "CALL fauna.shards_status()")[0][0] == "none"
    assert len(node.shards) == 1
    node.close()


def test_what_a_client_has_prepared_is_waited_for(node: Node, session: Session) -> None:
    """Rows of XA PREPARE may be on slots that are to go: they go when it has ended."""
    ask(session, "CREATE TABLE item (id INT PRIMARY KEY, v INT)")
    ask(session, "INSERT INTO item VALUES " + ", ".join(f"({n}, 1)" for n in range(40)))
    for number in range(4):
        writer = connect(node, "shop")
        ask(writer, f"XA START 'x{number}'")
        for n in range(1000 + number, 1040, 4):
            ask(writer, f"INSERT INTO item VALUES ({n}, 2)")
        ask(writer, f"DELETE FROM item WHERE id = {number}")
        ask(writer, f"XA END 'x{number}'")
        ask(writer, f"XA PREPARE 'x{number}'")
        writer.close()
    reshard(session, "shards_move('0-8191', 1)", wait=False)
    assert not node.mover().wait(1.0), "it moved past prepared rows"
    assert len(ask(session, "XA RECOVER")) == 4
    for number in range(4):
        ask(session, f"XA {'COMMIT' if number % 2 else 'ROLLBACK'} 'x{number}'")
    assert node.mover().wait(60)
    assert misplaced(node) == []
    assert ask(session, "SELECT COUNT(*) FROM item WHERE v = 2") == [(20,)]
    assert ask(session, "SELECT id FROM item WHERE id < 4") == [(0,), (2,)]


def test_an_expression_outside_a_query_is_evaluated_while_slots_move(
    node: Node, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SET, CALL, DO: slots move after the expression has been planned."""
    read, other, moved = evaluation.reading.read, connect(node, "shop"), []

    def moving(*args: object, **options: object) -> object:
        if not moved:
            moved.append(True)
            reshard(other, "shards_add(1)")
        return read(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation.reading, "read", moving)
    ask(session, "SET @sum = 1 + 1")
    assert moved and ask(session, "SELECT @sum") == [(2,)]
