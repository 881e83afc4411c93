"""The change stream as an iterator, on a server and embedded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from fauna.client.link import Link

_AT_ONCE: Final = 500
WAIT_MS: Final = 2_000
"""How long one request waits for events before there is another."""


class ChangeEvent(dict[str, Any]):
    """One event, in Debezium's envelope.  position: give it to `changes(from_=...)` to go on after this event; text: the event as
    it was sent, in JSON."""

    position: str
    text: str


class ChangeStream:
    """What `db.changes(...)` gives: events, in the order in which they were committed.

    Between two events the connection is free for other statements.  At least once: who keeps `position` with what it has done
    with an event, in one transaction of its own, has each event exactly once.
    """

    def __init__(self, link: Link, from_: str | datetime | None, tables: Sequence[str], *, follow: bool) -> None:
        self._link = link
        self._tables = ",".join(tables) or None
        self._follow = follow
        self._batch: Iterator[ChangeEvent] = iter(())
        self._at_end = False
        self.position = str(from_) if from_ is not None else "now" if follow else "start"
        """Behind the event that was taken last, and what was filtered out after it."""
        self._fetched = self.position

    def __iter__(self) -> ChangeStream:
        return self

    def __next__(self) -> ChangeEvent:
        while True:
            for event in self._batch:
                self.position = event.position
                return event
            if self._at_end and not self._follow:
                raise StopIteration
            self._batch = iter(self.fetch(WAIT_MS if self._follow and self._at_end else 0))

    def fetch(self, wait_ms: int = 0) -> list[ChangeEvent]:
        """The next events, for who takes many at a time; `wait_ms`: wait so long for one.  None: there are no more for now."""
        answer = self._link.run("CALL fauna.changes(%s, %s, %s, %s)", (self._fetched, _AT_ONCE, wait_ms, self._tables))
        assert answer.shape is not None
        events = [_event(position, text) for position, text in answer.rows if text is not None]
        for position, text in answer.rows:
            self._fetched = position
            if text is None:
                self.position = position
        self._at_end = not events
        return events


def _event(position: str, text: str) -> ChangeEvent:
    event = ChangeEvent(json.loads(text))
    event.position, event.text = position, text
    return event
