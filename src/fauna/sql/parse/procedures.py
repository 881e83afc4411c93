"""CREATE and DROP PROCEDURE, and the statements of a procedure's body.

A body is one statement, or BEGIN … END around several.  Variables of its own, conditions, loops, cursors and handlers are
understood and refused with 1235.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fauna.errors import unsupported
from fauna.sql.ast import Characteristics, CreateProcedure, DropProcedure, ProcedureParameter, Statement
from fauna.sql.parse.core import Stream
from fauna.sql.parse.types import type_name

BLOCKS_MAX: Final = 32  # BEGIN … END inside one another

_CONTROL: Final = frozenset(
    {"DECLARE", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR", "LEAVE", "ITERATE", "OPEN", "FETCH", "CLOSE", "RETURN", "SIGNAL",
     "RESIGNAL", "GET", "GOTO"}
)  # fmt: skip

ParseStatement = Callable[[Stream], Statement]


def create_procedure(p: Stream, or_replace: bool, statement: ParseStatement) -> CreateProcedure:
    """PROCEDURE [IF NOT EXISTS] name ([IN] name type, …) [characteristics] body"""
    p.expect("PROCEDURE")
    if_not_exists = p.if_not_exists()
    name = p.table_name()
    p.expect("(")
    start = p.token.start
    parameters = () if p.at(")") else p.list_of(lambda: _parameter(p))
    parameter_list = p.source(start) if parameters else ""
    p.expect(")")
    characteristics = _characteristics(p)
    start = p.token.start
    body = block(p, statement)
    return CreateProcedure(
        name, parameters, body, p.source(start), or_replace, if_not_exists, parameter_list, characteristics
    )


def _parameter(p: Stream) -> ProcedureParameter:
    mode = p.accept_any("IN", "OUT", "INOUT")
    if mode in ("OUT", "INOUT"):
        raise unsupported(f"{mode} parameters of procedures")
    name = p.name()
    start = p.token.start
    type_ = type_name(p)
    return ProcedureParameter(name, type_, p.source(start))


_DATA_ACCESS: Final = (("CONTAINS", "SQL"), ("NO", "SQL"), ("READS", "SQL", "DATA"), ("MODIFIES", "SQL", "DATA"))


def _characteristics(p: Stream) -> Characteristics:
    found = Characteristics()
    while True:
        if p.accept("COMMENT"):
            found = replace(found, comment=p.string())
        elif p.accept("LANGUAGE"):
            p.expect("SQL")
        elif p.accept_words("SQL", "SECURITY"):
            found = replace(found, security=p.expect_any("DEFINER", "INVOKER"))
        elif p.accept_words("NOT", "DETERMINISTIC"):
            found = replace(found, deterministic=False)
        elif p.accept("DETERMINISTIC"):
            found = replace(found, deterministic=True)
        elif access := next((words for words in _DATA_ACCESS if p.accept_words(*words)), None):
            found = replace(found, data_access=" ".join(access))
        else:
            return found


def block(p: Stream, statement: ParseStatement, depth: int = 0) -> tuple[Statement, ...]:
    """One statement of a body, or those between BEGIN and END."""
    if p.token.key in _CONTROL:
        raise unsupported(f"{p.token.key} in a procedure")
    if not p.at("BEGIN"):
        return (statement(p),)
    if depth >= BLOCKS_MAX:
        p.fail()
    p.advance()
    p.accept_words("NOT", "ATOMIC")
    found: list[Statement] = []
    while not p.accept("END"):
        found += block(p, statement, depth + 1)
        p.expect(";")
    return tuple(found)


def drop_procedure(p: Stream) -> DropProcedure:
    p.expect("PROCEDURE")
    if_exists = p.if_exists()
    return DropProcedure(p.table_name(), if_exists)
