"""The elements of a table definition: columns, keys, foreign keys, checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NoReturn
from typing import Literal as OneOf

from fauna.errors import error, unsupported
from fauna.sql.ast import (
    Call,
    CheckClause,
    ColumnDef,
    Expr,
    ForeignKeyDef,
    KeyDef,
    KeyPart,
    ReferenceClause,
    TableElement,
)
from fauna.sql.parse.core import OR, UNARY, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.types import type_name

_KEY_WORDS: Final = frozenset({"PRIMARY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "FOREIGN", "CONSTRAINT", "CHECK"})


def table_element(p: Stream) -> TableElement:
    """One item between the parentheses of CREATE TABLE."""
    if p.token.key in _KEY_WORDS:
        return constraint(p)
    if p.at_words("PERIOD", "FOR"):
        raise unsupported("PERIOD FOR")
    return column_definition(p)


# ── columns ──


def column_definition(p: Stream) -> ColumnDef:
    name = p.name()
    serial = p.at("SERIAL")
    fields: dict[str, Any] = {"name": name, "type": type_name(p), "checks": []}
    if serial:
        fields.update(nullable=False, auto_increment=True, unique=True)
    while _attribute(p, fields):
        pass
    fields["checks"] = tuple(fields["checks"])
    return ColumnDef(**fields)


def _attribute(p: Stream, fields: dict[str, Any]) -> bool:
    """Read one attribute of a column, if one is next."""
    parse = _ATTRIBUTES.get(p.token.key)
    if parse is not None:
        return parse(p, fields)
    if p.at_name() and p.token.key not in ("FIRST", "AFTER"):
        unknown_option(p)
    return False


def unknown_option(p: Stream) -> NoReturn:
    """name = value of a storage engine that is not ours."""
    name = p.name()
    p.expect("=")
    raise error("UNKNOWN_OPTION", name)


def _null(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["nullable"] = True
    return True


def _not(p: Stream, fields: dict[str, Any]) -> bool:
    if p.peek().key not in ("NULL", "INVISIBLE"):
        return False
    p.advance()
    if p.advance().key == "NULL":
        fields["nullable"] = False
    return True


def _default(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["default"], fields["default_text"] = default_value(p)
    return True


def default_value(p: Stream) -> tuple[Expr, str]:
    """What follows DEFAULT: a literal, a current time, or an expression (MariaDB takes one without parentheses)."""
    start = p.token.start
    value = operation(p, UNARY + 2)  # a COLLATE after it belongs to the column
    return value, p.source(start)


def _on_update(p: Stream, fields: dict[str, Any]) -> bool:
    if p.peek().key != "UPDATE":
        return False
    p.advance()
    p.advance()
    value = operation(p, UNARY)
    if not isinstance(value, Call) or value.name != "NOW":
        p.fail()
    fields["on_update"] = value
    return True


def _auto_increment(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["auto_increment"] = True
    return True


def _primary(p: Stream, fields: dict[str, Any]) -> bool:
    p.accept("PRIMARY")
    p.expect("KEY")
    fields["primary_key"] = True
    return True


def _unique(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    p.accept("KEY")
    fields["unique"] = True
    return True


def _comment(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["comment"] = p.string()
    return True


def _collate(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["type"] = replace(fields["type"], collation=p.word().lower())
    return True


def _generated(p: Stream, fields: dict[str, Any]) -> bool:
    """[GENERATED ALWAYS] AS (expr) [VIRTUAL | PERSISTENT | STORED]"""
    if p.accept("GENERATED"):
        p.expect("ALWAYS")
    p.expect("AS")
    if p.at("ROW"):
        raise unsupported("GENERATED ALWAYS AS ROW")
    fields["generated"], fields["generated_text"] = _parenthesised_text(p)
    kind = p.accept_any("VIRTUAL", "PERSISTENT", "STORED")
    fields["stored"] = kind in ("PERSISTENT", "STORED")
    return True


def _parenthesised_text(p: Stream) -> tuple[Expr, str]:
    """( expr ), and the text between the parentheses."""
    p.expect("(")
    start = p.token.start
    expr = operation(p, OR)
    text = p.source(start)
    p.expect(")")
    return expr, text


def _check(p: Stream, fields: dict[str, Any]) -> bool:
    fields["checks"].append(check_clause(p, None))
    return True


def check_clause(p: Stream, name: str | None) -> CheckClause:
    """CHECK (expr) [[NOT] ENFORCED]"""
    p.expect("CHECK")
    expr, text = _parenthesised_text(p)
    enforced = True
    if p.accept("ENFORCED"):
        pass
    elif p.accept_words("NOT", "ENFORCED"):
        enforced = False
    return CheckClause(name, expr, text, enforced)


def _column_constraint(p: Stream, fields: dict[str, Any]) -> bool:
    """CONSTRAINT name CHECK (…) after a column's type, as MySQL writes it."""
    if p.peek(2).key != "CHECK" and p.peek().key != "CHECK":
        return False
    p.advance()
    name = None if p.at("CHECK") else p.name()
    fields["checks"].append(check_clause(p, name))
    return True


def _references(p: Stream, fields: dict[str, Any]) -> bool:
    fields["references"] = reference(p)
    return True


def _invisible(p: Stream, fields: dict[str, Any]) -> bool:
    fields["invisible"] = p.advance().key == "INVISIBLE"
    return True


def _hashed(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    fields["hashed"] = True
    return True


def _encrypted(p: Stream, fields: dict[str, Any]) -> bool:
    """ENCRYPTED [DETERMINISTIC] (MariaDB's own ENCRYPTED=YES is accepted as plain ENCRYPTED)."""
    p.advance()
    fields["encrypted"] = "DETERMINISTIC" if p.accept("DETERMINISTIC") else "RANDOM"
    return True


def _ignored_option(p: Stream, fields: dict[str, Any]) -> bool:
    """COLUMN_FORMAT x, STORAGE x"""
    p.advance()
    p.word()
    return True


def _versioning(p: Stream, fields: dict[str, Any]) -> bool:
    system_versioning(p)
    return True


def system_versioning(p: Stream) -> None:
    """WITH SYSTEM VERSIONING, which every table and column has; without it there is none."""
    without = p.advance().key == "WITHOUT"
    p.expect_words("SYSTEM", "VERSIONING")
    if without:
        raise unsupported("WITHOUT SYSTEM VERSIONING")


def _compressed(p: Stream, fields: dict[str, Any]) -> bool:
    p.advance()
    if p.accept("="):
        p.word()
    return True


def _serial(p: Stream, fields: dict[str, Any]) -> bool:
    """SERIAL DEFAULT VALUE: NOT NULL AUTO_INCREMENT UNIQUE."""
    p.advance()
    p.expect_words("DEFAULT", "VALUE")
    fields["nullable"], fields["auto_increment"], fields["unique"] = False, True, True
    return True


_ATTRIBUTES: Final = {
    "NULL": _null,
    "NOT": _not,
    "DEFAULT": _default,
    "ON": _on_update,
    "AUTO_INCREMENT": _auto_increment,
    "SERIAL": _serial,
    "PRIMARY": _primary,
    "KEY": _primary,
    "UNIQUE": _unique,
    "COMMENT": _comment,
    "COLLATE": _collate,
    "GENERATED": _generated,
    "AS": _generated,
    "CHECK": _check,
    "CONSTRAINT": _column_constraint,
    "REFERENCES": _references,
    "INVISIBLE": _invisible,
    "VISIBLE": _invisible,
    "HASHED": _hashed,
    "ENCRYPTED": _encrypted,
    "COLUMN_FORMAT": _ignored_option,
    "STORAGE": _ignored_option,
    "COMPRESSED": _compressed,
    "WITH": _versioning,
    "WITHOUT": _versioning,
}


# ── keys, foreign keys, named checks ──


def constraint(p: Stream) -> KeyDef | ForeignKeyDef | CheckClause:
    """[CONSTRAINT [name]] PRIMARY KEY …, UNIQUE …, FOREIGN KEY …, CHECK …, INDEX …"""
    constraint_name: str | None = None
    named = p.accept("CONSTRAINT")
    if named:
        p.if_not_exists()
        if p.at_name():
            constraint_name = p.name()
    if p.at("CHECK"):
        return check_clause(p, constraint_name)
    if p.accept("FOREIGN"):
        return _foreign_key(p, constraint_name)
    if named and p.token.key not in ("PRIMARY", "UNIQUE"):
        p.fail()
    return key_definition(p, constraint_name)


def key_definition(p: Stream, constraint_name: str | None = None) -> KeyDef:
    word = p.advance().key
    kind: OneOf["PRIMARY", "UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"]
    if word == "PRIMARY":
        kind = "PRIMARY"
        p.expect("KEY")
    elif word in ("UNIQUE", "FULLTEXT", "SPATIAL"):
        kind = "UNIQUE" if word == "UNIQUE" else "FULLTEXT" if word == "FULLTEXT" else "SPATIAL"
        p.accept_any("KEY", "INDEX")
    else:
        kind = "INDEX"
    if_not_exists = p.if_not_exists()
    name = p.name() if p.at_name() and not p.at_words("USING") else None
    using = _using(p)
    parts = key_parts(p)
    using, comment = key_options(p, using)
    return KeyDef(kind, name, parts, using, comment, constraint_name, if_not_exists)


def _using(p: Stream) -> str:
    """[USING BTREE|HASH|RTREE]"""
    if p.accept("USING") or p.accept("TYPE"):
        return p.expect_any("BTREE", "HASH", "RTREE")
    return ""


def key_parts(p: Stream) -> tuple[KeyPart, ...]:
    return p.parenthesised(lambda: _key_part(p))


def _key_part(p: Stream) -> KeyPart:
    if p.at("("):
        raise unsupported("functional index")
    column = p.name()
    length: int | None = None
    if p.accept("("):
        length = p.integer()
        p.expect(")")
    return KeyPart(column, length, p.accept_any("ASC", "DESC") == "DESC")


def key_options(p: Stream, using: str) -> tuple[str, str]:
    """What may follow a key's columns; returns USING and COMMENT."""
    comment = ""
    while True:
        if p.token.key in ("USING", "TYPE"):
            using = _using(p)
        elif p.accept("COMMENT"):
            p.accept("=")
            comment = p.string()
        elif p.accept("KEY_BLOCK_SIZE"):
            p.accept("=")
            p.integer()
        elif p.accept_words("WITH", "PARSER"):
            p.name()
        elif p.accept_any("VISIBLE", "IGNORED") or p.accept_words("NOT", "IGNORED"):
            pass
        elif p.accept("INVISIBLE"):
            pass
        elif p.accept("CLUSTERING"):
            p.accept("=")
            p.word()
        else:
            return using, comment


def _foreign_key(p: Stream, constraint_name: str | None) -> ForeignKeyDef:
    p.expect("KEY")
    p.if_not_exists()
    index_name = p.name() if p.at_name() else None
    columns = p.parenthesised(lambda: _key_part(p).column)
    return ForeignKeyDef(constraint_name, columns, reference(p), index_name)


def reference(p: Stream) -> ReferenceClause:
    """REFERENCES t [(columns)] [MATCH x] [ON DELETE x] [ON UPDATE x]"""
    p.expect("REFERENCES")
    table = p.table_name()
    columns = p.parenthesised(lambda: _key_part(p).column) if p.at("(") else ()
    match = on_delete = on_update = ""
    while True:
        if p.accept("MATCH"):
            match = p.expect_any("FULL", "PARTIAL", "SIMPLE")
        elif p.at_words("ON", "DELETE"):
            p.advance()
            p.advance()
            on_delete = _action(p)
        elif p.at_words("ON", "UPDATE") and p.peek(2).key not in ("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"):
            p.advance()
            p.advance()
            on_update = _action(p)
        else:
            return ReferenceClause(table, columns, on_delete, on_update, match)


def _action(p: Stream) -> str:
    if p.accept("SET"):
        return "SET " + p.expect_any("NULL", "DEFAULT")
    if p.accept("NO"):
        p.expect("ACTION")
        return "NO ACTION"
    return p.expect_any("RESTRICT", "CASCADE")
