"""Mathematical functions over doubles, number bases, and RAND with MariaDB's own generator."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from fauna.catalog.types import INTEGERS, Kind, SqlType
from fauna.errors import error
from fauna.sql.context import current
from fauna.sql.functions.registry import Arg, Function, register
from fauna.sql.functions.results import double_rule, fixed, int_type, text_of

_R: Final = (Arg.REAL,)
_UINT64: Final = 0xFFFF_FFFF_FFFF_FFFF


def _finite(name: str, compute: Callable[..., float]) -> Callable[..., float]:
    """`compute`; a result beyond a double's range is error 1690."""

    def call(*args: float) -> float:
        try:
            result = compute(*args)
        except OverflowError:
            result = math.inf
        except (ValueError, ZeroDivisionError):
            result = math.nan
        if math.isfinite(result):
            return result
        shown = ",".join(_shown(arg) for arg in args)
        raise error("DATA_OUT_OF_RANGE", "DOUBLE", f"{name}({shown})")

    return call


def _shown(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _within_one(compute: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda x: compute(x) if -1.0 <= x <= 1.0 else None


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float | None]:
    """Zero and below: NULL with "Division by 0"."""

    def call(x: float) -> float | None:
        if x <= 0.0:
            _warn_division_by_zero()
            return None
        return compute(x)

    return call


def _warn_division_by_zero() -> None:
    if current().division_by_zero:
        current().warn("DIVISION_BY_ZERO")


def _log(x: float, *rest: float) -> float | None:
    if not rest:
        return _logarithm(math.log)(x)
    base, value = x, rest[0]
    if base <= 0.0 or value <= 0.0 or base == 1.0:
        _warn_division_by_zero()
        return None
    return math.log(value) / math.log(base)


def _power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except ZeroDivisionError:
        return math.inf


def _cot(x: float) -> float:
    return 1.0 / math.tan(x)


def _atan(x: float, *rest: float) -> float:
    return math.atan2(x, rest[0]) if rest else math.atan(x)


def _double(name: str, compute: Callable[..., Any], *synonyms: str, args: int = 1, nullable: bool = True) -> None:
    register(Function(name, _R, args, args, double_rule, compute, nullable=nullable), *synonyms)


_double("ACOS", _within_one(math.acos))
_double("ASIN", _within_one(math.asin))
register(Function("ATAN", _R, 1, 2, double_rule, _atan), "ATAN2")
_double("SIN", math.sin)
_double("COS", math.cos)
_double("TAN", _finite("tan", math.tan))
_double("COT", _finite("cot", _cot))
_double("EXP", _finite("exp", math.exp))
_double("LN", _logarithm(math.log))
_double("LOG2", _logarithm(math.log2))
_double("LOG10", _logarithm(math.log10))
register(Function("LOG", _R, 1, 2, double_rule, _log))
_double("POW", _finite("pow", _power), "POWER", args=2)
_double("SQRT", lambda x: math.sqrt(x) if x >= 0.0 else None)
_double("DEGREES", lambda x: x * (180.0 / math.pi), nullable=False)
_double("RADIANS", lambda x: x * (math.pi / 180.0), nullable=False)
register(
    Function(
        "PI", (), 0, 0, fixed(SqlType(Kind.DOUBLE, 8, 6)), lambda: math.pi, sql=lambda _: "3.141592653589793", nullable=False
    )
)

# --- number bases -----------------------------------------------------------------------------------------------

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _in_base(number: int, base: int) -> str:
    if number == 0:
        return "0"
    digits = []
    while number:
        number, digit = divmod(number, base)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _from_base(text: str, base: int) -> int:
    """The number that `text` starts with, saturating at 64 bits as C's strtoull does."""
    text = text.lstrip()
    negative = text.startswith("-")
    number = 0
    for char in text[1:] if text[:1] in ("-", "+") else text:
        digit = _DIGITS.find(char.upper())
        if not 0 <= digit < base:
            break
        number = min(number * base + digit, 1 << 65)
    number = min(number, _UINT64)
    return -number if negative else number


def _conv(value: Any, source: int, target: int, letters: str) -> str | None:
    if not 2 <= abs(source) <= 62 or not 2 <= abs(target) <= 62 or abs(source) > 36 or abs(target) > 36:
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else str(int(Decimal(value))) if letters[0] == "d" else str(value)
    if not text:
        return None
    number = _from_base(text, abs(source))
    if source < 0:
        number = max(min(number, (1 << 63) - 1), -(1 << 63))
    number &= _UINT64
    if target < 0 and number >> 63:
        return "-" + _in_base((1 << 64) - number, -target)
    return _in_base(number, abs(target))


register(Function("CONV", (Arg.ANY, Arg.INTEGER, Arg.INTEGER), 3, 3, text_of(65), _conv, pass_types=True))
# As MariaDB has them: CONV(x, 10, base), so '12x' is 12 without a warning and 1.9 is 1.
register(Function("BIN", (Arg.ANY,), 1, 1, text_of(65), lambda value, letters: _conv(value, 10, 2, letters), pass_types=True))
register(Function("OCT", (Arg.ANY,), 1, 1, text_of(65), lambda value, letters: _conv(value, 10, 8, letters), pass_types=True))
register(Function("BIT_COUNT", (Arg.INTEGER,), 1, 1, int_type(2), lambda n: (n & _UINT64).bit_count(), nullable=False))

# --- RAND -------------------------------------------------------------------------------------------------------

_RANDOM_MAX: Final = 0x3FFF_FFFF


class Random:
    """MariaDB's own generator (mysys/my_rnd.c), so that RAND(N) gives the same numbers."""

    __slots__ = ("_first", "_second")

    def __init__(self, seed: int) -> None:
        seed &= 0xFFFF_FFFF
        self._first = ((seed * 0x10001 + 55555555) & 0xFFFF_FFFF) % _RANDOM_MAX
        self._second = ((seed * 0x10000001) & 0xFFFF_FFFF) % _RANDOM_MAX

    def next(self) -> float:
        self._first = (self._first * 3 + self._second) % _RANDOM_MAX
        self._second = (self._first + self._second + 33) % _RANDOM_MAX
        return self._first / _RANDOM_MAX


def _rand(*seed: int | None) -> float:
    """RAND() and RAND(expression), which seeds anew in every row."""
    return Random(seed[0] or 0).next() if seed else random.random()


def _rand_sequence(seed: int | None, site: int) -> float:
    """RAND(seed) at one place of a statement: one sequence as long as the seed stays the same."""
    kept = current().scratch
    key = ("rand", site)
    found = kept.get(key)
    if not isinstance(found, tuple) or found[0] != seed:
        found = kept[key] = (seed, Random(seed or 0))
    generator = found[1]
    assert isinstance(generator, Random)
    return generator.next()


_sites = itertools.count(1)


def _rand_sql(args: Sequence[str], types: Sequence[SqlType]) -> str | None:
    """Each RAND(n) of a statement has a sequence of its own, so each gets a number."""
    if not args or types[0].kind not in INTEGERS:
        return None
    return f"f_rand_sequence({args[0]}, {next(_sites)})"


_RANDOM: Final[dict[str, Any]] = {"null_aware": True, "nullable": False, "deterministic": False}
register(Function("RAND", (Arg.INTEGER,), 0, 1, double_rule, _rand, sql_for=_rand_sql, **_RANDOM))
register(Function("RAND_SEQUENCE", (Arg.INTEGER, Arg.INTEGER), 2, 2, double_rule, _rand_sequence, **_RANDOM))
