"""XA transactions of a node with 1 and with 4 shards, and what a crash at each moment leaves of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import SqlError, error
from fauna.node import Node
from fauna.session.session import Session
from fauna.settings import Settings
from fauna.shard.engines.sqlite.prepared import DELETE
from fauna.shard.shard import Isolation
from fauna.txn.xid import read_name
from fauna.wire.backend import ClientInfo

_NUMBERS = count(1)
ROWS = 20
BEFORE = [(n, 10) for n in range(ROWS)]
AFTER = [(n, 11) for n in range(ROWS)]


def connect(node: Node) -> Session:
    return node.open_session(ClientInfo(next(_NUMBERS), "root", "localhost", None, False, False, True, 45, {}))


def ask(session: Session, *texts: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for text in texts:
        rows = list(session.run(text).rows)
    return rows


def refused(session: Session, text: str) -> int:
    with pytest.raises(SqlError) as caught:
        ask(session, text)
    return caught.value.errno


@pytest.fixture(params=[1, 4])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    made = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", shards=request.param))
    ask(
        connect(made), "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)",
        f"INSERT INTO d.t VALUES {', '.join(map(str, BEFORE))}",
    )  # fmt: skip
    yield made
    made.close()


def prepared(node: Node, *, change: str = "UPDATE d.t SET v = 11", xid: str = "'x', 'y', 7") -> Session:
    session = connect(node)
    ask(session, f"XA START {xid}", change, f"XA END {xid}", f"XA PREPARE {xid}")
    return session


def rows(node: Node) -> list[tuple[Any, ...]]:
    return ask(connect(node), "SELECT * FROM d.t ORDER BY id")


class Crash:
    """A copy of the node's directory, as a crash at this moment would leave it; `between` changes it before it is opened."""

    def __init__(self, node: Node, tmp_path: Path) -> None:
        self.path = tmp_path / f"crash-{next(_NUMBERS)}"
        shutil.copytree(node.directory.path, self.path, ignore=shutil.ignore_patterns("LOCK"))

    def opened(self) -> Node:
        return Node.open(self.path, Settings(data=self.path))


def gtrids(node: Node) -> set[str]:
    return {gtrid for shard in node.shards for gtrid in shard.recover()}


@pytest.mark.parametrize("commit", [True, False])
def test_any_session_may_end_it_after_a_crash(node: Node, tmp_path: Path, commit: bool) -> None:
    session = prepared(node)
    assert rows(node) == BEFORE
    crashed = Crash(node, tmp_path).opened()
    assert rows(crashed) == BEFORE
    other = connect(crashed)
    assert ask(other, "XA RECOVER") == [(7, 1, 1, b"xy")]
    ask(other, "SET innodb_lock_wait_timeout = 0")
    assert refused(other, "UPDATE d.t SET v = 12 WHERE id = 3") == 1205
    assert refused(other, "INSERT INTO d.t VALUES (3, 4)") == 1205
    assert refused(other, "XA START 'x', 'y'") == 1440
    ask(other, f"XA {'COMMIT' if commit else 'ROLLBACK'} 'x', 'y'")
    assert rows(crashed) == (AFTER if commit else BEFORE)
    assert ask(other, "XA RECOVER") == []
    assert refused(other, "XA COMMIT 'x', 'y'") == 1397
    again = Crash(crashed, tmp_path).opened()
    assert rows(again) == (AFTER if commit else BEFORE)
    assert not gtrids(again)
    ask(other, "UPDATE d.t SET v = 12")
    for each in (crashed, again):
        each.close()
    ask(session, "XA ROLLBACK 'x', 'y'")
    assert rows(node) == BEFORE


def test_the_longest_names(node: Node, tmp_path: Path) -> None:
    xid = f"'{'g' * 64}', '{'b' * 64}', 2147483647"
    session = prepared(node, xid=xid)
    session.close()
    crashed = Crash(node, tmp_path).opened()
    for each in (node, crashed):
        assert ask(connect(each), "XA RECOVER") == [(2147483647, 64, 64, b"g" * 64 + b"b" * 64)]
        ask(connect(each), f"XA COMMIT {xid}")
        assert rows(each) == AFTER
    crashed.close()


def test_a_stop_and_a_start_leave_it(node: Node, tmp_path: Path) -> None:
    prepared(node)
    shards = len(node.shards)
    node.close()
    for _ in range(2):
        again = Node.open(tmp_path / "data", Settings(data=tmp_path / "data"))
        assert len(again.shards) == shards
        assert ask(connect(again), "XA RECOVER FORMAT='SQL'") == [(7, 1, 1, "'x','y',7")]
        again.close()
    again = Node.open(tmp_path / "data", Settings(data=tmp_path / "data"))
    ask(connect(again), "XA COMMIT 'x', 'y'")
    assert rows(again) == AFTER
    again.close()


def test_a_crash_before_all_shards_were_prepared_rolls_it_back(node: Node, tmp_path: Path) -> None:
    prepared(node)
    (gtrid,) = gtrids(node)
    for lacking in range(len(node.shards)):
        crash = Crash(node, tmp_path)
        _remove_prepared(crash.path, lacking, gtrid)
        crashed = crash.opened()
        assert rows(crashed) == BEFORE
        assert not gtrids(crashed)
        assert ask(connect(crashed), "XA RECOVER") == []
        ask(connect(crashed), "UPDATE d.t SET v = 12")
        crashed.close()


def _remove_prepared(path: Path, shard: int, gtrid: str) -> None:
    file = path / (f"shard-{shard}.db")
    connection = apsw.Connection(str(file))
    connection.execute(DELETE, (gtrid,))
    assert connection.changes() == 1
    connection.close()


@pytest.mark.parametrize("node", [4], indirect=True)
def test_a_crash_after_the_decision_commits_it(node: Node, tmp_path: Path) -> None:
    prepared(node)
    (gtrid,) = gtrids(node)
    name = read_name(gtrid)
    assert name is not None
    assert name[1] == {0, 1, 2, 3}
    assert node._coordinator is not None
    node._coordinator.decide(gtrid, Decision(Verdict.COMMIT, (0, 1, 2, 3))).wait()
    crashed = Crash(node, tmp_path).opened()
    assert rows(crashed) == AFTER
    assert not gtrids(crashed)
    assert crashed._coordinator is not None
    assert not crashed._coordinator.decisions()
    assert ask(connect(crashed), "XA RECOVER") == []
    crashed.close()


def test_what_is_locked_and_not_written_stays_locked(node: Node, tmp_path: Path) -> None:
    """A parent row must stay until its child is there, also when the crash lies between."""
    ask(
        connect(node), "CREATE TABLE d.p (id INT PRIMARY KEY)",
        "CREATE TABLE d.c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id))", "INSERT INTO d.p VALUES (1), (2), (3)",
    )  # fmt: skip
    session = prepared(node, change="INSERT INTO d.c VALUES (7, 2)")
    session.close()
    crashed = Crash(node, tmp_path).opened()
    other = connect(crashed)
    ask(other, "SET innodb_lock_wait_timeout = 0")
    assert refused(other, "DELETE FROM d.p WHERE id = 2") == 1205
    ask(other, "DELETE FROM d.p WHERE id = 1", "XA COMMIT 'x', 'y'")
    assert refused(other, "DELETE FROM d.p WHERE id = 2") == 1451
    crashed.close()


def test_a_number_that_was_generated_is_not_given_again(node: Node, tmp_path: Path) -> None:
    ask(connect(node), "CREATE TABLE d.a (id INT PRIMARY KEY AUTO_INCREMENT, v INT)", "INSERT INTO d.a (v) VALUES (1), (2)")
    prepared(node, change="INSERT INTO d.a (v) VALUES (3), (4), (5), (6)")
    crashed = Crash(node, tmp_path).opened()
    other = connect(crashed)
    ask(other, "INSERT INTO d.a (v) VALUES (7)", "XA COMMIT 'x', 'y'")
    assert ask(other, "SELECT id, v FROM d.a ORDER BY id") == [(n, n) for n in range(1, 8)]
    crashed.close()


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_isolation_levels(node: Node, tmp_path: Path, isolation: str) -> None:
    session = connect(node)
    ask(session, f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}", "XA START 'i'", "SELECT SUM(v) FROM d.t",
        "UPDATE d.t SET v = v + 1 WHERE id = 1", "INSERT INTO d.t VALUES (100, 1)", "XA END 'i'", "XA PREPARE 'i'")  # fmt: skip
    crashed = Crash(node, tmp_path).opened()
    other = connect(crashed)
    assert ask(other, "SELECT SUM(v) FROM d.t") == [(10 * ROWS,)]
    ask(other, "XA COMMIT 'i'")
    assert ask(other, "SELECT SUM(v) FROM d.t") == [(10 * ROWS + 2,)]
    ask(other, "UPDATE d.t SET v = 0")
    crashed.close()
    ask(session, "XA ROLLBACK 'i'", "UPDATE d.t SET v = 0")


@pytest.mark.parametrize("node", [4], indirect=True)
def test_what_a_crash_left_of_others_waits_for_one_that_has_the_shard(node: Node, tmp_path: Path) -> None:
    """A decided transaction is finished when the SERIALIZABLE one that was prepared meanwhile is, and nobody sees half of it."""
    table = node.catalog.relation("d", "t")
    for number, shard in enumerate(node.shards):
        branch = shard.begin(Isolation.READ_COMMITTED, two_phase=True)
        branch.write(f"INSERT INTO {table.physical} VALUES ({1000 + number}, 5)", ())  # type: ignore[union-attr]
        branch.prepare("fauna-test-1").wait()
    session = connect(node)
    ask(session, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "XA START 's'", "UPDATE d.t SET v = 11 WHERE id = 1",
        "XA END 's'", "XA PREPARE 's'")  # fmt: skip
    assert node._coordinator is not None
    node._coordinator.decide("fauna-test-1", Decision(Verdict.COMMIT, (0, 1, 2, 3))).wait()
    crashed = Crash(node, tmp_path).opened()
    other = connect(crashed)
    assert ask(other, "SELECT COUNT(*) FROM d.t") == [(ROWS,)]
    assert ask(other, "XA RECOVER") == [(1, 1, 0, b"s")]
    ask(other, "XA COMMIT 's'", "UPDATE d.t SET v = v + 1 WHERE id = 2")
    assert ask(other, "SELECT COUNT(*) FROM d.t WHERE v = 5") == [(4,)]
    crashed.close()
    ask(session, "XA ROLLBACK 's'")
    for shard in node.shards:
        shard.rollback_prepared("fauna-test-1")


def test_a_session_that_goes_while_it_prepares_leaves_it_prepared(node: Node) -> None:
    session = connect(node)
    ask(session, "XA START 'g'", "UPDATE d.t SET v = 11", "XA END 'g'")
    xa = session.transactions
    branches = xa.branch.hold()  # type: ignore[union-attr]
    ticket = node.xids.prepare(xa._name, branches)  # type: ignore[attr-defined]
    xa.branch = None
    xa._preparing = ticket  # type: ignore[attr-defined]
    session.close()
    ticket.wait()
    left = threading.Event()
    ticket.on_done(left.set)
    assert left.wait(10)
    other = connect(node)
    assert ask(other, "XA RECOVER") == [(1, 1, 0, b"g")]
    ask(other, "XA COMMIT 'g'")
    assert rows(node) == AFTER


def test_reset_and_close_leave_what_is_prepared_and_nothing_else(node: Node) -> None:
    session = connect(node)
    ask(session, "XA START 'r'", "UPDATE d.t SET v = 11")
    session.reset()
    assert ask(session, "XA RECOVER") == []
    assert rows(node) == BEFORE
    ask(session, "XA START 'r'", "UPDATE d.t SET v = 11", "XA END 'r'", "XA PREPARE 'r'")
    session.reset()
    assert ask(session, "SELECT @@in_transaction") == [(0,)]
    assert ask(session, "XA RECOVER CONVERT XID") == [(1, 1, 0, "0x72")]
    ask(session, "XA COMMIT 'r'")
    assert rows(node) == AFTER


def test_temporary_tables_are_refused_and_the_transaction_goes_on(node: Node) -> None:
    session = connect(node)
    ask(session, "USE d", "CREATE TEMPORARY TABLE tmp (a INT)", "XA START 't'")
    assert refused(session, "CREATE TEMPORARY TABLE tmp2 (a INT)") == 1235
    ask(session, "UPDATE t SET v = 11", "INSERT INTO tmp VALUES (1)", "XA END 't'")
    assert refused(session, "XA PREPARE 't'") == 1235
    ask(session, "XA COMMIT 't' ONE PHASE", "XA START 't'", "UPDATE t SET v = 11", "SELECT * FROM tmp", "XA END 't'", "XA PREPARE 't'",
        "XA COMMIT 't'")  # fmt: skip
    assert rows(node) == AFTER


def test_a_failed_prepare_rolls_back_on_every_shard(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    session = connect(node)
    ask(session, "XA START 'f'", "UPDATE d.t SET v = 11", "XA END 'f'")

    def full(*_: object) -> None:
        raise error("DISK_FULL", "...")

    monkeypatch.setattr(node.shards[-1], "announce", full)
    assert refused(session, "XA PREPARE 'f'") == 1402
    assert [row[1] for row in ask(session, "SHOW WARNINGS")] == [1021, 1402]
    monkeypatch.undo()
    assert ask(session, "SELECT @@in_transaction") == [(0,)]
    assert refused(session, "XA PREPARE 'f'") == 1399
    assert rows(node) == BEFORE
    assert not gtrids(node)
    ask(session, "XA START 'f'", "UPDATE d.t SET v = 11", "XA END 'f'", "XA PREPARE 'f'", "XA COMMIT 'f'")
    assert rows(node) == AFTER
