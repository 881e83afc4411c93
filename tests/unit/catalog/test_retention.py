"""SYSTEM_VERSIONING_RETENTION as it is written, and the time that it comes to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fauna.catalog.retention import limit_us, retention_of
from fauna.errors import SqlError


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("90 days", "90 days"), ("1 DAY", "1 day"), ("1 days", "1 day"), (" 12  Months ", "12 months"), ("2 week", "2 weeks"),
        ("30 seconds", "30 seconds"), ("5 minutes", "5 minutes"), ("007 hours", "7 hours"), ("1 year", "1 year"),
        ("forever", ""), ("FOREVER", ""), ("", ""), ("  ", ""),
    ],
)  # fmt: skip
def test_what_is_kept_of_what_is_written(written: str, kept: str) -> None:
    assert retention_of(written) == kept
    assert retention_of(kept) == kept


@pytest.mark.parametrize(
    "written",
    ["0 days", "-1 days", "1.5 days", "days", "1", "1 fortnight", "1 day 2 hours", "1 dayss", "9999999999 days", "٣ days", "1 s"],
)
def test_anything_else_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(SqlError, match="write '90 days'") as refused:
        retention_of(written)
    assert refused.value.errno == 1231


@pytest.mark.parametrize(
    ("retention", "limit"),
    [
        ("1 second", "2026-03-31 11:59:59"), ("90 minutes", "2026-03-31 10:30:00"), ("12 hours", "2026-03-31 00:00:00"),
        ("90 days", "2025-12-31 12:00:00"), ("2 weeks", "2026-03-17 12:00:00"), ("1 month", "2026-02-28 12:00:00"),
        ("13 months", "2025-02-28 12:00:00"), ("25 months", "2024-02-29 12:00:00"), ("4 months", "2025-11-30 12:00:00"),
        ("1 year", "2025-03-31 12:00:00"), ("56 years", "1970-03-31 12:00:00"),
    ],
)  # fmt: skip
def test_the_time_before_which_nothing_is_kept(retention: str, limit: str) -> None:
    assert limit_us(retention, us("2026-03-31 12:00:00")) == us(limit)


@pytest.mark.parametrize("retention", ["", "57 years", "1000000000 years", "1000000000 weeks"])
def test_everything_is_kept(retention: str) -> None:
    assert limit_us(retention, us("2026-03-31 12:00:00")) == 0
