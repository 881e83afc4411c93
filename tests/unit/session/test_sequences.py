"""Sequences: no value twice, whatever becomes of the transaction that took it."""

from __future__ import annotations

from collections.abc import Callable

from fauna.session.session import Session

from .conftest import rows


def test_a_rolled_back_value_does_not_come_again(session: Session) -> None:
    session.run("CREATE SEQUENCE s")
    session.run("CREATE TABLE t (id BIGINT PRIMARY KEY DEFAULT (NEXTVAL(s)), v INT)")
    session.run("BEGIN")
    session.run("INSERT INTO t (v) VALUES (1)")
    session.run("ROLLBACK")
    session.run("INSERT INTO t (v) VALUES (2)")
    assert rows(session, "SELECT id, v FROM t") == [(2, 2)]


def test_one_statement_may_take_more_values_than_are_kept_ready(session: Session) -> None:
    session.run("CREATE SEQUENCE s")
    session.run("CREATE TABLE n (v INT)")
    session.run("INSERT INTO n WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 3000) SELECT i FROM r")
    assert len({value for (value,) in rows(session, "SELECT NEXTVAL(s) FROM n")}) == 3000


def test_a_transaction_with_the_lock_reserves_for_itself(open_session: Callable[[], Session]) -> None:
    a, b = open_session(), open_session()
    a.run("CREATE SEQUENCE s")
    a.run("CREATE TABLE t (id INT)")
    a.run("BEGIN")
    a.run("INSERT INTO t VALUES (1)")
    mine = rows(a, "SELECT NEXTVAL(s)")
    a.run("ROLLBACK")
    assert rows(b, "SELECT NEXTVAL(s)") != mine


def test_setval_only_goes_forward(session: Session) -> None:
    session.run("CREATE SEQUENCE s")
    assert rows(session, "SELECT SETVAL(s, 50)") == [(50,)]
    assert rows(session, "SELECT SETVAL(s, 10)") == [(None,)]
    assert rows(session, "SELECT NEXTVAL(s)") == [(51,)]
    assert rows(session, "SELECT LASTVAL(s)") == [(51,)]
