"""Make a data directory from a backup, as all shards were at one moment.

  faunadb restore /backups/shop --data ./shop-data                                    as of the backup's end
  faunadb restore /backups/shop --data ./shop-data --to-time '2026-12-01 09:30:00'    as it was then (UTC)
  faunadb restore /backups/shop --data ./shop-data --to-block 0:1234                  as when this block was sealed

The directory must not exist, or be empty; it is made as DIR.partial and named at the end.  Run it again if it was interrupted.
Accounts are those of that moment; --reset-root-password gives root the password in FAUNADB_ROOT_PASSWORD, or one that is made
and printed once.  Transactions that were prepared at that moment and not committed are not restored.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fauna.backup.manifest import shown_utc
from fauna.cli.backup import add_secret, given_secret, told_by
from fauna.progress import Progress

if TYPE_CHECKING:
    from fauna.backup.restoring import Until

ROOT_PASSWORD: Final = "FAUNADB_ROOT_PASSWORD"
_BLOCK: Final = re.compile(r"(\d{1,4}):(\d{1,18})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", type=Path, help="the backup's directory")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="the data directory to make")
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--to-time", metavar="TIME", help="YYYY-MM-DD HH:MM:SS[.ffffff][+HH:MM], in UTC when it has no offset")
    until.add_argument("--to-block", metavar="SHARD:HEIGHT", help="the last block of that shard")
    add_secret(parser)
    parser.add_argument("--reset-root-password", action="store_true", help=f"to {ROOT_PASSWORD}, or to one that is made")
    parser.add_argument("--json", action="store_true", help="print one JSON document, at the end")


def run(args: argparse.Namespace) -> int:
    from fauna.backup.restoring import restore
    from fauna.node import Node, open_shard
    from fauna.session.accounts import new_password
    from fauna.settings import Settings

    until = _until(args)
    if until is None:
        return 2
    made = ""

    def finish(directory: Path) -> None:
        """The database opens; and root can come in, if asked."""
        nonlocal made
        node = Node.open(directory, Settings(data=directory))
        try:
            if args.reset_root_password:
                password = os.environ.get(ROOT_PASSWORD, "")
                if not password:
                    password = made = new_password()
                node.set_password("root", "%", password)
        finally:
            node.close()

    progress = Progress("restore", quiet=args.json)
    began = time.monotonic()
    try:
        restored = restore(args.source, args.data, open_shard, finish, given_secret(args), until=until, watcher=told_by(progress))
    finally:
        progress.end()
    seconds = time.monotonic() - began
    if args.json:
        found = {
            "data": str(args.data), "at": shown_utc(restored.time_us), "time_us": restored.time_us,
            "heights": list(restored.heights), "changes_applied": restored.changes, "prepared_dropped": restored.prepared,
            "seconds": round(seconds, 3),
        }  # fmt: skip
        print(json.dumps(found | ({"root_password": made} if made else {}), indent=1))
        return 0
    print(
        f"{args.data}: {len(restored.heights)} shard{'s' if len(restored.heights) > 1 else ''} as of "
        f"{shown_utc(restored.time_us)}; {restored.changes:,} row changes applied, {seconds:.1f} s"
    )
    if restored.prepared:
        print(f"{restored.prepared} transactions were prepared and not committed when the files were copied: they are not in it")
    if made:
        print(f"root's password is {made}  (shown once)")
    return 0


def _until(args: argparse.Namespace) -> Until | None:
    """None, having said why, when it cannot be read."""
    from fauna.backup.restoring import AtBlock, AtTime, Latest

    if args.to_block is not None:
        found = _BLOCK.fullmatch(args.to_block)
        if found is None:
            print(f"faunadb restore: --to-block {args.to_block!r}: SHARD:HEIGHT was expected, as in 0:1234", file=sys.stderr)
            return None
        return AtBlock(int(found[1]), int(found[2]))
    if args.to_time is not None:
        try:
            moment = datetime.fromisoformat(args.to_time)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            since = moment - _EPOCH
        except (ValueError, OverflowError):
            print(
                f"faunadb restore: --to-time {args.to_time!r}: YYYY-MM-DD HH:MM:SS was expected, as in '2026-12-01 09:30:00'",
                file=sys.stderr,
            )
            return None
        return AtTime((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    return Latest()
