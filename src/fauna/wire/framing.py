"""Packets: the 4-byte header, packets over 16 MB, and the compression protocol.  Pure: bytes in, bytes out.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression.html

A payload of 0xFFFFFF bytes or more travels as several packets; one of exactly 0xFFFFFF bytes means "more follows",
so a payload that is a multiple of it ends with an empty packet.
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import Final

from fauna.errors import SqlError, error
from fauna.wire.protocol import PACKET_BYTES_MAX

pack_header: Final = Struct("<I").pack  # length | sequence << 24
_pack_pair: Final = Struct("<II").pack

LENGTHS: Final = tuple(bytes((n,)) for n in range(251))
NULL: Final = b"\xfb"
_COMPRESS_BYTES_MIN: Final = 50  # MIN_COMPRESS_LENGTH: smaller ones travel as they are.
_COMPRESS_LEVEL: Final = 1  # This runs on the event loop: a quarter of the default level's time.


def malformed(what: str) -> SqlError:
    """The client sent something that is no packet of the protocol; the connection ends after it."""
    return error("MALFORMED_COMMUNICATION_PACKET", what)


# --- length-encoded values -----------------------------------------------------------------------------------------


def lenenc_int(value: int) -> bytes:
    if value < 251:
        return LENGTHS[value]
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def lenenc(data: bytes) -> bytes:
    """A length-encoded string."""
    size = len(data)
    if size < 251:
        return LENGTHS[size] + data
    return lenenc_int(size) + data


class Reader:
    """Reads fields off one payload; whatever is missing is a malformed packet, never an IndexError."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def left(self) -> int:
        return len(self.data) - self.position

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise malformed("a field is longer than the packet")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def lenenc_int(self) -> int:
        first = self.integer(1)
        if first < 251:
            return first
        size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
        if size is None:
            raise malformed("a length is neither an integer nor expected to be NULL")
        return self.integer(size)

    def lenenc(self) -> bytes:
        return self.take(self.lenenc_int())

    def until_nul(self) -> bytes:
        """A NUL-terminated string; one that the packet's end terminates is accepted, as MySQL does."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            return self.rest()
        taken = self.data[self.position : end]
        self.position = end + 1
        return taken

    def rest(self) -> bytes:
        return self.take(self.left())


# --- packets out ---------------------------------------------------------------------------------------------------


def frame(payload: bytes, sequence: int) -> bytes:
    """`payload` with its header, split when it is too long for one packet."""
    size = len(payload)
    if size < PACKET_BYTES_MAX:
        return pack_header(size | (sequence & 0xFF) << 24) + payload
    return b"".join(frames(payload, sequence)[0])


def frames(payload: bytes, sequence: int) -> tuple[list[bytes], int]:
    """The pieces of `payload` as packets, and the sequence id after them."""
    pieces: list[bytes] = []
    position = 0
    while True:
        piece = payload[position : position + PACKET_BYTES_MAX]
        pieces.append(pack_header(len(piece) | (sequence & 0xFF) << 24))
        pieces.append(piece)
        sequence += 1
        position += PACKET_BYTES_MAX
        if len(piece) < PACKET_BYTES_MAX:
            return pieces, sequence


# --- packets in ----------------------------------------------------------------------------------------------------


class PacketReader:
    """Cuts a byte stream into payloads.

    `sequence` is the id that the reply to the payload last returned starts with.  `payload_bytes_max` is
    max_allowed_packet: a longer payload is skipped as it arrives, without being kept, and then raised as error 1153,
    so that a client which writes it all before it reads gets the error rather than a broken pipe.
    """

    __slots__ = ("_buffer", "_expected", "_last", "_parts", "_parts_bytes", "_skip", "_skipping", "check_sequence",
                 "payload_bytes_max", "sequence")

    def __init__(self, payload_bytes_max: int) -> None:
        self.payload_bytes_max = payload_bytes_max
        self.sequence = 0
        # Under compression the ids that count are the compressed packets'; those inside them are each client's own.
        self.check_sequence = True
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._expected = 0  # the sequence id the next packet must carry
        self._skip = 0  # bytes of a too long packet still to come
        self._skipping = False
        self._last = True  # the packet being skipped ends its payload

    def feed(self, data: bytes) -> None:
        if self._skip:  # the buffer is empty while we skip
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data

    def buffered(self) -> int:
        return len(self._buffer)

    def inside_packet(self) -> bool:
        """Whether a packet has begun and not ended: the client owes us the rest."""
        return bool(self._buffer or self._parts or self._skipping)

    def start_command(self) -> None:
        """The next packet starts a command: its sequence id is 0."""
        self._expected = 0

    def expect(self, sequence: int) -> None:
        """The client answers a packet of ours: its next one carries this id."""
        self._expected = sequence & 0xFF

    def take_rest(self) -> bytes:
        """The bytes that are not yet packets, when the stream changes its form (TLS, compression)."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def next(self) -> bytes | None:
        """The next complete payload, or None until more bytes come.

        Raises 1156 for a wrong sequence id and 1153 for a payload over `payload_bytes_max`.
        """
        buffer = self._buffer
        if self._skipping and not self._skip and self._last:
            self._skipping = False
            raise error("NET_PACKET_TOO_LARGE")
        while not self._skip and len(buffer) >= 4:
            header = int.from_bytes(buffer[:4], "little")
            size = header & 0xFFFFFF
            if header >> 24 != self._expected:
                if self.check_sequence:
                    raise error("NET_PACKETS_OUT_OF_ORDER")
                self._expected = header >> 24
            if self._skipping or self._parts_bytes + size > self.payload_bytes_max:
                self._begin_skip(size)
                return self.next()
            if len(buffer) < size + 4:
                return None
            self._expected = self.sequence = (self._expected + 1) & 0xFF
            payload = bytes(memoryview(buffer)[4 : size + 4])
            del buffer[: size + 4]
            if size == PACKET_BYTES_MAX:
                self._parts.append(payload)
                self._parts_bytes += size
            elif self._parts:
                return self._joined(payload)
            else:
                return payload
        return None

    def _joined(self, last: bytes) -> bytes:
        self._parts.append(last)
        payload = b"".join(self._parts)
        self._parts = []
        self._parts_bytes = 0
        return payload

    def _begin_skip(self, size: int) -> None:
        self._skipping = True
        self._last = size < PACKET_BYTES_MAX
        self._parts = []
        self._parts_bytes = 0
        self._expected = self.sequence = (self._expected + 1) & 0xFF
        there = min(size, len(self._buffer) - 4)
        del self._buffer[: there + 4]
        self._skip = size - there


# --- compression ---------------------------------------------------------------------------------------------------


class Compression:
    """The compression protocol, zlib: wraps what goes out, unwraps what comes in."""

    __slots__ = ("_buffer", "sequence")

    def __init__(self) -> None:
        self.sequence = 0
        self._buffer = bytearray()

    def unwrap(self, data: bytes) -> bytes:
        """The plain bytes that `data` completes; raises a malformed-packet error for anything else."""
        buffer = self._buffer
        buffer += data
        plain: list[bytes] = []
        while len(buffer) >= 7:
            size = int.from_bytes(buffer[:3], "little")
            if len(buffer) < size + 7:
                break
            self.sequence = (buffer[3] + 1) & 0xFF
            plain_size = int.from_bytes(buffer[4:7], "little")
            body = bytes(memoryview(buffer)[7 : size + 7])
            del buffer[: size + 7]
            plain.append(_inflate(body, plain_size) if plain_size else body)
        return b"".join(plain)

    def wrap(self, data: bytes) -> bytes:
        """`data` (whole packets) as compressed packets."""
        pieces: list[bytes] = []
        for position in range(0, len(data), PACKET_BYTES_MAX):
            piece = data[position : position + PACKET_BYTES_MAX]
            plain_size = len(piece)
            packed = zlib.compress(piece, _COMPRESS_LEVEL) if plain_size >= _COMPRESS_BYTES_MIN else piece
            if len(packed) >= plain_size:
                packed, plain_size = piece, 0
            header = len(packed) | (self.sequence & 0xFF) << 24
            pieces.append(_pack_pair(header, plain_size)[:7])
            pieces.append(packed)
            self.sequence = (self.sequence + 1) & 0xFF
        return b"".join(pieces)


def _inflate(body: bytes, plain_size: int) -> bytes:
    """Exactly `plain_size` bytes: the declared size (under 16 MB) bounds what a hostile packet can expand to."""
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(body, plain_size + 1)
    except zlib.error:
        raise malformed("a compressed packet is damaged") from None
    if len(plain) != plain_size:
        raise malformed("a compressed packet has another length than it says")
    return plain
