"""docs/reference/chain-format.md and the code mean the same bytes.

`python -m tests.unit.chain.test_format_page` prints the rows of the page's tables of vectors.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import fauna
from fauna.chain import checkpoint, consistency, encoding, proof
from fauna.chain.checkpoint import head_of
from fauna.chain.encoding import (
    DELETE,
    INSERT,
    REWRITE,
    UPDATE,
    block_hash,
    decode_change,
    decode_header,
    encode_change,
    encode_pruned,
    encode_reset,
    encode_row,
    encode_schema,
    genesis,
    split_payload,
    text,
    varint,
    zigzag,
)
from fauna.chain.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from tests.unit.chain.chains import DATABASE, START_US, ListChain
from tests.unit.chain.test_checkpoint import KEY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "chain-format.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]*)` \|$", re.MULTILINE)
BLOCK = re.compile(r"^<!-- bytes of ([^\n]+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENT = re.compile(r"^<!-- document: ([^\n]+) -->\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)

BEFORE, AFTER = encode_row((7, "Ada")), encode_row((7, "Eve"))
INSERTED = encode_change(INSERT, text("t1"), 7, b"", BEFORE)
UPDATED = encode_change(UPDATE, text("t1"), 7, BEFORE, AFTER)
DELETED = encode_change(DELETE, text("t1"), 7, AFTER, b"")


def chain() -> ListChain:
    """Three blocks of shard 0."""
    made = ListChain(0)
    made.seal(INSERTED)
    made.seal(UPDATED, DELETED, gtrid="x1", shards=(0, 2))
    made.seal(encode_reset("t1"), user="")
    return made


def vectors() -> dict[str, bytes]:
    made = chain()
    signed = checkpoint.sign(DATABASE, START_US + 9, [head_of(DATABASE, made)], KEY)
    values = (None, 0, -1, 300, 2.5, "é", b"\x00\xff")
    numbers = (0, 1, 127, 128, 300, (1 << 64) - 1)
    signed_numbers = (0, -1, 1, -2, (1 << 63) - 1, -(1 << 63))
    return {
        **{f"varint {each}": varint(each) for each in numbers},
        **{f"zigzag {each}": zigzag(each) for each in signed_numbers},
        'text "é"': text("é"),
        "row (NULL, 0, -1, 300, 2.5, \"é\", X'00ff')": encode_row(values),
        "row ()": encode_row(()),
        'INSERT t1, key 7, (7, "Ada")': INSERTED,
        'UPDATE t1, key 7, (7, "Ada"), (7, "Eve")': UPDATED,
        'DELETE t1, key 7, (7, "Eve")': DELETED,
        'REWRITE t1, key 7, (7, "Eve")': encode_change(REWRITE, text("t1"), 7, b"", AFTER),
        "RESET t1": encode_reset("t1"),
        "SCHEMA sqlite, DROP TABLE t1": encode_schema("sqlite", "DROP TABLE t1"),
        "PRUNED, the INSERT": encode_pruned(text("t1"), leaf_hash(INSERTED)),
        "leaf hash of the INSERT": leaf_hash(INSERTED),
        "leaf hash of the UPDATE": leaf_hash(UPDATED),
        "leaf hash of the DELETE": leaf_hash(DELETED),
        "root without leaves": EMPTY_ROOT,
        "root of block 2": node_hash(leaf_hash(UPDATED), leaf_hash(DELETED)),
        "genesis of shard 0": genesis(DATABASE, 0),
        "header of block 1": made.header(1),
        "header of block 2": made.header(2),
        "header of block 3": made.header(3),
        "hash of block 1": made.hashes(1, 1)[0],
        "hash of block 2": made.hashes(2, 2)[0],
        "hash of block 3": made.hashes(3, 3)[0],
        "root over blocks 1 to 3": root_of(made.hashes(1, 3)),
        "private key": KEY.private_bytes_raw(),
        "public key": signed.public_key,
        "signed bytes": signed.signed_bytes(),
        "signature": signed.signature,
    }


def documents() -> dict[str, str]:
    made = chain()
    signed = checkpoint.sign(DATABASE, START_US + 9, [head_of(DATABASE, made)], KEY)
    made.seal(encode_reset("t2"), user="")
    later = checkpoint.sign(DATABASE, START_US + 99, [head_of(DATABASE, made)], KEY)
    found = {
        "checkpoint": signed.as_json(),
        "proof": proof.make(DATABASE, made, 2, 0, 3).as_json(),
        "consistency": consistency.make(signed, later, [made]).as_json(),
    }
    return {name: json.dumps(each, indent=1) for name, each in found.items()}


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_vectors_are_the_codes() -> None:
    assert {name: bytes.fromhex(found) for name, found in ROW.findall(page())} == vectors()


def test_the_examples_byte_by_byte_are_the_vectors() -> None:
    blocks = BLOCK.findall(page())
    assert [name for name, _ in blocks] == ['UPDATE t1, key 7, (7, "Ada"), (7, "Eve")', "header of block 2", "signed bytes"]
    for name, lines in blocks:
        written = "".join(line.split("  ")[0].replace(" ", "") for line in lines.splitlines())
        assert bytes.fromhex(written) == vectors()[name]


def test_the_documents_are_the_codes_and_hold() -> None:
    found = dict(DOCUMENT.findall(page()))
    assert {name: json.loads(each) for name, each in found.items()} == {
        name: json.loads(each) for name, each in documents().items()
    }
    verified = fauna.verify_proof(found["proof"], found["checkpoint"], vectors()["public key"])
    assert verified.change is not None
    assert (verified.change.op, verified.change.before, verified.change.after) == ("UPDATE", (7, "Ada"), (7, "Eve"))
    assert fauna.verify_consistency(found["consistency"], found["checkpoint"]).shards[0].height == 4


def test_what_the_page_has_can_be_read_back() -> None:
    found = {name: bytes.fromhex(each) for name, each in ROW.findall(page())}
    for height in (1, 2, 3):
        header = found[f"header of block {height}"]
        assert decode_header(header).encode() == header
        assert block_hash(header) == found[f"hash of block {height}"]
    for name, data in found.items():
        if name.split()[0] in encoding.KINDS[1:]:
            assert encoding.KINDS[decode_change(data).kind] == name.split()[0].rstrip(",")
    payload = b"".join(varint(len(each)) + each for each in (UPDATED, DELETED))
    assert list(split_payload(payload)) == [UPDATED, DELETED]


def test_kinds_and_version_are_those_of_the_page() -> None:
    names = re.findall(r"^\| (\d) \| ([A-Z]+) \| the ", page(), re.MULTILINE)
    assert names == [(str(number), name) for number, name in enumerate(encoding.KINDS) if name]
    assert f"version {encoding.VERSION}" in page().splitlines()[0]


if __name__ == "__main__":
    for name, data in vectors().items():
        print(f"| `{name}` | `{data.hex()}` |")
    for name, each in documents().items():
        print(f"<!-- document: {name} -->\n```json\n{each}\n```")
