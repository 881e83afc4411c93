"""python -m tests.suites [sqlalchemy] [mysqlclient] [-k EXPRESSION] [--write-docs]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.servers import faunadb, mariadb
from tests.suites import compare, run

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "compliance.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of: {', '.join(run.SUITES)}")
    parser.add_argument("-k", dest="only", default="", help="as pytest's -k")
    parser.add_argument("--write-docs", action="store_true")
    args = parser.parse_args()
    found = []
    for suite in args.suite or run.SUITES:
        outcomes = {}
        for start in (mariadb.start, faunadb.start):
            with start() as server:
                outcomes[server.name] = run.SUITES[suite](server, only=args.only)
                run.save(suite, server.name, outcomes[server.name])
        found.append(compare.compare(suite, outcomes["mariadb"], outcomes["faunadb"]))
        print(found[-1])
    if args.write_docs:
        DOCS.write_text(compare.markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
