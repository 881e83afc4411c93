"""KILL QUERY ends a CALL fauna.prune() that waits with error 1317, and what it had to itself is free for the next one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.node import Node
from fauna.session.session import Session
from fauna.shard.engines.sqlite.pruning import LOCK_WAIT_S
from tests.unit.session.test_retention import later
from tests.unit.session.test_shards import ask, connect, opened


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = opened(tmp_path / "data", 1)
    session = connect(made)
    ask(session, "CREATE DATABASE shop")
    ask(session, "CREATE TABLE shop.log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 DAY'")
    for number in range(20):
        ask(session, f"INSERT INTO shop.log VALUES ({number}, 1)")
        ask(session, f"UPDATE shop.log SET n = 2 WHERE id = {number}")
    later(made, 2)
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_s, "it did not come to that"
        time.sleep(0.005)


class Running:
    """A statement in a thread of its own."""

    def __init__(self, session: Session, text: str) -> None:
        self.outcome: object = None
        self._session = session
        self._thread = threading.Thread(target=self._run, args=(session, text))
        self._thread.start()

    def _run(self, session: Session, text: str) -> None:
        try:
            self.outcome = ask(session, text)
        except SqlError as problem:
            self.outcome = problem.errno

    def is_killed(self, node: Node) -> bool:
        """Whether it has ended.  A statement that has not begun yet does not notice a KILL, so ask again."""
        node.kill(self._session.connection_id, query_only=True)
        self._thread.join(0.1)
        return not self._thread.is_alive()

    def ended(self, within_s: float) -> object:
        self._thread.join(within_s)
        assert not self._thread.is_alive(), "it still runs"
        return self.outcome


def test_prune_that_waits_for_the_write_lock(node: Node) -> None:
    writer, pruner = connect(node, "shop"), connect(node, "shop")
    ask(writer, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    ask(writer, "START TRANSACTION")
    ask(writer, "INSERT INTO log VALUES (100, 1)")
    running = Running(pruner, "CALL fauna.prune()")
    until(lambda: pruner.watch.stop_waiting is not None)
    node.kill(pruner.connection_id, query_only=True)
    assert running.ended(LOCK_WAIT_S / 2) == 1317
    ask(writer, "ROLLBACK")
    assert [row[3] for row in ask(pruner, "CALL fauna.prune()")] == [40]


def test_prune_that_waits_for_another_one(node: Node) -> None:
    pruner = connect(node, "shop")
    with node.shards[0].pruning._lock:
        running = Running(pruner, "CALL fauna.prune()")
        until(lambda: running.is_killed(node))
        assert running.outcome == 1317
    assert [row[3] for row in ask(pruner, "CALL fauna.prune()")] == [40]
