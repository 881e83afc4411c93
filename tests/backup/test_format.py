"""Files of a backup: what is written is read, byte by byte, and nothing else is."""

from __future__ import annotations

import hmac
import json
import random
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fauna.backup import secrets
from fauna.backup.container import CHUNK_BYTES, FileReader, FileWriter
from fauna.backup.problems import BackupError, Damaged
from fauna.backup.secrets import Encryption, Key, Secret, new_key, open_key

HEADER = {"format": 1, "database": "d", "kind": "blocks", "shard": 0, "first": 1, "last": 2}


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key(Secret(b"k" * 32, from_file=True))[1]


def written(path: Path, content: bytes, key: Key | None, pieces: int = 1) -> str:
    writer = FileWriter(path, HEADER, key)
    step = max(1, -(-len(content) // pieces))
    for at in range(0, len(content), step):
        writer.write(content[at : at + step])
    return writer.finish()


def read(path: Path, key: Key | None) -> bytes:
    with FileReader(path, key) as reader:
        return b"".join(reader.chunks())


def chunks_of(data: bytes) -> tuple[bytes, list[bytes]]:
    """A file's start and its chunks, by the documented layout alone."""
    at = 12 + int.from_bytes(data[8:12], "big")
    start, found = data[:at], []
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5], "big")
        found.append(data[at:end])
        at = end
    return start, found


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "size", [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]
)
def test_what_is_written_is_read(tmp_path: Path, key: Key, encrypted: bool, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = tmp_path / "f.fbk"
    digest = written(path, content, key if encrypted else None, 5)
    assert read(path, key if encrypted else None) == content
    with FileReader(path, key if encrypted else None) as reader:
        assert sum(map(len, reader.chunks())) == size
        assert (reader.sha256, reader.size) == (digest, path.stat().st_size)
    assert [each.name for each in tmp_path.iterdir()] == ["f.fbk"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_each_byte_counts(tmp_path: Path, key: Key, encrypted: bool) -> None:
    path = tmp_path / "f.fbk"
    given = key if encrypted else None
    content = bytes(range(256)) * 3
    written(path, content, given)
    data = path.read_bytes()
    for at in range(len(data)):
        for changed in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], data[:at]):
            path.write_bytes(changed)
            try:
                found = read(path, given)
            except BackupError as problem:
                assert str(path) in str(problem)
            else:  # the header of a plain file is not covered by the chunks, but by the manifest's hash and names
                assert found == content and not encrypted and 12 <= at < 12 + int.from_bytes(data[8:12], "big")


def test_chunks_keep_their_place(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "f.fbk"
    written(path, random.Random(1).randbytes(3 * CHUNK_BYTES + 5), key)
    start, chunks = chunks_of(path.read_bytes())
    assert len(chunks) == 4
    other = tmp_path / "g.fbk"
    written(other, random.Random(1).randbytes(3 * CHUNK_BYTES + 5), key)
    foreign = chunks_of(other.read_bytes())[1]
    wrong = [
        [chunks[1], chunks[0], *chunks[2:]],  # moved
        [chunks[0], *chunks[2:]],  # left out
        [*chunks[:3], chunks[2], chunks[3]],  # twice
        chunks[:3],  # cut off between two chunks
        [*chunks[:2], b"\x01" + chunks[2][1:]],  # cut off, and the end made up
        [*chunks[:3], b"\x00" + chunks[3][1:]],  # the end denied
        [*chunks[:3], foreign[3]],  # from another file of the same backup
        [*chunks, chunks[3]],  # goes on after the end
    ]
    for each in wrong:
        path.write_bytes(start + b"".join(each))
        with pytest.raises(Damaged):
            read(path, key)
    path.write_bytes(start + b"".join(chunks))
    assert len(read(path, key)) == 3 * CHUNK_BYTES + 5


def test_nothing_of_the_content_is_in_an_encrypted_file(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "f.fbk"
    random_part = random.Random(2).randbytes(64)  # compression leaves it as it is
    written(path, random_part * 20, None)
    assert random_part in path.read_bytes()
    written(path, random_part * 20, key)
    assert random_part not in path.read_bytes()


@pytest.mark.parametrize("secret", [Secret("pässwort".encode()), Secret(b"\x00" * 32, from_file=True)])
def test_a_secret_opens_what_it_has_closed(secret: Secret) -> None:
    made, key = new_key(secret)
    encryption = Encryption.of_json(made.to_json())
    assert encryption == made
    data = key.cipher(b"s" * 32).encrypt(b"n" * 12, b"content", b"")
    assert open_key(encryption, secret).cipher(b"s" * 32).decrypt(b"n" * 12, data, b"") == b"content"
    assert new_key(secret)[0].salt != made.salt
    with pytest.raises(BackupError, match="is wrong"):
        open_key(encryption, Secret(secret.value + b"x", secret.from_file))
    with pytest.raises(BackupError, match="not with a"):
        open_key(encryption, Secret(secret.value, not secret.from_file))
    with pytest.raises(BackupError, match="is needed"):
        open_key(encryption, None)
    assert repr(secret.value) not in repr(secret)


@pytest.mark.parametrize(
    "changed", [{"n": 1 << 40}, {"n": 3}, {"r": 0}, {"p": 1000}, {"kdf": "md5"}, {"salt": "zz"}, {"cipher": "ROT13"}]
)
def test_what_it_says_of_its_encryption_is_bounded(changed: dict[str, object]) -> None:
    with pytest.raises(BackupError):
        Encryption.of_json(new_key(Secret(b"x"))[0].to_json() | changed)


def test_secrets_in_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("first line\nsecond\n")
    assert secrets.read_passphrase(path) == Secret(b"first line")
    for content, read, message in (
        (b"\n", secrets.read_passphrase, "is empty"),
        (b"\xff\n", secrets.read_passphrase, "not text"),
        (b"x" * 31, secrets.read_key, "31 bytes"),
        (b"x" * 5000, secrets.read_key, "no passphrase or key file"),
    ):
        path.write_bytes(content)
        with pytest.raises(BackupError, match=message):
            read(path)
    with pytest.raises(BackupError, match="No such file"):
        secrets.read_key(tmp_path / "none")


def test_the_page_tells_how_to_read_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in docs/reference/backup-format.md does what it is there for."""
    page = (Path(__file__).resolve().parents[2] / "docs/reference/backup-format.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    content = random.Random(3).randbytes(CHUNK_BYTES + 17)
    (tmp_path / "full-1").mkdir()
    written(tmp_path / "full-1/shard-0.fbk", content, None)
    monkeypatch.chdir(tmp_path)
    exec(program.replace('open("full-1/shard-0.fbk", "rb").read()', 'Path("full-1/shard-0.fbk").read_bytes()'), {"Path": Path})
    assert (tmp_path / "shard-0.db").read_bytes() == content


def test_the_page_tells_how_it_is_encrypted(tmp_path: Path) -> None:
    """Keys, nonces and associated data as docs/reference/backup-format.md has them, made here from the primitives alone."""
    secret = Secret(bytes(range(40)), from_file=True)
    encryption, key = new_key(secret)
    path = tmp_path / "f.fbk"
    content = random.Random(4).randbytes(CHUNK_BYTES + 17)
    written(path, content, key)
    start, chunks = chunks_of(path.read_bytes())
    salt = bytes.fromhex(json.loads(start[12:])["salt"])

    def derived(source: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt, info).derive(source)

    master = derived(secret.value, encryption.salt, b"fauna backup 1 master")
    assert derived(master, b"", b"fauna backup 1 key check") == encryption.check
    cipher = AESGCM(derived(master, salt, b"fauna backup 1 file"))
    found = b""
    for number, chunk in enumerate(chunks):
        bound = sha256(start).digest() + number.to_bytes(8, "big") + chunk[:1]
        found += zstandard.decompress(cipher.decrypt(number.to_bytes(12, "big"), chunk[5:], bound), CHUNK_BYTES)
    assert found == content
    manifest_key = derived(master, b"", b"fauna backup 1 manifest")
    assert key.authenticate(b"x") == hmac.digest(manifest_key, b"x", "sha256")
    phrase, _ = new_key(Secret(b"phrase"))
    master = Scrypt(phrase.salt, 32, phrase.n, phrase.r, phrase.p).derive(b"phrase")
    assert derived(master, b"", b"fauna backup 1 key check") == phrase.check
