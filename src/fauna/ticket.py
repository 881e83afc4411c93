"""Something that happens later, once (the protocol is `fauna.session.result.Ticket`)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fauna.errors import FaunaError

_LOG = logging.getLogger(__name__)


class OneShot:
    """A ticket that somebody completes, with or without an error.

    It has no lock of its own: list.append and list.pop are atomic, so each callback is popped, and hence
    called, by exactly one thread.
    """

    __slots__ = ("_callbacks", "_done", "_error")

    def __init__(self) -> None:
        self._done = False
        self._error: FaunaError | None = None
        self._callbacks: list[Callable[[], None]] = []

    def done(self) -> bool:
        return self._done

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def on_done(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._done:
            self._call_back()

    def wait(self, timeout_s: float | None = None) -> bool:
        if not self._done:
            happened = threading.Event()
            self.on_done(happened.set)
            if not happened.wait(timeout_s):
                return False
        self.check()
        return True

    def complete(self, error: FaunaError | None = None) -> None:
        """Mark as happened and call everybody back.  The second and later calls do nothing."""
        if self._done:
            return
        self._error = error
        self._done = True
        self._call_back()

    def _call_back(self) -> None:
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:
                return
            try:
                callback()
            except Exception:  # noqa: BLE001
                # Whoever waited has gone (a closed event loop, say); the others still want to know.
                _LOG.exception("a ticket's callback failed")


def done_ticket() -> OneShot:
    """A ticket for what has already happened."""
    return _DONE


_DONE = OneShot()
_DONE.complete()
