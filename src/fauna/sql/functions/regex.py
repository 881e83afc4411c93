"""Regular expressions: REGEXP, REGEXP_REPLACE, REGEXP_INSTR, REGEXP_SUBSTR.

MariaDB uses PCRE; Python's `re` agrees with it on all common syntax, after POSIX classes and a few escapes have been
translated.  Case follows the collation: _ci ignores it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from fauna.catalog.types import Kind, SqlType
from fauna.errors import error
from fauna.sql.functions.collate import is_case_insensitive
from fauna.sql.functions.registry import Arg, ArgInfo, Function, register
from fauna.sql.functions.results import BLOB_WIDTH, collation_of, fixed, int_type, same_width, string_type

Text = str | bytes
PATTERN_MAX: Final = 32_764  # characters; where MariaDB says that the expression is too large
_POSIX: Final = {
    "alpha": "^\\W\\d_",
    "digit": "\\d",
    "alnum": "^\\W_",
    "upper": "A-Z",
    "lower": "a-z",
    "space": "\\s",
    "blank": " \\t",
    "punct": "!-/:-@\\[-`{-~",
    "cntrl": "\\x00-\\x1f\\x7f",
    "print": "\\x20-\\x7e",
    "graph": "\\x21-\\x7e",
    "xdigit": "0-9A-Fa-f",
    "word": "\\w",
}
# Inside a bracket a negated set cannot be spelled, so these are taken as the letters of ASCII and Latin scripts.
_INSIDE: Final = {"alpha": "A-Za-z\\u00c0-\\u024f\\u0370-\\uffdc", "alnum": "0-9A-Za-z\\u00c0-\\u024f\\u0370-\\uffdc"}
_ALONE = re.compile(r"\[\[:(\w+):\]\]")
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")
_ESCAPES: Final = {
    "\\h": "[ \\t\\xa0]",
    "\\R": "(?:\\r\\n|[\\n\\v\\f\\r])",
    "\\z": "\\Z",
    "\\Z": "(?=\\n?\\Z)",
    "\\E": "",
    "\\K": "",
}
_ERRORS: Final = {
    "missing ), unterminated subpattern": "missing closing parenthesis",
    "unterminated character set": "missing terminating ] for character class",
    "nothing to repeat": "quantifier does not follow a repeatable item",
    "multiple repeat": "quantifier does not follow a repeatable item",
    "min repeat greater than max repeat": "numbers out of order in {} quantifier",
    "unbalanced parenthesis": "unmatched closing parenthesis",
    "bad escape (end of pattern)": "\\ at end of pattern",
    "look-behind requires fixed-width pattern": "lookbehind assertion is not fixed length",
}


class _Translation:
    """PCRE's syntax turned into that of `re`, character by character."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.pos = pattern, 0
        self.out: list[str] = []

    def run(self) -> str:
        pattern, size = self.pattern, len(self.pattern)
        while self.pos < size:
            char = pattern[self.pos]
            if char == "\\":
                self.escape()
            elif char == "[":
                self.bracket()
            elif pattern.startswith("(?<", self.pos) and pattern[self.pos + 3 : self.pos + 4].isidentifier():
                self.add("(?P<", 3)
            else:
                self.add(char, 1)
        return "".join(self.out)

    def add(self, text: str, length: int) -> None:
        self.out.append(text)
        self.pos += length

    def escape(self) -> None:
        pair = self.pattern[self.pos : self.pos + 2]
        if pair == "\\Q":
            end = self.pattern.find("\\E", self.pos)
            literal = self.pattern[self.pos + 2 : end if end >= 0 else None]
            self.add(re.escape(literal), len(literal) + (4 if end >= 0 else 2))
        else:
            self.add(_ESCAPES.get(pair, pair), 2)

    def bracket(self) -> None:
        """A character class; inside it `re` warns of characters that may get a meaning some day, so they are escaped."""
        pattern = self.pattern
        for word, meaning in (("[[:<:]]", r"\b(?=\w)"), ("[[:>:]]", r"\b(?<=\w)")):
            if pattern.startswith(word, self.pos):
                self.add(meaning, len(word))
                return
        alone = _ALONE.match(pattern, self.pos)
        if alone:
            self.add(f"[{_posix(alone[1], _POSIX)}]", len(alone[0]))
            return
        self.add("[", 1)
        if pattern.startswith("^", self.pos):
            self.add("^", 1)
        if pattern.startswith("]", self.pos):
            self.add("\\]", 1)
        while self.pos < len(pattern):
            char = pattern[self.pos]
            known = _POSIX_CLASS.match(pattern, self.pos)
            if known:
                self.add(_posix(known[1], {**_POSIX, **_INSIDE}), len(known[0]))
            elif char == "\\":
                self.add(pattern[self.pos : self.pos + 2], 2)
            elif char in "[&~|" or pattern.startswith("--", self.pos):
                self.add("\\" + char, 1)
            else:
                self.add(char, 1)
                if char == "]":
                    return


def _posix(name: str, classes: dict[str, str]) -> str:
    if name not in classes:
        raise error("REGEXP", "unknown POSIX class name at offset 0")
    return classes[name]


@lru_cache(maxsize=512)
def compile_pattern(pattern: Text, collation: str, options: str = "") -> re.Pattern[Any]:
    """The compiled pattern; error 1139 when it is none.  `options`: MySQL's match_type letters."""
    flags = re.IGNORECASE if is_case_insensitive(collation) else 0
    for letter in options:
        if letter == "c":
            flags &= ~re.IGNORECASE
        else:
            flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "n": re.DOTALL}.get(letter, 0)
    binary = isinstance(pattern, bytes)
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    if len(text) > PATTERN_MAX:
        raise error("REGEXP", f"regular expression is too large at offset {len(text)}")
    translated = _Translation(text).run()
    try:
        return re.compile(translated.encode("latin-1"), flags & ~re.IGNORECASE) if binary else re.compile(translated, flags)
    except (re.error, OverflowError, RecursionError) as err:
        message = getattr(err, "msg", str(err))
        position = getattr(err, "pos", None)
        if message.startswith(("missing )", "unterminated character set")):
            position = len(text)
        elif message.startswith("min repeat") and position is not None:
            position = text.find("}", position)
        known = _ERRORS.get(message, message)
        raise error("REGEXP", f"{known} at offset {position if position is not None else 0}") from None


def _pair(text: Text, pattern: Text) -> tuple[Text, Text]:
    if isinstance(text, bytes) == isinstance(pattern, bytes):
        return text, pattern
    return (text if isinstance(text, bytes) else text.encode()), (pattern if isinstance(pattern, bytes) else pattern.encode())


def regexp_like(text: Text, pattern: Text, *rest: str) -> int:
    """`text REGEXP pattern`: the collation is the last argument."""
    *options, collation = rest
    text, pattern = _pair(text, pattern)
    return int(compile_pattern(pattern, collation, options[0] if options else "").search(text) is not None)


_BACK_REFERENCE = re.compile(r"\\(.)", re.DOTALL)


def _expand(match: re.Match[Any], replacement: str) -> str:
    def group(reference: re.Match[str]) -> str:
        what = reference[1]
        if not what.isdigit():
            return what
        return (match.group(int(what)) or "") if int(what) <= match.re.groups else ""

    return _BACK_REFERENCE.sub(group, replacement)


def _replace(text: Text, pattern: Text, replacement: Text, *rest: Any) -> Text:
    *options, collation = rest
    if isinstance(text, bytes):
        done = _replace(text.decode("latin-1"), _latin(pattern), _latin(replacement), *options, "binary")
        return done.encode("latin-1", "replace") if isinstance(done, str) else done
    start = options[0] - 1 if options else 0
    occurrence = options[1] if len(options) > 1 else 0
    compiled = compile_pattern(_latin(pattern), collation, options[2] if len(options) > 2 else "")
    new = _latin(replacement)
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        if not match.group():
            return ""  # MariaDB leaves empty matches alone
        count += 1
        return _expand(match, new) if occurrence in (0, count) else match.group()

    return text[:start] + compiled.sub(one, text[start:])


def _latin(text: Text) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def _nth(text: Text, pattern: Text, options: Sequence[Any], collation: str, type_at: int) -> re.Match[Any] | None:
    text, pattern = _pair(text, pattern)
    compiled = compile_pattern(pattern, collation, options[type_at] if len(options) > type_at else "")
    start = min(options[0] - 1, len(text)) if options else 0
    occurrence = max(options[1] if len(options) > 1 else 1, 1)
    for index, match in enumerate(compiled.finditer(text, max(start, 0)), 1):
        if index == occurrence:
            return match
    return None


def _instr(text: Text, pattern: Text, *rest: Any) -> int:
    *options, collation = rest
    match = _nth(text, pattern, options, collation, 3)
    if match is None:
        return 0
    return (match.end() if len(options) > 2 and options[2] else match.start()) + 1


def _substr(text: Text, pattern: Text, *rest: Any) -> Text:
    *options, collation = rest
    match = _nth(text, pattern, options, collation, 2)
    found: Text = match.group() if match else text[:0]
    return found


def _replace_rule(args: Sequence[ArgInfo]) -> SqlType:
    return string_type(BLOB_WIDTH, collation_of(args[:1]))


_S: Final = Arg.STRING
_I: Final = Arg.INTEGER
_FLAG: Final = fixed(SqlType(Kind.INT, 1))
register(Function("REGEXP_LIKE", (_S,), 2, 3, _FLAG, regexp_like, bytes_too=True, collate_args=True))
register(Function("REGEXP_REPLACE", (_S, _S, _S, _I, _I, _S), 3, 6, _replace_rule, _replace, bytes_too=True, collate_args=True))
register(
    Function(
        "REGEXP_INSTR", (_S, _S, _I, _I, _I, _S), 2, 6, int_type(11), _instr, nullable=False, bytes_too=True, collate_args=True
    )
)
register(Function("REGEXP_SUBSTR", (_S, _S, _I, _I, _S), 2, 5, same_width(), _substr, bytes_too=True, collate_args=True))
