"""Several benches that share the tasks: processes, or one bench in this process when there is little to do."""

from __future__ import annotations

import os
import pickle
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import fauna
from fauna.verification.findings import CannotVerify, Stop, Stopped, never
from fauna.verification.work import Bench, Opened, Setup

Task = tuple[str, tuple[Any, ...]]
_END_S: Final = 10.0
_LOOK_S: Final = 0.2  # whether to stop is asked so often while no answer comes
_SECRETS: Final = frozenset({"FAUNADB_ROOT_PASSWORD", "FAUNADB_PASSWORD"})  # which no worker needs


class Benches(Protocol):
    def open(self) -> list[dict[int, Opened]]:
        """What each of them sees."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        """Each task with its answer, in any order."""
        ...

    def close(self) -> None: ...


class Here:
    """A bench of this process, which is open."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def open(self) -> list[dict[int, Opened]]:
        return []

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        for task in tasks:
            yield task, self.bench.run(*task)

    def close(self) -> None:
        pass  # it is somebody else's


class Processes:
    def __init__(self, setup: Setup, count: int, stop: Stop = never) -> None:
        """stop: `open` and `run` end with Stopped when it says so; then they are to be closed."""
        self._stop = stop
        source = str(Path(fauna.__file__).parents[1])
        path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH", "")])])
        environment = {name: value for name, value in os.environ.items() if name not in _SECRETS} | {"PYTHONPATH": path}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "fauna.verification.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=environment,
            )
            for _ in range(count)
        ]  # fmt: skip
        for process in self._processes:
            self._send(process, setup)

    def open(self) -> list[dict[int, Opened]]:
        for process in self._processes:
            self._send(process, ("open", ()))
        return [self._receive(process) for process in self._processes if self._has_answered(process)]

    def _has_answered(self, process: subprocess.Popen[bytes]) -> bool:
        """True, once there is something to receive; Stopped before that when `stop` says so."""
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], _LOOK_S)[0]:
            if self._stop():
                raise Stopped
        return True

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        answers: queue.SimpleQueue[tuple[Task, Any]] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        threads = [threading.Thread(target=self._keep_busy, args=(p, waiting, answers), daemon=True) for p in self._processes]
        for thread in threads:
            thread.start()
        for _ in tasks:
            task, answer = self._next(answers)
            if isinstance(answer, Exception):
                raise answer
            yield task, answer
        for thread in threads:
            thread.join()

    def _next(self, answers: queue.SimpleQueue[tuple[Task, Any]]) -> tuple[Task, Any]:
        while not self._stop():
            try:
                return answers.get(timeout=_LOOK_S)
            except queue.Empty:
                pass
        raise Stopped

    def _keep_busy(
        self, process: subprocess.Popen[bytes], waiting: queue.SimpleQueue[Task], answers: queue.SimpleQueue[tuple[Task, Any]]
    ) -> None:
        while True:
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._send(process, task)
                answers.put((task, self._receive(process)))
            except Exception as problem:  # noqa: BLE001 (it is raised by whoever waits for the answer)
                answers.put((task, problem))
                return

    @staticmethod
    def _send(process: subprocess.Popen[bytes], message: Any) -> None:
        assert process.stdin is not None
        try:
            pickle.dump(message, process.stdin)
            process.stdin.flush()
        except OSError:
            raise CannotVerify("a process that was to verify has ended") from None

    @staticmethod
    def _receive(process: subprocess.Popen[bytes]) -> Any:
        assert process.stdout is not None
        try:
            done, answer = pickle.load(process.stdout)
        except EOFError:
            raise CannotVerify("a process that was to verify has ended") from None
        if not done:
            raise CannotVerify(f"a process that was to verify has failed: {answer}")
        return answer

    def close(self) -> None:
        for process in self._processes:
            if process.stdin is not None and process.stdout is not None:
                try:
                    process.stdin.close()
                except OSError:
                    pass  # it has ended
                process.kill()
                process.wait(_END_S)
                process.stdout.close()
