"""The chains as rows, for the tables fauna.blocks, fauna.changes and fauna.transactions: virtual tables of SQLite.

Rows are made as they are asked for, in the order of the commits (`changes`, `transactions`) or of shard and height (`blocks`).
Bounds of WHERE on shard, height and time say where reading begins and ends; with LIMIT it ends early; a transaction is found by
its gtrid.  What else a query asks for (another order, a count, a condition on the rows' values) SQLite does with them, reading
all that is within the bounds.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import apsw

from fauna.chain.encoding import Header, block_hash, decode_header
from fauna.changes.event import DDL
from fauna.changes.position import Position
from fauna.changes.reader import ChangeSource
from fauna.clock import shown
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.sql.fauna_schema import COLUMNS, GTRID_COLLATION, STREAMED

Source = Callable[[], ChangeSource | None]
Row = tuple[Any, ...]
_LARGEST: Final = (1 << 62) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EQUAL: Final = apsw.SQLITE_INDEX_CONSTRAINT_EQ
_OPS: Final = {
    _EQUAL: "=",
    apsw.SQLITE_INDEX_CONSTRAINT_GE: ">=",
    apsw.SQLITE_INDEX_CONSTRAINT_GT: ">",
    apsw.SQLITE_INDEX_CONSTRAINT_LE: "<=",
    apsw.SQLITE_INDEX_CONSTRAINT_LT: "<",
}
_PLACE: Final = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)  # a transaction that has no name is called by shard and height
_BOUNDED: Final = ("shard", "height", "block", "time")
_COST: Final = 1e9
_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be asked for; each end included.  gtrid: None: of any name."""

    shard: tuple[int, int] = (0, _LARGEST)
    height: tuple[int, int] = (1, _LARGEST)
    time_us: tuple[int, int] = (0, _LARGEST)
    gtrid: str | None = None


def register(connection: apsw.Connection, source: Source) -> None:
    """Have the tables on a connection, as chain_blocks(until) and so on.  until: a time that is settled."""
    for name, rows in _ROWS.items():
        module: Any = _Module(name, rows, source)
        connection.create_module(
            module_name(name), module, use_bestindex_object=True, eponymous=True, eponymous_only=True, read_only=True
        )


def module_name(table: str) -> str:
    """What `fauna.<table>` is called in SQLite."""
    return f"chain_{table}"


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Chains:
    """The chains of all shards, open for one query."""

    def __init__(self, source: ChangeSource) -> None:
        self.source = source
        self.readers = [shard.open_chain() for shard in source.shards()]

    def headers(self, bounds: Bounds, first_us: int, last_us: int) -> Iterator[Iterator[tuple[Header, bytes]]]:
        """For each shard the headers within the bounds, in order, with their encoding."""
        for number, reader in enumerate(self.readers):
            if bounds.shard[0] <= number <= bounds.shard[1]:
                first = max(bounds.height[0], reader.height_at(first_us - 1) + 1)
                last = min(bounds.height[1], reader.height_at(last_us))
                yield _decoded(reader, first, last)

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


def _decoded(reader: BlockReader, first: int, last: int) -> Iterator[tuple[Header, bytes]]:
    for encoded in reader.headers(first, last):
        yield decode_header(encoded), encoded


def _blocks(chains: _Chains, bounds: Bounds, until_us: int) -> Iterator[Row]:
    for headers in chains.headers(bounds, bounds.time_us[0], min(bounds.time_us[1], until_us)):
        for header, encoded in headers:
            yield (
                header.shard, header.height, shown(header.time_us), block_hash(encoded).hex(), header.previous.hex(),
                header.root.hex(), header.changes, header.transaction, header.user, header.epoch, header.schema,
            )  # fmt: skip


def _grouped(chains: _Chains, bounds: Bounds, until_us: int) -> Iterator[list[Header]]:
    """The headers of each transaction that has one within the bounds."""
    streams = chains.headers(bounds, bounds.time_us[0], min(bounds.time_us[1], until_us))
    group: list[Header] = []
    for header, _ in heapq.merge(*streams, key=lambda each: (each[0].time_us, each[0].shard)):
        if group and group[0].time_us != header.time_us:
            yield group
            group = []
        group.append(header)
    if group:
        yield group


def _transactions(chains: _Chains, bounds: Bounds, until_us: int) -> Iterator[Row]:
    for span in (bounds.time_us,) if bounds.gtrid is None else _times_of(chains, bounds.gtrid, bounds.time_us):
        for found in _grouped(chains, Bounds(time_us=span), until_us):
            shards = [header.shard for header in found]
            first = found[0]
            yield (
                first.transaction, ",".join(map(str, shards)), ",".join([f"{each.shard}:{each.height}" for each in found]),
                shown(first.time_us), first.user, sum([header.changes for header in found]),
            )  # fmt: skip


def _times_of(chains: _Chains, gtrid: str, within_us: tuple[int, int]) -> list[tuple[int, int]]:
    """The times at which transactions of this name were committed; as in MySQL, a name is equal with spaces after it."""
    gtrid = gtrid.rstrip(" ")
    found = {decode_header(header).time_us for reader in chains.readers for header in reader.headers_of(gtrid)}
    place = _PLACE.fullmatch(gtrid)
    if place is not None and int(place[1]) < len(chains.readers):
        found |= {decode_header(header).time_us for header in chains.readers[int(place[1])].headers(*[int(place[2])] * 2)}
    return [(time_us, time_us) for time_us in sorted(found) if within_us[0] <= time_us <= within_us[1]]


def _changes(chains: _Chains, bounds: Bounds, until_us: int) -> Iterator[Row]:
    """As a change stream tells them, from the first transaction within the bounds to the last."""
    first_us, last_us = _LARGEST, 0
    for number, reader in enumerate(chains.readers):
        if bounds.shard[0] <= number <= bounds.shard[1]:
            first, last = reader.header(bounds.height[0]), reader.header(bounds.height[1]) or reader.header(_height(reader))
            if first is not None and last is not None:
                first_us = min(first_us, decode_header(first).time_us)
                last_us = max(last_us, decode_header(last).time_us)
    first_us = max(first_us, bounds.time_us[0])
    last_us = min(last_us, bounds.time_us[1], until_us)
    if first_us > last_us:
        return
    stream = chains.source.open(str(Position(first_us)), whole=False)
    try:
        while stream.is_behind:
            for each in stream.fetch(_AT_ONCE):
                event = json.loads(each.json)
                source = event["source"]
                if source["ts_us"] > last_us:
                    return
                yield _change(each.position, event, source)
    finally:
        stream.close()


def _height(reader: BlockReader) -> int:
    head = reader.head()
    return head.height if head is not None else 0


def _change(position: str, event: dict[str, Any], source: dict[str, Any]) -> Row:
    after = event["after"]
    if event["op"] == DDL:
        after = {"ddl": event["ddl"], "tableChanges": event["tableChanges"]}
    return (
        source["shard"], source["block"], position, source["db"], source["table"], event["op"], _dumped(event.get("key")),
        _dumped(event["before"]), _dumped(after), shown(source["ts_us"]), source["user"], source["txId"],
    )  # fmt: skip


def _dumped(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_ROWS: Final[dict[str, Callable[[_Chains, Bounds, int], Iterator[Row]]]] = {
    "blocks": _blocks, "changes": _changes, "transactions": _transactions,
}  # fmt: skip


# ── virtual tables (https://rogerbinns.github.io/apsw/vtable.html) ────────────────────────────────────────────────────


class _Module:
    """apsw calls these by their names."""

    def __init__(self, name: str, rows: Callable[[_Chains, Bounds, int], Iterator[Row]], source: Source) -> None:
        self._names = tuple([column.name for column in COLUMNS[name]])
        self._rows = rows
        self._source = source

    def Create(self, connection: Any, module: str, schema: str, table: str, *args: Any) -> tuple[str, _Table]:  # noqa: N802
        columns = ", ".join([f'"{name}"' for name in self._names])
        return f"CREATE TABLE ignored ({columns}, until HIDDEN)", _Table(self._names, self._rows, self._source)

    Connect = Create


class _Table:
    def __init__(
        self, names: Sequence[str], rows: Callable[[_Chains, Bounds, int], Iterator[Row]], source: Source
    ) -> None:
        self._names = names
        self._rows = rows
        self._source = source

    def BestIndexObject(self, index: apsw.IndexInfo) -> bool:  # noqa: N802
        """Which conditions narrow down what is read; SQLite looks at them again."""
        plan: list[str] = []
        for place in range(index.nConstraint):
            condition = self._condition(index, place) if index.get_aConstraint_usable(place) else ""
            if condition:
                plan.append(condition)
                index.set_aConstraintUsage_argvIndex(place, len(plan))
                index.set_aConstraintUsage_omit(place, condition == "until=")
        index.idxStr = " ".join(plan)
        index.estimatedCost = 1.0 if "gtrid=" in plan else _COST / (1 + 10 * len(plan))
        return True

    def _condition(self, index: apsw.IndexInfo, place: int) -> str:
        """The name and the operator of a condition that narrows down; "" for another."""
        column, op = index.get_aConstraint_iColumn(place), index.get_aConstraint_op(place)
        name = "until" if column == len(self._names) else self._names[column] if column >= 0 else ""
        if name == "until" and op == _EQUAL:
            return "until="
        if name == "gtrid" and op == _EQUAL:  # under another collation more names may be equal than an index finds
            return "gtrid=" if index.get_aConstraint_collation(place) == GTRID_COLLATION else ""
        return f"{name}{_OPS[op]}" if name in _BOUNDED and op in _OPS else ""

    def Open(self) -> _Cursor:  # noqa: N802
        return _Cursor(self._names, self._rows, self._source)

    def Disconnect(self) -> None:  # noqa: N802
        pass

    Destroy = Disconnect


class _Cursor:
    def __init__(
        self, names: Sequence[str], rows: Callable[[_Chains, Bounds, int], Iterator[Row]], source: Source
    ) -> None:
        self._names = names
        self._make = rows
        self._source = source
        self._chains: _Chains | None = None
        self._rows: Iterator[Row] = iter(())
        self._row: Row | None = None
        self._number = 0

    def Filter(self, number: int, plan: str, values: Sequence[Any]) -> None:  # noqa: N802
        source = self._source()
        until_us = 0
        limits = {"shard": (0, _LARGEST), "height": (1, _LARGEST), "time": (0, _LARGEST)}
        gtrid: str | None = None
        for condition, value in zip(plan.split(), values, strict=True):
            name = condition.rstrip("<>=")
            op = condition[len(name) :]
            if name == "until":
                until_us = int(value)
                continue
            if name == "gtrid":
                gtrid = str(value)
                continue
            name = "height" if name == "block" else name
            bound = _time_us(value) if name == "time" else value
            if isinstance(bound, (int, float)) and not isinstance(bound, bool):
                limits[name] = _narrowed(limits[name], op, bound)
        self._number = 0
        self._rows = iter(())
        if source is not None and until_us:
            if self._chains is None:
                self._chains = _Chains(source)
            bounds = Bounds(limits["shard"], limits["height"], limits["time"], gtrid)
            self._rows = self._make(self._chains, bounds, until_us)
        self.Next()

    def Next(self) -> None:  # noqa: N802
        self._row = next(self._rows, None)
        self._number += 1

    def Eof(self) -> bool:  # noqa: N802
        return self._row is None

    def Rowid(self) -> int:  # noqa: N802
        return self._number

    def Column(self, number: int) -> Any:  # noqa: N802
        if number < 0 or number >= len(self._names):
            return self._number if number < 0 else None
        assert self._row is not None
        return self._row[number]

    def Close(self) -> None:  # noqa: N802
        self._rows = iter(())
        if self._chains is not None:
            self._chains.close()
            self._chains = None


def _narrowed(limits: tuple[int, int], op: str, bound: float) -> tuple[int, int]:
    low, high = limits
    whole = int(bound)  # towards zero; SQLite looks at the condition again
    if op in ("=", ">=", ">"):
        low = max(low, whole)
    if op in ("=", "<=", "<"):
        high = min(high, whole + (whole != bound))
    return low, high


def _time_us(value: Any) -> int | None:
    """A DATETIME(6) as the chain counts time; None for what is none: it bounds nothing."""
    try:
        since = datetime.fromisoformat(str(value)).replace(tzinfo=UTC) - _EPOCH
    except ValueError:
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


assert set(_ROWS) == STREAMED
