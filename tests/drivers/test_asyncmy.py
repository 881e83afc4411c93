from __future__ import annotations

import asyncio
import decimal

import pytest

from tests.drivers.story import COLUMNS, CREATE, ROW
from tests.servers import Server

asyncmy = pytest.importorskip("asyncmy")


def test_story(database: Server) -> None:
    asyncio.run(_story(database))


async def _story(server: Server) -> None:
    pool = await asyncmy.create_pool(
        host=server.host, port=server.port, user=server.user, password=server.password, db="drivers", charset="utf8mb4",
        autocommit=True, minsize=1, maxsize=8,
    )  # fmt: skip
    try:
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(CREATE)
            await cursor.execute(f"INSERT INTO person ({COLUMNS}) VALUES ({', '.join(['%s'] * len(ROW))})", ROW)
            assert cursor.lastrowid == 1
            await cursor.execute(f"SELECT {COLUMNS} FROM person")
            assert list((await cursor.fetchall())[0]) == list(ROW)
            with pytest.raises(asyncmy.errors.IntegrityError):
                await cursor.execute("INSERT INTO person (id, name) VALUES (1, 'again')")
            await cursor.execute("CREATE TABLE n (id INT PRIMARY KEY, v DECIMAL(8,2))")

        async def add(i: int) -> None:
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("INSERT INTO n VALUES (%s, %s)", (i, decimal.Decimal(i)))

        await asyncio.gather(*(add(i) for i in range(100)))
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT COUNT(*), SUM(v) FROM n")
            assert await cursor.fetchone() == (100, decimal.Decimal("4950.00"))
    finally:
        pool.close()
        await pool.wait_closed()
