"""Which word begins which statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fauna.errors import error
from fauna.sql.ast import QueryStatement, Statement
from fauna.sql.lexer import END
from fauna.sql.parse import admin, dml, objects, settings, show, tables, xa
from fauna.sql.parse.core import Stream
from fauna.sql.parse.query import query, with_clause


def statement(p: Stream) -> Statement:
    """One statement, whatever follows it."""
    key = p.token.key
    parse = _STATEMENTS.get(key)
    if parse is not None:
        return parse(p)
    if p.token.kind == END or (key == ";" and p.peek().kind == END):
        raise error("EMPTY_QUERY")
    what = _UNSUPPORTED.get(key)
    if what is not None:
        return objects.unsupported_statement(p, what)
    p.fail()


def _query(p: Stream) -> QueryStatement:
    return QueryStatement(query(p))


def _with(p: Stream) -> Statement:
    """WITH … SELECT, UPDATE or DELETE"""
    mark = p.mark()
    with_ = with_clause(p)
    if p.at("UPDATE"):
        return dml.update(p, with_)
    if p.at("DELETE"):
        return dml.delete(p, with_)
    p.back_to(mark)
    return QueryStatement(query(p))


def _describe(p: Stream) -> Statement:
    return show.describe(p, statement)


def _analyze(p: Stream) -> Statement:
    """ANALYZE TABLE …, ANALYZE [FORMAT=x] statement"""
    if p.peek().key in ("TABLE", "TABLES", "NO_WRITE_TO_BINLOG", "LOCAL"):
        return admin.admin_tables(p)
    return show.describe(p, statement)


def _set(p: Stream) -> Statement:
    return settings.set_(p, statement)


def _rename(p: Stream) -> Statement:
    p.advance()
    if p.at("USER"):
        return objects.unsupported_statement(p, "RENAME USER")
    p.expect_any("TABLE", "TABLES")
    return tables.rename_table(p)


_STATEMENTS: Final[dict[str, Callable[[Stream], Statement]]] = {
    "SELECT": _query,
    "(": _query,
    "VALUES": _query,
    "WITH": _with,
    "INSERT": dml.insert,
    "REPLACE": dml.insert,
    "UPDATE": dml.update,
    "DELETE": dml.delete,
    "LOAD": dml.load_data,
    "CREATE": objects.create,
    "ALTER": objects.alter,
    "DROP": objects.drop,
    "TRUNCATE": tables.truncate,
    "RENAME": _rename,
    "SET": _set,
    "SHOW": show.show,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "EXPLAIN": _describe,
    "ANALYZE": _analyze,
    "CHECK": admin.admin_tables,
    "CHECKSUM": admin.admin_tables,
    "OPTIMIZE": admin.admin_tables,
    "REPAIR": admin.admin_tables,
    "BEGIN": admin.begin,
    "START": admin.start,
    "COMMIT": admin.commit,
    "ROLLBACK": admin.rollback,
    "SAVEPOINT": admin.savepoint,
    "RELEASE": admin.release,
    "PREPARE": admin.prepare,
    "EXECUTE": admin.execute,
    "DEALLOCATE": admin.deallocate,
    "LOCK": admin.lock,
    "UNLOCK": admin.unlock,
    "FLASHBACK": admin.flashback,
    "FLUSH": admin.flush,
    "USE": admin.use,
    "KILL": admin.kill,
    "DO": admin.do,
    "CALL": admin.call,
    "XA": xa.xa,
}

_UNSUPPORTED: Final = {
    "GRANT": "GRANT",
    "REVOKE": "REVOKE",
    "HANDLER": "HANDLER",
    "HELP": "HELP",
    "CHANGE": "CHANGE MASTER",
    "RESET": "RESET",
    "PURGE": "PURGE",
    "STOP": "STOP SLAVE",
    "INSTALL": "INSTALL",
    "UNINSTALL": "UNINSTALL",
    "BACKUP": "BACKUP",
    "BINLOG": "BINLOG",
    "CACHE": "CACHE INDEX",
    "SHUTDOWN": "SHUTDOWN",
    "SIGNAL": "SIGNAL",
    "RESIGNAL": "RESIGNAL",
    "GET": "GET DIAGNOSTICS",
}
