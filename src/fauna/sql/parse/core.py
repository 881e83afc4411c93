"""The token stream that every grammar module reads from, and what all of them need: names, lists, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from fauna.errors import SqlError, error
from fauna.sql import lexer
from fauna.sql.ast import Expr, Query, TableName
from fauna.sql.lexer import END, INTEGER, QUOTED, STRING, WORD, Token
from fauna.sql.parse.keywords import NOT_TABLE_NAME, RESERVED

NEAR_CHARACTERS_MAX: Final = 80
DEPTH_MAX: Final = 64  # nested parentheses, subqueries and unary operators; each takes a handful of Python frames
CHAIN_MAX: Final = 200  # operators of one left-deep chain other than AND and OR, whose tree is kept shallow

# Levels of the operators, loosest first: an operand is parsed from a level upwards.
OR: Final = 1
XOR: Final = 2
AND: Final = 3
NOT: Final = 4
COMPARISON: Final = 5
PREDICATE: Final = 6  # a NOT LIKE b, which binds looser than a LIKE b
BETWEEN: Final = 7
LIKE: Final = 8
BIT_OR: Final = 9
BIT_AND: Final = 10
SHIFT: Final = 11
SUM: Final = 12
PRODUCT: Final = 13
POWER: Final = 14
CONCAT: Final = 15
UNARY: Final = 16
TOP: Final = 99

T = TypeVar("T")
_QUERY_GOES_ON: Final = frozenset(
    {"UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH", "FOR", "LOCK", "INTO"}
)
_OPENERS: Final = frozenset({"SELECT", "WITH", "VALUES"})


class Stream:
    """Tokens, a position, and the flags of the statement's sql_mode.

    token is the next token, not yet read.  `query` parses a whole query expression; it is handed in by the package so
    that the expression grammar does not import the query grammar (which imports it).
    """

    __slots__ = (
        "closing",
        "text",
        "flags",
        "tokens",
        "position",
        "token",
        "depth",
        "markers",
        "markers_allowed",
        "used_literals",
        "naming_literals",
        "query",
        "operation",
    )

    def __init__(self, text: str, flags: int, query: Callable[[Stream], Query], operation: Callable[[Stream, int], Expr]) -> None:
        self.text = text
        self.flags = flags
        self.tokens = lexer.tokenize(text, flags)
        self.position = 0
        self.token = self.tokens[0]
        self.depth = 0
        self.markers = 0
        self.markers_allowed = True
        self.closing: dict[int, int] | None = None
        self.used_literals: set[int] = set()
        self.naming_literals: set[int] = set()
        self.query = query
        self.operation = operation

    def expression(self) -> Expr:
        """A whole expression."""
        return self.operation(self, OR)

    # ── moving ──

    def advance(self) -> Token:
        """Read the next token."""
        token = self.token
        self.position += 1
        self.token = self.tokens[self.position]
        return token

    def peek(self, ahead: int = 1) -> Token:
        """The token after the next one (or further); END past the end."""
        position = self.position + ahead
        return self.tokens[position] if position < len(self.tokens) else self.tokens[-1]

    def mark(self) -> tuple[int, int]:
        return self.position, self.markers

    def back_to(self, mark: tuple[int, int]) -> None:
        """Forget what was read since `mark`.  (Literals read meanwhile are read again.)"""
        self.position, self.markers = mark
        self.token = self.tokens[self.position]

    def enter(self) -> None:
        """One level deeper; the caller subtracts it again."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise error("STACK_OVERRUN_NEED_MORE", DEPTH_MAX)

    # ── keywords and operators ──

    def at(self, key: str) -> bool:
        return self.token.key == key

    def at_words(self, *words: str) -> bool:
        """Whether the next tokens are these words."""
        tokens, position = self.tokens, self.position
        return position + len(words) <= len(tokens) and all(
            tokens[position + offset].key == word for offset, word in enumerate(words)
        )

    def accept(self, key: str) -> bool:
        """Read the keyword or operator if it is next."""
        if self.token.key == key:
            self.position += 1
            self.token = self.tokens[self.position]
            return True
        return False

    def accept_words(self, *words: str) -> bool:
        """Read these words if all of them come next."""
        if self.at_words(*words):
            self.position += len(words)
            self.token = self.tokens[self.position]
            return True
        return False

    def accept_by(self, word: str) -> bool:
        """Read ORDER BY, GROUP BY or PARTITION BY if its first word is next."""
        if self.accept(word):
            self.expect("BY")
            return True
        return False

    def accept_any(self, *keys: str) -> str:
        """Read one of these and return it; '' when none is next."""
        key = self.token.key
        if key and key in keys:
            self.advance()
            return key
        return ""

    def expect(self, key: str) -> Token:
        if self.token.key != key:
            self.fail()
        return self.advance()

    def expect_words(self, *words: str) -> None:
        for word in words:
            self.expect(word)

    def expect_any(self, *keys: str) -> str:
        return self.accept_any(*keys) or self.fail()

    def fail(self, token: Token | None = None) -> NoReturn:
        """Raise 1064 at the token (the next one, when not said)."""
        raise self.syntax_error(token)

    def syntax_error(self, token: Token | None = None) -> SqlError:
        token = token or self.token
        start = token.end if token.key == "," else token.start  # so does MariaDB
        near = self.text.rstrip("; \t\r\n\v\f\0")[start:][:NEAR_CHARACTERS_MAX]
        return error("PARSE", near, self.text.count("\n", 0, start) + 1)

    # ── names ──

    def name(self) -> str:
        """An identifier: quoted, or any word that is not reserved."""
        token = self.token
        if token.kind == QUOTED or (token.kind == WORD and token.key not in RESERVED):
            self.advance()
            return str(token.value)
        self.fail()

    def name_after_dot(self) -> str:
        """Right after a dot every word is a name (after a dot and a space only one that is not reserved)."""
        token = self.token
        if token.kind not in (QUOTED, WORD) or (token.key in RESERVED and token.start != self.tokens[self.position - 1].end):
            self.fail()
        return str(self.advance().value)

    def at_name(self) -> bool:
        token = self.token
        return token.kind == QUOTED or (token.kind == WORD and token.key not in RESERVED)

    def name_or_string(self) -> str:
        return str(self.advance().value) if self.token.kind == STRING else self.name()

    def word(self) -> str:
        """Any word or quoted name, reserved or not (character sets, engines, values of options)."""
        if self.token.kind not in (QUOTED, WORD, STRING):
            self.fail()
        return str(self.advance().value)

    def table_name(self) -> TableName:
        token = self.token
        if token.kind == QUOTED or (token.kind == WORD and token.key not in NOT_TABLE_NAME):
            first = str(self.advance().value)
        elif token.key == "." and self.peek().kind in (WORD, QUOTED):  # `.t`, as ODBC writes
            first = ""
        else:
            self.fail()
        if self.accept("."):
            return TableName(self.name_after_dot(), first or None)
        return TableName(first)

    # ── lists ──

    def list_of(self, item: Callable[[], T]) -> tuple[T, ...]:
        """item {, item}"""
        items = [item()]
        while self.accept(","):
            items.append(item())
        return tuple(items)

    def parenthesised(self, item: Callable[[], T]) -> tuple[T, ...]:
        """( item {, item} )"""
        self.expect("(")
        items = self.list_of(item)
        self.expect(")")
        return items

    def at_query(self) -> bool:
        """Whether what starts here is a query, perhaps in parentheses.

        `((SELECT 1) UNION SELECT 2)` is; `((SELECT 1) + 1)` and `((SELECT 1) a JOIN b)` are not: what follows an inner
        parenthesis tells.  Decided by looking ahead, so that nothing is ever parsed twice.
        """
        first = self.position
        innermost = first
        while self.tokens[innermost].key == "(":
            innermost += 1
        opener = self.tokens[innermost].key
        if opener not in _OPENERS or (opener == "VALUES" and innermost == first):
            return False
        closing = self._closing()
        for position in range(innermost - 1, first, -1):
            end = closing.get(position)
            if end is None:
                return True  # never closed: an error wherever it is reported
            following = self.tokens[end + 1].key
            if following in _QUERY_GOES_ON:
                return True
            if following != ")":
                return False
        return True

    def _closing(self) -> dict[int, int]:
        """Where each parenthesis closes, by positions of tokens."""
        if self.closing is None:
            self.closing = {}
            open_: list[int] = []
            for position, token in enumerate(self.tokens):
                if token.key == "(":
                    open_.append(position)
                elif token.key == ")" and open_:
                    self.closing[open_.pop()] = position
        return self.closing

    # ── small values ──

    def integer(self) -> int:
        """An integer literal that the syntax tree keeps as a number (a length, an option)."""
        if self.token.kind != INTEGER:
            self.fail()
        value = self.advance().value
        assert isinstance(value, int)
        return value

    def signed_integer(self) -> int:
        negative = self.accept("-")
        if not negative:
            self.accept("+")
        return -self.integer() if negative else self.integer()

    def string(self) -> str:
        """A string literal that the syntax tree keeps as text (a comment, a file name)."""
        if self.token.kind != STRING:
            self.fail()
        value = str(self.advance().value)
        while self.token.kind == STRING:
            value += str(self.advance().value)
        return value

    def source(self, start: int) -> str:
        """The text from `start` to the end of the last token read, as written."""
        return lexer.without_executable_marks(self.text[start : self.tokens[self.position - 1].end]) if self.position else ""

    def at_end(self) -> bool:
        token = self.token
        return token.kind == END or token.key == ";"

    def if_exists(self) -> bool:
        if not self.accept("IF"):
            return False
        self.expect("EXISTS")
        return True

    def if_not_exists(self) -> bool:
        if not self.accept("IF"):
            return False
        self.expect_words("NOT", "EXISTS")
        return True
