"""What information_schema may know of the session and the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fauna.catalog.schema import Catalog, Table


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """Estimates: rows, bytes of the table and of its indexes; the next AUTO_INCREMENT value (0: not known)."""

    rows: int = 0
    data_bytes: int = 16384
    index_bytes: int = 0
    next_auto_increment: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """A connection, for PROCESSLIST."""

    id: int
    user: str
    host: str
    database: str | None
    command: str = "Sleep"
    time_s: int = 0
    state: str = ""
    info: str | None = None
    time_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class SystemVariable:
    """One row of SYSTEM_VARIABLES; scope is 'GLOBAL', 'SESSION' or 'SESSION ONLY'."""

    name: str
    session_value: str | None
    global_value: str | None
    default: str | None = None
    scope: str = "SESSION"
    type: str = "VARCHAR"
    help: str = ""
    read_only: bool = False


def _no_statistics(table: Table) -> TableStatistics:
    return TableStatistics()


def _nothing(scope: str) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class InfoContext:
    """catalog        as the session sees it, temporary tables laid over
    statistics        of a table; called for tables only, once each
    variables, status (scope 'GLOBAL' or 'SESSION') -> (name, value), sorted or not
    processes         the connections the user may see
    accounts          (user, host) of every account, all of which hold every privilege
    schema, table     only rows of this database and table are wanted: a hint, rows of others may come too
    """

    catalog: Catalog
    user: tuple[str, str] = ("root", "localhost")
    database: str | None = None
    statistics: Callable[[Table], TableStatistics] = _no_statistics
    variables: Callable[[str], Iterable[tuple[str, str]]] = _nothing
    status: Callable[[str], Iterable[tuple[str, str]]] = _nothing
    system_variables: Callable[[], Iterable[SystemVariable]] = lambda: ()
    processes: Callable[[], Iterable[Process]] = lambda: ()
    accounts: Sequence[tuple[str, str]] = (("root", "localhost"),)
    now: str = "1970-01-01 00:00:00"
    server_version: str = "10.11.14-MariaDB-FaunaDB"
    schema: str | None = None
    table: str | None = None
