"""A process that runs tasks of a `Bench`: requests come pickled on standard input, answers go pickled to standard output.

It is not made by `multiprocessing`, which would run the main module of whoever embeds the database a second time.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys

from fauna.verification.work import Bench


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started us ends us
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        requests = sys.stdin.buffer
        bench = Bench(pickle.load(requests))
        while True:
            try:
                task, arguments = pickle.load(requests)
            except EOFError:
                return 0
            try:
                answer = (True, bench.run(task, arguments))
            except Exception as problem:  # noqa: BLE001 (it is raised over there)
                answer = (False, f"{type(problem).__name__}: {problem}")
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    sys.exit(main())
