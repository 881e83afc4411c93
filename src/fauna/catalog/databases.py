"""CREATE, ALTER and DROP DATABASE."""

from __future__ import annotations

from dataclasses import replace

from fauna.catalog import foreign_keys
from fauna.catalog.collation_clause import resolve
from fauna.catalog.column_definition import NAME_MAX
from fauna.catalog.ddl_work import DdlWork, is_reserved
from fauna.catalog.schema import Database, Table
from fauna.catalog.types import DEFAULT_COLLATION
from fauna.errors import error
from fauna.sql import ast


def _check_name(work: DdlWork, name: str) -> None:
    if is_reserved(name):
        raise error("DBACCESS_DENIED", *work.context.user, name)
    if not name or len(name) > NAME_MAX or name.endswith(" ") or "\0" in name:
        raise error("WRONG_DB_NAME", name)


def create_database(work: DdlWork, statement: ast.CreateDatabase) -> None:
    _check_name(work, statement.name)
    if work.catalog.database(statement.name) is not None:
        if statement.if_not_exists:
            work.notes.add("DB_CREATE_EXISTS", statement.name)
            return
        if not statement.or_replace:
            raise error("DB_CREATE_EXISTS", statement.name)
        _drop(work, statement.name)
    work.affected_rows = 1
    collation = resolve(statement.charset, statement.collation, DEFAULT_COLLATION)
    work.catalog = work.catalog.with_database(Database(statement.name, collation, statement.comment or ""))


def alter_database(work: DdlWork, statement: ast.AlterDatabase) -> None:
    name = statement.name or work.context.database
    if name is None:
        raise error("NO_DB")
    _check_name(work, name)
    database = work.catalog.database(name)
    if database is None:
        raise error("BAD_DB", name)
    work.affected_rows = 1
    collation = resolve(statement.charset, statement.collation, database.collation)
    comment = database.comment if statement.comment is None else statement.comment
    work.catalog = work.catalog.with_database(replace(database, collation=collation, comment=comment))


def drop_database(work: DdlWork, statement: ast.DropDatabase) -> None:
    _check_name(work, statement.name)
    if work.catalog.database(statement.name) is None:
        if not statement.if_exists:
            raise error("DB_DROP_EXISTS", statement.name)
        work.notes.add("DB_DROP_EXISTS", statement.name)
        return
    work.affected_rows = len(work.catalog.databases[statement.name].relations)
    _drop(work, statement.name)


def _drop(work: DdlWork, name: str) -> None:
    relations = tuple(work.catalog.databases[name].relations.values())
    if work.context.foreign_key_checks:
        for table in relations:
            if isinstance(table, Table) and any(
                child.schema != name for child, _ in foreign_keys.other_references(work.catalog, table)
            ):
                raise error("CANNOT_DROP_PARENT")
    for relation in relations:
        work.drop(relation)
    for table in [table for (schema, _), table in work.temporaries.items() if schema == name]:
        work.drop(table)
    work.commits = True
    if work.context.database == name:
        work.database = None
    work.catalog = work.catalog.without_database(name)
