"""Expressions, by precedence climbing.

The levels are MariaDB's own (its grammar differs a little from the manual's table: LIKE, REGEXP and IN bind tighter
than BETWEEN, which binds tighter than comparison; NOT is no operand of a comparison).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from typing import Literal as OneOf

from fauna.errors import error
from fauna.sql.ast import (
    AssignVariable,
    Between,
    Binary,
    Call,
    Case,
    Collate,
    DefaultValue,
    Exists,
    Expr,
    InList,
    InQuery,
    IsTest,
    Like,
    Literal,
    LiteralKind,
    Marker,
    Name,
    NextValue,
    Quantified,
    RowExpr,
    Subquery,
    SystemVariable,
    Unary,
    UserVariable,
)
from fauna.sql.lexer import (
    BIT,
    DECIMAL,
    FLOAT,
    HEX,
    HIGH_NOT_PRECEDENCE,
    INTEGER,
    NSTRING,
    PIPES_AS_CONCAT,
    QUOTED,
    STRING,
    VARIABLE,
    WORD,
    read_float,
)
from fauna.sql.parse.core import (
    AND,
    BETWEEN,
    BIT_AND,
    BIT_OR,
    CHAIN_MAX,
    COMPARISON,
    CONCAT,
    LIKE,
    NOT,
    OR,
    POWER,
    PREDICATE,
    PRODUCT,
    SHIFT,
    SUM,
    TOP,
    UNARY,
    XOR,
    Stream,
)
from fauna.sql.parse.functions import SPECIAL_CALLS, call, date_arithmetic, interval_operand, match
from fauna.sql.parse.keywords import CHARSETS, FUNCTION_WORDS, RESERVED

LITERAL_KINDS: Final = {
    INTEGER: LiteralKind.INTEGER,
    DECIMAL: LiteralKind.DECIMAL,
    FLOAT: LiteralKind.FLOAT,
    STRING: LiteralKind.STRING,
    NSTRING: LiteralKind.STRING,
    HEX: LiteralKind.HEX,
    BIT: LiteralKind.BIT,
}


def expression(p: Stream) -> Expr:
    """A whole expression."""
    return operation(p, OR)


def operation(p: Stream, floor: int) -> Expr:
    """An expression of operators that bind at least as tight as `floor`."""
    # `a IS NULL + 1` is an error: what IS made is no operand of a tighter operator.  Nor is what NOT made.
    ceiling = NOT if p.token.key == "NOT" and not p.flags & HIGH_NOT_PRECEDENCE else TOP
    left = prefix(p, floor)
    chain = 0
    while True:
        key = p.token.key
        rule = _INFIX.get(key)
        if rule is None:
            return left
        level, parse = rule
        if key == "||" and p.flags & PIPES_AS_CONCAT:
            level = CONCAT
        if level < floor or level > ceiling:
            return left
        step = parse(p, left, floor)
        if step is None:
            return left
        left = step
        ceiling = LIKE if level == PREDICATE else level
        chain += 1
        if chain > CHAIN_MAX:
            raise error("STACK_OVERRUN_NEED_MORE", CHAIN_MAX)


# ── infix operators: each takes the stream at its operator and the left operand; None when it is no operator here ──

_Infix = Callable[[Stream, Expr, int], Expr | None]


def shallow(op: str, operands: list[Expr]) -> Expr:
    """One tree of AND or OR over many operands, in order, whose depth grows with the logarithm of their number.

    Short chains lean left, as written.
    """
    if len(operands) <= 8:
        tree = operands[0]
        for operand in operands[1:]:
            tree = Binary(op, tree, operand)
        return tree
    middle = len(operands) // 2
    return Binary(op, shallow(op, operands[:middle]), shallow(op, operands[middle:]))


def _or(p: Stream, left: Expr, floor: int) -> Expr | None:
    if p.token.key == "||" and p.flags & PIPES_AS_CONCAT:
        return _concat(p, left, floor)
    operands = [left]
    while p.token.key == "OR" or (p.token.key == "||" and not p.flags & PIPES_AS_CONCAT):
        p.advance()
        operands.append(operation(p, XOR))
    return shallow("OR", operands)


def _concat(p: Stream, left: Expr, floor: int) -> Expr:
    p.advance()
    return Call("CONCAT", (left, operation(p, UNARY)))


def _xor(p: Stream, left: Expr, floor: int) -> Expr:
    p.advance()
    return Binary("XOR", left, operation(p, AND))


def _and(p: Stream, left: Expr, floor: int) -> Expr:
    operands = [left]
    while p.token.key == "AND" or p.token.key == "&&":
        p.advance()
        operands.append(operation(p, NOT))
    return shallow("AND", operands)


def _comparison(p: Stream, left: Expr, floor: int) -> Expr:
    op = p.advance().key
    if op == "!=":
        op = "<>"
    quantifier: OneOf["ANY", "ALL"] | None = None
    if p.peek().key == "(" and p.token.key in ("ANY", "SOME", "ALL") and op != "<=>":
        quantifier = "ALL" if p.token.key == "ALL" else "ANY"
        mark = p.mark()
        p.advance()
        if p.at_query():
            p.expect("(")
            query = p.query(p)
            p.expect(")")
            return Quantified(op, left, quantifier, query)
        p.back_to(mark)
    return Binary(op, left, operation(p, PREDICATE))


def _is(p: Stream, left: Expr, floor: int) -> Expr:
    p.advance()
    negated = p.accept("NOT")
    what = p.accept_any("NULL", "TRUE", "FALSE", "UNKNOWN")
    if what == "NULL":
        return IsTest(left, "NULL", negated)
    if what == "TRUE":
        return IsTest(left, "TRUE", negated)
    if what == "FALSE":
        return IsTest(left, "FALSE", negated)
    if what == "UNKNOWN":
        return IsTest(left, "UNKNOWN", negated)
    p.fail()


def _negated(p: Stream, left: Expr, floor: int) -> Expr:
    """a NOT BETWEEN …, NOT LIKE …, NOT IN …, NOT REGEXP …"""
    p.advance()
    rule = _NEGATABLE.get(p.token.key)
    if rule is None:
        p.fail()
    return rule[1](p, left, True)


def _between(p: Stream, left: Expr, negated: bool) -> Expr:
    p.advance()
    low = operation(p, PREDICATE)
    p.expect("AND")
    return Between(left, low, operation(p, PREDICATE), negated)


def _like(p: Stream, left: Expr, negated: bool) -> Expr:
    p.advance()
    pattern = _pattern(p)
    escape = operation(p, UNARY) if p.accept("ESCAPE") else None
    return Like(left, pattern, escape, negated)


def _pattern(p: Stream) -> Expr:
    """The right side of LIKE and REGEXP.  In MariaDB a LIKE b IN (c) is (a LIKE b) IN (c), but a LIKE b NOT IN (c) is
    a LIKE (b NOT IN (c))."""
    pattern = operation(p, BIT_OR)
    while p.token.key == "NOT" and p.peek().key in _NEGATABLE:
        pattern = _negated(p, pattern, PREDICATE)
    return pattern


def _regexp(p: Stream, left: Expr, negated: bool) -> Expr:
    p.advance()
    matched = Binary("REGEXP", left, _pattern(p))
    return Unary("NOT", matched) if negated else matched


def _in(p: Stream, left: Expr, negated: bool) -> Expr:
    p.advance()
    if p.token.key == "(" and p.at_query():
        p.enter()
        p.advance()
        query = p.query(p)
        p.expect(")")
        p.depth -= 1
        return InQuery(left, query, negated)
    p.enter()
    items = p.parenthesised(lambda: operation(p, OR))
    p.depth -= 1
    return InList(left, items, negated)


def _sounds(p: Stream, left: Expr, floor: int) -> Expr | None:
    if p.peek().key != "LIKE":
        return None
    p.advance()
    p.advance()
    return Binary("SOUNDS LIKE", left, _pattern(p))


def _plain(op: str, level: int) -> tuple[int, _Infix]:
    """A left-associative operator."""
    above = level + 1

    def parse(p: Stream, left: Expr, floor: int) -> Expr:
        p.advance()
        return Binary(op, left, operation(p, above))

    return level, parse


def _plus_minus(op: str, function: str) -> tuple[int, _Infix]:
    def parse(p: Stream, left: Expr, floor: int) -> Expr:
        p.advance()
        if p.token.key == "INTERVAL":
            amount = interval_operand(p)
            if amount is not None:
                return date_arithmetic(function, left, *amount)
        return Binary(op, left, operation(p, PRODUCT))

    return SUM, parse


def _collate(p: Stream, left: Expr, floor: int) -> Expr:
    p.advance()
    return Collate(left, p.word())


def _json_arrow(p: Stream, left: Expr, floor: int) -> Expr | None:
    if not isinstance(left, Name):
        return None
    arrow = p.advance().key
    if p.token.kind != STRING:
        p.fail()
    value = Call("JSON_EXTRACT", (left, literal(p)))
    return value if arrow == "->" else Call("JSON_UNQUOTE", (value,))


def _positive(parse: Callable[[Stream, Expr, bool], Expr]) -> _Infix:
    return lambda p, left, floor: parse(p, left, False)


_NEGATABLE: Final[dict[str, tuple[int, Callable[[Stream, Expr, bool], Expr]]]] = {
    "BETWEEN": (BETWEEN, _between),
    "LIKE": (LIKE, _like),
    "IN": (LIKE, _in),
    "REGEXP": (LIKE, _regexp),
    "RLIKE": (LIKE, _regexp),
}

_INFIX: Final[dict[str, tuple[int, _Infix]]] = {
    "OR": (OR, _or),
    "||": (OR, _or),
    "XOR": (XOR, _xor),
    "AND": (AND, _and),
    "&&": (AND, _and),
    **dict.fromkeys(("=", "<=>", "<>", "!=", "<", "<=", ">", ">="), (COMPARISON, _comparison)),
    "IS": (COMPARISON, _is),
    "NOT": (PREDICATE, _negated),
    **{word: (level, _positive(parse)) for word, (level, parse) in _NEGATABLE.items()},
    "SOUNDS": (LIKE, _sounds),
    "|": _plain("|", BIT_OR),
    "&": _plain("&", BIT_AND),
    "<<": _plain("<<", SHIFT),
    ">>": _plain(">>", SHIFT),
    "+": _plus_minus("+", "DATE_ADD"),
    "-": _plus_minus("-", "DATE_SUB"),
    "*": _plain("*", PRODUCT),
    "/": _plain("/", PRODUCT),
    "%": _plain("%", PRODUCT),
    "DIV": _plain("DIV", PRODUCT),
    "MOD": _plain("%", PRODUCT),
    "^": _plain("^", POWER),
    "COLLATE": (UNARY + 1, _collate),
    "->": (UNARY + 2, _json_arrow),
    "->>": (UNARY + 2, _json_arrow),
}


# ── prefix operators and primaries ──

_SIGNS: Final = {"-": "-", "+": "+", "~": "~", "!": "!", "BINARY": "BINARY"}


def prefix(p: Stream, floor: int) -> Expr:
    key = p.token.key
    if key in _SIGNS:
        p.enter()
        p.advance()
        operand = operation(p, UNARY)
        p.depth -= 1
        return Unary(_SIGNS[key], operand)
    if key == "NOT":
        tight = p.flags & HIGH_NOT_PRECEDENCE
        if floor > NOT and not tight:
            p.fail()
        p.enter()
        p.advance()
        operand = operation(p, UNARY if tight else NOT)
        p.depth -= 1
        return Unary("NOT", operand)
    return primary(p)


def primary(p: Stream) -> Expr:
    """A literal, a name, a call, a parenthesis …"""
    token = p.token
    kind = token.kind
    if kind == WORD:
        key = token.key
        following = p.tokens[p.position + 1]
        if following.key == "(":
            if key in SPECIAL_CALLS:
                return SPECIAL_CALLS[key](p)
            if key not in RESERVED or key in FUNCTION_WORDS:
                return call(p)
        handler = _KEYWORDS.get(key)
        if handler is not None:
            value = handler(p)
            if value is not None:
                return value
        if key in RESERVED:
            p.fail()
        if key[0] == "_" and key[1:].lower() in CHARSETS and following.kind in (STRING, HEX, BIT):
            return _introduced(p)
        return column(p)
    if kind == QUOTED:
        return column(p)
    if kind in LITERAL_KINDS:
        return literal(p)
    if kind == VARIABLE:
        return _user_variable(p)
    operator = _OPERATORS.get(token.key)
    if operator is None:
        p.fail()
    return operator(p)


def literal(p: Stream) -> Literal:
    """A number, a string (with those that follow it), a hex or bit literal."""
    token = p.advance()
    charset = "utf8" if token.kind == NSTRING else None
    if token.kind == FLOAT:
        read_float(p.text[token.start : token.end])
    if p.token.kind == STRING and token.kind in (STRING, NSTRING):
        return Literal(LiteralKind.STRING, _joined(p, str(token.value)), None, charset)
    index = token.literal_index
    assert index is not None
    p.used_literals.add(index)
    return Literal(LITERAL_KINDS[token.kind], token.value, index, charset)


def _joined(p: Stream, first: str) -> str:
    parts = [first]
    while p.token.kind == STRING:
        parts.append(str(p.advance().value))
    return "".join(parts)


def _introduced(p: Stream) -> Literal:
    """_utf8mb4'…', _binary x'…'"""
    charset = str(p.advance().value)[1:].lower()
    plain = literal(p)
    return Literal(plain.kind, plain.value, plain.index, charset)


def column(p: Stream) -> Expr:
    """a, t.a, db.t.a; db.function(…)"""
    parts = [p.name()]
    while p.token.key == "." and p.peek().kind in (WORD, QUOTED) and len(parts) < 3:
        p.advance()
        parts.append(p.name_after_dot())
    if p.token.key == "(" and len(parts) == 2:
        return Call(parts[1].upper(), arguments(p), parts[0], parts[1])
    return Name(tuple(parts))


def _after_dot_name(p: Stream) -> Expr:
    """.t.a, as ODBC writes it."""
    p.advance()
    return Name(tuple([p.name_after_dot()] + ([p.name_after_dot()] if p.accept(".") else [])))


def arguments(p: Stream) -> tuple[Expr, ...]:
    """( expr, … ) or ( )"""
    p.expect("(")
    if p.accept(")"):
        return ()
    p.enter()
    items = p.list_of(lambda: operation(p, OR))
    p.depth -= 1
    p.expect(")")
    return items


def _parenthesis(p: Stream) -> Expr:
    p.enter()
    is_query = p.at_query()
    p.advance()
    if is_query:
        subquery = Subquery(p.query(p))
        p.expect(")")
        p.depth -= 1
        return subquery
    first = operation(p, OR)
    if p.token.key == ",":
        items = [first]
        while p.accept(","):
            items.append(operation(p, OR))
        p.expect(")")
        p.depth -= 1
        return RowExpr(tuple(items))
    p.expect(")")
    p.depth -= 1
    return first


def _user_variable(p: Stream) -> Expr:
    name = str(p.advance().value)
    if p.accept(":="):
        return AssignVariable(name, operation(p, OR))
    return UserVariable(name)


def system_variable(p: Stream) -> SystemVariable:
    """@@name, @@global.name, @@session.name"""
    p.expect("@@")
    scope: OneOf["GLOBAL", "SESSION"] | None = None
    if p.token.key in ("GLOBAL", "SESSION", "LOCAL") and p.peek().key == ".":
        scope = "GLOBAL" if p.token.key == "GLOBAL" else "SESSION"
        p.advance()
        p.advance()
        name = p.name_after_dot()
    else:
        name = p.name()
    while p.accept("."):
        name += "." + p.name_after_dot()
    return SystemVariable(name, scope)


def _marker(p: Stream) -> Expr:
    if not p.markers_allowed:
        p.fail()
    p.advance()
    p.markers += 1
    return Marker(p.markers - 1)


_BRACES: Final = {"D": LiteralKind.DATE, "T": LiteralKind.TIME, "TS": LiteralKind.TIMESTAMP}


def _braces(p: Stream) -> Expr:
    """{d '2020-01-01'} and its like, as ODBC writes them; {anything expr} is expr."""
    p.expect("{")
    kind = _BRACES.get(p.token.key)
    p.name()
    if kind is not None and p.token.kind == STRING:
        value: Expr = Literal(kind, p.string())
    else:
        value = operation(p, OR)
    p.expect("}")
    return value


def _null(p: Stream) -> Expr:
    p.advance()
    return Literal(LiteralKind.NULL)


_OPERATORS: Final[dict[str, Callable[[Stream], Expr]]] = {
    "(": _parenthesis,
    "?": _marker,
    "@@": system_variable,
    "{": _braces,
    "\\N": _null,
    ".": _after_dot_name,
}


# ── words that begin an expression without being a name ──


def _true(p: Stream) -> Expr:
    p.advance()
    return Literal(LiteralKind.TRUE, 1)


def _false(p: Stream) -> Expr:
    p.advance()
    return Literal(LiteralKind.FALSE, 0)


def _case(p: Stream) -> Expr:
    p.enter()
    p.advance()
    operand = None if p.token.key == "WHEN" else operation(p, OR)
    whens: list[tuple[Expr, Expr]] = []
    while p.accept("WHEN"):
        condition = operation(p, OR)
        p.expect("THEN")
        whens.append((condition, operation(p, OR)))
    if not whens:
        p.fail()
    default = operation(p, OR) if p.accept("ELSE") else None
    p.expect("END")
    p.depth -= 1
    return Case(operand, tuple(whens), default)


def _exists(p: Stream) -> Expr:
    p.advance()
    if not p.at("(") or not p.at_query():
        p.fail()
    p.enter()
    p.advance()
    query = p.query(p)
    p.expect(")")
    p.depth -= 1
    return Exists(query)


def _temporal(kind: LiteralKind) -> Callable[[Stream], Expr | None]:
    def parse(p: Stream) -> Expr | None:
        if p.peek().kind != STRING:
            return None
        p.advance()
        return Literal(kind, p.string())

    return parse


def _now(name: str) -> Callable[[Stream], Expr]:
    """CURRENT_TIMESTAMP and its like without a parenthesis."""

    def parse(p: Stream) -> Expr:
        p.advance()
        return Call(name)

    return parse


def _interval(p: Stream) -> Expr:
    """INTERVAL n unit + date.  (The function INTERVAL(…) is among the special calls.)"""
    amount = interval_operand(p)
    if amount is None:
        p.fail()
    p.expect("+")
    return date_arithmetic("DATE_ADD", operation(p, PRODUCT), *amount)


def _default(p: Stream) -> Expr:
    p.advance()
    if not p.accept("("):
        return DefaultValue()
    name = column(p)
    if not isinstance(name, Name):
        p.fail()
    p.expect(")")
    return DefaultValue(name)


def _next_value(p: Stream) -> Expr | None:
    from_previous = p.token.key == "PREVIOUS"
    if p.peek().key != "VALUE" or p.peek(2).key != "FOR":
        return None
    for _ in range(3):
        p.advance()
    return NextValue(p.table_name(), from_previous)


_KEYWORDS: Final[dict[str, Callable[[Stream], Expr | None]]] = {
    "NULL": _null,
    "TRUE": _true,
    "FALSE": _false,
    "CASE": _case,
    "EXISTS": _exists,
    "DEFAULT": _default,
    "MATCH": match,
    "INTERVAL": _interval,
    "DATE": _temporal(LiteralKind.DATE),
    "TIME": _temporal(LiteralKind.TIME),
    "TIMESTAMP": _temporal(LiteralKind.TIMESTAMP),
    "CURRENT_TIMESTAMP": _now("NOW"),
    "LOCALTIME": _now("NOW"),
    "LOCALTIMESTAMP": _now("NOW"),
    "CURRENT_DATE": _now("CURDATE"),
    "CURRENT_TIME": _now("CURTIME"),
    "CURRENT_USER": _now("CURRENT_USER"),
    "CURRENT_ROLE": _now("CURRENT_ROLE"),
    "UTC_DATE": _now("UTC_DATE"),
    "UTC_TIME": _now("UTC_TIME"),
    "UTC_TIMESTAMP": _now("UTC_TIMESTAMP"),
    "NEXT": _next_value,
    "PREVIOUS": _next_value,
}
