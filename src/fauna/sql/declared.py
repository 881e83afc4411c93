"""Types that the catalog keeps as another type and a word (Column.declared): UUID, INET4, INET6 and the geometries.

`checked` is what an assignment does besides converting to the other type: it brings a value into its one form, or
refuses it.  `compared` does so with what such a column is compared with.  Order is the other type's: that of the text.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from typing import Final

from fauna.catalog.types import BYTES_MAX, Kind, SqlType, Stored
from fauna.errors import error
from fauna.sql.context import current
from fauna.sql.convert import StoreLabel

_ASCII: Final = "ascii_general_ci"
GEOMETRIES: Final = (
    "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION",
)  # fmt: skip
TEXTUAL: Final = frozenset({"uuid", "inet4", "inet6"})
# The type that holds each.
DECLARED: Final[dict[str, SqlType]] = {
    "UUID": SqlType(Kind.CHAR, 36, collation=_ASCII),
    "INET4": SqlType(Kind.CHAR, 15, collation=_ASCII),
    "INET6": SqlType(Kind.CHAR, 39, collation=_ASCII),
    **{word: SqlType(Kind.LONGBLOB, BYTES_MAX[Kind.LONGBLOB]) for word in GEOMETRIES},
}  # fmt: skip


def checked(word: str, label: StoreLabel) -> Callable[[Stored], Stored]:
    """What to do to a value that is stored in a column declared as `word` (lower case)."""
    if word.upper() in GEOMETRIES:
        return lambda value: _geometry(value, word)
    return lambda value: _text(value, word, label)


def compared(word: str) -> Callable[[Stored], Stored]:
    """What to do to a text that is compared with such a column; NULL, with a warning, for what is no such value."""

    def form(value: Stored) -> Stored:
        try:
            return None if value is None else _form(str(value).strip(), word)
        except ValueError:
            current().warn("WRONG_VALUE", word, value)
            return None

    return form


def _geometry(value: Stored, word: str) -> Stored:
    from fauna.sql.functions.geometry import is_geometry

    if isinstance(value, bytes) and not is_geometry(value, word):
        raise error("CANT_CREATE_GEOMETRY_OBJECT")
    return value


def _text(value: Stored, word: str, label: StoreLabel) -> Stored:
    if value is None:
        return None
    text = str(value).strip()
    try:
        return _form(text, word)
    except ValueError:
        context = current()
        parts = (word, text, label.schema, label.table, label.column, context.row)
        if context.strict:
            raise error("INCORRECT_VALUE", *parts) from None
        context.warn("INCORRECT_VALUE", *parts)
        return None


def _form(text: str, word: str) -> str:
    if word == "uuid":
        return str(uuid.UUID(hex=text))
    return str(ipaddress.IPv4Address(text)) if word == "inet4" else _inet6(text)


def _inet6(text: str) -> str:
    address = ipaddress.IPv6Address(text)
    mapped = address.ipv4_mapped
    return f"::ffff:{mapped}" if mapped is not None else str(address)
