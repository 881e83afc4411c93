"""The XA transactions of a node: which names are in use and by whom, and those that are prepared.

A prepared one outlives its client and the server.  While its session is there only that may end it; afterwards anybody may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fauna.clock import HybridClock
from fauna.errors import FaunaError, error
from fauna.session.result import Ticket
from fauna.shard.shard import Branch, Shard
from fauna.ticket import OneShot
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import Committer, HeldTransaction
from fauna.txn.xid import Xid, name_on_shards, read_name


class InUse:
    """One name.  is_prepared: XA RECOVER lists it.  is_free: no session has it, so that any may end it.
    held: None for what has only read, which is gone with its session: it is listed, and can be rolled back."""

    __slots__ = ("held", "is_free", "is_prepared", "xid")

    def __init__(self, xid: Xid, held: HeldTransaction | None = None) -> None:
        self.xid: Final = xid
        self.held = held
        self.is_free = self.is_prepared = held is not None


class Xids:
    """Bounded by the connections, and by what clients prepare: each has rows locked until somebody ends it."""

    def __init__(
        self, clock: HybridClock, shards: Sequence[Shard] = (), committer: Callable[[], Committer | None] = lambda: None
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._in_use: dict[tuple[bytes, bytes], InUse] = {}
        self._shared = committer
        self._own: Committer | None = None
        if any(shard.recover() for shard in shards):
            for gtrid, held in self._committer.held(shards).items():
                name = read_name(gtrid)
                assert name is not None
                self._in_use[name[0].key] = InUse(name[0], held)

    @property
    def _committer(self) -> Committer:
        """The node's; on a node of one shard, which has none, one that begins when it is first needed."""
        shared = self._shared()
        if shared is not None:
            return shared
        with self._lock:
            if self._own is None:
                self._own = Committer(None, CommitGate(), self._clock)
            return self._own

    def use(self, xid: Xid) -> InUse:
        """XA START: the name is this session's; 1440 when it is anybody's."""
        with self._lock:
            if xid.key in self._in_use:
                raise error("XAER_DUPID")
            found = self._in_use[xid.key] = InUse(xid)
            return found

    def prepare(self, name: InUse, branches: Mapping[int, Branch]) -> Ticket:
        """Prepare `branches`, by shard: once the ticket is done they are durable and outlive everybody; all are rolled back if it
        failed."""
        name.held = self._committer.prepare(name_on_shards(name.xid, branches), branches)
        return name.held.prepared

    def leave(self, name: InUse) -> None:
        """The session goes: what it has prepared is there for others, and what it is just preparing will be."""
        if name.held is None:
            if name.is_prepared:
                name.is_free = True
            else:
                self.forget(name)
        else:
            prepared = name.held.prepared
            prepared.on_done(lambda: self._left(name, prepared))

    def _left(self, name: InUse, prepared: Ticket) -> None:
        if _failed(prepared):
            self.forget(name)
        else:
            name.is_prepared = name.is_free = True

    def take(self, xid: Xid) -> InUse:
        """The prepared transaction of this name, nobody else's from now on; 1397 when there is none that nobody has."""
        with self._lock:
            found = self._in_use.get(xid.key)
            if found is None or not found.is_free:
                raise error("XAER_NOTA")
            found.is_free = False
            return found

    def end(self, name: InUse, *, commit: bool) -> Ticket:
        """Commit or roll back what is prepared.  If that cannot be, it is there for others again."""
        assert name.held is not None
        name.is_prepared = name.is_free = False
        ended = name.held.commit() if commit else name.held.rollback()
        told = OneShot()
        ended.on_done(lambda: self._ended(name, ended, told))
        return told

    def _ended(self, name: InUse, ended: Ticket, told: OneShot) -> None:
        """First the name is free, then the client is told."""
        if name.held is not None and name.held.is_held:
            name.is_prepared = name.is_free = True
        else:
            self.forget(name)
        try:
            ended.check()
        except FaunaError as problem:
            told.complete(problem)
        else:
            told.complete()

    def forget(self, name: InUse) -> None:
        """It is no longer used."""
        with self._lock:
            if self._in_use.get(name.xid.key) is name:
                del self._in_use[name.xid.key]

    def prepared(self) -> list[Xid]:
        """What XA RECOVER lists."""
        with self._lock:
            return sorted((name.xid for name in self._in_use.values() if name.is_prepared), key=lambda xid: xid.key)

    def close(self) -> None:
        """Idempotent.  What is prepared stays on disk."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()


def _failed(ticket: Ticket) -> bool:
    try:
        ticket.check()
    except FaunaError:
        return True
    return False
