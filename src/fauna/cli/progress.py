"""How far something long is: a bar on a terminal, else a plain line now and then.  On standard error; the answer comes after."""

from __future__ import annotations

import sys
import time
from typing import Final

from fauna.backup.progress import Step

_BAR: Final = 30
_DRAW_S: Final = 0.1
_LINE_S: Final = 5.0
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Shown:
    """A watcher."""

    def __init__(self, *, quiet: bool = False) -> None:
        """quiet: nothing is shown."""
        self._quiet = quiet
        self._drawn = sys.stderr.isatty()
        self._told = time.monotonic()
        self._dirty = False

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if self._quiet or now - self._told < (_DRAW_S if self._drawn else _LINE_S):
            return
        self._told = now
        if self._drawn:
            print(f"\r\x1b[K{_bar(step)} {_line(step)}", end="", file=sys.stderr, flush=True)
            self._dirty = True
        else:
            print(_line(step), file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the terminal to what comes next."""
        if self._dirty:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._dirty = False


def _bar(step: Step) -> str:
    full = min(_BAR, _BAR * step.done // step.total) if step.total else 0
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def _line(step: Step) -> str:
    if step.unit != "bytes":
        return f"{step.what}: {step.done:,} of {step.total:,} {step.unit}"
    return f"{step.what}: {shown_bytes(step.done)} of {shown_bytes(step.total)}"


def shown_bytes(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{count:,} bytes" if not unit else f"{size:,.1f} {_UNITS[unit]}"
