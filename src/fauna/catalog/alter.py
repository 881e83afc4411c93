"""ALTER TABLE and RENAME TABLE.

The actions change a draft of the table, in the order MariaDB takes them (drops, changes, additions, names); the draft
is checked as a whole; then `rebuild` says what must happen in SQLite.  Names in actions are those before the statement,
except after AFTER.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fauna.catalog import foreign_keys, keys, rebuild
from fauna.catalog.collation_clause import bytes_per_character, resolve
from fauna.catalog.column_definition import check_column_name, define_column, with_default
from fauna.catalog.create_table import add_attributes, add_column, add_foreign_key, with_options
from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.draft import Draft, finish
from fauna.catalog.expressions import expression_default_text, names_in, rename_columns
from fauna.catalog.placement_clause import check_keeps_places, check_shard_key, place_again
from fauna.catalog.schema import Check, Column, IndexPart, Table
from fauna.catalog.types import BYTES_MAX, CHARS, TEXTS, Kind, SqlType
from fauna.errors import error, unsupported
from fauna.sql import ast


class Alteration:
    """One ALTER TABLE while its actions are applied."""

    def __init__(self, work: DdlWork, table: Table) -> None:
        self.work = work
        self.old = table
        old_keys = [keys.of_index(index) for index in table.indexes]
        self.draft = Draft(table, list(table.columns), old_keys, list(table.foreign_keys))
        self.kept_checks = list(table.checks)
        self.renames: dict[str, str] = {}  # lower-case old name -> new name
        self.redefined: set[int] = set()  # numbers of columns whose expressions are in new names already
        self.auto_increment: int | None = None
        self.dropped_keys: list[str] = []
        self.dropped_columns: list[Column] = []
        self.new_name: tuple[str, str] | None = None
        self.placement: ast.TableOptions | None = None

    def position(self, name: str) -> int | None:
        """Where the column with this name before the statement, or added by it, now stands."""
        column = self.old.column(name)
        if column is None:
            return self.draft.find(name)
        return next((at for at, other in enumerate(self.draft.columns) if other.number == column.number), None)

    def must_get_position(self, name: str) -> int:
        at = self.position(name)
        if at is None:
            raise error("BAD_FIELD", name, self.old.name)
        return at

    def place(self, *, first: bool, after: str | None) -> int:
        """Where FIRST or AFTER puts a column."""
        if first:
            return 0
        if after is None:
            return len(self.draft.columns)
        at = self.draft.find(after)
        if at is None:
            raise error("BAD_FIELD", after, self.old.name)
        return at + 1


# ── actions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _drop_column(alteration: Alteration, action: ast.DropColumn) -> None:
    at = alteration.position(action.column)
    if at is None:
        _missing(alteration, "COLUMN", action.column, action.if_exists)
        return
    column = alteration.draft.columns.pop(at)
    name = column.name.lower()
    alteration.kept_checks = [check for check in alteration.kept_checks if check.column.lower() != name]
    left = []
    for key in alteration.draft.keys:
        parts = tuple(part for part in key.parts if part.column.lower() != name)
        if parts and len(parts) < len(key.parts) and key.kind in ("PRIMARY", "UNIQUE"):
            raise error("KEY_COLUMN_DOES_NOT_EXIST", column.name)
        if parts:
            left.append(key if parts == key.parts else replace(key, parts=parts))
    alteration.draft.keys = left
    alteration.dropped_columns.append(column)


def _check_drop_allowed(alteration: Alteration, column: Column) -> None:
    for key in alteration.draft.foreign_keys:
        if column.name in key.columns:
            raise error("FK_COLUMN_CANNOT_DROP", column.name, key.name)
    for child, key in foreign_keys.other_references(alteration.work.catalog, alteration.old):
        if column.name in key.ref_columns:
            raise error("FK_COLUMN_CANNOT_DROP_CHILD", column.name, key.name, f"`{child.schema}`.`{child.name}`")


def _missing(alteration: Alteration, what: str, name: str, if_exists: bool) -> None:
    if not if_exists:
        raise error("CANT_DROP", what, name)
    alteration.work.notes.add("CANT_DROP", what, name)


def _drop_key(alteration: Alteration, action: ast.DropKey) -> None:
    name = action.name.lower()
    found = next((key for key in alteration.draft.keys if key.name.lower() == name), None)
    if found is None:
        _missing(alteration, "INDEX", action.name, action.if_exists)
        return
    alteration.draft.keys.remove(found)
    alteration.dropped_keys.append(found.name)


def _drop_foreign_key(alteration: Alteration, action: ast.DropForeignKey) -> None:
    name = action.name.lower()
    found = next((key for key in alteration.draft.foreign_keys if key.name.lower() == name), None)
    if found is None:
        _missing(alteration, "FOREIGN KEY", action.name, action.if_exists)
        return
    alteration.draft.foreign_keys.remove(found)


def _drop_constraint(alteration: Alteration, action: ast.DropConstraint) -> None:
    name = action.name.lower()
    check = next((check for check in alteration.kept_checks if not check.column and check.name.lower() == name), None)
    if check is not None:
        alteration.kept_checks.remove(check)
    elif any(key.name.lower() == name for key in alteration.draft.foreign_keys):
        _drop_foreign_key(alteration, ast.DropForeignKey(action.name))
    elif any(key.name.lower() == name and key.kind in ("UNIQUE", "PRIMARY") for key in alteration.draft.keys):
        _drop_key(alteration, ast.DropKey(action.name))
    else:
        _missing(alteration, "CONSTRAINT", action.name, action.if_exists)


def _change_column(alteration: Alteration, action: ast.ChangeColumn) -> None:
    at = alteration.position(action.old_name)
    if at is None:
        if not action.if_exists:
            raise error("BAD_FIELD", action.old_name, alteration.old.name)
        alteration.work.notes.add("BAD_FIELD", action.old_name, alteration.old.name)
        return
    old = alteration.draft.columns[at]
    work = alteration.work
    column = define_column(action.column, old.number, alteration.draft.table.collation, work.context, work.notes)
    if bool(column.generated) != bool(old.generated) and not (old.stored or column.stored):
        raise error("GENERATED_UNSUPPORTED_ALTER")
    if bool(column.generated) and bool(old.generated) and column.stored != old.stored:
        raise error("GENERATED_UNSUPPORTED_ALTER")
    alteration.draft.columns.pop(at)
    alteration.kept_checks = [check for check in alteration.kept_checks if check.column.lower() != old.name.lower()]
    moved = action.first or action.after is not None
    alteration.draft.columns.insert(alteration.place(first=action.first, after=action.after) if moved else at, column)
    alteration.redefined.add(old.number)
    if column.name != old.name:
        alteration.renames[old.name.lower()] = column.name
    add_attributes(work, alteration.draft, action.column)


def _rename_column(alteration: Alteration, action: ast.RenameColumn) -> None:
    at = alteration.must_get_position(action.old_name)
    check_column_name(action.new_name)
    column = alteration.draft.columns[at]
    alteration.draft.columns[at] = replace(column, name=action.new_name)
    alteration.renames[column.name.lower()] = action.new_name


def _add_column(alteration: Alteration, action: ast.AddColumn) -> None:
    draft = alteration.draft
    if action.if_not_exists and draft.find(action.column.name) is not None:
        alteration.work.notes.add("DUP_FIELDNAME", action.column.name)
        return
    column = add_column(alteration.work, draft, action.column, alteration.place(first=action.first, after=action.after))
    alteration.redefined.add(column.number)


def _alter_default(alteration: Alteration, action: ast.AlterColumnDefault) -> None:
    at = alteration.must_get_position(action.column)
    column = alteration.draft.columns[at]
    if column.generated:
        raise error("INVALID_DEFAULT", column.name)
    alteration.draft.columns[at] = with_default(column, action.default, alteration.work.context)


def _add_key(alteration: Alteration, action: ast.AddKey) -> None:
    key = keys.define_key(action.key, alteration.work.notes)
    if action.key.if_not_exists and key.name and any(k.name.lower() == key.name.lower() for k in alteration.draft.keys):
        alteration.work.notes.add("DUP_KEYNAME", key.name)
        return
    alteration.draft.keys.append(key)


def _add_foreign_key(alteration: Alteration, action: ast.AddForeignKey) -> None:
    name = action.foreign_key.name or action.foreign_key.index_name
    if action.if_not_exists and any(key.name == name for key in alteration.draft.foreign_keys):
        alteration.work.notes.add("DUP_KEYNAME", name)
        return
    add_foreign_key(alteration.draft, action.foreign_key)


def _add_check(alteration: Alteration, action: ast.AddCheck) -> None:
    alteration.draft.checks.append(Check(action.check.name or "", alteration.work.context.deparse(action.check.expr)))


def _rename_key(alteration: Alteration, action: ast.RenameKey) -> None:
    found = next((key for key in alteration.draft.keys if key.name.lower() == action.old_name.lower()), None)
    if found is None or found.kind == "PRIMARY":
        raise error("KEY_DOES_NOT_EXIST", action.old_name, alteration.old.name)
    if any(key is not found and key.name.lower() == action.new_name.lower() for key in alteration.draft.keys):
        raise error("DUP_KEYNAME", action.new_name)
    alteration.draft.keys[alteration.draft.keys.index(found)] = replace(found, name=action.new_name)


def _convert_charset(alteration: Alteration, action: ast.ConvertCharset) -> None:
    draft = alteration.draft
    default = alteration.work.catalog.databases[draft.table.schema].collation
    named = action.charset if action.charset.upper() != "DEFAULT" else None
    collation = resolve(named, action.collation, default)
    if collation == "binary":
        raise unsupported("CONVERT TO CHARACTER SET binary")
    draft.table = replace(draft.table, collation=collation)
    draft.columns = [replace(column, sql_type=_converted(column.sql_type, collation)) for column in draft.columns]


def _converted(sql_type: SqlType, collation: str) -> SqlType:
    """The type in another collation; a TEXT grows where the same characters need more bytes."""
    if sql_type.kind not in CHARS and sql_type.kind not in (Kind.ENUM, Kind.SET):
        return sql_type
    kind = sql_type.kind
    grows = bytes_per_character(collation) > bytes_per_character(sql_type.collation)
    if kind in TEXTS and kind is not Kind.LONGTEXT and grows:
        kind = Kind(kind + 1)
    length = BYTES_MAX[kind] if kind in TEXTS else sql_type.length
    return sql_type.with_(kind=kind, length=length, collation=collation)


def _set_options(alteration: Alteration, action: ast.SetTableOptions) -> None:
    options = action.options
    draft = alteration.draft
    draft.table = with_options(draft.table, options)
    if options.shard_key is not None or options.placement or options.partition_by:
        alteration.placement = options
    draft.table = replace(draft.table, collation=resolve(options.charset, options.collation, draft.table.collation))
    if options.auto_increment is not None:
        alteration.auto_increment = options.auto_increment


def _rename_to(alteration: Alteration, action: ast.RenameTableTo) -> None:
    schema = action.table.schema or alteration.work.context.database or alteration.old.schema
    alteration.new_name = (schema, action.table.name)


def _order(alteration: Alteration, action: ast.OrderTable) -> None:
    """InnoDB keeps rows in key order whatever is asked here, and so do we."""
    alteration.work.count_rows = f"SELECT count(*) FROM {alteration.old.physical}"
    if any(key.kind == "PRIMARY" for key in alteration.draft.keys):
        text = f"ORDER BY ignored as there is a user-defined clustered index in the table '{alteration.old.name}'"
        alteration.work.notes.add("UNKNOWN_ERROR", text, level="Warning")


def _enable_keys(alteration: Alteration, action: ast.EnableKeys) -> None:
    alteration.work.notes.add("ILLEGAL_HA", "InnoDB", alteration.old.schema, alteration.old.name)


# The order in which kinds of actions are applied, whatever order they are written in.
_ACTIONS: Final[dict[type, Callable[[Alteration, Any], None]]] = {
    ast.DropForeignKey: _drop_foreign_key,
    ast.DropConstraint: _drop_constraint,
    ast.DropKey: _drop_key,
    ast.DropColumn: _drop_column,
    ast.ConvertCharset: _convert_charset,
    ast.SetTableOptions: _set_options,
    ast.ChangeColumn: _change_column,
    ast.RenameColumn: _rename_column,
    ast.AddColumn: _add_column,
    ast.AlterColumnDefault: _alter_default,
    ast.RenameKey: _rename_key,
    ast.AddKey: _add_key,
    ast.AddForeignKey: _add_foreign_key,
    ast.AddCheck: _add_check,
    ast.OrderTable: _order,
    ast.EnableKeys: _enable_keys,
    ast.RenameTableTo: _rename_to,
}
_ORDER: Final = {kind: at for at, kind in enumerate(_ACTIONS)}
# Columns are changed and added in the order written, so that AFTER finds them.
_ORDER_SHARED: Final = {ast.RenameColumn: _ORDER[ast.ChangeColumn], ast.AddColumn: _ORDER[ast.ChangeColumn]}


def alter_table(work: DdlWork, statement: ast.AlterTable) -> None:
    relation = work.find(statement.table)
    if relation is None and statement.if_exists:
        work.notes.add("NO_SUCH_TABLE", work.schema_of(statement.table), statement.table.name, level="Error")
        return
    old = work.must_get_table(statement.table)
    alteration = Alteration(work, old)
    for action in sorted(statement.actions, key=lambda each: _ORDER_SHARED.get(type(each), _ORDER[type(each)])):
        _ACTIONS[type(action)](alteration, action)
    if not alteration.draft.columns:
        raise error("CANT_REMOVE_ALL_FIELDS")
    if work.context.foreign_key_checks:
        for column in alteration.dropped_columns:
            _check_drop_allowed(alteration, column)
    _apply_renames(alteration)
    _drop_lonely_checks(alteration)
    alteration.draft.checks = [*alteration.kept_checks, *alteration.draft.checks]
    without = work.catalog if old.temporary else work.catalog.without_relation(old.schema, old.name)
    if alteration.placement is not None:
        place_again(alteration.draft, alteration.placement, work.notes)
    new = finish(alteration.draft, without, work.context, work.notes)
    check_shard_key(new.by_name, new.shard_key)
    check_keeps_places(work.catalog, old, new, renamed=alteration.new_name not in (None, (old.schema, old.name)))
    if work.context.foreign_key_checks:
        _check_foreign_keys(alteration, new)
    _install(work, alteration, new, ignore=statement.ignore)


def _drop_lonely_checks(alteration: Alteration) -> None:
    """A CHECK goes with its column when it speaks of no other."""
    dropped = {column.name.lower() for column in alteration.dropped_columns}
    if not dropped:
        return
    parse = alteration.work.context.parse_expression

    def is_lonely(check: Check) -> bool:
        names = {name.lower() for name in names_in(parse(check.text))}
        return len(names) == 1 and names <= dropped

    alteration.kept_checks = [check for check in alteration.kept_checks if not is_lonely(check)]


def _install(work: DdlWork, alteration: Alteration, new: Table, *, ignore: bool) -> None:
    old = alteration.old
    new = rebuild.apply(work, old, new, renames=alteration.renames, auto_increment=alteration.auto_increment, ignore=ignore)
    work.put(new)
    if alteration.renames:
        here = (old.schema, old.name)
        work.catalog = foreign_keys.rename_in_references(work.catalog, here, here, alteration.renames)
    if alteration.new_name is not None and alteration.new_name != (old.schema, old.name):
        rename_table(work, ast.TableName(old.name, old.schema), ast.TableName(alteration.new_name[1], alteration.new_name[0]))
    rebuild.check_new_foreign_keys(work, old, new)


def _apply_renames(alteration: Alteration) -> None:
    """Keys, foreign keys and the expressions of before, in the columns' new names."""
    names = alteration.renames
    if not names:
        return
    draft = alteration.draft
    def renamed(name: str) -> str:
        return names.get(name.lower(), name)

    draft.keys = [
        key if key.previous is None
        else replace(key, parts=tuple(IndexPart(renamed(part.column), part.length, part.descending) for part in key.parts))
        for key in draft.keys
    ]
    draft.foreign_keys = [
        replace(key, columns=tuple(renamed(name) for name in key.columns)) if key.number else key for key in draft.foreign_keys
    ]
    draft.foreign_keys = [
        replace(key, ref_columns=tuple(renamed(name) for name in key.ref_columns))
        if key.number and foreign_keys.is_self_reference(alteration.old, key) else key
        for key in draft.foreign_keys
    ]
    draft.table = replace(draft.table, shard_key=tuple(renamed(name) for name in draft.table.shard_key))
    context = alteration.work.context

    def rewrite(text: str) -> tuple[ast.Expr, str]:
        expr = rename_columns(context.parse_expression(text), names)
        return expr, context.deparse(expr)

    for at, column in enumerate(draft.columns):
        if column.number in alteration.redefined:
            continue
        if column.generated:
            draft.columns[at] = replace(column, generated=rewrite(column.generated)[1])
        elif column.default_expr:
            expr, text = rewrite(column.default_expr)
            draft.columns[at] = replace(column, default_expr=text, default_text=expression_default_text(expr, text))
    alteration.kept_checks = [
        Check(renamed(check.name) if check.column else check.name, rewrite(check.text)[1], renamed(check.column))
        for check in alteration.kept_checks
    ]


# ── foreign keys that an ALTER must not break ────────────────────────────────────────────────────────────────────


def _check_foreign_keys(alteration: Alteration, new: Table) -> None:
    old = alteration.old
    others = foreign_keys.other_references(alteration.work.catalog, old)
    renames = alteration.renames
    for key in new.foreign_keys:
        _check_covered(alteration, new, key.columns)
    for _, key in others:
        _check_covered(alteration, new, tuple(renames.get(name.lower(), name) for name in key.ref_columns))
    for column in old.columns:
        changed = next((other for other in new.columns if other.number == column.number), None)
        if changed is None:
            continue
        set_null = [k for k in old.foreign_keys if column.name in k.columns and "SET NULL" in (k.on_delete, k.on_update)]
        if column.nullable and not changed.nullable and set_null:
            raise error("FK_COLUMN_NOT_NULL", column.name, set_null[0].name)
        if _same_for_foreign_key(column.sql_type, changed.sql_type):
            continue
        for key in old.foreign_keys:
            if column.name in key.columns:
                raise error("FK_COLUMN_CANNOT_CHANGE_OWN", column.name, key.name)
        for child, key in others:
            if column.name in key.ref_columns:
                raise error("FK_COLUMN_CANNOT_CHANGE", column.name, key.name, f"{child.schema}.{child.name}")


def _check_covered(alteration: Alteration, new: Table, columns: tuple[str, ...]) -> None:
    if foreign_keys.has_index_on(new, columns) or not alteration.dropped_keys:
        return
    raise error("DROP_INDEX_FK", alteration.dropped_keys[0])


def _same_for_foreign_key(old: SqlType, new: SqlType) -> bool:
    if old.kind in CHARS:
        return (old.kind, old.collation) == (new.kind, new.collation) and new.length >= old.length
    return (old.kind, old.unsigned, old.scale) == (new.kind, new.unsigned, new.scale) and (
        old.kind is not Kind.DECIMAL or old.length == new.length
    )


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def rename_tables(work: DdlWork, statement: ast.RenameTable) -> None:
    for old, new in statement.renames:
        rename_table(work, old, new)


def rename_table(work: DdlWork, old: ast.TableName, new: ast.TableName) -> None:
    relation = work.find(old)
    if relation is None:
        raise error("NO_SUCH_TABLE", work.schema_of(old), old.name)
    schema = work.writable_schema(new)
    work.check_name(new.name)
    if work.find(ast.TableName(new.name, schema)) is not None:
        raise error("TABLE_EXISTS", new.name)
    work.remove(relation)
    if not isinstance(relation, Table):
        work.put(replace(relation, schema=schema, name=new.name))
        return
    prefix = f"{relation.name}_ibfk_"
    own = tuple(
        replace(key, name=f"{new.name}_ibfk_{key.name[len(prefix):]}") if key.name.startswith(prefix) else key
        for key in relation.foreign_keys
    )
    work.put(replace(relation, schema=schema, name=new.name, foreign_keys=own))
    if not relation.temporary:
        work.catalog = foreign_keys.rename_in_references(work.catalog, (relation.schema, relation.name), (schema, new.name))
