"""FLASHBACK: what has been committed is undone, newest change first, by a new commit that is sealed like any other.

    FLASHBACK TABLE t TO TIMESTAMP '…'        the table's rows are as they were then
    FLASHBACK TRANSACTION 'name'              what that transaction changed is as it was before it

Foreign keys do not act while rows are put back; afterwards no row may be without its parent.  A transaction is undone only
if each of its rows is as it left it: otherwise error 1020 names those that are not, and nothing is changed.

Known limits: a table whose definition has changed since, or, with several shards, whose rows have moved between shards, is not
put back (1235); nor is a transaction with definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fauna.catalog.foreign_keys import is_self_reference
from fauna.catalog.past import SCHEMA as PAST
from fauna.catalog.past import History, Layout
from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Table
from fauna.catalog.types import Stored
from fauna.chain.encoding import DELETE, INSERT, UPDATE, Change, encode_row
from fauna.clock import shown
from fauna.errors import error, unsupported
from fauna.session import keys_over_shards
from fauna.session.evaluation import evaluate
from fauna.session.past import microseconds
from fauna.session.result import MustWait, Result
from fauna.shard.shard import Params, Transaction
from fauna.sql import ast
from fauna.sql.bind.place import found_place, spread_keys, spread_of

if TYPE_CHECKING:
    from fauna.session.session import Session

_NAMED_MAX: Final = 10
_CHANGES_MAX: Final = 100_000
_SYSTEM_TABLES: Final = frozenset({"auto_increment"})  # counters do not go back


def table(session: Session, statement: ast.FlashbackTable) -> Result:
    text = evaluate(session, _as_datetime(statement.moment))[1]
    if text is None:
        raise error("WRONG_SYSTEM_TIME", str(evaluate(session, statement.moment)[1]), "a time is expected")
    time_us = microseconds(str(text), session.zone())
    transaction = _begin(session)
    try:
        return _table(session, transaction, statement.table, time_us)
    except MustWait:
        transaction.retreat()
        raise
    except BaseException:
        session.transactions.rollback()
        raise


def _as_datetime(moment: ast.Expr) -> ast.Expr:
    return ast.Cast(moment, ast.TypeName("DATETIME", 6))


def _begin(session: Session) -> Transaction:
    """A transaction of the statement's own, with every shard's write lock; what was open is committed, as before a DDL."""
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    session.transactions.must_be_ordinary()
    if session.transactions.explicit:
        ended = session.transactions.commit()
        if ended is not None:
            ended.wait()
    transaction = session.transactions.for_writing()
    transaction.lock()
    return transaction


def _history(session: Session) -> History:
    if session.node.history is None:
        raise unsupported("FLASHBACK: this database has no chain")
    return session.node.history


def _end(session: Session, changes: int) -> Result:
    durable = session.transactions.end_statement()
    result = session.done(affected=changes)
    result.durable = durable
    return result


# ── FLASHBACK TABLE ──


def _table(session: Session, transaction: Transaction, name: ast.TableName, time_us: int) -> Result:
    node = session.node
    schema = name.schema or session.database
    if schema is None:
        raise error("NO_DB")
    now = node.catalog.relation(schema, name.name)
    if not isinstance(now, Table):
        raise error("NO_SUCH_TABLE", schema, name.name)
    history = _history(session)
    history.catch_up(time_us)
    catalog = history.catalog_at(time_us)
    then = catalog.relation(schema, name.name)
    if not isinstance(then, Table):
        raise error("WRONG_SYSTEM_TIME", shown(time_us), f"there was no table {schema}.{name.name} then")
    history.check_kept(then.id, time_us)
    if _form(then) != _form(now):
        raise unsupported(f"FLASHBACK TABLE to a time before the definition of {schema}.{name.name} was changed")
    if catalog.slots.owners != node.catalog.slots.owners and spread_of(node.catalog, now):
        raise unsupported(f"FLASHBACK TABLE to a time before rows of {schema}.{name.name} moved to other shards")
    layout = _layout(history.layouts(then.id), time_us)
    changes = 0
    for shard in range(len(node.shards)):
        if layout is not None:
            changes += transaction.writer(shard).exchange(_back(now, layout, time_us), [now.physical])
    history.check_kept(then.id, time_us)  # again, now that the versions have been read
    _check(session, transaction, [now])
    return _end(session, changes)


def _form(table: Table) -> object:
    """What a row of the table looks like."""
    return [(column.number, column.name, column.sql_type, column.generated, column.nullable) for column in table.columns]


def _layout(layouts: Sequence[Layout], time_us: int) -> Layout | None:
    return next((each for each in layouts if each.row_start <= time_us < each.row_end), None)


def _back(table: Table, layout: Layout, time_us: int) -> list[tuple[str, Params]]:
    """Remove the rows that were not there, or were others, then put in those that are missing."""
    versions, name = f"{PAST}.{layout.table}", table.physical
    key = table.rowid_column.physical if table.rowid_column is not None else "_rowid"
    valid = f"v.row_start <= {time_us} AND v.row_end > {time_us} AND v.{key} = t.{key}"
    same = " AND ".join([f"v.{column} IS t.{column} COLLATE BINARY" for column in layout.columns])
    written = [column for column in layout.columns if column not in _computed(table)]
    columns = ", ".join(written)
    given = ", ".join(f"v.{column}" for column in written)
    return [
        (f"DELETE FROM {name} AS t WHERE NOT EXISTS (SELECT 1 FROM {versions} AS v WHERE {valid} AND {same})", ()),
        (
            f"INSERT INTO {name} ({columns}) SELECT {given} FROM {versions} AS v WHERE v.row_start <= {time_us} "
            f"AND v.row_end > {time_us} AND NOT EXISTS (SELECT 1 FROM {name} AS t WHERE t.{key} = v.{key})",
            (),
        ),
    ]


def _computed(table: Table) -> set[str]:
    return {column.physical for column in table.columns if column.generated}


# ── FLASHBACK TRANSACTION ──


@dataclass(frozen=True, slots=True)
class _Undo:
    """One row: what it must be now, and what it is to be; None: it is not there."""

    table: Table
    shard: int
    key: int
    columns: tuple[str, ...]
    expected: tuple[Stored, ...] | None
    wanted: tuple[Stored, ...] | None


def transaction(session: Session, statement: ast.FlashbackTransaction) -> Result:
    own = _begin(session)
    try:
        undone = _undone(session, statement.name)
        conflicts = [undo for undo in undone if _row(own, undo) != _encoded(undo.expected)]
        if conflicts:
            raise error("ROWS_HAVE_CHANGED", statement.name, _named(session, conflicts))
        for shard in sorted({undo.shard for undo in undone}):
            here = [undo for undo in undone if undo.shard == shard]
            tables = {undo.table.physical for undo in here}
            own.writer(shard).exchange([*_removals(here), *_insertions(here)], tables)
        _check(session, own, list({undo.table.id: undo.table for undo in undone}.values()))
    except MustWait:
        own.retreat()
        raise
    except BaseException:
        session.transactions.rollback()
        raise
    return _end(session, len(undone))


def _undone(session: Session, name: str) -> list[_Undo]:
    """What to do, newest change first."""
    history = _history(session)
    history.catch_up(history.now_us())  # which layouts there are now
    found = False
    undone: list[_Undo] = []
    for shard in session.node.shards:
        for height in shard.blocks_of(name):
            found = True
            for change, time_us in shard.changes_of(height):
                undo = _undo(session, shard.number, change, time_us, name)
                if undo is not None:
                    undone.append(undo)
                if len(undone) > _CHANGES_MAX:
                    raise unsupported(f"FLASHBACK TRANSACTION of more than {_CHANGES_MAX} changes")
    if not found:
        raise error("NO_SUCH_TRANSACTION", name)
    return undone[::-1]


def _undo(session: Session, shard: int, change: Change, time_us: int, name: str) -> _Undo | None:
    node = session.node
    if change.table in _SYSTEM_TABLES:
        return None
    table = node.catalog.table_by_id(int(change.table[1:])) if change.table[:1] == "t" and change.table[1:].isdigit() else None
    if change.kind not in (INSERT, UPDATE, DELETE):
        raise unsupported(f"FLASHBACK TRANSACTION '{name}', which changed definitions or has been pruned")
    if change.table[:1] == "s" and change.table[1:].isdigit():
        return None  # a sequence does not go back
    layouts = _history(session).layouts(table.id) if table is not None else ()
    if table is None or not layouts or layouts[-1].row_start > time_us:
        raise unsupported(f"FLASHBACK TRANSACTION '{name}': the definition of a table that it changed is another now")
    columns = layouts[-1].columns
    before, after = change.row_before, change.row_after
    row = after if after is not None else before
    assert row is not None
    if spread_of(node.catalog, table) == "HASH":
        shard = _home(session, table, columns, row, change.key)
    return _Undo(table, shard, change.key, columns, after, before)


def _home(session: Session, table: Table, columns: Sequence[str], row: Sequence[Stored], key: int) -> int:
    place = found_place(session.node.catalog, table, 0)
    assert place is not None
    names = [column.physical for column in placement_of(table).columns]
    return place.shard_of([row[columns.index(each)] for each in names] or [key])


def _row(transaction: Transaction, undo: _Undo) -> bytes:
    """The row as it is now, encoded; empty when it is not there."""
    columns = ", ".join(undo.columns)
    sql = f"SELECT {columns} FROM {undo.table.physical} WHERE _rowid_ = ?1"
    rows = transaction.writer(undo.shard).query(sql, (undo.key,), (), inline=False).fetch(1)
    return _encoded(rows[0]) if rows else b""


def _encoded(row: Sequence[Stored] | None) -> bytes:
    return encode_row(row) if row is not None else b""


def _removals(undone: Sequence[_Undo]) -> Iterator[tuple[str, Params]]:
    for undo in undone:
        if undo.expected is not None:
            yield f"DELETE FROM {undo.table.physical} WHERE _rowid_ = ?1", (undo.key,)


def _insertions(undone: Sequence[_Undo]) -> Iterator[tuple[str, Params]]:
    for undo in undone:
        if undo.wanted is None:
            continue
        computed = _computed(undo.table)
        given = [(name, value) for name, value in zip(undo.columns, undo.wanted, strict=True) if name not in computed]
        names, marks = ", ".join(name for name, _ in given), ", ".join("?" * len(given))
        yield f"INSERT INTO {undo.table.physical} ({names}) VALUES ({marks})", tuple(value for _, value in given)


def _named(session: Session, conflicts: Sequence[_Undo]) -> str:
    shown = []
    for undo in conflicts[:_NAMED_MAX]:
        row = undo.expected if undo.expected is not None else undo.wanted
        assert row is not None
        key = undo.table.primary_key
        names = [part.column for part in key.parts] if key is not None else []
        values = [row[undo.columns.index(undo.table.by_name[name.lower()].physical)] for name in names]
        what = ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True)) or f"row {undo.key}"
        shown.append(f"{undo.table.schema}.{undo.table.name}({what})")
    more = f" and {len(conflicts) - _NAMED_MAX} more" if len(conflicts) > _NAMED_MAX else ""
    return ", ".join(shown) + more


# ── what must still hold ──


def _check(session: Session, transaction: Transaction, tables: Sequence[Table]) -> None:
    """Error 1452 when a row is without its parent now, 1062 when two shards have a value of a unique key."""
    catalog = session.node.catalog
    keys = {}
    for each in tables:
        for key in each.foreign_keys:
            keys[each.id, key.number] = (each, key)
        for child, key in catalog.references_to(each.schema, each.name):
            keys[child.id, key.number] = (child, key)
        for spread in spread_keys(catalog, each):
            keys_over_shards.find_duplicate(session, transaction, catalog, each, spread)
    for child, key in keys.values():
        parent = child if is_self_reference(child, key) else catalog.relation(key.ref_schema, key.ref_table)
        if isinstance(parent, Table):
            keys_over_shards.find_orphan(session, transaction, child, key, parent)
