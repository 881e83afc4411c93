"""Taking a backup: copies of the shards' files the first time, then only blocks.

    1  copy each shard's file, as a reader sees it, one after another; clients go on
    2  take an instant: whatever was committed up to it is visible and on disk
    3  write each shard's blocks from where the backup has ended so far up to that instant
    4  write the manifest

The block files of a shard follow one another without a gap from its first copy on, so that each moment since can be had.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import apsw

from fauna.backup import manifest as manifests
from fauna.backup.container import CHUNK_BYTES, SUFFIX, FileWriter
from fauna.backup.manifest import BLOCKS, FULL, Element, Manifest, Taken, shown_utc
from fauna.backup.problems import BackupError, Damaged
from fauna.backup.progress import Step, Watcher, unwatched
from fauna.backup.secrets import Key, Secret
from fauna.chain.encoding import Malformed, block_hash, decode_header, genesis, varint
from fauna.directories import sync_directory
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.connection import open_connection
from fauna.shard.engines.sqlite.copying import copy_pages, must_have_room
from fauna.shard.engines.sqlite.settings import EngineSettings

LOCK: Final = "LOCK"
COPY_PREFIX: Final = "backup-copy-"
"""Of the copies that are made in the data directory, one at a time."""
_BLOCKS_PER_STEP: Final = 256


class Shard(Protocol):
    """What is read of a shard."""

    number: int
    path: Path

    @property
    def height(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Source:
    """The open database.  instant: a time of now and the shards then, see `txn.past`."""

    database: str
    directory: Path
    shards: Callable[[], Sequence[Shard]]
    instant: Callable[[], tuple[int, Sequence[Shard]]]


def take(
    source: Source, target: Path, secret: Secret | None = None, *, full: bool = False, watcher: Watcher = unwatched
) -> Taken:
    """Add to the backup in directory `target`, which is made when it is missing: copies of the files the first time, or when
    `full`, and in any case the blocks since the last time.  What it has added is in the backup on return; on any error
    nothing is.  BackupError when the directory cannot be used, is another database's, or its secret is another one."""
    _must_be_apart(target, source.directory)
    with _locked(target):
        if manifests.exists(target):
            manifest, key = manifests.read(target, secret)
            if manifest.database != source.database:
                raise BackupError(
                    f"'{target}' is a backup of database {manifest.database}, this is database {source.database}: "
                    "give each database a directory of its own"
                )
        else:
            _must_be_free(target)
            manifest, key = manifests.begin(source.database, secret)
            full = True
        return _Taking(source, target, manifest, key, watcher).run(full=full)


def _must_be_apart(target: Path, data: Path) -> None:
    if target.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"'{target}' is in the data directory: a backup belongs elsewhere, best on another disk")


def _must_be_free(target: Path) -> None:
    ours = {LOCK, manifests.NAME}
    others = sorted(each.name for each in target.iterdir() if each.name not in ours and not _is_ours(each.name))
    if others:
        raise BackupError(f"'{target}' holds '{others[0]}' and is no backup: an empty or a new directory was expected")


def _is_ours(name: str) -> bool:
    return name.startswith(("full-", "blocks-", manifests.NAME))


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """One process at a time adds to a backup."""
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BackupError(f"'{target}' is not a directory") from None
    except OSError as failed:
        raise BackupError(f"cannot write to '{target}': {failed.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(f"another process is writing to '{target}'") from None
        yield
    finally:
        os.close(descriptor)


def remove_copies(data: Path) -> None:
    """What a process that was killed has left in a data directory."""
    for each in data.glob(f"{COPY_PREFIX}*"):
        each.unlink(missing_ok=True)


class _Taking:
    def __init__(self, source: Source, target: Path, manifest: Manifest, key: Key | None, watcher: Watcher) -> None:
        self._source = source
        self._target = target
        self._manifest = manifest
        self._key = key
        self._watcher = watcher
        self._number = manifest.taken[-1].number + 1 if manifest.taken else 1
        self._elements: list[Element] = []
        self._written: list[Path] = []
        self._settings = EngineSettings()

    def run(self, *, full: bool) -> Taken:
        self._remove_unfinished()
        if not all(shard.height for shard in self._source.shards()):
            raise BackupError("the database has no chain: stop the server and copy its directory as a whole")
        try:
            if full or any(self._is_pruned(shard) for shard in self._source.shards()):
                self._copy_files()
            at_us, shards = self._source.instant()
            for shard in shards:
                self._write_blocks(shard, at_us)
            sync_directory(self._target)
            taken = Taken(self._number, at_us, len(shards), tuple(self._elements))
            grown = Manifest(self._manifest.database, self._manifest.encryption, (*self._manifest.taken, taken))
            manifests.write(self._target, grown, self._key)
        except OSError as failed:
            self._take_back()
            raise BackupError(f"cannot write to '{self._target}': {failed.strerror}; the backup is as it was") from None
        except BaseException:
            self._take_back()
            raise
        return taken

    # -- files

    def _copies(self) -> Path:
        return self._target / f"full-{self._number}"

    def _remove_unfinished(self) -> None:
        """What a process that was killed has left under the number that is ours now."""
        remove_copies(self._source.directory)
        shutil.rmtree(self._copies(), ignore_errors=True)
        for each in self._target.glob(f"blocks-{self._number}-*"):
            each.unlink(missing_ok=True)

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):
            self._remove_unfinished()

    def _writer(self, path: Path, kind: str, shard: int, first: int, last: int) -> FileWriter:
        header = {
            "format": manifests.FORMAT, "database": self._source.database, "kind": kind, "shard": shard, "first": first,
            "last": last, "number": self._number,
        }  # fmt: skip
        return FileWriter(path, header, self._key)

    # -- copies

    def _is_pruned(self, shard: Shard) -> bool:
        """Whether retention has taken changes out of blocks that the backup does not have yet: only a copy has their effect."""
        handle = open_connection(shard.path, lambda connection: None, self._settings, writer=False)
        try:
            rows = handle.execute("SELECT coalesce(max(height), 0) FROM fauna_pruned").fetchall()
        except apsw.SQLError:
            return False  # nothing has ever been pruned
        finally:
            handle.close()
        return int(rows[0][0]) >= self._ends(shard.number)[0]  # type: ignore[arg-type]

    def _copy_files(self) -> None:
        self._copies().mkdir(mode=0o700)
        for shard in self._source.shards():
            self._copy_file(shard)
        sync_directory(self._copies())
        sync_directory(self._target)

    def _copy_file(self, shard: Shard) -> None:
        """A copy of the file beside it, then packed into the backup: what is on the target's disk is encrypted from the start."""
        try:
            must_have_room(shard.path, self._source.directory)
        except OSError as missing:
            raise BackupError(f"shard {shard.number} cannot be copied: {missing}") from None
        copy = self._source.directory / f"{COPY_PREFIX}{shard.number}"
        handle = open_connection(shard.path, lambda connection: None, self._settings, writer=False)
        try:
            handle.execute("BEGIN")  # so that all steps see one moment
            reader = BlockReader(handle.connection)
            first = handle.execute("SELECT min(height) FROM fauna_blocks").fetchall()[0][0]
            head = reader.head()
            if head is None or not isinstance(first, int):
                return  # no block yet: all that it has comes with the blocks
            encoded, last = reader.header(first), reader.header(head.height)
            assert encoded is not None and last is not None
            begins = decode_header(encoded)
            copy_pages(handle.connection, copy, partial(self._told, f"copying shard {shard.number}"))
        except apsw.Error as failed:
            raise BackupError(f"shard {shard.number} cannot be copied: {failed}") from None
        finally:
            handle.close()
        path = self._copies() / f"shard-{shard.number}{SUFFIX}"
        writer = self._writer(path, FULL, shard.number, first, head.height)
        try:
            content = self._pack(copy, writer, shard.number)
            digest = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        copy.unlink()
        self._elements.append(
            Element(
                f"{self._copies().name}/{path.name}", FULL, shard.number, first, head.height, begins.time_us, head.time_us,
                begins.previous.hex(), block_hash(last).hex(), writer.size, digest, content,
            )
        )  # fmt: skip

    def _told(self, what: str, done: int, total: int) -> None:
        self._watcher(Step(what, done, total))

    def _pack(self, copy: Path, writer: FileWriter, shard: int) -> int:
        size, done = copy.stat().st_size, 0
        with copy.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                writer.write(data)
                done += len(data)
                self._watcher(Step(f"packing shard {shard}", done, size))
        return done

    # -- blocks

    def _write_blocks(self, shard: Shard, at_us: int) -> None:
        first, previous = self._ends(shard.number)
        handle = open_connection(shard.path, lambda connection: None, self._settings, writer=False)
        try:
            handle.execute("BEGIN")
            reader = BlockReader(handle.connection)
            self._must_go_on(reader, shard.number, first - 1, previous)
            last = reader.height_at(at_us)
            if last >= first:
                self._write_range(reader, shard.number, first, last, previous)
        except Malformed as problem:
            raise Damaged(f"the chain of shard {shard.number} is damaged: {problem}") from None
        except apsw.Error as failed:
            raise BackupError(f"shard {shard.number} cannot be read: {failed}") from None
        finally:
            handle.close()

    def _ends(self, shard: int) -> tuple[int, str]:
        """Where this shard's next block file begins, and the hash before it."""
        earlier = list(self._manifest.elements(BLOCKS, shard))
        ends = [(each.last, each.head) for each in (*earlier[-1:], *list(self._manifest.elements(FULL, shard))[:1])]
        if not ends:
            ends = [(each.last, each.head) for each in self._elements if each.shard == shard]
        height, head = max(ends, default=(0, genesis(self._source.database, shard).hex()))
        return height + 1, head

    def _must_go_on(self, reader: BlockReader, shard: int, height: int, head: str) -> None:
        """The database has the block that the backup ends with."""
        if not height:
            return
        found = reader.header(height)
        if found is None or block_hash(found).hex() != head:
            now = reader.head()
            raise BackupError(
                f"the backup ends with block {height} of shard {shard} with the hash {head}; the database has "
                + (f"another block {height}" if found is not None else f"{now.height if now is not None else 0} blocks")
                + ": it was restored to an earlier time since. Give this history a directory of its own"
            )

    def _write_range(self, reader: BlockReader, shard: int, first: int, last: int, previous: str) -> None:
        path = self._target / f"blocks-{self._number}-shard-{shard}{SUFFIX}"
        writer = self._writer(path, BLOCKS, shard, first, last)
        content, expected, first_us, last_us = 0, first, 0, 0
        head = b""
        try:
            for block in reader.blocks(first, last):
                if block.height != expected:
                    raise Damaged(f"block {expected} of shard {shard} is missing")
                expected += 1
                data = varint(len(block.header)) + block.header
                writer.write(data)
                content += len(data)
                for payload in reader.payloads(block.height, block.payload):
                    writer.write(payload)
                    content += len(payload)
                last_us = block.decoded().time_us
                first_us = first_us or last_us
                head = block.hash
                if block.height % _BLOCKS_PER_STEP == 0:
                    self._watcher(Step(f"blocks of shard {shard}", block.height - first + 1, last - first + 1, "blocks"))
            if expected != last + 1:
                raise Damaged(f"block {expected} of shard {shard} is missing")
            digest = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        self._watcher(Step(f"blocks of shard {shard}", last - first + 1, last - first + 1, "blocks"))
        self._elements.append(
            Element(
                path.name, BLOCKS, shard, first, last, first_us, last_us, previous, head.hex(), writer.size, digest, content
            )
        )


def told(taken: Taken) -> str:
    """What was added, in words."""
    size = sum(element.size for element in taken.elements)
    blocks = sum(element.last - element.first + 1 for element in taken.elements if element.kind == BLOCKS)
    copies = "a full copy and " if taken.kind == FULL else ""
    return f"number {taken.number}: {copies}{blocks:,} blocks, {size:,} bytes; as of {shown_utc(taken.at_us)}"
