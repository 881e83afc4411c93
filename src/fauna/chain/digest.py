"""A text with its SHA-256 before it: for what is stored and in no block, so that a byte that has changed in it is noticed."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_HEX: Final = 64


def with_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() + text


def without_digest(stored: str) -> str:
    """The text; ValueError when it is not the one that was given to `with_digest`."""
    text = stored[_HEX:]
    if sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != stored[:_HEX]:
        raise ValueError("its digest does not fit")
    return text
