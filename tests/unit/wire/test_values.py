"""Stored values to cells and parameters back, without a socket.  The float texts were compared with MariaDB 10.11."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.catalog.types import (
    DATE_TYPE,
    INT_TYPE,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    datetime_type,
    decimal_type,
    from_wide,
    time_type,
    to_wide,
    varchar,
)
from fauna.errors import SqlError
from fauna.wire.charset import CHARSETS, UTF8MB4
from fauna.wire.framing import NULL, lenenc
from fauna.wire.values import (
    binary_encoder,
    datetime_param,
    decimal_param,
    decimal_text,
    double_text,
    float_text,
    param_decoder,
    string_param,
    text_encoder,
    time_param,
    time_text,
)

MEMBERS = ("red", "grün", "blue")


@pytest.mark.parametrize(
    ("sql_type", "stored", "text"),
    [
        (INT_TYPE, -7, b"-7"),
        (SqlType(Kind.INT, 5, unsigned=True, zerofill=True), 42, b"00042"),
        (UBIGINT_TYPE, (2**64 - 1).to_bytes(8, "big"), b"18446744073709551615"),
        (UBIGINT_TYPE, 5, b"5"),
        (SqlType(Kind.YEAR), 1999, b"1999"),
        (SqlType(Kind.YEAR), 0, b"0000"),
        (decimal_type(10, 2), -5, b"-0.05"),
        (decimal_type(10, 2), 123456, b"1234.56"),
        (decimal_type(30, 4), to_wide(-(10**25)), b"-1000000000000000000000.0000"),
        (decimal_type(10, 0), 12, b"12"),
        (SqlType(Kind.FLOAT, 12, 31), 0.1, b"0.1"),
        (SqlType(Kind.DOUBLE, 22, 31), 1e20, b"1e20"),
        (SqlType(Kind.DOUBLE, 10, 3), 1.0, b"1.000"),
        (SqlType(Kind.BIT, 9), 257, b"\x01\x01"),
        (SqlType(Kind.BIT, 64), b"\xff" * 8, b"\xff" * 8),
        (DATE_TYPE, "2024-02-29", b"2024-02-29"),
        (datetime_type(3), "2024-02-29 01:02:03.456", b"2024-02-29 01:02:03.456"),
        (time_type(), -3020399 * 10**6, b"-838:59:59"),
        (time_type(2), 1_230_000, b"00:00:01.23"),
        (varchar(10), "grün", "grün".encode()),
        (SqlType(Kind.BLOB, collation="binary"), b"\x00\xff", b"\x00\xff"),
        (SqlType(Kind.ENUM, members=MEMBERS, collation="utf8mb4_general_ci"), 2, "grün".encode()),
        (SqlType(Kind.ENUM, members=MEMBERS, collation="utf8mb4_general_ci"), 0, b""),
        (SqlType(Kind.SET, members=MEMBERS, collation="utf8mb4_general_ci"), 5, b"red,blue"),
        (SqlType(Kind.JSON, collation="utf8mb4_bin"), '{"a": 1}', b'{"a": 1}'),
    ],
)
def test_text_cells(sql_type: SqlType, stored: object, text: bytes) -> None:
    encode = text_encoder(sql_type, UTF8MB4)
    assert encode(stored) == lenenc(text)
    assert encode(None) == NULL


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (1e14, "100000000000000"), (1e15, "1e15"), (1e-15, "0.000000000000001"),
        (1e-16, "1e-16"), (4023575200740907.5, "4023575200740907.5"), (1.2345678901234568e16, "1.2345678901234568e16"),
        (1e300, "1e300"), (1.7976931348623157e308, "1.7976931348623157e308"), (0.1, "0.1"),
    ],
)  # fmt: skip
def test_double_text(value: float, text: str) -> None:
    assert double_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(16777216.0, "16777200"), (0.1, "0.1"), (1e20, "1e20"), (999999.5, "1000000")])
def test_float_text_has_six_digits(value: float, text: str) -> None:
    assert float_text(struct.unpack("<f", struct.pack("<f", value))[0]) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_text_reads_back(value: float) -> None:
    assert float(double_text(value)) == value


@given(st.integers(-(10**64), 10**64), st.integers(0, 38))
def test_decimal_text_reads_back(scaled: int, scale: int) -> None:
    assert int(Decimal(decimal_text(scaled, scale)).scaleb(scale, __import__("decimal").Context(prec=200))) == scaled


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20))
def test_decimal_param_reads_back(value: Decimal) -> None:
    sql_type, stored = decimal_param(format(value, "f"))
    assert sql_type.scale == 4
    assert sql_type.wide == isinstance(stored, bytes)
    scaled = from_wide(stored) if isinstance(stored, bytes) else stored
    assert isinstance(scaled, int)
    assert Decimal(scaled).scaleb(-4) == value


@pytest.mark.parametrize("text", ["", "abc", "1e5", "-", "1.2.3", "NaN", "9" * 100, "0." + "1" * 60, "inf", "1e999999"])
def test_odd_decimal_params_are_values(text: str) -> None:
    sql_type, stored = decimal_param(text)
    assert stored is not None
    assert sql_type.kind in (Kind.DECIMAL, Kind.DOUBLE, Kind.VARCHAR)


def test_binary_cells() -> None:
    assert binary_encoder(INT_TYPE, UTF8MB4)(-2) == struct.pack("<i", -2)
    assert binary_encoder(UBIGINT_TYPE, UTF8MB4)((2**64 - 1).to_bytes(8, "big")) == b"\xff" * 8
    assert binary_encoder(SqlType(Kind.TINYINT), UTF8MB4)(300) == bytes((300 & 0xFF,))  # cut, as C does
    assert binary_encoder(DATE_TYPE, UTF8MB4)("0000-00-00") == b"\0"
    assert binary_encoder(datetime_type(6), UTF8MB4)("2024-01-02 03:04:05.000006")[0] == 11
    assert binary_encoder(datetime_type(3), UTF8MB4)("2024-01-02 00:00:00.000") == struct.pack("<BHBB", 4, 2024, 1, 2)
    assert binary_encoder(time_type(), UTF8MB4)(0) == b"\0"
    assert binary_encoder(SqlType(Kind.YEAR), UTF8MB4)(2024) == struct.pack("<H", 2024)
    assert binary_encoder(decimal_type(5, 1), UTF8MB4)(15) == lenenc(b"1.5")


@given(st.integers(-3020399999999, 3020399999999))
def test_time_goes_out_and_comes_back(micros: int) -> None:
    cell = binary_encoder(time_type(6), UTF8MB4)(micros)
    assert time_param(cell[1:])[1] == micros
    assert time_text(micros, 6).lstrip("-").count(":") == 2


@given(st.datetimes())
def test_datetime_goes_out_and_comes_back(value: object) -> None:
    text = f"{value:%Y-%m-%d %H:%M:%S.%f}".rjust(26, "0")
    cell = binary_encoder(datetime_type(6), UTF8MB4)(text)
    stored = datetime_param(cell[1:], date=False)[1]
    assert isinstance(stored, str)
    assert stored == (text if not text.endswith(".000000") else text[:-7])


def test_a_value_in_the_wrong_form_is_still_a_cell() -> None:
    for sql_type in (INT_TYPE, varchar(5), decimal_type(5, 1), DATE_TYPE, time_type(), SqlType(Kind.BLOB, collation="binary")):
        for value in (1, "x", b"y", 1.5):
            assert isinstance(text_encoder(sql_type, UTF8MB4)(value), bytes)


def test_latin1_is_cp1252() -> None:
    latin1 = CHARSETS["latin1"]
    assert latin1.encode("€ä日") == b"\x80\xe4?"
    assert latin1.decode(bytes(range(256))).encode("cp1252", "fauna-cp1252") == bytes(range(256))
    assert text_encoder(varchar(5), latin1)("€") == b"\x01\x80"


def test_string_param_of_no_text_stays_bytes() -> None:
    assert string_param(b"\xff\xfe", UTF8MB4)[1] == b"\xff\xfe"
    assert string_param("ä".encode(), UTF8MB4) == (varchar(16383), "ä")


def test_params_of_fixed_width_and_mixed() -> None:
    fixed = param_decoder(bytes((3, 0, 8, 0x80, 5, 0)), UTF8MB4)
    data = struct.pack("<iQd", -1, 2**64 - 1, 0.5)
    values = [value for _, value in fixed.decode(data, 0, b"\0", {}, UTF8MB4)]
    assert values == [-1, b"\xff" * 8, 0.5]
    mixed = param_decoder(bytes((3, 0, 253, 0, 12, 0)), UTF8MB4)
    data = struct.pack("<i", 9) + lenenc("ü".encode()) + b"\x04" + struct.pack("<HBB", 2024, 5, 6)
    values = [value for _, value in mixed.decode(data, 0, b"\0", {}, UTF8MB4)]
    assert values == [9, "ü", "2024-05-06 00:00:00"]
    values = [value for _, value in mixed.decode(struct.pack("<i", 9), 0, b"\x04", {1: b"long"}, UTF8MB4)]
    assert values == [9, "long", None]


@given(st.binary(max_size=40), st.lists(st.integers(0, 255), max_size=6), st.binary(min_size=1, max_size=1))
def test_arbitrary_params_are_values_or_malformed(data: bytes, types: list[int], nulls: bytes) -> None:
    try:
        decoder = param_decoder(bytes(byte for one in types for byte in (one, 0)), UTF8MB4)
        params = decoder.decode(data, 0, nulls, {}, UTF8MB4)
    except SqlError:
        return
    assert len(params) == len(types)
