"""Functions that fit nowhere else."""

from __future__ import annotations

from typing import Any, Final

from fauna.sql.functions.registry import Arg, Function, register
from fauna.sql.functions.results import text_of

_BYTE_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_PICO_UNITS: Final = (("d", 86_400e12), ("h", 3_600e12), ("min", 60e12), ("s", 1e12), ("ms", 1e9), ("us", 1e6), ("ns", 1e3))


def _format_bytes(count: float) -> str:
    """MySQL 8's FORMAT_BYTES: '1.00 KiB'."""
    unit = 0
    size = abs(count)
    while size >= 1024 and unit < len(_BYTE_UNITS) - 1:
        size /= 1024
        unit += 1
    signed = -size if count < 0 else size
    return f"{int(signed):4d} bytes" if unit == 0 else f"{signed:.2f} {_BYTE_UNITS[unit]}"


def _format_pico_time(picoseconds: float) -> str:
    for name, size in _PICO_UNITS:
        if abs(picoseconds) >= size:
            return f"{picoseconds / size:.2f} {name}"
    return f"{int(picoseconds):3d} ps"


def _first(*values: Any) -> Any:
    return values[0]


def _second(*values: Any) -> Any:
    return values[1]


register(Function("FORMAT_BYTES", (Arg.REAL,), 1, 1, text_of(20), _format_bytes))
register(Function("FORMAT_PICO_TIME", (Arg.REAL,), 1, 1, text_of(20), _format_pico_time))
# The value passes through as it is stored, whatever its type.
register(
    Function(
        "NAME_CONST",
        (Arg.ANY, Arg.ANY),
        2,
        2,
        lambda args: args[1].type,
        _second,
        # The name is mentioned because each parameter of a statement must be.
        sql=lambda a: f"iif(1, {a[1]}, {a[0]})",
        sql_for=lambda a, _: f"iif(1, {a[1]}, {a[0]})",
        null_aware=True,
    )
)
register(
    Function(
        "ANY_VALUE",
        (Arg.ANY,),
        1,
        1,
        lambda args: args[0].type,
        _first,
        sql=lambda a: a[0],
        sql_for=lambda a, _: a[0],
        null_aware=True,
    )
)
