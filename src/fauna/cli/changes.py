"""Show what has been committed, row by row, in the order of the commits.

  faunadb changes -D shop                              everything so far, and leave
  faunadb changes --table shop.orders --follow         orders from now on, until Ctrl-C
  faunadb changes --json --follow --from 1796098190815125.3 | ./consumer

--json prints one event on each line, in Debezium's envelope; its "sequence", in "source", is the position to give to --from in
order to go on after it.  Without --from it begins at the start, or with --follow now.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
from typing import Any, Final

from fauna.cli.sql import add_connection, connector
from fauna.client.changes import WAIT_MS, ChangeEvent, ChangeStream
from fauna.client.link import Link

_WORDS: Final = {"c": "insert", "u": "update", "d": "delete", "r": "row", "t": "truncate", "ddl": "define"}
_VALUES: Final = ("c", "u", "r")


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("--from", dest="begin", metavar="WHERE",
                        help="a position, a block as shard:height, a time in UTC, 'start' or 'now'")  # fmt: skip
    parser.add_argument("--table", metavar="DB.TABLE", action="append", default=[], help="this table alone (may be given again)")
    parser.add_argument("--follow", "-f", action="store_true", help="wait for more at the end")
    parser.add_argument("--json", action="store_true", help="print one JSON document on each line")


def run(args: argparse.Namespace) -> int:
    if args.follow and args.path is not None:
        print("faunadb changes: nobody else can change the database in a directory that is open here (leave --follow out, or "
              "connect to the server that has it open)", file=sys.stderr)  # fmt: skip
        return 2
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        tables = [name if "." in name else f"{_database(link, name)}.{name}" for name in args.table]
        stream = ChangeStream(link, args.begin, tables, follow=args.follow)
        while events := stream.fetch():
            _print(events, args.json)
        while args.follow and not _nobody_reads():
            _print(stream.fetch(WAIT_MS), args.json)
    finally:
        link.close()
    return 0


def _database(link: Link, table: str) -> str:
    from fauna.client.exceptions import ProgrammingError

    name = next(iter(link.run("SELECT DATABASE()").rows))[0]
    if name is None:
        raise ProgrammingError(0, f"which database is table {table!r} in? (--table shop.{table}, or --database)")
    return str(name)


def _print(events: list[ChangeEvent], as_json: bool) -> None:
    """One batch, all of it written when this returns: whoever reads it is as far as we are."""
    for event in events:
        sys.stdout.write(event.text if as_json else _line(event))
        sys.stdout.write("\n")
    sys.stdout.flush()


def _line(event: ChangeEvent) -> str:
    """An event in words."""
    op, source = event["op"], event["source"]
    text = f"{event.position}  {_WORDS[op]:<8}  {source['db']}.{source['table']}"
    if op == "ddl":
        done = [f"{change['type'].lower()} {change['id']}" for change in event["tableChanges"]]
        return f"{text}  {', '.join(done)}"
    if op == "t":
        return text
    parts = [_shown(event["key"])]
    if op in _VALUES:
        before, after = event["before"] or {}, event["after"]
        parts.append(_shown({name: value for name, value in after.items() if name not in before or before[name] != value}))
    return f"{text}  {'  '.join(parts)}"


def _shown(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe that has been closed: without an event to write we would not notice."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(happened & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, happened in poll.poll(0))
