"""UUID, INET4, INET6 and geometries: types that are kept as other types."""

from __future__ import annotations

import pymysql
import pytest

from tests.servers import Server


def test_uuid_and_addresses(database: Server) -> None:
    with database.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (u UUID, a INET6, b INET4)")
        cursor.execute("INSERT INTO t VALUES (%s, %s, %s)", ("B589D33BA13E42B79FF97985EE56605C", "2001:DB8:0:0::1", "10.0.0.1"))
        cursor.execute("SELECT * FROM t WHERE u = 'b589d33b-a13e-42b7-9ff9-7985ee56605c'")
        assert cursor.fetchall() == (("b589d33b-a13e-42b7-9ff9-7985ee56605c", "2001:db8::1", "10.0.0.1"),)
        for sql in ("INSERT INTO t (u) VALUES ('zz')", "INSERT INTO t (a) VALUES ('1.2.3')", "UPDATE t SET b = '256.1.1.1'"):
            with pytest.raises(pymysql.OperationalError) as caught:
                cursor.execute(sql)
            assert caught.value.args[0] == 1292
        cursor.execute("SHOW CREATE TABLE t")
        (row,) = cursor.fetchall()
        assert "`u` uuid DEFAULT NULL,\n  `a` inet6 DEFAULT NULL,\n  `b` inet4 DEFAULT NULL\n" in row[1]
        cursor.execute("ALTER TABLE t ADD w VARCHAR(40) DEFAULT 'b589d33ba13e42b79ff97985ee566000'")
        cursor.execute("ALTER TABLE t MODIFY w UUID")
        cursor.execute("SELECT w FROM t")
        assert cursor.fetchall() == (("b589d33b-a13e-42b7-9ff9-7985ee566000",),)


def test_geometries(database: Server) -> None:
    with database.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE g (id INT PRIMARY KEY, p POINT, g GEOMETRY)")
        text = "MULTIPOLYGON(((1 1,1 -1,-1 -1,-1 1,1 1)),((1 1,3 1,3 3,1 3,1 1)))"
        cursor.execute("INSERT INTO g VALUES (1, POINT(1.5, -2), ST_GeomFromText(%s, 4326))", (text,))
        cursor.execute("SELECT ST_AsText(p), ST_AsText(g), ST_SRID(g), ST_GeometryType(g), ST_X(p), ST_Y(p), LENGTH(g) FROM g")
        assert cursor.fetchall() == (("POINT(1.5 -2)", text, 4326, "MULTIPOLYGON", 1.5, -2.0, 199),)
        cursor.execute("INSERT INTO g SELECT 2, p, ST_GeomFromWKB(ST_AsWKB(g)) FROM g")
        cursor.execute("SELECT ST_AsText(g) FROM g WHERE id = 2")
        assert cursor.fetchall() == ((text,),)
        for value in ("'abc'", "ST_GeomFromText('LINESTRING(0 0,1 1)')"):
            with pytest.raises(pymysql.MySQLError):
                cursor.execute(f"UPDATE g SET p = {value}")
        cursor.execute("SELECT ST_GeomFromText('POLYGON((0 0,1 1))'), ST_GeomFromText('POINT(1')")
        assert cursor.fetchall() == ((None, None),)


def test_a_uuid_is_found_however_it_is_written(database: Server) -> None:
    with database.connect(database="drivers") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (u UUID PRIMARY KEY, v VARCHAR(40))")
        cursor.execute("INSERT INTO t VALUES ('b589d33ba13e42b79ff97985ee56605c', 'B589D33BA13E42B79FF97985EE56605C')")
        for condition in (
            "u = 'b589d33ba13e42b79ff97985ee56605c'",
            "u = v",
            "u IN ('b589d33ba13e42b79ff97985ee56605c')",
            "u < 'c0'",
        ):
            cursor.execute(f"SELECT COUNT(*) FROM t WHERE {condition}")
            assert cursor.fetchall() == ((1 if condition != "u < 'c0'" else 0,),), condition
