"""CALL fauna.backup, backup_status, backup_stop and archive_status: for root, who says where on the server's disk."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fauna.backup.problems import BackupError
from fauna.backup.runner import Progress, secret_of
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, varchar
from fauna.errors import error
from fauna.session.result import Result, ResultColumn

if TYPE_CHECKING:
    from fauna.session.session import Session

ROOT: Final = "root"
_TYPES: Final[dict[str, SqlType]] = {"str": varchar(1024), "int": BIGINT_TYPE, "float": SqlType(Kind.DOUBLE, 22, 31)}
STATUS_COLUMNS: Final = tuple([ResultColumn(each.name, _TYPES[str(each.type)], False) for each in fields(Progress)])


def start(session: Session, target: str, full: int | None, passphrase_file: str | None, key_file: str | None) -> Result:
    """Begin to add to the backup in directory `target`; full: not 0: with copies of the files anew.  Error 1227 for others than
    root, 1105 when it cannot begin."""
    _must_be_root(session)
    settings = session.node.settings
    try:
        secret = secret_of(passphrase_file or "", key_file or "", settings.backup_passphrase, settings.backup_key_file)
        session.node.backups.start(Path(target), secret, full=bool(full))
    except BackupError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return status(session)


def status(session: Session) -> Result:
    """How far what was asked for last is."""
    _must_be_root(session)
    return _row(session, session.node.backups.progress())


def archive_status(session: Session) -> Result:
    """How far what the server takes by itself is."""
    _must_be_root(session)
    return _row(session, session.node.backups.archive_progress())


def _row(session: Session, progress: Progress) -> Result:
    row = tuple([getattr(progress, column.name) for column in STATUS_COLUMNS])
    return Result(STATUS_COLUMNS, iter([row]), status=session.status, ready=True)


def stop(session: Session) -> Result:
    _must_be_root(session)
    session.node.backups.stop()
    return status(session)


def _must_be_root(session: Session) -> None:
    if session.user != ROOT:
        raise error("SPECIFIC_ACCESS_DENIED", "SUPER")
