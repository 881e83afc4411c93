"""Beginning to follow: who the source is, the first copy, and a server on what is there.

A directory is a follower's once the source has been found to be one, and not before.  The first copy is the files of the
source's shards and the blocks that bring them to one moment, verified as a whole; when it is cut short, the next start goes on
with it.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from fauna.chain.encoding import Malformed
from fauna.client.exceptions import Error
from fauna.client.server_link import Address
from fauna.clock import HybridClock
from fauna.directories import remove_database
from fauna.errors import StartError
from fauna.follow.applier import Applier, batches
from fauna.follow.cut import Cut
from fauna.follow.first_copy import fetch_files, must_be_sealed
from fauna.follow.follower import Follower, known_heads, streams
from fauna.follow.inbox import FILE, Inbox, is_follower
from fauna.follow.source import Heads, Source, WrongSource, must_continue, shown
from fauna.node import Node, prepare_process, serve_node, shard_opener
from fauna.progress import Progress
from fauna.settings import Settings
from fauna.shard.engines.sqlite.data_directory import LOCK_FILE, DataDirectory
from fauna.shard.engines.sqlite.replay import DoesNotFit
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.shard_files import decide_chain, identify
from fauna.shard.shard import locked
from fauna.txn import definitions

_LOG: Final = logging.getLogger(__name__)
_YES: Final = "yes"
_ACCESS_DENIED: Final = frozenset({1044, 1045, 1251, 2026, 3159})
"""Errors that asking again does not mend: the account, or how it wants to be asked."""


def follow(settings: Settings, address: Address) -> int:
    """Follow the server at `address` until SIGTERM or SIGINT; 0 after a clean end.  StartError, with the directory as it was,
    when it cannot be followed into that directory."""
    prepare_process(settings)
    made = not settings.data.exists()
    directory = DataDirectory(settings.data)
    try:
        node = open_follower(directory, settings, address)
    except BaseException:
        if made and [each.name for each in settings.data.iterdir()] == [LOCK_FILE]:
            shutil.rmtree(settings.data)
        directory.close()
        raise
    return serve_node(node, settings)


def open_follower(directory: DataDirectory, settings: Settings, address: Address) -> Node:
    """A node that has begun to follow.  StartError as `follow`."""
    if not settings.chain:
        raise StartError("a follower keeps a chain", "leave --chain out")
    _must_be_ours(directory.path)
    source = _connect(address, must_answer=not _is_copied(directory.path))
    try:
        heads = source.heads() if source is not None else None
        prepare(directory, settings, address, source, heads)
        if not _is_copied(directory.path):
            must_be_sealed(directory, address, _asked(source).heads().cut.time_us)
            _set_copied(directory.path)
    except (WrongSource, DoesNotFit, Malformed) as problem:
        raise StartError(f"cannot follow {shown(address)}: {problem}") from None
    except Error as problem:
        raise StartError(f"the first copy from {shown(address)} was cut short: {problem}", "start again: it goes on") from None
    finally:
        if source is not None:
            with suppress(Error, OSError):
                source.close()
    node = Node(directory, settings, follows=True)
    inbox = Inbox(directory.path)
    follower = Follower(address, node.database, node.instance, inbox, node.settled)
    node.follow(follower, inbox)
    node.start_background()
    return node


def _must_be_ours(path: Path) -> None:
    if not is_follower(path) and (path / "shard-0.db").exists():
        raise StartError(
            f"'{path}' holds a database that follows nobody; it has not been changed",
            "give another --data: one that does not exist, or is empty",
        )


def _is_copied(path: Path) -> bool:
    if not is_follower(path):
        return False
    inbox = Inbox(path)
    try:
        return inbox.get("copied") == _YES
    finally:
        inbox.close()


def _set_copied(path: Path) -> None:
    inbox = Inbox(path)
    try:
        inbox.set(copied=_YES)
    finally:
        inbox.close()


def _connect(address: Address, *, must_answer: bool) -> Source | None:
    """None: it does not answer just now."""
    try:
        return Source(address)
    except WrongSource as problem:
        raise StartError(f"cannot follow: {problem}") from None
    except (Error, OSError) as problem:
        number = getattr(problem, "errno", 0)
        if must_answer or number in _ACCESS_DENIED:
            raise StartError(f"cannot follow {shown(address)}: {problem}") from None
        _LOG.warning("the source %s does not answer, it is asked again: %s", shown(address), problem)
        return None


def prepare(
    directory: DataDirectory, settings: Settings, address: Address, source: Source | None, heads: Heads | None
) -> None:
    """Have all shards of one moment in the directory, which nobody reads yet: that of a copy, or of the last batch."""
    clock = HybridClock()
    new = not is_follower(directory.path)
    if new:
        assert heads is not None
        _must_have_chain(heads)
    inbox = Inbox(directory.path)
    opener = shard_opener(directory, settings, clock)
    applier: Applier | None = None
    try:
        if new:
            assert heads is not None
            inbox.set(database=heads.database, address=shown(address))
        database = inbox.get("database")
        if heads is not None and heads.database != database:
            must_continue(_asked(source), heads, database, {})
        first = inbox.get("copied") != _YES
        if first and heads is not None:
            fetch_files(address, heads.cut, directory)
            heads = _asked(source).heads()  # which has what was copied, and is durable there

        def open_shard(number: int) -> SqliteShard:
            shard = opener(number)
            if number == 0:
                decide_chain(shard, True)
            identify(shard, database, number)
            return shard

        applier = Applier((), open_shard, inbox)
        for number in range(directory.shard_files()):
            applier.shard(number)
        applier.finish()
        if source is not None and heads is not None:
            must_continue(source, heads, database, known_heads(applier))
            inbox.set(address=shown(address))
            if first:
                _catch_up(source, heads.cut, applier, inbox, shown(address))
        for shard in applier.shards:
            _complete(shard)
    finally:
        for shard in applier.shards if applier is not None else ():
            shard.close()
        inbox.close()


def _asked(source: Source | None) -> Source:
    assert source is not None
    return source


def _must_have_chain(heads: Heads) -> None:
    if not any(head.height for head in heads.cut.heads):
        raise WrongSource("its chain is empty: a block was expected")


def _complete(shard: SqliteShard) -> None:
    """What is in no block, and a database that is promoted has to have."""
    branch = locked(shard)
    try:
        for sql, params in definitions.TABLES:
            if sql.startswith("INSERT"):
                branch.write(sql, params)
        branch.commit().wait()
    except BaseException:
        branch.rollback()
        raise


def _catch_up(source: Source, cut: Cut, applier: Applier, inbox: Inbox, where: str) -> None:
    """Apply all blocks up to the cut.  Nobody reads, so shards need not be of one moment on the way."""
    wanted = sum([head.height for head in cut.heads]) - sum([shard.height for shard in applier.shards])
    progress, blocks = Progress("follow"), 0
    for batch in batches(streams(source, cut, applier, inbox)):
        applier.apply(batch)
        blocks += sum([len(group) for group in batch])
        progress(blocks / max(wanted, 1), f"applying what {where} has committed meanwhile: {blocks:,} of {wanted:,} blocks")
    progress.end()


def promote(directory: Path) -> None:
    """Make a follower's directory a database of its own, for good; nothing when it is one.  StartError when its copy is not
    complete."""
    if not is_follower(directory):
        return
    if not _is_copied(directory):
        raise StartError(f"the first copy in '{directory}' is not complete", "faunadb follow goes on with it")
    opened = DataDirectory(directory)
    try:
        prepare(opened, Settings(data=directory), Address(), None, None)
        remove_database(directory / FILE)
    finally:
        opened.close()

