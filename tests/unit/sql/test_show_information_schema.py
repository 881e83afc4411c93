"""SHOW and information_schema say of the same tables what MariaDB says."""

from __future__ import annotations

from typing import Any

import pytest

from fauna.catalog.types import BYTES
from fauna.catalog.values import text_of
from fauna.errors import SqlError
from fauna.sql import ast
from fauna.sql.context import Warning_
from fauna.sql.information_schema import TABLES, InfoContext, Process, find
from fauna.sql.parse import parse
from fauna.sql.show import ShowContext, ShowResult, show
from tests.unit.catalog.ddl_harness import Server
from tests.unit.sql import oracle_info


@pytest.fixture(scope="module")
def server() -> Server:
    made = Server()
    made.ddl("create database z")
    made.database = "z"
    for text in oracle_info.TABLES:
        made.ddl(text)
    return made


def context(server: Server, **more: Any) -> ShowContext:
    info = InfoContext(
        server.catalog,
        database=server.database,
        variables=lambda scope: [("version", "10"), ("autocommit", scope)],
        processes=lambda: [Process(7, "root", "localhost:1", "z", "Query", 0, "", "x" * 200)],
    )
    return ShowContext(info, **more)


def answer(server: Server, text: str, **more: Any) -> ShowResult:
    statement = parse(text)
    assert isinstance(statement, (ast.Show, ast.Describe))
    return show(statement, context(server, **more))


@pytest.mark.parametrize("table", oracle_info.COMPARED)
def test_information_schema(server: Server, table: str) -> None:
    schema, left_out = oracle_info.COMPARED[table]
    info = TABLES[table]
    keep = [at for at, column in enumerate(info.columns) if column.name not in left_out]
    at_schema = info.position(schema)
    rows = [
        [None if row[at] is None else str(row[at]) for at in keep]
        for row in info.rows(context(server).info)
        if row[at_schema] == "z"
    ]
    assert sorted(rows, key=str) == oracle_info.recorded()[table]


@pytest.mark.parametrize("text", [key for key in oracle_info.recorded() if key.startswith("SHOW")])
def test_show(server: Server, text: str) -> None:
    result = answer(server, text)
    shown = [[column.name for column in result.columns]]
    shown += [[None if value is None else str(value) for value in row] for row in result.rows]
    assert shown == oracle_info.recorded()[text]


def test_every_row_has_every_column_and_fits_its_type(server: Server) -> None:
    info = context(server).info
    for name, table in TABLES.items():
        for row in table.rows(info):
            assert len(row) == len(table.columns), name
            for value, column in zip(row, table.columns, strict=True):
                if value is None:
                    assert column.nullable or name in ("COLUMNS",), (name, column.name)
                    continue
                text = text_of(column.sql_type)(value)
                assert isinstance(text, bytes) == (column.sql_type.kind in BYTES), (name, column.name)


def test_names_are_found_in_any_case() -> None:
    assert find("schemata") is TABLES["SCHEMATA"]
    assert find("nope") is None


def test_where_becomes_a_query_over_the_rows(server: Server) -> None:
    result = answer(server, "show columns from t where `Type` like 'int%' and `Null` = 'YES'")
    assert isinstance(result.filter, ast.Select)
    assert isinstance(result.filter.source, ast.DerivedTable)
    assert result.filter.source.columns[1:] == ("Field", "Type", "Null", "Key", "Default", "Extra")
    assert result.kept([1, 0]) == result.rows[:2]
    assert answer(server, "show index from f").filter is None


def test_like_on_variables(server: Server) -> None:
    assert answer(server, "show global variables like 'AUTO%'").rows == [("autocommit", "GLOBAL")]
    assert [column.name for column in answer(server, "show tables like 't%'").columns] == ["Tables_in_z (t%)"]


def test_warnings(server: Server) -> None:
    listed = (Warning_("Note", 1050, "a"), Warning_("Error", 1062, "b"), Warning_("Warning", 1265, "c"))
    more: dict[str, Any] = {"warnings": listed, "warnings_count": 9, "errors_count": 1}
    assert [row[1] for row in answer(server, "show warnings", **more).rows] == [1050, 1062, 1265]
    assert [row[1] for row in answer(server, "show warnings limit 1, 5", **more).rows] == [1062, 1265]
    assert [row[1] for row in answer(server, "show errors", **more).rows] == [1062]
    assert answer(server, "show count(*) warnings", **more).rows == [(9,)]


def test_processlist_cuts_the_statement(server: Server) -> None:
    assert len(answer(server, "show processlist").rows[0][7]) == 100  # type: ignore[arg-type]
    assert len(answer(server, "show full processlist").rows[0][7]) == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "errno"),
    [
        ("show columns from nope", 1146),
        ("show tables from nope", 1049),
        ("show create table nope", 1146),
        ("show create view t", 1347),
        ("show create sequence t", 4089),
        ("show create database nope", 1049),
        ("show binary logs", 1381),
        ("show create procedure p", 1305),
        ("show create trigger p", 1360),
        ("show grants for nobody@localhost", 1141),
        ("show index from nope.t", 1049),
        ("show table status from nope", 1049),
    ],
)
def test_what_does_not_exist(server: Server, text: str, errno: int) -> None:
    with pytest.raises(SqlError) as caught:
        answer(server, text)
    assert caught.value.errno == errno


@pytest.mark.parametrize(
    "text",
    [
        "show engines",
        "show plugins",
        "show collation",
        "show privileges",
        "show grants",
        "show create user",
        "show triggers",
        "show events",
        "show procedure status",
        "show function status",
        "show master status",
        "show slave status",
        "show profiles",
        "show open tables",
        "show engine innodb status",
        "show status",
        "show table status",
        "show full columns from t",
        "show keys from t",
        "show character set",
        "show databases",
        "describe t",
        "desc t id",
        "show index from information_schema.tables",
    ],
)
def test_answers(server: Server, text: str) -> None:
    result = answer(server, text)
    assert all(len(row) == len(result.columns) for row in result.rows)


@pytest.mark.oracle
def test_recorded_answers_are_mariadbs(mariadb_server: Any) -> None:
    with mariadb_server.connect(autocommit=True, charset="utf8mb4") as connection:
        assert oracle_info.ask(connection) == oracle_info.recorded()
