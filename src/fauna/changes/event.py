"""An event: Debezium's envelope, as JSON.

https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-events
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fauna import __version__
from fauna.catalog.schema import Column, Table
from fauna.catalog.values import type_text
from fauna.chain.encoding import Header
from fauna.sql.show_create import show_create_table

CREATE: Final = "c"
UPDATE: Final = "u"
DELETE: Final = "d"
READ: Final = "r"
"""The row is there as it is told: it was made anew by a change of definitions, or copied into a new table."""
TRUNCATE: Final = "t"
DDL: Final = "ddl"

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """position: opening a stream there gives what comes after this event.  json: the event."""

    position: str
    json: str


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a definition has done to a table.  before: None: it is new; after: None: it is gone."""

    before: Table | None
    after: Table | None

    @property
    def table(self) -> Table:
        table = self.after or self.before
        assert table is not None
        return table


def envelope(
    database: str, transaction: str, header: Header, position: str, order: tuple[int, int], op: str, table: Table,
    key: Values | None, before: Values | None, after: Values | None,
) -> str:  # fmt: skip
    """transaction: its name; header: of the block that the row is from; order: the event's number in its transaction, and among
    those of its table in its transaction."""
    return _dump({
        **({"key": key} if key is not None else {}),
        "before": before, "after": after,
        **_common(database, transaction, header, position, order, op, table),
    })  # fmt: skip


def ddl_envelope(
    database: str, transaction: str, header: Header, position: str, number: int, changes: Sequence[TableChange]
) -> str:
    return _dump({
        "before": None, "after": None,
        **_common(database, transaction, header, position, (number, 1), DDL, changes[0].table),
        "ddl": _ddl(changes), "tableChanges": [_table_change(change) for change in changes],
    })  # fmt: skip


def _common(
    database: str, transaction: str, header: Header, position: str, order: tuple[int, int], op: str, table: Table
) -> dict[str, Any]:
    return {
        "source": {
            "version": __version__, "connector": "faunadb", "name": database,
            "ts_ms": header.time_us // 1000, "ts_us": header.time_us, "snapshot": "incremental" if op == READ else "false",
            "db": table.schema, "table": table.name, "shard": header.shard, "block": header.height,
            "txId": transaction, "user": header.user, "sequence": position,
        },
        "op": op, "ts_ms": header.time_us // 1000,
        "transaction": {"id": transaction, "total_order": order[0], "data_collection_order": order[1]},
    }  # fmt: skip


def _ddl(changes: Sequence[TableChange]) -> str | None:
    """Statements that do the same, when they are known: an ALTER TABLE is told by its outcome alone."""
    statements = []
    for change in changes:
        before, after = change.before, change.after
        if before is None and after is not None:
            statements.append(show_create_table(after))
        elif after is None and before is not None:
            statements.append(f"DROP TABLE {_quoted(before)}")
        elif before is not None and after is not None and before.id == after.id and before.columns == after.columns:
            if _quoted(before) == _quoted(after) or len(changes) > 1:
                return None
            statements.append(f"RENAME TABLE {_quoted(before)} TO {_quoted(after)}")
        else:
            return None
    return "; ".join(statements)


def _quoted(table: Table) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in (table.schema, table.name))


def _table_change(change: TableChange) -> dict[str, Any]:
    kind = "CREATE" if change.before is None else "DROP" if change.after is None else "ALTER"
    renamed = kind == "ALTER" and change.before is not None and _id(change.before) != _id(change.table)
    return {
        "type": kind, "id": _id(change.table), "previousId": _id(change.before) if renamed and change.before else None,
        "table": _definition(change.after) if change.after is not None else None,
    }  # fmt: skip


def _id(table: Table) -> str:
    return f'"{table.schema}"."{table.name}"'


def _definition(table: Table) -> dict[str, Any]:
    key = table.primary_key
    return {
        "defaultCharsetName": table.collation.partition("_")[0],
        "primaryKeyColumnNames": [part.column for part in key.parts] if key is not None else [],
        "columns": [_column(column, place) for place, column in enumerate(table.columns, 1)],
        "comment": table.comment or None,
    }  # fmt: skip


def _column(column: Column, place: int) -> dict[str, Any]:
    sql_type = column.sql_type
    return {
        "name": column.name, "typeName": (column.declared or sql_type.kind.name).upper(),
        "typeExpression": column.declared or type_text(sql_type),
        "charsetName": sql_type.collation.partition("_")[0] or None,
        "length": sql_type.length or None, "scale": sql_type.scale or None, "position": place,
        "optional": column.nullable, "autoIncremented": column.auto_increment, "generated": bool(column.generated),
        "inEvents": not column.generated or column.stored,
        "enumValues": list(sql_type.members) or None, "comment": column.comment or None,
    }  # fmt: skip


def _dump(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
