"""JSON as text, the way MariaDB keeps it: numbers stay as written, members keep their order, escapes are not undone.

A parsed value is None, True, False, `Num` (a number's own text), str (`Raw` when its text holds escapes), list, or `Obj`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fauna.sql.context import current

DEPTH_MAX: Final = 32
_NESTING: Final = re.compile(r"[\[{]")


class Num(str):
    """A number, as it was written."""

    __slots__ = ()


class Raw(str):
    """A string whose JSON text (`raw`, without the quotes) is not the string itself."""

    __slots__ = ("raw",)
    raw: str


class Verbatim(str):
    """JSON text that goes in as it stands."""

    __slots__ = ()


class Obj(list[tuple[str, Any]]):
    """An object: (key, value) pairs in order, repeated keys and all."""

    __slots__ = ("span",)
    span: tuple[int, int]

    def find(self, key: str) -> int:
        for index, (name, _) in enumerate(self):
            if name == key:
                return index
        return -1


class Arr(list[Any]):
    """An array from the careful parser, which remembers where it stood."""

    __slots__ = ("span",)
    span: tuple[int, int]


class JsonError(Exception):
    """condition: a key of errors.CONDITIONS; position: 1-based, 0 when the text ended."""

    def __init__(self, condition: str, position: int = 0) -> None:
        super().__init__(condition)
        self.condition = condition
        self.position = position


def _refuse(_text: str) -> Any:
    raise ValueError


_FAST: Final = json.JSONDecoder(parse_int=Num, parse_float=Num, parse_constant=_refuse, object_pairs_hook=Obj)


def parse(text: str) -> Any:
    """The value that `text` is; JsonError when it is none."""
    if "\\" not in text:
        try:
            value = _FAST.decode(text)
        except (ValueError, RecursionError):
            return parse_carefully(text)
        if text.count("[") + text.count("{") < DEPTH_MAX:
            return value
    return parse_carefully(text)


_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?", re.ASCII)
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?!u)[^\x00-\x1f]|\\u[0-9a-fA-F]{4})*)"')
_BAD_ESCAPE = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?!u).|\\u[0-9a-fA-F]{4})*\\u[0-9a-fA-F]{0,3}(?=(.))', re.DOTALL)
_BAD_CHARACTER = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*([\x00-\x1f])', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Parser:
    """The careful parser: finds where it goes wrong, keeps escapes, and remembers spans."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0

    def document(self) -> Any:
        value = self.value(1)
        self.skip()
        if self.pos < len(self.text):
            raise self.error()
        return value

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.pos)
        assert match is not None
        self.pos = match.end()

    def error(self, ahead: int = 0) -> JsonError:
        if self.pos + ahead >= len(self.text):
            return JsonError("JSON_END")
        return JsonError("JSON_SYNTAX", self.pos + ahead + 1)

    def value(self, depth: int) -> Any:
        self.skip()
        char = self.text[self.pos : self.pos + 1]
        if char in ("{", "["):
            if depth >= DEPTH_MAX:
                raise JsonError("JSON_DEPTH", self.pos + 1)
            return self.members(depth) if char == "{" else self.items(depth)
        if char == '"':
            return self.string()
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.pos):
                self.pos += len(word)
                return value
        return self.number()

    def number(self) -> Num:
        match = _NUMBER.match(self.text, self.pos)
        if match is None:
            word = re.match(r"[a-z]+", self.text[self.pos :])
            raise self.error(_agreeing(word.group()) if word else 0)
        self.pos = match.end()
        return Num(match.group())

    def string(self) -> str:
        match = _STRING.match(self.text, self.pos)
        if match is None:
            escape_ = _BAD_ESCAPE.match(self.text, self.pos)
            if escape_:
                raise JsonError("JSON_SYNTAX", escape_.start(1))
            bad = _BAD_CHARACTER.match(self.text, self.pos)
            raise JsonError("JSON_BAD_CHARACTER", bad.start(1) + 1) if bad else JsonError("JSON_END")
        self.pos = match.end()
        return string_from_raw(match[1])

    def items(self, depth: int) -> Arr:
        start = self.pos
        self.pos += 1
        found = Arr()
        self.skip()
        if self.text[self.pos : self.pos + 1] == "]":
            self.pos += 1
        else:
            while True:
                found.append(self.value(depth + 1))
                if self.separator("]"):
                    break
        found.span = (start, self.pos)
        return found

    def members(self, depth: int) -> Obj:
        start = self.pos
        self.pos += 1
        found = Obj()
        self.skip()
        if self.text[self.pos : self.pos + 1] == "}":
            self.pos += 1
        else:
            while True:
                self.skip()
                if self.text[self.pos : self.pos + 1] != '"':
                    raise self.error()
                key = self.string()
                expected = self.pos
                self.skip()
                if self.text[self.pos : self.pos + 1] != ":":
                    self.pos = expected
                    raise self.error()
                self.pos += 1
                found.append((key, self.value(depth + 1)))
                if self.separator("}"):
                    break
        found.span = (start, self.pos)
        return found

    def separator(self, closing: str) -> bool:
        """Whether the container ends here; else a comma was passed."""
        self.skip()
        char = self.text[self.pos : self.pos + 1]
        if char not in (closing, ",") or not char:
            raise self.error()
        self.pos += 1
        return char == closing


def _agreeing(word: str) -> int:
    return max((len(_common(word, known)) for known in ("true", "false", "null")), default=0)


def _common(left: str, right: str) -> str:
    size = 0
    while size < min(len(left), len(right)) and left[size] == right[size]:
        size += 1
    return left[:size]


def parse_carefully(text: str) -> Any:
    return _Parser(text).document()


def _unescape_one(match: re.Match[str]) -> str:
    what = match[1]
    if len(what) == 5:
        return chr(int(what[1:], 16))
    return _ESCAPES.get(what, what)


def unescape(raw: str) -> str:
    if "\\" not in raw:
        return raw
    text = _ESCAPE.sub(_unescape_one, raw)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if re.search("[\ud800-\udfff]", text) else text


def string_from_raw(raw: str) -> str:
    if "\\" not in raw:
        return raw
    value = Raw(unescape(raw))
    value.raw = raw
    return value


_NEEDS_ESCAPE = re.compile(r'["\\\x00-\x1f]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text: str) -> str:
    """`text` as the inside of a JSON string."""
    return _NEEDS_ESCAPE.sub(lambda match: _SHORT.get(match.group()) or f"\\u{ord(match.group()):04X}", text)


def string_value(text: str) -> str:
    """An SQL string as a parsed JSON string."""
    if not _NEEDS_ESCAPE.search(text):
        return text
    value = Raw(text)
    value.raw = escape(text)
    return value


def dump(value: Any, comma: str = ", ", colon: str = ": ") -> str:
    """The text of a parsed value, in MariaDB's loose form unless told otherwise."""
    parts: list[str] = []
    _write(value, comma, colon, parts.append)
    return "".join(parts)


def scalar_text(value: Any) -> str:
    kind = type(value)
    if kind is Num or kind is Verbatim:
        return str(value)
    if kind is str:
        return f'"{value}"'
    if kind is Raw:
        return f'"{value.raw}"'
    return "null" if value is None else "true" if value else "false"


def _write(value: Any, comma: str, colon: str, add: Callable[[str], None]) -> None:
    if not isinstance(value, list):
        add(scalar_text(value))
        return
    between = ""
    if isinstance(value, Obj):
        add("{")
        for key, member in value:
            add(between + scalar_text(key) + colon)
            _write(member, comma, colon, add)
            between = comma
        add("}")
        return
    add("[")
    for item in value:
        add(between)
        _write(item, comma, colon, add)
        between = comma
    add("]")


def dump_detailed(value: Any, indent: int = 4) -> str:
    """JSON_DETAILED: a member or an item a line."""
    parts: list[str] = []
    _write_detailed(value, indent, 0, parts.append)
    return "".join(parts)


def _write_detailed(value: Any, indent: int, depth: int, add: Callable[[str], None]) -> None:
    if not isinstance(value, list):
        add(scalar_text(value))
        return
    inner, outer = "\n" + " " * (indent * (depth + 1)), "\n" + " " * (indent * depth)
    between = ""
    if isinstance(value, Obj):
        add("{")
        for key, member in value:
            add(between + inner + scalar_text(key) + ": ")
            if isinstance(member, list):
                add(inner)
            _write_detailed(member, indent, depth + 1, add)
            between = ","
        add(outer + "}")
        return
    if len(value) < 2 and not any(isinstance(item, list) for item in value):
        add(f"[{scalar_text(value[0])}]" if value else "[]")
        return
    add("[")
    for item in value:
        add(between + inner)
        _write_detailed(item, indent, depth + 1, add)
        between = ","
    add(outer + "]")


def normalize(value: Any) -> Any:
    """Keys sorted, numbers as d.dE0: JSON_NORMALIZE's form."""
    if isinstance(value, Obj):
        return Obj(sorted(((key, normalize(member)) for key, member in value), key=lambda pair: str(pair[0])))
    if isinstance(value, list):
        return [normalize(item) for item in value]
    return Num(_scientific(value)) if isinstance(value, Num) else value


def _scientific(text: str) -> str:
    try:
        sign, digits, exponent = Decimal(text.rstrip(".") if text.endswith(".") else text.replace(".e", "e")).as_tuple()
    except InvalidOperation:
        return text
    assert isinstance(exponent, int)
    whole = "".join(map(str, digits)).lstrip("0")
    if not whole:
        return "0.0E0"
    exponent += len(whole) - 1
    fraction = whole[1:].rstrip("0") or "0"
    return f"{'-' if sign else ''}{whole[0]}.{fraction}E{exponent}"


def equal(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 equals 1.0, the order of members does not matter."""
    if isinstance(left, Num) and isinstance(right, Num):
        return left == right or _scientific(left) == _scientific(right)
    if isinstance(left, list) and isinstance(right, list):
        return dump(normalize(left)) == dump(normalize(right))
    return type(left) is type(right) and left == right or (_is_string(left) and _is_string(right) and str(left) == str(right))


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Num)


# --- paths ------------------------------------------------------------------------------------------------------

Step = tuple[str, Any]  # ('key', name) ('keys', None) ('index', n) ('items', None) ('range', (a, b)) ('any', None)
_INDEX_DIGITS_MAX: Final = 18
_KEY = re.compile(r'\.\s*(?:(\*)|"((?:[^"\\]|\\.)*)"|([^.\["*]+))')
_INDEX = re.compile(r"\[\s*(?:(\*)|(last(?:\s*-\s*\d+)?|-?\d+)(?:\s+to\s+(last(?:\s*-\s*\d+)?|-?\d+))?)\s*\]", re.ASCII)


def _index(text: str) -> int:
    """Negative counts from the end: last is -1."""
    if text.startswith("last"):
        return -1 - int(text[4:].strip().lstrip("-").strip()[:_INDEX_DIGITS_MAX] or "0")
    return int(text[:_INDEX_DIGITS_MAX])


@lru_cache(maxsize=1024)
def parse_path(path: str) -> tuple[Step, ...]:
    """The steps of a path; JsonError (kept out of the cache) when it is none."""
    text = path.lstrip()
    offset = len(path) - len(path.lstrip())
    if not text:
        raise JsonError("JSON_PATH_END")
    if text[0] != "$":
        raise JsonError("JSON_PATH_SYNTAX", offset + 1)
    steps: list[Step] = []
    position = 1
    while position < len(text):
        if text.startswith("**", position):
            steps.append(("any", None))
            position += 2
            continue
        match = _KEY.match(text, position) or _INDEX.match(text, position)
        if match is None:
            raise _path_error(text, position, offset)
        steps.append(_step(match))
        position = match.end()
        while position < len(text) and text[position].isspace():
            position += 1
    if steps and steps[-1][0] == "any":
        raise JsonError("JSON_PATH_END")
    return tuple(steps)


def _path_error(text: str, position: int, offset: int) -> JsonError:
    rest = text[position:]
    if rest in (".", "[") or re.fullmatch(r"\[[^\]]*|\.\"[^\"]*", rest):
        return JsonError("JSON_PATH_END")
    return JsonError("JSON_PATH_SYNTAX", position + offset + (2 if rest[0] in ".[" else 1))


def _step(match: re.Match[str]) -> Step:
    if match.re is _KEY:
        if match[1]:
            return "keys", None
        return "key", unescape(match[2]) if match[2] is not None else match[3]
    if match[1]:
        return "items", None
    if match[3]:
        return "range", (_index(match[2]), _index(match[3]))
    return "index", _index(match[2])


def is_wild(steps: tuple[Step, ...]) -> bool:
    return any(kind in ("keys", "items", "range", "any") for kind, _ in steps)


class _Nothing:
    """What a path that leads nowhere finds."""


NOTHING: Final = _Nothing()


def find_one(value: Any, steps: tuple[Step, ...]) -> Any:
    """The value at a path without wildcards, or NOTHING."""
    for kind, what in steps:
        if kind == "key":
            index = value.find(what) if isinstance(value, Obj) else -1
            if index < 0:
                return NOTHING
            value = value[index][1]
        elif isinstance(value, list) and not isinstance(value, Obj):
            at = what if what >= 0 else what + len(value)
            if not 0 <= at < len(value):
                return NOTHING
            value = value[at]
        elif what not in (0, -1):
            return NOTHING
    return value


class Hit(NamedTuple):
    """What a path found: where (its own path, and the places of its ancestors among their siblings), and the value."""

    path: str
    value: Any
    order: tuple[int, ...] = ()


def find_all(value: Any, steps: tuple[Step, ...]) -> list[Hit]:
    """Everything a path with wildcards matches, each once, in document order."""
    found: dict[tuple[int, ...], Hit] = {}
    _find(Hit("$", value), steps, found, wrap=True)
    return sorted(found.values(), key=lambda hit: hit.order)


def _find(at: Hit, steps: tuple[Step, ...], found: dict[tuple[int, ...], Hit], *, wrap: bool) -> None:
    """wrap: a scalar counts as an array of itself; not behind `**`."""
    if not steps:
        found.setdefault(at.order, at)
        return
    kind, what = steps[0]
    rest = steps[1:]
    if kind == "any":
        _find(at, rest, found, wrap=False)
        for child in children(at):
            _find(child, steps, found, wrap=False)
    elif kind in ("key", "keys"):
        if isinstance(at.value, Obj):
            named = [child for child, (name, _) in zip(children(at), at.value, strict=True) if kind == "keys" or name == what]
            for child in named if kind == "keys" else named[:1]:
                _find(child, rest, found, wrap=wrap)
    elif isinstance(at.value, list) and not isinstance(at.value, Obj):
        for child in _chosen(children(at), kind, what):
            _find(child, rest, found, wrap=wrap)
    elif wrap and _chosen([at], kind, what):
        _find(at, rest, found, wrap=wrap)


def _chosen(items: list[Hit], kind: str, what: Any) -> list[Hit]:
    if kind == "items":
        return items
    size = len(items)
    low, high = what if kind == "range" else (what, what)
    low = low if low >= 0 else low + size
    high = high if high >= 0 else high + size
    return items[max(low, 0) : max(high, -1) + 1] if low >= 0 or kind == "range" else []


def children(at: Hit) -> list[Hit]:
    """The members of an object or the items of an array."""
    if isinstance(at.value, Obj):
        return [Hit(f"{at.path}.{key}", member, (*at.order, index)) for index, (key, member) in enumerate(at.value)]
    if isinstance(at.value, list):
        return [Hit(f"{at.path}[{index}]", item, (*at.order, index)) for index, item in enumerate(at.value)]
    return []


def warn(err: JsonError, argument: int, function: str) -> None:
    """The warning for a bad document or path in argument number `argument` of `function`."""
    if err.condition == "JSON_DEPTH":
        current().warn(err.condition, DEPTH_MAX, argument, function, err.position)
    elif err.position:
        current().warn(err.condition, argument, function, err.position)
    else:
        current().warn(err.condition, argument, function)
