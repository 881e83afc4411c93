"""A node with several shards: where rows are, what a query asks of which shard, and starting again after a crash."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import SqlError, StartError
from fauna.node import Node
from fauna.plan.plan import QueryPlan
from fauna.session.result import Ticket
from fauna.session.session import Session
from fauna.session.transactions import Transactions
from fauna.settings import Settings
from fauna.shard.shard import Isolation
from fauna.sql.parse import parse
from fauna.wire.backend import ClientInfo

SHARDS = 4
_NUMBERS = count(1)
TABLES = """
CREATE DATABASE shop; USE shop;
CREATE TABLE user (id INT PRIMARY KEY, name VARCHAR(20), UNIQUE KEY (name));
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, total DECIMAL(8,2)) PARTITION BY KEY (user_id);
CREATE TABLE line (order_id INT, user_id INT, n INT, PRIMARY KEY (order_id, n)) PARTITION BY KEY (user_id);
CREATE TABLE country (code CHAR(2) PRIMARY KEY, name VARCHAR(20)) BROADCAST;
CREATE TABLE note (id INT PRIMARY KEY) SINGLE
"""


def opened(path: Path, shards: int = 0) -> Node:
    return Node.open(path, Settings(data=path, shards=shards))


def connect(node: Node, database: str | None = None) -> Session:
    return node.open_session(ClientInfo(next(_NUMBERS), "root", "localhost", database, False, False, True, 45, {}))


def ask(session: Session, text: str) -> list[tuple[Any, ...]]:
    return list(session.run(text).rows)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = opened(tmp_path / "data", SHARDS)
    session = connect(made)
    for statement in TABLES.split(";"):
        ask(session, statement)
    session.close()
    yield made
    made.close()


@pytest.fixture
def plan_of(node: Node) -> Callable[[str], QueryPlan]:
    session = connect(node, "shop")

    def plan(text: str) -> QueryPlan:
        session.scope()
        made = session.bind(parse(text, 0))
        assert isinstance(made, QueryPlan)
        return made

    return plan


# ── what is asked of which shard ──


@pytest.mark.parametrize(
    ("query", "shards"),
    [
        ("SELECT * FROM user WHERE id = 5", 1),
        ("SELECT * FROM user WHERE 5 = id AND name LIKE 'a%'", 1),
        ("SELECT * FROM country", 0),
        ("SELECT * FROM user JOIN orders ON orders.user_id = user.id WHERE user.id = 5", 1),
        (
            "SELECT * FROM user, orders, line WHERE user.id = orders.user_id AND line.user_id = orders.user_id AND line.user_id = 7",
            1,
        ),
        ("SELECT * FROM orders o WHERE user_id = 3 AND EXISTS (SELECT 1 FROM line WHERE user_id = o.user_id)", 1),
        ("SELECT * FROM user LEFT JOIN orders ON orders.user_id = user.id WHERE user.id = 5", 1),
    ],
)
def test_one_shard_has_all(plan_of: Callable[[str], QueryPlan], query: str, shards: int) -> None:
    distribution = plan_of(query).distribution
    if distribution is None:
        assert shards == 0
        return
    found = distribution.home((), lambda name: None)
    assert found is not None
    assert len(found) == shards


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM user WHERE id > 5",
        "SELECT * FROM user WHERE id = 5 OR name = 'x'",
        "SELECT * FROM orders WHERE id = 5",
        "SELECT * FROM user JOIN orders ON orders.id = user.id WHERE user.id = 5",
        "SELECT * FROM user WHERE id <=> 5",
    ],
)
def test_any_shard_may_have_it(plan_of: Callable[[str], QueryPlan], query: str) -> None:
    distribution = plan_of(query).distribution
    assert distribution is not None
    assert distribution.home((), lambda name: None) is None


def test_an_in_list_goes_to_the_shards_of_its_keys(plan_of: Callable[[str], QueryPlan], node: Node) -> None:
    distribution = plan_of("SELECT * FROM user WHERE id IN (1, 2, 1)").distribution
    assert distribution is not None
    both = [plan_of(f"SELECT * FROM user WHERE id = {key}").distribution for key in (1, 2)]
    assert distribution.home((), lambda name: None) == frozenset().union(*[d.home((), lambda name: None) for d in both if d])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "pushed"),
    [
        ("SELECT * FROM user", [""]),
        ("SELECT COUNT(*), SUM(total), AVG(total) FROM orders WHERE total > 5", ["filter, aggregate"]),
        ("SELECT user_id, COUNT(*) FROM orders GROUP BY user_id", ["aggregate"]),
        ("SELECT total, COUNT(*) FROM orders GROUP BY total ORDER BY 2 DESC LIMIT 3", ["aggregate"]),
        ("SELECT total, COUNT(DISTINCT id), COUNT(*) FROM orders GROUP BY total", ["aggregate"]),
        ("SELECT COUNT(DISTINCT name) FROM user", ["aggregate"]),
        ("SELECT * FROM orders ORDER BY total LIMIT 5 OFFSET 10", ["limit"]),
        ("SELECT DISTINCT total FROM orders", ["distinct"]),
        ("SELECT u.name, o.total FROM user u JOIN orders o ON o.user_id = u.id WHERE o.total > 5", ["filter, join"]),
        ("SELECT u.name, c.name FROM user u JOIN country c ON c.code = u.name", ["join"]),
        ("SELECT * FROM user WHERE id IN (SELECT user_id FROM orders WHERE total > 5)", ["filter, semi-join"]),
        (
            "SELECT COUNT(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM line l WHERE l.user_id = o.user_id)",
            ["filter, semi-join, aggregate"],
        ),
        # NOT IN is NULL for a NULL on any shard.
        ("SELECT id FROM user WHERE id NOT IN (SELECT user_id FROM orders)", ["", ""]),
        ("SELECT id FROM user WHERE id IN (SELECT MAX(user_id) FROM orders)", ["", ""]),
        # Joined by something else than the shard keys: both are fetched.
        ("SELECT * FROM user u JOIN orders o ON o.id = u.id WHERE o.total > 5", ["", "filter"]),
        # Sums of DOUBLEs depend on their order; texts that are equal are shown as the first of them.
        ("SELECT SUM(total * 1e0) FROM orders", [""]),
        ("SELECT MAX(name) FROM user", [""]),
        ("SELECT id, RANK() OVER (ORDER BY total) FROM orders", [""]),
    ],
)
def test_what_is_pushed_down(plan_of: Callable[[str], QueryPlan], query: str, pushed: list[str]) -> None:
    distribution = plan_of(query).distribution
    assert distribution is not None
    assert [gather.shows for gather in distribution.gathers] == pushed


@pytest.mark.parametrize(
    ("query", "numbered"),
    [
        ("SELECT user_id + 0, total FROM orders ORDER BY total LIMIT 3", False),  # sorted, not numbered
        ("SELECT total, COUNT(*), SUM(id), MAX(user_id) FROM orders GROUP BY total", False),
        ("SELECT total, COUNT(*) FROM orders GROUP BY total HAVING SUM(id) > 1 ORDER BY MIN(id) LIMIT 1", False),
        ("SELECT u.name, COUNT(*) FROM orders o JOIN user u ON u.id = o.id GROUP BY u.name", True),  # 'a' and 'A': which is shown
        ("SELECT total, id FROM orders GROUP BY total", True),  # of the first row
        ("SELECT o.total, COUNT(*) FROM orders o JOIN line l ON l.n = o.total GROUP BY o.total", False),
        ("SELECT o.total, l.n FROM orders o JOIN line l ON l.n = o.total", True),
        ("SELECT o.total, AVG(l.n * 1e0) FROM orders o JOIN line l ON l.n = o.total GROUP BY o.total", True),  # of DOUBLEs
        ("SELECT o.total, GROUP_CONCAT(l.n) FROM orders o JOIN line l ON l.n = o.total GROUP BY o.total", True),
        ("SELECT o.total, SUM(@n := @n + 1) FROM orders o JOIN line l ON l.n = o.total GROUP BY o.total", True),
    ],
)
def test_rows_are_kept_in_order_only_where_that_matters(plan_of: Callable[[str], QueryPlan], query: str, numbered: bool) -> None:
    distribution = plan_of(query).distribution
    assert distribution is not None
    columns = [column for gather in distribution.gathers for column in gather.columns]
    assert any(column.endswith("INTEGER PRIMARY KEY") for column in columns) == numbered


def test_explain_names_the_shards_and_what_is_pushed(node: Node) -> None:
    session = connect(node, "shop")

    def extras(text: str) -> list[str]:
        return [row[-1] for row in ask(session, f"EXPLAIN {text}")]

    (one,) = extras("SELECT * FROM user WHERE id = 5")
    assert one in {f"Shard {number}" for number in range(SHARDS)}
    assert extras("DELETE FROM line WHERE n > 5") == ["Shards 0, 1, 2, 3"]
    assert extras("SELECT user_id, SUM(total) FROM orders WHERE total > 1 GROUP BY user_id") == [
        "Shards 0, 1, 2, 3; pushed: filter, aggregate; Using temporary",
        "At the query node: rows of one shard after another",
    ]
    ask(session, "INSERT INTO orders VALUES (1, 1, 5), (2, 2, 6), (3, 3, 7)")
    ((tree,),) = ask(session, "EXPLAIN ANALYZE SELECT total, COUNT(*) FROM orders WHERE total > 5 GROUP BY total")
    first, *fetched = tree.split("\n")
    assert first.startswith("-> Put together at the query node  (actual time=")
    assert first.endswith("rows=2)")
    assert len(fetched) == SHARDS
    assert all("pushed: filter, aggregate  (actual time=" in line for line in fetched)


# ── rows and keys ──


def test_rows_are_spread_and_copies_are_everywhere(node: Node) -> None:
    session = connect(node, "shop")
    ask(session, "INSERT INTO user VALUES " + ", ".join(f"({n}, 'u{n}')" for n in range(200)))
    ask(session, "INSERT INTO country VALUES ('AT', 'Austria'), ('CH', 'Switzerland')")
    ask(session, "INSERT INTO note VALUES (1), (2), (3)")
    catalog = node.catalog

    def counts(name: str) -> list[int]:
        table = catalog.relation("shop", name)
        sql = f"SELECT count(*) FROM {table.physical}"  # type: ignore[union-attr]
        return [list(shard.autocommit_query(sql, (), inline=False))[0][0] for shard in node.shards]  # type: ignore[misc]

    assert sum(counts("user")) == 200
    assert min(counts("user")) > 20
    assert counts("country") == [2, 2, 2, 2]
    assert counts("note") == [3, 0, 0, 0]
    assert ask(session, "SELECT COUNT(*) FROM user") == [(200,)]
    assert ask(session, "SELECT id FROM user LIMIT 3") == [(0,), (1,), (2,)]


def test_a_unique_key_holds_over_shards_and_goes_with_its_row(node: Node) -> None:
    session = connect(node, "shop")
    for n in range(20):
        ask(session, f"INSERT INTO user VALUES ({n}, 'u{n}')")
    for text in ("INSERT INTO user VALUES (100, 'U7')", "UPDATE user SET name = 'u7' WHERE id = 8"):
        with pytest.raises(Exception, match="1062"):
            ask(session, text)
    ask(session, "UPDATE user SET id = id + 1000, name = CONCAT('x', name)")
    assert ask(session, "SELECT id, name FROM user WHERE id = 1007") == [(1007, "xu7")]
    ask(session, "INSERT INTO user VALUES (7, 'u7')")
    assert ask(session, "SELECT COUNT(*) FROM user") == [(21,)]


def test_rows_go_where_another_primary_key_puts_them(node: Node) -> None:
    session = connect(node, "shop")
    ask(session, "INSERT INTO user VALUES " + ", ".join(f"({n}, 'u{n}')" for n in range(100)))
    ask(session, "ALTER TABLE user DROP PRIMARY KEY, ADD PRIMARY KEY (name)")
    for n in (3, 50, 99):
        assert ask(session, f"SELECT id FROM user WHERE name = 'U{n}'") == [(n,)]
    ask(session, "ALTER TABLE user DROP PRIMARY KEY")
    assert ask(session, "SELECT COUNT(*), SUM(id) FROM user") == [(100, 4950)]
    ask(session, "INSERT INTO user VALUES (5, 'again')")
    with pytest.raises(Exception, match="1062"):
        ask(session, "ALTER TABLE user ADD PRIMARY KEY (id)")
    ask(session, "DELETE FROM user WHERE name = 'again'")
    ask(session, "ALTER TABLE user ADD PRIMARY KEY (id)")
    assert ask(session, "SELECT name FROM user WHERE id = 77") == [("u77",)]
    assert ask(session, "UPDATE user SET name = 'x' WHERE id = 77") == []
    assert ask(session, "SELECT COUNT(*) FROM user WHERE id BETWEEN 10 AND 19") == [(10,)]


def test_of_equal_texts_the_first_is_shown(node: Node) -> None:
    session = connect(node, "shop")
    ask(session, "CREATE TABLE word (id INT PRIMARY KEY, w VARCHAR(5))")
    ask(session, "INSERT INTO word VALUES (1, 'a'), (2, 'A'), (3, 'a '), (4, 'B'), (5, 'b'), (6, NULL), (7, NULL)")
    for text in ("SELECT DISTINCT w FROM word", "SELECT w FROM word GROUP BY w"):
        for _ in range(20):
            assert sorted(ask(session, text), key=str) == [("B",), ("a",), (None,)]
    assert ask(session, "SELECT DISTINCT w FROM word WHERE id < 6 ORDER BY w DESC LIMIT 1") == [("B",)]


@pytest.mark.parametrize("autocommit", [0, 1])
@pytest.mark.parametrize("definition", ["DROP TABLE item", "ALTER TABLE item ADD COLUMN x INT DEFAULT 7"])
def test_a_definition_that_waits_for_a_row_of_one_shard_is_done_once(node: Node, autocommit: int, definition: str) -> None:
    """What it did on the other shards before it had to wait is undone: it begins anew when the row is free."""
    writer, definer = connect(node, "shop"), connect(node, "shop")
    ask(definer, f"SET autocommit = {autocommit}")
    for n in range(8):
        ask(writer, "CREATE TABLE item (id INT PRIMARY KEY, v INT)")
        ask(writer, "INSERT INTO item VALUES " + ", ".join(f"({n}, 1)" for n in range(20)))
        ask(writer, "START TRANSACTION")
        ask(writer, f"UPDATE item SET v = 2 WHERE id = {n}")
        failed: list[BaseException] = []

        def define(failed: list[BaseException] = failed) -> None:
            try:
                ask(definer, definition)
            except BaseException as problem:  # noqa: BLE001
                failed.append(problem)

        thread = threading.Thread(target=define)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive(), "it did not wait"
        ask(connect(node, "shop"), "INSERT INTO note VALUES (1)")  # it keeps nobody from the first shard meanwhile
        ask(writer, "COMMIT")
        thread.join(30)
        assert not thread.is_alive()
        assert not failed
        ask(writer, "DELETE FROM note")
        if definition.startswith("ALTER"):
            assert ask(writer, "SELECT COUNT(*), SUM(v), SUM(x) FROM item") == [(20, 21, 140)]
            ask(writer, "DROP TABLE item")


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("definition", ["ALTER TABLE item ADD COLUMN x INT", "CREATE TEMPORARY TABLE item (id INT)"])
def test_a_definition_does_not_undo_the_one_that_follows_at_once(
    tmp_path: Path, shards: int, definition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session's has come and gone between the end of its transaction and the end of its statement."""
    node = opened(tmp_path / "defined", shards)
    session = connect(node)
    for text in ("CREATE DATABASE shop", "USE shop", "CREATE TABLE item (id INT PRIMARY KEY)"):
        ask(session, text)
    other = connect(node, "shop")
    end, pending = Transactions.end_statement, ["CREATE TABLE later (id INT PRIMARY KEY)"]

    def end_and_let_another_define(transactions: Transactions) -> Ticket | None:
        ticket = end(transactions)
        if transactions is session.transactions and pending:
            ask(other, pending.pop())
        return ticket

    monkeypatch.setattr(Transactions, "end_statement", end_and_let_another_define)
    ask(session, definition)
    assert not pending
    assert ask(session, "SHOW TABLES LIKE 'later'") == [("later",)]
    ask(session, "INSERT INTO later VALUES (1)")
    with pytest.raises(SqlError, match="1050"):
        ask(other, "CREATE TABLE later (id INT PRIMARY KEY)")
    session.close()
    other.close()
    node.close()


def test_semi_joins_find_what_one_shard_finds(node: Node) -> None:
    session = connect(node, "shop")
    ask(session, "DROP TABLE orders")
    ask(session, "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, total INT) PARTITION BY KEY (user_id)")
    ask(session, "INSERT INTO user VALUES " + ", ".join(f"({n}, 'u{n}')" for n in range(60)))
    ask(session, "INSERT INTO orders VALUES " + ", ".join(f"({n}, {n % 40 or 'NULL'}, {n})" for n in range(200)))
    ask(session, "INSERT INTO line VALUES " + ", ".join(f"({n}, {n % 50}, 1)" for n in range(100)))
    for condition, found in [
        ("id IN (SELECT user_id FROM orders WHERE total >= 180)", 20),
        ("EXISTS (SELECT 1 FROM orders o WHERE o.user_id = user.id)", 39),
        ("NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = user.id)", 21),
        ("id NOT IN (SELECT user_id FROM orders)", 0),
        ("id NOT IN (SELECT user_id FROM line)", 10),
        ("id IN (SELECT l.user_id FROM line l JOIN orders o ON o.user_id = l.user_id)", 39),
        ("id = 7 AND id IN (SELECT user_id FROM orders)", 1),
        ("EXISTS (SELECT 1 FROM orders o WHERE o.user_id = user.id) OR name = 'u50'", 40),
    ]:
        assert ask(session, f"SELECT COUNT(*) FROM user WHERE {condition}") == [(found,)], condition


def test_the_tables_of_fauna_can_be_looked_up(node: Node) -> None:
    session = connect(node, "shop")
    tables = [name for (name,) in ask(session, "SHOW TABLES FROM fauna")]
    assert tables == ["blocks", "changes", "checkpoints", "follower", "shards", "transactions"]
    assert [row[0] for row in ask(session, "DESCRIBE fauna.shards")][:3] == ["shard", "engine", "slots"]
    assert ("fauna",) not in ask(session, "SELECT DISTINCT table_schema FROM information_schema.tables")
    with pytest.raises(Exception, match="1146"):
        ask(session, "DESCRIBE fauna.nothing")


def test_another_shard_key_and_another_name_at_once(node: Node) -> None:
    session = connect(node, "shop")
    with pytest.raises(Exception, match="1235"):
        ask(session, "ALTER TABLE user DROP PRIMARY KEY, RENAME TO person")
    ask(session, "ALTER TABLE user RENAME TO person, ADD COLUMN x INT")
    assert ask(session, "SELECT COUNT(*) FROM person") == [(0,)]


# ── starting again ──


def copies(data: Path, to: Path) -> Path:
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("LOCK"))
    return to


def test_the_number_of_shards_stays(node: Node, tmp_path: Path) -> None:
    node.close()
    with pytest.raises(StartError, match="has 4 shards, not 2"):
        opened(tmp_path / "data", 2)
    again = opened(tmp_path / "data")
    assert len(again.shards) == SHARDS
    again.close()


def test_a_file_that_is_missing_or_another_one_is_refused_by_name(node: Node, tmp_path: Path) -> None:
    node.close()
    missing = copies(tmp_path / "data", tmp_path / "missing")
    (missing / "shard-2.db").unlink()
    with pytest.raises(StartError, match=r"shard-2\.db.* is missing"):
        opened(missing)
    assert not (missing / "shard-2.db").exists()
    swapped = copies(tmp_path / "data", tmp_path / "swapped")
    (swapped / "shard-1.db").rename(swapped / "x")
    (swapped / "shard-3.db").rename(swapped / "shard-1.db")
    (swapped / "x").rename(swapped / "shard-3.db")
    with pytest.raises(StartError, match=r"shard-1\.db' is shard 3, not shard 1"):
        opened(swapped)
    other = opened(tmp_path / "other", SHARDS)
    other.close()
    mixed = copies(tmp_path / "data", tmp_path / "mixed")
    shutil.copy(tmp_path / "other" / "shard-1.db", mixed / "shard-1.db")
    with pytest.raises(StartError, match=r"shard-1\.db' is shard 1 of another database"):
        opened(mixed)


def test_a_schema_change_that_reached_the_first_shard_reaches_the_others(node: Node, tmp_path: Path) -> None:
    node.close()
    before = copies(tmp_path / "data", tmp_path / "before")
    again = opened(tmp_path / "data")
    session = connect(again, "shop")
    ask(session, "INSERT INTO user VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    ask(session, "ALTER TABLE orders ADD COLUMN paid INT NOT NULL DEFAULT 7, ADD KEY (paid)")
    again.close()
    # As a crash between the first shard's commit and those of 1 and 3 leaves it.
    for number in (1, 3):
        shutil.copy(before / f"shard-{number}.db", tmp_path / "data" / f"shard-{number}.db")
    recovered = opened(tmp_path / "data")
    # In the past it has been one moment, on all of them.
    blocks = [shard.header(shard.height) for shard in recovered.shards]
    assert len({shard.header(block.schema).time_us for shard, block in zip(recovered.shards, blocks, strict=True)}) == 1  # type: ignore[union-attr]
    session = connect(recovered, "shop")
    for user in range(20):
        ask(session, f"INSERT INTO orders (id, user_id, total) VALUES ({user}, {user}, 1)")
    assert ask(session, "SELECT SUM(paid) FROM orders") == [(140,)]
    ask(session, "ALTER TABLE orders DROP COLUMN paid")
    recovered.close()
    shutil.copy(before / "shard-1.db", tmp_path / "data" / "shard-1.db")
    with pytest.raises(StartError, match="restore all shards from one backup"):
        opened(tmp_path / "data")


@pytest.mark.parametrize("decided", [True, False])
def test_what_was_prepared_is_finished_by_the_decision(node: Node, tmp_path: Path, decided: bool) -> None:
    """The process ends after every shard has prepared: with the record of the decision the rows are there, without it none is."""
    table = node.catalog.relation("shop", "country")
    for number, shard in enumerate(node.shards):
        branch = shard.begin(Isolation.READ_COMMITTED, two_phase=True)
        branch.write(f"INSERT INTO {table.physical} VALUES (1, 'XX', 'shard {number}')", ())  # type: ignore[union-attr]
        branch.prepare("fauna-test-1").wait()
    assert node._coordinator is not None
    if decided:
        node._coordinator.decide("fauna-test-1", Decision(Verdict.COMMIT, tuple(range(SHARDS)))).wait()
    crashed = opened(copies(tmp_path / "data", tmp_path / "crashed"))
    rows = [list(s.autocommit_query(f"SELECT * FROM {table.physical}", (), inline=False)) for s in crashed.shards]  # type: ignore[union-attr]
    assert [len(each) for each in rows] == [int(decided)] * SHARDS
    assert all(shard.recover() == [] for shard in crashed.shards)
    assert crashed._coordinator is not None
    assert not crashed._coordinator.decisions()
    crashed.close()
    for shard in node.shards:
        shard.rollback_prepared("fauna-test-1")
