"""From SQLite's message about a broken constraint back to MySQL's names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fauna.catalog import foreign_keys
from fauna.catalog.literals import plain_text
from fauna.catalog.schema import Catalog, Check, Column, ForeignKey, Index, Table
from fauna.catalog.types import Kind, Stored, from_unsigned
from fauna.errors import SqlError, error

_UNIQUE: Final = re.compile(r"UNIQUE constraint failed: (?:index '(i(\d+)_\d+)'|(t(\d+)\..*))")
_NOT_NULL: Final = re.compile(r"NOT NULL constraint failed: t(\d+)\.(c\d+)")
_CHECK: Final = re.compile(r"CHECK constraint failed: t(\d+)([#:])(.*)", re.DOTALL)
_NULL: Final = re.compile(r"null:(\d+)\.(c\d+):(\d+)")
_FOREIGN: Final = re.compile(r"fk:(child|parent):(\d+)\.(\d+)")
_QUOTED: Final = re.compile(r"column '(.*)' at row (\d+)", re.DOTALL)
_INCORRECT: Final = re.compile(r"Incorrect (integer|decimal|double|float) value: '(.*)' for column", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Violation:
    """kind    'unique', 'null', 'check', 'child' (no parent row) or 'parent' (a child row exists)
    index, column, check, foreign_key   the one that fits the kind
    row        of a NULL that ALTER TABLE met"""

    kind: Literal["unique", "null", "check", "child", "parent"]
    table: Table
    index: Index | None = None
    column: Column | None = None
    check: Check | None = None
    foreign_key: ForeignKey | None = None
    row: int = 1

    def to_error(self, values: Sequence[Stored] = (), *, altering: bool = False) -> SqlError:
        """MySQL's error.  values: of the index's columns in the offending row, for 1062.  altering: the rows were being
        copied by ALTER TABLE, which says 1265 where INSERT says 1048."""
        if self.index is not None:
            return error("DUP_ENTRY", entry_text(self.table, self.index, values), self.index.name)
        if self.column is not None:
            if altering:
                return error("WARN_DATA_TRUNCATED", self.column.name, self.row)
            return error("BAD_NULL", self.column.name)
        if self.check is not None:
            name = f"{self.table.name}.{self.check.name}" if self.check.column else self.check.name
            return error("CONSTRAINT_FAILED", name, self.table.schema, self.table.name)
        assert self.foreign_key is not None
        condition = "NO_REFERENCED_ROW" if self.kind == "child" else "ROW_IS_REFERENCED"
        return error(condition, foreign_keys.constraint_text(self.table, self.foreign_key))


def explain_violation(catalog: Catalog, message: str) -> Violation | None:
    """What constraint an SQLITE_CONSTRAINT message speaks of; None for a message of another kind."""
    found = _FOREIGN.search(message)
    if found is not None:
        return _foreign(catalog, "child" if found[1] == "child" else "parent", int(found[2]), int(found[3]))
    found = _NULL.search(message)
    if found is not None:
        table = catalog.table_by_id(int(found[1]))
        column = _column_at(table, found[2]) if table is not None else None
        return Violation("null", table, column=column, row=int(found[3])) if table is not None and column is not None else None
    found = _UNIQUE.search(message)
    if found is not None:
        table = catalog.table_by_id(int(found[2] or found[4]))
        index = _unique_index(table, found[1], found[3]) if table is not None else None
        return Violation("unique", table, index=index) if table is not None and index is not None else None
    found = _NOT_NULL.search(message)
    if found is not None:
        table = catalog.table_by_id(int(found[1]))
        column = _column_at(table, found[2]) if table is not None else None
        return Violation("null", table, column=column) if table is not None and column is not None else None
    found = _CHECK.search(message)
    if found is None:
        return None
    table = catalog.table_by_id(int(found[1]))
    check = _check(table, found[2], found[3]) if table is not None else None
    return Violation("check", table, check=check) if table is not None and check is not None else None


def _foreign(catalog: Catalog, kind: Literal["child", "parent"], table_id: int, number: int) -> Violation | None:
    table = catalog.table_by_id(table_id)
    key = next((key for key in table.foreign_keys if key.number == number), None) if table is not None else None
    return Violation(kind, table, foreign_key=key) if table is not None and key is not None else None


def _column_at(table: Table, physical: str) -> Column | None:
    return next((column for column in table.columns if column.physical == physical), None)


def _unique_index(table: Table, physical: str | None, columns: str | None) -> Index | None:
    if physical is not None:
        return next((index for index in table.indexes if index.physical == physical), None)
    assert columns is not None
    names = [name.partition(".")[2] for name in columns.split(", ")]
    for index in table.indexes:
        if index.unique and [_physical(table, part.column) for part in index.parts] == names:
            return index
    return None


def _physical(table: Table, name: str) -> str:
    column = table.column(name)
    return column.physical if column is not None else ""


def _check(table: Table, mark: str, name: str) -> Check | None:
    if mark == ":":
        column = _column_at(table, name)
        wanted = column.name.lower() if column is not None else None
        return next((check for check in table.checks if check.column and check.column.lower() == wanted), None)
    return next((check for check in table.checks if not check.column and check.name == name), None)


def entry_text(table: Table, index: Index, values: Sequence[Stored]) -> str:
    """The entry of error 1062: the key's values joined by '-', cut to the key's prefixes."""
    texts = []
    for part, value in zip(index.parts, values, strict=False):
        column = table.column(part.column)
        assert column is not None
        if value is None:
            texts.append("NULL")
        elif column.sql_type.kind is Kind.BIT:
            assert isinstance(value, (int, bytes))
            texts.append(from_unsigned(value).to_bytes((column.sql_type.length + 7) // 8, "big").decode("utf-8", "replace"))
        else:
            text = plain_text(value, column.sql_type)
            texts.append(text[: part.length] if part.length is not None else text)
    return "-".join(texts)


def find_duplicate(table: Table, index: Index) -> str:
    """SQLite text that finds the key columns of one entry that occurs twice, when a unique index cannot be built."""
    columns = [_physical(table, part.column) for part in index.parts]
    keys = [
        f"substr({name}, 1, {part.length})" if part.length is not None else name
        for name, part in zip(columns, index.parts, strict=True)
    ]
    present = " AND ".join(f"{name} IS NOT NULL" for name in columns)
    return (
        f"SELECT {', '.join(columns)} FROM {table.physical} WHERE {present} "
        f"GROUP BY {', '.join(keys)} HAVING count(*) > 1 LIMIT 1"
    )


def duplicate_queries(violation: Violation, before: Catalog) -> list[str]:
    """What to ask, in turn, for the values of error 1062 after a DDL script failed: the table as the script left it,
    then the table it was copied from."""
    if violation.index is None:
        return []
    queries = [find_duplicate(violation.table, violation.index)]
    old = before.relation(violation.table.schema, violation.table.name)
    if isinstance(old, Table) and old.id != violation.table.id:
        numbers = {column.number for column in old.columns}
        columns = [violation.table.column(part.column) for part in violation.index.parts]
        if all(column is not None and column.number in numbers for column in columns):
            queries.append(find_duplicate(violation.table, violation.index).replace(violation.table.physical, old.physical, 1))
    return queries


def altering_error(problem: SqlError) -> SqlError:
    """What MariaDB says of a value that does not fit its column's new type, where an INSERT would say otherwise."""
    if problem.errno == 1406:
        found = _QUOTED.search(problem.message)
        return error("WARN_DATA_TRUNCATED", found[1], found[2]) if found is not None else problem
    if problem.errno == 1366:
        found = _INCORRECT.search(problem.message)
        return error("TRUNCATED_WRONG_VALUE", found[1].upper(), found[2]) if found is not None else problem
    return problem
