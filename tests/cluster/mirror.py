"""Tables as a consumer of the change stream has them: built from events alone, and what a SELECT must show for them.

python -m tests.cluster.mirror FILE -- command …     keeps them in a file, fed by `faunadb changes --json --follow` (the command,
to which --from is added).  Each batch is applied in one transaction of the file's, with its position, so that the consumer may be
killed at any moment.
"""

from __future__ import annotations

import base64
import datetime
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

Tables = dict[str, dict[str, dict[str, Any]]]
MARKER = "marker"
PROGRESS_EVENTS = 25


def key_of(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def id_of(text: str) -> str:
    """'"db"."table"' of a schema change, as events of rows name it."""
    return text.strip('"').replace('"."', ".")


class Mirror:
    """The tables in memory; what an event says of what was there is checked."""

    def __init__(self) -> None:
        self.tables: Tables = {}
        self.events = 0

    def apply(self, event: Mapping[str, Any]) -> None:
        self.events += 1
        source, op = event["source"], event["op"]
        name = f"{source['db']}.{source['table']}"
        if op == "ddl":
            self._define(event["tableChanges"])
            return
        rows = self.tables[name]
        if op == "t":
            rows.clear()
            return
        key = key_of(event["key"])
        if op == "d":
            assert rows.pop(key) == event["before"], event
        elif op == "u":
            assert rows[key] == event["before"], (rows[key], event)
            rows[key] = event["after"]
        else:
            assert key not in rows, event
            rows[key] = event["after"]

    def _define(self, changes: Sequence[Mapping[str, Any]]) -> None:
        # All of them at once: tables may have exchanged their names.
        moved = {}
        for change in changes:
            if change["type"] == "DROP":
                del self.tables[id_of(change["id"])]
            elif change["type"] == "CREATE":
                moved[id_of(change["id"])] = {}
            else:
                moved[id_of(change["id"])] = self.tables.pop(id_of(change["previousId"] or change["id"]))
        self.tables |= moved


def selected(query: Callable[[str], Iterable[Sequence[Any]]], tables: Sequence[str], hidden: Sequence[str] = ()) -> Tables:
    """The rows of these tables ('db.table'), as events would give them.  hidden: columns that are not in events."""
    found: Tables = {}
    for name in tables:
        schema, _, table = name.partition(".")
        columns = [str(row[0]) for row in query(f"SHOW COLUMNS FROM {name}") if row[0] not in hidden]
        keys = [
            str(row[0])
            for row in query(
                "SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name = 'PRIMARY' "
                f"AND table_schema = '{schema}' AND table_name = '{table}' ORDER BY ordinal_position"
            )
        ]
        rows = [dict(zip(columns, map(as_json, row), strict=True)) for row in query(f"SELECT {', '.join(columns)} FROM {name}")]
        found[name] = {key_of({key: row[key] for key in keys} if keys else {"n": n}): row for n, row in enumerate(rows)}
    return found


def as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (Decimal, datetime.date)):
        return str(value)
    return value


# ── a consumer in a process of its own ──────────────────────────────────────────────────────────────────────────────────


def open_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS row (name TEXT, key TEXT, value TEXT, PRIMARY KEY (name, key))")
    connection.execute("CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT)")
    connection.execute("INSERT OR IGNORE INTO place VALUES (1, 'start')")
    return connection


def kept(path: Path) -> Tables:
    """What a consumer has in its file."""
    connection = open_file(path)
    found: Tables = {}
    for name, key, value in connection.execute("SELECT name, key, value FROM row"):
        found.setdefault(name, {})[key] = json.loads(value)
    connection.close()
    return found


def consume(path: Path, command: Sequence[str]) -> int:
    connection = open_file(path)
    (position,) = connection.execute("SELECT position FROM place").fetchone()
    feed = subprocess.Popen([*command, "--from", position], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert feed.stdout is not None
    print("started", flush=True)
    for number, line in enumerate(feed.stdout, 1):
        event = json.loads(line)
        connection.execute("BEGIN")
        _keep(connection, event)
        connection.execute("UPDATE place SET position = ?", (event["source"]["sequence"],))
        connection.execute("COMMIT")
        if event["source"]["table"] == MARKER and event["op"] == "c":
            print(f"marker {event['after']['id']}", flush=True)
        elif number % PROGRESS_EVENTS == 0:
            print(f"progress {number}", flush=True)
    return feed.wait()


def _keep(connection: sqlite3.Connection, event: Mapping[str, Any]) -> None:
    source, op = event["source"], event["op"]
    name = f"{source['db']}.{source['table']}"
    if op == "ddl":
        for change in event["tableChanges"]:
            after, before = id_of(change["id"]), id_of(change["previousId"] or change["id"])
            if change["type"] == "DROP":
                connection.execute("DELETE FROM row WHERE name = ?", (after,))
            elif before != after:
                connection.execute("UPDATE row SET name = ? WHERE name = ?", (after, before))
    elif op == "t":
        connection.execute("DELETE FROM row WHERE name = ?", (name,))
    elif op == "d":
        connection.execute("DELETE FROM row WHERE name = ? AND key = ?", (name, key_of(event["key"])))
    else:
        value = json.dumps(event["after"])
        connection.execute("INSERT OR REPLACE INTO row VALUES (?, ?, ?)", (name, key_of(event["key"]), value))


if __name__ == "__main__":
    separator = sys.argv.index("--")
    sys.exit(consume(Path(sys.argv[1]), sys.argv[separator + 1 :]))
