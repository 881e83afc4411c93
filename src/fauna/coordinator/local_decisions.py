"""Decision records with group commit: all that wait are written in one transaction with one sync.

A thread that waits for its ticket writes for everybody, if nobody is at it; for a ticket that is waited for by callback (the
event loop), a thread of ours does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

import apsw

from fauna.coordinator import local_rows
from fauna.coordinator.local_file import LocalFile, select
from fauna.coordinator.protocol import CoordinatorClosed, Decision
from fauna.errors import FaunaError
from fauna.ticket import OneShot

# Forgotten records wait for the next decision to be removed with it, but not more than these.
FORGOTTEN_MAX: Final = 1000

_FIND: Final = "SELECT verdict, participants FROM decisions WHERE gtrid = ?"


class LocalDecisionTicket(OneShot):
    __slots__ = ("_decisions", "_standing", "decision", "gtrid")

    def __init__(self, decisions: LocalDecisions, gtrid: str, decision: Decision) -> None:
        super().__init__()
        self._decisions = decisions
        self._standing: Decision | None = None
        self.gtrid = gtrid
        self.decision = decision

    @property
    def standing(self) -> Decision:
        assert self._standing is not None, "the decision is not durable yet"
        return self._standing

    def stands(self, decision: Decision) -> None:
        self._standing = decision

    def wait(self, timeout_s: float | None = None) -> bool:
        if not self._done:
            self._decisions.write_waiting()
        return super().wait(timeout_s)

    def on_done(self, callback: Callable[[], None]) -> None:
        super().on_done(callback)
        if not self._done:
            self._decisions.wake()


class LocalDecisions:
    def __init__(self, file: LocalFile, *, threads: bool = True) -> None:
        """threads: False: nobody writes but who waits or calls `write_waiting`."""
        self._file = file
        self._turn = threading.Lock()  # one batch at a time
        self._lists = threading.Lock()
        # Bounded by the transactions that commit now: each waits for its only decision.
        self._waiting: list[LocalDecisionTicket] = []
        self._forgotten: list[str] = []
        self._closed = False
        self._wanted = threading.Event()
        self._runner: threading.Thread | None = None
        if threads:
            self._runner = threading.Thread(target=self._run, name="fauna-decider", daemon=True)
            self._runner.start()

    def decide(self, gtrid: str, decision: Decision) -> LocalDecisionTicket:
        ticket = LocalDecisionTicket(self, gtrid, decision)
        with self._lists:
            if self._closed:
                raise CoordinatorClosed("the coordinator is closed")
            self._waiting.append(ticket)
        return ticket

    def forget(self, gtrid: str) -> None:
        with self._lists:
            self._forgotten.append(gtrid)
            many = len(self._forgotten) >= FORGOTTEN_MAX
        if many:
            self.wake()

    def all(self) -> Mapping[str, Decision]:
        with self._file.locked() as connection:
            found = local_rows.decisions(connection)
            with self._lists:
                forgotten = set(self._forgotten)
        return {gtrid: decision for gtrid, decision in found.items() if gtrid not in forgotten}

    def wake(self) -> None:
        self._wanted.set()

    def write_waiting(self) -> None:
        """Every decision that was asked for before this call is on disk on return, or its ticket has failed."""
        with self._turn:
            with self._lists:
                batch, self._waiting = self._waiting, []
                forgotten = self._forgotten[:]
            if not batch and not forgotten:
                return
            failure = self._write(batch, forgotten)
            if failure is None:
                with self._lists:
                    del self._forgotten[: len(forgotten)]
        for ticket in batch:
            ticket.complete(failure)

    def _write(self, batch: list[LocalDecisionTicket], forgotten: list[str]) -> FaunaError | None:
        try:
            # Nobody waits for what is only forgotten.
            with self._file.transaction(durable=bool(batch)) as connection:
                connection.executemany("DELETE FROM decisions WHERE gtrid = ?", [(gtrid,) for gtrid in forgotten])
                for ticket in batch:
                    ticket.stands(_insert(connection, ticket.gtrid, ticket.decision))
        except FaunaError as failed:
            return failed
        return None

    def _run(self) -> None:
        while not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            self.write_waiting()

    def close(self) -> None:
        """What waits is written."""
        with self._lists:
            self._closed = True
        self.wake()
        if self._runner is not None:
            self._runner.join()
        self.write_waiting()


def _insert(connection: apsw.Connection, gtrid: str, decision: Decision) -> Decision:
    """The decision that stands now."""
    values = gtrid, decision.verdict.value, local_rows.participants_text(decision)
    if local_rows.put(connection, local_rows.DECISIONS, *values, replace=False):
        return decision
    found = local_rows.decision(*select(connection, _FIND, (gtrid,))[0])
    assert found is not None, "the file was checked when it was opened"
    return found
