"""Run golden scripts on a server; as a command, also record them anew from MariaDB.

python -m tests.scripts.run                         all scripts on FaunaDB, differences shown
python -m tests.scripts.run --on mariadb types      scripts whose name contains "types", on MariaDB
python -m tests.scripts.run --rewrite [NAME …]      record the answers of MariaDB
python -m tests.scripts.run --port 3307             on a FaunaDB that already runs
python -m tests.scripts.run --shards 4              on a FaunaDB with so many shards
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql

from tests.scripts import answers, script
from tests.servers import Server, faunadb, mariadb

DATABASE: Final = "golden"
BLOCKED_AFTER_S: Final = 0.5  # a statement that takes longer than this, where a wait is possible, is waiting
ANSWER_TIMEOUT_S: Final = 20.0
KNOWN_DIFFERENCES: Final = Path(__file__).parent / "known_differences.toml"
# The message of a syntax error quotes the text from where the parser stood, which is not the same place in two parsers.
_MESSAGE_NOT_COMPARED: Final = re.compile(r"^(ERROR 1064 \(42000\)): .*")


@dataclass(frozen=True)
class Difference:
    """A statement that was not answered as it should be."""

    script: str
    line: int
    sql: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return (
            f"{self.script}.test:{self.line}\n> {self.sql}\nexpected:\n{_indent(self.expected)}\nactual:\n{_indent(self.actual)}"
        )


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


class Connection(pymysql.connections.Connection):
    """Keeps the last packet: PyMySQL's errors do not say the SQLSTATE."""

    last_bytes = b""

    def _read_bytes(self, num_bytes: int) -> bytes:
        self.last_bytes = super()._read_bytes(num_bytes)  # type: ignore[misc]
        return self.last_bytes

    @property
    def sqlstate(self) -> str:
        return self.last_bytes[4:9].decode("ascii", "replace") if self.last_bytes[3:4] == b"#" else "HY000"


class Client:
    """One client of a script; statements that may wait run in a thread of its own."""

    def __init__(self, server: Server, **options: Any) -> None:
        # No decoders: values come as the text that the server sent.
        self.connection = Connection(
            database=DATABASE, conv={}, read_timeout=ANSWER_TIMEOUT_S * 3, **server.connect_options(), **options
        )
        self.running: Future[list[str]] | None = None

    def start(self, statement: script.Statement) -> Future[list[str]]:
        future: Future[list[str]] = Future()

        def work() -> None:
            try:
                future.set_result(self.run(statement))
            except BaseException as problem:
                future.set_exception(problem)

        threading.Thread(target=work, daemon=True).start()
        return future

    def blocked_answer(self, letter: str) -> list[str]:
        """Of the statement that still waits when the script goes on with this client; empty when none does."""
        if self.running is None:
            return []
        waiting, self.running = self.running, None
        return [f"{letter}: {line}" for line in waiting.result(ANSWER_TIMEOUT_S * 3)]

    def run(self, statement: script.Statement) -> list[str]:
        try:
            self.connection.query(statement.sql)
            result: Any = self.connection._result  # type: ignore[attr-defined]
            lines = answers.answer(result, self._warnings(result), full=statement.full_metadata, sort=statement.sorted)
            while result.has_next:
                self.connection.next_result()
                result = self.connection._result  # type: ignore[attr-defined]
                lines += answers.answer(result, [], full=statement.full_metadata, sort=statement.sorted)
            return lines
        except pymysql.MySQLError as problem:
            return answers.error(problem, self.connection.sqlstate)
        except (ValueError, OSError) as problem:  # the client could not make sense of what came
            return [f"CLIENT ERROR {type(problem).__name__}: {problem}"]

    def _warnings(self, result: Any) -> list[tuple[str, int, str]]:
        if not result.warning_count or result.has_next:
            return []
        # Not for what the statement itself lists.
        if result.field_count and [f.name for f in result.fields] == ["Level", "Code", "Message"]:
            return []
        self.connection.query("SHOW WARNINGS")
        shown: Any = self.connection._result  # type: ignore[attr-defined]
        return [(str(level), int(code), str(text)) for level, code, text in shown.rows]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.connection.close() if self.running is None else self.connection._force_close()  # type: ignore[attr-defined]


@contextlib.contextmanager
def clients(server: Server) -> Iterator[dict[str, Client]]:
    """The clients of one script, by letter; closed at its end."""
    found: dict[str, Client] = {}
    try:
        yield found
    finally:
        for client in found.values():
            client.close()


def execute(server: Server, story: script.Script) -> Iterator[tuple[script.Statement, list[str], list[str]]]:
    """Run a script in a fresh database; yields each statement with its answer and the answers that came later."""
    with server.database(DATABASE), clients(server) as by_letter:
        alone = len(story.sessions) == 1
        for statement in story.statements:
            client = by_letter.get(statement.session)
            if client is None:
                client = by_letter[statement.session] = Client(server)
            if alone:
                yield statement, client.run(statement), []
                continue
            late = client.blocked_answer(statement.session)
            future = client.start(statement)
            answer = _wait(future, statement)
            if answer is None:
                client.running = future
            yield statement, answer or ["BLOCKED"], late + _finished(by_letter, statement)


def _wait(future: Future[list[str]], statement: script.Statement) -> list[str] | None:
    # When the expectation is known, give a statement that should answer all the time it needs; sleeping is not waiting.
    expected_to_answer = (bool(statement.answer) and statement.answer != ["BLOCKED"]) or "SLEEP(" in statement.sql
    try:
        return future.result(ANSWER_TIMEOUT_S if expected_to_answer else BLOCKED_AFTER_S)
    except TimeoutError:
        return None


def _finished(by_letter: dict[str, Client], statement: script.Statement) -> list[str]:
    """Answers of blocked statements of other clients that ended after this one."""
    expected = {line[0] for line in statement.later}
    lines: list[str] = []
    for letter, client in sorted(by_letter.items()):
        if client.running is None or (letter == statement.session):
            continue
        with contextlib.suppress(TimeoutError):
            answer = client.running.result(ANSWER_TIMEOUT_S if letter in expected else BLOCKED_AFTER_S)
            client.running = None
            lines += [f"{letter}: {line}" for line in answer]
    return lines


def differences(server: Server, story: script.Script, *, shards: int = 1) -> list[Difference]:
    """Where the server answers otherwise than the script says (on FaunaDB: or than known_differences.toml says).

    With several shards rows that no ORDER BY puts in order may come in any.
    """
    if server.name == "faunadb":
        _expect_known_differences(story)
    found = []
    for statement, answer, later in execute(server, story):
        actual = "\n".join(answer + later)
        expected, given = _comparable(statement.expected), _comparable(actual)
        if shards > 1 and "ORDER BY" not in statement.sql.upper():
            expected.sort()
            given.sort()
        if expected != given:
            found.append(Difference(story.name, statement.line, statement.sql, statement.expected, actual))
    return found


def _expect_known_differences(story: script.Script) -> None:
    known = known_differences(story.name)
    count: dict[str, int] = {}
    for statement in story.statements:
        count[statement.sql] = count.get(statement.sql, 0) + 1
        ours = known.get((statement.sql, count[statement.sql]))
        if ours is not None:
            script.expect(statement, ours.split("\n"))


def _comparable(text: str) -> list[str]:
    return [_MESSAGE_NOT_COMPARED.sub(r"\1", line.removesuffix(" ")) for line in text.rstrip("\n").split("\n")]


def known_differences(name: str) -> dict[tuple[str, int], str]:
    """(statement, which occurrence of it) -> the answer of FaunaDB."""
    return {
        (entry["statement"], entry.get("occurrence", 1)): entry["faunadb"].rstrip("\n")
        for entry in all_known_differences()
        if entry["script"] == name
    }


def all_known_differences() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = tomllib.loads(KNOWN_DIFFERENCES.read_text(encoding="utf-8")).get("difference", [])
    return entries


def obsolete_differences() -> list[str]:
    """Entries that say nothing: of a statement that is not there, noted twice, or answered as MariaDB answers it."""
    found = []
    seen: set[tuple[str, str, int]] = set()
    for entry in all_known_differences():
        key = entry["script"], entry["statement"], entry.get("occurrence", 1)
        same = [s for s in script.load(key[0]).statements if s.sql == key[1]]
        if key in seen:
            found.append(f"{key} is noted twice")
        elif len(same) < key[2]:
            found.append(f"{key} is not in the script")
        elif _comparable(same[key[2] - 1].expected) == _comparable(entry["faunadb"]):
            found.append(f"{key} is answered as MariaDB answers it")
        seen.add(key)
    return found


def accept(difference: Difference, story: script.Script, reason: str) -> None:
    """Add one to known_differences.toml; a failure of the server itself is never one."""
    if not reason or "ERROR 1105" in difference.actual or "CLIENT ERROR" in difference.actual:
        raise SystemExit(f"not accepted without a reason, or a fault to mend:\n{difference}")
    occurrence = sum(s.sql == difference.sql and s.line <= difference.line for s in story.statements)
    fields = {"script": story.name, "statement": difference.sql, "reason": reason, "faunadb": difference.actual}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    if occurrence > 1:
        lines.insert(2, f"occurrence = {occurrence}")
    with KNOWN_DIFFERENCES.open("a", encoding="utf-8") as file:
        file.write("\n[[difference]]\n" + "\n".join(lines) + "\n")


def rewrite(server: Server, story: script.Script) -> None:
    """Record the answers of MariaDB."""
    for statement in story.statements:
        statement.answer = statement.answer if statement.answer == ["BLOCKED"] else []
        statement.later = []
    for statement, answer, later in execute(server, story):
        statement.answer, statement.later = answer, later
    script.path_of(story.name).write_text(script.write(story), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="part of the names of scripts; default: all")
    parser.add_argument("--on", choices=["faunadb", "mariadb"], default="faunadb")
    parser.add_argument("--rewrite", action="store_true", help="record the answers of MariaDB")
    parser.add_argument("--new", action="store_true", help="with --rewrite: only scripts that have statements without answers")
    parser.add_argument(
        "--accept",
        type=int,
        nargs="+",
        metavar="LINE",
        help="note FaunaDB's answers to the statements at these lines as known differences",
    )
    parser.add_argument("--reason", default="", help="with --accept: why we answer otherwise")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--port", type=int, help="a server that already runs")
    parser.add_argument("--password", default="")
    args = parser.parse_args()
    chosen = [n for n in script.names() if not args.name or any(part in n for part in args.name)]
    if args.rewrite and args.new:
        chosen = [n for n in chosen if any(not s.answer for s in script.load(n).statements)]
    with _server(args) as server:
        failed = statements = 0
        for name in chosen:
            story = script.load(name)
            statements += len(story.statements)
            if args.rewrite:
                rewrite(server, story)
                print(f"recorded {name}: {len(story.statements)} statements")
                continue
            started = time.monotonic()
            found = differences(server, story, shards=args.shards)
            if args.accept:
                for difference in (d for d in found if d.line in args.accept):
                    accept(difference, script.load(name), args.reason)
                continue
            failed += len(found)
            print(f"{'ok  ' if not found else 'FAIL'} {name}  {len(story.statements)} statements, {len(found)} different, "
                  f"{time.monotonic() - started:.1f} s")  # fmt: skip
            for difference in found:
                print(difference, end="\n\n")
        print(f"{len(chosen)} scripts, {statements} statements, {failed} different")
    for entry in obsolete_differences():
        failed += 1
        print(f"known_differences.toml: {entry}")
    return 1 if failed else 0


def _server(args: argparse.Namespace) -> Any:
    if args.port:
        running = Server("faunadb", args.port, None, Path(), lambda: None, lambda _: True)  # type: ignore[arg-type]
        running.password = args.password or running.password
        return contextlib.nullcontext(running)
    return mariadb.start() if args.rewrite or args.on == "mariadb" else faunadb.start("--shards", str(args.shards))


if __name__ == "__main__":
    sys.exit(main())
