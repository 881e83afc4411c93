"""The Chinook dump, loaded unchanged over the protocol, and 30 analytical queries that must agree with MariaDB.

The dump is not ours: it is read from ../shared/data when it is there, and the tests are skipped when it is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymysql.constants import CLIENT

from tests.servers import Server, faunadb
from tests.servers.replay import differences

DUMP = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "chinook-mysql.sql"
DATABASE = "Chinook_AutoIncrement"
TABLES = (
    "Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType", "Playlist", "PlaylistTrack", "Track",
)  # fmt: skip

QUERIES = {
    "tracks per genre": "SELECT g.Name, COUNT(*) n FROM Genre g JOIN Track t USING (GenreId) GROUP BY g.GenreId, g.Name ORDER BY n DESC, g.Name",
    "revenue per country": "SELECT BillingCountry, SUM(Total) s, COUNT(*) c, AVG(Total) a FROM Invoice GROUP BY BillingCountry ORDER BY s DESC, 1",
    "best customers": """SELECT c.FirstName, c.LastName, SUM(i.Total) spent FROM Customer c JOIN Invoice i ON i.CustomerId = c.CustomerId
        GROUP BY c.CustomerId, c.FirstName, c.LastName ORDER BY spent DESC, c.LastName LIMIT 10""",
    "revenue per month": "SELECT DATE_FORMAT(InvoiceDate, '%Y-%m') m, SUM(Total) FROM Invoice GROUP BY m ORDER BY m",
    "revenue per year with rollup": "SELECT YEAR(InvoiceDate) y, SUM(Total) FROM Invoice GROUP BY YEAR(InvoiceDate) WITH ROLLUP",
    "running total": "SELECT InvoiceId, Total, SUM(Total) OVER (ORDER BY InvoiceId) r FROM Invoice ORDER BY InvoiceId LIMIT 50",
    "rank of artists by sales": """SELECT ar.Name, SUM(l.UnitPrice * l.Quantity) s, RANK() OVER (ORDER BY SUM(l.UnitPrice * l.Quantity) DESC) r
        FROM InvoiceLine l JOIN Track t USING (TrackId) JOIN Album al USING (AlbumId) JOIN Artist ar USING (ArtistId)
        GROUP BY ar.ArtistId, ar.Name ORDER BY r, ar.Name LIMIT 25""",
    "top genre per country": """WITH s AS (SELECT i.BillingCountry c, g.Name g, SUM(l.Quantity) q FROM Invoice i JOIN InvoiceLine l USING (InvoiceId)
        JOIN Track t USING (TrackId) JOIN Genre g USING (GenreId) GROUP BY i.BillingCountry, g.Name),
        r AS (SELECT c, g, q, RANK() OVER (PARTITION BY c ORDER BY q DESC) k FROM s) SELECT c, g, q FROM r WHERE k = 1 ORDER BY c, g""",
    "employees and their bosses": """SELECT CONCAT(e.FirstName, ' ', e.LastName) e, CONCAT(b.FirstName, ' ', b.LastName) b
        FROM Employee e LEFT JOIN Employee b ON e.ReportsTo = b.EmployeeId ORDER BY e.EmployeeId""",
    "chain of command": """WITH RECURSIVE c AS (SELECT EmployeeId, LastName, 0 d, CAST(LastName AS CHAR(200)) p FROM Employee WHERE ReportsTo IS NULL
        UNION ALL SELECT e.EmployeeId, e.LastName, c.d + 1, CONCAT(c.p, ' > ', e.LastName) FROM Employee e JOIN c ON e.ReportsTo = c.EmployeeId)
        SELECT d, p FROM c ORDER BY p""",
    "sales of each employee": """SELECT e.LastName, COUNT(DISTINCT c.CustomerId), SUM(i.Total) FROM Employee e LEFT JOIN Customer c ON c.SupportRepId = e.EmployeeId
        LEFT JOIN Invoice i ON i.CustomerId = c.CustomerId GROUP BY e.EmployeeId, e.LastName ORDER BY e.LastName""",
    "tracks never sold": "SELECT COUNT(*) FROM Track t WHERE NOT EXISTS (SELECT 1 FROM InvoiceLine l WHERE l.TrackId = t.TrackId)",
    "tracks never sold by genre": """SELECT g.Name, COUNT(*) n FROM Track t LEFT JOIN InvoiceLine l ON l.TrackId = t.TrackId JOIN Genre g ON g.GenreId = t.GenreId
        WHERE l.TrackId IS NULL GROUP BY g.Name HAVING n > 20 ORDER BY n DESC, g.Name""",
    "longest track per album": """SELECT al.Title, t.Name, t.Milliseconds FROM Album al JOIN Track t ON t.AlbumId = al.AlbumId
        WHERE t.Milliseconds = (SELECT MAX(x.Milliseconds) FROM Track x WHERE x.AlbumId = al.AlbumId) ORDER BY al.AlbumId, t.TrackId LIMIT 40""",
    "length of albums": """SELECT al.Title, SEC_TO_TIME(SUM(t.Milliseconds) DIV 1000) len, COUNT(*) FROM Album al JOIN Track t USING (AlbumId)
        GROUP BY al.AlbumId, al.Title ORDER BY SUM(t.Milliseconds) DESC LIMIT 15""",
    "playlists": "SELECT p.PlaylistId, p.Name, COUNT(pt.TrackId) n FROM Playlist p LEFT JOIN PlaylistTrack pt USING (PlaylistId) GROUP BY p.PlaylistId, p.Name ORDER BY n DESC, p.PlaylistId",
    "tracks on most playlists": "SELECT t.Name, COUNT(*) n FROM PlaylistTrack pt JOIN Track t USING (TrackId) GROUP BY t.TrackId, t.Name HAVING COUNT(*) >= 5 ORDER BY n DESC, t.TrackId LIMIT 20",
    "search without case and accents": "SELECT Name FROM Artist WHERE Name LIKE '%ae%' OR Name LIKE 'antônio%' OR Name = 'motley crue' ORDER BY Name, ArtistId",
    "artists in order": "SELECT Name FROM Artist ORDER BY Name, ArtistId LIMIT 60 OFFSET 100",
    "composers": "SELECT Composer, COUNT(*) FROM Track WHERE Composer IS NOT NULL GROUP BY Composer HAVING COUNT(*) > 15 ORDER BY 2 DESC, 1",
    "price classes": "SELECT CASE WHEN UnitPrice < 1 THEN 'cheap' ELSE 'dear' END k, COUNT(*), SUM(UnitPrice), MIN(UnitPrice), MAX(UnitPrice) FROM Track GROUP BY k ORDER BY k",
    "standard deviation": "SELECT ROUND(STDDEV(Total), 6), ROUND(VARIANCE(Total), 6), AVG(Total), SUM(Total) / COUNT(*) FROM Invoice",
    "genres of each customer": """SELECT c.CustomerId, GROUP_CONCAT(DISTINCT g.Name ORDER BY g.Name SEPARATOR ', ') gs FROM Customer c JOIN Invoice i USING (CustomerId)
        JOIN InvoiceLine l USING (InvoiceId) JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g USING (GenreId) GROUP BY c.CustomerId ORDER BY c.CustomerId LIMIT 20""",
    "customers who bought rock and jazz": """SELECT c.LastName FROM Customer c WHERE c.CustomerId IN (SELECT i.CustomerId FROM Invoice i JOIN InvoiceLine l USING (InvoiceId)
        JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g USING (GenreId) WHERE g.Name = 'rock') AND EXISTS (SELECT 1 FROM Invoice i JOIN InvoiceLine l USING (InvoiceId)
        JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g USING (GenreId) WHERE g.Name = 'JAZZ' AND i.CustomerId = c.CustomerId) ORDER BY c.LastName""",
    "invoices above their country's average": """SELECT i.InvoiceId, i.Total FROM Invoice i JOIN (SELECT BillingCountry c, AVG(Total) a FROM Invoice GROUP BY BillingCountry) x
        ON x.c = i.BillingCountry WHERE i.Total > x.a * 2 ORDER BY i.InvoiceId""",
    "days between invoices": """SELECT CustomerId, InvoiceId, DATEDIFF(InvoiceDate, LAG(InvoiceDate) OVER (PARTITION BY CustomerId ORDER BY InvoiceDate, InvoiceId)) d
        FROM Invoice ORDER BY CustomerId, InvoiceId LIMIT 60""",
    "quartiles": "SELECT q, COUNT(*), MIN(Milliseconds), MAX(Milliseconds) FROM (SELECT Milliseconds, NTILE(4) OVER (ORDER BY Milliseconds, TrackId) q FROM Track) x GROUP BY q ORDER BY q",
    "countries with customers but no employees": "SELECT DISTINCT Country FROM Customer EXCEPT SELECT Country FROM Employee ORDER BY Country",
    "all people": """SELECT 'c' k, FirstName, LastName FROM Customer WHERE Country = 'canada' UNION ALL SELECT 'e', FirstName, LastName FROM Employee ORDER BY LastName, FirstName, k""",
    "media types pivoted": """SELECT g.Name, SUM(t.MediaTypeId = 1) mpeg, SUM(IF(t.MediaTypeId = 2, 1, 0)) aac, COUNT(CASE WHEN t.MediaTypeId > 2 THEN 1 END) other,
        ROUND(AVG(t.Bytes) / 1024, 2) kib FROM Track t NATURAL JOIN (SELECT GenreId, Name gn FROM Genre) gg JOIN Genre g ON g.GenreId = t.GenreId GROUP BY g.Name ORDER BY g.Name""",
    "weekdays": "SELECT DAYNAME(InvoiceDate) d, WEEKDAY(InvoiceDate) w, COUNT(*), SUM(Total) FROM Invoice GROUP BY d, w ORDER BY w",
    "e-mail providers": "SELECT SUBSTRING_INDEX(SUBSTRING_INDEX(Email, '@', -1), '.', 1) p, COUNT(*) n FROM Customer GROUP BY p ORDER BY n DESC, p",
    "everything joined": """SELECT COUNT(*), SUM(l.Quantity * l.UnitPrice), MAX(ar.Name), MIN(al.Title) FROM Invoice i JOIN InvoiceLine l ON l.InvoiceId = i.InvoiceId
        JOIN Customer c ON c.CustomerId = i.CustomerId JOIN Track t ON t.TrackId = l.TrackId JOIN Album al ON al.AlbumId = t.AlbumId
        JOIN Artist ar ON ar.ArtistId = al.ArtistId WHERE c.Country <> 'USA' AND i.InvoiceDate >= '2010-01-01'""",
}  # fmt: skip


def load(server: Server) -> None:
    """The dump as one text, as a client with multi-statements sends it."""
    with server.connect(client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute(DUMP.read_text(encoding="utf-8-sig"))
        while cursor.nextset():
            pass


@pytest.fixture(scope="module")
def loaded_mariadb(mariadb_server: Server) -> Iterator[Server]:
    if not DUMP.exists():
        pytest.skip("the Chinook dump is not there")
    load(mariadb_server)
    yield mariadb_server
    with contextlib.suppress(Exception):
        mariadb_server.query(f"DROP DATABASE {DATABASE}")


@pytest.fixture(scope="module")
def loaded_faunadb(_faunadb_session: list[Server]) -> Iterator[Server]:
    if not DUMP.exists():
        pytest.skip("the Chinook dump is not there")
    server = _faunadb_session[0]
    load(server)
    yield server
    with contextlib.suppress(Exception):
        server.query(f"DROP DATABASE {DATABASE}")


def answer(server: Server, sql: str) -> tuple[Any, ...]:
    with server.connect(database=DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return tuple((d[0], d[1]) for d in cursor.description), cursor.fetchall()


@pytest.mark.oracle
@pytest.mark.parametrize("table", TABLES)
def test_loaded(loaded_mariadb: Server, loaded_faunadb: Server, table: str) -> None:
    sql = f"SELECT * FROM {table} ORDER BY 1, 2"
    assert answer(loaded_faunadb, sql) == answer(loaded_mariadb, sql)


@pytest.mark.oracle
@pytest.mark.parametrize("name", QUERIES)
def test_query(loaded_mariadb: Server, loaded_faunadb: Server, name: str) -> None:
    expected = answer(loaded_mariadb, QUERIES[name])
    assert expected[1], "a query without an answer shows nothing"
    assert answer(loaded_faunadb, QUERIES[name]) == expected


@pytest.mark.parametrize("shards", [1, 4])
def test_its_chain_replayed_gives_the_same_rows(tmp_path: Path, shards: int) -> None:
    if not DUMP.exists():
        pytest.skip("the Chinook dump is not there")
    with faunadb.start("--shards", str(shards), data=tmp_path / "data") as server:
        load(server)
    found, blocks = differences(tmp_path / "data", tmp_path / "copy")
    assert found == [] and blocks > 20


@pytest.mark.oracle
def test_there_are_thirty_queries() -> None:
    assert len(QUERIES) >= 30
