"""A session's transaction: which branch a statement runs on, when it begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fauna.errors import error
from fauna.session.result import Ticket
from fauna.session.variables import SessionVariables
from fauna.shard.shard import Isolation, Transaction, Watch

_LEVELS = {
    "READ-UNCOMMITTED": Isolation.READ_UNCOMMITTED,
    "READ-COMMITTED": Isolation.READ_COMMITTED,
    "REPEATABLE-READ": Isolation.REPEATABLE_READ,
    "SERIALIZABLE": Isolation.SERIALIZABLE,
}


class Begin(Protocol):
    """What begins a transaction; nothing is locked, no snapshot is taken."""

    def __call__(
        self,
        isolation: Isolation,
        *,
        read_only: bool,
        lock_wait_timeout_s: float,
        watch: Watch | None,
        alone: bool = False,
        two_phase: bool = False,
    ) -> Transaction: ...


class Transactions:
    """explicit: a transaction is open until COMMIT or ROLLBACK.  branch: of the transaction, or of an autocommit write
    that is waiting for its lock.  two_phase: the transaction may be prepared (XA)."""

    __slots__ = (
        "_begin",
        "_ended",
        "_next_isolation",
        "_next_read_only",
        "_two_phase",
        "_variables",
        "_watch",
        "branch",
        "explicit",
        "read_only",
        "savepoints",
    )

    def __init__(
        self, begin: Begin, variables: SessionVariables, watch: Watch, ended: Callable[..., None] = lambda *, committed: None
    ) -> None:
        self._begin = begin
        self._variables = variables
        self._watch = watch
        self.branch: Transaction | None = None
        self.explicit = False
        self.read_only = False
        self.savepoints: list[str] = []
        self._next_isolation: Isolation | None = None
        self._next_read_only: bool | None = None
        self._two_phase = False
        self._ended = ended  # told of each end, committed or not

    @property
    def locked_branch(self) -> Transaction | None:
        """The branch when it holds the write lock."""
        return self.branch if self.branch is not None and self.branch.holds_lock else None

    def set_next(self, isolation: str | None, read_only: bool | None) -> None:
        """SET TRANSACTION without a scope."""
        if self.explicit:
            raise error("CANT_CHANGE_TX_CHARACTERISTICS")
        if isolation is not None:
            self._next_isolation = _LEVELS[isolation.replace(" ", "-")]
        if read_only is not None:
            self._next_read_only = read_only

    def begin(self, *, read_only: bool | None = None, consistent_snapshot: bool = False) -> None:
        """START TRANSACTION; the caller has committed what was open."""
        self.explicit = True
        self.read_only = read_only if read_only is not None else self._read_only()
        if consistent_snapshot:
            self.branch = self._open(self._isolation(), consistent_snapshot=True)

    def _isolation(self) -> Isolation:
        level = self._next_isolation
        self._next_isolation = None
        return level if level is not None else _LEVELS[self._variables.values["transaction_isolation"]]

    @property
    def read_only_next(self) -> bool:
        """Whether the next transaction may not write."""
        return self._next_read_only if self._next_read_only is not None else bool(self._variables.values["transaction_read_only"])

    def _read_only(self) -> bool:
        chosen = self._next_read_only
        self._next_read_only = None
        return chosen if chosen is not None else bool(self._variables.values["transaction_read_only"])

    def _open(self, isolation: Isolation, *, consistent_snapshot: bool = False, alone: bool = False) -> Transaction:
        transaction = self._begin(
            isolation,
            read_only=False,
            lock_wait_timeout_s=float(self._variables.values["innodb_lock_wait_timeout"]),
            watch=self._watch,
            alone=alone,
            two_phase=self._two_phase,
        )
        if consistent_snapshot and isolation >= Isolation.REPEATABLE_READ:
            transaction.open_snapshot()
        return transaction

    @property
    def autocommit(self) -> bool:
        return bool(self._variables.values["autocommit"])

    @property
    def implicit(self) -> bool:
        """Whether a statement now opens a transaction that stays open (autocommit=0)."""
        return not self.autocommit

    def for_reading(self, *, tables: bool = True) -> Transaction | None:
        """The branch a query runs on; None: the latest state, outside any transaction.  tables: it reads some."""
        if self.branch is not None and not self.branch.is_open:
            self._forget()
        if not self.explicit and self.autocommit:
            return None
        return self._current()

    def stood_alone(self) -> None:
        """A query outside any transaction was the one that SET TRANSACTION spoke of."""
        self._next_isolation = self._next_read_only = None

    def for_locking(self) -> Transaction:
        """The branch a locking read runs on: as for writing, but READ ONLY transactions may, too."""
        if self.explicit or not self.autocommit:
            if self.branch is not None and not self.branch.is_open:
                self._forget()
            return self._current()
        return self.for_writing()

    def for_writing(self) -> Transaction:
        """The branch a write runs on; outside a transaction one of its own, which the statement commits."""
        if self.branch is not None and not self.branch.is_open:
            self._forget()
        if self.explicit or not self.autocommit:
            if self.read_only:
                raise error("READ_ONLY_TRANSACTION")
            return self._current()
        if self.read_only_next:
            self._next_read_only = None  # it was for this statement's transaction
            raise error("READ_ONLY_TRANSACTION")
        return self.for_definition()

    def for_definition(self) -> Transaction:
        """A statement's own transaction, with autocommit=0 too: whoever begins it anew after waiting finds it again.  The
        caller has committed what was open."""
        if self.branch is None:
            self.branch = self._open(Isolation.READ_COMMITTED, alone=True)
        return self.branch

    def _current(self) -> Transaction:
        if self.branch is None:
            if not self.explicit:
                self.explicit = True
                self.read_only = self._read_only()
            self.branch = self._open(self._isolation())
        self.branch.lock_wait_timeout_s = float(self._variables.values["innodb_lock_wait_timeout"])
        return self.branch

    def pause(self) -> None:
        """A statement is over, its transaction is not: others may write meanwhile."""
        if self.explicit and self.branch is not None:
            self.branch.pause()

    def end_statement(self) -> Ticket | None:
        """After a write: commit when it was on its own."""
        if self.explicit or self.branch is None:
            self.pause()
            return None
        branch, self.branch = self.branch, None
        ticket = branch.commit()
        self._ended(committed=True)
        return ticket

    def statement_failed(self, problem: BaseException | None = None) -> None:
        """After an error, `problem`: an autocommit statement's branch goes; an engine may have ended the whole transaction."""
        if self.branch is None:
            return
        if not self.explicit:
            branch, self.branch = self.branch, None
            branch.rollback()
            self._ended(committed=False)
        elif not self.branch.is_open:
            self._forget()

    def commit(self) -> Ticket | None:
        branch = self.branch
        ticket = branch.commit() if branch is not None and branch.is_open else None
        self._ended(committed=True)
        self._forget()
        return ticket

    def rollback(self) -> None:
        branch = self.branch
        self._forget()
        if branch is not None:
            branch.rollback()

    def must_be_ordinary(self) -> None:
        """For a statement that ends the open transaction: an XA transaction is ended by XA statements alone."""

    def must_open_tables(self) -> None:
        """For a statement that looks at a table and does not ask for a branch: an XA transaction may be past that."""

    def must_repeat(self) -> None:
        """For a statement that changes what is not rows: an XA transaction, which may be prepared, cannot."""

    def leave(self) -> Transactions:
        """The client goes away, or is as if it had come just now: what it has open is rolled back.  The session's from now on."""
        self.rollback()
        return self

    def _forget(self) -> None:
        self.branch = None
        self.explicit = False
        self.read_only = False
        self.savepoints = []
        self._ended(committed=False)

    # ── savepoints ──

    def savepoint(self, name: str) -> None:
        if not self.explicit and self.autocommit:
            return
        branch = self._current()
        if name.lower() in self.savepoints:
            self.savepoints.remove(name.lower())  # set anew: the old one is out of reach
        branch.savepoint(name.lower())
        self.savepoints.append(name.lower())

    def rollback_to(self, name: str) -> None:
        position = self._position(name)
        assert self.branch is not None
        self.branch.rollback_to(name.lower())
        del self.savepoints[position + 1 :]

    def release(self, name: str) -> None:
        position = self._position(name)
        assert self.branch is not None
        self.branch.release(name.lower())
        del self.savepoints[position:]

    def _position(self, name: str) -> int:
        if name.lower() not in self.savepoints or self.branch is None:
            raise error("SAVEPOINT_DOES_NOT_EXIST", name)
        return len(self.savepoints) - 1 - self.savepoints[::-1].index(name.lower())
