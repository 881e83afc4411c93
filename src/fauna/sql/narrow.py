"""The way out of narrow decimals: what is raised when a scaled integer leaves 64 bits."""

from __future__ import annotations

from typing import Final

from fauna.errors import FaunaError

INT64_LIMIT: Final = 1 << 63


class NarrowOverflow(FaunaError):
    """A DECIMAL left 64 bits; never reaches a client: the statement is bound again with wide decimals."""


def narrow(value: int) -> int:
    """`value`, which must fit 64 bits."""
    if not -INT64_LIMIT <= value < INT64_LIMIT:
        raise NarrowOverflow
    return value
