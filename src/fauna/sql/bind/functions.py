"""Function calls: those that need the binder (IF, COALESCE, ROUND, CAST …), and the library's.

A library function's arguments are brought into the forms its entry asks for (`registry.Arg`); its result type comes from
the entry's rule.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fauna.catalog.charsets import must_charset as charset_named
from fauna.catalog.charsets import must_collation as collation_named
from fauna.catalog.types import (
    BIGINT_TYPE,
    BOOL_TYPE,
    BYTES,
    CHARS,
    DATE_TYPE,
    DECIMAL_SCALE_MAX,
    DOUBLE_TYPE,
    FLOATS,
    INTEGERS,
    NARROW_DIGITS,
    NUMERIC,
    STRINGS,
    TEMPORAL,
    TEXTS,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    datetime_type,
    decimal_type,
    from_unsigned,
    scaled_of,
    time_type,
    varchar,
)
from fauna.errors import error, unsupported
from fauna.sql import ast
from fauna.sql.bind.coerce import (
    converted,
    exact_number,
    mapped,
    numeric_operand,
    quoted,
    rescaled,
    retyped,
    shown,
    to_boolean,
    to_bytes,
    to_date,
    to_datetime,
    to_integer,
    to_real,
    to_text,
    to_time,
)
from fauna.sql.bind.context import BindContext
from fauna.sql.bind.merge import aggregate_collation, coercibility, display_length, operand_length
from fauna.sql.bind.operators import arithmetic, collated, comparable, compare, integer_of
from fauna.sql.convert import Mode
from fauna.sql.functions import load
from fauna.sql.functions.letters import letters_of
from fauna.sql.functions.registry import Arg, ArgInfo, Function
from fauna.sql.typed import Const, Op, SessionValue, Slot, Typed, runtime_scale

if TYPE_CHECKING:
    from fauna.sql.bind.expressions import ExpressionBinder

FUNCTIONS = load()

CoreBinder = Callable[["ExpressionBinder", list[Typed], ast.Call], Typed]


def bind_call(binder: ExpressionBinder, node: ast.Call) -> Typed:
    """A function call, core or library; error 1305 for an unknown function."""
    core = _CORE.get(node.name)
    if core is not None:
        low, high, function = core
        if not low <= len(node.args) <= high:
            raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", node.written or node.name)
        return function(binder, [binder.scalar(a) for a in node.args], node)
    entry = FUNCTIONS.get(node.name)
    if entry is None:
        schema = node.schema or binder.context.scope.database
        raise error(
            "SP_DOES_NOT_EXIST", "FUNCTION", f"{schema}.{node.written or node.name}" if schema else node.written or node.name
        )
    if not entry.takes(len(node.args)):
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", node.written or node.name)
    args: list[Typed] = []
    for arg in node.args:
        args.append(Const(varchar(len(arg.name)), False, arg.name) if isinstance(arg, ast.UnitArg) else binder.scalar(arg))
    return call(binder.context, node.name, args, list(node.args), binder)


def call(context: BindContext, name: str, args: list[Typed], nodes: list[ast.Expr], binder: ExpressionBinder) -> Typed:
    """A library function over bound arguments; `nodes` are their syntax, for rules that need a constant's value."""
    entry = FUNCTIONS[name]
    if not entry.takes(len(args)):
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", name)
    args = [
        to_bytes(a) if a.type.kind is Kind.BIT and form is Arg.STRING else shown(a)
        for a, form in zip(args, _forms(entry, len(args)), strict=True)
    ]
    result = entry.result([info_of(a, n, binder) for a, n in zip(args, nodes, strict=True)])
    strings = [
        a for a, f in zip(args, _forms(entry, len(args)), strict=True) if f in (Arg.STRING, Arg.ANY) and a.type.kind in STRINGS
    ]
    collation = aggregate_collation(strings, name.lower(), context.scope.collation)
    if result.kind in CHARS and result.kind is not Kind.JSON and not result.collation:
        result = result.with_(collation=collation if collation != "binary" else context.scope.collation)
    if entry.sql_for is not None:
        text = entry.sql_for([f"{{{i}}}" for i in range(len(args))], [a.type for a in args])
        if text is not None:
            return Op(result, _may_be_null(entry, args), entry.name, tuple(args), text, deterministic=entry.deterministic)
    letters = letters_of(args) if entry.pass_types else ""
    bound = [
        argument(context, a, form, collation, entry.bytes_too) for a, form in zip(args, _forms(entry, len(args)), strict=True)
    ]
    return _library_op(entry, bound, result, collation, letters)


def _forms(entry: Function, count: int) -> list[Arg]:
    return [entry.args[min(i, len(entry.args) - 1)] for i in range(count)] if entry.args else []


def _may_be_null(entry: Function, args: list[Typed]) -> bool:
    return entry.nullable or not entry.null_aware and any(a.nullable for a in args)


def _library_op(entry: Function, bound: list[Typed], result: SqlType, collation: str, letters: str) -> Typed:
    nullable = _may_be_null(entry, bound)
    all_args: list[Typed] = list(bound)
    for name in entry.session:
        all_args.append(SessionValue(_SESSION_TYPES.get(name, varchar(64)), True, name))
    texts = [f"{{{i}}}" for i in range(len(all_args))]
    if entry.pass_scale:
        texts.append(str(result.scale))
    if entry.collate_args:
        texts.append(quoted(collation))
    if entry.pass_types:
        texts.append(quoted(letters))
    binary = result.kind in BYTES or any(a.type.kind in BYTES for a in bound)
    if entry.sql is not None and (entry.bytes_too or not binary):
        template = entry.sql(texts)
        if result.kind in BYTES:  # SQLite's || makes text of byte strings
            template = f"CAST({template} AS BLOB)"
    else:
        template = f"f_{entry.name.lower()}({', '.join(texts)})"
    return Op(result, nullable, entry.name, tuple(all_args), template, deterministic=entry.deterministic)


_SESSION_TYPES: dict[str, SqlType] = {
    "now": datetime_type(6),
    "utc_now": datetime_type(6),
    "connection_id": BIGINT_TYPE,
    "last_insert_id": UBIGINT_TYPE,
    "row_count": BIGINT_TYPE,
    "found_rows": BIGINT_TYPE,
    "default_week_format": BIGINT_TYPE,
    "max_allowed_packet": BIGINT_TYPE,
    "div_precision_increment": BIGINT_TYPE,
    "timestamp": DOUBLE_TYPE,
}


def info_of(node: Typed, syntax: ast.Expr | None = None, binder: ExpressionBinder | None = None) -> ArgInfo:
    """What a type rule may ask about an argument."""

    def constant() -> Any:
        if isinstance(node, Const):
            return plain_value(node)
        if syntax is not None and binder is not None and isinstance(syntax, (ast.Literal, ast.Unary)):
            value = binder.constant(syntax)
            return Decimal(str(value)) if isinstance(syntax, ast.Literal) and syntax.kind is ast.LiteralKind.DECIMAL else value
        return None

    return ArgInfo(node.type, node.nullable, constant)


def plain_value(node: Const) -> Any:
    """A constant as the value a function sees."""
    value, kind = node.value, node.type.kind
    if value is None:
        return None
    if kind is Kind.DECIMAL:
        return Decimal(scaled_of(value)).scaleb(-node.type.scale)  # type: ignore[arg-type]
    if node.type.is_big_unsigned:
        return from_unsigned(value)  # type: ignore[arg-type]
    return value


def argument(context: BindContext, node: Typed, form: Arg, collation: str, bytes_too: bool) -> Typed:
    """`node` in the form a library function wants."""
    kind = node.type.kind
    if kind is Kind.NULL or form is Arg.KEYWORD:
        return node
    if form is Arg.STRING:
        text = to_text(node, collation if collation != "binary" else context.scope.collation)
        if text.type.kind in BYTES and not bytes_too:
            return mapped(text, varchar(text.type.length), _latin1, "TEXT", "b2t({0})")
        return text
    if form is Arg.BYTES:
        return to_bytes(node)
    if form is Arg.INTEGER:
        return to_integer(node)
    if form is Arg.REAL:
        return to_real(node)
    if form is Arg.DECIMAL:
        return _decimal_argument(exact_number(node))
    if form is Arg.DATETIME:
        return to_datetime(node)
    if form is Arg.DATE:
        return to_date(node)
    if form is Arg.TIME:
        return to_time(node)
    if form is Arg.JSON:
        return to_text(node, "utf8mb4_bin")
    return _any_argument(context, node, collation, form)


def _latin1(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _any_argument(context: BindContext, node: Typed, collation: str, form: Arg) -> Typed:
    kind = node.type.kind
    if kind in (Kind.ENUM, Kind.SET):
        return to_text(node, collation)
    if kind is Kind.DECIMAL:
        return _decimal_argument(node)
    if kind in (Kind.DATETIME, Kind.TIMESTAMP) or kind in TEMPORAL or kind in CHARS or kind in BYTES or kind in FLOATS:
        return node
    return node


def _decimal_argument(node: Typed) -> Typed:
    """A DECIMAL as a marked text that the wrapper turns into decimal.Decimal."""
    if node.type.kind in FLOATS:
        return node
    if node.type.kind in INTEGERS or node.type.kind in (Kind.BIT, Kind.YEAR):
        return node
    scale = runtime_scale(node)
    return Op(node.type, node.nullable, "DECIMAL", (node,), f"d_arg({{0}}, {scale})")


# ── core functions ───────────────────────────────────────────────────────────────────────────────────────────────


def _if(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    values, sql_type = binder.unified(args[1:], "if")
    condition = to_boolean(args[0])
    return Op(sql_type, values[0].nullable or values[1].nullable, "IF", (condition, *values), "iif({0}, {1}, {2})")


def _coalesce(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    values, sql_type = binder.unified(args, "coalesce")
    nullable = all(v.nullable for v in values)
    if len(values) == 1:
        return values[0]
    places = ", ".join(f"{{{i}}}" for i in range(len(values)))
    return Op(sql_type, nullable, "COALESCE", tuple(values), f"coalesce({places})")


def _nullif(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    value = shown(args[0])
    test = compare(binder.context, "=", args[0], args[1])
    return Op(value.type, True, "NULLIF", (test, value), "CASE WHEN {0} THEN NULL ELSE {1} END")


def _nvl2(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    values, sql_type = binder.unified(args[1:], "nvl2")
    return Op(sql_type, True, "NVL2", (args[0], *values), "iif({0} IS NOT NULL, {1}, {2})")


def _greatest(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    given = [shown(a) for a in args]
    kinds = {a.type.kind for a in given} - {Kind.NULL}
    if not kinds or kinds & CHARS and kinds & NUMERIC:
        given = [to_real(a) if a.type.kind is not Kind.NULL else Const(DOUBLE_TYPE, True, None) for a in given]
    # Numbers in their common type compare as they are; brought to one operand's form they would lose digits.
    operands, collation = (given, "") if kinds <= NUMERIC else comparable(binder.context, given, node.name.lower())
    values, sql_type = binder.unified(operands, node.name)
    function = "max" if node.name == "GREATEST" else "min"
    places = ", ".join([collated(values[0], collation)] + [f"{{{i}}}" for i in range(1, len(values))])
    if any(v.type.kind is Kind.NULL for v in values):
        return Const(sql_type, True, None)
    return Op(sql_type, any(v.nullable for v in values), node.name, tuple(values), f"{function}({places})")


def _isnull(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    return Op(BOOL_TYPE, False, "ISNULL", (args[0],), "({0} IS NULL)")


def _mod(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    return arithmetic(binder.context, "%", args[0], args[1])


def _abs(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    value = numeric_operand(args[0])
    if value.type.kind is Kind.DECIMAL and value.type.wide:
        return Op(value.type, value.nullable, "ABS", (value,), "dec_abs({0})", runtime_scale(value) - value.type.scale)
    if value.type.is_big_unsigned:
        return value
    extra = runtime_scale(value) - value.type.scale if value.type.kind is Kind.DECIMAL else 0
    template = "i_abs({0})" if value.type.kind in INTEGERS else "abs({0})"
    result = value.type
    if result.kind in INTEGERS or result.kind in (Kind.YEAR, Kind.BIT):
        result = integer_of(operand_length(value), result.unsigned or result.kind not in INTEGERS)
    elif result.kind in FLOATS:
        result = SqlType(Kind.DOUBLE, 23, 31)
    return Op(result, value.nullable, "ABS", (value,), template, extra)


def _sign(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    value = numeric_operand(args[0])
    if value.type.is_big_unsigned:
        return Op(SqlType(Kind.INT, 2), value.nullable, "SIGN", (value,), "({0} <> 0)")
    if value.type.kind is Kind.DECIMAL and value.type.wide:
        value = to_real(value)
    return Op(SqlType(Kind.INT, 2), value.nullable, "SIGN", (value,), "sign({0})")


def _round(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    """ROUND and TRUNCATE."""
    value = numeric_operand(args[0])
    truncate = node.name == "TRUNCATE"
    name = "truncate" if truncate else "round"
    digits = binder.constant(node.args[1]) if len(node.args) > 1 else 0
    if len(node.args) > 1 and isinstance(node.args[1], ast.Literal) and node.args[1].kind is ast.LiteralKind.NULL:
        return Const(SqlType(Kind.DOUBLE, 23, 31), True, None)
    if value.type.kind in FLOATS:
        places = to_integer(args[1]) if len(args) > 1 else Const(BIGINT_TYPE, False, 0)
        scale = min(max(int(digits), 0), 31) if isinstance(digits, (int, float)) else 31
        if scale >= 31:
            scale = 31
        length = 17 + scale if scale < 31 else 23
        return Op(SqlType(Kind.DOUBLE, length, scale), True, node.name, (value, places), f"r_{name}({{0}}, {{1}})")
    if value.type.kind in INTEGERS or value.type.kind in (Kind.YEAR, Kind.BIT):
        if isinstance(digits, int) and digits >= 0:
            return retyped(
                value, value.type.with_(length=max(display_length(value.type), 1)) if value.type.kind in INTEGERS else BIGINT_TYPE
            )
        places = to_integer(args[1])
        length = display_length(value.type)
        if length >= 19 and value.type.kind is Kind.BIGINT:
            # Rounding up may leave 64 bits.
            return _round_decimal(binder, rescaled(value, 0, decimal_type(20, 0, wide=True)), args, digits, name, node)
        result = integer_of(length, value.type.unsigned)
        return Op(result, True, node.name, (value, places), f"i_{name}({{0}}, {{1}})")
    return _round_decimal(binder, value, args, digits, name, node)


def _round_decimal(binder: ExpressionBinder, value: Typed, args: list[Typed], digits: object, name: str, node: ast.Call) -> Typed:
    at = runtime_scale(value)
    whole = value.type.length - value.type.scale
    if isinstance(digits, Decimal):
        digits = int(digits)
    if isinstance(digits, (int, float)) and not isinstance(digits, bool):
        digits = int(digits)
        scale = min(max(digits, 0), DECIMAL_SCALE_MAX)
        if scale > value.type.scale:  # more places than there are: zeros
            length = min(whole + scale, 65)
            return rescaled(value, scale, decimal_type(length, scale, wide=value.type.wide or length > NARROW_DIGITS))
        grow = 0 if name == "truncate" or digits >= value.type.scale else 1
        target = decimal_type(whole + scale + grow, scale, wide=value.type.wide)
        if digits >= 0 and name == "round":
            return rescaled(value, scale, target)
        function = "dec_rt" if value.type.wide else "dn_rt"
        return Op(
            target, value.nullable, node.name, (value,), f"{function}({{0}}, {at}, {digits}, {scale}, {int(name == 'truncate')})"
        )
    # Digits known only per row: the scale stays, as MariaDB has it.
    target = decimal_type(whole + value.type.scale + (1 if name == "round" else 0), value.type.scale, wide=value.type.wide)
    function = "dec_rt" if value.type.wide else "dn_rt"
    return Op(
        target,
        True,
        node.name,
        (value, to_integer(args[1])),
        f"{function}({{0}}, {at}, {{1}}, {value.type.scale}, {int(name == 'truncate')})",
    )


def _ceil(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    """CEIL and FLOOR."""
    value = numeric_operand(args[0])
    up = node.name in ("CEIL", "CEILING")
    if value.type.kind in FLOATS:
        return Op(SqlType(Kind.DOUBLE, 17, 0), value.nullable, node.name, (value,), "ceil({0})" if up else "floor({0})")
    if value.type.kind is not Kind.DECIMAL:
        return Op(value.type, value.nullable, node.name, (value,), "{0}")
    at = runtime_scale(value)
    whole = value.type.length - value.type.scale + 1
    if value.type.wide or whole > 18:
        target = decimal_type(whole, 0, wide=True)
        return Op(target, value.nullable, node.name, (value,), f"dec_cf({{0}}, {at}, {int(up)})")
    function = f"dn_cf({{0}}, {at}, {int(up)})"
    return Op(SqlType(Kind.INT if whole <= 10 else Kind.BIGINT, whole), value.nullable, node.name, (value,), function)


def _interval(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    value, *bounds = args
    whens = []
    for i, bound in enumerate(bounds):
        test = compare(binder.context, "<", value, bound)
        whens.append((test, i))
    text = "".join(f" WHEN {{{i + 1}}} THEN {i}" for i in range(len(whens)))
    return Op(
        SqlType(Kind.INT, 10),
        False,
        "INTERVAL",
        (value, *(t for t, _ in whens)),
        f"CASE WHEN {{0}} IS NULL THEN -1{text} ELSE {len(whens)} END",
    )


def _last_insert_id(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    if not args:
        binder.context.volatile = True
        return SessionValue(UBIGINT_TYPE, False, "last_insert_id")
    value = to_integer(args[0])
    binder.context.volatile = True
    return Op(UBIGINT_TYPE, value.nullable, "LAST_INSERT_ID", (value,), "set_insert_id({0})", deterministic=False)


def _charset(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    kind = args[0].type.kind
    collation = args[0].type.collation if kind in STRINGS else "binary"
    if node.name == "CHARSET":
        collation = collation.partition("_")[0]
    return Const(varchar(64, "utf8mb3_general_ci"), False, collation)


def _coercibility(binder: ExpressionBinder, args: list[Typed], node: ast.Call) -> Typed:
    return Const(SqlType(Kind.INT, 10), False, coercibility(args[0]))


_CORE: dict[str, tuple[int, int, CoreBinder]] = {
    "IF": (3, 3, _if),
    "IFNULL": (2, 2, _coalesce),
    "NVL": (2, 2, _coalesce),
    "NVL2": (3, 3, _nvl2),
    "COALESCE": (1, 10_000, _coalesce),
    "NULLIF": (2, 2, _nullif),
    "GREATEST": (2, 10_000, _greatest),
    "LEAST": (2, 10_000, _greatest),
    "ISNULL": (1, 1, _isnull),
    "MOD": (2, 2, _mod),
    "ABS": (1, 1, _abs),
    "SIGN": (1, 1, _sign),
    "ROUND": (1, 2, _round),
    "TRUNCATE": (2, 2, _round),
    "CEIL": (1, 1, _ceil),
    "CEILING": (1, 1, _ceil),
    "FLOOR": (1, 1, _ceil),
    "INTERVAL": (2, 10_000, _interval),
    "LAST_INSERT_ID": (0, 1, _last_insert_id),
    "CHARSET": (1, 1, _charset),
    "COLLATION": (1, 1, _charset),
    "COERCIBILITY": (1, 1, _coercibility),
}


# ── CAST, CONVERT, COLLATE ───────────────────────────────────────────────────────────────────────────────────────


def cast_type(context: BindContext, to: ast.TypeName, operand: Typed) -> SqlType:
    """The type a CAST names."""
    name = to.name
    if name in ("BIGINT", "INT", "SIGNED"):
        if to.unsigned:
            return UBIGINT_TYPE
        if operand.type.kind in FLOATS:
            return BIGINT_TYPE
        whole = display_length(operand.type) - (
            operand.type.scale + 1 if operand.type.kind is Kind.DECIMAL and operand.type.scale else 0
        )
        return integer_of(min(max(whole, 1), 20), False) if operand.type.kind is not Kind.NULL else SqlType(Kind.INT, 1)
    if name == "UNSIGNED":
        return UBIGINT_TYPE
    if name == "DECIMAL":
        precision, scale = to.length if to.length is not None else 10, to.scale or 0
        if precision > 65:
            raise error("TOO_BIG_PRECISION", "CAST", 65)
        if scale > 38:
            raise error("TOO_BIG_SCALE", scale, "CAST", 38)
        if scale > precision:
            raise error("M_BIGGER_THAN_D", "")
        return decimal_type(precision or 10, scale)
    if name == "DOUBLE":
        return SqlType(Kind.DOUBLE, to.length or 22, to.scale if to.scale is not None else 31)
    if name == "FLOAT":
        return SqlType(Kind.FLOAT, 12, 31)
    if name == "DATE":
        return DATE_TYPE
    if name in ("DATETIME", "TIMESTAMP", "TIME"):
        digits = to.length or 0
        if digits > 6:
            raise error("TOO_BIG_PRECISION", name, 6)
        return time_type(digits) if name == "TIME" else datetime_type(digits)
    if name == "YEAR":
        return SqlType(Kind.YEAR, 4)
    if name in ("BINARY", "VARBINARY") or to.charset == "binary":
        if to.length is not None:
            return SqlType(Kind.BINARY, to.length, collation="binary")
        length = display_length(operand.type) * (4 if operand.type.kind in CHARS else 1)
        return SqlType(Kind.VARBINARY if length < 65536 else Kind.LONGBLOB, length, collation="binary")
    if name in ("CHAR", "VARCHAR", "TEXT", "LONGTEXT"):
        collation = to.collation or (charset_named(to.charset).default_collation if to.charset else context.scope.collation)
        if to.binary:
            collation = collation.partition("_")[0] + "_bin"
        length = to.length if to.length is not None else display_length(operand.type)
        return SqlType(Kind.VARCHAR if length < 16384 else Kind.LONGTEXT, length, collation=collation)
    if name == "JSON":
        return SqlType(Kind.LONGTEXT, 4294967295, collation="utf8mb4_bin")
    raise unsupported(f"CAST to {name}")


def cast(context: BindContext, operand: Typed, to: ast.TypeName) -> Typed:
    """CAST(operand AS to)."""
    operand = shown(operand)
    target = cast_type(context, to, operand)
    if operand.type.kind is Kind.NULL:
        return Const(target, True, None)
    result = converted(operand, target, Mode.CAST)
    nullable = operand.nullable or target.kind in TEMPORAL
    if isinstance(result, (Slot, Const, SessionValue)):
        return result
    return Op(target, nullable, "CAST", (result,), "{0}")


def convert_using(context: BindContext, operand: Typed, charset: str) -> Typed:
    """CONVERT(operand USING charset)."""
    target = charset_named(charset)
    if charset.lower() == "binary":
        return to_bytes(shown(operand))
    text = to_text(shown(operand), context.scope.collation)
    if text.type.kind in BYTES:
        return mapped(
            text,
            SqlType(Kind.VARCHAR, text.type.length, collation=target.default_collation),
            _decoder(target.codec),
            "CONVERT",
            f"decode_({{0}}, {quoted(target.codec)})",
        )
    kind = text.type.kind if text.type.kind in TEXTS else Kind.VARCHAR
    result = SqlType(kind, text.type.length, collation=target.default_collation)
    if charset.lower() in ("utf8mb4", "utf8mb3", "utf8"):
        return Op(result, text.nullable, "CONVERT", (text,), "{0}")
    return Op(result, text.nullable, "CONVERT", (text,), f"recode_({{0}}, {quoted(target.codec)})")


def _decoder(codec: str) -> Callable[[Any], Any]:
    return lambda value: value.decode(codec, "replace") if isinstance(value, bytes) else value


def collate(context: BindContext, operand: Typed, collation: str) -> Typed:
    """operand COLLATE collation; errors 1273 and 1253."""
    known = collation_named(collation)
    text = to_text(shown(operand), context.scope.collation)
    if text.type.kind in BYTES:
        if collation.lower() == "binary":
            return text
        raise error("COLLATION_CHARSET_MISMATCH", collation, "binary")
    name = known.name
    own = (text.type.collation or context.scope.collation).partition("_")[0]
    if name.partition("_")[0] != own and coercibility(text) <= 4 and name.partition("_")[0] not in ("utf8mb4", "utf8mb3"):
        raise error("COLLATION_CHARSET_MISMATCH", collation, own)
    return Op(text.type.with_(collation=name), text.nullable, "COLLATE", (text,), f"{{0}} COLLATE {name}")


# ── window functions ─────────────────────────────────────────────────────────────────────────────────────────────

_RANKS = {"ROW_NUMBER": "row_number()", "RANK": "rank()", "DENSE_RANK": "dense_rank()"}


def window_function(binder: ExpressionBinder, node: ast.Call) -> Typed:
    """A function that exists only with OVER."""
    name = node.name
    args = [binder.scalar(a) for a in node.args]
    if name in _RANKS:
        return Op(SqlType(Kind.BIGINT, 21), False, name, (), _RANKS[name] + "{over}")
    if name in ("PERCENT_RANK", "CUME_DIST"):
        return Op(SqlType(Kind.DOUBLE, 17, 10), False, name, (), f"{name.lower()}(){{over}}")
    if name == "NTILE":
        return Op(SqlType(Kind.BIGINT, 21), True, name, (to_integer(args[0]),), "ntile({0}){over}")
    if name in ("LAG", "LEAD"):
        value = shown(args[0])
        bound: list[Typed] = [value]
        if len(args) > 1:
            bound.append(to_integer(args[1]))
        if len(args) > 2:
            both, merged = binder.unified([value, args[2]], name)
            bound = [both[0], bound[1], both[1]]
            value = retyped(both[0], merged)
        places = ", ".join(f"{{{i}}}" for i in range(len(bound)))
        return Op(value.type, True, name, tuple(bound), f"{name.lower()}({places}){{over}}")
    if name in ("FIRST_VALUE", "LAST_VALUE"):
        value = shown(args[0])
        return Op(value.type, True, name, (value,), f"{name.lower()}({{0}}){{over}}")
    if name == "NTH_VALUE":
        value = shown(args[0])
        place = "iif(typeof({1}) = 'integer', max({1}, 1), 1)"  # SQLite refuses a place below 1, MariaDB answers NULL
        template = f"iif(typeof({{1}}) = 'integer' AND {{1}} > 0, nth_value({{0}}, {place}){{over}}, NULL)"
        return Op(value.type, True, name, (value, to_integer(args[1])), template)
    raise unsupported(f"{name} as a window function")
