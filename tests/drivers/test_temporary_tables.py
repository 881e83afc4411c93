"""Temporary tables in transactions."""

from __future__ import annotations

import threading

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


def test_sessions_with_temporary_tables_define_others_at_the_same_time(database: Server) -> None:
    def work(number: int) -> None:
        with database.connect(database="drivers", autocommit=False) as connection, connection.cursor() as cursor:
            for turn in range(20):
                name = f"t{number}_{turn}"
                cursor.execute(f"CREATE TEMPORARY TABLE {name} (a INT)")
                connection.rollback()
                cursor.execute(f"INSERT INTO {name} VALUES (1)")  # it is missing, and made again
                cursor.execute(f"CREATE TABLE {name}_other (a INT)")
                cursor.execute(f"SELECT COUNT(*) FROM {name}")
                done[number] += cursor.fetchone()[0]
                cursor.execute(f"DROP TABLE {name}, {name}_other")

    done = [0, 0, 0]
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [20, 20, 20]
