"""Run one suite on one server; outcomes by test name."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Final

from tests.servers import NotAvailable, Server

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
SUITE_TIMEOUT_S: Final = 1500
AGAIN_MAX: Final = 3  # failures that are given a second chance

Outcomes = dict[str, str]  # test -> "passed", "skipped", or why it failed


def sqlalchemy(server: Server, *, only: str = "") -> Outcomes:
    """sqlalchemy.testing.suite; `only` is pytest's -k."""
    for name in ("test", "test_schema"):
        server.query(f"DROP DATABASE IF EXISTS {name}")
        server.query(f"CREATE DATABASE {name}")
    arguments = ["suite.py", f"--dburi={server.url()}", *(["-k", only] if only else [])]
    return _pytest(HERE / "sqlalchemy", arguments, {})


def mysqlclient(server: Server, *, only: str = "") -> Outcomes:
    """mysqlclient's tests from its source distribution, by the mysqlclient that is installed."""
    source = mysqlclient_source()
    server.query("DROP DATABASE IF EXISTS test")
    server.query("CREATE DATABASE test")
    config = RESULTS / f"mysqlclient-{server.name}.cnf"
    config.write_text(
        f"[MySQLdb-tests]\nhost = {server.host}\nport = {server.port}\nuser = {server.user}\npassword = {server.password}\n"
        "database = test\ndefault-character-set = utf8mb4\nprotocol = tcp\n"
    )
    arguments = ["-c", "pytest.ini", "tests", "-p", "no:cacheprovider", *(["-k", only] if only else [])]
    found = _pytest(source, arguments, {"TESTDB": str(config)})
    failed = {name.rpartition(".")[2] for name, outcome in found.items() if outcome not in ("passed", "skipped")}
    if failed and len(failed) <= AGAIN_MAX:
        # One of them must catch another thread in the middle of reading a result, which on any server it may miss.
        again = _pytest(source, [*arguments, "-k", " or ".join(sorted(failed))], {"TESTDB": str(config)})
        found |= {name: outcome for name, outcome in again.items() if outcome == "passed"}
    return found


def mysqlclient_source() -> Path:
    """Its source distribution, unpacked; fetched with pip once, of the version that is installed."""
    version = importlib.metadata.version("mysqlclient")
    target = RESULTS / f"mysqlclient-{version}"
    if (target / "tests").is_dir():
        return target
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as download:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "mysqlclient", "-d", download]
        done = subprocess.run([*command, f"mysqlclient=={version}"], capture_output=True, text=True, check=False)
        archives = list(Path(download).glob("mysqlclient-*.tar.gz"))
        if not archives:
            raise NotAvailable(f"mysqlclient's source distribution could not be fetched: {done.stderr.strip()[-200:]}")
        shutil.unpack_archive(archives[0], RESULTS, filter="data")
    # The tests must import the installed package, not the sources beside them.
    shutil.rmtree(target / "src", ignore_errors=True)
    # And find no configuration above them, ours.
    (target / "pytest.ini").write_text("[pytest]\n")
    return target


def _pytest(directory: Path, arguments: list[str], environment: dict[str, str]) -> Outcomes:
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}", "-q", "--tb=line"]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, env=clean | environment, timeout=SUITE_TIMEOUT_S, check=False
        )
        if not report.exists():
            raise RuntimeError(f"the suite did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        return outcomes(report)


def outcomes(report: Path) -> Outcomes:
    found: Outcomes = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".removeprefix("suite.")
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            found[name] = (problem.get("message") or "failed").split("\n")[0][:300]
        elif found.get(name, "passed") == "passed":
            found[name] = "skipped" if case.find("skipped") is not None else "passed"
    return found


def save(suite: str, server: str, found: Outcomes) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{suite}-{server}.json").write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


SUITES: Final = {"sqlalchemy": sqlalchemy, "mysqlclient": mysqlclient}
