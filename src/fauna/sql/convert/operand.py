"""Conversions of operands, implicit ones and CAST: they never fail, they warn.

While a strict statement stores, a warning from here is an error, as in MySQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fauna.catalog.charsets import RAW_BYTES
from fauna.catalog.types import (
    BYTES,
    CHARS,
    DATETIMES,
    FLOATS,
    INT64_MAX,
    INT64_MIN,
    INTEGERS,
    UINT64_MAX,
    Kind,
    SqlType,
    to_unsigned,
    to_wide,
)
from fauna.catalog.values import format_double, format_scaled, text_of
from fauna.sql.context import current
from fauna.sql.convert.modes import Mode, note, report, shown
from fauna.sql.convert.numbers import (
    DOUBLE_MAX,
    Rest,
    cut,
    double_prefix,
    exact_of_double,
    exact_prefix,
    exact_reader,
    integer_prefix,
    is_exact,
    is_float,
    nearest_even,
    rescale,
    round_away,
    text_of_bytes,
)
from fauna.sql.convert.temporal import (
    ReadDatetime,
    cut_time,
    datetime_reader,
    message_text,
    text_reader,
    time_reader,
    with_digits,
    zero_datetime,
)
from fauna.sql.functions.temporal_parse import Fields

Converter = Callable[[Any], Any]
SCALE_NOT_FIXED: Final = 31
DECIMAL_OVERFLOW: Final = 10**81  # past the digits of MariaDB's decimal buffers
CAST_TO_UNSIGNED: Final = "Cast to unsigned converted negative integer to it's positive complement"
CAST_TO_SIGNED: Final = "Cast to signed converted positive out-of-range integer to it's negative complement"


def operand_conversion(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    """A function over values that are not NULL; None when the value stays as it is."""
    kind = target.kind
    if kind in INTEGERS or kind in (Kind.YEAR, Kind.BIT):
        return _to_integer(source, target, mode)
    if kind is Kind.DECIMAL:
        return _to_decimal(source, target, mode)
    if kind in FLOATS:
        return to_double(source)
    if kind in BYTES:
        return _to_bytes(source, target, mode)
    if kind in CHARS:
        return _to_text(source, target, mode)
    if kind in DATETIMES:
        return _to_datetime(source, target, mode)
    if kind is Kind.TIME:
        return _to_time(source, target, mode)
    return None


# ── integers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _to_integer(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    finish = _wrap_unsigned if target.unsigned else _wrap_signed
    warned = mode is Mode.CAST
    kind = source.kind
    if is_exact(source):
        exact, scale = exact_reader(source)
        if kind is Kind.DECIMAL:
            return _decimal_to_integer(exact, scale, target.unsigned)
        if kind is Kind.TIME and target.unsigned:
            return _time_to_unsigned(source, exact, scale)
        if scale:  # the fraction of a temporal value is cut
            return lambda value: finish(cut(exact(value), scale), False)
        if not source.is_big_unsigned:
            if not target.unsigned:
                return None if kind not in DATETIMES and kind is not Kind.TIME else exact
            return lambda value: finish(exact(value), warned)
        if target.unsigned:
            return None
        return lambda value: finish(exact(value), False)
    if is_float(source):
        return _double_to_integer(target.unsigned, warned)
    text = text_reader(source)
    return None if text is None else _text_to_integer(text, target.unsigned, warned)


def _time_to_unsigned(source: SqlType, exact: Callable[[Any], int], scale: int) -> Converter:
    message = message_text(source)

    def convert(value: int) -> int:
        number = cut(exact(value), scale)
        if number < 0:
            note("DATA_OVERFLOW", message(value), "UNSIGNED BIGINT")
        return max(number, 0)

    return convert


def _wrap_unsigned(value: int, text: bool) -> int | bytes:
    """Two's complement, as CAST AS UNSIGNED does."""
    if value < 0 and text:
        note("UNKNOWN_ERROR", CAST_TO_UNSIGNED)
    return to_unsigned(value & UINT64_MAX)


def _wrap_signed(value: int, text: bool) -> int:
    if INT64_MIN <= value <= INT64_MAX:
        return value
    if text:
        note("UNKNOWN_ERROR", CAST_TO_SIGNED)
    value &= UINT64_MAX
    return value if value <= INT64_MAX else value - (1 << 64)


def _decimal_to_integer(exact: Callable[[Any], int], scale: int, unsigned: bool) -> Converter:
    low, high = (0, UINT64_MAX) if unsigned else (INT64_MIN, INT64_MAX)

    def convert(value: Any) -> Any:
        scaled = exact(value)
        number = round_away(scaled, scale) if scale else scaled
        if not low <= number <= high:
            report("DATA_OVERFLOW", format_scaled(scaled, scale), "UNSIGNED INT" if unsigned else "INT")
            number = low if number < low else high
        return to_unsigned(number) if unsigned else number

    return convert


def _double_to_integer(unsigned: bool, cast: bool) -> Converter:
    low, high = (0 if cast else INT64_MIN, UINT64_MAX) if unsigned else (INT64_MIN, INT64_MAX)

    def convert(value: float) -> Any:
        number = nearest_even(value)
        if not low <= number <= high:
            note("DATA_OVERFLOW", format_double(value), "UNSIGNED BIGINT" if unsigned else "SIGNED BIGINT")
            number = low if number < low else high
        return to_unsigned(number & UINT64_MAX) if unsigned else number

    return convert


def report_rest(rest: Rest, what: str, value: str | bytes) -> None:
    """A warning for what follows a number in a text; a note when it is spaces."""
    if rest is Rest.SPACES:
        note("TRUNCATED_WRONG_VALUE", what, shown(value))
    elif rest is not Rest.NOTHING:
        report("TRUNCATED_WRONG_VALUE", what, shown(value))


def _text_to_integer(text_of_value: Callable[[Any], str], unsigned: bool, warned: bool) -> Converter:
    wrap = _wrap_unsigned if unsigned else _wrap_signed

    def convert(value: Any) -> Any:
        text = text_of_value(value)
        number, rest = integer_prefix(text)
        out_of_range = number < INT64_MIN or number > UINT64_MAX
        report_rest(Rest.GARBAGE if out_of_range else rest, "INTEGER", value if isinstance(value, bytes) else text)
        if out_of_range:
            number = INT64_MIN if number < 0 else UINT64_MAX
        negative = text.lstrip().startswith("-")
        if unsigned and negative and warned and (number < 0 or rest is Rest.GARBAGE) and not out_of_range:
            note("UNKNOWN_ERROR", CAST_TO_UNSIGNED)
        return wrap(number, warned and not unsigned and not out_of_range)

    return convert


# ── DECIMAL ────────────────────────────────────────────────────────────────────────────────────────────────────


def _to_decimal(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    finish = decimal_finisher(target, mode)
    scale = target.scale
    if is_exact(source):
        exact, source_scale = exact_reader(source)
        if (
            source.kind is Kind.DECIMAL
            and source_scale == scale
            and source.wide == target.wide
            and source.length <= target.length
        ):
            return None
        if source_scale == scale:
            return lambda value: finish(exact(value))
        if source_scale < scale:
            factor = 10 ** (scale - source_scale)
            return lambda value: finish(exact(value) * factor)
        return lambda value: finish(round_away(exact(value), source_scale - scale))
    if is_float(source):
        return lambda value: finish(rescale(*_finite(value), scale))
    text = text_reader(source)
    assert text is not None
    read = text

    def of_text(value: Any) -> Any:
        text = read(value)
        scaled, source_scale, rest = exact_prefix(text)
        if abs(scaled) >= DECIMAL_OVERFLOW and not source_scale:
            report("DATA_OVERFLOW", "", "DECIMAL")
            rest = Rest.GARBAGE
        report_rest(rest, "DECIMAL", value if isinstance(value, bytes) else text)
        return finish(rescale(scaled, source_scale, scale))

    return of_text


def _finite(value: float) -> tuple[int, int]:
    if math.isfinite(value) and abs(value) < DECIMAL_OVERFLOW:
        return exact_of_double(value)
    report("DATA_OVERFLOW", "", "DECIMAL")
    return (DECIMAL_OVERFLOW if value > 0 else -DECIMAL_OVERFLOW), 0


def decimal_finisher(target: SqlType, mode: Mode) -> Callable[[int], int | bytes]:
    """From a scaled integer to the stored form, clipped to the type's digits."""
    high = 10**target.length - 1
    low = 0 if target.unsigned else -high
    wide = target.wide
    column = f"CAST(… AS DECIMAL({target.length},{target.scale}))"

    def finish(scaled: int) -> int | bytes:
        if not low <= scaled <= high:
            if mode is Mode.CAST:
                report("WARN_DATA_OUT_OF_RANGE", column, 1)
            scaled = low if scaled < low else high
        return to_wide(scaled) if wide else scaled

    return finish


# ── DOUBLE ─────────────────────────────────────────────────────────────────────────────────────────────────────


def to_double(source: SqlType) -> Converter | None:
    if is_float(source):
        return None
    if is_exact(source):
        exact, scale = exact_reader(source)
        if not scale:
            return lambda value: float(exact(value))
        unit: int = 10**scale
        return lambda value: exact(value) / unit  # int / int is correctly rounded
    text = text_reader(source)
    assert text is not None
    read = text

    def of_text(value: Any) -> float:
        try:
            number = float(value)  # the common case: nothing but a number
            if math.isfinite(number) and value[-1:].isdigit() and "_" not in value:
                return number
        except (ValueError, TypeError):
            pass
        text = read(value)
        number, rest = double_prefix(text)
        infinite = math.isinf(number)
        report_rest(Rest.GARBAGE if infinite else rest, "DOUBLE", value if isinstance(value, bytes) else text)
        return math.copysign(DOUBLE_MAX, number) if infinite else number

    if source.kind in CHARS:
        return of_text

    def of_other(value: Any) -> float:
        text = read(value)
        number, rest = double_prefix(text)
        report_rest(rest, "DOUBLE", value if isinstance(value, bytes) else text)
        return number

    return of_other


# ── strings ────────────────────────────────────────────────────────────────────────────────────────────────────


def text_form(source: SqlType) -> Converter | None:
    """The text of a value as str (bytes stay bytes); None when it is that already."""
    if source.kind in CHARS or source.kind in BYTES or source.kind in DATETIMES:
        return None
    if source.kind is Kind.BIT:
        return text_of(source)
    return text_of(source)


def _to_text(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    form = text_form(source)
    if source.kind in BYTES or source.kind is Kind.BIT:
        inner = form
        decode = _decoded if mode is Mode.CAST else text_of_bytes
        form = (lambda value: decode(inner(value))) if inner is not None else decode
    if mode is Mode.IMPLICIT or not target.length:
        return form
    limit = target.length

    def cut_text(value: Any) -> Any:
        text = form(value) if form is not None else value
        if len(text) > limit:
            report("TRUNCATED_WRONG_VALUE", f"CHAR({limit})", shown(text))
            return text[:limit]
        return text

    return cut_text


def _decoded(value: str | bytes) -> str:
    """Bytes as UTF-8; what is malformed becomes question marks, with a warning."""
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as failure:
        report("INVALID_CHARACTER_STRING", "utf8mb4", shown(value[failure.start : failure.start + 6]))
        return value.decode("utf-8", "replace").replace("\ufffd", "?")


def _to_bytes(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    form = text_form(source)
    limit, padded = target.length, target.kind is Kind.BINARY

    def convert(value: Any) -> bytes:
        text = form(value) if form is not None else value
        if mode is Mode.CAST and limit and len(text) > limit:  # characters are cut, not bytes
            report("TRUNCATED_WRONG_VALUE", f"BINARY({limit})", shown(text))
            text = text[:limit]
        data: bytes = text.encode("utf-8", RAW_BYTES) if isinstance(text, str) else text
        return data.ljust(limit, b"\0") if padded and mode is Mode.CAST else data

    return None if source.kind in BYTES and (mode is Mode.IMPLICIT or not limit) else convert


# ── temporal ───────────────────────────────────────────────────────────────────────────────────────────────────


def _to_datetime(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    is_date, digits = target.kind is Kind.DATE, target.scale
    if source.kind in DATETIMES:
        if is_date:
            return None if source.kind is Kind.DATE else lambda value: value[:10]
        if source.kind is Kind.DATE:
            suffix = " 00:00:00" + ("." + "0" * digits if digits else "")
            return lambda value: value + suffix
        return None if source.scale == digits else lambda value: with_digits(value, digits)
    read, message = datetime_reader(source), message_text(source)
    numeric = text_reader(source) is None and source.kind is not Kind.TIME
    compared = mode is Mode.COMPARED and not numeric
    zero = zero_datetime(digits)[:10] if is_date else zero_datetime(digits)
    if compared:
        read = _any_day(read)

    def convert(value: Any) -> str | None:
        fields = read(value)
        if fields is None:
            report("TRUNCATED_WRONG_VALUE" if compared else "WRONG_VALUE", "datetime", _shown_bytes(message(value)))
            return zero if compared else None
        if fields.truncated:
            report("TRUNCATED_WRONG_VALUE", "datetime" if fields.has_time else "date", _shown_bytes(message(value)))
        elif numeric and fields.microsecond and fields.month and not fields.has_time:
            note("TRUNCATED_WRONG_VALUE", "date", message(value))
            fields.microsecond = 0
        return fields.date_text() if is_date else fields.text(digits)

    return convert


def _any_day(read: ReadDatetime) -> ReadDatetime:
    """`read`, which takes the 30th of February for a date, as comparisons do."""

    def lenient(value: Any) -> Fields | None:
        context = current()
        before, context.allow_invalid_dates = context.allow_invalid_dates, True
        try:
            return read(value)
        finally:
            context.allow_invalid_dates = before

    return lenient


def _to_time(source: SqlType, target: SqlType, mode: Mode) -> Converter | None:
    digits = target.scale
    if source.kind is Kind.TIME:
        return None if source.scale <= digits else lambda value: cut_time(value, digits)
    read, message = time_reader(source), message_text(source)
    compared = mode is Mode.COMPARED and text_reader(source) is not None

    def convert(value: Any) -> int | None:
        fields = read(value)
        if fields is None:
            report("TRUNCATED_WRONG_VALUE" if compared else "WRONG_VALUE", "time", _shown_bytes(message(value)))
            return 0 if compared else None
        if fields.truncated or fields.out_of_range:
            report("TRUNCATED_WRONG_VALUE", "time", _shown_bytes(message(value)))
        return cut_time(fields.microseconds, digits)

    return convert


def _shown_bytes(value: str | bytes) -> str:
    """Messages of temporal operands show what is not ASCII byte by byte."""
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", RAW_BYTES)
    return shown(value)
