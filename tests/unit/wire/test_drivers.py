"""Real drivers against the memory backend: connect, every type in both protocols, errors, big packets, LOCAL INFILE."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

from fauna.catalog.types import (
    DATE_TYPE,
    INT_TYPE,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    datetime_type,
    decimal_type,
    time_type,
    to_wide,
    varchar,
)
from fauna.session.result import LocalInfile, Result, ResultColumn
from tests.unit.wire.conftest import Running
from tests.unit.wire.memory_backend import MemorySession, column, rows_of, table_of

ROOT = Path(__file__).resolve().parents[3]
EXTENSION_CRASHES_MAX = 5

UTF8 = "utf8mb4_general_ci"
EVERY_TYPE: list[tuple[str, SqlType, Any, Any]] = [
    ("ti", SqlType(Kind.TINYINT), -5, -5),
    ("si", SqlType(Kind.SMALLINT), -500, -500),
    ("mi", SqlType(Kind.MEDIUMINT), -70000, -70000),
    ("i", INT_TYPE, -(2**31), -(2**31)),
    ("bi", SqlType(Kind.BIGINT), -(2**63), -(2**63)),
    ("tu", SqlType(Kind.TINYINT, unsigned=True), 255, 255),
    ("bu", UBIGINT_TYPE, (2**64 - 1).to_bytes(8, "big"), 2**64 - 1),
    ("de", decimal_type(10, 2), -12345, Decimal("-123.45")),
    ("dw", decimal_type(40, 3), to_wide(10**30 + 1), Decimal("1000000000000000000000000000.001")),
    ("fl", SqlType(Kind.FLOAT, 12, 31), 0.5, 0.5),
    ("do", SqlType(Kind.DOUBLE, 22, 31), 1.25e-7, 1.25e-7),
    ("ye", SqlType(Kind.YEAR, 4), 2024, 2024),
    ("da", DATE_TYPE, "2024-02-29", datetime.date(2024, 2, 29)),
    ("dt", datetime_type(), "2024-02-29 13:14:15", datetime.datetime(2024, 2, 29, 13, 14, 15)),
    ("d6", datetime_type(6), "2024-02-29 13:14:15.000016", datetime.datetime(2024, 2, 29, 13, 14, 15, 16)),
    ("ts", SqlType(Kind.TIMESTAMP), "2024-02-29 00:00:00", datetime.datetime(2024, 2, 29)),
    ("tm", time_type(), -3_723_000_000, -datetime.timedelta(hours=1, minutes=2, seconds=3)),
    ("t6", time_type(6), 45_000_001, datetime.timedelta(seconds=45, microseconds=1)),
    ("ch", SqlType(Kind.CHAR, 10, collation=UTF8), "grün 日本 🎉", "grün 日本 🎉"),
    ("vc", varchar(300), "x" * 300, "x" * 300),
    ("tx", SqlType(Kind.TEXT, collation=UTF8), "ä" * 40_000, "ä" * 40_000),
    ("bn", SqlType(Kind.VARBINARY, 5, collation="binary"), b"\x00\xff\x80", b"\x00\xff\x80"),
    ("bl", SqlType(Kind.LONGBLOB, collation="binary"), b"\xfe" * 70_000, b"\xfe" * 70_000),
    ("en", SqlType(Kind.ENUM, members=("a", "ü"), collation=UTF8), 2, "ü"),
    ("js", SqlType(Kind.JSON, collation="utf8mb4_bin"), '{"a": [1]}', '{"a": [1]}'),
    ("nu", INT_TYPE, None, None),
    ("nc", varchar(10), None, None),
]
COLUMNS = tuple(column(name, sql_type, org_name=name, table="t", org_table="t") for name, sql_type, _, _ in EVERY_TYPE)
STORED = tuple(stored for _, _, stored, _ in EVERY_TYPE)
EXPECTED = tuple(expected for _, _, _, expected in EVERY_TYPE)


def _every_type(running: Running, *texts: str) -> None:
    for text in texts:
        running.backend.columns[text] = COLUMNS
        running.backend.answers[text] = lambda session, inline: table_of(COLUMNS, [STORED, STORED])


def _connect(running: Running, **options: Any) -> Any:
    return pymysql.connect(host="127.0.0.1", port=running.port, **{"user": "root", "password": "secret", **options})


def _ssl() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# --- PyMySQL ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("user", ["root", "old"])
def test_pymysql_logs_in_twice(running: Running, user: str, tls: bool) -> None:
    for _ in range(2):  # the full path, then the fast one
        connection = _connect(running, user=user, **({"ssl": _ssl()} if tls else {"ssl_disabled": True}))
        cursor = connection.cursor()
        cursor.execute("SELECT 7")
        assert cursor.fetchall() == ((7,),)
        assert connection.get_server_info() == "10.11.14-MariaDB-FaunaDB"
        connection.close()


def test_pymysql_reads_every_type(running: Running) -> None:
    _every_type(running, "SELECT all")
    with _connect(running, charset="utf8mb4") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT all")
        assert cursor.fetchall() == (EXPECTED, EXPECTED)
        assert [entry[0] for entry in cursor.description] == [name for name, *_ in EVERY_TYPE]


@pytest.mark.parametrize("user", ["root", "old", "ghost"])
@pytest.mark.parametrize(("password", "using"), [("wrong", "YES"), ("", "NO")])
def test_wrong_password_is_1045(running: Running, user: str, password: str, using: str) -> None:
    with pytest.raises(pymysql.err.OperationalError) as caught:
        _connect(running, user=user, password=password)
    assert caught.value.args == (1045, f"Access denied for user '{user}'@'localhost' (using password: {using})")


def test_unknown_database_is_1049(running: Running) -> None:
    with pytest.raises(pymysql.err.OperationalError) as caught:
        _connect(running, database="missing")
    assert caught.value.args[0] == 1049


def test_ok_packet_carries_everything(running: Running) -> None:
    info = "Rows matched: 5  Changed: 300  Warnings: 2"
    running.backend.answers["UPDATE t"] = lambda session, inline: Result(
        affected_rows=300, insert_id=2**40, warnings=2, info=info
    )
    with _connect(running) as connection:
        cursor = connection.cursor()
        assert cursor.execute("UPDATE t") == 300
        assert cursor.lastrowid == 2**40
        assert info.encode() in connection._result.message
        assert connection._result.warning_count == 2


def test_status_follows_the_session(running: Running) -> None:
    with _connect(running) as connection:
        connection.query("BEGIN")
        assert connection.server_status & 1
        connection.query("COMMIT")
        assert not connection.server_status & 1


def test_multi_statements_stop_at_the_first_error(running: Running) -> None:
    with _connect(running, client_flag=1 << 16) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1; BEGIN; SELECT 2")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)
        assert not cursor.nextset()
        cursor.execute("SELECT 1; nonsense; SELECT 2")
        with pytest.raises(pymysql.err.ProgrammingError):
            cursor.nextset()
        cursor.execute("SELECT 3")
        assert cursor.fetchall() == ((3,),)
        assert running.backend.statements_run[-2:] == ["nonsense", "SELECT 3"]


def test_without_the_flag_a_text_is_one_statement(running: Running) -> None:
    with _connect(running) as connection, pytest.raises(pymysql.err.ProgrammingError):
        connection.query("SELECT 1; SELECT 2")


def test_20_mb_both_ways(running: Running) -> None:
    big = "0123456789abcdef" * (20 * 65536)
    with _connect(running, max_allowed_packet=64 << 20, charset="utf8mb4") as connection:
        cursor = connection.cursor()
        cursor.execute("echo " + big)
        assert cursor.fetchall() == ((big,),)
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)


def test_a_too_long_statement_is_1153(start: Callable[..., Running]) -> None:
    running = start()
    running.backend.variables["max_allowed_packet"] = 1 << 20
    for size in (2 << 20, 40 << 20):
        connection = _connect(running)
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection.query("echo " + "x" * size)
        assert caught.value.args[0] == 1153


def test_binary_literals_arrive_unharmed(running: Running) -> None:
    seen: list[bytes] = []

    def answer(session: MemorySession, inline: bool) -> Result:
        return Result()

    with _connect(running, charset="utf8mb4") as connection:
        text = "INSERT _binary'\udcff\udc80'"
        running.backend.answers[text] = answer
        connection._execute_command(3, b"INSERT _binary'\xff\x80'")
        connection._read_query_result()
        seen.append(running.backend.statements_run[-1].encode("utf-8", "surrogateescape"))
    assert seen == [b"INSERT _binary'\xff\x80'"]


def test_latin1_client(running: Running) -> None:
    with _connect(running, charset="latin1") as connection:
        cursor = connection.cursor()
        cursor.execute("echo Größe €")
        assert cursor.fetchall() == (("Größe €",),)
        cursor.execute("SET NAMES utf8mb4")
        connection.encoding = "utf-8"
        cursor.execute("echo 日本")
        assert cursor.fetchall() == (("日本",),)


def test_local_infile(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"1,a\n" * 3_000_000)
    loaded: list[int] = []

    def load(pieces: Any) -> Result:
        loaded.append(sum(len(piece) for piece in pieces))
        return Result(affected_rows=3_000_000)

    running.backend.answers["LOAD"] = lambda session, inline: LocalInfile(str(file), load)
    with _connect(running, local_infile=True) as connection:
        cursor = connection.cursor()
        assert cursor.execute("LOAD") == 3_000_000
        assert loaded == [12_000_000]
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)


def test_local_infile_that_fails_early(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"1,a\n" * 3_000_000)

    def load(pieces: Any) -> Result:
        next(pieces)
        raise pymysql_error()

    def pymysql_error() -> Exception:
        from fauna.errors import error

        return error("DUP_ENTRY", "1", "PRIMARY")

    running.backend.answers["LOAD"] = lambda session, inline: LocalInfile(str(file), load)
    with _connect(running, local_infile=True) as connection:
        cursor = connection.cursor()
        with pytest.raises(pymysql.err.IntegrityError):
            cursor.execute("LOAD")
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)


def test_local_infile_not_offered_by_the_client(running: Running) -> None:
    running.backend.answers["LOAD"] = lambda session, inline: LocalInfile("/etc/passwd", lambda pieces: Result())
    with _connect(running) as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection.query("LOAD")
        assert caught.value.args[0] == 4166
        connection.ping(reconnect=False)


def test_other_commands(running: Running) -> None:
    with _connect(running) as connection, _connect(running) as other:
        connection.ping(reconnect=False)
        connection.select_db("shop")
        with pytest.raises(pymysql.err.OperationalError):
            connection.select_db("missing")
        assert running.backend.sessions[connection.thread_id()].database == "shop"
        connection.kill(other.thread_id())
        with pytest.raises(pymysql.err.OperationalError):
            for _ in range(100):
                other.ping(reconnect=False)
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection.kill(99999)
        assert caught.value.args[0] == 1094


def test_a_fault_of_ours_is_1105_and_no_more(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    def answer(session: MemorySession, inline: bool) -> Result:
        raise ZeroDivisionError("secret path /etc")

    running.backend.answers["BREAK"] = answer
    with _connect(running) as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection.query("BREAK")
        assert caught.value.args == (1105, "Internal error; see the server's log")
        connection.query("SELECT 1")
    assert "ZeroDivisionError" in caplog.text


def test_require_secure_transport(start: Callable[..., Running]) -> None:
    running = start(require_secure_transport=True)
    with pytest.raises(pymysql.err.MySQLError) as caught:
        _connect(running, ssl_disabled=True)
    assert caught.value.args[0] == 3159
    _connect(running, ssl=_ssl()).close()


def test_too_many_connections_is_1040(start: Callable[..., Running]) -> None:
    running = start(max_connections=2)
    open_ones = [_connect(running), _connect(running)]
    with pytest.raises(pymysql.err.OperationalError) as caught:
        _connect(running)
    assert caught.value.args == (1040, "Too many connections")
    open_ones.pop().close()
    for _ in range(100):
        try:
            _connect(running).close()
            break
        except pymysql.err.OperationalError:
            pass
    else:
        pytest.fail("the place did not become free")


# --- mysqlclient -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "old"])
def test_mysqlclient(running: Running, user: str) -> None:
    database = pytest.importorskip("MySQLdb")
    _every_type(running, "SELECT all")
    connection = database.connect(host="127.0.0.1", port=running.port, user=user, passwd="secret", charset="utf8mb4")
    cursor = connection.cursor()
    cursor.execute("SELECT all")
    rows = cursor.fetchall()
    assert len(rows) == 2
    assert rows[0] == EXPECTED
    assert connection.stat() == "Uptime: 1  Threads: 1"
    connection.change_user("old", "secret", "shop")
    cursor.execute("SELECT database()")
    assert cursor.fetchall() == (("shop",),)
    with pytest.raises(database.OperationalError):
        connection.change_user("old", "wrong")
    connection.close()


def test_mysqlclient_compressed_multi_and_unbuffered(running: Running) -> None:
    database = pytest.importorskip("MySQLdb")
    from MySQLdb.cursors import SSCursor

    values = [f"row {i} " + "y" * 50 for i in range(50_000)]
    running.backend.answers["SELECT many"] = lambda session, inline: rows_of(values, varchar(100))
    connection = database.connect(
        host="127.0.0.1", port=running.port, user="old", passwd="secret", compress=True, cursorclass=SSCursor, charset="utf8mb4"
    )
    cursor = connection.cursor()
    cursor.execute("SELECT many")
    assert [row[0] for row in cursor] == values
    cursor.execute("SELECT 1; SELECT 2")
    assert cursor.fetchall() == ((1,),)
    assert cursor.nextset()
    assert cursor.fetchall() == ((2,),)
    big = "z" * (20 << 20)
    cursor.execute("echo " + big)
    assert cursor.fetchall() == ((big,),)
    connection.close()


# --- mysql-connector-python --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pure", [True, False])
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("user", ["root", "old"])
def test_mysql_connector(running: Running, pure: bool, tls: bool, user: str) -> None:
    connector = pytest.importorskip("mysql.connector")
    if not pure and not connector.HAVE_CEXT:
        pytest.skip("the C extension does not load here")
    _every_type(running, "SELECT all")
    # In the binary protocol Connector/Python reads a YEAR as a string and loses the sign of a TIME, from any server; its
    # C extension reads those two well, but a BIGINT UNSIGNED above the signed ones as a negative number.
    misread = ("ye", "tm") if pure else ("bu",)
    kept = [i for i, (name, *_) in enumerate(EVERY_TYPE) if name not in misread]
    columns, stored = tuple(COLUMNS[i] for i in kept), tuple(STORED[i] for i in kept)
    text = "SELECT all WHERE a = ? AND b = ?"
    running.backend.columns[text] = columns
    running.backend.answers[text] = lambda session, inline: table_of(columns, [stored, stored])
    if not tls:
        # Without TLS it sends the password as it is, which is refused; it can log in once the password is in the cache.
        with pytest.raises(connector.Error):
            connector.connect(
                host="127.0.0.1", port=running.port, user="root", password="secret", ssl_disabled=True, use_pure=True
            )
        _connect(running).close()
    options: dict[str, Any] = {"host": "127.0.0.1", "port": running.port, "user": user, "password": "secret"}
    if user == "old" and not pure:
        pytest.skip("the C extension no longer ships mysql_native_password")
    options |= {"use_pure": pure, "ssl_disabled": not tls, "charset": "utf8mb4"}
    connection = connector.connect(**options)
    cursor = connection.cursor()
    cursor.execute("SELECT all")
    rows = cursor.fetchall()
    assert _same(rows[0])
    if pure:
        mysql_connector_prepares(connection, kept)
    else:
        # In a process of its own: executing a prepared statement, the C extension of 9.7 writes four bytes into memory that is
        # no longer its own (valgrind: MySQLPrepStmt_execute, mysql_capi.c), and anything later may end in a segmentation fault:
        # when that takes this process with it, another one asks again.
        program = f"from tests.unit.wire import test_drivers\ntest_drivers.connect_and_prepare({options!r}, {kept!r})"
        for _ in range(EXTENSION_CRASHES_MAX):
            running.backend.params_run.clear()
            done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
            if done.returncode != -signal.SIGSEGV:
                break
        assert done.returncode == 0, done.stderr
    values = [tuple(value for _, value in params) for params in running.backend.params_run]
    assert values[0] == (1, "ä")
    assert values[1] == (2**40, b"\xff")
    assert values[2][0] is None
    assert values[3][0] == "2024-01-02"
    connection.cmd_reset_connection()
    connection.cmd_change_user("old" if pure else "root", "secret", "shop")
    assert connection.is_connected()
    connection.close()


def mysql_connector_prepares(connection: Any, kept: list[int]) -> None:
    prepared = connection.cursor(prepared=True)
    for first, second in ((1, "ä"), (2**40, b"\xff"), (None, 2.5), (datetime.date(2024, 1, 2), Decimal("1.50"))):
        prepared.execute("SELECT all WHERE a = %s AND b = %s", (first, second))
        assert _same(prepared.fetchall()[0], kept)
    prepared.close()


def connect_and_prepare(options: dict[str, Any], kept: list[int]) -> None:
    import mysql.connector

    with mysql.connector.connect(**options) as connection:
        mysql_connector_prepares(connection, kept)
    os._exit(0)  # without a look at the memory that it has damaged


def _same(row: tuple[Any, ...], kept: list[int] | None = None) -> bool:
    """Connector/Python gives some kinds other Python types: compare loosely, but compare."""
    entries = EVERY_TYPE if kept is None else [EVERY_TYPE[i] for i in kept]
    for got, (name, _, _, expected) in zip(row, entries, strict=True):
        if isinstance(got, (bytearray, bytes)) and isinstance(expected, str):
            got = bytes(got).decode()
        if isinstance(got, bytearray):
            got = bytes(got)
        if isinstance(expected, datetime.date) and not isinstance(expected, datetime.datetime):
            got = got.date() if isinstance(got, datetime.datetime) else got
        if isinstance(expected, Decimal):
            got = Decimal(str(got))
        if got != expected and got != {expected}:
            raise AssertionError(f"{name}: {got!r} is not {expected!r}")
    return True


@pytest.mark.parametrize("pure", [True, False])
def test_mysql_connector_compressed(running: Running, pure: bool) -> None:
    connector = pytest.importorskip("mysql.connector")
    if not pure and not connector.HAVE_CEXT:
        pytest.skip("the C extension does not load here")
    connection = connector.connect(
        host="127.0.0.1", port=running.port, user="root", password="secret", compress=True, use_pure=pure
    )
    cursor = connection.cursor()
    for size in (10, 1000, 20 << 20):
        cursor.execute("echo " + "a" * size)
        assert cursor.fetchall()[0][0] == "a" * size
    connection.close()


# --- asyncmy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "old"])
def test_asyncmy(running: Running, user: str) -> None:
    asyncmy = pytest.importorskip("asyncmy")
    _every_type(running, "SELECT all")

    async def run() -> Any:
        connection = await asyncmy.connect(host="127.0.0.1", port=running.port, user=user, password="secret", charset="utf8mb4")
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT all")
            rows = await cursor.fetchall()
        await connection.ensure_closed()
        return rows

    assert asyncio.run(run())[0] == EXPECTED


# --- the mariadb client ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "old"])
@pytest.mark.parametrize("options", [[], ["--ssl"], ["--compress"], ["--ssl", "--compress"]])
def test_mariadb_client(running: Running, user: str, options: list[str]) -> None:
    program = shutil.which("mariadb")
    if program is None:
        pytest.skip("the mariadb client is not installed")
    _every_type(running, "SELECT all")
    command = [program, "--no-defaults", "-h127.0.0.1", f"-P{running.port}", f"-u{user}", "-psecret", "-B", *options]
    done = subprocess.run([*command, "-e", "SELECT all; SELECT 5; echo grün"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    assert lines[0].split("\t") == [name for name, *_ in EVERY_TYPE]
    assert lines[-1] == "grün"
    assert lines[-3] == "5"


def test_field_list(running: Running) -> None:
    database = pytest.importorskip("MySQLdb")
    columns: tuple[ResultColumn, ...] = (column("a", INT_TYPE),)
    running.backend.answers["SELECT a"] = lambda session, inline: table_of(columns, [(1,)])
    connection = database.connect(host="127.0.0.1", port=running.port, user="old", passwd="secret")
    cursor = connection.cursor()
    cursor.execute("SELECT a")
    assert cursor.fetchall() == ((1,),)
    connection.close()
