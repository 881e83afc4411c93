"""DDL stories: blocks of statements, each started in an empty database `z`, and what MariaDB answers to them.

python -m tests.unit.catalog.oracle_ddl      runs them on a MariaDB of its own and rewrites data/ddl_answers.json
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
STORIES = DATA / "ddl_stories.sql"
ANSWERS = DATA / "ddl_answers.json"

_TEMPORARY_NAME = re.compile(r"#sql-alter-[0-9a-f-]+")
Answer = dict[str, Any]  # 'error': [errno, message], or 'rows' and 'warnings'


def stories() -> list[list[str]]:
    return [block.split("\n") for block in STORIES.read_text("utf-8").strip().split("\n\n")]


def recorded() -> list[list[Answer]]:
    answers: list[list[Answer]] = json.loads(ANSWERS.read_text("utf-8"))
    return answers


def ask(connection: Any, story: list[str]) -> list[Answer]:
    """MariaDB's answers, by a PyMySQL connection."""
    cursor = connection.cursor()
    for statement in (
        "SET foreign_key_checks = 0",
        "DROP DATABASE IF EXISTS z",
        "CREATE DATABASE z",
        "USE z",
        "SET foreign_key_checks = 1",
    ):
        cursor.execute(statement)
    return [_ask_one(connection, statement) for statement in story]


def _ask_one(connection: Any, statement: str) -> Answer:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    except Exception as problem:
        return {"error": [problem.args[0], _TEMPORARY_NAME.sub("#sql-alter", problem.args[1])]}
    answer: Answer = {}
    rows = cursor.fetchall()
    if rows:
        answer["rows"] = [[str(value) if value is not None else None for value in row] for row in rows]
    if not statement.startswith("show"):
        cursor.execute("SHOW WARNINGS")
        warnings = [list(row) for row in cursor.fetchall()]
        if warnings:
            answer["warnings"] = warnings
    return answer


def main() -> None:
    from tests.servers import mariadb

    with mariadb.start() as server:
        connection = server.connect(autocommit=True, charset="utf8mb4")
        answers = [ask(connection, story) for story in stories()]
    ANSWERS.write_text(json.dumps(answers, ensure_ascii=False, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main()
