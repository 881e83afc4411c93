"""Whoever changes coordinator.db behind the server's back is found: decisions must be as they were written, and fit the shards."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from fauna.client.database import Database
from fauna.client.embedded_link import open_link
from fauna.coordinator import local_rows
from fauna.coordinator.local import FILE_NAME, LocalCoordinator
from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import StartError
from fauna.node import Node, configure
from fauna.settings import Settings
from fauna.verification.verify import verify
from tests.cluster.test_tampering import assert_clean, flip, opened

COMMIT = Decision(Verdict.COMMIT, (0, 1))


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a crash leaves it between the commit on shard 0 and that on shard 1: decided, shown on the one, prepared on the other."""
    return half_committed(tmp_path_factory.mktemp("decisions"))


@pytest.fixture
def copy(decided: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(decided, tmp_path / "copy"))


def half_committed(where: Path) -> Path:
    before, after = where / "before", where / "after"
    database = open_database(before)
    database.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
    database.execute("INSERT INTO t VALUES " + ", ".join(f"({i}, 0)" for i in range(40)))
    for statement in ("XA START 'x'", "UPDATE t SET n = 1", "XA END 'x'", "XA PREPARE 'x'"):
        database.execute(statement)
    database.close()
    coordinator = LocalCoordinator(before)
    coordinator.decide(gtrid_in(before, 1), COMMIT).wait()
    coordinator.compare_and_set("goal", None, b"somewhere")
    lease = coordinator.acquire_lease("mover", "me", 10.0)
    assert lease is not None
    coordinator.close()
    assert_clean(verify(before, configure))
    shutil.copytree(before, after)
    open_database(after).close()  # it finishes what was decided
    assert_clean(verify(after, configure))
    for name in ("shard-0.db", "shard-0.history.db"):
        if (after / name).exists():
            shutil.copy(after / name, before / name)
    assert gtrid_in(before, 1)
    assert_clean(verify(before, configure))
    return before


def open_database(directory: Path) -> Database:
    return Database(open_link(directory, "shop", Settings(data=directory, shards=2)))


def gtrid_in(directory: Path, shard: int) -> str:
    connection = opened(directory / f"shard-{shard}.db")
    (found,) = connection.execute("SELECT gtrid FROM fauna_prepared").fetchall()
    connection.close()
    return str(found[0])


# ── edits ──


@dataclass(frozen=True)
class Edit:
    """refused: the server does not start with it."""

    name: str
    make: Callable[[apsw.Connection, str], object]
    expected: str
    refused: bool = True


def run(sql: str) -> Callable[[apsw.Connection, str], object]:
    return lambda connection, gtrid: connection.execute(sql)


def put(verdict: str, participants: str, name: str = "") -> Callable[[apsw.Connection, str], object]:
    """With the digest that the server would have given it."""
    return lambda connection, gtrid: local_rows.put(connection, local_rows.DECISIONS, name or gtrid, verdict, participants)


EDITS = (
    Edit("the decision is gone", run("DELETE FROM decisions"), "nothing says that it is to be committed", refused=False),
    Edit("the verdict", run("UPDATE decisions SET verdict = 'abort'"), "its digest does not fit"),
    Edit("the verdict, with a digest", put("abort", "0 1"), "this block has committed it", refused=False),
    Edit("the name", run("UPDATE decisions SET gtrid = gtrid || 'x'"), "its digest does not fit"),
    Edit("the shards", run("UPDATE decisions SET participants = '0'"), "its digest does not fit"),
    Edit("the shards, with a digest", put("commit", "0"), "it is on [0, 1]", refused=False),
    Edit("a shard that there is not", put("commit", "0 1 2"), "on shard 2, which there is not", refused=False),
    Edit("no verdict, with a digest", put("perhaps", "0 1"), "cannot be read"),
    Edit("a decision", run("INSERT INTO decisions VALUES ('g', 'commit', '0 1', '')"), "its digest does not fit"),
    Edit("a decision, with a digest", put("commit", "0 1", "g"), "which was never prepared here", refused=False),
    Edit("a value", run("UPDATE entries SET value = x'00'"), "its digest does not fit"),
    Edit("an epoch", run("UPDATE leases SET epoch = 1 - epoch"), "its digest does not fit"),
    Edit("a table is gone", run("DROP TABLE leases"), "leases is not as it was defined", refused=False),
    Edit("a trigger", run("CREATE TRIGGER t AFTER INSERT ON decisions BEGIN DELETE FROM decisions; END"), "t is not as it was defined", refused=False),
    Edit("the format", run("UPDATE coordinator_meta SET value = 9"), "what it says of itself"),
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_found_and_named(copy: Path, edit: Edit) -> None:
    connection = opened(copy / FILE_NAME)
    edit.make(connection, gtrid_in(copy, 1))
    connection.close()
    said = [str(finding) for finding in verify(copy, configure).findings if finding.table == FILE_NAME]
    assert any(edit.expected in line for line in said), said
    if edit.refused:
        with pytest.raises(StartError):
            Node.open(copy, Settings(data=copy))


def test_the_file_is_gone(copy: Path) -> None:
    (copy / FILE_NAME).unlink()
    (finding,) = verify(copy, configure).findings
    assert (finding.shard, finding.transaction) == (1, gtrid_in(copy, 1))


def test_no_database(copy: Path) -> None:
    (copy / FILE_NAME).write_bytes(b"this is not a database" * 1000)
    assert any("cannot be read" in finding.what for finding in verify(copy, configure).findings)
    with pytest.raises(StartError):
        Node.open(copy, Settings(data=copy))


def test_a_flipped_byte_is_found_or_changes_nothing(copy: Path, tmp_path: Path) -> None:
    dice = random.Random(4)
    stored = (copy / FILE_NAME).read_bytes()
    known = contents(copy / FILE_NAME)
    found = 0
    for place in dice.sample([i for i, byte in enumerate(stored) if byte], 120):
        (copy / FILE_NAME).write_bytes(stored)
        flip(copy / FILE_NAME, place, dice)
        if verify(copy, configure).findings:
            found += 1
        else:
            assert contents(copy / FILE_NAME) == known, place
    assert found >= 60


def contents(path: Path) -> dict[str, list[str]]:
    connection = opened(path)
    tables = ("sqlite_schema", *local_rows.TABLES)
    found = {table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))) for table in tables}
    connection.close()
    return found


def test_a_byte_of_its_log_is_found(copy: Path) -> None:
    coordinator = LocalCoordinator(copy)
    for i in range(5):
        coordinator.decide(f"g{i}", Decision(Verdict.ABORT, (0, 1))).wait()
    logged = (copy / f"{FILE_NAME}-wal").read_bytes()
    coordinator.close()
    (copy / f"{FILE_NAME}-wal").write_bytes(logged)
    flip(copy / f"{FILE_NAME}-wal", len(logged) // 2, random.Random(1))
    assert any("write-ahead log" in finding.what for finding in verify(copy, configure).findings)


# ── no false alarm ──


def test_no_false_alarm_while_transactions_commit_over_shards(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    database = open_database(directory)
    database.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
    database.execute("INSERT INTO t VALUES " + ", ".join(f"({i}, 0)" for i in range(40)))
    stop = threading.Event()
    committed: list[int] = []

    def write(place: int) -> None:
        other = open_database(directory)
        while not stop.is_set():
            committed.append(other.execute(f"UPDATE t SET n = n + 1 WHERE id BETWEEN {place} AND {place + 9}"))
        other.close()

    writers = [threading.Thread(target=write, args=(place,)) for place in (0, 10, 20)]
    for writer in writers:
        writer.start()
    try:
        verified = 0
        while verified < 10 or len(committed) < 50:
            assert_clean(verify(directory, configure, at_rest=False))
            verified += 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    database.close()
    assert_clean(verify(directory, configure))


def test_a_file_of_format_1_gets_digests(copy: Path) -> None:
    connection = opened(copy / FILE_NAME)
    for table in (local_rows.ENTRIES, local_rows.LEASES, local_rows.DECISIONS):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN digest")
    connection.execute("UPDATE coordinator_meta SET value = 1")
    connection.close()
    assert [finding.what for finding in verify(copy, configure).findings if "format 1" in finding.what]
    coordinator = LocalCoordinator(copy)
    assert coordinator.decisions() == {gtrid_in(copy, 1): COMMIT}
    assert coordinator.read("goal") is not None
    coordinator.close()
    assert_clean(verify(copy, configure))
