"""A conversion as a short text, to stand inside SQLite SQL: `cv('<spec>', x)`.

The text is stable: it also stands in the schema of database files (generated columns, CHECKs).

    <mode>;<source>;<target>[;<schema>.<table>.<column>]
    a type: <kind>,<length>,<scale>,<flags: u z w>,<collation>,<member>/<member>…   names and members percent-encoded
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote

import apsw

from fauna.catalog.types import Kind, SqlType, Stored
from fauna.sql.convert.modes import NO_LABEL, Mode, StoreLabel
from fauna.sql.convert.operand import Converter, operand_conversion
from fauna.sql.convert.store import store_converter

SPECS_MAX: Final = 10_000
_FLAGS: Final = (("u", "unsigned"), ("z", "zerofill"), ("w", "wide"))


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=4096)
def _conversion(source: SqlType, target: SqlType, mode: Mode, label: StoreLabel) -> Converter | None:
    """Over values that are not NULL."""
    if source.kind is Kind.NULL:
        return None
    if mode is Mode.STORE:
        return store_converter(source, target, label)
    return operand_conversion(source, target, mode)


@lru_cache(maxsize=4096)
def _null_safe(source: SqlType, target: SqlType, mode: Mode, label: StoreLabel) -> Callable[[Stored], Stored] | None:
    convert = _conversion(source, target, mode, label)
    if convert is None:
        return None
    known = convert
    return lambda value: None if value is None else known(value)


def conversion(source: SqlType, target: SqlType, mode: Mode) -> Callable[[Stored], Stored] | None:
    """How a value of `source` becomes one of `target`; None: it is one already.  NULL stays NULL."""
    return _null_safe(source, target, mode, NO_LABEL)


def store_conversion(source: SqlType, target: SqlType, label: StoreLabel) -> Callable[[Stored], Stored] | None:
    """As `conversion` under Mode.STORE, with the column's name for messages."""
    return _null_safe(source, target, Mode.STORE, label)


# ── the text form ──────────────────────────────────────────────────────────────────────────────────────────────


def _quoted(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")


def _type_spec(sql_type: SqlType) -> str:
    flags = "".join(letter for letter, name in _FLAGS if getattr(sql_type, name))
    members = "/".join(_quoted(member) or "~" for member in sql_type.members)
    return f"{sql_type.kind.value},{sql_type.length},{sql_type.scale},{flags},{sql_type.collation},{members}"


def _type_of_spec(text: str) -> SqlType:
    kind, length, scale, flags, collation, members = text.split(",")
    names = tuple(unquote(member) if member != "~" else "" for member in members.split("/")) if members else ()
    return SqlType(Kind(int(kind)), int(length), int(scale), "u" in flags, "z" in flags, collation, names, "w" in flags)


def spec(source: SqlType, target: SqlType, mode: Mode, label: StoreLabel | None = None) -> str:
    """The text form of a conversion."""
    text = f"{mode.value};{_type_spec(source)};{_type_spec(target)}"
    if label is None:
        return text
    return text + ";" + ".".join(_quoted(name) for name in (label.schema, label.table, label.column))


_by_spec: dict[str, Converter] = {}


def _converter_of(text: str) -> Converter:
    """Over values that are not NULL; kept for the next value."""
    mode, source, target, *rest = text.split(";")
    label = NO_LABEL
    if rest:
        schema, table, column = (unquote(name) for name in rest[0].split("."))
        label = StoreLabel(schema, table, column)
    converter = _conversion(_type_of_spec(source), _type_of_spec(target), Mode(mode), label) or _same
    if len(_by_spec) >= SPECS_MAX:
        _by_spec.clear()
    _by_spec[text] = converter
    return converter


def conversion_of(text: str) -> Callable[[Stored], Stored]:
    """The conversion that `spec` wrote down."""
    convert = _by_spec.get(text) or _converter_of(text)
    return lambda value: None if value is None else convert(value)


def _cv(text: Any, value: Any) -> Any:
    if value is None:
        return None
    convert = _by_spec.get(text)
    if convert is None:
        convert = _converter_of(text)
    return convert(value)


def register_conversions(connection: apsw.Connection) -> None:
    """Make `cv(spec, value)` known to the connection."""
    function: Callable[..., Any] = _cv
    connection.create_scalar_function("cv", function, 2, deterministic=True)
