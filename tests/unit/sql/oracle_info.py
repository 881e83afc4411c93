"""What MariaDB's information_schema says of a few tables, recorded.

python -m tests.unit.sql.oracle_info      runs on a MariaDB of its own and rewrites data/information_schema.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent / "data" / "information_schema.json"

TABLES = [
    "create table t(id int primary key auto_increment, a varchar(10) not null default 'x' comment 'cc', b text, key(a), key k2(b(5)), "
    "c decimal(10,2) unique, d datetime(3) default now(3) on update now(3), e int as (id+1), f enum('a','b'), g json, h blob, "
    "i bit(3) default b'10', j tinyint(1), k time, l year, m timestamp, n double, o float(5,2), p char(3) collate utf8mb4_bin, "
    "q varbinary(5), r bigint unsigned, s int invisible, u set('x','yy'), v int default (1+2), w int as (j * 2) stored, "
    "x date not null default '2020-01-01', y char(3) charset latin1 default 'é', z float)",
    "create table ch(a int, constraint fk foreign key(a) references t(id) on delete cascade, b decimal(10,2), "
    "foreign key (b) references t(c) on update set null, check (a > 1), k int, constraint cc check (k < 5))",
    "create table f(a int not null, b int, c int not null, unique (a,b), unique(c,a), key(b))",
    "create table g(a int not null, b int, c int not null, unique u(c,a), unique u1(a), key(b desc), primary key(b,c)) "
    "comment 'gc' charset latin1",
    "create sequence sq",
]
# Table -> (column that names the database, columns that are not compared: sizes and times)
COMPARED = {
    "SCHEMATA": ("SCHEMA_NAME", ()),
    "TABLES": (
        "TABLE_SCHEMA",
        ("VERSION", "CREATE_TIME", "UPDATE_TIME", "CHECK_TIME", "AVG_ROW_LENGTH", "INDEX_LENGTH", "TABLE_ROWS", "AUTO_INCREMENT"),
    ),
    "COLUMNS": ("TABLE_SCHEMA", ()),
    "STATISTICS": ("TABLE_SCHEMA", ("CARDINALITY",)),
    "KEY_COLUMN_USAGE": ("CONSTRAINT_SCHEMA", ()),
    "TABLE_CONSTRAINTS": ("CONSTRAINT_SCHEMA", ()),
    "REFERENTIAL_CONSTRAINTS": ("CONSTRAINT_SCHEMA", ()),
    "CHECK_CONSTRAINTS": ("CONSTRAINT_SCHEMA", ()),
}


def ask(connection: Any) -> dict[str, list[list[str | None]]]:
    cursor = connection.cursor()
    for statement in ("DROP DATABASE IF EXISTS z", "CREATE DATABASE z", "USE z", *TABLES):
        cursor.execute(statement)
    answers: dict[str, list[list[str | None]]] = {}
    for table, (schema, left_out) in COMPARED.items():
        cursor.execute(f"SELECT * FROM information_schema.{table} WHERE {schema} = 'z'")
        names = [column[0] for column in cursor.description]
        keep = [at for at, name in enumerate(names) if name not in left_out]
        rows = [[None if row[at] is None else str(row[at]) for at in keep] for row in cursor.fetchall()]
        answers[table] = sorted(rows, key=str)
    for what in (
        "DATABASES LIKE 'z'",
        "FULL TABLES",
        "COLUMNS FROM t",
        "FULL COLUMNS FROM ch",
        "CREATE TABLE t",
        "CREATE DATABASE z",
        "CREATE SEQUENCE sq",
        "COLUMNS FROM sq",
        "CHARACTER SET LIKE 'utf8%'",
        "COLLATION LIKE 'latin1%'",
        "COLUMNS FROM information_schema.TABLES",
        "CREATE TABLE information_schema.ENGINES",
    ):
        cursor.execute(f"SHOW {what}")
        rows = [[column[0] for column in cursor.description]]
        answers[f"SHOW {what}"] = rows + [[None if value is None else str(value) for value in row] for row in cursor.fetchall()]
    return answers


def recorded() -> dict[str, list[list[str | None]]]:
    answers: dict[str, list[list[str | None]]] = json.loads(ANSWERS.read_text("utf-8"))
    return answers


def main() -> None:
    from tests.servers import mariadb

    with mariadb.start() as server:
        answers = ask(server.connect(autocommit=True, charset="utf8mb4"))
    ANSWERS.write_text(json.dumps(answers, ensure_ascii=False, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main()
