"""From the stored values of a shard key to its hash slot.

    >>> slot = slot_function([table.column("user_id")], casefold_key)
    >>> slot_map.owners[slot((42,))]

Values that MySQL's comparison takes for equal have one slot: 'a' and 'A ' under a case-insensitive collation, 1.5 and
1.50, a date and its midnight.  That holds between columns of one `comparison_class` too, so that two tables may share
a shard key.  Two steps:

    canonical form   of a value among those it equals: a whole number, or bytes
    mix              to 64 bits, of which the upper SLOT_BITS are the slot

The slot is on disk by way of where rows are: neither step may ever change without another slot_map.HASH_FORMAT.  That
includes the weights of collations.  Nothing here depends on the process, the platform or Python's own hash().

Collations are known above the catalog, hence `fold_of` (sql.collation.casefold_key): a collation's name -> a function
that is equal exactly for equal strings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

from fauna.catalog.schema import Column
from fauna.catalog.slot_map import SLOT_BITS
from fauna.catalog.types import (
    BLOBS,
    EXACT,
    FLOATS,
    INTEGERS,
    TEXTS,
    Kind,
    SqlType,
    Stored,
    from_unsigned,
    scaled_of,
)
from fauna.catalog.values import set_text

Fold = Callable[[str], str]
Slot = Callable[[Sequence[Stored]], int]
Hash = Callable[[Any], int]  # 64 bits of a value that is not NULL

# Two rounds of multiply and fold: one alone sends every 987th integer, and other such steps, to few of the shards.
_FIRST: Final = 0x9E3779B97F4A7C15
_SECOND: Final = 0xBF58476D1CE4E5B9
_MASK: Final = (1 << 64) - 1
_SHIFT: Final = 64 - SLOT_BITS
_NULL: Final = 0x6A09E667F3BCC908


def may_be_hashed(sql_type: SqlType) -> bool:
    """Whether a shard key may have a column of this type: one with exact equality and bounded values."""
    return sql_type.kind not in TEXTS | BLOBS | FLOATS | {Kind.JSON, Kind.NULL}


def comparison_class(column: Column) -> tuple[str, ...]:
    """Columns of one class: where values are equal by MySQL's comparison, so are their hashes."""
    kind = column.sql_type.kind
    if column.declared:
        return ("declared", column.declared)
    if kind is Kind.YEAR or kind is Kind.TIME or kind is Kind.TIMESTAMP:
        return (kind.name,)  # compared with others by way of a conversion
    if kind in EXACT:
        return ("number",)
    if kind is Kind.DATE or kind is Kind.DATETIME:
        return ("datetime",)
    if kind is Kind.BINARY or kind is Kind.VARBINARY:
        return ("bytes",)
    return ("text", column.sql_type.collation)


def slot_function(columns: Sequence[Column], fold_of: Callable[[str], Fold]) -> Slot:
    """The slot of a row, given the stored values of these columns; of a hidden row id when there are none."""
    if not columns or (len(columns) == 1 and _is_plain_integer(columns[0].sql_type)):
        return _slot_of_integer
    hashes = [_hash_of(column.sql_type, fold_of) for column in columns]
    if len(hashes) == 1:
        return _slot_of_one(hashes[0])
    return _slot_of_several(hashes)


def _is_plain_integer(sql_type: SqlType) -> bool:
    return (sql_type.kind in INTEGERS and not sql_type.is_big_unsigned) or sql_type.kind in (Kind.YEAR, Kind.TIME)


# ── from values to slots ─────────────────────────────────────────────────────────────────────────────────────────


def _slot_of_integer(values: Sequence[Any]) -> int:
    value = values[0]
    if value is None:
        return _NULL >> _SHIFT
    # _mix_integer, without the call: this runs once for each row with the commonest of keys.
    mixed: int = value * _FIRST & _MASK
    return ((mixed ^ mixed >> 32) * _SECOND & _MASK) >> _SHIFT


def _slot_of_one(hash_: Hash) -> Slot:
    def slot(values: Sequence[Stored]) -> int:
        value = values[0]
        return (_NULL if value is None else hash_(value)) >> _SHIFT

    return slot


def _slot_of_several(hashes: Sequence[Hash]) -> Slot:
    def slot(values: Sequence[Stored]) -> int:
        mixed = 0
        for hash_, value in zip(hashes, values, strict=True):
            mixed = (mixed ^ (_NULL if value is None else hash_(value))) * _FIRST & _MASK
        return mixed >> _SHIFT

    return slot


def _mix_integer(value: int) -> int:
    mixed = value * _FIRST & _MASK
    return (mixed ^ mixed >> 32) * _SECOND & _MASK


def _mix_bytes(data: bytes) -> int:
    return _mix_integer(crc32(data))


# ── canonical forms ──────────────────────────────────────────────────────────────────────────────────────────────


def _hash_of(sql_type: SqlType, fold_of: Callable[[str], Fold]) -> Hash:
    kind = sql_type.kind
    assert may_be_hashed(sql_type), kind
    if _is_plain_integer(sql_type):
        return _mix_integer
    if kind in INTEGERS or kind is Kind.BIT:
        return _hash_unsigned
    if kind is Kind.DECIMAL:
        return _decimal_hash(sql_type.scale)
    if kind in (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP):
        return _hash_datetime
    if kind is Kind.BINARY or kind is Kind.VARBINARY:
        return _mix_bytes
    return _string_hash(sql_type, _text_hash(fold_of(sql_type.collation)))


def _hash_unsigned(value: int | bytes) -> int:
    return _mix_integer(from_unsigned(value))


def _decimal_hash(scale: int) -> Hash:
    unit = 10**scale

    def hash_(value: int | bytes) -> int:
        scaled = scaled_of(value)
        whole, fraction = divmod(scaled, unit)
        return _hash_fraction(scaled, scale) if fraction else _hash_whole(whole)

    return hash_


def _hash_whole(value: int) -> int:
    """As an integer column's where one could hold it."""
    return _mix_integer(value) if -(1 << 63) <= value <= _MASK else _mix_bytes(str(value).encode())


def _hash_fraction(scaled: int, scale: int) -> int:
    """Without the zeros at its end: 1.50 is 1.5."""
    while scaled % 10 == 0:
        scaled, scale = scaled // 10, scale - 1
    return _mix_integer(_hash_whole(scaled) ^ scale)


def _hash_datetime(value: str) -> int:
    """Without a fraction of zeros, and without midnight."""
    if "." in value:
        value = value.rstrip("0").rstrip(".")
    return _mix_bytes(value.removesuffix(" 00:00:00").encode())


def _text_hash(fold: Fold) -> Callable[[str], int]:
    # Bytes that are no text of their character set are kept as surrogates.
    return lambda text: _mix_bytes(fold(text).encode("utf-8", "surrogatepass"))


def _string_hash(sql_type: SqlType, of_text: Callable[[str], int]) -> Hash:
    """ENUM and SET by their text, so that it does not matter where a member stands."""
    members = sql_type.members
    if sql_type.kind is Kind.ENUM:
        return (of_text(""), *map(of_text, members)).__getitem__
    if sql_type.kind is Kind.SET:
        return lambda mask: of_text(set_text(members, mask))
    return of_text
