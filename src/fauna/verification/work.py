"""What is done at once: each task reads a part of one shard, in a process of its own or in this one.

A `Bench` has a read transaction open on each file, from before the first task until after the last; so what it finds is of one
moment, though a server goes on writing.  Other benches may have begun a moment earlier or later: each tells at which height, and
the sums of the blocks are taken there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.chain.encoding import block_hash, decode_header, genesis
from fauna.chain.merkle import Frontier
from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.columns import read_columns
from fauna.shard.engines.sqlite.connection import Configure
from fauna.shard.engines.sqlite.pruning import READ as READ_PRUNED
from fauna.shard.engines.sqlite.sealer import IN_PARTS, RAW
from fauna.shard.engines.sqlite.versions import versions_file
from fauna.verification import definitions, indexes
from fauna.verification.files import open_to_read
from fauna.verification.findings import Stop, never
from fauna.verification.fold import Fold, Hashes, P, TableSums, add_kept_versions, add_rows, add_versions

_BLOCKS: Final = "SELECT height, header, payload, hash FROM fauna_blocks WHERE height BETWEEN ?1 AND ?2 ORDER BY height"
_SUBTREE: Final = "SELECT hash FROM fauna_subtrees WHERE level = ?1 AND place = ?2"
_MESSAGES_MAX: Final = 50
_OF_VERSIONS: Final = re.compile(r"h(\d+)_\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setup:
    """files: of the shards, by number; key: of the run's hashes; at_rest: nobody writes the files meanwhile."""

    files: Mapping[int, Path]
    key: bytes
    configure: Configure
    at_rest: bool


@dataclass(slots=True)
class Opened:
    """What a bench sees of a shard.

    problem   why it cannot be read at all, or ""
    height    of the latest block
    past      the height, hash and time up to which row versions are known; None: there are none
    past_problem   why they cannot be read
    tables    that hold rows
    """

    problem: str = ""
    height: int = 0
    past: tuple[int, bytes, int] | None = None
    past_problem: str = ""
    tables: list[str] = field(default_factory=list)
    past_tables: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Folded:
    """What a `Fold` found in a range of blocks."""

    last: int
    tables: dict[str, TableSums]
    trees: list[tuple[int, bytes]]
    named: int
    pairs: dict[int, list[int]]
    schema: list[tuple[int, int, str]]
    retentions: list[tuple[int, int, str | None]]
    changes: int
    blocks: int
    parts: int
    problems: list[tuple[int, str, str]]
    hash: bytes
    time_us: int


@dataclass(slots=True)
class Engine:
    """What the engine's own tables hold."""

    meta: dict[str, Any]
    lowest: int
    blocks: int
    named: int
    parts: int
    prepared: list[tuple[str, str]]
    counts: list[Any] | None
    scripts: list[Any] | None
    pruned: list[Any]


class Bench:
    def __init__(self, setup: Setup, stop: Stop = never) -> None:
        """stop: tasks end with Stopped when it says so."""
        self._setup = setup
        self._stop = stop
        self._hashes = Hashes(setup.key)
        self._rows: dict[int, apsw.Connection] = {}
        self._past: dict[int, apsw.Connection] = {}
        self._blocks: dict[int, apsw.Connection] = {}
        self.heights: dict[int, int] = {}

    def close(self) -> None:
        for connection in {id(c): c for c in (*self._rows.values(), *self._past.values(), *self._blocks.values())}.values():
            connection.close(True)

    def run(self, task: str, arguments: Sequence[Any]) -> Any:
        """A task by its name."""
        return getattr(self, task)(*arguments)

    # -- opening

    def open(self) -> dict[int, Opened]:
        """Begin to read all shards."""
        return {number: self._open(number) for number in self._setup.files}

    def _open(self, number: int) -> Opened:
        opened = Opened()
        path = self._setup.files[number]
        self._open_past(number, opened, versions_file(path))  # first, so that it is never ahead of the chain that is seen
        try:
            connection = self._rows[number] = self._reader(path)
            connection.execute("BEGIN")
            opened.tables = _tables(connection)
            opened.height = int(_one(connection, "SELECT coalesce(max(height), 0) FROM fauna_blocks"))
            self._blocks[number] = connection if self._setup.at_rest else self._reader(path)
        except (apsw.Error, FaunaError, ValueError, TypeError) as problem:
            opened.problem = str(problem)
            return opened
        self.heights[number] = opened.height
        return opened

    def _open_past(self, number: int, opened: Opened, path: Path) -> None:
        if not path.exists():
            return
        try:
            connection = self._past[number] = self._reader(path)
            connection.execute("BEGIN")
            opened.past_tables = _tables(connection)
            if "fauna_indexed" in opened.past_tables:
                indexed: Any = connection.execute("SELECT height, hash, time_us, id FROM fauna_indexed").fetchall()
                if len(indexed) != 1 or indexed[0][3] != 1:
                    raise ValueError("it does not say up to which block they go")
                opened.past = int(indexed[0][0]), bytes(indexed[0][1]), int(indexed[0][2])
        except (apsw.Error, FaunaError, ValueError, TypeError, IndexError) as problem:
            opened.past_problem = str(problem) or "what it says of itself is missing"

    def _reader(self, path: Path) -> apsw.Connection:
        return open_to_read(path, self._setup.configure, at_rest=self._setup.at_rest, stop=self._stop)

    # -- the chain

    def fold_blocks(self, number: int, first: int, last: int) -> Folded:
        """The blocks first to last.  Also of those that were made after this bench has begun to read."""
        return self._fold_on(self._blocks[number], number, first, last)

    def fold_pruned(self, number: int) -> tuple[dict[str, TableSums], list[Any], int]:
        """What all blocks say of each table, what `fauna_pruned` says at the same moment, and how many blocks there are then."""
        connection = self._reader(self._setup.files[number])
        with closing(connection):
            connection.execute("BEGIN")
            height = int(_one(connection, "SELECT coalesce(max(height), 0) FROM fauna_blocks"))
            noted: list[Any] = connection.execute(READ_PRUNED).fetchall()
            return self._fold_on(connection, number, 1, height).tables, noted, height

    def _fold_on(self, connection: apsw.Connection, number: int, first: int, last: int) -> Folded:
        reader = BlockReader(connection)
        before, time_us, schema = self._before(number, first, reader)
        fold = Fold(self._hashes, number, first - 1, before, time_us, schema)
        while fold.height < last:
            try:
                self._fold(fold, connection, reader, fold.height + 1, last)
                break
            except (apsw.Error, FaunaError, UnicodeDecodeError) as problem:
                self._skip(fold, connection, reader, str(problem), last)
        return Folded(
            last,
            {name.decode("utf-8", "replace"): sums.plain() for name, sums in fold.tables.items()},
            fold.forest.trees, fold.named % P, fold.pairs, fold.schema, fold.retentions, fold.changes, fold.blocks, fold.parts,
            fold.problems, fold.hash, fold.time_us,
        )  # fmt: skip

    def _before(self, number: int, first: int, reader: BlockReader) -> tuple[bytes, int, int]:
        """The hash, time and schema height of the block before; an empty hash and schema -1: not known."""
        try:
            if first == 1:
                database = self._blocks[number].execute("SELECT value FROM fauna_meta WHERE key = 'database'").fetchall()
                return genesis(str(database[0][0]) if database else "", number), 0, 0
            encoded = reader.header(first - 1)
            if encoded is not None:
                header = decode_header(encoded)
                return block_hash(encoded), header.time_us, header.schema
        except (apsw.Error, FaunaError, TypeError, UnicodeDecodeError):
            pass  # whoever reads that says so
        return b"", 0, 0 if first == 1 else -1

    def _fold(self, fold: Fold, connection: apsw.Connection, reader: BlockReader, first: int, last: int) -> None:
        block, payloads = fold.block, reader.payloads
        for height, header, payload, found in connection.cursor().execute(_BLOCKS, (first, last)):
            if not (isinstance(header, bytes) and isinstance(payload, bytes) and isinstance(found, bytes)):
                fold.unreadable(int(height), "what is stored is no block")
                continue
            pieces = (payload[1:],) if payload[:1] == RAW else payloads(height, payload)
            block(height, header, found, pieces, payload == IN_PARTS)

    def _skip(self, fold: Fold, connection: apsw.Connection, reader: BlockReader, problem: str, last: int) -> None:
        """Reading has failed at the next block, or inside the one just begun: go on behind it."""
        if fold.inside:
            fold.unreadable(fold.height, problem)
            return
        height = fold.height + 1
        while height <= last:
            try:
                self._fold(fold, connection, reader, height, height)
            except (apsw.Error, FaunaError, UnicodeDecodeError) as failed:
                fold.unreadable(height, str(failed))
            height += 1

    # -- rows

    def scan_rows(self, number: int, table: str) -> tuple[int, int, int] | str:
        """The height at which this bench sees a table, the sum of its rows, and how many they are; or why it cannot be read."""
        try:
            columns = stored_columns(self._rows[number], table)
            if not columns:
                return self.heights[number], 0, 0
            sql = f'SELECT {", ".join(columns)} FROM "{table}" NOT INDEXED'
            return self.heights[number], *add_rows(self._hashes, table, self._rows[number].cursor().execute(sql))
        except (apsw.Error, FaunaError, ValueError) as problem:
            return str(problem)

    def scan_versions(self, number: int, table: str, tables: Sequence[str]) -> tuple[int, int, int, int] | str:
        """The same of a table's row versions, which are in `tables`, and how many of them have no span of time."""
        total = count = wrong = 0
        connection = self._past[number]
        try:
            height = int(_one(connection, "SELECT height FROM fauna_indexed"))
            for each in tables:
                columns = stored_columns(connection, each)
                if columns:
                    sql = f'SELECT {", ".join(columns)} FROM "{each}" NOT INDEXED'
                    found = add_versions(self._hashes, table, connection.cursor().execute(sql))
                    total, count, wrong = (total + found[0]) % P, count + found[1], wrong + found[2]
        except (apsw.Error, FaunaError, ValueError, TypeError) as problem:
            return str(problem)
        return height, total, count, wrong

    def scan_kept_versions(self, number: int, table: str, tables: Sequence[str], pruned_us: int) -> tuple[int, int, int] | str:
        """`add_kept_versions` of a table whose row versions are in `tables`."""
        connection = self._past[number]
        total = then = now = 0
        try:
            for each in tables:
                columns = stored_columns(connection, each)
                if columns:
                    sql = f'SELECT {", ".join(columns)} FROM "{each}" NOT INDEXED'
                    found = add_kept_versions(self._hashes, table, connection.cursor().execute(sql), pruned_us)
                    total, then, now = (total + found[0]) % P, (then + found[1]) % P, (now + found[2]) % P
        except (apsw.Error, FaunaError, ValueError, TypeError) as problem:
            return str(problem)
        return total, then, now

    # -- the rest

    def check_structure(self, number: int, past: bool) -> list[str]:
        """What SQLite finds wrong with the pages of a file."""

        def messages() -> Iterator[str]:
            for (line,) in self._file(number, past).execute(f"PRAGMA quick_check({_MESSAGES_MAX})"):
                yield str(line)

        return _lines(messages())

    def check_indexes(self, number: int, past: bool, table: str) -> list[str]:
        """Where the indexes of a table are not what its rows are."""
        return _lines(indexes.problems(self._file(number, past), table, self._hashes))

    def _file(self, number: int, past: bool) -> apsw.Connection:
        return (self._past if past else self._rows)[number]

    def read_engine(self, number: int) -> Engine | str:
        """The engine's own tables, and the node's that are in no block."""
        connection = self._rows[number]
        try:
            named = sum(
                self._hashes.of(str(gtrid), int(height))
                for gtrid, height in connection.execute("SELECT gtrid, height FROM fauna_transactions")
            )
            defined = _has(connection, "definition_count")
            counts = connection.execute("SELECT id, count FROM definition_count").fetchall() if defined else None
            scripts = connection.execute("SELECT id, script FROM definition_script").fetchall() if defined else None
            return Engine(
                {str(key): value for key, value in connection.execute("SELECT key, value FROM fauna_meta")},
                int(_one(connection, "SELECT coalesce(min(height), 1) FROM fauna_blocks")),
                int(_one(connection, "SELECT count(*) FROM fauna_blocks")),
                named % P,
                int(_one(connection, "SELECT count(*) FROM fauna_block_parts")),
                [(str(gtrid), str(record)) for gtrid, record in connection.execute("SELECT gtrid, record FROM fauna_prepared")],
                counts,
                scripts,
                connection.execute(READ_PRUNED).fetchall(),
            )
        except (apsw.Error, FaunaError, ValueError, TypeError) as problem:
            return str(problem)

    def read_objects(self, number: int) -> list[definitions.Object] | str:
        try:
            return list(self._rows[number].execute(definitions.OBJECTS))
        except (apsw.Error, FaunaError, ValueError) as problem:
            return str(problem)

    def read_past_objects(self, number: int) -> tuple[list[definitions.Object], ...] | str:
        """sqlite_schema, fauna_layouts, fauna_schema and fauna_lost of the row versions."""
        connection = self._past[number]
        try:
            wanted = (definitions.OBJECTS, definitions.LAYOUTS, definitions.STATEMENTS, definitions.LOST)
            return tuple(list(connection.execute(sql)) for sql in wanted)
        except (apsw.Error, FaunaError, ValueError) as problem:
            return str(problem)

    def check_subtrees(self, number: int) -> list[str]:
        """Where the subtrees that are kept of the tree over the blocks are others."""
        past, frontier = self._past[number], Frontier()
        try:
            left = int(_one(past, "SELECT count(*) FROM fauna_subtrees"))
            headers = BlockReader(self._blocks[number]).headers(1, self.heights[number]) if left else ()
            for header in headers:
                for level, place, found in frontier.grow(block_hash(header)):
                    for (kept,) in past.execute(_SUBTREE, (level, place)).fetchall():
                        left -= 1
                        if kept != found:
                            return [f"fauna_subtrees: the hash at level {level}, place {place} is not that of the blocks"]
                if not left:
                    break
        except (apsw.Error, FaunaError, TypeError, ValueError) as problem:
            return [str(problem)]
        return [f"fauna_subtrees: {left} hashes are of no blocks"] if left else []

    def connections(self, number: int) -> tuple[apsw.Connection, apsw.Connection | None]:
        """The shard's, and that of its row versions."""
        return self._rows[number], self._past.get(number)

    @property
    def hashes(self) -> Hashes:
        return self._hashes


def _lines(found: Iterable[Any]) -> list[str]:
    """Messages, the last of which may be that there cannot be more."""
    lines: list[str] = []
    try:
        lines += [str(line) for line in found]
    except (apsw.Error, FaunaError, UnicodeDecodeError) as problem:
        lines.append(str(problem))
    return [line for line in lines if line != "ok"]


def _tables(connection: apsw.Connection) -> list[str]:
    return [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]


def _has(connection: apsw.Connection, table: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchall())


def _one(connection: apsw.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchall()[0][0]


def rows_as_stored(connection: apsw.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """All rows, also where a text is no UTF-8 any more: then with lone surrogates, which no text that was sealed has."""
    columns = stored_columns(connection, table)
    if not columns:
        return
    parts = [f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in columns]
    for row in connection.cursor().execute(f'SELECT {", ".join(parts)} FROM "{table}" NOT INDEXED'):
        yield tuple(
            [row[i + 1].decode("utf-8", "surrogateescape") if row[i] == "text" else row[i + 1] for i in range(0, len(row), 2)]
        )


def stored_columns(connection: apsw.Connection, table: str) -> list[str]:
    """Quoted, in order; none when there is no such table."""
    return [f'"{column.name}"' for column in read_columns(connection.execute, table).stored]


def past_tables(table: str, names: Sequence[str]) -> list[str]:
    """Those of `names` that hold versions of a table's rows."""
    if not (table[0] == "t" and table[1:].isdigit()):
        return [name for name in names if name == f"h_{table}"]
    return [name for name in names if (found := _OF_VERSIONS.fullmatch(name)) is not None and found[1] == table[1:]]
