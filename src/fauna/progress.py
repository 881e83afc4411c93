"""How far long work is: a bar on a terminal, a plain line now and then where there is none."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

_WIDTH: Final = 30
_BAR_S: Final = 0.1
_LINE_S: Final = 5.0
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Progress:
    """Call it with how much is done, from 0 to 1, and what is being done.  It writes to standard error."""

    def __init__(self, name: str, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._name = name
        self._stream = stream if stream is not None else sys.stderr
        self._drawn = self._stream.isatty()
        self._quiet = quiet
        self._told = time.monotonic()
        self._begun = False

    def __call__(self, done: float, what: str) -> None:
        now = time.monotonic()
        if self._quiet or now - self._told < (_BAR_S if self._drawn else _LINE_S):
            return
        self._told = now
        if self._drawn:
            full = min(_WIDTH, round(_WIDTH * done))
            print(f"\r\x1b[K[{'#' * full}{'.' * (_WIDTH - full)}] {done:4.0%} {what}", end="", file=self._stream, flush=True)
            self._begun = True
        else:
            print(f"{self._name}: {done:.0%}, {what}", file=self._stream, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._begun:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
            self._begun = False


def shown_bytes(count: int) -> str:
    """A number of bytes as people read it."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{count:,} bytes" if not unit else f"{size:,.1f} {_UNITS[unit]}"
