"""Packets in and out: splitting, joining, limits, compression."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.errors import SqlError
from fauna.wire.framing import Compression, PacketReader, Reader, frame, lenenc, lenenc_int
from fauna.wire.protocol import PACKET_BYTES_MAX


@given(st.integers(0, 2**64 - 1))
def test_lenenc_int_reads_back(value: int) -> None:
    assert Reader(lenenc_int(value)).lenenc_int() == value


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_payloads_survive_any_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload, i) for i, payload in enumerate(payloads))
    reader = PacketReader(1 << 20)
    found = []
    while stream:
        cut = cuts[len(stream) % len(cuts)]
        reader.feed(stream[:cut])
        stream = stream[cut:]
        while (payload := reader.next()) is not None:
            found.append(payload)
    assert found == payloads
    assert not reader.inside_packet()


@pytest.mark.parametrize("size", [PACKET_BYTES_MAX - 1, PACKET_BYTES_MAX, PACKET_BYTES_MAX + 1, 2 * PACKET_BYTES_MAX])
def test_big_payloads_are_split_and_joined(size: int) -> None:
    payload = bytes(bytearray(range(256)) * (size // 256 + 1))[:size]
    stream = frame(payload, 0)
    assert len(stream) == size + 4 * (size // PACKET_BYTES_MAX + 1)
    reader = PacketReader(1 << 30)
    for position in range(0, len(stream), 1 << 18):
        reader.feed(stream[position : position + (1 << 18)])
    assert reader.next() == payload
    assert reader.next() is None


def test_a_wrong_sequence_id_is_1156() -> None:
    reader = PacketReader(1000)
    reader.feed(frame(b"x", 3))
    with pytest.raises(SqlError) as caught:
        reader.next()
    assert caught.value.errno == 1156


@pytest.mark.parametrize("size", [1001, 5000, PACKET_BYTES_MAX + 10])
def test_a_too_long_payload_is_skipped_and_then_1153(size: int) -> None:
    reader = PacketReader(1000)
    stream = frame(b"x" * size, 0)
    for position in range(0, len(stream) - 100, 100_000):
        reader.feed(stream[position : min(position + 100_000, len(stream) - 100)])
        assert reader.next() is None
        assert reader.inside_packet()
    reader.feed(stream[-100:])
    with pytest.raises(SqlError) as caught:
        reader.next()
    assert caught.value.errno == 1153
    assert reader.buffered() == 0


@given(st.binary(max_size=5000))
def test_compression_reads_back(data: bytes) -> None:
    assert Compression().unwrap(Compression().wrap(data)) == data


def test_compression_splits_at_16_mb() -> None:
    data = bytes(PACKET_BYTES_MAX + 1000)
    wrapped = Compression().wrap(data)
    other = Compression()
    assert b"".join(other.unwrap(wrapped[i : i + 1000]) for i in range(0, len(wrapped), 1000)) == data
    assert other.sequence == 2


def test_a_compressed_packet_cannot_expand_beyond_what_it_says() -> None:
    body = zlib.compress(bytes(10_000_000))
    packet = struct.pack("<I", len(body))[:3] + b"\0" + struct.pack("<I", 100)[:3] + body
    with pytest.raises(SqlError) as caught:
        Compression().unwrap(packet)
    assert caught.value.errno == 1835


def test_a_damaged_compressed_packet_is_1835() -> None:
    with pytest.raises(SqlError) as caught:
        Compression().unwrap(b"\x05\x00\x00\x00\x10\x00\x00hello")
    assert caught.value.errno == 1835


def test_reader_never_reads_past_the_end() -> None:
    for data in (b"", b"\xfc\x01", b"\x05abc", b"\xfb"):
        with pytest.raises(SqlError):
            Reader(data).lenenc()
    assert Reader(lenenc(b"abc")).lenenc() == b"abc"
