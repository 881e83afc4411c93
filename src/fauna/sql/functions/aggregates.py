"""Aggregates that SQLite lacks, all usable as window functions: step, inverse, value, final."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from fauna.catalog.types import FLOATS, INT_WIDTHS, INTEGERS, STRINGS, Kind, SqlType, decimal_type, from_wide, to_wide
from fauna.sql.context import current
from fauna.sql.functions.json import from_sql
from fauna.sql.functions.json_text import dump, escape
from fauna.sql.functions.registry import Aggregate, Arg, ArgInfo, register_aggregate
from fauna.sql.functions.results import NOT_FIXED, bigint_type, collation_of, fixed, width

GROUP_CONCAT_CHARS: Final = 4_194_304
_ALL_BITS: Final = (1 << 64) - 1


class GroupConcat:
    """Values joined, cut at group_concat_max_len bytes with a warning."""

    def __init__(self) -> None:
        self._values: deque[str | bytes] = deque()
        self._separator: str | bytes = ","
        self._size = 0
        self._warned = False

    def step(self, value: str | bytes | None, separator: str | bytes = ",") -> None:
        if value is None:
            return
        self._separator = separator
        limit = current().group_concat_max_len
        if self._size > limit:
            return
        if len(value) > limit:
            value = value[: limit + 1]
        self._values.append(value)
        self._size += (len(value) if isinstance(value, bytes) else _utf8_size(value)) + (
            len(separator) if len(self._values) > 1 else 0
        )
        if self._size > limit and not self._warned:
            self._warned = True
            current().warn("CUT_VALUE_GROUP_CONCAT", len(self._values), "GROUP_CONCAT()")

    def inverse(self, value: str | bytes | None, _separator: str | bytes = ",") -> None:
        if value is not None and self._values:
            gone = self._values.popleft()
            self._size -= (len(gone) if isinstance(gone, bytes) else _utf8_size(gone)) + len(self._separator)

    def value(self) -> str | bytes | None:
        if not self._values:
            return None
        if any(isinstance(value, bytes) for value in self._values):
            glue = self._separator if isinstance(self._separator, bytes) else self._separator.encode()
            joined = glue.join(value if isinstance(value, bytes) else value.encode() for value in self._values)
            return joined[: current().group_concat_max_len]
        separator = self._separator if isinstance(self._separator, str) else self._separator.decode("utf-8", "replace")
        text = separator.join(value for value in self._values if isinstance(value, str))
        if self._size <= current().group_concat_max_len:
            return text
        return text.encode()[: current().group_concat_max_len].decode("utf-8", "ignore")

    final = value


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class BitCounter:
    """How many values have each bit, so that values can leave again."""

    def __init__(self) -> None:
        self._counts = [0] * 64
        self._rows = 0

    def _add(self, value: int | None, by: int) -> None:
        if value is None:
            return
        self._rows += by
        value &= _ALL_BITS
        while value:
            low = value & -value
            self._counts[low.bit_length() - 1] += by
            value ^= low

    def step(self, value: int | None) -> None:
        self._add(value, 1)

    def inverse(self, value: int | None) -> None:
        self._add(value, -1)

    def value(self) -> int:
        return sum(1 << bit for bit, count in enumerate(self._counts) if self._set(count))

    def final(self) -> int:
        return self.value()

    def _set(self, count: int) -> bool:
        raise NotImplementedError


class BitAnd(BitCounter):
    def _set(self, count: int) -> bool:
        return count == self._rows


class BitOr(BitCounter):
    def _set(self, count: int) -> bool:
        return count > 0


class BitXor(BitCounter):
    def _set(self, count: int) -> bool:
        return count % 2 == 1


class Variance:
    """Welford's recurrence, as MariaDB computes it; `sample` divides by n-1, `root` gives the deviation."""

    sample = False
    root = False

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def step(self, value: float | None) -> None:
        if value is None:
            return
        self._count += 1
        before = self._mean
        self._mean += (value - before) / self._count
        self._squares += (value - before) * (value - self._mean)

    def inverse(self, value: float | None) -> None:
        if value is None:
            return
        self._count -= 1
        if self._count == 0:
            self._mean = self._squares = 0.0
            return
        after = self._mean
        self._mean -= (value - after) / self._count
        self._squares -= (value - after) * (value - self._mean)

    def value(self) -> float | None:
        divisor = self._count - self.sample
        if divisor <= 0:
            return None
        variance = max(self._squares, 0.0) / divisor
        return math.sqrt(variance) if self.root else variance

    def final(self) -> float | None:
        return self.value()


class SampleVariance(Variance):
    sample = True


class Deviation(Variance):
    root = True


class SampleDeviation(Variance):
    sample = True
    root = True


class _JsonItems:
    """Items of a JSON aggregate, up to max_allowed_packet; those beyond it are left out, with a warning."""

    name = ""

    def __init__(self) -> None:
        self._items: deque[str | None] = deque()
        self._size = 0
        self._cut = False

    def _add(self, item: str | None) -> None:
        if self._size > current().max_allowed_packet:
            if not self._cut:
                current().warn("CUT_VALUE_GROUP_CONCAT", len(self._items) + 1, f"{self.name}()")
            self._cut = True
            return
        self._items.append(item)
        self._size += len(item) + 2 if item is not None else 0

    def inverse(self, *_values: Any) -> None:
        if self._items:
            gone = self._items.popleft()
            self._size -= len(gone) + 2 if gone is not None else 0

    def _found(self) -> list[str]:
        return [item for item in self._items if item is not None]


class JsonArrayAgg(_JsonItems):
    name = "JSON_ARRAYAGG"

    def step(self, value: Any, letters: str) -> None:
        self._add(dump(from_sql(value, letters[0], verbatim=True)))

    def value(self) -> str | None:
        return "[" + ",".join(self._found()) + "]" if self._items else None

    final = value


class JsonObjectAgg(_JsonItems):
    """A row whose key is NULL is left out."""

    name = "JSON_OBJECTAGG"

    def step(self, key: str | None, value: Any, letters: str) -> None:
        self._add(None if key is None else f'"{escape(key)}":{dump(from_sql(value, letters[1], verbatim=True))}')

    def value(self) -> str | None:
        found = self._found()
        return "{" + ", ".join(found) + "}" if found else None

    final = value


class DecimalSum:
    """Exact sum of stored DECIMALs (narrow or wide) or integers; 28 bytes, NULL for none."""

    def __init__(self) -> None:
        self._total = 0
        self._count = 0

    def step(self, value: int | bytes | None, *_more: int) -> None:
        if value is not None:
            self._total += value if isinstance(value, int) else from_wide(value)
            self._count += 1

    def inverse(self, value: int | bytes | None, *_more: int) -> None:
        if value is not None:
            self._total -= value if isinstance(value, int) else from_wide(value)
            self._count -= 1

    def value(self) -> bytes | None:
        return to_wide(self._total) if self._count else None

    def final(self) -> bytes | None:
        return self.value()


class DecimalAverage(DecimalSum):
    """Exact average, rounded half away from zero.  step(value, digits more in the result than in the values, wide: 0 or 1)."""

    def __init__(self) -> None:
        super().__init__()
        self._more, self._wide = 0, 0

    def step(self, value: int | bytes | None, *more: int) -> None:
        self._more, self._wide = more
        super().step(value)

    def value(self) -> Any:
        if not self._count:
            return None
        average = divide_rounded(self._total * 10**self._more, self._count)
        return to_wide(average) if self._wide else average


class BigIntSum(DecimalSum):
    """The same for BIGINT UNSIGNED, whose large values are 8 bytes."""

    def step(self, value: int | bytes | None, *_more: int) -> None:
        super().step(int.from_bytes(value, "big") if isinstance(value, bytes) else value)

    def inverse(self, value: int | bytes | None, *_more: int) -> None:
        super().inverse(int.from_bytes(value, "big") if isinstance(value, bytes) else value)


class BigIntAverage(DecimalAverage):
    def step(self, value: int | bytes | None, *more: int) -> None:
        super().step(int.from_bytes(value, "big") if isinstance(value, bytes) else value, *more)

    def inverse(self, value: int | bytes | None, *_more: int) -> None:
        super().inverse(int.from_bytes(value, "big") if isinstance(value, bytes) else value)


def divide_rounded(number: int, divisor: int) -> int:
    """number / divisor, rounded half away from zero."""
    quotient, rest = divmod(abs(number), abs(divisor))
    quotient += rest * 2 >= abs(divisor)
    return -quotient if (number < 0) != (divisor < 0) else quotient


def _group_concat_rule(args: Sequence[ArgInfo]) -> SqlType:
    collation = collation_of(args[:1])
    kind = Kind.BLOB if collation == "binary" else Kind.TEXT
    return SqlType(kind, GROUP_CONCAT_CHARS, collation=collation)


def _digits(sql_type: SqlType) -> int:
    """Decimal digits of a numeric type: an integer's default width counts the sign."""
    if sql_type.kind is Kind.DECIMAL:
        return sql_type.length
    signed = sql_type.kind in INTEGERS and not sql_type.unsigned and sql_type.length in (0, INT_WIDTHS[sql_type.kind][0])
    return width(sql_type) - signed


def _variance_rule(args: Sequence[ArgInfo]) -> SqlType:
    sql_type = args[0].type
    if sql_type.kind in FLOATS or sql_type.kind in STRINGS:
        return SqlType(Kind.DOUBLE, 23, NOT_FIXED)
    return SqlType(Kind.DOUBLE, _digits(sql_type) * 2 + 6, min(sql_type.scale + 4, 30))


def _sum_rule(args: Sequence[ArgInfo]) -> SqlType:
    sql_type = args[0].type
    return decimal_type(_digits(sql_type) + 22, sql_type.scale, wide=True)


def _average_rule(args: Sequence[ArgInfo]) -> SqlType:
    sql_type = args[0].type
    return decimal_type(_digits(sql_type) + 4, min(sql_type.scale + 4, 38))


_TEXT: Final = fixed(SqlType(Kind.TEXT, GROUP_CONCAT_CHARS))
_BITS: Final = bigint_type(21, unsigned=True)
register_aggregate(Aggregate("GROUP_CONCAT", (Arg.STRING, Arg.STRING), _group_concat_rule, GroupConcat))
register_aggregate(Aggregate("BIT_AND", (Arg.INTEGER,), _BITS, BitAnd))
register_aggregate(Aggregate("BIT_OR", (Arg.INTEGER,), _BITS, BitOr))
register_aggregate(Aggregate("BIT_XOR", (Arg.INTEGER,), _BITS, BitXor))
register_aggregate(Aggregate("VAR_POP", (Arg.REAL,), _variance_rule, Variance), "VARIANCE")
register_aggregate(Aggregate("VAR_SAMP", (Arg.REAL,), _variance_rule, SampleVariance))
register_aggregate(Aggregate("STD", (Arg.REAL,), _variance_rule, Deviation), "STDDEV", "STDDEV_POP")
register_aggregate(Aggregate("STDDEV_SAMP", (Arg.REAL,), _variance_rule, SampleDeviation))
register_aggregate(Aggregate("JSON_ARRAYAGG", (Arg.ANY,), _TEXT, JsonArrayAgg, pass_types=True))
register_aggregate(Aggregate("JSON_OBJECTAGG", (Arg.STRING, Arg.ANY), _TEXT, JsonObjectAgg, pass_types=True))
# For the binder: their arguments are stored values, unconverted.
register_aggregate(Aggregate("DECIMAL_SUM", (Arg.ANY,), _sum_rule, DecimalSum))
register_aggregate(Aggregate("DECIMAL_AVG", (Arg.ANY, Arg.INTEGER, Arg.INTEGER), _average_rule, DecimalAverage))
register_aggregate(Aggregate("UBIGINT_SUM", (Arg.ANY,), _sum_rule, BigIntSum))
register_aggregate(Aggregate("UBIGINT_AVG", (Arg.ANY, Arg.INTEGER, Arg.INTEGER), _average_rule, BigIntAverage))
