"""Records what MariaDB answers to the expressions of data/expressions.sql."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pymysql
import pymysql.converters

from tests.servers import NotAvailable, Server, mariadb

ZONES = ("UTC", "GMT", "MET", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
DATA = Path(__file__).parent / "data"
EXPRESSIONS = DATA / "expressions.sql"
ANSWERS = DATA / "answers.json"
# Point releases differ in the warnings of a few JSON functions and in some lengths.
RECORDED_ON = "10.11.18-"
_FIXED_NOW = "SET timestamp=1795256430.123456, time_zone='+00:00', lc_time_names='en_US', SESSION sql_mode=DEFAULT"


def expressions() -> list[str]:
    return [line for line in EXPRESSIONS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("--")]


def ask_all(connection: pymysql.Connection[Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_FIXED_NOW)
    return {expression: ask(connection, expression) for expression in expressions()}


def write(answers: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}" for key, value in answers.items()]
    ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def ask(connection: pymysql.Connection[Any], expression: str) -> dict[str, Any]:
    """{'value': text or {'hex': …} or null, 'type': [wire type, length, decimals, binary, not null], 'warnings': […]} or {'error': […]}."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT " + expression)
            row = cursor.fetchone()
            result = cursor._result
            column = result.fields[0]
            count = result.warning_count
        except pymysql.MySQLError as err:
            return {"error": list(err.args)}
        warnings: list[list[Any]] = []
        if count:
            cursor.execute("SHOW WARNINGS")
            warnings = [[_plain(part) for part in warning] for warning in cursor.fetchall()]
            for warning in warnings:
                warning[1] = int(warning[1])
    assert row is not None
    return {
        "value": shown(row[0]),
        "type": [column.type_code, column.length, column.scale, column.charsetnr == 63, column.flags & 1],
        "warnings": warnings,
    }


def _plain(part: Any) -> Any:
    return part.decode("utf-8") if isinstance(part, bytes) else part


def shown(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode("utf-8") if b"\0" not in value else {"hex": value.hex()}
    except UnicodeDecodeError:
        return {"hex": value.hex()}


def connect(server: Server) -> pymysql.Connection[Any]:
    """A connection that hands values over as the text protocol has them."""
    return server.connect(
        conv=dict(pymysql.converters.encoders), use_unicode=False, init_command="SET collation_connection=utf8mb4_general_ci"
    )


def runs_what_was_recorded(server: Server) -> bool:
    return str(server.query("SELECT VERSION()")[0][0]).startswith(RECORDED_ON)


def load_time_zones(server: Server) -> None:
    """Put the zones that the expressions name into MariaDB's tables, which start empty."""
    tool = shutil.which("mariadb-tzinfo-to-sql")
    if tool is None:
        raise NotAvailable("mariadb-tzinfo-to-sql is not installed")
    with contextlib.closing(server.connect(database="mysql")) as connection, connection.cursor() as cursor:
        for zone in ZONES:
            made = subprocess.run([tool, f"/usr/share/zoneinfo/{zone}", zone], capture_output=True, text=True, check=True)
            for statement in made.stdout.split(";\n"):
                if statement.strip() and not statement.lstrip().startswith("\\"):
                    cursor.execute(statement)


def main() -> None:
    """Write the answers anew: python -m tests.unit.sql.functions.record."""
    with mariadb.start() as server:
        assert runs_what_was_recorded(server), "RECORDED_ON names another release"
        load_time_zones(server)
        with contextlib.closing(connect(server)) as connection:
            write(ask_all(connection))


if __name__ == "__main__":
    main()
