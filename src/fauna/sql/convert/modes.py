"""Why a value is converted, for which column, and how what goes wrong is reported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from fauna.errors import error
from fauna.sql.context import current

SHOWN_MAX: Final = 128  # of a value in a message


class Mode(Enum):
    """IMPLICIT: an operand of an expression; COMPARED: one of a comparison, where text that is no date is the zero date;
    CAST: CAST or CONVERT; STORE: assignment to a column."""

    IMPLICIT = "i"
    COMPARED = "m"
    CAST = "c"
    STORE = "s"


@dataclass(frozen=True, slots=True)
class StoreLabel:
    """The column that is assigned to, for messages."""

    schema: str
    table: str
    column: str


NO_LABEL: Final = StoreLabel("", "", "")


def shown(value: str | bytes) -> str:
    """A value as MariaDB's messages show it: printable, cut when long, and in three-byte UTF-8."""
    if isinstance(value, bytes):
        text = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02X}" for byte in value[: SHOWN_MAX + 1])
    elif value.isprintable() and value.isascii():
        text = value
    else:
        text = "".join(
            "?" if char > "\uffff" else char if char >= " " else f"\\x{ord(char):02X}" for char in value[: SHOWN_MAX + 1]
        )
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def _shown_character(char: str) -> str:
    if char > "\uffff":
        return "?"
    return char if char >= " " else f"\\x{ord(char):02X}"


def report(condition: str, *args: object) -> None:
    """A warning, which is an error while a strict statement stores."""
    context = current()
    if context.storing and context.strict:
        raise error(condition, *args)
    context.warn(condition, *args)


def note(condition: str, *args: object) -> None:
    current().warn(condition, *args, level="Note")


class Reporter:
    """What storing in one column reports: each method raises under strict mode, else warns and returns."""

    __slots__ = ("label",)

    def __init__(self, label: StoreLabel) -> None:
        self.label = label

    def _report(self, condition: str, *args: object) -> None:
        context = current()
        if context.strict:
            raise error(condition, *args)
        context.warn(condition, *args)

    def out_of_range(self) -> None:
        self._report("WARN_DATA_OUT_OF_RANGE", self.label.column, current().row)

    def truncated(self) -> None:
        self._report("WARN_DATA_TRUNCATED", self.label.column, current().row)

    def truncated_note(self) -> None:
        note("WARN_DATA_TRUNCATED", self.label.column, current().row)

    def too_long(self) -> None:
        """Under lax mode the text is cut, which is reported as a truncation."""
        condition = "DATA_TOO_LONG" if current().strict else "WARN_DATA_TRUNCATED"
        self._report(condition, self.label.column, current().row)

    def bits_too_long(self) -> None:
        condition = "DATA_TOO_LONG" if current().strict else "WARN_DATA_OUT_OF_RANGE"
        self._report(condition, self.label.column, current().row)

    def incorrect(self, what: str, value: str | bytes) -> None:
        """1366: "Incorrect integer value: 'abc' for column …"."""
        label = self.label
        self._report("INCORRECT_FIELD_VALUE", what, shown(value), label.schema, label.table, label.column, current().row)

    def incorrect_temporal(self, what: str, value: str | bytes) -> None:
        """1292 under strict mode, else a truncation."""
        if not current().strict:
            self.truncated()
            return
        label = self.label
        raise error("INCORRECT_VALUE", what, shown(value), label.schema, label.table, label.column, current().row)

    def time_out_of_range(self, value: str | bytes) -> None:
        """1292 under strict mode, else out of range."""
        if not current().strict:
            self.out_of_range()
            return
        self.incorrect_temporal("time", value)
