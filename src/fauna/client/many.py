"""executemany: one statement, many rows of parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from fauna.client.link import Answer, Link
from fauna.client.placeholders import Statement, arrange, statement_of

ROWS_MAX: Final = 500  # rows in one statement
PARAMS_MAX: Final = 10_000  # parameters in one statement; the protocol's own limit is 65,535
BYTES_MAX: Final = 1 << 20  # text and bytes after which a statement is sent; far below max_allowed_packet

# INSERT … VALUES (one group with placeholders) [ON DUPLICATE KEY UPDATE without placeholders]
_VALUES: Final = re.compile(r"^(\s*(?:INSERT|REPLACE)\b.+?\bVALUES?\s*)(\(.*\))(\s*(?:ON\s+DUPLICATE\b.*)?;?\s*)$", re.I | re.S)
_PLACEHOLDER: Final = re.compile(r"%\((?:[^)]*)\)s|%s|\?")


def run_many(link: Link, sql: str, rows: Iterable[Any]) -> Answer:
    """Run `sql` for each row of parameters; the answer's counts are the sums, its insert id the last one."""
    form = _multi_row_form(sql)
    rows = iter(rows)
    total = Answer(None, [], 0, 0, 0)
    if form is None:
        for row in rows:
            _add(total, link.run(sql, row))
        return total
    head, group, tail = form
    statement = statement_of(group)
    width = max(1, statement.count)
    size = max(1, min(ROWS_MAX, PARAMS_MAX // width))
    start = statement_of(head).text
    while (batch := _batch(rows, statement, size))[0]:
        count, values = batch
        groups = ", ".join([statement.text] * count)
        _add(total, link.run(start + groups + tail, values if values else None))
    return total


def _batch(rows: Iterator[Any], statement: Statement, size: int) -> tuple[int, list[Any]]:
    """How many rows the next statement takes, and their values in order; 0 at the end."""
    count = data_bytes = 0
    values: list[Any] = []
    for row in islice(rows, size):
        ordered = arrange(statement, row)[1]
        values.extend(ordered)
        count += 1
        data_bytes += sum(len(value) for value in ordered if isinstance(value, (str, bytes)))
        if data_bytes > BYTES_MAX:
            break
    return count, values


def _add(total: Answer, answer: Answer) -> None:
    total.affected_rows += answer.affected_rows
    total.warnings += answer.warnings
    total.insert_id = answer.insert_id or total.insert_id


def _multi_row_form(sql: str) -> tuple[str, str, str] | None:
    """(INSERT … VALUES, the group, what follows) when more groups may be added, else None."""
    match = _VALUES.match(sql)
    if match is None:
        return None
    head, group, tail = match.groups()
    if _PLACEHOLDER.search(head) or _PLACEHOLDER.search(tail) or not _is_one_group(group):
        return None
    return head, group, tail


def _is_one_group(text: str) -> bool:
    """Whether `text` is one balanced (…), quotes left out of account only when there are none."""
    if "'" in text or '"' in text or "`" in text:
        return False
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return position == len(text) - 1
    return False


