"""What an engine says went wrong, in neutral words: physical table and column names, no MySQL numbers.

Raised when whoever catches it must put in the catalog's names.  Errors that need none (disk full, interrupted, time-outs) are
raised as `SqlError` at once.  `sql_error()` is what to answer when nobody knows better.
"""

from __future__ import annotations

from fauna.errors import FaunaError, SqlError, error


class EngineError(FaunaError):
    """`row` is the 1-based row of a `write_many` that failed, 0 when it does not apply."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.row = 0

    def sql_error(self) -> SqlError:
        return error("UNKNOWN_ERROR", self.text)


class UniqueViolation(EngineError):
    """columns: of the violated key in `table`; or `index` names it, when it is over expressions.  `primary`: the rowid."""

    def __init__(self, text: str, table: str, columns: tuple[str, ...], index: str = "", *, primary: bool = False) -> None:
        super().__init__(text)
        self.table = table
        self.columns = columns
        self.index = index
        self.primary = primary

    def sql_error(self) -> SqlError:
        key = self.index or ("PRIMARY" if self.primary else "_".join(self.columns))
        return error("DUP_UNKNOWN_IN_INDEX", key)


class NotNullViolation(EngineError):
    def __init__(self, text: str, table: str, column: str) -> None:
        super().__init__(text)
        self.table = table
        self.column = column

    def sql_error(self) -> SqlError:
        return error("BAD_NULL", self.column)


class CheckViolation(EngineError):
    """name: of the constraint, or its expression's text when it has none."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class TypeViolation(EngineError):
    """A value of the wrong storage class for a STRICT column: a fault in the layers above."""

    def __init__(self, text: str, table: str = "", column: str = "") -> None:
        super().__init__(text)
        self.table = table
        self.column = column

    def sql_error(self) -> SqlError:
        return error("DATA_OUT_OF_RANGE", "BIGINT", "the expression")


class RaisedByTrigger(EngineError):
    """`text` is what RAISE(ABORT, text) said: foreign keys are triggers."""


class Overflow(EngineError):
    """Integer overflow in sum() or abs()."""


class TooBig(EngineError):
    """A value or a row above the engine's limit."""


class Busy(EngineError):
    """The file is locked by somebody who should not be there."""


class Corrupt(EngineError):
    """The file is damaged.  Say so, change nothing."""


class NoSuchObject(EngineError):
    """No such table, column, index …: the plan was made for another schema."""
