"""Whether the write-ahead log of a file at rest is whole (https://www.sqlite.org/fileformat2.html, section 4).

SQLite takes frames as long as their salts are the header's and their checksums right; the first that is not ends the log, and
commits after it are lost without a word.  A crash leaves a frame half written, the last one.  So it is a finding when frames with
the right salts come after one that is not right, and when the change of one byte would make the last one right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import BinaryIO, Final

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = 0x377F0682
_FORMAT: Final = 3_007_000
_MASK: Final = 0xFFFFFFFF
Sum = tuple[int, int]


def problems(log: Path) -> list[str]:
    """What is wrong, as sentences."""
    try:
        with log.open("rb") as file:
            return list(_problems(file))
    except FileNotFoundError:
        return []


def _problems(file: BinaryIO) -> Iterator[str]:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return
    magic, version, page_size, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack(header)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or version != _FORMAT or checksum(header[:24], (0, 0), order) != (sum_1, sum_2):
        yield "the header of the write-ahead log is damaged: all commits in the log would be lost"
        return
    salts = (salt_1, salt_2)
    running: Sum = (sum_1, sum_2)
    number = 0
    while True:
        head = file.read(_FRAME.size)
        page = file.read(page_size) if len(head) == _FRAME.size else b""
        if len(page) < page_size:
            return
        number += 1
        _, _, *found_salts, sum_1, sum_2 = _FRAME.unpack(head)
        expected = checksum(page, checksum(head[:8], running, order), order)
        if tuple(found_salts) == salts and expected == (sum_1, sum_2):
            running = expected
            continue
        later = _with_salts(file, page_size, salts)
        if later:
            yield (
                f"frame {number} of the write-ahead log is damaged: what was committed in it and in {later} frames after it "
                "would be lost (or the machine lost power before it was on disk, and nobody was told of these commits)"
            )
        elif _is_one_byte(head, page, running, order, salts):
            what = f"a byte of frame {number} of the write-ahead log, its last, has been changed"
            yield f"{what}: what was committed in it would be lost"
        return


def _with_salts(file: BinaryIO, page_size: int, salts: Sum) -> int:
    """How many of the frames that follow belong to this log."""
    count = 0
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        count += _FRAME.unpack(head)[2:4] == salts
        file.seek(page_size, 1)
    return count


def checksum(data: bytes, running: Sum, order: str) -> Sum:
    """s0 += x[i] + s1; s1 += x[i+1] + s0 for each pair of words: a sum, whose coefficients depend on the length alone."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    of_words_0, of_words_1, (a, b, c, d) = _coefficients(len(words))
    s0 = a * running[0] + b * running[1] + sum(map(mul, of_words_0, words))
    s1 = c * running[0] + d * running[1] + sum(map(mul, of_words_1, words))
    return s0 & _MASK, s1 & _MASK


@lru_cache(maxsize=8)
def _coefficients(words: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, int, int, int]]:
    """Of each word in s0 and in s1, and of what they were before."""
    of_words_0 = [0] * words
    of_words_1 = [0] * words
    a, b, c, d = 1, 0, 0, 1  # (s0, s1) after the rest, of what they are now
    for i in range(words - 2, -1, -2):
        of_words_0[i], of_words_1[i] = (a + b) & _MASK, (c + d) & _MASK
        of_words_0[i + 1], of_words_1[i + 1] = b, d
        a, b, c, d = (a + b) & _MASK, (a + 2 * b) & _MASK, (c + d) & _MASK, (c + 2 * d) & _MASK
    return tuple(of_words_0), tuple(of_words_1), (a, b, c, d)


def _is_one_byte(head: bytes, page: bytes, running: Sum, order: str, salts: Sum) -> bool:
    """Whether another byte in one place would make the frame right."""
    _, _, salt_1, salt_2, sum_1, sum_2 = _FRAME.unpack(head)
    expected = checksum(page, checksum(head[:8], running, order), order)
    if expected == (sum_1, sum_2):
        return _bytes_apart(struct.pack(">2I", salt_1, salt_2), struct.pack(">2I", *salts)) == 1
    if (salt_1, salt_2) != salts:
        return False
    if _bytes_apart(struct.pack(">2I", sum_1, sum_2), struct.pack(">2I", *expected)) == 1:
        return True
    missing_0, missing_1 = (sum_1 - expected[0]) & _MASK, (sum_2 - expected[1]) & _MASK
    data = head[:8] + page
    of_words_0, of_words_1, _ = _coefficients(len(data) // 4)
    steps = [(k << shift, shift) for shift in (0, 8, 16, 24) for k in range(-255, 256) if k]
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for i, word in enumerate(words):
        for step, shift in steps:
            if (step * of_words_0[i]) & _MASK == missing_0 and (step * of_words_1[i]) & _MASK == missing_1:
                if 0 <= (word >> shift & 255) + (step >> shift) <= 255:
                    return True
    return False


def _bytes_apart(a: bytes, b: bytes) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))
