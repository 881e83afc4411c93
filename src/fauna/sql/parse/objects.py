"""CREATE, ALTER and DROP of everything but tables: databases, views, sequences; and what is understood but not supported."""

from __future__ import annotations

from typing import Any
from typing import Literal as OneOf

from fauna.sql.ast import (
    AlterDatabase,
    CreateDatabase,
    CreateSequence,
    CreateView,
    DropDatabase,
    DropSequence,
    DropView,
    SetPassword,
    Statement,
    Unsupported,
)
from fauna.sql.lexer import VARIABLE
from fauna.sql.parse import procedures
from fauna.sql.parse.core import Stream
from fauna.sql.parse.query import query
from fauna.sql.parse.tables import alter_table, create_index, create_table, drop_index, drop_table
from fauna.sql.parse.types import accept_charset_keyword, charset_name


def unsupported_statement(p: Stream, what: str) -> Unsupported:
    """Leave the rest unread."""
    while p.token.kind != "end":
        p.advance()
    return Unsupported(what)


# ── CREATE ──


def create(p: Stream) -> Statement:
    p.advance()
    or_replace = p.accept("OR")
    if or_replace:
        p.expect("REPLACE")
    key = p.token.key
    if key in ("TEMPORARY", "TABLE"):
        temporary = p.accept("TEMPORARY")
        if temporary and p.at("SEQUENCE"):
            return unsupported_statement(p, "CREATE TEMPORARY SEQUENCE")
        p.expect("TABLE")
        return create_table(p, or_replace, temporary)
    if key in ("UNIQUE", "FULLTEXT", "SPATIAL", "INDEX"):
        return create_index(p, or_replace)
    if key in ("ONLINE", "OFFLINE"):
        p.advance()
        return create_index(p, or_replace)
    if key in ("DATABASE", "SCHEMA"):
        p.advance()
        return _create_database(p, or_replace)
    if key == "SEQUENCE":
        p.advance()
        return _sequence(p, or_replace, alter=False)
    if key in ("VIEW", "ALGORITHM", "DEFINER", "SQL"):
        return _create_view(p, or_replace, alter=False)
    return _create_unsupported(p, "CREATE", or_replace)


def _create_unsupported(p: Stream, verb: str, or_replace: bool = False) -> Statement:
    key = p.token.key
    if key == "PROCEDURE" and verb != "ALTER":
        from fauna.sql.parse.statements import statement

        return procedures.create_procedure(p, or_replace, statement) if verb == "CREATE" else procedures.drop_procedure(p)
    if key in (
        "TRIGGER",
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "USER",
        "ROLE",
        "SERVER",
        "PACKAGE",
        "TABLESPACE",
        "LOGFILE",
        "AGGREGATE",
    ):
        return unsupported_statement(p, f"{verb} {'FUNCTION' if key == 'AGGREGATE' else key}")
    p.fail()


# ── views ──


def _create_view(p: Stream, or_replace: bool, alter: bool) -> Statement:
    """[ALGORITHM=x] [DEFINER=u] [SQL SECURITY x] VIEW name [(columns)] AS query [WITH … CHECK OPTION]

    DEFINER also begins CREATE TRIGGER and its like.
    """
    algorithm = "UNDEFINED"
    security: OneOf["DEFINER", "INVOKER"] = "DEFINER"
    while not p.at("VIEW"):
        if p.accept("ALGORITHM"):
            p.expect("=")
            algorithm = p.expect_any("UNDEFINED", "MERGE", "TEMPTABLE")
        elif p.accept("DEFINER"):
            p.expect("=")
            account(p)
        elif p.accept("SQL"):
            p.expect("SECURITY")
            security = "INVOKER" if p.expect_any("DEFINER", "INVOKER") == "INVOKER" else "DEFINER"
        else:
            return _create_unsupported(p, "ALTER" if alter else "CREATE", or_replace)
    p.advance()
    if_not_exists = p.if_not_exists()
    view = p.table_name()
    columns = p.parenthesised(p.name) if p.at("(") else ()
    p.expect("AS")
    start = p.token.start
    body = query(p)
    text = p.source(start)
    check: OneOf["", "CASCADED", "LOCAL"] = ""
    if p.accept("WITH"):
        check = "LOCAL" if p.accept_any("CASCADED", "LOCAL") == "LOCAL" else "CASCADED"
        p.expect_words("CHECK", "OPTION")
    return CreateView(view, columns, body, text, or_replace, if_not_exists, alter, check, algorithm, security)


def account(p: Stream) -> tuple[str, str]:
    """user@host, 'user'@'host', CURRENT_USER[()]"""
    if p.accept("CURRENT_USER"):
        if p.accept("("):
            p.expect(")")
        return "", ""
    if p.accept("CURRENT_ROLE"):
        return "", ""
    user = p.name_or_string()
    host = str(p.advance().value) if p.token.kind == VARIABLE else "%"
    return user, host


# ── databases ──


def _create_database(p: Stream, or_replace: bool) -> CreateDatabase:
    if_not_exists = p.if_not_exists()
    name = p.name()
    options = _database_options(p)
    return CreateDatabase(name, if_not_exists, or_replace, **options)


def _database_options(p: Stream) -> dict[str, Any]:
    options: dict[str, Any] = {"charset": None, "collation": None, "comment": None}
    while not p.at_end():
        p.accept("DEFAULT")
        if accept_charset_keyword(p):
            p.accept("=")
            options["charset"] = None if p.accept("DEFAULT") else charset_name(p)
        elif p.accept("COLLATE"):
            p.accept("=")
            options["collation"] = None if p.accept("DEFAULT") else p.word().lower()
        elif p.accept("COMMENT"):
            p.accept("=")
            options["comment"] = p.string()
        elif p.accept("ENCRYPTION"):
            p.accept("=")
            p.string()
        else:
            p.fail()
        p.accept(",")
    return options


# ── sequences ──


def _sequence(p: Stream, or_replace: bool, alter: bool) -> CreateSequence:
    if_not_exists = p.if_exists() if alter else p.if_not_exists()
    sequence = p.table_name()
    fields: dict[str, Any] = {}
    while not p.at_end() and _sequence_option(p, fields):
        p.accept(",")
    return CreateSequence(sequence, if_not_exists, or_replace, alter=alter, **fields)


def _sequence_option(p: Stream, fields: dict[str, Any]) -> bool:
    names = {
        "MINVALUE": "minimum",
        "MAXVALUE": "maximum",
        "CACHE": "cache",
        "START": "start",
        "INCREMENT": "increment",
        "RESTART": "restart",
    }
    key = p.token.key
    if key == "NO":
        p.advance()
        key = "NO" + p.token.key
    if key in ("NOMINVALUE", "NOMAXVALUE"):
        p.advance()
    elif key == "NOCACHE":
        p.advance()
        fields["cache"] = 0
    elif key in ("CYCLE", "NOCYCLE"):
        p.advance()
        fields["cycle"] = key == "CYCLE"
    elif key in ("ENGINE", "COMMENT"):
        p.advance()
        p.accept("=")
        p.word()
    elif key in names:
        p.advance()
        p.accept_any("WITH", "BY", "=")
        if key == "RESTART" and (p.at_end() or p.at_name()):
            fields["restart"] = None
        else:
            fields[names[key]] = p.signed_integer()
    else:
        return False
    return True


# ── ALTER ──


def alter(p: Stream) -> Statement:
    p.advance()
    p.accept("ONLINE")
    ignore = p.accept("IGNORE")
    if p.accept("TABLE"):
        return alter_table(p, ignore)
    if p.accept_any("DATABASE", "SCHEMA"):
        name = p.name() if p.at_name() and p.token.key not in ("CHARSET", "COMMENT") else None
        return AlterDatabase(name, **_database_options(p))
    if p.accept("SEQUENCE"):
        return _sequence(p, False, alter=True)
    if p.token.key in ("VIEW", "ALGORITHM", "DEFINER", "SQL"):
        return _create_view(p, False, alter=True)
    if p.at("USER"):
        return _alter_user(p)
    return _create_unsupported(p, "ALTER")


def _alter_user(p: Stream) -> Statement:
    """ALTER USER [IF EXISTS] account IDENTIFIED [WITH plugin] BY 'password'; all else about accounts is unsupported."""
    mark = p.mark()
    p.advance()
    p.if_exists()
    if p.accept("USER"):  # USER()
        p.expect_words("(", ")")
        user, host = "", ""
    else:
        user, host = account(p)
    if not p.accept("IDENTIFIED"):
        p.back_to(mark)
        return _create_unsupported(p, "ALTER")
    plugin = None
    if p.accept_any("WITH", "VIA"):
        plugin = p.name_or_string().lower()
    if p.accept_any("AS", "USING"):
        if plugin == "mysql_native_password" and p.at("PASSWORD"):
            p.expect_words("PASSWORD", "(")
            password = p.string()
            p.expect(")")
            return _password_alone(p, SetPassword(user or None, host or None, password, False, plugin))
        return _password_alone(p, SetPassword(user or None, host or None, p.string(), True, plugin))
    p.expect("BY")
    if p.accept("PASSWORD"):
        return _password_alone(p, SetPassword(user or None, host or None, p.string(), True, plugin))
    return _password_alone(p, SetPassword(user or None, host or None, p.string(), False, plugin))


def _password_alone(p: Stream, statement: SetPassword) -> Statement:
    """Nothing may follow: what we would ignore (REQUIRE SSL, ACCOUNT LOCK) is refused."""
    return statement if p.at_end() else unsupported_statement(p, "ALTER USER with more than a password")


# ── DROP ──


def drop(p: Stream) -> Statement:
    p.advance()
    temporary = p.accept("TEMPORARY")
    if p.accept_any("TABLE", "TABLES"):
        return drop_table(p, temporary)
    if p.at("SEQUENCE"):
        p.advance()
        if_exists = p.if_exists()
        return DropSequence(p.list_of(p.table_name), if_exists)
    if temporary:
        p.fail()
    if p.accept("VIEW"):
        if_exists = p.if_exists()
        views = p.list_of(p.table_name)
        p.accept_any("RESTRICT", "CASCADE")
        return DropView(views, if_exists)
    if p.accept("INDEX"):
        return drop_index(p)
    if p.accept_any("DATABASE", "SCHEMA"):
        if_exists = p.if_exists()
        return DropDatabase(p.name(), if_exists)
    if p.at("PREPARE"):
        from fauna.sql.ast import DeallocateStatement

        p.advance()
        return DeallocateStatement(p.name())
    return _create_unsupported(p, "DROP")
