"""CALL fauna.chain_heads, fauna.blocks and fauna.shard_file: what a follower reads of its source.

The first two give the chains in cuts that no commit can join any more, and may wait for further blocks.  A wait takes no thread;
KILL ends it, and so does the end of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Final

from fauna.catalog.types import BIGINT_TYPE, Kind, SqlType, varchar
from fauna.errors import error, unsupported
from fauna.follow.cut import Cut
from fauna.follow.file_copies import CannotCopy
from fauna.session.result import MustWait, Result, ResultColumn, Row
from fauna.shard.engines.sqlite.blocks import Block, BlockReader

if TYPE_CHECKING:
    from fauna.session.session import Session
    from fauna.shard.engines.sqlite.shard import SqliteShard

WAIT_MAX_MS: Final = 60_000
BYTES_MAX: Final = 64 << 20
_BLOB: Final = SqlType(Kind.LONGBLOB, 4_294_967_295, collation="binary")
_HEAD_COLUMNS: Final = (
    ResultColumn("shard", BIGINT_TYPE, False),
    ResultColumn("height", BIGINT_TYPE, False),
    ResultColumn("hash", varchar(64), False),
    ResultColumn("time_us", BIGINT_TYPE, False),
    ResultColumn("database_id", varchar(64), False),
    ResultColumn("settled_us", BIGINT_TYPE, False),
    ResultColumn("server_id", varchar(64), False),
)
_BLOCK_COLUMNS: Final = (
    ResultColumn("height", BIGINT_TYPE, False),
    ResultColumn("part", BIGINT_TYPE, False),
    ResultColumn("parts", BIGINT_TYPE, False),
    ResultColumn("header", _BLOB, False),
    ResultColumn("payload", _BLOB, False),
)

_FILE_COLUMNS: Final = (
    ResultColumn("part", BIGINT_TYPE, False),
    ResultColumn("bytes", BIGINT_TYPE, False),
    ResultColumn("content", _BLOB, False),
    ResultColumn("sha256", varchar(64), False),
)


def chain_heads(session: Session, after_us: int | None, wait_ms: int | None) -> Result:
    """chain_heads([after_us, wait_ms]): the latest block of each shard, all up to one time, settled_us.

    With arguments it answers when there is a block that is later than after_us, or when wait_ms are over."""
    cut = _when(session, wait_ms or 0, lambda cut: after_us is None or cut.latest_us > after_us)
    node = session.node
    rows: list[Row] = [
        (head.shard, head.height, head.hash.hex(), head.time_us, node.database, cut.time_us, node.instance) for head in cut.heads
    ]
    return Result(_HEAD_COLUMNS, iter(rows), status=session.status, ready=True)


def blocks(session: Session, shard: int, first: int, max_bytes: int, wait_ms: int) -> Result:
    """blocks(shard, first_height, max_bytes, wait_ms): the blocks from first_height on, as many as max_bytes hold, one at least.

    A block is as many rows as it is stored in parts, the header in the first of them.  payload: a byte that says how it is packed
    (0 not, 1 zstd), then encoded changes.  max_bytes 0: headers alone, parts 0.  While there is no such block it waits, wait_ms
    at the most; then there are no rows."""
    if first < 1 or not 0 <= max_bytes <= BYTES_MAX:
        raise error("WRONG_ARGUMENTS", "fauna.blocks")
    heads = {head.shard: head.height for head in _when(session, wait_ms, lambda cut: _height(cut, shard) >= first).heads}
    if shard not in heads:
        raise error("UNKNOWN_ERROR", f"There is no shard {shard}")
    if heads[shard] < first:
        return Result(_BLOCK_COLUMNS, status=session.status, ready=True)
    found = next(each for each in session.node.shards if each.number == shard)
    rows = _rows(found, first, heads[shard], max_bytes)
    return Result(_BLOCK_COLUMNS, rows, status=session.status, close=rows.close)


def shard_file(session: Session, shard: int) -> Result:
    """shard_file(shard): a copy of the shard's file as it is now, in parts of 1 MiB.  bytes: of the whole; content: packed with
    zstd.

    The last row has no content but the SHA-256 of the whole.  What the file has may not be on the source's disk yet:
    chain_heads() that is called afterwards is about at least as much, and that is.  Error 1105 when there is no room for a copy,
    or another one is being read."""
    node = session.node
    if node.copies is None:
        raise unsupported("following: this database has no chain")
    found = next((each for each in node.shards if each.number == shard), None)
    if found is None:
        raise error("UNKNOWN_ERROR", f"There is no shard {shard}")

    def told(done: int, total: int) -> None:
        reason = session.watch.stop_reason()
        if reason is not None:
            raise reason

    try:
        copy = node.copies.make(found, told)
    except CannotCopy as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return Result(_FILE_COLUMNS, copy.parts(), status=session.status, close=copy.close)


def _height(cut: Cut, shard: int) -> int:
    """Of a shard that there is not: as high as can be, for waiting is no use."""
    return next((head.height for head in cut.heads if head.shard == shard), 1 << 62)


_HEADERS_AT_ONCE_MAX: Final = 1000


def _rows(shard: SqliteShard, first: int, last: int, max_bytes: int) -> Generator[Row, None, None]:
    with shard.reading() as connection:
        reader = BlockReader(connection)
        if not max_bytes:
            last = min(last, first + _HEADERS_AT_ONCE_MAX - 1)
            for height, header in enumerate(reader.headers(first, last), first):
                yield (height, 0, 0, header, b"")
            return
        size = 0
        for block in reader.blocks(first, last):
            for row in _of_block(reader, block):
                size += len(row[3]) + len(row[4])  # type: ignore[arg-type]
                yield row
            if size >= max_bytes:
                return


def _of_block(reader: BlockReader, block: Block) -> Iterator[Row]:
    parts = reader.parts(block)
    header = block.header
    for part, payload in enumerate(reader.stored(block)):
        yield (block.height, part, parts, header, payload)
        header = b""


def _when(session: Session, wait_ms: int, enough: Callable[[Cut], bool]) -> Cut:
    """The cut, once it is enough or the time is over."""
    node = session.node
    if node.cuts is None:
        raise unsupported("following: this database has no chain")
    if not 0 <= wait_ms <= WAIT_MAX_MS:
        raise error("WRONG_ARGUMENTS", f"CALL of a procedure that waits: from 0 to {WAIT_MAX_MS} ms")
    pending, session.awaited_news = session.awaited_news, None
    if pending is not None:
        pending.check()  # KILL
    deadline_s = pending.deadline_s if pending is not None else node.growth.now_s() + wait_ms / 1000
    is_over = node.growth.is_over or node.growth.now_s() >= deadline_s
    news = node.growth.news(deadline_s) if not is_over else None
    cut = node.cuts.now()
    if news is None or enough(cut):
        return cut
    session.awaited_news = news
    session.watch.stop_waiting = news.interrupt
    if session.watch.interrupted:  # just before we said how
        news.interrupt()
    raise MustWait(news)
