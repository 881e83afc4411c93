"""A table being defined: what CREATE TABLE and ALTER TABLE fill in, and the checks that make it a Table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fauna.catalog import foreign_keys, keys
from fauna.catalog.column_definition import NAME_MAX
from fauna.catalog.ddl_plan import DdlContext, Notes
from fauna.catalog.expressions import check_names, find_changing, has_subquery, names_in
from fauna.catalog.keys import Key
from fauna.catalog.schema import Catalog, Check, Column, ForeignKey, Index, Table
from fauna.errors import error
from fauna.sql import ast

COLUMNS_MAX: Final = 1017  # InnoDB's
ROW_BYTES_MAX: Final = 65_535


@dataclass(slots=True)
class Draft:
    """table      everything else: name, id, options; its columns, indexes … are put in by `finish`
    keys          existing and new ones, in order
    foreign_keys  existing and new; new ones may have no name yet
    checks        existing and new; new ones may have no name yet"""

    table: Table
    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def find(self, name: str) -> int | None:
        """Position of a column."""
        folded = name.lower()
        return next((at for at, column in enumerate(self.columns) if column.name.lower() == folded), None)

    def by_name(self) -> dict[str, Column]:
        return {column.name.lower(): column for column in self.columns}

    def next_number(self) -> int:
        return max([self.table.next_column, *(column.number + 1 for column in self.columns)])


def finish(draft: Draft, catalog: Catalog, context: DdlContext, notes: Notes) -> Table:
    """The table, checked as a whole.  catalog: for the parents of foreign keys."""
    _check_columns(draft)
    named = keys.name_keys(keys.drop_redundant(draft.keys))
    if sum(key.kind == "PRIMARY" for key in named) > 1:
        raise error("MULTIPLE_PRI_KEY")
    _primary_columns_not_null(draft, named)
    columns = draft.by_name()
    resolved = keys.resolve_keys(named, columns, notes)
    keys.check_auto_column(draft.columns, resolved)
    keys.note_duplicates(resolved, notes)
    checks = _name_checks(draft, named)
    _check_expressions(draft, checks, columns, context)
    if sum(keys.row_bytes(column) for column in draft.columns) > ROW_BYTES_MAX:
        raise error("ROW_SIZE_LIMIT")
    table = replace(draft.table, columns=tuple(draft.columns), checks=tuple(checks), next_column=draft.next_number())
    table = replace(table, indexes=_indexes(table, resolved))
    return replace(table, foreign_keys=_foreign_keys(draft, table, catalog, context))


def _check_columns(draft: Draft) -> None:
    seen: set[str] = set()
    for column in draft.columns:
        if column.name.lower() in seen:
            raise error("DUP_FIELDNAME", column.name)
        seen.add(column.name.lower())
    if len(draft.columns) > COLUMNS_MAX:
        raise error("TOO_MANY_FIELDS")
    if all(column.invisible for column in draft.columns):
        raise error("TABLE_MUST_HAVE_COLUMNS")


def _primary_columns_not_null(draft: Draft, named: list[Key]) -> None:
    primary = next((key for key in named if key.kind == "PRIMARY"), None)
    for part in primary.parts if primary is not None else ():
        at = draft.find(part.column)
        if at is None or not draft.columns[at].nullable:
            continue
        column = replace(draft.columns[at], nullable=False)
        if column.default_text == "NULL":
            column = replace(column, has_default=False, default_text="")
        draft.columns[at] = column


def _name_checks(draft: Draft, named: list[Key]) -> list[Check]:
    """CONSTRAINT_<n> for table checks without a name; error 1826 for a name used twice."""
    taken: set[str] = set()
    uniques = {key.name.lower() for key in named if key.kind == "UNIQUE"}
    for check in draft.checks:
        if not check.column and check.name:
            if check.name.lower() in taken or check.name.lower() in uniques:
                raise error("DUP_CONSTRAINT_NAME", "CHECK", check.name)
            if len(check.name) > NAME_MAX:
                raise error("TOO_LONG_IDENT", check.name)
            taken.add(check.name.lower())
    checks = []
    for check in draft.checks:
        if not check.name:
            number = 1
            while f"constraint_{number}" in taken:
                number += 1
            check = replace(check, name=f"CONSTRAINT_{number}")
            taken.add(check.name.lower())
        checks.append(check)
    return checks


def _check_expressions(draft: Draft, checks: list[Check], columns: Mapping[str, Column], context: DdlContext) -> None:
    before: set[str] = set()
    for column in draft.columns:
        if column.generated:
            expr = context.parse_expression(column.generated)
            _check_generated(expr, column, columns, before)
            _check_unchanging(expr, "GENERATED ALWAYS AS", column.name, context)
        elif column.default_expr:
            expr = context.parse_expression(column.default_expr)
            check_names(expr, columns, "DEFAULT")
            _check_default(expr, column, columns, before)
        before.add(column.name.lower())
    for check in checks:
        expr = context.parse_expression(check.text)
        _check_check(expr, check, columns)
        _check_unchanging(expr, "CHECK", check.name, context)


def _check_unchanging(expr: ast.Expr, clause: str, name: str, context: DdlContext) -> None:
    """Error 1901 for what may change under the same arguments.  MariaDB lets VIRTUAL columns do so; SQLite does not."""
    found = find_changing(expr)
    if found is not None:
        raise error("GENERATED_FUNCTION_NOT_ALLOWED", context.deparse(found), clause, f"`{name}`")


def _check_generated(expr: ast.Expr, column: Column, columns: Mapping[str, Column], before: set[str]) -> None:
    check_names(expr, columns, "GENERATED ALWAYS AS")
    if has_subquery(expr):
        raise error("GENERATED_FUNCTION_NOT_ALLOWED", "select ...", "GENERATED ALWAYS AS", f"`{column.name}`")
    for name in names_in(expr):
        other = columns[name.lower()]
        if other.generated and name.lower() not in before:
            raise error("UNINITIALIZED_FIELD", column.name, other.name)
        if other.auto_increment and column.stored:
            raise error("GENERATED_FUNCTION_NOT_ALLOWED", "AUTO_INCREMENT", "GENERATED ALWAYS AS", f"`{other.name}`")


def _check_default(expr: ast.Expr, column: Column, columns: Mapping[str, Column], before: set[str]) -> None:
    if has_subquery(expr):
        raise error("GENERATED_FUNCTION_NOT_ALLOWED", "select ...", "DEFAULT", f"`{column.name}`")
    for name in names_in(expr):
        other = columns[name.lower()]
        if other is column or ((other.default_expr or other.generated) and name.lower() not in before):
            raise error("UNINITIALIZED_FIELD", column.name, other.name)


def _check_check(expr: ast.Expr, check: Check, columns: Mapping[str, Column]) -> None:
    if has_subquery(expr):
        raise error("SUBQUERIES_NOT_SUPPORTED", "CHECK")
    check_names(expr, columns, "CHECK")
    for name in names_in(expr):
        if columns[name.lower()].auto_increment:
            raise error("GENERATED_FUNCTION_NOT_ALLOWED", "AUTO_INCREMENT", "CHECK", f"`{columns[name.lower()].name}`")


def _indexes(table: Table, resolved: list[Key]) -> tuple[Index, ...]:
    """Indexes with their SQLite names: those of before keep theirs; the rowid as a key has none."""
    bare = replace(table, indexes=tuple(keys.to_index(key, "") for key in resolved))
    by_rowid = bare.rowid_column is not None
    prefix = f"i{table.id}_"
    used = [
        int(key.previous.physical[len(prefix):])
        for key in resolved if key.previous is not None and key.previous.physical.startswith(prefix)
    ]
    number = max(used, default=0)
    indexes = []
    for key in resolved:
        physical = key.previous.physical if key.previous is not None and key.previous.physical.startswith(prefix) else ""
        if key.kind == "PRIMARY" and by_rowid:
            physical = ""
        elif not physical:
            number += 1
            physical = f"{prefix}{number}"
        indexes.append(keys.to_index(key, physical))
    return tuple(indexes)


def _foreign_keys(draft: Draft, table: Table, catalog: Catalog, context: DdlContext) -> tuple[ForeignKey, ...]:
    existing = [key for key in draft.foreign_keys if key.number]
    new = [key for key in draft.foreign_keys if not key.number]
    if new and table.temporary:
        raise error("CANT_CREATE_TABLE", table.schema, table.name, *foreign_keys.MALFORMED)
    named = foreign_keys.name_foreign_keys(new, table.name, existing)
    own = {key.name.lower() for key in existing}
    taken = {
        key.name.lower() for other in catalog.tables() if other.schema == table.schema and other.name != table.name
        for key in other.foreign_keys
    }
    checked = []
    for key in named:
        if key.name.lower() in own:
            raise error("CANT_CREATE_TABLE", table.schema, table.name, *foreign_keys.MALFORMED)
        if key.name.lower() in taken:
            raise error("CANT_CREATE_TABLE", table.schema, table.name, *foreign_keys.DUPLICATE)
        own.add(key.name.lower())
        required = context.foreign_key_checks
        checked.append(foreign_keys.check_foreign_key(table, key, catalog, parent_required=required))
    return (*existing, *checked)
