"""Have the heads of all chains signed now, and keep that: who has it can prove later that history was not rewritten.

  faunadb checkpoint                          print it: one line of JSON
  faunadb checkpoint --out 2026-11-01.json    or write it to a file, where nobody with access to the database can change it
  faunadb checkpoint --key                    print the public key that checkpoints are signed by
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fauna.cli.sql import add_connection, connector
from fauna.client.link import Link


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    add_out(parser)
    parser.add_argument("--key", action="store_true", help="print the public key, in PEM form, and make no checkpoint")


def run(args: argparse.Namespace) -> int:
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        text = call(link, "checkpoint_key" if args.key else "checkpoint")[-1]
    finally:
        link.close()
    put(text.strip(), args.out)
    return 0


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", type=Path, help="write it there instead of printing it")


def call(link: Link, name: str, *values: object) -> tuple[str, ...]:
    """The one row that a procedure of `fauna` answers."""
    marks = ", ".join(["%s"] * len(values))
    (row,) = link.run(f"CALL fauna.{name}({marks})", values or None).rows
    return tuple([str(each) for each in row])


def put(text: str, out: Path | None) -> None:
    """Print a document, or write it, whole or not at all."""
    if out is None:
        print(text)
        return
    from fauna.chain.lines import replace_file

    replace_file(out, f"{text}\n".encode())
