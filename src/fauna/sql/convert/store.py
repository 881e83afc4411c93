"""Conversions on assignment to a column: range, length and form are enforced.

What does not fit is an error under strict mode; else the nearest value that does is stored, with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fauna.catalog.charsets import charset_of, unfit_bytes
from fauna.catalog.types import (
    BLOBS, BYTES, BYTES_MAX, CHARS, DATETIMES, FLOATS, INTEGERS, TEXTS, UINT64_MAX, Kind, SqlType, from_unsigned, integer_range, to_unsigned,
    to_wide,
)
from fauna.catalog.values import format_double, single
from fauna.sql import collation as collations
from fauna.sql.context import current
from fauna.sql.convert.modes import Reporter, StoreLabel
from fauna.sql.convert.numbers import (
    DOUBLE_MAX, Rest, cut, double_prefix, exact_of_double, exact_prefix, exact_reader, is_exact, is_float, nearest_even, rescale, round_away,
)
from fauna.sql.convert.operand import SCALE_NOT_FIXED, Converter, text_form, to_double
from fauna.sql.convert.temporal import (
    ZERO_DATE, cut_time, datetime_reader, message_text, split_number, text_reader, time_reader, with_digits, zero_datetime,
)

FLOAT_MAX: Final = 3.4028234663852886e38
YEAR_MIN: Final = 1901
YEAR_MAX: Final = 2155
INT_NAMES: Final = "integer"
SHOWN_BYTES: Final = 6


def store_converter(source: SqlType, target: SqlType, label: StoreLabel) -> Converter | None:
    """A function over values that are not NULL; None when every value of the source type is stored as it is."""
    reporter = Reporter(label)
    kind = target.kind
    if kind in INTEGERS:
        return _store_integer(source, target, reporter)
    if kind is Kind.DECIMAL:
        return _store_decimal(source, target, reporter)
    if kind in FLOATS:
        return _store_float(source, target, reporter)
    if kind is Kind.YEAR:
        return _store_year(source, reporter)
    if kind is Kind.BIT:
        return _store_bit(source, target, reporter)
    if kind in DATETIMES:
        return _store_datetime(source, target, reporter)
    if kind is Kind.TIME:
        return _store_time(source, target, reporter)
    if kind is Kind.ENUM:
        return _store_enum(source, target, reporter)
    if kind is Kind.SET:
        return _store_set(source, target, reporter)
    if kind in BYTES:
        return _store_bytes(source, target, reporter)
    if kind in CHARS:
        return _store_text(source, target, reporter)
    return None


# ── integers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _store_integer(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    low, high = integer_range(target)
    if source.kind in INTEGERS:
        source_low, source_high = integer_range(source)
        if low <= source_low and source_high <= high:
            return None
    put = _integer_putter(target, reporter)
    if source.kind is Kind.DECIMAL and source.wide:
        return _wide_to_integer(source, put)
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
        return lambda value: put(nearest_even(value))
    return _text_to_integer(source, put, reporter)


def _wide_to_integer(source: SqlType, put: Callable[[int], Any]) -> Converter:
    exact, scale = exact_reader(source)
    return lambda value: put(round_away(exact(value), scale))


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
            reporter.incorrect(INT_NAMES, message(value))
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


# ── DECIMAL ────────────────────────────────────────────────────────────────────────────────────────────────────


def _store_decimal(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
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


# ── FLOAT, DOUBLE ──────────────────────────────────────────────────────────────────────────────────────────────


def _store_float(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
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


# ── YEAR, BIT ──────────────────────────────────────────────────────────────────────────────────────────────────


def _store_year(source: SqlType, reporter: Reporter) -> Converter | None:
    if source.kind is Kind.YEAR:
        return None
    put = _year_putter(reporter)
    if source.kind in DATETIMES or source.kind is Kind.TIME:
        return _temporal_to_year(source, reporter)
    if is_exact(source):
        exact, scale = exact_reader(source)
        return lambda value: put(round_away(exact(value), scale) if scale else exact(value), False)
    if is_float(source):
        return lambda value: put(_year_of_double(value), False)
    read, message = _text(source), message_text(source)

    def convert(value: Any) -> Any:
        text = read(value)
        scaled, scale, rest = exact_prefix(text)
        if rest is Rest.NO_NUMBER:
            reporter.incorrect(INT_NAMES, message(value))
            return 0
        number = round_away(scaled, scale) if scale else scaled
        if not 0 <= number <= YEAR_MAX or 99 < number < YEAR_MIN:
            return put(number, True)
        _report_rest(rest, reporter)
        digits = len(text[: len(text) - len(text.lstrip("0123456789 "))].strip())
        return 0 if number == 0 and (digits == 4 or rest is Rest.GARBAGE and digits == 1) else put(number, True)

    return convert


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


def _store_bit(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
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
        return lambda value: put(int(value) if abs(value) < 2.0**63 else (1 << 63) - (value > 0))
    return lambda value: put(int.from_bytes(_encoded(value).lstrip(b"\0"), "big"))


def _decimal_to_bit(number: int, limit: int, put: Callable[[int], Any], reporter: Reporter) -> Any:
    if 0 <= number <= UINT64_MAX:
        return put(number)
    reporter.out_of_range()
    return 0 if number < 0 else to_unsigned(limit)


def _encoded(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


# ── temporal ───────────────────────────────────────────────────────────────────────────────────────────────────


def _store_datetime(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    if target.kind is Kind.DATE and source.kind is Kind.DATE and not _modes_matter():
        return _checked_dates(source, target, reporter)
    if source.kind in DATETIMES:
        return _checked_dates(source, target, reporter)
    is_date, digits = target.kind is Kind.DATE, target.scale
    what = "date" if is_date else "datetime"
    read, message = datetime_reader(source), message_text(source)
    zero = ZERO_DATE if is_date else zero_datetime(digits)
    numeric = text_reader(source) is None and source.kind is not Kind.TIME
    timestamp = target.kind is Kind.TIMESTAMP

    def convert(value: Any) -> str:
        fields = read(value)
        if fields is None or not _allowed(fields.year, fields.month, fields.day, timestamp):
            reporter.incorrect_temporal(what, message(value))
            return zero
        if fields.truncated:
            reporter.incorrect_temporal(what, message(value))
        elif is_date and (fields.hour or fields.minute or fields.second or fields.microsecond):
            reporter.truncated_note()
        elif numeric and fields.month and not fields.has_time and fields.microsecond:
            reporter.truncated_note()
        if not is_date and not fields.has_time and numeric:
            fields.microsecond = 0
        return fields.date_text() if is_date else fields.text(digits)

    return convert


def _modes_matter() -> bool:
    return False


def _allowed(year: int, month: int, day: int, timestamp: bool) -> bool:
    """Zero dates and zero parts, as sql_mode and TIMESTAMP have it."""
    if year and month and day:
        return True
    if not (year or month or day):
        return not current().no_zero_date
    return not timestamp and not current().no_zero_in_date


def _checked_dates(source: SqlType, target: SqlType, reporter: Reporter) -> Converter:
    """Between date types: digits are cut or added; what sql_mode forbids is refused."""
    is_date, digits = target.kind is Kind.DATE, target.scale
    what = "date" if is_date else "datetime"
    zero = ZERO_DATE if is_date else zero_datetime(digits)
    suffix = " 00:00:00" if source.kind is Kind.DATE and not is_date else ""
    timestamp = target.kind is Kind.TIMESTAMP

    def convert(value: str) -> str:
        if "-00" in value or value.startswith("0000"):
            if not _allowed(int(value[:4]), int(value[5:7]), int(value[8:10]), timestamp):
                reporter.incorrect_temporal(what, value)
                return zero
        if is_date:
            if len(value) > 10 and value[11:].strip("0:."):
                reporter.truncated_note()
            return value[:10]
        return with_digits(value + suffix, digits)

    return convert


def _store_time(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    digits = target.scale
    if source.kind is Kind.TIME:
        return None if source.scale <= digits else lambda value: cut_time(value, digits)
    read, message = time_reader(source), message_text(source)
    noted = source.kind in DATETIMES
    numeric = text_reader(source) is None and not noted

    def convert(value: Any) -> int:
        fields = read(value)
        if fields is None:
            reporter.incorrect_temporal("time", message(value))
            return 0
        if fields.out_of_range:
            reporter.time_out_of_range(message(value))
        elif fields.truncated:
            reporter.incorrect_temporal("time", message(value))
        elif noted or _has_date(value, numeric):
            reporter.truncated_note()
        return cut_time(fields.microseconds, digits)

    def _has_date(value: Any, numeric: bool) -> bool:
        if not numeric:
            return len(value) >= 12 and "-" in value[1:] or "/" in value if isinstance(value, str) else False
        return abs(_whole(value)) > 8385959

    whole = _whole_reader(source) if numeric else None

    def _whole(value: Any) -> int:
        assert whole is not None
        return whole(value)

    return convert


def _whole_reader(source: SqlType) -> Callable[[Any], int]:
    if is_float(source):
        return int
    exact, scale = exact_reader(source)
    return lambda value: split_number(exact(value), scale)[0]


# ── ENUM, SET ──────────────────────────────────────────────────────────────────────────────────────────────────


def _store_enum(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    count = len(target.members)
    if source.kind is Kind.ENUM and source.members == target.members:
        return None
    find = _member_finder(target)

    def position(number: int) -> int:
        if 1 <= number <= count:
            return number
        reporter.truncated()
        return 0

    if source.kind in (Kind.ENUM, Kind.SET) or not (is_exact(source) or is_float(source)) or source.kind in DATETIMES or source.kind is Kind.TIME:
        read = text_reader(source) or text_form(source) or str

        def of_text(value: Any) -> int:
            text = read(value)
            found = find(text.rstrip(" "))
            if found is not None:
                return found + 1
            if text == "" and source.kind is Kind.ENUM:
                return 0
            return position(int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0)

        return of_text
    if is_float(source):
        return lambda value: position(int(value) if abs(value) < 1e6 else 0)
    exact, scale = exact_reader(source)
    return lambda value: position(cut(exact(value), scale) if scale else exact(value))


def _member_finder(target: SqlType) -> Callable[[str], int | None]:
    key = collations.sort_key(target.collation or "utf8mb4_general_ci")
    positions: dict[bytes, int] = {}
    for index, member in enumerate(target.members):
        positions.setdefault(key(member), index)
    exact = {member: index for index, member in reversed(list(enumerate(target.members)))}

    def find(text: str) -> int | None:
        found = exact.get(text)
        return positions.get(key(text)) if found is None else found

    return find


def _store_set(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    if source.kind is Kind.SET and source.members == target.members:
        return None
    all_bits = (1 << len(target.members)) - 1
    find = _member_finder(target)

    def masked(number: int) -> Any:
        number &= UINT64_MAX
        if number & ~all_bits:
            reporter.truncated()
        return to_unsigned(number & all_bits)

    if source.kind in (Kind.ENUM, Kind.SET) or not (is_exact(source) or is_float(source)) or source.kind in DATETIMES or source.kind is Kind.TIME:
        read = text_reader(source) or text_form(source) or str

        def of_text(value: Any) -> Any:
            return _set_of_text(read(value), find, masked, reporter)

        return of_text
    if is_float(source):
        return lambda value: masked(int(value) if abs(value) < 2.0**63 else (1 << 63) - (value > 0))
    exact, scale = exact_reader(source)
    return lambda value: masked(_clip64(cut(exact(value), scale) if scale else exact(value)))


def _clip64(number: int) -> int:
    return max(min(number, UINT64_MAX), -(1 << 63))


def _set_of_text(text: str, find: Callable[[str], int | None], masked: Callable[[int], Any], reporter: Reporter) -> Any:
    text = text.rstrip(" ")
    if not text:
        return 0
    mask, unknown = 0, False
    for part in text.split(","):
        found = find(part.rstrip(" "))
        if found is None:
            unknown = True
        else:
            mask |= 1 << found
    if not unknown:
        return to_unsigned(mask)
    number = text.lstrip(" ")
    sign = number[:1] in ("-", "+")
    if number[sign:].isascii() and number[sign:].isdigit():
        value = int(number[:25])
        if -(1 << 63) <= value <= UINT64_MAX:
            return masked(value)
    reporter.truncated()
    return to_unsigned(mask)


# ── strings ────────────────────────────────────────────────────────────────────────────────────────────────────


def _store_text(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    put = _text_putter(target, reporter)
    if source.kind in BYTES or source.kind is Kind.BIT:
        form = text_form(source)
        decode = _decoder(target, reporter)
        if form is None:
            return lambda value: put(decode(value) if isinstance(value, bytes) else value)
        return lambda value: put(decode(form(value)))
    if is_float(source) and target.kind in (Kind.CHAR, Kind.VARCHAR):
        shape = text_form(source)
        assert shape is not None
        return _double_to_text(source, shape, target.length, put)
    form = text_form(source)
    if form is None:
        return put
    known = form
    return lambda value: put(known(value))


def _double_to_text(source: SqlType, form: Converter, limit: int, put: Converter) -> Converter:
    """A double too long for the column loses digits before it is refused."""

    def convert(value: float) -> Any:
        text = form(value)
        if len(text) <= limit or source.scale < SCALE_NOT_FIXED:
            return put(text)
        for digits in range(16, 0, -1):
            shorter = format_double(float(f"{value:.{digits}g}"))
            if len(shorter) <= limit:
                return put(shorter)
        return put(text)

    return convert


def _decoder(target: SqlType, reporter: Reporter) -> Callable[[bytes], str]:
    """Bytes into the column's character set; what is malformed is 1366, and cut off or a question mark."""
    charset = charset_of(target.collation)
    codec = "utf-8" if charset.name.startswith("utf8") else charset.codec

    def decode(value: bytes) -> str:
        try:
            return value.decode(codec)
        except UnicodeDecodeError as failure:
            reporter.incorrect("string", _from_unfit(value[failure.start :]))
            return value[: failure.start].decode(codec) + "?" * (codec != "utf-8")

    return decode


def _from_unfit(rest: bytes) -> bytes:
    return rest if len(rest) <= SHOWN_BYTES else rest[:SHOWN_BYTES] + b"..."


def _text_putter(target: SqlType, reporter: Reporter) -> Converter:
    fit = _charset_fitter(target, reporter)
    if target.kind in TEXTS or target.kind is Kind.JSON:
        return _blob_text_putter(target, fit, reporter)
    limit, is_char = target.length, target.kind is Kind.CHAR

    def put(text: Any) -> Any:
        if fit is not None and not text.isascii():
            text = fit(text)
        if len(text) > limit:
            # Only blanks cut off is no error; CHAR loses its trailing blanks anyway.
            if text[limit:].strip(" "):
                reporter.too_long()
            elif not is_char:
                reporter.truncated_note()
            text = text[:limit]
        return text.rstrip(" ") if is_char else text

    return put


def _charset_fitter(target: SqlType, reporter: Reporter) -> Callable[[str], str] | None:
    """Checks that a text's characters are in the column's character set; None when every character is."""
    charset = charset_of(target.collation)
    if charset.holds_all:
        return None

    def fit(text: str) -> str:
        found = unfit_bytes(charset, text)
        if found is None:
            return text
        fitted, unfit = found
        reporter.incorrect("string", unfit)
        return fitted

    return fit


def _blob_text_putter(target: SqlType, fit: Callable[[str], str] | None, reporter: Reporter) -> Converter:
    limit = BYTES_MAX[target.kind]
    per_character = charset_of(target.collation).maxlen

    def put(text: Any) -> Any:
        if fit is not None and not text.isascii():
            text = fit(text)
        if len(text) * per_character > limit:
            data = text.encode("utf-8", "surrogatepass") if per_character > 1 else text
            if len(data) > limit:
                reporter.too_long()
                text = data[:limit].decode("utf-8", "ignore") if per_character > 1 else text[:limit]
        return text

    return put


def _store_bytes(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    is_blob = target.kind in BLOBS
    limit = BYTES_MAX[target.kind] if is_blob else target.length
    padded = target.kind is Kind.BINARY
    form = text_form(source)
    codec = charset_of(source.collation).codec if source.kind in CHARS and source.collation else "utf-8"
    if source.kind not in BYTES and source.kind is not Kind.BIT and form is None:
        form = _same

    def put(value: Any) -> bytes:
        data: bytes = value.encode(codec, "surrogatepass" if codec == "utf-8" else "replace") if isinstance(value, str) else value
        if len(data) > limit:
            reporter.too_long()
            data = data[:limit]
        return data.ljust(limit, b"\0") if padded else data

    if form is None or form is _same:
        return put
    shape = form
    if is_float(source) and not is_blob:
        return _double_to_text(source, shape, limit, put)
    return lambda value: put(shape(value))


def _same(value: Any) -> Any:
    return value


def stored_unsigned(value: Any) -> int:
    return from_unsigned(value)
