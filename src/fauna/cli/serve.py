"""Run the server until SIGTERM or SIGINT.

It prints one line containing "ready for connections" once both ports accept clients.  The first start on an empty directory
makes the user root; the password is FAUNADB_ROOT_PASSWORD, or one that is made and printed once.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fauna.settings import SETTINGS, Setting, Settings, load


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: faunadb.toml if it exists)")
    parser.add_argument("--promote", action="store_true", help="make a follower's directory a database of its own, for good")
    for setting in SETTINGS:
        if setting.flag:
            add_setting(parser, setting)


def add_setting(parser: argparse.ArgumentParser, setting: Setting) -> None:
    """A flag for one row of the settings table; the value stays text here, `settings.load` reads and checks it."""
    default = ("on" if setting.default else "off") if setting.kind is bool else str(setting.default)
    text = setting.help.replace("%", "%%") + (f" [{default}]" if default else "")
    if setting.kind is bool:
        parser.add_argument(setting.flag, nargs="?", const="on", metavar="on|off", help=text)
    else:
        parser.add_argument(setting.flag, metavar=setting.unit.upper(), help=text)


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings in force for these flags."""
    flags = {s.name: getattr(args, s.name, None) for s in SETTINGS if s.flag}
    return load(flags, config=args.config)


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    from fauna.node import serve

    if args.promote:
        from fauna.follow.start import promote

        promote(settings.data)
    return int(serve(settings))
