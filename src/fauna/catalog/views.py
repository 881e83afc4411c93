"""CREATE VIEW, ALTER VIEW, DROP VIEW.  A view is its text; its columns are kept as they were when it was made."""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog.column_definition import NAME_MAX, check_column_name
from fauna.catalog.create_table import selected_column
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.expressions import walk
from fauna.catalog.schema import View
from fauna.catalog.view_text import settled, with_names
from fauna.errors import error
from fauna.sql import ast
from fauna.sql.deparse import deparse_query


def create_view(work: DdlWork, statement: ast.CreateView) -> None:
    schema = work.writable_schema(statement.view)
    name = statement.view.name
    work.check_name(name)
    existing = work.catalog.relation(schema, name)
    if existing is None and statement.alter:
        raise error("NO_SUCH_TABLE", schema, name)
    if existing is not None:
        if statement.if_not_exists:
            work.notes.add("TABLE_EXISTS", name)
            return
        if not isinstance(existing, View) and (statement.or_replace or statement.alter):
            raise error("WRONG_OBJECT", schema, name, "VIEW")
        if not statement.or_replace and not statement.alter:
            raise error("TABLE_EXISTS", name)
    _check_query(work, statement.query)
    selected = work.context.select_columns(statement.query)
    if statement.columns and len(statement.columns) != len(selected):
        raise error("VIEW_WRONG_LIST")
    names = statement.columns or tuple(_column_name(at, name) for at, (name, _, _) in enumerate(selected, 1))
    _check_names(names)
    elsewhere = work.context.database if work.context.database != schema else None
    query = settled(statement.query, work.context.select_columns, elsewhere)
    named = with_names(query, names)
    columns = tuple(
        replace(selected_column(column, at, sql_type, nullable), sql_type=sql_type)
        for at, (column, (_, sql_type, nullable)) in enumerate(zip(names, selected, strict=True), 1)
    )
    work.put(
        View(
            schema, name, deparse_query(named or query), () if named is not None else statement.columns,
            statement.check_option, statement.algorithm, statement.security, "@".join(work.context.user), columns,
            is_updatable(statement.query),
        )
    )


def _column_name(at: int, name: str) -> str:
    """An expression's text as a name, or MariaDB's stand-in where that cannot be one."""
    return name if 0 < len(name) <= NAME_MAX and not name.endswith(" ") else f"Name_exp_{at}"


def _check_query(work: DdlWork, query: ast.Query) -> None:
    """A view stands for itself: no variables, no markers, no tables that end with the session."""
    for node in walk(query):
        if isinstance(node, (ast.UserVariable, ast.SystemVariable, ast.Marker, ast.AssignVariable)):
            raise error("VIEW_SELECT_VARIABLE")
        if isinstance(node, ast.Select) and (node.into_variables or node.into_outfile):
            raise error("VIEW_SELECT_CLAUSE", "INTO")
        if isinstance(node, ast.NamedTable):
            schema = node.table.schema or work.context.database
            if schema is not None and (schema, node.table.name) in work.temporaries:
                raise error("VIEW_SELECT_TMPTABLE", node.table.name)


def is_updatable(query: ast.Query) -> bool:
    """Whether each row of the query is one row of its tables, by the query's form."""
    if not isinstance(query, ast.Select) or query.source is None:
        return False
    if query.distinct or query.group_by or query.having is not None or query.limit is not None:
        return False
    if not any(isinstance(item.expr, (ast.Name, ast.Star)) for item in query.items):
        return False
    if any(isinstance(node, (ast.AggregateCall, ast.WindowCall)) for node in walk(query.items)):
        return False
    return not any(isinstance(node, ast.DerivedTable) for node in walk(query.source))


def _check_names(names: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for name in names:
        check_column_name(name)
        if name.lower() in seen:
            raise error("DUP_FIELDNAME", name)
        seen.add(name.lower())


def drop_views(work: DdlWork, statement: ast.DropView) -> None:
    missing = []
    for name in statement.views:
        schema = work.schema_of(name)
        relation = work.catalog.relation(schema, name.name)
        if isinstance(relation, View):
            work.remove(relation)
            continue
        if relation is not None and statement.if_exists:
            work.notes.add("WRONG_OBJECT", schema, name.name, "VIEW", level="Warning")
        missing.append(f"{schema}.{name.name}")
    if missing and not statement.if_exists:
        raise error("UNKNOWN_VIEW", ",".join(missing))
    if missing:
        work.notes.add("UNKNOWN_VIEW", ",".join(missing))
