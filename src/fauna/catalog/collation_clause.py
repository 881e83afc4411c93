"""CHARACTER SET and COLLATE clauses -> the collation they mean."""

from __future__ import annotations

from fauna.catalog.charsets import COLLATIONS, charset_of, must_charset, must_collation
from fauna.errors import error


def resolve(charset: str | None, collation: str | None, default: str) -> str:
    """The collation that the two clauses ask for; `default` when neither is given."""
    if collation is not None:
        found = must_collation(collation)
        if charset is not None and must_charset(charset).name != found.charset:
            raise error("COLLATION_CHARSET_MISMATCH", found.name, must_charset(charset).name)
        return found.name
    return must_charset(charset).default_collation if charset is not None else default


def bytes_per_character(collation: str) -> int:
    """At most, in the collation's character set; 1 for what has none."""
    return charset_of(collation).maxlen if collation in COLLATIONS else 1
