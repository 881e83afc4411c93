"""Queries: SELECT, VALUES, set operations, WITH, and what stands in FROM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from typing import Literal as OneOf

from fauna.errors import error, unsupported
from fauna.sql.ast import (
    Call,
    Cte,
    DerivedTable,
    Expr,
    Join,
    Limit,
    Literal,
    LiteralKind,
    Locking,
    Name,
    NamedTable,
    OrderItem,
    Query,
    Select,
    SelectItem,
    SetOperation,
    Star,
    SystemTime,
    TableRef,
    Unary,
    ValuesQuery,
    WindowSpec,
    With,
)
from fauna.sql.lexer import QUOTED, STRING, VARIABLE, WORD, without_executable_marks
from fauna.sql.parse.clauses import limit_clause, order_by, order_items
from fauna.sql.parse.core import BIT_OR, CHAIN_MAX, OR, Stream
from fauna.sql.parse.expressions import operation
from fauna.sql.parse.functions import window_spec
from fauna.sql.parse.keywords import NOT_BARE_ALIAS, NOT_TABLE_ALIAS

_SET_OPERATORS: Final = frozenset({"UNION", "EXCEPT", "INTERSECT"})


def query(p: Stream) -> Query:
    """[WITH …] a query with its ORDER BY, LIMIT and locking clause."""
    p.enter()
    with_ = with_clause(p)
    bare = p.at("SELECT")
    found = _union(p)
    if not (bare and isinstance(found, Select)):  # a SELECT has read its own ORDER BY and LIMIT
        found = _tail(p, found)
    p.depth -= 1
    if with_ is not None and isinstance(found, Select | SetOperation | ValuesQuery):
        found = replace(found, with_=with_)
    return found


def with_clause(p: Stream) -> With | None:
    """[WITH [RECURSIVE] name [(columns)] AS (query), …]"""
    if not p.accept("WITH"):
        return None
    recursive = p.accept("RECURSIVE")
    return With(p.list_of(lambda: _cte(p)), recursive)


def _cte(p: Stream) -> Cte:
    name = p.name()
    columns = p.parenthesised(p.name) if p.at("(") else ()
    p.expect("AS")
    p.expect("(")
    body = query(p)
    p.expect(")")
    if p.at("CYCLE"):
        raise unsupported("CYCLE in a common table expression")
    return Cte(name, columns, body)


# ── set operations ──


def _union(p: Stream) -> Query:
    """UNION and EXCEPT, left to right; INTERSECT binds tighter."""
    return _set_chain(p, _intersection(p, alone=True), intersect=False)


def _intersection(p: Stream, alone: bool) -> Query:
    return _set_chain(p, _operand(p, alone), intersect=True)


def _set_chain(p: Stream, left: Query, intersect: bool) -> Query:
    length = 0
    while True:
        op: OneOf["UNION", "EXCEPT", "INTERSECT"]
        if intersect and p.accept("INTERSECT"):
            op = "INTERSECT"
        elif not intersect and p.accept("UNION"):
            op = "UNION"
        elif not intersect and (p.accept("EXCEPT") or p.accept("MINUS")):
            op = "EXCEPT"
        else:
            return left
        keep_duplicates = p.accept_any("ALL", "DISTINCT") == "ALL"
        right = _operand(p, False) if intersect else _intersection(p, False)
        left = SetOperation(op, keep_duplicates, left, right)
        length += 1
        if length > CHAIN_MAX:
            raise error("STACK_OVERRUN_NEED_MORE", CHAIN_MAX)


def _operand(p: Stream, alone: bool) -> Query:
    """SELECT, VALUES or a parenthesised query.  `alone`: it may yet turn out to be the whole query."""
    if p.at("SELECT"):
        return select(p, alone)
    if p.at("VALUES"):
        return _values(p)
    p.expect("(")
    if p.token.key not in ("SELECT", "WITH", "VALUES", "("):
        p.fail()
    inner = query(p)
    p.expect(")")
    return inner


def _values(p: Stream) -> ValuesQuery:
    p.advance()
    return ValuesQuery(p.list_of(lambda: _values_row(p)))


def _values_row(p: Stream) -> tuple[Expr, ...]:
    p.accept("ROW")
    return p.parenthesised(p.expression)


def _tail(p: Stream, body: Query) -> Query:
    """[ORDER BY …] [LIMIT …] [FOR UPDATE …] after a set operation, VALUES or a parenthesis."""
    ordering = order_by(p)
    limit = limit_clause(p)
    locking = locking_clause(p)
    if not ordering and limit is None and locking is None:
        return body
    if isinstance(body, SetOperation) and not body.order_by and body.limit is None:
        return replace(body, order_by=ordering, limit=limit, locking=locking)
    if isinstance(body, ValuesQuery) and not body.order_by and body.limit is None:
        return replace(body, order_by=ordering, limit=limit)
    if isinstance(body, Select) and not body.order_by and body.limit is None and body.locking is None:
        return replace(body, order_by=ordering, limit=limit, locking=locking)
    items = (SelectItem(Star(), None, "*"),)
    return Select(items, DerivedTable(body, "__inner"), order_by=ordering, limit=limit, locking=locking)


# ── SELECT ──

_SELECT_OPTIONS: Final = frozenset(
    {
        "ALL",
        "DISTINCT",
        "DISTINCTROW",
        "HIGH_PRIORITY",
        "STRAIGHT_JOIN",
        "SQL_SMALL_RESULT",
        "SQL_BIG_RESULT",
        "SQL_BUFFER_RESULT",
        "SQL_CACHE",
        "SQL_NO_CACHE",
        "SQL_CALC_FOUND_ROWS",
    }
)


def select(p: Stream, alone: bool) -> Select:
    """SELECT …; with ORDER BY, LIMIT, INTO and locking when it is no operand of a set operation."""
    p.advance()
    distinct = keep_all = calc_found_rows = False
    while p.token.key in _SELECT_OPTIONS:
        option = p.advance().key
        if (option == "ALL" and distinct) or (option.startswith("DISTINCT") and keep_all):
            raise error("WRONG_USAGE", "ALL", "DISTINCT")
        keep_all = keep_all or option == "ALL"
        distinct = distinct or option.startswith("DISTINCT")
        calc_found_rows = calc_found_rows or option == "SQL_CALC_FOUND_ROWS"
    items = select_items(p)
    into = _into(p)
    source: TableRef | None = None
    if p.accept("FROM") and not (p.at("DUAL") and p.accept("DUAL")):
        source = table_references(p)
    where = operation(p, OR) if p.accept("WHERE") else None
    group_by: tuple[OrderItem, ...] = ()
    rollup = False
    if p.accept_by("GROUP"):
        group_by = order_items(p)
        rollup = p.accept_words("WITH", "ROLLUP")
    having = operation(p, OR) if p.accept("HAVING") else None
    windows = p.list_of(lambda: _named_window(p)) if p.at("WINDOW") and p.accept("WINDOW") else ()
    ordering: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    locking: Locking | None = None
    if alone and p.token.key not in _SET_OPERATORS:
        ordering = order_by(p)
        limit = limit_clause(p)
        if p.at("PROCEDURE"):
            raise unsupported("PROCEDURE")
        into = into if into[0] or into[1] else _into(p)
        locking = locking_clause(p)
        if p.token.key in _SET_OPERATORS:  # ORDER BY and LIMIT of an operand stand in parentheses
            p.fail()
    into = into if into[0] or into[1] else _into(p)
    return Select(
        items, source, where, group_by, rollup, having, windows, ordering, limit, distinct, calc_found_rows, locking, None, *into
    )


def _named_window(p: Stream) -> tuple[str, WindowSpec]:
    name = p.name()
    p.expect("AS")
    return name, window_spec(p)


def select_items(p: Stream) -> tuple[SelectItem, ...]:
    """The select list, also that of RETURNING."""
    items = [_select_item(p)]
    while p.token.key == ",":
        p.advance()
        if p.token.key == "*":  # a bare star comes first or not at all
            p.fail()
        items.append(_select_item(p))
    return tuple(items)


def _select_item(p: Stream) -> SelectItem:
    first = p.position
    token = p.token
    start = token.start
    if token.key == "*":
        p.advance()
        return SelectItem(Star(), None, "*")
    star = _qualified_star(p)
    if star is not None:
        return SelectItem(star, None, p.source(start))
    expr = operation(p, OR)
    text = item_name(p, expr, start)
    alias: str | None = None
    if p.accept("AS"):
        alias = p.name_or_string()
    else:
        token = p.token
        if token.kind == QUOTED or token.kind == STRING or (token.kind == WORD and token.key not in NOT_BARE_ALIAS):
            p.advance()
            alias = str(token.value)
    if alias is None and not isinstance(expr, Name):
        p.naming_literals.update(t.literal_index for t in p.tokens[first : p.position] if t.literal_index is not None)
    return SelectItem(expr, alias, text)


def _qualified_star(p: Stream) -> Star | None:
    """t.* or db.t.*"""
    if p.token.kind not in (WORD, QUOTED) or p.peek().key != ".":
        return None
    if p.peek(2).key == "*":
        parts: tuple[str, ...] = (p.name(),)
    elif p.peek(3).key == "." and p.peek(4).key == "*":
        first = p.name()
        p.advance()
        parts = (first, p.name_after_dot())
    else:
        return None
    p.advance()
    p.advance()
    return Star(parts)


def item_name(p: Stream, expr: Expr, start: int) -> str:
    """What MariaDB calls a column without an alias: its text; of a column its name, of a string its value."""
    if isinstance(expr, Unary) and expr.op == "+" and isinstance(expr.operand, Name | Literal):  # a plus is no operation
        expr = expr.operand
    if isinstance(expr, Name):
        return expr.parts[-1]
    if isinstance(expr, Literal):
        if expr.kind is LiteralKind.STRING:
            return str(expr.value)
        if expr.kind in (LiteralKind.NULL, LiteralKind.TRUE, LiteralKind.FALSE):
            return expr.kind.name
        if expr.kind in (LiteralKind.INTEGER, LiteralKind.DECIMAL, LiteralKind.FLOAT):
            return without_executable_marks(p.source(start)).strip("() \t\r\n").lstrip("+( \t\r\n")
    if isinstance(expr, Call) and expr.name == "NAME_CONST" and expr.args and isinstance(expr.args[0], Literal):
        return str(expr.args[0].value)
    return p.source(start)


def _into(p: Stream) -> tuple[tuple[str, ...], str | None]:
    """[INTO @a, @b | INTO OUTFILE '…' …]"""
    if not p.at("INTO"):
        return (), None
    p.advance()
    if p.token.key in ("OUTFILE", "DUMPFILE"):
        raise unsupported(f"SELECT … INTO {p.token.key}")
    return p.list_of(lambda: _variable_name(p)), None


def _variable_name(p: Stream) -> str:
    if p.token.kind != VARIABLE:
        p.fail()
    return str(p.advance().value)


def locking_clause(p: Stream) -> Locking | None:
    """[FOR UPDATE | FOR SHARE | LOCK IN SHARE MODE] [OF …] [NOWAIT | SKIP LOCKED | WAIT n]"""
    mode: OneOf["UPDATE", "SHARE"]
    if p.accept("FOR"):
        mode = "UPDATE" if p.expect_any("UPDATE", "SHARE") == "UPDATE" else "SHARE"
    elif p.accept("LOCK"):
        p.expect_words("IN", "SHARE", "MODE")
        mode = "SHARE"
    else:
        return None
    of = p.list_of(p.name) if p.accept("OF") else ()
    wait: OneOf["", "NOWAIT", "SKIP LOCKED"] = ""
    if p.accept("NOWAIT"):
        wait = "NOWAIT"
    elif p.accept_words("SKIP", "LOCKED"):
        wait = "SKIP LOCKED"
    elif p.accept("WAIT"):
        wait = "NOWAIT" if p.integer() == 0 else ""
    return Locking(mode, of, wait)


# ── FROM ──


def table_references(p: Stream) -> TableRef:
    """Comma-separated joins."""
    left = joined_table(p)
    while p.accept(","):
        left = Join(left, joined_table(p))
    return left


_JOIN_WORDS: Final = frozenset({"JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "NATURAL", "STRAIGHT_JOIN"})


@dataclass(slots=True)
class _Pending:
    """A join whose ON may still come, and whose right side may still grow."""

    kind: OneOf["INNER", "LEFT", "RIGHT"]
    straight: bool


def joined_table(p: Stream) -> TableRef:
    """a JOIN b ON … LEFT JOIN c ON …

    An ON belongs to the last join that has none yet: in `a LEFT JOIN b JOIN c ON x ON y` b and c are joined first.
    """
    operands = [table_factor(p)]
    grown = [False]  # whether the operand was joined here, rather than being a table or in parentheses
    pending: list[_Pending] = []
    count = 0
    while True:
        if p.token.key in _JOIN_WORDS:
            natural, join = _join_words(p)
            right = table_factor(p)
            if natural:
                operands[-1] = Join(operands[-1], right, join.kind, natural=True)
                grown[-1] = True
            else:
                pending.append(join)
                operands.append(right)
                grown.append(False)
            count += 1
            if count > CHAIN_MAX:
                raise error("STACK_OVERRUN_NEED_MORE", CHAIN_MAX)
        elif pending and p.token.key in ("ON", "USING"):
            on, using = _condition(p)
            join = pending.pop()
            right = operands.pop()
            grown.pop()
            operands[-1] = Join(operands[-1], right, join.kind, on, using, straight=join.straight)
            grown[-1] = True
        else:
            break
    while pending:
        join = pending.pop()
        if join.kind != "INNER":
            p.fail()
        right = operands.pop()
        operands[-1] = _cross(operands[-1], right, grown.pop(), join.straight)
    return operands[0]


def _cross(left: TableRef, right: TableRef, grown: bool, straight: bool) -> TableRef:
    """left JOIN right without a condition.

    `a JOIN b JOIN c ON x` was read as a JOIN (b JOIN c ON x), but x may name a: it is (a JOIN b) JOIN c ON x.
    """
    if grown and isinstance(right, Join) and right.kind != "RIGHT":
        return replace(right, left=_cross(left, right.left, isinstance(right.left, Join), straight))
    return Join(left, right, straight=straight)


def _join_words(p: Stream) -> tuple[bool, _Pending]:
    """The words of a join: whether it is NATURAL, and what it is."""
    natural = p.accept("NATURAL")
    kind: OneOf["INNER", "LEFT", "RIGHT"] = "INNER"
    if p.token.key in ("LEFT", "RIGHT"):
        kind = "LEFT" if p.advance().key == "LEFT" else "RIGHT"
        p.accept("OUTER")
        p.expect("JOIN")
    elif not natural and p.accept("STRAIGHT_JOIN"):
        return False, _Pending(kind, True)
    else:
        if not p.accept("INNER"):
            p.accept("CROSS")
        p.expect("JOIN")
    return natural, _Pending(kind, False)


def _condition(p: Stream) -> tuple[Expr | None, tuple[str, ...]]:
    if p.accept("ON"):
        return operation(p, OR), ()
    if p.accept("USING"):
        return None, p.parenthesised(p.name)
    return None, ()


def table_factor(p: Stream) -> TableRef:
    """A table, a derived table, or a parenthesised join."""
    if p.at("("):
        return _parenthesised_factor(p)
    if p.at("{"):
        p.advance()
        p.name()
        inner = joined_table(p)
        p.expect("}")
        return inner
    if p.at_words("LATERAL", "("):
        p.advance()
        p.advance()
        derived = query(p)
        p.expect(")")
        return _derived(p, derived, lateral=True)
    if p.token.kind == WORD and p.peek().key == "(" and p.token.key == "JSON_TABLE":
        raise unsupported("JSON_TABLE")
    return named_table(p)


def _parenthesised_factor(p: Stream) -> TableRef:
    """(query) alias, or (joins)"""
    p.enter()
    is_query = p.at_query()
    p.advance()
    found: TableRef
    if is_query:
        body = query(p)
        p.expect(")")
        found = _derived(p, body)
    else:
        found = table_references(p)
        p.expect(")")
    p.depth -= 1
    return found


def _derived(p: Stream, body: Query, lateral: bool = False) -> DerivedTable:
    system_time = _system_time(p)
    alias = table_alias(p)
    if alias is None:
        p.fail()
    columns = p.parenthesised(p.name) if p.at("(") else ()
    return DerivedTable(body, alias, columns, lateral, system_time)


def table_alias(p: Stream) -> str | None:
    """[[AS] alias]"""
    if p.accept("AS"):
        return p.name_or_string() if p.token.kind == STRING else _table_alias_name(p)
    token = p.token
    if token.kind == QUOTED or (token.kind == WORD and token.key not in NOT_TABLE_ALIAS):
        p.advance()
        return str(token.value)
    return None


def _table_alias_name(p: Stream) -> str:
    if p.token.kind == WORD and p.token.key in NOT_TABLE_ALIAS:
        p.fail()
    return p.name()


def named_table(p: Stream) -> NamedTable:
    """name [PARTITION (…)] [FOR SYSTEM_TIME …] [[AS] alias] [index hints]"""
    table = p.table_name()
    partitions = p.parenthesised(p.name) if p.at_words("PARTITION", "(") and p.accept("PARTITION") else ()
    system_time = _system_time(p)
    alias = table_alias(p)
    hints: list[str] = []
    while p.token.key in ("USE", "FORCE", "IGNORE") and p.peek().key in ("INDEX", "KEY"):
        hints.extend(_index_hint(p))
        if p.at(",") and p.peek().key in ("USE", "FORCE", "IGNORE") and p.peek(2).key in ("INDEX", "KEY"):
            p.advance()
    return NamedTable(table, alias, partitions, system_time, tuple(hints))


def _system_time(p: Stream) -> SystemTime | None:
    """[FOR SYSTEM_TIME AS OF t | BETWEEN t AND t | FROM t TO t | ALL]"""
    if not p.accept_words("FOR", "SYSTEM_TIME"):
        return None
    if p.accept("ALL"):
        return SystemTime("ALL")
    if p.accept_words("AS", "OF"):
        return SystemTime("AS OF", _point(p))
    if p.accept("BETWEEN"):
        start = _point(p)
        p.expect("AND")
        return SystemTime("BETWEEN", start, _point(p))
    p.expect("FROM")
    start = _point(p)
    p.expect("TO")
    return SystemTime("FROM", start, _point(p))


def _point(p: Stream) -> Expr:
    """[TIMESTAMP] a time.  `TIMESTAMP '…'` alone is a string with a slot, so that one plan serves every time."""
    if p.at("TRANSACTION") and p.peek().key not in (")", ",", "."):
        raise unsupported("FOR SYSTEM_TIME … TRANSACTION")
    literal = p.peek() if p.at("TIMESTAMP") and p.peek().kind == STRING else None
    if literal is None and p.at("TIMESTAMP") and p.peek().key != "(":
        p.advance()
    found = operation(p, BIT_OR)
    if (
        literal is not None
        and literal.literal_index is not None
        and isinstance(found, Literal)
        and found.kind is LiteralKind.TIMESTAMP
        and found.value == literal.value
    ):
        p.used_literals.add(literal.literal_index)
        return Literal(LiteralKind.STRING, found.value, literal.literal_index)
    # NOW() is the moment of the statement, not the second that it is in.
    return Call("NOW", (Literal(LiteralKind.INTEGER, 6),)) if found == Call("NOW") else found


def _index_hint(p: Stream) -> list[str]:
    """USE | FORCE | IGNORE INDEX [FOR …] (names): the names."""
    names: list[str] = []
    p.advance()
    p.advance()
    if p.accept("FOR"):
        if not p.accept("JOIN"):
            p.expect_any("ORDER", "GROUP")
            p.expect("BY")
    p.expect("(")
    while not p.at(")"):
        names.append("PRIMARY" if p.accept("PRIMARY") else p.name())
        if not p.accept(","):
            break
    p.expect(")")
    return names
