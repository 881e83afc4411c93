"""DDL on all shards or on none, also through a crash.

The script of a DDL runs on every shard before any of them commits.  The first shard's commit decides: it has the new catalog,
its version, and in `definition_scripts` what the other shards ran.  They commit after it is durable; one that a crash kept from
that is behind by its catalog version, and runs the script when the database is opened again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from fauna.catalog.ddl_plan import ScriptLine
from fauna.errors import StartError
from fauna.session.result import MustWait
from fauna.shard.shard import Branch, Isolation, Shard

TABLES: Final[tuple[ScriptLine, ...]] = (
    ("CREATE TABLE IF NOT EXISTS definition_scripts (version INTEGER PRIMARY KEY, previous INTEGER NOT NULL, "
     "script TEXT NOT NULL) STRICT", ()),
)  # fmt: skip
_VERSION: Final = "SELECT version FROM catalog_meta"
_REACHED: Final = "UPDATE catalog_meta SET version = ?1"


def decision(previous: int, version: int, script: Sequence[ScriptLine]) -> list[ScriptLine]:
    """What the first shard runs besides, so that `script` can be run on the others after a crash."""
    return [
        ("DELETE FROM definition_scripts", ()),  # the one before is on all shards
        ("INSERT INTO definition_scripts VALUES (?1, ?2, ?3)", (version, previous, _dump(script))),
    ]


def reached(version: int) -> ScriptLine:
    """What the other shards run besides."""
    return _REACHED, (version,)


def recover(shards: Sequence[Shard]) -> None:
    """Bring every shard to the first one's version.  StartError when a shard is further behind than a crash can leave it."""
    first = _read(shards[0], _VERSION)[0][0]
    scripts = {previous: (version, text) for version, previous, text in _read(shards[0], "SELECT * FROM definition_scripts")}
    for number, shard in enumerate(shards):
        version = _read(shard, _VERSION)[0][0]
        if version == first:
            continue
        if version == 0 and not scripts:  # all that has happened is that the database was made
            _run(shard, [reached(first)])
            continue
        if version not in scripts or scripts[version][0] != first:
            raise StartError(
                f"shard {number} has version {version} of the table definitions, the first shard has version {first}",
                "restore all shards from one backup",
            )
        _run(shard, [*_load(scripts[version][1]), reached(first)])


def _run(shard: Shard, script: Sequence[ScriptLine]) -> None:
    branch: Branch = shard.begin(Isolation.READ_COMMITTED, alone=True)
    while True:
        try:
            branch.lock()
            break
        except MustWait as waiting:
            waiting.ticket.wait()
    branch.execute_ddl(script, ())
    branch.commit().wait()


def _read(shard: Shard, sql: str) -> list[tuple[Any, ...]]:
    return list(shard.autocommit_query(sql, (), inline=False))


def _dump(script: Sequence[ScriptLine]) -> str:
    return json.dumps([[sql, [{"bytes": v.hex()} if isinstance(v, bytes) else v for v in params]] for sql, params in script])


def _load(text: str) -> list[ScriptLine]:
    return [
        (sql, tuple(bytes.fromhex(v["bytes"]) if isinstance(v, dict) else v for v in params)) for sql, params in json.loads(text)
    ]
