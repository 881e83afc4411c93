"""Damaged statements: always an answer or a FaunaError, never anything else, and never for long."""

from __future__ import annotations

import random
from pathlib import Path

from fauna.errors import FaunaError
from fauna.sql.deparse import deparse_query
from fauna.sql.lexer import tokenize
from fauna.sql.parse import parse
from fauna.sql.parse.keywords import RESERVED
from fauna.sql.shape import lift, split_statements

VALID = (Path(__file__).parent / "statements" / "valid.sql").read_text().splitlines()
_WORDS = (
    *sorted(RESERVED),
    "(",
    ")",
    ",",
    "'",
    '"',
    "`",
    "/*",
    "*/",
    "--",
    "#",
    ";",
    "@",
    "@@",
    ".",
    "\\",
    "\x00",
    "\x01",
    "\udcff",
    "1e999",
    "0x",
    "?",
)


def mutate(rng: random.Random, text: str) -> str:
    """One or a few words of the text dropped, doubled, swapped or replaced."""
    words = [text[token.start : token.end] for token in tokenize(text)]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        action = rng.randrange(4)
        if action == 0:
            del words[at]
        elif action == 1:
            words.insert(at, rng.choice(words))
        elif action == 2:
            words.insert(at, rng.choice(_WORDS))
        else:
            words[at] = rng.choice(_WORDS)
        if not words:
            break
    return " ".join(words)


def test_damaged_statements() -> None:
    rng = random.Random(1)
    for _ in range(15_000):
        text = mutate(rng, rng.choice(VALID))
        lift(text)
        split_statements(text)
        try:
            statement = parse(text)
        except FaunaError:
            continue
        query = getattr(statement, "query", None)
        if query is not None:
            deparse_query(query)
