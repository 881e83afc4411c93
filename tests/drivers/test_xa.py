"""XA through drivers: what an application's transaction manager sends, and what it reads from XA RECOVER after its connection broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers import Server

Connect = Callable[[Server], Any]


def _pymysql(server: Server) -> Any:
    return server.connect(database="drivers")


def _connector(server: Server) -> Any:
    connector = pytest.importorskip("mysql.connector")
    return connector.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, database="drivers", use_pure=True,
        charset="utf8mb4", collation="utf8mb4_general_ci", autocommit=True, ssl_disabled=server.name == "mariadb",
    )  # fmt: skip


def run(connection: Any, *statements: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    rows = list(cursor.fetchall()) if cursor.description else []
    cursor.close()
    return rows


@pytest.mark.parametrize("connect", [_pymysql, _connector], ids=["pymysql", "connector"])
def test_a_transaction_is_ended_by_another_connection(database: Server, connect: Connect) -> None:
    first, second = connect(database), connect(database)
    run(first, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))", "INSERT INTO t VALUES (1, 'a')")
    run(first, "XA START 'g1', 'b1', 5", "UPDATE t SET v = 'b'", "INSERT INTO t VALUES (2, 'c')", "XA END 'g1', 'b1', 5",
        "XA PREPARE 'g1', 'b1', 5")  # fmt: skip
    assert run(second, "SELECT v FROM t") == [("a",)]
    first.close()
    deadline = time.monotonic() + 10
    while True:
        format_id, gtrid, bqual, data = run(second, "XA RECOVER")[0]
        name = bytes(data, "utf-8") if isinstance(data, str) else bytes(data)
        assert (format_id, gtrid, bqual, name) == (5, 2, 2, b"g1b1")
        try:
            run(second, f"XA COMMIT X'{name[:gtrid].hex()}', X'{name[gtrid:].hex()}', {format_id}")
            break
        except Exception as problem:
            # The server has not noticed yet that the first connection is gone.
            assert "1397" in str(problem)
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert run(second, "SELECT v FROM t ORDER BY id") == [("b",), ("c",)]
    assert run(second, "XA RECOVER") == []
    second.close()


@pytest.mark.parametrize("connect", [_pymysql, _connector], ids=["pymysql", "connector"])
def test_prepared_statements_and_one_phase(database: Server, connect: Connect) -> None:
    connection = connect(database)
    run(connection, "CREATE TABLE t (id INT PRIMARY KEY)", "PREPARE s FROM \"XA START 'g2'\"", "EXECUTE s", "INSERT INTO t VALUES (1)",
        "XA END 'g2'", "XA COMMIT 'g2' ONE PHASE", "EXECUTE s", "INSERT INTO t VALUES (2)", "XA END 'g2'", "XA ROLLBACK 'g2'")  # fmt: skip
    assert run(connection, "SELECT id FROM t") == [(1,)]
    connection.close()
