"""Where a table's rows are, which tables share places, and how both are declared, kept and refused."""

from __future__ import annotations

import json

import pytest

from fauna.catalog import store
from fauna.catalog.placement import co_located, keeps_places, placement_of
from fauna.catalog.slot_map import ONE_SHARD, SlotMap
from fauna.errors import SqlError
from fauna.sql.show_create import show_create_table
from tests.unit.catalog.ddl_harness import Server, error_of


@pytest.fixture
def server() -> Server:
    return Server()


def declared(server: Server, name: str, text: str) -> tuple[str, list[str]]:
    server.ddl(f"create table {name} {text}")
    placement = placement_of(server.table(name))
    return placement.kind, [column.name for column in placement.columns]


@pytest.mark.parametrize(
    "text, kind, columns",
    [
        ("(a int, b int, primary key (b, a))", "HASH", ["b", "a"]),
        ("(a int, b int)", "HASH", []),
        ("(a int, b int unique)", "HASH", []),
        ("(a float primary key)", "HASH", []),
        ("(a text, primary key (a(5)))", "HASH", []),
        ("(a varchar(20), b int, primary key (b, a(5)))", "HASH", []),
        ("(a int primary key, B int unique) partition by key (b)", "HASH", ["B"]),
        ("(a int primary key, b int) partition by key ()", "HASH", ["a"]),
        ("(a int unique, b int not null, unique (b)) partition by key ()", "HASH", ["b"]),
        ("(a int primary key) broadcast", "BROADCAST", []),
        ("(a int primary key) engine=innodb single comment='x'", "SINGLE", []),
        ("(a int primary key) /*!999999 SINGLE */", "SINGLE", []),
        ("(a int primary key) /*!99999 SINGLE */", "HASH", ["a"]),
        ("(a int primary key) /*M!999999 SINGLE */", "HASH", ["a"]),
    ],
)
def test_placement(server: Server, text: str, kind: str, columns: list[str]) -> None:
    assert declared(server, "t", text) == (kind, columns)
    assert server.reload() == server.catalog
    shown = show_create_table(server.table("t"))
    before = server.table("t")
    server.ddl("drop table t")
    server.ddl(shown)
    after = server.table("t")
    assert (after.placement, after.shard_key) == (before.placement, before.shard_key)
    assert placement_of(after) == placement_of(before)
    assert show_create_table(after) == shown


@pytest.mark.parametrize(
    "text, errno, words",
    [
        ("create table t (a int) broadcast single", 1221, "Incorrect usage of BROADCAST and SINGLE"),
        ("create table t (a int) broadcast partition by key (a)", 1221, "Incorrect usage of BROADCAST and PARTITION BY"),
        ("create table t (a int) partition by key (a) single", 1221, "Incorrect usage of SINGLE and PARTITION BY"),
        ("create temporary table t (a int) broadcast", 1221, "Incorrect usage of TEMPORARY and BROADCAST"),
        ("create table t (a double) partition by key (a)", 1235, "FLOAT or DOUBLE"),
        ("create table t (a point) partition by key (a)", 1502, "BLOB"),
        ("create table t (a int, b int as (a + 1) stored) partition by key (b)", 1235, "generated column"),
        ("create table t (a int) partition by linear key (a)", 1235, "PARTITION BY other than KEY"),
        ("create table t (a int) partition by key algorithm = 2 (a)", 1235, "PARTITION BY other than KEY"),
        ("create table t (a int) partition by key (a) (partition p0, partition p1)", 1235, "named partitions"),
        ("create table t (a int) partition by range (a) (partition p0 values less than (1))", 1235, "other than KEY"),
    ],
)
def test_refused(server: Server, text: str, errno: int, words: str) -> None:
    found, message = error_of(server, text)
    assert found == errno and words in message
    assert server.catalog.relation("d", "t") is None


def test_the_number_of_partitions_is_noted_and_not_kept(server: Server) -> None:
    plan = server.ddl("create table t (a int) partition by key (a) partitions 4")
    assert [(note.level, note.errno) for note in plan.warnings] == [("Note", 1105)]
    assert "PARTITIONS 4 is not kept" in plan.warnings[0].message
    assert show_create_table(server.table("t")).endswith("\n PARTITION BY KEY (`a`)")


def test_like_copies_the_placement_but_to_a_temporary_table(server: Server) -> None:
    server.ddl("create table k (a int, b int) partition by key (b)")
    server.ddl("create table b (a int) broadcast")
    server.ddl("create table k2 like k")
    server.ddl("create table b2 like b")
    assert server.table("k2").shard_key == ("b",) and server.table("b2").placement == "BROADCAST"
    server.ddl("create temporary table k3 like k")
    server.ddl("create temporary table b3 like b")
    assert (server.table("k3").shard_key, server.table("b3").placement) == ((), "")


# ── ALTER TABLE ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_alter_to_the_same_placement_is_no_change(server: Server) -> None:
    server.ddl("create table k (a int, b int) partition by key (b)")
    server.ddl("create table s (a int) single")
    tables = server.table("k"), server.table("s")
    server.ddl("alter table k partition by key (B)")
    server.ddl("alter table s single")
    assert (server.table("k"), server.table("s")) == tables


@pytest.mark.parametrize(
    "text", ["partition by key (a)", "broadcast", "single", "partition by key ()", "partition by hash (a)", "remove partitioning"]
)
def test_alter_to_another_placement_is_refused(server: Server, text: str) -> None:
    server.ddl("create table k (a int primary key, b int) partition by key (b)")
    before = server.catalog
    assert error_of(server, f"alter table k {text}")[0] == 1235
    assert server.catalog is before


CHANGES = [
    ("change b c int", True),
    ("modify b bigint", True),
    ("modify name varchar(50)", True),
    ("add c int, drop column x", True),
    ("modify x varchar(3)", True),
    ("modify b smallint", False),
    ("modify b varchar(20)", False),
    ("modify name varchar(5)", False),
    ("modify name varchar(10) collate utf8mb4_bin", False),
    ("modify amount decimal(10,1)", False),
    ("modify e enum('b','a')", False),
    ("modify e enum('a','b','c')", True),
]


@pytest.mark.parametrize("change, stays", CHANGES)
def test_what_an_alter_does_to_places(server: Server, change: str, stays: bool) -> None:
    server.ddl(
        "create table t (id int primary key, x int, b int, name varchar(10), amount decimal(10,2), e enum('a','b')) "
        "partition by key (b, name, amount, e)"
    )
    before = server.table("t")
    server.ddl(f"alter table t {change}")
    assert keeps_places(before, server.table("t")) is stays


@pytest.mark.parametrize("change", ["drop primary key", "drop primary key, add primary key (b)", "modify id bigint unsigned"])
def test_changes_of_the_primary_key_move_rows(server: Server, change: str) -> None:
    server.ddl("create table t (id int primary key, b int)")
    before = server.table("t")
    server.ddl(f"alter table t {change}")
    assert not keeps_places(before, server.table("t"))


def test_an_alter_may_send_rows_to_other_shards(server: Server) -> None:
    server.ddl("create table t (id int primary key, b int)")
    server.ddl("create temporary table own (id int primary key, b int)")
    server.catalog = server.catalog.with_slots(SlotMap.even(2))
    server.ddl("alter table t modify b bigint, modify id bigint")
    server.ddl("alter table t drop primary key")
    server.ddl("alter table own drop primary key")


# ── co-location ──────────────────────────────────────────────────────────────────────────────────────────────────

TABLES = {
    "users": "(id int primary key)",
    "orders": "(id int primary key, user_id bigint) partition by key (user_id)",
    "order_lines": "(order_id int, user_id decimal(12,0), primary key (order_id)) partition by key (user_id)",
    "by_two": "(a int, b int, primary key (a, b))",
    "names": "(name varchar(10) primary key)",
    "labels": "(name char(30) primary key)",
    "words": "(name varchar(10) collate utf8mb4_bin primary key)",
    "times": "(at timestamp primary key)",
    "moments": "(at datetime primary key)",
    "days": "(at date primary key)",
    "ids": "(id uuid primary key)",
    "log": "(a int)",
    "journal": "(a int)",
    "countries": "(id int primary key) broadcast",
    "settings": "(id int primary key) single",
    "counters": "(id int primary key) single",
}
TOGETHER = {
    ("users", "orders"),
    ("users", "order_lines"),
    ("orders", "order_lines"),
    ("names", "labels"),
    ("moments", "days"),
    ("settings", "counters"),
}


def test_co_located(server: Server) -> None:
    for name, text in TABLES.items():
        server.ddl(f"create table {name} {text}")
    for a in TABLES:
        for b in TABLES:
            if a == b:
                expected = a not in ("log", "journal")  # there is no key to be equal in
            else:
                expected = "countries" in (a, b) or (a, b) in TOGETHER or (b, a) in TOGETHER
            assert co_located(server.table(a), server.table(b)) is expected, (a, b)


# ── the catalog on disk ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_slot_map_is_stored_when_it_changes(server: Server) -> None:
    assert server.reload().slots == ONE_SHARD
    before = server.catalog
    after = before.with_slots(SlotMap.even(4).moved([1, 2, 3], 2))
    assert after.version == before.version + 1
    for sql, parameters in store.save_statements(before, after):
        server.connection.execute(sql, parameters)
    assert server.reload() == after
    server.catalog = after
    server.ddl("create table t (a int)")
    assert server.catalog.slots == after.slots and server.reload() == server.catalog
    assert len(store.save_statements(after, after.with_slots(after.slots))) == 1, "only the version"


def test_a_table_written_before_there_were_placements(server: Server) -> None:
    server.ddl("create table t (a int primary key)")
    kept = list(server.connection.execute("SELECT kind, schema, name, definition FROM catalog_entries"))
    rows = []
    for kind, schema, name, definition in kept:
        saved = json.loads(definition)
        rows.append((kind, schema, name, json.dumps({k: v for k, v in saved.items() if k not in ("shard_key", "placement")})))
    loaded = store.load((server.catalog.version, server.catalog.next_id), rows)
    assert loaded == server.catalog


def test_a_slot_map_of_another_hash_is_refused() -> None:
    saved = {"format": 1, **SlotMap.even(2).to_json(), "hash": 99}
    with pytest.raises(Exception, match="another version's rule"):
        store.load((1, 1), [("slots", "", "", json.dumps(saved))])


def test_errors_are_sql_errors(server: Server) -> None:
    with pytest.raises(SqlError) as caught:
        server.ddl("create table t (a int) partition by key (b)")
    assert (caught.value.errno, caught.value.sqlstate) == (1488, "HY000")
