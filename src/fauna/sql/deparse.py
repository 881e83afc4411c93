"""Expressions as MariaDB writes them back: in CHECK, GENERATED and DEFAULT clauses of SHOW CREATE TABLE.

Parsing the text gives an expression of the same meaning.  No subqueries: none of those clauses may have one.
Where MariaDB rewrites (NOT a LIKE b, a condition that is no comparison) so is done here; constants are kept as written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fauna.catalog.literals import quote_name
from fauna.errors import error
from fauna.sql import ast

_OR, _XOR, _AND, _NOT, _COMPARE, _BITOR, _BITAND, _SHIFT, _INTERVAL, _ADD, _MUL, _POWER, _NEG, _COLLATE, _ATOM = range(1, 16)
_BINARY: Final = {
    "OR": (_OR, "or"), "XOR": (_XOR, "xor"), "AND": (_AND, "and"), "REGEXP": (_COMPARE, "regexp"), "|": (_BITOR, "|"),
    "&": (_BITAND, "&"), "<<": (_SHIFT, "<<"), ">>": (_SHIFT, ">>"), "+": (_ADD, "+"), "-": (_ADD, "-"), "*": (_MUL, "*"),
    "/": (_MUL, "/"), "DIV": (_MUL, "DIV"), "%": (_MUL, "MOD"), "^": (_POWER, "^"), "SOUNDS LIKE": (_COMPARE, "sounds like"),
}
_COMPARISONS: Final = frozenset({"=", "<=>", "<>", "<", "<=", ">", ">="})
_NEGATIONS: Final = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_NAMES: Final = {
    "SUBSTRING": "substr", "LOWER": "lcase", "UPPER": "ucase", "LENGTH": "octet_length", "CHARACTER_LENGTH": "char_length",
    "NOW": "current_timestamp", "CURRENT_TIMESTAMP": "current_timestamp", "CURRENT_DATE": "curdate", "CURRENT_TIME": "curtime",
    "POWER": "pow", "DAY": "dayofmonth", "SCHEMA": "database", "CEIL": "ceiling", "INSTR": "locate",
}
_BOOLEAN_CALLS: Final = frozenset({"JSON_VALID", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_EXISTS", "ISNULL", "JSON_OVERLAPS"})

Piece = tuple[str, int]  # text and precedence


def deparse(expr: ast.Expr) -> str:
    """MariaDB's normalised text."""
    return _piece(expr)[0]


def _piece(expr: ast.Expr) -> Piece:
    writer = _WRITERS.get(type(expr))
    if writer is None:
        raise error("SUBQUERIES_NOT_SUPPORTED", "This clause")
    return writer(expr)


def _at(expr: ast.Expr, precedence: int) -> str:
    """The expression as an operand that binds at least so tightly."""
    text, own = _piece(expr)
    return text if own >= precedence else f"({text})"


def _list(items: Sequence[ast.Expr]) -> str:
    return ",".join(deparse(item) for item in items)


# ── leaves ───────────────────────────────────────────────────────────────────────────────────────────────────────


def string_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    return f"'{escaped}'"


def _literal(expr: ast.Literal) -> Piece:
    kind, value = expr.kind, expr.value
    if kind is ast.LiteralKind.STRING:
        return (f"_{expr.charset}" if expr.charset else "") + string_text(str(value)), _ATOM
    if kind in (ast.LiteralKind.HEX, ast.LiteralKind.BIT):
        assert isinstance(value, bytes)
        return f"x'{value.hex()}'", _ATOM
    if kind in (ast.LiteralKind.DATE, ast.LiteralKind.TIME, ast.LiteralKind.TIMESTAMP):
        return f"{kind.name}{string_text(str(value))}", _ATOM
    if kind is ast.LiteralKind.NULL:
        return "NULL", _ATOM
    if kind in (ast.LiteralKind.TRUE, ast.LiteralKind.FALSE):
        return kind.name.lower(), _ATOM
    text = str(value)
    if kind is ast.LiteralKind.FLOAT:
        text = text if "e" in text else f"{text}e0"
    return text, _NEG if text.startswith("-") else _ATOM


def _name(expr: ast.Name) -> Piece:
    return quote_name(expr.parts[-1]), _ATOM


# ── operators ────────────────────────────────────────────────────────────────────────────────────────────────────


def _binary(expr: ast.Binary) -> Piece:
    if expr.op in _COMPARISONS:
        return f"{_at(expr.left, _COMPARE)} {expr.op} {_at(expr.right, _COMPARE + 1)}", _COMPARE
    precedence, word = _BINARY[expr.op]
    if expr.op in ("AND", "OR"):
        return f"{_condition(expr.left, precedence)} {word} {_condition(expr.right, precedence)}", precedence
    return f"{_at(expr.left, precedence)} {word} {_at(expr.right, precedence + 1)}", precedence


def is_condition(expr: ast.Expr) -> bool:
    """Whether the expression is true or false by its form."""
    if isinstance(expr, ast.Binary):
        return expr.op in _COMPARISONS or expr.op in ("AND", "OR", "XOR", "REGEXP", "SOUNDS LIKE")
    if isinstance(expr, ast.Unary):
        return expr.op in ("NOT", "!")
    if isinstance(expr, ast.Call):
        return expr.name in _BOOLEAN_CALLS
    if isinstance(expr, ast.Literal):
        return expr.kind in (ast.LiteralKind.TRUE, ast.LiteralKind.FALSE)
    return isinstance(expr, (ast.IsTest, ast.Between, ast.InList, ast.Like, ast.InQuery, ast.Exists, ast.Quantified))


def _condition(expr: ast.Expr, precedence: int) -> str:
    if is_condition(expr):
        return _at(expr, precedence)
    return f"{_at(expr, _COMPARE)} <> 0"


def _unary(expr: ast.Unary) -> Piece:
    if expr.op in ("NOT", "!"):
        return _negated(expr.operand)
    if expr.op == "BINARY":
        return f"cast({deparse(expr.operand)} as char charset binary)", _ATOM
    if expr.op == "+":
        return _piece(expr.operand)
    return f"{expr.op}{_at(expr.operand, _NEG)}", _NEG


def _negated(expr: ast.Expr) -> Piece:
    if isinstance(expr, ast.Binary) and expr.op in _NEGATIONS:
        return _binary(ast.Binary(_NEGATIONS[expr.op], expr.left, expr.right))
    if isinstance(expr, ast.Binary) and expr.op in ("AND", "OR"):
        other = "OR" if expr.op == "AND" else "AND"
        return _binary(ast.Binary(other, ast.Unary("NOT", expr.left), ast.Unary("NOT", expr.right)))
    if isinstance(expr, ast.Unary) and expr.op in ("NOT", "!"):
        inner = expr.operand
        return _piece(inner) if is_condition(inner) else (f"{_at(inner, _COMPARE)} <> 0", _COMPARE)
    if isinstance(expr, (ast.IsTest, ast.Between, ast.InList, ast.Like)):
        return _piece(_flipped(expr))
    if is_condition(expr):
        return f"!{_at(expr, _ATOM)}", _NEG
    return f"{_at(expr, _COMPARE)} = 0", _COMPARE


def _flipped(expr: ast.IsTest | ast.Between | ast.InList | ast.Like) -> ast.Expr:
    negated = not expr.negated
    if isinstance(expr, ast.IsTest):
        return ast.IsTest(expr.operand, expr.what, negated)
    if isinstance(expr, ast.Between):
        return ast.Between(expr.operand, expr.low, expr.high, negated)
    if isinstance(expr, ast.InList):
        return ast.InList(expr.operand, expr.items, negated)
    return ast.Like(expr.operand, expr.pattern, expr.escape, negated)


def _is_test(expr: ast.IsTest) -> Piece:
    return f"{_at(expr.operand, _COMPARE)} is {'not ' if expr.negated else ''}{expr.what.lower()}", _COMPARE


def _between(expr: ast.Between) -> Piece:
    word = "not between" if expr.negated else "between"
    parts = (_at(expr.operand, _BITOR), _at(expr.low, _BITOR), _at(expr.high, _BITOR))
    return f"{parts[0]} {word} {parts[1]} and {parts[2]}", _COMPARE


def _in_list(expr: ast.InList) -> Piece:
    return f"{_at(expr.operand, _COMPARE)} {'not in' if expr.negated else 'in'} ({_list(expr.items)})", _COMPARE


def _like(expr: ast.Like) -> Piece:
    # Two blanks before NOT: so does MariaDB.
    text = f"{_at(expr.operand, _COMPARE)} {' not like' if expr.negated else 'like'} {_at(expr.pattern, _COMPARE + 1)}"
    return (f"{text} escape {deparse(expr.escape)}" if expr.escape is not None else text), _COMPARE


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _call(expr: ast.Call) -> Piece:
    name, args = expr.name, expr.args
    if name in ("DATE_ADD", "DATE_SUB"):
        unit = args[2]
        assert isinstance(unit, ast.UnitArg)
        sign = "+" if name == "DATE_ADD" else "-"
        return f"{_at(args[0], _INTERVAL)} {sign} interval {_at(args[1], _ADD)} {unit.name.lower()}", _INTERVAL
    if name == "MOD" and len(args) == 2:
        return _binary(ast.Binary("%", args[0], args[1]))
    if name == "EXTRACT" and isinstance(args[0], ast.UnitArg):
        return f"extract({args[0].name.lower()} from {deparse(args[1])})", _ATOM
    if name in ("TRIM_LEADING", "TRIM_TRAILING", "TRIM"):
        return _trim(name, args), _ATOM
    if name == "INSTR":
        return f"locate({deparse(args[1])},{deparse(args[0])})", _ATOM
    prefix = f"{quote_name(expr.schema)}." if expr.schema else ""
    return f"{prefix}{_NAMES.get(name, name.lower())}({_list(args)})", _ATOM


def _trim(name: str, args: Sequence[ast.Expr]) -> str:
    side = {"TRIM": "both", "TRIM_LEADING": "leading", "TRIM_TRAILING": "trailing"}[name]
    if len(args) == 1:
        return f"trim({deparse(args[0])})" if name == "TRIM" else f"trim({side} ' ' from {deparse(args[0])})"
    return f"trim({side} {deparse(args[1])} from {deparse(args[0])})"


def _unit(expr: ast.UnitArg) -> Piece:
    return expr.name.lower(), _ATOM


def _case(expr: ast.Case) -> Piece:
    text = "case" if expr.operand is None else f"case {deparse(expr.operand)}"
    for when, then in expr.whens:
        text += f" when {deparse(when)} then {deparse(then)}"
    if expr.default is not None:
        text += f" else {deparse(expr.default)}"
    return f"{text} end", _ATOM


def _cast(expr: ast.Cast) -> Piece:
    return f"cast({deparse(expr.operand)} as {_cast_type(expr.to)})", _ATOM


def _cast_type(to: ast.TypeName) -> str:
    if to.name in ("BIGINT", "SIGNED", "UNSIGNED", "INT"):
        return "unsigned" if to.unsigned or to.name == "UNSIGNED" else "signed"
    text = to.name.lower()
    if to.name == "DECIMAL":
        return f"decimal({to.length or 10},{to.scale or 0})"
    if to.length is not None:
        text += f"({to.length})"
    return f"{text} charset {to.charset or 'utf8mb4'}" if to.name in ("CHAR", "VARCHAR") else text


def _convert(expr: ast.ConvertUsing) -> Piece:
    return f"convert({deparse(expr.operand)} using {expr.charset})", _ATOM


def _collate(expr: ast.Collate) -> Piece:
    return f"{_at(expr.operand, _COLLATE)} collate {expr.collation}", _COLLATE


def _row(expr: ast.RowExpr) -> Piece:
    return f"({_list(expr.items)})", _ATOM


def _default(expr: ast.DefaultValue) -> Piece:
    return f"default({deparse(expr.column)})" if expr.column is not None else "default", _ATOM


def _next_value(expr: ast.NextValue) -> Piece:
    sequence = expr.sequence
    name = (f"{quote_name(sequence.schema)}." if sequence.schema else "") + quote_name(sequence.name)
    return f"{'lastval' if expr.previous else 'nextval'}({name})", _ATOM


_WRITERS: Final[dict[type[ast.Expr], Callable[[Any], Piece]]] = {
    ast.Literal: _literal, ast.Name: _name, ast.Binary: _binary, ast.Unary: _unary, ast.IsTest: _is_test, ast.Between: _between,
    ast.InList: _in_list, ast.Like: _like, ast.Call: _call, ast.UnitArg: _unit, ast.Case: _case, ast.Cast: _cast,
    ast.ConvertUsing: _convert, ast.Collate: _collate, ast.RowExpr: _row, ast.DefaultValue: _default, ast.NextValue: _next_value,
}
