"""Bringing an operand into the form an operator needs.

Constants (slots, literals, session values) are converted in Python before SQLite sees them, so that
an index on the other operand stays usable; everything else is converted by native SQLite text where that is exact, and
else by the UDF `cv('<spec>', x)` of `sql.convert`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from fauna.catalog.charsets import RAW_BYTES
from fauna.catalog.types import (
    BIGINT_TYPE,
    BYTES,
    CHARS,
    DATE_TYPE,
    DATETIMES,
    DOUBLE_TYPE,
    FLOATS,
    INTEGERS,
    NARROW_DIGITS,
    STRINGS,
    TEMPORAL,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    from_unsigned,
    scaled_of,
    time_type,
    to_unsigned,
    to_wide,
)
from fauna.sql.bind.merge import display_length, precision_of
from fauna.sql.convert import Mode, conversion, spec
from fauna.sql.narrow import NarrowOverflow, narrow
from fauna.sql.typed import Const, Convert, Op, SessionValue, Slot, Typed, extra_scale, runtime_scale

Constant = (Slot, Const, SessionValue)


def quoted(text: str) -> str:
    """`text` as a SQLite string literal."""
    return "'" + text.replace("'", "''") + "'"


def template_text(text: str) -> str:
    """`text` with its braces doubled, to stand in a template."""
    return text.replace("{", "{{").replace("}", "}}")


def retyped(node: Typed, sql_type: SqlType) -> Typed:
    """The same value under another type of the same stored form."""
    return node if node.type == sql_type else replace(node, type=sql_type)


def mapped(node: Typed, sql_type: SqlType, convert: Convert, name: str, template: str, *, extra: int = 0) -> Typed:
    """`node` passed through a conversion: in Python when its value is known at the start, else as SQLite text."""
    if isinstance(node, Slot):
        return replace(node, type=sql_type, convert=(*node.convert, convert))
    if isinstance(node, SessionValue):
        return replace(node, type=sql_type, convert=(*node.convert, convert))
    if isinstance(node, Const):
        # What does not fit 64 bits is found out again when the statement runs, which binds it anew in wide decimals.
        with contextlib.suppress(NarrowOverflow):
            return Const(sql_type, node.nullable, None if node.value is None else convert(node.value))
    return Op(sql_type, node.nullable, name, (node,), template, extra)


def converted(node: Typed, target: SqlType, mode: Mode = Mode.IMPLICIT) -> Typed:
    """`node` as a value of `target`, by MySQL's conversion rules; the node itself when nothing changes."""
    source = node.type
    if source.kind is Kind.NULL:
        return Const(target, True, None) if isinstance(node, Const) else retyped(node, target)
    if source.kind is Kind.DECIMAL and extra_scale(node):
        node = shown(node)
    if source == target:
        return node
    if source.kind is Kind.DECIMAL and target.kind is Kind.DECIMAL and mode is Mode.IMPLICIT:
        return rescaled(node, target.scale, target)
    native = _native(source, target, mode)
    function = conversion(source, target, mode)
    if function is None:
        return retyped(node, target)
    template = native or f"cv({template_text(quoted(spec(source, target, mode)))}, {{0}})"
    return mapped(node, target, _null_safe(function), "CONVERT", template)


def _null_safe(function: Callable[[Stored], Stored]) -> Convert:
    return lambda value: None if value is None else function(value)


def _native(source: SqlType, target: SqlType, mode: Mode) -> str:
    """SQLite text for a conversion that SQLite does exactly as MySQL, or ''."""
    ints = INTEGERS | {Kind.YEAR}
    if source.kind in ints and not source.is_big_unsigned:
        if target.kind is Kind.DOUBLE:
            return "CAST({0} AS REAL)"
        if target.kind is Kind.VARCHAR and mode is Mode.IMPLICIT and source.kind is not Kind.YEAR and not source.zerofill:
            return "CAST({0} AS TEXT)"
        if target.kind is Kind.DECIMAL and not target.wide and precision_of(source) + target.scale <= NARROW_DIGITS:
            return f"({{0}} * {10 ** target.scale})" if target.scale else "{0}"
    if source.kind is Kind.DECIMAL and not source.wide and target.kind is Kind.DOUBLE:
        return f"({{0}} / {10 ** source.scale}.0)"
    if mode is Mode.IMPLICIT and target.kind is Kind.DATETIME:
        if source.kind is Kind.DATE:
            return "({0} || ' 00:00:00" + ("." + "0" * target.scale if target.scale else "") + "')"
        if source.kind in (Kind.DATETIME, Kind.TIMESTAMP) and target.scale >= source.scale:
            if target.scale == source.scale:
                return "{0}"
            dot = "" if source.scale else "."
            return "({0} || '" + dot + "0" * (target.scale - source.scale) + "')"
    if mode is Mode.IMPLICIT and target.kind is Kind.VARCHAR and source.kind in DATETIMES:
        return "{0}"
    return ""


def shown(node: Typed) -> Typed:
    """A DECIMAL rounded to its declared scale: what a client, a column or a text conversion sees."""
    extra = extra_scale(node)
    if not extra:
        return node
    return rescaled(node, node.type.scale, node.type)


def rescaled(node: Typed, scale: int, target: SqlType) -> Typed:
    """An exact number as a DECIMAL with `scale` digits, rounded half away from zero; integers too."""
    source = node.type
    at = runtime_scale(node)
    wide = target.wide or source.wide
    result = target.with_(scale=scale, wide=wide)
    big = source.is_big_unsigned
    if at == scale and source.wide == wide and not big:
        return Op(result, node.nullable, "SCALE", (node,), "{0}") if extra_scale(node) else retyped(node, result)
    if wide or big:
        result = result.with_(wide=True)
        inner = "{0}"
        if big:  # its 8-byte form is not a DECIMAL's
            inner = f"cv({template_text(quoted(spec(source, decimal_type(20, 0, wide=True), Mode.IMPLICIT)))}, {{0}})"
        return mapped(node, result, _wide_rescale(at, scale, big), "SCALE", f"dec_rescale({inner}, {at}, {scale})")
    if at < scale:
        factor = 10 ** (scale - at)
        fits = precision_of(source) + scale - at <= NARROW_DIGITS
        template = (
            f"({{0}} * {factor})" if fits else f"ckd({{0}} * {factor})" if factor < 10**18 else f"dn_scale({{0}}, {scale - at})"
        )
        return mapped(node, result, _narrow_up(factor), "SCALE", template)
    return mapped(node, result, _narrow_down(at - scale), "SCALE", f"dn_round({{0}}, {at - scale})")


def _narrow_up(factor: int) -> Convert:
    return lambda value: None if value is None else narrow(int(value) * factor)


def round_scaled(value: int, digits: int) -> int:
    """`value` without its last `digits` decimal digits, rounded half away from zero."""
    factor = int(10**digits)
    quotient, rest = divmod(abs(value), factor)
    if 2 * rest >= factor:
        quotient += 1
    return quotient if value >= 0 else -quotient


def _narrow_down(digits: int) -> Convert:
    return lambda value: None if value is None else round_scaled(value, digits)  # type: ignore[arg-type]


def _wide_rescale(at: int, scale: int, unsigned: bool) -> Convert:
    def convert(value: Stored) -> Stored:
        if value is None:
            return None
        number = from_unsigned(value) if unsigned else scaled_of(value)  # type: ignore[arg-type]
        return to_wide(number * 10 ** (scale - at) if scale >= at else round_scaled(number, at - scale))

    return convert


# ── classes of operand ───────────────────────────────────────────────────────────────────────────────────────────


def to_real(node: Typed) -> Typed:
    if node.type.kind in FLOATS:
        return node
    if node.type.kind is Kind.DECIMAL and extra_scale(node) and not node.type.wide:
        return Op(DOUBLE_TYPE, node.nullable, "REAL", (node,), f"({{0}} / {10 ** runtime_scale(node)}.0)")
    return converted(node, DOUBLE_TYPE)


def to_integer(node: Typed) -> Typed:
    """An int64, or the 8-byte form for what is unsigned and large."""
    kind = node.type.kind
    if is_hex(node):
        return hex_number(node)
    if kind in INTEGERS or kind in (Kind.YEAR, Kind.BIT):
        return node
    if kind is Kind.DECIMAL and not node.type.wide:
        return retyped(rescaled(node, 0, decimal_type(18, 0)), BIGINT_TYPE)
    return converted(node, UBIGINT_TYPE if node.type.unsigned else BIGINT_TYPE)


def exact_number(node: Typed) -> Typed:
    """An integer or a DECIMAL: strings and floats become what MySQL takes them for; temporal values their digits."""
    kind = node.type.kind
    if kind in INTEGERS or kind in (Kind.DECIMAL, Kind.YEAR, Kind.BIT):
        return node
    if kind in (Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP):
        digits = {Kind.DATE: 8, Kind.TIME: 7}.get(kind, 14)
        if node.type.scale == 0:
            return converted(node, BIGINT_TYPE.with_(length=digits))
        return converted(node, decimal_type(digits + node.type.scale, node.type.scale))
    if kind in (Kind.ENUM, Kind.SET):
        return retyped(node, BIGINT_TYPE.with_(length=max(display_length(node.type), 1)))
    if is_hex(node):
        return hex_number(node)
    return to_real(node)


def is_hex(node: Typed) -> bool:
    """Whether `node` is a hex or bit literal, which is a byte string that counts as a number among numbers."""
    return node.type.kind is Kind.VARBINARY and node.type.unsigned and isinstance(node, Constant)


def hex_number(node: Typed) -> Typed:
    return mapped(node, UBIGINT_TYPE.with_(length=node.type.length * 3), _bytes_number, "HEX", "{0}")


def _bytes_number(value: Stored) -> Stored:
    return None if value is None else to_unsigned(int.from_bytes(bytes(value)[-8:], "big"))  # type: ignore[arg-type]


def numeric_operand(node: Typed) -> Typed:
    """An operand of arithmetic: exact where the type is exact, else a double (strings are doubles in MySQL)."""
    if node.type.kind is Kind.NULL:
        return Const(DOUBLE_TYPE, True, None)
    return exact_number(node)


def to_text(node: Typed, collation: str) -> Typed:
    """A character string; byte strings stay byte strings."""
    kind = node.type.kind
    if kind in CHARS or kind in BYTES:
        return node
    return converted(node, SqlType(Kind.VARCHAR, display_length(node.type), collation=collation))


def to_bytes(node: Typed) -> Typed:
    if node.type.kind in BYTES:
        return node
    text = to_text(node, "utf8mb4_bin")
    target = SqlType(Kind.VARBINARY, text.type.length * 4, collation="binary")
    return mapped(text, target, lambda v: v.encode("utf-8", RAW_BYTES) if isinstance(v, str) else v, "BYTES", "CAST({0} AS BLOB)")


def to_datetime(node: Typed, scale: int | None = None) -> Typed:
    kind = node.type.kind
    if kind in (Kind.DATETIME, Kind.TIMESTAMP) and (scale is None or scale == node.type.scale):
        return retyped(node, datetime_type(node.type.scale))
    if scale is None:
        scale = 6 if kind in STRINGS or kind in FLOATS else node.type.scale if kind in TEMPORAL or kind is Kind.DECIMAL else 0
        scale = min(scale, 6)
    return converted(node, datetime_type(scale))


def to_date(node: Typed) -> Typed:
    return node if node.type.kind is Kind.DATE else converted(node, DATE_TYPE)


def to_time(node: Typed, scale: int | None = None) -> Typed:
    if node.type.kind is Kind.TIME:
        return node
    if scale is None:
        scale = 6 if node.type.kind in STRINGS or node.type.kind in FLOATS else min(node.type.scale, 6)
    return converted(node, time_type(scale))


def to_boolean(node: Typed) -> Typed:
    """Something SQLite's WHERE, AND, OR and NOT treat as MySQL would."""
    kind = node.type.kind
    if (
        kind in (Kind.TINYINT, Kind.SMALLINT, Kind.MEDIUMINT, Kind.INT, Kind.YEAR, Kind.TIME, Kind.ENUM, Kind.SET, Kind.NULL)
        or kind in FLOATS
    ):
        return node
    if kind is Kind.BIGINT and not node.type.unsigned:
        return node
    if node.type.is_big_unsigned:
        return Op(BIGINT_TYPE, node.nullable, "TRUTH", (node,), "({0} <> 0)")
    if kind is Kind.BIT:
        return node
    if kind is Kind.DECIMAL:
        if not node.type.wide:
            return node
        return Op(BIGINT_TYPE, node.nullable, "TRUTH", (node,), f"({{0}} <> x'{to_wide(0).hex()}')")
    if kind in DATETIMES:
        return exact_number(node)
    return to_real(node)


def wide_of(node: Typed) -> Typed:
    """A DECIMAL in its 28-byte form, scale unchanged."""
    if node.type.kind is Kind.DECIMAL and node.type.wide:
        return node
    scale = runtime_scale(node)
    target = decimal_type(65, min(scale, 38), wide=True)
    return rescaled(node, scale, target)
