"""Time, as a value that is handed in: the system's clock, or one that a test moves by hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def utc_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    __slots__ = ()

    def monotonic_s(self) -> float:
        return time.monotonic()

    def utc_us(self) -> int:
        return time.time_ns() // 1000


class ManualClock:
    """For tests: stands still until `advance` is called."""

    __slots__ = ("_us",)

    def __init__(self, utc_us: int = 1_700_000_000_000_000) -> None:
        self._us = utc_us

    def monotonic_s(self) -> float:
        return self._us / 1_000_000

    def utc_us(self) -> int:
        return self._us

    def advance(self, seconds: float) -> None:
        self._us += round(seconds * 1_000_000)
