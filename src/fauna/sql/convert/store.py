"""Conversions on assignment to a column: range, length and form are enforced.

What does not fit is an error under strict mode; else the nearest value that does is stored, with a warning.
"""

from __future__ import annotations

from fauna.catalog.types import BYTES, CHARS, DATETIMES, FLOATS, INTEGERS, Kind, SqlType
from fauna.sql.convert.modes import Reporter, StoreLabel
from fauna.sql.convert.operand import Converter
from fauna.sql.convert.store_numbers import store_bit, store_decimal, store_float, store_integer, store_year
from fauna.sql.convert.store_strings import store_bytes, store_enum, store_set, store_text
from fauna.sql.convert.store_temporal import store_datetime, store_time


def store_converter(source: SqlType, target: SqlType, label: StoreLabel) -> Converter | None:
    """A function over values that are not NULL; None when every value of the source type is stored as it is."""
    reporter = Reporter(label)
    kind = target.kind
    if kind in INTEGERS:
        return store_integer(source, target, reporter)
    if kind is Kind.DECIMAL:
        return store_decimal(source, target, reporter)
    if kind in FLOATS:
        return store_float(source, target, reporter)
    if kind is Kind.YEAR:
        return store_year(source, reporter)
    if kind is Kind.BIT:
        return store_bit(source, target, reporter)
    if kind in DATETIMES:
        return store_datetime(source, target, reporter)
    if kind is Kind.TIME:
        return store_time(source, target, reporter)
    if kind is Kind.ENUM:
        return store_enum(source, target, reporter)
    if kind is Kind.SET:
        return store_set(source, target, reporter)
    if kind in BYTES:
        return store_bytes(source, target, reporter)
    if kind in CHARS:
        return store_text(source, target, reporter)
    return None
