"""How the shell prints results: a table, vertically, or separated by tabs.  Pure functions from rows to lines.

Widths count terminal cells, so that Chinese, Japanese and Korean text lines up.  Control characters are shown as
escapes: a value must not be able to move the cursor or retitle the window of whoever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wcwidth import wcswidth

from fauna.client.link import Shape

NUMBER_CODES: Final = frozenset({0, 1, 2, 3, 4, 5, 8, 9, 13, 246})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NAMED: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return _NAMED.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")


def shown(value: Any) -> str:
    """A value as one line of printable text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return "0x" + value.hex().upper()
        if _CONTROL.search(text):
            return "0x" + value.hex().upper()
        return text
    return _CONTROL.sub(_escaped, str(value))


def width(text: str) -> int:
    """Terminal cells of a text without control characters."""
    if text.isascii():
        return len(text)
    cells: int = wcswidth(text)
    return cells if cells >= 0 else len(text)


def _pad(text: str, cells: int, right: bool) -> str:
    space = " " * (cells - width(text))
    return space + text if right else text + space


def table(shape: Shape, rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """An aligned table with a frame; numbers to the right."""
    body = [[shown(value) for value in row] for row in rows]
    names = [shown(name) for name in shape.names]
    widths = [width(name) for name in names]
    for row in body:
        widths = [max(cells, width(text)) for cells, text in zip(widths, row, strict=True)]
    right = [column.type_code in NUMBER_CODES for column in shape.columns]
    frame = "+" + "+".join("-" * (cells + 2) for cells in widths) + "+"
    yield frame
    yield _table_line(names, widths, [False] * len(widths))
    yield frame
    for row in body:
        yield _table_line(row, widths, right)
    yield frame


def _table_line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = (_pad(text, size, side) for text, size, side in zip(texts, widths, right, strict=True))
    return "| " + " | ".join(cells) + " |"


def vertical(shape: Shape, rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """One line for each value, as `\\G` asks for."""
    names = [shown(name) for name in shape.names]
    widest = max(map(width, names), default=0)
    for number, row in enumerate(rows, 1):
        yield f"*************************** {number}. row ***************************"
        for name, value in zip(names, row, strict=True):
            yield f"{_pad(name, widest, True)}: {shown(value)}"


def tabbed(shape: Shape, rows: Iterable[Sequence[Any]], *, header: bool = True) -> Iterator[str]:
    """Values separated by tabs, as the mariadb client prints to a pipe: \\t, \\n, \\\\ and \\0 are escaped."""
    if header:
        yield "\t".join(_tab_escaped(name) for name in shape.names)
    for row in rows:
        yield "\t".join(_tab_escaped(value) for value in row)


def _tab_escaped(value: Any) -> str:
    if value is None:
        return "NULL"
    text = value
    if isinstance(value, bytes):
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return "0x" + value.hex().upper()
    return str(text).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
