"""The checksum of the write-ahead log is SQLite's."""

from __future__ import annotations

import random
import struct

import pytest

from fauna.verification.log import checksum


def by_the_book(data: bytes, running: tuple[int, int], order: str) -> tuple[int, int]:
    """As https://www.sqlite.org/fileformat2.html, section 4.2, has it."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    s0, s1 = running
    for i in range(0, len(words), 2):
        s0 = (s0 + words[i] + s1) & 0xFFFFFFFF
        s1 = (s1 + words[i + 1] + s0) & 0xFFFFFFFF
    return s0, s1


@pytest.mark.parametrize("size", [8, 24, 512, 4096])
@pytest.mark.parametrize("order", "<>")
def test_checksum(size: int, order: str) -> None:
    dice = random.Random(size)
    data = dice.randbytes(size)
    running = (dice.getrandbits(32), dice.getrandbits(32))
    assert checksum(data, running, order) == by_the_book(data, running, order)
