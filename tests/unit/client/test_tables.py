"""How the shell lays out results."""

from __future__ import annotations

from fauna.client.link import Column, Shape
from fauna.client.tables import tabbed, table, vertical


def shape(*columns: tuple[str, int]) -> Shape:
    return Shape.of(Column(name, code, None, None, None, None, True) for name, code in columns)


def test_a_table_lines_up_chinese_text_and_puts_numbers_right() -> None:
    lines = list(table(shape(("id", 3), ("名字", 253)), [(1, "王芳"), (200, "ada"), (None, None)]))
    assert lines == [
        "+------+------+",
        "| id   | 名字 |",
        "+------+------+",
        "|    1 | 王芳 |",
        "|  200 | ada  |",
        "| NULL | NULL |",
        "+------+------+",
    ]


def test_control_characters_cannot_reach_the_terminal() -> None:
    lines = "\n".join(table(shape(("x", 253)), [("a\x1b]0;owned\x07b\nc",), (b"\x00\xff",), ("\u202eevil",)]))
    assert "\x1b" not in lines and "\x07" not in lines and "\u202e" not in lines
    assert "a\\x1b]0;owned\\x07b\\nc" in lines
    assert "0x00FF" in lines


def test_vertical() -> None:
    lines = list(vertical(shape(("id", 3), ("name", 253)), [(1, "ada")]))
    assert lines == ["*************************** 1. row ***************************", "  id: 1", "name: ada"]


def test_tabs_escape_what_would_break_a_line() -> None:
    assert list(tabbed(shape(("a", 253), ("b", 3)), [("x\ty\nz\\", None)])) == ["a\tb", "x\\ty\\nz\\\\\tNULL"]
