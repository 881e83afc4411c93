"""Record what a real MariaDB does when values are stored in columns: the oracle for tests/unit/sql/test_convert.py.

    python tools/store_cases.py --socket /path/to/private/mariadb.sock

writes tests/unit/sql/data/store_cases.json, cast_cases.json and column_cases.json.  A store case is [column type, source SQL, strict result,
lax result], a result is [errno, message or value text, warnings]; a cast case is [type, source SQL, value text, warnings]; a
column case is [column type, source column type, source value, strict result, lax result].
The server must be a private one: the tool creates and drops the database `oracle`.
"""

# ruff: noqa: E501  the cases are a table

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pymysql

STRINGS = [
    "",
    " ",
    "abc",
    "0",
    "1",
    "-1",
    "12",
    "1.5",
    "2.5",
    "-0.5",
    "0.4",
    "123abc",
    " 7",
    "7 ",
    "1e2",
    "1e400",
    "-",
    ".5",
    "0x10",
    "127.5",
    "128",
    "255",
    "256",
    "65536",
    "99999999999",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1.005",
    "99.995",
    "1234567.891",
    "a",
    "b",
    "A",
    "a,b",
    "b,a",
    "a ",
    "x",
    "a,x",
    "aaaaaaaaaaaa",
    "abcde     ",
    "é",
    "你",
    "😀",
    "2020-01-01",
    "2020-1-1",
    "20200101",
    "200101",
    "2020-01-01 10:11:12",
    "2020-01-01T10:11:12.5",
    "2020-01-01 10:11:12.999999",
    "2020-02-30",
    "2020-13-01",
    "0000-00-00",
    "2020-00-00",
    "2020-01-01abc",
    "10:11:12",
    "10:11",
    "1 10:11:12",
    "-01:02:03.5",
    "900:00:00",
    "838:59:59",
    "101112",
    "12:60:00",
    "2020-01-01 25:00:00",
    "1969-12-31 00:00:00",
    "70",
    "1901",
    "2155",
    "2156",
    "99",
    "00",
    "2020-01-01 10:11:12 ",
    "1970-01-01 00:00:00",
    "2038-01-19 03:14:07",
    "2038-01-19 03:14:08",
    "10000-01-01",
    "99-12-31",
    "2020/01/02 3.4.5",
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "5",
    "70",
    "99",
    "127",
    "128",
    "255",
    "256",
    "-128",
    "-129",
    "1901",
    "2155",
    "2156",
    "65535",
    "65536",
    "8388608",
    "16777216",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "20200101",
    "101112",
    "20200101101112",
    "-101112",
    "8385959",
    "8386000",
    "20200230",
    "991231",
    "0.5",
    "1.5",
    "2.5",
    "-0.5",
    "-1.5",
    "0.4",
    "99.99",
    "99.994",
    "99.995",
    "999.99",
    "1000.00",
    "127.4",
    "127.5",
    "1.0",
    "123456789012345678901234567890.12",
    "20200101101112.5",
    "0e0",
    "1e0",
    "1.5e0",
    "2.5e0",
    "-0.5e0",
    "-1.5e0",
    "1e10",
    "1e19",
    "1e20",
    "-1e20",
    "1e40",
    "1e300",
    "0.1e0",
    "99.995e0",
    "16777217e0",
    "123456.789e0",
    "2.02e7",
    "1e-10",
    "20200101101112e0",
    "101112.5e0",
]
OTHERS = [
    "x''",
    "x'00'",
    "x'01'",
    "x'61'",
    "x'3132'",
    "x'E4'",
    "x'E4BDA0'",
    "x'610020'",
    "x'6162636465'",
    "b'101'",
    "DATE'2020-01-02'",
    "TIMESTAMP'2020-01-02 03:04:05'",
    "TIMESTAMP'2020-01-02 03:04:05.678'",
    "TIME'10:11:12'",
    "TIME'-10:11:12.56'",
    "TRUE",
    "NULL",
]
TYPES = [
    "tinyint",
    "tinyint unsigned",
    "smallint",
    "mediumint unsigned",
    "int",
    "int unsigned",
    "bigint",
    "bigint unsigned",
    "decimal(4,2)",
    "decimal(10,0)",
    "decimal(4,2) unsigned",
    "decimal(30,3)",
    "float",
    "double",
    "float(5,2)",
    "double(8,3)",
    "double unsigned",
    "bit(1)",
    "bit(8)",
    "bit(64)",
    "year",
    "date",
    "datetime",
    "datetime(2)",
    "timestamp",
    "time",
    "time(3)",
    "char(5)",
    "varchar(5)",
    "varchar(40)",
    "tinytext",
    "varchar(5) character set latin1",
    "varchar(20) character set ascii",
    "binary(5)",
    "varbinary(5)",
    "tinyblob",
    "enum('a','b','c')",
    "set('a','b','c')",
    "longtext",
]
CASTS = [
    "signed",
    "unsigned",
    "double",
    "decimal(4,2)",
    "decimal(30,3)",
    "char",
    "char(3)",
    "binary(3)",
    "date",
    "datetime",
    "datetime(2)",
    "time",
    "time(3)",
]
# Source columns and the values they hold.
COLUMNS = {
    "enum('x','7','2020-01-01')": ["x", "7", "2020-01-01"],
    "set('x','7')": ["", "x", "x,7"],
    "float": ["1.1", "16777216", "-0.5", "1e20", "123456.7", "0.1"],
    "double": ["0.1", "2.5", "1e20", "20200101"],
    "float(6,2)": ["1.15", "1234.5"],
    "year": ["2020", "0", "1999"],
    "bit(8)": ["65", "0", "200"],
    "bit(16)": ["16706"],
    "time": ["10:11:12", "-1:2:3", "800:00:00"],
    "time(2)": ["10:11:12.56"],
    "date": ["2020-01-02", "0000-00-00"],
    "datetime(3)": ["2020-01-02 03:04:05.678"],
    "char(5)": ["a", "12"],
    "binary(3)": ["a", "12"],
    "bigint unsigned": ["18446744073709551615", "7"],
    "decimal(20,4)": ["1234567890123456.7891", "-0.5000", "2.5"],
    "int(5) zerofill": ["42"],
}
COLUMN_TARGETS = [
    "tinyint",
    "int unsigned",
    "bigint",
    "decimal(6,2)",
    "float",
    "double",
    "varchar(12)",
    "char(3)",
    "varbinary(12)",
    "year",
    "date",
    "datetime(1)",
    "time(1)",
    "enum('x','7','A')",
    "set('x','7','b')",
    "bit(8)",
]
MODES = ("STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", "NO_ENGINE_SUBSTITUTION")
DATA = Path(__file__).parent.parent / "tests/unit/sql/data"


def sources() -> list[str]:
    quoted = ["'" + text.replace("'", "''") + "'" for text in STRINGS]
    quoted += ["REPEAT('a',300)", "CONCAT('a',REPEAT(' ',300))"]
    return quoted + NUMBERS + OTHERS


def attempt(cursor: Any, column: str, source: str, statement: str = "") -> list[Any]:
    cursor.execute("DELETE FROM oracle.t")
    try:
        cursor.execute(statement or f"INSERT INTO oracle.t VALUES ({source})")
    except pymysql.MySQLError as failure:
        return [failure.args[0], failure.args[1], []]
    cursor.execute("SHOW WARNINGS")
    warnings = [list(row) for row in cursor.fetchall()]
    binary = "binary" in column or "blob" in column or "bit" in column
    cursor.execute("SELECT HEX(c) FROM oracle.t" if binary else "SELECT CONCAT(c) FROM oracle.t")
    value = cursor.fetchone()[0]
    if column.startswith("bit"):
        cursor.execute("SELECT c + 0 FROM oracle.t")
        value = cursor.fetchone()[0]
        value = None if value is None else str(value)
    return [0, value, warnings]


def write(name: str, cases: list[Any]) -> None:
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    (DATA / name).write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def store_cases(cursor: Any) -> list[Any]:
    cases = []
    for column in TYPES:
        cursor.execute(f"CREATE OR REPLACE TABLE oracle.t (c {column} NULL)")
        for source in sources():
            results = []
            for mode in MODES:
                cursor.execute("SET sql_mode = %s", (mode,))
                results.append(attempt(cursor, column, source))
            cases.append([column, source, *results])
    return cases


def cast_cases(cursor: Any) -> list[Any]:
    cases = []
    cursor.execute("CREATE TABLE oracle.one SELECT 1 AS c")  # a statement without a table keeps the warnings of the one before
    for target in CASTS:
        hexed = target.startswith("binary")
        for source in sources():
            cursor.execute(f"SELECT {'HEX' if hexed else 'CONCAT'}(CAST({source} AS {target})) FROM oracle.one")
            value = cursor.fetchone()[0]
            cursor.execute("SHOW WARNINGS")
            cases.append([target, source, value, [list(row) for row in cursor.fetchall()]])
    return cases


def column_cases(cursor: Any) -> list[Any]:
    cases = []
    for source, values in COLUMNS.items():
        for value in values:
            cursor.execute(f"CREATE OR REPLACE TABLE oracle.s (v {source})")
            cursor.execute(f"INSERT INTO oracle.s VALUES ({value if 'bit' in source or 'year' in source else repr(value)})")
            for column in COLUMN_TARGETS:
                cursor.execute(f"CREATE OR REPLACE TABLE oracle.t (c {column} NULL)")
                results = []
                for mode in MODES:
                    cursor.execute("SET sql_mode = %s", (mode,))
                    results.append(
                        attempt(cursor, column, "(SELECT v FROM oracle.s)", "INSERT INTO oracle.t SELECT v FROM oracle.s")
                    )
                cases.append([column, source, value, *results])
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    connection = pymysql.connect(unix_socket=parser.parse_args().socket, user="root", charset="utf8mb4", autocommit=True)
    cursor = connection.cursor()
    cursor.execute("SET time_zone = '+00:00', max_error_count = 5, timestamp = 1600000000")
    cursor.execute("DROP DATABASE IF EXISTS oracle")
    cursor.execute("CREATE DATABASE oracle CHARACTER SET utf8mb4")
    write("store_cases.json", store_cases(cursor))
    write("cast_cases.json", cast_cases(cursor))
    write("column_cases.json", column_cases(cursor))
    cursor.execute("DROP DATABASE oracle")


if __name__ == "__main__":
    main()
