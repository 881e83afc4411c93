"""What an XA statement does in which state, as MariaDB has it: pure functions.

    XA START -> ACTIVE -> XA END -> IDLE -> XA PREPARE -> PREPARED -> XA COMMIT or XA ROLLBACK
                                    IDLE -> XA COMMIT … ONE PHASE, XA ROLLBACK; XA START … RESUME -> ACTIVE
    ACTIVE -> (a deadlock) -> ROLLBACK ONLY -> XA COMMIT, which says why, or XA ROLLBACK

`own` is the session's own transaction, if it has one.  `outside`: the session has another transaction open, or autocommit=0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from fauna.errors import SqlError, error
from fauna.txn.xid import Xid

_REASONS: Final = {1205: "XA_RBTIMEOUT", 1213: "XA_RBDEADLOCK"}


class XaState(Enum):
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    PREPARED = "PREPARED"
    ROLLBACK_ONLY = "ROLLBACK ONLY"


class Ending(Enum):
    """How a transaction is to end."""

    ONE_PHASE = "one phase"
    PREPARED = "prepared"  # the session's own, second phase
    BY_NAME = "by name"  # one that no session has any more
    FAILED = "failed"  # it was rolled back: the client is told why
    OPEN = "open"  # rolled back, and never was prepared


@dataclass(frozen=True, slots=True)
class Own:
    """reason: the error's name, once it is ROLLBACK ONLY."""

    xid: Xid
    state: XaState = XaState.ACTIVE
    reason: str = ""


def refusal(own: Own | None) -> SqlError:
    """1399, naming the state."""
    return error("XAER_RMFAIL", own.state.value if own is not None else "NON-EXISTING")


def _is(own: Own | None, xid: Xid) -> bool:
    return own is not None and own.xid.key == xid.key


def start(own: Own | None, xid: Xid, option: str, *, outside: bool) -> Own:
    """option: JOIN, RESUME or ''."""
    if own is not None and own.state is XaState.IDLE and option == "RESUME":
        if not _is(own, xid):
            raise error("XAER_NOTA")
        return replace(own, state=XaState.ACTIVE)
    if option or not xid.gtrid:
        raise error("XAER_INVAL")
    if own is not None:
        raise refusal(own)
    if outside:
        raise error("XAER_OUTSIDE")
    return Own(xid)


def end(own: Own | None, xid: Xid, *, suspend: bool) -> Own:
    if suspend:
        raise error("XAER_INVAL")
    if own is None or own.state is not XaState.ACTIVE:
        raise refusal(own)
    if not _is(own, xid):
        raise error("XAER_NOTA")
    return replace(own, state=XaState.IDLE)


def prepare(own: Own | None, xid: Xid) -> Own:
    if own is None or own.state is not XaState.IDLE:
        raise refusal(own)
    if not _is(own, xid):
        raise error("XAER_NOTA")
    return replace(own, state=XaState.PREPARED)


def commit(own: Own | None, xid: Xid, *, one_phase: bool, outside: bool) -> Ending:
    if own is None or not _is(own, xid):
        if outside or own is not None:
            raise error("XAER_OUTSIDE")
        if one_phase:
            raise error("XAER_INVAL")
        return Ending.BY_NAME
    if own.state is XaState.ROLLBACK_ONLY:
        return Ending.FAILED
    if own.state is XaState.PREPARED:
        if one_phase:
            raise error("XAER_INVAL")
        return Ending.PREPARED
    if own.state is XaState.IDLE and one_phase:
        return Ending.ONE_PHASE
    raise refusal(own)


def rollback(own: Own | None, xid: Xid, *, outside: bool) -> Ending:
    if own is None or not _is(own, xid):
        if outside or own is not None:
            raise error("XAER_OUTSIDE")
        return Ending.BY_NAME
    if own.state is XaState.ACTIVE:
        raise refusal(own)
    return Ending.PREPARED if own.state is XaState.PREPARED else Ending.OPEN


def failed(own: Own, errno: int) -> Own:
    """A statement's error, of that number, has ended the whole transaction."""
    return replace(own, state=XaState.ROLLBACK_ONLY, reason=_REASONS.get(errno, "XA_RBROLLBACK"))
