"""The Python SDK: `from fauna import database`.

    db = database.connect(uri="mysql://root:secret@127.0.0.1:3306/shop")   # a server, or
    db = database.connect(path="./shop-data", database="shop")             # embedded: in this process, no server

    for row in db.query("SELECT * FROM orders WHERE user_id = %s", (7,)):
        print(row["id"], row.total)

    with db.transaction(isolation="SERIALIZABLE") as tx:                   # COMMIT at the end, ROLLBACK on an exception
        tx.query("UPDATE stock SET n = n - 1 WHERE sku = %s", ("A1",))

    db.run(transfer, attempts=5)                                           # again when it ends in 1205 or 1213

Outside a transaction each statement commits by itself.  A `Database` is one connection, for one thread at a time.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from fauna.client.changes import ChangeEvent, ChangeStream
from fauna.client.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    not_supported,
)
from fauna.client.link import Answer, Link
from fauna.client.many import run_many
from fauna.client.row import Row, Rows
from fauna.settings import Settings

if TYPE_CHECKING:
    from fauna.client.server_link import Address

__all__ = [
    "AsOf",
    "ChangeEvent", "ChangeStream", "DataError", "Database", "DatabaseError", "Error", "IntegrityError", "InterfaceError",
    "InternalError", "NotSupportedError", "OperationalError", "ProgrammingError", "Row", "Rows", "Shards", "Stream",
    "Transaction", "connect",
]  # fmt: skip

Returned = TypeVar("Returned")

ISOLATIONS: Final = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
URI_SCHEMES: Final = ("mysql", "mariadb", "fauna", "faunadb")
RETRY_PAUSE_S: Final = 0.01  # doubled at each attempt, and spread at random so that rivals do not meet again
RETRY_PAUSE_MAX_S: Final = 1.0


def connect(
    uri: str | None = None,
    *,
    path: str | Path | None = None,
    host: str | None = None,
    port: int | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Database:
    """A connection: to the server that `uri` or `host` … name, or with `path` to an embedded database in that directory.

    What is given by name wins over the same in `uri`.  Embedded, the database `database` is made when it does not
    exist yet.  `options` for a server: tls, tls_ca, connect_timeout, read_timeout, local_infile, found_rows,
    multi_statements (see `server_link.Address`); for embedded: local_infile.
    """
    given = {"host": host, "port": port, "user": user, "password": password}
    return Database(open_link(uri, path, given, database, settings, options))


def open_link(
    uri: str | None,
    path: str | Path | None,
    given: dict[str, Any],
    database: str | None,
    settings: Settings | None,
    options: dict[str, Any],
) -> Link:
    """The link that these arguments of `connect` ask for."""
    if path is not None:
        wrong = [name for name, value in {"uri": uri, **given}.items() if value is not None]
        if wrong:
            raise InterfaceError(0, f"path= opens an embedded database, {wrong[0]}= a server: give one of them")
        from fauna.client import embedded_link

        allow_file = bool(options.pop("local_infile", False))
        _refuse(options)
        return embedded_link.open_link(Path(path), database, settings or Settings(data=Path(path)), local_infile=allow_file)
    if settings is not None:
        raise InterfaceError(0, "settings= are for an embedded database (path=); a server has its own")
    from fauna.client.server_link import ServerLink

    return ServerLink(address_of(uri, {**given, "database": database, **options}))


def address_of(uri: str | None, given: dict[str, Any]) -> Address:
    """Where these arguments of `connect` lead; None in `given`: not given."""
    from fauna.client.server_link import Address

    merged = _from_uri(uri) if uri is not None else {}
    merged |= {name: value for name, value in given.items() if value is not None}
    _refuse({name: value for name, value in merged.items() if name not in Address.__dataclass_fields__})
    return Address(**merged)


def _refuse(options: dict[str, Any]) -> None:
    if options:
        raise InterfaceError(0, f"unknown connection option {next(iter(options))!r}")


def _from_uri(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    if parts.scheme.split("+")[0] not in URI_SCHEMES:
        raise InterfaceError(0, f"the URI must begin with mysql://, not {parts.scheme + '://' if parts.scheme else uri!r}")
    try:
        port = parts.port
    except ValueError:
        raise InterfaceError(0, "the port in the URI is not a number: mysql://user:password@host:port/database") from None
    found: dict[str, Any] = {
        "host": parts.hostname, "port": port, "user": parts.username and unquote(parts.username),
        "password": parts.password and unquote(parts.password), "database": unquote(parts.path.lstrip("/")) or None,
    }  # fmt: skip
    found |= {name: _option(value) for name, value in parse_qsl(parts.query)}
    return {name: value for name, value in found.items() if value is not None}


def _option(text: str) -> Any:
    """An option from the URI's query: ?tls=require&connect_timeout=5."""
    if text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


class Stream:
    """Rows read from the database as they are asked for, in bounded memory; close it or read it to its end.

    Until then the connection is busy.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._row = answer.shape.row if answer.shape else Row
        self._rows = iter(answer.rows)
        self.columns = answer.shape.names if answer.shape else ()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        return self._row(next(self._rows))

    def close(self) -> None:
        self._answer.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class _Queries:
    """What a connection and a transaction on it have in common."""

    _link: Link

    def query(self, sql: str, params: Any = None) -> Rows:
        """Run one statement and return its rows, all of them.

        `params` are bound to `%s` (a sequence) or `%(name)s` (a mapping); a list among them fills `IN %s`.
        """
        return _rows(self._link.run(sql, params))

    def execute(self, sql: str, params: Any = None) -> int:
        """Run one statement for its effect; returns the rows affected."""
        return self._link.run(sql, params).affected_rows

    def execute_many(self, sql: str, rows: Iterable[Any]) -> int:
        """Run one statement for each row of parameters, all or none; returns the rows affected in all.

        INSERT … VALUES (…) is sent as statements of many rows each.
        """
        return run_many(self._link, sql, rows).affected_rows

    def stream(self, sql: str, params: Any = None) -> Stream:
        """Run one statement and return its rows one at a time, in bounded memory."""
        return Stream(self._link.run(sql, params, stream=True))


def _rows(answer: Answer) -> Rows:
    shape = answer.shape
    if shape is None:
        rows = Rows()
        rows.columns = ()
        rows.rowcount = answer.affected_rows
    else:
        rows = Rows(map(shape.row, answer.rows))
        rows.columns = shape.names
        rows.rowcount = len(rows)
    rows.lastrowid = answer.insert_id
    rows.warnings = answer.warnings
    return rows


class Transaction(_Queries):
    """An open transaction, from `db.transaction()`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._savepoints = 0

    @contextmanager
    def savepoint(self) -> Iterator[Transaction]:
        """A part of the transaction that is undone by itself when it raises."""
        self._savepoints += 1
        name = f"fauna_{self._savepoints}"
        self.execute(f"SAVEPOINT {name}")
        try:
            yield self
        except BaseException:
            if self._link.in_transaction:
                self.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        self.execute(f"RELEASE SAVEPOINT {name}")


_MOMENT: Final = "system_versioning_asof"


class AsOf:
    """The past, from `db.as_of(…)`: reads only.  Names are those of then."""

    def __init__(self, link: Link, moment: str | datetime | date) -> None:
        self._link = link
        self._form, self._value = _moment(moment)

    def query(self, sql: str, params: Any = None) -> Rows:
        """As `Database.query`, of that time; for SELECT statements."""
        return _rows(self._link.run(*self._arranged(_select(sql), params)))

    def stream(self, sql: str, params: Any = None) -> Stream:
        """As `Database.stream`, of that time."""
        return Stream(self._link.run(*self._arranged(_select(sql), params), stream=True))

    def _arranged(self, sql: str, params: Any) -> tuple[str, Any]:
        """With parameters the time is one of them: the statement is the same for all times."""
        if params is None:
            value = self._value
            return self._text(f"'{value}'" if isinstance(value, str) else f"{value:.6f}", sql), None
        if isinstance(params, Mapping):
            return self._text(f"%({_MOMENT})s", sql), {**params, _MOMENT: self._value}
        values = params if isinstance(params, (tuple, list)) else (params,)
        return self._text("%s", sql), (self._value, *values)

    def _text(self, value: str, sql: str) -> str:
        return f"SET STATEMENT system_versioning_asof = {self._form.format(value)} FOR {sql}"


def _moment(moment: str | datetime | date) -> tuple[str, str | Decimal]:
    """How it stands in a statement, and its value."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        passed = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return "FROM_UNIXTIME({})", Decimal(passed // timedelta(microseconds=1)).scaleb(-6)
    text = moment if isinstance(moment, str) else moment.isoformat(" ") if isinstance(moment, datetime) else moment.isoformat()
    if not re.fullmatch(r"[0-9T :.\-]+", text):
        raise ProgrammingError(0, f"a time is written 'YYYY-MM-DD hh:mm:ss', not {text!r}")
    return "{}", text.replace("T", " ")


def _select(sql: str) -> str:
    """The past can only be read: a statement that writes would write to the present."""
    first = sql.lstrip(" \t\r\n(").split(None, 1)
    if not first or first[0].upper() not in ("SELECT", "WITH", "VALUES", "TABLE"):
        raise ProgrammingError(0, "as_of(…) is for SELECT statements")
    return sql
def _must_be_faunadb(link: Link, what: str) -> None:
    version = str(next(iter(link.run("SELECT VERSION()").rows))[0])
    if "FaunaDB" not in version:
        raise not_supported(f"{what} on {version}")


class Shards:
    """`db.shards`: how the data is spread."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def config(self) -> list[dict[str, Any]]:
        """One dict for each shard: its number, engine, hash slots, rows, bytes and commits (the table fauna.shards)."""
        _must_be_faunadb(self._link, "shards.config()")
        answer = self._link.run("SELECT * FROM fauna.shards ORDER BY shard")
        assert answer.shape is not None
        return [dict(zip(answer.shape.names, row, strict=True)) for row in answer.rows]


class Database(_Queries):
    """One connection; see the module's text."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.shards = Shards(link)

    def execute_many(self, sql: str, rows: Iterable[Any]) -> int:
        if self._link.in_transaction:
            return super().execute_many(sql, rows)
        with self.transaction() as tx:  # many statements, and none of them alone
            return tx.execute_many(sql, rows)

    # ── transactions ───────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def transaction(self, isolation: str | None = None, *, read_only: bool = False) -> Iterator[Transaction]:
        """A transaction: committed when the block ends, rolled back when it raises.

        `isolation` is READ COMMITTED, REPEATABLE READ (the default) or SERIALIZABLE.
        """
        if self._link.in_transaction:
            raise ProgrammingError(0, "a transaction is open on this connection; use tx.savepoint() for a part of it")
        if isolation is not None:
            self.execute(f"SET TRANSACTION ISOLATION LEVEL {_isolation(isolation)}")
        self.execute("START TRANSACTION READ ONLY" if read_only else "START TRANSACTION")
        try:
            yield Transaction(self._link)
        except BaseException:
            self._roll_back()
            raise
        try:
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._link.open and self._link.in_transaction:
            try:
                self.execute("ROLLBACK")
            except Error:
                # The connection is lost: the server rolls back.  What the caller must see is the first error.
                self._link.close()

    def run(self, work: Callable[[Transaction], Returned], *, attempts: int = 5, isolation: str | None = None) -> Returned:
        """Run `work(tx)` in a transaction, again from its start when it ends in a retryable error; its return value.

        `work` must do nothing outside the database that may not happen twice.
        """
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction(isolation) as tx:
                    return work(tx)
            except Error as problem:
                if not problem.retryable or attempt == attempts:
                    raise
            pause = min(RETRY_PAUSE_S * 2 ** (attempt - 1), RETRY_PAUSE_MAX_S)
            time.sleep(pause * random.uniform(0.5, 1.5))
        raise InterfaceError(0, "attempts must be at least 1")

    @property
    def in_transaction(self) -> bool:
        return self._link.in_transaction

    # ── what was ───────────────────────────────────────────────────────────────────────────────────────────────────

    def changes(
        self, from_: str | datetime | None = None, tables: Iterable[str] = (), *, follow: bool = False
    ) -> ChangeStream:
        """What has been committed, event by event, each a dict in Debezium's envelope with a `.position`.

        from_    where to begin: behind a position that an event had; at a block 'shard:height', or a time; 'start' or 'now'.
                 Without it: at the start, or with `follow` now.
        tables   those alone, as 'database.table' (or 'table', of the connection's database)
        follow   wait for more at the end, for ever; without it the iterator ends there
        """
        return ChangeStream(self._link, from_, [self._qualified(table) for table in tables], follow=follow)

    def history(self, table: str, *key: Any) -> Rows:
        """The versions of the row with that primary key, newest first: op, row_start, row_end (None: it is current), transaction,
        user, and the columns.  A row that was deleted has a version `DELETE`, which says by whom."""
        marks = ", ".join(["%s"] * (1 + len(key)))
        return _rows(self._link.run(f"CALL fauna.history({marks})", (table, *key)))

    def as_of(self, moment: str | datetime | date) -> AsOf:
        """The database as it was: `db.as_of("2026-11-01").query("SELECT …")`.

        moment   a time in the session's time zone as text or without a zone of its own, or a datetime that has one
        """
        return AsOf(self._link, moment)

    def _qualified(self, table: str) -> str:
        if "." in table:
            return table
        database = next(iter(self._link.run("SELECT DATABASE()").rows))[0]
        if database is None:
            raise ProgrammingError(1046, "No database selected", "3D000")
        return f"{database}.{table}"

    def verify(self, table: str | None = None) -> Rows:
        """Check that what is stored, of all tables or of one, is what was sealed: rows whose `state` is 'finding' say what is
        not, those with 'ok' on which shards everything is.  Others go on writing."""
        _must_be_faunadb(self._link, "verify()")
        return self.query("CALL fauna.verify(%s)", (table,))

    # ── the connection ─────────────────────────────────────────────────────────────────────────────────────────

    def ping(self) -> None:
        """Raise when the server does not answer."""
        self._link.ping()

    @property
    def open(self) -> bool:
        return self._link.open

    def close(self) -> None:
        """Close; what is not committed is rolled back.  Again is no error."""
        self._link.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _isolation(given: str) -> str:
    # Compared with the known names rather than passed on: it goes into statement text.
    name = " ".join(given.upper().replace("-", " ").replace("_", " ").split())
    if name not in ISOLATIONS:
        raise ProgrammingError(0, f"isolation is one of {', '.join(ISOLATIONS)}, not {given!r}")
    return name
