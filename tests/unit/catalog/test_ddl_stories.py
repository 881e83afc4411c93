"""DDL answers as MariaDB 10.11 does: statements, errors, warnings and SHOW, compared with what one answered."""

from __future__ import annotations

from typing import Any

import pytest

from fauna.errors import SqlError
from fauna.sql import ast
from fauna.sql.information_schema import InfoContext, TableStatistics
from fauna.sql.parse import parse
from fauna.sql.show import ShowContext, show
from tests.unit.catalog import oracle_ddl
from tests.unit.catalog.ddl_harness import Server

STORIES = oracle_ddl.stories()
# Statement -> why we answer otherwise on purpose.
DIFFERENCES: dict[str, str] = {
    "alter table p drop primary key": "1553 rather than 1025 with the name of a temporary file",
    "alter table e rename nodb.e": "1049 rather than 1025 with a storage engine's error number",
    "drop table a,b": "a parent and its child may go in one statement; MariaDB drops the child and fails",
    "drop table if exists a,b": "the same",
    "show tables": "the same",
    "drop database z": "MariaDB leaves the warnings of the statement before",
    "create or replace database z charset latin1 comment 'hey'": "the same",
    "use z": "the same",
    "set foreign_key_checks=0": "the same",
    "set foreign_key_checks=1": "the same",
    "create table k(a int, b int as (a+1) virtual) partition by key (b)": "1235: what picks the shard must be known before it",
    "create table f(a float) partition by key (a)": "1235: equality of floats is no ground to place rows by",
    "show create table ke": "KEY () is kept as the columns that it means",
    "create table k2(a int, b int not null, unique (a), unique (b)) partition by key ()": "unique keys hold across shards",
    "create table k4(a int primary key, b int) partition by key (b)": "the same",
    "show create table k4": "the same",
    "create table k3(a int primary key, b int) partition by key (a) partitions 4": "a note: the number is not kept",
    "show create table k3": "the same",
    "show create table k6": "BROADCAST, which is a comment to MariaDB",
    "create table k7(a int, foreign key (a) references ke(a)) partition by key (a)": "foreign keys hold across shards",
}


class Story:
    """One story told to our own DDL."""

    def __init__(self) -> None:
        self.server = Server()
        self.server.ddl("create database z")
        self.server.database = "z"

    def tell(self, text: str) -> oracle_ddl.Answer:
        try:
            return self._tell(text)
        except SqlError as problem:
            return {"error": [problem.errno, problem.message.replace("FaunaDB server", "MariaDB server")]}

    def _tell(self, text: str) -> oracle_ddl.Answer:
        if text == "use z":
            self.server.database = "z"
            return {}
        if text.startswith("set foreign_key_checks="):
            self.server.foreign_key_checks = text.endswith("1")
            return {}
        statement = parse(text)
        if isinstance(statement, (ast.Show, ast.Describe)):
            rows = show(statement, self._context()).rows
            return {"rows": [[None if value is None else str(value) for value in row] for row in rows]} if rows else {}
        plan = self.server.ddl(text)
        assert self.server.reload() == self.server.catalog
        return {"warnings": [[item.level, item.errno, item.message] for item in plan.warnings]} if plan.warnings else {}

    def _context(self) -> ShowContext:
        server = self.server

        def statistics(table: Any) -> TableStatistics:
            return TableStatistics(next_auto_increment=server.next_auto_increment(table))

        catalog = server.catalog.with_temporaries(server.temporaries)
        return ShowContext(InfoContext(catalog, database=server.database, statistics=statistics))


@pytest.mark.parametrize("at", range(len(STORIES)), ids=lambda at: f"{at}-{STORIES[at][0][:50]}")
def test_answers_as_mariadb(at: int) -> None:
    story = Story()
    for statement, expected in zip(STORIES[at], oracle_ddl.recorded()[at], strict=True):
        answer = story.tell(statement)
        if statement not in DIFFERENCES:
            assert answer == expected, statement


def test_differences_are_of_statements_that_exist() -> None:
    assert set(DIFFERENCES) <= {statement for story in STORIES for statement in story}


@pytest.mark.parametrize("at", range(len(STORIES)), ids=lambda at: f"{at}-{STORIES[at][0][:50]}")
def test_show_create_table_makes_the_same_table(at: int) -> None:
    """What SHOW CREATE TABLE prints, run in another database, gives the same text again."""
    story = Story()
    for statement in STORIES[at]:
        story.tell(statement)
    database = story.server.catalog.database("z")
    for name in list(database.relations) if database is not None else ():
        shown = story.tell(f"show create table `{name.replace('`', '``')}`")["rows"][0][1]
        if not shown.startswith("CREATE TABLE") or "SEQUENCE=1" in shown or ") AUTO_INCREMENT" in shown:
            continue  # MariaDB's own text for a nullable AUTO_INCREMENT column makes one that is not
        other = Story()
        other.server.foreign_key_checks = False
        assert "error" not in other.tell(shown), shown
        assert other.tell(f"show create table `{name.replace('`', '``')}`")["rows"][0][1] == shown


@pytest.mark.oracle
def test_recorded_answers_are_mariadbs(mariadb_server: Any) -> None:
    with mariadb_server.connect(autocommit=True, charset="utf8mb4") as connection:
        for story, answers in zip(STORIES, oracle_ddl.recorded(), strict=True):
            assert oracle_ddl.ask(connection, story) == answers
