"""DDL statements -> the next catalog and the SQLite script that leads to it.  Pure: nothing runs here.

    plan = plan_ddl(statement, catalog, context)

`plan.script` runs in one transaction on each shard together with the rows that store the new catalog
(store.save_statements), so that a crash leaves either all of it or nothing.  What each statement does is in the module
of its noun: create_table, alter, drop, views, sequences, databases.

Differences from MariaDB, chosen: a DROP TABLE of several tables, one of which does not exist, drops none; parents and
children may be dropped by one statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fauna.catalog import alter, create_table, databases, drop, procedures, sequences, views
from fauna.catalog.ddl_plan import DdlContext, DdlPlan
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.schema import Catalog
from fauna.errors import unsupported
from fauna.sql import ast

_PLANNERS: Final[dict[type[ast.Statement], Callable[[DdlWork, Any], None]]] = {
    ast.CreateTable: create_table.create_table,
    ast.AlterTable: alter.alter_table,
    ast.DropTable: drop.drop_tables,
    ast.TruncateTable: drop.truncate_table,
    ast.RenameTable: alter.rename_tables,
    ast.CreateView: views.create_view,
    ast.DropView: views.drop_views,
    ast.CreateDatabase: databases.create_database,
    ast.AlterDatabase: databases.alter_database,
    ast.DropDatabase: databases.drop_database,
    ast.CreateSequence: sequences.create_sequence,
    ast.DropSequence: sequences.drop_sequences,
    ast.CreateProcedure: procedures.create_procedure,
    ast.DropProcedure: procedures.drop_procedure,
}
DDL_STATEMENTS: Final = tuple(_PLANNERS)


def plan_ddl(statement: ast.Statement, catalog: Catalog, context: DdlContext) -> DdlPlan:
    """The plan for a DDL statement; raises MySQL's error when it may not or cannot be done."""
    planner = _PLANNERS.get(type(statement))
    if planner is None:
        raise unsupported(type(statement).__name__)
    work = DdlWork(catalog, context)
    planner(work, statement)
    return work.finish()
