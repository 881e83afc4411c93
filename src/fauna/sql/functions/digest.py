"""Checksums, encryption and compression."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fauna.catalog.types import STRINGS, Kind, SqlType
from fauna.sql.context import current
from fauna.sql.functions.registry import Arg, ArgInfo, Function, register
from fauna.sql.functions.results import BLOB_WIDTH, bytes_of, bytes_per_char, constant_int, fixed, string_type, text_of, width

_B: Final = (Arg.BYTES,)
_SHA2: Final = {0: hashlib.sha256, 224: hashlib.sha224, 256: hashlib.sha256, 384: hashlib.sha384, 512: hashlib.sha512}
RANDOM_BYTES_MAX: Final = 1024
UNCOMPRESSED_MASK: Final = 0x3FFF_FFFF


def _octets(info: ArgInfo) -> int:
    return width(info.type) * (bytes_per_char(info.type.collation) if info.type.kind in STRINGS else 1)


def _sha2(data: bytes | None, bits: int | None) -> str | None:
    """A NULL length counts as 0, which means 256."""
    if data is None:
        return None
    make = _SHA2.get(bits or 0)
    if make is None:
        current().warn("WRONG_PARAMETERS_TO_NATIVE_FCT", "sha2")
        return None
    return make(data).hexdigest()


def _sha2_rule(args: Sequence[ArgInfo]) -> SqlType:
    bits = constant_int(args[1])
    return string_type((bits or 256) // 4 if bits in _SHA2 else 128)


register(Function("MD5", _B, 1, 1, text_of(32), lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest()))
register(Function("SHA1", _B, 1, 1, text_of(40), lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest()), "SHA")
register(Function("SHA2", (Arg.BYTES, Arg.INTEGER), 2, 2, _sha2_rule, _sha2, null_aware=True))


def _crc32(*values: int | bytes) -> int:
    return zlib.crc32(values[-1], values[0]) if len(values) > 1 and isinstance(values[0], int) else zlib.crc32(values[-1])  # type: ignore[arg-type]


register(Function("CRC32", _B, 1, 1, fixed(SqlType(Kind.INT, 10, unsigned=True)), _crc32, nullable=False))

# --- AES --------------------------------------------------------------------------------------------------------


def _folded_key(key: bytes, size: int) -> bytes:
    folded = bytearray(size)
    for index, byte in enumerate(key):
        folded[index % size] ^= byte
    return bytes(folded)


def _cipher(key: bytes, mode_name: str, vector: bytes) -> Cipher[Any]:
    _, bits, mode = mode_name.lower().split("-")
    algorithm = algorithms.AES(_folded_key(key, int(bits) // 8))
    if mode == "cbc":
        return Cipher(algorithm, modes.CBC(vector[:16]))
    if mode == "ctr":
        return Cipher(algorithm, modes.CTR(vector[:16]))
    return Cipher(algorithm, modes.ECB())


def _mode_of(rest: Sequence[bytes | str]) -> tuple[str, bytes] | None:
    """(mode, initialisation vector) from the optional third argument and the session's mode; None: the vector is too short."""
    *vectors, mode = rest
    assert isinstance(mode, str)
    vector = vectors[0] if vectors else b""
    assert isinstance(vector, bytes)
    return None if not mode.endswith("ecb") and len(vector) < 16 else (mode, vector)


def _aes_encrypt(data: bytes, key: bytes, *rest: bytes | str) -> bytes | None:
    mode = _mode_of(rest)
    if mode is None:
        return None
    if not mode[0].endswith("ctr"):
        missing = 16 - len(data) % 16
        data += bytes([missing]) * missing
    encryptor = _cipher(key, *mode).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _aes_decrypt(data: bytes, key: bytes, *rest: bytes | str) -> bytes | None:
    mode = _mode_of(rest)
    if mode is None:
        return None
    stream = mode[0].endswith("ctr")
    if not stream and (not data or len(data) % 16):
        return None
    decryptor = _cipher(key, *mode).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    if stream:
        return plain
    padding = plain[-1]
    if not 1 <= padding <= 16 or plain[-padding:] != bytes([padding]) * padding:
        return None
    return plain[:-padding]


_MODE: Final = ("block_encryption_mode",)
register(
    Function("AES_ENCRYPT", _B, 2, 3, lambda a: string_type(_octets(a[0]) // 16 * 16 + 16, "binary"), _aes_encrypt, session=_MODE)
)
register(Function("AES_DECRYPT", _B, 2, 3, lambda a: string_type(_octets(a[0]), "binary"), _aes_decrypt, session=_MODE))


def _random_bytes(count: int) -> bytes | None:
    return secrets.token_bytes(count) if 0 <= count <= RANDOM_BYTES_MAX else None


register(
    Function(
        "RANDOM_BYTES",
        (Arg.INTEGER,),
        1,
        1,
        lambda a: string_type(max(constant_int(a[0]) or 0, 0) if constant_int(a[0]) else 1024, "binary"),
        _random_bytes,
        deterministic=False,
    )
)

# --- passwords --------------------------------------------------------------------------------------------------


def _password(data: bytes | None) -> str:
    """mysql_native_password's stored form."""
    if not data:
        return ""
    inner = hashlib.sha1(data, usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


def _old_password(data: bytes) -> str:
    if not data:
        return ""
    number, add, second = 1345345333, 7, 0x12345671
    for byte in data:
        if byte in b" \t":
            continue
        number ^= ((number & 63) + add) * byte + (number << 8) & 0xFFFF_FFFF_FFFF_FFFF
        second = second + ((second << 8) ^ number) & 0xFFFF_FFFF_FFFF_FFFF
        add += byte
    return f"{number & 0x7FFF_FFFF:08x}{second & 0x7FFF_FFFF:08x}"


register(Function("PASSWORD", _B, 1, 1, text_of(41), _password, null_aware=True))
register(Function("OLD_PASSWORD", _B, 1, 1, text_of(16), _old_password))

# --- compression ------------------------------------------------------------------------------------------------


def _compress(data: bytes) -> bytes:
    if not data:
        return b""
    packed = len(data).to_bytes(4, "little") + zlib.compress(data)
    return packed + b"." if packed.endswith(b" ") else packed  # MySQL's guard against columns that strip spaces


def _uncompress(data: bytes) -> bytes | None:
    if not data:
        return b""
    if len(data) <= 4:
        current().warn("ZLIB_DATA")
        return None
    size = int.from_bytes(data[:4], "little") & UNCOMPRESSED_MASK
    if size > current().max_allowed_packet:
        current().warn("ZLIB_TOO_BIG", current().max_allowed_packet)
        return None
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(data[4:], size + 1)
    except zlib.error:
        current().warn("ZLIB_DATA")
        return None
    if len(plain) > size:
        current().warn("ZLIB_BUFFER")
        return None
    return plain


def _uncompressed_length(data: bytes) -> int | None:
    if not data:
        return 0
    if len(data) <= 4:
        current().warn("ZLIB_DATA")
        return None
    return int.from_bytes(data[:4], "little") & UNCOMPRESSED_MASK


register(Function("COMPRESS", _B, 1, 1, lambda a: string_type(_octets(a[0]) * 120 // 100 + 12, "binary"), _compress))
register(Function("UNCOMPRESS", _B, 1, 1, bytes_of(BLOB_WIDTH), _uncompress))
register(Function("UNCOMPRESSED_LENGTH", _B, 1, 1, fixed(SqlType(Kind.INT, 10)), _uncompressed_length))
