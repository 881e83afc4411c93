"""Runs sysbench on one server and reads what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.servers import NotAvailable, Server

DATABASE: Final = "sbtest"
TESTS: Final = ("oltp_point_select", "oltp_read_only", "oltp_read_write", "oltp_write_only")
# What sysbench retries without counting it as a failure: deadlock, lock wait, and "changed since last read".
IGNORED_ERRORS: Final = "1213,1020,1205"


@dataclass(frozen=True)
class Workload:
    tables: int = 1
    size: int = 100_000
    time_s: int = 10


@dataclass(frozen=True)
class Measured:
    """One run; `failed` is what sysbench wrote when it gave up, `ignored_errors_s` are transactions it had to repeat."""

    server: str
    test: str
    threads: int
    transactions_s: float = 0.0
    queries_s: float = 0.0
    latency_ms_avg: float = 0.0
    latency_ms_p95: float = 0.0
    ignored_errors_s: float = 0.0
    reconnects: int = 0
    server_cpu: float = 0.0
    failed: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def prepare(server: Server, work: Workload) -> None:
    """Make and fill the tables afresh."""
    server.query(f"DROP DATABASE IF EXISTS {DATABASE}")
    server.query(f"CREATE DATABASE {DATABASE}")
    done = _on_tables(server, work, "oltp_read_write", 1, "prepare")
    if done.returncode:
        raise RuntimeError(f"sysbench could not fill {server.name}:\n{_complaint(done)}")


def measure(server: Server, work: Workload, test: str, threads: int) -> Measured:
    cpu_before = server.cpu_s()
    done = _on_tables(server, work, test, threads, "run")
    cpu = (server.cpu_s() - cpu_before) / work.time_s
    if done.returncode:
        return Measured(server.name, test, threads, failed=_complaint(done))
    return _parse(server.name, test, threads, cpu, done.stdout)


def measure_script(server: Server, script: Path, database: str, threads: int, time_s: int, **options: object) -> Measured:
    """One run of a script of ours, with its own `options`; the CPU time is for the caller to add."""
    own = [f"--{name}={value}" for name, value in options.items()]
    done = _sysbench(server, str(script), database, threads, time_s, "run", *own)
    if done.returncode:
        return Measured(server.name, script.stem, threads, failed=_complaint(done))
    return _parse(server.name, script.stem, threads, 0.0, done.stdout)


def _on_tables(server: Server, work: Workload, test: str, threads: int, command: str) -> subprocess.CompletedProcess[str]:
    tables = [f"--tables={work.tables}", f"--table-size={work.size}", "--rand-type=uniform"]
    return _sysbench(server, test, DATABASE, threads, work.time_s, command, *tables)


def _sysbench(
    server: Server, test: str, database: str, threads: int, time_s: int, command: str, *options: str
) -> subprocess.CompletedProcess[str]:
    program = shutil.which("sysbench")
    if program is None:
        raise NotAvailable("sysbench is not installed (Debian: sysbench)")
    arguments = [
        program, test, "--db-driver=mysql", f"--mysql-host={server.host}", f"--mysql-port={server.port}",
        f"--mysql-user={server.user}", f"--mysql-password={server.password}", f"--mysql-db={database}",
        f"--mysql-ignore-errors={IGNORED_ERRORS}", f"--threads={threads}", f"--time={time_s}", "--report-interval=0",
        *options, command,
    ]  # fmt: skip
    return subprocess.run(arguments, capture_output=True, text=True, timeout=time_s + 600, check=False)


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "FATAL" in line or "rror" in line]
    return "\n".join(lines[:5]) or done.stderr[-300:]


def _parse(server: str, test: str, threads: int, cpu: float, text: str) -> Measured:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    return Measured(
        server, test, threads,
        transactions_s=number(r"transactions:\s+\d+\s+\(([\d.]+) per sec"),
        queries_s=number(r"queries:\s+\d+\s+\(([\d.]+) per sec"),
        latency_ms_avg=number(r"avg:\s+([\d.]+)"),
        latency_ms_p95=number(r"95th percentile:\s+([\d.]+)"),
        ignored_errors_s=number(r"ignored errors:\s+\d+\s+\(([\d.]+) per sec"),
        reconnects=int(number(r"reconnects:\s+(\d+)")),
        server_cpu=round(cpu, 2),
    )  # fmt: skip
