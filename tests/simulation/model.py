"""The model: what is durable, what a crash takes, and a scheduler that picks what happens next."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import error
from fauna.txn import two_phase as tp

SHARDS = 4
REASON = error("LOCK_DEADLOCK")


class Torn(AssertionError):
    """Something that must never be."""


@dataclass
class Shard:
    """open: branches that a crash takes.  prepared, committed: durable."""

    open: set[str] = field(default_factory=set)
    prepared: set[str] = field(default_factory=set)
    committed: set[str] = field(default_factory=set)
    locks: set[str] = field(default_factory=set)  # gtrids that hold any


class World:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.story: list[str] = []
        self.shards = [Shard() for _ in range(SHARDS)]
        self.decisions: dict[str, Decision] = {}
        self.states: dict[str, tp.State] = {}
        self.todo: list[tuple[str, tp.Action]] = []  # in their order for one gtrid and shard
        self.told: list[tuple[str, tp.Event]] = []
        self.answers: dict[str, tp.Outcome] = {}
        self.participants: dict[str, tuple[int, ...]] = {}
        self.number = 0

    def say(self, text: str) -> None:
        self.story.append(text)

    # ── what can happen ──

    def begin(self) -> None:
        self.number += 1
        gtrid = f"t{self.number}"
        shards = tuple(sorted(self.dice.sample(range(SHARDS), self.dice.randint(1, SHARDS))))
        self.participants[gtrid] = shards
        for shard in shards:
            self.shards[shard].open.add(gtrid)
            self.shards[shard].locks.add(gtrid)
        self.say(f"{gtrid} commits on shards {shards}")
        self._take(gtrid, tp.begin(gtrid, shards))

    def act(self) -> None:
        """One of the actions that are asked for, of those that are the first of their transaction and shard."""
        first: dict[tuple[str, int], int] = {}
        for position, (gtrid, action) in enumerate(self.todo):
            first.setdefault((gtrid, getattr(action, "shard", -1)), position)
        gtrid, action = self.todo.pop(self.dice.choice(list(first.values())))
        event = self._done(gtrid, action)
        lost = self.dice.random() < 0.05
        self.say(f"{action} -> {event}{' (lost)' if lost and event else ''}")
        if event is not None and not lost:
            self.told.append((gtrid, event))

    def tell(self) -> None:
        gtrid, event = self.told.pop(self.dice.randrange(len(self.told)))
        self._step(gtrid, event)

    def time_out(self) -> None:
        gtrid = self.dice.choice(list(self.states))
        if self.states[gtrid].phase is not tp.Phase.DONE:
            self.say(f"{gtrid}: time is up")
            self._step(gtrid, tp.TimedOut())

    def cancel(self) -> None:
        gtrid = self.dice.choice(list(self.states))
        self.say(f"{gtrid}: the client has gone")
        self._step(gtrid, tp.Cancelled(REASON))

    def crash(self) -> None:
        """All that is not durable is gone; then recovery, which may be cut short by another crash."""
        self.say("CRASH")
        self.states, self.todo, self.told = {}, [], []
        for shard in self.shards:
            shard.open.clear()
            shard.locks = set(shard.prepared)
        while actions := tp.recover(self.decisions, {n: shard.prepared for n, shard in enumerate(self.shards)}):
            for action in actions:
                if self.dice.random() < 0.02:
                    self.say("CRASH in recovery")
                    break
                self.say(f"recovery: {action}")
                self._done(action.gtrid, action)

    # ── how ──

    def _take(self, gtrid: str, step: tp.Step) -> None:
        self.states[gtrid], actions = step
        for action in actions:
            if isinstance(action, tp.Answer):
                if gtrid in self.answers:
                    raise Torn(f"{gtrid} was answered twice")
                self.answers[gtrid] = action.outcome
                self.say(f"{gtrid} is told: {action.outcome.value}")
            else:
                self.todo.append((gtrid, action))

    def _step(self, gtrid: str, event: tp.Event) -> None:
        if gtrid in self.states:
            self._take(gtrid, tp.step(self.states[gtrid], event))

    def _done(self, gtrid: str, action: tp.Action) -> tp.Event | None:
        match action:
            case tp.CommitOnePhase(_, number):
                shard = self.shards[number]
                if gtrid not in shard.open or self.dice.random() < 0.1:
                    return tp.Refused(number, REASON)
                self._release(number, gtrid)
                shard.committed.add(gtrid)
                return tp.Committed(number)
            case tp.Prepare(_, number):
                shard = self.shards[number]
                if gtrid in shard.prepared:
                    return tp.Prepared(number)
                if gtrid not in shard.open or self.dice.random() < 0.1:
                    return tp.Refused(number, REASON)
                shard.open.discard(gtrid)
                shard.prepared.add(gtrid)
                return tp.Prepared(number)
            case tp.Decide() | tp.Settle():
                return self._record(gtrid, action)
            case tp.Commit(_, number):
                if gtrid in self.shards[number].prepared:
                    self._release(number, gtrid)
                    self.shards[number].committed.add(gtrid)
                return tp.Committed(number)
            case tp.Rollback(_, number):
                self._release(number, gtrid)
                return tp.RolledBack(number)
            case tp.Forget():
                self.decisions.pop(gtrid, None)
        return None

    def _record(self, gtrid: str, action: tp.Decide | tp.Settle) -> tp.Event:
        unknown = self.dice.random() < 0.15
        verdict = Verdict.COMMIT if isinstance(action, tp.Decide) else Verdict.ABORT
        if not unknown or self.dice.random() < 0.5:
            self.decisions.setdefault(gtrid, Decision(verdict, action.participants))
        if unknown:
            return tp.DecisionUnknown(REASON)
        stands = self.decisions[gtrid].verdict is Verdict.COMMIT
        return tp.Decided() if stands else tp.DecisionFailed(REASON)

    def _release(self, number: int, gtrid: str) -> None:
        shard = self.shards[number]
        shard.open.discard(gtrid)
        shard.prepared.discard(gtrid)
        shard.locks.discard(gtrid)

    # ── what must be, once nothing is going on ──

    def check(self) -> None:
        for gtrid, shards in self.participants.items():
            there = {number for number in shards if gtrid in self.shards[number].committed}
            if there and there != set(shards):
                raise Torn(f"{gtrid} is committed on {sorted(there)} of {shards}")
            answer = self.answers.get(gtrid)
            if answer is tp.Outcome.COMMITTED and not there or answer is tp.Outcome.ROLLED_BACK and there:
                raise Torn(f"{gtrid} was told {answer.value}, and is committed on {sorted(there)}")
        for number, shard in enumerate(self.shards):
            if shard.prepared or shard.locks:
                raise Torn(f"shard {number} has left {shard.prepared} prepared, {shard.locks} locked")
        if self.decisions:
            raise Torn(f"decisions are left: {self.decisions}")


def simulate(seed: int) -> World:
    """A few transactions with all that can go wrong, then quiet, then a crash that clears up; raises Torn."""
    world = World(seed)
    try:
        for _ in range(world.dice.randint(20, 120)):
            chance = world.dice.random()
            if chance < 0.01:
                world.crash()
            elif chance < 0.08 or not world.states:
                world.begin()
            elif chance < 0.10:
                world.time_out()
            elif chance < 0.11:
                world.cancel()
            elif world.told and (chance < 0.6 or not world.todo):
                world.tell()
            elif world.todo:
                world.act()
        world.crash()
        world.crash()
        world.check()
    except AssertionError as torn:
        torn.add_note("\n".join([*world.story, f"replay: python -m tests.simulation --seed {seed}"]))
        raise
    return world
