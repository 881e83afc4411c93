"""SHOW and DESCRIBE: what they list, computed from information_schema's tables and the catalog.

`show` answers every form.  LIKE is applied here.  A WHERE clause needs the binder: the result then carries `filter`, a
query that gives the positions of the rows that stay; the caller runs it and takes `result.kept(positions)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fauna.catalog.ddl_work import is_reserved
from fauna.catalog.schema import Column, Relation, Table, View
from fauna.catalog.schema import Sequence as SequenceObject
from fauna.catalog.types import CHARS, Kind, SqlType, Stored
from fauna.catalog.values import column_type_text, text_of, type_text
from fauna.errors import error, unsupported
from fauna.session.result import ResultColumn, Row
from fauna.sql import ast, fauna_schema, show_create
from fauna.sql.collation import like
from fauna.sql.context import Warning_
from fauna.sql.information_schema import SCHEMA, TABLES, InfoContext, InfoTable, find, objects, routines
from fauna.sql.information_schema.definitions import COLLATION, type_of

PROCESS_INFO_MAX: Final = 100
GRANT_ALL: Final = "GRANT ALL PRIVILEGES ON *.* TO `{}`@`{}` WITH GRANT OPTION"


@dataclass(frozen=True, slots=True)
class ShowContext:
    """info         the catalog (temporary tables laid over), the current database, statistics, variables, connections
    warnings        of the last statement, and how many there were of each sort before the list was cut
    authentication  (user, host) -> (plugin, stored string), for SHOW CREATE USER
    replica         of a server that follows another: what SHOW SLAVE STATUS has to say, by column"""

    info: InfoContext
    warnings: Sequence[Warning_] = ()
    warnings_count: int = 0
    errors_count: int = 0
    authentication: Callable[[str, str], tuple[str, str] | None] = lambda user, host: None
    replica: Mapping[str, Stored] | None = None


@dataclass(frozen=True, slots=True)
class ShowResult:
    columns: tuple[ResultColumn, ...]
    rows: list[Row] = field(default_factory=list)
    filter: ast.Query | None = None

    def kept(self, positions: Iterable[int]) -> list[Row]:
        """The rows at these positions, in their own order."""
        return [self.rows[at] for at in sorted(positions)]


def show(statement: ast.Show | ast.Describe, context: ShowContext) -> ShowResult:
    """The answer to SHOW or DESCRIBE; raises MySQL's errors for what does not exist."""
    if isinstance(statement, ast.Describe):
        statement = ast.Show("COLUMNS", table=statement.table, like=statement.pattern)
    listing = _LISTS.get(statement.what)
    if listing is not None:
        return _listed(listing, statement, context)
    form = _FORMS.get(statement.what)
    if form is None:
        raise unsupported(f"SHOW {statement.what}")
    return _filtered(form(statement, context), statement, 0)


# ── LIKE and WHERE ───────────────────────────────────────────────────────────────────────────────────────────────


def _filtered(result: ShowResult, statement: ast.Show, column: int) -> ShowResult:
    rows = result.rows
    if statement.like is not None and statement.what not in _LIKE_IS_A_NAME:
        matches = like(COLLATION, statement.like)
        rows = [row for row in rows if matches(str(row[column]))]
    if statement.where is None or not rows:
        return replace(result, rows=rows)
    return replace(result, rows=rows, filter=_filter_query(result.columns, rows, statement.where))


_LIKE_IS_A_NAME: Final = frozenset({"ENGINE STATUS", "ENGINE MUTEX", "ENGINE LOGS"})
_POSITION: Final = "position of the row"


def _filter_query(columns: Sequence[ResultColumn], rows: Sequence[Row], where: ast.Expr) -> ast.Query:
    """SELECT position FROM (VALUES …) AS shown(position, columns …) WHERE …"""
    writers = [text_of(column.sql_type) for column in columns]
    values = tuple(
        (_number(at), *(_literal(value, writer) for value, writer in zip(row, writers, strict=True)))
        for at, row in enumerate(rows)
    )
    names = (_POSITION, *(column.name for column in columns))
    source = ast.DerivedTable(ast.ValuesQuery(values), "shown", names)
    item = ast.SelectItem(ast.Name((_POSITION,)), None, _POSITION)
    return ast.Select((item,), source, where)


def _number(value: int) -> ast.Literal:
    return ast.Literal(ast.LiteralKind.INTEGER, value)


def _literal(value: Stored, writer: Callable[[Stored], str | bytes]) -> ast.Expr:
    if value is None:
        return ast.Literal(ast.LiteralKind.NULL)
    if isinstance(value, int):
        return _number(value)
    text = writer(value)
    return ast.Literal(ast.LiteralKind.STRING, text if isinstance(text, str) else text.decode("utf-8", "replace"))


# ── lists taken from information_schema ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _List:
    """table    of information_schema
    fields      (name shown, column)
    scope       how the rows wanted are told from others: '', 'database' or 'table'
    like        position of the field that LIKE is about
    only        (column, value) every row must have"""

    table: str
    fields: tuple[tuple[str, str], ...]
    scope: str = ""
    like: int = 0
    only: tuple[str, str] | None = None


def _same_names(table: str) -> tuple[tuple[str, str], ...]:
    return tuple((column.name.capitalize(), column.name) for column in TABLES[table].columns)


_ROUTINES: Final = (
    ("Db", "ROUTINE_SCHEMA"), ("Name", "ROUTINE_NAME"), ("Type", "ROUTINE_TYPE"), ("Definer", "DEFINER"),
    ("Modified", "LAST_ALTERED"), ("Created", "CREATED"), ("Security_type", "SECURITY_TYPE"), ("Comment", "ROUTINE_COMMENT"),
    ("character_set_client", "CHARACTER_SET_CLIENT"), ("collation_connection", "COLLATION_CONNECTION"),
    ("Database Collation", "DATABASE_COLLATION"),
)

_LISTS: Final[dict[str, _List]] = {
    "DATABASES": _List("SCHEMATA", (("Database", "SCHEMA_NAME"),)),
    "TABLES": _List("TABLES", (("Tables_in_", "TABLE_NAME"), ("Table_type", "TABLE_TYPE")), "database"),
    "TABLE STATUS": _List(
        "TABLES",
        (
            ("Name", "TABLE_NAME"), ("Engine", "ENGINE"), ("Version", "VERSION"), ("Row_format", "ROW_FORMAT"),
            ("Rows", "TABLE_ROWS"), ("Avg_row_length", "AVG_ROW_LENGTH"), ("Data_length", "DATA_LENGTH"),
            ("Max_data_length", "MAX_DATA_LENGTH"), ("Index_length", "INDEX_LENGTH"), ("Data_free", "DATA_FREE"),
            ("Auto_increment", "AUTO_INCREMENT"), ("Create_time", "CREATE_TIME"), ("Update_time", "UPDATE_TIME"),
            ("Check_time", "CHECK_TIME"), ("Collation", "TABLE_COLLATION"), ("Checksum", "CHECKSUM"),
            ("Create_options", "CREATE_OPTIONS"), ("Comment", "TABLE_COMMENT"), ("Max_index_length", "MAX_INDEX_LENGTH"),
            ("Temporary", "TEMPORARY"),
        ),
        "database",
    ),
    "INDEX": _List(
        "STATISTICS",
        (
            ("Table", "TABLE_NAME"), ("Non_unique", "NON_UNIQUE"), ("Key_name", "INDEX_NAME"), ("Seq_in_index", "SEQ_IN_INDEX"),
            ("Column_name", "COLUMN_NAME"), ("Collation", "COLLATION"), ("Cardinality", "CARDINALITY"), ("Sub_part", "SUB_PART"),
            ("Packed", "PACKED"), ("Null", "NULLABLE"), ("Index_type", "INDEX_TYPE"), ("Comment", "COMMENT"),
            ("Index_comment", "INDEX_COMMENT"), ("Ignored", "IGNORED"),
        ),
        "table",
    ),
    "ENGINES": _List(
        "ENGINES",
        (
            ("Engine", "ENGINE"), ("Support", "SUPPORT"), ("Comment", "COMMENT"), ("Transactions", "TRANSACTIONS"), ("XA", "XA"),
            ("Savepoints", "SAVEPOINTS"),
        ),
    ),
    "CHARACTER SET": _List(
        "CHARACTER_SETS",
        (
            ("Charset", "CHARACTER_SET_NAME"), ("Description", "DESCRIPTION"), ("Default collation", "DEFAULT_COLLATE_NAME"),
            ("Maxlen", "MAXLEN"),
        ),
    ),
    "COLLATION": _List(
        "COLLATIONS",
        (
            ("Collation", "COLLATION_NAME"), ("Charset", "CHARACTER_SET_NAME"), ("Id", "ID"), ("Default", "IS_DEFAULT"),
            ("Compiled", "IS_COMPILED"), ("Sortlen", "SORTLEN"),
        ),
    ),
    "PLUGINS": _List(
        "PLUGINS",
        (
            ("Name", "PLUGIN_NAME"), ("Status", "PLUGIN_STATUS"), ("Type", "PLUGIN_TYPE"), ("Library", "PLUGIN_LIBRARY"),
            ("License", "PLUGIN_LICENSE"),
        ),
    ),
    "TRIGGERS": _List(
        "TRIGGERS",
        (
            ("Trigger", "TRIGGER_NAME"), ("Event", "EVENT_MANIPULATION"), ("Table", "EVENT_OBJECT_TABLE"),
            ("Statement", "ACTION_STATEMENT"), ("Timing", "ACTION_TIMING"), ("Created", "CREATED"), ("sql_mode", "SQL_MODE"),
            ("Definer", "DEFINER"), ("character_set_client", "CHARACTER_SET_CLIENT"),
            ("collation_connection", "COLLATION_CONNECTION"), ("Database Collation", "DATABASE_COLLATION"),
        ),
        "database", 2,
    ),
    "EVENTS": _List(
        "EVENTS",
        (
            ("Db", "EVENT_SCHEMA"), ("Name", "EVENT_NAME"), ("Definer", "DEFINER"), ("Time zone", "TIME_ZONE"),
            ("Type", "EVENT_TYPE"), ("Execute at", "EXECUTE_AT"), ("Interval value", "INTERVAL_VALUE"),
            ("Interval field", "INTERVAL_FIELD"), ("Starts", "STARTS"), ("Ends", "ENDS"), ("Status", "STATUS"),
            ("Originator", "ORIGINATOR"), ("character_set_client", "CHARACTER_SET_CLIENT"),
            ("collation_connection", "COLLATION_CONNECTION"), ("Database Collation", "DATABASE_COLLATION"),
        ),
        "database", 1,
    ),
    "PROCEDURE STATUS": _List("ROUTINES", _ROUTINES, "", 1, ("ROUTINE_TYPE", "PROCEDURE")),
    "FUNCTION STATUS": _List("ROUTINES", _ROUTINES, "", 1, ("ROUTINE_TYPE", "FUNCTION")),
    "PACKAGE STATUS": _List("ROUTINES", _ROUTINES, "", 1, ("ROUTINE_TYPE", "PACKAGE")),
    "PACKAGE BODY STATUS": _List("ROUTINES", _ROUTINES, "", 1, ("ROUTINE_TYPE", "PACKAGE BODY")),
    **{name: _List(name, _same_names(name))
       for name in ("CLIENT_STATISTICS", "INDEX_STATISTICS", "TABLE_STATISTICS", "USER_STATISTICS")},
}


def _listed(listing: _List, statement: ast.Show, context: ShowContext) -> ShowResult:
    info, wanted = _scoped(listing, statement, context)
    table = TABLES[listing.table]
    fields = listing.fields[:1] if statement.what == "TABLES" and not statement.full else listing.fields
    positions = [table.position(column) for _, column in fields]
    if listing.only is not None:
        wanted = {**wanted, listing.only[0]: listing.only[1]}
    tests = [(table.position(name), value) for name, value in wanted.items()]
    rows = [
        tuple([row[at] for at in positions]) for row in table.rows(info) if all(row[at] == value for at, value in tests)
    ]
    if statement.what in ("TABLES", "TABLE STATUS", "DATABASES"):
        rows.sort(key=lambda row: str(row[0]))
    headings = [_heading(shown, statement, info) for shown, _ in fields]
    columns = tuple(replace(table.columns[at], name=name) for at, name in zip(positions, headings, strict=True))
    return _filtered(ShowResult(columns, rows), statement, listing.like)


def _heading(shown: str, statement: ast.Show, info: InfoContext) -> str:
    """SHOW DATABASES and SHOW TABLES say the database and the pattern in the heading."""
    if shown == "Tables_in_":
        shown += statement.database or info.database or ""
    elif shown != "Database":
        return shown
    return f"{shown} ({statement.like})" if statement.like is not None else shown


def _scoped(listing: _List, statement: ast.Show, context: ShowContext) -> tuple[InfoContext, dict[str, str]]:
    """The context narrowed to what is wanted, and the columns that say so."""
    info = context.info
    if listing.scope == "database":
        schema = _must_get_database(statement.database, info)
        column = {"TRIGGERS": "TRIGGER_SCHEMA", "EVENTS": "EVENT_SCHEMA"}.get(listing.table, "TABLE_SCHEMA")
        return replace(info, schema=schema), {column: schema}
    if listing.scope == "table":
        assert statement.table is not None
        schema, relation = _must_get_relation(statement.table, info)
        return replace(info, schema=schema, table=relation.name), {"TABLE_SCHEMA": schema, "TABLE_NAME": relation.name}
    return info, {}


def _must_get_database(name: str | None, info: InfoContext) -> str:
    name = name or info.database
    if name is None:
        raise error("NO_DB")
    if name.lower() == SCHEMA:
        return SCHEMA
    if info.catalog.database(name) is None and not is_reserved(name):
        raise error("BAD_DB", name)
    return name


def _must_get_relation(table: ast.TableName, info: InfoContext) -> tuple[str, Relation | InfoTable]:
    schema = table.schema or info.database
    if schema is None:
        raise error("NO_DB")
    if schema.lower() == SCHEMA:
        own = find(table.name)
        if own is None:
            raise error("UNKNOWN_TABLE", table.name, SCHEMA)
        return SCHEMA, own
    if schema.lower() == fauna_schema.SCHEMA:
        columns = fauna_schema.COLUMNS.get(table.name.lower())
        if columns is None:
            raise error("NO_SUCH_TABLE", fauna_schema.SCHEMA, table.name)
        return fauna_schema.SCHEMA, InfoTable(table.name.lower(), columns, lambda context: ())
    relation = info.catalog.relation(schema, table.name)
    if relation is None:
        if info.catalog.database(schema) is None and not is_reserved(schema):
            raise error("BAD_DB", schema) if table.schema else error("NO_SUCH_TABLE", schema, table.name)
        raise error("NO_SUCH_TABLE", schema, table.name)
    return schema, relation


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _heads(*specs: tuple[str, str], required: bool = True) -> tuple[ResultColumn, ...]:
    """Columns from (name, type); a type that ends in '?' may be NULL."""
    return tuple(ResultColumn(name, type_of(text.removesuffix("?")), text.endswith("?") or not required) for name, text in specs)


_COLUMN_HEADS: Final = _heads(
    ("Field", "varchar(64)"), ("Type", "longtext"), ("Collation", "varchar(64)?"), ("Null", "varchar(3)"), ("Key", "varchar(3)"),
    ("Default", "longtext?"), ("Extra", "varchar(80)"), ("Privileges", "varchar(80)"), ("Comment", "varchar(1024)"),
)
_BRIEF: Final = (0, 1, 3, 4, 5, 6)


def _columns(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    _, relation = _must_get_relation(statement.table, context.info)
    privileges = objects.COLUMN_PRIVILEGES
    keys: dict[str, str] = {}
    if isinstance(relation, InfoTable):
        privileges = "select"
        columns: Sequence[Column] = [Column(c.name, at, c.sql_type, c.nullable) for at, c in enumerate(relation.columns, 1)]
    elif isinstance(relation, Table):
        columns, keys = relation.columns, objects.column_keys(relation)
    else:
        columns = relation.result_columns if isinstance(relation, View) else objects.SEQUENCE_COLUMNS
    rows: list[Row] = [_column_row(column, keys.get(column.name, ""), privileges) for column in columns]
    if statement.full:
        return ShowResult(_COLUMN_HEADS, rows)
    return ShowResult(tuple(_COLUMN_HEADS[at] for at in _BRIEF), [tuple(row[at] for at in _BRIEF) for row in rows])


def _column_row(column: Column, key: str, privileges: str) -> Row:
    sql_type = column.sql_type
    is_text = (sql_type.kind in CHARS or sql_type.kind in (Kind.ENUM, Kind.SET)) and not column.declared
    return (
        column.name, column_type_text(column), sql_type.collation if is_text else None, "YES" if column.nullable else "NO", key,
        objects.shown_default(column), objects.extra(column), privileges, column.comment,
    )


# ── SHOW CREATE ──────────────────────────────────────────────────────────────────────────────────────────────────


def _created(kind: str, *more: str) -> tuple[ResultColumn, ...]:
    return _heads((kind, "varchar(64)"), (f"Create {kind}", "varchar(1024)"), *((name, "varchar(64)") for name in more))


def _create_table(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    _, relation = _must_get_relation(statement.table, context.info)
    if isinstance(relation, View):
        return _create_view(statement, context)
    if isinstance(relation, Table):
        text = show_create.show_create_table(relation, context.info.statistics(relation).next_auto_increment)
    elif isinstance(relation, SequenceObject):
        text = _sequence_as_table(relation)
    else:
        text = _info_table_text(relation)
    return ShowResult(_created("Table"), [(relation.name, text)])


def _info_table_text(table: InfoTable) -> str:
    lines = ",\n".join(
        f"  `{column.name}` {type_text(column.sql_type)}{'' if column.nullable else ' NOT NULL'}" for column in table.columns
    )
    return f"CREATE TEMPORARY TABLE `{table.name}` (\n{lines}\n) ENGINE=MEMORY DEFAULT CHARSET=utf8mb3 COLLATE={COLLATION}"


def _sequence_as_table(sequence: SequenceObject) -> str:
    whole = show_create.show_create_table(Table(sequence.schema, sequence.name, 0, objects.SEQUENCE_COLUMNS))
    return whole[: whole.rindex(") ENGINE")] + ") ENGINE=InnoDB SEQUENCE=1"


def _create_view(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    schema, relation = _must_get_relation(statement.table, context.info)
    if not isinstance(relation, View):
        raise error("WRONG_OBJECT", schema, statement.table.name, "VIEW")
    row = (relation.name, show_create.show_create_view(relation), "utf8mb4", "utf8mb4_general_ci")
    return ShowResult(_created("View", "character_set_client", "collation_connection"), [row])


def _create_sequence(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    schema, relation = _must_get_relation(statement.table, context.info)
    if not isinstance(relation, SequenceObject):
        raise error("NOT_SEQUENCE", schema, statement.table.name)
    return ShowResult(_created("Table"), [(relation.name, show_create.show_create_sequence(relation))])


def _create_database(statement: ast.Show, context: ShowContext) -> ShowResult:
    name = _must_get_database(statement.database, context.info)
    database = context.info.catalog.database(name)
    if database is None:
        text = f"CREATE DATABASE `{name}` /*!40100 DEFAULT CHARACTER SET utf8mb3 COLLATE {COLLATION} */"
    else:
        text = show_create.show_create_database(database, if_not_exists=statement.if_not_exists)
    return ShowResult(_created("Database"), [(name, text)])


def _create_procedure(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    name, schema = statement.table.name, statement.table.schema or context.info.database
    if schema is None:
        raise error("NO_DB")
    procedure = context.info.catalog.procedure(schema, name)
    if procedure is None:
        raise error("SP_DOES_NOT_EXIST", "PROCEDURE", name)
    text = show_create.show_create_procedure(procedure, name)
    collation = context.info.catalog.databases[procedure.schema].collation
    row = (name, routines.sql_mode_of(procedure), text, *routines.CHARSET_COLUMNS, collation)
    heads = ("Procedure", "sql_mode", "Create Procedure", "character_set_client", "collation_connection", "Database Collation")
    return ShowResult(_heads(*((head, "varchar(1024)" if head.startswith("Create") else "varchar(64)") for head in heads)), [row])


def _create_routine(statement: ast.Show, context: ShowContext) -> ShowResult:
    assert statement.table is not None
    kind = statement.what.removeprefix("CREATE ")
    if kind == "TRIGGER":
        raise error("TRG_DOES_NOT_EXIST")
    if kind == "EVENT":
        raise error("EVENT_DOES_NOT_EXIST", statement.table.name)
    raise error("SP_DOES_NOT_EXIST", kind, statement.table.name)


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _account(statement: ast.Show, context: ShowContext) -> tuple[str, str]:
    return statement.user or context.info.user


def _grants(statement: ast.Show, context: ShowContext) -> ShowResult:
    user, host = _account(statement, context)
    if statement.user is not None and (user, host) not in context.info.accounts:
        raise error("NONEXISTING_GRANT", user, host)
    return ShowResult(_heads((f"Grants for {user}@{host}", "varchar(1024)")), [(GRANT_ALL.format(user, host),)])


def _create_user(statement: ast.Show, context: ShowContext) -> ShowResult:
    user, host = _account(statement, context)
    if statement.user is not None and (user, host) not in context.info.accounts:
        raise error("PASSWORD_NO_MATCH")
    text = f"CREATE USER `{user}`@`{host}`"
    found = context.authentication(user, host)
    if found is not None:
        text += f" IDENTIFIED VIA {found[0]} USING '{found[1]}'"
    return ShowResult(_heads((f"CREATE USER for {user}@{host}", "varchar(1024)")), [(text,)])


# ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────


def _variables(statement: ast.Show, context: ShowContext) -> ShowResult:
    source = context.info.variables if statement.what == "VARIABLES" else context.info.status
    rows: list[Row] = [*sorted(source(statement.scope or "SESSION"), key=lambda item: item[0].lower())]
    return ShowResult(_heads(("Variable_name", "varchar(64)"), ("Value", "varchar(4096)")), rows)


def _warnings(statement: ast.Show, context: ShowContext) -> ShowResult:
    listed = [item for item in context.warnings if statement.what == "WARNINGS" or item.level == "Error"]
    if statement.limit is not None:
        skip = _limit_value(statement.limit.offset, 0)
        listed = listed[skip : skip + _limit_value(statement.limit.count, len(listed))]
    heads = _heads(("Level", "varchar(7)"), ("Code", "int(4) unsigned"), ("Message", "varchar(512)"))
    return ShowResult(heads, [(item.level, item.errno, item.message) for item in listed])


def _limit_value(expr: ast.Expr | None, default: int) -> int:
    return expr.value if isinstance(expr, ast.Literal) and isinstance(expr.value, int) else default


def _count(statement: ast.Show, context: ShowContext) -> ShowResult:
    word = "warning" if statement.what == "COUNT WARNINGS" else "error"
    count = context.warnings_count if word == "warning" else context.errors_count
    return ShowResult(_heads((f"@@session.{word}_count", "bigint(21) unsigned?")), [(count,)])


_PROCESS_HEADS: Final = _heads(
    ("Id", "bigint(11)"), ("User", "varchar(128)"), ("Host", "varchar(64)"), ("db", "varchar(64)?"), ("Command", "varchar(16)"),
    ("Time", "int(7)"), ("State", "varchar(30)?"), ("Info", "longtext?"),
) + (ResultColumn("Progress", SqlType(Kind.FLOAT, 7, 3), False),)


def _processlist(statement: ast.Show, context: ShowContext) -> ShowResult:
    rows: list[Row] = []
    for item in context.info.processes():
        info = item.info if item.info is None or statement.full else item.info[:PROCESS_INFO_MAX]
        rows.append((item.id, item.user, item.host, item.database, item.command, item.time_s, item.state, info, 0.0))
    return ShowResult(_PROCESS_HEADS, rows)


def _engine_status(statement: ast.Show, context: ShowContext) -> ShowResult:
    heads = _heads(("Type", "varchar(10)"), ("Name", "varchar(512)"), ("Status", "varchar(10)"))
    return ShowResult(heads, [("InnoDB", "", "")] if statement.what == "ENGINE STATUS" else [])


def _binary_logs(statement: ast.Show, context: ShowContext) -> ShowResult:
    raise error("NO_BINARY_LOGGING")


def _empty(*specs: tuple[str, str]) -> Callable[[ast.Show, ShowContext], ShowResult]:
    heads = _heads(*specs)
    return lambda statement, context: ShowResult(heads, [])


_SLAVE_HEADS: Final = _heads(
    ("Slave_IO_State", "varchar(30)"), ("Master_Host", "varchar(766)"), ("Master_User", "varchar(385)"),
    ("Master_Port", "int(7) unsigned"), ("Connect_Retry", "int(10)"), ("Slave_IO_Running", "varchar(10)"),
    ("Slave_SQL_Running", "varchar(3)"), ("Last_Errno", "int(4)"), ("Last_Error", "varchar(1024)"),
    ("Master_SSL_Allowed", "varchar(7)"), ("Master_SSL_CA_File", "varchar(1024)"), ("Seconds_Behind_Master", "bigint(10)?"),
    ("Master_SSL_Verify_Server_Cert", "varchar(3)"), ("Last_IO_Errno", "int(4)"), ("Last_IO_Error", "varchar(1024)"),
    ("Last_SQL_Errno", "int(4)"), ("Last_SQL_Error", "varchar(1024)"), ("Master_Server_Id", "int(10) unsigned"),
    ("Using_Gtid", "varchar(15)"), ("Parallel_Mode", "varchar(15)"), ("Slave_SQL_Running_State", "varchar(64)"),
)  # fmt: skip


def _slave_status(statement: ast.Show, context: ShowContext) -> ShowResult:
    """Of MariaDB's columns those that mean something here."""
    found = context.replica
    return ShowResult(_SLAVE_HEADS, [tuple([found[head.name] for head in _SLAVE_HEADS])] if found is not None else [])


PRIVILEGES: Final[list[Row]] = [
    ("Alter", "Tables", "To alter the table"),
    ("Alter routine", "Functions,Procedures", "To alter or drop stored functions/procedures"),
    ("Create", "Databases,Tables,Indexes", "To create new databases and tables"),
    ("Create routine", "Databases", "To use CREATE FUNCTION/PROCEDURE"),
    ("Create temporary tables", "Databases", "To use CREATE TEMPORARY TABLE"),
    ("Create view", "Tables", "To create new views"),
    ("Create user", "Server Admin", "To create new users"),
    ("Delete", "Tables", "To delete existing rows"),
    ("Drop", "Databases,Tables", "To drop databases, tables, and views"),
    ("Event", "Server Admin", "To create, alter, drop and execute events"),
    ("Execute", "Functions,Procedures", "To execute stored routines"),
    ("File", "File access on server", "To read and write files on the server"),
    ("Grant option", "Databases,Tables,Functions,Procedures", "To give to other users those privileges you possess"),
    ("Index", "Tables", "To create or drop indexes"),
    ("Insert", "Tables", "To insert data into tables"),
    ("Lock tables", "Databases", "To use LOCK TABLES (together with SELECT privilege)"),
    ("Process", "Server Admin", "To view the plain text of currently executing queries"),
    ("References", "Databases,Tables", "To have references on tables"),
    ("Reload", "Server Admin", "To reload or refresh tables, logs and privileges"),
    ("Select", "Tables", "To retrieve rows from table"),
    ("Show databases", "Server Admin", "To see all databases with SHOW DATABASES"),
    ("Show view", "Tables", "To see views with SHOW CREATE VIEW"),
    ("Shutdown", "Server Admin", "To shut down the server"),
    ("Super", "Server Admin", "To use KILL thread, SET GLOBAL, CHANGE MASTER, etc."),
    ("Trigger", "Tables", "To use triggers"),
    ("Update", "Tables", "To update existing rows"),
    ("Usage", "Server Admin", "No privileges - allow connect only"),
]


def _privileges(statement: ast.Show, context: ShowContext) -> ShowResult:
    return ShowResult(_heads(("Privilege", "varchar(10)"), ("Context", "varchar(15)"), ("Comment", "varchar(64)")), PRIVILEGES)


_PEOPLE: Final = (("Name", "varchar(40)"), ("Location", "varchar(40)"), ("Comment", "varchar(512)"))

_FORMS: Final[dict[str, Callable[[ast.Show, ShowContext], ShowResult]]] = {
    "COLUMNS": _columns,
    "CREATE TABLE": _create_table,
    "CREATE VIEW": _create_view,
    "CREATE SEQUENCE": _create_sequence,
    "CREATE DATABASE": _create_database,
    "CREATE PROCEDURE": _create_procedure,
    **{f"CREATE {kind}": _create_routine for kind in ("TRIGGER", "FUNCTION", "EVENT", "PACKAGE", "PACKAGE BODY")},
    "CREATE USER": _create_user,
    "GRANTS": _grants,
    "PRIVILEGES": _privileges,
    "VARIABLES": _variables,
    "STATUS": _variables,
    "WARNINGS": _warnings,
    "ERRORS": _warnings,
    "COUNT WARNINGS": _count,
    "COUNT ERRORS": _count,
    "PROCESSLIST": _processlist,
    "ENGINE STATUS": _engine_status,
    "ENGINE MUTEX": _engine_status,
    "ENGINE LOGS": _engine_status,
    "BINARY LOGS": _binary_logs,
    "OPEN TABLES": _empty(
        ("Database", "varchar(64)"), ("Table", "varchar(64)"), ("In_use", "bigint(1)"), ("Name_locked", "bigint(4)")
    ),
    "MASTER STATUS": _empty(
        ("File", "varchar(512)"), ("Position", "bigint(20) unsigned"), ("Binlog_Do_DB", "varchar(255)"),
        ("Binlog_Ignore_DB", "varchar(255)"),
    ),
    "SLAVE STATUS": _slave_status,
    "SLAVE HOSTS": _empty(
        ("Server_id", "int(10) unsigned"), ("Host", "varchar(20)"), ("Port", "int(7) unsigned"), ("Master_id", "int(10) unsigned")
    ),
    "PROFILES": _empty(("Query_ID", "int(10) unsigned"), ("Duration", "double"), ("Query", "varchar(40)")),
    "AUTHORS": _empty(*_PEOPLE),
    "CONTRIBUTORS": _empty(*_PEOPLE),
}
