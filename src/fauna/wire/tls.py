"""TLS: the certificate made at first start, and a TLS layer that lives inside the protocol object.

MySQL clients switch to TLS in the middle of a connection, and some send their ClientHello in the same segment as the
request for it.  Handing the socket to asyncio's `start_tls` would lose those bytes, so the TLS records go through an
`ssl.SSLObject` over memory here: bytes in, bytes out.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from fauna.errors import StartError

CERTIFICATE_FILE: Final = "server-cert.pem"
KEY_FILE: Final = "server-key.pem"
RSA_KEY_FILE: Final = "private_key.pem"  # MySQL's name for caching_sha2_password's own key pair
_VALID_DAYS: Final = 3650
_RECORD_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Keys:
    """What the server proves itself with: a TLS context, and the RSA key for passwords without TLS."""

    context: ssl.SSLContext
    rsa_key: rsa.RSAPrivateKey


def load_keys(directory: Path, certificate: str = "", key: str = "") -> Keys:
    """The keys of the server whose data is in `directory`; what is missing is made there, readable by the owner only.

    `certificate` and `key` name the user's own PEM files.  Raises StartError when a file cannot be read or written.
    """
    try:
        if bool(certificate) != bool(key):
            raise StartError("tls_cert and tls_key must be given together")
        if not certificate:
            certificate, key = str(directory / CERTIFICATE_FILE), str(directory / KEY_FILE)
            if not (os.path.exists(certificate) and os.path.exists(key)):
                _make_certificate(Path(certificate), Path(key))
        return Keys(_context(certificate, key), _rsa_key(directory / RSA_KEY_FILE))
    except (OSError, ssl.SSLError, ValueError) as problem:
        raise StartError(f"the TLS keys cannot be used: {problem}", "give tls_cert and tls_key, or let a pair be made") from None


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # so that writing never has to wait for reading
    context.load_cert_chain(certificate, key)
    return context


def _make_certificate(certificate: Path, key: Path) -> None:
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FaunaDB server, self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private_key, hashes.SHA256())
    )
    _write_private(key, _pem(private_key))
    _write_private(certificate, made.public_bytes(serialization.Encoding.PEM))


def _rsa_key(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        _write_private(path, _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise StartError(f"{path} is not an RSA key", "remove it and a new one is made")
    return loaded


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    """Write with mode 0600 from the first byte, and whole: a crash leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class TlsLayer:
    """The server side of one TLS connection, over memory.

    Give what the socket received to `receive`; it returns the plain bytes.  What must be sent back is taken with
    `pending()` after every call.
    """

    __slots__ = ("_in", "_object", "_out", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=True)
        self.established = False

    def receive(self, data: bytes) -> bytes | None:
        """The plain bytes in `data`; None when the client has closed TLS.  Raises ssl.SSLError for what is no TLS."""
        self._in.write(data)
        if not self.established:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return b""
            self.established = True
        return self._read()

    def _read(self) -> bytes | None:
        plain: list[bytes] = []
        while True:
            try:
                piece = self._object.read(_RECORD_BYTES)
            except ssl.SSLWantReadError:
                return b"".join(plain)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                piece = b""
            if not piece:
                return b"".join(plain) or None
            plain.append(piece)

    def encrypt(self, data: bytes) -> bytes:
        self._object.write(data)
        return self._out.read()

    def pending(self) -> bytes:
        """Records to be sent that `receive` made: handshake messages and alerts."""
        return self._out.read() if self._out.pending else b""

    def close(self) -> bytes:
        """The record that tells the client this is the end, and no cut; nothing can be encrypted after it."""
        if self.established:
            with contextlib.suppress(ssl.SSLError):  # it wants the client's own end, which nobody waits for
                self._object.unwrap()
        return self.pending()

    def cipher(self) -> str:
        cipher = self._object.cipher()
        return cipher[0] if cipher else ""

    def version(self) -> str:
        """As `TLSv1.3`."""
        return self._object.version() or ""
