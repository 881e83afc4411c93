"""What a thread does beside others until it is stopped."""

from __future__ import annotations

import threading

_END_S = 60


class Worker:
    """`_run` looks at `stopping`; it may be started again."""

    thread: threading.Thread | None = None
    stopping: bool = False

    def start(self) -> None:
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def join(self) -> None:
        self.stopping = True
        if self.thread:
            self.thread.join(_END_S)
            assert not self.thread.is_alive(), f"{self} waits for an answer"

    def _run(self) -> None:
        raise NotImplementedError
