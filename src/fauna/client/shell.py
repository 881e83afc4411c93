"""The SQL shell behind `faunadb sql`: interactive on a terminal, plain on a pipe.

What it prints on a pipe is what the mariadb client prints: values separated by tabs, or a table with --table, errors
as `ERROR 1146 (42S02) at line 3: …` on standard error.  It stops at the first error unless told to go on.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from fauna.client.exceptions import Error
from fauna.client.link import Answer, Link
from fauna.client.statements import Piece, Splitter, split
from fauna.client.tables import shown, tabbed, table, vertical

HELP: Final = """\
Statements end with ; or \\g, and with \\G to show rows vertically.
  \\q  exit       leave                   \\u DB  use DB       change the database
  \\.  FILE  source FILE  run a file       \\s  status          about this connection
  \\c             forget what is typed    \\?  help            this text
Ctrl-C stops a running statement or forgets what is typed; Ctrl-D leaves; Tab completes."""
LOST: Final = frozenset({2006, 2013})
SOURCE_DEPTH_MAX: Final = 16
# Statements that carry a password are not written to the history file.
_SECRET: Final = re.compile(r"identified|password", re.IGNORECASE)
_COMMAND: Final = re.compile(
    r"^\s*(?:(?P<short>\\[quhcs.?])\s*(?P<short_rest>.*?)|(?P<word>quit|exit|help|status|source)\b(?P<rest>.*?));?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_WORDS: Final = {"quit": "q", "exit": "q", "help": "?", "status": "s", "source": ".", "h": "?"}


class Leave(Exception):
    """The user asked to leave."""


@dataclass(slots=True)
class Shell:
    """Runs statements on one link and prints their answers.

    style      'tabs', 'table', 'vertical' or 'json'
    chatty     say "Query OK", row counts and times
    force      go on after an error
    reconnect  makes a new link when this one is lost
    """

    link: Link
    reconnect: Callable[[], Link]
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    style: str = "tabs"
    chatty: bool = False
    force: bool = False
    failed: bool = False
    results: list[dict[str, Any]] = field(default_factory=list)
    ran: Callable[[str], None] = lambda sql: None
    _depth: int = 0

    # ── input ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run_lines(self, lines: Iterable[str]) -> bool:
        """Run a script; False when it stopped at an error."""
        for piece in self._pieces(lines):
            if not self.run_piece(piece, place=f" at line {piece.line}") and not self.force:
                return False
        return not self.failed

    def _pieces(self, lines: Iterable[str]) -> Iterator[Piece]:
        """Statements of a script; a line such as `source FILE` counts where a statement may begin."""
        splitter = Splitter()
        for line in lines:
            if not splitter.pending and _COMMAND.match(line):
                if not self.command(line) and not self.force:
                    return
            else:
                yield from splitter.feed(line)
        last = splitter.finish()
        if last is not None:
            yield last

    def command(self, line: str) -> bool:
        """Run a shell command (`\\q`, `source FILE` …); False when it failed."""
        match = _COMMAND.match(line)
        assert match is not None
        letter = (match["short"] or match["word"]).lstrip("\\").lower()
        letter = _WORDS.get(letter, letter)
        rest = (match["short_rest"] or match["rest"] or "").strip().strip("`'\"")
        if letter == "q":
            raise Leave
        if letter == "u":
            return self.run_piece(Piece(f"USE `{rest.replace('`', '``')}`", 1))
        if letter == ".":
            return self._source(rest)
        if letter == "s":
            return self._status()
        if letter == "?":
            self._print(HELP)
        return True

    def _source(self, name: str) -> bool:
        if self._depth >= SOURCE_DEPTH_MAX:
            return self._complain(f"ERROR: source files are nested more than {SOURCE_DEPTH_MAX} deep")
        try:
            with open(os.path.expanduser(name), encoding="utf-8", errors="surrogateescape") as file:
                self._depth += 1
                try:
                    return self.run_lines(file)
                finally:
                    self._depth -= 1
        except OSError as problem:
            return self._complain(f"ERROR: {name}: {problem.strerror}")

    def _status(self) -> bool:
        return self.run_piece(Piece(
            "SELECT VERSION() AS server, CONNECTION_ID() AS connection, CURRENT_USER() AS user, DATABASE() AS `database`, "
            "@@character_set_client AS charset, @@autocommit AS autocommit", 1, vertical=True,
        ))  # fmt: skip

    # ── one statement ──────────────────────────────────────────────────────────────────────────────────────────

    def run_piece(self, piece: Piece, place: str = "") -> bool:
        """Run one statement and print its answer; False when it failed."""
        begun = time.perf_counter()
        try:
            answer: Answer | None = self._interruptible(lambda: self._run(piece.text))
            while answer is not None:
                self._show(answer, piece, begun)
                answer = self.link.next_answer()
        except Error as problem:
            self._report(problem, place)
            return False
        self.ran(piece.text)
        return True

    def _run(self, sql: str) -> Answer:
        streamed = self.style == "tabs" and not self.chatty
        return self.link.run(sql, as_text=self.style != "json", stream=streamed)

    def _interruptible(self, call: Callable[[], Answer]) -> Answer:
        """`call()` in a thread, so that Ctrl-C reaches us while it waits and can stop it on the server."""
        if not self.chatty:
            return call()
        outcome: list[Answer | BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                outcome.append(call())
            except BaseException as problem:  # noqa: BLE001 (raised again in the waiting thread)
                outcome.append(problem)
            done.set()

        threading.Thread(target=work, name="statement", daemon=True).start()
        while not done.is_set():  # not join(): interrupted once, a thread counts as ended
            try:
                done.wait()
            except KeyboardInterrupt:
                self._print("^C -- stopping the statement")
                self.link.interrupt()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _report(self, problem: Error, place: str) -> None:
        if problem.errno:
            self._complain(f"ERROR {problem.errno} ({problem.sqlstate}){place}: {shown(problem.message)}")
        else:
            self._complain(f"ERROR{place}: {shown(problem.message)}")
        if problem.errno in LOST and self.chatty:
            self._print("Connecting again; an open transaction is rolled back.")
            try:
                self.link = self.reconnect()
            except Error as again:
                self._complain(f"ERROR {again.errno} ({again.sqlstate}): {shown(again.message)}")

    def _complain(self, text: str) -> bool:
        self.failed = True
        self.out.flush()
        print(text, file=self.err, flush=True)
        return False

    # ── output ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _show(self, answer: Answer, piece: Piece, begun: float) -> None:
        if self.style == "json":
            self.results.append(_as_json(answer))
            return
        if answer.shape is None:
            if self.chatty:
                self._say_done(answer, piece, begun)
            return
        rows = answer.rows
        if self.chatty and isinstance(rows, list) and not rows:
            self._print(f"Empty set{_warned(answer)} ({_took(begun)})\n")
            return
        taken = time.perf_counter() - begun
        lines = vertical if piece.vertical or self.style == "vertical" else tabbed if self.style == "tabs" else table
        for line in lines(answer.shape, rows):
            self._print(line)
        if self.chatty and isinstance(rows, list):
            self._print(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'} in set{_warned(answer)} ({taken:.3f} sec)\n")

    def _say_done(self, answer: Answer, piece: Piece, begun: float) -> None:
        if re.match(r"use\b", piece.text, re.IGNORECASE):
            self._print("Database changed\n")
            return
        count = answer.affected_rows
        self._print(f"Query OK, {count} {'row' if count == 1 else 'rows'} affected{_warned(answer)} ({_took(begun)})")
        self._print(answer.info + "\n")

    def _print(self, line: str) -> None:
        print(line, file=self.out)

    def finish(self) -> None:
        """Write what is kept back until the end (the JSON document)."""
        if self.style == "json":
            json.dump(self.results, self.out, ensure_ascii=False, indent=1, default=str)
            self._print("")
        self.out.flush()


def _as_json(answer: Answer) -> dict[str, Any]:
    if answer.shape is None:
        return {"affected_rows": answer.affected_rows, "insert_id": answer.insert_id, "warnings": answer.warnings}
    names = answer.shape.names
    rows = [dict(zip(names, map(_json_value, row), strict=True)) for row in answer.rows]
    return {"columns": list(names), "rows": rows, "warnings": answer.warnings}


def _json_value(value: Any) -> Any:
    """Numbers and text as they are; DECIMAL, dates and times as text, so that nothing is rounded; bytes as 0x…"""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return "0x" + value.hex().upper() if isinstance(value, bytes) else str(value)


def _warned(answer: Answer) -> str:
    return f", {answer.warnings} {'warning' if answer.warnings == 1 else 'warnings'}" if answer.warnings else ""


def _took(begun: float) -> str:
    return f"{time.perf_counter() - begun:.3f} sec"


# ── the interactive loop ───────────────────────────────────────────────────────────────────────────────────────


def history_path() -> Path:
    """Where the shell remembers what was typed: FAUNADB_HISTORY, or the user's state directory."""
    given = os.environ.get("FAUNADB_HISTORY")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "faunadb" / "history"


def interact(shell: Shell, greeting: str) -> int:
    """Read statements from the terminal until the user leaves."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.lexers import PygmentsLexer

    from fauna.client.completion import NameCompleter

    completer = NameCompleter()
    shell.ran = completer.saw
    session: PromptSession[str] = PromptSession(
        history=_history(), completer=completer, complete_while_typing=False, multiline=True, key_bindings=_bindings(),
        prompt_continuation=lambda width, line, wrapped: "-> ".rjust(width), lexer=_lexer(PygmentsLexer),
        enable_open_in_editor=True,
    )  # fmt: skip
    shell._print(greeting)
    while True:
        try:
            completer.refresh(shell.link)
            text = session.prompt(f"faunadb [{_database(shell.link)}]> ")
            if text.strip():
                _run_typed(shell, text)
        except KeyboardInterrupt:
            continue
        except (EOFError, Leave):
            shell._print("Bye")
            return 0


def _run_typed(shell: Shell, text: str) -> None:
    if _COMMAND.match(text):
        shell.command(text)
        return
    for piece in split(text.splitlines(keepends=True)):
        if not shell.run_piece(piece):
            return


def _database(link: Link) -> str:
    try:
        row = next(iter(link.run("SELECT DATABASE()").rows))
    except Error:
        return "not connected"
    return shown(row[0]) if row[0] is not None else "(none)"


def complete(text: str) -> bool:
    """Whether Enter should run `text`: a command, nothing at all, or statements of which the last has ended."""
    if not text.strip() or _COMMAND.match(text):
        return True
    splitter = Splitter()
    for line in text.splitlines(keepends=True):
        for _ in splitter.feed(line):
            pass
    return not splitter.pending


def _bindings() -> Any:
    from prompt_toolkit.application import get_app
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter")
    def _enter(event: Any) -> None:
        buffer = get_app().current_buffer
        if complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return bindings


def _history() -> Any:
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    class _Discreet(FileHistory):
        def store_string(self, string: str) -> None:
            if not _SECRET.search(string):
                super().store_string(string)

    path = history_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()  # a read-only home is no reason not to work
    return _Discreet(str(path))


def _lexer(wrapper: Any) -> Any:
    try:
        from pygments.lexers.sql import MySqlLexer  # type: ignore[import-untyped]
    except ImportError:
        return None
    return wrapper(MySqlLexer)
