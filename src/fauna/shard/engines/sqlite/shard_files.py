"""Which file is which: every shard's file carries the name of its database and its own number.

    fauna_meta   'database' -> a random name, the same in all files of one database; 'shard' -> the number;
                 'chain' -> whether its commits are sealed, from the first on
"""

from __future__ import annotations

import os

from fauna.errors import StartError
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import locked

_PUT = "INSERT INTO fauna_meta VALUES (?1, ?2) ON CONFLICT DO NOTHING"
_GET = "SELECT value FROM fauna_meta WHERE key = ?1"


def name_database(first: SqliteShard) -> str:
    """The database's name, as its first shard has it; given now when it has none."""
    return _kept(first, "database", os.urandom(16).hex())


def identify(shard: SqliteShard, database: str, number: int) -> None:
    """Make sure that the file is shard `number` of `database`; a new file becomes that.  StartError when it is another."""
    found = _kept(shard, "database", database), int(_kept(shard, "shard", str(number)))
    if found == (database, number):
        return
    what = f"is shard {found[1]}" if found[0] == database else f"is shard {found[1]} of another database"
    raise StartError(f"'{shard.path}' {what}, not shard {number}", "put each file back in its place; nothing has been changed")


def decide_chain(first: SqliteShard, chain: bool) -> None:
    """StartError when the database was made the other way: a chain has all commits, or is none."""
    was_on = _kept(first, "chain", "on" if chain else "off") == "on"
    if was_on != chain:
        raise StartError(
            f"'{first.path}' was made with chain={'on' if was_on else 'off'}",
            "leave the setting as it was; nothing has been changed",
        )


def _kept(shard: SqliteShard, key: str, value: str) -> str:
    rows = list(shard.autocommit_query(_GET, (key,), inline=False))
    if rows:
        return str(rows[0][0])
    branch = locked(shard)
    branch.write(_PUT, (key, value))
    branch.commit().wait()
    return value
