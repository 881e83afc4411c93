"""User-defined functions that look at the running statement: user variables, counters, keys, checks.

um(changed)                 an UPDATE's row matched; counts it, and whether it changes; gives `changed`
um_row()                    asked before it where computing the new values may warn, which they then do once a row
tick()                      the next row of INSERT … SELECT begins, for messages that number rows
uv_get(name, type)  uv_set(name, value, type)   user variables inside a statement
set_insert_id(n)            LAST_INSERT_ID(n)
null_for(column, zero)      NULL for a NOT NULL column: error 1048, or `zero` with a warning
onerow(count, value)        a scalar subquery's value; error 1242 when there is a second row
sk(collation, text)         sort key, for DISTINCT over several columns; row_key(…) one blob of several values
tsl(text, zone, digits)     TIMESTAMP as stored (UTC) to the session's zone; ts_utc(text, zone, schema, table, column) back
seq_next(id), seq_last(id), seq_set(id, value, used)   sequences
fk_checks()                 foreign_key_checks
b2t, decode_, recode_       bytes and character sets; d_arg(x, scale) a DECIMAL as text
r_round, r_truncate, i_round, i_truncate    ROUND and TRUNCATE of doubles and integers
group_concat_(value, separator, key, limit, offset), first_(value)   aggregates
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import apsw

from fauna.catalog.types import Kind, SqlType, scaled_of
from fauna.errors import error
from fauna.sql.collation import sort_key
from fauna.sql.context import SequenceValues, current
from fauna.sql.convert import Mode, StoreLabel, conversion, timestamp_from_utc
from fauna.sql.convert.timestamp import store_timestamp
from fauna.sql.declared import checked, compared
from fauna.sql.user_variables import kept


def _um(changed: Any) -> Any:
    context = current()
    context.matched += 1
    context.row = context.matched
    if changed:
        context.changed += 1
        context.muted = context.row_muting
    return changed


def _um_row() -> int:
    context = current()
    context.row = context.matched + 1
    context.muted = False
    context.row_muting = True
    return 1


def _tick() -> None:
    current().row += 1


def type_of_key(key: str) -> SqlType:
    """The type that `expressions.type_key` wrote."""
    kind, length, scale, unsigned, collation, wide = key.split(":")
    return SqlType(Kind(int(kind)), int(length), int(scale), unsigned == "1", collation=collation, wide=wide == "1")


def _uv_set(name: str, value: Any, key: str) -> Any:
    variable = current().user_variables[name] = kept(type_of_key(key), value)
    return variable[1]


def _uv_get(name: str, key: str) -> Any:
    """The value as the type that the statement was bound for, whatever was assigned since."""
    found = current().user_variables.get(name)
    if found is None or found[1] is None:
        return None
    wanted = type_of_key(key)
    convert = conversion(found[0], wanted, Mode.IMPLICIT) if found[0].kind is not wanted.kind else None
    return convert(found[1]) if convert is not None else found[1]


def _set_insert_id(value: Any) -> Any:
    current().insert_id = value if isinstance(value, int) else int.from_bytes(value or b"\0", "big")
    return value


def _null_for(column: str, zero: Any) -> Any:
    context = current()
    if context.null_fails:
        raise error("BAD_NULL", column)
    context.warn("BAD_NULL", column)
    return zero


def _onerow(count: int, value: Any) -> Any:
    if count > 1:
        raise error("SUBQUERY_NO_1_ROW")
    return value


def _sk(collation: str, value: Any) -> Any:
    if type(value) is str:
        return sort_key(collation)(value)
    # Bytes are of a function whose type promised characters.
    return None if value is None else sort_key(collation)(value.decode("latin-1"))


def _row_key(*values: Any) -> Any:
    return None if None in values else repr(values)


def _tsl(value: Any, zone: str, digits: int) -> Any:
    return None if value is None else timestamp_from_utc(value, zone, digits)


def _ts_utc(value: Any, zone: str, schema: str, table: str, column: str) -> Any:
    return None if value is None else store_timestamp(value, zone, StoreLabel(schema, table, column))


def _sequences() -> SequenceValues:
    values = current().sequences
    assert values is not None, "a plan with sequences ran outside a session"
    return values


def _declared(value: Any, word: str, schema: str, table: str, column: str) -> Any:
    return checked(word, StoreLabel(schema, table, column))(value)


def _declared_form(value: Any, word: str) -> Any:
    return compared(word)(value)


def _seq_next(number: int) -> Any:
    return _sequences().next(number)


def _seq_last(number: int) -> Any:
    return _sequences().last(number)


def _seq_set(number: int, value: Any, used: Any) -> Any:
    return None if value is None else _sequences().set(number, value, bool(used))


def _fk_checks() -> int:
    return int(current().foreign_key_checks)


def _b2t(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _decode(value: Any, codec: str) -> Any:
    return value.decode(codec, "replace") if isinstance(value, bytes) else value


def _recode(value: Any, codec: str) -> Any:
    return None if value is None else value.encode(codec, "replace").decode(codec, "replace")


def _d_arg(value: Any, scale: int) -> Any:
    if value is None:
        return None
    number = scaled_of(value)
    if not scale:
        return str(number)
    digits = str(abs(number)).rjust(scale + 1, "0")
    return ("-" if number < 0 else "") + digits[:-scale] + "." + digits[-scale:]


_NO_FRACTION = 2.0**53  # doubles from here on are whole


def _r_round(value: Any, digits: Any) -> Any:
    if value is None or digits is None:
        return None
    digits = _integer(digits)
    if abs(value) >= _NO_FRACTION and digits >= 0:
        return value
    if digits >= 0:
        # Halves are decided on the binary value, as the C library's rint() does for MariaDB.
        scaled = value * 10.0**digits if digits < 300 else math.inf
        return (
            value
            if not math.isfinite(scaled) or abs(scaled) >= _NO_FRACTION
            else float(Decimal(scaled).quantize(Decimal(1), ROUND_HALF_EVEN)) / 10.0**digits
        )
    factor = 10.0**-digits if digits > -300 else math.inf
    return 0.0 if factor == math.inf else float(round(value / factor)) * factor


def _r_truncate(value: Any, digits: Any) -> Any:
    if value is None or digits is None:
        return None
    digits = _integer(digits)
    if digits >= 0:
        scaled = value * 10.0**digits if digits < 300 else math.inf
        return value if not math.isfinite(scaled) else math.trunc(scaled) / 10.0**digits
    factor = 10.0**-digits if digits > -300 else math.inf
    return 0.0 if factor == math.inf else math.trunc(value / factor) * factor


def _integer(value: Any) -> int:
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def _stored_integer(value: int) -> Any:
    return value if value < 1 << 63 else value.to_bytes(8, "big")


def _i_round(value: Any, digits: Any) -> Any:
    if value is None or digits is None:
        return None
    digits = _integer(digits)
    if digits >= 0:
        return value
    if digits < -19:
        return 0
    number, factor = _integer(value), 10**-digits
    rounded = (abs(number) + factor // 2) // factor * factor
    return _stored_integer(rounded if number >= 0 else -rounded)


def _i_truncate(value: Any, digits: Any) -> Any:
    if value is None or digits is None:
        return None
    digits = _integer(digits)
    if digits >= 0:
        return value
    if digits < -19:
        return 0
    number, factor = _integer(value), 10**-digits
    cut = abs(number) // factor * factor
    return _stored_integer(cut if number >= 0 else -cut)


class _First:
    """The first value that came."""

    __slots__ = ("_seen", "_value")

    def __init__(self) -> None:
        self._seen = False
        self._value: Any = None

    def step(self, *param: Any) -> None:
        if not self._seen:
            self._seen, self._value = True, param[0]

    def final(self) -> Any:
        return self._value


class _GroupConcat:
    """GROUP_CONCAT: DISTINCT by `key`, LIMIT, and the length limit with its warning 1260."""

    __slots__ = ("keys", "limit", "offset", "parts", "separator")

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.keys: set[Any] = set()
        self.separator: Any = ","
        self.limit: int | None = None
        self.offset = 0

    def step(self, value: Any, separator: Any, key: Any, limit: Any, offset: Any) -> None:
        if value is None:
            return
        if key is not None:
            if key in self.keys:
                return
            self.keys.add(key)
        self.separator, self.limit, self.offset = separator, limit, offset
        self.parts.append(value)

    def inverse(self, value: Any, separator: Any, key: Any, limit: Any, offset: Any) -> None:
        if value is not None:
            self.parts.pop(0)

    def value(self) -> Any:
        if not self.parts:
            return None
        parts = self.parts
        if self.limit is not None:
            parts = parts[self.offset : self.offset + self.limit]
        context = current()
        if isinstance(parts[0] if parts else "", bytes):
            joined: Any = self.separator.encode().join(parts)
            if len(joined) > context.group_concat_max_len:
                joined = joined[: context.group_concat_max_len]
                context.warn("CUT_VALUE_GROUP_CONCAT", len(self.parts), "GROUP_CONCAT()")
            return joined
        text = self.separator.join(parts)
        if len(text) * 4 > context.group_concat_max_len:
            data = text.encode()
            if len(data) > context.group_concat_max_len:
                text = data[: context.group_concat_max_len].decode("utf-8", "ignore")
                context.warn("CUT_VALUE_GROUP_CONCAT", len(self.parts), "GROUP_CONCAT()")
        return text

    def final(self) -> Any:
        return self.value()


_FUNCTIONS: tuple[tuple[str, Callable[..., Any], int, bool], ...] = (
    ("um", _um, 1, False),
    ("uv_get", _uv_get, 2, False),
    ("uv_set", _uv_set, 3, False),
    ("set_insert_id", _set_insert_id, 1, False),
    ("null_for", _null_for, 2, False),
    ("um_row", _um_row, 0, False),
    ("tick", _tick, 0, False),
    ("onerow", _onerow, 2, True),
    ("sk", _sk, 2, True),
    ("row_key", _row_key, -1, True),
    ("tsl", _tsl, 3, True),
    ("ts_utc", _ts_utc, 5, False),
    ("declared", _declared, 5, False),
    ("declared_form", _declared_form, 2, False),
    ("seq_next", _seq_next, 1, False),
    ("seq_last", _seq_last, 1, False),
    ("seq_set", _seq_set, 3, False),
    ("fk_checks", _fk_checks, 0, False),
    ("b2t", _b2t, 1, True),
    ("decode_", _decode, 2, True),
    ("recode_", _recode, 2, True),
    ("d_arg", _d_arg, 2, True),
    ("r_round", _r_round, 2, True),
    ("r_truncate", _r_truncate, 2, True),
    ("i_round", _i_round, 2, True),
    ("i_truncate", _i_truncate, 2, True),
)


# Any: apsw's protocol of a window function knows those of one argument only.
_AGGREGATES: tuple[tuple[str, Callable[[], Any], int], ...] = (("group_concat_", _GroupConcat, 5),)


def register_session_functions(connection: apsw.Connection) -> None:
    """Make the functions above known to `connection`."""
    for name, function, arguments, deterministic in _FUNCTIONS:
        connection.create_scalar_function(name, function, arguments, deterministic=deterministic)
    for name, factory, arguments in _AGGREGATES:
        connection.create_window_function(name, factory, arguments)
    connection.create_aggregate_function("first_", _First, 1)
