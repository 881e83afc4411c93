"""Compare speed with MariaDB on this machine.

The benchmark needs sysbench and MariaDB and is kept in the source tree, not in the installed package.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the benchmark")


def run(args: argparse.Namespace) -> int:
    if importlib.util.find_spec("bench") is None:
        print("faunadb: the benchmark is run from a clone of the source: make bench", file=sys.stderr)
        return 2
    return subprocess.call([sys.executable, "-m", "bench", *args.arguments])
