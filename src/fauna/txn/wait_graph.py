"""Who waits for whom, over all locks of all shards of a node: a circle is a deadlock, and is found when it closes.

    T1 has a row of shard 0      T2 has a row of shard 1
    T1 wants T2's row: waits     T2 wants T1's: it waits for T1, which waits for T2: error 1213 for T2

A transaction that runs waits at one place; one that commits on several shards may wait for the write locks of all of them.
Those that it waits for are asked of the lock itself, so they are as they are now.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Protocol

Owner = Hashable


class Place(Protocol):
    """Where somebody waits: a ticket."""

    def sacrifice(self) -> None:
        """Wait no longer, fail with 1213.  Does nothing once the lock is granted, and for who must have it."""
        ...


class WaitGraph:
    """`mutex` guards it, and is held by whoever changes who has a row lock."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self._waits: dict[Owner, dict[Place | None, Callable[[], set[Owner]]]] = {}

    def wait(self, owner: Owner, holders: Callable[[], set[Owner]], place: Place | None = None) -> bool:
        """`owner` begins to wait, at `place`, for those that `holders` tells; False, and it does not, when they wait for it
        themselves."""
        with self.mutex:
            seen: set[Owner] = set()
            ahead = holders() - {owner}
            while ahead:
                other = ahead.pop()
                if other == owner:
                    return False
                if other in seen:
                    continue
                seen.add(other)
                for further in self._waits.get(other, {}).values():
                    ahead |= further()
            self._waits.setdefault(owner, {})[place] = holders
            return True

    def must_wait(self, owner: Owner, holders: Callable[[], set[Owner]], place: Place) -> None:
        """As `wait`, for one that cannot give way: whoever closes a circle by waiting for it does."""
        closing: list[Place] = []
        with self.mutex:
            self._waits.setdefault(owner, {})[place] = holders
            seen: set[Owner] = {owner}
            ahead = holders() - seen
            while ahead:
                other = ahead.pop()
                seen.add(other)
                for at, further in self._waits.get(other, {}).items():
                    found = further()
                    if at is not None and owner in found:
                        closing.append(at)
                    ahead |= found - seen
        for at in closing:
            at.sacrifice()

    def stop(self, owner: Owner, place: Place | None = None) -> None:
        """It waits there no more."""
        with self.mutex:
            places = self._waits.get(owner)
            if places is not None:
                places.pop(place, None)
                if not places:
                    del self._waits[owner]

    def waits(self, owner: Owner) -> bool:
        return owner in self._waits
