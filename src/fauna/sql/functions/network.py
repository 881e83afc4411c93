"""IP addresses."""

from __future__ import annotations

import ipaddress
from typing import Final

from fauna.catalog.types import Kind, SqlType
from fauna.sql.context import current
from fauna.sql.functions.registry import Arg, Function, register
from fauna.sql.functions.results import bytes_of, fixed, text_of

_S: Final = (Arg.STRING,)
_FLAG: Final = fixed(SqlType(Kind.INT, 1))


def _inet_aton(text: str) -> int | None:
    """Missing middle parts are zero: '127.1' is 127.0.0.1.  More than four parts go on counting, as in MariaDB."""
    parts = text.split(".")
    if len(parts) > 8 or not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if any(number > 255 for number in numbers):
        return None
    *high, low = numbers
    if high:
        high += [0] * (3 - len(high))
    result = 0
    for number in (*high, low):
        result = result << 8 | number
    return result


def _ipv4(text: str) -> bytes | None:
    """Four decimal numbers of up to three digits, leading zeros and all."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts):
        return None
    return bytes(int(part) for part in parts)


def _ipv6(text: str) -> bytes | None:
    try:
        return ipaddress.IPv6Address(text).packed if "%" not in text else None
    except ValueError:
        return None


def _inet_ntoa(number: int) -> str | None:
    return ".".join(str(byte) for byte in number.to_bytes(4, "big")) if 0 <= number <= 0xFFFF_FFFF else None


def _inet6_aton(text: str) -> bytes | None:
    return _ipv4(text) or _ipv6(text)


def _inet6_ntoa(data: bytes | str) -> str | None:
    if isinstance(data, str):
        return None
    if len(data) == 4:
        return str(ipaddress.IPv4Address(data))
    if len(data) != 16:
        return None
    if data[:12] == bytes(10) + b"\xff\xff":
        return "::ffff:" + str(ipaddress.IPv4Address(data[12:]))
    if data[:12] == bytes(12) and data[12:14] != bytes(2):
        return "::" + str(ipaddress.IPv4Address(data[12:]))
    return str(ipaddress.IPv6Address(data))


def _is_ipv4(text: str | None) -> int:
    return int(text is not None and _ipv4(text) is not None)


def _is_ipv6(text: str | None) -> int:
    return int(text is not None and _ipv6(text) is not None)


def _packed(data: bytes | str) -> bytes:
    """An IPv6 address in its 16 bytes; anything else gives none, and text a warning."""
    if isinstance(data, str):
        current().warn("WRONG_VALUE", "inet6", data)
        return b""
    return data if len(data) == 16 else b""


def _is_compat(data: bytes | str) -> int:
    packed = _packed(data)
    return int(packed[:12] == bytes(12) and int.from_bytes(packed[12:], "big") > 1)


def _is_mapped(data: bytes | str) -> int:
    return int(_packed(data)[:12] == bytes(10) + b"\xff\xff")


register(Function("INET_ATON", _S, 1, 1, fixed(SqlType(Kind.BIGINT, 21, unsigned=True)), _inet_aton))
register(Function("INET_NTOA", (Arg.INTEGER,), 1, 1, text_of(31), _inet_ntoa))
register(Function("INET6_ATON", _S, 1, 1, bytes_of(16), _inet6_aton))
register(Function("INET6_NTOA", _S, 1, 1, text_of(39), _inet6_ntoa, bytes_too=True))
register(Function("IS_IPV4", _S, 1, 1, _FLAG, _is_ipv4, null_aware=True, nullable=False))
register(Function("IS_IPV6", _S, 1, 1, _FLAG, _is_ipv6, null_aware=True, nullable=False))
register(Function("IS_IPV4_COMPAT", _S, 1, 1, _FLAG, _is_compat, bytes_too=True))
register(Function("IS_IPV4_MAPPED", _S, 1, 1, _FLAG, _is_mapped, bytes_too=True))
