"""CREATE, ALTER and DROP SEQUENCE.

The settings are in the catalog; the next value is the one row of s<id>(next, cycles), which the executor advances.
"""

from __future__ import annotations

from fauna.catalog.ddl_work import DdlWork
from fauna.catalog.schema import Sequence
from fauna.catalog.types import INT64_MAX
from fauna.errors import error
from fauna.sql import ast


def create_sequence(work: DdlWork, statement: ast.CreateSequence) -> None:
    schema = work.writable_schema(statement.sequence)
    name = statement.sequence.name
    work.check_name(name)
    existing = work.catalog.relation(schema, name)
    if statement.alter:
        _alter(work, statement, schema)
        return
    if existing is not None:
        if statement.if_not_exists:
            work.notes.add("TABLE_EXISTS", name)
            return
        if not statement.or_replace:
            raise error("TABLE_EXISTS", name)
        if not isinstance(existing, Sequence):
            raise error("NOT_SEQUENCE", schema, name)
        work.drop(existing)
    sequence = _with_settings(statement, schema, work.new_id(), None)
    work.put(sequence)
    work.script += [
        (f"CREATE TABLE {sequence.physical} (next INTEGER NOT NULL, cycles INTEGER NOT NULL) STRICT", ()),
        (f"INSERT INTO {sequence.physical}(next, cycles) VALUES (?, 0)", (sequence.start,)),
    ]


def _alter(work: DdlWork, statement: ast.CreateSequence, schema: str) -> None:
    name = statement.sequence.name
    existing = work.catalog.relation(schema, name)
    if existing is None:
        if not statement.if_not_exists:
            raise error("NO_SUCH_TABLE", schema, name)
        work.notes.add("UNKNOWN_SEQUENCES", f"{schema}.{name}")
        return
    if not isinstance(existing, Sequence):
        raise error("NOT_SEQUENCE", schema, name)
    sequence = _with_settings(statement, schema, existing.id, existing)
    work.put(sequence)
    if statement.restart is not None:
        work.script.append((f"UPDATE {sequence.physical} SET next = ?", (statement.restart,)))


def _with_settings(statement: ast.CreateSequence, schema: str, number: int, old: Sequence | None) -> Sequence:
    increment = _pick(statement.increment, old.increment if old else None, 1)
    down = increment < 0
    minimum = _pick(statement.minimum, old.minimum if old else None, -INT64_MAX if down else 1)
    maximum = _pick(statement.maximum, old.maximum if old else None, -1 if down else INT64_MAX - 1)
    start = _pick(statement.start, old.start if old else None, maximum if down else minimum)
    cache = _pick(statement.cache, old.cache if old else None, 1000)
    cycle = statement.cycle if statement.cycle is not None else (old.cycle if old else False)
    if minimum >= maximum or not minimum <= start <= maximum or cache < 0:
        raise error("SEQUENCE_INVALID_DATA", schema, statement.sequence.name)
    return Sequence(schema, statement.sequence.name, number, start, increment, minimum, maximum, cache, cycle)


def _pick(given: int | None, old: int | None, default: int) -> int:
    if given is not None:
        return given
    return default if old is None else old


def drop_sequences(work: DdlWork, statement: ast.DropSequence) -> None:
    missing = []
    for name in statement.sequences:
        relation = work.find(name)
        if isinstance(relation, Sequence):
            work.drop(relation)
        elif relation is not None:
            raise error("NOT_SEQUENCE2", work.schema_of(name), name.name)
        else:
            missing.append(f"{work.schema_of(name)}.{name.name}")
    if missing and not statement.if_exists:
        raise error("UNKNOWN_SEQUENCES", ",".join(missing))
    if missing:
        work.notes.add("UNKNOWN_SEQUENCES", ",".join(missing))
