"""`follower.db` in a follower's data directory: whom it follows, and blocks that are not applied on all shards yet.

    fauna_source(key, value)                       'database' -> the source's name of itself; 'address' -> where it was last;
                                                   'copied' -> whether the first copy is complete
    fauna_inbox(shard, height, header, payload)    what is being applied: after a crash it is applied to the end first, so that
                                                   several shards are of one moment
    fauna_inbox_parts(shard, height, part, payload)   payloads in parts

That the file is there makes a directory a follower's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import apsw

from fauna.errors import StartError
from fauna.follow.blocks import Block
from fauna.shard.engines.sqlite.data_directory import FOLLOWER_FILE

FILE: Final = FOLLOWER_FILE
_BUSY_TIMEOUT_MS: Final = 10_000
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS fauna_source (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fauna_inbox (shard INTEGER NOT NULL, height INTEGER NOT NULL, header BLOB NOT NULL, "
    "payload BLOB NOT NULL, PRIMARY KEY (shard, height)) STRICT",
    "CREATE TABLE IF NOT EXISTS fauna_inbox_parts (shard INTEGER NOT NULL, height INTEGER NOT NULL, part INTEGER NOT NULL, "
    "payload BLOB NOT NULL, PRIMARY KEY (shard, height, part)) STRICT",
)


def is_follower(directory: Path) -> bool:
    return (directory / FILE).exists()


def followed(directory: Path) -> str:
    """Where the source of a follower's directory was last."""
    inbox = Inbox(directory)
    try:
        return inbox.get("address")
    finally:
        inbox.close()


class Inbox:
    """One thread at a time.  What is put is durable on return."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        try:
            self._connection = apsw.Connection(str(self.path))
            self._connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            for statement in _CREATE:
                self._connection.execute(statement)
        except apsw.Error as failed:
            raise StartError(
                f"cannot use '{self.path}': {failed}",
                "it says whom this directory follows: put it back, or follow into an empty directory",
            ) from None

    def get(self, key: str) -> str:
        """"" when it is not known."""
        for (value,) in self._connection.execute("SELECT value FROM fauna_source WHERE key = ?", (key,)):
            return str(value)
        return ""

    def set(self, **values: str) -> None:
        with self._connection:
            for key, value in values.items():
                self._connection.execute("INSERT OR REPLACE INTO fauna_source VALUES (?, ?)", (key, value))

    # -- blocks

    def put(self, blocks: Sequence[Block]) -> None:
        """These are being applied, in the place of those before."""
        with self._connection:
            self._connection.execute("DELETE FROM fauna_inbox")
            self._connection.executemany(
                "INSERT INTO fauna_inbox VALUES (?, ?, ?, ?)", [(b.shard, b.height, b.header, b.payload) for b in blocks]
            )

    def pending(self) -> list[Block]:
        """What was put last."""
        rows = self._connection.execute("SELECT header, payload FROM fauna_inbox").fetchall()
        return [Block.of(bytes(header), bytes(payload)) for header, payload in rows]  # type: ignore[arg-type]

    def clear(self) -> None:
        """Everything has been applied, durably."""
        with self._connection:
            self._connection.execute("DELETE FROM fauna_inbox")
            self._connection.execute("DELETE FROM fauna_inbox_parts")

    def put_part(self, shard: int, height: int, part: int, payload: bytes) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO fauna_inbox_parts VALUES (?, ?, ?, ?)", (shard, height, part, payload)
        )

    def parts(self, shard: int, height: int) -> Iterator[bytes]:
        sql = "SELECT payload FROM fauna_inbox_parts WHERE shard = ? AND height = ? ORDER BY part"
        for (payload,) in self._connection.cursor().execute(sql, (shard, height)):
            yield bytes(payload)

    def drop_parts(self, shard: int, height: int) -> None:
        """Of blocks up to `height`: they are applied."""
        self._connection.execute("DELETE FROM fauna_inbox_parts WHERE shard = ? AND height <= ?", (shard, height))

    def close(self) -> None:
        self._connection.close(True)
