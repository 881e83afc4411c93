"""Verifying a backup: every file byte by byte, every block, and that they are one chain for each shard."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.backup import manifest as manifests
from fauna.backup.blocks import check_whole, opened, stored_blocks
from fauna.backup.manifest import BLOCKS, FULL, Element, Manifest
from fauna.backup.problems import Damaged
from fauna.backup.progress import Step, Watcher, unwatched
from fauna.backup.secrets import Key, Secret
from fauna.chain.encoding import PRUNED, Header, Malformed, block_hash, decode_change, decode_header, genesis
from fauna.chain.merkle import Frontier, leaf_hash
from fauna.directories import open_private, remove_database
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.connection import Configure, open_connection
from fauna.shard.engines.sqlite.settings import EngineSettings

PROBLEMS_MAX: Final = 100
_LOOK_EVERY: Final = 512


@dataclass(slots=True)
class Verified:
    """What was found.  problems: empty when all is well; each names the file and what was expected."""

    files: int = 0
    bytes: int = 0
    blocks: int = 0
    changes: int = 0
    oldest_us: int = 0
    newest_us: int = 0
    problems: list[str] = field(default_factory=list)


def verify(
    source: Path, configure: Configure, secret: Secret | None = None, *, scratch: Path | None = None, watcher: Watcher = unwatched
) -> Verified:
    """Read all of the backup in `source`.  configure: as for the engine's connections.  scratch: where copies are unpacked, one
    at a time.  BackupError when it is no backup, or its secret is wrong."""
    found = Verified()
    try:
        manifest, key = manifests.read(source, secret)
    except Damaged as problem:
        found.problems.append(str(problem))
        return found
    found.oldest_us, found.newest_us = manifest.oldest_us, manifest.newest_us
    with tempfile.TemporaryDirectory(prefix="fauna-verify-", dir=scratch) as directory:
        verifying = _Verifying(source, manifest, key, configure, Path(directory), watcher, found)
        for shard in range(manifest.shards):
            verifying.shard(shard)
    return found


class _Link:
    """Follows a chain from block to block."""

    def __init__(self, shard: int, height: int, hash_: bytes, time_us: int = 0) -> None:
        self.shard = shard
        self.height = height
        self.hash = hash_
        self.time_us = time_us

    def follow(self, encoded: bytes) -> Header:
        """Damaged, saying what was expected, when the block does not come next."""
        header = decode_header(encoded)
        name = f"shard {self.shard}, block {header.height}"
        if header.shard != self.shard:
            raise Damaged(f"{name}: it is of shard {header.shard}")
        if header.height != self.height + 1:
            raise Damaged(f"{name}: block {self.height + 1} was expected")
        if header.previous != self.hash:
            raise Damaged(f"{name}: it follows a block with the hash {header.previous.hex()}, {self.hash.hex()} was expected")
        if header.time_us <= self.time_us:
            raise Damaged(f"{name}: it is not later than the block before")
        self.height, self.hash, self.time_us = header.height, block_hash(encoded), header.time_us
        return header


class _Verifying:
    def __init__(
        self, source: Path, manifest: Manifest, key: Key | None, configure: Configure, scratch: Path, watcher: Watcher,
        found: Verified,
    ) -> None:  # fmt: skip
        self._source = source
        self._manifest = manifest
        self._key = key
        self._configure = configure
        self._scratch = scratch
        self._watcher = watcher
        self._found = found
        self._total = sum(element.size for taken in manifest.taken for element in taken.elements)
        self._done = 0

    def shard(self, shard: int) -> None:
        blocks = list(self._manifest.elements(BLOCKS, shard))
        copies = list(self._manifest.elements(FULL, shard))
        if not blocks and not copies:
            self._problem(f"shard {shard} is missing: no file of it is in the backup")
            return
        self._check_order(shard, blocks, copies)
        known = {each.last: each.head for each in (*blocks, *copies)}
        for element in (*copies, *blocks):
            self._found.files += 1
            try:
                if element.kind == FULL:
                    self._copy(element, known)
                else:
                    self._blocks(element)
            except Damaged as problem:
                text = str(problem)
                self._problem(text if element.file in text else f"'{self._source / element.file}': {text}")
            self._done += element.size
            self._watcher(Step("verifying", self._done, self._total))

    def _problem(self, text: str) -> None:
        if len(self._found.problems) < PROBLEMS_MAX:
            self._found.problems.append(text)

    def _check_order(self, shard: int, blocks: list[Element], copies: list[Element]) -> None:
        """From the first copy, or from block 1, each file begins where the one before ends."""
        height, head = (0, genesis(self._manifest.database, shard).hex())
        if blocks and copies and blocks[0].first > 1 or not blocks:
            height, head = copies[0].last, copies[0].head
        for each in blocks:
            if (each.first, each.previous) != (height + 1, head):
                self._problem(
                    f"'{self._source / each.file}' begins with block {each.first} after the hash {each.previous}: "
                    f"block {height + 1} of shard {shard} after {head} was expected"
                )
            height, head = each.last, each.head

    # -- files

    def _blocks(self, element: Element) -> None:
        link = _Link(element.shard, element.first - 1, bytes.fromhex(element.previous), element.first_us - 1)
        with opened(self._source, element, self._manifest.database, self._key) as reader:
            try:
                for block in stored_blocks(reader):
                    header = link.follow(block.encoded)
                    frontier = Frontier()
                    for change in block.changes():
                        self._leaf(frontier, change)
                    self._count(header, frontier)
                    if header.height % _LOOK_EVERY == 0:
                        self._watcher(Step("verifying", self._done + reader.size, self._total))
            finally:
                self._found.bytes += reader.size
            check_whole(reader, element)
        self._check_end(link, element)

    def _copy(self, element: Element, known: dict[int, str]) -> None:
        path = self._scratch / "copy.db"
        try:
            with opened(self._source, element, self._manifest.database, self._key) as reader, open_private(path) as file:
                for content in reader.chunks():
                    file.write(content)
                    self._watcher(Step("verifying", self._done + reader.size, self._total))
                self._found.bytes += reader.size
                check_whole(reader, element)
            self._file(path, element, known)
        finally:
            remove_database(path)

    def _file(self, path: Path, element: Element, known: dict[int, str]) -> None:
        try:
            handle = open_connection(path, self._configure, EngineSettings(), writer=False)
        except apsw.Error as failed:
            raise Damaged(f"the copy cannot be opened: {failed}") from None
        try:
            rows: list[Any] = handle.connection.execute("SELECT key, value FROM fauna_meta").fetchall()
            meta = dict(rows)
            if meta.get("database") != self._manifest.database or str(meta.get("shard")) != str(element.shard):
                raise Damaged(f"the copy is of shard {meta.get('shard')} of database {meta.get('database')}")
            wrong = [str(row[0]) for row in handle.connection.execute("PRAGMA integrity_check(10)")]
            if wrong != ["ok"]:
                raise Damaged(f"SQLite's integrity check of the copy says: {'; '.join(wrong)}")
            self._chain(BlockReader(handle.connection), element, known)
        except apsw.Error as failed:
            raise Damaged(f"the copy cannot be read: {failed}") from None
        finally:
            handle.close()

    def _chain(self, reader: BlockReader, element: Element, known: dict[int, str]) -> None:
        link = _Link(element.shard, element.first - 1, bytes.fromhex(element.previous))
        if element.first == 1 and link.hash != genesis(self._manifest.database, element.shard):
            raise Damaged(f"the chain of shard {element.shard} does not begin as that of database {self._manifest.database}")
        for block in reader.blocks(element.first, element.last):
            try:
                header = link.follow(block.header)
                frontier = Frontier()
                for change in reader.changes(block):
                    self._leaf(frontier, change)
            except Malformed as problem:
                raise Damaged(f"shard {element.shard}, block {block.height}: {problem}") from None
            self._count(header, frontier)
            expected = known.get(header.height)
            if expected is not None and link.hash.hex() != expected:
                raise Damaged(
                    f"shard {element.shard}, block {header.height} has the hash {link.hash.hex()}, {expected} was expected"
                )
            if header.height % _LOOK_EVERY == 0:
                self._watcher(Step("verifying", self._done, self._total))
        self._check_end(link, element)

    # -- blocks

    def _leaf(self, frontier: Frontier, change: bytes) -> None:
        if change[:1] == bytes([PRUNED]):
            frontier.add(decode_change(change).leaf)
        else:
            frontier.add(leaf_hash(change))

    def _count(self, header: Header, frontier: Frontier) -> None:
        if frontier.size != header.changes or frontier.root() != header.root:
            raise Damaged(f"shard {header.shard}, block {header.height}: its changes are not those that it was sealed with")
        self._found.blocks += 1
        self._found.changes += header.changes

    def _check_end(self, link: _Link, element: Element) -> None:
        if link.height != element.last or link.hash.hex() != element.head:
            raise Damaged(
                f"it ends with block {link.height} of shard {element.shard} with the hash {link.hash.hex()}, "
                f"block {element.last} with {element.head} was expected"
            )
