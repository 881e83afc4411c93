"""Check that everything in a data directory is what was sealed: blocks, rows, row versions, indexes, definitions.

It reads the files alone and changes nothing.  A server may have the directory open and go on writing; while none has, none can be
started before this is done.

Exit code 0: all is as it was sealed.  1: something is not, and is named.  2: it could not be verified, and why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fauna.progress import Progress
from fauna.settings import load
from fauna.verification import witnessed
from fauna.verification.findings import CannotVerify, Report
from fauna.verification.verify import verify


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIRECTORY", help="where the database files are [faunadb-data]")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: faunadb.toml if it exists)")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE",
                        help="a checkpoint that was kept: history was only appended to since; may be given again")  # fmt: skip
    parser.add_argument("--public-key", metavar="KEY", help="whose checkpoints are trusted; a PEM file or 64 digits")
    parser.add_argument("--table", default="", metavar="DATABASE.TABLE", help="check the rows of this table alone")
    parser.add_argument("--processes", type=int, metavar="N", help="how many take part [one for each core]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    from fauna.chain import checkpoint
    from fauna.cli.proof import given_key
    from fauna.node import configure as configure_connection

    directory = load({"data": args.data}, config=args.config).data
    kept = [checkpoint.parse(Path(name)) for name in args.checkpoint]
    for each in kept:
        each.verify(None if args.public_key is None else given_key(args.public_key))
    progress = Progress("verify", quiet=args.json)
    try:
        report = verify(
            directory, configure_connection, table=args.table, roots_at=witnessed.heights(kept), processes=args.processes,
            told=progress,
        )
        witnessed.compare(report, kept)
    except CannotVerify as problem:
        progress.end()
        if args.json:
            print(json.dumps({"clean": None, "problem": str(problem)}, indent=1))
        print(f"faunadb: could not verify: {problem}", file=sys.stderr)
        return 2
    progress.end()
    if args.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        _print(report)
    return 0 if report.clean else 1


def _print(report: Report) -> None:
    for finding in report.findings:
        print(finding)
    if report.more:
        print("… and more")
    for note in report.notes:
        print(f"note: {note}")
    for shard in report.shards:
        past = f", row versions up to block {shard.past_height}" if shard.past_height >= 0 else ""
        found = f"{shard.height:,} blocks, {shard.changes:,} changes, {shard.rows:,} rows{past}"
        print(f"shard {shard.shard}: {found}; root {shard.root}")
    verdict = "all is as it was sealed" if report.clean else f"{len(report.findings)} findings"
    print(f"{verdict} ({report.seconds:.1f} s)")
