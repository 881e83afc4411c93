"""What the chain costs, and how fast it is read: always beside the same thing without it, or beside reading the bytes alone.

commits    sysbench on two servers, one with `--chain on` and one with `--chain off`, in turns
size       what a row change takes in the blocks, of what sysbench has left
opening    a database with a long chain, beside one with a short one and the same rows
AS OF      a row by its key as it was, beside the same row as it is, over the MySQL protocol
verify     all of the long chain, beside reading the file
restore    from a backup: a copy of the files, and then blocks
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw
import pymysql

from bench import sysbench
from fauna.chain.encoding import decode_header
from fauna.node import Node, configure, equal_key
from fauna.settings import Settings
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation, lock_now
from tests.servers import Server, faunadb

DATABASE: Final = "bench"
TABLE: Final = "CREATE TABLE kv (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(100) NOT NULL)"
ROWS: Final = 10_000
TESTS: Final = ("oltp_write_only", "oltp_read_write")
THREADS: Final = 8
SHORT_BLOCKS: Final = 1_000
ROWS_AT_ONCE: Final = 100
OPENED: Final = 5
UPDATES: Final = 20
ASKED_S: Final = 0.5
_NOT_THERE: Final = 2  # the exit code of a command that is not part of a release
_NO_SUCH_SQL: Final = (1064, 1235)
_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Plan:
    """rounds: of sysbench, each with and without the chain; time_s: one run; blocks: of the long chain."""

    rounds: int = 5
    time_s: int = 10
    size: int = 100_000
    blocks: int = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One line: what, how much with the chain, beside what, how often the one goes into the other, and what that should be."""

    what: str
    value: str
    beside: str = ""
    ratio: float = 0.0
    aim: str = ""
    skipped: str = ""


@dataclass
class Results:
    plan: Plan
    figures: list[Figure] = field(default_factory=list)

    def add(self, what: str, value: str, beside: str = "", ratio: float = 0.0, aim: str = "", *, skipped: str = "") -> None:
        figure = Figure(what, value, beside, round(ratio, 3), aim, skipped)
        print(f"chain: {what}: {skipped or f'{value} {beside} {figure.ratio or str()} {aim}'.strip()}", flush=True)
        self.figures.append(figure)


class _NotThere(Exception):
    """What is to be measured is not part of this release."""


def run(plan: Plan) -> Results:
    """Measure everything.  NotAvailable without sysbench."""
    results = Results(plan)
    _commits(results)
    with tempfile.TemporaryDirectory(prefix="fauna-bench-") as scratch:
        long, short, wide = (Path(scratch) / name for name in ("long", "short", "wide"))
        _fill(short, SHORT_BLOCKS)
        started = time.perf_counter()
        _fill(long, plan.blocks)
        print(f"chain: {plan.blocks:,} blocks made in {time.perf_counter() - started:.0f} s, without syncs", flush=True)
        _opening(results, long, short)
        _or_skipped(results, "verify", lambda: _verify(results, long, "1 row change a block"))
        _fill(wide, plan.blocks // ROWS_AT_ONCE, ROWS_AT_ONCE)
        _or_skipped(results, "verify", lambda: _verify(results, wide, f"{ROWS_AT_ONCE} row changes a block"))
        _or_skipped(results, "restore", lambda: _restore(results, long, Path(scratch)))
    _or_skipped(results, "AS OF", lambda: _as_of(results))
    return results


def _or_skipped(results: Results, what: str, measure: Callable[[], None]) -> None:
    try:
        measure()
    except _NotThere as reason:
        results.add(what, "", skipped=f"not measured: {reason}")


# ── commits, and their size ──


def _commits(results: Results) -> None:
    plan = results.plan
    work = sysbench.Workload(1, plan.size, plan.time_s)
    with contextlib.ExitStack() as running, tempfile.TemporaryDirectory(prefix="fauna-bench-") as scratch:
        on = running.enter_context(faunadb.start("--chain", "on", data=Path(scratch) / "on"))
        off = running.enter_context(faunadb.start("--chain", "off"))
        for server in (on, off):
            sysbench.prepare(server, work)
        for test in TESTS:
            rounds = [_round(on, off, work, test, turn) for turn in range(plan.rounds)]
            with_chain, without = ([each[i] for each in rounds] for i in range(2))
            _tell_commits(results, test, with_chain, without)
        running.close()  # so that all is in the file
        _size(results, Path(scratch) / "on" / "shard-0.db")


def _round(on: Server, off: Server, work: sysbench.Workload, test: str, turn: int) -> tuple[sysbench.Measured, sysbench.Measured]:
    """The one and the other, in an order that changes from round to round."""
    servers = {"on": on, "off": off}
    found: dict[str, sysbench.Measured] = {}
    for name in sorted(servers, reverse=bool(turn % 2)):
        measured = found[name] = sysbench.measure(servers[name], work, test, THREADS)
        if measured.failed:
            raise RuntimeError(f"{test}: {measured.failed}")
        _settle(on)
    return found["on"], found["off"]


def _settle(on: Server) -> None:
    """Have it make the row versions now, not while the other one is measured."""
    try:
        on.query(f"SELECT COUNT(*) FROM {sysbench.DATABASE}.sbtest1 FOR SYSTEM_TIME AS OF NOW(6) WHERE id = 0")
    except pymysql.MySQLError as problem:
        if not problem.args or problem.args[0] not in _NO_SUCH_SQL:
            raise


def _tell_commits(results: Results, test: str, with_chain: list[sysbench.Measured], without: list[sysbench.Measured]) -> None:
    ratio = statistics.median(a.transactions_s / b.transactions_s for a, b in zip(with_chain, without, strict=True))
    on, off = (statistics.median(each.transactions_s for each in runs) for runs in (with_chain, without))
    name = f"{test}, {THREADS} threads"
    results.add(f"{name}: commits", f"{on:,.0f}/s", f"{off:,.0f}/s without", ratio, ">= 0.9")
    on, off = (statistics.median(each.server_cpu / each.transactions_s * 1e6 for each in runs) for runs in (with_chain, without))
    results.add(f"{name}: processor time of one", f"{on:,.0f} µs", f"{off:,.0f} µs without", on / off)


def _size(results: Results, path: Path) -> None:
    """What sysbench has left: rows of some 190 bytes, most of them changed one to four at a time."""
    changes = headers = payloads = blocks = 0
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        for header, payload in connection.execute("SELECT header, length(payload) FROM fauna_blocks WHERE height > 10"):
            found = decode_header(bytes(header))  # type: ignore[arg-type]
            if found.changes <= THREADS:  # not those that have filled the table
                blocks += 1
                changes += found.changes
                headers += len(header)  # type: ignore[arg-type]
                payloads += int(payload)  # type: ignore[call-overload]
    if changes:
        total = headers + payloads
        results.add(
            "size of a row change in the chain", f"{total / changes:,.0f} bytes", f"of which header {headers / changes:,.0f}"
        )
        results.add("size of a block", f"{total / blocks:,.0f} bytes", f"{changes / blocks:.1f} row changes")


# ── a long chain ──


def _fill(path: Path, blocks: int, rows: int = 1) -> None:
    """Make a database of so many commits, each of so many rows; none is synced."""
    settings = Settings(data=path)
    node = Node.open(path, settings)
    _run_all(node, f"CREATE DATABASE {DATABASE}", f"USE {DATABASE}", TABLE, _insert(ROWS))
    relation = node.catalog.relation(DATABASE, "kv")
    assert relation is not None
    physical = relation.physical  # type: ignore[union-attr]
    node.close()
    _commit(path, physical, blocks, rows)


def _insert(rows: int) -> str:
    return "INSERT INTO kv VALUES " + ",".join(f"({i}, 0, '{i:-<60}')" for i in range(rows))


def _run_all(node: Node, *statements: str) -> None:
    from fauna.wire.backend import ClientInfo

    session = node.open_session(ClientInfo(1, "root", "localhost", None, False, False, True, 45, {}))
    for statement in statements:
        result = session.run(statement)
        if result.durable is not None:
            result.durable.wait()
    session.close()


def _commit(path: Path, physical: str, blocks: int, rows: int = 1) -> None:
    directory = DataDirectory(path)
    shard = SqliteShard(directory, configure=configure, equal_key=equal_key, sync=lambda descriptor: None)
    update = f"UPDATE {physical} SET c2 = c2 + 1 WHERE c1 BETWEEN ? AND ?"
    for i in range(blocks):
        branch = shard.begin(Isolation.READ_COMMITTED)
        lock_now(branch)  # which the checkpointer may have for a moment
        first = i * 7919 % (ROWS - rows)
        branch.write(update, (first, first + rows - 1))
        branch.commit().wait()
    shard.close()
    directory.close()


def _opening(results: Results, long: Path, short: Path) -> None:
    times: dict[Path, list[float]] = {long: [], short: []}
    for _ in range(OPENED):
        for path, taken in times.items():
            started = time.perf_counter()
            node = Node.open(path, Settings(data=path))
            taken.append(time.perf_counter() - started)
            node.close()
    a, b = (statistics.median(times[path]) * 1000 for path in (long, short))
    results.add(f"opening, {results.plan.blocks:,} blocks", f"{a:,.1f} ms", f"{b:,.1f} ms with {SHORT_BLOCKS:,}", a / b)


# ── reading it ──


def _command(*words: str) -> tuple[float, dict[str, Any]]:
    """How long a command took, and what it said in JSON."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fauna", *words, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - started
    if done.returncode == _NOT_THERE:
        raise _NotThere(f"faunadb {words[0]}: {(done.stderr or done.stdout).strip()[:200]}")
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"faunadb {' '.join(words)}: {done.stdout[-300:]}{done.stderr[-300:]}") from None
    return taken, said


def _reading_s(path: Path) -> float:
    """How long it takes to read the file."""
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(_READ_BYTES):
            pass
    return time.perf_counter() - started


def _verify(results: Results, path: Path, what: str) -> None:
    taken, said = _command("verify", "--data", str(path))
    changes = results.plan.blocks + ROWS
    clean = "" if said.get("clean") else ", which finds something"
    results.add(f"verify, {what}{clean}", f"{changes / taken:,.0f}/s", f"{taken:,.1f} s in all", aim=">= 200,000/s")
    reading = _reading_s(path / "shard-0.db")
    size = (path / "shard-0.db").stat().st_size
    mib = size / (1 << 20)
    results.add(
        f"verify, {what}: of the file", f"{mib / taken:,.0f} MiB/s", f"{mib / reading:,.0f} MiB/s reading it", reading / taken
    )


def _restore(results: Results, path: Path, scratch: Path) -> None:
    backup, more = scratch / "backup", results.plan.blocks // 10
    size = (path / "shard-0.db").stat().st_size / (1 << 20)
    taken, _ = _command("backup", str(backup), "--data", str(path))
    results.add("backup, first", f"{size / taken:,.0f} MiB/s", f"{taken:,.1f} s in all")
    copied, _ = _command("restore", str(backup), "--data", str(scratch / "restored"))
    results.add("restore of a copy", f"{size / copied:,.0f} MiB/s", f"{copied:,.1f} s in all")
    shutil.rmtree(scratch / "restored")
    started = time.perf_counter()
    _commit(path, _physical(path), more)
    making = time.perf_counter() - started
    taken, _ = _command("backup", str(backup), "--data", str(path))
    results.add("backup, what came since: blocks", f"{more / taken:,.0f}/s", f"{taken:,.1f} s in all")
    taken, _ = _command("restore", str(backup), "--data", str(scratch / "restored"))
    blocks_s = max(taken - copied, 0.001)
    results.add(
        "restore of blocks beyond the copy", f"{more / blocks_s:,.0f}/s", f"{more / making:,.0f}/s committing them",
        making / blocks_s,
    )  # fmt: skip


def _physical(path: Path) -> str:
    node = Node.open(path, Settings(data=path))
    relation = node.catalog.relation(DATABASE, "kv")
    node.close()
    return relation.physical  # type: ignore[union-attr]


# ── the past ──


def _as_of(results: Results) -> None:
    with faunadb.start() as server:
        server.query(f"CREATE DATABASE {DATABASE}")
        with contextlib.closing(server.connect(database=DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.execute(_insert(ROWS))
            moment = ""
            for turn in range(UPDATES):
                cursor.execute("UPDATE kv SET n = n + 1")
                if turn == UPDATES // 2:
                    cursor.execute("SELECT NOW(6)")
                    moment = str(cursor.fetchone()[0])
                    time.sleep(0.001)  # the next commit is later than that
            connection.commit()
            then = f"SELECT n FROM kv FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}' WHERE id = %s"
            started = time.perf_counter()
            _must_ask(cursor, then)
            taken = time.perf_counter() - started
            results.add("row versions made from blocks", f"{ROWS * (UPDATES + 1) / taken:,.0f}/s", f"{taken:,.1f} s in all")
            times: dict[str, list[float]] = {"SELECT n FROM kv WHERE id = %s": [], then: []}
            for _ in range(OPENED):
                for query, asked in times.items():
                    asked.append(_asked_us(cursor, query))
            live, past = (statistics.median(asked) for asked in times.values())
            results.add(
                f"AS OF by key, {UPDATES + 1} versions of each row",
                f"{past:,.0f} µs",
                f"{live:,.0f} µs as it is",
                past / live,
                "<= 3",
            )


def _must_ask(cursor: Any, query: str) -> None:
    try:
        cursor.execute(query, (1,))
    except pymysql.MySQLError as problem:
        if problem.args and problem.args[0] in _NO_SUCH_SQL:
            raise _NotThere(str(problem)) from None
        raise
    if cursor.fetchall() != ((UPDATES // 2 + 1,),):
        raise RuntimeError(f"{query}: that is not what it was")


def _asked_us(cursor: Any, query: str) -> float:
    """The median of one query."""
    times: list[float] = []
    end = time.perf_counter() + ASKED_S
    while (started := time.perf_counter()) < end:
        cursor.execute(query, (len(times) * 7919 % ROWS,))
        assert cursor.fetchall()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


# ── what is told ──

EXPLAINED: Final = (
    "`ratio`: the first figure by the second; of commits the median of the rounds' own. Of verify and restore it is that of "
    "speeds. Commits of sysbench are durable. The long chains are made in process, without syncs."
)


def table(results: Results) -> str:
    lines = ["| the chain | | beside | ratio | aim |", "|---|---:|---:|---:|---:|"]
    for each in results.figures:
        if each.skipped:
            lines.append(f"| {each.what} | {each.skipped} | | | |")
        else:
            lines.append(
                f"| {each.what} | {each.value} | {each.beside} | {f'{each.ratio:.2f}' if each.ratio else ''} | {each.aim} |"
            )
    return "\n".join(lines)


def document(results: Results) -> dict[str, Any]:
    """For the JSON file."""
    return {"plan": asdict(results.plan), "figures": [asdict(each) for each in results.figures]}
