"""Applying blocks that another shard has sealed: for restoring, following, and moving to another file.

A block is checked before it is applied: it must be the next of this chain, its changes must have its Merkle root, and each row
must be what the block says it was before.  It is applied and stored as it is, in one transaction, so that the chain here is the
very same; nothing is applied of one that does not fit.

Known limits: the caller must see to it that nobody else writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import apsw

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    PRUNED,
    RESET,
    REWRITE,
    SCHEMA,
    UPDATE,
    Change,
    Malformed,
    decode_change,
    decode_header,
    decode_row,
    encode_row,
)
from fauna.chain.merkle import Frontier, leaf_hash
from fauna.errors import FaunaError
from fauna.session.result import Ticket
from fauna.shard.engines.sqlite.columns import is_without_rowid, read_columns
from fauna.shard.engines.sqlite.errors import translate
from fauna.shard.engines.sqlite.sealer import DEFINITION, Sealer
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.shard import locked

_BLOCK: Final = "fauna_block"
_SAVEPOINT: Final = "fauna_replay"
Changes = Callable[[], Iterable[bytes]]


class DoesNotFit(FaunaError):
    """A block that is not what comes next here.  The text says which, and what was expected; nothing of it has been applied."""


class Replay:
    """One shard, which takes blocks from elsewhere.  One thread at a time."""

    def __init__(self, shard: SqliteShard) -> None:
        self._shard = shard
        self._tables: dict[str, _Table | None] = {}

    def apply(self, header: bytes, changes: Changes) -> Ticket:
        """Apply the next block and store it.  Visible on return, durable when the ticket is done.

        header: encoded.  changes: gives the encoded changes, in order, each time it is called (twice or three times).
        DoesNotFit, having done nothing."""
        applying = self.begin()
        try:
            applying.add(header, changes)
        except BaseException:
            applying.rollback()
            raise
        return applying.commit()

    def begin(self) -> Applying:
        """Several blocks in one transaction, which others see at once.  DoesNotFit when the shard keeps no chain."""
        return Applying(self._shard, self._tables)


class Applying:
    """Blocks that are being applied; the shard's write lock is held until `commit` or `rollback`.

    changed  the tables that rows of have changed so far"""

    def __init__(self, shard: SqliteShard, tables: dict[str, _Table | None]) -> None:
        self._shard = shard
        self._writer = shard.writer
        self._connection = shard.writer.handle.connection
        self._tables = tables
        if self._writer.sealer is None:
            raise DoesNotFit(f"'{shard.path}' keeps no chain")
        self._sealer: Sealer = self._writer.sealer
        self.changed: set[str] = set()
        self._branch = locked(shard)
        try:
            self._branch.execute_ddl((), ())  # it has the lock to its end, and whoever has read has to look again
            self._writer.replaying(True)
        except BaseException:
            self._branch.rollback()
            raise

    def add(self, header: bytes, changes: Changes) -> None:
        """Apply the next block.  DoesNotFit: nothing of it has been done, and what was added before is as it was.  After
        any other error only `rollback` is left."""
        run = self._connection.execute
        try:
            self._check(header, changes)
            run(f"SAVEPOINT {_BLOCK}")
            try:
                self._apply(changes)
                self._sealer.adopt(header, changes())
            except (Malformed, _Misfit, apsw.ConstraintError, apsw.SQLError):
                run(f"ROLLBACK TO {_BLOCK}")
                run(f"RELEASE {_BLOCK}")
                self._tables.clear()
                self._writer.shapes.forget()
                raise
            run(f"RELEASE {_BLOCK}")
        except (apsw.ConstraintError, apsw.SQLError) as problem:
            raise DoesNotFit(f"{self._named(header)}: what it changes cannot be done here: {problem}") from None
        except apsw.Error as failed:
            raise translate(failed) from None
        except (Malformed, _Misfit) as problem:
            raise DoesNotFit(f"{self._named(header)}: {problem}") from None

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives on the state so far, which others do not see yet."""
        return self._connection.execute(sql).fetchall()

    def commit(self) -> Ticket:
        """Visible on return, durable when the ticket is done."""
        self._writer.replaying(False)
        return self._branch.commit()

    def rollback(self) -> None:
        self._tables.clear()
        self._writer.replaying(False)
        self._branch.rollback()

    def _named(self, header: bytes) -> str:
        try:
            decoded = decode_header(header)
        except Malformed:
            return f"shard {self._shard.number}, a block after {self._shard.height}"
        return f"shard {decoded.shard}, block {decoded.height}, transaction {decoded.transaction}"

    def _check(self, encoded: bytes, changes: Changes) -> None:
        header = decode_header(encoded)
        height, time_us = self._sealer.latest
        previous = self._sealer.previous()
        if header.shard != self._shard.number:
            raise _Misfit(f"it is of shard {header.shard}, this is shard {self._shard.number}")
        if header.height != height + 1:
            raise _Misfit(f"block {height + 1} was expected")
        if header.previous != previous:
            raise _Misfit(
                f"it follows a block with the hash {header.previous.hex()}, here the last one has {previous.hex()}: "
                "it is of another history"
            )
        if header.time_us <= time_us:
            raise _Misfit("it is not later than the block before")
        frontier = Frontier()
        for change in changes():
            if change[:1] == bytes([PRUNED]):
                raise _Misfit("retention has removed changes of it: it can be verified, and not applied any more")
            frontier.add(leaf_hash(change))
        if frontier.size != header.changes or frontier.root() != header.root:
            raise _Misfit("its changes are not those that its header was made for")

    # -- changes

    def _apply(self, changes: Changes) -> None:
        """Changes are either netted, and a row that gets another's unique value may come before that one gives it up; or in the
        order in which they happened, and a row may come twice.  The first is undone when it turns out to be wrong."""
        run = self._connection.execute
        run(f"SAVEPOINT {_SAVEPOINT}")
        try:
            self._in_order(changes())
        except apsw.ConstraintError:
            run(f"ROLLBACK TO {_SAVEPOINT}")
            self._tables.clear()
            self._old_rows_first(changes)
        run(f"RELEASE {_SAVEPOINT}")

    def _in_order(self, changes: Iterable[bytes]) -> None:
        for encoded in changes:
            change = decode_change(encoded)
            kind = change.kind
            self.changed.add(change.table)
            if kind == UPDATE:
                table = self._table(change.table)
                table.expect(change)
                table.update(change)
            elif kind == DELETE:
                table = self._table(change.table)
                table.expect(change)
                table.delete(change)
            elif kind in (INSERT, REWRITE):
                self._table(change.table).insert(change)
            else:
                self._define(change)

    def _old_rows_first(self, changes: Changes) -> None:
        """Between two definitions, remove what changes before anything new is there."""
        for run in _runs(changes):
            for change in run():
                self.changed.add(change.table)
                if change.kind in (UPDATE, DELETE):
                    table = self._table(change.table)
                    table.expect(change)
                    table.delete(change)
            for change in run():
                if change.kind in (INSERT, UPDATE, REWRITE):
                    self._table(change.table).insert(change)
                elif change.kind in (RESET, SCHEMA):
                    self._define(change)

    def _define(self, change: Change) -> None:
        if change.kind == SCHEMA:
            if DEFINITION.match(change.statement) is None:
                raise _Misfit(f"it has a definition that defines nothing: {change.statement[:100]}")
            self._tables.clear()
            self._writer.shapes.forget()
            self._connection.execute(change.statement)
        elif self._is_there(change.table):
            self._connection.execute(f'DELETE FROM "{change.table}"')

    def _is_there(self, table: str) -> bool:
        return bool(self._connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchall())

    def _table(self, name: str) -> _Table:
        table = self._tables.get(name)
        if table is None:
            if not self._is_there(name):
                raise _Misfit(f"it changes table {name}, which is not there")
            table = self._tables[name] = _Table(self._connection, name)
        return table


class _Misfit(Exception):
    """What does not fit."""


def _runs(changes: Changes) -> Iterator[Callable[[], Iterator[Change]]]:
    """The changes, up to and including each definition."""
    bounds = [0]
    count = 0
    for encoded in changes():
        count += 1
        if encoded[0] in (RESET, SCHEMA):
            bounds.append(count)
    bounds.append(count)
    for first, end in zip(bounds, bounds[1:], strict=False):
        yield lambda first=first, end=end: (  # type: ignore[misc]
            decode_change(encoded) for number, encoded in enumerate(changes()) if first <= number < end
        )


class _Table:
    """How rows of a table are written and compared."""

    def __init__(self, connection: apsw.Connection, name: str) -> None:
        self._name = name
        self._run = connection.cursor().execute
        columns = read_columns(self._run, name)
        stored = columns.stored
        self._written = tuple(i for i, column in enumerate(stored) if not column.computed)
        names = [f'"{column.name}"' for column in stored]
        written = [names[i] for i in self._written]
        self._keys: tuple[int, ...] = ()
        if is_without_rowid(self._run, name):
            at = {column.name: i for i, column in enumerate(stored)}
            self._keys = tuple(at[key] for key in columns.key)
        condition = " AND ".join(f"{names[i]} IS ?" for i in self._keys) or "rowid = ?"
        self._names_rowid = not columns.rowid and not self._keys
        into = [*written, "rowid"] if self._names_rowid else written
        self._insert = f'INSERT INTO "{name}" ({", ".join(into)}) VALUES ({", ".join("?" * len(into))})'
        self._delete = f'DELETE FROM "{name}" WHERE {condition}'
        self._update = f'UPDATE "{name}" SET {", ".join(f"{each} = ?" for each in written)} WHERE {condition}'
        self._select = f'SELECT {", ".join(names)} FROM "{name}" WHERE {condition}'
        self._columns = len(names)

    def _key(self, change: Change, row: tuple[Stored, ...] | None) -> tuple[Stored, ...]:
        if not self._keys:
            return (change.key,)
        assert row is not None
        return tuple(row[i] for i in self._keys)

    def expect(self, change: Change) -> None:
        """The row is what the change says it was."""
        found = self._run(self._select, self._key(change, change.row_before)).fetchall()
        if not found:
            raise _Misfit(f"table {self._name}, row {change.key}: it is not there, {change.row_before} was expected")
        if encode_row(found[0]) != change.before:
            raise _Misfit(f"table {self._name}, row {change.key}: it is {found[0]}, {change.row_before} was expected")

    def delete(self, change: Change) -> None:
        self._run(self._delete, self._key(change, change.row_before))

    def insert(self, change: Change) -> None:
        values = self._values(change)
        self._run(self._insert, (*values, change.key) if self._names_rowid else values)

    def update(self, change: Change) -> None:
        self._run(self._update, (*self._values(change), *self._key(change, change.row_before)))

    def _values(self, change: Change) -> tuple[Stored, ...]:
        row, _ = decode_row(change.after)
        if len(row) != self._columns:
            raise _Misfit(f"table {self._name}, row {change.key}: it has {len(row)} columns, the table has {self._columns}")
        return tuple(row[i] for i in self._written)
