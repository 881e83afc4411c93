"""LOAD DATA LOCAL: the client's file, from the loop that receives it to the thread that loads it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from fauna.errors import error

FEED_BYTES_MAX: Final = 4 * 1024 * 1024


class InfileFeed:
    """A bounded queue of pieces: `put`, `end` and `fail` on the loop, iterated once in a worker thread.

    `on_room` is called in the worker when a full feed has room again.
    """

    def __init__(self, on_room: Callable[[], None]) -> None:
        self._pieces: deque[bytes] = deque()
        self._bytes = 0
        self._full = False
        self._ended = False
        self._failed = False
        self._dropping = False
        self._changed = threading.Condition()
        self._on_room = on_room
        self.started = False

    def put(self, piece: bytes) -> bool:
        """Add a piece; True when the feed is full and no more should come for now."""
        with self._changed:
            if self._dropping:
                return False
            self._pieces.append(piece)
            self._bytes += len(piece)
            self._full = self._bytes > FEED_BYTES_MAX
            self._changed.notify()
            return self._full

    def end(self) -> None:
        """The file is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fail(self) -> None:
        """The client is gone: whoever waits for more gets an error."""
        with self._changed:
            self._failed = True
            self._changed.notify()

    def drop(self) -> None:
        """Nobody reads any more: forget what comes."""
        with self._changed:
            self._dropping = True
            self._pieces.clear()
            self._bytes = 0
        self._on_room()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.started = True
        with self._changed:
            while not self._pieces and not self._ended and not self._failed:
                self._changed.wait()
            if self._failed:
                raise error("NET_READ_ERROR")
            if not self._pieces:
                raise StopIteration
            piece = self._pieces.popleft()
            self._bytes -= len(piece)
            room = self._full and self._bytes <= FEED_BYTES_MAX // 2
            if room:
                self._full = False
        if room:
            self._on_room()
        return piece
