"""Show the versions of a row, newest first: what it was, from when to when, and who made it so.

  faunadb history shop.orders 42                     by its primary key
  faunadb history -D shop order_lines 42 3           a primary key of two columns
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import json
import sys
from typing import Any

from fauna.cli.sql import add_connection, connector
from fauna.client.tables import table


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("table", help="the table, as database.table or, with --database, table")
    parser.add_argument("key", nargs="+", metavar="KEY", help="the values of its primary key, in its order")


def run(args: argparse.Namespace) -> int:
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        marks = ", ".join(["%s"] * (1 + len(args.key)))
        answer = link.run(f"CALL fauna.history({marks})", (args.table, *args.key))
    finally:
        link.close()
    assert answer.shape is not None
    if args.json:
        rows = [dict(zip(answer.shape.names, map(_plain, row), strict=True)) for row in answer.rows]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for line in table(answer.shape, answer.rows):
        print(line)
    return 0


def _plain(value: Any) -> Any:
    """A value that JSON has no form for, as text."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (datetime.date, datetime.timedelta, decimal.Decimal)):
        return str(value)
    return value
