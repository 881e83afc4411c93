"""The key that signs checkpoints: made at first use, kept in the data directory, never overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fauna.chain.checkpoint import CheckpointError
from fauna.directories import sync_directory

KEY_FILE: Final = "checkpoint-key.pem"
_KEY_MAX: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def load_or_make(directory: Path) -> Ed25519PrivateKey:
    """The key of the database in `directory`.  CheckpointError when the file is damaged, or open to other users."""
    path = directory / KEY_FILE
    try:
        if not os.path.lexists(path):
            _make(path)
        return _load(path)
    except OSError as problem:
        raise CheckpointError(f"the key for checkpoints '{path}' cannot be used: {problem.strerror}",
                              "make the data directory and the file readable and writable for this user only") from None


def public_pem(public_key: bytes) -> str:
    """A public key of 32 bytes in PEM form."""
    return (
        Ed25519PublicKey.from_public_bytes(public_key)
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode("ascii")
    )


def _load(path: Path) -> Ed25519PrivateKey:
    # What is checked is what is read: one descriptor, and no link to elsewhere.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"the key for checkpoints '{path}' is not a file", "put the key back from a backup")
        if status.st_mode & _OTHERS:
            raise CheckpointError(
                f"the key for checkpoints '{path}' is open to other users (mode {stat.S_IMODE(status.st_mode):04o})",
                "chmod 600; if somebody may have read it, move it away: a new one is made, whose public key has to be handed out",
            )
        data = file.read(_KEY_MAX)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointError(
            f"the key for checkpoints '{path}' is damaged: it is not an Ed25519 private key in PEM form",
            "put it back from a backup, or move it away: a new one is made, whose public key has to be handed out",
        )
    return key


def _make(path: Path) -> None:
    """Write a new key with mode 0600 from the first byte, and give it its name only when it is whole and no other is there."""
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, it fails when there is a key
        except FileExistsError:
            return  # somebody else's was first, and is the one
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
