"""Random constant expressions, and what they are worth by the syntax tree: for tests of precedence and associativity."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase

from fauna.sql.ast import Between, Binary, Case, Expr, InList, IsTest, Like, Literal, LiteralKind, Unary

_ARITHMETIC = ("+", "-", "*", "DIV", "%", "MOD", "|", "&", "^", "<<", ">>")
_COMPARISONS = ("=", "<=>", "<>", "!=", "<", "<=", ">", ">=")
_LOGIC = ("AND", "OR", "XOR", "&&", "||")
_MASK = (1 << 64) - 1


class NotComparable(Exception):
    """The value is outside of what the naive evaluator models (overflow, unsigned arithmetic)."""


def random_expression(rng: random.Random, length: int = 5) -> str:
    """Operands and operators in a row, with few parentheses, so that precedence decides."""
    text = _operand(rng, True)
    for _ in range(rng.randint(1, length)):
        choice = rng.random()
        if choice < 0.45:
            text += f" {rng.choice(_ARITHMETIC)} {_operand(rng, False)}"
        elif choice < 0.6:
            text += f" {rng.choice(_COMPARISONS)} {_operand(rng, False)}"
        elif choice < 0.75:
            text += f" {rng.choice(_LOGIC)} {_operand(rng, True)}"
        elif choice < 0.8:
            text += rng.choice((" IS NULL", " IS NOT NULL", " IS TRUE", " IS NOT FALSE", " IS UNKNOWN"))
        elif choice < 0.87:
            text += f" {rng.choice(('BETWEEN', 'NOT BETWEEN'))} {_operand(rng, False)} AND {_operand(rng, False)}"
        elif choice < 0.94:
            text += f" {rng.choice(('IN', 'NOT IN'))} ({_operand(rng, True)}, {_operand(rng, True)})"
        else:
            text += f" {rng.choice(('LIKE', 'NOT LIKE', 'REGEXP', 'NOT REGEXP'))} {_operand(rng, False)}"
    return text


def _operand(rng: random.Random, logical: bool) -> str:
    choice = rng.random()
    if choice < 0.06:
        return f"({random_expression(rng, 2)})"
    if choice < 0.11:
        return f"- {_operand(rng, False)}"
    if choice < 0.16:
        return f"!{_operand(rng, False)}"
    if choice < 0.24 and logical:
        return f"NOT {_operand(rng, True)}"
    if choice < 0.28:
        return f"CASE {rng.randint(0, 2)} WHEN 1 THEN {_operand(rng, True)} ELSE 3 END"
    if choice < 0.33:
        return "NULL"
    return str(rng.randint(0, 4))


def value(expr: Expr) -> int | None:
    """What the tree is worth under MySQL's rules for integers and NULL."""
    if isinstance(expr, Literal):
        return None if expr.kind is LiteralKind.NULL else int(str(expr.value))
    if isinstance(expr, Unary):
        return _unary(expr)
    if isinstance(expr, Binary):
        return _binary(expr)
    if isinstance(expr, IsTest):
        return _is(expr)
    if isinstance(expr, Between):
        operand = expr.operand
        inside = _and(_compare(">=", value(operand), value(expr.low)), _compare("<=", value(operand), value(expr.high)))
        return _not(inside) if expr.negated else inside
    if isinstance(expr, InList):
        found: int | None = 0
        for item in expr.items:
            found = _or(found, _compare("=", value(expr.operand), value(item)))
        return _not(found) if expr.negated else found
    if isinstance(expr, Like):
        left, right = value(expr.operand), value(expr.pattern)
        matched = None if left is None or right is None else int(fnmatchcase(str(left), str(right)))
        return _not(matched) if expr.negated else matched
    if isinstance(expr, Case):
        assert expr.operand is not None and expr.default is not None
        for when, then in expr.whens:
            if _compare("=", value(expr.operand), value(when)):
                return value(then)
        return value(expr.default)
    raise AssertionError(expr)


def _not(operand: int | None) -> int | None:
    return None if operand is None else int(not operand)


def _and(left: int | None, right: int | None) -> int | None:
    if left == 0 or right == 0:
        return 0
    return None if left is None or right is None else 1


def _or(left: int | None, right: int | None) -> int | None:
    if left or right:
        return 1
    return None if left is None or right is None else 0


def _compare(op: str, left: int | None, right: int | None) -> int | None:
    if op == "<=>":
        return int(left == right)
    if left is None or right is None:
        return None
    return int(
        {"=": left == right, "<>": left != right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
            op
        ]
    )


def _unary(expr: Unary) -> int | None:
    operand = value(expr.operand)
    if expr.op in ("NOT", "!"):
        return _not(operand)
    assert expr.op == "-"
    if operand is not None and operand > 1 << 62:
        raise NotComparable
    return None if operand is None else -operand


def _is(expr: IsTest) -> int:
    operand = value(expr.operand)
    if expr.what in ("NULL", "UNKNOWN"):
        holds = operand is None
    else:
        holds = operand is not None and bool(operand) == (expr.what == "TRUE")
    return int(holds != expr.negated)


def _binary(expr: Binary) -> int | None:
    left, right = value(expr.left), value(expr.right)
    if expr.op == "AND":
        return _and(left, right)
    if expr.op == "OR":
        return _or(left, right)
    if expr.op in _COMPARISONS:
        return _compare(expr.op, left, right)
    if left is None or right is None:
        return None
    if expr.op == "REGEXP":
        return int(str(right) in str(left))
    if expr.op == "XOR":
        return int(bool(left) != bool(right))
    return _arithmetic(expr.op, left, right)


def _arithmetic(op: str, left: int, right: int) -> int | None:
    if op in ("|", "&", "^", "<<", ">>"):
        return _bits(op, left & _MASK, right & _MASK)
    if max(abs(left), abs(right)) >= 1 << 31:
        raise NotComparable
    if op in ("DIV", "%"):
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if op == "DIV" else left - quotient * right
    return {"+": left + right, "-": left - right, "*": left * right}[op]


def _bits(op: str, left: int, right: int) -> int:
    if op == "<<":
        return (left << right) & _MASK if right < 64 else 0
    if op == ">>":
        return left >> right if right < 64 else 0
    return {"|": left | right, "&": left & right, "^": left ^ right}[op]
