"""Passwords: `caching_sha2_password`, `mysql_native_password`, and the stored forms both use.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html

An exchange is a generator: it yields what is to be done (`Send` a packet and bring the answer, `Tell` the client
something, run a slow `Verify` in a worker thread and bring its verdict) and returns whether the client is who it says.
It has no socket and no thread, so every path is tested without either.

A user that does not exist goes through the same exchange against a decoy account, with the same packets and the same
5,000 hash rounds, so that neither the answer nor its time tells which it was.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fauna.errors import error
from fauna.wire.backend import Account

CACHING_SHA2_PASSWORD: Final = "caching_sha2_password"
MYSQL_NATIVE_PASSWORD: Final = "mysql_native_password"
PLUGINS: Final = (CACHING_SHA2_PASSWORD, MYSQL_NATIVE_PASSWORD)

NONCE_BYTES: Final = 20
_SALT_BYTES: Final = 20
_ROUNDS: Final = 5000
PASSWORD_BYTES_MAX: Final = 256  # caching_sha2_password's own limit (MAX_PLAINTEXT_LENGTH)
_CACHE_ENTRIES_MAX: Final = 1024

_REQUEST_PUBLIC_KEY: Final = b"\x02"
_FAST_AUTH_SUCCESS: Final = b"\x01\x03"
_PERFORM_FULL_AUTHENTICATION: Final = b"\x01\x04"
_AUTH_MORE_DATA: Final = b"\x01"


# --- stored forms ----------------------------------------------------------------------------------------------------


def new_nonce(size: int = NONCE_BYTES) -> bytes:
    """Random bytes that are neither NUL nor '$': salts are parts of NUL-terminated and '$'-separated strings."""
    return bytes(byte & 0x7F if byte & 0x7F not in (0, 0x24) else 0x41 for byte in secrets.token_bytes(size))


def stored_password(plugin: str, password: str) -> str:
    """The `authentication_string` of an account with this password; '' for an empty password."""
    if not password:
        return ""
    if plugin == MYSQL_NATIVE_PASSWORD:
        return stored_native(password)
    return stored_caching_sha2(password)


def stored_native(password: str) -> str:
    """`*` and 40 hex digits of SHA1(SHA1(password)): what PASSWORD() gives."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def stored_caching_sha2(password: str, salt: bytes | None = None) -> str:
    """`$A$005$`, 20 bytes of salt, 43 characters of SHA256-crypt with 5,000 rounds, as MySQL stores it."""
    salt = salt or new_nonce(_SALT_BYTES)
    return "$A$005$" + salt.decode("latin-1") + sha256_crypt(password.encode(), salt, _ROUNDS)


def is_stored_password(plugin: str, text: str) -> bool:
    """Whether `text` has the stored form of `plugin` (IDENTIFIED WITH … AS '…')."""
    if plugin == MYSQL_NATIVE_PASSWORD:
        return len(text) == 41 and text[0] == "*" and all(digit in "0123456789abcdefABCDEF" for digit in text[1:])
    return _parse_caching_sha2(text) is not None


def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one `stored` (either form) was made from."""
    if not stored or not password:
        return not stored and not password
    if stored.startswith("*"):
        return hmac.compare_digest(stored_native(password).encode(), stored.upper().encode("utf-8", "replace"))
    parsed = _parse_caching_sha2(stored)
    if parsed is None:
        return False
    rounds, salt, digest = parsed
    return hmac.compare_digest(sha256_crypt(password.encode(), salt, rounds).encode(), digest.encode("utf-8", "replace"))


def _parse_caching_sha2(text: str) -> tuple[int, bytes, str] | None:
    """Rounds, salt and digest of `$A$005$…`; the three digits are hexadecimal thousands of rounds."""
    if len(text) != 7 + _SALT_BYTES + 43 or not text.startswith("$A$") or text[6] != "$":
        return None
    try:
        return int(text[3:6], 16) * 1000, text[7:27].encode("latin-1"), text[27:]
    except (ValueError, UnicodeEncodeError):
        return None


_CRYPT_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# The order in which SHA-crypt prints the digest's bytes, three at a time.
_CRYPT_ORDER: Final = (
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8),
    (9, 19, 29),
)  # fmt: skip


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """The digest part of SHA256-crypt (U. Drepper, "Unix crypt using SHA-256 and SHA-512"), steps numbered as there.

    Written out because MySQL uses 20 bytes of salt, and every library cuts it to the 16 of the specification.
    """
    sha256 = hashlib.sha256
    length = len(password)
    b = sha256(password + salt + password).digest()  # steps 4-8
    a = sha256(password + salt + (b * (length // 32 + 1))[:length])  # steps 1-3, 9, 10
    bits = length
    while bits:  # step 11
        a.update(b if bits & 1 else password)
        bits >>= 1
    digest = a.digest()  # step 12
    p = (sha256(password * length).digest() * (length // 32 + 1))[:length]  # steps 13-16
    s = (sha256(salt * (16 + digest[0])).digest() * (len(salt) // 32 + 1))[: len(salt)]  # steps 17-20
    # Step 21 adds p, s and p around the last digest depending on the round modulo 2, 3 and 7: 42 cases, made once.
    around = []
    for i in range(42):
        middle = (s if i % 3 else b"") + (p if i % 7 else b"")
        around.append((p + middle, b"") if i & 1 else (b"", middle + p))
    for i in range(rounds):
        before, after = around[i % 42]
        digest = sha256(before + digest + after).digest()
    return _crypt_base64(digest)


def _crypt_base64(digest: bytes) -> str:
    """Step 22: the digest in SHA-crypt's own order and alphabet."""
    characters: list[str] = []
    groups = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _CRYPT_ORDER]
    for value, count in [*groups, (digest[31] << 8 | digest[30], 3)]:
        for _ in range(count):
            characters.append(_CRYPT_ALPHABET[value & 63])
            value >>= 6
    return "".join(characters)


# --- scrambles: what the client proves it knows the password with ------------------------------------------------------


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))


def native_matches(stored: str, response: bytes, nonce: bytes) -> bool:
    """response = SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password)))."""
    if not is_stored_password(MYSQL_NATIVE_PASSWORD, stored) or len(response) != 20:
        return False
    twice = bytes.fromhex(stored[1:])
    once = _xor(response, hashlib.sha1(nonce + twice).digest())
    return hmac.compare_digest(hashlib.sha1(once).digest(), twice)


def caching_sha2_matches(digest: bytes, response: bytes, nonce: bytes) -> bool:
    """response = SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); `digest` is the doubly hashed one."""
    if len(response) != 32:
        return False
    once = _xor(response, hashlib.sha256(digest + nonce).digest())
    return hmac.compare_digest(hashlib.sha256(once).digest(), digest)


def scramble_native(password: str, nonce: bytes) -> bytes:
    """A client's answer; for tests and for servers that log in to servers."""
    if not password:
        return b""
    once = hashlib.sha1(password.encode()).digest()
    return _xor(once, hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest())


def scramble_caching_sha2(password: str, nonce: bytes) -> bytes:
    if not password:
        return b""
    once = hashlib.sha256(password.encode()).digest()
    return _xor(once, hashlib.sha256(_twice(once) + nonce).digest())


def _twice(once: bytes) -> bytes:
    return hashlib.sha256(once).digest()


def _double_sha256(password: str) -> bytes:
    return _twice(hashlib.sha256(password.encode()).digest())


# --- the exchange ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Send this payload; resume with the client's answer."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """Send this payload; resume with None at once."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Verify:
    """Run this in a worker thread (it takes milliseconds); resume with its verdict."""

    check: Callable[[], bool]


Exchange = Generator[Send | Tell | Verify, Any, bool]


@dataclass(slots=True)
class Attempt:
    """One login: what the client sent first.  `password_sent` tells error 1045's YES from NO."""

    user: str
    host: str
    plugin: str
    response: bytes
    nonce: bytes
    can_switch: bool
    secure: bool
    password_sent: bool = False


@dataclass(frozen=True, slots=True)
class _Decoy:
    user: str
    host: str
    plugin: str
    authentication_string: str


class Authenticator:
    """Checks logins against the account store.

    `account` looks an account up; `default_plugin` is what the handshake announces and what unknown users are put
    through.  Doubly hashed passwords of successful logins are kept in memory (never on disk), at most 1,024 of them,
    under the stored string they were verified against: a changed password is a miss.
    """

    def __init__(
        self, account: Callable[[str, str], Account | None], rsa_key: rsa.RSAPrivateKey, default_plugin: str
    ) -> None:
        self._account = account
        self._rsa_key = rsa_key
        self.public_key_pem = rsa_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.default_plugin = default_plugin
        self._decoy_string = stored_password(default_plugin, secrets.token_hex(16))
        self._slow_decoy_string = stored_password(CACHING_SHA2_PASSWORD, secrets.token_hex(16))
        self._digests: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    def exchange(self, attempt: Attempt) -> Exchange:
        """The exchange for one login.  Raises 1251 for a client too old for the account's plugin."""
        account = self._account(attempt.user, attempt.host)
        if account is None or account.plugin not in PLUGINS:
            account = _Decoy(attempt.user, attempt.host, self.default_plugin, self._decoy_string)
        attempt.password_sent = attempt.response not in (b"", b"\0")
        if attempt.plugin != account.plugin:
            if not attempt.can_switch:
                raise error("NOT_SUPPORTED_AUTH_MODE")
            # The same nonce again, as MySQL and MariaDB send: in COM_CHANGE_USER libmariadb answers with the one it
            # has, whatever the request says.
            attempt.response = yield Send(auth_switch_request(account.plugin, attempt.nonce))
            attempt.password_sent = attempt.response not in (b"", b"\0")
        if not attempt.password_sent:
            return not account.authentication_string
        if account.plugin == MYSQL_NATIVE_PASSWORD:
            return native_matches(account.authentication_string, attempt.response, attempt.nonce)
        return (yield from self._caching_sha2(attempt, account))

    def remembers(self, user: str, host: str, password: str) -> bool:
        """Whether this clear password has been verified before and is still the account's.  Takes microseconds."""
        account = self._account(user, host)
        if account is None or not password or len(password.encode()) > PASSWORD_BYTES_MAX:
            return False
        digest = self._digests.get((account.user, account.host, account.authentication_string))
        return digest is not None and hmac.compare_digest(digest, _double_sha256(password))

    def verify_clear(self, user: str, host: str, password: str) -> bool:
        """Whether a clear password is the account's; never without a password.

        Takes milliseconds, so it is for a thread, and as long for a missing account as for a wrong password.
        """
        if not password or len(password.encode()) > PASSWORD_BYTES_MAX:
            return False
        account = self._account(user, host)
        stored = account.authentication_string if account is not None else ""
        if account is not None and stored and verify_password(stored, password):
            self._remember((account.user, account.host, stored), _double_sha256(password))
            return True
        if not stored.startswith("$"):  # one that is quickly checked, or none at all, must not be told by its time
            verify_password(self._slow_decoy_string, password)
        return False

    def _caching_sha2(self, attempt: Attempt, account: Account) -> Exchange:
        key = (account.user, account.host, account.authentication_string)
        digest = self._digests.get(key)
        if digest is not None and caching_sha2_matches(digest, attempt.response, attempt.nonce):
            yield Tell(_FAST_AUTH_SUCCESS)
            return True
        answer: bytes = yield Send(_PERFORM_FULL_AUTHENTICATION)
        if not attempt.secure and answer == _REQUEST_PUBLIC_KEY:
            answer = yield Send(_AUTH_MORE_DATA + self.public_key_pem)
        stored = account.authentication_string
        ok: bool = yield Verify(lambda: self._verify(stored, answer, attempt, key))
        return ok

    def _verify(self, stored: str, answer: bytes, attempt: Attempt, key: tuple[str, str, str]) -> bool:
        password = self._plain_password(answer, attempt)
        if password is None or not verify_password(stored, password):
            return False
        if stored != self._decoy_string:
            self._remember(key, _double_sha256(password))
        return True

    def _plain_password(self, answer: bytes, attempt: Attempt) -> str | None:
        """The NUL-terminated password: as it is over TLS, else encrypted with our public key and the nonce."""
        if not attempt.secure:
            try:
                answer = self._rsa_key.decrypt(answer, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
            except ValueError:
                return None
            nonce = attempt.nonce
            answer = _xor(answer, nonce * (len(answer) // len(nonce) + 1))
        password = answer[:-1] if answer.endswith(b"\0") else answer
        if len(password) > PASSWORD_BYTES_MAX:
            return None
        try:
            return password.decode()
        except UnicodeDecodeError:
            return None

    def _remember(self, key: tuple[str, str, str], digest: bytes) -> None:
        self._digests[key] = digest
        while len(self._digests) > _CACHE_ENTRIES_MAX:
            self._digests.popitem(last=False)


def auth_switch_request(plugin: str, nonce: bytes) -> bytes:
    """AuthSwitchRequest: start again with this plugin and nonce."""
    return b"\xfe" + plugin.encode() + b"\0" + nonce + b"\0"
