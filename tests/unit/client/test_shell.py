"""The shell on a pipe, over a link that answers from memory."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fauna.client.exceptions import error_of
from fauna.client.link import Answer, Column, Shape
from fauna.client.shell import Leave, Shell, history_path

SHAPE = Shape.of([Column("id", 3, None, None, None, None, True), Column("name", 253, None, None, None, None, True)])


class MemoryLink:
    """Answers `select` with two rows, `nope` with error 1146, the rest with OK."""

    open = True
    in_transaction = False

    def __init__(self) -> None:
        self.seen: list[str] = []

    def run(self, sql: str, params: Any = None, *, stream: bool = False, as_text: bool = False) -> Answer:
        self.seen.append(sql)
        if "nope" in sql:
            raise error_of(1146, "Table 'x.nope' doesn't exist", "42S02")
        if sql.startswith("select"):
            rows = [(1, "王芳"), (2, None)] if as_text else [(1, Decimal("1.10")), (2, b"\xff")]
            return Answer(SHAPE, iter(rows) if stream else rows, 2, 0, 1)
        return Answer(None, [], 3, 0, 0, "Rows matched: 3")

    def next_answer(self) -> Answer | None:
        return None

    def interrupt(self) -> None: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...


def run(script: str, **options: Any) -> tuple[bool, str, str, list[str]]:
    link, out, err = MemoryLink(), io.StringIO(), io.StringIO()
    shell = Shell(link, lambda: link, out=out, err=err, **options)
    try:
        done = shell.run_lines(script.splitlines(keepends=True))
    except Leave:
        done = not shell.failed
    shell.finish()
    return done, out.getvalue(), err.getvalue(), link.seen


def test_tabs_on_a_pipe() -> None:
    assert run("select 1;\nupdate x;\n") == (True, "id\tname\n1\t王芳\n2\tNULL\n", "", ["select 1", "update x"])


def test_an_error_stops_the_script_and_names_the_line() -> None:
    done, out, err, seen = run("update x;\n\nupdate nope;\nupdate y;\n")
    assert (done, out, seen) == (False, "", ["update x", "update nope"])
    assert err == "ERROR 1146 (42S02) at line 3: Table 'x.nope' doesn't exist\n"


def test_force_goes_on_but_the_end_is_not_success() -> None:
    done, _, err, seen = run("update nope;update y;", force=True)
    assert (done, seen) == (False, ["update nope", "update y"])
    assert "1146" in err


def test_chatty_says_counts_and_warnings() -> None:
    _, out, _, _ = run("update x; select 1; use shop;", style="table", chatty=True)
    assert "Query OK, 3 rows affected (0.0" in out
    assert "Rows matched: 3" in out
    assert "2 rows in set, 1 warning (0.0" in out
    assert "| 王芳 |" in out
    assert "Database changed" in out


def test_vertical_for_one_statement() -> None:
    _, out, _, _ = run("select 1\\G", style="table")
    assert "*************************** 2. row ***************************\n  id: 2\nname: NULL\n" in out


def test_json_is_one_document_and_rounds_nothing() -> None:
    _, out, _, _ = run("select 1; update x;", style="json")
    assert json.loads(out) == [
        {"columns": ["id", "name"], "rows": [{"id": 1, "name": "1.10"}, {"id": 2, "name": "0xFF"}], "warnings": 1},
        {"affected_rows": 3, "insert_id": 0, "warnings": 0},
    ]


def test_source_use_quit_and_help(tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("update a;\nupdate b")
    _, out, _, seen = run(f"\\u my`db\nsource {file}\n\\?\n\\q\nupdate never;")
    assert seen == ["USE `my``db`", "update a", "update b"]
    assert "Ctrl-D" in out


def test_source_of_a_missing_file_and_of_itself(tmp_path: Path) -> None:
    done, _, err, _ = run("source /nowhere/x.sql\nupdate a;")
    assert not done and "No such file" in err
    loop = tmp_path / "loop.sql"
    loop.write_text(f"source {loop}\n")
    done, _, err, _ = run(f"source {loop}\n")
    assert not done and "nested more than" in err


def test_a_word_like_a_command_inside_a_statement_is_not_one() -> None:
    assert run("select\nhelp\n;")[3] == ["select\nhelp"]


def test_history_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAUNADB_HISTORY", str(tmp_path / "h"))
    assert history_path() == tmp_path / "h"
