"""Type names: of columns, and of CAST."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fauna.errors import error, unsupported
from fauna.sql.ast import TypeName
from fauna.sql.lexer import HEX, QUOTED, WORD
from fauna.sql.parse.core import Stream

_SYNONYMS: Final = {
    "INTEGER": "INT",
    "INT1": "TINYINT",
    "INT2": "SMALLINT",
    "INT3": "MEDIUMINT",
    "MIDDLEINT": "MEDIUMINT",
    "INT4": "INT",
    "INT8": "BIGINT",
    "NUMERIC": "DECIMAL",
    "DEC": "DECIMAL",
    "FIXED": "DECIMAL",
    "NUMBER": "DECIMAL",
    "REAL": "DOUBLE",
    "FLOAT8": "DOUBLE",
    "FLOAT4": "FLOAT",
    "VARCHARACTER": "VARCHAR",
    "VARCHAR2": "VARCHAR",
    "CHARACTER": "CHAR",
    "CLOB": "LONGTEXT",
    "RAW": "VARBINARY",
}
_INTEGERS: Final = frozenset({"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"})
_FRACTIONAL: Final = frozenset({"DECIMAL", "FLOAT", "DOUBLE"})
_TEMPORAL: Final = frozenset({"TIME", "DATETIME", "TIMESTAMP"})
_CHARACTER: Final = frozenset({"CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"})
_MEMBERS: Final = frozenset({"ENUM", "SET"})
_LENGTH: Final = frozenset({"CHAR", "VARCHAR", "TEXT", "BLOB", "BINARY", "VARBINARY", "BIT", "YEAR"}) | _INTEGERS | _TEMPORAL
_SIZED: Final = frozenset({"VARCHAR", "VARBINARY"})  # these say how long they are
_NO_LENGTH: Final = frozenset(
    {
        "DATE",
        "TINYTEXT",
        "MEDIUMTEXT",
        "LONGTEXT",
        "TINYBLOB",
        "MEDIUMBLOB",
        "LONGBLOB",
        "JSON",
        "SERIAL",
        "UUID",
        "INET6",
        "INET4",
        "GEOMETRY",
        "POINT",
        "LINESTRING",
        "POLYGON",
        "MULTIPOINT",
        "MULTILINESTRING",
        "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
    }
)


def type_name(p: Stream) -> TypeName:
    """The type of a column, with what belongs to the type: length, sign, character set."""
    type_ = _base(p)
    if type_.name in _INTEGERS or type_.name in _FRACTIONAL or type_.name == "YEAR":
        return _numeric_attributes(p, type_)
    if type_.name in _CHARACTER or type_.name in _MEMBERS:
        return _charset_attributes(p, type_)
    return type_


def _base(p: Stream) -> TypeName:
    word = p.token.key
    if p.token.kind not in (WORD, QUOTED):
        p.fail()
    written = str(p.advance().value)
    national = False
    if word in ("NATIONAL", "NCHAR", "NVARCHAR"):
        national = True
        word = p.expect_any("CHAR", "CHARACTER", "VARCHAR", "VARCHARACTER") if word == "NATIONAL" else word[1:]
    if word == "LONG":
        return _long(p)
    if word in ("BOOL", "BOOLEAN"):
        return TypeName("TINYINT", 1)
    name = _SYNONYMS.get(word, word)
    if name == "CHAR" and p.accept("VARYING"):
        name = "VARCHAR"
    if word == "DOUBLE":
        p.accept("PRECISION")
    type_ = _sized(p, name, written)
    return replace(type_, charset="utf8") if national else type_


def _long(p: Stream) -> TypeName:
    """LONG, LONG VARCHAR, LONG CHAR VARYING: MEDIUMTEXT; LONG VARBINARY: MEDIUMBLOB."""
    word = p.accept_any("VARCHAR", "VARCHARACTER", "VARBINARY", "CHAR", "CHARACTER")
    if word in ("CHAR", "CHARACTER"):
        p.expect("VARYING")
    return TypeName("MEDIUMBLOB" if word == "VARBINARY" else "MEDIUMTEXT")


def _sized(p: Stream, name: str, written: str) -> TypeName:
    """The type's parentheses; error 4161 shows an unknown name as written."""
    if name in _MEMBERS:
        return TypeName(name, members=p.parenthesised(lambda: _member(p)))
    if name in _FRACTIONAL:
        return _with_scale(p, name)
    if name in _LENGTH:
        if name in _SIZED and not p.at("("):
            p.fail()
        return TypeName(name, _length(p))
    if name in _NO_LENGTH:
        return TypeName(name)
    raise error("UNKNOWN_DATA_TYPE", written)


def _member(p: Stream) -> str:
    if p.token.kind == HEX:
        value = p.advance().value
        assert isinstance(value, bytes)
        return value.decode("utf-8", "surrogateescape")
    return p.string()


def _length(p: Stream) -> int | None:
    if not p.accept("("):
        return None
    length = p.integer()
    p.expect(")")
    return length


def _with_scale(p: Stream, name: str) -> TypeName:
    """DECIMAL[(p[,s])], FLOAT[(p)|(m,d)], DOUBLE[(m,d)]"""
    if not p.accept("("):
        return TypeName(name)
    length = p.integer()
    scale = p.integer() if p.accept(",") else None
    p.expect(")")
    if name == "FLOAT" and scale is None:  # FLOAT(p): the precision only chooses between the two types
        return TypeName("FLOAT" if length <= 24 else "DOUBLE")
    if name == "DOUBLE" and scale is None:
        p.back_to((p.position - 1, p.markers))
        p.fail()
    return TypeName(name, length, scale)


def _numeric_attributes(p: Stream, type_: TypeName) -> TypeName:
    while word := p.accept_any("UNSIGNED", "SIGNED", "ZEROFILL"):
        if word == "UNSIGNED":
            type_ = replace(type_, unsigned=True)
        elif word == "ZEROFILL":
            type_ = replace(type_, unsigned=True, zerofill=True)
    return type_


def charset_name(p: Stream) -> str:
    """A character set's name, lower case."""
    return "binary" if p.accept("BINARY") else p.word().lower()


def accept_charset_keyword(p: Stream) -> bool:
    """CHARACTER SET or CHARSET (CHAR SET too)."""
    return p.accept("CHARSET") or p.accept_words("CHARACTER", "SET") or p.accept_words("CHAR", "SET")


def _charset_attributes(p: Stream, type_: TypeName) -> TypeName:
    """CHARACTER SET x, BINARY, ASCII, UNICODE, BYTE, COLLATE y, in any order."""
    while True:
        if accept_charset_keyword(p):
            type_ = replace(type_, charset=charset_name(p))
        elif p.accept("COLLATE"):
            type_ = replace(type_, collation=p.word().lower())
        elif p.accept("BINARY"):
            type_ = replace(type_, binary=True)
        elif p.accept("ASCII"):
            type_ = replace(type_, charset="latin1")
        elif p.accept("UNICODE"):
            type_ = replace(type_, charset="ucs2")
        elif p.accept("BYTE"):
            type_ = replace(type_, charset="binary")
        else:
            return type_


# ── CAST ──


def cast_type(p: Stream) -> TypeName:
    """BINARY[(n)], CHAR[(n)] [CHARACTER SET x], SIGNED [INTEGER], UNSIGNED [INTEGER], DECIMAL[(p[,s])], DATE, TIME[(f)] …"""
    word = p.token.key
    if word in ("SIGNED", "UNSIGNED"):
        p.advance()
        p.accept_any("INT", "INTEGER")
        return TypeName("BIGINT", unsigned=word == "UNSIGNED")
    if word in ("INT", "INTEGER"):
        p.advance()
        return TypeName("BIGINT")
    if word in ("CHAR", "VARCHAR", "NCHAR", "NATIONAL", "CHARACTER"):
        return _charset_attributes(p, replace(_base(p), name="CHAR"))
    if word in (
        "BINARY",
        "DECIMAL",
        "DEC",
        "NUMERIC",
        "FIXED",
        "FLOAT",
        "DOUBLE",
        "REAL",
        "DATE",
        "TIME",
        "DATETIME",
        "JSON",
        "YEAR",
    ):
        return _base(p)
    if word in ("INET6", "INET4", "UUID"):
        raise unsupported(f"CAST AS {word}")
    if not p.at_name():
        p.fail()
    raise error("UNKNOWN_DATA_TYPE", p.token.value)
