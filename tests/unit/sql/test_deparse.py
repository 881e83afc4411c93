"""Expressions are printed as MariaDB prints them, and what is printed parses to the same tree again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fauna.sql import ast
from fauna.sql.deparse import deparse, deparse_default, deparse_query
from fauna.sql.parse import parse, parse_expression
from tests.unit.sql.constant_expressions import NotComparable, random_expression, value

_STATEMENTS = Path(__file__).parent / "statements"
# expression ==> what MariaDB 10.11 made of it in SHOW CREATE TABLE
NORMAL_FORMS = [line.split(" ==> ") for line in (_STATEMENTS / "normal_forms.txt").read_text().splitlines()]
QUERIES = [
    line for line in (_STATEMENTS / "valid.sql").read_text().splitlines() if line.startswith(("select", "(", "with", "values"))
]


@pytest.mark.parametrize(("text", "normal"), NORMAL_FORMS)
def test_normal_form(text: str, normal: str) -> None:
    assert deparse(parse_expression(text)) == normal


@pytest.mark.parametrize(("text", "normal"), NORMAL_FORMS)
def test_normal_form_is_stable(text: str, normal: str) -> None:
    assert deparse(parse_expression(normal)) == normal


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("5", "5"),
        ("-1", "-1"),
        ("1 + 2", "(1 + 2)"),
        ("now(3)", "current_timestamp(3)"),
        ("current_timestamp", "current_timestamp()"),
        ("uuid()", "uuid()"),
        ("curdate() + interval 1 day", "(curdate() + interval 1 day)"),
        ("null", "NULL"),
        ("'it''s'", "'it\\'s'"),
        ("true", "1"),
        ("date '2020-01-01'", "DATE'2020-01-01'"),
        ("concat('a', 'b')", "concat('a','b')"),
        ("if(a > 1, 'y', 'n')", "if(`a` > 1,'y','n')"),
    ],
)
def test_defaults(text: str, printed: str) -> None:
    assert deparse_default(parse_expression(text)) == printed


def test_the_printed_text_is_worth_the_same() -> None:
    for seed in range(2000):
        try:
            tree = parse_expression(random_expression(random.Random(seed)))
        except Exception:
            continue
        try:
            assert value(parse_expression(deparse(tree))) == value(tree), seed
        except NotComparable:
            continue


@pytest.mark.parametrize("text", QUERIES)
def test_queries_survive_printing(text: str) -> None:
    statement = parse(text)
    assert isinstance(statement, ast.QueryStatement)
    printed = deparse_query(statement.query)
    again = parse(printed)
    assert isinstance(again, ast.QueryStatement)
    assert deparse_query(again.query) == printed


def test_floats_stay_floats() -> None:
    for text, printed in (("1e3", "1e3"), ("1.5e-10", "1.5e-10"), ("0e0", "0e0"), ("1e100", "1e100"), ("123e0", "1.23e2")):
        assert deparse(parse_expression(text)) == printed


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("t for system_time as of '2024-07-01' x", "`t` FOR SYSTEM_TIME AS OF TIMESTAMP'2024-07-01' `x`"),
        ("t for system_time as of now()", "`t` FOR SYSTEM_TIME AS OF current_timestamp(6)"),
        ("t for system_time all", "`t` FOR SYSTEM_TIME ALL"),
        (
            "t for system_time from '2024-07-01' to now(6) - interval 1 day",
            "`t` FOR SYSTEM_TIME FROM TIMESTAMP'2024-07-01' TO current_timestamp(6) - interval 1 day",
        ),
        (
            "(select 1) for system_time between '2024-07-01' and '2024-07-02' x",
            "(select 1 AS `1`) FOR SYSTEM_TIME BETWEEN TIMESTAMP'2024-07-01' AND TIMESTAMP'2024-07-02' `x`",
        ),
    ],
)
def test_system_time(text: str, printed: str) -> None:
    statement = parse(f"select 1 from {text}")
    assert isinstance(statement, ast.QueryStatement)
    assert deparse_query(statement.query) == f"select 1 AS `1` from {printed}"
