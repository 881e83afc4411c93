"""Where and how a query's rows are read: on one shard or on several, in the session's transaction or in none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import Stored
from fauna.execute import over_shards
from fauna.plan.plan import Distribution, ShardStatement
from fauna.session import past
from fauna.session.result import MustMove
from fauna.shard.engine_errors import NoSuchObject
from fauna.shard.shard import Branch, Isolation, MatchCheck, Params, Rows, TableAccess, Transaction

if TYPE_CHECKING:
    from fauna.session.session import Session

Args = Sequence[Stored]
_SNAPSHOT_WAIT_S = 1.0  # nothing is locked by a snapshot that only reads


class RowsMoved(NoSuchObject):
    """The plan looks for rows where they are no more: the statement is planned anew."""

    def __init__(self) -> None:
        super().__init__("rows have moved to other shards")


def read(
    session: Session,
    transaction: Transaction | None,
    statement: ShardStatement,
    distribution: Distribution | None,
    args: Args,
    reads: Sequence[TableAccess],
    *,
    inline: bool,
    noted: list[over_shards.Fetched] | None = None,
) -> Rows:
    """The rows of a query.  transaction: None reads the latest committed state.  noted: gets what was fetched from several
    shards, for EXPLAIN ANALYZE."""
    if transaction is not None and distribution is not None and distribution.apart is not None:
        if inline:
            raise MustMove
        return _on_several(session, transaction, distribution.apart, args, reads, noted)
    shard = over_shards.home(distribution, args, session.supply)
    if shard is not None:
        params = statement.params.build(args, session.supply)
        node = session.node
        if node.gate is not None and (transaction is None or transaction.reads_latest):
            node.gate.pass_through(inline=inline)
        if transaction is not None:
            rows = transaction.reader(shard).query(statement.sql, params, reads, inline=inline)
        else:
            rows = node.shards[shard].autocommit_query(statement.sql, params, inline=inline, watch=session.watch)
        if node.gate is not None and _slots_read(session, transaction) is not session.slots:
            rows.close()
            raise RowsMoved
        return _kept(session, session.past_states, rows)
    if inline:
        raise MustMove
    assert distribution is not None
    return _on_several(session, transaction, distribution, args, reads, noted)


def read_past(
    session: Session, statement: ShardStatement, distribution: Distribution | None, args: Args, *, inline: bool
) -> Rows:
    """The rows of a query that reads past states alone: all shards have what was at one moment, whatever they are doing now."""
    node = session.node
    shard = over_shards.home(distribution, args, session.supply)
    if shard is not None:
        params = statement.params.build(args, session.supply)
        rows = node.shards[shard].autocommit_query(statement.sql, params, inline=inline, watch=session.watch)
        return _kept(session, session.past_states, rows)
    if inline:
        raise MustMove
    assert distribution is not None
    return _rows(
        session,
        distribution,
        args,
        _reads_past(session),
    )


def _reads_past(session: Session) -> over_shards.Read:
    """Outside of any transaction, whose connections may see an older state of the history than there is."""
    shards, watch = session.node.shards, session.watch
    return lambda n, sql, params: shards[n].autocommit_query(sql, params, inline=False, watch=watch)


def _kept(session: Session, states: Sequence[tuple[int, int]], rows: Rows) -> Rows:
    """The rows, which are open.  Retention notes what it is going to remove before it does: who has been let in a moment before,
    and may not find all, is told here."""
    if states:
        try:
            past.must_be_kept(session, states)
        except BaseException:
            rows.close()
            raise
    return rows


def _keeping(session: Session, states: Sequence[tuple[int, int]], read: over_shards.Read) -> over_shards.Read:
    return lambda shard, sql, params: _kept(session, states, read(shard, sql, params))


def _slots_read(session: Session, transaction: Transaction | None) -> SlotMap:
    """Where the rows were, or still are, in what has just been read."""
    slots = transaction.slots if transaction is not None else None
    return slots if slots is not None else session.node.catalog.slots


def _on_several(
    session: Session, transaction: Transaction | None, distribution: Distribution, args: Args, reads: Sequence[TableAccess],
    noted: list[over_shards.Fetched] | None,
) -> Rows:  # fmt: skip
    one_by_one = False
    if transaction is not None and not transaction.reads_latest:
        transaction.open_snapshot()  # before several threads ask for it
        branches = transaction.reader
        # It may have to wait for locks, or to move its snapshots: that concerns all branches.
        one_by_one = transaction.has_written or transaction.holds_lock
    elif transaction is not None and transaction.has_written:
        transaction.lock()  # the state stands still on all shards, and has this transaction's own writes
        branches = transaction.writer
    else:
        node = session.node
        snapshot = node.begin(
            Isolation.REPEATABLE_READ, read_only=True, lock_wait_timeout_s=_SNAPSHOT_WAIT_S, watch=session.watch
        )
        snapshot.open_snapshot()
        if _slots_read(session, snapshot) is not session.slots:
            snapshot.rollback()
            raise RowsMoved
        read = partial(_query, snapshot.reader, ())
        return _rows(session, distribution, args, read, snapshot.rollback, noted)
    if _slots_read(session, transaction) is not session.slots:
        raise RowsMoved
    return _rows(session, distribution, args, partial(_query, branches, reads), noted=noted, locking=one_by_one)


def _query(
    branches: Callable[[int], Branch], reads: Sequence[TableAccess], shard: int, sql: str, params: Params
) -> Rows:
    return branches(shard).query(sql, params, reads, inline=False)


def lock_and_read(
    session: Session,
    transaction: Transaction,
    statement: ShardStatement,
    distribution: Distribution | None,
    args: Args,
    reads: Sequence[TableAccess],
    *,
    match: MatchCheck | None = None,
    inline: bool,
) -> Rows:
    """FOR UPDATE, and the rows that a statement is going to write: locked, at the latest state."""
    apart = distribution.apart if distribution is not None else None
    shard = over_shards.home(distribution, args, session.supply) if apart is None else None
    if shard is not None:
        params = statement.params.build(args, session.supply)
        if session.node.gate is not None:
            transaction.writer(shard).lock()
            session.must_be_current()
        rows = transaction.writer(shard).lock_query(statement.sql, params, reads, match=match, inline=inline)
        return _kept(session, session.past_states, rows)
    if inline:
        raise MustMove
    assert distribution is not None
    transaction.lock()
    session.must_be_current()
    return _rows(
        session,
        apart or distribution,
        args,
        lambda n, sql, params: transaction.writer(n).lock_query(sql, params, reads, match=match, inline=False),
        locking=True,
    )


def _rows(
    session: Session, distribution: Distribution, args: Args, read: over_shards.Read, done: Callable[[], None] = lambda: None,
    noted: list[over_shards.Fetched] | None = None, *, locking: bool = False,
) -> Rows:  # fmt: skip
    node = session.node
    read_past = _reads_past(session)
    states = session.past_states
    if states:  # each shard's rows are opened when it is their turn
        read, read_past = _keeping(session, states, read), _keeping(session, states, read_past)
    run = over_shards.Run(
        session.slots.shards, read, args, session.supply, session.context, session.watch, locking, noted, read_past
    )
    return over_shards.rows_of(node.means, distribution, run, done)
