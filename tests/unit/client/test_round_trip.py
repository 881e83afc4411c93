"""Any value that a client can bind comes back as it went: embedded, over the protocol, and on MariaDB."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fauna.client import database

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
TIMES = st.timedeltas(-timedelta(hours=838, minutes=59, seconds=59), timedelta(hours=838, minutes=59, seconds=59))
ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20),
    st.none() | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False).map(lambda value: value + 0.0),
    st.none() | TEXT,
    st.none() | st.binary(max_size=40),
    st.none() | st.dates(date(1000, 1, 1)),
    st.none() | st.datetimes(datetime(1000, 1, 1)),
    st.none() | TIMES,
)
TABLE = """CREATE TABLE r (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, u BIGINT UNSIGNED, n DECIMAL(40,9), f DOUBLE, s VARCHAR(200),
    b VARBINARY(200), d DATE, t DATETIME(6), ti TIME(6))"""
INSERT = f"INSERT INTO r VALUES (NULL{', %s' * 9})"


def test_bound_values_come_back(db: database.Database) -> None:
    db.execute(TABLE)

    @given(ROW)
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def holds(row: tuple[Any, ...]) -> None:
        number = db.query(INSERT, row).lastrowid
        bound = tuple(db.query("SELECT i, u, n, f, s, b, d, t, ti FROM r WHERE id = %s", (number,))[0])
        assert bound == row
        assert [type(value) for value in bound] == [type(value) for value in row]
        assert tuple(db.query(f"SELECT i, u, n, f, s, b, d, t, ti FROM r WHERE id = {number}")[0]) == row
        for column, value in zip(("i", "u", "n", "b", "d", "t", "ti"), (row[i] for i in (0, 1, 2, 5, 6, 7, 8)), strict=True):
            found = db.query(f"SELECT COUNT(*) FROM r WHERE id = %s AND {column} <=> %s", (number, value)).scalar()
            assert found == 1, (column, value)

    holds()


def test_decimals_are_exact(db: database.Database) -> None:
    assert db.query("SELECT %s + %s", (Decimal("0.1"), Decimal("0.2"))).scalar() == Decimal("0.3")
    assert db.query("SELECT %s = 0.3", (Decimal("0.1") + Decimal("0.2"),)).scalar() == 1
