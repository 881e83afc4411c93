"""Strings compare, sort and match as in MariaDB 10.11: recorded answers (tools/collation_cases.py), and the laws of keys."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.errors import SqlError
from fauna.sql.collation import casefold_key, compare, equal, ilike, is_supported, like, register_collations, sort_key

CASES: dict[str, list[Any]] = json.loads((Path(__file__).parent / "data/collation_cases.json").read_text(encoding="utf-8"))
TEXTS = st.text(st.sampled_from("aAbZ09_ \t\x01éÉßs你😀"), max_size=5)


@pytest.mark.parametrize("collation", CASES)
def test_compares_as_mariadb(collation: str) -> None:
    order = compare(collation)
    assert [(a, b, order(a, b), answer) for a, b, answer in CASES[collation][0] if order(a, b) != answer] == []


@pytest.mark.parametrize("collation", CASES)
def test_likes_as_mariadb(collation: str) -> None:
    assert [
        (text, pattern, answer) for text, pattern, answer in CASES[collation][1] if like(collation, pattern)(text) != answer
    ] == []


@pytest.mark.parametrize("collation", [*CASES, "utf8mb4_0900_ai_ci", "binary"])
@given(a=TEXTS, b=TEXTS)
def test_keys_order_as_comparisons(collation: str, a: str, b: str) -> None:
    order = compare(collation)(a, b)
    left, right = sort_key(collation)(a), sort_key(collation)(b)
    assert (left > right) - (left < right) == order
    assert (casefold_key(collation)(a) == casefold_key(collation)(b)) == (order == 0)
    assert compare(collation)(b, a) == -order


def test_trailing_spaces() -> None:
    for collation in ("utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"):
        assert equal(collation)("a", "a  ")
        assert compare(collation)("a\t", "a") == -1
        assert compare(collation)("a \t", "a") == -1
    for collation in ("utf8mb4_general_nopad_ci", "utf8mb4_nopad_bin", "utf8mb4_0900_ai_ci", "binary"):
        assert not equal(collation)("a", "a ")


def test_the_issue_s_examples() -> None:
    assert equal("utf8mb4_unicode_ci")("straße", "STRASSE")
    assert not equal("utf8mb4_general_ci")("straße", "STRASSE")
    assert equal("utf8mb4_general_ci")("é", "E")
    assert compare("utf8mb4_general_ci")("Z", "[") == -1
    assert compare("utf8mb4_general_ci")("_", "z") == 1
    assert compare("utf8mb4_unicode_ci")("_", "0") == compare("utf8mb4_unicode_ci")("0", "a") == -1


def test_like_patterns() -> None:
    for pattern, text in product(("abc", "ABC%", "%bc", "%B%", "a_c", "%", "_b%"), ("abc", "aBc", "ábc")):
        assert like("utf8mb4_general_ci", pattern)(text), (pattern, text)
    assert not like("utf8mb4_general_ci", "abc")("abc ")
    assert like("utf8mb4_bin", r"50\%")("50%") and not like("utf8mb4_bin", r"50\%")("500")
    assert like("utf8mb4_bin", "50|%", "|")("50%")
    assert like("utf8mb4_bin", "a\\")("a\\")
    assert like("utf8mb4_bin", "a%b")("a\nb")
    assert ilike(b"\xff_%")(b"\xff\x00") and not ilike(b"a")(b"A")


def test_like_takes_linear_time() -> None:
    assert not like("utf8mb4_general_ci", "%a%a%a%a%a%a%a%a%b")("a" * 20_000)
    assert like("utf8mb4_general_ci", "%ab%abc")("ababcabc")


def test_unknown_and_unsupported() -> None:
    assert is_supported("utf8mb4_general_ci") and not is_supported("utf8mb4_danish_ci")
    with pytest.raises(SqlError) as unknown:
        compare("utf8mb4_klingon_ci")
    assert unknown.value.errno == 1273
    with pytest.raises(SqlError) as unsupported:
        compare("utf8mb4_danish_ci")
    assert unsupported.value.errno == 1235


def test_in_sqlite() -> None:
    connection = apsw.Connection(":memory:")
    register_collations(connection)
    connection.execute("CREATE TABLE t (c TEXT COLLATE utf8mb4_unicode_ci UNIQUE)")
    connection.execute("INSERT INTO t VALUES ('b'), ('É'), ('a'), ('Straße')")
    assert [row[0] for row in connection.execute("SELECT c FROM t ORDER BY c")] == ["a", "b", "É", "Straße"]
    assert connection.execute("SELECT count(*) FROM t WHERE c = 'STRASSE '").get == 1
    with pytest.raises(apsw.ConstraintError):
        connection.execute("INSERT INTO t VALUES ('e')")
