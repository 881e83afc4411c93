"""CALL fauna.changes, CALL fauna.history, their SDK, and the tables of the chain."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fauna import database
from fauna.changes import chain_rows
from fauna.client.database import Database
from fauna.settings import Settings


@pytest.fixture(params=[1, 4], ids=["1 shard", "4 shards"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    settings = Settings(data=tmp_path / "data", shards=request.param)
    with database.connect(path=tmp_path / "data", database="d", settings=settings) as connection:
        connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        connection.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
        connection.execute("UPDATE t SET v = 11 WHERE id = 1")
        yield connection


def rows(db: Database, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(sql, params or None)]


# ── change streams ──


def test_the_sdk_gives_events_and_goes_on_where_it_was(db: Database) -> None:
    stream = db.changes()
    events = list(stream)
    assert [event["op"] for event in events] == ["ddl", "c", "c", "u"]
    assert [event.position for event in events] == [event["source"]["sequence"] for event in events]
    assert stream.position > events[-1].position
    for number, event in enumerate(events, 1):
        assert list(db.changes(event.position)) == events[number:]
    db.execute("DELETE FROM t WHERE id = 2")
    assert [event["before"] for event in db.changes(stream.position, tables=["t"])] == [{"id": 2, "v": 20}]
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert len(list(db.changes(began))) == 5
    assert list(db.changes("now")) == []


def test_follow_waits_for_what_comes(db: Database, tmp_path: Path) -> None:
    found: list[int] = []
    begun = threading.Event()

    def follow() -> None:
        with database.connect(path=tmp_path / "data", database="d") as connection:
            stream = connection.changes(tables=["t"], follow=True)
            assert stream.fetch() == []  # from now on
            begun.set()
            for event in stream:
                found.append(event["after"]["id"])
                if len(found) == 3:
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(30)
    for number in (5, 6, 7):
        db.execute("INSERT INTO t VALUES (%s, 0)", (number,))
    thread.join(30)
    assert found == [5, 6, 7]


def test_a_waiting_call_can_be_interrupted(db: Database) -> None:
    link = db._link
    failed: list[int] = []

    def wait() -> None:
        try:
            link.run("CALL fauna.changes('now', 1, 600000)")
        except database.Error as problem:
            failed.append(problem.errno)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():  # it may not have begun to wait yet
        link.interrupt()
        thread.join(0.01)
    assert failed == [1317]
    assert [event["op"] for event in db.changes()] == ["ddl", "c", "c", "u"]


def test_a_call_without_events_says_how_far_it_has_looked(db: Database) -> None:
    ((position, event),) = rows(db, "CALL fauna.changes('now', 10, 0)")
    assert event is None
    db.execute("INSERT INTO t VALUES (9, 0)")
    ((after, text),) = rows(db, "CALL fauna.changes(%s, 10, 1000, 'd.t, d.t')", position)
    assert json.loads(text)["after"] == {"id": 9, "v": 0} and after > position


@pytest.mark.parametrize(
    ("call", "errno", "message"),
    [
        ("fauna.changes('start')", 1318, "expected 3 or 4, got 1"),
        ("fauna.changes('start', 0, 0)", 1105, "limit is a number from 1 to 10000, not 0"),
        ("fauna.changes('start', 10001, 0)", 1105, "limit is a number from 1 to 10000"),
        ("fauna.changes('start', 1, -1)", 1105, "wait_ms is a number from 0 to 600000, not -1"),
        ("fauna.changes('start', 1, 'soon')", 1105, "wait_ms is a number from 0 to 600000, not 'soon'"),
        ("fauna.changes('2:x', 1, 0)", 1236, "expected is a position that an event had"),
        ("fauna.changes('17.1', 1, 0)", 1236, "no transaction of this database was committed then"),
        ("fauna.changes('2999-01-01', 1, 0)", 1236, "that is in the future"),
        ("fauna.changes('0:7777', 1, 0)", 1236, "shard 0 has the blocks 1 to"),
        ("fauna.changes('8:1', 1, 0)", 1236, "there is no shard 8"),
        ("fauna.changes('start', 1, 0, 'd.nothing')", 1146, "Table 'd.nothing' doesn't exist"),
        ("fauna.changes('start', 1, 0, 't')", 1103, "expected is database.table"),
        ("fauna.history()", 1318, "expected 2 or more, got 0"),
        ("fauna.history('d.t')", 1318, "expected 2 or more, got 1"),
        ("fauna.history('d.t', 1, 2)", 1105, "the primary key of d.t is: id; 2 values were given"),
        ("fauna.history('d.t', 7)", 1032, "Table 'd.t' has never had a row with the key 7"),
        ("fauna.history('d.t', 'x')", 1366, "Incorrect integer value: 'x'"),
        ("fauna.history('d.nothing', 1)", 1146, "Table 'd.nothing' doesn't exist"),
        ("fauna.history('d.', 1)", 1103, "Incorrect table name"),
    ],
)
def test_a_wrong_call_is_told_what_was_expected(db: Database, call: str, errno: int, message: str) -> None:
    with pytest.raises(database.Error, match=message) as caught:
        db.query(f"CALL {call}")
    assert caught.value.errno == errno


def test_without_a_chain_there_are_no_streams(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", chain=False)
    with database.connect(path=tmp_path / "data", database="d", settings=settings) as db:
        db.execute("CREATE TABLE t (id INT PRIMARY KEY)")
        for call in ("fauna.changes('start', 1, 0)", "fauna.history('d.t', 1)"):
            with pytest.raises(database.NotSupportedError, match="a database without a chain"):
                db.query(f"CALL {call}")
        for table in ("blocks", "changes", "transactions"):
            assert rows(db, f"SELECT * FROM fauna.{table}") == []


# ── history ──


def brief(db: Database, table: str, *key: Any) -> list[tuple[Any, ...]]:
    return [(row.op, *tuple(row)[5:]) for row in db.history(table, *key)]


def test_the_versions_of_a_row_newest_first(db: Database) -> None:
    db.execute("DELETE FROM t WHERE id = 1")
    db.execute("INSERT INTO t VALUES (1, 5)")
    found = db.history("t", 1)
    assert [(row.op, row.v) for row in found] == [("INSERT", 5), ("DELETE", None), ("UPDATE", 11), ("INSERT", 10)]
    assert [row.id for row in found] == [1, 1, 1, 1]
    assert [row.row_end for row in found] == [None, *[row.row_start for row in found[:-1]]]
    assert {row.user for row in found} == {"root@localhost"}
    told = [(event["op"], event["source"]["txId"]) for event in db.changes() if event.get("key") == {"id": 1}]
    assert [row.transaction for row in found] == [name for _, name in reversed(told)]
    assert db.history("d.t", "2")[0].v == 20


def test_history_goes_through_definitions(db: Database) -> None:
    db.execute("ALTER TABLE t ADD COLUMN w VARCHAR(5) DEFAULT 'x'")
    db.execute("ALTER TABLE t MODIFY v VARCHAR(20)")
    db.execute("UPDATE t SET v = 'many' WHERE id = 1")
    db.execute("RENAME TABLE t TO u")
    db.execute("ALTER TABLE u RENAME COLUMN v TO value")
    db.execute("ALTER TABLE u DROP COLUMN w")
    found = db.history("u", 1)
    assert found.columns[5:] == ("id", "value", "w")
    assert [(row.op, row.value, row.w) for row in found] == [
        ("ALTER", "many", None), ("UPDATE", "many", "x"), ("ALTER", "11", "x"), ("UPDATE", "11", None), ("INSERT", "10", None),
    ]  # fmt: skip
    assert [type(row.value) for row in found] == [str] * 5
    db.execute("DROP TABLE u")
    assert db.history("u", 1)[0].op == "DELETE"
    db.execute("CREATE TABLE u (id INT PRIMARY KEY, other DATE)")
    db.execute("INSERT INTO u VALUES (1, '2026-01-02')")
    assert brief(db, "u", 1) == [("INSERT", 1, datetime.date(2026, 1, 2))]  # it is another table


def test_keys_of_several_columns_and_of_none(db: Database) -> None:
    db.execute("CREATE TABLE line (orders INT, sku VARCHAR(10), at TIMESTAMP NULL, n DECIMAL(8,2), PRIMARY KEY (orders, sku))")
    db.execute("SET time_zone = '+02:00'")
    db.execute("INSERT INTO line VALUES (1, 'A1', '2026-01-01 12:00:00', 1.5)")
    db.execute("REPLACE INTO line VALUES (1, 'A1', NULL, 2)")
    db.execute("REPLACE INTO line VALUES (1, 'A1', NULL, 2)")
    assert [(row.op, str(row.n), row.at) for row in db.history("line", 1, "a1")] == [
        ("UPDATE", "2.00", None), ("INSERT", "1.50", datetime.datetime(2026, 1, 1, 12)),
    ]  # fmt: skip
    with pytest.raises(database.Error, match="the primary key of d.line is: orders, sku; 1 values were given"):
        db.history("line", 1)
    db.execute("CREATE TABLE log (what VARCHAR(10))")
    db.execute("INSERT INTO log VALUES ('a')")
    number = next(event["key"]["_rowid"] for event in db.changes(tables=["log"]) if event["op"] == "c")
    assert brief(db, "log", number) == [("INSERT", "a")]


def test_a_row_that_moves_to_another_shard_has_no_new_version(tmp_path: Path) -> None:
    with database.connect(path=tmp_path / "data", database="d") as db:
        db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 0)" for n in range(40)))
        db.query("CALL fauna.shards_add(1)")
        pause = threading.Event()
        while rows(db, "CALL fauna.shards_status()")[0][0] not in ("done", "stopped"):
            pause.wait(0.02)
        db.execute("UPDATE t SET v = 1")
        for number in range(40):
            assert brief(db, "t", number) == [("UPDATE", number, 1), ("INSERT", number, 0)]


# ── tables ──


def test_the_blocks_of_all_shards_are_rows(db: Database) -> None:
    shards = db.shards.config()
    found = rows(db, "SELECT shard, height, previous, hash FROM fauna.blocks ORDER BY shard, height")
    assert {row[0] for row in found} == {each["shard"] for each in shards}
    for before, after in zip(found, found[1:], strict=False):
        if before[0] == after[0]:
            assert after[1] == before[1] + 1 and after[2] == before[3]
    heads = dict(rows(db, "SELECT shard, MAX(height) FROM fauna.blocks GROUP BY shard"))
    assert rows(db, "SELECT height FROM fauna.blocks WHERE shard = 0 AND height > %s", heads[0] - 2) == [
        (heads[0] - 1,), (heads[0],),
    ]  # fmt: skip
    assert rows(db, "SELECT COUNT(*) FROM fauna.blocks WHERE time > '2999-01-01' OR height < 1") == [(0,)]


def test_changes_and_transactions_are_rows(db: Database) -> None:
    events = list(db.changes())
    found = rows(db, "SELECT position, `database`, `table`, op, `key`, `before`, `after`, user, transaction FROM fauna.changes")
    assert [row[0] for row in found] == [event.position for event in events]
    for row, event in zip(found[1:], events[1:], strict=True):
        assert row[1:4] == ("d", "t", event["op"])
        assert [None if value is None else json.loads(value) for value in row[4:7]] == [
            event["key"], event["before"], event["after"],
        ]  # fmt: skip
        assert row[7:] == ("root@localhost", event["source"]["txId"])
    assert json.loads(found[0][6])["ddl"].startswith("CREATE TABLE `t`")
    (last,) = rows(db, "SELECT gtrid, changes, user FROM fauna.transactions ORDER BY time DESC LIMIT 1")
    assert last == (events[-1]["source"]["txId"], 1, "root@localhost")
    (inserted,) = rows(db, "SELECT shards, blocks FROM fauna.transactions WHERE gtrid = %s", events[1]["source"]["txId"])
    assert inserted[1].split(",") == [f"{shard}:{height}" for shard, height in (b.split(":") for b in inserted[1].split(","))]
    joined = "SELECT COUNT(*) FROM fauna.changes c JOIN fauna.blocks b ON b.shard = c.shard AND b.height = c.block"
    assert rows(db, joined) == [(4,)]


def test_a_transaction_is_found_by_its_name_without_reading_the_others(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    db.execute("INSERT INTO t SELECT id + 1000, v FROM t")
    db.execute("XA START 'Name'")
    db.execute("UPDATE t SET v = 5")
    db.execute("XA END 'Name'")
    db.execute("XA PREPARE 'Name'")
    db.execute("XA COMMIT 'Name'")
    every = rows(db, "SELECT * FROM fauna.transactions")
    assert {row[0][:3] == "xa:" for row in every} == {row[0][:2] == "0:" for row in every} == {True, False}
    read: list[int] = []
    grouped = chain_rows._grouped

    def counted(*args: Any) -> Iterator[Any]:
        for group in grouped(*args):
            read.append(len(group))
            yield group

    monkeypatch.setattr(chain_rows, "_grouped", counted)
    for row in every:
        read.clear()
        assert rows(db, "SELECT * FROM fauna.transactions WHERE gtrid = %s", row[0]) == [row]
        assert len(read) == 1
        assert rows(db, "SELECT * FROM fauna.transactions WHERE gtrid = %s", row[0] + " ") == [row]
        assert rows(db, "SELECT * FROM fauna.transactions WHERE gtrid = %s AND time < %s", row[0], row[3]) == []
    read.clear()
    assert rows(db, "SELECT * FROM fauna.transactions WHERE gtrid IN (%s, %s) ORDER BY time", every[1][0], every[-1][0]) == [
        every[1], every[-1],
    ]  # fmt: skip
    assert len(read) == 2
    for none in ("", "9:1", "0:999999", "0:0", every[-1][0].upper(), "%"):
        assert rows(db, "SELECT * FROM fauna.transactions WHERE gtrid = %s", none) == []
    folded = "SELECT * FROM fauna.transactions WHERE gtrid = %s COLLATE utf8mb4_general_ci"
    assert rows(db, folded, every[-1][0].upper()) == [every[-1]]


def test_bounds_and_limits_end_the_reading(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from fauna.changes.reader import ChangeReader

    for number in range(300):
        db.execute("INSERT INTO t VALUES (%s, 0)", (100 + number,))
    last = list(db.changes())[-1]
    looked: list[int] = []
    fetch = ChangeReader.fetch

    def counting(self: ChangeReader, limit: int) -> Any:
        events = fetch(self, limit)
        looked.append(len(events))
        return events

    monkeypatch.setattr(ChangeReader, "fetch", counting)
    at = datetime.datetime.fromtimestamp(last["source"]["ts_us"] / 1_000_000, datetime.UTC).replace(tzinfo=None)
    shard, block = last["source"]["shard"], last["source"]["block"]
    for condition, params in (
        ("time >= %s", (at - datetime.timedelta(microseconds=1),)),
        ("shard = %s AND block >= %s", (shard, block)),
        ("shard = %s AND block BETWEEN %s AND %s", (shard, block, block + 5)),
    ):
        looked.clear()
        assert rows(db, f"SELECT position FROM fauna.changes WHERE {condition}", *params)[-1] == (last.position,)
        assert sum(looked) < 10, condition
    looked.clear()
    assert len(rows(db, "SELECT * FROM fauna.changes LIMIT 3")) == 3
    assert sum(looked) < 300


def test_what_retention_has_removed_is_not_missed_silently(db: Database) -> None:
    from fauna.clock import HybridClock, ManualClock
    from fauna.txn.retention import Retention

    node = db._link._session.node  # type: ignore[attr-defined]
    db.execute("CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 DAY'")
    begin = list(db.changes())[-1].position
    db.execute("INSERT INTO log VALUES (1, 0), (2, 0)")
    db.execute("UPDATE log SET n = 1")
    db.execute("DELETE FROM log WHERE id = 2")
    db.execute("INSERT INTO t VALUES (3, 30)")
    whole = list(db.changes())
    later = HybridClock(ManualClock(node.clock.now_us() + 10 * 86_400_000_000))
    node.retention = Retention(lambda: node.shards, lambda: node.catalog, later)
    assert db.query("CALL fauna.prune()")
    left = list(db.changes())
    assert len(left) < len(whole) and [event for event in whole if event in left] == left
    assert len(rows(db, "SELECT * FROM fauna.changes")) == len(left)
    assert [event["after"] for event in db.changes(begin, tables=["t"])] == [{"id": 3, "v": 30}]
    with pytest.raises(database.Error, match="retention has removed changes of d.log that come after it") as caught:
        list(db.changes(begin))
    assert caught.value.errno == 1236
