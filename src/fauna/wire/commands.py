"""The commands' own packets: one dataclass for each COM_* that carries more than a number or a text.  Pure.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html

COM_QUERY, COM_INIT_DB and COM_STMT_PREPARE are a byte and a text; COM_PING, COM_QUIT, COM_STATISTICS and
COM_RESET_CONNECTION are one byte: `command_phase` reads those in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as struct_error
from typing import Final

from fauna.wire.framing import malformed


@dataclass(frozen=True, slots=True)
class ComFieldList:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_field_list.html"""

    table: bytes
    wildcard: bytes

    @classmethod
    def parse(cls, payload: bytes) -> ComFieldList:
        table, _, wildcard = payload[1:].partition(b"\0")
        return cls(table, wildcard.rstrip(b"\0"))


@dataclass(frozen=True, slots=True)
class ComProcessKill:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_process_kill.html"""

    connection_id: int

    @classmethod
    def parse(cls, payload: bytes) -> ComProcessKill:
        return cls(_unpack(_ONE_INT, payload)[0])


@dataclass(frozen=True, slots=True)
class ComSetOption:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_set_option.html"""

    option: int

    @classmethod
    def parse(cls, payload: bytes) -> ComSetOption:
        return cls(_unpack(_ONE_SHORT, payload)[0])


@dataclass(frozen=True, slots=True)
class ComStmtSendLongData:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_send_long_data.html"""

    statement_id: int
    param_id: int
    data: bytes

    @classmethod
    def parse(cls, payload: bytes) -> ComStmtSendLongData:
        statement_id, param_id = _unpack(_INT_SHORT, payload)
        return cls(statement_id, param_id, payload[7:])


@dataclass(frozen=True, slots=True)
class ComStmtFetch:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_fetch.html"""

    statement_id: int
    row_count: int

    @classmethod
    def parse(cls, payload: bytes) -> ComStmtFetch:
        return cls(*_unpack(_TWO_INTS, payload))


@dataclass(frozen=True, slots=True)
class ComStmtClose:
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_close.html

    COM_STMT_RESET has the same form.
    """

    statement_id: int

    @classmethod
    def parse(cls, payload: bytes) -> ComStmtClose:
        return cls(_unpack(_ONE_INT, payload)[0])


_ONE_INT: Final = Struct("<I")
_ONE_SHORT: Final = Struct("<H")
_TWO_INTS: Final = Struct("<II")
_INT_SHORT: Final = Struct("<IH")
# COM_STMT_EXECUTE: statement id, cursor flags, iteration count.  The parameters that follow are read by
# `values.ParamDecoder`, because their form depends on the statement.
# https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
_EXECUTE: Final = Struct("<IBI").unpack_from
EXECUTE_HEAD_BYTES: Final = 10


def execute_head(payload: bytes) -> tuple[int, int]:
    """COM_STMT_EXECUTE's statement id and cursor flags."""
    try:
        statement_id, flags, _ = _EXECUTE(payload, 1)
    except struct_error:
        raise malformed("COM_STMT_EXECUTE is too short") from None
    return statement_id, flags


def _unpack(struct: Struct, payload: bytes) -> tuple[int, ...]:
    try:
        return struct.unpack_from(payload, 1)
    except struct_error:
        raise malformed("a command is too short") from None
