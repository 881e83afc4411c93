"""The name of an XA transaction: as its transaction manager gives it, and as the shards know it.

A shard's gtrid says by itself whose it is and which shards have a part of it, so that after a crash one can tell a transaction
that its client has prepared from one whose XA PREPARE had not reached them all:

    xa-<unique>-<shards>-<formatID>-<gtrid>-<bqual>        xa-5f2c…-0.3-1-6f72646572-

The first part is never used twice; a client may use its names again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(
    r"xa-[0-9a-f]+-(?P<shards>[0-9]+(?:\.[0-9]+)*)-(?P<format>[0-9]+)-(?P<gtrid>(?:[0-9a-f]{2})+)-(?P<bqual>(?:[0-9a-f]{2})*)"
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
    numbers = ".".join(map(str, sorted(shards)))
    return f"xa-{os.urandom(8).hex()}-{numbers}-{xid.format_id}-{xid.gtrid.hex()}-{xid.bqual.hex()}"


def read_name(gtrid: str) -> tuple[Xid, frozenset[int]] | None:
    """The transaction and its shards; None: not one that a client has prepared."""
    found = _NAME.fullmatch(gtrid)
    if found is None:
        return None
    xid = Xid(bytes.fromhex(found["gtrid"]), bytes.fromhex(found["bqual"]), int(found["format"]))
    return xid, frozenset(map(int, found["shards"].split(".")))


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
