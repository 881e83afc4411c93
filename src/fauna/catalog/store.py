"""The catalog in SQLite: one JSON row for each database, table, view and sequence, and one for the slot map.

    catalog_meta(version, next_id)                      one row
    catalog_entries(kind, schema, name, definition)     kind: 'database', 'table', 'view', 'sequence', 'procedure',
                                                        'slots'
    auto_increment(table_id, next)                      see sqlite_schema

`save_statements` writes only what differs, to run in the transaction that runs the DDL's own script.  Every definition
carries `format`; a newer one than FORMAT is refused, so that an older program does not misread a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from fauna.catalog.ddl_plan import TEMPORARY_IDS, ScriptLine
from fauna.catalog.schema import (
    Catalog,
    Check,
    Column,
    Database,
    ForeignKey,
    Index,
    IndexPart,
    Parameter,
    Procedure,
    Relation,
    Sequence,
    Table,
    View,
)
from fauna.catalog.slot_map import ONE_SHARD, SlotMap
from fauna.catalog.types import Kind, SqlType, Stored
from fauna.errors import StartError

FORMAT: Final = 1

SYSTEM_TABLES: Final[tuple[ScriptLine, ...]] = (
    ("CREATE TABLE IF NOT EXISTS catalog_meta (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, "
     "next_id INTEGER NOT NULL) STRICT", ()),
    ("CREATE TABLE IF NOT EXISTS catalog_entries (kind TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL, "
     "definition TEXT NOT NULL, PRIMARY KEY (kind, schema, name)) STRICT, WITHOUT ROWID", ()),
    ("CREATE TABLE IF NOT EXISTS auto_increment (table_id INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT", ()),
    ("INSERT OR IGNORE INTO catalog_meta(id, version, next_id) VALUES (1, 0, 1)", ()),
)

LOAD_META: Final = "SELECT version, next_id FROM catalog_meta"
LOAD_ENTRIES: Final = "SELECT kind, schema, name, definition FROM catalog_entries"

# Temporary tables that a crash left behind: to be dropped when a file is opened.
FIND_LEFT_TEMPORARIES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*' "
    f"AND CAST(substr(name, 2) AS INTEGER) >= {TEMPORARY_IDS}"
)

_SAVE: Final = "INSERT OR REPLACE INTO catalog_entries(kind, schema, name, definition) VALUES (?, ?, ?, ?)"
_DELETE: Final = "DELETE FROM catalog_entries WHERE kind = ? AND schema = ? AND name = ?"


# ── saving ───────────────────────────────────────────────────────────────────────────────────────────────────────


def save_statements(old: Catalog, new: Catalog) -> tuple[ScriptLine, ...]:
    """What to run so that the stored catalog, which is `old`, becomes `new`."""
    if old is new:
        return ()
    script: list[ScriptLine] = []
    for name, database in old.databases.items():
        if name not in new.databases:
            script.append((_DELETE, ("database", name, "")))
        after = new.databases[name].relations if name in new.databases else {}
        for relation in database.relations.values():
            if relation.name not in after or _kind(after[relation.name]) != _kind(relation):
                script.append((_DELETE, (_kind(relation), name, relation.name)))
        procedures = new.databases[name].procedures if name in new.databases else {}
        script += [(_DELETE, ("procedure", name, key)) for key in database.procedures if key not in procedures]
    for name, database in new.databases.items():
        before = old.databases.get(name)
        if before is None or (before.collation, before.comment) != (database.collation, database.comment):
            script.append((_SAVE, ("database", name, "", _dump(_database_json(database)))))
        known = before.relations if before is not None else {}
        for relation in database.relations.values():
            if known.get(relation.name) is not relation and known.get(relation.name) != relation:
                script.append((_SAVE, (_kind(relation), name, relation.name, _dump(_relation_json(relation)))))
        script += [
            (_SAVE, ("procedure", name, key, _dump(_procedure_json(procedure)))) for key, procedure in database.procedures.items()
            if before is None or before.procedures.get(key) != procedure
        ]
    if old.slots != new.slots:
        script.append((_SAVE, ("slots", "", "", _dump(new.slots.to_json()))))
    script.append(("UPDATE catalog_meta SET version = ?, next_id = ?", (new.version, new.next_id)))
    return tuple(script)


def _kind(relation: Relation) -> str:
    return type(relation).__name__.lower()


def _dump(definition: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **definition}, ensure_ascii=False, separators=(",", ":"))


def _database_json(database: Database) -> dict[str, Any]:
    return {"collation": database.collation, "comment": database.comment}


def _relation_json(relation: Relation) -> dict[str, Any]:
    if isinstance(relation, Table):
        return _table_json(relation)
    if isinstance(relation, View):
        return {
            **_fields(relation, ("text", "check_option", "algorithm", "security", "definer", "updatable")),
            "columns": list(relation.columns), "result_columns": [_column_json(column) for column in relation.result_columns],
        }
    return _fields(relation, ("id", "start", "increment", "minimum", "maximum", "cache", "cycle"))


def _procedure_json(procedure: Procedure) -> dict[str, Any]:
    parameters = [[each.name, _type_json(each.sql_type), each.text] for each in procedure.parameters]
    saved = _fields(procedure, _PROCEDURE_FIELDS)
    return {**saved, "parameters": parameters}


_PROCEDURE_FIELDS: Final = (
    "name", "body", "sql_mode", "security", "comment", "definer", "created", "parameter_list", "deterministic", "data_access",
)
_TABLE_FIELDS: Final = ("id", "collation", "comment", "engine", "placement", "next_column", "created", "row_format")
_COLUMN_FIELDS: Final = (
    "name", "number", "nullable", "has_default", "default_expr", "default_text", "on_update_now", "auto_increment", "generated",
    "stored", "comment", "invisible", "declared_json", "declared",
)
_TYPE_FIELDS: Final = ("length", "scale", "unsigned", "zerofill", "collation", "wide")


def _fields(value: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _brief(value: object, names: Iterable[str]) -> dict[str, Any]:
    """The fields that say something: what is empty, zero or false is the default."""
    return {name: field for name, field in _fields(value, names).items() if field}


def _table_json(table: Table) -> dict[str, Any]:
    return {
        **_fields(table, _TABLE_FIELDS),
        **_brief(table, ("retention",)),
        "shard_key": list(table.shard_key),
        "columns": [_column_json(column) for column in table.columns],
        "indexes": [_index_json(index) for index in table.indexes],
        "foreign_keys": [_foreign_key_json(key) for key in table.foreign_keys],
        "checks": [_fields(check, ("name", "text", "column")) for check in table.checks],
    }


def _column_json(column: Column) -> dict[str, Any]:
    saved = {**_brief(column, _COLUMN_FIELDS), "type": _type_json(column.sql_type)}
    if isinstance(column.default, bytes):
        saved["default_hex"] = column.default.hex()
    elif column.default is not None:
        saved["default"] = column.default
    return saved


def _type_json(sql_type: SqlType) -> dict[str, Any]:
    saved = {"kind": sql_type.kind.name, **_brief(sql_type, _TYPE_FIELDS)}
    if sql_type.members:
        saved["members"] = list(sql_type.members)
    return saved


def _index_json(index: Index) -> dict[str, Any]:
    parts = [[part.column, part.length, part.descending] for part in index.parts]
    return {**_brief(index, ("name", "kind", "physical", "comment", "using", "generated")), "parts": parts}


def _foreign_key_json(key: ForeignKey) -> dict[str, Any]:
    return {
        **_fields(key, ("name", "ref_schema", "ref_table", "on_delete", "on_update", "number")),
        "columns": list(key.columns), "ref_columns": list(key.ref_columns),
    }


# ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def load(meta: tuple[int, int], rows: Iterable[tuple[str, str, str, str]]) -> Catalog:
    """The catalog from the rows of LOAD_META and LOAD_ENTRIES."""
    databases: dict[str, tuple[dict[str, Any], dict[str, Relation]]] = {}
    relations: list[Relation] = []
    procedures: dict[str, dict[str, Procedure]] = {}
    slots = ONE_SHARD
    for kind, schema, name, definition in rows:
        saved = _parsed(kind, schema, name, definition)
        if kind == "database":
            databases[schema] = saved, {}
        elif kind == "slots":
            slots = SlotMap.from_json(saved)
        elif kind == "procedure":
            procedures.setdefault(schema, {})[name] = _procedure(schema, saved)
        else:
            relations.append(_relation(kind, schema, name, saved))
    for relation in relations:
        databases[relation.schema][1][relation.name] = relation
    made = {
        name: Database(name, saved["collation"], saved["comment"], of_database, procedures.get(name, {}))
        for name, (saved, of_database) in databases.items()
    }
    return Catalog(meta[0], meta[1], made, slots)


def load_table(schema: str, name: str, definition: str) -> Table:
    """One table, from its row of LOAD_ENTRIES."""
    return _table(schema, name, _parsed("table", schema, name, definition))


def _parsed(kind: str, schema: str, name: str, definition: str) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(definition)
    if saved.pop("format") > FORMAT:
        raise StartError(
            f"The definition of {kind} {schema}.{name} was written by a newer version", "start it with that version"
        )
    return saved


def _relation(kind: str, schema: str, name: str, saved: dict[str, Any]) -> Relation:
    if kind == "table":
        return _table(schema, name, saved)
    if kind == "view":
        columns = tuple(saved.pop("columns"))
        results = tuple(_column(column) for column in saved.pop("result_columns"))
        return View(schema, name, columns=columns, result_columns=results, **saved)
    return Sequence(schema, name, **saved)


def _table(schema: str, name: str, saved: dict[str, Any]) -> Table:
    return Table(
        schema, name,
        columns=tuple(_column(column) for column in saved.pop("columns")),
        indexes=tuple(_index(index) for index in saved.pop("indexes")),
        foreign_keys=tuple(_foreign_key(key) for key in saved.pop("foreign_keys")),
        checks=tuple(Check(**check) for check in saved.pop("checks")),
        shard_key=tuple(saved.pop("shard_key", ())),
        **saved,
    )


def _procedure(schema: str, saved: dict[str, Any]) -> Procedure:
    parameters = tuple(Parameter(name, _type(sql_type), text) for name, sql_type, text in saved.pop("parameters"))
    return Procedure(schema, parameters=parameters, **saved)


def _type(saved: dict[str, Any]) -> SqlType:
    members = tuple(saved.pop("members", ()))
    return SqlType(Kind[saved.pop("kind")], members=members, **saved)


def _column(saved: dict[str, Any]) -> Column:
    sql_type = saved.pop("type")
    default: Stored = saved.pop("default", None)
    if "default_hex" in saved:
        default = bytes.fromhex(saved.pop("default_hex"))
    nullable = saved.pop("nullable", False)
    return Column(sql_type=_type(sql_type), nullable=nullable, default=default, **saved)


def _index(saved: dict[str, Any]) -> Index:
    return Index(parts=tuple(IndexPart(*part) for part in saved.pop("parts")), **saved)


def _foreign_key(saved: dict[str, Any]) -> ForeignKey:
    return ForeignKey(columns=tuple(saved.pop("columns")), ref_columns=tuple(saved.pop("ref_columns")), **saved)
