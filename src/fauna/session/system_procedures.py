"""CALL fauna.…: what a FaunaDB can be told that MySQL has no statement for.

    fauna.shards_add(n)                   n further shards, as many slots on each as on the others
    fauna.shards_move('0-99, 200', to)    these slots to that shard
    fauna.shards_split(shard)             a further shard with half of the slots of that one
    fauna.shards_status()                 how far it is
    fauna.shards_stop()                   go no further; what has moved stays where it is
    fauna.verify(['table'])               is everything that is stored, or one table, what was sealed?

The first three begin it and answer at once, with what shards_status() says then.  verify() answers when it is done: a row for
each finding, one for each note, and one for each shard on which all is as it was sealed; others write meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, Stored, varchar
from fauna.errors import error
from fauna.resharding import goal
from fauna.resharding.goal import Goal
from fauna.resharding.mover import Mover, Progress
from fauna.session.result import Result, ResultColumn, Row
from fauna.verification.findings import CannotVerify

if TYPE_CHECKING:
    from fauna.session.session import Session

SCHEMA: Final = "fauna"
_TYPES: Final[dict[str, SqlType]] = {"str": varchar(255), "int": BIGINT_TYPE, "float": SqlType(Kind.DOUBLE, 22, 31)}
STATUS_COLUMNS: Final = tuple([ResultColumn(each.name, _TYPES[str(each.type)], False) for each in fields(Progress)])

VERIFY_COLUMNS: Final = tuple(
    [
        ResultColumn(name, sql_type, False)
        for name, sql_type in (
            ("state", varchar(16)), ("shard", BIGINT_TYPE), ("block", BIGINT_TYPE), ("transaction", varchar(255)),
            ("table", varchar(255)), ("key", varchar(255)), ("what", varchar(1024)),
        )
    ]
)  # fmt: skip


def call(session: Session, name: str, args: Sequence[Stored]) -> Result:
    """Carry out a procedure of `fauna`; error 1305 for one that there is not, 1318 for the wrong number of arguments."""
    if name.lower() == "verify":
        return _verify(session, args)
    found = _PROCEDURES.get(name.lower())
    if found is None:
        raise error("SP_DOES_NOT_EXIST", "PROCEDURE", f"{SCHEMA}.{name}")
    types, run = found
    if len(args) != len(types):
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", f"{SCHEMA}.{name}", len(types), len(args))
    values = [_argument(name, value, wanted) for value, wanted in zip(args, types, strict=True)]
    if run is not None:
        if session.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        run(session.node.mover(), *values)
    return _status(session, session.node.progress())


def _verify(session: Session, args: Sequence[Stored]) -> Result:
    if len(args) > 1:
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", f"{SCHEMA}.verify", 1, len(args))
    table = ""
    if args and args[0] is not None:
        table = str(_argument("verify", args[0], str))
        if "." not in table:
            if session.database is None:
                raise error("NO_DB")
            table = f"{session.database}.{table}"
    try:
        report = session.node.verify(table)
    except CannotVerify as problem:
        raise error("UNKNOWN_ERROR", f"could not verify: {problem}") from None
    rows: list[Row] = [
        ("finding", each.shard, each.block, each.transaction, each.table, each.key, each.what) for each in report.findings
    ]
    if report.more:
        rows.append(("finding", -1, 0, "", "", "", "there are more findings than are told here"))
    rows += [("note", -1, 0, "", "", "", note) for note in report.notes]
    blamed = {each.shard for each in report.findings}
    for shard in report.shards:
        if shard.shard not in blamed:
            what = f"{shard.changes} changes, {shard.rows} rows and {shard.versions} row versions are as they were sealed"
            rows.append(("ok", shard.shard, shard.height, "", table, "", what))
    return Result(VERIFY_COLUMNS, iter(rows), status=session.status, ready=True)


def _argument(name: str, value: Stored, wanted: type) -> Any:
    if wanted is int and isinstance(value, str) and value.strip().isdigit():
        return int(value)
    if wanted is str and isinstance(value, int):
        return str(value)
    if not isinstance(value, wanted):
        raise error("UNKNOWN_ERROR", f"{SCHEMA}.{name} wants {'a number' if wanted is int else 'a text'}, not {value!r}")
    return value


def _status(session: Session, progress: Progress) -> Result:
    row = tuple([getattr(progress, each.name) for each in fields(Progress)])
    return Result(STATUS_COLUMNS, iter([row]), status=session.status, ready=True)


def _starts(make: Callable[..., Goal]) -> Callable[..., None]:
    def run(mover: Mover, *args: Any) -> None:
        def goal_of(now: SlotMap) -> Goal:
            return make(now, *args)

        mover.start(goal_of)

    return run


_PROCEDURES: Final[dict[str, tuple[tuple[type, ...], Callable[..., None] | None]]] = {
    "shards_add": ((int,), _starts(goal.add)),
    "shards_move": ((str, int), _starts(goal.move)),
    "shards_split": ((int,), _starts(goal.split)),
    "shards_status": ((), None),
    "shards_stop": ((), Mover.stop),
}
