"""Checkpoints: signed heads of all chains of a database, which an outsider keeps to notice later that history was rewritten.

What is signed (docs/reference/chain-format.md, "Checkpoints"), with the terms of `encoding`:

    "fauna checkpoint 1", a zero byte     so that this signature can be taken for no other
    text     database
    varint   time
    varint   number of shards, and for each, in ascending order:
        varint     shard
        varint     height
        32 bytes   head: the hash of the block of that height; of height 0 the chain's genesis
        32 bytes   root: the Merkle root over blocks 1 to height, RFC 9162 §2.1.1; the block hashes are the leaf hashes

Signatures are Ed25519 (RFC 8032).  They say who made a checkpoint; that a history is the same as before is what the hashes say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fauna.chain.document import Fields, Given, ProofError, from_hex, read_document, write_document
from fauna.chain.encoding import genesis, text, varint
from fauna.chain.merkle import EMPTY_ROOT, HASH_BYTES, root_at
from fauna.chain.source import ChainSource, subtrees

TYPE: Final = "fauna-checkpoint"
VERSION: Final = 1
CONTEXT: Final = b"fauna checkpoint 1\x00"
SHARDS_MAX: Final = 1024
CHECKPOINT_MAX: Final = 1 << 20
"""Characters of a checkpoint: 1024 shards need about 200,000."""
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

PublicKey = bytes | str


class CheckpointError(ProofError):
    """A checkpoint, or a key for checkpoints, that is not what it should be."""


@dataclass(frozen=True, slots=True)
class ShardHead:
    """How far the chain of one shard was.

    height  its number of blocks
    head    the hash of the last one; the chain's genesis when there is none
    root    the Merkle root over all block hashes
    """

    shard: int
    height: int
    head: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The heads of all chains at one time, signed.

    database    its name, hexadecimal digits
    made_us     microseconds since 1970 UTC, by the clock of the machine that made it
    shards      in ascending order.  They are read one after the other: a transaction over several may be on some of them only
    public_key  32 bytes; signature: 64 bytes
    """

    database: str
    made_us: int
    shards: tuple[ShardHead, ...]
    public_key: bytes
    signature: bytes

    @property
    def key_id(self) -> str:
        return key_id(self.public_key)

    def head_of(self, shard: int) -> ShardHead:
        """CheckpointError when the checkpoint does not have that shard."""
        for each in self.shards:
            if each.shard == shard:
                return each
        raise CheckpointError(f"the checkpoint has no shard {shard}", "use a later one: the shard may have been added since")

    def signed_bytes(self) -> bytes:
        return signed_bytes(self.database, self.made_us, self.shards)

    def verify(self, public_key: PublicKey | None = None) -> None:
        """CheckpointError unless the signature is right and, when `public_key` is given, by that key.

        public_key  32 bytes, or as text: 64 hexadecimal digits, or PEM
        """
        if public_key is not None:
            wanted = read_public_key(public_key)
            if wanted != self.public_key:
                raise CheckpointError(
                    f"the checkpoint is signed by key {self.key_id}, not by the trusted key {key_id(wanted)}",
                    "whoever made it is not who you trust",
                )
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(self.signature, self.signed_bytes())
        except (InvalidSignature, ValueError):
            raise CheckpointError("the checkpoint's signature does not fit what it says", "it has been changed") from None

    def as_json(self) -> dict[str, Any]:
        return {
            "type": TYPE,
            "version": VERSION,
            "database": self.database,
            "made_at": self.made_us,
            "shards": [
                {"shard": each.shard, "height": each.height, "head": each.head.hex(), "root": each.root.hex()}
                for each in self.shards
            ],
            "key_id": self.key_id,
            "public_key": self.public_key.hex(),
            "signature": self.signature.hex(),
        }

    def to_text(self) -> str:
        """The document, on one line."""
        return write_document(self.as_json())


def signed_bytes(database: str, made_us: int, shards: Iterable[ShardHead]) -> bytes:
    """What the signature is over, as the head of this file says."""
    heads = sorted(shards, key=lambda each: each.shard)
    parts = [CONTEXT, text(database), varint(made_us), varint(len(heads))]
    for each in heads:
        parts += [varint(each.shard), varint(each.height), each.head, each.root]
    return b"".join(parts)


def key_id(public_key: bytes) -> str:
    """A short name for a key: the first 8 bytes of its SHA-256, in hexadecimal."""
    return sha256(public_key).hexdigest()[:16]


def read_public_key(given: PublicKey) -> bytes:
    """The 32 bytes of a public key that is given as such, as hexadecimal digits, or as PEM.  ProofError for others."""
    if isinstance(given, str):
        word = given.strip()
        if word.startswith("-----BEGIN"):
            return _from_pem(word)
        given = from_hex("the public key", word.lower(), PUBLIC_KEY_BYTES)
    if not isinstance(given, bytes) or len(given) != PUBLIC_KEY_BYTES:
        raise CheckpointError("a public key must be 32 bytes, 64 hexadecimal digits, or an Ed25519 key in PEM form")
    return given


def _from_pem(pem: str) -> bytes:
    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except ValueError as problem:
        raise CheckpointError(f"the public key is not PEM: {problem}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise CheckpointError("the public key is not an Ed25519 key")
    return key.public_bytes_raw()


def head_of(database: str, source: ChainSource) -> ShardHead:
    """How far a chain is now."""
    height = source.height()
    if not height:
        return ShardHead(source.shard, 0, genesis(database, source.shard), EMPTY_ROOT)
    head, = source.hashes(height, height)
    return ShardHead(source.shard, height, head, root_at(height, subtrees(source, height)))


def sign(database: str, made_us: int, shards: Iterable[ShardHead], key: Ed25519PrivateKey) -> Checkpoint:
    heads = tuple(sorted(shards, key=lambda each: each.shard))
    signature = key.sign(signed_bytes(database, made_us, heads))
    return Checkpoint(database, made_us, heads, key.public_key().public_bytes_raw(), signature)


def parse(given: Given) -> Checkpoint:
    """A checkpoint from its fields, from JSON text or from a file; not verified yet.  CheckpointError when it is none."""
    try:
        return _parse(read_document("a checkpoint", given, CHECKPOINT_MAX))
    except CheckpointError:
        raise
    except ProofError as problem:
        raise CheckpointError(problem.message, problem.hint) from None


def _parse(found: Any) -> Checkpoint:
    fields = Fields("a checkpoint", found)
    fields.kind(TYPE, VERSION)
    shards = tuple([_parse_head(each) for each in fields.items("shards", SHARDS_MAX)])
    numbers = [each.shard for each in shards]
    if not numbers or any(later <= earlier for earlier, later in zip(numbers, numbers[1:], strict=False)):
        raise CheckpointError("a checkpoint must have its shards once each, in ascending order")
    checkpoint = Checkpoint(
        fields.text("database"),
        fields.number("made_at"),
        shards,
        fields.hexadecimal("public_key", PUBLIC_KEY_BYTES),
        fields.hexadecimal("signature", SIGNATURE_BYTES),
    )
    named = fields.text("key_id")
    if named != checkpoint.key_id:
        raise CheckpointError(f"a checkpoint names key {named!r}, its public key is {checkpoint.key_id}")
    fields.done()
    return checkpoint


def _parse_head(found: Any) -> ShardHead:
    fields = Fields("a checkpoint's shard", found)
    head = ShardHead(
        fields.number("shard"),
        fields.number("height"),
        fields.hexadecimal("head", HASH_BYTES),
        fields.hexadecimal("root", HASH_BYTES),
    )
    fields.done()
    return head
