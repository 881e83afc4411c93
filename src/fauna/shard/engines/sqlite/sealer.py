"""Sealing: what a transaction has changed becomes a block, in the transaction itself.

    fauna_blocks(height, header, payload, hash)  one row per block; payload: codec byte, then the changes; hash: of the header,
                                                 which no later block confirms as long as this one is the latest
    fauna_block_parts(height, part, payload)     of a block too large for one row: its payload in parts, each with a codec byte
    fauna_transactions(gtrid, height)            the blocks of transactions that have a name; a client may use one again
    fauna_pruned(name, until_us, height, looked, changes)   what retention has taken out of the blocks, see pruning.py

The pre-update hook hands over each row that changes; a transaction's changes are netted by row at its end, so that a block says
what each row was before and is after.  Beyond `sealer_rows_max` rows or `sealer_bytes_max` bytes they go to a temporary file
as they come, and are not netted.

SQLite cannot tell in the hook what is in a table with VIRTUAL columns: its rows are read instead, before from another
connection, which sees what was committed last, and after from this one.  It also shows the default of a REAL column, in a row
that is older than the column, as an integer when it is a whole number: that is made a float, which it is to everybody else.
"""

from __future__ import annotations

import re
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from typing import IO, Any, Final

import apsw
import zstandard
from apsw import no_change

from fauna.chain.encoding import (
    DELETE,
    INSERT,
    RESET,
    REWRITE,
    SCHEMA,
    UPDATE,
    block_hash,
    decode_header,
    encode_change,
    encode_header,
    encode_reset,
    encode_row,
    encode_rows,
    encode_schema,
    genesis,
    text,
    varint,
)
from fauna.chain.merkle import Frontier
from fauna.clock import HybridClock
from fauna.shard.engines.sqlite.columns import Execute, is_without_rowid, read_columns
from fauna.shard.engines.sqlite.connection import Handle
from fauna.shard.engines.sqlite.settings import EngineSettings

CREATE: Final[tuple[str, ...]] = (
    "CREATE TABLE IF NOT EXISTS fauna_blocks (height INTEGER PRIMARY KEY, header BLOB NOT NULL, payload BLOB NOT NULL, "
    "hash BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS fauna_block_parts (height INTEGER NOT NULL, part INTEGER NOT NULL, payload BLOB NOT NULL, "
    "PRIMARY KEY (height, part)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fauna_transactions (gtrid TEXT NOT NULL, height INTEGER NOT NULL, PRIMARY KEY (gtrid, height)) "
    "STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fauna_pruned (name TEXT PRIMARY KEY, until_us INTEGER NOT NULL, height INTEGER NOT NULL, "
    "looked INTEGER NOT NULL, changes INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
ENGINE: Final = "sqlite"
RAW: Final = b"\x00"
ZSTD: Final = b"\x01"
IN_PARTS: Final = b"\x02"
# Below that packing costs a commit more than the bytes that it saves.
_PACKED_FROM_BYTES: Final = 512
_PART_BYTES: Final = 1 << 20
_REST_CHANGES: Final = 512
_INSERT_BLOCK: Final = "INSERT INTO fauna_blocks VALUES (?1, ?2, ?3, ?4)"
_INSERT_PART: Final = "INSERT INTO fauna_block_parts VALUES (?1, ?2, ?3)"
_INSERT_TRANSACTION: Final = "INSERT INTO fauna_transactions VALUES (?1, ?2)"
_HEAD: Final = "SELECT header FROM fauna_blocks ORDER BY height DESC LIMIT 1"

NOT_FETCHED: Final = object()
# Where the node keeps what tables mean: names, types.  It may change without any statement that SQLite is given.
_CATALOG: Final = "catalog_entries"
# What an image is of besides the kinds of changes: a row that the hook could not show.
_UNSEEN: Final = 0
DEFINITION: Final = re.compile(
    r"\s*(CREATE|DROP|ALTER) (?:UNIQUE )?(TABLE|INDEX|TRIGGER|VIEW)(?: IF (?:NOT )?EXISTS)? \"?(\w+)", re.ASCII
)
_NUMBERED: Final = re.compile(r"[a-z]+(\d+)", re.ASCII)

# (kind, table, key before, key after, encoded row before, encoded row after)
_Image = tuple[int, str, int, int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a block says of its transaction besides the changes.  time_us 0: the clock's next; user: who commits; gtrid and
    shards: of one that is on several shards, or that a client has named."""

    time_us: int = 0
    user: str = ""
    gtrid: str = ""
    shards: tuple[int, ...] = ()


BY_ITSELF: Final = Stamp()
"""The server's own transactions, on one shard."""


class Sealer:
    """Used only by the holder of the write lock, on the writing connection.

    height, hash   of the latest block that is committed
    """

    def __init__(
        self, handle: Handle, number: int, clock: HybridClock, settings: EngineSettings, committed: Callable[[], Handle]
    ) -> None:
        """committed: a connection that reads what was committed last."""
        self._execute = handle.connection.cursor().execute
        self._guard = handle.guard
        self._number = number
        self._clock = clock
        self._committed = committed
        self._temporary_from = settings.temporary_from
        self._unsealed = settings.unsealed
        self._rows_max = settings.sealer_rows_max
        self._bytes_max = settings.sealer_bytes_max
        self._packer = Packer()
        self._names: dict[str, bytes] = {}  # encoded; empty: not sealed
        self._layouts: dict[str, _Layout] = {}
        self._reals: dict[str, tuple[int, ...]] = {}  # positions of REAL columns that have a default
        self.defining = False
        """A definition is being changed: rows that are inserted are old ones."""
        self._images: list[_Image] = []
        self._bytes = 0
        self._unseen: dict[tuple[str, int], bool] = {}  # whether a definition has made the row anew
        self._altered: dict[str, None] = {}  # tables that have one column more
        self._defines = False
        self._spool: IO[bytes] | None = None
        self._offsets: array[int] = array("q")  # where each spooled change begins
        self._marks: dict[str, int] = {}
        self._sealing = b""  # the encoded header of the block that is in the open transaction, and what it says
        self._sealing_hash = b""
        self._sealing_height = self._sealing_time_us = 0
        self._sealing_schema = 0
        self.height = 0
        self.hash = b""
        self.time_us = 0
        self._schema = 0
        self._load()

    def _load(self) -> None:
        self._guard.start(None, inline=False)
        rows = self._execute(_HEAD).fetchall()
        if rows:
            encoded: bytes = rows[0][0]  # type: ignore[assignment]
            header = decode_header(encoded)
            self.height, self.hash, self.time_us = header.height, block_hash(encoded), header.time_us
            self._schema = header.schema
            self._clock.observe(header.time_us)

    # -- what happens in a transaction

    def begin(self) -> None:
        """Nothing has changed yet."""
        self._sealing = b""
        if self._images or self._spool is not None or self._unseen:
            self._images = []
            self._unseen = {}
            self._drop_spool()
        self._bytes = 0
        self._altered.clear()
        self._defines = False
        self._marks.clear()

    def capture(self, update: apsw.PreUpdate, table: str) -> Any:
        """The pre-update hook: a row of the table is about to change.

        Gives its new values as far as they were fetched, which costs: of an UPDATE those that change, and `no_change` for the
        others; None for a DELETE.  `NOT_FETCHED`: they were not."""
        name = self._names.get(table)
        if name is None:
            name = self._names[table] = self._name(table)
        if not name:
            return NOT_FETCHED
        op = update.op
        before = after = b""
        new: Any = None
        try:
            if op == "UPDATE":
                kind = UPDATE
                new = update.update
                before, after = encode_rows(self._true_old(table, update.old), new, no_change)
            elif op == "INSERT":
                kind = REWRITE if self.defining and table[0] == "t" else INSERT
                new = update.new
                after = encode_row(new)
            else:
                kind = DELETE
                before = encode_row(self._true_old(table, update.old))
        except apsw.RangeError:  # SQLite miscounts the columns of a table that has VIRTUAL ones
            kind = _UNSEEN
            new = NOT_FETCHED
            before = after = b"\x01" if self.defining else b""
        self._bytes += len(before) + len(after)
        self._add((kind, table, update.rowid, update.rowid_new, before, after))
        return new

    def _true_old(self, table: str, old: Any) -> Any:
        """The values before; SQLite shows the default of a REAL column, in a row that is older than the column, as it is written
        in the definition, be it an integer."""
        reals = self._reals.get(table)
        if reals is None:
            committed = self._committed()  # in the hook this connection may not be used
            committed.guard.start(None, inline=False)
            stored = read_columns(committed.connection.execute, table).stored
            reals = tuple([i for i, column in enumerate(stored) if column.declared == "REAL" and column.has_default])
            self._reals[table] = reals
        if not reals:
            return old
        values = list(old)
        for i in reals:
            if i < len(values) and isinstance(values[i], int):
                values[i] = float(values[i])
        return values

    def define(self, sql: str) -> None:
        """A statement of a definition has run."""
        found = DEFINITION.match(sql)
        if found is None:
            return
        verb, what, name = found.groups()
        if not self._is_lasting(name):
            return
        self._layouts.clear()
        self._reals.clear()
        self._add((SCHEMA, sql, 0, 0, b"", b""))
        if what == "TABLE" and verb != "CREATE":
            # After ALTER every row is another, it has one column more: its table is read at the end.
            self._add((RESET, name, int(verb == "ALTER"), 0, b"", b""))

    def _name(self, table: str) -> bytes:
        return text(table) if self._is_lasting(table) and table not in self._unsealed else b""

    def _is_lasting(self, name: str) -> bool:
        if name.startswith(("fauna_", "sqlite_")):
            return False
        found = _NUMBERED.match(name)
        return found is None or int(found[1]) < self._temporary_from

    def _add(self, image: _Image) -> None:
        if self._spool is not None:
            self._spool_image(image)
            return
        self._images.append(image)
        if len(self._images) > self._rows_max or self._bytes > self._bytes_max:
            self._spill()

    @property
    def mark(self) -> int:
        """Where the transaction is now, for `cut_back`."""
        return len(self._images) if self._spool is None else len(self._offsets)

    def cut_back(self, mark: int) -> None:
        """What came after the mark has been undone."""
        if self._spool is None:
            del self._images[mark:]
        elif mark < len(self._offsets):
            self._spool.truncate(self._offsets[mark])
            self._spool.seek(self._offsets[mark])
            del self._offsets[mark:]

    def savepoint(self, name: str) -> None:
        self._marks[name] = self.mark

    def rollback_to(self, name: str) -> None:
        self.cut_back(self._marks[name])

    # -- many changes

    def _spill(self) -> None:
        """From here on they go to a file."""
        images, self._images = self._images, []
        self._spool = tempfile.TemporaryFile(prefix="faunadb-block-")  # noqa: SIM115 (it is the transaction's)
        for image in images:
            self._spool_image(image)

    def _spool_image(self, image: _Image) -> None:
        assert self._spool is not None
        self._offsets.append(self._spool.tell())
        kind, table, key, key_after, before, after = image
        if kind == _UNSEEN:
            self._unseen[table, key] = self._unseen[table, key_after] = bool(before)
            return
        self._defines = self._defines or kind == SCHEMA or table == _CATALOG
        if kind == RESET and key:
            self._altered[table] = None
            return
        for change in self._encoded(kind, table, key, key_after, before, after, self._is_keyed_by_values(table, kind)):
            self._spool.write(varint(len(change)))
            self._spool.write(change)

    def _is_keyed_by_values(self, table: str, kind: int) -> bool:
        """Asked in the hook, where this connection may not be used."""
        if kind >= RESET:
            return False
        layout = self._layouts.get(table)
        if layout is None:
            committed = self._committed()
            committed.guard.start(None, inline=False)
            layout = self._layouts[table] = read_layout(committed.connection.execute, table)
        return layout.without_rowid

    def _drop_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self._offsets = array("q")

    def _encoded(
        self, kind: int, table: str, key: int, key_after: int, before: bytes, after: bytes, keyed_by_values: bool
    ) -> list[bytes]:
        if kind == SCHEMA:
            return [encode_schema(ENGINE, table)]
        if kind == RESET:
            return [encode_reset(table)]
        name = self._names[table]
        if keyed_by_values:
            key = key_after = 0
        if kind == UPDATE and key != key_after:
            return [encode_change(DELETE, name, key, before, b""), encode_change(INSERT, name, key_after, b"", after)]
        return [encode_change(kind, name, key_after if kind != DELETE else key, before, after)]

    # -- the block

    def seal(self, stamp: Stamp) -> None:
        """Write the block of what has changed, if anything has, into the open transaction, whose COMMIT comes next.

        One that is on several shards has a block on each of them, also where it has changed nothing in the end: the others'
        blocks say so, and its time is known from any of them."""
        if self._sealing:
            return  # it has been adopted
        if not self._images and self._spool is None and not stamp.shards:
            return
        self._guard.start(None, inline=False)
        height = self.height + 1
        if self._spool is None:
            changes, defines = self._netted()
            if not changes and not stamp.shards:
                return
            if sum(map(len, changes)) <= _PART_BYTES:
                self._seal_small(height, stamp, changes, defines)
                return
            stored: Iterator[bytes] = iter(changes)
        else:
            stored, defines = self._spooled(), self._defines
        self._seal_large(height, stamp, stored, defines)

    def _seal_small(self, height: int, stamp: Stamp, changes: list[bytes], defines: bool) -> None:
        parts: list[bytes] = []
        if len(changes) == 1:
            change = changes[0]
            root = sha256(b"\x00" + change).digest()
            parts.append(varint(len(change)))
            parts.append(change)
        else:
            frontier = Frontier()
            for change in changes:
                frontier.add(sha256(b"\x00" + change).digest())
                parts.append(varint(len(change)))
                parts.append(change)
            root = frontier.root()
        self._put(height, stamp, root, len(changes), self._packer.pack(b"".join(parts)), defines)

    def _seal_large(self, height: int, stamp: Stamp, changes: Iterable[bytes], defines: bool) -> None:
        frontier = Frontier()
        payload = self._put_parts(height, changes, frontier)
        if frontier.size or stamp.shards:
            self._put(height, stamp, frontier.root(), frontier.size, payload, defines)

    def _put_parts(self, height: int, changes: Iterable[bytes], frontier: Frontier) -> bytes:
        """Store changes in parts, and add them to the frontier; the payload that says so."""
        parts: list[bytes] = []
        size = part = 0
        for number, change in enumerate(changes):
            if not number % _REST_CHANGES:
                time.sleep(0)  # compiled code lets nobody else run by itself, and readers must not wait for a large commit
            frontier.add(sha256(b"\x00" + change).digest())
            parts.append(varint(len(change)))
            parts.append(change)
            size += len(change)
            if size >= _PART_BYTES:
                self._execute(_INSERT_PART, (height, part, self._packer.pack(b"".join(parts))))
                parts = []
                size = 0
                part += 1
        if parts:
            self._execute(_INSERT_PART, (height, part, self._packer.pack(b"".join(parts))))
        return IN_PARTS

    def _put(self, height: int, stamp: Stamp, root: bytes, changes: int, payload: bytes, defines: bool) -> None:
        time_us = stamp.time_us or self._clock.next_us()
        schema = height if defines else self._schema
        header = encode_header(
            self._number, height, self.previous(), root, changes, time_us, stamp.gtrid, stamp.shards, stamp.user, 0, schema
        )
        self._store(height, header, payload, stamp.gtrid, time_us, schema)

    def _store(self, height: int, header: bytes, payload: bytes, gtrid: str, time_us: int, schema: int) -> None:
        self._sealing_hash = block_hash(header)
        self._execute(_INSERT_BLOCK, (height, header, payload, self._sealing_hash))
        if gtrid:
            self._execute(_INSERT_TRANSACTION, (gtrid, height))
        self._sealing = header
        self._sealing_height, self._sealing_time_us, self._sealing_schema = height, time_us, schema

    def previous(self) -> bytes:
        """What the next block has as the hash before it."""
        if self._sealing:
            return self._sealing_hash
        return self.hash or genesis(self._database(), self._number)

    @property
    def latest(self) -> tuple[int, int]:
        """Height and time of the latest block, the open transaction's own included."""
        return (self._sealing_height, self._sealing_time_us) if self._sealing else (self.height, self.time_us)

    def adopt(self, header: bytes, changes: Iterable[bytes]) -> None:
        """Write a block that was sealed elsewhere, which the caller has checked, into the open transaction; it may be one of
        several."""
        self._guard.start(None, inline=False)
        decoded = decode_header(header)
        stored = list(islice(changes, self._rows_max))
        if len(stored) < self._rows_max and sum(map(len, stored)) <= _PART_BYTES:
            payload = self._packer.pack(b"".join([varint(len(change)) + change for change in stored]))
        else:
            payload = self._put_parts(decoded.height, chain(stored, changes), Frontier())
        self._store(decoded.height, header, payload, decoded.gtrid, decoded.time_us, decoded.schema)
        self._clock.observe(decoded.time_us)

    def committed(self) -> None:
        """The transaction has been committed."""
        if self._sealing:
            before = self.height
            self.hash = self._sealing_hash
            self.height = self._sealing_height
            self.time_us, self._schema = self._sealing_time_us, self._sealing_schema
            self._sealing = b""
            if self._schema > before:
                self._reals.clear()

    def _database(self) -> str:
        rows = self._execute("SELECT value FROM fauna_meta WHERE key = 'database'").fetchall()
        return str(rows[0][0]) if rows else ""

    # -- netting

    def _netted(self) -> tuple[list[bytes], bool]:
        """The changes, each row once, and whether definitions are among them."""
        images = self._images
        changes: list[bytes] = []
        if len(images) == 1:
            kind, table, key, key_after, before, after = images[0]
            if kind and kind < RESET and (kind != UPDATE or before != after):
                changes = self._encoded(kind, table, key, key_after, before, after, self._layout(table).without_rowid)
                return changes, table == _CATALOG
        net: dict[tuple[str, int], tuple[int, bytes, bytes]] = {}
        defines = False
        for kind, table, key, key_after, before, after in images:
            if kind == _UNSEEN:
                self._unseen[table, key] = self._unseen[table, key_after] = bool(before)
            elif kind >= RESET:
                defines = True
                if kind == RESET and key:
                    self._altered[table] = None
                    continue
                if kind == RESET:
                    self._altered.pop(table, None)
                    self._unseen = {row: made for row, made in self._unseen.items() if row[0] != table}
                changes += self._flushed(net)
                changes += self._encoded(kind, table, 0, 0, before, after, False)
            elif self._layout(table).without_rowid:
                defines = defines or table == _CATALOG
                changes += self._encoded(kind, table, 0, 0, before, after, True)
            else:
                if kind != INSERT and kind != REWRITE:
                    known = net.get((table, key))
                    if known is None:
                        net[table, key] = (DELETE, before, b"")
                    else:
                        net[table, key] = (known[0], known[1], b"")
                if kind != DELETE:
                    known = net.get((table, key_after))
                    if known is None:
                        net[table, key_after] = (kind if kind == REWRITE else INSERT, b"", after)
                    else:
                        net[table, key_after] = (known[0], known[1], after)
        changes += self._flushed(net)
        if self._altered or self._unseen:
            changes += self._read_at_the_end()
        return changes, defines

    def _flushed(self, net: dict[tuple[str, int], tuple[int, bytes, bytes]]) -> list[bytes]:
        changes: list[bytes] = []
        for (table, key), (kind, before, after) in net.items():
            if before == after:
                continue  # as it was, or never there
            if before and after:
                kind = UPDATE
            elif before:
                kind = DELETE
            elif kind != REWRITE:
                kind = INSERT
            changes.append(encode_change(kind, self._names[table], key, before, after))
        net.clear()
        return changes

    def _spooled(self) -> Iterator[bytes]:
        assert self._spool is not None
        spool = self._spool
        spool.flush()
        end = spool.tell()
        spool.seek(0)
        at = 0
        while at < end:
            length, shift = 0, 0
            while True:
                byte = spool.read(1)[0]
                at += 1
                length |= (byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
            yield spool.read(length)
            at += length
        yield from self._read_at_the_end()

    def _read_at_the_end(self) -> Iterator[bytes]:
        for table in self._altered:
            yield from self._rewritten(table)
        yield from self._read_unseen()

    def _rewritten(self, table: str) -> Iterator[bytes]:
        """Every row of a table whose columns have changed."""
        name = self._names[table] = text(table)
        yield encode_reset(table)
        for row in self._execute(f'SELECT rowid, {self._layout(table).columns} FROM "{table}"'):
            yield encode_change(REWRITE, name, int(row[0]), b"", encode_row(row[1:]))

    def _read_unseen(self) -> Iterator[bytes]:
        unseen, self._unseen = self._unseen, {}
        for (table, key), made in unseen.items():
            if table in self._altered:
                continue
            sql = f'SELECT {self._layout(table).columns} FROM "{table}" WHERE rowid = ?1'
            after = self._execute(sql, (key,)).fetchall()
            committed = self._committed()
            committed.guard.start(None, inline=False)
            try:
                before = committed.connection.execute(sql, (key,)).fetchall()
            except apsw.SQLError:  # the table is new
                before = []
            old = encode_row(before[0]) if before else b""
            new = encode_row(after[0]) if after else b""
            if old != new:
                kind = UPDATE if old and new else DELETE if old else REWRITE if made else INSERT
                yield encode_change(kind, self._names[table], key, old, new)

    def _layout(self, table: str) -> _Layout:
        layout = self._layouts.get(table)
        if layout is None:
            layout = self._layouts[table] = read_layout(self._execute, table)
        return layout


class Packer:
    """Payloads as they are stored: with the codec's byte before them."""

    __slots__ = ("_compressor",)

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=1)

    def pack(self, payload: bytes) -> bytes:
        size = len(payload)
        if size >= _PACKED_FROM_BYTES:
            small: bytes = self._compressor.compress(payload)
            if len(small) < size:
                return ZSTD + small
        return RAW + payload


@dataclass(frozen=True, slots=True)
class _Layout:
    """columns: the stored ones, quoted, in order."""

    without_rowid: bool
    columns: str


def read_layout(execute: Execute, table: str) -> _Layout:
    """How rows of a table are encoded."""
    names = [f'"{column.name}"' for column in read_columns(execute, table).stored]
    return _Layout(is_without_rowid(execute, table), ", ".join(names))
