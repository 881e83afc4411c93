"""SHOW, DESCRIBE and EXPLAIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from typing import Literal as OneOf

from fauna.sql.ast import Describe, Explain, Show, Statement, TableName
from fauna.sql.lexer import STRING
from fauna.sql.parse.clauses import limit_clause
from fauna.sql.parse.core import OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.objects import account, unsupported_statement
from fauna.sql.parse.types import accept_charset_keyword

# Plain words after SHOW, and what they are called; LIKE and WHERE may follow all of them.
_PLAIN: Final = {
    ("DATABASES",): "DATABASES",
    ("SCHEMAS",): "DATABASES",
    ("ENGINES",): "ENGINES",
    ("STORAGE", "ENGINES"): "ENGINES",
    ("COLLATION",): "COLLATION",
    ("PRIVILEGES",): "PRIVILEGES",
    ("PLUGINS",): "PLUGINS",
    ("PROFILES",): "PROFILES",
    ("MASTER", "STATUS"): "MASTER STATUS",
    ("BINLOG", "STATUS"): "MASTER STATUS",
    ("BINARY", "LOG", "STATUS"): "MASTER STATUS",
    ("MASTER", "LOGS"): "BINARY LOGS",
    ("BINARY", "LOGS"): "BINARY LOGS",
    ("SLAVE", "STATUS"): "SLAVE STATUS",
    ("REPLICA", "STATUS"): "SLAVE STATUS",
    ("ALL", "SLAVES", "STATUS"): "SLAVE STATUS",
    ("ALL", "REPLICAS", "STATUS"): "SLAVE STATUS",
    ("SLAVE", "HOSTS"): "SLAVE HOSTS",
    ("REPLICA", "HOSTS"): "SLAVE HOSTS",
    ("PROCEDURE", "STATUS"): "PROCEDURE STATUS",
    ("FUNCTION", "STATUS"): "FUNCTION STATUS",
    ("PACKAGE", "STATUS"): "PACKAGE STATUS",
    ("PACKAGE", "BODY", "STATUS"): "PACKAGE BODY STATUS",
    ("AUTHORS",): "AUTHORS",
    ("CONTRIBUTORS",): "CONTRIBUTORS",
    ("EXPLAIN",): "EXPLAIN",
    ("LOCALES",): "LOCALES",
    ("QUERY_RESPONSE_TIME",): "QUERY_RESPONSE_TIME",
    ("USER_STATISTICS",): "USER_STATISTICS",
    ("INDEX_STATISTICS",): "INDEX_STATISTICS",
    ("TABLE_STATISTICS",): "TABLE_STATISTICS",
    ("CLIENT_STATISTICS",): "CLIENT_STATISTICS",
    ("BINLOG", "EVENTS"): "BINLOG EVENTS",
    ("RELAYLOG", "EVENTS"): "RELAYLOG EVENTS",
    ("PROFILE",): "PROFILE",
}
_COUNTED: Final = {"WARNINGS": "COUNT WARNINGS", "ERRORS": "COUNT ERRORS"}
_CREATED: Final = frozenset({"TABLE", "VIEW", "SEQUENCE", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"})


def show(p: Stream) -> Show:
    p.advance()
    key = p.token.key
    parse = _FORMS.get(key)
    if parse is not None:
        return parse(p)
    for words, what in _PLAIN.items():
        if words[0] == key and p.accept_words(*words):
            return _filtered(p, Show(what))
    if accept_charset_keyword(p):
        return _filtered(p, Show("CHARACTER SET"))
    p.fail()


def _filtered(p: Stream, found: Show) -> Show:
    """[LIKE 'pattern' | WHERE expr], and nothing else; the rest of forms never executed is skipped."""
    if p.accept("LIKE"):
        return replace(found, like=p.string())
    if p.accept("WHERE"):
        return replace(found, where=operation(p, OR))
    if found.what in ("BINLOG EVENTS", "RELAYLOG EVENTS", "PROFILE", "EXPLAIN", "SLAVE STATUS"):
        while not p.at_end():
            p.advance()
    return found


def _scoped(p: Stream) -> Show:
    """SHOW [GLOBAL|SESSION] VARIABLES | STATUS"""
    scope: OneOf["GLOBAL", "SESSION"] | None = None
    if word := p.accept_any("GLOBAL", "SESSION", "LOCAL"):
        scope = "GLOBAL" if word == "GLOBAL" else "SESSION"
    return _filtered(p, Show(p.expect_any("VARIABLES", "STATUS"), scope=scope))


def _full(p: Stream) -> Show:
    """SHOW [FULL] TABLES | COLUMNS | PROCESSLIST"""
    p.accept("EXTENDED")
    full = p.accept("FULL")
    if p.accept("PROCESSLIST"):
        return Show("PROCESSLIST", full=full)
    if p.accept("TABLES"):
        return _filtered(p, Show("TABLES", database=_in_database(p), full=full))
    if full and p.at("TRIGGERS"):
        return _of_database("TRIGGERS")(p)
    p.expect_any("COLUMNS", "FIELDS")
    return _filtered(p, Show("COLUMNS", table=_in_table(p), full=full))


def _in_database(p: Stream) -> str | None:
    """[FROM|IN db]"""
    return p.name() if p.accept_any("FROM", "IN") else None


def _in_table(p: Stream) -> TableName:
    """FROM|IN t [FROM|IN db]"""
    p.expect_any("FROM", "IN")
    table = p.table_name()
    database = _in_database(p)
    return TableName(table.name, database) if database is not None else table


def _table(p: Stream) -> Show:
    """SHOW TABLE STATUS"""
    p.advance()
    p.expect("STATUS")
    return _filtered(p, Show("TABLE STATUS", database=_in_database(p)))


def _open(p: Stream) -> Show:
    p.advance()
    p.expect("TABLES")
    return _filtered(p, Show("OPEN TABLES", database=_in_database(p)))


def _of_database(what: str) -> Callable[[Stream], Show]:
    """TRIGGERS, EVENTS: [FROM db]"""

    def parse(p: Stream) -> Show:
        p.advance()
        return _filtered(p, Show(what, database=_in_database(p)))

    return parse


def _index(p: Stream) -> Show:
    p.advance()
    return _filtered(p, Show("INDEX", table=_in_table(p)))


def _create(p: Stream) -> Show:
    p.advance()
    if p.accept_any("DATABASE", "SCHEMA"):
        if_not_exists = p.if_not_exists()
        return Show("CREATE DATABASE", database=p.name(), if_not_exists=if_not_exists)
    if p.accept("USER"):
        return Show("CREATE USER", user=None if p.at_end() else account(p))
    kind = p.expect_any(*_CREATED)
    if kind == "PACKAGE" and p.accept("BODY"):
        kind = "PACKAGE BODY"
    return Show(f"CREATE {kind}", table=p.table_name())


def _warnings(p: Stream) -> Show:
    what = p.advance().key
    return Show(what, limit=limit_clause(p))


def _count(p: Stream) -> Show:
    """SHOW COUNT(*) WARNINGS"""
    p.advance()
    p.expect_words("(", "*", ")")
    return Show(_COUNTED[p.expect_any(*_COUNTED)])


def _grants(p: Stream) -> Show:
    p.advance()
    return Show("GRANTS", user=account(p) if p.accept("FOR") else None)


def _engine(p: Stream) -> Show:
    """SHOW ENGINE x STATUS | MUTEX | LOGS"""
    p.advance()
    name = p.word()
    what = p.expect_any("STATUS", "MUTEX", "LOGS")
    return Show("ENGINE STATUS" if what == "STATUS" else f"ENGINE {what}", like=name)


def _routine(p: Stream) -> Show:
    """SHOW PROCEDURE|FUNCTION STATUS | CODE"""
    kind = p.advance().key
    p.expect("STATUS")
    return _filtered(p, Show(f"{kind} STATUS"))


_FORMS: Final[dict[str, Callable[[Stream], Show]]] = {
    "GLOBAL": _scoped,
    "SESSION": _scoped,
    "LOCAL": _scoped,
    "VARIABLES": _scoped,
    "STATUS": _scoped,
    "FULL": _full,
    "TABLES": _full,
    "COLUMNS": _full,
    "FIELDS": _full,
    "PROCESSLIST": _full,
    "EXTENDED": _full,
    "TABLE": _table,
    "OPEN": _open,
    "TRIGGERS": _of_database("TRIGGERS"),
    "EVENTS": _of_database("EVENTS"),
    "INDEX": _index,
    "INDEXES": _index,
    "KEYS": _index,
    "CREATE": _create,
    "WARNINGS": _warnings,
    "ERRORS": _warnings,
    "COUNT": _count,
    "GRANTS": _grants,
    "ENGINE": _engine,
    "PROCEDURE": _routine,
    "FUNCTION": _routine,
}


# ── DESCRIBE and EXPLAIN ──

_EXPLAINABLE: Final = frozenset({"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "(", "VALUES"})


def describe(p: Stream, statement: Callable[[Stream], Statement]) -> Statement:
    """DESCRIBE t [column], EXPLAIN [EXTENDED | PARTITIONS | FORMAT=x | ANALYZE] statement; ANALYZE statement."""
    verb = p.advance().key
    analyze = verb == "ANALYZE"
    extended = False
    format_ = ""
    while True:
        if p.accept("EXTENDED"):
            extended = True
        elif p.accept("PARTITIONS"):
            pass
        elif p.at_words("FORMAT", "="):
            p.advance()
            p.advance()
            format_ = p.word().upper()
        elif p.at("ANALYZE"):
            p.advance()
            analyze = True
        else:
            break
    if p.token.key in _EXPLAINABLE:
        return Explain(statement(p), analyze, format_, extended)
    if p.at("FOR"):
        return unsupported_statement(p, "EXPLAIN FOR CONNECTION")
    table = p.table_name()
    if p.token.kind == STRING:
        return Describe(table, p.string())
    return Describe(table, p.name() if p.at_name() else None)
