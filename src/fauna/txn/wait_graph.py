"""Who waits for whom, over all locks of all shards of a node: a circle is a deadlock, and is found when it closes.

    T1 has a row of shard 0      T2 has a row of shard 1
    T1 wants T2's row: waits     T2 wants T1's: it waits for T1, which waits for T2: error 1213 for T2

A transaction waits for one thing at a time.  Those that it waits for are asked of the lock itself, so they are as they are now.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

Owner = Hashable


class WaitGraph:
    """`mutex` guards it, and is held by whoever changes who has a row lock."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self._waits: dict[Owner, Callable[[], set[Owner]]] = {}

    def wait(self, owner: Owner, holders: Callable[[], set[Owner]]) -> bool:
        """`owner` begins to wait for those that `holders` tells; False, and it does not, when they wait for it themselves."""
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
                further = self._waits.get(other)
                if further is not None:
                    ahead |= further()
            self._waits[owner] = holders
            return True

    def stop(self, owner: Owner) -> None:
        """It waits no more."""
        with self.mutex:
            self._waits.pop(owner, None)

    def waits(self, owner: Owner) -> bool:
        return owner in self._waits
