"""Assignment to integer, DECIMAL, FLOAT, DOUBLE, YEAR and BIT columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fauna.catalog.charsets import RAW_BYTES
from fauna.catalog.types import (
    DATETIMES,
    INT64_MAX,
    INT64_MIN,
    INTEGERS,
    UINT64_MAX,
    Kind,
    SqlType,
    integer_range,
    to_unsigned,
    to_wide,
)
from fauna.catalog.values import single
from fauna.sql.context import current
from fauna.sql.convert.modes import Reporter
from fauna.sql.convert.numbers import (
    DOUBLE_MAX,
    Rest,
    as_int64,
    cut,
    double_prefix,
    exact_of_double,
    exact_prefix,
    exact_reader,
    is_exact,
    is_float,
    nearest_even,
    rescale,
    round_away,
)
from fauna.sql.convert.operand import SCALE_NOT_FIXED, Converter, text_form, to_double
from fauna.sql.convert.temporal import (
    message_text,
    text_reader,
)

FLOAT_MAX: Final = 3.4028234663852886e38
YEAR_MIN: Final = 1901
YEAR_MAX: Final = 2155
YEAR_DIGITS: Final = 4


# ── integers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def store_integer(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    low, high = integer_range(target)
    if source.kind in INTEGERS:
        source_low, source_high = integer_range(source)
        if low <= source_low and source_high <= high:
            return None
    put = _integer_putter(target, reporter)
    if source.kind is Kind.DECIMAL and source.wide:
        return _wide_to_integer(source, target, put, reporter)
    if is_exact(source):
        exact, scale = exact_reader(source)
        if not scale:
            if not source.is_big_unsigned and not target.is_big_unsigned and source.kind in INTEGERS:
                return lambda value: value if low <= value <= high else put(value)
            return lambda value: put(exact(value))
        if source.kind is Kind.DECIMAL:
            return lambda value: put(round_away(exact(value), scale))
        return lambda value: put(cut(exact(value), scale))
    if is_float(source):
        return _double_to_integer(target, put, reporter)
    return _text_to_integer(source, put, reporter)


def _double_to_integer(target: SqlType, put: Callable[[int], Any], reporter: Reporter) -> Converter:
    if target.kind is Kind.BIGINT and not target.unsigned:
        # 2^63 is the double of the largest BIGINT, and is taken for it.
        return lambda value: INT64_MAX if value == INT64_MAX + 1 else put(nearest_even(value))
    if target.kind is not Kind.INT or not target.unsigned:
        return lambda value: put(nearest_even(value))
    high = integer_range(target)[1]

    def convert(value: float) -> Any:
        number = nearest_even(value)
        if number > high:
            reporter.out_of_range()  # MariaDB says it twice for INT UNSIGNED
        return put(number)

    return convert


def _wide_to_integer(source: SqlType, target: SqlType, put: Callable[[int], Any], reporter: Reporter) -> Converter:
    """A DECIMAL goes through a BIGINT, whose range is reported on its own."""
    exact, scale = exact_reader(source)
    twice = target.kind is not Kind.BIGINT

    def convert(value: Any) -> Any:
        number = round_away(exact(value), scale)
        if twice and not INT64_MIN <= number <= INT64_MAX:
            reporter.out_of_range()
        return put(number)

    return convert


def _integer_putter(target: SqlType, reporter: Reporter) -> Callable[[int], Any]:
    low, high = integer_range(target)
    big = target.is_big_unsigned

    def put(number: int) -> Any:
        if not low <= number <= high:
            reporter.out_of_range()
            number = low if number < low else high
        return to_unsigned(number) if big else number

    return put


def _text_to_integer(source: SqlType, put: Callable[[int], Any], reporter: Reporter) -> Converter:
    read, message = _text(source), message_text(source)

    def convert(value: Any) -> Any:
        text = read(value)
        if text.isdigit() and text.isascii() and len(text) < 19:
            return put(int(text))
        scaled, scale, rest = exact_prefix(text)
        number = round_away(scaled, scale) if scale else scaled
        if rest is Rest.NO_NUMBER:
            reporter.incorrect("integer", message(value))
            return put(0)
        count = current().warnings_count
        stored = put(number)
        if current().warnings_count == count:
            _report_rest(rest, reporter)
        return stored

    return convert


def _report_rest(rest: Rest, reporter: Reporter) -> None:
    if rest is Rest.GARBAGE:
        reporter.truncated()
    elif rest is Rest.SPACES:
        reporter.truncated_note()


def _text(source: SqlType) -> Callable[[Any], str]:
    read = text_reader(source)
    assert read is not None
    return read


# ── DECIMAL ───────────────────────────────────────────────────────────────────────────────────────────────────────


def store_decimal(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    put = _decimal_putter(target, reporter)
    if is_exact(source):
        if source.kind is Kind.DECIMAL and _decimal_fits(source, target):
            return None
        exact, scale = exact_reader(source)
        return lambda value: put(exact(value), scale)
    if is_float(source):
        return lambda value: put(*_finite(value))
    read, message = _text(source), message_text(source)

    def convert(value: Any) -> Any:
        scaled, scale, rest = exact_prefix(read(value))
        if rest is Rest.NO_NUMBER:
            reporter.incorrect("decimal", message(value))
        else:
            _report_rest(rest, reporter)
        return put(scaled, scale)

    return convert


def _finite(value: float) -> tuple[int, int]:
    return exact_of_double(value) if math.isfinite(value) else (int(math.copysign(10**90, value)), 0)


def _decimal_fits(source: SqlType, target: SqlType) -> bool:
    same = source.scale == target.scale and source.wide == target.wide and (source.unsigned or not target.unsigned)
    return same and source.length <= target.length


def _decimal_putter(target: SqlType, reporter: Reporter) -> Callable[[int, int], Any]:
    high = 10**target.length - 1
    low = 0 if target.unsigned else -high
    scale, wide = target.scale, target.wide

    def put(scaled: int, source_scale: int) -> Any:
        number = rescale(scaled, source_scale, scale)
        if not low <= number <= high:
            reporter.out_of_range()
            number = low if number < low else high
        elif source_scale > scale and number * int(10 ** (source_scale - scale)) != scaled:
            reporter.truncated_note()
        return to_wide(number) if wide else number

    return put


# ── FLOAT, DOUBLE ─────────────────────────────────────────────────────────────────────────────────────────────────


def store_float(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    put = _float_putter(target, reporter)
    plain = target.kind is Kind.DOUBLE and target.scale >= SCALE_NOT_FIXED and not target.unsigned
    if is_float(source):
        return None if plain else put
    if is_exact(source):
        number = to_double(source)
        assert number is not None
        of_exact = number
        return of_exact if plain else lambda value: put(of_exact(value))
    read, message = _text(source), message_text(source)

    def convert(value: Any) -> float:
        text = read(value)
        real, rest = double_prefix(text)
        if rest is Rest.NO_NUMBER:
            reporter.incorrect("double", message(value))
        elif math.isinf(real):
            reporter.out_of_range()
            real = math.copysign(DOUBLE_MAX, real)
        else:
            _report_rest(rest, reporter)
        return put(real)

    return convert


def _float_putter(target: SqlType, reporter: Reporter) -> Callable[[float], float]:
    is_float_kind, scale = target.kind is Kind.FLOAT, target.scale
    high = FLOAT_MAX if is_float_kind else DOUBLE_MAX
    fixed = scale < SCALE_NOT_FIXED
    if fixed:
        high = min(high, float(10 ** (target.length - scale) - 10.0**-scale))
    unsigned = target.unsigned

    def put(value: float) -> float:
        if unsigned and value < 0:
            reporter.out_of_range()
            return 0.0
        if fixed and math.isfinite(value):
            value = _rounded(value, scale)
        if not -high <= value <= high:
            reporter.out_of_range()
            value = -high if value < -high else high
        return single(value) if is_float_kind else value

    return put


def _rounded(value: float, scale: int) -> float:
    """Rounded as MariaDB does: the whole part set apart, then rint of the scaled fraction."""
    whole = math.floor(value)
    unit = 10.0**scale
    fraction = (value - whole) * unit
    return whole + round(fraction) / unit if math.isfinite(fraction) else value


# ── YEAR, BIT ─────────────────────────────────────────────────────────────────────────────────────────────────────


def store_year(source: SqlType, reporter: Reporter) -> Converter | None:
    if source.kind is Kind.YEAR:
        return None
    put = _year_putter(reporter)
    if source.kind in DATETIMES or source.kind is Kind.TIME:
        return _temporal_to_year(source, reporter)
    if is_exact(source):
        exact, scale = exact_reader(source)
        return lambda value: put(_through_bigint(round_away(exact(value), scale) if scale else exact(value), reporter), False)
    if is_float(source):
        return lambda value: put(_year_of_double(value), False)
    read, message = _text(source), message_text(source)

    def convert(value: Any) -> Any:
        text = read(value)
        scaled, scale, rest = exact_prefix(text)
        if rest is Rest.NO_NUMBER:
            reporter.incorrect("integer", message(value))
            return 0
        number = round_away(scaled, scale) if scale else scaled
        if not 0 <= number <= YEAR_MAX or 99 < number < YEAR_MIN:
            return put(number, True)
        _report_rest(rest, reporter)
        return 0 if number == 0 and len(text) == YEAR_DIGITS else put(number, True)

    return convert


def _through_bigint(number: int, reporter: Reporter) -> int:
    if not INT64_MIN <= number <= UINT64_MAX:
        reporter.out_of_range()
    return number


def _year_of_double(value: float) -> int:
    return -1 if value < 0 else int(value) if math.isfinite(value) else YEAR_MAX + 1


def _year_putter(reporter: Reporter) -> Callable[[int, bool], int]:
    def put(number: int, text: bool) -> int:
        if not 0 <= number <= YEAR_MAX or 99 < number < YEAR_MIN:
            reporter.out_of_range()
            return 0
        if number < 100 and (number or text):
            return number + (2000 if number < 70 else 1900)
        return number

    return put


def _temporal_to_year(source: SqlType, reporter: Reporter) -> Converter:
    message = message_text(source)
    if source.kind is Kind.TIME:

        def of_time(value: Any) -> int:
            reporter.incorrect_temporal("time", message(value))
            return 0

        return of_time
    what = "date" if source.kind is Kind.DATE else "datetime"

    def convert(value: str) -> int:
        reporter.incorrect_temporal(what, message(value))
        return int(value[:4])

    return convert


def store_bit(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    limit = (1 << target.length) - 1
    if source.kind is Kind.BIT and source.length <= target.length:
        return None

    def put(number: int) -> Any:
        number = number & UINT64_MAX if number < 0 else number
        if number > limit:
            reporter.bits_too_long()
            number = limit
        return to_unsigned(number)

    if source.kind is Kind.DECIMAL:
        exact, scale = exact_reader(source)
        return lambda value: _decimal_to_bit(round_away(exact(value), scale), limit, put, reporter)
    if source.kind in DATETIMES or source.kind is Kind.TIME:
        text = text_form(source)
        return lambda value: put(int.from_bytes(_encoded(text(value) if text is not None else value), "big"))
    if is_exact(source):
        exact, _ = exact_reader(source)
        return lambda value: put(exact(value))
    if is_float(source):
        return lambda value: put(as_int64(value))
    return lambda value: put(int.from_bytes(_encoded(value).lstrip(b"\0"), "big"))


def _decimal_to_bit(number: int, limit: int, put: Callable[[int], Any], reporter: Reporter) -> Any:
    if 0 <= number <= UINT64_MAX:
        return put(number)
    reporter.out_of_range()
    if number > UINT64_MAX and limit < UINT64_MAX:
        reporter.out_of_range()  # MariaDB reports both steps
    return 0 if number < 0 else to_unsigned(limit)


def _encoded(value: str | bytes) -> bytes:
    return value.encode("utf-8", RAW_BYTES) if isinstance(value, str) else value
