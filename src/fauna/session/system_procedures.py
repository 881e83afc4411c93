"""CALL fauna.…: what a FaunaDB can be told that MySQL has no statement for.

    fauna.shards_add(n)                   n further shards, as many slots on each as on the others
    fauna.shards_move('0-99, 200', to)    these slots to that shard
    fauna.shards_split(shard)             a further shard with half of the slots of that one
    fauna.shards_status()                 how far it is
    fauna.shards_stop()                   go no further; what has moved stays where it is
    fauna.verify(['table'])               is everything that is stored, or one table, what was sealed?

    fauna.checkpoint()                    sign the heads of all chains: a JSON document for somebody outside to keep
    fauna.checkpoint_key()                the public key of the signatures
    fauna.proof(block[, shard[, change[, checkpoint]]])   that the block, and the change, are in the checkpoint's history
    fauna.consistency(checkpoint)         that nothing has been rewritten since that checkpoint

    fauna.chain_heads([after_us, wait_ms])                the latest block of each shard
    fauna.blocks(shard, first_height, max_bytes, wait_ms) blocks, as a follower copies them
    fauna.shard_file(shard)                               a copy of a shard's file, with which a follower begins
    fauna.backup('/directory'[, full[, 'passphrase file'[, 'key file']]])   add to the backup there; full: 1: copy the files anew
    fauna.backup_status()                 how far it is
    fauna.backup_stop()                   go no further; the backup is what it was
    fauna.archive_status()                what the server has backed up by itself

    fauna.prune()                         take out now what tables do not keep any more: SYSTEM_VERSIONING_RETENTION

The first three begin it and answer at once, with what shards_status() says then.  An argument in brackets may be NULL.
So does the backup, whose directory and files are on the server's disk; it is for root.

    fauna.changes(…)                      what has been committed       (see change_streams)
    fauna.history(…)                      the versions of a row
verify() and prune() can be stopped by KILL QUERY and max_statement_time; what prune() has taken out by then stays so.
verify() answers when it is done: a row for each finding, one for each note, and one for each shard on which all is as it was
sealed; others write meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, Stored, varchar
from fauna.clock import shown
from fauna.errors import error, unsupported
from fauna.resharding import goal
from fauna.resharding.goal import Goal
from fauna.resharding.mover import Mover, Progress
from fauna.session import backup_procedures, block_procedures, chain_procedures, change_streams
from fauna.session.result import Result, ResultColumn, Row
from fauna.verification.findings import CannotVerify, Stopped

if TYPE_CHECKING:
    from fauna.session.session import Session

SCHEMA: Final = "fauna"
_TYPES: Final[dict[str, SqlType]] = {"str": varchar(255), "int": BIGINT_TYPE, "float": SqlType(Kind.DOUBLE, 22, 31)}
_PRUNED_COLUMNS: Final = (
    ResultColumn("shard", BIGINT_TYPE, False),
    ResultColumn("table_schema", varchar(64), False),
    ResultColumn("table_name", varchar(64), False),
    ResultColumn("changes", BIGINT_TYPE, False),
    ResultColumn("kept_from", varchar(26), False),
)
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


def call(session: Session, name: str, args: Sequence[tuple[SqlType, Stored]]) -> Result:
    """Carry out a procedure of `fauna`; error 1305 for one that there is not, 1318 for the wrong number of arguments."""
    reads = _READING.get(name.lower())
    if reads is not None:
        return reads(session, args)
    found = _PROCEDURES.get(name.lower())
    if found is None:
        raise error("SP_DOES_NOT_EXIST", "PROCEDURE", f"{SCHEMA}.{name}")
    most, least = len(found.types), len(found.types) - found.optional
    if not least <= len(args) <= most:
        expected = str(most) if least == most else f"{least} to {most}"
        raise error("SP_WRONG_NO_OF_ARGS", "PROCEDURE", f"{SCHEMA}.{name}", expected, len(args))
    values: list[Any] = [None] * most
    for place, (_, value) in enumerate(args):
        if value is not None or place < least:
            values[place] = _argument(name, value, found.types[place])
    return found.run(session, *values)


def _verify(session: Session, table: str | None) -> Result:
    table = table or ""
    if table and "." not in table:
        if session.database is None:
            raise error("NO_DB")
        table = f"{session.database}.{table}"
    try:
        report = session.node.verify(table, stop=lambda: session.watch.stop_reason() is not None)
    except Stopped:
        raise session.watch.stop_reason() or error("QUERY_INTERRUPTED") from None
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


@dataclass(frozen=True, slots=True)
class _Procedure:
    """types: of the arguments, of which the last `optional` may be left out; run(session, …), with None for those."""

    types: tuple[type, ...]
    run: Callable[..., Result]
    optional: int = 0


def _reshards(do: Callable[..., None]) -> Callable[..., Result]:
    def run(session: Session, *args: Any) -> Result:
        if session.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        do(session.node.mover(), *args)
        return _status(session, session.node.progress())

    return run


def _starts(make: Callable[..., Goal]) -> Callable[..., Result]:
    def run(mover: Mover, *args: Any) -> None:
        def goal_of(now: SlotMap) -> Goal:
            return make(now, *args)

        mover.start(goal_of)

    return _reshards(run)


def _prune(session: Session) -> Result:
    node = session.node
    if node.retention is None:
        raise unsupported("fauna.prune() of a database without a chain")
    if node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    session.transactions.must_be_ordinary()
    found = node.retention.prune(stop=lambda: session.watch.stop_reason() is not None, watch=session.watch)
    reason = session.watch.stop_reason()
    if reason is not None:
        raise reason  # what has been taken out stays so: each batch is a transaction of its own
    rows = [(each.shard, each.schema, each.name, each.changes, shown(each.kept_from_us)) for each in found]
    return Result(_PRUNED_COLUMNS, iter(rows), status=session.status, ready=True)


_PROCEDURES: Final = {
    "backup": _Procedure((str, int, str, str), backup_procedures.start, optional=3),
    "backup_status": _Procedure((), backup_procedures.status),
    "archive_status": _Procedure((), backup_procedures.archive_status),
    "backup_stop": _Procedure((), backup_procedures.stop),
    "blocks": _Procedure((int, int, int, int), block_procedures.blocks),
    "chain_heads": _Procedure((int, int), block_procedures.chain_heads, optional=2),
    "checkpoint": _Procedure((), chain_procedures.make_checkpoint),
    "checkpoint_key": _Procedure((), chain_procedures.show_key),
    "consistency": _Procedure((str,), chain_procedures.prove_consistency),
    "prune": _Procedure((), _prune),
    "proof": _Procedure((int, int, int, str), chain_procedures.prove, optional=3),
    "shard_file": _Procedure((int,), block_procedures.shard_file),
    "shards_add": _Procedure((int,), _starts(goal.add)),
    "shards_move": _Procedure((str, int), _starts(goal.move)),
    "shards_split": _Procedure((int,), _starts(goal.split)),
    "shards_status": _Procedure((), lambda session: _status(session, session.node.progress())),
    "shards_stop": _Procedure((), _reshards(Mover.stop)),
    "verify": _Procedure((str,), _verify, optional=1),
}
_READING: Final[dict[str, Callable[[Session, Sequence[tuple[SqlType, Stored]]], Result]]] = {
    "changes": change_streams.changes,
    "history": change_streams.history,
}
