"""PEP 249's exceptions, for the SDK and the DB-API module alike, on a server and embedded.

    FaunaError
    └── Error
        ├── InterfaceError          a wrong call: nothing was sent
        └── DatabaseError
            ├── DataError           a value does not fit
            ├── OperationalError    the server or the connection
            ├── IntegrityError      a key, foreign key or NOT NULL
            ├── InternalError
            ├── ProgrammingError    the statement or its parameters are wrong
            └── NotSupportedError   error 1235 and its like
    Warning

Which class a MySQL error number belongs to is PyMySQL's choice, because ORMs test for it.
"""

from __future__ import annotations

import builtins
from typing import Final

from fauna.errors import CONDITIONS, FaunaError, SqlError

RETRYABLE: Final = frozenset({1020, 1205, 1213})


class Warning(builtins.Warning):  # noqa: A001 (PEP 249's name)
    """PEP 249's Warning; statements report theirs through SHOW WARNINGS, this one is never raised."""


class Error(FaunaError):
    """A statement or a call failed.

    errno      MySQL's number, 0 when the client found the mistake
    sqlstate   five characters
    message    what was wrong
    retryable  the same transaction, run again from its start, may succeed (1205, 1213)

    `args` is (errno, message), as with PyMySQL.
    """

    def __init__(self, errno: int = 0, message: str = "", sqlstate: str = "HY000") -> None:
        super().__init__(errno, message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message

    @property
    def retryable(self) -> bool:
        return self.errno in RETRYABLE

    def __str__(self) -> str:
        if not self.errno:
            return self.message
        retry = "; the transaction may be run again" if self.retryable else ""
        return f"{self.errno} ({self.sqlstate}): {self.message}{retry}"


class InterfaceError(Error):
    """The call itself is wrong."""


class DatabaseError(Error):
    """The database says no."""


class DataError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


_CLASSES: Final[dict[int, type[DatabaseError]]] = {
    **dict.fromkeys(
        (1007, 1064, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1166, 1179), ProgrammingError
    ),
    **dict.fromkeys((1171, 1230, 1263, 1264, 1265, 1366, 1367, 1406, 1441), DataError),
    **dict.fromkeys((1048, 1062, 1215, 1216, 1217, 1451, 1452), IntegrityError),
    **dict.fromkeys((1196, 1235, 1286, 1289), NotSupportedError),
}  # fmt: skip
_SQLSTATES: Final = {errno: sqlstate for errno, sqlstate, _ in CONDITIONS.values()}


def error_of(errno: int, message: str, sqlstate: str | None = None) -> DatabaseError:
    """The exception for an error number, as a server or a session reported it."""
    kind = _CLASSES.get(errno) or (InternalError if errno < 1000 else OperationalError)
    return kind(errno, message, sqlstate or _SQLSTATES.get(errno, "HY000"))


def from_sql_error(problem: SqlError) -> DatabaseError:
    """The exception for an error that a session in this process raised."""
    return error_of(problem.errno, problem.message, problem.sqlstate)


def not_supported(what: str) -> NotSupportedError:
    """Error 1235, for what this release does not have."""
    return NotSupportedError(1235, f"This version of FaunaDB doesn't yet support '{what}'", "42000")
