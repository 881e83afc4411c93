"""Stored values <-> the protocol's bytes.  The hottest code of the package, and pure.

Out: `text_encoder` and `binary_encoder` give, for one column, a function from a stored value to the bytes of its
cell; `replies.ResultFormat` keeps one per column and caches them per column tuple.  In: `ParamDecoder` reads the
parameters of COM_STMT_EXECUTE; there is one per list of parameter types, also cached.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from struct import Struct
from typing import Any, Final

from fauna.catalog.types import (
    DATE_TYPE,
    DOUBLE_TYPE,
    INT_WIDTHS,
    INTEGERS,
    NULL_TYPE,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    from_unsigned,
    from_wide,
    time_type,
    to_unsigned,
    to_wide,
    varbinary,
    varchar,
)
from fauna.wire.charset import Charset
from fauna.wire.framing import LENGTHS, NULL, Reader, lenenc, lenenc_int, malformed
from fauna.wire.protocol import (
    MYSQL_TYPE_BIT,
    MYSQL_TYPE_BLOB,
    MYSQL_TYPE_DATE,
    MYSQL_TYPE_DATETIME,
    MYSQL_TYPE_DECIMAL,
    MYSQL_TYPE_DOUBLE,
    MYSQL_TYPE_ENUM,
    MYSQL_TYPE_FLOAT,
    MYSQL_TYPE_GEOMETRY,
    MYSQL_TYPE_INT24,
    MYSQL_TYPE_JSON,
    MYSQL_TYPE_LONG,
    MYSQL_TYPE_LONG_BLOB,
    MYSQL_TYPE_LONGLONG,
    MYSQL_TYPE_MEDIUM_BLOB,
    MYSQL_TYPE_NEWDECIMAL,
    MYSQL_TYPE_NULL,
    MYSQL_TYPE_SET,
    MYSQL_TYPE_SHORT,
    MYSQL_TYPE_STRING,
    MYSQL_TYPE_TIME,
    MYSQL_TYPE_TIMESTAMP,
    MYSQL_TYPE_TINY,
    MYSQL_TYPE_TINY_BLOB,
    MYSQL_TYPE_VAR_STRING,
    MYSQL_TYPE_VARCHAR,
    MYSQL_TYPE_YEAR,
)

# A cell encoder takes any stored value of its column, None included in the text protocol.  `Any`, not `Stored`:
# each branch knows its own type, and checking it for every cell would cost more than the encoding.
CellEncoder = Callable[[Any], bytes]

_MICROS: Final = 1_000_000
_NOT_FIXED: Final = 31  # scale of a FLOAT or DOUBLE without (M,D)


# --- values as text --------------------------------------------------------------------------------------------------


def _fixed(value: float, scale: int) -> str:
    """With so many digits after the point; zeros where the shortest text of a large number has none."""
    if abs(value) >= 1e11:
        shortest = repr(value)
        whole, _, fraction = shortest.partition(".")
        if "e" not in shortest and len(fraction) < scale:
            return f"{whole}.{fraction:0<{scale}}"
    return f"{value:.{scale}f}"


def double_text(value: float, scale: int = _NOT_FIXED) -> str:
    """A DOUBLE as MariaDB prints it: the shortest text that reads back the same, without exponent where MariaDB does."""
    if scale < _NOT_FIXED:
        return _fixed(value, scale)
    if not value:
        return "0"  # also -0.0: MariaDB prints no negative zero
    if not math.isfinite(value):
        return "inf" if value > 0 else "-inf" if value < 0 else "nan"
    return _plain_or_exponent(repr(value))


def float_text(value: float, scale: int = _NOT_FIXED) -> str:
    """A FLOAT: at most six significant digits, as MariaDB prints it."""
    if scale < _NOT_FIXED:
        return _fixed(value, scale)
    if not value or not math.isfinite(value):
        return double_text(value)
    return _plain_or_exponent(f"{value:.6g}")


def _plain_or_exponent(text: str) -> str:
    """Python's shortest digits, laid out as MySQL's my_gcvt() does: exponents from -15 to 14 are written out."""
    sign = ""
    if text[0] == "-":
        sign, text = "-", text[1:]
    mantissa, _, exponent_text = text.partition("e")
    if not exponent_text and len(mantissa) < 16:
        return sign + (mantissa[:-2] if mantissa.endswith(".0") else mantissa)
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    point = len(whole) + int(exponent_text or 0)  # digits before the point
    point -= len(whole + fraction) - len(digits) if whole.strip("0") == "" else 0
    digits = digits.rstrip("0") or "0"
    if -15 < point and (point <= 15 or point < len(digits)):
        return sign + _plain(digits, point)
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{point - 1}"


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return digits[:point] + "." + digits[point:]


def decimal_text(scaled: int, scale: int) -> str:
    """A DECIMAL from its scaled integer."""
    if not scale:
        return str(scaled)
    digits = str(scaled)
    if scaled < 0:
        digits = digits[1:].zfill(scale + 1)
        return "-" + digits[:-scale] + "." + digits[-scale:]
    if len(digits) <= scale:
        digits = digits.zfill(scale + 1)
    return digits[:-scale] + "." + digits[-scale:]


def time_text(micros: int, scale: int) -> str:
    """A TIME from its microseconds."""
    sign = ""
    if micros < 0:
        sign, micros = "-", -micros
    seconds, micros = divmod(micros, _MICROS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{text}.{micros:06d}"[: len(text) + 1 + scale] if scale else text


def bit_bytes(value: int | bytes, bits: int) -> bytes:
    size = (max(bits, 1) + 7) // 8
    return (value if isinstance(value, bytes) else value.to_bytes(8, "big"))[-size:].rjust(size, b"\0")


def _fallback(value: Stored) -> bytes:
    """The cell of a value that is not in its column's form: a fault above us, but not the client's problem."""
    if value is None:
        return NULL
    if isinstance(value, bytes):
        return lenenc(value)
    if isinstance(value, float):
        return lenenc(double_text(value).encode())
    return lenenc(str(value).encode("utf-8", "replace"))


# --- text protocol ---------------------------------------------------------------------------------------------------


def _int_cell(value: Any) -> bytes:
    if value is None:
        return NULL
    try:
        data = b"%d" % value
    except TypeError:
        return _fallback(value)
    return LENGTHS[len(data)] + data


def _unsigned_cell(value: Any) -> bytes:
    if value is None:
        return NULL
    data = b"%d" % (value if isinstance(value, int) else from_unsigned(value))
    return LENGTHS[len(data)] + data


def utf8_cell(value: Any) -> bytes:
    """A text, as either protocol has it."""
    if value is None:
        return NULL
    try:
        data: bytes = value.encode()
    except (AttributeError, UnicodeEncodeError):
        return _fallback(value)
    size = len(data)
    if size < 251:
        return LENGTHS[size] + data
    return lenenc_int(size) + data


def _bytes_cell(value: Any) -> bytes:
    if value is None:
        return NULL
    try:
        size = len(value)
        if size < 251:
            return LENGTHS[size] + value  # type: ignore[no-any-return]
        return lenenc_int(size) + value  # type: ignore[no-any-return]
    except TypeError:
        return _fallback(value)


def _charset_cell(charset: Charset) -> CellEncoder:
    encode = charset.encode

    def cell(value: Any) -> bytes:
        if value is None:
            return NULL
        return lenenc(encode(value)) if isinstance(value, str) else _fallback(value)

    return cell


def _text_cell(text_of: Callable[[Any], str]) -> CellEncoder:
    """An encoder from a function that gives ASCII."""

    def cell(value: Any) -> bytes:
        if value is None:
            return NULL
        try:
            data = text_of(value).encode()
        except (TypeError, ValueError, AttributeError):
            return _fallback(value)
        return LENGTHS[len(data)] + data if len(data) < 251 else lenenc(data)

    return cell


def _decimal_text_of(sql_type: SqlType) -> Callable[[Any], str]:
    scale = sql_type.scale
    width = sql_type.length + (1 if scale else 0) if sql_type.zerofill else 0

    def text_of(value: Any) -> str:
        text = decimal_text(from_wide(value) if isinstance(value, bytes) else value, scale)
        return text.zfill(width) if width else text

    return text_of


def _enum_cell(members: tuple[str, ...], charset: Charset) -> CellEncoder:
    cells = (lenenc(b""), *(lenenc(charset.encode(member)) for member in members))

    def cell(value: Any) -> bytes:
        if value is None:
            return NULL
        try:
            return cells[value]  # type: ignore[no-any-return]
        except (TypeError, IndexError):
            return _fallback(value)

    return cell


def _set_cell(members: tuple[str, ...], charset: Charset) -> CellEncoder:
    def cell(value: Any) -> bytes:
        if value is None:
            return NULL
        if not isinstance(value, (int, bytes)):
            return _fallback(value)
        mask = from_unsigned(value)
        return lenenc(charset.encode(",".join(member for i, member in enumerate(members) if mask >> i & 1)))

    return cell


def _bit_cell(bits: int) -> CellEncoder:
    def cell(value: Any) -> bytes:
        return NULL if value is None else lenenc(bit_bytes(value, bits))

    return cell


def text_encoder(sql_type: SqlType, charset: Charset) -> CellEncoder:
    """The encoder of a column of `sql_type` in the text protocol, strings in `charset`."""
    kind = sql_type.kind
    if kind in INTEGERS:
        if sql_type.zerofill:
            width = sql_type.length or INT_WIDTHS[kind][1]
            return _text_cell(lambda value: str(value if isinstance(value, int) else from_unsigned(value)).zfill(width))
        return _unsigned_cell if sql_type.is_big_unsigned else _int_cell
    if kind is Kind.YEAR:
        return _text_cell("{:04d}".format)
    if kind is Kind.FLOAT:
        return _text_cell(partial(float_text, scale=sql_type.scale))
    if kind is Kind.DOUBLE:
        return _text_cell(partial(double_text, scale=sql_type.scale))
    return _shared_encoder(sql_type, charset) or _text_cell(partial(time_text, scale=sql_type.scale))


def _shared_encoder(sql_type: SqlType, charset: Charset) -> CellEncoder | None:
    """The encoder of kinds that travel alike in both protocols."""
    kind = sql_type.kind
    if kind is Kind.DECIMAL:
        return _text_cell(_decimal_text_of(sql_type))
    if kind is Kind.ENUM:
        return _enum_cell(sql_type.members, charset)
    if kind is Kind.SET:
        return _set_cell(sql_type.members, charset)
    if kind is Kind.BIT:
        return _bit_cell(sql_type.length)
    if kind is Kind.TIME:
        return None
    if kind in _BYTE_KINDS or (sql_type.collation == "binary" and kind in _CHAR_KINDS):
        return _bytes_cell
    if charset.codec == "utf-8" or kind not in _CHAR_KINDS:
        return utf8_cell
    return _charset_cell(charset)


_BYTE_KINDS: Final = frozenset({Kind.BINARY, Kind.VARBINARY, Kind.TINYBLOB, Kind.BLOB, Kind.MEDIUMBLOB, Kind.LONGBLOB})
_CHAR_KINDS: Final = frozenset(
    {Kind.CHAR, Kind.VARCHAR, Kind.TINYTEXT, Kind.TEXT, Kind.MEDIUMTEXT, Kind.LONGTEXT, Kind.JSON}
)


# --- binary protocol -------------------------------------------------------------------------------------------------


def _packed(code: str) -> CellEncoder:
    """A fixed-width number; what does not fit its column's declared width is cut, as C would."""
    pack = Struct("<" + code).pack
    size = Struct("<" + code).size
    mask = (1 << size * 8) - 1

    def cell(value: Any) -> bytes:
        try:
            return pack(value)
        except Exception:  # noqa: BLE001 (struct.error, or a value in another form)
            number = int(value) if isinstance(value, (int, float, str)) else from_unsigned(value)
            return (number & mask).to_bytes(size, "little")

    return cell


_pack_float: Final = Struct("<f").pack
_pack_double: Final = Struct("<d").pack
_pack_date: Final = Struct("<BHBB").pack
_pack_datetime: Final = Struct("<BHBBBBB").pack
_pack_datetime_micros: Final = Struct("<BHBBBBBI").pack
_pack_time: Final = Struct("<BBIBBB").pack
_pack_time_micros: Final = Struct("<BBIBBBI").pack


def _float_binary(value: Any) -> bytes:
    try:
        return _pack_float(value)
    except OverflowError:
        return _pack_float(math.copysign(math.inf, value))


def _double_binary(value: Any) -> bytes:
    return _pack_double(value)


def _unsigned_binary(value: Any) -> bytes:
    return value.to_bytes(8, "little") if isinstance(value, int) else value[::-1]


def _date_binary(value: Any) -> bytes:
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    return _pack_date(4, year, month, day) if year or month or day else b"\0"


def _datetime_binary(value: Any) -> bytes:
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    hour, minute, second = int(value[11:13] or 0), int(value[14:16] or 0), int(value[17:19] or 0)
    micros = int(value[20:].ljust(6, "0")) if len(value) > 20 else 0
    if micros:
        return _pack_datetime_micros(11, year, month, day, hour, minute, second, micros)
    if hour or minute or second:
        return _pack_datetime(7, year, month, day, hour, minute, second)
    return _pack_date(4, year, month, day) if year or month or day else b"\0"


def _time_binary(value: Any) -> bytes:
    if not value:
        return b"\0"
    negative = 1 if value < 0 else 0
    seconds, micros = divmod(abs(value), _MICROS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if micros:
        return _pack_time_micros(12, negative, days, hours, minutes, seconds, micros)
    return _pack_time(8, negative, days, hours, minutes, seconds)


_SIGNED_CODES: Final = {
    Kind.TINYINT: "b", Kind.SMALLINT: "h", Kind.MEDIUMINT: "i", Kind.INT: "i", Kind.BIGINT: "q", Kind.YEAR: "H",
}  # fmt: skip
_PACKED: Final = {code: _packed(code) for code in "bBhHiIqQ"}
_BINARY: Final[dict[Kind, CellEncoder]] = {
    Kind.FLOAT: _float_binary,
    Kind.DOUBLE: _double_binary,
    Kind.DATE: _date_binary,
    Kind.DATETIME: _datetime_binary,
    Kind.TIMESTAMP: _datetime_binary,
    Kind.TIME: _time_binary,
}


def binary_encoder(sql_type: SqlType, charset: Charset) -> CellEncoder:
    """The encoder of a column in the binary protocol; it is never given None (the row's NULL bitmap tells that)."""
    code = _SIGNED_CODES.get(sql_type.kind)
    if code is not None:
        if sql_type.is_big_unsigned:
            return _unsigned_binary
        return _PACKED[code.upper() if sql_type.unsigned else code]
    encoder = _BINARY.get(sql_type.kind) or _shared_encoder(sql_type, charset)
    assert encoder is not None
    return encoder


# --- parameters of COM_STMT_EXECUTE ----------------------------------------------------------------------------------

Param = tuple[SqlType, Stored]
_Read = Callable[[bytes, int], tuple[Param, int]]

_STRING: Final = varchar(16_383)
_LONG_STRING: Final = SqlType(Kind.LONGTEXT, 0xFFFFFFFF, collation="utf8mb4_general_ci")
_BYTES: Final = varbinary(65_535)
_LONG_BYTES: Final = SqlType(Kind.LONGBLOB, 0xFFFFFFFF, collation="binary")

# Wire type -> (struct code, kind); capitals for unsigned.
_FIXED: Final = {
    MYSQL_TYPE_TINY: ("b", Kind.TINYINT), MYSQL_TYPE_SHORT: ("h", Kind.SMALLINT), MYSQL_TYPE_INT24: ("i", Kind.MEDIUMINT),
    MYSQL_TYPE_LONG: ("i", Kind.INT), MYSQL_TYPE_LONGLONG: ("q", Kind.BIGINT), MYSQL_TYPE_YEAR: ("h", Kind.YEAR),
    MYSQL_TYPE_FLOAT: ("f", Kind.FLOAT), MYSQL_TYPE_DOUBLE: ("d", Kind.DOUBLE),
}  # fmt: skip
_TEXT_TYPES: Final = frozenset(
    {MYSQL_TYPE_VARCHAR, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_STRING, MYSQL_TYPE_ENUM, MYSQL_TYPE_SET, MYSQL_TYPE_JSON}
)
_BLOB_TYPES: Final = frozenset(
    {
        MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_BLOB, MYSQL_TYPE_BIT,
        MYSQL_TYPE_GEOMETRY,
    }
)  # fmt: skip


def string_param(data: bytes, charset: Charset) -> Param:
    """A string parameter; bytes that are no text of `charset` stay bytes (mysql2 sends its Buffers as VAR_STRING)."""
    try:
        text = data.decode(charset.codec)
    except UnicodeDecodeError:
        return bytes_param(data)
    return (_STRING if len(text) <= 16_383 else _LONG_STRING), text


def bytes_param(data: bytes) -> Param:
    return (_BYTES if len(data) <= 65_535 else _LONG_BYTES), data


def decimal_param(text: str) -> Param:
    """A DECIMAL parameter, with the precision and scale of its own digits; one that is no number is a string."""
    whole, _, fraction = text.partition(".")
    digits = whole.lstrip("+-") + fraction
    if not (digits.isascii() and digits.isdigit()):
        try:
            number = decimal.Decimal(text)
        except decimal.InvalidOperation:
            return _STRING, text
        if not number.is_finite() or abs(number.adjusted()) > 64:
            return (DOUBLE_TYPE, float(text)) if number.is_finite() else (_STRING, text)
        return decimal_param(format(number, "f"))
    scaled = int(digits)
    sql_type = decimal_type(len(digits), len(fraction))
    if len(fraction) > sql_type.scale or scaled >= 10**sql_type.length:
        return DOUBLE_TYPE, float(text)
    if whole.startswith("-"):
        scaled = -scaled
    return sql_type, to_wide(scaled) if sql_type.wide else scaled


def datetime_param(body: bytes, *, date: bool) -> Param:
    """A DATE or DATETIME/TIMESTAMP parameter of 0, 4, 7 or 11 bytes."""
    if len(body) not in (0, 4, 7, 11):
        raise malformed("a date parameter of an impossible length")
    fields = body.ljust(11, b"\0")
    text = f"{fields[0] | fields[1] << 8:04d}-{fields[2]:02d}-{fields[3]:02d}"
    if date:
        return DATE_TYPE, text
    text = f"{text} {fields[4]:02d}:{fields[5]:02d}:{fields[6]:02d}"
    micros = int.from_bytes(fields[7:11], "little")
    return (_DATETIME_MICROS, f"{text}.{micros:06d}") if micros else (_DATETIME, text)


_DATETIME: Final = datetime_type()
_DATETIME_MICROS: Final = datetime_type(6)
_TIME: Final = time_type()
_TIME_MICROS: Final = time_type(6)


def time_param(body: bytes) -> Param:
    """A TIME parameter of 0, 8 or 12 bytes."""
    if len(body) not in (0, 8, 12):
        raise malformed("a time parameter of an impossible length")
    fields = body.ljust(12, b"\0")
    hours = int.from_bytes(fields[1:5], "little") * 24 + fields[5]
    micros = int.from_bytes(fields[8:12], "little")
    total = ((hours * 60 + fields[6]) * 60 + fields[7]) * _MICROS + micros
    return (_TIME_MICROS if micros else _TIME), -total if fields[0] else total


def _read_lenenc(data: bytes, position: int) -> tuple[bytes, int]:
    if position < len(data) and (size := data[position]) < 251:
        position += 1
        end = position + size
        if end > len(data):
            raise malformed("a parameter is longer than the packet")
        return data[position:end], end
    reader = Reader(data, position)
    return reader.lenenc(), reader.position


def _variable(wire_type: int, charset: Charset) -> Callable[[bytes], Param]:
    """How the bytes of a length-encoded parameter become a value."""
    if wire_type in _TEXT_TYPES:
        return lambda body: string_param(body, charset)
    if wire_type in _BLOB_TYPES:
        return bytes_param
    if wire_type in (MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_DECIMAL):
        return lambda body: decimal_param(body.decode("latin-1"))
    if wire_type == MYSQL_TYPE_DATE:
        return lambda body: datetime_param(body, date=True)
    if wire_type in (MYSQL_TYPE_DATETIME, MYSQL_TYPE_TIMESTAMP):
        return lambda body: datetime_param(body, date=False)
    if wire_type == MYSQL_TYPE_TIME:
        return time_param
    raise malformed(f"unknown parameter type {wire_type}")


def _read_variable(convert: Callable[[bytes], Param], data: bytes, position: int) -> tuple[Param, int]:
    body, position = _read_lenenc(data, position)
    return convert(body), position


class ParamDecoder:
    """Reads the values of parameters with given types; made once per list of types.

    When all are of fixed width and none is NULL (every point query), one struct reads them at once.
    """

    __slots__ = ("_count", "_declared", "_fixed", "_fixed_size", "_long", "_readers", "_unsigned")

    def __init__(self, types: bytes, charset: Charset) -> None:
        """`types`: two bytes per parameter, type and flags, as the packet has them."""
        self._count = len(types) // 2
        self._declared: list[SqlType] = []
        self._readers: list[_Read] = []
        self._long: list[bool] = []
        self._unsigned: list[int] = []
        codes = ""
        for i in range(self._count):
            codes += self._add(i, types[i * 2], bool(types[i * 2 + 1] & 0x80), charset)
        self._fixed = Struct("<" + codes).unpack_from if len(codes) == self._count else None
        self._fixed_size = Struct("<" + codes).size

    def _add(self, i: int, wire_type: int, unsigned: bool, charset: Charset) -> str:
        fixed = _FIXED.get(wire_type)
        self._long.append(wire_type in _TEXT_TYPES)
        if fixed is None:
            self._readers.append(_variable_reader(wire_type, charset))
            self._declared.append(_declared_type(wire_type))
            return ""
        code, kind = fixed
        sql_type = _fixed_type(kind, unsigned)
        code = code.upper() if unsigned and code not in "fd" else code
        if code == "Q":
            self._unsigned.append(i)
        self._readers.append(_fixed_reader(code, sql_type))
        self._declared.append(sql_type)
        return code

    def decode(self, data: bytes, position: int, nulls: bytes, long_data: Mapping[int, bytes], charset: Charset) -> list[Param]:
        """The parameters from `data[position:]`; those in `long_data` came by COM_STMT_SEND_LONG_DATA."""
        if self._fixed is not None and not long_data and not any(nulls):
            if len(data) - position < self._fixed_size:
                raise malformed("parameters are missing")
            values = self._fixed(data, position)
            if not self._unsigned:
                return list(zip(self._declared, values, strict=True))
            return [
                (sql_type, to_unsigned(value) if i in self._unsigned else value)
                for i, (sql_type, value) in enumerate(zip(self._declared, values, strict=True))
            ]
        return self._decode_each(data, position, nulls, long_data, charset)

    def _decode_each(
        self, data: bytes, position: int, nulls: bytes, long_data: Mapping[int, bytes], charset: Charset
    ) -> list[Param]:
        params: list[Param] = []
        for i, read in enumerate(self._readers):
            if i in long_data:
                body = long_data[i]
                params.append(string_param(body, charset) if self._long[i] else bytes_param(body))
            elif nulls[i >> 3] >> (i & 7) & 1:
                params.append((self._declared[i], None))
            else:
                param, position = read(data, position)
                params.append(param)
        return params


def _fixed_type(kind: Kind, unsigned: bool) -> SqlType:
    if kind is Kind.FLOAT:
        return SqlType(kind, 12, _NOT_FIXED)
    if kind is Kind.DOUBLE:
        return DOUBLE_TYPE
    if kind is Kind.YEAR:
        return SqlType(Kind.SMALLINT, 6)
    return SqlType(kind, INT_WIDTHS[kind][unsigned], unsigned=unsigned)


def _fixed_reader(code: str, sql_type: SqlType) -> _Read:
    struct = Struct("<" + code)
    unpack, size = struct.unpack_from, struct.size

    def read(data: bytes, position: int) -> tuple[Param, int]:
        if len(data) - position < size:
            raise malformed("parameters are missing")
        value = unpack(data, position)[0]
        return (sql_type, to_unsigned(value) if code == "Q" else value), position + size

    return read


def _variable_reader(wire_type: int, charset: Charset) -> _Read:
    if wire_type == MYSQL_TYPE_NULL:
        return lambda data, position: ((NULL_TYPE, None), position)
    return partial(_read_variable, _variable(wire_type, charset))


def _declared_type(wire_type: int) -> SqlType:
    """The type of a NULL whose declared type is `wire_type`."""
    if wire_type in _TEXT_TYPES:
        return _STRING
    if wire_type in _BLOB_TYPES:
        return _BYTES
    if wire_type == MYSQL_TYPE_DATE:
        return DATE_TYPE
    if wire_type in (MYSQL_TYPE_DATETIME, MYSQL_TYPE_TIMESTAMP):
        return _DATETIME
    return _TIME if wire_type == MYSQL_TYPE_TIME else NULL_TYPE


@lru_cache(maxsize=1024)
def param_decoder(types: bytes, charset: Charset) -> ParamDecoder:
    """The decoder for these parameter types; malformed-packet error for a type there is none of."""
    return ParamDecoder(types, charset)
