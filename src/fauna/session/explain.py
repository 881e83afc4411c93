"""EXPLAIN: SQLite's plan in MySQL's columns, with the names that the statement gives its tables.

SQLite tells a tree of steps: `SEARCH a1 USING INDEX i7_2 (c2=?)`, `CO-ROUTINE a3`, `USE TEMP B-TREE FOR ORDER BY`. What it
does not tell (key_len, ref, rows) is NULL. Pure.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fauna.catalog.schema import Index, Table
from fauna.catalog.types import Kind, SqlType, varchar
from fauna.execute.over_shards import Fetched
from fauna.plan.plan import Distribution
from fauna.session.result import ResultColumn, Row

EXPLAIN_COLUMNS: Final = (
    ResultColumn("id", SqlType(Kind.BIGINT, 3, unsigned=True)),
    ResultColumn("select_type", varchar(19)),
    ResultColumn("table", varchar(64)),
    ResultColumn("type", varchar(10)),
    ResultColumn("possible_keys", varchar(4096)),
    ResultColumn("key", varchar(64)),
    ResultColumn("key_len", varchar(4096)),
    ResultColumn("ref", varchar(1024)),
    ResultColumn("rows", varchar(64)),
    ResultColumn("Extra", varchar(255)),
)
_ACCESS: Final = re.compile(r"(?P<verb>SCAN|SEARCH) (?P<source>\S+)(?: USING (?P<how>.*))?")
_INDEX: Final = re.compile(r"(?P<covering>COVERING )?INDEX (?P<name>\S+)(?: \((?P<tests>.*)\))?")
# Start of a step -> select_type of what is below it.
_SELECTS: Final = {
    "CO-ROUTINE": "DERIVED",
    "MATERIALIZE": "DERIVED",
    "CORRELATED": "DEPENDENT SUBQUERY",
    "SCALAR": "SUBQUERY",
    "LIST": "SUBQUERY",
    "UNION": "UNION",
    "EXCEPT": "EXCEPT",
    "INTERSECT": "INTERSECT",
}
_TEMPORARY: Final = {"ORDER": "Using filesort", "GROUP": "Using temporary", "DISTINCT": "Using temporary"}

Tables = Mapping[str, tuple[Table, str]]  # SQL alias -> table, its name in the statement


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    parent: int
    detail: str


@dataclass(slots=True)
class _Select:
    """One SELECT of the statement, as the rows of the answer show it."""

    number: int
    kind: str
    rows: list[list[str | None]] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


def explained(steps: Sequence[Step], tables: Tables) -> list[Row]:
    """The rows of EXPLAIN."""
    selects = [_Select(1, "PRIMARY")]
    under = {0: selects[0]}
    derived: dict[str, int] = {}
    for step in steps:
        select = under.get(step.parent, selects[0])
        words = step.detail.split()
        if words[0] in _SELECTS:
            select = _Select(len(selects) + 1, _SELECTS[words[0]])
            selects.append(select)
            derived[words[-1]] = select.number
        elif words[:3] == ["USE", "TEMP", "B-TREE"]:
            select.extra.append(next((note for word, note in _TEMPORARY.items() if word in words), "Using temporary"))
        elif access := _ACCESS.fullmatch(step.detail):
            select.rows.append(_access(access, tables, derived, joined=bool(select.rows)))
        under[step.number] = select
    if len(selects) == 1:
        selects[0].kind = "SIMPLE"
    return [row for select in selects for row in _rows(select)]


def noted(rows: Sequence[Row], note: str) -> list[Row]:
    """The rows with `note` before the first one's Extra: with several shards, where it is done."""
    (*first, extra), *others = rows
    return [(*first, f"{note}; {extra!s}" if extra else note), *others]


def merge_row(distribution: Distribution) -> Row:
    """What the query node does with what it has fetched."""
    if distribution.final is not None:
        extra = "At the query node, on what was fetched"
    elif distribution.by_row:
        extra = "At the query node: rows in the order of their numbers"
    else:
        extra = "At the query node: rows of one shard after another"
    return (len(distribution.gathers) + 1, "MERGE", None, None, None, None, None, None, None, extra)


def analyzed(
    distribution: Distribution | None, home: int | None, fetched: Sequence[Fetched], rows: int, started: float
) -> str:
    """EXPLAIN ANALYZE's tree.  started: on time.perf_counter()."""
    total = f"(actual time={(time.perf_counter() - started) * 1000:.3f} ms rows={rows})"
    if home is not None:
        return f"-> Run on shard {home}  {total}" if distribution is not None else f"-> Run  {total}"
    lines = [f"-> Put together at the query node  {total}"]
    for step in sorted(fetched, key=lambda each: each.shard):
        pushed = f", pushed: {step.shows}" if step.shows else ""
        lines.append(f"    -> Fetch from shard {step.shard}{pushed}  (actual time={step.seconds * 1000:.3f} ms rows={step.rows})")
    return "\n".join(lines)


def _rows(select: _Select) -> list[Row]:
    rows = select.rows or [[None, None, None, "No tables used"]]
    if select.extra:
        notes = [note for note in (rows[0][-1], *dict.fromkeys(select.extra)) if note]
        rows[0][-1] = "; ".join(notes)
    return [
        (select.number, select.kind, table, access, None if access == "index" else key, key, None, None, None, extra or "")
        for table, access, key, extra in rows
    ]


def _access(access: re.Match[str], tables: Tables, derived: Mapping[str, int], *, joined: bool) -> list[str | None]:
    """table, type, key, Extra"""
    source, how = access["source"], access["how"] or ""
    if access["source"] == "CONSTANT":
        return [None, None, None, "No tables used"]
    table, name = tables.get(source, (None, f"<derived{derived.get(source, '')}>"))
    one = "eq_ref" if joined else "const"
    if how.startswith("INTEGER PRIMARY KEY"):
        return [name, one if "=" in how and "<" not in how and ">" not in how else "range", "PRIMARY", ""]
    used = _INDEX.match(how)
    if used is None:
        return [name, "ALL", None, ""]
    index = _index_of(table, used["name"])
    extra = "Using index" if used["covering"] else ""
    if access["verb"] == "SCAN":
        return [name, "index", index.name if index else None, extra]
    tests = used["tests"] or ""
    if "<" in tests or ">" in tests:
        kind = "range"
    else:
        whole = index is not None and index.unique and tests.count("=?") == len(index.parts)
        kind = one if whole else "ref"
    return [name, kind, index.name if index else None, extra]


def _index_of(table: Table | None, physical: str) -> Index | None:
    return next((i for i in table.indexes if i.physical == physical), None) if table is not None else None
