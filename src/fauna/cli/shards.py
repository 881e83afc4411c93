"""Show the shards, add some, and move hash slots between them, while the server goes on.

  faunadb shards                       the shards, and how far a reshard is
  faunadb shards add 2                 2 further shards, as many slots on each as on the others
  faunadb shards move 0-4095 --to 3    these slots to shard 3
  faunadb shards split 0               a further shard with half of the slots of shard 0
  faunadb shards stop                  go no further; what has moved stays where it is

add, move and split show how far they are until they are done; the server finishes it also when this command ends first, and
goes on with it after a restart.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Final

from fauna.cli.sql import add_connection, connector
from fauna.client.link import Link
from fauna.client.tables import table

_BAR: Final = 30
_POLL_S: Final = 0.2
_LINE_S: Final = 5.0
_ENDED: Final = ("done", "stopped", "none")


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document, at the end")
    parser.add_argument("--detach", action="store_true", help="begin, and do not wait until it is done")
    parser.add_argument("--to", type=int, metavar="SHARD", help="with move: where the slots go")
    parser.add_argument("action", nargs="?", default="status", choices=("status", "add", "move", "split", "stop"))
    parser.add_argument("what", nargs="?", help="add: how many; move: which slots (0-99,200); split: which shard")


def run(args: argparse.Namespace) -> int:
    if args.action == "move" and (args.what is None or args.to is None):
        print("faunadb shards: which slots, and where to? (faunadb shards move 0-4095 --to 3)", file=sys.stderr)
        return 2
    if args.action == "split" and args.what is None:
        print("faunadb shards: which shard is to be split? (faunadb shards split 0)", file=sys.stderr)
        return 2
    values = {"add": (args.what or "1",), "split": (args.what,), "move": (args.what, args.to)}.get(args.action, ())
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        found = _call(link, f"shards_{args.action}", values)
        if args.action in ("add", "move", "split") and not (args.detach and args.path is None):
            found = _wait(link, quiet=args.json)
        shards = link.run("SELECT * FROM fauna.shards ORDER BY shard")
    finally:
        link.close()
    assert shards.shape is not None
    if args.json:
        rows = [dict(zip(shards.shape.names, row, strict=True)) for row in shards.rows]
        print(json.dumps({"reshard": found, "shards": rows}, indent=1))
        return 0
    for line in table(shards.shape, shards.rows):
        print(line)
    print(_line(found))
    return 0


def _call(link: Link, name: str, values: tuple[Any, ...]) -> dict[str, Any]:
    marks = ", ".join(["%s"] * len(values))
    answer = link.run(f"CALL fauna.{name}({marks})", values or None)
    assert answer.shape is not None
    (row,) = answer.rows
    return dict(zip(answer.shape.names, row, strict=True))


def _wait(link: Link, *, quiet: bool) -> dict[str, Any]:
    """Until it is done, or has been stopped; a bar on a terminal, else a line now and then."""
    drawn = sys.stderr.isatty()
    told = time.monotonic()
    while True:
        found = _call(link, "shards_status", ())
        if drawn and not quiet:
            print(f"\r\x1b[K{_bar(found)} {_line(found)}", end="", file=sys.stderr, flush=True)
        elif not quiet and time.monotonic() - told >= _LINE_S:
            print(_line(found), flush=True)
            told = time.monotonic()
        if found["state"] in _ENDED:
            if drawn and not quiet:
                print(file=sys.stderr)
            return found
        time.sleep(_POLL_S)  # the server has nothing to await


def _bar(found: dict[str, Any]) -> str:
    total = found["slots_total"]
    full = _BAR * found["slots_moved"] // total if total else _BAR
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def _line(found: dict[str, Any]) -> str:
    """How far it is, in words."""
    if found["state"] == "none":
        return "no slots are being moved"
    text = (
        f"{found['what']}: {found['state']}, {found['slots_moved']:,} of {found['slots_total']:,} slots, "
        f"{found['rows_moved']:,} rows, {found['seconds']:.1f} s"
    )
    return f"{text} ({found['problem']})" if found["problem"] else text
