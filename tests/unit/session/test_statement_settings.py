"""SET STATEMENT … FOR a query: each text has its own settings, and texts of one shape share a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fauna.catalog.types import varchar
from fauna.errors import SqlError
from fauna.node import Node
from fauna.session.result import LocalInfile, MustMove
from fauna.session.session import Session
from fauna.sql.bind import dml
from tests.unit.session.test_retention import now
from tests.unit.session.test_shards import ask, connect, opened

Rows = list[tuple[Any, ...]]
Read = Callable[[str], Rows]


@pytest.fixture(params=[1, 4])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    made = opened(tmp_path / "data", request.param)
    yield made
    made.close()


@pytest.fixture
def session(node: Node) -> Session:
    made = connect(node)
    ask(made, "CREATE DATABASE shop")
    ask(made, "USE shop")
    ask(made, "SET time_zone = '+00:00'")
    ask(made, "CREATE TABLE item (id INT PRIMARY KEY, n INT)")
    return made


@pytest.fixture(params=["text", "prepared"])
def read(session: Session, request: pytest.FixtureRequest) -> Read:
    def of_text(text: str) -> Rows:
        result = session.execute(text, inline=False)
        assert not isinstance(result, LocalInfile)
        if result.durable is not None:
            result.durable.wait()
        return list(result.rows)

    return of_text if request.param == "text" else lambda text: ask(session, text)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The queries that are planned from here on."""
    planned: list[object] = []
    bind = dml.bind_query_plan

    def counting(context: Any, query: Any, *rest: Any) -> Any:
        planned.append(query)
        return bind(context, query, *rest)

    monkeypatch.setattr(dml, "bind_query_plan", counting)
    return planned


def test_texts_that_differ_in_values_share_a_plan(session: Session, bound: list[object]) -> None:
    times = []
    for n in range(5):
        ask(session, f"REPLACE INTO item VALUES (1, {n}), (2, {10 * n})")
        times.append(now(session))
    bound.clear()
    for n, time in enumerate(times):
        for key, expected in ((1, n), (2, 10 * n)):
            text = f"SET STATEMENT system_versioning_asof = '{time}' FOR SELECT n FROM item WHERE id = {key}"
            result = session.execute(text, inline=False)
            assert not isinstance(result, LocalInfile)
            assert list(result.rows) == [(expected,)]
    assert len(bound) == 1
    assert ask(session, "SELECT n FROM item WHERE id = 2") == [(40,)]


def test_a_prepared_statement_keeps_its_plan(session: Session, bound: list[object]) -> None:
    times = []
    for n in range(5):
        ask(session, f"REPLACE INTO item VALUES (1, {n})")
        times.append(now(session))
    statement = session.prepare("SET STATEMENT system_versioning_asof = ? FOR SELECT n + ? FROM item WHERE id = 1")
    bound.clear()
    for n, time in enumerate(times):
        moment = (varchar(26), time)
        result = session.execute_prepared(statement.statement_id, [moment, (varchar(1), "5")], inline=False)
        assert not isinstance(result, LocalInfile)
        assert [float(row[0]) for row in result.rows] == [n + 5.0]
    assert len(bound) == 1


def test_each_time_has_the_plan_of_its_catalog(session: Session, read: Read) -> None:
    ask(session, "INSERT INTO item VALUES (1, 10)")
    before = now(session)
    ask(session, "ALTER TABLE item ADD COLUMN stock INT DEFAULT 7")
    after = now(session)
    for _ in range(2):
        assert read(f"SET STATEMENT system_versioning_asof = '{before}' FOR SELECT * FROM item") == [(1, 10)]
        assert read(f"SET STATEMENT system_versioning_asof = '{after}' FOR SELECT * FROM item") == [(1, 10, 7)]
        assert read("SET STATEMENT system_versioning_asof = 'DEFAULT' FOR SELECT * FROM item") == [(1, 10, 7)]
        with pytest.raises(SqlError) as refused:
            read("SET STATEMENT system_versioning_asof = 'soon' FOR SELECT * FROM item")
        assert refused.value.errno == 1231
    assert read("SELECT @@system_versioning_asof") == [("DEFAULT",)]


def test_settings_hold_each_time_and_for_the_statement_alone(session: Session, read: Read) -> None:
    ask(session, "INSERT INTO item VALUES (1, 10), (2, 20), (3, 30)")
    for _ in range(2):
        for limit in (1, 2):
            assert len(read(f"SET STATEMENT sql_select_limit = {limit} FOR SELECT * FROM item")) == limit
        for digits in (2, 9):
            text = f"SET STATEMENT div_precision_increment = {digits} FOR SELECT CAST(1 / 3 AS CHAR(40))"
            assert read(text) == [("0." + "3" * digits,)]
        # The scope of plans stays as it is, and the session's own plan of the same query is there.
        for wait in (3, 4):
            shown = "SELECT @@innodb_lock_wait_timeout FROM item WHERE id = 1"
            assert read(f"SET STATEMENT innodb_lock_wait_timeout = {wait} FOR {shown}") == [(wait,)]
            assert read(shown) == [(50,)]
        assert len(read("SELECT * FROM item")) == 3


def test_a_text_is_read_as_it_was_before(session: Session, read: Read) -> None:
    """What shapes the text itself is not taken from another text of the same shape."""
    for _ in range(2):
        for length in (1, 2):
            moment = f"CAST('UTC--' AS CHAR({length}))"
            with pytest.raises(SqlError, match="'U'" if length == 1 else "'UT'"):
                read(f"SET STATEMENT time_zone = {moment} FOR SELECT 5")
            assert read(f"SET STATEMENT div_precision_increment = 4 FOR SELECT CAST('abc' AS CHAR({length}))") == [
                ("abc"[:length],)
            ]
        assert read("SET STATEMENT sql_mode = 'ANSI_QUOTES', sql_select_limit = 9 FOR SELECT 'a' || 'b'") == [(0,)]
        assert read('SET STATEMENT sql_mode = "PIPES_AS_CONCAT" FOR SELECT "a"') == [("a",)]
        for seconds in (0, 60):
            text = f"SET STATEMENT timestamp = {seconds} + 60 FOR SELECT UNIX_TIMESTAMP()"
            assert read(text) == [(seconds + 60,)]


def test_changes_are_made_under_settings(session: Session, read: Read) -> None:
    for n in (1, 2):
        read(f"SET STATEMENT innodb_lock_wait_timeout = 5 FOR INSERT INTO item VALUES ({n}, 1), ({n + 10}, 2)")
        read(f"SET STATEMENT innodb_lock_wait_timeout = 5 FOR UPDATE item SET n = n + 1 WHERE id = {n}")
    read("SET STATEMENT innodb_lock_wait_timeout = 5 FOR DELETE FROM item WHERE id = 11")
    assert read("SELECT * FROM item ORDER BY id") == [(1, 2), (2, 2), (12, 2)]


def test_what_cannot_be_done_at_once_leaves_no_setting_behind(session: Session) -> None:
    text = "SET STATEMENT innodb_lock_wait_timeout = 7 FOR SELECT COUNT(*) > 0, @@innodb_lock_wait_timeout FROM fauna.blocks"
    for _ in range(2):
        with pytest.raises(MustMove):
            session.execute(text, inline=True)
        assert session.variables.values["innodb_lock_wait_timeout"] == 50
        result = session.execute(text, inline=False)
        assert not isinstance(result, LocalInfile)
        assert list(result.rows) == [(1, 7)]


def test_a_value_that_is_out_of_range_is_quoted(session: Session, read: Read) -> None:
    for value in (9223372036854775807, 9223372036854775806):
        with pytest.raises(SqlError, match=f"1690.*{value}"):
            read(f"SET STATEMENT div_precision_increment = 5 FOR SELECT {value} + 2")
