"""Tables that forget: the option, what CALL fauna.prune() removes, and what of the past can still be asked for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fauna.clock import HybridClock, ManualClock
from fauna.errors import SqlError
from fauna.node import Node, configure
from fauna.session.session import Session
from fauna.settings import Settings
from fauna.txn.retention import Pruner, Retention
from fauna.verification.verify import verify
from tests.unit.session.test_shards import ask, connect, opened

DAY_US = 86_400_000_000


@pytest.fixture(params=[1, 4])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    made = opened(tmp_path / "data", request.param)
    yield made
    made.close()


@pytest.fixture
def session(node: Node) -> Session:
    made = connect(node)
    ask(made, "CREATE DATABASE shop")
    ask(made, "USE shop")
    return made


def now(session: Session) -> str:
    [(text,)] = ask(session, "SELECT UTC_TIMESTAMP(6)")
    time.sleep(0.002)
    return str(text)


def later(node: Node, days: float) -> None:
    """For retention so many days pass."""
    clock = HybridClock(ManualClock(node.clock.now_us() + round(days * DAY_US)))
    node.retention = Retention(lambda: node.shards, lambda: node.catalog, clock)


def pruned(session: Session) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, schema, name, changes, _ in ask(session, "CALL fauna.prune()"):
        found[f"{schema}.{name}"] = found.get(f"{schema}.{name}", 0) + changes
    return found


def refused(session: Session, text: str) -> SqlError:
    with pytest.raises(SqlError) as problem:
        ask(session, text)
    return problem.value


# ── the option ──


def test_it_is_shown_and_can_be_changed(session: Session, node: Node) -> None:
    def shown(table: str = "log") -> str:
        return str(ask(session, f"SHOW CREATE TABLE {table}")[0][1])

    def option(table: str = "log") -> object:
        return ask(session, f"SELECT create_options FROM information_schema.tables WHERE table_name = '{table}'")[0][0]

    ask(session, "CREATE TABLE log (id INT PRIMARY KEY) SYSTEM_VERSIONING_RETENTION = '90 DAYS' COMMENT = 'c'")
    assert "/*!999999 SYSTEM_VERSIONING_RETENTION='90 days' */" in shown()
    assert option() == "system_versioning_retention='90 days'"
    ask(session, shown().replace("`log`", "copy"))
    assert node.catalog.relation("shop", "copy").retention == "90 days"  # type: ignore[union-attr]
    ask(session, "CREATE TABLE alike LIKE log")
    assert "RETENTION='90 days'" in shown("alike")
    ask(session, "ALTER TABLE log SYSTEM_VERSIONING_RETENTION '1 month'")
    assert "RETENTION='1 month'" in shown()
    ask(session, "ALTER TABLE log ADD COLUMN n INT, SYSTEM_VERSIONING_RETENTION='2 hours'")
    assert "RETENTION='2 hours'" in shown()
    ask(session, "ALTER TABLE log SYSTEM_VERSIONING_RETENTION = 'forever'")
    assert "RETENTION" not in shown() and option() == ""
    ask(session, "CREATE TABLE keyed (id INT PRIMARY KEY) PARTITION BY KEY (id) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "DROP TABLE IF EXISTS again")
    ask(session, shown("keyed").replace("`keyed`", "again"))
    assert node.catalog.relation("shop", "again").retention == "1 day"  # type: ignore[union-attr]


def test_what_is_no_retention_is_refused(session: Session) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY)")
    problem = refused(session, "ALTER TABLE log SYSTEM_VERSIONING_RETENTION = '90 moons'")
    assert problem.errno == 1231 and "90 moons" in problem.message
    assert refused(session, "CREATE TABLE other (id INT) SYSTEM_VERSIONING_RETENTION = '-1 day'").errno == 1231
    assert refused(session, "CREATE TEMPORARY TABLE tmp (id INT) SYSTEM_VERSIONING_RETENTION = '1 day'").errno == 1235
    assert refused(session, "CREATE TABLE other (id INT) SYSTEM_VERSIONING_RETENTION = 5").errno == 1064


def test_it_survives_a_restart(tmp_path: Path) -> None:
    node = opened(tmp_path / "data")
    session = connect(node)
    ask(session, "CREATE DATABASE shop")
    ask(session, "CREATE TABLE shop.log (id INT PRIMARY KEY) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO shop.log VALUES (1)")
    later(node, 2)
    assert pruned(session) == {"shop.log": 1}
    [(kept,)] = {(shard.pruning.kept_from(node.catalog.relation("shop", "log").physical),) for shard in node.shards}  # type: ignore[union-attr]
    node.close()
    node = opened(tmp_path / "data")
    table = node.catalog.relation("shop", "log")
    assert table.retention == "1 day" and node.shard.pruning.kept_from(table.physical) == kept  # type: ignore[union-attr]
    node.close()


# ── pruning ──


def test_only_what_is_older_goes_and_the_present_stays(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '30 days'")
    ask(session, "CREATE TABLE kept (id INT PRIMARY KEY, n INT)")
    for table in ("log", "kept"):
        ask(session, f"INSERT INTO {table} VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
        ask(session, f"UPDATE {table} SET n = 2")
    early = now(session)
    later(node, 29)
    assert pruned(session) == {}
    later(node, 31)
    assert pruned(session) == {"shop.log": 8}
    assert pruned(session) == {}
    assert len(ask(session, "SELECT * FROM log WHERE n = 2")) == 4
    ask(session, "UPDATE log SET n = 3 WHERE id < 3")
    assert ask(session, f"SELECT SUM(n) FROM log FOR SYSTEM_TIME AS OF '{early}'") == [(8,)]
    assert ask(session, "SELECT SUM(n) FROM log FOR SYSTEM_TIME AS OF NOW(6)") == [(10,)]
    assert len(ask(session, "SELECT * FROM kept FOR SYSTEM_TIME ALL")) == 8
    assert len(ask(session, "SELECT * FROM log FOR SYSTEM_TIME ALL")) == 6


def test_the_past_before_the_limit_is_error_1525_also_in_a_plan_that_is_there(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO log VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
    early = now(session)
    query = "SELECT SUM(n) FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}'"
    assert ask(session, query.format(early)) == [(4,)]
    ask(session, "UPDATE log SET n = 2")
    late = now(session)
    later(node, 2)
    pruned(session)
    for _ in range(2):
        problem = refused(session, query.format(early))
        assert problem.errno == 1525 and "is kept from" in problem.message
        assert ask(session, query.format(late)) == [(8,)]
    assert refused(session, f"SELECT * FROM log FOR SYSTEM_TIME AS OF '{early}' WHERE id = 1").errno == 1525
    assert refused(session, f"FLASHBACK TABLE log TO TIMESTAMP '{early}'").errno == 1525
    ask(session, f"SET system_versioning_asof = '{early}'")
    assert refused(session, "SELECT * FROM log").errno == 1525


def test_a_dropped_table_keeps_its_changes_as_long_as_it_said(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '10 days'")
    ask(session, "CREATE TABLE kept (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '10 days'")
    ask(session, "ALTER TABLE kept SYSTEM_VERSIONING_RETENTION = 'forever'")
    for table in ("log", "kept"):
        ask(session, f"INSERT INTO {table} VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
    early = now(session)
    for table in ("log", "kept"):
        ask(session, f"DROP TABLE {table}")
    later(node, 9)
    assert pruned(session) == {}
    assert ask(session, f"SELECT COUNT(*) FROM log FOR SYSTEM_TIME AS OF '{early}'") == [(4,)]
    later(node, 11)
    assert pruned(session) == {"shop.log": 4}
    assert ask(session, f"SELECT COUNT(*) FROM kept FOR SYSTEM_TIME AS OF '{early}'") == [(4,)]
    assert pruned(session) == {}


def test_what_alter_has_copied_follows_too(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT, w INT) SYSTEM_VERSIONING_RETENTION = '10 days'")
    ask(session, "INSERT INTO log VALUES (1, 1, 1), (2, 1, 1), (3, 1, 1)")
    ask(session, "ALTER TABLE log DROP COLUMN w")
    ask(session, "TRUNCATE TABLE log")
    ask(session, "RENAME TABLE log TO diary")
    ask(session, "INSERT INTO diary VALUES (7, 7)")
    later(node, 20)
    assert sum(pruned(session).values()) == 7  # three rows, three copied, one that is there
    assert ask(session, "SELECT * FROM diary") == [(7, 7)]


def test_checkpoints_and_proofs_hold(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO log VALUES (1, 1), (2, 1)")
    [(first,)] = ask(session, "CALL fauna.checkpoint()")
    later(node, 2)
    assert pruned(session) == {"shop.log": 2}
    ask(session, "INSERT INTO log VALUES (3, 1)")
    [(consistency,)] = ask(session, f"CALL fauna.consistency('{first}')")
    assert len(json.loads(consistency)["shards"]) == len(node.shards)
    height = node.shard.height
    [(proof,)] = ask(session, f"CALL fauna.proof({height})")
    assert json.loads(proof)["height"] == height


def test_verification_finds_nothing_and_says_what_is_pruned(tmp_path: Path) -> None:
    node = opened(tmp_path / "data", 2)
    session = connect(node)
    ask(session, "CREATE DATABASE shop")
    ask(session, "USE shop")
    for table in ("log", "gone"):
        ask(session, f"CREATE TABLE {table} (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
        ask(session, f"INSERT INTO {table} VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
    later(node, 2)
    assert pruned(session) == {"shop.log": 4, "shop.gone": 4}
    ask(session, "UPDATE log SET n = n + 1 WHERE id < 3")
    ask(session, "DROP TABLE gone")
    ask(session, "SELECT * FROM log FOR SYSTEM_TIME ALL")
    then_us = node.clock.now_us() + 2 * DAY_US
    node.close()
    report = verify(tmp_path / "data", configure, now_us=then_us)
    assert not report.findings
    assert sum("pruned" in note and "shop.log" in note for note in report.notes) == 2


def test_verification_finds_what_is_pruned_before_its_time(tmp_path: Path) -> None:
    """As someone would do it who wants changes to be forgotten: all fits, but the table keeps them for longer."""
    node = opened(tmp_path / "data", 2)
    session = connect(node)
    ask(session, "CREATE DATABASE shop")
    for table, retention in (("log", "1 day"), ("long", "1 year")):
        ask(session, f"CREATE TABLE shop.{table} (id INT PRIMARY KEY) SYSTEM_VERSIONING_RETENTION = '{retention}'")
        ask(session, f"INSERT INTO shop.{table} VALUES (1), (2), (3), (4)")
    later(node, 400)
    assert pruned(session) == {"shop.log": 4, "shop.long": 4}
    now_us = node.clock.now_us()
    node.close()
    for days, found in ((401, set()), (100, {"shop.long"}), (0, {"shop.log", "shop.long"})):
        report = verify(tmp_path / "data", configure, now_us=now_us + days * DAY_US)
        assert {finding.table for finding in report.findings} == found, days
        assert all("the table's retention keeps" in finding.what for finding in report.findings)


def test_without_a_chain_there_is_nothing_to_prune(tmp_path: Path) -> None:
    node = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", chain=False))
    session = connect(node)
    assert refused(session, "CALL fauna.prune()").errno == 1235
    node.close()


def test_the_thread_prunes_by_itself_and_ends_when_told_to(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO log VALUES (1, 1), (2, 1)")
    later(node, 2)
    retention = node.retention
    assert retention is not None
    happened = threading.Event()
    prune = retention.prune

    def noted(**options: object) -> object:
        found = prune(**options)  # type: ignore[arg-type]
        if found:
            happened.set()
        return found

    retention.prune = noted  # type: ignore[method-assign,assignment]
    pruner = Pruner(retention, 0.01, lambda: True)
    assert happened.wait(30)
    pruner.close()
    assert pruned(session) == {}


def test_pruning_is_stopped_with_an_error(session: Session, node: Node) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO log VALUES (1, 1), (2, 1)")
    later(node, 2)
    ask(session, "SET max_statement_time = 0.000001")
    assert refused(session, "CALL fauna.prune()").errno == 1969
    ask(session, "SET max_statement_time = 0")
    assert pruned(session) == {"shop.log": 2}


# ── a reader that is admitted just before the horizon moves ──


class Overtaken:
    """The history of a node, in which pruning comes between the moment a reader is let in and the moment its rows are open."""

    def __init__(self, node: Node, prune: Callable[[], object]) -> None:
        assert node.history is not None
        self._real = node.history
        self._prune = prune
        self.overtaken = 0

    def check_kept(self, table_id: int, time_us: int) -> None:
        self._real.check_kept(table_id, time_us)
        if not self.overtaken:
            self.overtaken += 1
            self._prune()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


# CREATE TABLE … AS SELECT and FLASHBACK have all write locks before they ask, which pruning would have to wait for.
READERS = (
    "SELECT id, n FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}'",
    "SELECT SUM(n) FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}'",
    "SELECT * FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}' WHERE id = 2",
    "SELECT COUNT(*) FROM log AS l JOIN log FOR SYSTEM_TIME AS OF TIMESTAMP '{}' AS p ON l.id = p.id",
    "SELECT n, (SELECT COUNT(*) FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}' AS p WHERE p.n < l.n) FROM log AS l",
    "INSERT INTO copy SELECT id + 10, n FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}'",
    "UPDATE copy SET n = (SELECT SUM(n) FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}')",
    "DELETE FROM copy WHERE id NOT IN (SELECT id FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{}')",
)


@pytest.mark.parametrize("known", [False, True], ids=["bound", "kept plan"])
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize("reader", READERS)
def test_who_is_overtaken_by_pruning_is_told_so(
    session: Session, node: Node, reader: str, transaction: bool, known: bool
) -> None:
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "CREATE TABLE copy (id INT PRIMARY KEY, n INT)")
    for table in ("log", "copy"):
        ask(session, f"INSERT INTO {table} VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
    early = now(session)
    for n in range(2, 4):
        ask(session, f"UPDATE log SET n = {n}")
    text = reader.format(early)
    if known and not transaction and reader.startswith("SELECT"):
        assert ask(session, text)
    other = connect(node)
    later(node, 2)
    if transaction:
        ask(session, "START TRANSACTION")
    overtaken = Overtaken(node, lambda: ask(other, "CALL fauna.prune()"))
    node.history = cast(Any, overtaken)
    problem = refused(session, text)
    assert overtaken.overtaken == 1
    assert problem.errno == 1525, problem
    if transaction:
        ask(session, "COMMIT")
    assert ask(session, "SELECT * FROM copy ORDER BY id") == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert ask(session, "SELECT SUM(n) FROM log") == [(12,)]
    assert ask(session, "SELECT 1") == [(1,)]


def test_rows_that_are_open_are_complete_though_pruning_comes(session: Session, node: Node) -> None:
    """More than are fetched at once."""
    ask(session, "CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 day'")
    ask(session, "INSERT INTO log VALUES " + ", ".join(f"({i}, 1)" for i in range(4000)))
    early = now(session)
    ask(session, "UPDATE log SET n = 2")
    later(node, 2)
    result = session.run(f"SELECT id FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{early}'")
    found = [next(iter(result.rows))]
    assert pruned(connect(node)) == {"shop.log": 8000}
    found += result.rows
    assert sorted(found) == [(i,) for i in range(4000)]
    assert refused(session, f"SELECT id FROM log FOR SYSTEM_TIME AS OF TIMESTAMP '{early}'").errno == 1525
