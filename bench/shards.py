"""Several shards: FaunaDB with four beside MariaDB Spider over two data servers, and beside itself with one.

All servers are up at the same time and are measured in turns, round by round; what is told is the median of the rounds.
Before anything is measured the answers are compared, and at the end that no transaction was done by halves.

Spider is measured twice: as Debian installs it, and set for what is measured (`SET`): joins in batches, and internal XA, without
which its COMMIT on two data servers is not atomic.  (Asking data servers at the same time, spider_bgs_mode, made it slower.)
"""

from __future__ import annotations

import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pymysql

from bench import spider, sysbench
from tests.servers import NotAvailable, Server, faunadb

DATABASE: Final = "shop"
SCRIPT: Final = Path(__file__).with_suffix(".lua")
BATCH_ROWS: Final = 5_000
PAIRS: Final = 4_000
# A statement of Spider's that takes longer is ended; one that takes longer than SLOW_S is not repeated.
LIMIT_S: Final = 30
SLOW_S: Final = 5.0

# Rows for one row of `sales`, columns and keys, shard key.
TABLES: Final = {
    "customers": (0.1, "id INT NOT NULL PRIMARY KEY, segment INT NOT NULL, name VARCHAR(50) NOT NULL", "id"),
    "returned": (0.2, "sale INT NOT NULL PRIMARY KEY, reason INT NOT NULL", "sale"),
    "sales": (
        1.0,
        "id INT NOT NULL PRIMARY KEY, customer INT NOT NULL, region INT NOT NULL, amount INT NOT NULL, "
        "note VARCHAR(100) NOT NULL",
        "id",
    ),
}
QUERIES: Final = {
    "GROUP BY, 100 groups": "SELECT region, COUNT(*), SUM(amount), AVG(amount), MAX(amount) FROM sales "
    "GROUP BY region ORDER BY region",
    "GROUP BY, a group for 10 rows": "SELECT customer, COUNT(*), SUM(amount) AS total FROM sales GROUP BY customer "
    "ORDER BY total DESC, customer LIMIT 10",
    "JOIN by the shard key": "SELECT r.reason, COUNT(*), SUM(s.amount) FROM sales s JOIN returned r ON r.sale = s.id "
    "GROUP BY r.reason ORDER BY r.reason",
    "JOIN by another column": "SELECT c.segment, COUNT(*), SUM(s.amount) FROM sales s JOIN customers c ON c.id = s.customer "
    "GROUP BY c.segment ORDER BY c.segment",
}
POINT: Final = "point SELECT"
TRANSFER: Final = "transaction on 2 shards"
LOAD: Final = "load, rows"

PLAIN: Final = "Spider"
SET: Final = "Spider, set"
FOUR: Final = "FaunaDB, 4 shards"
ONE: Final = "FaunaDB, 1 shard"
SETTINGS: Final = (
    "SET optimizer_switch = 'mrr=on,mrr_cost_based=off'",
    "SET join_cache_level = 8",
    "SET join_buffer_size = 67108864",
    "SET join_buffer_space_limit = 268435456",
    "SET spider_internal_xa = 1",
)


@dataclass(frozen=True)
class Plan:
    """rounds: at most so many; no new one begins when `limit_s` are over."""

    rows: int = 1_000_000
    rounds: int = 5
    time_s: int = 2
    limit_s: float = 300.0
    threads: tuple[int, ...] = (1, 8)


@dataclass(frozen=True)
class Subject:
    """A server that is measured; `settings` begin each connection, `cpu_s` is the CPU time it has used so far."""

    name: str
    server: Server
    cpu_s: Callable[[], float]
    settings: tuple[str, ...] = ()

    def connect(self) -> pymysql.Connection[Any]:
        connection: pymysql.Connection[Any] = self.server.connect(database=DATABASE)
        with connection.cursor() as cursor:
            for statement in self.settings:
                cursor.execute(statement)
        return connection


@dataclass
class Line:
    """What one subject did at one thing, round by round: milliseconds for one, or how many in a second (`per_s`)."""

    what: str
    threads: int
    subject: str
    per_s: bool
    values: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # of the servers' processor time, for one
    failed: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values) if self.values else 0.0

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_ms) if self.cpu_ms else 0.0

    def as_dict(self) -> dict[str, Any]:
        return vars(self) | {"value": self.value, "cpu": self.cpu}


@dataclass
class Results:
    plan: Plan
    rounds: int = 0
    lines: dict[tuple[str, int, str], Line] = field(default_factory=dict)

    def add(self, what: str, threads: int, subject: Subject, value: float, *, per_s: bool, cpu_ms: float) -> Line:
        line = self.lines.setdefault((what, threads, subject.name), Line(what, threads, subject.name, per_s))
        line.values.append(round(value, 3))
        line.cpu_ms.append(round(cpu_ms, 3))
        return line

    def faster(self, what: str, threads: int, ours: str, theirs: str) -> float:
        """How many times as fast `ours` is as `theirs`; 0.0 when either was not measured."""
        a, b = self.lines.get((what, threads, ours)), self.lines.get((what, threads, theirs))
        if a is None or b is None or not a.value or not b.value:
            return 0.0
        return round(a.value / b.value if a.per_s else b.value / a.value, 3)


def run(plan: Plan) -> Results:
    """Measure everything; without Spider when it is not installed.  NotAvailable without sysbench."""
    results = Results(plan)
    end = time.monotonic() + plan.limit_s
    with contextlib.ExitStack() as running:
        subjects = _subjects(running)
        # One of each server: the settings do not matter for what is in it.
        servers = [subject for subject in subjects if subject.name != SET]
        for subject in servers:
            _load(results, subject, plan.rows)
        _compare_answers([subject for subject in subjects if subject.name != PLAIN])
        total = _total(servers[0])
        pairs = running.enter_context(_pairs(next(s for s in subjects if s.name == FOUR), plan.rows))
        while results.rounds < plan.rounds and (not results.rounds or time.monotonic() < end):
            results.rounds += 1
            print(f"shards: round {results.rounds}", flush=True)
            for what in QUERIES:
                for subject in subjects:
                    _time_query(results, subject, what)
            for threads in plan.threads:
                for subject in servers:
                    _drive(results, subject, POINT, threads, work="point", rows=plan.rows)
                for subject in subjects:
                    _drive(results, subject, TRANSFER, threads, work="transfer", pairs=pairs)
        for subject in servers:
            if _total(subject) != total:
                raise RuntimeError(f"{subject.name}: a transaction was done by halves")
    return results


def _subjects(running: contextlib.ExitStack) -> list[Subject]:
    found: list[Subject] = []
    try:
        cluster = running.enter_context(spider.start(2))
    except NotAvailable as reason:
        print(f"shards: without Spider: {reason}")
    else:
        cluster.make_database(DATABASE)
        for table, (_, body, key) in TABLES.items():
            cluster.make_table(DATABASE, table, body, key)
        limit = f"SET max_statement_time = {LIMIT_S}"
        plain = Subject(PLAIN, cluster.head, cluster.cpu_s, (limit,))
        found += [plain, replace(plain, name=SET, settings=(limit, *SETTINGS))]
    for name, shards in ((FOUR, 4), (ONE, 1)):
        server = running.enter_context(faunadb.start("--shards", str(shards)))
        server.query(f"CREATE DATABASE {DATABASE}")
        for table, (_, body, _) in TABLES.items():
            server.query(f"CREATE TABLE {DATABASE}.{table} ({body})")
        found.append(Subject(name, server, server.cpu_s))
    return found


# ── what is in the tables ──


def _load(results: Results, subject: Subject, sales: int) -> None:
    chance = random.Random(1)
    customers = max(1, int(sales * TABLES["customers"][0]))
    texts: dict[str, Callable[[int], str]] = {
        "customers": lambda i: f"({i},{i % 20},'customer {i}')",
        "returned": lambda i: f"({i * 5},{i % 10})",
        "sales": lambda i: (
            f"({i},{chance.randrange(customers) + 1},{chance.randrange(100)},{chance.randrange(100_000)},'{i:-<60}')"
        ),
    }
    count, seconds, cpu = 0, 0.0, subject.cpu_s()
    with contextlib.closing(subject.connect()) as connection, connection.cursor() as cursor:
        for table, (share, _, _) in TABLES.items():
            rows = int(sales * share)
            for first in range(1, rows + 1, BATCH_ROWS):
                values = ",".join(map(texts[table], range(first, min(first + BATCH_ROWS, rows + 1))))
                started = time.perf_counter()
                cursor.execute(f"INSERT INTO {table} VALUES {values}")
                seconds += time.perf_counter() - started
            count += rows
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
    results.add(LOAD, 1, subject, count / seconds, per_s=True, cpu_ms=(subject.cpu_s() - cpu) * 1000 / count)
    print(f"shards: {subject.name}: {count:,} rows loaded in {seconds:.1f} s", flush=True)


def _compare_answers(subjects: list[Subject]) -> None:
    """All of them give the same rows.  Not asked: Spider without its settings, which takes too long; nor what it takes too long
    for with them."""
    for what, statement in QUERIES.items():
        answers: dict[str, Any] = {}
        for subject in subjects:
            with contextlib.closing(subject.connect()) as connection, connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                    answers[subject.name] = cursor.fetchall()
                except pymysql.MySQLError as problem:
                    if subject.name != SET:
                        raise
                    print(f"shards: {subject.name}: {what}: not compared: {problem}", flush=True)
        if len(set(answers.values())) > 1:
            raise RuntimeError(f"{what}: the servers do not agree: {answers}")


def _total(subject: Subject) -> Any:
    return subject.server.query("SELECT SUM(amount) FROM sales", database=DATABASE)


@contextlib.contextmanager
def _pairs(four: Subject, rows: int) -> Iterator[Path]:
    """A file of pairs of keys on two shards: an odd and an even one (Spider), on different shards of four (FaunaDB)."""
    chance = random.Random(2)
    with contextlib.closing(four.connect()) as connection, connection.cursor() as cursor:

        def shard_of(key: int) -> Any:
            cursor.execute(f"EXPLAIN SELECT note FROM sales WHERE id = {key}")
            return cursor.fetchone()[-1]

        lines: list[str] = []
        while len(lines) < min(PAIRS, rows // 10):
            odd, even = chance.randrange(1, rows, 2), chance.randrange(2, rows + 1, 2)
            if shard_of(odd) != shard_of(even):
                lines.append(f"{odd} {even}\n")
    with tempfile.TemporaryDirectory(prefix="fauna-bench-") as directory:
        path = Path(directory) / "pairs"
        path.write_text("".join(lines))
        yield path


# ── one measurement ──


def _time_query(results: Results, subject: Subject, what: str) -> None:
    done = results.lines.get((what, 1, subject.name))
    if done is not None and (done.failed or done.values[0] > SLOW_S * 1000):
        return
    with contextlib.closing(subject.connect()) as connection, connection.cursor() as cursor:
        started, cpu = time.perf_counter(), subject.cpu_s()
        failed = ""
        try:
            cursor.execute(QUERIES[what])
            cursor.fetchall()
        except pymysql.MySQLError as error:
            failed = str(error)
        seconds = time.perf_counter() - started
    line = results.add(what, 1, subject, seconds * 1000, per_s=False, cpu_ms=(subject.cpu_s() - cpu) * 1000)
    line.failed = failed
    if failed or seconds > SLOW_S:
        print(f"shards: {subject.name}: {what}: {seconds:.1f} s {failed}", flush=True)


def _drive(results: Results, subject: Subject, what: str, threads: int, **options: object) -> None:
    cpu = subject.cpu_s()
    session = "".join(f"{statement};" for statement in subject.settings)
    found = sysbench.measure_script(subject.server, SCRIPT, DATABASE, threads, results.plan.time_s, session=session, **options)
    done = found.transactions_s * results.plan.time_s
    cpu_ms = (subject.cpu_s() - cpu) * 1000 / done if done else 0.0
    line = results.add(what, threads, subject, found.transactions_s, per_s=True, cpu_ms=cpu_ms)
    line.failed = found.failed
    if found.failed:
        print(f"shards: {subject.name}: {what}, {threads} threads: {found.failed}", flush=True)


# ── what is told ──

# (what, threads) -> how many times as fast as Spider, and as itself with one shard, FaunaDB with four is meant to be.
AIMS_SPIDER: Final = dict.fromkeys([*((what, 1) for what in QUERIES), (TRANSFER, 1), (TRANSFER, 8)], 5.0)
AIMS_ONE: Final = {(POINT, 1): 0.95, (POINT, 8): 0.95}

EXPLAINED: Final = (
    "`×`: how many times as fast FaunaDB with four shards is. `Spider`: MariaDB's as Debian installs it, over two data servers; "
    "its COMMIT is not atomic then. `Spider, set`: joins in batches (BKAH, 64 MiB join buffer) and "
    "`spider_internal_xa=1`. Queries run one at a time; `load` is INSERT of 5,000 rows a statement by one client; a "
    "transaction is two UPDATEs by key between BEGIN and COMMIT, of rows that FaunaDB's one shard has both. "
    "`CPU ms`: processor time of the servers for one query, row or transaction: Spider (set, where it was), four shards, one."
)


def table(results: Results) -> str:
    lines = [
        "| | threads | Spider | Spider, set | FaunaDB 4 shards | × Spider | × Spider, set | aim "
        "| FaunaDB 1 shard | 4 shards × 1 | aim | CPU ms S / 4 / 1 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for what, threads in dict.fromkeys((what, threads) for what, threads, _ in results.lines):
        shown = [_shown(results.lines.get((what, threads, name))) for name in (PLAIN, SET, FOUR, ONE)]
        times = [_times(results, what, threads, name) for name in (PLAIN, SET, ONE)]
        aims = [f"{aims[what, threads]:g}" if (what, threads) in aims else "" for aims in (AIMS_SPIDER, AIMS_ONE)]
        best = SET if (what, threads, SET) in results.lines else PLAIN
        cpu = " / ".join(_cpu(results.lines.get((what, threads, name))) for name in (best, FOUR, ONE))
        cells = [what, str(threads), *shown[:3], *times[:2], aims[0], shown[3], times[2], aims[1], cpu]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(line: Line | None) -> str:
    if line is None:
        return ""
    if line.per_s:
        return line.failed.split("\n")[0] or f"{line.value:,.0f}/s"
    return f"> {line.value / 1000:,.0f} s" if line.failed else f"{line.value:,.0f} ms"


def _times(results: Results, what: str, threads: int, theirs: str) -> str:
    """How many times as fast four shards are, at least where the other was ended before it had answered."""
    found = results.faster(what, threads, FOUR, theirs)
    if not found:
        return ""
    return f"> {found:.0f}" if results.lines[what, threads, theirs].failed else f"{found:.2f}"


def _cpu(line: Line | None) -> str:
    return "–" if line is None else f"{line.cpu:,.0f}" if line.cpu >= 10 else f"{line.cpu:.2g}"


def document(results: Results) -> dict[str, Any]:
    """For the JSON file."""
    ratios = {
        f"{what}/{threads}": {name: results.faster(what, threads, FOUR, name) for name in (PLAIN, SET, ONE)}
        for what, threads, subject in results.lines
        if subject == FOUR
    }
    return {
        "plan": vars(results.plan),
        "rounds": results.rounds,
        "lines": [line.as_dict() for line in results.lines.values()],
        "faster": ratios,
    }
