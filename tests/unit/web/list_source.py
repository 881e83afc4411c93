"""A ChangeSource over a list: small, but it keeps the whole contract."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fauna.errors import SqlError, error

T = TypeVar("T")


@dataclass(frozen=True)
class ListEvent:
    position: str
    table: str
    json: str


class ListSource:
    """Changes are added by `add`; a position is the number of changes before it."""

    def __init__(self) -> None:
        self.events: list[ListEvent] = []
        self.changed = threading.Condition()
        self.readers: list[ListReader] = []
        self.kept_from = 0
        self.failure: Exception | None = None

    def add(self, table: str = "shop.orders", *values: object) -> None:
        with self.changed:
            for value in values:
                text = value if isinstance(value, str) else json.dumps({"table": table, "value": value})
                self.events.append(ListEvent(str(len(self.events) + 1), table, text))
            self.changed.notify_all()

    def fail(self, problem: SqlError | Exception) -> None:
        with self.changed:
            self.failure = problem
            self.changed.notify_all()

    def open(self, position: str | None, tables: Sequence[str]) -> ListReader:
        for table in tables:
            if table.startswith("missing."):
                raise error("NO_SUCH_TABLE", *table.split(".", 1))
        start = len(self.events) if position is None else int(position)
        if start < self.kept_from:
            raise error("UNKNOWN_ERROR", f"changes before {self.kept_from} are no longer kept")
        reader = self.make_reader(start, frozenset(tables))
        self.readers.append(reader)
        return reader

    def make_reader(self, start: int, tables: frozenset[str]) -> ListReader:
        return ListReader(self, start, tables)

    @property
    def open_readers(self) -> int:
        return sum(not reader.closed for reader in self.readers)


class ListReader:
    def __init__(self, source: ListSource, start: int, tables: frozenset[str]) -> None:
        self._source = source
        self._next = start
        self._tables = tables
        self._used = threading.Lock()
        self.closed = False
        self.fetched = 0

    @property
    def position(self) -> str:
        return str(self._next)

    def fetch(self, limit: int) -> Sequence[ListEvent]:
        return self._alone(lambda: self._fetch(limit))

    def _fetch(self, limit: int) -> list[ListEvent]:
        if self._source.failure is not None:
            raise self._source.failure
        looked_at = self._source.events[self._next : self._next + limit]
        self._next += len(looked_at)
        self.fetched += len(looked_at)
        return [event for event in looked_at if not self._tables or event.table in self._tables]

    def wait(self, timeout_s: float) -> bool:
        def news() -> bool:
            return len(self._source.events) > self._next or self._source.failure is not None

        def wait() -> bool:
            with self._source.changed:
                return self._source.changed.wait_for(news, timeout_s)

        return self._alone(wait)

    def close(self) -> None:
        self._alone(lambda: setattr(self, "closed", True))

    def _alone(self, call: Callable[[], T]) -> T:
        """The contract: never two calls at once, none after close."""
        assert self._used.acquire(blocking=False), "two calls at the same time"
        try:
            assert not self.closed
            return call()
        finally:
            self._used.release()
