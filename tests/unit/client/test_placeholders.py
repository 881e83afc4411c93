"""From %s and %(name)s to ? and values in order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.client.exceptions import ProgrammingError
from fauna.client.placeholders import arrange, statement_of


def arranged(sql: str, params: Any) -> tuple[str, list[Any]]:
    text, values = arrange(statement_of(sql), params)
    return text, list(values)


@pytest.mark.parametrize(
    ("sql", "params", "text", "values"),
    [
        ("SELECT %s", (1,), "SELECT ?", [1]),
        ("SELECT %s, %s", [1, "x"], "SELECT ?, ?", [1, "x"]),
        ("SELECT %(b)s, %(a)s, %(b)s", {"a": 1, "b": 2, "c": 3}, "SELECT ?, ?, ?", [2, 1, 2]),
        ("SELECT ?", (1,), "SELECT ?", [1]),
        ("SELECT %s", 5, "SELECT ?", [5]),
        ("SELECT %s", "abc", "SELECT ?", ["abc"]),
        ("SELECT 5 % 3, %s", (1,), "SELECT 5 % 3, ?", [1]),
        ("SELECT '100%%', %s", (1,), "SELECT '100%', ?", [1]),
        ("SELECT 7 %% 2, %s", (1,), "SELECT 7 % 2, ?", [1]),
        ("SELECT DATE_FORMAT(d, '%Y %s'), %s", (1,), "SELECT DATE_FORMAT(d, '%Y %s'), ?", [1]),
        ("SELECT 'it''s %s', \"a\\\"%s\", `c%s`, %s", (1,), "SELECT 'it''s %s', \"a\\\"%s\", `c%s`, ?", [1]),
        ("SELECT 1 -- %s\n, %s", (1,), "SELECT 1 -- %s\n, ?", [1]),
        ("SELECT 1 # %s ?\n, %s", (1,), "SELECT 1 # %s ?\n, ?", [1]),
        ("SELECT /* %s ' */ %s", (1,), "SELECT /* %s ' */ ?", [1]),
        ("SELECT '?', %s", (1,), "SELECT '?', ?", [1]),
        ("SELECT 1--%s", (1,), "SELECT 1--?", [1]),
        ("SELECT a IN %s AND b = %s", ([1, 2, 3], 4), "SELECT a IN (?, ?, ?) AND b = ?", [1, 2, 3, 4]),
        ("SELECT %(x)s IN %(y)s", {"x": 1, "y": (1, 2)}, "SELECT ? IN (?, ?)", [1, 1, 2]),
        ("SELECT 1", (), "SELECT 1", []),
        ("SELECT 1", {}, "SELECT 1", []),
    ],
)
def test_texts(sql: str, params: Any, text: str, values: list[Any]) -> None:
    assert arranged(sql, params) == (text, values)


@pytest.mark.parametrize(
    ("sql", "params", "message"),
    [
        ("SELECT %s", (), "1 placeholders, 0 values"),
        ("SELECT %s", (1, 2), "1 placeholders, 2 values"),
        ("SELECT 1", (1,), "0 placeholders, 1 values"),
        ("SELECT %(a)s", {"b": 1}, "no value for %(a)s"),
        ("SELECT %(a)s", (1,), "give a mapping"),
        ("SELECT %s", {"a": 1}, "give a sequence"),
        ("SELECT %s, %(a)s", (1,), "not both"),
        ("SELECT 1 IN %s", ([],), "empty list"),
    ],
)
def test_mistakes_are_named(sql: str, params: Any, message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        arranged(sql, params)
    assert message in str(caught.value)


@given(st.text(alphabet="%s?'\"`\\-#/*(a)\n ", max_size=40))
def test_any_text_is_scanned_and_quotes_keep_their_contents(sql: str) -> None:
    try:
        statement = statement_of(sql)
    except ProgrammingError:
        return
    assert len(statement.parts) == statement.count + 1
    assert len(statement.text) <= len(sql)
