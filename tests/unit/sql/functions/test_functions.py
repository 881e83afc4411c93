"""Every recorded expression gives MariaDB's value, type and warnings, but for the differences that are written down."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fauna.catalog.types import DATE_TYPE, STRINGS, Kind, SqlType
from fauna.errors import SqlError
from fauna.sql.functions.results import width
from tests.servers import NotAvailable, Server, mariadb
from tests.unit.sql.functions import known_differences, record
from tests.unit.sql.functions.evaluate import evaluate

ANSWERS: dict[str, dict[str, Any]] = json.loads(record.ANSWERS.read_text(encoding="utf-8"))
_WIRE = {
    Kind.NULL: 253, Kind.INT: 3, Kind.BIGINT: 8, Kind.DECIMAL: 246, Kind.DOUBLE: 5, Kind.DATE: 10, Kind.TIME: 11, Kind.DATETIME: 12,
    Kind.VARCHAR: 253, Kind.VARBINARY: 253, Kind.CHAR: 254, Kind.TEXT: 252, Kind.BLOB: 252, Kind.MEDIUMTEXT: 250, Kind.MEDIUMBLOB: 250,
    Kind.LONGTEXT: 251, Kind.LONGBLOB: 251,
}  # fmt: skip
_NOT_FIXED = 39


def _groups() -> dict[str, list[str]]:
    """Expressions by the function they call."""
    groups: dict[str, list[str]] = {}
    for expression in ANSWERS:
        groups.setdefault(expression.partition("(")[0], []).append(expression)
    return groups


@pytest.mark.parametrize(("name", "group"), _groups().items(), ids=list(_groups()))
def test_values_and_warnings(name: str, group: list[str]) -> None:
    wrong = [line for expression in group for line in _differences(expression)]
    assert not wrong, "\n".join(wrong)


def _differences(expression: str) -> list[str]:
    expected = ANSWERS[expression]
    try:
        answer = evaluate(expression)
    except SqlError as err:
        return [] if "error" in expected and expected["error"][0] == err.errno else [f"{expression}: {err}, not {expected}"]
    if "error" in expected:
        return [f"{expression}: {answer}, not {expected}"]
    found = []
    value = record.shown(answer.text)
    if value != expected["value"] and expression not in known_differences.VALUES:
        found.append(f"{expression} is {value!r}, not {expected['value']!r}")
    warnings = [list(warning) for warning in answer.warnings]
    if warnings != expected["warnings"] and expression not in known_differences.WARNINGS:
        found.append(f"{expression} warns {warnings}, not {expected['warnings']}")
    checked = expression not in known_differences.TYPES and not expression.startswith(known_differences.TYPE_UNCHECKED)
    if checked and _described(answer.type) != _expected_type(answer.type, expected["type"]):
        found.append(f"{expression} has {answer.type}, not {expected['type']}")
    return found


def _described(sql_type: SqlType) -> tuple[int, ...]:
    """(wire type, length, decimals or 0 for strings) as a column definition has them."""
    if sql_type.kind in STRINGS:
        return _WIRE[sql_type.kind], sql_type.length * (1 if sql_type.collation == "binary" else 4), 0
    shown = sql_type.kind in (Kind.DECIMAL, Kind.TIME, Kind.DATETIME) or sql_type == DATE_TYPE
    scaled = sql_type.kind in (Kind.DECIMAL, Kind.DOUBLE, Kind.TIME, Kind.DATETIME)
    return _WIRE[sql_type.kind], width(sql_type) if shown else sql_type.length, sql_type.scale if scaled else 0


def _expected_type(sql_type: SqlType, recorded: list[Any]) -> tuple[int, ...]:
    decimals = 0 if sql_type.kind in STRINGS else 6 if recorded[2] == _NOT_FIXED else recorded[2]
    return recorded[0], recorded[1], decimals


def test_known_differences_are_still_there() -> None:
    """A difference that is gone must leave the list."""
    for expression in known_differences.VALUES:
        assert record.shown(evaluate(expression).text) != ANSWERS[expression]["value"], expression
    for expression in known_differences.TYPES:
        sql_type = evaluate(expression).type
        assert _described(sql_type) != _expected_type(sql_type, ANSWERS[expression]["type"]), expression


@pytest.fixture
def mariadb_with_time_zones() -> Iterator[Server]:
    """A server of its own: in the one that the tests share, mysql.time_zone is empty."""
    try:
        with mariadb.start() as server:
            record.load_time_zones(server)
            yield server
    except NotAvailable as reason:
        pytest.skip(str(reason))


@pytest.mark.oracle
def test_recorded_answers_are_mariadbs(mariadb_with_time_zones: Server) -> None:
    """Ask MariaDB again: what is recorded is what it says."""
    if not record.runs_what_was_recorded(mariadb_with_time_zones):
        pytest.skip(f"the answers were recorded on MariaDB {record.RECORDED_ON}")
    with contextlib.closing(record.connect(mariadb_with_time_zones)) as connection:
        asked = record.ask_all(connection)
    unstable = ("curtime", "utc_time")
    changed = {e: (ANSWERS.get(e), a) for e, a in asked.items() if ANSWERS.get(e) != a and not e.startswith(unstable)}
    assert not changed
