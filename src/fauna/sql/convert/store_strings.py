"""Assignment to character and byte string columns, ENUM and SET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fauna.catalog.charsets import RAW_BYTES, SHOWN_BYTES, charset_of, unfit_bytes
from fauna.catalog.types import (
    BLOBS,
    BYTES,
    BYTES_MAX,
    CHARS,
    DATETIMES,
    INT64_MIN,
    INTEGERS,
    TEXTS,
    UINT64_MAX,
    Kind,
    SqlType,
    from_unsigned,
    to_unsigned,
)
from fauna.catalog.values import format_double
from fauna.sql import collation as collations
from fauna.sql.convert.modes import Reporter
from fauna.sql.convert.numbers import (
    as_int64,
    cut,
    exact_reader,
    is_exact,
    is_float,
)
from fauna.sql.convert.operand import Converter, text_form
from fauna.sql.convert.temporal import (
    text_reader,
)

# ── ENUM, SET ─────────────────────────────────────────────────────────────────────────────────────────────────────


def store_enum(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    count = len(target.members)
    if source.kind is Kind.ENUM and source.members == target.members:
        return None
    find = _member_finder(target)

    def position(number: int) -> int:
        if 1 <= number <= count:
            return number
        reporter.truncated()
        return 0

    if (
        source.kind in (Kind.ENUM, Kind.SET)
        or not (is_exact(source) or is_float(source))
        or source.kind in DATETIMES
        or source.kind is Kind.TIME
    ):
        read = _member_text_reader(source)

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


def _read_as_text(source: SqlType) -> bool:
    """Whether a member is looked up by the value's text rather than by its number."""
    if source.kind in (Kind.ENUM, Kind.SET, Kind.TIME) or source.kind in DATETIMES:
        return True
    return not (is_exact(source) or is_float(source))


def _member_text_reader(source: SqlType) -> Callable[[Any], str]:
    if source.kind in BYTES:
        return lambda value: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return text_reader(source) or text_form(source) or str


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


def store_set(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    if source.kind is Kind.SET and source.members == target.members:
        return None
    all_bits = (1 << len(target.members)) - 1
    find = _member_finder(target)

    def masked(number: int) -> Any:
        number &= UINT64_MAX
        if number & ~all_bits:
            reporter.truncated()
        return to_unsigned(number & all_bits)

    if (
        source.kind in (Kind.ENUM, Kind.SET)
        or not (is_exact(source) or is_float(source))
        or source.kind in DATETIMES
        or source.kind is Kind.TIME
    ):
        read = _member_text_reader(source)

        def of_text(value: Any) -> Any:
            return _set_of_text(read(value), find, masked, reporter)

        return of_text
    if is_float(source):
        return lambda value: masked(as_int64(value))
    exact, scale = exact_reader(source)
    return lambda value: masked(_clip64(cut(exact(value), scale) if scale else exact(value)))


def _clip64(number: int) -> int:
    return number if INT64_MIN <= number <= UINT64_MAX else INT64_MIN


def _set_of_text(text: str, find: Callable[[str], int | None], masked: Callable[[int], Any], reporter: Reporter) -> Any:
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
        if -UINT64_MAX <= value <= UINT64_MAX:
            return masked(value)
    reporter.truncated()
    return to_unsigned(mask)


# ── strings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _shape(source: SqlType) -> Converter | None:
    """The text that a value is stored as; None when it is a string already.  Numbers go without ZEROFILL."""
    if source.kind in INTEGERS or source.kind in (Kind.YEAR, Kind.BIT):
        return str if not source.is_big_unsigned else _unsigned_text
    return format_double if is_float(source) else text_form(source)


def _unsigned_text(value: int | bytes) -> str:
    return str(from_unsigned(value))


def store_text(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    put = _text_putter(target, reporter)
    if source.kind in BYTES:
        decode = _decoder(target, reporter)
        return lambda value: put(decode(value) if isinstance(value, bytes) else value)
    shape = _shape(source)
    if shape is None:
        return put
    if is_float(source) and target.kind in (Kind.CHAR, Kind.VARCHAR):
        return _double_to_text(target.length, put, reporter)
    return lambda value: put(shape(value))


def _double_to_text(limit: int, put: Converter, reporter: Reporter) -> Converter:
    """A double too long for the column loses digits before it is refused."""

    def convert(value: float) -> Any:
        text = format_double(value)
        if len(text) <= limit:
            return put(text)
        shorter, mangled = fitting_double(value, limit)
        if mangled:
            reporter.too_long()
        return put(shorter[:limit])

    return convert


def fitting_double(value: float, width: int) -> tuple[str, bool]:
    """The double in at most `width` characters, in the form that keeps more digits, and whether too little of it is left."""
    best, best_digits, mangled = "", 0, True
    for digits in range(17, 0, -1):
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
        best = text
        if len(text) <= width:
            # MariaDB keeps a place for the point whenever digits are lost, whether it comes to stand there or not.
            tight = len(text) == width and len(mantissa.lstrip("-")) == 1
            best, best_digits, mangled = text, digits, tight and float(text) != value
            break
    for decimals in range(width, -1, -1):
        text = f"{value:.{decimals}f}"
        if len(text) <= width:
            kept = len(text.replace(".", "").lstrip("-0"))
            text = text.rstrip("0").rstrip(".") if "." in text else text
            if kept >= best_digits:
                best, mangled = ("0" if text == "-0" else text), False
            break
    return best, mangled


def _decoder(target: SqlType, reporter: Reporter) -> Callable[[bytes], str]:
    """Bytes into the column's character set; what is malformed is 1366, and cut off or a question mark."""
    charset = charset_of(target.collation)
    codec = charset.codec or "utf-8"

    def decode(value: bytes) -> str:
        try:
            return value.decode(codec)
        except UnicodeDecodeError as failure:
            reporter.incorrect("string", _from_unfit(value[failure.start :]))
            return value.decode(codec, "replace").replace("\ufffd", "?")

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
            data = text.encode("utf-8", RAW_BYTES) if per_character > 1 else text
            if len(data) > limit:
                if data[limit:].strip(b" " if per_character > 1 else " "):
                    reporter.too_long()
                else:
                    reporter.truncated_note()
                text = data[:limit].decode("utf-8", "ignore") if per_character > 1 else text[:limit]
        return text

    return put


def store_bytes(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    is_blob = target.kind in BLOBS
    limit = BYTES_MAX[target.kind] if is_blob else target.length
    padded = target.kind is Kind.BINARY
    codec = (charset_of(source.collation).codec if source.kind in CHARS else "") or "utf-8"
    on_error = RAW_BYTES if codec == "utf-8" else "replace"

    def put(value: Any) -> bytes:
        data: bytes = value.encode(codec, on_error) if isinstance(value, str) else value
        if len(data) > limit:
            reporter.too_long()
            data = data[:limit]
        return data.ljust(limit, b"\0") if padded else data

    shape = _shape(source)
    if shape is None:
        return put
    if is_float(source) and not is_blob:
        return _double_to_text(limit, put, reporter)
    return lambda value: put(shape(value))
