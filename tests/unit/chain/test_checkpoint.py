"""Checkpoints: what is signed, what is read, and what is refused."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fauna.chain import checkpoint as module
from fauna.chain.checkpoint import Checkpoint, CheckpointError, ShardHead, head_of, parse, read_public_key, sign
from fauna.chain.checkpoint_key import KEY_FILE, load_or_make, public_pem
from fauna.chain.encoding import genesis
from fauna.chain.merkle import EMPTY_ROOT, root_of
from tests.unit.chain.chains import DATABASE, START_US, ListChain

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def made(*chains: ListChain) -> Checkpoint:
    return sign(DATABASE, START_US, [head_of(DATABASE, each) for each in chains], KEY)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return made(ListChain(0).fill(300), ListChain(1).fill(3), ListChain(7))


def test_a_head_is_height_last_hash_and_root() -> None:
    chain = ListChain(3)
    assert head_of(DATABASE, chain) == ShardHead(3, 0, genesis(DATABASE, 3), EMPTY_ROOT)
    for size in (1, 2, 255, 256, 257, 600):
        chain.fill(size - chain.height())
        hashes = [each for first in range(1, size + 1) for each in chain.hashes(first, first)]
        assert head_of(DATABASE, chain) == ShardHead(3, size, hashes[-1], root_of(hashes))


def test_json_and_back(checkpoint: Checkpoint, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    file.write_text(checkpoint.to_text())
    for given in (
        checkpoint.as_json(),
        checkpoint.to_text(),
        "\n " + json.dumps(checkpoint.as_json(), indent=2),
        file,
        str(file),
    ):
        found = parse(given)
        assert found == checkpoint
        found.verify()
        found.verify(KEY.public_key().public_bytes_raw())


def test_the_trusted_key_may_be_given_in_three_forms(checkpoint: Checkpoint) -> None:
    raw = KEY.public_key().public_bytes_raw()
    for given in (raw, raw.hex(), raw.hex().upper(), public_pem(raw)):
        assert read_public_key(given) == raw
        checkpoint.verify(given)
    with pytest.raises(CheckpointError, match="not by the trusted key"):
        checkpoint.verify(OTHER_KEY.public_key().public_bytes_raw())
    elliptic = generate_private_key(SECP256R1()).public_key()
    pem = elliptic.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for wrong in (b"short", "12", pem, "-----BEGIN nothing", "x" * 64):
        with pytest.raises(module.ProofError, match="public key"):
            read_public_key(wrong)


def test_whatever_is_changed_the_signature_does_not_fit(checkpoint: Checkpoint) -> None:
    def changes(found: dict[str, Any]) -> list[dict[str, Any]]:
        shards = found["shards"]
        return [
            {"made_at": found["made_at"] + 1},
            {"database": "ff" * 16},
            {"shards": shards[1:]},
            {"shards": [*shards, {**shards[0], "shard": 9}]},
            *[{"shards": [{**shards[0], name: value}, *shards[1:]]} for name, value in
              (("height", 299), ("head", "00" * 32), ("root", "00" * 32))],
            {"signature": "00" * 64},
        ]  # fmt: skip

    for change in changes(checkpoint.as_json()):
        with pytest.raises(CheckpointError, match="signature does not fit"):
            parse({**checkpoint.as_json(), **change}).verify()
    signature = checkpoint.signature
    for bit in range(0, 512, 5):
        flipped = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)
        with pytest.raises(CheckpointError):
            parse({**checkpoint.as_json(), "signature": flipped.hex()}).verify()


def test_somebody_elses_signature_is_right_but_not_trusted(checkpoint: Checkpoint) -> None:
    forged = sign(DATABASE, START_US, checkpoint.shards, OTHER_KEY)
    forged.verify()
    with pytest.raises(CheckpointError, match=f"signed by key {forged.key_id}, not by the trusted key {checkpoint.key_id}"):
        forged.verify(KEY.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "fauna-proof"}, "document of type 'fauna-proof' is given"),
        ({"version": 2}, "version 2, version 1 is known"),
        ({"version": "1"}, "'version' must be a whole number"),
        ({"made_at": -1}, "'made_at' must be a whole number"),
        ({"made_at": True}, "'made_at' must be a whole number"),
        ({"made_at": 1.5}, "'made_at' must be a whole number"),
        ({"made_at": 1 << 63}, "'made_at' must be a whole number"),
        ({"database": 7}, "'database' must be a text, not a number"),
        ({"shards": {}}, "'shards' must be a list of at most 1024"),
        ({"shards": []}, "shards once each, in ascending order"),
        ({"shards": [1]}, "must be a JSON object, not a number"),
        ({"shards": [{}] * 1025}, "'shards' must be a list of at most 1024"),
        ({"public_key": "00"}, "'public_key' must be 64 hexadecimal digits"),
        ({"signature": None}, "'signature' must be 128 hexadecimal digits"),
        ({"signature": "AB" * 64}, "in lower case"),
        ({"key_id": "0000000000000000"}, "names key '0000000000000000', its public key is"),
        ({"comment": "trust me"}, "unknown field 'comment'"),
    ],
)
def test_what_is_no_checkpoint_is_refused(checkpoint: Checkpoint, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse({**checkpoint.as_json(), **change})


def test_shards_must_be_in_order_and_whole(checkpoint: Checkpoint) -> None:
    found = checkpoint.as_json()
    for shards in (found["shards"][::-1], [found["shards"][0]] * 2):
        with pytest.raises(CheckpointError, match="ascending order"):
            parse({**found, "shards": shards})
    for name in found["shards"][0]:
        part = {key: value for key, value in found["shards"][0].items() if key != name}
        with pytest.raises(CheckpointError, match=f"has no field '{name}'"):
            parse({**found, "shards": [part]})
    for name in found:
        with pytest.raises(CheckpointError, match=f"has no field '{name}'"):
            parse({key: value for key, value in found.items() if key != name})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{", "not JSON"),
        ('{"type": "fauna-checkpoint", "type": "fauna-checkpoint"}', "a field is there twice"),
        ('{"made_at": NaN}', "NaN is not a number"),
        ('{"a": ' + "[" * 200_000, "not JSON"),
        ('{"a": ' + "1" * 10_000 + "}", "not JSON"),
        ("{" + " " * (1 << 20), "at most 1048576"),
        ("no-such-file.json", "cannot read file 'no-such-file.json': No such file"),
        ("a\x00b", "cannot read file"),
        (b"{}", "must be a dict, JSON text or the name of a file"),
        (None, "must be a dict, JSON text or the name of a file"),
    ],
)
def test_what_is_no_document_is_refused(given: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse(given)


# ── the key ──


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    key = load_or_make(tmp_path)
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert load_or_make(tmp_path).private_bytes_raw() == key.private_bytes_raw()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    load_or_make(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(CheckpointError, match=f"open to other users \\(mode {mode:04o}\\).*chmod 600"):
        load_or_make(tmp_path)


def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    elliptic = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    encrypted = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    for data in (b"", b"-----BEGIN PRIVATE KEY-----\n", elliptic, encrypted):
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(CheckpointError, match="damaged"):
            load_or_make(tmp_path)
        assert path.read_bytes() == data


def test_a_key_that_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="cannot be used"):
        load_or_make(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CheckpointError, match="cannot be used: Is a directory"):
        load_or_make(tmp_path)
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(CheckpointError, match="is not a file"):
        load_or_make(tmp_path)
