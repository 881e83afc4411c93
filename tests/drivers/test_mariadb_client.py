"""The `mariadb` command-line client and `mariadb-dump`, out and back in."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from tests.servers import Server

SCHEMA = """
CREATE TABLE author (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, born DATE, UNIQUE KEY name (name));
CREATE TABLE book (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, author_id INT, title VARCHAR(100) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  price DECIMAL(8,2), cover BLOB, kind ENUM('novel','poem') DEFAULT 'novel', tags SET('a','b','c'), at TIMESTAMP NULL,
  seen DATETIME(6), big DOUBLE, bits BIT(5), doc JSON, twice DECIMAL(9,2) AS (price * 2) STORED,
  PRIMARY KEY (id), KEY author (author_id, title(10)), CONSTRAINT price_ok CHECK (price >= 0),
  CONSTRAINT book_author FOREIGN KEY (author_id) REFERENCES author (id) ON DELETE SET NULL
) COMMENT='books';
CREATE TABLE nokey (a INT, b VARCHAR(5));
CREATE VIEW cheap AS SELECT id, title FROM book WHERE price < 10;
INSERT INTO author (name, born) VALUES ('Zoë', '1990-01-01'), ('O''Brien \\\\ x', NULL);
INSERT INTO book (author_id, title, price, cover, kind, tags, at, seen, big, bits, doc) VALUES
  (1, '日本語 😀', 9.99, x'00ff27225c0a', 'poem', 'a,c', '2024-01-01 00:00:00', '2024-01-01 00:00:00.000001', 1e100, b'10101', '{"a": [1]}'),
  (2, 'tab\\tnewline\\n', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO nokey VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
"""


def client(
    server: Server, *arguments: str, given: str | None = None, program: str = "mariadb"
) -> subprocess.CompletedProcess[str]:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed (Debian: mariadb-client)")
    command = [
        program, "--no-defaults", f"--host={server.host}", f"--port={server.port}", f"--user={server.user}", "--protocol=tcp",
        f"--password={server.password}", "--default-character-set=utf8mb4", *arguments,
    ]  # fmt: skip
    return subprocess.run(
        command, input=given, capture_output=True, text=True, errors="surrogateescape", timeout=120, check=False
    )


def content(server: Server, database: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in ("author", "book", "nokey", "cheap"):
        found[table] = sorted(server.query(f"SELECT * FROM {table}", database=database), key=repr)
    for table in ("author", "book", "nokey"):
        found[f"create {table}"] = server.query(f"SHOW CREATE TABLE {table}", database=database)[0][1]
    return found


def test_batch(database: Server) -> None:
    done = client(database, "--batch", "drivers", given="SELECT 1 AS one, 'x\\ty' AS t; SHOW TABLES; SELECT NULL;")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "one\tt\n1\tx\\ty\nNULL\nNULL\n"
    done = client(database, "--batch", "drivers", given="SELEC 1;")
    assert done.returncode == 1
    assert "ERROR 1064 (42000)" in done.stderr


def test_table_output_status_and_source(database: Server) -> None:
    done = client(
        database, "--table", "drivers", given="CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\nSELECT * FROM t;\nstatus\n"
    )
    assert done.returncode == 0, done.stderr
    assert "| a    |" in done.stdout
    assert "Server version:" in done.stdout
    done = client(database, "--batch", "--skip-column-names", "-e", "DELIMITER //\nSELECT 5//\nDELIMITER ;", "drivers")
    assert done.stdout == "5\n", done.stderr
    done = client(database, "-e", "DESCRIBE t; SHOW CREATE TABLE t\\G", "drivers")
    assert done.returncode == 0, done.stderr


def test_dump_out_and_back_in(database: Server) -> None:
    loaded = client(database, "drivers", given=SCHEMA)
    assert loaded.returncode == 0, loaded.stderr
    before = content(database, "drivers")
    dumped = client(database, "--single-transaction", "--hex-blob", "drivers", program="mariadb-dump")
    assert dumped.returncode == 0, dumped.stderr
    assert "CREATE TABLE `book`" in dumped.stdout
    with database.database("drivers_again"):
        loaded = client(database, "drivers_again", given=dumped.stdout)
        assert loaded.returncode == 0, loaded.stderr
        assert content(database, "drivers_again") == before


PROCEDURES = """
DELIMITER ;;
CREATE PROCEDURE add_author(who VARCHAR(40)) COMMENT 'one; more' MODIFIES SQL DATA
BEGIN INSERT INTO author (name) VALUES (who); SELECT COUNT(*) AS n FROM author; END;;
CREATE PROCEDURE titles() SELECT title FROM book ORDER BY id;;
DELIMITER ;
"""


def test_dump_of_procedures(database: Server) -> None:
    for script in (SCHEMA, PROCEDURES):
        loaded = client(database, "drivers", given=script)
        assert loaded.returncode == 0, loaded.stderr
    assert "add_author" not in client(database, "drivers", program="mariadb-dump").stdout
    dumped = client(database, "--routines", "drivers", program="mariadb-dump")
    assert dumped.returncode == 0, dumped.stderr
    before = database.query("SHOW CREATE PROCEDURE add_author", database="drivers")
    with database.database("drivers_again"):
        loaded = client(database, "drivers_again", given=dumped.stdout)
        assert loaded.returncode == 0, loaded.stderr
        assert database.query("SHOW CREATE PROCEDURE add_author", database="drivers_again") == before
        called = client(
            database, "--batch", "--skip-column-names", "drivers_again", "-e", "CALL add_author('Abe'); CALL titles()"
        )
        assert called.stdout == "3\n日本語 😀\ntab\\tnewline\\n\n", called.stderr


def test_dump_with_its_defaults(database: Server) -> None:
    """Without options it locks tables and uses the session's time zone."""
    assert client(database, "drivers", given=SCHEMA).returncode == 0
    dumped = client(database, "--databases", "drivers", program="mariadb-dump")
    assert dumped.returncode == 0, dumped.stderr
    before = content(database, "drivers")
    database.query("DROP DATABASE drivers")
    loaded = client(database, given=dumped.stdout)
    assert loaded.returncode == 0, loaded.stderr
    assert content(database, "drivers") == before
