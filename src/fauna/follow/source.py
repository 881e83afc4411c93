"""The source, as a follower sees it: a FaunaDB server that is asked over the MySQL protocol.

`WrongSource` is what asking again does not mend: the server is no FaunaDB, or it has another history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from fauna.chain.encoding import block_hash
from fauna.client.exceptions import Error, OperationalError
from fauna.client.server_link import Address, ServerLink
from fauna.errors import FaunaError
from fauna.follow.blocks import Block
from fauna.follow.cut import Cut, Head
from fauna.follow.inbox import Inbox
from fauna.shard.engines.sqlite.sealer import IN_PARTS

_WAIT_MS: Final = 1_000
SILENT_S: Final = 30.0
_BUFFER_BYTES: Final = 32 << 20  # of all shards together
_CHUNK_BYTES_MIN: Final = 64 << 10
_CHUNK_BYTES_MAX: Final = 4 << 20
_SERVER_LOST: Final = 2013
_NO_SUCH_PROCEDURE: Final = 1305
_NOT_SUPPORTED: Final = 1235


class WrongSource(FaunaError):
    """The server is not the source that is expected here.  The text says what was expected."""


@dataclass(frozen=True, slots=True)
class Heads:
    """A cut through the source's chains.  database: the source's name of itself; instance: of its process."""

    database: str
    instance: str
    cut: Cut


def shown(address: Address) -> str:
    return f"{address.host}:{address.port}"


class Source:
    """One connection.  One thread at a time, `abandon` excepted.

    Raises the exceptions of `fauna.client.exceptions` when the source does not answer, and WrongSource."""

    def __init__(self, address: Address, *, silent_s: float = SILENT_S) -> None:
        """silent_s: how long nothing may come from the source before the connection is given up."""
        self._where = shown(address)
        self._link = ServerLink(replace(address, database=None, read_timeout=address.read_timeout or silent_s))
        try:
            self._must_be_ours()
        except BaseException:
            self._link.close()
            raise

    def _must_be_ours(self) -> None:
        for version, comment in self._link.run("SELECT VERSION(), @@version_comment").rows:
            if comment != "FaunaDB":
                raise WrongSource(f"{self._where} is no FaunaDB, it is {comment} {version}: a FaunaDB server was expected")

    def heads(self, after_us: int | None = None, wait_ms: int = _WAIT_MS) -> Heads:
        """The latest blocks; with after_us once there is a later one, or after a while."""
        arguments = "" if after_us is None else f"{after_us}, {wait_ms}"
        try:
            rows = list(self._link.run(f"CALL fauna.chain_heads({arguments})").rows)
        except Error as problem:
            if problem.errno == _NO_SUCH_PROCEDURE:
                raise self._too_old() from None
            if problem.errno == _NOT_SUPPORTED:
                raise WrongSource(f"{self._where} keeps no chain (chain=off): a source with a chain was expected") from None
            raise
        if not rows:
            raise unexpected("no shards")
        heads = tuple([Head(int(row[0]), int(row[1]), bytes.fromhex(row[2]), int(row[3])) for row in rows])
        return Heads(str(rows[0][4]), str(rows[0][6]), Cut(int(rows[0][5]), heads))

    def hash_at(self, shard: int, height: int) -> bytes | None:
        """Of a block; None: the source does not have so many."""
        for row in self._link.run(f"CALL fauna.blocks({shard}, {height}, 0, 0)", stream=False).rows:
            return block_hash(row[3]) if int(row[0]) == height else None
        return None

    def blocks(self, shard: int, first: int, last: int, shards: int, inbox: Inbox) -> Iterator[Block]:
        """The blocks first to last of a shard, in order; large ones have their payload in the inbox by then.

        shards: how many are read from at the same time.  Malformed when what comes is no block."""
        chunk_bytes = min(max(_BUFFER_BYTES // shards, _CHUNK_BYTES_MIN), _CHUNK_BYTES_MAX)
        while first <= last:
            chunk = self._chunk(shard, first, chunk_bytes, inbox)
            for block in chunk:
                if block.height > last:
                    return
                yield block
            if not chunk:
                raise unexpected(f"no block {first} of shard {shard}")
            first = chunk[-1].height + 1

    def _chunk(self, shard: int, first: int, chunk_bytes: int, inbox: Inbox) -> list[Block]:
        found: list[Block] = []
        header = b""
        rows = self._link.run(f"CALL fauna.blocks({shard}, {first}, {chunk_bytes}, 0)", stream=True).rows
        for _, part, parts, given, payload in rows:
            if part == 0:
                header = given
            if parts == 1:
                found.append(Block.of(header, payload))
                continue
            block = Block.of(header, IN_PARTS)
            inbox.put_part(block.shard, block.height, part, payload)
            if part == parts - 1:
                found.append(block)
        return found

    def file(self, shard: int) -> Iterator[tuple[int, int, bytes, str]]:
        """A copy of the shard's file in parts, see `CALL fauna.shard_file`."""
        try:
            yield from self._link.run(f"CALL fauna.shard_file({shard})", stream=True).rows
        except Error as problem:
            if problem.errno == _NO_SUCH_PROCEDURE:
                raise self._too_old() from None
            raise

    def _too_old(self) -> WrongSource:
        return WrongSource(f"{self._where} is a FaunaDB that cannot be followed yet: a newer one was expected")

    def abandon(self) -> None:
        """End what is asked just now; any thread may."""
        self._link.abandon()

    def close(self) -> None:
        self._link.close()


def unexpected(what: str) -> Exception:
    """The source is not to be relied on just now: `what` has come from it."""
    return OperationalError(_SERVER_LOST, f"the source has answered with {what}")


def must_continue(source: Source, heads: Heads, database: str, known: dict[int, tuple[int, bytes]]) -> None:
    """The source has the history that is here: WrongSource when it has not.  known: height and hash of the latest block, by
    shard."""
    if heads.database != database:
        raise WrongSource(
            f"it is another database: its name of itself is {heads.database}, {database} was expected; nothing has been changed"
        )
    theirs = {head.shard: head for head in heads.cut.heads}
    for shard, (height, expected) in known.items():
        if not height:
            continue
        head = theirs.get(shard)
        if head is None:
            raise WrongSource(f"it has no shard {shard}, which this follower has; nothing has been changed")
        found = head.hash if head.height == height else source.hash_at(shard, height)
        if found is None:
            raise WrongSource(
                f"shard {shard} has {head.height} blocks there and {height} here: its history is another one; "
                "nothing has been changed"
            )
        if found != expected:
            raise WrongSource(
                f"shard {shard}, block {height}: its hash is {found.hex()}, {expected.hex()} was expected: "
                "its history is another one; nothing has been changed"
            )
