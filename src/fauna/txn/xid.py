"""The name of an XA transaction: as its transaction manager gives it, and as the shards know it.

A shard's gtrid says by itself whose it is and which shards have a part of it, so that after a crash one can tell a transaction
that its client has prepared from one whose XA PREPARE had not reached them all:

    xa:<unique>:<shards>:<formatID>:<gtrid>:<bqual>        xa:5f2c…:9:1:b3JkZXItNw:YmFuaw     on shards 0 and 3, bits of 9

The first part is never used twice; a client may use its names again.  The longest is short enough for the coordinator.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(
    r"xa:[0-9a-f]+:(?P<shards>[0-9a-f]+):(?P<format>[0-9]+):(?P<gtrid>[0-9A-Za-z_-]+):(?P<bqual>[0-9A-Za-z_-]*)"
)


@dataclass(frozen=True, slots=True)
class Xid:
    """gtrid names the global transaction, bqual the part of it that is here."""

    gtrid: bytes
    bqual: bytes = b""
    format_id: int = 1

    @property
    def key(self) -> tuple[bytes, bytes]:
        """What tells it from others: the format is not asked, as in MariaDB."""
        return self.gtrid, self.bqual


def name_on_shards(xid: Xid, shards: Collection[int]) -> str:
    """A gtrid that was never used, for a transaction with a part on each of `shards`."""
    bits = sum(1 << shard for shard in set(shards))
    return f"xa:{os.urandom(8).hex()}:{bits:x}:{xid.format_id}:{_text(xid.gtrid)}:{_text(xid.bqual)}"


def read_name(gtrid: str) -> tuple[Xid, frozenset[int]] | None:
    """The transaction and its shards; None: not one that a client has prepared."""
    found = _NAME.fullmatch(gtrid)
    if found is None:
        return None
    bits = int(found["shards"], 16)
    shards = frozenset(shard for shard in range(bits.bit_length()) if bits >> shard & 1)
    return Xid(_bytes(found["gtrid"]), _bytes(found["bqual"]), int(found["format"])), shards


def held_by_clients(decided: Collection[str], prepared: Mapping[int, Collection[str]]) -> set[str]:
    """The gtrids that wait for their client: prepared on all of their shards, and nothing decided.

    One that lacks a shard is none: its XA PREPARE was not answered yet, or its XA ROLLBACK had begun.
    """
    found = set()
    for gtrid in set().union(*prepared.values()) - set(decided):
        name = read_name(gtrid)
        if name is not None and all(gtrid in prepared.get(shard, ()) for shard in name[1]):
            found.add(gtrid)
    return found


def _text(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
