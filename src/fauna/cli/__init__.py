"""The `faunadb` command: one file per subcommand.

What it is for: turning a command line into one call of something below (`fauna.node.serve`, `fauna.client`,
`fauna.demo`), and its outcome into text and an exit code.
What it is not for: deciding anything about data.  A command that needs SQL runs it through the SDK, like any client.

Invariants
  - Exit codes: 0 done; 1 it failed, and one line on standard error says why; 2 the command line is wrong, or asks for
    something that is not part of this release, or `verify` could not verify; 130 interrupted.
  - Never a traceback, unless the log level is debug: then an unexpected error shows where it came from.
  - Standard output holds the answer and nothing else, so that it can be piped; `--json` makes it one JSON document, or where
    there is no end to it one on each line.
  - A subcommand's module is imported only when it runs; `faunadb --help` stays quick.

Known limits: `cluster` is named in the product but is not part of this release;
it says so and exits 2.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from fauna.errors import FaunaError


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: `module` has `configure(parser)` and `run(args) -> exit code`."""

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Command("serve", "fauna.cli.serve", "run the server"),
    Command("follow", "fauna.cli.follow", "run a server that follows another, for reading"),
    Command("sql", "fauna.cli.sql", "a shell for SQL, on a server or on a directory"),
    Command("status", "fauna.cli.status", "say how a running server is"),
    Command("changes", "fauna.cli.changes", "show what has been committed, row by row, and follow it"),
    Command("history", "fauna.cli.history", "show the versions of a row"),
    Command("shards", "fauna.cli.shards", "show the shards, add some, and move hash slots between them"),
    Command("verify", "fauna.cli.verify", "check that everything stored is what was sealed"),
    Command("backup", "fauna.cli.backup", "take an online backup, add to it, or verify it"),
    Command("restore", "fauna.cli.restore", "make a data directory from a backup, as of any moment in it"),
    Command("checkpoint", "fauna.cli.checkpoint", "sign the heads of the chains, for somebody outside to keep"),
    Command("proof", "fauna.cli.proof", "prove that a block or a change is in the history; check a proof"),
    Command("doctor", "fauna.cli.doctor", "check this machine and a data directory"),
    Command("demo", "fauna.cli.demo", "run the blog, shop and inventory scenarios on a fresh server"),
    Command("bench", "fauna.cli.bench", "compare speed with MariaDB (from a clone)"),
)
# name -> what it will do, for the commands of the product that this release does not have.
LATER: Final = {
    "cluster": "manage a cluster on MariaDB",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = next((c for c in COMMANDS if arguments[:1] == [c.name]), None)
    if command is None:
        return _without_command(arguments)
    module = importlib.import_module(command.module)
    parser = _Parser(prog=f"faunadb {command.name}", description=module.__doc__)
    module.configure(parser)
    try:
        return int(module.run(parser.parse_args(arguments[1:])))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:  # noqa: BLE001 (the last line of defence: one line, never a traceback)
        return _failed(problem)


class _Parser(argparse.ArgumentParser):
    """Names the nearest known flag when one is unknown, and does not print the whole usage with it."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog, description=description, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip

    def error(self, message: str) -> NoReturn:
        hint = f"see {self.prog} --help"
        if message.startswith("unrecognized arguments: "):
            word = message.split(": ", 1)[1].split("=")[0].split()[0]
            near = difflib.get_close_matches(word, self._option_string_actions, n=1)
            message, hint = f"unknown argument {word!r}", f"did you mean {near[0]}?" if near else hint
        self.exit(2, f"{self.prog}: {message} ({hint})\n")


def _failed(problem: Exception) -> int:
    if os.environ.get("FAUNADB_LOG_LEVEL") == "debug" and not isinstance(problem, FaunaError):
        raise problem
    errno = getattr(problem, "errno", None) if isinstance(problem, FaunaError) else None
    if errno:  # a server's answer, or a session's: MySQL's form
        text = f"ERROR {errno} ({getattr(problem, 'sqlstate', 'HY000')}): {getattr(problem, 'message', problem)}"
    elif isinstance(problem, (FaunaError, OSError)):
        text = str(problem)
    else:
        text = f"internal error, {type(problem).__name__}: {problem} (FAUNADB_LOG_LEVEL=debug shows where)"
    print(f"faunadb: {text}", file=sys.stderr)
    return 1


def _without_command(arguments: list[str]) -> int:
    word = arguments[0] if arguments else ""
    if word in ("-V", "--version"):
        from fauna import __version__

        print(f"faunadb {__version__}")
        return 0
    if word in LATER:
        print(f"faunadb: '{word}' ({LATER[word]}) is not part of this release", file=sys.stderr)
        return 2
    asked = word in ("-h", "--help", "help")
    if word and not asked:
        print(f"faunadb: unknown command {word!r}{_nearest(word)}", file=sys.stderr)
        return 2
    print(_usage(), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


def _nearest(word: str) -> str:
    near = difflib.get_close_matches(word, [c.name for c in COMMANDS], n=1)
    return f"; did you mean '{near[0]}'?" if near else "; see faunadb --help"


def _usage() -> str:
    lines = ["usage: faunadb COMMAND [options]      (faunadb COMMAND --help lists them)", ""]
    lines += [f"  {c.name:<10} {c.help}" for c in COMMANDS]
    lines += ["", f"  Not part of this release: {', '.join(LATER)}."]
    return "\n".join(lines)
