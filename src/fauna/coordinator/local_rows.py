"""The rows of the local coordinator's file.  No block seals them, so each has a digest of its table's name and its values.

A byte that has changed in one is noticed by it, and whoever edits a row without knowing of it.  Who makes the digest anew is
found only where what the row says contradicts the shards: see verification.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import encode_row
from fauna.coordinator.protocol import Decision, Verdict

ENTRIES: Final = "entries"
LEASES: Final = "leases"
DECISIONS: Final = "decisions"
META: Final = "coordinator_meta"
FORMAT: Final = 2
"""2: rows have a digest."""
TABLES: Final = {
    META: "CREATE TABLE coordinator_meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
    ENTRIES: "CREATE TABLE entries (name TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL, digest TEXT NOT NULL) "
    "STRICT, WITHOUT ROWID",
    LEASES: "CREATE TABLE leases (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, digest TEXT NOT NULL) STRICT, WITHOUT ROWID",
    DECISIONS: "CREATE TABLE decisions (gtrid TEXT PRIMARY KEY, verdict TEXT NOT NULL, participants TEXT NOT NULL, "
    "digest TEXT NOT NULL) STRICT, WITHOUT ROWID",
}


def put(connection: apsw.Connection, table: str, *values: Stored, replace: bool = True) -> bool:
    """Write a row, whose first value names it; without `replace` only if there is none of that name.  Whether it was written."""
    marks = ", ".join("?" * (len(values) + 1))
    verb = "REPLACE" if replace else "INSERT OR IGNORE"
    connection.execute(f"{verb} INTO {table} VALUES ({marks})", (*values, _digest(table, values)))
    return bool(connection.changes())


def problems(connection: apsw.Connection) -> Iterator[tuple[str, str]]:
    """The table, and what is wrong with one of its rows."""
    for table in (ENTRIES, LEASES, DECISIONS):
        for row in _rows(connection, table):
            *values, digest = row
            if digest != _digest(table, tuple(values)):
                yield table, f"the row {values[0]!r} is not as it was written: its digest does not fit"
            elif table == DECISIONS and decision(*values[1:]) is None:
                yield table, f"the decision on {values[0]!r} cannot be read"


def decisions(connection: apsw.Connection) -> dict[str, Decision]:
    """By gtrid, those that can be read."""
    found = {row[0]: decision(*row[1:3]) for row in _rows(connection, DECISIONS)}
    return {str(gtrid): each for gtrid, each in found.items() if each is not None}


def participants_text(decided: Decision) -> str:
    """As they are stored."""
    return " ".join(map(str, decided.participants))


def decision(verdict: str, participants: str) -> Decision | None:
    """From how it is stored; None: it is none."""
    try:
        return Decision(Verdict(verdict), tuple(map(int, participants.split())))
    except (ValueError, TypeError, AttributeError):
        return None


def renew(connection: apsw.Connection, table: str) -> None:
    """Make a table of format 1, without digests, one of this format."""
    rows = _rows(connection, table)
    connection.execute(f"DROP TABLE {table}")
    connection.execute(TABLES[table])
    for row in rows:
        put(connection, table, *row)


def _rows(connection: apsw.Connection, table: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def _digest(table: str, values: tuple[Stored, ...]) -> str:
    return sha256(encode_row((table, *values))).hexdigest()
