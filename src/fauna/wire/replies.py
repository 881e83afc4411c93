"""What the server answers: OK, ERR and EOF packets, column definitions, rows.  Pure.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import call
from struct import Struct
from typing import Final

from fauna.catalog.types import (
    BYTES_MAX,
    CHARS,
    INT_WIDTHS,
    INTEGERS,
    NUMERIC,
    Kind,
    SqlType,
    Stored,
)
from fauna.errors import SqlError
from fauna.session.result import ResultColumn, Row
from fauna.wire.charset import UTF8MB4, Charset, charset_of_collation, collation_id
from fauna.wire.framing import frame, frames, lenenc, lenenc_int, pack_header
from fauna.wire.protocol import (
    AUTO_INCREMENT_FLAG,
    BINARY_COLLATION_ID,
    BINARY_FLAG,
    BLOB_FLAG,
    COLUMN_TYPES,
    ENUM_FLAG,
    MULTIPLE_KEY_FLAG,
    MYSQL_TYPE_BLOB,
    MYSQL_TYPE_LONG_BLOB,
    MYSQL_TYPE_MEDIUM_BLOB,
    MYSQL_TYPE_TINY_BLOB,
    NO_DEFAULT_VALUE_FLAG,
    NOT_NULL_FLAG,
    ON_UPDATE_NOW_FLAG,
    PACKET_BYTES_MAX,
    PART_KEY_FLAG,
    PRI_KEY_FLAG,
    SET_FLAG,
    TIMESTAMP_FLAG,
    UNIQUE_KEY_FLAG,
    UNSIGNED_FLAG,
    ZEROFILL_FLAG,
)
from fauna.wire.values import CellEncoder, binary_encoder, text_encoder, utf8_cell

BATCH_BYTES: Final = 128 * 1024  # a result is pulled and written in pieces of about this size
FORMATS_MAX: Final = 2048

_pack_counts: Final = Struct("<HH").pack
_pack_eof: Final = Struct("<IBHH").pack
_pack_ok_eof: Final = Struct("<IBBBHH").pack
_pack_small_ok: Final = Struct("<IBBBHH").pack
_pack_column: Final = Struct("<BHIBHBH").pack


def ok(sequence: int, affected_rows: int, insert_id: int, status: int, warnings: int, info: str = "") -> bytes:
    """An OK packet, framed."""
    if affected_rows < 251 and insert_id < 251 and not info:
        return _pack_small_ok(7 | (sequence & 0xFF) << 24, 0, affected_rows, insert_id, status, min(warnings, 0xFFFF))
    payload = b"\0" + lenenc_int(affected_rows) + lenenc_int(insert_id) + _pack_counts(status, min(warnings, 0xFFFF))
    if info:
        payload += lenenc(info.encode())
    return frame(payload, sequence)


def eof(sequence: int, status: int, warnings: int, deprecate_eof: bool) -> bytes:
    """The end of rows or of definitions: EOF, or OK under another header for clients that want no EOF."""
    if deprecate_eof:
        return _pack_ok_eof(7 | (sequence & 0xFF) << 24, 0xFE, 0, 0, status, min(warnings, 0xFFFF))
    return _pack_eof(5 | (sequence & 0xFF) << 24, 0xFE, min(warnings, 0xFFFF), status)


def err(sequence: int, problem: SqlError, charset: Charset = UTF8MB4, *, before_handshake: bool = False) -> bytes:
    """An ERR packet, framed.  Before the client has said what it speaks there is no SQLSTATE in it."""
    state = b"" if before_handshake else b"#" + problem.sqlstate.encode("ascii", "replace")[:5].ljust(5, b"0")
    message = charset.encode(problem.message[:2048])[:512 * charset.bytes_max]
    return frame(b"\xff" + problem.errno.to_bytes(2, "little") + state + message, sequence)


# --- column definitions ----------------------------------------------------------------------------------------------

_PLAIN_LENGTHS: Final = {Kind.DATE: 10, Kind.YEAR: 4, Kind.FLOAT: 12, Kind.DOUBLE: 22, Kind.BIT: 1, Kind.NULL: 0}
_SECOND_LENGTHS: Final = {Kind.TIME: 10, Kind.DATETIME: 19, Kind.TIMESTAMP: 19}


def column_definition(column: ResultColumn, charset: Charset | None) -> bytes:
    """ColumnDefinition41 without a header.  `charset` is character_set_results; None sends strings as stored."""
    names = charset or UTF8MB4
    sql_type = column.sql_type
    return b"".join((
        b"\x03def",
        lenenc(names.encode(column.schema)),
        lenenc(names.encode(column.table)),
        lenenc(names.encode(column.org_table)),
        lenenc(names.encode(_shown_name(column.name))),
        lenenc(names.encode(column.org_name)),
        _pack_column(
            12,
            _charset_id(sql_type, charset),
            min(_length(column, charset), 0xFFFFFFFF),
            _type_code(column),
            _flags(column),
            _decimals(column),
            0,
        ),
    ))  # fmt: skip


def _shown_name(name: str) -> str:
    """Names are in the system's character set, which has no characters beyond three bytes and shows NUL as \\x00."""
    if name.isascii():
        return name.replace("\0", "\\x00") if "\0" in name else name
    return "".join("?" if char > "\uffff" else char for char in name).replace("\0", "\\x00")


_EXPRESSION_TYPES: Final = {
    Kind.TINYTEXT: MYSQL_TYPE_TINY_BLOB,
    Kind.TINYBLOB: MYSQL_TYPE_TINY_BLOB,
    Kind.MEDIUMTEXT: MYSQL_TYPE_MEDIUM_BLOB,
    Kind.MEDIUMBLOB: MYSQL_TYPE_MEDIUM_BLOB,
    Kind.LONGTEXT: MYSQL_TYPE_LONG_BLOB,
    Kind.LONGBLOB: MYSQL_TYPE_LONG_BLOB,
    Kind.JSON: MYSQL_TYPE_LONG_BLOB,
}


def _type_code(column: ResultColumn) -> int:
    """Long strings of columns are all BLOB; those of expressions say their family, as MariaDB's do."""
    kind = column.sql_type.kind
    return COLUMN_TYPES[kind] if column.org_name else _EXPRESSION_TYPES.get(kind, COLUMN_TYPES[kind])


def _length(column: ResultColumn, charset: Charset | None) -> int:
    """The length field; the long string of an expression is as long as the expression said."""
    sql_type = column.sql_type
    if sql_type.kind not in BYTES_MAX or column.org_name or not sql_type.length:
        return _display_length(sql_type, charset)
    sent = charset_of_collation(collation_id(sql_type.collation)) if charset is None or charset.name == "binary" else charset
    return sql_type.length * (sent.bytes_max if _is_text(sql_type) else 1)


def _is_text(sql_type: SqlType) -> bool:
    return sql_type.kind in _TEXT_KINDS and sql_type.collation != "binary"


_TEXT_KINDS: Final = CHARS | {Kind.ENUM, Kind.SET}


def _charset_id(sql_type: SqlType, charset: Charset | None) -> int:
    if not _is_text(sql_type):
        return BINARY_COLLATION_ID
    if charset is None or charset.name == "binary":
        return collation_id(sql_type.collation)
    return charset.collation_id


def _display_length(sql_type: SqlType, charset: Charset | None) -> int:
    """The length field: bytes, so characters times the longest character of the set they are sent in."""
    kind = sql_type.kind
    if kind in INTEGERS:
        return sql_type.length or INT_WIDTHS[kind][sql_type.unsigned]
    if kind is Kind.DECIMAL:
        return sql_type.length + (1 if sql_type.scale else 0) + (0 if sql_type.unsigned else 1)
    if kind in _SECOND_LENGTHS:
        return _SECOND_LENGTHS[kind] + (sql_type.scale + 1 if sql_type.scale else 0)
    if kind in _PLAIN_LENGTHS:
        return sql_type.length or _PLAIN_LENGTHS[kind]
    own = charset_of_collation(collation_id(sql_type.collation)) if sql_type.collation else UTF8MB4
    sent = own if charset is None or charset.name == "binary" else charset
    if kind in BYTES_MAX:
        bytes_max = BYTES_MAX[kind]
        return bytes_max // own.bytes_min * sent.bytes_max if _is_text(sql_type) else bytes_max
    return _characters(sql_type) * (sent.bytes_max if _is_text(sql_type) else 1)


def _characters(sql_type: SqlType) -> int:
    if sql_type.kind is Kind.ENUM:
        return max((len(member) for member in sql_type.members), default=0)
    if sql_type.kind is Kind.SET:
        return sum(len(member) for member in sql_type.members) + max(len(sql_type.members) - 1, 0)
    return sql_type.length


def _decimals(column: ResultColumn) -> int:
    """The decimals field; MariaDB marks a text that is no stored column as "not fixed"."""
    if not column.org_name and _is_text(column.sql_type):
        return _TEXT_DECIMALS
    return column.sql_type.scale & 0xFF


_TEXT_DECIMALS: Final = 39


_COLUMN_FLAGS: Final = (
    ("primary_key", PRI_KEY_FLAG | PART_KEY_FLAG),
    ("unique_key", UNIQUE_KEY_FLAG | PART_KEY_FLAG),
    ("multiple_key", MULTIPLE_KEY_FLAG | PART_KEY_FLAG),
    ("auto_increment", AUTO_INCREMENT_FLAG),
    ("on_update_now", ON_UPDATE_NOW_FLAG),
    ("no_default", NO_DEFAULT_VALUE_FLAG),
)


def _flags(column: ResultColumn) -> int:
    sql_type = column.sql_type
    kind = sql_type.kind
    flags = 0 if column.nullable else NOT_NULL_FLAG
    for name, flag in _COLUMN_FLAGS:
        if getattr(column, name):
            flags |= flag
    if sql_type.unsigned or kind in _ALWAYS_UNSIGNED:
        flags |= UNSIGNED_FLAG
    if sql_type.zerofill or kind is Kind.YEAR:
        flags |= ZEROFILL_FLAG
    if COLUMN_TYPES[kind] == MYSQL_TYPE_BLOB and column.org_name:
        flags |= BLOB_FLAG
    if kind is Kind.TIMESTAMP and column.on_update_now:
        flags |= TIMESTAMP_FLAG
    if _is_binary(column):
        flags |= BINARY_FLAG
    if kind is Kind.ENUM:
        flags |= ENUM_FLAG
    return flags | SET_FLAG if kind is Kind.SET else flags


_ALWAYS_UNSIGNED: Final = frozenset({Kind.YEAR, Kind.BIT, Kind.TIMESTAMP})


def _is_binary(column: ResultColumn) -> bool:
    """BINARY_FLAG: no text or compared by bytes.  Numbers have it when computed, not when stored: MariaDB's habit."""
    sql_type = column.sql_type
    if sql_type.kind in NUMERIC:
        return not column.org_name
    return not _is_text(sql_type) or sql_type.collation.endswith("_bin")


# --- result sets -----------------------------------------------------------------------------------------------------


class ResultFormat:
    """How the result sets with one tuple of columns are written: the definitions and an encoder per column."""

    __slots__ = ("_definitions", "_pack_short_text", "_prefix", "_start", "binary", "columns", "encoders", "no_nulls")

    def __init__(self, columns: tuple[ResultColumn, ...], binary: bool, charset: Charset | None) -> None:
        self.columns = columns
        self.binary = binary
        make = binary_encoder if binary else text_encoder
        self.encoders: tuple[CellEncoder, ...] = tuple(make(column.sql_type, charset or UTF8MB4) for column in columns)
        self.no_nulls = bytes(1 + (len(columns) + 9) // 8)
        self._start = self.no_nulls if binary else b""
        # Rows of one text are written without a call for each cell.
        self._pack_short_text = Struct(f"<I{len(self._start)}sB").pack if self.encoders == (utf8_cell,) else None
        self._definitions = [column_definition(column, charset) for column in columns]
        self._prefix = self._head(1)

    def _head(self, sequence: int) -> bytes:
        pieces = [frame(lenenc_int(len(self.columns)), sequence)]
        for i, definition in enumerate(self._definitions):
            pieces.append(frame(definition, sequence + 1 + i))
        return b"".join(pieces)

    def head(self, sequence: int) -> bytes:
        """The column count and the definitions; the next sequence id is `sequence + 1 + len(columns)`."""
        return self._prefix if sequence == 1 else self._head(sequence)

    def definitions(self, sequence: int) -> bytes:
        """The definitions alone, as COM_STMT_PREPARE and COM_FIELD_LIST answer them."""
        return b"".join(frame(definition, sequence + i) for i, definition in enumerate(self._definitions))

    def row(self, row: Row) -> bytes:
        """One row without a header."""
        if not self.binary:
            return b"".join(map(call, self.encoders, row))
        if None not in row:
            return self.no_nulls + b"".join(map(call, self.encoders, row))
        return self._row_with_nulls(row)

    def _row_with_nulls(self, row: Row) -> bytes:
        bitmap = 0
        cells: list[bytes] = []
        for i, value in enumerate(row):
            if value is None:
                bitmap |= 1 << (i + 2)
            else:
                cells.append(self.encoders[i](value))
        return b"\0" + bitmap.to_bytes(len(self.no_nulls) - 1, "little") + b"".join(cells)

    def batch(self, rows: Iterator[Row], sequence: int, pieces: list[bytes], bytes_max: int) -> tuple[int, bool]:
        """Append packets for rows until about `bytes_max` bytes or the end: the next sequence id, and whether it is
        the end.  What a row raises passes through; the packets before it are in `pieces` and `sequence` is lost, so
        callers on that path count `pieces`.
        """
        encoders, binary, no_nulls, append = self.encoders, self.binary, self.no_nulls, pieces.append
        pack_short_text, start = self._pack_short_text, self._start
        size = 0
        for row in rows:
            if pack_short_text is not None and type(text := row[0]) is str and (length := len(text)) < 251 and text.isascii():
                append(pack_short_text(length + len(start) + 1 | (sequence & 0xFF) << 24, start, length))
                append(text.encode())
                sequence += 1
                size += length + 7
                if size >= bytes_max:
                    return sequence, False
                continue
            if not binary:
                payload = b"".join(map(call, encoders, row))
            elif None in row:
                payload = self._row_with_nulls(row)
            else:
                payload = no_nulls + b"".join(map(call, encoders, row))
            length = len(payload)
            if length < PACKET_BYTES_MAX:
                append(pack_header(length | (sequence & 0xFF) << 24))
                append(payload)
                sequence += 1
            else:
                split, sequence = frames(payload, sequence)
                pieces.extend(split)
            size += length + 4
            if size >= bytes_max:
                return sequence, False
        return sequence, True


class Formats:
    """The result formats of one protocol and character set, cached by the identity of the column tuple.

    A finished plan answers with the same tuple every time, and hashing it would cost more than writing a row.
    Each entry keeps its tuple alive, so an id is never another tuple's.
    """

    __slots__ = ("_binary", "_charset", "_known")

    def __init__(self, binary: bool, charset: Charset | None) -> None:
        self._binary = binary
        self._charset = charset
        self._known: dict[int, ResultFormat] = {}

    def of(self, columns: tuple[ResultColumn, ...]) -> ResultFormat:
        known = self._known.get(id(columns))
        if known is not None and known.columns is columns:
            return known
        if len(self._known) >= FORMATS_MAX:
            self._known.clear()
        made = self._known[id(columns)] = ResultFormat(columns, self._binary, self._charset)
        return made


_FORMATS: Final[dict[tuple[bool, str], Formats]] = {}


def formats(binary: bool, charset: Charset | None) -> Formats:
    """The one cache for this protocol and character set; there are at most two for each set."""
    key = (binary, charset.name if charset is not None else "")
    known = _FORMATS.get(key)
    if known is None:
        known = _FORMATS[key] = Formats(binary, charset)
    return known


def parameter_definitions(count: int, sequence: int) -> bytes:
    """The definitions of a prepared statement's parameters: as MySQL's, they say nothing."""
    column = ResultColumn("?", SqlType(Kind.VARCHAR, 0, collation="binary"))
    definition = column_definition(column, None)
    return b"".join(frame(definition, sequence + i) for i in range(count))


def prepared(sequence: int, statement_id: int, column_count: int, param_count: int, warnings: int) -> bytes:
    """COM_STMT_PREPARE_OK, framed."""
    payload = Struct("<BIHHBH").pack(0, statement_id, column_count, param_count, 0, warnings)
    return frame(payload, sequence)


def default_value(value: Stored) -> bytes:
    """The default that COM_FIELD_LIST adds to a definition; unknown here, so NULL."""
    return b"\xfb" if value is None else lenenc(str(value).encode())
