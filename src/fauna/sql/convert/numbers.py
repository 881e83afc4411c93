"""Numbers out of text, rounding, and the number that a temporal value stands for.

Exact values are Python integers with a scale, here as everywhere; no float comes between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from fauna.catalog.types import EXACT, FLOATS, INT64_MIN, Kind, SqlType, from_unsigned, scaled_of

_NUMBER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?", re.ASCII)
_INTEGER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?\d+)", re.ASCII)
_SPACES: Final = " \t\n\v\f\r"
DOUBLE_MAX: Final = 1.7976931348623157e308
DIGITS_MAX: Final = 100  # past the 65 digits of a DECIMAL and the 20 of a BIGINT: out of range for all of them
SCALE_MAX: Final = 400
PLAIN_MAX: Final = 80


class Rest(Enum):
    """What follows the number at the start of a text."""

    NOTHING = 0
    SPACES = 1
    GARBAGE = 2
    NO_NUMBER = 3


def _rest(text: str, end: int) -> Rest:
    if end == len(text):
        return Rest.NOTHING
    return Rest.SPACES if not text[end:].strip(_SPACES) else Rest.GARBAGE


def round_away(value: int, digits: int) -> int:
    """`value` without its last `digits` decimal digits, rounded half away from zero."""
    factor: int = 10**digits
    size = (abs(value) + factor // 2) // factor
    return size if value >= 0 else -size


def cut(value: int, digits: int) -> int:
    """`value` without its last `digits` decimal digits, towards zero."""
    size: int = abs(value) // 10**digits
    return size if value >= 0 else -size


def rescale(value: int, scale: int, target: int) -> int:
    """A scaled integer at another scale, rounded half away from zero."""
    if scale <= target:
        return value * int(10 ** (target - scale))
    return round_away(value, scale - target)


def exact_prefix(text: str) -> tuple[int, int, Rest]:
    """(scaled integer, its scale, what follows) of the number at the start of `text`; huge ones come out merely big."""
    whole, point, fraction = text.partition(".")
    digits = whole[1:] if whole[:1] == "-" else whole
    if len(text) < PLAIN_MAX and text.isascii() and digits.isdigit() and (fraction.isdigit() or not point):
        return int(whole + fraction), len(fraction), Rest.NOTHING
    match = _NUMBER.match(text)
    if match is None:
        return 0, 0, Rest.NO_NUMBER
    sign, whole, fraction, bare_fraction, exponent = match.groups()
    whole, fraction = whole or "", fraction or bare_fraction or ""
    scaled, scale = _digits(whole + fraction, len(fraction), int(exponent) if exponent else 0)
    return (-scaled if sign == "-" else scaled), scale, _rest(text, match.end())


def _digits(digits: str, scale: int, exponent: int) -> tuple[int, int]:
    digits = digits.lstrip("0")
    scale -= exponent
    if not digits:
        return 0, 0
    if len(digits) - scale > DIGITS_MAX:
        return int(10**DIGITS_MAX), 0
    if scale > SCALE_MAX:
        keep = len(digits) - (scale - SCALE_MAX)
        return (int(digits[:keep]) if keep > 0 else 0), SCALE_MAX
    if len(digits) > SCALE_MAX:
        digits, scale = digits[:SCALE_MAX], scale - (len(digits) - SCALE_MAX)
    return (int(digits), scale) if scale >= 0 else (int(digits) * int(10**-scale), 0)


def integer_prefix(text: str) -> tuple[int, Rest]:
    """The digits at the start of `text`, as CAST AS SIGNED reads them: no point, no exponent."""
    match = _INTEGER.match(text)
    if match is None:
        return 0, Rest.NO_NUMBER
    digits = match.group(1)
    return int(digits[:DIGITS_MAX]), _rest(text, match.end())


def double_prefix(text: str) -> tuple[float, Rest]:
    """The double at the start of `text`; may be infinite."""
    match = _NUMBER.match(text)
    if match is None:
        return 0.0, Rest.NO_NUMBER
    return float(match.group()), _rest(text, match.end())


def exact_of_double(value: float) -> tuple[int, int]:
    """(scaled integer, scale) of the shortest digits that give the double back."""
    scaled, scale, _ = exact_prefix(repr(value))
    return scaled, scale


def nearest_even(value: float) -> int:
    """rint(): halves go to the even neighbour; infinite values become merely big."""
    return round(value) if math.isfinite(value) else int(math.copysign(10**DIGITS_MAX, value))


def as_int64(value: float) -> int:
    """As the processor converts: what is out of range becomes the smallest number."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else INT64_MIN


def text_of_bytes(value: bytes | str) -> str:
    """A byte string as text for reading a number or a date from it; text (of a function that promised bytes) as it is."""
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


# ── the exact value of a stored value ──────────────────────────────────────────────────────────────────────────


def exact_reader(source: SqlType) -> tuple[Callable[[Any], int], int]:
    """How to read the scaled integer out of a stored value of an exact or temporal type, and its scale."""
    kind = source.kind
    if kind is Kind.DECIMAL:
        return (scaled_of if source.wide else _same), source.scale
    if kind is Kind.DATE:
        return date_number, 0
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return datetime_number, source.scale
    if kind is Kind.TIME:
        return time_number(source.scale), source.scale
    return (from_unsigned if source.is_big_unsigned or kind is Kind.SET else _same), 0


def _same(value: Any) -> Any:
    return value


def is_exact(source: SqlType) -> bool:
    """Whether `exact_reader` reads this type."""
    return source.kind in EXACT or source.kind in (
        Kind.DATE,
        Kind.DATETIME,
        Kind.TIMESTAMP,
        Kind.TIME,
        Kind.ENUM,
        Kind.SET,
    )


def is_float(source: SqlType) -> bool:
    return source.kind in FLOATS


def date_number(value: str) -> int:
    return int(value[:4] + value[5:7] + value[8:10])


def datetime_number(value: str) -> int:
    """YYYYMMDDHHMMSS and the fraction's digits behind it."""
    return int(value[:4] + value[5:7] + value[8:10] + value[11:13] + value[14:16] + value[17:19] + value[20:])


def time_number(digits: int) -> Callable[[int], int]:
    """HHMMSS and the fraction's digits behind it."""
    unit = 10 ** (6 - digits)

    def number(value: int) -> int:
        seconds, fraction = divmod(abs(value), 1_000_000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        size: int = (hour * 10000 + minute * 100 + second) * int(10**digits) + fraction // unit
        return -size if value < 0 else size

    return number
