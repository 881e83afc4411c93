"""Every setting, once: name, default, unit, limits and help, as the fields of `Settings`.

    flags  >  environment (FAUNADB_…)  >  faunadb.toml (or --config FILE)  >  default

From this one table come the flags of `faunadb serve`, docs/reference/settings.md (`python -m fauna.settings` prints
it, a test checks that it is current) and the rows that SHOW VARIABLES takes from here.  An unknown key is an error
that names the nearest known one; a value that cannot be read or is out of bounds is an error that names where it came
from.  Nothing is guessed and nothing is ignored.

Not here: settings of one client session (`SET …`), which live in session/variables.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from fauna.errors import StartError

Value = int | float | str | bool | Path

ENV_PREFIX: Final = "FAUNADB_"
CONFIG_FILE: Final = "faunadb.toml"
# Environment names that are ours without being settings of the server.
_ENV_OTHER: Final = frozenset({"FAUNADB_CONFIG", "FAUNADB_PASSWORD", "FAUNADB_HISTORY"})
# What Kubernetes adds to every container's environment when a service is called "faunadb".
_ENV_KUBERNETES: Final = re.compile(r"FAUNADB_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))")
_SIZE_SUFFIXES: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_KIND_NAMES: Final = {int: "a whole number", float: "a number", bool: "on or off", str: "text", Path: "a path"}

MIB: Final = 1 << 20
GIB: Final = 1 << 30
DAY_S: Final = 86_400


class SettingsError(StartError):
    """A setting is unknown, unreadable or out of bounds; the message says which and where it came from."""


def _setting(
    default: Value,
    unit: str,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    variable: str = "",
    secret: bool = False,
) -> Any:
    metadata = {
        "unit": unit, "help": text, "low": low, "high": high, "choices": choices, "variable": variable, "secret": secret,
    }  # fmt: skip
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings a server or an embedded database runs with; made by `load()` or directly in tests."""

    # where the data is, and where the server listens
    data: Path = _setting(  # noqa: RUF009 (it is dataclasses.field with our columns)
        Path("faunadb-data"), "directory", "where the database files are; made when it does not exist", variable="datadir"
    )
    host: str = _setting("127.0.0.1", "address", "address to listen on; anything but loopback requires TLS")
    port: int = _setting(3306, "port", "port of the MySQL protocol; 0 takes a free one", low=0, high=65_535, variable="port")
    http: bool = _setting(True, "on/off", "serve HTTPS on http_port, beside the MySQL protocol")
    http_port: int = _setting(8443, "port", "port of HTTPS; 0 takes a free one", low=0, high=65_535)
    shards: int = _setting(
        0, "shards", "shards that a new data directory gets; 0 means 1 for a new one, and whatever an old one has",
        low=0, high=1024,
    )  # fmt: skip
    chain: bool = _setting(
        True, "on/off", "seal every commit in a block; decided when the data directory is made. Without: no history, no proofs"
    )

    retention_interval: int = _setting(
        600, "seconds", "how often changes older than their table's SYSTEM_VERSIONING_RETENTION are removed; 0 means only by "
        "CALL fauna.prune()",
        low=0, high=365 * DAY_S,
    )  # fmt: skip

    # connections
    max_connections: int = _setting(
        1200, "connections", "clients that may be connected at once; the next one gets error 1040",
        low=1, high=100_000, variable="max_connections",
    )  # fmt: skip
    http_connections_max: int = _setting(
        256, "connections", "clients that may be connected over HTTPS at once; the next one is dropped", low=1, high=100_000
    )
    change_streams_max: int = _setting(
        32, "streams", "change streams over HTTPS at once, each with a thread; the next one gets error 1040", low=1, high=1024
    )
    max_allowed_packet: int = _setting(
        64 * MIB, "bytes", "largest packet or statement; a larger one gets error 1153",
        low=1024, high=GIB, variable="max_allowed_packet",
    )  # fmt: skip
    connect_timeout: int = _setting(
        10, "seconds", "how long a client may take to log in", low=2, high=DAY_S, variable="connect_timeout"
    )
    wait_timeout: int = _setting(
        28_800, "seconds", "how long a connection may be idle", low=1, high=365 * DAY_S, variable="wait_timeout"
    )
    interactive_timeout: int = _setting(
        28_800, "seconds", "the same for clients that say they are interactive",
        low=1, high=365 * DAY_S, variable="interactive_timeout",
    )  # fmt: skip
    net_read_timeout: int = _setting(
        30, "seconds", "how long a client may pause inside a packet it sends", low=1, high=DAY_S, variable="net_read_timeout"
    )
    net_write_timeout: int = _setting(
        60, "seconds", "how long a client may leave a result unread", low=1, high=DAY_S, variable="net_write_timeout"
    )

    # statements and transactions
    lock_wait_timeout: int = _setting(
        50, "seconds", "how long a statement waits for a row or write lock before error 1205",
        low=1, high=DAY_S, variable="innodb_lock_wait_timeout",
    )  # fmt: skip
    max_statement_time: float = _setting(
        0.0, "seconds", "how long a statement may run before error 1969; 0 means no limit",
        low=0, high=31_536_000, variable="max_statement_time",
    )  # fmt: skip
    plan_cache_size: int = _setting(
        2000, "plans", "finished plans kept for statement shapes seen before", low=16, high=1_000_000
    )
    max_prepared_stmt_count: int = _setting(
        16_382, "statements", "prepared statements open at once, over all connections",
        low=0, high=1_048_576, variable="max_prepared_stmt_count",
    )  # fmt: skip

    # threads and the engine
    worker_threads: int = _setting(
        32, "threads", "threads for statements that may run long or wait for a lock", low=1, high=1024
    )
    reader_connections_max: int = _setting(
        64, "connections", "open read snapshots per shard; further readers wait for one", low=2, high=4096
    )

    # backup
    archive_target: str = _setting(
        "", "directory", "backup that the server adds to by itself (docs/guide/backup.md); empty: none"
    )
    archive_interval: int = _setting(60, "seconds", "how often it does", low=1, high=365 * DAY_S)
    backup_key_file: str = _setting(
        "", "file", "key that backups are encrypted with when the command or the call names none: 32 random bytes or more"
    )
    backup_passphrase: str = _setting(
        "", "text", "passphrase that backups are encrypted with when the command or the call names none", secret=True
    )

    # security
    tls_cert: str = _setting(
        "", "file", "certificate in PEM form; empty: a self-signed one is made in the data directory"
    )
    tls_key: str = _setting("", "file", "private key of tls_cert, in PEM form")
    require_secure_transport: bool = _setting(
        False, "on/off", "refuse clients without TLS; always on when listening on more than loopback",
        variable="require_secure_transport",
    )  # fmt: skip
    default_authentication_plugin: str = _setting(
        "caching_sha2_password", "plugin", "how passwords of new accounts are kept",
        choices=("caching_sha2_password", "mysql_native_password"),
    )  # fmt: skip
    root_password: str = _setting(
        "", "text", "password of root when the data directory is new; empty: one is made and printed once", secret=True
    )

    # checkpoints of the chain
    checkpoint_interval: int = _setting(
        3600, "seconds", "how often a signed checkpoint of the chains goes to checkpoint_target; 0 means never",
        low=0, high=365 * DAY_S,
    )  # fmt: skip
    checkpoint_target: str = _setting(
        "", "path or URL", "where checkpoints go: a directory, a file that gets a line each, or an https:// URL; empty: nowhere"
    )
    checkpoint_ca: str = _setting(
        "", "file", "certificate authority of an https checkpoint_target, in PEM form; empty: the system's"
    )

    # the log
    log_level: str = _setting(
        "info", "level", "what the log on standard error holds", choices=("debug", "info", "warning", "error")
    )

    @property
    def loopback(self) -> bool:
        """Whether `host` can be reached from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def checked(self) -> Settings:
        """Self, with what follows from other settings filled in; raises SettingsError when they contradict each other."""
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingsError("tls_cert and tls_key belong together", "give both, or neither for a self-signed certificate")
        if self.backup_key_file and self.backup_passphrase:
            raise SettingsError("backup_key_file and backup_passphrase exclude each other", "give one of them")
        if self.checkpoint_target or self.checkpoint_ca:
            self._check_checkpoints()
        if not self.loopback and not self.require_secure_transport:
            # A password or a row in the clear on a network is what "Closed" in the product's guarantees rules out.
            return replace(self, require_secure_transport=True)
        return self

    def _check_checkpoints(self) -> None:
        from fauna.chain.witness import WitnessError, check_target

        try:
            check_target(self.checkpoint_target)
        except WitnessError as problem:
            raise SettingsError(f"checkpoint_target: {problem}") from None
        if self.checkpoint_ca and not self.checkpoint_target.startswith("https://"):
            raise SettingsError("checkpoint_ca is for a checkpoint_target that begins with https://", "leave it out")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    kind      int, float, bool, str or Path
    low, high inclusive bounds of a number
    variable  its name in SHOW VARIABLES, '' when it is not there
    secret    only from the environment, never printed
    """

    name: str
    default: Value
    unit: str
    help: str
    kind: type
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    variable: str = ""
    secret: bool = False

    @property
    def flag(self) -> str:
        return "" if self.secret else "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        return ENV_PREFIX + self.name.upper()

    def parse(self, given: object, source: str) -> Value:
        """`given`, from a flag, the environment or a file, as a value of this setting; `source` is named in errors."""
        value = _PARSERS[self.kind](self, given, source)
        if self.choices and value not in self.choices:
            raise SettingsError(f"{source}: {given!r} is not one of {', '.join(self.choices)}")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_bounds(value, source)
        return value

    def _check_bounds(self, value: float, source: str) -> None:
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise SettingsError(f"{source}: {value} is out of bounds, it must be from {self.low:.0f} to {self.high:.0f}")


def _bad(setting: Setting, given: object, source: str) -> SettingsError:
    hint = ""
    if setting.name == "port" and str(given).startswith("tcp://"):
        hint = "Kubernetes sets this variable for a service called faunadb; use enableServiceLinks: false"
    return SettingsError(f"{source}: expected {_KIND_NAMES[setting.kind]}, got {given!r}", hint)


def _parse_int(setting: Setting, given: object, source: str) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    text = str(given).strip().lower() if isinstance(given, str) else ""
    factor = 1
    if setting.unit == "bytes" and text[-1:] in _SIZE_SUFFIXES:  # 64M, as in my.cnf
        factor, text = _SIZE_SUFFIXES[text[-1]], text[:-1]
    try:
        return int(text) * factor
    except ValueError:
        raise _bad(setting, given, source) from None


def _parse_float(setting: Setting, given: object, source: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise _bad(setting, given, source)
    try:
        value = float(given)
    except ValueError:
        raise _bad(setting, given, source) from None
    if math.isnan(value):  # it would pass every bounds check
        raise _bad(setting, given, source)
    return value


def _parse_bool(setting: Setting, given: object, source: str) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word in ("1", "on", "true", "yes"):
        return True
    if word in ("0", "off", "false", "no"):
        return False
    raise _bad(setting, given, source)


def _parse_str(setting: Setting, given: object, source: str) -> str:
    if not isinstance(given, str):
        raise _bad(setting, given, source)
    return given


def _parse_path(setting: Setting, given: object, source: str) -> Path:
    if not isinstance(given, (str, Path)) or not str(given):
        raise _bad(setting, given, source)
    return Path(given).expanduser()


_PARSERS: Final[dict[type, Callable[[Setting, object, str], Value]]] = {
    int: _parse_int, float: _parse_float, bool: _parse_bool, str: _parse_str, Path: _parse_path,
}  # fmt: skip


def _kind_of(default: Value) -> type:
    return Path if isinstance(default, Path) else type(default)


SETTINGS: Final[tuple[Setting, ...]] = tuple(
    Setting(f.name, f.default, kind=_kind_of(f.default), **f.metadata)  # type: ignore[arg-type]
    for f in fields(Settings)
)
BY_NAME: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}


def load(
    flags: Mapping[str, object] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Settings:
    """The settings in force: `flags` (None values are not given) over the environment over the file over defaults.

    `config` names the file; without it FAUNADB_CONFIG, then faunadb.toml in the working directory when there is one.
    """
    environment = os.environ if environment is None else environment
    values = _from_file(_config_path(config, environment))
    values |= _from_environment(environment)
    values |= _from_flags(flags or {})
    return Settings(**values).checked()  # type: ignore[arg-type]


def must_get(name: str, source: str) -> Setting:
    """The setting called `name`; else an error that names the nearest known one."""
    setting = BY_NAME.get(name.replace("-", "_"))
    if setting is None:
        near = difflib.get_close_matches(name.replace("-", "_"), BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see faunadb serve --help"
        raise SettingsError(f"{source}: unknown setting {name!r}", hint)
    return setting


def _config_path(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    if config is None and environment.get("FAUNADB_CONFIG"):
        config = Path(environment["FAUNADB_CONFIG"])
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"configuration file {str(config)!r} does not exist")
        return config
    default = Path(CONFIG_FILE)
    return default if default.is_file() else None


def _from_file(path: Path | None) -> dict[str, Value]:
    if path is None:
        return {}
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise SettingsError(f"{path}: {problem}") from None
    values: dict[str, Value] = {}
    for key, value in given.items():
        setting = must_get(key, str(path))
        if setting.secret:
            raise SettingsError(f"{path}: {key} may not be in a file", f"set {setting.environment} instead")
        values[setting.name] = setting.parse(value, f"{path}: {key}")
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, value in environment.items():
        if not key.startswith(ENV_PREFIX) or key in _ENV_OTHER or _ENV_KUBERNETES.match(key):
            continue
        setting = must_get(key.removeprefix(ENV_PREFIX).lower(), key)
        values[setting.name] = setting.parse(value, key)
    return values


def _from_flags(flags: Mapping[str, object]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in flags.items():
        if value is not None:
            setting = must_get(name, "command line")
            values[setting.name] = setting.parse(value, setting.flag or setting.environment)
    return values


def variables(settings: Settings) -> dict[str, int | float | str | bool]:
    """The rows that SHOW VARIABLES takes from here: MySQL's name -> value."""
    values = {setting.variable: getattr(settings, setting.name) for setting in SETTINGS if setting.variable}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def reference() -> str:
    """docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written by `python -m fauna.settings`; do not edit. Flags win over the environment, the environment wins over",
        f"`{CONFIG_FILE}` (or `--config FILE`, or `FAUNADB_CONFIG`), and that wins over the default.",
        "",
        "| setting | flag | environment | default | unit | limits | in SHOW VARIABLES | what it does |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_reference_row(setting) for setting in SETTINGS]
    return "\n".join(lines) + "\n"


def _reference_row(setting: Setting) -> str:
    limits = ", ".join(setting.choices)
    if setting.low is not None and setting.high is not None:
        limits = f"{setting.low:.0f} … {setting.high:.0f}"
    default = ("on" if setting.default else "off") if setting.kind is bool else str(setting.default)
    cells = (
        f"`{setting.name}`", f"`{setting.flag}`" if setting.flag else "", f"`{setting.environment}`",
        f"`{default}`" if default else "", setting.unit, limits,
        f"`{setting.variable}`" if setting.variable else "", setting.help,
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(reference(), end="")
