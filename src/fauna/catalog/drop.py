"""DROP TABLE and TRUNCATE TABLE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fauna.catalog import foreign_keys, sqlite_schema
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.schema import Relation, Table, View
from fauna.errors import error
from fauna.sql import ast


def check_unreferenced(work: DdlWork, table: Table, leaving: Iterable[Relation]) -> None:
    """Error 1451 when a table that stays needs this one; not under foreign_key_checks=0."""
    if not work.context.foreign_key_checks or table.temporary:
        return
    gone = {relation.id for relation in leaving if isinstance(relation, Table)}
    if any(child.id not in gone for child, _ in foreign_keys.other_references(work.catalog, table)):
        raise error("CANNOT_DROP_PARENT")


def drop_tables(work: DdlWork, statement: ast.DropTable) -> None:
    found: list[Relation] = []
    missing: list[str] = []
    for name in statement.tables:
        schema = work.schema_of(name)
        if schema.lower() == "information_schema":
            raise error("DBACCESS_DENIED", *work.context.user, schema)
        relation: Relation | None = work.temporaries.get((schema, name.name))
        if relation is None and not statement.temporary:
            base = work.catalog.relation(schema, name.name)
            if isinstance(base, View):
                raise error("IT_IS_A_VIEW", f"{schema}.{name.name}")
            if base is None:
                missing.append(f"{schema}.{name.name}")
            elif base not in found:
                found.append(base)
        elif relation is None:
            missing.append(f"{schema}.{name.name}")
        elif relation not in found:
            found.append(relation)
    if missing and not statement.if_exists:
        raise error("BAD_TABLE", ",".join(missing))
    if missing:
        work.notes.add("BAD_TABLE", ",".join(missing))
    if statement.temporary:
        work.commits = False
    for relation in found:
        if isinstance(relation, Table):
            check_unreferenced(work, relation, found)
    for relation in found:
        work.drop(relation)


def truncate_table(work: DdlWork, statement: ast.TruncateTable) -> None:
    """An empty table of the same definition, under a new id: no row is visited."""
    relation = work.find(statement.table)
    if not isinstance(relation, Table):
        raise error("NO_SUCH_TABLE", work.schema_of(statement.table), statement.table.name)
    if work.context.foreign_key_checks and not relation.temporary:
        for child, key in foreign_keys.other_references(work.catalog, relation):
            raise error("TRUNCATE_ILLEGAL_FK", foreign_keys.constraint_text(child, key, whole_parent=True))
    table = with_new_id(relation, work.new_id(temporary=relation.temporary))
    work.put(table)
    work.script += sqlite_schema.drop_table(relation)
    work.script += sqlite_schema.create_whole(table, work.context)


def with_new_id(table: Table, number: int) -> Table:
    """The same table under another id, its indexes renamed along."""
    old, new = f"i{table.id}_", f"i{number}_"
    indexes = tuple(replace(index, physical=index.physical.replace(old, new, 1)) for index in table.indexes)
    return replace(table, id=number, indexes=indexes)
