"""The shell on a terminal: what a user types and sees, on an embedded database."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.faunadb import environment

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]")
WAIT_S = 20.0
PROMPT = "faunadb [shop]>"


class Terminal:
    """A shell in a pseudo-terminal; `expect` reads on until a text has been seen."""

    def __init__(self, path: Path, history: Path) -> None:
        self.file, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fauna", "sql", "--path", str(path), "-D", "shop"],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C becomes SIGINT
            env=environment() | {"TERM": "xterm", "FAUNADB_HISTORY": str(history), "COLUMNS": "120"},
        )  # fmt: skip
        os.close(terminal)
        self.seen = ""

    def _read(self, seconds: float) -> bool:
        """Take what is printed within that time; False when nothing was."""
        ready, _, _ = select.select([self.file], [], [], max(0, seconds))
        if not ready:
            return False
        data = os.read(self.file, 65536)
        if b"\x1b[6n" in data:  # "where is the cursor?"
            os.write(self.file, b"\x1b[1;1R")
        self.seen += ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r", "")
        return True

    def wait_running(self) -> None:
        """Until the prompt has given the terminal back, so that Ctrl-C is a signal again: a statement is at work."""
        self._wait_for_signals(on=True)
        while self._read(0.5):
            pass

    def _wait_for_signals(self, *, on: bool) -> None:
        """Until Ctrl-C is a signal, or, in the prompt's raw mode, a key like any other."""
        deadline = time.monotonic() + WAIT_S
        while bool(termios.tcgetattr(self.file)[3] & termios.ISIG) is not on:
            assert time.monotonic() < deadline, self.seen
            self._read(0.05)

    def expect(self, text: str) -> str:
        """What was printed up to and with `text`."""
        deadline = time.monotonic() + WAIT_S
        while text not in self.seen:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not come; what came is:\n{self.seen}")
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())

    def enter(self, text: str) -> None:
        """Type at the prompt, once it is there and reads."""
        self.expect(PROMPT)
        self._wait_for_signals(on=False)  # the prompt is drawn before it reads
        self.seen = ""
        self.type(text)

    def wait(self) -> int:
        return self.process.wait(WAIT_S)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "data", tmp_path / "history")
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.file)


def test_a_session(terminal: Terminal, tmp_path: Path) -> None:
    terminal.enter("create table zebra_table (id int, name varchar(20));\r")
    terminal.expect("Query OK, 0 rows affected")
    terminal.enter("insert into zebra_\t")
    terminal.expect("zebra_table")
    terminal.type(" values (1, '王芳'),\r")
    terminal.expect("->")
    terminal.type("(2, NULL);\r")
    terminal.expect("Query OK, 2 rows affected")
    terminal.enter("select * from zebra_table;\r")
    assert "|  1 | 王芳 |" in terminal.expect("2 rows in set (")
    terminal.enter("select 5 as n\\G\r")
    terminal.expect("n: 5")
    terminal.enter("select * from nowhere;\r")
    terminal.expect("ERROR 1146 (42S02): Table 'shop.nowhere' doesn't exist")
    terminal.enter("select 'a password';\r")
    terminal.expect("1 row in set")
    terminal.enter("\\q\r")
    terminal.expect("Bye")
    assert terminal.wait() == 0
    history = (tmp_path / "history").read_text(encoding="utf-8")
    assert "+select * from zebra_table;" in history
    assert "password" not in history


def test_ctrl_c_stops_the_statement_and_not_the_shell(terminal: Terminal) -> None:
    begun = time.monotonic()
    terminal.enter("select sleep(60);\r")
    terminal.wait_running()
    terminal.type("\x03")
    terminal.expect("stopping the statement")
    terminal.expect("\n")
    terminal.enter("select 'still here';\r")
    terminal.expect("1 row in set")
    assert time.monotonic() - begun < 30
    terminal.enter("\x04")
    terminal.expect("Bye")
    assert terminal.wait() == 0
