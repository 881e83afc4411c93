"""Take a backup while the server goes on, or verify one.

  faunadb backup /backups/shop              of the server here, to a directory on its disk
  faunadb backup /backups/shop              again: adds what has happened since
  faunadb backup /backups/shop --full       adds with a new copy of the files, which makes restoring quicker
  faunadb backup DIR --data ./shop-data     of a data directory that no server has open
  faunadb backup verify /backups/shop       read all of it, and say what is not as it was written
  faunadb backup verify /backups/shop --restore --scratch /tmp     restore it there, too, check every row, and remove that

With --passphrase-file or --key-file the first backup to a directory makes it an encrypted one; FAUNADB_BACKUP_PASSPHRASE holds
a passphrase too.  A running server reads these files itself: they are on its disk, and the variable is its own.

Exit code of verify: 0 all is well; 1 something is not; 2 it is no backup, or cannot be read with that secret.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fauna.backup.manifest import shown_utc
from fauna.backup.problems import BackupError, Damaged
from fauna.backup.progress import Step, Watcher
from fauna.backup.runner import DONE, RUNNING, secret_of
from fauna.backup.secrets import Secret
from fauna.cli.sql import add_connection, connector
from fauna.client.link import Link
from fauna.errors import FaunaError
from fauna.progress import Progress, shown_bytes

PASSPHRASE: Final = "FAUNADB_BACKUP_PASSPHRASE"
_POLL_S: Final = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser, path=False)
    parser.add_argument("--data", metavar="DIR", type=Path, help="a data directory that no server has open, instead of a server")
    parser.add_argument("--full", action="store_true", help="copy the files anew")
    parser.add_argument("--scratch", metavar="DIR", type=Path, help="with verify: where copies are unpacked, one at a time")
    parser.add_argument("--restore", action="store_true", help="with verify: restore it there, too, and check every row")
    add_secret(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document, at the end")
    parser.add_argument("what", metavar="DEST | verify SRC", nargs="+", help="the backup's directory")


def add_secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--passphrase-file", metavar="FILE", help=f"its first line is the passphrase [{PASSPHRASE}]")
    parser.add_argument("--key-file", metavar="FILE", help="32 random bytes or more, instead of a passphrase")


def given_secret(args: argparse.Namespace) -> Secret | None:
    return secret_of(args.passphrase_file or "", args.key_file or "", os.environ.get(PASSPHRASE, ""))


def told_by(progress: Progress) -> Watcher:
    """What shows the steps of a backup or a restore."""

    def tell(step: Step) -> None:
        if step.unit == "bytes":
            what = f"{step.what}: {shown_bytes(step.done)} of {shown_bytes(step.total)}"
        else:
            what = f"{step.what}: {step.done:,} of {step.total:,} {step.unit}"
        progress(step.done / step.total if step.total else 0.0, what)

    return tell


def run(args: argparse.Namespace) -> int:
    verifies = args.what[0] == "verify"
    if len(args.what) != (2 if verifies else 1):
        asked = "verify what? (faunadb backup verify SRC)" if verifies else "one directory is expected (faunadb backup DEST)"
        print(f"faunadb backup: {asked}", file=sys.stderr)
        return 2
    if verifies:
        return _verify(args, Path(args.what[1]))
    target = Path(args.what[0])
    return _of_directory(args, target) if args.data is not None else _of_server(args, target)


# ── taking ──


def _of_directory(args: argparse.Namespace, target: Path) -> int:
    from fauna.backup.taking import take
    from fauna.node import Node
    from fauna.settings import Settings

    if not (args.data / "shard-0.db").exists():
        raise BackupError(f"'{args.data}' is no data directory: it has no shard-0.db")
    secret = given_secret(args)
    progress = Progress("backup", quiet=args.json)
    node = Node.open(args.data, Settings(data=args.data))
    try:
        taken = take(node.backup_source(), target, secret, full=args.full, watcher=told_by(progress))
    finally:
        progress.end()
        node.close()
    blocks = sum(each.last - each.first + 1 for each in taken.elements if each.kind == "blocks")
    found = {
        "state": DONE, "target": str(target.absolute()), "number": taken.number, "at": shown_utc(taken.at_us),
        "files": len(taken.elements), "blocks": blocks, "bytes": sum(each.size for each in taken.elements),
    }  # fmt: skip
    _print(found, args.json)
    return 0


def _of_server(args: argparse.Namespace, target: Path) -> int:
    """The server writes, on its own disk, and reads the secret there."""
    named = [str(target.absolute())]
    named += [str(Path(file).absolute()) if file else "" for file in (args.passphrase_file, args.key_file)]
    directory, passphrase_file, key_file = named
    link = connector(args, ask=sys.stdin.isatty())()
    progress = Progress("backup", quiet=args.json)
    try:
        _call(link, "CALL fauna.backup(%s, %s, %s, %s)", (directory, int(args.full), passphrase_file, key_file))
        found = _call(link, "CALL fauna.backup_status()")
        while found["state"] == RUNNING:
            told_by(progress)(Step(found["what"], found["done"], found["total"], found["unit"]))
            time.sleep(_POLL_S)  # the server has nothing to await
            found = _call(link, "CALL fauna.backup_status()")
    except KeyboardInterrupt:
        _call(link, "CALL fauna.backup_stop()")
        raise
    finally:
        progress.end()
        link.close()
    if found["state"] != DONE:
        if args.json:
            print(json.dumps(found, indent=1))
        raise BackupError(str(found["problem"]))
    _print(found, args.json, where=" on the server's disk")
    return 0


def _call(link: Link, sql: str, values: tuple[Any, ...] | None = None) -> dict[str, Any]:
    answer = link.run(sql, values)
    assert answer.shape is not None
    (row,) = answer.rows
    return dict(zip(answer.shape.names, row, strict=True))


def _print(found: dict[str, Any], as_json: bool, where: str = "") -> None:
    if as_json:
        print(json.dumps(found, indent=1))
        return
    print(
        f"{found['target']}{where}: number {found['number']}, {found['files']} files, {found['blocks']:,} blocks, "
        f"{shown_bytes(found['bytes'])}; as of {found['at']}"
    )


# ── verifying ──


def _verify(args: argparse.Namespace, source: Path) -> int:
    from fauna.backup.verifying import verify
    from fauna.node import configure as configure_connection

    progress = Progress("backup", quiet=args.json)
    try:
        found = verify(source, configure_connection, given_secret(args), scratch=args.scratch, watcher=told_by(progress))
        if args.restore and not found.problems:
            found.problems += _restored_problems(args, source, told_by(progress))
    except FaunaError as problem:
        progress.end()
        print(f"faunadb: {problem}", file=sys.stderr)
        return 2
    finally:
        progress.end()
    if args.json:
        print(json.dumps({"ok": not found.problems, **asdict(found)}, indent=1))
        return 1 if found.problems else 0
    for each in found.problems:
        print(each)
    if found.newest_us:
        print(
            f"{found.files} files, {shown_bytes(found.bytes)}, {found.blocks:,} blocks, {found.changes:,} row changes, "
            f"from {shown_utc(found.oldest_us)} to {shown_utc(found.newest_us)}"
        )
    print(f"{len(found.problems)} problems" if found.problems else "nothing is wrong")
    return 1 if found.problems else 0


def _restored_problems(args: argparse.Namespace, source: Path, watcher: Watcher) -> list[str]:
    """What `faunadb verify` finds in the backup when it is restored to its end."""
    from fauna.backup.restoring import restore
    from fauna.node import configure as configure_connection
    from fauna.node import open_shard
    from fauna.verification.verify import verify

    with tempfile.TemporaryDirectory(prefix="fauna-restored-", dir=args.scratch) as scratch:
        directory = Path(scratch) / "data"
        try:
            restore(source, directory, open_shard, lambda directory: None, given_secret(args), watcher=watcher)
        except Damaged as problem:
            return [str(problem)]
        report = verify(directory, configure_connection)
    return [str(each) for each in report.findings]
