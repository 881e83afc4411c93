"""prepare / commit / rollback / recover: a prepared transaction outlives its client and a crash, and happens once."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest, make_tables, refused, waits
from tests.compliance.engine.conftest import OpenShard

RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ


def prepared(shard: SqliteShard, gtrid: str = "g1") -> Actor:
    actor = Actor(shard, RR, two_phase=True)
    actor.put(1, 11)
    actor.insert(3, 30)
    actor.delete("c0 = 2")
    actor.branch.prepare(gtrid).wait()
    return actor


AFTER = {1: 11, 3: 30}
BEFORE = {1: 10, 2: 20}
KILLS = int(os.environ.get("FAUNADB_TEST_KILLS", "10"))


class Crash:
    """A copy of the data directory as a crash would leave it, opened on its own."""

    def __init__(self, data: Path, to: Path) -> None:
        shutil.copytree(data, to)
        self.directory = DataDirectory(to)
        self.shard = SqliteShard(self.directory)

    def close(self) -> None:
        self.shard.close()
        self.directory.close()


def test_commit(shard: SqliteShard) -> None:
    actor = prepared(shard)
    assert shard.recover() == ["g1"]
    assert latest(shard) == BEFORE
    shard.commit_prepared("g1").wait()
    assert not actor.branch.is_open
    assert latest(shard) == AFTER
    assert shard.recover() == []
    assert refused(lambda: shard.commit_prepared("g1")) == 1397
    assert not shard.queue.held


def test_rollback(shard: SqliteShard) -> None:
    prepared(shard)
    shard.rollback_prepared("g1")
    assert latest(shard) == BEFORE
    assert shard.recover() == []
    assert refused(lambda: shard.rollback_prepared("g1")) == 1397
    assert not shard.queue.held


def test_one_phase(shard: SqliteShard) -> None:
    actor = Actor(shard, RR, two_phase=True)
    actor.put(1, 11)
    actor.commit()
    other = Actor(shard, RC)
    other.put(2, 22)
    other.commit()
    assert latest(shard) == {1: 11, 2: 22}


def test_survives_its_client_and_holds_its_lock(shard: SqliteShard) -> None:
    actor = prepared(shard)
    actor.rollback()
    assert actor.branch.is_open
    other = Actor(shard, RC)
    ticket = waits(lambda: other.put(1, 99)).ticket
    shard.commit_prepared("g1")
    assert ticket.done()
    other.put(1, 99)
    other.commit()
    assert latest(shard) == {1: 99, 3: 30}


def test_same_gtrid_again(shard: SqliteShard) -> None:
    prepared(shard)
    other = Actor(shard, RC, two_phase=True, lock_wait_timeout_s=0)
    assert refused(lambda: other.put(1, 1)) == 1205
    shard.commit_prepared("g1")
    for value in range(5):
        actor = Actor(shard, RC, two_phase=True)
        actor.put(1, value)
        actor.branch.prepare("g1").wait()
        shard.commit_prepared("g1")
    assert latest(shard)[1] == 4


def test_needs_two_phase(shard: SqliteShard) -> None:
    actor = Actor(shard, RC)
    actor.put(1, 11)
    assert refused(lambda: actor.branch.prepare("g1")) == 1399
    actor.rollback()


@pytest.mark.parametrize("decision", ["commit", "rollback"])
def test_crash_while_prepared(shard: SqliteShard, tmp_path: Path, decision: str) -> None:
    prepared(shard)
    crash = Crash(tmp_path / "data", tmp_path / "crash")
    recovered = crash.shard
    assert recovered.recover() == ["g1"]
    assert latest(recovered) == BEFORE
    writer = Actor(recovered, RC)
    ticket = waits(lambda: writer.put(1, 99)).ticket  # undecided: nobody may write this row
    if decision == "commit":
        recovered.commit_prepared("g1").wait()
        assert latest(recovered) == AFTER
    else:
        recovered.rollback_prepared("g1")
        assert latest(recovered) == BEFORE
    assert ticket.done()
    assert recovered.recover() == []
    writer.put(1, 99)
    writer.commit()
    crash.close()


def test_crash_in_the_middle_of_recovery(shard: SqliteShard, tmp_path: Path) -> None:
    prepared(shard)
    first = Crash(tmp_path / "data", tmp_path / "first")
    second = Crash(tmp_path / "first", tmp_path / "second")
    second.shard.commit_prepared("g1")
    assert latest(second.shard) == AFTER
    first.close()
    second.close()


def test_triggers_are_not_fired_again_by_redo(shard: SqliteShard, tmp_path: Path) -> None:
    ddl = Actor(shard, RC)
    ddl.branch.execute_ddl(
        [("CREATE TRIGGER x AFTER UPDATE ON t1 BEGIN UPDATE t2 SET c1 = c1 + 1; END", ()), ("INSERT INTO t2 VALUES (1, 0)", ())]
    )
    ddl.commit()
    actor = Actor(shard, RC, two_phase=True)
    actor.put(1, 11)
    actor.branch.prepare("g1").wait()
    crash = Crash(tmp_path / "data", tmp_path / "crash")
    crash.shard.commit_prepared("g1")
    assert latest(crash.shard, "t2") == {1: 1}
    again = Actor(crash.shard, RC)
    again.put(1, 12)
    again.commit()
    assert latest(crash.shard, "t2") == {1: 2}
    crash.close()


def test_replaced_rows_are_noted(shard: SqliteShard) -> None:
    """Also what REPLACE has removed counts as changed."""
    reader = Actor(shard, RR)
    assert reader.all() == [(1, 10), (2, 20)]
    ddl = Actor(shard, RC)
    ddl.branch.execute_ddl([("CREATE UNIQUE INDEX i1 ON t1 (c1)", ())])
    ddl.commit()
    actor = Actor(shard, RC, two_phase=True)
    actor.branch.write("INSERT OR REPLACE INTO t1 VALUES (7, 10)", ())
    actor.branch.prepare("g1").wait()
    shard.commit_prepared("g1")
    assert refused(lambda: reader.put(1, 11)) == 1213


def test_others_write_other_rows_meanwhile(shard: SqliteShard, tmp_path: Path) -> None:
    """Also after a crash: the record says what was locked."""
    prepared(shard)
    crash = Crash(tmp_path / "data", tmp_path / "crash")
    for each in (shard, crash.shard):
        other = Actor(each, RR)
        other.insert(4, 40)
        other.commit()
        blocked = Actor(each, RC)
        ticket = waits(lambda blocked=blocked: blocked.insert(3, 99)).ticket  # its key is taken, if it is committed
        each.commit_prepared("g1").wait()
        assert ticket.done()
        assert latest(each) == {**AFTER, 4: 40}
        blocked.rollback()
    crash.close()


def test_prepared_transactions_share_a_sync(open_shard: OpenShard) -> None:
    synced = threading.Event()
    calls: list[int] = []

    def sync(descriptor: int) -> None:
        if slow:
            assert synced.wait(10)
        calls.append(descriptor)
        os.fdatasync(descriptor)

    slow = False
    shard = open_shard(sync=sync)
    make_tables(shard)
    calls.clear()
    slow = True
    tickets = []
    for number in range(10, 20):
        actor = Actor(shard, RC, two_phase=True)
        actor.insert(number, 0)
        tickets.append(actor.branch.prepare(f"g{number}"))
    assert not any(ticket.done() for ticket in tickets)
    synced.set()
    for ticket in tickets:
        ticket.wait()
    assert len(calls) <= 3
    for number in range(10, 20):
        shard.commit_prepared(f"g{number}").wait()
    assert latest(shard) == {**BEFORE, **dict.fromkeys(range(10, 20), 0)}


def test_what_a_savepoint_took_back_is_not_prepared(shard: SqliteShard) -> None:
    actor = Actor(shard, RR, two_phase=True)
    actor.put(1, 11)
    actor.branch.savepoint("s")
    actor.put(2, 22)
    actor.insert(3, 30)
    actor.branch.rollback_to("s")
    actor.branch.prepare("g1").wait()
    shard.commit_prepared("g1").wait()
    assert latest(shard) == {1: 11, 2: 20}


def test_computed_columns(shard: SqliteShard, tmp_path: Path) -> None:
    """Neither the stored nor the virtual ones are part of the record."""
    ddl = Actor(shard, RC)
    ddl.branch.execute_ddl(
        [("CREATE TABLE t3 (c0 INTEGER PRIMARY KEY, s INTEGER AS (c0 + 1) STORED, c1 BLOB, v AS (c0 + 2))", ())]
    )
    ddl.commit()
    actor = Actor(shard, RC, two_phase=True)
    actor.branch.write("INSERT INTO t3 (c0, c1) VALUES (1, x'00ff'), (2, 1.5)", ())
    actor.branch.prepare("g1").wait()
    crash = Crash(tmp_path / "data", tmp_path / "crash")
    crash.shard.commit_prepared("g1").wait()
    rows = list(crash.shard.autocommit_query("SELECT * FROM t3", (), inline=False))
    assert rows == [(1, 2, b"\0\xff", 3), (2, 3, 1.5, 4)]
    crash.close()


def test_a_large_one_keeps_everybody_out(shard: SqliteShard) -> None:
    """It has not locked each of its rows; nor does it need to."""
    actor = Actor(shard, RC, two_phase=True)
    for number in range(100, 400):
        actor.insert(number, 0)
    actor.branch.pause()
    actor.branch.prepare("g1").wait()
    other = Actor(shard, RC)
    ticket = waits(lambda: other.put(1, 99)).ticket
    shard.commit_prepared("g1").wait()
    assert ticket.done()
    other.put(1, 99)
    other.commit()
    assert len(latest(shard)) == 302


def test_a_schema_change_cannot_be_prepared(shard: SqliteShard) -> None:
    actor = Actor(shard, RC, two_phase=True)
    actor.branch.execute_ddl([("CREATE TABLE t3 (c0 INTEGER PRIMARY KEY)", ())])
    assert refused(lambda: actor.branch.prepare("g1")) == 1197
    assert not shard.queue.held


def test_first_committer_wins_also_here(shard: SqliteShard) -> None:
    actor = Actor(shard, RR, two_phase=True)
    assert actor.all() == [(1, 10), (2, 20)]
    other = Actor(shard, RC)
    other.put(1, 99)
    other.commit()
    actor.put(2, 21)
    assert actor.all() == [(1, 10), (2, 21)]
    actor.branch.prepare("g1").wait()
    shard.commit_prepared("g1")
    assert latest(shard) == {1: 99, 2: 21}


def test_clean_restart_keeps_it(open_shard: OpenShard, shard: SqliteShard) -> None:
    prepared(shard, "with/odd\0characters é")
    shard = open_shard()
    assert shard.recover() == ["with/odd\0characters é"]
    shard.commit_prepared("with/odd\0characters é")
    assert latest(shard) == AFTER


def prepare_until_killed(data: Path, first: int, after_s: float) -> list[tuple[str, int]]:
    """What the child said: (word, number)."""
    script = Path(__file__).with_name("kill_preparer.py")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    process = subprocess.Popen([sys.executable, script, data, str(first)], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    threading.Timer(after_s, process.kill).start()
    lines = process.stdout.read().decode().splitlines(keepends=True)
    process.wait()
    return [(word, int(number)) for word, number in (line.split() for line in lines if line.endswith("\n"))]


def test_killed_at_any_time(tmp_path: Path) -> None:
    """Whatever was decided happens, whole, once; what was not decided can still go either way."""
    chance = random.Random(5)
    expected: set[int] = set()
    first = 1
    for _ in range(KILLS):
        said = prepare_until_killed(tmp_path, first, chance.uniform(0.05, 0.3))
        decided = {number: word for word, number in said if word in ("commit", "rollback")}
        expected |= {number for number, word in decided.items() if word == "commit"}
        directory = DataDirectory(tmp_path)
        shard = SqliteShard(directory)
        in_doubt = shard.recover()
        assert {number for word, number in said if word == "prepared"} - {int(g[1:]) for g in in_doubt} <= decided.keys()
        for gtrid in in_doubt:
            number = int(gtrid[1:])
            if decided.get(number, chance.choice(["commit", "rollback"])) == "commit":
                expected.add(number)
                shard.commit_prepared(gtrid).wait()
            else:
                shard.rollback_prepared(gtrid)
        assert shard.recover() == []
        assert set(latest(shard)) == set(latest(shard, "t2")) == expected
        first = max([*expected, *decided, first]) + 10
        shard.close()
        directory.close()
