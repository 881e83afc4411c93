"""CALL fauna.proof, checkpoint, checkpoint_key and consistency: what an outsider needs to check the history, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fauna.catalog.types import DEFAULT_COLLATION, Kind, SqlType, Stored, varchar
from fauna.chain import checkpoint, consistency, proof
from fauna.chain.checkpoint import Checkpoint
from fauna.chain.checkpoint_key import public_pem
from fauna.chain.document import ProofError
from fauna.chain.source import ChainSource
from fauna.errors import error, unsupported
from fauna.session.result import Result, ResultColumn

if TYPE_CHECKING:
    from fauna.session.session import Session

_DOCUMENT: Final = SqlType(Kind.LONGTEXT, 4_294_967_295, collation=DEFAULT_COLLATION)
_KEY_COLUMNS: Final = (
    ResultColumn("key_id", varchar(16), False),
    ResultColumn("public_key", varchar(64), False),
    ResultColumn("pem", varchar(255), False),
)


def prove(session: Session, block: int, shard: int | None, change: int | None, given: str | None) -> Result:
    """proof(block[, shard[, change[, checkpoint]]]): of a block of shard 0 unless another is named, and of its change.

    It is for the checkpoint that is given, else for the latest one that has the block, else for one that is made now."""
    source = _source(session, shard or 0)
    try:
        signed = _checkpoint_for(session, source, block) if given is None else _given(given)
        consistency.must_be_of(signed, session.node.checkpoints.database)
        head = signed.head_of(source.shard)
        consistency.must_continue(head, source)
        made = proof.make(session.node.checkpoints.database, source, block, change, head.height)
    except ProofError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return _document(session, "proof", made.to_text())


def make_checkpoint(session: Session) -> Result:
    """checkpoint(): of all chains, as they are now."""
    _sources(session)
    try:
        made = _new_checkpoint(session)
    except ProofError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return _document(session, "checkpoint", made.to_text())


def show_key(session: Session) -> Result:
    """checkpoint_key(): by what key others know our checkpoints."""
    try:
        key = session.node.checkpoints.public_key()
    except ProofError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    row = (checkpoint.key_id(key), key.hex(), public_pem(key))
    return Result(_KEY_COLUMNS, iter([row]), status=session.status, ready=True)


def prove_consistency(session: Session, given: str) -> Result:
    """consistency(checkpoint): from an earlier checkpoint to one that is made now."""
    sources = _sources(session)
    try:
        earlier = _given(given)
        consistency.must_be_of(earlier, session.node.checkpoints.database)
        made = consistency.make(earlier, _new_checkpoint(session), sources)
    except ProofError as problem:
        raise error("UNKNOWN_ERROR", str(problem)) from None
    return _document(session, "consistency", made.to_text())


def _sources(session: Session) -> Sequence[ChainSource]:
    found = session.node.chain_sources()
    if not found:
        raise unsupported("proofs and checkpoints: this database has no chain")
    return found


def _source(session: Session, shard: int) -> ChainSource:
    for each in _sources(session):
        if each.shard == shard:
            return each
    raise error("UNKNOWN_ERROR", f"There is no shard {shard}")


def _given(text: str) -> Checkpoint:
    # Only the document itself: the name of a file would be one of the server's.
    if text.lstrip()[:1] != "{":
        raise ProofError("a checkpoint must be given as its JSON text", "CALL fauna.checkpoint() makes one")
    found = checkpoint.parse(text)
    found.verify()
    return found


def _checkpoint_for(session: Session, source: ChainSource, block: int) -> Checkpoint:
    height = source.height()
    if not 1 <= block <= height:
        raise ProofError(f"shard {source.shard} has no block {block}, it has {height}", "blocks count from 1")
    found = session.node.checkpoints.covering(source.shard, block)
    if found is not None and consistency.continues(found.head_of(source.shard), source):
        return found
    return _new_checkpoint(session)


def _new_checkpoint(session: Session) -> Checkpoint:
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    return session.node.checkpoints.make()


def _document(session: Session, name: str, text: str) -> Result:
    if len(text) > session.node.settings.max_allowed_packet:
        raise error("TOO_LONG_STRING")
    row: tuple[Stored, ...] = (text,)
    return Result((ResultColumn(name, _DOCUMENT, False),), iter([row]), status=session.status, ready=True)
