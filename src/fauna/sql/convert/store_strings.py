"""Assignment to character and byte string columns, ENUM and SET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fauna.catalog.charsets import SHOWN_BYTES, charset_of, unfit_bytes
from fauna.catalog.types import (
    BLOBS,
    BYTES,
    BYTES_MAX,
    CHARS,
    DATETIMES,
    INT64_MIN,
    TEXTS,
    UINT64_MAX,
    Kind,
    SqlType,
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
from fauna.sql.convert.operand import SCALE_NOT_FIXED, Converter, text_form
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


def store_text(source: SqlType, target: SqlType, reporter: Reporter) -> Converter | None:
    put = _text_putter(target, reporter)
    if source.kind in BYTES or source.kind is Kind.BIT:
        decode = _decoder(target, reporter)
        bits = text_form(source)
        if bits is None:
            return lambda value: put(decode(value) if isinstance(value, bytes) else value)
        data = bits
        return lambda value: put(decode(data(value)))
    form = text_form(source)
    if form is None:
        return put
    shape = form
    if is_float(source) and target.kind in (Kind.CHAR, Kind.VARCHAR):
        return _double_to_text(source, shape, target.length, put)
    return lambda value: put(shape(value))


def _double_to_text(source: SqlType, form: Converter, limit: int, put: Converter) -> Converter:
    """A double too long for the column loses digits before it is refused."""

    def convert(value: float) -> Any:
        text = form(value)
        if len(text) <= limit or source.scale < SCALE_NOT_FIXED:
            return put(text)
        return put(fitting_double(value, limit))

    return convert


def fitting_double(value: float, width: int) -> str:
    """The double in at most `width` characters if it can be, in the form that keeps more digits."""
    best, best_digits = format_double(value), 0
    for digits in range(17, 0, -1):
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
        if len(text) <= width:
            best, best_digits = text, digits
            break
    for decimals in range(width, -1, -1):
        text = f"{value:.{decimals}f}"
        if len(text) <= width:
            digits = len(text.lstrip("-0.").replace(".", ""))
            if digits >= best_digits:
                best = text.rstrip("0").rstrip(".") if "." in text else text
            break
    return best


def _decoder(target: SqlType, reporter: Reporter) -> Callable[[bytes], str]:
    """Bytes into the column's character set; what is malformed is 1366, and cut off or a question mark."""
    charset = charset_of(target.collation)
    codec = "utf-8" if charset.name.startswith("utf8") else charset.codec

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
            data = text.encode("utf-8", "surrogatepass") if per_character > 1 else text
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
