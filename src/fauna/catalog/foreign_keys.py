"""Foreign keys: their definition, what may not break them, and the triggers that enforce them.

SQLite's own foreign keys check at the end of a statement and know no other collation than the parent's; InnoDB's check
row by row.  So each key is four triggers on physical tables, named fk<child id>_<number>_<which>:

    ci, cu   child insert, child update: a parent row must exist (unless a column is NULL: MATCH SIMPLE)
    pd, pu   parent delete, parent update: RESTRICT, CASCADE or SET NULL

All are guarded by the function fk_checks(), which each connection provides: 0 under foreign_key_checks=0; and by
fauna_replaying(): a transaction that is done again brings what its triggers did.  fauna_hold(table, rowid) says that the
transaction relies on the parent row.  Failure is
RAISE(ABORT, 'fk:child:<child id>.<number>') or 'fk:parent:…'.  ids do not change with names, so that a rename leaves
the triggers alone.  CASCADE to the same table needs PRAGMA recursive_triggers = ON.

A key whose parent table does not exist (made under foreign_key_checks=0) lets nothing but NULLs in.

With several shards the rows that a key is about may be on other shards, where no trigger sees them: then there are none, and the
query node keeps the key (`at_query_node`, execute.references).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, cast

from fauna.catalog.ddl_plan import ScriptLine
from fauna.catalog.keys import Key
from fauna.catalog.literals import quote_name
from fauna.catalog.schema import Catalog, Column, ForeignKey, IndexPart, Table
from fauna.catalog.types import BLOBS, CHARS, TEXTS, Kind, SqlType
from fauna.errors import SqlError, error
from fauna.sql import ast

MALFORMED: Final = (150, "Foreign key constraint is incorrectly formed")
DUPLICATE: Final = (121, "Duplicate key on write or update")

_GUARD: Final = "fk_checks() AND NOT fauna_replaying()"

Action = Literal["RESTRICT", "CASCADE", "SET NULL", "NO ACTION"]


# ── definition ───────────────────────────────────────────────────────────────────────────────────────────────────


def define_foreign_key(definition: ast.ForeignKeyDef, schema: str) -> ForeignKey:
    """The key as written, its parent not looked at yet, its name perhaps empty."""
    name = definition.name or definition.index_name or ""
    reference = definition.reference
    if len(reference.columns) != len(definition.columns) and reference.columns:
        raise error("WRONG_FK_DEF", name or "foreign key without name", "Key reference and table reference don't match")
    return ForeignKey(
        name, definition.columns, reference.table.schema or schema, reference.table.name, reference.columns,
        _action(reference.on_delete), _action(reference.on_update),
    )


def _action(written: str) -> Action:
    return cast(Action, written if written in ("CASCADE", "SET NULL", "NO ACTION") else "RESTRICT")


def key_for(foreign_key: ForeignKey, name: str) -> Key:
    """The index that a foreign key brings along."""
    return Key("INDEX", name, tuple(IndexPart(column) for column in foreign_key.columns), generated=True)


def name_foreign_keys(keys: Sequence[ForeignKey], table: str, existing: Iterable[ForeignKey] = ()) -> list[ForeignKey]:
    """Names `<table>_ibfk_<n>` for those without one, and numbers."""
    taken = list(existing)
    prefix = f"{table}_ibfk_"
    used = [int(key.name[len(prefix):]) for key in taken if key.name.startswith(prefix) and key.name[len(prefix):].isdigit()]
    next_name = max(used, default=0) + 1
    number = max((key.number for key in taken), default=0) + 1
    named = []
    for key in keys:
        if not key.name:
            key = replace(key, name=f"{prefix}{next_name}")
            next_name += 1
        named.append(replace(key, number=number))
        number += 1
    return named


def check_foreign_key(table: Table, key: ForeignKey, catalog: Catalog, *, parent_required: bool) -> ForeignKey:
    """The key with its columns as the tables spell them; error 1005 (150) when it cannot be enforced."""
    malformed = error("CANT_CREATE_TABLE", table.schema, table.name, *MALFORMED)
    columns = [_must_get_column(table, name) for name in key.columns]
    if "SET NULL" in (key.on_delete, key.on_update) and any(not column.nullable for column in columns):
        raise malformed
    key = replace(key, columns=tuple(column.name for column in columns))
    parent = _parent(table, key, catalog)
    if parent is None:
        if parent_required:
            raise malformed
        return key
    names = key.ref_columns
    if not names and parent.primary_key is not None:
        names = tuple(part.column for part in parent.primary_key.parts)
    targets = [parent.column(name) for name in names]
    if not targets or len(targets) != len(columns) or any(target is None for target in targets):
        raise malformed
    found = [target for target in targets if target is not None]
    key = replace(key, ref_columns=tuple(column.name for column in found))
    compatible = all(_compatible(child.sql_type, other.sql_type) for child, other in zip(columns, found, strict=True))
    if not compatible or not has_index_on(parent, key.ref_columns) or any(_virtual(c) for c in (*columns, *found)):
        raise malformed
    return key


def _must_get_column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise error("KEY_COLUMN_DOES_NOT_EXIST", name)
    return column


def _virtual(column: Column) -> bool:
    return bool(column.generated) and not column.stored


def _parent(table: Table, key: ForeignKey, catalog: Catalog) -> Table | None:
    if is_self_reference(table, key):
        return table
    relation = catalog.relation(key.ref_schema, key.ref_table)
    return relation if isinstance(relation, Table) else None


def is_self_reference(table: Table, key: ForeignKey) -> bool:
    return (key.ref_schema, key.ref_table) == (table.schema, table.name)


def _compatible(child: SqlType, parent: SqlType) -> bool:
    """InnoDB wants the same storage: equal types and signs; strings may differ in length but not in collation."""
    if child.kind in CHARS and parent.kind in CHARS:
        return child.collation == parent.collation and child.kind not in TEXTS and parent.kind not in TEXTS
    if child.kind is not parent.kind or child.unsigned != parent.unsigned or child.kind in BLOBS:
        return child.kind in (Kind.BINARY, Kind.VARBINARY) and parent.kind in (Kind.BINARY, Kind.VARBINARY)
    if child.kind is Kind.DECIMAL:
        return (child.length, child.scale) == (parent.length, parent.scale)
    return child.scale == parent.scale or child.kind in (Kind.FLOAT, Kind.DOUBLE)


def has_index_on(table: Table, columns: Sequence[str], without: str | None = None) -> bool:
    """Whether an index (other than `without`) begins with these columns, whole, in any order."""
    wanted = sorted(column.lower() for column in columns)
    return any(
        index.name != without and index.kind in ("PRIMARY", "UNIQUE", "INDEX")
        and sorted(part.column.lower() for part in index.parts[: len(columns)] if part.length is None) == wanted
        for index in table.indexes
    )


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(names: Iterable[str]) -> str:
    return ", ".join(quote_name(name) for name in names)


def definition_text(table: Table, key: ForeignKey, *, whole_parent: bool = False) -> str:
    """CONSTRAINT … as SHOW CREATE TABLE and errors 1451 and 1452 print it.

    whole_parent: as error 1701 does, with the parent's database and without the actions."""
    parent = quote_name(key.ref_table)
    if key.ref_schema != table.schema or whole_parent:
        parent = f"{quote_name(key.ref_schema)}.{parent}"
    text = (
        f"CONSTRAINT {quote_name(key.name)} FOREIGN KEY ({_names(key.columns)}) REFERENCES {parent} ({_names(key.ref_columns)})"
    )
    for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
        if action != "RESTRICT" and not whole_parent:
            text += f" ON {event} {action}"
    return text


def constraint_text(table: Table, key: ForeignKey, *, whole_parent: bool = False) -> str:
    definition = definition_text(table, key, whole_parent=whole_parent)
    return f"{quote_name(table.schema)}.{quote_name(table.name)}, {definition}"


def at_query_node(catalog: Catalog, table: Table, key: ForeignKey) -> bool:
    """Whether the query node keeps this key, not triggers: where child or parent are not on the first shard alone, or where what
    it cascades to is such a key's business."""
    if catalog.slots.shards == 1:
        return False
    seen: set[tuple[int, int]] = set()
    ahead = [(table, key)]
    while ahead:
        child, each = ahead.pop()
        if (child.id, each.number) in seen:
            continue
        seen.add((child.id, each.number))
        parent = _parent(child, each, catalog)
        if child.placement != "SINGLE" or parent is not None and parent.placement != "SINGLE":
            return True
        ahead += catalog.references_to(child.schema, child.name)
    return False


# ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def triggers(catalog: Catalog, touching: Container[tuple[str, str]] | None = None) -> dict[str, str]:
    """Foreign keys' triggers: name -> CREATE TRIGGER.  touching: only those of keys whose child or parent is named."""
    made: dict[str, str] = {}
    for table in catalog.tables():
        for key in table.foreign_keys:
            ends = ((table.schema, table.name), (key.ref_schema, key.ref_table))
            if touching is not None and not any(end in touching for end in ends) or at_query_node(catalog, table, key):
                continue
            for which, text in _key_triggers(catalog, table, key):
                name = f"fk{table.id}_{key.number}_{which}"
                made[name] = f"CREATE TRIGGER {name} {text}"
    return made


def trigger_changes(old: Catalog, new: Catalog) -> tuple[list[ScriptLine], list[ScriptLine]]:
    """What to drop before and what to make after a script that leads from one catalog to the other."""
    changed = _changed_relations(old, new)
    before, after = triggers(old, changed), triggers(new, changed)
    drops: list[ScriptLine] = [(f"DROP TRIGGER IF EXISTS {name}", ()) for name, text in before.items() if after.get(name) != text]
    makes: list[ScriptLine] = [(text, ()) for name, text in after.items() if before.get(name) != text]
    return drops, makes


def _changed_relations(old: Catalog, new: Catalog) -> set[tuple[str, str]]:
    changed: set[tuple[str, str]] = set()
    for schema in {*old.databases, *new.databases}:
        before, after = old.databases.get(schema), new.databases.get(schema)
        if before is after:
            continue
        left = before.relations if before is not None else {}
        right = after.relations if after is not None else {}
        changed |= {(schema, name) for name in {*left, *right} if left.get(name) is not right.get(name)}
    return changed


def _key_triggers(catalog: Catalog, table: Table, key: ForeignKey) -> list[tuple[str, str]]:
    child = [_physical(table, name) for name in key.columns]
    parent = _parent(table, key, catalog)
    label = f"{table.id}.{key.number}"
    present = " AND ".join(f"NEW.{column} IS NOT NULL" for column in child)
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in child)
    targets = [parent.column(name) for name in key.ref_columns] if parent is not None else [None]
    if parent is None or any(target is None for target in targets):
        raising = f"SELECT RAISE(ABORT, 'fk:child:{label}')"
    else:
        found = " AND ".join(
            f"{target.physical} = NEW.{column}" for target, column in zip(targets, child, strict=True) if target is not None
        )
        raising = f"SELECT RAISE(ABORT, 'fk:child:{label}') WHERE NOT EXISTS ("
        raising += f"SELECT 1 FROM {parent.physical} WHERE {found} AND fauna_hold('{parent.physical}', rowid))"
    made = [
        ("ci", f"AFTER INSERT ON {table.physical} WHEN {present} AND {_GUARD} BEGIN {raising}; END"),
        (
            "cu",
            f"AFTER UPDATE OF {', '.join(child)} ON {table.physical} WHEN {present} AND ({changed}) AND {_GUARD} "
            f"BEGIN {raising}; END",
        ),
    ]
    if parent is None or any(target is None for target in targets):
        return made
    columns = [target for target in targets if target is not None]
    return made + _parent_triggers(table, parent, key, child, columns, label)


def _parent_triggers(
    table: Table, parent: Table, key: ForeignKey, child: Sequence[str], columns: Sequence[Column], label: str
) -> list[tuple[str, str]]:
    matching = " AND ".join(f"{name} = OLD.{column.physical}" for name, column in zip(child, columns, strict=True))
    present = " AND ".join(f"OLD.{column.physical} IS NOT NULL" for column in columns)
    self_reference = parent.id == table.id
    # InnoDB lets ON UPDATE CASCADE and SET NULL act as RESTRICT where they would come back to the same table.
    on_update = "RESTRICT" if self_reference else key.on_update
    binary = on_update == "CASCADE"
    changed = " OR ".join(
        f"OLD.{c.physical} IS NOT NEW.{c.physical}" + (" COLLATE BINARY" if binary and c.sql_type.kind in CHARS else "")
        for c in columns
    )
    updated = ", ".join(column.physical for column in columns)
    deleting = _parent_action(table, key.on_delete, child, matching, label, "DELETE", columns)
    updating = _parent_action(table, on_update, child, matching, label, "UPDATE", columns)
    return [
        ("pd", f"AFTER DELETE ON {parent.physical} WHEN {present} AND {_GUARD} BEGIN {deleting}; END"),
        (
            "pu",
            f"AFTER UPDATE OF {updated} ON {parent.physical} WHEN {present} AND ({changed}) AND {_GUARD} "
            f"BEGIN {updating}; END",
        ),
    ]


def _parent_action(
    table: Table, action: str, child: Sequence[str], matching: str, label: str, event: str, columns: Sequence[Column]
) -> str:
    if action == "SET NULL":
        return f"UPDATE {table.physical} SET {', '.join(f'{name} = NULL' for name in child)} WHERE {matching}"
    if action == "CASCADE" and event == "DELETE":
        return f"DELETE FROM {table.physical} WHERE {matching}"
    if action == "CASCADE":
        values = ", ".join(f"{name} = NEW.{column.physical}" for name, column in zip(child, columns, strict=True))
        return f"UPDATE {table.physical} SET {values} WHERE {matching}"
    return f"SELECT RAISE(ABORT, 'fk:parent:{label}') WHERE EXISTS (SELECT 1 FROM {table.physical} WHERE {matching})"


def _physical(table: Table, name: str) -> str:
    column = table.column(name)
    assert column is not None, name
    return column.physical


# ── what may not break a key ─────────────────────────────────────────────────────────────────────────────────────


def other_references(catalog: Catalog, table: Table) -> list[tuple[Table, ForeignKey]]:
    """Foreign keys of other tables that need this one, by name."""
    found = [(child, key) for child, key in catalog.references_to(table.schema, table.name) if child.id != table.id]
    return sorted(found, key=lambda each: (each[0].schema, each[1].name))


def referenced_error(child: Table, key: ForeignKey) -> SqlError:
    return error("ROW_IS_REFERENCED", constraint_text(child, key))


def rename_in_references(
    catalog: Catalog, old: tuple[str, str], new: tuple[str, str], columns: Mapping[str, str] | None = None
) -> Catalog:
    """The catalog with foreign keys that named parent `old` naming `new`, and its columns by their new names.

    columns: lower-case old name -> new name."""
    columns = columns or {}
    for child in list(catalog.tables()):
        if not any((key.ref_schema, key.ref_table) == old for key in child.foreign_keys):
            continue
        keys = tuple(
            replace(
                key, ref_schema=new[0], ref_table=new[1],
                ref_columns=tuple(columns.get(name.lower(), name) for name in key.ref_columns),
            )
            if (key.ref_schema, key.ref_table) == old else key
            for key in child.foreign_keys
        )
        catalog = catalog.with_relation(replace(child, foreign_keys=keys))
    return catalog
