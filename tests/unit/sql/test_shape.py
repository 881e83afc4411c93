"""Literals lifted from text are the lexer's, and texts of one shape differ in nothing else."""

from __future__ import annotations

import random
import time

import pytest

from fauna.sql import lexer
from fauna.sql.lexer import ANSI_QUOTES, LITERALS, NO_BACKSLASH_ESCAPES, tokenize
from fauna.sql.parse import parse_full
from fauna.sql.shape import lift, split_statements

_FRAGMENTS = (
    "select", "a", "t1", "`x 1'2`", "`b``c`", "from", "(", ")", ",", "=", "+", "-", "--1", "/", "*", ".", "t.5", "t2.c3", "a1.b2c",
    "1", "0", "42", "2147483647", "2147483648", "9223372036854775808", "18446744073709551616", "007", "1.5", ".5", "3.", "1e5",
    "2.5E-3", "1a", "1e", "0x41", "0b101", "0xZZ", "'a'", "'it''s'", r"'a\'b'", '"d"', '"d""e"', "''", "'é'", "_utf8mb4'x'",
    "_binary 'y'", "N'z'", "-- c 1 'x'\n", "/* 2 'y' */", "# 3 \"\n", "@a", "@@b.c1", "$d1", "é1", "?", "@v1", ":=", "'1' '2'",
)  # fmt: skip


def random_text(rng: random.Random) -> str:
    return "".join(rng.choice(_FRAGMENTS) + rng.choice((" ", " ", "\n", "")) for _ in range(rng.randint(1, 14)))


@pytest.mark.parametrize("flags", [0, ANSI_QUOTES, NO_BACKSLASH_ESCAPES, ANSI_QUOTES | NO_BACKSLASH_ESCAPES])
def test_lifts_what_the_lexer_numbers(flags: int) -> None:
    rng = random.Random(flags)
    lifted_texts = 0
    for _ in range(4000):
        text = random_text(rng)
        lifted = lift(text, flags)
        tokens = tokenize(text, flags)
        if lifted is None or any(token.kind == lexer.ERROR for token in tokens):
            continue
        lifted_texts += 1
        assert list(lifted.literals) == [token.value for token in tokens if token.kind in LITERALS], text
    assert lifted_texts > 2000


def shape(text: str) -> str:
    lifted = lift(text)
    assert lifted is not None
    return lifted.shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 1", "select 2147483647"),
        ("select 'a'", "select ''"),
        ("select 1.50", "select 9.99"),
        ("select 1e5", "select 2.5E-3"),
        ("select 0x41", "select 0x4142"),
        ("select a from t where b = 3000000000", "select a from t where b = 9223372036854775807"),
        ("select 1;", " select 2 "),
        ("insert into t values (1, 'a')", "insert into t values (2, 'b'), (3, 'c')"),
        ("replace into t (a, b) values (1, null)", "replace into t (a, b) values (1, null), (2, null), (3, null)"),
        ("insert into t values (1) on duplicate key update a = 5", "insert into t values (1), (2) on duplicate key update a = 7"),
    ],
)
def test_same_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 1", "select 2147483648"),
        ("select 9223372036854775807", "select 9223372036854775808"),
        ("select 18446744073709551615", "select 18446744073709551616"),
        ("select 1", "select '1'"),
        ("select 1", "select 1.0"),
        ("select 1.5", "select 1.50"),
        ("select 1.5", "select 11.5"),
        ("select 1.5", "select 1.5e0"),
        ("select '1'", "select 0x31"),
        ("select null", "select 1"),
        ("select `1`", "select `2`"),
        ("select t1.a from t1", "select t2.a from t2"),
        ("select _latin1'a'", "select _utf8mb4'a'"),
        ("insert into t values (1), (2)", "insert into t values ('a'), ('b')"),
        ("insert into t select * from (values (1)) x", "insert into t select * from (values (1), (2)) x"),
    ],
)
def test_different_shape(one: str, other: str) -> None:
    assert shape(one) != shape(other)


@pytest.mark.parametrize(
    "text", ["select 1 /*!50000 + 1 */", "select x'41'", "select b'1'", "set @'a' = 1", "select \x01", "grant x to 'a'@'b'"]
)
def test_not_lifted(text: str) -> None:
    assert lift(text) is None


def test_rows_of_an_insert() -> None:
    lifted = lift("INSERT INTO `t` (`a`, b) VALUES (1, 'x'), (2, 'it''s'),\n(3, 'a\\nb') ON DUPLICATE KEY UPDATE a = 9;")
    assert lifted is not None
    assert (lifted.rows, lifted.literals, lifted.tail) == (3, (1, "x", 2, "it's", 3, "a\nb"), (9,))
    assert lifted.text == "INSERT INTO `t` (`a`, b) VALUES (1, 'x') ON DUPLICATE KEY UPDATE a = 9"


def test_rows_of_several_shapes_come_in_segments() -> None:
    lifted = lift("insert into t values (1, null), (2, 'b'), (3, 'c'), (4, null), (now(), 'd')")
    assert lifted is not None
    segments = [lifted, *lifted.more]
    assert [(s.rows, s.literals) for s in segments] == [(1, (1,)), (2, (2, "b", 3, "c")), (1, (4,)), (1, ("d",))]
    assert segments[0].shape == segments[2].shape == shape("insert into t values (7, null)")
    assert all(s.shape == shape(s.text) for s in segments)


def test_collapsed_rows_equal_rows_lifted_one_by_one() -> None:
    rng = random.Random(5)
    values = (
        "1",
        "12345",
        "1234567890",
        "3000000000",
        "'a'",
        "'b,(c)'",
        r"'\'),('",
        '"q"',
        "NULL",
        "1.5",
        "-2",
        "0xFF",
        "NOW()",
        "(1 + 2)",
        "1e3",
    )
    for _ in range(300):
        columns = [rng.sample(values, rng.randint(1, 2)) for _ in range(rng.randint(1, 4))]
        rows = [f"({', '.join(rng.choice(column) for column in columns)})" for _ in range(rng.randint(2, 8))]
        lifted = lift("insert into t values " + ", ".join(rows))
        assert lifted is not None
        singles = [lift("insert into t values " + row) for row in rows]
        segments = [lifted, *lifted.more]
        assert [s.shape for s in segments for _ in range(s.rows)] == [s.shape for s in singles if s is not None]
        assert [v for s in segments for v in s.literals] == [v for s in singles if s is not None for v in s.literals]


def test_the_given_text_parses_to_slots_for_the_literals() -> None:
    lifted = lift("insert into t (a, b) values (1, 'x'), (2, 'y') on duplicate key update b = 'z'")
    assert lifted is not None
    parsed = parse_full(lifted.text)
    assert parsed.literals == len(lifted.literals) // lifted.rows + len(lifted.tail) == 3
    assert parsed.structural == ()


@pytest.mark.parametrize(
    ("text", "structural", "naming"),
    [
        ("select a from t where b = 1 limit 5", (), ()),
        ("select a + 1, 2 as b from t", (), (0,)),
        ("select cast(a as char(3)) as x", (0,), ()),
        ("select 'a' 'b' as x", (0, 1), ()),
        ("select date '2020-01-01' as x, 5 as y", (0,), ()),
        ("create table t (a varchar(10) default 'x')", (0,), ()),
    ],
)
def test_literals_a_shared_plan_must_agree_on(text: str, structural: tuple[int, ...], naming: tuple[int, ...]) -> None:
    parsed = parse_full(text)
    assert (parsed.structural, parsed.naming) == (structural, naming)


def test_a_large_insert_is_lifted_in_linear_time() -> None:
    rows = ",".join(f"({i},'name {i}','some text {i}',{i * 7},NULL)" for i in range(40_000))
    text = f"INSERT INTO t (a,b,c,d,e) VALUES {rows}"
    started = time.perf_counter()
    lifted = lift(text)
    taken_s = time.perf_counter() - started
    assert lifted is not None and lifted.rows == 40_000 and lifted.more == ()
    assert len(text) / taken_s > 5_000_000, "bytes per second; about 40 million on an idle machine"


@pytest.mark.parametrize("piece", ["'\\''", "'\\", '"\\"', "`", "/*", "/*/", "('\\'),(", "1e", "@'", "x'"])
@pytest.mark.parametrize("head", ["select ", "insert into t values (1),(", "insert into t values ('"])
def test_text_that_never_closes_takes_linear_time(piece: str, head: str) -> None:
    text = head + piece * 50_000
    started = time.perf_counter()
    lift(text)
    tokenize(text)
    split_statements(text + ";")
    assert time.perf_counter() - started < 5, "about 0.1 s on an idle machine"


def test_a_shape_too_long_for_a_cache_is_not_lifted() -> None:
    assert lift("select a from t where b in (" + ",".join("1" * 40_000) + ")") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';'; select \";\" /* ; */ -- ;\n; select `;`", ["select ';'", 'select ";" /* ; */ -- ;', "select `;`"]),
        ("/*!40101 set a = 1; */; select 1", ["/*!40101 set a = 1; */", "select 1"]),
        ("select 1;;select 2", ["select 1", "", "select 2"]),
        (";", [""]),
        ("select 'a", ["select 'a"]),
        (r"select 'a\';'; select 2", [r"select 'a\';'", "select 2"]),
    ],
)
def test_split_statements(text: str, expected: list[str]) -> None:
    assert split_statements(text) == expected


def test_split_statements_follows_sql_mode() -> None:
    assert split_statements(r"select 'a\'; select 2", NO_BACKSLASH_ESCAPES) == [r"select 'a\'", "select 2"]
