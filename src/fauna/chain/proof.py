"""Proofs: that a block, and a change in it, are in the history that a checkpoint stands for.  Checked without a server.

    change  ── RFC 9162 inclusion ──>  root in the block's header  ── block hash ── inclusion ──>  root in the checkpoint

A proof is for one size of the tree: that of the checkpoint it was made for.  From an earlier checkpoint to a later one leads
`consistency`.

    proof = fauna.verify_proof("proof.json", "checkpoint.json", public_key="…")
    proof.header.time_us, proof.change.table, proof.change.after
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fauna.catalog.types import Stored
from fauna.chain.checkpoint import Checkpoint, PublicKey, ShardHead
from fauna.chain.checkpoint import parse as parse_checkpoint
from fauna.chain.document import Fields, Given, ProofError, read_document, write_document
from fauna.chain.encoding import KINDS, PRUNED, Header, Malformed, block_hash, decode_change, decode_header, genesis
from fauna.chain.merkle import in_memory, includes, inclusion_path, leaf_hash
from fauna.chain.source import ChainSource, subtrees

TYPE: Final = "fauna-proof"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ChangeProof:
    """That a change is in a block: number `index` of its changes, from 0."""

    index: int
    data: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What leads from a block, and from one of its changes, to the root in a checkpoint.

    header     the encoded header of the block
    change     None: the proof is of the block alone
    tree_size  the height that the checkpoint has for the shard
    path       of the block's hash in the tree over so many
    """

    database: str
    shard: int
    height: int
    header: bytes
    change: ChangeProof | None
    tree_size: int
    path: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        change = self.change
        return {
            "type": TYPE,
            "version": VERSION,
            "database": self.database,
            "shard": self.shard,
            "height": self.height,
            "header": self.header.hex(),
            "change": change and {
                "index": change.index, "bytes": change.data.hex(), "path": [each.hex() for each in change.path],
            },
            "tree_size": self.tree_size,
            "path": [each.hex() for each in self.path],
        }  # fmt: skip

    def to_text(self) -> str:
        """The document, on one line."""
        return write_document(self.as_json())


@dataclass(frozen=True, slots=True)
class ProvedChange:
    """A change as it is in a block.

    table      the engine's name of the table; of SCHEMA the engine
    op         INSERT, UPDATE, DELETE, REWRITE, RESET or SCHEMA
    key        the number that names the row in its table; 0 where rows are named by their values alone
    before, after   the row's stored values; None where the kind has none
    statement  of SCHEMA
    """

    index: int
    table: str
    op: str
    key: int
    before: tuple[Stored, ...] | None
    after: tuple[Stored, ...] | None
    statement: str


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """What has been proved.

    block_hash  of the block, in the tree of the checkpoint
    header      the block's header: shard, height, time, transaction, user
    change      None when the proof is of the block alone
    checkpoint  in which history; its `key_id` says who signed it
    """

    database: str
    block_hash: bytes
    header: Header
    change: ProvedChange | None
    checkpoint: Checkpoint


# ── making ──


def change_leaf(change: bytes) -> bytes:
    """The leaf hash of an encoded change in its block's tree; of a PRUNED one that which is left of the change."""
    return decode_change(change).leaf if change[:1] == bytes([PRUNED]) else leaf_hash(change)


def make(database: str, source: ChainSource, height: int, change: int | None, tree_size: int) -> Proof:
    """The proof of a block, and of its change number `change`, in the tree over the first `tree_size` blocks.

    ProofError when there is no such block or change, or retention has removed it.
    """
    if not 1 <= height <= tree_size:
        raise ProofError(f"shard {source.shard} has no block {height} among its first {tree_size}", "blocks count from 1")
    path = inclusion_path(height - 1, tree_size, subtrees(source, tree_size))
    part = None if change is None else _change_proof(source, height, change)
    return Proof(database, source.shard, height, source.header(height), part, tree_size, tuple(path))


def _change_proof(source: ChainSource, height: int, index: int) -> ChangeProof:
    changes = source.changes(height)
    if not 0 <= index < len(changes):
        raise ProofError(f"block {height} of shard {source.shard} has no change {index}, it has {len(changes)}",
                         "changes count from 0")
    if changes[index][:1] == bytes([PRUNED]):
        raise ProofError(f"retention has removed change {index} of block {height} of shard {source.shard}",
                         "the block itself can still be proved, without the change")
    leaves = [change_leaf(each) for each in changes]
    return ChangeProof(index, changes[index], tuple(inclusion_path(index, len(leaves), in_memory(leaves))))


# ── reading and checking ──


def parse(given: Given) -> Proof:
    """A proof from its fields, from JSON text or from a file.  ProofError when it is none; whether it holds is not looked at."""
    fields = Fields("a proof", read_document("a proof", given))
    fields.kind(TYPE, VERSION)
    proof = Proof(
        fields.text("database"),
        fields.number("shard"),
        fields.number("height"),
        fields.hexadecimal("header"),
        _parse_change(fields.take("change")),
        fields.number("tree_size"),
        fields.path("path"),
    )
    fields.done()
    return proof


def _parse_change(found: Any) -> ChangeProof | None:
    if found is None:
        return None
    fields = Fields("a proof's change", found)
    change = ChangeProof(fields.number("index"), fields.hexadecimal("bytes"), fields.path("path"))
    fields.done()
    return change


def verify_proof(proof: Given, checkpoint: Given, public_key: PublicKey | None = None) -> VerifiedProof:
    """Check a proof against a checkpoint; needs nothing else, no server and no network.

    proof, checkpoint   each a dict, JSON text that begins with "{", or the name of a file
    public_key          whose checkpoints are trusted: 32 bytes, 64 hexadecimal digits, or PEM.  Without it the checkpoint must be
                        one that has been kept where nobody could change it, for it vouches for itself

    ProofError says what does not fit, and what was expected.
    """
    signed = parse_checkpoint(checkpoint)
    signed.verify(public_key)
    return check(parse(proof), signed)


def check(proof: Proof, checkpoint: Checkpoint) -> VerifiedProof:
    """As `verify_proof`, with a checkpoint whose signature has been verified."""
    if proof.database != checkpoint.database:
        raise ProofError(f"the proof is of database {proof.database!r}, the checkpoint of {checkpoint.database!r}")
    head = checkpoint.head_of(proof.shard)
    if proof.tree_size != head.height:
        raise ProofError(
            f"the proof is for {proof.tree_size} blocks of shard {proof.shard}, the checkpoint has {head.height}",
            "each proof goes with the checkpoint it was made for: CALL fauna.proof(block, shard, change, checkpoint)",
        )
    header = _check_header(proof)
    found = block_hash(proof.header)
    if not includes(found, proof.height - 1, head.height, proof.path, head.root):
        raise ProofError(f"block {proof.height} of shard {proof.shard} is not in the checkpoint's history",
                         "its header or the path has been changed, or it is of another history")
    _check_ends(proof, header, found, head)
    change = None if proof.change is None else _check_change(proof.change, header)
    return VerifiedProof(proof.database, found, header, change, checkpoint)


def _check_header(proof: Proof) -> Header:
    try:
        header = decode_header(proof.header)
    except Malformed as problem:
        raise ProofError(f"the block's header is damaged: {problem}") from None
    if (header.shard, header.height) != (proof.shard, proof.height):
        raise ProofError(f"the header is of block {header.height} of shard {header.shard}, "
                         f"the proof says block {proof.height} of shard {proof.shard}")
    return header


def _check_ends(proof: Proof, header: Header, found: bytes, head: ShardHead) -> None:
    """The first block must be one of this database, the last one the head: both say more than the tree does."""
    if proof.height == 1 and header.previous != genesis(proof.database, proof.shard):
        raise ProofError(f"block 1 of shard {proof.shard} does not begin a chain of database {proof.database!r}")
    if proof.height == head.height and found != head.head:
        raise ProofError(f"block {proof.height} of shard {proof.shard} is not the head that the checkpoint names")


def _check_change(proof: ChangeProof, header: Header) -> ProvedChange:
    where = f"change {proof.index} of block {header.height} of shard {header.shard}"
    if proof.index >= header.changes:
        raise ProofError(f"the block has {header.changes} changes, there is no {where}", "changes count from 0")
    if not includes(leaf_hash(proof.data), proof.index, header.changes, proof.path, header.root):
        raise ProofError(f"{where} is not what the block has there", "the change or its path has been altered")
    try:
        change = decode_change(proof.data)
        before, after = change.row_before, change.row_after
    except Malformed as problem:
        raise ProofError(f"{where} is damaged: {problem}") from None
    return ProvedChange(proof.index, change.table, KINDS[change.kind], change.key, before, after, change.statement)
