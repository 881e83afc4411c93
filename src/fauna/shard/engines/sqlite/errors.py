"""apsw's exceptions in neutral words (`fauna.shard.engine_errors`)."""

from __future__ import annotations

from typing import Final

import apsw

from fauna.errors import FaunaError, error
from fauna.shard.engine_errors import (
    Busy,
    CheckViolation,
    Corrupt,
    EngineError,
    NoSuchObject,
    NotNullViolation,
    Overflow,
    RaisedByTrigger,
    TooBig,
    TypeViolation,
    UniqueViolation,
)

_UNIQUE: Final = frozenset({
    apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID,
})
# Writing failed for want of space, or of a disk that takes it: ENOSPC is SQLITE_FULL, EFBIG and EIO are I/O errors.
_FULL: Final = frozenset({
    apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_TRUNCATE, apsw.SQLITE_IOERR_SHMSIZE,
    apsw.SQLITE_IOERR_DIR_FSYNC,
})


# What SQLite finds only when it prepares or runs a statement.
_SAID_WHEN_RUN: Final = (
    ("argument of ntile must be", "INVALID_NTILE_ARGUMENT"),
    ("misuse of window function", "WRONG_PLACEMENT_OF_WINDOW_FUNCTION"),
    ("misuse of aggregate", "INVALID_GROUP_FUNC_USE"),
)


def translate(raised: apsw.Error) -> FaunaError:
    """What to raise in place of `raised`."""
    text = str(raised).removeprefix(type(raised).__name__ + ": ")
    extended = getattr(raised, "extendedresult", 0)
    if isinstance(raised, apsw.ConstraintError):
        return _constraint(text, extended)
    if isinstance(raised, apsw.FullError) or extended in _FULL:
        return error("DISK_FULL", text)
    if isinstance(raised, apsw.InterruptError):
        return error("QUERY_INTERRUPTED")
    if isinstance(raised, apsw.TooBigError):
        return TooBig(text)
    if isinstance(raised, apsw.NoMemError):
        return error("OUT_OF_RESOURCES", text)
    if isinstance(raised, (apsw.CorruptError, apsw.NotADBError)):
        return Corrupt(text)
    if isinstance(raised, (apsw.BusyError, apsw.LockedError)):
        return Busy(text)
    if isinstance(raised, apsw.MismatchError):
        return TypeViolation(text)
    if isinstance(raised, apsw.SQLError):
        return _sql(text)
    return EngineError(text)


def _constraint(text: str, extended: int) -> EngineError:
    subject = text.partition(" constraint failed: ")[2]
    if extended in _UNIQUE:
        return _unique(text, subject, primary=extended != apsw.SQLITE_CONSTRAINT_UNIQUE)
    if extended == apsw.SQLITE_CONSTRAINT_NOTNULL:
        table, _, column = subject.rpartition(".")
        return NotNullViolation(text, table, column)
    if extended == apsw.SQLITE_CONSTRAINT_CHECK:
        return CheckViolation(text, subject)
    if extended == apsw.SQLITE_CONSTRAINT_TRIGGER:
        return RaisedByTrigger(text)
    if extended == apsw.SQLITE_CONSTRAINT_DATATYPE:
        table, _, column = text.rpartition(" ")[2].partition(".")
        return TypeViolation(text, table, column)
    return EngineError(text)


def _unique(text: str, subject: str, *, primary: bool) -> UniqueViolation:
    """`subject` is "t1.c1, t1.c2" or "index 'i1'"."""
    if subject.startswith("index '"):
        return UniqueViolation(text, "", (), subject[len("index '"):-1], primary=primary)
    parts = [part.rpartition(".") for part in subject.split(", ")]
    return UniqueViolation(text, parts[0][0], tuple(column for _, _, column in parts), primary=primary)


def _sql(text: str) -> FaunaError:
    for words, condition in _SAID_WHEN_RUN:
        if words in text:
            return error(condition)
    if "integer overflow" in text:
        return Overflow(text)
    if text.startswith(("no such", "table ", "index ")):
        return NoSuchObject(text)
    return EngineError(text)
