"""The record of a prepared transaction: what is written is what is read."""

from __future__ import annotations

import pytest

from fauna.shard.engines.sqlite.prepared import Prepared


def test_round_trip() -> None:
    prepared = Prepared(
        rows=(("t1", 1, (1, None, "é\0", b"\0\xff", 1.5, -(1 << 63))), ("t1", 2, None)),
        statements=(("UPDATE counters SET next = ?1", (7,)),),
        changes=(("t1", "UPDATE", 1, 1), ("t1", "DELETE", 2, 2)),
        keys=(("t1", 1), ("t1", "i1", "é", b"key"), ("t1", 2)),
        keeps_lock=False,
    )
    assert Prepared.load(prepared.dump()) == prepared


def test_bytes_that_are_no_text_of_their_character_set() -> None:
    prepared = Prepared((("t1", 1, ("\udcff",)),), (), (), (), keeps_lock=True)
    assert Prepared.load(prepared.dump()) == prepared


@pytest.mark.parametrize("text", ["", '{"rows": [', "{}", "[]", '{"rows": 1}'])
def test_damage_is_no_surprise(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Prepared.load(text)
