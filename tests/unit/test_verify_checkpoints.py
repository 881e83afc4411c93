"""`faunadb verify --checkpoint`: whether history was only appended to since a checkpoint that somebody kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import apsw
import pytest

from fauna.cli import main
from fauna.node import Node
from fauna.settings import Settings
from tests.unit.session.test_shards import ask, connect, opened


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A data directory of two shards, with the checkpoint of an earlier time beside it."""
    node = opened(tmp_path / "data", 2)
    session = connect(node)
    ask(session, "CREATE DATABASE d")
    ask(session, "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(9))")
    for number in range(20):
        ask(session, f"INSERT INTO d.t VALUES ({number}, 'v')")
    ((checkpoint,),) = ask(session, "CALL fauna.checkpoint()")
    (tmp_path / "kept.json").write_text(str(checkpoint), encoding="utf-8")
    for number in range(20, 30):
        ask(session, f"INSERT INTO d.t VALUES ({number}, 'v')")
    node.close()
    return tmp_path


def verify(directory: Path, *arguments: str) -> int:
    return main(["verify", "--data", str(directory / "data"), "--checkpoint", str(directory / "kept.json"), "--json", *arguments])


def test_history_was_appended_to(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = json.loads((kept / "kept.json").read_text(encoding="utf-8"))["public_key"]
    assert verify(kept) == 0
    assert verify(kept, "--public-key", key) == 0
    capsys.readouterr()
    assert verify(kept, "--public-key", "0" * 64) == 1
    assert "key" in capsys.readouterr().err


def test_the_end_was_cut_off_with_all_that_it_did(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Consistently, so that only a checkpoint tells."""
    other = Node.open(kept / "data")
    database = other.checkpoints.database
    other.close()
    fresh = opened(kept / "fresh", 2)
    fresh.close()
    for file in (kept / "fresh").glob("shard-?.db"):
        connection = apsw.Connection(str(file))
        connection.execute("UPDATE fauna_meta SET value = ? WHERE key = 'database'", (database,))
        connection.close()
    shutil.rmtree(kept / "data")
    shutil.move(kept / "fresh", kept / "data")
    assert verify(kept) == 1
    found = json.loads(capsys.readouterr().out)
    assert any("its end has been cut off" in each["what"] for each in found["findings"])


def test_a_checkpoint_of_another_database(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(kept / "data")
    opened(kept / "data", 2).close()
    assert verify(kept) == 2
    assert "the checkpoint is of the database" in capsys.readouterr().err


def test_what_is_no_checkpoint(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kept / "kept.json").write_text("{}", encoding="utf-8")
    assert verify(kept) == 1
    assert "a checkpoint" in capsys.readouterr().err


def test_a_database_without_a_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", chain=False))
    ask(connect(node), "CREATE DATABASE d")
    node.close()
    assert main(["verify", "--data", str(tmp_path / "data")]) == 2
    assert "chain=off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value"), [("chain", "oo"), ("format", 3), ("shard", "2"), ("database", "0" * 32), ("chbin", "on")]
)
def test_what_a_file_says_of_itself(kept: Path, key: str, value: object, capsys: pytest.CaptureFixture[str]) -> None:
    connection = apsw.Connection(str(kept / "data" / "shard-0.db"))
    connection.execute("INSERT OR REPLACE INTO fauna_meta VALUES (?, ?)", (key, value))
    connection.close()
    assert main(["verify", "--data", str(kept / "data")]) == 1
    assert "fauna_meta" in capsys.readouterr().out or key == "database"
