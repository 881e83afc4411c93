"""What a transaction can go back to: its beginning, the client's savepoints, the beginning of a statement.

A statement made of several writes needs a savepoint of its own only when something has been written since the last point
there is; otherwise going back to that point undoes just the statement.  So an INSERT on its own costs no SAVEPOINT.
"""

from __future__ import annotations

from fauna.errors import error
from fauna.shard.engines.sqlite.writer import Writer


class _Point:
    """name: the client's; "" for a statement's own, and for a savepoint whose name was used again.
    mark: how many changes the transaction had made."""

    __slots__ = ("mark", "name", "physical")

    def __init__(self, name: str, physical: str) -> None:
        self.name = name
        self.physical = physical
        self.mark = 0


class Savepoints:
    """They may be set before the transaction writes at all; SQLite gets to know them when it does (`begin`)."""

    __slots__ = ("_begun", "_dirty", "_points", "_serial", "_statements", "_writer", "wrote")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._points: list[_Point] = []
        self._statements: list[_Point | None] = []  # None: goes back to the last point
        self._serial = 0
        self._begun = False
        self._dirty = False  # something has been written since the last point
        self.wrote = False  # something has been written since the beginning

    def begin(self) -> None:
        """Begin the writer's transaction, also for a second time after SQLite has undone all of it."""
        self._writer.begin()
        self._begun = True
        for point in self._points:
            point.mark = self._writer.savepoint(point.physical)
        self._dirty = self.wrote = False

    def written(self) -> None:
        self._dirty = self.wrote = True

    # -- the client's

    def set(self, name: str) -> None:
        for point in self._points:
            if point.name == name:
                point.name = ""
        self._push(name)

    def rollback_to(self, name: str) -> None:
        index = self._index(name)
        if self._begun:
            self._go_back_to(self._points[index])
        del self._points[index + 1:]

    def release(self, name: str) -> None:
        index = self._index(name)
        if self._begun:
            self._writer.release(self._points[index].physical)
            self._dirty = self.wrote
        del self._points[index:]

    # -- a statement's

    def begin_statement(self) -> None:
        self._statements.append(self._push("") if self._dirty else None)

    def end_statement(self, *, keep: bool) -> None:
        if not self._statements:
            return  # the transaction has ended meanwhile
        own = self._statements.pop()
        if not keep and self._dirty:
            self._undo_since_last_point()
        if own is not None:
            self._writer.release(own.physical)
            self._points.remove(own)
            self._dirty = True

    def forget_statements(self) -> None:
        """The transaction has ended."""
        self._statements.clear()
        self._begun = False

    def _undo_since_last_point(self) -> None:
        if self._points:
            self._go_back_to(self._points[-1])
        else:
            self._writer.rollback()
            self.begin()

    def _go_back_to(self, point: _Point) -> None:
        self._writer.rollback_to(point.physical, point.mark)
        self._dirty = False

    def _push(self, name: str) -> _Point:
        self._serial += 1
        point = _Point(name, f"fauna_{self._serial}")
        if self._begun:
            point.mark = self._writer.savepoint(point.physical)
            self._dirty = False
        self._points.append(point)
        return point

    def _index(self, name: str) -> int:
        for index, point in enumerate(self._points):
            if point.name == name:
                return index
        raise error("SAVEPOINT_DOES_NOT_EXIST", name)
