"""XA statements, as MariaDB reads them; CONVERT XID is MySQL's."""

from __future__ import annotations

from typing import Final

from fauna.sql.ast import Statement, XaCommit, XaEnd, XaPrepare, XaRecover, XaRollback, XaStart
from fauna.sql.lexer import BIT, DECIMAL, FLOAT, HEX, INTEGER, STRING, read_float
from fauna.sql.parse.core import Stream
from fauna.txn.xid import Xid

PART_BYTES_MAX: Final = 64
FORMAT_ID_MAX: Final = (1 << 31) - 1


def xa(p: Stream) -> Statement:
    p.advance()
    match p.expect_any("START", "BEGIN", "END", "PREPARE", "COMMIT", "ROLLBACK", "RECOVER"):
        case "START" | "BEGIN":
            return XaStart(_xid(p), p.accept_any("JOIN", "RESUME"))
        case "END":
            return XaEnd(_xid(p), _suspend(p))
        case "PREPARE":
            return XaPrepare(_xid(p))
        case "COMMIT":
            return XaCommit(_xid(p), _one_phase(p))
        case "ROLLBACK":
            return XaRollback(_xid(p))
    return _recover(p)


def _suspend(p: Stream) -> bool:
    """[SUSPEND [FOR MIGRATE]]"""
    if not p.accept("SUSPEND"):
        return False
    if p.accept("FOR"):
        p.expect("MIGRATE")
    return True


def _one_phase(p: Stream) -> bool:
    if not p.accept("ONE"):
        return False
    p.expect("PHASE")
    return True


def _recover(p: Stream) -> XaRecover:
    """[FORMAT = 'RAW' | 'SQL'], [CONVERT XID]"""
    if p.accept("FORMAT"):
        p.expect("=")
        return XaRecover(p.name_or_string())
    if p.accept("CONVERT"):
        p.expect("XID")
        return XaRecover("HEX")
    return XaRecover()


def _xid(p: Stream) -> Xid:
    """gtrid [, bqual [, formatID]]"""
    gtrid = _part(p)
    if not p.accept(","):
        return Xid(gtrid)
    bqual = _part(p)
    return Xid(gtrid, bqual, _format_id(p)) if p.accept(",") else Xid(gtrid, bqual)


def _part(p: Stream) -> bytes:
    if p.token.kind not in (STRING, HEX, BIT):
        p.fail()
    value = p.advance().value
    part = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    if len(part) > PART_BYTES_MAX:
        p.fail()
    return part


def _format_id(p: Stream) -> int:
    """A number, rounded down, or 0x…; x'…' and 0b… are not numbers here."""
    token = p.token
    number: int | float
    if token.kind == INTEGER:
        number = int(str(token.value))
    elif token.kind in (DECIMAL, FLOAT):
        number = read_float(str(token.value))
    elif token.kind == HEX and isinstance(token.value, bytes) and p.text[token.start] == "0":
        number = int.from_bytes(token.value, "big")
    else:
        p.fail()
    if number > FORMAT_ID_MAX:
        p.fail()
    p.advance()
    return int(number)
