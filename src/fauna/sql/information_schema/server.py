"""What the server itself has: engines, character sets, variables, connections, privileges, plugins, words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from fauna.catalog.charsets import CHARSETS, COLLATIONS
from fauna.session.result import Row
from fauna.sql.functions.registry import AGGREGATES, FUNCTIONS
from fauna.sql.information_schema.info_context import InfoContext
from fauna.sql.information_schema.objects import CATALOG
from fauna.sql.information_schema.words import KEYWORDS

PRIVILEGES: Final = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "REFERENCES", "INDEX",
    "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "REPLICATION SLAVE",
    "BINLOG MONITOR", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER", "EVENT", "TRIGGER",
    "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN",
    "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR",
)
# Names that CREATE TABLE takes; all of them are the one engine underneath.
ENGINES: Final[tuple[Row, ...]] = (
    ("MEMORY", "YES", "Kept as InnoDB tables are", "YES", "YES", "YES"),
    ("Aria", "YES", "Kept as InnoDB tables are", "YES", "YES", "YES"),
    ("MyISAM", "YES", "Kept as InnoDB tables are", "YES", "YES", "YES"),
    ("InnoDB", "DEFAULT", "Supports transactions, foreign keys and encryption for tables", "YES", "YES", "YES"),
)
_SORT_LENGTHS: Final = {
    "cp1250_czech_cs": 2, "latin1_german2_ci": 2, "latin2_czech_cs": 4, "tis620_thai_ci": 4, "tis620_thai_nopad_ci": 4,
    **{f"{charset}_thai_520_w2": 4 for charset in ("ucs2", "utf16", "utf32", "utf8mb3", "utf8mb4")},
}
_BYTE_SORTED: Final = ("_bin", "_general_ci", "_general_nopad_ci")


def engines(context: InfoContext) -> Iterator[Row]:
    yield from ENGINES


def character_sets(context: InfoContext) -> Iterator[Row]:
    for charset in CHARSETS.values():
        yield charset.name, charset.default_collation, charset.description, charset.maxlen


def collations(context: InfoContext) -> Iterator[Row]:
    for item in COLLATIONS.values():
        length = _SORT_LENGTHS.get(item.name) or (8 if _is_multilevel(item.name) else 1)
        yield item.name, item.charset, item.id, "Yes" if item.is_default else "", "Yes", length


def _is_multilevel(name: str) -> bool:
    """Unicode collations other than the simple ones compare by weights of several bytes."""
    unicode_set = name.startswith(("utf8", "ucs2", "utf16", "utf32"))
    return unicode_set and not name.endswith(_BYTE_SORTED) and not name.endswith("general_mysql500_ci")


def collation_applicability(context: InfoContext) -> Iterator[Row]:
    for item in COLLATIONS.values():
        yield item.name, item.charset, item.name, item.id, "Yes" if item.is_default else ""


def variables(scope: str) -> Callable[[InfoContext], Iterator[Row]]:
    def rows(context: InfoContext) -> Iterator[Row]:
        for name, value in sorted(context.variables(scope)):
            yield name.upper(), value

    return rows


def status(scope: str) -> Callable[[InfoContext], Iterator[Row]]:
    def rows(context: InfoContext) -> Iterator[Row]:
        for name, value in sorted(context.status(scope)):
            yield name.upper(), value

    return rows


def system_variables(context: InfoContext) -> Iterator[Row]:
    for item in context.system_variables():
        yield (
            item.name.upper(), item.session_value, item.global_value, "COMPILE-TIME", item.default, item.scope, item.type,
            item.help, None, None, None, None, "YES" if item.read_only else "NO", "REQUIRED", None,
        )


def processlist(context: InfoContext) -> Iterator[Row]:
    for item in context.processes():
        time_ms = int((Decimal(str(item.time_ms)) * 1000).to_integral_value())
        info = item.info.encode() if item.info is not None else None
        yield (
            item.id, item.user, item.host, item.database, item.command, item.time_s, item.state, item.info,
            _wide(time_ms), 0, 0, 0, 0, 0, 0, 0, info, item.id,
        )


def _wide(scaled: int) -> bytes:
    """TIME_MS is DECIMAL(22,3): wide."""
    return (scaled + (1 << 223)).to_bytes(28, "big")


def user_privileges(context: InfoContext) -> Iterator[Row]:
    for user, host in context.accounts:
        for privilege in PRIVILEGES:
            yield f"'{user}'@'{host}'", CATALOG, privilege, "YES"


def plugins(context: InfoContext) -> Iterator[Row]:
    version = context.server_version.partition("-")[0]
    engine = "Supports transactions, foreign keys and encryption for tables"
    for name, kind, description in (
        ("mysql_native_password", "AUTHENTICATION", "Native MySQL authentication"),
        ("caching_sha2_password", "AUTHENTICATION", "Caching SHA2 authentication"),
        ("InnoDB", "STORAGE ENGINE", engine),
    ):
        type_version = "2.2" if kind == "AUTHENTICATION" else "101114.0"
        yield (
            name, "1.0", "ACTIVE", kind, type_version, None, None, "FaunaDB", description, "Apache-2.0", "FORCE", "Stable",
            version,
        )


def keywords(context: InfoContext) -> Iterator[Row]:
    for word in KEYWORDS:
        yield (word,)


def sql_functions(context: InfoContext) -> Iterator[Row]:
    for name in sorted({*FUNCTIONS, *AGGREGATES}):
        yield (name.lower(),)


def enabled_roles(context: InfoContext) -> Iterator[Row]:
    yield (None,)


def nothing(context: InfoContext) -> Iterator[Row]:
    """Tables of features that are not there: empty, but known."""
    yield from ()
