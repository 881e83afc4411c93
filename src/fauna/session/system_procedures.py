"""CALL fauna.…: what a FaunaDB can be told that MySQL has no statement for.

    fauna.shards_add(n)                   n further shards, as many slots on each as on the others
    fauna.shards_move('0-99, 200', to)    these slots to that shard
    fauna.shards_split(shard)             a further shard with half of the slots of that one
    fauna.shards_status()                 how far it is
    fauna.shards_stop()                   go no further; what has moved stays where it is

The first three begin it and answer at once, with what shards_status() says then.

    fauna.backup('/directory' [, full [, 'passphrase file' [, 'key file']]])
                                          add to the backup there; full: with copies of the files anew
    fauna.backup_status()                 how far it is
    fauna.backup_stop()                   go no further; the backup is what it was

Directory and files are the server's.  These are for root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fauna.backup.problems import BackupError
from fauna.backup.runner import Progress as BackupProgress
from fauna.backup.runner import secret_of
from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, Stored, varchar
from fauna.errors import error
from fauna.resharding import goal
from fauna.resharding.goal import Goal
from fauna.resharding.mover import Mover, Progress
from fauna.session.result import Result, ResultColumn

if TYPE_CHECKING:
    from fauna.session.session import Session

SCHEMA: Final = "fauna"
ROOT: Final = "root"
_TYPES: Final[dict[str, SqlType]] = {"str": varchar(255), "int": BIGINT_TYPE, "float": SqlType(Kind.DOUBLE, 22, 31)}


def _columns(of: type[Progress] | type[BackupProgress]) -> tuple[ResultColumn, ...]:
    return tuple([ResultColumn(each.name, _TYPES[str(each.type)], False) for each in fields(of)])


STATUS_COLUMNS: Final = _columns(Progress)
_BACKUP_COLUMNS: Final = _columns(BackupProgress)


@dataclass(frozen=True, slots=True)
class _Procedure:
    """types: of its arguments, the first `required` of which must be given.  for_root: nobody else may call it."""

    run: Callable[..., Result]
    types: tuple[type, ...] = ()
    required: int = 0
    for_root: bool = False


def call(session: Session, name: str, args: Sequence[Stored]) -> Result:
    """Carry out a procedure of `fauna`; error 1305 for one that there is not, 1318 for the wrong number of arguments."""
    found = _PROCEDURES.get(name.lower())
    if found is None:
        raise error("SP_DOES_NOT_EXIST", "PROCEDURE", f"{SCHEMA}.{name}")
    if not found.required <= len(args) <= len(found.types):
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", f"{SCHEMA}.{name}", len(found.types), len(args))
    values = [_argument(name, value, wanted) for value, wanted in zip(args, found.types, strict=False)]
    if found.for_root and session.user != ROOT:
        raise error("SPECIFIC_ACCESS_DENIED", "SUPER")
    return found.run(session, *values)


def _argument(name: str, value: Stored, wanted: type) -> Any:
    if wanted is int and isinstance(value, str) and value.strip().isdigit():
        return int(value)
    if wanted is str and isinstance(value, int):
        return str(value)
    if not isinstance(value, wanted):
        raise error("UNKNOWN_ERROR", f"{SCHEMA}.{name} wants {'a number' if wanted is int else 'a text'}, not {value!r}")
    return value


def _status(session: Session) -> Result:
    return _row(session, STATUS_COLUMNS, session.node.progress())


def _row(session: Session, columns: tuple[ResultColumn, ...], found: Progress | BackupProgress) -> Result:
    row = tuple([getattr(found, column.name) for column in columns])
    return Result(columns, iter([row]), status=session.status, ready=True)


def _writes(run: Callable[..., None]) -> Callable[..., Result]:
    """What moves rows: not on a node that is for reading."""

    def checked(session: Session, *args: Any) -> Result:
        if session.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        run(session.node.mover(), *args)
        return _status(session)

    return checked


def _starts(make: Callable[..., Goal]) -> Callable[..., Result]:
    def run(mover: Mover, *args: Any) -> None:
        def goal_of(now: SlotMap) -> Goal:
            return make(now, *args)

        mover.start(goal_of)

    return _writes(run)


def _backup(session: Session, target: str, full: int = 0, passphrase_file: str = "", key_file: str = "") -> Result:
    settings = session.node.settings
    try:
        secret = secret_of(passphrase_file, key_file, settings.backup_passphrase, settings.backup_key_file)
        session.node.backups.start(Path(target), secret, full=bool(full))
    except BackupError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return _backup_status(session)


def _backup_status(session: Session) -> Result:
    return _row(session, _BACKUP_COLUMNS, session.node.backups.progress())


def _backup_stop(session: Session) -> Result:
    session.node.backups.stop()
    return _backup_status(session)


_PROCEDURES: Final[dict[str, _Procedure]] = {
    "shards_add": _Procedure(_starts(goal.add), (int,), 1),
    "shards_move": _Procedure(_starts(goal.move), (str, int), 2),
    "shards_split": _Procedure(_starts(goal.split), (int,), 1),
    "shards_status": _Procedure(_status),
    "shards_stop": _Procedure(_writes(Mover.stop)),
    "backup": _Procedure(_backup, (str, int, str, str), 1, for_root=True),
    "backup_status": _Procedure(_backup_status, for_root=True),
    "backup_stop": _Procedure(_backup_stop, for_root=True),
}
