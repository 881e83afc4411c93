"""Splitting a script into statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.client.shell import complete
from fauna.client.statements import Piece, split


def texts(script: str) -> list[str]:
    return [piece.text for piece in split(script.splitlines(keepends=True))]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select 1", ["select 1"]),
        ("select ';', \";\", `;`;x", ["select ';', \";\", `;`", "x"]),
        ("select 'it''s;' ; x", ["select 'it''s;'", "x"]),
        ("select 'a\\';b'; x", ["select 'a\\';b'", "x"]),
        ("select 1; -- two; three\nselect 4;", ["select 1", "-- two; three\nselect 4"]),
        ("-- nothing;\n# at all;\n/* ; */\n", []),
        ("/*!40101 SET NAMES utf8 */;", ["/*!40101 SET NAMES utf8 */"]),
        ("select /* a;\nb; */ 1;", ["select /* a;\nb; */ 1"]),
        ("delimiter //\ncreate a; b //\ndelimiter ;\nx;", ["create a; b", "x"]),
        ("select\n1\n;", ["select\n1"]),
        (";;;", []),
        ("select 1--2;", ["select 1--2"]),
        ("", []),
    ],
)
def test_where_statements_end(script: str, expected: list[str]) -> None:
    assert texts(script) == expected


def test_vertical_and_line_numbers() -> None:
    assert list(split(["select 1;\n", "\n", "select\n", "2\\G select 3\\g"])) == [
        Piece("select 1", 1),
        Piece("select\n2", 3, vertical=True),
        Piece("select 3", 4),
    ]


@pytest.mark.parametrize(
    "text", ["", "  ", "select 1;", "select 1\\G", "\\q", "exit", "exit;", "help", "\\u shop", "source x.sql"]
)
def test_enter_runs_what_is_complete(text: str) -> None:
    assert complete(text)


@pytest.mark.parametrize("text", ["select 1", "select ';", "select 1; select", "/* ;", "select `a;"])
def test_enter_goes_on_with_what_is_not(text: str) -> None:
    assert not complete(text)


@given(st.text(alphabet="';\"`\\-#/*gG! \na", max_size=60))
def test_any_text_is_split_and_nothing_but_delimiters_and_comments_is_lost(script: str) -> None:
    for text in texts(script):
        assert text.strip() == text
        assert text
