"""Sessions of a script that has several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from fauna.errors import SqlError
from fauna.session.result import MustWait
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import Branch, Isolation, MatchCheck, TableAccess

T = TypeVar("T")


def make_tables(shard: SqliteShard) -> None:
    branch = shard.begin(Isolation.READ_COMMITTED)
    for table in ("t1", "t2"):
        branch.execute_ddl([(f"CREATE TABLE {table} (c0 INTEGER PRIMARY KEY, c1 INTEGER NOT NULL) STRICT", ())])
    branch.write("INSERT INTO t1 VALUES (1, 10), (2, 20)", ())
    branch.commit().wait()


class Actor:
    """One session of a script.  Statements name rows; it adds what the planner would: what is read, what is meant.

    by_rowid: rows are written at COMMIT where that is possible, as one-row statements of a client are.
    """

    def __init__(self, shard: SqliteShard, isolation: Isolation, *, by_rowid: bool = False, **options: object) -> None:
        self.shard = shard
        self.by_rowid = by_rowid
        self.branch: Branch = shard.begin(isolation, **options)  # type: ignore[arg-type]

    def get(self, row: int, table: str = "t1") -> int | None:
        sql = f"SELECT c1 FROM {table} WHERE c0 = ?"
        rows = list(self.branch.query(sql, (row,), [TableAccess(table, row, row)], inline=False))
        return rows[0][0] if rows else None  # type: ignore[return-value]

    def all(self, where: str = "1", table: str = "t1") -> list[tuple[object, ...]]:
        sql = f"SELECT c0, c1 FROM {table} WHERE {where} ORDER BY c0"
        return list(self.branch.query(sql, (), [TableAccess(table)], inline=False))

    def get_locked(self, row: int, table: str = "t1") -> int | None:
        match = MatchCheck(f"SELECT c0 FROM {table} WHERE c0 = ?", (row,), table)
        rows = list(
            self.branch.lock_query(
                f"SELECT c1 FROM {table} WHERE c0 = ?", (row,), [TableAccess(table, row, row)], match=match, inline=False
            )
        )
        return rows[0][0] if rows else None  # type: ignore[return-value]

    def _by_rowid(self, op: str, table: str, row: int, sql: str, *params: int) -> int | None:
        """How many rows it wrote; None: not this way."""
        find = f"SELECT 1 FROM {table} WHERE c0 = ?"
        found = self.branch.read_row(table, row, find, (row,), inline=False) if self.by_rowid else None
        if found is None or (op == "INSERT" and found):
            return None
        if found or op == "INSERT":
            self.branch.write_row(op, table, row, sql, params)
            return 1
        return 0

    def put(self, row: int, value: int, table: str = "t1") -> int:
        written = self._by_rowid("UPDATE", table, row, f"UPDATE {table} SET c1 = ? WHERE c0 = ?", value, row)
        if written is not None:
            return written
        match = MatchCheck(f"SELECT c0 FROM {table} WHERE c0 = ?", (row,), table)
        return self.branch.write(f"UPDATE {table} SET c1 = ? WHERE c0 = ?", (value, row), match=match).changes

    def change(self, assignment: str, where: str, table: str = "t1") -> int:
        match = MatchCheck(f"SELECT c0 FROM {table} WHERE {where}", (), table)
        return self.branch.write(f"UPDATE {table} SET {assignment} WHERE {where}", (), match=match).changes

    def insert(self, row: int, value: int, table: str = "t1") -> int:
        if self._by_rowid("INSERT", table, row, f"INSERT INTO {table} VALUES (?, ?)", row, value):
            return 1
        return self.branch.write(f"INSERT INTO {table} VALUES (?, ?)", (row, value)).changes

    def remove(self, row: int, table: str = "t1") -> int:
        written = self._by_rowid("DELETE", table, row, f"DELETE FROM {table} WHERE c0 = ?", row)
        return written if written is not None else self.delete(f"c0 = {row}", table)

    def delete(self, where: str, table: str = "t1") -> int:
        match = MatchCheck(f"SELECT c0 FROM {table} WHERE {where}", (), table)
        return self.branch.write(f"DELETE FROM {table} WHERE {where}", (), match=match).changes

    def pause(self) -> None:
        """The client thinks about its next statement."""
        self.branch.pause()

    def commit(self) -> None:
        self.branch.commit().wait()

    def rollback(self) -> None:
        self.branch.rollback()


def latest(shard: SqliteShard, table: str = "t1") -> dict[int, int]:
    return dict(shard.autocommit_query(f"SELECT c0, c1 FROM {table}", (), inline=False))  # type: ignore[arg-type]


def refused(call: Callable[[], object]) -> int:
    """The error number that `call` fails with."""
    with pytest.raises(SqlError) as raised:
        call()
    return raised.value.errno


def waits(call: Callable[[], object]) -> MustWait:
    with pytest.raises(MustWait) as raised:
        call()
    return raised.value


def waiting(call: Callable[[], T]) -> T:
    """What a caller in a thread of its own does: wait for the lock as long as it takes."""
    while True:
        try:
            return call()
        except MustWait as wait:
            wait.ticket.wait()
