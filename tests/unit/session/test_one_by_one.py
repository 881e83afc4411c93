"""A query over several shards in a transaction that may wait for locks asks one shard after the other: who waits for one shard's lock
gives its place on the others up, which nobody else may be using just then.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.node import Node
from fauna.session.session import Session
from fauna.settings import Settings
from fauna.wire.backend import ClientInfo

CLIENTS = 8
ROWS = 40
_NUMBERS = count(1)
_REFUSED = (1205, 1213)


def connect(node: Node, database: str | None = None) -> Session:
    return node.open_session(ClientInfo(next(_NUMBERS), "root", "localhost", database, False, False, True, 45, {}))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", shards=4))
    session = connect(made)
    session.run("CREATE DATABASE d")
    session.run("CREATE TABLE d.t (id INT PRIMARY KEY, n INT NOT NULL)")
    session.close()
    yield made
    made.close()


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_one_shard_after_the_other_once_it_has_written(node: Node, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = connect(node, "d")
    at_once: list[object] = []
    submit = node.means.workers.submit
    monkeypatch.setattr(node.means.workers, "submit", lambda *work: at_once.append(work) or submit(*work))
    session.run(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
    session.run("BEGIN")
    assert list(session.run("SELECT SUM(n) FROM t").rows) == [(None,)]
    assert at_once
    at_once.clear()
    session.run("INSERT INTO t VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)")
    assert list(session.run("SELECT COUNT(*) FROM t").rows) == [(5,)]
    assert not at_once
    session.run("ROLLBACK")
    session.close()


class Stress:
    """Clients that insert or update several rows at a time, and read over all shards."""

    def __init__(self, node: Node, seed: int) -> None:
        self._node = node
        self._seed = seed
        self._stopping = threading.Event()
        self._ended = threading.Semaphore(0)
        self.committed = [0] * CLIENTS
        self.faults: list[BaseException] = []

    def run(self, seconds: float) -> bool:
        """Whether all clients end."""
        for number in range(CLIENTS):
            threading.Thread(target=self._client, args=(number,), daemon=True).start()
        early = self._ended.acquire(timeout=seconds)
        self._stopping.set()
        return all(self._ended.acquire(timeout=45) for _ in range(CLIENTS - early))

    def _client(self, number: int) -> None:
        dice = random.Random(self._seed * CLIENTS + number)
        session = connect(self._node, "d")
        try:
            while not self._stopping.is_set():
                try:
                    self._transaction(session, dice)
                    self.committed[number] += 1
                except SqlError as refused:
                    if refused.errno not in _REFUSED:
                        raise
                    session.run("ROLLBACK")
            session.close()
        except BaseException as fault:  # noqa: BLE001
            self.faults.append(fault)
        finally:
            self._ended.release()

    @staticmethod
    def _transaction(session: Session, dice: random.Random) -> None:
        level = dice.choice(["READ COMMITTED", "REPEATABLE READ"])
        session.run(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        session.run("BEGIN")
        for _ in range(dice.randint(1, 4)):
            what = dice.random()
            if what < 0.6:
                rows = ", ".join(f"({dice.randrange(ROWS)}, 1)" for _ in range(dice.randint(2, 5)))
                session.run(f"INSERT INTO t VALUES {rows} ON DUPLICATE KEY UPDATE n = n + 1")
            elif what < 0.8:
                list(session.run("SELECT SUM(n), COUNT(*) FROM t").rows)
            elif what < 0.9:
                list(session.run(f"SELECT n FROM t WHERE id = {dice.randrange(ROWS)}").rows)
            else:
                list(session.run("SELECT * FROM t ORDER BY n, id LIMIT 5").rows)
        session.run("COMMIT" if dice.random() < 0.9 else "ROLLBACK")


@pytest.fixture
def switching() -> Iterator[Callable[[float], None]]:
    before = sys.getswitchinterval()
    yield sys.setswitchinterval
    sys.setswitchinterval(before)


@pytest.mark.parametrize("seconds", [6.0, pytest.param(120.0, marks=pytest.mark.long)])
def test_no_lock_is_let_go_twice(
    node: Node, seconds: float, switching: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Threads are switched so often that they meet where they seldom do."""
    switching(0.00001)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    stress = Stress(node, seed)
    ended = stress.run(seconds)
    assert stress.faults == []
    assert ended, "clients wait for ever"
    assert [record for record in caplog.records if record.name.startswith("fauna.txn")] == []
    assert sum(stress.committed) > 10
    assert not any(shard.row_locks for shard in node.shards)
