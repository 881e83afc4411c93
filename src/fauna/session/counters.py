"""What SHOW STATUS counts since the server started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Written by the event loop alone, so without locks.

    questions         statements that clients sent: queries and executions of prepared ones
    connections       attempts to connect, refused ones too
    connections_max   the most that were open at once
    aborted_connects  attempts that did not come to a session
    """

    questions: int = 0
    connections: int = 0
    connections_max: int = 0
    aborted_connects: int = 0
