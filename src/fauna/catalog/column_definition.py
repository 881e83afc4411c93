"""A column as written -> a column of the catalog: MySQL's types with their limits, defaults and attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fauna.catalog.charsets import charset_of
from fauna.catalog.collation_clause import bytes_per_character, resolve
from fauna.catalog.ddl_plan import DdlContext, Notes
from fauna.catalog.expressions import expression_default_text
from fauna.catalog.literals import constant_text
from fauna.catalog.schema import Column
from fauna.catalog.types import (
    BLOBS,
    BYTES_MAX,
    CHARS,
    FLOATS,
    INT_WIDTHS,
    INTEGERS,
    TEXTS,
    Kind,
    SqlType,
    Stored,
    decimal_type,
)
from fauna.errors import SqlError, error, unsupported
from fauna.sql import ast
from fauna.sql.declared import DECLARED

NAME_MAX: Final = 64
COMMENT_MAX: Final = 1024
VARCHAR_BYTES_MAX: Final = 65_532
MEMBERS_MAX: Final = {"ENUM": 65_535, "SET": 64}

_TEXT_OF_BLOB: Final = {
    Kind.CHAR: Kind.BINARY, Kind.VARCHAR: Kind.VARBINARY, Kind.TINYTEXT: Kind.TINYBLOB, Kind.TEXT: Kind.BLOB,
    Kind.MEDIUMTEXT: Kind.MEDIUMBLOB, Kind.LONGTEXT: Kind.LONGBLOB,
}
_TEXT_SIZES: Final = (Kind.TINYTEXT, Kind.TEXT, Kind.MEDIUMTEXT, Kind.LONGTEXT)
_BLOB_SIZES: Final = (Kind.TINYBLOB, Kind.BLOB, Kind.MEDIUMBLOB, Kind.LONGBLOB)
_UNKNOWN_TYPES: Final = frozenset({"VECTOR", "XMLTYPE"})


def check_column_name(name: str) -> None:
    if not name or name.endswith(" ") or "\0" in name:
        raise error("WRONG_COLUMN_NAME", name)
    if len(name) > NAME_MAX:
        raise error("TOO_LONG_IDENT", name)


def define_type(name: ast.TypeName, column: str, table_collation: str, context: DdlContext, notes: Notes) -> SqlType:
    """The catalog's type for a type as written; raises MySQL's errors for what is out of its limits."""
    word = name.name
    if word in _UNKNOWN_TYPES:
        raise unsupported(f"the type {word}")
    if word == "SERIAL":
        return SqlType(Kind.BIGINT, 20, unsigned=True)
    if word in DECLARED:
        return DECLARED[word]
    if word == "JSON":
        return SqlType(Kind.LONGTEXT, BYTES_MAX[Kind.LONGTEXT], collation="utf8mb4_bin")
    try:
        kind = Kind[word]
    except KeyError:
        raise unsupported(f"the type {word}") from None
    if kind in INTEGERS:
        return _integer(kind, name, column)
    if kind is Kind.DECIMAL:
        return _decimal(name, column)
    if kind in FLOATS:
        return _float(kind, name, column)
    if kind is Kind.BIT:
        if name.length is not None and name.length > 64:
            raise error("TOO_BIG_DISPLAYWIDTH", column, 64)
        return SqlType(kind, name.length or 1)
    if kind is Kind.YEAR:
        return _year(name, notes)
    if kind in (Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP):
        if (name.length or 0) > 6:
            raise error("TOO_BIG_PRECISION", column, 6)
        return SqlType(kind, 0, name.length or 0)
    if kind is Kind.DATE:
        return SqlType(kind)
    return _string(kind, name, column, table_collation, context, notes)


def _integer(kind: Kind, name: ast.TypeName, column: str) -> SqlType:
    if (name.length or 0) > 255:
        raise error("TOO_BIG_DISPLAYWIDTH", column, 255)
    unsigned = name.unsigned or name.zerofill
    return SqlType(kind, name.length or INT_WIDTHS[kind][unsigned], unsigned=unsigned, zerofill=name.zerofill)


def _decimal(name: ast.TypeName, column: str) -> SqlType:
    precision, scale = name.length or 10, name.scale or 0
    if scale > 38:
        raise error("TOO_BIG_SCALE", column, 38)
    if precision > 65:
        raise error("TOO_BIG_PRECISION", column, 65)
    if precision < scale:
        raise error("M_BIGGER_THAN_D", column)
    return decimal_type(precision, scale, unsigned=name.unsigned or name.zerofill).with_(zerofill=name.zerofill)


def _float(kind: Kind, name: ast.TypeName, column: str) -> SqlType:
    unsigned = name.unsigned or name.zerofill
    if name.length is not None and name.scale is not None:
        if name.length > 255:
            raise error("TOO_BIG_DISPLAYWIDTH", column, 255)
        if name.length < name.scale:
            raise error("M_BIGGER_THAN_D", column)
        if name.scale > 30:
            raise error("TOO_BIG_SCALE", column, 30)
        return SqlType(kind, name.length, name.scale, unsigned, name.zerofill)
    if name.length is not None:
        if name.length > 53:
            raise error("WRONG_FIELD_SPEC", column)
        kind = Kind.DOUBLE if name.length > 24 else kind
    return SqlType(kind, 12 if kind is Kind.FLOAT else 22, 31, unsigned, name.zerofill)


def _year(name: ast.TypeName, notes: Notes) -> SqlType:
    if name.length not in (None, 2, 4):
        notes.add("DEPRECATED", f"YEAR({name.length})", "YEAR(4)")
    return SqlType(Kind.YEAR, 4, unsigned=True)


def _collation(name: ast.TypeName, table_collation: str) -> str:
    collation = resolve(name.charset, name.collation, table_collation)
    if name.binary and name.collation is None and collation != "binary":
        return charset_of(collation).name + "_bin"
    return collation


def _string(
    kind: Kind, name: ast.TypeName, column: str, table_collation: str, context: DdlContext, notes: Notes
) -> SqlType:
    if kind in CHARS:
        collation = _collation(name, table_collation)
        if collation == "binary":
            kind = _TEXT_OF_BLOB[kind]
    elif kind in (Kind.ENUM, Kind.SET):
        return _members(kind, name, column, _collation(name, table_collation))
    else:
        collation = "binary"
    if kind in TEXTS or kind in BLOBS:
        return _sized_text(kind, name.length, collation)
    length = 1 if name.length is None else name.length
    if kind in (Kind.CHAR, Kind.BINARY):
        if length > 255:
            raise error("TOO_BIG_FIELDLENGTH", column, 255)
        return SqlType(kind, length, collation=collation)
    limit = VARCHAR_BYTES_MAX // bytes_per_character(collation)
    if length <= limit:
        return SqlType(kind, length, collation=collation)
    if context.strict:
        raise error("TOO_BIG_FIELDLENGTH", column, limit)
    text = kind is Kind.VARCHAR
    converted = _sized_text(Kind.TEXT if text else Kind.BLOB, length, collation)
    notes.add("AUTO_CONVERT", column, "VARCHAR" if text else "VARBINARY", converted.kind.name)
    return converted


def _sized_text(kind: Kind, length: int | None, collation: str) -> SqlType:
    """TEXT(n) and BLOB(n) are the smallest of their family that holds n characters."""
    if length is not None and kind in (Kind.TEXT, Kind.BLOB):
        length_bytes = length * bytes_per_character(collation)
        sizes = _TEXT_SIZES if kind is Kind.TEXT else _BLOB_SIZES
        kind = next((size for size in sizes if BYTES_MAX[size] >= length_bytes), sizes[-1])
    return SqlType(kind, BYTES_MAX[kind], collation=collation)


def _members(kind: Kind, name: ast.TypeName, column: str, collation: str) -> SqlType:
    members = tuple(member.rstrip(" ") for member in name.members)
    seen: dict[str, str] = {}
    for member in members:
        folded = member if collation.endswith("_bin") or collation == "binary" else member.casefold()
        if folded in seen:
            raise error("DUPLICATED_VALUE_IN_TYPE", column, seen[folded], kind.name)
        if kind is Kind.SET and "," in member:
            raise error("ILLEGAL_VALUE_FOR_TYPE", "set", member)
        seen[folded] = member
    if len(members) > MEMBERS_MAX[kind.name]:
        raise error("TOO_MANY_MEMBERS", column, kind.name)
    sizes = [len(member) for member in members]
    length = max(sizes, default=0) if kind is Kind.ENUM else sum(sizes) + len(sizes) - 1
    return SqlType(kind, length, collation=collation, members=members)


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────


def define_column(
    definition: ast.ColumnDef, number: int, table_collation: str, context: DdlContext, notes: Notes
) -> Column:
    """The column that a definition asks for.  What depends on other columns (keys, expressions) is checked later."""
    check_column_name(definition.name)
    if definition.hashed or definition.encrypted:
        raise unsupported("HASHED and ENCRYPTED columns")
    if len(definition.comment) > COMMENT_MAX:
        raise error("TOO_LONG_FIELD_COMMENT", definition.name, COMMENT_MAX)
    sql_type = define_type(definition.type, definition.name, table_collation, context, notes)
    serial = definition.type.name == "SERIAL"
    auto_increment = definition.auto_increment or serial
    if auto_increment and sql_type.kind not in INTEGERS and sql_type.kind not in FLOATS:
        raise error("WRONG_FIELD_SPEC", definition.name)
    nullable = definition.nullable is not False and not definition.primary_key and not serial
    if auto_increment and definition.nullable is None:
        nullable = False
    column = Column(
        definition.name, number, sql_type, nullable, auto_increment=auto_increment, comment=definition.comment,
        invisible=definition.invisible, declared_json=definition.type.name == "JSON",
        declared=definition.type.name.lower() if definition.type.name in DECLARED else "",
    )
    if definition.generated is not None:
        return replace(column, generated=context.deparse(definition.generated), stored=definition.stored, nullable=True)
    if definition.on_update is not None:
        if sql_type.kind not in (Kind.DATETIME, Kind.TIMESTAMP):
            raise error("INVALID_ON_UPDATE", definition.name)
        column = replace(column, on_update_now=True)
    return with_default(column, definition.default, context)


def with_default(column: Column, default: ast.Expr | None, context: DdlContext) -> Column:
    """The column with another DEFAULT clause; None: no clause."""
    if column.auto_increment:
        if default is not None:
            raise error("INVALID_DEFAULT", column.name)
        return replace(column, has_default=False, default=None, default_expr="", default_text="")
    if default is None:
        return _without_default(column)
    if _is_null(default):
        if not column.nullable:
            raise error("INVALID_DEFAULT", column.name)
        return replace(column, has_default=True, default=None, default_expr="", default_text="NULL")
    if is_now(default) and column.sql_type.kind in (Kind.DATETIME, Kind.TIMESTAMP):
        text = current_timestamp_text(min(now_scale(default, column.sql_type.scale), column.sql_type.scale))
        return replace(column, has_default=True, default=None, default_expr=text, default_text=text)
    if is_constant(default):
        stored, text = _constant(column, default, context)
        return replace(column, has_default=True, default=stored, default_expr="", default_text=text)
    deparsed = context.deparse(default)
    return replace(
        column, has_default=True, default=None, default_expr=deparsed, default_text=expression_default_text(default, deparsed)
    )


def _without_default(column: Column) -> Column:
    if column.nullable:
        return replace(column, has_default=True, default=None, default_expr="", default_text="NULL")
    if column.on_update_now:
        zero = "0000-00-00 00:00:00" + ("." + "0" * column.sql_type.scale if column.sql_type.scale else "")
        return replace(column, has_default=True, default=zero, default_expr="", default_text=f"'{zero}'")
    return replace(column, has_default=False, default=None, default_expr="", default_text="")


def _constant(column: Column, default: ast.Expr, context: DdlContext) -> tuple[Stored, str]:
    try:
        stored = context.convert_constant(default, column.sql_type)
        shown = stored
        if column.sql_type.kind is Kind.TIMESTAMP:  # stored in UTC, shown in the session's time zone
            shown = context.convert_constant(default, SqlType(Kind.DATETIME, 0, column.sql_type.scale))
    except SqlError:
        raise error("INVALID_DEFAULT", column.name) from None
    return stored, constant_text(shown, column.sql_type)


def is_now(expr: ast.Expr | None) -> bool:
    return isinstance(expr, ast.Call) and expr.name in ("NOW", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "LOCALTIME")


def now_scale(expr: ast.Expr, default: int) -> int:
    """The digits of a second that NOW(n) asks for; `default` without n."""
    assert isinstance(expr, ast.Call)
    if expr.args and isinstance(expr.args[0], ast.Literal) and isinstance(expr.args[0].value, int):
        return expr.args[0].value
    return default


def current_timestamp_text(scale: int) -> str:
    return f"current_timestamp({scale or ''})"


def is_constant(expr: ast.Expr) -> bool:
    if isinstance(expr, ast.Unary) and expr.op in ("-", "+"):
        return is_constant(expr.operand)
    return isinstance(expr, ast.Literal)


def _is_null(expr: ast.Expr) -> bool:
    return isinstance(expr, ast.Literal) and expr.kind is ast.LiteralKind.NULL


def implicit_default(sql_type: SqlType) -> Stored:
    """What a NOT NULL column without a DEFAULT holds when a statement gives it nothing and that is let pass."""
    if sql_type.kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return "0000-00-00 00:00:00" + ("." + "0" * sql_type.scale if sql_type.scale else "")
    if sql_type.kind is Kind.DATE:
        return "0000-00-00"
    if sql_type.kind in CHARS:
        return ""
    if sql_type.kind is Kind.BINARY:
        return bytes(sql_type.length)
    if sql_type.kind in BLOBS or sql_type.kind is Kind.VARBINARY:
        return b""
    if sql_type.kind in FLOATS:
        return 0.0
    if sql_type.kind is Kind.DECIMAL and sql_type.wide:
        return (1 << 223).to_bytes(28, "big")
    return 1 if sql_type.kind is Kind.ENUM else 0
