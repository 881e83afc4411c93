"""A place in the stream, as text: '<time in µs>.<n>', behind event n of the transaction of that time.

'<time>.0' is before that transaction, so that all that was committed earlier is behind it.  For users it is one word, which they
keep and give back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fauna.errors import error

NOW: Final = "now"
START: Final = "start"
EXPECTED: Final = (
    "expected is a position that an event had, a block as shard:height, a time as '2026-11-01 12:00:00' (UTC unless it says "
    "otherwise), 'start' or 'now'"
)
_POSITION: Final = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)
_BLOCK: Final = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    time_us: int = 0
    event: int = 0

    def __str__(self) -> str:
        return f"{self.time_us}.{self.event}"


@dataclass(frozen=True, slots=True)
class BlockName:
    shard: int
    height: int


BEGINNING: Final = Position()


def parse(text: str) -> Position | BlockName | None:
    """What somebody has asked to begin at: a position, before the transaction of a block, or None: now.  Error 1236 for what is
    neither."""
    word = text.strip()
    if word.lower() == NOW:
        return None
    if word.lower() == START:
        return BEGINNING
    found = _POSITION.fullmatch(word)
    if found is not None:
        return Position(int(found[1]), int(found[2]))
    found = _BLOCK.fullmatch(word)
    if found is not None:
        return BlockName(int(found[1]), int(found[2]))
    return Position(_time_us(word), 0)


def _time_us(word: str) -> int:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise error("WRONG_POSITION", word, EXPECTED) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return max(0, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
