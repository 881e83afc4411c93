"""A row's slot: well spread, the same for values that MySQL's comparison takes for equal, and the same for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fauna.catalog.schema import Column
from fauna.catalog.shard_slots import Slot, comparison_class, slot_function
from fauna.catalog.slot_map import SLOTS, SlotMap
from fauna.catalog.types import (
    BIGINT_TYPE,
    INT_TYPE,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    to_unsigned,
    to_wide,
    varbinary,
    varchar,
)
from fauna.sql.collation import casefold_key, equal

KEYS = 100_000


def slots(*types: SqlType) -> Slot:
    return slot_function([Column(f"c{at}", at, sql_type) for at, sql_type in enumerate(types)], casefold_key)


def of(sql_type: SqlType, value: Stored) -> int:
    return slots(sql_type)((value,))


def shares(slot: Slot, keys: Iterable[tuple[Stored, ...]], shards: int) -> list[float]:
    """How many keys each shard has, in parts of an even share."""
    owners = SlotMap.even(shards).owners
    found = Counter(owners[slot(key)] for key in keys)
    even = sum(found.values()) / shards
    return [found[shard] / even for shard in range(shards)]


# ── spread ───────────────────────────────────────────────────────────────────────────────────────────────────────

FIBONACCI = 832_040  # every so many integers are what a multiplication by the golden ratio alone sends to one place
SERIES: dict[str, tuple[SqlType, Callable[[int], Stored]]] = {
    "sequential integers": (BIGINT_TYPE, lambda n: n),
    "negative integers": (BIGINT_TYPE, lambda n: -n),
    "every tenth": (BIGINT_TYPE, lambda n: n * 10),
    "even ones": (BIGINT_TYPE, lambda n: n * 2),
    "powers of two apart": (BIGINT_TYPE, lambda n: n << 40),
    "a Fibonacci number apart": (BIGINT_TYPE, lambda n: n * FIBONACCI),
    "times in microseconds": (BIGINT_TYPE, lambda n: 1_790_000_000_000_000 + n * 1_000_000),
    "big unsigned": (UBIGINT_TYPE, lambda n: to_unsigned((1 << 64) - 1 - n)),
    "prices": (decimal_type(10, 2), lambda n: n),
    "wide decimals": (decimal_type(40, 4), lambda n: to_wide(n * 10**20)),
    "words": (varchar(20), lambda n: f"user{n}"),
    "padded numbers": (varchar(20), lambda n: f"{n:012d}"),
    "uuids of a counter": (varchar(36), lambda n: f"{n:08x}-0000-4000-8000-000000000000"),
    "bytes": (varbinary(16), lambda n: n.to_bytes(16, "big")),
    "seconds": (
        datetime_type(),
        lambda n: f"2026-{n // 86400 % 12 + 1:02d}-01 {n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}",
    ),
}


@pytest.mark.parametrize("shards", [2, 4, 7])
@pytest.mark.parametrize("series", SERIES)
def test_spread(series: str, shards: int) -> None:
    sql_type, value = SERIES[series]
    found = shares(slots(sql_type), ((value(n),) for n in range(KEYS)), shards)
    assert all(0.95 < share < 1.05 for share in found), found


@pytest.mark.parametrize("shards", [2, 4, 7])
def test_spread_of_two_columns(shards: int) -> None:
    slot = slots(INT_TYPE, varchar(10))
    for keys in (((n, "a") for n in range(KEYS)), ((n % 300, f"k{n // 300}") for n in range(KEYS))):
        found = shares(slot, keys, shards)
        assert all(0.95 < share < 1.05 for share in found), found


def test_spread_over_slots() -> None:
    """Slots are what resharding moves: none is much fuller than another."""
    slot = slots(BIGINT_TYPE)
    found = Counter(slot((n,)) for n in range(SLOTS * 100))
    assert len(found) == SLOTS and min(found.values()) > 50 and max(found.values()) < 160


def test_order_of_columns_matters() -> None:
    slot = slots(INT_TYPE, INT_TYPE)
    assert sum(slot((n, n + 1)) == slot((n + 1, n)) for n in range(1000)) < 10


# ── equal values ─────────────────────────────────────────────────────────────────────────────────────────────────

COLLATIONS = (
    "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_bin", "utf8mb4_nopad_bin", "utf8mb4_0900_ai_ci",
    "utf8mb4_general_nopad_ci", "latin1_swedish_ci", "utf8mb4_turkish_ci",
)  # fmt: skip
letters = st.text("aAäÄßsS İiIıéeE\t\0\u0301", max_size=5) | st.text(st.characters(codec="utf-8"), max_size=4)


@given(collation=st.sampled_from(COLLATIONS), a=letters, b=letters, spaces=st.integers(0, 3))
@example(collation="utf8mb4_general_ci", a="a", b="A", spaces=2)
@example(collation="utf8mb4_unicode_ci", a="ß", b="ss", spaces=0)
def test_equal_texts_have_one_slot(collation: str, a: str, b: str, spaces: int) -> None:
    slot = slots(varchar(20, collation))
    for other in (b, a.upper(), a.lower(), a + " " * spaces):
        if equal(collation)(a, other):
            assert slot((a,)) == slot((other,))


def test_case_and_padding() -> None:
    ci, exact = varchar(10), varchar(10, "utf8mb4_nopad_bin")
    assert of(ci, "Straße") == of(ci, "STRAßE  ") == of(ci, "straße")
    assert of(exact, "a") != of(exact, "A") and of(exact, "a") != of(exact, "a ")


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_one_number_in_every_exact_type(number: int) -> None:
    same = {
        of(BIGINT_TYPE, number), of(decimal_type(19, 0), to_wide(number)), of(decimal_type(40, 10), to_wide(number * 10**10)),
    }  # fmt: skip
    if abs(number) < 10**15:
        same |= {of(decimal_type(18, 3), number * 1000)}
    if number >= 0:
        same |= {of(UBIGINT_TYPE, number), of(SqlType(Kind.BIT, 63), number)}
    assert len(same) == 1


@given(st.integers(1 << 63, (1 << 64) - 1))
def test_one_number_beyond_a_signed_bigint(number: int) -> None:
    assert of(UBIGINT_TYPE, to_unsigned(number)) == of(decimal_type(20, 0), to_wide(number))


@given(st.integers(-(10**30), 10**30), st.integers(0, 8))
def test_decimals_without_the_zeros_at_their_end(scaled: int, zeros: int) -> None:
    assert of(decimal_type(60, 4), to_wide(scaled)) == of(decimal_type(60, 4 + zeros), to_wide(scaled * 10**zeros))


@given(st.datetimes(), st.integers(0, 6), st.integers(0, 6))
@example(datetime(2026, 1, 1), 0, 3)
def test_one_time_in_every_precision(moment: datetime, digits: int, other: int) -> None:
    text = moment.isoformat(" ")[:19]

    def stored(scale: int) -> str:
        return text + ("." + "0" * scale if scale else "")

    assert of(datetime_type(digits), stored(digits)) == of(datetime_type(other), stored(other))


def test_a_date_is_its_midnight() -> None:
    assert of(SqlType(Kind.DATE), "2026-10-20") == of(datetime_type(6), "2026-10-20 00:00:00.000000")
    assert of(SqlType(Kind.DATE), "2026-10-20") != of(datetime_type(), "2026-10-20 00:00:01")
    assert of(datetime_type(1), "2026-10-20 10:00:00.0") == of(datetime_type(), "2026-10-20 10:00:00")


def test_enums_and_sets_by_their_text() -> None:
    a = SqlType(Kind.ENUM, members=("red", "green"), collation="utf8mb4_general_ci")
    b = SqlType(Kind.ENUM, members=("GREEN", "blue", "red"), collation="utf8mb4_general_ci")
    assert of(a, 2) == of(b, 1) == of(varchar(9), "green") and of(a, 1) == of(b, 3)
    assert of(a, 0) == of(varchar(9), "")
    s = SqlType(Kind.SET, members=("x", "y"), collation="utf8mb4_general_ci")
    assert of(s, 3) == of(varchar(9), "X,Y") and of(s, 0) == of(varchar(9), "")


NULLABLE = [
    INT_TYPE, UBIGINT_TYPE, decimal_type(10, 2), varchar(5), varbinary(5), datetime_type(), SqlType(Kind.TIME), SqlType(Kind.YEAR),
    SqlType(Kind.ENUM, members=("a",), collation="utf8mb4_bin"), SqlType(Kind.SET, members=("a",), collation="utf8mb4_bin"),
]  # fmt: skip


def test_null_has_a_slot_of_its_own_in_every_type() -> None:
    assert len({of(sql_type, None) for sql_type in NULLABLE}) == 1
    assert of(INT_TYPE, None) != of(INT_TYPE, 0)
    slot = slots(INT_TYPE, INT_TYPE)
    assert len({slot((None, 1)), slot((1, None)), slot((None, None)), slot((0, 1))}) == 4


@given(st.sampled_from(NULLABLE), st.sampled_from(NULLABLE))
def test_classes_are_of_types_not_of_columns(a: SqlType, b: SqlType) -> None:
    assume(a != b)
    here, there = (comparison_class(Column("c", 1, sql_type)) for sql_type in (a, b))
    numbers = {Kind.INT, Kind.BIGINT, Kind.DECIMAL}
    texts = {Kind.ENUM, Kind.SET}
    assert (here == there) == ({a.kind, b.kind} <= numbers or {a.kind, b.kind} <= texts)


# ── for ever ─────────────────────────────────────────────────────────────────────────────────────────────────────

# Rows lie where these say.  If one of them changes, slot_map.HASH_FORMAT must.
PINNED: list[tuple[tuple[SqlType, ...], tuple[Stored, ...], int]] = [
    ((INT_TYPE,), (1,), 10887),
    ((INT_TYPE,), (-1,), 1477),
    ((INT_TYPE,), (None,), 6786),
    ((UBIGINT_TYPE,), (to_unsigned((1 << 64) - 1),), 1477),
    ((decimal_type(10, 2),), (199,), 11923),
    ((decimal_type(40, 0),), (to_wide(10**30),), 4944),
    ((varchar(10),), ("Ärger",), 9728),
    ((varchar(10, "utf8mb4_unicode_ci"),), ("straße",), 5448),
    ((varchar(10, "utf8mb4_bin"),), ("a ",), 13279),
    ((varbinary(10),), (b"\x00\xff",), 5719),
    ((datetime_type(3),), ("2026-10-20 10:11:12.500",), 833),
    ((SqlType(Kind.TIME),), (-1_000_000,), 2555),
    ((INT_TYPE, varchar(10)), (7, "x"), 13274),
    ((INT_TYPE, varchar(10)), (7, None), 15748),
]


def pinned() -> list[int]:
    return [slots(*types)(values) for types, values, _ in PINNED]


def test_slots_never_change() -> None:
    assert pinned() == [slot for _, _, slot in PINNED]


def test_slots_do_not_depend_on_the_process() -> None:
    program = "from tests.unit.catalog.test_shard_slots import pinned; print(pinned())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == str(pinned())
