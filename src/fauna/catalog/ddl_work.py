"""The state of planning one DDL statement: the catalog so far, the script so far, and name look-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fauna.catalog import foreign_keys, sqlite_schema
from fauna.catalog.column_definition import NAME_MAX
from fauna.catalog.ddl_plan import DdlContext, DdlPlan, Notes, ScriptLine
from fauna.catalog.schema import Catalog, Relation, Sequence, Table, View
from fauna.errors import error
from fauna.sql import ast

RESERVED_DATABASES: Final = frozenset({"information_schema", "mysql", "performance_schema", "sys", "fauna"})


def is_reserved(database: str) -> bool:
    """information_schema is found in any case, as in MySQL."""
    return database in RESERVED_DATABASES or database.lower() == "information_schema"


class DdlWork:
    """Collects what a plan needs; `finish` adds the foreign keys' triggers."""

    def __init__(self, catalog: Catalog, context: DdlContext) -> None:
        self.before = catalog
        self.catalog = catalog
        self.context = context
        self.notes = Notes()
        self.script: list[ScriptLine] = []
        self.late_script: list[ScriptLine] = []  # after the triggers are made
        self.temporaries = dict(context.temporaries)
        self.fill: ast.Insert | None = None
        self.commits = True
        self._lasts = False  # something changes that is not the session's own
        self.database = context.database
        self.affected_rows = 0
        self.count_rows = ""

    # names

    def schema_of(self, name: ast.TableName) -> str:
        schema = name.schema or self.context.database
        if schema is None:
            raise error("NO_DB")
        return schema

    def writable_schema(self, name: ast.TableName) -> str:
        """The database to create something in; it exists and is not a system database."""
        schema = self.schema_of(name)
        if is_reserved(schema):
            raise error("DBACCESS_DENIED", *self.context.user, schema)
        if self.catalog.database(schema) is None:
            raise error("BAD_DB", schema)
        return schema

    @staticmethod
    def check_name(name: str) -> None:
        if not name or len(name) > NAME_MAX or name.endswith(" ") or "\0" in name:
            raise error("WRONG_TABLE_NAME", name)

    def find(self, name: ast.TableName) -> Relation | None:
        schema = self.schema_of(name)
        return self.temporaries.get((schema, name.name)) or self.catalog.relation(schema, name.name)

    def must_get_table(self, name: ast.TableName) -> Table:
        relation = self.find(name)
        schema = self.schema_of(name)
        if is_reserved(schema):
            raise error("DBACCESS_DENIED", *self.context.user, schema)
        if relation is None:
            raise error("NO_SUCH_TABLE", schema, name.name)
        if not isinstance(relation, Table):
            raise error("TABLE_NAME_NOT_BASE", schema, name.name)
        return relation

    # changes

    def new_id(self, *, temporary: bool = False) -> int:
        if temporary:
            return self.context.temporary_id()
        number = self.catalog.next_id
        self.catalog = replace(self.catalog, next_id=number + 1)
        return number

    def put(self, relation: Relation) -> None:
        if isinstance(relation, Table) and relation.temporary:
            self.temporaries[relation.schema, relation.name] = relation
            self.commits = False
        else:
            self._lasts = True
            self.catalog = self.catalog.with_relation(relation)

    def remove(self, relation: Relation) -> None:
        if isinstance(relation, Table) and relation.temporary:
            del self.temporaries[relation.schema, relation.name]
            self.commits = False
        else:
            self._lasts = True
            self.catalog = self.catalog.without_relation(relation.schema, relation.name)

    def drop(self, relation: Relation) -> None:
        """Take a relation out of the catalog and its rows out of SQLite."""
        self.remove(relation)
        if isinstance(relation, Table):
            self.script += sqlite_schema.drop_table(relation)
        elif isinstance(relation, Sequence):
            self.script.append((f"DROP TABLE {relation.physical}", ()))

    def finish(self) -> DdlPlan:
        drops, makes = foreign_keys.trigger_changes(self.before, self.catalog)
        catalog = self.catalog
        # Plans are kept by the catalog's version: a temporary table that changed or went must not be found in them.
        stale = any(self.temporaries.get(name) is not table for name, table in self.context.temporaries.items())
        if catalog is not self.before or stale:
            catalog = replace(catalog, version=self.before.version + 1)
        return DdlPlan(
            catalog, (*drops, *self.script, *makes, *self.late_script), tuple(self.notes.items), self.fill, self.temporaries,
            self.commits or self._lasts, self.database, self.affected_rows, self.count_rows,
        )


def relation_kind(relation: Relation) -> str:
    if isinstance(relation, View):
        return "VIEW"
    return "SEQUENCE" if isinstance(relation, Sequence) else "BASE TABLE"
