"""Reading the shards' chains as one stream, in the order of the commits.

    settle    up to now: no commit of that time or before is still to come, and all are durable
    merge     the earliest next block of all shards; the parts of one transaction have one time, and come together
    tell      its events, as many as are asked for; the rest at the next call

A reader's own connections see what is committed when they look.  None has a transaction open between two statements, so that a
reader that is slow, or has gone to sleep, is nobody's concern.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

import apsw

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Catalog, Table
from fauna.chain.encoding import Header, Malformed, decode_header
from fauna.changes import definitions, transaction
from fauna.changes import position as position_of
from fauna.changes.definitions import Definitions, Layouts
from fauna.changes.event import ChangeEvent
from fauna.changes.position import BlockName, Position
from fauna.changes.transaction import GONE, Part, Told, Transaction
from fauna.clock import HybridClock, shown
from fauna.errors import error
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.errors import translate
from fauna.txn.growth import Growth, News
from fauna.txn.past import Past

_DEFINITIONS_MAX: Final = 8
_LOOKED_AT_MAX: Final = 10_000
"""Changes that one call of `fetch` looks at, given out or not."""
_BLOCKS_MAX: Final = 2_000
_BYTES_MAX: Final = 4 << 20
"""How large a batch is when it is given out before it is full."""


class Shard(Protocol):
    """What is read of a shard."""

    @property
    def time_us(self) -> int: ...
    def open_chain(self) -> BlockReader: ...
    def sync(self) -> None: ...


class ChangeSource:
    """Where change streams of a node come from.  Any thread may open one."""

    def __init__(
        self,
        shards: Callable[[], Sequence[Shard]],
        past: Past,
        clock: HybridClock,
        growth: Growth,
        catalog: Callable[[], Catalog],
        configure: Callable[[apsw.Connection], None],
        name: str,
    ) -> None:
        """name: of the database, which events carry."""
        self.shards = shards
        self.past = past
        self.clock = clock
        self.name = name
        self.layouts = Layouts(configure)
        self.growth = growth
        self._catalog = catalog
        self._known: OrderedDict[tuple[int, ...], Definitions] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, position: str | None = None, tables: Sequence[str] = (), *, whole: bool = True) -> ChangeReader:
        """A reader of what comes after `position`, or from now on; of the `tables` ('database.table'), or of all.

        Besides a position, a block (shard:height, that one included), a time, 'start' and 'now' are understood.  Error 1236 for
        what is none of these, lies in the future or is not of this database; 1146 for a table that there is not.

        What retention has removed is left out from 'start', and otherwise, unless `whole` is False, error 1236 when it is met:
        whoever goes on from somewhere would not know that something is missing."""
        with _told_as_errors():
            return ChangeReader(self, position, tables, whole=whole)

    def definitions(self, chains: Sequence[BlockReader], heights: Sequence[int]) -> Definitions:
        """The definitions once each shard has the blocks up to its height."""
        latest = tuple([
            chain.must_get_header(height).schema if height else 0 for chain, height in zip(chains, heights, strict=True)
        ])  # fmt: skip
        with self._lock:
            found = self._known.get(latest)
            if found is not None:
                self._known.move_to_end(latest)
                return found
        found = definitions.at(chains, heights, self.layouts)
        with self._lock:
            self._known[latest] = found
            while len(self._known) > _DEFINITIONS_MAX:
                self._known.popitem(last=False)
        return found

    def has_table(self, schema: str, name: str) -> bool:
        """Whether there is a table of that name now."""
        return isinstance(self._catalog().relation(schema, name), Table)

    def close(self) -> None:
        self.layouts.close()


@contextmanager
def _told_as_errors() -> Iterator[None]:
    """What goes wrong when blocks are read, as the client is to be told."""
    try:
        yield
    except Malformed as damaged:
        raise error("UNKNOWN_ERROR", f"the chain cannot be read: {damaged}; faunadb verify says more") from None
    except apsw.Error as raised:
        raise translate(raised) from None


class _Chain:
    """One shard's blocks, and which is next."""

    def __init__(self, number: int, shard: Shard) -> None:
        self.number = number
        self.shard = shard
        self.blocks = shard.open_chain()
        self.height = 0  # of the block before the next one
        self._next: Header | None = None

    def place(self, time_us: int) -> None:
        """Before the first block of that time or later."""
        self.height = self.blocks.height_at(time_us - 1)
        self._next = None

    def next(self) -> Header | None:
        if self._next is None:
            encoded = self.blocks.header(self.height + 1)
            self._next = decode_header(encoded) if encoded is not None else None
        return self._next

    def take(self) -> Part:
        """The next block."""
        header = self.next()
        assert header is not None
        self.height, self._next = header.height, None
        return Part(header, partial(self._changes, header.height))

    def _changes(self, height: int) -> Iterator[bytes]:
        return self.blocks.changes(self.blocks.must_get_block(height))


class ChangeReader:
    """One place in the stream, moving forward.  For one thread at a time."""

    def __init__(self, source: ChangeSource, begin: str | None, tables: Sequence[str], *, whole: bool = True) -> None:
        self._source = source
        self._begin_text = begin or position_of.NOW
        self._chains: list[_Chain] = []
        self._settled_us = 0
        self._definitions = Definitions()
        self._telling: Iterator[Told] | None = None
        self._telling_us = 0
        self._has_more = True
        try:
            self._open_chains()
            self._settle()
            wanted = self._begin(begin)
            self._at = self._begun = wanted
            self._whole = whole and wanted != position_of.BEGINNING
            for chain in self._chains:
                chain.place(wanted.time_us)
            self._check_known(wanted, begin or "")
            self._definitions = self._definitions_now()
            self._tables = frozenset([self._named(table) for table in tables])
        except BaseException:
            self.close()
            raise

    # -- beginning

    def _begin(self, begin: str | None) -> Position:
        found = position_of.parse(begin) if begin is not None else None
        if found is None:
            return Position(self._settled_us + 1)
        if isinstance(found, BlockName):
            return Position(self._block_time(found, begin or ""))
        # A position behind everything so far is one microsecond ahead of it.
        if not self._source.clock.has_come(found.time_us - 1):
            now = shown(self._source.clock.now_us())
            raise error("WRONG_POSITION", begin, f"that is in the future, {shown(found.time_us)}: it is {now} UTC")
        return found

    def _block_time(self, block: BlockName, text: str) -> int:
        if block.shard >= len(self._chains):
            raise error("WRONG_POSITION", text, f"there is no shard {block.shard}: there are {len(self._chains)}, from 0")
        encoded = self._chains[block.shard].blocks.header(block.height)
        if encoded is None:
            head = self._chains[block.shard].blocks.head()
            last = head.height if head is not None else 0
            raise error("WRONG_POSITION", text, f"shard {block.shard} has the blocks 1 to {last}")
        return decode_header(encoded).time_us

    def _check_known(self, wanted: Position, text: str) -> None:
        if wanted.event and not any(
            (header := chain.next()) is not None and header.time_us == wanted.time_us for chain in self._chains
        ):
            raise error("WRONG_POSITION", text, "no transaction of this database was committed then")

    def _named(self, table: str) -> tuple[str, str]:
        schema, dot, name = table.partition(".")
        if not (schema and dot and name):
            raise error("WRONG_TABLE_NAME", f"{table}, expected is database.table")
        if not self._source.has_table(schema, name) and (schema, name) not in self._definitions.entries:
            raise error("NO_SUCH_TABLE", schema, name)
        return schema, name

    # -- reading

    @property
    def position(self) -> str:
        """How far it has come, also past what was filtered out: opening there gives what `fetch` has yet to give."""
        return str(self._at)

    def fetch(self, limit: int) -> Sequence[ChangeEvent]:
        """The next events, in order and durable: at most `limit`, fewer when they are large.

        It does bounded work: none may come back although there are more, when `wait` returns at once."""
        with _told_as_errors():
            return self._fetch(limit)

    def _fetch(self, limit: int) -> Sequence[ChangeEvent]:
        events: list[ChangeEvent] = []
        looked_at = blocks = size = 0
        self._has_more = True
        while len(events) < limit and looked_at < _LOOKED_AT_MAX and blocks < _BLOCKS_MAX and size < _BYTES_MAX:
            if self._telling is None:
                if not self._next_transaction():
                    self._has_more = False
                    break
                blocks += 1
            assert self._telling is not None
            told = next(self._telling, None)
            if told is None:
                self._telling = None
                self._at = Position(self._telling_us + 1)
                continue
            looked_at += 1
            if self._telling_us == self._begun.time_us and told.number <= self._begun.event:
                continue  # it has been given out
            self._at = Position(self._telling_us, told.number)
            if self._tables and not self._is_wanted(told):
                continue
            if told.op == GONE:
                if self._whole:
                    removed = f"retention has removed changes of {told.table.schema}.{told.table.name} that come after it"
                    raise error("WRONG_POSITION", self._begin_text, f"{removed}; begin later, or at 'start' with what is left")
                continue
            text = told.json(self._source.name, str(self._at))
            if text is not None:
                events.append(ChangeEvent(str(self._at), text))
                size += len(text)
        return events

    def _is_wanted(self, told: Told) -> bool:
        if not told.definition:
            return (told.table.schema, told.table.name) in self._tables
        return any(
            (table.schema, table.name) in self._tables
            for change in told.definition for table in (change.before, change.after) if table is not None
        )  # fmt: skip

    def _next_transaction(self) -> bool:
        """Begin to tell the earliest transaction that is next; False when there is none yet."""
        earliest = self._earliest()
        if earliest is None and self._is_news():
            self._settle()
            earliest = self._earliest()
        if earliest is None:
            self._at = max(self._at, Position(self._settled_us + 1))
            return False
        parts, resets = [], frozenset[str]()
        before = after = self._definitions
        for chain in self._chains:
            header = chain.next()
            if header is None or header.time_us != earliest:
                continue
            part = chain.take()
            parts.append(part)
            if header.schema == header.height:
                changes = definitions.defining(part.changes())
                after = definitions.after(after, chain.number, changes, self._source.layouts)
                if chain.number == SINGLE_SHARD:
                    resets = transaction.resets_of(changes)
        self._definitions = after
        self._telling_us = earliest
        self._telling = Transaction(parts, before, after, resets).told()
        return True

    def _earliest(self) -> int | None:
        """The time of the next transaction, if that can be given out."""
        times = [
            header.time_us for chain in self._chains
            if (header := chain.next()) is not None and header.time_us <= self._settled_us
        ]  # fmt: skip
        return min(times, default=None)

    def _is_news(self) -> bool:
        return any(shard.time_us > self._settled_us for shard in self._source.shards())

    def _settle(self) -> None:
        """Have all commits up to now, durable."""
        now = self._source.past.now_us()
        self._source.past.settle(now)
        if len(self._source.shards()) > len(self._chains):
            self._open_chains()
        for chain in self._chains:
            if chain.shard.time_us > self._settled_us:
                chain.shard.sync()
        self._settled_us = now

    def _open_chains(self) -> None:
        """Of shards that have been added, too: what they had before they became part of the database are copies."""
        added = False
        for number, shard in enumerate(self._source.shards()):
            if number >= len(self._chains):
                chain = _Chain(number, shard)
                self._chains.append(chain)
                if self._settled_us:
                    chain.place(self._at.time_us)
                    added = True
        if added:
            self._definitions = self._definitions_now()

    def _definitions_now(self) -> Definitions:
        blocks = [chain.blocks for chain in self._chains]
        return self._source.definitions(blocks, [chain.height for chain in self._chains])

    # -- waiting

    @property
    def is_behind(self) -> bool:
        """Whether there may be something that `fetch` has not looked at."""
        return self._has_more or self._is_news()

    def wait(self, timeout_s: float) -> bool:
        """Return True once there may be something that `fetch` has not looked at; False after `timeout_s`."""
        if self.is_behind:
            return True
        ticket = self.news(time.monotonic() + timeout_s)
        try:
            ticket.wait()
        finally:
            ticket.complete()
        return self.is_behind

    def news(self, deadline_s: float) -> News:
        """A ticket that is done once there may be something that `fetch` has not looked at, or at that time, by time.monotonic().
        Complete it when nobody waits any more."""
        ticket = self._source.growth.news(deadline_s)
        if self._is_news():
            ticket.complete()
        return ticket

    def close(self) -> None:
        """Let go of everything."""
        self._telling = None
        chains, self._chains = self._chains, []
        for chain in chains:
            chain.blocks.close()
