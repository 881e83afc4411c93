from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drivers import story
from tests.servers import Server

connector = pytest.importorskip("mysql.connector")
ROOT = Path(__file__).resolve().parents[2]


def options(server: Server, *, pure: bool) -> dict[str, object]:
    return {
        "host": server.host, "port": server.port, "user": server.user, "password": server.password, "database": "drivers",
        "use_pure": pure, "charset": "utf8mb4", "collation": "utf8mb4_general_ci", "ssl_disabled": server.name == "mariadb",
    }  # fmt: skip


def test_story_pure(database: Server) -> None:
    story.tell(lambda: connector.connect(**options(database, pure=True)), connector, prepared={"prepared": True})


def test_story_c_extension(database: Server) -> None:
    """In a process of its own: the extension brings its own libssl, which must be loaded before Python's."""
    if not importlib.util.find_spec("_mysql_connector"):
        pytest.skip("mysql-connector-python was installed without its C extension")
    program = (
        "import _mysql_connector, mysql.connector as connector\n"
        "from tests.drivers import story\n"
        f"options = {options(database, pure=False)!r}\n"
        "story.tell(lambda: connector.connect(**options), connector)\n"
        # Its prepared statements cannot bind every type, on MariaDB either.
        "with connector.connect(**options) as connection:\n"
        "    cursor = connection.cursor(prepared=True)\n"
        "    cursor.execute('SELECT id, name, height FROM person WHERE id = %s AND name = %s', (1, 'zoe 😀'))\n"
        "    assert [str(v) for v in cursor.fetchall()[0]] == ['1', 'Zoë 😀', '172.51']\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert told.returncode == 0, told.stderr[-4000:]
