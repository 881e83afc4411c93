"""LOAD DATA LOCAL INFILE: fields and lines as MySQL's manual defines them, inserted by an ordinary INSERT plan."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from fauna.catalog.charsets import must_charset
from fauna.catalog.types import Stored, varchar
from fauna.errors import SqlError, error, unsupported
from fauna.execute import writing
from fauna.plan.plan import InsertPlan
from fauna.session import running
from fauna.session.result import LocalInfile, MustWait, Result
from fauna.shard.shard import Transaction
from fauna.sql import ast
from fauna.sql.bind.dml import target_table
from fauna.sql.context import StatementContext

if TYPE_CHECKING:
    from fauna.session.session import Session


def start(session: Session, statement: ast.LoadData) -> Any:
    """Ask the client for the file; the rows are inserted when its bytes come."""
    if not statement.local:
        raise unsupported("LOAD DATA without LOCAL")
    if not session.infile_enabled:
        raise error("UNKNOWN_ERROR", "LOAD DATA LOCAL is switched off at the client")
    insert, count = _insert_of(session, statement)
    return LocalInfile(statement.filename, lambda chunks: _load(session, statement, insert, count, chunks))


def _insert_of(session: Session, statement: ast.LoadData) -> tuple[ast.Insert, int]:
    """The INSERT with one marker per field."""
    table = target_table(session.bind_context(_no_slots()), statement.table, "LOAD DATA")
    targets: list[ast.Expr] = list(statement.columns) or [
        ast.Name((c.name,)) for c in table.columns if not c.generated and not c.invisible
    ]
    names: list[str] = []
    values: list[ast.Expr] = []
    variables: dict[str, int] = {}
    for i, target in enumerate(targets):
        if isinstance(target, ast.Name):
            names.append(target.parts[-1])
            values.append(ast.Marker(i))
        elif isinstance(target, ast.UserVariable):
            variables[target.name.lower()] = i
    for assignment in statement.assignments:
        names.append(assignment.column.parts[-1])
        values.append(_with_markers(assignment.value, variables))
    insert = ast.Insert(
        statement.table,
        tuple(names),
        (tuple(values),),
        replace=statement.duplicates == "REPLACE",
        ignore=True if statement.local and statement.duplicates != "REPLACE" else False,
    )
    return insert, len(targets)


def _no_slots() -> Any:
    from fauna.sql.bind.context import SlotTypes

    return SlotTypes()


def _with_markers(node: Any, variables: dict[str, int]) -> Any:
    """`node` with the file's variables as markers."""
    if isinstance(node, ast.UserVariable) and node.name.lower() in variables:
        return ast.Marker(variables[node.name.lower()])
    if isinstance(node, tuple):
        return tuple(_with_markers(item, variables) for item in node)
    if is_dataclass(node) and not isinstance(node, type):
        changes = {
            f.name: new
            for f in fields(node)
            if (new := _with_markers(getattr(node, f.name), variables)) is not getattr(node, f.name)
        }
        return replace(node, **changes) if changes else node
    return node


def _load(session: Session, statement: ast.LoadData, insert: ast.Insert, count: int, chunks: Iterator[bytes]) -> Result:
    types = tuple(varchar(65535, session.scope().collation) for _ in range(count))
    codec = must_charset(statement.charset or str(session.variables.values["character_set_database"])).codec
    try:
        plan = session.bind(insert, types)
        assert isinstance(plan, InsertPlan)
        transaction = _locked(session, plan)
        context = session.new_context(storing=True)
        context.strict = context.null_fails = False
        context.loading = True
        session.sequences_ready(plan, False)
        rows = _records(statement, chunks, codec, count, context)
        counts = writing.insert(running.run_of(session, transaction, context, False), [(plan, rows)], ())
        deleted, skipped = (counts.duplicates, 0) if insert.replace else (0, counts.duplicates)
        info = f"Records: {counts.records}  Deleted: {deleted}  Skipped: {skipped}  Warnings: {context.warnings_count}"
        return running.finished(session, counts, info, None)
    except BaseException as problem:  # noqa: BLE001
        raise session.failed(problem) from None


def _locked(session: Session, plan: InsertPlan) -> Transaction:
    """The transaction with the write locks: the file is on its way, so this thread waits."""
    while True:
        try:
            return running.locked(session, plan)
        except MustWait as waiting:
            with contextlib.suppress(SqlError):  # told on the next try
                waiting.ticket.wait()


def _records(
    statement: ast.LoadData, chunks: Iterator[bytes], codec: str, count: int, context: StatementContext
) -> Iterator[list[Stored]]:
    """The file's records, each with exactly `count` fields."""
    number = -statement.ignore_lines
    for record in _parsed(statement, chunks, codec):
        number += 1
        if number < 1:
            continue
        missing = count - len(record)
        if missing > 0:
            for _ in range(missing):
                context.warn("WARN_TOO_FEW_RECORDS", number)
            record += [None] * missing
        elif missing < 0:
            context.warn("WARN_TOO_MANY_RECORDS", number)
            del record[count:]
        yield record


_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def _parsed(statement: ast.LoadData, chunks: Iterator[bytes], codec: str) -> Iterator[list[Stored]]:
    """Fields of each line, one pass over the text, which is decoded as it comes."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    fend, lend = statement.fields_terminated, statement.lines_terminated
    quote, escape = statement.fields_enclosed, statement.fields_escaped
    plain = bool(fend and lend) and not statement.lines_starting
    buffer = ""
    ended = False
    while not ended:
        chunk = next(chunks, None)
        ended = chunk is None
        buffer += decoder.decode(chunk or b"", ended)
        # Where nothing is quoted or escaped, and no word may stand for NULL, the text falls apart at its terminators.
        if plain and not (quote and (quote in buffer or "NULL" in buffer)) and not (escape and escape in buffer):
            lines = buffer.split(lend)
            buffer = lines.pop()
            for line in lines:
                yield line.split(fend)  # type: ignore[misc]
            if ended and buffer:
                yield buffer.split(fend)  # type: ignore[misc]
            continue
        position = 0
        while True:
            found = _line(buffer, position, fend, lend, quote, escape, statement.lines_starting, ended)
            if found is None:
                break
            record, position = found
            if record is not None:
                yield record
        buffer = buffer[position:]


def _line(
    text: str, start: int, fend: str, lend: str, quote: str, escape: str, prefix: str, ended: bool
) -> tuple[list[Stored] | None, int] | None:
    """One line from `start`: its fields and where the next begins; None when more text is needed."""
    if start >= len(text):
        return None
    position = start
    if prefix:
        at = text.find(prefix, start)
        if at < 0:
            return (None, len(text)) if ended else None
        position = at + len(prefix)
    record: list[Stored] = []
    while True:
        value, position, stop = _field(text, position, fend, lend, quote, escape)
        if stop == "":
            if not ended:
                return None
            record.append(value)
            return record, len(text)
        record.append(value)
        if stop == "line":
            return record, position


def _field(text: str, position: int, fend: str, lend: str, quote: str, escape: str) -> tuple[Stored, int, str]:
    """One field: value, where it ends, and what ended it ('field', 'line' or '' for the end of the text)."""
    out: list[str] = []
    quoted_field = bool(quote) and text.startswith(quote, position)
    if quoted_field:
        position += 1
    inside = quoted_field
    null = False
    size = len(text)
    while position < size:
        char = text[position]
        if escape and char == escape and position + 1 < size:
            following = text[position + 1]
            if following == "N" and not out:
                null = True
            else:
                out.append(_ESCAPES.get(following, following))
            position += 2
            continue
        if inside:
            if char == quote:
                if text.startswith(quote, position + 1):
                    out.append(quote)
                    position += 2
                    continue
                after = position + 1
                if after == size or fend and text.startswith(fend, after) or lend and text.startswith(lend, after):
                    inside = False
                    position = after
                    continue
            out.append(char)
            position += 1
            continue
        if fend and text.startswith(fend, position):
            return _value(out, null, bool(quote) and not quoted_field), position + len(fend), "field"
        if lend and text.startswith(lend, position):
            return _value(out, null, bool(quote) and not quoted_field), position + len(lend), "line"
        out.append(char)
        position += 1
    return _value(out, null, bool(quote) and not quoted_field), position, ""


def _value(out: list[str], null: bool, word_is_null: bool) -> Stored:
    """word_is_null: the field is not enclosed though fields may be, and NULL is a word."""
    if null and not out:
        return None
    text = "".join(out)
    return None if word_is_null and text == "NULL" else text
