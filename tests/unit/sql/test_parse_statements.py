"""Statements: what is accepted, what it becomes, and where it is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fauna.errors import SqlError
from fauna.sql import ast
from fauna.sql.ast import Literal, LiteralKind, Name, TableName
from fauna.sql.parse import parse, parse_full
from fauna.sql.parse.keywords import RESERVED
from tests.servers import Server

_STATEMENTS = Path(__file__).parent / "statements"
VALID = (_STATEMENTS / "valid.sql").read_text().splitlines()
BROKEN = (_STATEMENTS / "broken.sql").read_text().splitlines()

# MariaDB refuses these and we do not mind them.
LENIENT = ("select lag(a, 1, 0)", "select default(a), values(a)", "create table t (a int, b int as (a+1), c int generated",
           "drop index if exists i on t algorithm=copy", "show extended columns")  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_accepted(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("text", BROKEN)
def test_refused(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.errno == 1064


def test_mariadb_accepts_and_refuses_the_same(mariadb_server: Server) -> None:
    """Prepared rather than run, so that nothing happens to the server."""
    with mariadb_server.connect() as connection, connection.cursor() as cursor:
        for text in VALID:
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            refused = _errno_and_near(cursor, f"PREPARE s FROM '{quoted}'")[0] == 1064
            assert not refused or text.startswith(LENIENT), text


def test_mariadb_refuses_at_the_same_place(mariadb_server: Server) -> None:
    with (
        mariadb_server.database("broken"),
        mariadb_server.connect(database="broken") as connection,
        connection.cursor() as cursor,
    ):
        for text in BROKEN:
            with pytest.raises(SqlError) as caught:
                parse(text)
            assert (1064, _near(caught.value.message)) == _errno_and_near(cursor, text), text


def _errno_and_near(cursor: object, text: str) -> tuple[int, str]:
    try:
        cursor.execute(text)  # type: ignore[attr-defined]
    except Exception as problem:
        errno, message = problem.args
        return errno, _near(message) if errno == 1064 else ""
    return 0, ""


def _near(message: str) -> str:
    match = re.search(r"near '(.*)' at line (\d+)$", message, re.S)
    return f"{match[1]} @{match[2]}" if match else ""


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("selct 1", "selct 1 @1"),
        ("select 1 from", " @1"),
        ("select 1,\n2\nfrom t whre a = 1", "a = 1 @3"),
        ("select * from order", "order @1"),
        ("select a,,b from t", "b from t @1"),
        ("select (1 + 2", " @1"),
        ("select 'abc", "'abc @1"),
        ("select 1 1;", "1 @1"),
        (f"select 1 2 {'x' * 100}", ("2 " + "x" * 100)[:80] + " @1"),
    ],
)
def test_near_text(text: str, near: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.errno == 1064
    assert _near(caught.value.message) == near


@pytest.mark.parametrize("text", ["", ";", "  ", "-- x", "/* x */"])
def test_empty(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.errno == 1065


def test_reserved_words_are_names_only_after_a_dot_or_quoted() -> None:
    for word in sorted(RESERVED - {"DUAL"}):
        parse(f"select t.{word}, `{word}` from t")
        with pytest.raises(SqlError):
            parse(f"select 1 as {word}")


def one_select(text: str) -> ast.Select:
    statement = parse(text)
    assert isinstance(statement, ast.QueryStatement) and isinstance(statement.query, ast.Select)
    return statement.query


def one(number: int, index: int) -> Literal:
    return Literal(LiteralKind.INTEGER, number, index)


def test_an_on_belongs_to_the_last_join_without_one() -> None:
    source = one_select("select 1 from a left join b join c on b.x = c.x on a.x = b.x").source
    assert isinstance(source, ast.Join) and source.kind == "LEFT" and isinstance(source.right, ast.Join)
    source = one_select("select 1 from a join b join c on a.x = c.x").source
    assert isinstance(source, ast.Join) and isinstance(source.left, ast.Join) and source.left.on is None and source.on is not None


def test_set_operations_group_to_the_left_and_intersect_binds_tighter() -> None:
    statement = parse("select 1 union select 2 intersect select 3 except select 4 order by 1 limit 2")
    assert isinstance(statement, ast.QueryStatement)
    query = statement.query
    assert isinstance(query, ast.SetOperation) and query.op == "EXCEPT" and query.limit == ast.Limit(one(2, 5))
    assert isinstance(query.left, ast.SetOperation) and query.left.op == "UNION"
    assert isinstance(query.left.right, ast.SetOperation) and query.left.right.op == "INTERSECT"


def test_limit_and_offset() -> None:
    assert one_select("select 1 limit 2, 3").limit == ast.Limit(one(3, 2), one(2, 1))
    assert one_select("select 1 limit 3 offset 2").limit == ast.Limit(one(3, 1), one(2, 2))


def test_insert() -> None:
    statement = parse("insert ignore into d.t (a, b) values (1, default) as new (x, y) on duplicate key update a = values(a)")
    assert statement == ast.Insert(
        TableName("t", "d"), ("a", "b"), ((one(1, 0), ast.DefaultValue()),), ignore=True, row_alias="new", row_alias_columns=("x", "y"),
        on_duplicate=(ast.Assignment(Name(("a",)), ast.InsertedValue(Name(("a",)))),),
    )  # fmt: skip


def test_column_attributes_in_any_order() -> None:
    statement = parse(
        "create table t (a int unsigned comment 'c' default 5 not null primary key auto_increment invisible hashed check (a > 0))"
    )
    assert isinstance(statement, ast.CreateTable)
    column = statement.elements[0]
    assert isinstance(column, ast.ColumnDef)
    assert column.type == ast.TypeName("INT", unsigned=True)
    assert (column.comment, column.nullable, column.primary_key, column.auto_increment) == ("c", False, True, True)
    assert (column.invisible, column.hashed, column.default_text, column.checks[0].text) == (True, True, "5", "a > 0")


def test_sharding_clauses() -> None:
    statement = parse(
        "create table t (a int, s varchar(9) encrypted deterministic, r text encrypted) engine=innodb partition by key (a)"
    )
    assert isinstance(statement, ast.CreateTable) and statement.options.shard_key == ("a",)
    assert [e.encrypted for e in statement.elements if isinstance(e, ast.ColumnDef)] == ["", "DETERMINISTIC", "RANDOM"]
    statement = parse("create table t (a int) broadcast comment 'x'")
    assert isinstance(statement, ast.CreateTable) and statement.options.placement == "BROADCAST"
    statement = parse("create table t (a int) partition by range (a) (partition p values less than (1))")
    assert isinstance(statement, ast.CreateTable) and statement.options.partition_by.startswith("partition by range")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("integer", ast.TypeName("INT")),
        ("bool", ast.TypeName("TINYINT", 1)),
        ("numeric(5,2)", ast.TypeName("DECIMAL", 5, 2)),
        ("double precision", ast.TypeName("DOUBLE")),
        ("float(30)", ast.TypeName("DOUBLE")),
        ("nvarchar(5)", ast.TypeName("VARCHAR", 5, charset="utf8")),
        ("character varying(5)", ast.TypeName("VARCHAR", 5)),
        ("long varchar", ast.TypeName("MEDIUMTEXT")),
        (
            "enum('a','b') character set utf8mb4 collate utf8mb4_bin",
            ast.TypeName("ENUM", charset="utf8mb4", collation="utf8mb4_bin", members=("a", "b")),
        ),
        ("char(3) binary", ast.TypeName("CHAR", 3, binary=True)),
        ("int(5) zerofill", ast.TypeName("INT", 5, unsigned=True, zerofill=True)),
    ],
)
def test_types(written: str, expected: ast.TypeName) -> None:
    statement = parse(f"create table t (a {written})")
    assert isinstance(statement, ast.CreateTable) and isinstance(statement.elements[0], ast.ColumnDef)
    assert statement.elements[0].type == expected


def test_set_forms() -> None:
    statement = parse("set @a = 1, @@session.b = on, global c = default, names utf8mb4 collate utf8mb4_bin")
    assert statement == ast.SetStatement((
        ast.SetUserVariable("a", one(1, 0)),
        ast.SetSystemVariable("b", Name(("on",)), "SESSION"),
        ast.SetSystemVariable("c", None, "GLOBAL"),
        ast.SetNames("utf8mb4", "utf8mb4_bin"),
    ))  # fmt: skip
    assert parse("set session transaction isolation level read committed, read only") == ast.SetTransaction(
        "SESSION", "READ COMMITTED", True
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("create definer=root@localhost trigger x before insert on t for each row set @a = 1", "CREATE TRIGGER"),
        ("create or replace function f() returns int begin return 1; end", "CREATE FUNCTION"),
        ("drop function if exists f", "DROP FUNCTION"),
        ("grant all on *.* to a@b", "GRANT"),
        ("begin not atomic select 1; end", "BEGIN NOT ATOMIC"),
    ],
)
def test_understood_but_unsupported(text: str, what: str) -> None:
    assert parse(text) == ast.Unsupported(what)


def test_markers_are_numbered_as_written() -> None:
    parsed = parse_full("select * from t where a in (?, ?) and b = (select ?) limit ?")
    assert parsed.markers == 4
    assert parsed.statement.query.limit == ast.Limit(ast.Marker(3))  # type: ignore[attr-defined]


def test_many_parentheses_in_from_do_not_take_exponential_time() -> None:
    with pytest.raises(SqlError):
        parse("select * from " + "(" * 40 + "select 1")


def system_time(text: str) -> ast.SystemTime:
    statement = parse(f"SELECT * FROM t FOR SYSTEM_TIME {text} x")
    assert isinstance(statement, ast.QueryStatement) and isinstance(statement.query, ast.Select)
    assert isinstance(statement.query.source, ast.NamedTable) and statement.query.source.alias == "x"
    assert statement.query.source.system_time is not None
    return statement.query.source.system_time


def test_system_time() -> None:
    day = Literal(LiteralKind.STRING, "2024-07-01", 0)
    now = ast.Call("NOW", (Literal(LiteralKind.INTEGER, 6),))
    assert system_time("ALL") == ast.SystemTime("ALL")
    assert system_time("AS OF '2024-07-01'") == system_time("AS OF TIMESTAMP '2024-07-01'") == ast.SystemTime("AS OF", day)
    assert system_time("FROM TIMESTAMP '2024-07-01' TO NOW()") == ast.SystemTime("FROM", day, now)
    assert system_time("BETWEEN CURRENT_TIMESTAMP AND NOW(6)") == ast.SystemTime(
        "BETWEEN", now, system_time("AS OF NOW(6)").start
    )
    for text in ("FOR SYSTEM_TIME", "FOR SYSTEM_TIME AS OF", "FOR SYSTEM_TIME BETWEEN 1", "x FOR SYSTEM_TIME ALL"):
        with pytest.raises(SqlError) as caught:
            parse(f"SELECT * FROM t {text}")
        assert caught.value.errno == 1064


def test_the_time_of_as_of_has_a_slot() -> None:
    """So that one plan serves every time."""
    assert parse_full("SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-07-01' WHERE a = 1").structural == ()
    assert parse_full("SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-07-01' + INTERVAL 1 DAY").structural == (0,)


def test_delete_history_is_not_delete() -> None:
    with pytest.raises(SqlError) as caught:
        parse("DELETE HISTORY FROM t")
    assert caught.value.errno == 1235
