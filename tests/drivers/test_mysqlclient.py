from __future__ import annotations

import pytest

from tests.drivers import story
from tests.servers import Server

MySQLdb = pytest.importorskip("MySQLdb")


def test_story(database: Server) -> None:
    story.tell(
        lambda: MySQLdb.connect(
            host=database.host, port=database.port, user=database.user, password=database.password, database="drivers",
            charset="utf8mb4",
        ),
        MySQLdb,
    )  # fmt: skip
