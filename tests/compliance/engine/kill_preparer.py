"""The child of the two-phase kill test: prepares, decides, finishes, and says so on its output, until it is killed.

    python kill_preparer.py DATA FIRST_NUMBER

"commit N" or "rollback N" is the coordinator's decision, printed before it is carried out: it stands whatever happens next.
"""

from __future__ import annotations

import itertools
import os
import random
import sys

from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    shard = SqliteShard(DataDirectory(sys.argv[1]), settings=EngineSettings(checkpoint_pages=20))
    branch = shard.begin(Isolation.READ_COMMITTED)
    for table in ("t1", "t2"):
        branch.execute_ddl([(f"CREATE TABLE IF NOT EXISTS {table} (c0 INTEGER PRIMARY KEY, c1 INTEGER NOT NULL) STRICT", ())])
    branch.commit().wait()
    chance = random.Random(sys.argv[2])
    say("ready")
    for number in itertools.count(int(sys.argv[2])):
        branch = shard.begin(Isolation.REPEATABLE_READ, two_phase=True)
        for table in ("t1", "t2"):
            branch.write(f"INSERT INTO {table} VALUES (?, ?)", (number, number))
        branch.prepare(f"g{number}").wait()
        say("prepared", number)
        if chance.random() < 0.7:
            say("commit", number)
            shard.commit_prepared(f"g{number}").wait()
        else:
            say("rollback", number)
            shard.rollback_prepared(f"g{number}")
        say("done", number)


if __name__ == "__main__":
    main()
