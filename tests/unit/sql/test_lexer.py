"""The lexer reads text as MariaDB does."""

from __future__ import annotations

import pytest

from fauna.sql import lexer
from fauna.sql.lexer import BIT, DECIMAL, ERROR, FLOAT, HEX, INTEGER, OP, QUOTED, STRING, VARIABLE, WORD, tokenize


def kinds(text: str, flags: int = 0) -> list[tuple[str, object]]:
    return [(token.kind, token.value) for token in tokenize(text, flags)[:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [(INTEGER, 1)]),
        ("1.5", [(DECIMAL, "1.5")]),
        (".5", [(DECIMAL, ".5")]),
        ("5.", [(DECIMAL, "5.")]),
        ("1e5", [(FLOAT, 1e5)]),
        ("1.5e-3", [(FLOAT, 1.5e-3)]),
        ("1e", [(WORD, "1e")]),
        ("1a", [(WORD, "1a")]),
        ("0x41", [(HEX, b"A")]),
        ("0x4", [(HEX, b"\x04")]),
        ("0xG", [(WORD, "0xG")]),
        ("0X41", [(WORD, "0X41")]),
        ("x'41'", [(HEX, b"A")]),
        ("X''", [(HEX, b"")]),
        ("0b101", [(BIT, b"\x05")]),
        ("b'101'", [(BIT, b"\x05")]),
        ("'it''s'", [(STRING, "it's")]),
        (r"'\'\"\Z\b\0\t\%\_\\q\q'", [(STRING, "'\"\x1a\b\0\t\\%\\_\\qq")]),
        ('"a""b"', [(STRING, 'a"b')]),
        (r"'a\''' b'", [(STRING, "a'' b")]),
        ("N'x'", [("nstring", "x")]),
        ("`a``b`", [(QUOTED, "a`b")]),
        ("$a", [(WORD, "$a")]),
        ("é", [(WORD, "é")]),
        ("@a", [(VARIABLE, "a")]),
        ("@`a b`", [(VARIABLE, "a b")]),
        ("@'x'", [(VARIABLE, "x")]),
        ("@a.b", [(VARIABLE, "a.b")]),
        ("a.1", [(WORD, "a"), (OP, "."), (WORD, "1")]),
        ("a.5e3", [(WORD, "a"), (OP, "."), (WORD, "5e3")]),
        ("x '41'", [(WORD, "x"), (STRING, "41")]),
        ("1--1", [(INTEGER, 1), (OP, "-"), (OP, "-"), (INTEGER, 1)]),
        ("1 -- 1", [(INTEGER, 1)]),
        ("1 # 1\n2", [(INTEGER, 1), (INTEGER, 2)]),
        ("1 /* x ' */ 2", [(INTEGER, 1), (INTEGER, 2)]),
        ("a<=>b", [(WORD, "a"), (OP, "<=>"), (WORD, "b")]),
        ("a->>'x'", [(WORD, "a"), (OP, "->>"), (STRING, "x")]),
        ("'abc", [(ERROR, None)]),
        ("/* abc", [(ERROR, None)]),
    ],
)
def test_tokens(text: str, expected: list[tuple[str, object]]) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "executed"),
    [
        ("/*! 2 */", True),
        ("/*!50699 2 */", True),
        ("/*!50700 2 */", False),
        ("/*!99999 2 */", False),
        ("/*!100000 2 */", True),
        ("/*!101114 2 */", True),
        ("/*!101120 2 */", False),
        ("/*M! 2 */", True),
        ("/*M!50700 2 */", True),
        ("/*M!999999 2 */", False),
        ("/*!999999 /* inner */ 2 */", False),
    ],
)
def test_executable_comments(text: str, executed: bool) -> None:
    """As MariaDB 10.11 itself decides; 50700 … 99999 are MySQL's own versions."""
    assert kinds("1 " + text + " 3") == [(INTEGER, 1), *([(INTEGER, 2)] if executed else []), (INTEGER, 3)]


def test_sql_mode_flags() -> None:
    assert kinds('"a"', lexer.ANSI_QUOTES) == [(QUOTED, "a")]
    assert kinds(r"'a\' 'b'", lexer.NO_BACKSLASH_ESCAPES) == [(STRING, "a\\"), (STRING, "b")]


def test_literals_are_numbered_in_order() -> None:
    tokens = tokenize("select 1, 'a', x'41' from t1 where a = 2.5 and b = 1e3")
    assert [t.literal_index for t in tokens if t.kind in lexer.LITERALS] == [0, 1, 2, 3, 4]


def test_positions_are_those_of_the_text() -> None:
    text = "select  'a''b' , /* c */ `x`"
    assert [text[t.start : t.end] for t in tokenize(text)] == ["select", "'a''b'", ",", "`x`", ""]


def test_an_integer_of_absurd_length_is_clipped() -> None:
    assert kinds("9" * 10_000) == [(INTEGER, int("9" * 81))]
