"""Semicolons within a stored program's body do not end the statement."""

from __future__ import annotations

import time

import pytest

from fauna.sql.shape import split_statements

BODY = "CREATE OR REPLACE PROCEDURE p() BEGIN SELECT CASE WHEN 1 THEN ';' END; IF 1 THEN SELECT 2; END IF; CASE 1 WHEN 1 THEN SELECT 3; END CASE; END"


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (f"SELECT 1; {BODY}; SELECT 2", ["SELECT 1", BODY, "SELECT 2"]),
        (f"{BODY};", [BODY]),
        ("CREATE PROCEDURE p() SELECT 1; SELECT 2", ["CREATE PROCEDURE p() SELECT 1", "SELECT 2"]),
        ("CREATE TABLE begin_ (a INT); BEGIN; SELECT 1", ["CREATE TABLE begin_ (a INT)", "BEGIN", "SELECT 1"]),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 'x", ["CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 'x"]),
    ],
)
def test_split(text: str, statements: list[str]) -> None:
    assert split_statements(text) == statements


def test_it_takes_linear_time() -> None:
    started = time.perf_counter()
    split_statements("CREATE PROCEDURE p() BEGIN " + "SELECT 1;" * 50_000)
    assert time.perf_counter() - started < 5
