"""Steps of a backup, in words, for whoever waits."""

from __future__ import annotations

from typing import Final

from fauna.backup.progress import Step
from fauna.cli.progress import Progress

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Shown:
    """A watcher that shows what it is told."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        """quiet: nothing is shown."""
        self._progress = Progress(name, quiet=quiet)

    def __call__(self, step: Step) -> None:
        self._progress(min(1.0, step.done / step.total) if step.total else 0.0, _line(step))

    def end(self) -> None:
        """Leave the terminal to what comes next."""
        self._progress.end()


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
