"""ROUTINES and PARAMETERS: the procedures of the catalog."""

from __future__ import annotations

from collections.abc import Iterator

from fauna.catalog.schema import Column, Procedure
from fauna.session.result import Row
from fauna.sql.information_schema.info_context import InfoContext
from fauna.sql.information_schema.objects import CATALOG, column_row, databases
from fauna.sql.sql_modes import in_order

CHARSET_COLUMNS = ("utf8mb4", "utf8mb4_general_ci")


def procedures(context: InfoContext) -> Iterator[Procedure]:
    """By database and name."""
    for database in databases(context):
        for key in sorted(database.procedures):
            yield database.procedures[key]


def routines(context: InfoContext) -> Iterator[Row]:
    for procedure in procedures(context):
        yield (
            procedure.name, CATALOG, procedure.schema, procedure.name, "PROCEDURE", "", *(None,) * 8, "SQL", procedure.body, None,
            None, "SQL", "YES" if procedure.deterministic else "NO", procedure.data_access, None, procedure.security,
            procedure.created, procedure.created, sql_mode_of(procedure), procedure.comment, procedure.definer, *CHARSET_COLUMNS,
            context.catalog.databases[procedure.schema].collation,
        )


def sql_mode_of(procedure: Procedure) -> str:
    """The modes it was made under, in MySQL's order."""
    return in_order(procedure.sql_mode.split(","))


def parameters(context: InfoContext) -> Iterator[Row]:
    for procedure in procedures(context):
        for at, parameter in enumerate(procedure.parameters, 1):
            column = column_row("", "", at, Column(parameter.name, at, parameter.sql_type), "")
            yield (CATALOG, procedure.schema, procedure.name, at, "IN", parameter.name, *column[7:16], "PROCEDURE")
