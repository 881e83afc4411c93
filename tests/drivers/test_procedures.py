"""Procedures, over the protocol: results one after another, parameters, errors in the middle."""

from __future__ import annotations

import threading
import time
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from tests.servers import Server


def results(cursor: Any, sql: str) -> list[tuple[tuple[Any, ...], ...]]:
    """The rows of every result set."""
    cursor.execute(sql)
    found = []
    while True:
        if cursor.description:
            found.append(cursor.fetchall())
        if not cursor.nextset():
            return found


@pytest.fixture
def shop(database: Server) -> Server:
    with database.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(10))")
        cursor.execute("INSERT INTO goods VALUES (1, 'x'), (2, 'y')")
    return database


def test_results_one_after_another(shop: Server) -> None:
    with shop.connect(database="drivers", client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE PROCEDURE p(a INT, s VARCHAR(5)) COMMENT 'c' BEGIN SELECT a * 2; INSERT INTO goods VALUES (a, s);"
            " SELECT id, name, a FROM goods WHERE id <= a ORDER BY id; UPDATE goods SET name = s; SET @z = a; END; SELECT 'after'"
        )
        assert cursor.nextset()
        assert cursor.fetchall() == (("after",),)
        assert results(cursor, "CALL p(5, 'z')") == [((10,),), ((1, "x", 5), (2, "y", 5), (5, "z", 5))]
        assert results(cursor, "SELECT @z, COUNT(*) FROM goods WHERE name = 'z'") == [((5, 3),)]
        assert results(cursor, "CALL p('6', 'u'); SELECT 1")[1:] == [
            ((1, "z", 6), (2, "z", 6), (5, "z", 6), (6, "u", 6)),
            ((1,),),
        ]
        with pytest.raises(pymysql.IntegrityError) as caught:
            results(cursor, "CALL p(6, 'u')")
        assert caught.value.args[0] == 1062
        assert results(cursor, "SELECT 2") == [((2,),)]


def test_errors(shop: Server) -> None:
    with shop.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE PROCEDURE p(a INT) SELECT a")
        for sql, errno in {
            "CREATE PROCEDURE P() SELECT 1": 1304,
            "CALL p()": 1318,
            "CALL nothing()": 1305,
            "CALL p('word')": 1366,
            "CREATE PROCEDURE q(a INT, A INT) SELECT 1": 1330,
            "DROP PROCEDURE nothing": 1305,
            "CREATE PROCEDURE q() BEGIN SELECT 1 END": 1064,
        }.items():
            with pytest.raises(pymysql.MySQLError) as caught:
                cursor.execute(sql)
            assert caught.value.args[0] == errno, sql
        cursor.execute("CREATE PROCEDURE IF NOT EXISTS p() SELECT 1")
        cursor.execute("DROP PROCEDURE IF EXISTS nothing")
        cursor.execute("CREATE OR REPLACE PROCEDURE p() SELECT 7")
        assert results(cursor, "CALL p") == [((7,),)]
        cursor.execute("DROP PROCEDURE p")
        with pytest.raises(pymysql.MySQLError):
            cursor.execute("CALL p")


def test_names_are_of_the_procedures_database(shop: Server) -> None:
    with shop.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE PROCEDURE p(id INT) SELECT COUNT(*) FROM goods WHERE goods.id = id")
    with shop.connect() as connection, connection.cursor() as cursor:
        assert results(cursor, "CALL drivers.p(2)") == [((1,),)]
        assert results(cursor, "SELECT DATABASE()") == [((None,),)]


def test_waiting_for_a_lock_in_the_middle(shop: Server) -> None:
    with shop.connect(database="drivers") as one, shop.connect(database="drivers") as two:
        mine, other = one.cursor(), two.cursor()
        mine.execute(
            "CREATE PROCEDURE p(a INT) BEGIN SELECT a; UPDATE goods SET name = 'p' WHERE id = a; SELECT name FROM goods WHERE id = a; END"
        )
        other.execute("BEGIN")
        other.execute("UPDATE goods SET name = 'o' WHERE id = 1")
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.extend(results(mine, "CALL p(1)")))
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        other.execute("COMMIT")
        thread.join(10)
        assert found == [((1,),), (("p",),)]


def test_transactions(shop: Server) -> None:
    with shop.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE PROCEDURE p() BEGIN DELETE FROM goods; INSERT INTO goods VALUES (9, 'n'); END")
        cursor.execute("BEGIN")
        cursor.execute("CALL p()")
        assert cursor.rowcount == 3
        cursor.execute("ROLLBACK")
        assert results(cursor, "SELECT COUNT(*) FROM goods") == [((2,),)]
