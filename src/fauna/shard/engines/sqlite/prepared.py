"""Two-phase commit's first phase on disk: what a prepared transaction will do, as one row of its shard's own file.

    fauna_prepared(gtrid, record)     record: `Prepared` as JSON, with its digest

The row is committed by a transaction of its own, with the group commit's sync; committing the prepared transaction does the
changes and removes the row in one transaction, so that they are done exactly once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fauna.catalog.types import Stored
from fauna.chain.digest import with_digest, without_digest
from fauna.txn.row_locks import Key

TABLE: Final = "fauna_prepared"
CREATE: Final[str] = f"CREATE TABLE IF NOT EXISTS {TABLE} (gtrid TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID"
INSERT: Final = f"INSERT INTO {TABLE} VALUES (?1, ?2)"
DELETE: Final = f"DELETE FROM {TABLE} WHERE gtrid = ?1"
SELECT: Final = f"SELECT gtrid, record FROM {TABLE}"

RowEffect = tuple[str, int, Sequence[Stored] | None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """rows     what each row that was touched is in the end: (table, rowid, its columns but the computed ones, or None: gone)
    statements  on tables whose rows nobody locks: run as they are (not on counters, which count already)
    changes     (table, operation, rowid, new rowid): what the shard's history will tell of the commit
    keys        the rows and unique keys that nobody else may have until the end
    keeps_lock  keys are not all that it relies on: nobody else may write until the end
    user, shards   what its block will say of it: who commits, and on which shards
    """

    rows: tuple[RowEffect, ...]
    statements: tuple[tuple[str, Sequence[Stored]], ...]
    changes: tuple[tuple[str, str, int, int], ...]
    keys: tuple[Key, ...]
    keeps_lock: bool
    user: str = ""
    shards: tuple[int, ...] = ()

    def dump(self) -> str:
        text = json.dumps(
            {
                "rows": [[table, rowid, None if values is None else _plain(values)] for table, rowid, values in self.rows],
                "statements": [[sql, _plain(params)] for sql, params in self.statements],
                "changes": self.changes,
                "keys": [_plain(key) for key in self.keys],
                "keeps_lock": self.keeps_lock,
                "user": self.user,
                "shards": self.shards,
            }
        )
        return with_digest(text)

    @staticmethod
    def load(text: str) -> Prepared:
        """ValueError when it is damaged."""
        saved = json.loads(without_digest(text))
        return Prepared(
            tuple((table, rowid, None if values is None else _stored(values)) for table, rowid, values in saved["rows"]),
            tuple((sql, _stored(params)) for sql, params in saved["statements"]),
            tuple((table, op, old, new) for table, op, old, new in saved["changes"]),
            tuple(_stored(key) for key in saved["keys"]),
            saved["keeps_lock"],
            saved["user"],
            tuple(saved["shards"]),
        )


def _plain(values: Iterable[Any]) -> list[Any]:
    return [{"bytes": value.hex()} if isinstance(value, bytes) else value for value in values]


def _stored(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value for value in values)
