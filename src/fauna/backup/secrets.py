"""Keys: from a passphrase or a key file to the keys of the manifest and of each file.

    master   Scrypt(passphrase, salt), or HKDF-SHA256(contents of the key file, salt); the salt is the manifest's
    others   HKDF-SHA256(master, salt, info): info says what for, the salt is each file's own

The primitives are `cryptography`'s; docs/reference/backup-format.md describes the composition.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fauna.backup.problems import BackupError

SALT_BYTES: Final = 32
_KEY_BYTES: Final = 32
_KEY_FILE_MIN_BYTES: Final = 32
_KEY_FILE_MAX_BYTES: Final = 4096
_PASSPHRASE_FILE_MAX_BYTES: Final = 65_536
# 32 MiB, and about a fifth of a second.
_SCRYPT_N: Final = 1 << 15
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 3
_SCRYPT_BYTES_MAX: Final = 1 << 30
_SCRYPT_P_MAX: Final = 64
_FILE: Final = b"fauna backup 1 file"
_MANIFEST: Final = b"fauna backup 1 manifest"
_CHECK: Final = b"fauna backup 1 key check"


@dataclass(frozen=True, slots=True)
class Secret:
    """What its owner keeps.  from_file: the bytes of a key file; else a passphrase in UTF-8."""

    value: bytes = field(repr=False)
    from_file: bool = False

    @property
    def kind(self) -> str:
        return "key file" if self.from_file else "passphrase"


def passphrase(text: str, source: str) -> Secret:
    if not text:
        raise BackupError(f"the passphrase in {source} is empty")
    return Secret(text.encode())


def read_passphrase(path: Path) -> Secret:
    """The first line of a file."""
    found = _read(path, _PASSPHRASE_FILE_MAX_BYTES)
    try:
        line = found.decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise BackupError(f"'{path}' is not text in UTF-8: a passphrase was expected") from None
    return passphrase(line, f"'{path}'")


def read_key(path: Path) -> Secret:
    """All of a file: at least 32 bytes, which must be random."""
    found = _read(path, _KEY_FILE_MAX_BYTES)
    if len(found) < _KEY_FILE_MIN_BYTES:
        raise BackupError(f"key file '{path}' has {len(found)} bytes, {_KEY_FILE_MIN_BYTES} random ones at least were expected")
    return Secret(found, from_file=True)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(most + 1)
    except OSError as failed:
        raise BackupError(f"cannot read '{path}': {failed.strerror}") from None
    if len(found) > most:
        raise BackupError(f"'{path}' has more than {most:,} bytes: it is no passphrase or key file")
    return found


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the master key is made, as the manifest says it; check: what the right key gives."""

    kdf: str
    salt: bytes
    check: bytes
    n: int = 0
    r: int = 0
    p: int = 0

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"cipher": "AES-256-GCM", "kdf": self.kdf, "salt": self.salt.hex(), "check": self.check.hex()}
        return found | ({"n": self.n, "r": self.r, "p": self.p} if self.kdf == "scrypt" else {})

    @staticmethod
    def of_json(found: Any) -> Encryption:
        """BackupError when this version does not know it."""
        try:
            kdf, cipher = found["kdf"], found["cipher"]
            if kdf not in ("scrypt", "hkdf-sha256") or cipher != "AES-256-GCM":
                raise BackupError(f"it is encrypted with {kdf} and {cipher}, which this version does not know")
            n, r, p = (int(found.get(name, 0)) for name in ("n", "r", "p"))
            if kdf == "scrypt" and not (n > 1 and n & (n - 1) == 0 and 0 < r and 128 * n * r <= _SCRYPT_BYTES_MAX
                                        and 0 < p <= _SCRYPT_P_MAX):
                raise BackupError(f"its parameters of scrypt are out of bounds: n={n}, r={r}, p={p}")
            return Encryption(kdf, bytes.fromhex(found["salt"]), bytes.fromhex(found["check"]), n, r, p)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BackupError("what it says of its encryption is damaged") from None


class Key:
    """The master key of one backup."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    def cipher(self, salt: bytes) -> AESGCM:
        """Of a file, by its salt."""
        return AESGCM(self._derived(_FILE, salt))

    def authenticate(self, data: bytes) -> bytes:
        """The HMAC-SHA256 of a manifest."""
        return hmac.digest(self._derived(_MANIFEST, b""), data, "sha256")

    @property
    def check(self) -> bytes:
        return self._derived(_CHECK, b"")

    def _derived(self, info: bytes, salt: bytes) -> bytes:
        return HKDF(hashes.SHA256(), _KEY_BYTES, salt, info).derive(self._master)


def new_key(secret: Secret) -> tuple[Encryption, Key]:
    """For a new backup."""
    salt = os.urandom(SALT_BYTES)
    if secret.from_file:
        made = Encryption("hkdf-sha256", salt, b"")
    else:
        made = Encryption("scrypt", salt, b"", _SCRYPT_N, _SCRYPT_R, _SCRYPT_P)
    key = Key(_master(made, secret))
    return Encryption(made.kdf, salt, key.check, made.n, made.r, made.p), key


def open_key(encryption: Encryption, secret: Secret | None) -> Key:
    """BackupError when the secret is missing, of the other kind, or wrong."""
    wanted = "passphrase" if encryption.kdf == "scrypt" else "key file"
    if secret is None:
        raise BackupError(f"it is encrypted: its {wanted} is needed")
    if secret.kind != wanted:
        raise BackupError(f"it is encrypted with a {wanted}, not with a {secret.kind}")
    key = Key(_master(encryption, secret))
    if not hmac.compare_digest(key.check, encryption.check):
        raise BackupError(f"the {wanted} is wrong")
    return key


def _master(encryption: Encryption, secret: Secret) -> bytes:
    if secret.from_file:
        return HKDF(hashes.SHA256(), _KEY_BYTES, encryption.salt, b"fauna backup 1 master").derive(secret.value)
    return Scrypt(encryption.salt, _KEY_BYTES, encryption.n, encryption.r, encryption.p).derive(secret.value)
