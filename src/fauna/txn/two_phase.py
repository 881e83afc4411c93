"""Two-phase commit of ONE transaction over several shards, from the coordinator's side: a pure state machine.

    begin(gtrid, participants, held)   -> (state, actions)
    step(state, event)                 -> (state, actions)
    recover(decisions, prepared, held) -> actions, after a crash

No I/O, no clock, no thread: the caller carries the actions out and reports what came of them as events.

    one participant      CommitOnePhase ............................ Committed -> Answer           1 sync
    several              Prepare on each, in parallel .............. all Prepared                  1st sync
                         Decide: one durable COMMIT record ......... Decided -> Answer             2nd sync
                         Commit on each, in parallel ............... all Committed -> Forget       nobody waits
    held by its client   Prepare on each ... all Prepared -> Answer, and then nothing until the client says which:
                         CommitAsked -> Decide, and on as above (one participant: Commit ... Committed -> Answer)
                         RollbackAsked -> Rollback on each ... all RolledBack -> Answer
    anything refuses     Rollback on each .......................... nothing was recorded: presumed abort

**The decision is the commit.**  Before the record is durable the transaction may be rolled back, and after a crash it will be.
From then on it is committed: each branch is durable in a form that can be redone, so a shard that dies, a process that dies or
a full disk only delay the second phase.  That is why the client is answered at `Decided` and not after the commits.

**What the client is told.**  COMMITTED once the record is durable.  ROLLED_BACK, with the reason, once no record can come to be;
it does not wait for the branches.  UNKNOWN (1180) if nobody can say whether the record is there: the branches then stay prepared
until the coordinator can be asked again (`Settle`) or a restart recovers.  Each transaction gets one answer, which stays true.

**What a reader sees meanwhile.**  Between the first and the last Commit some shards show the transaction and some do not.
Atomic visibility is the caller's, by a *commit gate*:

    - Before it carries out what `step` gave for Decided (so also before the client is answered), it closes the gate.
    - It opens the gate when every participant has Committed or is lost.  Many commits may hold it closed at once.
    - A snapshot of several shards, and any statement that must see what was answered, begins with the gate open and keeps it
      from closing until the snapshot is taken.
    - A lost shard answers nobody, readers included, until all its prepared branches of before are committed or rolled back.

**What else the caller must do.**

    - Durable first: Prepared, Decided and Committed are reported when it is on disk, not before.  A Forget that overtakes a
      commit's sync would leave a prepared branch without its decision.
    - In order: the actions of one gtrid for one shard are done one at a time in the order given (so a Rollback comes after the
      Prepare it takes back), likewise Decide, Settle and Forget.  Different shards go in parallel.
    - Repeatable: Commit or Rollback of a gtrid that the shard does not know (1397) is reported as done; Rollback of a branch that
      is not prepared rolls that branch back, if it is open; Prepare or CommitOnePhase of a branch that was lost is Refused.
    - Losses: a lost message needs no event.  TimedOut, whenever the caller has waited long enough, tries again or gives up.
    - After a crash it calls `recover` until that returns nothing, before a shard takes statements again.
    - A gtrid is never used a second time.

**What a client has prepared** (XA PREPARE) is its to decide, also when that takes days and a crash lies between: nothing that
happens here rolls it back.  A decision that could not be written leaves it prepared.  Its gtrid is `held` from recovery, as
long as no decision stands.

Known limits: a branch that only read is a participant like any other, if it is one at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import SqlError, error

# ── state ──


class Phase(Enum):
    ONE_PHASE = "one phase"  # the only participant commits by itself
    PREPARING = "preparing"  # some have not voted
    HELD = "held"  # all are prepared, and the client has been told: it decides
    DECIDING = "deciding"  # all are prepared; the COMMIT record is being written
    SETTLING = "settling"  # nobody knows whether it was: the coordinator must say, and make it final
    COMMITTING = "committing"  # committed; some branches have not followed
    ROLLING_BACK = "rolling back"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class State:
    """waiting   the shards that have still to vote or to acknowledge
    answered  the client has been told, once and for all
    settled   the coordinator was asked to settle, so there may be an ABORT record to forget
    held      the client decides, once all are prepared
    """

    gtrid: str
    participants: tuple[int, ...]
    phase: Phase
    waiting: frozenset[int]
    answered: bool = False
    settled: bool = False
    held: bool = False


# ── actions: what the caller is to do ──


@dataclass(frozen=True, slots=True)
class CommitOnePhase:
    gtrid: str
    shard: int


@dataclass(frozen=True, slots=True)
class Prepare:
    gtrid: str
    shard: int


@dataclass(frozen=True, slots=True)
class Decide:
    """Write the COMMIT record, unless another record of this gtrid is there already."""

    gtrid: str
    participants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """Write an ABORT record, unless another is there already; the event says which one stands."""

    gtrid: str
    participants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    gtrid: str
    shard: int


@dataclass(frozen=True, slots=True)
class Rollback:
    gtrid: str
    shard: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the record: no shard will ask for it again."""

    gtrid: str


class Outcome(Enum):
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    UNKNOWN = "unknown"
    PREPARED = "prepared"  # it is the client's; with an error: it still is, nothing was decided


@dataclass(frozen=True, slots=True)
class Answer:
    gtrid: str
    outcome: Outcome
    error: SqlError | None = None


Action = CommitOnePhase | Prepare | Decide | Settle | Commit | Rollback | Forget | Answer

# ── events: what came of it ──


@dataclass(frozen=True, slots=True)
class Prepared:
    shard: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, for certain: not prepared; or not committed or rolled back yet, and may be tried again."""

    shard: int
    error: SqlError


@dataclass(frozen=True, slots=True)
class Decided:
    """A COMMIT record stands."""


@dataclass(frozen=True, slots=True)
class DecisionFailed:
    """There is no COMMIT record, for certain, and none will come."""

    error: SqlError


@dataclass(frozen=True, slots=True)
class DecisionUnknown:
    """There may be a COMMIT record, or not."""

    error: SqlError


@dataclass(frozen=True, slots=True)
class Committed:
    shard: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    shard: int


@dataclass(frozen=True, slots=True)
class ShardLost:
    """It does not answer: what it was asked last may have been done or not, and what was not prepared is gone."""

    shard: int
    error: SqlError


@dataclass(frozen=True, slots=True)
class ShardBack:
    """It takes requests again, with its prepared branches of before."""

    shard: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The caller has waited long enough for whatever is outstanding."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client went away, or its statement was killed: it counts only while nothing is decided."""

    error: SqlError


@dataclass(frozen=True, slots=True)
class CommitAsked:
    """The client that holds it wants it committed."""


@dataclass(frozen=True, slots=True)
class RollbackAsked:
    """The client that holds it wants it rolled back."""


Event = (
    Prepared | Refused | Decided | DecisionFailed | DecisionUnknown | Committed | RolledBack | ShardLost | ShardBack | TimedOut
    | Cancelled | CommitAsked | RollbackAsked
)  # fmt: skip
Step = tuple[State, tuple[Action, ...]]

# ── the protocol ──


def begin(gtrid: str, participants: Collection[int], *, held: bool = False) -> Step:
    """The client said COMMIT, or with `held` XA PREPARE.  `participants` are the shards that have a branch of the transaction."""
    shards = tuple(sorted(set(participants)))
    state = State(gtrid, shards, Phase.PREPARING, frozenset(shards), held=held)
    if not shards:
        return _answer(replace(state, phase=Phase.DONE), Outcome.COMMITTED)
    if len(shards) == 1 and not held:
        return replace(state, phase=Phase.ONE_PHASE), (CommitOnePhase(gtrid, shards[0]),)
    return state, tuple(Prepare(gtrid, shard) for shard in shards)


def adopt(gtrid: str, participants: Collection[int]) -> State:
    """What a client had prepared before a crash: on all of `participants`, and nothing decided."""
    return State(gtrid, tuple(sorted(participants)), Phase.HELD, frozenset(), held=True)


def resume(gtrid: str, prepared: Collection[int], *, committed: bool) -> Step:
    """Finish what a crash left on the shards `prepared`, when that must wait for somebody else."""
    state = State(gtrid, tuple(sorted(prepared)), Phase.PREPARING, frozenset(), answered=True)
    return _commit(state) if committed else _roll_back(state, None)


def step(state: State, event: Event) -> Step:
    """What `event` makes of the transaction.

    A late or repeated event changes nothing; one that contradicts what was reported before is a bug of the caller.
    """
    match state.phase:
        case Phase.ONE_PHASE:
            return _one_phase(state, event)
        case Phase.PREPARING:
            return _preparing(state, event)
        case Phase.HELD:
            return _held(state, event)
        case Phase.DECIDING:
            return _deciding(state, event)
        case Phase.SETTLING:
            return _settling(state, event)
        case Phase.COMMITTING:
            return _committing(state, event)
        case Phase.ROLLING_BACK:
            return _rolling_back(state, event)
        case Phase.DONE:
            return state, ()


def _one_phase(state: State, event: Event) -> Step:
    match event:
        case Committed():
            return _answer(replace(state, phase=Phase.DONE, waiting=frozenset()), Outcome.COMMITTED)
        case Refused(_, reason):
            return _roll_back(state, reason)
        case ShardLost(_, reason):
            return _answer(replace(state, phase=Phase.DONE), Outcome.UNKNOWN, reason)
        case TimedOut():
            # To commit again could not tell "was committed" from "never was".  A rollback does nothing in the first case.
            state, actions = _answer(state, Outcome.UNKNOWN, _unknown())
            return replace(state, phase=Phase.ROLLING_BACK), (*actions, Rollback(state.gtrid, state.participants[0]))
        case ShardBack() | Cancelled():
            return state, ()
    raise _impossible(state, event)


def _preparing(state: State, event: Event) -> Step:
    match event:
        case Prepared(shard):
            return _all_prepared(replace(state, waiting=state.waiting - {shard}))
        case Refused(_, reason) | Cancelled(reason):
            return _roll_back(state, reason)
        case ShardLost(shard, reason) if shard in state.waiting:
            return _roll_back(state, reason)
        case TimedOut():
            return _roll_back(state, error("LOCK_WAIT_TIMEOUT"))
        case ShardLost() | ShardBack():  # its vote is durable
            return state, ()
    raise _impossible(state, event)


def _all_prepared(state: State) -> Step:
    if state.waiting:
        return state, ()
    if state.held:
        return replace(state, phase=Phase.HELD), (Answer(state.gtrid, Outcome.PREPARED),)
    return replace(state, phase=Phase.DECIDING), (Decide(state.gtrid, state.participants),)


def _held(state: State, event: Event) -> Step:
    match event:
        case CommitAsked() if len(state.participants) == 1:  # its commit is durable by itself, and decides
            state = replace(state, phase=Phase.COMMITTING, waiting=frozenset(state.participants))
            return state, (Commit(state.gtrid, state.participants[0]),)
        case CommitAsked():
            return replace(state, phase=Phase.DECIDING), (Decide(state.gtrid, state.participants),)
        case RollbackAsked():
            state = replace(state, phase=Phase.ROLLING_BACK, waiting=frozenset(state.participants))
            return state, tuple(Rollback(state.gtrid, shard) for shard in state.participants)
        case Prepared() | ShardLost() | ShardBack() | TimedOut() | Cancelled():
            return state, ()
    raise _impossible(state, event)


def _deciding(state: State, event: Event) -> Step:
    match event:
        case Decided():
            return _commit(state)
        case DecisionFailed(reason) if state.held:
            return replace(state, phase=Phase.HELD), (Answer(state.gtrid, Outcome.PREPARED, reason),)
        case DecisionUnknown(reason) if state.held:
            return _answer(state, Outcome.UNKNOWN, reason)
        case TimedOut() if state.held:
            return state, (Decide(state.gtrid, state.participants),)
        case DecisionFailed(reason):
            return _roll_back(state, reason)
        case DecisionUnknown() | TimedOut():
            # The record may be on its way to the disk: to roll back now could contradict it.
            return replace(state, phase=Phase.SETTLING, settled=True), (Settle(state.gtrid, state.participants),)
        case Prepared() | ShardLost() | ShardBack() | Cancelled():
            return state, ()
    raise _impossible(state, event)


def _settling(state: State, event: Event) -> Step:
    match event:
        case Decided():
            return _commit(state)
        case DecisionFailed(reason):
            return _roll_back(state, reason)
        case DecisionUnknown(reason):
            return _answer(state, Outcome.UNKNOWN, reason)
        case TimedOut():
            state, actions = _answer(state, Outcome.UNKNOWN, _unknown())
            return state, (*actions, Settle(state.gtrid, state.participants))
        case Prepared() | ShardLost() | ShardBack() | Cancelled():
            return state, ()
    raise _impossible(state, event)


def _committing(state: State, event: Event) -> Step:
    match event:
        case Committed(shard):
            decided = not state.held or len(state.participants) > 1
            return _finished(replace(state, waiting=state.waiting - {shard}), Outcome.COMMITTED, forget=decided)
        case TimedOut():
            return state, tuple(Commit(state.gtrid, shard) for shard in sorted(state.waiting))
        case ShardBack(shard) if shard in state.waiting:
            return state, (Commit(state.gtrid, shard),)
        case DecisionFailed() | RolledBack():
            raise _impossible(state, event)
    return state, ()


def _rolling_back(state: State, event: Event) -> Step:
    match event:
        case RolledBack(shard):
            return _finished(replace(state, waiting=state.waiting - {shard}), Outcome.ROLLED_BACK, forget=state.settled)
        case TimedOut():
            return state, tuple(Rollback(state.gtrid, shard) for shard in sorted(state.waiting))
        case ShardBack(shard) if shard in state.waiting:
            return state, (Rollback(state.gtrid, shard),)
        case Decided():
            raise _impossible(state, event)
        case Committed() if len(state.participants) > 1:
            raise _impossible(state, event)
    return state, ()


def _commit(state: State) -> Step:
    state = replace(state, phase=Phase.COMMITTING, waiting=frozenset(state.participants))
    state, actions = _answer(state, Outcome.COMMITTED)
    return state, actions + tuple(Commit(state.gtrid, shard) for shard in state.participants)


def _roll_back(state: State, reason: SqlError | None) -> Step:
    """Every branch is told, also those that refused or have not voted: none is left to chance."""
    state = replace(state, phase=Phase.ROLLING_BACK, waiting=frozenset(state.participants))
    state, actions = _answer(state, Outcome.ROLLED_BACK, reason)
    return state, actions + tuple(Rollback(state.gtrid, shard) for shard in state.participants)


def _finished(state: State, outcome: Outcome, *, forget: bool) -> Step:
    """Who holds a transaction is told when it is over; everybody else has been told before."""
    if state.waiting:
        return state, ()
    state, actions = _answer(replace(state, phase=Phase.DONE), outcome)
    return state, actions + ((Forget(state.gtrid),) if forget else ())


def _answer(state: State, outcome: Outcome, reason: SqlError | None = None) -> Step:
    if state.answered:
        return state, ()
    return replace(state, answered=True), (Answer(state.gtrid, outcome, reason),)


def _unknown() -> SqlError:
    return error("ERROR_DURING_COMMIT", '"no answer yet: the transaction may or may not be committed"')


def _impossible(state: State, event: Event) -> AssertionError:
    return AssertionError(f"{type(event).__name__} while {state.phase.value}: {event}, {state}")


# ── after a crash ──


def recover(
    decisions: Mapping[str, Decision], prepared: Mapping[int, Collection[str]], held: Collection[str] = ()
) -> tuple[Action, ...]:
    """What is left to do, given the durable records and what each shard that answers has prepared.

    No COMMIT record means abort, so nobody may still be about to write one: the transactions that run (when only a shard has been
    down) are `held`, that is left alone.  Call again, with what is there then, until nothing comes back.  A record is forgotten
    in a later round than the commits it asks for, and only when all its participants have been heard.
    """
    finish = tuple(
        Commit(gtrid, shard) if is_committed(decisions, gtrid) else Rollback(gtrid, shard)
        for shard in sorted(prepared) for gtrid in sorted(prepared[shard]) if gtrid not in held
    )
    forget = tuple(
        Forget(gtrid) for gtrid, decision in sorted(decisions.items())
        if gtrid not in held and all(s in prepared and gtrid not in prepared[s] for s in decision.participants)
    )
    return finish + forget


def is_committed(decisions: Mapping[str, Decision], gtrid: str) -> bool:
    return gtrid in decisions and decisions[gtrid].verdict is Verdict.COMMIT
