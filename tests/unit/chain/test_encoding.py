"""Rows as bytes: however an UPDATE is told, its rows have one encoding."""

from __future__ import annotations

import random

import pytest

from fauna.catalog.types import Stored
from fauna.chain.encoding import (
    PRUNED,
    Header,
    decode_change,
    decode_header,
    decode_row,
    encode_pruned,
    encode_row,
    encode_rows,
    text,
)

UNCHANGED = object()


def _value(dice: random.Random) -> Stored:
    return dice.choice([
        None, 0, -1, dice.randint(-(1 << 63), (1 << 63) - 1), 0.5, -0.0, float("inf"), "", "ä" * dice.randint(0, 90), "x" * 200,
        b"", b"\x00\xff" * dice.randint(0, 90),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_values_that_stay_are_encoded_once_and_come_out_the_same(seed: int) -> None:
    dice = random.Random(seed)
    before = [_value(dice) for _ in range(dice.randint(0, 8))]
    after: list[object] = [_value(dice) if dice.random() < 0.5 else UNCHANGED for _ in before]
    whole = [old if new is UNCHANGED else new for old, new in zip(before, after, strict=True)]
    assert encode_rows(before, after, UNCHANGED) == (encode_row(before), encode_row(whole))  # type: ignore[arg-type]
    assert decode_row(encode_row(before))[0] == tuple(before)


def test_a_header_comes_back_as_it_was() -> None:
    header = Header(3, 1 << 40, b"p" * 32, b"r" * 32, 7, 1_790_000_000_000_002, "gx", (0, 3), "ann@%", 2, 9)
    assert decode_header(header.encode()) == header


def test_what_is_left_of_a_pruned_change() -> None:
    change = decode_change(encode_pruned(text("t7"), b"\x07" * 32))
    assert (change.kind, change.table, change.leaf) == (PRUNED, "t7", b"\x07" * 32)
