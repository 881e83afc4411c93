"""User-defined functions behind the operators: checks that a result stayed in range, and integer division.

Those that may raise 1690 take the expression's text as one more argument (`bind/expression_text`).

    ck(x)          BIGINT result: a REAL means that SQLite's integer arithmetic overflowed, error 1690
    ckd(x)         narrow DECIMAL result: an overflow raises NarrowOverflow, and the statement runs again in wide decimals
    ckr(x)         DOUBLE result: infinity is error 1690
    dn_div(a,b,k)  a * 10**k / b, truncated; NULL with a warning when b is 0
    dn_round(a,k)  a without its last k digits, rounded half away from zero
    dn_scale(a,k)  a * 10**k, checked
    idiv, imod     DIV and % of integers; rdiv, rmod, rintdiv: of doubles
    in_range(x, low, high, column)   a recursive CTE's integer; error 1264 outside
    s_sub          - of integers, signed whatever they are (NO_UNSIGNED_SUBTRACTION)
    lk             LIKE
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import apsw

from fauna.catalog.types import from_unsigned
from fauna.errors import error
from fauna.sql.arithmetic import THE_EXPRESSION
from fauna.sql.bind.coerce import round_scaled
from fauna.sql.collation import ilike, like
from fauna.sql.context import current
from fauna.sql.narrow import NarrowOverflow, narrow

_MAX: Final = (1 << 63) - 1
_MIN: Final = -(1 << 63)


def _ck(value: Any, text: str = THE_EXPRESSION) -> Any:
    if type(value) is float:
        raise error("DATA_OUT_OF_RANGE", "BIGINT", text)
    return value


def _ckd(value: Any) -> Any:
    if type(value) is float:
        raise NarrowOverflow
    return value


def _ckr(value: Any, text: str = THE_EXPRESSION) -> Any:
    if value is not None and (value == math.inf or value == -math.inf):
        raise error("DATA_OUT_OF_RANGE", "DOUBLE", text)
    return value


def division_by_zero() -> None:
    """MySQL: NULL, with a warning, or an error while a row is stored under strict mode."""
    context = current()
    if context.division_by_zero:
        if context.storing and context.strict:
            raise error("DIVISION_BY_ZERO")
        context.warn("DIVISION_BY_ZERO")


def _truncated(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _dn_div(a: Any, b: Any, digits: int) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    if digits >= 0:
        return narrow(_truncated(a * 10**digits, b))
    return narrow(_truncated(a, b * 10**-digits))


def _dn_round(value: Any, digits: int) -> Any:
    return None if value is None else round_scaled(value, digits)


def _dn_scale(value: Any, digits: int) -> Any:
    return None if value is None else narrow(value * 10**digits)


def _idiv(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    result = _truncated(a, b)
    if result > _MAX:
        raise error("DATA_OUT_OF_RANGE", "BIGINT", text)
    return result


def _imod(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    rest: int = abs(a) % abs(b)
    return rest if a >= 0 else -rest


def _in_range(value: Any, low: int, high: int, column: str) -> Any:
    if value is not None and (type(value) is float or not low <= value <= high):
        raise error("WARN_DATA_OUT_OF_RANGE", column, current().row)
    return value


def _s_sub(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    result = from_unsigned(a) - from_unsigned(b)
    if not _MIN <= result <= _MAX:
        raise error("DATA_OUT_OF_RANGE", "BIGINT", text)
    return result


def _rdiv(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    return _ckr(a / b, text)


def _rmod(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    return math.fmod(a, b)


def _rintdiv(a: Any, b: Any, text: str = THE_EXPRESSION) -> Any:
    if a is None or b is None:
        return None
    if b == 0:
        return division_by_zero()
    result = int(a / b)
    if not _MIN <= result <= _MAX:
        raise error("DATA_OUT_OF_RANGE", "BIGINT", text)
    return result


@lru_cache(maxsize=512)
def _matcher(collation: str, pattern: Any, escape: str) -> Any:
    if isinstance(pattern, bytes):
        return ilike(pattern, escape.encode("latin-1"))
    return like(collation, pattern, escape)


def _lk(collation: str, value: Any, pattern: Any, escape: str | bytes = "\\") -> Any:
    if value is None or pattern is None:
        return None
    if isinstance(escape, bytes):
        escape = escape.decode("latin-1")
    return _matcher(collation, pattern, escape)(value)


_FUNCTIONS: Final[tuple[tuple[str, Callable[..., Any], int], ...]] = (
    ("ck", _ck, 1),
    ("ck", _ck, 2),
    ("ckd", _ckd, 1),
    ("ckr", _ckr, 1),
    ("ckr", _ckr, 2),
    ("dn_div", _dn_div, 3),
    ("dn_round", _dn_round, 2),
    ("dn_scale", _dn_scale, 2),
    ("idiv", _idiv, 2),
    ("idiv", _idiv, 3),
    ("s_sub", _s_sub, 2),
    ("s_sub", _s_sub, 3),
    ("in_range", _in_range, 4),
    ("imod", _imod, 2),
    ("rdiv", _rdiv, 2),
    ("rdiv", _rdiv, 3),
    ("rmod", _rmod, 2),
    ("rintdiv", _rintdiv, 2),
    ("rintdiv", _rintdiv, 3),
    ("lk", _lk, -1),
)


def register_runtime(connection: apsw.Connection) -> None:
    """Make the functions above known to `connection`."""
    for name, function, arguments in _FUNCTIONS:
        connection.create_scalar_function(name, function, arguments, deterministic=True)
