"""CALL: the statements of a procedure, one after another, each as if the client had sent it.

Each statement that has rows gives a result of its own; `Result.then` runs the statements after it once those rows are
sent.  The last result is the OK of the CALL itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fauna.catalog.schema import Parameter, Procedure
from fauna.catalog.types import SqlType, Stored
from fauna.errors import error, unsupported
from fauna.session import system_procedures
from fauna.session.evaluation import evaluate
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, Ticket
from fauna.sql import ast
from fauna.sql.convert import StoreLabel, store_conversion
from fauna.sql.parse import parse_body
from fauna.sql.replaced import replaced

if TYPE_CHECKING:
    from fauna.session.session import Session

Params = Sequence[tuple[SqlType, Stored]]


def call(session: Session, statement: ast.CallProcedure, params: Params, inline: bool) -> Result:
    """The first result of CALL.  When the call was interrupted by a wait that is over now, it goes on where it was."""
    if inline:
        raise MustMove
    if len(statement.name) > 1 and statement.name[0].lower() == system_procedures.SCHEMA:
        return system_procedures.call(session, statement.name[-1], [_value(session, arg, params) for arg in statement.args])
    pending, session.pending_call = session.pending_call, None
    if pending is None or not pending.resumes(session.statement_text):
        pending = _new(session, statement, params)
    return pending.step(inline=False)


def _new(session: Session, statement: ast.CallProcedure, params: Params) -> ProcedureCall:
    schema = statement.name[0] if len(statement.name) > 1 else session.database
    if schema is None:
        raise error("NO_DB")
    procedure = session.catalog.procedure(schema, statement.name[-1])
    if procedure is None:
        raise error("SP_DOES_NOT_EXIST", "PROCEDURE", f"{schema}.{statement.name[-1]}")
    if len(statement.args) != len(procedure.parameters):
        name = f"{schema}.{procedure.name}"
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", name, len(procedure.parameters), len(statement.args))
    pairs = zip(statement.args, procedure.parameters, strict=True)
    values = [_argument(session, arg, params, parameter) for arg, parameter in pairs]
    return ProcedureCall(session, procedure, values)


def _argument(session: Session, arg: ast.Expr, params: Params, parameter: Parameter) -> tuple[SqlType, Stored]:
    """The value as the parameter's type holds it, converted as an assignment would."""
    source, value = _value(session, arg, params)
    convert = store_conversion(source, parameter.sql_type, StoreLabel("", "", parameter.name))
    return parameter.sql_type, value if value is None or convert is None else convert(value)


def _value(session: Session, arg: ast.Expr, params: Params) -> tuple[SqlType, Stored]:
    return params[arg.index] if isinstance(arg, ast.Marker) else evaluate(session, arg)


class ProcedureCall:
    """One CALL under way."""

    def __init__(self, session: Session, procedure: Procedure, values: Params) -> None:
        self._session = session
        self._schema = procedure.schema
        self._values = values
        self._statements = _body(procedure)
        self._position = 0
        self._affected = 0
        self._text = session.statement_text
        self._waiting: Ticket | None = None
        self._durable: Ticket | None = None

    def resumes(self, text: str) -> bool:
        """Whether this is the call that the client is still in, after a wait that ended well."""
        if text != self._text or self._waiting is None or not self._waiting.done():
            return False
        self._waiting.check()
        return True

    def step(self, *, inline: bool) -> Result:
        """Run up to the next result that has rows, or to the end.  MustWait: call again to go on."""
        if inline:
            raise MustMove
        while self._position < len(self._statements):
            result = self._run(self._statements[self._position])
            self._position += 1
            if result.columns is not None:
                result.then = self.go_on
                return result
            if result.durable is not None and self._session.node.gate is not None:
                result.durable.wait()  # over several shards the next statement sees it only then
            self._durable = result.durable or self._durable
            self._affected += result.affected_rows
        done = self._session.done(affected=self._affected)
        done.durable = self._durable
        return done

    def go_on(self, *, inline: bool) -> Result:
        """`step` once the rows of the last one are sent; a failure ends the statement as one of `execute` would."""
        try:
            return self.step(inline=inline)
        except (MustWait, MustMove):
            raise
        except Exception as problem:  # noqa: BLE001 (told to the client)
            raise self._session.failed(problem) from None

    def _run(self, statement: ast.Statement) -> Result:
        session = self._session
        database = session.database
        self._in(self._schema)
        try:
            result = session.run_statement(statement, self._values, False)
        except MustWait as waiting:
            self._waiting, session.pending_call = waiting.ticket, self
            raise
        finally:
            self._in(database)
        if isinstance(result, LocalInfile):
            raise unsupported("LOAD DATA LOCAL in a procedure")
        return result

    def _in(self, database: str | None) -> None:
        if self._session.database != database:
            self._session.database = database
            self._session.scope_changed()


@lru_cache(maxsize=256)
def _parsed(body: str, flags: int, parameters: tuple[str, ...]) -> tuple[ast.Statement, ...]:
    markers = {name: ast.Marker(number) for number, name in enumerate(parameters)}
    statements = tuple(_with_markers(each, markers) for each in parse_body(body, flags))
    for each in statements:
        if isinstance(each, (ast.CallProcedure, ast.Use, ast.CreateProcedure, ast.DropProcedure, ast.LoadData, ast.LockTables)):
            raise unsupported(f"{type(each).__name__} in a procedure")
        if isinstance(each, ast.SetStatement) and any(
            isinstance(item, ast.SetSystemVariable) and item.name.lower() in markers for item in each.items
        ):
            raise unsupported("SET of a parameter")
    return statements  # type: ignore[return-value]


def _body(procedure: Procedure) -> tuple[ast.Statement, ...]:
    from fauna.session.session import parse_flags_of

    names = tuple(parameter.name.lower() for parameter in procedure.parameters)
    return _parsed(procedure.body, parse_flags_of(procedure.sql_mode), names)


def _with_markers(node: object, markers: dict[str, ast.Marker]) -> object:
    """The tree with the parameters' names as parameters; a parameter hides a column of its name, as in MySQL."""

    def marked(node: object) -> object | None:
        if isinstance(node, ast.Name):
            return markers.get(node.parts[0].lower(), node) if len(node.parts) == 1 else node
        if isinstance(node, ast.Assignment):
            return replace(node, value=_with_markers(node.value, markers))  # type: ignore[arg-type]
        return node if isinstance(node, ast.InsertedValue) else None

    return replaced(node, marked)
