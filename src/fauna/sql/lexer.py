"""Text to tokens, by MariaDB's rules.

`tokenize` never fails: what it cannot read becomes an ERROR token, at which the parser then reports 1064; no token but
END comes after it (so that text full of quotes that never close is not searched again from each of them).  Executable
comments (`/*! … */`) are read as MariaDB 10.11 reads them: their content is part of the statement when the version in
them is not newer than ours, and skipped for 50700 … 99999, which MySQL's own dialect uses.
"""

from __future__ import annotations

import math
import re
from typing import Final

from fauna.errors import error

ANSI_QUOTES: Final = 1
PIPES_AS_CONCAT: Final = 2
NO_BACKSLASH_ESCAPES: Final = 4
HIGH_NOT_PRECEDENCE: Final = 8
IGNORE_SPACE: Final = 16

SERVER_VERSION: Final = 101114
_MYSQL_ONLY_VERSIONS: Final = range(50700, 100000)
# No MySQL and no MariaDB takes itself for this version: to them, what is marked so is a comment, which their tools keep.
PLACEMENT_VERSION: Final = 999999
_OURS: Final = re.compile(
    rf"/\*!{PLACEMENT_VERSION}\s+(?:BROADCAST|SINGLE|SYSTEM_VERSIONING_RETENTION\s*=\s*'[\w ]*')\s*\*/", re.IGNORECASE)

# Token kinds.
WORD: Final = "word"  # unquoted identifier or keyword; key is its upper case
QUOTED: Final = "quoted"  # `a` or, under ANSI_QUOTES, "a"
STRING: Final = "string"
NSTRING: Final = "nstring"  # N'…'
INTEGER: Final = "integer"
DECIMAL: Final = "decimal"
FLOAT: Final = "float"
HEX: Final = "hex"
BIT: Final = "bit"
VARIABLE: Final = "variable"  # @a
OP: Final = "op"  # key is the operator
END: Final = "end"
ERROR: Final = "error"

LITERALS: Final = frozenset({STRING, NSTRING, INTEGER, DECIMAL, FLOAT, HEX, BIT})

TokenValue = int | float | str | bytes | None


class Token:
    """One lexical unit.

    kind           one of the constants above
    key            upper-case word of a WORD, the operator of an OP, '' for all else (so that a quoted name is never a keyword)
    value          decoded value of a literal, name of an identifier or variable
    start, end     where it stands in the text
    literal_index  its number among the liftable literals, or None
    """

    __slots__ = ("kind", "key", "value", "start", "end", "literal_index")

    def __init__(self, kind: str, key: str, value: TokenValue, start: int, end: int, literal_index: int | None = None) -> None:
        self.kind = kind
        self.key = key
        self.value = value
        self.start = start
        self.end = end
        self.literal_index = literal_index

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.key or self.value!r}, {self.start}:{self.end})"


# Characters of an unquoted name: ASCII letters, digits, $, _ and everything beyond ASCII.
NAME_CHAR: Final = r"0-9A-Za-z_$\x80-\U0010ffff"

_ESCAPES: Final = {"0": "\0", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_ESCAPE: Final = re.compile(r"\\(.)", re.S)


def _unescape(match: re.Match[str]) -> str:
    char = match[1]
    return _ESCAPES.get(char, char)


def decode_string(source: str, flags: int) -> str:
    """The value of a quoted string, given with its quotes."""
    quote = source[0]
    body = source[1:-1]
    if quote in body:
        body = _undouble(body, quote, flags)
    elif "\\" in body and not flags & NO_BACKSLASH_ESCAPES:
        body = _ESCAPE.sub(_unescape, body)
    return body


_UNDOUBLE: Final = {
    "'": re.compile(r"\\(.)|'(')", re.S),
    '"': re.compile(r'\\(.)|"(")', re.S),
}


def _undouble(body: str, quote: str, flags: int) -> str:
    if flags & NO_BACKSLASH_ESCAPES or "\\" not in body:
        return body.replace(quote * 2, quote)
    return _UNDOUBLE[quote].sub(lambda m: quote if m[1] is None else _ESCAPES.get(m[1], m[1]), body)


def string_pattern(quote: str, flags: int) -> str:
    """A regular expression for a whole string in these quotes."""
    if flags & NO_BACKSLASH_ESCAPES:
        return f"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}"
    return rf"{quote}[^{quote}\\]*(?:(?:\\.|{quote}{quote})[^{quote}\\]*)*{quote}"


def _token_pattern(flags: int) -> re.Pattern[str]:
    single = string_pattern("'", flags)
    double = string_pattern('"', flags)
    quoted = r"`[^`]*(?:``[^`]*)*`"
    if flags & ANSI_QUOTES:
        quoted += r'|"[^"]*(?:""[^"]*)*"'
        string, variable = single, single
    else:
        string, variable = f"{single}|{double}", f"{single}|{double}"
    name = f"[{NAME_CHAR}]"
    # `a.5` is a column named 5, not a number; `x '41'` is not a hex literal; 1e5 is a number and 1e a name.
    return re.compile(
        rf"""[ \t\r\n\v\f]*(?:
        (?P<word>(?![xXbBnN]')[A-Za-z_$\x80-\U0010ffff]{name}*|(?<={name}\.){name}+|(?<=`\.){name}+)
        |(?P<op>[(),=;?\[\]{{}}+%^~]|\*(?!/)|->>|->|-(?!-(?:[\x00-\x20]|\Z))|<=>|<<|>>|<=|>=|<>|!=|:=|&&|\|\||[<>!&|:]|\\N
            |\.(?![0-9])|(?<={name})\.|(?<=`)\.|/(?!\*)|@@)
        |(?P<hex>0x[0-9A-Fa-f]+(?!{name})|[xX]'(?:[0-9A-Fa-f]{{2}})*')
        |(?P<bit>0b[01]+(?!{name})|[bB]'[01]*')
        |(?P<float>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+)
        |(?P<decimal>[0-9]+\.[0-9]*|\.[0-9]+)
        |(?P<integer>[0-9]+(?!{name}))
        |(?P<string>{string})
        |(?P<quoted>{quoted})
        |(?P<variable>@(?:[{NAME_CHAR}.]+|{quoted}|{variable}))
        |(?P<nstring>[nN]'(?:{single[1:]}))
        |(?P<digits>[0-9]{name}*)
        |(?P<comment>(?:--(?=[\x00-\x20]|\Z)|\#)[^\n]*|/\*(?!M?!).*?\*/)
        |(?P<open>/\*M?!(?:[0-9]{{6}}|[0-9]{{5}})?)
        |(?P<close>\*/)
        |(?P<end>\Z)
        |(?P<error>.)
        )""",
        re.X | re.S,
    )


_PATTERNS: Final[dict[int, re.Pattern[str]]] = {}


def _pattern(flags: int) -> re.Pattern[str]:
    flags &= ANSI_QUOTES | NO_BACKSLASH_ESCAPES
    pattern = _PATTERNS.get(flags)
    if pattern is None:
        pattern = _PATTERNS[flags] = _token_pattern(flags)
    return pattern


def bits_to_bytes(digits: str) -> bytes:
    """The value of a bit literal: as many bytes as its digits fill."""
    return int(digits or "0", 2).to_bytes((len(digits) + 7) // 8, "big")


def hex_to_bytes(digits: str) -> bytes:
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def _decode(kind: str, source: str, flags: int) -> TokenValue:
    if kind == STRING:
        return decode_string(source, flags)
    if kind == INTEGER:
        return read_integer(source)
    if kind == DECIMAL:
        return source
    if kind == FLOAT:
        return float(source)
    if kind == NSTRING:
        return decode_string(source[1:], flags)
    if kind == HEX:
        return hex_to_bytes(source[2:].rstrip("'"))
    return bits_to_bytes(source[2:].rstrip("'"))


def read_float(source: str) -> float:
    """The value of a float literal; error 1367 for one beyond DOUBLE."""
    value = float(source)
    if value == math.inf:
        raise error("ILLEGAL_VALUE_FOR_TYPE", "double", source)
    return value


INTEGER_DIGITS_MAX: Final = 4000  # Python refuses to read longer ones; MySQL clips at 65 digits


def read_integer(source: str) -> int:
    """The value of an integer literal; one of absurd length is clipped, as MySQL does at 65 digits."""
    return int(source) if len(source) <= INTEGER_DIGITS_MAX else int("9" * 81)


def _variable_name(source: str, flags: int) -> str:
    body = source[1:]
    if body[0] == "`":
        return body[1:-1].replace("``", "`")
    if body[0] == '"' and flags & ANSI_QUOTES:
        return body[1:-1].replace('""', '"')
    if body[0] in "'\"":
        return decode_string(body, flags)
    return body


def _is_executed(opening: str) -> bool:
    """Whether the content of an executable comment that starts so belongs to the statement."""
    digits = opening.rpartition("!")[2]
    if not digits:
        return True
    version = int(digits)
    return version <= SERVER_VERSION and (opening[2] == "M" or version not in _MYSQL_ONLY_VERSIONS)


_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def _skip_comment(text: str, position: int) -> int:
    """The end of a comment whose content starts at `position`; comments inside it are skipped too; -1 if it has none."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return -1


def tokenize(text: str, flags: int = 0) -> list[Token]:
    """All tokens of the text; the last one is END (its start is where the text ends)."""
    tokens: list[Token] = []
    add = tokens.append
    match = _pattern(flags).match
    position = 0
    literals = 0
    comment_depth = 0
    while True:
        found = match(text, position)
        assert found is not None, "the last alternative takes any character"
        kind = found.lastgroup
        start, position = found.span(kind)  # type: ignore[arg-type]
        if kind == WORD:
            source = text[start:position]
            add(Token(WORD, source.upper(), source, start, position))
        elif kind == OP:
            source = text[start:position]
            add(Token(OP, source, source, start, position))
        elif kind in LITERALS:
            add(Token(kind, "", _decode(kind, text[start:position], flags), start, position, literals))
            literals += 1
        elif kind == QUOTED:
            quote = text[start]
            name = text[start + 1 : position - 1]
            add(Token(QUOTED, "", name.replace(quote * 2, quote) if quote in name else name, start, position))
        elif kind == VARIABLE:
            add(Token(VARIABLE, "", _variable_name(text[start:position], flags), start, position))
        elif kind == "digits":
            source = text[start:position]
            add(Token(WORD, source.upper(), source, start, position))
        elif kind == "comment":
            pass
        elif kind == "open":
            if _is_executed(text[start:position]) or _OURS.match(text, start):
                comment_depth += 1
            else:
                end = _skip_comment(text, position)
                if end < 0:
                    add(Token(ERROR, "", None, start, position))
                    end = len(text)
                position = end
        elif kind == "close" and comment_depth:
            comment_depth -= 1
        elif kind == END:
            if comment_depth:
                add(Token(ERROR, "", None, start, start))
            add(Token(END, "", None, start, start))
            return tokens
        elif kind == "close":  # `*/` outside of a comment: two operators
            add(Token(OP, "*", "*", start, start + 1))
            position = start + 1
        else:
            add(Token(ERROR, "", None, start, position))
            position = len(text)


_MARKERS: Final = re.compile(
    r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|/\*(?!M?!).*?\*/)|/\*M?!(?:[0-9]{6}|[0-9]{5})?|\*/", re.S
)


def without_executable_marks(source: str) -> str:
    """Source text without the marks of executable comments, as MariaDB names an expression that contains one."""
    if "/*!" in source or "/*M!" in source or "*/" in source:
        return _MARKERS.sub(lambda found: found[1] or "", source)
    return source
