"""Time, as a value that is handed in: the system's clock, or one that a test moves by hand."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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


class HybridClock:
    """A hybrid logical clock (Kulkarni et al., 2014) in one number: microseconds since 1970 UTC, and one more than the last
    where the system's clock has not moved on since, or has gone back.  Any thread may ask it."""

    __slots__ = ("_clock", "_last_us", "_lock")

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._last_us = 0
        self._lock = threading.Lock()

    def next_us(self) -> int:
        """A time that nothing else has, later than all times given or observed so far."""
        with self._lock:
            self._last_us = last_us = max(self._clock.utc_us(), self._last_us + 1)
            return last_us

    def observe(self, time_us: int) -> None:
        """Something has happened at `time_us`: all that is given from now on is later."""
        with self._lock:
            self._last_us = max(self._last_us, time_us)

    def now_us(self) -> int:
        """Not earlier than anything given so far."""
        return max(self._clock.utc_us(), self._last_us)

    def has_come(self, time_us: int) -> bool:
        """Whether that time is not in the future."""
        return time_us <= self.now_us()


def shown(time_us: int) -> str:
    """A time as SQL shows a DATETIME(6), in UTC."""
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M:%S.%f")
    except OverflowError:
        return str(time_us)
