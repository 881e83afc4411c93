"""FLASHBACK TABLE and FLASHBACK TRANSACTION: committed changes are undone by a new commit, or nothing is."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.clock import shown
from fauna.errors import SqlError
from fauna.node import Node
from fauna.session.session import Session
from fauna.settings import Settings
from tests.unit.session.test_shards import ask, connect


@pytest.fixture(params=[1, 4])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    made = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", shards=request.param))
    yield made
    made.close()


@pytest.fixture
def session(node: Node) -> Session:
    session = connect(node)
    ask(session, "CREATE DATABASE d")
    ask(session, "USE d")
    ask(session, "SET time_zone = '+00:00'")
    ask(session, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n DECIMAL(10,2), UNIQUE (v))")
    return session


def now(node: Node) -> str:
    return shown(node.clock.next_us())


def refused(session: Session, sql: str, errno: int, text: str) -> None:
    with pytest.raises(SqlError, match=text) as caught:
        ask(session, sql)
    assert caught.value.errno == errno


def rows(session: Session) -> list[tuple[object, ...]]:
    return ask(session, "SELECT * FROM t ORDER BY id")


def last_transaction(node: Node, table: str = "t") -> str:
    """The name of the latest transaction."""
    shard = max(node.shards, key=lambda each: each.time_us)
    header = shard.header(shard.height)
    assert header is not None
    return header.transaction


def test_a_table_goes_back(node: Node, session: Session) -> None:
    ask(session, "INSERT INTO t VALUES (1, 'a', 1.5), (2, 'B', 2), (3, 'c', NULL)")
    before, then = rows(session), now(node)
    ask(session, "UPDATE t SET v = 'b' WHERE id = 2")  # the same by its collation, and yet another value
    ask(session, "DELETE FROM t WHERE id = 1")
    ask(session, "INSERT INTO t VALUES (4, 'a', 9)")
    after, later = rows(session), now(node)
    ask(session, f"FLASHBACK TABLE t TO TIMESTAMP '{then}'")
    assert rows(session) == before
    ask(session, f"FLASHBACK TABLE d.t TO TIMESTAMP '{later}'")  # it was sealed, and can be undone like anything
    assert rows(session) == after
    assert ask(session, f"SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '{then}' ORDER BY id") == before


def test_random_changes_go_back(node: Node, session: Session) -> None:
    dice = random.Random(5)
    states = []
    for _ in range(40):
        key = dice.randint(1, 12)
        ask(session, dice.choice([
            f"REPLACE INTO t VALUES ({key}, 'v{dice.randint(1, 12)}', {dice.randint(0, 9)})",
            f"DELETE FROM t WHERE id = {key}",
            f"UPDATE t SET n = n + 1 WHERE id < {key}",
        ]))  # fmt: skip
        states.append((now(node), rows(session)))
    for then, state in dice.sample(states, 12):
        ask(session, f"FLASHBACK TABLE t TO TIMESTAMP '{then}'")
        assert rows(session) == state


def test_a_truncated_table_comes_back(node: Node, session: Session) -> None:
    ask(session, "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)")
    before, then = rows(session), now(node)
    ask(session, "TRUNCATE TABLE t")
    ask(session, f"FLASHBACK TABLE t TO TIMESTAMP '{then}'")
    assert rows(session) == before


def test_a_table_that_cannot_go_back(node: Node, session: Session) -> None:
    early = now(node)
    ask(session, "INSERT INTO t VALUES (1, 'a', 1)")
    ask(session, "CREATE TABLE u (id INT PRIMARY KEY)")
    then = now(node)
    ask(session, "ALTER TABLE t ADD COLUMN w INT")
    refused(session, f"FLASHBACK TABLE t TO TIMESTAMP '{then}'", 1235, "before the definition of d.t was changed")
    refused(session, f"FLASHBACK TABLE u TO TIMESTAMP '{early}'", 1525, "there was no table d.u then")
    refused(session, "FLASHBACK TABLE t TO TIMESTAMP '2001-01-01 00:00:00'", 1525, "the first block is of")
    refused(session, "FLASHBACK TABLE t TO TIMESTAMP '2037-01-01 00:00:00'", 1525, "in the future")
    refused(session, "FLASHBACK TABLE x TO TIMESTAMP NOW()", 1146, "doesn't exist")
    refused(session, "FLASHBACK TABLE t TO TIMESTAMP 'soon'", 1525, "a time is expected")
    refused(session, "FLASHBACK TABLE t", 1064, "syntax")


def test_a_table_without_a_primary_key_goes_back(node: Node, session: Session) -> None:
    ask(session, "CREATE TABLE k (v VARCHAR(9), w INT AS (length(v)) VIRTUAL, x INT AS (length(v)) STORED)")
    ask(session, "INSERT INTO k (v) VALUES ('a'), ('a'), ('bb'), (NULL)")
    before, then = sorted(map(str, ask(session, "SELECT * FROM k"))), now(node)
    ask(session, "DELETE FROM k WHERE v = 'a' LIMIT 1")
    ask(session, "UPDATE k SET v = 'ccc' WHERE v IS NULL")
    ask(session, f"FLASHBACK TABLE k TO TIMESTAMP '{then}'")
    assert sorted(map(str, ask(session, "SELECT * FROM k"))) == before


def test_a_parent_cannot_leave_its_children(node: Node, session: Session) -> None:
    empty = now(node)
    ask(session, "CREATE TABLE c (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)")
    ask(session, "INSERT INTO t VALUES (1, 'a', 1)")
    ask(session, "INSERT INTO c VALUES (1, 1)")
    refused(session, f"FLASHBACK TABLE t TO TIMESTAMP '{empty}'", 1452, "foreign key")
    assert len(rows(session)) == 1 and len(ask(session, "SELECT * FROM c")) == 1


def test_a_transaction_is_undone(node: Node, session: Session) -> None:
    ask(session, "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
    before = rows(session)
    ask(session, "BEGIN")
    ask(session, "UPDATE t SET n = 10 WHERE id <= 2")
    ask(session, "DELETE FROM t WHERE id = 3")
    ask(session, "INSERT INTO t VALUES (4, 'c', 4), (5, 'e', 5)")
    ask(session, "COMMIT")
    name = last_transaction(node)
    ask(session, "INSERT INTO t VALUES (6, 'f', 6)")
    ask(session, f"FLASHBACK TRANSACTION '{name}'")
    assert rows(session) == [*before, *ask(session, "SELECT * FROM t WHERE id = 6")]
    refused(session, f"FLASHBACK TRANSACTION '{name}'", 1020, r"d\.t\(id=\d")


def test_later_changes_are_in_the_way(node: Node, session: Session) -> None:
    ask(session, "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)")
    ask(session, "UPDATE t SET n = 10 WHERE id <= 2")
    name = last_transaction(node)
    ask(session, "UPDATE t SET v = 'later' WHERE id = 2")
    before = rows(session)
    with pytest.raises(SqlError) as caught:
        ask(session, f"FLASHBACK TRANSACTION '{name}'")
    assert caught.value.errno == 1020
    assert re.search(r"transaction '\S+': d\.t\(id=2\)$", caught.value.message)
    assert rows(session) == before
    refused(session, "FLASHBACK TRANSACTION 'nobody'", 1397, "Unknown transaction 'nobody'")
    refused(session, "FLASHBACK TRANSACTION '0:999999'", 1397, "Unknown transaction")
    ask(session, "CREATE TABLE u (id INT PRIMARY KEY)")
    refused(session, f"FLASHBACK TRANSACTION '{last_transaction(node)}'", 1235, "changed definitions")
