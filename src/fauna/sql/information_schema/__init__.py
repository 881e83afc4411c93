"""information_schema: the catalog and the server as tables.

For: `TABLES`, every table of MariaDB's information_schema with its columns, and its rows as a function of an
`InfoContext`; whoever runs a query over one loads the rows it needs.  `find` looks a table up in any case.
Not for: SHOW (sql/show.py is built on this), deciding what a user may see.

Invariants
- Column names, types and nullability are MariaDB 10.11's, recorded in definitions.json.
- Rows are computed when asked for and never kept; a row's values are stored values of its columns' types.
- `InfoContext.schema` and `.table` only save work: callers filter all the same.

Known limits: tables of features that do not exist here (InnoDB's internals, events, triggers) are empty; sizes are
estimates of the `statistics` callable; `uca1400` collations are not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fauna.session.result import ResultColumn, Row
from fauna.sql.information_schema import constraints, definitions, objects, routines, server
from fauna.sql.information_schema.info_context import (
    InfoContext,
    Process,
    SystemVariable,
    TableStatistics,
)

__all__ = ["SCHEMA", "TABLES", "InfoContext", "InfoTable", "Process", "SystemVariable", "TableStatistics", "find"]

SCHEMA: Final = definitions.SCHEMA


@dataclass(frozen=True, slots=True)
class InfoTable:
    name: str
    columns: tuple[ResultColumn, ...]
    rows: Callable[[InfoContext], Iterable[Row]]

    def position(self, column: str) -> int:
        return next(at for at, each in enumerate(self.columns) if each.name == column)


_COLUMNS: Final = definitions.load()

_ROWS: Final[dict[str, Callable[[InfoContext], Iterable[Row]]]] = {
    "SCHEMATA": objects.schemata,
    "TABLES": lambda context: objects.tables(context, _COLUMNS),
    "COLUMNS": lambda context: objects.columns(context, _COLUMNS),
    "STATISTICS": objects.statistics,
    "VIEWS": objects.views,
    "PARTITIONS": objects.partitions,
    "ROUTINES": routines.routines,
    "PARAMETERS": routines.parameters,
    "KEY_COLUMN_USAGE": constraints.key_column_usage,
    "TABLE_CONSTRAINTS": constraints.table_constraints,
    "REFERENTIAL_CONSTRAINTS": constraints.referential_constraints,
    "CHECK_CONSTRAINTS": constraints.check_constraints,
    "ENGINES": server.engines,
    "CHARACTER_SETS": server.character_sets,
    "COLLATIONS": server.collations,
    "COLLATION_CHARACTER_SET_APPLICABILITY": server.collation_applicability,
    "SESSION_VARIABLES": server.variables("SESSION"),
    "GLOBAL_VARIABLES": server.variables("GLOBAL"),
    "SESSION_STATUS": server.status("SESSION"),
    "GLOBAL_STATUS": server.status("GLOBAL"),
    "SYSTEM_VARIABLES": server.system_variables,
    "PROCESSLIST": server.processlist,
    "USER_PRIVILEGES": server.user_privileges,
    "PLUGINS": server.plugins,
    "ALL_PLUGINS": server.plugins,
    "KEYWORDS": server.keywords,
    "SQL_FUNCTIONS": server.sql_functions,
    "ENABLED_ROLES": server.enabled_roles,
}

TABLES: Final[dict[str, InfoTable]] = {
    name: InfoTable(name, columns, _ROWS.get(name, server.nothing)) for name, columns in _COLUMNS.items()
}
_BY_FOLDED: Final = {name.upper(): table for name, table in TABLES.items()}


def find(name: str) -> InfoTable | None:
    """The table of that name, in any case, as MySQL finds them."""
    return _BY_FOLDED.get(name.upper())
