"""The function library: MySQL's functions and the aggregates that SQLite lacks.

For: `registry.FUNCTIONS` and `registry.AGGREGATES`, filled by `load()`; `sqlite.register_all(connection)`;
reading dates and times (`temporal_parse`), time zones (`time_zone`), JSON as text (`json_text`), named locks
(`user_locks`).

Not for: operators, CAST, COUNT/SUM/AVG/MIN/MAX, control flow and comparison functions: the binder has those.

Invariants: a function sees plain values, never scaled integers; whatever it needs of the session comes as an argument
or from `context.current()`; bad values give NULL and a warning, as in MariaDB; results are bounded by
max_allowed_packet.

    >>> from fauna.sql.functions import load
    >>> load()["CONCAT"].call("a", "b")
    'ab'

Known limits: names of months and days are English; FORMAT knows a dozen locales; regular expressions are
Python's, not PCRE's; a TIME inside JSON shows its fraction with six digits.
"""

from __future__ import annotations

from importlib import import_module

from fauna.sql.functions.registry import FUNCTIONS, Function

_MODULES = (
    "string",
    "numeric",
    "temporal",
    "json",
    "regex",
    "digest",
    "network",
    "information",
    "misc",
    "aggregates",
    "geometry",
)


def load() -> dict[str, Function]:
    """The library, every module of it imported."""
    for name in _MODULES:
        import_module(f"fauna.sql.functions.{name}")
    return FUNCTIONS
