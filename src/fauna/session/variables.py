"""System variables: one table of name, scope, default and kind; SHOW VARIABLES and @@x read it.

A variable that MySQL has and that changes nothing here is accepted when its value is the one in force or harmless (`inert`),
so that drivers and dumps which set it by habit work; an unknown name is error 1193.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fauna.catalog.charsets import find_charset, must_charset, must_collation
from fauna.errors import error
from fauna.session.past import as_of_shown
from fauna.sql.context import current
from fauna.sql.sql_modes import SQL_MODES, in_order

SERVER_VERSION: Final = "10.11.14-MariaDB-FaunaDB"
SQL_MODE_DEFAULT: Final = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
_COMBINED: Final = {
    "ANSI": ("REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ANSI"),
    "TRADITIONAL": (
        "STRICT_TRANS_TABLES",
        "STRICT_ALL_TABLES",
        "NO_ZERO_IN_DATE",
        "NO_ZERO_DATE",
        "ERROR_FOR_DIVISION_BY_ZERO",
        "TRADITIONAL",
        "NO_AUTO_CREATE_USER",
        "NO_ENGINE_SUBSTITUTION",
    ),
}

Value = Any


@dataclass(frozen=True, slots=True)
class Variable:
    """scope: 'both', 'global' or 'session'; check turns a given value into the one kept, raising 1231/1232."""

    name: str
    default: Value
    scope: str = "both"
    check: Callable[[str, Value], Value] | None = None
    read_only: bool = False


def _integer(low: int, high: int) -> Callable[[str, Value], Value]:
    def check(name: str, value: Value) -> Value:
        if isinstance(value, str) and value.lstrip("-").isdigit():
            raise error("WRONG_TYPE_FOR_VAR", name)
        if not isinstance(value, int):
            raise error("WRONG_TYPE_FOR_VAR", name)
        if not low <= value <= high:
            current().warn("TRUNCATED_WRONG_VALUE", name, value)
        return min(max(int(value), low), high)

    return check


def _boolean(name: str, value: Value) -> Value:
    if isinstance(value, str) and value.upper() in ("ON", "OFF", "TRUE", "FALSE"):
        return value.upper() in ("ON", "TRUE")
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise error("WRONG_VALUE_FOR_VAR", name, value if value is not None else "NULL")


def _always_on(name: str, value: Value) -> Value:
    if not _boolean(name, value):
        raise error("NOT_SUPPORTED_YET", f"{name}=OFF")
    return True


def _real(name: str, value: Value) -> Value:
    if isinstance(value, (int, float)):
        return float(value)
    raise error("WRONG_TYPE_FOR_VAR", name)


def _timestamp(name: str, value: Value) -> Value:
    """Seconds since 1970, as far as TIMESTAMP goes; 0 for the clock."""
    seconds = _real(name, value)
    if not 0 <= seconds <= 2147483647:
        raise error("WRONG_VALUE_FOR_VAR", name, value)
    return seconds


def _text(name: str, value: Value) -> Value:
    return "" if value is None else str(value)


def _one_of(*choices: str) -> Callable[[str, Value], Value]:
    def check(name: str, value: Value) -> Value:
        if isinstance(value, int) and 0 <= value < len(choices):
            return choices[value]
        for choice in choices:
            if isinstance(value, str) and value.upper() == choice.upper():
                return choice
        raise error("WRONG_VALUE_FOR_VAR", name, value if value is not None else "NULL")

    return check


_MODES_NOT_SUPPORTED: Final = frozenset({
    "POSTGRESQL", "ORACLE", "MSSQL", "DB2", "MAXDB", "EMPTY_STRING_IS_NULL", "SIMULTANEOUS_ASSIGNMENT", "PAD_CHAR_TO_FULL_LENGTH",
})  # fmt: skip


def sql_mode(name: str, value: Value) -> str:
    """The modes of a list, combined ones spelled out, in MySQL's order."""
    if isinstance(value, int):
        return ",".join(m for i, m in enumerate(SQL_MODES) if value >> i & 1)
    if not isinstance(value, str):
        raise error("WRONG_VALUE_FOR_VAR", "sql_mode", "NULL")
    modes: set[str] = set()
    for part in value.split(","):
        mode = part.strip().upper()
        if not mode:
            continue
        if mode not in SQL_MODES:
            raise error("WRONG_VALUE_FOR_VAR", "sql_mode", part.strip())
        if mode in _MODES_NOT_SUPPORTED:
            raise error("NOT_SUPPORTED_YET", f"sql_mode={mode}")
        modes.update(_COMBINED.get(mode, (mode,)))
    return in_order(modes)


def _charset(name: str, value: Value) -> Value:
    if value is None:
        if name == "character_set_results":
            return None
        raise error("WRONG_VALUE_FOR_VAR", name, "NULL")
    return must_charset(str(value)).name


def _collation(name: str, value: Value) -> Value:
    if value is None:
        raise error("WRONG_VALUE_FOR_VAR", name, "NULL")
    return must_collation(str(value)).name


def _time_zone(name: str, value: Value) -> Value:
    from fauna.sql.convert.timestamp import zone

    text = str(value)
    if text.upper() == "SYSTEM":
        return "SYSTEM"
    zone(text)
    return text


_ISOLATIONS = ("READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE")
_BIG: Final = (1 << 64) - 1


def _isolation(name: str, value: Value) -> Value:
    return _one_of(*_ISOLATIONS)(name, value.replace(" ", "-") if isinstance(value, str) else value)


_ROWS: Final[tuple[Variable, ...]] = (
    Variable("auto_increment_increment", 1, check=_integer(1, 65535)),
    Variable("auto_increment_offset", 1, check=_integer(1, 65535)),
    Variable("autocommit", True, check=_boolean),
    Variable("big_tables", False, check=_boolean),
    Variable("block_encryption_mode", "aes-128-ecb", check=_text),
    Variable("character_set_client", "utf8mb4", check=_charset),
    Variable("character_set_connection", "utf8mb4", check=_charset),
    Variable("character_set_database", "utf8mb4", check=_charset),
    Variable("character_set_filesystem", "binary", check=_charset),
    Variable("character_set_results", "utf8mb4", check=_charset),
    Variable("character_set_server", "utf8mb4", check=_charset),
    Variable("character_set_system", "utf8mb3", "global", read_only=True),
    Variable("check_constraint_checks", True, check=_always_on),
    Variable("collation_connection", "utf8mb4_general_ci", check=_collation),
    Variable("collation_database", "utf8mb4_general_ci", check=_collation),
    Variable("collation_server", "utf8mb4_general_ci", check=_collation),
    Variable("completion_type", "NO_CHAIN", check=_one_of("NO_CHAIN", "CHAIN", "RELEASE")),
    Variable("connect_timeout", 10, "global", _integer(2, 31536000)),
    Variable("default_storage_engine", "InnoDB", check=_text),
    Variable("default_tmp_storage_engine", "InnoDB", check=_text),
    Variable("default_week_format", 0, check=_integer(0, 7)),
    Variable("div_precision_increment", 4, check=_integer(0, 30)),
    Variable("eq_range_index_dive_limit", 200, check=_integer(0, _BIG)),
    Variable("explicit_defaults_for_timestamp", True, check=_boolean),
    Variable("event_scheduler", "OFF", "global", _text),
    Variable("foreign_key_checks", True, check=_boolean),
    Variable("general_log", False, "global", _boolean),
    Variable("group_concat_max_len", 1048576, check=_integer(4, _BIG)),
    Variable("have_openssl", "YES", "global", read_only=True),
    Variable("have_ssl", "YES", "global", read_only=True),
    Variable("have_profiling", "NO", "global", read_only=True),
    Variable("have_query_cache", "NO", "global", read_only=True),
    Variable("hostname", "localhost", "global", read_only=True),
    Variable("idle_transaction_timeout", 0, check=_integer(0, 31536000)),
    Variable("init_connect", "", "global", _text),
    Variable("innodb_file_per_table", True, "global", _boolean),
    Variable("innodb_flush_log_at_trx_commit", 1, "global", _integer(1, 1)),
    Variable("innodb_large_prefix", "ON", "global", read_only=True),
    Variable("innodb_lock_wait_timeout", 50, check=_integer(0, 100000000)),
    Variable("innodb_page_size", 16384, "global", read_only=True),
    Variable("innodb_read_only", False, "global", read_only=True),
    Variable("innodb_snapshot_isolation", True, check=_boolean),
    Variable("innodb_strict_mode", True, check=_boolean),
    Variable("innodb_version", "10.11.14", "global", read_only=True),
    Variable("interactive_timeout", 28800, check=_integer(1, 31536000)),
    Variable("join_buffer_size", 262144, check=_integer(128, _BIG)),
    Variable("last_insert_id", 0, "session", _integer(0, _BIG)),
    Variable("identity", 0, "session", _integer(0, _BIG)),
    Variable("insert_id", 0, "session", _integer(0, _BIG)),
    Variable("lc_messages", "en_US", check=_text),
    Variable("lc_time_names", "en_US", check=_text),
    Variable("license", "Apache-2.0", "global", read_only=True),
    Variable("local_infile", True, "global", _boolean),
    Variable("lock_wait_timeout", 86400, check=_integer(0, 31536000)),
    Variable("log_bin", False, "global", read_only=True),
    Variable("binlog_format", "ROW", check=_one_of("MIXED", "STATEMENT", "ROW")),
    Variable("gtid_mode", "OFF", "global", read_only=True),
    Variable("log_warnings", 2, check=_integer(0, 9)),
    Variable("long_query_time", 10.0, check=_real),
    Variable("low_priority_updates", False, check=_boolean),
    Variable("lower_case_file_system", False, "global", read_only=True),
    Variable("lower_case_table_names", 0, "global", read_only=True),
    Variable("max_allowed_packet", 16777216, check=_integer(1024, 1073741824)),
    Variable("max_connections", 1200, "global", _integer(10, 100000)),
    Variable("max_error_count", 64, check=_integer(0, 65535)),
    Variable("max_execution_time", 0, check=_integer(0, _BIG)),
    Variable("max_heap_table_size", 16777216, check=_integer(16384, _BIG)),
    Variable("max_join_size", _BIG, check=_integer(1, _BIG)),
    Variable("max_prepared_stmt_count", 16382, "global", _integer(0, 4294967295)),
    Variable("max_sort_length", 1024, check=_integer(64, 8388608)),
    Variable("max_statement_time", 0.0, check=_real),
    Variable("max_user_connections", 0, check=_integer(0, 2147483647)),
    Variable("net_buffer_length", 16384, check=_integer(1024, 1048576)),
    Variable("net_read_timeout", 30, check=_integer(1, 31536000)),
    Variable("net_retry_count", 10, check=_integer(1, 4294967295)),
    Variable("net_write_timeout", 60, check=_integer(1, 31536000)),
    Variable("note_verbosity", "basic", check=_text),
    Variable("old_mode", "UTF8_IS_UTF8MB3", check=_text),
    Variable("old_passwords", False, check=_boolean),
    Variable("optimizer_prune_level", 2, check=_integer(0, 2)),
    Variable("optimizer_search_depth", 62, check=_integer(0, 62)),
    Variable("optimizer_switch", "index_merge=on", check=_text),
    Variable("performance_schema", False, "global", read_only=True),
    Variable("port", 3306, "global", read_only=True),
    Variable("profiling", False, check=_boolean),
    Variable("protocol_version", 10, "global", read_only=True),
    Variable("pseudo_thread_id", 0, "session", _integer(0, _BIG)),
    Variable("query_cache_size", 0, "global", _integer(0, _BIG)),
    Variable("query_cache_type", "OFF", check=_one_of("OFF", "ON", "DEMAND")),
    Variable("query_cache_limit", 1048576, "global", _integer(0, _BIG)),
    Variable("rand_seed1", 0, "session", _integer(0, _BIG)),
    Variable("rand_seed2", 0, "session", _integer(0, _BIG)),
    Variable("read_buffer_size", 131072, check=_integer(8192, _BIG)),
    Variable("read_only", False, "global", _boolean),
    Variable("server_id", 1, "global", _integer(1, 4294967295)),
    Variable("session_track_schema", True, check=_boolean),
    Variable("session_track_state_change", False, check=_boolean),
    Variable("session_track_system_variables", "", check=_text),
    Variable("session_track_transaction_info", "OFF", check=_text),
    Variable("show_compatibility_56", False, check=_boolean),
    Variable("skip_networking", False, "global", read_only=True),
    Variable("skip_name_resolve", True, "global", read_only=True),
    Variable("socket", "", "global", read_only=True),
    Variable("sort_buffer_size", 2097152, check=_integer(1024, _BIG)),
    Variable("sql_auto_is_null", False, check=_boolean),
    Variable("sql_big_selects", True, check=_boolean),
    Variable("sql_buffer_result", False, check=_boolean),
    Variable("sql_log_bin", True, "session", _boolean),
    Variable("sql_mode", SQL_MODE_DEFAULT, check=sql_mode),
    Variable("sql_notes", True, check=_boolean),
    Variable("sql_quote_show_create", True, check=_boolean),
    Variable("sql_safe_updates", False, check=_boolean),
    Variable("sql_select_limit", _BIG, check=_integer(0, _BIG)),
    Variable("sql_warnings", False, check=_boolean),
    Variable("storage_engine", "InnoDB", check=_text),
    Variable("standard_compliant_cte", True, check=_boolean),
    Variable("system_time_zone", "UTC", "global", read_only=True),
    Variable("system_versioning_alter_history", "ERROR", check=_text),
    Variable("system_versioning_asof", "DEFAULT", check=_text),  # in UTC: see session.past
    Variable("table_definition_cache", 400, "global", _integer(400, 2097152)),
    Variable("table_open_cache", 2000, "global", _integer(1, 1048576)),
    Variable("thread_cache_size", 256, "global", _integer(0, 16384)),
    Variable("thread_handling", "one-thread-per-connection", "global", read_only=True),
    Variable("time_zone", "SYSTEM", check=_time_zone),
    Variable("timestamp", 0.0, "session", _timestamp),
    Variable("tmp_table_size", 16777216, check=_integer(1024, _BIG)),
    Variable("tmpdir", "/tmp", "global", read_only=True),
    Variable("transaction_alloc_block_size", 8192, check=_integer(1024, 131072)),
    Variable("transaction_isolation", "REPEATABLE-READ", check=_isolation),
    Variable("transaction_read_only", False, check=_boolean),
    Variable("tx_isolation", "REPEATABLE-READ", check=_isolation),
    Variable("tx_read_only", False, check=_boolean),
    Variable("unique_checks", True, check=_boolean),
    Variable("updatable_views_with_limit", "YES", check=_text),
    Variable("use_stat_tables", "PREFERABLY_FOR_QUERIES", check=_text),
    Variable("version", SERVER_VERSION, "global", read_only=True),
    Variable("version_comment", "FaunaDB", "global", read_only=True),
    Variable("version_compile_machine", "x86_64", "global", read_only=True),
    Variable("version_compile_os", "Linux", "global", read_only=True),
    Variable("version_ssl_library", "OpenSSL", "global", read_only=True),
    Variable("wait_timeout", 28800, check=_integer(1, 31536000)),
    Variable("warning_count", 0, "session", read_only=True),
    Variable("error_count", 0, "session", read_only=True),
    Variable("in_transaction", 0, "session", read_only=True),
    Variable("wsrep_on", False, check=_boolean),
    Variable("expensive_subquery_limit", 100, check=_integer(0, _BIG)),
    Variable("sql_if_exists", False, check=_boolean),
    Variable("character_sets_dir", "", "global", read_only=True),
    Variable("datadir", "", "global", read_only=True),
    Variable("basedir", "", "global", read_only=True),
    Variable("require_secure_transport", False, "global", read_only=True),
    Variable("net_buffer_size", 16384, check=_integer(1024, 1048576)),
)
VARIABLES: Final[Mapping[str, Variable]] = {v.name: v for v in _ROWS}
# Two names for one thing.
SYNONYMS: Final = {
    "tx_isolation": "transaction_isolation",
    "tx_read_only": "transaction_read_only",
    "identity": "last_insert_id",
    "storage_engine": "default_storage_engine",
}


def must_variable(name: str) -> Variable:
    """The variable of that name; error 1193."""
    found = VARIABLES.get(name.lower())
    if found is None:
        _, dot, rest = name.rpartition(".")
        if dot and rest.lower() in VARIABLES:
            raise error("VARIABLE_IS_NOT_STRUCT", rest)
        raise error("UNKNOWN_SYSTEM_VARIABLE", name)
    return VARIABLES[SYNONYMS.get(found.name, found.name)]


def shown(value: Value) -> str:
    """A value as SHOW VARIABLES prints it."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else str(value)


class GlobalVariables:
    """The server's global values; shared by all sessions, changed by SET GLOBAL."""

    def __init__(self, overrides: Mapping[str, Value] | None = None) -> None:
        self.values: dict[str, Value] = {v.name: v.default for v in VARIABLES.values()}
        self.values.update(overrides or {})

    def get(self, name: str) -> Value:
        return self.values[must_variable(name).name]

    def set(self, name: str, value: Value) -> None:
        variable = must_variable(name)
        if variable.read_only:
            raise error("INCORRECT_GLOBAL_LOCAL_VAR", variable.name, "read only")
        if variable.scope == "session":
            raise error("LOCAL_VARIABLE", variable.name)
        self.values[variable.name] = checked(variable, value, name)


def checked(variable: Variable, value: Value, name: str = "") -> Value:
    """The value that is kept; errors speak of `name`, as it was given."""
    return variable.check(name.lower() or variable.name, value) if variable.check is not None else value


class SessionVariables:
    """A session's own values over the global ones."""

    __slots__ = ("_globals", "values")

    def __init__(self, globals_: GlobalVariables) -> None:
        self._globals = globals_
        self.values: dict[str, Value] = dict(globals_.values)

    def get(self, name: str, scope: str | None = None) -> Value:
        variable = must_variable(name)
        if scope == "GLOBAL":
            if variable.scope == "session":
                raise error("INCORRECT_GLOBAL_LOCAL_VAR", variable.name, "SESSION")
            return self._seen(variable.name, self._globals.values[variable.name])
        if scope == "SESSION" and variable.scope == "global":
            raise error("INCORRECT_GLOBAL_LOCAL_VAR", variable.name, "GLOBAL")
        values = self._globals.values if variable.scope == "global" else self.values
        return self._seen(variable.name, values[variable.name])

    def _seen(self, name: str, value: Value) -> Value:
        """A value in the session's time zone, if it is a time."""
        return as_of_shown(value, self.values["time_zone"]) if name == "system_versioning_asof" else value

    def set(self, name: str, value: Value) -> None:
        variable = must_variable(name)
        if variable.read_only:
            raise error("INCORRECT_GLOBAL_LOCAL_VAR", variable.name, "read only")
        if variable.scope == "global":
            raise error("GLOBAL_VARIABLE", variable.name)
        self.values[variable.name] = checked(variable, value, name)

    def default(self, name: str, *, of_global: bool = False) -> Value:
        variable = must_variable(name)
        return variable.default if of_global or variable.scope == "session" else self._globals.values[variable.name]

    def rows(self, scope: str | None) -> list[tuple[str, str]]:
        """Name and value of every variable, in order."""
        out = []
        for variable in sorted(VARIABLES.values(), key=lambda v: v.name):
            if scope == "GLOBAL" and variable.scope == "session":
                continue
            name = SYNONYMS.get(variable.name, variable.name)
            values = self._globals.values if scope == "GLOBAL" or variable.scope == "global" else self.values
            out.append((variable.name, shown(self._seen(name, values[name]))))
        return out

    def names_connection(self) -> None:
        """character_set_connection was set: its default collation comes with it."""
        self.values["collation_connection"] = must_charset(self.values["character_set_connection"]).default_collation

    def names(self, charset: str, collation: str | None) -> None:
        """SET NAMES."""
        known = must_charset(charset)
        chosen = must_collation(collation).name if collation else known.default_collation
        if collation and must_collation(collation).charset != known.name:
            raise error("COLLATION_CHARSET_MISMATCH", collation, known.name)
        for name in ("character_set_client", "character_set_connection", "character_set_results"):
            self.values[name] = known.name
        self.values["collation_connection"] = chosen


__all__ = [
    "SERVER_VERSION",
    "GlobalVariables",
    "SessionVariables",
    "Variable",
    "checked",
    "find_charset",
    "must_variable",
    "shown",
    "sql_mode",
]
