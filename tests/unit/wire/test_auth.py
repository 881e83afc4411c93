"""Stored passwords and the authentication exchanges, without a socket."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fauna.errors import SqlError
from fauna.wire import auth
from tests.unit.wire.memory_backend import MemoryBackend

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_sha256_crypt_is_the_specification_s() -> None:
    # From the specification's own test vectors (5,000 rounds, 10 bytes of salt).
    assert auth.sha256_crypt(b"Hello world!", b"saltstring", 5000) == "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"


def test_stored_forms() -> None:
    assert auth.stored_native("mypass") == "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"
    stored = auth.stored_caching_sha2("secret")
    assert stored.startswith("$A$005$")
    assert len(stored) == 70
    assert auth.verify_password(stored, "secret")
    assert not auth.verify_password(stored, "Secret")
    assert auth.is_stored_password("caching_sha2_password", stored)
    assert not auth.is_stored_password("caching_sha2_password", stored[:-1])
    assert auth.is_stored_password("mysql_native_password", auth.stored_native("x"))
    assert not auth.is_stored_password("mysql_native_password", "*" + "g" * 40)
    assert auth.stored_password("caching_sha2_password", "") == ""
    assert auth.verify_password("", "")
    assert not auth.verify_password("", "x")
    assert not auth.verify_password(stored, "")
    assert not auth.verify_password("nonsense", "x")


class Client:
    """Plays the client's side of an exchange and keeps what was said."""

    def __init__(self, backend: MemoryBackend, default: str = "caching_sha2_password") -> None:
        self.authenticator = auth.Authenticator(backend.account, KEY, default)
        self.said: list[bytes] = []

    def login(self, user: str, password: str, *, plugin: str = "caching_sha2_password", secure: bool = True) -> bool:
        self.said = []
        nonce = auth.new_nonce()
        attempt = auth.Attempt(user, "localhost", plugin, self.scramble(plugin, password, nonce), nonce, True, secure)
        exchange = self.authenticator.exchange(attempt)
        answer: Any = None
        try:
            while True:
                step = exchange.send(answer)
                answer = None
                if isinstance(step, auth.Verify):
                    answer = step.check()
                    continue
                self.said.append(step.payload)
                if step.payload[0] == 0xFE:
                    name, rest = step.payload[1:].split(b"\0", 1)
                    nonce = rest[:20]
                    answer = self.scramble(name.decode(), password, nonce)
                elif step.payload == b"\x01\x04":
                    answer = password.encode() + b"\0" if secure else b"\x02"
                elif step.payload.startswith(b"\x01-----BEGIN"):
                    answer = self.encrypt(step.payload[1:], password, nonce)
        except StopIteration as end:
            return bool(end.value)

    @staticmethod
    def scramble(plugin: str, password: str, nonce: bytes) -> bytes:
        return (auth.scramble_native if plugin == "mysql_native_password" else auth.scramble_caching_sha2)(password, nonce)

    @staticmethod
    def encrypt(pem: bytes, password: str, nonce: bytes) -> bytes:
        key = serialization.load_pem_public_key(pem)
        assert isinstance(key, rsa.RSAPublicKey)
        plain = password.encode() + b"\0"
        mixed = bytes(byte ^ nonce[i % 20] for i, byte in enumerate(plain))
        return key.encrypt(mixed, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))


@pytest.fixture
def client() -> Client:
    backend = MemoryBackend()
    backend.add_user("root", "sécret")
    backend.add_user("old", "secret", "mysql_native_password")
    backend.add_user("nobody", "")
    return Client(backend)


@pytest.mark.parametrize("secure", [True, False])
def test_full_path_then_fast_path(client: Client, secure: bool) -> None:
    assert client.login("root", "sécret", secure=secure)
    assert b"\x01\x04" in client.said
    assert client.login("root", "sécret", secure=secure)
    assert client.said == [b"\x01\x03"]


def test_a_changed_password_is_not_in_the_cache(client: Client) -> None:
    assert client.login("root", "sécret")
    client.authenticator._account("root", "").authentication_string = auth.stored_caching_sha2("other")  # type: ignore[union-attr,misc]
    assert not client.login("root", "sécret")
    assert client.login("root", "other")


@pytest.mark.parametrize("secure", [True, False])
def test_an_unknown_user_looks_like_a_wrong_password(client: Client, secure: bool) -> None:
    assert not client.login("root", "wrong", secure=secure)
    wrong = client.said
    assert not client.login("ghost", "wrong", secure=secure)
    assert client.said == wrong


def test_plugins_are_switched(client: Client) -> None:
    assert client.login("old", "secret")
    assert client.said[0].startswith(b"\xfemysql_native_password\0")
    assert not client.login("old", "wrong")
    assert client.login("root", "sécret", plugin="mysql_native_password")
    assert client.said[0].startswith(b"\xfecaching_sha2_password\0")


def test_empty_passwords(client: Client) -> None:
    assert client.login("nobody", "")
    assert not client.login("nobody", "x")
    assert not client.login("root", "")
    assert not client.login("ghost", "")


def test_a_client_that_cannot_switch_is_1251(client: Client) -> None:
    attempt = auth.Attempt("root", "localhost", "mysql_native_password", b"x" * 20, b"n" * 20, False, True)
    with pytest.raises(SqlError) as caught:
        next(client.authenticator.exchange(attempt))
    assert caught.value.errno == 1251


def test_the_cache_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_CACHE_ENTRIES_MAX", 4)
    for i in range(10):
        client.authenticator._remember((str(i), "", ""), b"x" * 32)
    assert len(client.authenticator._digests) == 4


def test_clear_passwords_are_verified_and_then_remembered() -> None:
    backend = MemoryBackend()
    backend.add_user("root", "secret")
    backend.add_user("old", "secret", "mysql_native_password")
    backend.add_user("nobody", "")
    authenticator = auth.Authenticator(backend.account, KEY, "caching_sha2_password")
    for user in ("root", "old"):
        assert not authenticator.remembers(user, "localhost", "secret")
        assert not authenticator.verify_clear(user, "localhost", "wrong")
        assert authenticator.verify_clear(user, "localhost", "secret")
        assert authenticator.remembers(user, "localhost", "secret")
        assert not authenticator.remembers(user, "localhost", "wrong")
        backend.add_user(user, "changed")
        assert not authenticator.remembers(user, "localhost", "secret")
    too_long = "x" * (auth.PASSWORD_BYTES_MAX + 1)
    for user, password in (("nobody", ""), ("nobody", "x"), ("missing", "x"), ("root", ""), ("root", too_long)):
        assert not authenticator.verify_clear(user, "localhost", password)
        assert not authenticator.remembers(user, "localhost", password)


def test_every_refused_password_costs_the_same_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryBackend()
    backend.add_user("root", "secret")
    backend.add_user("old", "secret", "mysql_native_password")
    backend.add_user("nobody", "")
    hashed: list[bytes] = []
    authenticator = auth.Authenticator(backend.account, KEY, "mysql_native_password")
    monkeypatch.setattr(auth, "sha256_crypt", lambda password, salt, rounds: str(hashed.append(password)))
    for password in ("wrong", ""):
        for user in ("root", "old", "nobody", "missing"):
            assert not authenticator.verify_clear(user, "localhost", password)
    assert hashed == [b"wrong"] * 4
