"""Consistency: that the history of a later checkpoint begins with that of an earlier one, so that nothing was rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fauna.chain.checkpoint import SHARDS_MAX, Checkpoint, PublicKey, ShardHead
from fauna.chain.checkpoint import parse as parse_checkpoint
from fauna.chain.document import Fields, Given, ProofError, read_document, write_document
from fauna.chain.merkle import consistency_path, is_consistent, root_at
from fauna.chain.source import ChainSource, subtrees

TYPE: Final = "fauna-consistency"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Consistency:
    """A later checkpoint, and for each shard of the earlier one the path from there (RFC 9162 §2.1.4)."""

    later: Checkpoint
    paths: dict[int, tuple[bytes, ...]]

    def as_json(self) -> dict[str, Any]:
        return {
            "type": TYPE,
            "version": VERSION,
            "checkpoint": self.later.as_json(),
            "shards": [
                {"shard": shard, "path": [each.hex() for each in path]} for shard, path in sorted(self.paths.items())
            ],
        }

    def to_text(self) -> str:
        """The document, on one line."""
        return write_document(self.as_json())


def make(earlier: Checkpoint, later: Checkpoint, sources: Sequence[ChainSource]) -> Consistency:
    """ProofError when the chains, as they are now, do not begin with what the earlier checkpoint has seen."""
    _check_pair(earlier, later)
    by_shard = {source.shard: source for source in sources}
    paths: dict[int, tuple[bytes, ...]] = {}
    for old in earlier.shards:
        new = later.head_of(old.shard)
        if new.height < old.height:
            raise _shorter(old.shard, old.height, new.height)
        source = by_shard[old.shard]
        must_continue(old, source)
        paths[old.shard] = tuple(consistency_path(old.height, new.height, subtrees(source, new.height)))
    return Consistency(later, paths)


def continues(head: ShardHead, source: ChainSource) -> bool:
    """Whether the chain, as it is now, begins with what the head has seen."""
    return head.height <= source.height() and root_at(head.height, subtrees(source, head.height)) == head.root


def must_continue(head: ShardHead, source: ChainSource) -> None:
    """ProofError unless the chain, as it is now, begins with what the head has seen."""
    height = source.height()
    if height < head.height:
        raise ProofError(f"the checkpoint has {head.height} blocks of shard {head.shard}, the chain has {height}",
                         "the database was put back to an earlier state, or blocks were removed")
    if not continues(head, source):
        raise _rewritten(head.shard, head.height)


def must_be_of(checkpoint: Checkpoint, database: str) -> None:
    """ProofError when it is a checkpoint of another database."""
    if checkpoint.database != database:
        raise ProofError(f"the checkpoint is of database {checkpoint.database!r}, this one is {database!r}")


def verify_consistency(consistency: Given, checkpoint: Given, public_key: PublicKey | None = None) -> Checkpoint:
    """Check that the history of the checkpoint in `consistency` begins with that of `checkpoint`; the later one is the result.

    consistency, checkpoint   each a dict, JSON text that begins with "{", or the name of a file
    public_key                whose checkpoints are trusted; without it the later one must be signed by the key of the earlier one

    ProofError says what does not fit.  Needs no server and no network.
    """
    earlier = parse_checkpoint(checkpoint)
    earlier.verify(public_key)
    found = parse(consistency)
    found.later.verify(public_key if public_key is not None else earlier.public_key)
    return check(found, earlier)


def check(consistency: Consistency, earlier: Checkpoint) -> Checkpoint:
    """As `verify_consistency`, with checkpoints whose signatures have been verified."""
    later = consistency.later
    _check_pair(earlier, later)
    if set(consistency.paths) != {each.shard for each in earlier.shards}:
        raise ProofError("the proof of consistency is not for the shards of the earlier checkpoint",
                         "it was made for another one: CALL fauna.consistency(checkpoint)")
    for old in earlier.shards:
        new = later.head_of(old.shard)
        if new.height < old.height:
            raise _shorter(old.shard, old.height, new.height)
        same = old.height < new.height or old.head == new.head
        if not same or not is_consistent(old.height, new.height, consistency.paths[old.shard], old.root, new.root):
            raise _rewritten(old.shard, old.height)
    return later


def parse(given: Given) -> Consistency:
    """From its fields, from JSON text or from a file.  ProofError when it is none; whether it holds is not looked at."""
    fields = Fields("a proof of consistency", read_document("a proof of consistency", given))
    fields.kind(TYPE, VERSION)
    later = fields.take("checkpoint")
    if not isinstance(later, dict):
        raise ProofError("a proof of consistency: 'checkpoint' must be a JSON object")
    paths: dict[int, tuple[bytes, ...]] = {}
    for each in fields.items("shards", SHARDS_MAX):
        part = Fields("a proof of consistency's shard", each)
        shard = part.number("shard")
        if shard in paths:
            raise ProofError(f"a proof of consistency has shard {shard} twice")
        paths[shard] = part.path("path")
        part.done()
    fields.done()
    return Consistency(parse_checkpoint(later), paths)


def _check_pair(earlier: Checkpoint, later: Checkpoint) -> None:
    if earlier.database != later.database:
        raise ProofError(f"the earlier checkpoint is of database {earlier.database!r}, the later one of {later.database!r}")


def _shorter(shard: int, before: int, now: int) -> ProofError:
    return ProofError(f"shard {shard} had {before} blocks at the earlier checkpoint, and has {now} at the later one",
                      "blocks are missing: the database was put back to an earlier state, or the checkpoints are swapped")


def _rewritten(shard: int, height: int) -> ProofError:
    return ProofError(f"the first {height} blocks of shard {shard} are not those of the earlier checkpoint",
                      "history was rewritten, or a document was changed")
