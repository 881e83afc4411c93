"""Exact arithmetic over stored values that SQLite cannot do itself: wide DECIMALs and BIGINT UNSIGNED.

`register_arithmetic(connection)` makes these SQL functions known.  Every one gives NULL when an argument is NULL; a
DECIMAL argument may be narrow (int) or wide (28 bytes), a DECIMAL result is wide.  Scales are passed where they matter.

    dec_add(a, b)  dec_sub(a, b)         both of one scale, so is the result
    dec_mul(a, b)                        the result's scale is the sum of theirs
    dec_mul(a, b, from, to)              the same, then rescaled: never overflows in between
    dec_mod(a, b)                        both of one scale; sign of a; NULL with a warning when b is 0
    dec_div(a, sa, b, sb, out)           truncated at scale `out`, as MariaDB divides; NULL with a warning when b is 0
    dec_intdiv(a, b)                     both of one scale; DIV, as a stored BIGINT; error 1690 when outside
    dec_neg(a)  dec_abs(a)  dec_cmp(a, b)
    dec_rescale(a, from, to)             rounded half away from zero
    dec_round(a, sa, digits, out)        ROUND(a, digits) at scale `out`; digits may be negative
    dec_truncate(a, sa, digits, out)     TRUNCATE likewise
    dec_rt(a, sa, digits, out, cut)      dec_truncate when cut is 1, else dec_round
    dec_ceil(a, sa)  dec_floor(a, sa)    at scale 0
    dec_cf(a, sa, up)                    dec_ceil when up is 1, else dec_floor
    dec_sum(a)                           aggregate and window function

    dn_rt(a, sa, digits, out, cut), dn_cf(a, sa, up)   dec_rt and dec_cf with a narrow result
    i_abs(a)                             ABS of a BIGINT; error 1690 for -9223372036854775808

    u_add u_sub u_mul u_div u_mod(a, b)  at least one operand unsigned; u_div is DIV, u_mod has a's sign
    u_neg(a)                             a BIGINT; error 1690 below -9223372036854775808
    u_or u_and u_xor u_shl u_shr(a, b)  u_not(a)     unsigned 64-bit results; shifts of 64 and more give 0

Those that may raise 1690 take the expression's text as one more argument (`bind/expression_text`).
u_ arguments are signed or unsigned stored integers.  Results outside BIGINT UNSIGNED are error 1690.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

from fauna.catalog.types import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    WIDE_OFFSET,
    from_unsigned,
    from_wide,
    scaled_of,
    to_unsigned,
    to_wide,
)
from fauna.errors import SqlError, error
from fauna.sql.context import current
from fauna.sql.convert.numbers import rescale, round_away

THE_EXPRESSION: Final = "the expression"
DIGITS_MAX: Final = 81


def _out_of_range(kind: str, text: str = THE_EXPRESSION) -> SqlError:
    return error("DATA_OUT_OF_RANGE", kind, text)


def _wide(scaled: int, text: str = THE_EXPRESSION) -> bytes:
    if not -WIDE_OFFSET <= scaled < WIDE_OFFSET:
        raise _out_of_range("DECIMAL", text)
    return to_wide(scaled)


def _unsigned(value: int, text: str = THE_EXPRESSION) -> int | bytes:
    if not 0 <= value <= UINT64_MAX:
        raise _out_of_range("BIGINT UNSIGNED", text)
    return to_unsigned(value)


def division_by_zero() -> None:
    """NULL, with a warning, or an error while a strict statement stores."""
    context = current()
    if context.division_by_zero:
        if context.storing and context.strict:
            raise error("DIVISION_BY_ZERO")
        context.warn("DIVISION_BY_ZERO")


def _quotient(a: int, b: int) -> int:
    """Towards zero."""
    size = abs(a) // abs(b)
    return size if (a < 0) == (b < 0) else -size


def _remainder(a: int, b: int) -> int:
    size = abs(a) % abs(b)
    return -size if a < 0 else size


# ── DECIMAL ────────────────────────────────────────────────────────────────────────────────────────────────────


def dec_add(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    return None if a is None or b is None else _wide(scaled_of(a) + scaled_of(b), text)


def dec_sub(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    return None if a is None or b is None else _wide(scaled_of(a) - scaled_of(b), text)


def dec_mul_named(a: Any, b: Any, text: str) -> Any:
    return None if a is None or b is None else _wide(scaled_of(a) * scaled_of(b), text)


def dec_mul(a: Any, b: Any, scale: int = 0, target: int = 0) -> Any:
    if a is None or b is None:
        return None
    return _wide(rescale(scaled_of(a) * scaled_of(b), scale, target))


def dec_mod(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    divisor = scaled_of(b)
    return division_by_zero() if divisor == 0 else _wide(_remainder(scaled_of(a), divisor))


def dec_div(a: Any, scale_a: int, b: Any, scale_b: int, scale_out: int) -> Any:
    if a is None or b is None:
        return None
    divisor = scaled_of(b)
    if divisor == 0:
        return division_by_zero()
    digits = scale_out - scale_a + scale_b
    if digits >= 0:
        return _wide(_quotient(scaled_of(a) * int(10**digits), divisor))
    return _wide(_quotient(scaled_of(a), divisor * int(10**-digits)))


def dec_intdiv(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    divisor = scaled_of(b)
    if divisor == 0:
        return division_by_zero()
    result = _quotient(scaled_of(a), divisor)
    if not INT64_MIN <= result <= UINT64_MAX:
        raise _out_of_range("BIGINT", text)
    return to_unsigned(result)


def dec_neg(a: Any) -> Any:
    return None if a is None else _wide(-scaled_of(a))


def dec_abs(a: Any) -> Any:
    return None if a is None else _wide(abs(scaled_of(a)))


def dec_cmp(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    left, right = scaled_of(a), scaled_of(b)
    return (left > right) - (left < right)


def dec_rescale(a: Any, scale: int, target: int) -> Any:
    return None if a is None else _wide(rescale(_any_integer(a), scale, target))


def _any_integer(value: int | bytes) -> int:
    """A DECIMAL, or a large BIGINT UNSIGNED on its way to one."""
    if isinstance(value, int):
        return value
    return from_unsigned(value) if len(value) == 8 else from_wide(value)


def _digits(value: Any) -> int:
    """The second argument of ROUND and TRUNCATE, of whatever kind."""
    return int(value) if isinstance(value, float) else from_unsigned(value)


def _rounded(scaled: int, scale: int, digits: int, target: int, cut: int) -> int:
    digits = max(min(digits, DIGITS_MAX), -DIGITS_MAX)
    if digits < scale:
        if cut:
            unit = int(10 ** (scale - digits))
            scaled = (abs(scaled) // unit * unit) * (1 if scaled >= 0 else -1)
        else:
            scaled = round_away(scaled, scale - digits) * int(10 ** (scale - digits))
    return rescale(scaled, scale, target)


def dec_rt(a: Any, scale: int, digits: Any, target: int, cut: int) -> Any:
    if a is None or digits is None:
        return None
    return _wide(_rounded(scaled_of(a), scale, _digits(digits), target, cut))


def dec_round(a: Any, scale: int, digits: Any, target: int) -> Any:
    return dec_rt(a, scale, digits, target, 0)


def dec_truncate(a: Any, scale: int, digits: Any, target: int) -> Any:
    return dec_rt(a, scale, digits, target, 1)


def dn_rt(a: Any, scale: int, digits: Any, target: int, cut: int) -> Any:
    if a is None or digits is None:
        return None
    result = _rounded(a, scale, _digits(digits), target, cut)
    if not INT64_MIN <= result <= INT64_MAX:
        raise _out_of_range("DECIMAL")
    return result


def _whole(scaled: int, scale: int, up: int) -> int:
    unit: int = 10**scale
    return -(-scaled // unit) if up else scaled // unit


def dec_cf(a: Any, scale: int, up: int) -> Any:
    return None if a is None else _wide(_whole(scaled_of(a), scale, up))


def dec_ceil(a: Any, scale: int) -> Any:
    return dec_cf(a, scale, 1)


def dec_floor(a: Any, scale: int) -> Any:
    return dec_cf(a, scale, 0)


def dn_cf(a: Any, scale: int, up: int) -> Any:
    return None if a is None else _whole(a, scale, up)


def i_abs(a: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None:
        return None
    if a == INT64_MIN:
        raise _out_of_range("BIGINT", text)
    return abs(a) if isinstance(a, int) else a


class DecSum:
    """The state of dec_sum: NULL until a value came."""

    def __init__(self) -> None:
        self.total = 0
        self.count = 0

    def step(self, value: Any) -> None:
        if value is not None:
            self.total += scaled_of(value)
            self.count += 1

    def inverse(self, value: Any) -> None:
        if value is not None:
            self.total -= scaled_of(value)
            self.count -= 1

    def value(self) -> bytes | None:
        return _wide(self.total) if self.count else None

    final = value


# ── BIGINT UNSIGNED ────────────────────────────────────────────────────────────────────────────────────────────


def u_add(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    return None if a is None or b is None else _unsigned(from_unsigned(a) + from_unsigned(b), text)


def u_sub(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    return None if a is None or b is None else _unsigned(from_unsigned(a) - from_unsigned(b), text)


def u_mul(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    return None if a is None or b is None else _unsigned(from_unsigned(a) * from_unsigned(b), text)


def u_div(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    divisor = from_unsigned(b)
    return division_by_zero() if divisor == 0 else _unsigned(_quotient(from_unsigned(a), divisor), text)


def u_mod(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    divisor = from_unsigned(b)
    return division_by_zero() if divisor == 0 else to_unsigned(_remainder(from_unsigned(a), divisor))


def u_neg(a: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None:
        return None
    result = -from_unsigned(a)
    if result < INT64_MIN:
        raise _out_of_range("BIGINT", text)
    return to_unsigned(result)


def _bits(value: int | bytes) -> int:
    return from_unsigned(value) & UINT64_MAX


def u_or(a: Any, b: Any) -> Any:
    return None if a is None or b is None else to_unsigned(_bits(a) | _bits(b))


def u_and(a: Any, b: Any) -> Any:
    return None if a is None or b is None else to_unsigned(_bits(a) & _bits(b))


def u_xor(a: Any, b: Any) -> Any:
    return None if a is None or b is None else to_unsigned(_bits(a) ^ _bits(b))


def u_shl(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    places = _bits(b)
    return 0 if places > 63 else to_unsigned(_bits(a) << places & UINT64_MAX)


def u_shr(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    places = _bits(b)
    return 0 if places > 63 else to_unsigned(_bits(a) >> places)


def u_not(a: Any) -> Any:
    return None if a is None else to_unsigned(~_bits(a) & UINT64_MAX)


FUNCTIONS: Final[tuple[tuple[str, int, Callable[..., Any]], ...]] = (
    ("dec_add", 2, dec_add),
    ("dec_add", 3, dec_add),
    ("dec_sub", 2, dec_sub),
    ("dec_sub", 3, dec_sub),
    ("dec_mul", 2, dec_mul),
    ("dec_mul", 3, dec_mul_named),
    ("dec_mul", 4, dec_mul),
    ("dec_mod", 2, dec_mod),
    ("dec_div", 5, dec_div),
    ("dec_intdiv", 2, dec_intdiv),
    ("dec_intdiv", 3, dec_intdiv),
    ("dec_neg", 1, dec_neg),
    ("dec_abs", 1, dec_abs),
    ("dec_cmp", 2, dec_cmp),
    ("dec_rescale", 3, dec_rescale),
    ("dec_round", 4, dec_round),
    ("dec_truncate", 4, dec_truncate),
    ("dec_rt", 5, dec_rt),
    ("dec_ceil", 2, dec_ceil),
    ("dec_floor", 2, dec_floor),
    ("dec_cf", 3, dec_cf),
    ("dn_rt", 5, dn_rt),
    ("dn_cf", 3, dn_cf),
    ("i_abs", 1, i_abs),
    ("i_abs", 2, i_abs),
    ("u_add", 2, u_add),
    ("u_add", 3, u_add),
    ("u_sub", 2, u_sub),
    ("u_sub", 3, u_sub),
    ("u_mul", 2, u_mul),
    ("u_mul", 3, u_mul),
    ("u_div", 2, u_div),
    ("u_div", 3, u_div),
    ("u_mod", 2, u_mod),
    ("u_neg", 1, u_neg),
    ("u_neg", 2, u_neg),
    ("u_or", 2, u_or),
    ("u_and", 2, u_and),
    ("u_xor", 2, u_xor),
    ("u_shl", 2, u_shl),
    ("u_shr", 2, u_shr),
    ("u_not", 1, u_not),
)


def register_arithmetic(connection: apsw.Connection) -> None:
    """Make the functions of this module known to the connection."""
    for name, arguments, function in FUNCTIONS:
        connection.create_scalar_function(name, function, arguments, deterministic=True)
    connection.create_window_function("dec_sum", DecSum, 1)
