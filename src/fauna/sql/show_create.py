"""SHOW CREATE …: the statements that would make a table, view, sequence or database again, in MariaDB's own layout.

    >>> show_create_table(table, next_auto_increment=7)
    CREATE TABLE `t` (
      `id` int(11) NOT NULL AUTO_INCREMENT,
      PRIMARY KEY (`id`)
    ) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
"""

from __future__ import annotations

from fauna.catalog import foreign_keys
from fauna.catalog.charsets import charset_of
from fauna.catalog.literals import quote_name, quote_text
from fauna.catalog.schema import Column, Database, Index, IndexPart, Procedure, Sequence, Table, View
from fauna.catalog.types import CHARS, Kind
from fauna.catalog.values import column_type_text
from fauna.sql.lexer import PLACEMENT_VERSION


def show_create_table(table: Table, next_auto_increment: int = 0) -> str:
    """next_auto_increment: printed when above 1."""
    lines = [_column(table, column) for column in table.columns]
    lines += [_index(index) for index in table.indexes]
    lines += [foreign_keys.definition_text(table, key) for key in sorted(table.foreign_keys, key=lambda each: each.name)]
    lines += [f"CONSTRAINT {quote_name(check.name)} CHECK ({check.text})" for check in table.checks if not check.column]
    kind = "TEMPORARY TABLE" if table.temporary else "TABLE"
    body = ",\n".join("  " + line for line in lines)
    return f"CREATE {kind} {quote_name(table.name)} (\n{body}\n) {_options(table, next_auto_increment)}"


def _column(table: Table, column: Column) -> str:
    text = f"{quote_name(column.name)} {column_type_text(column)}"
    if (column.sql_type.kind in CHARS or column.sql_type.kind in (Kind.ENUM, Kind.SET)) and not column.declared:
        collation = column.sql_type.collation
        if collation and collation != table.collation:
            text += f" CHARACTER SET {charset_of(collation).name} COLLATE {collation}"
    text += _generated(column) if column.generated else _plain(column)
    if column.comment:
        text += f" COMMENT {quote_text(column.comment)}"
    for check in table.checks:
        if check.column and check.column.lower() == column.name.lower():
            text += f" CHECK ({check.text})"
    return text


def _generated(column: Column) -> str:
    text = f" GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"
    return text + (" INVISIBLE" if column.invisible else "")


def _plain(column: Column) -> str:
    text = ""
    if not column.nullable:
        text = " NOT NULL"
    elif column.sql_type.kind is Kind.TIMESTAMP:
        text = " NULL"
    if column.invisible:
        text += " INVISIBLE"
    if column.default_text:
        text += f" DEFAULT {column.default_text}"
    if column.on_update_now:
        text += f" ON UPDATE {on_update_text(column)}"
    return text + (" AUTO_INCREMENT" if column.auto_increment else "")


def on_update_text(column: Column) -> str:
    return f"current_timestamp({column.sql_type.scale or ''})"


def _index(index: Index) -> str:
    parts = ",".join(_part(part) for part in index.parts)
    if index.kind == "PRIMARY":
        text = f"PRIMARY KEY ({parts})"
    else:
        word = {"UNIQUE": "UNIQUE KEY", "FULLTEXT": "FULLTEXT KEY", "SPATIAL": "SPATIAL KEY"}.get(index.kind, "KEY")
        text = f"{word} {quote_name(index.name)} ({parts})"
    if index.using:
        text += f" USING {index.using}"
    return text + (f" COMMENT {quote_text(index.comment)}" if index.comment else "")


def _part(part: IndexPart) -> str:
    length = f"({part.length})" if part.length is not None else ""
    return f"{quote_name(part.column)}{length}{' DESC' if part.descending else ''}"


def _options(table: Table, next_auto_increment: int) -> str:
    text = f"ENGINE={table.engine}"
    if table.auto_column is not None and next_auto_increment > 1:
        text += f" AUTO_INCREMENT={next_auto_increment}"
    text += f" DEFAULT CHARSET={charset_of(table.collation).name} COLLATE={table.collation}"
    if table.row_format:
        text += f" ROW_FORMAT={table.row_format}"
    if table.comment:
        text += f" COMMENT={quote_text(table.comment)}"
    if table.retention:
        text += f" /*!{PLACEMENT_VERSION} SYSTEM_VERSIONING_RETENTION='{table.retention}' */"
    if table.shard_key:
        text += f"\n PARTITION BY KEY ({','.join(quote_name(name) for name in table.shard_key)})"
    return text + (f" /*!{PLACEMENT_VERSION} {table.placement} */" if table.placement else "")


def show_create_view(view: View) -> str:
    user, _, host = view.definer.partition("@")
    columns = f" ({','.join(quote_name(name) for name in view.columns)})" if view.columns else ""
    text = (
        f"CREATE ALGORITHM={view.algorithm} DEFINER={quote_name(user)}@{quote_name(host)} SQL SECURITY {view.security} "
        f"VIEW {quote_name(view.name)}{columns} AS {view.text}"
    )
    return text + (f" WITH {view.check_option} CHECK OPTION" if view.check_option else "")


def show_create_procedure(procedure: Procedure, name: str) -> str:
    """name: as the statement writes it, which is what MariaDB shows."""
    user, _, host = procedure.definer.partition("@")
    # Procedures of older data directories have no list as it was written.
    parameters = procedure.parameter_list or ", ".join(f"IN {quote_name(p.name)} {p.text}" for p in procedure.parameters)
    quote = _ansi_quoted if "ANSI_QUOTES" in procedure.sql_mode.split(",") else quote_name
    lines = [f"CREATE DEFINER={quote(user)}@{quote(host)} PROCEDURE {quote(name)}({parameters})"]
    lines += [f"    {procedure.data_access}"] if procedure.data_access != "CONTAINS SQL" else []
    lines += ["    DETERMINISTIC"] if procedure.deterministic else []
    lines += ["    SQL SECURITY INVOKER"] if procedure.security == "INVOKER" else []
    lines += [f"    COMMENT {quote_text(procedure.comment)}"] if procedure.comment else []
    return "\n".join([*lines, procedure.body])


def _ansi_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def show_create_sequence(sequence: Sequence) -> str:
    return (
        f"CREATE SEQUENCE {quote_name(sequence.name)} start with {sequence.start} minvalue {sequence.minimum} "
        f"maxvalue {sequence.maximum} increment by {sequence.increment} "
        f"{f'cache {sequence.cache}' if sequence.cache else 'nocache'} {'cycle' if sequence.cycle else 'nocycle'} ENGINE=InnoDB"
    )


def show_create_database(database: Database, *, if_not_exists: bool = False) -> str:
    clause = "/*!32312 IF NOT EXISTS*/ " if if_not_exists else ""
    text = (
        f"CREATE DATABASE {clause}{quote_name(database.name)} /*!40100 DEFAULT CHARACTER SET "
        f"{charset_of(database.collation).name} COLLATE {database.collation} */"
    )
    return text + (f" COMMENT {quote_text(database.comment)}" if database.comment else "")
