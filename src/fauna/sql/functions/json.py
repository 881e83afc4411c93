"""JSON functions, with MariaDB's meaning: JSON is text; results are in its loose form ('{"a": 1}')."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fauna.catalog.types import STRINGS, TEMPORAL, Kind, SqlType, from_unsigned
from fauna.catalog.values import format_double, format_time
from fauna.errors import error
from fauna.sql.context import current
from fauna.sql.functions import json_text
from fauna.sql.functions.collate import fold
from fauna.sql.functions.json_text import (
    NOTHING,
    Arr,
    Hit,
    JsonError,
    Num,
    Obj,
    Step,
    Verbatim,
    dump,
    find_all,
    find_one,
    is_wild,
    parse,
    parse_path,
)
from fauna.sql.functions.registry import Arg, ArgInfo, Function, TypeRule, register
from fauna.sql.functions.results import BLOB_WIDTH, fixed, int_type, same_width, string_type, text_of, width

_J: Final = (Arg.JSON,)
_FLAG: Final = fixed(SqlType(Kind.INT, 1))


class _Bad(Exception):
    """A bad document or path; the warning has been given, the result is NULL."""


def _value_chars(info: ArgInfo) -> int:
    """Characters that an argument takes inside JSON: strings may need escapes, NULL is 'null'."""
    chars = width(info.type)
    doubled = info.type.kind in STRINGS or info.type.kind in TEMPORAL
    return max(chars * 2 if doubled else chars, 4) + 4


def _values_rule(args: Sequence[ArgInfo]) -> SqlType:
    return string_type(2 + sum(_value_chars(arg) for arg in args) if args else 0)


def _object_rule(args: Sequence[ArgInfo]) -> SqlType:
    if len(args) % 2:
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", "JSON_OBJECT")
    return _values_rule(args)


def _set_rule(args: Sequence[ArgInfo]) -> SqlType:
    if len(args) % 2 == 0:
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", "JSON_SET")
    chars = width(args[0].type) * 2
    return string_type(chars + sum(width(p.type) + 2 + _value_chars(v) for p, v in zip(args[1::2], args[2::2], strict=True)))


def _append_rule(args: Sequence[ArgInfo]) -> SqlType:
    if len(args) % 2 == 0:
        raise error("WRONG_PARAMCOUNT_TO_NATIVE_FCT", "JSON_ARRAY_APPEND")
    return string_type(width(args[0].type) + sum(width(value.type) + 4 for value in args[2::2]))


def from_sql(value: Any, letter: str, *, verbatim: bool = False) -> Any:
    """An SQL value as a parsed JSON value; verbatim: JSON stays the text it is, spaces and all."""
    if value is None:
        return None
    if letter == "b":
        return bool(value)
    if letter in "id":
        return Num(from_unsigned(value) if isinstance(value, bytes) else value)
    if letter == "r":
        return Num(format_double(value))
    if letter == "j":
        if verbatim:
            return Verbatim(value)
        try:
            return parse(value)
        except JsonError:
            return json_text.string_value(value)
    if letter == "t":
        return format_time(value, 6 if value % 1_000_000 else 0)
    return json_text.string_value(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _document(text: str, argument: int, function: str) -> Any:
    try:
        return parse(text)
    except JsonError as err:
        json_text.warn(err, argument, function)
        raise _Bad from None


def _document_or_null(text: str) -> Any:
    """Of functions that answer NULL for what is no JSON, without a warning."""
    try:
        return parse(text)
    except JsonError:
        raise _Bad from None


def _path(text: Any, argument: int, function: str, *, wild: bool = True) -> tuple[Step, ...]:
    """The steps of a path argument, which in the functions that change JSON may be of any type."""
    try:
        steps = parse_path(text if isinstance(text, str) else str(text))
    except JsonError as err:
        json_text.warn(err, argument, function)
        raise _Bad from None
    if not wild and is_wild(steps):
        current().warn("JSON_PATH_NO_WILDCARD", argument, function)
        raise _Bad
    return steps


def _null_when_bad(call: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any) -> Any:
        try:
            return call(*args)
        except _Bad:
            return None

    return guarded


def _register(
    name: str,
    args: tuple[Arg, ...],
    min_args: int,
    max_args: int | None,
    rule: TypeRule,
    call: Callable[..., Any],
    *synonyms: str,
    **flags: Any,
) -> None:
    register(Function(name, args, min_args, max_args, rule, _null_when_bad(call), **flags), *synonyms)


# --- looking ----------------------------------------------------------------------------------------------------


def _extract(text: str, *paths: str) -> str | None:
    document = _document(text, 1, "json_extract")
    if len(paths) == 1:
        steps = _path(paths[0], 2, "json_extract")
        if not is_wild(steps):
            value = find_one(document, steps)
            return None if value is NOTHING else dump(value)
        hits = find_all(document, steps)
    else:
        hits = [hit for index, path in enumerate(paths, 2) for hit in find_all(document, _path(path, index, "json_extract"))]
        hits.sort(key=lambda hit: hit.order)
    return dump([hit.value for hit in hits]) if hits else None


def _first(document: Any, steps: tuple[Step, ...]) -> Any:
    if not is_wild(steps):
        return find_one(document, steps)
    found = find_all(document, steps)
    return found[0].value if found else NOTHING


def _value(text: str, path: str) -> str | None:
    steps = _path(path, 2, "json_value", wild=False)
    try:
        value = find_one(parse(text), steps)
    except JsonError:
        return None
    if value is NOTHING or value is None or isinstance(value, list):
        return None
    return "1" if value is True else "0" if value is False else str(value)


def _query(text: str, path: str) -> str | None:
    steps = _path(path, 2, "json_query")
    try:
        hits = find_all(json_text.parse_carefully(text), steps)
    except JsonError:
        return None
    spans = (hit.value.span for hit in hits if isinstance(hit.value, (Obj, Arr)))
    return next((text[start:end] for start, end in spans), None)


def _unquote(text: str) -> str:
    if not text.lstrip().startswith('"'):
        return text
    try:
        value = parse(text)
    except JsonError as err:
        json_text.warn(err, 1, "json_unquote")
        return text
    return str(value)


def _exists(text: str, path: str) -> int | None:
    try:
        steps = parse_path(path)
    except JsonError:
        return None
    return int(bool(find_all(_document_or_null(text), steps)))


def _keys(text: str, *path: str) -> str | None:
    value = _document(text, 1, "json_keys")
    if path:
        value = find_one(value, _path(path[0], 2, "json_keys", wild=False))
    if not isinstance(value, Obj):
        return None
    return dump(list(dict.fromkeys(key for key, _ in value)))


def _length(text: str, *path: str) -> int | None:
    value = _document(text, 1, "json_length")
    if path:
        value = _first(value, _path(path[0], 2, "json_length"))
        if value is NOTHING:
            return None
    return len(value) if isinstance(value, list) else 1


def _depth(value: Any) -> int:
    if not isinstance(value, list):
        return 1
    inner = (member for _, member in value) if isinstance(value, Obj) else iter(value)
    return 1 + max((_depth(child) for child in inner), default=0)


def _type(text: str) -> str:
    value = _document(text, 1, "json_type")
    if isinstance(value, Obj):
        return "OBJECT"
    if isinstance(value, list):
        return "ARRAY"
    if isinstance(value, Num):
        return "DOUBLE" if "." in value else "INTEGER"
    if isinstance(value, str):
        return "STRING"
    return "NULL" if value is None else "BOOLEAN"


def _valid(text: str) -> int:
    try:
        parse(text)
    except JsonError:
        return 0
    return 1


def is_json(text: str) -> bool:
    """Whether `text` is JSON: the check of a JSON column."""
    try:
        parse(text)
    except JsonError:
        return False
    return True


def _contains_value(target: Any, candidate: Any) -> bool:
    """MariaDB's rule: an array contains what any of its items contains, and an array all of whose items it contains."""
    if isinstance(target, Obj):
        if not isinstance(candidate, Obj):
            return False
        places = [(target.find(key), value) for key, value in candidate]
        return all(index >= 0 and _contains_value(target[index][1], value) for index, value in places)
    if isinstance(target, list):
        if isinstance(candidate, list) and not isinstance(candidate, Obj):
            return all(_contains_value(target, item) for item in candidate)
        return any(_contains_value(item, candidate) for item in target)
    return not isinstance(candidate, list) and json_text.equal(target, candidate)


def _contains(text: str, candidate: str, *path: str) -> int | None:
    value = _document(text, 1, "json_contains")
    if path:
        value = find_one(value, _path(path[0], 3, "json_contains", wild=False))
        if value is NOTHING:
            return 0
    return int(_contains_value(value, _document(candidate, 2, "json_contains")))


def _one_or_all(mode: str, function: str) -> bool:
    """True for 'all'."""
    lowered = mode.lower()
    if lowered not in ("one", "all"):
        current().warn("JSON_ONE_OR_ALL", function)
        raise _Bad
    return lowered == "all"


def _contains_path(text: str, mode: str, *paths: str) -> int:
    want_all = _one_or_all(mode, "json_contains_path")
    document = _document(text, 1, "json_contains_path")
    found = (bool(find_all(document, _path(path, index, "json_contains_path"))) for index, path in enumerate(paths, 3))
    return int(all(found) if want_all else any(found))


def like_regex(pattern: str, escape: str = "\\") -> re.Pattern[str]:
    """A LIKE pattern as a regular expression over the whole text."""
    parts: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == escape:
            parts.append(re.escape(next(chars, escape)))
        else:
            parts.append(".*" if char == "%" else "." if char == "_" else re.escape(char))
    return re.compile("".join(parts), re.DOTALL)


def _search(text: str | None, mode: str | None, wanted: str | None, *rest: Any) -> str | None:
    *rest_args, collation = rest
    if text is None or mode is None or wanted is None:
        return None
    escape = rest_args[0] if rest_args and rest_args[0] else "\\"
    want_all = _one_or_all(mode, "json_search")
    document = _document(text, 1, "json_search")
    pattern = like_regex(fold(wanted, collation), escape)
    starts = [Hit("$", document)]
    if len(rest_args) > 1:
        paths = [(path, index) for index, path in enumerate(rest_args[1:], 5) if path is not None]
        starts = [hit for path, index in paths for hit in find_all(document, _path(path, index, "json_search"))]
    found: list[str] = []
    for start in starts:
        _search_in(start, lambda s: pattern.fullmatch(fold(s, collation)) is not None, found)
    if not found:
        return None
    quoted = [json_text.string_value(path) for path in dict.fromkeys(found)]
    return dump(quoted) if want_all and len(quoted) > 1 else dump(quoted[0])


def _search_in(at: Hit, matches: Callable[[str], bool], found: list[str]) -> None:
    if isinstance(at.value, list):
        for child in json_text.children(at):
            _search_in(child, matches, found)
    elif isinstance(at.value, str) and matches(at.value):
        found.append(at.path)


def _overlaps(left_text: str, right_text: str) -> int:
    left, right = _document(left_text, 1, "json_overlaps"), _document(right_text, 2, "json_overlaps")
    if isinstance(left, Obj) and isinstance(right, Obj):
        return int(any(right.find(key) >= 0 and json_text.equal(value, right[right.find(key)][1]) for key, value in left))
    lefts = left if isinstance(left, list) and not isinstance(left, Obj) else [left]
    rights = right if isinstance(right, list) and not isinstance(right, Obj) else [right]
    return int(any(json_text.equal(a, b) for a in lefts for b in rights))


def _extract_rule(args: Sequence[ArgInfo]) -> SqlType:
    paths = len(args) - 1
    return string_type(paths * (width(args[0].type) * 2 + (2 if paths > 1 else 0)))


_register("JSON_EXTRACT", _J + (Arg.STRING,), 2, None, _extract_rule, _extract)
_register("JSON_VALUE", _J + (Arg.STRING,), 2, 2, same_width(), _value)
_register("JSON_QUERY", _J + (Arg.STRING,), 2, 2, lambda args: string_type(width(args[0].type)), _query)
_register("JSON_UNQUOTE", _J, 1, 1, same_width(), _unquote)
_register("JSON_EXISTS", _J + (Arg.STRING,), 2, 2, _FLAG, _exists)
_register("JSON_KEYS", _J + (Arg.STRING,), 1, 2, lambda args: string_type(width(args[0].type)), _keys)
_register("JSON_LENGTH", _J + (Arg.STRING,), 1, 2, int_type(10), _length)
_register("JSON_DEPTH", _J, 1, 1, int_type(10), lambda text: _depth(_document(text, 1, "json_depth")), nullable=False)
_register("JSON_TYPE", _J, 1, 1, text_of(12), _type)
_register("JSON_VALID", _J, 1, 1, _FLAG, _valid)
_register("JSON_CONTAINS", (Arg.JSON, Arg.JSON, Arg.STRING), 2, 3, _FLAG, _contains)
_register("JSON_CONTAINS_PATH", _J + (Arg.STRING,), 3, None, _FLAG, _contains_path)
_register(
    "JSON_SEARCH",
    _J + (Arg.STRING,),
    3,
    None,
    lambda args: string_type(width(args[0].type) ** 2 * 4),
    _search,
    null_aware=True,
    collate_args=True,
)
_register("JSON_OVERLAPS", (Arg.JSON, Arg.JSON), 2, 2, _FLAG, _overlaps)
_register(
    "JSON_EQUALS",
    (Arg.JSON, Arg.JSON),
    2,
    2,
    _FLAG,
    lambda a, b: int(json_text.equal(_document_or_null(a), _document_or_null(b))),
)

# --- making -----------------------------------------------------------------------------------------------------


def _object(*values: Any) -> str:
    letters = values[-1]
    members = Obj()
    for index in range(0, len(values) - 1, 2):
        key = values[index]
        text = "" if key is None else key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        members.append((json_text.string_value(text), from_sql(values[index + 1], letters[index + 1], verbatim=True)))
    return dump(members)


def _array(*values: Any) -> str:
    return dump([from_sql(value, letter, verbatim=True) for value, letter in zip(values[:-1], values[-1], strict=True)])


def _quote(text: Any, letters: str) -> str | None:
    return f'"{json_text.escape(text)}"' if letters in ("s", "j") else None


_register("JSON_OBJECT", (Arg.ANY,), 0, None, _object_rule, _object, null_aware=True, pass_types=True)
_register("JSON_ARRAY", (Arg.ANY,), 0, None, _values_rule, _array, null_aware=True, pass_types=True)
_register("JSON_QUOTE", (Arg.ANY,), 1, 1, lambda args: string_type(width(args[0].type) * 12 + 2), _quote, pass_types=True)

# --- changing ---------------------------------------------------------------------------------------------------


def _assign(document: Any, steps: tuple[Step, ...], value: Any, *, insert: bool, replace: bool) -> Any:
    """`document` with `value` at a path; the same when the path is not to be written."""
    if not steps:
        return value if replace else document
    parent = find_one(document, steps[:-1])
    if parent is NOTHING:
        return document
    kind, what = steps[-1]
    if kind == "key":
        if isinstance(parent, Obj):
            index = parent.find(what)
            if index >= 0:
                if replace:
                    parent[index] = (parent[index][0], value)
            elif insert:
                parent.append((json_text.string_value(what), value))
        return document
    if isinstance(parent, list) and not isinstance(parent, Obj):
        at = what if what >= 0 else what + len(parent)
        if 0 <= at < len(parent):
            if replace:
                parent[at] = value
        elif insert:
            parent.append(value)
        return document
    if what in (0, -1):
        return _put(document, steps[:-1], value) if replace else document
    return _put(document, steps[:-1], [parent, value]) if insert else document


def _put(document: Any, steps: tuple[Step, ...], value: Any) -> Any:
    """Replace what is at a path that exists."""
    if not steps:
        return value
    parent = find_one(document, steps[:-1])
    kind, what = steps[-1]
    if kind == "key":
        index = parent.find(what)
        parent[index] = (parent[index][0], value)
    elif isinstance(parent, list) and not isinstance(parent, Obj):
        parent[what] = value
    else:
        return _put(document, steps[:-1], value)
    return document


def _setter(function: str, *, insert: bool, replace: bool) -> Callable[..., str | None]:
    def call(text: str | None, *rest: Any) -> str | None:
        letters = rest[-1]
        if text is None or any(path is None for path in rest[0:-1:2]):
            return None
        document = _document(text, 1, function)
        for index in range(0, len(rest) - 1, 2):
            steps = _path(rest[index], index + 2, function, wild=False)
            document = _assign(document, steps, from_sql(rest[index + 1], letters[index + 2]), insert=insert, replace=replace)
        return dump(document)

    return call


def _append(text: str | None, *rest: Any) -> str | None:
    letters = rest[-1]
    if text is None or any(path is None for path in rest[0:-1:2]):
        return None
    document = _document(text, 1, "json_array_append")
    for index in range(0, len(rest) - 1, 2):
        steps = _path(rest[index], index + 2, "json_array_append", wild=False)
        target = find_one(document, steps)
        if target is NOTHING:
            return None
        value = from_sql(rest[index + 1], letters[index + 2])
        if isinstance(target, list) and not isinstance(target, Obj):
            target.append(value)
        else:
            document = _put(document, steps, [target, value])
    return dump(document)


def _array_insert(text: str | None, *rest: Any) -> str | None:
    letters = rest[-1]
    if text is None or any(path is None for path in rest[0:-1:2]):
        return None
    document = _document(text, 1, "json_array_insert")
    for index in range(0, len(rest) - 1, 2):
        steps = _path(rest[index], index + 2, "json_array_insert", wild=False)
        if not steps or steps[-1][0] != "index":
            return None
        target = find_one(document, steps[:-1])
        if isinstance(target, list) and not isinstance(target, Obj):
            at = steps[-1][1]
            target.insert(at if at >= 0 else max(len(target) + at + 1, 0), from_sql(rest[index + 1], letters[index + 2]))
    return dump(document)


def _remove(text: str, *paths: str) -> str | None:
    document = _document(text, 1, "json_remove")
    for index, path in enumerate(paths, 2):
        steps = _path(path, index, "json_remove", wild=False)
        if not steps:
            current().warn("JSON_PATH_ROOT", path, index, "json_remove")
            return None
        parent = find_one(document, steps[:-1])
        kind, what = steps[-1]
        if kind == "key" and isinstance(parent, Obj):
            at = parent.find(what)
            if at >= 0:
                del parent[at]
        elif kind == "index" and isinstance(parent, list) and not isinstance(parent, Obj):
            if -len(parent) <= what < len(parent):
                del parent[what]
    return dump(document)


def _merge_two(left: Any, right: Any) -> Any:
    if isinstance(left, Obj) and isinstance(right, Obj):
        merged = Obj(left)
        for key, value in right:
            index = merged.find(key)
            if index >= 0:
                merged[index] = (key, _merge_two(merged[index][1], value))
            else:
                merged.append((key, value))
        return merged
    lefts = left if isinstance(left, list) and not isinstance(left, Obj) else [left]
    rights = right if isinstance(right, list) and not isinstance(right, Obj) else [right]
    return [*lefts, *rights]


def _merge_patch_two(left: Any, right: Any) -> Any:
    if not isinstance(right, Obj):
        return right
    merged = Obj(left) if isinstance(left, Obj) else Obj()
    for key, value in right:
        index = merged.find(key)
        if value is None:
            if index >= 0:
                del merged[index]
        elif index >= 0:
            merged[index] = (key, _merge_patch_two(merged[index][1], value))
        else:
            merged.append((key, _merge_patch_two(None, value)))
    return merged


def _merger(function: str, merge: Callable[[Any, Any], Any]) -> Callable[..., str]:
    def call(*texts: str) -> str:
        documents = [_document(text, index, function) for index, text in enumerate(texts, 1)]
        merged = documents[0]
        for document in documents[1:]:
            merged = merge(merged, document)
        return dump(merged)

    return call


_SET_ARGS: Final = (Arg.JSON, Arg.ANY)
_CHANGER: Final = {"null_aware": True, "pass_types": True}
_register("JSON_SET", _SET_ARGS, 3, None, _set_rule, _setter("json_set", insert=True, replace=True), **_CHANGER)
_register("JSON_INSERT", _SET_ARGS, 3, None, _set_rule, _setter("json_insert", insert=True, replace=False), **_CHANGER)
_register("JSON_REPLACE", _SET_ARGS, 3, None, _set_rule, _setter("json_replace", insert=False, replace=True), **_CHANGER)
_register("JSON_ARRAY_APPEND", _SET_ARGS, 3, None, _append_rule, _append, **_CHANGER)
_register("JSON_ARRAY_INSERT", _SET_ARGS, 3, None, _append_rule, _array_insert, **_CHANGER)
_register("JSON_REMOVE", _J + (Arg.STRING,), 2, None, lambda args: string_type(width(args[0].type)), _remove)
_register("JSON_MERGE_PRESERVE", _J, 2, None, _values_rule, _merger("json_merge_preserve", _merge_two), "JSON_MERGE")
_register("JSON_MERGE_PATCH", _J, 2, None, _values_rule, _merger("json_merge_patch", _merge_patch_two))

# --- layout -----------------------------------------------------------------------------------------------------


def _detailed(text: str, *indent: int) -> str:
    return json_text.dump_detailed(_document(text, 1, "json_detailed"), min(max(indent[0], 0), 16) if indent else 4)


_register(
    "JSON_COMPACT",
    _J,
    1,
    1,
    lambda args: string_type(width(args[0].type)),
    lambda t: dump(_document(t, 1, "json_compact"), ",", ":"),
)
_register(
    "JSON_LOOSE", _J, 1, 1, lambda args: string_type(width(args[0].type) * 2), lambda t: dump(_document(t, 1, "json_loose"))
)
_register("JSON_DETAILED", (Arg.JSON, Arg.INTEGER), 1, 2, lambda args: string_type(BLOB_WIDTH), _detailed, "JSON_PRETTY")
_register(
    "JSON_NORMALIZE",
    _J,
    1,
    1,
    lambda args: string_type(width(args[0].type) * 5),
    lambda t: dump(json_text.normalize(_document_or_null(t)), ",", ":"),
)
