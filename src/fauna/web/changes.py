"""What a change stream reads from; the web knows no more of the source than this.

All calls block and are made in worker threads.  Those on one reader are never made at the same time, but may come from
different threads.  Any of them may raise an SqlError, which the client is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ChangeEvent(Protocol):
    """One change.

    position  where in the stream it stands: opening there gives what comes after it.  Printable ASCII, at most
              POSITION_CHARACTERS_MAX characters
    json      the change as a JSON document
    """

    @property
    def position(self) -> str: ...
    @property
    def json(self) -> str: ...


class ChangeReader(Protocol):
    """One place in the stream, moving forward."""

    @property
    def position(self) -> str:
        """How far it has come, also past changes that were filtered out: opening there gives what `fetch` has yet to give."""
        ...

    def fetch(self, limit: int) -> Sequence[ChangeEvent]:
        """The next changes, in order and durable: at most `limit`, fewer when they are large.

        It does bounded work: none may come back although there are more, when `wait` returns at once.
        """
        ...

    def wait(self, timeout_s: float) -> bool:
        """Return True once there may be something that `fetch` has not looked at; False after `timeout_s`."""
        ...

    def close(self) -> None:
        """Let go of everything; no call follows."""
        ...


class ChangeSource(Protocol):
    """Where change streams come from: the chain."""

    def open(self, position: str | None, tables: Sequence[str]) -> ChangeReader:
        """A reader behind `position`, or of what happens from now on; of the `tables` ('database.table'), or of all.

        SqlError for a position that is none, or is no longer kept, and for a table that does not exist.
        """
        ...
