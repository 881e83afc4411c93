"""No function fails in a way that SQL has no error for, whatever it is given."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fauna.catalog.types import Kind, SqlType
from fauna.errors import SqlError
from fauna.sql.context import StatementContext, using
from fauna.sql.functions import load
from fauna.sql.functions.registry import Arg, ArgInfo, Function
from fauna.sql.functions.sqlite import wrapped
from tests.unit.sql.functions.evaluate import COLLATION, SESSION

ROUNDS = 1500
TEXTS = (
    "", " ", "a", "é", "😀", "\0", "abc\0def", "ß", "0", "-1", "12", "1e400", "2024-01-01", "2024-02-30 25:61:61", "0000-00-00",
    "10:11:12.123456", "-838:59:59", "99999999999999999999", "$", "$.a", "$[0]", "$**", "$[", "{", '{"a":1}', "[1,[2]]", '"\\u00', "null",
    "%Y-%m-%d", "%", "%%", "%q", "(", "[", "a*", "(a", "\\", "one", "all", "+25:00", "Europe/Berlin", "../../etc/passwd", "{:}", "{0:9}",
    "1.2.3.4", "::1", "x" * 300, "\ud7ff", "YYYY", "²", "١٢", "9" * 5000, "[" * 5000, '{"a":' * 5000, "$[" + "9" * 5000 + "]", "-" * 5000, "{:99999999999}",
    "2024-01-01 " * 100, "(" * 500, "1" * 20 + "-1-1", "last", "$[last-99]", "%f%j%U%X", "٣:٣:٣",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 10, 36, 64, 65, 255, 256, 10**6, 20240101, 20240101101010, -(2**63), 2**63 - 1, 2**31, 99999999999999)
UNITS = ("DAY", "MONTH", "SECOND", "MICROSECOND", "DAY_MICROSECOND", "YEAR_MONTH", "WEEK", "HOUR_SECOND")
DATES = ("2024-02-29", "0000-00-00", "0001-01-01", "9999-12-31", "2024-00-10", "1970-01-01", "2038-01-19")
FLOATS = (0.0, -0.0, 1.5, -1e308, 1e308, 5e-324, 1e15, -2.5)


def _bytes_of(chance: random.Random) -> bytes:
    return chance.choice((b"", b"\0", b"\xff" * 16, bytes(16), b"abc", b"\xc3", b"\x03\0\0\0x\x9cK", b"1.2.3.4"))


def _value(form: Arg, chance: random.Random) -> tuple[Any, str]:
    """(a value of this form as SQLite would hand it over, its type letter)."""
    if chance.random() < 0.1:
        return None, "n"
    if form is Arg.ANY or form is Arg.TEMPORAL:
        form = chance.choice((Arg.STRING, Arg.BYTES, Arg.INTEGER, Arg.REAL, Arg.DECIMAL, Arg.DATETIME, Arg.DATE, Arg.TIME))
    date = chance.choice(DATES)
    match form:
        case Arg.INTEGER:
            return (chance.choice(NUMBERS), "i") if chance.random() < 0.9 else (b"\xff" * 8, "i")
        case Arg.REAL:
            return chance.choice(FLOATS), "r"
        case Arg.DECIMAL:
            return chance.choice(("0", "1.5", "-0.5", "123456789012345678901234567890.123", "0.000000001", "2024.5")), "d"
        case Arg.DATETIME:
            return f"{date} {chance.choice(('00:00:00', '23:59:59.999999', '10:11:12.5'))}", "T"
        case Arg.DATE:
            return date, "D"
        case Arg.TIME:
            return chance.choice((0, 1, -1, 3_020_399_000_000, -3_020_399_000_000, 36_000_000_000)), "t"
        case Arg.BYTES:
            # A function of bytes may say so of text: MAKE_SET, CONCAT_WS.
            return (_bytes_of(chance), "x") if chance.random() < 0.9 else (chance.choice(TEXTS), "s")
        case _:
            return chance.choice(TEXTS), "s"


def _arguments(function: Function, chance: random.Random) -> list[Any]:
    most = function.max_args if function.max_args is not None else function.min_args + 4
    count = chance.randint(function.min_args, most)
    if function.name.startswith("JSON_") and function.max_args is None and Arg.ANY in function.args:
        count += (count + function.min_args) % 2  # pairs
    values: list[Any] = []
    letters = ""
    for index in range(count):
        form = function.args[min(index, len(function.args) - 1)]
        keyword = function.name == "GET_FORMAT"
        value, letter = (
            (chance.choice(("DATE", "TIME") if keyword else UNITS), "s") if form is Arg.KEYWORD else _value(form, chance)
        )
        if form is Arg.STRING and function.bytes_too and chance.random() < 0.1:
            value = _bytes_of(chance)
        values.append(value)
        letters += letter
    values += [SESSION[name] for name in function.session]
    if function.pass_scale:
        values.append(chance.randint(0, 6))
    if function.collate_args:
        values.append(chance.choice((COLLATION, "utf8mb4_bin", "binary")))
    return [*values, letters] if function.pass_types else values


SKIPPED = {"SLEEP", "GET_LOCK", "UUID_TO_BIN"}


@pytest.mark.parametrize("name", sorted(set(load()) - SKIPPED))
def test_any_input(name: str) -> None:
    function = load()[name]
    if function.call is None:
        return
    run = wrapped(function)
    chance = random.Random(name)
    with using(StatementContext(max_allowed_packet=100_000)):
        for _ in range(ROUNDS):
            values = _arguments(function, chance)
            try:
                result = run(*values)
            except SqlError:
                continue
            except Exception as err:
                raise AssertionError(f"{name}{tuple(values)!r}") from err
            assert result is None or isinstance(result, (int, float, str, bytes)), (name, values, result)
            if isinstance(result, int):
                assert -(2**63) <= result < 2**63, (name, values, result)
            if isinstance(result, str):
                result.encode("utf-8")


@pytest.mark.parametrize("name", sorted(load()))
def test_type_rules_take_any_type(name: str) -> None:
    function = load()[name]
    types = [SqlType(Kind.INT, 11), SqlType(Kind.VARCHAR, 5, collation=COLLATION), SqlType(Kind.NULL), SqlType(Kind.LONGBLOB, collation="binary"),
             SqlType(Kind.DECIMAL, 30, 10, wide=True), SqlType(Kind.DOUBLE, 22, 31), SqlType(Kind.TIME, 0, 3), SqlType(Kind.ENUM, members=("a",)),
             SqlType(Kind.BIT, 64), SqlType(Kind.JSON), SqlType(Kind.YEAR, 4)]  # fmt: skip
    count = function.min_args
    for sql_type in types:
        infos = [
            ArgInfo(
                sql_type,
                True,
                lambda index=index: "DAY" if function.args[min(index, len(function.args) - 1)] is Arg.KEYWORD else None,
            )  # type: ignore[misc]
            for index in range(count)
        ]
        try:
            result = function.result(infos)
        except SqlError:
            continue
        assert isinstance(result, SqlType)
