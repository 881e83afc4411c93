"""The text of golden scripts: reading it, and writing it with new answers.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

SQL_DIRECTORY = Path(__file__).parent / "sql"
FULL_METADATA = "@metadata full"
_STATEMENT = re.compile(r"^(?P<sorted>\?)?(?P<session>[a-z]?)> ?(?P<sql>.*)$")
_LATER = re.compile(r"^(?P<session>[a-z]): (?P<line>.*)$")


@dataclass
class Statement:
    """One statement, who runs it and what must come back.

    `answer` are the lines of its own answer, `later` those of blocked statements of others that ended after it.
    """

    sql: str
    session: str = "a"
    sorted: bool = False
    full_metadata: bool = False
    line: int = 0
    before: list[str] = field(default_factory=list)  # comments, blank lines and directives above it, as they stand
    answer: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)

    @property
    def expected(self) -> str:
        return "\n".join(self.answer + self.later)


@dataclass
class Script:
    name: str
    statements: list[Statement]
    after: list[str] = field(default_factory=list)

    @property
    def sessions(self) -> set[str]:
        return {s.session for s in self.statements}


def names(directory: Path = SQL_DIRECTORY) -> list[str]:
    """All scripts, as "folder/name"."""
    return sorted(str(p.relative_to(directory).with_suffix("")) for p in directory.rglob("*.test"))


def path_of(name: str) -> Path:
    return SQL_DIRECTORY / f"{name}.test"


def load(name: str) -> Script:
    return parse(name, path_of(name).read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Script:
    statements: list[Statement] = []
    before: list[str] = []
    full = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(">>"):
            statements[-1].sql += "\n" + line[3:]
        elif match := _STATEMENT.match(line):
            session = match["session"] or "a"
            statements.append(Statement(match["sql"], session, bool(match["sorted"]), full, number, before))
            before = []
        elif not line or line.startswith("#") or line == FULL_METADATA:
            before.append(line)
            full = full or line == FULL_METADATA
        elif not statements:
            raise ValueError(f"{name}:{number}: an answer without a statement: {line!r}")
        elif later := _LATER.match(line):
            statements[-1].later.append(line)
            assert later["session"]
        else:
            statements[-1].answer.append(line)
    return Script(name, statements, before)


def expect(statement: Statement, lines: list[str]) -> None:
    """Take other lines as what must come back."""
    statement.later = [line for line in lines if _LATER.match(line)]
    statement.answer = [line for line in lines if not _LATER.match(line)]


def write(script: Script) -> str:
    lines: list[str] = []
    for s in script.statements:
        lines += s.before
        prefix = ("?" if s.sorted else "") + (s.session if s.session != "a" or len(script.sessions) > 1 else "") + "> "
        first, *rest = s.sql.split("\n")
        lines += [prefix + first, *(f">> {line}" for line in rest), *s.answer, *s.later]
    return "\n".join(lines + script.after).rstrip("\n") + "\n"
