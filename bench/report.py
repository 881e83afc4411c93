"""What was measured, as a table, JSON, a plot and a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any, Final

from bench import chain, shards
from bench.loops import Loop
from bench.sysbench import Measured, Workload

RESULTS: Final = Path(__file__).parent / "results"
DOCS: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"

# What this release promises (aims are higher); (test, threads) -> at least this share of MariaDB.
PROMISED: Final = {("oltp_point_select", 8): 0.5, ("oltp_read_write", 8): 0.4, ("oltp_write_only", 8): 0.4}
PROMISED_LOOPS: Final = {"point select": 4.0}


def pairs(measured: list[Measured]) -> list[tuple[Measured, Measured]]:
    """(MariaDB, FaunaDB) for each test and number of threads that both ran."""
    by = {(m.server, m.test, m.threads): m for m in measured}
    return [
        (m, by["faunadb", m.test, m.threads]) for m in measured if m.server == "mariadb" and ("faunadb", m.test, m.threads) in by
    ]


def ratio(ours: float, theirs: float) -> float:
    return round(ours / theirs, 3) if theirs else 0.0


def table(measured: list[Measured], loops: list[Loop]) -> str:
    lines = [
        "| sysbench | threads | MariaDB tx/s | FaunaDB tx/s | ratio | promised | p95 ms M/F | repeated/s M/F | CPU M/F |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for theirs, ours in pairs(measured):
        promised = PROMISED.get((ours.test, ours.threads), "")
        shown = ours.failed.split("\n")[0] if ours.failed else f"{ratio(ours.transactions_s, theirs.transactions_s):.2f}"
        lines.append(
            f"| {ours.test} | {ours.threads} | {theirs.transactions_s:,.0f} | {ours.transactions_s:,.0f} | {shown} | {promised} "
            f"| {theirs.latency_ms_p95:.1f} / {ours.latency_ms_p95:.1f} "
            f"| {theirs.ignored_errors_s:.1f} / {ours.ignored_errors_s:.1f} "
            f"| {theirs.server_cpu:.1f} / {ours.server_cpu:.1f} |"
        )
    lines += [
        "",
        "| one Python process | statement | per second | p50 µs | p99 µs | of PyMySQL on MariaDB | of raw SQLite |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for loop in loops:
        base = {x.statement: x.per_s for x in loops if x.name == "PyMySQL on mariadb"}.get(loop.statement, 0.0)
        raw = {x.statement: x.per_s for x in loops if x.name == "raw SQLite"}.get(loop.statement, 0.0)
        lines.append(
            f"| {loop.name} | {loop.statement} | {loop.per_s:,.0f} | {loop.p50_us:.0f} | {loop.p99_us:.0f} "
            f"| {ratio(loop.per_s, base):.2f} | {ratio(loop.per_s, raw):.2f} |"
        )
    return "\n".join(lines)


def broken_promises(measured: list[Measured], loops: list[Loop]) -> list[str]:
    found = []
    for theirs, ours in pairs(measured):
        least = PROMISED.get((ours.test, ours.threads))
        got = ratio(ours.transactions_s, theirs.transactions_s)
        if ours.failed:
            found.append(f"{ours.test}, {ours.threads} threads: {ours.failed}")
        elif least is not None and got < least:
            found.append(f"{ours.test}, {ours.threads} threads: {got:.2f} of MariaDB, promised {least}")
    base = {x.statement: x.per_s for x in loops if x.name == "PyMySQL on mariadb"}
    for loop in loops:
        least = PROMISED_LOOPS.get(loop.statement)
        if loop.name != "fauna embedded" or least is None or loop.statement not in base:
            continue
        got = ratio(loop.per_s, base[loop.statement])
        if got < least:
            found.append(f"embedded {loop.statement}: {got:.2f} of PyMySQL on MariaDB, promised {least}")
    return found


def save(
    measured: list[Measured], loops: list[Loop], work: Workload, sharded: shards.Results | None, chained: chain.Results | None
) -> Path:
    """The JSON file, and the plot beside it when matplotlib is there; returns the JSON file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    path.write_text(json.dumps(_document(measured, loops, work, sharded, chained), indent=1) + "\n")
    plot(measured, path.with_suffix(".png"))
    return path


def _document(
    measured: list[Measured], loops: list[Loop], work: Workload, sharded: shards.Results | None, chained: chain.Results | None
) -> dict[str, Any]:
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(), "workload": vars(work),
        "sysbench": [m.as_dict() for m in measured], "loops": [x.as_dict() for x in loops],
        "ratios": {f"{o.test}/{o.threads}": ratio(o.transactions_s, t.transactions_s) for t, o in pairs(measured)},
        "shards": None if sharded is None else shards.document(sharded),
        "chain": None if chained is None else chain.document(chained),
    }  # fmt: skip


def machine() -> str:
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def plot(measured: list[Measured], path: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no plot")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    both = pairs(measured)
    if not both:
        return
    figure, axes = pyplot.subplots(figsize=(9, 4.5))
    labels = [f"{o.test.removeprefix('oltp_')}\n{o.threads}" for _, o in both]
    axes.bar(range(len(both)), [ratio(o.transactions_s, t.transactions_s) for t, o in both], color="#2b6cb0")
    axes.axhline(1.0, color="#c05621", linewidth=1, label="MariaDB in the same run")
    axes.set_xticks(range(len(both)), labels, fontsize=7)
    axes.set_ylabel("FaunaDB tx/s ÷ MariaDB tx/s")
    axes.set_xlabel("sysbench test, threads")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


# The page's sections that are measured; what else is on it is written by hand, and kept.
_ALONE: Final = "Beside MariaDB"
_SHARDS: Final = "Several shards, beside MariaDB Spider"
_CHAIN: Final = "The chain, beside none"


def write_docs(
    measured: list[Measured], loops: list[Loop], work: Workload, sharded: shards.Results | None, chained: chain.Results | None
) -> None:
    """Put what was measured into the page; the sections of parts that were not run stay."""
    written = f"on {time.strftime('%Y-%m-%d', time.gmtime())}; {machine()}."
    first, *others = DOCS.read_text().split("\n## ")
    sections = {title: text for title, _, text in (section.partition("\n") for section in others)}
    if measured or loops:
        sections[_ALONE] = (
            f"\nWritten by `make bench ARGS=--write-docs` {written} "
            f"{work.tables} table(s) of {work.size:,} rows, {work.time_s} s each, MariaDB and FaunaDB one after the other in the "
            "same run, both flushing at each commit.\n\n"
            f"{table(measured, loops)}\n\n"
            "`repeated/s`: transactions that sysbench had to begin again after 1213, 1020 or 1205. "
            "`CPU`: processors kept busy by the server.\n"
        )
    if sharded is not None:
        sections[_SHARDS] = (
            f"\nWritten by `make bench ARGS='--shards-only --write-docs'` {written} {sharded.plan.rows:,} rows, the median of "
            f"{sharded.rounds} rounds, all servers in turns, all flushing at each commit.\n\n"
            f"{shards.table(sharded)}\n\n{shards.EXPLAINED}\n"
        )
    if chained is not None:
        sections[_CHAIN] = (
            f"\nWritten by `make bench ARGS='--chain-only --write-docs'` {written} {chained.plan.rounds} rounds of "
            f"{chained.plan.time_s} s, "
            "with and without the chain in turns.\n\n"
            f"{chain.table(chained)}\n\n{chain.EXPLAINED}\n"
        )
    DOCS.write_text("\n## ".join([first, *(f"{title}\n{text}" for title, text in sections.items())]))
