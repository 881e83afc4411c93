"""Calls: ordinary ones, aggregates, windows, and the functions with a syntax of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fauna.errors import error, unsupported
from fauna.sql.ast import (
    AggregateCall,
    Binary,
    Call,
    Cast,
    ConvertUsing,
    DefaultValue,
    Expr,
    Frame,
    FrameBound,
    InsertedValue,
    Match,
    Name,
    NextValue,
    OrderItem,
    RowExpr,
    SetValue,
    UnitArg,
    WindowCall,
    WindowSpec,
)
from fauna.sql.lexer import END
from fauna.sql.parse.clauses import limit_clause, order_items
from fauna.sql.parse.core import BIT_OR, PRODUCT, Stream
from fauna.sql.parse.keywords import AGGREGATES, INTERVAL_UNITS
from fauna.sql.parse.types import cast_type

# ── intervals ──


def interval_operand(p: Stream) -> tuple[Expr, UnitArg] | None:
    """INTERVAL n unit, at INTERVAL; None (nothing read) when it is the function INTERVAL(n, a, b …)."""
    if p.peek().key == "(" and _has_comma(p):
        return None
    p.expect("INTERVAL")
    amount = p.expression()
    return amount, unit(p)


def _has_comma(p: Stream) -> bool:
    """Whether the parenthesis after the next token holds a list."""
    ahead = 2
    depth = 1
    while depth:
        token = p.peek(ahead)
        if token.kind == END or (token.key == "," and depth == 1):
            return token.key == ","
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        ahead += 1
    return False


def unit(p: Stream) -> UnitArg:
    key = p.token.key.removeprefix("SQL_TSI_")
    if key not in INTERVAL_UNITS:
        p.fail()
    p.advance()
    return UnitArg(key)


def date_arithmetic(function: str, date: Expr, amount: Expr, unit_name: UnitArg) -> Expr:
    return Call(function, (date, amount, unit_name))


# ── calls ──


def call(p: Stream) -> Expr:
    """name(…), at its name; an aggregate or a window function where the name says so."""
    token = p.advance()
    name = token.key
    if name in AGGREGATES:
        return _aggregate(p, name)
    return _windowed(p, Call(name, _arguments(p), None, str(token.value)))


def _arguments(p: Stream) -> tuple[Expr, ...]:
    p.expect("(")
    if p.accept(")"):
        return ()
    p.enter()
    items = [p.expression()]
    while p.accept(","):
        items.append(p.expression())
    p.depth -= 1
    p.expect(")")
    return tuple(items)


def _aggregate(p: Stream, name: str) -> Expr:
    p.expect("(")
    if name == "COUNT" and p.accept("*"):
        p.expect(")")
        return _windowed(p, AggregateCall(name, star=True))
    if p.at_end():
        p.fail()
    p.enter()
    distinct = p.accept("DISTINCT")
    if not distinct:
        p.accept("ALL")
    args = p.list_of(p.expression)
    order_by: tuple[OrderItem, ...] = ()
    separator = None
    limit = None
    if name in ("GROUP_CONCAT", "JSON_ARRAYAGG"):
        if p.accept_by("ORDER"):
            order_by = order_items(p)
        if name == "GROUP_CONCAT" and p.accept("SEPARATOR"):
            separator = p.string()
        if p.at("LIMIT"):
            limit = limit_clause(p)
    p.depth -= 1
    p.expect(")")
    return _windowed(p, AggregateCall(name, args, distinct, False, order_by, separator, limit))


def _windowed(p: Stream, function: AggregateCall | Call) -> Expr:
    """function OVER … when OVER follows."""
    if p.token.key != "OVER":
        return function
    p.advance()
    if p.at("("):
        return WindowCall(function, window_spec(p))
    return WindowCall(function, WindowSpec(p.name()))


def window_spec(p: Stream) -> WindowSpec:
    """( [name] [PARTITION BY …] [ORDER BY …] [frame] )"""
    p.expect("(")
    name = p.name() if p.at_name() and p.token.key not in ("ROWS", "RANGE") else None
    partition_by: tuple[Expr, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    if p.accept_by("PARTITION"):
        partition_by = p.list_of(p.expression)
    if p.accept_by("ORDER"):
        order_by = order_items(p)
    frame = _frame(p) if p.token.key in ("ROWS", "RANGE") else None
    p.expect(")")
    return WindowSpec(name, partition_by, order_by, frame)


def _frame(p: Stream) -> Frame:
    rows = p.advance().key == "ROWS"
    end = None
    if p.accept("BETWEEN"):
        first = _frame_bound(p)
        p.expect("AND")
        end = _frame_bound(p)
    else:
        first = _frame_bound(p)
    if p.at("EXCLUDE"):
        raise unsupported("EXCLUDE in a window frame")
    return Frame("ROWS" if rows else "RANGE", first, end)


def _frame_bound(p: Stream) -> FrameBound:
    if p.accept("UNBOUNDED"):
        preceding = p.expect_any("PRECEDING", "FOLLOWING") == "PRECEDING"
        return FrameBound("UNBOUNDED PRECEDING" if preceding else "UNBOUNDED FOLLOWING")
    if p.accept("CURRENT"):
        p.expect("ROW")
        return FrameBound("CURRENT ROW")
    offset = p.expression()
    return FrameBound("PRECEDING" if p.expect_any("PRECEDING", "FOLLOWING") == "PRECEDING" else "FOLLOWING", offset)


# ── functions with a syntax of their own; each is called at its name, which a parenthesis follows ──


def _date_arithmetic_call(function: str, plain_days: bool) -> Callable[[Stream], Expr]:
    """DATE_ADD(d, INTERVAL n unit); with plain_days also ADDDATE(d, n)."""

    def parse(p: Stream) -> Expr:
        p.enter()
        p.advance()
        p.expect("(")
        date = p.expression()
        p.expect(",")
        amount = interval_operand(p) if p.at("INTERVAL") else None
        if amount is None:
            if not plain_days:
                p.fail()
            amount = p.expression(), UnitArg("DAY")
        p.expect(")")
        p.depth -= 1
        return date_arithmetic(function, date, *amount)

    return parse


def _extract(p: Stream) -> Expr:
    p.enter()
    p.advance()
    p.expect("(")
    field = unit(p)
    p.expect("FROM")
    value = p.expression()
    p.expect(")")
    p.depth -= 1
    return Call("EXTRACT", (field, value))


def _unit_first(p: Stream) -> Expr:
    """TIMESTAMPADD(unit, …), TIMESTAMPDIFF(unit, …)"""
    p.enter()
    name = p.advance().key
    p.expect("(")
    args: list[Expr] = [unit(p)]
    while p.accept(","):
        args.append(p.expression())
    p.expect(")")
    p.depth -= 1
    return Call(name, tuple(args))


def _substring(p: Stream) -> Expr:
    """SUBSTRING(s, a, b), SUBSTRING(s FROM a FOR b)"""
    p.enter()
    p.advance()
    p.expect("(")
    args = [p.expression()]
    between, last = ("FROM", "FOR") if p.at("FROM") else (",", ",")
    p.expect(between)
    args.append(p.expression())
    if p.accept(last):
        args.append(p.expression())
    p.expect(")")
    p.depth -= 1
    return Call("SUBSTRING", tuple(args))


def _position(p: Stream) -> Expr:
    p.enter()
    p.advance()
    p.expect("(")
    needle = p.operation(p, BIT_OR)
    p.expect("IN")
    haystack = p.expression()
    p.expect(")")
    p.depth -= 1
    return Call("LOCATE", (needle, haystack))


_TRIMS: Final = {"BOTH": "TRIM", "LEADING": "TRIM_LEADING", "TRAILING": "TRIM_TRAILING"}


def _trim(p: Stream) -> Expr:
    """TRIM(s), TRIM(x FROM s), TRIM([BOTH|LEADING|TRAILING] [x] FROM s)"""
    p.enter()
    p.advance()
    p.expect("(")
    side = p.accept_any(*_TRIMS)
    args: tuple[Expr, ...]
    if side and p.accept("FROM"):
        args = (p.expression(),)
    else:
        first = p.expression()
        if p.accept("FROM"):
            args = (p.expression(), first)
        elif side:
            p.fail()
        else:
            args = (first,)
    p.expect(")")
    p.depth -= 1
    return Call(_TRIMS[side] if side else "TRIM", args)


def _char(p: Stream) -> Expr:
    """CHAR(n, … [USING charset])"""
    p.enter()
    p.advance()
    p.expect("(")
    args: list[Expr] = list(p.list_of(p.expression))
    if p.accept("USING"):
        args.append(UnitArg(p.word().lower()))
    p.expect(")")
    p.depth -= 1
    return Call("CHAR", tuple(args))


def _get_format(p: Stream) -> Expr:
    p.advance()
    p.expect("(")
    kind = p.expect_any("DATE", "TIME", "DATETIME", "TIMESTAMP")
    p.expect(",")
    region = p.expression()
    p.expect(")")
    return Call("GET_FORMAT", (UnitArg("DATETIME" if kind == "TIMESTAMP" else kind), region))


def _cast(p: Stream) -> Expr:
    p.enter()
    p.advance()
    p.expect("(")
    operand = p.expression()
    p.expect("AS")
    to = cast_type(p)
    p.expect(")")
    p.depth -= 1
    return Cast(operand, to)


def _convert(p: Stream) -> Expr:
    """CONVERT(x, type), CONVERT(x USING charset)"""
    p.enter()
    p.advance()
    p.expect("(")
    operand = p.expression()
    converted: Expr
    if p.accept("USING"):
        converted = ConvertUsing(operand, p.word().lower())
    else:
        p.expect(",")
        converted = Cast(operand, cast_type(p))
    p.expect(")")
    p.depth -= 1
    return converted


def _column(p: Stream) -> Name:
    parts = [p.name()]
    while p.accept("."):
        parts.append(p.name_after_dot())
    return Name(tuple(parts))


def _values(p: Stream) -> Expr:
    """VALUES(col) or VALUE(col)"""
    p.advance()
    p.expect("(")
    name = _column(p)
    p.expect(")")
    return InsertedValue(name)


def _default(p: Stream) -> Expr:
    p.advance()
    p.expect("(")
    name = _column(p)
    p.expect(")")
    return DefaultValue(name)


def match(p: Stream) -> Expr:
    """MATCH (a, b) AGAINST ('x' IN BOOLEAN MODE); the parentheses may be left out"""
    p.advance()
    columns = p.parenthesised(lambda: _column(p)) if p.at("(") else p.list_of(lambda: _column(p))
    p.expect("AGAINST")
    p.expect("(")
    against = p.operation(p, BIT_OR)
    words: list[str] = []
    while not p.at(")"):
        if p.at_end():
            p.fail()
        words.append(p.advance().key)
    p.expect(")")
    return Match(columns, against, " ".join(words))


def _mod(p: Stream) -> Expr:
    """MOD(a, b) is a MOD b."""
    mark = p.mark()
    p.advance()
    args = _arguments(p)
    if len(args) != 2:
        p.back_to(mark)
        p.fail(p.peek())
    return Binary("%", args[0], args[1])


def _sequence_call(previous: bool) -> Callable[[Stream], Expr]:
    def parse(p: Stream) -> Expr:
        p.advance()
        p.expect("(")
        sequence = p.table_name()
        p.expect(")")
        return NextValue(sequence, previous)

    return parse


def _set_value(p: Stream) -> Expr:
    """SETVAL(s, value [, used [, round]])"""
    p.advance()
    p.expect("(")
    sequence = p.table_name()
    p.expect(",")
    given = p.list_of(p.expression)
    p.expect(")")
    if len(given) > 2:
        raise unsupported("SETVAL with a round")
    return SetValue(sequence, given[0], given[1] if len(given) > 1 else None)


def _renamed(name: str) -> Callable[[Stream], Expr]:
    def parse(p: Stream) -> Expr:
        p.advance()
        return Call(name, _arguments(p))

    return parse


def _row(p: Stream) -> Expr:
    p.advance()
    items = _arguments(p)
    if len(items) < 2:
        p.fail()
    return RowExpr(items)


def _interval_function(p: Stream) -> Expr:
    """INTERVAL(n, a, b …), or INTERVAL (n) unit + date."""
    amount = interval_operand(p)
    if amount is not None:
        p.expect("+")
        return date_arithmetic("DATE_ADD", p.operation(p, PRODUCT), *amount)
    p.advance()
    return Call("INTERVAL", _arguments(p))


def _unsupported(what: str) -> Callable[[Stream], Expr]:
    def parse(p: Stream) -> Expr:
        raise unsupported(what)

    return parse


def _add_months(p: Stream) -> Expr:
    """ADD_MONTHS(d, n)"""
    p.advance()
    args = _arguments(p)
    if len(args) != 2:
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", "ADD_MONTHS")
    return date_arithmetic("DATE_ADD", args[0], args[1], UnitArg("MONTH"))


SPECIAL_CALLS: Final[dict[str, Callable[[Stream], Expr]]] = {
    "DATE_ADD": _date_arithmetic_call("DATE_ADD", False),
    "DATE_SUB": _date_arithmetic_call("DATE_SUB", False),
    "ADDDATE": _date_arithmetic_call("DATE_ADD", True),
    "SUBDATE": _date_arithmetic_call("DATE_SUB", True),
    "ADD_MONTHS": _add_months,
    "EXTRACT": _extract,
    "TIMESTAMPADD": _unit_first,
    "TIMESTAMPDIFF": _unit_first,
    "SUBSTRING": _substring,
    "SUBSTR": _substring,
    "MID": _substring,
    "POSITION": _position,
    "TRIM": _trim,
    "CHAR": _char,
    "GET_FORMAT": _get_format,
    "CAST": _cast,
    "CONVERT": _convert,
    "VALUES": _values,
    "VALUE": _values,
    "DEFAULT": _default,
    "MATCH": match,
    "MOD": _mod,
    "NEXTVAL": _sequence_call(False),
    "LASTVAL": _sequence_call(True),
    "SETVAL": _set_value,
    "ROW": _row,
    "INTERVAL": _interval_function,
    "WEIGHT_STRING": _unsupported("WEIGHT_STRING"),
    "CURRENT_TIMESTAMP": _renamed("NOW"),
    "LOCALTIME": _renamed("NOW"),
    "LOCALTIMESTAMP": _renamed("NOW"),
    "CURRENT_DATE": _renamed("CURDATE"),
    "CURRENT_TIME": _renamed("CURTIME"),
    "CURRENT_USER": _renamed("CURRENT_USER"),
    "CURRENT_ROLE": _renamed("CURRENT_ROLE"),
    "UTC_DATE": _renamed("UTC_DATE"),
    "UTC_TIME": _renamed("UTC_TIME"),
    "UTC_TIMESTAMP": _renamed("UTC_TIMESTAMP"),
}
