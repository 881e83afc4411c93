"""A history in, its anomalies out.  Pure.

    ww   T appended to a list next after S                         from the longest list that was read: all others are
    wr   T read what S was the last to append                      beginnings of it, and what nobody has read comes after it
    rw   S read a list without what T was the next to append
    time T began when S had ended

A cycle of such edges has no serial order.  What it is called says which edges it needs:

    G0               ww alone
    G1c              wr too
    G-single         one rw too; "lost update" when that and one ww, of the same list, are all
    G2-item          more rw
    …-realtime       time too: serializable perhaps, but not strictly

And without a cycle: G1a (read what was rolled back), G1b (read what was not the last of a transaction), "internal" (did not read what
it had read or appended itself), "incompatible order", "duplicate", "unwritten" (nobody appended it).

Known limits: one cycle of a kind for each strongly connected part, the shortest of those looked at.  Where a part has more than
CYCLES_MAX rw edges, one that is called G2-item may hide a G-single.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import networkx

from tests.histories.history import Append, Outcome, Read, Transaction

CYCLES_MAX: Final = 5000


@dataclass(frozen=True, slots=True)
class Anomaly:
    kind: str
    story: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.story}"


def anomalies(history: Sequence[Transaction]) -> list[Anomaly]:
    """Everything that no serial order of the transactions, each between its beginning and its end, can explain."""
    writers = {(op.key, op.value): t for t in history for op in t.ops if isinstance(op, Append)}
    reads = [(t, op) for t in history if t.outcome is Outcome.OK for op in t.ops if isinstance(op, Read)]
    orders = _orders(op for _, op in reads)
    found = [each for t in history if t.outcome is Outcome.OK for each in _internal(t)]
    for reader, read in reads:
        found += _broken_list(reader, read, orders)
        found += _dirty(reader, read, writers)
    edges = [*_data_edges(history, reads, orders, writers), *_time_edges(history)]
    return found + list(_cycles(edges))


# ── one transaction, one list ──


def _internal(transaction: Transaction) -> Iterator[Anomaly]:
    known: dict[int, tuple[int, ...]] = {}  # as it must be from here on
    own: dict[int, tuple[int, ...]] = defaultdict(tuple)
    for op in transaction.ops:
        if isinstance(op, Append):
            own[op.key] += (op.value,)
            if op.key in known:
                known[op.key] += (op.value,)
            continue
        mine = own[op.key]
        if op.seen[len(op.seen) - len(mine) :] != mine or known.get(op.key, op.seen) != op.seen:
            yield Anomaly(
                "internal",
                f"T{transaction.number} read {op.seen} of {op.key}, had read {known.get(op.key)} and appended {mine}",
            )
        known[op.key] = op.seen


def _orders(reads: Iterable[Read]) -> dict[int, tuple[int, ...]]:
    """The order of appends to each list: the longest that was read."""
    longest: dict[int, tuple[int, ...]] = {}
    for read in reads:
        if len(read.seen) > len(longest.get(read.key, ())):
            longest[read.key] = read.seen
    return longest


def _broken_list(reader: Transaction, read: Read, orders: Mapping[int, tuple[int, ...]]) -> Iterator[Anomaly]:
    who = f"T{reader.number} read {read.seen} of {read.key}"
    longest = orders.get(read.key, ())
    if read.seen != longest[: len(read.seen)]:
        yield Anomaly("incompatible order", f"{who}, another {longest}")
    if len(set(read.seen)) != len(read.seen):
        yield Anomaly("duplicate", who)


def _dirty(reader: Transaction, read: Read, writers: Mapping[tuple[int, int], Transaction]) -> Iterator[Anomaly]:
    for value in read.seen:
        writer = writers.get((read.key, value))
        if writer is None:
            yield Anomaly("unwritten", f"T{reader.number} read {value} of {read.key}, which nobody appended")
        elif writer.outcome is Outcome.FAILED:
            yield Anomaly("G1a", f"T{reader.number} read {value} of {read.key}, which T{writer.number} had rolled back")
    writer = writers.get((read.key, read.seen[-1])) if read.seen else None
    if writer is not None and writer is not reader:
        last = [op.value for op in writer.ops if isinstance(op, Append) and op.key == read.key][-1]
        if last != read.seen[-1]:
            more = f"T{writer.number} appended {last} after it"
            yield Anomaly("G1b", f"T{reader.number} read {read.seen[-1]} of {read.key} as the last, {more}")


# ── the graph ──


class Edge(NamedTuple):
    """Between transactions, or on the way of time, where the end of transaction n is -n."""

    source: int
    target: int
    kind: str
    key: int = -1
    value: int = -1

    def __str__(self) -> str:
        match self.kind:
            case "ww":
                return f"T{self.target} appended {self.value} to {self.key} next after T{self.source}"
            case "wr":
                return f"T{self.target} read T{self.source}'s {self.value} of {self.key}"
            case "rw":
                return f"T{self.source} did not read T{self.target}'s {self.value} of {self.key}"
            case _:
                return f"T{self.target} began when T{self.source} had ended"


def _data_edges(
    history: Sequence[Transaction],
    reads: Sequence[tuple[Transaction, Read]],
    orders: Mapping[int, tuple[int, ...]],
    writers: Mapping[tuple[int, int], Transaction],
) -> Iterator[Edge]:
    unread = _unread(history, orders)
    for key, order in orders.items():
        for before, after in pairwise(order):
            yield from _edge(writers.get((key, before)), writers.get((key, after)), "ww", key, after)
        for value, writer in unread[key]:
            yield from _edge(writers.get((key, order[-1])) if order else None, writer, "ww", key, value)
    for reader, read in reads:
        key, order = read.key, orders.get(read.key, ())
        length = len(read.seen)
        while length and writers.get((key, read.seen[length - 1])) is reader:
            length -= 1  # its own are not what others had done
        if length:
            last = read.seen[length - 1]
            yield from _edge(writers.get((key, last)), reader, "wr", key, last)
        if length < len(order):
            yield from _edge(reader, writers.get((key, order[length])), "rw", key, order[length])
        else:
            for value, writer in unread[key]:
                yield from _edge(reader, writer, "rw", key, value)


def _unread(history: Sequence[Transaction], orders: Mapping[int, tuple[int, ...]]) -> dict[int, list[tuple[int, Transaction]]]:
    """Appends that are committed for certain and that no read has: they come after those that some have."""
    known = {key: set(order) for key, order in orders.items()}
    found: dict[int, list[tuple[int, Transaction]]] = defaultdict(list)
    for transaction in history:
        if transaction.outcome is Outcome.OK:
            for op in transaction.ops:
                if isinstance(op, Append) and op.value not in known.get(op.key, ()):
                    found[op.key].append((op.value, transaction))
    return found


def _edge(source: Transaction | None, target: Transaction | None, kind: str, key: int, value: int) -> Iterator[Edge]:
    if source is not None and target is not None and source is not target:
        yield Edge(source.number, target.number, kind, key, value)


def _time_edges(history: Sequence[Transaction]) -> Iterator[Edge]:
    """By way of the ends, in their order: a few edges for each transaction instead of one for each two."""
    ends = sorted((t.ended_s, t.number) for t in history if t.outcome is Outcome.OK)
    for _, number in ends:
        yield Edge(number, -number, "time")
    for (_, before), (_, after) in pairwise(ends):
        yield Edge(-before, -after, "time")
    position = 0
    for begun_s, number in sorted((t.begun_s, t.number) for t in history):
        while position < len(ends) and ends[position][0] < begun_s:
            position += 1
        if position:
            yield Edge(-ends[position - 1][1], number, "time")


# ── cycles ──


def _cycles(edges: Sequence[Edge]) -> Iterator[Anomaly]:
    for part in _parts(edges):
        yield from _search([edge for edge in part if edge.kind != "time"]) or _search(part)


def _parts(edges: Iterable[Edge]) -> list[list[Edge]]:
    """The edges of each strongly connected component; the others are on no cycle."""
    edges = list(edges)
    graph = _graph(edges)
    part_of: dict[int, int] = {}
    for number, nodes in enumerate(networkx.strongly_connected_components(graph)):
        part_of |= dict.fromkeys(nodes, number)
    parts: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        if part_of[edge.source] == part_of[edge.target]:
            parts[part_of[edge.source]].append(edge)
    return list(parts.values())


def _graph(edges: Iterable[Edge]) -> networkx.DiGraph[int]:
    return networkx.DiGraph((edge.source, edge.target) for edge in edges)


def _search(edges: Sequence[Edge]) -> list[Anomaly]:
    """One cycle of each kind, of these edges."""
    found: list[Anomaly] = []
    for kinds in (["ww"], ["ww", "wr"]):
        within = [edge for edge in edges if edge.kind in (*kinds, "time")]
        through = [edge for part in _parts(within) for edge in part if edge.kind == kinds[-1]]
        found += _shortest(through, within)
    late = [edge for edge in edges if edge.kind == "rw"]
    found += _shortest(late, [edge for edge in edges if edge.kind != "rw"])
    found += _shortest(late, [edge for edge in edges if edge.kind in ("rw", "time")])
    if not found:
        found += _shortest(late, edges)
    return list({anomaly.kind: anomaly for anomaly in reversed(found)}.values())


def _shortest(through: Sequence[Edge], within: Sequence[Edge]) -> Iterator[Anomaly]:
    """The shortest cycle of one edge of `through` and else those of `within`, if there is any."""
    graph = _graph(within)
    best: tuple[Edge, list[int]] | None = None
    for edge in through[:CYCLES_MAX]:
        if edge.target not in graph or edge.source not in graph:
            continue
        try:
            way = networkx.shortest_path(graph, edge.target, edge.source)
        except networkx.NetworkXNoPath:
            continue
        if best is None or len(way) < len(best[1]):
            best = edge, way
        if len(way) == 2:
            break
    if best is not None:
        # Of several edges between two, one that is no rw: it makes the plainer anomaly.
        by_ends = {(edge.source, edge.target): edge for edge in sorted(within, key=lambda each: each.kind != "rw")}
        yield _named([best[0], *(by_ends[ends] for ends in pairwise(best[1]))])


def _named(cycle: Sequence[Edge]) -> Anomaly:
    kinds = [edge.kind for edge in cycle]
    late = kinds.count("rw")
    if sorted(kinds) == ["rw", "ww"] and len({edge.key for edge in cycle}) == 1:
        name = "lost update"
    else:
        name = "G2-item" if late > 1 else "G-single" if late else "G1c" if "wr" in kinds else "G0"
    return Anomaly(name + ("-realtime" if "time" in kinds else ""), "; ".join(map(str, _without_ends(cycle))))


def _without_ends(cycle: Sequence[Edge]) -> Iterator[Edge]:
    """Each way through time as one edge between two transactions."""
    left = 0
    for edge in cycle:
        if edge.kind != "time":
            yield edge
        elif edge.source > 0:
            left = edge.source
        elif edge.target > 0:
            yield Edge(left, edge.target, "time")
