"""The canonical encoding, version 1: values, row changes and block headers as bytes.  docs/reference/chain-format.md is its
page, with test vectors; `tests/unit/chain/test_format_page.py` holds both to the same bytes.

    varint      unsigned LEB128;  zigzag: a signed number n as varint (n << 1) ^ (n >> 63)
    bytes       varint length, then the bytes;  text: the same, in UTF-8
    value       0 NULL | 1 zigzag | 2 IEEE 754 binary64, big-endian | 3 text | 4 bytes
    row         varint number of values, then the values
    change      kind, text table, then by kind:
                1 INSERT   zigzag key, row after
                2 UPDATE   zigzag key, row before, row after
                3 DELETE   zigzag key, row before
                4 REWRITE  zigzag key, row after: the row as a change of definitions left it
                5 RESET    nothing: the table has no rows now
                6 SCHEMA   text: a statement of the engine's that makes, changes or drops what holds rows; table: the engine
    payload     of a block: for each change, bytes

There is one encoding of each change, so there is one hash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fauna.catalog.types import Stored
from fauna.errors import FaunaError

VERSION: Final = 1
INSERT: Final = 1
UPDATE: Final = 2
DELETE: Final = 3
REWRITE: Final = 4
RESET: Final = 5
SCHEMA: Final = 6
PRUNED: Final = 7
"""Only stored, in the place of a change that retention has removed: text table, the 32 bytes of the change's leaf hash."""
KINDS: Final = ("", "INSERT", "UPDATE", "DELETE", "REWRITE", "RESET", "SCHEMA", "PRUNED")

_BYTE: Final = [bytes([i]) for i in range(256)]
_DOUBLE: Final = struct.Struct(">d")
_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1
_VARINT_BITS_MAX: Final = 64


class Malformed(FaunaError):
    """Bytes that are not what they should be.  The text says what and where."""


# ── writing ──


def varint(number: int) -> bytes:
    if number < 128:
        return _BYTE[number]
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return varint(len(data)) + data


def encode_row(values: Sequence[Stored]) -> bytes:
    """A row: its values, in the order of its table's stored columns."""
    parts: list[bytes] = [varint(len(values))]
    for value in values:
        if value is None:
            parts.append(b"\x00")
        else:
            _add_value(parts, value)
    return b"".join(parts)


def encode_rows(before: Sequence[Stored], after: Sequence[object], unchanged: object) -> tuple[bytes, bytes]:
    """A row before and after an UPDATE: both as `encode_row` gives them.  unchanged: stands in `after` for a value that is as it
    was, so that it is encoded once."""
    old: list[bytes] = [varint(len(before))]
    new: list[bytes] = [varint(len(after))]
    for i in range(len(before)):
        value = before[i]
        start = len(old)
        if value is None:
            old.append(b"\x00")
        else:
            _add_value(old, value)
        changed = after[i]
        if changed is unchanged:
            for j in range(start, len(old)):
                new.append(old[j])
        elif changed is None:
            new.append(b"\x00")
        else:
            assert isinstance(changed, (int, float, str, bytes))
            _add_value(new, changed)
    return b"".join(old), b"".join(new)


def _add_value(parts: list[bytes], value: int | float | str | bytes) -> None:
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        parts.append(b"\x03")
        parts.append(varint(len(data)))
        parts.append(data)
    elif isinstance(value, int):
        parts.append(b"\x01")
        parts.append(varint(value << 1 if value >= 0 else (-value << 1) - 1))
    elif isinstance(value, float):
        parts.append(b"\x02")
        parts.append(_DOUBLE.pack(value))
    else:
        parts.append(b"\x04")
        parts.append(varint(len(value)))
        parts.append(value)


def encode_change(kind: int, table: bytes, key: int, before: bytes, after: bytes) -> bytes:
    """kind: of a row.  table: as `text` encodes it.  before, after: as `encode_row` gives them, empty where the kind has none."""
    return b"".join((_BYTE[kind], table, zigzag(key), before, after))


def encode_reset(table: str) -> bytes:
    return _BYTE[RESET] + text(table)


def encode_schema(engine: str, statement: str) -> bytes:
    return _BYTE[SCHEMA] + text(engine) + text(statement)


def encode_pruned(table: bytes, leaf: bytes) -> bytes:
    return _BYTE[PRUNED] + table + leaf


# ── reading ──


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing begins.  Malformed when there is none, or one longer than it must be."""
    try:
        byte = data[at]
        if byte < 128:
            return byte, at + 1
        number = byte & 127
        shift = 7
        while True:
            at += 1
            byte = data[at]
            number |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > _VARINT_BITS_MAX:
                raise Malformed("a number is longer than 64 bits")
    except IndexError:
        raise Malformed("it ends in the middle of a number") from None
    if byte == 0:
        raise Malformed("a number has a zero byte too many")
    return number, at + 1


def read_zigzag(data: bytes, at: int) -> tuple[int, int]:
    number, at = read_varint(data, at)
    return (number >> 1 if not number & 1 else -(number + 1 >> 1)), at


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_varint(data, at)
    end = at + length
    if end > len(data):
        raise Malformed(f"{length} bytes are announced, {len(data) - at} are there")
    return data[at:end], end


def read_text(data: bytes, at: int) -> tuple[str, int]:
    found, at = read_bytes(data, at)
    try:
        return found.decode("utf-8", "surrogatepass"), at
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None


def skip_row(data: bytes, at: int) -> int:
    """Where the row that begins at `at` ends."""
    count, at = read_varint(data, at)
    size = len(data)
    for _ in range(count):
        if at >= size:
            raise Malformed("it ends in the middle of a row")
        tag = data[at]
        at += 1
        if tag == 3 or tag == 4:
            length, at = read_varint(data, at)
            at += length
        elif tag == 1:
            while at < size and data[at] > 127:
                at += 1
            at += 1
        elif tag == 2:
            at += 8
        elif tag:
            raise Malformed(f"there is no kind of value {tag}")
    if at > size:
        raise Malformed("it ends in the middle of a value")
    return at


def decode_row(data: bytes, at: int = 0) -> tuple[tuple[Stored, ...], int]:
    """The values of the row that begins at `at`, and where it ends."""
    count, at = read_varint(data, at)
    values: list[Stored] = []
    for _ in range(count):
        if at >= len(data):
            raise Malformed("it ends in the middle of a row")
        tag = data[at]
        at += 1
        if tag == 0:
            values.append(None)
        elif tag == 1:
            number, at = read_zigzag(data, at)
            if not _INT_MIN <= number <= _INT_MAX:
                raise Malformed("a number is longer than 64 bits")
            values.append(number)
        elif tag == 2:
            if at + 8 > len(data):
                raise Malformed("it ends in the middle of a value")
            values.append(_DOUBLE.unpack_from(data, at)[0])
            at += 8
        elif tag == 3:
            string, at = read_text(data, at)
            values.append(string)
        elif tag == 4:
            raw, at = read_bytes(data, at)
            values.append(raw)
        else:
            raise Malformed(f"there is no kind of value {tag}")
    return tuple(values), at


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a block.

    table      the engine's name of it; of SCHEMA the engine
    key        the number that names the row in its table; 0 where rows are named by their values alone
    before, after   encoded rows; empty where the kind has none
    statement  of SCHEMA
    leaf       of PRUNED: the hash that is left
    """

    kind: int
    table: str
    key: int = 0
    before: bytes = b""
    after: bytes = b""
    statement: str = ""
    leaf: bytes = b""

    @property
    def row_before(self) -> tuple[Stored, ...] | None:
        return decode_row(self.before)[0] if self.before else None

    @property
    def row_after(self) -> tuple[Stored, ...] | None:
        return decode_row(self.after)[0] if self.after else None


def decode_change(data: bytes) -> Change:
    """Malformed when it is not exactly one change."""
    if not data:
        raise Malformed("a change has no bytes")
    kind = data[0]
    table, at = read_text(data, 1)
    if kind in (INSERT, UPDATE, DELETE, REWRITE):
        key, at = read_zigzag(data, at)
        before = after = b""
        if kind in (UPDATE, DELETE):
            end = skip_row(data, at)
            before, at = data[at:end], end
        if kind != DELETE:
            end = skip_row(data, at)
            after, at = data[at:end], end
        change = Change(kind, table, key, before, after)
    elif kind == RESET:
        change = Change(kind, table)
    elif kind == SCHEMA:
        statement, at = read_text(data, at)
        change = Change(kind, table, statement=statement)
    elif kind == PRUNED:
        change = Change(kind, table, leaf=data[at : at + 32])
        at += 32
    else:
        raise Malformed(f"there is no kind of change {kind}")
    if at != len(data):
        raise Malformed(f"a change has {len(data)} bytes, {at} were expected")
    return change


def split_payload(payload: bytes) -> Iterator[bytes]:
    """The encoded changes of a payload, in order."""
    at, size = 0, len(payload)
    while at < size:
        change, at = read_bytes(payload, at)
        yield change


# ── headers ──


@dataclass(frozen=True, slots=True)
class Header:
    """What a block says of its commit.

    shard, height   which chain, and which block of it; the first has height 1
    previous        the hash of the block before; of the first: `genesis`
    root            the Merkle root over the changes
    changes         how many there are
    time_us         the commit's time by the hybrid logical clock: microseconds since 1970 UTC, higher with each commit
    gtrid           the transaction's name when it is on several shards or a client has named it; else ""
    shards          the shards that it has changed, when they are several
    user            who committed: user@host, or "" for the server itself
    epoch           of the shard's primary
    schema          the height of the latest block, up to this one, that changed definitions: of the engine, or of the catalog
    """

    shard: int
    height: int
    previous: bytes
    root: bytes
    changes: int
    time_us: int
    gtrid: str = ""
    shards: tuple[int, ...] = ()
    user: str = ""
    epoch: int = 0
    schema: int = 0

    def encode(self) -> bytes:
        return encode_header(
            self.shard, self.height, self.previous, self.root, self.changes, self.time_us, self.gtrid, self.shards, self.user,
            self.epoch, self.schema,
        )  # fmt: skip

    @property
    def transaction(self) -> str:
        """The name by which the transaction is spoken of: its gtrid, or shard and height."""
        return self.gtrid or f"{self.shard}:{self.height}"


def encode_header(
    shard: int, height: int, previous: bytes, root: bytes, changes: int, time_us: int, gtrid: str, shards: tuple[int, ...],
    user: str, epoch: int, schema: int,
) -> bytes:  # fmt: skip
    """version byte, varint shard, varint height, 32 bytes previous, 32 bytes root, varint changes, varint time, text gtrid,
    varint number of shards and each as varint, text user, varint epoch, varint schema."""
    parts = [
        _BYTE[VERSION], varint(shard), varint(height), previous, root, varint(changes), varint(time_us), text(gtrid),
        varint(len(shards)),
    ]  # fmt: skip
    for number in shards:
        parts.append(varint(number))  # noqa: PERF401 (there is none, nearly always)
    parts.append(text(user))
    parts.append(varint(epoch))
    parts.append(varint(schema))
    return b"".join(parts)


def decode_header(data: bytes) -> Header:
    """Malformed when it is not exactly one header of a version that is known."""
    if not data:
        raise Malformed("a header has no bytes")
    if data[0] != VERSION:
        raise Malformed(f"a header is of version {data[0]}, version {VERSION} is known")
    shard, at = read_varint(data, 1)
    height, at = read_varint(data, at)
    if at + 64 > len(data):
        raise Malformed("a header ends in the middle of a hash")
    previous, root = data[at : at + 32], data[at + 32 : at + 64]
    changes, at = read_varint(data, at + 64)
    time_us, at = read_varint(data, at)
    gtrid, at = read_text(data, at)
    count, at = read_varint(data, at)
    shards: list[int] = []
    for _ in range(count):
        number, at = read_varint(data, at)
        shards.append(number)
    user, at = read_text(data, at)
    epoch, at = read_varint(data, at)
    schema, at = read_varint(data, at)
    if at != len(data):
        raise Malformed(f"a header has {len(data)} bytes, {at} were expected")
    return Header(shard, height, previous, root, changes, time_us, gtrid, tuple(shards), user, epoch, schema)


def block_hash(header: bytes) -> bytes:
    """Of an encoded header; it is also the block's leaf hash in the Merkle tree over a chain (RFC 9162 §2.1)."""
    return sha256(b"\x00" + header).digest()


def genesis(database: str, shard: int) -> bytes:
    """What the first block of a chain has as the hash before it: chains of two databases have nothing in common."""
    return sha256(b"\x00fauna chain 1\x00" + text(database) + varint(shard)).digest()
