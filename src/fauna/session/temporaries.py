"""Temporary tables and ROLLBACK: making one is not undone with the transaction it was made in, though its rows are.

The table itself is made in the transaction, on the first shard; when that is undone it is missing, and is made
again, empty, once it is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fauna.catalog import sqlite_schema
from fauna.catalog.placement import SINGLE_SHARD

if TYPE_CHECKING:
    from fauna.session.session import Session
    from fauna.shard.shard import Branch


def restore(session: Session) -> bool:
    """Make the session's temporary tables that are missing; False when none is.  May raise MustWait, having done nothing: then
    it comes first when the statement is begun anew, which would else give up the lock that it has waited for."""
    if not session.temporaries:
        return False
    session.temporaries_missed = True
    branch = session.transactions.for_writing().writer(SINGLE_SHARD)
    branch.lock()
    found = make_missing(session, branch)
    session.transactions.end_statement()
    session.temporaries_missed = False
    return found


def make_missing(session: Session, branch: Branch) -> bool:
    """The same in a transaction that holds the lock, as a part of it."""
    if not session.temporaries:
        return False
    from fauna.session.definition import ddl_context

    names = ", ".join(f"'{table.physical}'" for table in session.temporaries.values())
    query = f"SELECT name FROM sqlite_schema WHERE name IN ({names})"
    there = {name for (name,) in branch.query(query, (), (), inline=False)}
    missing = [table for table in session.temporaries.values() if table.physical not in there]
    context = ddl_context(session)
    for table in missing:
        branch.execute_ddl(sqlite_schema.create_whole(table, context), (table.physical,))
    return bool(missing)
