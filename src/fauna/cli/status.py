"""Say how a running server is: version, uptime, connections, statements, and how far a follower is."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from fauna.cli.sql import add_connection, connector
from fauna.client.exceptions import Error
from fauna.client.link import Link

# What is shown, with the name it has in SHOW GLOBAL STATUS.
STATUS = {
    "uptime_s": "Uptime",
    "connections_now": "Threads_connected",
    "connections_ever": "Connections",
    "connections_most": "Max_used_connections",
    "connections_failed": "Aborted_connects",
    "running": "Threads_running",
    "statements": "Questions",
    "follows": "Follower_source",
    "follower_state": "Follower_state",
    "seconds_behind": "Follower_seconds_behind",
    "blocks_behind": "Follower_blocks_behind",
    "follower_error": "Follower_last_error",
    "tls_version": "Ssl_version",
    "tls_cipher": "Ssl_cipher",
}


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        found = read_status(link)
    finally:
        link.close()
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        widest = max(map(len, found))
        for name, value in found.items():
            print(f"{name:<{widest}}  {'-' if value is None else value}")
    return 0


def read_status(link: Link) -> dict[str, Any]:
    """What the server says of itself; None for what it does not say."""
    version, connection = next(iter(link.run("SELECT VERSION(), CONNECTION_ID()").rows))
    found: dict[str, Any] = {"status": "up", "version": version, "this_connection": connection}
    try:
        values = {str(name).lower(): value for name, value in link.run("SHOW GLOBAL STATUS").rows}
    except Error:
        values = {}  # an old server without it is still up
    for name, variable in STATUS.items():
        text = values.get(variable.lower())
        if text is None and variable.startswith("Follower"):
            continue  # it follows nobody
        found[name] = int(text) if text is not None and str(text).isdigit() else text
    return found
