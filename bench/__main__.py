"""The command: see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Run from a clone: the product and the servers of the tests are beside us.
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from bench import chain, loops, report, shards, sysbench  # noqa: E402
from tests.servers import NotAvailable, Server, faunadb, mariadb  # noqa: E402

START = {"mariadb": mariadb.start, "faunadb": faunadb.start}


def main() -> int:
    args = _arguments()
    work = sysbench.Workload(args.tables, args.size, args.time)
    measured: list[sysbench.Measured] = []
    looped: list[loops.Loop] = []
    sharded: shards.Results | None = None
    chained: chain.Results | None = None
    try:
        for name in args.servers if args.tests or args.loops else ():
            with START[name]() as server:
                if args.tests:
                    measured += _drive(server, work, args.tests, args.threads)
                if args.loops:
                    looped += _told(loops.pymysql_on(server, args.loop_time))
        if args.shards:
            sharded = shards.run(args.shards)
        if args.chain:
            chained = chain.run(args.chain)
    except NotAvailable as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    if args.loops:
        looped += _told(loops.fauna_embedded(args.loop_time)) if "faunadb" in args.servers else []
        looped += _told(loops.raw_sqlite(args.loop_time))
    if measured or looped:
        print("\n" + report.table(measured, looped))
    if sharded is not None:
        print("\n" + shards.table(sharded))
    if chained is not None:
        print("\n" + chain.table(chained))
    print(f"\nwritten: {report.save(measured, looped, work, sharded, chained)}")
    if args.write_docs:
        report.write_docs(measured, looped, work, sharded, chained)
    broken = report.broken_promises(measured, looped)
    for line in broken:
        print(f"below what is promised: {line}")
    return 1 if broken and args.check else 0


def _drive(server: Server, work: sysbench.Workload, tests: list[str], threads: list[int]) -> list[sysbench.Measured]:
    print(f"{server.name}: filling {work.tables} table(s) of {work.size:,} rows", flush=True)
    sysbench.prepare(server, work)
    found = []
    for test in tests:
        for count in threads:
            one = sysbench.measure(server, work, test, count)
            print(f"{server.name}: {test} {count:>3} threads  {one.failed or f'{one.transactions_s:>10,.0f} tx/s'}", flush=True)
            found.append(one)
    print(f"{server.name}: {server.memory_mib():.0f} MiB resident", flush=True)
    return found


def _told(found: list[loops.Loop]) -> list[loops.Loop]:
    for loop in found:
        print(f"{loop.name}: {loop.statement} {loop.per_s:,.0f}/s", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="FaunaDB beside MariaDB, on this machine, in the same run"
    )
    parser.add_argument("--servers", default="mariadb,faunadb", help="which, in this order")
    parser.add_argument("--tests", default=",".join(sysbench.TESTS), help="sysbench tests; empty: none")
    parser.add_argument("--threads", default="1,8,32")
    parser.add_argument("--tables", type=int, default=1)
    parser.add_argument("--size", type=int, default=100_000, help="rows in each table")
    parser.add_argument("--time", type=int, default=10, help="seconds for each sysbench run")
    parser.add_argument("--loop-time", type=float, default=5.0, help="seconds for each in-process loop")
    parser.add_argument("--no-loops", dest="loops", action="store_false")
    parser.add_argument("--no-shards", action="store_true", help="not the part about several shards")
    parser.add_argument("--shards-only", action="store_true", help="nothing but the part about several shards")
    parser.add_argument("--shards-rows", type=int, default=1_000_000, help="rows of the largest table of that part")
    parser.add_argument("--shards-rounds", type=int, default=5, help="how often everything is measured there, at most")
    parser.add_argument("--no-chain", action="store_true", help="not the part about the chain")
    parser.add_argument("--chain-only", action="store_true", help="nothing but the part about the chain")
    parser.add_argument("--chain-blocks", type=int, default=1_000_000, help="length of the long chain of that part")
    parser.add_argument("--chain-rounds", type=int, default=5, help="how often sysbench runs there with and without the chain")
    parser.add_argument(
        "--quick", action="store_true",
        help="8 threads, 3 s, 10,000 rows; of several shards one round of 50,000; one round with the chain, 20,000 blocks",
    )  # fmt: skip
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is broken")
    args = parser.parse_args()
    if args.quick:
        args.threads, args.time, args.size, args.loop_time = "8", 3, 10_000, 2.0
        args.shards_rows, args.shards_rounds = 50_000, 1
        args.chain_blocks, args.chain_rounds = 20_000, 1
    if args.shards_only or args.chain_only:
        args.tests, args.loops = "", False
        args.no_shards, args.no_chain = not args.shards_only, not args.chain_only
    args.servers = [s for s in args.servers.split(",") if s]
    args.tests = [t for t in args.tests.split(",") if t]
    args.threads = [int(n) for n in args.threads.split(",")]
    args.shards = None if args.no_shards else shards.Plan(args.shards_rows, args.shards_rounds)
    args.chain = None if args.no_chain else chain.Plan(args.chain_rounds, args.time, args.size, args.chain_blocks)
    return args


if __name__ == "__main__":
    sys.exit(main())
