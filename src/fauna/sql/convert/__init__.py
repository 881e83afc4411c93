"""MySQL's type conversions over stored values: of operands, by CAST, and on assignment to a column.

For: `conversion(source, target, mode)` and `store_conversion(source, target, label)` give a function from stored value
to stored value, or None when nothing changes; `spec` and the SQL function `cv` carry a conversion into SQLite's SQL;
`timestamp_to_utc` and `timestamp_from_utc` stand between a TIMESTAMP column and the session's time zone.

Not for: choosing types (the binder does), the text of results (catalog.values), parsing dates
(functions.temporal_parse), JSON validity and CHECKs.

Invariants: DECIMALs are exact everywhere, Python integers with a scale; a conversion never fails on an operand, it
warns (and while a strict statement stores, a warning is an error); a store either gives a value that fits the column
or raises SqlError, the latter only under strict mode.  NULL stays NULL.

    >>> from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, decimal_type
    >>> conversion(decimal_type(5, 2), BIGINT_TYPE, Mode.IMPLICIT)(150)
    2
    >>> store_conversion(BIGINT_TYPE, SqlType(Kind.TINYINT), StoreLabel("shop", "orders", "n"))(300)
    Traceback (most recent call last):
    fauna.errors.SqlError: 1264 (22003): Out of range value for column 'n' at row 1

Known limits: CAST and operands know no ENUM, SET, BIT and YEAR as targets; b'101' and 0x31 are byte strings here, the
binder makes numbers of them where MySQL does; sets without a Python codec take every character; an ascii column refuses
bytes above 127, which MariaDB stores.
"""

from fauna.sql.convert.modes import Mode, StoreLabel
from fauna.sql.convert.specs import conversion, conversion_of, register_conversions, spec, store_conversion
from fauna.sql.convert.timestamp import store_timestamp, timestamp_from_utc, timestamp_to_utc

__all__ = [
    "Mode",
    "StoreLabel",
    "conversion",
    "conversion_of",
    "register_conversions",
    "spec",
    "store_conversion",
    "store_timestamp",
    "timestamp_from_utc",
    "timestamp_to_utc",
]
