"""DDL on all shards or on none, also through a crash.

The script of a DDL runs on every shard before any of them commits.  The first shard's commit decides: it has the new catalog,
and in `definition_script` what the other shards ran.  They commit after it is durable; one that a crash kept from that has run
one definition less than the first, and runs the script when the database is opened again.

    definition_count(count)     how many this shard has run
    definition_script(script)   on the first shard: what the others ran of the last one, with its digest
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from fauna.catalog.ddl_plan import TEMPORARY_IDS, ScriptLine
from fauna.catalog.types import Stored
from fauna.chain.digest import with_digest, without_digest
from fauna.errors import StartError
from fauna.shard.shard import Shard, locked

NO_SCRIPT: Final = with_digest("{}")
"""What `definition_script` has at first."""
TABLES: Final[tuple[ScriptLine, ...]] = (
    ("CREATE TABLE IF NOT EXISTS definition_count (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT", ()),
    ("CREATE TABLE IF NOT EXISTS definition_script (id INTEGER PRIMARY KEY CHECK (id = 1), script TEXT NOT NULL) STRICT", ()),
    ("INSERT OR IGNORE INTO definition_count VALUES (1, 0)", ()),
    ("INSERT OR IGNORE INTO definition_script VALUES (1, ?1)", (NO_SCRIPT,)),
)  # fmt: skip
_COUNT: Final = "SELECT count FROM definition_count"
COUNTED: Final[ScriptLine] = ("UPDATE definition_count SET count = count + 1", ())
"""What each shard runs besides."""


def decision(script: Sequence[ScriptLine], own: Mapping[int, Sequence[ScriptLine]]) -> ScriptLine:
    """What the first shard runs besides, so that the others can run `script`, and each its own, after a crash."""
    saved = {"script": _plain(script), "own": {str(shard): _plain(lines) for shard, lines in own.items() if shard}}
    return ("UPDATE definition_script SET script = ?1", (with_digest(json.dumps(saved)),))


def read_script(stored: str) -> dict[str, Any]:
    """What `decision` has written; StartError when that is damaged."""
    try:
        saved: dict[str, Any] = json.loads(without_digest(stored))
    except ValueError:
        problem = "the script of the latest change of definitions is damaged"
        raise StartError(problem, "restore all shards from one backup") from None
    return saved


def of_other_shards(script: Sequence[ScriptLine]) -> list[ScriptLine]:
    """A script without what is about temporary tables, which are on the first shard alone."""
    return [(sql, params) for sql, params in script if not _is_temporary(sql, params)]


def _is_temporary(sql: str, params: Sequence[Stored]) -> bool:
    numbers = [word[1:].split(".")[0] for word in sql.replace("(", " ").replace(",", " ").split() if word[:1] in ("t", "i")]
    ids = [int(number.split("_")[0]) for number in numbers if number.split("_")[0].isdigit()]
    return any(each >= TEMPORARY_IDS for each in [*ids, *(value for value in params if isinstance(value, int))])


def recover(shards: Sequence[Shard], time_of: Callable[[int], int] = lambda number: 0) -> None:
    """Have every shard run what the first has run.  StartError when one is further behind than a crash can leave it.

    time_of: when the first shard ran its last definition, for the block of another one; 0: now."""
    first = _read_one(shards[0], _COUNT)
    for number, shard in enumerate(shards):
        count = _read_one(shard, _COUNT)
        if count == first:
            continue
        if count != first - 1:
            raise StartError(
                f"shard {number} has {count} changes of table definitions, the first shard has {first}",
                "restore all shards from one backup",
            )
        saved = read_script(_read_one(shards[0], "SELECT script FROM definition_script"))
        _run(shard, [*_lines(saved["script"]), *_lines(saved["own"].get(str(number), ())), COUNTED], time_of(number))


def _run(shard: Shard, script: Sequence[ScriptLine], at_us: int) -> None:
    branch = locked(shard)
    branch.execute_ddl(script, ())
    branch.commit(at_us).wait()


def _read_one(shard: Shard, sql: str) -> Any:
    """The one value; StartError when it is gone."""
    for (value,) in shard.autocommit_query(sql, (), inline=False):
        return value
    raise StartError("what a shard says of its changes of table definitions is gone", "restore all shards from one backup")


def _plain(script: Sequence[ScriptLine]) -> list[Any]:
    return [[sql, [{"bytes": v.hex()} if isinstance(v, bytes) else v for v in params]] for sql, params in script]


def _lines(saved: Iterable[Any]) -> list[ScriptLine]:
    return [(sql, tuple(bytes.fromhex(v["bytes"]) if isinstance(v, dict) else v for v in params)) for sql, params in saved]
