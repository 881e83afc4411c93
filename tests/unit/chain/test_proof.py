"""Proofs of blocks and changes: what is true can be proved with two documents, and what was changed cannot."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fauna
from fauna.chain import consistency, proof
from fauna.chain.checkpoint import Checkpoint, head_of, sign
from fauna.chain.document import ProofError
from fauna.chain.encoding import encode_reset, encode_schema
from tests.servers.faunadb import environment
from tests.unit.chain.chains import DATABASE, START_US, ListChain, delete, insert, update
from tests.unit.chain.test_checkpoint import KEY, OTHER_KEY, made

PUBLIC_KEY = KEY.public_key().public_bytes_raw().hex()


def chain_with_everything() -> ListChain:
    chain = ListChain(2).fill(4)
    chain.seal(
        insert("t12", 7, (7, "Ada", None, 2.5, b"\x00\xff")),
        update("t12", 7, (7, "Ada", None, 2.5, b"\x00\xff"), (7, "Ada L.", None, 2.5, b"")),
        delete("t12", 7, (7, "Ada L.", None, 2.5, b"")),
        encode_reset("t12"),
        encode_schema("sqlite", "DROP TABLE t12"),
        user="ada@10.0.0.1",
        gtrid="x-1",
        shards=(0, 2),
    )
    return chain.fill(8)


@pytest.fixture(scope="module")
def chain() -> ListChain:
    return chain_with_everything()


@pytest.fixture(scope="module")
def checkpoint(chain: ListChain) -> Checkpoint:
    return made(ListChain(0).fill(3), chain)


def test_each_kind_of_change_is_proved_and_shown(chain: ListChain, checkpoint: Checkpoint) -> None:
    found = []
    for index in range(5):
        document = proof.make(DATABASE, chain, 5, index, chain.height()).to_text()
        verified = fauna.verify_proof(document, checkpoint.to_text(), PUBLIC_KEY)
        assert (verified.header.user, verified.header.gtrid, verified.header.shards) == ("ada@10.0.0.1", "x-1", (0, 2))
        assert (verified.header.shard, verified.header.height, verified.header.time_us) == (2, 5, START_US + 5)
        assert verified.block_hash == chain.hashes(5, 5)[0]
        assert verified.checkpoint == checkpoint
        change = verified.change
        assert change is not None
        found.append((change.index, change.op, change.table, change.key, change.before, change.after, change.statement))
    first, second = (7, "Ada", None, 2.5, b"\x00\xff"), (7, "Ada L.", None, 2.5, b"")
    assert found == [
        (0, "INSERT", "t12", 7, None, first, ""),
        (1, "UPDATE", "t12", 7, first, second, ""),
        (2, "DELETE", "t12", 7, second, None, ""),
        (3, "RESET", "t12", 0, None, None, ""),
        (4, "SCHEMA", "sqlite", 0, None, None, "DROP TABLE t12"),
    ]


def test_a_block_alone_may_be_proved(chain: ListChain, checkpoint: Checkpoint) -> None:
    for height in range(1, chain.height() + 1):
        verified = fauna.verify_proof(proof.make(DATABASE, chain, height, None, chain.height()).as_json(), checkpoint.as_json())
        assert verified.change is None
        assert verified.header.height == height


def test_documents_may_be_files(chain: ListChain, checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text(proof.make(DATABASE, chain, 5, 1, chain.height()).to_text())
    (tmp_path / "checkpoint.json").write_text(checkpoint.to_text())
    assert fauna.verify_proof(tmp_path / "proof.json", str(tmp_path / "checkpoint.json")).header.height == 5


def test_checking_needs_no_server_and_no_engine(chain: ListChain, checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text(proof.make(DATABASE, chain, 5, 1, chain.height()).to_text())
    (tmp_path / "checkpoint.json").write_text(checkpoint.to_text())
    program = """
import sys, fauna
verified = fauna.verify_proof("proof.json", "checkpoint.json")
print(verified.change.after[1], sorted({"apsw", "uvloop", "socket", "pymysql", "fauna.node"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False
    )
    assert done.stdout == "Ada L. []\n", done.stderr


def test_random_changes_in_a_long_chain() -> None:
    chain, choice = ListChain(0).fill(700), random.Random(5)
    for size in (1, 255, 256, 257, 511, 700):
        head = head_of(DATABASE, chain)
        at_size = sign(DATABASE, START_US, [head], KEY) if size == 700 else made(ListChain(0).fill(size))
        for height in {1, size, *[choice.randint(1, size) for _ in range(10)]}:
            change = proof.check(proof.make(DATABASE, chain, height, 0, size), at_size).change
            assert change is not None and change.after == (height, f"row {height}")


def test_every_change_of_a_large_block() -> None:
    chain = ListChain()
    for size in range(1, 40):
        chain.seal(*[insert("t1", key, (key,)) for key in range(size)])
    checkpoint = made(chain)
    for height in range(1, 40):
        for index in range(height):
            found = proof.check(proof.make(DATABASE, chain, height, index, 39), checkpoint).change
            assert found is not None and found.key == index


# ── what was changed ──


def test_whatever_is_changed_in_a_proof_it_is_refused(chain: ListChain, checkpoint: Checkpoint) -> None:
    document = proof.make(DATABASE, chain, 5, 1, chain.height()).as_json()
    change = document["change"]

    def refused(altered: dict[str, Any], message: str = ".") -> None:
        with pytest.raises(ProofError, match=message):
            fauna.verify_proof(altered, checkpoint.as_json())

    for field in ("header", "path", "change"):  # each bit of what is hashed
        found = change["bytes"] if field == "change" else document[field]
        for altered in flipped(found):
            refused({**document, field: {**change, "bytes": altered} if field == "change" else altered})
    for altered in flipped(change["path"]):
        refused({**document, "change": {**change, "path": altered}}, "not what the block has there")
    for path in (change["path"][:-1], [*change["path"], "00" * 32], change["path"][::-1]):
        refused({**document, "change": {**change, "path": path}}, "not what the block has there")
    for path in (document["path"][:-1], [*document["path"], "00" * 32], document["path"][::-1], []):
        refused({**document, "path": path}, "is not in the checkpoint's history")
    refused({**document, "change": {**change, "index": 2}}, "not what the block has there")
    refused({**document, "change": {**change, "index": 5}}, "the block has 5 changes")
    refused({**document, "height": 4}, "the header is of block 5 of shard 2, the proof says block 4")
    refused({**document, "shard": 0, "tree_size": 3}, "the header is of block 5 of shard 2, the proof says block 5 of shard 0")
    refused({**document, "shard": 1}, "the checkpoint has no shard 1")
    refused({**document, "tree_size": 12}, "the proof is for 12 blocks of shard 2, the checkpoint has 13")
    refused({**document, "database": "ff" * 16}, "the proof is of database 'ffff")
    refused({**document, "header": ""}, "header is damaged: a header has no bytes")
    refused({**document, "header": "07" + document["header"][2:]}, "header is of version 7")
    refused({**document, "more": 1}, "unknown field 'more'")
    refused({**document, "change": {**change, "more": 1}}, "unknown field 'more'")
    refused({**document, "change": 3}, "must be a JSON object")
    refused({**document, "path": ["00"]}, "must be 64 hexadecimal digits")
    refused({**document, "path": ["00" * 32] * 65}, "list of at most 64")
    for name in document:
        refused({key: value for key, value in document.items() if key != name}, f"has no field '{name}'")


def flipped(found: Any) -> list[Any]:
    """A text of hexadecimal digits, or a list of them, with one bit another; every bit in turn."""
    if isinstance(found, list):
        return [[*found[:place], one, *found[place + 1 :]] for place in range(len(found)) for one in flipped(found[place])]
    data = bytes.fromhex(found)
    return [(int.from_bytes(data) ^ 1 << bit).to_bytes(len(data)).hex() for bit in range(8 * len(data))]


def test_documents_with_any_character_changed_are_refused_or_mean_the_same(chain: ListChain, checkpoint: Checkpoint) -> None:
    """And nothing but ProofError is raised, whatever is in them."""
    choice = random.Random(9)
    texts = [proof.make(DATABASE, chain, 5, 1, 13).to_text(), checkpoint.to_text()]
    whole = fauna.verify_proof(*texts)
    later = ListChain(2).fill(20)
    pair = [consistency.make(made(ListChain(2).fill(7)), made(later), [later]).to_text(), made(ListChain(2).fill(7)).to_text()]
    for documents, verify, expected in [(texts, fauna.verify_proof, whole), (pair, fauna.verify_consistency, made(later))]:
        for _ in range(1500):
            altered = list(documents)
            which = choice.randrange(2)
            text = altered[which]
            at = choice.randrange(len(text))
            altered[which] = choice.choice(
                [
                    text[:at] + chr(choice.choice([*range(32, 127), 0, 0x7F, 0xE9, 0xD800, 0x1F600])) + text[at + 1 :],
                    text[:at] + text[at + 1 :],
                    text[:at] + text[at] + text[at:],
                    text[:at],
                ]
            )
            try:
                assert verify(*altered) == expected
            except ProofError:
                pass


def test_a_proof_of_another_chain_is_refused(checkpoint: Checkpoint) -> None:
    other = chain_with_everything()
    other.seal(encode_reset("t1"))
    later = proof.make(DATABASE, other, 5, 0, 14)
    with pytest.raises(ProofError, match="the proof is for 14 blocks of shard 2, the checkpoint has 13"):
        fauna.verify_proof(later.as_json(), checkpoint.as_json())
    rewritten = ListChain(2).fill(13)
    with pytest.raises(ProofError, match="block 5 of shard 2 is not in the checkpoint's history"):
        fauna.verify_proof(proof.make(DATABASE, rewritten, 5, 0, 13).as_json(), checkpoint.as_json())


def test_a_chain_that_begins_elsewhere_is_refused() -> None:
    """A tree whose first block has the genesis of another database, signed all the same."""
    foreign = ListChain(0, database="ff" * 16).fill(3)
    checkpoint = made(foreign)
    proof.check(proof.make(DATABASE, foreign, 2, 0, 3), checkpoint)
    with pytest.raises(ProofError, match="block 1 of shard 0 does not begin a chain of database"):
        proof.check(proof.make(DATABASE, foreign, 1, 0, 3), checkpoint)


def test_a_checkpoint_that_contradicts_itself_is_refused(chain: ListChain) -> None:
    head = head_of(DATABASE, chain)
    wrong = sign(DATABASE, START_US, [type(head)(head.shard, head.height, bytes(32), head.root)], KEY)
    with pytest.raises(ProofError, match="block 13 of shard 2 is not the head that the checkpoint names"):
        proof.check(proof.make(DATABASE, chain, 13, None, 13), wrong)


def test_a_checkpoint_must_be_signed_by_whom_one_trusts(chain: ListChain) -> None:
    forged = sign(DATABASE, START_US, [head_of(DATABASE, chain)], OTHER_KEY)
    document = proof.make(DATABASE, chain, 5, 0, 13).as_json()
    assert fauna.verify_proof(document, forged.as_json()).checkpoint.key_id == forged.key_id
    with pytest.raises(ProofError, match="not by the trusted key"):
        fauna.verify_proof(document, forged.as_json(), PUBLIC_KEY)
    with pytest.raises(ProofError, match="signature does not fit"):
        fauna.verify_proof(document, {**forged.as_json(), "made_at": 1})
    with pytest.raises(ProofError, match="a proof is expected, a document of type 'fauna-checkpoint'"):
        fauna.verify_proof(forged.as_json(), forged.as_json())
    with pytest.raises(ProofError, match="a checkpoint is expected, a document of type 'fauna-proof'"):
        fauna.verify_proof(document, document)


def test_what_cannot_be_proved(chain: ListChain) -> None:
    for height in (0, 14, -1):
        with pytest.raises(ProofError, match=f"shard 2 has no block {height} among its first 13"):
            proof.make(DATABASE, chain, height, None, 13)
    for index in (5, -1):
        with pytest.raises(ProofError, match=f"block 5 of shard 2 has no change {index}, it has 5"):
            proof.make(DATABASE, chain, 5, index, 13)


def test_a_change_that_retention_has_removed() -> None:
    chain = chain_with_everything()
    checkpoint = made(chain)
    chain.prune(5, 0)
    with pytest.raises(ProofError, match="retention has removed change 0 of block 5"):
        proof.make(DATABASE, chain, 5, 0, 13)
    for index in range(1, 5):  # those beside it are proved with the hash that is left of it
        assert proof.check(proof.make(DATABASE, chain, 5, index, 13), checkpoint).change is not None


def test_damage_is_shortened_in_messages(checkpoint: Checkpoint) -> None:
    with pytest.raises(ProofError) as caught:
        proof.parse({"type": "fauna-proof", "version": "x" * 10_000})
    assert len(str(caught.value)) < 300


# ── consistency ──


def test_a_later_checkpoint_continues_an_earlier_one() -> None:
    chains = [ListChain(0).fill(300), ListChain(1)]
    checkpoints = [made(*chains)]
    for number in range(6):
        chains[0].fill(number * 100)
        chains[1].fill(number)
        checkpoints.append(made(*chains))
    chains.append(ListChain(2).fill(2))  # a shard that was added
    checkpoints.append(made(*chains))
    for place, earlier in enumerate(checkpoints):
        for later in checkpoints[place:]:
            document = consistency.make(earlier, later, chains)
            assert fauna.verify_consistency(json.loads(document.to_text()), earlier.as_json(), PUBLIC_KEY) == later
            if later.shards != earlier.shards:
                with pytest.raises(ProofError):
                    consistency.make(later, earlier, chains)


def test_what_does_not_continue_is_refused() -> None:
    chain, same = ListChain(0).fill(20), ListChain(1).fill(2)
    earlier = made(chain, same)
    chain.fill(17)
    later = made(chain, same)
    document = consistency.make(earlier, later, [chain, same]).as_json()
    assert fauna.verify_consistency(document, earlier.as_json()) == later

    def refused(altered: dict[str, Any], message: str, old: Checkpoint = earlier) -> None:
        with pytest.raises(ProofError, match=message):
            fauna.verify_consistency(altered, old.as_json())

    paths = document["shards"]
    for altered in [*flipped(paths[0]["path"]), paths[0]["path"][:-1], [*paths[0]["path"], "00" * 32], []]:
        refused({**document, "shards": [{"shard": 0, "path": altered}, paths[1]]}, "first 20 blocks of shard 0 are not those")
    refused({**document, "shards": paths[:1]}, "not for the shards of the earlier")
    refused({**document, "shards": [*paths, {"shard": 5, "path": []}]}, "not for the shards of the earlier")
    refused({**document, "shards": [paths[0], paths[0]]}, "has shard 0 twice")
    refused({**document, "extra": 1}, "unknown field 'extra'")
    refused({**document, "checkpoint": "x.json"}, "'checkpoint' must be a JSON object")
    refused({**document, "checkpoint": {**document["checkpoint"], "made_at": 5}}, "signature does not fit")
    other = ListChain(0)
    other.seal(encode_reset("t9"))
    other.fill(19)
    refused(document, "first 20 blocks of shard 0 are not those", made(other, same))
    foreign = sign("ff" * 16, START_US, earlier.shards, KEY)
    refused(document, "of database 'ffff", foreign)
    refused(document, "not by the trusted key", sign(DATABASE, START_US, earlier.shards, OTHER_KEY))
    with pytest.raises(ProofError, match="the first 20 blocks of shard 0 are not those of the earlier checkpoint"):
        consistency.make(made(other, same), later, [chain, same])
    with pytest.raises(ProofError, match="shard 0 had 37 blocks at the earlier checkpoint, and has 20"):
        consistency.make(later, earlier, [chain, same])
    with pytest.raises(ProofError, match="shard 0 had 37 blocks"):
        fauna.verify_consistency({**document, "checkpoint": earlier.as_json()}, later.as_json())
    swapped = {**document, "checkpoint": made(chain).as_json(), "shards": paths}
    refused(swapped, "the checkpoint has no shard 1")


def test_a_head_must_not_change_while_the_height_stays() -> None:
    chain = ListChain(0).fill(3)
    earlier = made(chain)
    head = earlier.shards[0]
    later = sign(DATABASE, START_US + 1, [type(head)(0, 3, bytes(32), head.root)], KEY)
    with pytest.raises(ProofError, match="first 3 blocks of shard 0 are not those"):
        consistency.check(consistency.Consistency(later, {0: ()}), earlier)
