"""An empty data directory fed the chains of another: it must end with the same rows, and the same blocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw

from fauna.node import configure
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.replay import Replay
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.shard_files import identify

# What a shard's file holds of its own and of its neighbours: no row of anybody's, and not in the chain.
OWN = ("fauna_meta", "fauna_prepared", "definition_count", "definition_script")


def differences(source: Path, copy: Path) -> tuple[list[str], int]:
    """Replay the stopped database `source` into the new directory `copy`.  What is different then, and how many blocks there were."""
    found: list[str] = []
    blocks = 0
    directory = DataDirectory(copy)
    for file in sorted(source.glob("shard-?.db")):
        number = int(file.stem.removeprefix("shard-"))
        original = apsw.Connection(str(file))
        configure(original)
        reader = BlockReader(original)
        shard = SqliteShard(directory, number, configure=configure, threads=False, sync=lambda descriptor: None)
        [(database,)] = original.execute("SELECT value FROM fauna_meta WHERE key = 'database'")
        identify(shard, str(database), number)
        replay = Replay(shard)
        for block in reader.blocks(1, 1 << 60):
            replay.apply(block.header, partial(reader.changes, block))
            blocks += 1
        shard.close()
        remade = apsw.Connection(str(directory.shard_file(number)))
        configure(remade)
        found += [f"shard {number}: {each}" for each in _compared(original, remade)]
        original.close()
        remade.close()
    directory.close()
    return found, blocks


def _compared(original: apsw.Connection, remade: apsw.Connection) -> Iterator[str]:
    definitions = "SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*' ORDER BY name"
    here, there = [{row[0]: row for row in each.execute(definitions)} for each in (original, remade)]
    for name in sorted(here.keys() | there.keys(), key=str):
        if here.get(name) != there.get(name):
            yield f"definition of {name}: {here.get(name)} and {there.get(name)}"
    for name, kind, *_ in here.values():
        if kind != "table" or name in OWN or name not in there or name == "fauna_block_parts":
            continue
        columns = "height, header" if name == "fauna_blocks" else "*"
        rows, others = [sorted(map(repr, each.execute(f'SELECT {columns} FROM "{name}"'))) for each in (original, remade)]
        if rows != others:
            yield f"rows of {name}: {sorted(set(rows) ^ set(others))[:4]}"
    for (problem,) in remade.execute("PRAGMA integrity_check"):
        if problem != "ok":
            yield f"integrity: {problem}"
