"""The command line: what it answers, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna import __version__
from fauna.cli import COMMANDS, LATER, main
from fauna.client import embedded_link
from fauna.settings import Settings
from tests.servers.faunadb import environment
from tests.unit.chain.chains import ListChain


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
        (["checkpoint", "--port", "1"], "Can't connect"),
        (["proof", "99", "--path", "data"], "shard 0 has no block 99"),
        (["proof", "verify", "a.json", "b.json"], "cannot read file 'a.json'"),
        (["proof", "consistency", "a.json", "--path", "data"], "cannot read file 'a.json'"),
        (["demo", "--uri", "mysql://root@127.0.0.1:1"], "Can't connect"),
    ],
)
def test_failures_are_one_line_and_exit_code_1(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAUNADB_PASSWORD", "x")
    monkeypatch.chdir(tmp_path)
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


@pytest.fixture
def chains() -> Iterator[list[ListChain]]:
    """The chains of an embedded database that this process has open in `data`."""
    link = embedded_link.open_link(Path("data"), None, Settings(data=Path("data")))
    (shared,) = embedded_link._nodes.values()
    made = [ListChain(0, shared.node.checkpoints.database).fill(5)]
    shared.node.chain_sources = lambda: made
    yield made
    link.close()


def test_a_proof_from_the_command_line(chains: list[ListChain], capsys: pytest.CaptureFixture[str]) -> None:
    on = ["--path", "data"]
    assert main(["checkpoint", *on, "--out", "checkpoint.json"]) == 0
    assert main(["checkpoint", *on, "--key", "--out", "key.pem"]) == 0
    assert capsys.readouterr().out == ""
    chains[0].fill(5)
    assert main(["proof", "3", *on, "--change", "0", "--checkpoint", "checkpoint.json", "--out", "proof.json"]) == 0
    verify = ["proof", "verify", "proof.json", "checkpoint.json"]
    assert main([*verify, "--public-key", "key.pem"]) == 0
    assert "after        [3, 'row 3']" in capsys.readouterr().out
    assert main([*verify, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["block"], found["op"], found["before"], found["after"]) == (3, "INSERT", None, [3, "row 3"])
    assert main([*verify, "--public-key", "00" * 32]) == 1
    assert "not by the trusted key" in capsys.readouterr().err
    assert main(["proof", "consistency", "checkpoint.json", *on, "--out", "since.json"]) == 0
    assert main(["proof", "verify", "since.json", "checkpoint.json"]) == 0
    assert json.loads(capsys.readouterr().out)["shards"][0]["height"] == 10
    proof = Path("proof.json")
    proof.write_text(proof.read_text().replace('"index": 0', '"index": 1'))
    assert main(verify) == 1
    assert "there is no change 1 of block 3" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["x"], ["1", "2"], ["verify", "a.json"], ["consistency"], ["-1"]])
def test_proof_says_what_it_takes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert main(["proof", *arguments]) == 2
    except SystemExit as ended:
        assert ended.code == 2
    assert "faunadb proof: " in capsys.readouterr().err
