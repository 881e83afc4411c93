"""CREATE and DROP PROCEDURE.  The body is kept as text; what it names is looked up when it runs, as in MySQL."""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.column_definition import NAME_MAX, define_type
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.schema import Database, Parameter, Procedure
from fauna.errors import error
from fauna.sql import ast
from fauna.sql.sql_modes import in_order


def create_procedure(work: DdlWork, statement: ast.CreateProcedure) -> None:
    database = work.catalog.databases[work.writable_schema(statement.procedure)]
    name = statement.procedure.name
    if not name or len(name) > NAME_MAX:
        raise error("TOO_LONG_IDENT" if name else "SP_WRONG_NAME", name)
    if name.lower() in database.procedures and not statement.or_replace:
        if not statement.if_not_exists:
            raise error("SP_ALREADY_EXISTS", "PROCEDURE", name)
        work.notes.add("SP_ALREADY_EXISTS", "PROCEDURE", name)
        return
    seen: set[str] = set()
    for parameter in statement.parameters:
        if parameter.name.lower() in seen:
            raise error("SP_DUP_PARAM", parameter.name)
        seen.add(parameter.name.lower())
    asked = statement.characteristics
    procedure = Procedure(
        database.name, name, tuple(_parameter(work, database, each) for each in statement.parameters), statement.text,
        in_order(work.context.sql_mode), asked.security, asked.comment, "@".join(work.context.user), work.context.now_utc[:19],
        statement.parameter_list, asked.deterministic, asked.data_access,
    )
    _put(work, database, {**database.procedures, name.lower(): procedure})


def _parameter(work: DdlWork, database: Database, parameter: ast.ProcedureParameter) -> Parameter:
    sql_type = define_type(parameter.type, parameter.name, database.collation, work.context, work.notes)
    return Parameter(parameter.name, sql_type, parameter.text)


def drop_procedure(work: DdlWork, statement: ast.DropProcedure) -> None:
    schema, name = work.schema_of(statement.procedure), statement.procedure.name
    database = work.catalog.database(schema)
    if database is None or name.lower() not in database.procedures:
        if not statement.if_exists:
            raise error("SP_DOES_NOT_EXIST", "PROCEDURE", f"{schema}.{name}")
        work.notes.add("SP_DOES_NOT_EXIST", "PROCEDURE", f"{schema}.{name}")
        return
    _put(work, database, {key: value for key, value in database.procedures.items() if key != name.lower()})


def _put(work: DdlWork, database: Database, procedures: dict[str, Procedure]) -> None:
    work.catalog = work.catalog.with_database(replace(database, procedures=procedures))
