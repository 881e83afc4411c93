"""INSERT, REPLACE, UPDATE, DELETE, LOAD DATA."""

from __future__ import annotations

from typing import Literal as OneOf

from fauna.errors import unsupported
from fauna.sql.ast import (
    Assignment,
    DefaultValue,
    Delete,
    Expr,
    Insert,
    LoadData,
    Name,
    NamedTable,
    Query,
    SelectItem,
    TableName,
    TableRef,
    Update,
    UserVariable,
    With,
)
from fauna.sql.lexer import HEX, QUOTED, STRING, VARIABLE, WORD
from fauna.sql.parse.clauses import order_by, row_limit
from fauna.sql.parse.core import OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.keywords import RESERVED
from fauna.sql.parse.query import query, select_items, table_references
from fauna.sql.parse.types import accept_charset_keyword, charset_name

# ── INSERT and REPLACE ──


def insert(p: Stream) -> Insert:
    replace_ = p.advance().key == "REPLACE"
    while p.accept_any("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY"):
        pass
    ignore = not replace_ and p.accept("IGNORE")
    p.accept("INTO")
    table = p.table_name()
    partitions = p.parenthesised(p.name) if p.accept("PARTITION") else ()
    columns: tuple[str, ...] | None = None
    rows: tuple[tuple[Expr, ...], ...] = ()
    source: Query | None = None
    if p.at("(") and not p.at_query():
        columns = _columns(p)
    if p.accept("SET"):
        assigned = p.list_of(lambda: assignment(p))
        columns = tuple(item.column.parts[-1] for item in assigned)
        rows = (tuple(item.value for item in assigned),)
    elif p.token.key in ("VALUES", "VALUE"):
        p.advance()
        rows = _rows(p)
    elif p.at("SELECT") or p.at("WITH") or p.at("("):
        source = query(p)
    else:
        p.fail()
    row_alias, alias_columns = _row_alias(p) if p.at("AS") and source is None else (None, ())
    on_duplicate: tuple[Assignment, ...] = ()
    if not replace_ and p.accept_words("ON", "DUPLICATE"):
        p.expect_words("KEY", "UPDATE")
        on_duplicate = p.list_of(lambda: assignment(p))
    return Insert(
        table, columns, rows, source, replace_, ignore, on_duplicate, row_alias, alias_columns, returning(p), partitions
    )


def _columns(p: Stream) -> tuple[str, ...]:
    """( [name, …] ); a column may be written t.a or db.t.a."""
    p.expect("(")
    names = [] if p.at(")") else [_column_name(p)]
    while p.accept(","):
        names.append(_column_name(p))
    p.expect(")")
    return tuple(names)


def _column_name(p: Stream) -> str:
    name = p.name()
    while p.accept("."):
        name = p.name_after_dot()
    return name


def _rows(p: Stream) -> tuple[tuple[Expr, ...], ...]:
    rows = [_row(p)]
    while p.token.key == ",":
        p.advance()
        rows.append(_row(p))
    return tuple(rows)


def _row(p: Stream) -> tuple[Expr, ...]:
    p.accept("ROW")
    p.expect("(")
    if p.accept(")"):
        return ()
    values = [_value(p)]
    while p.token.key == ",":
        p.advance()
        values.append(_value(p))
    p.expect(")")
    return tuple(values)


def _value(p: Stream) -> Expr:
    if p.token.key in ("DEFAULT", "IGNORE") and p.peek().key in (",", ")"):
        p.advance()
        return DefaultValue()
    return operation(p, OR)


def _row_alias(p: Stream) -> tuple[str, tuple[str, ...]]:
    """AS new [(a, b)]"""
    p.expect("AS")
    return p.name(), p.parenthesised(p.name) if p.at("(") else ()


def assignment(p: Stream) -> Assignment:
    """column = expr | DEFAULT"""
    parts = [p.name()]
    while p.accept("."):
        parts.append(p.name_after_dot())
    if not p.accept(":="):
        p.expect("=")
    return Assignment(Name(tuple(parts)), _assigned_value(p))


def _assigned_value(p: Stream) -> Expr:
    if p.token.key in ("DEFAULT", "IGNORE") and p.peek().key != "(":
        p.advance()
        return DefaultValue()
    return operation(p, OR)


def returning(p: Stream) -> tuple[SelectItem, ...]:
    """[RETURNING select list]"""
    return select_items(p) if p.accept("RETURNING") else ()


# ── UPDATE ──


def update(p: Stream, with_: With | None = None) -> Update:
    p.advance()
    p.accept("LOW_PRIORITY")
    ignore = p.accept("IGNORE")
    source = table_references(p)
    if p.at_words("FOR", "PORTION"):
        raise unsupported("FOR PORTION OF")
    p.expect("SET")
    assignments = p.list_of(lambda: assignment(p))
    where = operation(p, OR) if p.accept("WHERE") else None
    ordering = order_by(p)
    return Update(source, assignments, where, ordering, row_limit(p), ignore, with_)


# ── DELETE: DELETE FROM t …, DELETE a, b FROM …, DELETE FROM a, b USING … ──


def delete(p: Stream, with_: With | None = None) -> Delete:
    p.advance()
    ignore = False
    while p.token.key in ("LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY") and _is_option(p):
        option = p.advance().key
        if option == "HISTORY":  # not the rows as they are
            raise unsupported("DELETE HISTORY")
        ignore = option == "IGNORE" or ignore
    if not p.accept("FROM"):
        targets = p.list_of(lambda: _delete_target(p))
        p.expect("FROM")
        return _multi_delete(p, targets, ignore, with_)
    mark = p.mark()
    targets = p.list_of(lambda: _delete_target(p))
    if p.accept("USING"):
        return _multi_delete(p, targets, ignore, with_)
    p.back_to(mark)
    source = _single_source(p)
    where = operation(p, OR) if p.accept("WHERE") else None
    ordering = order_by(p)
    limit = row_limit(p)
    return Delete(source, (), where, ordering, limit, ignore, returning(p), with_)


def _is_option(p: Stream) -> bool:
    """QUICK and HISTORY are names, too: DELETE quick FROM …"""
    return (
        p.token.key in RESERVED or p.peek().key in ("FROM", "QUICK", "IGNORE", "LOW_PRIORITY") or p.peek().kind in (WORD, QUOTED)
    )


def _delete_target(p: Stream) -> TableName:
    """t, db.t, t.*, db.t.*"""
    parts = [p.name()]
    while p.accept("."):
        if p.accept("*"):
            break
        parts.append(p.name_after_dot())
    return TableName(parts[-1], parts[0] if len(parts) > 1 else None)


def _multi_delete(p: Stream, targets: tuple[TableName, ...], ignore: bool, with_: With | None) -> Delete:
    source = table_references(p)
    where = operation(p, OR) if p.accept("WHERE") else None
    return Delete(source, targets, where, ignore=ignore, with_=with_)


def _single_source(p: Stream) -> TableRef:
    table = p.table_name()
    partitions = p.parenthesised(p.name) if p.accept("PARTITION") else ()
    if p.at_words("FOR", "PORTION"):
        raise unsupported("FOR PORTION OF")
    alias: str | None = None
    if p.accept("AS") or p.at_name():
        alias = p.name()
    return NamedTable(table, alias, partitions)


# ── LOAD DATA ──


def load_data(p: Stream) -> LoadData:
    p.advance()
    if p.at("XML"):
        raise unsupported("LOAD XML")
    p.expect("DATA")
    p.accept_any("LOW_PRIORITY", "CONCURRENT")
    local = p.accept("LOCAL")
    p.expect("INFILE")
    filename = p.string()
    duplicates: OneOf["", "IGNORE", "REPLACE"] = ""
    if word := p.accept_any("REPLACE", "IGNORE"):
        duplicates = "REPLACE" if word == "REPLACE" else "IGNORE"
    p.expect_words("INTO", "TABLE")
    table = p.table_name()
    if p.at("PARTITION"):
        raise unsupported("LOAD DATA … PARTITION")
    charset = charset_name(p) if accept_charset_keyword(p) else None
    terminated, enclosed, optionally, escaped = _field_options(p)
    starting, line_end = _line_options(p)
    ignored = 0
    if p.accept("IGNORE"):
        ignored = p.integer()
        p.expect_any("LINES", "ROWS")
    columns = p.parenthesised(lambda: _load_target(p)) if p.at("(") else ()
    assignments = p.list_of(lambda: assignment(p)) if p.accept("SET") else ()
    return LoadData(
        filename,
        local,
        table,
        duplicates,
        charset,
        terminated,
        enclosed,
        optionally,
        escaped,
        starting,
        line_end,
        ignored,
        columns,
        assignments,
    )


def _delimiter(p: Stream) -> str:
    if p.token.kind == HEX:
        value = p.advance().value
        assert isinstance(value, bytes)
        return value.decode("utf-8", "surrogateescape")
    if p.token.kind != STRING:
        p.fail()
    return p.string()


def _field_options(p: Stream) -> tuple[str, str, bool, str]:
    """FIELDS [TERMINATED BY x] [[OPTIONALLY] ENCLOSED BY x] [ESCAPED BY x]"""
    terminated, enclosed, optionally, escaped = "\t", "", False, "\\"
    if not p.accept_any("FIELDS", "COLUMNS"):
        return terminated, enclosed, optionally, escaped
    while True:
        if p.accept("TERMINATED"):
            p.expect("BY")
            terminated = _delimiter(p)
        elif p.token.key in ("OPTIONALLY", "ENCLOSED"):
            optionally = p.accept("OPTIONALLY")
            p.expect_words("ENCLOSED", "BY")
            enclosed = _delimiter(p)
        elif p.accept("ESCAPED"):
            p.expect("BY")
            escaped = _delimiter(p)
        else:
            return terminated, enclosed, optionally, escaped


def _line_options(p: Stream) -> tuple[str, str]:
    """LINES [STARTING BY x] [TERMINATED BY x]"""
    starting, terminated = "", "\n"
    if not p.accept("LINES"):
        return starting, terminated
    while word := p.accept_any("STARTING", "TERMINATED"):
        p.expect("BY")
        if word == "STARTING":
            starting = _delimiter(p)
        else:
            terminated = _delimiter(p)
    return starting, terminated


def _load_target(p: Stream) -> Expr:
    if p.token.kind == VARIABLE:
        return UserVariable(str(p.advance().value))
    return Name((p.name(),))
