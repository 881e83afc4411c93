"""Opening a data directory: one process, a known format, a whole file, a place to write; else a clear StartError."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import pytest

from fauna.errors import StartError
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.shard import SqliteShard
from tests.compliance.engine.actors import Actor, latest, make_tables
from tests.compliance.engine.conftest import OpenShard

NOBODY = 65534


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that runs `script`, with this process's import path."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(StartError) as raised:
        directory = DataDirectory(path)
        try:
            SqliteShard(directory)
        finally:
            directory.close()
    for part in parts:
        assert part in str(raised.value)


def test_data_survives_a_restart(open_shard: OpenShard, shard: SqliteShard) -> None:
    actor = Actor(shard, 1)  # type: ignore[arg-type]
    actor.put(1, 11)
    actor.commit()
    shard = open_shard()
    assert latest(shard) == {1: 11, 2: 20}
    assert shard.integrity_errors() == []


def test_close_leaves_no_log_to_replay(open_shard: OpenShard, tmp_path: Path) -> None:
    shard = open_shard()
    make_tables(shard)
    shard.close()
    shard.close()
    wal = tmp_path / "data" / "shard-0.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0


def test_in_use_by_this_process(shard: SqliteShard, tmp_path: Path) -> None:
    refused(tmp_path / "data", "in use", str(os.getpid()))


def test_in_use_by_another_process(tmp_path: Path) -> None:
    script = """
        import sys
        from fauna.shard.engines.sqlite.data_directory import DataDirectory
        directory = DataDirectory(sys.argv[1])
        print("locked", flush=True)
        sys.stdin.read()
    """
    with child(script, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        refused(tmp_path, "in use", str(process.pid))
        process.communicate("")
    DataDirectory(tmp_path).close()


def test_a_format_without_a_chain(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "shard-0.db"))
    connection.execute("CREATE TABLE fauna_meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID")
    connection.execute("INSERT INTO fauna_meta VALUES ('format', 1)")
    before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    refused(tmp_path, "an older version", "load the dump")
    assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == before
    connection.close()


def test_newer_format(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    SqliteShard(directory).close()
    directory.close()
    connection = apsw.Connection(str(tmp_path / "shard-0.db"))
    connection.execute("UPDATE fauna_meta SET value = 99 WHERE key = 'format'")
    connection.close()
    refused(tmp_path, "newer version", "99")


@pytest.mark.parametrize("content", [b"this is no database" * 500, b"SQLite format 3\0" + b"\xff" * 8176])
def test_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shard-0.db").write_bytes(content)
    refused(tmp_path, "damaged", "backup")
    assert (tmp_path / "shard-0.db").read_bytes() == content


def test_path_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "not a directory")
    refused(tmp_path / "file" / "below", "data directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("existing", [False, True])
def test_not_writable(tmp_path: Path, existing: bool) -> None:
    """As a user who may read the directory but not write into it."""
    data = tmp_path / "data"
    directory = DataDirectory(data)
    if existing:
        SqliteShard(directory).close()
    directory.close()
    for path in (data, *data.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in data.parents[:4]:
        if parent != Path("/tmp"):  # noqa: S108
            parent.chmod(parent.stat().st_mode | 0o055)
    script = """
        import os, sys
        from fauna.errors import StartError
        from fauna.shard.engines.sqlite.data_directory import DataDirectory
        from fauna.shard.engines.sqlite.shard import SqliteShard
        os.setuid(int(sys.argv[2]))
        try:
            SqliteShard(DataDirectory(sys.argv[1]))
        except StartError as refused:
            print(refused)
    """
    with child(script, data, NOBODY) as process:
        answer = process.communicate()[0]
    assert "cannot write to data directory" in answer
    assert "writable" in answer


def test_nothing_is_left_running_after_a_refused_start(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    directory = DataDirectory(tmp_path)
    SqliteShard(directory).close()
    directory.close()
    with apsw.Connection(str(tmp_path / "shard-0.db")) as connection:
        connection.execute("INSERT INTO fauna_prepared VALUES ('g', '{\"rows\": [')")
    refused(tmp_path, "damaged")
    assert threading.active_count() == before
    with apsw.Connection(str(tmp_path / "shard-0.db")) as connection:
        connection.execute("DELETE FROM fauna_prepared")
    directory = DataDirectory(tmp_path)
    SqliteShard(directory).close()
    directory.close()
