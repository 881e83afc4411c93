"""A history in, its anomalies out.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any

import networkx


class Outcome(Enum):
    OK = "ok"
    FAILED = "failed"  # for certain
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Op:
    """An append of `value` to list `key`, or (value None) a read that gave `seen`."""

    key: int
    value: int | None = None
    seen: tuple[int, ...] | None = None


@dataclass
class Transaction:
    number: int
    ops: list[Op]
    outcome: Outcome
    begun_s: float = 0.0
    ended_s: float = 0.0


@dataclass(frozen=True)
class Anomaly:
    """kind: G0, G1a, G1b, G1c, G-single, G2, with '-realtime' where only the order of time makes a cycle; 'internal',
    'incompatible order', 'lost update', 'duplicate'."""

    kind: str
    story: str


@dataclass
class _Graph:
    graph: Any = field(default_factory=networkx.MultiDiGraph)

    def edge(self, source: object, target: object, kind: str, why: str) -> None:
        if source != target:
            self.graph.add_edge(source, target, kind=kind, why=why)


def anomalies(history: Sequence[Transaction]) -> list[Anomaly]:
    """Everything that no serial order of the transactions, each between its beginning and its end, can explain."""
    found: list[Anomaly] = []
    writers: dict[tuple[int, int], Transaction] = {}
    last_of: dict[tuple[int, int], int] = {}  # (transaction, key) -> its last append
    for transaction in history:
        for op in transaction.ops:
            if op.value is not None:
                writers[op.key, op.value] = transaction
                last_of[transaction.number, op.key] = op.value
    for transaction in history:
        if transaction.outcome is Outcome.OK:
            found += _internal(transaction)
    orders, broken = _orders(history)
    found += broken
    for transaction in history:
        if transaction.outcome is not Outcome.OK:
            continue
        for op in transaction.ops:
            found += _dirty(transaction, op, writers, last_of)
    found += _cycles(history, orders, writers)
    return found


def _internal(transaction: Transaction) -> Iterable[Anomaly]:
    """A read must have what the transaction itself has read and appended before."""
    known: dict[int, tuple[int, ...]] = {}
    for op in transaction.ops:
        if op.value is not None:
            if op.key in known:
                known[op.key] = (*known[op.key], op.value)
            continue
        assert op.seen is not None
        own = [o.value for o in transaction.ops[: transaction.ops.index(op)] if o.key == op.key and o.value is not None]
        if op.key in known and known[op.key] != op.seen or own and list(op.seen[-len(own) :]) != own:
            yield Anomaly(
                "internal", f"T{transaction.number} read {op.seen} of {op.key}, and knew {known.get(op.key)}, wrote {own}"
            )
        known[op.key] = op.seen


def _orders(history: Sequence[Transaction]) -> tuple[dict[int, tuple[int, ...]], list[Anomaly]]:
    """The order of appends to each list: the longest that was read, of which all others must be beginnings."""
    longest: dict[int, tuple[int, ...]] = {}
    reads = [(t, op) for t in history if t.outcome is Outcome.OK for op in t.ops if op.seen is not None]
    for _, op in reads:
        assert op.seen is not None
        if len(op.seen) > len(longest.get(op.key, ())):
            longest[op.key] = op.seen
    found = []
    for transaction, op in reads:
        assert op.seen is not None
        # What it has appended itself is not there yet for others.
        if op.seen != longest.get(op.key, ())[: len(op.seen)]:
            found.append(
                Anomaly("incompatible order", f"T{transaction.number} read {op.seen} of {op.key}, others {longest[op.key]}")
            )
        if len(set(op.seen)) != len(op.seen):
            found.append(Anomaly("duplicate", f"T{transaction.number} read {op.seen} of {op.key}"))
    return longest, found


def _dirty(
    transaction: Transaction, op: Op, writers: dict[tuple[int, int], Transaction], last_of: dict[tuple[int, int], int]
) -> Iterable[Anomaly]:
    for value in op.seen or ():
        writer = writers.get((op.key, value))
        if writer is None or writer.outcome is Outcome.FAILED:
            yield Anomaly("G1a", f"T{transaction.number} read {value} of {op.key}, which was never committed")
    if op.seen:
        writer = writers.get((op.key, op.seen[-1]))
        if writer is not None and writer is not transaction and last_of[writer.number, op.key] != op.seen[-1]:
            yield Anomaly("G1b", f"T{transaction.number} read {op.seen[-1]} of {op.key}, T{writer.number} had more to append")


def _cycles(
    history: Sequence[Transaction], orders: dict[int, tuple[int, ...]], writers: dict[tuple[int, int], Transaction]
) -> list[Anomaly]:
    made = _Graph()
    for key, order in orders.items():
        for before, after in pairwise(order):
            one, other = writers.get((key, before)), writers.get((key, after))
            if one is not None and other is not None:
                made.edge(
                    one.number, other.number, "ww", f"T{one.number} appended {before} to {key} before T{other.number} {after}"
                )
    for transaction in history:
        if transaction.outcome is not Outcome.OK:
            continue
        for op in transaction.ops:
            if op.seen is None:
                continue
            order = orders.get(op.key, ())
            if op.seen and (writer := writers.get((op.key, op.seen[-1]))) is not None:
                made.edge(
                    writer.number,
                    transaction.number,
                    "wr",
                    f"T{transaction.number} read T{writer.number}'s {op.seen[-1]} of {op.key}",
                )
            if len(op.seen) < len(order) and (writer := writers.get((op.key, order[len(op.seen)]))) is not None:
                why = f"T{transaction.number} did not read T{writer.number}'s {order[len(op.seen)]} of {op.key}"
                made.edge(transaction.number, writer.number, "rw", why)
    _add_time(made, history)
    found = []
    for component in networkx.strongly_connected_components(made.graph):
        if len(component) > 1:
            found.append(_explained(made.graph.subgraph(component)))
    return found


def _add_time(made: _Graph, history: Sequence[Transaction]) -> None:
    """What ended before another began comes before it: by way of one node for each end, in their order."""
    ended = sorted((t.ended_s, t.number) for t in history if t.outcome is Outcome.OK)
    begun = sorted((t.begun_s, t.number) for t in history)
    for (_, before), (_, after) in pairwise(ended):
        made.edge(("end", before), ("end", after), "time", "")
    for _, number in ended:
        made.edge(number, ("end", number), "time", "")
    position = 0
    for begun_s, number in begun:
        while position < len(ended) and ended[position][0] < begun_s:
            position += 1
        if position:
            last = ended[position - 1][1]
            made.edge(("end", last), number, "time", f"T{number} began after T{last} had ended")


def _explained(graph: Any) -> Anomaly:
    """The plainest cycle there is: without the order of time if there is one, with as few rw edges as possible."""
    for kinds in (("ww",), ("ww", "wr"), ("ww", "wr", "rw"), ("ww", "wr", "time"), ("ww", "wr", "rw", "time")):
        edges = [(a, b, data) for a, b, data in graph.edges(data=True) if data["kind"] in kinds]
        part = networkx.DiGraph()
        for a, b, data in sorted(edges, key=lambda each: each[2]["kind"] == "rw", reverse=True):
            part.add_edge(a, b, **data)  # of several between two, one that is no rw
        cycle = _shortest_cycle(part)
        if cycle is not None:
            return _named(part, cycle)
    raise AssertionError("a strongly connected component without a cycle")


def _shortest_cycle(graph: Any) -> list[Any] | None:
    best: list[Any] | None = None
    for source, target, data in list(graph.edges(data=True))[:2000]:
        try:
            path = networkx.shortest_path(graph, target, source)
        except networkx.NetworkXNoPath:
            continue
        rw = data["kind"] == "rw"
        if best is None or (len(path), rw) < (len(best), True):
            best = path
    return best


def _named(graph: Any, cycle: list[Any]) -> Anomaly:
    edges = [graph.edges[a, b] for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
    kinds = [edge["kind"] for edge in edges]
    rw = kinds.count("rw")
    name = "G2" if rw > 1 else "G-single" if rw else "G1c" if "wr" in kinds else "G0"
    story = "; ".join(edge["why"] for edge in edges if edge["why"])
    return Anomaly(name + ("-realtime" if "time" in kinds else ""), story)
