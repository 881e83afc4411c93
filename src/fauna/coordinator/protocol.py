"""The coordinator's interface.

Public methods hold the policy (bounds, checks); the abstract ones with an underscore do the reading and writing.  What is asked
for is what ZooKeeper and etcd can do: create unless it exists, write if the version is the one I saw, tell me when it changes,
something that ends when its holder does.

Any thread may call.  Methods that write return when it is durable, except `decide`, which returns a ticket, and `forget`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from fauna.errors import FaunaError, SqlError
from fauna.session.result import Ticket

# ZooKeeper's nodes hold 1 MiB at most, with some room for its own.
VALUE_BYTES_MAX: Final = 1_000_000
NAME_BYTES_MAX: Final = 255
GTRID_BYTES_MAX: Final = 511
LEASE_S_MIN: Final = 0.1
LEASE_S_MAX: Final = 3600.0


class Verdict(Enum):
    COMMIT = "commit"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Decision:
    """participants: the shards that have to be heard before the record may be forgotten."""

    verdict: Verdict
    participants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Versioned:
    """version: 1 or more; what it counts is the implementation's, but it only goes up."""

    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Lease:
    """epoch: higher than that of every earlier lease of `name`.

    Whoever acts under a lease shows its epoch, and is refused by those who have seen a higher one.
    """

    name: str
    holder: str
    epoch: int


class OutcomeUnknown(SqlError):
    """The record may have been written or not.  Any other error means that it was not."""


class CoordinatorClosed(FaunaError):
    """It has been closed."""


class DecisionTicket(Ticket, Protocol):
    """Done when a decision is durable."""

    @property
    def standing(self) -> Decision:
        """The decision that stands: mine, or an earlier one.  Only once the ticket is done without an error."""
        ...


class Coordinator(ABC):
    # ── values: the topology, and whatever else is one small value under a name ──

    @abstractmethod
    def read(self, name: str) -> Versioned | None:
        """The value as all agree on it, or None when there has been none."""

    def compare_and_set(self, name: str, expected: Versioned | None, value: bytes) -> Versioned | None:
        """Write `value` if `expected` (None: nothing) is still there; None when it is not."""
        _check_name(name)
        if len(value) > VALUE_BYTES_MAX:
            raise ValueError(f"the value of '{name}' has {len(value)} bytes, more than {VALUE_BYTES_MAX}")
        return self._compare_and_set(name, expected.version if expected is not None else 0, value)

    @abstractmethod
    def _compare_and_set(self, name: str, version: int, value: bytes) -> Versioned | None: ...

    @abstractmethod
    def watch(self, name: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` at least once after each change of the value, from any thread; it reads what is there then.

        Several changes may be told as one.  Returns what ends the watch.
        """

    # ── leases ──

    def acquire_lease(self, name: str, holder: str, duration_s: float) -> Lease | None:
        """Make `holder` the only one, under a new epoch; None while somebody else is.

        The holder itself may acquire it again, say after a restart: the epoch goes up, and its former lease is over.
        """
        _check_name(name)
        _check_duration(duration_s)
        return self._acquire_lease(name, holder, duration_s)

    @abstractmethod
    def _acquire_lease(self, name: str, holder: str, duration_s: float) -> Lease | None: ...

    def renew_lease(self, lease: Lease, duration_s: float) -> bool:
        """Hold it for `duration_s` from now.  False when it is over: it must be acquired anew."""
        _check_duration(duration_s)
        return self._renew_lease(lease, duration_s)

    @abstractmethod
    def _renew_lease(self, lease: Lease, duration_s: float) -> bool: ...

    @abstractmethod
    def release_lease(self, lease: Lease) -> None:
        """Give it up; does nothing when it is over."""

    @abstractmethod
    def lease(self, name: str) -> Lease | None:
        """Who holds it now."""

    # ── decisions ──

    def decide(self, gtrid: str, decision: Decision) -> DecisionTicket:
        """Record the decision unless there is one; the ticket says which stands.

        The ticket fails with `OutcomeUnknown` when nobody can tell what is on disk.
        """
        _check_name(gtrid, GTRID_BYTES_MAX)
        return self._decide(gtrid, decision)

    @abstractmethod
    def _decide(self, gtrid: str, decision: Decision) -> DecisionTicket: ...

    @abstractmethod
    def decisions(self) -> Mapping[str, Decision]:
        """All that are recorded and not forgotten; each is durable."""

    @abstractmethod
    def forget(self, gtrid: str) -> None:
        """Remove the record, soon.  A crash may bring it back, which does no harm: it is forgotten again."""

    @abstractmethod
    def close(self) -> None:
        """Idempotent.  Leases end; what was decided stays."""


def _check_name(name: str, bytes_max: int = NAME_BYTES_MAX) -> None:
    length = len(name.encode())
    if not 0 < length <= bytes_max:
        raise ValueError(f"a name has 1 to {bytes_max} bytes, not {length}: '{name[:40]}'")


def _check_duration(duration_s: float) -> None:
    if not LEASE_S_MIN <= duration_s <= LEASE_S_MAX:
        raise ValueError(f"a lease lasts {LEASE_S_MIN} to {LEASE_S_MAX} s, not {duration_s}")
