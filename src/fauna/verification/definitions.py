"""Whether a file's tables, indexes and triggers are those that the chain has made."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.catalog.ddl_plan import TEMPORARY_IDS
from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.connection import Configure
from fauna.shard.engines.sqlite.data_directory import ENGINE_TABLES
from fauna.shard.engines.sqlite.versions import Versions
from fauna.verification.files import register

OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
LAYOUTS: Final = "SELECT name, columns, names, row_start, row_end FROM fauna_layouts ORDER BY name, row_start"
STATEMENTS: Final = "SELECT id, statement FROM fauna_schema ORDER BY id"
LOST: Final = "SELECT name, until_us FROM fauna_lost ORDER BY name"
_NUMBERED: Final = re.compile(r"[a-z]+(\d+)", re.ASCII)
_DROPPED: Final = re.compile(r'\s*DROP TABLE (?:IF EXISTS )?"?(\w+)', re.ASCII)

Object = tuple[Any, ...]
"""type, name, the table that it belongs to, its statement."""


def is_temporary(table: str) -> bool:
    """A temporary table's name: it is in no block, and is dropped when its client has gone."""
    found = _NUMBERED.match(table)
    return found is not None and int(found[1]) >= TEMPORARY_IDS


def kept(objects: Iterable[Object]) -> set[Object]:
    """Those that the chain must know: not temporary tables, nor what ANALYZE has gathered."""
    return {
        each for each in objects if not is_temporary(str(each[2])) and not str(each[2]).startswith("sqlite_stat")
    }  # fmt: skip


def replayed(statements: Iterable[str], configure: Configure) -> tuple[apsw.Connection, str]:
    """The engine's tables and what the statements make of them, without rows; and the statement that does not run, or ""."""
    connection = apsw.Connection(":memory:")
    register(connection, configure)
    for statement in (*ENGINE_TABLES, *statements):
        try:
            connection.execute(statement)
        except (apsw.Error, FaunaError) as problem:  # of ours: a collation or function that there is not
            return connection, f"{statement} ({problem})"
    return connection, ""


def differences(expected: set[Object], found: set[Object]) -> Iterator[tuple[str, str]]:
    """The table that it belongs to, and what is wrong with an object."""
    wanted = {(each[0], each[1]): each for each in expected}
    there = {(each[0], each[1]): each for each in found}
    for place, each in wanted.items():
        if place not in there:
            yield str(each[2]), f"the {each[0]} {each[1]} is missing"
        elif there[place] != each:
            yield str(each[2]), f"the {each[0]} {each[1]} is not as it was defined: it is {there[place][3]!r}, not {each[3]!r}"
    for place, each in there.items():
        if place not in wanted:
            yield str(each[2]), f"there is a {each[0]} {each[1]}, which nothing has defined: {each[3]!r}"


def dropped(statements: Iterable[tuple[int, int, str]]) -> dict[str, int]:
    """When each table was dropped, of (height, time, statement)."""
    found = ((time_us, _DROPPED.match(statement)) for _, time_us, statement in statements)
    return {each[1]: time_us for time_us, each in found if each is not None}


class Past:
    """What a file of row versions holds besides versions, after some definitions."""

    def __init__(self, definitions: Iterable[tuple[str, int]], configure: Configure) -> None:
        with tempfile.TemporaryDirectory(prefix="faunadb-verify-") as scratch:
            versions = Versions(Path(scratch) / "shard.db", lambda: apsw.Connection(":memory:"), configure)
            try:
                versions.define(definitions)
                self.objects = set(versions.rows(OBJECTS))
                self.layouts: Sequence[Object] = versions.rows(LAYOUTS)
                self.statements: Sequence[Object] = versions.rows(STATEMENTS)
            finally:
                versions.close()
