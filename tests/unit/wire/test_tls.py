"""TLS over memory: the end is told from a cut."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest

from fauna.wire.tls import CERTIFICATE_FILE, TlsLayer, load_keys


def test_the_end_is_told(keys_directory: Path) -> None:
    layer = TlsLayer(load_keys(keys_directory).context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(keys_directory / CERTIFICATE_FILE))
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while not layer.established:
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        layer.receive(outgoing.read())
        incoming.write(layer.pending())
    with pytest.raises(ssl.SSLWantReadError):
        client.read()
    incoming.write(layer.close())
    assert client.read() == b""


def test_before_the_handshake_there_is_nothing_to_end(keys_directory: Path) -> None:
    assert TlsLayer(load_keys(keys_directory).context).close() == b""
