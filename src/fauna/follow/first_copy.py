"""The first copy: the files of the source's shards, each checked as a whole; then blocks bring them all to one moment.

A file has its name in the directory only when it is whole.  What was cut short goes on with the files that are missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import apsw
import zstandard

from fauna.client.server_link import Address
from fauna.clock import SystemClock
from fauna.directories import open_private, remove_database, sync_directory
from fauna.errors import StartError
from fauna.follow.cut import Cut
from fauna.follow.file_copies import PART_BYTES
from fauna.follow.source import Source, shown, unexpected
from fauna.node import configure
from fauna.progress import Progress, shown_bytes
from fauna.shard.engines.sqlite import copying
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.verification.findings import CannotVerify
from fauna.verification.verify import verify

_MADE_WITHIN_S: Final = 900.0
"""How long the source may take for the copy of one shard's file, before it begins to send it."""
_UNFINISHED: Final = ".copying"


def fetch_files(address: Address, cut: Cut, directory: DataDirectory) -> None:
    """Have a copy of each shard's file that is not there yet.

    StartError when the disk fails; exceptions of the client, and WrongSource, when the source does not answer as it should."""
    missing = [head.shard for head in sorted(cut.heads, key=lambda head: head.shard)
               if not directory.shard_file(head.shard).exists()]  # fmt: skip
    if not missing:
        return
    progress = Progress("follow")
    with closing(Source(address, silent_s=_MADE_WITHIN_S)) as source:
        for number, shard in enumerate(missing):
            what = f"copying shard {shard} of {shown(address)}"
            progress(number / len(missing), what)

            def told(done: int, total: int, number: int = number, what: str = what) -> None:
                progress((number + done / max(total, 1)) / len(missing), f"{what}: {shown_bytes(done)} of {shown_bytes(total)}")

            try:
                _fetch(source, shard, directory.shard_file(shard), told)
            except (OSError, apsw.Error) as failed:
                raise StartError(f"the copy of shard {shard} cannot be written: {failed}") from None
    progress.end()


def _fetch(source: Source, shard: int, path: Path, told: Callable[[int, int], None]) -> None:
    unfinished = path.with_name(path.name + _UNFINISHED)
    remove_database(unfinished)
    with open_private(unfinished) as file:
        _receive(source, shard, file, told)
        file.flush()
        os.fsync(file.fileno())
    copying.leave_behind(unfinished)
    copying.complete(unfinished)
    unfinished.rename(path)
    sync_directory(path.parent)


def _receive(source: Source, shard: int, file: IO[bytes], told: Callable[[int, int], None]) -> None:
    digest, done = sha256(), 0
    decompressor = zstandard.ZstdDecompressor()
    for part, size, content, whole in source.file(shard):
        if whole:
            if whole != digest.hexdigest():
                raise unexpected(f"a file of shard {shard} that is not what was sent")
            return
        try:
            if zstandard.frame_content_size(content) > PART_BYTES:
                raise unexpected(f"part {part} of shard {shard}, which is too large")
            data = decompressor.decompress(content, max_output_size=PART_BYTES)
        except zstandard.ZstdError as problem:
            raise unexpected(f"part {part} of shard {shard}, which cannot be unpacked: {problem}") from None
        digest.update(data)
        file.write(data)
        done += len(data)
        told(done, size)
    raise unexpected(f"half a file of shard {shard}")


def must_be_sealed(directory: DataDirectory, address: Address, now_us: int) -> None:
    """All that was copied is what its chain says: StartError when it is not, and then the files are gone.  They are closed, at
    one moment, and the directory is ours.  now_us: the source's time, whose clock may be ahead: its
    retention goes by it."""
    progress = Progress("follow")
    try:
        report = verify(
            directory.path, configure, at_rest=True, now_us=max(now_us, SystemClock().utc_us()),
            told=lambda done, what: progress(done, f"verifying the copy: {what}"),
        )  # fmt: skip
        problem = str(report.findings[0]) if report.findings else ""
    except CannotVerify as failed:
        problem = str(failed)
    progress.end()
    if not problem:
        return
    for number in range(directory.shard_files()):
        directory.remove_shard_file(number)
    raise StartError(
        f"what was copied from {shown(address)} is not what was sealed there, and has been removed: {problem}",
        "verify the source: CALL fauna.verify()",
    )
