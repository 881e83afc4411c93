"""Play the stories of two-phase commit; as a command, also write them anew.

python -m tests.scripts.two_phase.run               what differs
python -m tests.scripts.two_phase.run --rewrite     take what comes out now as what must come out; read the diff
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import error
from fauna.txn import two_phase as tp
from tests.scripts import script

DIRECTORY = Path(__file__).parent

_EVENTS: dict[str, Callable[..., tp.Event]] = {
    "prepared": lambda shard: tp.Prepared(int(shard)),
    "refused": lambda shard, name: tp.Refused(int(shard), _error(name)),
    "decided": tp.Decided,
    "decision failed": lambda name: tp.DecisionFailed(_error(name)),
    "decision unknown": lambda: tp.DecisionUnknown(_error("ERROR_DURING_COMMIT")),
    "committed": lambda shard: tp.Committed(int(shard)),
    "rolled back": lambda shard: tp.RolledBack(int(shard)),
    "lost": lambda shard: tp.ShardLost(int(shard), _error("NET_READ_ERROR")),
    "back": lambda shard: tp.ShardBack(int(shard)),
    "timed out": tp.TimedOut,
    "cancelled": lambda: tp.Cancelled(error("QUERY_INTERRUPTED")),
    "commit asked": tp.CommitAsked,
    "rollback asked": tp.RollbackAsked,
}
_BEGINNINGS = ("begin ", "hold ", "adopt ", "resume-committed ", "resume-aborted ")
_DECISION = re.compile(r"(?P<gtrid>\w+)=(?P<verdict>commit|abort)\((?P<shards>[\d,]+)\)")
_PREPARED = re.compile(r"(?P<shard>\d+):(?P<gtrids>[\w,]*)")


def _error(name: str) -> tp.SqlError:
    return error(name, *(["..."] if name in ("DISK_FULL", "ERROR_DURING_COMMIT") else []))


def play(story: script.Script) -> Iterator[tuple[script.Statement, list[str]]]:
    """Each line of the story with what comes out."""
    state: tp.State | None = None
    for statement in story.statements:
        words = statement.sql
        if words == "crash":
            state = None
            yield statement, ["everything in memory is gone"]
        elif words.startswith("recover "):
            yield statement, [message(action) for action in _recover(words)] or ["nothing is left to do"]
        else:
            state, lines = _step(state, words)
            yield statement, lines


def _step(state: tp.State | None, words: str) -> tuple[tp.State | None, list[str]]:
    try:
        after, actions = _begin(words) if words.startswith(_BEGINNINGS) else tp.step(_must(state), _event(words))
    except AssertionError as impossible:
        return state, [f"IMPOSSIBLE: {str(impossible).partition(':')[0]}"]
    return after, [*map(message, actions), summary(after)]


def _must(state: tp.State | None) -> tp.State:
    if state is None:
        raise ValueError("the story has not begun")
    return state


def _begin(words: str) -> tp.Step:
    how, _, rest = words.partition(" ")
    gtrid, _, on = rest.partition(" on")
    shards = [int(shard) for shard in on.split()]
    if how == "adopt":
        return tp.adopt(gtrid, shards), ()
    if how.startswith("resume"):
        return tp.resume(gtrid, shards, committed=how == "resume-committed")
    return tp.begin(gtrid, shards, held=how == "hold")


def _event(words: str) -> tp.Event:
    name = max((name for name in _EVENTS if words.startswith(name)), key=len)
    return _EVENTS[name](*words.removeprefix(name).split())


def _recover(words: str) -> tuple[tp.Action, ...]:
    recorded, _, rest = words.partition(" prepared ")
    prepared, _, held = rest.partition(" held ")
    decisions = {
        m["gtrid"]: Decision(Verdict(m["verdict"]), tuple(map(int, m["shards"].split(",")))) for m in _DECISION.finditer(recorded)
    }
    shards = {int(m["shard"]): [gtrid for gtrid in m["gtrids"].split(",") if gtrid] for m in _PREPARED.finditer(prepared)}
    return tp.recover(decisions, shards, held.split())


def message(action: tp.Action) -> str:
    match action:
        case tp.CommitOnePhase(gtrid, shard):
            return f"-> shard {shard}: commit {gtrid} in one phase"
        case tp.Prepare(gtrid, shard):
            return f"-> shard {shard}: prepare {gtrid}"
        case tp.Decide(gtrid, participants):
            return f"-> coordinator: decide commit {gtrid} ({_shards(participants)})"
        case tp.Settle(gtrid, participants):
            return f"-> coordinator: settle {gtrid} ({_shards(participants)})"
        case tp.Commit(gtrid, shard):
            return f"-> shard {shard}: commit {gtrid}"
        case tp.Rollback(gtrid, shard):
            return f"-> shard {shard}: roll back {gtrid}"
        case tp.Forget(gtrid):
            return f"-> coordinator: forget {gtrid}"
        case tp.Answer(_, outcome, reason):
            return f"-> client: {outcome.value}" + (f": ERROR {reason}" if reason is not None else "")


def summary(state: tp.State) -> str:
    """The phase, and who has still to be heard in it."""
    heard_one_by_one = (tp.Phase.PREPARING, tp.Phase.COMMITTING, tp.Phase.ROLLING_BACK)
    if state.phase in heard_one_by_one:
        return f"{state.phase.value}, waiting for {_shards(sorted(state.waiting))}"
    return state.phase.value


def _shards(shards: tuple[int, ...] | list[int]) -> str:
    return " ".join(map(str, shards))


def load(name: str) -> script.Script:
    return script.parse(name, (DIRECTORY / f"{name}.test").read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rewrite", action="store_true")
    rewrite = parser.parse_args().rewrite
    different = 0
    for name in script.names(DIRECTORY):
        story = load(name)
        for statement, lines in play(story):
            if statement.answer != lines:
                different += 1
                print(f"{name}:{statement.line}: > {statement.sql}", *(f"    {line}" for line in lines), sep="\n")
                statement.answer = lines
        if rewrite:
            (DIRECTORY / f"{name}.test").write_text(script.write(story), encoding="utf-8")
    return 1 if different and not rewrite else 0


if __name__ == "__main__":
    sys.exit(main())
