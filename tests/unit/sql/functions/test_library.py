"""What the library promises as a whole: cheap registration, bounded results, locks, time zones, regular expressions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import apsw
import pytest

from fauna.errors import SqlError
from fauna.sql.context import StatementContext, using
from fauna.sql.functions import load
from fauna.sql.functions.regex import compile_pattern
from fauna.sql.functions.sqlite import register_all
from fauna.sql.functions.temporal_parse import datetime_from_number, parse_date, parse_datetime, parse_time
from fauna.sql.functions.time_zone import to_time_zone
from fauna.sql.functions.user_locks import LockRegistry
from tests.unit.sql.functions.evaluate import evaluate


def test_registration_is_cheap() -> None:
    register_all(apsw.Connection(":memory:"))
    started = time.perf_counter()
    register_all(apsw.Connection(":memory:"))
    assert time.perf_counter() - started < 0.05  # it takes a tenth of a millisecond


def test_sql_text_agrees_with_the_call() -> None:
    connection = apsw.Connection(":memory:")
    register_all(connection)
    for name, values in {
        "YEAR": ("2024-02-03",), "MONTH": ("2024-02-03",), "DAYOFMONTH": ("2024-02-03",), "QUARTER": ("2024-12-03",),
        "DATE": ("2024-02-03 10:00:00",), "CONCAT": ("a", "é", None), "LENGTH": ("é",), "BIT_LENGTH": ("é",),
    }.items():  # fmt: skip
        function = load()[name]
        assert function.sql is not None
        text = function.sql(["?"] * len(values))
        called = connection.execute(f"SELECT f_{name.lower()}({','.join('?' * len(values))})", values).get
        assert connection.execute(f"SELECT {text}", values).get == called, name


@pytest.mark.parametrize(
    "expression",
    ["repeat('a',2000)", "space(2000)", "lpad('a',2000,'x')", "rpad('a',2000,'x')", "replace('aaaaaaaaaa','a',repeat('b',500))"],
)
def test_results_are_bounded(expression: str) -> None:
    """Longer than max_allowed_packet: NULL, with a warning."""
    answer = evaluate(expression, StatementContext(max_allowed_packet=1000))
    assert answer.value is None
    name = expression.partition("(")[0]
    assert answer.warnings == [("Warning", 1301, f"Result of {name}() was larger than max_allowed_packet (1000) - truncated")]


# ── locks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_locks_belong_to_connections_and_are_counted() -> None:
    locks = LockRegistry()
    assert locks.acquire("a", 1, 0) and locks.acquire("A", 1, 0)
    assert not locks.acquire("a", 2, 0)
    assert locks.owner("a") == 1
    assert locks.release("a", 2) == 0
    assert locks.release("a", 1) == 1 and locks.owner("a") == 1
    assert locks.release("a", 1) == 1 and locks.owner("a") is None
    assert locks.release("a", 1) is None
    assert locks.acquire("a", 2, 0) and locks.acquire("b", 2, 0)
    assert locks.release_all(2) == 2


def test_a_waiting_lock_is_handed_over() -> None:
    locks = LockRegistry()
    locks.acquire("a", 1, 0)
    got: list[bool] = []
    waiter = threading.Thread(target=lambda: got.append(locks.acquire("a", 2, 10)))
    waiter.start()
    locks.release("a", 1)
    waiter.join(5)
    assert got == [True]


def _refused(wait: Callable[[], object]) -> int:
    with pytest.raises(SqlError) as caught:
        wait()
    return caught.value.errno


def test_waiting_is_interrupted() -> None:
    locks = LockRegistry()
    locks.acquire("a", 1, 0)
    assert _refused(lambda: locks.acquire("a", 2, 60, stopped=lambda: True)) == 1317
    sleep = load()["SLEEP"].call
    assert sleep is not None
    with using(StatementContext(interrupted=lambda: True)):
        assert _refused(lambda: sleep(60.0)) == 1317


# ── dates ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_parsing() -> None:
    assert parse_datetime("2024-01-02T03:04:05.25") == ("2024-01-02 03:04:05.25", 2, False)
    assert parse_datetime("24-1-2 3:4:5 x") == ("2024-01-02 03:04:05", 0, True)
    assert parse_datetime("2024-02-30") is None
    assert parse_date("20240102030405") == ("2024-01-02", False)
    assert parse_time("-1 02:03:04.5") == -(26 * 3600 + 184) * 1_000_000 - 500_000
    assert parse_time("10:60:00") is None
    assert datetime_from_number(240102) == ("2024-01-02 00:00:00", 0, False)
    assert datetime_from_number(20241301) is None


def test_time_zones() -> None:
    assert to_time_zone("2024-07-01 12:00:00.5", "UTC", "Europe/Berlin") == "2024-07-01 14:00:00.5"
    assert to_time_zone("2024-03-31 02:30:00", "europe/berlin", "UTC") == "2024-03-31 01:00:00"  # an hour that was skipped
    assert to_time_zone("2024-10-27 02:30:00", "Europe/Berlin", "UTC") == "2024-10-27 00:30:00"  # the first of two
    assert to_time_zone("2024-01-01 00:00:00", "UTC", "Nowhere/Land") is None
    assert to_time_zone("2024-01-01 00:00:00", "UTC", "../etc/passwd") is None


def test_stored_datetimes_survive_the_system_zone() -> None:
    assert to_time_zone("2024-01-01 00:00:00", "SYSTEM", "SYSTEM") == "2024-01-01 00:00:00"


# ── regular expressions ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^[[:alpha:]]+$", "abcé", True),
        ("^[[:alpha:]]+$", "ab1", False),
        ("[[:digit:][:space:]]", "a b", True),
        (r"\Qa.b\E", "a.b", True),
        (r"\Qa.b\E", "axb", False),
        (r"(?<year>\d{4})-\k", "2024-", None),
        ("[[a]", "[", True),
        ("[]a]", "]", True),
        ("[^]a]", "b", True),
        ("[[:<:]]b", "a b", True),
        ("A", "a", True),
        ("[[:wrong:]]", "a", None),
    ],
)
def test_pcre_syntax(pattern: str, text: str, matches: bool | None) -> None:
    if matches is None:
        assert _refused(lambda: compile_pattern(pattern, "utf8mb4_general_ci")) == 1139
    else:
        assert (compile_pattern(pattern, "utf8mb4_general_ci").search(text) is not None) is matches


def test_case_follows_the_collation() -> None:
    assert compile_pattern("A", "utf8mb4_bin").search("a") is None
    assert compile_pattern("A", "utf8mb4_bin", "i").search("a") is not None
