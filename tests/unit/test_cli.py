"""The command line: what it answers, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fauna import __version__
from fauna.cli import COMMANDS, LATER, main
from tests.servers.faunadb import environment


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  {command.name} " in text
    for name in LATER:
        assert name in text


def test_without_a_command_the_usage_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"faunadb {__version__}\n"


@pytest.mark.parametrize("name", sorted(LATER))
def test_later_commands_say_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--whatever"]) == 2
    assert "not part of this release" in capsys.readouterr().err


def test_typing_errors_are_met_with_the_nearest_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["srve"]) == 2
    assert "did you mean 'serve'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--prot", "1"])
    assert caught.value.code == 2
    assert "did you mean --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--shards", "1025"], "out of bounds"),
        (["serve", "--port", "x"], "--port: expected a whole number"),
        (["serve", "--config", "missing.toml"], "does not exist"),
        (["serve", "--tls-cert", "a.pem"], "belong together"),
        (["sql", "--host", "127.0.0.1", "--port", "1", "-e", "SELECT 1"], "ERROR 2003"),
        (["sql", "--uri", "postgres://x", "-e", "SELECT 1"], "must begin with mysql://"),
        (["status", "--port", "1"], "Can't connect"),
        (["demo", "--uri", "mysql://root@127.0.0.1:1"], "Can't connect"),
    ],
)
def test_failures_are_one_line_and_exit_code_1(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAUNADB_PASSWORD", "x")
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("faunadb: ")
    assert err.count("\n") == 1


def test_doctor_finds_nothing_wrong_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--port", "0"]) == 0
    findings = {finding["check"]: finding["state"] for finding in json.loads(capsys.readouterr().out)}
    assert findings["data directory"] == findings["durable write"] == findings["engine"] == "ok"


def test_doctor_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert main(["doctor", "--data", str(file), "--port", "0"]) == 1
    out = capsys.readouterr().out
    assert "wrong    data directory" in out
    assert "-> choose another with --data" in out


def test_python_dash_m(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fauna", "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
