"""From `%s` and `%(name)s` in statement text to `?` and values in order.

The text is scanned once and the outcome kept, because applications send the same few texts again and again.  Quoted
strings, quoted names and comments are left alone (but for `%%`, which pyformat makes `%` everywhere), so
`DATE_FORMAT(d, '%H:%i:%s')` needs no doubling.  A `?` outside quotes is a placeholder too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fauna.client.exceptions import ProgrammingError

Params = Sequence[Any] | Mapping[str, Any] | None

CACHED_MAX: Final = 4096
_TOKEN: Final = re.compile(
    r"""(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--[ \t\n][^\n]*|\#[^\n]*|/\*.*?\*/)
      | %\((?P<name>[^)]*)\)s | (?P<mark>%s|\?) | (?P<percent>%%)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement text with its placeholders found.

    text      with `?` for each
    parts     the text between them, one more than there are placeholders
    names     of the placeholders, or None when they are positional
    """

    text: str
    parts: tuple[str, ...]
    names: tuple[str, ...] | None

    @property
    def count(self) -> int:
        return len(self.parts) - 1


_cache: dict[str, Statement] = {}


def statement_of(sql: str) -> Statement:
    """The placeholders of `sql`, from the cache when it was seen before."""
    found = _cache.get(sql)
    if found is None:
        found = _scan(sql)
        if len(_cache) >= CACHED_MAX:
            _cache.clear()
        _cache[sql] = found
    return found


def _scan(sql: str) -> Statement:
    parts: list[str] = []
    names: list[str] = []
    marks = start = 0
    current = ""
    for token in _TOKEN.finditer(sql):
        current += sql[start : token.start()]
        start = token.end()
        if token["quoted"] is not None:
            current += token["quoted"].replace("%%", "%")
        elif token["percent"] is not None:
            current += "%"
        else:
            parts.append(current)
            current = ""
            if token["name"] is None:
                marks += 1
            else:
                names.append(token["name"])
    parts.append(current + sql[start:])
    if marks and names:
        raise ProgrammingError(0, "a statement may hold %s or %(name)s, not both")
    return Statement("?".join(parts), tuple(parts), tuple(names) if names else None)


def arrange(statement: Statement, params: Any) -> tuple[str, Sequence[Any]]:
    """The text to send and its values in order; a list among the values becomes `(?, ?, …)`, for IN."""
    if isinstance(params, Mapping):
        values = _by_name(statement, params)
    elif isinstance(params, (tuple, list)):
        if statement.names is not None and params:
            raise ProgrammingError(0, "the statement has %(name)s placeholders: give a mapping")
        values = params
    else:
        values = (params,)
    if len(values) != statement.count:
        raise ProgrammingError(0, f"the statement has {statement.count} placeholders, {len(values)} values were given")
    for value in values:
        if isinstance(value, (list, tuple, set, frozenset)):
            return _expanded(statement, values)
    return statement.text, values


def _by_name(statement: Statement, params: Mapping[str, Any]) -> Sequence[Any]:
    if statement.names is None:
        if statement.count:
            raise ProgrammingError(0, "the statement has %s placeholders: give a sequence")
        return ()
    missing = [name for name in statement.names if name not in params]
    if missing:
        raise ProgrammingError(0, f"no value for %({missing[0]})s")
    return [params[name] for name in statement.names]


def _expanded(statement: Statement, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    text = [statement.parts[0]]
    flat: list[Any] = []
    for value, part in zip(values, statement.parts[1:], strict=True):
        if isinstance(value, (list, tuple, set, frozenset)):
            if not value:
                raise ProgrammingError(0, "an empty list has no form in SQL: leave the condition out")
            flat.extend(value)
            text.append("(" + ", ".join("?" * len(value)) + ")")
        else:
            flat.append(value)
            text.append("?")
        text.append(part)
    return "".join(text), flat
