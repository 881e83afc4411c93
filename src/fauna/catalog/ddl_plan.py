"""What planning a DDL statement is given and what it gives."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import SqlType, Stored
from fauna.errors import CONDITIONS
from fauna.sql import ast
from fauna.sql.context import Warning_

ScriptLine = tuple[str, tuple[Stored, ...]]
Temporaries = Mapping[tuple[str, str], Table]

# Temporary tables have ids from here up: none of them is known to the catalog, and after a crash all are garbage.
TEMPORARY_IDS = 1 << 40
STRICT_MODES = frozenset({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"})


@dataclass(frozen=True, slots=True)
class DdlContext:
    """What planning may know of the session, and the functions of the SQL layer that it needs (the catalog is below
    that layer, so they are handed in).

    compile_expression  (table, expr) -> SQLite text over the table's physical column names, and its type; only
                        deterministic expressions
    deparse             MariaDB's normalised text of an expression
    parse_expression    the way back
    convert_constant    stored form of a constant as a value of the column's type; raises when it does not fit
    store_expression    (source type, target type, SQLite text, column) -> SQLite text that converts, raising as an
                        assignment in strict mode does
    select_columns      names, types and nullability of a query's columns
    now_utc, now_local  'YYYY-MM-DD HH:MM:SS.ffffff'
    temporaries         the session's temporary tables
    temporary_id        a number for a new one, from TEMPORARY_IDS: unlike other ids it is in no catalog
    """

    database: str | None
    compile_expression: Callable[[Table, ast.Expr], tuple[str, SqlType]]
    deparse: Callable[[ast.Expr], str]
    parse_expression: Callable[[str], ast.Expr]
    convert_constant: Callable[[ast.Expr, SqlType], Stored]
    store_expression: Callable[[SqlType, SqlType, str, str], str]
    select_columns: Callable[[ast.Query], Sequence[tuple[str, SqlType, bool]]]
    sql_mode: frozenset[str] = STRICT_MODES
    now_utc: str = "1970-01-01 00:00:00.000000"
    now_local: str = ""
    foreign_key_checks: bool = True
    user: tuple[str, str] = ("root", "localhost")
    temporaries: Temporaries = field(default_factory=dict)
    temporary_id: Callable[[], int] = lambda: TEMPORARY_IDS + secrets.randbits(48)

    @property
    def strict(self) -> bool:
        return bool(STRICT_MODES & self.sql_mode)


@dataclass(frozen=True, slots=True)
class DdlPlan:
    """catalog      the next catalog; the same object when nothing changes (IF NOT EXISTS)
    script          SQLite statements, to run in order in one transaction on each shard
    warnings        for the session's list
    fill            CREATE TABLE … SELECT: the INSERT to run after the script, in the same transaction
    temporaries     the session's temporary tables afterwards
    commits         whether the statement commits the open transaction (not for temporary tables)
    database        what USE should become: None after the current database was dropped
    affected_rows   for the client; when count_rows is not empty, what that query gives after the script has run
    """

    catalog: Catalog
    script: tuple[ScriptLine, ...] = ()
    warnings: tuple[Warning_, ...] = ()
    fill: ast.Insert | None = None
    temporaries: Temporaries = field(default_factory=dict)
    commits: bool = True
    database: str | None = None
    affected_rows: int = 0
    count_rows: str = ""


class Notes:
    """The warnings of one statement, gathered while it is planned."""

    def __init__(self) -> None:
        self.items: list[Warning_] = []

    def add(self, condition: str, *args: object, level: str = "Note") -> None:
        errno, _, template = CONDITIONS[condition]
        self.items.append(Warning_(level, errno, template.format(*args)))
