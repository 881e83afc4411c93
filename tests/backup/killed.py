"""`faunadb …` in this process, killed just before the n-th time that it opens, renames, makes or removes a file in a directory.

python -m tests.backup.killed N DIRECTORY backup DEST --data DIR
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from fauna.cli import main

EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})


def kill_at(number: int, directory: str) -> None:
    left = number

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal left
        if event in EVENTS and isinstance(args[0], (str, os.PathLike)) and os.fspath(args[0]).startswith(directory):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    kill_at(int(sys.argv[1]), sys.argv[2])
    raise SystemExit(main(sys.argv[3:]))
