"""Result sets on their way out: a stream of rows pulled in batches, and the rows of an open cursor.

Both have `take()`, which gives the next bytes to write and runs in a worker thread or, for rows in memory, on the
loop.  Neither writes anything itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Final

from fauna.session.result import Result
from fauna.wire.framing import frames
from fauna.wire.replies import BATCH_BYTES, ResultFormat

_SPOOL_BYTES: Final = 1024 * 1024  # of an open cursor kept in memory; more goes to a temporary file


class RowStream:
    """The rows of one result.

    `done` after a take() says there are no more; `problem` is then what ended them early, or None.  `sequence` is the
    next packet's id.  `started` says that something was given to be written: a result that fails before its first row
    is answered by the error alone.
    """

    __slots__ = ("_format", "_head", "done", "problem", "result", "sequence", "started")

    def __init__(self, result: Result, result_format: ResultFormat, sequence: int, head: list[bytes]) -> None:
        """`head` are `len(head)` packets' bytes that go before the rows; `sequence` is the id after them."""
        self.result = result
        self.sequence = sequence
        self.done = False
        self.problem: Exception | None = None
        self.started = not head
        self._format = result_format
        self._head = head

    def take(self) -> bytes:
        pieces = self._head
        self._head = []
        before = len(pieces)
        try:
            self.sequence, self.done = self._format.batch(self.result.rows, self.sequence, pieces, BATCH_BYTES)
        except Exception as problem:  # noqa: BLE001 (kept for the reply)
            packets = (len(pieces) - before) // 2
            self.sequence += packets
            self.problem = problem
            self.done = True
            if not packets and not self.started:
                return b""
        self.started = True
        return b"".join(pieces)

    def close(self) -> None:
        """Give up the rows not read."""
        if not self.done:
            self.done = True
            self.result.close()


class Cursor:
    """The rows of a statement executed with CURSOR_TYPE_READ_ONLY, as MySQL does it: all read at once and kept aside,
    so that an open cursor holds no snapshot and no lock, and in a temporary file when they are many.
    """

    __slots__ = ("_file", "_left", "_read_at")

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 (closed by close())
        self._left = 0
        self._read_at = 0

    def fill(self, result: Result, result_format: ResultFormat) -> None:
        """Read the result to its end.  Raises what its rows raise."""
        write, row_of = self._file.write, result_format.row
        try:
            for row in result.rows:
                payload = row_of(row)
                write(len(payload).to_bytes(8, "little"))
                write(payload)
                self._left += 1
        except BaseException:
            self.close()
            result.close()
            raise

    def exhausted(self) -> bool:
        return not self._left

    def payloads(self, count: int) -> Iterator[bytes]:
        """The next `count` rows, or as many as are left."""
        read = self._file.read
        self._file.seek(self._read_at)
        while count > 0 and self._left:
            payload = read(int.from_bytes(read(8), "little"))
            self._read_at += 8 + len(payload)
            self._left -= 1
            count -= 1
            yield payload

    def close(self) -> None:
        self._left = 0
        self._file.close()


class CursorFetch:
    """The rows one COM_STMT_FETCH asks for, in batches like any other rows."""

    __slots__ = ("_payloads", "cursor", "done", "problem", "sequence")

    def __init__(self, cursor: Cursor, count: int, sequence: int) -> None:
        self.cursor = cursor
        self.sequence = sequence
        self.done = False
        self.problem: Exception | None = None
        self._payloads = cursor.payloads(count)

    def take(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            for payload in self._payloads:
                framed, self.sequence = frames(payload, self.sequence)
                pieces.extend(framed)
                size += len(payload)
                if size >= BATCH_BYTES:
                    return b"".join(pieces)
        except Exception as problem:  # noqa: BLE001 (kept for the reply)
            self.problem = problem
        self.done = True
        return b"".join(pieces)

    def close(self) -> None:
        self.done = True
