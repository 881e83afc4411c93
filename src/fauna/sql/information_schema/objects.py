"""SCHEMATA, TABLES, COLUMNS, STATISTICS, VIEWS, PARTITIONS: what the catalog holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fauna.catalog.charsets import charset_of
from fauna.catalog.literals import quote_name
from fauna.catalog.schema import Column, Database, Index, Relation, Sequence, Table, View
from fauna.catalog.types import BLOBS, BYTES, CHARS, FLOATS, INTEGERS, TEXTS, Kind, SqlType
from fauna.catalog.values import column_type_text
from fauna.session.result import ResultColumn, Row
from fauna.sql import fauna_schema
from fauna.sql.information_schema.definitions import COLLATION, SCHEMA
from fauna.sql.information_schema.info_context import InfoContext, TableStatistics
from fauna.sql.show_create import on_update_text

CATALOG: Final = "def"
COLUMN_PRIVILEGES: Final = "select,insert,update,references"
SEQUENCE_COMMENTS: Final = {
    "start_value": "start value when sequences is created or value if RESTART is used",
    "increment": "increment value",
    "cycle_option": "0 if no cycles are allowed, 1 if the sequence should begin a new cycle when maximum_value is passed",
    "cycle_count": "How many cycles have been done",
}
_BIGINT: Final = SqlType(Kind.BIGINT, 21)
_INTEGER_DIGITS: Final = {Kind.TINYINT: 3, Kind.SMALLINT: 5, Kind.MEDIUMINT: 7, Kind.INT: 10}


def sequence_columns() -> tuple[Column, ...]:
    """The columns of a sequence read as a table."""
    types = {
        "next_not_cached_value": _BIGINT, "minimum_value": _BIGINT, "maximum_value": _BIGINT, "start_value": _BIGINT,
        "increment": _BIGINT, "cache_size": _BIGINT.with_(unsigned=True),
        "cycle_option": SqlType(Kind.TINYINT, 1, unsigned=True), "cycle_count": _BIGINT,
    }
    return tuple(
        Column(name, at, sql_type, False, comment=SEQUENCE_COMMENTS.get(name, ""))
        for at, (name, sql_type) in enumerate(types.items(), 1)
    )


SEQUENCE_COLUMNS: Final = sequence_columns()


# ── which ────────────────────────────────────────────────────────────────────────────────────────────────────────


def databases(context: InfoContext) -> Iterator[Database]:
    for name in sorted(context.catalog.databases):
        if context.schema is None or context.schema == name:
            yield context.catalog.databases[name]


def relations(context: InfoContext) -> Iterator[Relation]:
    """Tables, views and sequences, by database and name, temporary tables too."""
    for database in databases(context):
        for name in sorted(database.relations):
            if context.table is None or context.table == name:
                yield database.relations[name]


def _base_tables(context: InfoContext) -> Iterator[Table]:
    for relation in relations(context):
        if isinstance(relation, Table):
            yield relation


def _wants_own(context: InfoContext) -> bool:
    return context.schema is None or context.schema.lower() == SCHEMA


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def schemata(context: InfoContext) -> Iterator[Row]:
    if _wants_own(context):
        yield CATALOG, SCHEMA, "utf8mb3", COLLATION, None, ""
    for database in databases(context):
        collation = database.collation
        yield CATALOG, database.name, charset_of(collation).name, collation, None, database.comment


def tables(context: InfoContext, own: Mapping[str, tuple[ResultColumn, ...]]) -> Iterator[Row]:
    """own: the tables of information_schema itself.  Those of `fauna` are listed for who asks for that database."""
    listed = [(SCHEMA, name) for name in own] if _wants_own(context) else []
    if context.schema is not None and context.schema.lower() == fauna_schema.SCHEMA:
        listed = [(fauna_schema.SCHEMA, name) for name in fauna_schema.COLUMNS]
    for schema, name in listed:
        yield (
            CATALOG, schema, name, "SYSTEM VIEW", "MEMORY", 11, "Fixed", None, 0, 0, 0, 0, 0, None, context.now, None, None,
            COLLATION, None, "", "", 0, "Y",
        )
    for relation in relations(context):
        if isinstance(relation, Table):
            if not relation.temporary:
                yield _table_row(relation, context.statistics(relation))
        else:
            yield _other_row(relation, context)


def _table_row(table: Table, statistics: TableStatistics) -> Row:
    average = statistics.data_bytes // statistics.rows if statistics.rows else 0
    next_value = statistics.next_auto_increment if table.auto_column is not None else 0
    return (
        CATALOG, table.schema, table.name, "BASE TABLE", table.engine, 10, _row_format(table), statistics.rows, average,
        statistics.data_bytes, 0, statistics.index_bytes, 0, next_value or None, table.created or None, None, None,
        table.collation, None, _create_options(table), table.comment, 0, "N",
    )


def _create_options(table: Table) -> str:
    words = [f"row_format={table.row_format}"] if table.row_format else []
    words += [f"system_versioning_retention='{table.retention}'"] if table.retention else []
    return " ".join([*words, "partitioned"] if table.shard_key else words)


def _row_format(table: Table) -> str:
    return table.row_format.capitalize() if table.row_format else "Dynamic"


def _other_row(relation: View | Sequence, context: InfoContext) -> Row:
    if isinstance(relation, View):
        return CATALOG, relation.schema, relation.name, "VIEW", *(None,) * 16, "VIEW", None, None
    collation = context.catalog.databases[relation.schema].collation
    return (
        CATALOG, relation.schema, relation.name, "SEQUENCE", "InnoDB", 10, "Fixed", 1, 16384, 16384, 0, 0, 0, None, None, None,
        None, collation, None, "", "", 0, "N",
    )


def columns(context: InfoContext, own: Mapping[str, tuple[ResultColumn, ...]]) -> Iterator[Row]:
    if _wants_own(context):
        for name, of_table in own.items():
            if context.table is None or context.table.upper() == name.upper():
                yield from _own_columns(name, of_table)
    for relation in relations(context):
        if isinstance(relation, Table):
            keys = column_keys(relation)
            for at, column in enumerate(relation.columns, 1):
                yield column_row(relation.schema, relation.name, at, column, keys.get(column.name, ""))
        else:
            found = relation.result_columns if isinstance(relation, View) else SEQUENCE_COLUMNS
            for at, column in enumerate(found, 1):
                yield column_row(relation.schema, relation.name, at, column, "")


def _own_columns(table: str, of_table: Iterable[ResultColumn]) -> Iterator[Row]:
    for at, result in enumerate(of_table, 1):
        column = Column(result.name, at, result.sql_type, result.nullable)
        row = column_row(SCHEMA, table, at, column, "", "select")
        yield (*row[:5], None, *row[6:])


def column_row(schema: str, table: str, at: int, column: Column, key: str, privileges: str = COLUMN_PRIVILEGES) -> Row:
    sql_type = column.sql_type
    characters, octets = _lengths(sql_type) if not column.declared else (None, None)
    precision, scale = _numbers(sql_type)
    is_text = (sql_type.kind in CHARS or sql_type.kind in (Kind.ENUM, Kind.SET)) and not column.declared
    timed = sql_type.kind in (Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP)
    return (
        CATALOG,
        schema,
        table,
        column.name,
        at,
        column_default(column),
        "YES" if column.nullable else "NO",
        column.declared or data_type(sql_type),
        characters,
        octets,
        precision,
        scale,
        sql_type.scale if timed else None,
        charset_of(sql_type.collation).name if is_text else None,
        sql_type.collation if is_text else None,
        column_type_text(column),
        key,
        extra(column),
        privileges,
        column.comment,
        "ALWAYS" if column.generated else "NEVER",
        column.generated or None,
    )


def data_type(sql_type: SqlType) -> str:
    return "longtext" if sql_type.kind is Kind.JSON else sql_type.kind.name.lower()


def column_default(column: Column) -> str | None:
    """COLUMN_DEFAULT: the text of the DEFAULT clause, NULL as a word; None when there is no default."""
    if column.generated:
        return "NULL"
    return column.default_text or None


def shown_default(column: Column) -> str | None:
    """The Default of SHOW COLUMNS: constants without their quotes, except of TEXT and BLOB columns."""
    text = column.default_text
    if column.generated or not text or (text == "NULL" and column.default is None):
        return None
    kind = column.sql_type.kind
    if not text.startswith("'") or column.default_expr or kind in TEXTS or kind in BLOBS:
        return text
    return _unescaped(text[1:-1].replace("''", "'"))


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    letters = {"n": "\n", "r": "\r", "0": "\0", "Z": "\x1a"}
    made, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            made.append(letters.get(text[at], text[at]))
        else:
            made.append(text[at])
        at += 1
    return "".join(made)


def extra(column: Column) -> str:
    words = []
    if column.auto_increment:
        words.append("auto_increment")
    if column.on_update_now:
        words.append(f"on update {on_update_text(column)}")
    if column.generated:
        words.append("STORED GENERATED" if column.stored else "VIRTUAL GENERATED")
    if column.invisible:
        words.append("INVISIBLE")
    return ", ".join(words)


def _lengths(sql_type: SqlType) -> tuple[int | None, int | None]:
    """Characters and bytes at most, of strings."""
    kind = sql_type.kind
    if kind in TEXTS or kind in BLOBS or kind is Kind.JSON:
        return sql_type.length, sql_type.length
    if kind in BYTES:
        return sql_type.length, sql_type.length
    if kind in CHARS or kind in (Kind.ENUM, Kind.SET):
        return sql_type.length, sql_type.length * charset_of(sql_type.collation).maxlen
    return None, None


def _numbers(sql_type: SqlType) -> tuple[int | None, int | None]:
    kind = sql_type.kind
    if kind is Kind.BIGINT:
        return (20 if sql_type.unsigned else 19), 0
    if kind in INTEGERS:
        return _INTEGER_DIGITS[kind], 0
    if kind is Kind.DECIMAL:
        return sql_type.length, sql_type.scale
    if kind in FLOATS:
        fixed = sql_type.scale < 31
        return sql_type.length or (12 if kind is Kind.FLOAT else 22), sql_type.scale if fixed else None
    return (sql_type.length, None) if kind is Kind.BIT else (None, None)


def column_keys(table: Table) -> dict[str, str]:
    """COLUMN_KEY by column: PRI, UNI or MUL."""
    keys: dict[str, str] = {}
    primary = table.primary_key or _promoted(table)
    for index in table.indexes:
        first = index.parts[0].column
        if index is not primary:
            alone = index.unique and len(index.parts) == 1
            if alone or first not in keys:
                keys[first] = "UNI" if alone else "MUL"
    if primary is not None:
        keys |= {part.column: "PRI" for part in primary.parts}
    return keys


def _promoted(table: Table) -> Index | None:
    """The unique key that stands in for a missing primary key: the first with no nullable and no partial column."""
    for index in table.indexes:
        if index.kind == "UNIQUE" and not any(part.length is not None or _nullable(table, part.column) for part in index.parts):
            return index
    return None


def _nullable(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.nullable


def statistics(context: InfoContext) -> Iterator[Row]:
    for table in _base_tables(context):
        if not table.indexes:
            continue
        rows = context.statistics(table).rows
        for index in table.indexes:
            for at, part in enumerate(index.parts, 1):
                yield (
                    CATALOG, table.schema, table.name, 0 if index.unique else 1, table.schema, index.name, at, part.column,
                    "D" if part.descending else "A", rows, part.length, None, "YES" if _nullable(table, part.column) else "",
                    index_type(index), "", index.comment, "NO",
                )


def index_type(index: Index) -> str:
    return "HASH" if index.using == "HASH" else "BTREE"


def views(context: InfoContext) -> Iterator[Row]:
    for relation in relations(context):
        if isinstance(relation, View):
            yield (
                CATALOG, relation.schema, relation.name, relation.text, relation.check_option or "NONE",
                "YES" if relation.updatable else "NO", relation.definer, relation.security, "utf8mb4", "utf8mb4_general_ci",
                relation.algorithm,
            )


def partitions(context: InfoContext) -> Iterator[Row]:
    """One row for each table; PARTITION BY KEY is one partition, since hash slots are nobody's to name."""
    for table in _base_tables(context):
        if table.temporary:
            continue
        found = context.statistics(table)
        average = found.data_bytes // found.rows if found.rows else 0
        columns = ",".join(quote_name(name) for name in table.shard_key) or None
        partition = ("p0", None, 1, None, "KEY", None, columns, None, None) if columns else (None,) * 9
        yield (
            CATALOG, table.schema, table.name, *partition, found.rows, average, found.data_bytes, None, found.index_bytes, 0,
            table.created or None, None, None, None, "", "default" if columns else "", None,
        )
