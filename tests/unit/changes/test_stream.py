"""The change stream of an embedded database: whoever applies it has the tables, and may stop and go on anywhere."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fauna import database
from fauna.changes.reader import ChangeReader
from fauna.client.database import Database
from fauna.node import Node
from fauna.settings import Settings
from tests.cluster.mirror import Mirror, selected

Event = dict[str, Any]


@pytest.fixture(params=[1, 4], ids=["1 shard", "4 shards"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    settings = Settings(data=tmp_path / "data", shards=request.param)
    with database.connect(path=tmp_path / "data", database="d", settings=settings) as connection:
        yield connection


def node_of(db: Database) -> Node:
    node: Node = db._link._session.node  # type: ignore[attr-defined]
    return node


def open_reader(db: Database, begin: str | None = "start", tables: Sequence[str] = ()) -> ChangeReader:
    source = node_of(db).change_source()
    assert source is not None
    return source.open(begin, tables)


def read(db: Database, begin: str = "start", *tables: str, limit: int = 7) -> list[Event]:
    reader = open_reader(db, begin, tables)
    try:
        return drain(reader, limit)
    finally:
        reader.close()


def drain(reader: ChangeReader, limit: int = 7) -> list[Event]:
    events = []
    while reader.is_behind:
        for event in reader.fetch(limit):
            found = json.loads(event.json)
            assert found["source"]["sequence"] == event.position
            events.append(found)
    return events


def mirrored(events: list[Event]) -> Mirror:
    mirror = Mirror()
    for event in events:
        mirror.apply(event)
    return mirror


def check(db: Database, *tables: str, hidden: tuple[str, ...] = ()) -> list[Event]:
    """The stream gives these tables exactly; its events."""
    events = read(db)
    found = mirrored(events).tables
    assert sorted(found) == sorted(tables)
    assert found == selected(lambda sql: [tuple(row) for row in db.query(sql)], tables, hidden)
    return events


def brief(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(e["op"], e["source"]["table"], e.get("key"), e["before"], e["after"]) for e in events]


def test_an_event_says_all_of_a_change(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(9), twice INT AS (id * 2) VIRTUAL)")
    begin = read(db)[-1]["source"]["sequence"]
    db.execute("INSERT INTO t (id, name) VALUES (1, 'ä')")
    db.execute("UPDATE t SET name = NULL")
    db.execute("DELETE FROM t")
    events = read(db, begin)
    assert brief(events) == [
        ("c", "t", {"id": 1}, None, {"id": 1, "name": "ä"}),
        ("u", "t", {"id": 1}, {"id": 1, "name": "ä"}, {"id": 1, "name": None}),
        ("d", "t", {"id": 1}, {"id": 1, "name": None}, None),
    ]
    source = events[0]["source"]
    shard = node_of(db).shards[source["shard"]]
    header = shard.header(source["block"])
    assert header is not None
    assert (source["txId"], source["ts_us"], source["user"]) == (header.transaction, header.time_us, "root@localhost")
    assert (source["connector"], source["db"], source["snapshot"]) == ("faunadb", "d", "false")
    assert events[0]["ts_ms"] == source["ts_ms"] == header.time_us // 1000
    assert events[0]["transaction"] == {"id": header.transaction, "total_order": 1, "data_collection_order": 1}


def test_definitions_are_events_and_the_rows_they_make_anew_too(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, n DECIMAL(8,2), v INT AS (id + 1) VIRTUAL)")
    db.execute("INSERT INTO t (id, n) VALUES (1, 1.5), (2, NULL), (3, 9)")
    db.execute("ALTER TABLE t ADD COLUMN z INT DEFAULT 7")
    assert db.execute("UPDATE t SET z = 8 WHERE id = 1") == 1
    db.execute("ALTER TABLE t ADD COLUMN first VARCHAR(5) NOT NULL DEFAULT 'a' FIRST")
    db.execute("ALTER TABLE t MODIFY n VARCHAR(20)")
    db.execute("ALTER TABLE t RENAME COLUMN n TO number")
    db.execute("ALTER TABLE t ADD COLUMN w INT AS (z + 1) STORED")
    db.execute("DELETE FROM t WHERE id = 2")
    db.execute("ALTER TABLE t DROP COLUMN first")
    db.execute("CREATE TABLE copied AS SELECT id, number FROM t")
    db.execute("CREATE TABLE gone (a INT PRIMARY KEY)")
    db.execute("INSERT INTO gone VALUES (1)")
    db.execute("DROP TABLE gone")
    db.execute("DROP TABLE copied")
    events = check(db, "d.t", hidden=("v",))
    definitions = [e for e in events if e["op"] == "ddl"]
    assert [e["tableChanges"][0]["type"] for e in definitions] == [
        "CREATE", *["ALTER"] * 6, "CREATE", "CREATE", "DROP", "DROP",
    ]  # fmt: skip
    assert definitions[0]["ddl"].startswith("CREATE TABLE `t`") and definitions[-1]["ddl"] == "DROP TABLE `d`.`copied`"
    columns = definitions[6]["tableChanges"][0]["table"]["columns"]
    assert [(c["name"], c["typeExpression"], c["inEvents"]) for c in columns] == [
        ("id", "int(11)", True), ("number", "varchar(20)", True), ("v", "int(11)", False), ("z", "int(11)", True),
        ("w", "int(11)", True),
    ]  # fmt: skip
    assert {e["op"] for e in events if e["source"]["table"] == "t"} == {"c", "u", "d", "r", "t", "ddl"}


def test_a_table_is_emptied_and_tables_exchange_their_names(db: Database) -> None:
    for name in "ab":
        db.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY)")
    db.execute("INSERT INTO a VALUES (1), (2)")
    db.execute("INSERT INTO b VALUES (3)")
    db.execute("RENAME TABLE a TO c, b TO a, c TO b")
    check(db, "d.a", "d.b")
    db.execute("TRUNCATE TABLE b")
    db.execute("INSERT INTO b VALUES (1)")
    db.execute("CREATE DATABASE e")
    db.execute("RENAME TABLE a TO e.a")
    events = check(db, "d.b", "e.a")
    assert [e["op"] for e in events if e["source"]["table"] == "b"][-2:] == ["t", "c"]
    db.execute("DROP DATABASE e")
    check(db, "d.b")


def test_keys_that_change_hands_are_changes_of_rows(db: Database) -> None:
    db.execute("CREATE TABLE t (k VARCHAR(5) PRIMARY KEY, v INT)")
    db.execute("INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)")
    begin = read(db)[-1]["source"]["sequence"]
    db.execute("REPLACE INTO t VALUES ('a', 11)")
    db.execute("REPLACE INTO t VALUES ('a', 11)")
    with db.transaction() as tx:
        tx.execute("UPDATE t SET k = 'z' WHERE k = 'a'")
        tx.execute("UPDATE t SET k = 'a' WHERE k = 'b'")
        tx.execute("UPDATE t SET k = 'b' WHERE k = 'z'")
        tx.execute("UPDATE t SET k = 'd' WHERE k = 'c'")
    with db.transaction() as tx:
        tx.execute("INSERT INTO t VALUES ('z', 5)")
        tx.execute("DELETE FROM t WHERE k = 'a'")
        tx.execute("UPDATE t SET k = 'a' WHERE k = 'z'")
    found = brief(read(db, begin))
    assert sorted(map(str, found)) == sorted(map(str, [
        ("u", "t", {"k": "a"}, {"k": "a", "v": 1}, {"k": "a", "v": 11}),
        ("d", "t", {"k": "c"}, {"k": "c", "v": 3}, None),
        ("u", "t", {"k": "a"}, {"k": "a", "v": 11}, {"k": "a", "v": 2}),
        ("u", "t", {"k": "b"}, {"k": "b", "v": 2}, {"k": "b", "v": 11}),
        ("c", "t", {"k": "d"}, None, {"k": "d", "v": 3}),
        ("u", "t", {"k": "a"}, {"k": "a", "v": 2}, {"k": "a", "v": 5}),
    ]))  # fmt: skip
    check(db, "d.t")


def test_it_goes_on_from_every_position(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    db.execute("CREATE TABLE k (k VARCHAR(9) PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 0)" for n in range(20)))
    db.execute("INSERT INTO k VALUES ('a'), ('b')")
    with db.transaction() as tx:
        tx.execute("UPDATE t SET v = 1 WHERE id < 10")
        tx.execute("REPLACE INTO k VALUES ('a'), ('c')")
        tx.execute("UPDATE k SET k = 'x' WHERE k = 'b'")
    db.execute("ALTER TABLE t ADD COLUMN w INT DEFAULT 3")
    events = read(db, limit=1)
    assert events == read(db, limit=1000)
    for number, event in enumerate(events, 1):
        assert read(db, event["source"]["sequence"]) == events[number:]
        shard, height = event["source"]["shard"], event["source"]["block"]
        assert event in read(db, f"{shard}:{height}")
    assert [e["transaction"]["total_order"] for e in events if e["op"] == "r"] == list(range(3, 23))


def test_tables_are_chosen_by_their_name_of_then(db: Database) -> None:
    db.execute("CREATE TABLE a (id INT PRIMARY KEY)")
    db.execute("CREATE TABLE b (id INT PRIMARY KEY)")
    with db.transaction() as tx:
        tx.execute("INSERT INTO a VALUES (1), (2)")
        tx.execute("INSERT INTO b VALUES (1), (2)")
    db.execute("RENAME TABLE b TO c")
    db.execute("INSERT INTO c VALUES (3)")
    db.execute("CREATE TABLE b (other INT PRIMARY KEY)")
    everything = read(db)
    of_b = read(db, "start", "d.b")
    assert [e["op"] for e in of_b] == ["ddl", "c", "c", "ddl", "ddl"]
    assert of_b == [e for e in everything if e in of_b]
    assert [e["after"] for e in read(db, "start", "d.c") if e["op"] == "c"] == [{"id": 3}]
    reader = open_reader(db, "start", ["d.a"])
    drain(reader)
    behind = reader.position
    reader.close()
    assert read(db, behind) == [] and behind > everything[-1]["source"]["sequence"]


def test_only_users_tables_are_told_of(db: Database) -> None:
    db.execute("CREATE SEQUENCE numbers")
    db.execute("SELECT NEXTVAL(numbers)")
    db.execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)")
    db.execute("INSERT INTO t VALUES ()")
    db.execute("CREATE TEMPORARY TABLE mine (id INT PRIMARY KEY)")
    db.execute("INSERT INTO mine VALUES (1)")
    db.execute("CREATE VIEW seen AS SELECT * FROM t")
    node_of(db).set_password("somebody", "%", "a password")
    events = read(db)
    assert [(e["op"], e["source"]["table"]) for e in events] == [("ddl", "t"), ("c", "t")]


def test_a_large_transaction(db: Database) -> None:
    """More than the sealer keeps in memory, so that its block has every change, in order and not netted."""
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT, data LONGTEXT)")
    db.execute("CREATE TABLE names (k VARCHAR(20) PRIMARY KEY, v INT)")
    with db.transaction() as tx:
        for n in range(0, 400, 8):
            rows = ",".join(f"({each}, 0, REPEAT('{each} ', 20000))" for each in range(n, n + 8))
            tx.execute(f"INSERT INTO t VALUES {rows}")
        tx.execute("INSERT INTO names SELECT CONCAT('k', id), v FROM t")
        tx.execute("UPDATE t SET v = id WHERE id % 3 = 0")
        tx.execute("DELETE FROM names WHERE k LIKE 'k1%'")
        tx.execute("REPLACE INTO names SELECT CONCAT('k', id), v FROM t WHERE id < 200")
        tx.execute("DELETE FROM t WHERE id % 5 = 0")
    largest = max(len(shard.open_chain().must_get_block(shard.height).payload) for shard in node_of(db).shards)
    assert largest == 1, "its changes are not in parts"
    check(db, "d.t", "d.names")


def test_rows_that_go_to_another_shard_are_no_changes(tmp_path: Path) -> None:
    with database.connect(path=tmp_path / "data", database="d", settings=Settings(data=tmp_path / "data", shards=2)) as db:
        db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        db.execute("CREATE TABLE log (what VARCHAR(20))")
        db.execute("CREATE TABLE color (id INT PRIMARY KEY, name VARCHAR(9)) BROADCAST")
        db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 0)" for n in range(300)))
        db.execute("INSERT INTO log VALUES " + ", ".join(f"('event {n}')" for n in range(100)))
        db.execute("INSERT INTO color VALUES (1, 'red'), (2, 'green')")
        reader = open_reader(db, "start")
        before = drain(reader)
        assert len([e for e in before if e["source"]["table"] == "color" and e["op"] == "c"]) == 2
        mover = node_of(db).mover()
        db.query("CALL fauna.shards_add(2)")
        while node_of(db).progress().state not in ("done", "stopped"):
            assert threading.Event().wait(0.02) is False
            db.execute("UPDATE t SET v = v + 1 WHERE id < 10")
        assert node_of(db).progress().state == "done" and mover is node_of(db).mover()
        assert len(node_of(db).shards) == 4
        db.execute("INSERT INTO t VALUES (1000, 1)")
        db.execute("UPDATE color SET name = 'blue' WHERE id = 2")
        after = drain(reader)
        reader.close()
        assert {(e["op"], e["source"]["table"]) for e in after} == {("u", "t"), ("c", "t"), ("u", "color")}
        assert all(e["key"]["id"] < 10 for e in after if e["op"] == "u" and e["source"]["table"] == "t")
        assert read(db) == before + after
        mirror = mirrored(before + after)
        assert mirror.tables["d.t"] == selected(lambda sql: [tuple(r) for r in db.query(sql)], ["d.t"])["d.t"]
        assert len(mirror.tables["d.log"]) == 100


def test_from_one_shard_to_several(tmp_path: Path) -> None:
    with database.connect(path=tmp_path / "data", database="d") as db:
        db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 0)" for n in range(100)))
        reader = open_reader(db, "start")
        events = drain(reader)
        db.query("CALL fauna.shards_add(1)")
        while node_of(db).progress().state not in ("done", "stopped"):
            assert threading.Event().wait(0.02) is False
        db.execute("UPDATE t SET v = 1")
        events += drain(reader)
        reader.close()
        assert len(events) == 201
        assert read(db) == events
        check(db, "d.t")


def test_several_write_while_it_is_read(db: Database, tmp_path: Path) -> None:
    """What a reader is given while writers go on is what another is given afterwards."""
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    db.execute("CREATE TABLE k (k VARCHAR(9) PRIMARY KEY, v INT)")
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        try:
            with database.connect(path=tmp_path / "data", database="d") as connection:
                for _ in range(60):
                    first, second = dice.sample(range(30), 2)
                    with connection.transaction() as tx:
                        tx.execute("INSERT INTO t VALUES (%s, 0) ON DUPLICATE KEY UPDATE v = v + 1", (first,))
                        tx.execute("REPLACE INTO k VALUES (%s, %s)", (f"k{second}", dice.randrange(3)))
                        if dice.random() < 0.3:
                            tx.execute("DELETE FROM t WHERE id = %s", (second,))
        except database.Error as problem:
            if not problem.retryable:
                failed.append(problem)
        except BaseException as problem:
            failed.append(problem)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    reader = open_reader(db, "start")
    for writer in writers:
        writer.start()
    events: list[Event] = []
    while any(writer.is_alive() for writer in writers):
        if reader.wait(0.05):
            events += [json.loads(event.json) for event in reader.fetch(10)]
    stop.set()
    for writer in writers:
        writer.join()
    events += drain(reader)
    reader.close()
    assert not failed and len(events) > 50
    assert events == read(db)
    check(db, "d.t", "d.k")


def test_a_reader_that_has_gone_to_sleep_keeps_nobody_waiting(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000))")
    db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, '{'x' * 1000}')" for n in range(3000)))
    reader = open_reader(db, "start")
    assert len(reader.fetch(10)) == 10  # in the middle of a block of several parts
    for shard in node_of(db).shards:
        checkpointed = shard.writer.handle.connection.wal_checkpoint(mode=3)  # TRUNCATE: nobody may be reading the log
        assert checkpointed[0] == 0
    db.execute("UPDATE t SET v = 'y' WHERE id < 5")
    assert len(drain(reader)) == 3001 - 10 + 5
    reader.close()


def test_a_wait_ends_with_a_commit_and_with_its_time(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    reader = open_reader(db, None)
    assert reader.wait(0) and not reader.fetch(10)  # it looks once
    assert not reader.wait(0.01)
    waiting = threading.Event()
    woken: list[bool] = []

    def wait() -> None:
        waiting.set()
        woken.append(reader.wait(60))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(10)
    db.execute("INSERT INTO t VALUES (1)")
    thread.join(30)
    assert woken == [True] and [json.loads(e.json)["after"] for e in reader.fetch(10)] == [{"id": 1}]
    reader.close()
    assert not any(ticket.is_waiting for ticket in node_of(db).growth._waiting)


def test_rows_without_a_primary_key_are_named_by_their_number(db: Database) -> None:
    db.execute("CREATE TABLE t (a INT)")
    db.execute("INSERT INTO t VALUES (1), (1), (2)")
    db.execute("DELETE FROM t WHERE a = 2")
    db.execute("UPDATE t SET a = 5 LIMIT 1")
    mirror = mirrored(read(db))
    assert all(set(json.loads(key)) == {"_rowid"} for key in mirror.tables["d.t"])
    assert sorted(row["a"] for row in mirror.tables["d.t"].values()) == [1, 5]
