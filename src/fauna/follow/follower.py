"""Following: a thread that asks the source for blocks and applies them, as long as the server runs.

    connecting   the source does not answer; it is asked again, after a while that grows
    following    what there is has been applied, or is being applied
    stopped      a block does not fit, or the source has another history: nothing is applied any more, and reads go on
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from fauna.chain.encoding import Malformed, block_hash
from fauna.client.exceptions import Error
from fauna.client.server_link import Address
from fauna.errors import FaunaError
from fauna.follow.applier import Applied, Applier, batches
from fauna.follow.blocks import Block
from fauna.follow.cut import Cut
from fauna.follow.inbox import Inbox
from fauna.follow.source import Heads, Source, WrongSource, must_continue, shown
from fauna.follow.status import CONNECTING, FOLLOWING, STOPPED, ShardStatus, Status
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.replay import DoesNotFit
from fauna.shard.engines.sqlite.shard import SqliteShard

_LOG: Final = logging.getLogger(__name__)
_PAUSE_S: Final = 0.1
_PAUSE_MAX_S: Final = 30.0
_REPLICA_FATAL: Final = 1593


class Follower:
    """known_us   everything that the source has committed up to then is visible here"""

    def __init__(
        self, address: Address, database: str, instance: str, inbox: Inbox, settled: Callable[[int], None],
    ) -> None:  # fmt: skip
        """instance: of this process, which is not to follow itself.  settled: called when `known_us` has moved on."""
        self._address = address
        self._database = database
        self._instance = instance
        self._inbox = inbox
        self._settled = settled
        self._applier: Applier | None = None
        self._stopping = threading.Event()
        self._source: Source | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="fauna-follower", daemon=True)
        self._state = CONNECTING
        self._heads: tuple[Cut, float] = (Cut(0, ()), 0.0)  # the source's, and when that was, on the monotonic clock
        self._connection_error = (0, "")
        self._apply_error = (0, "")
        self.known_us = 0

    def start(self, applier: Applier) -> None:
        self._applier = applier
        self.known_us = max([shard.time_us for shard in applier.shards], default=0)
        self._thread.start()

    @property
    def shards(self) -> Sequence[SqliteShard]:
        """Those that it writes; the node does not know the latest yet, perhaps."""
        return self._applier.shards if self._applier is not None else ()

    @property
    def stopping(self) -> threading.Event:
        return self._stopping

    def status(self) -> Status:
        """Any thread may ask."""
        cut, since_s = self._heads
        theirs = {head.shard: head.height for head in cut.heads}
        shards = [
            ShardStatus(shard.number, shard.height, shard.time_us, max(theirs.get(shard.number, 0), shard.height))
            for shard in (self._applier.shards if self._applier is not None else ())
        ]
        shards += [ShardStatus(number, 0, 0, height) for number, height in sorted(theirs.items()) if number >= len(shards)]
        source_us = cut.time_us + round((time.monotonic() - since_s) * 1_000_000)
        return Status(
            self._state, replace(self._address, password=""), tuple(shards), self.known_us, source_us, self._connection_error,
            self._apply_error,
        )  # fmt: skip

    def applied(self, applied: Applied) -> None:
        """A batch has become visible."""
        self.known_us = applied.time_us
        self._settled(applied.time_us)

    def close(self) -> None:
        """Idempotent.  What is being applied is applied to its end."""
        self._stopping.set()
        with self._lock:
            if self._source is not None:
                self._source.abandon()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._inbox.close()

    # ── the thread ──

    def _run(self) -> None:
        pause_s = _PAUSE_S
        while not self._stopping.is_set():
            try:
                source = self._connect()
            except WrongSource as problem:
                self._stop(problem)
                return
            except (Error, OSError) as problem:
                self._lost(problem)
                # Spread, so that the followers of one source do not come back all at once.
                self._stopping.wait(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
                continue
            try:
                self._follow(source)
                pause_s = _PAUSE_S
            except (WrongSource, DoesNotFit, Malformed) as problem:
                self._stop(problem)
                return
            except (Error, OSError) as problem:
                pause_s = _PAUSE_S
                self._lost(problem)
            except FaunaError as problem:  # a disk that is full, say: nothing of the batch has been applied
                self._failed(problem)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            except Exception as problem:  # noqa: BLE001 (the end of the thread would be told nowhere)
                _LOG.exception("following has failed")
                self._stop(FaunaError(f"internal error, {type(problem).__name__}: {problem}"))
                return
            finally:
                self._let_go()

    def _connect(self) -> Source:
        source = Source(self._address)
        try:
            self._must_continue(source, source.heads())
        except BaseException:
            source.close()
            raise
        with self._lock:
            self._source = source
            if self._stopping.is_set():
                source.abandon()
        return source

    def _must_continue(self, source: Source, heads: Heads) -> None:
        assert self._applier is not None
        if heads.instance == self._instance:
            raise WrongSource(f"{shown(self._address)} is this server itself: another one was expected")
        must_continue(source, heads, self._database, known_heads(self._applier))

    def _follow(self, source: Source) -> None:
        assert self._applier is not None
        applier = self._applier
        heads = source.heads()
        _LOG.info("following %s", shown(self._address))
        while not self._stopping.is_set():
            self._heads = (heads.cut, time.monotonic())
            self._state = FOLLOWING
            self._connection_error = (0, "")
            for batch in batches(streams(source, heads.cut, applier, self._inbox)):
                if self._stopping.is_set():
                    return
                applier.apply(batch)
                self._apply_error = (0, "")
            self.known_us = max(self.known_us, heads.cut.time_us)
            self._settled(self.known_us)
            heads = source.heads(heads.cut.latest_us)

    def _let_go(self) -> None:
        with self._lock:
            source, self._source = self._source, None
        if source is not None:
            with contextlib.suppress(Error, OSError):
                source.close()

    def _lost(self, problem: Exception) -> None:
        if self._stopping.is_set():
            return
        if self._state != CONNECTING or not self._connection_error[1]:
            _LOG.warning("the source %s does not answer, it is asked again: %s", shown(self._address), problem)
        self._state = CONNECTING
        self._connection_error = (_number(problem), str(problem))

    def _failed(self, problem: FaunaError) -> None:
        if not self._stopping.is_set():
            _LOG.error("blocks could not be applied, it is tried again: %s", problem)
            self._apply_error = (_number(problem), str(problem))

    def _stop(self, problem: FaunaError) -> None:
        _LOG.error("following has stopped, what is here can still be read: %s", problem)
        if isinstance(problem, WrongSource):
            self._connection_error = (_number(problem), str(problem))
        else:
            self._apply_error = (_number(problem), str(problem))
        self._state = STOPPED


def streams(source: Source, cut: Cut, applier: Applier, inbox: Inbox) -> list[Iterator[Block]]:
    """Per shard, the blocks of the cut that are not here."""
    wanted = []
    for head in cut.heads:
        here = applier.shards[head.shard].height if head.shard < len(applier.shards) else 0
        if head.height > here:
            wanted.append((head.shard, here + 1, head.height))
    return [source.blocks(*each, shards=len(wanted), inbox=inbox) for each in wanted]


def known_heads(applier: Applier) -> dict[int, tuple[int, bytes]]:
    """Height and hash of the latest block here, by shard."""
    found = {}
    for shard in applier.shards:
        with shard.reading() as connection:
            reader = BlockReader(connection)
            encoded = reader.header(shard.height)
        found[shard.number] = (shard.height, block_hash(encoded) if encoded is not None else b"")
    return found


def _number(problem: Exception) -> int:
    """As MySQL numbers it: 1593 is a fatal error of a replica."""
    return int(getattr(problem, "errno", 0) or _REPLICA_FATAL)
