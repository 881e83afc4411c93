"""FOR SYSTEM_TIME over a history that the tests write: on one shard and on several the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.catalog.types import INT_TYPE, varchar
from fauna.errors import SqlError
from fauna.node import Node
from fauna.plan.plan import QueryPlan
from fauna.session.result import MustMove
from fauna.session.session import Session
from fauna.sql.parse import parse
from fauna.sql.shape import lift
from tests.unit.session.recorded_history import RecordedHistory, us
from tests.unit.session.test_resharding import reshard
from tests.unit.session.test_shards import ask, connect, opened

DAY = "2024-07-01"
NEVER = "2038-01-19 03:14:07.999999"


def at(time: str) -> str:
    return f"FOR SYSTEM_TIME AS OF TIMESTAMP '{DAY} {time}'"


class Past:
    """A session, and the history of its node."""

    def __init__(self, node: Node) -> None:
        self.history = RecordedHistory(node)
        self.node = node
        self.session: Session = connect(node)
        self.ask("CREATE DATABASE shop", "USE shop")

    def ask(self, *texts: str) -> list[tuple[object, ...]]:
        return [ask(self.session, text) for text in texts][-1]

    def until(self, time: str, *texts: str) -> None:
        """What these statements do is committed at that time."""
        for text in texts:
            self.ask(text)
        self.history.record(time)

    def error(self, text: str) -> int:
        with pytest.raises(SqlError) as raised:
            self.ask(text)
        return raised.value.errno


@pytest.fixture(params=[1, 4])
def past(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Past]:
    node = opened(tmp_path / "data", request.param)
    made = Past(node)
    made.until("10:00:00")
    made.until(
        "11:00:00",
        "CREATE TABLE item (id INT PRIMARY KEY, n INT, name VARCHAR(20), twice INT AS (n * 2) VIRTUAL, UNIQUE KEY (id, name))",
        "INSERT INTO item (id, n, name) VALUES (1, 10, 'lamp'), (2, 20, 'Table'), (3, 30, 'chair')",
    )
    made.until("12:00:00", "UPDATE item SET n = 11 WHERE id = 1")
    made.until("13:00:00", "DELETE FROM item WHERE id = 2")
    yield made
    made.session.close()
    node.close()
    made.history.close()


# ── one moment ──


@pytest.mark.parametrize(
    ("time", "rows"),
    [
        ("11:00:00", [(1, 10, 20), (2, 20, 40), (3, 30, 60)]),
        ("11:59:59.999999", [(1, 10, 20), (2, 20, 40), (3, 30, 60)]),
        ("12:00:00", [(1, 11, 22), (2, 20, 40), (3, 30, 60)]),
        ("13:00:00", [(1, 11, 22), (3, 30, 60)]),
        ("23:00:00", [(1, 11, 22), (3, 30, 60)]),
    ],
)
def test_the_rows_are_those_of_then(past: Past, time: str, rows: list[tuple[int, ...]]) -> None:
    assert past.ask(f"SELECT id, n, twice FROM item {at(time)} ORDER BY id") == rows
    for row in rows:
        assert past.ask(f"SELECT id, n, twice FROM item {at(time)} WHERE id = {row[0]}") == [row]


@pytest.mark.parametrize(
    "time",
    [
        f"'{DAY} 11:30:00'",
        f"TIMESTAMP('{DAY} 11:30:00')",
        "20240701113000",
        f"TIMESTAMP '{DAY} 11:00:00' + INTERVAL 30 MINUTE",
        f"FROM_UNIXTIME({us('11:30:00') // 1_000_000})",
        "@then",
    ],
)
def test_a_time_is_any_constant_expression(past: Past, time: str) -> None:
    past.ask(f"SET @then = '{DAY} 11:30:00'")
    assert past.ask(f"SELECT n FROM item FOR SYSTEM_TIME AS OF {time} WHERE id = 1") == [(10,)]


def test_now_is_the_moment_of_the_statement(past: Past) -> None:
    assert past.ask("SELECT id FROM item FOR SYSTEM_TIME AS OF NOW() ORDER BY id") == [(1,), (3,)]
    asked = past.history.caught_up
    past.history.behind = True
    past.ask("SELECT id FROM item FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP")
    assert asked[-1] % 1_000_000 or asked[-1] == int(past.session.statement_started * 1e6)


def test_null_is_no_time_and_text_that_is_no_time_is_an_error(past: Past) -> None:
    assert past.ask("SELECT id FROM item FOR SYSTEM_TIME AS OF NULL") == []
    assert past.error("SELECT id FROM item FOR SYSTEM_TIME AS OF 'yesterday'") == 1525
    assert past.error("SELECT id FROM item FOR SYSTEM_TIME AS OF id") == 1054
    assert past.error("SELECT id FROM item FOR SYSTEM_TIME AS OF (SELECT NOW())") == 1235


def test_a_time_before_the_first_block_or_in_the_future(past: Past) -> None:
    past.history.last = us("20:00:00")
    assert past.error(f"SELECT id FROM item {at('09:00:00')}") == 1105
    assert past.error(f"SELECT id FROM item {at('21:00:00')}") == 1105
    assert past.error("SELECT id FROM item FOR SYSTEM_TIME AS OF '9999-12-31'") == 1105


def test_times_are_in_the_session_time_zone(past: Past) -> None:
    past.ask("SET time_zone = '+02:00'")
    query = "SELECT n, row_start, row_end FROM item {} WHERE id = 1"
    assert past.ask(query.format(at("13:30:00"))) == [(10, f"{DAY} 13:00:00.000000", f"{DAY} 14:00:00.000000")]
    past.ask("SET time_zone = 'Europe/Vienna'")
    assert past.ask(query.format(at("14:00:00"))) == [(11, f"{DAY} 14:00:00.000000", "2038-01-19 04:14:07.999999")]


# ── ranges ──


def ids(past: Past, clause: str) -> list[tuple[object, ...]]:
    return past.ask(f"SELECT id, n FROM item FOR SYSTEM_TIME {clause} ORDER BY id, n")


def test_between_has_its_end_and_from_to_has_not(past: Past) -> None:
    begun, changed, gone = f"'{DAY} 10:30:00'", f"'{DAY} 12:00:00'", f"'{DAY} 13:00:00'"
    first = [(1, 10), (2, 20), (3, 30)]
    assert ids(past, f"BETWEEN {begun} AND {changed}") == [(1, 10), (1, 11), (2, 20), (3, 30)]
    assert ids(past, f"FROM {begun} TO {changed}") == first
    assert ids(past, f"BETWEEN {changed} AND {changed}") == [(1, 11), (2, 20), (3, 30)]
    assert ids(past, f"FROM {changed} TO {changed}") == []
    assert ids(past, f"BETWEEN {gone} AND {changed}") == []
    assert ids(past, f"FROM {gone} TO {changed}") == []
    assert ids(past, f"BETWEEN {gone} AND '9999-12-31'") == [(1, 11), (3, 30)]
    assert ids(past, "BETWEEN '1970-01-01' AND NOW()") == ids(past, "ALL") == [(1, 10), (1, 11), (2, 20), (3, 30)]


def test_all_versions_with_their_times(past: Past) -> None:
    assert past.ask("SELECT id, n, row_start, row_end FROM item FOR SYSTEM_TIME ALL ORDER BY id, row_start") == [
        (1, 10, f"{DAY} 11:00:00.000000", f"{DAY} 12:00:00.000000"),
        (1, 11, f"{DAY} 12:00:00.000000", NEVER),
        (2, 20, f"{DAY} 11:00:00.000000", f"{DAY} 13:00:00.000000"),
        (3, 30, f"{DAY} 11:00:00.000000", NEVER),
    ]


def test_versions_are_grouped_joined_and_counted(past: Past) -> None:
    assert past.ask("SELECT COUNT(*), COUNT(DISTINCT id), SUM(n) FROM item FOR SYSTEM_TIME ALL") == [(4, 3, 71)]
    assert past.ask("SELECT id, COUNT(*), MAX(n) FROM item FOR SYSTEM_TIME ALL GROUP BY id ORDER BY id") == [
        (1, 2, 11),
        (2, 1, 20),
        (3, 1, 30),
    ]
    assert past.ask("SELECT name FROM item FOR SYSTEM_TIME ALL GROUP BY name ORDER BY name") == [
        ("chair",),
        ("lamp",),
        ("Table",),
    ]
    assert past.ask("SELECT id FROM item FOR SYSTEM_TIME ALL ORDER BY row_start DESC, id LIMIT 2") == [(1,), (1,)]
    assert len(past.ask("SELECT id FROM item FOR SYSTEM_TIME ALL LIMIT 3")) == 3
    pairs = "SELECT a.n, b.n FROM item FOR SYSTEM_TIME ALL a JOIN item FOR SYSTEM_TIME ALL b ON a.id = b.id AND a.n < b.n"
    assert past.ask(pairs) == [(10, 11)]


# ── the pseudo-columns ──


def test_row_start_and_row_end_are_no_part_of_the_star(past: Past) -> None:
    assert past.ask(f"SELECT * FROM item {at('12:30:00')} WHERE id = 1") == [(1, 11, "lamp", 22)]
    assert past.ask(f"SELECT i.row_start FROM item {at('12:30:00')} i WHERE i.row_start = '{DAY} 12:00:00'") == [
        (f"{DAY} 12:00:00.000000",)
    ]


def test_without_a_clause_there_are_none(past: Past) -> None:
    assert past.error("SELECT row_start FROM item") == 1054


def test_a_column_of_that_name_is_the_users(past: Past) -> None:
    past.until("14:00:00", "CREATE TABLE shift (id INT PRIMARY KEY, row_start INT)", "INSERT INTO shift VALUES (1, 5)")
    assert past.ask("SELECT row_start, row_end FROM shift FOR SYSTEM_TIME ALL") == [(5, NEVER)]


# ── with other tables, and in other statements ──


def test_past_with_present(past: Past) -> None:
    then = f"item {at('11:30:00')} old"
    assert past.ask(f"SELECT old.id, old.n, item.n FROM {then} LEFT JOIN item USING (id) ORDER BY 1") == [
        (1, 10, 11),
        (2, 20, None),
        (3, 30, 30),
    ]
    assert past.ask(f"SELECT item.id, old.n FROM item LEFT JOIN {then} ON old.id = item.id AND old.n > 10 ORDER BY 1") == [
        (1, None),
        (3, 30),
    ]
    assert past.ask(f"SELECT id FROM item {at('11:30:00')} WHERE id NOT IN (SELECT id FROM item)") == [(2,)]
    assert past.ask(
        f"SELECT a.n, b.n FROM item {at('11:30:00')} a JOIN item {at('12:30:00')} b ON a.id = b.id WHERE a.n <> b.n"
    ) == [(10, 11)]


def test_derived_tables_common_table_expressions_and_views(past: Past) -> None:
    past.until(
        "14:00:00",
        "CREATE VIEW cheap AS SELECT id, n FROM item WHERE n < 25",
        f"CREATE VIEW once AS SELECT id, n FROM item {at('11:30:00')} WHERE n < 25",
    )
    past.until("15:00:00", "UPDATE item SET n = 12 WHERE id = 1")
    assert past.ask(f"SELECT n FROM (SELECT * FROM item) {at('11:30:00')} x WHERE id = 1") == [(10,)]
    assert past.ask(f"WITH c (i, m) AS (SELECT id, n FROM item) SELECT m FROM c {at('11:30:00')} WHERE i = 1") == [(10,)]
    assert past.ask(f"SELECT * FROM cheap {at('14:30:00')}") == [(1, 11)]
    assert past.ask("SELECT COUNT(*) FROM cheap FOR SYSTEM_TIME ALL") == [(4,)]
    assert past.ask("SELECT * FROM once ORDER BY id") == [(1, 10), (2, 20)]
    assert past.error("SELECT * FROM once FOR SYSTEM_TIME ALL") == 4124
    assert past.error("SELECT * FROM (SELECT 1) FOR SYSTEM_TIME ALL x") == 4124
    assert past.error(f"SELECT * FROM cheap {at('13:30:00')}") == 1146
    [(_, text, *_)] = past.ask("SHOW CREATE VIEW once")
    assert f"from `item` FOR SYSTEM_TIME AS OF TIMESTAMP'{DAY} 11:30:00' where" in str(text)


def test_what_is_written_may_come_from_the_past(past: Past) -> None:
    past.ask(f"INSERT INTO item (id, n, name) SELECT id, n, name FROM item {at('12:30:00')} WHERE id = 2")
    assert past.ask("SELECT n FROM item WHERE id = 2") == [(20,)]
    past.ask(f"UPDATE item SET n = (SELECT n FROM item {at('11:30:00')} WHERE id = 1) WHERE id = 1")
    assert past.ask("SELECT n FROM item WHERE id = 1") == [(10,)]
    past.ask(f"UPDATE item JOIN item {at('11:30:00')} old USING (id) SET item.n = old.n + 100 WHERE id > 1")
    assert past.ask("SELECT id, n FROM item ORDER BY id") == [(1, 10), (2, 120), (3, 130)]
    past.ask(f"DELETE FROM item WHERE id IN (SELECT id FROM item {at('11:30:00')} WHERE n > 15)")
    assert past.ask("SELECT id FROM item") == [(1,)]
    values = ", ".join(
        f"((SELECT n + {n} FROM item {at(time)} WHERE id = 1), 0)" for n, time in ((7, "11:30:00"), (8, "12:30:00"))
    )
    past.ask(f"INSERT INTO item (id, n) VALUES {values}")
    assert past.ask("SELECT id FROM item ORDER BY id") == [(1,), (17,), (19,)]
    past.ask(f"CREATE TABLE copy AS SELECT * FROM item {at('11:30:00')}")
    assert past.ask("SELECT COUNT(*) FROM copy") == [(3,)]


def test_the_past_is_not_written(past: Past) -> None:
    assert past.error("UPDATE item FOR SYSTEM_TIME ALL SET n = 1") == 1099
    assert past.error("DELETE item FROM item FOR SYSTEM_TIME ALL") == 1099
    assert past.error("DELETE FROM item FOR SYSTEM_TIME ALL") == 1064
    assert past.error(f"SELECT * FROM item {at('11:30:00')} FOR UPDATE") == 1235


def test_what_has_no_history(past: Past) -> None:
    past.ask("CREATE TEMPORARY TABLE scratch (id INT)")
    assert past.error("SELECT * FROM scratch FOR SYSTEM_TIME ALL") == 4124
    assert past.error("SELECT * FROM information_schema.tables FOR SYSTEM_TIME ALL") == 4124


def test_the_past_is_the_same_in_every_transaction(past: Past) -> None:
    past.until("14:00:00", "CREATE TABLE stock (id INT PRIMARY KEY, n INT)", "INSERT INTO stock VALUES (1, 1), (2, 2)")
    past.ask("START TRANSACTION", "SELECT COUNT(*) FROM stock", "UPDATE stock SET n = 99 WHERE id = 1")
    assert past.ask("SELECT n FROM stock FOR SYSTEM_TIME AS OF NOW(6) WHERE id = 1") == [(1,)]
    other = connect(past.node, "shop")
    ask(other, "UPDATE stock SET n = 20 WHERE id = 2")
    past.history.record("15:00:00")
    assert past.ask("SELECT n FROM stock FOR SYSTEM_TIME AS OF NOW(6) ORDER BY id") == [(1,), (20,)]
    assert past.ask(f"SELECT a.n, b.n FROM stock a JOIN stock {at('14:30:00')} b USING (id) ORDER BY id") == [(99, 1), (2, 2)]
    past.ask("ROLLBACK")
    other.close()


# ── tables that have changed ──


def test_names_are_those_of_then(past: Past) -> None:
    past.until("14:00:00", "ALTER TABLE item RENAME COLUMN n TO amount, RENAME TO goods")
    past.until("15:00:00", "DROP TABLE goods")
    assert past.ask(f"SELECT n FROM item {at('13:30:00')} WHERE id = 1") == [(11,)]
    assert past.ask(f"SELECT amount, twice FROM goods {at('14:30:00')} WHERE id = 1") == [(11, 22)]
    assert past.error(f"SELECT n FROM goods {at('14:30:00')}") == 1054
    assert past.error(f"SELECT n FROM item {at('14:30:00')}") == 1146
    assert past.error("SELECT * FROM goods FOR SYSTEM_TIME ALL") == 1146
    assert past.ask(f"SELECT COUNT(*) FROM item FOR SYSTEM_TIME BETWEEN '{DAY} 10:00:00' AND '{DAY} 13:30:00'") == [(4,)]


def test_a_column_that_came_later_has_its_default(past: Past) -> None:
    past.until("14:00:00", "ALTER TABLE item ADD COLUMN stock INT NOT NULL DEFAULT 7, ADD COLUMN note VARCHAR(5)")
    past.until("15:00:00", "UPDATE item SET stock = 8 WHERE id = 3")
    assert past.error(f"SELECT stock FROM item {at('13:30:00')}") == 1054
    assert past.ask(f"SELECT * FROM item {at('13:30:00')} WHERE id = 3") == [(3, 30, "chair", 60)]
    assert past.ask(f"SELECT * FROM item {at('14:30:00')} WHERE id = 3") == [(3, 30, "chair", 60, 7, None)]
    rows = past.ask("SELECT n, stock, note, row_start FROM item FOR SYSTEM_TIME ALL WHERE id = 3 ORDER BY row_start")
    assert rows == [(30, 7, None, f"{DAY} {h}:00:00.000000") for h in (11, 14)] + [(30, 8, None, f"{DAY} 15:00:00.000000")]


def test_a_table_that_was_copied_by_alter_has_its_earlier_rows(past: Past) -> None:
    past.until("14:00:00", "ALTER TABLE item MODIFY n VARCHAR(10), DROP COLUMN twice")
    past.until("15:00:00", "UPDATE item SET n = 'x' WHERE id = 1")
    assert past.ask(f"SELECT n, twice FROM item {at('13:30:00')} WHERE id = 1") == [(11, 22)]
    assert past.ask("SELECT n FROM item FOR SYSTEM_TIME ALL WHERE id = 1 ORDER BY row_start") == [
        ("10",),
        ("11",),
        ("11",),
        ("x",),
    ]
    past.until("16:00:00", "DROP TABLE item")
    past.until("17:00:00", "CREATE TABLE item (id INT PRIMARY KEY)")
    assert past.ask("SELECT * FROM item FOR SYSTEM_TIME ALL") == []


def test_kinds_of_keys_and_columns(past: Past) -> None:
    past.until(
        "14:00:00",
        "CREATE TABLE pair (a VARCHAR(10), b DECIMAL(8,2), PRIMARY KEY (a, b))",
        "INSERT INTO pair VALUES ('x', 1.5), ('X', 2.5)",
        "CREATE TABLE loose (t TIMESTAMP NULL, e ENUM('p', 'q'), g VARCHAR(20) AS (CONCAT(e, '!')), h VARCHAR(20) AS (CONCAT(g, g)))",
        f"INSERT INTO loose (t, e) VALUES ('{DAY} 12:00:00', 'q'), (NULL, 'p'), (NULL, 'p')",
        "CREATE TABLE everywhere (id INT PRIMARY KEY, n INT) BROADCAST",
        "INSERT INTO everywhere VALUES (1, 1), (2, 2)",
        "CREATE TABLE one_place (id INT PRIMARY KEY, n INT) SINGLE",
        "INSERT INTO one_place VALUES (1, 1), (2, 2)",
    )
    past.until("15:00:00", *[f"DELETE FROM {table}" for table in ("pair", "loose", "everywhere", "one_place")])
    clause = at("14:30:00")
    assert past.ask(f"SELECT b FROM pair {clause} WHERE a = 'x' ORDER BY b") == [(150,), (250,)]
    assert past.ask(f"SELECT a FROM pair {clause} WHERE a = 'x' AND b = 1.5") == [("x",)]
    assert past.ask(f"SELECT g, h, COUNT(*) FROM loose {clause} GROUP BY g, h ORDER BY g") == [
        ("p!", "p!p!", 2),
        ("q!", "q!q!", 1),
    ]
    past.ask("SET time_zone = '+02:00'")
    assert past.ask(f"SELECT t FROM loose {at('16:30:00')} WHERE e = 'q'") == [(f"{DAY} 14:00:00",)]
    past.ask("SET time_zone = '+00:00'")
    for table in ("everywhere", "one_place"):
        assert past.ask(f"SELECT SUM(n) FROM {table} {clause}") == [(3,)]
        assert past.ask(f"SELECT COUNT(*) FROM {table} FOR SYSTEM_TIME ALL") == [(2,)]
        assert past.ask(f"SELECT item.id FROM item JOIN {table} {clause} e USING (id)") == [(1,)]
        assert past.ask(f"SELECT i.id FROM item {at('12:30:00')} i JOIN {table} {clause} e USING (id) ORDER BY 1") == [(1,), (2,)]


def test_with_system_versioning(past: Past) -> None:
    past.ask(
        "CREATE TABLE v (a INT WITH SYSTEM VERSIONING) WITH SYSTEM VERSIONING",
        "ALTER TABLE v ADD SYSTEM VERSIONING",
    )
    for text in (
        "CREATE TABLE w (a INT) WITHOUT SYSTEM VERSIONING",
        "CREATE TABLE w (a INT WITHOUT SYSTEM VERSIONING)",
        "ALTER TABLE v DROP SYSTEM VERSIONING",
    ):
        assert past.error(text) == 1235


# ── system_versioning_asof ──


def test_the_variable_is_for_selects_without_a_clause(past: Past) -> None:
    past.ask(f"SET system_versioning_asof = '{DAY} 11:30:00'")
    assert past.ask("SELECT n, row_start FROM item WHERE id = 1") == [(10, f"{DAY} 11:00:00.000000")]
    assert past.ask("SELECT COUNT(*) FROM item WHERE id IN (SELECT id FROM item)") == [(3,)]
    assert past.ask("SELECT COUNT(*) FROM item FOR SYSTEM_TIME ALL") == [(4,)]
    past.ask("UPDATE item SET n = n + 1 WHERE id = 1", "INSERT INTO item (id, n) SELECT id + 100, n FROM item WHERE id = 1")
    assert past.ask("SELECT n FROM item WHERE id = 1") == [(10,)]
    past.ask("SET system_versioning_asof = DEFAULT")
    assert past.ask("SELECT n FROM item WHERE id IN (1, 101)") == [(12,), (12,)]
    assert past.ask(f"SET STATEMENT system_versioning_asof = '{DAY} 11:30:00' FOR SELECT n FROM item WHERE id = 1") == [(10,)]
    assert past.ask("SELECT n FROM item WHERE id = 1") == [(12,)]


def test_the_variable_is_an_instant(past: Past) -> None:
    past.ask(f"SET system_versioning_asof = '{DAY} 11:30:00'", "SET time_zone = '+02:00'")
    assert past.ask("SELECT @@system_versioning_asof, @@global.system_versioning_asof") == [(f"{DAY} 13:30:00.000000", "DEFAULT")]
    assert past.ask("SHOW VARIABLES LIKE 'system_versioning_asof'") == [("system_versioning_asof", f"{DAY} 13:30:00.000000")]
    assert past.ask("SELECT n FROM item WHERE id = 1") == [(10,)]
    past.ask("SET GLOBAL system_versioning_asof = TIMESTAMP '2024-07-01 15:00:00'")
    other = connect(past.node, "shop")
    assert ask(other, "SELECT @@system_versioning_asof, COUNT(*) FROM item") == [(f"{DAY} 13:00:00.000000", 2)]
    other.close()


def test_values_that_the_variable_does_not_take(past: Past) -> None:
    assert past.error("SET system_versioning_asof = 'soon'") == 1231
    assert past.error("SET system_versioning_asof = NULL") == 1231
    assert past.error("SET system_versioning_asof = '2100-01-01'") == 1231
    assert past.error("SET system_versioning_asof = 1") == 1232
    past.ask("SET system_versioning_asof = '1999-01-01'")
    assert past.ask("SELECT 1") == [(1,)]
    assert past.error("SELECT 1 FROM item") == 1105


# ── plans ──


def test_one_plan_serves_all_times_of_one_catalog(past: Past) -> None:
    past.until("14:00:00", "ALTER TABLE item ADD COLUMN stock INT DEFAULT 7")

    def text(time: str, key: int = 1) -> str:
        return f"SELECT * FROM item {at(time)} WHERE id = {key}"

    def read(time: str, key: int = 1) -> list[tuple[object, ...]]:
        return list(past.session.execute(text(time, key), inline=False).rows)  # type: ignore[union-attr]

    def plans() -> list[object]:
        lifted = lift(text("00:00:00"), 0)
        assert lifted is not None
        return [kept.plan for kept in past.node.plans.find_past(lifted.shape, past.session._scope_key)]

    assert read("11:30:00") == [(1, 10, "lamp", 20)]
    of_then = plans()
    assert [read("12:30:00"), read("12:59:00", 2)] == [[(1, 11, "lamp", 22)], [(2, 20, "Table", 40)]]
    assert plans() == of_then and len(of_then) == 1
    assert read("14:30:00") == [(1, 11, "lamp", 22, 7)]
    of_both = plans()
    assert len(of_both) == 2
    assert [len(read(time)[0]) for time in ("11:30:00", "14:30:00", "13:30:00")] == [4, 5, 4]
    assert all(one is other for one, other in zip(plans(), of_both, strict=True))


def test_prepared_statements_take_times(past: Past) -> None:
    statement = past.session.prepare("SELECT n FROM item FOR SYSTEM_TIME AS OF ? WHERE id = ?")
    for time, n in (("11:30:00", 10), ("12:30:00", 11)):
        params = [(varchar(19), f"{DAY} {time}"), (INT_TYPE, 1)]
        result = past.session.run_prepared(statement, params, inline=False)
        assert list(result.rows) == [(n,)]  # type: ignore[union-attr]
    assert len(statement.past_plans) == 1
    past.until("14:00:00", "DROP TABLE item")
    past.history.behind = True  # PREPARE does not wait for it
    again = past.session.prepare("SELECT id FROM item FOR SYSTEM_TIME AS OF ?")
    assert past.history.behind
    result = past.session.run_prepared(again, [(varchar(19), f"{DAY} 12:30:00")], inline=False)
    assert sorted(result.rows) == [(1,), (2,), (3,)]  # type: ignore[union-attr]


def test_history_that_is_behind_is_waited_for_in_a_worker_thread(past: Past) -> None:
    text = f"SELECT n FROM item {at('11:30:00')} WHERE id = 1"
    for _ in range(2):  # bound first, then by the plan that is kept
        past.history.behind = True
        with pytest.raises(MustMove):
            past.session.execute(text, inline=True)
        assert past.ask(text) == [(10,)]
        assert past.history.caught_up[-1] == us("11:30:00")
        result = past.session.execute(text, inline=True)
        assert list(result.rows) == [(10,)]  # type: ignore[union-attr]


def test_without_history_there_is_no_time_travel(past: Past) -> None:
    past.node.history = None
    assert past.error(f"SELECT n FROM item {at('11:30:00')}") == 1235


# ── several shards ──


def plan_of(past: Past, text: str) -> QueryPlan:
    past.session.scope()
    plan = past.session.bind(parse(text, 0))
    assert isinstance(plan, QueryPlan)
    return plan


@pytest.mark.parametrize("past", [4], indirect=True)
def test_the_shard_key_of_then_leads_to_the_shard_of_then(past: Past) -> None:
    distribution = plan_of(past, f"SELECT n FROM item {at('11:30:00')} WHERE id = 1").distribution
    assert distribution is not None
    assert len(distribution.home((), past.session.supply) or ()) == 1


@pytest.mark.parametrize("past", [4], indirect=True)
def test_rows_of_one_time_are_joined_where_they_are(past: Past) -> None:
    def tables_fetched(one: str, other: str) -> int:
        plan = plan_of(past, f"SELECT COUNT(*) FROM item {one} a JOIN item {other} b ON a.id = b.id")
        assert plan.distribution is not None
        return len(plan.distribution.gathers)

    assert tables_fetched(at("11:30:00"), at("12:30:00")) == 1
    assert tables_fetched(at("11:30:00"), "") == 1
    assert tables_fetched("FOR SYSTEM_TIME ALL", "") == 2


@pytest.mark.parametrize("past", [4], indirect=True)
def test_rows_are_found_where_they_were(past: Past) -> None:
    past.ask("INSERT INTO item (id, n) VALUES " + ", ".join(f"({n}, {n})" for n in range(10, 60)))
    past.history.record("14:00:00")
    before = past.ask(f"SELECT id, n FROM item {at('14:30:00')} ORDER BY id")
    reshard(past.session, "shards_move(0, 3)")
    past.history.record("15:00:00")
    past.until("16:00:00", "UPDATE item SET n = n + 1000")
    assert past.ask("SELECT MIN(n) FROM item WHERE id >= 10") == [(1010,)]
    for time in ("14:30:00", "15:30:00"):
        assert past.ask(f"SELECT id, n FROM item {at(time)} ORDER BY id") == before
        for key in range(10, 60):
            assert past.ask(f"SELECT n FROM item {at(time)} WHERE id = {key}") == [(key,)]
    joined = f"SELECT COUNT(*) FROM item {at('14:30:00')} a JOIN item {at('16:30:00')} b ON a.id = b.id"
    assert past.ask(joined) == [(len(before),)]
    assert past.ask("SELECT COUNT(DISTINCT id) FROM item FOR SYSTEM_TIME ALL WHERE id >= 10") == [(50,)]


def test_the_plan_inside_set_statement_is_kept_with_the_statement(past: Past) -> None:
    """And follows its parameters, its settings and definitions."""
    text = "SET STATEMENT system_versioning_asof = ? FOR SELECT * FROM item WHERE id = ?"

    def read(time: str, key: int) -> list[tuple[object, ...]]:
        result = past.session.run(text, [(varchar(26), f"{DAY} {time}"), (INT_TYPE, key)])
        return list(result.rows)

    assert [read("11:00:00", key) for key in (1, 2)] == [[(1, 10, "lamp", 20)], [(2, 20, "Table", 40)]]
    (inner,) = past.session.prepared._inner.values()
    (kept,) = [cached for variants in inner.past_plans.values() for cached in variants]
    assert [read("12:00:00", key) for key in (1, 2)] == [[(1, 11, "lamp", 22)], [(2, 20, "Table", 40)]]
    assert read("13:00:00", 2) == []
    assert [cached for variants in inner.past_plans.values() for cached in variants] == [kept]
    past.until("14:00:00", "ALTER TABLE item ADD COLUMN extra INT DEFAULT 5")
    assert (read("14:00:00", 3), read("13:00:00", 3)) == ([(3, 30, "chair", 60, 5)], [(3, 30, "chair", 60)])
    assert past.ask("SELECT * FROM item WHERE id = 1") == [(1, 11, "lamp", 22, 5)]
