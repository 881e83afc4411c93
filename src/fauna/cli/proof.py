"""Prove that a block, or a change in it, is in the history; or check a proof, without any server.

  faunadb checkpoint --out checkpoint.json
  faunadb proof 17 --change 0 --checkpoint checkpoint.json --out proof.json
  faunadb proof verify proof.json checkpoint.json --public-key key.pem

  faunadb proof consistency checkpoint.json --out since.json      that nothing was rewritten since a checkpoint
  faunadb proof verify since.json checkpoint.json                 prints the later checkpoint

Blocks count from 1, changes of a block from 0.  Exit code of verify: 0 when it holds, 1 when it does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fauna.chain.checkpoint import CHECKPOINT_MAX
from fauna.chain.document import ProofError, read_document
from fauna.cli.checkpoint import add_out, call, put
from fauna.cli.sql import add_connection, connector


def configure(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    add_out(parser)
    parser.add_argument("--shard", type=int, help="of the block [0]")
    parser.add_argument("--change", type=int, metavar="N", help="prove change N of the block too, from 0")
    parser.add_argument("--checkpoint", metavar="FILE", help="the checkpoint that it is for [the latest one that has the block]")
    parser.add_argument("--public-key", metavar="KEY", help="verify: whose checkpoints are trusted; a PEM file or 64 digits")
    parser.add_argument("--json", action="store_true", help="verify: print one JSON document")
    parser.add_argument("what", help="a block's height, verify or consistency")
    parser.add_argument("files", nargs="*", help="verify: the proof and the checkpoint; consistency: the checkpoint")


def run(args: argparse.Namespace) -> int:
    wanted = {"verify": 2, "consistency": 1}.get(args.what, 0)
    if len(args.files) != wanted or not (wanted or args.what.isdigit()):
        print("faunadb proof: give a block, verify PROOF CHECKPOINT, or consistency CHECKPOINT (see --help)", file=sys.stderr)
        return 2
    if args.what == "verify":
        return _verify(args)
    link = connector(args, ask=sys.stdin.isatty())()
    try:
        if args.what == "consistency":
            (text,) = call(link, "consistency", _checkpoint_text(args.files[0]))
        else:
            given = None if args.checkpoint is None else _checkpoint_text(args.checkpoint)
            (text,) = call(link, "proof", int(args.what), args.shard, args.change, given)
    finally:
        link.close()
    put(text, args.out)
    return 0


def _checkpoint_text(name: str) -> str:
    return json.dumps(read_document("a checkpoint", Path(name), CHECKPOINT_MAX))


def _verify(args: argparse.Namespace) -> int:
    from fauna.chain import consistency
    from fauna.chain.consistency import verify_consistency
    from fauna.chain.proof import verify_proof

    document, checkpoint = read_document("a proof", Path(args.files[0])), Path(args.files[1])
    key = None if args.public_key is None else given_key(args.public_key)
    if isinstance(document, dict) and document.get("type") == consistency.TYPE:
        put(verify_consistency(document, checkpoint, key).to_text(), args.out)
        return 0
    verified = verify_proof(document, checkpoint, key)
    header, change = verified.header, verified.change
    found: dict[str, Any] = {
        "shard": header.shard, "block": header.height, "hash": verified.block_hash.hex(), "time_us": header.time_us,
        "user": header.user, "transaction": header.transaction, "signed_by": verified.checkpoint.key_id,
    }  # fmt: skip
    if change is not None:
        found |= {
            "change": change.index, "op": change.op, "table": change.table, "key": change.key,
            "before": _shown(change.before), "after": _shown(change.after), "statement": change.statement,
        }  # fmt: skip
    if args.json:
        put(json.dumps(found, indent=1), args.out)
        return 0
    widest = max(map(len, found))
    put("\n".join([f"{name:<{widest}}  {'-' if value in (None, '') else value}" for name, value in found.items()]), args.out)
    return 0


def given_key(given: str) -> str:
    if len(given) == 64 and not Path(given).exists():
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ProofError(f"the public key cannot be read from {given!r}: {problem}") from None


def _shown(row: tuple[Any, ...] | None) -> list[Any] | None:
    """As JSON has it: bytes as X'…'."""
    return None if row is None else [f"X'{each.hex()}'" if isinstance(each, bytes) else each for each in row]
