"""What was acknowledged is there after kill -9; what failed was not acknowledged and is undone; a full disk is survived."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation
from tests.compliance.engine.actors import Actor, latest, make_tables, refused, waiting
from tests.compliance.engine.conftest import OpenShard

RC = Isolation.READ_COMMITTED
KILLS = int(os.environ.get("FAUNADB_TEST_KILLS", "10"))


def child(command: list[str]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, env=environment)


class TestKill:
    def run_and_kill(self, data: Path, first: int, after_s: float) -> dict[int, int]:
        """number -> rows of every acknowledged transaction."""
        process = child([str(Path(__file__).with_name("kill_writer.py")), str(data), str(first)])
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        timer = threading.Timer(after_s, process.send_signal, [signal.SIGKILL])
        timer.start()
        lines = process.stdout.read().decode().splitlines(keepends=True)
        process.wait()
        return {int(number): int(rows) for number, rows in (line.split() for line in lines if line.endswith("\n"))}

    def test_every_acknowledged_commit_is_there(self, tmp_path: Path) -> None:
        chance = random.Random(1)
        acknowledged: dict[int, int] = {}
        first = 1
        for _ in range(KILLS):
            acknowledged |= self.run_and_kill(tmp_path, first, chance.uniform(0.05, 0.5))
            directory = DataDirectory(tmp_path)
            shard = SqliteShard(directory)
            assert shard.integrity_errors() == []
            found = {
                table: dict(shard.autocommit_query(f"SELECT c1, count(*) FROM {table} GROUP BY c1", (), inline=False))
                for table in ("t1", "t2")
            }
            assert found["t1"] == found["t2"], "half a transaction"
            lost = {number: rows for number, rows in acknowledged.items() if found["t1"].get(number) != rows}
            assert not lost
            first = max(found["t1"], default=0) + 1  # type: ignore[call-overload]
            shard.close()
            directory.close()
        assert len(acknowledged) > 20 * KILLS


class TestPowerLoss:
    def test_what_was_synced_is_enough(self, open_shard: OpenShard, tmp_path: Path) -> None:
        """At every sync, the log as it is then is all that is sure to be on disk: it holds everything acknowledged by it."""
        data, copies = tmp_path / "data", tmp_path / "copies"
        copies.mkdir()
        acknowledged: list[tuple[int, int]] = []  # (value, how many syncs there had been)
        syncs = 0

        def sync(descriptor: int) -> None:
            nonlocal syncs
            os.fdatasync(descriptor)
            syncs += 1
            for name in ("shard-0.db", "shard-0.db-wal"):
                subprocess.run(["cp", data / name, copies / f"{syncs}-{name}"], check=True)

        shard = open_shard(sync=sync)
        make_tables(shard)
        made = syncs

        def write(first: int) -> None:
            for value in range(first, first + 15):
                actor = Actor(shard, RC)
                waiting(partial(actor.insert, value, value))
                ticket = actor.branch.commit()
                ticket.wait()
                acknowledged.append((value, syncs))

        threads = [threading.Thread(target=write, args=(first,)) for first in (100, 200, 300, 400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(acknowledged) == 60
        for number in range(made, syncs + 1):
            restored = tmp_path / f"restored-{number}"
            restored.mkdir()
            for name in ("shard-0.db", "shard-0.db-wal"):
                (copies / f"{number}-{name}").rename(restored / name)
            directory = DataDirectory(restored)
            recovered = SqliteShard(directory)
            rows = latest(recovered)
            assert all(value in rows for value, by in acknowledged if by <= number)
            recovered.close()
            directory.close()


class TestSync:
    def test_nothing_is_acknowledged_before_the_sync(self, open_shard: OpenShard) -> None:
        go_on, syncs = threading.Event(), []

        def sync(descriptor: int) -> None:
            go_on.wait(10)
            syncs.append(descriptor)
            os.fdatasync(descriptor)

        go_on.set()
        shard = open_shard(sync=sync)
        make_tables(shard)
        go_on.clear()
        tickets, called = [], threading.Event()
        for value in range(20):
            actor = Actor(shard, RC)
            actor.put(1, value)
            tickets.append(actor.branch.commit())
            assert latest(shard)[1] == value  # visible at once, and the lock is free again
        tickets[-1].on_done(called.set)
        time.sleep(0.02)
        assert not any(ticket.done() for ticket in tickets)
        before = len(syncs)
        go_on.set()
        assert called.wait(5)
        assert all(ticket.done() for ticket in tickets)
        assert len(syncs) - before == 1

    def test_failed_sync_is_never_acknowledged_and_ends_writing(self, open_shard: OpenShard) -> None:
        broken = False

        def sync(descriptor: int) -> None:
            if broken:
                raise OSError(errno.EIO, "Input/output error")
            os.fdatasync(descriptor)

        shard = open_shard(sync=sync)
        make_tables(shard)
        in_progress, waiting = Actor(shard, RC), Actor(shard, RC)
        first = Actor(shard, RC)
        first.put(1, 11)
        broken = True
        failed = []
        ticket = first.branch.commit()
        ticket.on_done(lambda: failed.append(True))
        assert refused(ticket.wait) == 1180
        assert refused(ticket.check) == 1180
        assert refused(lambda: waiting.put(2, 22)) == 1180
        assert refused(lambda: in_progress.put(2, 22)) == 1180
        broken = False
        assert refused(lambda: Actor(shard, RC).put(2, 22)) == 1180  # a later sync would prove nothing
        assert latest(shard)[2] == 20
        assert failed == [True]
        shard = open_shard()
        again = Actor(shard, RC)
        again.put(2, 22)
        again.commit()

    def test_transaction_open_at_the_failure_cannot_commit(self, open_shard: OpenShard) -> None:
        broken = False

        def sync(descriptor: int) -> None:
            if broken:
                raise OSError(errno.EIO, "Input/output error")

        shard = open_shard(sync=sync)
        broken = True
        branch = shard.begin(RC)
        branch.execute_ddl([("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 INTEGER) STRICT", ())])
        ticket = branch.commit()
        second = Actor(shard, RC)
        second.insert(1, 1)
        assert refused(ticket.wait) == 1180
        assert refused(second.commit) == 1180
        assert not second.branch.is_open
        assert not shard.queue.held
        assert latest(shard) == {}


class TestDiskFull:
    SCRIPT = """
        import resource, sys
        from fauna.errors import SqlError
        from fauna.shard.engines.sqlite.data_directory import DataDirectory
        from fauna.shard.engines.sqlite.shard import SqliteShard
        from fauna.shard.shard import Isolation
        shard = SqliteShard(DataDirectory(sys.argv[1]))
        branch = shard.begin(Isolation.READ_COMMITTED)
        branch.execute_ddl([("CREATE TABLE t1 (c0 INTEGER PRIMARY KEY, c1 TEXT) STRICT", ())])
        branch.commit().wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        done = 0
        try:
            while done < 10_000:
                branch = shard.begin(Isolation.READ_COMMITTED)
                branch.write("INSERT INTO t1 VALUES (?, ?)", (done, "x" * 1000))
                branch.commit().wait()
                done += 1
        except SqlError as failed:
            print(failed.errno, flush=True)
        branch.rollback()
        [(count,)] = shard.autocommit_query("SELECT count(*) FROM t1", (), inline=True)
        print(count == done, done > 10, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        branch = shard.begin(Isolation.READ_COMMITTED)
        branch.write("INSERT INTO t1 VALUES (?, ?)", (done, "x" * 1000))
        branch.commit().wait()
        [(count,)] = shard.autocommit_query("SELECT count(*) FROM t1", (), inline=True)
        print(count == done + 1, shard.integrity_errors(), flush=True)
        shard.close()
    """

    def test_log_cannot_grow(self, tmp_path: Path) -> None:
        process = child(["-c", textwrap.dedent(self.SCRIPT), str(tmp_path)])
        assert process.communicate(timeout=60)[0].decode().splitlines() == ["1021", "True True", "True []"]

    @pytest.mark.parametrize("earlier_work", [False, True])
    def test_file_cannot_grow(self, shard: SqliteShard, earlier_work: bool) -> None:
        connection = shard.writer.handle.connection
        pages = connection.execute("PRAGMA page_count").get
        connection.execute(f"PRAGMA max_page_count = {pages + 5}").fetchall()
        actor = Actor(shard, RC)
        if earlier_work:
            actor.put(1, 11)
        with pytest.raises(SqlError) as raised:
            actor.branch.write(
                "INSERT INTO t1 SELECT value, zeroblob(0) IS NULL FROM "
                "(WITH RECURSIVE n (value) AS (SELECT 10 UNION ALL SELECT value + 1 FROM n LIMIT 50000) "
                "SELECT value FROM n)",
                (),
            )
        assert raised.value.errno == 1021
        actor.rollback()
        assert latest(shard) == {1: 10, 2: 20}
        connection.execute("PRAGMA max_page_count = 1000000").fetchall()
        actor = Actor(shard, RC)
        actor.put(1, 12)
        actor.commit()
        assert latest(shard) == {1: 12, 2: 20}


class TestCheckpoint:
    def test_log_stays_small_while_readers_come_and_go(self, open_shard: OpenShard, tmp_path: Path) -> None:
        from fauna.shard.engines.sqlite.settings import EngineSettings

        shard = open_shard(EngineSettings(checkpoint_pages=100, truncate_pages=2_000))
        make_tables(shard)
        wal = tmp_path / "data" / "shard-0.db-wal"
        largest = 0
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                reader = Actor(shard, Isolation.REPEATABLE_READ)
                reader.get(1)
                time.sleep(0.001)
                reader.commit()

        readers = [threading.Thread(target=read) for _ in range(4)]
        for thread in readers:
            thread.start()
        for number in range(8_000):  # writes some 70 MB of log
            actor = Actor(shard, RC)
            waiting(partial(actor.insert, number + 10, number))
            actor.put(1, number)
            actor.branch.commit()
            largest = max(largest, wal.stat().st_size)
        stop.set()
        for thread in readers:
            thread.join()
        assert largest < 35_000_000
        assert list(shard.autocommit_query("SELECT c1 FROM t1 WHERE c0 = 1", (), inline=True)) == [(7_999,)]

    def test_old_reader_does_not_stop_anybody(self, open_shard: OpenShard, tmp_path: Path) -> None:
        from fauna.shard.engines.sqlite.settings import EngineSettings

        shard = open_shard(EngineSettings(checkpoint_pages=50, truncate_pages=200))
        make_tables(shard)
        reader = Actor(shard, Isolation.REPEATABLE_READ)
        assert reader.get(1) == 10
        for number in range(1_000):
            actor = Actor(shard, RC)
            waiting(partial(actor.put, 1, number))
            actor.branch.commit()
        assert reader.get(1) == 10
        reader.commit()
        for number in range(200):
            actor = Actor(shard, RC)
            waiting(partial(actor.put, 1, number))
            actor.branch.commit()
            time.sleep(0.001)
        time.sleep(0.1)
        assert (tmp_path / "data" / "shard-0.db-wal").stat().st_size < 3_000_000
