"""What every PEP 249 driver is asked to do; `connect` opens a connection to the database `drivers`."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import pytest

CREATE = """CREATE TABLE person (
    id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, email VARCHAR(50) UNIQUE, height DECIMAL(5,2), weight DOUBLE,
    born DATE, seen DATETIME(6), wakes TIME, photo BLOB, big BIGINT UNSIGNED, active BOOLEAN, note TEXT, doc JSON)"""
COLUMNS = "name, email, height, weight, born, seen, wakes, photo, big, active, note"
ROW = (
    "Zoë 😀", "zoe@example.org", decimal.Decimal("172.50"), 61.25, datetime.date(1990, 2, 28),
    datetime.datetime(2024, 2, 29, 23, 59, 59, 123456), datetime.timedelta(hours=6, minutes=30), bytes(range(256)),
    2**64 - 1, 1, 'quotes \' " \\ and % and _ and \n newline \0 nul',
)  # fmt: skip


def tell(connect: Callable[[], Any], module: Any, *, prepared: dict[str, Any] | None = None) -> None:
    """The whole story.  `prepared`: options of cursor() for a second round over the binary protocol."""
    connection = connect()
    try:
        values_come_back_as_they_went_in(connection)
        if prepared is not None:
            values_come_back_as_they_went_in(connection, **prepared)
            nulls_and_numbers(connection, **prepared)
        nulls_and_numbers(connection)
        errors_have_their_classes(connection, module)
        many_rows(connection)
        transactions(connect)
        large_values(connection)
        several_results_in_turn(connection)
    finally:
        connection.close()


def values_come_back_as_they_went_in(connection: Any, **options: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS person")
    cursor.execute(CREATE)
    cursor.close()
    cursor = connection.cursor(**options)
    cursor.execute(f"INSERT INTO person ({COLUMNS}) VALUES ({', '.join(['%s'] * len(ROW))})", ROW)
    assert cursor.rowcount == 1
    assert cursor.lastrowid == 1
    cursor.execute(f"SELECT {COLUMNS} FROM person WHERE name = %s", ("zoe 😀",))  # the collation ignores case and accents
    row = cursor.fetchone()
    assert [d[0] for d in cursor.description] == COLUMNS.split(", ")
    assert normal(row) == list(ROW)
    assert cursor.fetchone() is None
    cursor.execute("UPDATE person SET height = height + %s WHERE id = %s", (decimal.Decimal("0.01"), 1))
    assert cursor.rowcount == 1
    cursor.execute("SELECT height, born FROM person WHERE seen = %s AND photo = %s", (ROW[5], ROW[7]))
    assert cursor.fetchall() in ([(decimal.Decimal("172.51"), ROW[4])], ((decimal.Decimal("172.51"), ROW[4]),))
    connection.commit()
    cursor.close()


def normal(row: Any) -> list[Any]:
    """Some drivers give bytearray for BLOB and memoryview for others."""
    return [bytes(v) if isinstance(v, bytearray | memoryview) else v for v in row]


def nulls_and_numbers(connection: Any, **options: Any) -> None:
    cursor = connection.cursor(**options)
    cursor.execute("SELECT %s, %s, %s, %s", (None, -5, 1.5, "x"))
    assert list(cursor.fetchone())[0] is None
    cursor.execute("SELECT 1, -1, 1.5, 1e0, NULL, 'a', 0.1 + 0.2 = 0.3, 9223372036854775807, 18446744073709551615")
    row = cursor.fetchone()
    assert list(row) == [1, -1, decimal.Decimal("1.5"), 1.0, None, "a", 1, 2**63 - 1, 2**64 - 1]
    cursor.execute("SELECT COUNT(*), SUM(height), MAX(born), AVG(weight) FROM person")
    assert list(cursor.fetchone()) == [1, decimal.Decimal("172.51"), ROW[4], 61.25]
    cursor.execute("SELECT name FROM person WHERE id = %s", (12345,))
    assert cursor.fetchone() is None
    cursor.close()


def errors_have_their_classes(connection: Any, module: Any) -> None:
    cursor = connection.cursor()
    for sql, number, kind in (
        ("SELEC 1", 1064, module.ProgrammingError), ("SELECT * FROM nowhere", 1146, module.ProgrammingError),
        ("INSERT INTO person (id, name) VALUES (1, 'again')", 1062, module.IntegrityError),
        ("INSERT INTO person (name) VALUES (NULL)", 1048, module.IntegrityError),
        ("INSERT INTO person (name, height) VALUES ('tall', 100000)", 1264, module.DataError),
        ("SELECT nothing FROM person", 1054, module.Error), ("CREATE TABLE person (a INT)", 1050, module.Error),
    ):  # fmt: skip
        with pytest.raises(kind) as caught:
            cursor.execute(sql)
        assert getattr(caught.value, "errno", None) == number or caught.value.args[0] == number
    cursor.execute("SELECT 1")
    assert cursor.fetchone()[0] == 1
    cursor.close()


def many_rows(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS many")
    cursor.execute("CREATE TABLE many (id INT PRIMARY KEY, v VARCHAR(40), n DECIMAL(10,2))")
    cursor.executemany(
        "INSERT INTO many (id, v, n) VALUES (%s, %s, %s)", [(i, f"value {i}", decimal.Decimal(i) / 100) for i in range(2500)]
    )
    assert cursor.rowcount == 2500
    connection.commit()
    cursor.execute("SELECT COUNT(*), SUM(n) FROM many")
    assert cursor.fetchone()[1] == decimal.Decimal("31237.50")
    cursor.execute("SELECT id, v FROM many ORDER BY id")
    assert [r[0] for r in cursor.fetchmany(3)] == [0, 1, 2]
    assert len(cursor.fetchall()) == 2497
    cursor.close()


def transactions(connect: Callable[[], Any]) -> None:
    one, two = connect(), connect()
    a, b = one.cursor(), two.cursor()
    a.execute("DROP TABLE IF EXISTS account")
    a.execute("CREATE TABLE account (id INT PRIMARY KEY, amount DECIMAL(10,2))")
    a.execute("INSERT INTO account VALUES (1, 100), (2, 100)")
    one.commit()
    a.execute("UPDATE account SET amount = amount - 30 WHERE id = 1")
    a.execute("UPDATE account SET amount = amount + 30 WHERE id = 2")
    b.execute("SELECT amount FROM account ORDER BY id")
    assert [r[0] for r in b.fetchall()] == [100, 100]
    one.rollback()
    a.execute("SELECT SUM(amount), MIN(amount) FROM account")
    assert tuple(a.fetchone()) == (200, 100)
    a.execute("UPDATE account SET amount = 0 WHERE id = 1")
    one.commit()
    two.commit()
    b.execute("SELECT amount FROM account WHERE id = 1")
    assert b.fetchone()[0] == 0
    one.close()
    two.close()


def large_values(connection: Any) -> None:
    """Below and above the 16 MiB at which one packet becomes two."""
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS large")
    cursor.execute("CREATE TABLE large (id INT PRIMARY KEY, v LONGBLOB)")
    for number, size in enumerate((1, 70_000, 17_000_000)):
        value = bytes([65 + number]) * size
        cursor.execute("INSERT INTO large VALUES (%s, %s)", (number, value))
        cursor.execute("SELECT v, LENGTH(v) FROM large WHERE id = %s", (number,))
        found, length = cursor.fetchone()
        assert length == size
        assert bytes(found) == value
    connection.commit()
    cursor.close()


def several_results_in_turn(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SHOW TABLES")
    assert ("person",) in [tuple(r) for r in cursor.fetchall()]
    cursor.execute("SHOW VARIABLES LIKE 'version'")
    assert "MariaDB" in cursor.fetchall()[0][1]
    cursor.execute("SET @x = 5")
    cursor.execute("SELECT @x + 1")
    assert cursor.fetchall()[0][0] == 6
    cursor.close()
