"""Commits of transactions that have written on several shards, and XA PREPARE: carries out what `two_phase.step` decides.

One thread does it for all transactions, so that no transaction's end depends on its client: it asks for what takes time (a sync,
a lock) and is called back.  The shards' and the coordinator's group commit share their syncs among the transactions that are
on their way; each waits for two of them, one after the other.

Answers come when all shards show the transaction, in one moment of the `CommitGate`.

Known limits: a shard that can no longer be written (a failed sync) keeps what is decided until the next start; its commits are
then answered with 1180.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Final, assert_never

from fauna.clock import HybridClock
from fauna.coordinator.protocol import Coordinator, Decision, DecisionTicket, OutcomeUnknown, Verdict
from fauna.errors import FaunaError, SqlError, error
from fauna.session.result import MustWait, Ticket
from fauna.shard.shard import Branch, Shard
from fauna.ticket import OneShot
from fauna.txn import two_phase
from fauna.txn.commit_gate import CommitGate
from fauna.txn.xid import held_by_clients

_LOG = logging.getLogger(__name__)
Shown = Callable[[], Callable[[], None]]
COMMIT_WAIT_S: Final = 365.0 * 24 * 3600
"""A commit waits for its locks as long as it takes."""


class _Committing:
    """A transaction on its way.

    held    branches that only read, and keep their shard locked until the end
    shown   called just before it becomes visible; what it gives is called when that could not be
    at_us   its time, when a shard shows it already; else 0"""

    def __init__(
        self, step: two_phase.Step, branches: Mapping[int, Branch], held: Sequence[Branch] = (),
        shown: Shown | None = None, at_us: int = 0,
    ) -> None:  # fmt: skip
        self.at_us: Final = at_us
        self.branches: Final = branches
        self.held: Final = held
        self.shown: Final = shown
        self.ticket = OneShot()  # of what the client asked last
        self.first = min(branches)  # the shard whose lock is taken first
        self.state, self.actions = step


class HeldTransaction:
    """A transaction that a client has prepared, or is preparing.  Either `commit` or `rollback`, once `prepared` is done."""

    def __init__(self, committer: Committer, committing: _Committing) -> None:
        self._committer: Final = committer
        self._committing: Final = committing
        self.prepared: Final[Ticket] = committing.ticket

    @property
    def is_held(self) -> bool:
        """Whether it is still prepared; once a ticket of `commit` is done: although that was asked, and could not be."""
        return self._committing.state.phase is two_phase.Phase.HELD

    def commit(self) -> Ticket:
        """On all shards, however long it takes; done when others see it and it is durable."""
        return self._committer.ask(self._committing, two_phase.CommitAsked())

    def rollback(self) -> Ticket:
        """On all shards, durably."""
        return self._committer.ask(self._committing, two_phase.RollbackAsked())


class Committer:
    def __init__(
        self, coordinator: Coordinator | None, gate: CommitGate, clock: HybridClock, *, threads: bool = True
    ) -> None:
        """coordinator: None where there is one shard alone, and so nothing to decide.  clock: the shards'.  threads: False:
        nothing goes on but by `work`."""
        self._maybe_coordinator = coordinator
        self._gate = gate
        self._clock = clock
        # Bounded by the connections: each asks for one thing at a time.
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._start = os.urandom(8).hex()  # gtrids are never used twice, also not after a restart
        self._count = 0
        self._count_lock = threading.Lock()
        self._runner: threading.Thread | None = None
        if threads:
            self._runner = threading.Thread(target=self._run, name="fauna-two-phase", daemon=True)
            self._runner.start()

    def commit(
        self, branches: Mapping[int, Branch], held: Sequence[Branch] = (), shown: Shown | None = None
    ) -> Ticket:
        """Commit `branches` (by shard, two or more) on all shards or on none.  They are the committer's from now on.
        shown: called just before they become visible, with the gate in hand; what it gives, when that could not be."""
        committing = _Committing(two_phase.begin(self._new_gtrid(), branches), branches, held, shown)
        self._work.put(partial(self._carry_out, committing, committing.actions))
        return committing.ticket

    def _new_gtrid(self) -> str:
        with self._count_lock:
            self._count += 1
            return f"fauna-{self._start}-{self._count}"

    # ── transactions that clients prepare ──

    def prepare(self, gtrid: str, branches: Mapping[int, Branch]) -> HeldTransaction:
        """Prepare `branches` (by shard, one or more), all or none.  They are the committer's from now on."""
        committing = _Committing(two_phase.begin(gtrid, branches, held=True), branches)
        held = HeldTransaction(self, committing)
        self._work.put(partial(self._carry_out, committing, committing.actions))
        return held

    def held(self, shards: Sequence[Shard]) -> dict[str, HeldTransaction]:
        """After a start: what clients had prepared, by gtrid."""
        found = {}
        for gtrid in held_by_clients(self._decisions(), _prepared(shards)):
            branches = {n: shard.prepared_branch(gtrid) for n, shard in enumerate(shards) if gtrid in shard.recover()}
            found[gtrid] = HeldTransaction(self, _Committing((two_phase.adopt(gtrid, branches), ()), branches))
        return found

    def ask(self, committing: _Committing, event: two_phase.CommitAsked | two_phase.RollbackAsked) -> Ticket:
        committing.ticket = ticket = OneShot()
        self._work.put(partial(self._happened, committing, event))
        return ticket

    # ── after a start ──

    def recover(self, shards: Sequence[Shard]) -> None:
        """Finish what a crash left prepared, before anybody uses the shards; what clients hold stays as it is.

        What must wait for a shard that one of those has to itself keeps its locks, and is finished when that one is."""
        later: set[str] = set()
        while True:
            decisions, prepared = self._decisions(), _prepared(shards)
            held = held_by_clients(decisions, prepared)
            busy = [
                number for number, shard in enumerate(shards)
                if any(shard.prepared_branch(gtrid).keeps_lock for gtrid in held.intersection(prepared[number]))
            ]
            for gtrid in set().union(*[prepared[number] for number in busy]) - held - later:
                later.add(gtrid)
                self._finish_later(gtrid, shards, committed=two_phase.is_committed(decisions, gtrid))
            actions = two_phase.recover(decisions, prepared, held | later)
            if not actions:
                return
            commits: dict[str, list[Shard]] = {}
            for action in actions:
                match action:
                    case two_phase.Commit(gtrid, shard):
                        commits.setdefault(gtrid, []).append(shards[shard])
                    case two_phase.Rollback(gtrid, shard):
                        with suppress(MustWait):
                            shards[shard].rollback_prepared(gtrid)
                    case two_phase.Forget(gtrid):
                        self._coordinator.forget(gtrid)
            # What some shards show already has its time, which is before all that are still to be given.
            shown = {gtrid: self._shown_at(gtrid, shards) for gtrid in commits}
            for gtrid in sorted(commits, key=lambda gtrid: (not shown[gtrid], shown[gtrid], gtrid)):
                self._finish(gtrid, commits[gtrid], shown[gtrid])

    def _shown_at(self, gtrid: str, shards: Sequence[Shard]) -> int:
        """When a committed transaction became visible on some shard: it is the same on all; 0: on none yet."""
        decision = self._decisions().get(gtrid)
        shown = [shards[n] for n in (decision.participants if decision is not None else ()) if gtrid not in shards[n].recover()]
        return max([shard.sealed_at(gtrid) for shard in shown], default=0)

    def _finish(self, gtrid: str, shards: Sequence[Shard], shown_us: int) -> None:
        """Commit on these shards, at one time, or on none: who has a shard's write lock until its end goes first, and the others
        are asked again in the next round."""
        branches = [shard.prepared_branch(gtrid) for shard in shards]
        try:
            for branch in branches:
                branch.lock()
        except MustWait:
            for branch in branches:
                branch.give_place_up()
                branch.pause()
            return
        at_us = shown_us or self._clock.next_us()
        # A shard that had no space for it has gone on without it: there it is as late as it is.
        tickets = [
            shard.commit_prepared(gtrid, at_us if at_us > shard.time_us else self._clock.next_us()) for shard in shards
        ]
        for ticket in tickets:
            ticket.wait()

    def _finish_later(self, gtrid: str, shards: Sequence[Shard], *, committed: bool) -> None:
        branches = {n: shard.prepared_branch(gtrid) for n, shard in enumerate(shards) if gtrid in shard.recover()}
        at_us = self._shown_at(gtrid, shards) if committed else 0
        committing = _Committing(two_phase.resume(gtrid, branches, committed=committed), branches, at_us=at_us)
        self._work.put(partial(self._carry_out, committing, committing.actions))

    @property
    def _coordinator(self) -> Coordinator:
        assert self._maybe_coordinator is not None, "one shard decides by itself"
        return self._maybe_coordinator

    def _decisions(self) -> Mapping[str, Decision]:
        return self._maybe_coordinator.decisions() if self._maybe_coordinator is not None else {}

    def close(self) -> None:
        """Finish what is on its way as far as nobody has to be waited for, and stop.  Idempotent."""
        self._work.put(None)
        if self._runner is not None:
            self._runner.join()

    # ── the thread ──

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            self._do(work)

    def work(self) -> bool:
        """Do the next thing that is to be done; False when nothing is."""
        if self._work.empty():
            return False
        work = self._work.get()
        if work is not None:
            self._do(work)
        return True

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001
            # The others go on.
            _LOG.exception("a commit of several shards stopped half-way; the next start finishes it")

    def _happened(self, committing: _Committing, event: two_phase.Event) -> None:
        committing.state, actions = two_phase.step(committing.state, event)
        self._carry_out(committing, actions)

    def _carry_out(self, committing: _Committing, actions: Sequence[two_phase.Action]) -> None:
        commits = any(isinstance(action, two_phase.Commit) for action in actions)
        for action in actions:
            match action:
                case two_phase.Prepare(gtrid, shard):
                    self._prepare(committing, gtrid, shard)
                case two_phase.Decide(gtrid, shards):
                    self._record(committing, gtrid, Decision(Verdict.COMMIT, shards))
                case two_phase.Settle(gtrid, shards):
                    self._record(committing, gtrid, Decision(Verdict.ABORT, shards))
                case two_phase.Rollback(gtrid, shard):
                    self._roll_back(committing, shard)
                case two_phase.Forget(gtrid):
                    self._coordinator.forget(gtrid)
                case two_phase.Answer(_, _, reason):
                    if not commits:  # else when it is visible
                        self._answer(committing, reason)
                case two_phase.Commit():
                    pass  # all together, below
                case two_phase.CommitOnePhase():
                    raise AssertionError("a transaction of one shard does not come here")
                case _:
                    assert_never(action)
        if commits:
            self._make_visible(committing)

    def _prepare(self, committing: _Committing, gtrid: str, shard: int) -> None:
        if committing.state.phase is not two_phase.Phase.PREPARING:
            return  # another shard has refused while this one waited
        try:
            ticket = committing.branches[shard].prepare(gtrid, tuple(committing.branches))
        except MustWait as waiting:
            self._when(waiting.ticket, partial(self._prepare, committing, gtrid, shard))
        except SqlError as problem:
            self._happened(committing, two_phase.Refused(shard, problem))
        else:
            self._when(ticket, partial(self._voted, committing, shard, ticket))

    def _voted(self, committing: _Committing, shard: int, ticket: Ticket) -> None:
        try:
            ticket.check()
        except FaunaError as problem:
            self._happened(committing, two_phase.Refused(shard, _told(problem)))
        else:
            self._happened(committing, two_phase.Prepared(shard))

    def _record(self, committing: _Committing, gtrid: str, decision: Decision) -> None:
        try:
            ticket = self._coordinator.decide(gtrid, decision)
        except FaunaError as problem:
            self._happened(committing, two_phase.DecisionUnknown(_told(problem)))
        else:
            self._when(ticket, partial(self._recorded, committing, ticket))

    def _recorded(self, committing: _Committing, ticket: DecisionTicket) -> None:
        event: two_phase.Event
        try:
            ticket.check()
            stands = ticket.standing.verdict is Verdict.COMMIT
            event = two_phase.Decided() if stands else two_phase.DecisionFailed(error("ERROR_DURING_COMMIT", "it was given up"))
        except OutcomeUnknown as problem:
            event = two_phase.DecisionUnknown(problem)
        except FaunaError as problem:
            event = two_phase.DecisionFailed(_told(problem))
        self._happened(committing, event)

    def _roll_back(self, committing: _Committing, shard: int) -> None:
        try:
            ticket = committing.branches[shard].undo()
        except MustWait as waiting:
            self._when(waiting.ticket, partial(self._roll_back, committing, shard))
        except FaunaError as problem:
            _LOG.exception("a transaction could not be rolled back; the next start does it")
            if not committing.state.answered:
                self._answer(committing, _told(problem))
        else:
            if committing.state.answered:
                self._happened(committing, two_phase.RolledBack(shard))
            else:
                self._when(ticket, partial(self._rolled_back, committing, shard, ticket))

    def _rolled_back(self, committing: _Committing, shard: int, ticket: Ticket) -> None:
        try:
            ticket.check()
        except FaunaError as problem:
            self._answer(committing, _told(problem))
        else:
            self._happened(committing, two_phase.RolledBack(shard))

    def _make_visible(self, committing: _Committing) -> None:
        """Take all locks, waiting for one at a time with none of the others in hand, then commit on all shards at once."""
        branches = committing.branches
        try:
            self._lock_all(committing)
        except MustWait as waiting:
            self._when(waiting.ticket, partial(self._make_visible, committing))
            return
        except FaunaError as problem:
            for branch in branches.values():
                branch.pause()
            self._not_visible(committing, problem)
            return
        tickets: dict[int, Ticket] = {}
        failed: FaunaError | None = None
        with self._gate.commit():
            take_back = committing.shown() if committing.shown is not None else None
            at_us = committing.at_us or self._clock.next_us()
            for shard, branch in branches.items():
                try:
                    tickets[shard] = branch.commit(at_us)
                except FaunaError as problem:
                    failed = problem
                    if not tickets:
                        break  # nobody has seen anything of it
            if not tickets and take_back is not None:
                take_back()
        if failed is not None and not tickets:
            for branch in branches.values():
                branch.pause()
        if failed is not None:
            self._not_visible(committing, failed)
        elif committing.state.answered:  # else when it is durable
            self._answer(committing, None)
        for shard, ticket in tickets.items():
            self._when(ticket, partial(self._committed, committing, shard, ticket))

    @staticmethod
    def _lock_all(committing: _Committing) -> None:
        """MustWait for one lock, with no other in hand by the time it begins to wait: whoever has that one, and wants one that
        is given back a moment later, would seem to be in a deadlock with what must end, and get error 1213 for nothing."""
        branches = committing.branches
        while True:
            first = committing.first
            branches[first].lock()
            busy = next((shard for shard, each in branches.items() if shard != first and not each.lock_if_free()), None)
            if busy is None:
                return
            for branch in branches.values():
                branch.pause()
            committing.first = busy

    def _not_visible(self, committing: _Committing, problem: FaunaError) -> None:
        """A shard cannot do what is decided: it stays prepared there, with its rows locked, and nothing else held."""
        _LOG.error("a committed transaction is not visible on all shards: the next start finishes it", exc_info=problem)
        self._answer(committing, error("ERROR_DURING_COMMIT", str(_told(problem))))

    def _committed(self, committing: _Committing, shard: int, ticket: Ticket) -> None:
        try:
            ticket.check()
        except FaunaError as problem:
            if not committing.state.answered:
                self._answer(committing, _told(problem))
            return  # it is prepared on disk, and decided: the next start finds it
        self._happened(committing, two_phase.Committed(shard))

    def _answer(self, committing: _Committing, reason: SqlError | None) -> None:
        for branch in committing.held:
            branch.rollback()
        committing.ticket.complete(reason)

    def _when(self, ticket: Ticket, work: Callable[[], None]) -> None:
        ticket.on_done(lambda: self._work.put(work))


def _prepared(shards: Sequence[Shard]) -> dict[int, list[str]]:
    return {number: shard.recover() for number, shard in enumerate(shards)}


def _told(problem: FaunaError) -> SqlError:
    return problem if isinstance(problem, SqlError) else error("ERROR_DURING_COMMIT", str(problem))
