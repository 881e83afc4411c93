"""What happens to a data directory that is in use, newer, read-only or full: a clear error, and nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.servers import Server, faunadb, free_port


def refused(data: Path, user: str | None = None) -> str:
    """Start a server that must not start; returns what it said."""
    done = subprocess.run(
        faunadb.command(data, free_port()), capture_output=True, text=True, timeout=60, check=False,
        env=faunadb.environment(), stdin=subprocess.DEVNULL, user=user, cwd="/",
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert said.count("\n") == 1, said
    return said


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a row in it, not in use."""
    directory = tmp_path / "data"
    with faunadb.start(data=directory) as server:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        server.query("CREATE TABLE t (a INT)", database="test")
        server.query("INSERT INTO t VALUES (42)", database="test")
    return directory


def databases(data: Path) -> list[Path]:
    found = [p for p in data.rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    assert found
    return found


def test_survives_a_restart(data: Path) -> None:
    with faunadb.start(data=data) as server:
        assert server.query("SELECT a FROM t", database="test") == ((42,),)


def test_in_use(data: Path) -> None:
    with faunadb.start(data=data) as server:
        said = refused(data)
        assert "in use" in said.lower()
        assert server.query("SELECT a FROM t", database="test") == ((42,),)


def test_port_in_use(data: Path, tmp_path: Path) -> None:
    with faunadb.start(data=data) as server:
        done = subprocess.run(
            faunadb.command(tmp_path / "other", server.port), capture_output=True, text=True, timeout=60, check=False,
            env=faunadb.environment(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode not in (0, -9)
        assert str(server.port) in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


def test_written_by_a_newer_version(data: Path) -> None:
    import apsw

    for file in databases(data):
        connection = apsw.Connection(str(file))
        connection.execute("UPDATE fauna_meta SET value = 9999 WHERE key = 'format'")
        connection.close()
    said = refused(data)
    assert "newer" in said.lower()


def test_read_only(data: Path) -> None:
    """As root every file can be written, so then the server runs as nobody."""
    with tempfile.TemporaryDirectory(prefix="fauna-read-only-") as name:
        Path(name).chmod(0o755)
        copy = Path(name) / "data"
        shutil.copytree(data, copy)
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            said = refused(copy, user="nobody" if os.geteuid() == 0 else None).lower()
        except PermissionError:
            pytest.skip("nobody may not run this installation")
        finally:
            copy.chmod(0o755)
        if "no module named" in said or "can't open file" in said:
            pytest.skip("nobody may not read this installation")
        assert "writ" in said or "permission" in said or "read-only" in said, said


def test_not_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("hello")
    assert str(file) in refused(file)


def test_damaged(data: Path) -> None:
    for file in databases(data):
        file.write_bytes(b"this is not a database" * 100)
    said = refused(data)
    assert "internal error" not in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB, for which one must be root and allowed to mount."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(where)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=False)


@pytest.mark.timeout(180)
def test_disk_full(small_disk: Path) -> None:
    with faunadb.start(data=small_disk / "data") as server:
        _fill(server)
        # Reads go on, the server lives, and what was committed is there.
        committed = server.query("SELECT COUNT(*), SUM(LENGTH(v)) FROM t", database="test")[0]
        assert committed[0] > 0
        assert committed[1] == committed[0] * 100_000
        (small_disk / "ballast").unlink()
        server.query("DROP TABLE ballast", database="test")
        server.query("INSERT INTO t (v) VALUES ('after')", database="test")
        assert server.query("SELECT COUNT(*) FROM t", database="test") == ((committed[0] + 1,),)


def _fill(server: Server) -> None:
    server.query("CREATE DATABASE IF NOT EXISTS test")
    server.query("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)", database="test")
    server.query("CREATE TABLE ballast (v INT)", database="test")
    (server.directory.parent / "ballast").write_bytes(b"x" * 8_000_000)
    with server.connect(database="test") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError) as caught:
            for _ in range(1000):
                cursor.execute("INSERT INTO t (v) VALUES (%s)", ("x" * 100_000,))
        assert caught.value.args[0] in (1021, 1114, 1030, 28), caught.value
        cursor.execute("SELECT COUNT(*) FROM t")
        assert cursor.fetchone()[0] > 0


@pytest.mark.timeout(120)
def test_no_more_room_by_a_limit(tmp_path: Path) -> None:
    """As `test_disk_full`, for those who may not mount: files may not grow, and later may again."""
    with faunadb.start(data=tmp_path / "data") as server:
        server.query("CREATE DATABASE IF NOT EXISTS test")
        server.query("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)", database="test")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (3_000_000, hard))
        acknowledged = 0
        with server.connect(database="test") as connection, connection.cursor() as cursor:
            with pytest.raises(pymysql.MySQLError) as caught:
                for _ in range(200):
                    cursor.execute("INSERT INTO t (v) VALUES (%s)", ("x" * 50_000,))
                    acknowledged += 1
            assert caught.value.args[0] == 1021, caught.value
            cursor.execute("SELECT COUNT(*), SUM(LENGTH(v)) FROM t")
            assert cursor.fetchone() == (acknowledged, acknowledged * 50_000)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
            cursor.execute("INSERT INTO t (v) VALUES ('after')")
        server.restart()
        assert server.query("SELECT COUNT(*) FROM t", database="test") == ((acknowledged + 1,),)


def test_start_on_existing_data_is_quick(data: Path) -> None:
    start = time.monotonic()
    with faunadb.start(data=data):
        took = time.monotonic() - start
    assert took < 5, f"{took:.1f} s; 0.7 s on an idle machine"
