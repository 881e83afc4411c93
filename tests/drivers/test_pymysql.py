from __future__ import annotations

from pathlib import Path

import pymysql
import pymysql.cursors
import pytest
from pymysql.constants import CLIENT

from tests.drivers import story
from tests.servers import Server


def test_story(database: Server) -> None:
    story.tell(lambda: database.connect(database="drivers", autocommit=False), pymysql)


def test_wrong_password(database: Server) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(host=database.host, port=database.port, user="root", password="wrong")
    assert caught.value.args[0] == 1045
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(host=database.host, port=database.port, user="nobody", password="")
    assert caught.value.args[0] == 1045
    with pytest.raises(pymysql.OperationalError) as caught:
        database.connect(database="no_such_database")
    assert caught.value.args[0] == 1049


def test_dict_and_streaming_cursors(database: Server) -> None:
    with database.connect(database="drivers") as connection:
        with connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SELECT 1 AS a, 'x' AS b")
            assert cursor.fetchall() == [{"a": 1, "b": "x"}]
        with connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n")
            assert sum(row[0] for row in cursor) == 900 * 901 // 2


def test_multi_statements(database: Server) -> None:
    with database.connect(database="drivers", client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); SELECT a FROM t ORDER BY a; SELECT 'end'")
        assert cursor.nextset()
        assert cursor.rowcount == 2
        assert cursor.nextset()
        assert cursor.fetchall() == ((1,), (2,))
        assert cursor.nextset()
        assert cursor.fetchall() == (("end",),)
        assert not cursor.nextset()
        with pytest.raises(pymysql.ProgrammingError):
            cursor.execute("SELECT 1; SELEC 2")
            cursor.nextset()
        cursor.execute("SELECT 3")
        assert cursor.fetchone() == (3,)
    with database.connect() as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.ProgrammingError) as caught:
            cursor.execute("SELECT 1; SELECT 2")
        assert caught.value.args[0] == 1064


def test_found_rows_flag(database: Server) -> None:
    for flag, matched in ((CLIENT.FOUND_ROWS, 2), (0, 0)):
        with database.connect(database="drivers", client_flag=flag) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE OR REPLACE TABLE t (a INT)")
            cursor.execute("INSERT INTO t VALUES (1), (1)")
            assert cursor.execute("UPDATE t SET a = 1") == matched


def test_load_data_local(database: Server, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,name\n1,"Ann, A."\n2,Bob\n3,\\N\n')
    with database.connect(database="drivers", local_infile=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE l (id INT PRIMARY KEY, name VARCHAR(20))")
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE l FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES"
        )
        assert cursor.rowcount == 3
        cursor.execute("SELECT * FROM l ORDER BY id")
        assert cursor.fetchall() == ((1, "Ann, A."), (2, "Bob"), (3, None))


def test_ping_select_db_and_kill(database: Server) -> None:
    with database.connect() as connection, database.connect() as other:
        connection.ping(reconnect=False)
        connection.select_db("drivers")
        with connection.cursor() as cursor:
            cursor.execute("SELECT DATABASE()")
            assert cursor.fetchone() == ("drivers",)
        other.kill(connection.thread_id())
        with pytest.raises(pymysql.MySQLError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def test_tls(database: Server) -> None:
    if database.name == "mariadb":
        pytest.skip("this MariaDB is started without a certificate")
    with database.connect(ssl={"check_hostname": False, "verify_mode": False}) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        assert cursor.fetchone()[1]
