"""The SDK, on MariaDB, on FaunaDB over the protocol, and embedded: the same calls, the same values."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fauna
from fauna.client import database
from fauna.errors import StartError
from tests.servers.faunadb import environment

TYPES = """CREATE TABLE v (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(20,5),
    w DECIMAL(40,10), s VARCHAR(50), b VARBINARY(20), dt DATETIME(6), d3 DATETIME(3), da DATE, ti TIME(3), y YEAR, bi BIT(10),
    en ENUM('a','b'), se SET('x','y','z'), tx TEXT, small TINYINT(1))"""
VALUES: tuple[Any, ...] = (
    2**64 - 1, 1.1, 2.5, Decimal("-123.45678"), Decimal("123456789012345678901234567890.0123456789"),
    "héé'\"\\%s 中文 😀", b"\0\xff'",
    datetime(2020, 1, 2, 3, 4, 5, 678901), datetime(2020, 1, 2, 3, 4, 5, 120000), date(1999, 12, 31),
    -timedelta(hours=30, milliseconds=5), 2024, b"\x03\xff", "b", "x,z", "t" * 30_000, 1,
)  # fmt: skip


def test_values_come_back_as_they_went_bound_or_as_text(db: database.Database) -> None:
    db.execute(TYPES)
    done = db.query(f"INSERT INTO v VALUES (NULL{', %s' * len(VALUES)})", VALUES)
    assert (done.rowcount, done.lastrowid, done.columns, list(done)) == (1, 1, (), [])
    bound = db.query("SELECT * FROM v WHERE id = %s", (1,))[0]
    text = db.query("SELECT * FROM v")[0]
    assert tuple(bound) == (1, *VALUES)
    assert tuple(text) == tuple(bound)
    assert [type(value) for value in text] == [type(value) for value in bound]


def test_nulls(db: database.Database) -> None:
    db.execute(TYPES)
    db.query(f"INSERT INTO v VALUES (1{', %s' * len(VALUES)})", [None] * len(VALUES))
    assert tuple(db.query("SELECT * FROM v WHERE id = %s", (1,))[0]) == (1, *[None] * len(VALUES))


def test_rows(db: database.Database) -> None:
    rows = db.query("SELECT 7 AS id, 'x' AS name UNION SELECT 8, 'y' ORDER BY id")
    assert rows == [(7, "x"), (8, "y")]
    assert (rows.rowcount, rows.columns) == (2, ("id", "name"))
    assert (rows[0]["name"], rows[1].id, rows.scalar()) == ("x", 8, 7)
    first = rows.first()
    assert first is not None and dict(first) == {"id": 7, "name": "x"}
    assert list(rows.dicts())[1] == {"id": 8, "name": "y"}
    assert db.query("SELECT 1 FROM DUAL WHERE 1 = 0").first() is None


def test_parameters_are_values_never_text(db: database.Database) -> None:
    db.execute("CREATE TABLE u (name VARCHAR(80))")
    for name in ("' OR '1'='1", "\\'; DROP TABLE u; -- ", "?", "%s", "\0", "a\nb"):
        db.execute("INSERT INTO u VALUES (%s)", (name,))
        assert db.query("SELECT name FROM u WHERE name = %(name)s", {"name": name}).scalar() == name
    assert db.query("SELECT COUNT(*) FROM u WHERE name IN %s", (["?", "%s", "none"],)).scalar() == 2


@pytest.mark.parametrize(
    ("sql", "kind", "errno", "sqlstate"),
    [
        ("SELEC 1", "ProgrammingError", 1064, "42000"),
        ("SELECT * FROM nowhere", "ProgrammingError", 1146, "42S02"),
        ("INSERT INTO e VALUES (1)", "IntegrityError", 1062, "23000"),
        ("INSERT INTO e VALUES (NULL)", "IntegrityError", 1048, "23000"),
        ("SELECT nope FROM e", "OperationalError", 1054, "42S22"),
    ],
)
@pytest.mark.parametrize("bound", [False, True])
def test_errors(db: database.Database, sql: str, kind: str, errno: int, sqlstate: str, bound: bool) -> None:
    db.execute("CREATE TABLE e (id INT NOT NULL, UNIQUE (id))")
    db.execute("INSERT INTO e VALUES (1)")
    with pytest.raises(getattr(fauna, kind)) as caught:
        db.query(sql + " -- %s\n" if not bound else sql.replace("1", "%s"), (1,) if bound and "1" in sql else None)
    assert (caught.value.errno, caught.value.sqlstate, caught.value.retryable) == (errno, sqlstate, False)
    assert caught.value.args[0] == errno
    assert db.query("SELECT 1").scalar() == 1


def test_transactions(db: database.Database) -> None:
    db.execute("CREATE TABLE t (n INT)")
    with db.transaction(isolation="serializable") as tx:
        tx.execute("INSERT INTO t VALUES (1)")
        assert db.in_transaction
    assert not db.in_transaction
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.execute("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    with db.transaction() as tx:
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            tx.execute("INSERT INTO t VALUES (3)")
            raise ZeroDivisionError
        with tx.savepoint():
            tx.execute("INSERT INTO t VALUES (4)")
    assert [row.n for row in db.query("SELECT n FROM t ORDER BY n")] == [1, 4]


def test_a_transaction_in_a_transaction_is_refused(db: database.Database) -> None:
    with db.transaction(), pytest.raises(fauna.ProgrammingError, match="savepoint"), db.transaction():
        pass
    with pytest.raises(fauna.ProgrammingError, match="isolation is one of"), db.transaction("; DROP TABLE x"):
        pass


def test_run_tries_again_after_retryable_errors_only(db: database.Database) -> None:
    calls: list[int] = []

    def work(tx: database.Transaction) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise fauna.OperationalError(1213, "Deadlock", "40001")
        return tx.query("SELECT 42").scalar()

    assert (db.run(work), len(calls)) == (42, 3)
    with pytest.raises(ValueError, match="mine"):
        db.run(lambda tx: (_ for _ in ()).throw(ValueError("mine")))


def test_execute_many_is_all_or_nothing(db: database.Database) -> None:
    db.execute("CREATE TABLE m (id INT PRIMARY KEY, s VARCHAR(20))")
    assert db.execute_many("INSERT INTO m (id, s) VALUES (%s, %s)", ((n, f"r{n}") for n in range(1200))) == 1200
    with pytest.raises(fauna.IntegrityError):
        db.execute_many("INSERT INTO m VALUES (%s, %s)", [(n, "x") for n in range(2000, 100, -1)])
    assert db.query("SELECT COUNT(*), MAX(id), MIN(s) FROM m")[0] == (1200, 1199, "r0")
    assert db.execute_many("UPDATE m SET s = %(s)s WHERE id = %(id)s", [{"id": 1, "s": "a"}, {"id": 2, "s": "b"}]) == 2


def test_streams_are_read_as_they_come(db: database.Database) -> None:
    db.execute("CREATE TABLE big (id INT PRIMARY KEY, s VARCHAR(20))")
    db.execute_many("INSERT INTO big VALUES (%s, %s)", [(n, "x" * 20) for n in range(3000)])
    for params in (None, (0,)):
        sql = "SELECT id, s FROM big" if params is None else "SELECT id, s FROM big WHERE id >= %s"
        assert sum(row.id for row in db.stream(sql, params)) == 3000 * 2999 // 2
        with db.stream(sql, params) as rows:
            assert rows.columns == ("id", "s")
            next(rows)
            with pytest.raises(fauna.ProgrammingError, match="stream"):
                db.query("SELECT 1")
        assert db.query("SELECT 1").scalar() == 1
        forgotten = db.stream(sql, params)
        del forgotten
        assert db.query("SELECT 2").scalar() == 2


def test_two_threads_on_one_connection_are_told(db: database.Database) -> None:
    started, problems = threading.Event(), []

    def slow() -> None:
        started.set()
        db.query("SELECT SLEEP(0.5)")

    thread = threading.Thread(target=slow)
    thread.start()
    started.wait()
    for _ in range(50):
        try:
            db.query("SELECT 1")
        except fauna.ProgrammingError as problem:
            problems.append(problem)
            break
        thread.join(0.005)
    thread.join()
    assert "another thread" in str(problems[0])
    assert db.query("SELECT 1").scalar() == 1


def test_closed_connections_say_so(connect_args: dict[str, Any]) -> None:
    db = database.connect(**connect_args)
    assert db.open
    db.ping()
    db.close()
    db.close()
    assert not db.open
    for call in (lambda: db.query("SELECT 1"), db.ping):
        with pytest.raises(fauna.InterfaceError, match="closed"):
            call()


def test_as_of(db: database.Database) -> None:
    if "FaunaDB" not in str(db.query("SELECT VERSION()").scalar()):
        pytest.skip("MariaDB keeps no history of ordinary tables")
    db.execute("CREATE TABLE stock (sku CHAR(2) PRIMARY KEY, n INT)")
    db.execute("INSERT INTO stock VALUES ('A1', 3), ('B2', 5)")
    db.execute("SET time_zone = '+02:00'")
    then = db.query("SELECT NOW(6)").scalar()
    while db.query("SELECT NOW(6)").scalar() == then:
        pass
    db.execute("UPDATE stock SET n = 0")
    for moment in (then, str(then), then.replace(tzinfo=timezone(timedelta(hours=2)))):
        past = db.as_of(moment)
        assert past.query("SELECT n FROM stock WHERE sku = %s", ("A1",)).scalar() == 3
        assert past.query("SELECT n FROM stock WHERE sku = %(sku)s AND n < %(n)s", {"sku": "B2", "n": 9}).scalar() == 5
        assert [row.n for row in past.query("SELECT n FROM stock WHERE sku IN %s ORDER BY n", (["A1", "B2"],))] == [3, 5]
        assert past.query("SELECT COUNT(*) FROM stock WHERE DATE_FORMAT(NOW(), '%Y') > ?", "2000").scalar() == 2
        assert [row.n for row in past.stream("SELECT n FROM stock ORDER BY sku")] == [3, 5]
        assert [row.n for row in past.stream("SELECT n FROM stock WHERE n > ? ORDER BY sku", (4,))] == [5]
    for n in range(3):  # to the microsecond, whatever stands in the statement
        moment = then - timedelta(microseconds=n)
        for each in (moment, str(moment), moment.replace(tzinfo=timezone(timedelta(hours=2)))):
            for params in (None, ()):
                assert (
                    db.as_of(each).query("SELECT @@system_versioning_asof", params).scalar() == f"{moment:%Y-%m-%d %H:%M:%S.%f}"
                )
    assert db.query("SELECT SUM(n) FROM stock").scalar() == 0
    with pytest.raises(fauna.ProgrammingError, match="for SELECT"):
        db.as_of(then).query("DELETE FROM stock")
    with pytest.raises(fauna.ProgrammingError, match="YYYY-MM-DD"):
        db.as_of("yesterday' OR 1 = 1")


def test_verify(db: database.Database) -> None:
    if "FaunaDB" in db.query("SELECT VERSION()")[0][0]:
        assert {row["state"] for row in db.verify()} == {"ok"}
    else:
        with pytest.raises(fauna.NotSupportedError):
            db.verify()


def test_shards(faunadb_server: Any, tmp_path: Path) -> None:
    with database.connect(path=tmp_path) as db:
        (only,) = db.shards.config()
        assert (only["shard"], only["engine"], only["slots"], only["slot_ranges"]) == (0, "sqlite", 16384, "0-16383")
    server = faunadb_server
    with database.connect(host=server.host, port=server.port, user=server.user, password=server.password) as db:
        assert len(db.shards.config()) == 1


# ── connecting ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_uri_and_what_wins_over_it(server: Any) -> None:
    uri = f"mysql://root:{server.password}@{server.host}:{server.port}/nowhere?connect_timeout=5"
    with server.database("uri_test"), database.connect(uri=uri, database="uri_test") as db:
        assert db.query("SELECT DATABASE()").scalar() == "uri_test"
    with pytest.raises(fauna.OperationalError) as caught:
        database.connect(uri=uri, password="wrong")
    assert caught.value.errno == 1045


def test_tls(server: Any) -> None:
    options = {"host": server.host, "port": server.port, "user": "root", "password": server.password}
    if server.name == "mariadb":
        with pytest.raises(fauna.OperationalError):
            database.connect(**options, tls="require")
        return
    with database.connect(**options, tls="require") as db:
        assert db._link._connection._secure
    with pytest.raises(fauna.Error):
        database.connect(**options, tls="verify")  # self-signed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"uri": "postgres://x"}, "must begin with mysql://"),
        ({"uri": "mysql://h:port/d"}, "not a number"),
        ({"uri": "mysql://h/d?colour=red"}, "unknown connection option 'colour'"),
        ({"path": "x", "host": "y"}, "give one of them"),
        ({"path": "x", "compress": True}, "unknown connection option"),
        ({"host": "127.0.0.1", "tls": "maybe"}, "one of off"),
        ({"host": "127.0.0.1", "settings": database.Settings()}, "for an embedded database"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(fauna.InterfaceError) as caught:
        database.connect(**arguments)
    assert message in str(caught.value)


def test_nobody_listens() -> None:
    with pytest.raises(fauna.OperationalError) as caught:
        database.connect(host="127.0.0.1", port=1)
    assert caught.value.errno == 2003


# ── embedded ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_embedded_connections_share_one_node_and_data_stays(tmp_path: Path) -> None:
    with database.connect(path=tmp_path, database="d") as one, database.connect(path=str(tmp_path), database="d") as two:
        one.execute("CREATE TABLE t (n INT)")
        with one.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (1)")
            assert two.query("SELECT COUNT(*) FROM t").scalar() == 0
        assert two.query("SELECT COUNT(*) FROM t").scalar() == 1
    with database.connect(path=tmp_path, database="d") as again:
        assert again.query("SELECT n FROM t").scalar() == 1


def test_a_closed_embedded_connection_leaves_no_transaction(tmp_path: Path) -> None:
    keeper = database.connect(path=tmp_path, database="d")
    keeper.execute("CREATE TABLE t (n INT)")
    leaver = database.connect(path=tmp_path, database="d")
    leaver.execute("START TRANSACTION")
    leaver.execute("INSERT INTO t VALUES (1)")
    leaver.close()
    keeper.execute("INSERT INTO t VALUES (2)")
    assert [row.n for row in keeper.query("SELECT n FROM t")] == [2]
    keeper.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    import subprocess
    import sys

    with database.connect(path=tmp_path, database="d"):
        code = f"from fauna import database; database.connect(path={str(tmp_path)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 1
    assert "StartError" in done.stderr


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises((StartError, fauna.OperationalError)):
        database.connect(path=file)
    with pytest.raises(fauna.OperationalError):
        fauna.connect(path=file)
