"""XA: transactions that another program's transaction manager ends.  Which statement does what is `xa_states`; what is prepared
is `txn.xids`' and the committer's.

From XA START to its end a session has `XaTransactions` in the place of its ordinary ones, so that those do not know of XA.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.types import Kind, SqlType, varchar
from fauna.errors import SqlError, error, unsupported
from fauna.session import xa_states
from fauna.session.result import MustWait, Result, ResultColumn, Row, Ticket
from fauna.session.transactions import Transactions
from fauna.session.xa_states import Ending, Own, XaState
from fauna.shard.shard import Transaction
from fauna.sql import ast
from fauna.txn.xid import Xid
from fauna.txn.xids import InUse, Xids

if TYPE_CHECKING:
    from fauna.session.session import Session

_PLAIN: Final = re.compile(rb"[A-Za-z0-9 _-]*")  # what MariaDB shows as it is

_NUMBER: Final = SqlType(Kind.BIGINT, 11)


class XaTransactions(Transactions):
    """One XA transaction, and what it refuses.  own: its state; branch: until it is prepared."""

    __slots__ = ("_name", "_ordinary", "_preparing", "_xids", "own")

    def __init__(self, ordinary: Transactions, xids: Xids, own: Own) -> None:
        super().__init__(ordinary._begin, ordinary._variables, ordinary._watch, ordinary._ended)
        self._ordinary = ordinary
        self._xids = xids
        self._name: InUse = xids.use(own.xid)
        self._preparing: Ticket | None = None
        self.own = own
        self._two_phase = True
        self._next_isolation, ordinary._next_isolation = ordinary._next_isolation, None
        self.read_only = ordinary._read_only()
        self.explicit = True

    # ── what the state allows ──

    def _must_be_active(self) -> None:
        if self.own.state is not XaState.ACTIVE:
            raise xa_states.refusal(self.own)

    def must_be_ordinary(self) -> None:
        raise xa_states.refusal(self.own)

    def must_open_tables(self) -> None:
        self._must_be_active()

    def must_repeat(self) -> None:
        self._must_be_active()
        raise unsupported("CREATE and DROP TEMPORARY TABLE in an XA transaction")

    def begin(self, *, read_only: bool | None = None, consistent_snapshot: bool = False) -> None:
        self.must_be_ordinary()

    def commit(self) -> Ticket | None:
        raise xa_states.refusal(self.own)

    def rollback(self) -> None:
        self.must_be_ordinary()

    def for_reading(self, *, tables: bool = True) -> Transaction | None:
        if self.own.state is XaState.ACTIVE:
            return super().for_reading()
        if tables:
            raise xa_states.refusal(self.own)
        return None

    def for_locking(self) -> Transaction:
        self._must_be_active()
        return super().for_locking()

    def for_writing(self) -> Transaction:
        self._must_be_active()
        return super().for_writing()

    def savepoint(self, name: str) -> None:
        if self.own.state is XaState.ROLLBACK_ONLY:
            return  # there is nothing to go back to; MariaDB says so then
        self._must_be_active()
        super().savepoint(name)

    def rollback_to(self, name: str) -> None:
        self._position(name)
        self._must_be_active()
        super().rollback_to(name)

    def release(self, name: str) -> None:
        if self.own.state is XaState.PREPARED:
            raise error("SAVEPOINT_DOES_NOT_EXIST", name)
        super().release(name)

    def set_next(self, isolation: str | None, read_only: bool | None) -> None:
        if self.explicit:
            raise error("CANT_CHANGE_TX_CHARACTERISTICS")
        self._ordinary.set_next(isolation, read_only)

    # ── when the engine has ended it ──

    def statement_failed(self, problem: BaseException | None = None) -> None:
        if self.branch is not None and not self.branch.is_open:
            self._lost(problem.errno if isinstance(problem, SqlError) else 0)

    def _forget(self) -> None:
        """Found closed by the next statement."""
        self._lost(0)
        raise xa_states.refusal(self.own)

    def _lost(self, errno: int) -> None:
        self.own = xa_states.failed(self.own, errno)
        self.branch = None
        self.explicit = False
        self.savepoints = []
        self._ended(committed=False)

    # ── its end ──

    def prepare(self) -> None:
        """Durable on return; MustWait until then.  1402 when it was rolled back instead."""
        if self._preparing is None:
            transaction = self.branch
            if transaction is None or not transaction.has_written:
                self._name.is_prepared = True  # what has only read has nothing to keep, but is the client's to end
                return
            self._preparing = self._xids.prepare(self._name, transaction.hold())
            self.branch = None
        if not self._preparing.done():
            raise MustWait(self._preparing)
        self._preparing.check()
        self._name.is_prepared = True
        self.savepoints = []
        self._ended(committed=True)

    def has_written_to(self, tables: Sequence[str]) -> bool:
        """Asked of tables of the first shard, before it is prepared."""
        return self.branch is not None and self.branch.reader(SINGLE_SHARD).has_written_to(tables)

    def give_up(self) -> None:
        """Roll back what is not prepared, and free the name."""
        if self.branch is not None:
            self.branch.rollback()
            self.branch = None
            self._ended(committed=False)
        self._xids.forget(self._name)

    def commit_one_phase(self) -> Ticket | None:
        """As an ordinary COMMIT; also of what is prepared and has only read."""
        ticket = self.branch.commit() if self.branch is not None and self.branch.is_open else None
        self.branch = None
        self._ended(committed=True)
        self._xids.forget(self._name)
        return ticket

    def end_prepared(self, *, commit: bool) -> Ticket | None:
        if self._name.held is not None:
            return self._xids.end(self._name, commit=commit)
        if commit:
            return self.commit_one_phase()
        self.give_up()
        return None

    def leave(self) -> Transactions:
        """What is prepared stays; what has only read is listed still, and was rolled back."""
        if self.own.state is XaState.PREPARED or self._preparing is not None:
            if self.branch is not None:
                self.branch.rollback()
                self.branch = None
            self._xids.leave(self._name)
        else:
            self.give_up()
        return self._ordinary

    @property
    def ordinary(self) -> Transactions:
        """The session's when this is over."""
        return self._ordinary


# ── the statements ───────────────────────────────────────────────────────────────────────────────────────────────


def _own(session: Session) -> Own | None:
    transactions = session.transactions
    return transactions.own if isinstance(transactions, XaTransactions) else None


def _of(session: Session) -> XaTransactions:
    assert isinstance(session.transactions, XaTransactions)
    return session.transactions


def start(session: Session, statement: ast.XaStart) -> Result:
    own = xa_states.start(_own(session), statement.xid, statement.option, outside=session.transactions.explicit)
    if isinstance(session.transactions, XaTransactions):
        session.transactions.own = own
    else:
        session.transactions = XaTransactions(session.transactions, session.node.xids, own)
    return session.done()


def end(session: Session, statement: ast.XaEnd) -> Result:
    own = xa_states.end(_own(session), statement.xid, suspend=statement.suspend)
    _of(session).own = own
    return session.done()


def prepare(session: Session, statement: ast.XaPrepare) -> Result:
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")  # what it has read would stay locked
    own = xa_states.prepare(_own(session), statement.xid)
    transactions = _of(session)
    if session.temporaries and transactions.has_written_to([table.physical for table in session.temporaries.values()]):
        raise unsupported("XA PREPARE after a temporary table was written")
    try:
        transactions.prepare()
    except SqlError as problem:
        # It was rolled back on every shard, as MariaDB does it.
        session.context.warn_error(problem, "Error")
        transactions.give_up()
        session.transactions = transactions.ordinary
        raise error("XA_RBROLLBACK") from None
    transactions.own = own
    return session.done()


def commit(session: Session, statement: ast.XaCommit) -> Result:
    own = _own(session)
    ending = xa_states.commit(own, statement.xid, one_phase=statement.one_phase, outside=_outside(session))
    return _ended(session, ending, statement.xid, own, commit=True)


def rollback(session: Session, statement: ast.XaRollback) -> Result:
    own = _own(session)
    return _ended(session, xa_states.rollback(own, statement.xid, outside=_outside(session)), statement.xid, own, commit=False)


def _outside(session: Session) -> bool:
    return session.transactions.explicit or not session.transactions.autocommit


def _ended(session: Session, ending: Ending, xid: Xid, own: Own | None, *, commit: bool) -> Result:
    if ending is Ending.BY_NAME:
        durable: Ticket | None = _end_by_name(session.node.xids, xid, commit=commit)
    else:
        transactions = _of(session)
        durable = _end_own(transactions, ending, commit=commit)
        session.transactions = transactions.ordinary
        if ending is Ending.FAILED:
            assert own is not None
            raise error(own.reason)
    result = session.done()
    result.durable = durable
    return result


def _end_own(transactions: XaTransactions, ending: Ending, *, commit: bool) -> Ticket | None:
    """MustWait leaves it as it was."""
    if ending is Ending.ONE_PHASE:
        return transactions.commit_one_phase()
    if ending is Ending.PREPARED:
        return transactions.end_prepared(commit=commit)
    transactions.give_up()
    return None


def _end_by_name(xids: Xids, xid: Xid, *, commit: bool) -> Ticket:
    name = xids.take(xid)
    if name.held is None:
        xids.forget(name)
        raise error("XA_RBROLLBACK")
    return xids.end(name, commit=commit)


# ── XA RECOVER ──


def recover(session: Session, statement: ast.XaRecover) -> Result:
    form = statement.format.upper()
    if form not in ("RAW", "SQL", "HEX"):
        raise error("UNKNOWN_EXPLAIN_FORMAT", "XA RECOVER", statement.format)
    data = ResultColumn("data", SqlType(Kind.VARBINARY, 128, scale=39) if form == "RAW" else varchar(285), False)
    columns = (*[ResultColumn(name, _NUMBER, False) for name in ("formatID", "gtrid_length", "bqual_length")], data)
    rows: list[Row] = [
        (xid.format_id, len(xid.gtrid), len(xid.bqual), _shown(xid, form)) for xid in session.node.xids.prepared()
    ]
    return Result(columns, iter(rows), status=session.status, ready=True)


def _shown(xid: Xid, form: str) -> bytes | str:
    data = xid.gtrid + xid.bqual
    if form == "RAW":
        return data
    if form == "HEX":
        return f"0x{data.hex().upper()}"
    if _PLAIN.fullmatch(data):
        parts = [f"'{part.decode()}'" for part in (xid.gtrid, xid.bqual)]
    else:
        parts = [f"X'{part.hex()}'" for part in (xid.gtrid, xid.bqual)]
    if xid.format_id != 1:
        parts.append(str(xid.format_id))
    elif not xid.bqual:
        del parts[1]
    return ",".join(parts)

