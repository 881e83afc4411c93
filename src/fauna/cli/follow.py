"""Follow another server: copy what it has, apply each further block, and serve reads of it.

  faunadb follow mysql://root:secret@10.0.0.5:3306 --data ./copy --port 3307
  faunadb follow "mysql://root@db.example.com?tls=verify&tls_ca=ca.pem" --data ./copy

It goes on where it was after a restart, and comes back when the source has been away.  Clients log in with the source's accounts;
what writes is error 1290.  The password is taken from FAUNADB_PASSWORD when the URI has none.

To make the copy a database of its own, for good: faunadb serve --promote --data ./copy
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fauna.cli.serve import add_setting, settings_of
from fauna.settings import SETTINGS

_OF_THE_SOURCE = frozenset({"shards", "chain"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", help="mysql://user:password@host:port of the server to follow; options as the SDK's: ?tls=verify&tls_ca=FILE"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: faunadb.toml if it exists)")
    for setting in SETTINGS:
        if setting.flag and setting.name not in _OF_THE_SOURCE:
            add_setting(parser, setting)


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    from fauna.client.database import address_of
    from fauna.follow.start import follow

    address = address_of(args.source, {})
    if not address.password:
        address = address_of(args.source, {"password": os.environ.get("FAUNADB_PASSWORD")})
    return follow(settings, address)
