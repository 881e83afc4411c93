"""The columns of every information_schema table, as MariaDB 10.11 has them (definitions.json, recorded from one)."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Final

from fauna.catalog.types import BYTES_MAX, Kind, SqlType, decimal_type
from fauna.session.result import ResultColumn

SCHEMA: Final = "information_schema"
COLLATION: Final = "utf8mb3_general_ci"
_TYPE: Final = re.compile(r"(\w+)(?:\((.*)\))?( unsigned)?")


def type_of(text: str) -> SqlType:
    """'bigint(21) unsigned' -> its SqlType."""
    found = _TYPE.fullmatch(text)
    assert found is not None, text
    name, inside, unsigned = found[1], found[2], bool(found[3])
    kind = Kind[name.upper()]
    if kind is Kind.ENUM:
        members = tuple(member[1:-1] for member in inside.split(","))
        return SqlType(kind, max(map(len, members)), collation=COLLATION, members=members)
    if kind is Kind.DECIMAL:
        precision, _, scale = inside.partition(",")
        return decimal_type(int(precision), int(scale or 0))
    if kind is Kind.DATETIME:
        return SqlType(kind, 0, int(inside or 0))
    if kind in (Kind.FLOAT, Kind.DOUBLE):
        return SqlType(kind, 12 if kind is Kind.FLOAT else 22, 31)
    if kind is Kind.BLOB:
        return SqlType(kind, BYTES_MAX[kind], collation="binary")
    if kind in (Kind.LONGTEXT, Kind.VARCHAR, Kind.CHAR):
        return SqlType(kind, int(inside) if inside else BYTES_MAX[kind], collation=COLLATION)
    return SqlType(kind, int(inside or 0), unsigned=unsigned)


def _columns(table: str, text: str) -> tuple[ResultColumn, ...]:
    columns = []
    for item in text.split("; "):
        name, _, rest = item.partition(" ")
        required = rest.endswith(" NOT NULL")
        sql_type = type_of(rest.removesuffix(" NOT NULL"))
        columns.append(ResultColumn(name, sql_type, not required, SCHEMA, table, table, name))
    return tuple(columns)


def load() -> dict[str, tuple[ResultColumn, ...]]:
    """Table name -> columns."""
    text = resources.files(__package__).joinpath("definitions.json").read_text("utf-8")
    saved: dict[str, str] = json.loads(text)
    return {table: _columns(table, definition) for table, definition in saved.items()}
