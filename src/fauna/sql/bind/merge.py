"""The type of a value that may come from several expressions (CASE, COALESCE, UNION), and collation aggregation.

Source: MariaDB Knowledge Base, "UNION: Result Set Column Types" and "Coercibility".
"""

from __future__ import annotations

from collections.abc import Sequence

from fauna.catalog.types import (
    BLOBS,
    BYTES,
    DATETIMES,
    FLOATS,
    INT_BYTES,
    INT_WIDTHS,
    INTEGERS,
    NUMERIC,
    STRINGS,
    TEMPORAL,
    TEXTS,
    Kind,
    SqlType,
    datetime_type,
    decimal_type,
    time_type,
)
from fauna.errors import error
from fauna.sql.typed import AggregateOp, ColumnRef, Const, Op, QueryOp, SessionValue, Slot, Typed, WindowOp

_TEXT_ORDER = (Kind.VARCHAR, Kind.TINYTEXT, Kind.TEXT, Kind.MEDIUMTEXT, Kind.LONGTEXT)


def display_length(sql_type: SqlType) -> int:
    """Characters that a value of the type needs as text."""
    kind = sql_type.kind
    if kind in INTEGERS:
        return sql_type.length or INT_WIDTHS[kind][sql_type.unsigned]
    if kind is Kind.DECIMAL:
        return sql_type.length + (1 if sql_type.scale else 0) + (0 if sql_type.unsigned else 1)
    if kind is Kind.DOUBLE:
        return 23 if sql_type.scale >= 31 else sql_type.length
    if kind is Kind.FLOAT:
        return 12
    if kind is Kind.DATE:
        return 10
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return 19 + (sql_type.scale + 1 if sql_type.scale else 0)
    if kind is Kind.TIME:
        return 10 + (sql_type.scale + 1 if sql_type.scale else 0)
    if kind is Kind.YEAR:
        return 4
    if kind is Kind.ENUM:
        return max((len(m) for m in sql_type.members), default=0)
    if kind is Kind.SET:
        return sum(len(m) + 1 for m in sql_type.members)
    if kind is Kind.BIT:
        return (sql_type.length + 7) // 8
    return sql_type.length


def operand_length(node: Typed) -> int:
    """Characters of an operand; an integer column has those of its type, whatever width it is shown with."""
    if _is_integer_column(node):
        return INT_WIDTHS[node.type.kind][node.type.unsigned]
    return node.type.length if node.type.kind is Kind.BIT else display_length(node.type)


def operand_precision(node: Typed) -> int:
    """Decimal digits of an exact operand."""
    if _is_integer_column(node):
        return precision_of(node.type.with_(length=0))
    return node.type.length if node.type.kind is Kind.BIT else precision_of(node.type)


def _is_integer_column(node: Typed) -> bool:
    """Not an ENUM or SET column that is taken for its number."""
    return isinstance(node, ColumnRef) and node.type.kind in INTEGERS and (
        node.column is None or node.column.sql_type.kind in INTEGERS
    )


def precision_of(sql_type: SqlType) -> int:
    """Decimal digits of an exact type."""
    if sql_type.kind is Kind.DECIMAL:
        return sql_type.length
    if sql_type.kind is Kind.BIT:
        return 20
    if sql_type.kind is Kind.YEAR:
        return 4
    if sql_type.kind in INT_BYTES:
        digits = {1: 3, 2: 5, 3: 8, 4: 10, 8: 20 if sql_type.unsigned else 19}[INT_BYTES[sql_type.kind]]
        return min(digits, sql_type.length) if 0 < sql_type.length < digits else digits
    return 65


def merge_types(types: Sequence[SqlType], collation: str) -> SqlType:
    """The common type; `collation` is used when it is a character string."""
    merged = types[0]
    for sql_type in types[1:]:
        merged = _merge_two(merged, sql_type, collation)
    if merged.kind in STRINGS and merged.kind not in (Kind.ENUM, Kind.SET) and merged.kind not in BYTES:
        merged = merged.with_(collation=collation)
    return merged


def _merge_two(a: SqlType, b: SqlType, collation: str) -> SqlType:
    if a.kind is Kind.NULL:
        return b
    if b.kind is Kind.NULL or a == b:
        return a
    if a.kind in NUMERIC and b.kind in NUMERIC:
        return _merge_numbers(a, b)
    if a.kind in TEMPORAL and b.kind in TEMPORAL:
        return _merge_temporal(a, b)
    return _merge_strings(a, b, collation)


def _merge_numbers(a: SqlType, b: SqlType) -> SqlType:
    if a.kind in FLOATS or b.kind in FLOATS:
        if a.kind is Kind.FLOAT and b.kind is Kind.FLOAT:
            return a if a.scale >= b.scale else b
        return SqlType(Kind.DOUBLE, 22, 31)
    if a.kind is Kind.YEAR and b.kind is Kind.YEAR:
        return a
    if a.kind is Kind.DECIMAL or b.kind is Kind.DECIMAL:
        return _merge_decimals(a, b)
    if a.is_big_unsigned or b.is_big_unsigned:
        return a if a.unsigned and b.unsigned else decimal_type(20, 0)
    order = (Kind.TINYINT, Kind.SMALLINT, Kind.MEDIUMINT, Kind.INT, Kind.BIGINT)
    ka = a.kind if a.kind in INTEGERS else Kind.BIGINT if a.kind is Kind.BIT else Kind.INT
    kb = b.kind if b.kind in INTEGERS else Kind.BIGINT if b.kind is Kind.BIT else Kind.INT
    kind = order[max(order.index(ka), order.index(kb))]
    if a.unsigned != b.unsigned:
        wider = a if order.index(ka) > order.index(kb) else b if order.index(kb) > order.index(ka) else None
        if wider is None or wider.unsigned:
            kind = order[min(order.index(kind) + 1, 4)]
        return SqlType(kind, max(display_length(a), display_length(b)))
    return SqlType(kind, max(display_length(a), display_length(b)), unsigned=a.unsigned)


def _merge_decimals(a: SqlType, b: SqlType) -> SqlType:
    sa = a.scale if a.kind is Kind.DECIMAL else 0
    sb = b.scale if b.kind is Kind.DECIMAL else 0
    scale = max(sa, sb)
    whole = max(precision_of(a) - sa, precision_of(b) - sb)
    return decimal_type(whole + scale, scale, unsigned=a.unsigned and b.unsigned, wide=a.wide or b.wide or whole + scale > 18)


def _merge_temporal(a: SqlType, b: SqlType) -> SqlType:
    scale = max(a.scale, b.scale)
    if a.kind is b.kind:
        return a.with_(scale=scale)
    if Kind.TIME in (a.kind, b.kind) and not (a.kind in DATETIMES or b.kind in DATETIMES):
        return time_type(scale)
    return datetime_type(scale)


def _merge_strings(a: SqlType, b: SqlType, collation: str) -> SqlType:
    length = max(display_length(a), display_length(b))
    if a.kind in BYTES or b.kind in BYTES or Kind.BIT in (a.kind, b.kind):
        if a.kind in BLOBS or b.kind in BLOBS or a.kind in TEXTS or b.kind in TEXTS:
            return SqlType(Kind.LONGBLOB if length > 65535 else Kind.BLOB, length, collation="binary")
        return SqlType(Kind.VARBINARY, length, collation="binary")
    if a.kind is Kind.JSON or b.kind is Kind.JSON:
        return SqlType(Kind.LONGTEXT, length, collation=collation)
    texts = [t.kind for t in (a, b) if t.kind in TEXTS]
    if texts:
        return SqlType(max(texts, key=_TEXT_ORDER.index), length, collation=collation)
    if a.kind is Kind.CHAR and b.kind is Kind.CHAR and a.length == b.length:
        return a
    return SqlType(Kind.VARCHAR, length, collation=collation)


# ── collations ───────────────────────────────────────────────────────────────────────────────────────────────────

EXPLICIT, NONE, IMPLICIT, SYSTEM, LITERAL, NUMERIC_, IGNORABLE = 0, 1, 2, 3, 4, 5, 6
_COERCIBILITY_NAMES = {0: "EXPLICIT", 1: "NONE", 2: "IMPLICIT", 3: "SYSCONST", 4: "COERCIBLE", 5: "NUMERIC", 6: "IGNORABLE"}


def coercibility(node: Typed) -> int:
    """How strongly the expression's collation counts: lower is stronger."""
    if node.type.kind is Kind.NULL:
        return IGNORABLE
    if node.type.kind not in STRINGS:
        return NUMERIC_
    if isinstance(node, ColumnRef):
        return IMPLICIT
    if isinstance(node, (Slot, Const)):
        return LITERAL
    if isinstance(node, SessionValue):
        return LITERAL if node.name.startswith("@") else SYSTEM
    if isinstance(node, Op):
        if node.name == "COLLATE":
            return EXPLICIT
        strings = [coercibility(a) for a in node.args if a.type.kind in STRINGS]
        return min(strings) if strings else LITERAL
    if isinstance(node, WindowOp):
        return coercibility(node.function)
    if isinstance(node, AggregateOp):
        strings = [coercibility(a) for a in node.args if a.type.kind in STRINGS]
        return min(strings) if strings else IMPLICIT
    if isinstance(node, QueryOp):
        return IMPLICIT
    return LITERAL


def aggregate_collation(nodes: Sequence[Typed], operation: str, default: str) -> str:
    """The one collation under which `nodes` are compared or concatenated; error 1267 when there is none."""
    best: tuple[int, str] | None = None
    for node in nodes:
        if node.type.kind not in STRINGS:
            continue
        strength, collation = coercibility(node), node.type.collation or default
        if best is None:
            best = (strength, collation)
            continue
        best = _stronger(best, (strength, collation), operation)
    return best[1] if best else default


def _charset(collation: str) -> str:
    return collation.partition("_")[0]


def _stronger(a: tuple[int, str], b: tuple[int, str], operation: str) -> tuple[int, str]:
    if a[1] == b[1]:
        return min(a, b)
    if a[0] != b[0]:
        winner, loser = (a, b) if a[0] < b[0] else (b, a)
        return winner if winner[0] == EXPLICIT or not _is_wider(loser, winner) else loser
    if a[0] == LITERAL:
        return a if not _is_wider(b, a) else b
    if "binary" in (a[1], b[1]) and a[0] != EXPLICIT:
        return a if a[1] == "binary" else b
    if a[0] != EXPLICIT:
        if _charset(a[1]) == _charset(b[1]):
            for one in (a, b):
                if one[1].endswith("_bin"):
                    return one
        elif _charset(a[1]).startswith("utf8mb4"):
            return a
        elif _charset(b[1]).startswith("utf8mb4"):
            return b
        elif _charset(a[1]).startswith("utf8"):
            return a
        elif _charset(b[1]).startswith("utf8"):
            return b
    raise error(
        "CANT_AGGREGATE_COLLATIONS", a[1], _COERCIBILITY_NAMES[a[0]], b[1], _COERCIBILITY_NAMES[b[0]], operation
    )


def _is_wider(a: tuple[int, str], b: tuple[int, str]) -> bool:
    """Whether a's characters cannot all be in b's set, so that a's set must win although it is weaker.

    A literal of ASCII characters converts to any set, which is what literals nearly always are."""
    return a[0] < LITERAL and _charset(a[1]).startswith("utf8") and not _charset(b[1]).startswith(("utf8", "binary"))
