"""The connection phase's packets: the server's greeting and the client's answers.  Pure.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from fauna.errors import error
from fauna.wire.auth import MYSQL_NATIVE_PASSWORD
from fauna.wire.charset import charset_of_collation, known_collation_id
from fauna.wire.framing import Reader, malformed
from fauna.wire.protocol import (
    CLIENT_CONNECT_ATTRS,
    CLIENT_CONNECT_WITH_DB,
    CLIENT_PLUGIN_AUTH,
    CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
    CLIENT_PROTOCOL_41,
    CLIENT_SECURE_CONNECTION,
    CLIENT_SSL,
)

ATTRIBUTES_MAX: Final = 128
_pack_handshake: Final = Struct("<I8sBHBHHB10x").pack


def handshake_v10(
    server_version: str, connection_id: int, nonce: bytes, capabilities: int, collation_id: int, status: int, plugin: str
) -> bytes:
    """The server's first packet."""
    return (
        b"\x0a"
        + server_version.encode("ascii")
        + b"\0"
        + _pack_handshake(
            connection_id & 0xFFFFFFFF, nonce[:8], 0, capabilities & 0xFFFF, collation_id, status, capabilities >> 16, 21
        )
        + nonce[8:]
        + b"\0"
        + plugin.encode("ascii")
        + b"\0"
    )


@dataclass(slots=True)
class HandshakeResponse:
    """What the client answered.  `capabilities` are what both sides can do."""

    capabilities: int
    collation_id: int
    user: str = ""
    response: bytes = b""
    database: str | None = None
    plugin: str = MYSQL_NATIVE_PASSWORD
    attributes: dict[str, str] = field(default_factory=dict)
    wants_tls: bool = False


def parse_handshake_response(payload: bytes, server_capabilities: int) -> HandshakeResponse:
    """HandshakeResponse41 or SSLRequest; the protocol before 4.1 is refused with error 1043."""
    if len(payload) < 32:
        raise error("HANDSHAKE")
    reader = Reader(payload)
    asked = reader.integer(4)
    if not asked & CLIENT_PROTOCOL_41 or not asked & CLIENT_SECURE_CONNECTION:
        raise error("HANDSHAKE")
    reader.take(4)  # the client's max_allowed_packet, which binds nobody
    answer = HandshakeResponse(asked & server_capabilities, client_collation(reader.integer(1)))
    reader.take(23)
    if asked & CLIENT_SSL and not reader.left():
        answer.wants_tls = True
        return answer
    answer.user = _name(reader.until_nul(), answer.collation_id)
    answer.response = _auth_response(reader, asked)
    if asked & CLIENT_CONNECT_WITH_DB and reader.left():
        answer.database = _name(reader.until_nul(), answer.collation_id) or None
    _plugin_and_attributes(reader, asked, answer)
    return answer


def parse_change_user(payload: bytes, capabilities: int) -> HandshakeResponse:
    """COM_CHANGE_USER, which carries what a handshake response does in another order."""
    reader = Reader(payload, 1)
    user = reader.until_nul()
    response = reader.take(reader.integer(1))
    database = reader.until_nul()
    collation = client_collation(reader.integer(2) & 0xFF if reader.left() >= 2 else 0)
    answer = HandshakeResponse(capabilities, collation, _name(user, collation), response)
    answer.database = _name(database, collation) or None
    _plugin_and_attributes(reader, capabilities, answer)
    return answer


def client_collation(collation_id: int) -> int:
    """The collation for a client's byte: sets that do not contain ASCII as bytes cannot carry statements."""
    known = known_collation_id(collation_id)
    return known if charset_of_collation(known).bytes_min == 1 else known_collation_id(0)


def _auth_response(reader: Reader, capabilities: int) -> bytes:
    if capabilities & CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA:
        return reader.lenenc()
    return reader.take(reader.integer(1))


def _plugin_and_attributes(reader: Reader, capabilities: int, answer: HandshakeResponse) -> None:
    if capabilities & CLIENT_PLUGIN_AUTH and reader.left():
        answer.plugin = reader.until_nul().decode("ascii", "replace") or MYSQL_NATIVE_PASSWORD
    if capabilities & CLIENT_CONNECT_ATTRS and reader.left():
        answer.attributes = _attributes(Reader(reader.lenenc()))


def _attributes(reader: Reader) -> dict[str, str]:
    attributes: dict[str, str] = {}
    while reader.left():
        if len(attributes) >= ATTRIBUTES_MAX:
            raise malformed("too many connection attributes")
        name = reader.lenenc().decode("utf-8", "replace")
        attributes[name] = reader.lenenc().decode("utf-8", "replace")
    return attributes


def _name(data: bytes, collation_id: int) -> str:
    """A user's or database's name, in the client's character set; what is none of it becomes U+FFFD and matches nobody."""
    return data.decode(charset_of_collation(collation_id).codec, "replace")
