"""A shell for SQL, on a server or on an embedded database's directory.

  faunadb sql --host 127.0.0.1 --user root shop            type statements
  faunadb sql --path ./shop-data -D shop -e "SELECT 1"     run one and leave
  faunadb sql --uri mysql://root@127.0.0.1/shop < dump.sql run a file

The password is taken from FAUNADB_PASSWORD, or asked for.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fauna.client.database import open_link
from fauna.client.exceptions import Error
from fauna.client.link import Link

ACCESS_DENIED = 1045


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("-e", "--execute", metavar="SQL", action="append", help="run this and leave (may be given again)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("-t", "--table", action="store_true", help="print tables on a pipe too")
    parser.add_argument("-E", "--vertical", action="store_true", help="print each value on its own line")
    parser.add_argument("-f", "--force", action="store_true", help="go on after an error")
    parser.add_argument("file", nargs="?", help="a file of statements to run ('-' for standard input)")


def add_connection(parser: argparse.ArgumentParser, *, path: bool = True) -> None:
    """The flags that say where to connect, shared by the commands that are clients.  path: also to a directory."""
    parser.set_defaults(path=None)
    parser.add_argument("--uri", help="mysql://user:password@host:port/database")
    if path:
        parser.add_argument("--path", help="directory of an embedded database that no server has open")
    parser.add_argument("--host", "-H", help="server's address [127.0.0.1]")
    parser.add_argument("--port", "-P", type=int, help="server's port [3306]")
    parser.add_argument("--user", "-u", help="user [root]")
    parser.add_argument("--password", "-p", nargs="?", const="", help="password; without a value it is asked for")
    parser.add_argument("--database", "-D", help="database to use")
    parser.add_argument("--tls", choices=("off", "prefer", "require", "verify"), help="encryption of the connection")
    parser.add_argument("--tls-ca", metavar="FILE", help="certificate authority to check the server against")


def connector(args: argparse.Namespace, *, ask: bool) -> Callable[[], Link]:
    """How to connect, as often as needed; a password asked for once is remembered."""
    server: dict[str, Any] = {"host": args.host, "port": args.port, "user": args.user, "password": args.password}
    if args.path is not None:
        if args.password is not None:
            server["password"] = None  # nobody to give it to
        return lambda: open_link(args.uri, args.path, server, args.database, None, {})
    if server["password"] == "":
        server["password"] = getpass.getpass("Password: ")
    elif server["password"] is None and not _uri_has_password(args.uri):
        server["password"] = os.environ.get("FAUNADB_PASSWORD")
    options = {"tls": args.tls, "tls_ca": args.tls_ca}

    def connect() -> Link:
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return open_link(args.uri, None, server, args.database, None, given)
        except Error as problem:
            if problem.errno != ACCESS_DENIED or server["password"] is not None or not ask or _uri_has_password(args.uri):
                raise
            server["password"] = getpass.getpass("Password: ")
            return open_link(args.uri, None, server, args.database, None, given)

    return connect


def _uri_has_password(uri: str | None) -> bool:
    from urllib.parse import urlsplit

    return uri is not None and urlsplit(uri).password is not None


def run(args: argparse.Namespace) -> int:
    from fauna.client.shell import Leave, Shell, interact

    interactive = not args.execute and args.file is None and sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    connect = connector(args, ask=sys.stdin.isatty())
    shell = Shell(connect(), connect, style=_style(args, interactive), chatty=interactive, force=args.force)
    try:
        if interactive:
            return interact(shell, _greeting(shell.link))
        done = _run_script(shell, args)
        shell.finish()
    except Leave:
        shell.finish()
        done = not shell.failed
    finally:
        shell.link.close()
    return 0 if done else 1


def _style(args: argparse.Namespace, interactive: bool) -> str:
    if args.json:
        return "json"
    if args.vertical:
        return "vertical"
    return "table" if interactive or args.table else "tabs"


def _run_script(shell: Any, args: argparse.Namespace) -> bool:
    if args.execute:
        return all(shell.run_lines(text.splitlines(keepends=True)) or args.force for text in args.execute) and not shell.failed
    if args.file in (None, "-"):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        return bool(shell.run_lines(sys.stdin))
    with Path(args.file).open(encoding="utf-8", errors="surrogateescape") as file:
        return bool(shell.run_lines(file))


def _greeting(link: Link) -> str:
    version = next(iter(link.run("SELECT VERSION()").rows))[0]
    return f"Server {version}. Statements end with ; or \\G. \\? for help, \\q to leave."
