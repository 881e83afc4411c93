"""GET /changes: changes as server-sent events, as fast as they come and no faster than the client takes them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Protocol

from fauna.errors import SqlError, error, unsupported
from fauna.web.changes import ChangeEvent, ChangeReader, ChangeSource
from fauna.web.messages import HttpError, Request, Response, bad_request, error_object

HEARTBEAT_S: Final = 15.0
EVENTS_MAX: Final = 100  # in one batch
TABLES_MAX: Final = 64
POSITION_CHARACTERS_MAX: Final = 256
RETRY_MS: Final = 2000  # how long a browser waits before it connects again
# A reader is used by one thread at a time, so the end of a stream cannot wake its wait: it is looked for this often.
END_NOTICED_S: Final = 0.25

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Channel(Protocol):
    """The way to the client of a response that is made while it is sent."""

    @property
    def ending(self) -> asyncio.Event:
        """Set when the client has gone or the server shuts down: the response is to end."""
        ...

    async def begin(self, response: Response) -> None:
        """Send the head of a response whose body follows."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a piece of the body; returns when it is on its way, so that nothing piles up here.  ClientGone when it cannot."""
        ...


class ChangeStreams:
    """All change streams of one server: at most `streams_max`, and as many threads."""

    def __init__(
        self, source: Callable[[], ChangeSource | None], streams_max: int, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._source = source
        self._streams_max = streams_max
        self._heartbeat_s = heartbeat_s
        self._threads = ThreadPoolExecutor(streams_max, "fauna-changes")
        self.open = 0

    async def serve(self, request: Request, channel: Channel) -> None:
        """Stream changes until the client goes or the server ends.  HttpError or SqlError when the stream cannot begin."""
        position, tables = read_position(request), read_tables(request)
        source = self._source()
        if source is None:
            raise unsupported("change streams")
        if self.open >= self._streams_max:
            raise HttpError(503, error("CON_COUNT"), ("Retry-After", "5"))
        feed = _Feed(partial(source.open, position, tables), self._heartbeat_s)
        self.open += 1
        try:
            await self._run(feed, channel)
        finally:
            feed.end()  # first, so that its thread is free for the closing
            # Not awaited, for this may be the end of a task that is cancelled: the place is free when the reader is closed.
            closed = asyncio.get_running_loop().run_in_executor(self._threads, feed.close)
            closed.add_done_callback(self._closed)

    async def _run(self, feed: _Feed, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(self._threads, feed.open)
        await channel.begin(Response(200, content_type="text/event-stream"))
        await channel.send(piece)
        ended: asyncio.Future[Any] = asyncio.ensure_future(channel.ending.wait())
        try:
            while not ended.done():
                coming = loop.run_in_executor(self._threads, feed.next)
                coming.add_done_callback(_seen)
                await asyncio.wait((coming, ended), return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    await channel.send(coming.result())
        except SqlError as problem:
            await channel.send(event_of("end", json.dumps(error_object(problem), ensure_ascii=False)))
        finally:
            ended.cancel()

    def _closed(self, closed: asyncio.Future[None]) -> None:
        self.open -= 1
        closed.result()  # what a reader's close raises is a fault of ours: the loop reports it

    def close(self) -> None:
        """Wait until every reader is closed.  Blocks; the streams must have ended."""
        self._threads.shutdown()


class _Feed:
    """A reader, made and used in threads; what comes out is text for the client."""

    def __init__(self, open_reader: Callable[[], ChangeReader], heartbeat_s: float) -> None:
        self._open_reader = open_reader
        self._heartbeat_s = heartbeat_s
        self._reader: ChangeReader | None = None
        self._using = threading.Lock()
        self._ended = threading.Event()
        self._told = ""  # the position that the client knows

    def open(self) -> bytes:
        """Open the reader.  What the client is sent first: from where it may go on if it is cut off before any change."""
        with self._using:
            self._reader = reader = self._open_reader()
            return f"retry: {RETRY_MS}\n".encode() + self._heartbeat(reader)

    def next(self) -> bytes:
        """The next batch of changes, or a heartbeat when there have been none for that long."""
        with self._using:
            reader = self._reader
            assert reader is not None
            deadline = time.monotonic() + self._heartbeat_s
            while not self._ended.is_set():
                events = reader.fetch(EVENTS_MAX)
                if events:
                    self._told = events[-1].position
                    return b"".join(map(change_event, events))
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                reader.wait(min(left, END_NOTICED_S))
            return self._heartbeat(reader)

    def _heartbeat(self, reader: ChangeReader) -> bytes:
        """A comment; with the position when it has moved, which a browser keeps without making it an event."""
        position = reader.position
        if position == self._told:
            return b":\n\n"
        self._told = position
        return f":\nid: {_checked(position)}\n\n".encode()

    def end(self) -> None:
        """Let `next` return soon.  From any thread."""
        self._ended.set()

    def close(self) -> None:
        """Close the reader, once nothing uses it."""
        with self._using:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _seen(coming: asyncio.Future[bytes]) -> None:
    """What goes wrong while a stream ends is nobody's any more; unseen, the loop would report it."""
    if not coming.cancelled():
        coming.exception()


def change_event(event: ChangeEvent) -> bytes:
    return b"id: " + _checked(event.position).encode() + b"\n" + event_of("change", event.json)


def event_of(name: str, data: str) -> bytes:
    """A server-sent event; a line end inside the data begins another data line, as the format wants."""
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    return f"event: {name}\n{lines}\n".encode()


def _checked(position: str) -> str:
    """A source that gave more than one word would write fields of its own into the stream."""
    assert _is_position(position), position
    return position


def _is_position(text: str) -> bool:
    return 0 < len(text) <= POSITION_CHARACTERS_MAX and text.isascii() and text.isprintable()


def read_position(request: Request) -> str | None:
    """Where to begin: Last-Event-ID, which a browser sends when it connects again, before ?from=, which it then repeats."""
    given = request.parameters.get("from", [])
    if len(given) > 1:
        raise bad_request("from is given more than once")
    position = request.headers.get("last-event-id") or (given[0] if given else None)
    if position is not None and not _is_position(position):
        raise bad_request("the position to begin at cannot be read")
    return position


def read_tables(request: Request) -> Sequence[str]:
    """The tables asked for with ?table=database.table; none means all."""
    unknown = sorted(request.parameters.keys() - {"from", "table"})
    if unknown:
        raise bad_request(f"unknown parameter '{unknown[0]}'; known are from and table")
    tables = list(dict.fromkeys(request.parameters.get("table", [])))
    if len(tables) > TABLES_MAX:
        raise bad_request(f"more than {TABLES_MAX} tables")
    for table in tables:
        database, dot, name = table.partition(".")
        if not (database and dot and name):
            raise bad_request(f"table '{table}' is not written as database.table")
    return tables
