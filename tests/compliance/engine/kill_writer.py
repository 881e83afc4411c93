"""The child of the kill test: writes until it is killed, and says on its output what has been acknowledged.

    python kill_writer.py DATA FIRST_NUMBER

Eight threads commit transactions that insert one row into t1 and one into t2, with the same number; at times several
rows in each.  A line "number rows" is printed only when the commit's ticket is done.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading

from fauna.session.result import MustWait
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Isolation

THREADS = 8
ROWS_PER_NUMBER = 100


def write(shard: SqliteShard, number: int, rows: int) -> None:
    branch = shard.begin(Isolation.REPEATABLE_READ)
    while True:
        try:
            branch.lock()
            break
        except MustWait as wait:
            wait.ticket.wait()
    for table in ("t1", "t2"):
        first = number * ROWS_PER_NUMBER
        branch.write_many(f"INSERT INTO {table} VALUES (?, ?)", [(first + row, number) for row in range(rows)])
    ticket = branch.commit()
    acknowledgement = f"{number} {rows}\n".encode()
    if number % 2:
        ticket.wait()
        os.write(1, acknowledgement)
    else:
        ticket.on_done(lambda: os.write(1, acknowledgement))


def main() -> None:
    # Small limits, so that checkpoints and restarts of the log happen all the time.
    settings = EngineSettings(checkpoint_pages=50, truncate_pages=300)
    shard = SqliteShard(DataDirectory(sys.argv[1]), settings=settings)
    branch = shard.begin(Isolation.READ_COMMITTED)
    for table in ("t1", "t2"):
        branch.execute_ddl([(f"CREATE TABLE IF NOT EXISTS {table} (c0 INTEGER PRIMARY KEY, c1 INTEGER NOT NULL) STRICT", ())])
    branch.commit().wait()
    numbers = itertools.count(int(sys.argv[2]))
    os.write(1, b"ready\n")

    def work(chance: random.Random) -> None:
        while True:
            write(shard, next(numbers), chance.choice([1, 1, 1, 2, 50]))

    for seed in range(THREADS):
        threading.Thread(target=work, args=(random.Random(seed),), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
