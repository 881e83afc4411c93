"""Names on the shards: whose a prepared transaction is, and whether all of it is there."""

from __future__ import annotations

import pytest

from fauna.catalog.slot_map import SHARDS_MAX
from fauna.coordinator.protocol import GTRID_BYTES_MAX
from fauna.txn.xid import Xid, held_by_clients, name_on_shards, read_name


@pytest.mark.parametrize("xid", [Xid(b"a"), Xid(b"\x00\xff-", b"b-1", 0), Xid(b"g" * 64, b"b" * 64, 2147483647)])
def test_a_name_says_what_was_put_in(xid: Xid) -> None:
    name = name_on_shards(xid, [3, 0, 11])
    assert read_name(name) == (xid, frozenset({0, 3, 11}))
    assert name != name_on_shards(xid, [3, 0, 11])


def test_the_longest_name_is_one_for_the_coordinator() -> None:
    name = name_on_shards(Xid(b"g" * 64, b"b" * 64, 2147483647), range(SHARDS_MAX))
    assert len(name) <= GTRID_BYTES_MAX
    assert read_name(name) == (Xid(b"g" * 64, b"b" * 64, 2147483647), frozenset(range(SHARDS_MAX)))


@pytest.mark.parametrize(
    "name", ["", "fauna-00ff-1", "xa:", "xa:00:1:1::", "xa:00::1:YQ:", "xa:00:1:1:YQ:YQ:YQ", "xa:00:1:x:YQ:"]
)
def test_other_names(name: str) -> None:
    assert read_name(name) is None


def test_what_is_held() -> None:
    whole, part, decided = (name_on_shards(Xid(b"a"), [0, 2]) for _ in range(3))
    alone = name_on_shards(Xid(b"b"), [1])
    prepared = {0: [whole, part, decided, "fauna-1-1"], 1: [alone], 2: [whole, decided, "fauna-1-1"]}
    assert held_by_clients([decided], prepared) == {whole, alone}
    assert held_by_clients([], {0: [part], 1: []}) == set()
