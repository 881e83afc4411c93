"""Rows that a transaction has removed in one place and put in another: one change for each primary key.

A row that goes to another shard, a REPLACE, a primary key that changes hands: in blocks these are removals and additions, in no
order that a consumer could apply.  Here they are brought together by primary key, in a temporary file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import apsw

_CACHE_KIB: Final = 2048
_CREATE: Final = (
    "CREATE TABLE net (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key BLOB NOT NULL, part INTEGER NOT NULL, "
    "before BLOB, after BLOB, UNIQUE (name, key))"
)
_FIND: Final = "SELECT id, before, after FROM net WHERE name = ?1 AND key = ?2"
_ADD: Final = "INSERT INTO net (name, key, part, before, after) VALUES (?1, ?2, ?3, ?4, ?5)"
_PUT: Final = "UPDATE net SET part = ?2, before = ?3, after = ?4 WHERE id = ?1"
# What goes before what comes: a consumer whose keys are equal by other rules never has two rows with one.
_ALL: Final = (
    "SELECT name, part, before, after FROM net WHERE before IS NOT NULL OR after IS NOT NULL "
    "ORDER BY after IS NOT NULL, before IS NULL, id"
)


@dataclass(frozen=True, slots=True)
class Net:
    """One row of a table: what it was and is, encoded; part: of the transaction, where that is from."""

    table: str
    part: int
    before: bytes | None
    after: bytes | None


class Netting:
    """Of one transaction."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")  # in memory as long as it is small
        self._run = self._connection.execute
        self._run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._run("PRAGMA journal_mode = OFF")
        self._run(_CREATE)
        self._run("BEGIN")

    def add(self, table: str, key: bytes, part: int, before: bytes | None, after: bytes | None) -> None:
        """The row with that primary key was `before` and is `after`, as far as this change knows."""
        found: list[Any] = self._run(_FIND, (table, key)).fetchall()
        if not found:
            self._run(_ADD, (table, key, part, before, after))
            return
        number, first, last = found[0]
        if last == before:  # one after another
            self._run(_PUT, (number, part, first, after))
        elif after is not None:
            self._run(_PUT, (number, part, first if first is not None else before, after))
        else:  # two rows had this key, one before and one after; the one that is gone comes last
            self._run(_PUT, (number, part, first if first is not None else before, last))

    def rows(self) -> Iterator[Net]:
        """All of them: first what is gone, then what has changed, then what is new."""
        found: Any
        for found in self._run(_ALL):
            yield Net(*found)

    def close(self) -> None:
        self._connection.close(True)
