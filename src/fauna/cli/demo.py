"""Run the blog, shop and inventory scenarios and say what happened.

A fresh embedded server is started in a temporary directory and removed afterwards; with --uri the scenarios run on a
server that is there already (they make the databases demo_blog, demo_shop and demo_inventory anew).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--uri", help="mysql://user:password@host:port of a running server")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(args: argparse.Namespace) -> int:
    from fauna.client import database
    from fauna.demo.runner import fresh_server, run_all

    say: Callable[[str], None] = (lambda line: None) if args.json else (lambda line: print(line, flush=True))
    if args.uri:
        results = run_all(lambda name: database.connect(args.uri, database=name), say)
    else:
        with fresh_server(say) as connect:
            results = run_all(connect, say)
    if args.json:
        print(json.dumps({"scenarios": results}, ensure_ascii=False, indent=1))
    else:
        print("\n".join(summary(results)))
    return 0


def summary(results: list[dict[str, Any]]) -> list[str]:
    """What was found, for a reader."""
    lines = ["", "Summary"]
    for result in results:
        facts = {name: value for name, value in result.items() if name not in ("scenario", "checks", "seconds")}
        lines.append(f"  {result['scenario']:<10} {result['checks']} checks held, {result['seconds']:.2f} s")
        lines += [f"  {'':<10} {name}: {value}" for name, value in facts.items()]
    lines.append(f"All {sum(result['checks'] for result in results)} checks held.")
    return lines
