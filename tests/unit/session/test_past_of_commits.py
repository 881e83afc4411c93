"""Time travel over the history that commits leave: each state is read again after others have followed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.node import Node
from fauna.session.session import Session
from fauna.settings import Settings
from tests.unit.session.test_resharding import reshard
from tests.unit.session.test_shards import ask, connect, opened


@pytest.fixture(params=[1, 4])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    made = opened(tmp_path / "data", request.param)
    yield made
    made.close()


@pytest.fixture
def session(node: Node) -> Session:
    made = connect(node)
    for text in (
        "CREATE DATABASE shop",
        "USE shop",
        "CREATE TABLE stock (id INT PRIMARY KEY, n INT, name VARCHAR(20), KEY (name))",
    ):
        ask(made, text)
    return made


def now(session: Session) -> str:
    [(text,)] = ask(session, "SELECT NOW(6)")
    time.sleep(0.002)
    return str(text)


def test_every_state_can_be_read_again(session: Session) -> None:
    chance = random.Random(7)
    states: list[tuple[str, list[tuple[object, ...]]]] = []
    definitions = {
        12: "ALTER TABLE stock ADD COLUMN note VARCHAR(10) DEFAULT 'new', ADD COLUMN twice INT AS (n * 2) VIRTUAL",
        24: "ALTER TABLE stock MODIFY n BIGINT UNSIGNED, DROP COLUMN note",
        36: "TRUNCATE TABLE stock",
        40: "RENAME TABLE stock TO aside, aside TO stock",
    }
    for step in range(48):
        key = chance.randrange(12)
        text = definitions.get(step) or chance.choice(
            [
                f"INSERT INTO stock (id, n, name) VALUES ({key}, {step}, 'n{step}') ON DUPLICATE KEY UPDATE n = {step}",
                f"REPLACE INTO stock (id, n, name) VALUES ({key}, {step}, 'r{step}'), ({key + 1}, {step}, NULL)",
                f"UPDATE stock SET n = n + 1 WHERE id < {key}",
                f"DELETE FROM stock WHERE id = {key}",
            ]
        )
        ask(session, text)
        states.append((now(session), ask(session, "SELECT * FROM stock ORDER BY id")))
    chance.shuffle(states)
    for moment, rows in states:
        clause = f"FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}'"
        assert ask(session, f"SELECT * FROM stock {clause} ORDER BY id") == rows
        for row in rows:
            assert ask(session, f"SELECT * FROM stock {clause} WHERE id = {row[0]}") == [row]
            assert ask(session, f"SELECT COUNT(*) FROM stock {clause} WHERE name <=> '{row[2]}'") == [
                (sum(other[2] == row[2] for other in rows) if row[2] else 0,)
            ]


def test_a_key_goes_and_another_has_its_name(session: Session) -> None:
    """Also in the history, which knows the keys of its tables."""
    states: list[tuple[str, list[tuple[object, ...]]]] = []
    for step, text in enumerate(
        [
            "ADD UNIQUE KEY (n)",
            "DROP KEY n",
            "ADD UNIQUE KEY (n)",
            "DROP KEY n, ADD UNIQUE KEY n (name)",
            "DROP KEY n, ADD KEY n (n)",
            "DROP KEY n, ADD UNIQUE KEY (n, name)",
            "ADD COLUMN x INT",
            "DROP KEY n",
        ]
    ):
        ask(session, f"INSERT INTO stock (id, n, name) VALUES ({step}, {step}, 'n{step}')")
        ask(session, f"ALTER TABLE stock {text}")
        states.append((now(session), ask(session, "SELECT * FROM stock ORDER BY id")))
    for moment, rows in states:
        clause = f"FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}'"
        assert ask(session, f"SELECT * FROM stock {clause} ORDER BY id") == rows
        assert ask(session, f"SELECT id FROM stock {clause} WHERE n = 0 AND name = 'n0'") == [(0,)]


def test_a_transaction_has_one_time(session: Session, node: Node) -> None:
    ask(session, "INSERT INTO stock (id, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
    for text in ("START TRANSACTION", "UPDATE stock SET n = n + 10", "DELETE FROM stock WHERE id = 2", "COMMIT"):
        ask(session, text)
    times = ask(session, "SELECT DISTINCT row_end FROM stock FOR SYSTEM_TIME ALL WHERE n < 10")
    assert len(times) == 1
    assert ask(session, f"SELECT COUNT(*) FROM stock FOR SYSTEM_TIME AS OF '{times[0][0]}'") == [(3,)]


def test_a_snapshot_does_not_hold_the_past_back(session: Session, node: Node) -> None:
    ask(session, "INSERT INTO stock (id, n) VALUES (1, 1), (2, 2)")
    other = connect(node, "shop")
    both = "SELECT s.n, p.n FROM stock s JOIN stock FOR SYSTEM_TIME AS OF NOW(6) p USING (id) ORDER BY id"
    ask(session, "START TRANSACTION")
    assert ask(session, both) == [(1, 1), (2, 2)]
    for n in (3, 4):
        ask(other, f"UPDATE stock SET n = {n} WHERE id = 2")
        assert ask(session, both) == [(1, 1), (2, n)]
    ask(session, "UPDATE stock SET n = 9 WHERE id = 1")
    ask(other, "UPDATE stock SET n = 5 WHERE id = 2")
    assert ask(session, both) == [(9, 1), (2, 5)]
    ask(session, "ROLLBACK")
    other.close()


def test_a_database_that_is_opened_again_has_its_past(tmp_path: Path) -> None:
    node = opened(tmp_path / "data")
    session = connect(node)
    for text in ("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"):
        ask(session, text)
    before = now(session)
    ask(session, "DROP TABLE t")
    session.close()
    node.close()
    node = opened(tmp_path / "data")
    session = connect(node, "d")
    assert ask(session, f"SELECT * FROM t FOR SYSTEM_TIME AS OF '{before}'") == [(1,)]
    with pytest.raises(SqlError) as raised:
        ask(session, "SELECT * FROM t FOR SYSTEM_TIME AS OF '2001-01-01'")
    assert raised.value.errno == 1525
    session.close()
    node.close()


def test_rows_are_found_where_they_were_before_they_moved(tmp_path: Path) -> None:
    node = opened(tmp_path / "data", 2)
    session = connect(node)
    for text in ("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, n INT)", "CREATE TABLE b (id INT) BROADCAST"):
        ask(session, text)
    ask(session, "INSERT INTO t VALUES " + ", ".join(f"({n}, {n})" for n in range(200)))
    ask(session, "INSERT INTO b VALUES (1), (2)")
    ask(session, "ALTER TABLE t ADD COLUMN later INT DEFAULT 5")
    ask(session, "ALTER TABLE t MODIFY later VARCHAR(10)")
    before = now(session)
    reshard(session, "shards_add(1)")
    moved = now(session)
    ask(session, "UPDATE t SET n = n + 1000")
    ask(session, "DELETE FROM b WHERE id = 2")
    for moment in (before, moved):
        clause = f"FOR SYSTEM_TIME AS OF '{moment}'"
        assert ask(session, f"SELECT COUNT(*), COUNT(DISTINCT id), SUM(n) FROM t {clause}") == [(200, 200, sum(range(200)))]
        for key in range(0, 200, 7):
            assert ask(session, f"SELECT n FROM t {clause} WHERE id = {key}") == [(key,)]
        assert ask(session, f"SELECT COUNT(*) FROM t {clause} JOIN b {clause} ON t.id >= b.id") == [(199 + 198,)]
    assert ask(session, f"SELECT COUNT(*) FROM t FOR SYSTEM_TIME AS OF '{before}' o JOIN t USING (id)") == [(200,)]
    assert ask(session, "SELECT COUNT(DISTINCT n) FROM t FOR SYSTEM_TIME ALL") == [(400,)]
    assert ask(session, "SELECT COUNT(DISTINCT id) FROM b FOR SYSTEM_TIME ALL") == [(2,)]
    session.close()
    node.close()


def test_a_database_without_a_chain_has_no_past(tmp_path: Path) -> None:
    path = tmp_path / "data"
    node = Node.open(path, Settings(data=path, chain=False))
    session = connect(node)
    for text in ("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"):
        ask(session, text)
    for clause in ("ALL", "AS OF NOW(6)", "AS OF NULL", "BETWEEN '2000-01-01' AND NOW()"):
        with pytest.raises(SqlError) as raised:
            ask(session, f"SELECT * FROM t FOR SYSTEM_TIME {clause}")
        assert raised.value.errno == 1235
    session.close()
    node.close()
