"""Splitting what is typed or piped into the shell into statements.

A statement ends at the delimiter (`;`, or what DELIMITER set), at `\\g`, or at `\\G` (show it vertically); quotes and
comments are respected.  The splitter is fed lines and remembers where it is, so that a file of any size streams through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_DELIMITER: Final = re.compile(r"^\s*delimiter\s+(\S+)\s*$", re.IGNORECASE)
_LINE_COMMENT: Final = re.compile(r"--(?=[\s]|$)|#")
_EXECUTABLE: Final = re.compile(r"/\*M?!")
_PLAIN: Final = re.compile(r"[^'\"`\\#/*;\-\n$|@!~^&%+,.()<>=]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement, the line it began on, and whether it asked for the vertical form."""

    text: str
    line: int
    vertical: bool = False


class Splitter:
    """Feed it lines; it gives back the statements that they complete."""

    def __init__(self) -> None:
        self.delimiter = ";"
        self._line = 0
        self._start = 1
        self._begun = False  # something other than white space is in `_text`
        self._text: list[str] = []
        self._quote = ""  # the quote or comment that is open: ', ", ` or */

    @property
    def pending(self) -> bool:
        """Whether a statement has begun and not ended."""
        return self._begun or bool(self._quote)

    @property
    def inside(self) -> str:
        """What is open: a quote character, '*/' for a comment, '' for neither."""
        return self._quote

    def feed(self, line: str) -> Iterator[Piece]:
        """The statements that end on this line."""
        self._line += 1
        change = None if self.pending else _DELIMITER.match(line)
        if change:
            self.delimiter = change[1]
            return
        position = 0
        while position < len(line):
            position, piece = self._step(line, position)
            if piece is not None:
                yield piece
        if not line.endswith("\n"):
            self._text.append("\n")

    def finish(self) -> Piece | None:
        """What is left at the end of the input: a last statement may lack its delimiter."""
        return self._take(False)

    def _step(self, line: str, at: int) -> tuple[int, Piece | None]:
        if self._quote:
            return self._inside(line, at), None
        if line.startswith(self.delimiter, at):
            return at + len(self.delimiter), self._take(False)
        if line[at] == "\\" and line[at + 1 : at + 2] in ("g", "G"):
            return at + 2, self._take(line[at + 1] == "G")
        if _LINE_COMMENT.match(line, at):
            self._keep(line[at:], comment=True)
            return len(line), None
        if line.startswith("/*", at):
            self._quote = "*/"
            self._keep("/*", comment=not _EXECUTABLE.match(line, at))
            return at + 2, None
        if line[at] in "'\"`":
            self._quote = line[at]
            self._keep(line[at])
            return at + 1, None
        plain = _PLAIN.match(line, at)
        end = plain.end() if plain and len(self.delimiter) == 1 and self.delimiter == ";" else at + 1
        self._keep(line[at:end])
        return end, None

    def _inside(self, line: str, at: int) -> int:
        end = line.find(self._quote, at)
        escape = line.find("\\", at) if self._quote in ("'", '"') else -1
        if 0 <= escape < (end if end >= 0 else len(line)):
            self._keep(line[at : escape + 2])
            return escape + 2
        if end < 0:
            self._keep(line[at:], comment=self._quote == "*/")
            return len(line)
        end += len(self._quote)
        self._keep(line[at:end], comment=self._quote == "*/")
        self._quote = ""  # a doubled quote opens again at once, which comes to the same
        return end

    def _keep(self, text: str, *, comment: bool = False) -> None:
        if not self._begun and not comment and not text.isspace():
            self._begun, self._start = True, self._line
        self._text.append(text)

    def _take(self, vertical: bool) -> Piece | None:
        text = "".join(self._text).strip() if self._begun else ""  # comments alone are no statement
        self._text.clear()
        self._begun, self._quote = False, ""
        return Piece(text, self._start, vertical) if text else None


def split(lines: Iterable[str]) -> Iterator[Piece]:
    """All statements of `lines`."""
    splitter = Splitter()
    for line in lines:
        yield from splitter.feed(line)
    last = splitter.finish()
    if last is not None:
        yield last
