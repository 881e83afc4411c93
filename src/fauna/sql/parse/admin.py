"""Transactions, prepared statements, and administration."""

from __future__ import annotations

from typing import Final

from fauna.sql.ast import (
    AdminTables,
    CallProcedure,
    Commit,
    DeallocateStatement,
    Do,
    ExecuteImmediate,
    ExecuteStatement,
    Expr,
    FlashbackTable,
    FlashbackTransaction,
    Flush,
    Kill,
    Literal,
    LiteralKind,
    LockTables,
    NamedTable,
    PrepareStatement,
    ReleaseSavepoint,
    Rollback,
    Savepoint,
    StartTransaction,
    Statement,
    UnlockTables,
    Use,
    UserVariable,
)
from fauna.sql.lexer import STRING, VARIABLE
from fauna.sql.parse.core import OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.keywords import RESERVED
from fauna.sql.parse.objects import unsupported_statement

# ── transactions ──


def begin(p: Stream) -> Statement:
    p.advance()
    if p.at_words("NOT", "ATOMIC"):
        return unsupported_statement(p, "BEGIN NOT ATOMIC")
    p.accept("WORK")
    return StartTransaction()


def start(p: Stream) -> Statement:
    p.advance()
    if not p.at("TRANSACTION"):
        if p.accept_any("SLAVE", "REPLICA", "ALL"):
            return unsupported_statement(p, "START SLAVE")
        p.fail()
    p.advance()
    read_only: bool | None = None
    snapshot = False
    while not p.at_end():
        if p.accept("READ"):
            read_only = p.expect_any("ONLY", "WRITE") == "ONLY"
        else:
            p.expect_words("WITH", "CONSISTENT", "SNAPSHOT")
            snapshot = True
        if not p.accept(","):
            break
    return StartTransaction(read_only, snapshot)


def _chain_release(p: Stream) -> tuple[bool, bool]:
    """[AND [NO] CHAIN] [[NO] RELEASE]"""
    chain = release = False
    if p.accept("AND"):
        chain = not p.accept("NO")
        p.expect("CHAIN")
    if p.accept("NO"):
        p.expect("RELEASE")
    elif p.accept("RELEASE"):
        release = True
    return chain, release


def commit(p: Stream) -> Commit:
    p.advance()
    p.accept("WORK")
    return Commit(*_chain_release(p))


def rollback(p: Stream) -> Rollback:
    p.advance()
    p.accept("WORK")
    if p.accept("TO"):
        if p.at("SAVEPOINT") and not (p.peek().key == ";" or p.peek().kind == "end"):
            p.advance()
        return Rollback(savepoint=p.name())
    return Rollback(*_chain_release(p))


def savepoint(p: Stream) -> Savepoint:
    p.advance()
    return Savepoint(p.name())


def release(p: Stream) -> ReleaseSavepoint:
    p.advance()
    p.expect("SAVEPOINT")
    return ReleaseSavepoint(p.name())


# ── prepared statements in text ──


def prepare(p: Stream) -> PrepareStatement:
    p.advance()
    name = p.name()
    p.expect("FROM")
    return PrepareStatement(name, _source(p))


def _source(p: Stream) -> Expr:
    if p.token.kind == VARIABLE:
        return UserVariable(str(p.advance().value))
    return Literal(LiteralKind.STRING, p.string()) if p.token.kind == STRING else operation(p, OR)


def execute(p: Stream) -> Statement:
    p.advance()
    if p.at("IMMEDIATE"):
        p.advance()
        source = operation(p, OR)
        return ExecuteImmediate(source, p.list_of(lambda: operation(p, OR)) if p.accept("USING") else ())
    name = p.name()
    using = p.list_of(lambda: operation(p, OR)) if p.accept("USING") else ()
    return ExecuteStatement(name, using)


def deallocate(p: Stream) -> DeallocateStatement:
    p.advance()
    p.expect("PREPARE")
    return DeallocateStatement(p.name())


# ── tables and locks ──


def lock(p: Stream) -> LockTables:
    p.advance()
    p.expect_any("TABLE", "TABLES")
    return LockTables(p.list_of(lambda: _lock(p)))


def _lock(p: Stream) -> tuple[NamedTable, str]:
    table = p.table_name()
    alias = p.name() if p.accept("AS") or (p.at_name() and p.token.key not in ("READ", "WRITE")) else None
    p.accept("LOW_PRIORITY")
    kind = p.expect_any("READ", "WRITE")
    if kind == "READ" and p.accept("LOCAL"):
        kind = "READ LOCAL"
    elif kind == "WRITE":
        p.accept("CONCURRENT")
    return NamedTable(table, alias), kind


def unlock(p: Stream) -> UnlockTables:
    p.advance()
    p.expect_any("TABLE", "TABLES")
    return UnlockTables()


def admin_tables(p: Stream) -> Statement:
    """ANALYZE, CHECK, CHECKSUM, OPTIMIZE, REPAIR TABLE"""
    action = p.advance().key
    p.accept_any("NO_WRITE_TO_BINLOG", "LOCAL")
    if p.at("VIEW"):
        return unsupported_statement(p, f"{action} VIEW")
    p.expect_any("TABLE", "TABLES")
    tables = p.list_of(p.table_name)
    if p.at("PERSISTENT"):
        return unsupported_statement(p, "ANALYZE TABLE … PERSISTENT")
    options: list[str] = []
    while not p.at_end():
        if not p.token.key:
            p.fail()
        options.append(p.advance().key)
    allowed = _TABLE_OPTIONS[action]
    for option in options:
        if option not in allowed:
            p.back_to((p.position - len(options) + options.index(option), p.markers))
            p.fail()
    return AdminTables(action, tables, tuple(options))


_TABLE_OPTIONS: Final = {
    "ANALYZE": frozenset[str](),
    "CHECK": frozenset({"FOR", "UPGRADE", "QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED"}),
    "CHECKSUM": frozenset({"QUICK", "EXTENDED"}),
    "OPTIMIZE": frozenset({"WAIT", "NOWAIT"}),
    "REPAIR": frozenset({"QUICK", "EXTENDED", "USE_FRM"}),
}


_FLUSH_WORDS: Final = frozenset({"WITH", "READ", "LOCK", "FOR", "TABLE", "SSL", "ALL"})


def flush(p: Stream) -> Flush:
    """FLUSH what: its words, as they come."""
    p.advance()
    p.accept_any("NO_WRITE_TO_BINLOG", "LOCAL")
    words: list[str] = []
    while not p.at_end():
        if p.token.key in RESERVED and p.token.key not in _FLUSH_WORDS:
            p.fail()
        token = p.advance()
        words.append(token.key or str(token.value))
    if not words:
        p.fail()
    return Flush(tuple(words))


# ── the rest ──


def flashback(p: Stream) -> Statement:
    """FLASHBACK TABLE name TO TIMESTAMP time, FLASHBACK TRANSACTION 'name'"""
    p.advance()
    if p.expect_any("TABLE", "TRANSACTION") == "TRANSACTION":
        return FlashbackTransaction(p.string())
    table = p.table_name()
    p.expect_words("TO", "TIMESTAMP")
    return FlashbackTable(table, operation(p, OR))


def use(p: Stream) -> Use:
    p.advance()
    return Use(p.name())


def kill(p: Stream) -> Statement:
    """KILL [HARD|SOFT] [CONNECTION|QUERY] id"""
    p.advance()
    p.accept_any("HARD", "SOFT")
    query_only = p.accept_any("CONNECTION", "QUERY") == "QUERY"
    if p.at("ID") or p.at("USER"):
        return unsupported_statement(p, f"KILL {p.token.key}")
    return Kill(operation(p, OR), query_only)


def do(p: Stream) -> Do:
    p.advance()
    return Do(p.list_of(lambda: operation(p, OR)))


def call(p: Stream) -> CallProcedure:
    p.advance()
    parts = [p.name()]
    while p.accept("."):
        parts.append(p.name_after_dot())
    args: tuple[Expr, ...] = ()
    if p.accept("("):
        if not p.at(")"):
            args = p.list_of(lambda: operation(p, OR))
        p.expect(")")
    return CallProcedure(tuple(parts), args)
