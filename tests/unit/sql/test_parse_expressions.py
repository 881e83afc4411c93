"""Expressions: precedence, special syntaxes, and the names of columns."""

from __future__ import annotations

import random

import pytest

from fauna.errors import SqlError
from fauna.sql import ast, lexer
from fauna.sql.ast import Binary, Call, Literal, LiteralKind, Name, UnitArg
from fauna.sql.deparse import deparse
from fauna.sql.parse import parse, parse_expression
from tests.servers import Server
from tests.unit.sql.constant_expressions import NotComparable, random_expression, value


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a OR b AND c", "a OR (b AND c)"),
        ("a XOR b OR c", "(a XOR b) OR c"),
        ("NOT a = b", "NOT (a = b)"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("!a = b", "(!a) = b"),
        ("a = b LIKE c", "a = (b LIKE c)"),
        ("a = b IS NULL", "(a = b) IS NULL"),
        ("a = b BETWEEN c AND d", "a = (b BETWEEN c AND d)"),
        ("a BETWEEN b AND c AND d", "(a BETWEEN b AND c) AND d"),
        ("a LIKE b IN (c, d)", "(a LIKE b) IN (c, d)"),
        ("a LIKE b NOT IN (c, d)", "a LIKE (b NOT IN (c, d))"),
        ("a < b = c", "(a < b) = c"),
        ("a | b & c << d + e * f ^ -g", "a | (b & (c << (d + (e * (f ^ (-g))))))"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("-a ^ b", "(-a) ^ b"),
        ("a MOD b + c DIV d", "(a MOD b) + (c DIV d)"),
        ("BINARY a = b", "(BINARY a) = b"),
        ("- a COLLATE utf8mb4_bin", "-(a COLLATE utf8mb4_bin)"),
        ("a + INTERVAL b + 1 DAY + c", "(a + INTERVAL (b + 1) DAY) + c"),
        ("a REGEXP b = c", "(a REGEXP b) = c"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    assert parse_expression(text) == parse_expression(grouped)


def test_flags_change_operators() -> None:
    assert parse_expression("a || b", lexer.PIPES_AS_CONCAT) == Call("CONCAT", (Name(("a",)), Name(("b",))))
    assert parse_expression("a || b ^ c", lexer.PIPES_AS_CONCAT) == parse_expression("CONCAT(a, b) ^ c")
    assert parse_expression("NOT a = b", lexer.HIGH_NOT_PRECEDENCE) == parse_expression("(NOT a) = b")
    assert parse_expression('"a"', lexer.ANSI_QUOTES) == Name(("a",))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("SUBSTRING(a FROM 1 FOR 2)", "SUBSTRING(a, 1, 2)"),
        ("MID(a, 1)", "SUBSTRING(a, 1)"),
        ("POSITION(a IN b)", "LOCATE(a, b)"),
        ("a->'$.x'", "JSON_EXTRACT(a, '$.x')"),
        ("a->>'$.x'", "JSON_UNQUOTE(JSON_EXTRACT(a, '$.x'))"),
        ("CURRENT_TIMESTAMP", "NOW()"),
        ("LOCALTIME(3)", "NOW(3)"),
        ("CURRENT_DATE", "CURDATE()"),
        ("CURRENT_TIME()", "CURTIME()"),
        ("INTERVAL 1 DAY + a", "DATE_ADD(a, INTERVAL 1 DAY)"),
        ("a - INTERVAL 1 DAY", "DATE_SUB(a, INTERVAL 1 DAY)"),
        ("ADDDATE(a, 1)", "a + INTERVAL 1 DAY"),
        ("MOD(a, b)", "a % b"),
        ("a != b", "a <> b"),
        ("a RLIKE b", "a REGEXP b"),
        ("a && b", "a AND b"),
        ("a = SOME (SELECT 1)", "a = ANY (SELECT 1)"),
        ("ROW(a, b)", "(a, b)"),
        ("count (*)", "COUNT(*)"),
        ("{d '2020-01-01'}", "DATE '2020-01-01'"),
        ("NEXTVAL(s)", "NEXT VALUE FOR s"),
    ],
)
def test_special_syntax(text: str, plain: str) -> None:
    assert parse_expression(text) == parse_expression(plain)


def test_units_are_keyword_arguments() -> None:
    a = Name(("a",))
    assert parse_expression("EXTRACT(YEAR FROM a)") == Call("EXTRACT", (UnitArg("YEAR"), a))
    assert parse_expression("TIMESTAMPDIFF(SQL_TSI_DAY, a, a)") == Call("TIMESTAMPDIFF", (UnitArg("DAY"), a, a))
    assert parse_expression("TRIM(LEADING 'x' FROM a)") == Call("TRIM_LEADING", (a, Literal(LiteralKind.STRING, "x", 0)))
    assert parse_expression("INTERVAL(a, 1, 2) = 1") == Binary(
        "=",
        Call("INTERVAL", (a, Literal(LiteralKind.INTEGER, 1, 0), Literal(LiteralKind.INTEGER, 2, 1))),
        Literal(LiteralKind.INTEGER, 1, 2),
    )


def test_literals_keep_their_numbers() -> None:
    assert parse_expression("_latin1'a'") == Literal(LiteralKind.STRING, "a", 0, "latin1")
    assert parse_expression("'a' 'b'") == Literal(LiteralKind.STRING, "ab")
    assert parse_expression("a IN ((1), 2)").items[1].index == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a + 1", "a + 1"),
        ("t . `A b`", "A b"),
        ("'it''s'", "it's"),
        ("'a' 'b'", "ab"),
        ("1.50", "1.50"),
        ("((1))", "1"),
        ("(a + 1)", "(a + 1)"),
        ("null", "NULL"),
        ("true", "TRUE"),
        ("count( * )", "count( * )"),
        ("1 /*!50000 +1*/", "1  +1"),
        ("-1", "-1"),
        ("N'x'", "x"),
    ],
)
def test_names_of_columns_without_alias(text: str, name: str) -> None:
    statement = parse(f"select {text} from t")
    assert isinstance(statement, ast.QueryStatement) and isinstance(statement.query, ast.Select)
    assert statement.query.items[0].text == name


def test_long_chains_make_shallow_trees() -> None:
    tree = parse_expression(" OR ".join(f"a = {i} AND b" for i in range(20_000)))
    assert deparse(tree).count(" or ") == 19_999


@pytest.mark.parametrize(
    "text",
    ["(((SELECT 1) + 1) + 1)", "((SELECT 1) + 1) IN (((SELECT 1) + 1))", "a IN (((SELECT 1)))", "a IN ((SELECT 1), 2)", "(((SELECT 1) UNION (SELECT 2)))",
     "((SELECT 1) LIMIT 1)", "((SELECT 1), 2) = (1, 2)", "EXISTS ((SELECT 1))", "(((SELECT 1)) + ((SELECT 2)))"],
)  # fmt: skip
def test_parentheses_around_queries(text: str) -> None:
    parse_expression(text)


def test_nested_subqueries_are_parsed_once() -> None:
    text = "1"
    for _ in range(12):
        text = f"(((SELECT {text}) + 1) + 1)"
    parse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "1" + ")" * 5000, "NOT " * 5000 + "1", "- " * 5000 + "1", "f(" * 5000 + "1" + ")" * 5000, "1" + "+1" * 5000,
     "(SELECT " * 5000 + "1" + ")" * 5000, "CASE " * 5000, "INTERVAL (" * 5000],
)  # fmt: skip
def test_nesting_without_bound_is_an_error(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_expression(text)
    assert caught.value.errno in (1436, 1064)


def test_constant_expressions_are_worth_what_mariadb_says(mariadb_server: Server) -> None:
    """Random expressions with few parentheses: the tree's value is MariaDB's, and a syntax error here is one there."""
    compared = 0
    with mariadb_server.connect() as connection, connection.cursor() as cursor:
        for seed in range(400):
            text = random_expression(random.Random(seed))
            mine: object
            try:
                mine = value(parse_expression(text))
            except NotComparable:
                continue
            except SqlError:
                mine = "syntax error"
            theirs: object
            try:
                cursor.execute(f"select {text}")
                theirs = cursor.fetchone()[0]
            except Exception as problem:
                if problem.args[0] == 1690:  # out of range: unsigned arithmetic is not modelled
                    continue
                theirs = "syntax error"
            assert mine == theirs, text
            compared += 1
    assert compared > 300
