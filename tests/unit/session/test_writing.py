"""Corners of INSERT and UPDATE that no golden script shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fauna.errors import SqlError
from fauna.session.session import Session

from .conftest import rows


def failure(session: Session, text: str) -> SqlError:
    with pytest.raises(SqlError) as caught:
        session.run(text)
    return caught.value


@pytest.mark.parametrize("text", ["UPDATE t SET a = 5", "UPDATE t SET a = 5 ORDER BY id LIMIT 2", "UPDATE t SET a = (SELECT 5)"])
def test_a_duplicate_key_shows_its_entry(session: Session, text: str) -> None:
    session.run("CREATE TABLE t (id INT PRIMARY KEY, a INT UNIQUE)")
    session.run("INSERT INTO t VALUES (1, 1), (2, 2)")
    assert failure(session, text).message == "Duplicate entry '5' for key 'a'"
    assert rows(session, "SELECT * FROM t ORDER BY id") == [(1, 1), (2, 2)]


def test_a_duplicate_over_two_columns_shows_what_did_not_change_as_well(session: Session) -> None:
    session.run("CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(5), UNIQUE k (a, b))")
    session.run("INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'x')")
    assert failure(session, "UPDATE t SET a = 1 WHERE id = 2").message == "Duplicate entry '1-x' for key 'k'"


def test_auto_increment_with_increment_and_offset(session: Session) -> None:
    session.run("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    session.run("SET auto_increment_increment = 10, auto_increment_offset = 3")
    session.run("INSERT INTO t (v) VALUES (1), (2), (3)")
    assert [i for (i,) in rows(session, "SELECT id FROM t ORDER BY id")] == [3, 13, 23]


def test_a_number_is_not_given_twice_when_another_table_is_defined_in_between(open_session: Callable[[], Session]) -> None:
    a, b = open_session(), open_session()
    for name in "tu":
        a.run(f"CREATE TABLE {name} (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    a.run("INSERT INTO u (v) VALUES (1), (2)")
    a.run("BEGIN")
    a.run("INSERT INTO t (v) VALUES (1)")
    b.run("ALTER TABLE u AUTO_INCREMENT = 100")
    b.run("INSERT INTO u (v) VALUES (3)")
    b.run("INSERT INTO t (v) VALUES (2)")
    a.run("COMMIT")
    assert rows(b, "SELECT id, v FROM t ORDER BY id") == [(1, 1), (2, 2)]
    assert rows(b, "SELECT MAX(id) FROM u") == [(100,)]
    a.run("TRUNCATE TABLE u")
    b.run("INSERT INTO u (v) VALUES (4)")
    assert rows(b, "SELECT id FROM u") == [(1,)]


def test_columns_of_the_select_in_on_duplicate_key_update(session: Session) -> None:
    session.run("CREATE TABLE t (k INT PRIMARY KEY, total INT)")
    session.run("CREATE TABLE src (k INT, n INT)")
    session.run("INSERT INTO t VALUES (1, 10)")
    session.run("INSERT INTO src VALUES (1, 5), (1, 7), (2, 1)")
    session.run("INSERT INTO t SELECT k, n FROM src ORDER BY n DESC ON DUPLICATE KEY UPDATE total = total + src.n")
    assert rows(session, "SELECT * FROM t ORDER BY k") == [(1, 22), (2, 1)]


def test_many_rows_are_planned_anew_after_ddl_of_another_session(open_session: Callable[[], Session]) -> None:
    a, b = open_session(), open_session()
    a.run("CREATE TABLE t (id INT PRIMARY KEY, v INT DEFAULT 7)")
    text = "INSERT INTO t (id) VALUES ({}), ({})"
    a.execute(text.format(1, 2), inline=False)
    b.run("ALTER TABLE t ADD w INT NOT NULL DEFAULT 9")
    a.execute(text.format(3, 4), inline=False)
    assert rows(a, "SELECT w FROM t WHERE id > 2") == [(9,), (9,)]


def test_temporary_tables_do_not_end_a_transaction(session: Session) -> None:
    session.run("CREATE TABLE t (id INT)")
    session.run("BEGIN")
    session.run("INSERT INTO t VALUES (1)")
    session.run("CREATE TEMPORARY TABLE tmp (a INT)")
    session.run("ALTER TABLE tmp ADD b INT DEFAULT 2")
    session.run("INSERT INTO tmp (a) VALUES (1)")
    assert rows(session, "SELECT * FROM tmp") == [(1, 2)]
    session.run("DROP TEMPORARY TABLE tmp")
    session.run("ROLLBACK")
    assert rows(session, "SELECT * FROM t") == []


def test_a_timestamp_outside_its_range_is_refused_in_every_zone(session: Session) -> None:
    session.run("CREATE TABLE t (ts TIMESTAMP)")
    for zone in ("UTC", "+02:00", "Europe/Berlin"):
        session.run(f"SET time_zone = '{zone}'")
        assert failure(session, "INSERT INTO t VALUES ('2038-02-01 00:00:00')").errno == 1292


def test_a_warning_of_an_update_is_said_once_a_row(session: Session) -> None:
    session.run("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2), w VARCHAR(9))")
    session.run("INSERT INTO t VALUES (1, 'a', 'long'), (2, 'b', 'longer')")
    session.run("SET sql_mode = ''")
    assert session.run("UPDATE t SET v = w").warnings == 2
