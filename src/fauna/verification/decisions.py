"""`coordinator.db`: whether its rows are as they were written, and whether its decisions and the shards say the same.

No block seals a decision; but what was decided can be seen on the shards.  A decision is recorded when a transaction is prepared
on all of its shards, and forgotten when all of them show it or have rolled it back.  So in every moment

    decided to commit   each of its shards has it prepared, or has its block
    decided to abort    no shard has its block
    prepared on one shard, while another has its block   it is decided to commit

A decision that is removed, or made up, while a transaction is prepared on all of its shards contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from fauna.chain.encoding import Header, decode_header
from fauna.coordinator import local_rows
from fauna.coordinator.protocol import Decision, Verdict
from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.blocks import HEADERS_OF
from fauna.shard.engines.sqlite.connection import Configure
from fauna.shard.engines.sqlite.prepared import SELECT as SELECT_PREPARED
from fauna.shard.engines.sqlite.prepared import Prepared
from fauna.verification import log
from fauna.verification.files import log_of, open_to_read

_OBJECTS: Final = "SELECT name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*'"
_META: Final = "SELECT key, value FROM coordinator_meta"
_OF_GTRID: Final = f"{SELECT_PREPARED} WHERE gtrid = ?1"
# What reading a file that somebody has edited can end with.
_DAMAGED: Final = (apsw.Error, FaunaError, ValueError, TypeError, KeyError)

Contradiction = tuple[int, int, str, str]
"""The shard, the block (0: none), the transaction, and what contradicts what."""


class CoordinatorFile:
    """The coordinator's file of a data directory.  Each call reads what is committed when it is made."""

    def __init__(self, path: Path, configure: Configure, *, at_rest: bool) -> None:
        self._path = path
        self._configure = configure
        self._at_rest = at_rest

    def problems(self) -> list[str]:
        """What is wrong with the file alone."""
        if not self._path.exists():
            return []  # it is made with the second shard
        found = log.problems(log_of(self._path)) if self._at_rest else []
        try:
            with closing(self._open()) as connection:
                for what in _problems(connection):
                    found.append(what)
        except _DAMAGED as problem:
            found.append(f"it cannot be read: {problem}")
        return found

    def decisions(self) -> dict[str, Decision]:
        """By gtrid; those that can be read."""
        if not self._path.exists():
            return {}
        try:
            with closing(self._open()) as connection:
                return local_rows.decisions(connection)
        except _DAMAGED:
            return {}  # `problems` says so

    def _open(self) -> apsw.Connection:
        return open_to_read(self._path, self._configure, at_rest=self._at_rest)


def _problems(connection: apsw.Connection) -> Iterator[str]:
    connection.execute("BEGIN")
    for (line,) in connection.execute("PRAGMA quick_check"):
        if line != "ok":
            yield f"the file's structure is damaged: {line}"
    meta = connection.execute(_META).fetchall()
    if meta == [("format", 1)]:
        yield "it is of format 1, in which nothing is known of its rows: start the server once"
        return
    if meta != [("format", local_rows.FORMAT)]:
        yield f"what it says of itself is {meta!r}, not its format, {local_rows.FORMAT}"
    objects = dict(connection.execute(_OBJECTS))
    for name in sorted(objects.keys() | local_rows.TABLES.keys()):
        if objects.get(name) != local_rows.TABLES.get(name):
            yield f"the table {name} is not as it was defined: it is {objects.get(name)!r}, not {local_rows.TABLES.get(name)!r}"
    for table, what in local_rows.problems(connection):
        yield f"{table}: {what}"


class Shards:
    """What shards say of a transaction.  connections: of each shard, outside of transactions: they see what is committed now."""

    def __init__(self, connections: Mapping[int, apsw.Connection]) -> None:
        self.connections = connections

    def sealed(self, shard: int, gtrid: str) -> Header | None:
        """The header of its block."""
        try:
            for (encoded,) in self.connections[shard].execute(HEADERS_OF, (gtrid,)).fetchall():
                return decode_header(encoded)  # type: ignore[arg-type]
        except _DAMAGED:
            pass  # it has been told
        return None

    def prepared(self, shard: int, gtrid: str) -> Prepared | None:
        try:
            for _, record in self.connections[shard].execute(_OF_GTRID, (gtrid,)).fetchall():
                return Prepared.load(str(record))
        except _DAMAGED:
            pass  # it has been told
        return None


def contradictions(
    read: Callable[[], Mapping[str, Decision]], shards: Shards, prepared: Mapping[int, Sequence[str]]
) -> Iterator[Contradiction]:
    """Where decisions and shards do not say the same.  read: the decisions as they are now; prepared: by shard, the gtrids that
    were prepared a moment ago.  A server may go on meanwhile: questions are asked in an order in which that cannot mislead."""
    for gtrid, decision in sorted(read().items()):
        if decision.verdict is Verdict.COMMIT:
            yield from _committed(gtrid, decision, shards)
        else:
            yield from _aborted(gtrid, shards)
    for shard, gtrids in prepared.items():
        for gtrid in gtrids:
            yield from _in_doubt(read, shards, shard, gtrid)


def _committed(gtrid: str, decision: Decision, shards: Shards) -> Iterator[Contradiction]:
    for shard in decision.participants:
        if shard not in shards.connections:
            yield -1, 0, gtrid, f"it is decided to commit {gtrid!r} on shard {shard}, which there is not"
            continue
        record = shards.prepared(shard, gtrid)  # first: the block comes when this goes
        header = shards.sealed(shard, gtrid) if record is None else None
        if record is None and header is None:
            yield shard, 0, gtrid, f"it is decided to commit {gtrid!r}, which was never prepared here"
            continue
        said = record.shards if record is not None else header.shards if header is not None else ()
        if said and set(said) != set(decision.participants):
            what = f"it is decided to commit {gtrid!r} on shards {list(decision.participants)}, it is on {list(said)}"
            yield shard, header.height if header is not None else 0, gtrid, what


def _aborted(gtrid: str, shards: Shards) -> Iterator[Contradiction]:
    for shard in shards.connections:
        header = shards.sealed(shard, gtrid)
        if header is not None:
            yield shard, header.height, gtrid, f"it is decided to roll {gtrid!r} back, and this block has committed it"


def _in_doubt(read: Callable[[], Mapping[str, Decision]], shards: Shards, shard: int, gtrid: str) -> Iterator[Contradiction]:
    for other in shards.connections:
        header = shards.sealed(other, gtrid) if other != shard else None
        if header is None:
            continue
        decision = read().get(gtrid)
        decided = decision is not None and decision.verdict is Verdict.COMMIT
        if not decided and shards.prepared(shard, gtrid) is not None:  # last: a decision is forgotten only after this
            what = f"{gtrid!r} is committed on shard {other} and prepared here, and nothing says that it is to be committed"
            yield shard, 0, gtrid, what
            return
