"""MySQL's types, and the form in which a value of each is stored.

A *stored value* is what SQLite holds and what crosses every layer between the engine and the wire:

    kind                          stored as
    TINYINT … BIGINT, YEAR        int (SQLite INTEGER)
    BIGINT UNSIGNED, BIT(64)      int below 2**63, else 8 bytes big-endian (sorts after every INTEGER)
    BIT(n<64), SET                int (bit mask)
    ENUM                          int, 1-based position of the member, 0 for the error value ''
    DECIMAL(p<=18, s)             int, the value times 10**s ("narrow")
    DECIMAL(p>18, s)              28 bytes, big-endian of value * 10**s + 2**223 ("wide"; memcmp order)
    FLOAT, DOUBLE                 float (SQLite REAL)
    DATE                          'YYYY-MM-DD'
    DATETIME(f)                   'YYYY-MM-DD HH:MM:SS[.ffffff]', exactly f digits
    TIMESTAMP(f)                  the same, in UTC; once loaded into an expression, in the session's time zone
    TIME(f)                       int, microseconds
    CHAR, VARCHAR, …TEXT, JSON    str
    BINARY, VARBINARY, …BLOB      bytes

Whether a DECIMAL expression is narrow or wide is `SqlType.wide`, not its precision: SUM(DECIMAL(10,2)) has
precision 32 but is computed narrow until it overflows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

Stored = int | float | str | bytes | None

WIDE_BYTES: Final = 28
WIDE_OFFSET: Final = 1 << 223
NARROW_DIGITS: Final = 18
DECIMAL_DIGITS_MAX: Final = 65
DECIMAL_LARGEST: Final = 10**DECIMAL_DIGITS_MAX - 1
DECIMAL_SCALE_MAX: Final = 38
INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
UINT64_MAX: Final = (1 << 64) - 1


class Kind(IntEnum):
    """One per MySQL type; families are the frozensets below."""

    NULL = 0
    TINYINT = 1
    SMALLINT = 2
    MEDIUMINT = 3
    INT = 4
    BIGINT = 5
    DECIMAL = 6
    FLOAT = 7
    DOUBLE = 8
    BIT = 9
    YEAR = 10
    DATE = 11
    TIME = 12
    DATETIME = 13
    TIMESTAMP = 14
    CHAR = 15
    VARCHAR = 16
    TINYTEXT = 17
    TEXT = 18
    MEDIUMTEXT = 19
    LONGTEXT = 20
    BINARY = 21
    VARBINARY = 22
    TINYBLOB = 23
    BLOB = 24
    MEDIUMBLOB = 25
    LONGBLOB = 26
    ENUM = 27
    SET = 28
    JSON = 29


INTEGERS: Final = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.MEDIUMINT, Kind.INT, Kind.BIGINT})
EXACT: Final = INTEGERS | {Kind.DECIMAL, Kind.BIT, Kind.YEAR}
FLOATS: Final = frozenset({Kind.FLOAT, Kind.DOUBLE})
NUMERIC: Final = EXACT | FLOATS
DATETIMES: Final = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
TEMPORAL: Final = DATETIMES | {Kind.TIME}
TEXTS: Final = frozenset({Kind.TINYTEXT, Kind.TEXT, Kind.MEDIUMTEXT, Kind.LONGTEXT})
CHARS: Final = frozenset({Kind.CHAR, Kind.VARCHAR, Kind.JSON}) | TEXTS
BLOBS: Final = frozenset({Kind.TINYBLOB, Kind.BLOB, Kind.MEDIUMBLOB, Kind.LONGBLOB})
BYTES: Final = frozenset({Kind.BINARY, Kind.VARBINARY}) | BLOBS
STRINGS: Final = CHARS | BYTES | {Kind.ENUM, Kind.SET}

INT_BYTES: Final = {Kind.TINYINT: 1, Kind.SMALLINT: 2, Kind.MEDIUMINT: 3, Kind.INT: 4, Kind.BIGINT: 8}
# Default display widths, as SHOW CREATE TABLE prints them: (signed, unsigned).
INT_WIDTHS: Final = {
    Kind.TINYINT: (4, 3), Kind.SMALLINT: (6, 5), Kind.MEDIUMINT: (9, 8), Kind.INT: (11, 10), Kind.BIGINT: (20, 20),
}
# Byte limits of the text and blob families (the manual's "Data Type Storage Requirements").
BYTES_MAX: Final = {
    Kind.TINYTEXT: 255, Kind.TEXT: 65_535, Kind.MEDIUMTEXT: 16_777_215, Kind.LONGTEXT: 4_294_967_295,
    Kind.TINYBLOB: 255, Kind.BLOB: 65_535, Kind.MEDIUMBLOB: 16_777_215, Kind.LONGBLOB: 4_294_967_295,
    Kind.JSON: 4_294_967_295,
}

DEFAULT_COLLATION: Final = "utf8mb4_general_ci"


@dataclass(frozen=True, slots=True)
class SqlType:
    """The type of a column or an expression.

    length     characters for CHAR/VARCHAR/TEXT, bytes for BINARY/BLOB, bits for BIT, total digits for DECIMAL,
               display width for integers (0: the kind's default)
    scale      digits after the point for DECIMAL; digits of a second for TIME, DATETIME and TIMESTAMP;
               for FLOAT and DOUBLE declared with (M,D) that D, else 31 ("not fixed")
    collation  of strings; 'binary' for byte strings
    members    of ENUM and SET
    wide       a DECIMAL held as 28 bytes rather than as an int
    """

    kind: Kind
    length: int = 0
    scale: int = 0
    unsigned: bool = False
    zerofill: bool = False
    collation: str = ""
    members: tuple[str, ...] = ()
    wide: bool = False

    def __hash__(self) -> int:
        # Looked up for each prepared statement that runs: the generated one hashes every field, the kind by its name.
        return hash(self.collation) + self.length * 8191 + self.scale * 131 + self.unsigned

    def with_(self, **changes: object) -> SqlType:
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def is_big_unsigned(self) -> bool:
        """Whether values may need the 8-byte form."""
        return (self.kind is Kind.BIGINT and self.unsigned) or (self.kind is Kind.BIT and self.length == 64)


def integer_range(sql_type: SqlType) -> tuple[int, int]:
    """Smallest and largest value of an integer type, inclusive."""
    bits = INT_BYTES[sql_type.kind] * 8
    return (0, (1 << bits) - 1) if sql_type.unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def decimal_type(precision: int, scale: int, *, unsigned: bool = False, wide: bool | None = None) -> SqlType:
    """DECIMAL(precision, scale), clipped to MySQL's limits; wide when the precision asks for it unless told."""
    scale = min(scale, DECIMAL_SCALE_MAX)
    precision = min(max(precision, scale, 1), DECIMAL_DIGITS_MAX)
    return SqlType(Kind.DECIMAL, precision, scale, unsigned, wide=precision > NARROW_DIGITS if wide is None else wide)


def to_wide(scaled: int) -> bytes:
    """The 28-byte form of a scaled integer."""
    return (scaled + WIDE_OFFSET).to_bytes(WIDE_BYTES, "big")


def from_wide(data: bytes) -> int:
    return int.from_bytes(data, "big") - WIDE_OFFSET


def scaled_of(value: int | bytes) -> int:
    """The scaled integer of a stored DECIMAL, narrow or wide."""
    return value if isinstance(value, int) else from_wide(value)


def to_unsigned(value: int) -> int | bytes:
    """The stored form of a BIGINT UNSIGNED."""
    return value if value <= INT64_MAX else value.to_bytes(8, "big")


def from_unsigned(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")


NULL_TYPE: Final = SqlType(Kind.NULL, collation="binary")
INT_TYPE: Final = SqlType(Kind.INT, 11)
BIGINT_TYPE: Final = SqlType(Kind.BIGINT, 20)
UBIGINT_TYPE: Final = SqlType(Kind.BIGINT, 20, unsigned=True)
BOOL_TYPE: Final = SqlType(Kind.INT, 1)
DOUBLE_TYPE: Final = SqlType(Kind.DOUBLE, 22, 31)


def varchar(length: int, collation: str = DEFAULT_COLLATION) -> SqlType:
    return SqlType(Kind.VARCHAR, length, collation=collation)


def varbinary(length: int) -> SqlType:
    return SqlType(Kind.VARBINARY, length, collation="binary")


def datetime_type(scale: int = 0) -> SqlType:
    return SqlType(Kind.DATETIME, 0, scale)


def time_type(scale: int = 0) -> SqlType:
    return SqlType(Kind.TIME, 0, scale)


DATE_TYPE: Final = SqlType(Kind.DATE)
