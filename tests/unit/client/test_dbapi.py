"""PEP 249, clause by clause, on MariaDB, on FaunaDB and embedded."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from typing import Any

import pytest

import fauna
from tests.servers.faunadb import environment

BEERS = ["Victoria Bitter", "Castlemaine XXXX", "Cooper's Pale", "Carlton Cold", "Boag's Dark", "七星"]


@pytest.fixture
def connection(connect_args: dict[str, Any]) -> Iterator[fauna.Connection]:
    made = fauna.connect(**connect_args)
    made.cursor().execute("CREATE TABLE booze (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))")
    yield made
    made.close()


@pytest.fixture
def filled(connection: fauna.Connection) -> fauna.Connection:
    connection.cursor().executemany("INSERT INTO booze (name) VALUES (%s)", [(beer,) for beer in BEERS])
    connection.commit()
    return connection


# ── the module ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_globals() -> None:
    assert (fauna.apilevel, fauna.threadsafety, fauna.paramstyle) == ("2.0", 1, "pyformat")


def test_all_names_are_there_and_importing_errors_stays_light() -> None:
    import subprocess
    import sys

    for name in fauna.__all__:
        getattr(fauna, name)
    with pytest.raises(AttributeError):
        fauna.nothing_like_it  # noqa: B018
    code = "import sys, fauna.errors; print([m for m in ('pymysql', 'apsw', 'prompt_toolkit', 'asyncio') if m in sys.modules])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout == "[]\n"


def test_exception_hierarchy() -> None:
    assert issubclass(fauna.Warning, Exception)
    assert issubclass(fauna.InterfaceError, fauna.Error)
    for name in ("DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError", "NotSupportedError"):
        kind = getattr(fauna, name)
        assert issubclass(kind, fauna.DatabaseError)
        assert getattr(fauna.Connection, name) is kind
    assert issubclass(fauna.DatabaseError, fauna.Error)


def test_constructors() -> None:
    ticks = time.mktime((2002, 12, 25, 13, 45, 30, 0, 0, 0))
    assert fauna.DateFromTicks(ticks) == fauna.Date(2002, 12, 25)
    assert fauna.TimeFromTicks(ticks) == fauna.Time(13, 45, 30)
    assert fauna.TimestampFromTicks(ticks) == fauna.Timestamp(2002, 12, 25, 13, 45, 30)
    assert fauna.Binary(b"x") == b"x"


def test_methods_exist() -> None:
    for name in ("close", "commit", "rollback", "cursor"):
        assert inspect.isfunction(getattr(fauna.Connection, name))
    for name in ("callproc", "close", "execute", "executemany", "fetchone", "fetchmany", "fetchall", "nextset", "setinputsizes",
                 "setoutputsize"):  # fmt: skip
        assert inspect.isfunction(getattr(fauna.Cursor, name))


# ── connections ────────────────────────────────────────────────────────────────────────────────────────────────


def test_commit_rollback_and_autocommit_off(filled: fauna.Connection, connect_args: dict[str, Any]) -> None:
    cursor = filled.cursor()
    cursor.execute("DELETE FROM booze")
    filled.rollback()
    cursor.execute("SELECT COUNT(*) FROM booze")
    assert cursor.fetchone() == (len(BEERS),)
    cursor.execute("DELETE FROM booze")
    filled.close()  # not committed
    other = fauna.connect(**connect_args)
    assert other.cursor().execute("SELECT COUNT(*) FROM booze").fetchone() == (len(BEERS),)
    other.close()


def test_context_managers(filled: fauna.Connection, connect_args: dict[str, Any]) -> None:
    with fauna.connect(**connect_args) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE booze SET name = 'x' WHERE id = 1")
    with pytest.raises(ZeroDivisionError), fauna.connect(**connect_args) as connection:
        connection.cursor().execute("DELETE FROM booze")
        raise ZeroDivisionError
    filled.rollback()
    assert filled.cursor().execute("SELECT COUNT(*), MIN(name) FROM booze WHERE id = 1").fetchone() == (1, "x")


def test_autocommit(filled: fauna.Connection, connect_args: dict[str, Any]) -> None:
    assert filled.autocommit is False
    filled.autocommit = True
    filled.cursor().execute("DELETE FROM booze")
    filled.rollback()
    assert filled.cursor().execute("SELECT COUNT(*) FROM booze").fetchone() == (0,)


def test_a_closed_connection_raises(connection: fauna.Connection) -> None:
    cursor = connection.cursor()
    connection.close()
    connection.close()
    for call in (connection.commit, connection.rollback, connection.ping, lambda: cursor.execute("SELECT 1"), cursor.fetchone):
        with pytest.raises(fauna.Error):
            call()


# ── cursors ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_description(filled: fauna.Connection) -> None:
    cursor = filled.cursor()
    assert cursor.description is None
    cursor.execute("SELECT name, id, NOW() AS t, 1.5 AS d, x'00' AS b FROM booze")
    assert cursor.description is not None
    assert [len(column) for column in cursor.description] == [7] * 5
    assert [column[0] for column in cursor.description] == ["name", "id", "t", "d", "b"]
    codes = [column[1] for column in cursor.description]
    assert codes[0] == fauna.STRING and codes[1] == fauna.NUMBER and codes[2] == fauna.DATETIME and codes[3] == fauna.NUMBER
    assert codes[0] != fauna.NUMBER
    assert cursor.description[1][6] is False
    cursor.execute("UPDATE booze SET name = name")
    assert cursor.description is None


def test_rowcount_and_lastrowid(connection: fauna.Connection) -> None:
    cursor = connection.cursor()
    assert (cursor.rowcount, cursor.lastrowid) == (-1, None)
    cursor.execute("INSERT INTO booze (name) VALUES ('a')")
    assert (cursor.rowcount, cursor.lastrowid) == (1, 1)
    cursor.execute("SELECT * FROM booze")
    assert cursor.rowcount == 1
    cursor.execute("DELETE FROM booze")
    assert cursor.rowcount == 1


def test_fetching(filled: fauna.Connection) -> None:
    cursor = filled.cursor()
    for call in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
        with pytest.raises(fauna.Error):
            call()
    cursor.execute("SELECT name FROM booze ORDER BY id")
    assert cursor.fetchone() == (BEERS[0],)
    assert cursor.fetchmany() == [(BEERS[1],)]
    assert cursor.fetchmany(2) == [(BEERS[2],), (BEERS[3],)]
    cursor.arraysize = 10
    assert cursor.fetchmany() == [(BEERS[4],), (BEERS[5],)]
    assert (cursor.fetchone(), cursor.fetchmany(), cursor.fetchall()) == (None, [], [])
    cursor.scroll(0, mode="absolute")
    assert list(cursor) == [(beer,) for beer in BEERS]
    with pytest.raises(IndexError):
        cursor.scroll(99)
    cursor.execute("UPDATE booze SET name = name")
    with pytest.raises(fauna.Error):
        cursor.fetchall()


def test_parameters(filled: fauna.Connection) -> None:
    cursor = filled.cursor()
    assert cursor.execute("SELECT id FROM booze WHERE name = %s", (BEERS[2],)).fetchall() == [(3,)]
    assert cursor.execute("SELECT id FROM booze WHERE name = %(beer)s", {"beer": BEERS[5]}).fetchall() == [(6,)]
    assert cursor.execute("SELECT name LIKE '%%Dark' FROM booze WHERE id = %s", (5,)).fetchone() == (1,)
    assert cursor.execute("SELECT name LIKE '%Dark' FROM booze WHERE id = 5").fetchone() == (1,)


def test_cursors_of_one_connection_see_each_other(filled: fauna.Connection) -> None:
    one, two = filled.cursor(), filled.cursor()
    one.execute("SELECT name FROM booze ORDER BY id")
    two.execute("DELETE FROM booze")
    assert one.fetchone() == (BEERS[0],)
    assert two.execute("SELECT COUNT(*) FROM booze").fetchone() == (0,)


def test_executemany(connection: fauna.Connection) -> None:
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO booze (name) VALUES (%(n)s)", [{"n": beer} for beer in BEERS])
    assert cursor.rowcount == len(BEERS)
    upsert = "INSERT INTO booze (id, name) VALUES (%s, UPPER(%s)) ON DUPLICATE KEY UPDATE name = 'again'"
    cursor.executemany(upsert, [(1, "b"), (99, "c")])
    assert cursor.execute("SELECT name FROM booze WHERE id IN (1, 99) ORDER BY id").fetchall() == [("again",), ("C",)]
    cursor.executemany("DELETE FROM booze WHERE id = %s", [(1,), (2,), (1000,)])
    assert cursor.rowcount == 2
    cursor.executemany("INSERT INTO booze (name) VALUES (%s)", [])
    assert cursor.rowcount == 0


def test_what_is_not_supported(connection: fauna.Connection) -> None:
    cursor = connection.cursor()
    with pytest.raises(fauna.NotSupportedError):
        cursor.callproc("p")
    cursor.execute("SELECT 1")
    assert cursor.nextset() is None
    cursor.setinputsizes([25])
    cursor.setoutputsize(1000)


def test_a_closed_cursor_raises(connection: fauna.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(fauna.ProgrammingError, match="closed"):
        cursor.fetchone()
