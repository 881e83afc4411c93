"""What a range of blocks adds up to.  The hot loop of verification, on bytes alone.

The rows that a chain says are there are a multiset: each INSERT puts one row in, each DELETE takes one out.  Two multisets are
equal when the sums of their elements' keyed hashes are (Bellare and Micciancio's MSet-Add-Hash): the key is fresh in each run and
leaves no process, so nobody can choose rows whose sums collide.  Sums are added up, so ranges of blocks are folded apart.

    row       H(row) = BLAKE2b-128, keyed, of the table's name and the encoded row
    time      G(time) = BLAKE2b-128, keyed, of a commit's time
    alive     the sum of H over rows that are there                                         mod P
    versions  the sum of H(row) · (G(row_start) - G(row_end)) over row versions that were   mod P

A RESET empties its table.  What that adds to `versions` is the table's `alive` before it times G: it is linear in what was alive
before the range, so `Sums.follow` can put it in when ranges are joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    PRUNED,
    RESET,
    REWRITE,
    SCHEMA,
    UPDATE,
    Header,
    Malformed,
    block_hash,
    decode_change,
    decode_header,
    encode_row,
    read_varint,
    skip_row,
    text,
)
from fauna.chain.merkle import Frontier, node_hash

P: Final = (1 << 127) - 1
"""The prime that sums are taken by."""
CURRENT: Final = (1 << 63) - 1
CATALOG: Final = b"catalog_entries"
"""The table whose changes are definitions, as SCHEMA is."""
BUCKETS: Final = 256
PROBLEMS_MAX: Final = 200
_WEIGHTS_MAX: Final = 20_000


class Hashes:
    """The run's keyed hashes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._bases: dict[bytes, Any] = {}
        self._weights: dict[int, int] = {}
        self._time = blake2b(key=key, digest_size=16, person=b"time")

    def of_table(self, name: bytes) -> Any:
        """What `row_hash` begins with; name: in UTF-8."""
        base = self._bases.get(name)
        if base is None:
            base = blake2b(text(name.decode("utf-8", "surrogatepass")), key=self._key, digest_size=16, person=b"row")
            self._bases[name] = base
        return base

    def weight(self, time_us: int) -> int:
        """G."""
        found = self._weights.get(time_us)
        if found is None:
            if len(self._weights) >= _WEIGHTS_MAX:
                self._weights.clear()
            state = self._time.copy()  # which has the key hashed already
            state.update(time_us.to_bytes(8, "big", signed=True))
            found = int.from_bytes(state.digest(), "big")
            self._weights[time_us] = found
        return found

    def of(self, *parts: Stored) -> int:
        """Of any few values."""
        return int.from_bytes(blake2b(encode_row(parts), key=self._key, digest_size=16, person=b"values").digest(), "big")


def row_hash(base: Any, row: bytes) -> int:
    """H: of an encoded row, of the table that `base` is of."""
    state = base.copy()
    state.update(row)
    return int.from_bytes(state.digest(), "big")


def row_hash_of(base: Any, row: Sequence[Stored]) -> int:
    """H, of values."""
    state = base.copy()
    state.update(encode_row(row))
    return int.from_bytes(state.digest(), "big")


def add_entries(hashes: Hashes, table: str, rows: Iterable[tuple[Any, ...]], places: Sequence[tuple[int, ...]]) -> list[int]:
    """Sums of what rows have in indexes, by index.  places: of an index's columns in a row."""
    base = hashes.of_table(table.encode("utf-8", "surrogatepass"))
    totals = [0] * len(places)
    for row in rows:
        for i in range(len(places)):
            totals[i] += row_hash_of(base, [row[place] for place in places[i]])
    return totals


def add_rows(hashes: Hashes, table: str, rows: Iterable[tuple[Any, ...]]) -> tuple[int, int]:
    """`alive` of stored rows, and how many they are."""
    base = hashes.of_table(table.encode("utf-8", "surrogatepass"))
    total = count = 0
    for row in rows:
        total += row_hash(base, encode_row(row))
        count += 1
    return total % P, count


def add_versions(hashes: Hashes, table: str, rows: Iterable[tuple[Any, ...]]) -> tuple[int, int, int]:
    """`versions` of stored ones (their columns, row_start, row_end), how many they are, and how many have no span of time."""
    base = hashes.of_table(table.encode("utf-8", "surrogatepass"))
    total = count = wrong = 0
    for row in rows:
        row_start, row_end = row[-2], row[-1]
        count += 1
        if not isinstance(row_start, int) or not isinstance(row_end, int):
            wrong += 1
            continue
        weight = hashes.weight(row_start)
        if row_end != CURRENT:
            weight -= hashes.weight(row_end)
            if row_end < row_start:
                wrong += 1
        total = (total + row_hash(base, encode_row(row[:-2])) * weight) % P
    return total, count, wrong


def add_kept_versions(
    hashes: Hashes, table: str, rows: Iterable[tuple[Any, ...]], pruned_us: int
) -> tuple[int, int, int]:
    """Of versions of a table whose changes are pruned up to the commit of that time: `versions`, without the row_start of those
    that were there then; the sum of the rows of these; the sum of the rows that are there now."""
    base = hashes.of_table(table.encode("utf-8", "surrogatepass"))
    total = then = now = 0
    for row in rows:
        row_start, row_end = row[-2], row[-1]
        if not isinstance(row_start, int) or not isinstance(row_end, int) or row_end <= pruned_us:
            continue  # the former is told elsewhere; the latter is being forgotten
        value = row_hash(base, encode_row(row[:-2]))
        if row_start > pruned_us:
            total += value * hashes.weight(row_start)
        else:
            then += value
        if row_end != CURRENT:
            total -= value * hashes.weight(row_end)
        else:
            now += value
    return total % P, then % P, now % P


class TableSums(NamedTuple):
    """Of one table, over some blocks.

    alive, versions   see above; after a RESET of the whole table, else what is added to what was before
    reset             the weight of the first RESET among them; 0: there is none
    pruned            changes since the last RESET of which only the hash is left
    pruned_all        the same, of all
    pruned_height, pruned_us   the last block with such, and its time; 0: there is none
    whole_height      the first block with other changes of rows; 0: there is none
    """

    alive: int = 0
    versions: int = 0
    reset: int = 0
    pruned: int = 0
    pruned_all: int = 0
    pruned_height: int = 0
    pruned_us: int = 0
    pruned_reset: int = 0
    whole_height: int = 0


class Sums:
    """`TableSums` as they are being added up."""

    __slots__ = (
        "alive", "delta", "pruned", "pruned_all", "pruned_height", "pruned_reset", "pruned_us", "reset", "touched", "versions",
        "whole_height",
    )  # fmt: skip

    def __init__(self) -> None:
        self.alive = 0
        self.versions = 0
        self.reset = 0
        self.pruned = 0
        self.pruned_all = 0
        self.pruned_height = 0
        self.pruned_us = 0
        self.pruned_reset = 0
        self.whole_height = 0
        self.delta = 0
        self.touched = False

    def end_block(self, weight: int) -> None:
        self.alive += self.delta
        self.versions = (self.versions + self.delta * weight) % P
        self.delta = 0
        self.touched = False

    def empty(self, weight: int, height: int) -> None:
        """RESET, in a block of this weight."""
        self.alive += self.delta
        self.versions = (self.versions + (self.delta - self.alive) * weight) % P
        self.delta = self.alive = self.pruned = 0
        if not self.reset:
            self.reset = weight
        if self.pruned_height and height > self.pruned_height and not self.pruned_reset:
            self.pruned_reset = weight

    def plain(self) -> TableSums:
        return TableSums(
            self.alive % P, self.versions, self.reset, self.pruned, self.pruned_all, self.pruned_height, self.pruned_us,
            self.pruned_reset, self.whole_height,
        )  # fmt: skip

    def follow(self, later: TableSums) -> None:
        """Join what `plain` gives of the blocks that come next."""
        if later.reset:
            self.versions = (self.versions + later.versions - self.alive * later.reset) % P
            self.alive, self.pruned = later.alive, later.pruned
            self.reset = self.reset or later.reset
        else:
            self.versions = (self.versions + later.versions) % P
            self.alive = (self.alive + later.alive) % P
            self.pruned += later.pruned
        self.pruned_all += later.pruned_all
        if later.pruned_height:
            self.pruned_height, self.pruned_us = later.pruned_height, later.pruned_us
            self.pruned_reset = later.pruned_reset
        elif self.pruned_height:
            self.pruned_reset = self.pruned_reset or later.reset
        self.whole_height = self.whole_height or later.whole_height


class Forest:
    """The complete subtrees of the Merkle tree over a chain (RFC 9162 §2.1) that a run of its leaves makes up."""

    def __init__(self, start: int = 0) -> None:
        """start: how many leaves come before."""
        self.trees: list[tuple[int, bytes]] = []
        self.size = start
        """Leaves so far, with those before."""

    def add(self, level: int, root: bytes) -> None:
        """The next subtree, of 2^level leaves."""
        size = self.size
        self.size = size + (1 << level)
        trees = self.trees
        while trees and trees[-1][0] == level and not (self.size >> level) & 1:
            root = node_hash(trees.pop()[1], root)
            level += 1
        trees.append((level, root))

    def root(self) -> bytes:
        """Of the whole tree, when the forest began with its first leaf and is not empty."""
        root = self.trees[-1][1]
        for _, tree in self.trees[-2::-1]:
            root = node_hash(tree, root)
        return root


class Fold:
    """What the blocks of one shard say, from some height on."""

    def __init__(self, hashes: Hashes, shard: int, height: int, before: bytes, time_us: int, schema: int) -> None:
        """height: of the block before the first; before: its hash, empty: not known; time_us, schema: of it."""
        self._hashes = hashes
        self._shard = shard
        self._height = height
        self._before = before
        self._time_us = time_us
        self._schema = schema
        self.tables: dict[bytes, Sums] = {}
        self._touched: list[Sums] = []
        self.forest = Forest(height)
        self.named = 0
        """The sum over (gtrid, height) of transactions that have a name."""
        self.pairs: dict[int, list[int]] = {}
        """By another shard: sums over the transactions that this one shares with it, in buckets."""
        self.schema: list[tuple[int, int, str]] = []
        """(height, time, statement) of each change of definitions."""
        self.retentions: list[tuple[int, int, str | None]] = []
        """(time, the table's id, the retention that it has from then on; None: there is no such table any more), of tables that
        have one before or after."""
        self.changes = 0
        self.blocks = 0
        self.parts = 0
        self.problems: list[tuple[int, str, str]] = []
        """(height, transaction, what)."""
        self.inside = False
        """A block has been begun, and not ended."""
        self._weight = 0
        self._defines = False
        self._frontier = Frontier()
        self._catalog = Sums()
        self._were: dict[int, str | None] = {}
        self._are: dict[int, str | None] = {}

    @property
    def height(self) -> int:
        """Of the latest block."""
        return self._height

    @property
    def hash(self) -> bytes:
        """Of the latest block; empty: not known."""
        return self._before

    @property
    def time_us(self) -> int:
        """Of the latest block."""
        return self._time_us

    def _problem(self, height: int, transaction: str, what: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append((height, transaction, what))

    def block(self, height: int, encoded: bytes, hash_: bytes, pieces: Iterable[bytes], apart: bool) -> None:
        """The next block: its header, its hash as it is stored beside, and its payload, unpacked, in pieces.  apart: they
        are stored apart."""
        if height != self._height + 1:
            missing = f"{self._height + 1}" if height == self._height + 2 else f"{self._height + 1} to {height - 1}"
            self._problem(self._height + 1, "", f"block {missing} is missing")
            self._before = b""
        self._height = height
        found = block_hash(encoded)
        self.forest.add(0, found)
        self.blocks += 1
        try:
            header = decode_header(encoded)
        except Malformed as problem:
            self._problem(height, "", f"the block's header cannot be read: {problem}")
            self._before, self._schema = found, -1
            return
        if hash_ != found:
            self._problem(height, header.transaction, "the block's header is not the one that it was sealed with")
        self._check_header(header, height)
        self._before, self._time_us = found, header.time_us
        self.inside = True
        self._changes_of(header, pieces, apart)
        self.inside = False
        self._schema = header.schema

    def unreadable(self, height: int, why: str) -> None:
        """The next block cannot be read, or the changes of the one begun cannot."""
        if self.inside:
            self.inside = False
            self._schema = -1
            for sums in self._touched:
                sums.end_block(self._weight)
            self._touched.clear()
            self._end_retentions(self._time_us)
        else:
            self._height = height
            self._before, self._schema = b"", -1
            self.forest.add(0, b"\x00" * 32)
            self.blocks += 1
        self._problem(height, "", f"the block cannot be read: {why}")

    def _check_header(self, header: Header, height: int) -> None:
        name = header.transaction
        if header.shard != self._shard:
            self._problem(height, name, f"the block says that it is of shard {header.shard}")
        if header.height != height:
            self._problem(height, name, f"the block says that it is block {header.height}")
        if self._before and header.previous != self._before:
            what = (
                "the hash of the block before is not what this block says" if height > 1 else "the chain is of another database"
            )
            self._problem(height, name, what)
        if header.time_us <= self._time_us:
            self._problem(height, name, "the block's time is not later than that of the block before")
        if header.gtrid:
            self.named += self._hashes.of(header.gtrid, height)
        if header.shards:
            if not header.gtrid or self._shard not in header.shards:
                what = f"the block's transaction, on shards {list(header.shards)}, is not on this one, or has no name"
                self._problem(height, name, what)
            value = self._hashes.of(header.gtrid, header.time_us, *header.shards)
            for other in header.shards:
                if other != self._shard:
                    buckets = self.pairs.get(other)
                    if buckets is None:
                        buckets = self.pairs[other] = [0] * BUCKETS
                    buckets[value % BUCKETS] = (buckets[value % BUCKETS] + value) % P

    def _changes_of(self, header: Header, pieces: Iterable[bytes], apart: bool) -> None:
        self._weight = self._hashes.weight(header.time_us)
        self._frontier = frontier = Frontier()
        self._defines = False
        height = self._height
        try:
            for piece in pieces:
                self._piece(piece, header.time_us)
                if apart:
                    self.parts += 1
        except Malformed as problem:
            self._problem(height, header.transaction, f"the block's changes cannot be read: {problem}")
        except IndexError:
            self._problem(height, header.transaction, "the block's changes cannot be read: one ends too early")
        else:
            if frontier.size != header.changes:
                what = f"the block has {frontier.size} changes, it was sealed with {header.changes}"
                self._problem(height, header.transaction, what)
            elif frontier.root() != header.root:
                self._problem(height, header.transaction, "the block's changes are not those that it was sealed with")
        for sums in self._touched:
            sums.end_block(self._weight)
        self._touched.clear()
        self._end_retentions(header.time_us)
        self.changes += frontier.size
        if self._schema >= 0 and header.schema != (height if self._defines else self._schema):
            what = f"the block says that definitions changed last in block {header.schema}"
            self._problem(height, header.transaction, what)

    def _piece(self, data: bytes, time_us: int) -> None:
        frontier = self._frontier
        at, size = 0, len(data)
        while at < size:
            length = data[at]
            at += 1
            if length > 127:
                length, at = read_varint(data, at - 1)
            end = at + length
            if end > size or not length:
                raise Malformed(f"{length} bytes are announced, {size - at} are there")
            change = data[at:end]
            at = end
            kind = change[0]
            begin = change[1] + 2
            if begin > 129:
                begin = read_varint(change, 1)[0] + read_varint(change, 1)[1]
            if kind >= RESET:
                self._rare(kind, change, time_us)
                continue
            frontier.add(sha256(b"\x00" + change).digest())
            name = change[2 if change[1] < 128 else read_varint(change, 1)[1] : begin]
            sums = self.tables.get(name)
            if sums is None:
                sums = self.tables[name] = Sums()
            if not sums.touched:
                sums.touched = True
                self._touched.append(sums)
                sums.whole_height = sums.whole_height or self._height
                if name == CATALOG:
                    self._defines = True
                    self._catalog = sums
            while change[begin] > 127:
                begin += 1
            begin += 1
            if sums is self._catalog:
                self._note_retention(change)
            base = self._hashes.of_table(name)
            if kind == INSERT or kind == REWRITE:
                sums.delta += row_hash(base, change[begin:])
            elif kind == UPDATE:
                middle = skip_row(change, begin)
                sums.delta += row_hash(base, change[middle:]) - row_hash(base, change[begin:middle])
            elif kind == DELETE:
                sums.delta -= row_hash(base, change[begin:])
            else:
                raise Malformed(f"there is no kind of change {kind}")

    def _note_retention(self, encoded: bytes) -> None:
        """A change of the catalog: what a table's retention was before it, and is after it."""
        change = decode_change(encoded)
        for row, noted in ((change.row_before, self._were), (change.row_after, self._are)):
            found = _retention_in(row) if row is not None else None
            if found is not None:
                noted[found[0]] = found[1]

    def _end_retentions(self, time_us: int) -> None:
        if not self._were and not self._are:
            return  # as in almost every block
        for number in self._were.keys() | self._are.keys():
            was, now = self._were.get(number), self._are.get(number)
            if was != now and (was or now):
                self.retentions.append((time_us, number, now))
        self._were.clear()
        self._are.clear()

    def _rare(self, kind: int, encoded: bytes, time_us: int) -> None:
        change = decode_change(encoded)
        if kind == PRUNED:
            self._frontier.add(change.leaf)
        else:
            self._frontier.add(sha256(b"\x00" + encoded).digest())
        if kind == SCHEMA:
            self._defines = True
            self.schema.append((self._height, time_us, change.statement))
            return
        name = change.table.encode("utf-8", "surrogatepass")
        sums = self.tables.get(name)
        if sums is None:
            sums = self.tables[name] = Sums()
        if kind == RESET:
            sums.empty(self._weight, self._height)
        else:
            sums.pruned += 1
            sums.pruned_all += 1
            sums.pruned_height, sums.pruned_us, sums.pruned_reset = self._height, time_us, 0


def _retention_in(row: Sequence[Stored]) -> tuple[int, str] | None:
    """The id and the retention of the table that a row of the catalog defines; None: it defines something else."""
    try:
        if row[0] != "table":
            return None
        definition = json.loads(str(row[3]))
        return int(definition["id"]), str(definition.get("retention", ""))
    except (IndexError, KeyError, TypeError, ValueError):
        return None  # whoever reads the catalog says so
