"""What the wire needs from the layers above it, and nothing more.

`node.py` hands a `Backend` to the server; the tests hand it one that answers from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fauna.catalog.types import SqlType, Stored
from fauna.session.result import LocalInfile, Result, ResultColumn

Param = tuple[SqlType, Stored]


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who connected and what the client can do.

    host                  'localhost' for a loopback address, else the numeric address
    found_rows            affected rows are to count matched rows (CLIENT_FOUND_ROWS)
    charset_collation_id  the collation the handshake asked for, one of `charset.COLLATION_NAMES`
    interactive           `wait_timeout` starts at `interactive_timeout`
    tls_cipher, tls_version  of the connection; '' without TLS
    disconnect            ends this connection soon; safe from any thread (KILL CONNECTION calls it)
    """

    connection_id: int
    user: str
    host: str
    database: str | None
    found_rows: bool = False
    multi_statements: bool = False
    local_infile: bool = False
    charset_collation_id: int = 45
    attributes: dict[str, str] = field(default_factory=dict)
    interactive: bool = False
    disconnect: Callable[[], None] = lambda: None
    tls_cipher: str = ""
    tls_version: str = ""


class Account(Protocol):
    """A row of the account store; `authentication_string` in MySQL's stored form (see `auth`)."""

    @property
    def user(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def authentication_string(self) -> str: ...


class Prepared(Protocol):
    """A prepared statement.  `columns` is None when it answers no result set."""

    @property
    def statement_id(self) -> int: ...
    @property
    def param_count(self) -> int: ...
    @property
    def columns(self) -> tuple[ResultColumn, ...] | None: ...


class Session(Protocol):
    """One client's session.  Synchronous, used by one thread at a time, `interrupt` excepted.

    Any call but `interrupt` and `close` may raise an SqlError.  `execute` and `execute_prepared` may raise MustWait,
    and MustMove when `inline` is true.
    """

    @property
    def connection_id(self) -> int: ...
    @property
    def database(self) -> str | None: ...
    @property
    def killed(self) -> bool: ...
    @property
    def status(self) -> int: ...
    def split(self, text: str) -> list[str]: ...
    def execute(self, text: str, *, inline: bool) -> Result | LocalInfile: ...
    def prepare(self, text: str) -> Prepared: ...
    def execute_prepared(self, statement_id: int, params: Sequence[Param], *, inline: bool) -> Result | LocalInfile: ...
    def close_prepared(self, statement_id: int) -> None: ...
    def use(self, database: str) -> None: ...
    def field_list(self, table: str, wild: str) -> tuple[ResultColumn, ...]: ...
    def statistics(self) -> str: ...
    def kill(self, connection_id: int, *, query_only: bool) -> None: ...
    def reset(self) -> None: ...
    def set_option(self, multi_statements: bool) -> None: ...
    def variable(self, name: str) -> object: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """The server behind the wire.  `account` is called on the event loop and must not block."""

    @property
    def server_version(self) -> str: ...
    def account(self, user: str, host: str) -> Account | None: ...
    def open_session(self, client: ClientInfo) -> Session: ...
