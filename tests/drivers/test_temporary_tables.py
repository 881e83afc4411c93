"""Temporary tables in transactions."""

from __future__ import annotations

from tests.servers import Server


def test_a_temporary_table_outlives_rollback(database: Server) -> None:
    with database.connect(database="drivers", autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        for _ in range(2):
            cursor.execute("INSERT INTO t VALUES (1)")
            cursor.execute("CREATE TEMPORARY TABLE x (id INT AUTO_INCREMENT PRIMARY KEY, b INT UNIQUE)")
            cursor.execute("INSERT INTO x (b) VALUES (5), (6)")
            cursor.execute("SHOW CREATE TABLE x")
            connection.rollback()
            cursor.execute("SHOW CREATE TABLE x")
            cursor.execute("SELECT * FROM x")
            assert cursor.fetchall() == ()
            cursor.execute("INSERT INTO x (b) VALUES (5)")
            connection.rollback()
            cursor.execute("DROP TEMPORARY TABLE x")
        cursor.execute("SELECT * FROM t")
        assert cursor.fetchall() == ()
