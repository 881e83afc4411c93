"""Statement shapes: the text with its literals lifted out, by one pass of a regular expression.

Two texts of the same shape have the same syntax tree but for the values of its literals, and literals of the same
classes, so that one plan serves both.  A class is what a literal's type depends on: an integer's width, a decimal's
digits before and after the point, string, float, hex, bit.

    lift("select a from t where id = 5")  ->  shape "select a from t where id = \\x01", literals (5,)

`INSERT … VALUES (…), (…), …` whose rows have one shape has the shape of its first row alone, and `rows` says how many
there are; rows of several shapes come as several segments (`more`), in order.

What a lexer would need to think about (executable comments, x'41', @'a') is not lifted: `lift` returns None and the
caller parses the text.  Lexer and lift number the literals alike; a property test holds them to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, NamedTuple

from fauna.errors import SqlError
from fauna.sql.lexer import (
    ANSI_QUOTES,
    NAME_CHAR,
    NO_BACKSLASH_ESCAPES,
    bits_to_bytes,
    decode_string,
    hex_to_bytes,
    read_float,
    read_integer,
    string_pattern,
    tokenize,
)

LiteralValue = int | float | str | bytes
_NAME: Final = NAME_CHAR

# Placeholders: control characters, which no valid text has outside of quotes.
INT32: Final = "\x01"
INT64: Final = "\x02"
UINT64: Final = "\x03"
BIGGER: Final = "\x04"  # more than 64 bits: a decimal of as many digits as follow
DECIMAL: Final = "\x05"  # followed by two characters: digits before and after the point
FLOAT: Final = "\x06"
STRING: Final = "\x07"
HEX: Final = "\x08"
BIT: Final = "\x0e"

SHAPE_CHARACTERS_MAX: Final = 65_536  # a longer shape is not worth a place in a cache
ROW_SHAPES_MAX: Final = 64  # row shapes of one INSERT
_DIGITS_BASE: Final = 0x100  # digit counts are written as characters from here on


class Lifted(NamedTuple):
    """shape    what to look a plan up by
    literals  the values, as the lexer numbers them; of an INSERT of several rows, those of its rows one after another
    text      a text of this shape, for the parser: the statement itself, or cut to one row
    rows      how many rows share the shape (1 for everything but an INSERT)
    tail      literals after the rows, when rows > 1 or more is not empty (ON DUPLICATE KEY UPDATE a = 5)
    more      the further segments of an INSERT whose rows differ in shape, each with its own rows and literals
    """

    shape: str
    literals: tuple[LiteralValue, ...]
    text: str
    rows: int = 1
    tail: tuple[LiteralValue, ...] = ()
    more: tuple[Lifted, ...] = ()


# ── finding literals ──
#
# Each pattern begins with one character class, so that the regex engine skips to candidates quickly; the branches then
# look back at the character just read.

_CONTROL: Final = r"\x01-\x08\x0e-\x1f"
_NUMBER: Final = (
    rf"(?<=[0-9])(?<![{_NAME}@][0-9])(?<![{_NAME}`]\.[0-9])"
    rf"(?:(?<=0)x[0-9A-Fa-f]+(?![{_NAME}])|(?<=0)b[01]+(?![{_NAME}])"
    rf"|[0-9]*(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+|(?![{_NAME}])))"
    rf"|(?<=\.)(?<![{_NAME}`]\.)[0-9]+(?:[eE][-+]?[0-9]+)?"
)
# What makes a text not liftable.  A quote or comment that never closes takes all the rest, lest the search for its end
# be repeated from each quote after it.
_ODD: Final = rf"(?<=[{_CONTROL}])|(?<=[xXbB@]')|(?<=@\")|(?<=['\"`])[\s\S]*|(?<=/)\*(?!M?!)[\s\S]*"


def _literal_pattern(flags: int, quiet: bool) -> re.Pattern[str]:
    """Captures literals; unless `quiet` also quoted names and comments, which stay in the shape."""
    single = rf"(?<=')(?<![xXbB@]'){string_pattern(chr(39), flags)[1:]}"
    double = rf'(?<=")(?<!@"){string_pattern(chr(34), flags)[1:]}'
    if flags & ANSI_QUOTES:
        double = r'(?<=")[^"]*(?:""[^"]*)*"'
    first = rf"['\"0-9.{_CONTROL}]"
    others = ""
    if not quiet:
        first = rf"['\"0-9.{_CONTROL}`\#/-]"
        others = (
            r"|(?<=`)[^`]*(?:``[^`]*)*`"
            r"|(?<=\#)[^\n]*"
            r"|(?<=-)-(?=[\x00-\x20]|\Z)[^\n]*"
            r"|(?<=/)\*(?!M?!).*?\*/"
        )
    return re.compile(rf"({first}(?:{_NUMBER}|{single}|{double}{others}|{_ODD}))", re.S)


_Splitter = Callable[[str], list[str]]
_SPLITTERS: Final[dict[int, tuple[_Splitter, _Splitter]]] = {}


def _splitters(flags: int) -> tuple[_Splitter, _Splitter]:
    """Of texts without backticks and comments, and of all others."""
    found = _SPLITTERS.get(flags)
    if found is None:
        found = _SPLITTERS[flags] = (_literal_pattern(flags, True).split, _literal_pattern(flags, False).split)
    return found


_SCAN_FLAGS: Final = ANSI_QUOTES | NO_BACKSLASH_ESCAPES


def lift(text: str, flags: int = 0) -> Lifted | None:
    """The text's shape and literals; None when it has to be parsed each time."""
    flags &= _SCAN_FLAGS
    text = text.strip(" \t\r\n;")
    try:
        if text[:1] in "iIrR" and _SEVERAL_ROWS.search(text):
            lifted = _lift_rows(text, flags)
            if lifted is not None:
                return lifted
        return _lift_plain(text, flags)
    except SqlError:  # a number beyond DOUBLE: the parser tells
        return None


def _lift_plain(text: str, flags: int) -> Lifted | None:
    quiet, full = _SPLITTERS.get(flags) or _splitters(flags)
    if "`" in text or "--" in text or "#" in text or "/*" in text:
        if "/*!" in text or "/*M!" in text:
            return None
        parts = full(text)
    else:
        parts = quiet(text)
    literals: list[LiteralValue] = []
    add = literals.append
    if not parts[-1] and len(parts) > 1 and parts[-2][0] in "'\"" and not _closed(flags).fullmatch(parts[-2]):
        return None
    for position in range(1, len(parts), 2):
        source = parts[position]
        first = source[0]
        if first == "'":
            if len(source) == 1:
                return None
            body = source[1:-1]
            add(decode_string(source, flags) if "'" in body or "\\" in body else body)
            parts[position] = STRING
        elif source.isdigit():
            value = int(source) if len(source) < 4000 else read_integer(source)
            add(value)
            parts[position] = INT32 if value <= 0x7FFFFFFF else _wide_integer(value)
        elif first in _STAY:
            if first == '"' and not flags & ANSI_QUOTES:
                if len(source) == 1:
                    return None
                add(decode_string(source, flags))
                parts[position] = STRING
        elif first in "0123456789.":
            value_, parts[position] = _number(source)
            add(value_)
        else:
            return None
    shape = "".join(parts)
    if len(shape) > SHAPE_CHARACTERS_MAX:
        return None
    return Lifted(shape, tuple(literals), text)


_CLOSED: Final[dict[int, re.Pattern[str]]] = {}


def _closed(flags: int) -> re.Pattern[str]:
    """A string that ends."""
    found = _CLOSED.get(flags)
    if found is None:
        found = _CLOSED[flags] = re.compile(f"{string_pattern(chr(39), flags)}|{string_pattern(chr(34), flags)}", re.S)
    return found


_STAY: Final = frozenset('`#-/"')


def _wide_integer(value: int) -> str:
    if value <= 0x7FFFFFFFFFFFFFFF:
        return INT64
    return UINT64 if value <= 0xFFFFFFFFFFFFFFFF else BIGGER + chr(_DIGITS_BASE + len(str(value)))


def _number(source: str) -> tuple[LiteralValue, str]:
    """The value and placeholder of a number that is not plain digits."""
    second = source[1:2]
    if second == "x":
        return hex_to_bytes(source[2:]), HEX
    if second == "b":
        return bits_to_bytes(source[2:]), BIT
    if "e" in source or "E" in source:
        return read_float(source), FLOAT
    whole, _, fraction = source.partition(".")
    return source, f"{DECIMAL}{chr(_DIGITS_BASE + min(len(whole), 255))}{chr(_DIGITS_BASE + min(len(fraction), 255))}"


# ── INSERT of many rows ──

_SEVERAL_ROWS: Final = re.compile(r"\)\s*,\s*\(")
_COMMA: Final = re.compile(r"\s*,\s*(?=\()")


class _Grammar(NamedTuple):
    """How the text of an INSERT up to its first row, and any one row, look."""

    head: re.Pattern[str]
    row: re.Pattern[str]


_GRAMMARS: Final[dict[int, _Grammar]] = {}


def _grammar(flags: int) -> _Grammar:
    found = _GRAMMARS.get(flags)
    if found is None:
        found = _GRAMMARS[flags] = _build_grammar(flags)
    return found


def _build_grammar(flags: int) -> _Grammar:
    name = rf"(?:[{_NAME}]+|`[^`]*`)"
    head = re.compile(
        rf"(?:INSERT|REPLACE)(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE))*(?:\s+INTO)?\s*{name}(?:\s*\.\s*{name})?"
        rf"\s*(?:\((?:\s*{name}\s*,?)*+\)\s*)?VALUES?\s*(?=\()",
        re.I,
    )
    single = string_pattern("'", flags)
    double = string_pattern('"', flags) if not flags & ANSI_QUOTES else r'"[^"]*(?:""[^"]*)*"'
    atom = rf"[^()'\"`\#/\-;]++|{single}|{double}|`[^`]*`|-(?!-)|/(?!\*)"
    row = re.compile(rf"\((?:{atom}|\((?:{atom}|\((?:{atom})*+\))*+\))*+\)", re.S)
    return _Grammar(head, row)


class _RowShape:
    """The rows of one shape: a pattern that reads a row, with a group per literal, and how to decode each group."""

    __slots__ = ("shape", "pattern", "decoders", "sample")

    def __init__(self, shape: str, row: str, flags: int) -> None:
        quiet, full = _splitters(flags)
        parts = full(row)
        pattern = [r"\s*,\s*"]
        self.decoders: list[Callable[[str], LiteralValue] | None] = []
        for position, part in enumerate(parts):
            if position % 2 == 0 or (part[0] in _STAY and not (part[0] == '"' and not flags & ANSI_QUOTES)):
                pattern.append(re.escape(part))
            else:
                group, decoder = _literal_group(part, flags)
                pattern.append(group)
                self.decoders.append(decoder)
        self.shape = shape
        self.sample = row
        self.pattern = re.compile("".join(pattern), re.S)

    def decode(self, rows: list[tuple[str, ...]]) -> list[LiteralValue]:
        """The literals of the rows, one row after another."""
        flat: list[LiteralValue] = list(chain.from_iterable(rows))
        width = len(self.decoders)
        for column, decoder in enumerate(self.decoders):
            if decoder is not None:
                flat[column::width] = map(decoder, flat[column::width])  # type: ignore[arg-type]
        return flat


# Digits of each integer class, nearly: what they leave out is still right, but read row by row.
_INTEGER_GROUPS: Final = {
    INT32: r"([0-9]{1,9}|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7})",
    INT64: r"([3-9][0-9]{9}|2[2-9][0-9]{8}|[1-9][0-9]{10,17}|[1-8][0-9]{18})",
}


def _literal_group(source: str, flags: int) -> tuple[str, Callable[[str], LiteralValue] | None]:
    """A pattern with one group for literals of the same class, and the group's decoder (None: as it is)."""
    first = source[0]
    if first in "'\"":
        body = string_pattern(first, flags)[1:-1].replace("]*", "]*+").replace(")*", ")*+")

        def decode(inner: str) -> LiteralValue:
            return decode_string(first + inner + first, flags) if "\\" in inner or first in inner else inner

        return f"{first}({body}){first}", decode
    if source.isdigit():
        value = int(source) if len(source) < 4000 else read_integer(source)
        wanted = INT32 if value <= 0x7FFFFFFF else _wide_integer(value)
        return _INTEGER_GROUPS.get(wanted, f"({re.escape(source)})"), int
    value_, placeholder = _number(source)
    if placeholder == HEX:
        return "0x([0-9A-Fa-f]+)", hex_to_bytes
    if placeholder == BIT:
        return "0b([01]+)", bits_to_bytes
    if placeholder == FLOAT:
        return r"([0-9]*\.?[0-9]*[eE][-+]?[0-9]+)", read_float
    whole, _, fraction = source.partition(".")
    return rf"([0-9]{{{len(whole)}}}\.[0-9]{{{len(fraction)}}})", None


class _Segment:
    """Rows in a row that share a shape."""

    __slots__ = ("row_shape", "literals", "rows")

    def __init__(self, row_shape: _RowShape) -> None:
        self.row_shape = row_shape
        self.literals: list[LiteralValue] = []
        self.rows = 0

    def add(self, literals: Iterable[LiteralValue], rows: int) -> None:
        self.literals.extend(literals)
        self.rows += rows


def _lift_rows(text: str, flags: int) -> Lifted | None:
    """An INSERT of several rows; None when it does not look like one that can be cut into rows."""
    grammar = _grammar(flags)
    head = grammar.head.match(text)
    if head is None or "/*!" in text[:64]:
        return None
    known: dict[str, _RowShape] = {}
    segments: list[_Segment] = []
    position = head.end()
    while True:
        row = grammar.row.match(text, position)
        if row is None:
            return None
        lifted = _lift_plain(row[0], flags)
        if lifted is None:
            return None
        row_shape = known.get(lifted.shape)
        if row_shape is None:
            if len(known) == ROW_SHAPES_MAX:
                return None
            row_shape = known[lifted.shape] = _RowShape(lifted.shape, row[0], flags)
        _segment(segments, row_shape).add(lifted.literals, 1)
        position = _read_known_rows(text, row.end(), segments, known)
        comma = _COMMA.match(text, position)
        if comma is None:
            return _assembled(text[: head.end()], segments, text[position:], flags)
        position = comma.end()


def _segment(segments: list[_Segment], row_shape: _RowShape) -> _Segment:
    """The last segment if it has this shape, else a new one."""
    if not segments or segments[-1].row_shape is not row_shape:
        segments.append(_Segment(row_shape))
    return segments[-1]


def _read_known_rows(text: str, position: int, segments: list[_Segment], known: dict[str, _RowShape]) -> int:
    """Read rows for as long as they have shapes already met; returns where they end."""
    end = _read_rows(text, position, segments[-1])
    while True:
        before = end
        for row_shape in known.values():
            found = row_shape.pattern.match(text, end)
            if found is not None:
                segment = _segment(segments, row_shape)
                segment.add(row_shape.decode([found.groups()]), 1)
                end = _read_rows(text, found.end(), segment)
                break
        if end == before:
            return end


def _read_rows(text: str, position: int, segment: _Segment) -> int:
    """Read further rows of the segment's shape; returns where they end."""
    scan = segment.row_shape.pattern.scanner(text, position).match  # type: ignore[attr-defined]
    rows: list[tuple[str, ...]] = []
    add = rows.append
    last: re.Match[str] | None = None
    for last in iter(scan, None):
        add(last.groups())
    if last is None:
        return position
    segment.add(segment.row_shape.decode(rows), len(rows))
    return last.end()


def _assembled(head: str, segments: list[_Segment], tail_text: str, flags: int) -> Lifted | None:
    tail = _lift_plain(tail_text, flags) if tail_text else Lifted("", (), "")
    if tail is None:
        return None
    texts: dict[str, tuple[str, str]] = {}
    found: list[Lifted] = []
    for segment in segments:
        row = segment.row_shape
        if row.shape not in texts:
            texts[row.shape] = head + row.shape + tail.shape, head + row.sample + tail_text
        shape, text = texts[row.shape]
        if segment.rows == 1:  # then the tail's literals simply follow the row's
            found.append(Lifted(shape, (*segment.literals, *tail.literals), text))
        else:
            found.append(Lifted(shape, tuple(segment.literals), text, segment.rows, tail.literals))
    if len(found[0].shape) > SHAPE_CHARACTERS_MAX:
        return None
    return found[0]._replace(more=tuple(found[1:])) if len(found) > 1 else found[0]


# ── several statements in one text ──


def _statement_pattern(flags: int) -> re.Pattern[str]:
    double = string_pattern('"', flags & ~NO_BACKSLASH_ESCAPES if not flags & ANSI_QUOTES else flags | NO_BACKSLASH_ESCAPES)
    single = string_pattern("'", flags)
    return re.compile(
        rf"['\"`\#;/-](?:(?<=;)|(?<='){single[1:]}|(?<=\"){double[1:]}|(?<=`)[^`]*`|(?<=\#)[^\n]*"
        rf"|(?<=-)-(?=[\x00-\x20]|\Z)[^\n]*|(?<=/)\*.*?\*/|(?<=['\"`])[\s\S]*|(?<=/)\*[\s\S]*)",
        re.S,
    )


_STATEMENT_PATTERNS: Final[dict[int, re.Pattern[str]]] = {}


_CREATES_BODY: Final = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:AGGREGATE\s+)?(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)\b", re.I
)
_ENDS_OTHERWISE: Final = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


def _blocks_opened(text: str, flags: int) -> int:
    """How many BEGIN … END and CASE … END the text opens and does not close; it ends at a semicolon."""
    try:
        words = [token.key for token in tokenize(text, flags)]
    except SqlError:
        return 0
    opened = 0
    for before, word, after in zip(["", *words[:-1]], words, [*words[1:], ""], strict=True):
        if word == "BEGIN" or (word == "CASE" and before != "END"):
            opened += 1
        elif word == "END" and after not in _ENDS_OTHERWISE:
            opened -= 1
    return opened


def split_statements(text: str, flags: int = 0) -> list[str]:
    """The statements of a text, without the semicolons between them.

    An empty statement between two semicolons is kept (the server answers 1065); what follows the last one is not.
    """
    if ";" not in text:
        return [text]
    flags &= _SCAN_FLAGS
    pattern = _STATEMENT_PATTERNS.get(flags)
    if pattern is None:
        pattern = _STATEMENT_PATTERNS[flags] = _statement_pattern(flags)
    statements: list[str] = []
    start = piece = depth = 0
    for found in pattern.finditer(text):
        if found[0] != ";":
            continue
        if _CREATES_BODY.match(text, start):  # semicolons within its BEGIN … END are its own
            depth += _blocks_opened(text[piece : found.start()], flags)
            piece = found.end()
            if depth > 0:
                continue
        statements.append(text[start : found.start()].strip())
        start = piece = found.end()
        depth = 0
    rest = text[start:].strip(" \t\r\n\0")
    if rest:
        statements.append(rest)
    while len(statements) > 1 and not statements[-1]:
        statements.pop()
    return statements
