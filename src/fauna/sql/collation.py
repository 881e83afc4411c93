"""Comparing strings as MariaDB's collations do.

For: `compare`, `equal`, `sort_key`, `casefold_key` and `like` for a collation's name, and `register_collations`, which
makes every supported collation known to SQLite under MySQL's name.  Not for: names and numbers of collations
(catalog.charsets) and rules on which collation an operation uses (the binder).

How.  A collation is a table from code point to weights and a PAD attribute.  A string's *key* is a str whose
characters are the weights, so that Python's own comparison compares them.  The tables were taken from MariaDB itself
(tools/collation_weights.py); expansions ('ß' is 'ss' in unicode_ci) are in them; these collations have no contractions.

    PAD SPACE   the shorter key is continued with the weight of a space: 'a' = 'a  ', 'a\\t' < 'a'
    NO PAD      a prefix is smaller

Invariants: sort_key(a) < sort_key(b) exactly when compare(a, b) < 0, and keys do not depend on the other operand, so
they may be stored.  ASCII operands never load a table.

Known limits: languages that sort pairs of letters as one (Czech, Danish, Hungarian …) and the uca1400 collations are
known by name only: error 1235.  utf8mb4_0900_ai_ci compares by the weights of Unicode 5.2 instead of 9.0.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Final

import apsw

from fauna.catalog.charsets import RAW_BYTES, find_collation
from fauna.errors import error, unsupported

Compare = Callable[[str, str], int]
Fold = Callable[[str], str]

_BY_RULE: Final = 255
_PAGE: Final = 256
_LIKE_PATTERNS_MAX: Final = 1024
_CONTROLS: Final = bytes(range(32))
_LESS, _END, _GREATER = "\x01", "\x02", "\x03"  # after the weight of a space in a sort key: what follows its run


# ── weight tables ──────────────────────────────────────────────────────────────────────────────────────────────


def _identity_rule(code_point: int) -> str:
    return chr(code_point)


def _general_rule(code_point: int) -> str:
    return chr(code_point) if code_point <= 0xFFFF else "\ufffd"


def _unicode_520_rule(code_point: int) -> str:
    """The implicit weights of the Unicode collation algorithm."""
    base = 0xFBC0
    if 0x3400 <= code_point <= 0x4DB5:
        base = 0xFB80
    elif 0x4E00 <= code_point <= 0x9FA5 or 0xFA0E <= code_point <= 0xFA29:
        base = 0xFB40
    return chr(base + (code_point >> 15)) + chr((code_point & 0x7FFF) | 0x8000)


def _unicode_rule(code_point: int) -> str:
    return _unicode_520_rule(code_point) if code_point <= 0xFFFF else "\ufffd"


_RULES: Final[dict[str, Callable[[int], str]]] = {
    "general": _general_rule,
    "unicode": _unicode_rule,
    "unicode_520": _unicode_520_rule,
}


class WeightTable(dict[int, str]):
    """Code point -> its weights as a str.  Filled as code points are met; pages are unpacked when first touched."""

    def __init__(self, name: str) -> None:
        super().__init__()
        packed = resources.files("fauna.sql").joinpath(f"collation_weights/{name}.bin").read_bytes()
        self._data = zlib.decompress(packed)
        # A language's table holds only what differs from the unicode one.
        self._rule = _table("unicode").__getitem__ if name in _LANGUAGES else _RULES.get(name, _identity_rule)
        self._pages = self._index()

    def _index(self) -> dict[int, int]:
        """Page number -> where its counts begin."""
        pages, pos = {}, 0
        while pos < len(self._data):
            pages[int.from_bytes(self._data[pos : pos + 2], "big")] = pos + 2
            counts = self._data[pos + 2 : pos + 2 + _PAGE]
            pos += 2 + _PAGE + 2 * sum(count for count in counts if count != _BY_RULE)
        return pages

    def __missing__(self, code_point: int) -> str:
        page = code_point >> 8
        start = self._pages.get(page)
        if start is None:
            self[code_point] = weights = self._rule(code_point)
            return weights
        counts = self._data[start : start + _PAGE]
        pos = start + _PAGE
        for point, count in enumerate(counts, page << 8):
            if count == _BY_RULE:
                self[point] = self._rule(point)
                continue
            values = [int.from_bytes(self._data[at : at + 2], "big") for at in range(pos, pos + 2 * count, 2)]
            self[point] = "".join(map(chr, values))
            pos += 2 * count
        return self[code_point]


@lru_cache(maxsize=32)
def _table(name: str) -> WeightTable:
    return WeightTable(name)


_LANGUAGES: Final = frozenset(
    "swedish german2 polish romanian slovenian latvian estonian icelandic spanish turkish esperanto roman persian".split()
)
# Tables in which ASCII characters do not simply weigh what their upper-case letter does.
_UNICODE_TABLES: Final = _LANGUAGES | {"unicode", "unicode_520"}


# ── collators ──────────────────────────────────────────────────────────────────────────────────────────────────

# What MySQL calls the collation within its character set -> weight table ('' for code points as they are).
_TABLES: Final = {
    "general_ci": "general",
    "general_nopad_ci": "general",
    "unicode_ci": "unicode",
    "unicode_nopad_ci": "unicode",
    "unicode_520_ci": "unicode_520",
    "unicode_520_nopad_ci": "unicode_520",
    "0900_ai_ci": "unicode_520",
    "bin": "",
    "nopad_bin": "",
}
_UNICODE_CHARSETS: Final = frozenset({"utf8mb4", "utf8mb3", "ucs2", "utf16", "utf16le", "utf32", "ascii"})
_BYTE_TABLES: Final = {
    "latin1_swedish_ci": "latin1_swedish_ci",
    "latin1_swedish_nopad_ci": "latin1_swedish_ci",
    "latin1_bin": "latin1_bin",
    "latin1_nopad_bin": "latin1_bin",
}


def _table_name(collation: str) -> str | None:
    """The weight table of a collation, '' for none needed; None when the collation cannot be compared by."""
    found = find_collation(collation)
    if found is None:
        raise error("UNKNOWN_COLLATION", collation)
    if found.name == "binary":
        return ""
    if found.name in _BYTE_TABLES:
        return _BYTE_TABLES[found.name]
    if found.charset not in _UNICODE_CHARSETS:
        return None
    short = found.name[len(found.charset) + 1 :]
    language = short.removesuffix("_ci")
    return language if language in _LANGUAGES else _TABLES.get(short)


def is_supported(collation: str) -> bool:
    """Whether strings can be compared by it; raises 1273 for an unknown name."""
    return _table_name(collation) is not None


def _must_table(collation: str) -> str:
    table = _table_name(collation)
    if table is None:
        raise unsupported(f"COLLATE {collation}")
    return table


def _pads(collation: str) -> bool:
    found = find_collation(collation)
    return found is not None and found.pad


def _padded(a: str, b: str, space: str) -> int:
    """Compare two different keys, the shorter one continued with spaces."""
    if len(a) < len(b):
        a = a.ljust(len(b), space)
    elif len(b) < len(a):
        b = b.ljust(len(a), space)
    return -1 if a < b else a > b


@lru_cache(maxsize=512)
def compare(collation: str) -> Compare:
    """-1, 0 or 1, as MariaDB orders the two strings."""
    table, pads = _must_table(collation), _pads(collation)
    if table == "":
        return _compare_code_points_padded if pads else _compare_code_points
    if table in _UNICODE_TABLES:
        return _compare_unicode(table, pads)
    if table == "latin1_bin":
        return _compare_latin1_bin(pads)
    return _compare_upper(table, pads)


def _compare_latin1_bin(pads: bool) -> Compare:
    """By the byte; only '€' and the other characters of 0x80 … 0x9F are elsewhere in Unicode."""
    by_code_point = _compare_code_points_padded if pads else _compare_code_points

    def compare_bytes(a: str, b: str) -> int:
        if not (a.isascii() and b.isascii()):
            weights = _table("latin1_bin")
            a, b = a.translate(weights), b.translate(weights)
        return by_code_point(a, b)

    return compare_bytes


def _compare_code_points(a: str, b: str) -> int:
    return 0 if a == b else -1 if a < b else 1


def _compare_code_points_padded(a: str, b: str) -> int:
    return 0 if a == b else _padded(a, b, " ")


def _compare_upper(table: str, pads: bool) -> Compare:
    """ASCII characters weigh what their upper-case letter does; every character has one weight."""

    def compare_padded(a: str, b: str) -> int:
        if a == b:
            return 0
        if a.isascii() and b.isascii():
            a, b = a.upper(), b.upper()
        else:
            weights = _table(table)
            a, b = a.translate(weights), b.translate(weights)
        if len(a) != len(b):
            return _padded(a, b, " ")
        return -1 if a < b else a > b

    def compare_unpadded(a: str, b: str) -> int:
        if a == b:
            return 0
        if a.isascii() and b.isascii():
            a, b = a.upper(), b.upper()
        else:
            weights = _table(table)
            a, b = a.translate(weights), b.translate(weights)
        return -1 if a < b else a > b

    return compare_padded if pads else compare_unpadded


@lru_cache(maxsize=4)
def _ascii_ranks(table: str) -> tuple[bytes, bytes]:
    """(translation of ASCII bytes to ranks in the order of the table's weights, ignorable bytes).

    Translating bytes is several times faster in CPython than translating a str.
    """
    weights = _table(table)
    order = sorted({weights[point] for point in range(128)} - {""})
    rank = {weight: index for index, weight in enumerate(order)}
    ranks = bytes(rank.get(weights[point], 0) for point in range(128)) + bytes(range(128, 256))
    return ranks, bytes(point for point in range(128) if not weights[point])


def _compare_unicode(table: str, pads: bool) -> Compare:
    ranks = ignorable = rank_space = b""
    weight_space = ""

    def load() -> None:
        nonlocal ranks, ignorable, rank_space, weight_space
        weight_space = _table(table)[32]
        ranks, ignorable = _ascii_ranks(table)
        rank_space = ranks[32:33]

    def compare_keys(a: str, b: str) -> int:
        if a == b:
            return 0
        if not ranks:
            load()
        if a.isascii() and b.isascii():
            left = a.encode().translate(ranks, ignorable)
            right = b.encode().translate(ranks, ignorable)
            if pads and len(left) != len(right):
                size = max(len(left), len(right))
                left, right = left.ljust(size, rank_space), right.ljust(size, rank_space)
            return -1 if left < right else left > right
        weights = _table(table)
        a, b = a.translate(weights), b.translate(weights)
        if pads and len(a) != len(b):
            return _padded(a, b, weight_space)
        return -1 if a < b else a > b

    return compare_keys


def equal(collation: str) -> Callable[[str, str], bool]:
    """Whether the two strings are the same under the collation."""
    order = compare(collation)
    return lambda a, b: order(a, b) == 0


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _key(table: str) -> Fold:
    """A string's weights."""
    if table == "":
        return _same
    upper_is_enough = table not in _UNICODE_TABLES

    def key(text: str) -> str:
        return text.upper() if upper_is_enough and text.isascii() else text.translate(_table(table))

    if table == "latin1_bin":
        return lambda text: text if text.isascii() else text.translate(_table(table))
    return key


def _same(text: str) -> str:
    return text


def _space(table: str) -> str:
    return _table(table)[32] if table in _UNICODE_TABLES else " "


@lru_cache(maxsize=512)
def casefold_key(collation: str) -> Fold:
    """Equal exactly for equal strings: for grouping and hashing, not for ordering."""
    table = _must_table(collation)
    key = _key(table)
    if not _pads(collation):
        return key
    space = _space(table)
    return lambda text: key(text).rstrip(space)


@lru_cache(maxsize=512)
def sort_key(collation: str) -> Callable[[str], bytes]:
    """Bytes that order as the strings do."""
    table = _must_table(collation)
    key = _key(table)
    if collation == "binary":
        return _bytes_of
    if not _pads(collation):
        return lambda text: key(text).encode("utf-8", "surrogatepass")
    space = _space(table)

    def padded(text: str) -> bytes:
        return _padded_key(key(text).rstrip(space), space).encode("utf-8", "surrogatepass")

    if space != " ":
        return padded
    end, not_end = (" " + _END).encode(), (" " + _GREATER).encode()
    weights_of_bytes = key("".join(map(chr, range(128)))).encode() + bytes(range(128, 256))

    def quick(text: str) -> bytes:
        # ASCII with nothing below a space: what `_padded_key` gives then, without looking at each character.
        if text.isascii():
            data = text.encode()
            weighed = data.translate(weights_of_bytes, _CONTROLS)
            if len(weighed) == len(data):
                weighed = weighed.rstrip(b" ")
                return (weighed.replace(b" ", not_end) if b" " in weighed else weighed) + end
        return padded(text)

    return quick


def _bytes_of(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", RAW_BYTES)


def _padded_key(key: str, space: str) -> str:
    """A key that orders as if it went on with spaces for ever.

    After each space stands how the first weight behind its run compares with a space; the end of the string is a space
    that only spaces follow.
    """
    if not key or min(key) >= space:
        return key.replace(space, space + _GREATER) + space + _END
    out: list[str] = []
    mark = _END
    for char in reversed(key):
        if char == space:
            out.append(mark)
        else:
            mark = _LESS if char < space else _GREATER
        out.append(char)
    return "".join(reversed(out)) + space + _END


# ── LIKE ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Representatives(dict[int, str]):
    """Code point -> one character that stands for all of the same weights; ASCII letters stand in upper case."""

    def __init__(self, table: WeightTable) -> None:
        super().__init__()
        self._weights = table
        self._by_weights: dict[str, str] = {}
        for point in range(128):
            # Ignorable ones stand for themselves, so that `_fold` may leave ASCII texts to str.upper.
            upper = ord(chr(point).upper())
            letter = chr(upper) if table[upper] == table[point] else chr(point)
            self[point] = self._by_weights.setdefault(table[point], letter) if table[point] else letter

    def __missing__(self, code_point: int) -> str:
        weights = self._weights[code_point]
        # Characters that the table does not reach are equal in comparisons, yet LIKE tells them apart.
        found = chr(code_point) if weights == "\ufffd" else self._by_weights.setdefault(weights, chr(code_point))
        self[code_point] = found
        return found


@lru_cache(maxsize=32)
def _representatives(table: str) -> _Representatives:
    return _Representatives(_table(table))


def _fold(table: str) -> Fold:
    """Each character to one that stands for it: lengths stay, so that `_` is one character."""
    if table not in _UNICODE_TABLES:
        return _key(table)

    if table == "turkish":  # 'i' and 'I' are two letters
        return lambda text: text.translate(_representatives(table))

    def fold(text: str) -> str:
        return text.upper() if text.isascii() else text.translate(_representatives(table))

    return fold


def _like_parts(pattern: str, escape: str) -> list[str | None]:
    """Literal runs as str, '_' as '' and '%' as None."""
    parts: list[str | None] = []
    pos = 0
    while pos < len(pattern):
        char = pattern[pos]
        pos += 1
        if char == escape and pos < len(pattern):
            char = pattern[pos]
            pos += 1
        elif char == "%":
            if not parts or parts[-1] is not None:
                parts.append(None)
            continue
        elif char == "_":
            parts.append("")
            continue
        last = parts[-1] if parts else None
        if last:
            parts[-1] = last + char
        else:
            parts.append(char)
    return parts


@lru_cache(maxsize=_LIKE_PATTERNS_MAX)
def like(collation: str, pattern: str, escape: str = "\\") -> Callable[[str], bool]:
    """Whether a text matches the LIKE pattern, character by character under the collation; spaces count."""
    fold = _fold(_must_table(collation))
    parts = [fold(part) if part else part for part in _like_parts(pattern, escape)]
    test = _simple_test(parts)
    if fold is _same:
        return test
    return lambda text: test(fold(text))


def _simple_test(parts: list[str | None]) -> Callable[[str], bool]:
    """'abc', 'abc%', '%abc' and '%abc%' need no regular expression."""
    match parts:
        case []:
            return lambda text: not text
        case [str(word)] if word:
            return lambda text: text == word
        case [str(word), None] if word:
            return lambda text: text.startswith(word)
        case [None, str(word)] if word:
            return lambda text: text.endswith(word)
        case [None, str(word), None] if word:
            return lambda text: word in text
    fullmatch = re.compile(_expression(parts), re.DOTALL).fullmatch
    return lambda text: fullmatch(text) is not None


def _expression(parts: list[str | None]) -> str:
    """A regular expression that never goes back over a '%': the leftmost place for what follows one is as good as any.

    Without the atomic groups, '%a%a%a%b' would take time beyond all bounds on a long text of a's.
    """
    runs: list[str] = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += re.escape(part) if part else "."
    first, *others = runs
    if not others:
        return first
    return first + "".join(f"(?>.*?{run})" for run in others[:-1]) + ".*" + others[-1]


@lru_cache(maxsize=_LIKE_PATTERNS_MAX)
def ilike(pattern: bytes, escape: bytes = b"\\") -> Callable[[bytes], bool]:
    """LIKE over byte strings: byte by byte."""
    test = _simple_test(list(_like_parts(pattern.decode("latin-1"), escape.decode("latin-1"))))
    return lambda data: test(data.decode("latin-1"))


# ── SQLite ─────────────────────────────────────────────────────────────────────────────────────────────────────


def register_collations(connection: apsw.Connection) -> None:
    """Let SQLite ask for any supported collation by MySQL's name when it first needs it."""

    def needed(wanting: apsw.Connection, name: str) -> None:
        wanting.create_collation(name, compare(name))

    connection.collation_needed(needed)
