"""Files that are whole after a crash: replaced at once, or longer by a line."""

from __future__ import annotations

import os
from pathlib import Path

from fauna.directories import sync_directory


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """The file as it was, or with `data`; on disk when this returns."""
    temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def append_line(path: Path, line: bytes, *, mode: int = 0o644) -> None:
    """Add a line; on disk when this returns.  What a crash has left of an earlier line stays a line of its own."""
    new = not os.path.exists(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
    try:
        size = os.fstat(descriptor).st_size
        cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = (b"\n" if cut else b"") + line + b"\n"
        try:
            written = os.write(descriptor, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if new:
        sync_directory(path.parent)
