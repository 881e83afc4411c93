"""Text to syntax tree: MariaDB 10.11's grammar by recursive descent.

For: `parse(text)`, which answers one statement as `sql.ast` nodes, or raises what MariaDB would (1064 with the same
near text, 1065 for an empty statement, 1235 for grammar that is understood and not supported).
Not for: resolving names, types, or the existence of anything.

Invariants
- No input makes it recurse without bound: parentheses, subqueries and prefix operators nest `core.DEPTH_MAX` deep,
  chains of operators are read in loops, and long AND/OR chains become shallow trees.
- A Literal's `index` is the number the lexer gave it, so literals lifted by `sql.shape` fit the tree.
- Every number and string that is *not* a Literal with an index in the tree (a type's length, adjacent strings, DATE '…')
  is named in `Parsed.structural`: a plan may be shared only between texts that agree on those.

Reading order: statements → query → expressions → functions; core is the token stream under all of them.

Known limits: see docs/architecture/sql-front-end.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from fauna.sql import lexer
from fauna.sql.ast import Expr, Statement
from fauna.sql.parse import procedures
from fauna.sql.parse.core import OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.query import query
from fauna.sql.parse.statements import statement


class ParseMode(IntFlag):
    """The flags of sql_mode that change how text is read."""

    NONE = 0
    ANSI_QUOTES = lexer.ANSI_QUOTES
    PIPES_AS_CONCAT = lexer.PIPES_AS_CONCAT
    NO_BACKSLASH_ESCAPES = lexer.NO_BACKSLASH_ESCAPES
    HIGH_NOT_PRECEDENCE = lexer.HIGH_NOT_PRECEDENCE
    IGNORE_SPACE = lexer.IGNORE_SPACE


@dataclass(frozen=True, slots=True)
class Parsed:
    """statement   the syntax tree
    literals       how many liftable literals the text has
    markers        how many `?` it has
    structural     numbers of the literals that shaped the tree itself and have no slot in it
    naming         numbers of the literals whose text is part of a column's name, as in SELECT a + 1: a plan whose
                   result columns carry names may be shared only between texts that agree on those, too"""

    statement: Statement
    literals: int
    markers: int
    structural: tuple[int, ...]
    naming: tuple[int, ...]


def parse(text: str, mode: int = 0, *, markers: bool = True) -> Statement:
    """The statement that the text is; a semicolon may end it, nothing may follow.  `markers`: whether `?` may stand in it."""
    return parse_full(text, mode, markers=markers).statement


def parse_full(text: str, mode: int = 0, *, markers: bool = True) -> Parsed:
    """The statement, and what a plan cache must know about its literals; `markers`: whether `?` may stand in it."""
    p = Stream(text, int(mode), query, operation)
    p.markers_allowed = markers
    found = statement(p)
    while p.accept(";"):
        pass
    if p.token.kind != lexer.END:
        p.fail()
    literals = sum(1 for token in p.tokens if token.literal_index is not None)
    structural = tuple(index for index in range(literals) if index not in p.used_literals)
    return Parsed(found, literals, p.markers, structural, tuple(sorted(p.naming_literals)))


def parse_body(text: str, mode: int = 0) -> tuple[Statement, ...]:
    """The statements of a procedure's body as the catalog keeps it."""
    p = Stream(text, int(mode), query, operation)
    found = procedures.block(p, statement)
    if p.token.kind != lexer.END:
        p.fail()
    return found


def parse_expression(text: str, mode: int = 0) -> Expr:
    """An expression alone: a CHECK, a default or a generated column as the catalog keeps it."""
    p = Stream(text, int(mode), query, operation)
    found = operation(p, OR)
    if p.token.kind != lexer.END:
        p.fail()
    return found
