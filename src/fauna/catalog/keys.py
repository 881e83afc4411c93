"""Keys as written -> indexes of the catalog: names, order, prefix lengths, limits.

Order is MariaDB's: PRIMARY, unique keys without nullable parts, other unique keys, the rest; as written within each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from fauna.catalog.collation_clause import bytes_per_character
from fauna.catalog.column_definition import NAME_MAX
from fauna.catalog.ddl_plan import Notes
from fauna.catalog.schema import Column, Index, IndexPart
from fauna.catalog.types import BLOBS, BYTES, CHARS, FLOATS, INT_BYTES, TEXTS, Kind, SqlType
from fauna.errors import error, unsupported
from fauna.sql import ast

KEY_BYTES_MAX: Final = 3072
KEYS_MAX: Final = 64
PARTS_MAX: Final = 32
COMMENT_MAX: Final = 1024

Kinds = Literal["PRIMARY", "UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key being defined.  generated: made for a foreign key, and dropped when another key serves as well.
    previous: the index of the table being altered that this one stands for."""

    kind: Kinds
    name: str
    parts: tuple[IndexPart, ...]
    comment: str = ""
    using: str = ""
    generated: bool = False
    previous: Index | None = field(default=None, compare=False)


def define_key(key: ast.KeyDef, notes: Notes) -> Key:
    """The key as written, without a look at the table.  An empty name is chosen later."""
    if key.kind in ("FULLTEXT", "SPATIAL"):
        raise unsupported(f"{key.kind} KEY")
    if len(key.comment) > COMMENT_MAX:
        raise error("TOO_LONG_INDEX_COMMENT", key.name or "", COMMENT_MAX)
    parts = tuple(IndexPart(part.column, part.length, part.descending) for part in key.parts)
    name = key.name or key.constraint_name or ""
    if key.kind == "PRIMARY":
        if name and name.upper() != "PRIMARY":
            notes.add("NAME_IGNORED_FOR_PRIMARY", name, level="Warning")
        name = "PRIMARY"
    elif len(name) > NAME_MAX:
        raise error("TOO_LONG_IDENT", name)
    elif name.upper() == "PRIMARY" or (name and name.endswith(" ")):
        raise error("WRONG_NAME_FOR_INDEX", name)
    return Key(key.kind, name, parts, key.comment, key.using.upper())


def column_key(definition: ast.ColumnDef) -> list[Key]:
    """The keys that a column's own attributes ask for."""
    parts = (IndexPart(definition.name),)
    keys = []
    if definition.primary_key:
        keys.append(Key("PRIMARY", "PRIMARY", parts))
    elif definition.unique or definition.type.name == "SERIAL":
        keys.append(Key("UNIQUE", "", parts))
    return keys


def drop_redundant(keys: Sequence[Key]) -> list[Key]:
    """Without the keys made for foreign keys that another key begins with."""
    left: list[Key | None] = []
    for key in keys:
        current: Key | None = key
        for position, other in enumerate(left):
            if other is None or not (key.generated or other.generated) or not _is_prefix(key, other):
                continue
            if not other.generated or (key.generated and len(key.parts) < len(other.parts)):
                current = None
                break
            left[position] = None
        left.append(current)
    return [key for key in left if key is not None]


def _is_prefix(one: Key, other: Key) -> bool:
    """Whether the generated (or the shorter) of two keys is the beginning of the other."""
    short, long = (one, other) if one.generated else (other, one)
    if short.generated and long.generated and len(short.parts) > len(long.parts):
        short, long = long, short
    if len(short.parts) > len(long.parts):
        return False
    return all(
        a.column.lower() == b.column.lower() and a.length == b.length for a, b in zip(short.parts, long.parts, strict=False)
    )


def name_keys(keys: Sequence[Key]) -> list[Key]:
    """Every key with a name: the first column's, then with _2, _3 …; error 1061 for one given twice."""
    named: list[Key] = []
    taken: set[str] = set()
    for key in keys:
        name = key.name or _free_name(key.parts[0].column, taken)
        if name.lower() in taken:
            if key.kind == "PRIMARY":
                raise error("MULTIPLE_PRI_KEY")
            raise error("DUP_KEYNAME", name)
        taken.add(name.lower())
        named.append(replace(key, name=name))
    return named


def _free_name(column: str, taken: set[str]) -> str:
    if column.lower() not in taken and column.upper() != "PRIMARY":
        return column
    number = 2
    while f"{column}_{number}".lower() in taken:
        number += 1
    return f"{column}_{number}"


def resolve_keys(keys: Sequence[Key], columns: Mapping[str, Column], notes: Notes) -> list[Key]:
    """Keys checked against the columns: they exist, may be keys, and are not too long.  columns: by lower-case name."""
    if len(keys) > KEYS_MAX:
        raise error("TOO_MANY_KEYS", KEYS_MAX)
    return sort_keys([_resolve(key, columns, notes) for key in keys], columns)


def _resolve(key: Key, columns: Mapping[str, Column], notes: Notes) -> Key:
    if len(key.parts) > PARTS_MAX:
        raise error("TOO_MANY_KEY_PARTS", PARTS_MAX)
    parts: list[IndexPart] = []
    total = 0
    hashed = False
    for part in key.parts:
        column = columns.get(part.column.lower())
        if column is None:
            raise error("KEY_COLUMN_DOES_NOT_EXIST", part.column)
        if any(part.column.lower() == other.column.lower() for other in parts):
            raise error("DUP_FIELDNAME", part.column)
        if key.kind == "PRIMARY" and column.generated:
            raise error("GENERATED_PRIMARY_KEY")
        resolved, size, long = _resolve_part(key, part, column, notes)
        parts.append(resolved)
        total += size
        hashed = hashed or long
    if total > KEY_BYTES_MAX and not hashed:
        if key.kind != "UNIQUE":
            raise error("TOO_LONG_KEY", KEY_BYTES_MAX)
        hashed = True
    if hashed:
        plain = tuple(replace(part, descending=False) for part in parts)
        return replace(key, parts=plain, using="HASH")
    was_hashed = key.kind == "UNIQUE" and key.previous is not None and key.using == "HASH"
    return replace(key, parts=tuple(parts), using="" if was_hashed else key.using)


def _resolve_part(key: Key, part: IndexPart, column: Column, notes: Notes) -> tuple[IndexPart, int, bool]:
    """The part with its prefix length settled, its bytes, and whether a unique key needs hashing to hold it."""
    kind = column.sql_type.kind
    is_string = kind in CHARS or kind in BYTES
    name = column.name
    width = bytes_per_character(column.sql_type.collation) if kind in CHARS else 1
    if part.length == 0:
        raise error("KEY_PART_0", name)
    if part.length is not None and (not is_string or part.length > column.sql_type.length):
        if key.previous is None:
            raise error("WRONG_SUB_KEY")
        part = replace(part, length=None)  # the column was changed: the key takes all of it
    long = kind in TEXTS or kind in BLOBS
    if long and part.length is None:
        if key.kind == "PRIMARY":
            raise error("BLOB_KEY_WITHOUT_LENGTH", name)
        if key.kind == "UNIQUE":
            return replace(part, column=name), 0, True
        size = column.sql_type.length * width
        if size <= KEY_BYTES_MAX:
            return IndexPart(name, column.sql_type.length, part.descending), size, False
        notes.add("TOO_LONG_KEY", KEY_BYTES_MAX)
        return IndexPart(name, KEY_BYTES_MAX // width, part.descending), KEY_BYTES_MAX, False
    length = part.length if part.length != column.sql_type.length or long else None
    size = (part.length or column.sql_type.length) * width if is_string else _fixed_bytes(column.sql_type)
    if size > KEY_BYTES_MAX:
        if key.kind == "PRIMARY":
            raise error("TOO_LONG_KEY", KEY_BYTES_MAX)
        if key.kind == "UNIQUE":
            return IndexPart(name, length, part.descending), size, True
        notes.add("TOO_LONG_KEY", KEY_BYTES_MAX)
        return IndexPart(name, KEY_BYTES_MAX // width, part.descending), KEY_BYTES_MAX, False
    return IndexPart(name, length, part.descending), size, False


def _fixed_bytes(sql_type: SqlType) -> int:
    if sql_type.kind in INT_BYTES:
        return INT_BYTES[sql_type.kind]
    return 4 if sql_type.kind in FLOATS else 8


def sort_keys(keys: Iterable[Key], columns: Mapping[str, Column]) -> list[Key]:
    def rank(key: Key) -> tuple[int, int]:
        if key.kind == "PRIMARY":
            return 0, 0
        prefixed = any(part.length is not None for part in key.parts)
        if key.kind == "UNIQUE" and key.using == "HASH":
            return 2, 2
        if key.kind == "UNIQUE":
            nullable = any(columns[part.column.lower()].nullable for part in key.parts)
            return 2 if nullable else 1, prefixed
        return 3, 0

    return sorted(keys, key=rank)


def check_auto_column(columns: Sequence[Column], keys: Sequence[Key]) -> None:
    """Error 1075 unless there is at most one AUTO_INCREMENT column and it begins a key."""
    autos = [column for column in columns if column.auto_increment]
    if not autos:
        return
    name = autos[0].name.lower()
    if len(autos) > 1 or not any(key.parts[0].column.lower() == name for key in keys):
        raise error("WRONG_AUTO_KEY")


def note_duplicates(keys: Sequence[Key], notes: Notes) -> None:
    """A Note for each key that repeats an earlier one."""
    for position, key in enumerate(keys):
        if key.previous is None and any(_same(key, other) for other in keys[:position]):
            notes.add("DUP_INDEX", key.name)


def _same(one: Key, other: Key) -> bool:
    return one.kind == other.kind and [(p.column.lower(), p.length) for p in one.parts] == [
        (p.column.lower(), p.length) for p in other.parts
    ]


def to_index(key: Key, physical: str) -> Index:
    return Index(key.name, key.kind, key.parts, physical, key.comment, key.using, key.generated)


def of_index(index: Index) -> Key:
    return Key(index.kind, index.name, index.parts, index.comment, index.using, index.generated, index)


def row_bytes(column: Column) -> int:
    """What a column takes of MySQL's 65,535 bytes for a row."""
    sql_type = column.sql_type
    if sql_type.kind in (Kind.CHAR, Kind.VARCHAR):
        size = sql_type.length * bytes_per_character(sql_type.collation)
        return size + (2 if size > 255 else 1) if sql_type.kind is Kind.VARCHAR else size
    if sql_type.kind is Kind.VARBINARY:
        return sql_type.length + (2 if sql_type.length > 255 else 1)
    if sql_type.kind is Kind.BINARY:
        return sql_type.length
    if sql_type.kind in TEXTS or sql_type.kind in BLOBS:
        return 12
    return _fixed_bytes(sql_type)
