"""COUNT, SUM, AVG, MIN, MAX and the aggregates of the library.

Templates hold {0} … for arguments, {distinct}, {order} and {over}; the emitter fills them, with an OVER clause in a window.
"""

from __future__ import annotations

from fauna.catalog.types import BYTES, CHARS, FLOATS, Kind, SqlType, decimal_type
from fauna.errors import error, unsupported
from fauna.sql import ast
from fauna.sql.bind.coerce import exact_number, quoted, shown, to_real, to_text, wide_of
from fauna.sql.bind.context import BindContext
from fauna.sql.bind.merge import aggregate_collation, precision_of
from fauna.sql.bind.operators import division
from fauna.sql.functions import load
from fauna.sql.functions.letters import letters_of
from fauna.sql.functions.registry import AGGREGATES
from fauna.sql.typed import AggregateOp, OrderKey, Typed, runtime_scale

load()
COUNT_TYPE = SqlType(Kind.BIGINT, 21)


def bind_aggregate(context: BindContext, node: ast.AggregateCall, args: list[Typed], order: tuple[OrderKey, ...]) -> Typed:
    """The typed form of an aggregate over bound arguments."""
    name = node.name
    if name == "COUNT":
        return _count(context, node, args)
    if len(args) < 1:
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", name)
    if name in ("SUM", "AVG"):
        return _sum(context, node, args[0]) if name == "SUM" else _average(context, node, args[0])
    if name in ("MIN", "MAX", "ANY_VALUE"):
        return _extreme(name, args[0])
    return _library(context, node, args, order)


def _count(context: BindContext, node: ast.AggregateCall, args: list[Typed]) -> Typed:
    if node.star or not args:
        return AggregateOp(COUNT_TYPE, False, "COUNT", (), "count(*){over}")
    if not node.distinct:
        if len(args) > 1:
            raise error("PARSE", ",", 1)
        return AggregateOp(COUNT_TYPE, False, "COUNT", (args[0],), "count({0}){over}")
    if len(args) == 1:
        return AggregateOp(COUNT_TYPE, False, "COUNT", (args[0],), f"count(DISTINCT {_keyed(args[0], 0)}){{over}}", True)
    keys = ", ".join(
        f"sk({quoted(a.type.collation)}, {{{i}}})" if a.type.kind in CHARS else f"{{{i}}}" for i, a in enumerate(args)
    )
    return AggregateOp(COUNT_TYPE, False, "COUNT", tuple(args), f"count(DISTINCT row_key({keys})){{over}}", True)


def _keyed(node: Typed, index: int) -> str:
    return f"{{{index}}} COLLATE {node.type.collation}" if node.type.kind in CHARS else f"{{{index}}}"


def _distinct(node: ast.AggregateCall) -> str:
    return "DISTINCT " if node.distinct else ""


def _sum(context: BindContext, node: ast.AggregateCall, arg: Typed) -> Typed:
    arg = exact_number(arg) if arg.type.kind is not Kind.NULL else arg
    word = _distinct(node)
    if arg.type.kind in FLOATS or arg.type.kind is Kind.NULL:
        scale = arg.type.scale if arg.type.kind in FLOATS else 31
        return AggregateOp(
            SqlType(Kind.DOUBLE, 23, scale), True, "SUM", (to_real(arg),), f"ckr(sum({word}{{0}}){{over}})", node.distinct
        )
    scale = arg.type.scale if arg.type.kind is Kind.DECIMAL else 0
    wide = arg.type.wide or arg.type.is_big_unsigned or context.wide
    extra = runtime_scale(arg) - scale
    result = decimal_type(precision_of(arg.type) + 22, scale, wide=wide)
    if wide:
        return AggregateOp(result, True, "SUM", (wide_of(arg),), f"dec_sum({word}{{0}}){{over}}", node.distinct, (), extra)
    return AggregateOp(result, True, "SUM", (arg,), f"sum({word}{{0}}){{over}}", node.distinct, (), extra)


def _average(context: BindContext, node: ast.AggregateCall, arg: Typed) -> Typed:
    arg = exact_number(arg) if arg.type.kind is not Kind.NULL else arg
    word = _distinct(node)
    if arg.type.kind in FLOATS or arg.type.kind is Kind.NULL:
        return AggregateOp(SqlType(Kind.DOUBLE, 23, 31), True, "AVG", (to_real(arg),), f"avg({word}{{0}}){{over}}", node.distinct)
    increment = context.scope.div_precision_increment
    scale = min((arg.type.scale if arg.type.kind is Kind.DECIMAL else 0) + increment, 38)
    total = _sum(context, node, arg)
    count = AggregateOp(COUNT_TYPE, False, "COUNT", (), "")
    result, extra, template = division(context, total, count, scale, min(precision_of(arg.type) + increment, 65))
    sums = "dec_sum" if total.type.wide else "sum"
    text = template.replace("{1}", f"count({word}{{0}}){{over}}").replace("{0}, ", f"{sums}({word}{{0}}){{over}}, ", 1)
    return AggregateOp(result, True, "AVG", (wide_of(arg) if total.type.wide else arg,), text, node.distinct, (), extra)


def _extreme(name: str, arg: Typed) -> Typed:
    arg = shown(arg)
    if arg.type.kind in (Kind.ENUM, Kind.SET):
        arg = to_text(arg, arg.type.collation or "utf8mb4_general_ci")
    function = "min" if name == "MIN" else "max"
    return AggregateOp(arg.type, True, name, (arg,), f"{function}({_keyed(arg, 0)}){{over}}")


def _library(context: BindContext, node: ast.AggregateCall, args: list[Typed], order: tuple[OrderKey, ...]) -> Typed:
    from fauna.sql.bind.functions import argument, info_of

    name = node.name
    if name == "GROUP_CONCAT":
        return _group_concat(context, node, args, order)
    if node.limit is not None:
        raise unsupported(f"LIMIT in {name}")
    entry = AGGREGATES.get(name)
    if entry is None:
        raise error("SP_DOES_NOT_EXIST", "FUNCTION", name)
    if len(args) != len(entry.args):
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", name)
    if node.distinct and (len(args) > 1 or entry.pass_scale or entry.pass_types):
        raise unsupported(f"{name}(DISTINCT …)")
    forms = [entry.args[min(i, len(entry.args) - 1)] for i in range(len(args))]
    collation = aggregate_collation(args, name, context.scope.collation)
    result = entry.result([info_of(a) for a in args])
    bound = [argument(context, a, form, collation, False) for a, form in zip(args, forms, strict=True)]
    places = ", ".join(f"{{{i}}}" for i in range(len(bound)))
    if entry.pass_scale:
        places += f", {result.scale}"
    if entry.pass_types:
        places += ", " + quoted(letters_of(args))
    inner = f"{'DISTINCT ' if node.distinct and len(bound) == 1 else ''}{places}{{order}}"
    return AggregateOp(result, True, name, tuple(bound), f"a_{entry.name.lower()}({inner}){{over}}", node.distinct, order)


def _group_concat(context: BindContext, node: ast.AggregateCall, args: list[Typed], order: tuple[OrderKey, ...]) -> Typed:
    collation = aggregate_collation(args, "group_concat", context.scope.collation)
    texts = [to_text(shown(a), collation) for a in args]
    binary = any(t.type.kind in BYTES for t in texts)
    place = "{0}" if len(texts) == 1 else "(" + " || ".join(f"{{{i}}}" for i in range(len(texts))) + ")"
    key = f"sk({quoted(collation)}, {place})" if node.distinct and not binary else place if node.distinct else "NULL"
    limit = "NULL, 0"
    if node.limit is not None:
        count = getattr(node.limit.count, "value", None)
        offset = getattr(node.limit.offset, "value", 0) if node.limit.offset is not None else 0
        for part in (node.limit.count, node.limit.offset):
            if isinstance(part, ast.Literal) and part.index is not None:
                context.slots.pinned.add(part.index)
        limit = f"{count}, {offset}"
    separator = quoted(node.separator if node.separator is not None else ",").replace("{", "{{").replace("}", "}}")
    kind = Kind.BLOB if binary else Kind.TEXT
    # group_concat_max_len, in the bytes of the longest characters twice over: what MariaDB says
    result = SqlType(kind, 1_048_576 if binary else 4_194_304, collation="binary" if binary else collation)
    text = f"group_concat_({place}, {separator}, {key}, {limit}{{order}}){{over}}"
    return AggregateOp(result, True, "GROUP_CONCAT", tuple(texts), text, node.distinct, order)
