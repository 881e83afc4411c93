"""Between Python values and stored values, for sessions in this process.

The conversions are `fauna.catalog.values`; here is what a client adds to them: one type for all texts, a refusal of
what would be stored other than it looks, and decoding of whole rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from fauna.catalog.types import BIGINT_TYPE, INT64_MAX, INT64_MIN, INT_TYPE, Kind, SqlType, Stored, varbinary, varchar
from fauna.catalog.values import from_python, to_python
from fauna.client.exceptions import ProgrammingError
from fauna.session.result import ResultColumn

Bound = tuple[SqlType, Stored]
Decode = Callable[[Iterable[tuple[Stored, ...]]], Iterable[tuple[Any, ...]]]

# One type for all texts and one for all byte strings, the same as for parameters over the wire: a plan is found by the
# types of its parameters, and a length taken from each value would make a plan for each length.
_TEXT: Final = varchar(16_383)
_BYTES: Final = varbinary(65_535)
_UNCHANGED: Final = to_python(INT_TYPE)


def _bind_int(value: int) -> Bound:
    return (BIGINT_TYPE, value) if INT64_MIN <= value <= INT64_MAX else from_python(value)


def _bind_datetime(value: datetime) -> Bound:
    refuse_zone(value)
    return from_python(value)


_FAST: Final[dict[type, Callable[[Any], Bound]]] = {
    int: _bind_int,
    str: lambda value: (_TEXT, value),
    bytes: lambda value: (_BYTES, value),
    datetime: _bind_datetime,
}


def bind(value: Any) -> Bound:
    """A Python value as a bound parameter; SqlError for a type that has no form in SQL."""
    fast = _FAST.get(value.__class__)
    if fast is not None:
        return fast(value)
    if isinstance(value, datetime):
        return _bind_datetime(value)
    sql_type, stored = from_python(value)
    if sql_type.kind is Kind.VARCHAR:
        return _TEXT, stored
    return (_BYTES, stored) if sql_type.kind is Kind.VARBINARY else (sql_type, stored)


def refuse_zone(value: datetime) -> None:
    """A zone cannot be stored, and dropping it would store another moment: refuse it."""
    if value.tzinfo is not None:
        raise ProgrammingError(
            0, "a datetime with a time zone cannot be stored as it is: convert it first, "
               "for instance value.astimezone(UTC).replace(tzinfo=None)",
        )  # fmt: skip


def decoder(columns: tuple[ResultColumn, ...]) -> Decode | None:
    """How rows of these columns become Python's; None when they are that already."""
    converters = [
        (position, convert)
        for position, column in enumerate(columns)
        if (convert := to_python(column.sql_type)) is not _UNCHANGED
    ]
    if not converters:
        return None

    def decode(rows: Iterable[tuple[Stored, ...]]) -> Iterable[tuple[Any, ...]]:
        for row in rows:
            values: list[Any] = list(row)
            for position, convert in converters:
                if (value := values[position]) is not None:
                    values[position] = convert(value)
            yield tuple(values)

    return decode


# MySQL's type codes (the protocol's), for PEP 249's description.
TYPE_CODES: Final[dict[Kind, int]] = {
    Kind.NULL: 6, Kind.TINYINT: 1, Kind.SMALLINT: 2, Kind.MEDIUMINT: 9, Kind.INT: 3, Kind.BIGINT: 8, Kind.DECIMAL: 246,
    Kind.FLOAT: 4, Kind.DOUBLE: 5, Kind.BIT: 16, Kind.YEAR: 13, Kind.DATE: 10, Kind.TIME: 11, Kind.DATETIME: 12,
    Kind.TIMESTAMP: 7, Kind.CHAR: 254, Kind.VARCHAR: 253, Kind.BINARY: 254, Kind.VARBINARY: 253, Kind.ENUM: 254,
    Kind.SET: 254, Kind.JSON: 252, Kind.TINYTEXT: 252, Kind.TEXT: 252, Kind.MEDIUMTEXT: 252, Kind.LONGTEXT: 252,
    Kind.TINYBLOB: 252, Kind.BLOB: 252, Kind.MEDIUMBLOB: 252, Kind.LONGBLOB: 252,
}  # fmt: skip
