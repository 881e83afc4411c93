"""Restoring: from a backup to a data directory, as all shards were at one instant.

For each shard the newest copy of its file that is not later than the instant is unpacked, and the blocks after it are applied up
to the instant; with no such copy, all blocks are applied to an empty file.  Everything happens in `NEWDIR.partial`, which
gets its name in the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.backup import manifest as manifests
from fauna.backup.blocks import check_whole, opened, stored_blocks
from fauna.backup.manifest import BLOCKS, FULL, Element, Manifest, shown_utc
from fauna.backup.problems import BackupError, Damaged
from fauna.backup.progress import Step, Watcher, unwatched
from fauna.backup.secrets import Key, Secret
from fauna.catalog import store
from fauna.chain.encoding import Malformed, decode_header
from fauna.directories import open_private, remove_database, sync_directory
from fauna.errors import StartError
from fauna.session.result import Ticket
from fauna.shard.engines.sqlite import copying
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.replay import DoesNotFit, Replay
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.shard_files import identify
from fauna.ticket import done_ticket

PARTIAL: Final = ".partial"
MARK: Final = "RESTORING"
"""In a directory that a restore has made and may remove."""
_SYNC_EVERY: Final = 512
_OLD_BLOCKS: Final = "old-blocks.db"


@dataclass(frozen=True, slots=True)
class Latest:
    """As of the backup's last instant."""


@dataclass(frozen=True, slots=True)
class AtTime:
    """As of a time, in microseconds since 1970 UTC."""

    time_us: int


@dataclass(frozen=True, slots=True)
class AtBlock:
    """As of when this block was sealed, which is the last of its shard."""

    shard: int
    height: int


Until = Latest | AtTime | AtBlock
LATEST: Final = Latest()
OpenShard = Callable[[DataDirectory, int], SqliteShard]


@dataclass(frozen=True, slots=True)
class Restored:
    """time_us     the instant
    heights     of each shard's latest block
    changes     row changes that were applied
    prepared    transactions that were prepared when a file was copied, and are not in what was restored
    """

    time_us: int
    heights: tuple[int, ...]
    changes: int
    prepared: int


def restore(
    source: Path, data: Path, open_shard: OpenShard, finish: Callable[[Path], None], secret: Secret | None = None, *,
    until: Until = LATEST, watcher: Watcher = unwatched,
) -> Restored:  # fmt: skip
    """Make data directory `data` from the backup in `source`.

    open_shard: as the node opens one; finish: is called with the directory, complete, before it gets its name.
    BackupError, or what `finish` raises: `data` is what it was.  Damaged: a file of the backup is not what it was."""
    data = Path(os.path.abspath(data))
    manifest, key = manifests.read(source, secret)
    _must_be_free(data)
    _check_time(manifest, until)
    unfinished = data.with_name(data.name + PARTIAL)
    _clear(unfinished)
    directory = DataDirectory(unfinished)
    try:
        (unfinished / MARK).touch()
        sync_directory(unfinished)
        restored = _Restoring(source, manifest, key, directory, open_shard, watcher).run(until)
    except DoesNotFit as problem:
        raise Damaged(f"'{source}': {problem}") from None
    except OSError as failed:
        raise BackupError(f"cannot write to '{unfinished}': {failed.strerror}") from None
    except apsw.Error as failed:
        raise BackupError(f"cannot restore in '{unfinished}': {failed}") from None
    finally:
        directory.close()
    finish(unfinished)
    try:
        os.rename(unfinished, data)
        (data / MARK).unlink()
        sync_directory(data)
        sync_directory(data.parent)
    except OSError as failed:
        raise BackupError(f"'{unfinished}' is complete, and cannot be called '{data}': {failed.strerror}") from None
    return restored


def _must_be_free(data: Path) -> None:
    try:
        there = sorted(data.iterdir()) if data.exists() or data.is_symlink() else []
    except OSError as failed:
        raise BackupError(f"'{data}' cannot be made: {failed.strerror}") from None
    if there:
        raise BackupError(f"'{data}' is not empty: a directory that does not exist was expected")


def _clear(unfinished: Path) -> None:
    """Remove what a restore that was killed has left; whatever else is there stays."""
    if not unfinished.exists():
        return
    if (unfinished / MARK).exists():
        directory = DataDirectory(unfinished)  # it must not be going on in another process
        directory.close()
        shutil.rmtree(unfinished)
    elif [each for each in unfinished.iterdir() if each.name != "LOCK"]:
        raise BackupError(f"'{unfinished}' is in the way: move it elsewhere")


def _check_time(manifest: Manifest, until: Until) -> None:
    match until:
        case AtTime(time_us):
            if not manifest.oldest_us <= time_us <= manifest.newest_us:
                raise BackupError(
                    f"the backup has what was from {shown_utc(manifest.oldest_us)} to {shown_utc(manifest.newest_us)}: "
                    f"{shown_utc(time_us)} is not in it"
                )
        case AtBlock(shard, height):
            if not 0 <= shard < manifest.shards:
                raise BackupError(f"the backup has the shards 0 to {manifest.shards - 1}, not shard {shard}")
            last = manifest.head(shard)[0]
            if not 1 <= height <= last:
                raise BackupError(f"the backup has the blocks 1 to {last} of shard {shard}, not block {height}")


class _Restoring:
    def __init__(
        self, source: Path, manifest: Manifest, key: Key | None, directory: DataDirectory, open_shard: OpenShard, watcher: Watcher
    ) -> None:
        self._source = source
        self._manifest = manifest
        self._key = key
        self._directory = directory
        self._open_shard = open_shard
        self._watcher = watcher
        self._changes = 0
        self._prepared = 0

    def run(self, until: Until) -> Restored:
        for shard in range(self._manifest.shards):
            if not self._manifest.head(shard)[0]:
                raise Damaged(f"'{self._source}': shard {shard} is missing: no file of it is in the backup")
        time_us = self._time(until)
        heights = [self._shard(shard, time_us) for shard in range(self._manifest.shards)]
        for shard, height in enumerate(heights):
            if height:
                copying.complete(self._directory.shard_file(shard))
        shards = self._shards()
        for shard in range(shards, len(heights)):
            self._directory.remove_shard_file(shard)  # it was added later
        sync_directory(self._directory.path)
        return Restored(time_us, tuple(heights[:shards]), self._changes, self._prepared)

    def _shards(self) -> int:
        """How many the catalog of that time knows."""
        connection = apsw.Connection(str(self._directory.shard_file(0)))
        try:
            meta: list[Any] = connection.execute(store.LOAD_META).fetchall()
            entries: list[Any] = connection.execute(store.LOAD_ENTRIES).fetchall()
            return store.load(meta[0], entries).slots.shards
        finally:
            connection.close(True)

    # -- the instant

    def _time(self, until: Until) -> int:
        match until:
            case AtTime(time_us):
                return time_us
            case AtBlock(shard, height):
                return self._time_of(shard, height)
            case Latest():
                return self._manifest.newest_us

    def _time_of(self, shard: int, height: int) -> int:
        found = self._source_of(shard, height)
        if found is not None:
            for encoded, _ in self._blocks(found, height):
                return decode_header(encoded).time_us
        raise BackupError(f"the backup does not have block {height} of shard {shard}")

    # -- a shard

    def _shard(self, number: int, time_us: int) -> int:
        """The height of its latest block; 0: it had none."""
        path = self._directory.shard_file(number)
        copies = [each for each in self._manifest.elements(FULL, number) if each.last_us <= time_us]
        if copies:
            self._unpack(copies[-1], path)
            self._prepared += copying.leave_behind(path)
        shard = self._open_shard(self._directory, number)
        try:
            identify(shard, self._manifest.database, number)
            expected = copies[-1].last if copies else 0
            if shard.height != expected:
                raise Damaged(f"the copy of shard {number} ends with block {shard.height}, block {expected} was expected")
            self._apply(shard, time_us)
            shard.sync()
            return shard.height
        except StartError as problem:
            raise Damaged(str(problem)) from None
        finally:
            shard.close()

    def _unpack(self, element: Element, path: Path) -> None:
        done = 0
        with opened(self._source, element, self._manifest.database, self._key) as reader, open_private(path) as file:
            for content in reader.chunks():
                file.write(content)
                done += len(content)
                self._watcher(Step(f"unpacking shard {element.shard}", done, element.content))
            check_whole(reader, element)
            file.flush()
            os.fsync(file.fileno())

    def _apply(self, shard: SqliteShard, time_us: int) -> None:
        """Blocks from one file after another, until one is later."""
        replay = Replay(shard)
        newest = self._manifest.head(shard.number)[0]
        while shard.height < newest:
            element = self._source_of(shard.number, shard.height + 1)
            if element is None:
                raise Damaged(f"block {shard.height + 1} of shard {shard.number} is in no file of the backup")
            if element.first_us > time_us:
                return
            self._apply_until(replay, shard, element, time_us, newest)
            if shard.height < element.last:
                return

    def _apply_until(self, replay: Replay, shard: SqliteShard, element: Element, time_us: int, newest: int) -> None:
        begins = shard.height
        ticket: Ticket = done_ticket()
        for encoded, changes in self._blocks(element, begins + 1):
            header = decode_header(encoded)
            if header.time_us > time_us:
                break
            ticket = replay.apply(encoded, changes)
            self._changes += header.changes
            if header.height % _SYNC_EVERY == 0:
                ticket.wait()  # what waits to be synced does not grow
                self._watcher(Step(f"applying blocks to shard {shard.number}", header.height - begins, newest - begins, "blocks"))
        ticket.wait()
        self._watcher(Step(f"applying blocks to shard {shard.number}", shard.height - begins, newest - begins, "blocks"))

    # -- where blocks are

    def _source_of(self, shard: int, height: int) -> Element | None:
        """A file that has this block: one of blocks, else a copy, whose blocks are in it."""
        elements = (*self._manifest.elements(BLOCKS, shard), *self._manifest.elements(FULL, shard))
        return next((each for each in elements if each.first <= height <= each.last), None)

    def _blocks(self, element: Element, first: int) -> Iterator[tuple[bytes, Callable[[], Iterable[bytes]]]]:
        """Encoded headers with their changes, from height `first` to the end of the file."""
        if element.kind == BLOCKS:
            with opened(self._source, element, self._manifest.database, self._key) as stored:
                for each in stored_blocks(stored):
                    if each.header.height >= first:
                        yield each.encoded, each.changes
                check_whole(stored, element)
            return
        path = self._directory.path / _OLD_BLOCKS
        self._unpack(element, path)
        connection = apsw.Connection(str(path))
        try:
            reader = BlockReader(connection)
            for block in reader.blocks(first, element.last):
                yield block.header, partial(reader.changes, block)
        except Malformed as problem:
            raise Damaged(f"'{self._source / element.file}': {problem}") from None
        finally:
            connection.close(True)
            remove_database(path)
