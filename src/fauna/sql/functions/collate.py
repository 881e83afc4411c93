"""Comparing and searching text under a collation, character by character.

The functions here fold each character to one representative, so that positions stay what they were: INSTR, LOCATE,
REPLACE, FIND_IN_SET and regular expressions need that.  Ordering and equality of whole values are the engine's
collations' work, not this module's.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

_SPECIAL: Final = {"ß": "S", "ſ": "S", "ı": "I", "ẞ": "S"}


class _Folded(dict[int, str]):
    """character -> its representative, found when first asked for; bounded by the number of characters there are."""

    def __init__(self, *, accents: bool) -> None:
        super().__init__()
        self._accents = accents

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code > 0xFFFF:
            folded = "\ufffd"  # general_ci gives all characters beyond the BMP one weight
        else:
            folded = _SPECIAL.get(char) or _upper(char)
            if not self._accents:
                base = unicodedata.normalize("NFD", folded)[0]
                folded = _SPECIAL.get(base) or _upper(base)
        self[code] = folded
        return folded


def _upper(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 else char


_CI: Final = _Folded(accents=False)
_CI_AS: Final = _Folded(accents=True)


@cache
def is_case_insensitive(collation: str) -> bool:
    return "_ci" in collation


def fold(text: str, collation: str) -> str:
    """`text` with every character replaced by its representative; of the same length."""
    if not is_case_insensitive(collation):
        return text
    if text.isascii():
        return text.upper()
    return text.translate(_CI_AS if "_as_" in collation else _CI)


def pads(collation: str) -> bool:
    """Whether trailing spaces do not count."""
    return "nopad" not in collation and "_0900_" not in collation and collation != "binary"


def compare_key(text: str | bytes, collation: str) -> str | bytes:
    """Equal for texts that are equal under the collation."""
    if isinstance(text, bytes):
        return text
    folded = fold(text, collation)
    return folded.rstrip(" ") if pads(collation) else folded
