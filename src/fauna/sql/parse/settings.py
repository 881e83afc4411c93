"""SET in all its forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from typing import Literal as OneOf

from fauna.errors import unsupported
from fauna.sql.ast import (
    Expr,
    Name,
    SetForStatement,
    SetNames,
    SetPassword,
    SetStatement,
    SetSystemVariable,
    SetTransaction,
    SetUserVariable,
    Statement,
)
from fauna.sql.lexer import QUOTED, STRING, VARIABLE, WORD
from fauna.sql.parse.core import OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.objects import account, unsupported_statement
from fauna.sql.parse.types import accept_charset_keyword, charset_name

Scope = OneOf["GLOBAL", "SESSION"] | None
_SCOPES: Final = frozenset({"GLOBAL", "SESSION", "LOCAL"})


def set_(p: Stream, statement: Callable[[Stream], Statement]) -> Statement:
    p.advance()
    if p.at("STATEMENT") and p.peek().kind in (WORD, QUOTED):
        return _for_statement(p, statement)
    if p.at("PASSWORD") and p.peek().key in ("=", "FOR", ":="):
        return _password(p)
    if p.at_words("DEFAULT", "ROLE") or (p.at("ROLE") and p.peek().key not in ("=", ":=")):
        return unsupported_statement(p, "SET ROLE")
    transaction = _transaction(p)
    if transaction is not None:
        return transaction
    scope: Scope = None
    items: list[SetUserVariable | SetSystemVariable | SetNames] = []
    while True:
        items_scope = _scope(p)
        scope = items_scope or scope
        items.append(_item(p, scope))
        if not p.accept(","):
            return SetStatement(tuple(items))


def _for_statement(p: Stream, statement: Callable[[Stream], Statement]) -> SetForStatement:
    """SET STATEMENT a = 1, b = 2 FOR statement"""
    p.advance()
    settings = p.list_of(lambda: _item(p, None))
    p.expect("FOR")
    literals = sum(1 for token in p.tokens[: p.position] if token.literal_index is not None)
    p.enter()
    inner = statement(p)
    p.depth -= 1
    return SetForStatement(tuple(item for item in settings if isinstance(item, SetSystemVariable)), inner, literals)


def _scope(p: Stream) -> Scope:
    if p.token.key in _SCOPES and p.peek().kind in (WORD, QUOTED):
        return "GLOBAL" if p.advance().key == "GLOBAL" else "SESSION"
    return None


def _transaction(p: Stream) -> SetTransaction | None:
    """SET [GLOBAL|SESSION] TRANSACTION ISOLATION LEVEL x, READ ONLY …"""
    ahead = 1 if p.token.key in _SCOPES else 0
    if p.peek(ahead).key != "TRANSACTION" or p.peek(ahead + 1).key not in ("ISOLATION", "READ"):
        return None
    scope: Scope = None
    if ahead:
        scope = "GLOBAL" if p.advance().key == "GLOBAL" else "SESSION"
    p.advance()
    isolation: str | None = None
    read_only: bool | None = None
    while True:
        if p.accept("READ"):
            read_only = p.expect_any("ONLY", "WRITE") == "ONLY"
        else:
            p.expect_words("ISOLATION", "LEVEL")
            isolation = _isolation(p)
        if not p.accept(","):
            return SetTransaction(scope, isolation, read_only)


def _isolation(p: Stream) -> str:
    if p.accept("READ"):
        return "READ " + p.expect_any("COMMITTED", "UNCOMMITTED")
    if p.accept("REPEATABLE"):
        p.expect("READ")
        return "REPEATABLE READ"
    p.expect("SERIALIZABLE")
    return "SERIALIZABLE"


def _item(p: Stream, scope: Scope) -> SetUserVariable | SetSystemVariable | SetNames:
    if p.token.kind == VARIABLE:
        name = str(p.advance().value)
        _equals(p)
        return SetUserVariable(name, operation(p, OR))
    if p.at("NAMES") and p.peek().key not in ("=", ":="):
        return _names(p)
    if p.token.key in ("CHARACTER", "CHARSET", "CHAR") and p.peek().key not in ("=", ":=") and accept_charset_keyword(p):
        return SetNames(None if p.accept("DEFAULT") else charset_name(p), None, True)
    if p.accept("@@"):
        scope = None
        if p.token.key in _SCOPES and p.peek().key == ".":
            scope = "GLOBAL" if p.advance().key == "GLOBAL" else "SESSION"
            p.advance()
    name = p.name()
    while p.accept("."):
        name += "." + p.name_after_dot()
    _equals(p)
    return SetSystemVariable(name, _value(p), scope)


def _equals(p: Stream) -> None:
    if not p.accept(":="):
        p.expect("=")


_WORD_VALUES: Final = frozenset({"ON", "ALL", "BINARY", "ROW", "SYSTEM"})


def _value(p: Stream) -> Expr | None:
    """An expression, DEFAULT (None), or one of the reserved words ON, ALL, BINARY, which arrive as names."""
    following = p.peek()
    alone = following.key in (",", ";") or following.kind == "end"
    if p.at("DEFAULT") and alone:
        p.advance()
        return None
    if p.token.key in _WORD_VALUES and alone:
        return Name((str(p.advance().value),))
    return operation(p, OR)


def _names(p: Stream) -> SetNames:
    p.advance()
    if p.accept("DEFAULT"):
        return SetNames(None)
    charset = charset_name(p)
    collation = None
    if p.accept("COLLATE") and not p.accept("DEFAULT"):
        collation = p.word().lower()
    return SetNames(charset, collation)


def _password(p: Stream) -> SetPassword:
    p.advance()
    user: str | None = None
    host: str | None = None
    if p.accept("FOR"):
        user, host = account(p)
        if user == "":
            user = host = None
    _equals(p)
    if p.at("TO"):
        raise unsupported("SET PASSWORD TO RANDOM")
    if p.token.kind == STRING:
        return SetPassword(user, host, p.string(), either_way=True)
    function = p.expect_any("PASSWORD", "OLD_PASSWORD")
    p.expect("(")
    password = p.string()
    p.expect(")")
    if function == "OLD_PASSWORD":
        raise unsupported("OLD_PASSWORD")
    return SetPassword(user, host, password)
