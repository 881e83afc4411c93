"""A small evaluator for calls of library functions over constants: just enough of a binder to test the library.

`evaluate("CONCAT('a', 1)")` parses the text, converts the arguments as the entry's forms ask, applies the type rule and
runs the wrapper that SQLite would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fauna.catalog.types import (
    BOOL_TYPE,
    BYTES,
    DATE_TYPE,
    DOUBLE_TYPE,
    NULL_TYPE,
    STRINGS,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    scaled_of,
    time_type,
    to_unsigned,
    varbinary,
    varchar,
)
from fauna.catalog.values import format_scaled, text_of
from fauna.errors import error
from fauna.sql import ast
from fauna.sql.context import StatementContext, using
from fauna.sql.convert import Mode, conversion
from fauna.sql.functions import load
from fauna.sql.functions.registry import Arg, ArgInfo, Function
from fauna.sql.functions.results import JSON_RESULTS, type_letter
from fauna.sql.functions.sqlite import wrapped
from fauna.sql.functions.temporal_parse import datetime_fields, time_fields
from fauna.sql.parse import parse

COLLATION = "utf8mb4_general_ci"
SESSION: dict[str, Any] = {
    "now": "2026-11-21 10:20:30.123456",
    "utc_now": "2026-11-21 10:20:30.123456",
    "time_zone": "+00:00",
    "connection_id": 7,
    "user": "t@localhost",
    "current_user": "t@localhost",
    "database": "d",
    "version": "10.11.14-MariaDB-FaunaDB",
    "last_insert_id": 0,
    "row_count": -1,
    "found_rows": 1,
    "collation_connection": COLLATION,
    "lc_time_names": "en_US",
    "default_week_format": 0,
    "sql_mode": "",
    "max_allowed_packet": 16777216,
    "block_encryption_mode": "aes-128-ecb",
    "div_precision_increment": 4,
    "timestamp": 1795256430.123456,
}


@dataclass
class Bound:
    """A constant: its type and stored value.  known: what a type rule may ask for."""

    type: SqlType
    value: Stored
    name: str = ""
    boolean: bool = False
    known: Any = None


@dataclass
class Answer:
    """type, value   the result; text: as the text protocol would send it
    warnings         (level, errno, message)"""

    type: SqlType
    value: Stored
    text: str | bytes | None
    nullable: bool
    warnings: list[tuple[str, int, str]] = field(default_factory=list)


def evaluate(text: str, context: StatementContext | None = None) -> Answer:
    """The value of an SQL expression; its errors are raised."""
    statement: Any = parse("SELECT " + text)
    context = context or StatementContext(now_of=lambda: str(SESSION["now"]))
    with using(context):
        bound = _bind(statement.query.items[0].expr)
    shown = None if bound.value is None else text_of(bound.type)(bound.value)
    return Answer(bound.type, bound.value, shown, bound.boolean, [(w.level, w.errno, w.message) for w in context.warnings])


def _bind(node: ast.Expr) -> Bound:
    if isinstance(node, ast.Literal):
        return _literal(node)
    if isinstance(node, ast.UnitArg):
        return Bound(varchar(len(node.name)), node.name, known=node.name)
    if isinstance(node, ast.Unary) and node.op == "-":
        inner = _bind(node.operand)
        assert isinstance(inner.value, (int, float))
        known = None if inner.known is None else -inner.known
        return Bound(
            inner.type.with_(length=inner.type.length + 1) if inner.type.kind is Kind.INT else inner.type,
            -inner.value,
            known=known,
        )
    assert isinstance(node, ast.Call), node
    return _call(node)


def _literal(node: ast.Literal) -> Bound:
    kinds = ast.LiteralKind
    value: Any = node.value
    match node.kind:
        case kinds.NULL:
            return Bound(NULL_TYPE, None)
        case kinds.TRUE | kinds.FALSE:
            number = int(node.kind is kinds.TRUE)
            return Bound(BOOL_TYPE, number, boolean=True, known=number)
        case kinds.INTEGER:
            small = abs(value) < 1 << 31
            sql_type = SqlType(Kind.INT if small else Kind.BIGINT, len(str(value)), unsigned=value >= 1 << 63)
            return Bound(sql_type, to_unsigned(value), known=value)
        case kinds.DECIMAL:
            whole, _, fraction = value.partition(".")
            precision = max(len(whole.lstrip("-0")) + len(fraction), 1)
            sql_type = decimal_type(max(precision, len(fraction) + 1), len(fraction), wide=False)
            return Bound(sql_type, int((whole + fraction) or "0"), known=Decimal(value))
        case kinds.FLOAT:
            return Bound(DOUBLE_TYPE, float(value), known=float(value))
        case kinds.STRING:
            return Bound(varchar(len(value)), value, known=value)
        case kinds.HEX | kinds.BIT:
            return Bound(varbinary(len(value)), value, known=value)
        case kinds.DATE:
            return Bound(DATE_TYPE, value)
        case kinds.TIME:
            time = time_fields(value)
            assert time is not None
            return Bound(time_type(time.digits), time.microseconds)
        case _:
            fields = datetime_fields(value)
            assert fields is not None
            return Bound(datetime_type(fields.digits), fields.text())


def _call(node: ast.Call) -> Bound:
    function = load().get(node.name)
    if function is None:
        raise error("SP_DOES_NOT_EXIST", "FUNCTION", node.name)
    args = [_bind(arg) for arg in node.args]
    if len(args) < function.min_args or (function.max_args is not None and len(args) > function.max_args):
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", node.name)
    result = function.result([ArgInfo(arg.type, True, lambda known=arg.known: known) for arg in args])  # type: ignore[misc]
    values = [_argument(arg, function, index) for index, arg in enumerate(args)]
    values += [SESSION[name] for name in function.session]
    if function.pass_scale:
        values.append(result.scale)
    if function.collate_args:
        values.append("binary" if any(arg.type.kind in BYTES for arg in args) else COLLATION)
    if function.pass_types:
        values.append("".join(type_letter(arg.type, arg.name, boolean=arg.boolean) for arg in args))
    stored = wrapped(function)(*values)
    if result.kind in STRINGS and not result.collation:
        result = result.with_(collation=COLLATION)
    return Bound(result, stored, name=node.name if node.name in JSON_RESULTS else "")


_FORMS = {
    Arg.INTEGER: SqlType(Kind.BIGINT, 20),
    Arg.REAL: DOUBLE_TYPE,
    Arg.DATE: DATE_TYPE,
    Arg.BYTES: SqlType(Kind.LONGBLOB, collation="binary"),
}


def _argument(arg: Bound, function: Function, index: int) -> Any:
    form = function.args[min(index, len(function.args) - 1)]
    kind = arg.type.kind
    if arg.value is None or form is Arg.KEYWORD or kind is Kind.NULL:
        return arg.value
    if form in (Arg.ANY, Arg.TEMPORAL, Arg.DECIMAL) and kind is Kind.DECIMAL:
        return format_scaled(scaled_of(arg.value), arg.type.scale)  # type: ignore[arg-type]
    if form in (Arg.ANY, Arg.TEMPORAL):
        return arg.value
    if form is Arg.DECIMAL:
        return format_scaled(scaled_of(_converted(arg, decimal_type(38, 10))), 10) if kind in STRINGS else arg.value
    if form is Arg.INTEGER and arg.type.is_big_unsigned:
        return arg.value
    if form in (Arg.STRING, Arg.JSON):
        if kind in BYTES:
            return arg.value if function.bytes_too else arg.value.decode("latin-1")  # type: ignore[union-attr]
        return _converted(arg, SqlType(Kind.LONGTEXT, collation=COLLATION))
    if form is Arg.DATETIME:
        return _converted(arg, datetime_type(6 if kind in STRINGS else arg.type.scale))
    if form is Arg.TIME:
        return _converted(arg, time_type(6))
    return _converted(arg, _FORMS[form])


def _converted(arg: Bound, target: SqlType) -> Any:
    convert = conversion(arg.type, target, Mode.IMPLICIT)
    return arg.value if convert is None else convert(arg.value)
