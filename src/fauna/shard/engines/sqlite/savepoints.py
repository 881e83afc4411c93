"""What a transaction can go back to: its beginning, the client's savepoints, the beginning of a statement.

A statement made of several writes needs a savepoint of its own only when something has been written since the last point
there is; otherwise going back to that point undoes just the statement.  So an INSERT on its own costs no SAVEPOINT.
"""

from __future__ import annotations

from collections.abc import Sequence

from fauna.errors import error
from fauna.shard.engines.sqlite.write_set import Change
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

    __slots__ = ("_begun", "_dirty", "_every_row", "_images", "_points", "_serial", "_statements", "_writer", "kept", "wrote")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._points: list[_Point] = []
        self._statements: list[_Point | None] = []  # None: goes back to the last point
        self._serial = 0
        self._begun = False
        self._images = self._every_row = False
        self.kept = 0  # changes there are while nothing is begun
        self._dirty = False  # something has been written since the last point
        self.wrote = False  # something has been written since the beginning

    def begin(self, changes: Sequence[Change] = (), *, images: bool = False, every_row: bool = False) -> None:
        """Begin the writer's transaction, also again after all of it was undone or given up: `changes`, frozen, are
        repeated, each point is set where it was."""
        self._writer.begin(images=images, every_row=every_row)
        self._images, self._every_row = images, every_row
        self._begun = True
        done = 0
        for point in self._points:
            if point.mark > done:
                self._writer.repeat(changes[done:point.mark])
                done = point.mark
            point.mark = self._writer.savepoint(point.physical)
        if done < len(changes):
            self._writer.repeat(changes[done:])
        self._dirty = len(changes) > (self._points[-1].mark if self._points else 0)
        self.wrote = bool(changes)

    def give_up(self, kept: int) -> None:
        """The writer's transaction was undone, to be begun again later with `kept` changes; a statement's own points are gone."""
        for own in self._statements:
            if own is not None and own in self._points:
                self._points.remove(own)
        self._statements.clear()
        self._begun = False
        self.kept = kept

    def written(self) -> None:
        self._dirty = self.wrote = True

    # -- the client's

    def set(self, name: str) -> None:
        for point in self._points:
            if point.name == name:
                point.name = ""
        self._push(name)

    def rollback_to(self, name: str) -> int:
        """How many changes the transaction had made then."""
        index = self._index(name)
        if self._begun:
            self._go_back_to(self._points[index])
        del self._points[index + 1:]
        self.kept = self._points[index].mark
        return self.kept

    def release(self, name: str) -> None:
        index = self._index(name)
        if self._begun:
            self._writer.release(self._points[index].physical)
            self._dirty = self.wrote
        del self._points[index:]

    # -- a statement's

    @property
    def in_statement(self) -> bool:
        return bool(self._statements)

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

    def _undo_since_last_point(self) -> None:
        if self._points:
            self._go_back_to(self._points[-1])
        else:
            self._writer.rollback()
            self.begin(images=self._images, every_row=self._every_row)

    def _go_back_to(self, point: _Point) -> None:
        self._writer.rollback_to(point.physical, point.mark)
        self._dirty = False

    def _push(self, name: str) -> _Point:
        self._serial += 1
        point = _Point(name, f"fauna_{self._serial}")
        if self._begun:
            point.mark = self._writer.savepoint(point.physical)
            self._dirty = False
        else:
            point.mark = self.kept
        self._points.append(point)
        return point

    def _index(self, name: str) -> int:
        for index, point in enumerate(self._points):
            if point.name == name:
                return index
        raise error("SAVEPOINT_DOES_NOT_EXIST", name)
