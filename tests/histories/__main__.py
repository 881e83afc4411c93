"""Check a history that a failed test has written."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.histories.checker import anomalies
from tests.histories.history import load


def main(paths: list[str]) -> int:
    if not paths:
        print("usage: python -m tests.histories FILE…", file=sys.stderr)
        return 2
    found = [anomaly for path in paths for anomaly in anomalies(load(Path(path)))]
    for anomaly in found:
        print(anomaly)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
