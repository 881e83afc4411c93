"""What MySQL's tools make of PARTITION BY KEY, BROADCAST and SINGLE: they dump, load and reflect them without knowing them."""

from __future__ import annotations

import pytest

from tests.drivers.test_mariadb_client import client
from tests.servers import Server

SCHEMA = """
CREATE TABLE orders (id INT, user_id INT, note VARCHAR(20), PRIMARY KEY (user_id, id)) COMMENT='o' PARTITION BY KEY (user_id);
CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(20)) COMMENT='c' /*!999999 BROADCAST */;
CREATE TABLE settings (name VARCHAR(20) PRIMARY KEY, value VARCHAR(20)) /*!999999 SINGLE */;
INSERT INTO orders VALUES (1, 7, 'a'), (2, 7, NULL), (1, 8, 'x');
INSERT INTO countries VALUES ('de', 'Germany'), ('cn', 'China');
INSERT INTO settings VALUES ('theme', 'dark');
"""
TABLES = ("orders", "countries", "settings")


def shown(server: Server, database: str) -> list[str]:
    return [server.query(f"SHOW CREATE TABLE {table}", database=database)[0][1] for table in TABLES]


def rows(server: Server, database: str) -> list[list[tuple[object, ...]]]:
    return [sorted(server.query(f"SELECT * FROM {table}", database=database)) for table in TABLES]


def loaded_and_dumped(server: Server) -> str:
    loaded = client(server, "drivers", given=SCHEMA)
    assert loaded.returncode == 0, loaded.stderr
    dumped = client(server, "--single-transaction", "drivers", program="mariadb-dump")
    assert dumped.returncode == 0, dumped.stderr
    return dumped.stdout


def test_a_dump_keeps_placements(database: Server) -> None:
    dump = loaded_and_dumped(database)
    with database.database("drivers_again"):
        loaded = client(database, "drivers_again", given=dump)
        assert loaded.returncode == 0, loaded.stderr
        assert shown(database, "drivers_again") == shown(database, "drivers")
        assert rows(database, "drivers_again") == rows(database, "drivers")


def test_show_create_table(faunadb_server: Server) -> None:
    with faunadb_server.database("drivers"):
        loaded_and_dumped(faunadb_server)
        endings = [text.rpartition("COLLATE=utf8mb4_general_ci")[2] for text in shown(faunadb_server, "drivers")]
    assert endings == [
        " COMMENT='o'\n PARTITION BY KEY (`user_id`)",
        " COMMENT='c' /*!999999 BROADCAST */",
        " /*!999999 SINGLE */",
    ]


def test_a_dump_loads_into_mariadb(faunadb_server: Server, mariadb_server: Server) -> None:
    with faunadb_server.database("drivers"), mariadb_server.database("drivers"):
        dump = loaded_and_dumped(faunadb_server)
        loaded = client(mariadb_server, "drivers", given=dump)
        assert loaded.returncode == 0, loaded.stderr
        assert rows(mariadb_server, "drivers") == rows(faunadb_server, "drivers")
        there, here = shown(mariadb_server, "drivers"), shown(faunadb_server, "drivers")
        assert there == [text.partition(" /*!999999")[0] for text in here]


def test_sqlalchemy_reflects_them(database: Server) -> None:
    sa = pytest.importorskip("sqlalchemy")
    assert client(database, "drivers", given=SCHEMA).returncode == 0
    url = f"mysql+pymysql://{database.user}:{database.password}@{database.host}:{database.port}/drivers?charset=utf8mb4"
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)  # a line that it cannot read is a warning, and so a failure here
        assert [column["name"] for column in inspector.get_columns("countries")] == ["code", "name"]
        assert inspector.get_pk_constraint("orders")["constrained_columns"] == ["user_id", "id"]
        assert inspector.get_table_comment("countries") == {"text": "c"}
        assert inspector.get_table_options("orders")["mysql_engine"] == "InnoDB"
        assert inspector.get_table_options("settings")["mysql_default charset"] == "utf8mb4"
    finally:
        engine.dispose()
